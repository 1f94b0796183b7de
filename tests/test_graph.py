"""The graph: deep, wide, shared by threads, freed at once; hooks, checkpoints, rules of one's own."""

from __future__ import annotations

import gc
import inspect
import threading
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import unitensor as ut
from unitensor._graph import SELECTS, Watched

MILLION = 1_000_000


@contextmanager
def no_collector() -> Iterator[None]:
    """Without Python's cycle collector, so that only reference counts free anything."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


# Deep and wide ---------------------------------------------------------------------------------------


def test_a_million_operations_differentiate() -> None:
    x = ut.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(MILLION // 2):
        y = y * 1.0
        y = y + 1e-9
    y.backward()
    assert x.grad.item() == 1


def test_a_long_graph_is_dropped_without_recursion() -> None:
    x = ut.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(MILLION):
        y = y + 1e-9
    del y
    y = x
    for _ in range(100_000):
        y = ut.sin(y) + x
    del y


def test_a_deep_graph_has_a_second_order() -> None:
    def f(x: Any) -> Any:
        for _ in range(20_000):
            x = x * 1.00001 + 0.0
        return x * x

    x = ut.asarray(1.0)
    expected = 2 * 1.00001**40_000
    np.testing.assert_allclose(ut.grad(ut.grad(f))(x).item(), expected, rtol=1e-9)
    np.testing.assert_allclose(ut.hvp(f)(x, x).item(), expected, rtol=1e-9)


def test_a_value_used_a_hundred_thousand_times() -> None:
    n = 100_000
    x = ut.tensor(2.0, requires_grad=True)
    y = x * 1.0
    total = y
    for _ in range(n - 1):
        total = total + y
    total.backward()
    assert x.grad.item() == n
    x.zero_grad()
    y = x * 1.0
    ut.sum(ut.stack([y] * n)).backward()
    assert x.grad.item() == n
    x.zero_grad()
    ut.sum(ut.concat([ut.reshape(x, (1,))] * n)).backward()
    assert x.grad.item() == n


def test_a_diamond_of_diamonds_is_visited_once_a_node() -> None:
    x = ut.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(60):
        y = y * 0.5 + y * 0.5
    y.backward()
    assert x.grad.item() == 1


# Freed at once ------------------------------------------------------------------------------------------


def test_dropping_the_result_frees_the_graph() -> None:
    x = ut.tensor(np.ones(1000), requires_grad=True)
    with no_collector():
        a = ut.exp(x)
        b = ut.sin(a)
        arrays = [weakref.ref(a._data), weakref.ref(b._data)]
        y = ut.where(b > 0, b * a, 0.0)
        del a, b
        assert all(r() is not None for r in arrays)
        del y
        assert all(r() is None for r in arrays)


def test_a_backward_pass_frees_as_it_goes() -> None:
    x = ut.tensor(np.ones(1000), requires_grad=True)
    with no_collector():
        a = ut.exp(x)
        array = weakref.ref(a._data)
        y = ut.sum(a * a)
        del a
        y.backward()
        assert array() is None
        a = ut.exp(x)
        array = weakref.ref(a._data)
        y = ut.sum(a * a)
        del a
        y.backward(retain_graph=True)
        assert array() is not None
        y.backward()
        assert array() is None


def test_only_what_rules_need_is_kept() -> None:
    x = ut.tensor(np.ones(1000), requires_grad=True)
    a = x * 3.0
    b = a + 1.0
    c = -b
    arrays = [weakref.ref(t._data) for t in (a, b, c)]
    y = ut.sum(c)
    del a, b, c
    assert all(r() is None for r in arrays)
    y.backward()
    assert x.grad.tolist() == [-3.0] * 1000


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "backward": lambda x: ut.sum(ut.exp(x) * x).backward(),
    "create_graph": lambda x: ut.sum(ut.exp(x) * x).backward(create_graph=True),
    "grad": lambda x: ut.grad(lambda x: ut.sum(ut.exp(x) * x))(x.detach()),
    "third": lambda x: ut.grad(ut.grad(ut.grad(lambda x: ut.exp(x) * x)))(x.detach()[0]),
    "hvp": lambda x: ut.hvp(lambda x: ut.sum(ut.exp(x) * x))(x.detach(), x.detach()),
    "hessian": lambda x: ut.hessian(lambda x: ut.sum(ut.where(x > 0, ut.sqrt(x), 0.0)))(x.detach()),
    "linearize": lambda x: ut.linearize(ut.exp, x.detach())[1](x.detach()),
    "vjp": lambda x: ut.vjp(ut.exp, x.detach())[1](x.detach()),
    "qr": lambda x: ut.sum(ut.linalg.qr(ut.reshape(x, (2, 2))).Q).backward(),
    "view": lambda x: ut.sum(ut.reshape(x, (2, 2))[0] * x[2:]).backward(),
    "checkpoint": lambda x: ut.sum(ut.checkpoint(lambda x: ut.exp(x) * x, x)).backward(),
    "custom": lambda x: ut.sum(ut.custom_gradient(ut.exp, lambda g, out, x: g * out)(x)).backward(),
    "custom twice": lambda x: ut.hessian(
        lambda x: ut.sum(
            ut.custom_gradient(lambda x: ut.exp(x), lambda g, out, x: g * out, lambda t, out, x: t[0] * out)(
                x
            )
        )
    )(x.detach()),
    "hook": lambda x: (x * 2).register_hook(lambda g: g),
    "gradcheck": lambda x: ut.testing.gradgradcheck(ut.exp, x.detach()),
    "never used": lambda x: ut.exp(ut.sin(x)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_is_left_for_the_collector(name: str) -> None:
    program = PROGRAMS[name]
    x = ut.tensor([1.0, 2.0, 3.0, 5.0], requires_grad=True)
    program(x)  # once, so that wrappers are compiled
    x.zero_grad()
    with no_collector():
        program(x)
        x.zero_grad()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            gc.collect()
            left = [o for o in gc.garbage if type(o).__module__.startswith("unitensor") or _is_node(o)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
    assert left == []


def _is_node(o: Any) -> bool:
    return type(o) is list and len(o) >= 4 and type(o[0]) is int and o[3] in (0, SELECTS)


def test_accumulated_gradients_take_no_more_memory() -> None:
    x = ut.tensor(np.ones(10_000), requires_grad=True)

    def step() -> None:
        ut.sum(ut.sin(x) * x).backward()

    step()
    with no_collector():
        tracemalloc.start()
        step()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(20):
            step()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert after - before < 20_000


# Threads -----------------------------------------------------------------------------------------------


def test_eight_threads_forward_and_backward(engine: str) -> None:
    shared = ut.tensor(np.linspace(0.1, 1.0, 16), requires_grad=True)

    def program(seed: int) -> list[Any]:
        x = ut.tensor(np.linspace(0.0, seed + 1.0, 16), requires_grad=True)
        y = x
        for _ in range(30):
            y = ut.sin(y) * shared + ut.where(y > 0, y, -y)
        ut.sum(y).backward()
        hvp = ut.hvp(lambda x: ut.sum(ut.exp(x) * x))(x.detach(), shared.detach())
        with ut.no_grad():
            assert not (x * x).requires_grad
        return [*x.grad.tolist(), *hvp.tolist()]

    alone = [program(seed) for seed in range(8)]
    expected = shared.grad.numpy()
    shared.zero_grad()
    together: dict[int, Any] = {}
    start = threading.Barrier(8)

    def run(seed: int) -> None:
        with ut.use_backend(engine):
            start.wait()
            together[seed] = program(seed)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[seed] for seed in range(8)] == alone
    np.testing.assert_allclose(shared.grad.numpy(), expected, rtol=1e-12)


def test_modes_belong_to_their_thread() -> None:
    x = ut.tensor(2.0, requires_grad=True)
    entered, checked = threading.Event(), threading.Event()

    def run() -> None:
        with ut.no_grad():
            entered.set()
            checked.wait(10)

    thread = threading.Thread(target=run)
    thread.start()
    entered.wait(10)
    try:
        assert ut.is_grad_enabled()
        assert (x * x).requires_grad
    finally:
        checked.set()
        thread.join()


# backward -----------------------------------------------------------------------------------------------


def test_backward_twice_needs_the_graph_kept() -> None:
    x = ut.tensor(3.0, requires_grad=True)
    y = x * x
    y.backward()
    with pytest.raises(ut.GradientError, match=r"the graph of `multiply` was freed .* retain_graph=True"):
        y.backward()
    assert x.grad.item() == 6
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 18


def test_create_graph() -> None:
    x = ut.tensor(3.0, requires_grad=True)
    (x**3).backward(create_graph=True)
    g, x.grad = x.grad, None
    assert g.requires_grad
    g.backward()
    assert x.grad.item() == 18


def test_gradients_share_no_memory() -> None:
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    y = ut.tensor([1.0, 2.0], requires_grad=True)
    start = ut.ones(2)
    (x + y).backward(start)
    x.grad[0] = 7.0
    assert y.grad.tolist() == [1, 1]
    assert start.tolist() == [1, 1]


# Hooks --------------------------------------------------------------------------------------------------


def test_hooks_see_and_replace(engine: str) -> None:
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    seen = []
    y = x * 3
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10)
    ut.sum(y * y).backward()
    assert seen == [[60, 120]] or seen == [[6, 12]]
    assert x.grad.tolist() == [180, 360]


def test_hooks_on_leaves(engine: str) -> None:
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    seen = []
    hook = x.register_hook(lambda g: seen.append(g.tolist()) or g * 10)
    ut.sum(x * x + x).backward()
    assert seen == [[3, 5]]
    assert x.grad.tolist() == [30, 50]
    hook.remove()
    ut.sum(x).backward()
    assert x.grad.tolist() == [31, 51]


def test_a_hook_may_write_into_the_gradient_that_it_is_shown(engine: str) -> None:
    """Also into the 1 from which a pass starts: neither the next pass nor a number 1.0 may notice."""

    def fivefold(g: ut.Tensor) -> ut.Tensor:
        g *= 5.0
        return g

    x = ut.tensor(2.0, requires_grad=True)
    y = x * 1.0
    y.register_hook(fivefold)
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 5.0
    x.zero_grad()
    (x * 1.0).backward()
    assert (x.grad.item(), (x * 1.0).item()) == (1.0, 2.0)


def test_hooks_are_removed() -> None:
    x = ut.tensor(1.0, requires_grad=True)
    y = x * 2
    hook = y.register_hook(lambda g: g * 100)
    y.backward(retain_graph=True)
    hook.remove()
    y.backward()
    assert x.grad.item() == 202


def test_hooks_of_complex_tensors_see_gradients_as_users_do() -> None:
    z = ut.tensor(1 + 2j, requires_grad=True)
    seen = []
    w = z * 1j
    w.register_hook(lambda g: seen.append(g.item()))
    ut.real(w * w).backward()
    assert seen == [np.conj(2 * (1 + 2j) * 1j)]
    leaf = ut.tensor(1 + 2j, requires_grad=True)
    leaf.register_hook(lambda g: seen.append(g.item()))
    ut.real(leaf * leaf).backward()
    assert seen[1] == leaf.grad.item() == 2 - 4j


def test_hooks_of_second_order() -> None:
    def f(x: Any) -> Any:
        y = x * x
        y.register_hook(lambda g: g * 2)
        return y * y

    x = ut.asarray(3.0)
    assert ut.grad(f)(x).item() == 2 * 4 * 27
    # The gradient is 2 * 2y * 2x, and what comes back to y from it meets the hook as well.
    assert ut.grad(ut.grad(f))(x).item() == 8 * 9 + 2 * 8 * 3 * 2 * 3
    with pytest.raises(ut.GradientError, match="register_hook: forward mode has no hooks"):
        ut.hvp(f)(x, x)


def test_wrong_hooks() -> None:
    with pytest.raises(ut.GradientError, match="register_hook: the Tensor does not require a gradient"):
        ut.ones(2).register_hook(print)
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    x.register_hook(lambda g: ut.sum(g))
    with pytest.raises(ut.GradientError, match=r"hook: returned float64\[\]; expected None or a Tensor like"):
        ut.sum(x).backward()


# Checkpoints --------------------------------------------------------------------------------------------


def layer(x: Any) -> Any:
    return ut.tanh(ut.sin(x) * ut.cos(x) + ut.exp(-x * x))


def peak_of(f: Callable[[], Any]) -> tuple[int, Any]:
    f()
    gc.collect()
    tracemalloc.start()
    result = f()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak, result


def test_checkpoints_lower_the_peak_of_memory() -> None:
    start = np.linspace(0.0, 1.0, 20_000)  # 160 kB an array

    def run(call: Callable[..., Any]) -> Any:
        x = ut.tensor(start, requires_grad=True)
        y = x
        for _ in range(100):
            y = call(layer, y)
        ut.sum(y).backward()
        return x.grad.numpy()

    plain, expected = peak_of(lambda: run(lambda f, x: f(x)))
    saving, found = peak_of(lambda: run(ut.checkpoint))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert saving < plain / 3


def test_checkpoint_is_the_function(engine: str) -> None:
    w = ut.tensor(3.0, requires_grad=True)
    x = ut.tensor([1.0, 2.0], requires_grad=True)

    def f(d: Any, scale: float, *, shift: Any) -> Any:
        return {"a": ut.sin(d["x"]) * w * scale, "b": [d["x"] + shift, ut.ones(1)], "c": "text"}

    def loss(call: Callable[..., Any]) -> Any:
        out = call(f, {"x": x}, 2.0, shift=w)
        assert out["c"] == "text"
        assert not out["b"][1].requires_grad
        return ut.sum(out["a"]) + 5 * ut.sum(out["b"][0])

    loss(lambda f, *args, **kwargs: f(*args, **kwargs)).backward()
    expected = [*x.grad.tolist(), w.grad.item()]
    x.zero_grad()
    w.zero_grad()
    loss(ut.checkpoint).backward()
    assert [*x.grad.tolist(), w.grad.item()] == expected


def test_checkpoint_runs_again_only_backward() -> None:
    runs = []

    def f(x: Any) -> Any:
        runs.append(x.requires_grad)
        return ut.exp(x)

    x = ut.tensor(1.0, requires_grad=True)
    y = ut.checkpoint(f, x)
    assert len(runs) == 1
    y.backward()
    assert len(runs) == 2
    with ut.no_grad():
        assert not ut.checkpoint(f, x).requires_grad
    assert not ut.checkpoint(f, ut.asarray(1.0)).requires_grad


def test_checkpoints_nest_and_have_every_order() -> None:
    def f(x: Any) -> Any:
        inner = ut.checkpoint(lambda x: ut.checkpoint(ut.sin, x) * x, x)
        return inner * ut.checkpoint(lambda a, b: a / b, inner, x)

    def plain(x: Any) -> Any:
        return ut.sin(x) * x * ut.sin(x)

    x = ut.asarray(0.7)
    for _ in range(3):
        f, plain = ut.grad(f), ut.grad(plain)
        np.testing.assert_allclose(f(x).item(), plain(x).item(), rtol=1e-12)


def test_checkpoint_draws_the_same_numbers() -> None:
    masks = []

    def dropout(x: Any) -> Any:
        masks.append(ut.random.bernoulli(0.5, x.shape).tolist())
        return x * ut.asarray(masks[-1])

    x = ut.tensor(np.ones(50), requires_grad=True)
    y = ut.checkpoint(dropout, x)
    after = ut.random.default_generator().state
    ut.sum(y).backward()
    assert masks[0] == masks[1]
    assert x.grad.tolist() == masks[0]
    assert ut.random.default_generator().state == after


def test_checkpoint_errors() -> None:
    x = ut.tensor([1.0], requires_grad=True)
    with pytest.raises(ut.GradientError, match="checkpoint: the function made a leaf"):
        ut.checkpoint(lambda x: x * ut.tensor(2.0, requires_grad=True), x)
    calls = []

    def fickle(x: Any) -> Any:
        calls.append(1)
        return x * w if len(calls) == 1 else x * 2

    w = ut.tensor(3.0, requires_grad=True)
    with pytest.raises(ut.GradientError, match="something else when it was called again"):
        ut.checkpoint(fickle, x).backward()
    y = ut.checkpoint(lambda x, k: ut.exp(x) * k, x, k := ut.asarray(np.ones(1)))
    k[0] = 5.0
    with pytest.raises(ut.GradientError, match="was overwritten"):
        y.backward()


# Rules of one's own -------------------------------------------------------------------------------------


def test_custom_gradient(engine: str) -> None:
    def reversed_gradient(g: Any, out: Any, x: Any, factor: float) -> Any:
        assert not out.requires_grad
        return -factor * g, None

    flip = ut.custom_gradient(lambda x, factor: x * 1.0, backward=reversed_gradient)
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    y = flip(x, 3.0)
    assert y.tolist() == [1, 2]
    ut.sum(y * y).backward()
    assert x.grad.tolist() == [-6, -12]
    assert not flip(x.detach(), 3.0).requires_grad


def test_custom_gradient_of_several(engine: str) -> None:
    polar = ut.custom_gradient(
        lambda x, y: (ut.hypot(x, y), ut.atan2(y, x)),
        backward=lambda g, out, x, y: (
            g[0] * x / out[0] - g[1] * y / out[0] ** 2,
            g[0] * y / out[0] + g[1] * x / out[0] ** 2,
        ),
        forward=lambda t, out, x, y: (
            (t[0] * x + t[1] * y) / out[0],
            (t[1] * x - t[0] * y) / out[0] ** 2,
        ),
    )
    x, y = ut.asarray([3.0, 1.0]), ut.asarray([4.0, 2.0])
    assert ut.testing.gradcheck(polar, x, y)
    assert ut.testing.gradgradcheck(polar, x, y)
    # Only one of the results is used, and only one of the arguments is tracked.
    np.testing.assert_allclose(ut.grad(lambda x: ut.sum(polar(x, y)[1]))(x).numpy(), [-4 / 25, -2 / 5])


def test_custom_gradient_is_as_users_see_gradients() -> None:
    z = ut.asarray([1 + 2j, -1j])
    square = ut.custom_gradient(lambda z: z * z, backward=lambda g, out, z: g * ut.conj(2 * z))
    loss = lambda f: lambda z: ut.sum(ut.real(f(z) * (2 - 1j)))  # noqa: E731 -- local
    found, expected = ut.grad(loss(square))(z), ut.grad(loss(lambda z: z * z))(z)
    np.testing.assert_allclose(found.numpy(), expected.numpy())


def test_custom_gradient_errors() -> None:
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    twice = ut.custom_gradient(lambda x: x * 2, backward=lambda g, out, x: ut.sum(g))
    with pytest.raises(
        ut.GradientError, match=r"<lambda>: backward returned float64\[\] for argument 0; expected"
    ):
        ut.sum(twice(x)).backward()
    with pytest.raises(ut.GradientError, match="no forward rule; pass forward="):
        ut.jvp(twice, (x.detach(),), (ut.ones(2),))
    two = ut.custom_gradient(lambda x: x * 2, backward=lambda g, out, x: (g, g))
    with pytest.raises(ut.GradientError, match="backward returned 2 gradients for 1 arguments"):
        ut.sum(two(x)).backward()
    w = ut.tensor(2.0, requires_grad=True)
    with pytest.raises(ut.GradientError, match="uses a Tensor that requires a gradient and is no argument"):
        ut.custom_gradient(lambda x: x * w, backward=lambda g, out, x: g)(x)
    with pytest.raises(TypeError, match="returned 3; expected a Tensor or a tuple of them"):
        ut.custom_gradient(lambda x: 3, backward=lambda g, out, x: g)(x)


# Escapes ------------------------------------------------------------------------------------------------


def test_track_escapes() -> None:
    x = ut.asarray([1.0, 2.0])
    with ut.testing.track_escapes() as escapes:
        start = line()
        x.numpy()
        np.asarray(x)
        bool(x[0] > 0)
        x.tolist()
        with ut.testing.track_escapes() as inner:
            ut.sum(x).item()
        [10, 20][ut.asarray(1)]
    x.numpy()
    assert [e.how for e in escapes] == [
        *("numpy()", "conversion to a NumPy array", "bool()", "tolist()", "item()", "index()")
    ]
    assert [e.how for e in inner] == ["item()"]
    assert [e.place for e in escapes[:4]] == [f"{__file__}:{start + i}" for i in (1, 2, 3, 4)]
    assert escapes[2].tensor == "bool[] on 'numpy'"
    assert ut.exp(x).shape == (2,)


def test_a_lost_gradient_names_the_line() -> None:
    x = ut.tensor([1.0], requires_grad=True)
    with pytest.raises(ut.GradientError, match="would lose it") as caught:
        np.asarray(x)
    here = line() - 1
    assert f"at {__file__}:{here}; use .detach() first" in str(caught.value)


# Anomalies ----------------------------------------------------------------------------------------------


def line() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def test_detect_anomaly_names_the_line(engine: str) -> None:
    x = ut.tensor([0.0, 4.0], requires_grad=True)
    with ut.detect_anomaly():
        a, here = ut.sqrt(x), line()
        b = ut.sum(a * ut.asarray([0.0, 1.0]))
        with pytest.raises(
            ut.GradientError,
            match=rf"the backward pass of `sqrt`, recorded at .*test_graph\.py:{here}, gave a NaN",
        ):
            b.backward()
    assert x.grad is None


def test_detect_anomaly_names_the_line_of_an_error() -> None:
    def broken(g: Any, out: Any, x: Any) -> Any:
        raise KeyError("mine")

    x = ut.tensor(1.0, requires_grad=True)
    with ut.detect_anomaly():
        y = ut.custom_gradient(lambda x: x * 1, backward=broken)(x)
        with pytest.raises(ut.GradientError, match=r"failed: KeyError: 'mine'"):
            y.backward()


def test_detect_anomaly_knows_what_was_not_selected() -> None:
    x = ut.asarray([0.0, 4.0])
    with ut.detect_anomaly():
        f = lambda x: ut.sum(ut.where(x > 0, ut.sqrt(x), 0.0))  # noqa: E731 -- local
        assert ut.grad(f)(x).tolist() == [0, 0.25]
        assert ut.hessian(f)(x).tolist() == [[0, 0], [0, -1 / 32]]
        assert ut.grad(lambda x: ut.sum(ut.where(x > 0, ut.checkpoint(ut.sqrt, x), 0.0)))(x).tolist() == [
            0,
            0.25,
        ]


def test_detect_anomaly_costs_nothing_outside() -> None:
    from unitensor._op import scope

    x = ut.tensor(1.0, requires_grad=True)
    with ut.detect_anomaly():
        inside = ut.sin(x)
    assert not scope["special"]
    assert type(inside._node[3]) is Watched
    assert ut.sin(x)._node[3] == 0

    @ut.detect_anomaly()
    def decorated() -> Any:
        return ut.sin(x)

    assert type(decorated()._node[3]) is Watched


# What the user's code sees and hands out ----------------------------------------------------------------


def hooked(x: Any, function: Any) -> Any:
    y = x * 1.0
    y.register_hook(function)
    return y


def by_rule(x: Any, function: Any) -> Any:
    def backward(g: Any, out: Any, x: Any) -> Any:
        made = function(g)
        return g if made is None else made

    return ut.custom_gradient(lambda x: x * 1.0, backward)(x)


@pytest.mark.parametrize("show", [hooked, by_rule])
@pytest.mark.parametrize("inside", [lambda f, x: f(x), lambda f, x: ut.checkpoint(f, x)])
def test_users_code_sees_a_gradient_once_and_without_what_was_not_selected(
    engine: str, show: Any, inside: Any
) -> None:
    seen: list[Any] = []
    x = ut.tensor([0.0, 4.0], requires_grad=True)

    def f(x: Any) -> Any:
        y = show(x, lambda g: seen.append(g.tolist()))
        late = show(ut.sqrt(y) * 2, lambda g: seen.append(g.tolist()))
        return ut.where(y > 0, late, 0.0)

    ut.sum(inside(f, x)).backward()
    assert seen == [[0.0, 1.0], [0.0, 0.5]]
    assert x.grad.tolist() == [0.0, 0.5]


@pytest.mark.parametrize("show", [hooked, by_rule])
def test_what_users_code_hands_out_is_not_changed(engine: str, show: Any) -> None:
    c = ut.asarray([3.0, 4.0])
    kept: list[Any] = []

    def give(g: Any) -> Any:
        kept.append(g)
        return c

    for wrap in (lambda w: w, lambda w: w.clone(), lambda w: w.reshape((2,))):
        w = ut.tensor([0.0, 0.0], requires_grad=True)
        ut.sum(show(wrap(w), give)).backward()
        ut.optim.clip_grad_norm([w], 1.0)
        assert w.grad.tolist() != [3.0, 4.0]
        w.grad *= 0.0
        assert c.tolist() == [3.0, 4.0]
        assert kept.pop().tolist() == [1.0, 1.0]
    w = ut.tensor([0.0, 0.0], requires_grad=True)
    w.register_hook(lambda g: kept.append(g))
    w.register_hook(lambda g: c)
    ut.sum(w * 2).backward()
    ut.optim.clip_grad_norm([w], 1.0)
    assert c.tolist() == [3.0, 4.0]
    assert kept.pop().tolist() == [2.0, 2.0]


def test_a_hook_that_writes_to_what_the_pass_still_needs(engine: str) -> None:
    w = ut.tensor([2.0, 3.0], requires_grad=True)

    def step(g: Any) -> None:
        with ut.no_grad():
            w.sub_(g) if hasattr(w, "sub_") else w.__isub__(g)

    y = w * w
    y.register_hook(step)
    ut.sum(y).backward()
    assert w.grad.tolist() == [4.0, 6.0]
    owned = ut.asarray(np.asarray([2.0, 3.0]))
    x = ut.tensor([1.0, 1.0], requires_grad=True)
    z = x * owned
    z.register_hook(lambda g: owned.__setitem__(0, 9.0))
    if engine == "jax":
        ut.sum(z).backward()
        assert x.grad.tolist() == [2.0, 3.0]
    else:
        with pytest.raises(ut.GradientError, match="overwritten"):
            ut.sum(z).backward()


def test_the_result_and_the_arguments_of_a_custom_function_are_kept(engine: str) -> None:
    square = ut.custom_gradient(lambda x, k: x * x * k[0], lambda g, out, x, k: (g * 2 * out / x, None))
    x, k = ut.tensor([2.0, 3.0], requires_grad=True), np.asarray([1.0])
    y = x * 1.0
    out = square(y, k)
    z = out * 1.0
    k[0] = 100.0
    y *= 0.0
    out *= 0.0
    with ut.no_grad():
        out += 5.0
    z.backward(ut.ones(2))
    assert x.grad.tolist() == [4.0, 6.0]


def test_integer_results_of_custom_functions_and_checkpoints_need_no_gradient(engine: str) -> None:
    def split(x: Any) -> Any:
        return x * 2.0, ut.argmax(x), x > 1

    x = ut.tensor([1.0, 2.0], requires_grad=True)
    rule = ut.custom_gradient(split, lambda g, out, x: g[0] * 2)
    for y, i, mask in (rule(x), ut.checkpoint(split, x)):
        assert (y.requires_grad, i.requires_grad, mask.requires_grad) == (True, False, False)
        x.grad = None
        ut.sum(y).backward()
        assert x.grad.tolist() == [2.0, 2.0]


def test_a_leaf_hook_that_raises_adds_to_no_leaf() -> None:
    def refuse(g: Any) -> None:
        raise KeyError("mine")

    a, b, c = (ut.tensor(float(i), requires_grad=True) for i in (1, 2, 3))
    hook = b.register_hook(refuse)
    for _ in range(2):
        with pytest.raises(KeyError):
            (a * b * c).backward()
        assert a.grad is b.grad is c.grad is None
    hook.remove()
    (a * b * c).backward()
    assert (a.grad.item(), b.grad.item(), c.grad.item()) == (6.0, 3.0, 2.0)


def test_hooks_that_are_removed_are_gone() -> None:
    w = ut.tensor([1.0], requires_grad=True)
    y = w * 1.0
    before = y._node
    calls: list[Any] = []
    kept = w.register_hook(calls.append)
    for _ in range(100):
        w.register_hook(lambda g: 1 / 0).remove()
        y.register_hook(lambda g: 1 / 0).remove()
    assert w._node[5:] == [kept]
    assert y._node is before
    first, second = y.register_hook(calls.append), y.register_hook(calls.append)
    first.remove()
    first.remove()
    y.backward()
    assert len(calls) == 2
    second.remove()


def test_a_gradient_and_hooks_survive_switching_requires_grad(engine: str) -> None:
    w = ut.tensor([1.0, 2.0], requires_grad=True)
    w.register_hook(lambda g: g * 2)
    ut.sum(w * 3).backward()
    w.requires_grad = False
    assert w.grad.tolist() == [6.0, 6.0]
    assert not (w * 2).requires_grad
    optimizer = ut.optim.SGD([w.requires_grad_()], lr=1.0)
    w.requires_grad_(False)
    optimizer.step()
    assert w.tolist() == [1.0, 2.0]
    w.requires_grad_()
    ut.sum(w).backward()
    assert w.grad.tolist() == [8.0, 8.0]
    w.requires_grad_(False).zero_grad()
    assert w.grad is None


# Checkpoint: what its function uses ----------------------------------------------------------------------


def test_a_checkpoint_keeps_its_arguments(engine: str) -> None:
    x, k = ut.tensor([1.0, 2.0], requires_grad=True), np.asarray([3.0, 3.0])
    y, power = x * 1.0, [2]
    z = ut.checkpoint(lambda a, k, power: a ** power[0] * ut.asarray(k), y, k, power)
    y *= 10.0
    with ut.no_grad():
        y += 1.0
    k[:] = 0.0
    power[0] = 5
    ut.sum(z).backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_a_checkpoint_whose_surroundings_change_is_refused(engine: str) -> None:
    x, w = ut.tensor([1.0, 2.0], requires_grad=True), ut.tensor([3.0, 4.0], requires_grad=True)
    factor = [2.0]
    y, z = ut.checkpoint(lambda x: x * w, x), ut.checkpoint(lambda x: x * factor[0], x)
    with ut.no_grad():
        w -= 0.5
    factor[0] = 5.0
    for made in (y, z):
        with pytest.raises(ut.GradientError, match="something else when it was called again"):
            ut.sum(made).backward()
    assert x.grad is None


def test_a_checkpoint_runs_again_on_the_backend_that_was_current(engine: str) -> None:
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    y = ut.checkpoint(lambda x: x * ut.asarray([3.0, 4.0]), x)
    with ut.use_backend("numpy" if engine != "numpy" else "torch"):
        ut.sum(y).backward()
    assert x.grad.tolist() == [3.0, 4.0]


def test_a_checkpoint_over_two_engines(engine: str) -> None:
    other = "numpy" if engine == "torch" else "torch"
    x = ut.tensor([1.0, 2.0], requires_grad=True)
    ut.sum(ut.checkpoint(lambda x: (x.to(other) ** 2).to(engine) * x, x)).backward()
    assert x.grad.tolist() == [3.0, 12.0]


# Two engines, one buffer, options of the caller's --------------------------------------------------------


def test_a_number_goes_to_another_engine_and_back(engine: str) -> None:
    other = "numpy" if engine == "torch" else "torch"
    for value in (2.0, [2.0, 3.0]):
        x = ut.tensor(value, requires_grad=True)
        y = x.to(other).to(engine) ** 3
        ut.sum(y * ut.max(x.to(other)).to(engine)).backward()
        assert x.grad.backend == engine


def test_a_pass_over_one_engine_is_as_before_after_one_over_two() -> None:
    def reached() -> Any:
        x = ut.tensor([1.0], requires_grad=True)
        namespaces: list[Any] = []
        y = x * 1.0
        y._node[5] = lambda xp, g, residual: namespaces.append(xp) or g
        y.backward()
        return namespaces

    before = reached()
    (ut.tensor(2.0, requires_grad=True).to("torch") ** 2).backward()
    assert reached() == before


def test_options_of_the_callers_that_change_later(engine: str) -> None:
    x = ut.tensor(np.arange(4.0).reshape(2, 2), requires_grad=True)
    w = ut.asarray([[1.0, 10.0], [100.0, 1000.0]])
    axes, shape, shift, axis = [1, 0], [4], [1, 0], [0]
    lengths = np.asarray([2, 2])
    for y, changed, new in (
        (ut.permute_dims(x, axes), axes, [0, 1]),
        (ut.reshape(x, shape).reshape(lengths), lengths, [1, 4]),
        (ut.roll(x, shift, axis=axes), shift, [0, 0]),
        (ut.flip(x, axis=axis), axis, [1]),
    ):
        view = y[0]
        wanted = ut.jacobian(lambda y: y)(y.detach())  # the values, before anything changes
        changed[:] = new
        x.grad = None
        ut.sum(y * w).backward()
        moved = np.argsort(y.detach().numpy().reshape(-1))
        np.testing.assert_array_equal(x.grad.numpy().reshape(-1), w.numpy().reshape(-1)[moved])
        assert view.shape == (2,)
        assert wanted.shape == (2, 2, 2, 2)


def test_one_buffer_for_a_recurrence_costs_what_is_written(engine: str) -> None:
    """Each write moves its row alone: what the graph keeps is far less than a buffer a step."""
    if engine == "jax":
        pytest.skip(
            "JAX has new arrays at each write; of large ones in the same memory, which it does not show"
        )
    k, n = ut.tensor(0.5, requires_grad=True), 60
    out = ut.zeros((n, 3))
    out[0] = 1 + 0 * k
    memory = None
    for t in range(n - 1):
        out[t + 1] = out[t] * k
        now = out._xp.backend.storage(out._data)
        assert memory is None or now == memory
        memory = now
    ut.sum(out[3]).backward()
    assert k.grad.item() == pytest.approx(3 * 3 * 0.25)
