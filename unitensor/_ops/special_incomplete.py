"""The incomplete gamma and beta functions, with derivatives in every argument.

In the parameters there is no closed form. The derivatives are integrals of the density's own
derivatives, over a logarithmic variable, by the double exponential rule: 130 points give about
14 digits, to every order, from whichever end of the distribution is nearer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .elementwise import Operand
from .special_common import above, below, host, nodes, polynomial, special

if TYPE_CHECKING:
    from .._tensor import Tensor

POSITIVE = (0.4, 3.0)
STEP = 1 / 16
#: Stirling's series of log(gamma), its highest coefficient first, in 1 / a**2.
STIRLING = [1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12]


def bell(xp: Any, n: int, cumulant: Callable[[int], Any]) -> Any:
    """The n-th derivative of exp(f) over exp(f), from the derivatives of f: Bell's polynomial."""
    cumulants = [cumulant(j) for j in range(1, n + 1)]
    found = [xp.ones_like(cumulants[0])]
    for k in range(n):
        terms = [xp.multiply(math.comb(k, i), xp.multiply(found[k - i], cumulants[i])) for i in range(k + 1)]
        found.append(sum_of(xp, terms))
    return found[n]


def sum_of(xp: Any, terms: list[Any]) -> Any:
    """Arrays, or at least one array among numbers, added up."""
    total = terms[0]
    for term in terms[1:]:
        total = xp.add(total, term)
    return total


def widened(xp: Any, *arrays: Any) -> tuple[Any, ...]:
    """Half precision in float32: no integral comes out of it otherwise."""
    backend = xp.backend
    short = backend.dtype_of(arrays[0]).itemsize == 2
    return tuple(xp.astype(a, xp.raw_dtype("float32")) if short else a for a in arrays)


def integral(xp: Any, rate: Any, integrand: Callable[[Any], Any]) -> Any:
    """The integral from 0 to infinity of a function that decays over lengths of about 1 / rate.

    `integrand` takes points along a new last axis.
    """
    total = None
    for block in nodes(-3.7, 4.4, STEP, math.prod(rate.shape)):
        scale = [math.exp(v - math.exp(-v)) for v in block]
        weight = [s * (1 + math.exp(-v)) * STEP for s, v in zip(scale, block)]
        options = {"dtype": rate.dtype, "device": xp.backend.raw_device_of(rate)}
        points = xp.divide(xp.asarray(scale, **options), xp.expand_dims(rate, axis=-1))
        values = xp.multiply(integrand(points), xp.asarray(weight, **options))
        part = xp.sum(values, axis=-1)
        total = part if total is None else xp.add(total, part)
    return xp.divide(total, rate)


# The incomplete gamma function ------------------------------------------------------------------------


def _log_scale(xp: Any, a: Any) -> Any:
    """a * log(a) - a - log(gamma(a)), without the digits that cancel where a is large."""
    large = above(xp, a, 16)
    big = xp.where(large, a, xp.full_like(a, 16.0))
    small = xp.where(large, xp.full_like(a, 16.0), a)
    inverse = xp.divide(1, big)
    series = xp.multiply(inverse, polynomial(xp, xp.multiply(inverse, inverse), STIRLING))
    by_series = xp.subtract(xp.multiply(0.5, xp.log(xp.multiply(1 / (2 * math.pi), big))), series)
    direct = xp.subtract(xp.subtract(xp.special.xlogy(small, small), small), xp.special.gammaln(small))
    return xp.where(large, by_series, direct)


def _log_over(xp: Any, a: Any, x: Any) -> Any:
    """log(x / a), exact where x is near a."""
    off = xp.divide(xp.subtract(x, a), a)
    near = below(xp, xp.abs(off), 0.5)
    one = xp.ones_like(off)
    return xp.where(near, xp.log1p(xp.where(near, off, one)), xp.log(xp.where(near, one, xp.divide(x, a))))


def psi(xp: Any, n: int, x: Any) -> Any:
    """The n-th derivative of digamma."""
    return xp.special.polygamma(n, x) if n else xp.special.digamma(x)


def gamma_density(xp: Any, a: Any, x: Any) -> Any:
    """The slope of gammainc in x."""
    endless = xp.isinf(x)
    x = xp.where(endless, xp.ones_like(x), x)
    large = xp.logical_and(above(xp, a, 16), above(xp, x, 0))
    safe_a = xp.where(large, a, xp.full_like(a, 16.0))
    safe_x = xp.where(large, x, xp.full_like(x, 16.0))
    away = xp.subtract(xp.divide(safe_x, safe_a), 1)
    power = xp.multiply(safe_a, xp.subtract(_log_over(xp, safe_a, safe_x), away))
    far = xp.divide(xp.exp(xp.add(power, _log_scale(xp, safe_a))), safe_x)
    small_a = xp.where(large, xp.ones_like(a), a)
    small_x = xp.where(large, xp.ones_like(x), x)
    power = xp.subtract(xp.special.xlogy(xp.subtract(small_a, 1), small_x), small_x)
    near = xp.exp(xp.subtract(power, xp.special.gammaln(small_a)))
    density = xp.where(large, far, near)
    return xp.where(endless, xp.zeros_like(density), density)


def _gamma_cumulant(xp: Any, a: Any, log: Any, j: int) -> Any:
    """The j-th derivative in a of the logarithm of the density at a point whose logarithm is given."""
    if j == 1:
        return xp.subtract(log, xp.special.digamma(a))
    return xp.negative(psi(xp, j - 1, a))


def _gammainc_slope(xp: Any, a: Any, x: Any, /, *, n: int) -> Any:
    kept = a.dtype
    a, x = widened(xp, a, x)
    edge = xp.logical_or(xp.equal(x, 0), xp.isinf(x))
    shape = xp.add(a, x)
    a = xp.add(a, xp.zeros_like(shape))
    x = xp.where(edge, xp.ones_like(shape), x)
    left = xp.less(x, xp.add(a, 1))
    beyond = xp.maximum(xp.subtract(a, x), xp.zeros_like(x))
    behind = xp.where(below(xp, a, 1), a, xp.add(xp.sqrt(a), beyond))
    ahead = xp.add(xp.abs(xp.subtract(x, a)), xp.sqrt(x))
    start = xp.expand_dims(_log_over(xp, a, x), axis=-1)
    turn = xp.expand_dims(xp.where(left, xp.full_like(x, -1.0), xp.ones_like(x)), axis=-1)
    wide = xp.expand_dims(a, axis=-1)
    scale, log_a = xp.expand_dims(_log_scale(xp, a), axis=-1), xp.log(wide)

    def integrand(points: Any) -> Any:
        u = xp.add(start, xp.multiply(turn, points))
        grown = xp.expm1(xp.minimum(u, xp.full_like(u, 80.0)))
        density = xp.exp(xp.add(xp.multiply(wide, xp.subtract(u, grown)), scale))
        log = xp.add(u, log_a)
        return xp.multiply(density, bell(xp, n, lambda j: _gamma_cumulant(xp, wide, log, j)))

    total = integral(xp, xp.where(left, behind, ahead), integrand)
    total = xp.where(edge, xp.zeros_like(total), xp.where(left, total, xp.negative(total)))
    return total if total.dtype == kept else xp.astype(total, kept)


def _gammainc_slope_x(xp: Any, g: Any, a: Any, x: Any, n: int) -> Any:
    # At 0 the density wins against the logarithm if it is 0 there.
    flat = xp.logical_and(xp.equal(x, 0), above(xp, a, 1))
    log = xp.log(xp.where(flat, xp.ones_like(x), x))
    slope = bell(xp, n, lambda j: _gamma_cumulant(xp, a, log, j))
    return xp.multiply(g, xp.multiply(gamma_density(xp, a, x), slope))


@special(
    inputs=("a", "x"),
    grad={
        "a": lambda xp, g, a, x, n: xp.multiply(g, xp.special.gammainc_slope(a, x, n=n + 1)),
        "x": _gammainc_slope_x,
    },
    fallback=_gammainc_slope,
    public=False,
    domain=(POSITIVE, POSITIVE),
)
def gammainc_slope(a: Tensor, x: Tensor, /, *, n: int) -> Tensor:
    """The n-th derivative of gammainc in a."""


def _gammainc_a(xp: Any, g: Any, a: Any, x: Any) -> Any:
    return xp.multiply(g, xp.special.gammainc_slope(a, x, n=1))


@special(
    inputs=("a", "x"),
    grad={"a": _gammainc_a, "x": lambda xp, g, a, x: xp.multiply(g, gamma_density(xp, a, x))},
    fallback=host("gammainc"),
    domain=(POSITIVE, POSITIVE),
)
def gammainc(a: Operand, x: Operand, /) -> Tensor:
    """The lower incomplete gamma function, regularized: the gamma distribution's share below x.

    >>> import unitensor as ut
    >>> ut.special.gammainc(ut.asarray([1.0]), ut.asarray([0.0, 1.0])).tolist()
    [0.0, 0.6321205588285577]
    """


@special(
    inputs=("a", "x"),
    grad={
        "a": lambda xp, g, a, x: xp.negative(_gammainc_a(xp, g, a, x)),
        "x": lambda xp, g, a, x: xp.negative(xp.multiply(g, gamma_density(xp, a, x))),
    },
    fallback=host("gammaincc"),
    domain=(POSITIVE, POSITIVE),
)
def gammaincc(a: Operand, x: Operand, /) -> Tensor:
    """1 - gammainc(a, x), exact where gammainc is nearly 1.

    >>> import unitensor as ut
    >>> ut.special.gammaincc(ut.asarray([1.0]), ut.asarray([0.0, 1.0])).tolist()
    [1.0, 0.36787944117144245]
    """


# The incomplete beta function ---------------------------------------------------------------------------


def beta_density(xp: Any, a: Any, b: Any, x: Any) -> Any:
    """The slope of betainc in x."""
    power = xp.add(
        xp.special.xlogy(xp.subtract(a, 1), x),
        xp.special.xlog1py(xp.subtract(b, 1), xp.negative(x)),
    )
    return xp.exp(xp.subtract(power, xp.special.betaln(a, b)))


def _beta_cumulant(xp: Any, a: Any, b: Any, logs: tuple[Any, Any], i: int, j: int) -> Any:
    """The derivative of the density's logarithm, i times in a and j times in b."""
    both = psi(xp, i + j - 1, xp.add(a, b))
    if i and j:
        return both
    mine = xp.subtract(both, psi(xp, i + j - 1, a if i else b))
    if i + j > 1:
        return mine
    return xp.add(mine, logs[0] if i else logs[1])


def _beta_bell(xp: Any, a: Any, b: Any, logs: tuple[Any, Any], n: int, m: int) -> Any:
    """The density's derivative, n times in a and m times in b, over the density."""
    kept: dict[tuple[int, int], Any] = {(0, 0): xp.ones_like(xp.add(logs[0], logs[1]))}
    cumulants: dict[tuple[int, int], Any] = {}

    def cumulant(i: int, j: int) -> Any:
        if (i, j) not in cumulants:
            cumulants[i, j] = _beta_cumulant(xp, a, b, logs, i, j)
        return cumulants[i, j]

    def term(n: int, m: int) -> Any:
        if (n, m) in kept:
            return kept[n, m]
        # One derivative of exp(f) is f' exp(f); the others are distributed over the product.
        first = (1, 0) if n else (0, 1)
        k, h = n - first[0], m - first[1]
        terms = [
            xp.multiply(
                math.comb(k, i) * math.comb(h, j),
                xp.multiply(term(k - i, h - j), cumulant(first[0] + i, first[1] + j)),
            )
            for i in range(k + 1)
            for j in range(h + 1)
        ]
        kept[n, m] = sum_of(xp, terms)
        return kept[n, m]

    return term(n, m)


def _betainc_slope(xp: Any, a: Any, b: Any, x: Any, /, *, n: int, k: int) -> Any:
    kept = a.dtype
    a, b, x = widened(xp, a, b, x)
    edge = xp.logical_or(xp.equal(x, 0), xp.equal(x, 1))
    zero = xp.zeros_like(xp.add(xp.add(a, b), x))
    a, b = xp.add(a, zero), xp.add(b, zero)
    x = xp.where(edge, xp.full_like(zero, 0.5), x)
    sizes = xp.add(a, b)
    left = xp.less(x, xp.divide(xp.add(a, 1), xp.add(sizes, 2)))
    width = xp.sqrt(xp.divide(xp.multiply(a, b), sizes))
    slope = xp.subtract(a, xp.multiply(sizes, x))
    behind = xp.where(below(xp, a, 1), a, xp.add(width, xp.maximum(slope, zero)))
    ahead = xp.where(below(xp, b, 1), b, xp.add(width, xp.maximum(xp.negative(slope), zero)))
    start = xp.expand_dims(xp.subtract(xp.log(x), xp.log1p(xp.negative(x))), axis=-1)
    turn = xp.expand_dims(xp.where(left, xp.full_like(x, -1.0), xp.ones_like(x)), axis=-1)
    scale = xp.expand_dims(xp.special.betaln(a, b), axis=-1)
    a, b = xp.expand_dims(a, axis=-1), xp.expand_dims(b, axis=-1)

    def integrand(points: Any) -> Any:
        u = xp.add(start, xp.multiply(turn, points))
        logs = (xp.special.log_expit(u), xp.special.log_expit(xp.negative(u)))
        power = xp.add(xp.multiply(a, logs[0]), xp.multiply(b, logs[1]))
        density = xp.exp(xp.subtract(power, scale))
        return xp.multiply(density, _beta_bell(xp, a, b, logs, n, k))

    total = integral(xp, xp.where(left, behind, ahead), integrand)
    total = xp.where(edge, zero, xp.where(left, total, xp.negative(total)))
    return total if total.dtype == kept else xp.astype(total, kept)


@special(
    inputs=("a", "b", "x"),
    grad={
        "a": lambda xp, g, a, b, x, n, k: xp.multiply(g, xp.special.betainc_slope(a, b, x, n=n + 1, k=k)),
        "b": lambda xp, g, a, b, x, n, k: xp.multiply(g, xp.special.betainc_slope(a, b, x, n=n, k=k + 1)),
        "x": lambda xp, g, a, b, x, n, k: xp.multiply(
            xp.multiply(g, beta_density(xp, a, b, x)),
            _beta_bell(xp, a, b, (xp.log(x), xp.log1p(xp.negative(x))), n, k),
        ),
    },
    fallback=_betainc_slope,
    public=False,
    domain=(POSITIVE, POSITIVE, (0.1, 0.9)),
)
def betainc_slope(a: Tensor, b: Tensor, x: Tensor, /, *, n: int, k: int) -> Tensor:
    """The derivative of betainc, n times in a and k times in b."""


@special(
    inputs=("a", "b", "x"),
    grad={
        "a": lambda xp, g, a, b, x: xp.multiply(g, xp.special.betainc_slope(a, b, x, n=1, k=0)),
        "b": lambda xp, g, a, b, x: xp.multiply(g, xp.special.betainc_slope(a, b, x, n=0, k=1)),
        "x": lambda xp, g, a, b, x: xp.multiply(g, beta_density(xp, a, b, x)),
    },
    fallback=host("betainc"),
    domain=(POSITIVE, POSITIVE, (0.1, 0.9)),
)
def betainc(a: Operand, b: Operand, x: Operand, /) -> Tensor:
    """The incomplete beta function, regularized: the beta distribution's share below x.

    >>> import unitensor as ut
    >>> ut.special.betainc(ut.asarray([2.0]), 2.0, ut.asarray([0.0, 0.5, 1.0])).tolist()
    [0.0, 0.5, 1.0]
    """


@special(
    inputs=("a", "b", "x"),
    grad={
        "a": lambda xp, g, a, b, x: xp.negative(xp.multiply(g, xp.special.betainc_slope(a, b, x, n=1, k=0))),
        "b": lambda xp, g, a, b, x: xp.negative(xp.multiply(g, xp.special.betainc_slope(a, b, x, n=0, k=1))),
        "x": lambda xp, g, a, b, x: xp.negative(xp.multiply(g, beta_density(xp, a, b, x))),
    },
    fallback=host("betaincc"),
    domain=(POSITIVE, POSITIVE, (0.1, 0.9)),
)
def betaincc(a: Operand, b: Operand, x: Operand, /) -> Tensor:
    """1 - betainc(a, b, x), exact where betainc is nearly 1.

    >>> import unitensor as ut
    >>> ut.special.betaincc(ut.asarray([2.0]), 2.0, ut.asarray([0.0, 0.5, 1.0])).tolist()
    [1.0, 0.5, 0.0]
    """


def _quotient(xp: Any, g: Any, slope: Any, density: Any) -> Any:
    """The slope of an inverse in a parameter of the function."""
    return xp.negative(xp.multiply(g, xp.divide(slope, density)))


@special(
    inputs=("a", "p"),
    grad={
        "a": lambda xp, g, a, out: _quotient(
            xp, g, xp.special.gammainc_slope(a, out, n=1), gamma_density(xp, a, out)
        ),
        "p": lambda xp, g, a, out: xp.divide(g, gamma_density(xp, a, out)),
    },
    fallback=host("gammaincinv"),
    domain=(POSITIVE, (0.1, 0.9)),
)
def gammaincinv(a: Operand, p: Operand, /) -> Tensor:
    """The x for which gammainc(a, x) is p.

    >>> import unitensor as ut
    >>> ut.special.gammaincinv(ut.asarray([2.0]), ut.asarray([0.0, 1.0])).tolist()
    [0.0, inf]
    """


@special(
    inputs=("a", "p"),
    grad={
        "a": lambda xp, g, a, out: _quotient(
            xp, g, xp.special.gammainc_slope(a, out, n=1), gamma_density(xp, a, out)
        ),
        "p": lambda xp, g, a, out: xp.negative(xp.divide(g, gamma_density(xp, a, out))),
    },
    fallback=host("gammainccinv"),
    domain=(POSITIVE, (0.1, 0.9)),
)
def gammainccinv(a: Operand, p: Operand, /) -> Tensor:
    """The x for which gammaincc(a, x) is p.

    >>> import unitensor as ut
    >>> ut.special.gammainccinv(ut.asarray([2.0]), ut.asarray([0.0, 1.0])).tolist()
    [inf, 0.0]
    """


@special(
    inputs=("a", "b", "p"),
    grad={
        "a": lambda xp, g, a, b, out: _quotient(
            xp, g, xp.special.betainc_slope(a, b, out, n=1, k=0), beta_density(xp, a, b, out)
        ),
        "b": lambda xp, g, a, b, out: _quotient(
            xp, g, xp.special.betainc_slope(a, b, out, n=0, k=1), beta_density(xp, a, b, out)
        ),
        "p": lambda xp, g, a, b, out: xp.divide(g, beta_density(xp, a, b, out)),
    },
    fallback=host("betaincinv"),
    domain=(POSITIVE, POSITIVE, (0.2, 0.8)),
)
def betaincinv(a: Operand, b: Operand, p: Operand, /) -> Tensor:
    """The x for which betainc(a, b, x) is p.

    >>> import unitensor as ut
    >>> ut.special.betaincinv(ut.asarray([2.0]), 2.0, ut.asarray([0.0, 1.0])).tolist()
    [0.0, 1.0]
    """


@special(
    inputs=("a", "b", "p"),
    grad={
        "a": lambda xp, g, a, b, out: _quotient(
            xp, g, xp.special.betainc_slope(a, b, out, n=1, k=0), beta_density(xp, a, b, out)
        ),
        "b": lambda xp, g, a, b, out: _quotient(
            xp, g, xp.special.betainc_slope(a, b, out, n=0, k=1), beta_density(xp, a, b, out)
        ),
        "p": lambda xp, g, a, b, out: xp.negative(xp.divide(g, beta_density(xp, a, b, out))),
    },
    fallback=host("betainccinv"),
    domain=(POSITIVE, POSITIVE, (0.2, 0.8)),
)
def betainccinv(a: Operand, b: Operand, p: Operand, /) -> Tensor:
    """The x for which betaincc(a, b, x) is p.

    >>> import unitensor as ut
    >>> ut.special.betainccinv(ut.asarray([2.0]), 2.0, ut.asarray([0.0, 1.0])).tolist()
    [1.0, 0.0]
    """
