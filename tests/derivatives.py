"""Checks of derivatives: against finite differences, against PyTorch, one mode against the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import array_api_compat.torch
import numpy as np
import torch

import unitensor as ut


def random(shape: Sequence[int], dtype: str = "float64", seed: int = 0) -> Any:
    """A NumPy array of normal numbers."""
    rng = np.random.default_rng([seed, *shape])
    values = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        values = values + 1j * rng.standard_normal(shape)
    return values.astype(dtype)


def scalar(f: Callable[..., Any], xp: Any) -> Callable[..., Any]:
    """f followed by a fixed weighting of all its outputs into one real number."""

    def loss(*args: Any) -> Any:
        result = f(xp, *args)
        total = None
        for i, y in enumerate(result if isinstance(result, tuple) else (result,)):
            weight = random(tuple(y.shape), "complex128" if _is_complex(y) else "float64", seed=100 + i)
            part = xp.sum(y * xp.asarray(weight))
            part = xp.real(part) if _is_complex(part) else part
            total = part if total is None else total + part
        return total

    return loss


def _is_complex(y: Any) -> bool:
    return "complex" in str(y.dtype)


def inner(a: Any, b: Any) -> Any:
    """The real inner product, in which gradients are directions of steepest ascent."""
    return np.sum(np.real(np.conj(a) * b))


def check(f: Callable[..., Any], *arrays: Any, second: bool = True, with_torch: bool = True) -> None:
    """All derivatives of f(xp, *arrays), whose value must be smooth at the arrays."""
    loss = scalar(f, ut)
    tensors = [ut.asarray(a) for a in arrays]
    numbers = tuple(range(len(arrays)))
    gradient = ut.grad(loss, numbers)
    directions = [random(a.shape, a.dtype.name, seed=7) for a in arrays]

    def along(t: float) -> list[Any]:
        return [ut.asarray(a + t * v) for a, v in zip(arrays, directions)]

    def values(g: Sequence[Any]) -> list[Any]:
        return [part.numpy() for part in g]

    # Reverse mode against differences, forward mode against reverse.
    found = values(gradient(*tensors))
    for g, a in zip(found, arrays):
        assert g.shape == a.shape
        assert g.dtype == a.dtype
    h = 1e-6
    slope = sum(inner(g, v) for g, v in zip(found, directions))
    difference = (loss(*along(h)).item() - loss(*along(-h)).item()) / (2 * h)
    np.testing.assert_allclose(slope, difference, rtol=2e-6, atol=1e-7)
    moving = tuple(ut.asarray(v) for v in directions)
    _, forward = ut.jvp(loss, tuple(tensors), moving)
    np.testing.assert_allclose(forward.item(), slope, rtol=1e-8, atol=1e-9)
    if with_torch:
        for g, expected in zip(found, torch_gradient(f, arrays)):
            np.testing.assert_allclose(g, expected, rtol=1e-8, atol=1e-9)
    if not second:
        return
    # Second order: forward over reverse and reverse over reverse against differences of gradients.
    _, over = ut.jvp(lambda *xs: gradient(*xs), tuple(tensors), moving)
    ahead, behind = values(gradient(*along(h))), values(gradient(*along(-h)))

    def turned(*xs: Any) -> Any:
        parts = [_real_inner(g, v) for g, v in zip(gradient(*xs), moving)]
        return sum(parts[1:], parts[0])

    twice = values(ut.grad(turned, numbers)(*tensors))
    for one, two, a, b in zip(values(over), twice, ahead, behind):
        expected = (a - b) / (2 * h)
        scale = 1 + np.max(np.abs(expected), initial=0.0)
        np.testing.assert_allclose(one, expected, rtol=1e-5, atol=1e-6 * scale)
        np.testing.assert_allclose(two, expected, rtol=1e-5, atol=1e-6 * scale)


def _real_inner(g: Any, v: Any) -> Any:
    total = ut.sum(ut.conj(g) * v) if _is_complex(g) else ut.sum(g * v)
    return ut.real(total) if _is_complex(total) else total


def torch_gradient(f: Callable[..., Any], arrays: Sequence[Any]) -> list[Any]:
    """PyTorch's gradients of the same program."""
    xs = [torch.tensor(a, requires_grad=True) for a in arrays]
    scalar(f, array_api_compat.torch)(*xs).backward()
    return [x.grad.resolve_conj().numpy() for x in xs]


def agree(f: Callable[..., Any], engine: str, *arrays: Any) -> None:
    """The value and the gradients of f on an engine are NumPy's, in value, shape and dtype."""
    numbers = tuple(range(len(arrays)))
    results = []
    for backend in ("numpy", engine):
        with ut.use_backend(backend):
            tensors = [ut.asarray(a) for a in arrays]
            results.append(ut.value_and_grad(scalar(f, ut), numbers)(*tensors))
    (value, gradient), (other_value, other_gradient) = results
    np.testing.assert_allclose(other_value.item(), value.item(), rtol=1e-6)
    for a, b in zip(gradient, other_gradient):
        assert a.dtype == b.dtype
        assert b.backend == engine
        tolerance = 1e-4 if a.dtype in (ut.float32, ut.complex64) else 1e-9
        np.testing.assert_allclose(b.to("numpy").numpy(), a.numpy(), rtol=tolerance, atol=tolerance)
