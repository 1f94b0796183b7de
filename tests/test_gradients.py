"""Every gradient rule of the table, in both modes and to second order, on every engine.

All is generated from the table and `samples.py`: an op that is declared is tested. On NumPy rules
are held against finite differences and against PyTorch and JAX; the other engines against NumPy.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import array_api_compat.torch
import jax
import jax.numpy
import numpy as np
import pytest
import torch
from samples import DIFFERENTIABLE, Arguments, call, dtypes_of, samples

import unitensor as ut
from unitensor._op import Op, table
from unitensor._trees import leaves
from unitensor.testing import like, values_of

DTYPES = ("float64", "complex128")


def hermitian(x: Any) -> Any:
    return (x + ut.conj(x.mT)) / 2


#: Ops of matrices with a structure: what makes one of any matrix.
STRUCTURE = {
    "linalg.cholesky": hermitian,
    "linalg.eigh": hermitian,
    "linalg.eigvalsh": hermitian,
}

#: Ops whose results are determined up to a phase or a basis: a function of what is determined.
DETERMINED: dict[str, Callable[..., Any]] = {
    "linalg.eigh": lambda r: (r.eigenvalues, ut.abs(r.eigenvectors) ** 2),
    "linalg.eig": lambda r: (r.eigenvalues, ut.abs(r.eigenvectors) ** 2),
    "linalg.svd": lambda r: (
        r.S,
        ut.abs(r.U[..., : r.S.shape[-1]]) ** 2,
        ut.abs(r.Vh[..., : r.S.shape[-1], :]) ** 2,
    ),
}

#: Rules that hold at those inputs which the op is meant for, and nowhere near.
ONLY_THERE = {"linalg.cofactor_slope": "a derivative itself; `det` is tested to second order"}


def cases(engine: str = "numpy") -> Iterator[Any]:
    """An op, a dtype and sample arguments; on other engines than NumPy one sample a dtype."""
    for made in DIFFERENTIABLE:
        for dtype in dtypes_of(made):
            if dtype in DTYPES:
                found = samples(made, dtype)
                for i, arguments in enumerate(found if engine == "numpy" else found[:1]):
                    yield pytest.param(made, arguments, id=f"{made.path}-{dtype}-{i}")


def problem(made: Op, arguments: Arguments) -> tuple[Callable[..., Any], list[Any]]:
    """An op as a function of those arguments that have a gradient rule, and these as Tensors."""
    names = [x for x, rule in zip(made.inputs, made.rules) if rule is not None]
    names = [x for x in names if isinstance(arguments.get(x), (np.ndarray, list))]

    def f(*values: Any) -> Any:
        given = {**arguments, **dict(zip(names, values))}
        if made.path in STRUCTURE:
            given["x"] = STRUCTURE[made.path](given["x"])
        result = call(made, given)
        return DETERMINED[made.path](result) if made.path in DETERMINED else result

    f.__name__ = made.path
    tensors = [
        [ut.asarray(a) for a in arguments[x]] if made.sequence else ut.asarray(arguments[x]) for x in names
    ]
    return f, tensors


@pytest.mark.parametrize(("made", "arguments"), list(cases()))
def test_against_differences(made: Op, arguments: Arguments) -> None:
    f, tensors = problem(made, arguments)
    ut.testing.gradcheck(f, *tensors, fast=True)
    ut.testing.gradgradcheck(f, *tensors, fast=True)


def derivatives(made: Op, arguments: Arguments) -> list[Any]:
    """First derivatives in both modes and second ones, for fixed directions, as NumPy arrays."""
    f, tensors = problem(made, arguments)
    xs = leaves(tensors)

    def flat(*values: Any) -> Any:
        it = iter(values)
        given = [[next(it) for _ in t] if isinstance(t, list) else next(it) for t in tensors]
        return [y for y in leaves(f(*given)) if y.dtype.kind in "fc"]

    tangents = tuple(like(x, np.ones(x.shape)) for x in xs)

    def pulled(*values: Any) -> Any:
        ys, pull = ut.vjp(flat, *values)
        return pull([like(y, np.arange(1.0, y.size + 1).reshape(y.shape)) for y in ys])

    gradients, twice = ut.jvp(pulled, tuple(xs), tangents)
    pushed = ut.jvp(flat, tuple(xs), tangents)[1]
    _, pull = ut.vjp(pulled, *xs)
    return [values_of(t) for t in (*gradients, *pushed, *twice, *pull(tangents))]


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_engines_agree(name: str) -> None:
    """One test an engine, because a failure of many ops has one cause more often than many."""
    try:
        ut.load_backend(name)
    except ut.BackendError as error:
        pytest.skip(error.reason)
    wrong = []
    for case in cases(name):
        made, arguments = case.values
        if name == "jax" and "complex" in str(case.id) and not made.elementwise:
            continue  # each shape and dtype compiles anew there, at 40 ms an operation
        expected = derivatives(made, arguments)
        try:
            with ut.use_backend(name):
                found = derivatives(made, arguments)
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
        except Exception as error:
            wrong.append(f"{case.id}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)


# Nothing left out ------------------------------------------------------------------------------------


def test_every_rule_is_sampled() -> None:
    tested = {case.values[0].path for case in cases()}
    assert tested == {path for path, made in table.items() if made.differentiable}
    for made in DIFFERENTIABLE:
        sampled = set().union(*(a.keys() for a in samples(made, dtypes_of(made)[-1])))
        assert {x for x, rule in zip(made.inputs, made.rules) if rule} <= sampled, made.path


WITHOUT = [made for made in table.values() if not made.differentiable]


@pytest.mark.parametrize("made", WITHOUT, ids=lambda made: made.path)
def test_what_has_no_rule_needs_no_gradient(made: Op, engine: str) -> None:
    dtype = next((d for d in dtypes_of(made) if d in DTYPES), None)
    if dtype is None:
        assert set(dtypes_of(made)) <= {"bool", "int64"}, made.path
        return
    arguments = samples(made, dtype)[0]
    for x in made.inputs:
        if isinstance(arguments.get(x), np.ndarray) and arguments[x].dtype.kind in "fc":
            arguments[x] = ut.tensor(arguments[x], requires_grad=True)
    constant = made.path.endswith("_like") or made.path == "linalg.require_zero"
    for y in leaves(call(made, arguments)):
        assert not y.requires_grad
        if not constant and not made.path.startswith("unique"):
            assert y.dtype.kind in "biu"
        with pytest.raises(ut.GradientError, match="no leaf with requires_grad=True went into it"):
            ut.sum(y).backward()


@pytest.mark.parametrize("dtype", ["bool", "int64", "uint8"])
def test_integers_have_no_gradient(dtype: str) -> None:
    x = ut.asarray([1, 0], dtype=getattr(ut, dtype))
    with pytest.raises(ut.GradientError, match="have no gradient"):
        x.requires_grad_()
    for transform in (ut.grad(ut.sum), ut.jacobian(ut.sum), ut.hessian(ut.sum)):
        with pytest.raises(ut.GradientError, match="integers and booleans have no gradient"):
            transform(x)
    y = ut.astype(ut.tensor([1.5], requires_grad=True), getattr(ut, dtype))
    assert not y.requires_grad
