"""Distribution functions of statistics, and their inverses.

All are incomplete gamma and beta functions of other arguments, and so are their derivatives.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .elementwise import Operand, zero
from .special_common import below, host, refuse, special
from .special_incomplete import beta_density, gamma_density

if TYPE_CHECKING:
    from .._tensor import Tensor

POSITIVE = (0.5, 4.0)
SHARE = (0.2, 0.8)


def half(xp: Any, x: Any) -> Any:
    return xp.multiply(0.5, x)


# Student's t -----------------------------------------------------------------------------------------


def _t_density(xp: Any, df: Any, t: Any) -> Any:
    """The slope of stdtr in t."""
    scale = xp.add(xp.special.betaln(half(xp, df), xp.full_like(df, 0.5)), half(xp, xp.log(df)))
    tail = xp.log1p(xp.divide(xp.multiply(t, t), df))
    return xp.exp(xp.negative(xp.add(scale, half(xp, xp.multiply(xp.add(df, 1), tail)))))


def _t_slope(xp: Any, df: Any, t: Any) -> Any:
    """The slope of stdtr in df: half that of the beta distribution's share from the middle to t."""
    # At 0 the chain rule meets 0 * infinity; beside it all is smooth.
    t = xp.where(xp.equal(t, 0), xp.add(t, 1e-15), t)
    square = xp.multiply(t, t)
    whole = xp.add(df, square)
    middle, a = xp.full_like(df, 0.5), half(xp, df)
    share = xp.divide(square, whole)
    in_parameter = half(xp, xp.special.betainc_slope(middle, a, share, n=0, k=1))
    # The share itself shrinks by share / whole, where the density is share**-0.5 * ...
    power = xp.multiply(xp.subtract(a, 1), xp.log(xp.divide(df, whole)))
    density = xp.exp(xp.subtract(power, xp.special.betaln(middle, a)))
    in_share = xp.divide(xp.multiply(density, xp.sqrt(share)), whole)
    return half(xp, xp.multiply(xp.sign(t), xp.subtract(in_parameter, in_share)))


@special(
    inputs=("df", "t"),
    grad={
        "df": lambda xp, g, df, t: xp.multiply(g, _t_slope(xp, df, t)),
        "t": lambda xp, g, df, t: xp.multiply(g, _t_density(xp, df, t)),
    },
    fallback=host("stdtr"),
    domain=(POSITIVE, (-2.0, 2.0)),
)
def stdtr(df: Operand, t: Operand, /) -> Tensor:
    """Student's t distribution function, of df degrees of freedom.

    >>> import unitensor as ut
    >>> ut.special.stdtr(ut.asarray([1.0]), ut.asarray([0.0, ut.inf])).tolist()
    [0.5, 1.0]
    """


@special(
    inputs=("df", "p"),
    grad={
        "df": lambda xp, g, df, out: xp.negative(
            xp.multiply(g, xp.divide(_t_slope(xp, df, out), _t_density(xp, df, out)))
        ),
        "p": lambda xp, g, df, out: xp.divide(g, _t_density(xp, df, out)),
    },
    fallback=host("stdtrit"),
    domain=(POSITIVE, SHARE),
)
def stdtrit(df: Operand, p: Operand, /) -> Tensor:
    """The t for which stdtr(df, t) is p.

    >>> import unitensor as ut
    >>> ut.special.stdtrit(ut.asarray([3.0]), 0.5).tolist()
    [0.0]
    """


# Chi-square, gamma and Poisson --------------------------------------------------------------------------


def _chi_slope(xp: Any, v: Any, x: Any) -> Any:
    return half(xp, xp.special.gammainc_slope(half(xp, v), half(xp, x), n=1))


def _chi_density(xp: Any, v: Any, x: Any) -> Any:
    return half(xp, gamma_density(xp, half(xp, v), half(xp, x)))


@special(
    inputs=("v", "x"),
    grad={
        "v": lambda xp, g, v, x: xp.multiply(g, _chi_slope(xp, v, x)),
        "x": lambda xp, g, v, x: xp.multiply(g, _chi_density(xp, v, x)),
    },
    fallback=host("chdtr"),
    domain=(POSITIVE, POSITIVE),
)
def chdtr(v: Operand, x: Operand, /) -> Tensor:
    """The chi-square distribution function, of v degrees of freedom.

    >>> import unitensor as ut
    >>> ut.special.chdtr(ut.asarray([2.0]), ut.asarray([0.0, ut.inf])).tolist()
    [0.0, 1.0]
    """


@special(
    inputs=("v", "x"),
    grad={
        "v": lambda xp, g, v, x: xp.negative(xp.multiply(g, _chi_slope(xp, v, x))),
        "x": lambda xp, g, v, x: xp.negative(xp.multiply(g, _chi_density(xp, v, x))),
    },
    fallback=host("chdtrc"),
    domain=(POSITIVE, POSITIVE),
)
def chdtrc(v: Operand, x: Operand, /) -> Tensor:
    """1 - chdtr(v, x).

    >>> import unitensor as ut
    >>> ut.special.chdtrc(ut.asarray([2.0]), ut.asarray([0.0, ut.inf])).tolist()
    [1.0, 0.0]
    """


@special(
    inputs=("v", "p"),
    grad={
        "v": lambda xp, g, v, out: xp.negative(
            xp.multiply(g, xp.divide(_chi_slope(xp, v, out), _chi_density(xp, v, out)))
        ),
        "p": lambda xp, g, v, out: xp.negative(xp.divide(g, _chi_density(xp, v, out))),
    },
    fallback=host("chdtri"),
    domain=(POSITIVE, SHARE),
)
def chdtri(v: Operand, p: Operand, /) -> Tensor:
    """The x for which chdtrc(v, x) is p.

    >>> import unitensor as ut
    >>> ut.special.chdtri(ut.asarray([2.0]), 1.0).tolist()
    [0.0]
    """


@special(
    inputs=("a", "b", "x"),
    grad={
        "a": lambda xp, g, a, b, x: xp.multiply(xp.multiply(g, x), gamma_density(xp, b, xp.multiply(a, x))),
        "b": lambda xp, g, a, b, x: xp.multiply(g, xp.special.gammainc_slope(b, xp.multiply(a, x), n=1)),
        "x": lambda xp, g, a, b, x: xp.multiply(xp.multiply(g, a), gamma_density(xp, b, xp.multiply(a, x))),
    },
    fallback=host("gdtr"),
    domain=(POSITIVE, POSITIVE, POSITIVE),
)
def gdtr(a: Operand, b: Operand, x: Operand, /) -> Tensor:
    """The gamma distribution function, of rate a and shape b.

    >>> import unitensor as ut
    >>> ut.special.gdtr(ut.asarray([2.0]), 1.0, ut.asarray([0.0, ut.inf])).tolist()
    [0.0, 1.0]
    """


@special(
    inputs=("a", "b", "x"),
    grad={
        "a": lambda xp, g, a, b, x: xp.negative(
            xp.multiply(xp.multiply(g, x), gamma_density(xp, b, xp.multiply(a, x)))
        ),
        "b": lambda xp, g, a, b, x: xp.negative(
            xp.multiply(g, xp.special.gammainc_slope(b, xp.multiply(a, x), n=1))
        ),
        "x": lambda xp, g, a, b, x: xp.negative(
            xp.multiply(xp.multiply(g, a), gamma_density(xp, b, xp.multiply(a, x)))
        ),
    },
    fallback=host("gdtrc"),
    domain=(POSITIVE, POSITIVE, POSITIVE),
)
def gdtrc(a: Operand, b: Operand, x: Operand, /) -> Tensor:
    """1 - gdtr(a, b, x).

    >>> import unitensor as ut
    >>> ut.special.gdtrc(ut.asarray([2.0]), 1.0, ut.asarray([0.0, ut.inf])).tolist()
    [1.0, 0.0]
    """


def _count_density(xp: Any, k: Any, m: Any) -> Any:
    return gamma_density(xp, xp.add(xp.floor(k), 1), m)


@special(
    inputs=("k", "rate"),
    grad={
        "k": zero,
        "rate": lambda xp, g, k, rate: xp.negative(xp.multiply(g, _count_density(xp, k, rate))),
    },
    fallback=host("pdtr"),
    domain=((1.2, 1.8), POSITIVE),
    notes="in k 0 everywhere, also at the jumps",
)
def pdtr(k: Operand, rate: Operand, /) -> Tensor:
    """The Poisson distribution function: how likely k events or fewer are.

    >>> import unitensor as ut
    >>> ut.special.pdtr(ut.asarray([3.0]), 0.0).tolist()
    [1.0]
    """


@special(
    inputs=("k", "rate"),
    grad={
        "k": zero,
        "rate": lambda xp, g, k, rate: xp.multiply(g, _count_density(xp, k, rate)),
    },
    fallback=host("pdtrc"),
    domain=((1.2, 1.8), POSITIVE),
    notes="in k 0 everywhere, also at the jumps",
)
def pdtrc(k: Operand, rate: Operand, /) -> Tensor:
    """1 - pdtr(k, rate).

    >>> import unitensor as ut
    >>> ut.special.pdtrc(ut.asarray([3.0]), 0.0).tolist()
    [0.0]
    """


@special(
    inputs=("k", "p"),
    grad={
        "k": refuse("special.pdtri", "k"),
        "p": lambda xp, g, k, out: xp.negative(xp.divide(g, _count_density(xp, k, out))),
    },
    fallback=host("pdtri"),
    domain=((2.0, 2.0), SHARE),
    notes="in k: an error",
)
def pdtri(k: Operand, p: Operand, /) -> Tensor:
    """The rate for which pdtr(k, rate) is p.

    >>> import unitensor as ut
    >>> ut.special.pdtri(0, ut.asarray([0.5])).tolist()
    [0.6931471805599455]
    """


# F, binomial and negative binomial ------------------------------------------------------------------------


def _f_parts(xp: Any, dfn: Any, dfd: Any, x: Any) -> tuple[Any, Any, Any, Any]:
    """The arguments of the beta distribution: its parameters, the share, and the sum that it is a part of."""
    whole = xp.add(dfd, xp.multiply(dfn, x))
    return half(xp, dfn), half(xp, dfd), xp.divide(xp.multiply(dfn, x), whole), whole


def _f_slopes(xp: Any, dfn: Any, dfd: Any, x: Any, which: str) -> Any:
    a, b, share, whole = _f_parts(xp, dfn, dfd, x)
    scale = xp.divide(beta_density(xp, a, b, share), xp.multiply(whole, whole))
    if which == "x":
        return xp.multiply(scale, xp.multiply(dfn, dfd))
    if which == "dfn":
        chain, order = xp.multiply(scale, xp.multiply(x, dfd)), {"n": 1, "k": 0}
    else:
        chain, order = xp.negative(xp.multiply(scale, xp.multiply(dfn, x))), {"n": 0, "k": 1}
    return xp.add(half(xp, xp.special.betainc_slope(a, b, share, **order)), chain)


@special(
    inputs=("dfn", "dfd", "x"),
    grad={
        "dfn": lambda xp, g, dfn, dfd, x: xp.multiply(g, _f_slopes(xp, dfn, dfd, x, "dfn")),
        "dfd": lambda xp, g, dfn, dfd, x: xp.multiply(g, _f_slopes(xp, dfn, dfd, x, "dfd")),
        "x": lambda xp, g, dfn, dfd, x: xp.multiply(g, _f_slopes(xp, dfn, dfd, x, "x")),
    },
    fallback=host("fdtr"),
    domain=(POSITIVE, POSITIVE, POSITIVE),
)
def fdtr(dfn: Operand, dfd: Operand, x: Operand, /) -> Tensor:
    """The F distribution function, of dfn and dfd degrees of freedom.

    >>> import unitensor as ut
    >>> ut.special.fdtr(ut.asarray([2.0]), 2.0, ut.asarray([0.0, 1.0])).tolist()
    [0.0, 0.5]
    """


@special(
    inputs=("dfn", "dfd", "x"),
    grad={
        "dfn": lambda xp, g, dfn, dfd, x: xp.negative(xp.multiply(g, _f_slopes(xp, dfn, dfd, x, "dfn"))),
        "dfd": lambda xp, g, dfn, dfd, x: xp.negative(xp.multiply(g, _f_slopes(xp, dfn, dfd, x, "dfd"))),
        "x": lambda xp, g, dfn, dfd, x: xp.negative(xp.multiply(g, _f_slopes(xp, dfn, dfd, x, "x"))),
    },
    fallback=host("fdtrc"),
    domain=(POSITIVE, POSITIVE, POSITIVE),
)
def fdtrc(dfn: Operand, dfd: Operand, x: Operand, /) -> Tensor:
    """1 - fdtr(dfn, dfd, x).

    >>> import unitensor as ut
    >>> ut.special.fdtrc(ut.asarray([2.0]), 2.0, ut.asarray([0.0, 1.0])).tolist()
    [1.0, 0.5]
    """


def _f_quotient(xp: Any, g: Any, dfn: Any, dfd: Any, out: Any, which: str) -> Any:
    slope = xp.divide(_f_slopes(xp, dfn, dfd, out, which), _f_slopes(xp, dfn, dfd, out, "x"))
    return xp.negative(xp.multiply(g, slope))


@special(
    inputs=("dfn", "dfd", "p"),
    grad={
        "dfn": lambda xp, g, dfn, dfd, out: _f_quotient(xp, g, dfn, dfd, out, "dfn"),
        "dfd": lambda xp, g, dfn, dfd, out: _f_quotient(xp, g, dfn, dfd, out, "dfd"),
        "p": lambda xp, g, dfn, dfd, out: xp.divide(g, _f_slopes(xp, dfn, dfd, out, "x")),
    },
    fallback=host("fdtri"),
    domain=((1.5, 4.0), (1.5, 4.0), SHARE),
)
def fdtri(dfn: Operand, dfd: Operand, p: Operand, /) -> Tensor:
    """The x for which fdtr(dfn, dfd, x) is p.

    >>> import unitensor as ut
    >>> ut.special.fdtri(ut.asarray([2.0]), 2.0, 0.5).tolist()
    [1.0]
    """


def _binomial_density(xp: Any, k: Any, n: Any, p: Any) -> Any:
    """The slope of bdtrc in p."""
    k = xp.floor(k)
    return beta_density(xp, xp.add(k, 1), xp.subtract(n, k), p)


@special(
    inputs=("k", "n", "p"),
    grad={
        "k": lambda xp, g: xp.zeros_like(g),
        "n": refuse("special.bdtr", "n"),
        "p": lambda xp, g, k, n, p: xp.negative(xp.multiply(g, _binomial_density(xp, k, n, p))),
    },
    fallback=host("bdtr"),
    notes="in k 0 everywhere, also at the jumps; in n: an error",
)
def bdtr(k: Operand, n: Operand, p: Operand, /) -> Tensor:
    """The binomial distribution function: how likely k successes or fewer in n trials are.

    >>> import unitensor as ut
    >>> ut.special.bdtr(0, 1, ut.asarray([0.25])).tolist()
    [0.75]
    """


@special(
    inputs=("k", "n", "p"),
    grad={
        "k": lambda xp, g: xp.zeros_like(g),
        "n": refuse("special.bdtrc", "n"),
        "p": lambda xp, g, k, n, p: xp.multiply(g, _binomial_density(xp, k, n, p)),
    },
    fallback=host("bdtrc"),
    notes="in k 0 everywhere, also at the jumps; in n: an error",
)
def bdtrc(k: Operand, n: Operand, p: Operand, /) -> Tensor:
    """1 - bdtr(k, n, p).

    >>> import unitensor as ut
    >>> ut.special.bdtrc(0, 1, ut.asarray([0.25])).tolist()
    [0.25]
    """


@special(
    inputs=("k", "n", "y"),
    grad={
        "k": refuse("special.bdtri", "k"),
        "n": refuse("special.bdtri", "n"),
        "y": lambda xp, g, k, n, out: xp.negative(xp.divide(g, _binomial_density(xp, k, n, out))),
    },
    fallback=host("bdtri"),
    notes="in k and n: an error",
)
def bdtri(k: Operand, n: Operand, y: Operand, /) -> Tensor:
    """The p for which bdtr(k, n, p) is y.

    >>> import unitensor as ut
    >>> ut.special.bdtri(0, 1, ut.asarray([0.75])).tolist()
    [0.25]
    """


def _negative_density(xp: Any, k: Any, n: Any, p: Any) -> Any:
    """The slope of nbdtr in p."""
    return beta_density(xp, n, xp.add(xp.floor(k), 1), p)


@special(
    inputs=("k", "n", "p"),
    grad={
        "k": refuse("special.nbdtr", "k"),
        "n": refuse("special.nbdtr", "n"),
        "p": lambda xp, g, k, n, p: xp.multiply(g, _negative_density(xp, k, n, p)),
    },
    fallback=host("nbdtr"),
    notes="in k and n: an error",
)
def nbdtr(k: Operand, n: Operand, p: Operand, /) -> Tensor:
    """The negative binomial distribution function: k failures or fewer before n successes.

    >>> import unitensor as ut
    >>> ut.special.nbdtr(0, 1, ut.asarray([0.25])).tolist()
    [0.25]
    """


@special(
    inputs=("k", "n", "p"),
    grad={
        "k": refuse("special.nbdtrc", "k"),
        "n": refuse("special.nbdtrc", "n"),
        "p": lambda xp, g, k, n, p: xp.negative(xp.multiply(g, _negative_density(xp, k, n, p))),
    },
    fallback=host("nbdtrc"),
    notes="in k and n: an error",
)
def nbdtrc(k: Operand, n: Operand, p: Operand, /) -> Tensor:
    """1 - nbdtr(k, n, p).

    >>> import unitensor as ut
    >>> ut.special.nbdtrc(0, 1, ut.asarray([0.25])).tolist()
    [0.75]
    """


@special(
    inputs=("k", "n", "y"),
    grad={
        "k": refuse("special.nbdtri", "k"),
        "n": refuse("special.nbdtri", "n"),
        "y": lambda xp, g, k, n, out: xp.divide(g, _negative_density(xp, k, n, out)),
    },
    fallback=host("nbdtri"),
    notes="in k and n: an error",
)
def nbdtri(k: Operand, n: Operand, y: Operand, /) -> Tensor:
    """The p for which nbdtr(k, n, p) is y.

    >>> import unitensor as ut
    >>> ut.special.nbdtri(0, 1, ut.asarray([0.25])).tolist()
    [0.25]
    """


# Several dimensions ----------------------------------------------------------------------------------------


def _multigammaln(xp: Any, x: Any, d: int, /) -> Any:
    total = xp.full_like(x, d * (d - 1) * 0.25 * math.log(math.pi))
    for j in range(d):
        total = xp.add(total, xp.special.gammaln(xp.subtract(x, 0.5 * j)))
    low = xp.logical_or(below(xp, x, 0.5 * (d - 1)), xp.equal(x, 0.5 * (d - 1)))
    return xp.where(low, xp.full_like(x, math.nan), total)


def _multigammaln_rule(xp: Any, g: Any, x: Any, d: int) -> Any:
    total = xp.special.digamma(x)
    for j in range(1, d):
        total = xp.add(total, xp.special.digamma(xp.subtract(x, 0.5 * j)))
    return xp.multiply(g, total)


@special(grad={"x": _multigammaln_rule}, inputs=("x",), scalars=False, fallback=_multigammaln)
def multigammaln(x: Tensor, d: int, /) -> Tensor:
    """The logarithm of the gamma function of d dimensions; NaN where x is not above (d - 1) / 2.

    >>> import unitensor as ut
    >>> ut.special.multigammaln(ut.asarray([1.0, 2.0]), 1).tolist()
    [0.0, 0.0]
    """
