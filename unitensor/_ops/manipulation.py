"""Functions that rearrange elements. All are linear.

Standard: Manipulation Functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._op import op

if TYPE_CHECKING:
    from .._tensor import Tensor

Axes = int | tuple[int, ...]


def as_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """An axis argument as a tuple of non-negative axes; all of them if it is None."""
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    return tuple(a % ndim for a in axes) if ndim else ()


def _reshape_rule(xp: Any, g: Any, x_shape: Any) -> Any:
    return xp.reshape(g, x_shape)


def as_axis(name: str, axis: int, ndim: int) -> int:
    """An axis argument as a non-negative axis, or NumPy's error, which is a ValueError and an IndexError."""
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(f"{name}: axis {axis} is out of bounds for {ndim} axes")
    return axis % ndim


@op(grad={"x": _reshape_rule}, linear="each", dtypes="all", view=True)
def reshape(x: Tensor, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """The same elements in another shape; one -1 is worked out from the rest.

    A view where the memory layout allows it. `copy=True` always copies, `copy=False` raises
    where a copy is needed.

    >>> import unitensor as ut
    >>> ut.reshape(ut.arange(6), (2, -1)).tolist()
    [[0, 1, 2], [3, 4, 5]]
    """


def _permute_rule(xp: Any, g: Any, axes: Any) -> Any:
    back = [0] * len(axes)
    for i, axis in enumerate(axes):
        back[axis % len(axes)] = i
    return xp.permute_dims(g, tuple(back))


@op(grad={"x": _permute_rule}, linear="each", dtypes="all", view=True)
def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """The axes in another order; a view.

    >>> import unitensor as ut
    >>> ut.permute_dims(ut.zeros((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """


@op(grad={"x": lambda xp, g: xp.matrix_transpose(g)}, linear="each", dtypes="all", view=True)
def matrix_transpose(x: Tensor, /) -> Tensor:
    """The last two axes exchanged; a view.

    >>> import unitensor as ut
    >>> ut.matrix_transpose(ut.zeros((5, 2, 3))).shape
    (5, 3, 2)
    """


@op(
    grad={"x": lambda xp, g, source, destination: xp.moveaxis(g, destination, source)},
    linear="each",
    dtypes="all",
    view=True,
)
def moveaxis(x: Tensor, source: Axes, destination: Axes, /) -> Tensor:
    """Some axes moved to other places, the rest in order; a view.

    >>> import unitensor as ut
    >>> ut.moveaxis(ut.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """


@op(grad={"x": _reshape_rule}, linear="each", dtypes="all", view=True)
def expand_dims(x: Tensor, /, axis: Axes) -> Tensor:
    """New axes of length 1; a view.

    >>> import unitensor as ut
    >>> ut.expand_dims(ut.zeros(3), 0).shape
    (1, 3)
    """


@op(grad={"x": _reshape_rule}, linear="each", dtypes="all", view=True)
def squeeze(x: Tensor, /, axis: Axes) -> Tensor:
    """Without some axes of length 1; a view.

    >>> import unitensor as ut
    >>> ut.squeeze(ut.zeros((1, 3, 1)), 0).shape
    (3, 1)
    """


@op(grad={"x": lambda xp, g, axis: xp.flip(g, axis=axis)}, linear="each", dtypes="all", view=True)
def flip(x: Tensor, /, *, axis: Axes | None = None) -> Tensor:
    """The elements in reverse along some axes, all by default; a view.

    >>> import unitensor as ut
    >>> ut.flip(ut.arange(3)).tolist()
    [2, 1, 0]
    """


def _broadcast_rule(xp: Any, g: Any, x_shape: Any) -> Any:
    lead = len(g.shape) - len(x_shape)
    axes = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(x_shape) if n == 1)
    return xp.reshape(xp.sum(g, axis=axes, keepdims=True), x_shape)


@op(grad={"x": _broadcast_rule}, linear="each", dtypes="all", view=True)
def broadcast_to(x: Tensor, /, shape: tuple[int, ...]) -> Tensor:
    """x repeated along new axes and axes of length 1; a read-only view.

    >>> import unitensor as ut
    >>> ut.broadcast_to(ut.asarray([1, 2]), (2, 2)).tolist()
    [[1, 2], [1, 2]]
    """


def _roll_rule(xp: Any, g: Any, shift: Any, axis: Any) -> Any:
    back = -shift if isinstance(shift, int) else tuple(-s for s in shift)
    return xp.roll(g, back, axis=axis)


def _roll(xp: Any, f: Any, x: Any, shift: Any, *, axis: Any = None) -> Any:
    """Along no axis nothing moves, and shifts of the flattened array add up: engines differ, or refuse."""
    if axis == ():
        return xp.astype(x, x.dtype)
    return f(x, sum(shift) if axis is None and type(shift) is tuple else shift, axis=axis)


@op(grad={"x": _roll_rule}, linear="each", dtypes="all", prepare=_roll)
def roll(x: Tensor, /, shift: Axes, *, axis: Axes | None = None) -> Tensor:
    """The elements shifted along some axes, those pushed out coming back in.

    >>> import unitensor as ut
    >>> ut.roll(ut.arange(4), 1).tolist()
    [3, 0, 1, 2]
    """


def _repeat_rule(xp: Any, g: Any, x_shape: Any, repeats: Any, axis: Any) -> Any:
    if axis is None:
        size = 1
        for n in x_shape:
            size *= n
        return xp.reshape(_repeat_rule(xp, g, (size,), repeats, 0), x_shape)
    axis %= len(x_shape)
    n = x_shape[axis]
    if isinstance(repeats, int):
        split = (*x_shape[: axis + 1], repeats, *x_shape[axis + 1 :])
        return xp.sum(xp.reshape(g, split), axis=axis + 1)
    return xp.scatter_take(g, xp.repeat_index(repeats, n), tuple(x_shape), axis)


@op(
    inputs=("x", "repeats"),
    grad={"x": _repeat_rule},
    linear="each",
    dtypes="all",
    promote=(),
    plain=("repeats",),
)
def repeat(x: Tensor, repeats: int | Tensor, /, *, axis: int | None = None) -> Tensor:
    """Each element repeated, all the same number of times or each its own.

    >>> import unitensor as ut
    >>> ut.repeat(ut.asarray([1, 2]), 2).tolist()
    [1, 1, 2, 2]
    """


def _tile_rule(xp: Any, g: Any, x_shape: Any, repetitions: Any) -> Any:
    repetitions = (repetitions,) if type(repetitions) is int else repetitions
    n = max(len(repetitions), len(x_shape))
    times = (1,) * (n - len(repetitions)) + tuple(repetitions)
    shape = (1,) * (n - len(x_shape)) + tuple(x_shape)
    split = tuple(part for pair in zip(times, shape) for part in pair)
    total = xp.sum(xp.reshape(g, split), axis=tuple(range(0, 2 * n, 2)))
    return xp.reshape(total, x_shape)


@op(grad={"x": _tile_rule}, linear="each", dtypes="all")
def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """The whole array repeated along each axis.

    >>> import unitensor as ut
    >>> ut.tile(ut.asarray([1, 2]), (2,)).tolist()
    [1, 2, 1, 2]
    """


def _concat_rule(xp: Any, g: Any, i: Any, shapes: Any, axis: Any) -> Any:
    starts = shapes.starts(axis)
    part = slice(starts[i], starts[i + 1])
    if axis is None:
        return xp.reshape(xp.getitem(g, part), shapes[i])
    return xp.getitem(g, (slice(None),) * (axis % len(shapes[i])) + (part,))


def _size(shape: Sequence[int]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


@op(grad={"arrays": _concat_rule}, linear="jointly", dtypes="all")
def concat(arrays: Sequence[Tensor], /, *, axis: int | None = 0) -> Tensor:
    """Arrays joined along an existing axis; flattened first if axis is None.

    >>> import unitensor as ut
    >>> ut.concat([ut.asarray([1, 2]), ut.asarray([3])]).tolist()
    [1, 2, 3]
    """


def _stack_rule(xp: Any, g: Any, i: Any, shapes: Any, axis: Any) -> Any:
    axis %= len(shapes[i]) + 1
    return xp.getitem(g, (slice(None),) * axis + (i,))


@op(grad={"arrays": _stack_rule}, linear="jointly", dtypes="all")
def stack(arrays: Sequence[Tensor], /, *, axis: int = 0) -> Tensor:
    """Arrays of one shape joined along a new axis.

    >>> import unitensor as ut
    >>> ut.stack([ut.asarray([1, 2]), ut.asarray([3, 4])]).tolist()
    [[1, 2], [3, 4]]
    """


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices of an array along an axis, as views.

    >>> import unitensor as ut
    >>> [s.tolist() for s in ut.unstack(ut.asarray([[1, 2], [3, 4]]))]
    [[1, 2], [3, 4]]
    """
    if x.ndim == 0:
        raise ValueError("unstack: expected at least one axis, got a 0-d array")
    axis = as_axis("unstack", axis, x.ndim)
    lead = (slice(None),) * axis
    return tuple(x[(*lead, i)] for i in range(x.shape[axis]))


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape in which arrays of these shapes meet.

    >>> import unitensor as ut
    >>> ut.broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    for shape in shapes:
        if any(not isinstance(n, int) or n < 0 for n in shape):
            raise ValueError(f"broadcast_shapes: {shape} is not a shape; expected non-negative ints")
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"broadcast_shapes: shapes {', '.join(map(str, shapes))} can not be broadcast"
        ) from None


def broadcast_arrays(*arrays: Tensor) -> tuple[Tensor, ...]:
    """Arrays broadcast to their common shape; read-only views.

    >>> import unitensor as ut
    >>> a, b = ut.broadcast_arrays(ut.zeros((2, 1)), ut.zeros(3))
    >>> a.shape, b.shape
    ((2, 3), (2, 3))
    """
    shape = broadcast_shapes(*(a.shape for a in arrays))
    return tuple(a if a.shape == shape else broadcast_to(a, shape) for a in arrays)
