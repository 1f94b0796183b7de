"""The lines that reproduce a failure: to be pasted and run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import unitensor as ut
from unitensor._op import Op

from ._layouts import steps


def snippet(made: Op, arguments: dict[str, Any], backend: str) -> str:
    """A few lines that call an op on an engine's own arrays, without the front end."""
    lines = [
        "import numpy as np",
        "from unitensor import load_backend",
        "",
        f"backend = load_backend({backend!r})",
        "a = backend.from_numpy",
        "xp = backend.namespace",
        f"print(xp.{made.path}({_written(made, arguments, raw=True)}))",
    ]
    return "\n".join(lines)


def written_snippet(made: Op, arguments: dict[str, Any], backend: str) -> str:
    """A few lines that write to an op's result, and then to its input, on Tensors."""
    names = [x for x in made.inputs if isinstance(arguments.get(x), (np.ndarray, list))]
    first = f"{names[0]}[0]" if isinstance(arguments[names[0]], list) else names[0]
    lines = [
        "import numpy as np",
        "import unitensor as ut",
        "",
        f"ut.set_backend({backend!r})",
        "array = lambda values: ut.asarray(values, copy=True)",
        *(f"{x} = {literal(arguments[x], make='array')}" for x in names),
        f"out = ut.{made.path}({_written(made, arguments, names)})",
        "out[...] = 1",
        f"print({first}, out)",
        f"{first}[...] = 0",
        f"print({first}, out)",
    ]
    return "\n".join(lines)


def derivative_snippet(
    made: Op, arguments: dict[str, Any], names: list[str], directions: Any, backend: str, mode: str
) -> str:
    """A few lines that differentiate an op: by the front end, whose rules call the engine's functions.

    `directions` are the cotangents, one an output, and the tangents, one an input.
    """
    path = f"ut.{made.path}" if made.public else f"table[{made.path!r}].function"
    lines = ["import numpy as np", "import unitensor as ut"]
    lines += [] if made.public else ["from unitensor._op import table"]
    lines += ["", f"ut.set_backend({backend!r})", "array = ut.asarray"]
    lines += [f"{x} = {literal(arguments[x], make='array')}" for x in names]
    inner = f"{path}({_written(made, arguments, names)})"
    if made.name == "getitem":
        inner = f"x[{literal(arguments['key'], make='array')}]"
    cotangents, tangents = directions
    g, t = (_tuple([literal(d, make="array") for d in some]) for some in (cotangents, tangents))
    points, order = _tuple(names), tuple(range(len(names)))
    if mode == "reverse":
        lines += [
            f"out, pull = ut.vjp(lambda {', '.join(names)}: {inner}, {', '.join(names)})",
            f"print(pull({g if len(cotangents) > 1 else literal(cotangents[0], make='array')}))",
        ]
    elif mode == "forward":
        lines += [f"print(ut.jvp(lambda {', '.join(names)}: {inner}, {points}, {t})[1])"]
    else:
        weighed = f"ut.sum(ut.real({inner} * {literal(cotangents[0], make='array')}))"
        lines += [
            f"slope = ut.grad(lambda {', '.join(names)}: {weighed}, {order})",
            f"print(ut.jvp(slope, {points}, {t})[1])",
        ]
    return "\n".join(lines)


def _tuple(parts: list[str]) -> str:
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})"


def _written(made: Op, arguments: dict[str, Any], names: Any = (), *, raw: bool = False) -> str:
    """The arguments of a call; those of some names stay names."""
    given = {**made.defaults, **arguments}
    said = {
        p: p if p in names else literal(given[p], make="a" if raw else "array")
        for p in (*made.positional, *made.keyword_only)
    }
    return ", ".join([said[p] for p in made.positional] + [f"{p}={said[p]}" for p in made.keyword_only])


def literal(value: Any, *, make: str = "a") -> str:
    """A value as source text: arrays as calls of `a`, which makes the engine's own, or of `array` for Tensors."""
    if isinstance(value, np.ndarray):
        base, key, axes = steps(value)
        text = np.array2string(
            base, separator=", ", threshold=10**6, floatmode="unique", max_line_width=10**6
        )
        text = text.replace("nan", "np.nan").replace("inf", "np.inf")
        text = f"{make}(np.asarray({text}, dtype={base.dtype.name!r}).reshape({base.shape}))"
        text = text if key is None else f"xp.getitem({text}, {key})"
        return text if axes is None else f"xp.permute_dims({text}, {axes})"
    if isinstance(value, list):
        return f"[{', '.join(literal(v, make=make) for v in value)}]"
    if isinstance(value, tuple):
        return _tuple([literal(v, make=make) for v in value])
    if isinstance(value, ut.DType):
        return f"xp.raw_dtype({value.name!r})" if make == "a" else f"ut.{value.name}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    return repr(value)
