"""Wording shared by error messages: what was given, and the near miss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def suggest(given: str, known: Iterable[str]) -> str:
    """'; did you mean X?' for a near miss, else '; expected one of ...'."""
    from difflib import get_close_matches

    names = list(known)
    close = get_close_matches(given, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; expected one of {', '.join(names)}"


def describe(value: Any) -> str:
    """A value as an error message shows it: shape and dtype of an array, else its repr, cut."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None and dtype is not None:
        return f"{str(dtype).rpartition('.')[2]}{list(shape)}"
    if value is Ellipsis:
        return "..."
    if isinstance(value, slice):
        parts = [value.start, value.stop] + ([] if value.step is None else [value.step])
        return ":".join("" if part is None else str(part) for part in parts)
    if isinstance(value, (list, tuple)) and value and hasattr(value[0], "shape"):
        return "[" + ", ".join(describe(v) for v in value[:4]) + (", ...]" if len(value) > 4 else "]")
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
