"""Checks that are short programs: creation, plain functions, errors, views and writing.

Each is run on NumPy and on the backend, and `out` is compared. A list of programs is one check.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import unitensor as ut
from unitensor._op import table

from ._checks import Check, Run
from ._compare import Failure, difference

PREPARE = "import unitensor as ut\nut.set_backend({backend!r})\n"


def program(run: Run, name: str, text: str, *, error: type[Exception] | None = None) -> None:
    """Run a few lines on NumPy and on the backend, and compare `out`: a value or a list of them."""
    expected, got = (_outcome(backend, text) for backend in ("numpy", run.backend))
    snippet = PREPARE.format(backend=run.backend) + text + "\nprint(out)"
    run.counted(name)
    run.refused(got)
    if error is not None and not isinstance(got, error):
        raise Failure(name, "no error, or another one", error.__name__, got, snippet)
    if isinstance(expected, Exception) or isinstance(got, Exception):
        if type(expected) is not type(got):
            raise Failure(name, "another outcome", expected, got, snippet)
        return
    if len(expected) != len(got):
        raise Failure(name, "another number of results", len(expected), len(got), snippet)
    for e, g in zip(expected, got):
        why = difference(e, g, 1e-12, 1e-12)
        if e.dtype.kind == "f" and e.dtype.itemsize == 4:
            why = difference(e, g, 1e-6, 1e-6)
        if why:
            raise Failure(name, why, e, g, snippet)


def _outcome(backend: str, text: str) -> Any:
    scope: dict[str, Any] = {"ut": ut, "np": np}
    with ut.use_backend(backend), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(text, scope)
        except Exception as error:
            return error
        out = scope["out"]
        return [_value(backend, t) for t in (out if isinstance(out, (list, tuple)) else [out])]


def _value(backend: str, value: Any) -> Any:
    if not isinstance(value, ut.Tensor):
        return np.asarray(str(value))
    if value.backend != backend or not ut.load_backend(backend).is_array(value._data):
        return np.asarray(f"a result on {value.backend}, which is not {backend}")
    return np.array(value.detach().numpy())


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
    ("getitem", "views", "x = ut.zeros(6)\ny = x[1:5:2]\ny[...] = 7.0\nout = [x, y]", None),
    ("getitem", "views", "x = ut.zeros(5)\ny = x[::-2]\ny[0] = 7.0\nout = [x, y]", None),
    (
        "permute_dims",
        "views",
        "x = ut.zeros((2, 3))\ny = x.T\ny[2, 0] = 7.0\nx[0, 0] = 1.0\nout = [x, y]",
        None,
    ),
    ("flip", "views", "x = ut.zeros(4)\ny = ut.flip(x)\ny[0] = 7.0\nout = [x, y]", None),
    ("reshape", "views", "x = ut.zeros((2, 3))\ny = x.reshape(6)\ny[4] = 7.0\nout = [x, y]", None),
    (
        "reshape",
        "views",
        "x = ut.zeros((2, 3))\ny = x.T.reshape(6)\ny[4] = 7.0\nout = [x, y]",
        None,
    ),
    ("getitem", "views", "x = ut.zeros(3)\ny = x[None, :, None]\ny[0, 1, 0] = 7.0\nout = [x, y]", None),
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
        "getitem",
        "views",
        "x = ut.zeros(4)\ny = x[ut.asarray([0, 1])]\ny[0] = 7.0\nout = [x, y]",
        None,
    ),
    ("clone", "views", "x = ut.zeros(4)\ny = x.clone()\ny[0] = 7.0\nout = [x, y]", None),
    (
        "getitem",
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
    ("setitem", "writing", "x = ut.arange(6)\nx[1:] = x[:-1]\nout = x", None),
    ("setitem", "writing", "x = ut.arange(6)\nx[::-1] = x\nout = x", None),
    ("setitem", "writing", "x = ut.reshape(ut.arange(9), (3, 3))\nx[...] = x.T\nout = x", None),
    ("setitem", "writing", "x = ut.arange(6)\nx[ut.asarray([1, 2, 3])] = x[:3]\nout = x", None),
    ("in place", "writing", "x = ut.arange(6)\nx[1:] += x[:-1]\nx[::2] -= x[2]\nout = x", None),
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
        "x = ut.tensor([1.0, 2.0], requires_grad=True)\n"
        "(x[ut.asarray([0, 0, 1])] * 3.0).sum().backward()\nout = x.grad",
        None,
    ),
    (
        "where",
        "reverse",
        "x = ut.tensor([0.0, 4.0], requires_grad=True)\n"
        "ut.where(x > 0, ut.sqrt(x), 0.0).sum().backward()\nout = x.grad",
        None,
    ),
]


#: Functions that are no ops: creation and what is composed of ops. An expression a line.
EXPRESSIONS: dict[str, str] = {
    "zeros": """
ut.zeros(3)
ut.zeros((2, 0))
ut.zeros((), dtype=ut.int16)
[ut.zeros(s) for s in ((2, 3, 4), (1, 0, 5, 2), (4, 1, 1), (0,), [2, 3], 5)]
[ut.zeros((2, 3), dtype=d) for d in (ut.bool, ut.uint8, ut.int32, ut.int64, ut.float32, ut.complex64)]
ut.zeros(2, device="cpu") if ut.zeros(1).device.kind == "cpu" else ut.zeros(2)
""",
    "ones": """
ut.ones(3)
ut.ones((2, 0, 1))
[ut.ones(s) for s in ((2, 3, 4), (1, 0, 5, 2), (4, 1, 1), (0,), [2, 3], 5)]
ut.ones(())
[ut.ones((2, 3), dtype=d) for d in (ut.bool, ut.uint8, ut.int32, ut.int64, ut.float32, ut.complex64)]
""",
    "full": """
[ut.full((2, 3), v) for v in (True, 7, -2.5, 1 + 2j, ut.nan, -ut.inf)]
ut.full((), 2, dtype=ut.uint8)
[ut.full(s, 0.1) for s in ((2, 3, 4), (1, 0, 5, 2), (4, 1, 1), (0,), [2, 3], 5)]
[ut.full(2, v, dtype=d) for v in (-0.0, 0.1, ut.nan, -ut.inf) for d in (ut.float32, ut.float64, ut.complex64, ut.complex128)]
[ut.full(2, v, dtype=d) for v in (0, 1, 127, True) for d in (ut.bool, ut.int8, ut.uint8, ut.int32, ut.uint64, ut.float32)]
[ut.full(2, ut.iinfo(d).max - 1, dtype=d) for d in (ut.int16, ut.uint16, ut.int32, ut.uint32, ut.int64, ut.uint64)]
[ut.full(2, ut.iinfo(d).min + 1, dtype=d) for d in (ut.int8, ut.int16, ut.int32, ut.int64)]
ut.full(4, 3, dtype=ut.float32)
ut.full((0, 2), 1.0)
""",
    "empty": """
ut.zeros_like(ut.empty((2, 3), dtype=ut.int8))
ut.zeros_like(ut.empty(4))
ut.zeros_like(ut.empty(()))
""",
    "arange": """
ut.arange(5)
ut.arange(2, 9)
ut.arange(9, 2, -2)
ut.arange(0, 7, 3)
ut.arange(1, 1)
ut.arange(5, 1)
ut.arange(2.5)
ut.arange(0.0, 1.0, 0.25)
ut.arange(-1.0, 2.0, 0.5, dtype=ut.float32)
ut.arange(3, dtype=ut.uint8)
ut.arange(0, 5, dtype=ut.float64)
""",
    "linspace": """
ut.linspace(0, 1, 5)
ut.linspace(0.0, 1.0, 5, endpoint=False)
ut.linspace(2, -3, 4, dtype=ut.float32)
ut.linspace(0, 10, 1)
ut.linspace(0, 10, 0)
ut.linspace(-1.0, 1.0, 7)
""",
    "eye": """
ut.eye(3)
ut.eye(2, 4)
ut.eye(4, 2, k=-1)
ut.eye(3, k=1, dtype=ut.int32)
ut.eye(3, k=5)
ut.eye(0)
[ut.eye(n, m, k=k, dtype=ut.int16) for n in (0, 1, 2, 4) for m in (0, 1, 3, 4) for k in range(-5, 6)]
""",
    "asarray": """
[ut.asarray(v) for v in (True, 3, 2.5, 1j, [1, 2], [[1.0], [2.0]], [], [True, False], [1, 2.5], (1, 2j))]
[ut.asarray([1, 0, 3], dtype=d) for d in (ut.bool, ut.int8, ut.uint16, ut.float32, ut.complex128)]
ut.asarray(np.arange(6.0).reshape(2, 3).T)
ut.asarray(np.arange(6)[::-2])
ut.asarray(np.asarray([1.5, -2.5]), dtype=ut.float32)
ut.asarray(ut.asarray([1, 2]), copy=True)
ut.asarray([ut.nan, -0.0, ut.inf])
ut.asarray([300], dtype=ut.uint8)
ut.asarray(2**63)
""",
    "tensor": """
ut.tensor([1.0, 2.0], dtype=ut.float32)
ut.tensor([[1, 2], [3, 4]])
""",
    "meshgrid": """
ut.meshgrid(ut.arange(3), ut.arange(2))
ut.meshgrid(ut.arange(3), ut.arange(2), indexing="ij")
ut.meshgrid(ut.arange(3))
ut.meshgrid(ut.arange(3), ut.arange(2), ut.arange(4))
""",
    "unstack": """
ut.unstack(ut.reshape(ut.arange(6), (2, 3)))
ut.unstack(ut.reshape(ut.arange(6), (2, 3)), axis=1)
ut.unstack(ut.reshape(ut.arange(6), (2, 3)), axis=-1)
""",
    "broadcast_arrays": """
ut.broadcast_arrays(ut.arange(3), ut.ones((2, 1)))
ut.broadcast_arrays(ut.asarray(1), ut.ones((2, 3)), ut.ones(3))
ut.broadcast_arrays(ut.arange(3), ut.ones(2))
""",
    "diff": """
ut.diff(ut.asarray([1.0, 4.0, 9.0, 16.0]))
ut.diff(ut.asarray([1.0, 4.0, 9.0, 16.0]), n=2)
ut.diff(ut.asarray([[1, 5], [4, 2]]), axis=0)
ut.diff(ut.asarray([1.0, 4.0]), prepend=ut.asarray([0.0]), append=ut.asarray([7.0, 7.0]))
ut.diff(ut.asarray([3, 1], dtype=ut.uint8))
ut.diff(ut.asarray([True, False]))
""",
    "tril": "ut.tril(ut.ones((3, 3)), k=1)",
    "fft.fftfreq": """
ut.fft.fftfreq(5)
ut.fft.fftfreq(4, d=0.5)
ut.fft.fftfreq(6, dtype=ut.float32)
""",
    "fft.rfftfreq": """
ut.fft.rfftfreq(5)
ut.fft.rfftfreq(4, d=0.5)
""",
    "result_type": """
[ut.result_type(ut.ones(1, dtype=a), b) for a in (ut.int8, ut.float32) for b in (ut.int16, ut.complex64)]
ut.result_type(ut.ones(1, dtype=ut.float32), 1.0)
ut.result_type(ut.ones(1, dtype=ut.int8), 1.0)
""",
    "can_cast": "[ut.can_cast(a, b) for a in (ut.int8, ut.float32) for b in (ut.int64, ut.float64, ut.bool)]",
    "finfo": "[(f.eps, f.max, f.smallest_normal, f.bits) for f in map(ut.finfo, (ut.float32, ut.ones(1)))]",
    "iinfo": "[(i.max, i.min, i.bits) for i in (ut.iinfo(ut.int8), ut.iinfo(ut.ones(1, dtype=ut.uint64)))]",
    "operators": """
ut.asarray([7, -7, 8]) // ut.asarray([2, 2, -3])
ut.asarray([7, -7, 8]) % ut.asarray([2, 2, -3])
[2 - ut.arange(3), 2.0 / ut.arange(1, 4), 7 // ut.arange(1, 4), 7 % ut.arange(1, 4), 2 ** ut.arange(3)]
[ut.arange(4) << 1, ut.arange(4) >> 1, ut.arange(4) & 2, ut.arange(4) | 1, ut.arange(4) ^ 3, ~ut.arange(4)]
[-ut.arange(3), +ut.arange(3), abs(ut.arange(-2, 2)), ut.ones((2, 3)) @ ut.ones((3, 2))]
[ut.arange(3) < 1, ut.arange(3) >= 1, ut.arange(3) == 1, ut.arange(3) != 1]
divmod(ut.asarray([7, -7]), 2) if hasattr(ut.Tensor, "__divmod__") else 0
[float(ut.asarray(1.5)), int(ut.asarray(3)), bool(ut.asarray(True)), complex(ut.asarray(1j))]
[len(x) for x in [ut.ones((3, 2))]] + [(x.ndim, x.size, x.shape, x.dtype) for x in [ut.ones((3, 2))]]
[ut.ones((3, 2)).tolist(), ut.arange(3).tolist(), ut.asarray(2.5).item()]
""",
}


def checks() -> Iterator[Check]:
    """The checks of this file."""
    for op, lines in EXPRESSIONS.items():
        kind = "values" if op not in table else "objects"
        texts = ["out = " + line for line in lines.strip().splitlines()]
        yield Check(op, "functions", kind, partial(_several, op, texts))
    count: dict[tuple[str, str], int] = {}
    for name, kind, text, error in PROGRAMS:
        n = count[name, kind] = count.get((name, kind), 0) + 1
        yield Check(name, "programs", kind, partial(_one, name, text, error), f"program {n}")


def _several(op: str, texts: list[str], run: Run) -> None:
    for text in texts:
        program(run, op, text)


def _one(name: str, text: str, error: type[Exception] | None, run: Run) -> None:
    program(run, name, text, error=error)
