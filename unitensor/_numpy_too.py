"""Transforms called with NumPy arrays, as SciPy's optimizers call them: NumPy in, NumPy out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ._op import scope
from ._ops.creation import asarray
from ._trees import tree_map


def numpy_too(transformed: Callable[..., Any]) -> Callable[..., Any]:
    """A transformed function that also takes NumPy arrays and then gives NumPy arrays and scalars.

    If any positional argument is one, they all become Tensors of the current backend, and what
    comes back becomes NumPy's: that is what `scipy.optimize` passes, and what it expects.
    """

    @functools.wraps(transformed)
    def either(*args: Any, **kwargs: Any) -> Any:
        for x in args:
            if isinstance(x, np.ndarray):
                break
        else:
            return transformed(*args, **kwargs)
        # A copy: the caller may write to its array while it still has a result that shares memory.
        taken = [asarray(x, copy=True) if isinstance(x, np.ndarray) else x for x in args]
        return tree_map(_given_back, transformed(*taken, **kwargs))

    return either


def _given_back(x: Any) -> Any:
    if not isinstance(x, scope["Tensor"]):
        return x
    array = x.numpy()
    if not x.ndim:
        return array[()]
    return array if array.flags.writeable else array.copy()
