"""Samples become a batch: what is alike is stacked, whatever it is nested in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import unitensor as ut

T = ut.Tensor


class Numbers(list[Any]):
    """Python numbers on their way to become a Tensor, where default dtype and backend are known."""


def collate(samples: Sequence[Any]) -> Any:
    """A batch of samples: Tensors, arrays and numbers are stacked; dicts, tuples and dataclasses kept.

    Strings, bytes and None become lists. NumPy arrays stay so; `default_collate` makes Tensors of all.
    """
    if not samples:
        raise ValueError("collate: got no samples")
    return _collate(list(samples), "")


def _error(where: str, samples: list[Any], reason: str) -> TypeError:
    place = f" at {where}" if where else ""
    return TypeError(f"collate: samples{place} {reason}; make them alike, or give collate_fn=")


def _stack(samples: list[Any], where: str, stack: Callable[[list[Any]], Any]) -> Any:
    shapes = [tuple(s.shape) for s in samples]
    odd = next((i for i, shape in enumerate(shapes) if shape != shapes[0]), None)
    if odd is not None:
        place = f" at {where}" if where else ""
        raise ValueError(
            f"collate: samples{place} have shapes {shapes[0]} (the first) and {shapes[odd]} (number {odd}); "
            "expected one shape: pad them, or give collate_fn="
        )
    return stack(samples)


def _collate(samples: list[Any], where: str) -> Any:
    first = samples[0]
    kinds = {type(s) for s in samples}
    if isinstance(first, T):
        if kinds != {T}:
            raise _error(where, samples, f"are {_names(kinds)}")
        return _stack(samples, where, ut.stack)
    if kinds <= {bool, int, float, complex}:
        return Numbers(samples)
    if all(isinstance(s, (np.ndarray, np.generic)) for s in samples):
        return _stack([np.asarray(s) for s in samples], where, np.stack)
    if len(kinds) > 1:
        raise _error(where, samples, f"are {_names(kinds)}")
    if first is None or isinstance(first, (str, bytes)):
        return samples
    if isinstance(first, Mapping):
        for s in samples:
            if set(s) != set(first):
                raise _error(where, samples, f"have keys {list(first)} and {list(s)}")
        made = {k: _collate([s[k] for s in samples], f"{where}[{k!r}]") for k in first}
        return made if type(first) is dict else type(first)(made)  # type: ignore[call-arg]  # a dict's kin
    if isinstance(first, (tuple, list)):
        if len({len(s) for s in samples}) > 1:
            raise _error(where, samples, f"have lengths {sorted({len(s) for s in samples})}")
        parts = [_collate(list(part), f"{where}[{i}]") for i, part in enumerate(zip(*samples))]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    if dataclasses.is_dataclass(first):
        fields = [f.name for f in dataclasses.fields(first)]
        return dataclasses.replace(
            first,  # type: ignore[type-var]  # an instance: classes were no samples above
            **{k: _collate([getattr(s, k) for s in samples], f"{where}.{k}") for k in fields},
        )
    if hasattr(first, "shape") and (hasattr(first, "__dlpack__") or hasattr(first, "__array__")):
        return _stack([ut.asarray(s) for s in samples], where, ut.stack)
    raise _error(where, samples, f"are {_names(kinds)}, which cannot be stacked")


def _names(kinds: set[type]) -> str:
    return " and ".join(sorted(kind.__name__ for kind in kinds))


def as_tensors(batch: Any, device: Any = None) -> Any:
    """The arrays and numbers of a batch as Tensors, on a device, or the current backend's."""
    if isinstance(batch, T):
        return batch if device is None else batch.to(device=device)
    if isinstance(batch, (np.ndarray, np.generic)):
        return ut.asarray(batch, device=device)
    if isinstance(batch, Numbers):
        return ut.asarray(list(batch), device=device)
    if isinstance(batch, dict):
        made = {k: as_tensors(v, device) for k, v in batch.items()}
        return made if type(batch) is dict else type(batch)(made)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(as_tensors(v, device) for v in batch))
    if isinstance(batch, (tuple, list)):
        return type(batch)(as_tensors(v, device) for v in batch)
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        fields = [f.name for f in dataclasses.fields(batch)]
        return dataclasses.replace(batch, **{k: as_tensors(getattr(batch, k), device) for k in fields})
    return batch


def default_collate(samples: Sequence[Any]) -> Any:
    """A batch of Tensors of samples, however they are nested.

    >>> from unitensor.data import default_collate
    >>> batch = default_collate([{"x": 1.0, "name": "a"}, {"x": 2.0, "name": "b"}])
    >>> batch["x"].tolist(), batch["name"]
    ([1.0, 2.0], ['a', 'b'])
    """
    return as_tensors(collate(samples))
