"""What a write to a result, or a later call, changes: a view is a view, a copy a copy, and a result stays."""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import unitensor as ut
from unitensor._dtypes import KINDS
from unitensor._op import Op
from unitensor._views import base_of

from ._calls import HOST_KEYS, held_on, is_tensor
from ._cases import fill
from ._checks import Run
from ._compare import Failure, difference, results, tolerance
from ._properties import DETERMINED
from ._samples import Arguments, call, forms, samples
from ._snippets import snippet, written_snippet
from ._values import same_kind

# Aliasing -----------------------------------------------------------------------------------------


def check_aliasing(run: Run, made: Op) -> None:
    """What a write to a result, and then to an input, changes: a view is a view, a copy a copy."""
    usual = ("complex128",) if made.name in ("real", "imag") else ("float64", "int64", "bool", "complex128")
    dtype = next(d for d in usual if d in KINDS[made.dtypes])
    for given in [*samples(made, dtype)[:3], *_untouched(made, dtype)]:
        if not any(isinstance(v, (np.ndarray, list)) for v in given.values()):
            continue
        run.counted(made.path)
        _in_memory(run, made, given)
        expected, got = (_written(b, made, given) for b in ("numpy", run.backend))
        run.refused(got)
        text = written_snippet(made, given, run.backend)
        if isinstance(expected, Exception) or isinstance(got, Exception):
            if not (
                isinstance(expected, Exception) and isinstance(got, Exception) and same_kind(expected, got)
            ):
                raise Failure(made.path, "a write: another outcome", expected, got, text)
            continue
        for what, e, g in zip(WRITTEN, expected, got):
            if why := difference(e, g, 1e-8, 1e-8, signed=False):
                raise Failure(made.path, f"{what}: {why}", e, g, text)


def _in_memory(run: Run, made: Op, given: Arguments) -> None:
    """A view lies in its source's memory on an engine that shares views, or the plugin says that it is a copy."""
    engine = run.engine()
    if not (engine.mutable and engine.shares_views) or made.path in engine.copied_views:
        return
    with ut.use_backend(run.backend):
        try:
            x = ut.asarray(given["x"], copy=True)
            out = call(made, {**given, "x": x})
        except Exception:  # what is called wrongly is told by the values
            return
        if base_of(out) is not None and out.size and engine.storage(out._data) != engine.storage(x._data):
            text = snippet(made, given, run.backend)
            reason = f"a view, or the op among the backend's `copied_views`: {{{made.path!r}}}"
            raise Failure(made.path, "a view that is a copy", reason, "a copy", text)


WRITTEN = (
    "the input after a write to the result",
    "the result after a write to it",
    "the input after a write to it",
    "the result after a write to the input",
)


def _untouched(made: Op, dtype: str) -> Iterator[Arguments]:
    """Arguments by which an op has nothing to do: the result must be a copy all the same."""
    x = np.asarray([[1.0, 2.0], [3.0, 4.0]]).astype(dtype)
    nothing: dict[str, Arguments] = {
        "clip": {"x": x},
        "concat": {"arrays": [x]},
        "roll": {"x": x, "shift": 0},
        "repeat": {"x": x, "repeats": 1, "axis": 0},
        "tile": {"x": x, "repetitions": (1, 1)},
        "sort": {"x": x},
        "tril": {"x": x, "k": 5},
        "triu": {"x": x, "k": -5},
        "astype": {"x": x, "dtype": ut.float64},
        "reshape": {"x": x, "shape": (4,)},
        "round": {"x": x},
        "floor": {"x": x},
        "linalg.matrix_power": {"x": x, "n": 1},
        "sum": {"x": x, "axis": ()},
    }
    if made.path in nothing:
        yield nothing[made.path]
    if made.path == "astype":
        yield {**nothing["astype"], "copy": False}
    if made.path == "reshape":
        yield {**nothing["reshape"], "copy": True}


def _written(backend: str, made: Op, given: Arguments) -> Any:
    """The inputs and the result after writes to each; or the error."""
    with ut.use_backend(backend), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            key = {k: v for k, v in given.items() if k == "key"}
            held = {k: _fresh(v) for k, v in given.items() if k not in key}
            x = next(t for v in held.values() for t in (v if isinstance(v, list) else [v]) if is_tensor(t))
            out = call(made, {**held, **key})
            found = []
            out[...] = 1
            found += [np.array(x.numpy()), np.array(out.numpy())]
            x[...] = 0
            return [*found, np.array(x.numpy()), np.array(out.numpy())]
        except Exception as error:
            return error


def _fresh(value: Any) -> Any:
    if isinstance(value, list):
        return [_fresh(v) for v in value]
    return ut.asarray(value, copy=True) if isinstance(value, np.ndarray) else value


# Calling again ------------------------------------------------------------------------------------

#: How many threads call an op at once.
THREADS = 4


def check_again(run: Run, made: Op) -> None:
    """A second call gives the same and leaves the first result alone; so do threads at the same time."""
    usual = next(
        d for d in ("float64", "complex128", "int64", "bool") if d in KINDS[made.dtypes] and d in run.dtypes()
    )
    form = forms(made)[0]
    given = [fill(made, form, usual, f"{made.path}again{n}") for n in range(THREADS)]
    with ut.use_backend(run.backend), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        held = [
            {k: v if made.path in HOST_KEYS and k == "key" else held_on(run, v) for k, v in g.items()}
            for g in given
        ]
        run.counted(made.path, THREADS)
        try:
            first = results(call(made, held[0]))
        except Exception as error:  # the values say why
            run.refused(error)
            return
        alone = _values(first)
        for h in held[1:]:
            call(made, h)
        _same(run, made, given[0], alone, _values(first), "a later call changed an earlier result")
        for _ in range(8):
            _same(run, made, given[0], alone, _values(results(call(made, held[0]))), "called again")
        expected = [_values(results(call(made, h))) for h in held]
    for n, wrong in _at_once(run, made, held, expected):
        _same(run, made, given[n], expected[n], wrong, f"called by {THREADS} threads at once")


def _values(out: Any) -> tuple[Any, ...]:
    return tuple(np.array(t.detach().numpy()) for t in out)


def _differ(made: Op, expected: Any, got: Any) -> str:
    if made.name == "empty_like":
        return ""
    if made.path in DETERMINED:
        expected, got = DETERMINED[made.path](*expected), DETERMINED[made.path](*got)
    for e, g in zip(expected, got, strict=True):
        rtol, atol = tolerance(made, e, {"x": e})
        if why := difference(e, g, rtol, atol, signed=False):
            return why
    return ""


def _same(run: Run, made: Op, given: Arguments, expected: Any, got: Any, what: str) -> None:
    if why := _differ(made, expected, got):
        raise Failure(made.path, f"{what}: {why}", expected, got, snippet(made, given, run.backend))


def _at_once(run: Run, made: Op, held: list[Arguments], expected: list[Any]) -> list[tuple[int, Any]]:
    """What threads got that is not what each should: (thread, results).

    They change places after each line of the plugin, so that a race needs no luck to be seen.
    """
    calls, seconds = (50, 0.5) if run.examples > 50 else (10, 0.1)
    found: list[list[Any]] = [[] for _ in held]
    end = time.perf_counter() + seconds
    start = threading.Barrier(len(held))

    def work(n: int) -> None:
        mine, given = found[n], held[n]
        start.wait()
        sys.settrace(_between_lines(run.engine()))
        with ut.use_backend(run.backend):
            for _ in range(calls):
                mine.append(call(made, given))
                if time.perf_counter() > end:
                    return

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(len(held))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(interval)
    wrong = []
    for n, outs in enumerate(found):
        right = [e.tobytes() for e in expected[n]]
        for out in outs:
            got = _values(results(out))
            if [g.tobytes() for g in got] != right and _differ(made, expected[n], got):
                wrong.append((n, got))
    return wrong


def _between_lines(engine: Any) -> Callable[..., Any]:
    """A trace function that lets another thread run after each line of a plugin's own code."""
    modules = [engine.xp.__name__, *(kind.__module__ for kind in engine.array_types)]
    others = {"unitensor", "unitensor_conformance", "numpy", "array_api_compat"}
    others |= {name.partition(".")[0] for name in modules}

    def line(frame: Any, event: str, argument: Any) -> Any:
        time.sleep(0)
        return line

    def trace(frame: Any, event: str, argument: Any) -> Any:
        home = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        return None if home in others or home in sys.stdlib_module_names else line

    return trace
