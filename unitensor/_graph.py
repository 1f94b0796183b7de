"""The graph: recording what was done, and the backward pass over it.

A node is a list, the fastest thing Python builds:

    [sequence number, (shape, dtype), op, state, parent, rule, residual, parent, rule, residual, ...]

with one edge of three items an input, all None where no gradient is asked: the parent's cotangent
is `rule(xp, g, residual)`, or `g` itself if the rule is None. The items lie side by side because
the garbage collector visits each container that is alive. The state is 0; SELECTS where the op
selects (`where`, indexing, `maximum`), so that its zeros mean "not selected"; FREED once the node
was consumed; LEAF in a leaf, which goes on with its gradient and hooks in place of edges.

Nodes point at parents only, so there are no cycles, and a parent is always older than its
children: going from new to old by sequence number visits each node after all that it feeds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from heapq import heappop, heappush, heapreplace
from itertools import accumulate as accumulate_sums, count
from math import prod
from typing import TYPE_CHECKING, Any

from numpy import errstate

from ._backend import backend_of
from ._dtypes import as_dtype, is_complex, is_inexact
from ._op import Op, Rule, rules, same, scope

if TYPE_CHECKING:
    from ._tensor import Tensor

new_seq = count(1).__next__
LEAF = "leaf"
FREED = "freed"
SELECTS = 1
NO_EDGE = (None, None, None)

_recording: ContextVar[bool] = ContextVar("unitensor_recording", default=True)
_lock = threading.RLock()

#: Inside `detect_anomaly`: what says where an op is called, and what runs an edge's rule.
anomaly: ContextVar[tuple[Callable[[], str], Callable[..., Any]] | None] = ContextVar(
    "unitensor_anomaly", default=None
)

# How many special modes (no_grad, jvp, ...) are entered in any thread; 0 is the fast path.
scope["special"] = 0

#: When and where a piece of memory was last written to, and when any was.
stamps: dict[Any, tuple[int, tuple[str, Any]]] = {}
scope["last_write"] = 0


class GradientError(RuntimeError):
    """A gradient that cannot be had; the message says why."""


class _Special:
    """Counts a mode that wrappers must look for."""

    def __enter__(self) -> None:
        with _lock:
            scope["special"] += 1

    def __exit__(self, *exc: object) -> None:
        with _lock:
            scope["special"] -= 1


special = _Special


class set_grad_enabled(ContextDecorator):  # noqa: N801 -- PyTorch's name
    """Record gradients, or don't, inside a `with` block or a decorated function.

    >>> import unitensor as ut
    >>> x = ut.tensor(2.0, requires_grad=True)
    >>> with ut.set_grad_enabled(False):
    ...     (x * x).requires_grad
    False
    """

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self._entered: list[tuple[Token[bool], _Special]] = []

    def __enter__(self) -> None:
        mode = _Special()
        mode.__enter__()
        self._entered.append((_recording.set(self.enabled), mode))

    def __exit__(self, *exc: object) -> None:
        token, mode = self._entered.pop()
        _recording.reset(token)
        mode.__exit__()

    def _recreate_cm(self) -> set_grad_enabled:
        return set_grad_enabled(self.enabled)


class no_grad(set_grad_enabled):  # noqa: N801 -- PyTorch's name
    """Record nothing inside a `with` block or a decorated function.

    >>> import unitensor as ut
    >>> x = ut.tensor(2.0, requires_grad=True)
    >>> with ut.no_grad():
    ...     (x * x).requires_grad
    False
    """

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(set_grad_enabled):  # noqa: N801 -- PyTorch's name
    """Record again inside a `no_grad` block."""

    def __init__(self) -> None:
        super().__init__(True)


def is_grad_enabled() -> bool:
    """Whether operations on Tensors that need gradients are recorded here."""
    return _recording.get()


# Recording ---------------------------------------------------------------------------------


class Dual:
    """What stands in a Tensor's node while forward mode runs: the inner node and a tangent."""

    __slots__ = ("level", "node", "tangent")

    def __init__(self, level: int, node: Any, tangent: Tensor) -> None:
        self.level = level
        self.node = node
        self.tangent = tangent

    def __getitem__(self, item: object) -> Any:
        raise GradientError("a Tensor of a finished `jvp` was used; return it from the function instead")


def new_leaf(shape: tuple[int, ...], dtype: Any) -> list[Any]:
    """The node of a Tensor whose gradient is asked for."""
    return [new_seq(), (shape, dtype), LEAF, LEAF, None]


def record(op: Op, xp: Any, env: dict[str, Any], nodes: Iterable[Any], out: Any) -> Any:
    """The node of a result, by the op's rules; None where nothing is to be recorded."""
    nodes = tuple(nodes)
    place = None
    if scope["special"]:
        if any(type(n) is Dual for n in nodes):
            return _record_dual(op, xp, env, nodes, out)
        if not _recording.get():
            return None
        if (watch := anomaly.get()) is not None:
            place = watch[0]()
    if op.outputs is None:
        if not is_inexact(xp.backend.dtype_of(out)):
            return None
        meta: Any = (out.shape, out.dtype)
    else:
        meta = None
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
        made[3] = Watched(place, op.selects)
    return made


class Watched:
    """The state of a node that was recorded inside `detect_anomaly`: also where that was."""

    __slots__ = ("place", "selects")

    def __init__(self, place: str, selects: bool) -> None:
        self.place = place
        self.selects = selects


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
    return fit(xp, g, meta)


def fit(xp: Any, g: Any, meta: Any) -> Any:
    """Sum a cotangent over the axes that were broadcast, and cast it to its input's dtype."""
    shape, dtype = meta
    if g.shape != shape:
        lead = len(g.shape) - len(shape)
        if lead == 1 and g.shape[1:] == shape and g.dtype == dtype:
            return xp.sum(g, axis=0)
        axes = tuple(range(lead)) + tuple(
            i + lead for i, n in enumerate(shape) if n == 1 and g.shape[i + lead] != 1
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
    make = scope["wrap"]
    return kind(*(make(a, xp, p) for a, p in zip(r, output_nodes(node, xp, r))))


def output_nodes(node: Any, xp: Any, r: tuple[Any, ...]) -> list[Any]:
    """The nodes of the results of an op with several."""
    if node is None:
        return [None] * len(r)
    if type(node) is Dual:
        inner = output_nodes(node.node, xp, r)
        return [p if t is None else Dual(node.level, p, t) for p, t in zip(inner, node.tangent)]
    return [
        [new_seq(), (a.shape, a.dtype), "output", 0, node, select_rule, (i, len(r))]
        if is_inexact(xp.backend.dtype_of(a))
        else None
        for i, a in enumerate(r)
    ]


def _record_dual(op: Op, xp: Any, env: dict[str, Any], nodes: tuple[Any, ...], out: Any) -> Any:
    """Forward mode: the node below this level, and the tangent of the result."""
    level = max(n.level for n in nodes if type(n) is Dual)
    inner = [n.node if type(n) is Dual and n.level == level else n for n in nodes]
    tangents = [n.tangent if type(n) is Dual and n.level == level else None for n in nodes]
    node = record(op, xp, env, inner, out)
    tangent = scope["tangent"](op, xp, env, inner, tangents, out, node)
    return node if tangent is None else Dual(level, node, tangent)


# The backward pass ----------------------------------------------------------------------------


def accumulate(xp: Any, a: Any, b: Any) -> Any:
    """The sum of two cotangents; those of an op with several outputs are added one by one."""
    if type(a) is tuple:
        return tuple(q if p is None else p if q is None else xp.add(p, q) for p, q in zip(a, b))
    return xp.add(a, b)


def propagate(
    roots: list[tuple[list[Any], Any]],
    xp: Any,
    *,
    keep: bool,
    limit: int = 0,
    apply: Callable[..., Any] | None = None,
) -> dict[int, tuple[list[Any], Any]]:
    """Carry cotangents from roots to leaves, newest node first.

    Returns the leaves reached, by sequence number, with their cotangents. Nodes up to `limit`
    count as leaves. Consumed nodes are freed unless `keep`. With `apply`, every rule runs
    through it (on Tensors, recorded); without, on the engine's arrays.

    A zero that a selecting op made must not be multiplied into a NaN. From the first such op on
    a recorded pass is careful at once; a raw pass keeps a copy of its state, and only if a leaf
    gets a NaN it goes back there and is careful from then on. NumPy's warnings, which would be of
    such NaNs, are off from there, too.
    """
    silence: list[errstate] = []  # leaner than an ExitStack, which small graphs would feel
    try:
        return _propagate(roots, xp, keep, limit, apply, silence)
    finally:
        for entered in silence:
            entered.__exit__(None, None, None)


def _propagate(
    roots: list[tuple[list[Any], Any]],
    xp: Any,
    keep: bool,
    limit: int,
    apply: Callable[..., Any] | None,
    silence: list[errstate],
) -> dict[int, tuple[list[Any], Any]]:
    pending: dict[int, list[Any]] = {}
    heap: list[int] = []
    leaves: dict[int, tuple[list[Any], Any]] = {}
    for node, g in roots:
        if node[0] in pending:
            pending[node[0]][1] = accumulate(xp, pending[node[0]][1], g)
        else:
            pending[node[0]] = [node, g]
            heappush(heap, -node[0])
    node, g = pending.pop(-heappop(heap))
    add = xp.add
    careful = False
    plain = apply is None
    run_carefully = apply_carefully
    if scope["special"] and (watch := anomaly.get()) is not None:
        plain = False
        apply, run_carefully = _watched(xp, apply, watch[1])
    oldest = max(limit, scope["last_write"])
    saved: Any = None
    consumed: list[list[Any]] = []
    while True:
        # The newest parent stays in hand, so that a chain never touches the heap.
        newest = 0
        hand = hand_g = None
        second = rest = None
        if len(node) == 7:
            _, _, _, state, parent, rule, residual = node
        elif len(node) == 10:
            _, _, _, state, parent, rule, residual, second, rule2, residual2 = node
        else:
            state, parent, rest = node[3], None, edges_of(node)
        if state != 0 or node[0] <= oldest:
            if node[0] <= limit or state is LEAF:
                leaves[node[0]] = (node, g)
                parent = second = rest = None
            elif state is FREED:
                raise freed(node)
            else:
                if node[0] <= oldest:
                    check_saved(node)
                selects = state.selects if type(state) is Watched else state
                if selects and apply is not None and not careful:
                    careful, plain = True, False
                    _silence(silence)
                elif selects and saved is None and plain:
                    _silence(silence)
                    copied = {s: list(cell) for s, cell in pending.items()}
                    saved = (copied, list(heap), dict(leaves), node, g)
        if not keep and (parent is not None or second is not None or rest):
            if saved is not None or not plain:
                consumed.append(node)
            else:
                node[3] = FREED
                node[4] = node[6] = None
                if second is not None:
                    node[7] = node[9] = None
                elif rest:
                    del node[4:]
        while parent is not None or second is not None or rest:
            if parent is None:
                if second is not None:
                    parent, rule, residual, second = second, rule2, residual2, None
                else:
                    parent, rule, residual = rest.pop()
                    continue
            if plain:
                gp = g if rule is None else rule(xp, g, residual)
            elif careful:
                gp = run_carefully(xp, apply, node, (parent, rule, residual), g)
            else:
                gp = apply(node, (parent, rule, residual), g)  # type: ignore[misc]  # not None where not plain
            s = parent[0]
            if s == newest:
                hand_g = add(hand_g, gp) if type(gp) is not tuple else accumulate(xp, hand_g, gp)
            elif s in pending:
                cell = pending[s]
                cell[1] = add(cell[1], gp) if type(gp) is not tuple else accumulate(xp, cell[1], gp)
            elif s > newest:
                if newest:
                    pending[newest] = [hand, hand_g]
                    heappush(heap, -newest)
                newest, hand, hand_g = s, parent, gp
            else:
                pending[s] = [parent, gp]
                heappush(heap, -s)
            parent = None
        if heap and -heap[0] > newest:
            if newest:
                pending[newest] = [hand, hand_g]
                node, g = pending.pop(-heapreplace(heap, -newest))
            else:
                node, g = pending.pop(-heappop(heap))
        elif newest:
            node, g = hand, hand_g  # type: ignore[assignment]  # set together with `newest`
        elif saved is not None and not careful and any(has_nan(xp, g) for _, g in leaves.values()):
            pending, heap, leaves, node, g = saved
            careful = True
            plain = False
        else:
            for node in consumed:
                node[3] = FREED
                del node[4:]
            return leaves


def _silence(entered: list[errstate]) -> None:
    """Turn NumPy's warnings of NaNs off until the pass ends."""
    if not entered:
        entered.append(errstate(divide="ignore", invalid="ignore"))
        entered[0].__enter__()


def _watched(xp: Any, apply: Callable[..., Any] | None, watch: Callable[..., Any]) -> tuple[Any, Any]:
    """The ways to run an edge's rule, plainly and with care, watched by `detect_anomaly`."""

    def run(node: list[Any], edge: Any, g: Any) -> Any:
        if apply is not None:
            return apply(node, edge, g)
        return g if edge[1] is None else edge[1](xp, g, edge[2])

    def run_carefully(_: Any, __: Any, node: list[Any], edge: Any, g: Any) -> Any:
        return watch(xp, lambda node, edge, g: apply_carefully(xp, apply, node, edge, g), node, edge, g)

    return lambda node, edge, g: watch(xp, run, node, edge, g), run_carefully


def frontier(todo: Iterable[Any], limit: int) -> list[list[Any]]:
    """The leaves, and the nodes up to an age, from which some nodes were computed; oldest first."""
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
            stack += [parent for parent in node[4::3] if parent is not None]
    return [node for _, node in sorted(found.items())]


def check_saved(node: list[Any]) -> None:
    """Refuse a node that saved an array which was written to later."""
    for residual in node[6::3]:
        for a in _arrays(residual):
            backend = backend_of(a)
            if backend is None or not backend.mutable:
                continue
            written, place = stamps.get(backend.storage(a)) or (scope["forgotten"], ("a line long ago", ""))
            if written > node[0]:
                raise GradientError(
                    f"an array of shape {tuple(a.shape)} that `{name_of(node)}` saved for the backward pass "
                    f"was overwritten at {place[0]}:{place[1]}; write to a copy there: x = x.clone()"
                )


def _arrays(residual: Any) -> Iterator[Any]:
    if type(residual) in (tuple, list):
        for part in residual:
            yield from _arrays(part)
    elif hasattr(residual, "shape") and hasattr(residual, "dtype"):
        yield residual


def has_nan(xp: Any, g: Any) -> bool:
    """Whether there is a NaN in a cotangent; of complex infinities that cancel it may say so, too."""
    if 0 in g.shape:
        return False
    one = xp.sum(g) if is_complex(as_dtype(g.dtype)) else xp.max(g)  # the quickest that keeps a NaN
    return bool(one != one)


def apply_carefully(xp: Any, apply: Callable[..., Any] | None, node: list[Any], edge: Any, g: Any) -> Any:
    """Run an edge's rule so that where the cotangent is zero, so is what it gives.

    In a recorded pass only what is not finite is replaced there: a zero may have come about by
    chance, and then its derivative still counts.
    """
    parent, rule, residual = edge
    if rule is fit_rule:
        inner, inner_residual, meta = residual
        return fit(xp, apply_carefully(xp, apply, node, (parent, inner, inner_residual), g), meta)

    def plain(g: Any, residual: Any) -> Any:
        if rule is None:
            return g
        return rule(xp, g, residual) if apply is None else apply(node, (parent, rule, residual), g)

    op = node[2]
    gp = plain(g, residual)
    made = rules.get(rule)
    if made is None or type(g) is tuple:
        return gp

    def without(mask: Any) -> Any:
        if apply is not None:
            mask = xp.logical_and(mask, xp.logical_not(xp.isfinite(gp)))
        return xp.where(mask, xp.zeros_like(gp), gp)

    if op.elementwise:
        return without(xp.equal(g, 0))
    if "keepdims" in op.options and not op.linear and g.shape != gp.shape:
        axis = _need(made, residual, "axis") if "axis" in op.options else (-2, -1)
        axes = range(len(gp.shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
        axes = [a % len(gp.shape) for a in axes]
        shape = tuple(1 if i in axes else n for i, n in enumerate(gp.shape))
        return without(xp.reshape(xp.equal(g, 0), shape))
    if op.linear == "each" and len(op.inputs) == 2:
        return _finite_product(xp, made, residual, g, gp, plain)
    return gp


def _need(rule: Rule, residual: Any, name: str) -> Any:
    values = (residual,) if len(rule.needs) == 1 else residual
    return values[rule.needs.index(name)]


def _finite_product(xp: Any, rule: Rule, residual: Any, g: Any, gp: Any, plain: Callable[..., Any]) -> Any:
    """The cotangent of a product, in which 0 times an infinite or missing factor is 0."""
    other = rule.op.inputs[1 - rule.index]
    if other not in rule.needs:
        return gp
    values = [residual] if len(rule.needs) == 1 else list(residual)
    at = rule.needs.index(other)
    y = values[at]
    raw = g._xp if isinstance(g, scope["Tensor"]) else xp
    finite = raw.isfinite(y)
    if bool(raw.all(finite)):
        return gp

    def packed(value: Any) -> Any:
        values[at] = value
        return value if len(values) == 1 else tuple(values)

    clean = plain(g, packed(raw.where(finite, y, raw.zeros_like(y))))
    hits = plain(xp.astype(xp.not_equal(g, 0), g.dtype), packed(raw.astype(raw.logical_not(finite), y.dtype)))
    return xp.where(xp.equal(hits, 0), clean, xp.full_like(clean, float("nan")))


def freed(node: list[Any]) -> GradientError:
    """The error of a graph that was consumed."""
    return GradientError(
        f"the graph of `{name_of(node)}` was freed by an earlier backward pass; "
        "pass retain_graph=True to the first one, or compute the value again"
    )


def apply_recorded(node: list[Any], edge: Any, g: Any) -> Any:
    """Run an edge's rule on Tensors, so that the gradient has a graph of its own."""
    rule, residual = edge[1], edge[2]
    if rule is None:
        return g
    if rule is fit_rule:
        inner, inner_residual, meta = residual
        g = g if inner is None else _on_tensors(node, inner, inner_residual, g)
        return fit(scope["tensors"], g, meta)
    if rule is select_rule:
        return select_rule(None, g, residual)
    return _on_tensors(node, rule, residual, g)


def _on_tensors(node: list[Any], call: Any, residual: Any, g: Any) -> Any:
    rule = rules.get(call)
    if rule is None:
        return call(scope["tensors"], g, residual)
    xp = next(part for part in g if part is not None)._xp if type(g) is tuple else g._xp
    make = scope["wrap"]
    values = (residual,) if len(rule.needs) == 1 else residual or ()
    named = []
    for name, value in zip(rule.needs, values):
        if name == "out":
            if type(value) is tuple:
                value = tuple(make(a, xp, p) for a, p in zip(value, output_nodes(node, xp, value)))
            else:
                value = make(value, xp, node)
        elif name in rule.op.inputs and value is not None and type(value) is not int:
            value = make(value, xp, node[4 + 3 * rule.op.inputs.index(name)])
        named.append(value)
    return rule.formula(scope["tensors"], g, *named)


def name_of(node: Any) -> str:
    """The op that made a node, as users know it."""
    if type(node) is Dual:
        return "jvp"
    return node[2].path if isinstance(node[2], Op) else str(node[2])


scope.update(
    SELECTS=SELECTS,
    NO_EDGE=NO_EDGE,
    new_seq=new_seq,
    record=record,
    wrap_outputs=wrap_outputs,
    fit_rule=fit_rule,
)
