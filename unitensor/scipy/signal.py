"""Convolution and filters: SciPy's `signal`, differentiable in the signal and in the coefficients.

A few host ops carry all: convolutions of arrays and along one axis, and the part of a filter that feeds
back. Their transposes are made of them again, so that gradients have any order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.signal

import unitensor as ut

from .._op import scope
from .._ops.linear_algebra import sum_to
from ._host_op import along, directly, host_op, lift, one_of, values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._tensor import Tensor

MODES = ("full", "valid", "same")
METHODS = ("auto", "direct", "fft")


# Convolution ---------------------------------------------------------------------------------------


def _conv_rule1(xp: Any, g: Any, x1_shape: Any, x2: Any, mode: Any, method: Any, axes: Any) -> Any:
    other = "valid" if mode == "full" else "full"
    c = convolution(g, xp.flip(x2, axis=axes), mode=other, method=method, axes=axes)
    return sum_to(xp, c, x1_shape)


def _conv_rule2(xp: Any, g: Any, x1: Any, x2_shape: Any, mode: Any, method: Any, axes: Any) -> Any:
    if mode == "full":
        c = convolution(g, xp.flip(x1, axis=axes), mode="valid", method=method, axes=axes)
    else:
        g = xp.flip(g, axis=axes)
        c = xp.flip(convolution(x1, g, mode="valid", method=method, axes=axes), axis=axes)
    return sum_to(xp, c, x2_shape)


def _by_fft(xp: Any, x1: Any, x2: Any, *, mode: Any, method: Any, axes: Any) -> Any:
    if method != "fft" or not all(
        xp.isdtype(x.dtype, ("real floating", "complex floating")) for x in (x1, x2)
    ):
        return None
    axes = tuple(range(x1.ndim)) if axes is None else axes
    n1, n2 = ([x.shape[a] for a in axes] for x in (x1, x2))
    whole = [a + b - 1 for a, b in zip(n1, n2)]
    real = all(xp.isdtype(x.dtype, "real floating") for x in (x1, x2))
    s = [scipy.fft.next_fast_len(n, real) for n in whole]
    if real:
        product = xp.multiply(xp.fft.rfftn(x1, s=s, axes=axes), xp.fft.rfftn(x2, s=s, axes=axes))
        found = xp.fft.irfftn(product, s=s, axes=axes)
    else:
        product = xp.multiply(xp.fft.fftn(x1, s=s, axes=axes), xp.fft.fftn(x2, s=s, axes=axes))
        found = xp.fft.ifftn(product, s=s, axes=axes)
    key = [slice(None)] * x1.ndim
    for axis, a, b, n in zip(axes, n1, n2, whole):
        key[axis] = slice(0, n) if mode == "full" else slice(b - 1, a)
    return xp.getitem(found, tuple(key))


@host_op(grad={"x1": _conv_rule1, "x2": _conv_rule2}, linear="each", native=_by_fft)
def convolution(x1: Any, x2: Any, *, mode: str, method: str = "auto", axes: Any = None) -> Any:
    """The convolution of two arrays: "full", or "valid", where no axis of x2 is longer than x1's."""
    if axes is not None:
        return scipy.signal.fftconvolve(x1, x2, mode, axes=axes)
    return scipy.signal.convolve(x1, x2, mode, method)


def _convolve(name: str, x1: Tensor, x2: Tensor, mode: str, method: str = "auto", axes: Any = None) -> Tensor:
    one_of(name, "mode", mode, MODES)
    one_of(name, "method", method, METHODS)
    if x1.ndim != x2.ndim:
        raise ValueError(f"{name}: in1 has {x1.ndim} axes and in2 {x2.ndim}; expected equally many")
    if x1.ndim == 0:
        return x1 * x2
    which = tuple(range(x1.ndim)) if axes is None else axes
    if mode == "valid":
        if all(x1.shape[a] >= x2.shape[a] for a in which):
            return convolution(x1, x2, mode="valid", method=method, axes=axes)
        if any(x1.shape[a] > x2.shape[a] for a in which):
            raise ValueError(
                f"{name}: 'valid' needs one of {x1.shape} and {x2.shape} to be longer in every axis"
            )
        return convolution(x2, x1, mode="valid", method=method, axes=axes)
    full: Tensor = convolution(x1, x2, mode="full", method=method, axes=axes)
    if mode == "full":
        return full
    key: list[Any] = [slice(None)] * x1.ndim
    for a in which:
        start = (x2.shape[a] - 1) // 2
        key[a] = slice(start, start + x1.shape[a])
    return full[tuple(key)]


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Tensor:
    """The convolution of two arrays of any dimension, as `scipy.signal.convolve`.

    >>> import unitensor as ut
    >>> convolve(ut.asarray([1.0, 2.0, 3.0]), ut.asarray([0.0, 1.0, 0.5])).tolist()
    [0.0, 1.0, 2.5, 4.0, 1.5]
    """
    x1, x2 = lift("signal.convolve", in1, in2)
    return _convolve("signal.convolve", x1, x2, mode, method)


def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: int | Sequence[int] | None = None) -> Tensor:
    """The convolution by Fourier transforms, as `scipy.signal.fftconvolve`; stays on every device.

    >>> import unitensor as ut
    >>> ut.round(fftconvolve(ut.asarray([1.0, 2.0]), ut.asarray([1.0, 1.0]))).tolist()
    [1.0, 3.0, 2.0]
    """
    x1, x2 = lift("signal.fftconvolve", in1, in2)
    if axes is not None:
        axes = tuple(a % x1.ndim for a in ((axes,) if isinstance(axes, int) else axes))
    return _convolve("signal.fftconvolve", x1, x2, mode, "fft", axes)


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Tensor:
    """The cross-correlation of two arrays, as `scipy.signal.correlate`.

    >>> import unitensor as ut
    >>> correlate(ut.asarray([1.0, 2.0, 3.0]), ut.asarray([0.0, 1.0]), mode="valid").tolist()
    [2.0, 3.0]
    """
    x1, x2 = lift("signal.correlate", in1, in2)
    return _convolve("signal.correlate", x1, ut.conj(ut.flip(x2)), mode, method)


# Along one axis -------------------------------------------------------------------------------------


def _wide(xp: Any, x: Any, before: int, after: int, axis: int) -> Any:
    """x with zeros before and after it along an axis."""
    n = x.shape[axis]
    shape = tuple(m + before + after if i == axis else m for i, m in enumerate(x.shape))
    return xp.scatter_add(x, along(len(shape), axis, slice(before, before + n)), shape)


def _slide_rule_x(xp: Any, g: Any, w: Any, axis: Any) -> Any:
    reach = w.shape[0] - 1
    return slide(_wide(xp, g, reach, reach, axis), xp.flip(w), axis=axis)


def _slide_rule_w(xp: Any, g: Any, x: Any, axis: Any) -> Any:
    return lags(x, g, axis=axis)


def _slide(xp: Any, x: Any, w: Any, *, axis: int) -> Any:
    size, found = x.shape[axis] - w.shape[0] + 1, None
    for j in range(w.shape[0]):
        part = xp.getitem(x, along(x.ndim, axis, slice(j, j + size)))
        part = xp.multiply(part, xp.getitem(w, (j,)))
        found = part if found is None else xp.add(found, part)
    return found


@host_op(grad={"x": _slide_rule_x, "w": _slide_rule_w}, linear="each", native=_slide, native_on_cpu=False)
def slide(x: Any, w: Any, *, axis: int) -> Any:
    """y[i] = w[0] x[i] + w[1] x[i + 1] + ..., along an axis, where all of it is inside."""
    start, size = w.size // 2, x.shape[axis] - w.size + 1
    whole = scipy.ndimage.correlate1d(x, w, axis=axis, output=np.result_type(x, w), mode="constant")
    return np.ascontiguousarray(whole[along(x.ndim, axis, slice(start, start + size))])


def _lags_rule_x(xp: Any, g: Any, y: Any, axis: Any) -> Any:
    reach = g.shape[0] - 1
    return slide(_wide(xp, y, reach, reach, axis), xp.flip(g), axis=axis)


def _lags_rule_y(xp: Any, g: Any, x: Any, axis: Any) -> Any:
    return slide(x, g, axis=axis)


def _lags(xp: Any, x: Any, y: Any, *, axis: int) -> Any:
    size = y.shape[axis]
    parts = (xp.getitem(x, along(x.ndim, axis, slice(j, j + size))) for j in range(x.shape[axis] - size + 1))
    return xp.stack([xp.sum(xp.multiply(part, y)) for part in parts])


@host_op(grad={"x": _lags_rule_x, "y": _lags_rule_y}, linear="each", native=_lags, native_on_cpu=False)
def lags(x: Any, y: Any, *, axis: int) -> Any:
    """c[j] = the sum of x[i + j] y[i] over i, along an axis, and over all other axes."""
    x, y = (np.moveaxis(z, axis, -1).reshape((-1, z.shape[axis])) for z in (x, y))
    size = y.shape[1]
    parts = (x[:, j : j + size] for j in range(x.shape[1] - size + 1))
    return np.stack([np.einsum("ij,ij->", part, y) for part in parts])


# Filters -------------------------------------------------------------------------------------------


def _poles_rule_x(xp: Any, g: Any, a: Any, axis: Any) -> Any:
    return xp.flip(all_pole(xp.flip(g, axis=axis), a, axis=axis), axis=axis)


def _poles_rule_a(xp: Any, g: Any, a: Any, out: Any, axis: Any) -> Any:
    c = _wide(xp, _poles_rule_x(xp, g, a, axis), 0, a.shape[0], axis)
    return xp.negative(xp.getitem(lags(c, out, axis=axis), (slice(1, None),)))


def _poles_jvp_x(xp: Any, g: Any, a: Any, axis: Any) -> Any:
    return all_pole(g, a, axis=axis)


def _poles_jvp_a(xp: Any, g: Any, a: Any, out: Any, axis: Any) -> Any:
    before = xp.getitem(out, along(len(out.shape), axis, slice(0, out.shape[axis] - 1)))
    moved = slide(_wide(xp, before, a.shape[0], 0, axis), xp.flip(g), axis=axis)
    return all_pole(xp.negative(moved), a, axis=axis)


@host_op(grad={"x": _poles_rule_x, "a": _poles_rule_a}, jvp={"x": _poles_jvp_x, "a": _poles_jvp_a})
def all_pole(x: Any, a: Any, *, axis: int) -> Any:
    """y[n] = x[n] - a[0] y[n-1] - a[1] y[n-2] - ..., along an axis."""
    return scipy.signal.lfilter(np.ones(1, a.dtype), np.concatenate([np.ones(1, a.dtype), a]), x, axis=axis)


def _taps(b: Tensor, ndim: int, axis: int) -> Tensor:
    return b.reshape(tuple(-1 if i == axis else 1 for i in range(ndim)))


def _fed(x: Tensor, b: Tensor, after: int, axis: int) -> Tensor:
    """b[0] x[n] + b[1] x[n - 1] + ..., for all of x and some elements after it."""
    order = b.shape[0] - 1
    if order == 0 and after == 0:
        return x * b[0]
    return slide(_wide(scope["tensors"], x, order, after, axis), ut.flip(b), axis=axis)


def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """A filter with numerator b and denominator a along an axis, as `scipy.signal.lfilter`.

    Differentiable in b, a, x and the initial state zi; with zi, the final state comes back, too.

    >>> import unitensor as ut
    >>> lfilter([1.0], [1.0, -0.5], ut.asarray([1.0, 0.0, 0.0])).tolist()
    [1.0, 0.5, 0.25]
    """
    x, b, a, zi = lift("signal.lfilter", x, b, a, zi)
    if b.ndim != 1 or a.ndim != 1 or not a.size or not b.size:
        raise ValueError(f"signal.lfilter: b {b.shape} and a {a.shape} must be vectors with elements")
    if x.ndim == 0:
        raise ValueError("signal.lfilter: x has no axis to filter along")
    if (found := directly(_lfilter, x, b, a, zi, axis=axis)) is not None:
        return found
    axis %= x.ndim
    n, order = x.shape[axis], max(b.shape[0], a.shape[0]) - 1
    b, a = b / a[0], a / a[0]
    feed = _fed(x, b, 0 if zi is None else order, axis)
    first = feed[along(x.ndim, axis, slice(0, n))]
    shape = tuple(order if i == axis else m for i, m in enumerate(x.shape))
    if zi is not None:
        if zi.ndim != x.ndim or zi.shape[axis] != order:
            raise ValueError(f"signal.lfilter: zi has shape {zi.shape}; expected {shape}")
        zi = ut.broadcast_to(zi, shape)
        first = first + _placed(zi, n, axis)
    y = all_pole(first, a[1:], axis=axis) if a.shape[0] > 1 else first
    if zi is None:
        return y
    rest = along(x.ndim, axis, slice(n, None))
    state = feed[rest]
    if a.shape[0] > 1:
        state = state - _fed(y, _skipped(a), order, axis)[rest]
    if order > n:
        state = state + _placed(zi[along(x.ndim, axis, slice(n, order))], order, axis)
    return y, state


def _lfilter(x: Any, b: Any, a: Any, zi: Any, axis: int) -> Any:
    return scipy.signal.lfilter(b, a, x, axis=axis, zi=zi)


def _sosfilt(x: Any, sos: Any, zi: Any, axis: int) -> Any:
    return scipy.signal.sosfilt(sos / sos[:, 3:4], x, axis=axis, zi=zi)


def _skipped(a: Tensor) -> Tensor:
    """A denominator without its leading 1."""
    return ut.concat([ut.zeros_like(a[:1]), a[1:]])


def _placed(x: Tensor, n: int, axis: int) -> Tensor:
    """x along an axis cut, or filled up with zeros, to n elements."""
    have = x.shape[axis]
    if have >= n:
        return x[along(x.ndim, axis, slice(0, n))]
    shape = tuple(n - have if i == axis else m for i, m in enumerate(x.shape))
    return ut.concat([x, ut.zeros(shape, dtype=x.dtype, device=x.device)], axis=axis)


def lfilter_zi(b: Any, a: Any) -> Tensor:
    """The state of a filter that has seen a constant 1 forever, as `scipy.signal.lfilter_zi`.

    >>> import unitensor as ut
    >>> lfilter_zi(ut.asarray([1.0]), ut.asarray([1.0, -0.5])).tolist()
    [1.0]
    """
    b, a = lift("signal.lfilter_zi", b, a)
    order = max(b.shape[0], a.shape[0])
    return _steady(_placed(b / a[0], order, 0), _placed(a / a[0], order, 0))


def _steady(b: Tensor, a: Tensor) -> Tensor:
    rest = b[1:] - a[1:] * b[0]
    first = ut.sum(rest) / ut.sum(a)
    gone = ut.concat([ut.zeros_like(rest[:1]), ut.cumulative_sum(rest)[:-1]])
    return ut.cumulative_sum(a)[:-1] * first - gone


def sosfilt(sos: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """A filter given as second-order sections, along an axis, as `scipy.signal.sosfilt`.

    >>> import unitensor as ut
    >>> sosfilt([[1.0, 0.0, 0.0, 1.0, -0.5, 0.0]], ut.asarray([1.0, 0.0, 0.0])).tolist()
    [1.0, 0.5, 0.25]
    """
    x, sos, zi = lift("signal.sosfilt", x, sos, zi)
    if sos.ndim != 2 or sos.shape[1] != 6:
        raise ValueError(f"signal.sosfilt: sos has shape {sos.shape}; expected (sections, 6)")
    if (found := directly(_sosfilt, x, sos, zi, axis=axis)) is not None:
        return found
    states = []
    for i in range(sos.shape[0]):
        if zi is None:
            x = lfilter(sos[i, :3], sos[i, 3:], x, axis=axis)
        else:
            x, state = lfilter(sos[i, :3], sos[i, 3:], x, axis=axis, zi=zi[i])
            states.append(state)
    return x if zi is None else (x, ut.stack(states))


def sosfilt_zi(sos: Any) -> Tensor:
    """The state of each section after a constant 1 forever, as `scipy.signal.sosfilt_zi`.

    >>> import unitensor as ut
    >>> sosfilt_zi(ut.asarray([[1.0, 0.0, 0.0, 1.0, -0.5, 0.0]])).tolist()
    [[1.0, 0.0]]
    """
    (sos,) = lift("signal.sosfilt_zi", sos)
    scale: Any = 1.0
    states = []
    for i in range(sos.shape[0]):
        b, a = sos[i, :3] / sos[i, 3], sos[i, 3:] / sos[i, 3]
        states.append(scale * _steady(b, a))
        scale = scale * ut.sum(b) / ut.sum(a)
    return ut.stack(states)


def _mirrored(x: Tensor, padtype: str | None, padlen: int, axis: int, name: str) -> Tensor:
    """The signal continued by padlen elements at both ends."""
    one_of(name, "padtype", padtype, ("odd", "even", "constant", None))
    if padlen >= x.shape[axis]:
        raise ValueError(f"{name}: padlen is {padlen}; expected less than the length {x.shape[axis]}")
    if padtype is None or not padlen:
        return x

    def part(start: int | None, stop: int | None) -> Tensor:
        return x[along(x.ndim, axis, slice(start, stop))]

    left, right = ut.flip(part(1, padlen + 1), axis=axis), ut.flip(part(-padlen - 1, -1), axis=axis)
    if padtype == "odd":
        left, right = 2 * part(0, 1) - left, 2 * part(-1, None) - right
    elif padtype == "constant":
        left, right = part(0, 1) + 0 * left, part(-1, None) + 0 * right
    return ut.concat([left, x, right], axis=axis)


def filtfilt(
    b: Any,
    a: Any,
    x: Any,
    axis: int = -1,
    padtype: str | None = "odd",
    padlen: int | None = None,
    method: str = "pad",
) -> Tensor:
    """A filter run forwards, then backwards, so that no phase is shifted, as `scipy.signal.filtfilt`.

    >>> import unitensor as ut
    >>> filtfilt([0.5, 0.5], [1.0], ut.arange(8.0))[:3].tolist()
    [0.0, 1.0, 2.0]
    """
    one_of("signal.filtfilt", "method", method, ("pad",))
    x, b, a = lift("signal.filtfilt", x, b, a)
    axis %= x.ndim
    padlen = 3 * max(b.shape[0], a.shape[0]) if padlen is None else padlen
    longer = _mirrored(x, padtype, padlen if padtype else 0, axis, "signal.filtfilt")
    zi = _taps(lfilter_zi(b, a), x.ndim, axis)
    for _ in range(2):
        longer, _state = lfilter(b, a, longer, axis=axis, zi=zi * longer[along(x.ndim, axis, slice(0, 1))])
        longer = ut.flip(longer, axis=axis)
    return _middle(longer, x.shape[axis], axis)


def sosfiltfilt(
    sos: Any, x: Any, axis: int = -1, padtype: str | None = "odd", padlen: int | None = None
) -> Tensor:
    """Second-order sections run forwards, then backwards, as `scipy.signal.sosfiltfilt`.

    >>> import unitensor as ut
    >>> sosfiltfilt([[0.5, 0.5, 0.0, 1.0, 0.0, 0.0]], ut.arange(12.0))[:3].tolist()
    [0.0, 1.0, 2.0]
    """
    x, sos = lift("signal.sosfiltfilt", x, sos)
    axis %= x.ndim
    if padlen is None:
        zeros = [int((values(sos)[:, i] == 0).sum()) for i in (2, 5)]
        padlen = 3 * (2 * sos.shape[0] + 1 - min(zeros))
    longer = _mirrored(x, padtype, padlen if padtype else 0, axis, "signal.sosfiltfilt")
    zi = ut.stack([_taps(z, x.ndim, axis) for z in ut.unstack(sosfilt_zi(sos))])
    for _ in range(2):
        edge = longer[along(x.ndim, axis, slice(0, 1))]
        longer, _state = sosfilt(sos, longer, axis=axis, zi=zi * edge)
        longer = ut.flip(longer, axis=axis)
    return _middle(longer, x.shape[axis], axis)


def _middle(x: Tensor, n: int, axis: int) -> Tensor:
    start = (x.shape[axis] - n) // 2
    return x[along(x.ndim, axis, slice(start, start + n))]
