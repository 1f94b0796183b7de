"""What a backend is, how one is found, and which one is current."""

from __future__ import annotations

import gc
import math
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

from ._devices import Device
from ._dtypes import STANDARD, DType, as_dtype
from ._errors import suggest

if TYPE_CHECKING:
    from ._namespace import RawNamespace
    from ._op import Op

GROUP = "unitensor.backends"

#: Held while a backend is made and published. Reentrant, because a backend that wraps another one loads it.
_lock = threading.RLock()


class BackendError(ImportError):
    """A backend that is unknown or cannot run here: the reason, and the command that mends it."""

    def __init__(self, reason: str, *, remedy: str = "") -> None:
        super().__init__(f"{reason}\n  to mend it: {remedy}" if remedy else reason)
        self.reason = reason
        self.remedy = remedy


class Backend:
    """The plugin for one engine: its namespace, and the few hooks the standard lacks.

    A subclass sets `name`, `xp` and `array_type`; every other attribute has a default that
    uses the standard alone. A method named like a function of the standard (`floor_divide`;
    `linalg_qr` or `fft_rfft` for the extensions) is used in place of the engine's own.

    Attributes
    ----------
    name: what users write in UNITENSOR_BACKEND and in devices.
    xp: the engine's Array API namespace.
    array_type: the type of its arrays, or a tuple of types; the first is what its functions return.
    numpy_rules: whether the engine's own promotion is NumPy 2's, so that no cast is needed.
    mutable: whether its arrays can be written to.
    shares_views: whether its slices and transposes are views that share memory.
    copied_views: where it shares views, the ops whose views are copies all the same, as PyTorch's `flip`.
    counts_holders: whether a view holds a reference to the array whose memory it views, as NumPy's do.
    install: the command that installs the engine.
    host_ops: the ops that it computes by NumPy, on the host: the conformance suite reports them, and any other as a fault.
    unsupported: the ops that it cannot do: calling one is an error that says so.
    """

    name: str = ""
    xp: Any = None
    array_type: type[Any] | tuple[type[Any], ...] = ()
    numpy_rules: bool = False
    mutable: bool = True
    shares_views: bool = True
    copied_views: frozenset[str] = frozenset()
    counts_holders: bool = False
    install: str = ""
    host_ops: frozenset[str] = frozenset()
    unsupported: frozenset[str] = frozenset()

    def __init__(self) -> None:
        types = self.array_type if isinstance(self.array_type, tuple) else (self.array_type,)
        self.array_types: tuple[type[Any], ...] = types
        self._dtypes: dict[Any, Any] = {}
        self._devices: dict[Any, Device] = {}
        self._raw: RawNamespace | None = None

    @property
    def namespace(self) -> RawNamespace:
        """Every function of the standard over this engine's arrays, with NumPy's dtype rules."""
        if self._raw is None:
            from ._namespace import RawNamespace

            with _lock:
                if self._raw is None:
                    self._raw = cast("RawNamespace", RawNamespace(self).module)
        return self._raw

    def version(self) -> str:
        """The engine's version."""
        return str(getattr(self.xp, "__version__", "unknown"))

    # Moving in and out -----------------------------------------------------------------

    def is_array(self, obj: Any) -> bool:
        """Whether an object is one of this engine's arrays."""
        return isinstance(obj, self.array_types)

    def as_array(self, value: Any) -> Any:
        """A scalar that an engine's function gave as an array; arrays of all its types pass."""
        return value if isinstance(value, self.array_types) else self.namespace.asarray(value)

    def to_numpy(self, a: Any) -> Any:
        """A NumPy array of the values, without a copy where memory allows."""
        import numpy as np

        return np.from_dlpack(a) if hasattr(a, "__dlpack__") else np.asarray(a)  # an engine's scalar

    def from_numpy(self, a: Any, device: Any = None) -> Any:
        """An engine array of a NumPy array's values, without a copy where memory allows."""
        return self.xp.asarray(a, device=device)

    def from_dlpack(self, obj: Any, device: Any = None, copy: bool | None = None) -> Any:
        """An engine array over the memory of any object that exports DLPack."""
        return self.xp.from_dlpack(obj, device=device, copy=copy)

    def to_device(self, a: Any, device: Any) -> Any:
        """The array on another (raw) device of this backend."""
        return a.to_device(device)

    def synchronize(self, a: Any) -> None:
        """Wait until the array's values are computed."""

    def clear_caches(self) -> None:
        """Free what the engine keeps between calls, compiled programs for one; nothing by default."""

    def import_array(self, source: Backend, a: Any, device: Any) -> Any:
        """Another backend's array on a (raw) device of this one: by DLPack, else through the host."""
        try:
            return self.from_dlpack(a, device)
        except Exception:  # DLPack refuses for many reasons: dtype, device, read-only memory
            return self.from_numpy(source.to_numpy(a), device)

    def is_view(self, a: Any) -> bool:
        """Whether an array may share memory with another one."""
        return False

    def quick(self, made: Op, f: Callable[..., Any]) -> Callable[..., Any]:
        """An op's function in the form that is fastest to call; f asks arrays for dtypes and shapes alone."""
        return f

    def installed(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """A function over this engine's arrays as rules and wrappers get it, mended or composed where it is."""
        return f

    def to_dlpack(self, a: Any, **options: Any) -> Any:
        """The DLPack capsule of an array."""
        return a.__dlpack__(**{k: v for k, v in options.items() if v is not None})

    def dlpack_device(self, a: Any) -> tuple[Any, int]:
        """The DLPack device of an array."""
        return a.__dlpack_device__()  # type: ignore[no-any-return]  # the engine's arrays are untyped

    # Views and writing -----------------------------------------------------------------

    def shares_memory(self, op: str, options: Any, a: Any, view: Any) -> bool:
        """Whether a view that an op made of `a` really shares its memory on this engine."""
        return self.shares_views and (op != "reshape" or self.storage(view) == self.storage(a))

    def storage(self, a: Any) -> Any:
        """A hashable mark of the memory that an array lies in, the same for its views.

        The address where that memory begins, if arrays may come from other engines without a copy.
        """
        return id(a)

    def owner(self, a: Any) -> Any:
        """An object that lives as long as the memory of an array does, or None if there is none to be had."""
        return None

    def arrays_in(self, a: Any) -> int | None:
        """How many arrays, `a` among them, lie in its memory; None if the engine cannot tell."""
        return None

    def has_values(self, a: Any) -> bool:
        """Whether values can be looked at now, by `bool`, `int` or `to_numpy`.

        The one question that the front end asks before it looks at a value. `a` is an array, or a key, a
        tuple or a list with arrays in it; then the answer is about all of them. Inside a function that an
        engine traces (`jax.jit`, `torch.compile`) it is False, and the front end takes the way that is right
        whatever the values are. An engine that computes late may always say False.
        """
        return True

    def writeable(self, a: Any) -> bool:
        """Whether the front end may write to an array: not to read-only memory, nor where elements share a place."""
        return bool(getattr(getattr(a, "flags", None), "writeable", True))

    @staticmethod
    def overlapping(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
        """Whether some elements of an array lie in one place; strides are counted in elements."""
        import numpy as np

        if 0 in shape:
            return False
        reach, clear = 0, True
        steps = sorted((abs(step), n) for n, step in zip(shape, strides) if n > 1)
        for step, n in steps:
            clear = clear and step > reach
            reach += step * (n - 1)
        if clear:
            return False
        count = math.prod(shape)
        if count > reach + 1 or steps[0][0] == 0:  # more elements than places
            return True
        places = np.zeros((), np.int64)
        for step, n in steps:
            places = np.add.outer(places, np.arange(n) * step)
        return bool(np.unique(places).size < count)

    def assign(self, a: Any, key: Any, value: Any) -> Any:
        """Write `a[key] = value`; returns the written array (a new one if arrays are immutable)."""
        a[key] = value
        return a

    def overwrite(self, a: Any, key: Any, value: Any) -> Any:
        """`assign` to an array that nobody else has: an engine without writes may use its memory again."""
        return self.assign(a, key, value)

    def add_to(self, a: Any, key: Any, value: Any) -> Any:
        """`a` with value added at a key of integers and slices; nobody else has `a`, as of `overwrite`."""
        xp = self.namespace
        return self.overwrite(a, key, xp.add(xp.getitem(a, key), value))

    def join_complex(self, real: Any, imag: Any) -> Any:
        """The complex array of a real and an imaginary part."""
        import numpy as np

        x, y = self.to_numpy(real), self.to_numpy(imag)
        joined = np.empty(x.shape, np.result_type(x.dtype, np.complex64))
        joined.real, joined.imag = x, y
        return self.from_numpy(joined, self.raw_device_of(real))

    def scatter_add(self, a: Any, key: Any, value: Any) -> Any:
        """A new array like `a` with `value` added at `key`, repeated indices included."""
        raise NotImplementedError

    # What there is: dtypes and devices ----------------------------------------------------

    def dtype(self, dtype: DType) -> Any:
        """The engine's dtype object of a dtype, or a TypeError that says it has none."""
        raw = self._dtypes.get(dtype.name)
        if raw is None:
            raw = getattr(self.xp, "bool" if dtype.name == "bool" else dtype.name, None)
            if raw is None:
                raise TypeError(f"backend {self.name!r} has no {dtype.name}")
            self._dtypes[dtype.name] = raw
        return raw

    def dtype_of(self, a: Any) -> DType:
        """The dtype of an engine array."""
        raw = a.dtype
        found = self._dtypes.get(raw)
        if found is None:
            found = self._dtypes[raw] = as_dtype(raw)
        return found

    def supports(self, dtype: DType) -> bool:
        """Whether the engine has this dtype."""
        try:
            self.dtype(dtype)
        except TypeError:
            return False
        return True

    def dtypes(self) -> tuple[DType, ...]:
        """The standard's dtypes that the engine has."""
        return tuple(d for d in STANDARD if self.supports(d))

    def raw_devices(self) -> list[Any]:
        """The engine's own device objects, the default one first."""
        info = self.xp.__array_namespace_info__()
        devices = list(info.devices())
        default = info.default_device()
        devices.sort(key=lambda d: d != default)
        return devices

    def raw_device_of(self, a: Any) -> Any:
        """The engine's device object of an array."""
        return a.device

    def device_name(self, raw: Any) -> str:
        """`kind` or `kind:index` of a raw device: `cpu`, `cuda:0`."""
        return str(raw)

    def device_of(self, a: Any) -> Device:
        """The device of an engine array."""
        return self.device(self.raw_device_of(a))

    def device(self, raw: Any) -> Device:
        """The device object that stands for an engine's own."""
        found = self._devices.get(raw)
        if found is None:
            kind, _, index = self.device_name(raw).partition(":")
            made = Device(self.name, kind, int(index) if index else None, raw)
            found = self._devices.setdefault(raw, made)  # another thread may have been quicker
        return found

    def devices(self) -> tuple[Device, ...]:
        """All devices, the default one first."""
        return tuple(self.device(raw) for raw in self.raw_devices())

    def __repr__(self) -> str:
        return f"<backend {self.name!r}, {type(self).__module__}>"


# Discovery -------------------------------------------------------------------------------

_factories: dict[str, Callable[[], Backend]] = {}
_loaded: dict[str, Backend] = {}
_chosen: ContextVar[str | None] = ContextVar("unitensor_backend", default=None)
#: The types of arrays whose engine was looked for among the installed plugins.
_looked_up: WeakSet[type] = WeakSet()
#: The backends that are being made, by the thread that holds the lock.
_loading: list[str] = []
_process_default: str | None = None
#: The current namespace by what `_chosen` says: at None the process's, found at first use.
_current: dict[str | None, RawNamespace] = {}


def entry_points() -> dict[str, list[Any]]:
    """Every installed plugin's entry points by name; more than one under a name is a conflict."""
    from importlib.metadata import entry_points as installed

    found: dict[str, list[Any]] = {}
    for point in installed(group=GROUP):
        known = found.setdefault(point.name, [])
        if all(point.value != other.value for other in known):
            known.append(point)
    return found


def register_backend(name: str, factory: Callable[[], Backend]) -> None:
    """Add a backend for this process: what an entry point does for every process."""
    with _lock:
        _factories[name] = factory
        forget(name)


def forget(name: str) -> None:
    """Load a backend anew when it is next asked for."""
    with _lock:
        _loaded.pop(name, None)
        _looked_up.clear()
        _current.clear()


def load_backend(name: str) -> Backend:
    """The backend of this name, imported on first use, once: other threads wait until it is complete.

    Raises
    ------
    BackendError: unknown name, a name claimed by two plugins, or a plugin that cannot run.
    """
    backend = _loaded.get(name)
    if backend is not None:
        return backend
    with uncollected():
        # Before the lock is taken: a module may load a backend while it is imported, and then holds its import lock.
        factory = _factory(name)
        with _lock:
            backend = _loaded.get(name)
            return _publish(name, factory) if backend is None else backend


def _publish(name: str, factory: Callable[[], Backend]) -> Backend:
    """Make a backend and its namespace, and let other threads see it when it is complete."""
    if name in _loading:
        raise BackendError(f"backend {name!r} asks for itself while it is loaded")
    _loading.append(name)
    try:
        backend = factory()
        if backend.name != name:
            raise BackendError(f"the plugin for backend {name!r} calls itself {backend.name!r}")
        backend.namespace  # noqa: B018 -- building it is what is wanted
    finally:
        _loading.remove(name)
    _loaded[name] = backend
    return backend


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the garbage collector: it would visit an engine's million objects again and again for nothing."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _factory(name: str) -> Callable[[], Backend]:
    """What makes a backend; its errors say which plugin failed, why, and what mends it."""
    if name in _factories:
        return lambda: _factories[name]()  # the one that is registered when it is called
    points = entry_points()
    known = points.get(name)
    if known is None:
        raise BackendError(f"no backend named {name!r} is installed{suggest(name, points)}")
    if len(known) > 1:
        rivals = " and ".join(f"{p.value} (of {_distribution(p)})" for p in known)
        raise BackendError(
            f"two plugins are named {name!r}: {rivals}; uninstall one of them",
            remedy=f"pip uninstall {_distribution(known[-1])}",
        )
    point = known[0]

    def explained(step: Callable[[], Any]) -> Any:
        try:
            return step()
        except (Exception, SystemExit) as error:
            reason = f"backend {name!r} ({point.value}) cannot run here: {_reason(error)}"
            raise BackendError(reason, remedy=_remedy(name, point, error)) from error

    factory = explained(point.load)

    def complete() -> Backend:
        backend: Backend = factory()
        backend.namespace  # noqa: B018 -- building it is what is wanted
        return backend

    return lambda: explained(complete)


def _distribution(point: Any) -> str:
    return str(point.dist.name) if point.dist else "an unnamed distribution"


def _reason(error: BaseException) -> str:
    if isinstance(error, BackendError):
        return error.reason
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: " + (text[0] if text else "no message")


def _remedy(name: str, point: Any, error: BaseException) -> str:
    """The command that mends a plugin: what its distribution lists as the extra of that name."""
    if isinstance(error, BackendError) and error.remedy:
        return error.remedy
    dist = _distribution(point)
    if isinstance(error, ModuleNotFoundError) and error.name == point.module:
        return f"pip install --force-reinstall {dist}"
    if isinstance(error, ModuleNotFoundError):
        extra = re.compile(rf"(.*?)\s*;.*\bextra\s*==\s*['\"]{re.escape(name)}['\"]")
        listed = [extra.match(line) for line in (point.dist.requires or ())] if point.dist else []
        engines = " ".join(repr(found[1]) for found in listed if found)
        return f"pip install {engines or f'-U {dist}'}"
    return f"pip install -U {dist}, or report this to its authors"


# Which backend is current ------------------------------------------------------------------


def current_backend_name() -> str:
    """The name that `use_backend`, `set_backend` or UNITENSOR_BACKEND chose; else `numpy`."""
    return _chosen.get() or _process_default or os.environ.get("UNITENSOR_BACKEND") or "numpy"


def current_backend() -> Backend:
    """The backend on which creation functions run.

    >>> import unitensor as ut
    >>> ut.current_backend().name
    'numpy'
    """
    return current_namespace().backend


def current_namespace() -> RawNamespace:
    """The functions of the current backend."""
    chosen = _chosen.get()
    xp = _current.get(chosen)
    if xp is None:
        xp = _load_current().namespace
        with _lock:  # kept unless another thread has chosen or registered another one meanwhile
            if _loaded.get(current_backend_name()) is xp.backend:
                _current[chosen] = xp
    return xp


def _load_current() -> Backend:
    name = current_backend_name()
    try:
        return load_backend(name)
    except BackendError as error:
        if name == os.environ.get("UNITENSOR_BACKEND"):
            raise BackendError(f"UNITENSOR_BACKEND={name}: {error.reason}", remedy=error.remedy) from error
        raise


def set_backend(name: str) -> None:
    """Choose the backend for the whole process (`use_backend` overrides it in its block)."""
    global _process_default
    load_backend(name)
    with _lock:
        _process_default = name
        _current.clear()


@contextmanager
def use_backend(name: str) -> Iterator[Backend]:
    """Choose the backend inside a `with` block, for this thread or task only.

    >>> import unitensor as ut
    >>> with ut.use_backend("numpy"):
    ...     ut.zeros(2).device
    Device('numpy:cpu')
    """
    backend = load_backend(name)
    token = _chosen.set(name)
    try:
        yield backend
    finally:
        _chosen.reset(token)


def backend_of(obj: Any) -> Backend | None:
    """The loaded, registered or installed backend whose engine made an array, or None.

    Of several the one whose array type is the most specific; of those that share a type, the one
    that was loaded first.
    """
    kind = type(obj)
    for backend in list(_loaded.values()):  # another thread may load one meanwhile
        if kind in backend.array_types and backend.is_array(obj):
            return backend
    for name in [name for name in list(_factories) if name not in _loaded]:
        with suppress(Exception):  # one that cannot run here owns nothing
            load_backend(name)
    bases = kind.__mro__
    modules = {base.__module__.partition(".")[0] for base in bases} - {"builtins", "abc", "typing"}
    engines = {{"jaxlib": "jax"}.get(module, module) for module in modules}
    if kind not in _looked_up and not engines <= _loaded.keys():
        for name in [name for name in entry_points() if name in engines and name not in _loaded]:
            load_backend(name)
        _looked_up.add(kind)  # the list of what is installed is read from files

    def distance(backend: Backend) -> int:
        """How far up an array type is; a virtual base class is not among the bases."""
        return min((bases.index(t) for t in backend.array_types if t in bases), default=len(bases))

    return min((b for b in list(_loaded.values()) if b.is_array(obj)), key=distance, default=None)


def find_device(device: Any, backend: Backend | None = None, op: str = "") -> Device:
    """The Device that a Device, a name (`cuda:0`, `jax:cpu`) or an engine's device stands for.

    A name without a backend is looked up on `backend`, the current one if None.

    Raises
    ------
    ValueError: the backend has no such device.
    """
    if isinstance(device, Device):
        return device
    home = backend or current_backend()
    if not isinstance(device, str):
        if isinstance(device, type(home.raw_devices()[0])):
            return home.device(device)
        raise ValueError(_unknown_device(op, device, home))
    first, _, rest = device.partition(":")
    if first not in [d.kind for d in home.devices()] and (
        first in _loaded or first in _factories or first in entry_points()
    ):
        home, device = load_backend(first), rest
    devices = home.devices()
    if not device:
        return devices[0]
    for found in devices:
        if device in (found.local, found.kind, str(found)):
            return found
    for other in devices:
        if device == f"{other.kind}:0" and other.index is None:
            return other
    raise ValueError(_unknown_device(op, device, home))


def _unknown_device(op: str, device: Any, home: Backend) -> str:
    text = (
        f"{op + ': ' if op else ''}unknown device {device!r} of backend {home.name!r}"
        f"{suggest(str(device), [d.local for d in home.devices()])}"
    )
    wanted = str(device).partition(":")[0]
    return text + ("; a GPU needs backend 'cupy', 'torch' or 'jax'" if wanted in ("cuda", "gpu") else "")
