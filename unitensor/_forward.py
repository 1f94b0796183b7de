"""Forward mode: the tangent of an op's result from the tangents of its inputs.

Element-wise ops use their gradient rules, linear ops use themselves, the rest declare `jvp`.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from ._graph import Dual, GradientError, levels, output_nodes
from ._holding import borrow
from ._modes import Mode
from ._op import Op, Rule, scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._tensor import Tensor

_next_level = count(1).__next__


class Level(Mode):
    """One forward pass: Tensors made dual at this level carry its tangents."""

    variable = levels

    def __init__(self) -> None:
        self.number = _next_level()
        super().__init__(self.number)

    def dual(self, x: Tensor, tangent: Tensor) -> Tensor:
        """A Tensor with the value and history of x, and a tangent."""
        return borrow(x, Dual(self.number, x._node, tangent))

    def split(self, y: Tensor) -> tuple[Tensor, Tensor | None]:
        """The value and the tangent (None if it is zero) of a result."""
        node = y._node
        if type(node) is Dual and node.level == self.number:
            return scope["wrap"](y._data, y._xp, node.node), node.tangent
        return y, None


def tangent(
    op: Op,
    xp: Any,
    env: dict[str, Any],
    nodes: Sequence[Any],
    tangents: Sequence[Any],
    out: Any,
    node: Any,
) -> Any:
    """The tangent of a result (of each, if the op has several); None if it is zero."""
    wrap = scope["wrap"]
    if not op.differentiable:
        return None
    if op.sequence:
        arrays = [wrap(a, xp, n) for a, n in zip(env["arrays"], nodes)]
        filled = [scope["tensors"].zeros_like(a) if t is None else t for a, t in zip(arrays, tangents)]
        return _call(op, {**env, "arrays": filled})
    values = {
        name: (None if env[name] is None else wrap(env[name], xp, n)) for name, n in zip(op.inputs, nodes)
    }
    if op.outputs is None:
        values["out"] = wrap(out, xp, node)
    else:
        values["out"] = tuple(wrap(a, xp, p) for a, p in zip(out, output_nodes(node, xp, out)))
    total = None
    for i, name in enumerate(op.inputs):
        t = tangents[i]
        rule = op.rules[i]
        if t is None or rule is None:
            continue
        if name in op.jvp:
            part = _apply(op.jvp[name], values, env, t, i)
        elif op.linear:
            part = _call(op, {**env, **{k: v for k, v in values.items() if k != "out"}, name: t})
        elif op.elementwise:
            part = _apply(rule, values, env, t, i)
        else:
            raise GradientError(
                f"{op.path}: has no forward rule for {name}; use reverse mode: ut.grad or ut.vjp"
            )
        total = part if total is None else _add(total, part)
    if total is None or op.outputs is not None:
        return total
    if total.shape != tuple(out.shape):
        total = scope["tensors"].broadcast_to(total, tuple(out.shape))
    if total.dtype != xp.backend.dtype_of(out):
        total = scope["tensors"].astype(total, xp.backend.dtype_of(out))
    return total


def _add(a: Any, b: Any) -> Any:
    if type(a) is tuple:
        return tuple(p if q is None else q if p is None else p + q for p, q in zip(a, b))
    return a + b


def _call(op: Op, values: dict[str, Any]) -> Any:
    args = [values[p] for p in op.positional]
    return op.function(*args, **{p: values[p] for p in op.keyword_only})


def _apply(rule: Rule, values: dict[str, Any], env: dict[str, Any], t: Tensor, i: int) -> Any:
    named = []
    for need in rule.needs:
        if need in values:
            named.append(values[need])
        elif need in env:
            named.append(env[need])
        elif need == "i":
            named.append(i)
        else:
            array, _, fact = need.rpartition("_")
            named.append(getattr(env[array], fact))
    return rule.formula(scope["tensors"], t, *named)


scope["tangent"] = tangent
