"""Functions that make new Tensors, on the current backend or on `device`.

Standard: Creation Functions.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._backend import _chosen, _current, backend_of, current_namespace, find_device, load_backend
from .._dtypes import (
    STANDARD,
    DType,
    as_dtype,
    bfloat16,
    check_range,
    complex128,
    default_for,
    float32,
    float64,
    get_default_dtype,
    int64,
)
from .._graph import GradientError
from .._holding import is_outside
from .._op import op, scope

if TYPE_CHECKING:
    from .._backend import Backend
    from .._devices import Device
    from .._namespace import RawNamespace
    from .._tensor import Tensor

ndarray = np.ndarray
#: `Tensor` itself, set when its module is complete.
new_tensor: Any = None
# What `current_namespace` looks up, without its call.
chosen, current = _chosen.get, _current
#: NumPy's dtypes that are taken over as they are, without a look at byte order or kind.
NATIVE = frozenset(d.dtype for d in STANDARD)


def home(device: Any, name: str) -> tuple[RawNamespace, Any]:
    """The namespace and raw device on which to create: the current backend's by default."""
    if device is None:
        return current_namespace(), None
    found = find_device(device, op=name)
    return load_backend(found.backend).namespace, found.raw


def _make(name: str, shape: Any, dtype: Any, device: Any) -> Tensor:
    xp, raw = home(device, name)
    raw_dtype = xp.raw_dtype(get_default_dtype() if dtype is None else dtype)
    make, shape = getattr(xp, name), _shape(name, shape)
    data = make(shape, dtype=raw_dtype) if raw is None else make(shape, dtype=raw_dtype, device=raw)
    return scope["wrap"](data, xp, None)  # type: ignore[no-any-return]  # `scope` is untyped


def _shape(name: str, shape: Any) -> tuple[int, ...]:
    """Lengths of axes, given as one or as several."""
    if type(shape) is int and shape >= 0:
        return (shape,)
    if type(shape) is not tuple:
        shape = (shape,) if hasattr(shape, "__index__") else _lengths(name, shape)
    for n in shape:
        if type(n) is not int or n < 0:
            return _lengths(name, shape)
    return shape  # type: ignore[no-any-return]  # a tuple of integers


def _lengths(name: str, shape: Any) -> tuple[int, ...]:
    try:
        lengths = tuple(operator.index(n) for n in shape)
    except TypeError:
        raise TypeError(f"{name}: shape is {shape!r}; expected an integer or a tuple of integers") from None
    if any(n < 0 for n in lengths):
        raise ValueError(f"{name}: shape {lengths} has a negative length")
    return lengths


def _length(name: str, what: str, n: Any) -> int:
    length: int = operator.index(n)
    if length < 0:
        raise ValueError(f"{name}: {what} is {length}; expected 0 or more")
    return length


def zeros(
    shape: int | tuple[int, ...], *, dtype: DType | None = None, device: Device | str | None = None
) -> Tensor:
    """Zeros.

    >>> import unitensor as ut
    >>> ut.zeros(3).tolist()
    [0.0, 0.0, 0.0]
    """
    return _make("zeros", shape, dtype, device)


def ones(
    shape: int | tuple[int, ...], *, dtype: DType | None = None, device: Device | str | None = None
) -> Tensor:
    """Ones.

    >>> import unitensor as ut
    >>> ut.ones((1, 2), dtype=ut.int8).tolist()
    [[1, 1]]
    """
    return _make("ones", shape, dtype, device)


def empty(
    shape: int | tuple[int, ...], *, dtype: DType | None = None, device: Device | str | None = None
) -> Tensor:
    """An array whose elements are not set.

    >>> import unitensor as ut
    >>> ut.empty((2, 3)).shape
    (2, 3)
    """
    return _make("empty", shape, dtype, device)


def full(
    shape: int | tuple[int, ...],
    fill_value: bool | int | float | complex,
    *,
    dtype: DType | None = None,
    device: Device | str | None = None,
) -> Tensor:
    """One value everywhere.

    >>> import unitensor as ut
    >>> ut.full(2, 7).tolist()
    [7, 7]
    """
    if dtype is None:
        if type(fill_value) is float:
            dtype = get_default_dtype()
        else:
            found = as_dtype(np.asarray(fill_value).dtype)
            dtype = found if isinstance(fill_value, np.generic) else default_for(found.kind)
    value = _fitting("full", fill_value, as_dtype(dtype))
    xp, raw = home(device, "full")
    data = xp.full(_shape("full", shape), value, dtype=xp.raw_dtype(dtype), device=raw)
    return scope["wrap"](data, xp, None)  # type: ignore[no-any-return]  # `scope` is untyped


def _fitting(name: str, value: Any, dtype: DType) -> Any:
    """A value to fill an array with, as NumPy makes it fit a dtype."""
    if dtype is bfloat16 or (type(value) is float and dtype.kind in "fc"):
        return value
    host = np.asarray(value)
    try:
        if dtype.kind in "iu" and host.dtype.kind in "iuO":
            check_range(value, dtype)
        return load_backend("numpy").namespace.astype(host, dtype.dtype).item()
    except (TypeError, OverflowError) as error:
        raise type(error)(f"{name}: fill_value is {value!r} for {dtype}: {error}") from None


def arange(
    start: int | float,
    /,
    stop: int | float | None = None,
    step: int | float = 1,
    *,
    dtype: DType | None = None,
    device: Device | str | None = None,
) -> Tensor:
    """Evenly spaced values from start (0 if only one number is given) up to, not including, stop.

    >>> import unitensor as ut
    >>> ut.arange(3).tolist(), ut.arange(1, 2, 0.5).tolist()
    ([0, 1, 2], [1.0, 1.5])
    """
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise ValueError("arange: step is 0")
    if dtype is None:
        whole = all(isinstance(v, (int, np.integer)) for v in (start, stop, step))
        dtype = int64 if whole else get_default_dtype()
    xp, raw = home(device, "arange")
    values = np.arange(start, stop, step, dtype=as_dtype(dtype).dtype)
    return scope["wrap"](xp.backend.from_numpy(values, raw), xp, None)  # type: ignore[no-any-return]


def linspace(
    start: int | float | complex,
    stop: int | float | complex,
    /,
    num: int,
    *,
    dtype: DType | None = None,
    device: Device | str | None = None,
    endpoint: bool = True,
) -> Tensor:
    """num evenly spaced values from start to stop, with or without the end point.

    >>> import unitensor as ut
    >>> ut.linspace(0, 1, 5).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    num = _length("linspace", "num", num)
    xp, raw = home(device, "linspace")
    if dtype is None:
        dtype = default_for("c" if isinstance(start, complex) or isinstance(stop, complex) else "f")
    values = np.linspace(start, stop, num, dtype=as_dtype(dtype).dtype, endpoint=endpoint)
    return scope["wrap"](xp.backend.from_numpy(values, raw), xp, None)  # type: ignore[no-any-return]


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: DType | None = None,
    device: Device | str | None = None,
) -> Tensor:
    """Ones on the k-th diagonal, zeros elsewhere.

    >>> import unitensor as ut
    >>> ut.eye(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    xp, raw = home(device, "eye")
    n_rows = _length("eye", "n_rows", n_rows)
    n_cols = n_rows if n_cols is None else _length("eye", "n_cols", n_cols)
    raw_dtype = xp.raw_dtype(get_default_dtype() if dtype is None else dtype)
    return scope["wrap"](xp.eye(n_rows, n_cols, k=k, dtype=raw_dtype, device=raw), xp, None)  # type: ignore[no-any-return]


@op(dtypes="all", promote=())
def zeros_like(x: Tensor, /, *, dtype: DType | None = None, device: Device | None = None) -> Tensor:
    """Zeros of the shape, dtype and device of x.

    >>> import unitensor as ut
    >>> ut.zeros_like(ut.asarray([1, 2])).tolist()
    [0, 0]
    """


@op(dtypes="all", promote=())
def ones_like(x: Tensor, /, *, dtype: DType | None = None, device: Device | None = None) -> Tensor:
    """Ones of the shape, dtype and device of x.

    >>> import unitensor as ut
    >>> ut.ones_like(ut.asarray([1, 2])).tolist()
    [1, 1]
    """


@op(dtypes="all", promote=())
def empty_like(x: Tensor, /, *, dtype: DType | None = None, device: Device | None = None) -> Tensor:
    """An array like x whose elements are not set.

    >>> import unitensor as ut
    >>> ut.empty_like(ut.asarray([1, 2])).shape
    (2,)
    """


def _full_like(xp: Any, f: Any, x: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """A value that does not fit the dtype is the same error everywhere."""
    to = xp.backend.dtype_of(x) if dtype is None else as_dtype(dtype)
    return f(x, _fitting("full_like", fill_value, to), dtype=dtype, device=device)


@op(dtypes="all", promote=(), prepare=_full_like)
def full_like(
    x: Tensor,
    /,
    fill_value: bool | int | float | complex,
    *,
    dtype: DType | None = None,
    device: Device | None = None,
) -> Tensor:
    """One value, in the shape, dtype and device of x.

    >>> import unitensor as ut
    >>> ut.full_like(ut.asarray([1, 2]), 7).tolist()
    [7, 7]
    """


@op(grad={"x": lambda xp, g, k: xp.tril(g, k=k)}, linear="each", dtypes="all", selects=True)
def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The elements on and below the k-th diagonal, zeros above.

    >>> import unitensor as ut
    >>> ut.tril(ut.ones((2, 2))).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """


@op(grad={"x": lambda xp, g, k: xp.triu(g, k=k)}, linear="each", dtypes="all", selects=True)
def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The elements on and above the k-th diagonal, zeros below.

    >>> import unitensor as ut
    >>> ut.triu(ut.ones((2, 2))).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """


def meshgrid(*arrays: Tensor, indexing: Literal["xy", "ij"] = "xy") -> tuple[Tensor, ...]:
    """Coordinate arrays of a grid, from one array of coordinates an axis.

    >>> import unitensor as ut
    >>> a, b = ut.meshgrid(ut.asarray([1, 2]), ut.asarray([3, 4, 5]))
    >>> a.tolist(), b.shape
    ([[1, 2], [1, 2], [1, 2]], (3, 2))
    """
    from .manipulation import broadcast_arrays, reshape

    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing is {indexing!r}; expected 'xy' or 'ij'")
    n = len(arrays)
    order = list(range(n))
    if indexing == "xy" and n > 1:
        order[:2] = [1, 0]
    spread = [reshape(a, (1,) * order[i] + (-1,) + (1,) * (n - 1 - order[i])) for i, a in enumerate(arrays)]
    return broadcast_arrays(*spread)


# From data that exists ---------------------------------------------------------------------------


def asarray(
    obj: Any, /, *, dtype: DType | None = None, device: Device | str | None = None, copy: bool | None = None
) -> Tensor:
    """A Tensor of numbers, nested sequences, a NumPy array, or any engine's own array.

    An engine's array stays on its engine, and NumPy arrays, lists and scalars go to the current
    backend, unless `device` says otherwise. Nothing is copied where memory allows; `copy=True`
    always copies and `copy=False` raises where a copy is needed.

    Raises
    ------
    ValueError: ragged nesting, or a copy that `copy=False` forbids.
    TypeError: elements that are not numbers.

    >>> import numpy as np, unitensor as ut
    >>> a = np.zeros(2)
    >>> np.shares_memory(ut.asarray(a).numpy(), a)
    True
    >>> ut.asarray([1, 2]).dtype, ut.asarray([1.0, 2]).dtype
    (unitensor.int64, unitensor.float64)
    """
    if type(obj) is ndarray and dtype is None and device is None and copy is None and obj.dtype in NATIVE:
        try:
            xp = current[chosen()]
        except KeyError:
            xp = None
        if xp is None:
            xp = current_namespace()
        out: Tensor = new_tensor()
        out._xp = xp
        out._data = obj if xp.array is ndarray else xp.backend.from_numpy(obj)
        out._node = None
        out._outside = True
        return out
    if isinstance(obj, scope["Tensor"]):
        return _from_tensor(obj, dtype, device, copy)
    if type(obj) is not ndarray and not isinstance(
        obj, (np.generic, bool, int, float, complex, str, bytes, list, tuple)
    ):
        own = _engine_of(obj)
        if own is not None:
            xp = own.namespace
            return _from_tensor(_outside(xp.as_array(obj), xp), dtype, device, copy)
        if hasattr(obj, "__dlpack__") and not hasattr(obj, "__array__"):
            # Where arrays are never written to, nobody else may write to their memory.
            fresh = copy is None and not home(device, "asarray")[0].backend.mutable
            return _from_tensor(from_dlpack(obj, copy=True if fresh else None), dtype, device, copy)
    if isinstance(obj, (list, tuple)) and _holds_tensors(obj):
        return _from_nested(obj, dtype, device)
    wanted = None if dtype is None else as_dtype(dtype)
    xp, raw = home(device, "asarray")
    if wanted is bfloat16:  # NumPy lacks it: the engine casts
        return _from_tensor(asarray(obj, dtype=float32, device=device), wanted, None, copy)
    array = _host_array(obj, wanted, copy)
    data = xp.backend.from_numpy(array, raw)
    if copy is False and array.size and not np.shares_memory(xp.backend.to_numpy(data), array):
        raise ValueError(f"asarray: copy=False, but NumPy's memory must be copied to {xp.backend.name!r}")
    if isinstance(obj, (list, tuple, bool, int, float, complex)) or (copy and isinstance(obj, np.ndarray)):
        return scope["wrap"](data, xp, None)  # type: ignore[no-any-return]  # `scope` is untyped
    made = _outside(data, xp)
    return made.clone() if copy else made


def _outside(data: Any, xp: RawNamespace) -> Tensor:
    """A Tensor over an array that the user has, too: a write to it must stay in that memory."""
    out: Tensor = scope["wrap"](data, xp, None)
    out._outside = True
    return out


def _engine_of(obj: Any) -> Backend | None:
    """The backend on which an engine's array stays; NumPy's go to the current one."""
    backend = backend_of(obj)
    return None if backend is None or backend.name == "numpy" else backend


def _from_tensor(x: Tensor, dtype: Any, device: Any, copy: bool | None) -> Tensor:
    wanted = x.dtype if dtype is None else as_dtype(dtype)
    target = x.device if device is None else find_device(device, x._xp.backend)
    if copy is False and (wanted is not x.dtype or target != x.device):
        raise ValueError(
            f"asarray: copy=False, but {x.dtype} on {x.device} must be copied to become {wanted} on {target}"
        )
    y = x
    if target != x.device:
        y = y.to_device(target)
    if wanted is not x.dtype:
        y = y.astype(wanted)
    return y.clone() if copy and (y is x or is_outside(y)) else y


def _holds_tensors(obj: Any) -> bool:
    kinds = set(map(type, obj))
    if any(kind is not ndarray and hasattr(kind, "__dlpack__") for kind in kinds):
        tensor_type = scope["Tensor"]
        if any(isinstance(part, tensor_type) or _engine_of(part) is not None for part in obj):
            return True
    if list in kinds or tuple in kinds:
        return any(_holds_tensors(part) for part in obj if isinstance(part, (list, tuple)))
    return False


def _place(obj: Any) -> Device | None:
    """The device of the first Tensor or engine's array in nested lists; None if there is none."""
    for part in obj:
        if isinstance(part, (list, tuple)):
            found = _place(part)
        elif isinstance(part, scope["Tensor"]):
            found = part.device
        elif type(part) is ndarray or not hasattr(part, "__dlpack__"):
            found = None
        else:
            own = _engine_of(part)
            found = None if own is None else own.device_of(part)
        if found is not None:
            return found
    return None


def _from_nested(obj: Any, dtype: Any, device: Any) -> Tensor:
    from .manipulation import stack

    place = _place(obj) if device is None else device  # numbers go where the first Tensor lies
    parts = [
        part
        if isinstance(part, scope["Tensor"])
        else asarray(part, dtype=dtype, device=None if _place([part]) else place)
        for part in obj
    ]
    if len(shapes := {part.shape for part in parts}) > 1:
        found = " and ".join(map(str, sorted(shapes)))
        raise ValueError(f"asarray: ragged nesting: shapes {found} in one list; expected one shape")
    return _from_tensor(stack(parts), dtype, device, None)


def _host_array(obj: Any, dtype: DType | None, copy: bool | None) -> Any:
    python = isinstance(obj, (bool, int, float, complex, list, tuple)) and not isinstance(obj, np.generic)
    if python and copy is False:
        raise ValueError(f"asarray: copy=False, but a {type(obj).__name__} must be copied")
    try:
        array = np.asarray(memoryview(obj) if isinstance(obj, bytes) else obj)
    except ValueError as error:
        raise ValueError(_ragged(obj) or f"asarray: {error}") from None
    if array.dtype == object and python and all(type(v) is int for v in array.flat):
        if dtype is not None and dtype.kind in "fc":
            return array.astype(dtype.dtype)
        worst = max(array.flat, key=abs)
        raise OverflowError(f"asarray: Python integer {worst} out of bounds for {dtype or int64}")
    if array.dtype.kind not in "biufc":
        raise TypeError(f"asarray: expected numbers, got {type(obj).__name__} with elements of {array.dtype}")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    found = as_dtype(array.dtype)
    if dtype is None:
        # Python's numbers take the default dtypes, and NumPy's in a list keep their own.
        dtype = default_for(found.kind) if python and found in (float64, complex128) else found
    if python and dtype.kind in "iu" and found.kind in "iu" and array.size:
        check_range(int(array.min()), dtype, "asarray: ")
        check_range(int(array.max()), dtype, "asarray: ")
    if found is not dtype:
        if copy is False:
            raise ValueError(f"asarray: copy=False, but {found} must be copied to become {dtype}")
        array = np.asarray(load_backend("numpy").namespace.astype(array, dtype.dtype))
    elif copy and isinstance(obj, np.ndarray) and np.shares_memory(array, obj):
        array = array.copy()
    return array


def _ragged(obj: Any) -> str:
    """Where nested sequences are not equally long, or empty."""
    level, depth = [obj], 0
    while any(isinstance(part, (list, tuple)) for part in level):
        lengths = sorted({len(part) if isinstance(part, (list, tuple)) else -1 for part in level})
        if len(lengths) > 1:
            found = " and ".join("a number" if n < 0 else f"a list of {n}" for n in lengths)
            return f"asarray: ragged nesting: {found} at depth {depth}; expected lists of one length"
        level = [item for part in level for item in part]
        depth += 1
    return ""


def tensor(
    data: Any, *, dtype: DType | None = None, device: Device | str | None = None, requires_grad: bool = False
) -> Tensor:
    """A Tensor with its own copy of some data, which may ask for a gradient.

    Raises
    ------
    GradientError: the data has a Tensor that requires a gradient, which would be lost.

    >>> import unitensor as ut
    >>> x = ut.tensor([1.0, 2.0], requires_grad=True)
    >>> x.sum().backward()
    >>> x.grad.tolist()
    [1.0, 1.0]
    """
    made = asarray(data, dtype=dtype, device=device, copy=True)
    if made._node is not None:
        raise GradientError(
            "tensor: the data has a Tensor that requires a gradient, which a new leaf would lose; "
            "ut.asarray(...) or ut.stack([...]) keeps it, x.detach() drops it"
        )
    return made.requires_grad_() if requires_grad else made


def from_numpy(x: Any, /) -> Tensor:
    """A Tensor of a NumPy array on the current backend, sharing its memory where that can be.

    >>> import numpy as np, unitensor as ut
    >>> a = np.zeros(3)
    >>> t = ut.from_numpy(a)
    >>> a[0] = 5.0
    >>> t.tolist()
    [5.0, 0.0, 0.0]
    """
    if not isinstance(x, (np.ndarray, np.generic)):
        raise TypeError(f"from_numpy: expected a NumPy array, got {type(x).__name__}; use ut.asarray")
    return asarray(x)


def from_dlpack(x: Any, /, *, device: Device | str | None = None, copy: bool | None = None) -> Tensor:
    """A Tensor over the memory of any object that exports DLPack.

    >>> import numpy as np, unitensor as ut
    >>> ut.from_dlpack(np.arange(3)).tolist()
    [0, 1, 2]
    """
    if isinstance(x, scope["Tensor"]):
        x._leave("from_dlpack")
        return _from_tensor(x.detach(), None, device, copy)
    if not hasattr(x, "__dlpack__"):
        raise TypeError(f"from_dlpack: {type(x).__name__} does not export DLPack; use ut.asarray")
    xp, raw = home(device, "from_dlpack")
    backend = xp.backend
    own = _engine_of(x)
    if own is not None and device is None:
        xp, backend = own.namespace, own
    return _outside(backend.from_dlpack(x, raw, copy), xp)
