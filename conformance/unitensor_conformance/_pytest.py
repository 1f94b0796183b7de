"""The checks as ordinary pytest tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._checks import Check, Run, all_checks
from ._run import LEVELS, assert_runs, known_failures, run_one


def conformance_tests(
    backend: str, *, level: str = "quick", known_failures_file: str | Path | None = None, only: str = ""
) -> Callable[..., None]:
    """A parametrised pytest test, one case a check, for a plugin's own test folder."""
    import pytest

    known = known_failures(known_failures_file)
    checks = all_checks(only)

    @pytest.mark.parametrize("check", checks, ids=[c.name for c in checks])
    def test(check: Check) -> None:
        run = Run(backend, LEVELS[level])
        assert_runs(run)
        outcome = run_one(check, run, known)
        if outcome.state == "known":
            pytest.xfail(outcome.message)
        if outcome.state != "passed":
            pytest.fail(outcome.message, pytrace=False)

    return test


def pytest_addoption(parser: Any) -> None:
    """The options of `pytest --pyargs unitensor_conformance`."""
    group = parser.getgroup("unitensor")
    group.addoption("--backend", default="numpy", help="the backend to check")
    group.addoption("--level", default="quick", choices=sorted(LEVELS), help="how many examples")
    group.addoption("--only", default="", help="part of an op's, a chapter's or a kind's name")
