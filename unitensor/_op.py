"""What an op is: one declaration, turned once into a fast function over Tensors.

`@op(...)` stands above a function whose signature and docstring are the op's; its body is
empty. The declaration adds the gradient rules and the facts that the rest of the library is
generated from. The function that users call is compiled from `_wrapper.py`'s template at its
first call, so that importing costs nothing and calling costs no generic machinery.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    from ._tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])

#: An operator method: `__add__`.
Operator: TypeAlias = "Callable[[Tensor, Any], Tensor]"

#: Every op by its path: `exp`, `linalg.qr`, `fft.rfft`.
table: dict[str, Op] = {}

#: The namespaces of the backends in use, which an op declared later is added to.
namespaces: list[Any] = []

#: Globals of the compiled wrappers.
scope: dict[str, Any] = {}


class Rule:
    """The derivative of an op in one input: a formula over `xp`, `g` and what else it names.

    `call(xp, g, residual)` is what the backward pass runs; `needs` are the names, in order,
    of which the residual is made: inputs, `out`, options, `<input>_shape` or `<input>_dtype`, `kept`.
    """

    __slots__ = ("call", "formula", "index", "needs", "op")

    def __init__(self, op: Op, index: int, formula: Callable[..., Any]) -> None:
        code = formula.__code__
        names = code.co_varnames[: code.co_argcount]
        if names[:2] != ("xp", "g"):
            raise TypeError(f"{op.path}: a rule takes xp, g and what it needs; got {names}")
        known = {*op.inputs, *op.options, "out", "i"}
        known |= {f"{x}_{fact}" for x in op.inputs for fact in ("shape", "dtype")}
        if op.sequence:
            known |= {"shapes"}
        if op.keeps:
            known |= {"kept"}
        if unknown := set(names[2:]) - known:
            raise TypeError(f"{op.path}: rule needs {sorted(unknown)}, not among {sorted(known)}")
        self.op = op
        self.index = index
        self.needs = names[2:]
        self.formula = formula
        self.call = _on_residual(formula, len(self.needs))
        rules[self.call] = self


def _on_residual(formula: Callable[..., Any], needs: int) -> Callable[..., Any]:
    """A formula as a new function `(xp, g, residual)`, with as few calls within calls as can be."""
    if needs == 0:
        return lambda xp, g, _: formula(xp, g)
    if needs == 1:
        # A copy, so that a formula shared by two ops is still two rules.
        return FunctionType(
            formula.__code__,
            formula.__globals__,
            formula.__name__,
            formula.__defaults__,
            formula.__closure__,
        )
    if needs == 2:
        return lambda xp, g, residual: formula(xp, g, residual[0], residual[1])
    return lambda xp, g, residual: formula(xp, g, *residual)


#: From what an edge of the graph calls to the rule it belongs to.
rules: dict[Callable[..., Any], Rule] = {}


def same(xp: Any, g: Any) -> Any:
    """The rule of an op that passes its cotangent through unchanged."""
    return g


class Op:
    """One op: its signature, rules and facts. See `op` for the meaning of each field."""

    def __init__(
        self,
        stub: Callable[..., Any],
        *,
        module: str,
        inputs: tuple[str, ...] | None,
        grad: dict[str, Callable[..., Any]],
        jvp: dict[str, Callable[..., Any]],
        elementwise: bool,
        linear: str,
        dtypes: str,
        result: str,
        promote: tuple[str, ...] | None,
        scalars: bool,
        plain: tuple[str, ...],
        booleans: str,
        prepare: Callable[..., Any] | None,
        outputs: Any,
        view: bool,
        selects: bool,
        keeps: bool,
        public: bool,
        fallback: Callable[..., Any] | None,
        domain: Any,
        notes: str,
    ) -> None:
        code = stub.__code__
        count = code.co_argcount
        self.name = stub.__name__
        self.module = module
        self.path = f"{module}.{self.name}" if module else self.name
        self.stub = stub
        self.positional_only = code.co_varnames[: code.co_posonlyargcount]
        self.positional = code.co_varnames[:count]
        self.keyword_only = code.co_varnames[count : count + code.co_kwonlyargcount]
        parameters = (*self.positional, *self.keyword_only)
        defaults = stub.__defaults__ or ()
        self.defaults: dict[str, Any] = dict(zip(self.positional[count - len(defaults) :], defaults))
        self.defaults.update(stub.__kwdefaults__ or {})
        if inputs is None:
            inputs = tuple(p for p in parameters if p in ("x", "x1", "x2", "arrays"))
        self.inputs = inputs
        self.sequence = inputs == ("arrays",)
        self.options = tuple(p for p in parameters if p not in inputs)
        self.elementwise = elementwise
        self.linear = linear
        self.dtypes = dtypes
        self.result = result
        self.promote = inputs if promote is None else promote
        self.scalars = scalars
        self.plain = plain
        self.booleans = booleans
        self.prepare = prepare
        self.outputs = outputs
        self.view = view
        self.selects = selects
        self.keeps = keeps
        self.public = public
        self.fallback = fallback
        self.domain = domain
        self.notes = notes
        self.rules: list[Rule | None] = [
            Rule(self, i, grad[x]) if x in grad else None for i, x in enumerate(inputs)
        ]
        if unknown := set(grad) - set(inputs):
            raise TypeError(f"{self.path}: gradient declared for unknown inputs {sorted(unknown)}")
        self.jvp = {x: Rule(self, inputs.index(x), formula) for x, formula in jvp.items()}
        self.function: Any = None

    @property
    def differentiable(self) -> bool:
        """Whether any input has a gradient rule."""
        return any(self.rules)

    def __repr__(self) -> str:
        return f"<op {self.path}{inspect.signature(self.stub)}>"


def op(
    *,
    module: str = "",
    inputs: tuple[str, ...] | None = None,
    grad: dict[str, Callable[..., Any]] | None = None,
    jvp: dict[str, Callable[..., Any]] | None = None,
    elementwise: bool = False,
    linear: str = "",
    dtypes: str = "numeric",
    result: str = "same",
    promote: tuple[str, ...] | None = None,
    scalars: bool = False,
    plain: tuple[str, ...] = (),
    booleans: str = "",
    prepare: Callable[..., Any] | None = None,
    outputs: Any = None,
    view: bool = False,
    selects: bool = False,
    keeps: bool = False,
    public: bool = True,
    fallback: Callable[..., Any] | None = None,
    domain: Any = None,
    notes: str = "",
) -> Callable[[F], F]:
    """Declare an op. The decorated function gives name, signature and docstring.

    Parameters
    ----------
    module: "" or the extension it lives in: "linalg", "fft", "special".
    inputs: the parameters that are arrays; by default those named x, x1, x2 or arrays.
    grad: the rule of each differentiable input. A rule's own parameter names say what it needs.
    jvp: forward rules, where neither `elementwise` nor `linear` gives them.
    elementwise: the gradient rules are forward rules too, and inputs broadcast.
    linear: "jointly" linear in all inputs (concat), or in "each" alone (matmul).
    dtypes: the kind of dtypes that it takes, as in the standard's table of categories.
    result: "same" as the promoted inputs, "float" (integers become floating), "bool", "real".
    promote: the inputs that meet in one dtype; by default all.
    scalars: whether inputs may be Python scalars.
    booleans: what NumPy does with booleans where it does not keep them: "refuse", or the dtype they become.
    prepare: what is called in place of the engine's function, as prepare(xp, f, *args, **options), to settle
        what engines answer in different ways.
    plain: the inputs that may be Python integers and then reach the engine as such.
    outputs: the named tuple of a multi-output op.
    view: whether the result is a view of x.
    selects: whether a zero cotangent that it passes on means "not selected".
    keeps: whether rules may need `kept`, what a backend's `<op>_keeping` gives beside the result.
    public: whether users see it; the others serve rules only.
    fallback: what computes it, from `xp` and the arguments, on engines that lack it.
    domain: for tests: where in the reals to draw inputs, (low, high) or one pair an input.
    notes: where it is not differentiable, and the answer there.
    """

    def declare(stub: F) -> F:
        made = Op(
            stub,
            module=module,
            inputs=inputs,
            grad=grad or {},
            jvp=jvp or {},
            elementwise=elementwise,
            linear=linear,
            dtypes=dtypes,
            result=result,
            promote=promote,
            scalars=scalars,
            plain=plain,
            booleans=booleans,
            prepare=prepare,
            outputs=outputs,
            view=view,
            selects=selects,
            keeps=keeps,
            public=public,
            fallback=fallback,
            domain=domain,
            notes=notes,
        )
        if made.path in table:
            raise TypeError(f"op {made.path} is declared twice")
        table[made.path] = made
        for xp in namespaces:
            xp.install(made)
        made.function = _lazy(stub, lambda: _compile(made, ""))
        return cast(F, made.function)

    return declare


def operators(function: Any) -> tuple[Operator, Operator]:
    """The operator method and its reflection (`__add__`, `__radd__`) of a binary op."""
    made = next(o for o in table.values() if o.function is function)
    forward = _lazy(made.stub, lambda: _compile(made, "forward"))
    reflected = _lazy(made.stub, lambda: _compile(made, "reflected"))
    return forward, reflected


def _trampoline(*args: Any, **kwargs: Any) -> Any:
    return pending["path"](*args, **kwargs)  # type: ignore[name-defined]  # noqa: F821 -- a name in `scope`


#: Functions not yet called, by the name under which their trampoline asks for them.
_pending: dict[str, Callable[..., Any]] = scope.setdefault("pending", {})


def _lazy(stub: Callable[..., Any], build: Callable[[], FunctionType]) -> Any:
    """A function with the stub's name and docs that compiles itself when first called."""
    key = f"{stub.__module__}.{stub.__qualname__}.{len(_pending)}"
    code = _trampoline.__code__
    consts = tuple(key if c == "path" else c for c in code.co_consts)
    function = FunctionType(code.replace(co_consts=consts, co_name=stub.__name__), scope, stub.__name__)
    function.__doc__ = stub.__doc__
    function.__module__ = stub.__module__
    function.__qualname__ = stub.__qualname__
    function.__annotations__ = stub.__annotations__
    function.__wrapped__ = stub  # type: ignore[attr-defined]  # what inspect.signature follows

    def first_call(*args: Any, **kwargs: Any) -> Any:
        built = build()
        function.__defaults__ = built.__defaults__
        function.__kwdefaults__ = built.__kwdefaults__
        function.__code__ = built.__code__
        return function(*args, **kwargs)

    _pending[key] = first_call
    return function


def _compile(made: Op, style: str) -> FunctionType:
    from ._wrapper import compile_wrapper

    return compile_wrapper(made, style)
