"""Bessel functions of orders 0 and 1, of the first and second kind and modified.

Derivatives are Bessel functions again. Higher orders than 1 serve second derivatives alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .special_common import host, unary

if TYPE_CHECKING:
    from .._tensor import Tensor

POSITIVE = (0.5, 4.0)


def _order(xp: Any, family: str, n: int, x: Any) -> Any:
    """The function of a family ("j" or "ie") and an order."""
    n = abs(n)
    if n < 2:
        return getattr(xp.special, f"{family[0]}{n}{family[1:]}")(x)
    return getattr(xp.special, f"bessel_{family}")(x, n=n)


def _scaled_slope(xp: Any, x: Any, out: Any, middle: Any) -> Any:
    """The slope of a function times exp(-|x|), from the function's own slope times it."""
    return xp.subtract(middle, xp.multiply(xp.sign(x), out))


# The first kind -----------------------------------------------------------------------------------


def _bessel_j_rule(xp: Any, g: Any, x: Any, n: int) -> Any:
    below = _order(xp, "j", n - 1, x)
    return xp.multiply(xp.multiply(g, 0.5), xp.subtract(below, _order(xp, "j", n + 1, x)))


def _by_order(kernel: str) -> Any:
    compute = host(kernel)

    def call(xp: Any, x: Any, /, *, n: int) -> Any:
        return compute(xp, float(n), x)  # an integer would widen the result to float64

    call.host = True  # type: ignore[attr-defined]  # as `host` marks it
    return call


@unary(_bessel_j_rule, fallback=_by_order("jv"), public=False)
def bessel_j(x: Tensor, /, *, n: int) -> Tensor:
    """The Bessel function of the first kind and of order n."""


@unary(lambda xp, g, x: xp.negative(xp.multiply(g, xp.special.j1(x))), "j0")
def j0(x: Tensor, /) -> Tensor:
    """The Bessel function of the first kind and of order 0.

    >>> import unitensor as ut
    >>> ut.special.j0(ut.asarray([0.0])).tolist()
    [1.0]
    """


@unary(lambda xp, g, x: _bessel_j_rule(xp, g, x, 1), "j1")
def j1(x: Tensor, /) -> Tensor:
    """The Bessel function of the first kind and of order 1.

    >>> import unitensor as ut
    >>> ut.special.j1(ut.asarray([0.0])).tolist()
    [0.0]
    """


# The second kind ------------------------------------------------------------------------------------


@unary(
    lambda xp, g, x: xp.negative(xp.multiply(g, xp.special.y1(x))),
    "y0",
    domain=POSITIVE,
    notes="x = 0: infinite; x < 0: NaN",
)
def y0(x: Tensor, /) -> Tensor:
    """The Bessel function of the second kind and of order 0.

    >>> import unitensor as ut
    >>> ut.special.y0(ut.asarray([0.0])).tolist()
    [-inf]
    """


@unary(
    lambda xp, g, x, out: xp.multiply(g, xp.subtract(xp.special.y0(x), xp.divide(out, x))),
    "y1",
    domain=POSITIVE,
    notes="x = 0: infinite or NaN; x < 0: NaN",
)
def y1(x: Tensor, /) -> Tensor:
    """The Bessel function of the second kind and of order 1.

    >>> import unitensor as ut
    >>> ut.special.y1(ut.asarray([0.0])).tolist()
    [-inf]
    """


# Modified, the first kind ----------------------------------------------------------------------------


def _bessel_ie_rule(xp: Any, g: Any, x: Any, out: Any, n: int) -> Any:
    around = xp.add(_order(xp, "ie", n - 1, x), _order(xp, "ie", n + 1, x))
    return xp.multiply(g, _scaled_slope(xp, x, out, xp.multiply(0.5, around)))


@unary(_bessel_ie_rule, fallback=_by_order("ive"), public=False)
def bessel_ie(x: Tensor, /, *, n: int) -> Tensor:
    """The modified Bessel function of the first kind and of order n, times exp(-|x|)."""


@unary(lambda xp, g, x: xp.multiply(g, xp.special.i1(x)), "i0")
def i0(x: Tensor, /) -> Tensor:
    """The modified Bessel function of the first kind and of order 0.

    >>> import unitensor as ut
    >>> ut.special.i0(ut.asarray([0.0])).tolist()
    [1.0]
    """


def _i1_rule(xp: Any, g: Any, x: Any) -> Any:
    second = xp.multiply(xp.exp(xp.abs(x)), xp.special.bessel_ie(x, n=2))
    return xp.multiply(xp.multiply(0.5, g), xp.add(xp.special.i0(x), second))


@unary(_i1_rule, "i1")
def i1(x: Tensor, /) -> Tensor:
    """The modified Bessel function of the first kind and of order 1.

    >>> import unitensor as ut
    >>> ut.special.i1(ut.asarray([0.0])).tolist()
    [0.0]
    """


@unary(
    lambda xp, g, x, out: xp.multiply(g, _scaled_slope(xp, x, out, xp.special.i1e(x))),
    "i0e",
    notes="x = 0: 0",
)
def i0e(x: Tensor, /) -> Tensor:
    """i0(x) * exp(-|x|), without overflow.

    >>> import unitensor as ut
    >>> ut.special.i0e(ut.asarray([0.0])).tolist()
    [1.0]
    """


@unary(lambda xp, g, x, out: _bessel_ie_rule(xp, g, x, out, 1), "i1e")
def i1e(x: Tensor, /) -> Tensor:
    """i1(x) * exp(-|x|), without overflow.

    >>> import unitensor as ut
    >>> ut.special.i1e(ut.asarray([0.0])).tolist()
    [0.0]
    """


# Modified, the second kind ----------------------------------------------------------------------------


@unary(
    lambda xp, g, x: xp.negative(xp.multiply(g, xp.special.k1(x))),
    "k0",
    domain=POSITIVE,
    notes="x = 0: infinite; x < 0: NaN",
)
def k0(x: Tensor, /) -> Tensor:
    """The modified Bessel function of the second kind and of order 0.

    >>> import unitensor as ut
    >>> ut.special.k0(ut.asarray([0.0])).tolist()
    [inf]
    """


@unary(
    lambda xp, g, x, out: xp.negative(xp.multiply(g, xp.add(xp.special.k0(x), xp.divide(out, x)))),
    "k1",
    domain=POSITIVE,
    notes="x = 0: infinite; x < 0: NaN",
)
def k1(x: Tensor, /) -> Tensor:
    """The modified Bessel function of the second kind and of order 1.

    >>> import unitensor as ut
    >>> ut.special.k1(ut.asarray([0.0])).tolist()
    [inf]
    """


@unary(
    lambda xp, g, x, out: xp.multiply(g, xp.subtract(out, xp.special.k1e(x))),
    "k0e",
    domain=POSITIVE,
    notes="x = 0: infinite or NaN; x < 0: NaN",
)
def k0e(x: Tensor, /) -> Tensor:
    """k0(x) * exp(x), without underflow.

    >>> import unitensor as ut
    >>> ut.special.k0e(ut.asarray([0.0])).tolist()
    [inf]
    """


@unary(
    lambda xp, g, x, out: xp.multiply(g, xp.subtract(out, xp.add(xp.special.k0e(x), xp.divide(out, x)))),
    "k1e",
    domain=POSITIVE,
    notes="x = 0: infinite or NaN; x < 0: NaN",
)
def k1e(x: Tensor, /) -> Tensor:
    """k1(x) * exp(x), without underflow.

    >>> import unitensor as ut
    >>> ut.special.k1e(ut.asarray([0.0])).tolist()
    [inf]
    """
