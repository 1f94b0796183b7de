"""The gamma function and what is made of it: logarithms, derivatives, the beta and zeta functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .elementwise import Operand, is_complex, zero
from .special_common import below, host, polynomial, refuse, special, unary

if TYPE_CHECKING:
    from .._tensor import Tensor

POSITIVE = (0.3, 3.0)


@unary(
    lambda xp, g, x: xp.multiply(g, xp.special.digamma(x)),
    "gammaln",
    domain=POSITIVE,
    notes="the poles, 0, -1, -2, ...: NaN",
)
def gammaln(x: Tensor, /) -> Tensor:
    """log(|gamma(x)|).

    >>> import unitensor as ut
    >>> ut.special.gammaln(ut.asarray([1.0, 2.0, 0.0])).tolist()
    [0.0, 0.0, inf]
    """


_complex_loggamma = host("loggamma")


def _loggamma(xp: Any, x: Any, /) -> Any:
    """The principal branch is real for positive numbers alone."""
    if is_complex(xp, x):
        return _complex_loggamma(xp, x)
    return xp.where(below(xp, x, 0), xp.full_like(x, math.nan), xp.special.gammaln(x))


@unary(
    lambda xp, g, x: xp.multiply(g, xp.special.digamma(x)),
    fallback=_loggamma,
    dtypes="floating",
    domain=POSITIVE,
    notes="x <= 0: NaN",
)
def loggamma(x: Tensor, /) -> Tensor:
    """The principal branch of log(gamma(x)): NaN for negative numbers.

    >>> import unitensor as ut
    >>> ut.special.loggamma(ut.asarray([1.0, -0.5])).tolist()
    [0.0, nan]
    """


@unary(
    lambda xp, g, x, out: xp.multiply(g, xp.multiply(out, xp.special.digamma(x))),
    "gamma",
    dtypes="floating",
    domain=POSITIVE,
    notes="the poles, 0, -1, -2, ...: not finite",
)
def gamma(x: Tensor, /) -> Tensor:
    """The gamma function, (x - 1)! of integers.

    >>> import unitensor as ut
    >>> ut.special.gamma(ut.asarray([1.0, 5.0])).tolist()
    [1.0, 24.0]
    """


def _rgamma_rule(xp: Any, g: Any, x: Any, out: Any) -> Any:
    if is_complex(xp, x):
        return xp.negative(xp.multiply(g, xp.multiply(out, xp.special.digamma(x))))
    # Left of 1/2 by reflection, where 1 - x meets no pole.
    left = below(xp, x, 0.5)
    y = xp.where(left, xp.subtract(1, x), x)
    slope = xp.special.digamma(y)
    turn = xp.multiply(math.pi, x)
    inside = xp.subtract(xp.cos(turn), xp.divide(xp.multiply(slope, xp.sin(turn)), math.pi))
    reflected = xp.multiply(xp.special.gamma(y), inside)
    return xp.multiply(g, xp.where(left, reflected, xp.negative(xp.multiply(out, slope))))


@unary(
    _rgamma_rule,
    "rgamma",
    dtypes="floating",
    domain=(-1.5, 2.5),
    notes="of complex numbers 0, -1, -2, ...: NaN",
)
def rgamma(x: Tensor, /) -> Tensor:
    """1 / gamma(x), which is 0 at 0, -1, -2, ...

    >>> import unitensor as ut
    >>> ut.special.rgamma(ut.asarray([-1.0, 1.0])).tolist()
    [0.0, 1.0]
    """


@unary(zero, "gammasgn", domain=POSITIVE, notes="0 everywhere, also at the jumps")
def gammasgn(x: Tensor, /) -> Tensor:
    """The sign of gamma(x).

    >>> import unitensor as ut
    >>> ut.special.gammasgn(ut.asarray([0.5, -0.5])).tolist()
    [1.0, -1.0]
    """


#: Bernoulli's numbers B(16), B(14), ... B(2).
BERNOULLI = [-3617 / 510, 7 / 6, -691 / 2730, 5 / 66, -1 / 30, 1 / 42, -1 / 30, 1 / 6]


def _complex_trigamma(xp: Any, x: Any) -> Any:
    """The slope of digamma: twelve steps to the right, where the asymptotic series holds.

    Left of 1/2 by reflection. SciPy has it for real numbers alone.
    """
    left = below(xp, xp.real(x), 0.5)
    y = xp.where(left, xp.subtract(1, x), x)
    total = xp.zeros_like(x)
    for _ in range(12):
        total = xp.add(total, xp.divide(1, xp.multiply(y, y)))
        y = xp.add(y, 1)
    inverse = xp.divide(1, y)
    square = xp.multiply(inverse, inverse)
    series = xp.multiply(xp.multiply(inverse, square), polynomial(xp, square, BERNOULLI))
    total = xp.add(total, xp.add(xp.add(inverse, xp.multiply(0.5, square)), series))
    sine = xp.sin(xp.multiply(math.pi, x))
    turn = xp.divide(math.pi, xp.where(left, sine, xp.ones_like(x)))
    return xp.where(left, xp.subtract(xp.multiply(turn, turn), total), total)


def _digamma_rule(xp: Any, g: Any, x: Any) -> Any:
    return xp.multiply(g, _complex_trigamma(xp, x) if is_complex(xp, x) else xp.special.polygamma(1, x))


@unary(
    _digamma_rule,
    "psi",
    dtypes="floating",
    domain=POSITIVE,
    notes="the poles, 0, -1, -2, ...: infinite",
)
def digamma(x: Tensor, /) -> Tensor:
    """The derivative of gammaln. Its other name is `psi`.

    >>> import unitensor as ut
    >>> ut.special.digamma(ut.asarray([1.0])).tolist()
    [-0.5772156649015329]
    """


def _polygamma(xp: Any, n: Any, x: Any, /) -> Any:
    one = xp.ones_like(n)
    odd = xp.equal(xp.remainder(n, xp.add(one, one)), one)
    n1 = xp.add(n, one)
    size = xp.multiply(
        xp.special.gamma(n1), xp.special.zeta(xp.where(xp.equal(n, 0), xp.add(n1, one), n1), x)
    )
    higher = xp.where(odd, size, xp.negative(size))
    return xp.where(xp.equal(n, 0), xp.special.digamma(x), higher)


@special(
    inputs=("n", "x"),
    grad={
        "n": refuse("special.polygamma", "n"),
        "x": lambda xp, g, n, x: xp.multiply(g, xp.special.polygamma(xp.add(n, 1), x)),
    },
    fallback=_polygamma,
    domain=((1.0, 1.0), POSITIVE),
    notes="in n: an error",
)
def polygamma(n: Operand, x: Operand, /) -> Tensor:
    """The n-th derivative of digamma, n = 0, 1, 2, ...

    >>> import unitensor as ut
    >>> ut.special.polygamma(1, ut.asarray([1.0])).tolist()
    [1.6449340668482266]
    """


# Two arguments -----------------------------------------------------------------------------------------


def _beta_slope(xp: Any, mine: Any, other: Any) -> Any:
    """The derivative of betaln in one of its arguments."""
    return xp.subtract(xp.special.digamma(mine), xp.special.digamma(xp.add(mine, other)))


@special(
    inputs=("a", "b"),
    grad={
        "a": lambda xp, g, a, b: xp.multiply(g, _beta_slope(xp, a, b)),
        "b": lambda xp, g, a, b: xp.multiply(g, _beta_slope(xp, b, a)),
    },
    fallback=host("betaln"),
    domain=(POSITIVE, POSITIVE),
    notes="the poles: NaN",
)
def betaln(a: Operand, b: Operand, /) -> Tensor:
    """log(|beta(a, b)|).

    >>> import unitensor as ut
    >>> ut.special.betaln(ut.asarray([1.0]), 1.0).tolist()
    [0.0]
    """


@special(
    inputs=("a", "b"),
    grad={
        "a": lambda xp, g, a, b, out: xp.multiply(g, xp.multiply(out, _beta_slope(xp, a, b))),
        "b": lambda xp, g, a, b, out: xp.multiply(g, xp.multiply(out, _beta_slope(xp, b, a))),
    },
    fallback=host("beta"),
    domain=(POSITIVE, POSITIVE),
    notes="the poles: not finite",
)
def beta(a: Operand, b: Operand, /) -> Tensor:
    """The beta function, gamma(a) * gamma(b) / gamma(a + b).

    >>> import unitensor as ut
    >>> ut.special.beta(ut.asarray([1.0, 2.0]), 2.0).tolist()
    [0.5, 0.16666666666666666]
    """


@special(
    inputs=("x", "n"),
    grad={
        "x": lambda xp, g, x, n, out: xp.multiply(
            g,
            xp.multiply(out, xp.subtract(xp.special.digamma(xp.add(x, n)), xp.special.digamma(x))),
        ),
        "n": lambda xp, g, x, n, out: xp.multiply(g, xp.multiply(out, xp.special.digamma(xp.add(x, n)))),
    },
    fallback=host("poch"),
    domain=(POSITIVE, POSITIVE),
    notes="the poles: not finite",
)
def poch(x: Operand, n: Operand, /) -> Tensor:
    """The rising factorial gamma(x + n) / gamma(x).

    >>> import unitensor as ut
    >>> ut.special.poch(ut.asarray([2.0]), 3.0).tolist()
    [24.0]
    """


def _binom_slope(xp: Any, out: Any, a: Any, b: Any) -> Any:
    return xp.multiply(
        out,
        xp.subtract(xp.special.digamma(xp.add(a, 1)), xp.special.digamma(xp.add(b, 1))),
    )


@special(
    inputs=("n", "k"),
    grad={
        "n": lambda xp, g, n, k, out: xp.multiply(g, _binom_slope(xp, out, n, xp.subtract(n, k))),
        "k": lambda xp, g, n, k, out: xp.multiply(g, _binom_slope(xp, out, xp.subtract(n, k), k)),
    },
    fallback=host("binom"),
    domain=((3.2, 5.0), (0.3, 2.0)),
    notes="the poles: not finite",
)
def binom(n: Operand, k: Operand, /) -> Tensor:
    """The binomial coefficient, of any numbers.

    >>> import unitensor as ut
    >>> ut.special.binom(ut.asarray([5.0]), 2.0).tolist()
    [10.0]
    """


def zeta_slope(xp: Any, x: Any, q: Any) -> Any:
    """The derivative of Hurwitz' zeta in x > 1, by the formula of Euler and Maclaurin."""
    q = xp.ones_like(x) if q is None else q
    total = xp.zeros_like(xp.add(x, q))
    for k in range(ZETA_TERMS):
        log = xp.log(xp.add(q, k))
        total = xp.subtract(total, xp.multiply(log, xp.exp(xp.negative(xp.multiply(x, log)))))
    a = xp.add(q, ZETA_TERMS)
    log = xp.log(a)
    power = xp.exp(xp.negative(xp.multiply(x, log)))  # a**-x
    rest = xp.subtract(x, 1)
    integral = xp.divide(xp.multiply(a, power), rest)
    total = xp.subtract(total, xp.multiply(integral, xp.add(log, xp.divide(1, rest))))
    total = xp.subtract(total, xp.multiply(0.5, xp.multiply(power, log)))
    # The j-th term is c * rise * power / a**(2j - 1), where rise = x (x + 1) ... (x + 2j - 2).
    rise, rises = x, xp.ones_like(x)
    scale = xp.divide(power, a)
    for j, c in enumerate(EULER_MACLAURIN, 1):
        slope = xp.subtract(rises, xp.multiply(rise, log))
        total = xp.add(total, xp.multiply(c, xp.multiply(scale, slope)))
        for i in (2 * j - 1, 2 * j):
            factor = xp.add(x, i)
            rises = xp.add(xp.multiply(rises, factor), rise)
            rise = xp.multiply(rise, factor)
        scale = xp.divide(scale, xp.multiply(a, a))
    return total


ZETA_TERMS = 12
#: Bernoulli's numbers over factorials, B(2j) / (2j)!.
EULER_MACLAURIN = [
    1 / 12,
    -1 / 720,
    1 / 30240,
    -1 / 1209600,
    1 / 47900160,
    -691 / 1307674368000,
    1 / 74724249600,
    -3617 / 10670622842880000,
]


@special(
    inputs=("x", "q"),
    grad={
        "x": lambda xp, g, x, q: xp.multiply(g, zeta_slope(xp, x, q)),
        "q": lambda xp, g, x, q: xp.negative(
            xp.multiply(g, xp.multiply(x, xp.special.zeta(xp.add(x, 1), q)))
        ),
    },
    fallback=host("zeta"),
    domain=((1.5, 4.0), (0.4, 3.0)),
    notes="in x: q <= 0 NaN",
)
def zeta(x: Operand, q: Operand | None = None, /) -> Tensor:
    """The zeta function of Hurwitz, the sum of (k + q)**-x over k = 0, 1, 2, ...; Riemann's without q.

    >>> import unitensor as ut
    >>> ut.special.zeta(ut.asarray([2.0, 4.0])).tolist()
    [1.6449340668482264, 1.0823232337111381]
    """
