"""Derivatives of one op call on one backend, as NumPy arrays."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

import unitensor as ut
from unitensor._op import Op

from ._arguments import dtypes_for
from ._checks import Run
from ._compare import Failure, difference, results, size_of
from ._samples import Arguments, call, samples
from ._snippets import derivative_snippet, snippet

#: Ops of matrices with a structure: what makes one of any matrix.
STRUCTURE = frozenset({"linalg.cholesky", "linalg.eigh", "linalg.eigvalsh"})

#: Ops whose results are determined up to a phase or a basis: a function of what is determined.
DETERMINED: dict[str, Callable[..., Any]] = {
    "linalg.eigh": lambda r: (r.eigenvalues, ut.abs(r.eigenvectors) ** 2),
    "linalg.eig": lambda r: (ut.sum(r.eigenvalues), ut.sum(r.eigenvalues**2)),
    "linalg.eigvals": lambda r: (ut.sum(r), ut.sum(r * r)),
    "linalg.svd": lambda r: (
        r.S,
        ut.abs(r.U[..., : r.S.shape[-1]]) ** 2,
        ut.abs(r.Vh[..., : r.S.shape[-1], :]) ** 2,
    ),
}


def derivative(backend: str, made: Op, given: Arguments, mode: str) -> Any:
    """Cotangents ("reverse"), tangents ("forward") or the derivative of the gradient ("second").

    Directions are the same on every backend. Returns the exception where one was raised.
    """
    try:
        with ut.use_backend(backend), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return tuple(np.asarray(t.detach().numpy()) for t in _derivative(made, given, mode))
    except Exception as error:
        return error


def check_gradient(run: Run, made: Op, mode: str) -> None:
    """A derivative of an op on this engine against the same one on NumPy."""
    for dtype in dtypes_for(made, run.dtypes() & {"float64", "complex128"}):
        for given in samples(made, dtype):
            run.counted(made.path)
            expected, got = (derivative(b, made, given, mode) for b in ("numpy", run.backend))
            if isinstance(expected, Exception) and isinstance(got, Exception):
                continue
            run.refused(got)
            if isinstance(expected, Exception) or isinstance(got, Exception):
                text = derivative_lines(made, given, run.backend, mode)
                raise Failure(made.path, f"{mode}: an error on one engine only", expected, got, text)
            for e, g in zip(expected, got, strict=True):
                if why := difference(e, g, 1e-8, 1e-8 * max(1.0, size_of(e)), signed=False):
                    text = derivative_lines(made, given, run.backend, mode)
                    raise Failure(made.path, f"{mode} derivative: {why}", e, g, text)


def derivative_lines(made: Op, given: Arguments, backend: str, mode: str) -> str:
    """The lines that reproduce a derivative; of what is a phase or a choice, the op's own."""
    chosen = made.path in DETERMINED or made.path in STRUCTURE or made.path.startswith("unique")
    if chosen or made.name in ("put", "scatter_add") or (mode == "second" and made.outputs):
        return snippet(made, given, backend)
    names = _names(made, given)
    with ut.use_backend("numpy"):
        values = [y for y in results(call(made, given)) if y.dtype.kind in "fc"]
        tangents = [
            _directions([ut.asarray(v) for v in given[x]] if made.sequence else ut.asarray(given[x]))
            for x in names
        ]
        cotangents = [_direction(y, i).numpy() for i, y in enumerate(values)]
    given_t = [[t.numpy() for t in d] if isinstance(d, list) else d.numpy() for d in tangents]
    return derivative_snippet(made, given, names, (cotangents, given_t), backend, mode)


def _names(made: Op, given: Arguments) -> list[str]:
    """The inputs that an op is differentiated in."""
    names = [x for x, rule in zip(made.inputs, made.rules, strict=True) if rule is not None]
    return [x for x in names if isinstance(given.get(x), (np.ndarray, list))]


def _derivative(made: Op, given: Arguments, mode: str) -> list[Any]:
    names = _names(made, given)

    def f(*values: Any) -> tuple[Any, ...]:
        changed = {**given, **dict(zip(names, values, strict=True))}
        if made.path in STRUCTURE:
            changed["x"] = (changed["x"] + ut.conj(changed["x"].mT)) / 2
        out = call(made, changed)
        out = DETERMINED[made.path](out) if made.path in DETERMINED else out
        return tuple(y for y in results(out) if y.dtype.kind in "fc")

    points = tuple(
        [ut.asarray(a) for a in given[x]] if made.sequence else ut.asarray(given[x]) for x in names
    )
    if mode == "forward":
        directions = tuple(_directions(p) for p in points)
        return list(ut.jvp(f, points, directions)[1])
    if mode == "reverse":
        values, pull = ut.vjp(f, *points)
        return _flat(pull(tuple(_direction(y, i) for i, y in enumerate(values))))

    def weighed(*values: Any) -> Any:
        total = ut.asarray(0.0)
        for i, y in enumerate(f(*values)):
            total = total + ut.sum(ut.real(y * _direction(y, i)))
        return total

    gradient = ut.grad(weighed, tuple(range(len(points))))
    return _flat(ut.jvp(gradient, points, tuple(_directions(p) for p in points))[1])


def _flat(tree: Any) -> list[Any]:
    if isinstance(tree, (list, tuple)):
        return [t for part in tree for t in _flat(part)]
    return [tree]


def _directions(x: Any) -> Any:
    if isinstance(x, list):
        return [_direction(t, i) for i, t in enumerate(x)]
    return _direction(x, 7)


def _direction(x: Any, i: int) -> Any:
    """Fixed numbers in the shape and dtype of a Tensor."""
    rng = np.random.default_rng(zlib.crc32(f"{i}{x.shape}{x.dtype}".encode()))
    values = rng.uniform(0.5, 1.5, x.shape)
    if x.dtype.kind == "c":
        values = values + 1j * rng.uniform(0.5, 1.5, x.shape)
    return ut.asarray(np.asarray(values).astype(x.dtype.name))
