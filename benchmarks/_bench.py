"""Cases, and how they are timed."""

from __future__ import annotations

import gc
import os
import statistics
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ._machine import MARK
from ._peers import as_arrays

US = "unitensor"


@dataclass
class Code:
    """A statement to time, with the names it uses: a function around it would cost as much as a small op."""

    text: str
    names: dict[str, Any]

    def __call__(self) -> Any:
        return eval(self.text, dict(self.names))


Run = Code | Callable[[], Any]


@dataclass
class Figure:
    """A number with its unit and the most that it may be."""

    case: str
    what: str
    value: float
    unit: str
    limit: float | None = None

    @property
    def passed(self) -> bool | None:
        return None if self.limit is None else self.value <= self.limit


@dataclass
class Race:
    """The median seconds of each library at one case."""

    case: str
    seconds: dict[str, float]
    rounds: int
    figures: list[Figure] = field(default_factory=list)


@dataclass
class Case:
    """A registered case; `run(quick)` gives a Race, or Figures."""

    name: str
    run: Callable[[bool], Race | list[Figure]]


cases: list[Case] = []


def race(
    name: str,
    *,
    ratio: dict[str, float] | None = None,
    extra_ns: dict[str, float] | None = None,
    rtol: float = 1e-6,
    unlike: tuple[str, ...] = (),
) -> Callable[[Callable[[], dict[str, Run]]], Callable[[], dict[str, Run]]]:
    """Register a function that returns what each library runs, `"unitensor"` among them.

    ratio: the most that our time may be, as a multiple of another's.
    extra_ns: the most that it may be longer than another's.
    rtol: how far the libraries' results may be apart, against the largest value.
    unlike: runs that compute something else, to be compared in time alone.
    """

    def register(make: Callable[[], dict[str, Run]]) -> Callable[[], dict[str, Run]]:
        def run(quick: bool) -> Race:
            runs = make()
            agree(name, {k: f for k, f in runs.items() if k not in unlike}, rtol)
            seconds, rounds = in_turns(runs, 0.4 if quick else 4.0)
            result = Race(name, seconds, rounds)
            for other, most in (ratio or {}).items():
                if other in seconds:
                    value = seconds[US] / seconds[other]
                    result.figures.append(Figure(name, f"over {other}", value, "times", most))
            for other, most in (extra_ns or {}).items():
                if other in seconds:
                    value = 1e9 * (seconds[US] - seconds[other])
                    result.figures.append(Figure(name, f"more than {other}", value, "ns", most))
            return result

        cases.append(Case(name, run))
        return make

    return register


def measure(name: str) -> Callable[[Callable[[bool], list[Figure]]], Callable[[bool], list[Figure]]]:
    """Register a function of `quick` that returns Figures."""

    def register(run: Callable[[bool], list[Figure]]) -> Callable[[bool], list[Figure]]:
        cases.append(Case(name, run))
        return run

    return register


def agree(name: str, runs: dict[str, Run], rtol: float) -> None:
    """Check that all runs give what the first gives."""
    expected: list[Any] = []
    for library, run in runs.items():
        found = as_arrays(run())
        expected = expected or found
        for a, b in zip(expected, found, strict=True):
            scale = np.max(np.abs(a), initial=1e-300)
            if a.shape != b.shape or not np.max(np.abs(a - b), initial=0) <= rtol * scale:
                raise AssertionError(f"{name}: {library} gives {b}, {next(iter(runs))} gives {a}")


def in_turns(runs: dict[str, Run], budget: float) -> tuple[dict[str, float], int]:
    """Median seconds of each run: in every round each has one turn of a millisecond or more.

    A turn begins with a call that is not timed, so that none pays for the caches that another's memory
    filled: a program runs one library. The garbage collector stays on, as it is in programs. On one thread it is the processor's time
    that counts, which other programs on the machine disturb less.
    """
    timers = {k: _timer(run) for k, run in runs.items()}
    with settled():
        calls = {}
        for k, timer in timers.items():
            timer.timeit(3)
            once = max(min(timer.repeat(3, 3)) / 3, 2e-8)
            calls[k] = max(1, round(1e-3 / once))
        samples: dict[str, list[float]] = {k: [] for k in runs}
        order = list(runs)
        start = timeit.default_timer()
        rounds = 0
        while rounds < 5 or (rounds < 400 and timeit.default_timer() - start < budget * len(runs) / 3):
            for k in order:
                timers[k].timeit(1)
                samples[k].append(timers[k].timeit(calls[k]) / calls[k])
            order.append(order.pop(0))
            rounds += 1
    return {k: statistics.median(s) for k, s in samples.items()}, rounds


@contextmanager
def settled() -> Iterator[None]:
    """What exists, of many libraries, is no work for the garbage collector inside."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _timer(run: Run) -> timeit.Timer:
    on = "import gc; gc.enable()"
    if isinstance(run, Code):
        return timeit.Timer(run.text, on, clock(), globals=dict(run.names))
    return timeit.Timer("run()", on, clock(), globals={"run": run})


def clock() -> Callable[[], float]:
    """Processor time on one thread, where the two are the same on a quiet machine; else real time."""
    return time.process_time if os.environ.get(MARK) == "1" else time.perf_counter


def as_json(result: Race | Figure) -> dict[str, Any]:
    """A result as plain data."""
    data = asdict(result)
    if isinstance(result, Race):
        data["figures"] = [as_json(f) for f in result.figures]
    else:
        data["passed"] = result.passed
    return data
