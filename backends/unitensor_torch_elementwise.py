"""Element-wise functions of torch: its own kernels, mended at special values and unsigned dtypes."""

from __future__ import annotations

from typing import Any

import torch
from unitensor_torch_unsigned import (
    SIGNED,
    as_is,
    binary,
    integer_divmod,
    integer_pow,
    narrow,
    ordered,
    right_shift,
    unary,
    unordered,
    wide,
)


def _sign(x: Any) -> Any:
    if x.dtype.is_complex:
        return torch.sgn(x)
    out = torch.sign(x)
    return torch.where(torch.isnan(x), x, out) if x.dtype.is_floating_point else out


def _round(x: Any) -> Any:
    return torch.complex(torch.round(x.real), torch.round(x.imag)) if x.dtype.is_complex else torch.round(x)


class Elementwise:
    """The chapter's functions; inputs of one call have one dtype."""

    # Arithmetic
    add = binary(torch.add)
    subtract = binary(torch.subtract)
    multiply = binary(torch.multiply)
    divide = binary(torch.divide)
    negative = unary(torch.negative)
    square = unary(torch.square)
    sign = unary(_sign)
    hypot = binary(torch.hypot)
    reciprocal = unary(torch.reciprocal)
    maximum = binary(torch.maximum, ordered, unordered)
    minimum = binary(torch.minimum, ordered, unordered)

    # Exponentials, trigonometry
    exp = unary(torch.exp)
    expm1 = unary(torch.expm1)
    log = unary(torch.log)
    log1p = unary(torch.log1p)
    log2 = unary(torch.log2)
    log10 = unary(torch.log10)
    sqrt = unary(torch.sqrt)
    sin = unary(torch.sin)
    cos = unary(torch.cos)
    tan = unary(torch.tan)
    asin = unary(torch.asin)
    acos = unary(torch.acos)
    atan = unary(torch.atan)
    sinh = unary(torch.sinh)
    cosh = unary(torch.cosh)
    tanh = unary(torch.tanh)
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
    round = unary(_round)
    conj = staticmethod(torch.conj_physical)
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

    def abs(self, x: Any, /) -> Any:
        return x.clone() if x.dtype in SIGNED else torch.abs(x)

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
        if not x1.dtype.is_floating_point:
            return integer_divmod(x1, x2)[0]
        # An infinity divided by a finite number stays one; torch has NaN.
        return torch.where(torch.isinf(x1), torch.divide(x1, x2), torch.floor_divide(x1, x2))

    def remainder(self, x1: Any, x2: Any, /) -> Any:
        if not x1.dtype.is_floating_point:
            return integer_divmod(x1, x2)[1]
        r = torch.remainder(x1, x2)
        return torch.where(r == 0, torch.copysign(r, x2), r)  # torch's zeros have the sign of x1

    def pow(self, x1: Any, x2: Any, /) -> Any:
        if x1.dtype.is_floating_point or x1.dtype.is_complex:
            return torch.pow(x1, x2)
        return integer_pow(x1, x2)

    def clip(self, x: Any, /, min: Any = None, max: Any = None) -> Any:
        if min is None and max is None:
            return x.clone()
        if min is not None:
            x = self.maximum(x, min)
        return x if max is None else self.minimum(x, max)
