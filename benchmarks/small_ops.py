"""Untracked operations on ten elements, where all that counts is what a call costs."""

from __future__ import annotations

from typing import Any

import numpy as np

import unitensor as ut

from ._bench import Code, Run, race
from ._peers import peer

#: An op: what is timed (m is the library, s its word for concat), the most over NumPy
#: (None for an operator: the limit is one for functions).
OPS: dict[str, tuple[str, float | None]] = {
    "add": ("m.add(x, y)", 2.0),
    "multiply": ("m.multiply(x, y)", 2.0),
    "exp": ("m.exp(x)", 2.0),
    "matmul": ("m.matmul(p, q)", 2.0),
    "matmul of vectors": ("m.matmul(x, y)", 2.0),
    "x + y": ("x + y", None),
    "x * 2.0": ("x * 2.0", 1.3),
    "add(x, 2.0)": ("m.add(x, 2.0)", 2.0),
    "sum": ("m.sum(x)", 1.0),
    "sum over axis 0": ("m.sum(p, axis=0)", 1.0),
    "mean": ("m.mean(x)", 1.0),
    "reshape": ("m.reshape(x, (2, 5))", 1.0),
    "concat": ("concat([x, y])", 1.0),
    "where": ("m.where(c, x, y)", 1.0),
    "x[3]": ("x[3]", 3.0),
    "x[2:7]": ("x[2:7]", 3.0),
    "p[1, None, :]": ("p[1, None, :]", 3.0),
}


def names(m: Any, make: Any, dtype: str, **more: Any) -> dict[str, Any]:
    """The operands, made by one library."""
    a = np.linspace(0.1, 1.0, 10).astype(dtype)
    b = np.linspace(1.0, 2.0, 10).astype(dtype)
    concat = getattr(m, "concat", None) or m.concatenate
    return {
        "m": m, "concat": concat, "x": make(a), "y": make(b), "c": make(a > 0.5),
        "p": make(a.reshape(2, 5)), "q": make(b.reshape(5, 2)), **more,
    }  # fmt: skip


def runs(text: str, dtype: str) -> dict[str, Run]:
    """One op in every library that has it."""
    found: dict[str, Run] = {
        "unitensor": Code(text, names(ut, ut.asarray, dtype)),
        "numpy": Code(text, names(np, np.array, dtype)),
    }
    if torch := peer("torch"):
        found["torch"] = Code(text, names(torch, torch.from_numpy, dtype))
    if jax := peer("jax"):
        found["jax"] = Code(f"({text}).block_until_ready()", names(jax.numpy, jax.numpy.asarray, dtype))
    if peer("autograd"):
        import autograd.numpy as anp

        found["autograd"] = Code(text, names(anp, np.array, dtype))
    if mg := peer("mygrad"):
        mask = np.linspace(0.1, 1.0, 10) > 0.5  # its `where` wants a NumPy array
        found["mygrad"] = Code(text, names(mg, lambda a: mg.tensor(a, constant=True), dtype, c=mask))
    return found


for dtype in ("float32", "float64"):
    for op, (text, most) in OPS.items():
        limits = {"torch": 1.0} if most is None else {"numpy": most, "torch": 1.0}
        race(f"small {op}, {dtype}", ratio=limits, rtol=1e-5)(
            lambda text=text, dtype=dtype: runs(text, dtype)
        )


@race("small asarray of an array", ratio={"torch": 1.0}, extra_ns={"numpy": 150})
def asarray() -> dict[str, Run]:
    a = np.linspace(0.1, 1.0, 10)
    found: dict[str, Run] = {
        "unitensor": Code("asarray(a)", {"asarray": ut.asarray, "a": a}),
        "numpy": Code("asarray(a)", {"asarray": np.asarray, "a": a}),
    }
    if torch := peer("torch"):
        found["torch"] = Code("asarray(a)", {"asarray": torch.asarray, "a": a})
    return found
