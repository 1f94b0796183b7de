"""Casting and questions about dtypes.

Standard: Data Type Functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._dtypes import ASKED, KINDS, DType, as_dtype, promote, promote_scalar, real_of
from .._errors import suggest
from .._op import op

if TYPE_CHECKING:
    from .._devices import Device
    from .._tensor import Tensor


class FloatInfo(NamedTuple):
    """Limits of a floating dtype; numbers are Python floats."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


class IntegerInfo(NamedTuple):
    """Limits of an integer dtype."""

    bits: int
    max: int
    min: int
    dtype: DType


def _cast_rule(xp: Any, g: Any, x_dtype: Any) -> Any:
    if not xp.isdtype(x_dtype, "complex floating") and xp.isdtype(g.dtype, "complex floating"):
        g = xp.real(g)
    return xp.astype(g, x_dtype)


def _cast_fallback(xp: Any, x: Any, dtype: Any, *, copy: bool = True, device: Any = None) -> Any:
    return xp.backend.xp.astype(x, dtype, copy=copy, device=device)


@op(
    grad={"x": _cast_rule},
    jvp={"x": lambda xp, g, out: xp.astype(g, out.dtype)},
    notes="to integers or booleans: the result needs no gradient",
    dtypes="all",
    promote=(),
    view=True,
)
def astype(x: Tensor, dtype: DType, /, *, copy: bool = True, device: Device | None = None) -> Tensor:
    """The elements in another dtype.

    >>> import unitensor as ut
    >>> ut.astype(ut.asarray([1.9, -1.9]), ut.int32).tolist()
    [1, -1]
    """


def _dtype_of(thing: Any) -> DType:
    return thing.dtype if hasattr(thing, "_data") else as_dtype(thing)


def can_cast(from_: DType | Tensor, to: DType, /) -> bool:
    """Whether one dtype is cast to another without loss, by the promotion rules.

    >>> import unitensor as ut
    >>> ut.can_cast(ut.int8, ut.int16), ut.can_cast(ut.float64, ut.float32)
    (True, False)
    """
    source, target = _dtype_of(from_), as_dtype(to)
    if source.name == "bfloat16" or target.name == "bfloat16":
        return promote(source, target) is target
    return bool(np.can_cast(source.dtype, target.dtype))


def finfo(type: DType | Tensor, /) -> FloatInfo:
    """The limits of a floating dtype.

    >>> import unitensor as ut
    >>> ut.finfo(ut.float32).bits, ut.finfo(ut.float64).eps
    (32, 2.220446049250313e-16)
    """
    dtype = _dtype_of(type)
    if dtype.name not in KINDS["floating"]:
        raise ValueError(f"finfo: expected a floating dtype, got {dtype}")
    real = real_of(dtype)
    if real.name == "bfloat16":
        top = (2 - 2.0**-7) * 2.0**127
        return FloatInfo(16, 2.0**-7, top, -top, 2.0**-126, real)
    info = np.finfo(real.dtype)
    return FloatInfo(
        int(info.bits), float(info.eps), float(info.max), float(info.min), float(info.smallest_normal), real
    )


def iinfo(type: DType | Tensor, /) -> IntegerInfo:
    """The limits of an integer dtype.

    >>> import unitensor as ut
    >>> ut.iinfo(ut.int8).max
    127
    """
    dtype = _dtype_of(type)
    if dtype.name not in KINDS["integral"]:
        raise ValueError(f"iinfo: expected an integer dtype, got {dtype}")
    info = np.iinfo(dtype.dtype)
    return IntegerInfo(int(info.bits), int(info.max), int(info.min), dtype)


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind: "real floating", "integral", ..., a dtype, or a tuple of these.

    >>> import unitensor as ut
    >>> ut.isdtype(ut.float32, "real floating"), ut.isdtype(ut.int8, ("bool", "integral"))
    (True, True)
    """
    given = as_dtype(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(given, k) for k in kind)
    if isinstance(kind, str):
        if kind not in ASKED:
            raise ValueError(f"isdtype: unknown kind {kind!r}{suggest(kind, ASKED)}")
        return given.name in KINDS[kind]
    return given is as_dtype(kind)


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype to which arrays, dtypes and Python scalars promote together.

    >>> import unitensor as ut
    >>> ut.result_type(ut.int8, ut.uint8), ut.result_type(ut.float32, 1.5)
    (unitensor.int16, unitensor.float32)
    """
    scalars = [type(a) for a in arrays_and_dtypes if type(a) in (bool, int, float, complex)]
    dtypes = [_dtype_of(a) for a in arrays_and_dtypes if type(a) not in (bool, int, float, complex)]
    if not dtypes:
        raise ValueError("result_type: expected at least one array or dtype")
    found = dtypes[0]
    for dtype in dtypes[1:]:
        found = promote(found, dtype)
    for kind in scalars:
        found = promote_scalar(found, kind)
    return found
