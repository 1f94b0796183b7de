"""The methods: SGD, Adam, AdamW, RMSprop, Adagrad; formulas and defaults are PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import unitensor as ut

from .optimizer import Group, Optimizer

T = ut.Tensor


def _decayed(p: T, g: T, group: Group) -> T:
    if not group["weight_decay"]:
        return g
    decayed = group["weight_decay"] * p
    decayed += g
    return decayed  # type: ignore[no-any-return]  # options are untyped


class SGD(Optimizer):
    """Gradient descent, with momentum (Nesterov's too) and weight decay.

    >>> import unitensor as ut
    >>> w = ut.tensor([1.0], requires_grad=True)
    >>> optimizer = ut.optim.SGD([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.tolist()
    [0.5]
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        stop_at_nan: bool = False,
    ) -> None:
        super().__init__(
            params,
            stop_at_nan=stop_at_nan,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
        )

    def check(self, group: Group) -> None:
        super().check(group)
        if group["nesterov"] and (not group["momentum"] or group["dampening"]):
            raise ValueError("SGD: nesterov needs a momentum, and no dampening")

    def update(self, p: T, g: T, state: dict[str, Any], group: Group) -> None:
        g = _decayed(p, g, group)
        momentum = group["momentum"]
        if momentum:
            if "velocity" in state:
                velocity = state["velocity"]
                velocity *= momentum
                velocity += (1 - group["dampening"]) * g if group["dampening"] else g
            else:
                velocity = g.clone()
            state["velocity"] = velocity
            if not group["nesterov"]:
                g = velocity
            else:
                ahead = momentum * velocity
                ahead += g
                g = ahead
        p -= group["lr"] * g


class Adam(Optimizer):
    """Steps by the mean of past gradients over the root of the mean of their squares.

    >>> import unitensor as ut
    >>> w = ut.tensor([1.0], requires_grad=True)
    >>> optimizer = ut.optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 6)
    0.9
    """

    decoupled = False

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        stop_at_nan: bool = False,
    ) -> None:
        super().__init__(
            params, stop_at_nan=stop_at_nan, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay
        )

    def update(self, p: T, g: T, state: dict[str, Any], group: Group) -> None:
        first, second = group["betas"]
        if self.decoupled:
            p *= 1 - group["lr"] * group["weight_decay"]
        else:
            g = _decayed(p, g, group)
        if not state:
            state.update(step=0, mean=ut.zeros_like(p.detach()), square=ut.zeros_like(p.detach()))
        state["step"] += 1
        # Both means without their factors 1 - beta, which saves two passes over the memory.
        mean, square = state["mean"], state["square"]
        mean *= first
        mean += g
        square *= second
        square += ut.square(g)
        del g  # with weight decay it is memory of its own
        factor = math.sqrt((1 - second ** state["step"]) / (1 - second))
        change = ut.sqrt(square)
        change += group["eps"] * factor
        change = mean / change
        change *= group["lr"] * factor * (1 - first) / (1 - first ** state["step"])
        p -= change


class AdamW(Adam):
    """Adam whose weight decay is apart from the gradient."""

    decoupled = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        stop_at_nan: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, stop_at_nan)


class RMSprop(Optimizer):
    """Steps by the gradient over the root of the mean of past squares."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        stop_at_nan: bool = False,
    ) -> None:
        super().__init__(
            params,
            stop_at_nan=stop_at_nan,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
        )

    def update(self, p: T, g: T, state: dict[str, Any], group: Group) -> None:
        g = _decayed(p, g, group)
        alpha = group["alpha"]
        if not state:
            names = ["square", *["mean"] * group["centered"], *["velocity"] * (group["momentum"] > 0)]
            state.update({name: ut.zeros_like(p.detach()) for name in names})
        square = state["square"]
        square *= alpha
        squared = ut.square(g)
        squared *= 1 - alpha
        square += squared
        del squared
        if group["centered"]:
            mean = state["mean"]
            mean *= alpha
            mean += (1 - alpha) * g
            size = ut.sqrt(square - ut.square(mean))
        else:
            size = ut.sqrt(square)
        size += group["eps"]
        if group["momentum"]:
            velocity = state["velocity"]
            velocity *= group["momentum"]
            velocity += g / size
            p -= group["lr"] * velocity
        else:
            change = g / size
            change *= group["lr"]
            p -= change


class Adagrad(Optimizer):
    """Steps by the gradient over the root of the sum of past squares."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial: float = 0.0,
        eps: float = 1e-10,
        stop_at_nan: bool = False,
    ) -> None:
        super().__init__(
            params,
            stop_at_nan=stop_at_nan,
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial=initial,
            eps=eps,
        )

    def update(self, p: T, g: T, state: dict[str, Any], group: Group) -> None:
        g = _decayed(p, g, group)
        if not state:
            state.update(step=0, sum=ut.full_like(p.detach(), group["initial"]))
        total = state["sum"]
        total += ut.square(g)
        rate = group["lr"] / (1 + state["step"] * group["lr_decay"])
        state["step"] += 1
        size = ut.sqrt(total)
        size += group["eps"]
        change = g / size
        change *= rate
        p -= change
