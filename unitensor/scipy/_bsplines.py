"""B-splines and regular grids; `interpolate.py` brings them together with piecewise polynomials."""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import numpy as np

import unitensor as ut

from .._ops.indexing import scatter_add
from ._host_op import lift, one_of, values
from ._piecewise import Function, column, floating, increasing, interval, prepared
from .linalg import solve_banded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._tensor import Tensor


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


class BSpline(Function):
    """A spline in the B-spline basis, as `scipy.interpolate.BSpline`: knots t, coefficients c, degree k.

    >>> import unitensor as ut
    >>> BSpline(ut.asarray([0.0, 1.0, 2.0, 3.0]), ut.asarray([1.0, 3.0]), 1)([1.0, 1.5]).tolist()
    [1.0, 2.0]
    """

    def __init__(self, t: Any, c: Any, k: int, extrapolate: Any = True, axis: int = 0) -> None:
        t, c = lift("interpolate.BSpline", t, c)
        self.t, self.c, self.k = floating(t), floating(c), int(k)
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
        i = interval(self.t, x, self.k, self._n - 1)
        found: Any = 0.0
        for r, b in enumerate(_basis(self.t, x, i, self.k, nu)):
            part = ut.take(self.c, i - self.k + r, axis=0)
            found = found + column(b, part.ndim) * part
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
    x, y, axis = prepared(name, x, y, axis)
    start, end = bc_type if isinstance(bc_type, (tuple, list)) else (bc_type, bc_type)
    left, right = (_conditions_of_order(name, bc, y) for bc in (start, end))
    n = x.shape[0]
    if t is not None:
        t = floating(lift(name, x, t)[1])
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
        i = interval(t, at, k, count - 1)
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
        self.values, self.grid = floating(given[0]), tuple(map(floating, given[1:]))
        for i, axis in enumerate(self.grid):
            increasing(f"{name}: points[{i}]", axis)
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
        xi = floating(lift(name, self.values, xi)[1])
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
            found = ut.where(column(outside, found.ndim), fill, found)
        found = ut.where(column(missing, found.ndim), ut.full_like(found, float("nan")), found)
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
            i = interval(spline.t, x, k, spline._n - 1)
            taps.append([(i - k + r, b) for r, b in enumerate(_basis(spline.t, x, i, k))])
        found: Any = 0.0
        for corner in product(*taps):
            weight: Any = 1.0
            for _, part in corner:
                weight = weight * part
            near = self._at(table, [i for i, _ in corner])
            found = found + column(weight, near.ndim) * near
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
