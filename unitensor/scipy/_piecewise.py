"""Piecewise polynomials, and what all splines share; `interpolate.py` brings them together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import unitensor as ut

from ._host_op import lift, one_of, values
from .linalg import solve_banded

if TYPE_CHECKING:
    from .._tensor import Tensor


def floating(x: Tensor) -> Tensor:
    """Integers as float64."""
    return x if ut.isdtype(x.dtype, ("real floating", "complex floating")) else x.astype(ut.float64)


def increasing(name: str, x: Tensor) -> None:
    """Refuse knots that do not increase."""
    if x.ndim != 1 or x.shape[0] < 2 or not bool((np.diff(values(x)) > 0).all()):
        raise ValueError(f"{name}: x {x.shape} must be a strictly increasing vector of at least 2")


def prepared(name: str, x: Any, y: Any, axis: int) -> tuple[Tensor, Tensor, int]:
    """Knots, values with the axis of the knots first, and that axis."""
    x, y = lift(name, x, y)
    x, y = floating(x), floating(y)
    increasing(name, x)
    axis %= max(y.ndim, 1)
    if y.ndim == 0 or y.shape[axis] != x.shape[0]:
        raise ValueError(f"{name}: x has {x.shape[0]} elements, and y {y.shape} along axis {axis}")
    return x, ut.moveaxis(y, axis, 0), axis


def interval(knots: Tensor, x: Tensor, low: int, high: int) -> Tensor:
    """The number of the interval in which each point lies; the outermost take what is outside."""
    return ut.clip(ut.searchsorted(knots, x, side="right") - 1, low, high)


def column(x: Tensor, ndim: int) -> Tensor:
    """A vector with trailing axes, to multiply an array of ndim axes along its first."""
    return x.reshape((-1,) + (1,) * (ndim - 1))


class Function:
    """What all splines share: the shapes of points and results, periods, and what lies outside."""

    axis: int
    extrapolate: Any

    def _ends(self) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def _evaluate(self, x: Tensor, nu: int) -> Tensor:
        raise NotImplementedError

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Tensor:
        """The values, or the nu-th derivatives, at some points of any shape."""
        name = f"interpolate.{type(self).__name__}"
        low, high = self._ends()
        x = floating(lift(name, low, x)[1])
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        one_of(name, "extrapolate", extrapolate, (True, False, "periodic"))
        flat = x.reshape((-1,))
        if extrapolate == "periodic":
            flat = low + ut.remainder(flat - low, high - low)
        found = self._evaluate(flat, nu)
        if not extrapolate:
            outside = column(ut.logical_or(flat < low, flat > high), found.ndim)
            found = ut.where(outside, ut.full_like(found, float("nan")), found)
        rest = found.shape[1:]
        found = found.reshape((*x.shape, *rest))
        before = tuple(range(x.ndim, x.ndim + self.axis))
        after = tuple(range(x.ndim + self.axis, found.ndim))
        return ut.permute_dims(found, (*before, *range(x.ndim), *after))


# Piecewise polynomials -------------------------------------------------------------------------------


class PPoly(Function):
    """A piecewise polynomial, as `scipy.interpolate.PPoly`: c[k - p, i] is the factor of (t - x[i])**p.

    >>> import unitensor as ut
    >>> PPoly(ut.asarray([[1.0, 2.0], [0.0, 1.0]]), ut.asarray([0.0, 1.0, 2.0]))([0.5, 1.5]).tolist()
    [0.5, 2.0]
    """

    def __init__(self, c: Any, x: Any, extrapolate: Any = None, axis: int = 0) -> None:
        c, x = lift("interpolate.PPoly", c, x)
        self.c, self.x = floating(c), floating(x)
        self.axis = axis
        self.extrapolate = True if extrapolate is None else extrapolate

    def _ends(self) -> tuple[Tensor, Tensor]:
        return self.x[0], self.x[-1]

    def _evaluate(self, x: Tensor, nu: int) -> Tensor:
        c = self.derivative(nu).c if nu else self.c
        i = interval(self.x, x, 0, self.x.shape[0] - 2)
        parts = ut.take(c, i, axis=1)
        step = column(x - ut.take(self.x, i), parts.ndim - 1)
        found = parts[0]
        for p in range(1, parts.shape[0]):
            found = found * step + parts[p]
        return found

    def derivative(self, nu: int = 1) -> PPoly:
        """The nu-th derivative; the antiderivative, if nu is negative."""
        if nu < 0:
            return self.antiderivative(-nu)
        c = self.c
        for _ in range(nu):
            degree = c.shape[0] - 1
            if degree == 0:
                c = 0 * c
                continue
            powers = ut.arange(degree, 0, -1, dtype=c.dtype, device=c.device)
            c = c[:-1] * column(powers, c.ndim)
        return PPoly(c, self.x, self.extrapolate, self.axis)

    def antiderivative(self, nu: int = 1) -> PPoly:
        """The nu-th antiderivative, continuous and 0 at the first knot."""
        c = self.c
        width = ut.diff(self.x)
        for _ in range(nu):
            powers = ut.arange(c.shape[0], 0, -1, dtype=c.dtype, device=c.device)
            c = c / column(powers, c.ndim)
            step = column(width, c.ndim - 1)
            gained = c[0] * step
            for p in range(1, c.shape[0]):
                gained = (gained + c[p]) * step
            start = ut.concat([0 * gained[:1], ut.cumulative_sum(gained, axis=0)[:-1]], axis=0)
            c = ut.concat([c, start[None, ...]], axis=0)
        periodic = self.extrapolate == "periodic"
        return PPoly(c, self.x, False if periodic else self.extrapolate, self.axis)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Tensor:
        """The integral from a to b."""
        if "periodic" in (extrapolate, self.extrapolate):
            raise ValueError("interpolate: integrate is not supported with extrapolate='periodic'")
        whole = self.antiderivative()
        return whole(b, extrapolate=extrapolate) - whole(a, extrapolate=extrapolate)


class CubicHermiteSpline(PPoly):
    """The cubics through given values and slopes, as `scipy.interpolate.CubicHermiteSpline`.

    >>> import unitensor as ut
    >>> CubicHermiteSpline([0.0, 1.0], ut.asarray([0.0, 1.0]), [0.0, 0.0])(0.5).item()
    0.5
    """

    def __init__(self, x: Any, y: Any, dydx: Any, axis: int = 0, extrapolate: Any = None) -> None:
        name = f"interpolate.{type(self).__name__}"
        dydx, x, y = lift(name, dydx, x, y)
        x, y, axis = prepared(name, x, y, axis)
        self._set(x, y, ut.moveaxis(floating(dydx), axis, 0), axis, extrapolate)

    def _set(self, x: Tensor, y: Tensor, slopes: Tensor, axis: int, extrapolate: Any) -> None:
        width = column(ut.diff(x), y.ndim)
        rise = ut.diff(y, axis=0) / width
        bend = (slopes[:-1] + slopes[1:] - 2 * rise) / width
        c = ut.stack(
            [bend / width, (rise - slopes[:-1]) / width - bend, slopes[:-1] + 0 * rise, y[:-1] + 0 * rise]
        )
        PPoly.__init__(self, c, x, extrapolate, axis)


class PchipInterpolator(CubicHermiteSpline):
    """Cubics that are monotone where the values are, as `scipy.interpolate.PchipInterpolator`.

    >>> import unitensor as ut
    >>> PchipInterpolator([0.0, 1.0, 2.0], ut.asarray([0.0, 1.0, 1.0]))(1.5).item()
    1.0
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: Any = None) -> None:
        x, y, axis = prepared("interpolate.PchipInterpolator", x, y, axis)
        h = column(ut.diff(x), y.ndim)
        m = ut.diff(y, axis=0) / h
        if y.shape[0] == 2:
            slopes = ut.concat([m, m], axis=0)
        else:
            turns = ut.sign(m[1:]) * ut.sign(m[:-1]) <= 0
            safe = [ut.where(turns, ut.ones_like(part), part) for part in (m[:-1], m[1:])]
            w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
            inner = (w1 + w2) / (w1 / safe[0] + w2 / safe[1])
            inner = ut.where(turns, ut.zeros_like(inner), inner)
            ends = [self._end(h[i], h[j], m[i], m[j])[None, ...] for i, j in ((0, 1), (-1, -2))]
            slopes = ut.concat([ends[0], inner, ends[1]], axis=0)
        self._set(x, y, slopes, axis, extrapolate)

    @staticmethod
    def _end(h0: Tensor, h1: Tensor, m0: Tensor, m1: Tensor) -> Tensor:
        d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
        steep = ut.logical_and(ut.sign(m0) != ut.sign(m1), ut.abs(d) > 3 * ut.abs(m0))
        return ut.where(ut.sign(d) != ut.sign(m0), ut.zeros_like(d), ut.where(steep, 3 * m0, d))


class Akima1DInterpolator(CubicHermiteSpline):
    """Cubics with local slopes, as `scipy.interpolate.Akima1DInterpolator` ("akima" or "makima").

    >>> import unitensor as ut
    >>> Akima1DInterpolator([0.0, 1.0, 2.0], ut.asarray([0.0, 1.0, 2.0]))(1.5).item()
    1.5
    """

    def __init__(
        self, x: Any, y: Any, axis: int = 0, *, method: str = "akima", extrapolate: Any = None
    ) -> None:
        one_of("interpolate.Akima1DInterpolator", "method", method, ("akima", "makima"))
        x, y, axis = prepared("interpolate.Akima1DInterpolator", x, y, axis)
        extrapolate = False if extrapolate is None else extrapolate
        m = ut.diff(y, axis=0) / column(ut.diff(x), y.ndim)
        if x.shape[0] == 2:
            self._set(x, y, ut.concat([m, m], axis=0), axis, extrapolate)
            return
        before, after = 2 * m[:1] - m[1:2], 2 * m[-1:] - m[-2:-1]
        m = ut.concat([2 * before - m[:1], before, m, after, 2 * after - m[-1:]], axis=0)
        bend = ut.abs(ut.diff(m, axis=0))
        if method == "makima":
            bend = bend + 0.5 * ut.abs(m[1:] + m[:-1])
        f1, f2 = bend[2:], bend[:-2]
        total = f1 + f2
        weighed = total.detach() > 1e-9 * ut.max(total.detach())
        safe = ut.where(weighed, total, ut.ones_like(total))
        slopes = ut.where(weighed, (f1 * m[1:-2] + f2 * m[2:-1]) / safe, 0.5 * (m[3:] + m[:-3]))
        self._set(x, y, slopes, axis, extrapolate)


class CubicSpline(CubicHermiteSpline):
    """The cubic spline through values, as `scipy.interpolate.CubicSpline`.

    bc_type: "not-a-knot", "natural", "clamped", "periodic", or two of (order, value) or such names.

    >>> import unitensor as ut
    >>> x = ut.arange(5.0)
    >>> ut.round(CubicSpline(x, x**3)([0.5, 1.5]) * 1000).tolist()
    [125.0, 3375.0]
    """

    def __init__(
        self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: Any = None
    ) -> None:
        name = "interpolate.CubicSpline"
        x, y, axis = prepared(name, x, y, axis)
        if extrapolate is None:
            extrapolate = "periodic" if isinstance(bc_type, str) and bc_type == "periodic" else True
        shape = y.shape
        flat = y.reshape((shape[0], -1))
        width = ut.diff(x)
        rise = ut.diff(flat, axis=0) / width[:, None]
        if isinstance(bc_type, str) and bc_type == "periodic":
            ends = values(flat)[[0, -1]]
            if not np.allclose(ends[0], ends[1], rtol=1e-15, atol=1e-15):
                raise ValueError(f"{name}: bc_type='periodic' needs the first and last values to be equal")
            slopes = _periodic_slopes(width, rise)
        else:
            start, end = _conditions(name, bc_type, x, shape[1:])
            slopes = _slopes(x, flat, width, rise, start, end)
        self._set(x, y, slopes.reshape(shape), axis, extrapolate)


#: A condition at an end: "not-a-knot", or the order of a derivative and its value.
Condition = tuple[int, Any] | None


def _conditions(name: str, bc_type: Any, x: Tensor, shape: tuple[int, ...]) -> tuple[Condition, Condition]:
    if isinstance(bc_type, str):
        bc_type = (bc_type, bc_type)
    if len(bc_type) != 2:
        raise ValueError(f"{name}: bc_type {bc_type!r}; expected a name or one condition for each end")
    found: list[Condition] = []
    for bc in bc_type:
        if isinstance(bc, str):
            one_of(name, "bc_type", bc, ("not-a-knot", "natural", "clamped"))
            found.append(None if bc == "not-a-knot" else (2 if bc == "natural" else 1, 0.0))
        else:
            order, value = bc
            one_of(name, "the order of a condition in bc_type", order, (1, 2))
            found.append((order, ut.broadcast_to(lift(name, x, value)[1], shape).reshape((-1,))))
    return found[0], found[1]


def _slopes(x: Tensor, y: Tensor, h: Tensor, rise: Tensor, start: Condition, end: Condition) -> Tensor:
    """The slopes of a cubic spline at its knots: a tridiagonal system."""
    n = x.shape[0]
    if n == 2:
        start, end = ((1, rise[0]) if bc is None else bc for bc in (start, end))
    if n == 3 and start is None and end is None:  # one parabola
        wide = rise[1] - rise[0]
        total = h[0] + h[1]
        bend = wide / total
        return ut.stack([rise[0] - bend * h[0], rise[0] + bend * h[0], rise[1] + bend * h[1]])
    one, zero = ut.ones_like(h[:1]), ut.zeros_like(h[:1])
    if start is None:
        d = x[2] - x[0]
        first = (h[1:2], d[None], ((h[0] + 2 * d) * h[1] * rise[0] + h[0] ** 2 * rise[1]) / d)
    elif start[0] == 1:
        first = (one, zero, start[1] + 0 * y[0])
    else:
        first = (2 * h[:1], h[:1], -0.5 * start[1] * h[0] ** 2 + 3 * (y[1] - y[0]))
    if end is None:
        d = x[-1] - x[-3]
        last = (h[-2:-1], d[None], (h[-1] ** 2 * rise[-2] + (2 * d + h[-1]) * h[-2] * rise[-1]) / d)
    elif end[0] == 1:
        last = (one, zero, end[1] + 0 * y[0])
    else:
        last = (2 * h[-1:], h[-1:], 0.5 * end[1] * h[-1] ** 2 + 3 * (y[-1] - y[-2]))
    w = h[:, None]
    middle = 3 * (w[1:] * rise[:-1] + w[:-1] * rise[1:])
    diagonals = [
        ut.concat([zero, first[1], h[:-1]]),
        ut.concat([first[0], 2 * (h[:-1] + h[1:]), last[0]]),
        ut.concat([h[1:], last[1], zero]),
    ]
    return solve_banded((1, 1), ut.stack(diagonals), ut.concat([first[2][None], middle, last[2][None]]))


def _periodic_slopes(h: Tensor, rise: Tensor) -> Tensor:
    """The slopes of a periodic cubic spline: a cyclic system, solved without its last unknown."""
    w = h[:, None]
    if h.shape[0] == 1:
        return ut.concat([rise, rise])
    if h.shape[0] == 2:
        slope = ut.sum(rise / w, axis=0) / ut.sum(1 / w, axis=0)
        return ut.stack([slope, slope, slope])
    before_h, before_w, before = ut.roll(h, 1), ut.roll(w, 1, axis=0), ut.roll(rise, 1, axis=0)
    right = 3 * (w * before + before_w * rise)
    upper, main, lower = before_h, 2 * (before_h + h), h
    zero = ut.zeros_like(h[:1])
    # Row i: lower[i] s[i-1] + main[i] s[i] + upper[i] s[i+1]; the last unknown goes to the right side.
    ab = ut.stack([ut.concat([zero, upper[:-2]]), main[:-1], ut.concat([lower[1:-1], zero])])
    border = ut.concat([-lower[:1], ut.zeros_like(h[1:-2]), -upper[-2:-1]])
    both = solve_banded((1, 1), ab, ut.concat([right[:-1], border[:, None]], axis=1))
    s1, s2 = both[:, :-1], both[:, -1:]
    top = right[-1] - upper[-1] * s1[0] - lower[-1] * s1[-1]
    last = top / (main[-1] + upper[-1] * s2[0] + lower[-1] * s2[-1])
    s = ut.concat([s1 + s2 * last[None], last[None]])
    return ut.concat([s, s[:1]])
