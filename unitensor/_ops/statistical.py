"""Reductions and running sums over axes.

Standard: Statistical Functions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .._dtypes import as_dtype
from .._op import op, scope
from .elementwise import is_complex
from .manipulation import Axes, as_axes

if TYPE_CHECKING:
    from .._dtypes import DType
    from .._tensor import Tensor


#: The largest number of float16.
HALF_MAX = 65504


def kept_shape(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """The shape of a reduction that keeps its axes."""
    axes = as_axes(axis, len(shape))
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def count(shape: tuple[int, ...], axis: Any) -> int:
    """How many elements go into one result of a reduction."""
    total = 1
    for i in as_axes(axis, len(shape)):
        total *= shape[i]
    return total


def spread(xp: Any, g: Any, shape: Any, axis: Any) -> Any:
    """A reduction's cotangent broadcast back over the axes that it summed."""
    if g.shape and len(g.shape) != len(shape):
        g = xp.reshape(g, kept_shape(shape, axis))
    return xp.broadcast_to(g, tuple(shape))


@op(
    grad={"x": lambda xp, g, x_shape, axis: spread(xp, g, x_shape, axis)},
    linear="each",
    promote=(),
)
def sum(
    x: Tensor, /, *, axis: Axes | None = None, dtype: DType | None = None, keepdims: bool = False
) -> Tensor:
    """The sum over axes, all by default. Small integers are summed in the default integer dtype.

    >>> import unitensor as ut
    >>> ut.sum(ut.asarray([[1, 2], [3, 4]]), axis=0).tolist()
    [4, 6]
    """


def _over_count(xp: Any, x: Any, n: float) -> Any:
    """x / n for a count n, which half precision may not hold: then by its root, twice."""
    if n <= HALF_MAX:
        return xp.divide(x, n)
    root = math.sqrt(n)
    return xp.divide(xp.divide(x, root), root)


def _mean_rule(xp: Any, g: Any, x_shape: Any, axis: Any) -> Any:
    return spread(xp, _over_count(xp, g, max_(count(x_shape, axis), 1)), x_shape, axis)


def max_(a: int, b: int) -> int:
    """Python's own max, whose name this chapter takes."""
    return a if a > b else b


@op(grad={"x": _mean_rule}, linear="each", dtypes="floating", result="float64")
def mean(x: Tensor, /, *, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
    """The arithmetic mean over axes, all by default.

    >>> import unitensor as ut
    >>> ut.mean(ut.asarray([1.0, 2.0, 6.0])).item()
    3.0
    """


def _part(xp: Any, x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return xp.getitem(x, (slice(None),) * axis + (slice(start, stop),))


def _before(xp: Any, x: Any, axis: int) -> Any:
    """At each element the product of those before it."""
    ones = xp.ones_like(_part(xp, x, axis, 0, 1))
    return xp.cumulative_prod(xp.concat([ones, _part(xp, x, axis, 0, -1)], axis=axis), axis=axis)


def _others(xp: Any, x: Any, axis: int) -> Any:
    """At each element the product of all others along an axis, without a division."""
    behind = xp.flip(_before(xp, xp.flip(x, axis=axis), axis), axis=axis)
    return xp.multiply(_before(xp, x, axis), behind)


def _flattened(xp: Any, x: Any, axis: Any) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    """x with the reduced axes last and joined into one; the order and the shape before joining."""
    axes = as_axes(axis, len(x.shape))
    order = tuple(i for i in range(len(x.shape)) if i not in axes) + axes
    moved = xp.permute_dims(x, order)
    rest = tuple(moved.shape[: len(order) - len(axes)])
    return xp.reshape(moved, (*rest, count(x.shape, axis))), order, tuple(moved.shape)


def _prod_slope(xp: Any, x: Any, axis: Any) -> Any:
    """The derivative of a product in each of its factors."""
    if 0 in x.shape:
        return xp.zeros_like(x)
    flat, order, shape = _flattened(xp, x, axis)
    others = _others(xp, flat, len(flat.shape) - 1)
    back = [0] * len(order)
    for i, a in enumerate(order):
        back[a] = i
    return xp.permute_dims(xp.reshape(others, shape), tuple(back))


def _prod_rule(xp: Any, g: Any, x: Any, axis: Any) -> Any:
    return xp.multiply(xp.reshape(g, kept_shape(x.shape, axis)), _prod_slope(xp, x, axis))


def total(xp: Any, x: Any, axis: Any, out: Any) -> Any:
    """A sum over axes in the shape of the op's own result."""
    return xp.reshape(xp.sum(x, axis=as_axes(axis, len(x.shape))), out.shape)


def _prod_forward(xp: Any, g: Any, x: Any, out: Any, axis: Any) -> Any:
    return total(xp, xp.multiply(g, _prod_slope(xp, x, axis)), axis, out)


@op(grad={"x": _prod_rule}, jvp={"x": _prod_forward}, promote=(), domain=(-2.0, 2.0))
def prod(
    x: Tensor, /, *, axis: Axes | None = None, dtype: DType | None = None, keepdims: bool = False
) -> Tensor:
    """The product over axes, all by default. Small integers as in `sum`.

    >>> import unitensor as ut
    >>> ut.prod(ut.asarray([2, 3, 4])).item()
    24
    """


def _extremum_shares(xp: Any, g: Any, x: Any, out: Any, axis: Any) -> Any:
    """Equal shares, of 1 in all, for the elements that are the extremum."""
    peak = xp.reshape(out, kept_shape(x.shape, axis))
    hit = xp.logical_or(xp.equal(x, peak), xp.logical_and(xp.isnan(x), xp.isnan(peak)))
    axes = as_axes(axis, len(x.shape))
    if as_dtype(g.dtype).itemsize == 2:  # which counts to 2048
        share = xp.astype(xp.divide(1, xp.sum(hit, axis=axes, keepdims=True)), g.dtype)
        return xp.multiply(xp.astype(hit, g.dtype), share)
    hit = xp.astype(hit, g.dtype)
    return xp.divide(hit, xp.sum(hit, axis=axes, keepdims=True))


def _extremum_rule(xp: Any, g: Any, x: Any, out: Any, axis: Any) -> Any:
    return xp.multiply(xp.reshape(g, kept_shape(x.shape, axis)), _extremum_shares(xp, g, x, out, axis))


def _extremum_forward(xp: Any, g: Any, x: Any, out: Any, axis: Any) -> Any:
    share = _extremum_shares(xp, g, x, out, axis)
    chosen = xp.where(xp.equal(share, 0), xp.zeros_like(g), g)
    return total(xp, xp.multiply(chosen, share), axis, out)


EXTREMUM: dict[str, Any] = {"grad": {"x": _extremum_rule}, "jvp": {"x": _extremum_forward}}


@op(**EXTREMUM, dtypes="real numeric", notes="ties: equal shares", selects=True)
def max(x: Tensor, /, *, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
    """The largest element over axes, all by default; NaN if there is one.

    >>> import unitensor as ut
    >>> ut.max(ut.asarray([1.0, 5.0, 3.0])).item()
    5.0
    """


@op(**EXTREMUM, dtypes="real numeric", notes="ties: equal shares", selects=True)
def min(x: Tensor, /, *, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
    """The smallest element over axes, all by default; NaN if there is one.

    >>> import unitensor as ut
    >>> ut.min(ut.asarray([1.0, 5.0, 3.0])).item()
    1.0
    """


def _centred(xp: Any, x: Any, axis: Any) -> Any:
    return xp.subtract(x, xp.mean(x, axis=as_axes(axis, len(x.shape)), keepdims=True))


def _shifted(xp: Any, x: Any, axis: Any) -> Any:
    """x minus its first elements: of equal ones 0, and so is then their mean, which may else be rounded."""
    axes = as_axes(axis, len(x.shape))
    key = tuple(slice(0, 1) if i in axes else slice(None) for i in range(len(x.shape)))
    return xp.subtract(x, xp.getitem(x, key))


def _var_slope(xp: Any, g: Any, x: Any, axis: Any, correction: Any) -> Any:
    """g, which has the reduced axes kept or is of x's shape, times the derivative of the variance."""
    n = count(x.shape, axis) - correction
    g = _over_count(xp, g, n / 2 if n > 0 else math.nan)
    centred = _centred(xp, x, axis)
    return xp.multiply(g, xp.conj(centred) if is_complex(xp, x) else centred)


def _var_rule(xp: Any, g: Any, x: Any, axis: Any, correction: Any) -> Any:
    return _var_slope(xp, xp.reshape(g, kept_shape(x.shape, axis)), x, axis, correction)


def _var_forward(xp: Any, g: Any, x: Any, out: Any, axis: Any, correction: Any) -> Any:
    slope = _var_slope(xp, g, x, axis, correction)
    return total(xp, xp.real(slope) if is_complex(xp, x) else slope, axis, out)


@op(
    grad={"x": _var_rule},
    jvp={"x": _var_forward},
    dtypes="floating",
    result="float64",
    notes="no more elements than the correction: NaN",
)
def var(
    x: Tensor, /, *, axis: Axes | None = None, correction: int | float = 0.0, keepdims: bool = False
) -> Tensor:
    """The variance over axes: the sum of squared deviations over n - correction.

    >>> import unitensor as ut
    >>> ut.var(ut.asarray([1.0, 2.0, 3.0]), correction=1).item()
    1.0
    """


def _halved_by(xp: Any, g: Any, out: Any) -> Any:
    """g / (2 out), and 0 where out is."""
    flat = xp.equal(out, 0)
    safe = xp.where(flat, xp.ones_like(out), out)
    slope = xp.where(flat, xp.zeros_like(out), xp.divide(0.5, safe))
    return xp.multiply(g, xp.reshape(slope, g.shape))


def _std_slope(xp: Any, g: Any, x: Any, out: Any, axis: Any, correction: Any) -> Any:
    """g times the derivative of the deviation, in a form whose own derivative is right where out is 0."""
    n = count(x.shape, axis) - correction
    centred = _centred(xp, _shifted(xp, x, axis), axis)
    slope = xp.unit(
        xp.conj(centred) if is_complex(xp, x) else centred, xp.reshape(out, kept_shape(x.shape, axis))
    )
    return xp.multiply(_over_count(xp, g, n if n > 0 else math.nan), slope)


def _std_rule(xp: Any, g: Any, x: Any, out: Any, axis: Any, correction: Any) -> Any:
    if xp is scope["tensors"]:  # a product less on arrays
        return _std_slope(xp, xp.reshape(g, kept_shape(x.shape, axis)), x, out, axis, correction)
    return _var_rule(xp, _halved_by(xp, g, out), _shifted(xp, x, axis), axis, correction)


def _std_forward(xp: Any, g: Any, x: Any, out: Any, axis: Any, correction: Any) -> Any:
    slope = _std_slope(xp, g, x, out, axis, correction)
    return total(xp, xp.real(slope) if is_complex(xp, x) else slope, axis, out)


@op(
    grad={"x": _std_rule},
    jvp={"x": _std_forward},
    dtypes="floating",
    result="float64",
    notes="all elements equal: 0; no more elements than the correction: NaN",
)
def std(
    x: Tensor, /, *, axis: Axes | None = None, correction: int | float = 0.0, keepdims: bool = False
) -> Tensor:
    """The standard deviation over axes: the square root of `var`.

    >>> import unitensor as ut
    >>> ut.std(ut.asarray([1.0, 3.0])).item()
    1.0
    """


def _drop_initial(xp: Any, g: Any, axis: int, include_initial: Any) -> Any:
    return _part(xp, g, axis, 1, None) if include_initial else g


def _cumulative_sum_rule(xp: Any, g: Any, x_shape: Any, axis: Any, include_initial: Any) -> Any:
    axis = 0 if axis is None else axis % len(x_shape)
    g = _drop_initial(xp, g, axis, include_initial)
    return xp.flip(xp.cumulative_sum(xp.flip(g, axis=axis), axis=axis), axis=axis)


@op(grad={"x": _cumulative_sum_rule}, linear="each", promote=())
def cumulative_sum(
    x: Tensor,
    /,
    *,
    axis: int | None = None,
    dtype: DType | None = None,
    include_initial: bool = False,
) -> Tensor:
    """The running sum along an axis, beginning with 0 if `include_initial`.

    >>> import unitensor as ut
    >>> ut.cumulative_sum(ut.asarray([1, 2, 3])).tolist()
    [1, 3, 6]
    """


def _recurrence(xp: Any, a: Any, b: Any, axis: int) -> Any:
    """The s with s[i] = b[i] + a[i] s[i+1], and 0 after the end, in log2(n) steps."""
    n = b.shape[axis]
    reach = 1
    while reach < n:
        nothing = xp.zeros_like(_part(xp, b, axis, 0, reach))
        ahead = xp.concat([_part(xp, b, axis, reach, None), nothing], axis=axis)
        b = xp.add(b, xp.multiply(a, ahead))
        a = xp.multiply(a, xp.concat([_part(xp, a, axis, reach, None), nothing], axis=axis))
        reach *= 2
    return b


def _cumulative_prod_rule(xp: Any, g: Any, x: Any, axis: Any, include_initial: Any) -> Any:
    axis = 0 if axis is None else axis % len(x.shape)
    g = _drop_initial(xp, g, axis, include_initial)
    if 0 in x.shape:
        return xp.zeros_like(x)
    nothing = xp.zeros_like(_part(xp, x, axis, 0, 1))
    after = xp.concat([_part(xp, x, axis, 1, None), nothing], axis=axis)
    return xp.multiply(_before(xp, x, axis), _recurrence(xp, after, g, axis))


def _cumulative_prod_forward(xp: Any, g: Any, x: Any, axis: Any, include_initial: Any) -> Any:
    axis = 0 if axis is None else axis % len(x.shape)
    lead = list(g.shape)
    lead[axis] = 1
    nothing = xp.zeros_like(xp.broadcast_to(xp.sum(g), tuple(lead)))
    if 0 not in x.shape:
        moved = xp.flip(xp.multiply(_before(xp, x, axis), g), axis=axis)
        g = xp.flip(_recurrence(xp, xp.flip(x, axis=axis), moved, axis), axis=axis)
    return xp.concat([nothing, g], axis=axis) if include_initial else g


@op(grad={"x": _cumulative_prod_rule}, jvp={"x": _cumulative_prod_forward}, promote=(), domain=(-2.0, 2.0))
def cumulative_prod(
    x: Tensor,
    /,
    *,
    axis: int | None = None,
    dtype: DType | None = None,
    include_initial: bool = False,
) -> Tensor:
    """The running product along an axis, beginning with 1 if `include_initial`.

    >>> import unitensor as ut
    >>> ut.cumulative_prod(ut.asarray([2, 3, 4])).tolist()
    [2, 6, 24]
    """
