"""The cases that every engine meets: special values of every dtype, every form, every keyword.

They are the same at every level and in every run; Hypothesis draws further ones.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

import unitensor as ut
from unitensor._op import Op

from ._compare import chapter_of
from ._samples import INDEX, Arguments, Array, M, forms

#: Chapters whose functions iterate or round: their arguments are finite and of moderate size.
FINITE = frozenset({"decompositions", "eigenvalues", "equations", "norms", "fourier", "linear_algebra"})
#: Functions of matrices that a singular one makes raise, or whose result it leaves undetermined.
REGULAR = frozenset({"linalg.inv", "linalg.solve", "linalg.slogdet", "linalg.matrix_power", "linalg.det"})
#: Functions whose integers must stay small: a larger power wraps around, a larger shift is undefined.
SMALL = frozenset({"pow", "prod", "cumulative_prod", "bitwise_left_shift", "bitwise_right_shift"})
#: The signs of the diagonals that make matrices regular: of either determinant.
SIGNS = np.asarray([-1, 1, 1, -1, 1, -1])
#: Where arguments are beyond what an engine's own library reduces exactly.
PERIODIC = frozenset({"sin", "cos", "tan"})

#: Functions of complex numbers that treat the parts on their own.
BY_PARTS = frozenset({"conj", "real", "imag", "negative", "positive", "add", "subtract"})

PLAIN = [0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 2.0, -3.0, 0.1, -0.7, 7.0, 10.0, 1e-3, 100.0]
WILD = [-0.0, np.inf, -np.inf, np.nan, 1e4, -1e4]
EXTREME = {"float32": [1e30, -1e30, 1e-30], "float64": [1e300, -1e300, 1e-300]}
#: With ties, so that the first of equals can be told from the last.
TIED = [1.0, 3.0, -0.0, 3.0, np.nan, 0.0, -1.0, -1.0, np.inf, 2.0, -np.inf, 2.0, np.nan, 0.5]
WIDE = ("bool", "uint8", "int64", "float32", "float64", "complex128")

REDUCED: list[Arguments] = [
    {"x": M(3, 4), "axis": axis, "keepdims": keepdims}
    for axis, keepdims in itertools.product((None, 0, 1, -1, -2), (False, True))
] + [{"x": M(9)}, {"x": M()}, {"x": M(2, 3, 2), "axis": 1}]
BY_SEVERAL: list[Arguments] = [
    {"x": M(2, 3, 2), "axis": (0, -1)},
    {"x": M(2, 3, 2), "axis": (1, 2), "keepdims": True},
    {"x": M(2, 3), "axis": ()},
]
NOTHING: list[Arguments] = [{"x": M(0)}, {"x": M(0, 3), "axis": 0}, {"x": M(2, 0), "axis": 1}]
#: Sums and products of a hundred: an accumulator too small overflows or loses digits.
MANY: list[Arguments] = [{"x": M(300)}, {"x": M(2, 130), "axis": 1}]
SORTED: list[Arguments] = [{"x": M(40), "descending": descending} for descending in (False, True)] + [
    {"x": M(3, 20), "axis": axis, "descending": axis == 0} for axis in (0, 1, -1, -2)
]
BY_N: list[Arguments] = [
    {"x": M(4, 5), "axis": axis, "n": n, "norm": norm}
    for axis, n, norm in itertools.product((0, -1, -2), (None, 3, 6), ("backward", "ortho", "forward"))
]
BY_S: list[Arguments] = [
    {"x": M(3, 4), "s": s, "axes": axes, "norm": norm}
    for (s, axes), norm in itertools.product(
        ((None, None), (None, (0,)), ((2, 5), (0, 1)), ((3,), (-1,))), ("backward", "ortho", "forward")
    )
]
SHIFTED: list[Arguments] = [
    {"x": M(3, 5)},
    {"x": M(3, 4), "axes": 0},
    {"x": M(3, 4), "axes": (0, -1)},
]
RUNS: list[Arguments] = [
    {"x": M(3, 4), "axis": axis, "include_initial": initial}
    for axis, initial in itertools.product((0, 1, -1, -2), (False, True))
] + [{"x": M(4), "dtype": ut.float32}]

#: More forms than those that gradients are checked with: every keyword, and the awkward shapes.
MORE: dict[str, list[Arguments]] = {
    "argmax": REDUCED,
    "argmin": REDUCED,
    "argsort": SORTED,
    "sort": SORTED,
    "astype": [{"x": M(13), "dtype": getattr(ut, d)} for d in ("bool", "uint8", "int16", "int64", "float32")]
    + [{"x": M(13), "dtype": ut.float64, "copy": False}],
    "cumulative_sum": RUNS,
    "cumulative_prod": RUNS,
    "expand_dims": [{"x": M(2, 3), "axis": axis} for axis in (0, 1, 2, -1, -2, -3)],
    "flip": [{"x": M(2, 3, 2), "axis": axis} for axis in (None, 0, 1, -1, (0, 2), (-1, 0))],
    "full_like": [{"x": M(2, 0), "fill_value": 2}, {"x": M(3), "fill_value": 1, "dtype": ut.float32}],
    "ones_like": [{"x": M(2, 0)}, {"x": M(3), "dtype": ut.int16}, {"x": M()}],
    "zeros_like": [{"x": M(2, 0)}, {"x": M(3), "dtype": ut.int16}, {"x": M()}],
    "isin": [{"x1": M(9), "x2": M(5), "invert": True}, {"x1": M(3), "x2": M(0)}, {"x1": M(3), "x2": 1}],
    "moveaxis": [{"x": M(2, 3, 4), "source": 2, "destination": 0}],
    "nonzero": [{"x": M(0, 3)}, {"x": M(3, 2, 2)}, {"x": M(9)}],
    "permute_dims": [{"x": M(2, 3, 4), "axes": axes} for axes in ((0, 1, 2), (1, 2, 0), (-1, 0, -2))],
    "repeat": [{"x": M(2, 3), "repeats": 2, "axis": 0}, {"x": M(2, 3), "repeats": 0, "axis": -1}],
    "reshape": [{"x": M(2, 3), "shape": (-1,)}, {"x": M(2, 3), "shape": (3, 2), "copy": True}],
    "roll": [
        {"x": M(3, 4), "shift": s, "axis": a} for s, a in ((5, 0), (-1, -2), ((2, -1), (0, 0)), (-7, None))
    ],
    "searchsorted": [
        {"x1": Array((7,), then=np.sort), "x2": M(9), "side": "right"},
        {"x1": Array((0,)), "x2": M(2)},
        {"x1": np.asarray([3, 1, 2, 2]), "x2": M(6), "sorter": np.asarray([1, 2, 3, 0])},
        {"x1": np.asarray([3, 1, 2, 2]), "x2": M(6), "sorter": np.asarray([1, 2, 3, 0]), "side": "right"},
    ],
    "squeeze": [{"x": M(1, 3, 1), "axis": axis} for axis in (0, -1, (0, -1), ())],
    "stack": [{"arrays": [M(2, 3), M(2, 3)], "axis": axis} for axis in (0, 1, 2, -2, -3)],
    "concat": [{"arrays": [M(2, 3), M(2, 3)], "axis": axis} for axis in (0, 1, -1, -2)],
    "take": [{"x": M(3, 4), "indices": np.asarray([2, 0, 2, -1]), "axis": a} for a in (0, 1, -1, -2)],
    "take_along_axis": [{"x": M(3, 3), "indices": INDEX, "axis": axis} for axis in (-1, 1)]
    + [{"x": M(3, 2), "indices": np.asarray([[-1, 0]]), "axis": -2}],
    "tile": [{"x": M(2, 3), "repetitions": r} for r in ((), (1, 2), (0,), (2, 1, 2))],
    "tril": [{"x": M(3, 4), "k": k} for k in (-3, -1, 0, 1, 4)],
    "triu": [{"x": M(4, 3), "k": k} for k in (-4, -1, 0, 1, 3)],
    "unique_all": [{"x": M(14)}, {"x": M(0)}, {"x": M(3, 5)}, {"x": M()}],
    "unique_counts": [{"x": M(14)}, {"x": M(0)}, {"x": M(3, 5)}],
    "unique_inverse": [{"x": M(14)}, {"x": M(0)}, {"x": M(3, 5)}],
    "unique_values": [{"x": M(14)}, {"x": M(0)}, {"x": M(3, 5)}],
    "vecdot": [{"x1": M(3, 2), "x2": M(3, 2), "axis": axis} for axis in (-1, -2)],
    "matmul": [{"x1": M(3, 40), "x2": M(40, 2)}, {"x1": M(0, 3), "x2": M(3, 2)}],
    "tensordot": [{"x1": M(2, 3, 4), "x2": M(3, 4, 2)}, {"x1": M(3), "x2": M(3), "axes": ((-1,), (0,))}],
    "clip": [{"x": M(9), "min": -1, "max": 2}, {"x": M(4)}, {"x": M(14), "min": 1, "max": 0}],
    "where": [{"condition": np.asarray([True, False, True]), "x1": 1, "x2": M(3)}],
    "fft.fft": BY_N,
    "fft.ifft": BY_N,
    "fft.rfft": BY_N,
    "fft.irfft": BY_N,
    "fft.hfft": BY_N,
    "fft.ihfft": BY_N,
    "fft.fftn": BY_S,
    "fft.ifftn": BY_S,
    "fft.rfftn": BY_S,
    "fft.irfftn": BY_S,
    "fft.fftshift": SHIFTED,
    "fft.ifftshift": SHIFTED,
    "linalg.diagonal": [{"x": M(3, 4), "offset": k} for k in (0, 1, -2, 4)],
    "linalg.trace": [{"x": M(3, 4), "offset": k} for k in (0, 1, -2)] + [{"x": M(2, 2), "dtype": ut.float32}],
    "linalg.cross": [{"x1": M(2, 3), "x2": M(2, 3)}, {"x1": M(3, 2), "x2": M(3, 2), "axis": -2}],
    "linalg.matrix_norm": [
        {"x": M(2, 3, 2), "ord": ord, "keepdims": True}
        for ord in ("fro", "nuc", 1, -1, 2, -2, ut.inf, -ut.inf)
    ],
    "linalg.vector_norm": [
        {"x": M(2, 3), "ord": ord, "axis": axis, "keepdims": True}
        for ord, axis in itertools.product((0, 1, 2, 3, -1, ut.inf, -ut.inf), (None, 0, -1))
    ],
    "linalg.matrix_rank": [{"x": M(3, 3), "rtol": 0.5}, {"x": M(2, 3, 3)}],
    "linalg.pinv": [{"x": M(3, 3), "rtol": 0.4}],
    "linalg.qr": [{"x": M(4, 2), "mode": "complete"}, {"x": M(2, 4), "mode": "complete"}],
    "linalg.svd": [{"x": M(4, 2)}, {"x": M(2, 4)}, {"x": M(2, 4, 2), "full_matrices": False}],
    "linalg.outer": [{"x1": M(0), "x2": M(3)}],
}


def cases(made: Op, dtypes: list[str], *, thorough: bool) -> Iterator[Arguments]:
    """The arguments of an op that every engine is tried with."""
    if made.elementwise and made.path not in MORE:
        for dtype in dtypes:
            yield from _elementwise(made, dtype)
        return
    found = [*forms(made), *MORE.get(made.path, []), *_reductions(made)]
    for i, form in enumerate(found):
        for j, dtype in enumerate(dtypes):
            if i >= 2 and dtype not in WIDE and not thorough and (i + j) % 5:
                continue
            if made.name == "astype" and np.dtype(dtype).kind == "c" and form["dtype"].kind != "c":
                continue  # the standard leaves the truth of complex numbers open, and asks for no other cast
            seed = f"{made.path}{i}{dtype}"
            yield fill(made, form, dtype, seed, tied=False)
            if made.path not in STRUCTURED:
                yield fill(made, form, dtype, seed, tied=True)


#: Ops whose arguments must have a structure that tied values would break.
STRUCTURED = REGULAR | {
    "linalg.cholesky",
    "linalg.eig",
    "linalg.eigvals",
    "linalg.matrix_rank",
    "linalg.pinv",
}


def _reductions(made: Op) -> list[Arguments]:
    if "keepdims" not in made.options or made.name in ("argmax", "argmin") or made.module:
        return []
    found = [*REDUCED, *BY_SEVERAL]
    if made.name not in ("max", "min", "mean", "var", "std"):
        found += NOTHING
    if made.name != "prod":
        found += MANY
    if "correction" in made.options:
        found += [{"x": Array((50,), 1e4, 1e4 + 1)}]  # where digits cancel
        found += [{"x": M(2, 5), "correction": c, "axis": 1} for c in (1, 1.5)]
    if "dtype" in made.options:
        found += [{"x": M(5), "dtype": ut.float32}, {"x": M(5), "dtype": ut.int64}][
            : 1 + (made.name == "sum")
        ]
    return found


def _elementwise(made: Op, dtype: str) -> Iterator[Arguments]:
    """All special values at once, each against each; 0-d, empty and strided arrays."""
    values = specials(made, dtype)
    names = made.inputs
    if made.name in SMALL and np.dtype(dtype).kind in "iu":
        # The exponent or the shift is small, the base any.
        yield {names[0]: specials(made, dtype, any_size=True)[:, None], names[1]: values[None, :]}
    if len(names) == 1:
        yield {names[0]: values}
        yield {names[0]: values[:0].reshape(0, 2)}
        yield {names[0]: values[len(values) // 2].reshape(())}
        yield {names[0]: values[::-2]}
        yield {names[0]: np.resize(values, (7, 5)).T}
        yield {names[0]: np.resize(values, 67)}
        return
    sides = dict(zip(names, (values[:, None], values[None, :]), strict=True))
    yield sides
    yield {x: values[1:4].reshape(shape) for x, shape in zip(names, ((3, 1), (3,)), strict=True)}
    yield {names[0]: values[:0], names[1]: values[:1]}
    yield {names[0]: values[2].reshape(()), names[1]: values[3].reshape(())}
    yield {names[0]: values[::-2], names[1]: np.repeat(values, 2)[::2][::-2]}
    if made.scalars and np.dtype(dtype).kind in "fi":
        for scalar in [0, 1, 2, 3] + ([1.5, -2.0] if dtype[0] == "f" else []):
            usual = values if dtype[0] == "f" or made.name != "pow" else values[np.abs(values) <= 6]
            yield {names[0]: usual, names[1]: scalar}
            if made.name not in ("copysign", "nextafter"):
                yield {names[0]: scalar, names[1]: usual}


def specials(made: Op, dtype: str, *, any_size: bool = False) -> Any:
    """The values of a dtype at which functions go wrong."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.asarray([False, True, True, False])
    if kind in "iu":
        info = np.iinfo(dtype)
        small_only = made.name in SMALL and not any_size
        small = [0, 1, 2, 3, 5, 6] if small_only else [0, 1, -1, 2, -2, 3, -3, 5, 7, -7, 10, 100]
        ends = [] if small_only else [info.max, info.max - 1, info.min]
        return np.asarray([v for v in small if v >= info.min] + ends, dtype)
    if kind == "c":
        parts = [1.0, -1.0, 0.5, -0.5, 2.5, -1.5, 3.0]
        wild = [0.0, -0.0, np.inf, -np.inf, np.nan] if made.result == "bool" or made.name in BY_PARTS else []
        return np.asarray([complex(a, b) for a, b in itertools.product(parts + wild, parts + wild)], dtype)
    wild = WILD if made.name not in PERIODIC else [w for w in WILD if abs(w) != 1e4]
    extreme = [] if made.name in PERIODIC else EXTREME[dtype]
    return np.asarray(PLAIN + wild + extreme, dtype)


def fill(made: Op, form: Arguments, dtype: str, seed: str, *, tied: bool) -> Arguments:
    """A form with numbers in it: spread apart, or with ties and special values."""
    return {name: _fill(made, value, dtype, f"{seed}{name}", tied) for name, value in form.items()}


def _fill(made: Op, value: Any, dtype: str, seed: str, tied: bool) -> Any:
    if isinstance(value, list):
        return [_fill(made, v, dtype, f"{seed}{i}", tied) for i, v in enumerate(value)]
    if not isinstance(value, Array):
        return value
    rng = np.random.default_rng(zlib.crc32(seed.encode()))
    array = _tied(made, rng, value.shape, dtype) if tied else _spread(made, rng, value, dtype)
    if made.path in REGULAR and len(value.shape) > 1 and value.shape[-1] == value.shape[-2]:
        array = (
            array
            + 9 * (SIGNS[: value.shape[-1]] if np.dtype(dtype).kind != "u" else 1) * np.eye(value.shape[-1])
        ).astype(dtype)
    with np.errstate(invalid="ignore"):
        return np.asarray(value.then(array)).astype(dtype)


def _spread(made: Op, rng: Any, value: Array, dtype: str) -> Any:
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.integers(0, 2, value.shape).astype(bool)
    if kind in "iu":
        low, high = (int(made.name == "pow"), 4) if made.name in SMALL or kind == "u" else (-9, 10)
        if value.shape and max(value.shape) > 100:
            low, high = 60, 120  # so that a sum in the dtype itself overflows
        return rng.integers(low, high, value.shape).astype(dtype)
    x = rng.uniform(value.low, value.high, value.shape)
    return (x + 1j * rng.uniform(value.low, value.high, value.shape) if kind == "c" else x).astype(dtype)


def _tied(made: Op, rng: Any, shape: tuple[int, ...], dtype: str) -> Any:
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if kind in "iu":
        pool = [0, 1, 1, 2, 3] if made.name in SMALL else [0, 1, 1, 2, 3, 3, 7, -1, -5, 100]
        return rng.choice(np.asarray([v for v in pool if kind == "i" or v >= 0], dtype), shape)
    finite = chapter_of(made) in FINITE
    reals = [0.0, 1.0, 1.0, -1.0, 2.0, 0.5] if finite or kind == "c" else TIED
    x = rng.choice(np.asarray(reals), shape)
    if not finite and kind == "f" and rng.integers(2):
        x = np.where(np.isnan(x), 3.0, x)  # what a NaN decides hides the rest
    return (x + 1j * rng.choice(np.asarray(reals), shape) if kind == "c" else x).astype(dtype)
