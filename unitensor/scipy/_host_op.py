"""What stands under every function here: a function of NumPy arrays, declared with its gradient rules.

A host op is called on Tensors and on engine arrays alike, so that the rules of one, which run on both,
are made of others. Array arguments are positional, options are named. What computes it is, in this order,
the plugin's method `scipy_<module>_<name>`, the `native` form in functions of the standard (on every
engine but NumPy), or the declared function itself, on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .._backend import backend_of
from .._errors import describe
from .._graph import Dual, GradientError, record, wrap_outputs
from .._host import on_host
from .._modes import is_grad_enabled
from .._op import Op, scope

if TYPE_CHECKING:
    from .._tensor import Tensor

#: Every host op by its path: `scipy.linalg.expm`.
table: dict[str, HostOp] = {}

ERRORS = (np.linalg.LinAlgError, ValueError, TypeError, IndexError, NotImplementedError)


class HostOp(Op):
    """An op that is computed on the host, unless an engine does it itself."""

    native: Callable[..., Any] | None
    native_on_cpu: bool

    def how(self, backend: Any, on_cpu: bool) -> Callable[..., Any] | None:
        """What computes it on an engine without the host; None if nothing does."""
        override = getattr(backend, self.path.replace(".", "_"), None)
        if override is not None:
            return lambda xp, *arrays, **options: override(*arrays, **options)
        if backend.name == "numpy" or (on_cpu and not self.native_on_cpu):
            return None
        return self.native

    def compute(self, xp: Any, arrays: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The result for engine arrays."""
        first = next(a for a in arrays if a is not None)
        own = self.how(xp.backend, xp.backend.device_of(first).kind == "cpu")
        found = None if own is None else own(xp, *arrays, **options)
        return on_host(xp, self.stub, *arrays, **options) if found is None else found

    def on_tensors(self, arrays: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The result for Tensors, recorded."""
        tensors = lift(self.path, *arrays)
        xp = tensors[0]._xp
        raw = tuple(None if t is None else t._data for t in tensors)
        try:
            r = self.compute(xp, raw, options)
        except ERRORS as error:
            kind = next(k for k in ERRORS if isinstance(error, k))
            given = ", ".join(describe(a) for a in raw)
            raise kind(f"{self.path}({given}): {error}") from error
        nodes = tuple(None if t is None else t._node for t in tensors)
        for x, node, rule in zip(self.inputs, nodes, self.rules):
            if node is not None and rule is None and is_grad_enabled():
                raise GradientError(f"{self.path}: there is no gradient in {x}; pass {x}.detach()")
        env = {**dict(zip(self.inputs, raw)), **{k: _own(v) for k, v in options.items()}}
        if self.outputs is not None:
            return wrap_outputs(self, xp, env, nodes, r, self.outputs)
        r = xp.as_array(r)
        node = record(self, xp, env, nodes, r) if any(n is not None for n in nodes) else None
        return scope["wrap"](r, xp, node)


def _own(option: Any) -> Any:
    """An option for a graph to keep, which the caller may change."""
    if isinstance(option, np.ndarray):
        return option.copy()
    return type(option)(map(_own, option)) if type(option) in (list, tuple) else option


def host_op(
    *,
    grad: dict[str, Callable[..., Any]] | None = None,
    jvp: dict[str, Callable[..., Any]] | None = None,
    linear: str = "",
    native: Callable[..., Any] | None = None,
    native_on_cpu: bool = True,
    outputs: Any = None,
    inputs: tuple[str, ...] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Tensor]]:
    """Declare a host op over the function of NumPy arrays that computes it.

    Parameters
    ----------
    grad, jvp, linear, outputs: as in `unitensor._op.op`. The inputs are the positional parameters, the
        options the keyword-only ones.
    native: computes it as native(xp, *arrays, **options); None from it means "not these options".
    native_on_cpu: whether it does so in the host's memory, too, where SciPy may be faster.
    """

    def declare(f: Callable[..., Any]) -> Callable[..., Tensor]:
        code = f.__code__
        made = HostOp(
            cast(Any, f),
            module=f"scipy.{f.__module__.rpartition('.')[2]}",
            inputs=inputs or code.co_varnames[: code.co_argcount],
            grad=grad or {},
            jvp=jvp or {},
            elementwise=False,
            linear=linear,
            dtypes="floating",
            result="same",
            promote=None,
            scalars=False,
            plain=(),
            booleans="",
            prepare=None,
            outputs=outputs,
            view=False,
            selects=False,
            keeps=False,
            public=False,
            fallback=None,
            domain=None,
            notes="",
        )
        made.native, made.native_on_cpu = native, native_on_cpu
        table[made.path] = made

        def call(*arrays: Any, **options: Any) -> Any:
            options = {**made.defaults, **options}
            if any(isinstance(a, scope["Tensor"]) for a in arrays):
                return made.on_tensors(arrays, options)
            first = next(a for a in arrays if a is not None)
            backend = backend_of(first)
            assert backend is not None  # a rule runs on arrays of an engine
            return made.compute(backend.namespace, arrays, options)

        call.__name__ = call.__qualname__ = made.name
        call.__doc__, call.__module__ = f.__doc__, f.__module__
        made.function = call
        return call

    return declare


def lift(name: str, *values: Any) -> tuple[Any, ...]:
    """Arguments as Tensors of the backend and device of the first Tensor among them; None stays.

    Lists, numbers and NumPy arrays go to where the Tensors are.
    """
    import unitensor as ut

    first = next((v for v in values if isinstance(v, ut.Tensor)), None)
    device = None if first is None else first.device
    lifted: list[Any] = []
    for value in values:
        if value is None or isinstance(value, ut.Tensor):
            if value is not None and first is not None and value._xp is not first._xp:
                a, b = first.backend, value.backend
                raise TypeError(
                    f"{name}: Tensors are on two backends, {a!r} and {b!r}; move one: x.to({a!r})"
                )
            lifted.append(value)
        elif isinstance(value, (list, tuple)) and any(isinstance(v, ut.Tensor) for v in value):
            lifted.append(ut.stack([*lift(name, first, *value)[1:]]))
        else:
            array = np.asarray(value)
            if not isinstance(value, (np.ndarray, np.generic)) and array.dtype == np.float64:
                array = array.astype(ut.get_default_dtype().name)
            try:
                lifted.append(ut.asarray(array, device=device))
            except TypeError as error:
                raise TypeError(f"{name}: expected a Tensor, got {describe(value)}: {error}") from None
    return tuple(lifted)


def tracked(x: Tensor) -> bool:
    """Whether a gradient of x is asked for here; forward mode asks also inside `no_grad`."""
    return x._node is not None and (is_grad_enabled() or type(x._node) is Dual)


def directly(f: Callable[..., Any], *tensors: Any, **options: Any) -> Any:
    """What a function of NumPy arrays gives for Tensors (or None), unless one needs a gradient: then None."""
    given = [t for t in tensors if t is not None]
    if any(map(tracked, given)):
        return None
    xp = given[0]._xp
    found = on_host(xp, f, *(None if t is None else t._data for t in tensors), **options)
    wrap = scope["wrap"]
    return tuple(wrap(r, xp, None) for r in found) if isinstance(found, tuple) else wrap(found, xp, None)


def one_of(name: str, option: str, value: Any, supported: tuple[Any, ...]) -> None:
    """Refuse an option that is not supported."""
    if value not in supported:
        known = ", ".join(map(repr, supported))
        raise ValueError(f"{name}: {option}={value!r} is not supported; expected one of {known}")


def along(ndim: int, axis: int, part: slice | int) -> tuple[Any, ...]:
    """The key of a part of one axis."""
    return (slice(None),) * (axis % ndim) + (part,)


def values(x: Tensor) -> Any:
    """A Tensor's values in NumPy, its history set aside on purpose."""
    return np.asarray(x._xp.backend.to_numpy(x._data))
