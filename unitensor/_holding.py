"""Who can see a Tensor's memory, and when it was written to: what keeps gradients right.

A graph keeps the arrays that its rules need. Before memory is written to, `alone` tells whether
only one Tensor refers to it; if not, a stamp notes when it was written and by which line, and
the backward pass refuses saved arrays whose stamp is newer than their node.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from ._graph import new_seq, stamps
from ._op import scope
from ._views import base_of, live_views, root_of

if TYPE_CHECKING:
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


#: What `sys.getrefcount(x._data)` is where only x refers to its array.
ALONE = _count_alone()

#: What `sys.getrefcount(data)` is after `data = x._data`: from Python 3.14 on a call borrows a name's reference.
NAMED = _count_named()

#: The same of a Tensor that is written to element by element and has its array in `_own`, too.
OWN = ALONE + 1


def holders(x: Tensor) -> int:
    """How many others refer to x's array."""
    return sys.getrefcount(x._data) - (OWN if _owns(x) else ALONE)


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


def seen_outside(root: Tensor) -> bool:
    """Whether more than the views of a root can see its memory: from then on it must stay in place."""
    data = root._data
    if not root._xp.direct:
        return root._xp.backend.is_view(data)
    members = [root]
    for member in members:
        members += live_views(member)
    arrays = [id(member._data) for member in members]
    inside = len({a for a, member in zip(arrays, members) if member._data.base is data})
    return data.base is not None or any(
        holders(member) >= arrays.count(a) + (inside + 1 if a == id(data) else 0)
        for a, member in zip(arrays, members)
    )


def show_outside(x: Tensor) -> None:
    """Note that x's memory is given away, so that it must stay in place, where a count would not tell."""
    if base_of(x) is not None or not x._xp.direct:
        root_of(x)._outside = True


def stamp(x: Tensor) -> None:
    """Note that x's memory was written now, and by which line of the user's program."""
    if 0 in x._data.shape:  # nothing was written, and engines give all empty arrays one address
        return
    memory, seq = _memory(x), new_seq()
    if seq != _run[1] + 1:  # something was recorded since the latest stamp
        _run[0] = seq
    _run[1] = scope["last_write"] = seq
    known = stamps.get(memory)
    if known is not None and known[0] >= _run[0]:
        return
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_PACKAGE, "<unitensor")):
        frame = frame.f_back
    if len(stamps) > 100_000:
        forget_stamps()
    stamps[memory] = (seq, (frame.f_code.co_filename, frame.f_lineno))


#: The first and the last number of the latest stamps between which nothing was recorded.
_run = [0, 0]


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


def forget_stamps() -> None:
    """Drop the older half of the stamps; from then on, any array that is older counts as written."""
    for memory in list(stamps)[: len(stamps) // 2]:
        seq, _ = stamps.pop(memory)
        scope["forgotten"] = max(seq, scope["forgotten"])


scope["forgotten"] = 0
