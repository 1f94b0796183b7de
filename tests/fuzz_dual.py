"""Dual numbers over NumPy's arrays, to any order: derivatives pushed forward, without a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class UnsuitableError(Exception):
    """A program on which the answer is not defined: a kink, a tie, a huge number, an impure function."""


class Limits:
    """How far from kinks and ties values must be."""

    kink = 1e-3


limits = Limits()


def apart(a: Any, what: str, margin: float | None = None) -> None:
    """Refuse a program whose values lie at a kink or a tie."""
    a = np.asarray(a)
    if a.size and np.min(np.abs(a)) < (margin or limits.kink):
        raise UnsuitableError(what)


class Parts(dict[int, Any]):
    """A dual number: the value under 0, and the tangents under the masks of their directions."""

    def __add__(self, other: Parts) -> Parts:
        return Parts({m: _sum(self.get(m), other.get(m)) for m in self.keys() | other.keys()})

    def __neg__(self) -> Parts:
        return self.each(np.negative)

    def __sub__(self, other: Parts) -> Parts:
        return self + -other

    def __mul__(self, other: Any) -> Parts:
        if not isinstance(other, Parts):
            return self.each(lambda a: a * other)
        return product(np.multiply, self, other)

    def __matmul__(self, other: Parts) -> Parts:
        return product(np.matmul, self, other)

    def each(self, f: Callable[..., Any]) -> Parts:
        return Parts({m: f(a) for m, a in self.items()})

    def split(self, bit: int) -> tuple[Parts, Parts]:
        """What has no tangent in a direction, and the tangent in it."""
        low = Parts({m: a for m, a in self.items() if not m & bit})
        return low, Parts({m ^ bit: a for m, a in self.items() if m & bit})

    @property
    def mT(self) -> Parts:  # noqa: N802 -- the standard's name
        return self.each(lambda a: a.mT)


def _sum(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


def product(f: Callable[..., Any], a: Parts, b: Parts) -> Parts:
    """A function that is linear in each of two arguments."""
    out = Parts()
    for m, x in a.items():
        for n, y in b.items():
            if not m & n:
                out[m | n] = _sum(out.get(m | n), f(x, y))
    return out


def dual(f: Callable[..., Any], slope: Callable[..., Parts]) -> Callable[..., Parts]:
    """A function of arrays as one of dual numbers: `slope(out, x, .., dx, ..)` is its derivative."""

    def run(*args: Parts) -> Parts:
        top = max(m for a in args for m in a)
        if not top:
            return Parts({0: f(*(a[0] for a in args))})
        bit = 1 << top.bit_length() - 1
        lows, tangents = zip(*(a.split(bit) for a in args))
        out = run(*lows)
        moved = slope(out, *lows, *tangents)
        return joined(out, moved, bit)

    return run


exp = dual(np.exp, lambda out, x, dx: out * dx)
sin = dual(np.sin, lambda out, x, dx: cos(x) * dx)
cos = dual(np.cos, lambda out, x, dx: -(sin(x) * dx))
tanh = dual(np.tanh, lambda out, x, dx: dx - out * out * dx)
reciprocal = dual(lambda a: 1.0 / a, lambda out, x, dx: -(out * out * dx))
log = dual(np.log, lambda out, x, dx: reciprocal(x) * dx)
sqrt = dual(np.sqrt, lambda out, x, dx: reciprocal(out) * dx * 0.5)
inv = dual(np.linalg.inv, lambda out, x, dx: -(out @ dx @ out))
solve = dual(np.linalg.solve, lambda out, a, b, da, db: solve(a, db - da @ out) if da or db else Parts())
det = dual(np.linalg.det, lambda out, x, dx: out * trace(inv(x) @ dx))


def trace(x: Parts) -> Parts:
    return x.each(lambda a: np.trace(a, axis1=-2, axis2=-1))


def _phi(a: Any) -> Any:
    return np.tril(a) - 0.5 * a * np.eye(a.shape[-1])


def _cholesky_slope(out: Parts, x: Parts, dx: Parts) -> Parts:
    back = inv(out)
    return out @ (back @ dx @ back.mT).each(_phi)


cholesky = dual(lambda a: np.linalg.cholesky((a + a.mT) / 2), _cholesky_slope)


def eigh(x: Parts) -> tuple[Parts, Parts]:
    """Eigenvalues and eigenvectors of a symmetric matrix; their signs are NumPy's."""
    top = max(x)
    if not top:
        w, v = np.linalg.eigh(x[0])
        apart(np.diff(w), "equal eigenvalues", 0.1)
        return Parts({0: w}), Parts({0: v})
    bit = 1 << top.bit_length() - 1
    low, moved = x.split(bit)
    w, v = eigh(low)
    inner = v.mT @ moved @ v
    eye = np.eye(len(w[0]))
    gaps = w.each(lambda a: a - a[:, None]) + Parts({0: eye})
    dw = inner.each(np.diagonal)
    dv = v @ (reciprocal(gaps) * inner).each(lambda a: a * (1 - eye))
    return joined(w, dw, bit), joined(v, dv, bit)


def joined(low: Parts, moved: Parts, bit: int) -> Parts:
    return Parts({**low, **{m | bit: a for m, a in moved.items()}})
