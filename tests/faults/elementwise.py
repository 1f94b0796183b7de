"""Elementwise functions: rounding, signs, special values, promotion; and casts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .ways import ABS, Fault, changed, conj_out, copied, in_place, only, rank, swapped


def low(dtype: str) -> Callable[..., Any]:
    """Computed in a smaller dtype than asked for."""

    def wrong(f: Any, x: Any, *args: Any, **options: Any) -> Any:
        if x.dtype.kind != "f":
            return f(x, *args, **options)
        with np.errstate(all="ignore"):
            rest = [a.astype(dtype) if isinstance(a, np.ndarray) else a for a in args]
            return np.asarray(f(x.astype(dtype), *rest, **options)).astype(x.dtype)

    return wrong


def as_float(f: Any, x1: Any, x2: Any) -> Any:
    """Integers computed as floats."""
    if x1.dtype.kind in "iu" and x2.dtype.kind in "iu":
        dtype = np.result_type(x1, x2)
        with np.errstate(all="ignore"):
            return np.asarray(f(x1.astype(np.float64), x2.astype(np.float64))).astype(dtype)
    return f(x1, x2)


def quietly(formula: Callable[..., Any]) -> Callable[..., Any]:
    """Another formula, for floats only."""

    def wrong(f: Any, x: Any, *args: Any, **options: Any) -> Any:
        if x.dtype.kind != "f":
            return f(x, *args, **options)
        with np.errstate(all="ignore"):
            return np.asarray(formula(x, *args, **options)).astype(x.dtype)

    return wrong


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


def first_uint(f: Any, x1: Any, x2: Any) -> Any:
    out = f(x1, x2)
    return out.astype(np.uint8) if {x1.dtype.name, x2.dtype.name} == {"int8", "uint8"} else out


def first_float(f: Any, x1: Any, x2: Any) -> Any:
    out = f(x1, x2)
    return out.astype(np.float32) if {x1.dtype.name, x2.dtype.name} == {"float32", "float64"} else out


def rounded_cast(f: Any, x: Any, dtype: Any, **options: Any) -> Any:
    return f(np.rint(x) if x.dtype.kind == "f" and dtype.kind in "iu" else x, dtype, **options)


def whole_truth(f: Any, x: Any, dtype: Any, **options: Any) -> Any:
    return f(np.trunc(x) if x.dtype.kind == "f" and dtype.kind == "b" else x, dtype, **options)


def by_way_of_int64(f: Any, x1: Any, x2: Any) -> Any:
    return f(x1.astype(np.int64), x2.astype(np.int64)) if x1.dtype == np.uint64 == x2.dtype else f(x1, x2)


def wrong_branch(f: Any, x: Any, *a: Any, **k: Any) -> Any:
    """The branch cut ignores the sign of a zero imaginary part."""
    if x.dtype.kind == "c":
        x = np.where(x.imag == 0, x.real + 0j, x).astype(x.dtype)
    return f(x, *a, **k)


FAULTS = [
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
    Fault(
        "zero to the zero is nan", "pow", quietly(lambda x, y: np.where((x == 0) & (y == 0), np.nan, x**y))
    ),
    Fault(
        "copysign ignores negative zero", "copysign", quietly(lambda x, y: np.where(y < 0, -ABS(x), ABS(x)))
    ),
    Fault(
        "nextafter goes on", "nextafter", quietly(lambda x, y: np.nextafter(x, np.where(y == x, np.inf, y)))
    ),
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
    Fault(
        "logical_and bit by bit",
        "logical_and",
        lambda f, x, y: (x & y) != 0 if x.dtype.kind in "iu" and y.dtype.kind in "iu" else f(x, y),
    ),
    Fault("logical_not of nan", "logical_not", lambda f, x: f(np.where(x != x, 0, x))),
    Fault(
        "right shift without sign",
        "bitwise_right_shift",
        lambda f, x, y: (
            f(x.view(np.uint8), y.view(np.uint8)).view(np.int8) if x.dtype == np.int8 == y.dtype else f(x, y)
        ),
    ),
    Fault("invert is negation", "bitwise_invert", lambda f, x: -x if x.dtype.kind == "i" else f(x)),
    Fault("add saturates", "add", saturating),
    Fault("subtract stops at zero", "subtract", clipped_difference),
    Fault(
        "divide of integers in float32",
        "divide",
        lambda f, x, y: f(x, y).astype(np.float32) if x.dtype.kind in "iu" else f(x, y),
    ),
    Fault(
        "divide by zero is an error",
        "divide",
        lambda f, x, y: f(x, y) if np.all(y != 0) else (_ for _ in ()).throw(ZeroDivisionError("by zero")),
    ),
    Fault("add promotes to unsigned", "add", first_uint),
    Fault("multiply promotes to float32", "multiply", first_float),
    Fault(
        "subtract of float32 in float64",
        "subtract",
        lambda f, x, y: f(x, y).astype(np.float64) if x.dtype == np.float32 else f(x, y),
    ),
    Fault("where multiplies", "where", arithmetic_where),
    Fault("where swapped", "where", lambda f, c, x, y: f(c, y, x)),
    Fault("clip ignores max", "clip", lambda f, x, min=None, max=None: f(x, min, None)),
    Fault("clip drops nan", "clip", lambda f, x, min=None, max=None: f(np.where(x != x, 0, x), min, max)),
    Fault(
        "clip swaps bounds",
        "clip",
        lambda f, x, min=None, max=None: (
            f(x, np.minimum(min, max), np.maximum(min, max))
            if min is not None and max is not None
            else f(x, min, max)
        ),
    ),
    Fault("conj does nothing", "conj", lambda f, x: x.copy()),
    Fault("imag of reals is real", "imag", lambda f, x: f(x) if x.dtype.kind == "c" else x.copy()),
    Fault("real is a copy", "real", copied),
    Fault("square in place", "square", in_place),
    Fault("exp in place", "exp", in_place),
    Fault("cos of half the angle in float16", "cos", low("float16")),
    Fault("astype rounds", "astype", rounded_cast),
    Fault("astype truth of fractions", "astype", whole_truth),
    Fault("astype never copies", "astype", changed(copy=lambda c: False)),
    Fault("sign of complex by real part", "sign", only("c", lambda f, x: np.sign(x.real).astype(x.dtype))),
    Fault("sign of complex by parts", "sign", only("c", lambda f, x: np.sign(x.real) + 1j * np.sign(x.imag))),
    Fault("nextafter swapped", "nextafter", swapped),
    Fault(
        "nextafter in float64",
        "nextafter",
        lambda f, x, y: f(x.astype(float), y.astype(float)).astype(np.result_type(x, y)),
    ),
    Fault("copysign swapped", "copysign", swapped),
    Fault(
        "copysign ignores sign of nan",
        "copysign",
        lambda f, x, y: f(x, np.where(np.isnan(y), 1, y).astype(y.dtype)),
    ),
    Fault("copysign by multiplication", "copysign", quietly(lambda x, y: np.abs(x) * np.sign(y))),
    Fault("sqrt branch cut", "sqrt", wrong_branch),
    Fault("log branch cut", "log", wrong_branch),
    Fault("acos branch cut", "acos", wrong_branch),
    Fault("asinh complex conj", "asinh", conj_out),
    Fault("exp overflow clipped", "exp", quietly(lambda x: np.minimum(np.exp(x), np.finfo(x.dtype).max))),
    Fault(
        "exp of complex infinity",
        "exp",
        only("c", lambda f, x: np.exp(x.real) * (np.cos(x.imag) + 1j * np.sin(x.imag))),
    ),
    Fault("sqrt of complex by power", "sqrt", only("c", lambda f, x: np.where(np.isfinite(x), f(x), np.nan))),
    Fault("remainder by formula", "remainder", quietly(lambda x, y: x - np.floor(x / y) * y)),
    Fault("remainder zero without sign", "remainder", quietly(lambda x, y: np.remainder(x, y) + 0.0)),
    Fault("pow one to nan", "pow", quietly(lambda x, y: np.where(np.isnan(y), np.nan, x**y))),
    Fault("pow nan to zero", "pow", quietly(lambda x, y: np.where(np.isnan(x), np.nan, x**y))),
    Fault(
        "pow of abs",
        "pow",
        quietly(lambda x, y: np.where((x < 0) & (y != np.floor(y)), np.abs(x) ** y, x**y)),
    ),
    Fault(
        "hypot nan inf",
        "hypot",
        quietly(lambda x, y: np.where(np.isnan(x) | np.isnan(y), np.nan, np.hypot(x, y))),
    ),
    Fault(
        "logaddexp of minus infinities",
        "logaddexp",
        quietly(lambda x, y: np.maximum(x, y) + np.log1p(np.exp(-np.abs(x - y)))),
    ),
    Fault("maximum by where", "maximum", quietly(lambda x, y: np.where(x > y, x, y))),
    Fault("minimum by where", "minimum", quietly(lambda x, y: np.where(x < y, x, y))),
    Fault(
        "abs saturates",
        "abs",
        only(
            "i",
            lambda f, x: np.where(x == np.iinfo(x.dtype).min, np.iinfo(x.dtype).max, f(x)).astype(x.dtype),
        ),
    ),
    Fault("negative of unsigned is zero", "negative", only("u", lambda f, x: np.zeros_like(x))),
    Fault("bitwise_xor is or", "bitwise_xor", lambda f, x, y: x | y),
    Fault(
        "logical_or of nan", "logical_or", lambda f, x, y: f(np.where(x != x, 0, x), np.where(y != y, 0, y))
    ),
    Fault("equal of complex by real", "equal", lambda f, x, y: f(x.real, y.real)),
    Fault("not_equal of complex by real", "not_equal", lambda f, x, y: f(x.real, y.real)),
    Fault("floor of integers is float", "floor", only("iu", lambda f, x: f(x.astype(float)))),
    Fault(
        "floor by way of int64",
        "floor",
        quietly(
            lambda x: np.where(
                np.isfinite(x),
                np.floor(np.clip(np.nan_to_num(x), -(2.0**63), 2.0**62)).astype(np.int64).astype(float),
                x,
            )
        ),
    ),
    Fault("round loses negative zero", "round", quietly(lambda x: np.round(x) + 0.0)),
    Fault("round complex real only", "round", only("c", lambda f, x: np.round(x.real) + 1j * x.imag)),
    Fault("isfinite of complex by real", "isfinite", lambda f, x: f(x.real)),
    Fault("isinf of complex by real", "isinf", lambda f, x: f(x.real)),
    Fault(
        "abs of complex overflows", "abs", only("c", lambda f, x: np.sqrt(x.real * x.real + x.imag * x.imag))
    ),
    Fault("atan2 without negative zero", "atan2", lambda f, x, y: f(x + 0.0, y + 0.0)),
    Fault("acosh below one", "acosh", quietly(lambda x: np.arccosh(np.maximum(x, 1)))),
    Fault("expm1 negative zero", "expm1", quietly(lambda x: np.expm1(x) + 0.0)),
    Fault("sin loses negative zero", "sin", quietly(lambda x: np.sin(x) + 0.0)),
    Fault("tan by formula of float32", "tan", low("float32")),
    Fault(
        "clip with none is zero",
        "clip",
        lambda f, x, min=None, max=None: f(x, 0 if min is None else min, max),
    ),
    Fault(
        "clip bounds after",
        "clip",
        lambda f, x, min=None, max=None: (
            np.clip(x, min, max)
            if min is None or max is None
            else np.maximum(np.minimum(x, max), min).astype(x.dtype)
        ),
    ),
    Fault(
        "where of float64",
        "where",
        lambda f, c, x, y: f(c, x, y).astype(float) if np.result_type(x, y) == np.float32 else f(c, x, y),
    ),
    Fault("imag as float64", "imag", lambda f, x: f(x).astype(float) if x.dtype == np.complex64 else f(x)),
    Fault(
        "multiply complex drops",
        "multiply",
        lambda f, x, y: (
            (x.real * y.real + 1j * (x.real * y.imag + x.imag * y.real)).astype(np.result_type(x, y))
            if np.result_type(x, y).kind == "c"
            else f(x, y)
        ),
    ),
    Fault(
        "divide complex by real", "divide", lambda f, x, y: f(x, y.real) if y.dtype.kind == "c" else f(x, y)
    ),
    Fault(
        "less uint8 int8",
        "less",
        lambda f, x, y: (
            f(x.astype(np.uint8), y.astype(np.uint8))
            if {x.dtype.name, y.dtype.name} == {"int8", "uint8"}
            else f(x, y)
        ),
    ),
    Fault(
        "add of bool is or",
        "add",
        lambda f, x, y: f(x, y).astype(np.int64) if x.dtype.kind == "b" == y.dtype.kind else f(x, y),
    ),
    Fault(
        "left shift in int32",
        "bitwise_left_shift",
        lambda f, x, y: (
            f(x.astype(np.int32), y.astype(np.int32)).astype(np.int64)
            if np.result_type(x, y) == np.int64
            else f(x, y)
        ),
    ),
    Fault("sum of rank four", "sum", rank(4, lambda f, x, **k: f(np.swapaxes(x, 0, 1), **k))),
    Fault("permute_dims of rank four", "permute_dims", rank(4, lambda f, x, axes: f(x, axes[::-1]))),
    Fault(
        "astype of large integers through float",
        "astype",
        lambda f, x, d, **k: (
            f(f(x, np.dtype(float)), d, **k) if x.dtype.kind in "iu" and d.kind in "iu" else f(x, d, **k)
        ),
    ),
    Fault(
        "astype int64 through int32",
        "astype",
        lambda f, x, d, **k: (
            f(x.astype(np.int32), d, **k) if x.dtype == np.int64 and d.kind in "fi" else f(x, d, **k)
        ),
    ),
    Fault(
        "astype truth of negative",
        "astype",
        lambda f, x, d, **k: x > 0 if d.kind == "b" and x.dtype.kind in "fi" else f(x, d, **k),
    ),
    Fault(
        "astype truth of nan",
        "astype",
        lambda f, x, d, **k: np.nan_to_num(x) != 0 if d.kind == "b" and x.dtype.kind == "f" else f(x, d, **k),
    ),
    Fault(
        "astype saturates",
        "astype",
        lambda f, x, d, **k: (
            np.clip(x, np.iinfo(d).min, np.iinfo(d).max).astype(d)
            if d.kind == "u" and x.dtype.kind == "i" and d.itemsize == 1
            else f(x, d, **k)
        ),
    ),
    Fault(
        "astype floors",
        "astype",
        lambda f, x, d, **k: (
            f(np.floor(x), d, **k) if d.kind in "iu" and x.dtype.kind == "f" else f(x, d, **k)
        ),
    ),
    Fault("astype copy false copies", "astype", lambda f, x, d, copy=True, **k: f(x, d, copy=True, **k)),
]
