"""Where values leave the library: for errors, and for `ut.testing.track_escapes`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ._tensor import Tensor

_PACKAGE = __file__.rpartition("_exits")[0]
_NUMPY = np.__file__.rpartition("__init__")[0]

#: Go-betweens, whose lines say nothing: the library that called them is the one that asked.
_BETWEEN = ("array_api_compat", "array_api_extra")


class Escape(NamedTuple):
    """A Tensor's values became something else: how, what Tensor it was, and the line that asked."""

    how: str
    tensor: str
    place: str


#: The lists of those who watch; empty is the fast path.
watchers: list[list[Escape]] = []


def caller() -> str:
    """The file and line of the innermost frame outside this package, NumPy and other go-betweens."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_PACKAGE, "<unitensor")):
        frame = frame.f_back
    first = frame
    while frame.f_back is not None and _is_between(frame.f_code.co_filename):
        frame = frame.f_back
    if _is_between(frame.f_code.co_filename):
        frame = first
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _is_between(file: str) -> bool:
    return file.startswith((_NUMPY, _PACKAGE, "<")) or any(name in file for name in _BETWEEN)


def note(how: str, x: Tensor) -> None:
    """Tell all who watch."""
    escape = Escape(how, f"{x.dtype.name}{list(x.shape)} on {x.backend!r}", caller())
    for found in watchers:
        found.append(escape)
