"""torch's `linalg` and `fft`, mended where they differ from the standard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_compat.torch as compat
import numpy as np
import torch
from unitensor_torch_unsigned import binary, general


def _transform(f: Callable[..., Any], axes: str) -> Any:
    """A Fourier transform on every dtype and shape.

    Half precision is computed in float32, and what no transform enters (an empty batch, which
    the CPU's library refuses) is made empty afterwards.
    """

    def call(x: Any, /, **options: Any) -> Any:
        if x.dtype in (torch.float16, torch.bfloat16):
            x = x.to(torch.float32)
        if x.numel():
            return f(x, **options).resolve_conj()
        chosen = options.get(axes)
        chosen = range(x.ndim) if chosen is None else (chosen,) if isinstance(chosen, int) else chosen
        inside = {a % x.ndim for a in chosen}
        shape = [n if i in inside else max(n, 1) for i, n in enumerate(x.shape)]
        r = f(x.new_zeros(shape), **options)
        return r.new_zeros([m if i in inside else n for i, (m, n) in enumerate(zip(r.shape, x.shape))])

    return staticmethod(call)


class Extensions:
    """The standard's extensions."""

    linalg_cross = general(compat.linalg.cross)
    linalg_outer = binary(torch.outer)
    fft_fft = _transform(torch.fft.fft, "axis")
    fft_ifft = _transform(torch.fft.ifft, "axis")
    fft_rfft = _transform(torch.fft.rfft, "axis")
    fft_irfft = _transform(torch.fft.irfft, "axis")
    fft_hfft = _transform(torch.fft.hfft, "axis")
    fft_ihfft = _transform(torch.fft.ihfft, "axis")
    fft_fftn = _transform(compat.fft.fftn, "axes")
    fft_ifftn = _transform(compat.fft.ifftn, "axes")
    fft_rfftn = _transform(compat.fft.rfftn, "axes")
    fft_irfftn = _transform(compat.fft.irfftn, "axes")

    def linalg_trace(self: Any, x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
        return self.sum(torch.diagonal(x, offset=offset, dim1=-2, dim2=-1), axis=-1, dtype=dtype)

    def linalg_vector_norm(self, x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
        """Mended: torch takes axis=() for all axes, and lets a 0-d array have an axis."""
        if axis != () and (x.ndim or axis is None):
            if ord == float("inf") and not x.numel():
                ord = 1  # the largest of nothing is 0, as is the sum
            return torch.linalg.vector_norm(x, ord=ord, dim=axis, keepdim=keepdims)
        if axis != ():
            raise IndexError(f"axis {axis} is out of range for 0 axes")
        size = torch.abs(x)
        return (size != 0).to(size.dtype) if ord == 0 else size

    def linalg_eig(self, x: Any, /) -> Any:
        """Mended: torch gives eigenvalues of NaN where NumPy raises."""
        return torch.linalg.eig(_finite(x))

    def linalg_eigvals(self, x: Any, /) -> Any:
        """Mended: torch gives eigenvalues of NaN where NumPy raises."""
        return torch.linalg.eigvals(_finite(x))

    def linalg_solve_triangular(self, x1: Any, x2: Any, /, *, lower: bool) -> Any:
        return torch.linalg.solve_triangular(x1, x2, upper=not lower)

    def linalg_pinv(self, x: Any, /, *, rtol: Any = None) -> Any:
        return torch.linalg.pinv(x, rtol=_real(rtol))

    def linalg_matrix_rank(self, x: Any, /, *, rtol: Any = None) -> Any:
        if not all(x.shape[-2:]):
            raise ValueError(f"the rank of shape {tuple(x.shape)} would be that of no singular values")
        return torch.linalg.matrix_rank(x, rtol=_real(rtol))


def _finite(x: Any) -> Any:
    if not torch.isfinite(x).all():
        raise np.linalg.LinAlgError("Array must not contain infs or NaNs")
    return x


def _real(rtol: Any) -> Any:
    return rtol.real if isinstance(rtol, torch.Tensor) and rtol.dtype.is_complex else rtol
