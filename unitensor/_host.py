"""The way through the host: a function of NumPy arrays, called on the arrays of any engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

#: Dtypes that compiled code on the host does not know; it computes them in float32.
NARROW = ("float16", "bfloat16")


def on_host(xp: Any, f: Callable[..., Any], /, *arrays: Any, **options: Any) -> Any:
    """What f gives for engine arrays, on the device of the first: to NumPy, through f, and back.

    Arguments that are no arrays of the engine pass as they are. f must not write to its arguments.
    It may return a tuple. Half precision goes through float32 and comes back as it was.

    >>> import unitensor as ut
    >>> xp = ut.load_backend("numpy").namespace
    >>> on_host(xp, np.cbrt, np.asarray([8.0, 27.0]))
    array([2., 3.])
    """
    backend = xp.backend
    arrays = tuple(xp.as_array(a) if isinstance(a, np.generic) else a for a in arrays)  # engines' scalars
    given = [a for a in arrays if backend.is_array(a)]
    device = backend.raw_device_of(given[0])
    dtypes = {backend.dtype_of(a).name for a in given}
    narrow = next((n for n in NARROW if n in dtypes), None) if dtypes <= {*NARROW} else None
    taken = [_taken(backend, a) if backend.is_array(a) else a for a in arrays]

    def put(result: Any) -> Any:
        array = np.asarray(result)
        if any(isinstance(a, np.ndarray) and np.may_share_memory(array, a) for a in taken):
            array = array.copy()
        made = backend.from_numpy(array, device)
        if narrow and array.dtype == np.float32:
            made = xp.astype(made, xp.raw_dtype(narrow))
        return made

    found = f(*taken, **options)
    return tuple(map(put, found)) if isinstance(found, tuple) else put(found)


def _taken(backend: Any, a: Any) -> Any:
    array = np.asarray(backend.to_numpy(a))
    return array.astype(np.float32) if backend.dtype_of(a).name in NARROW else array
