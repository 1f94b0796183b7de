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

from ._combinations import CUBE, SQUARE, combined
from ._compare import chapter_of
from ._forms import LARGE, MORE, reductions
from ._layouts import LAYOUTS, laid_out
from ._samples import SPECIAL, Arguments, Array, forms

#: Chapters whose functions iterate or round: their arguments are finite and of moderate size.
FINITE = frozenset({"decompositions", "eigenvalues", "equations", "norms", "fourier", "linear_algebra"})
#: Functions of matrices that a singular one makes raise, or whose result it leaves undetermined.
REGULAR = frozenset({"linalg.inv", "linalg.solve", "linalg.slogdet", "linalg.matrix_power", "linalg.det"})
#: Functions whose integers must stay small: a larger power wraps around, a larger shift goes out of the dtype.
SMALL = frozenset({"pow", "prod", "cumulative_prod", "bitwise_left_shift", "bitwise_right_shift"})
#: The signs of the diagonals that make matrices regular: of either determinant.
SIGNS = np.asarray([-1, 1, 1, -1, 1, -1])
#: Where arguments are beyond what an engine's own library reduces exactly.
PERIODIC = frozenset({"sin", "cos", "tan"})
#: Ops whose arguments must have a structure that tied values would break.
STRUCTURED = REGULAR | {
    "linalg.cholesky",
    "linalg.eig",
    "linalg.eigvals",
    "linalg.matrix_rank",
    "linalg.pinv",
}
#: Functions of complex numbers whose values at zeros, infinities and NaN, or whose order, is nobody's.
UNSPECIFIED = frozenset(
    {"pow", "multiply", "divide", "reciprocal", "square", "prod", "cumulative_prod", "mean", "std", "var"}
    | {"unique_all", "unique_counts", "unique_inverse", "unique_values"}
)
#: Where the largest integers tell an engine that computes by way of floats: what moves, compares or adds.
WHOLE = frozenset({"searching", "sorting", "sets", "manipulation", "indexing", "data_types"})
WHOLE_TOO = frozenset(
    {"max", "min", "sum", "mean", "var", "std", "cumulative_sum", "any", "all", "count_nonzero"}
    | {"prod", "cumulative_prod"}
)

PLAIN = [0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 2.0, -3.0, 0.1, -0.7, 7.0, 10.0, 1e-3, 100.0]
WILD = [-0.0, np.inf, -np.inf, np.nan, 1e4, -1e4]
EXTREME = {"float32": [1e30, -1e30, 1e-30], "float64": [1e300, -1e300, 1e-300]}
#: The largest and the smallest normal numbers; the largest halves; and those next to a half, to 1 and to -1.
ENDS = {
    d: [
        info.max,
        -info.max,
        info.smallest_normal,
        0.5 - info.eps / 4,
        0.5 / info.eps - 0.5,
        0.5 - 0.5 / info.eps,
        1 - info.eps / 2,
        1 + info.eps,
        1 + 1e-4,
        1e-4 - 1,
    ]
    for d in ("float32", "float64")
    for info in [np.finfo(d)]
}
#: With ties, so that the first of equals can be told from the last.
TIED = [1.0, 3.0, -0.0, 3.0, np.nan, 0.0, -1.0, -1.0, np.inf, 2.0, -np.inf, 2.0, -np.nan, 0.5]
#: Integers that no float32, or no float64, tells from their neighbours; and the ends of each dtype.
WIDE = [0, 1, -1, 2**24 + 1, 2**24, 2**31, -(2**31) - 1, 2**53 + 1, 2**53, -(2**53) - 1]
USUAL = ("bool", "uint8", "int64", "float32", "float64", "complex128")


def cases(made: Op, dtypes: list[str], *, thorough: bool) -> Iterator[Arguments]:
    """The arguments of an op that every engine is tried with."""
    if made.elementwise and (made.path not in SPECIAL or made.path in ("clip", "where")):
        for dtype in dtypes:
            yield from _elementwise(made, dtype)
        if made.path not in SPECIAL:
            return
    found = [*forms(made), *MORE.get(made.path, []), *reductions(made)]
    for i, form in enumerate(found):
        for j, dtype in enumerate(dtypes):
            if i >= 2 and dtype not in USUAL and not thorough and (i + j) % 3:
                continue
            if made.name == "astype" and np.dtype(dtype).kind == "c" and form["dtype"].kind != "c":
                continue  # the standard leaves the truth of complex numbers open, and asks for no other cast
            seed = f"{made.path}{i}{dtype}"
            usual = fill(made, form, dtype, seed)
            yield usual
            if i == 0 and dtype in USUAL:
                yield from (laid_out(usual, how) for how in LAYOUTS)
            elif thorough or (i + j) % 2:
                yield laid_out(usual, LAYOUTS[(i + j) // 2 % len(LAYOUTS)])
            into = getattr(form.get("dtype"), "kind", "f")
            if made.name != "astype" and into in "iu" and np.dtype(dtype).kind == "f":
                continue  # the whole number that a sum takes a NaN for is nobody's
            if made.path not in STRUCTURED:
                yield fill(made, form, dtype, seed, how="tied")
                if np.dtype(dtype).kind == "f" and chapter_of(made) not in FINITE:
                    yield fill(
                        made, form, dtype, seed, how="tied numbers"
                    )  # what a NaN decides hides the rest
            if np.dtype(dtype).kind in "iu" and (chapter_of(made) in WHOLE or made.path in WHOLE_TOO):
                yield fill(made, form, dtype, seed, how="wide")
            if i < 3 and dtype in USUAL and chapter_of(made) not in FINITE:
                yield from _all_the_same(made, form, usual, dtype)
    for form in LARGE.get(made.path, []):
        for dtype in ("int64", "float32", "float64"):
            if dtype in dtypes:
                yield fill(made, form, dtype, f"{made.path}{dtype}large")
    if made.name == "astype":
        yield from _casts(made, dtypes)
    numbers = [d for d in dtypes if d != "bool"] or dtypes
    for i, form in enumerate(combined(made)):
        for j in range(len(numbers) if thorough else min(1 + (i + 1) % 2, len(numbers))):
            given = fill(made, form, numbers[(i + 5 * j) % len(numbers)], f"{made.path}{i}", how="each")
            if j == 0 and getattr(form.get("x"), "shape", None) in (SQUARE, CUBE):
                yield from (laid_out(given, how) for how in LAYOUTS)
            yield laid_out(given, ("plain", *LAYOUTS)[(i + j) % (len(LAYOUTS) + 1)])


def _all_the_same(made: Op, form: Arguments, usual: Arguments, dtype: str) -> Iterator[Arguments]:
    """One value everywhere: what begins with another one, or counts on a difference, shows."""
    kind = np.dtype(dtype).kind
    if kind in "iu":
        info = np.iinfo(dtype)
        values: list[Any] = [0, 1] if made.name in SMALL else [0, info.min, info.max]
    else:
        values = (
            [True, False] if kind == "b" else [0.0, -1.5] if kind == "c" else [-np.inf, np.inf, np.nan, -0.0]
        )
    for value in values:
        given = {k: np.full_like(v, value) if isinstance(form[k], Array) else v for k, v in usual.items()}
        yield given | {
            k: [np.full_like(a, value) for a in v] for k, v in usual.items() if isinstance(v, list)
        }


def _casts(made: Op, dtypes: list[str]) -> Iterator[Arguments]:
    """From each dtype to each: all special values, those that do not fit included; backwards; and one."""
    for dtype, to in itertools.product(dtypes, dtypes):
        if np.dtype(dtype).kind == "c" and np.dtype(to).kind != "c":
            continue  # as above
        values = specials(made, dtype)
        for x in (values, values[::-2], np.asarray(values[-1])):
            yield {"x": x, "dtype": getattr(ut, to)}


def _elementwise(made: Op, dtype: str) -> Iterator[Arguments]:
    """All special values at once, each against each; 0-d, empty, strided and large arrays."""
    values = specials(made, dtype)
    names = made.inputs
    if made.name in SMALL and np.dtype(dtype).kind in "iu":
        # The exponent or the shift is small, the base any.
        any_size = specials(made, dtype, any_size=True)[:, None]
        yield {names[0]: any_size, names[1]: values[None, :]}
        if made.name.endswith("shift"):
            bits = 8 * np.dtype(dtype).itemsize
            yield {
                names[0]: any_size,
                names[1]: np.asarray([bits - 1, bits, bits + 1, 64, 100], dtype)[None, :],
            }
    plain = values[np.isfinite(values) & (np.abs(values) < 1000)]  # of these alone, engines take shorter ways
    if len(names) == 1:
        yield {names[0]: values}
        yield {names[0]: plain}
        yield {names[0]: values[:0].reshape(0, 2)}
        yield {names[0]: np.asarray(values[len(values) // 2])}
        yield {names[0]: values[::-2]}
        yield {names[0]: np.resize(values, (7, 5)).T}
        yield {names[0]: np.resize(values, (2, 1, 3, 2))}
        yield {names[0]: np.resize(values, 67)}
        if dtype in USUAL:
            yield {names[0]: _large(values)}
        return
    if len(names) > 2:
        some = values[::3]
        for given in (
            {x: some.reshape((-1,) + (1,) * i) for i, x in enumerate(names)},
            {x: _large(np.roll(values, i)) for i, x in enumerate(names)},
        ):
            yield {x: v.real > 0 if x == "condition" else v for x, v in given.items()}
        return
    yield {names[0]: values[:, None], names[1]: values[None, :]}
    yield {names[0]: plain[:, None], names[1]: plain[None, :]}
    yield {x: values[1:4].reshape(shape) for x, shape in zip(names, ((3, 1), (3,)), strict=True)}
    yield {names[0]: values[:0], names[1]: values[:1]}
    yield {names[0]: np.asarray(values[2]), names[1]: np.asarray(values[3])}
    yield {names[0]: values[::-2], names[1]: np.repeat(values, 2)[::2][::-2]}
    yield {names[0]: np.resize(values, (2, 1, 3, 2)), names[1]: np.resize(values[::-1], (2, 1, 3)).T}
    yield {names[0]: np.resize(values, (4, 5)), names[1]: np.resize(values[::-1], (4, 5))}
    if dtype in USUAL:
        yield {names[0]: _large(values), names[1]: _large(np.roll(values[::-1], 9))}
    if dtype in ("int64", "float64"):  # of one number each, an engine may think itself in Python
        few = [np.asarray(values[i]) for i in (0, 1, 2, -3, -2, -1)]
        yield from ({names[0]: a, names[1]: b} for a, b in itertools.product(few, few))
    if made.scalars:
        kind = np.dtype(dtype).kind
        more: dict[str, list[Any]] = {"f": [1.5, -2.0, np.inf, np.nan], "c": [1.5, -2.0, 0.5 - 1j]}
        if made.name not in SMALL:
            more["i"] = [-1]
        for scalar in [0, 1, 2, 3, True, *more.get(kind, [])]:
            usual = values if kind not in "iu" or made.name != "pow" else values[np.abs(values) <= 6]
            yield {names[0]: usual, names[1]: scalar}
            if made.name not in ("copysign", "nextafter"):
                yield {names[0]: scalar, names[1]: usual}


def _large(values: Any) -> Any:
    """Thousands of values, plain ones at the end, where what is left over of the last block lies."""
    return np.concatenate([np.resize(values, 5003), values[3:6]])


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
        wide = [] if small_only or made.name == "divide" else WIDE
        return np.asarray([v for v in small + wide if info.min <= v <= info.max] + ends, dtype)
    if kind == "c":
        parts = [1.0, -1.0, 0.5, -0.5, 2.5, -1.5, 3.0]
        wild = [] if made.name in UNSPECIFIED else [0.0, -0.0, np.inf, -np.inf, np.nan]
        far = EXTREME["float32" if dtype == "complex64" else "float64"][:2] if made.name == "abs" else []
        numbers = parts + wild + far + [1e-3]  # so small that 1 + x loses digits
        return np.asarray([complex(a, b) for a, b in itertools.product(numbers, numbers)], dtype)
    extreme = [] if made.name in PERIODIC or made.module == "special" else EXTREME[dtype] + ENDS[dtype]
    turns = [n * np.pi / 4 for n in (1, 2, -3, 4)] if made.name in PERIODIC else []
    return np.asarray(PLAIN + WILD + extreme + turns + [-np.nan], dtype)


# Filling forms with numbers -------------------------------------------------------------------------


def fill(made: Op, form: Arguments, dtype: str, seed: str, *, how: str = "spread") -> Arguments:
    """A form with numbers in it: spread apart; tied, with special values; or wide, the largest integers."""
    return {name: _fill(made, value, dtype, f"{seed}{name}", how) for name, value in form.items()}


def _fill(made: Op, value: Any, dtype: str, seed: str, how: str) -> Any:
    if isinstance(value, list):
        return [_fill(made, v, dtype, f"{seed}{i}", how) for i, v in enumerate(value)]
    if not isinstance(value, Array):
        return value
    rng = np.random.default_rng(zlib.crc32(seed.encode()))
    if how == "wide":
        info = np.iinfo(dtype)
        pool = [*(v for v in WIDE if info.min <= v <= info.max), info.min, info.max, info.max - 1]
        array = rng.choice(np.asarray(pool, dtype), value.shape)
    else:
        array = {"spread": _spread, "each": _each}.get(how, _tied)(made, rng, value, dtype)
        if how == "tied numbers":
            array = np.where(np.isnan(array), 3.0, array).astype(dtype)
    if made.path in REGULAR and len(value.shape) > 1 and value.shape[-1] == value.shape[-2]:
        signs = SIGNS[: value.shape[-1]] if np.dtype(dtype).kind != "u" else 1
        array = (array + 9 * signs * np.eye(value.shape[-1])).astype(dtype)
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


def _tied(made: Op, rng: Any, value: Array, dtype: str) -> Any:
    kind, shape = np.dtype(dtype).kind, value.shape
    if kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if kind in "iu":
        pool = [0, 1, 1, 2, 3] if made.name in SMALL else [0, 1, 1, 2, 3, 3, 7, -1, -5, 100]
        return rng.choice(np.asarray([v for v in pool if kind == "i" or v >= 0], dtype), shape)
    finite = chapter_of(made) in FINITE
    reals = [0.0, 1.0, 1.0, -1.0, 2.0, 0.5] if finite or kind == "c" else TIED
    x = np.resize(rng.permutation(reals), shape)
    return (x + 1j * rng.choice(reals, shape) if kind == "c" else x).astype(dtype)


def _each(made: Op, rng: Any, value: Array, dtype: str) -> Any:
    """No number twice, so that each tells where it came from."""
    kind, n = np.dtype(dtype).kind, int(np.prod(value.shape))
    x = rng.permutation(n).reshape(value.shape)
    if made.name in SMALL:
        x = 1 + x % 3
    elif kind == "b":
        x = x % 2
    elif kind != "u":
        x = x - n // 2
    return (x + 1j * rng.permutation(n).reshape(value.shape) if kind == "c" else x).astype(dtype)
