"""Element-wise functions of torch: its own kernels, mended at special values and unsigned dtypes."""

from __future__ import annotations

import math
from typing import Any

import torch
from unitensor_torch_unsigned import (
    SIGNED,
    as_is,
    binary,
    integer_floor_divide,
    integer_pow,
    integer_remainder,
    narrow,
    ordered,
    right_shift,
    unary,
    unordered,
    wide,
)

# Of complex numbers ------------------------------------------------------------------------------


def _add(x1: Any, x2: Any) -> Any:
    """Mended: torch multiplies x2 by 1 + 0j first, which makes NaN of infinities."""
    return _join(_parts(x1) + _parts(x2))


def _subtract(x1: Any, x2: Any) -> Any:
    """Mended: as in _add."""
    return _join(_parts(x1) - _parts(x2))


def _negative(x: Any) -> Any:
    """Mended: torch subtracts from 0, which loses the sign of a part that is 0."""
    return _join(-_parts(x))


def _parts(x: Any) -> Any:
    return torch.view_as_real(x.resolve_conj())


def _join(parts: Any) -> Any:
    return torch.view_as_complex(parts)


def _sign(x: Any) -> Any:
    """Mended: x / |x| of an infinity is NaN in torch where one part is finite."""
    real, imag = x.real, x.imag
    lone = torch.isinf(real) & torch.isfinite(imag) | torch.isfinite(real) & torch.isinf(imag)
    far = torch.complex(
        torch.copysign(torch.isinf(real).to(real.dtype), real),
        torch.copysign(torch.isinf(imag).to(imag.dtype), imag),
    )
    return torch.sgn(torch.where(lone, far, x))


def _round(x: Any) -> Any:
    return torch.complex(torch.round(x.real), torch.round(x.imag))


def _expm1(x: Any) -> Any:
    """Mended: of infinities, NaN and -0 torch gives other values than the standard."""
    out, far, finite = torch.expm1(x), torch.exp(x), torch.isfinite(x)
    real = torch.where(finite, out.real + 0.0, far.real - 1.0)  # of -0 + 0j, -0 becomes 0
    return torch.complex(real, torch.where(finite, out.imag, far.imag))


def _log1p(x: Any) -> Any:
    """Mended: torch loses the sign of a zero imaginary part, and infinities."""
    real = torch.where(torch.isinf(x), torch.inf, torch.log1p(x).real + 0.0)
    return torch.complex(real, torch.atan2(x.imag, 1 + x.real))


def _tanh(x: Any) -> Any:
    """Mended: at infinity the imaginary part is a zero with the sign of that of x."""
    out = torch.tanh(x)
    zero = torch.copysign(torch.zeros_like(x.imag), x.imag)
    return torch.complex(out.real, torch.where(torch.isinf(x.real), zero, out.imag))


def _acos(x: Any) -> Any:
    """Mended: of complex128 torch's own loses digits near 1, and the sign of zeros."""
    turned = torch.acosh(x)
    return torch.complex(torch.abs(turned.imag), -torch.copysign(turned.real, x.imag))


class Elementwise:
    """The chapter's functions; inputs of one call have one dtype."""

    # Arithmetic, by the names under which torch does the work: `multiply` calls `mul`.
    add = binary(torch.add, on_complex=_add)
    subtract = binary(torch.sub, on_complex=_subtract)
    multiply = binary(torch.mul)
    divide = binary(torch.div)
    negative = unary(torch.neg, on_complex=_negative)
    square = unary(torch.square)
    hypot = binary(torch.hypot)
    reciprocal = unary(torch.reciprocal)
    maximum = binary(torch.maximum, ordered, unordered)
    minimum = binary(torch.minimum, ordered, unordered)

    # Exponentials, trigonometry
    exp = unary(torch.exp)
    expm1 = unary(torch.expm1, on_complex=_expm1)
    log = unary(torch.log)
    log1p = unary(torch.log1p, on_complex=_log1p)
    log2 = unary(torch.log2)
    log10 = unary(torch.log10)
    sqrt = unary(torch.sqrt)
    sin = unary(torch.sin)
    cos = unary(torch.cos)
    tan = unary(torch.tan)
    asin = unary(torch.asin)
    acos = unary(torch.acos, on_complex=_acos)
    atan = unary(torch.atan)
    sinh = unary(torch.sinh)
    cosh = unary(torch.cosh)
    tanh = unary(torch.tanh, on_complex=_tanh)
    asinh = unary(torch.asinh)
    acosh = unary(torch.acosh)
    atanh = unary(torch.atanh)
    atan2 = binary(torch.atan2)
    logaddexp = binary(torch.logaddexp)
    copysign = binary(torch.copysign)
    nextafter = binary(torch.nextafter)

    # Rounding, parts
    ceil = unary(torch.ceil)
    floor = unary(torch.floor)
    trunc = unary(torch.trunc)
    round = unary(torch.round, on_complex=_round)
    conj = staticmethod(lambda x: torch.conj_physical(x) if x.is_complex() else x.clone())
    real = staticmethod(torch.real)

    # Comparison
    equal = binary(torch.eq, wide, as_is)
    not_equal = binary(torch.ne, wide, as_is)
    less = binary(torch.lt, ordered, as_is)
    less_equal = binary(torch.le, ordered, as_is)
    greater = binary(torch.gt, ordered, as_is)
    greater_equal = binary(torch.ge, ordered, as_is)

    # Bits and logic
    bitwise_and = binary(torch.bitwise_and)
    bitwise_or = binary(torch.bitwise_or)
    bitwise_xor = binary(torch.bitwise_xor)
    bitwise_invert = unary(torch.bitwise_not)
    bitwise_left_shift = binary(torch.bitwise_left_shift)
    logical_and = binary(torch.logical_and, wide, as_is)
    logical_or = binary(torch.logical_or, wide, as_is)
    logical_xor = binary(torch.logical_xor, wide, as_is)
    logical_not = unary(torch.logical_not, wide, as_is)

    def sign(self, x: Any, /) -> Any:
        if x.dtype.is_complex:
            return _sign(x)
        if x.dtype in SIGNED:
            return torch.ne(x, 0).to(x.dtype)
        # torch's own sign of NaN is 0.
        return torch.where(torch.isnan(x), x, torch.sign(x)) if x.dtype.is_floating_point else torch.sign(x)

    def abs(self, x: Any, /) -> Any:
        return x.clone() if x.dtype in SIGNED or x.dtype is torch.bool else torch.abs(x)

    def positive(self, x: Any, /) -> Any:
        return x.clone()

    def imag(self, x: Any, /) -> Any:
        return torch.imag(x) if x.dtype.is_complex else torch.zeros_like(x)

    def bitwise_right_shift(self, x1: Any, x2: Any, /) -> Any:
        if x1.dtype is torch.uint64:
            return narrow(right_shift(wide(x1), wide(x2)), x1.dtype)
        if x1.dtype in SIGNED:
            return narrow(torch.bitwise_right_shift(wide(x1), wide(x2)), x1.dtype)
        return torch.bitwise_right_shift(x1, x2)

    def floor_divide(self, x1: Any, x2: Any, /) -> Any:
        """Mended: at infinities torch follows Python, and the standard the floor of the quotient."""
        if not x1.dtype.is_floating_point:
            return integer_floor_divide(x1, x2)
        out = torch.floor_divide(x1, x2)
        if x1.device.type == "cpu" and math.isfinite(x1.sum().item() + x2.sum().item()):
            return out  # on devices the question would have to be waited for
        infinite = torch.isinf(x1) | torch.isinf(x2)
        return torch.where(infinite, torch.divide(x1, x2), out)

    def remainder(self, x1: Any, x2: Any, /) -> Any:
        """Mended: torch's zeros have the sign of x1, and where the quotient overflows it gives NaN."""
        if not x1.dtype.is_floating_point:
            return integer_remainder(x1, x2)
        out = torch.remainder(x1, x2)
        if x1.device.type == "cpu" and out.isnan().any():
            step = 2.0**80 if x1.dtype is torch.float32 else 2.0**700
            nearer = torch.fmod(torch.fmod(x1, x2 * step * step), x2 * step)
            out = torch.where(out.isnan(), torch.remainder(nearer, x2), out)
        return out.copysign_(x2)

    def pow(self, x1: Any, x2: Any, /) -> Any:
        """Mended: of complex 0 torch's powers are NaN, the 0th included."""
        if x1.dtype.is_complex:
            of_zero = torch.where(x2.real > 0, 0.0, complex(math.nan, math.nan)).to(x1.dtype)
            return torch.where(x2 == 0, 1.0, torch.where(x1 == 0, of_zero, torch.pow(x1, x2)))
        return torch.pow(x1, x2) if x1.dtype.is_floating_point else integer_pow(x1, x2)

    def clip(self, x: Any, /, min: Any = None, max: Any = None) -> Any:
        if min is None and max is None:
            return x.clone()
        if min is not None:
            x = self.maximum(x, min)
        return x if max is None else self.minimum(x, max)
