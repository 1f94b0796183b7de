"""Kernels that torch lacks: unsigned integers of 16, 32 and 64 bits, computed exactly in int64.

Two encodings serve every function. `wide` keeps values below 2**63 and wraps the others, so that
sums, products, shifts to the left, equality and all that moves elements come out right modulo
2**64. `ordered` keeps the order: comparisons, extrema, sorting. torch is asked first, so that a
kernel which exists costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Function = Callable[..., Any]

SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}
LOWEST = -(2**63)
HIGHEST = 2**63 - 1


def bits(x: Any) -> Any:
    """The same memory as signed integers of the same width: enough to move elements."""
    return x.view(SIGNED[x.dtype])


def wide(x: Any) -> Any:
    """The values in int64, modulo 2**64."""
    return x.view(torch.int64) if x.dtype is torch.uint64 else x.to(torch.int64)


def narrow(r: Any, dtype: Any) -> Any:
    """Back from `wide`."""
    return r.view(dtype) if dtype is torch.uint64 else r.to(dtype)


def ordered(x: Any) -> Any:
    """int64 values in the order of the unsigned ones."""
    return x.view(torch.int64) ^ LOWEST if x.dtype is torch.uint64 else x.to(torch.int64)


def unordered(r: Any, dtype: Any) -> Any:
    """Back from `ordered`."""
    return (r ^ LOWEST).view(dtype) if dtype is torch.uint64 else r.to(dtype)


def as_is(r: Any, dtype: Any) -> Any:
    """A result that is not encoded: booleans, indices."""
    return r


HALF = frozenset({torch.float16, torch.bfloat16})
COMPLEX = frozenset({torch.complex64, torch.complex128})


def stand_in(
    f: Function, args: tuple[Any, ...], options: dict[str, Any], encode: Function, decode: Function
) -> Any:
    """What f gives where torch has no kernel for the dtype; else the error goes on.

    Half precision is computed in float32, booleans in int32.
    """
    dtype = next((a.dtype for a in args if isinstance(a, torch.Tensor)), None)
    if dtype in HALF:
        encode, decode = _to_float, _from_float
    elif dtype is torch.bool:
        encode, decode = _to_int, _to_bool
    elif dtype not in SIGNED:
        raise  # the error of torch that is being handled
    coded = [encode(a) if isinstance(a, torch.Tensor) and a.dtype is dtype else a for a in args]
    return decode(f(*coded, **options), dtype)


def _to_float(x: Any) -> Any:
    return x.to(torch.float32)


def _to_int(x: Any) -> Any:
    return x.to(torch.int32)


def _to_bool(r: Any, dtype: Any) -> Any:
    return r.to(dtype)


def _from_float(r: Any, dtype: Any) -> Any:
    return r.to(dtype) if r.dtype is torch.float32 else r


def mended(f: Function, call: Any, *, on_complex: bool = False) -> Any:
    """A function beside torch's own f, which the front end calls directly on all ordinary dtypes."""
    call.__doc__ = call.__doc__ or (
        "Mended: torch has no kernel for some of unsigned 16, 32 and 64 bits, half precision and booleans"
        + (", and differs at complex special values." if on_complex else ".")
    )
    call.ordinary = f
    call.odd = HALF | SIGNED.keys() | {torch.bool} | (COMPLEX if on_complex else frozenset())
    return staticmethod(call)


def unary(
    f: Function, encode: Function = wide, decode: Function = narrow, on_complex: Function | None = None
) -> Any:
    """f of one array, on every dtype; `on_complex` replaces it on complex ones."""

    def call(x: Any, /) -> Any:
        if on_complex is not None and x.dtype.is_complex:
            return on_complex(x)
        try:
            return f(x)
        except RuntimeError:
            return stand_in(f, (x,), {}, encode, decode)

    return mended(f, call, on_complex=on_complex is not None)


def binary(
    f: Function, encode: Function = wide, decode: Function = narrow, on_complex: Function | None = None
) -> Any:
    """f of two arrays of one dtype, on every dtype; `on_complex` replaces it on complex ones."""

    def call(x1: Any, x2: Any, /) -> Any:
        if on_complex is not None and x1.dtype.is_complex:
            return on_complex(x1, x2)
        try:
            return f(x1, x2)
        except RuntimeError:
            return stand_in(f, (x1, x2), {}, encode, decode)

    return mended(f, call, on_complex=on_complex is not None)


def general(f: Function, encode: Function = wide, decode: Function = narrow) -> Any:
    """f of any arguments, on every dtype."""

    def call(*args: Any, **options: Any) -> Any:
        try:
            return f(*args, **options)
        except RuntimeError:
            return stand_in(f, args, options, encode, decode)

    return mended(f, call)


def right_shift(a: Any, b: Any) -> Any:
    """a >> b of 64-bit patterns, filling with zeros."""
    halved = (a >> 1) & HIGHEST
    return torch.where(b == 0, a, torch.bitwise_right_shift(halved, b - 1))


def divmod64(a: Any, b: Any) -> tuple[Any, Any]:
    """Quotient and remainder of 64-bit patterns (b not 0), by a signed division of a / 2.

    Dividing a / 2 and doubling gives the quotient or one less; a divisor of 2**63 or more
    goes into a at most once.
    """
    small = torch.where(b < 0, 1, b)
    quotient = torch.div((a >> 1) & HIGHEST, small, rounding_mode="floor") << 1
    quotient = torch.where(b < 0, 0, quotient)
    rest = a - quotient * b
    more = (rest ^ LOWEST) >= (b ^ LOWEST)
    return quotient + more, torch.where(more, rest - b, rest)


def integer_floor_divide(x1: Any, x2: Any) -> Any:
    """x1 // x2 of integers of one dtype; 0 where the divisor is 0."""
    dtype = x1.dtype
    if dtype is torch.uint64:
        a, b = wide(x1), wide(x2)
        return torch.where(b == 0, 0, divmod64(a, torch.where(b == 0, 1, b))[0]).view(dtype)
    if dtype in SIGNED:
        return integer_floor_divide(wide(x1), wide(x2)).to(dtype)
    if _plain_divisor(x2):
        return torch.floor_divide(x1, x2)
    # The lowest number over -1 overflows, which stops the process on some machines.
    zero, minus = x2 == 0, (x2 < 0) & (x2 == -1)  # torch takes -1 for 255 in uint8
    quotient = torch.floor_divide(x1, torch.where(zero | minus, 1, x2))
    return torch.where(zero, 0, torch.where(minus, -x1, quotient))


def integer_remainder(x1: Any, x2: Any) -> Any:
    """x1 % x2 of integers of one dtype; 0 where the divisor is 0."""
    dtype = x1.dtype
    if dtype is torch.uint64:
        a, b = wide(x1), wide(x2)
        return torch.where(b == 0, 0, divmod64(a, torch.where(b == 0, 1, b))[1]).view(dtype)
    if dtype in SIGNED:
        return integer_remainder(wide(x1), wide(x2)).to(dtype)
    if _plain_divisor(x2):
        return torch.remainder(x1, x2)
    return torch.remainder(x1, torch.where((x2 == 0) | (x2 < 0) & (x2 == -1), 1, x2))


def _plain_divisor(x2: Any) -> bool:
    """Whether no divisor is 0 or -1; not asked on devices, which would have to be waited for."""
    return x2.device.type == "cpu" and bool(torch.all((x2 + 1) >> 1))


def integer_pow(x1: Any, x2: Any) -> Any:
    """x1 ** x2 of integers of one dtype, wrapping around; negative exponents are an error."""
    dtype = x1.dtype
    if dtype.is_signed and bool((x2 < 0).any()):
        raise ValueError("integers to negative integer powers are not allowed; cast to a floating dtype")
    if dtype not in SIGNED:
        return torch.pow(x1, x2)
    exponent = wide(x2)
    if dtype is torch.uint64:
        # Odd numbers repeat after 2**62 steps and even ones are 0 from 64 on, so a smaller exponent will do.
        exponent = torch.where(exponent < 0, (exponent & (2**62 - 1)) | 2**62, exponent)
    return narrow(torch.pow(wide(x1), exponent), dtype)
