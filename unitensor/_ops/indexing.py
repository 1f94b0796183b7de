"""Reading elements by index, and the adjoint of reading.

Standard: Indexing and Indexing Functions.
"""

from __future__ import annotations

import operator
from types import EllipsisType
from typing import TYPE_CHECKING, Any

import numpy as np

from .._errors import describe
from .._graph import fit
from .._lift import two_backends
from .._op import op, scope, table
from .._views import is_basic
from .manipulation import _size

if TYPE_CHECKING:
    from .._tensor import Tensor


def gives_view(key: Any, r: Any) -> bool:
    """Whether a plain key gives a view: all basic ones do that do not name a single element."""
    if not is_basic(key):
        return False
    return len(r.shape) > 0 or key is Ellipsis or (type(key) is tuple and Ellipsis in key)


def flat_indices(xp: Any, key: Any, shape: tuple[int, ...]) -> Any:
    """The positions, in the flattened array, of the elements that a key selects (NumPy array)."""
    to_numpy = xp.backend.to_numpy
    arrays = xp.backend.array_types
    parts = key if type(key) is tuple else (key,)
    plain = tuple(to_numpy(p) if isinstance(p, arrays) else p for p in parts)
    return np.arange(_size(shape)).reshape(shape)[plain]


def getitem_by_take(xp: Any, x: Any, key: Any) -> Any:
    """Any NumPy key, by `take` alone: for engines that index in the standard's ways only."""
    where = flat_indices(xp, key, tuple(x.shape))
    flat = xp.reshape(x, (-1,)) if len(x.shape) != 1 else x
    index = xp.backend.from_numpy(where.reshape(-1), xp.backend.raw_device_of(x))
    return xp.reshape(xp.take(flat, index, axis=0), where.shape)


def _getitem(xp: Any, x: Any, key: Any) -> Any:
    return x[key]


def _getitem_rule(xp: Any, g: Any, x_shape: Any, key: Any) -> Any:
    return xp.scatter_add(g, key, tuple(x_shape))


@op(grad={"x": _getitem_rule}, linear="each", dtypes="all", public=False, fallback=_getitem, selects=True)
def getitem(x: Tensor, key: Any) -> Tensor:
    """x[key] for a key without Tensors: what `Tensor.__getitem__` runs."""


def _scatter_add(xp: Any, x: Any, key: Any, shape: Any) -> Any:
    zeros = xp.zeros(shape, dtype=x.dtype, device=xp.backend.raw_device_of(x))
    return xp.backend.scatter_add(zeros, key, x)


@op(
    grad={"x": lambda xp, g, key: xp.getitem(g, key)},
    linear="each",
    dtypes="all",
    public=False,
    fallback=_scatter_add,
)
def scatter_add(x: Tensor, key: Any, shape: tuple[int, ...]) -> Tensor:
    """Zeros of a shape with x added at a key, repeated indices included: the adjoint of x[key]."""


def _repeat_index(xp: Any, repeats: Any, n: int) -> Any:
    device = xp.backend.raw_device_of(repeats)
    owners = xp.arange(n, device=device)
    return xp.repeat(owners, xp.broadcast_to(repeats, (n,)))


@op(inputs=("repeats",), dtypes="integral", public=False, fallback=_repeat_index)
def repeat_index(repeats: Tensor, n: int) -> Tensor:
    """Which element each item of `repeat(x, repeats)` came from."""


def _scatter_take(xp: Any, x: Any, indices: Any, shape: Any, axis: Any) -> Any:
    return xp.scatter_add(x, (slice(None),) * axis + (indices,), shape)


@op(
    inputs=("x", "indices"),
    grad={"x": lambda xp, g, indices, axis: xp.take(g, indices, axis=axis)},
    linear="each",
    dtypes="all",
    promote=(),
    public=False,
    fallback=_scatter_take,
)
def scatter_take(x: Tensor, indices: Tensor, shape: tuple[int, ...], axis: int) -> Tensor:
    """Zeros of a shape with x added where `take` reads along a non-negative axis: its adjoint."""


def _take_rule(xp: Any, g: Any, x_shape: Any, indices: Any, axis: Any) -> Any:
    return xp.scatter_take(g, indices, tuple(x_shape), 0 if axis is None else axis % len(x_shape))


def _take(xp: Any, f: Any, x: Any, indices: Any, /, *, axis: Any = None) -> Any:
    """Engines flatten, take rows or refuse where no axis is named: we do as the standard asks."""
    if axis is None and len(x.shape) > 1:
        raise ValueError(f"x has {len(x.shape)} axes; name the one to take along: axis=0")
    return f(x, indices, axis=axis)


@op(
    inputs=("x", "indices"),
    grad={"x": _take_rule},
    linear="each",
    dtypes="all",
    promote=(),
    selects=True,
    prepare=_take,
)
def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """The elements, or slices along an axis, at some indices.

    >>> import unitensor as ut
    >>> ut.take(ut.asarray([10, 20, 30]), ut.asarray([2, 0])).tolist()
    [30, 10]
    """


def _take_along_rule(xp: Any, g: Any, x_shape: Any, indices: Any, axis: Any) -> Any:
    return xp.scatter_along_axis(g, indices, tuple(x_shape), axis)


def _along_axis_key(xp: Any, indices: Any, shape: Any, axis: Any) -> Any:
    """The integer key that picks what `take_along_axis` does."""
    axis %= len(shape)
    key = []
    for i, n in enumerate(shape):
        if i == axis:
            key.append(indices)
            continue
        index = xp.arange(n, dtype=indices.dtype, device=xp.backend.raw_device_of(indices))
        key.append(xp.reshape(index, (1,) * i + (n,) + (1,) * (len(shape) - i - 1)))
    return tuple(key)


def _scatter_along_axis(xp: Any, x: Any, indices: Any, shape: Any, axis: Any) -> Any:
    return xp.scatter_add(x, _along_axis_key(xp, indices, shape, axis), shape)


@op(
    inputs=("x", "indices"),
    grad={"x": lambda xp, g, indices, axis: xp.take_along_axis(g, indices, axis=axis)},
    linear="each",
    dtypes="all",
    promote=(),
    public=False,
    fallback=_scatter_along_axis,
)
def scatter_along_axis(x: Tensor, indices: Tensor, shape: tuple[int, ...], axis: int) -> Tensor:
    """Zeros of a shape with x added where `take_along_axis` reads: its adjoint."""


@op(
    inputs=("x", "indices"),
    grad={"x": _take_along_rule},
    linear="each",
    dtypes="all",
    promote=(),
    selects=True,
)
def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """At each place the element of x along an axis that the index there names.

    >>> import unitensor as ut
    >>> x = ut.asarray([[3, 1], [2, 4]])
    >>> ut.take_along_axis(x, ut.argsort(x)).tolist()
    [[1, 3], [2, 4]]
    """


def _put(xp: Any, x: Any, value: Any, key: Any, flat: Any) -> Any:
    shape = tuple(x.shape)
    y = xp.asarray(x, copy=True)
    if not flat:
        return xp.backend.assign(y, key, value)
    return xp.reshape(xp.backend.assign(xp.reshape(y, (-1,)), key, value), shape)


def _picked(xp: Any, g: Any, key: Any, flat: Any) -> Any:
    return xp.getitem(xp.reshape(g, (-1,)) if flat else g, key)


def _put_rule(xp: Any, g: Any, key: Any, flat: Any) -> Any:
    return xp.put(g, xp.zeros_like(_picked(xp, g, key, flat)), key, flat)


def _put_value_rule(xp: Any, g: Any, value_shape: Any, key: Any, flat: Any) -> Any:
    return fit(xp, _picked(xp, g, key, flat), (tuple(value_shape), g.dtype))


@op(
    inputs=("x", "value"),
    grad={"x": _put_rule, "value": _put_value_rule},
    jvp={
        "x": lambda xp, g, value, key, flat: xp.put(g, xp.zeros_like(value), key, flat),
        "value": lambda xp, g, x, key, flat: xp.put(xp.zeros_like(x), g, key, flat),
    },
    dtypes="all",
    public=False,
    fallback=_put,
    selects=True,
)
def put(x: Tensor, value: Tensor, key: Any, flat: bool) -> Tensor:
    """x with a value at a key, which names no place twice; `flat` keys count in the flattened x."""


GETITEM = table["getitem"]


def plain_key(x: Tensor, key: Any, *, kept: bool = False) -> Any:
    """A key whose Tensors are replaced by their engine's arrays, checked to be on x's backend.

    `kept` says that a graph may keep the key, as it does where x has one: the user's own arrays are copied.
    """
    if type(key) is not tuple:
        return _plain_part(x, key, kept or x._node is not None)
    whole = False
    for part in key:
        kind = type(part)
        if kind is int or part is None:
            continue
        if part is Ellipsis and not whole:
            whole = True
        elif kind is not slice or not _is_plain_slice(part):
            break
    else:
        return key
    if list(map(type, key)).count(EllipsisType) > 1:
        raise IndexError(
            f"x[{', '.join(map(describe, key))}]: an index can only have a single ellipsis ('...')"
        )
    kept = kept or x._node is not None
    return tuple([part if type(part) is int else _plain_part(x, part, kept) for part in key])


def _is_plain_slice(part: slice) -> bool:
    return type(part.start) in _BOUNDS and type(part.stop) in _BOUNDS and type(part.step) in _BOUNDS


def _plain_part(x: Tensor, part: Any, kept: bool) -> Any:
    if part is None or part is Ellipsis or type(part) is int or type(part) is bool:
        return part
    if type(part) is slice:
        if _is_plain_slice(part):
            return part
        return slice(*(None if b is None else operator.index(b) for b in (part.start, part.stop, part.step)))
    if isinstance(part, scope["Tensor"]):
        if part._xp is not x._xp:
            raise two_backends(GETITEM, x, part)
        if part.dtype.kind not in "biu":
            raise IndexError(f"index: expected integers or booleans, got {part.dtype}{list(part.shape)}")
        return part._data
    if isinstance(part, np.generic):
        return bool(part) if part.dtype.kind == "b" else part.item()
    if isinstance(part, (list, range, np.ndarray)):
        array = np.array(part) if kept else np.asarray(part)
        if array.size == 0 and isinstance(part, list):
            array = array.astype(np.int64)
        if array.dtype.kind not in "biu":
            raise IndexError(f"index: expected integers or booleans, got {describe(array)}")
        return x._xp.backend.from_numpy(array, x._xp.backend.raw_device_of(x._data))
    if hasattr(part, "__index__"):
        return operator.index(part)
    raise IndexError(
        f"index: {type(part).__name__} {describe(part)} given; expected an integer, a slice, None, `...`, "
        "or Tensors or lists of integers or booleans"
    )


_BOUNDS = (int, type(None))


def explain_key(x: Tensor, key: Any, error: Exception) -> Exception:
    """An engine's error at `x[key]` as ours, worded as NumPy does: the key, the shape, what is wrong."""
    parts = key if type(key) is tuple else (key,)
    where = f"x[{', '.join(describe(p) for p in parts)}] of shape {x.shape}"
    to_numpy, arrays = x._xp.backend.to_numpy, x._xp.backend.array_types
    if not x._xp.backend.has_values(key):
        text = str(error).partition("\n")[0]
        return IndexError(f"{where}: an index without values, inside a traced function: {text}")
    plain = tuple(to_numpy(p) if isinstance(p, arrays) else p for p in parts)
    try:
        selected = np.broadcast_to(np.zeros(()), x.shape)[plain].shape
    except (IndexError, ValueError) as reference:
        return type(reference)(f"{where}: {reference}")
    text = str(error).partition("\n")[0] or type(error).__name__
    kind = type(error) if isinstance(error, (TypeError, NotImplementedError, MemoryError)) else ValueError
    return kind(f"{where} selects shape {selected}: {text}")
