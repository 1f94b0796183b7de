"""One test a check, for `pytest --pyargs unitensor_conformance --backend jax`."""

from __future__ import annotations

from typing import Any


def pytest_generate_tests(metafunc: Any) -> None:
    """The options of `unitensor_pytest` say what is checked."""
    if metafunc.definition.name == "test_conformance" and "check" in metafunc.fixturenames:
        from unitensor_conformance import all_checks

        checks = all_checks(metafunc.config.getoption("only"))
        metafunc.parametrize("check", checks, ids=[c.name for c in checks])
