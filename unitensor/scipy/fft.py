"""Discrete cosine and sine transforms: SciPy's `fft.dct`, `dst` and their inverses, of types 1 to 4.

All are linear. Scaled to be orthogonal, the transpose of a transform is its inverse; other scalings are
factors before and after it, which the rule puts the other way round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft

import unitensor as ut

from .._dtypes import float32, float64
from ._host_op import along, host_op, lift, one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._tensor import Tensor

INVERSE = {1: 1, 2: 3, 3: 2, 4: 4}
OPPOSITE = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
#: The elements that are scaled to make a transform orthogonal: before it, and after it.
ENDS: dict[tuple[str, int], tuple[tuple[int, ...], tuple[int, ...]]] = {
    ("dct", 1): ((0, -1), (0, -1)),
    ("dct", 2): ((), (0,)),
    ("dct", 3): ((0,), ()),
    ("dst", 2): ((), (-1,)),
    ("dst", 3): ((-1,), ()),
}


def _scaled(xp: Any, x: Any, factor: float, ends: tuple[int, ...], at_ends: float, axis: int) -> Any:
    """x times a factor, and its end elements times another."""
    shape = tuple(x.shape)
    for end in ends:
        key = along(len(shape), axis, slice(end % shape[axis], end % shape[axis] + 1))
        more = xp.multiply(xp.getitem(x, key), at_ends - 1)
        x = xp.add(x, xp.scatter_add(more, key, shape))
    return x if factor == 1 else xp.multiply(x, factor)


def _rule(
    xp: Any, g: Any, x_shape: Any, kind: Any, type: Any, axis: Any, norm: Any, orthogonalize: Any
) -> Any:
    length = _length(kind, type, x_shape[axis])
    factor = {"backward": length**0.5, "ortho": 1.0, "forward": length**-0.5}[norm]
    before, after = ((), ()) if orthogonalize else ENDS.get((kind, type), ((), ()))
    g = _scaled(xp, g, factor, after, 2**0.5, axis)
    c = cosine_or_sine(g, kind=kind, type=INVERSE[type], axis=axis, norm="ortho", orthogonalize=True)
    return _scaled(xp, c, 1.0, before, 0.5**0.5, axis)


def _length(kind: str, type: int, n: int) -> int:
    """The length of the Fourier transform that a transform of n elements is."""
    return 2 * (n + {("dct", 1): -1, ("dst", 1): 1}.get((kind, type), 0))


def _cosine(xp: Any, x: Any, type: int) -> Any:
    """A cosine transform of real numbers along the last axis, by a Fourier transform."""
    n = x.shape[-1]
    dtype = np.complex64 if x.dtype == xp.raw_dtype(float32) else np.complex128

    def turned(angles: Any) -> Any:
        numbers = np.exp(-1j * np.pi * angles / (4 * n)).astype(dtype)
        return xp.backend.from_numpy(numbers, xp.backend.raw_device_of(x))

    first, k = (..., slice(0, n)), np.arange(n)
    if type == 1:
        inner = xp.flip(xp.getitem(x, (..., slice(1, n - 1))), axis=-1)
        return xp.real(xp.fft.rfft(xp.concat([x, inner], axis=-1), axis=-1))
    if type == 2:
        whole = xp.fft.rfft(xp.concat([x, xp.flip(x, axis=-1)], axis=-1), axis=-1)
        return xp.real(xp.multiply(xp.getitem(whole, first), turned(2 * k)))
    if type == 3:
        whole = xp.fft.fft(xp.multiply(x, turned(2 * k)), n=2 * n, axis=-1)
        doubled = xp.multiply(xp.real(xp.getitem(whole, first)), 2)
        return xp.subtract(doubled, xp.getitem(x, (..., slice(0, 1))))
    whole = xp.fft.fft(xp.multiply(x, turned(2 * k)), n=2 * n, axis=-1)
    return xp.multiply(xp.real(xp.multiply(xp.getitem(whole, first), turned(2 * k + 1))), 2)


def _sine(xp: Any, x: Any, type: int) -> Any:
    """A sine transform of real numbers along the last axis, by a cosine transform."""
    n = x.shape[-1]
    if type == 1:
        zero = xp.zeros_like(xp.getitem(x, (..., slice(0, 1))))
        odd = xp.concat([zero, x, zero, xp.negative(xp.flip(x, axis=-1))], axis=-1)
        whole = xp.imag(xp.fft.rfft(odd, axis=-1))
        return xp.negative(xp.getitem(whole, (..., slice(1, n + 1))))
    signs = xp.backend.from_numpy((-1.0) ** np.arange(n), xp.backend.raw_device_of(x))
    signs = xp.astype(signs, x.dtype)
    if type == 2:
        return xp.flip(_cosine(xp, xp.multiply(x, signs), 2), axis=-1)
    return xp.multiply(_cosine(xp, xp.flip(x, axis=-1), type), signs)


def _by_fft(xp: Any, x: Any, *, kind: str, type: int, axis: int, norm: str, orthogonalize: bool) -> Any:
    if xp.backend.dtype_of(x) not in (float32, float64):
        return None
    before, after = ENDS.get((kind, type), ((), ())) if orthogonalize else ((), ())
    x = _scaled(xp, xp.moveaxis(x, axis, -1), 1.0, before, 2**0.5, len(x.shape) - 1)
    found = (_cosine if kind == "dct" else _sine)(xp, x, type)
    factor = float(_length(kind, type, x.shape[-1])) ** {"backward": 0, "ortho": -0.5, "forward": -1}[norm]
    found = _scaled(xp, found, factor, after, 0.5**0.5, len(x.shape) - 1)
    return xp.moveaxis(found, -1, axis)


@host_op(grad={"x": _rule}, linear="each", native=_by_fft)
def cosine_or_sine(x: Any, *, kind: str, type: int, axis: int, norm: str, orthogonalize: bool) -> Any:
    """A cosine ("dct") or sine ("dst") transform along an axis."""
    return getattr(scipy.fft, kind)(x, type, axis=axis, norm=norm, orthogonalize=orthogonalize)


def _transform(
    kind: str, x: Any, type: int, n: int | None, axis: int, norm: Any, orthogonalize: Any
) -> Tensor:
    name = f"fft.{kind}"
    (x,) = lift(name, x)
    one_of(name, "type", type, (1, 2, 3, 4))
    one_of(name, "norm", norm, (None, "backward", "ortho", "forward"))
    norm = norm or "backward"
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"{name}: axis {axis} is out of bounds for {x.ndim} axes")
    axis %= x.ndim
    n = x.shape[axis] if n is None else n
    if n < 1 + ((kind[-3:], type) == ("dct", 1)):
        raise ValueError(f"{name}: type {type} of {n} elements is not defined")
    if n < x.shape[axis]:
        x = x[along(x.ndim, axis, slice(0, n))]
    elif n > x.shape[axis]:
        shape = tuple(n - m if i == axis else m for i, m in enumerate(x.shape))
        x = ut.concat([x, ut.zeros(shape, dtype=x.dtype, device=x.device)], axis=axis)
    if orthogonalize is None:
        orthogonalize = norm == "ortho"
    if kind[0] == "i":
        type, norm = INVERSE[type], OPPOSITE[norm]
    return cosine_or_sine(x, kind=kind[-3:], type=type, axis=axis, norm=norm, orthogonalize=orthogonalize)


def _several(kind: str, x: Any, type: int, s: Any, axes: Any, norm: Any, orthogonalize: Any) -> Tensor:
    y: Tensor = lift(f"fft.{kind}n", x)[0]
    s = (s,) if isinstance(s, int) else s
    if axes is None:
        axes = range(y.ndim) if s is None else range(y.ndim - len(s), y.ndim)
    axes = [axes] if isinstance(axes, int) else list(axes)
    lengths = [None] * len(axes) if s is None else list(s)
    if len(lengths) != len(axes):
        raise ValueError(f"fft.{kind}n: s={tuple(s)} and axes={tuple(axes)} differ in length")
    for axis, n in zip(axes, lengths):
        y = _transform(kind, y, type, n, axis, norm, orthogonalize)
    return y


def dct(
    x: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """The discrete cosine transform along an axis, as `scipy.fft.dct`.

    >>> import unitensor as ut
    >>> ut.round(dct(ut.asarray([1.0, 1.0]))).tolist()
    [4.0, 0.0]
    """
    return _transform("dct", x, type, n, axis, norm, orthogonalize)


def idct(
    x: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """The inverse of `dct` along an axis, as `scipy.fft.idct`.

    >>> import unitensor as ut
    >>> ut.round(idct(ut.asarray([4.0, 0.0]))).tolist()
    [1.0, 1.0]
    """
    return _transform("idct", x, type, n, axis, norm, orthogonalize)


def dst(
    x: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """The discrete sine transform along an axis, as `scipy.fft.dst`.

    >>> import unitensor as ut
    >>> abs(ut.round(dst(ut.asarray([1.0, 1.0]), type=1))).tolist()
    [3.0, 0.0]
    """
    return _transform("dst", x, type, n, axis, norm, orthogonalize)


def idst(
    x: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """The inverse of `dst` along an axis, as `scipy.fft.idst`.

    >>> import unitensor as ut
    >>> ut.round(idst(ut.asarray([6.0, 0.0]), type=1)).tolist()
    [2.0, 2.0]
    """
    return _transform("idst", x, type, n, axis, norm, orthogonalize)


def dctn(
    x: Any,
    type: int = 2,
    s: int | Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """The discrete cosine transform along several axes, as `scipy.fft.dctn`.

    >>> import unitensor as ut
    >>> dctn(ut.ones((2, 3))).shape
    (2, 3)
    """
    return _several("dct", x, type, s, axes, norm, orthogonalize)


def idctn(
    x: Any,
    type: int = 2,
    s: int | Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """The inverse of `dct` along several axes, as `scipy.fft.idctn`.

    >>> import unitensor as ut
    >>> idctn(ut.ones((2, 3))).shape
    (2, 3)
    """
    return _several("idct", x, type, s, axes, norm, orthogonalize)


def dstn(
    x: Any,
    type: int = 2,
    s: int | Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """The discrete sine transform along several axes, as `scipy.fft.dstn`.

    >>> import unitensor as ut
    >>> dstn(ut.ones((2, 3))).shape
    (2, 3)
    """
    return _several("dst", x, type, s, axes, norm, orthogonalize)


def idstn(
    x: Any,
    type: int = 2,
    s: int | Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """The inverse of `dst` along several axes, as `scipy.fft.idstn`.

    >>> import unitensor as ut
    >>> idstn(ut.ones((2, 3))).shape
    (2, 3)
    """
    return _several("idst", x, type, s, axes, norm, orthogonalize)
