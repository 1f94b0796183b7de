"""Inverses, systems of equations, determinants and powers of matrices.

Standard: Linear Algebra Extension. All take stacks of matrices in their last two axes. The
gradient of x is right at every matrix at which the function is smooth, singular ones included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .._dtypes import float64
from .._op import op
from .elementwise import is_complex
from .linear_algebra import adjoint, column, conj, product, row, sum_to

if TYPE_CHECKING:
    from .._tensor import Tensor


class SlogdetResult(NamedTuple):
    """The sign of a determinant (0 if singular) and the logarithm of its absolute value."""

    sign: Tensor
    logabsdet: Tensor


# Inverses ------------------------------------------------------------------------------------------


def _inv_rule(xp: Any, g: Any, out: Any) -> Any:
    right = xp.matrix_transpose(out)
    return xp.negative(product(xp, right, g, right))


@op(
    module="linalg",
    grad={"x": _inv_rule},
    jvp={"x": lambda xp, g, out: xp.negative(product(xp, out, g, out))},
    dtypes="floating",
    result="float64",
)
def inv(x: Tensor, /) -> Tensor:
    """The inverse of each matrix.

    >>> import unitensor as ut
    >>> ut.linalg.inv(ut.asarray([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """


def _off_rows(xp: Any, y: Any, x: Any, out: Any) -> Any:
    """The part of the rows of y that x does not reach: y (1 - x⁺x)."""
    return xp.subtract(y, product(xp, y, out, x))


def _off_columns(xp: Any, y: Any, x: Any, out: Any) -> Any:
    """The part of the columns of y that x does not reach: (1 - x x⁺) y."""
    return xp.subtract(y, product(xp, x, out, y))


def _pinv_rule(xp: Any, g: Any, x: Any, out: Any) -> Any:
    g = conj(xp, g)
    gh, outh = adjoint(xp, g), adjoint(xp, out)
    inside = xp.negative(product(xp, outh, g, outh))
    rows = product(xp, _off_columns(xp, gh, x, out), out, outh)
    columns = product(xp, outh, out, _off_rows(xp, gh, x, out))
    return conj(xp, xp.add(inside, xp.add(rows, columns)))


def _pinv_jvp(xp: Any, g: Any, x: Any, out: Any) -> Any:
    gh, outh = adjoint(xp, g), adjoint(xp, out)
    inside = xp.negative(product(xp, out, g, out))
    rows = product(xp, out, outh, xp.subtract(gh, product(xp, gh, x, out)))
    columns = product(xp, xp.subtract(gh, product(xp, out, x, gh)), outh, out)
    return xp.add(inside, xp.add(rows, columns))


@op(
    module="linalg",
    inputs=("x", "rtol"),
    grad={"x": _pinv_rule},
    jvp={"x": _pinv_jvp},
    dtypes="floating",
    result="float64",
    promote=("x",),
    scalars=True,
    notes="matrices near which the rank changes: the gradient along the present rank",
)
def pinv(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """The pseudo-inverse of each matrix; singular values up to rtol times the largest count as 0.

    >>> import unitensor as ut
    >>> ut.linalg.pinv(ut.asarray([[2.0, 0.0], [0.0, 0.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.0]]
    """


@op(
    module="linalg",
    inputs=("x", "rtol"),
    dtypes="floating",
    result="float64",
    promote=("x",),
    scalars=True,
)
def matrix_rank(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """The number of singular values above rtol times the largest, of each matrix.

    >>> import unitensor as ut
    >>> ut.linalg.matrix_rank(ut.asarray([[1.0, 2.0], [2.0, 4.0]])).item()
    1
    """


# Systems of equations ------------------------------------------------------------------------------


def _again(xp: Any, x1: Any, x2: Any, kept: Any, turned: bool, vector: bool) -> Any:
    if not vector:
        return xp.linalg.solve_again(x1, x2, kept=kept, turned=turned)
    return xp.squeeze(xp.linalg.solve_again(x1, column(xp, x2), kept=kept, turned=turned), axis=-1)


def _minus_outer(xp: Any, x: Any, y: Any, vector: bool) -> Any:
    """-x yᵀ."""
    if vector:
        x, y = column(xp, x), column(xp, y)
    x, y = xp.negative(x), xp.matrix_transpose(y)
    return xp.multiply(x, y) if y.shape[-2] == 1 else xp.matmul(x, y)


def _solve_rule1(xp: Any, g: Any, x1: Any, x2_shape: Any, out: Any, kept: Any) -> Any:
    vector = len(x2_shape) == 1
    c = _again(xp, x1, g, kept, True, vector)
    return sum_to(xp, _minus_outer(xp, c, out, vector), x1.shape)


def _solve_rule2(xp: Any, g: Any, x1: Any, x2_shape: Any, kept: Any) -> Any:
    return sum_to(xp, _again(xp, x1, g, kept, True, len(x2_shape) == 1), x2_shape)


def _solve_jvp1(xp: Any, g: Any, x1: Any, x2_shape: Any, out: Any, kept: Any) -> Any:
    vector = len(x2_shape) == 1
    moved = xp.matmul(g, column(xp, out) if vector else out)
    moved = xp.squeeze(moved, axis=-1) if vector else moved
    return xp.negative(_again(xp, x1, moved, kept, False, vector))


def _solve_jvp2(xp: Any, g: Any, x1: Any, x2_shape: Any, kept: Any) -> Any:
    return _again(xp, x1, g, kept, False, len(x2_shape) == 1)


@op(
    module="linalg",
    grad={"x1": _solve_rule1, "x2": _solve_rule2},
    jvp={"x1": _solve_jvp1, "x2": _solve_jvp2},
    dtypes="floating",
    result="float64",
    keeps=True,
)
def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The solution of x1 @ y = x2, for a vector x2 or a stack of matrices.

    >>> import unitensor as ut
    >>> ut.linalg.solve(ut.asarray([[2.0, 0.0], [0.0, 4.0]]), ut.asarray([2.0, 2.0])).tolist()
    [1.0, 0.5]
    """


def _again_rule1(xp: Any, g: Any, x1: Any, out: Any, kept: Any, turned: Any) -> Any:
    pulled = _minus_outer(xp, _again(xp, x1, g, kept, not turned, False), out, False)
    return sum_to(xp, xp.matrix_transpose(pulled) if turned else pulled, x1.shape)


def _again_rule2(xp: Any, g: Any, x1: Any, x2_shape: Any, kept: Any, turned: Any) -> Any:
    return sum_to(xp, _again(xp, x1, g, kept, not turned, False), x2_shape)


def _again_jvp1(xp: Any, g: Any, x1: Any, out: Any, kept: Any, turned: Any) -> Any:
    moved = xp.matmul(xp.matrix_transpose(g) if turned else g, out)
    return xp.negative(_again(xp, x1, moved, kept, turned, False))


@op(
    module="linalg",
    inputs=("x1", "x2"),
    grad={"x1": _again_rule1, "x2": _again_rule2},
    jvp={
        "x1": _again_jvp1,
        "x2": lambda xp, g, x1, kept, turned: _again(xp, x1, g, kept, turned, False),
    },
    dtypes="floating",
    result="float64",
    public=False,
    fallback=lambda xp, x1, x2, kept, turned: xp.linalg.solve(xp.matrix_transpose(x1) if turned else x1, x2),
)
def solve_again(x1: Tensor, x2: Tensor, /, *, kept: Any, turned: bool) -> Tensor:
    """The solution of x1 @ y = x2, or of its transpose, for matrices; `kept` is of a solution before."""


def _half(xp: Any, x: Any, lower: bool) -> Any:
    return xp.tril(x) if lower else xp.triu(x)


def _triangular_rule1(xp: Any, g: Any, x1: Any, out: Any, lower: Any) -> Any:
    c = xp.linalg.solve_triangular(xp.matrix_transpose(x1), g, lower=not lower)
    c = xp.matmul(xp.negative(c), xp.matrix_transpose(out))
    return sum_to(xp, _half(xp, c, lower), x1.shape)


def _triangular_rule2(xp: Any, g: Any, x1: Any, x2_shape: Any, lower: Any) -> Any:
    return sum_to(xp, xp.linalg.solve_triangular(xp.matrix_transpose(x1), g, lower=not lower), x2_shape)


def _triangular_jvp1(xp: Any, g: Any, x1: Any, out: Any, lower: Any) -> Any:
    moved = xp.matmul(_half(xp, g, lower), out)
    return xp.negative(xp.linalg.solve_triangular(x1, moved, lower=lower))


@op(
    module="linalg",
    grad={"x1": _triangular_rule1, "x2": _triangular_rule2},
    jvp={
        "x1": _triangular_jvp1,
        "x2": lambda xp, g, x1, lower: xp.linalg.solve_triangular(x1, g, lower=lower),
    },
    dtypes="floating",
    result="float64",
    public=False,
    fallback=lambda xp, x1, x2, lower: xp.linalg.solve(_half(xp, x1, lower), x2),
)
def solve_triangular(x1: Tensor, x2: Tensor, /, *, lower: bool) -> Tensor:
    """The solution of x1 @ y = x2 for matrices, where of x1 only the lower (upper) triangle is read."""


# Determinants --------------------------------------------------------------------------------------
#
# det is a polynomial, so its derivatives exist at singular matrices too. In the basis of the
# singular vectors they are products of singular values, which need no division.


def _identity(xp: Any, s: Any) -> Any:
    """A boolean identity matrix for each vector."""
    ones = xp.ones_like(xp.broadcast_to(row(xp, s), (*s.shape, s.shape[-1])))
    return xp.equal(xp.subtract(xp.tril(ones), xp.tril(ones, k=-1)), 1)


def _all_but_one(xp: Any, s: Any) -> Any:
    """For each singular value the product of the others."""
    n = s.shape[-1]
    eye = _identity(xp, s)
    others = xp.where(eye, xp.ones_like(row(xp, s)), xp.broadcast_to(row(xp, s), (*s.shape, n)))
    return xp.prod(others, axis=-1)


def _all_but_two(xp: Any, s: Any) -> Any:
    """For each two singular values the product of the others; on the diagonal 0."""
    n = s.shape[-1]
    eye = _identity(xp, s)
    cube = (*s.shape, n, n)
    values = xp.broadcast_to(row(xp, row(xp, s)), cube)
    left_out = xp.logical_or(xp.expand_dims(eye, axis=-2), xp.expand_dims(eye, axis=-3))
    pairs = xp.prod(xp.where(left_out, xp.ones_like(values), values), axis=-1)
    return xp.where(eye, xp.zeros_like(pairs), pairs)


def _frame(xp: Any, x: Any) -> tuple[Any, Any, Any, Any]:
    """Singular vectors and values, and the determinant of the vectors: x = u s vh."""
    u, s, vh = xp.linalg.svd(x, full_matrices=True)
    return u, s, vh, xp.multiply(xp.linalg.det(u), xp.linalg.det(vh))


def _scaled(xp: Any, x: Any, factor: Any) -> Any:
    return xp.multiply(x, column(xp, column(xp, factor)))


def _cofactor(xp: Any, x: Any) -> Any:
    if x.shape[-1] == 0:
        return x
    u, s, vh, phase = _frame(xp, x)
    return _scaled(xp, conj(xp, xp.matmul(xp.multiply(u, row(xp, _all_but_one(xp, s))), vh)), phase)


def _cofactor_slope(xp: Any, x: Any, y: Any) -> Any:
    if x.shape[-1] == 0:
        return xp.add(x, y)
    u, s, vh, phase = _frame(xp, x)
    inner = product(xp, adjoint(xp, u), y, adjoint(xp, vh))
    pairs = _all_but_two(xp, s)
    diagonal = xp.matmul(pairs, column(xp, xp.linalg.diagonal(inner)))
    cross = xp.multiply(xp.matrix_transpose(inner), pairs)
    moved = xp.subtract(xp.multiply(diagonal, xp.astype(_identity(xp, s), s.dtype)), cross)
    return _scaled(xp, product(xp, conj(xp, u), moved, conj(xp, vh)), phase)


def _third(xp: Any, g: Any, x: Any, y: Any) -> Any:
    """The third derivative of det along g and y; x must have an inverse."""
    b = xp.linalg.inv(x)
    by, bg = xp.matmul(b, y), xp.matmul(b, g)
    byb, bgb = xp.matmul(by, b), xp.matmul(bg, b)
    ty, tg = xp.linalg.trace(by), xp.linalg.trace(bg)
    both = xp.subtract(xp.multiply(ty, tg), xp.linalg.trace(xp.matmul(by, bg)))
    mixed = xp.add(xp.matmul(by, bgb), xp.matmul(bg, byb))
    first = xp.add(_scaled(xp, byb, tg), _scaled(xp, bgb, ty))
    total = xp.add(xp.subtract(_scaled(xp, b, both), first), mixed)
    return _scaled(xp, xp.matrix_transpose(total), xp.linalg.det(x))


@op(
    module="linalg",
    inputs=("x", "y"),
    grad={"x": _third, "y": lambda xp, g, x: xp.linalg.cofactor_slope(x, g)},
    jvp={"x": _third, "y": lambda xp, g, x: xp.linalg.cofactor_slope(x, g)},
    dtypes="floating",
    result="float64",
    public=False,
    fallback=_cofactor_slope,
)
def cofactor_slope(x: Tensor, y: Tensor, /) -> Tensor:
    """The derivative of the cofactors of x along y; symmetric, so it is its own transpose."""


def _cofactor_rule(xp: Any, g: Any, x: Any) -> Any:
    return xp.linalg.cofactor_slope(x, g)


@op(
    module="linalg",
    grad={"x": _cofactor_rule},
    jvp={"x": _cofactor_rule},
    dtypes="floating",
    result="float64",
    public=False,
    fallback=_cofactor,
)
def cofactor(x: Tensor, /) -> Tensor:
    """The cofactors of each matrix: the derivative of its determinant in each element."""


def _det_rule(xp: Any, g: Any, x: Any) -> Any:
    return _scaled(xp, xp.linalg.cofactor(x), g)


def _det_jvp(xp: Any, g: Any, x: Any) -> Any:
    return xp.sum(xp.multiply(xp.linalg.cofactor(x), g), axis=(-2, -1))


@op(
    module="linalg",
    grad={"x": _det_rule},
    jvp={"x": _det_jvp},
    dtypes="floating",
    result="float64",
    notes="singular matrices: right to second order; the third asks for an inverse",
)
def det(x: Tensor, /) -> Tensor:
    """The determinant of each matrix.

    >>> import unitensor as ut
    >>> ut.round(ut.linalg.det(ut.asarray([[2.0, 0.0], [0.0, 4.0]]))).item()
    8.0
    """


def _turn(xp: Any, x: Any) -> Any:
    """The imaginary part of a complex array, times i."""
    return xp.divide(xp.subtract(x, xp.conj(x)), 2)


def _slogdet_rule(xp: Any, g: Any, x: Any, out: Any) -> Any:
    g_sign, g_log = g
    total = xp.zeros_like(out[1]) if g_log is None else g_log
    if g_sign is not None and is_complex(xp, x):
        total = xp.add(total, _turn(xp, xp.multiply(g_sign, out[0])))
    return _scaled(xp, xp.matrix_transpose(xp.linalg.inv(x)), total)


def _slogdet_jvp(xp: Any, g: Any, x: Any, out: Any) -> Any:
    slope = xp.linalg.trace(xp.linalg.solve(x, g))
    if is_complex(xp, x):
        return xp.multiply(out[0], _turn(xp, slope)), xp.real(slope)
    return xp.zeros_like(slope), slope


@op(
    module="linalg",
    grad={"x": _slogdet_rule},
    jvp={"x": _slogdet_jvp},
    dtypes="floating",
    result="float64",
    outputs=SlogdetResult,
    notes="singular matrices: an error, or infinite on engines that invert them",
)
def slogdet(x: Tensor, /) -> SlogdetResult:
    """The sign and the logarithm of the absolute value of each determinant.

    >>> import unitensor as ut
    >>> [part.item() for part in ut.linalg.slogdet(-ut.eye(3))]
    [-1.0, 0.0]
    """


# Powers --------------------------------------------------------------------------------------------


def _power_slope(xp: Any, x: Any, y: Any, n: int) -> Any:
    """The derivative of xⁿ along y: the corner of the power of [[x, y], [0, x]]."""
    size = x.shape[-1]
    upper = xp.concat([x, y], axis=-1)
    lower = xp.concat([xp.zeros_like(x), x], axis=-1)
    power = xp.linalg.matrix_power(xp.concat([upper, lower], axis=-2), n)
    lead = (slice(None),) * (len(x.shape) - 2)
    return xp.getitem(power, (*lead, slice(0, size), slice(size, 2 * size)))


def _matrix_power(xp: Any, f: Any, x: Any, n: int) -> Any:
    """What engines answer differently: powers of integers, and the power 1, which is a copy."""
    if n < 0 and xp.isdtype(x.dtype, "integral"):
        x = xp.astype(x, xp.raw_dtype(float64))
    square = x.ndim > 1 and x.shape[-1] == x.shape[-2]
    if n == 0 and square:
        one = xp.eye(x.shape[-1], dtype=x.dtype, device=xp.backend.raw_device_of(x))
        return xp.astype(xp.broadcast_to(one, x.shape), x.dtype, copy=True)
    if n > 0 and square and not xp.backend.numpy_rules and xp.isdtype(x.dtype, "integral"):
        power = x
        for _ in range(n - 1):
            power = xp.matmul(power, x)
    else:
        power = f(x, n)
    return xp.astype(power, x.dtype, copy=True) if power is x else power


@op(
    module="linalg",
    grad={"x": lambda xp, g, x, n: _power_slope(xp, xp.matrix_transpose(x), g, n)},
    jvp={"x": lambda xp, g, x, n: _power_slope(xp, x, g, n)},
    prepare=_matrix_power,
)
def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """The n-th power of each matrix; of its inverse, if n is negative.

    >>> import unitensor as ut
    >>> ut.linalg.matrix_power(ut.asarray([[1, 1], [0, 1]]), 5).tolist()
    [[1, 5], [0, 1]]
    """
