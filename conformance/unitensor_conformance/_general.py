"""Checks of what is no op: moving arrays in and out, devices, objects, threads, the hooks of the protocol."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import unitensor as ut

from ._checks import Check, Run
from ._compare import Failure, difference


def check_numpy(run: Run) -> None:
    """`from_numpy` and `to_numpy` give back what they were given, for every dtype and shape."""
    engine = run.engine()
    for dtype in engine.dtypes():
        special = np.asarray([0.0, -0.0, 1.0, -1.0] + [np.nan, np.inf, -np.inf, 1e-30] * (dtype.kind in "fc"))
        with np.errstate(invalid="ignore"):
            special = special.astype(dtype.name)
        back = np.array(engine.to_numpy(engine.from_numpy(special)))
        if why := difference(special, back, 0, 0):
            raise Failure("to_numpy(from_numpy(a))", why, special, back, "")
        for shape in ((), (0,), (3,), (2, 0, 3), (2, 3)):
            values = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype.name)
            for a in (values, values[::-1] if shape else values, values.T):
                back = engine.to_numpy(engine.from_numpy(a))
                run.count["numpy"] = run.count.get("numpy", 0) + 1
                if why := difference(np.asarray(a), np.asarray(back), 0, 0):
                    raise Failure("to_numpy(from_numpy(a))", why, a, back, "")


class Exporter:
    """An array of a library that nobody knows, behind DLPack."""

    def __init__(self, a: Any) -> None:
        self.a = a

    def __dlpack__(self, **options: Any) -> Any:
        return self.a.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.a.__dlpack_device__()


def check_dlpack(run: Run) -> None:
    """DLPack carries values out and in."""
    with ut.use_backend(run.backend):
        for dtype in ("float32", "float64", "int32", "int64"):
            values = np.arange(6).reshape(2, 3).astype(dtype)
            x = ut.asarray(values)
            if x.device.kind == "cpu" and (why := difference(values, np.from_dlpack(x), 0, 0)):
                raise Failure("__dlpack__", why, values, np.from_dlpack(x), "")
            z = ut.from_dlpack(Exporter(values))
            if why := difference(values, np.array(z.numpy()), 0, 0):
                raise Failure("from_dlpack", why, values, z, "")
            y = ut.from_dlpack(x)
            if y.backend != run.backend or (why := difference(values, np.asarray(y.numpy()), 0, 0)):
                raise Failure("from_dlpack", "another array", values, y, "")
            run.count["dlpack"] = run.count.get("dlpack", 0) + 1


def check_devices(run: Run) -> None:
    """Arrays are made on the device that was asked for, and stay there."""
    with ut.use_backend(run.backend):
        for device in run.engine().devices():
            for x in (
                ut.zeros(3, device=device),
                ut.asarray([1.0, 2.0], device=str(device)),
                ut.arange(3, device=device),
            ):
                run.count["devices"] = run.count.get("devices", 0) + 1
                for y in (x, x + 1, ut.exp(ut.astype(x, ut.float64)), x[1:], ut.zeros_like(x)):
                    if y.device != device:
                        raise Failure(
                            "device",
                            "the result moved",
                            device,
                            y.device,
                            f"ut.zeros(3, device={str(device)!r})",
                        )


def check_objects(run: Run) -> None:
    """Pickling and copying keep values, dtype, backend and `requires_grad`."""
    with ut.use_backend(run.backend):
        x = ut.tensor([1.0, 2.0], dtype=ut.float32, requires_grad=True)
        for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
            run.count["objects"] = run.count.get("objects", 0) + 1
            if (y.backend, y.dtype, y.requires_grad, y.tolist()) != (x.backend, x.dtype, True, x.tolist()):
                raise Failure("pickle or copy", "another Tensor", x, y, "")


def check_threads(run: Run) -> None:
    """Threads that compute at once get what one alone gets."""

    def work(n: int) -> Any:
        with ut.use_backend(run.backend):
            x = ut.tensor(np.linspace(0.1, 1.0, 10) + n, requires_grad=True)
            y = x
            for _ in range(20):
                y = ut.sin(y) * x
            y.sum().backward()
            return np.asarray(x.grad.numpy()) if x.grad is not None else None

    alone = [work(n) for n in range(4)]
    together: list[Any] = [None] * 4

    def into(n: int) -> None:
        together[n] = work(n)

    threads = [threading.Thread(target=into, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    run.count["threads"] = 4
    for a, b in zip(alone, together, strict=True):
        if b is None or not np.array_equal(a, b):
            raise Failure("threads", "another gradient", a, b, "")


def check_assign(run: Run) -> None:
    """`assign` writes what NumPy writes, by every kind of key."""
    keys: list[tuple[Any, Any]] = [
        (slice(1, 3), [5.0, 6.0]),
        (slice(None, None, -2), [5.0, 6.0]),
        (..., 2.0),
        (2, 7.0),
        (-1, 7.0),
        ([0, 2], [5.0, 6.0]),
        ([True, False, True, False], [5.0, 6.0]),
    ]
    engine = run.engine()
    for key, value in keys:
        expected = np.arange(4.0)
        index = np.asarray(key) if isinstance(key, list) else key
        expected[index] = value
        run.counted("assign")
        raw = engine.from_numpy(index) if isinstance(key, list) and not isinstance(key[0], bool) else index
        if isinstance(key, list) and isinstance(key[0], bool):
            raw = engine.from_numpy(np.nonzero(index)[0])
        got = engine.assign(engine.from_numpy(np.arange(4.0)), raw, engine.from_numpy(np.asarray(value)))
        if why := difference(expected, np.array(engine.to_numpy(got)), 0, 0):
            raise Failure("assign", why, expected, engine.to_numpy(got), f"key {key}, value {value}")


def check_scatter_add(run: Run) -> None:
    """`scatter_add` adds every value, those of repeated indices too, for every dtype it may meet."""
    engine = run.engine()
    for dtype in ("float64", "float32", "complex128", "int64"):
        if dtype not in run.dtypes():
            continue
        for index in ([0, 0, 3], [-1, 3, 3], [2, 1, 2]):
            expected, values = np.arange(4).astype(dtype), np.asarray([1, 2, 4], dtype)
            a = engine.from_numpy(expected.copy())
            np.add.at(expected, np.asarray(index), values)
            run.counted("scatter_add")
            got = engine.scatter_add(a, (engine.from_numpy(np.asarray(index)),), engine.from_numpy(values))
            if why := difference(expected, np.array(engine.to_numpy(got)), 0, 0):
                raise Failure("scatter_add", why, expected, engine.to_numpy(got), f"indices {index}")


def check_hooks(run: Run) -> None:
    """What the rest of the protocol promises: names, dtypes, devices, joining complex numbers."""
    engine = run.engine()
    if engine.name != run.backend or not isinstance(engine.version(), str):
        raise Failure("name", "another name", run.backend, engine.name, "")
    for dtype in engine.dtypes():
        run.counted("hooks")
        a = engine.from_numpy(np.zeros(2, dtype.name))
        if not engine.is_array(a) or engine.is_array(np.float64(0)) or engine.is_array([0.0]):
            raise Failure("is_array", "another answer", True, type(a), "")
        if engine.dtype_of(a) != dtype:
            raise Failure("dtype_of", "another dtype", dtype, engine.dtype_of(a), "")
        if engine.device_of(a) not in engine.devices():
            raise Failure("device_of", "not among devices()", engine.devices(), engine.device_of(a), "")
        engine.synchronize(a)
    for real in ("float32", "float64"):
        if real in run.dtypes() and f"complex{2 * int(real[5:])}" in run.dtypes():
            x = np.asarray([1.0, -0.0, np.inf, np.nan], real)
            joined = np.array(
                engine.to_numpy(engine.join_complex(engine.from_numpy(x), engine.from_numpy(x[::-1].copy())))
            )
            expected = np.empty(4, joined.dtype)
            expected.real, expected.imag = x, x[::-1]
            if why := difference(expected, joined, 0, 0):
                raise Failure("join_complex", why, expected, joined, "")


def check_streams(run: Run) -> None:
    """A seed gives the same numbers on every engine, however they are asked for."""
    random = getattr(ut, "random", None)
    if random is None:
        return
    for draw in ("uniform", "normal"):
        streams = []
        for backend, shapes in ((run.backend, [(6,)]), (run.backend, [(2,), (2, 2)]), ("numpy", [(6,)])):
            with ut.use_backend(backend):
                g = random.Generator(3)
                parts = [np.array(getattr(g, draw)(shape).numpy()).reshape(-1) for shape in shapes]
                streams.append(np.concatenate(parts))
        run.counted("random")
        for other in streams[1:]:
            if why := difference(other, streams[0], 0, 0):
                raise Failure(
                    f"random.{draw}", why, other, streams[0], f"ut.random.Generator(3).{draw}((6,))"
                )


CHECKS: list[tuple[str, str, Callable[[Run], None]]] = [
    ("from_numpy and to_numpy", "interchange", check_numpy),
    ("dlpack", "interchange", check_dlpack),
    ("devices", "interchange", check_devices),
    ("random", "objects", check_streams),
    ("pickle and copy", "objects", check_objects),
    ("threads", "objects", check_threads),
    ("assign", "writing", check_assign),
    ("scatter_add", "interchange", check_scatter_add),
    ("hooks", "objects", check_hooks),
]


def checks() -> Iterator[Check]:
    """The checks of this file."""
    for name, kind, function in CHECKS:
        yield Check(name, "protocol", kind, function)
