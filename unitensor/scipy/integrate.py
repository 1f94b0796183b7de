"""Initial value problems: SciPy's `solve_ivp`, differentiable by repeating its steps.

SciPy chooses the steps, on the host. Where a gradient is asked for, the same steps are made once more with
Tensors, their lengths held constant. So what is differentiated is what was computed: both modes, all orders
and Tensors that the function uses without being given them come for free, and there is no second problem,
solved backwards, whose errors would go into the gradient. It costs memory that grows with the steps.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.integrate
from scipy.optimize import OptimizeResult

import unitensor as ut

from .._dtypes import real_of
from .._errors import describe
from .._graph import GradientError
from .._modes import no_grad
from .._trees import leaves, tree_map
from ._host_op import lift, one_of, tracked, values
from .optimize import implicit

if TYPE_CHECKING:
    from .._tensor import Tensor

EXPLICIT: dict[str, Any] = {
    "RK23": scipy.integrate.RK23,
    "RK45": scipy.integrate.RK45,
    "DOP853": scipy.integrate.DOP853,
}
METHODS = (*EXPLICIT, "Radau", "BDF", "LSODA")


class _Function:
    """The right side of the equation, for SciPy and for Tensors."""

    def __init__(self, fun: Callable[..., Any], y0: Any, args: tuple[Any, ...]) -> None:
        homes = [a for a in leaves(args) if isinstance(a, ut.Tensor)]
        start: Tensor = lift("integrate.solve_ivp", *homes[:1], y0)[-1]
        if not ut.isdtype(start.dtype, ("real floating", "complex floating")):
            start = start.astype(ut.float64)
        if start.ndim != 1:
            raise ValueError(f"integrate.solve_ivp: y0 has shape {start.shape}; expected a vector")
        self.fun, self.y0, self.args = fun, start, args
        self.plain = tree_map(lambda a: a.detach() if isinstance(a, ut.Tensor) else a, args)
        self.uses_tracked = False

    def time(self, t: Any) -> Tensor:
        """A time as a Tensor."""
        if isinstance(t, ut.Tensor):
            return t
        return ut.asarray(float(t), dtype=real_of(self.y0.dtype), device=self.y0.device)

    def __call__(self, t: Any, y: Tensor, args: tuple[Any, ...] | None = None) -> Tensor:
        found = self.fun(self.time(t), y, *(self.args if args is None else args))
        if isinstance(found, (list, tuple)):
            found = ut.stack(lift("integrate.solve_ivp", y, *found)[1:])
        if not isinstance(found, ut.Tensor) or found.shape != y.shape:
            raise TypeError(
                f"integrate.solve_ivp: fun returned {describe(found)}; expected a Tensor like y {y.shape}"
            )
        return found

    def tensor(self, y: Any) -> Tensor:
        """A state that SciPy gave, as a Tensor."""
        return ut.asarray(np.array(y), device=self.y0.device).astype(self.y0.dtype)

    def on_host(self, t: float, y: Any) -> Any:
        """The right side as SciPy calls it; notes whether it uses a Tensor that needs a gradient."""
        found = self(t, self.tensor(y), self.plain)
        self.uses_tracked |= found._node is not None
        return values(found)

    def other(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """An event or a Jacobian as SciPy calls it."""

        def called(t: float, y: Any) -> Any:
            with no_grad():
                found = f(self.time(t), self.tensor(y), *self.plain)
            array = values(found) if isinstance(found, ut.Tensor) else np.asarray(found)
            return array if array.ndim > 1 else float(array.reshape(()))

        for name in ("terminal", "direction"):
            if hasattr(f, name):
                setattr(called, name, getattr(f, name))
        return called


# One step, and what lies within it --------------------------------------------------------------------------


def _weighed(weights: Any, parts: list[Tensor]) -> Tensor:
    """The sum of some Tensors times constant weights."""
    stacked = ut.stack(parts)
    row = ut.asarray(np.asarray(weights, np.float64), device=stacked.device).astype(stacked.dtype)
    return ut.tensordot(row, stacked, axes=1)


def _explicit_step(
    f: _Function, kind: Any, t: Any, h: Any, y: Tensor, k: Tensor
) -> tuple[Any, Tensor, list[Tensor]]:
    """The next state, its slope, and all slopes on the way, of a Runge-Kutta step."""
    slopes = [k]
    for s in range(1, kind.n_stages):
        slopes.append(f(t + float(kind.C[s]) * h, y + h * _weighed(kind.A[s][:s], slopes)))
    after = y + h * _weighed(kind.B, slopes)
    slopes.append(f(t + h, after))
    return after, slopes[-1], slopes


def _within(
    kind: Any, f: _Function, t: Any, h: Any, y: Tensor, after: Tensor, slopes: list[Tensor]
) -> Callable[..., Any]:
    """The polynomial in a step, as a function of the part of it that has passed, a column."""
    if kind is not scipy.integrate.DOP853:
        factors = [h * _weighed(kind.P[:, p], slopes) for p in range(kind.P.shape[1])]

        def polynomial(x: Tensor) -> Any:
            found = factors[-1] * x
            for factor in factors[-2::-1]:
                found = (found + factor) * x
            return y + found

        return polynomial
    slopes = list(slopes)
    for a, c in zip(kind.A_EXTRA, kind.C_EXTRA):
        slopes.append(f(t + float(c) * h, y + h * _weighed(a[: len(slopes)], slopes)))
    rise, first, last = after - y, slopes[0], slopes[kind.n_stages]
    terms = [rise, h * first - rise, 2 * rise - h * (last + first)]
    terms += [h * _weighed(row, slopes) for row in kind.D]

    def alternating(x: Tensor) -> Any:
        found: Any = 0.0
        for i, term in enumerate(reversed(terms)):
            found = (found + term) * (x if i % 2 == 0 else 1 - x)
        return y + found

    return alternating


ROOT = 6**0.5
RADAU_C = ((4 - ROOT) / 10, (4 + ROOT) / 10, 1.0)
RADAU_A = np.asarray(
    [
        [(88 - 7 * ROOT) / 360, (296 - 169 * ROOT) / 1800, (-2 + 3 * ROOT) / 225],
        [(296 + 169 * ROOT) / 1800, (88 + 7 * ROOT) / 360, (-2 - 3 * ROOT) / 225],
        [(16 - ROOT) / 36, (16 + ROOT) / 36, 1 / 9],
    ]
)


def _radau_step(f: _Function, found: Any, t: Any, h: Any, y: Tensor) -> tuple[Tensor, Callable[..., Any]]:
    """The next state, and the polynomial, of a step whose stages SciPy has found."""
    start, length = (float(v.item()) if isinstance(v, ut.Tensor) else v for v in (t, h))
    base = found(start)
    stages = f.tensor(np.stack([found(start + c * length) - base for c in RADAU_C]))
    matrix = ut.asarray(RADAU_A, device=y.device).astype(y.dtype)

    def left(z: Tensor, y: Tensor, t: Any, h: Any, args: tuple[Any, ...]) -> Any:
        slopes = ut.stack([f(t + c * h, y + z[i], args) for i, c in enumerate(RADAU_C)])
        return z - h * ut.matmul(matrix, slopes)

    z = implicit("integrate.solve_ivp", left, stages, (y, t, h, f.args))
    # The polynomial is 0 at 0 and goes through the stages.
    powers = np.linalg.inv(np.asarray([[c, c**2, c**3] for c in RADAU_C]))
    factors = ut.matmul(ut.asarray(powers, device=y.device).astype(y.dtype), z)

    def polynomial(x: Tensor) -> Any:
        return y + x * (factors[0] + x * (factors[1] + x * factors[2]))

    return y + z[2], polynomial


class _Solution:
    """A solution at any time, as SciPy's `OdeSolution`: a function of a time, or of a vector of them."""

    def __init__(self, f: _Function, knots: Any, ends: list[Any], inside: list[Callable[..., Any]]) -> None:
        self._f, self._knots, self._ends, self._inside = f, knots, ends, inside

    def __call__(self, t: Any) -> Tensor:
        """The state, or the states in columns."""
        t = lift("integrate.solve_ivp", self._f.y0, t)[1]
        flat = t.reshape((-1,))
        knots = self._knots if self._knots[-1] >= self._knots[0] else -self._knots
        at = values(flat) if knots is self._knots else -values(flat)
        which = np.clip(np.searchsorted(knots, at, side="left") - 1, 0, len(self._inside) - 1)
        order = np.argsort(which, kind="stable")
        parts = []
        for step in np.unique(which):
            mine = ut.asarray(np.flatnonzero(which == step), device=flat.device)
            start, length = self._ends[step]
            x = ((ut.take(flat, mine) - start) / length)[:, None]
            parts.append(self._inside[step](x.astype(self._f.y0.dtype)))
        if not parts:
            return ut.zeros((self._f.y0.shape[0], 0), dtype=self._f.y0.dtype, device=flat.device)
        found = ut.take(ut.concat(parts), ut.asarray(np.argsort(order), device=flat.device), axis=0)
        return found[0] if t.ndim == 0 else ut.matrix_transpose(found)


def _repeated(
    f: _Function, method: str, dense: Any, t0: Any, t1: Any, knots: Any, inside: bool
) -> tuple[list[Tensor], _Solution]:
    """The steps once more, with Tensors: the states at their ends, and the solution in between."""
    times = [t0, *map(float, knots[1:-1]), t1]
    y = f.y0
    states, ends, pieces = [y], [], []
    kind = EXPLICIT.get(method)
    k = y if kind is None else f(t0, y)
    for start, stop, piece in zip(times[:-1], times[1:], dense.interpolants):
        h = stop - start
        if kind is None:
            after, polynomial = _radau_step(f, piece, start, h, y)
            pieces.append(polynomial)
        else:
            after, k, slopes = _explicit_step(f, kind, start, h, y, k)
            if inside:
                pieces.append(_within(kind, f, start, h, y, after, slopes))
        ends.append((start, h))
        y = after
        states.append(y)
    return states, _Solution(f, np.asarray(knots, np.float64), ends, pieces)


# The function ---------------------------------------------------------------------------------------------------


def solve_ivp(
    fun: Callable[..., Any],
    t_span: Any,
    y0: Any,
    method: str = "RK45",
    t_eval: Any = None,
    dense_output: bool = False,
    events: Any = None,
    vectorized: bool = False,
    args: Any = None,
    **options: Any,
) -> Any:
    """The solution of dy/dt = fun(t, y, *args) from y0 over t_span, as `scipy.integrate.solve_ivp`.

    fun takes and returns Tensors, t of shape (). Gradients go to y0, args, the ends of t_span, t_eval and
    whatever Tensors fun uses, by method "RK23", "RK45", "DOP853" or "Radau" ("Radau": those in args alone).

    >>> import unitensor as ut
    >>> def end(k):
    ...     return solve_ivp(lambda t, y, k: -k * y, (0, 1), [1.0], args=(k,), rtol=1e-8).y[0, -1]
    >>> round(ut.grad(end)(ut.asarray(1.0)).item(), 6)
    -0.367879
    """
    name = "integrate.solve_ivp"
    one_of(name, "method", method, METHODS)
    if vectorized:
        raise ValueError(f"{name}: vectorized=True is not supported; fun is called with one state")
    f = _Function(fun, y0, () if args is None else args if isinstance(args, tuple) else (args,))
    t0, t1 = (t if isinstance(t, ut.Tensor) else float(t) for t in t_span)
    wanted = None if t_eval is None else lift(name, f.y0, t_eval)[1]
    if "jac" in options and callable(options["jac"]):
        options["jac"] = f.other(options["jac"])
    elif method in ("Radau", "BDF") and options.get("jac") is None and "jac_sparsity" not in options:
        options["jac"] = f.other(ut.jacobian(fun, 1)) if not _gives_list(f, t0) else None
    several = events if isinstance(events, (list, tuple)) else [events]
    found = scipy.integrate.solve_ivp(
        f.on_host,
        tuple(_number(t) for t in (t0, t1)),
        values(f.y0),
        method=method,
        t_eval=None if wanted is None else values(wanted),
        dense_output=True,
        events=None if events is None else [f.other(e) for e in several],
        **options,
    )
    given = [x for x in leaves([f.y0, t0, t1, wanted, f.args]) if isinstance(x, ut.Tensor)]
    asked = f.uses_tracked or any(map(tracked, given))
    made = OptimizeResult(found)
    made.t, made.y, made.sol = ut.asarray(found.t, device=f.y0.device), f.tensor(found.y), None
    repeatable = method in EXPLICIT or method == "Radau"
    if asked and not repeatable:
        raise GradientError(
            f"{name}: method {method!r} has no gradient; expected RK23, RK45, DOP853 or Radau"
        )
    if asked and events is not None:
        raise GradientError(
            f"{name}: there is no gradient with events; detach what needs one, or drop the events"
        )
    if not asked and not dense_output:
        return made
    if not repeatable or events is not None:
        made.sol = _constant(f, found.sol)
        return made
    with nullcontext() if asked else no_grad():
        inside = dense_output or wanted is not None
        last = t1 if found.success else float(found.sol.ts[-1])
        states, solution = _repeated(f, method, found.sol, t0, last, found.sol.ts, inside)
        if wanted is None:
            made.y = ut.stack(states, axis=1)
        else:
            made.t = wanted[: found.t.size]
            made.y = solution(made.t)
    made.sol = solution if dense_output else None
    return made


def _number(t: Any) -> float:
    return float(values(t)) if isinstance(t, ut.Tensor) else float(t)


def _gives_list(f: _Function, t: Any) -> bool:
    with no_grad():
        return isinstance(f.fun(f.time(_number(t)), f.y0.detach(), *f.plain), (list, tuple))


def _constant(f: _Function, solution: Any) -> Callable[[Any], Tensor]:
    """SciPy's own solution as a function that gives Tensors without a gradient."""

    def call(t: Any) -> Tensor:
        if isinstance(t, ut.Tensor) and t.requires_grad:
            raise GradientError(
                "integrate.solve_ivp: with this method or with events, sol has no gradient in t"
            )
        return f.tensor(solution(values(t) if isinstance(t, ut.Tensor) else t))

    return call
