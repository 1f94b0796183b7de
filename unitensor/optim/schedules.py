"""Schedules: how learning rates change from step to step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from .optimizer import Optimizer


class Schedule:
    """The learning rate of each group is its first one times a factor of how many steps were taken.

    >>> import unitensor as ut
    >>> w = ut.tensor([1.0], requires_grad=True)
    >>> optimizer = ut.optim.SGD([w], lr=1.0)
    >>> schedule = ut.optim.Schedule(optimizer, lambda step: 0.5**step)
    >>> schedule.step()
    >>> optimizer.groups[0]["lr"]
    0.5
    """

    def __init__(self, optimizer: Optimizer, factor: Callable[[int], float]) -> None:
        self.optimizer = optimizer
        self.factor = factor
        self.first = [group["lr"] for group in optimizer.groups]
        self.taken = 0
        self._set()

    def _set(self) -> None:
        for group, lr in zip(self.optimizer.groups, self.first):
            group["lr"] = lr * self.factor(self.taken)

    def step(self) -> None:
        """Count a step and set the learning rates."""
        self.taken += 1
        self._set()

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is."""
        return {"taken": self.taken, "first": list(self.first)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        if len(state["first"]) != len(self.first):
            raise ValueError(
                f"{type(self).__name__}: the state has {len(state['first'])} groups, "
                f"the optimizer {len(self.first)}"
            )
        self.taken, self.first = state["taken"], list(state["first"])
        self._set()


class StepLR(Schedule):
    """The rate times gamma after every so many steps."""

    def __init__(self, optimizer: Optimizer, every: int, gamma: float = 0.1) -> None:
        if every < 1:
            raise ValueError(f"StepLR: every is {every}; expected 1 or more")
        super().__init__(optimizer, lambda step: gamma ** (step // every))


class WarmUp(Schedule):
    """The rate from `start` times its value, in equal steps, up to it; then as `after` has it.

    >>> import unitensor as ut
    >>> optimizer = ut.optim.SGD([ut.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = ut.optim.WarmUp(optimizer, 4, start=0.2)
    >>> optimizer.groups[0]["lr"]
    0.2
    """

    def __init__(
        self,
        optimizer: Optimizer,
        steps: int,
        start: float = 1 / 3,
        after: Callable[[int], float] = lambda step: 1.0,
    ) -> None:
        if steps < 1:
            raise ValueError(f"WarmUp: steps is {steps}; expected 1 or more")
        super().__init__(
            optimizer,
            lambda step: start + (1 - start) * step / steps if step < steps else after(step - steps),
        )


class CosineLR(Schedule):
    """Half a cosine from the rate down to `lowest` in so many steps, and up again in as many."""

    def __init__(self, optimizer: Optimizer, steps: int, lowest: float = 0.0) -> None:
        if steps < 1:
            raise ValueError(f"CosineLR: steps is {steps}; expected 1 or more")
        self.steps, self.lowest = steps, lowest
        super().__init__(optimizer, lambda step: (1 + math.cos(math.pi * step / steps)) / 2)

    def _set(self) -> None:
        for group, lr in zip(self.optimizer.groups, self.first):
            group["lr"] = self.lowest + (lr - self.lowest) * self.factor(self.taken)


class OneCycleLR(Schedule):
    """Up from `highest / start` to the highest rate, then down to `highest / start / end`, by cosines."""

    def __init__(
        self,
        optimizer: Optimizer,
        highest: float,
        steps: int,
        up: float = 0.3,
        start: float = 25.0,
        end: float = 1e4,
    ) -> None:
        if steps < 2 or not 0 < up < 1:
            raise ValueError(f"OneCycleLR: steps is {steps} and up {up}; expected 2 or more, and 0 < up < 1")
        top, last = up * steps - 1, steps - 1

        def between(a: float, b: float, share: float) -> float:
            return b + (a - b) / 2 * (1 + math.cos(math.pi * share))

        def rate(step: int) -> float:
            low = highest / start
            if step <= top:
                return between(low, highest, step / top)
            return between(highest, low / end, min((step - top) / (last - top), 1.0))

        self.rate = rate
        super().__init__(optimizer, rate)

    def _set(self) -> None:
        for group in self.optimizer.groups:
            group["lr"] = self.rate(self.taken)


class Plateau:
    """The rate times `factor` when a figure has not improved for more than `patience` steps.

    >>> import unitensor as ut
    >>> optimizer = ut.optim.SGD([ut.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = ut.optim.Plateau(optimizer, patience=1)
    >>> for loss in (3.0, 3.0, 3.0):
    ...     schedule.step(loss)
    >>> optimizer.groups[0]["lr"]
    0.1
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        lowest: float = 0.0,
    ) -> None:
        if mode not in ("min", "max") or not 0 < factor < 1:
            raise ValueError(
                f"Plateau: mode is {mode!r} and factor {factor}; expected 'min' or 'max', and 0 to 1"
            )
        self.optimizer = optimizer
        self.mode, self.factor, self.patience, self.threshold = mode, factor, patience, threshold
        self.cooldown, self.lowest = cooldown, lowest
        self.best = math.inf if mode == "min" else -math.inf
        self.bad = self.cooling = 0

    def _better(self, value: float) -> bool:
        if self.mode == "min":
            return value < self.best * (1 - self.threshold) if math.isfinite(self.best) else value < self.best
        return value > self.best * (1 + self.threshold) if math.isfinite(self.best) else value > self.best

    def step(self, value: float) -> None:
        """Take in a figure, and lower the rates if it has not improved."""
        value = float(value)
        if self._better(value):
            self.best, self.bad = value, 0
        else:
            self.bad += 1
        if self.cooling:
            self.cooling -= 1
            self.bad = 0
        if self.bad > self.patience:
            for group in self.optimizer.groups:
                lr = max(group["lr"] * self.factor, self.lowest)
                group["lr"] = lr if group["lr"] - lr > 1e-8 else group["lr"]
            self.cooling, self.bad = self.cooldown, 0

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is."""
        return {"best": self.best, "bad": self.bad, "cooling": self.cooling}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self.best, self.bad, self.cooling = state["best"], state["bad"], state["cooling"]
