"""Arrays that come from other engines, from NumPy and from callers who keep them; and names of devices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unitensor as ut
from unitensor import _backend

# Whose an array is ---------------------------------------------------------------------------------


class Special(np.ndarray):
    """An engine's array that is NumPy's by inheritance."""


class VerySpecial(Special):
    """One that is that engine's by inheritance."""


class Unknown(np.ndarray):
    """One that nobody registered."""


def engine_of(called: str, kind: type) -> type[ut.Backend]:
    class Engine(ut.Backend):
        name, xp, array_type, numpy_rules = called, np, kind, True

        def from_numpy(self, a: Any, device: Any = None) -> Any:
            return np.asarray(a).view(kind)

        def scatter_add(self, a: Any, key: Any, value: Any) -> Any:
            np.add.at(a, key, value)
            return a

    return Engine


@pytest.mark.parametrize("order", [("special", "very"), ("very", "special"), ("broken", "special", "very")])
@pytest.mark.parametrize("loaded", [False, True])
def test_an_array_is_of_the_most_specific_backend(
    monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...], loaded: bool
) -> None:
    monkeypatch.setattr(_backend, "_factories", {})
    monkeypatch.setattr(_backend, "_loaded", dict(_backend._loaded))

    def broken() -> ut.Backend:
        raise OSError("no device")

    known = {
        "special": engine_of("special", Special),
        "very": engine_of("very", VerySpecial),
        "broken": broken,
    }
    for name in order:
        ut.register_backend(name, known[name])
        if loaded and name != "broken":
            ut.load_backend(name)
    for kind, name in [(Special, "special"), (VerySpecial, "very"), (np.ndarray, ut.zeros(1).backend)]:
        a = np.ones((2, 3)).view(kind)
        assert ut.asarray(a).backend == ut.asarray(a, copy=True).backend == ut.tensor(a).backend == name
        assert ut.asarray([a, a]).backend == name
        assert ut.asarray([a[0, 0:1], [2.0]]).backend == name
    assert ut.asarray(np.ones(2).view(Unknown)).backend == ut.zeros(1).backend


def test_lists_of_an_engines_arrays_stay_on_it() -> None:
    torch = pytest.importorskip("torch")
    with ut.use_backend("numpy"):
        one = torch.ones(())
        for nested in ([one, one], [one, 1.0], [[2.0, one], [1.0, 1.0]], (np.float64(1.0), one)):
            assert ut.asarray(nested).backend == "torch"


# Devices -------------------------------------------------------------------------------------------


def test_a_device_is_found_in_a_set_of_names() -> None:
    device, others = ut.zeros(1).device, {"cuda:0", "cuda"}
    assert device == "cpu"
    assert device in {"cpu", *others}
    assert device not in others
    assert {device: 1}["cpu"] == 1  # type: ignore[index]  # which is what equal hashes give
    assert device == str(device)
    assert len({device, ut.ones(2).device}) == 1


# From engine to engine -------------------------------------------------------------------------------


@pytest.mark.parametrize("there", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("here", ["numpy", "torch", "jax"])
def test_a_number_goes_to_another_engine_and_back(here: str, there: str) -> None:
    pytest.importorskip({"numpy": "numpy", "torch": "torch", "jax": "jax"}[there])
    pytest.importorskip({"numpy": "numpy", "torch": "torch", "jax": "jax"}[here])
    ways = [lambda x: x.to(there).to(here) ** 3, lambda x: (x.to(there) ** 3).to(here)]
    with ut.use_backend(here):
        x, one = ut.asarray(2.0), ut.asarray(1.0)
        for f in ways:
            assert ut.grad(f)(x).item() == ut.jvp(f, (x,), (one,))[1].item() == 12.0
            assert (
                ut.grad(ut.grad(f))(x).item() == ut.hessian(f)(x).item() == ut.hvp(f)(x, one).item() == 12.0
            )
        w = ut.tensor(2.0, requires_grad=True)
        ways[0](w).backward()
        assert w.grad is not None
        assert (w.grad.item(), w.grad.backend) == (12.0, here)


@pytest.mark.parametrize("engine", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("scalar", [np.float64(2.0), np.bool_(True), np.complex64(1j), np.int8(-3)])
def test_a_scalar_of_numpys_becomes_an_array(engine: str, scalar: Any) -> None:
    pytest.importorskip(engine)
    backend = ut.load_backend(engine)
    a = backend.from_numpy(scalar)
    assert backend.is_array(a)
    assert type(backend.to_numpy(a)) is np.ndarray
    assert type(backend.to_numpy(scalar) if engine == "numpy" else backend.to_numpy(a)) is np.ndarray
    assert backend.to_numpy(a)[()] == scalar


# Memory that the caller keeps ---------------------------------------------------------------------------


def test_immutable_arrays_share_no_memory_that_the_caller_can_write() -> None:
    pytest.importorskip("jax")

    class Exporter:
        def __init__(self, a: Any) -> None:
            self.a = a

        def __dlpack__(self, **options: Any) -> Any:
            return self.a.__dlpack__(**options)

        def __dlpack_device__(self) -> Any:
            return self.a.__dlpack_device__()

    takers: list[Any] = [ut.asarray, ut.from_numpy, ut.tensor, lambda a: ut.asarray(a, copy=True)]
    takers += [lambda a: ut.asarray(Exporter(a)), lambda a: ut.asarray(a, dtype=ut.float32)]
    takers += [lambda a: ut.from_dlpack(a, copy=True), lambda a: ut.asarray(a, device="cpu")]
    takers.append(lambda a: ut.asarray([a])[0])
    with ut.use_backend("jax"):
        for take in takers:
            for n in (1, 64, 4096):  # JAX shares memory where it happens to be aligned
                a = np.ones(n)
                x = take(a)
                y = x * 2.0
                a[...] = 5.0
                assert ut.all(x == 1.0)
                assert ut.all(y == 2.0)
        with ut.use_backend("numpy"):
            source = ut.ones(64)
        moved = source.to("jax")
        source[...] = 5.0
        assert ut.all(moved == 1.0)


@pytest.mark.parametrize("engine", ["numpy", "torch", "jax"])
def test_bytes_that_are_viewed_as_booleans_count_as_one(engine: str) -> None:
    pytest.importorskip(engine)
    raw = np.asarray([0, 255, 2, 1], np.uint8)
    rows = np.stack([raw, raw], axis=1)
    ways: dict[str, Any] = {
        "asarray": lambda: ut.asarray(raw.view(bool)),
        "tensor": lambda: ut.tensor(raw.view(bool)),
        "from_numpy": lambda: ut.from_numpy(raw.view(bool)),
        "from_dlpack": lambda: ut.from_dlpack(raw.view(bool)),
        "copied by DLPack": lambda: ut.from_dlpack(raw.view(bool), copy=True),
        "strided": lambda: ut.asarray(rows.view(bool)[:, 0]),
        "listed": lambda: ut.asarray([raw.view(bool)])[0],
        "moved": lambda: ut.asarray(raw.view(bool), device="numpy:cpu").to(engine),
    }
    with ut.use_backend(engine):
        good = ut.asarray([False, True, True, True])
        for name, way in ways.items():
            mask = way()
            assert int(ut.sum(mask)) == int(ut.count_nonzero(mask)) == 3, name
            assert ut.all(mask == good), name
            assert (mask == True).tolist() == good.tolist(), name  # noqa: E712 -- the comparison is what is tried
            assert mask.astype(ut.int64).tolist() == [0, 1, 1, 1], name
            assert ut.cumulative_sum(mask).tolist() == [0, 1, 2, 3], name
            assert ut.unique_values(mask).tolist() == [False, True], name
            assert ut.logical_xor(mask, good).tolist() == [False] * 4, name
