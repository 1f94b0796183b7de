"""Views and writes: filling by index, in-place operators, views and buffers, against plain NumPy."""

from __future__ import annotations

import statistics
import timeit
from typing import Any

import numpy as np

import unitensor as ut

from ._bench import Code, Figure, Run, clock, measure, race, settled

N = 10_000


def fill(x: Any, n: int) -> Any:
    """Every element set by itself."""
    for i in range(n):
        x[i] = 0.5
    return x


@race("fill 1e4 by index", ratio={"numpy": 3.0})
def _fill() -> dict[str, Run]:
    x, a = ut.zeros(N), np.zeros(N)
    return {"unitensor": lambda: fill(x, N), "numpy": lambda: fill(a, N)}


def pairs(text: str, **arrays: Any) -> dict[str, Run]:
    """The same statement on Tensors and on NumPy's arrays."""
    tensors = {k: ut.asarray(a.copy()) for k, a in arrays.items()}
    return {
        "unitensor": Code(text, tensors),
        "numpy": Code(text, {k: a.copy() for k, a in arrays.items()}),
    }


@race("view x[2:5]")
def _slice() -> dict[str, Run]:
    return pairs("x[2:5]", x=np.arange(10.0))


@race("element x[5]")
def _element() -> dict[str, Run]:
    return pairs("x[5]", x=np.arange(10.0))


@race("view x.mT")
def _transpose() -> dict[str, Run]:
    return pairs("x.mT", x=np.ones((3, 4)))


@race("write x[2:5] = y")
def _write() -> dict[str, Run]:
    return pairs("x.__setitem__(slice(2, 5), y) or x", x=np.zeros(10), y=np.ones(3))


@race("in place x += y, 1e6", ratio={"numpy": 1.3})
def _in_place() -> dict[str, Run]:
    return pairs("x.__iadd__(y)", x=np.zeros(1_000_000), y=np.zeros(1_000_000))


@measure("writes: growth")
def growth(quick: bool) -> list[Figure]:
    """Ten times the elements must cost ten times, recorded or not, while nothing is saved."""
    found = []
    for what, small in (("fill", 10_000), ("recorded fill and backward", 300)):
        seconds = []
        for n in (small, 10 * small):

            def once(n: int = n, recorded: bool = what != "fill") -> None:
                x = ut.zeros(n)
                if not recorded:
                    fill(x, n)
                    return
                a = ut.tensor(2.0, requires_grad=True)
                for i in range(n):
                    x[i] = a
                ut.sum(x).backward()

            with settled():
                once()
                seconds.append(statistics.median(timeit.repeat(once, timer=clock(), number=1, repeat=5)))
        limit = 13.0 if what == "fill" else None
        found.append(
            Figure("writes", f"{what}, {10 * small} against {small}", seconds[1] / seconds[0], "times", limit)
        )
        found.append(Figure("writes", f"{what}, an element", 1e9 * seconds[1] / (10 * small), "ns"))
    return found
