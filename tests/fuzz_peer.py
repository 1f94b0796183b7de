"""PyTorch under the names of unitensor's namespace, as far as the fuzzer's programs go."""

from __future__ import annotations

from functools import cache
from typing import Any

import array_api_compat.torch as compat
import torch


class Peer:
    """array-api-compat's names, and those that PyTorch spells in another way."""

    float32, float64, int64, complex128, bool = (
        torch.float32, torch.float64, torch.int64, torch.complex128, torch.bool,
    )  # fmt: skip
    no_grad, enable_grad = torch.no_grad, torch.enable_grad
    linalg, fft, tanh, maximum, minimum = torch.linalg, torch.fft, torch.tanh, torch.maximum, torch.minimum

    def __getattr__(self, name: str) -> Any:
        return getattr(compat, name)

    def asarray(self, values: Any) -> Any:
        return torch.tensor(values, dtype=torch.float64 if isinstance(values, float) else None)

    def ones(self, shape: Any, dtype: Any = torch.float64) -> Any:
        return torch.ones(shape, dtype=dtype)

    def zeros(self, shape: Any, dtype: Any = torch.float64) -> Any:
        return torch.zeros(shape, dtype=dtype)

    def eye(self, n: int) -> Any:
        return torch.eye(n, dtype=torch.float64)

    def stop_gradient(self, x: Any) -> Any:
        return x.detach()

    def checkpoint(self, f: Any, *args: Any) -> Any:
        return f(*args)  # PyTorch's own checkpoint does not notice what is written in it

    def grad(self, f: Any) -> Any:
        def run(x: Any) -> Any:
            y = x.clone() if x.requires_grad else x.clone().requires_grad_()
            with torch.enable_grad():
                return torch.autograd.grad(f(y * 1.0), y, create_graph=x.requires_grad)[0]

        return run

    def vjp(self, f: Any, x: Any) -> Any:
        y = x.clone() if x.requires_grad else x.clone().requires_grad_()
        out = f(y * 1.0)
        return out, lambda g: torch.autograd.grad(out, y, g, create_graph=True, retain_graph=True)

    def hessian(self, f: Any) -> Any:
        return lambda x: torch.autograd.functional.hessian(
            lambda y: f(y * 1.0), x, create_graph=x.requires_grad
        )

    def jacobian(self, f: Any, mode: str = "") -> Any:
        return lambda x: torch.autograd.functional.jacobian(
            lambda y: f(y * 1.0), x, create_graph=x.requires_grad
        )


@cache
def namespace() -> Any:
    """The namespace; elements of it that PyTorch lacks raise."""
    return Peer()
