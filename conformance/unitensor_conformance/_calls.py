"""Calling an op on a backend, while watching that the backend itself computes it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import unitensor as ut
from unitensor._op import Op

from ._checks import Run
from ._compare import Failure, results, snippet
from ._samples import Arguments, call

#: Ops whose keys are on the host by their nature: what they select by must be known to Python.
HOST_KEYS = frozenset(
    {"getitem", "put", "scatter_add", "scatter_take", "scatter_along_axis", "linalg.require_zero"}
)
#: The module by which the front end itself computes on the host what an engine lacks.
OWN_WAY = "unitensor._host"
#: The functions and methods by which arrays of any library become NumPy's.
NUMPY_TAKES = ("asarray", "array", "asanyarray", "ascontiguousarray", "from_dlpack", "copyto")
ARRAYS_GIVE = ("__array__", "__dlpack__", "numpy", "tolist")


def evaluate(run: Run, made: Op, given: Arguments) -> Any:
    """An op's results on the run's backend as NumPy arrays, or the exception it raised.

    The call must leave its inputs as they were, must run on the engine, and its results must lie
    where its inputs do.
    """
    engine = run.engine()

    def fail(what: str, expected: Any, got: Any) -> None:
        raise Failure(made.path, what, expected, got, snippet(made, given, run.backend))

    with ut.use_backend(run.backend), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        held = {k: v if made.path in HOST_KEYS and k == "key" else held_on(run, v) for k, v in given.items()}
        tensors = [t for v in held.values() for t in (v if isinstance(v, list) else [v]) if is_tensor(t)]
        before = [np.array(engine.to_numpy(t._data)) for t in tensors]
        with visits_to_numpy(engine) as visits:
            try:
                out: Any = results(call(made, held))
            except Exception as error:
                out = error
        for t, b in zip(tensors, before):
            after = np.asarray(engine.to_numpy(t._data))
            if after.tobytes() != b.tobytes():
                fail("the call changed its input", b, after)
    if isinstance(out, Exception):
        run.refused(out)
        return out
    if visits and made.path not in HOST_KEYS:
        if run.backend != "numpy" and made.path not in engine.host_ops and set(visits) != {OWN_WAY}:
            reason = f"no visit, or the op among the backend's `host_ops`: {{{made.path!r}}}"
            fail(
                "the op went through NumPy",
                reason,
                f"{len(visits)} visits, by {', '.join(sorted(set(visits)))}",
            )
        run.host[made.path] = run.host.get(made.path, 0) + 1
    device = tensors[0].device if tensors else None
    for t in out:
        if t.backend != run.backend or not engine.is_array(t._data):
            fail("the result is not this engine's", run.backend, f"{type(t._data).__name__} on {t.backend}")
        if device is not None and t.device != device:
            fail("the result moved to another device", device, t.device)
        run.created(t._data)
    return tuple(np.array(t.detach().numpy()) for t in out)


def reference(made: Op, given: Arguments) -> Any:
    """The same on NumPy."""
    return evaluate(Run("numpy", 0), made, given)


def is_tensor(value: Any) -> bool:
    return isinstance(value, ut.Tensor)


def held_on(run: Run, value: Any) -> Any:
    """NumPy arrays, or a list of them, on the run's backend and device."""
    if isinstance(value, list):
        return [held_on(run, v) for v in value]
    return ut.asarray(value, device=run.device) if isinstance(value, np.ndarray) else value


# Watching the ways out --------------------------------------------------------------------------------


@contextmanager
def visits_to_numpy(engine: Any) -> Iterator[list[str]]:
    """Note each way by which an engine's array becomes NumPy's while the block runs.

    An engine whose arrays are NumPy's can only be watched at its own `to_numpy`.
    """
    visits: list[str] = []
    undo: list[Callable[[], None]] = []

    def watch(owner: Any, name: str, told: str, first: bool) -> None:
        function = getattr(owner, name, None)
        own = name in vars(owner)
        if function is None:
            return

        def watched(*args: Any, **options: Any) -> Any:
            if not first or (args and isinstance(args[0], engine.array_types)):
                own_way = sys._getframe(1).f_globals.get("__name__") == OWN_WAY
                visits.append(OWN_WAY if own_way else told)
            return function(*args, **options)

        try:
            kept = vars(owner).get(name)
            setattr(owner, name, watched)
        except TypeError:  # a class whose methods are fixed
            return
        undo.append((lambda: setattr(owner, name, kept)) if own else (lambda: delattr(owner, name)))

    watch(engine, "to_numpy", "to_numpy", False)
    if not issubclass(np.ndarray, engine.array_types):
        for name in NUMPY_TAKES:
            watch(np, name, f"np.{name}", True)
        for kind in engine.array_types:
            for name in ARRAYS_GIVE:
                watch(kind, name, name, False)
    try:
        yield visits
    finally:
        for back in reversed(undo):
            back()
