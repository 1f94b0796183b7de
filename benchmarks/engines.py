"""What the front end adds to a small operation on each engine, in time."""

from __future__ import annotations

from typing import Any

import numpy as np

import unitensor as ut

from ._bench import Code, Figure, in_turns, measure
from ._peers import peer

NAMES = {"f(x, y)": ("add", "multiply"), "f(x)": ("exp", "sum", "mean")}
#: NumPy's own work: `np.sum` and `np.mean` are Python around it, which the front end has no part in.
BARE = {"sum": "reduce(x)", "mean": "reduce(x) / x.size"}


@measure("front end on other engines")
def front_end(quick: bool) -> list[Figure]:
    case, a, b = "front end", np.linspace(0.1, 1.0, 10), np.linspace(1.0, 2.0, 10)
    engines = [n for n in ("torch", "jax") if peer(n)]
    found = []
    for text, ops in NAMES.items():
        for op in ops:
            added: dict[str, float] = {}
            for engine in ("numpy", *engines):
                namespace: Any = peer(engine).numpy if engine == "jax" else peer(engine)
                x, y = (ut.asarray(v).to(engine) for v in (a, b))
                raw = {"f": getattr(namespace, op), "x": x._data, "y": y._data, "reduce": np.add.reduce}
                bare = BARE.get(op, text) if engine == "numpy" else text
                ours = {"f": getattr(ut, op), "x": x, "y": y}
                budget = 0.2 if quick else 2.0
                seconds, _ = in_turns({"ours": Code(text, ours), "raw": Code(bare, raw)}, budget)
                added[engine] = 1e9 * (seconds["ours"] - seconds["raw"])
            found.append(Figure(case, f"{op} adds on numpy", added["numpy"], "ns"))
            # 50 ns of slack: the engines' own calls are longer, and so is their noise.
            most = max(added["numpy"], 0) + 50
            found += [Figure(case, f"{op} adds on {e}", added[e], "ns", most) for e in engines]
    return found
