"""einops' functions on Tensors: a backend of its own kind, registered whichever is imported first.

einops finds a backend among the subclasses of a class of its own, so that one must be defined once
einops is there, and not before: unitensor never imports einops.
"""

from __future__ import annotations

import math
import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from ._tensor import Tensor

MODULE = "einops._backends"


def register(backends: ModuleType) -> None:
    """Define einops' backend for Tensors."""
    import unitensor as ut

    class UnitensorBackend(backends.AbstractBackend):  # type: ignore[misc,name-defined]  # einops is untyped
        framework_name = "unitensor"

        def is_appropriate_type(self, tensor: Any) -> bool:
            return isinstance(tensor, Tensor)

        def from_numpy(self, x: Any) -> Tensor:
            return ut.asarray(x)

        def to_numpy(self, x: Tensor) -> Any:
            return x.numpy()

        def arange(self, start: int, stop: int) -> Tensor:
            return ut.arange(start, stop)

        def stack_on_zeroth_dimension(self, tensors: list[Tensor]) -> Tensor:
            return ut.stack(tensors)

        def add_axis(self, x: Tensor, new_position: int) -> Tensor:
            return ut.expand_dims(x, axis=new_position)

        def tile(self, x: Tensor, repeats: tuple[int, ...]) -> Tensor:
            return ut.tile(x, repeats)

        def concat(self, tensors: list[Tensor], axis: int) -> Tensor:
            return ut.concat(tensors, axis=axis)

        def is_float_type(self, x: Tensor) -> bool:
            return x.dtype.kind in "fcV"

        def einsum(self, pattern: str, *x: Tensor) -> Tensor:
            return einsum(pattern, *x)

    # A class is found as long as it lives.
    UnitensorBackend.__module__ = __name__
    globals()["UnitensorBackend"] = UnitensorBackend


def einsum(pattern: str, *operands: Tensor) -> Tensor:
    """Sums of products as NumPy's `einsum` writes them, one operand joined after the other.

    >>> import unitensor as ut
    >>> einsum("ij,jk->ik", ut.ones((2, 3)), ut.ones((3, 4))).shape
    (2, 4)
    """
    import unitensor as ut

    inputs, _, output = pattern.replace(" ", "").partition("->")
    names = inputs.split(",")
    joined, left = _diagonals(operands[0], names[0])
    for i, (x, right) in enumerate(zip(operands[1:], names[1:])):
        x, right = _diagonals(x, right)
        wanted = set(output).union(*names[i + 2 :])
        joined, left = _product(joined, left, x, right, wanted)
    extra = tuple(i for i, name in enumerate(left) if name not in output)
    if extra:
        joined = ut.sum(joined, axis=extra, dtype=joined.dtype)
        left = "".join(name for name in left if name in output)
    return ut.permute_dims(joined, tuple(left.index(name) for name in output))


def _diagonals(x: Tensor, names: str) -> tuple[Tensor, str]:
    """An operand whose repeated names have become one axis each."""
    import unitensor as ut

    for name in set(names):
        while names.count(name) > 1:
            first = names.index(name)
            second = names.index(name, first + 1)
            x = ut.moveaxis(x, (first, second), (-2, -1))
            x = ut.linalg.diagonal(x)
            names = names[:first] + names[first + 1 : second] + names[second + 1 :] + name
    return x, names


def _product(x: Tensor, left: str, y: Tensor, right: str, wanted: set[str]) -> tuple[Tensor, str]:
    """Two operands as one: a product of matrices, summed over what nobody wants any more."""
    import unitensor as ut

    shared = [n for n in left if n in right]
    batch = [n for n in shared if n in wanted]
    summed = [n for n in shared if n not in wanted]
    rows = [n for n in left if n not in right]
    columns = [n for n in right if n not in left]

    def arranged(a: Tensor, names: str, *groups: list[str]) -> Tensor:
        sizes = dict(zip(names, a.shape))
        a = ut.permute_dims(a, tuple(names.index(n) for group in groups for n in group))
        products = (math.prod(sizes[n] for n in group) for group in groups[1:])
        return ut.reshape(a, (*(sizes[n] for n in batch), *products))

    lengths = dict(zip(left, x.shape)) | dict(zip(right, y.shape))
    made = ut.matmul(arranged(x, left, batch, rows, summed), arranged(y, right, batch, summed, columns))
    names = batch + rows + columns
    return ut.reshape(made, tuple(lengths[n] for n in names)), "".join(names)


class _WhenImported:
    """Registers the backend as soon as somebody imports einops."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            register(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # this loader runs once
        return spec


if MODULE in sys.modules:
    register(sys.modules[MODULE])
else:
    sys.meta_path.insert(0, _WhenImported())
