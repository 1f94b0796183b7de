"""Where values leave the library: for errors, and for `ut.testing.track_escapes`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ._tensor import Tensor

_PACKAGE = __file__.rpartition("_exits")[0]


class Escape(NamedTuple):
    """A Tensor's values became something else: how, what Tensor it was, and the line that asked."""

    how: str
    tensor: str
    place: str


#: The lists of those who watch; empty is the fast path.
watchers: list[list[Escape]] = []


def caller() -> str:
    """The file and line of the innermost frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_PACKAGE, "<unitensor")):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def note(how: str, x: Tensor) -> None:
    """Tell all who watch."""
    escape = Escape(how, f"{x.dtype.name}{list(x.shape)} on {x.backend!r}", caller())
    for found in watchers:
        found.append(escape)
