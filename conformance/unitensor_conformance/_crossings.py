"""Cases that no list holds: the arrays of one form with the options of another, and matrices of tiny numbers."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from unitensor._op import Op

from ._cases import FINITE, USUAL, fill
from ._compare import chapter_of
from ._forms import MORE, reductions
from ._samples import SPECIAL, Arguments, Array, forms, positive

#: How many mixtures of two forms an op gets at each level.
QUICK, FULL = 16, 320
#: About how many elements arrays have that are to be large.
MANY = 6000
#: Small enough that a tolerance, a cut-off or an added number meant for numbers near 1 shows.
TINY = 2.0**-30
#: Chapters of functions that have no scale of their own.
HOMOGENEOUS = frozenset({"linear_algebra", "decompositions", "equations", "eigenvalues", "norms", "fourier"})


def crossings(made: Op, dtypes: list[str], *, thorough: bool) -> Iterator[Arguments]:
    """Cases that NumPy may refuse; where it does, they say nothing."""
    if not made.elementwise or made.path in SPECIAL:
        found = [*forms(made), *MORE.get(made.path, []), *reductions(made)]
        yield from _mixed(made, found, [d for d in dtypes if d in USUAL] or dtypes, thorough=thorough)
        if not made.elementwise and chapter_of(made) not in FINITE:
            yield from _shrunk(made, found, dtypes, thorough=thorough)
            yield from _grown(made, found, [d for d in dtypes if d != "bool"] or dtypes)
        if chapter_of(made) in HOMOGENEOUS:
            yield from _tiny(made, found, [d for d in ("float64", "complex128") if d in dtypes])


def _mixed(made: Op, found: list[Arguments], dtypes: list[str], *, thorough: bool) -> Iterator[Arguments]:
    seen = {repr(sorted(form.items(), key=str)) for form in found}
    mixtures = []
    for form in found:
        arrays = {k: v for k, v in form.items() if _is_drawn(v)}
        for other in found:
            mixture = {**arrays, **{k: v for k, v in other.items() if not _is_drawn(v)}}
            told = repr(sorted(mixture.items(), key=str))
            if told not in seen and not _without_axes(mixture):
                seen.add(told)
                mixtures.append(mixture)
    some = np.random.default_rng(zlib.crc32(made.path.encode())).permutation(len(mixtures))
    for n, i in enumerate(some[: FULL if thorough else QUICK]):
        yield fill(made, mixtures[i], dtypes[n % len(dtypes)], f"{made.path}{n}mixed")


def _shrunk(made: Op, found: list[Arguments], dtypes: list[str], *, thorough: bool) -> Iterator[Arguments]:
    """Each form with each of its axes in turn without a length, or of length 1."""
    for n, form in enumerate(found):
        for name, value in form.items():
            for axis in range(len(value.shape) if isinstance(value, Array) else 0):
                for length in (0, 1) if thorough else ((n + axis) % 2,):
                    shape = (*value.shape[:axis], length, *value.shape[axis + 1 :])
                    given = {**form, name: value._replace(shape=shape)}
                    yield fill(made, given, dtypes[n % len(dtypes)], f"{made.path}{n}shrunk")


def _grown(made: Op, found: list[Arguments], dtypes: list[str]) -> Iterator[Arguments]:
    """Each form with axes many times as long: engines change their ways with the size."""

    def longer(value: Any) -> Any:
        if isinstance(value, list):
            return [longer(v) for v in value]
        if not isinstance(value, Array) or not value.shape:
            return value
        lengths = [n for n in value.shape if n > 1] or [1]
        factor = max(1, round((MANY / np.prod(lengths)) ** (1 / len(lengths))))
        return value._replace(shape=tuple(n * factor if n > 1 else n for n in value.shape))

    for n, form in enumerate(found):
        given = {name: longer(value) for name, value in form.items()}
        yield fill(made, given, dtypes[n % len(dtypes)], f"{made.path}{n}grown")


def _tiny(made: Op, found: list[Arguments], dtypes: list[str]) -> Iterator[Arguments]:
    """Each form with numbers near 2**-30, of which singular ones have no exact answer."""
    for n, form in enumerate(found):
        drawn = [v for v in form.values() if isinstance(v, Array)]
        if drawn and all(v.then in (Array(()).then, positive) for v in drawn):
            for dtype in dtypes:
                given = fill(made, form, dtype, f"{made.path}{n}tiny")
                yield {k: v * TINY if isinstance(form[k], Array) else v for k, v in given.items()}


def _without_axes(form: Arguments) -> bool:
    """Whether an axis is asked for of an array that has none, which NumPy takes in some functions."""
    scalar = any(isinstance(v, Array) and not v.shape for v in form.values())
    return scalar and form.get("axis") not in (None, ())


def _is_drawn(value: Any) -> bool:
    return isinstance(value, Array) or (isinstance(value, list) and all(_is_drawn(v) for v in value))
