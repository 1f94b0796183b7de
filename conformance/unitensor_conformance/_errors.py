"""Bad input: it must raise the same kind of error as on NumPy, and change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from unitensor._dtypes import KINDS, STANDARD
from unitensor._op import Op

from ._calls import evaluate, reference
from ._cases import fill
from ._checks import Run
from ._forms import reductions, singular
from ._samples import Arguments, Array, M, forms
from ._values import compare_results

#: NumPy warns and answers NaN where nothing is averaged; the standard leaves it open.
UNDEFINED_OF_NOTHING = frozenset({"mean", "var", "std"})
#: Functions of square matrices.
SQUARE = ("cholesky", "det", "eig", "eigh", "eigvals", "eigvalsh", "inv", "slogdet")

#: Arguments of the right dtypes that an op must refuse, besides those that follow from its declaration.
BAD: dict[str, list[Arguments]] = {
    "broadcast_to": [
        {"x": M(2, 2), "shape": (2, 3)},
        {"x": M(3), "shape": ()},
        {"x": M(2, 1), "shape": (2,)},
    ],
    "concat": [{"arrays": [M(2, 2), M(2, 3)]}, {"arrays": [M(2), M(2, 1)]}],
    "cumulative_prod": [{"x": M(2, 2)}],
    "cumulative_sum": [{"x": M(2, 2)}],
    "linalg.cross": [{"x1": M(2), "x2": M(2)}, {"x1": M(2, 3), "x2": M(3, 3)}],
    "linalg.matrix_norm": [{"x": M(3)}],
    "linalg.matrix_power": [{"x": M(2, 3), "n": 2}, {"x": Array((2, 2), then=singular), "n": -1}],
    "linalg.qr": [{"x": M(3)}, {"x": M(2, 2), "mode": "both"}],
    "linalg.solve": [
        {"x1": M(2, 3), "x2": M(2)},
        {"x1": M(2, 2), "x2": M(3)},
        {"x1": M(2, 3, 3), "x2": M(2, 3)},
        {"x1": Array((2, 2), then=np.zeros_like), "x2": M(2)},
    ],
    "linalg.svd": [{"x": M(3)}],
    "linalg.trace": [{"x": M(3)}],
    "linalg.diagonal": [{"x": M(3)}],
    "matmul": [{"x1": M(2, 3), "x2": M(2, 3)}, {"x1": M(), "x2": M(2)}, {"x1": M(3), "x2": M(2)}],
    "matrix_transpose": [{"x": M(3)}],
    "moveaxis": [{"x": M(2, 3), "source": 2, "destination": 0}, {"x": M(2), "source": 0, "destination": -2}],
    "nonzero": [{"x": M()}],
    "permute_dims": [{"x": M(2, 3), "axes": axes} for axes in ((0,), (0, 0), (0, 2), (0, 1, 2))],
    "repeat": [{"x": M(3), "repeats": np.asarray([1, 2])}, {"x": M(3), "repeats": -1}],
    "reshape": [{"x": M(6), "shape": shape} for shape in ((4, 2), (-1, -1), (4, -1), (6, 0))],
    "searchsorted": [{"x1": M(3), "x2": M(2), "side": "middle"}],
    "squeeze": [{"x": M(2, 1), "axis": 0}, {"x": M(1), "axis": 1}, {"x": M(1, 2), "axis": (0, 1)}],
    "stack": [{"arrays": [M(2), M(3)]}, {"arrays": [M(2), M(2)], "axis": 2}],
    "take": [
        {"x": M(3), "indices": np.asarray([3])},
        {"x": M(3), "indices": np.asarray([-4])},
        {"x": M(2, 3), "indices": np.asarray([1])},
    ],
    "take_along_axis": [{"x": M(3), "indices": np.asarray([3])}, {"x": M(3), "indices": np.asarray([-4])}],
    "tensordot": [{"x1": M(2, 3), "x2": M(2, 3)}, {"x1": M(2), "x2": M(2), "axes": 2}],
    "vecdot": [{"x1": M(3), "x2": M(4)}],
    "where": [{"condition": np.asarray([True, False, True]), "x1": M(2), "x2": M(2)}],
}
BAD |= {f"linalg.{name}": [{"x": M(2, 3)}, {"x": M(3)}] for name in SQUARE}
BAD["linalg.inv"] += [{"x": Array((2, 2), then=singular)}, {"x": Array((2, 2, 2), then=np.zeros_like)}]
BAD["linalg.cholesky"] += [{"x": Array((2, 2), then=lambda x: -np.eye(2))}]
for _name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    BAD[f"fft.{_name}"] = [{"x": M(4), "n": 0}, {"x": M(4), "norm": "wrong"}]


def check_errors(run: Run, made: Op) -> None:
    """Bad input raises the same kind of error as on NumPy, and changes nothing."""
    for given in _bad(made, run.dtypes()):
        run.counted(made.path)
        expected, got = reference(made, given), evaluate(run, made, given)
        if not isinstance(expected, Exception) and isinstance(got, TypeError) and "expected " in str(got):
            continue  # NumPy goes beyond what the op declares; an engine may refuse that, clearly
        compare_results(run, made, given, expected, got)


def may_fail(made: Op) -> bool:
    """Whether there is bad input for an op."""
    return next(_bad(made, {d.name for d in STANDARD}), None) is not None


def _bad(made: Op, dtypes: set[str]) -> Iterator[Arguments]:
    form = forms(made)[0]
    for dtype in ("bool", "int8", "int64", "uint8", "uint16", "float64", "complex128"):
        if dtype in dtypes and dtype not in KINDS[made.dtypes]:
            for other in (form, *reductions(made)) if dtype in ("bool", "int8") else (form,):
                yield fill(made, other, dtype, made.path)
    usual = next(
        d for d in ("float64", "int64", "bool", "complex128") if d in KINDS[made.dtypes] and d in dtypes
    )
    given = fill(made, form, usual, made.path)
    axis = next((p for p in ("axis", "axes") if p in made.options), None)
    if axis and made.name != "tensordot":
        for wrong in (9, -9, (0, 9)):
            yield {**given, axis: wrong}
    if made.elementwise and len(made.inputs) == 2:
        for shape in ((4,), (3, 3), (2, 2, 2)):
            yield _ones(made.inputs, ((2, 3), shape), usual)
            yield _ones(made.inputs, (shape, (2, 3)), usual)
    if "keepdims" in made.options and not made.module and made.name not in UNDEFINED_OF_NOTHING:
        yield {"x": np.ones((0, 3), usual), "axis": 0}
    if made.module == "linalg":
        yield {**given, **{x: np.ones(0, usual) for x in made.inputs[:1]}}
    for bad in BAD.get(made.path, []):
        yield fill(made, bad, usual, made.path)


def _ones(names: tuple[str, ...], shapes: Any, dtype: str) -> Arguments:
    return {x: np.ones(shape, dtype) for x, shape in zip(names, shapes, strict=True)}
