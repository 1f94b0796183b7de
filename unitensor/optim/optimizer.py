"""Optimizer: groups of parameters, their options, and what is remembered between steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import unitensor as ut

T = ut.Tensor
Group = dict[str, Any]


def _named(params: Any, what: str) -> list[tuple[str, T]]:
    """Names and Tensors of what an optimizer is given: a module, Tensors, or pairs of both."""
    if hasattr(params, "named_parameters"):
        pairs = list(params.named_parameters())
    elif isinstance(params, T):
        pairs = [("0", params)]
    else:
        pairs = [p if isinstance(p, tuple) else (str(i), p) for i, p in enumerate(params)]
    for name, p in pairs:
        if not isinstance(p, T):
            raise TypeError(f"{what}: parameter {name} is {type(p).__name__}; expected Tensors")
        if not (p.requires_grad and p.is_leaf):
            raise ValueError(
                f"{what}: parameter {name} of shape {p.shape} is no leaf that requires a gradient; "
                "use ut.tensor(..., requires_grad=True)"
            )
    return pairs


def copied(state: Any) -> Any:
    """A copy of dicts and lists, and of the Tensors in them."""
    if isinstance(state, dict):
        return {k: copied(v) for k, v in state.items()}
    if isinstance(state, list):
        return [copied(v) for v in state]
    return state.clone() if isinstance(state, T) else state


class Optimizer:
    """What all optimizers share.

    `params` is a module, its `parameters()` or `named_parameters()`, or a list of dicts: groups with
    `params` and options of their own. A subclass defines `update`, which changes one parameter.
    With `stop_at_nan` a step whose gradients are not finite raises with the parameter's name, and
    changes nothing.
    """

    def __init__(self, params: Any, *, stop_at_nan: bool = False, **defaults: Any) -> None:
        name = type(self).__name__
        if params is None or isinstance(params, str):
            raise TypeError(f"{name}: got {params!r}; pass a module or a list of Tensors")
        given = [params] if hasattr(params, "named_parameters") or isinstance(params, T) else list(params)
        if not given or not isinstance(given[0], dict):
            given = [{"params": params if hasattr(params, "named_parameters") else given}]
        self.groups: list[Group] = []
        self.stop_at_nan = stop_at_nan
        self.defaults = defaults
        self._names: list[list[str]] = []
        self._state: list[list[dict[str, Any]]] = []
        for group in given:
            self.add_group(group)
        if not any(group["params"] for group in self.groups):
            raise ValueError(f"{name}: got no parameters; pass a module or a list of Tensors")

    def add_group(self, group: Mapping[str, Any]) -> None:
        """Optimize more parameters, with options of their own."""
        name = type(self).__name__
        unknown = set(group) - {"params", *self.defaults}
        if "params" not in group or unknown:
            raise ValueError(
                f"{name}: a group has {', '.join(group)}; expected params, "
                f"and any of {', '.join(self.defaults)}"
            )
        pairs = _named(group["params"], name)
        known = {id(p) for g in self.groups for p in g["params"]}
        for key, p in pairs:
            if id(p) in known:
                raise ValueError(f"{name}: parameter {key} is given twice; each belongs to one group")
            known.add(id(p))
        made = {**self.defaults, **group, "params": [p for _, p in pairs]}
        self.check(made)
        self.groups.append(made)
        self._names.append([key for key, _ in pairs])
        self._state.append([{} for _ in pairs])

    def check(self, group: Group) -> None:
        """Refuse options that make no sense."""
        for key in ("lr", "weight_decay", "eps", "momentum"):
            if key in group and not group[key] >= 0:
                raise ValueError(f"{type(self).__name__}: {key} is {group[key]}; expected 0 or more")
        for beta in group.get("betas", ()):
            if not 0 <= beta < 1:
                raise ValueError(
                    f"{type(self).__name__}: betas are {group['betas']}; expected each in [0, 1)"
                )

    @property
    def param_groups(self) -> list[Group]:
        """The groups (PyTorch's name)."""
        return self.groups

    def parameters(self) -> list[T]:
        """All parameters of all groups."""
        return [p for group in self.groups for p in group["params"]]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self.parameters():
            p.zero_grad()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient.

        A closure, if given, computes the gradients first; what it returns is returned.
        """
        loss = None
        if closure is not None:
            with ut.enable_grad():
                loss = closure()
        with ut.no_grad():
            if self.stop_at_nan:
                self._stop_at_nan()
            for group, states in zip(self.groups, self._state):
                for p, state in zip(group["params"], states):
                    if p.grad is not None and p.requires_grad:
                        self.update(p, p.grad, state, group)
        return loss

    def _stop_at_nan(self) -> None:
        for group, names in zip(self.groups, self._names):
            for p, name in zip(group["params"], names):
                if p.grad is not None and not bool(ut.all(ut.isfinite(p.grad))):
                    raise FloatingPointError(
                        f"{type(self).__name__}: the gradient of parameter {name} is not finite; "
                        "ut.detect_anomaly() shows which operation made it so"
                    )

    def update(self, p: T, g: T, state: dict[str, Any], group: Group) -> None:
        """Change one parameter in place by its gradient; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: define update(self, p, g, state, group)")

    # State ------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Options, and copies of what is remembered, in the order of the parameters.

        >>> import unitensor as ut
        >>> w = ut.tensor([1.0], requires_grad=True)
        >>> ut.optim.SGD([w], lr=0.1).state_dict()["groups"][0]["lr"]
        0.1
        """
        state: dict[str, Any] = copied(self.uncopied_state())
        return state

    def uncopied_state(self) -> dict[str, Any]:
        """What `state_dict` copies: `ut.save` writes it from where it lies."""
        return {
            "groups": [{k: v for k, v in group.items() if k != "params"} for group in self.groups],
            "state": self._state,
        }

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Go on from a saved state, also from another engine; nothing is changed on an error."""
        name = f"{type(self).__name__}.load_state_dict"
        counts = [len(states) for states in self._state]
        found = [len(states) for states in saved["state"]]
        if found != counts:
            raise ValueError(f"{name}: the groups have {found} parameters; expected {counts}")
        made = []
        for group, names, states in zip(self.groups, self._names, saved["state"]):
            fresh = []
            for p, key, state in zip(group["params"], names, states):
                fresh.append({k: self._placed(name, key, p, v) for k, v in state.items()})
            made.append(fresh)
        for group, options in zip(self.groups, saved["groups"]):
            unknown = set(options) ^ (set(group) - {"params"})
            if unknown:
                raise ValueError(f"{name}: options differ: {', '.join(sorted(unknown))}")
        for group, options in zip(self.groups, saved["groups"]):
            group.update(options)
        self._state = made

    @staticmethod
    def _placed(name: str, key: str, p: T, value: Any) -> Any:
        if not isinstance(value, T):
            return value
        if value.shape != p.shape:
            raise ValueError(f"{name}: what is remembered of {key} has shape {value.shape}, not {p.shape}")
        return value.detach().to(device=p.device, dtype=p.dtype, copy=True)

    def __repr__(self) -> str:
        lines = [
            f"  {len(g['params'])} parameters: "
            + ", ".join(f"{k}={v}" for k, v in g.items() if k != "params")
            for g in self.groups
        ]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


def clip_grad_norm(params: Iterable[T], most: float) -> float:
    """Scale gradients so that their common norm is at most that; returns the norm before.

    >>> import unitensor as ut
    >>> w = ut.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> ut.optim.clip_grad_norm([w], 1.0), [round(v, 5) for v in w.grad.tolist()]
    (10.0, [0.6, 0.8])
    """
    found = [p.grad for p in params if p.grad is not None]
    with ut.no_grad():
        squares = [
            float(ut.sum(ut.real(ut.conj(g) * g)) if g.dtype.kind == "c" else ut.sum(g * g)) for g in found
        ]
        norm = math.sqrt(sum(squares))
        factor = most / (norm + 1e-6)
        if factor < 1:
            for g in found:
                g *= factor
    return norm


def clip_grad_value(params: Iterable[T], most: float) -> None:
    """Cut every element of the gradients to lie from -most to most.

    >>> import unitensor as ut
    >>> w = ut.tensor([3.0, -0.1], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> ut.optim.clip_grad_value([w], 1.0)
    >>> w.grad.tolist()
    [1.0, -0.2]
    """
    with ut.no_grad():
        for p in params:
            if p.grad is not None:
                p.grad[...] = ut.clip(p.grad, -most, most)
