"""Logistic functions, entropies, and sums and ratios of exponentials."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .elementwise import Operand
from .manipulation import Axes, as_axes
from .special_common import F, above, below, special, unary
from .statistical import spread, total

if TYPE_CHECKING:
    from .._tensor import Tensor


def binary(grad1: Any, grad2: Any, **facts: Any) -> Callable[[F], F]:
    """A special function of x1 and x2."""
    return special(grad={"x1": grad1, "x2": grad2}, **facts)


# Logistic functions ------------------------------------------------------------------------------


def _expit(xp: Any, x: Any, /) -> Any:
    decay = xp.exp(xp.negative(xp.abs(x)))
    top = xp.where(below(xp, x, 0), decay, xp.ones_like(x))
    return xp.divide(top, xp.add(decay, 1))


@unary(
    lambda xp, g, x, out: xp.multiply(g, xp.multiply(out, xp.special.expit(xp.negative(x)))),
    fallback=_expit,
)
def expit(x: Tensor, /) -> Tensor:
    """The logistic function 1 / (1 + exp(-x)), without overflow.

    >>> import unitensor as ut
    >>> ut.special.expit(ut.asarray([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """


def _log_expit(xp: Any, x: Any, /) -> Any:
    below = xp.maximum(xp.negative(x), xp.zeros_like(x))
    return xp.negative(xp.add(xp.log1p(xp.exp(xp.negative(xp.abs(x)))), below))


@unary(lambda xp, g, x: xp.multiply(g, xp.special.expit(xp.negative(x))), fallback=_log_expit)
def log_expit(x: Tensor, /) -> Tensor:
    """log(expit(x)), exact where expit(x) is nearly 0 or 1.

    >>> import unitensor as ut
    >>> ut.special.log_expit(ut.asarray([-1000.0, 1000.0])).tolist()
    [-1000.0, -0.0]
    """


def _logit(xp: Any, x: Any, /) -> Any:
    # Near 1/2 both logarithms are nearly equal, and their difference loses digits.
    middle = xp.logical_and(above(xp, x, 0.3), below(xp, x, 0.65))
    twice = xp.multiply(2, xp.subtract(xp.where(middle, x, xp.full_like(x, 0.5)), 0.5))
    near = xp.subtract(xp.log1p(twice), xp.log1p(xp.negative(twice)))
    return xp.where(middle, near, xp.subtract(xp.log(x), xp.log1p(xp.negative(x))))


@unary(
    lambda xp, g, x: xp.divide(g, xp.multiply(x, xp.subtract(1, x))),
    fallback=_logit,
    domain=(0.1, 0.9),
    notes="x = 0 and x = 1: infinite",
)
def logit(x: Tensor, /) -> Tensor:
    """log(x / (1 - x)), the inverse of expit.

    >>> import unitensor as ut
    >>> ut.special.logit(ut.asarray([0.0, 0.5, 1.0])).tolist()
    [-inf, 0.0, inf]
    """


# x log y, and entropies ------------------------------------------------------------------------------


def _times_log(xp: Any, x1: Any, x2: Any, log: Any) -> Any:
    none = xp.logical_and(xp.equal(x1, 0), xp.logical_not(xp.isnan(x2)))
    value = log(xp.where(none, xp.ones_like(x2), x2))
    return xp.where(none, xp.zeros_like(x1), xp.multiply(x1, value))


def _masked(xp: Any, x1: Any, x2: Any, least: float) -> Any:
    """Whether x1 is 0 where the logarithm is infinite or missing."""
    return xp.logical_and(xp.equal(x1, 0), xp.logical_or(below(xp, x2, least), xp.equal(x2, least)))


def _xlogy_rule1(xp: Any, g: Any, x1: Any, x2: Any) -> Any:
    off = _masked(xp, x1, x2, 0)
    slope = xp.log(xp.where(off, xp.ones_like(x2), x2))
    return xp.where(off, xp.zeros_like(g), xp.multiply(g, slope))


def _xlogy_rule2(xp: Any, g: Any, x1: Any, x2: Any) -> Any:
    off = _masked(xp, x1, x2, 0)
    return xp.multiply(g, xp.divide(x1, xp.where(off, xp.ones_like(x2), x2)))


@binary(
    _xlogy_rule1,
    _xlogy_rule2,
    fallback=lambda xp, x1, x2, /: _times_log(xp, x1, x2, xp.log),
    domain=((-2.0, 2.0), (0.3, 2.0)),
    notes="x1 = 0 and x2 <= 0: 0 in both",
)
def xlogy(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 * log(x2); 0 where x1 is 0, unless x2 is NaN.

    >>> import unitensor as ut
    >>> ut.special.xlogy(ut.asarray([0.0, 2.0]), ut.asarray([0.0, 1.0])).tolist()
    [0.0, 0.0]
    """


def _xlog1py_rule1(xp: Any, g: Any, x1: Any, x2: Any) -> Any:
    off = _masked(xp, x1, x2, -1)
    slope = xp.log1p(xp.where(off, xp.ones_like(x2), x2))
    return xp.where(off, xp.zeros_like(g), xp.multiply(g, slope))


def _xlog1py_rule2(xp: Any, g: Any, x1: Any, x2: Any) -> Any:
    off = _masked(xp, x1, x2, -1)
    return xp.multiply(g, xp.divide(x1, xp.add(xp.where(off, xp.ones_like(x2), x2), 1)))


@binary(
    _xlog1py_rule1,
    _xlog1py_rule2,
    fallback=lambda xp, x1, x2, /: _times_log(xp, x1, x2, xp.log1p),
    domain=((-2.0, 2.0), (-0.7, 2.0)),
    notes="x1 = 0 and x2 <= -1: 0 in both",
)
def xlog1py(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 * log(1 + x2), exact for small x2; 0 where x1 is 0, unless x2 is NaN.

    >>> import unitensor as ut
    >>> ut.special.xlog1py(ut.asarray([0.0, 1.0]), ut.asarray([-1.0, 1e-20])).tolist()
    [0.0, 1e-20]
    """


def _entr(xp: Any, x: Any, /) -> Any:
    inside = above(xp, x, 0)
    value = xp.multiply(x, xp.negative(xp.log(xp.where(inside, x, xp.ones_like(x)))))
    value = xp.where(below(xp, x, 0), xp.full_like(x, -math.inf), value)
    return xp.where(xp.equal(x, 0), xp.zeros_like(x), value)


def _entr_rule(xp: Any, g: Any, x: Any) -> Any:
    inside = above(xp, x, 0)
    slope = xp.subtract(-1, xp.log(xp.where(inside, x, xp.ones_like(x))))
    edge = xp.where(xp.equal(x, 0), xp.full_like(x, math.inf), xp.full_like(x, math.nan))
    return xp.multiply(g, xp.where(inside, slope, edge))


@unary(_entr_rule, fallback=_entr, domain=(0.2, 2.0), notes="x = 0: infinite; x < 0: NaN")
def entr(x: Tensor, /) -> Tensor:
    """-x * log(x), what a probability adds to an entropy: 0 at 0, and -infinity below.

    >>> import unitensor as ut
    >>> ut.special.entr(ut.asarray([0.0, 1 / ut.e, -1.0])).tolist()
    [0.0, 0.36787944117144233, -inf]
    """


def _log_ratio(xp: Any, x1: Any, x2: Any) -> Any:
    """log(x1 / x2), 0 where both are 0."""
    nothing = xp.logical_and(xp.equal(x1, 0), xp.equal(x2, 0))
    one = xp.ones_like(x1)
    top, bottom = xp.where(nothing, one, x1), xp.where(nothing, one, x2)
    # Nearly equal numbers: the rounding of the quotient would count.
    close = xp.less(xp.abs(xp.subtract(top, bottom)), xp.multiply(0.5, bottom))
    difference = xp.where(close, xp.divide(xp.subtract(top, bottom), xp.where(close, bottom, one)), one)
    ratio = xp.divide(top, xp.where(xp.equal(bottom, 0), one, bottom))
    return xp.where(close, xp.log1p(difference), xp.log(ratio))


def _relative(xp: Any, x1: Any, x2: Any, at_zero: Any, rest: Any) -> Any:
    """x1 * log(x1 / x2) + rest of positive numbers; where x1 is 0, what `at_zero` says; else infinity."""
    inside = xp.logical_and(above(xp, x1, 0), above(xp, x2, 0))
    one = xp.ones_like(xp.add(x1, x2))
    top, bottom = xp.where(inside, x1, one), xp.where(inside, x2, one)
    value = xp.add(xp.multiply(top, _log_ratio(xp, top, bottom)), rest(top, bottom))
    edge = xp.logical_and(xp.equal(x1, 0), xp.logical_not(below(xp, x2, 0)))
    value = xp.where(inside, value, xp.where(edge, at_zero, xp.full_like(one, math.inf)))
    return xp.where(xp.logical_or(xp.isnan(x1), xp.isnan(x2)), xp.full_like(one, math.nan), value)


def _rel_entr(xp: Any, x1: Any, x2: Any, /) -> Any:
    zero = xp.zeros_like(xp.add(x1, x2))
    return _relative(xp, x1, x2, zero, lambda top, bottom: zero)


def _kl_div(xp: Any, x1: Any, x2: Any, /) -> Any:
    level = xp.multiply(x2, xp.ones_like(x1))
    return _relative(xp, x1, x2, level, lambda top, bottom: xp.subtract(bottom, top))


def _ratio(xp: Any, x1: Any, x2: Any) -> Any:
    """x1 / x2, 0 where x1 is."""
    none = xp.equal(x1, 0)
    return xp.divide(x1, xp.where(none, xp.ones_like(x2), x2))


@binary(
    lambda xp, g, x1, x2: xp.multiply(g, xp.add(_log_ratio(xp, x1, x2), _present(xp, x1, x2))),
    lambda xp, g, x1, x2: xp.negative(xp.multiply(g, _ratio(xp, x1, x2))),
    fallback=_rel_entr,
    domain=((0.3, 2.0), (0.3, 2.0)),
    notes="x1 = 0: in x1 -infinity, or 0 where x2 is 0, too; in x2 0",
)
def rel_entr(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 * log(x1 / x2), what two probabilities add to a relative entropy; 0 where x1 is 0.

    >>> import unitensor as ut
    >>> ut.special.rel_entr(ut.asarray([0.0, 1.0]), ut.asarray([0.0, 1.0])).tolist()
    [0.0, 0.0]
    """


def _present(xp: Any, x1: Any, x2: Any) -> Any:
    """1, or 0 where both are 0."""
    nothing = xp.logical_and(xp.equal(x1, 0), xp.equal(x2, 0))
    return xp.where(nothing, xp.zeros_like(x1), xp.ones_like(x1))


@binary(
    lambda xp, g, x1, x2: xp.multiply(g, _log_ratio(xp, x1, x2)),
    lambda xp, g, x1, x2: xp.multiply(g, xp.subtract(1, _ratio(xp, x1, x2))),
    fallback=_kl_div,
    domain=((0.3, 2.0), (0.3, 2.0)),
    notes="x1 = 0: in x1 -infinity, or 0 where x2 is 0, too; in x2 1",
)
def kl_div(x1: Operand, x2: Operand, /) -> Tensor:
    """x1 * log(x1 / x2) - x1 + x2, the elements of a Kullback-Leibler divergence.

    >>> import unitensor as ut
    >>> ut.special.kl_div(ut.asarray([0.0, 1.0]), ut.asarray([0.5, 1.0])).tolist()
    [0.5, 0.0]
    """


# Along axes ----------------------------------------------------------------------------------------


def _logsumexp(xp: Any, x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Any:
    axes = as_axes(axis, len(x.shape))

    def along(f: Any, x: Any) -> Any:
        return f(x, axis=axes, keepdims=True) if axes else x

    if 0 in [x.shape[a] for a in axes]:
        peak = xp.full_like(xp.sum(x, axis=axes, keepdims=True), -math.inf)
    else:
        peak = along(xp.max, x)
    shift = xp.where(xp.isfinite(peak), peak, xp.zeros_like(peak))
    sums = along(xp.sum, xp.exp(xp.subtract(x, shift)))
    some = xp.not_equal(sums, 0)
    logs = xp.where(some, xp.log(xp.where(some, sums, xp.ones_like(sums))), peak)
    out = xp.add(logs, shift)
    return out if keepdims or not axes else xp.squeeze(out, axis=axes)


def _shares(xp: Any, x: Any, out: Any, axis: Any) -> Any:
    """exp(x - out): what each element has in the sum; elements of the same infinity share it equally."""
    level = spread(xp, out, x.shape, axis)
    tied = xp.logical_and(xp.equal(x, level), xp.isinf(level))
    count = xp.sum(xp.astype(tied, x.dtype), axis=as_axes(axis, len(x.shape)), keepdims=True)
    equal = xp.divide(xp.ones_like(x), xp.where(xp.equal(count, 0), xp.ones_like(count), count))
    zero = xp.zeros_like(x)
    difference = xp.subtract(xp.where(tied, zero, x), xp.where(tied, zero, level))
    return xp.where(tied, equal, xp.exp(difference))


@special(
    elementwise=False,
    scalars=False,
    grad={
        "x": lambda xp, g, x, out, axis: xp.multiply(spread(xp, g, x.shape, axis), _shares(xp, x, out, axis))
    },
    jvp={"x": lambda xp, g, x, out, axis: total(xp, xp.multiply(g, _shares(xp, x, out, axis)), axis, out)},
    fallback=_logsumexp,
    notes="elements of the same infinity: equal shares",
)
def logsumexp(x: Tensor, /, axis: Axes | None = None, *, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over axes, all by default, without overflow; of nothing -infinity.

    >>> import unitensor as ut
    >>> ut.special.logsumexp(ut.asarray([1000.0, 1000.0])).item()
    1000.6931471805599
    """


def _softmax(xp: Any, x: Any, /, axis: Any = None) -> Any:
    e = xp.exp(_shifted(xp, x, axis))
    return xp.divide(e, xp.sum(e, axis=as_axes(axis, len(x.shape)), keepdims=True))


def _shifted(xp: Any, x: Any, axis: Any) -> Any:
    """x less its largest element, which is 0; NaN where that is an infinity."""
    if 0 in x.shape:
        return x
    return xp.subtract(x, xp.max(x, axis=as_axes(axis, len(x.shape)), keepdims=True))


def _softmax_rule(xp: Any, g: Any, x_shape: Any, out: Any, axis: Any) -> Any:
    weighted = xp.multiply(g, out)
    mean = xp.sum(weighted, axis=as_axes(axis, len(x_shape)), keepdims=True)
    return xp.subtract(weighted, xp.multiply(out, mean))


@special(
    elementwise=False,
    scalars=False,
    grad={"x": _softmax_rule},
    jvp={"x": _softmax_rule},
    fallback=_softmax,
    notes="a row of -infinity alone, or with infinity: NaN, as the value",
)
def softmax(x: Tensor, /, axis: Axes | None = None) -> Tensor:
    """exp(x) over its sum along axes, all by default: positive numbers that sum to 1.

    Elements of -infinity get 0; a row of nothing else has no answer, and is NaN.

    >>> import unitensor as ut
    >>> ut.special.softmax(ut.asarray([1000.0, 1000.0, -ut.inf])).tolist()
    [0.5, 0.5, 0.0]
    """


def _log_softmax(xp: Any, x: Any, /, axis: Any = None) -> Any:
    shifted = _shifted(xp, x, axis)
    return xp.subtract(
        shifted, xp.log(xp.sum(xp.exp(shifted), axis=as_axes(axis, len(x.shape)), keepdims=True))
    )


def _log_softmax_rule(xp: Any, g: Any, x_shape: Any, out: Any, axis: Any) -> Any:
    return xp.subtract(
        g, xp.multiply(xp.exp(out), xp.sum(g, axis=as_axes(axis, len(x_shape)), keepdims=True))
    )


def _log_softmax_forward(xp: Any, g: Any, x_shape: Any, out: Any, axis: Any) -> Any:
    mean = xp.sum(xp.multiply(xp.exp(out), g), axis=as_axes(axis, len(x_shape)), keepdims=True)
    return xp.subtract(g, mean)


@special(
    elementwise=False,
    scalars=False,
    grad={"x": _log_softmax_rule},
    jvp={"x": _log_softmax_forward},
    fallback=_log_softmax,
    notes="a row of -infinity alone, or with infinity: NaN, as the value",
)
def log_softmax(x: Tensor, /, axis: Axes | None = None) -> Tensor:
    """log(softmax(x)), exact where the softmax is nearly 0.

    >>> import unitensor as ut
    >>> ut.special.log_softmax(ut.asarray([0.0, -1000.0])).tolist()
    [0.0, -1000.0]
    """
