"""What the plugins' mends cost where nothing is to mend.

*ours* is the function that an op of the front end calls, with the plugin's overrides and the casts of
mixed dtypes; *alone* is the engine's own call with the same arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import unitensor as ut

from ._bench import Code, Figure, in_turns, measure
from ._peers import peer

#: An op as we call it (xp), and as the engine's module (m) has it; "add" first, because the others are held to it.
OPS = {
    "add": ("xp.add(x, y)", "m.add(x, y)"),
    "multiply": ("xp.multiply(x, y)", "m.multiply(x, y)"),
    "exp": ("xp.exp(x)", "m.exp(x)"),
    "sum": ("xp.sum(x)", "m.sum(x)"),
    "matmul": ("xp.matmul(p, q)", "m.matmul(p, q)"),
    "x[3]": ("xp.getitem(x, 3)", "x[3]"),
    "x[2:7]": ("xp.getitem(x, part)", "x[part]"),
    "reshape": ("xp.reshape(x, (2, 5))", "m.reshape(x, (2, 5))"),
}
#: Mends that must look at values, or compute more than the engine does.
COSTLY = {
    "floor_divide": ("xp.floor_divide(x, y)", "m.floor_divide(x, y)"),
    "remainder": ("xp.remainder(x, y)", "m.remainder(x, y)"),
}


@measure("mends off the hot path")
def mends(quick: bool) -> list[Figure]:
    case, a, b = "mends", np.linspace(0.1, 1.0, 10), np.linspace(1.0, 2.0, 10)
    found = []
    for engine in ("numpy", *(n for n in ("torch", "jax") if peer(n))):
        module: Any = peer(engine).numpy if engine == "jax" else peer(engine)
        x, y = (ut.asarray(v).to(engine) for v in (a, b))
        names = {"m": module, "xp": x._xp, "x": x._data, "y": y._data, "part": slice(2, 7)}
        names |= {"p": ut.reshape(x, (2, 5))._data, "q": ut.reshape(y, (5, 2))._data}
        of_add = 0.0
        for op, (ours, alone) in {**OPS, **COSTLY}.items():
            budget = 0.2 if quick else 2.0
            seconds, _ = in_turns({"ours": Code(ours, names), "alone": Code(alone, names)}, budget)
            own, added = 1e9 * seconds["alone"], 1e9 * (seconds["ours"] - seconds["alone"])
            # 50 ns of slack, or a tenth of what the engine takes: its noise grows with it.
            most = max(of_add, 0) + max(50, 0.1 * own)
            of_add = added if op == "add" else of_add
            limit = most if op in OPS and op != "add" else None
            found.append(Figure(case, f"{op} adds on {engine}", added, "ns", limit))
            found.append(Figure(case, f"{op} of {engine} alone", own, "ns"))
    return found
