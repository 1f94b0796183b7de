"""Element-wise functions for the CuPy backend, mended where the GPU's differ from NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cupy as cp
import numpy as np


def _of_truth(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, *inputs: Any) -> Any:
        """Mended: CuPy knows no complex numbers here."""
        return f(*(x != 0 if x.dtype.kind == "c" else x for x in inputs))

    return call


def _whole(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, x: Any, /) -> Any:
        """Mended: CuPy 13 makes floats of whole numbers."""
        return x.copy() if x.dtype.kind in "biu" else f(x)

    return call


class Elementwise:
    """The part of the CuPy backend that answers functions of single elements."""

    logical_and = _of_truth(cp.logical_and)
    logical_or = _of_truth(cp.logical_or)
    logical_xor = _of_truth(cp.logical_xor)
    logical_not = _of_truth(cp.logical_not)
    ceil = _whole(cp.ceil)
    floor = _whole(cp.floor)
    trunc = _whole(cp.trunc)

    def floor_divide(self, x1: Any, x2: Any, /) -> Any:
        """Mended: CuPy's special cases are not the standard's, and integers by 0 are undefined."""
        return _divmod(x1, x2)[0]

    def remainder(self, x1: Any, x2: Any, /) -> Any:
        """Mended: CuPy's special cases are not the standard's, and integers by 0 are undefined."""
        return _divmod(x1, x2)[1]

    def pow(self, x1: Any, x2: Any, /) -> Any:
        """Mended: CuPy takes negative powers of integers, and those of 0j are no NaN."""
        if x2.dtype.kind == "i" and bool((x2 < 0).any()):
            raise ValueError("integers to negative integer powers are not allowed; cast to a floating dtype")
        if x1.dtype.kind != "c":
            return cp.power(x1, x2)
        power = cp.power(x1, x2)
        of_zero = cp.where(x2.real > 0, 0.0, np.nan).astype(power.real.dtype)
        zero = (x1 == 0) & (x2 != 0)
        return joined(cp.where(zero, of_zero, power.real), cp.where(zero, of_zero, power.imag), power.dtype)

    def divide(self, x1: Any, x2: Any, /) -> Any:
        """Mended: complex numbers by 0 and by infinity are NaN in CuPy."""
        out = cp.divide(x1, x2)
        if out.dtype.kind != "c" or bool(cp.isfinite(out).all()):
            return out
        zero, turned = x2 == 0, cp.abs(x2.real) < cp.abs(x2.imag)
        large, small = (cp.where(turned, a, b) for a, b in ((x2.imag, x2.real), (x2.real, x2.imag)))
        ratio = small / large
        scale = 1 / cp.where(zero, cp.abs(large), large + small * ratio)
        a, b = x1.real, x1.imag
        real = cp.where(zero, a, cp.where(turned, a * ratio + b, a + b * ratio)) * scale
        imag = cp.where(zero, b, cp.where(turned, b * ratio - a, b - a * ratio)) * scale
        return joined(real, imag, out.dtype)

    def reciprocal(self, x: Any, /) -> Any:
        """Mended: as `divide`."""
        return cp.reciprocal(x) if x.dtype.kind != "c" else self.divide(cp.ones_like(x), x)

    def log2(self, x: Any, /) -> Any:
        """Mended: CuPy divides complex numbers by log(2) + 0j, which makes NaN of infinities."""
        if x.dtype.kind != "c":
            return cp.log2(x)
        out = cp.log(x)
        return joined(out.real / np.log(2.0).item(), out.imag / np.log(2.0).item(), x.dtype)

    def bitwise_left_shift(self, x1: Any, x2: Any, /) -> Any:
        """Mended: shifts by the width or more are undefined on the GPU."""
        width = x1.dtype.itemsize * 8
        fits = (x2 >= 0) & (x2 < width)
        return cp.where(fits, cp.left_shift(x1, cp.where(fits, x2, 0)), 0).astype(x1.dtype)

    def bitwise_right_shift(self, x1: Any, x2: Any, /) -> Any:
        """Mended: shifts by the width or more are undefined on the GPU."""
        width = x1.dtype.itemsize * 8
        far = cp.where((x2 >= 0) & (x2 < width), x2, width - 1)
        shifted = cp.right_shift(x1, far.astype(x1.dtype))
        return shifted if x1.dtype.kind == "i" else cp.where(x2 < width, shifted, 0).astype(x1.dtype)

    def sign(self, x: Any, /) -> Any:
        """Mended: CuPy 13 takes NaN for 0 and a complex number for its real part; infinities become NaN in 14."""
        if x.dtype.kind == "f":
            return cp.where(cp.isnan(x), x, cp.sign(x))
        if x.dtype.kind != "c":
            return cp.sign(x)
        a, b = x.real, x.imag
        far_a, far_b = cp.isinf(a), cp.isinf(b)
        far = far_a | far_b
        a = cp.where(far, cp.where(far_a, cp.sign(a), 0 * cp.sign(b)), a)
        b = cp.where(far, cp.where(far_b, cp.sign(b), 0 * cp.sign(x.real)), b)
        size = cp.hypot(a, b)
        size = cp.where(size == 0, size + 1, size)
        unknown = (far_a & far_b) | cp.isnan(x)
        return joined(cp.where(unknown, np.nan, a / size), cp.where(unknown, np.nan, b / size), x.dtype)

    def expm1(self, x: Any, /) -> Any:
        """Mended: of complex numbers CuPy's is exp(x) - 1, which has no digits left at small ones."""
        if x.dtype.kind != "c":
            return cp.expm1(x)
        a, b = x.real, x.imag
        half = cp.sin(b / 2)
        far = cp.exp(x)
        real = cp.expm1(a) * cp.cos(b) - 2 * half * half + 0.0  # of -0 + 0j, -0 becomes 0
        return joined(cp.where(cp.isfinite(x), real, far.real - 1), far.imag, x.dtype)

    def log1p(self, x: Any, /) -> Any:
        """Mended: of complex numbers CuPy's is log(x + 1), which has no digits left at small ones."""
        if x.dtype.kind != "c":
            return cp.log1p(x)
        a, b = x.real, x.imag
        near = (cp.abs(a) < 0.5) & (cp.abs(b) < 0.5)
        far = cp.log(joined(a + 1, b, x.dtype))
        return joined(cp.where(near, cp.log1p(a * (2 + a) + b * b) / 2, far.real), far.imag, x.dtype)

    def clip(self, x: Any, /, min: Any = None, max: Any = None) -> Any:
        """Mended: where the bounds cross the upper one wins, as in NumPy."""
        x = x.copy() if min is None else cp.maximum(x, min)
        return x if max is None else cp.minimum(x, max)


def joined(real: Any, imag: Any, dtype: Any) -> Any:
    """The complex array of a real and an imaginary part, infinities and NaN included."""
    out = cp.empty(np.broadcast_shapes(real.shape, imag.shape), dtype)
    out.real, out.imag = real, imag
    return out


def _divmod(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Quotient and remainder: 0 of integers by 0, the standard's special cases of floats."""
    if x1.dtype.kind not in "f":
        zero = x2 == 0
        safe = cp.where(zero, 1, x2).astype(x2.dtype)
        quotient = cp.where(zero, 0, cp.floor_divide(x1, safe)).astype(x1.dtype)
        return quotient, cp.where(zero, 0, cp.remainder(x1, safe)).astype(x1.dtype)
    rest = cp.fmod(x1, x2)
    quotient = (x1 - rest) / x2
    off = (rest != 0) & ((x2 < 0) != (rest < 0))
    rest = cp.where(off, rest + x2, cp.where(rest == 0, cp.copysign(cp.zeros_like(rest), x2), rest))
    quotient = cp.where(off, quotient - 1, quotient)
    whole = cp.floor(quotient)
    whole = cp.where(quotient - whole > 0.5, whole + 1, whole)
    exact = x1 / x2
    whole = cp.where(quotient == 0, cp.copysign(cp.zeros_like(exact), exact), whole)
    special = cp.isinf(x1) | cp.isinf(x2) | (x2 == 0)
    return cp.where(special, exact, whole).astype(x1.dtype), rest.astype(x1.dtype)
