"""Values, promotion, errors and aliasing of one op against the same op on NumPy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given as given_by, settings

import unitensor as ut
from unitensor._dtypes import KINDS
from unitensor._op import Op

from ._arguments import arguments, dtypes_for
from ._cases import cases, fill
from ._checks import Run
from ._compare import Failure, difference, results, signs_count, size_of, snippet, tolerance
from ._forms import MORE
from ._samples import Arguments, call, forms, samples

# Running an op ------------------------------------------------------------------------------------


def evaluate(run: Run, made: Op, given: Arguments) -> Any:
    """An op's results on the run's backend as NumPy arrays, or the exception it raised.

    The call must leave its inputs as they were, must run on the engine, and its results must lie
    where its inputs do.
    """
    engine = run.engine()
    with ut.use_backend(run.backend), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        held = {k: v if made.path in HOST_KEYS and k == "key" else held_on(run, v) for k, v in given.items()}
        tensors = [t for v in held.values() for t in (v if isinstance(v, list) else [v]) if is_tensor(t)]
        before = [np.array(engine.to_numpy(t._data)) for t in tensors] if engine.mutable else []
        visits: list[str] = []
        leave = engine.to_numpy

        def counting(a: Any) -> Any:
            visits.append(made.path)
            return leave(a)

        engine.to_numpy = counting
        try:
            out: Any = results(call(made, held))
        except Exception as error:
            out = error
        finally:
            del engine.to_numpy
        for t, b in zip(tensors, before):
            after = engine.to_numpy(t._data)
            if np.asarray(after).tobytes() != b.tobytes():
                text = snippet(made, given, run.backend)
                raise Failure(made.path, "the call changed its input", b, np.array(after), text)
    if isinstance(out, Exception):
        return out
    if visits and made.path not in HOST_KEYS:
        if run.backend != "numpy" and made.path not in getattr(engine, "host_ops", ()):
            text = snippet(made, given, run.backend)
            reason = f"declare it in the backend's `host_ops`: {{{made.path!r}}}"
            raise Failure(made.path, "the op went through NumPy", reason, f"{len(visits)} visits", text)
        run.host[made.path] = run.host.get(made.path, 0) + 1
    device = tensors[0].device if tensors else None
    for t in out:
        if t.backend != run.backend or not engine.is_array(t._data):
            text, got = snippet(made, given, run.backend), f"{type(t._data).__name__} on {t.backend}"
            raise Failure(made.path, "the result is not this engine's", run.backend, got, text)
        if device is not None and t.device != device:
            text = snippet(made, given, run.backend)
            raise Failure(made.path, "the result moved to another device", device, t.device, text)
    return tuple(np.array(t.detach().numpy()) for t in out)


#: Ops whose keys are on the host by their nature: what they select by must be known to Python.
HOST_KEYS = frozenset(
    {"getitem", "put", "scatter_add", "scatter_take", "scatter_along_axis", "linalg.require_zero"}
)


def is_tensor(value: Any) -> bool:
    return isinstance(value, ut.Tensor)


def held_on(run: Run, value: Any) -> Any:
    """NumPy arrays, or a list of them, on the run's backend and device."""
    if isinstance(value, list):
        return [held_on(run, v) for v in value]
    return ut.asarray(value, device=run.device) if isinstance(value, np.ndarray) else value


def reference(made: Op, given: Arguments) -> Any:
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
    @given_by(strategy)
    def test(drawn: Any) -> None:
        run.counted(op)
        body(drawn)

    test()


# Values -------------------------------------------------------------------------------------------


def check_values(run: Run, made: Op) -> None:
    """Shape, dtype, device and values of an op's results; or the same kind of error."""
    dtypes = dtypes_for(made, run.dtypes())

    def body(given: Arguments) -> None:
        compare_results(run, made, given, reference(made, given), evaluate(run, made, given))

    for given in cases(made, dtypes, thorough=run.examples > 50):
        run.counted(made.path)
        try:
            body(given)
        except Failure as failure:
            raise smallest(given, body, failure) from None
    hypothesis_run(run, made.path, arguments(made, dtypes), body)


def smallest(given: Arguments, body: Callable[[Arguments], None], failure: Failure) -> Failure:
    """The failure of the smallest part of the arguments that still fails."""
    for smaller in _smaller(given):
        try:
            body(smaller)
        except Failure as found:
            if found.what.split()[:2] == failure.what.split()[:2] or "values" in found.what:
                return smallest(smaller, body, found) if _size(smaller) > len(smaller) else found
        except Exception:  # a part may be no valid argument
            continue
    return failure


def _size(given: Arguments) -> int:
    return sum(v.size for v in given.values() if isinstance(v, np.ndarray))


def _smaller(given: Arguments) -> Iterator[Arguments]:
    """Halves of each array along each axis, two at once where they must match; then plainer numbers."""
    arrays = {k: v for k, v in given.items() if isinstance(v, np.ndarray)}
    for name, a in arrays.items():
        for axis, n in enumerate(a.shape):
            for part in (slice(None, n // 2), slice(n // 2, None)) if n > 1 else ():
                key = (slice(None),) * axis + (part,)
                yield {**given, name: a[key]}
    for name, a in arrays.items():
        if a.dtype.kind == "f" and a.size and a.size < 12:
            rounded = np.round(a)
            if not np.array_equal(rounded, a, equal_nan=True):
                yield {**given, name: rounded}


def compare_results(run: Run, made: Op, given: Arguments, expected: Any, got: Any) -> None:
    """Raise a Failure where two results, or two errors, differ."""

    def fail(what: str, e: Any, g: Any) -> None:
        raise Failure(made.path, what, e, g, snippet(made, given, run.backend))

    if isinstance(got, NotImplementedError) and made.path in getattr(run.engine(), "unsupported", ()):
        run.unsupported[made.path] = str(got)
        return
    if isinstance(expected, Exception) or isinstance(got, Exception):
        if not (isinstance(expected, Exception) and isinstance(got, Exception)):
            fail("an error on one engine only", expected, got)
        if not same_kind(expected, got):
            fail("another kind of error", expected, got)
        return
    if made.name == "empty_like":
        expected, got = (tuple(np.zeros_like(a) for a in parts) for parts in (expected, got))
    if made.path in PROPERTIES and (why := PROPERTIES[made.path](given["x"], *got)):
        fail(why, expected, got)
    if made.path in DETERMINED:
        shapes = tuple((a.shape, a.dtype) for a in expected), tuple((a.shape, a.dtype) for a in got)
        if shapes[0] != shapes[1]:
            fail("other shapes or dtypes", *shapes)
        expected, got = DETERMINED[made.path](*expected), DETERMINED[made.path](*got)
    if len(expected) != len(got):
        fail("another number of results", expected, got)
    scale = size_of(given)
    for e, g in zip(expected, got, strict=True):
        rtol, atol = tolerance(made, e, scale * max(1.0, size_of(e)))
        if why := difference(e, g, rtol, atol, signed=signs_count(made)):
            fail(why, e, g)


def same_kind(a: Exception, b: Exception) -> bool:
    return isinstance(b, type(a)) or isinstance(a, type(b))


#: Ops whose results are determined up to a phase or an order: what of them is compared.
DETERMINED: dict[str, Callable[..., tuple[Any, ...]]] = {
    "linalg.eig": lambda w, v: (np.sort(np.abs(w), axis=-1),),
    "linalg.eigvals": lambda w: (np.sort(np.abs(w), axis=-1),),
    "linalg.eigh": lambda w, v: (w, (v * w[..., None, :]) @ _h(v)),
    "linalg.qr": lambda q, r: (q @ r,),
    "linalg.svd": lambda u, s, vh: (s, (u[..., : s.shape[-1]] * s[..., None, :]) @ vh[..., : s.shape[-1], :]),
}


def _h(a: Any) -> Any:
    return np.conj(np.swapaxes(a, -1, -2))


def _near(a: Any, b: Any) -> bool:
    if not a.size:
        return True
    eps = float(np.finfo(a.dtype).eps)
    return bool(np.all(np.abs(a - b) <= 2**20 * eps * max(1.0, float(np.abs(b).max()))))


def _unitary(*parts: Any) -> bool:
    return all(_near(_h(a) @ a, np.broadcast_to(np.eye(a.shape[-1]), (_h(a) @ a).shape)) for a in parts)


def _qr(x: Any, q: Any, r: Any) -> str:
    if not _near(r, np.triu(r)):
        return "R is not upper triangular"
    return "" if _unitary(q) else "the columns of Q are not orthonormal"


def _svd(x: Any, u: Any, s: Any, vh: Any) -> str:
    if np.any(s[..., 1:] > s[..., :-1]) or np.any(s < 0):
        return "singular values not in descending order"
    return "" if _unitary(u, _h(vh)) else "the singular vectors are not orthonormal"


def _eigh(x: Any, w: Any, v: Any) -> str:
    return "" if _unitary(v) else "the eigenvectors are not orthonormal"


def _eig(x: Any, w: Any, v: Any) -> str:
    return "" if _near(x @ v, v * w[..., None, :]) else "X V is not V diag(w)"


#: What must hold of such results besides, whatever their phases.
PROPERTIES: dict[str, Callable[..., str]] = {
    "linalg.qr": _qr,
    "linalg.svd": _svd,
    "linalg.eigh": _eigh,
    "linalg.eig": _eig,
}


# Promotion ----------------------------------------------------------------------------------------


def check_promotion(run: Run, made: Op) -> None:
    """The dtype in which two dtypes meet, and the values there."""
    dtypes = dtypes_for(made, run.dtypes())
    form = (
        next(iter(MORE.get(made.path, []) if made.path in ("clip", "isin") else []), None) or forms(made)[0]
    )
    names = [made.inputs[0]] if made.sequence else [p for p in made.promote if hasattr(form.get(p), "then")]
    for a in dtypes:
        for b in dtypes:
            if a == b:
                continue
            given = fill(made, form, a, f"{made.path}{a}")
            other = fill(made, form, b, f"{made.path}{b}")
            if made.sequence:
                given["arrays"][1:] = other["arrays"][1:]
            elif len(names) > 1:
                given[names[1]] = other[names[1]]
            run.counted(made.path)
            expected = reference(made, given)
            if not isinstance(expected, Exception) and str(expected[0].dtype) not in run.dtypes():
                continue  # they meet in a dtype that the engine lacks
            compare_results(run, made, given, expected, evaluate(run, made, given))


# Errors -------------------------------------------------------------------------------------------


def check_errors(run: Run, made: Op) -> None:
    """Bad input raises the same kind of error as on NumPy, and changes nothing."""
    for given in _bad(made, run.dtypes()):
        run.counted(made.path)
        expected, got = reference(made, given), evaluate(run, made, given)
        if not isinstance(expected, Exception) and isinstance(got, TypeError) and "expected " in str(got):
            continue  # NumPy goes beyond what the op declares; an engine may refuse that, clearly
        compare_results(run, made, given, expected, got)


def _bad(made: Op, dtypes: set[str]) -> Iterator[Arguments]:
    form = forms(made)[0]
    for dtype in ("bool", "int64", "uint8", "float64", "complex128"):
        if dtype in dtypes and dtype not in KINDS[made.dtypes]:
            yield fill(made, form, dtype, made.path)
    usual = next(
        d for d in ("float64", "int64", "bool", "complex128") if d in KINDS[made.dtypes] and d in dtypes
    )
    given = fill(made, form, usual, made.path)
    axis = next((p for p in ("axis", "axes") if p in made.options), None)
    if axis and made.name != "tensordot":
        for wrong in (9, -9, (0, 9)):
            yield {**given, axis: wrong}
    if made.elementwise and len(made.inputs) == 2:
        ones = np.ones((2, 3), usual)
        yield {made.inputs[0]: ones, made.inputs[1]: np.ones(4, usual)}
        yield {made.inputs[0]: ones, made.inputs[1]: np.ones((3, 3), usual)}
    if "keepdims" in made.options and not made.module and made.name not in UNDEFINED_OF_NOTHING:
        yield {"x": np.ones((0, 3), usual), "axis": 0}
    if made.module == "linalg":
        yield {**given, **{x: np.ones(0, usual) for x in made.inputs[:1]}}


#: NumPy warns and answers NaN where nothing is averaged; the standard leaves it open.
UNDEFINED_OF_NOTHING = frozenset({"mean", "var", "std"})


# Aliasing -----------------------------------------------------------------------------------------


def check_aliasing(run: Run, made: Op) -> None:
    """What a write to a result, and then to an input, changes: a view is a view, a copy a copy."""
    usual = ("complex128",) if made.name in ("real", "imag") else ("float64", "int64", "bool", "complex128")
    dtype = next(d for d in usual if d in KINDS[made.dtypes])
    for given in [*samples(made, dtype)[:3], *_untouched(made, dtype)]:
        if not any(isinstance(v, (np.ndarray, list)) for v in given.values()):
            continue
        run.counted(made.path)
        expected, got = (_written(b, made, given) for b in ("numpy", run.backend))
        text = snippet(made, given, run.backend) + "\n# then out[...] = 1, and then x[...] = 0 on Tensors"
        if isinstance(expected, Exception) or isinstance(got, Exception):
            if not (
                isinstance(expected, Exception) and isinstance(got, Exception) and same_kind(expected, got)
            ):
                raise Failure(made.path, "a write: another outcome", expected, got, text)
            continue
        for what, e, g in zip(WRITTEN, expected, got):
            if why := difference(e, g, 1e-8, 1e-8, signed=False):
                raise Failure(made.path, f"{what}: {why}", e, g, text)


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
