"""Complex functions for the JAX backend where XLA's differ from C99, which NumPy and the standard follow.

XLA's functions are right at ordinary numbers but not at infinities and NaN, nor about which side
of a branch cut a signed zero lies on. Each function here calls XLA's where the signs do not
matter (the first quadrant or the upper half plane), and puts signs and special values in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def _parts(z: Any) -> tuple[Any, Any]:
    return lax.real(z), lax.imag(z)


def _flip(when: Any, x: Any) -> Any:
    return jnp.where(when, -x, x)


def _unknown(x: Any, y: Any, p: Any, q: Any) -> tuple[Any, Any]:
    """A result of which nothing is known where one part is NaN and the other finite and not 0."""
    nothing = (jnp.isnan(x) & jnp.isfinite(y) & (y != 0)) | (jnp.isnan(y) & jnp.isfinite(x) & (x != 0))
    return jnp.where(nothing, jnp.nan, p), jnp.where(nothing, jnp.nan, q)


def _turned(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """-i f(i z): what sin, tan, asin and atan are of sinh, tanh, asinh and atanh."""

    @jax.jit
    def g(z: Any) -> Any:
        x, y = _parts(z)
        p, q = _parts(f(lax.complex(-y, x)))
        return lax.complex(q, -p)

    return g


def _odd(f: Callable[[Any, Any], tuple[Any, Any]]) -> Callable[[Any], Any]:
    """A function odd in either part, from its values in the first quadrant."""

    @jax.jit
    def g(z: Any) -> Any:
        x, y = _parts(z)
        p, q = f(lax.abs(x), lax.abs(y))
        return lax.complex(_flip(jnp.signbit(x), p), _flip(jnp.signbit(y), q))

    return g


def _conjugate(f: Callable[[Any, Any], tuple[Any, Any]]) -> Callable[[Any], Any]:
    """A function of the conjugate that is the conjugate, from its values in the upper half plane."""

    @jax.jit
    def g(z: Any) -> Any:
        x, y = _parts(z)
        p, q = f(x, lax.abs(y))
        return lax.complex(p, _flip(jnp.signbit(y), q))

    return g


def _exp(x: Any, y: Any) -> tuple[Any, Any]:
    p, q = _unknown(x, y, *_parts(jnp.exp(lax.complex(x, y))))
    endless = ~jnp.isfinite(y)
    p = jnp.where(endless & (x == jnp.inf), jnp.inf, jnp.where(endless & (x == -jnp.inf), 0.0, p))
    q = jnp.where(endless & (x == jnp.inf), jnp.nan, jnp.where(endless & (x == -jnp.inf), 0.0, q))
    return p, q


def _expm1(x: Any, y: Any) -> tuple[Any, Any]:
    p, q = _unknown(x, y, *_parts(jnp.expm1(lax.complex(x, y))))
    endless = ~jnp.isfinite(y)
    p = jnp.where(endless & (x == jnp.inf), jnp.inf, jnp.where(x == -jnp.inf, -1.0, p))
    q = jnp.where(endless & (x == jnp.inf), jnp.nan, jnp.where(endless & (x == -jnp.inf), 0.0, q))
    return p, jnp.where(y == 0, y, q)


def _log(x: Any, y: Any) -> tuple[Any, Any]:
    p, q = _parts(jnp.log(lax.complex(x, y)))
    return jnp.where(jnp.isinf(x) | jnp.isinf(y), jnp.inf, p), q


def _log1p(x: Any, y: Any) -> tuple[Any, Any]:
    p, _ = _parts(jnp.log1p(lax.complex(x, y)))
    return jnp.where(jnp.isinf(x) | jnp.isinf(y), jnp.inf, p), jnp.atan2(y, 1 + x)


def _sqrt(x: Any, y: Any) -> tuple[Any, Any]:
    p, q = _parts(jnp.sqrt(lax.complex(x, y)))
    right, left = (x == jnp.inf) & jnp.isnan(y), (x == -jnp.inf) & jnp.isnan(y)
    p = jnp.where(right | (y == jnp.inf), jnp.inf, jnp.where(left, jnp.nan, p))
    q = jnp.where(left | (y == jnp.inf), jnp.inf, jnp.where(right, jnp.nan, q))
    return p, q


def _scaled(x: Any) -> tuple[Any, Any, Any]:
    """cosh x and sinh x over a common factor, so that a product with a small number can be finite."""
    large = lax.abs(x) > 30
    near = jnp.where(large, 0.0, x)
    half = jnp.exp(jnp.where(large, lax.abs(x) / 2, 0.0))
    c = jnp.where(large, half / 2, jnp.cosh(near))
    return c, jnp.where(large, jnp.copysign(half / 2, x), jnp.where(x == 0, x, jnp.sinh(near))), half


@jax.jit
def sinh(z: Any) -> Any:
    x, y = _parts(z)
    c, s, factor = _scaled(x)
    p, q = s * jnp.cos(y) * factor, c * jnp.sin(y) * factor
    endless = ~jnp.isfinite(y)
    p = jnp.where(endless & jnp.isinf(x), jnp.inf, jnp.where(endless & (x == 0), x, p))
    return lax.complex(p, jnp.where(y == 0, y, q))


@jax.jit
def cosh(z: Any) -> Any:
    x, y = _parts(z)
    c, s, factor = _scaled(x)
    p, q = c * jnp.cos(y) * factor, s * jnp.sin(y) * factor
    endless = ~jnp.isfinite(y)
    p = jnp.where(endless & jnp.isinf(x), jnp.inf, p)
    signed_zero = jnp.where(jnp.signbit(x), -y, y)
    q = jnp.where(y == 0, signed_zero, jnp.where(endless & (x == 0), 0.0, q))
    return lax.complex(p, q)


def _tanh(x: Any, y: Any) -> tuple[Any, Any]:
    p, q = _unknown(x, y, *_parts(jnp.tanh(lax.complex(x, y))))
    p = jnp.where(x == jnp.inf, 1.0, jnp.where((x == 0) & ~jnp.isfinite(y), x, p))
    return p, jnp.where(x == jnp.inf, 0.0, jnp.where(y == 0, y, q))


def _asinh(x: Any, y: Any) -> tuple[Any, Any]:
    p, q = _unknown(x, y, *_parts(jnp.asinh(lax.complex(x, y))))
    return p, jnp.where(y == 0, y, q)


def _atanh(x: Any, y: Any) -> tuple[Any, Any]:
    p, q = _parts(jnp.atanh(lax.complex(x, y)))
    unknown = jnp.isnan(x) | jnp.isnan(y)
    p = jnp.where(unknown, jnp.where((x == 0) | jnp.isinf(x) | jnp.isinf(y), 0.0, jnp.nan), p)
    q = jnp.where(unknown, jnp.where(jnp.isinf(y), jnp.pi / 2, jnp.nan), q)
    return p, q


def _acos(x: Any, y: Any) -> tuple[Any, Any]:
    p, q = _unknown(x, y, *_parts(jnp.acos(lax.complex(x, y))))
    return jnp.where((x == 0) & jnp.isnan(y), jnp.pi / 2, p), q


def _acosh(x: Any, y: Any) -> tuple[Any, Any]:
    p, q = _unknown(x, y, *_parts(jnp.acosh(lax.complex(x, y))))
    return p, jnp.where((x == 0) & jnp.isnan(y), jnp.pi / 2, q)


exp = _conjugate(_exp)
expm1 = _conjugate(_expm1)
log = _conjugate(_log)
log1p = _conjugate(_log1p)
sqrt = _conjugate(_sqrt)
acos = _conjugate(_acos)
acosh = _conjugate(_acosh)
tanh = _odd(_tanh)
asinh = _odd(_asinh)
atanh = _odd(_atanh)
tan = _turned(tanh)
asin = _turned(asinh)
atan = _turned(atanh)


@jax.jit
def sin(z: Any) -> Any:
    x, y = _parts(z)
    p, q = _parts(sinh(lax.complex(-y, x)))
    # Where the real part is not finite the standard leaves the sign open; NumPy's is positive.
    return lax.complex(q, jnp.where(~jnp.isfinite(x) & jnp.isinf(y), jnp.inf, -p))


@jax.jit
def cos(z: Any) -> Any:
    x, y = _parts(z)
    return cosh(lax.complex(-y, x))


def _log_to(base: float) -> Callable[[Any], Any]:
    @jax.jit
    def g(z: Any) -> Any:
        p, q = _parts(log(z))
        scale = 1 / jnp.log(jnp.asarray(base, p.dtype))
        return lax.complex(p * scale, q * scale)

    return g


log2 = _log_to(2.0)
log10 = _log_to(10.0)


@jax.jit
def abs(z: Any) -> Any:
    x, y = _parts(z)
    return jnp.where(jnp.isinf(x) | jnp.isinf(y), jnp.inf, lax.abs(z))


@jax.jit
def sign(z: Any) -> Any:
    """z / |z|, and 0 at 0; an infinite part outweighs a finite one."""
    x, y = _parts(z)
    size = abs(z)
    endless = jnp.isinf(size)
    both = jnp.isinf(x) & jnp.isinf(y)
    x = jnp.where(endless, jnp.where(both, jnp.nan, jnp.where(jnp.isinf(x), jnp.sign(x), 0.0)), x)
    y = jnp.where(endless, jnp.where(both, jnp.nan, jnp.where(jnp.isinf(y), jnp.sign(y), 0.0)), y)
    unit = jnp.where(endless | (size == 0), 1.0, size)
    zero = size == 0
    lost = jnp.isnan(z)
    p, q = (jnp.where(lost, jnp.nan, jnp.where(zero, 0.0, part / unit)) for part in (x, y))
    return lax.complex(p, q)


@jax.jit
def divide(z: Any, w: Any) -> Any:
    """z / w by Smith's method, as NumPy has it."""
    (a, b), (c, d) = _parts(z), _parts(w)
    wide = lax.abs(c) >= lax.abs(d)
    big, small = jnp.where(wide, c, d), jnp.where(wide, d, c)
    ratio = small / big
    scale = 1 / (big + small * ratio)
    p = jnp.where(wide, a + b * ratio, a * ratio + b) * scale
    q = jnp.where(wide, b - a * ratio, b * ratio - a) * scale
    zero = (c == 0) & (d == 0)
    p, q = jnp.where(zero, a / lax.abs(c), p), jnp.where(zero, b / lax.abs(c), q)
    return lax.complex(p, q)


def reciprocal(z: Any) -> Any:
    return divide(jnp.ones((), z.dtype), z)


@jax.jit
def pow(z: Any, w: Any) -> Any:
    """z ** w; a power of 0 with a positive real part is 0, where XLA gives NaN."""
    return jnp.where((z == 0) & (lax.real(w) > 0), 0, jnp.pow(z, w))
