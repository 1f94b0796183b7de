"""First uses by several threads at once, in fresh processes: what is made lazily is made once."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from typing import Any

import numpy as np
import pytest
from together import in_threads

import unitensor as ut
from unitensor import _backend

ENGINES = ("numpy", "torch", "jax")

AT_ONCE = """
import threading, traceback
import unitensor as ut

def at_once(work, n=8):
    found, errors, start = [], [], threading.Barrier(n)
    def run(i):
        start.wait()
        try:
            found.append(work(i))
        except BaseException:
            errors.append(traceback.format_exc())
    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert not errors, errors[0]
    return found
"""
FIRST_USES = {
    "creation": """
        made = at_once(lambda i: ut.ones(3))
        assert sum(made).tolist() == [8.0, 8.0, 8.0]
    """,
    "engines by device": """
        made = at_once(lambda i: ut.ones(2, device=("numpy", "torch", "jax")[i % 3]))
        assert len({id(x._xp) for x in made}) == 3
    """,
    "engines by use_backend": """
        def work(i):
            with ut.use_backend(("numpy", "torch", "jax")[i % 3]):
                return ut.ones(2) + ut.linalg.vector_norm(ut.ones(2)) + ut.real(ut.fft.fft(ut.ones(2) + 0j))
        assert len({id(x._xp) for x in at_once(work)}) == 3
    """,
    "gradients and random numbers": """
        def work(i):
            x = ut.tensor([1.0, 2.0], requires_grad=True)
            (ut.random.normal((2,)) * ut.exp(x)).sum().backward()
            return x.grad
        assert sum(at_once(work)).shape == (2,)
    """,
    "namespaces": """
        made = at_once(lambda i: ut.ones(2).__array_namespace__())
        assert all(xp is made[0] for xp in made)
        devices = at_once(lambda i: ut.ones(2).device)
        assert all(d is devices[0] for d in devices)
    """,
    "sub-packages": """
        names = ["nn", "optim", "data", "random", "scipy", "special", "testing", "nn"]
        def work(i):
            getattr(ut, names[i]).__name__
            return ut.nn.Linear(2, 3)(ut.ones(2)) + ut.special.gamma(ut.ones(3))
        assert sum(at_once(work)).shape == (3,)
    """,
    "a pool": """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(lambda i: ut.full(2, i), range(64))).tolist() == [2016, 2016]
    """,
    "a loader": """
        from unitensor.data import DataLoader
        class Numbers:
            def __len__(self): return 32
            def __getitem__(self, i): return ut.full(2, i)
        loader = DataLoader(Numbers(), 4, num_workers=4)
        assert sum(ut.sum(batch, axis=0) for batch in loader).tolist() == [496, 496]
    """,
}


def run(program: str, engine: str) -> None:
    code = AT_ONCE + textwrap.dedent(program)
    env = {**os.environ, "UNITENSOR_BACKEND": engine}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("use", FIRST_USES)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_eight_threads_use_first_is_made_once(engine: str, use: str) -> None:
    if "engines" in use and engine != "numpy":
        pytest.skip("these programs name their engines")
    run(FIRST_USES[use], engine)


# Loading -------------------------------------------------------------------------------------------


class Plain(ut.Backend):
    """A backend of NumPy arrays that nothing is known of but its name."""

    name = "plain"
    xp = np
    array_type = np.ndarray
    numpy_rules = True

    def scatter_add(self, a: Any, key: Any, value: Any) -> Any:
        np.add.at(a, key, value)
        return a


@pytest.fixture
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_backend, "_factories", {})
    monkeypatch.setattr(_backend, "_loaded", dict(_backend._loaded))
    monkeypatch.setattr(_backend, "_current", {})


def at_once(work: Any, n: int = 8) -> list[Any]:
    """What each of n threads returns or raises."""
    found: list[Any] = []
    start = threading.Barrier(n)

    def go() -> None:
        start.wait()
        try:
            found.append(work())
        except Exception as error:
            found.append(error)

    threads = [threading.Thread(target=go) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == n
    return found


@pytest.mark.usefixtures("_registry")
def test_a_factory_is_called_once_by_threads_that_load_together() -> None:
    calls: list[Plain] = []
    inside = threading.Event()

    def slow() -> Plain:
        inside.wait(0.05)
        calls.append(Plain())
        return calls[-1]

    ut.register_backend("plain", slow)
    found = at_once(lambda: ut.load_backend("plain").namespace)
    assert len(calls) == 1
    assert all(xp is calls[0].namespace for xp in found)


@pytest.mark.usefixtures("_registry")
def test_a_backend_that_was_made_by_hand_has_one_namespace() -> None:
    made = Plain()
    assert len({id(xp) for xp in at_once(lambda: made.namespace)}) == 1


@pytest.mark.usefixtures("_registry")
def test_a_failure_is_one_for_each_thread_and_the_next_try_is_new() -> None:
    broken = [True]

    def sometimes() -> Plain:
        if broken[0]:
            raise OSError("no device")
        return Plain()

    ut.register_backend("plain", sometimes)
    assert all(isinstance(error, OSError) for error in at_once(lambda: ut.load_backend("plain")))
    broken[0] = False
    assert len({id(backend) for backend in at_once(lambda: ut.load_backend("plain"))}) == 1


@pytest.mark.usefixtures("_registry")
def test_a_backend_whose_namespace_fails_is_not_published() -> None:
    class Bad(Plain):
        def raw_devices(self) -> list[Any]:
            raise OSError("bus error")

    ut.register_backend("plain", Bad)
    for _ in range(2):
        with pytest.raises(OSError, match="bus error"):
            ut.load_backend("plain")
    ut.register_backend("plain", Plain)
    assert ut.load_backend("plain").namespace.backend.name == "plain"


@pytest.mark.usefixtures("_registry")
def test_a_backend_may_load_the_one_that_it_wraps_but_not_itself() -> None:
    class Outer(Plain):
        name = "outer"

        def __init__(self) -> None:
            self.inner = ut.load_backend("plain")
            super().__init__()

    class Selfish(Plain):
        def __init__(self) -> None:
            ut.load_backend("plain")
            super().__init__()

    ut.register_backend("plain", Plain)
    ut.register_backend("outer", Outer)
    found = at_once(lambda: ut.load_backend("outer"))
    assert all(outer is found[0] and outer.inner is ut.load_backend("plain") for outer in found)
    ut.register_backend("plain", Selfish)
    with pytest.raises(ut.BackendError, match="asks for itself"):
        ut.load_backend("plain")


@pytest.mark.usefixtures("_registry")
def test_one_registered_while_another_loads_is_the_one_that_is_used_then() -> None:
    started, registered = threading.Event(), threading.Event()

    class New(Plain):
        pass

    def old() -> Plain:
        started.set()
        registered.wait(0.1)  # the other thread waits for this one to finish
        return Plain()

    def replace() -> None:
        started.wait()
        ut.register_backend("plain", New)
        registered.set()

    ut.register_backend("plain", old)
    thread = threading.Thread(target=replace)
    thread.start()
    assert type(ut.load_backend("plain")) is Plain
    thread.join()
    assert type(ut.load_backend("plain")) is New


@pytest.mark.usefixtures("_registry")
def test_what_is_current_does_not_outlive_a_choice_that_another_thread_makes_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("UNITENSOR_BACKEND", raising=False)
    monkeypatch.setattr(_backend, "_process_default", None)
    load = _backend._load_current

    def interrupted() -> Any:
        found = load()
        thread = threading.Thread(target=ut.set_backend, args=("plain",))
        thread.start()
        thread.join()
        return found

    ut.register_backend("plain", Plain)
    monkeypatch.setattr(_backend, "_load_current", interrupted)
    first = ut.zeros(1).backend
    monkeypatch.setattr(_backend, "_load_current", load)
    assert (first, ut.zeros(1).backend) == ("numpy", "plain")


def test_no_write_is_missed_while_other_threads_write() -> None:
    missed: list[int] = []

    def work() -> None:
        for i in range(500):
            x, k = ut.tensor([1.0, 2.0], requires_grad=True), ut.asarray(np.array([3.0, 4.0]))
            y = x * k
            k[0] = 5.0
            try:
                y.sum().backward()
            except ut.GradientError:
                continue
            missed.append(i)

    in_threads(work)
    assert not missed
