"""`backward`: from a Tensor to the gradients of the leaves it was computed from; hooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _graph
from ._backend import backend_of, load_backend
from ._dtypes import complex_dtype
from ._errors import describe
from ._graph import LEAF, Dual, GradientError, new_seq
from ._op import scope
from ._pass import apply_recorded, propagate

if TYPE_CHECKING:
    from ._tensor import Tensor


def surface(xp: Any, g: Any) -> Any:
    """Between the plain transpose used inside and the gradient users see: its conjugate."""
    return xp.conj(g) if complex_dtype(g.dtype) else g


def cotangent(y: Tensor, g: Tensor | None, what: str) -> Tensor:
    """The cotangent to start from: the one given, checked, or 1 for a single element."""
    if y._node is None:
        raise GradientError(
            f"{what}: the Tensor has no graph: no leaf with requires_grad=True went into it, "
            "or it was computed under no_grad or detached"
        )
    if g is None:
        if y._data.shape != () and y.size != 1:
            raise GradientError(
                f"{what}: shape {y.shape} has {y.size} elements; pass the cotangent: "
                "y.backward(ut.ones_like(y)), or reduce to a scalar first: y.sum()"
            )
        return scope["wrap"](y._xp.ones_like(y._data), y._xp, None)  # type: ignore[no-any-return]  # untyped
    if g._xp is not y._xp or g._data.shape != y._data.shape:
        raise GradientError(
            f"{what}: the cotangent is {describe(g)} on {g.backend!r}; "
            f"expected shape {y.shape} on {y.backend!r}"
        )
    if g._data.dtype != y._data.dtype:
        g = g.astype(y.dtype)
    return surface(scope["tensors"], g)  # type: ignore[no-any-return]


def carry(
    ys: Sequence[Tensor], gs: Sequence[Tensor], *, keep: bool, recorded: bool, limit: int = 0
) -> dict[int, tuple[list[Any], Tensor]]:
    """Run the pass from Tensors and cotangents; the leaves' cotangents come back as Tensors."""
    xp: Any = ys[0]._xp
    if recorded:
        roots = [(y._node, g) for y, g in zip(ys, gs)]
        return propagate(roots, scope["tensors"], keep=True, limit=limit, apply=apply_recorded)
    if _mixed:
        xp = MixedNamespace()
    found = propagate([(y._node, g._data) for y, g in zip(ys, gs)], xp, keep=keep, limit=limit)
    wrap = scope["wrap"]
    for s, (node, g) in found.items():
        home = xp
        if _mixed:
            home = node[2] if node[3] is LEAF else namespace_of(g)
        found[s] = node, wrap(home.as_array(g), home, None)
    return found


def backward(
    ys: Sequence[Tensor],
    gs: Sequence[Tensor | None],
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Add the gradients of some Tensors, weighted by cotangents, to the leaves' `grad`."""
    starts = [cotangent(y, g, "backward") for y, g in zip(ys, gs)]
    for y in ys:
        if type(y._node) is Dual:
            raise GradientError("backward inside jvp: use ut.grad, ut.vjp or ut.hvp there")
    keep = create_graph if retain_graph is None else retain_graph
    leaves = carry(ys, starts, keep=keep, recorded=create_graph)
    seen = {id(s._data) for s in starts}
    with _graph._lock:
        for node, g in leaves.values():
            xp = g._xp
            if complex_dtype(g._data.dtype):
                g = scope["tensors"].conj(g)
            if len(node) > 5:
                for hook in node[5:]:
                    g = hook.shown(g)
            if node[4] is None:
                # Two leaves, or a leaf and the caller, must not share one array.
                if id(g._data) in seen or xp.backend.is_view(g._data):
                    g = scope["wrap"](xp.asarray(g._data, copy=True), xp, g._node)
                seen.add(id(g._data))
                node[4] = g
            else:
                node[4] = node[4] + g


# Nodes that are not ops ----------------------------------------------------------------------------


class Hook:
    """A function of a Tensor's gradient; `remove()` takes it off."""

    def __init__(self, function: Callable[[Tensor], Tensor | None]) -> None:
        self._function: Callable[[Tensor], Tensor | None] | None = function

    def remove(self) -> None:
        """Call the function no more."""
        self._function = None

    def shown(self, g: Tensor) -> Tensor:
        """What takes the place of a gradient."""
        seen = None if self._function is None else self._function(g)
        if seen is None:
            return g
        if not isinstance(seen, scope["Tensor"]) or seen.shape != g.shape or seen._xp is not g._xp:
            raise GradientError(
                f"hook: returned {describe(seen)}; expected None or a Tensor like the gradient, {describe(g)}"
            )
        return seen if seen.dtype == g.dtype else seen.astype(g.dtype)  # type: ignore[no-any-return]  # untyped


def hook_rule(xp: Any, g: Any, residual: Any) -> Any:
    """Show a cotangent to a user's function, and take what it returns instead."""
    hook, owner = residual
    tensors = scope["tensors"]
    recorded = isinstance(g, scope["Tensor"])
    wrapped = surface(tensors, g if recorded else scope["wrap"](g, owner, None))
    seen = surface(tensors, hook.shown(wrapped))
    return seen if recorded else seen._data


def add_hook(x: Tensor, function: Callable[[Tensor], Tensor | None]) -> Hook:
    """Put a hook between a Tensor and what is computed from it from now on; on a leaf, before `grad`."""
    node = x._node
    if node is None:
        raise GradientError("register_hook: the Tensor does not require a gradient")
    hook = Hook(function)
    if type(node) is Dual:
        raise GradientError(
            "register_hook: forward mode has no hooks, nor have hvp and hessian, which use it"
        )
    if node[3] is LEAF:
        node.append(hook)
    else:
        x._node = [new_seq(), node[1], "hook", 0, node, hook_rule, (hook, x._xp)]
    return hook


def move_rule(xp: Any, g: Any, residual: Any) -> Any:
    """Carry a cotangent back to the backend and device its input came from."""
    source, target = residual
    if isinstance(g, scope["Tensor"]):
        return g.to(source)
    moved = scope["wrap"](g, target, None).to(source)
    return moved._data


def move_node(x: Tensor, out: Tensor) -> list[Any]:
    """The node of a Tensor moved from another device or backend."""
    if x._xp is not out._xp:
        _mixed.append(True)
    meta = (out._data.shape, out._data.dtype)
    return [new_seq(), meta, "to", 0, x._node, move_rule, (x.device, out._xp)]


# Graphs over several backends -------------------------------------------------------------------------

#: Not empty once a recorded Tensor has moved between backends: passes then look at each array.
_mixed: list[bool] = []


def namespace_of(a: Any) -> Any:
    """The namespace of an engine array; NumPy's functions return scalars, too."""
    backend = load_backend("numpy") if isinstance(a, np.generic) else backend_of(a)
    if backend is None:
        raise TypeError(f"no backend knows {type(a).__name__}")
    return backend.namespace


class MixedNamespace:
    """A namespace that asks, at each call, which engine the arrays are of."""

    def __init__(self, module: str = "") -> None:
        self.module = module
        if not module:
            self.linalg = MixedNamespace("linalg")
            self.fft = MixedNamespace("fft")
            self.special = MixedNamespace("special")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            first = next(
                a for a in (*args, *options.values()) if hasattr(a, "dtype") or isinstance(a, (list, tuple))
            )
            if isinstance(first, (list, tuple)):
                first = next(a for a in first if a is not None)
            xp = namespace_of(first)
            return getattr(getattr(xp, self.module) if self.module else xp, name)(*args, **options)

        return call

    def isdtype(self, dtype: Any, kind: Any) -> bool:
        """Whether an engine's dtype is of a kind."""
        from ._ops.data_types import isdtype

        return isdtype(dtype, kind)
