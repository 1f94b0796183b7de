"""Faults of all kinds that were written without a look at the checks, to see whether those are general."""

from __future__ import annotations

from typing import Any

import numpy as np

import unitensor as ut

from .elementwise import low, quietly
from .ways import Fault, only, without


def in_bfloat16(f: Any, x1: Any, x2: Any) -> Any:
    """Half of the bits of float32 are dropped."""
    return f(*(dropped(x) if x.dtype == np.float32 else x for x in (x1, x2)))


def dropped(x: Any) -> Any:
    bits = np.ascontiguousarray(x).view(np.uint32) & np.uint32(0xFFFF0000)
    return bits.view(np.float32)


def mean_in_dtype(f: Any, x: Any, **k: Any) -> Any:
    """The sum of integers overflows."""
    total = np.add.reduce(x, axis=k.get("axis"), keepdims=k.get("keepdims", False), dtype=x.dtype)
    return total / max(1, x.size // max(1, total.size))


FAULTS = [
    Fault(
        "cumprod complex real", "cumulative_prod", only("c", lambda f, x, **k: f(x.real, **k).astype(x.dtype))
    ),
    Fault("matmul bf16", "matmul", in_bfloat16),
    Fault("mean int8 overflow", "mean", only("iu", mean_in_dtype)),
    Fault("std keepdims lost", "std", without("keepdims")),
    Fault(
        "min tuple",
        "min",
        lambda f, x, *, axis=None, keepdims=False: f(
            x, axis=axis[-1] if isinstance(axis, tuple) and axis else axis, keepdims=keepdims
        ),
    ),
    Fault(
        "argmin none last axis",
        "argmin",
        lambda f, x, *, axis=None, keepdims=False: (
            f(x, axis=axis, keepdims=keepdims)
            if axis is not None or x.ndim < 2 or keepdims
            else np.asarray(f(x) % x.shape[-1])
        ),
    ),
    Fault(
        "fdiv by zero nan",
        "floor_divide",
        quietly(lambda x, y: np.where(y == 0, np.nan, np.floor_divide(x, y))),
    ),
    Fault(
        "remainder int sign",
        "remainder",
        lambda f, x, y: np.fmod(x, y) if x.dtype.kind == "i" and y.dtype.kind == "i" else f(x, y),
    ),
    Fault("logical_xor or", "logical_xor", lambda f, x, y: (x != 0) | (y != 0)),
    Fault("ge nan", "greater_equal", lambda f, x, y: ~np.less(x, y)),
    Fault(
        "isnan negative nan",
        "isnan",
        lambda f, x: f(x) & ~np.signbit(x.real) if x.dtype.kind == "f" else f(x),
    ),
    Fault("sinh complex swap", "sinh", only("c", lambda f, x: f(x).imag + 1j * f(x).real)),
    Fault("cos inf", "cos", quietly(lambda x: np.where(np.isinf(x), 1, np.cos(x)))),
    Fault("conj neg", "conj", only("c", lambda f, x: -f(x))),
    Fault("real int float", "real", only("iu", lambda f, x: x.astype(float))),
    Fault("round int float", "round", only("iu", lambda f, x: np.round(x.astype(float)))),
    Fault("sqrt int f32", "sqrt", only("iu", lambda f, x: f(x).astype(np.float32))),
    Fault("sqrt small int f32", "sqrt", lambda f, x: f(x.astype(np.float32)) if x.dtype == np.int8 else f(x)),
    Fault("searchsorted flat", "searchsorted", lambda f, x, y, **k: f(x, y.reshape(-1), **k)),
    Fault(
        "unique_inverse 0d",
        "unique_inverse",
        lambda f, x: type(f(x))(f(x)[0], f(x)[1].reshape(1)) if x.ndim == 0 else f(x),
    ),
    Fault("nonzero empty", "nonzero", lambda f, x: f(x)[:1] if x.size == 0 else f(x)),
    Fault(
        "sort 3d axis",
        "sort",
        lambda f, x, *, axis=-1, **k: f(x, axis=-1, **k) if x.ndim > 2 else f(x, axis=axis, **k),
    ),
    Fault(
        "concat -1 is 0",
        "concat",
        lambda f, a, *, axis=0: f(
            a, axis=0 if axis == -1 and a[0].ndim == 2 and a[0].shape[1:] == a[-1].shape[1:] else axis
        ),
    ),
    Fault(
        "reshape -1 zero",
        "reshape",
        lambda f, x, s, **k: f(x, (0,) * len(s), **k) if x.size == 0 and -1 in s else f(x, s, **k),
    ),
    Fault("broadcast 0d", "broadcast_to", lambda f, x, s: f(np.zeros_like(x), s) if x.ndim == 0 else f(x, s)),
    Fault(
        "roll neg tuple",
        "roll",
        lambda f, x, s, *, axis=None: (
            f(x, tuple(abs(v) for v in s), axis=axis) if isinstance(s, tuple) else f(x, s, axis=axis)
        ),
    ),
    Fault(
        "expand tuple",
        "expand_dims",
        lambda f, x, axis=0: f(x, axis[0]) if isinstance(axis, tuple) else f(x, axis),
    ),
    Fault(
        "moveaxis tuples",
        "moveaxis",
        lambda f, x, a, b: f(x, a, b[::-1]) if isinstance(b, tuple) else f(x, a, b),
    ),
    Fault(
        "diagonal beyond", "linalg.diagonal", lambda f, x, *, offset=0: f(x, offset=min(max(offset, -1), 1))
    ),
    Fault(
        "tensordot 0",
        "tensordot",
        lambda f, x, y, *, axes=2: np.multiply.outer(y, x) if axes == 0 else f(x, y, axes=axes),
    ),
    Fault(
        "vecdot bcast",
        "vecdot",
        lambda f, x, y, *, axis=-1: (
            f(x, np.broadcast_to(y.reshape(-1)[:1], y.shape), axis=axis)
            if x.ndim != y.ndim
            else f(x, y, axis=axis)
        ),
    ),
    Fault(
        "matrix_norm 2 eig",
        "linalg.matrix_norm",
        lambda f, x, *, keepdims=False, ord="fro": f(x, keepdims=keepdims, ord=-2 if ord == 2 else ord),
    ),
    Fault(
        "vector_norm 1 no abs",
        "linalg.vector_norm",
        lambda f, x, *, axis=None, keepdims=False, ord=2: (
            np.sum(x, axis=axis, keepdims=keepdims).real
            if ord == 1
            else f(x, axis=axis, keepdims=keepdims, ord=ord)
        ),
    ),
    Fault(
        "svd wide",
        "linalg.svd",
        lambda f, x, **k: f(np.swapaxes(x, -1, -2), **k) if x.shape[-1] > x.shape[-2] else f(x, **k),
    ),
    Fault(
        "pinv wide",
        "linalg.pinv",
        lambda f, x, **k: (
            np.swapaxes(f(x, **k), -1, -2).reshape(f(x, **k).shape)
            if x.shape[-1] > x.shape[-2]
            else f(x, **k)
        ),
    ),
    Fault("eigvalsh unsorted", "linalg.eigvalsh", lambda f, x: f(x)[..., ::-1]),
    Fault(
        "qr wide",
        "linalg.qr",
        lambda f, x, *, mode="reduced": (
            type(f(x))(f(x, mode=mode)[0], f(x, mode=mode)[1][..., : x.shape[-2]])
            if x.shape[-1] > x.shape[-2]
            else f(x, mode=mode)
        ),
    ),
    Fault("det empty", "linalg.det", lambda f, x: f(x) * 0 if x.shape[-1] == 0 else f(x)),
    Fault(
        "solve 1col",
        "linalg.solve",
        lambda f, x, y: f(x, y)[..., 0] if y.ndim > 1 and y.shape[-1] == 1 else f(x, y),
    ),
    Fault("matrix_power 3", "linalg.matrix_power", lambda f, x, n: f(x, 2) if n == 3 else f(x, n)),
    Fault(
        "slogdet complex",
        "linalg.slogdet",
        lambda f, x: (
            type(f(x))(np.sign(f(x)[0].real).astype(x.dtype), f(x)[1]) if x.dtype.kind == "c" else f(x)
        ),
    ),
    Fault("rfftn last first", "fft.rfftn", lambda f, x, **k: np.conj(f(x, **k))),
    Fault(
        "ifftn crop",
        "fft.ifftn",
        lambda f, x, *, s=None, **k: f(
            x,
            s=tuple(max(a, b) for a, b in zip(s, x.shape)) if s is not None and len(s) == x.ndim else s,
            **k,
        ),
    ),
    Fault("hfft odd", "fft.hfft", lambda f, x, *, n=None, **k: f(x, n=n if n is None else n - n % 2, **k)),
    Fault(
        "fftn ortho last",
        "fft.fftn",
        lambda f, x, *, norm="backward", **k: (
            f(x, norm="backward", **k) / np.sqrt(x.shape[-1]) if norm == "ortho" else f(x, norm=norm, **k)
        ),
    ),
    Fault(
        "irfftn odd",
        "fft.irfftn",
        lambda f, x, *, s=None, **k: f(x, s=s, **k) if s is not None else np.roll(f(x, **k), 1, -1),
    ),
    Fault(
        "fftshift odd",
        "fft.fftshift",
        lambda f, x, *, axes=None: (
            np.roll(x, tuple((n + 1) // 2 for n in x.shape), tuple(range(x.ndim)))
            if axes is None
            else f(x, axes=axes)
        ),
    ),
    Fault("scatter bool", "scatter_add", lambda f, a, k, v: a if v.dtype.kind == "u" else f(a, k, v)),
    Fault(
        "to_numpy of base",
        "to_numpy",
        lambda f, a: a.base if isinstance(a.base, np.ndarray) and a.base.shape == a.shape else f(a),
        "from_numpy and to_numpy",
    ),
    Fault("is_array not 0d", "is_array", lambda f, a: f(a) and a.ndim > 0),
    Fault("dtype_of complex64", "dtype_of", lambda f, a: ut.complex128 if a.dtype == np.complex64 else f(a)),
    Fault("zeros reversed", "zeros", lambda f, s, **k: f(s[::-1] if isinstance(s, tuple) else s, **k)),
    Fault(
        "full bool",
        "full",
        lambda f, s, v, **k: (
            f(s, v, **k).astype(np.int64) if f(s, v, **k).dtype.kind == "b" else f(s, v, **k)
        ),
    ),
    Fault("ones 0d", "ones", lambda f, s, **k: f((1,) if s == () else s, **k)),
    Fault("eye swapped", "eye", lambda f, n, m=None, **k: f(m or n, n, **k)),
    Fault("where int cond", "where", lambda f, c, x, y: f(c == 1, x, y)),
    Fault(
        "clip bcast",
        "clip",
        lambda f, x, min=None, max=None: f(
            x, min if not isinstance(min, np.ndarray) or not min.ndim else min.reshape(-1)[0], max
        ),
    ),
    Fault("hypot neg", "hypot", quietly(lambda x, y: np.copysign(np.hypot(x, y), x))),
    Fault("nextafter zero", "nextafter", quietly(lambda x, y: np.where(x == 0, x, np.nextafter(x, y)))),
    Fault("count_nonzero i32", "count_nonzero", lambda f, x, **k: np.asarray(f(x, **k)).astype(np.int32)),
    Fault("prod dtype", "prod", without("dtype")),
    Fault("any nan", "any", only("f", lambda f, x, **k: f(np.nan_to_num(x, nan=0.0), **k))),
    Fault("all -0", "all", only("f", lambda f, x, **k: f((x != 0) | np.signbit(x), **k))),
    Fault("exp of 0d", "exp", lambda f, x: f(x) if x.ndim else f(x) * 1.0000001),
    Fault("add float32 via 16", "add", low("float16")),
    Fault("log1p small", "log1p", quietly(lambda x: np.where(np.abs(x) < 1e-3, 0 * x, np.log1p(x)))),
    Fault(
        "divide int floor",
        "divide",
        lambda f, x, y: (
            (x // np.where(y == 0, 1, y)).astype(float)
            if x.dtype.kind in "iu" and y.dtype.kind in "iu"
            else f(x, y)
        ),
    ),
    Fault(
        "multiply overflow i64",
        "multiply",
        lambda f, x, y: (
            (x.astype(float) * y.astype(float)).clip(-(2.0**62), 2.0**62).astype(np.int64)
            if np.result_type(x, y) == np.int64 and x.dtype == np.int64 == y.dtype
            else f(x, y)
        ),
    ),
    Fault(
        "take axis none flat",
        "take",
        lambda f, x, i, *, axis=None: f(x, i, axis=axis) if axis is not None else f(x[::-1], i),
    ),
    Fault("put wrong", "put", lambda f, x, v, *, key=None, flat=None, **k: x),
    Fault("tril complex", "tril", only("c", lambda f, x, *, k=0: f(x.real, k=k).astype(x.dtype))),
    Fault("squeeze neg", "squeeze", lambda f, x, axis: f(x, 0 if axis == -1 and x.shape[0] == 1 else axis)),
    Fault(
        "subtract uint saturate16",
        "subtract",
        lambda f, x, y: (
            np.where(x < y, 0, x - y).astype(x.dtype) if x.dtype == np.uint16 == y.dtype else f(x, y)
        ),
    ),
    Fault(
        "add i16 saturate",
        "add",
        lambda f, x, y: (
            np.clip(x.astype(int) + y.astype(int), -(2**15), 2**15 - 1).astype(np.int16)
            if x.dtype == np.int16 == y.dtype
            else f(x, y)
        ),
    ),
    Fault("abs u", "abs", only("u", lambda f, x: x.astype(np.int64))),
    Fault(
        "promote u64 i64",
        "add",
        lambda f, x, y: (
            f(x, y).astype(np.int64) if {x.dtype.name, y.dtype.name} == {"uint64", "int64"} else f(x, y)
        ),
    ),
    Fault(
        "promote i32 f32",
        "multiply",
        lambda f, x, y: (
            f(x, y).astype(np.float32) if {x.dtype.name, y.dtype.name} == {"int32", "float32"} else f(x, y)
        ),
    ),
    Fault(
        "promote c64 f64",
        "add",
        lambda f, x, y: (
            f(x, y).astype(np.complex64)
            if {x.dtype.name, y.dtype.name} == {"complex64", "float64"}
            else f(x, y)
        ),
    ),
    Fault("stack promote", "stack", lambda f, a, **k: f([v.astype(a[0].dtype) for v in a], **k)),
    Fault("where promote", "where", lambda f, c, x, y: f(c, x, y).astype(x.dtype)),
    Fault(
        "scalar f32",
        "add",
        lambda f, x, y: (
            f(x, y).astype(np.float64)
            if x.dtype == np.float32 and np.ndim(y) == 0 and np.ndim(x)
            else f(x, y)
        ),
    ),
    Fault("floor takes complex", "floor", only("c", lambda f, x: np.floor(x.real) + 1j * np.floor(x.imag))),
    Fault("sort takes complex", "sort", only("c", lambda f, x, **k: np.sort(x))),
    Fault("max takes complex", "max", only("c", lambda f, x, **k: np.max(x, **k))),
    Fault(
        "bitwise_and floats",
        "bitwise_and",
        lambda f, x, y: (x.astype(int) & y.astype(int)) if "f" in (x.dtype.kind, y.dtype.kind) else f(x, y),
    ),
    Fault(
        "sum pairs drop",
        "sum",
        lambda f, x, **k: f(x[:-1], **k) if x.ndim == 1 and x.size % 2 and x.size > 64 else f(x, **k),
    ),
]
