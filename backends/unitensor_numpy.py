"""The NumPy backend: the reference for values, and the engine without gradients of its own."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as compat
import numpy as np

from unitensor import Backend


class NumpyBackend(Backend):
    """NumPy's ufuncs and functions, mended where they differ from the standard."""

    name = "numpy"
    xp = compat
    array_type = np.ndarray
    numpy_rules = True
    install = "pip install numpy"

    def version(self) -> str:
        return np.__version__

    def to_numpy(self, a: Any) -> Any:
        return a

    def from_numpy(self, a: Any, device: Any = None) -> Any:
        return a

    def from_dlpack(self, obj: Any, device: Any = None, copy: bool | None = None) -> Any:
        return np.from_dlpack(obj, device=device, copy=copy)

    def to_device(self, a: Any, device: Any) -> Any:
        return a

    def raw_devices(self) -> list[Any]:
        return ["cpu"]

    def raw_device_of(self, a: Any) -> Any:
        return "cpu"

    def is_view(self, a: Any) -> bool:
        return a.base is not None or not a.flags.writeable

    def scatter_add(self, a: Any, key: Any, value: Any) -> Any:
        np.add.at(a, key, value)
        return a

    # Thin kernels: NumPy's own functions of these names go through slow Python wrappers. ---------

    def sum(self, x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        return np.add.reduce(x, axis=axis, dtype=dtype, keepdims=keepdims)

    def getitem(self, x: Any, key: Any) -> Any:
        return x[key]


backend = NumpyBackend
