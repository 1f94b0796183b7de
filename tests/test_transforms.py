"""The transforms: what they take and give, how they nest, and what they refuse."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import unitensor as ut

CPU = ("numpy", "torch", "jax")


@dataclass(frozen=True)
class Weights:
    w: Any
    b: Any


class Pair(NamedTuple):
    first: Any
    second: Any


def tensors(*values: Any) -> list[Any]:
    return [ut.asarray(v) for v in values]


# grad and value_and_grad -----------------------------------------------------------------------------


def test_grad(engine: str) -> None:
    def f(x: Any, y: Any, *, scale: float = 1.0) -> Any:
        return ut.sum(x * x * y) * scale

    x, y = tensors([1.0, 2.0], [3.0, 4.0])
    assert ut.grad(f)(x, y).tolist() == [6, 16]
    assert ut.grad(f)(x, y, scale=2.0).tolist() == [12, 32]
    assert ut.grad(f, 1)(x, y).tolist() == [1, 4]
    assert ut.grad(f, -1)(x, y).tolist() == [1, 4]
    gx, gy = ut.grad(f, (0, 1))(x, y)
    assert (gx.tolist(), gy.tolist()) == ([6, 16], [1, 4])
    (gy,) = ut.grad(f, (1,))(x, y)
    assert gy.tolist() == [1, 4]
    value, g = ut.value_and_grad(f)(x, y)
    assert value.item() == 19
    assert g.tolist() == [6, 16]
    assert not value.requires_grad
    assert not g.requires_grad
    assert gx.backend == engine


def test_has_aux() -> None:
    def f(x: Any) -> Any:
        return x * x, {"twice": x.detach() * 2}

    x = ut.asarray(3.0)
    (value, aux), g = ut.value_and_grad(f, has_aux=True)(x)
    assert (value.item(), aux["twice"].item(), g.item()) == (9, 6, 6)
    g, aux = ut.grad(f, has_aux=True)(x)
    assert (aux["twice"].item(), g.item()) == (6, 6)
    y, pull, aux = ut.vjp(f, x, has_aux=True)
    assert (y.item(), pull(ut.asarray(1.0))[0].item(), aux["twice"].item()) == (9, 6, 6)
    y, dy, aux = ut.jvp(f, (x,), (ut.asarray(1.0),), has_aux=True)
    assert (y.item(), dy.item(), aux["twice"].item()) == (9, 6, 6)


TREES: dict[str, Callable[[Any, Any], Any]] = {
    "dict": lambda a, b: {"w": a, "b": b},
    "list": lambda a, b: [a, b],
    "tuple": lambda a, b: (a, b),
    "namedtuple": Pair,
    "dataclass": Weights,
    "nested": lambda a, b: {"layers": [Weights(a, None), (b,)]},
}


def parts(tree: Any) -> list[Any]:
    from unitensor._trees import leaves

    return leaves(tree)


@pytest.mark.parametrize("name", TREES)
def test_trees(name: str) -> None:
    tree = TREES[name](*tensors([1.0, 2.0], 3.0))

    def f(tree: Any) -> Any:
        a, b = parts(tree)
        return ut.sum(a * a) * b

    g = ut.grad(f)(tree)
    assert type(g) is type(tree)
    assert [t.tolist() for t in parts(g)] == [[6, 12], 5]
    ones = TREES[name](*tensors([1.0, 1.0], 1.0))
    y, dy = ut.jvp(f, (tree,), (ones,))
    assert (y.item(), dy.item()) == (15, 23)
    y, pull = ut.vjp(f, tree)
    (g,) = pull(ut.asarray(2.0))
    assert [t.tolist() for t in parts(g)] == [[12, 24], 10]
    y, push = ut.linearize(f, tree)
    assert push(ones).item() == 23
    assert [t.tolist() for t in parts(ut.jacobian(f)(tree))] == [[6, 12], 5]
    assert [t.tolist() for t in parts(ut.hvp(f)(tree, ones))] == [[8, 10], 6]
    assert ut.testing.gradcheck(f, tree)
    # And trees as results.
    y, pull = ut.vjp(lambda tree: tree, tree)
    assert type(y) is type(tree)
    assert [t.tolist() for t in parts(pull(ones)[0])] == [[1, 1], 1]
    y, dy = ut.jvp(lambda tree: tree, (tree,), (ones,))
    assert type(dy) is type(tree)


def test_what_does_not_matter_has_zeros() -> None:
    x, y = tensors([1.0, 2.0], [[1.0]])
    _, gy = ut.grad(lambda x, y: ut.sum(x), (0, 1))(x, y)
    assert gy.tolist() == [[0]]
    assert ut.grad(lambda x: ut.asarray(1.0))(x).tolist() == [0, 0]
    assert ut.jvp(lambda x: ut.asarray(1.0), (x,), (x,))[1].item() == 0
    assert ut.jacobian(lambda x: ut.ones(3))(x).tolist() == [[0, 0]] * 3
    assert ut.hessian(ut.sum)(x).tolist() == [[0, 0], [0, 0]]
    assert ut.linearize(lambda x: ut.ones(3), x)[1](x).tolist() == [0, 0, 0]


# Directions -----------------------------------------------------------------------------------------


def test_pull_may_be_called_again(engine: str) -> None:
    y, pull = ut.vjp(lambda x: ut.exp(x) * x, ut.asarray([0.0, 1.0]))
    first = pull(ut.asarray([1.0, 0.0]))[0].tolist()
    assert first == [1, 0]
    assert pull(ut.asarray([1.0, 0.0]))[0].tolist() == first
    assert not y.requires_grad


def test_linearize_runs_the_function_once(engine: str) -> None:
    runs = []

    def f(x: Any) -> Any:
        runs.append(x)
        return ut.sin(x) * ut.where(x > 0, ut.sqrt(x), 0.0), ut.ones(1)

    x = ut.asarray([0.0, 4.0])
    y, push = ut.linearize(f, x)
    for t in ([1.0, 0.0], [0.0, 2.0]):
        pushed = push(ut.asarray(t))
        assert len(runs) == 1
        expected = np.asarray(t) * [0, np.cos(4) * 2 + np.sin(4) / 4]
        np.testing.assert_allclose(pushed[0].numpy(), expected)
        assert pushed[1].tolist() == [0]
    assert not y[0].requires_grad


@pytest.mark.parametrize("kind", ["complex128", "float64"])
def test_linearize_is_jvp(kind: str) -> None:
    rng = np.random.default_rng(0)
    x, t = (
        ut.asarray(rng.standard_normal((2, 3)), dtype=getattr(ut, kind)) * (1 + 0.5j if "c" in kind else 1)
        for _ in "xt"
    )

    def f(x: Any) -> Any:
        return {"a": ut.conj(x) @ x.mT, "b": [ut.abs(x), ut.prod(x, axis=0)]}

    _, push = ut.linearize(f, x)
    for a, b in zip(parts(push(t)), parts(ut.jvp(f, (x,), (t,))[1]), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy())


# Jacobians --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["forward", "reverse", "auto"])
def test_jacobian(mode: str, engine: str) -> None:
    a = ut.asarray([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    x = ut.asarray([1.0, 2.0, 3.0])
    np.testing.assert_allclose(ut.jacobian(lambda x: a @ x, mode=mode)(x).numpy(), a.numpy())
    outer = ut.jacobian(lambda x: ut.linalg.outer(x, x[:2]), mode=mode)(x)
    assert outer.shape == (3, 2, 3)
    expected = np.zeros((3, 2, 3))
    for i, j in np.ndindex(3, 2):
        expected[i, j, i] += x[j].item()
        expected[i, j, j] += x[i].item()
    np.testing.assert_allclose(outer.numpy(), expected)
    two = ut.jacobian(lambda x, y: x * y, (0, 1), mode=mode)(x, ut.asarray(2.0))
    assert [j.tolist() for j in two] == [np.diag([2.0] * 3).tolist(), [1, 2, 3]]


def test_jacobian_takes_the_fewer_passes() -> None:
    levels = []

    def f(x: Any) -> Any:
        levels.append(type(x._node).__name__)
        return ut.broadcast_to(ut.sum(x), (5,)) * 1.0

    ut.jacobian(f)(ut.asarray([1.0, 2.0]))
    assert levels.count("Dual") == 2
    levels.clear()
    ut.jacobian(lambda x: ut.sum(f(x)))(ut.asarray([1.0, 2.0]))
    assert "Dual" not in levels


def test_jacobian_of_trees() -> None:
    x = {"a": ut.asarray([1.0, 2.0]), "b": ut.asarray(3.0)}
    for mode in ("forward", "reverse", "auto"):
        j = ut.jacobian(lambda x: (x["a"] * x["b"], [x["b"] ** 2]), mode=mode)(x)
        assert j[0]["a"].tolist() == [[3, 0], [0, 3]]
        assert j[0]["b"].tolist() == [1, 2]
        assert j[1][0]["a"].tolist() == [0, 0]
        assert j[1][0]["b"].item() == 6
    h = ut.hessian(lambda x: ut.sum(x["a"]) * x["b"] ** 2)(x)
    assert h["a"]["a"].tolist() == [[0, 0], [0, 0]]
    assert h["b"]["a"].tolist() == h["a"]["b"].tolist() == [6, 6]
    assert h["b"]["b"].item() == 6


def test_jacobian_of_nothing() -> None:
    empty = ut.zeros((0, 2))
    for mode in ("forward", "reverse", "auto"):
        assert ut.jacobian(lambda x: x * x, mode=mode)(empty).shape == (0, 2, 0, 2)
        assert ut.jacobian(lambda x: ut.sum(x, axis=0), mode=mode)(empty).shape == (2, 0, 2)
        assert ut.jacobian(lambda x: x[:0], mode=mode)(ut.ones(2)).shape == (0, 2)


def test_jacobian_of_complex_functions() -> None:
    z = ut.asarray([1 + 2j, 3 - 1j])
    expected = np.diag(2 * z.numpy())
    np.testing.assert_allclose(ut.jacobian(lambda z: z * z, mode="forward")(z).numpy(), expected)
    np.testing.assert_allclose(ut.jacobian(lambda z: z * z, mode="reverse")(z).numpy(), expected)


def test_hessian_and_hvp(engine: str) -> None:
    def f(x: Any, y: Any) -> Any:
        return ut.sum(x**3) * y + ut.sum(ut.sin(x)) ** 2

    x, y, v = tensors([1.0, 2.0], 2.0, [1.0, -1.0])
    h = ut.hessian(f)(x, y).numpy()
    c, s = np.cos([1.0, 2.0]), np.sin([1.0, 2.0])
    expected = np.diag([12.0, 24.0]) + 2 * np.outer(c, c) - 2 * np.sum(s) * np.diag(s)
    np.testing.assert_allclose(h, expected)
    np.testing.assert_allclose(ut.hvp(f)(x, y, v).numpy(), expected @ v.numpy())
    assert ut.hvp(f, 1)(x, y, ut.asarray(1.0)).item() == 0
    blocks = ut.hessian(f, (0, 1))(x, y)
    np.testing.assert_allclose(blocks[0][0].numpy(), expected)
    np.testing.assert_allclose(blocks[0][1].numpy(), [3, 12])
    np.testing.assert_allclose(blocks[1][0].numpy(), [3, 12])
    assert blocks[1][1].item() == 0


def test_hvp_of_complex_numbers_and_of_what_it_cannot_be() -> None:
    x, v = (ut.asarray(np.asarray(a)) for a in ([1 + 2j, -0.5j], [0.3 - 1j, 2 + 0.1j]))

    def f(z: Any) -> Any:
        return ut.sum(ut.abs(ut.exp(z) * z) ** 2) + ut.real(ut.sum(z**3))

    expected = ut.jvp(ut.grad(f), (x,), (v,))[1]
    np.testing.assert_allclose(ut.hvp(f)(x, v).numpy(), expected.numpy(), rtol=1e-12)
    with pytest.raises(TypeError, match="jvp: the function returned float; expected Tensors"):
        ut.hvp(lambda z: 3.0)(x, v)
    with pytest.raises(ut.GradientError, match=r"grad: the function returned shape \(2,\)"):
        ut.hvp(lambda z: z * z)(x, v)


# Constants ------------------------------------------------------------------------------------------


def test_stop_gradient_and_detach() -> None:
    x = ut.asarray(3.0)
    for stop in (ut.stop_gradient, lambda t: t.detach()):
        assert ut.grad(lambda x, stop=stop: x * stop(x))(x).item() == 3
        assert ut.jvp(lambda x, stop=stop: x * stop(x), (x,), (x,))[1].item() == 9
        assert ut.hessian(lambda x, stop=stop: x * x * stop(x))(x).item() == 6
    nest = ut.stop_gradient({"a": [x]})
    assert nest["a"][0].item() == 3


def test_no_grad() -> None:
    x = ut.tensor(3.0, requires_grad=True)
    with ut.no_grad():
        y = x * x
        assert not y.requires_grad
        assert not ut.is_grad_enabled()
        with ut.enable_grad():
            assert (x * x).requires_grad
        # A transform asks for its own derivatives.
        assert ut.grad(lambda x: x * x)(ut.asarray(2.0)).item() == 4
    assert (x * x).requires_grad

    def f(x: Any) -> Any:
        with ut.no_grad():
            factor = x * 2
        return factor * x

    assert ut.grad(f)(ut.asarray(3.0)).item() == 6

    @ut.no_grad()
    def plain(x: Any) -> Any:
        return x * x

    assert not plain(x).requires_grad


def test_no_grad_ends_with_an_error() -> None:
    with pytest.raises(ZeroDivisionError), ut.no_grad():
        _ = 1 / 0
    assert ut.is_grad_enabled()


# What a function takes from around it -------------------------------------------------------------------


def test_captured_variables_keep_their_gradient(engine: str) -> None:
    w = ut.tensor([2.0, 3.0], requires_grad=True)
    x = ut.asarray([1.0, -1.0])

    def f(x: Any) -> Any:
        return ut.sum(w * x * x)

    results = {
        "grad": (lambda: ut.sum(ut.grad(f)(x)), [2, -2]),
        "value": (lambda: ut.value_and_grad(f)(x)[0], [1, 1]),
        "vjp value": (lambda: ut.vjp(f, x)[0], [1, 1]),
        "vjp": (lambda: ut.sum(ut.vjp(f, x)[1](ut.asarray(1.0))[0]), [2, -2]),
        "jvp": (lambda: ut.jvp(f, (x,), (ut.ones(2),))[1], [2, -2]),
        "jvp value": (lambda: ut.jvp(f, (x,), (ut.ones(2),))[0], [1, 1]),
        "linearize": (lambda: ut.linearize(f, x)[1](ut.ones(2)), [2, -2]),
        "linearize value": (lambda: ut.linearize(f, x)[0], [1, 1]),
        "hvp": (lambda: ut.sum(ut.hvp(f)(x, ut.ones(2))), [2, 2]),
        "jacobian": (lambda: ut.sum(ut.jacobian(lambda x: w * x, mode="forward")(x)), [1, 1]),
        "rows": (lambda: ut.sum(ut.jacobian(lambda x: w * x, mode="reverse")(x)), [1, 1]),
        "checkpoint": (lambda: ut.checkpoint(f, x), [1, 1]),
    }
    for name, (run, expected) in results.items():
        w.zero_grad()
        run().backward()
        assert w.grad.tolist() == expected, name


def test_tracked_arguments_keep_their_history() -> None:
    x = ut.tensor(3.0, requires_grad=True)
    ut.grad(lambda x: x**3)(x).backward()
    assert x.grad.item() == 18
    x.zero_grad()
    value, _ = ut.value_and_grad(lambda x: x**3)(x * 2)
    value.backward()
    assert x.grad.item() == 3 * 36 * 2


# Nesting --------------------------------------------------------------------------------------------


def reverse(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return ut.grad(f)


def forward(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: ut.jvp(f, (x,), (ut.ones_like(x.detach()),))[1]


A = np.asarray([[2.0, 0.3], [0.1, 1.5]])

#: Functions of one number, with their third derivatives by a formula.
THIRD: dict[str, tuple[Callable[[Any], Any], Callable[[float], float]]] = {
    "power": (lambda x: x**5, lambda x: 60 * x**2),
    "exp sin": (
        lambda x: ut.exp(ut.sin(x)),
        lambda x: np.exp(np.sin(x)) * (np.cos(x) ** 3 - 3 * np.sin(x) * np.cos(x) - np.cos(x)),
    ),
    "quotient": (lambda x: 1 / (1 + x), lambda x: -6 / (1 + x) ** 4),
    "where": (lambda x: ut.where(x > 0, x**4, ut.sqrt(x)), lambda x: 24 * x),
    "product": (lambda x: ut.prod(ut.stack([x, x * x, x + 1])), lambda x: 24 * x + 6),
    "running": (lambda x: ut.sum(ut.cumulative_prod(ut.stack([x, x, x, x]))), lambda x: 24 * x + 6),
    "matmul": (
        lambda x: ut.sum(ut.matmul(ut.stack([x, x * x]), ut.matmul(ut.asarray(A), ut.stack([x, x * x])))),
        lambda x: (A[0, 1] + A[1, 0]) * 6 + A[1, 1] * 24 * x,
    ),
    "indexing": (lambda x: ut.sum(ut.stack([x, x**3, x**4])[ut.asarray([1, 1, 2])]), lambda x: 12 + 24 * x),
    "sort": (lambda x: ut.sum(ut.sort(ut.stack([x**4, x - 9.0]))[1:]), lambda x: 24 * x),
    "max": (lambda x: ut.max(ut.stack([x**4, x - 9.0])), lambda x: 24 * x),
    "var": (lambda x: ut.var(ut.stack([x * x, -(x * x)])), lambda x: 24 * x),
    "inverse": (lambda x: ut.sum(ut.linalg.inv(ut.reshape(x, (1, 1)))), lambda x: -6 / x**4),
    "norm": (lambda x: ut.linalg.vector_norm(ut.stack([3 * x * x, 4 * x * x])) * x, lambda x: 30.0),
    "checkpoint": (lambda x: ut.checkpoint(lambda x: x**4, x), lambda x: 24 * x),
}
WAYS = list(itertools.product([reverse, forward], repeat=3))


@pytest.mark.parametrize("name", THIRD)
def test_all_modes_nest_to_third_order(name: str) -> None:
    f, expected = THIRD[name]
    for x in (0.7, 1.3):
        for first, second, third in WAYS:
            found = third(second(first(f)))(ut.asarray(x))
            ways = " over ".join(way.__name__ for way in (third, second, first))
            np.testing.assert_allclose(found.item(), expected(x), rtol=1e-9, err_msg=ways)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(w.__name__ for w in way))
def test_third_order_on_every_engine(way: Any, engine: str) -> None:
    first, second, third = way
    found = third(second(first(lambda x: ut.sin(x) * x**3)))(ut.asarray(0.5))
    s, c = np.sin(0.5), np.cos(0.5)
    expected = -c * 0.125 - 9 * 0.25 * s + 18 * 0.5 * c + 6 * s
    np.testing.assert_allclose(found.item(), expected, rtol=1e-12)


def test_derivatives_of_inner_and_outer_variables_stay_apart() -> None:
    # The classic trap: d/dx of x * (d/dy of x + y at 1) is 1.
    for outer, inner in itertools.product([reverse, forward], repeat=2):
        f = lambda x, inner=inner: x * inner(lambda y: x + y)(ut.asarray(1.0))  # noqa: E731 -- local
        assert outer(f)(ut.asarray(5.0)).item() == 1
        g = lambda x, inner=inner: inner(lambda y: x * x * y)(x) * x  # noqa: E731 -- local
        assert outer(g)(ut.asarray(2.0)).item() == 12


# Errors ---------------------------------------------------------------------------------------------


def test_errors() -> None:
    x = ut.asarray([1.0, 2.0])
    with pytest.raises(
        ut.GradientError, match=r"grad: the function returned shape \(2,\); expected one element"
    ):
        ut.grad(lambda x: x)(x)
    with pytest.raises(TypeError, match="grad: the function returned float"):
        ut.grad(lambda x: 1.0)(x)
    with pytest.raises(TypeError, match=r"grad: an argument is float 1\.0; expected Tensors"):
        ut.grad(lambda x: x)(1.0)
    with pytest.raises(TypeError, match="grad: argnums names argument 1, but 1 were given"):
        ut.grad(ut.sum, 1)(x)
    with pytest.raises(ut.GradientError, match=r"grad: an argument is int64.*have no gradient"):
        ut.grad(ut.sum)(ut.asarray([1]))
    with pytest.raises(TypeError, match="vjp: the function returned int"):
        ut.vjp(lambda x: 3, x)
    with pytest.raises(ValueError, match=r"vjp: float64\[3\] given for a Tensor of shape \(2,\)"):
        ut.vjp(lambda x: x, x)[1](ut.ones(3))
    with pytest.raises(ValueError, match="vjp: 2 cotangents given; the function returned 1 Tensors"):
        ut.vjp(lambda x: x, x)[1]([x, x])
    with pytest.raises(TypeError, match="jvp: primals and tangents must be tuples"):
        ut.jvp(ut.sin, x, x)
    with pytest.raises(ValueError, match=r"jvp: float64\[3\] given for a Tensor of shape \(2,\)"):
        ut.jvp(ut.sin, (x,), (ut.ones(3),))
    with pytest.raises(ValueError, match="jacobian: mode is 'both'"):
        ut.jacobian(ut.sin, mode="both")
    with pytest.raises(TypeError, match="jacobian: the function returned str"):
        ut.jacobian(lambda x: (x, "x"))(x)
    with pytest.raises(TypeError, match="linearize: the function returned float"):
        ut.linearize(lambda x: 1.0, x)
    with pytest.raises(ValueError, match=r"linearize: .* expected the same shape"):
        ut.linearize(ut.sin, x)[1](ut.ones(3))


def test_what_escapes_a_finished_jvp_raises() -> None:
    kept = []
    ut.jvp(lambda x: kept.append(x * x) or x, (ut.asarray(1.0),), (ut.asarray(1.0),))
    with pytest.raises(ut.GradientError, match="finished `jvp`"):
        (kept[0] * 2).backward()


def test_backward_inside_jvp_raises() -> None:
    def f(x: Any) -> Any:
        (x * x).backward()
        return x

    with pytest.raises(ut.GradientError, match="backward inside jvp"):
        ut.jvp(f, (ut.asarray(1.0),), (ut.asarray(1.0),))


def test_levels_are_left_after_an_error() -> None:
    def broken(x: Any) -> Any:
        raise KeyError("mine")

    for transform in (
        lambda: ut.jvp(broken, (ut.asarray(1.0),), (ut.asarray(1.0),)),
        lambda: ut.grad(broken)(ut.asarray(1.0)),
    ):
        with pytest.raises(KeyError):
            transform()
    from unitensor._op import scope

    assert not scope["special"]
    assert ut.jvp(ut.sin, (ut.asarray(0.0),), (ut.asarray(1.0),))[1].item() == 1


# gradcheck itself ------------------------------------------------------------------------------------


def test_gradcheck_names_the_worst_entry() -> None:
    def wrong(x: Any) -> Any:
        return ut.sin(x) + x * ut.stop_gradient(x)

    x = ut.asarray([1.0, 5.0])
    for fast in (False, True):
        with pytest.raises(
            AssertionError,
            match=r"gradcheck of wrong, reverse mode: 2 of 4 derivatives are off\. "
            r"Worst: output 0\[1\] by input 0\[1\]: "
            r"reverse mode gives 5\.2836\d*, finite differences 10\.2836\d*\. "
            r"Ops recorded: sin, multiply, add",
        ):
            ut.testing.gradcheck(wrong, x, fast=fast)
    with pytest.raises(AssertionError, match="forward mode"):
        ut.testing.gradcheck(wrong, x, modes=["forward"])


def test_gradcheck_of_results_in_another_order_of_memory(engine: str) -> None:
    x = ut.reshape(ut.arange(24.0), (2, 3, 4))
    assert ut.testing.gradcheck(lambda x: ut.permute_dims(x * x, (2, 0, 1)), x)
    assert ut.testing.gradcheck(lambda x: x * x, ut.permute_dims(x, (2, 0, 1)))


def test_gradgradcheck_sees_second_order_alone() -> None:
    def first_order_only(x: Any) -> Any:
        return ut.custom_gradient(
            lambda x: x**3,
            backward=lambda g, out, x: g * ut.stop_gradient(3 * x * x),
            forward=lambda ts, out, x: ts[0] * ut.stop_gradient(3 * x * x),
        )(x)

    x = ut.asarray([1.0, 2.0])
    assert ut.testing.gradcheck(first_order_only, x)
    with pytest.raises(AssertionError, match="the gradient of first_order_only, backwards"):
        ut.testing.gradgradcheck(first_order_only, x)


@pytest.mark.parametrize("name", ["float32", "float16", "complex64", "complex128"])
def test_gradcheck_of_other_dtypes(name: str, engine: str) -> None:
    x = ut.asarray([0.5, 1.5], dtype=getattr(ut, name))
    assert ut.testing.gradcheck(lambda x: ut.sum(x * x * x) + x[0], x)
    with pytest.raises(AssertionError):
        ut.testing.gradcheck(lambda x: x * x * ut.stop_gradient(x), x)


def test_gradcheck_refuses_what_it_cannot_check() -> None:
    with pytest.raises(ValueError, match="none of the inputs of sum is a floating Tensor"):
        ut.testing.gradcheck(ut.sum, ut.asarray([1, 2]))
    with pytest.raises(ValueError, match="mode 'sideways'"):
        ut.testing.gradcheck(ut.sum, ut.ones(2), modes=["sideways"])
    with pytest.raises(TypeError, match="gradcheck: <lambda> returned 3; expected Tensors"):
        ut.testing.gradcheck(lambda x: 3, ut.ones(2))


# Functions that write, and results that are written to ------------------------------------------------


def scaled(a: Any) -> Any:
    a *= 2.0
    return a


def filled(a: Any) -> Any:
    a[...] = a * 2.0
    return a


def by_view(a: Any) -> Any:
    v = a[::-1]
    v *= 2.0
    return a


def by_at(a: Any) -> Any:
    ut.at(a, slice(None)).add(a.clone())
    return a


def under_no_grad(a: Any) -> Any:
    with ut.no_grad():
        b = a * 1.0
        b *= 0.0
    return a * 2.0 + b


WRITERS = (scaled, filled, by_view, by_at, under_no_grad)


@pytest.mark.parametrize("double", WRITERS)
def test_functions_that_write_their_argument(engine: str, double: Callable[[Any], Any]) -> None:
    """f doubles its argument in place and squares: 4 x². The caller's array stays as it is."""

    def f(a: Any) -> Any:
        b = double(a)
        return ut.sum(b * b)

    x, t = ut.asarray([1.0, 2.0]), ut.asarray([1.0, 10.0])
    slope, second = [8.0, 16.0], [[8.0, 0.0], [0.0, 8.0]]
    assert ut.grad(f)(x).tolist() == slope
    assert ut.value_and_grad(f)(x)[0].item() == 20.0
    assert ut.vjp(double, x)[1](t)[0].tolist() == [2.0, 20.0]
    assert ut.jvp(f, (x,), (t,))[1].item() == 168.0
    value, push = ut.linearize(f, x)
    assert (value.item(), push(t).item(), push(t).item()) == (20.0, 168.0, 168.0)
    for mode in ("forward", "reverse"):
        assert ut.jacobian(double, mode=mode)(x).tolist() == [[2.0, 0.0], [0.0, 2.0]]
        assert ut.jacobian(lambda a, b: f(a) + f(b), 1, mode=mode)(x, x).tolist() == slope
    assert ut.hessian(f)(x).tolist() == second
    assert ut.hvp(f)(x, t).tolist() == [8.0, 80.0]
    assert ut.jacobian(ut.grad(f), mode="reverse")(x).tolist() == second
    w = ut.tensor([1.0, 2.0], requires_grad=True)
    ut.checkpoint(f, w).backward()
    assert w.grad.tolist() == slope
    ut.sum(ut.custom_gradient(f, lambda g, out, a: g * 8 * a)(w)).backward()
    assert w.grad.tolist() == [16.0, 32.0]
    assert x.tolist() == w.tolist() == [1.0, 2.0]


def test_what_transforms_return_may_be_written_to(engine: str) -> None:
    x, t = ut.asarray([1.0, 2.0]), ut.asarray([3.0, 4.0])
    value, pull = ut.vjp(lambda a: a * a, x)
    value *= 0.0
    first = pull(t)[0]
    wanted = [6.0, 16.0]
    assert first.tolist() == wanted
    first *= 0.0
    assert pull(t)[0].tolist() == wanted
    value, push = ut.linearize(lambda a: a * a, x)
    value[0] = 7.0
    moved = push(t)
    moved *= 0.0
    assert push(t).tolist() == wanted
    assert t.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("f", [lambda x: x, lambda x: x.reshape((2,)), lambda x: x + 0.0, lambda x: x[...]])
def test_derivatives_have_memory_of_their_own(engine: str, f: Callable[[Any], Any]) -> None:
    x, t = ut.asarray([1.0, 2.0]), ut.asarray([3.0, 4.0])
    for found in (ut.vjp(f, x)[1](t)[0], ut.jvp(f, (x,), (t,))[1], ut.linearize(f, x)[1](t)):
        found *= 0.0
        assert t.tolist() == [3.0, 4.0]
    a, b = ut.grad(lambda a, b: ut.sum(f(a) + f(b)), (0, 1))(x, x)
    a *= 0.0
    assert (a.tolist(), b.tolist()) == ([0.0, 0.0], [1.0, 1.0])


def test_aux_has_no_history_and_what_else_it_has(engine: str) -> None:
    from collections import defaultdict

    def f(x: Any) -> Any:
        return ut.sum(x * x), defaultdict(list, {"a": [x * 3], "b": "text"})

    x = ut.asarray([1.0, 2.0])
    for aux in (
        ut.value_and_grad(f, has_aux=True)(x)[0][1],
        ut.grad(f, has_aux=True)(x)[1],
        ut.vjp(f, x, has_aux=True)[2],
        ut.jvp(f, (x,), (x,), has_aux=True)[2],
    ):
        assert not aux["a"][0].requires_grad
        assert (aux["a"][0].tolist(), aux["b"], aux["c"]) == ([3.0, 6.0], "text", [])
    w = ut.tensor(2.0, requires_grad=True)
    aux = ut.grad(lambda x: (ut.sum(x * w), x * w), has_aux=True)(x)[1]
    ut.sum(aux).backward()
    assert w.grad.item() == 3.0


# Forward mode ----------------------------------------------------------------------------------------


def test_a_tensor_of_a_finished_jvp_is_refused_everywhere(engine: str) -> None:
    box: list[Any] = []
    x, t = ut.asarray(3.0), ut.asarray(1.0)
    ut.jvp(lambda x: box.append(x * 2) or x, (x,), (t,))
    old = box[0]
    for use in (
        lambda y: y * old,
        lambda y: ut.where(y > 0, old, y),
        lambda y: ut.stack([y, old]),
        lambda y: y.__setitem__((), old) or y,
        lambda y: old.to("torch" if engine != "torch" else "numpy").to(engine) * y,
        lambda y: ut.custom_gradient(lambda a: a, lambda g, out, a: g, lambda t, out, a: t[0])(old) + y,
    ):
        with pytest.raises(ut.GradientError, match="finished `jvp`"):
            ut.jvp(use, (x,), (t,))
    assert old.item() == 6.0
    assert ut.jvp(lambda y: y * old.detach(), (x,), (t,))[1].item() == 6.0


def test_a_tensor_of_another_threads_jvp_is_refused() -> None:
    import threading

    box: list[Any] = []
    met, done = threading.Event(), threading.Event()

    def other() -> None:
        def f(x: Any) -> Any:
            box.append(x * 2)
            met.set()
            done.wait(10)
            return x

        ut.jvp(f, (ut.asarray(1.0),), (ut.asarray(1.0),))

    thread = threading.Thread(target=other)
    thread.start()
    met.wait(10)
    try:
        with pytest.raises(ut.GradientError, match="another thread"):
            ut.jvp(lambda x: x * box[0], (ut.asarray(1.0),), (ut.asarray(1.0),))
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize(
    "stepped",
    [
        lambda x: x.astype(ut.int64),
        lambda x: (x > 1).astype(ut.float64),
        lambda x: ut.floor(x),
        lambda x: buffer_of(x, ut.int32),
        lambda x: buffer_of(x, ut.bool),
        lambda x: ut.argmax(x),
        lambda x: ut.unique_inverse(x).inverse_indices,
    ],
)
def test_what_is_not_continuous_has_no_tangent(engine: str, stepped: Callable[[Any], Any]) -> None:
    def f(x: Any) -> Any:
        return ut.sum((x - stepped(x).astype(ut.float64)) ** 2)

    x = ut.asarray([2.5, 0.75])
    gradient = ut.grad(f)(x)
    assert ut.jacobian(f, mode="forward")(x).tolist() == gradient.tolist()
    assert ut.hessian(f)(x).tolist() == [[2.0, 0.0], [0.0, 2.0]]


def buffer_of(x: Any, dtype: Any) -> Any:
    made = ut.zeros(x.shape, dtype=dtype)
    made[...] = x
    return made


@pytest.mark.parametrize("op", ["eigh", "svd", "qr", "slogdet", "eigvalsh"])
def test_linearize_of_ops_with_several_results(engine: str, op: str) -> None:
    def f(x: Any) -> Any:
        found = getattr(ut.linalg, op)((x + x.mT) if op.startswith("eig") else x)
        parts = found if isinstance(found, tuple) else (found,)
        return sum(ut.sum(ut.abs(p) ** 2 * ut.sum(x)) for p in parts)

    x, t = ut.asarray([[1.0, 2.0], [0.5, 3.0]]), ut.asarray([[0.3, -1.0], [2.0, 0.7]])
    wanted = ut.jvp(f, (x,), (t,))[1].item()
    assert ut.linearize(f, x)[1](t).item() == pytest.approx(wanted)
    assert ut.sum(ut.grad(f)(x) * t).item() == pytest.approx(wanted)
    pushed, product = ut.linearize(ut.grad(f), x)[1](t), ut.hvp(f)(x, t)
    np.testing.assert_allclose(pushed.numpy(), product.numpy(), rtol=1e-9)


def test_tangents_go_along_to_another_engine(engine: str) -> None:
    other = "numpy" if engine == "torch" else "torch"

    def f(x: Any) -> Any:
        return (ut.sin(x.to(other)).to(engine) ** 3).to(other)

    x, t = ut.asarray(0.5), ut.asarray(1.0)
    s, c = math.sin(0.5), math.cos(0.5)
    first, second = 3 * s * s * c, 6 * s * c * c - 3 * s**3
    assert ut.grad(f)(x).item() == pytest.approx(first)
    assert ut.jvp(f, (x,), (t,))[1].item() == pytest.approx(first)
    assert ut.linearize(f, x)[1](t).item() == pytest.approx(first)
    assert ut.hessian(f)(x).item() == pytest.approx(second)
    assert ut.hvp(f)(x, t).item() == pytest.approx(second)
    assert ut.grad(ut.grad(f))(x).item() == pytest.approx(second)
    w = ut.tensor(0.5, requires_grad=True)
    hooked = w.to(other)
    hooked.register_hook(lambda g: g * 2)
    (hooked.to(engine) ** 3).backward()
    assert w.grad.item() == pytest.approx(2 * 3 * 0.25)
    assert w.grad.backend == engine


# Complex numbers -------------------------------------------------------------------------------------


def test_jacobians_between_real_and_complex(engine: str) -> None:
    x = ut.asarray([1.0, 2.0])
    wanted = np.diag(1j * np.exp(1j * np.array([1.0, 2.0])))
    z = ut.asarray([1.0 + 2.0j, -0.5j])
    for mode in ("forward", "reverse"):
        found = ut.jacobian(lambda x: ut.exp(1j * x), mode=mode)(x)
        np.testing.assert_allclose(np.array(found.tolist()), wanted)
        both = ut.jacobian(lambda x, z: ut.sum(x) * z, (0, 1), mode=mode)(x, z)
        np.testing.assert_allclose(
            np.array(both[0].tolist()), np.array(z.tolist())[:, None] * np.ones((1, 2))
        )
        np.testing.assert_allclose(np.array(both[1].tolist()), 3 * np.eye(2))
        # Of a real function of a complex argument: its derivatives along 1 and along i, as a - i b.
        size = ut.jacobian(lambda z: ut.abs(z) ** 2, mode=mode)(z)
        np.testing.assert_allclose(np.array(size.tolist()), np.diag(2 * np.conj(np.array(z.tolist()))))


def test_the_gradient_of_a_complex_number_is_refused(engine: str) -> None:
    x = ut.asarray([1.0])
    for ask in (
        lambda: ut.grad(lambda x: ut.sum(x * 1j))(x),
        lambda: ut.value_and_grad(lambda x: ut.sum(x * 1j))(x),
        lambda: ut.hvp(lambda x: ut.sum(x * x * 1j))(x, x),
        lambda: ut.hessian(lambda x: ut.sum(x * x * 1j))(x),
        lambda: ut.sum(ut.tensor([1.0], requires_grad=True) * 1j).backward(),
    ):
        with pytest.raises(ut.GradientError, match="real"):
            ask()
    w = ut.tensor([1.0], requires_grad=True)
    (w * 1j).backward(ut.asarray([2j]))
    assert w.grad.tolist() == [2.0]
