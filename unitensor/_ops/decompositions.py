"""Factors and singular values of matrices; eigenvalues are in `eigenvalues.py`.

Standard: Linear Algebra Extension. All take stacks of matrices in their last two axes.

Factors that are unique only up to a sign or phase (or, for the last columns of complete factors,
up to a rotation) have a gradient only where the result does not depend on that choice; where it
does, the backward pass raises GradientError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from .._graph import GradientError
from .._op import op
from .elementwise import is_complex
from .limits import LimitError, any_known, svd_limits
from .linear_algebra import adjoint, column, conj, diagonal_matrix, product, row

if TYPE_CHECKING:
    from .._tensor import Tensor


class QRResult(NamedTuple):
    """Orthonormal columns and an upper triangular matrix."""

    Q: Tensor
    R: Tensor


class SVDResult(NamedTuple):
    """Left singular vectors in columns, singular values in descending order, right ones in rows."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def filled(xp: Any, g: Any, out: Any) -> tuple[Any, ...]:
    """The cotangents of an op with several outputs, conjugated; zeros where nothing came back."""
    return tuple(xp.zeros_like(y) if c is None else conj(xp, c) for c, y in zip(g, out))


def hermitian(xp: Any, x: Any) -> Any:
    """The Hermitian part of each matrix."""
    return xp.divide(xp.add(x, adjoint(xp, x)), 2)


def _skew(xp: Any, x: Any) -> Any:
    return xp.subtract(x, adjoint(xp, x))


def _divide_right(xp: Any, y: Any, x: Any) -> Any:
    """y x⁻¹."""
    return xp.matrix_transpose(xp.linalg.solve(xp.matrix_transpose(x), xp.matrix_transpose(y)))


def gaps_of(xp: Any, values: Any) -> Any:
    """values[j] - values[i]."""
    return xp.subtract(row(xp, values), column(xp, values))


def sizes_of_columns(xp: Any, *arrays: Any) -> Any:
    """The sum of the absolute values in each column, of all arrays, as a row."""
    total, *others = (xp.sum(xp.abs(x), axis=-2, keepdims=True) for x in arrays)
    for size in others:
        total = xp.add(total, size)
    return total


def sizes_of(xp: Any, *arrays: Any) -> Any:
    """For each pair of columns the larger size."""
    sizes = sizes_of_columns(xp, *arrays)
    return xp.maximum(sizes, xp.matrix_transpose(sizes))


def scale_of(xp: Any, values: Any) -> Any:
    """The largest absolute value of each vector, as a matrix of one element."""
    size = xp.abs(values)
    return column(xp, xp.max(size, axis=-1, keepdims=True) if values.shape[-1] else size)


def off_diagonal(xp: Any, x: Any, gaps: Any, scale: Any) -> tuple[Any, Any]:
    """x with a diagonal of 0, and gaps with one that may be divided by."""
    eye = diagonal_matrix(xp, xp.ones_like(xp.linalg.diagonal(gaps)))
    others = xp.subtract(1, eye)
    return xp.multiply(x, others), xp.add(xp.multiply(gaps, others), xp.multiply(eye, scale))


def over_gaps(
    xp: Any, x: Any, gaps: Any, sizes: Any, scale: Any, free: bool, what: str, limit: Any = None
) -> Any:
    """x / gaps: numerators, and the differences of values with which they vanish if the result is smooth.

    Both are rounded: x by the `sizes` of the cotangents that it was summed from, gaps by `scale`, the
    largest value. Where nothing is left of them, the quotient is 0 if x is noise and the result `free`
    of the values, because x has then no slope in one. Else first derivatives do not tell it, and
    in a pass that records itself `limit(x, lost)` does.
    """
    known = limit is not None and not free
    lost = xp.linalg.lost_gaps(x, gaps, sizes, scale, None if known else free, what)
    safe = xp.where(lost, xp.ones_like(gaps), gaps)
    found = limit(x, lost) if known and any_known(lost) else xp.zeros_like(x)
    return xp.where(lost, found, xp.divide(x, safe))


NOT_APART = "some values are equal, or too close to tell apart"
#: What stands before that where tangents of the vectors are asked for.
FORWARD = "a tangent in forward mode (reverse mode can do more)"


def _lost_gaps(xp: Any, x: Any, gaps: Any, sizes: Any, scale: Any, /, free: bool | None, what: str) -> Any:
    """Arrays without values (inside a trace) pass, but for gaps of 0."""
    if not xp.backend.has_values((x, gaps, sizes, scale)):
        return xp.equal(xp.add(xp.zeros_like(x), gaps), 0)
    host = tuple(np.asarray(xp.backend.to_numpy(a)) for a in (x, gaps, sizes, scale))
    return xp.backend.from_numpy(_find_lost(host, free, what), xp.backend.raw_device_of(x))


def _find_lost(host: tuple[Any, ...], free: bool | None, what: str) -> Any:
    x, gaps, sizes, scale = host
    eps = np.finfo(x.dtype).eps
    x, gaps = np.broadcast_arrays(np.abs(x), np.abs(gaps))
    if not x.size:
        return np.zeros(x.shape, dtype=bool)
    whole = np.max(sizes, axis=(-2, -1), keepdims=True)
    with np.errstate(all="ignore"):
        share = gaps / scale  # NaN where all values are 0
        close = ~(share > 4 * eps ** (2 / 3))
        noisy = close & ~(share * whole > 4 * eps ** (2 / 3) * sizes)
        steep = close & (x * (scale / whole) > 8 * gaps)
    lost = noisy | steep
    noise = x <= 8 * max(x.shape[-2:]) * eps * sizes
    if np.any((lost if free else steep) & ~noise):
        raise GradientError(
            f"{what}: {NOT_APART}, and the result depends on the vectors of single ones among them"
        )
    if free is False and np.any(lost):
        raise LimitError(
            f"{what}: {NOT_APART}, and the result depends on values and vectors: "
            "that takes second derivatives, which this pass has not"
        )
    return lost


@op(
    module="linalg",
    inputs=("x", "gaps", "sizes", "scale"),
    promote=(),
    dtypes="floating",
    public=False,
    result="bool",
    fallback=_lost_gaps,
)
def lost_gaps(
    x: Tensor, gaps: Tensor, sizes: Tensor, scale: Tensor, /, free: bool | None, what: str
) -> Tensor:
    """Which quotients x / gaps are noise, where they count as 0; GradientError where that is not known."""


def _columns(xp: Any, x: Any, start: int, stop: int) -> Any:
    lead = (slice(None),) * (len(x.shape) - 1)
    return xp.getitem(x, (*lead, slice(start, stop)))


def _rows(xp: Any, x: Any, start: int, stop: int) -> Any:
    lead = (slice(None),) * (len(x.shape) - 2)
    return xp.getitem(x, (*lead, slice(start, stop)))


# The freedom of choice -----------------------------------------------------------------------------


def _require_zero(xp: Any, doubt: Any, x1: Any, x2: Any, what: str) -> Any:
    """The check behind `require_zero`; arrays without values (inside a trace) pass."""
    if not xp.backend.has_values((doubt, x1, x2)):
        return doubt
    loose, *scales = (xp.backend.to_numpy(a) for a in (doubt, x1, x2))
    scale = max(np.max(np.abs(a), initial=0.0) for a in scales)
    if np.max(np.abs(loose), initial=0.0) > np.finfo(loose.dtype).eps ** 0.25 * scale:
        raise GradientError(f"{what}; its gradient is not defined")
    return doubt


@op(module="linalg", inputs=("doubt", "x1", "x2"), promote=(), public=False, fallback=_require_zero)
def require_zero(doubt: Tensor, x1: Tensor, x2: Tensor, /, what: str) -> Tensor:
    """Raise GradientError unless `doubt` is zero, measured by the size of x1 and x2."""


def require_same_phase(xp: Any, turn: Any, g1: Any, g2: Any, what: str) -> None:
    """Turning the phases of vectors must not change the result."""
    if is_complex(xp, turn):
        what = f"{what}: the result depends on the phases of the vectors, which are arbitrary"
        xp.linalg.require_zero(xp.imag(xp.linalg.diagonal(turn)), g1, g2, what)


def _require_same_span(xp: Any, basis: Any, g: Any, what: str) -> None:
    """Rotating the vectors of a basis among themselves must not change the result."""
    what = f"{what}: the result depends on the last vectors of a complete factor, an arbitrary basis"
    turn = xp.abs(_skew(xp, xp.matmul(adjoint(xp, basis), g)))
    xp.linalg.require_zero(turn, g, g, what)


# Cholesky ------------------------------------------------------------------------------------------


def _half_lower(xp: Any, x: Any) -> Any:
    return xp.divide(xp.add(xp.tril(x), xp.tril(x, k=-1)), 2)


def _over_lower(xp: Any, y: Any, x: Any) -> Any:
    """y x⁻¹ for a lower triangular x."""
    found = xp.linalg.solve_triangular(xp.matrix_transpose(x), xp.matrix_transpose(y), lower=False)
    return xp.matrix_transpose(found)


def _cholesky_rule(xp: Any, g: Any, out: Any, upper: Any) -> Any:
    if upper:
        g, out = adjoint(xp, g), adjoint(xp, out)
    return conj(xp, xp.divide(_cholesky_pull(xp, conj(xp, g), out), 2))


def _cholesky_pull(xp: Any, g: Any, lower: Any) -> Any:
    """Twice the cotangent, by blocks, from the last to the first: a fifth of the work of one block's formula.

    Source: Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527.
    """
    n = lower.shape[-1]
    if n <= 96:
        inner = xp.matmul(adjoint(xp, lower), g)
        inner = xp.add(xp.tril(inner), xp.tril(inner, k=-1))
        inner = xp.linalg.solve_triangular(adjoint(xp, lower), inner, lower=False)
        inner = _over_lower(xp, inner, lower)
        return hermitian(xp, inner)
    m = n // 16 * 8
    own1, below, own2 = _lower_blocks(xp, lower, m)
    g1, g_below, g2 = _lower_blocks(xp, g, m)
    last = _cholesky_pull(xp, g2, own2)
    cross = _over_lower(xp, xp.subtract(g_below, xp.matmul(last, below)), own1)
    first = _cholesky_pull(xp, xp.subtract(g1, xp.matmul(adjoint(xp, cross), below)), own1)
    top, bottom = [first, adjoint(xp, cross)], [cross, last]
    return xp.concat([xp.concat(top, axis=-1), xp.concat(bottom, axis=-1)], axis=-2)


def _lower_blocks(xp: Any, x: Any, m: int) -> tuple[Any, Any, Any]:
    """Three of four blocks of each square matrix, of which the first has m rows: without the upper right."""
    head, tail = slice(0, m), slice(m, x.shape[-1])
    lead = (slice(None),) * (len(x.shape) - 2)
    return (
        xp.getitem(x, (*lead, head, head)),
        xp.getitem(x, (*lead, tail, head)),
        xp.getitem(x, (*lead, tail, tail)),
    )


def _cholesky_jvp(xp: Any, g: Any, out: Any, upper: Any) -> Any:
    lower = adjoint(xp, out) if upper else out
    # With h = l⁻¹ g, what is wanted is h l⁻ᴴ = (l⁻¹ hᴴ)ᴴ.
    inner = xp.linalg.solve_triangular(lower, hermitian(xp, g), lower=True)
    inner = adjoint(xp, xp.linalg.solve_triangular(lower, adjoint(xp, inner), lower=True))
    tangent = xp.matmul(lower, _half_lower(xp, inner))
    return adjoint(xp, tangent) if upper else tangent


def _cholesky(xp: Any, f: Any, x: Any, /, *, upper: bool = False) -> Any:
    """For the upper factor engines read either triangle, NumPy the upper one."""
    if not upper or len(x.shape) < 2:
        return f(x, upper=upper)
    return adjoint(xp, f(adjoint(xp, x)))


@op(
    module="linalg",
    grad={"x": _cholesky_rule},
    jvp={"x": _cholesky_jvp},
    dtypes="floating",
    result="float64",
    prepare=_cholesky,
)
def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """The lower (upper) triangular factor of each Hermitian positive-definite matrix.

    x is read as Hermitian, and its gradient is Hermitian.

    >>> import unitensor as ut
    >>> ut.linalg.cholesky(ut.asarray([[4.0, 2.0], [2.0, 2.0]])).tolist()
    [[2.0, 0.0], [1.0, 1.0]]
    """


# QR ------------------------------------------------------------------------------------------------


def _qr_tall(xp: Any, gq: Any, gr: Any, q: Any, r: Any) -> Any:
    inner = xp.subtract(xp.matmul(gr, adjoint(xp, r)), xp.matmul(adjoint(xp, q), gq))
    above, own = xp.triu(inner, k=1), xp.linalg.diagonal(inner)
    own = diagonal_matrix(xp, xp.real(own) if is_complex(xp, own) else own)
    both = xp.add(xp.add(above, adjoint(xp, above)), own)
    return _divide_right(xp, xp.add(gq, xp.matmul(q, both)), adjoint(xp, r))


def _qr_rule(xp: Any, g: Any, x: Any, out: Any) -> Any:
    gq, gr = filled(xp, g, out)
    q, r = out
    m, n = x.shape[-2:]
    k = min(m, n)
    if q.shape[-1] > k:
        # A complete factor: what the last columns ask is asked of the span of the first.
        last, g_last = _columns(xp, q, k, m), _columns(xp, gq, k, m)
        _require_same_span(xp, last, g_last, "linalg.qr")
        q, r, gr = _columns(xp, q, 0, k), _rows(xp, r, 0, k), _rows(xp, gr, 0, k)
        gq = xp.subtract(_columns(xp, gq, 0, k), product(xp, last, adjoint(xp, g_last), q))
    if m >= n:
        return conj(xp, _qr_tall(xp, gq, gr, q, r))
    # A wide matrix: its first columns have factors q and r1, the others are q @ r2.
    others, g_others = _columns(xp, x, m, n), _columns(xp, gr, m, n)
    gq = xp.add(gq, xp.matmul(others, adjoint(xp, g_others)))
    first = _qr_tall(xp, gq, _columns(xp, gr, 0, m), q, _columns(xp, r, 0, m))
    return conj(xp, xp.concat([first, xp.matmul(q, g_others)], axis=-1))


def _qr_jvp(xp: Any, g: Any, x: Any, out: Any) -> Any:
    q, r = out
    m, n = x.shape[-2:]
    k = min(m, n)
    square = _columns(xp, _rows(xp, r, 0, k), 0, k)
    moved = _divide_right(xp, _columns(xp, g, 0, k), square)
    all_inner = xp.matmul(adjoint(xp, q), moved)
    inner = _rows(xp, all_inner, 0, k)
    below = xp.tril(inner, k=-1)
    turn = xp.subtract(below, adjoint(xp, below))
    if is_complex(xp, x):
        own = xp.linalg.diagonal(inner)
        turn = xp.add(turn, diagonal_matrix(xp, xp.divide(xp.subtract(own, xp.conj(own)), 2)))
    first = _columns(xp, q, 0, k)
    dq = xp.add(xp.matmul(first, turn), xp.subtract(moved, xp.matmul(first, inner)))
    dr = xp.matmul(xp.subtract(inner, turn), square)
    if n > m:
        rest = xp.matmul(adjoint(xp, q), _columns(xp, g, m, n))
        rest = xp.subtract(rest, xp.matmul(turn, _columns(xp, r, m, n)))
        dr = xp.concat([dr, rest], axis=-1)
    if q.shape[-1] > k:
        outer = _rows(xp, all_inner, k, m)
        dq = xp.concat([dq, xp.negative(xp.matmul(first, adjoint(xp, outer)))], axis=-1)
        dr = xp.concat([dr, xp.zeros_like(_rows(xp, r, k, m))], axis=-2)
    return dq, dr


@op(
    module="linalg",
    grad={"x": _qr_rule},
    jvp={"x": _qr_jvp},
    dtypes="floating",
    result="float64",
    outputs=QRResult,
    notes="the first min(M, N) columns must be independent",
)
def qr(x: Tensor, /, *, mode: Literal["reduced", "complete"] = "reduced") -> QRResult:
    """Orthonormal columns Q and an upper triangular R with Q @ R = x; Q square if "complete".

    >>> import unitensor as ut
    >>> q, r = ut.linalg.qr(ut.ones((3, 2)))
    >>> q.shape, r.shape
    ((3, 2), (2, 2))
    """


# Singular values -----------------------------------------------------------------------------------


def outer_sum(xp: Any, u: Any, weights: Any, vh: Any) -> Any:
    """The cotangent of x that moves each singular value by a weight."""
    return conj(xp, xp.matmul(xp.multiply(u, row(xp, weights)), vh))


def _svdvals_rule(xp: Any, g: Any, x: Any) -> Any:
    u, s, vh = xp.linalg.svd(x, full_matrices=False)
    return outer_sum(xp, u, xp.multiply(g, xp.sign(s)), vh)


def _svdvals_jvp(xp: Any, g: Any, x: Any) -> Any:
    u, s, vh = xp.linalg.svd(x, full_matrices=False)
    inner = xp.sum(xp.multiply(conj(xp, u), xp.matmul(g, adjoint(xp, vh))), axis=-2)
    return xp.multiply(xp.real(inner) if is_complex(xp, x) else inner, xp.sign(s))


@op(
    module="linalg",
    grad={"x": _svdvals_rule},
    jvp={"x": _svdvals_jvp},
    dtypes="floating",
    result="float64",
    notes="a singular value of exactly 0: 0",
)
def svdvals(x: Tensor, /) -> Tensor:
    """The singular values of each matrix, in descending order.

    >>> import unitensor as ut
    >>> ut.round(ut.linalg.svdvals(ut.asarray([[0.0, 2.0], [-3.0, 0.0]]))).tolist()
    [3.0, 2.0]
    """


def _svd_turn(
    xp: Any, both: Any, apart: Any, s: Any, sizes: Any, free: bool, what: str, *limits: Any
) -> tuple[Any, Any]:
    """both / (2 (s[j] - s[i])) and apart / (2 (s[j] + s[i])): no square of a singular value."""
    scale = scale_of(xp, s)
    both, gaps = off_diagonal(xp, xp.divide(both, 2), gaps_of(xp, s), scale)
    apart, sums = xp.divide(apart, 2), xp.add(row(xp, s), column(xp, s))
    if not is_complex(xp, apart):
        apart, sums = off_diagonal(xp, apart, sums, scale)
    return (
        over_gaps(xp, both, gaps, sizes, scale, free, what, *limits[:1]),
        over_gaps(xp, apart, sums, sizes, scale, free, what, *limits[1:]),
    )


def _svd_rule(xp: Any, g: Any, x: Any, out: Any) -> Any:
    u, s, vh = out
    if g[0] is None and g[2] is None:
        k = s.shape[-1]
        u, vh = _columns(xp, u, 0, k), _rows(xp, vh, 0, k)
        return outer_sum(xp, u, xp.multiply(g[1], xp.sign(s)), vh)
    gu, gs, gvh = filled(xp, g, out)
    m, n = x.shape[-2:]
    k = min(m, n)
    v, gv = adjoint(xp, vh), adjoint(xp, gvh)
    u, gu = _reduced(xp, u, gu, k, "U")
    v, gv = _reduced(xp, v, gv, k, "Vh")
    left, right = xp.matmul(adjoint(xp, u), gu), xp.matmul(adjoint(xp, v), gv)
    require_same_phase(xp, xp.add(left, right), gu, gv, "linalg.svd")
    free, scale = g[1] is None, scale_of(xp, s)
    skew_left, skew_right = _skew(xp, left), _skew(xp, right)
    both, apart = xp.add(skew_left, skew_right), xp.subtract(skew_left, skew_right)
    *limits, off_left, off_right = svd_limits(g[1], out)
    turn = _svd_turn(xp, both, apart, s, sizes_of(xp, gu, gv), free, "linalg.svd", *limits)
    inner = xp.add(xp.add(*turn), diagonal_matrix(xp, gs))
    total = product(xp, u, inner, adjoint(xp, v))
    if m > k:
        off = xp.subtract(gu, xp.matmul(u, left))
        off = over_gaps(xp, off, row(xp, s), sizes_of_columns(xp, gu), scale, free, "linalg.svd", off_left)
        total = xp.add(total, xp.matmul(off, adjoint(xp, v)))
    if n > k:
        off = xp.subtract(gv, xp.matmul(v, right))
        off = over_gaps(xp, off, row(xp, s), sizes_of_columns(xp, gv), scale, free, "linalg.svd", off_right)
        total = xp.add(total, xp.matmul(u, adjoint(xp, off)))
    return conj(xp, total)


def _reduced(xp: Any, vectors: Any, g: Any, k: int, name: str) -> tuple[Any, Any]:
    """The first k singular vectors; what is asked of the others is asked of the first's span."""
    n = vectors.shape[-1]
    if n == k:
        return vectors, g
    first, last = _columns(xp, vectors, 0, k), _columns(xp, vectors, k, n)
    g_last = _columns(xp, g, k, n)
    _require_same_span(xp, last, g_last, f"linalg.svd: {name}")
    return first, xp.subtract(_columns(xp, g, 0, k), product(xp, last, adjoint(xp, g_last), first))


def _svd_jvp(xp: Any, g: Any, x: Any, out: Any) -> Any:
    u, s, vh = out
    m, n = x.shape[-2:]
    k = min(m, n)
    v = adjoint(xp, vh)
    u1, v1 = _columns(xp, u, 0, k), _columns(xp, v, 0, k)
    inner = product(xp, adjoint(xp, u1), g, v1)
    innerh = adjoint(xp, inner)
    sizes = xp.sum(xp.abs(g), axis=(-2, -1), keepdims=True)
    both, apart = xp.add(inner, innerh), xp.subtract(inner, innerh)
    turn = _svd_turn(xp, both, apart, s, sizes, True, f"linalg.svd: {FORWARD}")
    ds = xp.linalg.diagonal(inner)
    ds = xp.real(ds) if is_complex(xp, x) else ds
    du = _moved(xp, u, u1, xp.matmul(g, v1), xp.matmul(u1, inner), xp.add(*turn), s, sizes)
    dv = _moved(xp, v, v1, xp.matmul(adjoint(xp, g), u1), xp.matmul(v1, innerh), xp.subtract(*turn), s, sizes)
    return du, ds, adjoint(xp, dv)


def _moved(xp: Any, vectors: Any, first: Any, moved: Any, inside: Any, turn: Any, s: Any, sizes: Any) -> Any:
    """The tangent of singular vectors: a turn among themselves, and out of their span."""
    k, n = first.shape[-1], vectors.shape[-1]
    tangent = xp.matmul(first, turn)
    if first.shape[-2] > k:
        off, scale = xp.subtract(moved, inside), scale_of(xp, s)
        off = over_gaps(xp, off, row(xp, s), sizes, scale, True, f"linalg.svd: {FORWARD}")
        tangent = xp.add(tangent, off)
    if n > k:
        last = _columns(xp, vectors, k, n)
        back = xp.matmul(adjoint(xp, tangent), last)
        tangent = xp.concat([tangent, xp.negative(xp.matmul(first, back))], axis=-1)
    return tangent


@op(
    module="linalg",
    grad={"x": _svd_rule},
    jvp={"x": _svd_jvp},
    dtypes="floating",
    result="float64",
    outputs=SVDResult,
    notes="equal singular values: right where the result is smooth, else GradientError, as in forward mode; so "
    "is a result that depends on signs, phases or null-space bases",
)
def svd(x: Tensor, /, *, full_matrices: bool = True) -> SVDResult:
    """Singular vectors and values of each matrix: U @ diag(S) @ Vh = x.

    With `full_matrices` U and Vh are square, else they have min(M, N) vectors.

    >>> import unitensor as ut
    >>> u, s, vh = ut.linalg.svd(ut.ones((3, 2)), full_matrices=False)
    >>> u.shape, s.shape, vh.shape
    ((3, 2), (2,), (2, 2))
    """
