"""The hooks of the protocol."""

from __future__ import annotations

from typing import Any

import numpy as np

import unitensor as ut

from .ways import Fault, of_floats


def drops_repeats(f: Any, a: Any, key: Any, value: Any) -> Any:
    a[key] += value
    return a


def overwrites(f: Any, a: Any, key: Any, value: Any) -> Any:
    a[key] = value
    return a


MOVES = "from_numpy and to_numpy"


def mutates_value(f: Any, a: Any, key: Any, value: Any) -> Any:
    out = f(a, key, value)
    if isinstance(value, np.ndarray) and value.flags.writeable and value.dtype.kind != "b":
        value += 1
    return out


def sc_negative(f: Any, a: Any, key: Any, value: Any) -> Any:
    key = key if isinstance(key, tuple) else (key,)
    return f(
        a, tuple(np.abs(k) if isinstance(k, np.ndarray) and k.dtype.kind == "i" else k for k in key), value
    )


def sc_fresh(f: Any, a: Any, key: Any, value: Any) -> Any:
    return f(np.zeros_like(a), key, value)


def sc_float32(f: Any, a: Any, key: Any, value: Any) -> Any:
    return f(a.astype(np.float32), key, value).astype(a.dtype) if a.dtype == np.float64 else f(a, key, value)


def sc_real(f: Any, a: Any, key: Any, value: Any) -> Any:
    return f(a, key, value.real.astype(a.dtype)) if a.dtype.kind == "c" else f(a, key, value)


def from_numpy_squeezed(f: Any, a: Any, device: Any = None) -> Any:
    return a.reshape(1) if a.ndim == 0 else a


def from_numpy_empty(f: Any, a: Any, device: Any = None) -> Any:
    return a.reshape(0) if a.size == 0 else a


TMP = {}


def to_numpy_buffer(f: Any, a: Any) -> Any:
    b = TMP.setdefault((a.shape, a.dtype), np.empty(a.shape, a.dtype))
    b[...] = a
    return b


def to_numpy_zeroes(f: Any, a: Any) -> Any:
    out = np.array(a)
    if a.dtype.kind == "f" and a.flags.writeable and a.size > 1:
        a += 0 * a
        a[...] = np.nan_to_num(a)
    return out


def dl_never_copy(f: Any, x: Any, device: Any = None, copy: Any = None) -> Any:
    return f(x, device, None)


def dl_contig(f: Any, x: Any, device: Any = None, copy: Any = None) -> Any:
    return np.ascontiguousarray(f(x, device, copy)).reshape(-1)


def assign_nobcast(f: Any, a: Any, key: Any, value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.ndim and a[key].ndim > value.ndim:
        value = value.reshape(-1)[0]
    return f(a, key, value)


def assign_nocast(f: Any, a: Any, key: Any, value: Any) -> Any:
    return (
        f(a, key, np.abs(value))
        if isinstance(value, np.ndarray) and value.dtype.kind == "f"
        else f(a, key, value)
    )


def assign_negstep(f: Any, a: Any, key: Any, value: Any) -> Any:
    ks = key if isinstance(key, tuple) else (key,)
    if (
        any(isinstance(k, slice) and k.step is not None and k.step < 0 for k in ks)
        and isinstance(value, np.ndarray)
        and value.ndim
    ):
        value = value[::-1]
    return f(a, key, value)


def assign_transposed(f: Any, a: Any, key: Any, value: Any) -> Any:
    several = isinstance(key, tuple) and len(key) == 2 and all(isinstance(k, np.ndarray) for k in key)
    return f(a.T, key, value).T if several and a.shape[0] == a.shape[1] else f(a, key, value)


FAULTS = [
    Fault("scatter_add drops repeats", "scatter_add", drops_repeats),
    Fault("scatter_add overwrites", "scatter_add", overwrites),
    Fault(
        "assign only the first",
        "assign",
        lambda f, a, key, v: (
            f(a, key, v) if not isinstance(key, np.ndarray) else f(a, key[:1], v if not np.ndim(v) else v[:1])
        ),
    ),
    Fault("assign to a copy", "assign", lambda f, a, key, v: f(a.copy(), key, v), "getitem"),
    Fault(
        "from_numpy makes float64",
        "from_numpy",
        lambda f, a, device=None: a.astype(np.float64) if a.dtype == np.float32 else a,
        MOVES,
    ),
    Fault(
        "from_numpy ignores strides",
        "from_numpy",
        lambda f, a, device=None: a if a.flags.c_contiguous or not a.ndim else a[::-1].copy(),
        MOVES,
    ),
    Fault("to_numpy loses negative zero", "to_numpy", of_floats(lambda a: a + 0), MOVES),
    Fault("join_complex crossed", "join_complex", lambda f, x, y: f(y, x)),
    Fault("is_array of everything", "is_array", lambda f, x: True),
    Fault("device unknown", "raw_device_of", lambda f, a: "gpu:0", "devices"),
    Fault(
        "from_dlpack of another dtype", "from_dlpack", lambda f, x, *a, **k: f(x).astype(np.float64), "dlpack"
    ),
    Fault("scatter_add mutates value", "scatter_add", mutates_value),
    Fault("assign mutates value", "assign", mutates_value),
    Fault("scatter_add negative", "scatter_add", sc_negative),
    Fault("scatter_add starts from zero", "scatter_add", sc_fresh),
    Fault("scatter_add in float32", "scatter_add", sc_float32),
    Fault("scatter_add drops imag", "scatter_add", sc_real),
    Fault("from_numpy makes 0-d 1-d", "from_numpy", from_numpy_squeezed, MOVES),
    Fault("from_numpy flattens empty", "from_numpy", from_numpy_empty, MOVES),
    Fault(
        "from_numpy makes complex64",
        "from_numpy",
        lambda f, a, device=None: a.astype(np.complex64) if a.dtype == np.complex128 else a,
        MOVES,
    ),
    Fault("to_numpy reuses a buffer", "to_numpy", to_numpy_buffer, MOVES),
    Fault("to_numpy changes the array", "to_numpy", to_numpy_zeroes, MOVES),
    Fault(
        "to_numpy through float64",
        "to_numpy",
        lambda f, a: a.astype(float).astype(a.dtype) if a.dtype.kind in "iu" else a,
        MOVES,
    ),
    Fault("from_dlpack never copies", "from_dlpack", dl_never_copy, "dlpack"),
    Fault("from_dlpack flattens", "from_dlpack", dl_contig, "dlpack"),
    Fault("dlpack_device is a gpu", "dlpack_device", lambda f, a: (2, 0), "dlpack"),
    Fault("to_dlpack of zeros", "to_dlpack", lambda f, a, **k: np.zeros_like(a).__dlpack__(), "dlpack"),
    Fault("assign without broadcasting", "assign", assign_nobcast),
    Fault("assign positive", "assign", assign_nocast),
    Fault("assign reversed", "assign", assign_negstep),
    Fault("assign transposed", "assign", assign_transposed),
    Fault("to_numpy always copies", "to_numpy", lambda f, a: f(a).copy(), MOVES),
    Fault("assign adds", "assign", lambda f, a, key, v: f(a, key, a[key] + v)),
    Fault("dtype_of is float64", "dtype_of", lambda f, a: ut.float64 if a.dtype == np.float32 else f(a)),
    Fault("version is no text", "version", lambda f: (1, 2), "name and version"),
    Fault("synchronize raises", "synchronize", lambda f, a: (_ for _ in ()).throw(RuntimeError("lost"))),
    Fault("join_complex as complex64", "join_complex", lambda f, x, y: f(x, y).astype(np.complex64)),
    Fault("join_complex by multiplication", "join_complex", lambda f, x, y: x + 1j * y),
    Fault("storage is the object", "storage", lambda f, a: id(a)),
    Fault("storage of everything", "storage", lambda f, a: 7),
    Fault("to_device is zero", "to_device", lambda f, a, d: np.zeros_like(a)),
    Fault("supports lies", "supports", lambda f, d: d.name != "int8"),
    Fault("import_array loses dtype", "import_array", lambda f, s, a, d: f(s, a, d).astype(float)),
]
