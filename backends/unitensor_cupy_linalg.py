"""Linear algebra and Fourier transforms for the CuPy backend, mended where CuPy's differ from NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_compat.cupy as compat
import cupy as cp
import cupyx
import numpy as np

from unitensor import load_backend
from unitensor._host import on_host


def _checked(name: str) -> Callable[..., Any]:
    """A function of linalg that raises where the matrix is singular, as NumPy's do."""

    def call(self: Any, *args: Any, **options: Any) -> Any:
        with cupyx.errstate(linalg="raise"):
            return getattr(compat.linalg, name)(*args, **options)

    return call


def _by_numpy(name: str) -> Callable[..., Any]:
    """A function that is computed on the host, by the NumPy plugin."""

    def call(self: Any, x: Any, /) -> Any:
        return on_host(self.namespace, getattr(load_backend("numpy").namespace.linalg, name), x)

    return call


class Linalg:
    """The part of the CuPy backend that answers `linalg` and `fft`, and products of vectors."""

    linalg_cholesky = _checked("cholesky")
    linalg_inv = _checked("inv")
    linalg_matrix_power = _checked("matrix_power")
    # CuPy 13 has none, and both need eigenvalues of general matrices, which the GPU finds slowly.
    linalg_eig = _by_numpy("eig")
    linalg_eigvals = _by_numpy("eigvals")

    def linalg_solve(self, x1: Any, x2: Any, /) -> Any:
        """Mended: CuPy wants stacks of one shape, and 13 takes a matrix beside a stack for vectors."""
        vector = x2.ndim == 1
        right = x2[:, None] if vector else x2
        stack = np.broadcast_shapes(x1.shape[:-2], right.shape[:-2])
        left, right = (cp.broadcast_to(a, stack + a.shape[-2:]) for a in (x1, right))
        if left.ndim > 1 and left.shape[-1] == left.shape[-2] == right.shape[-2] and right.size == 0:
            out = cp.empty(right.shape, x1.dtype)
        else:
            with cupyx.errstate(linalg="raise"):
                out = cp.linalg.solve(cp.ascontiguousarray(left), cp.ascontiguousarray(right))
        return out[..., 0] if vector else out

    def linalg_outer(self, x1: Any, x2: Any, /) -> Any:
        """Mended: CuPy flattens matrices."""
        if x1.ndim != 1 or x2.ndim != 1:
            raise ValueError(f"vectors expected, got arrays of {x1.ndim} and {x2.ndim} axes")
        return cp.multiply(x1[:, None], x2[None, :])

    def linalg_cross(self, x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
        """Mended: CuPy takes vectors of two elements."""
        if x1.shape[axis] != 3 or x2.shape[axis] != 3:
            raise ValueError(
                f"vectors of 3 elements expected along axis {axis}, got {x1.shape[axis]} and {x2.shape[axis]}"
            )
        return cp.cross(x1, x2, axis=axis)

    def vecdot(self, x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
        """Mended: of booleans array-api-compat's product is an integer."""
        if x1.dtype != bool:
            return compat.vecdot(x1, x2, axis=axis)
        if x1.shape[axis] != x2.shape[axis]:
            raise ValueError(
                f"vectors of one size expected along axis {axis}, got {x1.shape[axis]} and {x2.shape[axis]}"
            )
        return cp.any(cp.logical_and(x1, x2), axis=axis)

    def fft_irfftn(self, x: Any, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
        """Mended: of a spectrum without symmetry cuFFT's transform along several axes at once is undefined."""
        if axes is None:
            axes = range(-x.ndim if s is None else -len(s), 0)
        axes = tuple(axes)
        sizes = (None,) * len(axes) if s is None else tuple(s)
        if len(sizes) != len(axes) or not axes:
            raise ValueError(f"one size an axis expected, got s={s} and axes={axes}")
        if len(axes) > 1:
            lead = tuple(x.shape[axis] if n is None else n for n, axis in zip(sizes, axes[:-1]))
            x = compat.fft.ifftn(x, s=lead, axes=axes[:-1], norm=norm)
        return compat.fft.irfft(x, n=sizes[-1], axis=axes[-1], norm=norm)
