"""The pytest plugin behind `pytest --pyargs unitensor_conformance --backend jax`.

Every pytest run imports it, so it imports nothing itself, and where the conformance suite is not
asked for, it adds no option.
"""

from __future__ import annotations

from typing import Any


def pytest_load_initial_conftests(early_config: Any, parser: Any, args: list[str]) -> None:
    """Add the suite's options to a run that names the suite."""
    if not any("unitensor_conformance" in argument for argument in args):
        return
    group = parser.getgroup("unitensor conformance")
    group.addoption("--backend", default="numpy", help="the backend to check")
    group.addoption("--device", default=None, help="the device to check it on")
    group.addoption("--level", default="quick", choices=["quick", "full"], help="how many examples")
    group.addoption("--only", default="", help="part of an op's, a chapter's or a kind's name")
    group.addoption("--known", default=None, help="the file of known failures")
