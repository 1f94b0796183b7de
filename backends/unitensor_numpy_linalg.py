"""Triangular and definite systems for the NumPy backend.

NumPy has no triangular solver, but its wheels bring a BLAS that has: it is called by name. Where a build of
NumPy has another, NumPy's general `solve` does the same in five times the time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np

_LETTERS: dict[Any, str] = {
    np.dtype(np.float32): "s",
    np.dtype(np.float64): "d",
    np.dtype(np.complex64): "c",
    np.dtype(np.complex128): "z",
}
#: Integers with the bits of a floating dtype.
_BITS: dict[Any, Any] = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}
# CBLAS's numbers for its options.
ROWS, COLUMNS = 101, 102
AS_IT_IS, TRANSPOSED = 111, 112
UPPER, LOWER = 121, 122
LEFT, NOT_UNIT = 141, 131
#: From this size on it pays to look whether a matrix is symmetric and positive definite.
LARGE = 192

general = getattr(np.linalg.solve, "_implementation", np.linalg.solve)


@cache
def _solvers(dtype: Any) -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """BLAS's solvers of triangular systems, for a matrix and for a vector, in the build with 64-bit integers."""
    letter = _LETTERS.get(dtype)
    try:
        library = ctypes.CDLL(np.linalg._umath_linalg.__file__)
        trsm, trsv = (getattr(library, f"scipy_cblas_{letter}{name}64_") for name in ("trsm", "trsv"))
    except (AttributeError, OSError):
        return None
    option, size, array = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p
    scalar: Any = {"s": ctypes.c_float, "d": ctypes.c_double}.get(str(letter))
    trsm.argtypes = [option] * 5 + [size, size, scalar or array, array, size, array, size]
    trsv.argtypes = [option] * 4 + [size, array, size, array, size]
    trsm.restype = trsv.restype = None
    one = np.ones((), dtype)
    factor = 1.0 if scalar else _address(one)

    def of_matrix(layout: int, half: int, turn: int, x: Any, leading: int, out: Any) -> None:
        rows, columns = out.shape
        steps = columns if layout == ROWS else rows
        x, out = _address(x), _address(out)
        trsm(layout, LEFT, half, turn, NOT_UNIT, rows, columns, factor, x, leading, out, steps)

    def of_vector(layout: int, half: int, turn: int, x: Any, leading: int, out: Any) -> None:
        trsv(layout, half, turn, NOT_UNIT, out.size, _address(x), leading, _address(out), 1)

    of_matrix.one = one  # type: ignore[attr-defined]  # kept alive, for its address is
    return of_matrix, of_vector


def _address(a: Any) -> int:
    return a.__array_interface__["data"][0]  # type: ignore[no-any-return]  # NumPy's arrays are untyped here


def triangular(x1: Any, x2: Any, lower: bool) -> Any:
    """The solution of x1 @ y = x2 in x2's order of memory, for a matrix x1; None if BLAS cannot be asked."""
    solvers = _solvers(x1.dtype)
    if solvers is None or x1.ndim != 2 or x2.ndim > 2 or x2.dtype != x1.dtype or not x1.size or not x2.size:
        return None
    n, width = x1.shape[0], x1.itemsize
    if x1.shape[1] != n or x2.shape[:1] != (n,):
        return None
    across, along = x1.strides
    by_rows = along == width and across >= n * width
    if not x1.flags.aligned or not (by_rows or (across == width and along >= n * width)):
        x1 = x1.copy()
        across, by_rows = x1.strides[0], True
    out = x2.copy("K")
    layout = ROWS if out.flags.c_contiguous else COLUMNS
    same = by_rows == (layout == ROWS)
    # Seen in the other order, a matrix is its transpose.
    half = LOWER if lower == same else UPPER
    leading = (across if by_rows else along) // width
    solvers[x2.size == n](layout, half, AS_IT_IS if same else TRANSPOSED, x1, leading, out)
    return out


def definite_factor(x: Any) -> Any:
    """The Cholesky factor of a matrix that is symmetric and positive definite; None of any other."""
    n = x.shape[0]
    if not (x.diagonal() > 0).all() or not (x[0] == x[:, 0]).all():
        return None
    for i in range(0, n, 64):
        if not (x[i : i + 64, i:] == x[i:, i : i + 64].T).all():
            return None
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        return None


def by_factor(factor: Any, x: Any) -> Any:
    """The solution of a definite system; None if BLAS cannot be asked."""
    half = triangular(factor, x, True)
    return None if half is None else triangular(factor.T, half, False)


@lru_cache(64)
def _half(rows: int, columns: int, k: int, lower: bool, bits: Any) -> Any:
    """All bits where a triangle is, none elsewhere."""
    own = np.tri(rows, columns, k, bool) if lower else ~np.tri(rows, columns, k - 1, bool)
    return -own.astype(bits)


def _triangle(x: Any, k: int, lower: bool) -> Any:
    """A triangle of small matrices, chosen bit by bit: half of NumPy's time goes into finding where it is."""
    bits = _BITS.get(x.dtype)
    if bits is None or x.ndim < 2 or x.shape[-2] * x.shape[-1] > 1 << 14 or not isinstance(k, int):
        return np.tril(x, k) if lower else np.triu(x, k)
    return (_half(*x.shape[-2:], k, lower, bits) & x.view(bits)).view(x.dtype)


class Linalg:
    """Systems of equations, and triangles."""

    def tril(self, x: Any, /, *, k: int = 0) -> Any:
        return _triangle(x, k, True)

    def triu(self, x: Any, /, *, k: int = 0) -> Any:
        return _triangle(x, k, False)

    def linalg_solve_triangular(self, x1: Any, x2: Any, /, *, lower: bool) -> Any:
        found = triangular(x1, x2, lower)
        return general(np.tril(x1) if lower else np.triu(x1), x2) if found is None else found

    def linalg_solve(self, x1: Any, x2: Any, /) -> Any:
        return self.linalg_solve_keeping(x1, x2)[0]

    def linalg_solve_keeping(self, x1: Any, x2: Any, /) -> tuple[Any, Any]:
        """By Cholesky's factor where that can be, which takes half the work and is kept."""
        if x1.ndim == 2 and x1.shape[0] >= LARGE and x1.dtype.kind == "f" and x1.dtype == x2.dtype:
            n = x1.shape[0]
            fits = x1.shape[1] == n and x2.ndim <= 2 and x2.shape[:1] == (n,) and x2.size
            if fits and _solvers(x1.dtype) and (factor := definite_factor(x1)) is not None:
                return by_factor(factor, x2), factor
        return general(x1, x2), None

    def linalg_solve_again(self, x1: Any, x2: Any, /, *, kept: Any, turned: bool) -> Any:
        found = None if kept is None else by_factor(kept, x2)
        return general(x1.mT if turned else x1, x2) if found is None else found
