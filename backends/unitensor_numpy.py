"""The NumPy backend: the reference for values, and the engine without gradients of its own.

Most functions are NumPy's own, taken where it is fastest to call. A method whose docstring
begins with "Mended:" is what NumPy gets wrong, or slowly and in another form than the
standard asks; the reason follows.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray
from unitensor_numpy_linalg import Linalg
from unitensor_numpy_special import Special

from unitensor import Backend, DType

add_up: Any = np.add.reduce
#: Integers with the bits of a floating dtype.
_BITS: dict[Any, Any] = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}
#: Those that NumPy neither sums in a wider one nor computes with in parts.
_FULL: frozenset[Any] = frozenset({np.dtype(np.float32), np.dtype(np.float64)})
_INFINITY: dict[Any, Any] = {dtype: np.asarray(np.inf, dtype) for dtype in _FULL}
_ZERO: dict[Any, Any] = {dtype: np.asarray(0.0, dtype) for dtype in _FULL}
_COMPLEX: frozenset[Any] = frozenset({np.dtype(np.complex64), np.dtype(np.complex128)})
NO_ORDER = "complex numbers have no order"


def bare(f: Any) -> Any:
    """A function of NumPy's without the dispatch of `__array_function__`, which takes 200 ns."""
    return getattr(f, "_implementation", f)


choose = bare(np.where)
dot = bare(np.dot)
put_masked = bare(np.putmask)
#: The dtypes that BLAS multiplies.
_BLAS = frozenset(np.dtype(c) for c in "fdFD")


def _is_bound(x: Any, bound: Any) -> bool:
    """Whether a bound of all elements is better left to `clip`, which is three times as fast there."""
    return (
        x.size > 1000
        and x.dtype in _FULL
        and type(bound) is ndarray
        and bound.dtype is x.dtype
        and not bound.shape
    )


def _ordered1(f: Callable[..., Any], reason: str = "") -> Callable[..., Any]:
    def ordered(x: Any, /, **options: Any) -> Any:
        """Mended: NumPy orders complex numbers, by their real parts first."""
        if x.dtype in _COMPLEX:
            raise TypeError(NO_ORDER)
        return f(x, **options)

    if reason:
        ordered.__doc__ = f"Mended: {reason}"
    return ordered


def _ordered2(f: Callable[..., Any], bounded: Callable[..., Any] | None = None) -> Callable[..., Any]:
    def ordered(x1: Any, x2: Any, /) -> Any:
        """Mended: NumPy orders complex numbers, by their real parts first."""
        if bounded is not None and _is_bound(x1, x2):
            return bounded(x1, x2)
        if x1.dtype in _COMPLEX or (type(x2) is ndarray and x2.dtype in _COMPLEX):
            raise TypeError(NO_ORDER)
        return f(x1, x2)

    return ordered


class NumpyBackend(Linalg, Special, Backend):
    """NumPy's ufuncs and functions, mended where they differ from the standard."""

    name = "numpy"
    xp = np
    array_type = np.ndarray
    numpy_rules = True
    counts_holders = True
    install = "pip install numpy"

    def __init__(self) -> None:
        super().__init__()
        # glibc learns from a freed block that blocks of its size are common, and from then on keeps
        # them: otherwise each new array of more than 128 KB costs a page fault every 4 KB.
        np.empty((1 << 25) - (1 << 16), np.uint8)

    def version(self) -> str:
        return np.__version__

    as_array: Any = staticmethod(np.asanyarray)

    def to_numpy(self, a: Any) -> Any:
        return a if isinstance(a, np.ndarray) else np.asarray(a)  # NumPy's functions give scalars, too

    def from_numpy(self, a: Any, device: Any = None) -> Any:
        return a if isinstance(a, np.ndarray) else np.asarray(a)

    def from_dlpack(self, obj: Any, device: Any = None, copy: bool | None = None) -> Any:
        return np.from_dlpack(obj, device=device, copy=copy)

    def to_device(self, a: Any, device: Any) -> Any:
        return a

    def dtype(self, dtype: DType) -> Any:
        return dtype.dtype

    def raw_devices(self) -> list[Any]:
        return ["cpu"]

    def raw_device_of(self, a: Any) -> Any:
        return "cpu"

    def is_view(self, a: Any) -> bool:
        return a.base is not None or not a.flags.writeable

    def shares_memory(self, op: str, options: Any, a: Any, view: Any) -> bool:
        base = view.base
        if base is a or (base is not None and base is a.base):
            return True
        return bool(self.storage(view) == self.storage(a))

    def storage(self, a: Any) -> Any:
        while isinstance(a.base, np.ndarray):
            a = a.base
        return a.__array_interface__["data"][0]

    def owner(self, a: Any) -> Any:
        while getattr(a, "base", None) is not None:
            a = a.base
        return a

    def linalg_diagonal(self, x: Any, /, *, offset: int = 0) -> Any:
        """Mended: NumPy's view is read-only."""
        d = np.linalg.diagonal(x, offset=offset)
        d.flags.writeable = x.flags.writeable
        return d

    def scatter_add(self, a: Any, key: Any, value: Any) -> Any:
        for part in key if type(key) is tuple else (key,):
            if type(part) is np.ndarray:
                np.add.at(a, key, value)
                return a
        a[key] += value  # slices and integers name nothing twice
        return a

    # NumPy's own, without the Python wrappers around them ------------------------------------

    asarray = staticmethod(np.asarray)
    zeros = staticmethod(np.zeros)
    ones = staticmethod(np.ones)
    empty = staticmethod(np.empty)
    ones_like = staticmethod(bare(np.ones_like))
    empty_like = staticmethod(bare(np.empty_like))
    full_like = staticmethod(bare(np.full_like))
    ceil = staticmethod(np.ceil)
    floor = staticmethod(np.floor)
    trunc = staticmethod(np.trunc)
    concat = staticmethod(bare(np.concatenate))
    permute_dims = staticmethod(lambda x, /, axes: x.transpose(axes))
    squeeze = staticmethod(lambda x, /, axis: x.squeeze(axis))
    take = staticmethod(np.ndarray.take)
    repeat = staticmethod(np.ndarray.repeat)
    matrix_transpose = staticmethod(operator.attrgetter("mT"))
    real = staticmethod(operator.attrgetter("real"))
    imag = staticmethod(operator.attrgetter("imag"))
    getitem = staticmethod(operator.getitem)
    count_nonzero = staticmethod(bare(np.count_nonzero))
    cumulative_sum = staticmethod(bare(np.cumulative_sum))
    cumulative_prod = staticmethod(bare(np.cumulative_prod))
    linalg_cholesky = staticmethod(bare(np.linalg.cholesky))
    linalg_cross = staticmethod(bare(np.linalg.cross))
    linalg_det = staticmethod(bare(np.linalg.det))
    linalg_eigh = staticmethod(bare(np.linalg.eigh))
    linalg_eigvalsh = staticmethod(bare(np.linalg.eigvalsh))
    linalg_inv = staticmethod(bare(np.linalg.inv))
    linalg_matrix_norm = staticmethod(bare(np.linalg.matrix_norm))
    linalg_matrix_power = staticmethod(bare(np.linalg.matrix_power))
    linalg_outer = staticmethod(bare(np.linalg.outer))
    linalg_qr = staticmethod(bare(np.linalg.qr))
    linalg_slogdet = staticmethod(bare(np.linalg.slogdet))
    linalg_svd = staticmethod(bare(np.linalg.svd))
    linalg_svdvals = staticmethod(bare(np.linalg.svdvals))
    linalg_trace = staticmethod(bare(np.linalg.trace))
    linalg_vector_norm = staticmethod(bare(np.linalg.vector_norm))
    fft_fft = staticmethod(bare(np.fft.fft))
    fft_ifft = staticmethod(bare(np.fft.ifft))
    fft_rfft = staticmethod(bare(np.fft.rfft))
    fft_irfft = staticmethod(bare(np.fft.irfft))
    fft_hfft = staticmethod(bare(np.fft.hfft))
    fft_ihfft = staticmethod(bare(np.fft.ihfft))
    fft_fftn = staticmethod(bare(np.fft.fftn))
    fft_ifftn = staticmethod(bare(np.fft.ifftn))
    fft_rfftn = staticmethod(bare(np.fft.rfftn))
    fft_irfftn = staticmethod(bare(np.fft.irfftn))
    fft_fftshift = staticmethod(bare(np.fft.fftshift))
    fft_ifftshift = staticmethod(bare(np.fft.ifftshift))

    @staticmethod
    def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Any:
        return x.reshape(shape, copy=True) if copy else x.reshape(shape)

    @staticmethod
    def matmul(x1: Any, x2: Any, /) -> Any:
        """By `dot`, where the two are one: it takes half the time of `matmul` to start."""
        if 0 < x1.ndim < 3 and 0 < x2.ndim < 3 and x1.dtype in _BLAS:
            try:
                return dot(x1, x2)
            except ValueError:
                pass  # shapes that do not match, of which matmul says more
        return np.matmul(x1, x2)

    def zeros_like(self, x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
        return np.zeros(x.shape, x.dtype if dtype is None else dtype)

    def expand_dims(self, x: Any, /, axis: Any = 0) -> Any:
        if axis == -1:
            return x[..., None]
        return x[None] if axis == 0 else np.expand_dims(x, axis)

    def moveaxis(self, x: Any, source: Any, destination: Any, /) -> Any:
        n = x.ndim
        if type(source) is int and type(destination) is int and -n <= source < n and -n <= destination < n:
            order = list(range(n))
            order.insert(destination % n, order.pop(source % n))
            return x.transpose(order)
        return np.moveaxis(x, source, destination)

    def stack(self, arrays: Any, /, *, axis: int = 0) -> Any:
        if axis == 0 and len({a.shape for a in arrays}) == 1:
            return self.concat([a[None] for a in arrays])
        return np.stack(arrays, axis=axis)

    def broadcast_to(self, x: Any, /, shape: Any) -> Any:
        lead = len(shape) - x.ndim
        if not x.flags.c_contiguous or lead < 0:
            return np.broadcast_to(x, shape)
        strides = [0] * lead
        for n, m, step in zip(x.shape, shape[lead:], x.strides):
            if n != m and n != 1:
                return np.broadcast_to(x, shape)  # which knows what to say
            strides.append(step if n == m else 0)
        out: Any = ndarray(shape, x.dtype, x, 0, strides)
        out.setflags(False)
        return out

    def where(self, condition: Any, x1: Any, x2: Any, /) -> Any:
        """Chosen bit by bit where arrays are large: NumPy's own branches at each element, and the
        branches of a mask without a pattern cost ten times the choice."""
        if condition.size < 512:
            return choose(condition, x1, x2)
        bits = _BITS.get(x1.dtype)
        shape = condition.shape
        if (
            bits is None
            or x2.dtype != x1.dtype
            or condition.dtype.kind != "b"
            or (x1.shape != shape and x1.shape)
            or (x2.shape != shape and x2.shape)
        ):
            return choose(condition, x1, x2)
        out = condition.astype(bits)
        np.negative(out, out=out)  # all bits where it holds
        other = x2.view(bits)
        out &= x1.view(bits) ^ other
        out ^= other
        return out.view(x1.dtype)

    def masked(self, x: Any, mask: Any) -> Any:
        """By no branches, too: integers that have x's bits, times 0 and 1."""
        bits = _BITS.get(x.dtype)
        if bits is None or x.shape != mask.shape or mask.dtype.kind != "b":
            return choose(mask, x, x.dtype.type(0))
        if x.size < 1024:
            out = np.zeros(x.shape, x.dtype)
            put_masked(out, mask, x)
            return out
        out = mask.astype(bits)
        out *= x.view(bits)
        return out.view(x.dtype)

    def relu(self, x: Any, /) -> Any:
        return self.maximum(x, _ZERO.get(x.dtype, 0.0))

    def halved(self, x: Any, mask: Any) -> Any:
        """Ties are rare."""
        return choose(mask, x * x.dtype.type(0.5), x) if mask.any() else x

    # No `*`, and few keywords handed on: they take a third of the time of a small sum.
    @staticmethod
    def sum(x: Any, /, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        if keepdims:
            return add_up(x, axis, dtype, out=..., keepdims=True)
        return add_up(x, axis, dtype, out=...)

    def prod(self, x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        return np.multiply.reduce(x, axis=axis, dtype=dtype, out=..., keepdims=keepdims)

    def mean(self, x: Any, /, axis: Any = None, keepdims: bool = False) -> Any:
        if axis is not None and not x.ndim:
            return np.asarray(
                np.mean(x, axis=axis, keepdims=keepdims)
            )  # which refuses an axis that is not there
        kind = x.dtype.kind
        if kind != "f" and kind != "c":
            total = add_up(x, axis=axis, dtype=np.float64, keepdims=keepdims)
        elif x.dtype.itemsize == 2:
            return np.mean(x, axis=axis, keepdims=keepdims)  # summed in float32
        else:
            total = add_up(x, axis, keepdims=True) if keepdims else add_up(x, axis)
        return total / (x.size // (total.size or 1))

    def var(self, x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
        """NumPy's own steps, without the Python around them."""
        if x.dtype in _FULL and x.size and x.ndim:
            total = add_up(x, axis, keepdims=True)
            n = x.size // total.size
            if n > correction:
                off = x - total / n
                np.multiply(off, off, off)
                return add_up(off, axis, keepdims=keepdims) / (n - correction)
        return np.var(x, axis=axis, correction=correction, keepdims=keepdims)

    def std(self, x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
        return np.sqrt(self.var(x, axis=axis, correction=correction, keepdims=keepdims))

    def all(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        return np.logical_and.reduce(x, axis=axis, out=..., keepdims=keepdims)

    def any(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        return np.logical_or.reduce(x, axis=axis, out=..., keepdims=keepdims)

    def clip(self, x: Any, /, min: Any = None, max: Any = None) -> Any:
        if min is not None and max is not None and _is_bound(x, min) and _is_bound(x, max):
            return x.clip(min, max)
        if min is not None:
            x = self.maximum(x, min)
        elif max is None:
            x = x.copy()
        if max is not None:
            x = self.minimum(x, max)
        if x.dtype in _COMPLEX:
            raise TypeError(NO_ORDER)
        return x

    def unique_values(self, x: Any, /) -> Any:
        """Mended: NumPy's own does not sort."""
        return np.unique(x, equal_nan=False)

    # Complex numbers have no order -----------------------------------------------------------

    less = staticmethod(_ordered2(np.less))
    less_equal = staticmethod(_ordered2(np.less_equal))
    greater = staticmethod(_ordered2(np.greater))
    greater_equal = staticmethod(_ordered2(np.greater_equal))
    maximum = staticmethod(_ordered2(np.maximum, lambda x, low: x.clip(low, _INFINITY[x.dtype])))
    minimum = staticmethod(_ordered2(np.minimum, lambda x, high: x.clip(-_INFINITY[x.dtype], high)))
    argmax = staticmethod(_ordered1(np.ndarray.argmax))
    argmin = staticmethod(_ordered1(np.ndarray.argmin))

    def searchsorted(self, x1: Any, x2: Any, /, **options: Any) -> Any:
        """Mended: NumPy orders complex numbers, by their real parts first."""
        if x1.dtype in _COMPLEX or x2.dtype in _COMPLEX:
            raise TypeError(NO_ORDER)
        return np.searchsorted(x1, x2, **options)

    def sort(self, x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
        """Mended: NumPy has no descending order, and one of complex numbers."""
        if x.dtype in _COMPLEX:
            raise TypeError(NO_ORDER)
        rising = np.sort(x, axis=axis, stable=stable)
        return np.flip(rising, axis) if descending else rising

    def argsort(self, x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
        """Mended: NumPy has no descending order, and one of complex numbers."""
        if x.dtype in _COMPLEX:
            raise TypeError(NO_ORDER)
        if not descending:
            return np.argsort(x, axis=axis, stable=stable)
        # Backwards twice, so that equal elements stay in their order.
        rising = np.argsort(np.flip(x, axis), axis=axis, stable=stable)
        return x.shape[axis] - 1 - np.flip(rising, axis)

    def max(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Mended: NumPy orders complex numbers, by their real parts first."""
        if x.dtype in _COMPLEX:
            raise TypeError(NO_ORDER)
        return np.maximum.reduce(x, axis=axis, out=..., keepdims=keepdims)

    def min(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Mended: NumPy orders complex numbers, by their real parts first."""
        if x.dtype in _COMPLEX:
            raise TypeError(NO_ORDER)
        return np.minimum.reduce(x, axis=axis, out=..., keepdims=keepdims)

    # Values at infinities and zeros, and casts -------------------------------------------------

    def floor_divide(self, x1: Any, x2: Any, /) -> Any:
        """Mended: infinity // 2 is NaN in NumPy, not infinity, and 1 // -infinity is -1, not -0."""
        if x1.dtype.kind in "iub" and x2.dtype.kind in "iub":
            return np.floor_divide(x1, x2)
        if _all_finite(x1) and _all_finite(x2):
            return np.floor_divide(x1, x2)
        with np.errstate(invalid="ignore"):
            infinite = np.isinf(x1) | np.isinf(x2)
            return np.where(infinite, np.divide(x1, x2), np.floor_divide(x1, x2))

    def expm1(self, x: Any, /) -> Any:
        """Mended: of complex infinities, NaN and -0 NumPy gives other values than the standard."""
        if x.dtype.kind != "c":
            return np.expm1(x)
        with np.errstate(all="ignore"):
            near = np.asarray(np.expm1(x))
            near.real += 0.0  # of -0 + 0j, -0 becomes 0
            finite = np.isfinite(x)
            if finite.all():
                return near
            far = np.asarray(np.exp(x))
            far.real -= 1.0
        return np.where(finite, near, far)

    def sign(self, x: Any, /) -> Any:
        """Mended: of infinity + NaN j NumPy gives 1, not NaN."""
        out = np.sign(x)
        return np.where(np.isnan(x), np.nan * (1 + 1j), out).astype(x.dtype) if x.dtype.kind == "c" else out

    def log1p(self, x: Any, /) -> Any:
        """Mended: of small complex numbers NumPy loses the digits that log1p is there to keep."""
        out = np.log1p(x)
        if x.dtype.kind != "c":
            return out
        a, b = x.real, x.imag
        near = (np.abs(a) < 0.5) & (np.abs(b) < 0.5)
        if near.any():
            out = np.asarray(out)
            out.real = np.where(near, 0.5 * np.log1p(np.where(near, a * (2 + a) + b * b, 0)), out.real)
        return out

    def tanh(self, x: Any, /) -> Any:
        """Mended: of infinity + 2j NumPy gives 1 - 0j, the standard 1 + 0j."""
        out = np.tanh(x)
        if x.dtype.kind != "c" or not (infinite := np.isinf(x.real) & np.isfinite(x.imag)).any():
            return out
        out = np.asarray(out)
        out.imag = np.where(infinite, np.copysign(0, x.imag), out.imag)
        return out

    def reciprocal(self, x: Any, /) -> Any:
        """Mended: of integers NumPy's is an integer, 0 nearly everywhere."""
        return np.reciprocal(x) if x.dtype in _FULL else np.divide(1, x)

    def astype(self, x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
        """Mended: NumPy's answer outside an integer's range differs by CPU; here it is the nearest
        integer there is, and 0 for NaN. Complex to real, where NumPy only warns, is an error."""
        kind = x.dtype.kind
        if kind in "fc" and dtype.kind != kind:
            if kind == "c" and dtype.kind in "fiu":
                raise TypeError("a complex array does not become real by a cast; use ut.real(x)")
            if dtype.kind in "iu":
                return _saturate(x, dtype)
        return x.astype(dtype, copy=copy)

    def linalg_eig(self, x: Any, /) -> Any:
        """Mended: NumPy gives real numbers where all eigenvalues happen to be."""
        values, vectors = np.linalg.eig(x)
        kind = _complex_of(vectors.dtype)
        return values.astype(kind, copy=False), vectors.astype(kind, copy=False)

    def linalg_eigvals(self, x: Any, /) -> Any:
        """Mended: as of `eig`."""
        values = np.linalg.eigvals(x)
        return values.astype(_complex_of(values.dtype), copy=False)

    def linalg_matrix_rank(self, x: Any, /, *, rtol: Any = None) -> Any:
        """Mended: NumPy takes vectors and empty matrices, too."""
        sizes = np.linalg.svdvals(x)
        if rtol is None:
            least = sizes.max(axis=-1, keepdims=True) * (max(x.shape[-2:]) * np.finfo(sizes.dtype).eps)
        else:
            least = sizes.max(axis=-1, keepdims=True) * np.asarray(rtol)[..., None]
        return np.count_nonzero(sizes > least, axis=-1)

    def linalg_pinv(self, x: Any, /, *, rtol: Any = None) -> Any:
        """Mended: NumPy's default tolerance is the same for every dtype and shape."""
        x = x if x.dtype.kind in "fc" else x.astype(np.float64)
        if rtol is None:
            rtol = max(x.shape[-2:]) * np.finfo(x.dtype).eps
        return np.linalg.pinv(x, rtol=rtol.real if isinstance(rtol, np.ndarray) else rtol)


def _complex_of(dtype: Any) -> Any:
    return np.result_type(dtype, np.complex64)


def _all_finite(x: Any) -> bool:
    finite = np.isfinite(x)
    # A few bytes are searched faster than `all` starts.
    return b"\0" not in finite.tobytes() if finite.size < 1000 else bool(finite.all())


def _saturate(x: Any, dtype: Any) -> Any:
    info = np.iinfo(dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        out = np.asarray(x.astype(dtype))
        low, high = x.dtype.type(info.min), x.dtype.type(info.max)
        inside = (x > low) & (x < high)
        if inside.all():
            return out
        out = np.where(x >= high, info.max, np.where(x <= low, info.min, out))
        return np.where(np.isnan(x), 0, out).astype(dtype)


backend = NumpyBackend
