"""Values and promotion of one op against the same op on NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given as given_by, settings

from unitensor._op import Op

from ._arguments import arguments, dtypes_for
from ._calls import evaluate, reference
from ._cases import UNSPECIFIED, cases, fill, specials
from ._checks import Run
from ._compare import Failure, chapter_of, difference, signs_count, tolerance
from ._crossings import crossings
from ._forms import MORE
from ._properties import DETERMINED, PROPERTIES
from ._samples import Arguments, forms
from ._snippets import snippet

#: How NumPy may answer arguments of the right shapes: a singular matrix, a number that does not fit.
REFUSALS = (np.linalg.LinAlgError, OverflowError)


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

    for given in cases(made, dtypes, thorough=run.examples > 50):
        run.counted(made.path)
        expected = reference(made, given)
        if isinstance(expected, Exception) and not isinstance(expected, REFUSALS):
            raise AssertionError(f"{made.path}: NumPy refuses a case, which says nothing then: {expected}")
        _compare(run, made, given, expected)
    for given in crossings(made, dtypes, thorough=run.examples > 50):
        expected = reference(made, given)
        if not isinstance(expected, Exception):
            run.counted(made.path)
            _compare(run, made, given, expected)
    _on_other_devices(run, made)
    hypothesis_run(run, made.path, arguments(made, dtypes), partial(_afresh, run, made))


def _afresh(run: Run, made: Op, given: Arguments) -> None:
    compare_results(run, made, given, reference(made, given), evaluate(run, made, given))


def _compare(run: Run, made: Op, given: Arguments, expected: Any) -> None:
    """Compare one call with NumPy's; of a failure, raise that of the smallest part of the arguments."""
    try:
        compare_results(run, made, given, expected, evaluate(run, made, given))
    except Failure as failure:
        raise smallest(given, partial(_afresh, run, made), failure) from None


def _on_other_devices(run: Run, made: Op) -> None:
    """One call on each further device, in a dtype that small devices have: the result must stay there."""
    small = [d for d in ("float32", "int32", "bool", "complex64") if d in dtypes_for(made, run.dtypes())]
    for device in run.engine().devices()[1:]:
        given = fill(made, forms(made)[0], small[0], made.path)
        run.counted(made.path)
        there = replace(run, device=str(device))
        compare_results(there, made, given, reference(made, given), evaluate(there, made, given))


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
    for e, g in zip(expected, got, strict=True):
        rtol, atol = tolerance(made, e, given)
        why = difference(e, g, rtol, atol, signed=signs_count(made))
        if why and chapter_of(made) == "special" and e.shape == g.shape and e.dtype.kind == "f":
            why = difference(e, g, rtol, atol + _moved(made, given, e), signed=False)
        if why:
            fail(why, e, g)


#: By how many units the inputs are moved of which a special function may give the result instead.
UNITS = 4


def _moved(made: Op, given: Arguments, expected: Any) -> Any:
    """How far a result moves when its inputs do by a few units.

    Where a function passes through zero, or is steep, no relative error is small: what it is the
    difference of has been rounded.
    """
    farthest = np.zeros(expected.shape)
    for name in made.inputs:
        x = given.get(name)
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
            continue
        for sign in (-1, 1):
            near = np.asarray(x * (1 + sign * UNITS * np.finfo(x.dtype).eps), x.dtype)
            found = reference(made, {**given, name: near})
            if not isinstance(found, Exception):
                with np.errstate(all="ignore"):
                    off = np.abs(found[0].astype(float) - expected)
                farthest = np.maximum(farthest, np.where(np.isfinite(off), off, 0.0))
    return farthest


def same_kind(expected: Exception, got: Exception) -> bool:
    """Whether what catches one error catches the other: NumPy's own types, or Python's that they are."""
    if isinstance(got, type(expected)):
        return True
    kinds = (TypeError, ValueError, IndexError, OverflowError, ZeroDivisionError)
    shared = any(isinstance(expected, k) and isinstance(got, k) for k in kinds)
    return shared and not isinstance(expected, np.linalg.LinAlgError)


# Promotion ----------------------------------------------------------------------------------------


def check_promotion(run: Run, made: Op) -> None:
    """The dtype in which two dtypes meet, and the values there."""
    dtypes = dtypes_for(made, run.dtypes())
    form = (
        next(iter(MORE.get(made.path, []) if made.path in ("clip", "isin") else []), None) or forms(made)[0]
    )
    names = [made.inputs[0]] if made.sequence else [p for p in made.promote if hasattr(form.get(p), "then")]
    for a, b in itertools.permutations(dtypes, 2):
        given = fill(made, form, a, f"{made.path}{a}")
        other = fill(made, form, b, f"{made.path}{b}")
        if made.sequence:
            given["arrays"][1:] = other["arrays"][1:]
        elif len(names) > 1:
            given[names[1]] = other[names[1]]
        _meet(run, made, given)
        # An array counts by its dtype, be it 0-d or empty.
        if made.sequence and form["arrays"][-1].shape[0] == 0:
            _meet(run, made, {"arrays": [given["arrays"][0], other["arrays"][-1]]})
        elif made.elementwise and len(names) > 1 and not made.module:
            complex_too = "c" in (np.dtype(a).kind, np.dtype(b).kind)
            if tuple(names) == made.inputs and not (complex_too and made.name in UNSPECIFIED):
                every = dict(zip(names, (specials(made, a)[:, None], specials(made, b)), strict=True))
                _meet(run, made, every)
            _meet(run, made, {**given, names[1]: other[names[1]].reshape(-1)[:1].reshape(())})
            _meet(
                run, made, {**given, names[1]: np.empty((0, 1), b), names[0]: given[names[0]].reshape(-1)[:1]}
            )


def _meet(run: Run, made: Op, given: Arguments) -> None:
    run.counted(made.path)
    expected = reference(made, given)
    if not isinstance(expected, Exception) and str(expected[0].dtype) not in run.dtypes():
        return  # they meet in a dtype that the engine lacks
    _compare(run, made, given, expected)
