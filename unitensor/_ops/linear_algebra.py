"""Products of matrices and vectors, and diagonals.

Standard: Linear Algebra Functions. Systems of equations are in `equations.py`, factors in
`decompositions.py`, norms in `norms.py`; `unitensor/linalg.py` brings them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._graph import fit
from .._op import op
from .elementwise import is_complex

if TYPE_CHECKING:
    from .._dtypes import DType
    from .._tensor import Tensor


def sum_to(xp: Any, g: Any, shape: tuple[int, ...]) -> Any:
    """A cotangent summed over the axes along which its input was broadcast."""
    if g.shape == shape:
        return g
    return fit(xp, g, (tuple(shape), g.dtype))


def conj(xp: Any, x: Any) -> Any:
    """The complex conjugate; a real array itself."""
    return xp.conj(x) if is_complex(xp, x) else x


def adjoint(xp: Any, x: Any) -> Any:
    """The conjugate transpose of each matrix."""
    return conj(xp, xp.matrix_transpose(x))


def column(xp: Any, x: Any) -> Any:
    """A vector as a matrix of one column."""
    return xp.expand_dims(x, axis=-1)


def row(xp: Any, x: Any) -> Any:
    """A vector as a matrix of one row: multiplied with it, a matrix has its columns scaled."""
    return xp.expand_dims(x, axis=-2)


def product(xp: Any, first: Any, *others: Any) -> Any:
    """The matrix product of several."""
    for x in others:
        first = xp.matmul(first, x)
    return first


def _matmul_rule1(xp: Any, g: Any, x1_shape: Any, x2: Any) -> Any:
    if len(x1_shape) == x2.ndim == 2:
        return xp.matmul(g, xp.matrix_transpose(x2))
    if x2.ndim == 1:
        if len(x1_shape) == 1:
            return xp.multiply(g, x2)
        return xp.multiply(xp.expand_dims(g, axis=-1), x2)
    if len(x1_shape) == 1:
        columns = xp.matmul(x2, xp.expand_dims(g, axis=-1))
        return sum_to(xp, xp.squeeze(columns, axis=-1), x1_shape)
    return sum_to(xp, xp.matmul(g, xp.matrix_transpose(x2)), x1_shape)


def _matmul_rule2(xp: Any, g: Any, x1: Any, x2_shape: Any) -> Any:
    if x1.ndim == len(x2_shape) == 2:
        return xp.matmul(xp.matrix_transpose(x1), g)
    if x1.ndim == 1:
        if len(x2_shape) == 1:
            return xp.multiply(g, x1)
        return sum_to(xp, xp.multiply(xp.expand_dims(x1, axis=-1), xp.expand_dims(g, axis=-2)), x2_shape)
    if len(x2_shape) == 1:
        columns = xp.multiply(x1, xp.expand_dims(g, axis=-1))
        return sum_to(xp, columns, x2_shape)
    return sum_to(xp, xp.matmul(xp.matrix_transpose(x1), g), x2_shape)


@op(grad={"x1": _matmul_rule1, "x2": _matmul_rule2}, linear="each")
def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The matrix product; leading axes are batches and broadcast.

    >>> import unitensor as ut
    >>> ut.matmul(ut.asarray([[1, 2], [3, 4]]), ut.asarray([1, 1])).tolist()
    [3, 7]
    """


def _contracted(axes: Any, ndim1: int, ndim2: int) -> tuple[list[int], list[int]]:
    if isinstance(axes, int):
        return list(range(ndim1 - axes, ndim1)), list(range(axes))
    return [a % ndim1 for a in axes[0]], [a % ndim2 for a in axes[1]]


def _tensordot_rule1(xp: Any, g: Any, x1_shape: Any, x2: Any, axes: Any) -> Any:
    own, other = _contracted(axes, len(x1_shape), len(x2.shape))
    free2 = [i for i in range(len(x2.shape)) if i not in other]
    n_free1 = len(x1_shape) - len(own)
    joined = xp.tensordot(g, x2, axes=(list(range(n_free1, len(g.shape))), free2))
    # Its axes: x1's free ones, then the contracted ones in x2's order.
    free1 = [i for i in range(len(x1_shape)) if i not in own]
    source = free1 + [own[other.index(i)] for i in sorted(other)]
    return xp.permute_dims(joined, tuple(source.index(i) for i in range(len(x1_shape))))


def _tensordot_rule2(xp: Any, g: Any, x1: Any, x2_shape: Any, axes: Any) -> Any:
    own, other = _contracted(axes, len(x1.shape), len(x2_shape))
    free1 = [i for i in range(len(x1.shape)) if i not in own]
    joined = xp.tensordot(x1, g, axes=(free1, list(range(len(free1)))))
    # Its axes: the contracted ones in x1's order, then x2's free ones.
    free2 = [i for i in range(len(x2_shape)) if i not in other]
    source = [other[own.index(i)] for i in sorted(own)] + free2
    return xp.permute_dims(joined, tuple(source.index(i) for i in range(len(x2_shape))))


@op(grad={"x1": _tensordot_rule1, "x2": _tensordot_rule2}, linear="each")
def tensordot(x1: Tensor, x2: Tensor, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """The sum of products over some axes of both arrays.

    >>> import unitensor as ut
    >>> ut.tensordot(ut.ones((2, 3)), ut.ones((3, 4)), axes=1).shape
    (2, 4)
    """


def _vecdot_rule1(xp: Any, g: Any, x1_shape: Any, x2: Any, axis: Any) -> Any:
    return sum_to(xp, xp.conj(xp.multiply(xp.expand_dims(g, axis=axis), x2)), x1_shape)


def _vecdot_rule2(xp: Any, g: Any, x1: Any, x2_shape: Any, axis: Any) -> Any:
    return sum_to(xp, xp.multiply(xp.expand_dims(g, axis=axis), xp.conj(x1)), x2_shape)


@op(grad={"x1": _vecdot_rule1, "x2": _vecdot_rule2}, linear="each")
def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The dot product along an axis, of conj(x1) and x2.

    >>> import unitensor as ut
    >>> ut.vecdot(ut.asarray([1, 2]), ut.asarray([3, 4])).item()
    11
    """


def _outer_rule1(xp: Any, g: Any, x2: Any) -> Any:
    return xp.matmul(g, x2)


def _outer_rule2(xp: Any, g: Any, x1: Any) -> Any:
    return xp.matmul(x1, g)


@op(module="linalg", grad={"x1": _outer_rule1, "x2": _outer_rule2}, linear="each")
def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The products of each element of one vector with each of another.

    >>> import unitensor as ut
    >>> ut.linalg.outer(ut.asarray([1, 2]), ut.asarray([3, 4])).tolist()
    [[3, 4], [6, 8]]
    """


def _from_end(axis: int, shape: Any) -> int:
    return axis if axis < 0 else axis - len(shape)


def _cross_rule1(xp: Any, g: Any, x1_shape: Any, x2: Any, axis: Any) -> Any:
    return sum_to(xp, xp.linalg.cross(x2, g, axis=_from_end(axis, x1_shape)), x1_shape)


def _cross_rule2(xp: Any, g: Any, x1: Any, x2_shape: Any, axis: Any) -> Any:
    return sum_to(xp, xp.linalg.cross(g, x1, axis=_from_end(axis, x2_shape)), x2_shape)


@op(module="linalg", grad={"x1": _cross_rule1, "x2": _cross_rule2}, linear="each", booleans="refuse")
def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The cross product of vectors of three elements along an axis; the others broadcast.

    >>> import unitensor as ut
    >>> ut.linalg.cross(ut.asarray([1, 0, 0]), ut.asarray([0, 1, 0])).tolist()
    [0, 0, 1]
    """


# Diagonals -----------------------------------------------------------------------------------------


def _strided(shape: Any, offset: int) -> tuple[tuple[int, ...], tuple[slice, ...]]:
    """The shape of matrices laid out flat, and the key of their diagonals in it."""
    *lead, rows, columns = shape
    start = offset if offset >= 0 else -offset * columns
    n = min(rows + min(offset, 0), columns - max(offset, 0))
    end = start + max(n, 0) * (columns + 1)
    return (*lead, rows * columns), (slice(None),) * len(lead) + (slice(start, end, columns + 1),)


def embed_diagonal(xp: Any, g: Any, shape: Any, offset: int = 0) -> Any:
    """Matrices of a shape with vectors on their diagonals, zero elsewhere."""
    flat, key = _strided(shape, offset)
    return xp.reshape(xp.scatter_add(g, key, flat), tuple(shape))


def diagonal_matrix(xp: Any, x: Any) -> Any:
    """Square matrices with vectors on their diagonals."""
    return embed_diagonal(xp, x, (*x.shape, x.shape[-1]))


def _diagonal_rule(xp: Any, g: Any, x_shape: Any, offset: Any) -> Any:
    return embed_diagonal(xp, g, x_shape, offset)


@op(module="linalg", grad={"x": _diagonal_rule}, linear="each", dtypes="all", view=True)
def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """The diagonals of the matrices in the last two axes, as a view; those above for a positive offset.

    >>> import unitensor as ut
    >>> ut.linalg.diagonal(ut.asarray([[1, 2], [3, 4]])).tolist()
    [1, 4]
    """


def _trace_rule(xp: Any, g: Any, x_shape: Any, offset: Any) -> Any:
    *lead, rows, columns = x_shape
    n = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    return embed_diagonal(xp, xp.broadcast_to(column(xp, g), (*lead, n)), x_shape, offset)


@op(module="linalg", grad={"x": _trace_rule}, linear="each", promote=())
def trace(x: Tensor, /, *, offset: int = 0, dtype: DType | None = None) -> Tensor:
    """The sums of the diagonals. Small integers are summed in the default integer dtype.

    >>> import unitensor as ut
    >>> ut.linalg.trace(ut.asarray([[1, 2], [3, 4]])).item()
    5
    """
