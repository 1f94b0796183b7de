"""The error function, the normal distribution, and their relatives and inverses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .special_common import above, below, host, polynomial, unary

if TYPE_CHECKING:
    from .._tensor import Tensor

SLOPE = 2 / math.sqrt(math.pi)
DENSITY = 1 / math.sqrt(2 * math.pi)


def _bell(xp: Any, g: Any, x: Any, scale: float) -> Any:
    """g * scale * exp(-x**2)."""
    return xp.multiply(g, xp.multiply(scale, xp.exp(xp.negative(xp.multiply(x, x)))))


@unary(lambda xp, g, x: _bell(xp, g, x, SLOPE), "erf", dtypes="floating")
def erf(x: Tensor, /) -> Tensor:
    """The error function, 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to x.

    >>> import unitensor as ut
    >>> ut.special.erf(ut.asarray([0.0, ut.inf])).tolist()
    [0.0, 1.0]
    """


@unary(lambda xp, g, x: _bell(xp, g, x, -SLOPE), "erfc", dtypes="floating")
def erfc(x: Tensor, /) -> Tensor:
    """1 - erf(x), exact where erf(x) is nearly 1.

    >>> import unitensor as ut
    >>> ut.special.erfc(ut.asarray([0.0, -ut.inf])).tolist()
    [1.0, 2.0]
    """


def _far_slope(xp: Any, x: Any) -> Any:
    """The slope of erfcx where x is large, from its asymptotic series: there is nothing to cancel."""
    w = xp.divide(1, xp.multiply(x, x))
    terms = [1.0]
    for k in range(1, 10):
        terms.append(terms[-1] * -(2 * k + 1) / 2)
    return xp.multiply(-SLOPE / 2, xp.multiply(w, polynomial(xp, w, terms[::-1])))


def _erfcx_rule(xp: Any, g: Any, x: Any, out: Any) -> Any:
    far = above(xp, x, 25)
    near = xp.subtract(xp.multiply(2, xp.multiply(x, out)), SLOPE)
    safe = xp.where(far, x, xp.full_like(x, 25.0))
    return xp.multiply(g, xp.where(far, _far_slope(xp, safe), near))


@unary(_erfcx_rule, "erfcx")
def erfcx(x: Tensor, /) -> Tensor:
    """exp(x**2) * erfc(x), without overflow or underflow where x is large.

    >>> import unitensor as ut
    >>> ut.special.erfcx(ut.asarray([0.0, 1e8])).tolist()
    [1.0, 5.641895835477563e-09]
    """


def _erfinv(xp: Any, x: Any, /) -> Any:
    return xp.copysign(_scipy_erfinv(xp, x), x)  # SciPy's of -0.0 is 0.0


_scipy_erfinv = host("erfinv")
_erfinv.host = True  # type: ignore[attr-defined]  # as `host` marks it


@unary(
    lambda xp, g, out: xp.multiply(g, xp.multiply(1 / SLOPE, xp.exp(xp.multiply(out, out)))),
    fallback=_erfinv,
    domain=(-0.9, 0.9),
    notes="|x| = 1: infinite",
)
def erfinv(x: Tensor, /) -> Tensor:
    """The inverse of erf, from [-1, 1].

    >>> import unitensor as ut
    >>> ut.special.erfinv(ut.asarray([0.0, 1.0])).tolist()
    [0.0, inf]
    """


@unary(
    lambda xp, g, out: xp.multiply(g, xp.multiply(-1 / SLOPE, xp.exp(xp.multiply(out, out)))),
    "erfcinv",
    domain=(0.1, 1.9),
    notes="x = 0 and x = 2: infinite",
)
def erfcinv(x: Tensor, /) -> Tensor:
    """The inverse of erfc, from [0, 2].

    >>> import unitensor as ut
    >>> ut.special.erfcinv(ut.asarray([2.0, 0.0])).tolist()
    [-inf, inf]
    """


def density(xp: Any, x: Any) -> Any:
    """The density of the standard normal distribution."""
    return xp.multiply(DENSITY, xp.exp(xp.multiply(-0.5, xp.multiply(x, x))))


@unary(lambda xp, g, x: xp.multiply(g, density(xp, x)), "ndtr")
def ndtr(x: Tensor, /) -> Tensor:
    """The standard normal distribution function: how likely a normal number is below x.

    >>> import unitensor as ut
    >>> ut.special.ndtr(ut.asarray([0.0, ut.inf])).tolist()
    [0.5, 1.0]
    """


@unary(
    lambda xp, g, out: xp.divide(g, density(xp, out)),
    "ndtri",
    domain=(0.05, 0.95),
    notes="x = 0 and x = 1: infinite",
)
def ndtri(x: Tensor, /) -> Tensor:
    """The inverse of ndtr: the number below which a normal one is with probability x.

    >>> import unitensor as ut
    >>> ut.special.ndtri(ut.asarray([0.5, 1.0])).tolist()
    [0.0, inf]
    """


def _log_ndtr_rule(xp: Any, g: Any, x: Any) -> Any:
    left = below(xp, x, 0)
    zero = xp.zeros_like(x)
    scaled = xp.special.erfcx(xp.multiply(-math.sqrt(0.5), xp.where(left, x, zero)))
    right = xp.where(left, zero, x)
    slope = xp.where(
        left,
        xp.divide(math.sqrt(2 / math.pi), scaled),
        xp.divide(density(xp, right), xp.special.ndtr(right)),
    )
    return xp.multiply(g, slope)


@unary(_log_ndtr_rule, "log_ndtr", domain=(-4.0, 3.0))
def log_ndtr(x: Tensor, /) -> Tensor:
    """log(ndtr(x)), exact where ndtr(x) is nearly 0 or 1. Far to the left the slope is -x.

    >>> import unitensor as ut
    >>> ut.special.log_ndtr(ut.asarray([0.0, -ut.inf])).tolist()
    [-0.6931471805599453, -inf]
    """
