"""What a wrapper does with operands that are not Tensors of one backend, and with errors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ._backend import load_backend
from ._dtypes import KINDS, as_dtype, promote_scalar
from ._errors import describe
from ._graph import GradientError
from ._op import Op, scope

if TYPE_CHECKING:
    from ._namespace import RawNamespace
    from ._tensor import Tensor

SCALARS = (bool, int, float, complex)
COMPARISONS = frozenset({"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"})


def lift(op: Op, x: Any) -> Tensor:
    """A single operand that is not exactly a Tensor: a subclass passes, all else is an error."""
    if isinstance(x, scope["Tensor"]):
        return x  # type: ignore[no-any-return]
    raise TypeError(
        f"{op.path}: expected a Tensor, got {type(x).__name__} {describe(x)}; use ut.asarray(...)"
    )


def lift_all(op: Op, *values: Any) -> tuple[Any, ...]:
    """Operands as Tensors of one backend: Python and NumPy scalars take the others' side."""
    tensor_type = scope["Tensor"]
    like: Any = None
    for name, value in zip(op.inputs, values):
        if isinstance(value, tensor_type):
            if name in op.promote:  # whose dtype scalars take: of `where`, not the condition's
                like = value
                break
            if like is None:
                like = value
    if like is None:
        raise TypeError(
            f"{op.path}: expected at least one Tensor, got "
            + ", ".join(f"{type(v).__name__} {describe(v)}" for v in values)
            + "; use ut.asarray(...)"
        )
    lifted: list[Any] = []
    for name, value in zip(op.inputs, values):
        if type(value) is tensor_type or (value is None and name in op.defaults):
            lifted.append(value)
            continue
        if name in op.plain and isinstance(value, int):
            lifted.append(int(value))
            continue
        made = _lift_one(op, value, like)
        if made is None:
            raise TypeError(
                f"{op.path}: {name} is {type(value).__name__} {describe(value)}; expected a Tensor"
                + (" or a Python scalar" if op.scalars else "")
                + "; use ut.asarray(...)"
            )
        lifted.append(made)
    return tuple(lifted)


def lift_operands(op: Op, x1: Any, x2: Any) -> tuple[Any, Any] | None:
    """The operands of an operator, or None if the other type must be asked."""
    first = x1 if isinstance(x1, scope["Tensor"]) else x2
    other = x2 if first is x1 else x1
    made = _lift_one(op, other, first)
    if made is None and hasattr(other, "__dlpack__"):
        raise TypeError(
            f"{op.path}: expected two Tensors, got {type(other).__name__} {describe(other)} with a Tensor; "
            "use ut.asarray(...)"
        )
    if made is None:
        return None
    return (first, made) if first is x1 else (made, first)


def _lift_one(op: Op, value: Any, like: Tensor) -> Any:
    if isinstance(value, scope["Tensor"]):
        return value
    xp = like._xp
    if isinstance(value, np.generic):
        array = xp.backend.from_numpy(np.asarray(value), xp.backend.raw_device_of(like._data))
    elif isinstance(value, SCALARS) and op.scalars:
        try:
            array = scalar_array(xp, value, like._data)
        except OverflowError as error:
            if op.path not in COMPARISONS:
                raise OverflowError(f"{op.path}: {error}, the dtype of the other operand") from None
            # What no element can be compares as infinity does.
            array = scalar_array(xp, math.copysign(math.inf, value.real), like._data)
    else:
        return None
    return scope["wrap"](array, xp, None)


def scalar_array(xp: RawNamespace, value: Any, like: Any) -> Any:
    """A Python scalar as a 0-d engine array in the dtype in which it meets `like`; kept for reuse.

    The wrappers look into `xp.scalars` first. There None stands for a scalar that its value alone
    does not name, and is `kept_apart`; so is all on an engine with several devices.
    """
    try:
        found = xp.scalars[type(value)][like.dtype][value]
        return kept_apart(xp, value, like) if found is None else found
    except (KeyError, TypeError):
        pass
    kind = _kind(value)
    apart = xp.many_devices or (value == 0 and kind in (float, complex))
    made = kept_apart(xp, value, like) if apart else _new_scalar(xp, value, like)
    if not xp.many_devices:
        row = xp.scalars.setdefault(kind, {}).setdefault(like.dtype, {})
        if len(row) > 1000:
            row.clear()
        row[value] = None if apart else made
    return made


def kept_apart(xp: RawNamespace, value: Any, like: Any) -> Any:
    """A Python scalar as a 0-d engine array, kept by its text and device: 0.0 and -0.0 are equal."""
    key = like.dtype, _kind(value), str(value), xp.backend.raw_device_of(like) if xp.many_devices else None
    made = xp.kept_apart.get(key)
    if made is None:
        made = _new_scalar(xp, value, like)
        if len(xp.kept_apart) > 1000:
            xp.kept_apart.clear()
        xp.kept_apart[key] = made
    return made


def _new_scalar(xp: RawNamespace, value: Any, like: Any) -> Any:
    kind = _kind(value)
    return xp.scalar(kind(value), promote_scalar(xp.backend.dtype_of(like), kind), like)


def _kind(value: Any) -> type:
    return type(value) if type(value) in SCALARS else next(k for k in SCALARS if isinstance(value, k))


def lift_sequence(op: Op, arrays: Any) -> list[Any]:
    """The Tensors of a list or tuple, all of one backend."""
    if isinstance(arrays, scope["Tensor"]) or not isinstance(arrays, (list, tuple)):
        raise TypeError(f"{op.path}: expected a list or tuple of Tensors, got {type(arrays).__name__}")
    if not arrays:
        raise ValueError(f"{op.path}: expected at least one Tensor, got none")
    first = arrays[0]
    for x in arrays:
        if not isinstance(x, scope["Tensor"]):
            raise TypeError(f"{op.path}: expected Tensors, got {type(x).__name__} {describe(x)} among them")
        if x._xp is not first._xp:
            raise two_backends(op, first, x)
    return list(arrays)


def two_backends(op: Op, x: Tensor, y: Tensor) -> TypeError:
    """The error of operands that live on different backends."""
    a, b = x._xp.backend.name, y._xp.backend.name
    return TypeError(
        f"{op.path}: operands are on two backends, {a!r} and {b!r}; move one: x.to({a!r}) or x.to({b!r})"
    )


_KEPT = (
    np.exceptions.AxisError,
    TypeError,
    ValueError,
    IndexError,
    OverflowError,
    ZeroDivisionError,
    NotImplementedError,
    MemoryError,
)


def explain(op: Op, xp: RawNamespace, env: dict[str, Any], error: Exception) -> Exception:
    """An engine's error as ours: the op, what it was given, and what was wrong with it."""
    inputs = {k: v for k, v in env.items() if k in op.inputs and v is not None}
    given = ", ".join(f"{k}={describe(v)}" for k, v in env.items() if v is not None or k in op.inputs)
    arrays = [a for v in inputs.values() for a in (v if isinstance(v, list) else [v]) if type(a) is not int]
    dtypes = [xp.backend.dtype_of(a) for a in arrays]
    error = _numpy_answer(op, xp, env) or error
    allowed = KINDS.get(op.dtypes, ())
    if (
        allowed
        and any(d.name not in allowed for d in dtypes)
        and not isinstance(error, (IndexError, OverflowError))
    ):
        return TypeError(
            f"{op.path}({given}): expected {op.dtypes} dtypes, got {', '.join(map(str, dtypes))}"
        )
    if op.elementwise and len(arrays) > 1:
        try:
            np.broadcast_shapes(*(tuple(a.shape) for a in arrays))
        except ValueError:
            shapes = " and ".join(str(tuple(a.shape)) for a in arrays)
            return ValueError(f"{op.path}({given}): shapes {shapes} do not broadcast")
    text = str(error).strip().split("\n")[0]
    if op.path in ("matmul", "vecdot") and isinstance(error, ValueError) and "core dimension" in text:
        shapes = " and ".join(str(tuple(a.shape)) for a in arrays)
        text = f"shapes {shapes} do not match: expected the summed axes to be equally long"
    kind: type[Exception] = next((k for k in _KEPT if isinstance(error, k)), ValueError)
    if isinstance(error, np.linalg.LinAlgError) or type(error).__name__.endswith("LinAlgError"):
        kind = np.linalg.LinAlgError
    elif isinstance(error, (MemoryError, ImportError, GradientError)):
        return error
    return kind(f"{op.path}({given}): {text}")


def _numpy_answer(op: Op, xp: RawNamespace, env: dict[str, Any]) -> Exception | None:
    """What NumPy says to arrays of these shapes and dtypes: engines word and class errors differently."""
    numpy = load_backend("numpy").namespace
    if xp is numpy:
        return None

    def stand_in(value: Any) -> Any:
        if isinstance(value, list):
            return [stand_in(v) for v in value]
        if not isinstance(value, xp.backend.array_types):
            return value
        return np.broadcast_to(np.zeros((), xp.backend.dtype_of(value).dtype), tuple(value.shape))

    given = {k: stand_in(v) for k, v in env.items() if k != "device"}
    if given.get("dtype") is not None:
        given["dtype"] = as_dtype(given["dtype"]).dtype
    arrays = [a for v in given.values() for a in (v if isinstance(v, list) else [v])]
    if sum(getattr(a, "size", 0) for a in arrays) > 1_000_000:
        return None
    function: Any = numpy
    for part in op.path.split("."):
        function = getattr(function, part)
    try:
        function(
            *(given.pop(p) for p in op.positional if p in given),
            **{k: v for k, v in given.items() if k in op.keyword_only},
        )
    except (ValueError, TypeError, IndexError) as error:
        # Zeros are a singular matrix, whatever the array holds; only what is said of axes is true of both.
        of_values = isinstance(error, np.linalg.LinAlgError) and "dimension" not in str(error)
        return None if of_values else error
    except Exception:  # a stand-in of zeros proves nothing
        return None
    return None


def require_kind(op: str, dtype: Any, kind: str) -> None:
    """Refuse a dtype outside one of the standard's categories."""
    if as_dtype(dtype).name not in KINDS[kind]:
        raise TypeError(f"{op}: expected a {kind} dtype, got {as_dtype(dtype)}")


scope.update(
    lift=lift,
    lift_all=lift_all,
    lift_operands=lift_operands,
    lift_sequence=lift_sequence,
    two_backends=two_backends,
    explain=explain,
    kept_apart=kept_apart,
)
