"""array-api-strict as an engine: proof that every op and every rule uses the standard alone.

It is found like any plugin, through the entry point in `tests/plugins`, and is as strict as
the library allows:

- standard 2025.12, all creation on the engine's second device, never on its default one;
- boolean indexing and data-dependent shapes are switched off in the engine. The ops that cannot
  be without the latter by their definition (`nonzero`, `unique_*`, `repeat` by an array) switch it
  on for their own call; no other op and no rule may use it;
- arrays are never written to: assignment and scatter-add are `concat` and `take`;
- indexing beyond the standard's is `take` too, so the engine sees no NumPy key.

Where NumPy takes more dtypes than the standard does (`fft` of reals, `logical_and` of numbers), the
plugin computes NumPy's answer from what the standard has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_strict as strict
import numpy as np

from unitensor import Backend, load_backend
from unitensor._ops.indexing import flat_indices, getitem_by_take

SECOND = strict.Device("device1")


def on_second(name: str, module: Any = strict) -> Callable[..., Any]:
    """A creation function that makes its arrays on the second device."""
    make = getattr(module, name)

    def create(self: StrictBackend, *args: Any, device: Any = None, **options: Any) -> Any:
        return make(*args, device=SECOND if device is None else device, **options)

    return create


def data_dependent(name: str) -> Callable[..., Any]:
    """A function whose result's shape depends on values, allowed for this call alone."""
    function = getattr(strict, name)

    def call(self: StrictBackend, *args: Any, **options: Any) -> Any:
        with strict.ArrayAPIStrictFlags(data_dependent_shapes=True):
            return function(*args, **options)

    return call


def by_numpy(name: str) -> Callable[..., Any]:
    """A function whose special values differ from the standard's: the NumPy plugin has them mended."""

    def call(self: StrictBackend, *inputs: Any) -> Any:
        function = getattr(load_backend("numpy").namespace, name)
        return self.from_numpy(function(*(self.to_numpy(x) for x in inputs)), inputs[0].device)

    return call


def as_complex(name: str) -> Callable[..., Any]:
    """A Fourier transform whose real input is cast to the complex dtype of the same precision."""
    transform = getattr(strict.fft, name)

    def call(self: StrictBackend, x: Any, /, **options: Any) -> Any:
        target = {strict.float32: strict.complex64, strict.float64: strict.complex128}.get(x.dtype, x.dtype)
        return transform(self.astype(x, target), **options)

    return call


def of_truth(name: str) -> Callable[..., Any]:
    """A logical function of numbers: of whether they are not 0."""
    function = getattr(strict, name)

    def call(self: StrictBackend, *inputs: Any) -> Any:
        return function(*(x if x.dtype == strict.bool else strict.not_equal(x, 0) for x in inputs))

    return call


def shift(sign: int) -> Callable[..., Any]:
    """fftshift or ifftshift, of any dtype."""

    def call(self: StrictBackend, x: Any, /, *, axes: Any = None) -> Any:
        axes = range(x.ndim) if axes is None else (axes,) if isinstance(axes, int) else axes
        by = tuple(x.shape[a] // 2 if sign > 0 else -(x.shape[a] // 2) for a in axes)
        return strict.roll(x, by, axis=tuple(axes))

    return call


class StrictBackend(Backend):
    """array-api-strict on its second device."""

    name = "strict"
    xp = strict
    array_type = type(strict.empty(0))
    mutable = False
    shares_views = False
    install = "pip install array-api-strict"
    host_ops = frozenset({"astype", "expm1", "log1p", "tanh", "sign", "floor_divide"})

    def __init__(self) -> None:
        strict.set_array_api_strict_flags(
            api_version="2025.12", boolean_indexing=False, data_dependent_shapes=False
        )
        super().__init__()

    def asarray(self, obj: Any, /, *, device: Any = None, **options: Any) -> Any:
        home = obj.device if isinstance(obj, self.array_types) else SECOND
        return strict.asarray(obj, device=home if device is None else device, **options)

    zeros = on_second("zeros")
    ones = on_second("ones")
    empty = on_second("empty")
    full = on_second("full")
    arange = on_second("arange")
    eye = on_second("eye")
    linspace = on_second("linspace")
    fft_fftfreq = on_second("fftfreq", strict.fft)
    fft_rfftfreq = on_second("rfftfreq", strict.fft)

    def astype(self, x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
        if strict.isdtype(x.dtype, "real floating") and strict.isdtype(dtype, "integral"):
            # The standard leaves numbers out of range open; the NumPy plugin decides.
            cast = load_backend("numpy").namespace.astype
            name = str(dtype).rpartition(".")[2]
            x = self.from_numpy(cast(self.to_numpy(x), np.dtype(name)), x.device)
        # strict takes device=None for its default device, not for x's.
        return strict.astype(x, dtype, copy=copy, device=x.device if device is None else device)

    expm1 = by_numpy("expm1")
    log1p = by_numpy("log1p")
    tanh = by_numpy("tanh")
    sign = by_numpy("sign")
    floor_divide = by_numpy("floor_divide")

    nonzero = data_dependent("nonzero")
    unique_all = data_dependent("unique_all")
    unique_counts = data_dependent("unique_counts")
    unique_inverse = data_dependent("unique_inverse")
    unique_values = data_dependent("unique_values")
    repeat = data_dependent("repeat")

    fft_fft = as_complex("fft")
    fft_ifft = as_complex("ifft")
    fft_fftn = as_complex("fftn")
    fft_ifftn = as_complex("ifftn")
    fft_fftshift = shift(1)
    fft_ifftshift = shift(-1)
    logical_and = of_truth("logical_and")
    logical_or = of_truth("logical_or")
    logical_xor = of_truth("logical_xor")
    logical_not = of_truth("logical_not")

    def imag(self, x: Any, /) -> Any:
        return strict.imag(x) if "complex" in str(x.dtype) else strict.zeros_like(x)

    def clip(self, x: Any, /, min: Any = None, max: Any = None) -> Any:
        x = x if min is None else strict.maximum(x, min)
        return x if max is None else strict.minimum(x, max)

    def isin(self, x1: Any, x2: Any, /, *, invert: bool = False) -> Any:
        found = strict.any(strict.equal(strict.expand_dims(x1, axis=-1), strict.reshape(x2, (-1,))), axis=-1)
        return strict.logical_not(found) if invert else found

    def var(self, x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
        if "complex" in str(x.dtype):
            spread = strict.abs(strict.subtract(x, strict.mean(x, axis=axis, keepdims=True)))
            total = strict.sum(strict.square(spread), axis=axis, keepdims=keepdims)
            return strict.divide(total, max(x.size // max(total.size, 1) - correction, 0.0))
        return strict.var(x, axis=axis, correction=correction, keepdims=keepdims)

    def std(self, x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
        return strict.sqrt(self.var(x, axis=axis, correction=correction, keepdims=keepdims))

    def linalg_matrix_power(self, x: Any, n: int, /) -> Any:
        if n < 0 or "int" not in str(x.dtype):
            x = self.astype(x, strict.float64) if "int" in str(x.dtype) else x
            return strict.linalg.matrix_power(x, n)
        power = strict.broadcast_to(strict.eye(x.shape[-1], dtype=x.dtype, device=x.device), x.shape)
        for _ in range(n):
            power = strict.matmul(power, x)
        return power

    # Moving in and out ---------------------------------------------------------------------------

    def from_numpy(self, a: Any, device: Any = None) -> Any:
        return self.asarray(a, device=device)

    def from_dlpack(self, obj: Any, device: Any = None, copy: bool | None = None) -> Any:
        return strict.from_dlpack(obj, device=SECOND if device is None else device, copy=copy)

    def raw_devices(self) -> list[Any]:
        # The engine's other devices lack 64-bit types.
        return [SECOND, strict.Device(), strict.Device("device2")]

    def device_name(self, raw: Any) -> str:
        name: str = raw._device
        return "cpu" if name == "CPU_DEVICE" else name

    # Reading and writing ---------------------------------------------------------------------------

    def getitem(self, x: Any, key: Any) -> Any:
        return getitem_by_take(self.namespace, x, key)

    def assign(self, a: Any, key: Any, value: Any) -> Any:
        where = flat_indices(self.namespace, key, a.shape)
        while value.ndim > where.ndim and value.shape[0] == 1:
            value = strict.squeeze(value, axis=0)
        value = strict.broadcast_to(value, where.shape)
        source = np.arange(a.size)
        source[where.reshape(-1)] = a.size + np.arange(where.size)
        return self._pick([a, value], source, a.shape)

    def scatter_add(self, a: Any, key: Any, value: Any) -> Any:
        where = flat_indices(self.namespace, key, a.shape)
        value = strict.broadcast_to(value, where.shape)
        nothing = strict.zeros((1,), dtype=value.dtype, device=value.device)
        add = strict.logical_or if value.dtype == strict.bool else strict.add
        left = np.arange(where.size)
        where = where.reshape(-1)
        # Each round adds at most one value to an element, so that repeated indices all count.
        while left.size:
            _, first = np.unique(where[left], return_index=True)
            source = np.zeros(a.size, np.int64)
            source[where[left[first]]] = 1 + left[first]
            a = add(a, self._pick([nothing, value], source, a.shape))
            left = np.delete(left, first)
        return a

    def _pick(self, arrays: list[Any], source: Any, shape: tuple[int, ...]) -> Any:
        """Elements of several arrays laid end to end, in an order, as an array of a shape."""
        joined = strict.concat(arrays, axis=None)
        return strict.reshape(strict.take(joined, self.from_numpy(source, joined.device), axis=0), shape)


backend = StrictBackend
