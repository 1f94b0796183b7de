"""Images of any dimension: SciPy's `ndimage` filters and interpolation, differentiable.

Gradients go to the image, to the weights or the width of a filter, and to the coordinates of a sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.ndimage

import unitensor as ut

from ._host_op import along, host_op, lift, one_of, values
from .signal import convolution, slide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._tensor import Tensor

FILTER_MODES = (
    "reflect",
    "constant",
    "nearest",
    "mirror",
    "wrap",
    "grid-mirror",
    "grid-constant",
    "grid-wrap",
)


def _image(name: str, *given: Any) -> tuple[Any, ...]:
    x, *others = lift(name, *given)
    if not ut.isdtype(x.dtype, ("real floating", "complex floating")):
        raise TypeError(f"{name}: input is {x.dtype}; expected a floating dtype: input.astype(ut.float64)")
    return (x, *others)


def _no_output(name: str, output: Any) -> None:
    if output is not None:
        raise ValueError(f"{name}: output={output!r} is not supported; the result has the dtype of the input")


# Beyond the edge --------------------------------------------------------------------------------------


def _folded(i: Any, n: int, mode: str) -> Any:
    """The places in an axis of length n that stand for some integers, by a mode; -1 for none."""
    if mode in ("constant", "grid-constant"):
        return np.where((i < 0) | (i >= n), -1, i)
    if mode == "nearest":
        return np.clip(i, 0, n - 1)
    if mode in ("wrap", "grid-wrap"):
        return i % n
    if mode == "mirror":
        i = i % max(2 * n - 2, 1)
        return np.where(i >= n, 2 * n - 2 - i, i)
    i = i % (2 * n)
    return np.where(i >= n, 2 * n - 1 - i, i)


def _extended(x: Tensor, before: int, after: int, axis: int, mode: str, cval: Any) -> Tensor:
    """An image continued along an axis."""
    n = x.shape[axis]
    if mode in ("constant", "grid-constant"):
        sizes = [tuple(m if i == axis else k for i, k in enumerate(x.shape)) for m in (before, after)]
        left, right = (ut.full(s, cval, dtype=x.dtype, device=x.device) for s in sizes)
        return ut.concat([left, x, right], axis=axis)
    where = _folded(np.arange(-before, n + after), n, mode)
    return ut.take(x, ut.asarray(where, device=x.device), axis=axis)


# Filters ----------------------------------------------------------------------------------------------


def correlate1d(
    input: Any,
    weights: Any,
    axis: int = -1,
    output: Any = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: int = 0,
) -> Tensor:
    """The correlation with weights along one axis, as `scipy.ndimage.correlate1d`.

    >>> import unitensor as ut
    >>> correlate1d(ut.asarray([1.0, 2.0, 4.0]), [-1.0, 0.0, 1.0]).tolist()
    [1.0, 3.0, 2.0]
    """
    name = "ndimage.correlate1d"
    x, w = _image(name, input, weights)
    _no_output(name, output)
    one_of(name, "mode", mode, FILTER_MODES)
    if w.ndim != 1 or not w.shape[0]:
        raise ValueError(f"{name}: weights have shape {w.shape}; expected a vector with elements")
    axis %= x.ndim
    before = w.shape[0] // 2 + origin
    if not 0 <= before < w.shape[0]:
        raise ValueError(f"{name}: origin={origin} moves the {w.shape[0]} weights off their center")
    wide = _extended(x, before, w.shape[0] - 1 - before, axis, mode, cval)
    return slide(wide, w, axis=axis).astype(x.dtype)


def convolve1d(
    input: Any,
    weights: Any,
    axis: int = -1,
    output: Any = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: int = 0,
) -> Tensor:
    """The convolution with weights along one axis, as `scipy.ndimage.convolve1d`.

    >>> import unitensor as ut
    >>> convolve1d(ut.asarray([1.0, 2.0, 4.0]), [1.0, 0.0, -1.0]).tolist()
    [1.0, 3.0, 2.0]
    """
    x, w = _image("ndimage.convolve1d", input, weights)
    origin = -origin - (w.shape[0] % 2 == 0)
    return correlate1d(x, ut.flip(w), axis, output, mode, cval, origin)


def _many(name: str, value: Any, count: int) -> list[Any]:
    """One value for each axis."""
    if isinstance(value, ut.Tensor):
        value = [value] * count if value.ndim == 0 else list(ut.unstack(value))
    found = list(value) if isinstance(value, (list, tuple, np.ndarray)) else [value] * count
    if len(found) != count:
        raise ValueError(f"{name}: {len(found)} values for {count} axes")
    return found


def correlate(
    input: Any, weights: Any, output: Any = None, mode: str = "reflect", cval: float = 0.0, origin: Any = 0
) -> Tensor:
    """The correlation with weights of the same dimension, as `scipy.ndimage.correlate`.

    >>> import unitensor as ut
    >>> correlate(ut.ones((2, 2)), ut.ones((2, 2))).tolist()
    [[4.0, 4.0], [4.0, 4.0]]
    """
    name = "ndimage.correlate"
    x, w = _image(name, input, weights)
    _no_output(name, output)
    one_of(name, "mode", mode, FILTER_MODES)
    if x.ndim != w.ndim:
        raise ValueError(f"{name}: input has {x.ndim} axes and weights {w.ndim}; expected equally many")
    wide = x
    for axis, (n, shift) in enumerate(zip(w.shape, _many(name, origin, x.ndim))):
        wide = _extended(wide, n // 2 + shift, n - 1 - n // 2 - shift, axis, mode, cval)
    return convolution(wide, ut.flip(w), mode="valid", method="direct").astype(x.dtype)


def convolve(
    input: Any, weights: Any, output: Any = None, mode: str = "reflect", cval: float = 0.0, origin: Any = 0
) -> Tensor:
    """The convolution with weights of the same dimension, as `scipy.ndimage.convolve`.

    >>> import unitensor as ut
    >>> convolve(ut.ones((2, 2)), ut.ones((2, 2))).tolist()
    [[4.0, 4.0], [4.0, 4.0]]
    """
    x, w = _image("ndimage.convolve", input, weights)
    shifts = _many("ndimage.convolve", origin, w.ndim)
    shifts = [-s - (n % 2 == 0) for s, n in zip(shifts, w.shape)]
    return correlate(x, ut.flip(w), output, mode, cval, shifts)


def _gaussian(x: Tensor, sigma: Any, order: int, truncate: float, radius: int | None) -> Tensor:
    """The weights of a Gaussian, or of its derivative, turned for a correlation."""
    width = lift("ndimage.gaussian_filter", x, sigma)[1]
    width = width.astype(ut.float64) if not ut.isdtype(width.dtype, "real floating") else width
    reach = int(truncate * float(values(width)) + 0.5) if radius is None else radius
    if reach < 0 or order < 0:
        raise ValueError(f"ndimage.gaussian_filter: radius {reach} and order {order} must not be negative")
    at = ut.arange(-reach, reach + 1, dtype=width.dtype, device=x.device)
    square = width * width
    bell = ut.exp(-0.5 / square * at**2)
    bell = bell / ut.sum(bell)
    # The derivatives are polynomials times the bell: q' - q at / square, by their coefficients.
    factors: list[Any] = [1.0]
    for _ in range(order):
        grown = [(i + 1) * f for i, f in enumerate(factors[1:])] + [0.0, 0.0]
        factors = [a - b / square for a, b in zip(grown, [0.0, *factors])]
    polynomial: Any = factors[-1]
    for f in reversed(factors[:-1]):
        polynomial = polynomial * at + f
    return ut.flip(polynomial * bell)


def gaussian_filter1d(
    input: Any,
    sigma: Any,
    axis: int = -1,
    order: int = 0,
    output: Any = None,
    mode: str = "reflect",
    cval: float = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | None = None,
) -> Tensor:
    """A Gaussian filter along one axis, as `scipy.ndimage.gaussian_filter1d`; differentiable in sigma.

    >>> import unitensor as ut
    >>> ut.round(100 * gaussian_filter1d(ut.asarray([0.0, 3.0, 0.0]), 0.5)).tolist()
    [32.0, 236.0, 32.0]
    """
    (x,) = _image("ndimage.gaussian_filter1d", input)
    return correlate1d(x, _gaussian(x, sigma, order, truncate, radius), axis, output, mode, cval)


def gaussian_filter(
    input: Any,
    sigma: Any,
    order: int | Sequence[int] = 0,
    output: Any = None,
    mode: str | Sequence[str] = "reflect",
    cval: float = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
) -> Tensor:
    """A Gaussian filter along all or some axes, as `scipy.ndimage.gaussian_filter`; differentiable in sigma.

    >>> import unitensor as ut
    >>> gaussian_filter(ut.ones((3, 3)), 1.0).sum().item()
    9.0
    """
    name = "ndimage.gaussian_filter"
    (x,) = _image(name, input)
    _no_output(name, output)
    which = list(range(x.ndim)) if axes is None else [axes] if isinstance(axes, int) else list(axes)
    options = [_many(name, value, len(which)) for value in (sigma, order, mode, radius)]
    for axis, width, nu, how, reach in zip(which, *options):
        size = values(width) if isinstance(width, ut.Tensor) else width
        if size > 1e-15:
            x = gaussian_filter1d(x, width, axis, nu, None, how, cval, truncate, radius=reach)
    return x  # type: ignore[no-any-return]  # lifted


def uniform_filter1d(
    input: Any,
    size: int,
    axis: int = -1,
    output: Any = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: int = 0,
) -> Tensor:
    """The mean of `size` neighbours along one axis, as `scipy.ndimage.uniform_filter1d`.

    >>> import unitensor as ut
    >>> uniform_filter1d(ut.asarray([0.0, 3.0, 6.0]), 3).tolist()
    [1.0, 3.0, 5.0]
    """
    (x,) = _image("ndimage.uniform_filter1d", input)
    return correlate1d(x, np.full(size, 1 / size), axis, output, mode, cval, origin)


# Splines ----------------------------------------------------------------------------------------------

#: The modes in which SciPy's spline filter continues a signal as a mirror at the last sample does.
MIRROR = ("mirror", "constant", "grid-constant", "wrap")
#: Axes up to this length are filtered by a matrix: SciPy's continuation by "reflect" is inexact there, so that
#: its filter is not its own transpose.
SHORT = 32


def _spline_rule(xp: Any, g: Any, order: Any, axis: Any, mode: Any) -> Any:
    n = g.shape[axis]
    if mode not in MIRROR or n < 2:
        return spline_coefficients(g, order=order, axis=axis, mode=mode)
    # The first and last sample stand once in a period, all others twice.
    ends = along(len(g.shape), axis, slice(0, n, n - 1))
    g = xp.add(g, xp.scatter_add(xp.getitem(g, ends), ends, tuple(g.shape)))
    c = spline_coefficients(g, order=order, axis=axis, mode=mode)
    return xp.subtract(c, xp.scatter_add(xp.divide(xp.getitem(c, ends), 2), ends, tuple(g.shape)))


@host_op(grad={"x": _spline_rule}, linear="each")
def spline_coefficients(x: Any, *, order: int, axis: int, mode: str) -> Any:
    """The coefficients of the spline through samples, along an axis."""
    kind = np.complex128 if x.dtype.kind == "c" else np.float64
    return scipy.ndimage.spline_filter1d(x, order, axis=axis, output=kind, mode=mode)


def _coefficients(x: Tensor, order: int, axis: int, mode: str) -> Tensor:
    n = x.shape[axis]
    if not 1 < n <= SHORT:
        return spline_coefficients(x, order=order, axis=axis, mode=mode)
    matrix = scipy.ndimage.spline_filter1d(np.eye(n), order, axis=0, mode=mode)
    filtered = ut.tensordot(lift("ndimage", x, matrix)[1].astype(x.dtype), x, axes=([1], [axis]))
    return ut.moveaxis(filtered, 0, axis)


def spline_filter1d(
    input: Any, order: int = 3, axis: int = -1, output: Any = None, mode: str = "mirror"
) -> Tensor:
    """The coefficients of a spline along one axis, as `scipy.ndimage.spline_filter1d`.

    >>> import unitensor as ut
    >>> ut.round(spline_filter1d(ut.ones(4))).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    name = "ndimage.spline_filter1d"
    (x,) = _image(name, input)
    _no_output(name, output)
    one_of(name, "order", order, (0, 1, 2, 3, 4, 5))
    one_of(name, "mode", mode, FILTER_MODES)
    wide = x.astype(ut.complex128 if ut.isdtype(x.dtype, "complex floating") else ut.float64)
    if order < 2:
        return wide  # type: ignore[no-any-return]  # lifted
    return _coefficients(wide, order, axis % x.ndim, mode)


def spline_filter(input: Any, order: int = 3, output: Any = None, mode: str = "mirror") -> Tensor:
    """The coefficients of a spline along all axes, as `scipy.ndimage.spline_filter`.

    >>> import unitensor as ut
    >>> spline_filter(ut.ones((4, 4))).shape
    (4, 4)
    """
    (x,) = _image("ndimage.spline_filter", input)
    for axis in range(x.ndim):
        x = spline_filter1d(x, order, axis, output, mode)
    return x  # type: ignore[no-any-return]  # lifted


def _taps(x: Tensor, order: int) -> tuple[Tensor, list[Tensor]]:
    """The first sample that counts at each coordinate, and the weights of it and those that follow."""
    middle = 0.0 if order % 2 else 0.5
    start = ut.floor(x.detach() + middle)
    t = x + middle - start
    found = [ut.ones_like(t)]
    for degree in range(1, order + 1):
        saved: Any = ut.zeros_like(t)
        grown = []
        for r in range(degree):
            share = found[r] / degree
            grown.append(saved + (r + 1 - t) * share)
            saved = (t + (degree - 1 - r)) * share
        found = [*grown, saved]
    return start.astype(ut.int64) - order // 2, found


def map_coordinates(
    input: Any,
    coordinates: Any,
    output: Any = None,
    order: int = 3,
    mode: str = "constant",
    cval: float = 0.0,
    prefilter: bool = True,
) -> Tensor:
    """An image sampled at coordinates by splines of order 0 to 5, as `scipy.ndimage.map_coordinates`.

    Gradients go to the image and to the coordinates.

    >>> import unitensor as ut
    >>> map_coordinates(ut.asarray([0.0, 2.0, 4.0]), ut.asarray([[0.5, 1.25]]), order=1).tolist()
    [1.0, 2.5]
    """
    name = "ndimage.map_coordinates"
    x, at = _image(name, input, coordinates)
    _no_output(name, output)
    one_of(name, "order", order, (0, 1, 2, 3, 4, 5))
    one_of(name, "mode", mode, FILTER_MODES)
    if at.ndim < 1 or at.shape[0] != x.ndim or not x.ndim:
        raise ValueError(f"{name}: coordinates have shape {at.shape}; expected ({x.ndim}, ...)")
    if not ut.isdtype(at.dtype, "real floating"):
        at = at.astype(ut.float64)
    mode = {"grid-mirror": "reflect"}.get(mode, mode)
    image = x.astype(ut.complex128 if ut.isdtype(x.dtype, "complex floating") else ut.float64)
    pad = 0
    if prefilter and order > 1:
        if mode in ("nearest", "grid-constant"):
            pad = 12  # what SciPy takes for far enough
            for axis in range(x.ndim):
                image = _extended(image, pad, pad, axis, mode, cval)
        for axis in range(x.ndim):
            image = _coefficients(image, order, axis, mode)
    shape = at.shape[1:]
    outside: Any = None
    axes = []
    for d, n in enumerate(image.shape):
        where = at[d].reshape((-1,)) + pad
        beyond = ut.logical_or(where.detach() < 0, where.detach() > n - 1)
        if mode == "constant":
            outside = beyond if outside is None else ut.logical_or(outside, beyond)
            where = ut.where(beyond, ut.zeros_like(where), where)
        elif mode == "wrap":
            where = ut.where(beyond, ut.remainder(where, max(n - 1, 1)), where)
        elif mode == "nearest":
            where = ut.clip(where, 0.0, float(n - 1))
        first, weights = _taps(where, order)
        axes.append([(_reached(first + r, n, mode), w) for r, w in enumerate(weights)])
    flat = image.reshape((-1,))
    if mode == "grid-constant":
        flat = ut.concat([flat, ut.full((1,), cval, dtype=flat.dtype, device=flat.device)])
    found = _summed(flat, image.shape, axes, holes=mode == "grid-constant")
    if outside is not None:
        found = ut.where(outside, ut.full_like(found, cval), found)
    return found.reshape(shape).astype(x.dtype)


def _reached(i: Tensor, n: int, mode: str) -> Tensor:
    """The samples that integers beyond the edge stand for; -1 for none, by mode "grid-constant"."""
    if mode in ("reflect", "grid-wrap"):
        period = n if mode == "grid-wrap" else 2 * n
        i = ut.remainder(i, period)
        return ut.where(i >= n, 2 * n - 1 - i, i)
    if mode == "nearest":
        return ut.clip(i, 0, n - 1)
    if mode == "grid-constant":
        return ut.where(ut.logical_or(i < 0, i >= n), -1, i)
    i = ut.remainder(i, max(2 * n - 2, 1))
    return ut.where(i >= n, 2 * n - 2 - i, i)


def _summed(
    flat: Tensor, shape: tuple[int, ...], axes: list[Any], index: Any = 0, holes: bool = False
) -> Tensor:
    """The samples that an index and the remaining axes lead to, times their weights."""
    if not axes:
        return ut.take(flat, ut.where(index < 0, flat.shape[0] - 1, index) if holes else index)
    found: Any = None
    for i, w in axes[0]:
        inner = index * shape[0] + i
        if holes:
            inner = ut.where(ut.logical_or(i < 0, inner < i), -1, inner)
        part = w * _summed(flat, shape[1:], axes[1:], inner, holes)
        found = part if found is None else found + part
    return found  # type: ignore[no-any-return]  # a sum of at least one


def affine_transform(
    input: Any,
    matrix: Any,
    offset: Any = 0.0,
    output_shape: tuple[int, ...] | None = None,
    output: Any = None,
    order: int = 3,
    mode: str = "constant",
    cval: float = 0.0,
    prefilter: bool = True,
) -> Tensor:
    """An image under an affine map, as `scipy.ndimage.affine_transform`; differentiable in the map.

    >>> import unitensor as ut
    >>> affine_transform(ut.asarray([0.0, 2.0, 4.0]), ut.asarray([1.0]), 0.5, order=1).tolist()
    [1.0, 3.0, 0.0]
    """
    name = "ndimage.affine_transform"
    x, m, shift = _image(name, input, matrix, offset)
    n = x.ndim
    if m.ndim == 2 and m.shape[1] == n + 1:
        m, shift = m[:n, :n], m[:n, n]
    elif m.ndim == 1:
        m = m[:, None] * ut.eye(m.shape[0], dtype=m.dtype, device=m.device)
    if m.shape != (n, n):
        raise ValueError(f"{name}: matrix has shape {m.shape}; expected ({n},), ({n}, {n}) or ({n}, {n + 1})")
    wanted = x.shape if output_shape is None else tuple(output_shape)
    grid = ut.asarray(np.indices(wanted).reshape(n, -1), device=x.device).astype(m.dtype)
    at = ut.matmul(m, grid) + (shift if shift.ndim == 0 else shift[:, None])
    return map_coordinates(x, at.reshape((n, *wanted)), output, order, mode, cval, prefilter)
