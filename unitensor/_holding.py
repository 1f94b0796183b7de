"""Who can see a Tensor's memory, and when it was written to: what keeps gradients right.

A graph keeps the arrays that its rules need, and Tensors that are no views of one another may have one
array. So a write first makes the memory the writer's own (`claim`): where something else keeps it, the
Tensor and its views move to fresh memory. That cannot be where the user has the array, too: the writes
to such memory are stamped with a sequence number and the line that wrote, and the backward pass refuses
saved arrays whose stamp is newer than their node.

Who keeps an array is told by counts of references. Where those decide nothing (a Python without the
global lock, an engine that does not tell what lies in its memory), recorded writes always go to fresh
memory, and the others are stamped.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from ._graph import _lock, new_seq, stamps
from ._op import scope
from ._views import base_of, live_views, refresh, root_of

if TYPE_CHECKING:
    from ._backend import Backend
    from ._tensor import Tensor

_PACKAGE = __file__.rpartition("_holding")[0]


class _Slot:
    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = np.empty(0)


def _count_alone() -> int:
    slot = _Slot()
    return sys.getrefcount(slot._data)


def _count_named() -> int:
    slot = _Slot()
    data = slot._data
    return sys.getrefcount(data)


def _counts_decide() -> bool:
    """Whether counts of references tell who has an object: without the global lock they do not."""
    return getattr(sys, "_is_gil_enabled", lambda: True)()


COUNTS = _counts_decide()

#: A count that no object has.
NEVER = -1

#: What `sys.getrefcount(x._data)` is where only x refers to its array.
ALONE = _count_alone() if COUNTS else NEVER

#: What `sys.getrefcount(data)` is after `data = x._data`: from Python 3.14 on a call borrows a name's reference.
NAMED = _count_named() if COUNTS else NEVER

#: The same of a Tensor that is written to element by element and has its array in `_own`, too.
OWN = ALONE + 1 if COUNTS else NEVER


def _owns(x: Tensor) -> bool:
    try:
        return x._own is x._data
    except AttributeError:
        return False


def alone(x: Tensor) -> bool:
    """Whether nothing else can see x's memory: no view, no graph, no user of the engine's array.

    Only engines whose views hold the array that they view can tell; on others it is never so.
    """
    count = sys.getrefcount(x._data)
    if count != ALONE and (count != OWN or not _owns(x)):
        return False
    return x._xp.direct and x._data.base is None


#: What `_outside` is of a Tensor over the array of another, which it must not write to or give away.
BORROWED = None


def borrow(x: Tensor, node: Any) -> Tensor:
    """A Tensor with x's value and another node: neither sees what is written to the other."""
    out: Tensor = scope["wrap"](x._data, x._xp, node)
    out._outside = BORROWED
    return out


def is_outside(root: Tensor) -> bool:
    """Whether the user may have the array of a Tensor that is no view."""
    try:
        return root._outside is True
    except AttributeError:
        root._outside = False  # the next time is faster
        return False


def show_outside(x: Tensor) -> None:
    """Note that the user gets x's array, so that its memory must stay in place."""
    root = root_of(x)
    if not is_outside(root) and root._outside is BORROWED and root._xp.backend.mutable:
        _move(root)
    root._outside = True


def _move(root: Tensor) -> None:
    """Give a Tensor and its views fresh memory."""
    root._data = root._xp.asarray(root._data, copy=True)
    refresh(root, remake=True, nodes=False)


def kept_elsewhere(root: Tensor) -> bool | None:
    """Whether anything but a Tensor and its views keeps its memory; None if that cannot be told."""
    backend = root._xp.backend
    if not COUNTS:
        return None
    family = [root]
    for member in family:
        family += live_views(member)
    expected: dict[int, int] = {}

    def expect(array: int) -> None:
        expected[array] = expected.get(array, 0) + 1

    for member in family:
        expect(id(member._data))
        if _owns(member):
            expect(id(member._data))
        base = base_of(member)
        if base is not None and base[4] is not None:
            for a in base[4]:
                expect(id(a))
            del a
    distinct = {id(member._data): member for member in family}
    if backend.counts_holders:
        if root._data.base is not None:
            return True
        for member in distinct.values():
            if member._data.base is not None:
                expect(id(member._data.base))
    else:
        inside = backend.arrays_in(root._data)
        if inside is None:
            return None
        memory = backend.storage(root._data)
        if inside > sum(backend.storage(member._data) == memory for member in distinct.values()):
            return True
    return any(
        sys.getrefcount(member._data) - ALONE + 1 > expected[array] for array, member in distinct.items()
    )


def _alone_with_one_view(root: Tensor) -> bool:
    """`not kept_elsewhere`, quickly, for the most usual family: a root and one view that lies in it."""
    views = live_views(root)
    if len(views) != 1:
        return False
    view = views.pop()
    if live_views(view) or not view._base[3]:
        return False
    known = (OWN if _owns(root) else ALONE) + 1
    if view._data is root._data:
        return sys.getrefcount(root._data) == known and root._data.base is None
    return (
        view._data.base is root._data
        and sys.getrefcount(root._data) == known
        and sys.getrefcount(view._data) == ALONE
    )


def claim(root: Tensor, *, fresh: bool) -> bool:
    """Let a Tensor that is no view have its memory for itself; False if a stamp must tell of the write.

    `fresh` says that the write is recorded: then it moves where who keeps its memory cannot be told.
    """
    if alone(root):
        return True
    if is_outside(root):
        return False
    if root._xp.direct and _alone_with_one_view(root):
        return True
    kept = kept_elsewhere(root)
    if kept is None and not fresh and root._outside is not BORROWED:
        return False
    if kept is not False:
        _move(root)
    return True


# Stamps ------------------------------------------------------------------------------------------------


def stamp(x: Tensor) -> None:
    """Note that x's memory was written now, and by which line of the user's program."""
    if 0 in x._data.shape:  # nothing was written, and engines give all empty arrays one address
        return
    memory = _memory(x)
    with _lock:
        seq = new_seq()
        if seq != _run[1] + 1:  # something was recorded since the latest stamp
            _run[0] = seq
        _run[1] = scope["last_write"] = seq
        known = stamps.get(memory)
        if known is not None and known[0] >= _run[0]:
            return
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_PACKAGE, "<unitensor")):
        frame = frame.f_back
    place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    owner = x._xp.backend.owner(x._data)
    try:
        link = None if owner is None else ref(owner)
    except TypeError:
        link = None
    del owner
    with _lock:
        stamps[memory] = (seq, place, link)
        if len(stamps) > _limit[0]:
            forget_gone()


#: The first and the last number of the latest stamps between which nothing was recorded.
_run = [0, 0]

#: How many stamps there may be before those of memory that is gone are dropped.
_limit = [10_000]


def forget_gone() -> None:
    """Drop the stamps of memory that is gone."""
    for memory, (_, _, link) in list(stamps.items()):
        if link is not None and link() is None:
            del stamps[memory]
    _limit[0] = max(10_000, 2 * len(stamps))


def written_to(backend: Backend, a: Any) -> tuple[int, str]:
    """When an array's memory was last written to where the user has it, too, and by which line."""
    found = stamps.get(backend.storage(a))
    return (0, "") if found is None else found[:2]


def _memory(x: Tensor) -> Any:
    """The mark of the memory that x lies in, which takes engines long to tell."""
    data = x._data
    known = _memories.get(id(data))
    if known is not None and known[0]() is data:
        return known[1]
    memory = x._xp.backend.storage(data)
    try:
        link = ref(data)
    except TypeError:
        return memory
    if len(_memories) > 1000:
        _memories.clear()
    _memories[id(data)] = (link, memory)
    return memory


_memories: dict[int, tuple[ref[Any], Any]] = {}
