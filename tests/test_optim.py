"""Optimizers: their state, what they refuse, and that a run resumes to the same bits."""

from __future__ import annotations

import copy
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

import unitensor as ut
from unitensor import nn, optim

MAKE: dict[str, Callable[[Any], optim.Optimizer]] = {
    "sgd": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: optim.Adam(p, lr=0.1),
    "adamw": lambda p: optim.AdamW(p, lr=0.1),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.1, momentum=0.9, centered=True),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.1),
}


def leaf() -> ut.Tensor:
    return ut.tensor([3.0, -2.0], requires_grad=True)


def run(w: ut.Tensor, o: optim.Optimizer, steps: int, schedule: Any = None) -> None:
    for _ in range(steps):
        o.zero_grad()
        ut.sum(w * w + ut.sin(w)).backward()
        o.step()
        if schedule is not None:
            schedule.step()


@pytest.mark.parametrize("name", MAKE)
def test_a_run_resumes_to_the_same_bits(engine: str, name: str) -> None:
    whole, first = leaf(), leaf()
    a, b = MAKE[name]([whole]), MAKE[name]([first])
    run(whole, a, 8, optim.CosineLR(a, 10))
    schedule = optim.CosineLR(b, 10)
    run(first, b, 5, schedule)
    saved, where = copy.deepcopy(b.state_dict()), schedule.state_dict()
    run(first, b, 1)  # what was saved stays as it was
    second = leaf()
    middle = first_after(name, 5)
    with ut.no_grad():
        second[...] = middle
    c = MAKE[name]([second])
    later = optim.CosineLR(c, 10)
    c.load_state_dict(saved)
    later.load_state_dict(where)
    run(second, c, 3, later)
    assert second.tolist() == whole.tolist()


def first_after(name: str, steps: int) -> ut.Tensor:
    w = leaf()
    o = MAKE[name]([w])
    run(w, o, steps, optim.CosineLR(o, 10))
    return w.detach()


def test_state_moves_to_another_engine(engine: str) -> None:
    with ut.use_backend("numpy"):
        w = leaf()
        o = optim.Adam([w], lr=0.1)
        run(w, o, 3)
        saved, values = o.state_dict(), w.detach().clone()
        run(w, o, 2)
    v = ut.tensor(values.tolist(), requires_grad=True)
    p = optim.Adam([v], lr=0.5)
    p.load_state_dict(saved)
    run(v, p, 2)
    assert v.backend == engine
    assert v.tolist() == pytest.approx(w.tolist(), rel=1e-12)


def test_parameters_without_gradients_stay() -> None:
    w, other = leaf(), leaf()
    o = optim.SGD([w, other], lr=0.1, weight_decay=0.5)
    run(w, o, 1)
    assert other.tolist() == [3.0, -2.0]


def test_a_step_leaves_the_leaf_and_its_gradient_alone(engine: str) -> None:
    w = leaf()
    o = optim.SGD([w], lr=0.1)
    ut.sum(w * w).backward()
    o.step()
    assert w.is_leaf
    assert w.requires_grad
    assert w.grad is not None
    assert w.grad.tolist() == [6.0, -4.0]
    assert w.tolist() == pytest.approx([2.4, -1.6])


def test_not_a_number_stops_with_the_name() -> None:
    net = nn.Linear(2, 1)
    o = optim.SGD(net, lr=0.1, stop_at_nan=True)
    before = net.weight.tolist()
    net(ut.asarray([1.0, float("nan")])).sum().backward()
    with pytest.raises(FloatingPointError, match="parameter weight is not finite"):
        o.step()
    assert net.weight.tolist() == before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optim.SGD([]), "got no parameters"),
        (lambda: optim.SGD(None), "got None; pass a module"),
        (lambda: optim.SGD([{"params": []}]), "got no parameters"),
        (lambda: optim.SGD([leaf()], lr=float("nan")), "lr is nan"),
        (lambda: optim.SGD(nn.ReLU()), "got no parameters"),
        (lambda: optim.SGD([ut.ones(2)]), "parameter 0 of shape"),
        (lambda: optim.SGD([leaf() * 2]), "no leaf"),
        (lambda: optim.SGD([3.0]), "parameter 0 is float"),
        (lambda: optim.SGD([leaf()], lr=-1.0), "lr is -1.0"),
        (lambda: optim.SGD([leaf()], nesterov=True), "nesterov needs a momentum"),
        (lambda: optim.Adam([leaf()], betas=(0.9, 1.0)), "betas"),
        (lambda: optim.Adam([{"params": [leaf()], "rate": 1}]), "expected params, and any of lr"),
        (lambda: optim.Adam([leaf()] * 2), "given twice"),
        (lambda: optim.StepLR(optim.SGD([leaf()]), 0), "every is 0"),
        (lambda: optim.OneCycleLR(optim.SGD([leaf()]), 1.0, 1), "steps is 1"),
        (lambda: optim.LBFGS([]), "got no parameters"),
        (lambda: optim.LBFGS([leaf()]).step(), "expected a closure"),
        (lambda: optim.LBFGS([leaf()]).step(lambda: None), "closure returned None"),
        (lambda: optim.LBFGS([leaf()], max_iter=0), "max_iter is 0"),
        (lambda: optim.LBFGS([leaf()], line_search_fn="armijo"), "'strong_wolfe' or None"),  # type: ignore[arg-type]  # what it refuses
        (lambda: optim.LBFGS([{"params": [leaf()]}, {"params": [leaf()]}]), "expected one group"),
        (lambda: optim.LBFGS([leaf(), leaf().to(ut.float32).detach().requires_grad_()]), "one real dtype"),
        (lambda: optim.Plateau(optim.SGD([leaf()]), factor=2.0), "factor 2.0"),
    ],
)
def test_bad_input_says_what_was_expected(call: Callable[[], Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_a_wrong_state_changes_nothing() -> None:
    w = leaf()
    o = optim.Adam([w], lr=0.1)
    run(w, o, 1)
    before = o.state_dict()
    other = optim.Adam([ut.ones(3).requires_grad_()], lr=0.2)
    ut.sum(other.parameters()[0] ** 2).backward()
    other.step()
    with pytest.raises(ValueError, match=r"of 0 has shape \(3,\), not \(2,\)"):
        o.load_state_dict(other.state_dict())
    with pytest.raises(ValueError, match=r"have \[2\] parameters; expected \[1\]"):
        o.load_state_dict(optim.Adam([leaf(), leaf()]).state_dict())
    with pytest.raises(ValueError, match="options differ: "):
        o.load_state_dict({**before, "groups": optim.SGD([leaf()]).state_dict()["groups"]})
    assert o.state_dict()["groups"] == before["groups"]
    assert o.state_dict()["state"][0][0]["mean"].tolist() == before["state"][0][0]["mean"].tolist()


def rosenbrock(w: ut.Tensor) -> ut.Tensor:
    return 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2


def closure_of(
    w: ut.Tensor, o: optim.Optimizer, loss_of: Callable[[ut.Tensor], ut.Tensor] = rosenbrock
) -> Any:
    def closure() -> ut.Tensor:
        o.zero_grad()
        loss = loss_of(w)
        loss.backward()
        return loss

    return closure


def test_lbfgs_finds_rosenbrocks_minimum_and_resumes_to_the_same_bits(engine: str) -> None:
    w = ut.tensor([-1.2, 1.0], requires_grad=True)
    o = optim.LBFGS([w], max_iter=4, line_search_fn="strong_wolfe")
    for _ in range(3):
        o.step(closure_of(w, o))
    v = ut.tensor(w.detach(), requires_grad=True)
    again = optim.LBFGS([v])
    again.load_state_dict(copy.deepcopy(o.state_dict()))
    for _ in range(12):
        o.step(closure_of(w, o))
        again.step(closure_of(v, again))
    assert w.tolist() == v.tolist()
    assert w.tolist() == pytest.approx([1.0, 1.0], abs=1e-4)


def test_lbfgs_that_raises_changes_nothing() -> None:
    w = ut.tensor([-1.2, 1.0], requires_grad=True)
    o = optim.LBFGS([w], max_iter=3, line_search_fn="strong_wolfe")
    o.step(closure_of(w, o))
    before, memory = w.tolist(), o.state_dict()["state"]
    calls = 0

    def closure() -> ut.Tensor:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return closure_of(w, o)()  # type: ignore[no-any-return]  # calls of closures are untyped

    with pytest.raises(KeyboardInterrupt):
        o.step(closure)
    assert w.tolist() == before
    assert repr(o.state_dict()["state"]) == repr(memory)
    o.stop_at_nan = True
    with pytest.raises(FloatingPointError, match="LBFGS: the gradient of parameter 0 is not finite"):
        o.step(closure_of(w, o, lambda w: ut.sum(w * float("nan"))))
    assert w.tolist() == before
    with pytest.raises(ValueError, match=r"has shape \(2,\), not \(3,\)"):
        optim.LBFGS([ut.ones(3).requires_grad_()]).load_state_dict(o.state_dict())


def test_a_step_computes_gradients_by_a_closure() -> None:
    w = leaf()
    o = optim.SGD([w], lr=0.5)
    assert o.step(closure_of(w, o, lambda w: ut.sum(w * w))).item() == 13.0
    assert w.tolist() == [0.0, 0.0]
    assert o.step() is None


STEPPED: dict[str, tuple[Callable[[Any], optim.Optimizer], float]] = {
    "sgd": (lambda p: optim.SGD(p, lr=0.1), 1.0),
    "momentum": (lambda p: optim.SGD(p, lr=0.1, momentum=0.9), 1.0),
    "nesterov": (lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1), 2.0),
    "adam": (lambda p: optim.Adam(p, weight_decay=0.1), 2.0),
    "adamw": (lambda p: optim.AdamW(p), 2.0),
    "rmsprop": (lambda p: optim.RMSprop(p), 2.0),
    "rmsprop all": (lambda p: optim.RMSprop(p, momentum=0.9, centered=True), 2.0),
    "adagrad": (lambda p: optim.Adagrad(p), 2.0),
}


@pytest.mark.parametrize("name", STEPPED)
def test_a_step_needs_little_memory_beside_what_is_remembered(name: str) -> None:
    make, most = STEPPED[name]
    n = 100_000
    params = [ut.ones(n).requires_grad_() for _ in range(4)]
    o = make(params)
    for p in params:
        p.grad = ut.ones(n)
    o.step()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    o.step()
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = params[0].nbytes
    assert peak - before < (most + 0.1) * size
    assert after - before < 0.1 * size
