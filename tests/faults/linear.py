"""Linear algebra and Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from .ways import ABS, Fault, changed, conj_out, without


def norm_swapped(f: Any, x: Any, *, norm: str = "backward", **options: Any) -> Any:
    return f(x, norm={"backward": "forward", "forward": "backward"}.get(norm, norm), **options)


def plain_norm(f: Any, x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    if x.dtype.kind == "c" and ord == 2:
        return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims)).real
    return f(x, axis=axis, keepdims=keepdims, ord=ord)


def signed_max_norm(f: Any, x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    if ord == np.inf and x.dtype.kind == "f":
        return np.max(x, axis=axis, keepdims=keepdims)
    return f(x, axis=axis, keepdims=keepdims, ord=ord)


def crossed_ord(f: Any, x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return f(x, keepdims=keepdims, ord={1: np.inf, np.inf: 1}.get(ord, ord))


def ascending_svd(f: Any, x: Any, **options: Any) -> Any:
    u, s, vh = f(x, full_matrices=False)
    return type(f(x))(u[..., ::-1], s[..., ::-1], vh[..., ::-1, :])


def descending_eigh(f: Any, x: Any) -> Any:
    w, v = f(x)
    return type(f(x))(w[..., ::-1], v[..., ::-1])


def lossy_slogdet(f: Any, x: Any) -> Any:
    sign, log = f(x)
    return type(f(x))(np.abs(sign).astype(sign.dtype), log)


def no_error(f: Any, x: Any, *args: Any, **options: Any) -> Any:
    try:
        return f(x, *args, **options)
    except np.linalg.LinAlgError:
        return np.full(x.shape, np.nan, np.result_type(x.dtype, np.float32))


def solve_columns(f: Any, x1: Any, x2: Any) -> Any:
    return f(x1, x2) if x2.ndim == 1 else f(np.swapaxes(x1, -1, -2), x2)


def first_of_stack(f: Any, x: Any, *a: Any, **k: Any) -> Any:
    out = f(x, *a, **k)
    if x.ndim > 2 and isinstance(out, np.ndarray) and out.ndim > 2:
        out = np.array(out)
        out[...] = out[0]
    return out


def eig_real(f: Any, x: Any) -> Any:
    w, v = f(x)
    return type(f(x))(w.real, v.real) if x.dtype.kind == "f" and np.all(w.imag == 0) else f(x)


def svd_v(f: Any, x: Any, **k: Any) -> Any:
    u, s, vh = f(x, **k)
    return type(f(x))(u, s, np.conj(vh))


def eigh_rows(f: Any, x: Any) -> Any:
    w, v = f(x)
    return type(f(x))(w, np.swapaxes(v, -1, -2))


def fft_pad_front(f: Any, x: Any, *, n: Any = None, axis: Any = -1, norm: Any = "backward") -> Any:
    if n is not None and n > x.shape[axis]:
        pad = [(0, 0)] * x.ndim
        pad[axis] = (n - x.shape[axis], 0)
        x = np.pad(x, pad)
    return f(x, n=n, axis=axis, norm=norm)


def fft_crop_front(f: Any, x: Any, *, n: Any = None, axis: Any = -1, norm: Any = "backward") -> Any:
    if n is not None and n < x.shape[axis]:
        x = np.take(x, range(x.shape[axis] - n, x.shape[axis]), axis)
    return f(x, n=n, axis=axis, norm=norm)


def cplx128(f: Any, x: Any, **k: Any) -> Any:
    return f(x, **k).astype(np.complex128 if f(x, **k).dtype.kind == "c" else np.float64)


def norm_of(g: Any) -> Any:
    def wrong(f: Any, x: Any, *, axis: Any = None, keepdims: Any = False, ord: Any = 2) -> Any:
        return g(f, x, axis, keepdims, ord)

    return wrong


def qr_complete(f: Any, x: Any, *, mode: Any = "reduced") -> Any:
    q, r = f(x, mode=mode)
    return type(f(x))(q, r * 1.0) if mode == "reduced" else f(x, mode="reduced")


def ends_alike(f: Any, x: Any, y: Any, *, axes: Any = 2) -> Any:
    if not isinstance(axes, int):
        axes = axes[0], [a if a >= 0 else a + x.ndim for a in axes[1]]
    return f(x, y, axes=axes)


def reduced_stack(f: Any, x: Any, *, mode: Any = "reduced") -> Any:
    return f(x, mode=mode if x.ndim == 2 else "reduced")


def stack_of_vectors(f: Any, x1: Any, x2: Any) -> Any:
    """As NumPy 1 had it."""
    vectors = x2.ndim == x1.ndim - 1
    return f(x1, x2[..., None])[..., 0] if vectors else f(x1, x2)


def absolute_cutoff(f: Any, x: Any, *, rtol: Any = None) -> Any:
    largest = np.linalg.matrix_norm(x, ord=2) if x.size else np.ones(1)
    return f(x, rtol=1e-7 / np.maximum(largest, 1e-7) if rtol is None else rtol)


def memory_of_view(f: Any, x: Any) -> Any:
    """Rows are taken to follow each other, which they do not in a part of a larger matrix."""
    if x.ndim == 2 and x.size and min(x.strides) > 0 and not x.flags.forc:
        x = np.lib.stride_tricks.as_strided(x, strides=(x.shape[1] * x.itemsize, x.itemsize))
    return f(x)


def few_digits(f: Any, x: Any, **options: Any) -> Any:
    """Roots of unity from a table of low precision."""
    out = f(x, **options)
    return out * np.complex64(1 + 3e-5j) if out.dtype == np.complex64 else out


def first_halved(f: Any, x: Any, *, s: Any = None, axes: Any = None, norm: Any = "backward") -> Any:
    return f(x, s=s, axes=axes if axes is None or s is not None else axes[::-1], norm=norm)


FAULTS = [
    Fault("vecdot without conj", "vecdot", lambda f, x, y, **k: f(np.conj(x), y, **k)),
    Fault(
        "tensordot axes crossed",
        "tensordot",
        lambda f, x, y, axes=2: f(x, y, axes=axes if isinstance(axes, int) else (axes[0], axes[1][::-1])),
    ),
    Fault("outer conjugates", "linalg.outer", lambda f, x, y: f(x, np.conj(y))),
    Fault("vector_norm of complex", "linalg.vector_norm", plain_norm),
    Fault("vector_norm of signs", "linalg.vector_norm", signed_max_norm),
    Fault("matrix_norm ords crossed", "linalg.matrix_norm", crossed_ord),
    Fault("qr ignores mode", "linalg.qr", without("mode")),
    Fault("qr not triangular", "linalg.qr", lambda f, x, **k: type(f(x))(*(a[..., ::-1] for a in f(x, **k)))),
    Fault("svd ignores full_matrices", "linalg.svd", lambda f, x, **k: f(x, full_matrices=False)),
    Fault("svd ascending", "linalg.svd", ascending_svd),
    Fault("svdvals ascending", "linalg.svdvals", lambda f, x: f(x)[..., ::-1]),
    Fault("cholesky without error", "linalg.cholesky", no_error),
    Fault("eigh descending", "linalg.eigh", descending_eigh),
    Fault("eigvalsh of real part", "linalg.eigvalsh", lambda f, x: f(x.real)),
    Fault("det without sign", "linalg.det", lambda f, x: ABS(f(x)) if x.dtype.kind == "f" else f(x)),
    Fault("slogdet without sign", "linalg.slogdet", lossy_slogdet),
    Fault("inv without error", "linalg.inv", no_error),
    Fault("inv transposed", "linalg.inv", lambda f, x: np.swapaxes(f(x), -1, -2)),
    Fault("solve of the transpose", "linalg.solve", solve_columns),
    Fault("pinv ignores rtol", "linalg.pinv", without("rtol")),
    Fault("matrix_rank ignores rtol", "linalg.matrix_rank", without("rtol")),
    Fault("matrix_power without sign", "linalg.matrix_power", lambda f, x, n: f(x, abs(n))),
    Fault("trace ignores offset", "linalg.trace", without("offset")),
    Fault("diagonal turns offset", "linalg.diagonal", changed(offset=lambda k: -k)),
    Fault("cross ignores axis", "linalg.cross", without("axis")),
    Fault("fft norm swapped", "fft.fft", norm_swapped),
    Fault("ifft norm swapped", "fft.ifft", norm_swapped),
    Fault(
        "fft in complex64",
        "fft.fft",
        lambda f, x, **k: f(x.astype(np.complex64), **k).astype(f(x, **k).dtype),
    ),
    Fault("rfft ignores n", "fft.rfft", without("n")),
    Fault("irfft always even", "fft.irfft", changed(n=lambda n: n if n is None else n + n % 2)),
    Fault("hfft conjugated", "fft.hfft", lambda f, x, **k: f(np.conj(x), **k)),
    Fault("fftn ignores axes", "fft.fftn", lambda f, x, **k: f(x, norm=k.get("norm"))),
    Fault(
        "rfftn half of the first axis",
        "fft.rfftn",
        lambda f, x, **k: (
            np.swapaxes(f(np.swapaxes(x, 0, -1)), 0, -1)
            if k.get("s") is None and k.get("axes") is None
            else f(x, **k)
        ),
    ),
    Fault("fftshift the other way", "fft.fftshift", lambda f, x, **k: np.fft.ifftshift(x, **k)),
    Fault(
        "vecdot conj second",
        "vecdot",
        lambda f, x, y, **k: np.conj(f(x, y, **k)) if f(x, y, **k).dtype.kind == "c" else f(x, y, **k),
    ),
    Fault("vecdot axis ignored", "vecdot", without("axis")),
    Fault(
        "tensordot int axes reversed",
        "tensordot",
        lambda f, x, y, *, axes=2: (
            np.tensordot(x, y, axes=(tuple(range(-axes, 0))[::-1], tuple(range(axes))))
            if isinstance(axes, int) and axes > 1 and x.shape[-1] == y.shape[0] == x.shape[-2]
            else f(x, y, axes=axes)
        ),
    ),
    Fault(
        "tensordot reversed int",
        "tensordot",
        lambda f, x, y, *, axes=2: (
            f(x, y, axes=(axes[1], axes[0])) if not isinstance(axes, int) else f(x, y, axes=axes)
        ),
    ),
    Fault("outer transposed", "linalg.outer", lambda f, x, y: f(x, y).T if x.shape == y.shape else f(x, y)),
    Fault("matmul conj", "matmul", lambda f, x, y: f(np.conj(x), y)),
    Fault(
        "matmul of bool counts",
        "matmul",
        lambda f, x, y: (
            f(x.astype(np.int64), y.astype(np.int64)) if x.dtype.kind == "b" == y.dtype.kind else f(x, y)
        ),
    ),
    Fault(
        "matmul first of stack",
        "matmul",
        lambda f, x, y: f(x, y if y.ndim < 3 else np.broadcast_to(y[:1], y.shape)),
    ),
    Fault("cholesky reads the upper triangle", "linalg.cholesky", lambda f, x: f(np.conj(x).mT)),
    Fault("eigh reads the upper triangle", "linalg.eigh", lambda f, x: f(np.conj(x).mT)),
    Fault("tensordot counts both ends alike", "tensordot", ends_alike),
    Fault("qr of a stack is reduced", "linalg.qr", reduced_stack),
    Fault("solve takes vectors", "linalg.solve", stack_of_vectors),
    Fault("pinv absolute cutoff", "linalg.pinv", absolute_cutoff),
    Fault("det of a view reads its memory", "linalg.det", memory_of_view),
    Fault("fft with few digits", "fft.fft", few_digits),
    Fault("rfftn halves the first of axes", "fft.rfftn", first_halved),
    Fault("cholesky of stack", "linalg.cholesky", first_of_stack),
    Fault("inv of stack", "linalg.inv", first_of_stack),
    Fault(
        "det of stack",
        "linalg.det",
        lambda f, x: np.broadcast_to(f(x).reshape(-1)[:1], f(x).shape) if x.ndim > 2 and f(x).size else f(x),
    ),
    Fault("det of complex conj", "linalg.det", conj_out),
    Fault(
        "det of singular is nan",
        "linalg.det",
        lambda f, x: np.where(f(x) == 0, np.nan, f(x)) if x.dtype.kind in "fc" else f(x),
    ),
    Fault("slogdet singular", "linalg.slogdet", lambda f, x: type(f(x))(f(x)[0], np.maximum(f(x)[1], -1e30))),
    Fault("slogdet log10", "linalg.slogdet", lambda f, x: type(f(x))(f(x)[0], f(x)[1] / np.log(10))),
    Fault("eigh rows", "linalg.eigh", eigh_rows),
    Fault("eigh conj", "linalg.eigh", lambda f, x: type(f(x))(f(x)[0], np.conj(f(x)[1]))),
    Fault("eig real", "linalg.eig", eig_real),
    Fault(
        "eigvals real",
        "linalg.eigvals",
        lambda f, x: f(x).real if x.dtype.kind == "f" and np.all(f(x).imag == 0) else f(x),
    ),
    Fault("eigvals of transpose conj", "linalg.eigvals", conj_out),
    Fault("svd V not conj", "linalg.svd", svd_v),
    Fault(
        "svd transposed V",
        "linalg.svd",
        lambda f, x, **k: type(f(x))(f(x, **k)[0], f(x, **k)[1], np.swapaxes(f(x, **k)[2], -1, -2)),
    ),
    Fault("svd default reduced", "linalg.svd", lambda f, x, *, full_matrices=True: f(x, full_matrices=False)),
    Fault("qr complete reduced", "linalg.qr", qr_complete),
    Fault("pinv not conj", "linalg.pinv", lambda f, x, **k: np.conj(f(x, **k))),
    Fault(
        "pinv big cutoff", "linalg.pinv", lambda f, x, *, rtol=None: f(x, rtol=1e-2 if rtol is None else rtol)
    ),
    Fault(
        "matrix_rank of stack",
        "linalg.matrix_rank",
        lambda f, x, **k: np.asarray(f(x, **k)).max() if x.ndim > 2 else f(x, **k),
    ),
    Fault(
        "matrix_rank absolute",
        "linalg.matrix_rank",
        lambda f, x, *, rtol=None: (
            np.sum(np.linalg.svd(x, compute_uv=False) > rtol, axis=-1)
            if rtol is not None and x.size
            else f(x, rtol=rtol)
        ),
    ),
    Fault("matrix_power elementwise", "linalg.matrix_power", lambda f, x, n: x**n if n > 0 else f(x, n)),
    Fault("matrix_power zero", "linalg.matrix_power", lambda f, x, n: f(x, n) if n else np.ones_like(x)),
    Fault("solve singular no error", "linalg.solve", lambda f, x, y: no_error(f, x, y)),
    Fault("solve conj", "linalg.solve", lambda f, x, y: f(np.conj(x), y)),
    Fault(
        "solve first of stack",
        "linalg.solve",
        lambda f, x, y: f(np.broadcast_to(x[:1], x.shape), y) if x.ndim > 2 else f(x, y),
    ),
    Fault("cross sign", "linalg.cross", lambda f, x, y, **k: f(y, x, **k)),
    Fault(
        "trace keeps small dtypes",
        "linalg.trace",
        lambda f, x, *, offset=0, dtype=None: f(
            x, offset=offset, dtype=dtype or (x.dtype if x.dtype.kind in "iu" else None)
        ),
    ),
    Fault(
        "trace of stack",
        "linalg.trace",
        lambda f, x, **k: (
            np.trace(x, k.get("offset", 0), 0, 1)
            if x.ndim == 3 and x.shape[0] == x.shape[1] == x.shape[2]
            else f(x, **k)
        ),
    ),
    Fault(
        "vector_norm zero counts all",
        "linalg.vector_norm",
        norm_of(
            lambda f, x, a, k, o: (
                f(np.ones_like(x), axis=a, keepdims=k, ord=o) if o == 0 else f(x, axis=a, keepdims=k, ord=o)
            )
        ),
    ),
    Fault(
        "vector_norm no root",
        "linalg.vector_norm",
        norm_of(
            lambda f, x, a, k, o: (
                f(x, axis=a, keepdims=k, ord=o) ** 3 if o == 3 else f(x, axis=a, keepdims=k, ord=o)
            )
        ),
    ),
    Fault(
        "vector_norm minus inf is max",
        "linalg.vector_norm",
        norm_of(lambda f, x, a, k, o: f(x, axis=a, keepdims=k, ord=abs(o))),
    ),
    Fault(
        "matrix_norm nuc is fro",
        "linalg.matrix_norm",
        lambda f, x, *, keepdims=False, ord="fro": f(
            x, keepdims=keepdims, ord="fro" if ord == "nuc" else ord
        ),
    ),
    Fault("matrix_norm loses keepdims", "linalg.matrix_norm", without("keepdims")),
    Fault(
        "diagonal of stack",
        "linalg.diagonal",
        lambda f, x, *, offset=0: np.diagonal(x, offset, 0, 1) if x.ndim > 2 else f(x, offset=offset),
    ),
    Fault(
        "ifft without scale",
        "fft.ifft",
        lambda f, x, *, norm="backward", **k: f(x, norm="forward" if norm == "backward" else norm, **k),
    ),
    Fault("ifft conj", "fft.ifft", lambda f, x, **k: np.conj(f(x, **k))),
    Fault("fft pads front", "fft.fft", fft_pad_front),
    Fault("fft crops front", "fft.fft", fft_crop_front),
    Fault("fft of float32 in double", "fft.fft", cplx128),
    Fault("rfft of float32 in double", "fft.rfft", cplx128),
    Fault(
        "irfft n rounds",
        "fft.irfft",
        lambda f, x, *, n=None, axis=-1, norm="backward": f(
            x, n=n if n is None else 2 * (n // 2), axis=axis, norm=norm
        ),
    ),
    Fault(
        "irfft default odd",
        "fft.irfft",
        lambda f, x, *, n=None, axis=-1, norm="backward": f(
            x, n=2 * x.shape[axis] - 1 if n is None else n, axis=axis, norm=norm
        ),
    ),
    Fault("ihfft not conj", "fft.ihfft", lambda f, x, **k: np.conj(f(x, **k))),
    Fault("fft ignores axis", "fft.fft", without("axis")),
    Fault("ifftn norm", "fft.ifftn", norm_swapped),
    Fault("irfftn s", "fft.irfftn", without("s")),
    Fault("ifftshift is fftshift", "fft.ifftshift", lambda f, x, **k: np.fft.fftshift(x, **k)),
    Fault("fftshift ignores axes", "fft.fftshift", without("axes")),
]
