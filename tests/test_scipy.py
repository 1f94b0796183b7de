"""`unitensor.scipy`: the same programs on Tensors and on SciPy itself; gradients against differences."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.fft
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.optimize
import scipy.signal
import scipy.sparse.linalg

import unitensor as ut
import unitensor.scipy as us
from unitensor.testing import gradcheck, gradgradcheck


class Case(NamedTuple):
    """A program over a module like `scipy`, and the arrays that it is differentiated in."""

    name: str
    run: Callable[..., Any]
    arrays: tuple[Any, ...]
    second: bool = True
    rtol: float = 1e-9
    step: float | None = None

    def __repr__(self) -> str:
        return self.name


def normal(*shape: int, seed: int = 0, dtype: str = "float64") -> Any:
    rng = np.random.default_rng([seed, *shape])
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if dtype.startswith("c") else x).astype(dtype)


def signal_cases() -> list[Case]:
    x, h, image, kernel = normal(9), normal(4), normal(5, 6), normal(3, 2)
    z, w = normal(6, dtype="complex128"), normal(3, dtype="complex128")
    made = []
    for function in ("convolve", "correlate", "fftconvolve"):
        for mode in ("full", "valid", "same"):

            def one(s: Any, a: Any, b: Any, f: str = function, m: str = mode) -> Any:
                return getattr(s.signal, f)(a, b, m)

            made.append(Case(f"{function}-{mode}", one, (x, h)))
            made.append(Case(f"{function}-{mode}-swapped", one, (h, x), second=False))
            made.append(Case(f"{function}-{mode}-2d", one, (image, kernel), second=False))
            made.append(Case(f"{function}-{mode}-complex", one, (z, w), second=False))
            made.append(Case(f"{function}-{mode}-mixed", one, (z, h), second=False))
    made.append(
        Case("convolve-fft", lambda s, a, b: s.signal.convolve(a, b, "same", method="fft"), (image, kernel))
    )
    made.append(
        Case("convolve-direct", lambda s, a, b: s.signal.convolve(a, b, method="direct"), (image, kernel))
    )
    made.append(
        Case("fftconvolve-axes", lambda s, a, b: s.signal.fftconvolve(a, b, axes=1), (image, normal(1, 3)))
    )
    b, a = scipy.signal.butter(3, 0.3)
    sos = scipy.signal.butter(3, 0.3, output="sos")
    made += [
        Case("lfilter", lambda s, b, a, x: s.signal.lfilter(b, a, x), (b, a * 1.5, x)),
        Case("lfilter-axis", lambda s, b, a, x: s.signal.lfilter(b, a, x, axis=0), (b[:2], a, image)),
        Case("lfilter-fir", lambda s, b, x: s.signal.lfilter(b, [2.0], x), (b, image)),
        Case("lfilter-poles", lambda s, a, x: s.signal.lfilter([1.0], a, x), (a, x)),
        Case("lfilter-zi", lambda s, b, a, x, z: s.signal.lfilter(b, a, x, zi=z), (b, a, x, normal(3))),
        Case("lfilter-short", lambda s, b, a, x, z: s.signal.lfilter(b, a, x, zi=z), (b, a, x[:2], normal(3))),
        Case("lfilter-complex", lambda s, b, a, x: s.signal.lfilter(b, a, x), (b, a, z)),
        Case("lfilter_zi", lambda s, b, a: s.signal.lfilter_zi(b, a), (b, a * 1.5)),
        Case("sosfilt", lambda s, c, x: s.signal.sosfilt(c, x), (sos, x)),
        Case("sosfilt-zi", lambda s, c, x, z: s.signal.sosfilt(c, x, zi=z), (sos, image, normal(2, 5, 2)), False),
        Case("sosfilt_zi", lambda s, c: s.signal.sosfilt_zi(c), (sos,)),
        Case("sosfiltfilt", lambda s, c, x: s.signal.sosfiltfilt(c, x, padlen=5), (sos, x), False),
        Case("filtfilt", lambda s, b, a, x: s.signal.filtfilt(b, a, x), (b[:2], a[:2], x)),
    ]  # fmt: skip
    for padtype in ("odd", "even", "constant", None):

        def padded(s: Any, x: Any, p: Any = padtype) -> Any:
            return s.signal.filtfilt(b, a, x, axis=0, padtype=p, padlen=4)

        made.append(Case(f"filtfilt-{padtype}", padded, (image,), second=False))
    return made


def fft_cases() -> list[Case]:
    made = []
    for f in ("dct", "idct", "dst", "idst"):
        for kind in (1, 2, 3, 4):
            for norm in ("backward", "ortho", "forward"):

                def one(s: Any, x: Any, f: str = f, kind: int = kind, norm: str = norm) -> Any:
                    return getattr(s.fft, f)(x, kind, norm=norm)

                made.append(Case(f"{f}-{kind}-{norm}", one, (normal(5),), second=False))
    made += [
        Case("dct-cut", lambda s, x: s.fft.dct(x, n=3, axis=0), (normal(5, 2),)),
        Case("dst-padded", lambda s, x: s.fft.dst(x, 3, n=7, axis=0), (normal(5, 2),)),
        Case("dct-orthogonalize", lambda s, x: s.fft.dct(x, 1, orthogonalize=True), (normal(5),)),
        Case("dct-not", lambda s, x: s.fft.dct(x, 3, norm="ortho", orthogonalize=False), (normal(5),)),
        Case("dct-complex", lambda s, x: s.fft.dct(x, 2), (normal(5, dtype="complex128"),)),
        Case("dctn", lambda s, x: s.fft.dctn(x, norm="ortho"), (normal(3, 4),)),
        Case("idstn", lambda s, x: s.fft.idstn(x, 1, axes=[0]), (normal(3, 4),)),
    ]
    return made


def linalg_cases() -> list[Case]:
    a, b = normal(4, 4), normal(4, 2)
    spd = a @ a.T + np.eye(4)
    z = normal(3, 3, dtype="complex128")
    stack = normal(2, 3, 3)
    good = a / 4 + np.diag([1.0, 2.0, 3.0, 4.0])
    made = [
        Case(
            name,
            lambda s, x, f=name: getattr(s.linalg, f)(x),
            (good / 3 if "tan" in name else good,),
            rtol=1e-8,
        )
        for name in ("expm", "logm", "sqrtm", "cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")
    ]
    made += [
        Case("expm-stack", lambda s, x: s.linalg.expm(x), (stack,)),
        Case("expm-complex", lambda s, x: s.linalg.expm(x), (z,), False),
        Case("sqrtm-complex", lambda s, x: s.linalg.sqrtm(x), (z,), False),
        Case("sqrtm-becomes-complex", lambda s, x: s.linalg.sqrtm(x), (np.diag([-1.0, 4.0]) + 0.1,), False),
        Case("expm_frechet", lambda s, x, e: s.linalg.expm_frechet(x, e)[1], (a, normal(4, 4, seed=1)), False, 1e-8),
        Case("power", lambda s, x: s.linalg.fractional_matrix_power(x, 0.3), (good,), False),
        Case("cholesky", lambda s, x: s.linalg.cholesky(x, lower=True), (spd,)),
        Case("cho_solve", lambda s, x, b: s.linalg.cho_solve(s.linalg.cho_factor(x), b), (spd, b)),
        Case("cho_solve-lower", lambda s, x, b: s.linalg.cho_solve(s.linalg.cho_factor(x, True), b[:, 0]), (spd, b), False),
        Case("lu", lambda s, x: s.linalg.lu(x)[1:], (a,)),
        Case("lu-wide", lambda s, x: s.linalg.lu(x)[1:], (normal(3, 5),)),
        Case("lu-tall", lambda s, x: s.linalg.lu(x)[1:], (normal(5, 3),)),
        Case("lu-complex", lambda s, x: s.linalg.lu(x)[1:], (z,), False),
        Case("lu-stack", lambda s, x: s.linalg.lu(x, permute_l=True), (stack,), False),
        Case("solve_sylvester", lambda s, a, b, q: s.linalg.solve_sylvester(a, b, q), (good, spd[:2, :2], b)),
        Case("lyapunov", lambda s, a, q: s.linalg.solve_continuous_lyapunov(a, q), (z, z), False),
        Case("solve_banded", lambda s, ab, b: s.linalg.solve_banded((1, 2), ab, b), (normal(4, 6) + 3, normal(6, 2))),
        Case("solve_banded-vector", lambda s, ab, b: s.linalg.solve_banded((2, 0), ab, b), (normal(3, 6) + 3, normal(6)), False),
    ]  # fmt: skip
    for trans in (0, "T", "C"):
        for lower in (False, True):

            def triangular(s: Any, x: Any, b: Any, t: Any = trans, lo: bool = lower) -> Any:
                return s.linalg.solve_triangular(x, b, trans=t, lower=lo, unit_diagonal=lo)

            made.append(Case(f"solve_triangular-{trans}-{lower}", triangular, (good, b)))
    made.append(
        Case(
            "solve_triangular-complex",
            lambda s, x, b: s.linalg.solve_triangular(x, b, "C"),
            (z + 2 * np.eye(3), z[0]),
            False,
        )
    )
    return made


def sparse_cases() -> list[Case]:
    indices, pointer = [0, 3, 1, 2, 0], [0, 2, 2, 4, 5]
    rows, cols = [0, 3, 1, 2, 0, 1], [1, 0, 1, 2, 1, 3]
    data, x, square = normal(5), normal(4, 2), normal(6) + 3

    def csr(s: Any, d: Any) -> Any:
        return s.sparse.csr_array((d, indices, pointer), shape=(4, 4))

    def spsolve(s: Any, d: Any, b: Any) -> Any:
        home = s.sparse.linalg if s is scipy else s.sparse
        return home.spsolve(
            s.sparse.csc_array((d, ([0, 3, 1, 2, 0, 1], [0, 3, 1, 2, 1, 3])), shape=(4, 4)), b
        )

    return [
        Case("csr@matrix", lambda s, d, x: csr(s, d) @ x, (data, x)),
        Case("csr@vector", lambda s, d, x: csr(s, d) @ x, (data, x[:, 0])),
        Case("csr.T@matrix", lambda s, d, x: csr(s, d).T @ x, (data, x)),
        Case("matrix@csr", lambda s, d, x: x.T @ csr(s, d), (data, x)),
        Case("csc@matrix", lambda s, d, x: s.sparse.csc_array((d, indices, pointer), shape=(4, 4)) @ x, (data, x)),
        Case("coo@matrix", lambda s, d, x: s.sparse.coo_array((d, (rows, cols)), shape=(5, 4)) @ x, (normal(6), x)),
        Case("coo@complex", lambda s, d, x: s.sparse.coo_array((d, (rows, cols)), shape=(5, 4)) @ x,
             (normal(6), normal(4, 2, dtype="complex128")), False),
        Case("csr.toarray", lambda s, d: csr(s, d).toarray(), (data,)),
        Case("csr*number", lambda s, d, x: (2.0 * -csr(s, d)) @ x, (data, x)),
        Case("spsolve", spsolve, (square, x)),
        Case("spsolve-vector", spsolve, (square, x[:, 1])),
    ]  # fmt: skip


def interpolate_cases() -> list[Case]:
    x, y = np.asarray([0.0, 0.7, 1.5, 2.9, 3.5, 4.6, 5.0]), normal(7)
    at = np.asarray([[-0.3, 0.3, 1.1], [2.3, 4.8, 5.3]])
    inside = np.asarray([0.3, 1.1, 3.0, 4.8])
    table = normal(2, 7, 2)
    made = []
    for bc in (
        "not-a-knot",
        "natural",
        "clamped",
        ((1, 0.5), (2, -1.0)),
        ("not-a-knot", (1, 2.0)),
    ):

        def spline(s: Any, x: Any, y: Any, at: Any, bc: Any = bc) -> Any:
            return s.interpolate.CubicSpline(x, y, bc_type=bc)(at)

        made.append(Case(f"CubicSpline-{bc}", spline, (x, y, at)))
        made.append(Case(f"CubicSpline-3-{bc}", spline, (x[:3], y[:3], at), second=False))
        made.append(Case(f"CubicSpline-2-{bc}", spline, (x[:2], y[:2], at), second=False))

    def periodic(s: Any, x: Any, y: Any, at: Any) -> Any:
        joined = np.append(y, y[0]) if s is scipy else ut.concat([y, y[:1]])
        return s.interpolate.CubicSpline(x, joined, bc_type="periodic")(at)

    for n in (7, 5, 4, 3):
        made.append(Case(f"CubicSpline-periodic-{n}", periodic, (x[:n], y[: n - 1], at), second=n == 7))
    for k in (0, 1, 2, 3, 4, 5):

        def interp(s: Any, x: Any, y: Any, at: Any, k: int = k) -> Any:
            return s.interpolate.make_interp_spline(x, y, k)(at)

        made.append(Case(f"make_interp_spline-{k}", interp, (x, y, at), second=k == 3))
    knots = np.asarray([0.0, 0, 0, 0, 1.2, 2.4, 3.3, 5, 5, 5, 5])
    made += [
        Case(
            "CubicSpline-axis",
            lambda s, x, y, at: s.interpolate.CubicSpline(x, y, axis=1)(at, 1),
            (x, table, at),
            False,
        ),
        Case(
            "CubicSpline-derivative",
            lambda s, x, y, at: s.interpolate.CubicSpline(x, y).derivative(2)(at),
            (x, y, at),
        ),
        Case(
            "CubicSpline-integrate",
            lambda s, x, y: s.interpolate.CubicSpline(x, y).integrate(0.4, 4.0),
            (x, y),
        ),
        Case(
            "CubicSpline-antiderivative",
            lambda s, x, y, at: s.interpolate.CubicSpline(x, y).antiderivative(2)(at),
            (x, y, at),
            False,
        ),
        Case(
            "CubicSpline-inside",
            lambda s, x, y, at: s.interpolate.CubicSpline(x, y, extrapolate=False)(at),
            (x, y, inside),
            False,
        ),
        Case(
            "CubicHermiteSpline",
            lambda s, x, y, d, at: s.interpolate.CubicHermiteSpline(x, y, d)(at),
            (x, y, normal(7, seed=1), at),
        ),
        Case("Pchip", lambda s, x, y, at: s.interpolate.PchipInterpolator(x, y)(at), (x, y, at)),
        Case(
            "Pchip-monotone",
            lambda s, x, y, at: s.interpolate.PchipInterpolator(x, y)(at),
            (x, np.cumsum(y**2), at),
        ),
        Case(
            "Pchip-axis",
            lambda s, x, y, at: s.interpolate.PchipInterpolator(x, y, axis=-2)(at),
            (x, table, at),
            False,
        ),
        Case(
            "Pchip-2",
            lambda s, x, y, at: s.interpolate.PchipInterpolator(x, y)(at),
            (x[:2], y[:2], at),
            False,
        ),
        Case("Akima", lambda s, x, y, at: s.interpolate.Akima1DInterpolator(x, y)(at), (x, y, inside)),
        Case(
            "Akima-makima",
            lambda s, x, y, at: s.interpolate.Akima1DInterpolator(x, y, method="makima")(at),
            (x, y, inside),
        ),
        Case("PPoly", lambda s, c, x, at: s.interpolate.PPoly(c, x)(at, 1), (normal(3, 6), x, at)),
        Case("BSpline", lambda s, t, c, at: s.interpolate.BSpline(t, c, 3)(at), (knots, normal(7), inside)),
        Case(
            "BSpline-periodic",
            lambda s, t, c, at: s.interpolate.BSpline(t, c, 2, extrapolate="periodic")(at),
            (knots[1:-1], normal(6), at),
            False,
        ),
        Case(
            "BSpline-slope",
            lambda s, t, c, at: s.interpolate.BSpline(t, c, 3)(at, 2),
            (knots, normal(7, 2), inside),
            False,
        ),
        Case(
            "spline-knots",
            lambda s, x, y, t, at: s.interpolate.make_interp_spline(x, y, t=t)(at),
            (x, y, knots, inside),
            False,
        ),
        Case(
            "spline-natural",
            lambda s, x, y, at: s.interpolate.make_interp_spline(x, y, bc_type="natural")(at),
            (x, y, at),
        ),
        Case(
            "spline-clamped-axis",
            lambda s, x, y, at: s.interpolate.make_interp_spline(x, y, bc_type="clamped", axis=1)(at),
            (x, table, at),
            False,
        ),
        Case(
            "spline-given",
            lambda s, x, y, at: s.interpolate.make_interp_spline(
                x, y, 5, bc_type=([(1, 0.5), (2, 1.0)], [(1, 1.0), (2, 0.0)])
            )(at),
            (x, y, at),
            False,
        ),
    ]
    grid = (np.asarray([0.0, 0.9, 2.0, 3.5]), np.asarray([-1.0, 0.0, 1.1, 2.0, 2.5]))
    field, points = normal(4, 5, 2), np.asarray([[0.4, 0.3], [1.5, 2.2], [3.0, -0.6]])
    for method in ("linear", "nearest", "slinear", "cubic"):

        def gridded(s: Any, u: Any, v: Any, f: Any, p: Any, m: str = method) -> Any:
            return s.interpolate.RegularGridInterpolator((u, v), f, m)(p)

        made.append(
            Case(
                f"grid-{method}",
                gridded,
                (*grid, field, points),
                method in ("linear", "cubic"),
                2e-6 if method == "cubic" else 1e-9,
            )
        )
    made += [
        Case("interpn", lambda s, f, p: s.interpolate.interpn(grid, f, p), (field[..., 0], points)),
        Case(
            "interpn-fill",
            lambda s, f, p: s.interpolate.interpn(grid, f, p, bounds_error=False, fill_value=7.0),
            (field, points * 2),
            False,
        ),
        Case(
            "interpn-extrapolate",
            lambda s, f, p: s.interpolate.interpn(grid, f, p, bounds_error=False, fill_value=None),
            (field, points * 2),
            False,
        ),
    ]
    return made


def ndimage_cases() -> list[Case]:
    x, image, w = normal(7), normal(5, 6), normal(4)
    far = np.asarray([[-2.3, 0.3, 1.6, 3.9, 4.4, 8.7, 11.3], [0.2, -0.7, 4.6, 5.3, 2.2, 1.9, -9.6]])
    near = np.asarray([[0.3, 1.6, 3.9, 2.7], [0.2, 4.6, 1.2, 3.4]])
    modes = ("reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap")
    made = []
    for mode in modes:

        def filtered(s: Any, x: Any, w: Any, m: str = mode) -> Any:
            return s.ndimage.correlate1d(x, w, axis=0, mode=m, cval=0.7, origin=1)

        def smooth(s: Any, x: Any, m: str = mode) -> Any:
            return s.ndimage.gaussian_filter(x, [0.8, 2.3], mode=m, cval=0.7)

        def coefficients(s: Any, x: Any, m: str = mode) -> Any:
            return s.ndimage.spline_filter1d(x, 5, axis=0, mode=m)

        made += [
            Case(f"correlate1d-{mode}", filtered, (image, w), second=mode == "wrap"),
            Case(f"gaussian_filter-{mode}", smooth, (image,), second=False),
            Case(f"spline_filter1d-{mode}", coefficients, (image,), second=False),
            Case(f"spline_filter1d-long-{mode}", coefficients, (normal(35),), second=False),
        ]
        for order in range(6):

            def sampled(s: Any, x: Any, at: Any, m: str = mode, n: int = order) -> Any:
                return s.ndimage.map_coordinates(x, at, order=n, mode=m, cval=0.7)

            made.append(Case(f"map_coordinates-{mode}-{order}", sampled, (image, far), second=order == 3))
    turn = np.asarray([[0.9, -0.3], [0.2, 1.1]])
    made += [
        Case("convolve1d-even", lambda s, x, w: s.ndimage.convolve1d(x, w), (x, w)),
        Case("convolve1d-odd", lambda s, x, w: s.ndimage.convolve1d(x, w, origin=-1), (x, w[:3]), False),
        Case(
            "correlate-nd",
            lambda s, x, w: s.ndimage.correlate(x, w, mode="mirror", origin=[1, 0]),
            (image, normal(3, 2)),
        ),
        Case(
            "convolve-nd",
            lambda s, x, w: s.ndimage.convolve(x, w, mode="constant", cval=1.0),
            (image, normal(3, 2)),
            False,
        ),
        Case("uniform_filter1d", lambda s, x: s.ndimage.uniform_filter1d(x, 3), (image,)),
        Case(
            "gaussian_filter1d-2", lambda s, x: s.ndimage.gaussian_filter1d(x, 1.3, order=2, axis=0), (image,)
        ),
        Case(
            "gaussian_filter-orders",
            lambda s, x: s.ndimage.gaussian_filter(x, 1.3, order=[1, 3], radius=4),
            (image,),
            False,
        ),
        Case(
            "gaussian_filter-axes",
            lambda s, x: s.ndimage.gaussian_filter(x, 1.3, axes=[1]),
            (normal(5, 6, dtype="complex128"),),
            False,
        ),
        Case(
            "map_coordinates-complex",
            lambda s, x, at: s.ndimage.map_coordinates(x, at),
            (normal(5, 6, dtype="complex128"), near),
            False,
        ),
        Case(
            "map_coordinates-raw",
            lambda s, x, at: s.ndimage.map_coordinates(x, at, prefilter=False),
            (image, near),
            False,
        ),
        Case(
            "map_coordinates-3d",
            lambda s, x, at: s.ndimage.map_coordinates(x, at, order=2),
            (normal(3, 3, 3), near[[0, 0, 1]] / 4),
            False,
        ),
        Case(
            "map_coordinates-short",
            lambda s, x, at: s.ndimage.map_coordinates(x, at, mode="mirror"),
            (image[:2, :1], near),
            False,
        ),
        Case(
            "affine",
            lambda s, x, m, o: s.ndimage.affine_transform(x, m, o),
            (image, turn, np.asarray([0.37, 0.43])),
        ),
        Case(
            "affine-shape",
            lambda s, x, m: s.ndimage.affine_transform(x, m, output_shape=(3, 7), order=1),
            (image, np.asarray([0.7, 1.3])),
            False,
        ),
        Case(
            "affine-2x3",
            lambda s, x, m: s.ndimage.affine_transform(x, m, mode="nearest"),
            (image, np.concatenate([turn, [[0.1], [0.2]]], 1)),
            False,
        ),
        Case("spline_filter", lambda s, x: s.ndimage.spline_filter(x, 4), (image,)),
    ]
    return made


def optimize_cases() -> list[Case]:
    a, b = normal(3, 3) / 3 + np.eye(3), normal(3)

    def curve(x: Any, a: Any, b: Any) -> Any:
        return a @ x + x**3 - b

    def bowl(x: Any, a: Any, b: Any) -> Any:
        return ((a @ x - b) ** 2).sum() + (x**4).sum()

    def residuals(x: Any, a: Any, b: Any) -> Any:
        return a @ (x + 0.1 * x**2) - b

    made = []
    for method in ("hybr", "lm", "krylov"):

        def rooted(s: Any, a: Any, b: Any, m: str = method) -> Any:
            return s.optimize.root(
                curve,
                np.zeros(3),
                args=(a, b),
                method=m,
                tol=1e-12,
                options={"fatol": 1e-13} if m == "krylov" else None,
            ).x

        made.append(Case(f"root-{method}", rooted, (a, b), method == "hybr", 1e-7, 1e-4))
    for method in ("BFGS", "L-BFGS-B", "CG", "Newton-CG", "trust-ncg", "trust-exact", "Nelder-Mead"):

        def lowest(s: Any, a: Any, b: Any, m: str = method) -> Any:
            given = {} if s is us or "-" not in m or m in ("L-BFGS-B", "Nelder-Mead") else {
                "jac": lambda x, a, b: 2 * a.T @ (a @ x - b) + 4 * x**3,
                "hess": lambda x, a, b: 2 * a.T @ a + np.diag(12 * x**2),
            }  # fmt: skip
            options = (
                {"xatol": 1e-11, "fatol": 1e-16}
                if m == "Nelder-Mead"
                else {"ftol": 1e-16}
                if m == "L-BFGS-B"
                else {}
            )
            found = s.optimize.minimize(
                bowl, np.zeros(3), args=(a, b), method=m, tol=1e-10, options=options, **given
            )
            return found.x, found.fun

        made.append(Case(f"minimize-{method}", lowest, (a, b), method == "trust-exact", 1e-4, 1e-3))
    limits = [(-0.1, 0.2), (None, 0.1), (-5, 5)]
    made += [
        Case(
            "minimize-bounds",
            lambda s, a, b: s.optimize.minimize(bowl, np.zeros(3), args=(a, b), bounds=limits, tol=1e-13).x,
            (a, b),
            True,
            1e-4,
            1e-3,
        ),
        Case(
            "least_squares",
            lambda s, a, b: (
                s.optimize.least_squares(
                    residuals, np.zeros(3), args=(a, b), xtol=1e-15, ftol=1e-15, gtol=1e-15
                ).x
            ),
            (normal(5, 3), normal(5)),
            True,
            1e-6,
            1e-3,
        ),
        Case(
            "least_squares-bounds",
            lambda s, a, b: (
                s.optimize.least_squares(
                    residuals,
                    np.zeros(3),
                    args=(a, b),
                    bounds=(-0.1, 0.3),
                    xtol=1e-15,
                    ftol=1e-15,
                    gtol=1e-12,
                ).x
            ),
            (normal(5, 3), normal(5)),
            False,
            1e-6,
            1e-3,
        ),
        Case(
            "fixed_point",
            lambda s, a, b: s.optimize.fixed_point(
                lambda x, a, b: 0.3 * (a @ x) ** 2 + 0.2 * b, np.zeros(3), args=(a, b), xtol=1e-12
            ),
            (a, b),
            True,
            1e-9,
            1e-4,
        ),
        Case(
            "minimize_scalar",
            lambda s, a: (
                s.optimize.minimize_scalar(lambda x, a: (x - a[0]) ** 2 + a[1] * x**4, args=(a,), tol=1e-10).x
            ),
            (np.asarray([1.0, 0.5]),),
            True,
            1e-5,
            1e-2,
        ),
        Case(
            "minimize_scalar-bounded",
            lambda s, a: (
                s.optimize.minimize_scalar(
                    lambda x, a: (x - a) ** 2,
                    args=(a,),
                    bounds=(0, 5),
                    method="bounded",
                    options={"xatol": 1e-10},
                ).x
            ),
            (np.asarray(1.5),),
            True,
            1e-5,
            1e-2,
        ),
    ]
    for method, how in (
        ("brentq", {"bracket": (0, 4)}),
        (None, {"x0": 1.0}),
        ("halley", {"x0": 1.0}),
        ("secant", {"x0": 1.0, "x1": 2.0}),
    ):

        def scalar(s: Any, a: Any, m: Any = method, how: Any = how) -> Any:
            given = (
                {"fprime": lambda x, a: 3 * x**2 + 1, "fprime2": lambda x, a: 6 * x}
                if s is scipy and m in (None, "halley")
                else {}
            )
            return s.optimize.root_scalar(
                lambda x, a: x**3 + x - a, args=(a,), method=m, xtol=1e-14, **how, **given
            ).root

        made.append(Case(f"root_scalar-{method}", scalar, (np.asarray(3.0),), method == "brentq", 1e-9, 1e-4))
    return made


def integrate_cases() -> list[Case]:
    start, k = np.asarray([1.0, 0.5]), np.asarray([1.3, 0.4])
    at = np.asarray([0.05, 0.3, 0.47, 0.65])

    def swing(t: Any, y: Any, k: Any) -> Any:
        return [y[1], -k[0] * y[0] - k[1] * t * y[1] * y[0]]

    def decay(t: Any, y: Any, k: Any) -> Any:
        return -k * y * (1 + t)

    # Steps of constant length, so that differences see a smooth function.
    even = {"first_step": 0.2, "max_step": 0.2, "rtol": 1e-1, "atol": 1e-1}
    made = []
    for method in ("RK23", "RK45", "DOP853", "Radau"):
        how = {"rtol": 1e-7, "atol": 1e-9} if method == "Radau" else even

        def solved(s: Any, y: Any, k: Any, at: Any, m: str = method, how: Any = how) -> Any:
            return s.integrate.solve_ivp(swing, (0, 0.7), y, args=(k,), method=m, t_eval=at, **how).y

        made.append(Case(f"solve_ivp-{method}", solved, (start, k, at), method == "RK45", 1e-9, 1e-4))
    made += [
        Case(
            "solve_ivp-all-steps",
            lambda s, y, k: s.integrate.solve_ivp(decay, (0, 1), y, args=(k,), **even).y,
            (start, k),
            False,
        ),
        Case(
            "solve_ivp-backwards",
            lambda s, y, k: s.integrate.solve_ivp(decay, (1, 0), y, args=(k,), t_eval=[0.7, 0.2], **even).y,
            (start, k),
            False,
        ),
        Case(
            "solve_ivp-span",
            lambda s, t0, t1, y, k: s.integrate.solve_ivp(
                decay, (t0, t1), y, args=(k,), method="DOP853", rtol=1e-9, atol=1e-10
            ).y[:, -1],
            (np.asarray(0.2), np.asarray(0.7), start, k),
            False,
            1e-9,
            1e-4,
        ),
        Case(
            "solve_ivp-dense",
            lambda s, y, k, at: s.integrate.solve_ivp(
                decay, (0, 1), y, args=(k,), dense_output=True, method="DOP853", **even
            ).sol(at),
            (start, k, at[[2, 1, 3]]),
            False,
        ),
        Case(
            "solve_ivp-dense-one",
            lambda s, y, k, at: s.integrate.solve_ivp(
                decay, (1, 0), y, args=(k,), dense_output=True, **even
            ).sol(at),
            (start, k, np.asarray(0.5)),
            False,
        ),
        Case(
            "solve_ivp-complex",
            lambda s, y: s.integrate.solve_ivp(lambda t, y: 1j * y * y, (0, 1), y, **even).y[:, -1],
            (start + 0.2j,),
            False,
        ),
    ]
    return made


CASES = [
    *integrate_cases(),
    *optimize_cases(),
    *ndimage_cases(),
    *interpolate_cases(),
    *sparse_cases(),
    *linalg_cases(),
    *signal_cases(),
    *fft_cases(),
]
#: Every case is tried on NumPy; on other engines one of each kind, or all, if this is set.
EVERYWHERE = bool(os.environ.get("UNITENSOR_DEEP"))
CHOSEN = (
    *("solve_ivp-span", "root-hybr", "minimize-bounds", "correlate1d-reflect", "map_coordinates-constant-3"),
    *("gaussian_filter-axes", "spline_filter1d-long-mirror", "make_interp_spline-3", "Pchip", "grid-linear"),
    *("csr@matrix", "spsolve", "expm", "lu-stack", "cho_solve", "solve_sylvester", "solve_triangular-T-True"),
    *("convolve-same-complex", "fftconvolve-axes", "lfilter-zi", "sosfilt", "dct-2-ortho"),
)
#: Formulas of functions of the standard, which JAX takes seconds to compile.
SLOW_ON_JAX = ("solve_ivp-span", "minimize-bounds", "make_interp_spline-3", "Pchip", "grid-linear")
ELSEWHERE = [
    pytest.param(case, engine, id=f"{case}-{engine}")
    for case in CASES
    for engine in ("jax", "torch", "strict")
    if EVERYWHERE or (case.name in CHOSEN and (engine != "jax" or case.name not in SLOW_ON_JAX))
]


def flat(found: Any) -> list[Any]:
    return list(found) if isinstance(found, tuple) else [found]


def check_values(case: Case) -> None:
    """What Tensors of the current backend give is what SciPy gives for NumPy arrays."""
    expected = flat(case.run(scipy, *case.arrays))
    for recorded in (False, True):
        found = flat(case.run(us, *(ut.asarray(a).requires_grad_(recorded) for a in case.arrays)))
        assert len(found) == len(expected)
        for y, e in zip(found, expected):
            assert isinstance(y, ut.Tensor)
            assert y.backend == ut.current_backend().name
            assert y.dtype.name == np.asarray(e).dtype.name
            assert y.requires_grad is recorded
            scale = np.max(np.abs(e), initial=1.0)
            values = y.detach().to("numpy").numpy()
            np.testing.assert_allclose(values, e, rtol=case.rtol, atol=1e-12 * scale)


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_values(case: Case) -> None:
    check_values(case)


def test_the_chosen_cases_exist() -> None:
    assert {*CHOSEN} <= {case.name for case in CASES}
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize(("case", "engine"), ELSEWHERE)
def test_every_engine(case: Case, engine: str) -> None:
    if engine == "strict":
        pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    with ut.use_backend(engine):
        check_values(case)
    found = []
    for name in ("numpy", engine):
        with ut.use_backend(name):
            xs = tuple(map(ut.asarray, case.arrays))
            ys, pull = ut.vjp(lambda *xs: flat(case.run(us, *xs)), *xs)
            tangents = ut.jvp(lambda *xs: flat(case.run(us, *xs)), xs, xs)[1]
            made = [*pull([0.5 * y for y in ys]), *tangents]
            assert all(g.backend == name for g in made)
            found.append([g.to("numpy").numpy() for g in made])
    near = max(1e-9, 10 * case.rtol)  # solvers stop somewhere else
    for a, b in zip(*found):
        np.testing.assert_allclose(b, a, rtol=near, atol=near)


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_gradients(case: Case) -> None:
    loose = {} if case.step is None else {"step": case.step, "rtol": 1e-4, "atol": 1e-5}
    gradcheck(lambda *xs: case.run(us, *xs), *map(ut.asarray, case.arrays), fast=not EVERYWHERE, **loose)


@pytest.mark.parametrize("case", [c for c in CASES if c.second], ids=repr)
def test_second_derivatives(case: Case) -> None:
    loose = {"atol": 1e-6} if case.step is None else {"step": case.step, "rtol": 1e-3, "atol": 1e-4}
    gradgradcheck(lambda *xs: case.run(us, *xs), *map(ut.asarray, case.arrays), fast=True, **loose)


# What is not a gradient check ------------------------------------------------------------------------


def test_third_derivatives() -> None:
    def third(f: Callable[..., Any], x: Any) -> float:
        return float(ut.grad(ut.grad(ut.grad(f)))(x).item())

    def cube_root(a: Any) -> Any:
        return us.optimize.root_scalar(lambda x, a: x**3 - a, args=(a,), bracket=(0, 5)).root

    a = 2.0
    np.testing.assert_allclose(third(cube_root, ut.asarray(a)), 10 / 27 * a ** (-8 / 3), rtol=1e-8)

    def pole(a: Any) -> Any:  # the fourth value is -a**3
        return us.signal.lfilter([1.0], ut.stack([ut.ones(()), a]), [1.0, 0.0, 0.0, 0.0])[3]

    np.testing.assert_allclose(third(pole, ut.asarray(a)), -6.0)
    grown = third(lambda x: us.linalg.expm(ut.reshape(x, (1, 1)))[0, 0], ut.asarray(a))
    np.testing.assert_allclose(grown, np.exp(a))


def test_solve_ivp_finds_gradients_of_what_the_function_uses() -> None:
    k = ut.tensor(0.7, requires_grad=True)
    us.integrate.solve_ivp(lambda t, y: -k * y, (0, 1), ut.ones(1), rtol=1e-9, atol=1e-12).y[0, -1].backward()
    np.testing.assert_allclose(k.grad.item(), -np.exp(-0.7), rtol=1e-6)
    pushed = ut.jvp(
        lambda k: us.integrate.solve_ivp(lambda t, y: -k * y, (0, 1), ut.ones(1), rtol=1e-9, atol=1e-12).y[
            0, -1
        ],
        (ut.asarray(0.7),),
        (ut.asarray(1.0),),
    )[1]
    np.testing.assert_allclose(pushed.item(), -np.exp(-0.7), rtol=1e-6)


def test_solve_ivp_without_a_gradient_is_scipys() -> None:
    def fall(t: Any, y: Any) -> Any:
        return [y[1], -9.8 + 0 * y[1]]

    def ground(t: Any, y: Any) -> Any:
        return y[0]

    ground.terminal = True  # type: ignore[attr-defined]  # SciPy's way to say so
    for method in ("RK45", "LSODA", "BDF", "Radau"):
        given = {"method": method, "events": ground, "dense_output": True}
        expected = scipy.integrate.solve_ivp(fall, (0, 10), [5.0, 0.0], **given)
        found = us.integrate.solve_ivp(fall, (0, 10), [5.0, 0.0], **given)
        np.testing.assert_allclose(found.y.numpy(), expected.y, rtol=1e-12)
        np.testing.assert_allclose(found.t.numpy(), expected.t, rtol=1e-12)
        np.testing.assert_allclose(found.t_events[0], expected.t_events[0], rtol=1e-12)
        np.testing.assert_allclose(found.sol(0.3).numpy(), expected.sol(0.3), rtol=1e-12)
        assert found.status == 1


def refuse(error: type[Exception], match: str, run: Callable[[], Any]) -> None:
    with pytest.raises(error, match=match):
        run()


def test_a_gradient_is_never_dropped() -> None:
    p = ut.tensor(2.0, requires_grad=True)
    one, error = ut.ones(1), ut.GradientError
    refuse(error, "not in args", lambda: us.optimize.root(lambda x: x - p, one))
    refuse(error, "not in args", lambda: us.optimize.minimize(lambda x: ((x - p) ** 2).sum(), one))
    refuse(error, "not in args", lambda: us.optimize.fixed_point(lambda x: p / x, one))
    stuck = us.optimize.root(lambda x, p: x**2 + p, one, args=(p,))
    assert not stuck.success
    refuse(error, "no solution", stuck.x.sum().backward)
    flat = us.optimize.root(lambda x, p: (x - p) ** 2, ut.full((1,), 2.0), args=(p,))
    refuse(error, "singular", flat.x.sum().backward)
    refuse(error, "bounds", lambda: us.optimize.minimize(lambda x: (x**2).sum(), one, bounds=[(p, None)]))
    refuse(error, "no gradient in t", lambda: us.linalg.fractional_matrix_power(ut.eye(2), p))
    for how in ({"method": "LSODA"}, {"method": "BDF"}, {"events": lambda t, y, p: y[0] - p}):
        decay = partial(us.integrate.solve_ivp, lambda t, y, p: p * y, (0, 1), one, args=(p,), **how)
        refuse(error, "gradient", decay)
    sparse = us.sparse.csr_array((p * ut.ones(2), [0, 1], [0, 1, 2]))
    refuse(error, "detach", sparse.to_scipy)
    with ut.no_grad():
        assert not us.optimize.root(lambda x: x - p, one).x.requires_grad


def test_what_is_not_supported_is_named() -> None:
    x = ut.asarray([1.0, 2.0, 3.0])
    refuse(ValueError, "mode='wide'.*'full', 'valid', 'same'", lambda: us.signal.convolve(x, x, "wide"))
    refuse(ValueError, "method='gust'", lambda: us.signal.filtfilt([1.0], [1.0], x, method="gust"))
    refuse(ValueError, "equally many", lambda: us.signal.convolve(x, ut.ones((2, 2))))
    refuse(ValueError, "longer in", lambda: us.signal.convolve(ut.ones((2, 3)), ut.ones((3, 2)), "valid"))
    refuse(ValueError, "type=5", lambda: us.fft.dct(x, 5))
    refuse(ValueError, "order=6", lambda: us.ndimage.map_coordinates(x, x[None], order=6))
    refuse(ValueError, "origin=3", lambda: us.ndimage.correlate1d(x, x, origin=3))
    refuse(TypeError, "floating", lambda: us.ndimage.gaussian_filter(ut.arange(3), 1.0))
    refuse(ValueError, "method='pchip'", lambda: us.interpolate.RegularGridInterpolator((x,), x, "pchip"))
    refuse(ValueError, "out of bounds", lambda: us.interpolate.interpn((x,), x, ut.asarray([[9.0]])))
    refuse(ValueError, "increasing", lambda: us.interpolate.CubicSpline(ut.flip(x), x))
    refuse(ValueError, "periodic", lambda: us.interpolate.make_interp_spline(x, x, bc_type="periodic"))
    refuse(ValueError, "constraints", lambda: us.optimize.minimize(ut.sum, x, constraints=[{}]))
    refuse(ValueError, "method='magic'", lambda: us.optimize.root(lambda x: x, x, method="magic"))
    refuse(
        ValueError, "vectorized", lambda: us.integrate.solve_ivp(lambda t, y: y, (0, 1), x, vectorized=True)
    )
    refuse(
        TypeError, "expected a Tensor like y", lambda: us.integrate.solve_ivp(lambda t, y: y[:1], (0, 1), x)
    )
    refuse(
        np.linalg.LinAlgError,
        "scipy.linalg.triangular",
        lambda: us.linalg.solve_triangular(ut.zeros((2, 2)), x[:2]),
    )
    refuse(ValueError, "sizes do not match", lambda: us.sparse.coo_array((x, ([0, 1, 2], [0, 1, 2]))) @ x[:2])
    refuse(
        ValueError,
        "outside of the shape",
        lambda: us.sparse.coo_array((x, ([0, 1, 2], [0, 1, 2])), shape=(2, 3)),
    )
    with ut.use_backend("torch"):
        other = ut.ones(3)
    refuse(TypeError, "two backends", lambda: us.signal.convolve(x, other))


@pytest.mark.parametrize(
    "name", ["expm", "logm", "sqrtm", "cosm", "tanhm", "cholesky", "solve_sylvester", "solve_triangular"]
)
def test_stacks_are_matrices_one_by_one(name: str) -> None:
    a = normal(2, 3, 3)
    stack = ut.asarray(a @ np.swapaxes(a, -1, -2) / 10 + np.eye(3))
    others = {
        "solve_sylvester": (ut.asarray(normal(3, 3)), ut.asarray(normal(2, 3, 3, seed=1))),
        "solve_triangular": (ut.asarray(normal(3, 2)),),
    }.get(name, ())
    f = getattr(us.linalg, name)
    whole = f(stack, *others)
    for i in range(2):
        one = f(stack[i], *(x if x.ndim == 2 else x[i] for x in others))
        np.testing.assert_allclose(whole[i].numpy(), one.numpy(), rtol=1e-12, atol=1e-13)
    gradcheck(f, stack, *others, fast=True)


@pytest.mark.parametrize("engine", ["numpy", "torch", "jax"])
def test_dtypes_stay(engine: str) -> None:
    with ut.use_backend(engine):
        x = ut.asarray(normal(5, 5), dtype=ut.float32)
        spd = ut.matmul(x, x.mT) + 5 * ut.eye(5, dtype=ut.float32)
        for y in (
            us.signal.fftconvolve(x, x),
            us.signal.sosfilt(ut.asarray([[1, 0, 0, 1, 0, 0]], dtype=ut.float32), x),
            us.fft.dct(x),
            us.ndimage.gaussian_filter(x, 1.0),
            us.ndimage.map_coordinates(x, x[:2] + 2),
            us.linalg.expm(x),
            us.linalg.cho_solve(us.linalg.cho_factor(spd), x),
            us.sparse.csr_array((x[0], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5])) @ x,
        ):
            assert y.dtype is ut.float32
            assert y.backend == engine
        assert us.linalg.expm(ut.zeros((2, 2), dtype=ut.float16)).dtype is ut.float16
        counts = us.signal.convolve(ut.asarray([1, 2, 3]), ut.asarray([0, 1]))
        assert counts.dtype is ut.int64
        assert counts.tolist() == [0, 1, 2, 3]


def test_arguments_may_be_arrays_and_lists() -> None:
    with ut.use_backend("torch"):
        x = ut.asarray(normal(6))
    y = us.signal.lfilter([0.5, np.float64(0.5)], np.asarray([1.0, -0.2]), x)
    assert y.backend == "torch"
    taps = ut.tensor(0.5, requires_grad=True)
    us.signal.lfilter([taps, 0.5], [1.0], np.ones(3)).sum().backward()
    assert taps.grad.item() == 3.0


def test_a_sparse_matrix_comes_from_scipy_and_goes_back() -> None:
    dense = np.asarray([[0.0, 2.0, 0.0], [3.0, 0.0, 4.0]])
    for name in ("csr_array", "csc_array", "coo_array"):
        theirs = getattr(scipy.sparse, name)(dense)
        ours = getattr(us.sparse, name)(theirs)
        assert (ours.shape, ours.nnz, ours.format) == (theirs.shape, theirs.nnz, theirs.format)
        np.testing.assert_array_equal(ours.data.numpy(), theirs.data)
        np.testing.assert_array_equal(ours.to_scipy().toarray(), dense)
        for other in (ours.tocsr(), ours.tocsc(), ours.tocoo(), ours.T.T):
            np.testing.assert_array_equal(other.toarray().numpy(), dense)


def test_the_page_is_current_and_names_what_has_gradients() -> None:
    maker = runpy.run_path(str(Path(__file__).parent.parent / "docs" / "make_scipy.py"))
    assert maker["PAGE"].read_text(encoding="utf-8") == maker["page"](), "run python docs/make_scipy.py"
    functions = {path.partition(".")[2] for path in maker["public"]()}
    assert {name for names in maker["GRADIENTS"].values() for name in names} - {""} <= functions
    assert len(functions) > 50


def test_without_scipy_the_error_says_what_to_install() -> None:
    program = "import sys; sys.modules['scipy'] = None; import unitensor; unitensor.scipy"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "pip install unitensor[scipy]" in found.stderr.splitlines()[-1]


def test_single_precision_stays_single_where_the_default_says_so() -> None:
    ut.set_default_dtype(ut.float32)
    x = ut.asarray([1.0, 2.0, 4.0])
    assert us.signal.lfilter([0.5, 0.5], [1.0], x).dtype is ut.float32
    k = ut.asarray(1.0).requires_grad_()
    found = us.integrate.solve_ivp(lambda t, y, k: -k * t * y, (0, 1), [1.0], args=(k,), rtol=1e-5, atol=1e-7)
    assert found.y.dtype is ut.float32
    found.y[0, -1].backward()
    np.testing.assert_allclose(k.grad.item(), -0.5 * np.exp(-0.5), rtol=1e-3)
