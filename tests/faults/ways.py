"""Ways to be wrong that many faults share: each takes the sound function and then its arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Fault(NamedTuple):
    """A fault: what it is, the function or hook that has it, and what that does instead.

    `wrong` takes the sound function and then its arguments. `op` is where the suite must report it,
    `base` the engine that is sound but for it.
    """

    what: str
    path: str
    wrong: Callable[..., Any]
    op: str = ""
    base: str = "numpy"

    @property
    def name(self) -> str:
        return "broken_" + self.what.replace(" ", "_")

    @property
    def reported_at(self) -> str:
        return self.op or self.path


def without(*names: str) -> Callable[..., Any]:
    """An option ignored."""
    return lambda f, *args, **options: f(*args, **{k: v for k, v in options.items() if k not in names})


def changed(**how: Callable[[Any], Any]) -> Callable[..., Any]:
    """An option misread."""

    def wrong(f: Any, *args: Any, **options: Any) -> Any:
        return f(*args, **{k: how[k](v) if k in how else v for k, v in options.items()})

    return wrong


def in_place(f: Any, x: Any, *args: Any, **options: Any) -> Any:
    """The result is written over the input."""
    out = np.asarray(f(x, *args, **options))
    if out.shape == x.shape and out.dtype == x.dtype and x.flags.writeable:
        x[...] = out
    return out


def negative_off(f: Any, *args: Any, **options: Any) -> Any:
    """A negative axis is off by one."""
    axis = options.get("axis")
    x = args[0][0] if isinstance(args[0], (list, tuple)) else args[0]
    if isinstance(axis, int) and axis < 0 and x.ndim > 1:
        options["axis"] = axis + x.ndim - 1 if axis + x.ndim else 0
    return f(*args, **options)


def copied(f: Any, *args: Any, **options: Any) -> Any:
    return f(*args, **options).copy()


def swapped(f: Any, x1: Any, x2: Any, **options: Any) -> Any:
    return f(x2, x1, **options)


ABS = np.abs


def of_floats(g: Any) -> Callable[..., Any]:
    """Another function for floats."""
    return lambda f, x, **k: g(x, **k) if x.dtype.kind == "f" else f(x, **k)


def only(kinds: Any, g: Any) -> Any:
    """g in place of f for arrays of these kinds."""
    return lambda f, x, *a, **k: g(f, x, *a, **k) if x.dtype.kind in kinds else f(x, *a, **k)


def rank(n: Any, g: Any) -> Any:
    return lambda f, x, *a, **k: g(f, x, *a, **k) if x.ndim >= n else f(x, *a, **k)


def conj_out(f: Any, x: Any, *a: Any, **k: Any) -> Any:
    out = f(x, *a, **k)
    return np.conj(out) if isinstance(out, np.ndarray) and x.dtype.kind == "c" else out


def start(v: Any, red: Any) -> Any:
    def wrong(f: Any, x: Any, **k: Any) -> Any:
        if x.dtype.kind == "b":
            return f(x, **k)
        out = f(x, **k)
        return red(out, np.asarray(v).astype(out.dtype))

    return wrong
