"""Running checks: progress, known failures, and what came of each."""

from __future__ import annotations

import functools
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from unitensor._backend import load_backend
from unitensor._errors import suggest

from ._checks import Check, Run, Unsupported, all_checks
from ._compare import Failure

#: How many examples an op gets at each level.
LEVELS = {"quick": 8, "full": 120}


#: What may come of a check.
STATES = ("passed", "failed", "stale", "known", "unsupported")


@dataclass(frozen=True)
class Outcome:
    """What came of one check: passed, failed, known (failed as expected), stale (a known failure that
    passes again), or unsupported (declared so by the plugin, and refused with the clear error)."""

    check: Check
    state: str
    seconds: float
    message: str = ""
    failure: Failure | None = None

    @property
    def snippet(self) -> str:
        """The lines that reproduce a failure."""
        return self.failure.snippet if self.failure else ""


def known_failures(path: str | Path | None) -> dict[str, str]:
    """Known failures by check name with their reasons: lines `kind:op  reason`; `#` begins a comment.

    A line without a reason is an error, and so is one that names no check.
    """
    if not path:
        return {}
    if not Path(path).is_file():
        raise ValueError(f"no file of known failures at {path}")
    found = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        name, _, reason = text.partition("  ")
        if not reason.strip():
            raise ValueError(
                f"{path}, line {number}: {name!r} has no reason; "
                "expected 'kind:op  reason', with two spaces between"
            )
        if name not in _names():
            raise ValueError(f"{path}, line {number}: no check is called {name!r}{suggest(name, _names())}")
        found[name] = reason.strip()
    return found


@functools.cache
def _names() -> tuple[str, ...]:
    return tuple(c.name for c in all_checks())


def list_of(backend: str) -> Path | None:
    """The file `known_failures.txt` beside a plugin's module, where that is part of a package."""
    module = sys.modules[type(load_backend(backend)).__module__]
    file = getattr(module, "__file__", None)
    if not file or not module.__package__:
        return None
    path = Path(file).with_name("known_failures.txt")
    return path if path.is_file() else None


def run_one(check: Check, run: Run, known: dict[str, str]) -> Outcome:
    """Run a check and say what came of it."""
    began = time.perf_counter()
    reason = known.get(check.name)
    before = run.count.get(check.op, 0)

    def outcome(state: str, message: str, failure: Failure | None = None) -> Outcome:
        return Outcome(check, state, time.perf_counter() - began, message, failure)

    try:
        check.run(run)
    except Unsupported as refusal:
        if reason:
            return outcome("stale", f"declared unsupported; take it off the list of known failures: {reason}")
        return outcome("unsupported", str(refusal))
    except Failure as failure:
        return outcome("known" if reason else "failed", reason or str(failure), failure)
    except Exception as error:  # whatever an engine raises where nothing should is a finding
        told = "".join(traceback.format_exception(error)[-3:])
        return outcome(
            "known" if reason else "failed", reason or f"{check.op}: {type(error).__name__}: {error}\n{told}"
        )
    if reason:
        return outcome("stale", f"a known failure passes again; take it off the list: {reason}")
    if run.count.get(check.op, 0) == before:
        return outcome("failed", f"{check.op}: nothing was compared, so nothing is proved")
    return outcome("passed", "")


def run_checks(
    checks: Iterable[Check],
    backend: str,
    *,
    level: str = "quick",
    known: dict[str, str] | None = None,
    each: Callable[[Outcome], None] = lambda _: None,
    device: str | None = None,
) -> tuple[list[Outcome], Run]:
    """Run checks on a backend; `each` is called with every outcome as it comes.

    That the backend asked for is the one that computes is asserted before and after.
    """
    run = Run(backend, LEVELS[level], device, level)
    assert_runs(run)
    outcomes = []
    for n, check in enumerate(checks):
        if n % 100 == 99:
            run.engine().clear_caches()
        outcome = run_one(check, run, known or {})
        outcomes.append(outcome)
        each(outcome)
    assert_runs(run)
    return outcomes, run


def assert_runs(run: Run) -> None:
    """Assert that the backend asked for is the one that computes."""
    import unitensor as ut

    with ut.use_backend(run.backend) as engine:
        try:
            x = ut.exp(ut.asarray([1.0, 2.0]))
        except Exception:  # an engine that cannot even do this fails its checks, which say why
            return
        if x.backend != run.backend or not engine.is_array(x._data):
            raise AssertionError(f"asked for {run.backend!r}, but {x.backend!r} computed")


def as_json(outcomes: list[Outcome], run: Run) -> str:
    """The outcomes for machines."""
    import platform

    import numpy as np

    import unitensor as ut

    engine = ut.load_backend(run.backend)
    return json.dumps(
        {
            "backend": run.backend,
            "engine version": engine.version(),
            "unitensor": ut.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "devices": [str(d) for d in engine.devices()],
            "device": run.device or str(engine.devices()[0]),
            "level": run.level,
            "through numpy": run.host,
            "unsupported": sorted(engine.unsupported),
            "arrays": run.arrays,
            "examples": run.count,
            "checks": [
                {
                    "name": o.check.name,
                    "op": o.check.op,
                    "chapter": o.check.chapter,
                    "kind": o.check.kind,
                    "state": o.state,
                    "seconds": round(o.seconds, 4),
                    "message": o.message,
                    "expected": o.failure.expected if o.failure else "",
                    "got": o.failure.got if o.failure else "",
                    "snippet": o.snippet,
                }
                for o in outcomes
            ],
        },
        indent=1,
    )
