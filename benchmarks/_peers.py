"""The libraries that take part, each imported when a case first asks for it."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import numpy as np

import unitensor as ut

NAMES = ("numpy", "torch", "jax jit", "jax", "autograd", "mygrad")


@cache
def peer(name: str) -> Any:
    """A module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def as_arrays(result: Any) -> list[Any]:
    """What a run returned as NumPy arrays, whatever library it came from."""
    if isinstance(result, (tuple, list)):
        return [a for part in result for a in as_arrays(part)]
    if isinstance(result, ut.Tensor):
        return [np.array(result.detach().to("numpy").numpy())]
    if type(result).__module__.startswith("mygrad"):
        return [np.array(result.data)]
    if hasattr(result, "detach"):
        return [result.detach().numpy().copy()]
    return [np.array(result)]
