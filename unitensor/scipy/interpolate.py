"""Interpolation: SciPy's piecewise polynomials, B-splines and regular grids, differentiable in everything.

Gradients go to the values, to the points of evaluation and to the knots. All is made of functions of the
standard and runs where the Tensors are, but for the banded system of a spline, which is the host's.
"""

from __future__ import annotations

from ._bsplines import BSpline, RegularGridInterpolator, interpn, make_interp_spline
from ._piecewise import (
    Akima1DInterpolator,
    CubicHermiteSpline,
    CubicSpline,
    PchipInterpolator,
    PPoly,
)

__all__ = [
    "Akima1DInterpolator",
    "BSpline",
    "CubicHermiteSpline",
    "CubicSpline",
    "PPoly",
    "PchipInterpolator",
    "RegularGridInterpolator",
    "interpn",
    "make_interp_spline",
]
