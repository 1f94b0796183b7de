"""Calling an op on a backend, while watching that the backend itself computes it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import MethodType, ModuleType
from typing import Any

import numpy as np

import unitensor as ut
from unitensor._op import Op

from ._checks import Run
from ._compare import Failure, results
from ._layouts import steps
from ._samples import Arguments, call
from ._snippets import snippet

#: Ops whose keys are on the host by their nature: what they select by must be known to Python.
HOST_KEYS = frozenset(
    {
        "getitem",
        "put",
        "quotient",
        "scatter_add",
        "scatter_take",
        "scatter_along_axis",
        "linalg.lost_gaps",
        "linalg.require_zero",
    }
)
#: The module by which the front end itself computes on the host what an engine lacks.
OWN_WAY = "unitensor._host"
#: The methods by which arrays of other libraries become NumPy's or Python's.
ARRAYS_GIVE = ("__array__", "__dlpack__", "numpy", "tolist")
#: NumPy's functions that make its arrays of any other's.
CONVERT = frozenset({"asarray", "array", "asanyarray", "ascontiguousarray", "asfortranarray", "from_dlpack"})
#: NumPy's functions that look at an array's dtype and shape alone.
LOOKS = frozenset(
    {"shape", "ndim", "size", "result_type", "iscomplexobj", "isrealobj", "can_cast", "isscalar"}
)


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
            except ImportError:  # of what the suite itself needs: nothing can be said without it
                raise
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
        allowed = run.backend == "numpy" or made.path in engine.host_ops or _is_composed(engine, made)
        if not allowed and set(visits) != {OWN_WAY}:
            reason = f"no visit, or the op among the backend's `host_ops`: {{{made.path!r}}}"
            fail(
                "the op went through NumPy",
                reason,
                f"{len(visits)} visits, by {', '.join(sorted(set(visits)))}",
            )
        if run.backend != "numpy":
            run.host[made.path] = run.host.get(made.path, 0) + 1
    device = tensors[0].device if tensors else None
    for t in out:
        if t.backend != run.backend or not engine.is_array(t._data):
            fail("the result is not this engine's", run.backend, f"{type(t._data).__name__} on {t.backend}")
        if device is not None and t.device != device:
            fail("the result moved to another device", device, t.device)
        run.created(t._data)
    return tuple(np.array(t.detach().numpy()) for t in out)


def _is_composed(engine: Any, made: Op) -> bool:
    """Whether an op is composed of others on this engine, each of which is watched at its own checks."""
    if made.fallback is None or hasattr(type(engine), made.path.replace(".", "_")):
        return False
    home = engine.xp
    for part in made.path.split("."):
        home = getattr(home, part, None)
    return home is None or not made.public


def reference(made: Op, given: Arguments) -> Any:
    """The same on NumPy."""
    return evaluate(Run("numpy", 0), made, given)


def is_tensor(value: Any) -> bool:
    return isinstance(value, ut.Tensor)


def held_on(run: Run, value: Any) -> Any:
    """NumPy arrays, or a list of them, on the run's backend and device."""
    if isinstance(value, list):
        return [held_on(run, v) for v in value]
    if not isinstance(value, np.ndarray):
        return value
    base, key, axes = steps(value)
    if key is None and axes is None:
        return ut.asarray(base, device=run.device)
    with suppress(
        Exception
    ):  # the engine's own view; where its views are wrong, `getitem` says so, not every op
        x = ut.asarray(base, device=run.device)
        x = x if key is None else x[key]
        x = x if axes is None else ut.permute_dims(x, axes)
        if np.asarray(x.numpy()).tobytes() == value.tobytes():
            return x
    return ut.asarray(np.ascontiguousarray(value), device=run.device)


# Watching the ways out --------------------------------------------------------------------------------


@contextmanager
def visits_to_numpy(engine: Any) -> Iterator[list[str]]:
    """Note each way by which an engine's array becomes NumPy's while the block runs.

    An engine whose arrays are NumPy's can only be watched at its own `to_numpy`.
    """
    visits: list[str] = []
    watch = _watches.get(engine)
    if watch is None:
        watch = _watches[engine] = _Watch(engine)
    watch.visits.append(visits)
    for owner, names, _ in watch.places:
        _set(owner, names)
    try:
        yield visits
    finally:
        for owner, _, before in watch.places:
            _set(owner, before)
        watch.visits.pop()


class _Watch:
    """The functions that stand in for NumPy's and the engine's own while an op runs: they note who called."""

    def __init__(self, engine: Any) -> None:
        self.visits: list[list[str]] = []
        #: Whether a visit is under way, of which what it calls is part.
        self.inside = False
        #: Where to put them: an object, what it has instead, and what it had (None: nothing of its own).
        self.places: list[tuple[Any, dict[str, Any], dict[str, Any]]] = []
        kinds = engine.array_types
        self._place(engine, {"to_numpy": engine.to_numpy}, lambda args: True, "")
        if issubclass(np.ndarray, kinds):
            return
        of_engine = lambda args: bool(args) and isinstance(args[0], kinds)  # noqa: E731 -- passed on as it is
        # What NumPy hands on to the arrays' own library by its protocols is computed there.
        hands_on = any(getattr(kind, "__array_function__", None) is not None for kind in kinds)
        for module in (np, np.linalg, np.fft):
            wanted = CONVERT if hands_on else {n for n, f in vars(module).items() if _computes(n, f)}
            named = {n: f for n, f in vars(module).items() if n in wanted}
            self._place(module, named, of_engine, f"{module.__name__}.")
        for kind in kinds:
            named = {n: getattr(kind, n) for n in ARRAYS_GIVE if hasattr(kind, n)}
            if _can_be_set(kind):
                self._place(kind, named, lambda args: True, "")

    def _place(self, owner: Any, named: dict[str, Any], counts: Callable[[Any], bool], told: str) -> None:
        instead = {name: _Noting(self, function, counts, told + name) for name, function in named.items()}
        self.places.append((owner, instead, {name: vars(owner).get(name) for name in named}))


class _Noting:
    """A function that notes that it was called; for the rest it is as it was."""

    def __init__(self, watch: _Watch, function: Any, counts: Callable[[Any], bool], told: str) -> None:
        self.watch, self.function, self.counts, self.told = watch, function, counts, told

    def __call__(self, *args: Any, **options: Any) -> Any:
        watch = self.watch
        if not watch.visits or watch.inside or not self.counts(args):
            return self.function(*args, **options)
        own_way = sys._getframe(1).f_globals.get("__name__") == OWN_WAY
        watch.visits[-1].append(OWN_WAY if own_way else self.told)
        watch.inside = True
        try:
            return self.function(*args, **options)
        finally:
            watch.inside = False

    def __get__(self, array: Any, kind: Any = None) -> Any:
        """As a method: bound to an array."""
        return self if array is None else MethodType(self, array)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)


_watches: dict[Any, _Watch] = {}


def _computes(name: str, function: Any) -> bool:
    return callable(function) and not isinstance(function, type) and name[0] != "_" and name not in LOOKS


def _can_be_set(kind: type) -> bool:
    """Whether the methods of a class of arrays can be replaced; those of compiled classes often cannot."""
    try:
        kind._watched = None  # type: ignore[attr-defined]  # put there to see whether it can be
    except TypeError:
        return False
    del kind._watched  # type: ignore[attr-defined]  # likewise
    return True


def _set(owner: Any, named: dict[str, Any]) -> None:
    """Set attributes; None takes one away."""
    if isinstance(owner, ModuleType):
        vars(owner).update(named)
        return
    for name, value in named.items():
        if value is None:
            delattr(owner, name)
        else:
            setattr(owner, name, value)
