"""The CuPy backend: NumPy's functions on NVIDIA GPUs, mended where CuPy differs from NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cupy as cp
import numpy as np

from unitensor import Backend, BackendError


def _count_devices() -> int:
    """How many GPUs there are; none is an error."""
    try:
        count = int(cp.cuda.runtime.getDeviceCount())
        cause = "none is visible"
    except cp.cuda.runtime.CUDARuntimeError as error:
        count, cause = 0, str(error)
    if count == 0:
        raise BackendError(
            f"CuPy {cp.__version__} finds no GPU ({cause})",
            remedy="export UNITENSOR_BACKEND=numpy, or run where nvidia-smi lists a GPU",
        )
    return count


DEVICES = _count_devices()

import array_api_compat.cupy as compat  # noqa: E402 -- only where there is a GPU
import cupyx  # noqa: E402 -- likewise
from unitensor_cupy_elementwise import Elementwise, joined  # noqa: E402 -- likewise
from unitensor_cupy_linalg import Linalg  # noqa: E402 -- likewise
from unitensor_cupy_special import Special  # noqa: E402 -- likewise


class Gpu(int):
    """A raw device, the number of a GPU: CuPy's own device objects cannot be looked up in tables."""


GPUS = [Gpu(number) for number in range(DEVICES)]
ATOMIC = ("float16", "float32", "float64", "int32", "uint32", "uint64")


def _created(name: str) -> Callable[..., Any]:
    """A creation function that makes its array on the device asked for."""

    def create(self: CupyBackend, *args: Any, device: int | None = None, **options: Any) -> Any:
        with cp.cuda.Device(device):
            return getattr(compat, name)(*args, **options)

    return create


def _created_like(name: str) -> Callable[..., Any]:
    """The same for functions that follow another array, and its device unless told."""

    def create(self: CupyBackend, x: Any, /, *args: Any, device: int | None = None, **options: Any) -> Any:
        with _device_of(x) if device is None else cp.cuda.Device(device):
            return getattr(cp, name)(x, *args, **options)

    return create


def _device_of(a: Any) -> Any:
    """The context in which CuPy computes where an array lies; without it, on the current device."""
    return cp.cuda.Device(a.data.device_id)


def _devices_of(*args: Any) -> list[int]:
    """The numbers of the GPUs on which arrays lie, and those in lists, in their order."""
    arrays = [a for arg in args for a in (arg if isinstance(arg, (list, tuple)) else (arg,))]
    return list(dict.fromkeys(a.data.device_id for a in arrays if isinstance(a, cp.ndarray)))


def _refuse_outside(x: Any, key: Any) -> Any:
    """A key for x; an integer array that points outside raises, where CuPy would wrap around."""
    parts = key if type(key) is tuple else (key,)
    if not any(isinstance(part, cp.ndarray) for part in parts):
        return key
    axis, used = 0, sum(map(_axes, parts))
    for part in parts:
        count = x.ndim - used if part is ... else _axes(part)
        if _is_mask(part) and x.shape[axis : axis + count] != part.shape:
            raise IndexError(f"boolean index of shape {part.shape} for axes from {axis} of shape {x.shape}")
        if isinstance(part, cp.ndarray) and not _is_mask(part) and axis < x.ndim:
            _refuse_indices(part, x.shape[axis], axis)
        axis += count
    return key


def _axes(part: Any) -> int:
    """How many axes a part of a key stands for, except for `...`."""
    if part is None or part is ... or type(part) is bool:
        return 0
    return int(part.ndim) if _is_mask(part) else 1


def _refuse_indices(indices: Any, n: int, axis: int) -> None:
    """An error if an index points outside an axis."""
    if not indices.size:
        return
    low, high = int(indices.min()), int(indices.max())
    if low < -n or high >= n:
        bad = low if low < -n else high
        raise IndexError(f"index {bad} is out of bounds for axis {axis} with size {n}")


def _is_mask(part: Any) -> bool:
    return isinstance(part, cp.ndarray) and part.dtype == bool


def _first_of(name: str) -> Callable[..., Any]:
    f, of_truth = getattr(cp, name), cp.argmax

    def call(self: CupyBackend, x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
        """Mended: of several NaNs CuPy finds any."""
        found = f(x, axis=axis, keepdims=keepdims)
        if x.dtype.kind != "f":
            return found
        unknown = cp.isnan(x)
        some = cp.any(unknown, axis=axis, keepdims=keepdims)
        return cp.where(some, of_truth(unknown, axis=axis, keepdims=keepdims), found)

    return call


class CupyBackend(Special, Linalg, Elementwise, Backend):
    """CuPy's functions; what promotes is cast by the front end, since CuPy 13 has NumPy 1's rules."""

    name = "cupy"
    xp = compat
    array_type = cp.ndarray
    install = "pip install cupy-cuda12x"

    def version(self) -> str:
        return str(cp.__version__)

    def installed(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Where there are several GPUs, run on that of the arrays, for CuPy makes results on the current one."""
        if DEVICES == 1:
            return f

        def placed(*args: Any, **options: Any) -> Any:
            found = _devices_of(*args, *options.values())
            if len(found) > 1:
                first, second = found[:2]
                raise ValueError(
                    f"arrays on two devices, cuda:{first} and cuda:{second}; move one: x.to('cuda:{first}')"
                )
            with cp.cuda.Device(found[0] if found else None):
                return f(*args, **options)

        return placed

    # Moving in and out ---------------------------------------------------------------------------

    def to_numpy(self, a: Any) -> Any:
        return a.get()

    def from_numpy(self, a: Any, device: int | None = None) -> Any:
        with cp.cuda.Device(device):
            return cp.asarray(a)

    def from_dlpack(self, obj: Any, device: int | None = None, copy: bool | None = None) -> Any:
        on_gpu = obj.__dlpack_device__()[0] == 2
        if copy is False and not on_gpu:
            raise BufferError("copy=False, but memory of the host must be copied to the GPU")
        made = cp.from_dlpack(obj) if on_gpu else self.from_numpy(np.from_dlpack(obj), device)
        moved = made if device is None else self.to_device(made, device)
        if copy is False and moved is not made:
            raise BufferError("copy=False, but the memory is on another device")
        return self.copied(moved) if copy and moved is made and on_gpu else moved

    def to_dlpack(self, a: Any, **options: Any) -> Any:
        # CuPy copies to the host alone; the standard lets it give an older version than asked for.
        wanted, copy, stream = options.get("dl_device"), options.get("copy"), options.get("stream")
        if wanted is not None and (int(wanted[0]), int(wanted[1])) != (2, a.device.id):
            if copy is False or int(wanted[0]) != 1:
                raise BufferError(f"memory of GPU {a.device.id} must be copied to DLPack device {wanted}")
            return a.get().__dlpack__(max_version=options.get("max_version"))
        a = self.copied(a) if copy else a
        with _device_of(a):
            return a.__dlpack__() if stream is None else a.__dlpack__(stream=stream)

    def copied(self, a: Any) -> Any:
        """A copy on the same device, in C's order, which alone CuPy can move to another device."""
        with _device_of(a):
            return a.copy()

    def to_device(self, a: Any, device: int) -> Any:
        if a.device.id == device:
            return a
        a = a if a.flags.c_contiguous else self.copied(a)
        self.synchronize(a)  # the copy waits for the other device's stream alone
        with cp.cuda.Device(device):
            return cp.array(a, copy=True)

    def synchronize(self, a: Any) -> None:
        with _device_of(a):
            cp.cuda.get_current_stream().synchronize()

    def raw_devices(self) -> list[Gpu]:
        current = cp.cuda.Device().id
        return sorted(GPUS, key=lambda gpu: gpu != current)

    def raw_device_of(self, a: Any) -> Gpu:
        return GPUS[int(a.data.device_id)]

    def device_name(self, raw: Gpu) -> str:
        return f"cuda:{int(raw)}"

    def is_view(self, a: Any) -> bool:
        return a.base is not None

    def storage(self, a: Any) -> int:
        while isinstance(a.base, cp.ndarray):
            a = a.base
        return int(a.data.mem.ptr) or id(a)  # an array without elements has no memory

    def join_complex(self, real: Any, imag: Any) -> Any:
        with _device_of(real):
            return joined(real, imag, np.result_type(real.dtype, np.complex64))

    def asarray(
        self, obj: Any, /, *, dtype: Any = None, device: int | None = None, copy: bool | None = None
    ) -> Any:
        """An array stays where it lies: CuPy's own moves to the current device."""
        if device is None and isinstance(obj, cp.ndarray):
            device = obj.device.id
        with cp.cuda.Device(device):
            return compat.asarray(obj, dtype=dtype, copy=copy)

    zeros = _created("zeros")
    ones = _created("ones")
    empty = _created("empty")
    full = _created("full")
    arange = _created("arange")
    eye = _created("eye")
    linspace = _created("linspace")
    zeros_like = _created_like("zeros_like")
    ones_like = _created_like("ones_like")
    empty_like = _created_like("empty_like")
    full_like = _created_like("full_like")

    def astype(self, x: Any, dtype: Any, /, *, copy: bool = True, device: int | None = None) -> Any:
        """Mended: outside an integer's range CuPy's answer is undefined, and complex to real only warns."""
        if x.dtype.kind == "c" and np.dtype(dtype).kind in "fiu":
            raise TypeError("a complex array does not become real by a cast; use ut.real(x)")
        moved = x if device is None else self.to_device(x, device)
        with _device_of(moved):
            if x.dtype.kind == "f" and np.dtype(dtype).kind in "iu":
                return _saturated(moved, dtype)
            return moved.astype(dtype, copy=copy and moved is x)

    # Reading and writing ---------------------------------------------------------------------------

    def has_values(self, a: Any) -> bool:
        """Not while a CUDA graph is captured: nothing may be waited for."""
        return not cp.cuda.get_current_stream().is_capturing()

    def getitem(self, x: Any, key: Any) -> Any:
        return x[_refuse_outside(x, key)]

    def reshape(self, x: Any, /, shape: Any, *, copy: bool | None = None) -> Any:
        """A view where it can be; what copy=False asks is the front end's to see to."""
        out = x.reshape(shape)
        return out.copy() if copy and out.base is not None else out

    def take(self, x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
        """Mended: an index outside wraps around in CuPy."""
        _refuse_indices(indices, x.size if axis is None or not x.ndim else x.shape[axis], axis or 0)
        return cp.take(x, indices, axis=axis)

    def take_along_axis(self, x: Any, indices: Any, /, *, axis: int = -1) -> Any:
        """Mended: an index outside wraps around in CuPy."""
        _refuse_indices(indices, x.shape[axis], axis)
        return cp.take_along_axis(x, indices, axis=axis)

    def writeable(self, a: Any) -> bool:
        """CuPy's broadcast views can be written to, and have several elements in one place."""
        strides = tuple(step // a.itemsize for step in a.strides)
        return bool(a.flags.c_contiguous) or not self.overlapping(tuple(a.shape), strides)

    def assign(self, a: Any, key: Any, value: Any) -> Any:
        if not self.writeable(a):
            raise ValueError("several elements lie in one place of memory; write to a copy: x.clone()")
        with _device_of(a):
            if isinstance(value, cp.ndarray) and self.storage(value) == self.storage(a):
                value = value.copy()  # CuPy writes while it still reads
            parts = _refuse_outside(a, key)
            parts = parts if type(parts) is tuple else (parts,)
            if isinstance(value, cp.ndarray):  # axes of length 1 in front stand for none, as NumPy has it
                lead = next((i for i, n in enumerate(value.shape) if n != 1), value.ndim)
                value = value.reshape(value.shape[lead:])
            if not any(isinstance(part, cp.ndarray) and not _is_mask(part) for part in parts):
                a[parts] = value
                return a
            # Of several values for one element NumPy keeps the last, CuPy any.
            places = cp.arange(a.size).reshape(a.shape)[parts]
            values = cp.broadcast_to(cp.asarray(value), places.shape).reshape(-1)[::-1]
            where, first = cp.unique(places.reshape(-1)[::-1], return_index=True)
            a[cp.unravel_index(where, a.shape)] = values[first]
            return a

    def scatter_add(self, a: Any, key: Any, value: Any) -> Any:
        with _device_of(a):
            key = _refuse_outside(a, key)
            if a.dtype.name in ATOMIC:
                cupyx.scatter_add(a, key, value)
                return a
            # The GPU adds in a few dtypes only.
            if a.dtype.kind == "c":
                cupyx.scatter_add(a.real, key, value.real)
                cupyx.scatter_add(a.imag, key, value.imag)
                return a
            # Sums of whole numbers agree modulo 2**64.
            total = a.astype(cp.uint64)
            cupyx.scatter_add(total, key, value.astype(cp.uint64))
            return (total != 0) if a.dtype == bool else total.astype(a.dtype)

    # Statistics, sorting, repeating ------------------------------------------------------------------

    def var(self, x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
        """Mended: divided by 0, for a correction as large as the number of elements, CuPy's is always NaN."""
        axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        n = math.prod(x.shape[i] for i in axes)
        if n == 0 or correction < n:
            return cp.var(x, axis=axis, ddof=correction, keepdims=keepdims)
        return cp.var(x, axis=axis, keepdims=keepdims) * np.inf

    def std(self, x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
        """Mended: as `var`."""
        return cp.sqrt(self.var(x, axis=axis, correction=correction, keepdims=keepdims))

    argmax = _first_of("argmax")
    argmin = _first_of("argmin")

    def sort(self, x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
        """Mended: CuPy 13 divides by the size of the axis."""
        return compat.sort(x, axis=axis, descending=descending) if x.size else x.copy()

    def repeat(self, x: Any, repeats: Any, /, *, axis: int | None = None) -> Any:
        """Mended: CuPy 13 takes no array of numbers."""
        if not isinstance(repeats, cp.ndarray):
            return cp.repeat(x, repeats, axis=axis)
        if axis is None:
            x, axis = x.reshape(-1), 0
        if repeats.size and bool((repeats < 0).any()):
            raise ValueError("repeats may not contain negative values")
        ends = cp.cumsum(cp.broadcast_to(repeats, (x.shape[axis],)), dtype=cp.int64)
        total = int(ends[-1]) if ends.size else 0
        return cp.take(x, cp.searchsorted(ends, cp.arange(total), side="right"), axis=axis)


def _saturated(x: Any, dtype: Any) -> Any:
    """Floats as the nearest integers that a dtype has, NaN as 0."""
    info = np.iinfo(dtype)
    with np.errstate(over="ignore"):
        low, high = x.dtype.type(info.min), x.dtype.type(info.max)
    inside = (x > low) & (x < high)
    out = cp.where(inside, x, 0).astype(dtype)
    out = cp.where(x >= high, info.max, cp.where(x <= low, info.min, out))
    return out.astype(dtype)


backend = CupyBackend
