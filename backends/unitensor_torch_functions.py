"""torch's functions over whole arrays: reductions, sorting, searching, sets, rearranging."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from unitensor_torch_unsigned import SIGNED, as_is, bits, general, narrow, ordered, unordered, wide

UNSIGNED = frozenset({torch.uint8, *SIGNED})
INTEGERS = UNSIGNED | {torch.int8, torch.int16, torch.int32, torch.int64}


def _axes(axis: Any, ndim: int, strict: bool = False) -> tuple[int, ...]:
    """An axis argument as distinct axes of 0 or more; all of them if it is None.

    Most of NumPy's reductions take a 0-d array to have an axis; the strict ones do not.
    """
    if axis is None:
        return tuple(range(ndim))
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    if not ndim and not strict and given in ((0,), (-1,)):
        return ()
    for a in given:
        if not -ndim <= a < ndim:
            raise IndexError(f"axis {a} is out of range for {ndim} axes")
    axes = tuple(a % ndim for a in given)
    if len(set(axes)) != len(axes):
        raise ValueError(f"axis {given} names an axis twice")
    return axes


def _axis(axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        raise IndexError(f"axis {axis} is out of range for {ndim} axes")
    return axis % ndim


def _kept(shape: Any, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _joined(x: Any, axes: tuple[int, ...]) -> Any:
    """x with some axes joined into one, the last."""
    rest = [i for i in range(x.ndim) if i not in axes]
    moved = torch.permute(x, (*rest, *axes))
    return moved.reshape(*(x.shape[i] for i in rest), math.prod(x.shape[i] for i in axes))


def _over_axes(f: Callable[..., Any], x: Any, axis: Any, keepdims: bool) -> Any:
    """A reduction that torch has for one axis only, over several."""
    axes = _axes(axis, x.ndim)
    r = f(x, axes[0]) if len(axes) == 1 else f(_joined(x, axes), -1)
    return r.reshape(_kept(x.shape, axes)) if keepdims else r


def _accumulate(x: Any, dtype: Any) -> tuple[Any, Any, Any]:
    """What a sum of x runs on: x, the dtype to compute in, and the unsigned dtype to end in or None.

    Sums of unsigned integers are uint64, computed modulo 2**64 in int64.
    """
    if dtype is None:
        if x.dtype not in UNSIGNED:
            return x, None, None
        dtype = torch.uint64
    if dtype in SIGNED:
        return x if x.dtype not in SIGNED else wide(x), torch.int64, dtype
    return x, dtype, None


class Functions:
    """The chapters after the element-wise one."""

    # Statistical -----------------------------------------------------------------------------

    # No `*`: Python finds defaults of keywords more slowly.
    def sum(self, x: Any, /, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        if axis is dtype is None and not keepdims and x.dtype not in UNSIGNED:
            return _sum(x)
        x, dtype, end = _accumulate(x, dtype)
        if type(axis) is int and x.ndim:
            r = torch.sum(x, axis, keepdims, dtype=dtype)
        elif axis is None and not keepdims:
            r = torch.sum(x, dtype=dtype)
        elif (axes := _axes(axis, x.ndim)) or not x.ndim:
            r = torch.sum(x, axes, keepdims, dtype=dtype)
        else:
            r = torch.sum(x.unsqueeze(0), 0, dtype=dtype)
        return r if end is None else narrow(r, end)

    def prod(self, x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        x, dtype, end = _accumulate(x, dtype)
        if axis is None and not keepdims:
            r = torch.prod(x, dtype=dtype)
        else:
            r = _over_axes(lambda a, i: torch.prod(a, i, dtype=dtype), x, axis, keepdims)
        return r if end is None else narrow(r, end)

    def _cumulative(self, f: Any, x: Any, axis: Any, dtype: Any, initial: int | None) -> Any:
        if axis is None:
            if x.ndim > 1:
                raise ValueError(f"axis must be given for {x.ndim} axes")
            axis = 0
        x, dtype, end = _accumulate(x.reshape(1) if not x.ndim else x, dtype)
        axis = _axis(axis, x.ndim)
        r = f(x, axis, dtype=dtype)
        if initial is not None:
            first = torch.full(
                (*x.shape[:axis], 1, *x.shape[axis + 1 :]), initial, dtype=r.dtype, device=r.device
            )
            r = torch.cat((first, r), axis)
        return r if end is None else narrow(r, end)

    def cumulative_sum(
        self, x: Any, /, *, axis: Any = None, dtype: Any = None, include_initial: bool = False
    ) -> Any:
        return self._cumulative(torch.cumsum, x, axis, dtype, 0 if include_initial else None)

    def cumulative_prod(
        self, x: Any, /, *, axis: Any = None, dtype: Any = None, include_initial: bool = False
    ) -> Any:
        return self._cumulative(torch.cumprod, x, axis, dtype, 1 if include_initial else None)

    def mean(self, x: Any, /, axis: Any = None, keepdims: bool = False) -> Any:
        if axis is None and not keepdims:
            return torch.mean(x)
        if type(axis) is int and x.ndim:
            return torch.mean(x, axis, keepdims)
        axes = _axes(axis, x.ndim, strict=True)
        return torch.mean(x, axes, keepdims) if axes else x.clone()

    def var(self, x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
        axes = _axes(axis, x.ndim, strict=True)
        n = math.prod(x.shape[i] for i in axes)
        if n > correction and axes:
            return torch.var(x, axes, correction=correction, keepdim=keepdims)
        # torch warns where n - correction is 0; NumPy divides by it.
        centred = torch.abs(x - self.mean(x, axis=axis, keepdims=True))
        return self.sum(centred * centred, axis=axis, keepdims=keepdims) / max(n - correction, 0)

    def std(self, x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
        return torch.sqrt(self.var(x, axis=axis, correction=correction, keepdims=keepdims))

    def max(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        return self._extremum(_amax, x, axis, keepdims)

    def min(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        return self._extremum(_amin, x, axis, keepdims)

    def _extremum(self, f: Any, x: Any, axis: Any, keepdims: bool) -> Any:
        if axis is None and not keepdims and x.numel():
            return f(x)
        axes = _axes(axis, x.ndim)
        if not all(x.shape[i] for i in axes):
            raise ValueError("expected at least one element, got none")
        return f(x, axes, keepdims) if axes else x.clone()

    # Utility ------------------------------------------------------------------------------------

    def all(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        axes = _axes(axis, x.ndim)
        x = x if x.dtype is torch.bool else x.to(torch.bool)
        return torch.all(x, axes, keepdims) if axes else x.clone()

    def any(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        axes = _axes(axis, x.ndim)
        x = x if x.dtype is torch.bool else x.to(torch.bool)
        return torch.any(x, axes, keepdims) if axes else x.clone()

    # Searching ------------------------------------------------------------------------------------

    where = staticmethod(torch.where)

    def argmax(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        return self._arg(_argmax, x, axis, keepdims)

    def argmin(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        return self._arg(_argmin, x, axis, keepdims)

    def _arg(self, f: Any, x: Any, axis: Any, keepdims: bool) -> Any:
        axes = _axes(axis, x.ndim)
        if not all(x.shape[i] for i in axes):
            raise ValueError("expected at least one element, got none")
        if x.dtype is torch.bool:
            x = x.view(torch.uint8)
        r = f(x, axes[0]) if axis is not None and axes else f(x)
        return r.reshape(_kept(x.shape, axes)) if keepdims else r

    def count_nonzero(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        return self.sum(x if x.dtype is torch.bool else x.to(torch.bool), axis=axis, keepdims=keepdims)

    def nonzero(self, x: Any, /) -> tuple[Any, ...]:
        if not x.ndim:
            raise ValueError("expected at least one axis, got a 0-d array")
        return torch.nonzero(bits(x) if x.dtype in SIGNED else x, as_tuple=True)

    def searchsorted(self, x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Any:
        if sorter is not None:
            x1 = self.take(x1, sorter, axis=0)
        x1, x2 = (ordered(a) if a.dtype in SIGNED else a.contiguous() for a in (x1, x2))
        if x1.dtype is torch.bool:
            x1, x2 = x1.view(torch.uint8), x2.view(torch.uint8)
        if not x1.dtype.is_floating_point:
            return torch.searchsorted(x1, x2, side=side)
        # torch compares NaNs as unequal to all; in sorted arrays they stand after infinity.
        known = end = x1.shape[0]
        if end and torch.isnan(x1[-1]):
            known -= int(torch.isnan(x1).sum())
        found = torch.searchsorted(x1[:known], x2, side=side)
        return torch.where(torch.isnan(x2), known if side == "left" else end, found)

    # Sorting and sets --------------------------------------------------------------------------------

    def sort(self, x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
        axis = _axis(axis, x.ndim)
        key = ordered(x) if x.dtype in SIGNED else x
        values = torch.sort(key, dim=axis, descending=descending, stable=stable).values
        return unordered(values, x.dtype) if x.dtype in SIGNED else values

    def argsort(self, x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
        axis = _axis(axis, x.ndim)
        key = ordered(x) if x.dtype in SIGNED else x
        return torch.sort(key, dim=axis, descending=descending, stable=stable).indices

    def _unique(self, x: Any) -> tuple[Any, Any, Any]:
        """Values in order, the stable order, and where in it a new value begins."""
        flat = x.reshape(-1)
        if x.dtype.is_complex:
            # NumPy's order: what has NaN in the imaginary part, the real one, or both comes last.
            unknown = torch.isnan(flat.real).to(torch.uint8) * 2 + torch.isnan(flat.imag)
            order = torch.argsort(flat.imag, stable=True)
            for key in (flat.real, unknown):
                order = order[torch.argsort(key[order], stable=True)]
        else:
            order = self.argsort(flat)
        values = flat[order]
        new = torch.ones_like(values, dtype=torch.bool)
        new[1:] = values[1:] != values[:-1]
        return values, order, new

    def unique_values(self, x: Any, /) -> Any:
        values, _, new = self._unique(x)
        return values[new]

    def unique_counts(self, x: Any, /) -> tuple[Any, Any]:
        values, _, new = self._unique(x)
        return values[new], _counts(new)

    def unique_inverse(self, x: Any, /) -> tuple[Any, Any]:
        values, order, new = self._unique(x)
        return values[new], _inverse(order, new, x.shape)

    def unique_all(self, x: Any, /) -> tuple[Any, Any, Any, Any]:
        values, order, new = self._unique(x)
        return values[new], order[new], _inverse(order, new, x.shape), _counts(new)

    def isin(self, x1: Any, x2: Any, /, *, invert: bool = False) -> Any:
        if x1.dtype.is_complex:
            return (x1[..., None] == x2.reshape(-1)).any(-1) ^ invert
        if x1.dtype in SIGNED:
            x1, x2 = wide(x1), wide(x2)
        elif x1.dtype is torch.bool:
            x1, x2 = x1.view(torch.uint8), x2.view(torch.uint8)
        return torch.isin(x1, x2, invert=invert)

    # Rearranging ----------------------------------------------------------------------------------------

    permute_dims = staticmethod(torch.permute)
    moveaxis = staticmethod(torch.movedim)
    broadcast_to = staticmethod(torch.broadcast_to)

    def reshape(self, x: Any, /, shape: Any, *, copy: bool | None = None) -> Any:
        if not copy:
            return torch.reshape(x, shape)
        return x.clone(memory_format=torch.contiguous_format).view(shape)

    def expand_dims(self, x: Any, /, axis: Any) -> Any:
        if isinstance(axis, int):
            return torch.unsqueeze(x, axis)
        for a in sorted(_axes(tuple(axis), x.ndim + len(axis))):
            x = torch.unsqueeze(x, a)
        return x

    def squeeze(self, x: Any, /, axis: Any) -> Any:
        axes = _axes(axis, x.ndim)
        if any(x.shape[a] != 1 for a in axes):
            raise ValueError(f"axis {axis} of shape {tuple(x.shape)} is not of length 1")
        return torch.squeeze(x, axes)

    def flip(self, x: Any, /, *, axis: Any = None) -> Any:
        axes = _axes(axis, x.ndim, strict=True)
        return bits(x).flip(axes).view(x.dtype) if x.dtype in SIGNED else x.flip(axes)

    def roll(self, x: Any, /, shift: Any, *, axis: Any = None) -> Any:
        if axis is None:
            return torch.roll(x, shift)
        axes = (axis,) if isinstance(axis, int) else tuple(axis)
        shifts = (shift,) * len(axes) if isinstance(shift, int) else tuple(shift)
        axes = axes * len(shifts) if len(axes) == 1 else axes
        return torch.roll(x, shifts, axes)

    def repeat(self, x: Any, repeats: Any, /, *, axis: Any = None) -> Any:
        if isinstance(repeats, torch.Tensor):
            repeats = repeats.to(torch.int64)
        if axis is None:
            x, axis = x.reshape(-1), 0
        if x.dtype in SIGNED:
            return torch.repeat_interleave(bits(x), repeats, axis).view(x.dtype)
        return torch.repeat_interleave(x, repeats, axis)

    def tile(self, x: Any, repetitions: Any, /) -> Any:
        return torch.tile(x, tuple(repetitions))

    def concat(self, arrays: Any, /, *, axis: Any = 0) -> Any:
        if axis is None:
            return torch.cat([a.reshape(-1) for a in arrays])
        return torch.cat(arrays, axis)

    def stack(self, arrays: Any, /, *, axis: int = 0) -> Any:
        return torch.stack(arrays, axis)

    def tril(self, x: Any, /, *, k: int = 0) -> Any:
        x = _as_matrix(x)
        return bits(x).tril(k).view(x.dtype) if x.dtype in SIGNED else torch.tril(x, k)

    def triu(self, x: Any, /, *, k: int = 0) -> Any:
        x = _as_matrix(x)
        return bits(x).triu(k).view(x.dtype) if x.dtype in SIGNED else torch.triu(x, k)

    # Indexing and casting ---------------------------------------------------------------------------------

    def take(self, x: Any, indices: Any, /, *, axis: Any = None) -> Any:
        if axis is None:
            if x.ndim != 1:
                raise ValueError(f"axis must be given for {x.ndim} axes")
            axis = 0
        x = x if x.ndim else x.reshape(1)  # as NumPy has it
        axis = _axis(axis, x.ndim)
        if indices.dtype is not torch.int64:
            indices = indices.to(torch.int64)
        return x[(slice(None),) * axis + (indices,)]

    def take_along_axis(self, x: Any, indices: Any, /, *, axis: int = -1) -> Any:
        axis = _axis(axis, x.ndim)
        indices = indices.to(torch.int64)
        n = x.shape[axis]
        wrong = (indices < -n) | (indices >= n)  # take_along_dim wraps these around
        if wrong.any():
            raise IndexError(
                f"index {indices[wrong][0].item()} is out of bounds for axis {axis} with size {n}"
            )
        indices = torch.where(indices < 0, indices + n, indices)
        try:
            if x.dtype in SIGNED:
                return torch.take_along_dim(bits(x), indices, axis).view(x.dtype)
            return torch.take_along_dim(x, indices, axis)
        except RuntimeError as error:
            raise IndexError(str(error)) from error

    def astype(self, x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
        """Mended: outside an integer's range torch's answer differs by device; here it is the
        nearest integer there is, and 0 for NaN. Complex to real is an error, not a warning."""
        if x.dtype.is_complex:
            if not dtype.is_complex and dtype is not torch.bool:
                raise TypeError("a complex array does not become real by a cast; use ut.real(x)")
        elif x.dtype.is_floating_point and dtype in INTEGERS:
            return _saturate(x.to(device), dtype)
        return x.to(dtype=dtype, copy=copy, device=device)

    # Products ----------------------------------------------------------------------------------------------

    matmul = general(torch.matmul)

    def matrix_transpose(self, x: Any, /) -> Any:
        if x.ndim < 2:
            raise ValueError(f"expected two axes or more, got {x.ndim}")
        return x.mT

    def tensordot(self, x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
        return _tensordot(x1, x2, axes)

    def vecdot(self, x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
        if x1.shape[axis] != x2.shape[axis]:
            raise ValueError(f"axis {axis}: lengths {x1.shape[axis]} and {x2.shape[axis]} differ")
        x1, x2 = torch.movedim(x1, axis, -1), torch.movedim(x2, axis, -1)
        if x1.dtype.is_complex:
            x1 = torch.conj_physical(x1)
        return self.matmul(x1[..., None, :], x2[..., None])[..., 0, 0]


_sum = torch.sum
_amax = general(torch.amax, ordered, unordered).__func__
_amin = general(torch.amin, ordered, unordered).__func__
_argmax = general(torch.argmax, ordered, as_is).__func__
_argmin = general(torch.argmin, ordered, as_is).__func__
_tensordot = general(torch.tensordot).__func__


def _as_matrix(x: Any) -> Any:
    """NumPy repeats a vector as the rows of a matrix."""
    return x.expand(x.shape[0], x.shape[0]) if x.ndim == 1 else x


def _saturate(x: Any, dtype: Any) -> Any:
    """Floats as the nearest integers of a dtype; they are cast toward 0, and NaN to 0."""
    if x.dtype.itemsize == 2:
        x = x.to(torch.float32)
    info = torch.iinfo(dtype)
    out = x.to(dtype)
    top = info.max
    if dtype in SIGNED:
        out = wide(out)
        top = -1 if dtype is torch.uint64 else top
    out = torch.where(x >= float(info.max), top, torch.where(x <= float(info.min), info.min, out))
    out = torch.where(torch.isnan(x), 0, out)
    return narrow(out, dtype) if dtype in SIGNED else out


def _inverse(order: Any, new: Any, shape: Any) -> Any:
    inverse = torch.empty_like(order)
    inverse[order] = torch.cumsum(new, 0) - 1
    return inverse.reshape(shape)


def _counts(new: Any) -> Any:
    begins = torch.nonzero(new)[:, 0]
    ends = torch.cat((begins[1:], torch.full_like(begins[:1], new.shape[0])))
    return ends - begins
