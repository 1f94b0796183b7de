"""Memory layouts: the same values as a view of other memory, by the same steps on NumPy and on any engine."""

from __future__ import annotations

from typing import Any

import numpy as np

LAYOUTS = ("transposed", "reversed", "strided", "spaced")
#: What lies in the gaps: no engine may read it.
GAP = 77


def laid_out(value: Any, how: str) -> Any:
    """The same values in another memory layout; of arguments, or a list, each array."""
    if isinstance(value, dict):
        return {k: laid_out(v, how) for k, v in value.items()}
    if isinstance(value, list):
        return [laid_out(v, how) for v in value]
    if not isinstance(value, np.ndarray) or not value.ndim:
        return value
    if how == "transposed" and value.ndim > 1:
        return np.ascontiguousarray(value.T).T
    if how == "reversed":
        return np.ascontiguousarray(value[::-1])[::-1]
    if how == "strided":
        return _between(value, (..., slice(1, None, 2)), (*value.shape[:-1], 2 * value.shape[-1]))
    if how == "spaced":
        return _between(value, (slice(1, None, 2),), (2 * value.shape[0], *value.shape[1:]))
    return value


def _between(value: Any, key: Any, shape: tuple[int, ...]) -> Any:
    wide = _gaps(shape, value.dtype)
    wide[key] = value
    return wide[key]


def _gaps(shape: Any, dtype: Any) -> Any:
    return np.full(shape, GAP).astype(dtype)


def steps(a: Any) -> tuple[Any, Any, Any]:
    """How a view is made: an array in order, the key to take of it (or None), the axes to permute then (or None).

    What is no view of one block of memory, for its strides, is an array in order itself.
    """
    plain = np.ascontiguousarray(a) if a.ndim else a, None, None
    if not a.size or a.flags.c_contiguous or 0 in a.strides:
        return plain
    order = sorted(range(a.ndim), key=lambda i: -abs(a.strides[i]))
    b = a.transpose(order)
    long = [i for i in range(b.ndim) if b.shape[i] > 1]
    unit, shape, key = b.itemsize, [1] * b.ndim, [slice(None)] * b.ndim
    for place, i in reversed(list(enumerate(long))):
        n = b.shape[i]
        step, rest = divmod(abs(b.strides[i]), unit)
        extent = (n - 1) * step + 1
        length, more = divmod(abs(b.strides[long[place - 1]]), unit) if place else (n * step, 0)
        if rest or more or length < extent:
            return plain
        start = min(step - 1, length - extent)
        stop = start + extent
        if b.strides[i] > 0:
            key[i] = slice(start, stop, step)
        else:
            key[i] = slice(stop - 1, start - 1 if start else None, -step)
        shape[i] = length
        unit *= length
    base = _gaps(shape, a.dtype)
    base[tuple(key)] = b
    axes = tuple(int(i) for i in np.argsort(order))
    whole = base.shape == b.shape and all(s.step is None or s.step > 0 for s in key)
    return base, None if whole else tuple(key), axes if axes != tuple(range(a.ndim)) else None
