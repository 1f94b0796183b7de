"""Moves between engines on the CPU: where both can write nothing is copied, so the size does not matter.

JAX takes and gives copies, because its arrays must not change.
"""

from __future__ import annotations

import statistics
import timeit
from typing import Any

import numpy as np

import unitensor as ut

from ._bench import Figure, clock, measure
from ._peers import peer

SMALL, LARGE = 1 << 10, 1 << 30


@measure("moves between engines")
def moves(quick: bool) -> list[Figure]:
    engines = ["numpy", *(n for n in ("torch", "jax") if peer(n))]
    large = LARGE >> 4 if quick else LARGE
    found = []
    for source in engines:
        small, big = (ut.asarray(np.zeros(size // 4, np.float32)).to(source) for size in (SMALL, large))
        for target in engines:
            if target != source:
                seconds = [_median(x, target) for x in (small, big)]
                what = f"{source} to {target}: {seconds[0] * 1e6:.1f} us for 1 KB, {large >> 20} MB take"
                most = None if "jax" in (source, target) else 3.0
                found.append(Figure("moves", what, seconds[1] / seconds[0], "times", most))
    return found


def _median(x: Any, target: str) -> float:
    x.to(target)
    once = timeit.timeit(lambda: x.to(target), timer=clock(), number=1)
    number = max(1, min(200, round(2e-3 / once)))
    repeat = 3 if once > 0.05 else 9
    samples = timeit.repeat(lambda: x.to(target), timer=clock(), number=number, repeat=repeat)
    return statistics.median(samples) / number
