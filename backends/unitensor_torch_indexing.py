"""NumPy's indexing on torch: negative steps, integers among arrays, repeated indices."""

from __future__ import annotations

import math
from typing import Any

import torch
from unitensor_torch_unsigned import SIGNED, bits

from unitensor import Backend

BASIC = frozenset({int, slice, type(None), type(Ellipsis)})


def is_basic(key: Any) -> bool:
    """Whether a key selects by integers, slices, None and `...` alone."""
    return BASIC.issuperset(map(type, key)) if type(key) is tuple else type(key) in BASIC


def read(x: Any, key: Any) -> Any:
    """x[key] for any key of NumPy's."""
    if is_basic(key):
        try:
            return x[key]
        except ValueError:  # a negative step
            return _read_reversed(x, key)
    if type(key) is torch.Tensor and key.ndim and (key.dtype is torch.int64 or _covers(key, x)):
        return x[key]
    if _divided(x, key):
        return _read_divided(x, key)
    key, scalar = prepare(x, key)
    if any(type(part) is slice and (part.step or 1) < 0 for part in key):
        x, key = _reverse(x, key)
    r = x[key]
    return r.clone() if scalar else r


def _covers(key: Any, x: Any) -> bool:
    return key.dtype is torch.bool and key.shape == x.shape[: key.ndim]


def prepare(x: Any, key: Any) -> tuple[tuple[Any, ...], bool]:
    """A key with arrays as torch needs it: full length, and int64 or boolean arrays.

    NumPy broadcasts integers against index arrays, while torch would select by them first; an
    axis of length 1 makes them arrays. The flag says that the key has no array but 0-d integers,
    so that torch would return a view.
    """
    parts = list(key) if type(key) is tuple else [key]
    for i, part in enumerate(parts):
        if isinstance(part, torch.Tensor) and part.dtype is not torch.bool:
            parts[i] = part.to(torch.int64)
    advanced = any(
        type(p) is bool or (isinstance(p, torch.Tensor) and (p.ndim or p.dtype is torch.bool)) for p in parts
    )
    if advanced:
        for i, part in enumerate(parts):
            if type(part) is int:
                parts[i] = torch.tensor([part], device=x.device)
            elif type(part) is bool:
                parts[i] = torch.tensor(part, device=x.device)
            elif isinstance(part, torch.Tensor) and not part.ndim and part.dtype is torch.int64:
                parts[i] = part.reshape(1)
    used = sum(_consumed(part) for part in parts)
    if used > x.ndim:
        raise IndexError(f"too many indices: {used} given for {x.ndim} axes")
    if Ellipsis in [p for p in parts if not isinstance(p, torch.Tensor)]:
        at = next(i for i, p in enumerate(parts) if p is Ellipsis)
        parts[at : at + 1] = [slice(None)] * (x.ndim - used)
    else:
        parts += [slice(None)] * (x.ndim - used)
    if any(p is Ellipsis for p in parts):
        raise IndexError("an index can only have a single ellipsis ('...')")
    return tuple(_without_empty_masks(x, parts) if advanced else parts), not advanced


def _divided(x: Any, key: Any) -> bool:
    """Whether a `...` that stands for no axis divides arrays: NumPy puts their axes first then, torch does not."""
    if type(key) is not tuple or Ellipsis not in [p for p in key if not isinstance(p, torch.Tensor)]:
        return False
    chosen = [isinstance(part, torch.Tensor) or type(part) in (int, bool) for part in key]
    at = _dots(key)
    return any(chosen[:at]) and any(chosen[at:]) and sum(map(_consumed, key)) == x.ndim


def _dots(key: Any) -> int:
    return next(i for i, part in enumerate(key) if part is Ellipsis)


def _read_divided(x: Any, key: Any) -> Any:
    """The `...` stands for one axis of length 1, which is taken away again."""
    at = _dots(key)
    r = read(x.unsqueeze(sum(map(_consumed, key[:at]))), key)
    return r.squeeze(-1 - sum(type(part) is slice or part is None for part in key[at:]))


def _without_empty_masks(x: Any, parts: list[Any]) -> list[Any]:
    """Masks without elements as empty index arrays: an axis of theirs may be shorter than x's."""
    out: list[Any] = []
    axis = 0
    for part in parts:
        n = _consumed(part)
        mask = isinstance(part, torch.Tensor) and part.dtype is torch.bool and n and not part.numel()
        if mask and all(m in (0, k) for m, k in zip(part.shape, x.shape[axis : axis + n])):
            out += [torch.empty(0, dtype=torch.int64, device=x.device)] * n
        else:
            out.append(part)
        axis += n
    return out


def _consumed(part: Any) -> int:
    if isinstance(part, torch.Tensor):
        return part.ndim if part.dtype is torch.bool else 1
    return 1 if type(part) in (int, slice) else 0


def _forward(part: slice, n: int) -> slice:
    """The elements of a slice with negative step, in rising order."""
    chosen = range(n)[part][::-1]
    return slice(chosen.start, chosen.stop, chosen.step) if chosen else slice(0, 0)


def _read_reversed(x: Any, key: Any) -> Any:
    """A basic key with negative steps: read in rising order, then flip."""
    parts, _ = prepare(x, key)
    axis, out_axis, flips, plain = 0, 0, [], []
    for part in parts:
        if type(part) is slice and (part.step or 1) < 0:
            part = _forward(part, x.shape[axis])
            flips.append(out_axis)
        plain.append(part)
        axis += _consumed(part)
        out_axis += type(part) is not int
    r = x[tuple(plain)]
    return bits(r).flip(flips).view(r.dtype) if r.dtype in SIGNED else r.flip(flips)


def _reverse(x: Any, key: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """Slices with negative steps applied to x, and the rest of the key."""
    before: list[Any] = []
    after: list[Any] = []
    for part in key:
        if type(part) is slice and (part.step or 1) < 0:
            before.append(part)
            after.append(slice(None))
        else:
            before += [slice(None)] * _consumed(part)
            after.append(part)
    return _read_reversed(x, tuple(before)), tuple(after)


def positions(x: Any, key: Any) -> Any:
    """Where in the flattened array the elements are that a key selects."""
    return read(torch.arange(math.prod(x.shape), device=x.device).reshape(x.shape), key)


def overlaps_itself(a: Any) -> bool:
    """Whether several elements lie in one place, as `expand` and `as_strided` make them."""
    reach = 1
    for n, step in zip(reversed(a.shape), reversed(a.stride())):
        if n == 1:
            continue
        if step < reach:
            break
        reach = step * n
    else:
        return False  # each step is longer than all that lies within it, as in most slices
    if (known := torch._debug_has_internal_overlap(a)) < 2:  # which gives 2 where it does not know
        return bool(known)
    return Backend.overlapping(tuple(a.shape), a.stride())


def _meets(a: Any, b: Any) -> bool:
    """Whether two tensors may share memory, which torch does not see where it got that from NumPy twice."""
    start, other = a.data_ptr(), b.data_ptr()
    if a.is_contiguous() and b.is_contiguous():
        return bool(other < start + a.nbytes and start < other + b.nbytes)
    x, y = a.untyped_storage(), b.untyped_storage()
    start, other = x.data_ptr(), y.data_ptr()
    return bool(start == other or (other < start + x.nbytes() and start < other + y.nbytes()))


def write(a: Any, key: Any, value: Any) -> Any:
    """a[key] = value, also where both share memory."""
    if not a.is_contiguous() and overlaps_itself(a):
        raise ValueError("several elements lie in one place of memory; write to a copy: x.clone()")
    if _meets(a, value):
        value = value.clone()
    if is_basic(key):
        try:
            a[key] = value
            return a
        except ValueError as error:
            if "step" not in str(error):
                raise
    target, source = (bits(a), bits(value)) if a.dtype in SIGNED else (a, value)
    parts, scalar = prepare(a, key)
    if scalar or _divided(a, key) or any(type(part) is slice and (part.step or 1) < 0 for part in parts):
        where = positions(a, key)
        target.put_(
            where, source.reshape(source.shape[-where.ndim :] if where.ndim else ()).expand(where.shape)
        )
    else:
        target[parts] = source
    return a


def add(a: Any, key: Any, value: Any) -> Any:
    """a with value added at key, repeated indices included."""
    target, source = (bits(a), bits(value)) if a.dtype in SIGNED else (a, value)
    parts = key if type(key) is tuple else (key,)
    if any(type(part) is slice and (part.step or 1) < 0 for part in parts):
        return _add_anywhere(a, key, target, source)
    if is_basic(key):
        if target.is_complex():
            # By parts: torch multiplies source by 1 + 0j first, which makes NaN of infinities.
            torch.view_as_real(target[key]).add_(torch.view_as_real(source.to(target.dtype).resolve_conj()))
        else:
            target[key].add_(source)
        return a
    parts, _ = prepare(a, key)
    if _divided(a, key) or any(isinstance(p, torch.Tensor) and not p.ndim for p in parts):
        return _add_anywhere(a, key, target, source)
    plain: list[Any] = []
    indices: list[Any] = []
    for part in parts:
        array = isinstance(part, torch.Tensor)
        plain += [slice(None)] * _consumed(part) if array else [part]
        indices.append(part if array else None)
    torch.ops.aten.index_put_(target[tuple(plain)], indices, source, True)
    return a


def _add_anywhere(a: Any, key: Any, target: Any, source: Any) -> Any:
    where = positions(a, key)
    target.reshape(-1).index_add_(0, where.reshape(-1), source.expand(where.shape).reshape(-1))
    return a
