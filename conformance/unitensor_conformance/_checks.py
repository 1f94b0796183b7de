"""What is checked, op by op and beyond: each check runs on one backend and compares with NumPy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

import unitensor as ut
from unitensor._op import Op, table

from ._arguments import arguments, dtypes_for
from ._compare import Failure, chapter_of, difference, results, size_of, snippet, tolerance
from ._samples import call, samples


@dataclass
class Run:
    """One run of the suite: the backend, how many examples an op gets, and what was counted."""

    backend: str
    examples: int
    device: str | None = None
    count: dict[str, int] = field(default_factory=dict)
    host: dict[str, int] = field(default_factory=dict)

    def engine(self) -> Any:
        return ut.load_backend(self.backend)


@dataclass(frozen=True)
class Check:
    """One check: what it is about, which kind it is, and how it runs."""

    op: str
    chapter: str
    kind: str
    run: Callable[[Run], None]

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.op}"


KINDS = (
    "values",
    "reverse",
    "forward",
    "second order",
    "promotion",
    "errors",
    "views",
    "writing",
    "interchange",
    "objects",
)


def all_checks(only: str = "") -> list[Check]:
    """Every check, those of each op first; `only` keeps those whose op, chapter or kind contains it."""
    found = [*_op_checks(), *_general_checks()]
    covered = {c.op for c in found if c.kind == "values"}
    missing = set(table) - covered
    if missing:
        raise AssertionError(f"ops of the table without a check: {sorted(missing)}")
    return [c for c in found if only in c.op or only in c.chapter or only in c.kind]


def _op_checks() -> Iterator[Check]:
    for path, made in sorted(table.items()):
        chapter = chapter_of(made)
        yield Check(path, chapter, "values", lambda run, made=made: check_values(run, made))
        if made.differentiable:
            yield Check(path, chapter, "reverse", lambda run, made=made: check_gradient(run, made, "reverse"))
            yield Check(path, chapter, "forward", lambda run, made=made: check_gradient(run, made, "forward"))
            yield Check(
                path, chapter, "second order", lambda run, made=made: check_gradient(run, made, "second")
            )
        if made.elementwise and len(made.inputs) == 2:
            yield Check(path, chapter, "promotion", lambda run, made=made: check_promotion(run, made))


def _general_checks() -> Iterator[Check]:
    from . import _general

    for name, kind, function in _general.CHECKS:
        yield Check(name, "general", kind, function)


# Values ------------------------------------------------------------------------------------------


def evaluate(run: Run, made: Op, given: dict[str, Any]) -> Any:
    """An op's results on the run's backend as NumPy arrays, or the exception it raised."""
    engine = run.engine()
    try:
        with ut.use_backend(run.backend), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = results(call(made, given))
    except Exception as error:
        return error
    for t in out:
        if t.backend != run.backend or not engine.is_array(t._data):
            raise Failure(
                made.path,
                "the result is not this engine's",
                f"an array of {run.backend}",
                f"{type(t._data).__name__} on {t.backend}",
                snippet(made, given, run.backend),
            )
    return tuple(np.asarray(t.detach().numpy()) for t in out)


def reference(made: Op, given: dict[str, Any]) -> Any:
    """The same on NumPy."""
    return evaluate(Run("numpy", 0), made, given)


def hypothesis_run(run: Run, op: str, strategy: Any, body: Callable[[Any], None]) -> None:
    """Draw arguments and run a body; of a failure the smallest case is raised."""

    @settings(
        max_examples=run.examples,
        database=None,
        deadline=None,
        derandomize=True,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(strategy)
    def test(drawn: Any) -> None:
        run.count[op] = run.count.get(op, 0) + 1
        body(drawn)

    test()


def check_values(run: Run, made: Op) -> None:
    """Shape, dtype and values of an op's results; or the same kind of error."""
    supported = {d.name for d in run.engine().dtypes()}
    dtypes = dtypes_for(made, supported)

    def body(given: dict[str, Any]) -> None:
        expected, got = reference(made, given), evaluate(run, made, given)
        compare_results(run, made, given, expected, got)

    hypothesis_run(run, made.path, arguments(made, dtypes), body)


def compare_results(run: Run, made: Op, given: dict[str, Any], expected: Any, got: Any) -> None:
    """Raise a Failure where two results, or two errors, differ."""

    def fail(what: str, e: Any, g: Any) -> None:
        raise Failure(made.path, what, e, g, snippet(made, given, run.backend))

    if isinstance(expected, Exception) or isinstance(got, Exception):
        if isinstance(expected, Exception) and isinstance(got, Exception):
            if not _same_kind(expected, got):
                fail("another kind of error", expected, got)
            return
        fail("an error on one engine only", expected, got)
    if made.name == "empty_like":
        expected, got = (tuple(np.zeros_like(a) for a in parts) for parts in (expected, got))
    if made.path in DETERMINED:
        expected, got = DETERMINED[made.path](*expected), DETERMINED[made.path](*got)
    if len(expected) != len(got):
        fail("another number of results", expected, got)
    scale = size_of(given)
    for e, g in zip(expected, got, strict=True):
        rtol, atol = tolerance(made, e, scale * max(1.0, size_of(e)))
        if why := difference(e, g, rtol, atol):
            fail(why, e, g)


def _same_kind(a: Exception, b: Exception) -> bool:
    return isinstance(b, type(a)) or isinstance(a, type(b))


def _modulus(*parts: Any) -> tuple[Any, ...]:
    return tuple(np.abs(p) for p in parts)


#: Ops whose results are determined up to a phase or an order: what of them is compared.
DETERMINED: dict[str, Callable[..., tuple[Any, ...]]] = {
    "linalg.eig": lambda w, v: (np.sort_complex(np.round(w, 6)).real * 0 + np.sort(np.abs(w), axis=-1),),
    "linalg.eigvals": lambda w: (np.sort(np.abs(w), axis=-1),),
    "linalg.eigh": lambda w, v: (w, (v * w[..., None, :]) @ np.conj(np.swapaxes(v, -1, -2))),
    "linalg.qr": lambda q, r: (q @ r,),
    "linalg.svd": lambda u, s, vh: (s, (u[..., : s.shape[-1]] * s[..., None, :]) @ vh[..., : s.shape[-1], :]),
}


# Gradients ------------------------------------------------------------------------------------------


def check_gradient(run: Run, made: Op, mode: str) -> None:
    """A derivative of an op on this engine against the same one on NumPy."""
    from ._gradients import derivative

    found = [
        d for d in ("float64", "complex128") if d in dtypes_for(made, {d.name for d in run.engine().dtypes()})
    ]
    for dtype in found:
        for given in samples(made, dtype)[: max(1, run.examples // 5)]:
            run.count[made.path] = run.count.get(made.path, 0) + 1
            expected = derivative("numpy", made, given, mode)
            got = derivative(run.backend, made, given, mode)
            if isinstance(expected, Exception) and isinstance(got, Exception):
                continue
            if isinstance(expected, Exception) or isinstance(got, Exception):
                raise Failure(
                    made.path,
                    f"{mode}: an error on one engine only",
                    expected,
                    got,
                    snippet(made, given, run.backend),
                )
            for e, g in zip(expected, got, strict=True):
                slack = 1e-8 * max(1.0, size_of(e))
                if why := difference(e + 0.0, g + 0.0, 1e-8, slack):
                    raise Failure(
                        made.path, f"{mode} derivative: {why}", e, g, snippet(made, given, run.backend)
                    )


# Promotion ---------------------------------------------------------------------------------------------


def check_promotion(run: Run, made: Op) -> None:
    """The dtype in which two dtypes, or a dtype and a Python scalar, meet."""
    supported = {d.name for d in run.engine().dtypes()}
    dtypes = dtypes_for(made, supported)
    for a in dtypes:
        for b in dtypes:
            given = {"x1": np.ones(2, a), "x2": np.ones(2, b)}
            expected, got = reference(made, given), evaluate(run, made, given)
            if isinstance(expected, Exception) != isinstance(got, Exception):
                raise Failure(made.path, f"{a} with {b}", expected, got, snippet(made, given, run.backend))
            if not isinstance(expected, Exception) and expected[0].dtype != got[0].dtype:
                if not run.engine().supports(ut.asarray(expected[0]).dtype):
                    continue
                raise Failure(
                    made.path,
                    f"dtype of {a} with {b}",
                    expected[0],
                    got[0],
                    snippet(made, given, run.backend),
                )
