"""The checks as ordinary pytest tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from unitensor._backend import BackendError, load_backend

from ._checks import Check, Run, all_checks
from ._run import LEVELS, assert_runs, known_failures, list_of, run_one


def conformance_tests(
    backend: str,
    *,
    level: str = "quick",
    known_failures_file: str | Path | None = None,
    only: str = "",
    device: str | None = None,
) -> Callable[..., None]:
    """A parametrised pytest test, one case a check, for a plugin's own test folder.

    The known failures are those of `known_failures.txt` beside the plugin's module, or of another file.

    >>> from unitensor_conformance import conformance_tests
    >>> test_conformance = conformance_tests("numpy", only="searching")
    """
    import pytest

    checks = all_checks(only)

    def test(check: Check) -> None:
        run_as_test(check, backend, level, known_failures_file, device)

    marked: Any = pytest.mark.parametrize("check", checks, ids=[c.name for c in checks])(test)
    return marked  # type: ignore[no-any-return]  # pytest's decorators are untyped


def run_as_test(check: Check, backend: str, level: str, known: str | Path | None, device: str | None) -> None:
    """Run a check as a pytest test: a known failure is an expected one, and strict."""
    import pytest

    try:
        load_backend(backend)
    except BackendError as error:
        pytest.fail(str(error), pytrace=False)
    run = Run(backend, LEVELS[level], device, level)
    assert_runs(run)
    outcome = run_one(check, run, known_failures(known or list_of(backend)))
    assert_runs(run)
    if outcome.state == "known":
        pytest.xfail(outcome.message)
    if outcome.state not in ("passed", "unsupported"):
        pytest.fail(outcome.message, pytrace=False)
