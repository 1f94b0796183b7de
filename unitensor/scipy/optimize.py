"""Roots and minima: SciPy's solvers, with gradients of what they find by implicit differentiation.

A function over Tensors goes in, with its derivatives by autodiff where the solver wants them. Gradients
of the solution go to the Tensors in `args`, whatever the solver did on its way: they follow from the
equation that the solution fulfils, and to any order. A starting point only chooses the solution, and has no
gradient. A Tensor that a function uses without being given it in `args` must not need one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.optimize
from scipy.optimize import OptimizeResult

import unitensor as ut

from .._errors import describe
from .._graph import GradientError
from .._modes import enable_grad, no_grad
from .._trees import leaves, tree_map
from ._host_op import lift, one_of, tracked, values

if TYPE_CHECKING:
    from .._tensor import Tensor

Function = Callable[..., Any]


# What a solution is a function of -----------------------------------------------------------------------


def _varies(x: Any) -> bool:
    return isinstance(x, ut.Tensor) and ut.isdtype(x.dtype, ("real floating", "complex floating"))


def implicit(
    name: str, residual: Function, solution: Tensor, args: tuple[Any, ...], failed: str = ""
) -> Tensor:
    """The solution x of residual(x, *args) = 0 as a differentiable function of the Tensors in args."""
    given = [x for x in leaves(args) if _varies(x)]

    def rest(x: Tensor, *found: Tensor) -> Tensor:
        it = iter(found)
        return residual(x, *tree_map(lambda a: next(it) if _varies(a) else a, args))  # type: ignore[no-any-return]  # the user's

    with enable_grad():
        left = rest(solution, *(x.detach() for x in given))
    if tracked(left):
        raise GradientError(
            f"{name}: the function uses a Tensor that requires a gradient and is not in args; "
            "pass it in args=(...), or detach it"
        )
    if not given:
        return solution

    def slope(x: Tensor, *found: Tensor) -> Tensor:
        if failed:
            raise GradientError(f"{name}: no gradient, because there is no solution: {failed}")
        rows = ut.jacobian(lambda x: rest(x, *found))(x)
        return rows.reshape((x.size, x.size))  # type: ignore[no-any-return]  # a Tensor

    def solved(matrix: Tensor, right: Tensor) -> Tensor:
        try:
            return ut.linalg.solve(matrix, right.reshape((-1,))).reshape(right.shape)
        except ut.linalg.LinAlgError as error:
            raise GradientError(
                f"{name}: no gradient, because the solution is not isolated: its Jacobian is singular"
            ) from error

    def backward(g: Tensor, x: Tensor, *found: Tensor) -> tuple[Tensor, ...]:
        weights = solved(ut.matrix_transpose(slope(x, *found)), -g)
        return tuple(ut.vjp(lambda *found: rest(x, *found), *found)[1](weights))

    def forward(tangents: tuple[Tensor, ...], x: Tensor, *found: Tensor) -> Tensor:
        return solved(slope(x, *found), -ut.jvp(lambda *found: rest(x, *found), found, tangents)[1])

    def find(*found: Tensor) -> Tensor:
        return solution

    find.__name__ = name
    return ut.custom_gradient(find, backward, forward)(*given)  # type: ignore[no-any-return]  # a Tensor


# From SciPy's side of it -----------------------------------------------------------------------------------


class _Problem:
    """The functions of a problem as SciPy calls them, with NumPy arrays, and a starting point."""

    def __init__(self, name: str, x0: Any, args: Any, *, vector: bool) -> None:
        self.name = name
        self.args = args if isinstance(args, tuple) else (args,)
        homes = [a for a in leaves(self.args) if isinstance(a, ut.Tensor)]
        start = lift(name, *homes[:1], x0)[-1].detach()
        if not _varies(start):
            start = start.astype(ut.float64)
        self.start = start.reshape((-1,)) if vector else start
        if vector and start.ndim > 1:
            raise ValueError(f"{name}: x0 has shape {start.shape}; expected a vector")
        self.plain = tree_map(lambda a: a.detach() if isinstance(a, ut.Tensor) else a, self.args)

    def tensor(self, x: Any) -> Tensor:
        """A point that SciPy gave, where the problem lives."""
        return ut.asarray(np.asarray(x), device=self.start.device).astype(self.start.dtype)

    def call(self, f: Function) -> Function:
        """A function over Tensors as a function of NumPy arrays; a tuple of results stays one."""

        def called(x: Any, *others: Any) -> Any:
            with no_grad():
                found = f(self.tensor(x), *others, *self.plain)
            return tree_map(self._numbers, found)

        return called

    def _numbers(self, y: Any) -> Any:
        if not isinstance(y, ut.Tensor):
            raise TypeError(
                f"{self.name}: a function returned {type(y).__name__} {describe(y)}; expected a Tensor"
            )
        array = values(y)
        return array.astype(np.float64) if array.ndim else float(array)

    def along(self, f: Function) -> Function:
        """hvp-like f(x, *args, v) with the direction second, as SciPy gives it."""

        def called(x: Tensor, v: Any, *args: Any) -> Any:
            return f(x, *args, self.tensor(v))

        return called

    def result(self, found: Any, x: Tensor) -> Any:
        """SciPy's result with Tensors in place of its arrays of numbers."""
        made = OptimizeResult(found)
        for key in ("jac", "grad", "fun"):
            if key in made and np.asarray(made[key]).dtype.kind == "f":
                made[key] = self.tensor(made[key])
        made.x = x
        return made


def _own(fun: Function, take: int) -> Function:
    """One of the two functions that come in one with jac=True."""
    return lambda *args: fun(*args)[take]


# Roots -----------------------------------------------------------------------------------------------------

ROOT_METHODS = (
    *("hybr", "lm", "broyden1", "broyden2", "anderson", "linearmixing", "diagbroyden"),
    *("excitingmixing", "krylov", "df-sane"),
)


def root(
    fun: Function,
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Any = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """A root of a vector function of Tensors, as `scipy.optimize.root`; `x` is differentiable in args.

    "hybr" and "lm" take the Jacobian by autodiff, unless jac gives it.

    >>> import unitensor as ut
    >>> def root_of(a):
    ...     return root(lambda x, a: x**2 - a, ut.asarray([1.0]), args=(a,)).x[0]
    >>> round(ut.grad(root_of)(ut.asarray(4.0)).item(), 6)
    0.25
    """
    one_of("optimize.root", "method", method, ROOT_METHODS)
    problem = _Problem("optimize.root", x0, args, vector=True)
    f = _own(fun, 0) if jac is True else fun
    slope = _own(fun, 1) if jac is True else jac if callable(jac) else ut.jacobian(f)
    found = scipy.optimize.root(
        problem.call(f),
        values(problem.start),
        method=method,
        jac=problem.call(slope) if method in ("hybr", "lm") else None,
        tol=tol,
        callback=callback,
        options=options,
    )
    x = implicit(problem.name, f, problem.tensor(found.x), problem.args, _trouble(found))
    return problem.result(found, x)


def _trouble(found: Any) -> str:
    return "" if found.success else " ".join(str(found.message).split())


def root_scalar(
    f: Function,
    args: Any = (),
    method: str | None = None,
    bracket: Any = None,
    fprime: Any = None,
    fprime2: Any = None,
    x0: Any = None,
    x1: Any = None,
    xtol: float | None = None,
    rtol: float | None = None,
    maxiter: int | None = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """A root of a function of one number, as `scipy.optimize.root_scalar`; `root` is differentiable in args.

    Derivatives that "newton" and "halley" need, and are not given, come by autodiff.

    >>> import unitensor as ut
    >>> ut.round(root_scalar(lambda x, a: x**3 - a, args=(ut.asarray(8.0),), bracket=(0, 5)).root).item()
    2.0
    """
    name = "optimize.root_scalar"
    first = x0 if x0 is not None else bracket[0] if bracket is not None else 0.0
    problem = _Problem(name, float(first), args, vector=False)
    if method is None and bracket is None and x1 is None:
        method = "newton"
    if method in ("newton", "halley") and not fprime:
        fprime = ut.grad(f)
    if method == "halley" and not fprime2:
        fprime2 = ut.grad(ut.grad(f))
    calls = {
        key: problem.call(g) if callable(g) else g for key, g in (("fprime", fprime), ("fprime2", fprime2))
    }
    numbers = {key: None if v is None else float(v) for key, v in (("x0", x0), ("x1", x1))}
    ends = None if bracket is None else [float(b) for b in bracket]
    found = scipy.optimize.root_scalar(
        problem.call(f),
        method=method,
        bracket=ends,
        xtol=xtol,
        rtol=rtol,
        maxiter=maxiter,
        options=options,
        **calls,
        **numbers,
    )
    root = implicit(name, f, problem.tensor(found.root), problem.args, "" if found.converged else found.flag)
    return OptimizeResult(
        root=root,
        converged=found.converged,
        flag=found.flag,
        iterations=found.iterations,
        function_calls=found.function_calls,
        method=found.method,
    )


def fixed_point(
    func: Function,
    x0: Any,
    args: Any = (),
    xtol: float = 1e-08,
    maxiter: int = 500,
    method: str = "del2",
) -> Tensor:
    """A fixed point of a function of Tensors, as `scipy.optimize.fixed_point`; differentiable in args.

    >>> import unitensor as ut
    >>> round(fixed_point(lambda x, a: a * ut.cos(x), 0.5, args=(ut.asarray(1.0),)).item(), 6)
    0.739085
    """
    problem = _Problem("optimize.fixed_point", x0, args, vector=False)
    found = scipy.optimize.fixed_point(
        problem.call(func), values(problem.start), xtol=xtol, maxiter=maxiter, method=method
    )
    return implicit(problem.name, lambda x, *args: func(x, *args) - x, problem.tensor(found), problem.args)


# Minima ----------------------------------------------------------------------------------------------------

#: By method: whether SciPy wants the gradient, the Hessian, or its product with a direction.
MINIMIZERS = {
    "nelder-mead": "",
    "powell": "",
    "cobyla": "",
    "cobyqa": "",
    "cg": "g",
    "bfgs": "g",
    "l-bfgs-b": "g",
    "tnc": "g",
    "slsqp": "g",
    "newton-cg": "gp",
    "trust-ncg": "gp",
    "trust-krylov": "gp",
    "dogleg": "gh",
    "trust-exact": "gh",
    "trust-constr": "gh",
}


def minimize(
    fun: Function,
    x0: Any,
    args: Any = (),
    method: str | None = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Any = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """A minimum of a function of a vector, as `scipy.optimize.minimize`; `x` and `fun` differentiable in args.

    Gradients and Hessians that the method needs, and are not given, come by autodiff. What lies at one of
    the bounds stays there. Constraints are not supported.

    >>> import unitensor as ut
    >>> def lowest(a):
    ...     return minimize(lambda x, a: ((x - a) ** 2).sum() + (x**4).sum(), ut.zeros(1), args=(a,)).x[0]
    >>> round(ut.grad(lowest)(ut.asarray(3.0)).item(), 5)
    0.14286
    """
    name = "optimize.minimize"
    if constraints not in ((), [], None):
        raise ValueError(
            f"{name}: constraints are not supported; use scipy.optimize.minimize with jac=ut.grad(...)"
        )
    how = (method or ("bfgs" if bounds is None else "l-bfgs-b")).lower()
    one_of(name, "method", how, tuple(MINIMIZERS))
    problem = _Problem(name, x0, args, vector=True)
    if bounds is not None:
        _limits(name, bounds, problem.start.shape)
    f = _own(fun, 0) if jac is True else fun
    own_slope = _own(fun, 1) if jac is True else jac if callable(jac) else ut.grad(f)
    needs = MINIMIZERS[how]
    second: dict[str, Any] = {}
    if "h" in needs or callable(hess):
        second["hess"] = problem.call(hess if callable(hess) else ut.hessian(f))
    elif "p" in needs:
        product = hessp if hessp is not None else problem.along(lambda x, *a: _hvp(f, x, *a))
        second["hessp"] = problem.call(product)
    found = scipy.optimize.minimize(
        problem.call(f),
        values(problem.start),
        method=how,
        jac=problem.call(own_slope) if "g" in needs else None,
        bounds=bounds,
        tol=tol,
        callback=callback,
        options=options,
        **second,
    )
    x = _stationary(problem, f, found.x, bounds, found)
    made = problem.result(found, x)
    made.fun = f(x, *problem.args)
    return made


def _hvp(f: Function, x: Tensor, *rest: Any) -> Any:
    *args, direction = rest
    return ut.jvp(lambda x: ut.grad(f)(x, *args), (x,), (direction,))[1]


def _stationary(problem: _Problem, f: Function, found: Any, bounds: Any, result: Any) -> Tensor:
    """A minimum that was found, as the root of the gradient, with what lies at a bound held there."""
    x = problem.tensor(found)
    with no_grad():
        slope = values(ut.grad(f)(x, *problem.plain))
    at = np.asarray(values(x), np.float64)
    held = np.zeros(at.shape, bool)
    if bounds is not None:
        low, high = _limits(problem.name, bounds, at.shape)
        near = 1e-7 * (1 + np.abs(at))
        held = ((at - low <= near) & (slope > 0)) | ((high - at <= near) & (slope < 0))
    free = np.max(np.abs(np.where(held, 0, slope)), initial=0.0)
    trouble = _trouble(result)
    # Solvers also stop because numbers have no more digits; at a minimum that is success.
    if trouble and free <= 1e-5 * (1 + abs(float(np.asarray(result.fun)))):
        trouble = ""
    if not held.any():
        return implicit(problem.name, ut.grad(f), x, problem.args, trouble)
    mask = ut.asarray(held, device=x.device)
    place = x.detach()

    def residual(x: Tensor, *args: Any) -> Tensor:
        return ut.where(mask, x - place, ut.grad(f)(x, *args))

    return implicit(problem.name, residual, x, problem.args, trouble)


def _limits(name: str, bounds: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    if isinstance(bounds, scipy.optimize.Bounds):
        pair: Any = (bounds.lb, bounds.ub)
    else:
        pairs = list(bounds)
        if any(isinstance(end, ut.Tensor) and end.requires_grad for end in leaves(pairs)):
            raise GradientError(f"{name}: there is no gradient in the bounds; detach them")
        pair = tuple(
            [default if p[i] is None else float(p[i]) for p in pairs]
            for i, default in ((0, -np.inf), (1, np.inf))
        )
    if not shape:
        pair = [np.reshape(side, ()) for side in pair]
    low, high = (np.broadcast_to(np.asarray(side, np.float64), shape) for side in pair)
    return low, high


def minimize_scalar(
    fun: Function,
    bracket: Any = None,
    bounds: Any = None,
    args: Any = (),
    method: str | None = None,
    tol: float | None = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """A minimum of a function of one number, as `scipy.optimize.minimize_scalar`; differentiable in args.

    >>> import unitensor as ut
    >>> found = minimize_scalar(lambda x, a: (x - a) ** 2, args=(ut.asarray(2.0),))
    >>> round(found.x.item(), 6)
    2.0
    """
    problem = _Problem("optimize.minimize_scalar", 0.0, args, vector=False)
    found = scipy.optimize.minimize_scalar(
        problem.call(fun), bracket=bracket, bounds=bounds, method=method, tol=tol, options=options
    )
    x = _stationary(problem, fun, found.x, None if bounds is None else [bounds], found)
    made = problem.result(found, x)
    made.fun = fun(x, *problem.args)
    return made


def least_squares(
    fun: Function,
    x0: Any,
    jac: Any = None,
    bounds: Any = (-np.inf, np.inf),
    method: str = "trf",
    ftol: float | None = 1e-8,
    xtol: float | None = 1e-8,
    gtol: float | None = 1e-8,
    x_scale: Any = 1.0,
    loss: str = "linear",
    max_nfev: int | None = None,
    args: Any = (),
) -> Any:
    """The smallest sum of squares of a vector function, as `scipy.optimize.least_squares`.

    `x`, `fun` and `cost` are differentiable in args. The Jacobian comes by autodiff, unless jac gives it.

    >>> import unitensor as ut
    >>> t = ut.asarray([0.0, 1.0, 2.0])
    >>> found = least_squares(lambda x, y: x[0] + x[1] * t - y, ut.zeros(2), args=(ut.asarray([1.0, 3.0, 5.0]),))
    >>> ut.round(found.x).tolist()
    [1.0, 2.0]
    """
    name = "optimize.least_squares"
    one_of(name, "loss", loss, ("linear",))
    problem = _Problem(name, x0, args, vector=True)
    found = scipy.optimize.least_squares(
        problem.call(fun),
        values(problem.start),
        jac=problem.call(jac if callable(jac) else ut.jacobian(fun)),
        bounds=bounds,
        method=method,
        ftol=ftol,
        xtol=xtol,
        gtol=gtol,
        x_scale=x_scale,
        max_nfev=max_nfev,
    )

    def cost(x: Tensor, *args: Any) -> Any:
        return 0.5 * ut.sum(fun(x, *args) ** 2)

    limits = bounds if isinstance(bounds, scipy.optimize.Bounds) else scipy.optimize.Bounds(*bounds)
    found.message = found.message or ""
    whole = OptimizeResult(success=found.success, message=found.message, fun=found.cost)
    x = _stationary(problem, cost, found.x, limits, whole)
    made = problem.result(found, x)
    made.fun, made.cost = fun(x, *problem.args), cost(x, *problem.args)
    return made
