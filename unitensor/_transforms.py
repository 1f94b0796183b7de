"""Functions of functions: `grad`, `vjp`, `jvp`, `jacobian`, `hessian`, `hvp`, `linearize`.

Each marks the arguments, calls the function, and carries cotangents back or tangents forward.
Nested calls work because what belongs to an outer one is older, and the inner pass stops there.
Arguments are Tensors or nested dicts, lists, tuples and dataclasses of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ._backward import carry, own_memory, require_real, surface
from ._dtypes import is_inexact
from ._errors import describe
from ._forward import Level
from ._graph import Dual, GradientError, frontier, new_seq
from ._holding import borrow, is_outside
from ._modes import enable_grad, errors, is_grad_enabled, quiet, recording
from ._numpy_too import numpy_too
from ._op import scope
from ._trees import leaves, tree_map
from ._views import root_of

if TYPE_CHECKING:
    from ._tensor import Tensor

Argnums = int | tuple[int, ...]


def _variable(x: Any, what: str) -> Tensor:
    """Check that an argument, or a leaf of one, can have a gradient."""
    if not isinstance(x, scope["Tensor"]):
        raise TypeError(
            f"{what}: an argument is {type(x).__name__} {describe(x)}; expected Tensors: ut.asarray(...)"
        )
    if not is_inexact(x.dtype):
        raise GradientError(
            f"{what}: an argument is {describe(x)}; integers and booleans have no gradient: x.to(ut.float64)"
        )
    return x  # type: ignore[no-any-return]  # `scope` is untyped


def _marked(x: Any, what: str) -> Tensor:
    """A fresh variable with the value of an argument, connected to the argument's own history."""
    x = _variable(x, what)
    node = x._node
    if type(node) is Dual:
        inner = _marked(borrow(x, node.node), what)
        return borrow(x, Dual(node.level, inner._node, node.tangent))
    meta = (x._data.shape, x._data.dtype)
    edge = () if node is None else (node, None, None)
    return borrow(x, [new_seq(), meta, "argument", 0, *edge])


def _as_it_is(x: Any) -> Any:
    """A Tensor as it is now, for later: writes to x do not change it."""
    return borrow(x, x._node) if isinstance(x, scope["Tensor"]) else x


def _chosen(args: tuple[Any, ...], argnums: Argnums, what: str) -> tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise TypeError(f"{what}: argnums names argument {n}, but {len(args)} were given")
    return numbers


def _inner_node(x: Tensor) -> Any:
    node = x._node
    while type(node) is Dual:
        node = node.node
    return node


def _pull(
    ys: list[Tensor], gs: list[Tensor], variables: list[Tensor], limit: int
) -> tuple[list[Tensor], bool]:
    """Cotangents of the variables from those of results, and whether an outer history goes in.

    Where forward mode runs outside, the tangent of a cotangent is the cotangent of the tangent.
    """
    zeros_like = scope["tensors"].zeros_like
    levels = [t._node.level for t in (*ys, *gs) if type(t._node) is Dual]
    if levels:
        level = max(levels)
        y_parts = [_split(y, level) for y in ys]
        g_parts = [_split(g, level) for g in gs]
        inner = [_split(v, level)[0] for v in variables]
        values, _ = _pull([y for y, _ in y_parts], [g for g, _ in g_parts], inner, limit)
        moved: list[tuple[Tensor, Tensor]] = [
            (t, g) for (_, t), (g, _) in zip(y_parts, g_parts) if t is not None
        ] + [(y, t) for (y, _), (_, t) in zip(y_parts, g_parts) if t is not None]
        if not moved:
            return values, True
        tangents, _ = _pull([y for y, _ in moved], [g for _, g in moved], inner, limit)
        return [
            scope["wrap"](v._data, v._xp, Dual(level, v._node, t)) for v, t in zip(values, tangents)
        ], True
    pairs = [(y, g) for y, g in zip(ys, gs) if y._node is not None]
    outer = any(n is not None and len(n) > 4 for n in map(_inner_node, variables)) or any(
        g._node is not None for _, g in pairs
    )
    if not pairs:
        return [zeros_like(v.detach()) for v in variables], outer
    own = {_inner_node(v)[0] for v in variables}
    reached = carry([y for y, _ in pairs], [g for _, g in pairs], keep=True, recorded=outer, limit=limit)
    if not outer and set(reached) - own:
        outer = True
        reached = carry([y for y, _ in pairs], [g for _, g in pairs], keep=True, recorded=True, limit=limit)
    found = []
    for v in variables:
        hit = reached.get(_inner_node(v)[0])
        found.append(zeros_like(v.detach()) if hit is None else _at_home(hit[1], v))
    return found, outer


def _pull_surface(*args: Any) -> tuple[list[Tensor], bool]:
    """`_pull`, to gradients as users see them."""
    found, outer = _pull(*args)
    return [surface(scope["tensors"], g) for g in found], outer


def _at_home(g: Tensor, x: Tensor) -> Tensor:
    """A cotangent on the backend of its variable, where two backends have arrays of one type."""
    return g if g._xp is x._xp else scope["wrap"](g._data, x._xp, g._node)


def _split(x: Tensor, level: int) -> tuple[Tensor, Tensor | None]:
    node = x._node
    if type(node) is Dual and node.level == level:
        return scope["wrap"](x._data, x._xp, node.node), node.tangent
    return x, None


def _call_marked(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums, what: str
) -> tuple[Any, list[Any], list[Tensor], int]:
    """The result of f on marked arguments, the arguments' trees, the variables in them and the age limit.

    The variables are the marked arguments as f was given them: f may write to what it has.
    """
    numbers = _chosen(args, argnums, what)
    changed = list(args)
    variables: list[Tensor] = []

    def mark(x: Any) -> Tensor:
        made = _marked(x, what)
        variables.append(_as_it_is(made))
        return made

    for n in numbers:
        changed[n] = tree_map(mark, args[n])
    trees = [args[n] for n in numbers]
    limit = new_seq()
    return recording(f, *changed, **kwargs), trees, variables, limit


def _without_history(tree: Any, wanted: bool) -> Any:
    """What a function gave beside its value, or gave where nothing is recorded: as constants, if so wanted."""
    if not wanted:
        return tree
    if type(tree) is scope["Tensor"]:
        return tree.detach()
    return tree_map(lambda x: x.detach() if isinstance(x, scope["Tensor"]) else x, tree)


def _as_trees(found: list[Tensor], trees: list[Any], argnums: Argnums) -> Any:
    it = iter(found)
    shaped = [tree_map(lambda _: next(it), tree) for tree in trees]
    return shaped[0] if isinstance(argnums, int) else tuple(shaped)


def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns f's value and its gradient in some arguments.

    f returns a Tensor of one element; with `has_aux` it returns (that, anything), and the
    function made returns ((value, anything), gradient). A gradient has the structure of its
    argument. Complex arguments get the direction of steepest ascent, as in PyTorch. Called with NumPy
    arrays, it gives NumPy's: `scipy.optimize.minimize(ut.value_and_grad(f), x0, jac=True)`.

    >>> import unitensor as ut
    >>> value, gradient = ut.value_and_grad(lambda x: (x * x).sum())(ut.asarray([1.0, 2.0]))
    >>> value.item(), gradient.tolist()
    (5.0, [2.0, 4.0])
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        result, trees, variables, limit = _call_marked(f, args, kwargs, argnums, "grad")
        value, aux = result if has_aux else (result, None)
        if not isinstance(value, scope["Tensor"]):
            raise TypeError(
                f"grad: the function returned {type(value).__name__}; expected a Tensor of one element"
            )
        if value.size != 1:
            raise GradientError(
                f"grad: the function returned shape {value.shape}; expected one element: "
                "reduce it, or use ut.jacobian"
            )
        require_real(value, "grad")
        start = scope["tensors"].ones_like(value.detach())
        found, outer = recording(_pull_surface, [value], [start], variables, limit)
        alone = not outer or not is_grad_enabled()
        gradient = _as_trees(_without_history(found, not is_grad_enabled()), trees, argnums)
        value, aux = _without_history((value, aux), alone)
        return ((value, aux), gradient) if has_aux else (value, gradient)

    return numpy_too(transformed)


def grad(f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of a scalar function in some arguments.

    >>> import unitensor as ut
    >>> cube = lambda x: x**3
    >>> ut.grad(cube)(ut.asarray(2.0)).item(), ut.grad(ut.grad(cube))(ut.asarray(2.0)).item()
    (12.0, 12.0)
    """
    both = value_and_grad(f, argnums, has_aux=has_aux)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return transformed


def vjp(f: Callable[..., Any], *args: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """f's value, and a function from cotangents of the value to those of the arguments.

    The cotangent has the structure of f's result; the function returns a tuple, one item an
    argument, and may be called more than once.

    >>> import unitensor as ut
    >>> y, pull = ut.vjp(lambda x: x * x, ut.asarray([1.0, 2.0]))
    >>> pull(ut.asarray([1.0, 10.0]))[0].tolist()
    [2.0, 40.0]
    """
    numbers = tuple(range(len(args)))
    result, trees, variables, limit = _call_marked(f, args, {}, numbers, "vjp")
    out, aux = result if has_aux else (result, None)
    ys = [_as_it_is(y) for y in _results(out, "vjp")]
    own = list(map(_inner_node, variables))
    outer = any(len(node) > 4 for node in own) or any(type(y._node) is Dual for y in ys)
    if not outer:
        # What f took from around it, and not as an argument, keeps its gradient.
        numbered = {node[0] for node in own}
        outer = any(node[0] not in numbered for node in frontier(map(_inner_node, ys), limit))

    def pull(cotangents: Any) -> Any:
        gs = leaves(cotangents)
        if len(gs) != len(ys):
            raise ValueError(f"vjp: {len(gs)} cotangents given; the function returned {len(ys)} Tensors")
        starts = [
            g if y._node is None else surface(scope["tensors"], _checked(g, y, "vjp")) for y, g in zip(ys, gs)
        ]
        found, _ = recording(_pull_surface, ys, starts, variables, limit)
        return _as_trees(_without_history(found, not is_grad_enabled()), trees, numbers)

    shown, aux = _without_history((out, aux), not outer or not is_grad_enabled())
    return (shown, pull, aux) if has_aux else (shown, pull)


def _checked(t: Any, x: Tensor, what: str) -> Tensor:
    if not isinstance(t, scope["Tensor"]) or t.shape != x.shape:
        raise ValueError(
            f"{what}: {describe(t)} given for a Tensor of shape {x.shape}; expected the same shape"
        )
    if t._xp is not x._xp:
        raise TypeError(
            f"{what}: {t.backend!r} Tensor given for one on {x.backend!r}; use .to({x.backend!r})"
        )
    cast: Tensor = t if t.dtype == x.dtype else t.astype(x.dtype)
    return cast


def jvp(
    f: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...], *, has_aux: bool = False
) -> tuple[Any, ...]:
    """f's value and its derivative in a direction, in one pass forward.

    `primals` and `tangents` are tuples with an item an argument, of the same structure.

    >>> import unitensor as ut
    >>> y, dy = ut.jvp(ut.sin, (ut.asarray(0.0),), (ut.asarray(2.0),))
    >>> dy.item()
    2.0
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple) or len(primals) != len(tangents):
        raise TypeError("jvp: primals and tangents must be tuples of one length: an item an argument")
    given: set[int] = set()
    with Level() as level:

        def dual(x: Any, t: Any) -> Tensor:
            t = _checked(t, _variable(x, "jvp"), "jvp")
            given.add(id(t._data))
            made: Tensor = level.dual(x, t)
            return made

        duals = [tree_map(dual, p, t) for p, t in zip(primals, tangents)]
        # Tangents of what is not selected meet NaNs and divisions by zero, and come to nothing.
        before = errors.get()
        try:
            errors.set(quiet())
            result = recording(f, *duals)
        finally:
            errors.set(before)
        out, aux = result if has_aux else (result, None)
        pairs = [level.split(y) for y in _results(out, "jvp")]
        if has_aux:
            aux = tree_map(lambda x: level.split(x)[0] if isinstance(x, scope["Tensor"]) else x, aux)
    zeros_like = scope["tensors"].zeros_like
    filled = iter(
        [(y, zeros_like(y.detach()) if t is None else own_memory(t, given, None)) for y, t in pairs]
    )
    both = tree_map(lambda _: next(filled), out)
    values, slopes = tree_map(_First(), out, both), tree_map(_Second(), out, both)
    values, slopes, aux = _without_history((values, slopes, aux), not is_grad_enabled())
    return (values, slopes, aux) if has_aux else (values, slopes)


class _First:
    def __call__(self, _: Any, pair: Any) -> Any:
        return pair[0]


class _Second:
    def __call__(self, _: Any, pair: Any) -> Any:
        return pair[1]


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """f's value, and the linear function of tangents that approximates f there.

    f runs once. Its cotangents are linear in those of its value, so what carries tangents forward
    is the backward pass through one recorded backward pass. Inside `jvp`, f runs at each call.

    >>> import unitensor as ut
    >>> y, push = ut.linearize(lambda x: x * x, ut.asarray([1.0, 3.0]))
    >>> push(ut.asarray([1.0, 1.0])).tolist()
    [2.0, 6.0]
    """
    numbers = tuple(range(len(primals)))
    primals = tree_map(lambda x: _variable(x, "linearize").clone() if is_outside(root_of(x)) else x, primals)
    primals = tree_map(_as_it_is, primals)
    out, _, variables, limit = _call_marked(f, primals, {}, numbers, "linearize")
    ys = [_as_it_is(y) for y in _results(out, "linearize")]
    if any(type(t._node) is Dual for t in (*ys, *variables)):
        shown = _without_history(out, not is_grad_enabled())
        return shown, lambda *tangents: jvp(f, primals, tangents)[1]
    tracked = [y for y in ys if y._node is not None]
    starts = [_marked(scope["tensors"].ones_like(y.detach()), "linearize") for y in tracked]
    marks = [u._node[0] for u in starts]
    age = new_seq()
    reached: dict[int, Any] = {}
    if tracked:
        with enable_grad():
            reached = carry(tracked, starts, keep=True, recorded=True, limit=limit)
    pulled = [reached.get(x._node[0], (None, None))[1] for x in variables]
    outer = any(len(x._node) > 4 for x in variables) or bool(set(reached) - {x._node[0] for x in variables})

    def push(*tangents: Any) -> Any:
        given = [t for tree, p in zip(tangents, primals, strict=True) for t in _like(tree, p, "linearize")]
        pairs = [(c, t) for c, t in zip(pulled, given) if c is not None and c._node is not None]
        found: dict[int, Any] = {}
        if pairs:
            recorded = outer or any(t._node is not None for _, t in pairs)
            with enable_grad():
                found = carry(
                    [c for c, _ in pairs], [t for _, t in pairs], keep=True, recorded=recorded, limit=age
                )
        moved = {id(y): found[u][1] for y, u in zip(tracked, marks) if u in found}
        slopes = iter(
            [moved[id(y)] if id(y) in moved else scope["tensors"].zeros_like(y.detach()) for y in ys]
        )
        return _without_history(tree_map(lambda _: next(slopes), structure), not is_grad_enabled())

    structure = tree_map(_as_it_is, out)
    return _without_history(out, not outer or not is_grad_enabled()), push


def _like(tree: Any, primals: Any, what: str) -> list[Tensor]:
    """The leaves of a nest of tangents, checked against what they are tangents of."""
    found: list[Tensor] = []

    def add(x: Tensor, t: Any) -> None:
        found.append(_checked(t, x, what))

    tree_map(add, primals, tree)
    return found


def _results(out: Any, what: str) -> list[Tensor]:
    """The Tensors that a function returned."""
    ys = leaves(out)
    for y in ys:
        if not isinstance(y, scope["Tensor"]):
            raise TypeError(f"{what}: the function returned {type(y).__name__}; expected Tensors")
    return ys


def _basis(x: Tensor) -> Iterator[Tensor]:
    """The unit vectors of a Tensor's space, each in its shape."""
    zeros = scope["tensors"].zeros_like(x.detach())
    for i in range(x.size):
        unit = scope["tensors"].scatter_add(
            scope["tensors"].ones_like(scope["tensors"].getitem(zeros.reshape(-1), slice(i, i + 1))),
            slice(i, i + 1),
            (x.size,),
        )
        yield unit.reshape(x.shape)


def jacobian(f: Callable[..., Any], argnums: Argnums = 0, *, mode: str = "auto") -> Callable[..., Any]:
    """A function that returns all derivatives of f in some arguments.

    The result has f's shape followed by the argument's; where f returns a nest of Tensors, it is a
    nest of such. A complex f of complex arguments must be holomorphic. `mode` is "forward" (one pass
    an input element), "reverse" (one an output element) or "auto", whichever is fewer.

    >>> import unitensor as ut
    >>> ut.jacobian(lambda x: x * x)(ut.asarray([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    if mode not in ("auto", "forward", "reverse"):
        raise ValueError(f"jacobian: mode is {mode!r}; expected 'auto', 'forward' or 'reverse'")

    def transformed(*args: Any, **kwargs: Any) -> Any:
        numbers = _chosen(args, argnums, "jacobian")
        chosen = [args[n] for n in numbers]
        xs = [_variable(x, "jacobian") for tree in chosen for x in leaves(tree)]
        out: list[Any] = [None]

        def flat(*values: Any) -> list[Tensor]:
            it = map(_as_it_is, values)  # f is called more than once, and may write to what it is given
            changed = [tree_map(_as_it_is, arg) for arg in args]
            for n in numbers:
                changed[n] = tree_map(lambda _: next(it), args[n])
            out[0] = f(*changed, **tree_map(_as_it_is, kwargs))
            return _results(out[0], "jacobian")

        forward = mode == "forward"
        if not forward:
            ys, pull = vjp(flat, *xs)
            forward = mode == "auto" and sum(x.size for x in xs) < sum(y.size for y in ys)
        rows = iter(_forward_columns(flat, xs) if forward else _reverse_rows(ys, pull, xs))
        return tree_map(lambda _: _as_trees(next(rows), chosen, argnums), out[0])

    return numpy_too(transformed)


def _reverse_rows(ys: list[Tensor], pull: Callable[..., Any], xs: list[Tensor]) -> list[list[Tensor]]:
    """The derivatives of each result in each input, a pass an output element."""
    tensors = scope["tensors"]
    nothing = [tensors.zeros_like(y.detach()) for y in ys]
    found = []
    for k, y in enumerate(ys):

        def row(unit: Tensor, k: int = k, y: Tensor = y) -> list[Tensor]:
            pulled = pull([*nothing[:k], unit, *nothing[k + 1 :]])
            if not _is_complex(y) or all(map(_is_complex, xs)):
                return list(pulled)
            turned = pull([*nothing[:k], unit * 1j, *nothing[k + 1 :]])
            return [g if _is_complex(x) else g + 1j * t for g, t, x in zip(pulled, turned, xs)]

        rows = [row(unit) for unit in _basis(y)]
        if not rows:
            found.append([_zeros(y, x, x) for x in xs])
            continue
        stacked = [tensors.stack([r[i] for r in rows]) for i in range(len(xs))]
        made = [surface(tensors, j) if _is_complex(x) else j for j, x in zip(stacked, xs)]
        found.append([j.reshape((*y.shape, *x.shape)) for j, x in zip(made, xs)])
    return found


def _zeros(y: Tensor, x: Tensor, like: Tensor) -> Tensor:
    """The derivatives of a result in an input, one of which has no elements."""
    shape = (*y.shape, *x.shape)
    return scope["tensors"].zeros(shape, dtype=like.dtype, device=like.device)  # type: ignore[no-any-return]  # untyped


def _forward_columns(f: Callable[..., Any], xs: list[Tensor]) -> list[list[Tensor]]:
    """The derivatives of each result in each input, a pass an input element.

    Of a complex element it takes two, where a result is real: along its real and its imaginary part.
    """
    tensors = scope["tensors"]
    found: list[list[Tensor]] = []
    for i, x in enumerate(xs):

        def along(v: Tensor, i: int = i) -> Any:
            return f(*xs[:i], v, *xs[i + 1 :])

        columns = []
        for unit in _basis(x):
            _, column = jvp(along, (x,), (unit,))
            if _is_complex(x) and not all(map(_is_complex, column)):
                _, turned = jvp(along, (x,), (unit * 1j,))
                column = [c if _is_complex(c) else c - 1j * t for c, t in zip(column, turned)]
            columns.append(column)
        if columns:
            stacked = [tensors.stack([c[k] for c in columns], axis=-1) for k in range(len(columns[0]))]
            made = [j.reshape((*j.shape[:-1], *x.shape)) for j in stacked]
        else:
            made = [_zeros(y, x, y) for y in f(*xs)]
        found.append(made)
    return [list(of_one) for of_one in zip(*found)]


def _is_complex(x: Tensor) -> bool:
    return x.dtype.kind == "c"


def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that returns the second derivatives of a scalar f: forward over reverse.

    >>> import unitensor as ut
    >>> ut.hessian(lambda x: (x**3).sum())(ut.asarray([1.0, 2.0])).tolist()
    [[6.0, 0.0], [0.0, 12.0]]
    """
    return jacobian(grad(f, argnums), argnums, mode="forward")


def hvp(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """A function of f's arguments and a direction: the Hessian of f times the direction.

    >>> import unitensor as ut
    >>> ut.hvp(lambda x: (x**3).sum())(ut.asarray([1.0, 2.0]), ut.asarray([1.0, 1.0])).tolist()
    [6.0, 12.0]
    """

    def transformed(*args: Any) -> Any:
        *point, direction = args

        def slope(x: Any) -> Any:
            def along(x: Any) -> Any:
                changed = list(point)
                changed[argnums] = x
                return f(*changed)

            return jvp(along, (x,), (direction,))[1]

        # The gradient of the slope: the slope of the gradient would find the gradient, too.
        return grad(slope)(point[argnums])

    return numpy_too(transformed)


def stop_gradient(x: Any) -> Any:
    """The values of a Tensor, or of a nest of them, as constants (JAX's name for `detach`).

    >>> import unitensor as ut
    >>> ut.grad(lambda x: x * ut.stop_gradient(x))(ut.asarray(3.0)).item()
    3.0
    """
    return tree_map(lambda t: t.detach(), x)
