"""What `pytest --pyargs unitensor_conformance --backend jax` collects."""

from __future__ import annotations

from typing import Any

from unitensor_conformance._checks import Check
from unitensor_conformance._tests import run_as_test


def test_conformance(check: Check, pytestconfig: Any) -> None:
    option = pytestconfig.getoption
    run_as_test(check, option("backend"), option("level"), option("known"), option("device"))
