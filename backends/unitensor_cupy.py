"""The CuPy backend: NumPy's functions on NVIDIA GPUs, mended where CuPy differs from NumPy.

A raw device is the GPU's number, because CuPy's own device objects cannot be looked up in tables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cupy as cp
import numpy as np
from unitensor_cupy_special import Special

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

ATOMIC = ("float16", "float32", "float64", "complex64", "complex128", "int32", "uint32", "uint64")


def _created(name: str) -> Callable[..., Any]:
    """A creation function that makes its array on the device asked for."""

    def create(self: CupyBackend, *args: Any, device: int | None = None, **options: Any) -> Any:
        with cp.cuda.Device(device):
            return getattr(compat, name)(*args, **options)

    return create


def _created_like(name: str) -> Callable[..., Any]:
    """The same for functions that follow another array, and its device unless told."""

    def create(self: CupyBackend, x: Any, /, *args: Any, device: int | None = None, **options: Any) -> Any:
        with cp.cuda.Device(x.device.id if device is None else device):
            return getattr(cp, name)(x, *args, **options)

    return create


def _checked_linalg(name: str) -> Callable[..., Any]:
    """A function of linalg that raises where the matrix is singular, as NumPy's do."""

    def call(self: CupyBackend, *args: Any, **options: Any) -> Any:
        with cupyx.errstate(linalg="raise"):
            return getattr(compat.linalg, name)(*args, **options)

    return call


def _by_numpy(name: str) -> Callable[..., Any]:
    """A function of complex special cases or of the host alone: computed there, by the NumPy plugin."""

    def call(self: CupyBackend, x: Any, /) -> Any:
        from unitensor import load_backend

        xp = load_backend("numpy").namespace
        *path, last = name.split(".")
        result = getattr(xp.linalg if path else xp, last)(x.get())
        if isinstance(result, tuple):
            return tuple(self.from_numpy(np.asarray(r), x.device.id) for r in result)
        return self.from_numpy(np.asarray(result), x.device.id)

    return call


def _refuse_outside(x: Any, key: Any) -> Any:
    """A key for x; an integer array that points outside raises, where CuPy would wrap around."""
    parts = key if type(key) is tuple else (key,)
    if not any(isinstance(part, cp.ndarray) for part in parts):
        return key
    used = sum(
        1 if not _is_mask(part) else part.ndim for part in parts if part is not None and part is not ...
    )
    axis = 0
    for part in parts:
        if part is None:
            continue
        if part is ...:
            axis += x.ndim - used
        elif _is_mask(part):
            if x.shape[axis : axis + part.ndim] != part.shape:
                raise IndexError(
                    f"boolean index of shape {part.shape} for axes from {axis} of shape {x.shape}"
                )
            axis += part.ndim
        else:
            if isinstance(part, cp.ndarray) and part.size and axis < x.ndim:
                n = x.shape[axis]
                low, high = int(part.min()), int(part.max())
                if low < -n or high >= n:
                    bad = low if low < -n else high
                    raise IndexError(f"index {bad} is out of bounds for axis {axis} with size {n}")
            axis += 1
    return key


def _is_mask(part: Any) -> bool:
    return isinstance(part, cp.ndarray) and part.dtype == bool


class CupyBackend(Special, Backend):
    """CuPy's functions; what promotes is cast by the front end, since CuPy 13 has NumPy 1's rules."""

    name = "cupy"
    xp = compat
    array_type = cp.ndarray
    install = "pip install cupy-cuda12x"

    def version(self) -> str:
        return str(cp.__version__)

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
        return moved.copy() if copy and moved is made and on_gpu else moved

    def to_dlpack(self, a: Any, **options: Any) -> Any:
        # CuPy 13 knows stream alone; the standard lets it give an older version than asked for.
        wanted, copy, stream = options.get("dl_device"), options.get("copy"), options.get("stream")
        if wanted is not None and (int(wanted[0]), int(wanted[1])) != (2, a.device.id):
            if copy is False or int(wanted[0]) != 1:
                raise BufferError(f"memory of GPU {a.device.id} must be copied to DLPack device {wanted}")
            return a.get().__dlpack__(max_version=options.get("max_version"))
        a = a.copy() if copy else a
        return a.__dlpack__() if stream is None else a.__dlpack__(stream=stream)

    def to_device(self, a: Any, device: int) -> Any:
        if a.device.id == device:
            return a
        with cp.cuda.Device(device):
            return cp.array(a, copy=True)

    def synchronize(self, a: Any) -> None:
        with cp.cuda.Device(a.device.id):
            cp.cuda.get_current_stream().synchronize()

    def raw_devices(self) -> list[int]:
        return list(range(DEVICES))

    def raw_device_of(self, a: Any) -> int:
        return int(a.device.id)

    def device_name(self, raw: int) -> str:
        return f"cuda:{raw}"

    def is_view(self, a: Any) -> bool:
        return a.base is not None

    def storage(self, a: Any) -> int:
        while isinstance(a.base, cp.ndarray):
            a = a.base
        return int(a.data.mem.ptr)

    asarray = _created("asarray")
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
        if x.dtype.kind == "f" and np.dtype(dtype).kind in "iu":
            return _saturated(moved, dtype)
        return moved.astype(dtype, copy=copy)

    # Reading and writing ---------------------------------------------------------------------------

    def getitem(self, x: Any, key: Any) -> Any:
        return x[_refuse_outside(x, key)]

    def assign(self, a: Any, key: Any, value: Any) -> Any:
        parts = _refuse_outside(a, key)
        parts = parts if type(parts) is tuple else (parts,)
        if not any(isinstance(part, cp.ndarray) and not _is_mask(part) for part in parts):
            a[parts] = value
            return a
        # Of several values for one element NumPy keeps the last, CuPy any.
        places = cp.arange(a.size).reshape(a.shape)[parts]
        values = cp.broadcast_to(value, places.shape).reshape(-1)[::-1]
        where, first = cp.unique(places.reshape(-1)[::-1], return_index=True)
        a[cp.unravel_index(where, a.shape)] = values[first]
        return a

    def scatter_add(self, a: Any, key: Any, value: Any) -> Any:
        key = _refuse_outside(a, key)
        if a.dtype.name in ATOMIC:
            cupyx.scatter_add(a, key, value)
            return a
        # The GPU adds in a few dtypes only; sums of whole numbers agree modulo 2**64.
        total = a.astype(cp.uint64)
        cupyx.scatter_add(total, key, value.astype(cp.uint64))
        return (total != 0) if a.dtype == bool else total.astype(a.dtype)

    # Element-wise functions --------------------------------------------------------------------------

    def floor_divide(self, x1: Any, x2: Any, /) -> Any:
        """Mended: CuPy's special cases are not the standard's, and integers by 0 are undefined."""
        return _divmod(x1, x2)[0]

    def remainder(self, x1: Any, x2: Any, /) -> Any:
        """Mended: CuPy's special cases are not the standard's, and integers by 0 are undefined."""
        return _divmod(x1, x2)[1]

    def pow(self, x1: Any, x2: Any, /) -> Any:
        """Mended: CuPy takes negative powers of integers."""
        if x2.dtype.kind == "i" and bool((x2 < 0).any()):
            raise ValueError("integers to negative integer powers are not allowed; cast to a floating dtype")
        return cp.power(x1, x2)

    def bitwise_left_shift(self, x1: Any, x2: Any, /) -> Any:
        """Mended: shifts by the width or more are undefined on the GPU."""
        width = x1.dtype.itemsize * 8
        fits = (x2 >= 0) & (x2 < width)
        return cp.where(fits, cp.left_shift(x1, cp.where(fits, x2, 0)), 0).astype(x1.dtype)

    def bitwise_right_shift(self, x1: Any, x2: Any, /) -> Any:
        """Mended: shifts by the width or more are undefined on the GPU."""
        width = x1.dtype.itemsize * 8
        far = cp.where((x2 >= 0) & (x2 < width), x2, width - 1)
        shifted = cp.right_shift(x1, far.astype(x1.dtype))
        return shifted if x1.dtype.kind == "i" else cp.where(x2 < width, shifted, 0).astype(x1.dtype)

    def sign(self, x: Any, /) -> Any:
        """Mended: CuPy's sign of a complex number is that of its real part."""
        if x.dtype.kind != "c":
            return cp.sign(x)
        size = cp.abs(x)
        return cp.where(size == 0, 0, x / cp.where(size == 0, 1, size)).astype(x.dtype)

    def clip(self, x: Any, /, min: Any = None, max: Any = None) -> Any:
        """Mended: where the bounds cross the upper one wins, as in NumPy."""
        x = x.copy() if min is None else cp.maximum(x, min)
        return x if max is None else cp.minimum(x, max)

    # Linear algebra -------------------------------------------------------------------------------------

    linalg_cholesky = _checked_linalg("cholesky")
    linalg_inv = _checked_linalg("inv")
    linalg_solve = _checked_linalg("solve")
    linalg_matrix_power = _checked_linalg("matrix_power")
    # CuPy 13 has none, and both need eigenvalues of general matrices, which the GPU finds slowly.
    linalg_eig = _by_numpy("linalg.eig")
    linalg_eigvals = _by_numpy("linalg.eigvals")


def _divmod(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Quotient and remainder: 0 of integers by 0, the standard's special cases of floats."""
    if x1.dtype.kind not in "f":
        zero = x2 == 0
        safe = cp.where(zero, 1, x2).astype(x2.dtype)
        quotient = cp.where(zero, 0, cp.floor_divide(x1, safe)).astype(x1.dtype)
        return quotient, cp.where(zero, 0, cp.remainder(x1, safe)).astype(x1.dtype)
    rest = cp.fmod(x1, x2)
    quotient = (x1 - rest) / x2
    off = (rest != 0) & ((x2 < 0) != (rest < 0))
    rest = cp.where(off, rest + x2, cp.where(rest == 0, cp.copysign(cp.zeros_like(rest), x2), rest))
    quotient = cp.where(off, quotient - 1, quotient)
    whole = cp.floor(quotient)
    whole = cp.where(quotient - whole > 0.5, whole + 1, whole)
    exact = x1 / x2
    whole = cp.where(quotient == 0, cp.copysign(cp.zeros_like(exact), exact), whole)
    special = cp.isinf(x1) | cp.isinf(x2) | (x2 == 0)
    return cp.where(special, exact, whole).astype(x1.dtype), rest.astype(x1.dtype)


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
