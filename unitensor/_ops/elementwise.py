"""Element-wise functions. Every rule here is a forward-mode rule too, unless `jvp` says otherwise.

Inputs broadcast against one another; two-argument functions take a Python scalar on either side.
Standard: Element-wise Functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from .._dtypes import complex_dtype
from .._op import op, same, table
from . import selection as selection

if TYPE_CHECKING:
    from .._tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])

Operand: TypeAlias = "Tensor | bool | int | float | complex"


def unary(grad: Callable[..., Any] | None = None, **facts: Any) -> Callable[[F], F]:
    """An op of one array; floating unless told otherwise."""
    facts = {"result": "float", "dtypes": "floating", "grad": {"x": grad} if grad else {}, **facts}
    return op(elementwise=True, **facts)


def binary(
    grad1: Callable[..., Any] | None = None, grad2: Callable[..., Any] | None = None, **facts: Any
) -> Callable[[F], F]:
    """An op of two arrays, or an array and a Python scalar."""
    rules = {x: rule for x, rule in (("x1", grad1), ("x2", grad2)) if rule}
    return op(**{"elementwise": True, "scalars": True, "grad": rules, **facts})


def compare(**facts: Any) -> Callable[[F], F]:
    """A binary op whose result is boolean: no gradient."""
    return binary(**{"result": "bool", "dtypes": "real numeric", **facts})


def zero(xp: Any, g: Any) -> Any:
    """The rule of a function that is constant between its jumps."""
    return xp.zeros_like(g)


def is_complex(xp: Any, x: Any) -> bool:
    return complex_dtype(x.dtype)


# Arithmetic ------------------------------------------------------------------------------------


@binary(same, same)
def add(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 + x2, element by element.

    >>> import unitensor as ut
    >>> ut.add(ut.asarray([1, 2, 3]), 10).tolist()
    [11, 12, 13]
    """


@binary(same, lambda xp, g: xp.negative(g), booleans="refuse")
def subtract(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 - x2, element by element.

    >>> import unitensor as ut
    >>> ut.subtract(ut.asarray([1, 2, 3]), ut.asarray([1, 0, 1])).tolist()
    [0, 2, 2]
    """


@binary(lambda xp, g, x2: xp.multiply(g, x2), lambda xp, g, x1: xp.multiply(g, x1))
def multiply(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 * x2, element by element.

    >>> import unitensor as ut
    >>> x = ut.tensor([1.0, 2.0], requires_grad=True)
    >>> ut.multiply(x, x).sum().backward()
    >>> x.grad.tolist()
    [2.0, 4.0]
    """


@binary(
    lambda xp, g, x2: xp.divide(g, x2),
    lambda xp, g, x2, out: xp.negative(xp.divide(xp.multiply(g, out), x2)),
    result="float64",
    domain=((-2.0, 2.0), (0.5, 2.0)),
    notes="x2 = 0: infinite, or NaN where x1 = 0 too",
)
def divide(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 / x2, element by element; integers give float64.

    >>> import unitensor as ut
    >>> ut.divide(ut.asarray([1, 2]), 4).tolist()
    [0.25, 0.5]
    """


@binary(
    zero,
    zero,
    dtypes="real numeric",
    domain=((-2.0, 2.0), (0.5, 2.0)),
    notes="0 everywhere, also at the jumps",
    booleans="int8",
)
def floor_divide(x1: Operand, x2: Operand, /) -> Tensor:
    """The floor of x1 / x2. Floats follow the standard's special cases at infinities and zeros.

    >>> import unitensor as ut
    >>> ut.floor_divide(ut.asarray([7, -7]), 2).tolist()
    [3, -4]
    """


@binary(
    same,
    lambda xp, g, x1, x2: xp.negative(xp.multiply(g, xp.floor_divide(x1, x2))),
    dtypes="real numeric",
    domain=((-2.0, 2.0), (0.5, 2.0)),
    notes="the jumps: as to the right of them",
    booleans="int8",
)
def remainder(x1: Operand, x2: Operand, /) -> Tensor:
    """The remainder of x1 / x2, with the sign of x2.

    >>> import unitensor as ut
    >>> ut.remainder(ut.asarray([7, -7]), 3).tolist()
    [1, 2]
    """


def _pow_base(xp: Any, g: Any, x1: Any, x2: Any) -> Any:
    flat = xp.logical_and(xp.equal(x1, 0), xp.equal(x2, 0))
    power = xp.pow(x1, xp.where(flat, xp.ones_like(x2), xp.subtract(x2, 1)))
    return xp.multiply(g, xp.multiply(x2, power))


def _pow_exponent(xp: Any, g: Any, x1: Any, out: Any) -> Any:
    # At x1 = 0 the logarithm counts as 0: NaN stays only where the power is infinite or NaN.
    safe = xp.where(xp.equal(x1, 0), xp.ones_like(x1), x1)
    return xp.multiply(g, xp.multiply(out, xp.log(safe)))


@binary(
    _pow_base,
    _pow_exponent,
    domain=((0.3, 2.0), (-2.0, 2.0)),
    notes="x1 = 0: in x2 0, or NaN where the power is infinite; x1 < 0: in x2 NaN",
    booleans="int8",
)
def pow(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 ** x2, element by element.

    >>> import unitensor as ut
    >>> ut.pow(ut.asarray([1.0, 2.0, 3.0]), 2).tolist()
    [1.0, 4.0, 9.0]
    """


@unary(lambda xp, g: xp.negative(g), result="same", dtypes="numeric", booleans="refuse")
def negative(x: Tensor, /) -> Tensor:
    """-x.

    >>> import unitensor as ut
    >>> ut.negative(ut.asarray([1, -2])).tolist()
    [-1, 2]
    """


@unary(same, result="same", dtypes="numeric", booleans="refuse")
def positive(x: Tensor, /) -> Tensor:
    """+x, a copy.

    >>> import unitensor as ut
    >>> ut.positive(ut.asarray([1, -2])).tolist()
    [1, -2]
    """


def _abs_rule(xp: Any, g: Any, x: Any, out: Any) -> Any:
    return xp.multiply(g, xp.conj(xp.unit(x, out)) if is_complex(xp, x) else xp.sign(x))


def _abs_forward(xp: Any, g: Any, x: Any, out: Any) -> Any:
    slope = _abs_rule(xp, g, x, out)
    return xp.real(slope) if is_complex(xp, x) else slope


@unary(_abs_rule, jvp={"x": _abs_forward}, result="real", dtypes="numeric", notes="x = 0: 0")
def abs(x: Tensor, /) -> Tensor:
    """|x|; of complex numbers the modulus.

    >>> import unitensor as ut
    >>> ut.abs(ut.asarray([-1.5, 2.0])).tolist(), ut.abs(ut.asarray([3 + 4j])).tolist()
    ([1.5, 2.0], [5.0])
    """


def _sign_rule(xp: Any, g: Any, x: Any, out: Any) -> Any:
    if not is_complex(xp, x):
        return xp.zeros_like(g)
    size = xp.abs(x)
    safe = xp.astype(xp.where(xp.equal(size, 0), xp.ones_like(size), size), x.dtype)
    turn = xp.multiply(xp.conj(xp.multiply(xp.conj(out), out)), g)
    back = xp.multiply(xp.multiply(xp.conj(out), xp.conj(out)), xp.conj(g))
    return xp.divide(xp.subtract(turn, back), xp.multiply(2, safe))


def _sign_forward(xp: Any, g: Any, x: Any, out: Any) -> Any:
    if not is_complex(xp, x):
        return xp.zeros_like(g)
    size = xp.abs(x)
    safe = xp.astype(xp.where(xp.equal(size, 0), xp.ones_like(size), size), x.dtype)
    back = xp.multiply(xp.multiply(out, out), xp.conj(g))
    turn = xp.multiply(xp.multiply(out, xp.conj(out)), g)
    return xp.divide(xp.subtract(turn, back), xp.multiply(2, safe))


@unary(
    _sign_rule, jvp={"x": _sign_forward}, result="same", dtypes="numeric", notes="x = 0: 0", booleans="refuse"
)
def sign(x: Tensor, /) -> Tensor:
    """-1, 0 or 1; of a complex number x / |x|.

    >>> import unitensor as ut
    >>> ut.sign(ut.asarray([-2.0, 0.0, 5.0])).tolist()
    [-1.0, 0.0, 1.0]
    """


@unary(lambda xp, g, x: xp.multiply(g, xp.multiply(2, x)), result="same", dtypes="numeric", booleans="int8")
def square(x: Tensor, /) -> Tensor:
    """x * x.

    >>> import unitensor as ut
    >>> ut.square(ut.asarray([1, -2])).tolist()
    [1, 4]
    """


@unary(
    lambda xp, g, out: xp.divide(g, xp.multiply(2, out)),
    domain=(0.2, 3.0),
    notes="x = 0: infinite",
)
def sqrt(x: Tensor, /) -> Tensor:
    """The principal square root.

    >>> import unitensor as ut
    >>> ut.sqrt(ut.asarray([1.0, 4.0])).tolist()
    [1.0, 2.0]
    """


@unary(
    lambda xp, g, out: xp.negative(xp.multiply(g, xp.multiply(out, out))),
    domain=(0.3, 2.0),
    notes="x = 0: infinite",
    result="float64",
)
def reciprocal(x: Tensor, /) -> Tensor:
    """1 / x.

    >>> import unitensor as ut
    >>> ut.reciprocal(ut.asarray([2.0, 4.0])).tolist()
    [0.5, 0.25]
    """


def _hypot_rule(first: bool) -> Callable[..., Any]:
    if first:
        return lambda xp, g, x1, out: xp.multiply(g, xp.unit(x1, out))
    return lambda xp, g, x2, out: xp.multiply(g, xp.unit(x2, out))


@binary(_hypot_rule(True), _hypot_rule(False), result="float", dtypes="real floating", notes="(0, 0): 0")
def hypot(x1: Operand, x2: Operand, /) -> Tensor:
    """The length of the hypotenuse, sqrt(x1**2 + x2**2), without overflow.

    >>> import unitensor as ut
    >>> ut.hypot(ut.asarray([3.0]), 4.0).tolist()
    [5.0]
    """


# Exponentials and logarithms ---------------------------------------------------------------------


@unary(lambda xp, g, out: xp.multiply(g, out))
def exp(x: Tensor, /) -> Tensor:
    """e ** x.

    >>> import unitensor as ut
    >>> ut.exp(ut.asarray([0.0, 1.0])).tolist()
    [1.0, 2.718281828459045]
    """


@unary(lambda xp, g, out: xp.multiply(g, xp.add(out, 1)))
def expm1(x: Tensor, /) -> Tensor:
    """e ** x - 1, exact for small x.

    >>> import unitensor as ut
    >>> ut.expm1(ut.asarray([1e-10])).tolist()
    [1.00000000005e-10]
    """


@unary(lambda xp, g, x: xp.divide(g, x), domain=(0.2, 3.0), notes="x = 0: infinite")
def log(x: Tensor, /) -> Tensor:
    """The natural logarithm.

    >>> import unitensor as ut
    >>> ut.log(ut.asarray([1.0, ut.e])).tolist()
    [0.0, 1.0]
    """


@unary(lambda xp, g, x: xp.divide(g, xp.add(x, 1)), domain=(-0.7, 2.0), notes="x = -1: infinite")
def log1p(x: Tensor, /) -> Tensor:
    """log(1 + x), exact for small x.

    >>> import unitensor as ut
    >>> ut.log1p(ut.asarray([1e-20])).tolist()
    [1e-20]
    """


@unary(lambda xp, g, x: xp.divide(g, xp.multiply(x, math.log(2))), domain=(0.2, 3.0), notes="x = 0: infinite")
def log2(x: Tensor, /) -> Tensor:
    """The logarithm to base 2.

    >>> import unitensor as ut
    >>> ut.log2(ut.asarray([1.0, 8.0])).tolist()
    [0.0, 3.0]
    """


@unary(
    lambda xp, g, x: xp.divide(g, xp.multiply(x, math.log(10))),
    domain=(0.2, 3.0),
    notes="x = 0: infinite",
)
def log10(x: Tensor, /) -> Tensor:
    """The logarithm to base 10.

    >>> import unitensor as ut
    >>> ut.log10(ut.asarray([1.0, 1000.0])).tolist()
    [0.0, 3.0]
    """


def _share(xp: Any, x: Any, other: Any, out: Any) -> Any:
    """exp(x - out): 1 where x alone is infinite, 1/2 where both are the same infinity."""
    whole = xp.equal(x, out)  # also of infinities, whose difference would be NaN
    nothing = xp.zeros_like(out)
    share = xp.exp(xp.subtract(xp.where(whole, nothing, x), xp.where(whole, nothing, out)))
    return xp.where(xp.logical_and(whole, xp.equal(x, other)), xp.full_like(share, 0.5), share)


@binary(
    lambda xp, g, x1, x2, out: xp.multiply(g, _share(xp, x1, x2, out)),
    lambda xp, g, x1, x2, out: xp.multiply(g, _share(xp, x2, x1, out)),
    result="float",
    dtypes="real floating",
    notes="both the same infinity: half to each",
)
def logaddexp(x1: Operand, x2: Operand, /) -> Tensor:
    """log(exp(x1) + exp(x2)), without overflow.

    >>> import unitensor as ut
    >>> ut.logaddexp(ut.asarray([1000.0]), 1000.0).tolist()
    [1000.6931471805599]
    """


# Trigonometry ------------------------------------------------------------------------------------


@unary(lambda xp, g, x: xp.multiply(g, xp.cos(x)))
def sin(x: Tensor, /) -> Tensor:
    """The sine of an angle in radians.

    >>> import unitensor as ut
    >>> ut.sin(ut.asarray([0.0])).tolist()
    [0.0]
    """


@unary(lambda xp, g, x: xp.negative(xp.multiply(g, xp.sin(x))))
def cos(x: Tensor, /) -> Tensor:
    """The cosine of an angle in radians.

    >>> import unitensor as ut
    >>> ut.cos(ut.asarray([0.0])).tolist()
    [1.0]
    """


@unary(
    lambda xp, g, out: xp.multiply(g, xp.add(xp.multiply(out, out), 1)),
    domain=(-1.2, 1.2),
    notes="the poles: infinite",
)
def tan(x: Tensor, /) -> Tensor:
    """The tangent of an angle in radians.

    >>> import unitensor as ut
    >>> ut.tan(ut.asarray([0.0])).tolist()
    [0.0]
    """


def _circle(xp: Any, x: Any) -> Any:
    """sqrt(1 - x**2), exact near 1 and without overflow."""
    return xp.multiply(xp.sqrt(xp.subtract(1, x)), xp.sqrt(xp.add(x, 1)))


def _hyperbola(xp: Any, x: Any) -> Any:
    """sqrt(1 + x**2) without overflow."""
    if not is_complex(xp, x):
        return xp.hypot(x, 1)
    turned = xp.multiply(x, 1j)
    return xp.multiply(xp.sqrt(xp.add(turned, 1)), xp.sqrt(xp.subtract(1, turned)))


def _atan_rule(xp: Any, g: Any, x: Any) -> Any:
    if not is_complex(xp, x):
        return xp.divide(g, xp.add(xp.multiply(x, x), 1))
    return xp.divide(xp.divide(g, xp.subtract(x, 1j)), xp.add(x, 1j))  # whose square may overflow to NaN


@unary(
    lambda xp, g, x: xp.divide(g, _circle(xp, x)),
    domain=(-0.9, 0.9),
    notes="|x| = 1: infinite",
)
def asin(x: Tensor, /) -> Tensor:
    """The angle in radians whose sine is x.

    >>> import unitensor as ut
    >>> ut.asin(ut.asarray([0.0])).tolist()
    [0.0]
    """


@unary(
    lambda xp, g, x: xp.negative(xp.divide(g, _circle(xp, x))),
    domain=(-0.9, 0.9),
    notes="|x| = 1: infinite",
)
def acos(x: Tensor, /) -> Tensor:
    """The angle in radians whose cosine is x.

    >>> import unitensor as ut
    >>> ut.acos(ut.asarray([1.0])).tolist()
    [0.0]
    """


@unary(_atan_rule)
def atan(x: Tensor, /) -> Tensor:
    """The angle in radians whose tangent is x.

    >>> import unitensor as ut
    >>> ut.atan(ut.asarray([0.0])).tolist()
    [0.0]
    """


def _atan2_slope(xp: Any, g: Any, x1: Any, x2: Any, across: Any) -> Any:
    size = xp.hypot(x1, x2)  # its square would overflow, or be 0, long before
    safe = xp.where(xp.equal(size, 0), xp.ones_like(size), size)
    return xp.multiply(g, xp.divide(xp.divide(across, safe), safe))


@binary(
    lambda xp, g, x1, x2: _atan2_slope(xp, g, x1, x2, x2),
    lambda xp, g, x1, x2: _atan2_slope(xp, g, x1, x2, xp.negative(x1)),
    result="float",
    dtypes="real floating",
    notes="(0, 0): 0",
)
def atan2(x1: Operand, x2: Operand, /) -> Tensor:
    """The angle in radians of the point (x2, x1), in [-pi, pi].

    >>> import unitensor as ut
    >>> ut.atan2(ut.asarray([0.0, 1.0]), ut.asarray([1.0, 0.0])).tolist()
    [0.0, 1.5707963267948966]
    """


# Hyperbolic functions ----------------------------------------------------------------------------


@unary(lambda xp, g, x: xp.multiply(g, xp.cosh(x)))
def sinh(x: Tensor, /) -> Tensor:
    """The hyperbolic sine.

    >>> import unitensor as ut
    >>> ut.sinh(ut.asarray([0.0])).tolist()
    [0.0]
    """


@unary(lambda xp, g, x: xp.multiply(g, xp.sinh(x)))
def cosh(x: Tensor, /) -> Tensor:
    """The hyperbolic cosine.

    >>> import unitensor as ut
    >>> ut.cosh(ut.asarray([0.0])).tolist()
    [1.0]
    """


@unary(lambda xp, g, out: xp.subtract(g, xp.multiply(g, xp.multiply(out, out))))
def tanh(x: Tensor, /) -> Tensor:
    """The hyperbolic tangent.

    >>> import unitensor as ut
    >>> ut.tanh(ut.asarray([0.0])).tolist()
    [0.0]
    """


@unary(lambda xp, g, x: xp.divide(g, _hyperbola(xp, x)))
def asinh(x: Tensor, /) -> Tensor:
    """The inverse hyperbolic sine.

    >>> import unitensor as ut
    >>> ut.asinh(ut.asarray([0.0])).tolist()
    [0.0]
    """


@unary(
    lambda xp, g, x: xp.divide(g, xp.multiply(xp.sqrt(xp.subtract(x, 1)), xp.sqrt(xp.add(x, 1)))),
    domain=(1.2, 4.0),
    notes="x = 1: infinite",
)
def acosh(x: Tensor, /) -> Tensor:
    """The inverse hyperbolic cosine.

    >>> import unitensor as ut
    >>> ut.acosh(ut.asarray([1.0])).tolist()
    [0.0]
    """


@unary(
    lambda xp, g, x: xp.divide(xp.divide(g, xp.subtract(1, x)), xp.add(x, 1)),
    domain=(-0.9, 0.9),
    notes="|x| = 1: infinite",
)
def atanh(x: Tensor, /) -> Tensor:
    """The inverse hyperbolic tangent.

    >>> import unitensor as ut
    >>> ut.atanh(ut.asarray([0.0])).tolist()
    [0.0]
    """


# Rounding ------------------------------------------------------------------------------------------


@unary(zero, result="same", dtypes="real numeric", notes="0 everywhere, also at the jumps")
def ceil(x: Tensor, /) -> Tensor:
    """The smallest integer not below x.

    >>> import unitensor as ut
    >>> ut.ceil(ut.asarray([1.2, -1.2])).tolist()
    [2.0, -1.0]
    """


@unary(zero, result="same", dtypes="real numeric", notes="0 everywhere, also at the jumps")
def floor(x: Tensor, /) -> Tensor:
    """The largest integer not above x.

    >>> import unitensor as ut
    >>> ut.floor(ut.asarray([1.2, -1.2])).tolist()
    [1.0, -2.0]
    """


@unary(zero, result="same", dtypes="numeric", notes="0 everywhere, also at the jumps", booleans="float16")
def round(x: Tensor, /) -> Tensor:
    """The nearest integer, half to even.

    >>> import unitensor as ut
    >>> ut.round(ut.asarray([0.5, 1.5, -1.2])).tolist()
    [0.0, 2.0, -1.0]
    """


@unary(zero, result="same", dtypes="real numeric", notes="0 everywhere, also at the jumps")
def trunc(x: Tensor, /) -> Tensor:
    """x without its fraction.

    >>> import unitensor as ut
    >>> ut.trunc(ut.asarray([1.7, -1.7])).tolist()
    [1.0, -1.0]
    """


# Choosing ------------------------------------------------------------------------------------------


def _choice(beats: str, first: bool) -> Callable[..., Any]:
    def rule(xp: Any, g: Any, mine: Any, other: Any) -> Any:
        kept = xp.logical_or(getattr(xp, beats)(mine, other), xp.isnan(mine))
        return xp.halved(xp.masked(g, kept), xp.equal(mine, other))

    if first:
        return lambda xp, g, x1, x2: rule(xp, g, x1, x2)
    return lambda xp, g, x1, x2: rule(xp, g, x2, x1)


@binary(
    _choice("greater_equal", True),
    _choice("greater_equal", False),
    dtypes="real numeric",
    notes="x1 = x2: half to each",
    selects=True,
)
def maximum(x1: Operand, x2: Operand, /) -> Tensor:
    """The larger of x1 and x2; NaN if either is.

    >>> import unitensor as ut
    >>> ut.maximum(ut.asarray([1.0, 5.0]), 3.0).tolist()
    [3.0, 5.0]
    """


@binary(
    _choice("less_equal", True),
    _choice("less_equal", False),
    dtypes="real numeric",
    notes="x1 = x2: half to each",
    selects=True,
)
def minimum(x1: Operand, x2: Operand, /) -> Tensor:
    """The smaller of x1 and x2; NaN if either is.

    >>> import unitensor as ut
    >>> ut.minimum(ut.asarray([1.0, 5.0]), 3.0).tolist()
    [1.0, 3.0]
    """


def _inside(xp: Any, x: Any, min: Any, max: Any) -> Any:
    inside = xp.ones_like(x, dtype=xp.equal(x, x).dtype)
    if min is not None:
        inside = xp.logical_and(inside, xp.greater_equal(x, min))
    if max is not None:
        inside = xp.logical_and(inside, xp.less_equal(x, max))
    return inside


def _clip_rule(xp: Any, g: Any, x: Any, min: Any, max: Any) -> Any:
    return xp.masked(g, _inside(xp, x, min, max))


def _clip_min_rule(xp: Any, g: Any, x: Any, min: Any, max: Any) -> Any:
    below = xp.less(x, min)
    if max is not None:
        below = xp.logical_and(below, xp.less_equal(min, max))
    return xp.masked(g, below)


def _clip_max_rule(xp: Any, g: Any, x: Any, min: Any, max: Any) -> Any:
    above = xp.greater(x, max)
    if min is not None:
        above = xp.logical_or(above, xp.greater(min, max))
    return xp.masked(g, above)


@op(
    inputs=("x", "min", "max"),
    grad={"x": _clip_rule, "min": _clip_min_rule, "max": _clip_max_rule},
    elementwise=True,
    scalars=True,
    dtypes="real numeric",
    notes="at the bounds all to x",
    selects=True,
)
def clip(x: Tensor, /, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """x, but not below min and not above max.

    >>> import unitensor as ut
    >>> ut.clip(ut.asarray([-1.0, 0.5, 2.0]), 0.0, 1.0).tolist()
    [0.0, 0.5, 1.0]
    """


def _copysign_rule(xp: Any, g: Any, x1: Any, out: Any) -> Any:
    return xp.multiply(g, xp.multiply(xp.sign(x1), xp.sign(out)))


@binary(
    _copysign_rule,
    lambda xp, g, x2: xp.zeros_like(g),
    result="float",
    dtypes="real floating",
    domain=((0.3, 2.0), (0.3, 2.0)),
    notes="x1 = 0: 0",
)
def copysign(x1: Operand, x2: Operand, /) -> Tensor:
    """|x1| with the sign of x2, zeros' signs included.

    >>> import unitensor as ut
    >>> ut.copysign(ut.asarray([1.0, 2.0]), -0.0).tolist()
    [-1.0, -2.0]
    """


@binary(same, zero, result="float", dtypes="real floating", notes="x2: 0 everywhere")
def nextafter(x1: Operand, x2: Operand, /) -> Tensor:
    """The next representable number after x1 in the direction of x2.

    >>> import unitensor as ut
    >>> ut.nextafter(ut.asarray([1.0]), 2.0).tolist()
    [1.0000000000000002]
    """


# Complex parts -------------------------------------------------------------------------------------


def _to_complex(xp: Any, g: Any, x_dtype: Any) -> Any:
    return xp.astype(g, x_dtype)


@unary(_to_complex, jvp={"x": lambda xp, g: xp.real(g)}, result="real", dtypes="numeric", view=True)
def real(x: Tensor, /) -> Tensor:
    """The real part.

    >>> import unitensor as ut
    >>> ut.real(ut.asarray([1 + 2j])).tolist()
    [1.0]
    """


def _imag_rule(xp: Any, g: Any, x_dtype: Any) -> Any:
    if not xp.isdtype(x_dtype, "complex floating"):
        return xp.zeros_like(g)
    return xp.multiply(xp.astype(g, x_dtype), -1j)


@unary(_imag_rule, jvp={"x": lambda xp, g: xp.imag(g)}, result="real", dtypes="numeric", view=True)
def imag(x: Tensor, /) -> Tensor:
    """The imaginary part.

    >>> import unitensor as ut
    >>> ut.imag(ut.asarray([1 + 2j])).tolist()
    [2.0]
    """


@unary(lambda xp, g: xp.conj(g), result="same", dtypes="numeric", booleans="int8")
def conj(x: Tensor, /) -> Tensor:
    """The complex conjugate.

    >>> import unitensor as ut
    >>> ut.conj(ut.asarray([1 + 2j])).tolist()
    [(1-2j)]
    """


POSITIVE = table["positive"]


# Questions: the results are boolean and have no gradient ----------------------------------------------


@compare(dtypes="all")
def equal(x1: Operand, x2: Operand, /) -> Tensor:
    """Whether x1 == x2.

    >>> import unitensor as ut
    >>> ut.equal(ut.asarray([1, 2]), 2).tolist()
    [False, True]
    """


@compare(dtypes="all")
def not_equal(x1: Operand, x2: Operand, /) -> Tensor:
    """Whether x1 != x2.

    >>> import unitensor as ut
    >>> ut.not_equal(ut.asarray([1, 2]), 2).tolist()
    [True, False]
    """


@compare()
def greater(x1: Operand, x2: Operand, /) -> Tensor:
    """Whether x1 > x2.

    >>> import unitensor as ut
    >>> ut.greater(ut.asarray([1, 2]), 1).tolist()
    [False, True]
    """


@compare()
def greater_equal(x1: Operand, x2: Operand, /) -> Tensor:
    """Whether x1 >= x2.

    >>> import unitensor as ut
    >>> ut.greater_equal(ut.asarray([1, 2]), 2).tolist()
    [False, True]
    """


@compare()
def less(x1: Operand, x2: Operand, /) -> Tensor:
    """Whether x1 < x2.

    >>> import unitensor as ut
    >>> ut.less(ut.asarray([1, 2]), 2).tolist()
    [True, False]
    """


@compare()
def less_equal(x1: Operand, x2: Operand, /) -> Tensor:
    """Whether x1 <= x2.

    >>> import unitensor as ut
    >>> ut.less_equal(ut.asarray([1, 2]), 1).tolist()
    [True, False]
    """


@unary(result="bool", dtypes="numeric")
def isfinite(x: Tensor, /) -> Tensor:
    """Whether x is neither infinite nor NaN.

    >>> import unitensor as ut
    >>> ut.isfinite(ut.asarray([1.0, ut.inf, ut.nan])).tolist()
    [True, False, False]
    """


@unary(result="bool", dtypes="numeric")
def isinf(x: Tensor, /) -> Tensor:
    """Whether x is infinite.

    >>> import unitensor as ut
    >>> ut.isinf(ut.asarray([1.0, ut.inf, ut.nan])).tolist()
    [False, True, False]
    """


@unary(result="bool", dtypes="numeric")
def isnan(x: Tensor, /) -> Tensor:
    """Whether x is NaN.

    >>> import unitensor as ut
    >>> ut.isnan(ut.asarray([1.0, ut.inf, ut.nan])).tolist()
    [False, False, True]
    """


@unary(result="bool", dtypes="real floating")
def signbit(x: Tensor, /) -> Tensor:
    """Whether the sign bit is set: negative numbers and -0.0.

    >>> import unitensor as ut
    >>> ut.signbit(ut.asarray([1.0, -0.0])).tolist()
    [False, True]
    """


# Bits and logic ------------------------------------------------------------------------------------


@binary(dtypes="integer or boolean")
def bitwise_and(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 & x2, bit by bit.

    >>> import unitensor as ut
    >>> ut.bitwise_and(ut.asarray([6]), 3).tolist()
    [2]
    """


@binary(dtypes="integer or boolean")
def bitwise_or(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 | x2, bit by bit.

    >>> import unitensor as ut
    >>> ut.bitwise_or(ut.asarray([6]), 3).tolist()
    [7]
    """


@binary(dtypes="integer or boolean")
def bitwise_xor(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 ^ x2, bit by bit.

    >>> import unitensor as ut
    >>> ut.bitwise_xor(ut.asarray([6]), 3).tolist()
    [5]
    """


@unary(result="same", dtypes="integer or boolean")
def bitwise_invert(x: Tensor, /) -> Tensor:
    """~x, bit by bit.

    >>> import unitensor as ut
    >>> ut.bitwise_invert(ut.asarray([0, 5])).tolist()
    [-1, -6]
    """


@binary(dtypes="integral", booleans="int8")
def bitwise_left_shift(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 << x2; a shift by the width or more gives 0.

    >>> import unitensor as ut
    >>> ut.bitwise_left_shift(ut.asarray([1, 2]), 3).tolist()
    [8, 16]
    """


@binary(dtypes="integral", booleans="int8")
def bitwise_right_shift(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 >> x2, keeping the sign; a shift by the width or more gives 0 or -1.

    >>> import unitensor as ut
    >>> ut.bitwise_right_shift(ut.asarray([16, -16]), 3).tolist()
    [2, -2]
    """


@binary(dtypes="all", result="bool")
def logical_and(x1: Operand, x2: Operand, /) -> Tensor:
    """Whether both are true.

    >>> import unitensor as ut
    >>> ut.logical_and(ut.asarray([True, False]), True).tolist()
    [True, False]
    """


@binary(dtypes="all", result="bool")
def logical_or(x1: Operand, x2: Operand, /) -> Tensor:
    """Whether either is true.

    >>> import unitensor as ut
    >>> ut.logical_or(ut.asarray([True, False]), False).tolist()
    [True, False]
    """


@binary(dtypes="all", result="bool")
def logical_xor(x1: Operand, x2: Operand, /) -> Tensor:
    """Whether exactly one is true.

    >>> import unitensor as ut
    >>> ut.logical_xor(ut.asarray([True, False]), True).tolist()
    [False, True]
    """


@unary(result="bool", dtypes="all")
def logical_not(x: Tensor, /) -> Tensor:
    """Whether x is false.

    >>> import unitensor as ut
    >>> ut.logical_not(ut.asarray([True, False])).tolist()
    [False, True]
    """
