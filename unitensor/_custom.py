"""What users decide about the backward pass: `checkpoint`, `custom_gradient`, `detect_anomaly`.

The first two put a function into the graph as one node. That takes two: the upper one has the
cotangents of all results and runs the function's backward pass once; the lower one has those of
all inputs and hands each its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._backend import _chosen, current_backend_name
from ._backward import surface
from ._draws import recorded as draws_recorded, replayed
from ._dtypes import is_inexact
from ._errors import describe
from ._exits import caller
from ._graph import (
    CROSSES,
    SHOWS,
    Dual,
    GradientError,
    Watched,
    anomaly,
    frontier,
    name_of,
    new_seq,
    require_live,
    select_rule,
    watch,
)
from ._holding import borrow
from ._modes import Mode, enable_grad, errors, is_grad_enabled, no_grad, quiet
from ._op import scope
from ._pass import apply_recorded, has_values, propagate
from ._transforms import _marked
from ._trees import leaves, tree_map

if TYPE_CHECKING:
    from ._tensor import Tensor


def pick_rule(xp: Any, g: Any, i: Any) -> Any:
    """The cotangent of one input, among those of all."""
    return g[i]


def _joined(
    name: str, parents: Sequence[Any], rule: Callable[..., Any], residual: Any, state: int = SHOWS
) -> list[Any]:
    """A node with one rule for all its parents."""
    lower: list[Any] = [new_seq(), None, name, 0]
    for i, parent in enumerate(parents):
        lower += (parent, pick_rule, i)
    return [new_seq(), None, name, state, lower, rule, residual]


def _attached(node: list[Any], results: Any) -> Any:
    """Results whose history is a node with a cotangent for each."""
    n = len(leaves(results))
    numbers = iter(range(n))

    def attach(y: Tensor) -> Tensor:
        i = next(numbers)
        if not is_inexact(y.dtype):
            return y
        meta = (y._data.shape, y._data.dtype)
        upper = [new_seq(), meta, "output", 0, node, select_rule, (i, n)]
        return borrow(y, upper)

    return tree_map(attach, results)


def _filled(gs: tuple[Any, ...], ys: Sequence[Tensor]) -> list[Tensor]:
    """Cotangents of results as Tensors, zeros where there is none."""
    wrap = scope["wrap"]
    return [
        scope["tensors"].zeros_like(y.detach())
        if g is None
        else g
        if isinstance(g, scope["Tensor"])
        else wrap(g, y._xp, None)
        for g, y in zip(gs, ys)
    ]


def _tensors(tree: Any) -> list[Any]:
    return [x for x in leaves(tree) if isinstance(x, scope["Tensor"])]


def _kept(x: Any) -> Any:
    """An argument as it is now, for later: what the caller does with its own changes nothing."""
    if isinstance(x, scope["Tensor"]):
        return borrow(x, None)
    return x.copy() if isinstance(x, np.ndarray) else x


# Checkpoint ------------------------------------------------------------------------------------


class _Segment:
    """A function to run again in the backward pass, on the values that it had."""

    def __init__(self, f: Callable[..., Any], call: Any) -> None:
        self.f = f
        self.nodes = [x._node for x in _tensors(call)]
        self.call = tree_map(_kept, call)
        self.backend = current_backend_name()
        self.draws: Any = None
        self.prints: list[Any] = []
        self.parents: list[Any] = []
        self.own: list[int | None] = []

    def run(self, recorded: bool) -> tuple[Any, list[Any], list[Tensor], int]:
        """The results of the function, recorded; its arguments' nodes; and the age where it began."""
        nodes = iter(self.nodes)
        marks: list[Any] = []

        def mark(x: Any) -> Any:
            if not isinstance(x, scope["Tensor"]):
                return _kept(x)
            node = next(nodes)
            made = borrow(x, node if recorded else None)
            if node is not None:
                made = _marked(made, "checkpoint")
            marks.append(made._node)
            return made

        args, kwargs = tree_map(mark, self.call)
        limit = new_seq()
        before = _chosen.get()
        try:
            _chosen.set(self.backend)
            with enable_grad():
                result = self.f(*args, **kwargs)
        finally:
            _chosen.set(before)
        return result, marks, _tensors(result), limit

    def again(self, recorded: bool) -> tuple[list[Any], list[Tensor], int]:
        """The second run, on the random numbers of the first."""
        _, marks, ys, limit = replayed(self.draws, lambda: self.run(recorded))
        found = [_print_of(y) for y in ys]
        if len(found) != len(self.prints) or not all(map(_alike, found, self.prints)):
            raise GradientError(
                "checkpoint: the function did something else when it was called again: it gave other results; "
                "what it uses must not change between the two calls: pass it as an argument"
            )
        return marks, ys, limit


def _print_of(y: Tensor) -> tuple[Any, ...]:
    """What tells one result from another without keeping it: shape, dtype, sum and sum of sizes."""
    a, xp = y._data, y._xp
    if not is_inexact(y.dtype) or not y.size:
        return y.shape, y.dtype
    return y.shape, y.dtype, xp.sum(a), xp.sum(xp.abs(a)), xp


#: The gap between 1 and the next number.
_EPS = {"float16": 2**-10, "bfloat16": 2**-7, "float32": 2**-23, "complex64": 2**-23}


def _alike(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    """Whether two results were the same, but for what engines add up in another order."""
    if a[:2] != b[:2] or len(a) == 2:
        return a[:2] == b[:2]
    xp = a[4]
    if not all(has_values(xp, part) for part in (*a[2:4], *b[2:4])):
        return True
    first, size, second = complex(a[2]), abs(complex(a[3])), complex(b[2])
    return not abs(first - second) > 64 * _EPS.get(a[1].name, 2**-52) * size


def checkpoint(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call f now, but keep nothing of its inside: the backward pass calls f again.

    This trades time for memory. f must give the same results both times; numbers that it draws
    from `ut.random` are the same. Tensors that f uses without taking them as arguments have their
    gradients, too. In forward mode f is just called.

    >>> import unitensor as ut
    >>> x = ut.tensor(2.0, requires_grad=True)
    >>> ut.checkpoint(lambda x: ut.exp(ut.sin(x)) * x, x).backward()
    >>> round(x.grad.item(), 6)
    0.416344
    """
    given = _tensors((args, kwargs))
    if not is_grad_enabled() or any(type(x._node) is Dual for x in given):
        return f(*args, **kwargs)
    segment = _Segment(f, (args, kwargs))
    (result, marks, ys, limit), segment.draws = draws_recorded(lambda: segment.run(recorded=True))
    if any(type(y._node) is Dual for y in ys):
        return result
    position = {node[0]: i for i, node in enumerate(marks) if node is not None}
    inside: list[Any] = []
    for node in frontier([y._node for y in ys], limit, inside):
        if node[0] > limit:
            raise GradientError("checkpoint: the function made a leaf; make it outside, and pass it")
        i = position.get(node[0])
        segment.parents.append(node if i is None else segment.nodes[i])
        segment.own.append(i)
    if not segment.parents or any(type(node[3]) is int and node[3] & CROSSES for node in inside):
        return result  # nothing to run again; or over several engines, of which a segment has one
    segment.prints = [_print_of(y) for y in ys]
    data = tuple(x._data for x in _tensors(segment.call))
    node = _joined("checkpoint", segment.parents, run_again_rule, (segment, data))
    tracked = iter(_attached(node, [y for y in ys if y._node is not None]))
    return tree_map(
        lambda y: next(tracked) if isinstance(y, scope["Tensor"]) and y._node is not None else y, result
    )


def run_again_rule(xp: Any, g: Any, residual: Any) -> Any:
    """The cotangents of a segment's inputs: run it, and carry the cotangents back through it."""
    segment: _Segment = residual[0]
    recorded = xp is scope["tensors"]
    marks, results, limit = segment.again(recorded)
    ys = [y for y in results if y._node is not None]
    roots = [(y._node, c if recorded else c._data) for y, c in zip(ys, _filled(g, ys))]
    # Zero cotangents may come from a `where` outside this segment, so treat them as "not selected".
    doubtful = not recorded and watch() is None
    if not doubtful:
        zeros = [(y._xp, y._xp.equal(c._data if recorded else c, 0)) for y, (_, c) in zip(ys, roots)]
        doubtful = any(not has_values(raw, zero) or bool(raw.any(zero)) for raw, zero in zeros)
    apply: Callable[..., Any] | None = apply_recorded if recorded else None
    reached = propagate(roots, xp, keep=True, limit=limit, apply=apply, doubtful=doubtful)
    found = []
    for parent, i in zip(segment.parents, segment.own):
        hit = reached.get(parent[0] if i is None else marks[i][0])
        if hit is None:
            raise GradientError("checkpoint: the function did something else when it was called again")
        found.append(hit[1])
    return tuple(found)


# Custom gradients --------------------------------------------------------------------------------


def custom_gradient(
    f: Callable[..., Any], backward: Callable[..., Any], forward: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """A function that computes what f does, with gradients by rules of your own.

    Parameters
    ----------
    f: takes Tensors (and other arguments); returns a Tensor or a tuple of them.
    backward: called as `backward(g, out, *args)` with the gradient of f's result; returns that of
        each argument in a tuple (or of the only one), None for one that has none.
    forward: called as `forward(tangents, out, *args)` with a tuple of the arguments' tangents;
        returns that of the result. Without it, forward mode raises.

    Higher orders work, because the rules are made of Tensor functions too.

    >>> import unitensor as ut
    >>> softplus = ut.custom_gradient(
    ...     lambda x: ut.log(1 + ut.exp(x)), backward=lambda g, out, x: g * (1 - ut.exp(-out))
    ... )
    >>> ut.grad(softplus)(ut.asarray(0.0)).item()
    0.5
    """
    name = getattr(f, "__name__", type(f).__name__)

    def call(*args: Any) -> Any:
        levels = [x._node.level for x in _tensors(args) if type(x._node) is Dual]
        if levels and is_grad_enabled():
            require_live(max(levels))
            return _pushed(name, call, forward, args, max(levels))
        kept = [
            (x._data, x._xp, x._node) if isinstance(x, scope["Tensor"]) else (tree_map(_kept, x), None, None)
            for x in args
        ]
        with enable_grad():
            out = f(*(_kept(x) for x in args))
        if not isinstance(out, (tuple, scope["Tensor"])) or len(_tensors(out)) != len(leaves(out)):
            raise TypeError(f"{name}: returned {describe(out)}; expected a Tensor or a tuple of them")
        if any(y._node is not None for y in _tensors(out)):
            raise GradientError(
                f"{name}: uses a Tensor that requires a gradient and is no argument; pass it, or detach it"
            )
        inputs = [i for i, x in enumerate(args) if isinstance(x, scope["Tensor"]) and x._node is not None]
        if not inputs or not is_grad_enabled():
            return out
        out_kept = tree_map(_kept, out)
        rule = _Custom(name, call, backward, kept, inputs, out_kept)
        saved = [data for data, xp, _ in kept if xp is not None] + [y._data for y in _tensors(out)]
        engines = {x._xp for x in (*_tensors(out), *(args[i] for i in inputs))}
        state = SHOWS if len(engines) == 1 else SHOWS | CROSSES
        node = _joined(name, [args[i]._node for i in inputs], custom_rule, (rule, saved), state)
        return _attached(node, out)

    call.__name__ = name
    call.__doc__ = f.__doc__
    return call


class _Custom:
    """What a custom backward rule needs: the arguments with their nodes, and the results' values."""

    def __init__(
        self, name: str, call: Any, rule: Callable[..., Any], args: list[Any], inputs: list[int], out: Any
    ) -> None:
        self.name = name
        self.call = call
        self.rule = rule
        self.args = args
        self.inputs = inputs
        self.out = out

    def gradients(self, g: Any, recorded: bool) -> list[Tensor]:
        """The gradient of each tracked argument, as users see gradients."""
        wrap = scope["wrap"]
        args = [a if xp is None else wrap(a, xp, node if recorded else None) for a, xp, node in self.args]
        # The results' own nodes hold this object, so that to keep them here would be a cycle.
        found = self.rule(g, self.call(*args) if recorded else tree_map(_kept, self.out), *args)
        found = found if isinstance(found, tuple) else (found,)
        if len(found) != len(args):
            raise GradientError(
                f"{self.name}: backward returned {len(found)} gradients for {len(args)} arguments"
            )
        return [self._checked(found[i], args[i], i) for i in self.inputs]

    def _checked(self, found: Any, x: Tensor, i: int) -> Tensor:
        if found is None:
            return scope["tensors"].zeros_like(x.detach())  # type: ignore[no-any-return]  # `scope` is untyped
        if not isinstance(found, scope["Tensor"]) or found.shape != x.shape or found._xp is not x._xp:
            raise GradientError(
                f"{self.name}: backward returned {describe(found)} for argument {i}; "
                f"expected a Tensor like it, {describe(x)} on {x.backend!r}"
            )
        return found if found.dtype == x.dtype else found.astype(x.dtype)  # type: ignore[no-any-return]  # `scope` is untyped


def custom_rule(xp: Any, g: Any, residual: Any) -> Any:
    """Run a user's backward rule, on gradients as users see them."""
    custom: _Custom = residual[0]
    recorded = xp is scope["tensors"]
    tensors = scope["tensors"]
    given = [surface(tensors, c) for c in _filled(g, _tensors(custom.out))]
    mode = enable_grad() if recorded else no_grad()
    with mode:
        found = custom.gradients(
            given[0] if isinstance(custom.out, scope["Tensor"]) else tuple(given), recorded
        )
        found = [surface(tensors, c) for c in found]
    return tuple(found if recorded else [c._data for c in found])


def _pushed(
    name: str, call: Callable[..., Any], forward: Callable[..., Any] | None, args: tuple[Any, ...], level: int
) -> Any:
    """Forward mode: the result below a level, and its tangent by the user's rule."""
    if forward is None:
        raise GradientError(
            f"{name}: has no forward rule; pass forward=, or use reverse mode: ut.grad or ut.vjp"
        )
    wrap = scope["wrap"]
    inner: list[Any] = []
    tangents: list[Any] = []
    for x in args:
        if not isinstance(x, scope["Tensor"]):
            inner.append(x)
            tangents.append(None)
        elif type(x._node) is Dual and x._node.level == level:
            inner.append(wrap(x._data, x._xp, x._node.node))
            tangents.append(x._node.tangent)
        else:
            inner.append(x)
            tangents.append(scope["tensors"].zeros_like(x.detach()))
    out = call(*inner)
    moved = forward(tuple(tangents), out, *inner)
    found = iter(_tensors(moved))

    def dual(y: Tensor) -> Tensor:
        t = next(found, None)
        if t is None or t.shape != y.shape:
            raise GradientError(
                f"{name}: forward returned {describe(moved)}; expected tangents like the results"
            )
        return wrap(y._data, y._xp, Dual(level, y._node, t))  # type: ignore[no-any-return]  # `scope` is untyped

    return tree_map(dual, out)


# Anomalies ---------------------------------------------------------------------------------------


class detect_anomaly(Mode):  # noqa: N801 -- PyTorch's name
    """In a `with` block, say which line of the program a NaN or an error of a backward pass is from.

    Both the program and its backward pass run inside the block, slower than outside of it.

    >>> import unitensor as ut
    >>> x = ut.tensor(1.0, requires_grad=True)
    >>> with ut.detect_anomaly():
    ...     (0 * ut.sqrt(x - x)).backward()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    unitensor._graph.GradientError: the backward pass of `sqrt`, recorded at ..., gave a NaN
    """

    variable = anomaly

    def __init__(self) -> None:
        super().__init__((caller, _checked))

    def _again(self) -> Mode:
        return detect_anomaly()


def _checked(xp: Any, run: Callable[..., Any], node: list[Any], edge: Any, g: Any) -> Any:
    """What an edge's rule gives; raise where a NaN is born."""
    where = f"`{name_of(node)}`, recorded {f'at {node[3].place}' if type(node[3]) is Watched else 'outside detect_anomaly'},"
    before = errors.get()
    try:
        errors.set(quiet())
        gp = run(node, edge, g)
    except GradientError:
        raise
    except Exception as error:
        raise GradientError(
            f"the backward pass of {where} failed: {type(error).__name__}: {error}"
        ) from error
    finally:
        errors.set(before)
    meta = edge[0][1]
    dtype = None if type(gp) is tuple else gp._data.dtype if isinstance(gp, scope["Tensor"]) else gp.dtype
    if meta is not None and dtype not in (None, meta[1]):
        raise GradientError(f"the backward pass of {where} gave {dtype} for an input of {meta[1]}")
    if _any_nan(xp, gp) and not _any_nan(xp, g):
        raise GradientError(f"the backward pass of {where} gave a NaN")
    return gp


def _any_nan(xp: Any, g: Any) -> bool:
    parts = [part for part in (g if type(g) is tuple else (g,)) if part is not None]
    arrays = [(part._xp, part._data) if isinstance(part, scope["Tensor"]) else (xp, part) for part in parts]
    return any(has_values(raw, a) and bool(raw.any(raw.isnan(a))) for raw, a in arrays)
