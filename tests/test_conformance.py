"""The conformance suite: what passes, what it must report, and its ways in."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broken_engines import FAULTS, forget, register, reports
from strict_backend import StrictBackend
from unitensor_conformance import all_checks, run_checks
from unitensor_conformance._compare import TOLERANCES, tolerance_class
from unitensor_conformance._new_backend import FILES, write_project
from unitensor_conformance._run import known_failures
from unitensor_numpy import NumpyBackend
from unitensor_torch import TorchBackend

import unitensor as ut
from unitensor import _backend
from unitensor.__main__ import main
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
    _backend._current.clear()
    del namespaces[known:]


def made(base: type[ut.Backend], name: str, **members: Any) -> str:
    """Register a variant of a backend; its name."""
    ut.load_backend("numpy")
    ut.register_backend(name, type(name, (base,), {"name": name, **members}))
    return name


def states(backend: str, only: str, **options: Any) -> dict[str, str]:
    outcomes, _ = run_checks(all_checks(only), backend, **options)
    return {o.check.name: o.state for o in outcomes}


def test_numpy_passes_every_check() -> None:
    outcomes, run = run_checks(all_checks(), "numpy")
    assert [o.message for o in outcomes if o.state != "passed"] == []
    assert set(table) <= set(run.count)
    assert set(run.arrays) == {"numpy.ndarray"}


def test_every_op_has_a_tolerance() -> None:
    assert {tolerance_class(op) for op in table.values()} <= set(TOLERANCES)
    assert all(t.why for t in TOLERANCES.values())


# What it reports ------------------------------------------------------------------------------------


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


def test_a_failing_hook_can_be_pasted_and_run(capsys: pytest.CaptureFixture[str]) -> None:
    fault = next(f for f in FAULTS if f.what == "scatter_add drops repeats")
    outcomes, _ = run_checks(all_checks("scatter_add hook"), register(fault))
    exec(outcomes[0].snippet, {})
    assert capsys.readouterr().out.strip() == "[2 0 0 4] [3 0 0 4]"
    forget(fault)


WAYS: dict[str, Any] = {
    "method": lambda self, x, /: self.from_numpy(np.asarray(np.sinh(x.numpy()))),
    "asarray": lambda self, x, /: self.from_numpy(np.asarray(np.sinh(np.asarray(x)))),
    "function": lambda self, x, /: self.from_numpy(np.asarray(np.sinh(x))),
    "dlpack": lambda self, x, /: self.from_numpy(np.asarray(np.sinh(np.from_dlpack(x)))),
    "list": lambda self, x, /: self.from_numpy(
        np.asarray(np.sinh(np.asarray(x.tolist(), str(x.dtype)[6:]).reshape(x.shape)))
    ),
    "hook": lambda self, x, /: self.from_numpy(np.asarray(np.sinh(self.to_numpy(x)))),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_op_goes_through_numpy_unnoticed(way: str) -> None:
    quiet = made(TorchBackend, f"torch_by_{way}", sinh=WAYS[way])
    assert states(quiet, "values:sinh") == {"values:sinh": "failed"}
    honest = made(TorchBackend, f"honest_by_{way}", sinh=WAYS[way], host_ops=frozenset({"sinh"}))
    assert states(honest, "values:sinh") == {"values:sinh": "passed"}


def test_watching_leaves_numpy_as_it_was() -> None:
    before = {name: getattr(np, name) for name in ("asarray", "sinh", "from_dlpack")}
    run_checks(all_checks("values:sinh"), made(StrictBackend, "strict_watched"))
    assert {name: getattr(np, name) for name in before} == before


def test_what_is_unsupported_raises_and_is_reported_as_such() -> None:
    partial = made(NumpyBackend, "partial", unsupported=frozenset({"linalg.svd"}))
    found = states(partial, "linalg.svd")
    assert found["values:linalg.svd"] == found["reverse:linalg.svd"] == "unsupported"
    with ut.use_backend(partial), pytest.raises(NotImplementedError, match=r"'partial' has no linalg\.svd"):
        ut.linalg.svd(ut.eye(2))


def test_known_failures_are_strict() -> None:
    fault = next(f for f in FAULTS if f.what == "floor truncates")
    known = {"values:floor": "rounds to zero", "errors:floor": "nothing is wrong here"}
    found = states(register(fault), "floor", known=known)
    assert found["values:floor"] == "known"
    assert found["errors:floor"] == "stale"


# The ways in ----------------------------------------------------------------------------------------


def test_the_command_writes_both_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fault = next(f for f in FAULTS if f.what == "floor truncates")
    broken = register(fault)
    html, machine = tmp_path / "report.html", tmp_path / "report.json"
    command = ["conformance", "--backend", f"numpy,{broken}", "--only", "floor"]
    assert main([*command, "--html", str(html), "--json", str(machine)]) == 1
    printed = capsys.readouterr().out
    assert "numpy conforms" in printed
    assert f"{broken} does not conform" in printed
    text = html.read_text()
    assert "http" not in text.replace("http-equiv", "")  # works offline
    for part in ("expected", "to reproduce", "fails", "ok", "How close is close enough", np.__version__):
        assert part in text
    sound, unsound = json.loads(machine.read_text())
    assert sound["backend"] == "numpy"
    assert {c["state"] for c in sound["checks"]} == {"passed"}
    failed = next(c for c in unsound["checks"] if c["name"] == "values:floor")
    assert failed["expected"].startswith("[-1.]")


def test_pytest_runs_it_in_parallel(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "--pyargs", "unitensor_conformance", "-q", "-n", "2"]
    options = ["--backend", "numpy", "--only", "values:arg", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_a_new_project_says_what_fails(tmp_path: Path) -> None:
    folder = write_project("mylib", tmp_path / "project")
    assert {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} == {
        path.replace("{name}", "mylib") for path in FILES
    }
    scope: dict[str, Any] = {}
    exec((folder / "unitensor_mylib" / "__init__.py").read_text(), scope)
    ut.register_backend("mylib", scope["backend"])
    assert states("mylib", "values:floor_divide") == {"values:floor_divide": "failed"}
    known = known_failures(folder / "unitensor_mylib" / "known_failures.txt")
    for chapter in ("elementwise", "data_types", "linear_algebra", "programs", "protocol"):
        found = states("mylib", chapter, known=known)
        assert {name for name, state in found.items() if state != "passed"} <= set(known)
        stale = {name for name, state in found.items() if state == "stale"}
        # NumPy 2.5 refuses what 2.4 takes there.
        assert stale <= ({"errors:linalg.cross"} if np.lib.NumpyVersion(np.__version__) >= "2.5.0" else set())
    with pytest.raises(ValueError, match="not empty"):
        write_project("mylib", folder)
    with pytest.raises(ValueError, match="my_lib"):
        write_project("my-lib", tmp_path / "other")
    with pytest.raises(ValueError, match="installed already"):
        write_project("torch", tmp_path / "other")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--only", "elementwize"], "did you mean 'elementwise'"),
        (["--only", "quite other"], "chapters and kinds are elementwise"),
        (["--device", "gpu:7"], "unknown device 'gpu:7'"),
        (["--html", "no/such/folder.html"], "No such file"),
        (["--known", "no_such.txt"], "no file of known failures at no_such.txt"),
        (["--known", "{file}"], "line 2: no check is called 'values:lug1p'; did you mean 'values:log1p'?"),
        (["--backend", "nmpy"], "no backend named 'nmpy' is installed; did you mean 'numpy'?"),
    ],
)
def test_what_cannot_run_says_so_at_once(
    options: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "known.txt"
    file.write_text("# a comment\nvalues:lug1p  a slip of the pen\n")
    backend = [] if "--backend" in options else ["--backend", "numpy"]
    assert main(["conformance", *backend, *(o.replace("{file}", str(file)) for o in options)]) == 2
    assert told in capsys.readouterr().out


def test_a_list_is_found_beside_the_module_of_a_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_project("mylib", tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    ut.register_backend("mylib", importlib.import_module("unitensor_mylib").backend)
    assert main(["conformance", "--backend", "mylib", "--only", "values:sign"]) == 0
    printed = capsys.readouterr().out
    assert "known_failures.txt" in printed
    assert "conforms but for 1 known failure" in printed
