"""Who can see a Tensor's memory, and when it was written to: what keeps gradients right.

A graph keeps the arrays that its rules need. Before memory is written to, `alone` tells whether
only one Tensor refers to it; if not, a stamp notes when it was written and by which line, and
the backward pass refuses saved arrays whose stamp is newer than their node.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

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


#: What `sys.getrefcount(x._data)` is where only x refers to its array. A Tensor that is written
#: to element by element has it in `_own` too, which says that nothing of the below can hold.
ALONE = _count_alone()


def holders(x: Tensor) -> int:
    """How many others refer to x's array."""
    count = sys.getrefcount(x._data) - ALONE
    return count - 1 if _own(x) is x._data else count


def _own(x: Tensor) -> Any:
    try:
        return x._own
    except AttributeError:
        return None


def alone(x: Tensor) -> bool:
    """Whether nothing else can see x's memory: no view, no graph, no user of the engine's array.

    Only engines whose views hold the array that they view can tell; on others it is never so.
    """
    return x._xp.direct and holders(x) == 0 and x._data.base is None


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
    memory, seq = x._xp.backend.storage(x._data), new_seq()
    if (memory, seq - 1) == _latest[0]:  # nothing was recorded in between: that stamp still holds
        _latest[0] = memory, seq
        return
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_PACKAGE, "<unitensor")):
        frame = frame.f_back
    if len(stamps) > 100_000:
        forget_stamps()
    stamps[memory] = (seq, (frame.f_code.co_filename, frame.f_lineno))
    scope["last_write"] = seq
    _latest[0] = memory, seq


#: The memory of the latest stamp, and the last sequence number up to which it holds.
_latest: list[tuple[Any, int]] = [(None, 0)]


def forget_stamps() -> None:
    """Drop the older half of the stamps; from then on, any array that is older counts as written."""
    for memory in list(stamps)[: len(stamps) // 2]:
        seq, _ = stamps.pop(memory)
        scope["forgotten"] = max(seq, scope["forgotten"])


scope["forgotten"] = 0
