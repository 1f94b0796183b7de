"""CuPy without a GPU: its arrays over NumPy's, on two devices that do not see each other.

It is for tests of the plugin alone, where no GPU is. Arrays do not become NumPy's by themselves, nothing is
a scalar, and where CuPy is known to differ from NumPy this does, too; what is undefined there is `GARBAGE`.
Values of the GPU's own kernels and libraries, times and memory it says nothing about.
"""

from __future__ import annotations

import functools
import itertools
import operator
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__version__ = "13.6.0"
__all__ = [name for name in np.__all__ if name[0] != "_" and name != "ndarray"]
GARBAGE = 77
ADDED = ("float16", "float32", "float64", "int32", "uint32", "uint64")
current = [0]
memory = itertools.count(4096, 512)


class Device:
    """A device as a context: where it is entered arrays are made, and read."""

    def __init__(self, number: Any = None) -> None:
        self.id = current[-1] if number is None else int(number)

    def __enter__(self) -> None:
        current.append(self.id)

    def __exit__(self, *error: object) -> None:
        current.pop()


class ndarray:  # noqa: N801 -- CuPy's name
    """A NumPy array that only this module's functions see."""

    def __init__(self, a: Any, base: ndarray | None = None) -> None:
        self.a, self.base = a, base
        self.device = Device() if base is None else base.device
        ptr = (next(memory) if a.size else 0) if base is None else base.data.mem.ptr
        self.data = types.SimpleNamespace(device_id=self.device.id, mem=types.SimpleNamespace(ptr=ptr))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.a, name)
        if callable(found):
            return lifted(lambda a, *args, **options: getattr(a, name)(*args, **options), self)
        return dressed(found, [self]) if isinstance(found, np.ndarray) else found

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("real", "imag"):
            setattr(self.a, name, bare(value))
        else:
            object.__setattr__(self, name, value)

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]  # as CuPy's

    def __bool__(self) -> bool:
        return bool(self.a)

    def __int__(self) -> int:
        return int(self.a)

    def __float__(self) -> float:
        return float(self.a)

    def __complex__(self) -> complex:
        return complex(self.a)

    def __iter__(self) -> Iterator[ndarray]:
        return (self[i] for i in range(len(self.a)))

    def root(self) -> ndarray:
        return self if self.base is None else self.base

    def get(self) -> Any:
        return self.a.copy()

    def __getitem__(self, key: Any) -> ndarray:
        plain, advanced = wrapped(self, key)
        found = self.a[plain]
        if advanced:
            return ndarray(np.array(found))
        if not isinstance(found, np.ndarray):  # an element is a 0-d view
            found = self.a[(*(plain if type(plain) is tuple else (plain,)), ...)]
        return ndarray(found, self.root())

    def __setitem__(self, key: Any, value: Any) -> None:
        plain, advanced = wrapped(self, key)
        value = np.asarray(bare(value)).astype(self.a.dtype)
        if not advanced:
            self.a[plain] = value
            return
        places = np.arange(self.a.size).reshape(self.a.shape)[plain]
        where, first = np.unique(places, return_index=True)  # of several values, not the last
        values = np.broadcast_to(value, places.shape).reshape(-1)
        self.a[np.unravel_index(where, self.a.shape)] = values[first]

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self.device.id

    def __dlpack__(self, *, stream: Any = None, max_version: Any = None) -> ndarray:
        return self


def wrapped(x: ndarray, key: Any) -> tuple[Any, bool]:
    """A key for x's NumPy array, in which indices outside wrap around, and whether it has arrays."""
    parts = [bare(p) for p in (key if type(key) is tuple else (key,))]
    arrays = [p for p in parts if isinstance(p, np.ndarray)]
    masks = [p for p in arrays if p.dtype == bool]
    axis = 0
    for i, p in enumerate(parts):
        mask = isinstance(p, np.ndarray) and p.dtype == bool
        if p is ...:
            rest = [q for q in parts[i + 1 :] if q is not None]
            axis = x.a.ndim - sum(q.ndim if any(q is m for m in masks) else 1 for q in rest)
        elif isinstance(p, np.ndarray) and not mask and x.a.shape[axis]:
            parts[i] = p.astype(np.int64) % x.a.shape[axis]
        axis += p.ndim if mask else p is not None and p is not ...
    return (tuple(parts) if type(key) is tuple else parts[0]), bool(arrays)


def bare(value: Any) -> Any:
    """NumPy's arrays for this module's, all of which must lie on the current device."""
    if isinstance(value, ndarray):
        if value.device.id != current[-1]:
            raise ValueError(f"an array of device {value.device.id} on the current device {current[-1]}")
        return value.a
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    return type(value)(map(bare, value)) if type(value) in (list, tuple) else value


def dressed(found: Any, sources: list[ndarray]) -> Any:
    """This module's arrays for NumPy's and its scalars; a view has a base."""
    if isinstance(found, tuple | list):
        parts = [dressed(f, sources) for f in found]
        return type(found)(*parts) if hasattr(found, "_fields") else type(found)(parts)
    if not isinstance(found, np.ndarray | np.generic):
        return found
    found = np.asarray(found)
    if not found.flags.writeable:  # which CuPy does not know
        address = types.SimpleNamespace(
            __array_interface__={**found.__array_interface__, "data": (found.ctypes.data, False)}
        )
        found, address.kept = np.asarray(address), found
    for source in sources:
        if found.size and np.may_share_memory(found, source.a):
            return source if found is source.a else ndarray(found, source.root())
    return ndarray(found)


def arrays_in(value: Any) -> Iterator[ndarray]:
    if isinstance(value, ndarray):
        yield value
    elif isinstance(value, list | tuple):
        for v in value:
            yield from arrays_in(v)


def lifted(f: Callable[..., Any], *first: Any) -> Callable[..., Any]:
    """A function of NumPy arrays as one of this module's."""

    @functools.wraps(f)
    def call(*args: Any, **options: Any) -> Any:
        args = (*first, *args)
        with np.errstate(all="ignore"):
            found = f(*(bare(a) for a in args), **{k: bare(v) for k, v in options.items()})
        return dressed(found, list(arrays_in([args, list(options.values())])))

    return call


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    found = getattr(np, name)
    if isinstance(found, type) or not callable(found):
        return found
    return lifted(found)


ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
BITWISE = ("and_", "or_", "xor", "lshift", "rshift")
for _name in ARITHMETIC + BITWISE:
    _f = getattr(operator, _name)
    setattr(ndarray, f"__{_name.strip('_')}__", lambda x, y, f=_f: lifted(f)(x, y))
    setattr(ndarray, f"__r{_name.strip('_')}__", lambda x, y, f=_f: lifted(f)(y, x))
for _name in ("lt", "le", "gt", "ge", "eq", "ne", "neg", "invert", "abs"):
    _f = getattr(operator, _name)
    setattr(ndarray, f"__{_name}__", lambda *x, f=_f: lifted(f)(*x))


# Where CuPy differs ------------------------------------------------------------------------------------


def array(obj: Any, dtype: Any = None, copy: Any = True, **options: Any) -> ndarray:
    if not isinstance(obj, ndarray):
        return ndarray(np.array(obj, dtype))
    if obj.device.id == current[-1] and not copy and (dtype is None or dtype == obj.dtype):
        return obj
    if obj.device.id != current[-1] and not (obj.a.flags.c_contiguous or obj.a.flags.f_contiguous):
        raise NotImplementedError("CuPy cannot copy non-contiguous array between devices.")
    return ndarray(obj.a.astype(dtype or obj.a.dtype))


def asarray(obj: Any, dtype: Any = None, **options: Any) -> ndarray:
    return array(obj, dtype, copy=False)


ascontiguousarray = asarray


def from_dlpack(obj: Any) -> ndarray:
    return obj.__dlpack__(stream=1, max_version=(1, 0))  # type: ignore[no-any-return]  # as it is given


def _like(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, *args, **options: ndarray(f(np.empty(x.shape, x.dtype), *args, **options))


zeros_like, ones_like, full_like, empty_like = map(
    _like, (np.zeros_like, np.ones_like, np.full_like, np.empty_like)
)


def _take(x: Any, indices: Any, axis: Any = None) -> Any:
    n = x.size if axis is None or not x.ndim else x.shape[axis]
    return np.take(x, indices.astype(np.int64) % max(n, 1), axis)


def _repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    if isinstance(repeats, np.ndarray):
        raise ValueError("cupy.ndaray cannot be specified as `repeats` argument.")
    return np.repeat(x, repeats, axis)


def _of_reals(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(*inputs: Any) -> Any:
        if any(x.dtype.kind == "c" for x in inputs):
            raise TypeError("Wrong type of arguments")
        return f(*inputs)

    return lifted(call)


def _integral(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(x1: Any, x2: Any) -> Any:
        return np.where(x2 == 0, GARBAGE, f(x1, x2)) if x1.dtype.kind in "iu" else f(x1, x2)

    return lifted(call)


take, repeat = lifted(_take), lifted(_repeat)
take_along_axis = lifted(lambda x, i, axis: np.take_along_axis(x, i.astype(np.int64) % x.shape[axis], axis))
logical_and, logical_or, logical_xor, logical_not = map(
    _of_reals, (np.logical_and, np.logical_or, np.logical_xor, np.logical_not)
)
floor_divide, remainder = _integral(np.floor_divide), _integral(np.remainder)
log1p = lifted(lambda x: np.log(x + x.dtype.type(1)) if x.dtype.kind == "c" else np.log1p(x))
expm1 = lifted(lambda x: np.exp(x) - x.dtype.type(1) if x.dtype.kind == "c" else np.expm1(x))
sign = lifted(lambda x: (x.real > 0).astype(x.dtype) - (x.real < 0).astype(x.dtype))


# linalg, fft, cuda -------------------------------------------------------------------------------------

raising = [False]


def _quiet(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any, *args: Any, **options: Any) -> Any:
        try:
            return f(x, *args, **options)
        except np.linalg.LinAlgError as error:
            if raising[-1] or "square" in str(error) or "dimension" in str(error):
                raise
            return np.full(x.shape, GARBAGE, x.dtype)

    return lifted(call)


def _solve(x1: Any, x2: Any) -> Any:
    if x1.ndim != x2.ndim or x1.shape[:-1] != x2.shape[:-1]:
        raise ValueError("a must have (..., M, M) shape and b must have (..., M, K)")
    return np.linalg.solve(x1, x2)


linalg = types.ModuleType("cupy.linalg")
for _name in set(np.linalg.__all__) - {"LinAlgError", "eig", "eigvals", "vector_norm"}:
    setattr(linalg, _name, _quiet(getattr(np.linalg, _name)))
linalg.solve, linalg.LinAlgError = _quiet(_solve), np.linalg.LinAlgError  # type: ignore[attr-defined]  # a module made here
fft = types.ModuleType("cupy.fft")
for _name in np.fft.__all__:
    setattr(fft, _name, lifted(getattr(np.fft, _name)))
runtime = types.SimpleNamespace(getDeviceCount=lambda: 2, CUDARuntimeError=RuntimeError)
cuda = types.ModuleType("cupy.cuda")
vars(cuda).update(
    Device=Device,
    runtime=runtime,
    device=types.SimpleNamespace(Device=Device),
    get_current_stream=lambda: types.SimpleNamespace(synchronize=lambda: None, is_capturing=lambda: False),
)
sys.modules.update(
    {"cupy.linalg": linalg, "cupy.fft": fft, "cupy.cuda": cuda, "cupy.cuda.device": cuda.device}
)
