"""Views: which Tensors share their elements, the same on every engine.

A view knows its parent, the op that made it, and whether it lies in the parent's memory; a
parent knows its views by weak references. Where an engine has no views, or copies for some ops,
a written view's root is written instead and the other views are made anew from it.

Which results are views depends on ops, keys and shapes alone. For `reshape` the rule is NumPy's,
for a source that is contiguous: every Tensor that is not itself a view counts as that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import EllipsisType
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from ._graph import record
from ._op import Op, scope

if TYPE_CHECKING:
    from ._tensor import Tensor

#: (parent, op, how, shared, held): op None stands for the same elements without a history
#: (`detach`), how is the values of the op's options, or the key of `getitem`. Arrays that are copies on this
#: engine are held, so that a count of references never takes their memory for unshared.
Base = tuple["Tensor", "Op | None", Any, bool, Any]


def base_of(x: Tensor) -> Base | None:
    """What a view was made from; None if a Tensor is no view."""
    try:
        return x._base  # type: ignore[no-any-return]  # a slot that views fill
    except AttributeError:
        x._base = None  # the next time is faster
        return None


def ancestors(x: Tensor, *, through_alias: bool = True) -> Iterator[Base]:
    """How a view was made, step by step up to its root; `detach` ends the way of gradients."""
    base = base_of(x)
    while base is not None and (through_alias or base[1] is not None):
        yield base
        base = base_of(base[0])


def root_of(x: Tensor, *, through_alias: bool = True) -> Tensor:
    """The Tensor at the head of a family of views: in memory, or (not through aliases) in the graph."""
    for base in ancestors(x, through_alias=through_alias):
        x = base[0]
    return x


def in_written_buffer(x: Tensor) -> bool:
    """Whether x is, or is a view of, what a recorded write has made."""
    if base_of(x) is not None:
        x = root_of(x, through_alias=False)
    node = x._node
    return type(node) is list and type(node[2]) is Op and node[2].name == "put"


def live_views(x: Tensor) -> list[Tensor]:
    """The views made directly from a Tensor that are still in use."""
    try:
        links = x._views
    except AttributeError:
        links = x._views = []  # the next time is faster
    if not links:
        return []
    views = [view for link in links if (view := link()) is not None]
    if len(views) != len(links):
        links[:] = [link for link in links if link() is not None]
    return views


# Keys ----------------------------------------------------------------------------------------------

BASIC = frozenset({int, slice, type(None), EllipsisType})


def is_basic(key: Any) -> bool:
    """Whether a plain key has only integers, slices, None and an ellipsis."""
    if type(key) is not tuple:
        return type(key) in BASIC
    for part in key:  # noqa: SIM110 -- twice as fast as all()
        if type(part) not in BASIC:
            return False
    return True


# Making views --------------------------------------------------------------------------------------


def add_view(out: Tensor, x: Tensor, op: Op | None, how: Any) -> None:
    """Note that `out`, which an op made of `x`, is a view of it, if the op's rule says so."""
    xp = x._xp
    name = "" if op is None else op.name
    options = options_of(op, how)
    if name not in _SOMETIMES:
        shared = xp.direct or xp.backend.shares_memory(name, options, x._data, out._data)
    elif _SOMETIMES[name](out, x, options):
        shared = xp.backend.shares_memory(name, options, x._data, out._data)
    else:
        if name == "reshape" and _meet(xp, out._data, x._data):
            out._data = xp.asarray(out._data, copy=True)  # the engine knows of a better layout
        return
    note(out, x, op, how, shared)


def options_of(op: Op | None, how: Any) -> Any:
    """The options of a view's op by name; of an index the key."""
    if op is None or op.name == "getitem":
        return how
    return dict(zip(op.options, how))


def _meet(xp: Any, a: Any, b: Any) -> bool:
    """Whether two engine arrays lie in one piece of memory that can be written to."""
    backend = xp.backend
    return bool(backend.mutable and backend.storage(a) == backend.storage(b))


def note(out: Tensor, x: Tensor, op: Op | None, how: Any, shared: bool) -> None:
    """Enter a view in its family."""
    out._base = (x, op, how, shared, None if shared else _held(out, x))
    try:
        links = x._views
    except AttributeError:
        links = x._views = []
    if links and links[-1]() is None:  # of views made and dropped one after another only the last is kept
        links[-1] = ref(out)
        return
    if len(links) & 63 == 63:
        links[:] = [link for link in links if link() is not None]
    links.append(ref(out))


def _held(out: Tensor, x: Tensor) -> Any:
    return (root_of(x)._data, out._data) if x._xp.direct else None


def _reshape_is_view(out: Tensor, x: Tensor, options: dict[str, Any]) -> bool:
    copy = options["copy"]
    if copy:
        return False
    if base_of(x) is None:
        return True
    before, _ = layout(x, root_of(x))
    view = bool(np.may_share_memory(before.reshape(out.shape), before)) or 0 in out.shape
    if copy is False and not view:
        raise ValueError(
            f"reshape(x={x.dtype}{list(x.shape)}, shape={out.shape}, copy=False): the elements of this view "
            "do not lie in that order, so a copy is needed; leave copy=False out"
        )
    return view


def _has_axes(out: Tensor, x: Tensor, options: Any) -> bool:
    return len(x._data.shape) > 0


def _is_complex(out: Tensor, x: Tensor, options: Any) -> bool:
    return x.dtype.kind == "c"


def _is_uncopied(out: Tensor, x: Tensor, options: dict[str, Any]) -> bool:
    return not options["copy"] and out.dtype is x.dtype


#: Ops that give a view under a condition.
_SOMETIMES: dict[str, Callable[..., bool]] = {
    "reshape": _reshape_is_view,
    "flip": _has_axes,
    "imag": _is_complex,
    "astype": _is_uncopied,
}


# Following views -------------------------------------------------------------------------------------


def apply(xp: Any, op: Op, how: Any, a: Any) -> Any:
    """Run a view's op on another array."""
    if op.name == "getitem":
        return xp.getitem(a, how)
    if op.name == "astype":  # a view only where the dtype stays
        return a
    function = getattr(getattr(xp, op.module) if op.module else xp, op.name)
    options = options_of(op, how)
    args = [options[p] for p in op.positional if p in options]
    return function(a, *args, **{p: options[p] for p in op.keyword_only})


def layout(x: Tensor, root: Tensor) -> tuple[Any, Any]:
    """NumPy arrays of bytes, never read: one that lies in the other as x does in its root."""
    from ._backend import load_backend

    numpy = load_backend("numpy").namespace
    whole = a = np.empty(root.shape, np.int8)
    steps = []
    while x is not root:
        base = x._base
        steps.append(base)
        x = base[0]
    for _, op, how, _, _ in reversed(steps):
        if op is not None and op.name not in ("real", "imag", "astype"):
            a = apply(numpy, op, how, a)
    return a, whole


def positions(x: Tensor, root: Tensor, key: Any = None) -> Any:
    """Where in the flattened root the elements of a view are that a key without engine arrays selects."""
    if x is root and key is None:
        return np.arange(x.size).reshape(x.shape)
    a, whole = layout(x, root)
    parts = key if type(key) is tuple else (key,)
    basic = key is not None and not any(isinstance(part, (bool, np.ndarray)) for part in parts)
    if basic:
        a = a[parts if any(part is Ellipsis for part in parts) else (*parts, ...)]
    start = a.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    where = np.asarray(start if a.size else 0)
    for i, (n, stride) in enumerate(zip(a.shape, a.strides)):
        where = where + (np.arange(n) * stride).reshape((n,) + (1,) * (a.ndim - i - 1))
    where = np.broadcast_to(where, a.shape)
    return where if basic or key is None else where[key]


def refresh(x: Tensor, *, remake: bool, nodes: bool) -> None:
    """Bring the views of a written Tensor up to date: their data where not shared, and their nodes.

    `remake` says that x itself has new memory, so that all its views must follow.
    """
    stack = [(x, remake, nodes)]
    xp = x._xp
    while stack:
        parent, remake, nodes = stack.pop()
        for view in live_views(parent):
            _, op, how, shared, _ = view._base
            again = remake or not shared
            if again:
                view._data = parent._data if op is None else xp.as_array(apply(xp, op, how, parent._data))
                if xp.backend.mutable:
                    name = "" if op is None else op.name
                    shared = xp.backend.shares_memory(name, options_of(op, how), parent._data, view._data)
                    view._base = (parent, op, how, shared, None if shared else _held(view, parent))
            recorded = nodes and op is not None
            if recorded:
                options = {"key": how} if op.name == "getitem" else options_of(op, how)
                view._node = record(op, xp, {"x": parent._data, **options}, (parent._node,), view._data)
            stack.append((view, again, recorded))


scope.update(add_view=add_view, base_of=base_of, note=note)
