"""The fuzzer for about two minutes: fixed seeds on each engine, and some that are new each day."""

from __future__ import annotations

import datetime
import time

import pytest
from fuzz import Fuzzer, snippet
from fuzz_programs import Writer

#: How many programs run on an engine: JAX compiles each of their operations.
PROGRAMS = {"numpy": 800, "torch": 400, "jax": 8}


def run(fuzzer: Fuzzer, seeds: range, seconds: float) -> None:
    """Programs of some seeds, for so long at most; the first faults as programs to run."""
    end = time.perf_counter() + seconds
    for seed in seeds:
        fuzzer.run(seed)
        if time.perf_counter() > end or len(fuzzer.found) > 3:
            break
    assert not fuzzer.found, "\n\n".join(snippet(*found) for found in fuzzer.found.values())


@pytest.mark.parametrize("engine", PROGRAMS)
def test_programs_agree_with_their_reference(engine: str) -> None:
    pytest.importorskip(engine)
    run(Fuzzer([engine], loud=False), range(PROGRAMS[engine]), 50.0)


def test_programs_of_the_day_agree_with_their_reference() -> None:
    """Others each day, the same all day, so that what fails can be run again."""
    seed = datetime.date.today().toordinal() * 10_000
    print(f"seeds from {seed}: python tests/fuzz.py --replay {seed}")
    run(Fuzzer(["numpy"], loud=False), range(seed, seed + 200), 20.0)


def test_a_seed_is_one_program() -> None:
    assert Writer(7).program().text() == Writer(7).program().text()
