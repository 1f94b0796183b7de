"""SciPy's and scikit-learn's own array tests with unitensor as their array library.

    python tests/ecosystem/suites.py                          # every module of both
    UNITENSOR_BACKEND=torch python tests/ecosystem/suites.py scipy.signal sklearn.preprocessing

prints passed, failed and skipped a module; each test's outcome is in the folder `suites`. Both libraries
are used as installed: this file is the pytest plugin, too, which gives their fixtures one library more,
`unitensor`, and takes the others away.
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

MODULES = [
    *(f"scipy.{m}" for m in (
        "_lib", "cluster", "constants", "differentiate", "fft", "integrate", "interpolate", "linalg", "ndimage",
        "optimize", "signal", "spatial", "special", "stats",
    )),
    *(f"sklearn.{m}" for m in (
        "decomposition", "linear_model", "metrics", "mixture", "model_selection", "preprocessing", "tests", "utils",
    )),
]  # fmt: skip


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Tell the libraries' tests that there is one array library more."""
    import scipy.conftest

    scipy.conftest.xp_known_backends.add("unitensor")
    if os.environ["SUITE"].startswith("sklearn"):
        _only_unitensor()


def _only_unitensor() -> None:
    """What scikit-learn's tests go through becomes unitensor, and NumPy beside it where two meet."""
    from sklearn.utils import _array_api

    here, numpy = (_array_api.NamespaceAndDevice(name, None) for name in ("unitensor", "numpy"))
    dtypes = [("unitensor", None, "float64"), ("unitensor", None, "float32")]
    both = [(here, numpy, "unitensor to numpy"), (numpy, here, "numpy to unitensor")]
    _array_api.yield_namespaces = lambda include_numpy_namespaces=True: iter(["unitensor"])
    _array_api.yield_namespace_device_dtype_combinations = lambda include_numpy_namespaces=True: iter(dtypes)
    _array_api.yield_mixed_namespace_input_permutations = lambda: iter(both)


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """SciPy's tests that take `xp` get unitensor for it."""
    import unitensor

    if "xp" in metafunc.fixturenames and os.environ["SUITE"].startswith("scipy"):
        param = pytest.param(unitensor, id="unitensor", marks=pytest.mark.array_api_backends)
        metafunc.definition.add_marker(pytest.mark.parametrize("xp", [param], indirect=True))


class Counts:
    """What became of each test, written to a file at the end."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.outcomes: dict[str, list[str]] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
        if report.when == "call" or outcome != "passed":
            reason = str(report.longrepr) if outcome in ("failed", "skipped") else ""
            self.outcomes[report.nodeid] = [outcome, reason[-3000:]]

    def pytest_sessionfinish(self) -> None:
        Path(self.path).write_text(json.dumps(self.outcomes))


def run(module: str, out: Path) -> dict[str, list[str]]:
    """The outcomes of one module's array tests, in a process of its own."""
    found = out / f"{os.environ.get('UNITENSOR_BACKEND', 'numpy')}-{module}.json"
    chosen = ["-m", "array_api_backends and not slow"] if module.startswith("scipy") else ["-k", "unitensor"]
    command = [sys.executable, __file__, "--inside", str(found), "--pyargs", module, *chosen]
    log = found.with_suffix(".log")
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "SUITE": module, "MPLBACKEND": "agg"}
    with log.open("w") as file:
        subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False, cwd=out, env=environment)
    if not found.exists():
        print(f"{module}: nothing ran, see {log}")
        return {}
    outcomes: dict[str, list[str]] = json.loads(found.read_text())
    return outcomes


def main(args: list[str]) -> None:
    """Run the modules named, print a line for each."""
    if args[:1] == ["--inside"]:
        options = [
            "-o",
            "addopts=",
            "-W",
            "ignore",
            "-q",
            "--tb=short",
            "-p",
            "no:cacheprovider",
            "-p",
            "suites",
        ]
        sys.path.insert(0, str(Path(__file__).parent))
        sys.exit(pytest.main([*options, *args[2:]], plugins=[Counts(args[1])]))
    out = Path("suites").absolute()
    out.mkdir(exist_ok=True)
    for module in args or MODULES:
        start = time.perf_counter()
        outcomes = [o for o, _ in run(module, out).values()]
        row = " ".join(f"{outcomes.count(o):6} {o}" for o in ("passed", "failed", "skipped", "xfailed"))
        print(f"{module:24} {row} {time.perf_counter() - start:6.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
