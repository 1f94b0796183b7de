"""`backward`: from a Tensor to the gradients of the leaves it was computed from; hooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import ref

from . import _graph
from ._dtypes import complex_dtype
from ._errors import describe
from ._graph import CROSSES, LEAF, SHOWS, Dual, GradientError, name_of, new_seq, require_live
from ._modes import enable_grad
from ._op import scope
from ._ops.limits import LimitError
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
        if complex_dtype(y._data.dtype):
            require_real(y, what)
        return scope["wrap"](y._xp.ones_like(y._data), y._xp, None)  # type: ignore[no-any-return]  # untyped
    if g._xp is not y._xp or g._data.shape != y._data.shape:
        raise GradientError(
            f"{what}: the cotangent is {describe(g)} on {g.backend!r}; "
            f"expected shape {y.shape} on {y.backend!r}"
        )
    if g._data.dtype != y._data.dtype:
        g = g.astype(y.dtype)
    return surface(scope["tensors"], g)  # type: ignore[no-any-return]


def require_real(y: Tensor, what: str) -> None:
    """Refuse a complex loss, which has no direction of steepest ascent."""
    if complex_dtype(y._data.dtype):
        raise GradientError(
            f"{what}: the result is {describe(y)}, and only a real number has a gradient; "
            "use ut.real(y), ut.abs(y) or ut.jacobian, or pass the cotangent"
        )


def carry(
    ys: Sequence[Tensor], gs: Sequence[Tensor], *, keep: bool, recorded: bool, limit: int = 0
) -> dict[int, tuple[list[Any], Tensor]]:
    """Run the pass from Tensors and cotangents; the leaves' cotangents come back as Tensors.

    Each has memory of its own, which neither the caller's cotangents nor the user's hooks and rules know.
    """
    xp: Any = ys[0]._xp
    shown: dict[int, Any] = {}
    if recorded:
        roots = [(y._node, g) for y, g in zip(ys, gs)]
        reached = propagate(
            roots, scope["tensors"], keep=True, limit=limit, apply=apply_recorded, shown=shown
        )
    else:
        data = [(y._node, g._data) for y, g in zip(ys, gs)]
        try:
            reached = propagate(data, xp, keep=keep, limit=limit, shown=shown)
        except LimitError:
            # Second derivatives tell: those of a pass that records itself. Hooks see both passes.
            shown.clear()
            roots = [(y._node, g.detach()) for y, g in zip(ys, gs)]
            with enable_grad():
                reached = propagate(
                    roots, scope["tensors"], keep=keep, limit=limit, apply=apply_recorded, shown=shown
                )
    given = {id(gs[0]._data)} if len(gs) == 1 else {id(g._data) for g in gs}
    wrap = scope["wrap"]
    for s, (node, g) in reached.items():
        if type(g) is xp.array:
            if shown or id(g) in given or xp.backend.is_view(g):
                g = xp.asarray(g, copy=True) if xp.backend.mutable else g
            given.add(id(g))
            g = wrap(g, xp, None)
        elif recorded and type(g) is not tuple:
            g = own_memory(g, given, shown)
        elif isinstance(g, scope["Tensor"]):  # of a pass over several engines
            g = own_memory(wrap(g._data, g._xp, None), given, shown)
        elif type(g) is not tuple:
            g = wrap(xp.as_array(g), xp, None)
        else:  # of an older op with several results, which nobody asks for
            continue
        meta = node[1]
        if meta is not None and g._data.dtype is not meta[1] and g._data.dtype != meta[1]:
            raise GradientError(
                f"the gradient of `{name_of(node)}` is {g.dtype}, of another kind than its value: a rule is "
                "wrong; run the program inside ut.detect_anomaly() to see which"
            )
        reached[s] = node, g
    return reached


def own_memory(g: Tensor, given: set[int], known: Any) -> Tensor:
    """A gradient to hand out, apart where somebody else may have its memory; `given` grows by its array.

    `known` says that the user's code saw what it was made of.
    """
    xp = g._xp
    is_view = getattr(g, "_base", None) is not None or xp.backend.is_view(g._data)
    if known or is_view or id(g._data) in given:
        g = scope["wrap"](xp.asarray(g._data, copy=True) if xp.backend.mutable else g._data, xp, g._node)
    given.add(id(g._data))
    return g


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
    found = []
    for node, g in leaves.values():
        if complex_dtype(g._data.dtype):
            g = scope["tensors"].conj(g)
        if len(node) > 5:
            for hook in node[5:]:
                g = hook.shown(g)
            g = own_memory(g, set(), True)
        found.append((node, g))
    # All or nothing: no hook runs from here on.
    with _graph._lock:
        for i, (node, g) in enumerate(found):
            if node[4] is not None:
                found[i] = node, node[4] + g
        for node, g in found:
            node[4] = g


# Nodes that are not ops ----------------------------------------------------------------------------


class Hook:
    """A function of a Tensor's gradient; `remove()` takes it off."""

    def __init__(self, function: Callable[[Tensor], Tensor | None], x: Tensor) -> None:
        self._function: Callable[[Tensor], Tensor | None] | None = function
        self._node: Any = x._node if x._node[3] is LEAF else None
        self._tensor = None if x._node[3] is LEAF else ref(x)

    def remove(self) -> None:
        """Call the function no more."""
        self._function = None
        with _graph._lock:
            if self._node is not None:
                node, self._node = self._node, None
                node[5:] = [hook for hook in node[5:] if hook is not self]
            elif self._tensor is not None:
                x, self._tensor = self._tensor(), None
                if x is not None and type(x._node) is list and x._node[3] is SHOWS and x._node[6][0] is self:
                    x._node = x._node[4]

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
    if type(node) is Dual:
        raise GradientError(
            "register_hook: forward mode has no hooks, nor have hvp and hessian, which use it"
        )
    hook = Hook(function, x)
    if node[3] is LEAF:
        node.append(hook)
    else:
        x._node = [new_seq(), node[1], "hook", SHOWS, node, hook_rule, (hook, x._xp)]
    return hook


def move_rule(xp: Any, g: Any, residual: Any) -> Any:
    """Carry a cotangent back to the backend and device its input came from."""
    source, target = residual
    if isinstance(g, scope["Tensor"]):
        return g.to(source)
    moved = scope["wrap"](target.as_array(g), target, None).to(source)
    return moved._data


def moved_node(x: Tensor, out: Tensor) -> Any:
    """The node of a Tensor moved from another device or backend; a tangent moves along."""
    node = x._node
    if type(node) is Dual:
        require_live(node.level)
        below = None if node.node is None else moved_node(scope["wrap"](x._data, x._xp, node.node), out)
        return Dual(node.level, below, node.tangent.to(out.device))
    meta = (out._data.shape, out._data.dtype)
    state = 0 if x._xp is out._xp else CROSSES
    return [new_seq(), meta, "to", state, node, move_rule, (x.device, out._xp)]
