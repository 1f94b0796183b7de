"""Dask arrays as a backend of unitensor.

Dask computes lazily and in chunks. What it has is its own, through array-api-compat; what it
lacks, or cannot do without knowing the values, is computed by NumPy on the gathered array and
declared in `host_ops`, so that the conformance suite and the reader know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_compat.dask.array as compat
import dask
import dask.array as da
import numpy as np

from unitensor import Backend, load_backend

#: What runs on the host: functions whose result's shape depends on values, orders, most of linalg.
HOST = frozenset(
    """
    argmax argmin argsort clip count_nonzero cumulative_prod cumulative_sum expm1 fft.fft fft.fftn
    fft.fftshift fft.hfft fft.ifft fft.ifftn fft.ifftshift fft.ihfft fft.irfft fft.irfftn fft.rfft
    fft.rfftn floor_divide getitem isin linalg.cholesky linalg.cofactor linalg.cofactor_slope
    linalg.cross linalg.det linalg.diagonal linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh
    linalg.inv linalg.matrix_norm linalg.matrix_power linalg.matrix_rank linalg.outer linalg.pinv
    linalg.qr linalg.slogdet linalg.solve linalg.svd linalg.svdvals linalg.trace linalg.vector_norm
    log1p matmul max min nonzero reciprocal repeat repeat_index roll searchsorted sort std take
    take_along_axis tanh tensordot tile tril triu unique_all unique_counts unique_inverse
    unique_values var vecdot
    """.split()  # noqa: SIM905 -- as a list of one name a line it would hide the class below it
)


def on_host(path: str) -> Callable[..., Any]:
    """A function that gathers its arrays, runs on NumPy's plugin and chunks the result."""

    def call(self: DaskBackend, *args: Any, **options: Any) -> Any:
        function: Any = load_backend("numpy").namespace
        for part in path.split("."):
            function = getattr(function, part)
        args = tuple(self._gathered(a) for a in args)
        return self._chunked(function(*args, **{k: self._gathered(v) for k, v in options.items()}))

    return call


class DaskBackend(Backend):
    """Dask, in chunks of its own choice."""

    name = "dask"
    xp = compat
    array_type = da.Array
    mutable = False
    shares_views = False
    install = "pip install unitensor-dask"
    host_ops = HOST

    def version(self) -> str:
        return str(dask.__version__)

    def to_numpy(self, a: Any) -> Any:
        return np.asarray(a.compute(scheduler="synchronous"))

    def from_numpy(self, a: Any, device: Any = None) -> Any:
        # Dask's own choice of chunks divides by the size.
        return da.from_array(np.array(a), name=False, chunks="auto" if a.size else -1)

    def from_dlpack(self, obj: Any, device: Any = None, copy: bool | None = None) -> Any:
        return self.from_numpy(np.from_dlpack(obj))

    def to_dlpack(self, a: Any, **options: Any) -> Any:
        return self.to_numpy(a).__dlpack__(**{k: v for k, v in options.items() if v is not None})

    def dlpack_device(self, a: Any) -> tuple[Any, int]:
        return (1, 0)  # the host's memory

    def to_device(self, a: Any, device: Any) -> Any:
        return a

    def raw_devices(self) -> list[Any]:
        return ["cpu"]

    def raw_device_of(self, a: Any) -> Any:
        return "cpu"

    def dtype(self, dtype: Any) -> Any:
        return dtype.dtype

    def asarray(self, obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
        if isinstance(obj, da.Array):
            return obj if dtype is None else obj.astype(dtype)
        return self.from_numpy(np.asarray(obj, dtype=dtype))

    # Reading and writing -------------------------------------------------------------------------

    def assign(self, a: Any, key: Any, value: Any) -> Any:
        out = np.array(self.to_numpy(a))
        out[self._gathered(key)] = self._gathered(value)
        return self.from_numpy(out)

    def scatter_add(self, a: Any, key: Any, value: Any) -> Any:
        out = np.array(self.to_numpy(a))
        np.add.at(out, self._gathered(key), self._gathered(value))
        return self.from_numpy(out)

    # Between the chunks and the host -----------------------------------------------------------------

    def _gathered(self, value: Any) -> Any:
        if isinstance(value, da.Array):
            return self.to_numpy(value)
        if type(value) in (list, tuple):
            return type(value)(self._gathered(v) for v in value)
        return value

    def _chunked(self, value: Any) -> Any:
        if isinstance(value, (np.ndarray, np.generic)):
            return self.from_numpy(value)
        if isinstance(value, tuple):
            parts = [self._chunked(v) for v in value]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        return value


for _path in HOST:
    setattr(DaskBackend, _path.replace(".", "_"), on_host(_path))

backend = DaskBackend
