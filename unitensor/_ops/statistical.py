"""Reductions and running sums over axes.

Standard: Statistical Functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._op import op
from .elementwise import is_complex
from .manipulation import Axes, as_axes

if TYPE_CHECKING:
    from .._dtypes import DType
    from .._tensor import Tensor


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
    return xp.broadcast_to(xp.reshape(g, kept_shape(shape, axis)), tuple(shape))


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


def _mean_rule(xp: Any, g: Any, x_shape: Any, axis: Any) -> Any:
    return spread(xp, xp.divide(g, max_(count(x_shape, axis), 1)), x_shape, axis)


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


def _others(xp: Any, x: Any, axis: int) -> Any:
    """At each element the product of all others along an axis, without a division."""
    n = x.shape[axis]
    lead = (slice(None),) * axis
    ones = xp.ones_like(xp.getitem(x, (*lead, slice(0, 1))))
    before = xp.concat([ones, xp.getitem(x, (*lead, slice(0, n - 1)))], axis=axis)
    after = xp.concat([xp.getitem(x, (*lead, slice(1, n))), ones], axis=axis)
    left = xp.cumulative_prod(before, axis=axis)
    right = xp.flip(xp.cumulative_prod(xp.flip(after, axis=axis), axis=axis), axis=axis)
    return xp.multiply(left, right)


def _flattened(xp: Any, x: Any, axis: Any) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    """x with the reduced axes last and joined into one; the order and the shape before joining."""
    axes = as_axes(axis, len(x.shape))
    order = tuple(i for i in range(len(x.shape)) if i not in axes) + axes
    moved = xp.permute_dims(x, order)
    rest = tuple(moved.shape[: len(order) - len(axes)])
    return xp.reshape(moved, (*rest, count(x.shape, axis))), order, tuple(moved.shape)


def _prod_rule(xp: Any, g: Any, x: Any, axis: Any) -> Any:
    if 0 in x.shape:
        return xp.zeros_like(x)
    flat, order, shape = _flattened(xp, x, axis)
    others = _others(xp, flat, len(flat.shape) - 1)
    back = [0] * len(order)
    for i, a in enumerate(order):
        back[a] = i
    others = xp.permute_dims(xp.reshape(others, shape), tuple(back))
    return xp.multiply(xp.reshape(g, kept_shape(x.shape, axis)), others)


@op(grad={"x": _prod_rule}, promote=(), domain=(-2.0, 2.0))
def prod(
    x: Tensor, /, *, axis: Axes | None = None, dtype: DType | None = None, keepdims: bool = False
) -> Tensor:
    """The product over axes, all by default. Small integers as in `sum`.

    >>> import unitensor as ut
    >>> ut.prod(ut.asarray([2, 3, 4])).item()
    24
    """


def _extremum_rule(xp: Any, g: Any, x: Any, out: Any, axis: Any) -> Any:
    shape = kept_shape(x.shape, axis)
    peak = xp.reshape(out, shape)
    hit = xp.logical_or(xp.equal(x, peak), xp.logical_and(xp.isnan(x), xp.isnan(peak)))
    hit = xp.astype(hit, g.dtype)
    share = xp.divide(xp.reshape(g, shape), xp.sum(hit, axis=as_axes(axis, len(shape)), keepdims=True))
    return xp.multiply(hit, share)


@op(grad={"x": _extremum_rule}, dtypes="real numeric", notes="ties: equal shares", selects=True)
def max(x: Tensor, /, *, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
    """The largest element over axes, all by default; NaN if there is one.

    >>> import unitensor as ut
    >>> ut.max(ut.asarray([1.0, 5.0, 3.0])).item()
    5.0
    """


@op(grad={"x": _extremum_rule}, dtypes="real numeric", notes="ties: equal shares", selects=True)
def min(x: Tensor, /, *, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
    """The smallest element over axes, all by default; NaN if there is one.

    >>> import unitensor as ut
    >>> ut.min(ut.asarray([1.0, 5.0, 3.0])).item()
    1.0
    """


def _centred(xp: Any, x: Any, axis: Any) -> Any:
    return xp.subtract(x, xp.mean(x, axis=as_axes(axis, len(x.shape)), keepdims=True))


def _var_rule(xp: Any, g: Any, x: Any, axis: Any, correction: Any) -> Any:
    n = count(x.shape, axis) - correction
    scale = 2.0 / n if n > 0 else float("nan")
    g = xp.multiply(xp.reshape(g, kept_shape(x.shape, axis)), scale)
    centred = _centred(xp, x, axis)
    return xp.multiply(g, xp.conj(centred) if is_complex(xp, x) else centred)


@op(grad={"x": _var_rule}, dtypes="real floating", result="float64")
def var(
    x: Tensor, /, *, axis: Axes | None = None, correction: int | float = 0.0, keepdims: bool = False
) -> Tensor:
    """The variance over axes: the sum of squared deviations over n - correction.

    >>> import unitensor as ut
    >>> ut.var(ut.asarray([1.0, 2.0, 3.0]), correction=1).item()
    1.0
    """


def _std_rule(xp: Any, g: Any, x: Any, out: Any, axis: Any, correction: Any) -> Any:
    flat = xp.equal(out, 0)
    safe = xp.where(flat, xp.ones_like(out), out)
    slope = xp.where(flat, xp.zeros_like(out), xp.divide(0.5, safe))
    return _var_rule(xp, xp.multiply(g, xp.reshape(slope, g.shape)), x, axis, correction)


@op(grad={"x": _std_rule}, dtypes="real floating", result="float64", notes="all elements equal: 0")
def std(
    x: Tensor, /, *, axis: Axes | None = None, correction: int | float = 0.0, keepdims: bool = False
) -> Tensor:
    """The standard deviation over axes: the square root of `var`.

    >>> import unitensor as ut
    >>> ut.std(ut.asarray([1.0, 3.0])).item()
    1.0
    """


def _drop_initial(xp: Any, g: Any, axis: int, include_initial: Any) -> Any:
    return xp.getitem(g, (slice(None),) * axis + (slice(1, None),)) if include_initial else g


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


def _cumulative_prod_rule(xp: Any, g: Any, x: Any, axis: Any, include_initial: Any) -> Any:
    axis = 0 if axis is None else axis % len(x.shape)
    g = _drop_initial(xp, g, axis, include_initial)
    n = x.shape[axis]
    if n == 0:
        return xp.zeros_like(x)
    # Horner's scheme from the end: s[i] = g[i] + x[i+1] * s[i+1]; then dx[i] = before[i] * s[i].
    lead = (slice(None),) * axis
    part = xp.getitem(g, (*lead, slice(n - 1, n)))
    parts = [part]
    for i in range(n - 2, -1, -1):
        step = xp.multiply(xp.getitem(x, (*lead, slice(i + 1, i + 2))), part)
        part = xp.add(xp.getitem(g, (*lead, slice(i, i + 1))), step)
        parts.append(part)
    ones = xp.ones_like(xp.getitem(x, (*lead, slice(0, 1))))
    before = xp.concat([ones, xp.getitem(x, (*lead, slice(0, n - 1)))], axis=axis)
    return xp.multiply(xp.cumulative_prod(before, axis=axis), xp.concat(parts[::-1], axis=axis))


@op(grad={"x": _cumulative_prod_rule}, promote=(), domain=(-2.0, 2.0))
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
