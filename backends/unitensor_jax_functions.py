"""Functions over whole arrays for the JAX backend: statistics, sets, Fourier transforms, rearranging."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unitensor import load_backend


def _of_complex_on_host(name: str) -> Any:
    """A function of sets: JAX's own of reals, NumPy's of complex numbers."""
    by_jax = getattr(jnp, name)

    def call(self: Any, x: Any, /) -> Any:
        """Mended: of complex numbers with NaN in one part JAX gives others in their place."""
        if x.dtype.kind != "c":
            return by_jax(x)
        found = getattr(load_backend("numpy").namespace, name)(np.asarray(x))
        if isinstance(found, np.ndarray):
            return self.from_numpy(found, x.device)
        return tuple(self.from_numpy(part, x.device) for part in found)

    return call


def _of_something(name: str) -> Any:
    """A Fourier transform; along an axis without elements there is none."""
    transform = getattr(jnp.fft, name)

    def call(self: Any, x: Any, /, **options: Any) -> Any:
        """Mended: JAX gives an empty array where there is nothing to transform, and NumPy raises."""
        if not x.ndim and name not in ("fftn", "ifftn"):
            raise np.exceptions.AxisError(-1, 0)
        if 0 in x.shape and options.get("n") is None and options.get("s") is None:
            axes = options.get("axes", options.get("axis"))
            for axis in range(x.ndim) if axes is None else (axes,) if isinstance(axes, int) else axes:
                if x.shape[axis] == 0:
                    raise ValueError(f"no elements along axis {axis} to transform")
        if x.dtype.kind in "fV" and x.dtype.itemsize == 2:
            x = x.astype(jnp.float32)  # JAX has no transforms of half precision
        return transform(x, **options)

    return call


_permute = jax.jit(jnp.permute_dims, static_argnums=1, inline=True)


def _matrix(x: Any) -> Any:
    """A vector repeated as the rows of a square matrix, as NumPy has it in tril and triu."""
    return jnp.broadcast_to(x, (x.shape[0], x.shape[0])) if x.ndim == 1 else x


class Functions:
    """The part of the JAX backend that overrides the chapters after the element-wise one."""

    # Statistics -------------------------------------------------------------------------------------------

    def var(self, x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
        """Mended: of no more elements than the correction JAX's is NaN; NumPy's divides by 0."""
        axes = range(x.ndim) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, x.ndim)
        if math.prod(x.shape[a] for a in axes) > correction:
            return jnp.var(x, axis=axis, correction=correction, keepdims=keepdims)
        centred = jnp.abs(x - jnp.mean(x, axis=axis, keepdims=True))
        return jnp.sum(centred * centred, axis=axis, keepdims=keepdims) / 0

    def std(self, x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
        """Mended: as var."""
        return jnp.sqrt(self.var(x, axis=axis, correction=correction, keepdims=keepdims))

    # Sets, and Fourier transforms -----------------------------------------------------------------------

    unique_all = _of_complex_on_host("unique_all")
    unique_counts = _of_complex_on_host("unique_counts")
    unique_inverse = _of_complex_on_host("unique_inverse")
    unique_values = _of_complex_on_host("unique_values")

    fft_fft = _of_something("fft")
    fft_ifft = _of_something("ifft")
    fft_fftn = _of_something("fftn")
    fft_ifftn = _of_something("ifftn")
    fft_rfft = _of_something("rfft")
    fft_rfftn = _of_something("rfftn")
    fft_irfft = _of_something("irfft")
    fft_irfftn = _of_something("irfftn")
    fft_hfft = _of_something("hfft")
    fft_ihfft = _of_something("ihfft")

    # Other functions ----------------------------------------------------------------------------------

    def permute_dims(self, x: Any, /, axes: tuple[int, ...]) -> Any:
        """Mended: JAX refuses negative axes."""
        if len(axes) != x.ndim or any(not -x.ndim <= a < x.ndim for a in axes):
            raise ValueError(f"axes {tuple(axes)} are not an order of {x.ndim} axes")
        return _permute(x, tuple(a % x.ndim for a in axes))

    def searchsorted(self, x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Any:
        """Mended: JAX gives int32."""
        return jnp.searchsorted(x1, x2, side=side, sorter=sorter).astype(jnp.int64)

    def cumulative_sum(self, x: Any, /, **options: Any) -> Any:
        """Mended: JAX refuses 0-d arrays."""
        return jnp.cumulative_sum(x if x.ndim else x.reshape(1), **options)

    def cumulative_prod(self, x: Any, /, *, dtype: Any = None, **options: Any) -> Any:
        """Mended: JAX refuses 0-d arrays, and keeps small integers small."""
        if dtype is None and x.dtype.kind in "biu":
            dtype = jnp.uint64 if x.dtype.kind == "u" else jnp.int64
        return jnp.cumulative_prod(x if x.ndim else x.reshape(1), dtype=dtype, **options)

    def tril(self, x: Any, /, *, k: int = 0) -> Any:
        """Mended: JAX refuses vectors."""
        return jnp.tril(_matrix(x), k)

    def triu(self, x: Any, /, *, k: int = 0) -> Any:
        """Mended: JAX refuses vectors."""
        return jnp.triu(_matrix(x), k)
