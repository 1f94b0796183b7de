"""Small functions that lose digits when they are put together from others: sinc, cbrt, exprel, ..."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .elementwise import Operand
from .special_common import above, below, host, polynomial, special, unary

if TYPE_CHECKING:
    from .._tensor import Tensor


# sin(pi x) / (pi x) -----------------------------------------------------------------------------------


def _sinc(xp: Any, x: Any, /) -> Any:
    none = xp.equal(x, 0)
    turn = xp.multiply(math.pi, xp.where(none, xp.ones_like(x), x))
    return xp.where(none, xp.ones_like(x), xp.divide(xp.sin(turn), turn))


#: The series of the slope over x, in x**2, its highest coefficient first.
SINC_SLOPE = [(-1) ** k * 2 * k * math.pi ** (2 * k) / math.factorial(2 * k + 1) for k in range(11, 0, -1)]


def _sinc_rule(xp: Any, g: Any, x: Any, out: Any) -> Any:
    near = below(xp, xp.abs(x), 0.4)
    small = xp.where(near, x, xp.zeros_like(x))
    series = xp.multiply(small, polynomial(xp, xp.multiply(small, small), SINC_SLOPE))
    far = xp.where(near, xp.ones_like(x), x)
    slope = xp.divide(xp.subtract(xp.cos(xp.multiply(math.pi, far)), out), far)
    return xp.multiply(g, xp.where(near, series, slope))


@unary(_sinc_rule, fallback=_sinc)
def sinc(x: Tensor, /) -> Tensor:
    """sin(pi * x) / (pi * x), 1 at 0.

    >>> import unitensor as ut
    >>> ut.special.sinc(ut.asarray([0.0, 0.5])).tolist()
    [1.0, 0.6366197723675814]
    """


# Powers and exponentials ---------------------------------------------------------------------------------


@unary(
    lambda xp, g, out: xp.divide(g, xp.multiply(3, xp.multiply(out, out))),
    "cbrt",
    domain=(0.3, 2.0),
    notes="x = 0: infinite",
)
def cbrt(x: Tensor, /) -> Tensor:
    """The real cube root, of negative numbers, too.

    >>> import unitensor as ut
    >>> ut.special.cbrt(ut.asarray([-8.0, 27.0])).tolist()
    [-2.0, 3.0]
    """


@unary(lambda xp, g, out: xp.multiply(g, xp.multiply(math.log(2), out)), "exp2")
def exp2(x: Tensor, /) -> Tensor:
    """2 ** x.

    >>> import unitensor as ut
    >>> ut.special.exp2(ut.asarray([3.0])).tolist()
    [8.0]
    """


@unary(lambda xp, g, out: xp.multiply(g, xp.multiply(math.log(10), out)), "exp10")
def exp10(x: Tensor, /) -> Tensor:
    """10 ** x.

    >>> import unitensor as ut
    >>> ut.special.exp10(ut.asarray([3.0])).tolist()
    [1000.0]
    """


#: The series of the slope of exprel, its highest coefficient first.
EXPREL_SLOPE = [k / math.factorial(k + 1) for k in range(19, 0, -1)]


def _exprel(xp: Any, x: Any, /) -> Any:
    none = xp.equal(x, 0)
    safe = xp.where(none, xp.ones_like(x), x)
    ratio = xp.divide(xp.expm1(safe), safe)
    # In two steps where the exponential overflows before the ratio does.
    large = above(xp, x, 50)
    half = xp.exp(xp.where(large, xp.multiply(0.5, x), xp.zeros_like(x)))
    grown = xp.multiply(half, xp.divide(half, safe))
    grown = xp.where(xp.equal(x, math.inf), x, grown)
    return xp.where(none, xp.ones_like(x), xp.where(large, grown, ratio))


def _exprel_rule(xp: Any, g: Any, x: Any) -> Any:
    one = xp.ones_like(x)
    near = below(xp, xp.abs(x), 1)
    series = polynomial(xp, xp.where(near, x, one), EXPREL_SLOPE)
    far = xp.where(near, one, x)
    rest = xp.special.exprel(xp.negative(xp.abs(far)))
    grown = xp.multiply(xp.exp(far), xp.divide(xp.subtract(1, rest), far))
    shrunk = xp.divide(xp.subtract(xp.exp(xp.negative(xp.abs(far))), rest), far)
    slope = xp.where(above(xp, far, 0), grown, shrunk)
    return xp.multiply(g, xp.where(near, series, slope))


@unary(_exprel_rule, fallback=_exprel)
def exprel(x: Tensor, /) -> Tensor:
    """(exp(x) - 1) / x, 1 at 0.

    >>> import unitensor as ut
    >>> ut.special.exprel(ut.asarray([0.0, 1.0])).tolist()
    [1.0, 1.718281828459045]
    """


def _cosm1(xp: Any, x: Any, /) -> Any:
    half = xp.sin(xp.multiply(0.5, x))
    return xp.subtract(xp.zeros_like(x), xp.multiply(2, xp.multiply(half, half)))  # of 0 is 0, not -0


@unary(lambda xp, g, x: xp.negative(xp.multiply(g, xp.sin(x))), fallback=_cosm1)
def cosm1(x: Tensor, /) -> Tensor:
    """cos(x) - 1, exact for small x.

    >>> import unitensor as ut
    >>> ut.special.cosm1(ut.asarray([0.0, 2.0**-30])).tolist()
    [0.0, -4.336808689942018e-19]
    """


# Box and Cox's transformation ---------------------------------------------------------------------------


def _exprel_slope(xp: Any, y: Any) -> Any:
    """The slope of exprel."""
    return _exprel_rule(xp, xp.ones_like(y), y)


def _boxcox_power(xp: Any, g: Any, log: Any, power: Any) -> Any:
    """The slope of log * exprel(power * log) in the power."""
    return xp.multiply(g, xp.multiply(xp.multiply(log, log), _exprel_slope(xp, xp.multiply(power, log))))


@special(
    inputs=("x", "power"),
    grad={
        "x": lambda xp, g, x, power: xp.multiply(g, xp.pow(x, xp.subtract(power, 1))),
        "power": lambda xp, g, x, power: _boxcox_power(xp, g, xp.log(x), power),
    },
    fallback=host("boxcox"),
    domain=((0.4, 3.0), (-2.0, 2.0)),
    notes="x = 0: not finite",
)
def boxcox(x: Operand, power: Operand, /) -> Tensor:
    """(x**power - 1) / power, log(x) where the power is 0.

    >>> import unitensor as ut
    >>> ut.special.boxcox(ut.asarray([1.0, ut.e]), 0.0).tolist()
    [0.0, 1.0]
    """


@special(
    inputs=("x", "power"),
    grad={
        "x": lambda xp, g, x, power: xp.multiply(g, xp.exp(xp.multiply(xp.subtract(power, 1), xp.log1p(x)))),
        "power": lambda xp, g, x, power: _boxcox_power(xp, g, xp.log1p(x), power),
    },
    fallback=host("boxcox1p"),
    domain=((-0.6, 2.0), (-2.0, 2.0)),
    notes="x = -1: not finite",
)
def boxcox1p(x: Operand, power: Operand, /) -> Tensor:
    """boxcox(1 + x, power), exact for small x.

    >>> import unitensor as ut
    >>> ut.special.boxcox1p(ut.asarray([0.0, 1e-20]), 0.0).tolist()
    [0.0, 1e-20]
    """


def _inverse_power(xp: Any, y: Any, power: Any) -> Any:
    """The slope of log1p(power * y) / power in the power, by a series where the product is small."""
    z = xp.multiply(power, y)
    near = below(xp, xp.abs(z), 0.1)
    one = xp.ones_like(z)
    series = polynomial(xp, xp.where(near, z, xp.zeros_like(z)), LOG1P_SLOPE)
    safe = xp.where(near, one, z)
    over = xp.subtract(xp.divide(safe, xp.add(safe, 1)), xp.log1p(safe))
    direct = xp.divide(over, xp.multiply(safe, safe))
    return xp.multiply(xp.multiply(y, y), xp.where(near, series, direct))


#: The series of (z / (1 + z) - log(1 + z)) / z**2, its highest coefficient first.
LOG1P_SLOPE = [(-1) ** (k + 1) * (k + 1) / (k + 2) for k in range(17, -1, -1)]


@special(
    inputs=("y", "power"),
    grad={
        "y": lambda xp, g, y, power, out: xp.multiply(g, xp.divide(out, xp.add(xp.multiply(power, y), 1))),
        "power": lambda xp, g, y, power, out: xp.multiply(g, xp.multiply(out, _inverse_power(xp, y, power))),
    },
    fallback=host("inv_boxcox"),
    domain=((-0.4, 2.0), (0.0, 2.0)),
    notes="power * y = -1: not finite",
)
def inv_boxcox(y: Operand, power: Operand, /) -> Tensor:
    """The x for which boxcox(x, power) is y.

    >>> import unitensor as ut
    >>> ut.special.inv_boxcox(ut.asarray([0.0, 1.0]), 0.0).tolist()
    [1.0, 2.718281828459045]
    """


@special(
    inputs=("y", "power"),
    grad={
        "y": lambda xp, g, y, power, out: xp.multiply(
            g, xp.divide(xp.add(out, 1), xp.add(xp.multiply(power, y), 1))
        ),
        "power": lambda xp, g, y, power, out: xp.multiply(
            g, xp.multiply(xp.add(out, 1), _inverse_power(xp, y, power))
        ),
    },
    fallback=host("inv_boxcox1p"),
    domain=((-0.4, 2.0), (0.0, 2.0)),
    notes="power * y = -1: not finite",
)
def inv_boxcox1p(y: Operand, power: Operand, /) -> Tensor:
    """The x for which boxcox1p(x, power) is y.

    >>> import unitensor as ut
    >>> ut.special.inv_boxcox1p(ut.asarray([0.0, 1e-20]), 0.0).tolist()
    [0.0, 1e-20]
    """
