"""Where results come from and what they share: sizes, layouts, buffers, threads, devices and the host."""

from __future__ import annotations

from typing import Any

import numpy as np

import unitensor as ut

from .ways import Fault


def large(change: Any, at: Any = 4096) -> Any:
    """The tail of large arrays is wrong."""

    def wrong(f: Any, x: Any, *a: Any, **k: Any) -> Any:
        out = f(x, *a, **k)
        if isinstance(out, np.ndarray) and out.size > at:
            out = np.array(out)
            out.reshape(-1)[-1] = change(out.reshape(-1)[-1])
        return out

    return wrong


def contiguous_only(f: Any, x: Any, *a: Any, **k: Any) -> Any:
    """Memory read as if it were in order."""
    if x.ndim > 1 and not x.flags.c_contiguous and x.flags.f_contiguous:
        x = x.T.reshape(x.shape)
    return f(x, *a, **k)


#: Memory that a broken engine keeps between calls.
BUFFERS: dict[Any, Any] = {}


def scratch(f: Any, x: Any, *a: Any, **k: Any) -> Any:
    out = np.asarray(f(x, *a, **k))
    b = BUFFERS.setdefault(("scratch", out.shape, out.dtype), np.empty(out.shape, out.dtype))
    b[...] = out
    return b


def racing(f: Any, x: Any, *a: Any, **k: Any) -> Any:
    """What is computed passes through memory that all threads share."""
    buffer = BUFFERS.setdefault((x.shape, x.dtype), np.empty_like(x))
    buffer[...] = x
    for _ in range(3):  # time enough for another thread
        pass
    return np.array(f(buffer, *a, **k))


COUNT = [0]


def flickering(f: Any, x: Any, *a: Any, **k: Any) -> Any:
    COUNT[0] += 1
    out = f(x, *a, **k)
    return out if x.dtype.kind != "f" or COUNT[0] % 7 else out * (1 + 1e-6) if out.size else out


def through_numpy(f: Any, x: Any) -> Any:
    """NumPy's own arrays, but taken out by the hook."""
    ut.load_backend("broken_sinh_by_way_of_the_host").to_numpy(x)
    return f(x)


def on_host(f: Any, x: Any) -> Any:
    """Computed by NumPy, quietly."""
    strict = ut.load_backend("strict")
    return strict.from_numpy(np.cosh(np.from_dlpack(x)), x.device)


def elsewhere(f: Any, *args: Any, **options: Any) -> Any:
    """The result is moved to the engine's default device."""
    strict = ut.load_backend("strict")
    return f(*args, **options).to_device(strict.raw_devices()[1])


FAULTS = [
    Fault("large exp tail", "exp", large(lambda v: v * 2)),
    Fault("large add tail", "add", large(lambda v: v + 1)),
    Fault("large sort tail", "sort", large(lambda v: v - v)),
    Fault("cos of transposed memory", "cos", contiguous_only),
    Fault("sum of transposed memory", "sum", contiguous_only),
    Fault("flip of transposed memory", "flip", contiguous_only),
    Fault("cumulative_sum of transposed memory", "cumulative_sum", contiguous_only),
    Fault("inv of transposed memory", "linalg.inv", contiguous_only),
    Fault("cosh scratch", "cosh", scratch),
    Fault("tan scratch", "tan", scratch),
    Fault("mean scratch", "mean", scratch),
    Fault("atan races", "atan", racing),
    Fault("matmul races", "matmul", racing),
    Fault("asin flickers", "asin", flickering),
    Fault("sum flickers", "sum", flickering),
    Fault("sinh by way of the host", "sinh", through_numpy),
    Fault("cosh by numpy", "cosh", on_host, base="strict"),
    Fault("add moves", "add", elsewhere, base="strict"),
    Fault("sum moves", "sum", elsewhere, base="strict"),
    Fault("zeros ignores device", "zeros", lambda f, shape, device=None, **k: f(shape, **k), base="strict"),
    Fault("ones_like ignores device", "ones_like", lambda f, x, device=None, **k: f(x, **k), base="strict"),
    Fault("from_numpy ignores device", "from_numpy", lambda f, a, device=None: f(a), "asarray", "strict"),
    Fault("to_device stays", "to_device", lambda f, a, device: a, base="strict"),
]
