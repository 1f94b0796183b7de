"""Checks of what is no op and no hook: devices, random streams, pickling and copying, threads."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import unitensor as ut

from ._checks import Check, Run
from ._compare import Failure, difference

PREPARE = "import unitensor as ut\nut.set_backend({backend!r})\n"

# Devices ------------------------------------------------------------------------------------------

#: What makes a Tensor on a device, by function.
MAKING = {
    "zeros": "ut.zeros((2, 3), device=device)",
    "ones": "ut.ones(3, device=device)",
    "full": "ut.full(3, 2.5, device=device)",
    "empty": "ut.empty(3, device=device)",
    "arange": "ut.arange(3, device=device)",
    "linspace": "ut.linspace(0, 1, 3, device=device)",
    "eye": "ut.eye(2, device=device)",
    "asarray": "ut.asarray([1.0, 2.0], device=device)",
    "tensor": "ut.tensor([1.0, 2.0], device=device)",
    "zeros_like": "ut.zeros_like(ut.ones(3), device=device)",
    "ones_like": "ut.ones_like(ut.ones(3), device=device)",
    "full_like": "ut.full_like(ut.ones(3), 2.0, device=device)",
    "empty_like": "ut.empty_like(ut.ones(3), device=device)",
    "astype": "ut.astype(ut.ones(3), ut.float32, device=device)",
    "fft.fftfreq": "ut.fft.fftfreq(4, device=device)",
    "random": "ut.random.Generator(3).uniform(3, device=device)",
}


def check_made(op: str, text: str, run: Run) -> None:
    """A creation function makes its array on the device that was asked for, be it an object or a name."""
    for found in run.engine().devices():
        for device in (found, str(found)):
            run.counted(op)
            lines = f"device = {str(found)!r}\nx = {text}\nprint(x.device)"
            snippet = PREPARE.format(backend=run.backend) + lines
            with ut.use_backend(run.backend):
                try:
                    x = eval(text, {"ut": ut, "device": device})
                except TypeError as error:
                    if "has no float64" in str(error):
                        continue  # the device lacks the dtype
                    raise Failure(op, "an error", found, error, snippet) from None
                if x.device != found or run.engine().device_of(x._data) != found:
                    raise Failure(op, "made on another device", found, x.device, snippet)
                if op not in ("empty", "empty_like", "random"):
                    y = eval(text, {"ut": ut, "device": None})
                    if why := difference(np.array(y.numpy()), np.array(x.numpy()), 1e-6, 0):
                        raise Failure(op, why, y, x, snippet)


def check_devices(run: Run) -> None:
    """Moving between the devices of a backend keeps values, and what is computed stays where it is."""
    engine = run.engine()
    values = np.asarray([1.0, -2.0, 3.0], np.float32)
    with ut.use_backend(run.backend):
        for source in engine.devices():
            for target in engine.devices():
                run.counted("to_device")
                x = ut.asarray(values, device=source)
                lines = f"x = ut.asarray([1.0, -2.0, 3.0], dtype=ut.float32, device={str(source)!r})\n"
                snippet = PREPARE.format(backend=run.backend) + lines + f"print(x.to({str(target)!r}))"
                for y in (x.to(target), x.to(str(target)), x.to_device(target)):
                    if y.device != target or engine.device_of(y._data) != target:
                        raise Failure("to_device", "on another device", target, y.device, snippet)
                    if why := difference(values, np.array(y.numpy()), 0, 0):
                        raise Failure("to_device", why, values, y, snippet)
                for z in (y + 1, ut.exp(y), y[1:], ut.zeros_like(y), ut.sum(y), y @ y):
                    if z.device != target:
                        raise Failure("to_device", "a result moved", target, z.device, snippet)


# Objects and streams ------------------------------------------------------------------------------


def check_objects(run: Run) -> None:
    """Pickling and copying keep values, shape, dtype, backend, device and `requires_grad`, and share nothing."""
    makers: dict[str, Callable[[Any], Any]] = {
        "pickle.loads(pickle.dumps(x))": lambda x: pickle.loads(pickle.dumps(x)),
        "copy.deepcopy(x)": copy.deepcopy,
        "copy.copy(x)": copy.copy,
        "x.clone()": lambda x: (
            x.detach().clone().requires_grad_(x.requires_grad) if x.requires_grad else x.clone()
        ),
    }
    with ut.use_backend(run.backend):
        for dtype in run.engine().dtypes():
            for values in (np.asarray([[0, 1, 2]]), np.asarray(1), np.zeros((0, 2)), np.arange(6)[::-2]):
                x = ut.asarray(values.astype(dtype.name))
                if dtype.kind in "fc":
                    x = x.requires_grad_()
                for text, make in makers.items():
                    run.counted("pickle and copy")
                    snippet = (
                        PREPARE.format(backend=run.backend) + f"x = ut.asarray({x.tolist()})\ny = {text}"
                    )
                    y = make(x)
                    before, after = _facts(x), _facts(y)
                    if before != after:
                        raise Failure(f"pickle and copy: {text}", "another Tensor", before, after, snippet)
                    if text != "copy.copy(x)" and values.size:
                        kept = np.array(x.detach().numpy())
                        y.detach()[...] = 0
                        if why := difference(kept, np.array(x.detach().numpy()), 0, 0):
                            raise Failure("pickle and copy", f"{text} shares memory: {why}", kept, x, snippet)


def _facts(x: Any) -> tuple[Any, ...]:
    return (x.backend, str(x.device), x.dtype, x.shape, x.requires_grad, x.tolist())


def check_streams(run: Run) -> None:
    """A seed gives the same numbers on every engine, in whatever shapes and pieces they are asked for."""
    draws: dict[str, Callable[..., Any]] = {
        "uniform(shape)": lambda g, shape: g.uniform(shape),
        "normal(shape)": lambda g, shape: g.normal(shape),
        "uniform(shape, dtype=ut.float32)": lambda g, shape: g.uniform(shape, dtype=ut.float32),
        "integers(0, 1000, shape)": lambda g, shape: g.integers(0, 1000, shape),
    }
    for text, draw in draws.items():
        streams = []
        asked: list[tuple[str, list[tuple[int, ...]]]] = [
            ("numpy", [(12,)]),
            (run.backend, [(12,)]),
            (run.backend, [(3, 4)]),
            (run.backend, [(2,), (2, 2), (), (5,)]),
        ]
        for backend, shapes in asked:
            with ut.use_backend(backend):
                g = ut.random.Generator(3)
                parts = [np.array(draw(g, shape).numpy()).reshape(-1) for shape in shapes]
                streams.append(np.concatenate(parts)[:12])
        run.counted("random", 3)
        for (_, shapes), stream in zip(asked, streams):
            n = len(stream)
            if why := difference(streams[0][:n], stream, 0, 0):
                lines = f"g = ut.random.Generator(3)\nprint([g.{text} for shape in {shapes}])"
                snippet = PREPARE.format(backend=run.backend) + lines
                raise Failure("random", f"{text} in pieces {shapes}: {why}", streams[0][:n], stream, snippet)


def check_threads(run: Run) -> None:
    """Threads that record and differentiate at once get what one alone gets."""

    def work(n: int) -> Any:
        with ut.use_backend(run.backend):
            x = ut.tensor(np.linspace(0.1, 1.0, 10) + n, requires_grad=True)
            y = x
            for _ in range(20):
                y = ut.sin(y) * x
            y.sum().backward()
            return np.array(x.grad.numpy()) if x.grad is not None else None

    alone = [work(n) for n in range(4)]
    together: list[Any] = [None] * 4

    def into(n: int) -> None:
        together[n] = work(n)

    threads = [threading.Thread(target=into, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    run.counted("threads", 4)
    for a, b in zip(alone, together, strict=True):
        if b is None or difference(a, b, 1e-14, 1e-14):
            raise Failure("threads", "another gradient", a, b, "")


CHECKS: list[tuple[str, str, Callable[[Run], None]]] = [
    ("to_device", "interchange", check_devices),
    ("random", "objects", check_streams),
    ("pickle and copy", "objects", check_objects),
    ("threads", "objects", check_threads),
]


def checks() -> Iterator[Check]:
    """The checks of this file."""
    for op, text in MAKING.items():
        yield Check(op, "functions", "interchange", partial(check_made, op, text), "on every device")
    for name, kind, function in CHECKS:
        yield Check(name, "protocol", kind, function)
