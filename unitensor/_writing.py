"""Writing: NumPy's semantics on every engine, with gradients.

An unrecorded write goes to the memory of the written Tensor, and to views that do not share it.
A recorded one gives the root of the family the node of a `put`, and its views nodes of their own.

What a graph has saved of the memory that is written, `_holding.claim` keeps as it was, or a stamp tells.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getrefcount
from typing import TYPE_CHECKING, Any

import numpy as np

from ._graph import LEAF, GradientError, record
from ._holding import ALONE, NAMED, alone, claim, is_outside, stamp
from ._lift import scalar_array
from ._modes import is_grad_enabled
from ._op import scope, table
from ._ops import creation, data_types, manipulation
from ._ops.indexing import explain_key, plain_key, take
from ._views import ancestors, base_of, is_basic, live_views, positions, refresh, root_of

if TYPE_CHECKING:
    from ._tensor import Tensor

# Values ---------------------------------------------------------------------------------------------


def as_value(x: Tensor, value: Any) -> Tensor:
    """What is to be written into x as a Tensor of x's backend and dtype, cast by NumPy's rules."""
    if isinstance(value, scope["Tensor"]):
        if value._xp is not x._xp:
            raise TypeError(
                f"x[...] = y: x is on {x.backend!r}, y on {value.backend!r}; move y first: y.to(x.device)"
            )
    elif isinstance(value, (bool, int, float, complex, np.number, np.bool)):
        return _as_scalar(x, value.item() if isinstance(value, np.generic) else value)
    else:
        value = _as_array(x, value)
    dtype = x.dtype
    if value.dtype is dtype:
        return value  # type: ignore[no-any-return]  # `scope` is untyped
    if value.dtype.kind == "c" and dtype.kind not in "cb":
        raise TypeError(
            f"x[...] = y: cannot write {value.dtype} into {dtype}; use y.real or y.abs(), "
            f"or make x complex: x.to({value.dtype})"
        )
    return data_types.astype(value, dtype)


def _as_array(x: Tensor, value: Any) -> Tensor:
    made = creation.asarray(value, device=x.device)
    if isinstance(value, (list, tuple)) and made.dtype.kind in "iu" and x.dtype.kind in "iu":
        return creation.asarray(value, dtype=x.dtype, device=x.device)  # refuses what does not fit
    return made


def _as_scalar(x: Tensor, value: Any) -> Tensor:
    dtype = x.dtype
    kind = dtype.kind
    if isinstance(value, complex) and kind not in "cb":
        raise TypeError(f"x[...] = y: cannot write complex {value} into {dtype}; use y.real or abs(y)")
    try:
        if kind != "c":
            value = int(value) if kind in "iu" else bool(value) if kind == "b" else float(value)
        data = x._xp.scalar(value, dtype, x._data)
    except (ValueError, OverflowError) as error:
        raise type(error)(f"x[...] = y: {error}; x is {dtype}{list(x.shape)}") from None
    return scope["wrap"](data, x._xp, None)  # type: ignore[no-any-return]


def host_key(x: Tensor, key: Any) -> Any:
    """A plain key whose engine arrays are NumPy's."""
    arrays, to_numpy = x._xp.backend.array_types, x._xp.backend.to_numpy
    if type(key) is tuple:
        return tuple(to_numpy(part) if isinstance(part, arrays) else part for part in key)
    return to_numpy(key) if isinstance(key, arrays) else key


def selected_shape(x: Tensor, key: Any) -> tuple[int, ...]:
    shape = tuple(x._data.shape)
    if key is Ellipsis:
        return shape
    if type(key) is int and shape and -shape[0] <= key < shape[0]:
        return shape[1:]
    try:
        return tuple(np.broadcast_to(np.zeros((), np.int8), shape)[host_key(x, key)].shape)
    except (IndexError, ValueError) as error:
        raise explain_key(x, key, error) from None


def check_fits(x: Tensor, value: Any, selected: tuple[int, ...]) -> None:
    shape = tuple(value.shape)
    lead = max(len(shape) - len(selected), 0)
    fits = all(n == 1 for n in shape[:lead]) and all(
        n in (1, m) for n, m in zip(shape[lead:][::-1], selected[::-1])
    )
    if not fits:
        raise ValueError(
            f"x[...] = y: y of shape {shape} does not broadcast to the selected shape {selected} "
            f"of x{list(x.shape)}"
        )


# Writing ----------------------------------------------------------------------------------------------


def write(x: Tensor, key: Any, value: Any) -> None:
    """`x[key] = value`."""
    if type(key) is not int:
        key = plain_key(x, key, kept=True)
    kind = type(value)
    if kind is type(x):
        if value._xp is not x._xp or value._data.dtype != x._data.dtype:
            value = as_value(x, value)
    elif kind not in NUMBERS or not x._xp.direct:
        value = as_value(x, value)
    write_plain(x, key, value)


NUMBERS = frozenset({float, int, bool})


def write_plain(x: Tensor, key: Any, value: Any) -> None:
    """Write a Tensor of x's dtype and backend at a key of integers, slices and engine arrays.

    On a direct engine it may be a number: NumPy's own rules for those are ours.
    """
    root = top = x
    shared = True
    if base_of(x) is not None:
        detached = False
        for top, op, _, own, _ in ancestors(x):
            shared = shared and own
            detached = detached or op is None
            if not detached:
                root = top
            if op is not None and op.name == "broadcast_to":
                raise ValueError(
                    f"x[...] = y: x{list(x.shape)} is a read-only broadcast view; write to a copy: x.clone()"
                )
        shared = shared and x._xp.backend.mutable
    number = type(value) in NUMBERS
    if x._node is None and root._node is None and (number or value._node is None):
        if number and not shared:
            value = as_value(x, value)
            number = False
        _write_data(x, top, shared, key, value, fresh=False)
        return
    if number:
        value = as_value(x, value)
    if is_grad_enabled():
        _write_recorded(x, root, top, shared, key, value)
    else:
        _write_data(x, top, shared, key, value, fresh=False)


def _write_data(x: Tensor, root: Tensor, shared: bool, key: Any, value: Any, *, fresh: bool) -> None:
    """Write a Tensor or number into x, which lies in root's memory if `shared`; `fresh` as in `claim`."""
    xp = x._xp
    mutable = xp.backend.mutable
    unseen = mutable and root is x and alone(x)
    claimed = unseen or not mutable or claim(root, fresh=fresh)
    if claimed and shared and x is not root:
        shared = all(own for _, _, _, own, _ in ancestors(x))
    if not claimed:
        _check_writeable(x, root)
    data = value if type(value) in NUMBERS else value._data
    try:
        if shared:
            x._data = _assign(x, key, data)
        else:
            _assign_part(x, root, key, data)
    except (IndexError, ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise _explain(x, root, key, data, error) from error
    except BaseException:  # an interrupt, when the write was done or half done
        if not claimed:
            stamp(root)
        raise
    if not claimed:
        stamp(root)
        x._own = None
    if unseen:
        if x._node is None:
            x._own = x._data
    elif live_views(root):
        refresh(root, remake=not mutable, nodes=False)


def _explain(x: Tensor, root: Tensor, key: Any, data: Any, error: Exception) -> Exception:
    """An engine's error as ours."""
    try:
        _check_writeable(x, root)
        selected = selected_shape(x, key)
        if type(data) in NUMBERS:
            data = as_value(x, data)
        check_fits(x, data, selected)
    except (IndexError, ValueError, TypeError, OverflowError) as found:
        return found
    return explain_key(x, key, error)


def _assign(x: Tensor, key: Any, data: Any) -> Any:
    """Write to x's own memory, where the last of several values for one place stays."""
    xp, backend = x._xp, x._xp.backend
    if type(key) is int or is_basic(key):
        if key is Ellipsis and not backend.mutable and data.shape == x._data.shape:
            return data
        if not backend.mutable and getrefcount(x._data) == ALONE:
            return backend.overwrite(x._data, key, data)
        return backend.assign(x._data, key, data)
    if backend.mutable and type(data) not in NUMBERS and backend.storage(data) == backend.storage(x._data):
        data = xp.asarray(data, copy=True)
    if not xp.direct and backend.has_values(key):
        where, winners = _flat_winners(x, x, key)
        if winners is not None:
            data = _winning(x, data, selected_shape(x, key), winners)
            key = unravelled(x, where[winners])
    return backend.assign(x._data, key, data)


def _assign_part(x: Tensor, root: Tensor, key: Any, data: Any) -> None:
    """Write through a view that has memory of its own: to the root, by position."""
    xp, backend = x._xp, x._xp.backend
    where, winners = _flat_winners(x, root, key)
    selected = selected_shape(x, key)
    check_fits(x, data, selected)
    if not where.size:
        return
    data = _winning(x, data, selected, winners)
    if winners is not None:
        where = where[winners]
    part = complex_part(x)
    if not part:
        key = unravelled(root, where)
        data = xp.asarray(data, copy=True) if backend.mutable else data
        root._data = backend.assign(root._data, key, data if key else xp.reshape(data, ()))
        return
    a = root._data
    halves = {"real": xp.real(a), "imag": xp.imag(a)}
    half = xp.asarray(halves[part], copy=True)
    halves[part] = backend.assign(half, unravelled(root, where), data if a.shape else xp.reshape(data, ()))
    joined = backend.join_complex(halves["real"], halves["imag"])
    root._data = backend.assign(a, Ellipsis, joined) if backend.mutable else joined


def complex_part(x: Tensor) -> str:
    """Whether x is a view of the real or the imaginary part of its complex root."""
    part = ""
    for parent, op, *_ in ancestors(x):
        if op is not None and op.name in ("real", "imag") and parent.dtype.kind == "c":
            part = op.name
    return part


def _winning(x: Tensor, data: Any, selected: tuple[int, ...], winners: Any) -> Any:
    """Values laid out flat, without those that later ones overwrite."""
    xp = x._xp
    while len(data.shape) > len(selected):
        data = xp.reshape(data, data.shape[1:])
    flat = xp.reshape(xp.broadcast_to(data, selected), (-1,))
    return flat if winners is None else xp.take(flat, on_device(x, winners), axis=0)


def on_device(x: Tensor, a: Any) -> Any:
    return x._xp.backend.from_numpy(np.ascontiguousarray(a), x._xp.backend.raw_device_of(x._data))


def unravelled(x: Tensor, where: Any) -> tuple[Any, ...]:
    return tuple(on_device(x, p) for p in np.unravel_index(where, x.shape)) if x.shape else ()


def _flat_winners(x: Tensor, root: Tensor, key: Any) -> tuple[Any, Any]:
    """Places in the flattened root that a write hits, and which of its values stay (None: all)."""
    where = positions(x, root, host_key(x, key)).reshape(-1)
    _, first = np.unique(where[::-1], return_index=True)
    if len(first) == len(where):
        return where, None
    return where, np.sort(len(where) - 1 - first)


# Recorded writes ---------------------------------------------------------------------------------------


def _write_recorded(x: Tensor, root: Tensor, top: Tensor, shared: bool, key: Any, value: Tensor) -> None:
    """Write, and give the root of the family the node of a `put` and its views nodes of their own."""
    _check_recordable(x, root)
    selected = selected_shape(x, key)
    check_fits(x, value, selected)
    node = _put_node(x, root, key, value, selected)
    _write_data(x, top, shared, key, value, fresh=True)
    root._node, root._own = node, None
    if live_views(root):
        refresh(root, remake=False, nodes=True)


def _check_recordable(x: Tensor, root: Tensor) -> None:
    for t in (x, root, *_family(root)):
        if type(t._node) is list and t._node[3] is LEAF:
            raise GradientError(
                "x[...] = y: writing in place to a leaf that requires a gradient"
                + ("" if t is x else " (x shares its memory with the leaf)")
                + "; write inside `with ut.no_grad():`, or to a copy: x.clone()"
            )


def check_read(x: Tensor, what: str) -> None:
    """Refuse to change, by what it holds, a view whose own history was not recorded, but its root's was."""
    if x._node is None and base_of(x) is not None and is_grad_enabled():
        root = root_of(x, through_alias=False)
        if root._node is not None:
            raise GradientError(
                f"{what}: x is a view that was made under no_grad of a Tensor with a history, so that what it "
                "holds counts as a constant; make the view outside of no_grad, or write inside of it"
            )


def _family(root: Tensor) -> list[Tensor]:
    """All views of a root that are still in use, other than aliases."""
    found, todo = [], [root]
    while todo:
        views = [view for view in live_views(todo.pop()) if view._base[1] is not None]
        found += views
        todo += views
    return found


def _check_writeable(x: Tensor, root: Tensor) -> None:
    backend = x._xp.backend
    if not (backend.writeable(x._data) and backend.writeable(root._data)):
        raise ValueError(f"x[...] = y: x{list(x.shape)} lies in read-only memory; write to a copy: x.clone()")


def _put_node(x: Tensor, root: Tensor, key: Any, value: Tensor, selected: tuple[int, ...]) -> Any:
    """The node of the family's root once `x[key] = value` is done."""
    if value.ndim > len(selected):
        value = manipulation.reshape(value, value.shape[value.ndim - len(selected) :])
    xp = x._xp
    if x is root and is_basic(key):
        env = {"x": root._data, "value": value._data, "key": key, "flat": False}
        return record(table["put"], xp, env, (root._node, value._node), root._data)
    where, winners = _flat_winners(x, root, key)
    value = manipulation.reshape(manipulation.broadcast_to(value, selected), (-1,))
    if winners is not None:
        value = take(value, scope["wrap"](on_device(x, winners), xp, None), axis=0)
        where = where[winners]
    where = on_device(x, where)
    if part := complex_part(x):
        value = _completed(value, part, root, where)
    env = {"x": root._data, "value": value._data, "key": where, "flat": True}
    return record(table["put"], xp, env, (root._node, value._node), root._data)


def _completed(value: Tensor, part: str, root: Tensor, where: Any) -> Tensor:
    """Complex numbers of which one part is new, and the other is that of the root's elements."""
    ops = scope["tensors"]
    flat = ops.reshape(scope["wrap"](root._data, root._xp, root._node), (-1,))
    old = ops.take(flat, scope["wrap"](where, root._xp, None), axis=0)
    if part == "real":
        return ops.astype(value, root.dtype) + ops.astype(ops.imag(old), root.dtype) * 1j  # type: ignore[no-any-return]
    return ops.astype(ops.real(old), root.dtype) + ops.astype(value, root.dtype) * 1j  # type: ignore[no-any-return]


# In-place operators ------------------------------------------------------------------------------------


def in_place(name: str, symbol: str) -> Callable[[Tensor, Any], Tensor]:
    """The method behind `x += other`: the result is written into x, so its shape and dtype must stay."""

    def method(x: Tensor, other: Any) -> Tensor:
        xp, node = x._xp, x._node
        function = xp.ufuncs.get(name)
        # The short way: nothing is recorded, and nobody else sees the memory.
        if function is not None and (node is None or not is_grad_enabled()):
            data = x._data
            if getrefcount(data) == NAMED and data.base is None and data.dtype.kind != "b":
                try:
                    if type(other) is type(x):
                        if other._xp is xp and other._node is None:
                            function(data, other._data, data)
                            return x
                    elif type(other) in NUMBERS:
                        try:
                            value = xp.scalars[type(other)][data.dtype][other]
                        except KeyError:
                            value = scalar_array(xp, other, data)
                        function(data, value, data)
                        return x
                except (OverflowError, TypeError, ValueError):
                    pass  # nothing was written: the long way finds out why
            del data  # the long way counts references, too
        return _in_place(x, other, name, symbol)

    return method


def _in_place(x: Tensor, other: Any, name: str, symbol: str) -> Tensor:
    node = x._node
    if type(node) is list and node[3] is LEAF and is_grad_enabled():
        raise GradientError(
            f"x {symbol} y: in place on a leaf that requires a gradient; "
            f"use `with ut.no_grad():`, or x = x {symbol[:-1]} y in place of it"
        )
    check_read(x, f"x {symbol} y")
    unrecorded = node is None or not is_grad_enabled()
    if unrecorded and x._xp.direct and _in_memory(x, other, name):
        return x
    result = table[name].function(x, other)
    if result._data.shape != x._data.shape:
        raise ValueError(f"x {symbol} y: the result has shape {result.shape}; expected x's own, {x.shape}")
    if result._data.dtype != x._data.dtype:
        if not same_kind(result.dtype, x.dtype):
            raise TypeError(
                f"x {symbol} y: cannot keep {result.dtype} in x's {x.dtype}; write x = x {symbol[:-1]} y"
            )
        result = result.astype(x.dtype)
    if base_of(x) is None and not live_views(x):
        # Where nobody else sees this memory as x, x can move to that of the result.
        recording = is_grad_enabled()
        if result._node is not None and recording:
            swap = not is_outside(x)
        else:
            swap = result._node is None and (node is None or not recording)
            swap = swap and alone(x) and alone(result) and x._data.flags.writeable
        if swap:
            x._data = result._data
            x._node = result._node if recording else node
            x._own = None
            return x
    write_plain(x, Ellipsis, result)
    return x


def _in_memory(x: Tensor, other: Any, name: str) -> bool:
    """Let NumPy's own function write its result into x, where nothing is recorded; False if it cannot."""
    xp = x._xp
    function = getattr(xp, name)
    if type(function) is not np.ufunc or (x._data.dtype.kind == "b" and not name.startswith("bitwise")):
        return False
    number = type(other) in NUMBERS
    if not number and (type(other) is not type(x) or other._node is not None or other._xp is not xp):
        return False
    root = x
    if base_of(x) is not None:
        for root, op, _, shared, _ in ancestors(x):
            if not shared or (root._node is not None and is_grad_enabled()):
                return False
            if op is not None and op.name == "broadcast_to":
                return False
    claimed = claim(root, fresh=False)
    if claimed and x is not root and not all(own for _, _, _, own, _ in ancestors(x)):
        return False
    data = x._data
    try:
        value = scalar_array(xp, other, data) if number else other._data
        function(data, value, data)
    except (TypeError, ValueError, OverflowError):
        return False  # nothing was written: the long way finds out why
    except BaseException:  # an interrupt, when the write was done
        if not claimed:
            stamp(root)
        raise
    xp.ufuncs[name] = function
    if not claimed:
        stamp(root)
    if live_views(root):
        refresh(root, remake=False, nodes=False)
    return True


def same_kind(source: Any, target: Any) -> bool:
    """Whether NumPy lets an in-place operator keep a result of one dtype in another."""
    if "V" in (source.kind, target.kind):
        return source.kind in "biufV" and target.kind in "fcV"
    return bool(np.can_cast(source.dtype, target.dtype, "same_kind"))
