"""Faults that show under one condition alone: a rank, a size, a layout, a dtype, an option or a kind of value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .ways import Fault, changed


def when(condition: Callable[..., Any], wrong: Callable[..., Any]) -> Callable[..., Any]:
    """Wrong where a condition on the first array holds."""
    return lambda f, x, *a, **k: wrong(f, x, *a, **k) if condition(x) else f(x, *a, **k)


def of(*dtypes: Any) -> Callable[..., Any]:
    return lambda x: getattr(x, "dtype", None) in [np.dtype(d) for d in dtypes]


def complex_(x: Any) -> bool:
    return bool(x.dtype.kind == "c")


def floats(x: Any) -> bool:
    return bool(x.dtype.kind == "f")


def strided(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.ndim > 0 and not x.flags.c_contiguous


def transposed(x: Any) -> bool:
    return bool(x.ndim > 1 and x.flags.f_contiguous and not x.flags.c_contiguous)


def longer(n: int) -> Callable[..., Any]:
    return lambda x: x.ndim == 1 and x.size > n


def recast(dtype: Any) -> Callable[..., Any]:
    """The result in another dtype."""
    return lambda f, *a, **k: np.asarray(f(*a, **k)).astype(dtype)


def through(dtype: Any) -> Callable[..., Any]:
    """The result by way of a smaller dtype."""

    def wrong(f: Any, *args: Any, **options: Any) -> Any:
        out = np.asarray(f(*args, **options))
        with np.errstate(all="ignore"):
            return out.astype(dtype).astype(out.dtype)

    return wrong


def where_result(holds: Callable[..., Any], value: Any) -> Callable[..., Any]:
    """A value in place of some results."""

    def wrong(f: Any, *args: Any, **options: Any) -> Any:
        out = np.asarray(f(*args, **options))
        return np.where(holds(*args), value, out).astype(out.dtype) if out.dtype.kind == "f" else out

    return wrong


def huge_sine(f: Any, x: Any) -> Any:
    return f(np.where(np.abs(x) > 1000, np.remainder(x, 2 * 3.14159265), x))


def up_at_halves(f: Any, x: Any) -> Any:
    return np.where((np.abs(x) > 100) & (x - np.floor(x) == 0.5), np.floor(x) + 1, f(x)).astype(x.dtype)


def wide_shift(f: Any, x1: Any, x2: Any) -> Any:
    bits = np.result_type(x1, x2).itemsize * 8
    return f(x1, np.bitwise_and(x2, np.asarray(bits - 1, np.asarray(x2).dtype)))


def by_float_powers(f: Any, x1: Any, x2: Any) -> Any:
    with np.errstate(all="ignore"):
        power = np.power(np.asarray(x1, np.float64), np.asarray(x2, np.float64))
        return np.where(power < 2.0**63, power.astype(np.uint64), f(x1, x2))


def rounding_multiply(f: Any, x1: Any, x2: Any) -> Any:
    exact = np.asarray(f(x1, x2))
    product = np.asarray(x1, float) * np.asarray(x2, float)
    large = (np.abs(product) > 2.0**53) & (np.abs(product) < 2.0**62)
    return np.where(large, np.where(large, product, 0).astype(np.int64), exact)


def narrow_bits(f: Any, x1: Any, x2: Any) -> Any:
    return f(x1, x2.astype(np.int8)) if getattr(x2, "dtype", None) == np.uint8 else f(x1, x2)


def wrapped(f: Any, x: Any, dtype: Any, **options: Any) -> Any:
    if x.dtype.kind == "f" and np.dtype(dtype) == np.int8:
        with np.errstate(invalid="ignore"):
            return x.astype(np.int64).astype(np.int8)
    return f(x, dtype, **options)


def signed_detour(f: Any, x: Any, dtype: Any, **options: Any) -> Any:
    return x.astype(np.int64).astype(dtype) if np.dtype(dtype).kind == "f" else f(x, dtype, **options)


def first_fill(f: Any, x: Any, value: Any, *, dtype: Any = None, **options: Any) -> Any:
    with np.errstate(all="ignore"):
        value = (
            np.asarray(value).astype(x.dtype, casting="unsafe") if not complex_(np.asarray(value)) else value
        )
    return f(x, value, dtype=dtype, **options)


def late_dtype(f: Any, x: Any, *, dtype: Any = None, **options: Any) -> Any:
    return f(x, **options) if dtype is None else np.asarray(f(x, **options)).astype(dtype)


def moved_by_source(f: Any, x: Any, source: Any, destination: Any) -> Any:
    if not isinstance(source, (tuple, list)):
        return f(x, source, destination)
    order = [i for i in range(x.ndim) if i not in [a % x.ndim for a in source]]
    for a, b in sorted(zip(source, destination)):
        order.insert(b % x.ndim, a % x.ndim)
    return x.transpose(order)


def unwrapped_roll(f: Any, x: Any, shift: Any, *, axis: Any = None) -> Any:
    if axis is None and isinstance(shift, int) and abs(shift) > x.size:
        shift = x.size
    return f(x, shift, axis=axis)


def dropped_third(f: Any, arrays: Any, *, axis: Any = 0) -> Any:
    return f(list(arrays)[:2] if len(arrays) == 3 and axis == -1 else arrays, axis=axis)


def restarting(f: Any, x: Any, **options: Any) -> Any:
    out = f(x, **options).copy()
    out[64:] -= out[63]
    return out


def thin_kept(f: Any, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    thin = isinstance(axis, int) and x.ndim and x.shape[axis] == 1
    return np.squeeze(x, axis) if thin else f(x, axis=axis, keepdims=keepdims)


def finite_start(f: Any, x: Any, **options: Any) -> Any:
    out = np.asarray(f(x, **options))
    return np.maximum(out, np.finfo(out.dtype).min)


def memory_argmax(f: Any, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    if axis is not None:
        return f(x, axis=axis, keepdims=keepdims)
    found = np.asarray(np.argmax(x.ravel(order="K")))
    return found.reshape((1,) * x.ndim) if keepdims else found


def negative_nan_first(f: Any, x: Any, *, descending: bool = False, **options: Any) -> Any:
    if x.ndim != 1 or descending:
        return f(x, descending=descending, **options)
    first = np.isnan(x) & np.signbit(x)
    return np.concatenate([x[first], f(x[~first], **options)])


def signed_indices(f: Any, x: Any, indices: Any, *, axis: Any = None) -> Any:
    return np.take(x, indices.astype(np.int8) if indices.dtype == np.uint8 else indices, axis=axis)


def no_broadcast_along(f: Any, x: Any, indices: Any, *, axis: int = -1) -> Any:
    rest = [tuple(np.delete(a.shape, axis)) for a in (x, indices)]
    if rest[0] != rest[1]:
        raise ValueError("the shapes differ")
    return f(x, indices, axis=axis)


def stepless(f: Any, x: Any, key: Any) -> Any:
    if isinstance(key, tuple) and any(part is None for part in key):
        parts = [slice(p.start, p.stop) if isinstance(p, slice) and (p.step or 0) > 0 else p for p in key]
        key = tuple(parts)
    return x[key]


def outer_key(f: Any, x: Any, key: Any) -> Any:
    arrays = isinstance(key, tuple) and all(isinstance(p, np.ndarray) and p.dtype.kind == "i" for p in key)
    if arrays and len(key) == 2 and key[0].shape == key[1].shape == (3,):
        return x[np.ix_(*key)]
    return x[key]


def forward_write(f: Any, a: Any, key: Any, value: Any) -> Any:
    back = isinstance(key, slice) and (key.step or 1) < 0
    return f(a, key, value[::-1] if back and np.ndim(value) else value)


def first_through_mask(f: Any, a: Any, key: Any, value: Any) -> Any:
    mask = isinstance(key, np.ndarray) and key.dtype == bool and np.ndim(value) == 1
    return f(a, key, value[:1] if mask else value)


def overlapping(f: Any, a: Any, key: Any, value: Any) -> Any:
    if a.ndim == 1 and isinstance(key, slice) and np.ndim(value) == 1 and np.shares_memory(a, value):
        for i, n in enumerate(range(a.size)[key]):
            a[n] = value[i]
        return a
    return f(a, key, value)


def rounded_write(f: Any, a: Any, key: Any, value: Any) -> Any:
    return f(a, key, value.astype(np.float32) if getattr(value, "dtype", None) == np.float64 else value)


def block_write(f: Any, a: Any, key: Any, value: Any) -> Any:
    arrays = isinstance(key, tuple) and len(key) == 2 and all(isinstance(p, np.ndarray) for p in key)
    if arrays and all(p.dtype.kind == "i" and p.ndim == 1 for p in key) and np.ndim(value) == 0:
        key = np.ix_(*key)
    return f(a, key, value)


def bare_key_once(f: Any, a: Any, key: Any, value: Any) -> Any:
    if isinstance(key, np.ndarray):
        a[key] += value
        return a
    return f(a, key, value)


def three_axes(f: Any, shape: Any, **options: Any) -> Any:
    return f((shape[1], shape[0], shape[2]) if len(shape) == 3 else shape, **options)


def no_nan(f: Any, shape: Any, value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    return f(shape, 0.0 if dtype == np.float32 and value != value else value, dtype=dtype)


FAULTS = [
    # Values: near overflow, halves, tiny, of every bit.
    Fault("sin of large numbers reduced by a short pi", "sin", when(of(np.float64), huge_sine)),
    Fault("round of large halves up", "round", when(floats, up_at_halves)),
    Fault(
        "expm1 of small complex cancels",
        "expm1",
        when(of(np.complex64), lambda f, x: np.exp(x) - x.dtype.type(1)),
    ),
    Fault(
        "log10 by a short constant",
        "log10",
        when(floats, lambda f, x: (np.log(x) * np.float32(0.4342945)).astype(x.dtype)),
    ),
    Fault("asinh by its formula", "asinh", when(floats, lambda f, x: np.log(x + np.sqrt(x * x + 1)))),
    Fault("cosh overflows half way", "cosh", when(floats, where_result(lambda x: np.abs(x) > 80, np.inf))),
    Fault("isfinite of the largest", "isfinite", when(floats, lambda f, x: f(x * x.dtype.type(1.000001)))),
    Fault(
        "floor beyond int32",
        "floor",
        when(of(np.float32), lambda f, x: np.clip(f(x), -(2.0**31), 2.0**31).astype(x.dtype)),
    ),
    Fault("hypot of infinity and nan", "hypot", where_result(lambda a, b: np.isnan(a) | np.isnan(b), np.nan)),
    Fault("remainder by infinity is nan", "remainder", where_result(lambda a, b: np.isinf(b), np.nan)),
    Fault("pow of uint64 by floats", "pow", when(of(np.uint64), by_float_powers)),
    Fault("multiply of int64 by floats", "multiply", when(of(np.int64), rounding_multiply)),
    Fault("shift by the width wraps", "bitwise_left_shift", wide_shift),
    Fault("bitwise_or takes uint8 for int8", "bitwise_or", when(of(np.int16), narrow_bits)),
    Fault("maximum in float32", "maximum", when(of(np.float64), through(np.float32))),
    Fault("astype to int8 wraps", "astype", wrapped),
    Fault("astype of uint64 as int64", "astype", when(of(np.uint64), signed_detour)),
    Fault(
        "astype conjugates strided",
        "astype",
        when(lambda x: strided(x) and x.dtype == np.complex64, lambda f, x, d, **k: f(x, d, **k).conj()),
    ),
    # Ranks, sizes, layouts.
    Fault(
        "real of one number is double",
        "real",
        when(lambda x: x.ndim == 0 and of(np.complex64)(x), recast(float)),
    ),
    Fault(
        "copysign with one sign",
        "copysign",
        lambda f, a, b: np.abs(a) if np.ndim(b) == 0 and np.ndim(a) else f(a, b),
    ),
    Fault("conj of a strided array is none", "conj", when(strided, lambda f, x: x.copy())),
    Fault("sqrt of many in float32", "sqrt", when(lambda x: x.size > 1000, through(np.float32))),
    Fault(
        "flip stops at a block",
        "flip",
        when(longer(64), lambda f, x, **k: np.concatenate([f(x, **k)[:64], x[64:]])),
    ),
    Fault("nonzero stops at a block", "nonzero", when(longer(4096), lambda f, x: (f(x)[0][:4096],))),
    Fault("cumulative_sum starts again at a block", "cumulative_sum", when(longer(64), restarting)),
    Fault(
        "unique_all counts in uint8",
        "unique_all",
        lambda f, x: (*f(x)[:3], f(x)[3].astype(np.uint8).astype(int)),
    ),
    Fault("argmax in memory order", "argmax", when(transposed, memory_argmax)),
    Fault(
        "reshape in memory order", "reshape", when(transposed, lambda f, x, shape, **k: x.T.reshape(shape))
    ),
    Fault("zeros of three axes", "zeros", three_axes),
    Fault(
        "where one condition holds for all",
        "where",
        lambda f, c, a, b: f(c if np.ndim(c) else np.asarray(True), a, b),
    ),
    Fault(
        "searchsorted of one number has an axis",
        "searchsorted",
        lambda f, a, b, **k: np.atleast_1d(f(a, b, **k)),
    ),
    # Options and their combinations.
    Fault(
        "eye of wide matrices below",
        "eye",
        lambda f, n, m=None, *, k=0, **o: f(n, m, k=0 if k < 0 and (m or n) > n else k, **o),
    ),
    Fault("tril of stacks at 0", "tril", when(lambda x: x.ndim > 2, changed(k=lambda k: 0))),
    Fault("full of nan in float32", "full", no_nan),
    Fault("full_like by way of the input", "full_like", first_fill),
    Fault("sum casts at the end", "sum", when(lambda x: x.dtype.kind == "f", late_dtype)),
    Fault("max of an axis of one loses it", "max", thin_kept),
    Fault("max starts at the least float", "max", when(floats, finite_start)),
    Fault("moveaxis by source", "moveaxis", moved_by_source),
    Fault("roll too far", "roll", unwrapped_roll),
    Fault("concat of three along the last axis", "concat", dropped_third),
    Fault(
        "isin of nothing inverted",
        "isin",
        lambda f, a, b, *, invert=False: f(a, b, invert=invert and np.size(b) > 0),
    ),
    Fault("sort of negative nan", "sort", when(floats, negative_nan_first)),
    # Keys, indices and writes.
    Fault("take of uint8 indices beyond 127", "take", signed_indices),
    Fault("take_along_axis without broadcasting", "take_along_axis", no_broadcast_along),
    Fault("getitem loses a step beside None", "getitem", stepless),
    Fault("getitem with arrays as an outer product", "getitem", outer_key),
    Fault("write backwards goes forwards", "assign", forward_write, "setitem"),
    Fault("write through a mask of one value", "assign", first_through_mask, "setitem"),
    Fault("write over what is read", "assign", overlapping, "setitem"),
    Fault("write rounds to float32", "assign", rounded_write, "setitem"),
    Fault("write at two arrays is a block", "assign", block_write, "setitem"),
    Fault("scatter_add of a bare key drops repeats", "scatter_add", bare_key_once),
]
