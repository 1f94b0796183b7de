"""Checks beyond single ops: errors, views and writing, interchange, objects, the hooks."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

import unitensor as ut

from ._checks import Run
from ._compare import Failure, difference

PREPARE = "import unitensor as ut\nut.set_backend({backend!r})\n"


def program(run: Run, name: str, text: str, *, error: type[Exception] | None = None) -> None:
    """Run a few lines on NumPy and on the backend, and compare `out` (a Tensor, or a list of them)."""
    expected, got = (_outcome(backend, text) for backend in ("numpy", run.backend))
    snippet = PREPARE.format(backend=run.backend) + text + "\nprint(out)"
    run.count[name] = run.count.get(name, 0) + 1
    if error is not None and not isinstance(got, error):
        raise Failure(name, "no error", error.__name__, got, snippet)
    if isinstance(expected, Exception) or isinstance(got, Exception):
        if type(expected) is not type(got):
            raise Failure(name, "another outcome", expected, got, snippet)
        return
    for e, g in zip(expected, got, strict=True):
        if why := difference(e, g, 1e-12, 1e-12):
            raise Failure(name, why, e, g, snippet)


def _outcome(backend: str, text: str) -> Any:
    scope: dict[str, Any] = {"ut": ut, "np": np}
    with ut.use_backend(backend):
        try:
            exec(text, scope)
        except Exception as error:
            return error
        out = scope["out"]
        return [np.asarray(t.detach().numpy()) for t in (out if isinstance(out, list) else [out])]


PROGRAMS: list[tuple[str, str, str, type[Exception] | None]] = [
    # name, kind, program, error
    ("add", "errors", "out = ut.ones(3) + ut.ones(4)", ValueError),
    ("matmul", "errors", "out = ut.ones((2, 3)) @ ut.ones((2, 3))", ValueError),
    ("reshape", "errors", "out = ut.reshape(ut.ones(6), (4, 2))", ValueError),
    ("getitem", "errors", "out = ut.ones(3)[5]", IndexError),
    ("getitem", "errors", "out = ut.ones(3)[ut.asarray([0, 3])]", IndexError),
    ("take", "errors", "out = ut.take(ut.ones(3), ut.asarray([3]))", IndexError),
    ("sum", "errors", "out = ut.sum(ut.ones(3), axis=1)", IndexError),
    ("argmax", "errors", "out = ut.argmax(ut.ones(0))", ValueError),
    ("max", "errors", "out = ut.max(ut.ones(0))", ValueError),
    ("bitwise_and", "errors", "out = ut.bitwise_and(ut.ones(2), ut.ones(2))", TypeError),
    ("concat", "errors", "out = ut.concat([ut.ones((2, 2)), ut.ones((2, 3))])", ValueError),
    ("asarray", "errors", "out = ut.asarray([[1, 2], [3]])", ValueError),
    ("bool", "errors", "out = bool(ut.ones(2))", ValueError),
    ("requires_grad", "errors", "out = ut.asarray([1]).requires_grad_()", ut.GradientError),
    ("backward", "errors", "ut.ones(2).backward()", ut.GradientError),
    ("linalg.inv", "errors", "out = ut.linalg.inv(ut.zeros((2, 2)))", np.linalg.LinAlgError),
    ("linalg.cholesky", "errors", "out = ut.linalg.cholesky(-ut.eye(2))", np.linalg.LinAlgError),
    ("slice", "views", "x = ut.zeros(6)\ny = x[1:5:2]\ny[...] = 7.0\nout = [x, y]", None),
    ("negative step", "views", "x = ut.zeros(5)\ny = x[::-2]\ny[0] = 7.0\nout = [x, y]", None),
    (
        "permute_dims",
        "views",
        "x = ut.zeros((2, 3))\ny = x.T\ny[2, 0] = 7.0\nx[0, 0] = 1.0\nout = [x, y]",
        None,
    ),
    ("flip", "views", "x = ut.zeros(4)\ny = ut.flip(x)\ny[0] = 7.0\nout = [x, y]", None),
    ("reshape", "views", "x = ut.zeros((2, 3))\ny = x.reshape(6)\ny[4] = 7.0\nout = [x, y]", None),
    (
        "reshape of a transpose",
        "views",
        "x = ut.zeros((2, 3))\ny = x.T.reshape(6)\ny[4] = 7.0\nout = [x, y]",
        None,
    ),
    ("expand_dims", "views", "x = ut.zeros(3)\ny = x[None, :, None]\ny[0, 1, 0] = 7.0\nout = [x, y]", None),
    (
        "linalg.diagonal",
        "views",
        "x = ut.zeros((3, 3))\ny = ut.linalg.diagonal(x)\nx[1, 1] = 2.0\nout = [x, y]",
        None,
    ),
    (
        "real",
        "views",
        "x = ut.asarray([1+2j, 3+4j])\ny = x.real\nz = x.imag\ny[0] = 7.0\nz[1] = 0.0\nout = [x, y, z]",
        None,
    ),
    (
        "advanced indexing",
        "views",
        "x = ut.zeros(4)\ny = x[ut.asarray([0, 1])]\ny[0] = 7.0\nout = [x, y]",
        None,
    ),
    ("clone", "views", "x = ut.zeros(4)\ny = x.clone()\ny[0] = 7.0\nout = [x, y]", None),
    (
        "view of a view",
        "views",
        "x = ut.zeros((4, 4))\ny = x[1:3]\nz = y.T[::2]\nz[1, 0] = 7.0\ny += 1.0\nout = [x, y, z]",
        None,
    ),
    (
        "setitem",
        "writing",
        "x = ut.zeros(4)\nx[ut.asarray([0, 2, 0])] = ut.asarray([1.0, 2.0, 3.0])\nout = x",
        None,
    ),
    ("mask", "writing", "x = ut.arange(5.0)\nx[x > 2.0] = -1.0\nout = x", None),
    ("mask of values", "writing", "x = ut.arange(5.0)\nx[x > 2.0] = ut.asarray([8.0, 9.0])\nout = x", None),
    ("broadcast", "writing", "x = ut.zeros((2, 3))\nx[:, 1:] = ut.asarray([[1.0], [2.0]])\nout = x", None),
    ("in place", "writing", "x = ut.arange(4)\nx += 2\nx *= x\nx -= 1\nx //= 2\nout = x", None),
    ("cast", "writing", "x = ut.zeros(2, dtype=ut.int64)\nx[0] = 2.9\nout = x", None),
    ("at add", "writing", "x = ut.zeros(3)\nut.at(x, ut.asarray([0, 0, 2])).add(1.0)\nout = x", None),
    (
        "at multiply",
        "writing",
        "x = ut.ones(3)\nut.at(x, ut.asarray([0, 0, 2])).multiply(3.0)\nout = x",
        None,
    ),
    (
        "at max",
        "writing",
        "x = ut.zeros(3)\nut.at(x, ut.asarray([0, 0, 2])).max(ut.asarray([1.0, 2.0, -1.0]))\nout = x",
        None,
    ),
    ("shape", "writing", "x = ut.zeros(3)\nx[1:] = ut.ones(3)\nout = x", ValueError),
    ("read-only", "writing", "x = ut.broadcast_to(ut.ones(2), (2, 2))\nx[0] = 1.0\nout = x", ValueError),
    (
        "gradient of a write",
        "writing",
        "a = ut.tensor([1.0, 2.0, 3.0], requires_grad=True)\nw = ut.tensor(5.0, requires_grad=True)\n"
        "x = a * 2.0\ny = x[1:]\ny[0] = w * w\n((x * x).sum() + y.sum()).backward()\nout = [a.grad, w.grad]",
        None,
    ),
    (
        "gradient of repeats",
        "writing",
        "a = ut.tensor([1.0, 2.0, 3.0], requires_grad=True)\nx = ut.zeros(4)\n"
        "x[ut.asarray([1, 1, 3])] = a\n(x * x).sum().backward()\nout = a.grad",
        None,
    ),
    (
        "gradient of a loop",
        "writing",
        "a = ut.tensor([0.5, 2.0], requires_grad=True)\nx = ut.zeros(5)\nh = a[0]\n"
        "for i in range(5):\n    x[i] = h\n    h = h * a[1]\n(x * x).sum().backward()\nout = [x, a.grad]",
        None,
    ),
    (
        "scatter_add",
        "writing",
        "x = ut.tensor([1.0, 2.0], requires_grad=True)\n(x[ut.asarray([0, 0, 1])] * 3.0).sum().backward()\nout = x.grad",
        None,
    ),
    (
        "where",
        "reverse",
        "x = ut.tensor([0.0, 4.0], requires_grad=True)\nut.where(x > 0, ut.sqrt(x), 0.0).sum().backward()\nout = x.grad",
        None,
    ),
]


def check_numpy(run: Run) -> None:
    """`from_numpy` and `to_numpy` give back what they were given, for every dtype and shape."""
    engine = run.engine()
    for dtype in engine.dtypes():
        for shape in ((), (0,), (3,), (2, 0, 3), (2, 3)):
            values = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype.name)
            for a in (values, values[::-1] if shape else values, values.T):
                back = engine.to_numpy(engine.from_numpy(a))
                run.count["numpy"] = run.count.get("numpy", 0) + 1
                if why := difference(np.asarray(a), np.asarray(back), 0, 0):
                    raise Failure("to_numpy(from_numpy(a))", why, a, back, "")


def check_dlpack(run: Run) -> None:
    """DLPack carries values out and in."""
    with ut.use_backend(run.backend):
        for dtype in ("float32", "float64", "int32", "int64"):
            values = np.arange(6).reshape(2, 3).astype(dtype)
            x = ut.asarray(values)
            if x.device.kind == "cpu" and (why := difference(values, np.from_dlpack(x), 0, 0)):
                raise Failure("__dlpack__", why, values, np.from_dlpack(x), "")
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


def check_hooks(run: Run) -> None:
    """The protocol's own hooks: assignment and scatter-add."""
    engine = run.engine()
    a = engine.from_numpy(np.zeros(4))
    index = engine.from_numpy(np.asarray([0, 0, 3]))
    added = engine.scatter_add(a, (index,), engine.from_numpy(np.asarray([1.0, 2.0, 4.0])))
    if why := difference(np.asarray([3.0, 0.0, 0.0, 4.0]), np.asarray(engine.to_numpy(added)), 0, 0):
        raise Failure("scatter_add", why, [3.0, 0.0, 0.0, 4.0], engine.to_numpy(added), "")
    b = engine.assign(engine.from_numpy(np.zeros(4)), slice(1, 3), engine.from_numpy(np.asarray([5.0, 6.0])))
    if why := difference(np.asarray([0.0, 5.0, 6.0, 0.0]), np.asarray(engine.to_numpy(b)), 0, 0):
        raise Failure("assign", why, [0.0, 5.0, 6.0, 0.0], engine.to_numpy(b), "")
    run.count["hooks"] = 2


def _as_check(name: str, text: str, error: type[Exception] | None) -> Callable[[Run], None]:
    return lambda run: program(run, name, text, error=error)


CHECKS: list[tuple[str, str, Callable[[Run], None]]] = [
    *(
        (f"{name} #{i}", kind, _as_check(name, text, error))
        for i, (name, kind, text, error) in enumerate(PROGRAMS)
    ),
    ("numpy", "interchange", check_numpy),
    ("dlpack", "interchange", check_dlpack),
    ("devices", "interchange", check_devices),
    ("pickle and copy", "objects", check_objects),
    ("threads", "objects", check_threads),
    ("hooks", "objects", check_hooks),
]
