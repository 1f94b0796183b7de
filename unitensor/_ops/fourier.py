"""Discrete Fourier transforms. All are linear, and the rule of each is another of them.

Standard: Fourier transform Functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import numpy as np

from .._dtypes import as_dtype, get_default_dtype
from .._lift import require_kind
from .._op import op, scope
from .creation import home

if TYPE_CHECKING:
    from .._devices import Device
    from .._dtypes import DType
    from .._tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])
Norm = Literal["backward", "ortho", "forward"]

OPPOSITE = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _resized(xp: Any, g: Any, shape: Any) -> Any:
    """A cotangent cut where the input was padded with zeros, and padded where it was cut."""
    shape = tuple(shape)
    if tuple(g.shape) == shape:
        return g
    key = tuple(slice(0, min(have, want)) for have, want in zip(g.shape, shape))
    g = xp.getitem(g, key)
    return g if tuple(g.shape) == shape else xp.scatter_add(g, key, shape)


def _as_input(xp: Any, g: Any, x_dtype: Any) -> Any:
    """A cotangent of a spectrum, of which an input that is real gets the real part."""
    return g if xp.isdtype(x_dtype, "complex floating") else xp.real(g)


def _twice_inside(xp: Any, g: Any, axis: int, n: int) -> Any:
    """A half spectrum with all doubled that stands for two frequencies of a real signal of length n."""
    axis %= len(g.shape)
    key = (slice(None),) * axis + (slice(1, (n + 1) // 2),)
    return xp.add(g, xp.scatter_add(xp.getitem(g, key), key, tuple(g.shape)))


def _length(n: Any, shape: Any, axis: int) -> int:
    return int(shape[axis]) if n is None or n == -1 else int(n)


def _axes(axes: Any, shape: Any) -> tuple[int, ...]:
    return tuple(range(len(shape))) if axes is None else tuple(axes)


def _full_lengths(shape: Any, x_shape: Any, s: Any, axes: tuple[int, ...]) -> tuple[int, ...]:
    """The lengths of a real transform: its result's, but in the last axis the signal's own."""
    last = _length(None if s is None else s[-1], x_shape, axes[-1])
    return (*(int(shape[a]) for a in axes[:-1]), last)


def _checked(function: F) -> F:
    """A transform of several axes whose lengths mean the same on every engine."""

    @wraps(function)
    def call(
        x: Tensor,
        /,
        *,
        s: Sequence[int] | None = None,
        axes: Sequence[int] | None = None,
        norm: Norm = "backward",
    ) -> Any:
        if s is not None:
            name = f"fft.{function.__name__}"
            if axes is None:
                raise ValueError(f"{name}: s={tuple(s)} is given without axes; pass the axes it is for")
            if len(s) != len(axes):
                raise ValueError(f"{name}: s={tuple(s)} and axes={tuple(axes)} differ in length")
            if -1 in s and isinstance(x, scope["Tensor"]):
                s = [_length(n, x.shape, a) for n, a in zip(s, axes)]
        return function(x, s=s, axes=axes, norm=norm)

    return cast(F, call)


# One axis ------------------------------------------------------------------------------------------


def _fft_rule(xp: Any, g: Any, x_shape: Any, axis: Any, norm: Any) -> Any:
    return _resized(xp, xp.fft.fft(g, axis=axis, norm=norm), x_shape)


@op(module="fft", grad={"x": _fft_rule}, linear="each", dtypes="floating", result="float64")
def fft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The Fourier transform along an axis, cut or padded with zeros to n elements first.

    >>> import unitensor as ut
    >>> ut.fft.fft(ut.asarray([1.0, 0.0, 0.0])).tolist()
    [(1+0j), (1+0j), (1+0j)]
    """


def _ifft_rule(xp: Any, g: Any, x_shape: Any, axis: Any, norm: Any) -> Any:
    return _resized(xp, xp.fft.ifft(g, axis=axis, norm=norm), x_shape)


@op(module="fft", grad={"x": _ifft_rule}, linear="each", dtypes="floating", result="float64")
def ifft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The inverse of `fft`.

    >>> import unitensor as ut
    >>> ut.fft.ifft(ut.fft.fft(ut.asarray([1.0, 2.0, 4.0, 0.0]))).real.tolist()
    [1.0, 2.0, 4.0, 0.0]
    """


def _rfft_rule(xp: Any, g: Any, x_shape: Any, n: Any, axis: Any, norm: Any) -> Any:
    whole = xp.fft.fft(g, n=_length(n, x_shape, axis), axis=axis, norm=norm)
    return _resized(xp, xp.real(whole), x_shape)


@op(module="fft", grad={"x": _rfft_rule}, linear="each", dtypes="real floating", result="float64")
def rfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The Fourier transform of a real signal: the n // 2 + 1 frequencies that are not negative.

    >>> import unitensor as ut
    >>> ut.fft.rfft(ut.asarray([1.0, 0.0, 0.0])).tolist()
    [(1+0j), (1+0j)]
    """


def _irfft_rule(xp: Any, g: Any, x_shape: Any, x_dtype: Any, axis: Any, norm: Any) -> Any:
    half = _as_input(xp, xp.conj(xp.fft.rfft(g, axis=axis, norm=OPPOSITE[norm])), x_dtype)
    return _resized(xp, _twice_inside(xp, half, axis, g.shape[axis]), x_shape)


@op(module="fft", grad={"x": _irfft_rule}, linear="each", dtypes="complex floating", result="float64")
def irfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The inverse of `rfft`: a real signal of n elements, by default 2 * (size - 1).

    >>> import unitensor as ut
    >>> ut.fft.irfft(ut.fft.rfft(ut.asarray([1.0, 2.0, 4.0])), n=3).tolist()
    [1.0, 2.0, 4.0]
    """


def _hfft_rule(xp: Any, g: Any, x_shape: Any, x_dtype: Any, axis: Any, norm: Any) -> Any:
    half = _as_input(xp, xp.fft.rfft(g, axis=axis, norm=norm), x_dtype)
    return _resized(xp, _twice_inside(xp, half, axis, g.shape[axis]), x_shape)


@op(module="fft", grad={"x": _hfft_rule}, linear="each", dtypes="complex floating", result="float64")
def hfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The Fourier transform, which is real, of a signal that is Hermitian and given by its first half.

    >>> import unitensor as ut
    >>> ut.fft.hfft(ut.asarray([1 + 0j, 2 + 0j]), n=3).tolist()
    [5.0, -1.0, -1.0]
    """


def _ihfft_rule(xp: Any, g: Any, x_shape: Any, n: Any, axis: Any, norm: Any) -> Any:
    whole = xp.fft.ifft(g, n=_length(n, x_shape, axis), axis=axis, norm=norm)
    return _resized(xp, xp.real(whole), x_shape)


@op(module="fft", grad={"x": _ihfft_rule}, linear="each", dtypes="real floating", result="float64")
def ihfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Tensor:
    """The inverse of `hfft`.

    >>> import unitensor as ut
    >>> ut.fft.ihfft(ut.asarray([5.0, -1.0, -1.0])).real.tolist()
    [1.0, 2.0]
    """


# Several axes --------------------------------------------------------------------------------------


def _fftn_rule(xp: Any, g: Any, x_shape: Any, axes: Any, norm: Any) -> Any:
    return _resized(xp, xp.fft.fftn(g, axes=_axes(axes, x_shape), norm=norm), x_shape)


@_checked
@op(module="fft", grad={"x": _fftn_rule}, linear="each", dtypes="floating", result="float64")
def fftn(
    x: Tensor,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
) -> Tensor:
    """The Fourier transform along several axes, all by default; s are their lengths.

    >>> import unitensor as ut
    >>> ut.fft.fftn(ut.ones((2, 2))).real.tolist()
    [[4.0, 0.0], [0.0, 0.0]]
    """


def _ifftn_rule(xp: Any, g: Any, x_shape: Any, axes: Any, norm: Any) -> Any:
    return _resized(xp, xp.fft.ifftn(g, axes=_axes(axes, x_shape), norm=norm), x_shape)


@_checked
@op(module="fft", grad={"x": _ifftn_rule}, linear="each", dtypes="floating", result="float64")
def ifftn(
    x: Tensor,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
) -> Tensor:
    """The inverse of `fftn`.

    >>> import unitensor as ut
    >>> ut.fft.ifftn(ut.fft.fftn(ut.ones((2, 2)))).real.tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """


def _rfftn_rule(xp: Any, g: Any, x_shape: Any, s: Any, axes: Any, norm: Any) -> Any:
    axes = _axes(axes, x_shape)
    whole = xp.fft.fftn(g, s=_full_lengths(g.shape, x_shape, s, axes), axes=axes, norm=norm)
    return _resized(xp, xp.real(whole), x_shape)


@_checked
@op(module="fft", grad={"x": _rfftn_rule}, linear="each", dtypes="real floating", result="float64")
def rfftn(
    x: Tensor,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
) -> Tensor:
    """The Fourier transform of a real signal along several axes; the last gives half a spectrum.

    >>> import unitensor as ut
    >>> ut.fft.rfftn(ut.ones((2, 3))).real.tolist()
    [[6.0, 0.0], [0.0, 0.0]]
    """


def _irfftn_rule(xp: Any, g: Any, x_shape: Any, x_dtype: Any, axes: Any, norm: Any) -> Any:
    axes = _axes(axes, x_shape)
    half = _as_input(xp, xp.conj(xp.fft.rfftn(g, axes=axes, norm=OPPOSITE[norm])), x_dtype)
    return _resized(xp, _twice_inside(xp, half, axes[-1], g.shape[axes[-1]]), x_shape)


@_checked
@op(module="fft", grad={"x": _irfftn_rule}, linear="each", dtypes="complex floating", result="float64")
def irfftn(
    x: Tensor,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
) -> Tensor:
    """The inverse of `rfftn`; the last length is by default 2 * (size - 1).

    >>> import unitensor as ut
    >>> ut.fft.irfftn(ut.fft.rfftn(ut.ones((2, 3))), s=(2, 3), axes=(0, 1)).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """


# Frequencies ---------------------------------------------------------------------------------------


def _frequencies(name: str, n: int, d: float, dtype: Any, device: Any) -> Tensor:
    if n < 1:
        raise ValueError(f"fft.{name}: n is {n}; expected 1 or more")
    target = get_default_dtype() if dtype is None else as_dtype(dtype)
    require_kind(f"fft.{name}", target, "real floating")
    xp, raw = home(device, f"fft.{name}")
    values = getattr(np.fft, name)(n, d).astype(target.dtype)
    return scope["wrap"](xp.backend.from_numpy(values, raw), xp, None)  # type: ignore[no-any-return]


def fftfreq(
    n: int, /, *, d: float = 1.0, dtype: DType | None = None, device: Device | str | None = None
) -> Tensor:
    """The frequencies of `fft`'s result, for n samples d apart.

    >>> import unitensor as ut
    >>> ut.fft.fftfreq(4).tolist()
    [0.0, 0.25, -0.5, -0.25]
    """
    return _frequencies("fftfreq", n, d, dtype, device)


def rfftfreq(
    n: int, /, *, d: float = 1.0, dtype: DType | None = None, device: Device | str | None = None
) -> Tensor:
    """The frequencies of `rfft`'s result, for n samples d apart.

    >>> import unitensor as ut
    >>> ut.fft.rfftfreq(4).tolist()
    [0.0, 0.25, 0.5]
    """
    return _frequencies("rfftfreq", n, d, dtype, device)


def _shift(xp: Any, f: Any, x: Any, *, axes: Any = None) -> Any:
    """Without axes nothing moves; some engines refuse."""
    return f(x, axes=axes) if x.shape or axes else xp.astype(x, x.dtype)


@op(
    module="fft",
    grad={"x": lambda xp, g, axes: xp.fft.ifftshift(g, axes=axes)},
    linear="each",
    dtypes="all",
    prepare=_shift,
)
def fftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """A spectrum with its zero frequency moved to the middle.

    >>> import unitensor as ut
    >>> ut.fft.fftshift(ut.fft.fftfreq(4)).tolist()
    [-0.5, -0.25, 0.0, 0.25]
    """


@op(
    module="fft",
    grad={"x": lambda xp, g, axes: xp.fft.fftshift(g, axes=axes)},
    linear="each",
    dtypes="all",
    prepare=_shift,
)
def ifftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """The inverse of `fftshift`.

    >>> import unitensor as ut
    >>> ut.fft.ifftshift(ut.fft.fftshift(ut.arange(5))).tolist()
    [0, 1, 2, 3, 4]
    """
