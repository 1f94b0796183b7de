"""How little a front end in Python could take: an object around an array that looks at nothing.

What these figures leave over a limit of `small_ops.py`, no checks, nodes or notes of views can be blamed for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._bench import Code, Figure, in_turns, measure
from ._peers import peer


class Bare:
    """An array in an object with the slots of a Tensor, of which only one is filled."""

    __slots__ = ("__weakref__", "_base", "_data", "_node", "_outside", "_own", "_views", "_xp")

    _data: Any

    def __mul__(self, other: Bare) -> Bare:
        out = Bare()
        out._data = np.multiply(self._data, other._data)
        return out

    def __matmul__(self, other: float) -> Bare:
        """Times a number, which is looked up as an array: by type, dtype and value."""
        data = self._data
        out = Bare()
        out._data = np.multiply(data, KEPT[type(other)][data.dtype][other])
        return out

    def __getitem__(self, key: Any) -> Bare:
        out = Bare()
        r = self._data[key]
        out._data = r if type(r) is np.ndarray else np.asarray(r)
        return out


KEPT = {float: {np.dtype("float64"): {2.0: np.asarray(2.0)}}}


def bare(data: Any) -> Bare:
    out = Bare()
    out._data = data
    return out


# NumPy's C functions themselves, without the dispatch in front of them.
choose, join = (getattr(f, "_implementation", f) for f in (np.where, np.concatenate))


def where(condition: Bare, x1: Bare, x2: Bare) -> Bare:
    out = Bare()
    out._data = choose(condition._data, x1._data, x2._data)
    return out


def concat(arrays: list[Bare]) -> Bare:
    out = Bare()
    out._data = join([x._data for x in arrays])
    return out


def on_dtypes(f: Any, plain: dict[Any, Any]) -> Any:
    """A function that goes straight to another where both arrays have one dtype that needs no cast."""

    def binary(x1: Any, x2: Any, /) -> Any:
        if plain[x1.dtype] is x2.dtype:
            return f(x1, x2)
        raise TypeError

    return binary


@measure("floors of a front end in Python")
def floors(quick: bool) -> list[Figure]:
    case = "floor"
    a, b, c = np.linspace(0.1, 1.0, 10), np.linspace(1.0, 2.0, 10), np.arange(10) > 5
    theirs = {"x": a, "y": b, "c": c, "where": np.where, "concat": np.concatenate}
    ours = {"x": bare(a), "y": bare(b), "c": bare(c), "where": where, "concat": concat}
    found = []
    for text in ("x * y", "x * 2.0", "x[3]", "x[2:7]", "where(c, x, y)", "concat([x, y])"):
        runs = {"ours": Code(text.replace("* 2", "@ 2"), ours), "numpy": Code(text, theirs)}
        seconds, _ = in_turns(runs, 0.2 if quick else 2.0)
        found.append(Figure(case, f"{text} over numpy", seconds["ours"] / seconds["numpy"], "times"))
    if torch := peer("torch"):
        x, y = torch.from_numpy(a), torch.from_numpy(b)
        looked = on_dtypes(torch.add, {x.dtype: x.dtype})
        runs = {
            "looked": Code("f(x, y)", {"f": looked, "x": x, "y": y}),
            "raw": Code("f(x, y)", {"f": torch.add, "x": x, "y": y}),
        }
        seconds, _ = in_turns(runs, 0.2 if quick else 2.0)
        found.append(
            Figure(
                case,
                "two looks at a dtype before torch.add",
                1e9 * (seconds["looked"] - seconds["raw"]),
                "ns",
            )
        )
    return found
