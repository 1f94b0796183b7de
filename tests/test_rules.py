"""What every rule of the table gives: a cotangent like its input, a tangent like its result."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
from samples import DIFFERENTIABLE, Arguments, call, dtypes_of, samples

import unitensor as ut
from unitensor._graph import edges_of
from unitensor._op import Op
from unitensor._trees import leaves

DTYPES = ("float32", "float64", "complex64", "complex128")

#: Private ops of complex numbers that no rule asks for: their own rules are of real functions.
REAL = {"special.bessel_ie", "special.bessel_j", "special.ellip_d"}


def cast(value: Any, dtype: str) -> Any:
    if isinstance(value, list):
        return [cast(v, dtype) for v in value]
    return (value if dtype.startswith("complex") else np.real(value)).astype(dtype)


def mixtures(made: Op) -> Iterator[tuple[Arguments, list[str]]]:
    """Samples of an op with its differentiable inputs in every mixture of dtypes, and these inputs' names."""
    dtype = dtypes_of(made)[-1]
    for arguments in samples(made, dtype):
        names = [x for x, rule in zip(made.inputs, made.rules) if rule is not None]
        names = [x for x in names if isinstance(arguments.get(x), (np.ndarray, list))]
        allowed = [d for d in DTYPES if dtype == "complex128" or d.startswith("float")]
        if made.path in REAL:
            allowed = ["float32", "float64"]
        # Of the three inputs of a special function one kind is enough.
        mixed = (
            product(allowed, repeat=len(names)) if len(names) < 3 else ((d,) * len(names) for d in allowed)
        )
        for some in mixed:
            yield {**arguments, **{x: cast(arguments[x], d) for x, d in zip(names, some)}}, names


def problems(made: Op, arguments: Arguments, names: list[str]) -> Iterator[str]:
    """What is wrong with the dtypes and shapes of an op's cotangents and tangents."""

    def f(*xs: Any) -> Any:
        it = iter(xs)
        own = {x: [next(it) for _ in a] if isinstance(a := arguments[x], list) else next(it) for x in names}
        return call(made, {**arguments, **own})

    arrays = [a for x in names for a in (arguments[x] if isinstance(arguments[x], list) else [arguments[x]])]
    xs = [ut.asarray(a) for a in arrays]
    shown = ", ".join(f"{x.dtype}{list(x.shape)}" for x in xs)
    ys = leaves(f(*(ut.tensor(a, requires_grad=True) for a in arrays)))
    node = next(y for y in ys if y.requires_grad)._node
    several = made.outputs is not None
    # Of several results the zero cotangent: others may ask for what is not determined.
    gs = [ut.zeros_like(y.detach()) if several else ut.ones_like(y.detach()) for y in ys]
    xp, raw = ys[0]._xp, [g._data for g in gs]
    for parent, rule, residual in edges_of(node[4] if several else node):
        if parent is not None:
            g = tuple(raw) if several else raw[0]
            g = g if rule is None else rule(xp, g, residual)
            if (tuple(g.shape), g.dtype) != (tuple(parent[1][0]), parent[1][1]):
                yield f"{made.path}({shown}): cotangent {g.dtype}{list(g.shape)} of {parent[1]}"
    _, pull = ut.vjp(lambda *xs: [y for y in leaves(f(*xs)) if y.dtype.kind in "fc"], *xs)
    gs = [g for g in gs if g.dtype.kind in "fc"]
    for g, x in zip(pull(gs), xs):
        if (g.shape, g.dtype) != (x.shape, x.dtype):
            yield f"{made.path}({shown}): gradient {g.dtype}{list(g.shape)} of {x.dtype}{list(x.shape)}"
    values, moved = ut.jvp(f, tuple(xs), tuple(ut.ones_like(x) for x in xs))
    for y, t in zip(leaves(values), leaves(moved)):
        if y.dtype.kind in "fc" and (t.shape, t.dtype) != (y.shape, y.dtype):
            yield f"{made.path}({shown}): tangent {t.dtype}{list(t.shape)} of {y.dtype}{list(y.shape)}"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_dtypes_and_shapes(name: str) -> None:
    with ut.use_backend(name):
        found = [
            problem
            for made in DIFFERENTIABLE
            for arguments, names in mixtures(made)
            for problem in problems(made, arguments, names)
        ]
    assert not found, "\n".join(found)


# Both modes ------------------------------------------------------------------------------------------

POINTS = np.asarray([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, np.inf, -np.inf, np.nan, 1e-170, 1e170, 1e-310])
ELEMENTWISE = [
    made
    for made in DIFFERENTIABLE
    if made.elementwise
    and made.public
    and not made.module
    and not made.options
    and "float64" in dtypes_of(made)
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("made", ELEMENTWISE, ids=lambda made: made.path)
def test_modes_agree_at_special_points(made: Op) -> None:
    xs = [ut.asarray(x.ravel()) for x in np.meshgrid(*[POINTS] * len(made.inputs))]
    for i, rule in enumerate(made.rules):
        if rule is not None:

            def f(x: Any, i: int = i) -> Any:
                return made.function(*xs[:i], x, *xs[i + 1 :])

            y, pull = ut.vjp(f, xs[i])
            moved = ut.jvp(f, (xs[i],), (ut.ones_like(xs[i]),))[1]
            np.testing.assert_array_equal(pull(ut.ones_like(y))[0].numpy(), moved.numpy())


REDUCTIONS = ("sum", "mean", "var", "std", "prod", "max", "min", "cumulative_sum", "cumulative_prod", "sort")


@pytest.mark.parametrize(
    "values", [[0.1] * 3, [0.0, 0.0, 2.0], [2.0, 2.0, -1.0], [0.0] * 3, [1e-3, 1e3, 1e3]]
)
@pytest.mark.parametrize("name", [*REDUCTIONS, *range(5), ut.inf, -ut.inf, 0.5])
def test_modes_agree_on_ties_and_zeros(name: Any, values: Any) -> None:
    def f(x: Any) -> Any:
        if name not in REDUCTIONS:
            return ut.linalg.vector_norm(x, ord=name)
        y = getattr(ut, name)(x)
        return ut.sum(y * ut.arange(1.0, y.size + 1.0)) if y.ndim else y

    x, t = ut.asarray(values), ut.asarray([0.3, -1.7, 2.2])
    moved = ut.jvp(f, (x,), (t,))[1].item()
    np.testing.assert_allclose(moved, np.sum(ut.grad(f)(x).numpy() * t.numpy()), rtol=1e-12, atol=1e-15)
