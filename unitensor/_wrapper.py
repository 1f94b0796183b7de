"""The source of an op's wrapper, written from its declaration.

Every wrapper does the same: take the arrays out of the Tensors, call the function of that
name in their namespace, wrap the result, and, where an input needs a gradient, record a node
with one edge an input. `linecache` knows each source, so a debugger steps through it.
"""

from __future__ import annotations

import linecache
from types import FunctionType
from typing import Any

import numpy as np

from ._op import Op, Rule, scope


def compile_wrapper(made: Op, style: str) -> FunctionType:
    """Compile the wrapper of an op; style "forward" or "reflected" makes an operator method."""
    text = "\n".join(source(made, style)) + "\n"
    filename = f"<unitensor {made.path}{' ' + style if style else ''}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    name = "op_" + made.path.replace(".", "_")
    scope[name.upper()] = made
    for rule in made.rules:
        if rule is not None:
            scope[f"rule_{made.path.replace('.', '_')}_{rule.index}"] = rule.call
    scope[f"defaults_{name}"] = made.defaults
    if made.outputs is not None:
        scope[f"outputs_{name}"] = made.outputs
    local: dict[str, Any] = {}
    exec(compile(text, filename, "exec"), scope, local)
    function: FunctionType = local[made.name]
    return function


def signature(made: Op, style: str) -> str:
    """The parameter list, with defaults looked up in the declaration."""
    if style == "forward":
        return "x1, x2, /"
    if style == "reflected":
        return "x2, x1, /"
    defaults = f"defaults_op_{made.path.replace('.', '_')}"

    def show(p: str) -> str:
        if p not in made.defaults:
            return p
        value = made.defaults[p]
        simple = value is None or type(value) in (bool, int, str)
        return f"{p}={value!r}" if simple else f"{p}={defaults}[{p!r}]"

    parts = [show(p) for p in made.positional_only]
    if parts:
        parts.append("/")
    parts += [show(p) for p in made.positional[len(made.positional_only) :]]
    if made.keyword_only:
        parts.append("*")
        parts += [show(p) for p in made.keyword_only]
    return ", ".join(parts)


def source(made: Op, style: str) -> list[str]:
    """The lines of an op's wrapper."""
    if made.sequence:
        return _sequence(made)
    op = f"OP_{made.path.replace('.', '_').upper()}"
    lines = [f"def {made.name}({signature(made, style)}):"]
    lines += _unwrap(made, op, style)
    lines += _call(made, op)
    lines += _freeze(made)
    if made.outputs is not None:
        outputs = f"outputs_op_{made.path.replace('.', '_')}"
        return [*lines, f"    return wrap_outputs({op}, xp, {_env(made)}, {_nodes(made)}, r, {outputs})"]
    lines += [
        "    if type(r) is not xp.array:",
        "        r = xp.as_array(r)",
        "    out = Tensor()",
        "    out._data = r",
        "    out._xp = xp",
    ]
    if made.view:
        lines += _view(made, op)
    if not made.differentiable:
        return [*lines, "    out._node = None", "    return out"]
    none = " and ".join(f"n_{x} is None" for x in _ruled(made))
    lines += [f"    if {none}:", "        out._node = None", "        return out"]
    lines += [
        "    if special:",
        f"        out._node = record({op}, xp, {_env(made)}, {_nodes(made)}, r)",
        "        return out",
    ]
    if made.elementwise and len(made.inputs) == 1 and made.result in ("same", "float"):
        x = made.inputs[0]
        lines.append(f"    out._node = {_node(made, op, f'n_{x}[1]', _edge(made, 0))}")
    elif made.elementwise and len(made.inputs) == 2 and all(made.rules) and made.result != "real":
        lines += _binary_node(made, op)
    elif len(made.inputs) == 1:
        x = made.inputs[0]
        lines += [
            f"    if r.dtype is n_{x}[1][1]:",
            f"        out._node = {_node(made, op, '(r.shape, r.dtype)', _edge(made, 0))}",
            "    else:",
            f"        out._node = record({op}, xp, {_env(made)}, {_nodes(made)}, r)",
        ]
    else:
        lines += _joint_node(made, op)
    return [*lines, "    return out"]


#: Options that may be sequences: the caller may change a list later, and graphs and views keep them.
SEQUENCES = frozenset({"axes", "axis", "destination", "repetitions", "s", "shape", "shift", "source"})


def frozen(value: Any) -> Any:
    """An option as a tuple of its own, where it is a list or an array."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return tuple(map(frozen, value)) if type(value) in (list, tuple) else value


scope["frozen"] = frozen


def _freeze(made: Op) -> list[str]:
    lines = []
    for p in made.options:
        if p not in SEQUENCES:
            continue
        tests = [f"type({p}) is not tuple", f"type({p}) is not int"]
        if p in made.defaults:
            tests = [f"{p} is not None", *reversed(tests)]
        if made.name == "tensordot":  # of which a tuple may have lists in it
            tests = [f"type({p}) is not int"]
        lines += [f"    if {' and '.join(tests)}:", f"        {p} = frozen({p})"]
    return lines


def _unwrap(made: Op, op: str, style: str) -> list[str]:
    if style or (made.scalars and made.positional[:2] == made.inputs == ("x1", "x2")):
        return _unwrap_pair(made, op, style)
    required = [x for x in made.inputs if x not in made.defaults]
    optional = [x for x in made.inputs if x in made.defaults]
    names = ", ".join(made.inputs)
    lines = []
    if len(made.inputs) == 1:
        x = made.inputs[0]
        lines += [f"    if type({x}) is not Tensor:", f"        {x} = lift({op}, {x})"]
        lines.append(f"    xp = {x}._xp")
    else:
        test = " or ".join(
            [f"type({x}) is not Tensor" for x in required] + [f"{x} is not None" for x in optional]
        )
        lines += [f"    if {test}:", f"        {names} = lift_all({op}, {names})"]
        lines.append(f"    xp = {required[0]}._xp")
        for x in required[1:]:
            lines += [
                f"    if {x}._xp is not xp:"
                if x not in made.plain
                else f"    if type({x}) is not int and {x}._xp is not xp:",
                f"        raise two_backends({op}, {required[0]}, {x})",
            ]
    for x in required:
        value = f"{x} if type({x}) is int else {x}._data" if x in made.plain else f"{x}._data"
        lines.append(f"    a_{x} = {value}")
    for x in optional:
        lines.append(f"    a_{x} = None if {x} is None else {x}._data")
    return lines + [f"    n_{x} = {_node_of(made, x)}" for x in _ruled(made)]


def _ruled(made: Op) -> list[str]:
    """The inputs that have a gradient."""
    return [x for x, rule in zip(made.inputs, made.rules) if rule is not None]


def _node_of(made: Op, x: str) -> str:
    return f"{x}._node" if x not in made.defaults else f"None if {x} is None else {x}._node"


def _unwrap_pair(made: Op, op: str, style: str) -> list[str]:
    """Arrays and nodes of two operands, of which x is a Tensor and y a Tensor or a Python scalar.

    Of an operator x is `self`, and Python asks the type of a y that we do not know.
    """
    x, y = ("x2", "x1") if style == "reflected" else ("x1", "x2")
    ruled = _ruled(made)
    lines = [] if style else ["    if type(x1) is not Tensor:", f"        x1, x2 = lift_all({op}, x1, x2)"]
    lines += [f"    xp = {x}._xp", f"    a_{x} = {x}._data"]
    lines += [f"    n_{x} = {x}._node"] * (x in ruled)
    unwrap = [f"a_{y} = {y}._data", *[f"n_{y} = {y}._node"] * (y in ruled)]
    check = [f"if {y}._xp is not xp:", f"    raise two_backends({op}, x1, x2)", *unwrap]
    if style:
        lift = [
            f"pair = lift_operands({op}, x1, x2)",
            "if pair is None:",
            "    return NotImplemented",
            "x1, x2 = pair",
        ]
    else:
        lift = [f"x1, x2 = lift_all({op}, x1, x2)"]
    lines += [f"    if type({y}) is Tensor:", *(f"        {line}" for line in check), "    else:"]
    if not made.scalars:
        return [*lines, *(f"        {line}" for line in (*lift, *check))]
    lines += [
        "        try:",
        f"            a_{y} = xp.scalars[type({y})][a_{x}.dtype][{y}]",
        f"            if a_{y} is None:",
        f"                a_{y} = kept_apart(xp, {y}, a_{x})",
    ]
    lines += [f"            n_{y} = None"] * (y in ruled)
    lines.append("        except (KeyError, TypeError):")
    return lines + [f"            {line}" for line in (*lift, *check)]


def _call(made: Op, op: str) -> list[str]:
    lines = []
    arguments = []
    for p in made.positional + made.keyword_only:
        value = p if p not in made.inputs else f"a_{p}"
        if p == "dtype":
            value = "raw_dtype"
            required = "dtype" not in made.defaults
            lines.append(
                "    raw_dtype = xp.raw_dtype(dtype)"
                if required
                else "    raw_dtype = None if dtype is None else xp.raw_dtype(dtype)"
            )
        elif p == "device":
            value = "raw_device"
            lines.append("    raw_device = None if device is None else xp.raw_device(device)")
        if p in made.keyword_only:
            arguments.append(f"{p}={value}")
        else:
            arguments.append(value)
    result, function = ("r, kept", made.path + "_keeping") if made.keeps else ("r", made.path)
    call = f"xp.{function}({', '.join(arguments)})"
    if made.inputs == ("x",) and _all_off(made):
        # Keywords at their defaults, which all engines share, take longer to hand on than to look at.
        usual = " and ".join(f"{p} is {made.defaults[p]}" for p in made.keyword_only)
        short = ", ".join(["a_x", *made.positional[1:]])
        call = f"xp.{function}({short}) if {usual} else {call}"
    lines += [
        "    try:",
        f"        {result} = {call}",
        "    except Exception as error:",
        f"        raise explain({op}, xp, {_env(made, False)}, error) from error",
    ]
    return lines


def _all_off(made: Op) -> bool:
    """Whether an op has keyword options, of which each is None or False by default."""
    values = [made.defaults.get(p, ...) for p in made.keyword_only]
    return bool(values) and all(v is None or v is False for v in values)


def _view(made: Op, op: str) -> list[str]:
    """Note a view: at once where NumPy says that it lies in x's memory, which is the usual case."""
    arguments = f"out, x, {op}, ({', '.join([*made.options, ''])})"
    if made.name == "astype":  # of which NumPy's answer may be a view where ours is not
        return [f"    add_view({arguments})"]
    also = "base is a_x.base"
    if made.name == "reshape":  # of another view by a rule of ours
        also += " and base_of(x) is None"
    lies_in_x = f"base is a_x or (base is not None and {also})"
    if made.name == "flip":  # of no axes it is a copy
        lies_in_x = f"r.shape and ({lies_in_x})"
    return [
        "    base = r.base if xp.direct else None",
        f"    if {lies_in_x}:",
        f"        note({arguments}, True)",
        "    else:",
        f"        add_view({arguments})",
    ]


def _env(made: Op, called: bool = True) -> str:
    items = [f"{x!r}: a_{x}" for x in made.inputs] + [f"{p!r}: {p}" for p in made.options]
    if made.keeps and called:
        items.append("'kept': kept")
    return "{" + ", ".join(items) + "}"


def _nodes(made: Op) -> str:
    items = ["None" if rule is None else f"n_{x}" for x, rule in zip(made.inputs, made.rules)]
    return "(" + ", ".join(items) + ("," if len(items) == 1 else "") + ")"


def _residual(rule: Rule) -> str:
    def value(name: str) -> str:
        if name == "out":
            return "r"
        if name in rule.op.inputs:
            return f"a_{name}"
        array, _, fact = name.rpartition("_")
        if array == rule.op.inputs[rule.index]:  # of which the node knows
            return f"n_{array}[1][{int(fact == 'dtype')}]"
        return f"a_{array}.{fact}" if array in rule.op.inputs else name

    if len(rule.needs) == 1:
        return value(rule.needs[0])
    return "(" + ", ".join(value(n) for n in rule.needs) + ")" if rule.needs else "None"


def _edge(made: Op, index: int) -> str:
    """The three items of an edge: parent, rule and residual."""
    rule = made.rules[index]
    x = made.inputs[index]
    if rule is None:
        return NO_EDGE
    if rule.formula.__name__ == "same":
        return f"n_{x}, None, None"
    return f"n_{x}, rule_{made.path.replace('.', '_')}_{index}, {_residual(rule)}"


NO_EDGE = "None, None, None"


def _node(made: Op, op: str, meta: str, *edges: str) -> str:
    """A node, laid out as `_graph` says."""
    state = "SELECTS" if made.selects else "0"
    return f"[new_seq(), {meta}, {op}, {state}, {', '.join(edges)}]"


def _binary_node(made: Op, op: str) -> list[str]:
    """A node whose edges pass the cotangent straight on where nothing was broadcast or cast."""
    x1, x2 = made.inputs
    first, second = _edge(made, 0), _edge(made, 1)
    return [
        f"    if n_{x2} is None:",
        f"        m = n_{x1}[1]",
        "        if r.shape == m[0] and r.dtype is m[1]:",
        f"            out._node = {_node(made, op, 'm', first, NO_EDGE)}",
        "            return out",
        f"    elif n_{x1} is None:",
        f"        m = n_{x2}[1]",
        "        if r.shape == m[0] and r.dtype is m[1]:",
        f"            out._node = {_node(made, op, 'm', NO_EDGE, second)}",
        "            return out",
        "    else:",
        f"        m = n_{x1}[1]",
        f"        if m is n_{x2}[1] or m == n_{x2}[1]:",
        f"            out._node = {_node(made, op, 'm', first, second)}",
        "            return out",
        f"        if r.shape == m[0] and r.dtype is m[1] is n_{x2}[1][1]:",
        f"            out._node = {_node(made, op, 'm', first, _refitted(made, 1))}",
        "            return out",
        "    m = (r.shape, r.dtype)",
        f"    out._node = {_node(made, op, 'm', _fitted(made, 0), _fitted(made, 1))}",
    ]


def _refitted(made: Op, index: int) -> str:
    """The three items of an edge that undoes broadcasting and casts."""
    x = made.inputs[index]
    rule, residual = _edge(made, index).removeprefix(f"n_{x}, ").split(", ", 1)
    return f"n_{x}, fit_rule, ({rule}, {residual}, n_{x}[1])"


def _fitted(made: Op, index: int) -> str:
    """An edge that undoes broadcasting and casts where there were any."""
    x = made.inputs[index]
    edges = f"({_edge(made, index)}) if n_{x}[1] == m else ({_refitted(made, index)})"
    return f"*(NO_EDGE if n_{x} is None else {edges})"


def _joint_node(made: Op, op: str) -> list[str]:
    """A node of an op with several inputs, built in place where all have the result's dtype."""
    slow = f"out._node = record({op}, xp, {_env(made)}, {_nodes(made)}, r)"
    ruled = [x for x, rule in zip(made.inputs, made.rules) if rule is not None]
    if made.plain or made.result == "real" or any(x in made.defaults for x in made.inputs):
        return [f"    {slow}"]
    part, fact = ("m", "[1]") if made.elementwise else ("m[1]", "[1][1]")
    same = " and ".join(f"(n_{x} is None or n_{x}{fact} == {part})" for x in ruled)
    if len(made.inputs) == 2 and len(ruled) == 2:
        x1, x2 = ruled
        first, second = _edge(made, 0), _edge(made, 1)
        return [
            "    m = (r.shape, r.dtype)",
            f"    if n_{x1} is None:",
            f"        if n_{x2}{fact} == {part}:",
            f"            out._node = {_node(made, op, 'm', NO_EDGE, second)}",
            "            return out",
            f"    elif n_{x1}{fact} == {part}:",
            f"        if n_{x2} is None:",
            f"            out._node = {_node(made, op, 'm', first, NO_EDGE)}",
            "            return out",
            f"        if n_{x2}{fact} == {part}:",
            f"            out._node = {_node(made, op, 'm', first, second)}",
            "            return out",
            f"    {slow}",
        ]
    edges = [
        NO_EDGE if rule is None else f"*(NO_EDGE if n_{x} is None else ({_edge(made, i)}))"
        for i, (x, rule) in enumerate(zip(made.inputs, made.rules))
    ]
    return [
        "    m = (r.shape, r.dtype)",
        f"    if {same}:",
        f"        out._node = {_node(made, op, 'm', *edges)}",
        "    else:",
        f"        {slow}",
    ]


def _sequence(made: Op) -> list[str]:
    op = f"OP_{made.path.replace('.', '_').upper()}"
    arguments = ", ".join(f"{p}={p}" for p in made.options)
    lines = [
        f"def {made.name}({signature(made, '')}):",
        "    if (type(arrays) is not list and type(arrays) is not tuple) or not arrays:",
        f"        arrays = lift_sequence({op}, arrays)",
        f"    xp = arrays[0]._xp if type(arrays[0]) is Tensor else lift_sequence({op}, arrays)[0]._xp",
        "    a_arrays = []",
        "    tracked = False",
        "    for x in arrays:",
        "        if type(x) is not Tensor or x._xp is not xp:",
        f"            lift_sequence({op}, arrays)",
        "        a_arrays.append(x._data)",
        "        if x._node is not None:",
        "            tracked = True",
        "    try:",
        f"        r = xp.{made.path}(a_arrays, {arguments})",
        "    except Exception as error:",
        f"        raise explain({op}, xp, {_env(made)}, error) from error",
        "    if type(r) is not xp.array:",
        "        r = xp.as_array(r)",
        "    out = Tensor()",
        "    out._data = r",
        "    out._xp = xp",
        "    if not tracked:",
        "        out._node = None",
        "    else:",
        "        nodes = [x._node for x in arrays]",
        f"        out._node = record({op}, xp, {_env(made)}, nodes, r)",
        "    return out",
    ]
    return lines
