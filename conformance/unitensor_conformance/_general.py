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
    ("devices", "interchange", check_devices),
    ("random", "objects", check_streams),
    ("pickle and copy", "objects", check_objects),
    ("threads", "objects", check_threads),
]


def checks() -> Iterator[Check]:
    """The checks of this file."""
    for name, kind, function in CHECKS:
        yield Check(name, "protocol", kind, function)
