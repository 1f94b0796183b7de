"""Views and writing: NumPy's semantics on every engine, with gradients.

A view knows its parent, the op that made it, and whether it shares the parent's memory; a
parent knows its views by weak reference. A write goes to the memory that all share, or, on an
engine that shares none, to the root of the family, from which the other views are made anew.
With gradients the root's node becomes that of a `put`, and its views' nodes follow.

Arrays that a graph saved may be overwritten. Each such write stamps the memory with a sequence
number, and the backward pass refuses saved arrays whose stamp is newer than their node.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ._graph import LEAF, Dual, GradientError, is_grad_enabled, new_seq, record, stamps
from ._op import Op, scope, table

if TYPE_CHECKING:
    from ._tensor import Tensor

_PACKAGE = __file__.rpartition("_writing")[0]


# Views -----------------------------------------------------------------------------------------


def add_view(out: Tensor, x: Tensor, op: Op | None, options: dict[str, Any] | None) -> None:
    """Note that `out` is a view of `x`, made by an op (None: the same memory, without history)."""
    backend = x._xp.backend
    if op is not None:
        if op.name == "reshape" and not _reshape_is_view(out, x, options):
            return
        if op.name == "imag" and x.dtype.kind != "c":
            return
    native = backend.shares_memory(op.name if op is not None else "", options, x._data, out._data)
    out._base = (x, op, options, native)
    link = weakref.ref(out)
    try:
        views = x._views
    except AttributeError:
        x._views = [link]
        return
    if len(views) > 8 and len(views) & (len(views) - 1) == 0:
        views[:] = [v for v in views if v() is not None]
    views.append(link)


def base_of(x: Tensor) -> Any:
    """(parent, op, options, shares memory) of a view, or None."""
    return getattr(x, "_base", None)


def _reshape_is_view(out: Tensor, x: Tensor, options: dict[str, Any] | None) -> bool:
    if options is not None and options.get("copy"):
        return False
    if x._xp.backend.name == "numpy":
        return np.may_share_memory(out._data, x._data)
    return base_of(x) is None or np.may_share_memory(layout(x), layout(x).reshape(out.shape))


def layout(x: Tensor) -> Any:
    """A NumPy array of bytes, never touched, that lies in memory as x would under NumPy."""
    return _along_path(x, lambda root: np.empty(root.shape, np.int8))


def positions(x: Tensor, root: Tensor) -> Any:
    """Where each element of a view stands in the flattened root (a NumPy array of x's shape)."""
    size = 1
    for n in root.shape:
        size *= n
    return _along_path(x, lambda _: np.arange(size).reshape(root.shape), root)


def _along_path(x: Tensor, start: Callable[[Tensor], Any], root: Tensor | None = None) -> Any:
    base = base_of(x)
    if x is root or base is None:
        return start(x)
    parent, op, options, _ = base
    a = _along_path(parent, start, root)
    if op is None or op.name in ("real", "imag"):
        return a
    if op.name == "getitem":
        return a[options["key"]]
    return getattr(_numpy(), op.name)(a, **options) if not op.module else _numpy().linalg.diagonal(a, **options)


def _numpy() -> Any:
    from ._backend import load_backend

    return load_backend("numpy").namespace


def _root(x: Tensor, *, through_alias: bool) -> Tensor:
    base = base_of(x)
    while base is not None and (through_alias or base[1] is not None):
        x = base[0]
        base = base_of(x)
    return x


def _path_ops(x: Tensor) -> list[tuple[Op | None, bool]]:
    ops = []
    base = base_of(x)
    while base is not None:
        ops.append((base[1], base[3]))
        base = base_of(base[0])
    return ops


def live_views(x: Tensor) -> list[Tensor]:
    """The views of a Tensor that are still in use."""
    found = [v() for v in getattr(x, "_views", ())]
    return [v for v in found if v is not None]


def _refresh(x: Tensor, recorded: bool) -> None:
    """Make the views of a written Tensor anew: their data where not shared, their nodes if recorded."""
    for view in live_views(x):
        _, op, options, native = view._base
        if not native:
            view._data = x._data if op is None else _apply_raw(x, op, options)
        if recorded and op is not None:
            env = {"x": x._data, **options}
            view._node = record(op, x._xp, env, (x._node,), view._data)
        _refresh(view, recorded and op is not None)


def _apply_raw(x: Tensor, op: Op, options: dict[str, Any]) -> Any:
    function = getattr(getattr(x._xp, op.module) if op.module else x._xp, op.name)
    args = [options[p] for p in op.positional if p in options]
    return function(x._data, *args, **{p: options[p] for p in op.keyword_only})


# Stamps ------------------------------------------------------------------------------------------


class _Slot:
    __slots__ = ("_data",)


def _count_alone() -> int:
    slot = _Slot()
    slot._data = np.empty(0)
    return sys.getrefcount(slot._data)


_ALONE = _count_alone()


def held_elsewhere(x: Tensor) -> bool:
    """Whether anything but this Tensor holds its engine array: a graph, a view, a user."""
    return sys.getrefcount(x._data) > _ALONE


def _stamp(x: Tensor) -> None:
    """Note that x's memory was written now, and by which line of the user's program."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith(_PACKAGE) or frame.f_code.co_filename.startswith("<unitensor")
    ):
        frame = frame.f_back
    place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    stamps[x._xp.backend.storage(x._data)] = (new_seq(), place)
    scope["last_write"] = new_seq()


# Writing -------------------------------------------------------------------------------------------


def write(x: Tensor, key: Any, value: Any) -> None:
    """`x[key] = value`."""
    if type(value) is float and type(key) is int and x._node is None and _simple(x):
        try:
            x._data[key] = value
        except IndexError as error:
            raise _explain(x, key, error) from error
        return
    from ._ops.indexing import plain_key

    write_plain(x, plain_key(x, key), _as_value(x, value))


def _simple(x: Tensor) -> bool:
    return (
        not held_elsewhere(x)
        and x._xp.backend.writes_natively
        and base_of(x) is None
        and not getattr(x, "_views", None)
    )


def _as_value(x: Tensor, value: Any) -> Tensor:
    from ._ops.creation import asarray
    from ._ops.data_types import astype

    if not isinstance(value, scope["Tensor"]):
        value = asarray(value, device=x.device)
    elif value._xp is not x._xp:
        raise TypeError(
            f"x[...] = y: x is on {x.backend!r}, y on {value.backend!r}; move y first: y.to(x.device)"
        )
    if value.dtype is x.dtype:
        return value  # type: ignore[no-any-return]  # `scope` is untyped
    if value.dtype.kind == "c" and x.dtype.kind != "c":
        raise TypeError(f"x[...] = y: cannot write {value.dtype} into {x.dtype}; use y.real or y.abs()")
    return astype(value, x.dtype)


def _explain(x: Tensor, key: Any, error: Exception) -> Exception:
    from ._ops.indexing import explain_key

    return explain_key(x, key, error)


def write_plain(x: Tensor, key: Any, value: Tensor) -> None:
    """Write a Tensor of x's dtype and backend at a key of integers, slices and engine arrays."""
    selected = _selected_shape(x, key)
    _check_fits(x, key, value, selected)
    graph_root = _root(x, through_alias=False)
    recorded = (graph_root._node is not None or x._node is not None or value._node is not None) and (
        is_grad_enabled() or any(type(n) is Dual for n in (graph_root._node, value._node))
    )
    path = _path_ops(x)
    if any(op is not None and op.name == "broadcast_to" for op, _ in path):
        raise ValueError(
            f"x[...] = y: x{list(x.shape)} is a read-only broadcast view; write to a copy: x.clone()"
        )
    if recorded:
        _check_recordable(x, graph_root, path)
    node = _put_node(x, graph_root, key, value, selected) if recorded else None
    _write_data(x, key, value, path, recorded)
    if recorded:
        graph_root._node = node
    root = _root(x, through_alias=True)
    _refresh_family(root, graph_root, recorded)


def _refresh_family(root: Tensor, graph_root: Tensor, recorded: bool) -> None:
    if not root._xp.backend.writes_natively:
        _refresh(root, False)
    if recorded:
        _refresh(graph_root, True)


def _selected_shape(x: Tensor, key: Any) -> tuple[int, ...]:
    if key is Ellipsis:
        return x.shape
    shadow = np.broadcast_to(np.zeros((), np.int8), x.shape)
    parts = key if type(key) is tuple else (key,)
    to_numpy = x._xp.backend.to_numpy
    plain = tuple(to_numpy(p) if isinstance(p, x._xp.backend.array_types) else p for p in parts)
    try:
        return tuple(shadow[plain].shape)
    except IndexError as error:
        raise _explain(x, key, error) from None


def _check_fits(x: Tensor, key: Any, value: Tensor, selected: tuple[int, ...]) -> None:
    shape = value.shape
    lead = len(shape) - len(selected)
    if lead > 0 and any(n != 1 for n in shape[:lead]):
        fits = False
    else:
        trailing = shape[max(lead, 0) :]
        fits = all(n in (1, m) for n, m in zip(trailing[::-1], selected[::-1]))
    if not fits:
        raise ValueError(
            f"x[...] = y: y of shape {shape} does not broadcast to the selected shape {selected} of x{list(x.shape)}"
        )


def _check_recordable(x: Tensor, graph_root: Tensor, path: list[Any]) -> None:
    for t in (x, graph_root):
        node = t._node
        if type(node) is list and node[3] is LEAF:
            raise GradientError(
                "x[...] = y: writing in place to a leaf that requires a gradient"
                + (" (x is a view of it)" if t is not x else "")
                + "; write inside `with ut.no_grad():`, or to a copy: x.clone()"
            )
    if any(op is not None and op.name in ("real", "imag") for op, _ in path):
        raise GradientError(
            "x[...] = y: a write through a real or imaginary view is not recorded; "
            "write to the complex Tensor itself"
        )


def _put_node(x: Tensor, root: Tensor, key: Any, value: Tensor, selected: tuple[int, ...]) -> Any:
    """The node of the family's root once `x[key] = value` is done."""
    from ._ops.indexing import is_basic
    from ._ops.manipulation import broadcast_to, reshape
    from ._ops.indexing import take

    if value.ndim > len(selected):
        value = reshape(value, value.shape[value.ndim - len(selected) :])
    xp = x._xp
    if x is root and is_basic(key):
        env = {"x": root._data, "value": value._data, "key": key, "flat": False}
        return record(table["put"], xp, env, (root._node, value._node), root._data)
    where, winners = _flat_winners(x, root, key)
    value = reshape(broadcast_to(value, selected), (-1,))
    device = xp.backend.raw_device_of(root._data)
    if winners is not None:
        value = take(value, scope["wrap"](xp.backend.from_numpy(winners, device), xp, None))
        where = where[winners]
    env = {"x": root._data, "value": value._data, "key": xp.backend.from_numpy(where, device), "flat": True}
    return record(table["put"], xp, env, (root._node, value._node), root._data)


def _flat_winners(x: Tensor, root: Tensor, key: Any) -> tuple[Any, Any]:
    """Flat places in the root that a write hits, and which writes stay (None: all)."""
    parts = key if type(key) is tuple else (key,)
    to_numpy = x._xp.backend.to_numpy
    plain = tuple(to_numpy(p) if isinstance(p, x._xp.backend.array_types) else p for p in parts)
    where = positions(x, root)[plain].reshape(-1)
    _, first = np.unique(where[::-1], return_index=True)
    if len(first) == len(where):
        return where, None
    return where, np.sort(len(where) - 1 - first)


def _write_data(x: Tensor, key: Any, value: Tensor, path: list[Any], recorded: bool) -> None:
    backend = x._xp.backend
    alone = not path and not live_views(x)
    data = value._data
    while len(data.shape) > len(_selected_shape(x, key)):
        data = x._xp.reshape(data, data.shape[1:])
    try:
        if all(native for _, native in path) and (not path or backend.mutable):
            if backend.mutable and held_elsewhere(x):
                if recorded and alone and x._node is not None:
                    x._data = x._xp.asarray(x._data, copy=True)
                else:
                    _stamp(x)
            if value._data is x._data or backend.mutable and base_of(value) is not None:
                data = x._xp.asarray(data, copy=True)
            x._data = _assign(x, key, data)
            return
        root = _root(x, through_alias=True)
        if backend.mutable:
            _stamp(root)
        where, winners = _flat_winners(x, root, key)
        flat = x._xp.reshape(x._xp.broadcast_to(data, _selected_shape(x, key)), (-1,))
        device = backend.raw_device_of(root._data)
        if winners is not None:
            flat = x._xp.take(flat, backend.from_numpy(winners, device), axis=0)
            where = where[winners]
        part = next((op.name for op, _ in path if op is not None and op.name in ("real", "imag")), "")
        root._data = _assign_flat(root, part, backend.from_numpy(where, device), flat)
    except (IndexError, ValueError, TypeError, RuntimeError) as error:
        if isinstance(error, GradientError):
            raise
        raise _explain(x, key, error) from error


def _assign(x: Tensor, key: Any, data: Any) -> Any:
    """Engines other than NumPy do not say which of two writes to one place stays: the last must."""
    from ._ops.indexing import is_basic

    backend = x._xp.backend
    if backend.name != "numpy" and not is_basic(key):
        where, winners = _flat_winners(x, x, key)
        if winners is not None:
            device = backend.raw_device_of(x._data)
            flat = x._xp.reshape(x._xp.broadcast_to(data, _selected_shape(x, key)), (-1,))
            flat = x._xp.take(flat, backend.from_numpy(winners, device), axis=0)
            kept = np.unravel_index(where[winners], x.shape)
            key = tuple(backend.from_numpy(np.ascontiguousarray(k), device) for k in kept)
            return backend.assign(x._data, key, flat)
    return backend.assign(x._data, key, data)


def _assign_flat(root: Tensor, part: str, where: Any, values: Any) -> Any:
    xp, backend = root._xp, root._xp.backend
    shape = tuple(root._data.shape)
    a = root._data
    if backend.mutable and not part:
        places = np.unravel_index(backend.to_numpy(where), shape)
        device = backend.raw_device_of(a)
        key = tuple(backend.from_numpy(np.ascontiguousarray(p), device) for p in places)
        return backend.assign(a, key if key else (), values if key else xp.reshape(values, ()))
    if part and root.dtype.kind == "c":
        real, imag = xp.asarray(xp.real(a), copy=True), xp.asarray(xp.imag(a), copy=True)
        chosen = real if part == "real" else imag
        flat = xp.reshape(backend.assign(xp.reshape(chosen, (-1,)), where, values), shape)
        real, imag = (flat, imag) if part == "real" else (real, flat)
        return xp.add(xp.astype(real, a.dtype), xp.multiply(xp.astype(imag, a.dtype), 1j))
    flat = backend.assign(xp.reshape(a, (-1,)), where, values)
    return xp.reshape(flat, shape)


# In-place operators and accumulating writes -----------------------------------------------------------


def in_place(x: Tensor, other: Any, function: Callable[..., Any], symbol: str) -> Tensor:
    """`x += other`: the result is written into x, so its shape and dtype must stay."""
    node = x._node
    if type(node) is list and node[3] is LEAF and is_grad_enabled():
        raise GradientError(
            f"x {symbol} y: in place on a leaf that requires a gradient; "
            "use `with ut.no_grad():`, or x = x + y in place of it"
        )
    result = function(x, other)
    if result.shape != x.shape:
        raise ValueError(f"x {symbol} y: the result has shape {result.shape}; expected x's own, {x.shape}")
    if result.dtype is not x.dtype:
        order = "biufc"
        ranks = order.replace("u", "i").index
        if ranks(result.dtype.kind.replace("u", "i")) > ranks(x.dtype.kind.replace("u", "i")):
            raise TypeError(
                f"x {symbol} y: cannot keep {result.dtype} in x's {x.dtype}; write x = x {symbol[:-1]} y instead"
            )
        result = result.astype(x.dtype)
    if node is not None and base_of(x) is None and not live_views(x) and is_grad_enabled():
        # Nobody else sees this memory as x, so what a graph saved of it can stay.
        x._data, x._node = result._data, result._node
        return x
    write_plain(x, Ellipsis, result)
    return x


class At:
    """Writes at a key in which repeated indices accumulate. Made by `ut.at`."""

    def __init__(self, x: Tensor, key: Any) -> None:
        from ._ops.indexing import plain_key

        self._x = x
        self._key = plain_key(x, key)

    def set(self, value: Any) -> None:
        """x[key] = value."""
        write_plain(self._x, self._key, _as_value(self._x, value))

    def add(self, value: Any) -> None:
        """Add value at each place, once for each time it is named."""
        x = self._x
        value = _as_value(x, value)
        selected = _selected_shape(x, self._key)
        _check_fits(x, self._key, value, selected)
        from ._ops.manipulation import broadcast_to

        spread = table["scatter_add"].function(broadcast_to(value, selected), self._key, x.shape)
        in_place(x, spread, table["add"].function, "+=")

    def multiply(self, value: Any) -> None:
        """Multiply each place by value, once for each time it is named."""
        self._one_by_one(value, table["multiply"].function)

    def min(self, value: Any) -> None:
        """Lower each place to value, if that is smaller."""
        self._one_by_one(value, table["minimum"].function)

    def max(self, value: Any) -> None:
        """Raise each place to value, if that is larger."""
        self._one_by_one(value, table["maximum"].function)

    def _one_by_one(self, value: Any, function: Callable[..., Any]) -> None:
        """Rounds of writes to distinct places, as many as the most often named place needs."""
        from ._ops.indexing import take
        from ._ops.manipulation import broadcast_to, reshape

        x, xp = self._x, self._x._xp
        value = _as_value(x, value)
        selected = _selected_shape(x, self._key)
        _check_fits(x, self._key, value, selected)
        where, _ = _flat_winners(x, x, self._key)
        values = reshape(broadcast_to(value, selected), (-1,))
        device = xp.backend.raw_device_of(x._data)
        order = np.argsort(where, kind="stable")
        ordered = where[order]
        starts = np.r_[0, np.flatnonzero(np.diff(ordered)) + 1] if len(where) else np.empty(0, int)
        rank = np.arange(len(where)) - np.repeat(starts, np.diff(np.r_[starts, len(where)]))
        for r in range(int(rank.max()) + 1 if len(where) else 0):
            chosen = order[rank == r]
            part = take(values, scope["wrap"](xp.backend.from_numpy(chosen, device), xp, None))
            places = np.unravel_index(where[chosen], x.shape)
            key = tuple(xp.backend.from_numpy(np.ascontiguousarray(p), device) for p in places)
            write_plain(x, key, function(x[tuple(scope["wrap"](k, xp, None) for k in key)], part))


def at(x: Tensor, key: Any) -> At:
    """Accumulating writes at a key: `ut.at(x, key).add(v)`; also multiply, min, max and set.

    Unlike `x[key] += v`, an index that is named twice counts twice.

    >>> import unitensor as ut
    >>> x = ut.zeros(3)
    >>> ut.at(x, ut.asarray([0, 0, 2])).add(1.0)
    >>> x.tolist()
    [2.0, 0.0, 1.0]
    """
    return At(x, key)


scope["add_view"] = add_view
