"""Exponential and elliptic integrals, and other functions that are met now and then."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .elementwise import Operand
from .special_common import above, below, host, polynomial, refuse, special, unary
from .special_gamma import zeta_slope

if TYPE_CHECKING:
    from .._tensor import Tensor

POSITIVE = (0.4, 3.0)

# Exponential integrals and the dilogarithm ------------------------------------------------------------


@unary(
    lambda xp, g, x: xp.negative(xp.multiply(g, xp.divide(xp.exp(xp.negative(x)), x))),
    "exp1",
    domain=POSITIVE,
    notes="x = 0: infinite",
)
def exp1(x: Tensor, /) -> Tensor:
    """The exponential integral: of exp(-t) / t from x to infinity.

    >>> import unitensor as ut
    >>> ut.special.exp1(ut.asarray([0.0, ut.inf])).tolist()
    [inf, 0.0]
    """


@unary(
    lambda xp, g, x: xp.multiply(g, xp.divide(xp.exp(x), x)),
    "expi",
    domain=POSITIVE,
    notes="x = 0: infinite",
)
def expi(x: Tensor, /) -> Tensor:
    """The principal value of the integral of exp(t) / t from -infinity to x.

    >>> import unitensor as ut
    >>> ut.special.expi(ut.asarray([0.0, ut.inf])).tolist()
    [-inf, inf]
    """


def _expn_rule(xp: Any, g: Any, n: Any, x: Any) -> Any:
    # Of order 0 it is exp(-x) / x.
    first = xp.equal(n, 0)
    inverse = xp.divide(1, x)
    lowest = xp.multiply(xp.exp(xp.negative(x)), xp.add(inverse, xp.multiply(inverse, inverse)))
    lower = xp.special.expn(xp.where(first, xp.zeros_like(n), xp.subtract(n, 1)), x)
    return xp.negative(xp.multiply(g, xp.where(first, lowest, lower)))


@special(
    inputs=("n", "x"),
    grad={"n": refuse("special.expn", "n"), "x": _expn_rule},
    fallback=host("expn"),
    notes="x = 0: infinite for n < 2; in n: an error",
)
def expn(n: Operand, x: Operand, /) -> Tensor:
    """The exponential integral of order n: of exp(-x * t) / t**n from 1 to infinity.

    >>> import unitensor as ut
    >>> ut.special.expn(2, ut.asarray([0.0])).tolist()
    [1.0]
    """


#: The series of log(1 + w) / w, its highest coefficient first.
LOG1P_OVER = [(-1) ** k / (k + 1) for k in range(17, -1, -1)]


def _spence_rule(xp: Any, g: Any, x: Any) -> Any:
    w = xp.subtract(x, 1)
    near = below(xp, xp.abs(w), 0.1)
    series = polynomial(xp, xp.where(near, w, xp.zeros_like(w)), LOG1P_OVER)
    far = xp.where(near, xp.ones_like(w), w)
    return xp.negative(xp.multiply(g, xp.where(near, series, xp.divide(xp.log1p(far), far))))


@unary(_spence_rule, "spence", domain=(0.3, 3.0), notes="x = 0: infinite; x < 0: NaN")
def spence(x: Tensor, /) -> Tensor:
    """The dilogarithm of 1 - x: the integral of log(t) / (1 - t) from 1 to x.

    >>> import unitensor as ut
    >>> ut.special.spence(ut.asarray([1.0])).tolist()
    [0.0]
    """


@unary(
    lambda xp, g, x: xp.multiply(g, zeta_slope(xp, x, xp.ones_like(x))),
    "zetac",
    domain=(1.5, 4.0),
)
def zetac(x: Tensor, /) -> Tensor:
    """Riemann's zeta function less 1.

    >>> import unitensor as ut
    >>> ut.special.zetac(ut.asarray([2.0])).tolist()
    [0.6449340668482264]
    """


@special(
    inputs=("a", "b", "x"),
    grad={
        "a": refuse("special.hyp1f1", "a"),
        "b": refuse("special.hyp1f1", "b"),
        "x": lambda xp, g, a, b, x: xp.multiply(
            xp.multiply(g, xp.divide(a, b)), xp.special.hyp1f1(xp.add(a, 1), xp.add(b, 1), x)
        ),
    },
    fallback=host("hyp1f1"),
    notes="in a and b: an error",
)
def hyp1f1(a: Operand, b: Operand, x: Operand, /) -> Tensor:
    """Kummer's confluent hypergeometric function.

    >>> import unitensor as ut
    >>> ut.special.hyp1f1(1.0, 2.0, ut.asarray([0.0])).tolist()
    [1.0]
    """


# Elliptic integrals -------------------------------------------------------------------------------------


def _ellip_d(xp: Any, p: Any, /) -> Any:
    compute = host("elliprd")
    return xp.divide(compute(xp, xp.zeros_like(p), p, xp.ones_like(p)), 3)


_ellip_d.host = True  # type: ignore[attr-defined]  # as `host` marks it


def _products(n: int) -> list[float]:
    """The coefficients of the series of the third integral in 1 - p."""
    squares = [(math.comb(2 * k, k) / 4**k) ** 2 for k in range(n + 1)]
    return [math.pi / 2 * squares[k + 1] * (2 * k + 2) / (2 * k + 1) for k in range(n)]


#: The series of the slope in 1 - p, its highest coefficient first.
ELLIP_D_SLOPE = [k * c for k, c in enumerate(_products(18))][:0:-1]


def _ellip_d_rule(xp: Any, g: Any, x: Any, out: Any) -> Any:
    m = xp.subtract(1, x)
    near = below(xp, xp.abs(m), 0.1)
    series = polynomial(xp, xp.where(near, m, xp.zeros_like(m)), ELLIP_D_SLOPE)
    first = xp.divide(xp.subtract(xp.special.ellipkm1(x), out), xp.multiply(2, x))
    far = xp.divide(xp.subtract(first, xp.multiply(0.5, out)), xp.where(near, xp.ones_like(m), m))
    return xp.negative(xp.multiply(g, xp.where(near, series, far)))


@unary(_ellip_d_rule, fallback=_ellip_d, public=False, domain=(0.3, 1.5))
def ellip_d(x: Tensor, /) -> Tensor:
    """The complete elliptic integral D, of sin(t)**2 / sqrt(1 - (1 - x) * sin(t)**2)."""


def _ellipkm1_rule(xp: Any, g: Any, x: Any, out: Any) -> Any:
    slope = xp.divide(xp.subtract(out, xp.special.ellip_d(x)), xp.multiply(2, x))
    return xp.negative(xp.multiply(g, slope))


@unary(
    lambda xp, g, x, out: xp.negative(_ellipkm1_rule(xp, g, xp.subtract(1, x), out)),
    "ellipk",
    domain=(-0.5, 0.7),
    notes="x = 1: infinite; x > 1: NaN",
)
def ellipk(x: Tensor, /) -> Tensor:
    """The complete elliptic integral of the first kind, of the parameter x = m = k**2.

    >>> import unitensor as ut
    >>> ut.special.ellipk(ut.asarray([0.0])).tolist()
    [1.5707963267948966]
    """


@unary(_ellipkm1_rule, "ellipkm1", domain=(0.3, 1.5), notes="x = 0: infinite; x < 0: NaN")
def ellipkm1(x: Tensor, /) -> Tensor:
    """ellipk(1 - x), exact for small x.

    >>> import unitensor as ut
    >>> ut.special.ellipkm1(ut.asarray([1.0])).tolist()
    [1.5707963267948966]
    """


@unary(
    lambda xp, g, x: xp.multiply(xp.multiply(-0.5, g), xp.special.ellip_d(xp.subtract(1, x))),
    "ellipe",
    domain=(-0.5, 0.7),
    notes="x = 1: infinite; x > 1: NaN",
)
def ellipe(x: Tensor, /) -> Tensor:
    """The complete elliptic integral of the second kind, of the parameter x = m = k**2.

    >>> import unitensor as ut
    >>> ut.special.ellipe(ut.asarray([0.0])).tolist()
    [1.5707963267948966]
    """


# Losses ------------------------------------------------------------------------------------------------


def _huber_delta(xp: Any, g: Any, delta: Any, x: Any) -> Any:
    over = xp.subtract(xp.abs(x), delta)
    return xp.multiply(g, xp.where(above(xp, over, 0), over, xp.zeros_like(over)))


def _huber_r(xp: Any, g: Any, delta: Any, x: Any) -> Any:
    inside = xp.less_equal(xp.abs(x), delta)
    return xp.multiply(g, xp.where(inside, x, xp.multiply(delta, xp.sign(x))))


@special(
    inputs=("delta", "x"),
    grad={"delta": _huber_delta, "x": _huber_r},
    fallback=host("huber"),
    domain=((0.3, 0.9), (1.1, 2.0)),
)
def huber(delta: Operand, x: Operand, /) -> Tensor:
    """Huber's loss: x**2 / 2 up to |x| = delta, linear beyond; infinity where delta is negative.

    >>> import unitensor as ut
    >>> ut.special.huber(1.0, ut.asarray([0.5, 3.0])).tolist()
    [0.125, 2.5]
    """


def _pseudo_huber_parts(xp: Any, delta: Any, x: Any) -> tuple[Any, Any]:
    ratio = xp.divide(x, delta)
    square = xp.multiply(ratio, ratio)
    return square, xp.sqrt(xp.add(square, 1))


def _pseudo_huber_delta(xp: Any, g: Any, delta: Any, x: Any) -> Any:
    square, root = _pseudo_huber_parts(xp, delta, x)
    excess = xp.divide(square, xp.add(root, 1))
    slope = xp.divide(xp.multiply(delta, xp.multiply(excess, excess)), root)
    return xp.multiply(g, slope)


@special(
    inputs=("delta", "x"),
    grad={
        "delta": _pseudo_huber_delta,
        "x": lambda xp, g, delta, x: xp.multiply(g, xp.divide(x, _pseudo_huber_parts(xp, delta, x)[1])),
    },
    fallback=host("pseudo_huber"),
    domain=(POSITIVE, (-2.0, 2.0)),
    notes="delta = 0: NaN",
)
def pseudo_huber(delta: Operand, x: Operand, /) -> Tensor:
    """A smooth Huber loss, delta**2 * (sqrt(1 + (x / delta)**2) - 1).

    >>> import unitensor as ut
    >>> ut.special.pseudo_huber(1.0, ut.asarray([0.0])).tolist()
    [0.0]
    """


# Degrees -------------------------------------------------------------------------------------------------

DEGREE = math.pi / 180


@unary(lambda xp, g, x: xp.multiply(xp.multiply(g, DEGREE), xp.special.cosdg(x)), "sindg")
def sindg(x: Tensor, /) -> Tensor:
    """The sine of an angle in degrees.

    >>> import unitensor as ut
    >>> ut.special.sindg(ut.asarray([180.0, 90.0])).tolist()
    [-0.0, 1.0]
    """


@unary(lambda xp, g, x: xp.multiply(xp.multiply(g, -DEGREE), xp.special.sindg(x)), "cosdg")
def cosdg(x: Tensor, /) -> Tensor:
    """The cosine of an angle in degrees.

    >>> import unitensor as ut
    >>> ut.special.cosdg(ut.asarray([0.0, 180.0])).tolist()
    [1.0, -1.0]
    """


@unary(
    lambda xp, g, out: xp.multiply(xp.multiply(g, DEGREE), xp.add(xp.multiply(out, out), 1)),
    "tandg",
    notes="the poles: infinite",
)
def tandg(x: Tensor, /) -> Tensor:
    """The tangent of an angle in degrees.

    >>> import unitensor as ut
    >>> ut.special.tandg(ut.asarray([0.0, 45.0])).tolist()
    [0.0, 1.0]
    """


@unary(
    lambda xp, g, out: xp.multiply(xp.multiply(g, -DEGREE), xp.add(xp.multiply(out, out), 1)),
    "cotdg",
    domain=(20.0, 70.0),
    notes="the poles: infinite",
)
def cotdg(x: Tensor, /) -> Tensor:
    """The cotangent of an angle in degrees.

    >>> import unitensor as ut
    >>> ut.special.cotdg(ut.asarray([45.0])).tolist()
    [1.0]
    """


@special(
    inputs=("d", "m", "s"),
    grad={
        "d": lambda xp, g: xp.multiply(g, DEGREE),
        "m": lambda xp, g: xp.multiply(g, DEGREE / 60),
        "s": lambda xp, g: xp.multiply(g, DEGREE / 3600),
    },
    fallback=host("radian"),
)
def radian(d: Operand, m: Operand, s: Operand, /) -> Tensor:
    """An angle of degrees, minutes and seconds in radians.

    >>> import unitensor as ut
    >>> ut.special.radian(ut.asarray([180.0]), 0.0, 0.0).tolist()
    [3.141592653589793]
    """


# Of integer orders ------------------------------------------------------------------------------------------


@special(
    inputs=("n", "x"),
    grad={
        "n": refuse("special.yn", "n"),
        "x": lambda xp, g, n, x, out: xp.multiply(
            g,
            xp.subtract(xp.special.yn(xp.subtract(n, 1), x), xp.divide(xp.multiply(n, out), x)),
        ),
    },
    fallback=host("yn"),
    notes="in n: an error; x <= 0: not finite",
)
def yn(n: Operand, x: Operand, /) -> Tensor:
    """The Bessel function of the second kind and of integer order n.

    >>> import unitensor as ut
    >>> ut.special.yn(2, ut.asarray([0.0])).tolist()
    [-inf]
    """


def _lpmv_rule(xp: Any, g: Any, m: Any, v: Any, x: Any, out: Any) -> Any:
    lower = xp.special.lpmv(m, xp.subtract(v, 1), x)
    top = xp.subtract(xp.multiply(xp.multiply(v, x), out), xp.multiply(xp.add(v, m), lower))
    return xp.multiply(g, xp.divide(top, xp.subtract(xp.multiply(x, x), 1)))


@special(
    inputs=("m", "v", "x"),
    grad={"m": refuse("special.lpmv", "m"), "v": refuse("special.lpmv", "v"), "x": _lpmv_rule},
    fallback=host("lpmv"),
    notes="in m and v: an error; |x| = 1: not finite",
)
def lpmv(m: Operand, v: Operand, x: Operand, /) -> Tensor:
    """Legendre's associated function of integer order m and degree v.

    >>> import unitensor as ut
    >>> ut.special.lpmv(0, 1, ut.asarray([0.5])).tolist()
    [0.5]
    """
