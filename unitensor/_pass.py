"""The backward pass over a graph: cotangents go from the newest node to the oldest.

On engine arrays with their namespace, or on Tensors with ours, which records the pass itself. Where a
selecting op made zeros, `apply_carefully` keeps them from meeting what is infinite or NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush, heapreplace
from typing import Any

from numpy import ufunc

from ._backend import backend_of
from ._dtypes import complex_dtype, is_inexact
from ._graph import (
    CROSSES,
    FREED,
    LEAF,
    LIMITS,
    SELECTS,
    SHOWS,
    GradientError,
    Watched,
    edges_of,
    fit,
    fit_rule,
    freed,
    name_of,
    output_nodes,
    select_rule,
    watch,
)
from ._holding import written_to
from ._modes import errors, quiet
from ._op import Rule, rules, scope
from ._views import is_basic


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
    doubtful: bool = False,
    shown: dict[int, Any] | None = None,
) -> dict[int, tuple[list[Any], Any]]:
    """Carry cotangents from roots to leaves, newest node first.

    Returns the leaves reached, by sequence number, with their cotangents. Nodes up to `limit`
    count as leaves. Consumed nodes are freed unless `keep`, those that it may need again at the end.
    With `apply`, every rule runs through it (on Tensors, recorded); without, on the engine's arrays. What
    the user's code (hooks, custom rules) made of a cotangent is noted in `shown`, by sequence number.

    A zero that a selecting op made must not be multiplied into a NaN. From the first such op on
    (`doubtful`: from the roots on) a recorded pass is careful at once; a raw pass keeps a copy of its
    state, and only if the user's code or a leaf would get a NaN it goes back there and is careful from
    then on. So it does where an array has no values to look at. NumPy's warnings, which would be
    of such NaNs, are off from there, too.
    """
    before: list[Any] = []
    try:
        return _propagate(roots, xp, keep, limit, apply, doubtful, {} if shown is None else shown, before)
    finally:
        if before:
            errors.set(before[0])


def _silence(before: list[Any]) -> None:
    """Turn NumPy's warnings of NaNs off, and note what to set them back to."""
    if not before:
        before.append(errors.get())
        errors.set(quiet())


def _propagate(
    roots: list[tuple[list[Any], Any]],
    xp: Any,
    keep: bool,
    limit: int,
    apply: Callable[..., Any] | None,
    doubtful: bool,
    shown: dict[int, Any],
    before: list[Any],
) -> dict[int, tuple[list[Any], Any]]:
    # What waits, by sequence number: node, cotangent, and whether only this pass knows its array.
    pending: dict[int, list[Any]] = {}
    heap: list[int] = []
    leaves: dict[int, tuple[list[Any], Any]] = {}
    # The newest parent stays in hand, so that a chain never touches the heap.
    newest = 0
    hand: Any = None
    hand_g: Any = None
    if len(roots) == 1:
        ((hand, hand_g),) = roots
        newest, roots = hand[0], []
    for node, g in roots:
        if node[0] in pending:
            pending[node[0]][1] = accumulate(xp, pending[node[0]][1], g)
        else:
            pending[node[0]] = [node, g, False]
            heappush(heap, -node[0])
    add = xp.add
    careful = False
    plain = apply is None
    run_carefully = apply_carefully
    if scope["special"] and (watching := watch()) is not None:
        plain = False
        apply, run_carefully = _watched(xp, apply, watching[1])
    at_once = plain and not scope["limits"]  # whether nodes are freed as they are consumed
    in_place = plain and type(add) is ufunc  # sums that only this pass knows take what else comes
    oldest = max(limit, scope["last_write"])
    saved: Any = None
    consumed: list[list[Any]] = []
    parent: Any
    if doubtful:
        _silence(before)
        careful = not plain
        saved = ({s: list(cell) for s, cell in pending.items()}, list(heap), {}, newest, hand, hand_g)
    while True:
        if heap and -heap[0] > newest:
            if newest:
                pending[newest] = [hand, hand_g, False]
                cell = pending.pop(-heapreplace(heap, -newest))
            else:
                cell = pending.pop(-heappop(heap))
            node, g, own = cell
        elif newest:
            node, g, own = hand, hand_g, False
        elif saved is not None and not careful and any(may_have_nan(xp, g) for g in _since(saved, leaves)):
            careful, plain = True, False
            pending, heap, leaves, newest, hand, hand_g = saved
            continue
        else:
            for node in consumed:
                node[3] = FREED
                del node[4:]
            return leaves
        newest = 0
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
                continue
            if state is FREED:
                raise freed(node)
            if node[0] <= oldest:
                check_saved(node)
            kind = state.state if type(state) is Watched else state
            if kind & CROSSES and (apply is None or xp is not scope["tensors"]):
                # From here on the engine is not one: Tensors know theirs.
                if saved is not None and not careful:
                    careful, plain = True, False
                    pending, heap, leaves, newest, hand, hand_g = saved
                    continue
                g, pending, leaves = _as_tensors(xp, g, pending, leaves)
                plain = in_place = False
                xp, apply = scope["tensors"], apply_unrecorded
                add = xp.add
                if (watching := watch()) is not None:
                    apply, run_carefully = _watched(xp, apply, watching[1])
            if kind & SELECTS:
                if not plain and not careful:
                    careful = True
                    _silence(before)
                elif saved is None and plain:
                    _silence(before)
                    own = False
                    for cell in pending.values():
                        cell[2] = False  # what is kept must not change
                    waiting = {s: list(cell) for s, cell in pending.items()}
                    saved = (waiting, list(heap), dict(leaves), node[0], node, g)
                by_part = plain and node[2].name in BUFFER_OPS
                if by_part and _by_buffer(xp, node, g, own, pending, heap, in_place):
                    if not keep:
                        consumed.append(node)
                    continue
            elif kind & SHOWS:
                made = shown.get(node[0])
                if made is None:
                    if saved is not None and not careful and may_have_nan(xp, g):
                        careful, plain = True, False
                        pending, heap, leaves, newest, hand, hand_g = saved
                        continue
                    if plain:
                        made = rule(xp, g, residual)
                    elif careful:
                        made = run_carefully(xp, apply, node, (parent, rule, residual), g)
                    else:
                        made = apply(node, (parent, rule, residual), g)  # type: ignore[misc]  # not None where not plain
                    shown[node[0]] = made if plain and saved is not None else None
                    oldest = max(oldest, scope["last_write"])
                g, rule = made, None
        if keep:
            pass
        elif saved is not None or not plain or not at_once:
            consumed.append(node)
        else:
            node[3] = FREED
            if rest is not None:
                del node[4:]
            else:
                node[4] = node[6] = None
                if second is not None:
                    node[7] = node[9] = None
        while True:
            if parent is not None:
                if plain:
                    gp = g if rule is None else rule(xp, g, residual)
                elif careful:
                    gp = run_carefully(xp, apply, node, (parent, rule, residual), g)
                else:
                    gp = apply(node, (parent, rule, residual), g)  # type: ignore[misc]  # not None where not plain
                s = parent[0]
                if s == newest:
                    hand_g = add(hand_g, gp) if rule is not select_rule else accumulate(xp, hand_g, gp)
                elif s in pending:
                    cell = pending[s]
                    if rule is select_rule:
                        cell[1] = accumulate(xp, cell[1], gp)
                    elif cell[2] and in_place:
                        add(cell[1], gp, cell[1])
                    else:
                        cell[1] = total = add(cell[1], gp)
                        cell[2] = in_place and type(total) is xp.array
                elif s > newest:
                    if newest:
                        pending[newest] = [hand, hand_g, False]
                        heappush(heap, -newest)
                    newest, hand, hand_g = s, parent, gp
                else:
                    pending[s] = [parent, gp, False]
                    heappush(heap, -s)
            if second is not None:
                parent, rule, residual, second = second, rule2, residual2, None
            elif rest:
                parent, rule, residual = rest.pop()
            else:
                break


#: Ops on a part of a buffer, whose cotangents are written into that of the buffer where it is the pass's own.
BUFFER_OPS = frozenset({"getitem", "put"})


def _by_buffer(
    xp: Any,
    node: list[Any],
    g: Any,
    own: bool,
    pending: dict[int, list[Any]],
    heap: list[int],
    in_place: bool,
) -> bool:
    """Carry the cotangent of a read or a write of a part on, at the cost of that part; False if that cannot be."""
    backend = xp.backend
    parent, rule, residual = node[4:7]
    if parent is None or rule is fit_rule:
        return False
    if node[2].name == "getitem":
        key, cell = residual[1], pending.get(parent[0])
        if cell is None:
            _pend(xp, parent, rule(xp, g, residual), pending, heap, in_place)
            return True
        if not is_basic(key):
            return False
        buffer = cell[1] if cell[2] else xp.asarray(cell[1], copy=True)
        cell[1] = backend.add_to(buffer, key, g)
        cell[2] = type(cell[1]) is xp.array
        return True
    key, flat = residual
    if flat or node[8] is fit_rule:
        return False
    if node[7] is not None:
        part = xp.asarray(node[8](xp, g, node[9]), copy=True)
        _pend(xp, node[7], part, pending, heap, in_place)
    g = backend.overwrite(g, key, xp.zeros_like(xp.getitem(g, key))) if own else rule(xp, g, residual)
    _pend(xp, parent, g, pending, heap, in_place)
    return True


def _pend(
    xp: Any, parent: list[Any], g: Any, pending: dict[int, list[Any]], heap: list[int], in_place: bool
) -> None:
    """Let a cotangent wait that only the pass knows."""
    s = parent[0]
    cell = pending.get(s)
    if cell is None:
        pending[s] = [parent, g, type(g) is xp.array]
        heappush(heap, -s)
    elif cell[2] and in_place:
        xp.add(cell[1], g, cell[1])
    else:
        cell[1] = total = xp.add(cell[1], g)
        cell[2] = type(total) is xp.array


def _as_tensors(xp: Any, g: Any, pending: dict[int, list[Any]], leaves: Any) -> tuple[Any, Any, Any]:
    """The state of a pass on one engine's arrays, on Tensors."""

    def wrapped(g: Any) -> Any:
        if type(g) is tuple:
            return tuple(None if part is None else wrapped(part) for part in g)
        return scope["wrap"](xp.as_array(g), xp, None)

    waiting = {s: [node, wrapped(c), False] for s, (node, c, _) in pending.items()}
    return wrapped(g), waiting, {s: (node, wrapped(c)) for s, (node, c) in leaves.items()}


def _since(saved: Any, leaves: dict[int, tuple[list[Any], Any]]) -> Iterator[Any]:
    """The cotangents of leaves that came or changed after a state of the pass was saved."""
    pending, _, reached, *_ = saved
    for s, (_, g) in leaves.items():
        before = reached.get(s) or pending.get(s)
        if before is None or before[1] is not g:
            yield g


def _watched(xp: Any, apply: Callable[..., Any] | None, watch: Callable[..., Any]) -> tuple[Any, Any]:
    """The ways to run an edge's rule, plainly and with care, watched by `detect_anomaly`."""

    def run(node: list[Any], edge: Any, g: Any) -> Any:
        if apply is not None:
            return apply(node, edge, g)
        return g if edge[1] is None else edge[1](xp, g, edge[2])

    def run_carefully(_: Any, __: Any, node: list[Any], edge: Any, g: Any) -> Any:
        return watch(xp, lambda node, edge, g: apply_carefully(xp, apply, node, edge, g), node, edge, g)

    return lambda node, edge, g: watch(xp, run, node, edge, g), run_carefully


def check_saved(node: list[Any]) -> None:
    """Refuse a node that saved an array which was written to later."""
    for residual in node[6::3]:
        for a in _arrays(residual):
            backend = backend_of(a)
            if backend is None or not backend.mutable:
                continue
            written, place = written_to(backend, a)
            if written > node[0]:
                raise GradientError(
                    f"an array of shape {tuple(a.shape)} that `{name_of(node)}` saved for the backward pass "
                    f"was overwritten at {place}; write to a copy there: x = x.clone()"
                )


def _arrays(residual: Any) -> Iterator[Any]:
    if type(residual) in (tuple, list):
        for part in residual:
            yield from _arrays(part)
    elif hasattr(residual, "shape") and hasattr(residual, "dtype"):
        yield residual


def may_have_nan(xp: Any, g: Any) -> bool:
    """Whether there may be a NaN in a cotangent: of arrays without values, and of infinities that cancel."""
    if type(g) is tuple:
        return any(part is not None and may_have_nan(xp, part) for part in g)
    if 0 in g.shape:
        return False
    if not has_values(xp, g):
        return True
    if isinstance(g, scope["Tensor"]):
        xp, g = g._xp, g._data
    one = xp.sum(g) if complex_dtype(g.dtype) else xp.max(g)  # the quickest that keeps a NaN
    value = complex(one)
    return value != value


def has_values(xp: Any, a: Any) -> bool:
    """Whether the engine can say now what is in an array."""
    if isinstance(a, scope["Tensor"]):
        xp, a = a._xp, a._data
    return bool(xp.backend.has_values(a))


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
    if type(y) is int or not is_inexact(raw.backend.dtype_of(y)):  # places or counts, not factors
        return gp
    finite = raw.isfinite(y)
    if has_values(raw, y) and bool(raw.all(finite)):
        return gp

    def packed(value: Any) -> Any:
        values[at] = value
        return value if len(values) == 1 else tuple(values)

    clean = plain(g, packed(raw.where(finite, y, raw.zeros_like(y))))
    hits = plain(xp.astype(xp.not_equal(g, 0), g.dtype), packed(raw.astype(raw.logical_not(finite), y.dtype)))
    return xp.where(xp.equal(hits, 0), clean, xp.full_like(clean, float("nan")))


def apply_recorded(node: list[Any], edge: Any, g: Any, *, recorded: bool = True) -> Any:
    """Run an edge's rule on Tensors, so that the gradient has a graph of its own."""
    rule, residual = edge[1], edge[2]
    if rule is None:
        return g
    if rule is fit_rule:
        inner, inner_residual, meta = residual
        g = g if inner is None else _on_tensors(node, inner, inner_residual, g, recorded)
        return fit(scope["tensors"], g, meta)
    if rule is select_rule:
        return select_rule(None, g, residual)
    return _on_tensors(node, rule, residual, g, recorded)


def apply_unrecorded(node: list[Any], edge: Any, g: Any) -> Any:
    """Run an edge's rule on Tensors, as constants."""
    return apply_recorded(node, edge, g, recorded=False)


def _on_tensors(node: list[Any], call: Any, residual: Any, g: Any, recorded: bool) -> Any:
    rule = rules.get(call)
    if rule is None:
        return call(scope["tensors"], g, residual)
    xp = next(part for part in g if part is not None)._xp if type(g) is tuple else g._xp
    if rule.op.path in LIMITS:
        scope["limits"] = True
    make = scope["wrap"]
    values = (residual,) if len(rule.needs) == 1 else residual or ()
    named = []
    for name, value in zip(rule.needs, values):
        if name == "out":
            if type(value) is tuple:
                nodes = output_nodes(node if recorded else None, xp, value)
                value = tuple(make(a, xp, p) for a, p in zip(value, nodes))
            else:
                value = make(value, xp, node if recorded else None)
        elif name in rule.op.inputs and value is not None and type(value) is not int:
            value = make(value, xp, node[4 + 3 * rule.op.inputs.index(name)] if recorded else None)
        named.append(value)
    return rule.formula(scope["tensors"], g, *named)
