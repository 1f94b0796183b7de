"""Modes: recording or not, in threads, generators and coroutines, as statements, and after interrupts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import interrupts
import numpy as np
import pytest
from together import in_threads

import unitensor as ut
from unitensor._modes import entered, errors, quiet


def leaf() -> ut.Tensor:
    return ut.tensor(2.0, requires_grad=True)


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    assert ut.is_grad_enabled()
    assert not entered


@pytest.mark.parametrize("mode", [ut.no_grad, ut.detect_anomaly, lambda: ut.set_grad_enabled(True)])
def test_one_mode_object_serves_threads_and_enters_itself(mode: Any) -> None:
    shared = mode()
    inside = not isinstance(shared, ut.no_grad)

    def work() -> None:
        for _ in range(300):
            with shared:
                assert leaf().exp().requires_grad is inside
                with shared:
                    assert leaf().exp().requires_grad is inside
                assert leaf().exp().requires_grad is inside
            assert leaf().exp().requires_grad

    in_threads(work)


def test_modes_nest_in_every_order() -> None:
    off, on = ut.no_grad(), ut.enable_grad()
    with off, on:
        assert ut.is_grad_enabled()
        with off:
            assert not ut.is_grad_enabled()
            with on, ut.no_grad():
                assert not ut.is_grad_enabled()
            assert not ut.is_grad_enabled()
        assert ut.is_grad_enabled()
    assert ut.is_grad_enabled()


def test_a_generator_runs_inside_its_mode_and_its_caller_outside() -> None:
    @ut.no_grad()
    def numbers(x: Any) -> Iterator[Any]:
        assert not ut.is_grad_enabled()
        got = yield x * 2
        assert got == "sent"
        assert not ut.is_grad_enabled()
        try:
            yield x * 3
        except KeyError:
            yield x * 4
        return (yield x * 5)

    g = numbers(leaf())
    assert not next(g).requires_grad
    assert ut.is_grad_enabled()
    assert not g.send("sent").requires_grad
    assert not g.throw(KeyError()).requires_grad
    assert next(g).item() == 10.0
    with pytest.raises(StopIteration) as stop:
        g.send("returned")
    assert stop.value.value == "returned"
    closed = numbers(leaf())
    next(closed)
    closed.close()
    assert ut.is_grad_enabled()


def test_coroutines_and_tasks() -> None:
    @ut.no_grad()
    async def quiet_one(x: Any) -> bool:
        await asyncio.sleep(0)
        return bool((x * 2).requires_grad)

    @ut.no_grad()
    async def quiet_many(x: Any) -> AsyncIterator[bool]:
        yield (x * 2).requires_grad
        await asyncio.sleep(0)
        yield (x * 2).requires_grad

    async def loud(x: Any) -> bool:
        await asyncio.sleep(0)
        return bool((x * 2).requires_grad)

    async def main() -> None:
        x = leaf()
        assert await asyncio.gather(quiet_one(x), loud(x), quiet_one(x), loud(x)) == [False, True] * 2
        async for recorded in quiet_many(x):
            assert not recorded
            assert (x * 2).requires_grad

    asyncio.run(main())


def test_set_grad_enabled_is_a_statement_a_block_and_a_decorator() -> None:
    x = leaf()
    ut.set_grad_enabled(False)
    assert not (x * 2).requires_grad
    with ut.enable_grad():
        assert (x * 2).requires_grad
        ut.set_grad_enabled(False)
        assert not (x * 2).requires_grad
    assert not (x * 2).requires_grad
    assert in_threads(lambda: (x * 2).requires_grad, 1) == [True]  # another thread has its own
    ut.set_grad_enabled(True)
    assert (x * 2).requires_grad
    with ut.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    with ut.enable_grad():
        ut.set_grad_enabled(False)
    assert (x * 2).requires_grad  # a block gives back what was before it
    with ut.no_grad():
        ut.set_grad_enabled(True)
        assert (x * 2).requires_grad
    assert (x * 2).requires_grad

    @ut.set_grad_enabled(False)
    def f(x: Any) -> Any:
        return x * 2

    assert ut.is_grad_enabled()
    assert not f(x).requires_grad
    assert ut.is_grad_enabled()


def test_a_mode_that_is_dropped_without_being_left_is_over() -> None:
    mode: Any = ut.no_grad()
    mode.__enter__()
    assert not ut.is_grad_enabled()
    del mode
    assert ut.is_grad_enabled()


def test_no_grad_in_forward_mode(engine: str) -> None:
    def f(x: Any) -> Any:
        with ut.no_grad():
            c = x * x
            c *= 2.0
            b = ut.zeros(())
            b[...] = x
        return c * x + b

    x, t = ut.asarray(2.0), ut.asarray(1.0)
    assert ut.jvp(f, (x,), (t,))[1].item() == ut.grad(f)(x).item() == 8.0
    assert ut.jacobian(f, mode="forward")(x).item() == 8.0
    assert ut.hessian(lambda x: f(x) * x)(x).item() == 16.0


@pytest.mark.parametrize("transform", ["grad", "vjp", "jvp", "linearize", "jacobian", "hessian", "hvp"])
def test_transforms_inside_no_grad_have_values_and_no_history(engine: str, transform: str) -> None:
    w, x, t = leaf(), ut.asarray(3.0), ut.asarray(1.0)

    def f(x: Any) -> Any:
        return w * x * x

    with ut.no_grad():
        found = {
            "grad": lambda: ut.grad(f)(x),
            "vjp": lambda: ut.vjp(f, x)[1](t)[0],
            "jvp": lambda: ut.jvp(f, (x,), (t,))[1],
            "linearize": lambda: ut.linearize(f, x)[1](t),
            "jacobian": lambda: ut.jacobian(f)(x),
            "hessian": lambda: ut.hessian(lambda x: f(x) * x / 3)(x),
            "hvp": lambda: ut.hvp(lambda x: f(x) * x / 3)(x, t),
        }[transform]()
    assert found.item() == 12.0
    assert not found.requires_grad


def test_numpys_warnings_are_silenced_and_come_back() -> None:
    before = errors.get()
    try:
        errors.set(quiet())
        with np.errstate(over="raise"):
            np.zeros(1) / np.zeros(1)
    finally:
        errors.set(before)
    with pytest.warns(RuntimeWarning):
        np.zeros(1) / np.zeros(1)


def test_interrupts_leave_nothing_behind() -> None:
    """A few; `tests/interrupts.py` makes thousands by hand."""
    assert not interrupts.faults(150, seed=0)
