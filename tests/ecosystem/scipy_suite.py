"""SciPy's own array tests with unitensor as their array type: a pytest plugin, and a table of counts.

    SCIPY_ARRAY_API=1 UNITENSOR_BACKEND=numpy python tests/ecosystem/scipy_suite.py signal stats

runs the tests of these modules that take SciPy's `xp` fixture (all modules without a name) and
prints passed, failed and skipped for each. SciPy is used as installed: the plugin gives its fixture
one array library more, `unitensor`, and takes the others away.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

MODULES = (
    "_lib",
    "cluster",
    "constants",
    "differentiate",
    "fft",
    "integrate",
    "interpolate",
    "linalg",
    "ndimage",
    "optimize",
    "signal",
    "spatial",
    "special",
    "stats",
)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Tell SciPy's conftest that there is one array library more."""
    import scipy.conftest

    scipy.conftest.xp_known_backends.add("unitensor")


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that take `xp` get unitensor for it."""
    import unitensor

    if "xp" in metafunc.fixturenames:
        param = pytest.param(unitensor, id="unitensor", marks=pytest.mark.array_api_backends)
        metafunc.definition.add_marker(pytest.mark.parametrize("xp", [param], indirect=True))


class Counts:
    """What became of each test, written to a file at the end."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.outcomes: dict[str, list[str]] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        outcome = report.outcome
        if hasattr(report, "wasxfail"):
            outcome = "xfailed"
        if report.when == "call" or outcome != "passed":
            reason = str(report.longrepr) if outcome in ("failed", "skipped") else ""
            self.outcomes[report.nodeid] = [outcome, reason[-3000:]]

    def pytest_sessionfinish(self) -> None:
        Path(self.path).write_text(json.dumps(self.outcomes))


def run(module: str, out: Path, extra: list[str]) -> dict[str, list[str]]:
    """The outcomes of one SciPy module's tests, in a process of its own."""
    found = out / f"{os.environ.get('UNITENSOR_BACKEND', 'numpy')}-{module}.json"
    command = [
        sys.executable, __file__, "--inside", str(found), "--pyargs", f"scipy.{module}",
        "-m", "array_api_backends and not slow", "-q", "-x" if False else "--tb=short", "-p", "no:cacheprovider", *extra,
    ]  # fmt: skip
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, cwd=out)
    return json.loads(found.read_text()) if found.exists() else {}


def main(args: list[str]) -> None:
    """Run the modules named, print a line for each."""
    if args[:1] == ["--inside"]:
        sys.path.insert(0, str(Path(__file__).parent))
        counts = Counts(args[1])
        import scipy_suite

        sys.exit(pytest.main(["-o", "addopts=", "-W", "ignore", *args[2:]], plugins=[scipy_suite, counts]))
    os.environ.setdefault("SCIPY_ARRAY_API", "1")
    out = Path(os.environ.get("OUT", "scipy-suite")).absolute()
    out.mkdir(exist_ok=True)
    for module in args or MODULES:
        start = time.perf_counter()
        outcomes = [o for o, _ in run(module, out, []).values()]
        row = {o: outcomes.count(o) for o in ("passed", "failed", "skipped", "xfailed")}
        print(
            f"{module:16}",
            *(f"{v:6} {k}" for k, v in row.items()),
            f"{time.perf_counter() - start:7.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
