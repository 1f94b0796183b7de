"""Interpolation: SciPy's piecewise polynomials, B-splines and regular grids, differentiable in everything.

Gradients go to the values, to the points of evaluation and to the knots. All is made of functions of the
standard and runs where the Tensors are, but for the banded system of a spline, which is the host's.
"""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import numpy as np

import unitensor as ut

from .._ops.indexing import scatter_add
from ._host_op import lift, one_of, values
from .linalg import solve_banded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._tensor import Tensor


def _floating(x: Tensor) -> Tensor:
    return x if ut.isdtype(x.dtype, ("real floating", "complex floating")) else x.astype(ut.float64)


def _increasing(name: str, x: Tensor) -> None:
    if x.ndim != 1 or x.shape[0] < 2 or not bool((np.diff(values(x)) > 0).all()):
        raise ValueError(f"{name}: x {x.shape} must be a strictly increasing vector of at least 2")


def _prepared(name: str, x: Any, y: Any, axis: int) -> tuple[Tensor, Tensor, int]:
    """Knots, values with the axis of the knots first, and that axis."""
    x, y = lift(name, x, y)
    x, y = _floating(x), _floating(y)
    _increasing(name, x)
    axis %= max(y.ndim, 1)
    if y.ndim == 0 or y.shape[axis] != x.shape[0]:
        raise ValueError(f"{name}: x has {x.shape[0]} elements, and y {y.shape} along axis {axis}")
    return x, ut.moveaxis(y, axis, 0), axis


def _interval(knots: Tensor, x: Tensor, low: int, high: int) -> Tensor:
    """The number of the interval in which each point lies; the outermost take what is outside."""
    return ut.clip(ut.searchsorted(knots, x, side="right") - 1, low, high)


def _column(x: Tensor, ndim: int) -> Tensor:
    """A vector with trailing axes, to multiply an array of ndim axes along its first."""
    return x.reshape((-1,) + (1,) * (ndim - 1))


class _Function:
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
        x = _floating(lift(name, low, x)[1])
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        one_of(name, "extrapolate", extrapolate, (True, False, "periodic"))
        flat = x.reshape((-1,))
        if extrapolate == "periodic":
            flat = low + ut.remainder(flat - low, high - low)
        found = self._evaluate(flat, nu)
        if not extrapolate:
            outside = _column(ut.logical_or(flat < low, flat > high), found.ndim)
            found = ut.where(outside, ut.full_like(found, float("nan")), found)
        rest = found.shape[1:]
        found = found.reshape((*x.shape, *rest))
        before = tuple(range(x.ndim, x.ndim + self.axis))
        after = tuple(range(x.ndim + self.axis, found.ndim))
        return ut.permute_dims(found, (*before, *range(x.ndim), *after))


# Piecewise polynomials -------------------------------------------------------------------------------


class PPoly(_Function):
    """A piecewise polynomial, as `scipy.interpolate.PPoly`: c[k - p, i] is the factor of (t - x[i])**p.

    >>> import unitensor as ut
    >>> PPoly(ut.asarray([[1.0, 2.0], [0.0, 1.0]]), ut.asarray([0.0, 1.0, 2.0]))([0.5, 1.5]).tolist()
    [0.5, 2.0]
    """

    def __init__(self, c: Any, x: Any, extrapolate: Any = None, axis: int = 0) -> None:
        c, x = lift("interpolate.PPoly", c, x)
        self.c, self.x = _floating(c), _floating(x)
        self.axis = axis
        self.extrapolate = True if extrapolate is None else extrapolate

    def _ends(self) -> tuple[Tensor, Tensor]:
        return self.x[0], self.x[-1]

    def _evaluate(self, x: Tensor, nu: int) -> Tensor:
        c = self.derivative(nu).c if nu else self.c
        i = _interval(self.x, x, 0, self.x.shape[0] - 2)
        parts = ut.take(c, i, axis=1)
        step = _column(x - ut.take(self.x, i), parts.ndim - 1)
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
            c = c[:-1] * _column(powers, c.ndim)
        return PPoly(c, self.x, self.extrapolate, self.axis)

    def antiderivative(self, nu: int = 1) -> PPoly:
        """The nu-th antiderivative, continuous and 0 at the first knot."""
        c = self.c
        width = ut.diff(self.x)
        for _ in range(nu):
            powers = ut.arange(c.shape[0], 0, -1, dtype=c.dtype, device=c.device)
            c = c / _column(powers, c.ndim)
            step = _column(width, c.ndim - 1)
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
        x, y, axis = _prepared(name, x, y, axis)
        self._set(x, y, ut.moveaxis(_floating(dydx), axis, 0), axis, extrapolate)

    def _set(self, x: Tensor, y: Tensor, slopes: Tensor, axis: int, extrapolate: Any) -> None:
        width = _column(ut.diff(x), y.ndim)
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
        x, y, axis = _prepared("interpolate.PchipInterpolator", x, y, axis)
        h = _column(ut.diff(x), y.ndim)
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
        x, y, axis = _prepared("interpolate.Akima1DInterpolator", x, y, axis)
        extrapolate = False if extrapolate is None else extrapolate
        m = ut.diff(y, axis=0) / _column(ut.diff(x), y.ndim)
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
        x, y, axis = _prepared(name, x, y, axis)
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


# B-splines -------------------------------------------------------------------------------------------


def _basis(t: Tensor, x: Tensor, i: Tensor, k: int, nu: int = 0) -> list[Tensor]:
    """The k + 1 basis functions that are not 0 in interval i, or their nu-th derivatives, at x."""
    knots = {j: ut.take(t, i + j) for j in range(1 - k, k + 1)} if k else {}
    found = [ut.ones_like(x)]
    for degree in range(1, max(k - nu, 0) + 1):
        saved: Any = ut.zeros_like(x)
        grown = []
        for r in range(degree):
            share = found[r] / (knots[r + 1] - knots[r + 1 - degree])
            grown.append(saved + (knots[r + 1] - x) * share)
            saved = (x - knots[r + 1 - degree]) * share
        found = [*grown, saved]
    for degree in range(max(k - nu, 0) + 1, k + 1):
        shares = [degree * found[r] / (knots[r + 1] - knots[r + 1 - degree]) for r in range(degree)]
        found = [-shares[0], *(a - b for a, b in pairwise(shares)), shares[-1]]
    return found if nu <= k else [0 * f for f in found]


class BSpline(_Function):
    """A spline in the B-spline basis, as `scipy.interpolate.BSpline`: knots t, coefficients c, degree k.

    >>> import unitensor as ut
    >>> BSpline(ut.asarray([0.0, 1.0, 2.0, 3.0]), ut.asarray([1.0, 3.0]), 1)([1.0, 1.5]).tolist()
    [1.0, 2.0]
    """

    def __init__(self, t: Any, c: Any, k: int, extrapolate: Any = True, axis: int = 0) -> None:
        t, c = lift("interpolate.BSpline", t, c)
        self.t, self.c, self.k = _floating(t), _floating(c), int(k)
        self.axis = axis % self.c.ndim
        self.c = ut.moveaxis(self.c, self.axis, 0)
        self.extrapolate = extrapolate
        self._n = self.t.shape[0] - self.k - 1
        if self.t.ndim != 1 or self._n < self.k + 1 or self.c.shape[0] < self._n:
            raise ValueError(
                f"interpolate.BSpline: {self.t.shape[0]} knots of degree {k} need at least {2 * k + 2} knots "
                f"and {max(self._n, 0)} coefficients, got {self.c.shape[0]}"
            )

    def _ends(self) -> tuple[Tensor, Tensor]:
        return self.t[self.k], self.t[self._n]

    def _evaluate(self, x: Tensor, nu: int) -> Tensor:
        i = _interval(self.t, x, self.k, self._n - 1)
        found: Any = 0.0
        for r, b in enumerate(_basis(self.t, x, i, self.k, nu)):
            part = ut.take(self.c, i - self.k + r, axis=0)
            found = found + _column(b, part.ndim) * part
        return found  # type: ignore[no-any-return]  # a sum that starts at 0


def _conditions_of_order(name: str, bc: Any, y: Tensor) -> list[tuple[int, Any]]:
    """The derivatives that one end is given, for `make_interp_spline`."""
    if bc is None or (isinstance(bc, str) and bc == "not-a-knot"):
        return []
    if isinstance(bc, str):
        one_of(name, "bc_type", bc, ("not-a-knot", "natural", "clamped"))
        return [(2 if bc == "natural" else 1, ut.zeros_like(y[0]))]
    return [(int(nu), ut.broadcast_to(lift(name, y, v)[1], y.shape[1:])) for nu, v in bc]


def make_interp_spline(
    x: Any,
    y: Any,
    k: int = 3,
    t: Any = None,
    bc_type: Any = None,
    axis: int = 0,
    check_finite: bool = True,
) -> BSpline:
    """The spline of degree k through values, as `scipy.interpolate.make_interp_spline`.

    >>> import unitensor as ut
    >>> x = ut.arange(5.0)
    >>> ut.round(make_interp_spline(x, x**2, k=2)([0.5, 1.5]) * 100).tolist()
    [25.0, 225.0]
    """
    name = "interpolate.make_interp_spline"
    if isinstance(bc_type, str) and bc_type == "periodic":
        raise ValueError(
            f"{name}: bc_type='periodic' is not supported; CubicSpline(x, y, bc_type='periodic') is"
        )
    x, y, axis = _prepared(name, x, y, axis)
    start, end = bc_type if isinstance(bc_type, (tuple, list)) else (bc_type, bc_type)
    left, right = (_conditions_of_order(name, bc, y) for bc in (start, end))
    n = x.shape[0]
    if t is not None:
        t = _floating(lift(name, x, t)[1])
    elif k == 0:
        t = ut.concat([x, x[-1:]])
    else:
        half = (k + 1) // 2 if k % 2 else k // 2
        middle = x if k % 2 else (x[1:] + x[:-1]) / 2
        middle = x[1:-1] if left or right or k == 1 else middle[half : middle.shape[0] - half]
        t = ut.concat([ut.repeat(x[:1], k + 1), middle, ut.repeat(x[-1:], k + 1)])
    count = t.shape[0] - k - 1
    if count != n + len(left) + len(right):
        raise ValueError(
            f"{name}: {n} values and {len(left) + len(right)} conditions for {count} coefficients; "
            "they must be equally many"
        )
    rows = [(x[:1], nu, [j]) for j, (nu, _) in enumerate(left)]
    rows.append((x, 0, list(range(len(left), len(left) + n))))
    rows += [(x[-1:], nu, [len(left) + n + j]) for j, (nu, _) in enumerate(right)]
    entries, where_row, where_column = [], [], []
    for at, nu, row in rows:
        i = _interval(t, at, k, count - 1)
        for r, b in enumerate(_basis(t, at, i, k, nu)):
            entries.append(b)
            where_row.append(np.asarray(row))
            where_column.append(values(i) - k + r)
    row_index, column_index = np.concatenate(where_row), np.concatenate(where_column)
    lower = int(max(0, np.max(row_index - column_index)))
    upper = int(max(0, np.max(column_index - row_index)))
    key = (upper + row_index - column_index, column_index)
    backend, device = x._xp.backend, x._xp.backend.raw_device_of(x._data)
    placed = tuple(backend.from_numpy(np.asarray(part, np.int64), device) for part in key)
    ab = scatter_add(ut.concat(entries), placed, (lower + upper + 1, count))
    given = [v[None] for _, v in left] + [y] + [v[None] for _, v in right]
    b = ut.concat(given, axis=0) if len(given) > 1 else y
    c = solve_banded((lower, upper), ab, b.reshape((count, -1))).reshape(b.shape)
    return BSpline(t, ut.moveaxis(c, 0, axis), k, axis=axis)


# Regular grids -----------------------------------------------------------------------------------------

DEGREES = {"slinear": 1, "cubic": 3, "quintic": 5}
METHODS = ("linear", "nearest", *DEGREES)


class RegularGridInterpolator:
    """Interpolation on a regular grid, as `scipy.interpolate.RegularGridInterpolator`.

    method: "linear", "nearest", "slinear", "cubic" or "quintic". The splines' coefficients are exact, where
    SciPy's come from an iteration.

    >>> import unitensor as ut
    >>> f = RegularGridInterpolator(([0.0, 1.0], [0.0, 2.0]), ut.asarray([[0.0, 2.0], [1.0, 3.0]]))
    >>> f([[0.5, 1.0]]).tolist()
    [1.5]
    """

    def __init__(
        self,
        points: Sequence[Any],
        values: Any,
        method: str = "linear",
        bounds_error: bool = True,
        fill_value: float | None = float("nan"),
    ) -> None:
        name = "interpolate.RegularGridInterpolator"
        one_of(name, "method", method, METHODS)
        given = lift(name, values, *points)
        self.values, self.grid = _floating(given[0]), tuple(map(_floating, given[1:]))
        for i, axis in enumerate(self.grid):
            _increasing(f"{name}: points[{i}]", axis)
        if self.values.ndim < len(self.grid) or self.values.shape[: len(self.grid)] != tuple(
            axis.shape[0] for axis in self.grid
        ):
            raise ValueError(f"{name}: values {self.values.shape} do not fit {len(self.grid)} axes of points")
        self.method, self.bounds_error, self.fill_value = method, bounds_error, fill_value

    def __call__(self, xi: Any, method: str | None = None) -> Tensor:
        """The values at points whose coordinates are in the last axis of xi."""
        name = "interpolate.RegularGridInterpolator"
        method = self.method if method is None else method
        one_of(name, "method", method, METHODS)
        if isinstance(xi, tuple):
            xi = ut.stack(ut.broadcast_arrays(*lift(name, self.values, *xi)[1:]), axis=-1)
        xi = _floating(lift(name, self.values, xi)[1])
        count = len(self.grid)
        if xi.ndim == 1 and count == 1 and xi.shape[0] != 1:
            xi = xi[:, None]
        if not xi.ndim or xi.shape[-1] != count:
            raise ValueError(
                f"{name}: xi has shape {xi.shape}; expected {count} coordinates in the last axis"
            )
        x = xi.reshape((-1, count))
        columns = [x[:, d] for d in range(count)]
        outside = self._outside(columns)
        found = self._nearest(columns) if method == "nearest" else self._weighed(columns, method)
        missing = ut.any(ut.isnan(x), axis=-1)
        if self.fill_value is not None:
            fill = ut.full_like(found, self.fill_value)
            found = ut.where(_column(outside, found.ndim), fill, found)
        found = ut.where(_column(missing, found.ndim), ut.full_like(found, float("nan")), found)
        return found.reshape((*xi.shape[:-1], *found.shape[1:]))

    def _outside(self, columns: list[Tensor]) -> Tensor:
        outside = None
        for d, (x, axis) in enumerate(zip(columns, self.grid)):
            beyond = ut.logical_or(x < axis[0], x > axis[-1])
            if self.bounds_error and bool(values(ut.any(beyond))):
                raise ValueError(f"interpolate.RegularGridInterpolator: a point is out of bounds in axis {d}")
            outside = beyond if outside is None else ut.logical_or(outside, beyond)
        assert outside is not None
        return outside

    def _place(self, x: Tensor, axis: Tensor) -> tuple[Tensor, Tensor]:
        i = ut.clip(ut.searchsorted(axis, x, side="left") - 1, 0, axis.shape[0] - 2)
        low = ut.take(axis, i)
        return i, (x - low) / (ut.take(axis, i + 1) - low)

    def _at(self, table: Tensor, indices: list[Tensor]) -> Tensor:
        """The elements of a table whose indices along the axes of the grid are given."""
        flat: Any = 0
        for i, n in zip(indices, table.shape):
            flat = flat * n + i
        rest = table.shape[len(indices) :]
        return ut.take(table.reshape((-1, *rest)), flat, axis=0)

    def _nearest(self, columns: list[Tensor]) -> Tensor:
        places = [self._place(x, axis) for x, axis in zip(columns, self.grid)]
        return self._at(self.values, [ut.where(part <= 0.5, i, i + 1) for i, part in places])

    def _weighed(self, columns: list[Tensor], method: str) -> Tensor:
        """The sum of the neighbours' values, or spline coefficients, times their weights."""
        table = self.values
        taps = []
        for d, (x, axis) in enumerate(zip(columns, self.grid)):
            if method == "linear":
                i, part = self._place(x, axis)
                taps.append([(i, 1 - part), (i + 1, part)])
                continue
            k = DEGREES[method]
            spline = make_interp_spline(axis, table, k, axis=d)
            table = ut.moveaxis(spline.c, 0, d)
            i = _interval(spline.t, x, k, spline._n - 1)
            taps.append([(i - k + r, b) for r, b in enumerate(_basis(spline.t, x, i, k))])
        found: Any = 0.0
        for corner in product(*taps):
            weight: Any = 1.0
            for _, part in corner:
                weight = weight * part
            near = self._at(table, [i for i, _ in corner])
            found = found + _column(weight, near.ndim) * near
        return found  # type: ignore[no-any-return]  # a sum that starts at 0


def interpn(
    points: Sequence[Any],
    values: Any,
    xi: Any,
    method: str = "linear",
    bounds_error: bool = True,
    fill_value: float | None = float("nan"),
) -> Tensor:
    """Interpolation on a regular grid in one call, as `scipy.interpolate.interpn`.

    >>> import unitensor as ut
    >>> interpn(([0.0, 1.0],), ut.asarray([0.0, 2.0]), ut.asarray([[0.25]])).tolist()
    [0.5]
    """
    return RegularGridInterpolator(points, values, method, bounds_error, fill_value)(xi)
