"""The conformance suite: what passes, what it must report, and its ways in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from broken_engines import FAULTS, register, reports
from unitensor_conformance import all_checks, run_checks

from unitensor import _backend
from unitensor._op import namespaces, table


@pytest.fixture(autouse=True)
def no_engine_stays() -> Iterator[None]:
    """Broken engines are forgotten again: one of them takes every array for its own."""
    kept = [(_backend._factories, dict(_backend._factories)), (_backend._loaded, dict(_backend._loaded))]
    known = len(namespaces)
    yield
    for registry, before in kept:
        registry.clear()  # type: ignore[attr-defined]  # two dicts of different values
        registry.update(before)  # type: ignore[attr-defined]  # likewise
    del namespaces[known:]


def test_numpy_passes_every_check() -> None:
    outcomes, run = run_checks(all_checks(), "numpy")
    assert [o.message for o in outcomes if o.state != "passed"] == []
    assert set(table) <= set(run.count)


def test_the_gallery_is_reported_at_the_right_op() -> None:
    assert len(FAULTS) >= 80
    assert len({f.name for f in FAULTS}) == len(FAULTS)
    missed = [f.what for f in FAULTS if not reports(f, "quick")]
    assert len(missed) <= 0.05 * len(FAULTS), missed


def test_a_fault_is_reported_by_a_whole_run() -> None:
    fault = next(f for f in FAULTS if f.what == "argmax takes the last")
    outcomes, _ = run_checks(all_checks("searching"), register(fault))
    assert {o.check.op for o in outcomes if o.state == "failed"} == {"argmax"}
    failed = next(o for o in outcomes if o.state == "failed")
    assert "expected" in failed.message
    assert "load_backend" in failed.snippet


def test_a_failure_can_be_pasted_and_run(capsys: pytest.CaptureFixture[str]) -> None:
    fault = next(f for f in FAULTS if f.what == "floor truncates")
    outcomes, _ = run_checks(all_checks("floor"), register(fault))
    failed = next(o for o in outcomes if o.check.name == "values:floor")
    exec(failed.snippet, {})
    assert capsys.readouterr().out.strip() == "[-0.]"
    assert "expected: [-1.]" in failed.message
