"""A gallery of broken engines: each is NumPy with one realistic fault.

The conformance suite must report each at the op where it is. `python tests/broken_engines.py
--level quick` proves it for all and prints what it missed; `test_conformance.py` runs the same.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from unitensor_conformance import all_checks, run_checks
from unitensor_numpy import NumpyBackend

import unitensor as ut


class Fault(NamedTuple):
    """A fault: what it is, the function or hook that has it, and what that does instead.

    `wrong` takes the sound function and then its arguments. `op` is where the suite must report it.
    """

    what: str
    path: str
    wrong: Callable[..., Any]
    op: str = ""

    @property
    def name(self) -> str:
        return "broken_" + self.what.replace(" ", "_")

    @property
    def reported_at(self) -> str:
        return self.op or self.path


def backend_with(fault: Fault) -> type[NumpyBackend]:
    """NumPy's backend with one fault."""
    attribute = fault.path.replace(".", "_")

    def method(self: Any, *args: Any, **options: Any) -> Any:
        sound: Any = ut.load_backend("numpy")
        if not hasattr(sound, attribute):
            sound = sound.namespace
            for part in fault.path.split("."):
                sound = getattr(sound, part)
        else:
            sound = getattr(sound, attribute)
        return fault.wrong(sound, *args, **options)

    return type("Broken", (NumpyBackend,), {"name": fault.name, attribute: method})


def register(fault: Fault) -> str:
    """Make a broken engine known; its name."""
    broken = backend_with(fault)
    ut.register_backend(fault.name, broken)
    return fault.name


def reports(fault: Fault, level: str) -> list[str]:
    """The ops that the suite reports of a broken engine, among the checks of the op that is wrong."""
    checks = [c for c in all_checks() if c.op == fault.reported_at]
    outcomes, _ = run_checks(checks, register(fault), level=level)
    return sorted({o.check.op for o in outcomes if o.state == "failed"})


# The faults -------------------------------------------------------------------------------------


def low(dtype: str) -> Callable[..., Any]:
    """Computed in a smaller dtype than asked for."""

    def wrong(f: Any, x: Any, *args: Any, **options: Any) -> Any:
        if x.dtype.kind != "f":
            return f(x, *args, **options)
        with np.errstate(all="ignore"):
            rest = [a.astype(dtype) if isinstance(a, np.ndarray) else a for a in args]
            return np.asarray(f(x.astype(dtype), *rest, **options)).astype(x.dtype)

    return wrong


def without(*names: str) -> Callable[..., Any]:
    """An option ignored."""
    return lambda f, *args, **options: f(*args, **{k: v for k, v in options.items() if k not in names})


def changed(**how: Callable[[Any], Any]) -> Callable[..., Any]:
    """An option misread."""

    def wrong(f: Any, *args: Any, **options: Any) -> Any:
        return f(*args, **{k: how[k](v) if k in how else v for k, v in options.items()})

    return wrong


def as_float(f: Any, x1: Any, x2: Any) -> Any:
    """Integers computed as floats."""
    if x1.dtype.kind in "iu" and x2.dtype.kind in "iu":
        dtype = np.result_type(x1, x2)
        with np.errstate(all="ignore"):
            return np.asarray(f(x1.astype(np.float64), x2.astype(np.float64))).astype(dtype)
    return f(x1, x2)


def in_place(f: Any, x: Any, *args: Any, **options: Any) -> Any:
    """The result is written over the input."""
    out = np.asarray(f(x, *args, **options))
    if out.shape == x.shape and out.dtype == x.dtype and x.flags.writeable:
        x[...] = out
    return out


def negative_off(f: Any, *args: Any, **options: Any) -> Any:
    """A negative axis is off by one."""
    axis = options.get("axis")
    x = args[0][0] if isinstance(args[0], (list, tuple)) else args[0]
    if isinstance(axis, int) and axis < 0 and x.ndim > 1:
        options["axis"] = axis + x.ndim - 1 if axis + x.ndim else 0
    return f(*args, **options)


def copied(f: Any, *args: Any, **options: Any) -> Any:
    return f(*args, **options).copy()


def swapped(f: Any, x1: Any, x2: Any, **options: Any) -> Any:
    return f(x2, x1, **options)


def quietly(formula: Callable[..., Any]) -> Callable[..., Any]:
    """Another formula, for floats only."""

    def wrong(f: Any, x: Any, *args: Any, **options: Any) -> Any:
        if x.dtype.kind != "f":
            return f(x, *args, **options)
        with np.errstate(all="ignore"):
            return np.asarray(formula(x, *args, **options)).astype(x.dtype)

    return wrong


def norm_swapped(f: Any, x: Any, *, norm: str = "backward", **options: Any) -> Any:
    return f(x, norm={"backward": "forward", "forward": "backward"}.get(norm, norm), **options)


def last_of_ties(f: Any, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    if axis is None:
        found = x.size - 1 - f(np.flip(x.reshape(-1)), axis=0)
        return np.asarray(found).reshape((1,) * x.ndim if keepdims else ())
    return x.shape[axis] - 1 - f(np.flip(x, axis), axis=axis, keepdims=keepdims)


def drops_repeats(f: Any, a: Any, key: Any, value: Any) -> Any:
    a[key] += value
    return a


def overwrites(f: Any, a: Any, key: Any, value: Any) -> Any:
    a[key] = value
    return a


def unstable(f: Any, x: Any, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    n = x.shape[axis] if x.ndim else 1
    return n - 1 - f(np.flip(x, axis), axis=axis, descending=descending, stable=stable)


def by_flipping(f: Any, x: Any, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    found = f(x, axis=axis, stable=stable)
    return np.flip(found, axis) if descending else found


def nan_first(f: Any, x: Any, **options: Any) -> Any:
    if x.dtype.kind != "f":
        return f(x, **options)
    return f(np.where(np.isnan(x), -np.inf, x), **options)


def clipped_difference(f: Any, x1: Any, x2: Any) -> Any:
    return np.where(x1 < x2, 0, f(x1, x2)).astype(f(x1, x2).dtype) if x1.dtype.kind == "u" else f(x1, x2)


def saturating(f: Any, x1: Any, x2: Any) -> Any:
    if x1.dtype == np.int8 and x2.dtype == np.int8:
        return np.clip(x1.astype(int) + x2.astype(int), -128, 127).astype(np.int8)
    return f(x1, x2)


def arithmetic_where(f: Any, condition: Any, x1: Any, x2: Any) -> Any:
    if np.result_type(x1, x2).kind != "f":
        return f(condition, x1, x2)
    with np.errstate(all="ignore"):
        return condition * x1 + (1 - condition) * x2


def narrow_sum(f: Any, x: Any, *, dtype: Any = None, **options: Any) -> Any:
    return f(x, dtype=x.dtype if dtype is None and x.dtype.kind in "iu" else dtype, **options)


def first_uint(f: Any, x1: Any, x2: Any) -> Any:
    out = f(x1, x2)
    return out.astype(np.uint8) if {x1.dtype.name, x2.dtype.name} == {"int8", "uint8"} else out


def first_float(f: Any, x1: Any, x2: Any) -> Any:
    out = f(x1, x2)
    return out.astype(np.float32) if {x1.dtype.name, x2.dtype.name} == {"float32", "float64"} else out


def one_pass_var(f: Any, x: Any, *, axis: Any = None, correction: float = 0, keepdims: bool = False) -> Any:
    if x.dtype.kind != "f" or correction:
        return f(x, axis=axis, correction=correction, keepdims=keepdims)
    return np.mean(x * x, axis=axis, keepdims=keepdims) - np.mean(x, axis=axis, keepdims=keepdims) ** 2


def merged_nans(f: Any, x: Any) -> Any:
    values, counts = np.unique(x, return_counts=True)
    return type(f(x))(values, counts)


def last_index(f: Any, x: Any) -> Any:
    found = f(x)
    flat = x.reshape(-1)
    last = [int(np.nonzero(flat == v)[0][-1]) if v == v else i for v, i in zip(found[0], found[1])]
    return type(found)(found[0], np.asarray(last, found[1].dtype).reshape(found[1].shape), *found[2:])


def flat_inverse(f: Any, x: Any) -> Any:
    found = f(x)
    return type(found)(found[0], found[1].reshape(-1))


def plain_norm(f: Any, x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    if x.dtype.kind == "c" and ord == 2:
        return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims)).real
    return f(x, axis=axis, keepdims=keepdims, ord=ord)


def signed_max_norm(f: Any, x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    if ord == np.inf and x.dtype.kind == "f":
        return np.max(x, axis=axis, keepdims=keepdims)
    return f(x, axis=axis, keepdims=keepdims, ord=ord)


def crossed_ord(f: Any, x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return f(x, keepdims=keepdims, ord={1: np.inf, np.inf: 1}.get(ord, ord))


def ascending_svd(f: Any, x: Any, **options: Any) -> Any:
    u, s, vh = f(x, full_matrices=False)
    return type(f(x))(u[..., ::-1], s[..., ::-1], vh[..., ::-1, :])


def descending_eigh(f: Any, x: Any) -> Any:
    w, v = f(x)
    return type(f(x))(w[..., ::-1], v[..., ::-1])


def lossy_slogdet(f: Any, x: Any) -> Any:
    sign, log = f(x)
    return type(f(x))(np.abs(sign).astype(sign.dtype), log)


def no_error(f: Any, x: Any, *args: Any, **options: Any) -> Any:
    try:
        return f(x, *args, **options)
    except np.linalg.LinAlgError:
        return np.full(x.shape, np.nan, np.result_type(x.dtype, np.float32))


def solve_columns(f: Any, x1: Any, x2: Any) -> Any:
    return f(x1, x2) if x2.ndim == 1 else f(np.swapaxes(x1, -1, -2), x2)


def ones_when_empty(f: Any, x: Any, **options: Any) -> Any:
    return f(x, **options) if x.size else np.logical_not(f(x, **options))


def zero_when_empty(f: Any, x: Any, **options: Any) -> Any:
    out = f(x, **options)
    return out if x.size else np.zeros_like(out)


def sums_everything(f: Any, x: Any, *, axis: Any = None, **options: Any) -> Any:
    return f(x, axis=None if axis == () else axis, **options)


def only_first_shift(f: Any, x: Any, shift: Any, **options: Any) -> Any:
    if isinstance(shift, tuple):
        return f(x, shift[0], axis=options["axis"][0])
    return f(x, shift, **options)


def first_axis_flip(f: Any, x: Any, *, axis: Any = None) -> Any:
    return f(x, axis=0 if axis is None and x.ndim else axis)


def rounded_cast(f: Any, x: Any, dtype: Any, **options: Any) -> Any:
    return f(np.rint(x) if x.dtype.kind == "f" and dtype.kind in "iu" else x, dtype, **options)


def whole_truth(f: Any, x: Any, dtype: Any, **options: Any) -> Any:
    return f(np.trunc(x) if x.dtype.kind == "f" and dtype.kind == "b" else x, dtype, **options)


def by_way_of_int64(f: Any, x1: Any, x2: Any) -> Any:
    return f(x1.astype(np.int64), x2.astype(np.int64)) if x1.dtype == np.uint64 == x2.dtype else f(x1, x2)


def through_numpy(f: Any, x: Any) -> Any:
    ut.load_backend("broken_sinh_by_way_of_the_host").to_numpy(x)
    return f(x)


ABS = np.abs
MOVES = "from_numpy and to_numpy"


def of_floats(g: Any) -> Callable[..., Any]:
    """Another function for floats."""
    return lambda f, x, **k: g(x, **k) if x.dtype.kind == "f" else f(x, **k)


FAULTS = [
    # Elementwise: rounding, signs and special values.
    Fault("round half away from zero", "round", quietly(lambda x: np.copysign(np.floor(ABS(x) + 0.5), x))),
    Fault("round half up", "round", quietly(lambda x: np.floor(x + 0.5))),
    Fault("floor truncates", "floor", quietly(np.trunc)),
    Fault("ceil is floor plus one", "ceil", quietly(lambda x: np.floor(x) + 1)),
    Fault("trunc floors", "trunc", quietly(np.floor)),
    Fault("sign of zero is one", "sign", lambda f, x: np.where(x == 0, 1, f(x)).astype(x.dtype)),
    Fault("sign of nan is zero", "sign", quietly(lambda x: np.where(np.isnan(x), 0, np.sign(x)))),
    Fault("negative zero lost", "negative", quietly(lambda x: 0 - x)),
    Fault("positive loses negative zero", "positive", quietly(lambda x: x + 0)),
    Fault("positive is its input", "positive", lambda f, x: x),
    Fault("abs of complex by parts", "abs", lambda f, x: ABS(x.real) + ABS(x.imag)),
    Fault("abs keeps negative zero", "abs", quietly(lambda x: np.where(x < 0, -x, x))),
    Fault("sqrt of negatives is zero", "sqrt", quietly(lambda x: np.sqrt(np.maximum(x, 0)))),
    Fault("sqrt in float16", "sqrt", low("float16")),
    Fault("exp in float16", "exp", low("float16")),
    Fault("exp in float32", "exp", low("float32")),
    Fault("matmul in float16", "matmul", low("float16")),
    Fault("matmul in float32", "matmul", low("float32")),
    Fault("sum in float16", "sum", low("float16")),
    Fault("reciprocal in float16", "reciprocal", low("float16")),
    Fault("log1p by log", "log1p", quietly(lambda x: np.log(1 + x))),
    Fault("expm1 by exp", "expm1", quietly(lambda x: np.exp(x) - 1)),
    Fault("tanh overflows", "tanh", quietly(lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1))),
    Fault("sinh cancels", "sinh", quietly(lambda x: (np.exp(x) - np.exp(-x)) / 2)),
    Fault("asinh cancels", "asinh", quietly(lambda x: np.log(x + np.sqrt(x * x + 1)))),
    Fault("log of zero is nan", "log", quietly(lambda x: np.log(np.where(x == 0, np.nan, x)))),
    Fault("log of negatives", "log", quietly(lambda x: np.log(ABS(x)))),
    Fault("atanh of one is finite", "atanh", quietly(lambda x: np.arctanh(np.where(x == 1, 1 - 1e-7, x)))),
    Fault("acos clips", "acos", quietly(lambda x: np.arccos(np.clip(x, -1, 1)))),
    Fault("logaddexp overflows", "logaddexp", quietly(lambda x, y: np.log(np.exp(x) + np.exp(y)))),
    Fault("hypot overflows", "hypot", quietly(lambda x, y: np.sqrt(x * x + y * y))),
    Fault("atan2 swapped", "atan2", swapped),
    Fault("atan2 without quadrants", "atan2", quietly(lambda x, y: np.arctan(x / y))),
    Fault("maximum drops nan", "maximum", lambda f, x, y: np.fmax(x, y)),
    Fault("minimum drops nan", "minimum", lambda f, x, y: np.fmin(x, y)),
    Fault("floor_divide truncates", "floor_divide", quietly(lambda x, y: np.trunc(x / y))),
    Fault("remainder has the sign of x1", "remainder", lambda f, x, y: np.fmod(x, y)),
    Fault("pow of integers by floats", "pow", as_float),
    Fault("multiply of integers by floats", "multiply", as_float),
    Fault("zero to the zero is nan", "pow",
          quietly(lambda x, y: np.where((x == 0) & (y == 0), np.nan, x**y))),
    Fault("copysign ignores negative zero", "copysign",
          quietly(lambda x, y: np.where(y < 0, -ABS(x), ABS(x)))),
    Fault("nextafter goes on", "nextafter",
          quietly(lambda x, y: np.nextafter(x, np.where(y == x, np.inf, y)))),
    Fault("signbit of negative zero", "signbit", lambda f, x: x < 0),
    Fault("isnan looks at the real part", "isnan", lambda f, x: np.isnan(x.real)),
    Fault("isinf misses negative", "isinf", lambda f, x: x == np.inf),
    Fault("isfinite of nan", "isfinite", lambda f, x: ~np.isinf(x)),
    Fault("equal nans", "equal", lambda f, x, y: f(x, y) | ((x != x) & (y != y))),
    Fault("not_equal within a tolerance", "not_equal", lambda f, x, y: ~np.isclose(x, y, rtol=1e-3, atol=0)),
    Fault("less or equal", "less", lambda f, x, y: np.less_equal(x, y)),
    Fault("greater of unsigned", "greater", by_way_of_int64),
    Fault("less_equal by floats", "less_equal", lambda f, x, y: f(x.astype(float), y.astype(float))),
    Fault("comparison as uint8", "greater_equal", lambda f, x, y: f(x, y).astype(np.uint8)),
    Fault("logical_and bit by bit", "logical_and",
          lambda f, x, y: (x & y) != 0 if x.dtype.kind in "iu" and y.dtype.kind in "iu" else f(x, y)),
    Fault("logical_not of nan", "logical_not", lambda f, x: f(np.where(x != x, 0, x))),
    Fault("right shift without sign", "bitwise_right_shift",
          lambda f, x, y: f(x.view(np.uint8), y.view(np.uint8)).view(np.int8) if x.dtype == np.int8 == y.dtype
          else f(x, y)),
    Fault("invert is negation", "bitwise_invert", lambda f, x: -x if x.dtype.kind == "i" else f(x)),
    Fault("add saturates", "add", saturating),
    Fault("subtract stops at zero", "subtract", clipped_difference),
    Fault("divide of integers in float32", "divide",
          lambda f, x, y: f(x, y).astype(np.float32) if x.dtype.kind in "iu" else f(x, y)),
    Fault("divide by zero is an error", "divide",
          lambda f, x, y: f(x, y) if np.all(y != 0) else (_ for _ in ()).throw(ZeroDivisionError("by zero"))),
    Fault("add promotes to unsigned", "add", first_uint),
    Fault("multiply promotes to float32", "multiply", first_float),
    Fault("subtract of float32 in float64", "subtract",
          lambda f, x, y: f(x, y).astype(np.float64) if x.dtype == np.float32 else f(x, y)),
    Fault("where multiplies", "where", arithmetic_where),
    Fault("where swapped", "where", lambda f, c, x, y: f(c, y, x)),
    Fault("clip ignores max", "clip", lambda f, x, min=None, max=None: f(x, min, None)),
    Fault("clip drops nan", "clip",
          lambda f, x, min=None, max=None: f(np.where(x != x, 0, x), min, max)),
    Fault("clip swaps bounds", "clip", lambda f, x, min=None, max=None:
          f(x, np.minimum(min, max), np.maximum(min, max)) if min is not None and max is not None
          else f(x, min, max)),
    Fault("conj does nothing", "conj", lambda f, x: x.copy()),
    Fault("imag of reals is real", "imag", lambda f, x: f(x) if x.dtype.kind == "c" else x.copy()),
    Fault("real is a copy", "real", copied),
    Fault("square in place", "square", in_place),
    Fault("exp in place", "exp", in_place),
    Fault("sinh by way of the host", "sinh", through_numpy),
    Fault("cos of half the angle in float16", "cos", low("float16")),
    # Casts.
    Fault("astype rounds", "astype", rounded_cast),
    Fault("astype truth of fractions", "astype", whole_truth),
    Fault("astype never copies", "astype", changed(copy=lambda c: False)),
    # Statistics.
    Fault("sum keeps small dtypes", "sum", narrow_sum),
    Fault("prod keeps small dtypes", "prod", narrow_sum),
    Fault("mean of integers in float32", "mean",
          lambda f, x, **k: np.asarray(f(x, **k)).astype(np.float32) if x.dtype.kind in "iu" else f(x, **k)),
    Fault("var ignores correction", "var", without("correction")),
    Fault("std truncates correction", "std", changed(correction=int)),
    Fault("var in one pass", "var", one_pass_var),
    Fault("max drops nan", "max", of_floats(np.fmax.reduce)),
    Fault("min drops nan", "min", of_floats(np.fmin.reduce)),
    Fault("sum loses keepdims", "sum", without("keepdims")),
    Fault("mean axis off by one", "mean", negative_off),
    Fault("max axis off by one", "max", negative_off),
    Fault("sum over no axes", "sum", sums_everything),
    Fault("prod of nothing is zero", "prod", zero_when_empty),
    Fault("any of nothing", "any", ones_when_empty),
    Fault("all ignores nan", "all", lambda f, x, **k: f(np.where(x != x, 0, x), **k)),
    Fault("count_nonzero axis off", "count_nonzero", negative_off),
    Fault("cumulative_sum without initial", "cumulative_sum", without("include_initial")),
    Fault("cumulative_sum axis off", "cumulative_sum", negative_off),
    Fault("cumulative_prod ignores dtype", "cumulative_prod", without("dtype")),
    # Searching, sorting, sets.
    Fault("argmax takes the last", "argmax", last_of_ties),
    Fault("argmin takes the last", "argmin", last_of_ties),
    Fault("argmin skips nan", "argmin", lambda f, x, **k: f(np.where(x != x, np.inf, x), **k)
          if x.dtype.kind == "f" else f(x, **k)),
    Fault("argmax loses keepdims", "argmax", without("keepdims")),
    Fault("argmax as int32", "argmax", lambda f, x, **k: np.asarray(f(x, **k)).astype(np.int32)),
    Fault("nonzero by columns", "nonzero", lambda f, x: f(x.T)[::-1]),
    Fault("searchsorted wrong side", "searchsorted",
          changed(side=lambda s: "left" if s == "right" else "right")),
    Fault("searchsorted always left", "searchsorted", without("side")),
    Fault("searchsorted ignores sorter", "searchsorted", without("sorter")),
    Fault("argsort unstable", "argsort", unstable),
    Fault("argsort descending by flipping", "argsort", by_flipping),
    Fault("sort puts nan first", "sort", nan_first),
    Fault("sort on the last axis", "sort", without("axis")),
    Fault("sort in place", "sort", in_place),
    Fault("unique_values unsorted", "unique_values", lambda f, x: f(x)[::-1]),
    Fault("unique_counts merges nans", "unique_counts", merged_nans),
    Fault("unique_inverse is flat", "unique_inverse", flat_inverse),
    Fault("unique_all last index", "unique_all", last_index),
    Fault("isin ignores invert", "isin", without("invert")),
    # Manipulation and indexing.
    Fault("roll ignores axis", "roll", without("axis")),
    Fault("roll only first shift", "roll", only_first_shift),
    Fault("flip only first axis", "flip", first_axis_flip),
    Fault("flip is a copy", "flip", copied),
    Fault("repeat tiles", "repeat", lambda f, x, repeats, **k: np.tile(x.reshape(-1), repeats)
          if isinstance(repeats, int) and k.get("axis") is None else f(x, repeats, **k)),
    Fault("tile repeats", "tile", lambda f, x, r: np.repeat(x, r[0]) if len(r) == 1 else f(x, r)),
    Fault("concat axis off by one", "concat", negative_off),
    Fault("concat of first dtype", "concat", lambda f, a, **k: f(a, **k).astype(a[0].dtype)),
    Fault("stack axis off by one", "stack", negative_off),
    Fault("permute_dims inverse", "permute_dims", lambda f, x, axes: f(x, tuple(np.argsort(axes)))),
    Fault("permute_dims is a copy", "permute_dims", copied),
    Fault("moveaxis swapped", "moveaxis", lambda f, x, a, b: f(x, b, a)),
    Fault("reshape by columns", "reshape", lambda f, x, shape, **k: np.reshape(x, shape, order="F")),
    Fault("reshape to a row", "reshape",
          lambda f, x, shape, **k: f(x, shape, **k) if shape != (1, 1) else f(x, (1,))),
    Fault("expand_dims from the front", "expand_dims",
          lambda f, x, axis=0: f(x, ABS(axis) - 1 if isinstance(axis, int) and axis < 0 else axis)),
    Fault("squeeze all", "squeeze", lambda f, x, axis: x.squeeze()),
    Fault("tril ignores k", "tril", without("k")),
    Fault("triu turns k", "triu", changed(k=lambda k: -k)),
    Fault("take clips", "take", lambda f, x, i, **k: np.take(x, i, mode="clip", **k)),
    Fault("take axis off by one", "take", negative_off),
    Fault("take_along_axis of last", "take_along_axis", without("axis")),
    Fault("matrix_transpose of all axes", "matrix_transpose", lambda f, x: x.T),
    Fault("getitem is a copy", "getitem", lambda f, x, key: np.array(x[key])),
    Fault("getitem ignores steps", "getitem",
          lambda f, x, key: f(x, tuple(slice(k.start, k.stop) if isinstance(k, slice) and k.step == 2 else k
                                       for k in (key if isinstance(key, tuple) else (key,))))),
    Fault("broadcast_to repeats wrongly", "broadcast_to",
          lambda f, x, shape: np.broadcast_to(np.flip(x), shape)),
    # Linear algebra.
    Fault("vecdot without conj", "vecdot", lambda f, x, y, **k: f(np.conj(x), y, **k)),
    Fault("tensordot axes crossed", "tensordot",
          lambda f, x, y, axes=2: f(x, y, axes=axes if isinstance(axes, int) else (axes[0], axes[1][::-1]))),
    Fault("outer conjugates", "linalg.outer", lambda f, x, y: f(x, np.conj(y))),
    Fault("vector_norm of complex", "linalg.vector_norm", plain_norm),
    Fault("vector_norm of signs", "linalg.vector_norm", signed_max_norm),
    Fault("matrix_norm ords crossed", "linalg.matrix_norm", crossed_ord),
    Fault("qr ignores mode", "linalg.qr", without("mode")),
    Fault("qr not triangular", "linalg.qr", lambda f, x, **k: type(f(x))(*(a[..., ::-1] for a in f(x, **k)))),
    Fault("svd ignores full_matrices", "linalg.svd", lambda f, x, **k: f(x, full_matrices=False)),
    Fault("svd ascending", "linalg.svd", ascending_svd),
    Fault("svdvals ascending", "linalg.svdvals", lambda f, x: f(x)[..., ::-1]),
    Fault("cholesky ignores upper", "linalg.cholesky", without("upper")),
    Fault("cholesky without error", "linalg.cholesky", no_error),
    Fault("eigh descending", "linalg.eigh", descending_eigh),
    Fault("eigvalsh of real part", "linalg.eigvalsh", lambda f, x: f(x.real)),
    Fault("det without sign", "linalg.det", lambda f, x: ABS(f(x)) if x.dtype.kind == "f" else f(x)),
    Fault("slogdet without sign", "linalg.slogdet", lossy_slogdet),
    Fault("inv without error", "linalg.inv", no_error),
    Fault("inv transposed", "linalg.inv", lambda f, x: np.swapaxes(f(x), -1, -2)),
    Fault("solve of the transpose", "linalg.solve", solve_columns),
    Fault("pinv ignores rtol", "linalg.pinv", without("rtol")),
    Fault("matrix_rank ignores rtol", "linalg.matrix_rank", without("rtol")),
    Fault("matrix_power without sign", "linalg.matrix_power", lambda f, x, n: f(x, abs(n))),
    Fault("trace ignores offset", "linalg.trace", without("offset")),
    Fault("diagonal turns offset", "linalg.diagonal", changed(offset=lambda k: -k)),
    Fault("cross ignores axis", "linalg.cross", without("axis")),
    # Fourier transforms.
    Fault("fft norm swapped", "fft.fft", norm_swapped),
    Fault("ifft norm swapped", "fft.ifft", norm_swapped),
    Fault("fft in complex64", "fft.fft",
          lambda f, x, **k: f(x.astype(np.complex64), **k).astype(f(x, **k).dtype)),
    Fault("rfft ignores n", "fft.rfft", without("n")),
    Fault("irfft always even", "fft.irfft", changed(n=lambda n: n if n is None else n + n % 2)),
    Fault("hfft conjugated", "fft.hfft", lambda f, x, **k: f(np.conj(x), **k)),
    Fault("fftn ignores axes", "fft.fftn", lambda f, x, **k: f(x, norm=k.get("norm"))),
    Fault("rfftn half of the first axis", "fft.rfftn",
          lambda f, x, **k: np.swapaxes(f(np.swapaxes(x, 0, -1)), 0, -1) if k.get("s") is None
          and k.get("axes") is None else f(x, **k)),
    Fault("fftshift the other way", "fft.fftshift", lambda f, x, **k: np.fft.ifftshift(x, **k)),
    # Creation.
    Fault("eye ignores k", "eye", lambda f, *a, **k: f(*a, **{x: v for x, v in k.items() if x != "k"})),
    Fault("full as float", "full", lambda f, shape, v, **k: f(shape, v, **k).astype(float)),
    Fault("zeros ignores dtype", "zeros", lambda f, shape, dtype=None, **k: f(shape)),
    Fault("ones_like ignores dtype", "ones_like", without("dtype")),
    Fault("full_like truncates", "full_like", lambda f, x, v, **k: f(x, v, **k) * 0 + 1),
    # Hooks.
    Fault("scatter_add drops repeats", "scatter_add", drops_repeats),
    Fault("scatter_add overwrites", "scatter_add", overwrites),
    Fault("assign only the first", "assign", lambda f, a, key, v: f(a, key, v)
          if not isinstance(key, np.ndarray) else f(a, key[:1], v if not np.ndim(v) else v[:1])),
    Fault("assign to a copy", "assign", lambda f, a, key, v: f(a.copy(), key, v), "getitem"),
    Fault("from_numpy makes float64", "from_numpy",
          lambda f, a, device=None: a.astype(np.float64) if a.dtype == np.float32 else a, MOVES),
    Fault("from_numpy ignores strides", "from_numpy",
          lambda f, a, device=None: a if a.flags.c_contiguous or not a.ndim else a[::-1].copy(),
          MOVES),
    Fault("to_numpy loses negative zero", "to_numpy", of_floats(lambda a: a + 0), MOVES),
    Fault("join_complex crossed", "join_complex", lambda f, x, y: f(y, x), "hooks"),
    Fault("is_array of everything", "is_array", lambda f, x: True, "hooks"),
    Fault("device unknown", "raw_device_of", lambda f, a: "gpu:0", "hooks"),
    Fault("from_dlpack of another dtype", "from_dlpack",
          lambda f, x, *a, **k: f(x).astype(np.float64), "dlpack"),
]  # fmt: skip


def main() -> int:
    """Run the suite on the whole gallery; 1 if it misses more than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--level", default="quick", choices=("quick", "full"))
    level = parser.parse_args().level
    missed = [f.what for f in FAULTS if f.reported_at not in reports(f, level)]
    print(f"{len(FAULTS) - len(missed)} of {len(FAULTS)} broken engines reported at {level} level")
    print(*(f"missed: {what}" for what in missed), sep="\n")
    return int(len(missed) > (0.05 * len(FAULTS) if level == "quick" else 0))


if __name__ == "__main__":
    sys.exit(main())
