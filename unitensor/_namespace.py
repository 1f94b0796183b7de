"""An engine's functions over its own arrays, with one meaning on every engine.

Each function is found once: the plugin's override, else the engine's own. Where
an engine's promotion is not NumPy's, inputs are cast to the dtype that the front end decides.
Gradient rules and wrappers run on this namespace.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._backend import Backend
from ._dtypes import (
    DType,
    as_dtype,
    bool_,
    check_range,
    float64,
    promote,
    promote_scalar,
    to_floating,
    uint64,
)
from ._lift import COMPARISONS
from ._op import Op, namespaces, table

SCALARS = frozenset({bool, int, float, complex})


#: Functions that are not ops but that the front end calls on engine arrays.
PLAIN = ("arange", "asarray", "empty", "eye", "full", "ones", "zeros")
EXTENSIONS = ("linalg", "fft", "special")


class RawNamespace:
    """The functions of one backend, by attribute; `linalg`, `fft` and `special` are inside.

    All are plain attributes, because a `__getattr__` would slow down every look-up; and what is
    handed out is a module with the same attributes, because CPython finds those quickest.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.array = backend.array_types[0]
        self.as_array = backend.as_array
        # Whether arrays are indexed by themselves, and one that nobody else holds may just be written to.
        self.direct = (
            backend.counts_holders
            and type(backend).assign is Backend.assign
            and getattr(type(backend), "getitem", None) is operator.getitem
        )
        # Python scalars met before, as 0-d arrays: by type, dtype of the array and value.
        self.scalars: dict[type, dict[Any, dict[Any, Any]]] = {}
        # NumPy's own functions that have written into an array in place.
        self.ufuncs: dict[str, Any] = {}
        self.kept_apart: dict[Any, Any] = {}
        self.many_devices = len(backend.raw_devices()) > 1
        self.linalg, self.fft, self.special = (ModuleType(name) for name in EXTENSIONS)
        self.module = ModuleType(f"unitensor on {backend.name}")
        for name in PLAIN:
            setattr(self, name, find(backend, name, None, self))
        known = list(table.values())
        for made in known:
            self.install(made)
        for name, value in vars(type(self)).items():
            if callable(value) and not name.startswith("_"):
                setattr(self.module, name, getattr(self, name))
        for name, value in vars(self).items():
            setattr(self.module, name, value)
        namespaces.append(self)
        for made in list(table.values())[len(known) :]:  # which another thread has declared meanwhile
            self.install(made)

    def install(self, made: Op) -> None:
        """Find the engine's function for an op, cast to common dtypes where the engine would not."""
        function = find(self.backend, made.path, made, self)
        if not self.backend.numpy_rules:
            function = adapt(made, function, self)
        if made.prepare is not None:
            function = functools.partial(made.prepare, self, function)
        function = self.backend.installed(function)
        homes = [getattr(self, made.module)] if made.module else [self, self.module]
        for home in homes:
            setattr(home, made.name, function)
        if made.keeps:
            keeping = self._keeping(made, function)
            for home in homes:
                setattr(home, f"{made.name}_keeping", keeping)

    def _keeping(self, made: Op, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function that gives a result and what rules may need of how it was found."""
        name = made.path.replace(".", "_")
        own = getattr(self.backend, f"{name}_keeping", None)
        if own is None or _is_newer(type(self.backend), name, f"{name}_keeping"):
            return lambda *args, **options: (function(*args, **options), None)
        return own if self.backend.numpy_rules else adapt(made, own, self)

    def isdtype(self, dtype: Any, kind: Any) -> bool:
        """Whether an engine's dtype is of one of the standard's kinds."""
        from ._ops.data_types import isdtype

        return isdtype(dtype, kind)

    # What wrappers ask for besides functions ------------------------------------------------

    def raw_dtype(self, dtype: Any) -> Any:
        """The engine's dtype object."""
        return self.backend.dtype(as_dtype(dtype))

    def raw_device(self, device: Any) -> Any:
        """The engine's device object; a device of another backend is an error."""
        from ._backend import find_device

        found = find_device(device, self.backend)
        if found.backend != self.backend.name:
            raise ValueError(
                f"device {found} is not of backend {self.backend.name!r}; use x.to({str(found)!r})"
            )
        return found.raw

    def scalar(self, value: Any, dtype: DType, like: Any) -> Any:
        """A Python scalar as a 0-d engine array of a dtype, on the device of another array."""
        if dtype.kind in "iu" and not isinstance(value, bool):
            check_range(value, dtype)
        return self.asarray(value, dtype=self.backend.dtype(dtype), device=self.backend.raw_device_of(like))

    def meet(self, arrays: tuple[Any, ...], made: Op) -> tuple[Any, ...]:
        """Arrays and Python scalars cast to the dtype in which an op computes with them."""
        backend = self.backend
        dtypes = [backend.dtype_of(a) for a in arrays if type(a) not in SCALARS]
        if made.result == "float":
            dtypes = [to_floating(d) for d in dtypes]
        target = dtypes[0]
        for d in dtypes[1:]:
            target = promote(target, d)
        for a in arrays:
            if type(a) in SCALARS:
                target = promote_scalar(target, type(a))
        target = computed_in(made, target)
        like = next(a for a in arrays if type(a) not in SCALARS)
        raw = backend.dtype(target)
        return tuple(
            self.scalar(a, target, like)
            if type(a) in SCALARS
            else a
            if a.dtype == raw
            else self.astype(a, raw)
            for a in arrays
        )


#: The kinds that NumPy refuses (of complex numbers our NumPy backend), by the category an op declares.
REFUSED = {"real numeric": "c", "real floating": "c", "integral": "fcV", "integer or boolean": "fcV"}


def computed_in(made: Op, dtype: DType) -> DType:
    """The dtype in which NumPy computes an op of arrays of a dtype, or a TypeError if it does not."""
    kind = dtype.kind
    if kind in REFUSED.get(made.dtypes, "") or (kind == "b" and made.booleans == "refuse"):
        raise TypeError(f"expected {made.dtypes} dtypes, got {dtype}")
    if made.result == "float":
        return to_floating(dtype)
    if made.result == "float64":
        return float64 if kind in "biu" else dtype
    return as_dtype(made.booleans) if kind == "b" and made.booleans else dtype


def _is_newer(kind: type, name: str, other: str) -> bool:
    """Whether a subclass defines one method anew and inherits the other."""
    first: Any = next((vars(c) for c in kind.__mro__ if name in vars(c) or other in vars(c)), {})
    return other not in first


def find(backend: Backend, path: str, made: Op | None, xp: RawNamespace) -> Callable[..., Any]:
    """The plugin's override of a function, else the engine's own, else the op's fallback."""
    if path in backend.unsupported:
        return missing_from(backend, path)
    override = path.replace(".", "_")
    if hasattr(type(backend), override) and not hasattr(Backend, override):
        return getattr(backend, override)  # type: ignore[no-any-return]  # an engine is untyped
    if made is None or made.public:  # a private op is no function of the engine, even of that name
        own = engines_own(backend, path)
        if own is not None:
            return own
    if made is not None and made.fallback is not None:
        return functools.partial(made.fallback, xp)
    return missing_from(backend, path)


def engines_own(backend: Backend, path: str) -> Callable[..., Any] | None:
    """The engine's function of a name, if there is one."""
    found = backend.xp
    for part in path.split("."):
        found = getattr(found, part, None)
    return found  # type: ignore[no-any-return]  # an engine is untyped


def missing_from(backend: Backend, path: str) -> Callable[..., Any]:
    """A function that says that the backend lacks it."""

    def missing(*args: Any, **options: Any) -> Any:
        raise NotImplementedError(f"backend {backend.name!r} has no {path}")

    return missing


def compared(f: Callable[..., Any], x1: Any, x2: Any, met: tuple[Any, ...], xp: RawNamespace) -> Any:
    """A comparison of two dtypes; of signed integers and uint64 not as float64, in which neighbours are equal."""
    backend = xp.backend
    given = [None if type(x) in SCALARS else backend.dtype_of(x) for x in (x1, x2)]
    if uint64 not in given or not any(d is not None and d.kind == "i" for d in given):
        return f(*met)
    negative = xp.less(x2 if given[0] is uint64 else x1, 0)
    raw = backend.dtype(uint64)
    whole = [x if d is uint64 else xp.astype(x, raw) for x, d in zip((x1, x2), given)]
    return xp.where(negative, f(*met), f(*whole))


def adapt(made: Op, f: Callable[..., Any], xp: RawNamespace) -> Callable[..., Any]:
    """A function that casts what promotes together before it calls the engine's.

    A plugin's function that mends some dtypes only may name them in its attribute `odd`, and the
    engine's own function in `ordinary`: all other dtypes go straight there.
    """
    backend = xp.backend
    ordinary = getattr(f, "ordinary", f)
    odd: frozenset[Any] = getattr(f, "odd", frozenset())
    mended = ordinary is not f
    pure = mended or f is engines_own(backend, made.path)
    if pure:
        ordinary = backend.quick(made, ordinary)
        f = f if mended else ordinary
    joined = made.promote
    casts: dict[Any, Any] = {}
    #: Each dtype's own if its arrays need neither a cast nor mending, else None.
    plain: dict[Any, Any] = {}

    def cast(x: Any) -> Any:
        """The dtype that an array must be cast to or is mended in, else None; looked up once a dtype."""
        try:
            return casts[x.dtype]
        except KeyError:
            own = backend.dtype_of(x)
            target = computed_in(made, own)
            fits = target is own and x.dtype not in odd
            plain[x.dtype] = x.dtype if fits else None
            casts[x.dtype] = found = None if fits else backend.dtype(target)
            return found

    def alike(arrays: Iterable[Any]) -> bool:
        """Whether arrays are all of one dtype that needs neither a cast nor mending."""
        try:
            (dtype,) = {a.dtype for a in arrays}
            return plain.get(dtype) is not None
        except (AttributeError, ValueError):
            return False

    if made.sequence and joined:

        def together(arrays: Any, /, **options: Any) -> Any:
            if not alike(arrays):
                arrays = xp.meet(tuple(arrays), made)
                cast(arrays[0])
            return f(list(arrays), **options)

        return together
    if len(joined) == 0 or (len(joined) == 1 and made.dtypes == "all" and made.result == "same"):
        return f
    if joined == made.positional[:1]:
        if not made.options and len(made.inputs) == 1:

            def alone(x: Any, /) -> Any:
                try:
                    target = casts[x.dtype]
                except KeyError:
                    target = cast(x)
                if target is None:
                    return ordinary(x)
                return f(x if x.dtype == target else xp.astype(x, target))

            return backend.quick(made, alone) if pure else alone

        def unary(x: Any, /, *args: Any, **options: Any) -> Any:
            try:
                target = casts[x.dtype]
            except KeyError:
                target = cast(x)
            if target is None:
                return ordinary(x, *args, **options) if args or options else ordinary(x)
            return f(x if x.dtype == target else xp.astype(x, target), *args, **options)

        return backend.quick(made, unary) if pure else unary
    plainly_two = joined == made.positional == made.inputs and len(joined) == 2
    if plainly_two and not made.defaults and not made.options:
        compares = made.name in COMPARISONS

        def binary(x1: Any, x2: Any, /) -> Any:
            # Most calls are of two arrays of one ordinary dtype, which this finds with one look at each.
            try:
                if plain[x1.dtype] is x2.dtype:
                    return ordinary(x1, x2)
            except (AttributeError, KeyError):
                pass
            if type(x1) in SCALARS or type(x2) in SCALARS or x1.dtype != x2.dtype or cast(x1) is not None:
                met = xp.meet((x1, x2), made)
                return compared(f, x1, x2, met, xp) if compares else f(*met)
            return ordinary(x1, x2)

        return binary
    positions = [made.positional.index(x) for x in joined]
    has_condition = made.inputs[0] == "condition"

    def is_bool(a: Any) -> bool:
        return backend.dtype_of(a) is bool_

    plainly = slice(positions[0], positions[-1] + 1)

    def general(*args: Any, **options: Any) -> Any:
        if not options and alike(args[plainly]) and not (has_condition and not is_bool(args[0])):
            return ordinary(*args)
        given = [i for i in positions if i < len(args) and args[i] is not None]
        named = [x for x in joined if options.get(x) is not None]
        arrays = tuple(args[i] for i in given) + tuple(options[x] for x in named)
        met = xp.meet(arrays, made)
        cast(met[0])
        changed = list(args)
        if has_condition and not is_bool(args[0]):  # numbers: whether they are not 0
            changed[0] = xp.astype(args[0], backend.dtype(bool_))
        for i, a in zip(given, met):
            changed[i] = a
        options.update(zip(named, met[len(given) :]))
        return f(*changed, **options)

    return general
