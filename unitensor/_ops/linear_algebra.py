"""Products of matrices and vectors. The decompositions are in `unitensor/linalg.py`.

Standard: Linear Algebra Functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._graph import fit
from .._op import op

if TYPE_CHECKING:
    from .._tensor import Tensor


def _sum_to(xp: Any, g: Any, shape: tuple[int, ...]) -> Any:
    return fit(xp, g, (tuple(shape), g.dtype))


def _matmul_rule1(xp: Any, g: Any, x1_shape: Any, x2: Any) -> Any:
    if len(x2.shape) == 1:
        if len(x1_shape) == 1:
            return xp.multiply(g, x2)
        return xp.multiply(xp.expand_dims(g, axis=-1), x2)
    if len(x1_shape) == 1:
        product = xp.matmul(x2, xp.expand_dims(g, axis=-1))
        return _sum_to(xp, xp.squeeze(product, axis=-1), x1_shape)
    return _sum_to(xp, xp.matmul(g, xp.matrix_transpose(x2)), x1_shape)


def _matmul_rule2(xp: Any, g: Any, x1: Any, x2_shape: Any) -> Any:
    if len(x1.shape) == 1:
        if len(x2_shape) == 1:
            return xp.multiply(g, x1)
        return _sum_to(xp, xp.multiply(xp.expand_dims(x1, axis=-1), xp.expand_dims(g, axis=-2)), x2_shape)
    if len(x2_shape) == 1:
        columns = xp.multiply(x1, xp.expand_dims(g, axis=-1))
        return _sum_to(xp, columns, x2_shape)
    return _sum_to(xp, xp.matmul(xp.matrix_transpose(x1), g), x2_shape)


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
    product = xp.tensordot(g, x2, axes=(list(range(n_free1, len(g.shape))), free2))
    # The product's axes: x1's free ones, then the contracted ones in x2's order.
    free1 = [i for i in range(len(x1_shape)) if i not in own]
    source = free1 + [own[other.index(i)] for i in sorted(other)]
    return xp.permute_dims(product, tuple(source.index(i) for i in range(len(x1_shape))))


def _tensordot_rule2(xp: Any, g: Any, x1: Any, x2_shape: Any, axes: Any) -> Any:
    own, other = _contracted(axes, len(x1.shape), len(x2_shape))
    free1 = [i for i in range(len(x1.shape)) if i not in own]
    product = xp.tensordot(x1, g, axes=(free1, list(range(len(free1)))))
    # The product's axes: the contracted ones in x1's order, then x2's free ones.
    free2 = [i for i in range(len(x2_shape)) if i not in other]
    source = [other[own.index(i)] for i in sorted(own)] + free2
    return xp.permute_dims(product, tuple(source.index(i) for i in range(len(x2_shape))))


@op(grad={"x1": _tensordot_rule1, "x2": _tensordot_rule2}, linear="each")
def tensordot(x1: Tensor, x2: Tensor, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """The sum of products over some axes of both arrays.

    >>> import unitensor as ut
    >>> ut.tensordot(ut.ones((2, 3)), ut.ones((3, 4)), axes=1).shape
    (2, 4)
    """


def _vecdot_rule1(xp: Any, g: Any, x1_shape: Any, x2: Any, axis: Any) -> Any:
    return _sum_to(xp, xp.conj(xp.multiply(xp.expand_dims(g, axis=axis), x2)), x1_shape)


def _vecdot_rule2(xp: Any, g: Any, x1: Any, x2_shape: Any, axis: Any) -> Any:
    return _sum_to(xp, xp.multiply(xp.expand_dims(g, axis=axis), xp.conj(x1)), x2_shape)


@op(grad={"x1": _vecdot_rule1, "x2": _vecdot_rule2}, linear="each")
def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The dot product along an axis, of conj(x1) and x2.

    >>> import unitensor as ut
    >>> ut.vecdot(ut.asarray([1, 2]), ut.asarray([3, 4])).item()
    11
    """
