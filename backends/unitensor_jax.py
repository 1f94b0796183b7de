"""The JAX backend: immutable arrays on CPU, GPU and TPU, with 64-bit types on."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import unitensor_jax_complex as mended
from jax import lax
from unitensor_jax_functions import Functions
from unitensor_jax_linalg import LinearAlgebra, holds
from unitensor_jax_scipy import Scipy
from unitensor_jax_special import Special

from unitensor import Backend
from unitensor._op import Op

jax.config.update("jax_enable_x64", True)

#: Functions whose options NumPy, too, takes no lists for.
REDUCTIONS = frozenset({"sum", "mean", "prod", "max", "min"})


def _quiet_devices() -> list[Any]:
    """JAX's devices; what it says about accelerators that it did not find is kept back."""
    log = logging.getLogger("jax._src.xla_bridge")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        devices = list(jax.devices())
        return devices if devices[0].platform == "cpu" else devices + list(jax.devices("cpu"))
    finally:
        log.setLevel(level)


def _on_host(x: Any, key: Any) -> bool:
    """Whether an array and the arrays of a key have values, and x lies in the CPU's memory."""
    if isinstance(x, jax.core.Tracer) or len(x.devices()) > 1 or x.device.platform != "cpu":
        return False
    parts = key if type(key) is tuple else (key,)
    return not any(isinstance(part, jax.core.Tracer) for part in parts)


def _plain(key: Any) -> tuple[Any, ...]:
    """A key with NumPy arrays instead of JAX's."""
    parts = key if type(key) is tuple else (key,)
    return tuple(np.asarray(part) if isinstance(part, jax.Array) else part for part in parts)


#: Bytes from which on an array is not copied for one row.
_LARGE = 1 << 17


def _row(a: Any, key: Any) -> int | None:
    """The row of a large array that a key names, if that is what it does."""
    if isinstance(a, jax.core.Tracer) or a.nbytes < _LARGE or a.ndim < 2 or len(a.devices()) > 1:
        return None
    first, *rest = key if type(key) is tuple else (key,)
    whole = all(part is Ellipsis or (type(part) is slice and part == slice(None)) for part in rest)
    if type(first) is not int or not whole or _tracing():
        return None
    return first % len(a) if -len(a) <= first < len(a) and len(rest) < a.ndim else None


# Of one row XLA compiles a program for each shape of array alone, and reads or writes no more than it.
_read_row = jax.jit(lambda a, i: jax.lax.dynamic_index_in_dim(a, i, keepdims=False))
_write_row = jax.jit(lambda a, i, v: jax.lax.dynamic_update_index_in_dim(a, v, i, 0), donate_argnums=0)
_add_to_row = jax.jit(lambda a, i, v: a.at[i].add(v), donate_argnums=0)


def _checked(x: Any, key: Any) -> tuple[Any, tuple[int, ...] | None]:
    """A key that NumPy accepts for x, and the shape that it selects.

    JAX clamps or drops indices out of bounds; here they raise NumPy's own errors. A key
    inside a traced function has no values, and is left to JAX.
    """
    parts = key if type(key) is tuple else (key,)
    if any(isinstance(part, jax.core.Tracer) for part in parts):
        return key, None
    plain = _plain(key)
    shadow = np.broadcast_to(np.zeros((), np.int8), x.shape)
    return plain, shadow[plain].shape


try:
    from jax._src.core import trace_state_clean  # JAX has no public name for it
except ImportError:
    _PROBE = jax.device_put(np.zeros(()))

    def trace_state_clean() -> bool:
        return not isinstance(lax.neg(_PROBE), jax.core.Tracer)


def _tracing() -> bool:
    """Whether JAX is tracing a function."""
    return not trace_state_clean()


def _last_of_each(a: Any, key: Any, value: Any) -> tuple[Any, Any]:
    """A known key and its values, of several for one element the last, as NumPy has it; XLA keeps any."""
    if not any(isinstance(part, np.ndarray) for part in key):
        return key, value
    places = np.arange(a.size).reshape(a.shape)[key].reshape(-1)
    found, last = np.unique(places[::-1], return_index=True)
    if found.size == places.size:
        return key, value
    return np.unravel_index(found, a.shape), value.reshape(-1)[places.size - 1 - last]


@jax.jit
def _int_pow(x1: Any, x2: Any) -> Any:
    """Integer powers modulo the width of the dtype; XLA looks at a few bits of the exponent only."""

    def step(_: Any, state: Any) -> Any:
        power, base, left = state
        return jnp.where(left & 1, power * base, power), base * base, left >> 1

    base, left = jnp.broadcast_arrays(x1, x2)
    return lax.fori_loop(0, x1.dtype.itemsize * 8, step, (jnp.ones_like(base), base, left))[0]


def _complex(name: str) -> Any:
    """A function of one array: JAX's own for reals, mended for complex numbers."""
    plain, other = getattr(jnp, name), getattr(mended, name)

    def call(self: JaxBackend, x: Any, /) -> Any:
        """Mended: XLA's differs at complex infinities, NaN and signed zeros."""
        return other(x) if x.dtype.kind == "c" else plain(x)

    return _beside(plain, call)


def _beside(plain: Any, call: Any) -> Any:
    """A mend of complex numbers: with all other dtypes the front end calls JAX's own function directly."""
    call.ordinary = plain
    call.odd = frozenset({np.dtype("complex64"), np.dtype("complex128")})
    return call


def _float_divmod(x1: Any, x2: Any) -> tuple[Any, Any]:
    """The quotient with the standard's special cases, and the remainder with the sign of x2."""
    x1, x2 = jnp.broadcast_arrays(x1, x2)
    rest = lax.rem(x1, x2)
    quotient = (x1 - rest) / x2
    off = (rest != 0) & ((x2 < 0) != (rest < 0))
    rest = jnp.where(off, rest + x2, jnp.where(rest == 0, jnp.copysign(0, x2).astype(rest.dtype), rest))
    quotient = jnp.where(off, quotient - 1, quotient)
    whole = jnp.floor(quotient)
    whole = jnp.where(quotient - whole > 0.5, whole + 1, whole)
    exact = x1 / x2
    whole = jnp.where(quotient == 0, jnp.copysign(jnp.zeros_like(exact), exact), whole)
    return jnp.where(jnp.isinf(x1) | jnp.isinf(x2) | (x2 == 0), exact, whole), rest


# One program each, in which XLA leaves out what the other one wants.
_float_quotient = jax.jit(lambda x1, x2: _float_divmod(x1, x2)[0])
_float_rest = jax.jit(lambda x1, x2: _float_divmod(x1, x2)[1])


@jax.jit
def _int_divmod(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Quotient and remainder, 0 where x2 is."""
    zero = x2 == 0
    safe = jnp.where(zero, jnp.ones_like(x2), x2)
    return jnp.where(zero, 0, jnp.floor_divide(x1, safe)), jnp.where(zero, 0, jnp.remainder(x1, safe))


@functools.partial(jax.jit, inline=True)
def _quotient(x1: Any, x2: Any) -> Any:
    """Both made smaller where x2 is so large that its reciprocal, by which XLA multiplies, is flushed to 0."""
    dtype = jnp.result_type(x1, x2)
    if not jnp.issubdtype(dtype, jnp.floating):
        return jnp.divide(x1, x2)
    smaller = jnp.where(jnp.abs(x2) > 1 / jnp.finfo(dtype).tiny, 2.0**-8, 1.0)
    return jnp.divide(x1 * smaller, x2 * smaller)


_cast = jax.jit(jnp.astype, static_argnums=1, inline=True)


def _constant(a: Any, device: Any) -> Any:
    """A NumPy array's values, known inside a traced function too: the front end keeps some for later."""
    if a.dtype == bool:  # XLA takes any byte but 1 and 0 for something else
        a = a.view(np.uint8) != 0
    with jax.ensure_compile_time_eval():
        return jax.device_put(a, device)


def _created(name: str) -> Callable[..., Any]:
    """A creation function, on the CPU NumPy's: XLA would compile a program for every new shape."""
    by_numpy, by_jax = getattr(np, name), getattr(jnp, name)

    def create(self: JaxBackend, *args: Any, device: Any = None, **options: Any) -> Any:
        device = self._default() if device is None else device
        if device.platform != "cpu":
            return by_jax(*args, device=device, **options)
        return self.from_numpy(by_numpy(*args, **options), device)

    return create


class JaxBackend(Special, Scipy, Functions, LinearAlgebra, Backend):
    """jax.numpy, mended where it differs from the standard or from NumPy."""

    name = "jax"
    xp = jnp
    numpy_rules = False
    mutable = False
    shares_views = False
    install = "pip install jax"
    # On the CPU by NumPy over the same memory; elsewhere indices and sets of complex numbers are looked at there.
    host_ops = frozenset(
        {
            "repeat",
            "take",
            "take_along_axis",
            "unique_all",
            "unique_counts",
            "unique_inverse",
            "unique_values",
        }
    )

    def __init__(self) -> None:
        self._all = _quiet_devices()
        # Of an array from the host, because any other would have a program compiled for it.
        self.array_type = (type(jax.device_put(np.zeros(()))), jax.Array)
        super().__init__()

    def version(self) -> str:
        return str(jax.__version__)

    def quick(self, made: Op, f: Callable[..., Any]) -> Callable[..., Any]:
        """One compiled program for what JAX does step by step, in Python: `concat` takes a fifth of the time."""
        if not (made.elementwise or made.linear or made.name in REDUCTIONS):
            return f
        known = inspect.signature(f).parameters
        compiled = jax.jit(
            f,
            static_argnums=[i for i, p in enumerate(made.positional) if p in made.options] or None,
            static_argnames=[p for p in made.options if p in known or "options" in known] or None,
            inline=True,
        )
        if not made.options or made.name in REDUCTIONS:
            return compiled

        def call(*args: Any, **options: Any) -> Any:
            try:
                return compiled(*args, **options)
            except (TypeError, ValueError):  # a list among the options, or what f says of it better
                return f(*args, **options)

        return call

    # Moving in and out ---------------------------------------------------------------------------

    def to_numpy(self, a: Any) -> Any:
        found = np.asarray(a)
        # JAX has NumPy's machinery for bfloat16, NumPy itself has not.
        return found.astype(np.float32) if found.dtype.kind == "V" else found

    def from_numpy(self, a: Any, device: Any = None) -> Any:
        # A copy, because JAX would share memory that the user can write to, or not, as it happens
        # (also with may_alias=False).
        return _constant(np.array(a), device)

    def asarray(self, obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
        if isinstance(obj, jax.Array):
            return jnp.asarray(obj, dtype=dtype, device=device, copy=copy)
        return _constant(np.array(obj, dtype=dtype), device)

    def join_complex(self, real: Any, imag: Any) -> Any:
        return jax.lax.complex(real, imag)

    def from_dlpack(self, obj: Any, device: Any = None, copy: bool | None = None) -> Any:
        """Mended: with `copy=True` JAX may still share the memory, and sees what is written there later."""
        try:
            a = jnp.from_dlpack(obj, device=device, copy=copy)
        except (BufferError, ValueError, RuntimeError) as error:
            # JAX takes no strides and no read-only memory; a copy has neither.
            if copy is False:
                raise BufferError(f"from_dlpack: copy=False, but {str(error).splitlines()[0]}") from error
            return self.from_numpy(np.from_dlpack(obj), device)
        if a.dtype == bool and holds(lambda a: (a.view(jnp.uint8) > 1).any(), a):
            if copy is False:
                raise BufferError("from_dlpack: copy=False, but JAX needs booleans of the bytes 0 and 1")
            return a.view(jnp.uint8) != 0
        return jnp.array(a, copy=True).block_until_ready() if copy else a

    def to_dlpack(self, a: Any, **options: Any) -> Any:
        # JAX refuses versions before its oldest, where the standard lets it give what it has.
        if (options.get("max_version") or (1, 0)) < (1, 0):
            options["max_version"] = None
        try:
            return super().to_dlpack(a, **options)
        except RuntimeError as error:
            raise BufferError(f"__dlpack__ of an array on {a.device}: {error}") from error

    def to_device(self, a: Any, device: Any) -> Any:
        return jax.device_put(a, device)

    def clear_caches(self) -> None:
        jax.clear_caches()

    def synchronize(self, a: Any) -> None:
        a.block_until_ready()

    def raw_devices(self) -> list[Any]:
        return self._all

    def _default(self) -> Any:
        """Where JAX puts new arrays: `jax.default_device` may say otherwise than the first device."""
        chosen = jax.config.jax_default_device
        return chosen if isinstance(chosen, jax.Device) else self._all[0]

    def raw_device_of(self, a: Any) -> Any:
        if isinstance(a, jax.core.Tracer):
            return self._all[0]
        return a.device

    def device_name(self, raw: Any) -> str:
        alone = raw.platform == "cpu" and sum(d.platform == "cpu" for d in self._all) == 1
        return "cpu" if alone else f"{raw.platform}:{raw.id}"

    zeros = _created("zeros")
    ones = _created("ones")
    empty = _created("empty")
    full = _created("full")
    eye = _created("eye")

    # Reading and writing ---------------------------------------------------------------------------
    #
    # XLA compiles a program for every new slice or shape of indices; on the CPU NumPy does the same
    # work at once, over the same memory.

    def getitem(self, x: Any, key: Any) -> Any:
        if (row := _row(x, key)) is not None:
            return _read_row(x, row)
        if _on_host(x, key):
            part, device = np.asarray(x)[_plain(key)], x.device
            # asarray takes half as long, but knows the default device alone.
            return jnp.asarray(part) if device is self._default() else jax.device_put(part, device)
        return x[_checked(x, key)[0]]

    def take(self, x: Any, indices: Any, /, *, axis: Any = None) -> Any:
        """Mended: JAX fills in or clips where an index is out of range."""
        x = x if x.ndim else x.reshape(1)  # as NumPy has it
        axis = 0 if axis is None else np.lib.array_utils.normalize_axis_index(axis, x.ndim)
        return self.getitem(x, (slice(None),) * axis + (indices,))

    def take_along_axis(self, x: Any, indices: Any, /, *, axis: int = -1) -> Any:
        """Mended: JAX fills in or clips where an index is out of range."""
        if not isinstance(indices, jax.core.Tracer):
            np.zeros(x.shape[axis], np.int8)[np.asarray(indices)]
        return jnp.take_along_axis(x, indices, axis=axis)

    def has_values(self, a: Any) -> bool:
        if isinstance(a, jax.Array):
            # Inside `jax.jit` what is computed of a constant has no value, so that none counts as having one.
            # Of an array that lies on several hosts each has a part.
            return not isinstance(a, jax.core.Tracer) and a.is_fully_addressable and not _tracing()
        return not isinstance(a, (tuple, list)) or all(map(self.has_values, a))

    def assign(self, a: Any, key: Any, value: Any) -> Any:
        if _on_host(a, key) and _on_host(value, ()):
            written = np.array(a)
            written[_plain(key)] = np.asarray(value)
            return jax.device_put(written, a.device)
        if isinstance(key, jax.core.Tracer) and key.dtype == bool and key.shape == a.shape and not value.ndim:
            return jnp.where(key, value, a)  # how many places a traced mask selects is not known
        key, shape = _checked(a, key)
        if shape is not None:
            while value.ndim > len(shape) and value.shape[0] == 1:
                value = value[0]
            value = jnp.broadcast_to(value, shape)
            key, value = _last_of_each(a, key, value)
        return a.at[key].set(value)

    def overwrite(self, a: Any, key: Any, value: Any) -> Any:
        row = _row(a, key)
        if row is None or value.shape != a.shape[1:] or isinstance(value, jax.core.Tracer):
            return self.assign(a, key, value)
        return _write_row(a, row, value)

    def add_to(self, a: Any, key: Any, value: Any) -> Any:
        row = _row(a, key)
        if row is None or value.shape != a.shape[1:] or isinstance(value, jax.core.Tracer):
            return super().add_to(a, key, value)
        return _add_to_row(a, row, value)

    def scatter_add(self, a: Any, key: Any, value: Any) -> Any:
        if _on_host(a, key) and _on_host(value, ()):
            total = np.array(a)
            np.add.at(total, _plain(key), np.asarray(value))
            return jax.device_put(total, a.device)
        where = a.at[_checked(a, key)[0]]
        return where.max(value) if a.dtype == bool else where.add(value)

    # Element-wise functions -------------------------------------------------------------------------

    exp = _complex("exp")
    expm1 = _complex("expm1")
    log = _complex("log")
    log1p = _complex("log1p")
    log2 = _complex("log2")
    log10 = _complex("log10")
    sqrt = _complex("sqrt")
    sin = _complex("sin")
    cos = _complex("cos")
    tan = _complex("tan")
    asin = _complex("asin")
    acos = _complex("acos")
    atan = _complex("atan")
    sinh = _complex("sinh")
    cosh = _complex("cosh")
    tanh = _complex("tanh")
    asinh = _complex("asinh")
    acosh = _complex("acosh")
    atanh = _complex("atanh")
    abs = _complex("abs")

    def sign(self, x: Any, /) -> Any:
        """Mended: XLA keeps the sign of -0, and its complex sign is NaN at infinities."""
        if x.dtype.kind == "c":
            return mended.sign(x)
        return jnp.sign(x) + 0 if x.dtype.kind in "fV" else jnp.sign(x)

    def floor_divide(self, x1: Any, x2: Any, /) -> Any:
        """Mended: JAX follows Python at infinities, and divides integers by zero in its own way."""
        return _float_quotient(x1, x2) if x1.dtype.kind in "fV" else _int_divmod(x1, x2)[0]

    def remainder(self, x1: Any, x2: Any, /) -> Any:
        """Mended: JAX differs at infinities and signed zeros, and for integers at zero."""
        return _float_rest(x1, x2) if x1.dtype.kind in "fV" else _int_divmod(x1, x2)[1]

    def divide(self, x1: Any, x2: Any, /) -> Any:
        """Mended: XLA's complex quotient overflows, and is NaN at infinities."""
        return mended.divide(x1, x2) if x1.dtype.kind == "c" else _quotient(x1, x2)

    divide = _beside(_quotient, divide)

    def reciprocal(self, x: Any, /) -> Any:
        """Mended: JAX has none of integers, and its complex one is NaN at infinities."""
        return mended.reciprocal(x) if x.dtype.kind == "c" else jnp.divide(1, x)

    def pow(self, x1: Any, x2: Any, /) -> Any:
        """Mended: XLA looks at a few bits of integer exponents only, and loses complex special cases."""
        if x1.dtype.kind == "c":
            return mended.pow(x1, x2)
        if x1.dtype.kind not in "iu":
            return jnp.pow(x1, x2)
        if x2.dtype.kind == "i" and holds(lambda x2: (x2 < 0).any(), x2):
            raise ValueError("integers to negative integer powers are not allowed; cast to a floating dtype")
        return _int_pow(x1, x2)

    def hypot(self, x1: Any, x2: Any, /) -> Any:
        """Mended: JAX's overflows in half precision."""
        if x1.dtype.itemsize > 2:
            return jnp.hypot(x1, x2)
        return jnp.hypot(x1.astype(jnp.float32), x2.astype(jnp.float32)).astype(x1.dtype)

    def astype(self, x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
        """Mended: JAX casts complex to real numbers."""
        if x.dtype.kind == "c" and np.dtype(dtype).kind in "fiuV":
            raise TypeError("a complex array does not become real by a cast; use ut.real(x)")
        if device is None and x.dtype != dtype:
            return _cast(x, dtype)
        return jnp.astype(x, dtype, copy=copy, device=device)

    def all(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Mended: of complex numbers JAX looks at the real parts."""
        return jnp.all(x != 0 if x.dtype.kind == "c" else x, axis=axis, keepdims=keepdims)

    def any(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Mended: of complex numbers JAX looks at the real parts."""
        return jnp.any(x != 0 if x.dtype.kind == "c" else x, axis=axis, keepdims=keepdims)


backend = JaxBackend
