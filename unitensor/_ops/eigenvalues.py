"""Eigenvalues and eigenvectors.

Standard: Linear Algebra Extension. All take stacks of matrices in their last two axes. For the
free phases of eigenvectors see `decompositions.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .._op import op
from .decompositions import (
    FORWARD,
    filled,
    gaps_of,
    hermitian,
    off_diagonal,
    over_gaps,
    require_same_phase,
    scale_of,
    sizes_of,
)
from .elementwise import is_complex
from .limits import eigh_limit
from .linear_algebra import adjoint, column, conj, diagonal_matrix, product, row

if TYPE_CHECKING:
    from .._tensor import Tensor


class EigResult(NamedTuple):
    """Eigenvalues and, in columns, eigenvectors."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class EighResult(NamedTuple):
    """Eigenvalues in ascending order and, in columns, orthonormal eigenvectors."""

    eigenvalues: Tensor
    eigenvectors: Tensor


# Eigenvalues of Hermitian matrices -----------------------------------------------------------------


def _turned(xp: Any, turn: Any, values: Any, sizes: Any, free: bool, what: str, limit: Any = None) -> Any:
    """turn[i, j] / (values[j] - values[i])."""
    scale = scale_of(xp, values)
    turn, gaps = off_diagonal(xp, turn, gaps_of(xp, values), scale)
    return over_gaps(xp, turn, gaps, sizes, scale, free, what, limit)


def _eigh_rule(xp: Any, g: Any, out: Any) -> Any:
    values, vectors = out
    gl, gv = filled(xp, g, out)
    inner = diagonal_matrix(xp, gl)
    if g[1] is not None:
        turn = xp.matmul(adjoint(xp, vectors), gv)
        require_same_phase(xp, turn, gv, gv, "linalg.eigh")
        turn = xp.divide(xp.subtract(turn, adjoint(xp, turn)), 2)
        limit = eigh_limit(g[0], out)
        turn = _turned(xp, turn, values, sizes_of(xp, gv), g[0] is None, "linalg.eigh", limit)
        inner = xp.add(inner, turn)
    return conj(xp, hermitian(xp, product(xp, vectors, inner, adjoint(xp, vectors))))


def _eigh_jvp(xp: Any, g: Any, out: Any) -> Any:
    values, vectors = out
    inner = product(xp, adjoint(xp, vectors), hermitian(xp, g), vectors)
    moved = xp.linalg.diagonal(inner)
    if is_complex(xp, inner):
        moved = xp.real(moved)
    sizes = xp.sum(xp.abs(g), axis=(-2, -1), keepdims=True)
    turn = _turned(xp, inner, values, sizes, True, f"linalg.eigh: {FORWARD}")
    return moved, xp.matmul(vectors, turn)


@op(
    module="linalg",
    grad={"x": _eigh_rule},
    jvp={"x": _eigh_jvp},
    dtypes="floating",
    result="float64",
    outputs=EighResult,
    notes="equal eigenvalues: right where the result is smooth, else GradientError, as in forward mode; so is a "
    "result that depends on phases",
)
def eigh(x: Tensor, /) -> EighResult:
    """Eigenvalues and eigenvectors of each Hermitian (real symmetric) matrix.

    x is read as Hermitian, and its gradient is Hermitian.

    >>> import unitensor as ut
    >>> ut.linalg.eigh(ut.asarray([[2.0, 0.0], [0.0, 1.0]])).eigenvalues.tolist()
    [1.0, 2.0]
    """


def _eigvalsh_rule(xp: Any, g: Any, x: Any) -> Any:
    _, vectors = xp.linalg.eigh(x)
    scaled = xp.multiply(vectors, row(xp, g))
    return conj(xp, xp.matmul(scaled, adjoint(xp, vectors)))


def _eigvalsh_jvp(xp: Any, g: Any, x: Any) -> Any:
    _, vectors = xp.linalg.eigh(x)
    moved = xp.matmul(hermitian(xp, g), vectors)
    moved = xp.sum(xp.multiply(conj(xp, vectors), moved), axis=-2)
    return xp.real(moved) if is_complex(xp, moved) else moved


@op(
    module="linalg",
    grad={"x": _eigvalsh_rule},
    jvp={"x": _eigvalsh_jvp},
    dtypes="floating",
    result="float64",
)
def eigvalsh(x: Tensor, /) -> Tensor:
    """The eigenvalues of each Hermitian (real symmetric) matrix, in ascending order.

    x is read as Hermitian, and its gradient is Hermitian.

    >>> import unitensor as ut
    >>> ut.linalg.eigvalsh(ut.asarray([[2.0, 0.0], [0.0, 1.0]])).tolist()
    [1.0, 2.0]
    """


# Eigenvalues of any matrices -----------------------------------------------------------------------


def _eig_rule(xp: Any, g: Any, x_dtype: Any, out: Any) -> Any:
    values, vectors = out
    gl, gv = filled(xp, g, out)
    vh = adjoint(xp, vectors)
    inner = diagonal_matrix(xp, gl)
    if g[1] is not None:
        turn = xp.matmul(vh, gv)
        require_same_phase(xp, turn, gv, gv, "linalg.eig")
        length = xp.multiply(xp.matmul(vh, vectors), row(xp, xp.real(xp.linalg.diagonal(turn))))
        turn = xp.conj(xp.subtract(turn, length))
        turn = _turned(xp, turn, values, sizes_of(xp, gv), g[0] is None, "linalg.eig")
        inner = xp.add(inner, xp.conj(turn))
    total = xp.conj(xp.linalg.solve(vh, xp.matmul(inner, vh)))
    return total if xp.isdtype(x_dtype, "complex floating") else xp.real(total)


def _eig_jvp(xp: Any, g: Any, out: Any) -> Any:
    values, vectors = out
    inner = xp.linalg.solve(vectors, xp.matmul(g, vectors))
    sizes = xp.sum(xp.abs(g), axis=(-2, -1), keepdims=True)
    moved = xp.matmul(vectors, _turned(xp, inner, values, sizes, True, f"linalg.eig: {FORWARD}"))
    length = xp.real(xp.sum(xp.multiply(xp.conj(vectors), moved), axis=-2))
    return xp.linalg.diagonal(inner), xp.subtract(moved, xp.multiply(vectors, row(xp, length)))


@op(
    module="linalg",
    grad={"x": _eig_rule},
    jvp={"x": _eig_jvp},
    dtypes="floating",
    result="float64",
    outputs=EigResult,
    notes="equal eigenvalues: right where a smooth result depends on the vectors alone, or on the values "
    "alone, else GradientError; so is a result that depends on phases",
)
def eig(x: Tensor, /) -> EigResult:
    """Eigenvalues and eigenvectors of each square matrix; always complex.

    >>> import unitensor as ut
    >>> values, vectors = ut.linalg.eig(ut.asarray([[0.0, 1.0], [-4.0, 0.0]]))
    >>> ut.round(values).tolist()
    [2j, -2j]
    """


def _ordered_eig(xp: Any, x: Any, out: Any) -> Any:
    """The eigenvectors of x in the order of `out`, which `eig` need not keep."""
    values, vectors = xp.linalg.eig(x)

    def places(v: Any) -> Any:
        # Projected on a slanted line, only equal eigenvalues coincide, and they may change places.
        return xp.argsort(xp.add(xp.real(v), xp.multiply(xp.imag(v), 0.7548776662466927)))

    order = xp.take_along_axis(places(values), xp.argsort(places(out)), axis=-1)
    return xp.take_along_axis(vectors, xp.broadcast_to(row(xp, order), vectors.shape), axis=-1)


def _eigvals_rule(xp: Any, g: Any, x: Any, out: Any) -> Any:
    vh = adjoint(xp, _ordered_eig(xp, x, out))
    inner = xp.multiply(column(xp, xp.conj(g)), vh)
    return xp.conj(xp.linalg.solve(vh, inner))


def _eigvals_jvp(xp: Any, g: Any, x: Any, out: Any) -> Any:
    vectors = _ordered_eig(xp, x, out)
    return xp.linalg.diagonal(xp.linalg.solve(vectors, xp.matmul(g, vectors)))


@op(
    module="linalg",
    grad={"x": _eigvals_rule},
    jvp={"x": _eigvals_jvp},
    dtypes="floating",
    result="float64",
    notes="matrices without a basis of eigenvectors: an error, or infinite",
)
def eigvals(x: Tensor, /) -> Tensor:
    """The eigenvalues of each square matrix; always complex.

    >>> import unitensor as ut
    >>> ut.round(ut.linalg.eigvals(ut.asarray([[0.0, 1.0], [-4.0, 0.0]]))).tolist()
    [2j, -2j]
    """
