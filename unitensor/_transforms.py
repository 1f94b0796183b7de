"""Functions of functions: `grad`, `value_and_grad`, ...

Each marks the arguments, calls the function, and carries cotangents back. Nested calls work
because what belongs to an outer one is older, and the inner pass stops there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _graph
from ._backward import carry, cotangent, surface
from ._graph import GradientError, enable_grad, new_seq
from ._op import scope

if TYPE_CHECKING:
    from ._tensor import Tensor


def _marked(x: Any, position: int) -> Tensor:
    """A fresh variable with the value of an argument, connected to the argument's own history."""
    if not isinstance(x, scope["Tensor"]):
        raise TypeError(
            f"grad: argument {position} is {type(x).__name__}; expected a Tensor: ut.asarray(...)"
        )
    if x.dtype.kind not in "fcV":
        raise GradientError(
            f"grad: argument {position} is {x.dtype}; integers and booleans have no gradient: x.to(ut.float64)"
        )
    meta = (x._data.shape, x._data.dtype)
    edges = () if x._node is None else ((x._node, None, None),)
    return scope["wrap"](x._data, x._xp, [new_seq(), meta, "argument", edges])  # type: ignore[no-any-return]


def value_and_grad(
    f: Callable[..., Any], argnums: int | tuple[int, ...] = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns f's value and its gradient in some arguments.

    With `has_aux`, f returns (value, anything), and so does the first part of the result.

    >>> import unitensor as ut
    >>> value, gradient = ut.value_and_grad(lambda x: (x * x).sum())(ut.asarray([1.0, 2.0]))
    >>> value.item(), gradient.tolist()
    (5.0, [2.0, 4.0])
    """
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        marked = list(args)
        for n in numbers:
            if n >= len(args):
                raise TypeError(f"grad: argnums names argument {n}, but {len(args)} were given")
            marked[n] = _marked(args[n], n)
        limit = _graph.new_seq()
        with enable_grad():
            result = f(*marked, **kwargs)
            value, aux = result if has_aux else (result, None)
            if not isinstance(value, scope["Tensor"]):
                raise TypeError(
                    f"grad: the function returned {type(value).__name__}; expected a scalar Tensor"
                )
            variables = [marked[n] for n in numbers]
            gradients, outer = _gradients(value, variables, limit)
        if not outer:
            value = value.detach()
        found = gradients[0] if isinstance(argnums, int) else tuple(gradients)
        return ((value, aux), found) if has_aux else (value, found)

    return transformed


def _gradients(value: Tensor, variables: list[Tensor], limit: int) -> tuple[list[Tensor], bool]:
    """The gradient in each variable, and whether an outer history goes into the value."""
    from ._ops.creation import zeros_like

    outer = any(v._node[3] for v in variables)
    if value._node is None:
        return [zeros_like(v.detach()) for v in variables], False
    start = cotangent(value, None, "grad")
    own = {v._node[0] for v in variables}
    leaves = carry([value], [start], keep=True, recorded=outer, limit=limit)
    if not outer and set(leaves) - own:
        outer = True
        leaves = carry([value], [start], keep=True, recorded=True, limit=limit)
    found = []
    for v in variables:
        reached = leaves.get(v._node[0])
        g = zeros_like(v.detach()) if reached is None else reached[1]
        found.append(surface(scope["tensors"], g))
    return found, outer


def grad(
    f: Callable[..., Any], argnums: int | tuple[int, ...] = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
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
