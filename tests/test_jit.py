"""Gradients inside a plain `jax.jit`: the values of a traced array are not known, so every pass is careful."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from samples import DIFFERENTIABLE, dtypes_of, samples
from test_gradients import problem

import unitensor as ut
from unitensor._op import Op
from unitensor._trees import leaves, tree_map

#: Ops whose result has a shape that values decide: JAX cannot trace them.
BY_VALUES = ("unique_all", "unique_counts", "unique_inverse", "unique_values")


def needs_care(made: Op) -> bool:
    """Whether a careful pass treats an op in a way of its own."""
    return made.selects or made.linear == "each" or "keepdims" in made.options or made.outputs is not None


OPS = [o for o in DIFFERENTIABLE if "float64" in dtypes_of(o) and needs_care(o)]


def gradients(made: Op) -> tuple[Any, list[Any]]:
    """A function from raw arrays to the gradients of an op's results, and arrays to call it with."""
    f, tensors = problem(made, samples(made, "float64")[0])
    raw = [x._data for x in leaves(tensors)]

    def loss(*xs: Any) -> Any:
        it = iter(xs)
        total: Any = 0.0
        for y in leaves(f(*tree_map(lambda _: next(it), tensors))):
            if y.dtype.kind in "fc":
                total = total + ut.sum(ut.real(y * y))
        return total

    def found(*raw: Any) -> list[Any]:
        return [g._data for g in ut.grad(loss, tuple(range(len(raw))))(*map(ut.asarray, raw))]

    return found, raw


@pytest.mark.parametrize("made", [o for o in OPS if o.name not in BY_VALUES], ids=lambda o: o.path)
def test_a_gradient_inside_jit_is_that_outside(made: Op) -> None:
    with ut.use_backend("jax"):
        found, raw = gradients(made)
        for inside, outside in zip(jax.jit(found)(*raw), found(*raw), strict=True):
            np.testing.assert_allclose(np.asarray(inside), np.asarray(outside), rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("made", [o for o in OPS if o.name in BY_VALUES], ids=lambda o: o.path)
def test_what_values_decide_is_refused(made: Op) -> None:
    with ut.use_backend("jax"):
        found, raw = gradients(made)
        with pytest.raises(TypeError, match=made.name):
            jax.jit(found)(*raw)


def shown(x: Any) -> Any:
    seen = []
    y = x * 1.0
    y.register_hook(lambda g: seen.append(g) or g * 2)
    return y


PROGRAMS = {
    "where": lambda x: ut.sum(ut.where(x > 0, ut.sqrt(x), 0.0)),
    "hook": lambda x: ut.sum(ut.where(x > 0, ut.sqrt(shown(x)), 0.0)),
    "checkpoint": lambda x: ut.sum(ut.where(x > 0, ut.checkpoint(ut.sqrt, x), 0.0)),
    "clip": lambda x: ut.sum(ut.clip(x, 0.5, 3.0) ** 2) + ut.max(x),
    "write": lambda x: ut.sum(written(x) ** 2),
    "custom": lambda x: ut.sum(ut.custom_gradient(lambda x: x * x, lambda g, out, x: 3 * g * x)(x)),
    "norm": lambda x: ut.linalg.vector_norm(x - x) + ut.linalg.vector_norm(x) ** 2,
    "svd": lambda x: ut.sum(ut.linalg.svd(ut.stack([x, x[::-1] + 1])).U ** 4 * x),
    "hessian of a norm": lambda x: ut.sum(
        ut.hessian(lambda y: ut.exp(-(ut.linalg.vector_norm(y) ** 2)))(x + 0.1)
    ),
    "second": lambda x: ut.sum(ut.grad(lambda x: ut.sum(ut.where(x > 0, ut.sqrt(x) ** 3, 0.0)))(x)),
    "hvp": lambda x: ut.sum(ut.hvp(lambda x: ut.sum(ut.where(x > 0, x**3, x)))(x, ut.ones_like(x))),
}


def written(x: Any) -> Any:
    y = ut.zeros(3)
    y[:2] = x
    y[1:] += ut.sin(x)
    return y[::-1]


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_inside_jit(name: str) -> None:
    with ut.use_backend("jax"):
        f = PROGRAMS[name]
        raw = jnp.asarray([0.0, 4.0])

        def found(raw: Any) -> Any:
            return ut.grad(f)(ut.asarray(raw))._data

        np.testing.assert_allclose(np.asarray(jax.jit(found)(raw)), np.asarray(found(raw)))

        def by_backward(raw: Any) -> Any:
            x = ut.asarray(raw).requires_grad_()
            f(x).backward()
            assert x.grad is not None
            return x.grad._data

        np.testing.assert_allclose(np.asarray(jax.jit(by_backward)(raw)), np.asarray(found(raw)))


def test_a_tensor_inside_jit_says_that_it_has_no_values() -> None:
    with ut.use_backend("jax"):
        texts = []
        jax.jit(lambda raw: texts.append(repr(ut.asarray(raw))) or raw)(jnp.ones(2))
        assert texts == [
            "Tensor(<no values inside a traced function>, shape=(2,), float64, device='jax:cpu')"
        ]
        with pytest.raises(IndexError, match="without values"):
            jax.jit(lambda raw: ut.asarray(raw)[ut.asarray(raw) > 0]._data)(jnp.ones(2))
