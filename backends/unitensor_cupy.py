"""The CuPy backend: NumPy's functions on NVIDIA GPUs, without gradients of its own."""

from __future__ import annotations

from typing import Any

import array_api_compat.cupy as compat
import cupy as cp
import numpy as np
from cupyx import scatter_add

from unitensor import Backend, BackendError


def _count_gpus() -> int:
    """The GPUs there are; none is an error that says what CUDA says."""
    try:
        count = int(cp.cuda.runtime.getDeviceCount())
    except cp.cuda.runtime.CUDARuntimeError as error:
        reason = str(error)
    else:
        if count:
            return count
        reason = "no device"
    raise BackendError(
        f"CuPy {cp.__version__} finds no GPU ({reason})",
        remedy="export UNITENSOR_BACKEND=numpy, or run where nvidia-smi lists a GPU",
    )


class CupyBackend(Backend):
    """CuPy's functions; reading out of range, which CuPy wraps around, is an error."""

    name = "cupy"
    xp = compat
    array_type = cp.ndarray
    install = "pip install cupy-cuda12x"

    def __init__(self) -> None:
        super().__init__()
        self._gpus = [cp.cuda.Device(i) for i in range(_count_gpus())]

    def version(self) -> str:
        return str(cp.__version__)

    # Moving in and out -----------------------------------------------------------------------------

    def to_numpy(self, a: Any) -> Any:
        return cp.asnumpy(a)

    def from_numpy(self, a: Any, device: Any = None) -> Any:
        with device or cp.cuda.Device():
            return cp.asarray(a)

    def from_dlpack(self, obj: Any, device: Any = None, copy: bool | None = None) -> Any:
        if isinstance(obj, np.ndarray):
            if copy is False:
                raise BufferError("from_dlpack: copy=False, but the host's memory must be copied to a GPU")
            return self.from_numpy(obj, device)
        a = cp.from_dlpack(obj)
        moved = a if device is None else self.to_device(a, device)
        return moved.copy() if copy and moved is a else moved

    def to_device(self, a: Any, device: Any) -> Any:
        if a.device == device:
            return a
        with device:
            return cp.array(a)

    def synchronize(self, a: Any) -> None:
        a.device.synchronize()

    def storage(self, a: Any) -> Any:
        return a.data.mem.ptr

    def is_view(self, a: Any) -> bool:
        return a.base is not None

    def raw_devices(self) -> list[Any]:
        current = cp.cuda.runtime.getDevice()
        return sorted(self._gpus, key=lambda gpu: gpu.id != current)

    def raw_device_of(self, a: Any) -> Any:
        return a.device

    def device_name(self, raw: Any) -> str:
        return f"cuda:{raw.id}"

    # Reading and writing -----------------------------------------------------------------------------

    def getitem(self, x: Any, key: Any) -> Any:
        _check(x.shape, key)
        return x[key]

    def assign(self, a: Any, key: Any, value: Any) -> Any:
        _check(a.shape, key)
        a[key] = value
        return a

    def scatter_add(self, a: Any, key: Any, value: Any) -> Any:
        if a.dtype.kind == "c":  # the GPU adds atomically to the parts only
            scatter_add(a.real, key, value.real)
            scatter_add(a.imag, key, value.imag)
        else:
            scatter_add(a, key, value)
        return a

    def take(self, x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
        _check_range(indices, x.size if axis is None else x.shape[axis], axis or 0)
        return cp.take(x, indices, axis=axis)

    def take_along_axis(self, x: Any, indices: Any, /, *, axis: int = -1) -> Any:
        _check_range(indices, x.shape[axis], axis)
        return cp.take_along_axis(x, indices, axis)


def _check(shape: tuple[int, ...], key: Any) -> None:
    """Refuse integer arrays in a key that point out of range."""
    parts = key if type(key) is tuple else (key,)
    if not any(isinstance(part, cp.ndarray) and part.dtype.kind in "iu" for part in parts):
        return
    used = sum(1 if not hasattr(p, "dtype") or p.dtype.kind != "b" else p.ndim for p in parts if _counts(p))
    axis = 0
    for part in parts:
        if part is Ellipsis:
            axis += len(shape) - used
        elif isinstance(part, cp.ndarray) and part.dtype.kind == "b":
            axis += part.ndim
        elif part is not None:
            if isinstance(part, cp.ndarray) and axis < len(shape):
                _check_range(part, shape[axis], axis)
            axis += 1


def _counts(part: Any) -> bool:
    return part is not None and part is not Ellipsis


def _check_range(indices: Any, n: int, axis: int) -> None:
    if not indices.size:
        return
    low, high = int(indices.min()), int(indices.max())
    if low < -n or high >= n:
        worst = low if low < -n else high
        raise IndexError(f"index {worst} is out of bounds for axis {axis} with size {n}")


backend = CupyBackend
