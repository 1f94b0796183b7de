"""The JAX backend: immutable arrays on CPU, GPU and TPU, with 64-bit types on."""

from __future__ import annotations

import logging
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unitensor import Backend

jax.config.update("jax_enable_x64", True)


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


def _host_part(part: Any) -> Any:
    return np.asarray(part) if isinstance(part, jax.Array) else part


def _concrete(key: Any) -> Any:
    """A key with NumPy arrays instead of JAX's; None if one has no value yet."""
    parts = key if type(key) is tuple else (key,)
    if any(isinstance(part, jax.core.Tracer) for part in parts):
        return None
    return tuple(_host_part(part) for part in parts)


def _checked(x: Any, key: Any) -> tuple[Any, tuple[int, ...] | None]:
    """A key that NumPy accepts for x, and the shape that it selects.

    JAX clamps or drops indices out of bounds; here they raise NumPy's own errors. A key
    inside a traced function has no values, and is left to JAX.
    """
    plain = _concrete(key)
    if plain is None:
        return key, None
    shadow = np.broadcast_to(np.zeros((), np.int8), x.shape)
    return plain, shadow[plain].shape


class JaxBackend(Backend):
    """jax.numpy, mended where it differs from the standard or from NumPy."""

    name = "jax"
    xp = jnp
    numpy_rules = False
    mutable = False
    shares_views = False
    install = "pip install jax"

    def __init__(self) -> None:
        self._all = _quiet_devices()
        self.array_type = (type(jnp.zeros(())), jax.Array)
        super().__init__()

    def version(self) -> str:
        return str(jax.__version__)

    # Moving in and out ---------------------------------------------------------------------------

    def to_numpy(self, a: Any) -> Any:
        return np.asarray(a)

    def from_numpy(self, a: Any, device: Any = None) -> Any:
        return jax.device_put(a, device)

    def from_dlpack(self, obj: Any, device: Any = None, copy: bool | None = None) -> Any:
        return jnp.from_dlpack(obj, device=device, copy=copy)

    def to_device(self, a: Any, device: Any) -> Any:
        return jax.device_put(a, device)

    def synchronize(self, a: Any) -> None:
        a.block_until_ready()

    def raw_devices(self) -> list[Any]:
        return self._all

    def raw_device_of(self, a: Any) -> Any:
        if isinstance(a, jax.core.Tracer):
            return self._all[0]
        return a.device

    def device_name(self, raw: Any) -> str:
        alone = raw.platform == "cpu" and sum(d.platform == "cpu" for d in self._all) == 1
        return "cpu" if alone else f"{raw.platform}:{raw.id}"

    # Reading and writing ---------------------------------------------------------------------------

    def getitem(self, x: Any, key: Any) -> Any:
        if type(key) is slice and x.ndim:
            return x[key]
        key, _ = _checked(x, key)
        return x[key]

    def take(self, x: Any, indices: Any, /, *, axis: Any = None) -> Any:
        return self.getitem(x, (slice(None),) * (0 if axis is None else axis % x.ndim) + (indices,))

    def take_along_axis(self, x: Any, indices: Any, /, *, axis: int = -1) -> Any:
        found = jnp.take_along_axis(x, indices, axis=axis)
        if not isinstance(indices, jax.core.Tracer):
            np.zeros(x.shape[axis], np.int8)[np.asarray(indices)]
        return found

    def assign(self, a: Any, key: Any, value: Any) -> Any:
        key, shape = _checked(a, key)
        if shape is not None:
            while value.ndim > len(shape) and value.shape[0] == 1:
                value = value[0]
            value = jnp.broadcast_to(value, shape)
        return a.at[key].set(value)

    def scatter_add(self, a: Any, key: Any, value: Any) -> Any:
        return a.at[_checked(a, key)[0]].add(value)


backend = JaxBackend
