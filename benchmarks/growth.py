"""How cost grows: chains from a thousand to a million ops, and what a deep chain keeps alive."""

from __future__ import annotations

import statistics
import timeit
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

import unitensor as ut

from ._bench import Figure, clock, measure, settled


def chain(n: int) -> Any:
    """n ops over ten elements: half keep an array, half keep none."""
    x = ut.asarray(np.linspace(0.1, 1.0, 10)).requires_grad_()
    y = x
    for _ in range(n // 2):
        y = ut.sin(y)
        y = ut.add(y, x)
    return x, y


def traced(f: Callable[[], Any]) -> tuple[Any, float]:
    """A result and the bytes that making it keeps alive."""
    tracemalloc.start()
    try:
        result = f()
        return result, float(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()


@measure("chains of 1e3 to 1e6 ops")
def lengths(quick: bool) -> list[Figure]:
    case, found = "chain growth", []
    first_time = first_bytes = 0.0
    for n in (1_000, 10_000, 100_000, *(() if quick else (1_000_000,))):
        seed = ut.ones(10, dtype=ut.float64)

        def once(n: int = n, seed: Any = seed) -> None:
            x, y = chain(n)
            y.backward(seed)
            assert x.grad is not None

        with settled():
            once()
            repeat = max(3, 30_000 // n)
            samples = timeit.repeat(once, "import gc; gc.enable()", clock(), number=1, repeat=repeat)
        per_op = 1e9 * statistics.median(samples) / n
        _, kept = traced(lambda n=n: chain(n))
        first_time = first_time or per_op
        if n > 1_000:  # the interpreter's lists of free objects hide the bytes of a short chain
            first_bytes = first_bytes or kept / n
        found.append(Figure(case, f"time an op, n={n:.0e}", per_op, "ns", 1.25 * first_time))
        found.append(Figure(case, f"bytes an op, n={n:.0e}", kept / n, "B", 1.15 * first_bytes or None))
    return found


@measure("memory of a deep chain")
def deep(quick: bool) -> list[Figure]:
    """100 ops over 1 MB: `add` names nothing, `sin` its input, `exp` its result."""
    size, n, case = 1 << 17, 100, "deep chain of 1 MB arrays"
    found = []
    for op, named in (("add", 0), ("sin", 1), ("exp", 1), ("multiply", 2)):
        f = getattr(ut, op)
        x = ut.asarray(np.full(size, 0.5)).requires_grad_()
        c = ut.asarray(np.full(size, 0.5))

        def forward(f: Any = f, named: int = named, x: Any = x, c: Any = c, op: str = op) -> Any:
            y = x
            for _ in range(n):
                y = f(y, c) if op == "add" else f(y, y) if named == 2 else f(-y)
            return y

        y, kept = traced(forward)
        # An array for each of n named values, the result, and a KB an op for its node.
        most = 1 + n * bool(named) + n / 1024
        found.append(Figure(case, f"{n} x {op} keep", kept / 2**20, "MB", most))
        tracemalloc.start()
        y.backward(ut.ones_like(y.detach()))
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        found.append(Figure(case, f"{n} x {op}: backward adds", peak, "MB", 8.0))
    return found
