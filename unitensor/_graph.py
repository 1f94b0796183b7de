"""The graph: recording what was done; `_pass.py` goes back over it.

A node is a list, the fastest thing Python builds:

    [sequence number, (shape, dtype), op, state, parent, rule, residual, parent, rule, residual, ...]

with one edge of three items an input, all None where no gradient is asked: the parent's cotangent
is `rule(xp, g, residual)`, or `g` itself if the rule is None. The items lie side by side because
the garbage collector visits each container that is alive. The state is 0; SELECTS where the op
selects (`where`, indexing, `maximum`), so that its zeros mean "not selected"; SHOWS where the rule
shows the cotangent to the user's code (a hook, a custom rule); CROSSES where it goes on to another
engine; these are bits. FREED once the node was consumed; LEAF in a leaf, which has its namespace in
place of the op, and goes on with its gradient and hooks in place of edges.

Nodes point at parents only, so there are no cycles, and a parent is always older than its
children: going from new to old by sequence number visits each node after all that it feeds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from itertools import accumulate as accumulate_sums, count
from math import prod
from typing import TYPE_CHECKING, Any

from ._dtypes import as_dtype, is_complex, is_inexact
from ._modes import Chain, is_grad_enabled, values
from ._op import Op, Rule, same, scope

if TYPE_CHECKING:
    from ._tensor import Tensor

new_seq = count(1).__next__
LEAF = "leaf"
FREED = "freed"
SELECTS = 1
SHOWS = 2
CROSSES = 4
NO_EDGE = (None, None, None)

_lock = threading.RLock()

#: Inside `detect_anomaly`: what says where an op is called, and what runs an edge's rule.
anomaly: ContextVar[Chain] = ContextVar("unitensor_anomaly", default=None)

#: The forward passes that run here, by number.
levels: ContextVar[Chain] = ContextVar("unitensor_levels", default=None)

#: When and where a piece of memory was last written to, and when any was.
stamps: dict[Any, Any] = {}
scope["last_write"] = 0


#: Ops whose first or second derivative may be a limit, for which the whole graph is gone over again.
LIMITS = frozenset(
    {"abs", "hypot", "linalg.eigh", "linalg.matrix_norm", "linalg.svd", "linalg.vector_norm", "std"}
)
#: Whether a derivative that may be a limit was ever recorded: from then on passes free a graph at their end.
scope["limits"] = False


class GradientError(RuntimeError):
    """A gradient that cannot be had; the message says why."""


def watch() -> tuple[Callable[[], str], Callable[..., Any]] | None:
    """What `detect_anomaly` brought, if its mode is entered here."""
    return None if anomaly.get() is None else next(values(anomaly), None)


# Recording ---------------------------------------------------------------------------------


class Dual:
    """What stands in a Tensor's node while forward mode runs: the inner node and a tangent.

    Each forward pass has a level of its own; one that began inside another has the higher number.
    """

    __slots__ = ("level", "node", "tangent")

    def __init__(self, level: int, node: Any, tangent: Tensor) -> None:
        self.level = level
        self.node = node
        self.tangent = tangent

    def __getitem__(self, item: object) -> Any:
        raise stale()


def stale() -> GradientError:
    """The error of a Tensor that a forward pass left behind."""
    return GradientError(
        "a Tensor of a finished `jvp`, or of one in another thread, was used; "
        "return it from the function, or use .detach() of it"
    )


def require_live(level: int) -> None:
    """Refuse a tangent of a forward pass that does not run here."""
    chain = levels.get()
    if chain is not None and chain[1] == level and chain[0]() is not None:
        return
    if level not in values(levels):
        raise stale()


#: The latest (shape, dtype) of leaves: where it is one object, wrappers need not compare it.
_metas: dict[Any, Any] = {}


def new_leaf(xp: Any, shape: tuple[int, ...], dtype: Any) -> list[Any]:
    """The node of a Tensor whose gradient is asked for."""
    meta = tuple(shape), dtype
    if len(_metas) > 1000:
        _metas.clear()
    return [new_seq(), _metas.setdefault((xp, *meta), meta), xp, LEAF, None]


def record(op: Op, xp: Any, env: dict[str, Any], nodes: Iterable[Any], out: Any) -> Any:
    """The node of a result, by the op's rules; None where nothing is to be recorded."""
    nodes = tuple(nodes)
    place = None
    if op.outputs is None and not is_inexact(xp.backend.dtype_of(out)):
        return None
    if scope["special"]:
        if not is_grad_enabled():
            return None
        if any(type(n) is Dual for n in nodes):
            return _record_dual(op, xp, env, nodes, out)
        if (watching := watch()) is not None:
            place = watching[0]()
    meta: Any = (out.shape, out.dtype) if op.outputs is None else None
    made: list[Any] = [0, meta, op, SELECTS if op.selects else 0]
    for i, node in enumerate(nodes):
        rule = op.rules[0 if op.sequence else i]
        if node is None or rule is None:
            made += NO_EDGE
            continue
        call = None if rule.formula is same else rule.call
        residual = _residual(rule, env, out, i)
        if meta is not None and (node[1][1] != meta[1] or (op.elementwise and node[1][0] != meta[0])):
            made += (node, fit_rule, (call, residual, node[1]))
        else:
            made += (node, call, residual)
    if all(parent is None for parent in made[4::3]):
        return None
    made[0] = new_seq()
    if place is not None:
        made[3] = Watched(place, made[3])
    return made


class Watched:
    """The state of a node that was recorded inside `detect_anomaly`: also where that was."""

    __slots__ = ("place", "state")

    def __init__(self, place: str, state: int) -> None:
        self.place = place
        self.state = state


def edges_of(node: list[Any]) -> list[tuple[Any, Any, Any]]:
    """A node's edges, one an input: (parent, rule, residual), all None where no gradient is asked."""
    if node[3] is LEAF:
        return []
    return list(zip(node[4::3], node[5::3], node[6::3]))


def _residual(rule: Rule, env: dict[str, Any], out: Any, i: int) -> Any:
    values = tuple(_named(name, env, out, i) for name in rule.needs)
    if len(values) == 1:
        return values[0]
    return values or None


def _named(name: str, env: dict[str, Any], out: Any, i: int) -> Any:
    if name in env:
        return env[name]
    if name == "out":
        return out
    if name == "i":
        return i
    if name == "shapes":
        env["shapes"] = Shapes(a.shape for a in env["arrays"])  # one for the rules of all inputs
        return env["shapes"]
    array, _, fact = name.rpartition("_")
    return getattr(env[array], fact)


class Shapes(list[Any]):
    """The shapes of a sequence of arrays, and where each would begin if they were joined."""

    def starts(self, axis: int | None) -> list[int]:
        """The offsets along an axis, or of the flattened arrays; worked out once."""
        if not hasattr(self, "_starts"):
            sizes = (prod(s) if axis is None else s[axis] for s in self)
            self._starts = list(accumulate_sums(sizes, initial=0))
        return self._starts


def fit_rule(xp: Any, g: Any, residual: Any) -> Any:
    """Apply a rule, then undo the broadcasting and the cast of that input."""
    rule, inner, meta = residual
    if rule is not None:
        g = rule(xp, g, inner)
    shape = g.shape
    if shape[1:] == meta[0] != shape and g.dtype == meta[1]:  # the most usual of what `fit` does
        return xp.sum(g, axis=0)
    return fit(xp, g, meta)


def fit(xp: Any, g: Any, meta: Any) -> Any:
    """Sum a cotangent over the axes that were broadcast, and cast it to its input's dtype."""
    shape, dtype = meta
    given = g.shape
    if given != shape:
        lead = len(given) - len(shape)
        axes = tuple(range(lead)) + tuple(
            i + lead for i, n in enumerate(shape) if n == 1 and given[i + lead] != 1
        )
        if axes:
            g = xp.sum(g, axis=axes, keepdims=True)
        g = xp.reshape(g, shape)
    if g.dtype != dtype:
        if is_complex(as_dtype(g.dtype)) and not is_complex(as_dtype(dtype)):
            g = xp.real(g)
        g = xp.astype(g, dtype)
    return g


def select_rule(xp: Any, g: Any, residual: Any) -> Any:
    """The cotangent of one output, among those of an op with several."""
    i, n = residual
    return tuple(g if j == i else None for j in range(n))


def wrap_outputs(op: Op, xp: Any, env: dict[str, Any], nodes: tuple[Any, ...], r: Any, kind: Any) -> Any:
    """The results of an op with several, as Tensors in its named tuple."""
    r = tuple(xp.as_array(a) for a in r)
    node = None
    if any(n is not None for n in nodes) and op.differentiable:
        node = record(op, xp, env, nodes, r)
        scope["limits"] = scope["limits"] or op.path in LIMITS
    make = scope["wrap"]
    return kind(*(make(a, xp, p) for a, p in zip(r, output_nodes(node, xp, r))))


def output_nodes(node: Any, xp: Any, r: tuple[Any, ...]) -> list[Any]:
    """The nodes of the results of an op with several."""
    if node is None:
        return [None] * len(r)
    if type(node) is Dual:
        inner = output_nodes(node.node, xp, r)
        real = [is_inexact(xp.backend.dtype_of(a)) for a in r]
        moved = zip(inner, node.tangent, real)
        return [Dual(node.level, p, t) if t is not None and smooth else p for p, t, smooth in moved]
    return [
        [new_seq(), (a.shape, a.dtype), "output", 0, node, select_rule, (i, len(r))]
        if is_inexact(xp.backend.dtype_of(a))
        else None
        for i, a in enumerate(r)
    ]


def _record_dual(op: Op, xp: Any, env: dict[str, Any], nodes: tuple[Any, ...], out: Any) -> Any:
    """Forward mode: the node below this level, and the tangent of the result."""
    level = max(n.level for n in nodes if type(n) is Dual)
    require_live(level)
    inner = [n.node if type(n) is Dual and n.level == level else n for n in nodes]
    tangents = [n.tangent if type(n) is Dual and n.level == level else None for n in nodes]
    node = record(op, xp, env, inner, out) if any(n is not None for n in inner) else None
    tangent = scope["tangent"](op, xp, env, inner, tangents, out, node)
    return node if tangent is None else Dual(level, node, tangent)


# Walking ------------------------------------------------------------------------------------------


def frontier(todo: Iterable[Any], limit: int, passed: list[Any] | None = None) -> list[list[Any]]:
    """The leaves, and the nodes up to an age, from which some nodes were computed; oldest first.

    The nodes on the way there are added to `passed`.
    """
    seen: set[int] = set()
    found: dict[int, list[Any]] = {}
    stack = [node for node in todo if node is not None]
    while stack:
        node = stack.pop()
        if node[3] is FREED:
            raise freed(node)
        if node[0] <= limit or node[3] is LEAF:
            found[node[0]] = node
        elif node[0] not in seen:
            seen.add(node[0])
            if passed is not None:
                passed.append(node)
            stack += [parent for parent in node[4::3] if parent is not None]
    return [node for _, node in sorted(found.items())]


def freed(node: list[Any]) -> GradientError:
    """The error of a graph that was consumed."""
    return GradientError(
        f"the graph of `{name_of(node)}` was freed by an earlier backward pass; "
        "pass retain_graph=True to the first one, or compute the value again"
    )


def name_of(node: Any) -> str:
    """The op that made a node, as users know it."""
    if type(node) is Dual:
        return "jvp"
    if node[3] is LEAF:
        return "leaf"
    return node[2].path if isinstance(node[2], Op) else str(node[2])


scope.update(
    SELECTS=SELECTS,
    NO_EDGE=NO_EDGE,
    new_seq=new_seq,
    record=record,
    wrap_outputs=wrap_outputs,
    fit_rule=fit_rule,
)
