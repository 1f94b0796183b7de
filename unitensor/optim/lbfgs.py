"""L-BFGS: quasi-Newton steps from the last differences of gradients; options are PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import unitensor as ut

from .optimizer import Group, Optimizer

T = ut.Tensor
Closure = Callable[[], Any]


class Point(NamedTuple):
    """A place along a line: how far, the loss, the gradient, and the slope along the line."""

    t: float
    loss: float
    gradient: T
    slope: float


class LBFGS(Optimizer):
    """Quasi-Newton steps for losses without noise. `step` takes a closure that computes the loss.

    The closure forgets the gradients, computes the loss, calls `backward` and returns the loss; a
    step calls it several times. `line_search_fn="strong_wolfe"` finds how far to go each time;
    without it every step is `lr` long. All parameters belong to one group, of one real dtype and
    one device. A step that raises leaves the parameters and the memory as they were.

    >>> import unitensor as ut
    >>> w = ut.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = ut.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ut.sum(ut.exp(w) - 2 * w)
    ...     loss.backward()
    ...     return loss
    >>> loss = optimizer.step(closure)
    >>> [round(v, 6) for v in w.tolist()]  # log(2)
    [0.693147, 0.693147]
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: Literal["strong_wolfe"] | None = None,
        stop_at_nan: bool = False,
    ) -> None:
        self._memory: dict[str, Any] = {}
        super().__init__(
            params,
            stop_at_nan=stop_at_nan,
            lr=lr,
            max_iter=max_iter,
            max_eval=max_iter * 5 // 4 if max_eval is None else max_eval,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
            history_size=history_size,
            line_search_fn=line_search_fn,
        )

    def check(self, group: Group) -> None:
        super().check(group)
        if self.groups:
            raise ValueError("LBFGS: expected one group of parameters, got another")
        for key in ("max_iter", "history_size"):
            if group[key] < 1:
                raise ValueError(f"LBFGS: {key} is {group[key]}; expected 1 or more")
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(
                f"LBFGS: line_search_fn is {group['line_search_fn']!r}; expected 'strong_wolfe' or None"
            )
        kinds = {(p.dtype.name, str(p.device)) for p in group["params"]}
        if len(kinds) > 1 or any(p.dtype.kind == "c" for p in group["params"]):
            found = ", ".join(" on ".join(kind) for kind in sorted(kinds))
            raise ValueError(f"LBFGS: parameters are {found}; expected one real dtype on one device")

    # Parameters and gradients as one vector ---------------------------------------------------------

    def _flat(self, parts: list[T]) -> T:
        return ut.concat([ut.reshape(part, (-1,)) for part in parts])

    def _write(self, flat: T) -> None:
        start = 0
        for p in self.groups[0]["params"]:
            p[...] = ut.reshape(flat[start : start + p.size], p.shape)
            start += p.size

    def _evaluate(self, closure: Closure) -> tuple[Any, float, T]:
        """What the closure returns, the loss and the gradient."""
        with ut.enable_grad():
            loss = closure()
        if loss is None:
            raise TypeError("LBFGS: the closure returned None; expected the loss: return loss")
        if self.stop_at_nan:
            self._stop_at_nan()
        params = self.groups[0]["params"]
        gradient = self._flat(
            [p.grad.detach() if p.grad is not None and p.requires_grad else ut.zeros_like(p) for p in params]
        )
        return loss, float(loss.item() if isinstance(loss, T) else loss), gradient

    # The step ------------------------------------------------------------------------------------------

    def step(self, closure: Closure | None = None) -> Any:
        """Up to `max_iter` iterations; returns what the closure returned first."""
        if closure is None:
            raise TypeError("LBFGS.step: expected a closure that computes the loss: optimizer.step(closure)")
        with ut.no_grad():
            before = self._flat([p.detach() for p in self.groups[0]["params"]])
            try:
                return self._iterate(closure, before)
            except BaseException:
                self._write(before)
                raise

    def _iterate(self, closure: Closure, x: T) -> Any:
        group = self.groups[0]
        memory: dict[str, Any] = {"iterations": 0, "changes": [], "steps": [], "scale": 1.0, **self._memory}
        changes, steps = list(memory["changes"]), list(memory["steps"])
        first, loss, gradient = self._evaluate(closure)
        calls, done = 1, _largest(gradient) <= group["tolerance_grad"]
        direction, t = memory.get("direction"), memory.get("t", 0.0)
        previous, scale = memory.get("gradient"), memory["scale"]
        count = 0
        while not done and count < group["max_iter"]:
            count += 1
            if direction is None:
                direction = -gradient
                t = min(1.0, 1.0 / float(ut.sum(ut.abs(gradient)))) * group["lr"]
            else:
                change, step = gradient - previous, direction * t
                curvature = _dot(change, step)
                if curvature > 1e-10:
                    changes.append(change)
                    steps.append(step)
                    del changes[: -group["history_size"]], steps[: -group["history_size"]]
                    scale = curvature / _dot(change, change)
                direction = _two_loops(gradient, changes, steps, scale)
                t = group["lr"]
            previous, last = gradient, loss
            slope = _dot(gradient, direction)
            if slope > -group["tolerance_change"]:
                break
            if group["line_search_fn"]:
                found, more = self._search(
                    closure, x, direction, Point(0.0, loss, gradient, slope), t, group["max_eval"] - calls
                )
                t, loss, gradient = found.t, found.loss, found.gradient
                x = x + t * direction
                self._write(x)
                calls += more
            else:
                x = x + t * direction
                self._write(x)
                if count < group["max_iter"]:
                    _, loss, gradient = self._evaluate(closure)
                    calls += 1
            done = (
                calls >= group["max_eval"]
                or _largest(gradient) <= group["tolerance_grad"]
                or _largest(direction) * abs(t) <= group["tolerance_change"]
                or abs(loss - last) < group["tolerance_change"]
            )
        self._memory = {
            "iterations": memory["iterations"] + count,
            "changes": changes,
            "steps": steps,
            "scale": scale,
            "t": t,
            "direction": direction,
            "gradient": previous,
        }
        return first

    def _search(
        self, closure: Closure, x: T, direction: T, start: Point, t: float, most: int
    ) -> tuple[Point, int]:
        narrow = self.groups[0]["tolerance_change"] / _largest(direction)

        def at(t: float) -> Point:
            self._write(x + t * direction)
            _, loss, gradient = self._evaluate(closure)
            return Point(t, loss, gradient, _dot(gradient, direction))

        return strong_wolfe(at, start, t, narrow, most)

    # State ------------------------------------------------------------------------------------------

    def uncopied_state(self) -> dict[str, Any]:
        """What `state_dict` copies: the options, and what is remembered of all parameters as one vector."""
        return {**super().uncopied_state(), "state": self._memory}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Go on from a saved state, also from another engine; nothing is changed on an error."""
        group = self.groups[0]
        size, example = sum(p.size for p in group["params"]), group["params"][0]

        def placed(value: Any) -> Any:
            if isinstance(value, (list, tuple)):
                return [placed(v) for v in value]
            if not isinstance(value, T):
                return value
            if value.shape != (size,):
                raise ValueError(
                    f"LBFGS.load_state_dict: what is remembered has shape {value.shape}, not {(size,)}"
                )
            return value.detach().to(device=example.device, dtype=example.dtype, copy=True)

        memory = {k: placed(v) for k, v in saved["state"].items()}
        options = saved["groups"][0]
        unknown = set(options) ^ (set(group) - {"params"})
        if unknown:
            raise ValueError(f"LBFGS.load_state_dict: options differ: {', '.join(sorted(unknown))}")
        group.update(options)
        self._memory = memory


def _dot(x: T, y: T) -> float:
    return float(ut.vecdot(x, y))


def _largest(x: T) -> float:
    return float(ut.max(ut.abs(x))) if x.size else 0.0


def _two_loops(gradient: T, changes: list[T], steps: list[T], scale: float) -> T:
    """Minus the inverse Hessian, as the remembered differences have it, times the gradient."""
    q = -gradient
    shares = []
    for change, step in zip(reversed(changes), reversed(steps)):
        weight = 1.0 / _dot(change, step)
        share = _dot(step, q) * weight
        q = q - share * change
        shares.append((weight, share))
    r = q * scale
    for change, step, (weight, share) in zip(changes, steps, reversed(shares)):
        r = r + step * (share - _dot(change, r) * weight)
    return r


def _between(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic through two points and their slopes is least, held from low to high."""
    if a.t > b.t:
        a, b = b, a
    bend = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = bend * bend - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    root = math.sqrt(square)
    width = b.slope - a.slope + 2 * root
    least = b.t - (b.t - a.t) * ((b.slope + root - bend) / width) if width else math.nan
    return (low + high) / 2 if math.isnan(least) else min(max(least, low), high)


def strong_wolfe(
    at: Callable[[float], Point],
    start: Point,
    t: float,
    narrow: float,
    most: int,
    c1: float = 1e-4,
    c2: float = 0.9,
) -> tuple[Point, int]:
    """A point where the loss is lower and the slope flatter by enough, and how many were looked at.

    First grows the step until the minimum is between two points, then closes in on it by cubics
    (Nocedal and Wright, Numerical Optimization, 3.5). Stops when the two are `narrow` apart, or
    after `most` more points than the first.
    """

    def too_high(p: Point) -> bool:
        return p.loss > start.loss + c1 * p.t * start.slope

    def flat(p: Point) -> bool:
        return abs(p.slope) <= -c2 * start.slope

    before, now, looked = start, at(t), 0
    while looked < most:
        if too_high(now) or (looked > 1 and now.loss >= before.loss):
            break
        if flat(now):
            return now, looked + 1
        if now.slope >= 0:
            break
        t = _between(before, now, now.t + 0.01 * (now.t - before.t), now.t * 10)
        before, now, looked = now, at(t), looked + 1
    else:
        before = start
    low, high = (before, now) if before.loss <= now.loss else (now, before)
    slow = False
    while looked < most and abs(high.t - low.t) >= narrow:
        left, right = min(low.t, high.t), max(low.t, high.t)
        t = _between(low, high, left, right)
        edge = 0.1 * (right - left)
        near = min(right - t, t - left) < edge
        if near and (slow or t >= right or t <= left):
            t = right - edge if abs(t - right) < abs(t - left) else left + edge
            near = False
        slow = near
        now, looked = at(t), looked + 1
        if too_high(now) or now.loss >= low.loss:
            low, high = (low, now) if low.loss <= now.loss else (now, low)
            continue
        if flat(now):
            low = now
            break
        if now.slope * (high.t - low.t) >= 0:
            high = low
        low = now
    return low, looked + 1
