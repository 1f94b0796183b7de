"""Dtype objects, their kinds, and the promotion table: one answer for every engine.

A unitensor dtype equals NumPy's dtype of the same name and is accepted wherever NumPy
takes one. Promotion is NumPy 2's (the standard's table, plus the mixed kinds that the
standard leaves open).
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np

from ._errors import suggest

KINDS: dict[str, tuple[str, ...]] = {
    "bool": ("bool",),
    "signed integer": ("int8", "int16", "int32", "int64"),
    "unsigned integer": ("uint8", "uint16", "uint32", "uint64"),
    "real floating": ("float16", "bfloat16", "float32", "float64"),
    "complex floating": ("complex64", "complex128"),
}
KINDS["integral"] = KINDS["signed integer"] + KINDS["unsigned integer"]
KINDS["floating"] = KINDS["real floating"] + KINDS["complex floating"]
KINDS["real numeric"] = KINDS["integral"] + KINDS["real floating"]
KINDS["numeric"] = KINDS["integral"] + KINDS["floating"]
KINDS["integer or boolean"] = KINDS["integral"] + KINDS["bool"]
KINDS["all"] = KINDS["numeric"] + KINDS["bool"]

#: The kinds that users may ask for: those of the standard's `isdtype`.
ASKED = (
    "bool",
    "signed integer",
    "unsigned integer",
    "integral",
    "real floating",
    "complex floating",
    "numeric",
)


class DType:
    """A data type. Equal to, and hashed like, NumPy's dtype of the same name.

    >>> import numpy as np
    >>> import unitensor as ut
    >>> ut.float32 == np.dtype("float32"), np.zeros(2, dtype=ut.float32).dtype
    (True, dtype('float32'))
    >>> ut.float32.kind, ut.float32.itemsize
    ('f', 4)
    """

    __slots__ = ("_hash", "_numpy", "itemsize", "kind", "name")

    name: str
    kind: str
    itemsize: int

    def __init__(self, name: str, kind: str, itemsize: int) -> None:
        self.name = name
        self.kind = kind
        self.itemsize = itemsize
        self._numpy = None if name == "bfloat16" else np.dtype(name)
        self._hash = hash(name) if self._numpy is None else hash(self._numpy)

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's dtype of this name: what `numpy.dtype(...)` looks for in an object."""
        if self._numpy is None:
            raise TypeError(f"NumPy has no {self.name}; cast to float32 first: x.to(ut.float32)")
        return self._numpy

    @property
    def type(self) -> type[Any]:
        """NumPy's scalar type."""
        return self.dtype.type

    @property
    def char(self) -> str:
        """NumPy's one-letter code."""
        return self.dtype.char

    @property
    def itemsize_bits(self) -> int:
        return self.itemsize * 8

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, DType):
            return False
        if isinstance(other, np.dtype) and self._numpy is not None:
            return self._numpy == other
        return _find(other) is self

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"unitensor.{self.name}"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (self.name,)


_BY_NAME: dict[str, DType] = {
    name: DType(
        name,
        "V" if name == "bfloat16" else np.dtype(name).kind,
        2 if name == "bfloat16" else np.dtype(name).itemsize,
    )
    for name in KINDS["all"]
}
bool_ = _BY_NAME["bool"]
int8, int16, int32, int64 = (_BY_NAME[name] for name in KINDS["signed integer"])
uint8, uint16, uint32, uint64 = (_BY_NAME[name] for name in KINDS["unsigned integer"])
float16, bfloat16, float32, float64 = (_BY_NAME[name] for name in KINDS["real floating"])
complex64, complex128 = (_BY_NAME[name] for name in KINDS["complex floating"])

STANDARD = tuple(d for d in _BY_NAME.values() if d.name not in ("float16", "bfloat16"))
INEXACT = frozenset(KINDS["floating"])

_BY_NUMPY = {d.dtype: d for d in _BY_NAME.values() if d is not bfloat16}
_PYTHON: dict[Any, DType] = {bool: bool_, int: int64, float: float64, complex: complex128}


def as_dtype(spec: Any) -> DType:
    """The dtype that a name, a Python type, or an engine's or NumPy's dtype stands for."""
    if type(spec) is DType:
        return spec
    found = _find(spec)
    if found is None:
        given = spec if isinstance(spec, str) else str(spec)
        raise TypeError(f"{spec!r} is not a dtype of the standard{suggest(given, _BY_NAME)}")
    return found


def _find(spec: Any) -> DType | None:
    if isinstance(spec, str):
        found = _BY_NAME.get(spec)
        # NumPy's short codes: f8, <i4, ?.
        return _BY_NAME.get(_numpy_name(spec)) if found is None and len(spec) <= 3 else found
    if isinstance(spec, np.dtype):
        return _BY_NUMPY.get(spec) or _BY_NAME.get(spec.name)
    if isinstance(spec, type):
        return _PYTHON.get(spec) or _BY_NAME.get(_numpy_name(spec))
    if spec is None or hasattr(spec, "shape"):
        return None
    name = getattr(spec, "name", None)
    if not isinstance(name, str):
        name = str(spec).rpartition(".")[2]
    return _BY_NAME.get(name) or _BY_NAME.get(_numpy_name(spec))


def _numpy_name(spec: Any) -> str:
    try:
        return str(np.dtype(spec).name)
    except (TypeError, ValueError):
        return ""


def is_inexact(dtype: DType) -> bool:
    """Whether values of this dtype can have gradients."""
    return dtype.name in INEXACT


def is_complex(dtype: DType) -> bool:
    return dtype.kind == "c"


def complex_dtype(dtype: Any) -> bool:
    """Whether a dtype, ours or an engine's, is complex."""
    kind: Any = type(dtype)
    return _complex_dtype(kind, dtype)


@cache
def _complex_dtype(kind: Any, dtype: Any) -> bool:
    # `kind` comes first in the key: array-api-strict warns where dtypes of two engines are compared.
    return is_complex(as_dtype(dtype))


@cache
def promote(a: DType, b: DType) -> DType:
    """The dtype that two dtypes meet in (the standard's table; NumPy 2's where it has none)."""
    if a is b:
        return a
    if bfloat16 in (a, b):
        other = b if a is bfloat16 else a
        if other.kind in "biu":
            return bfloat16 if other.itemsize <= 1 else promote(float32, other)
        return float32 if other is float16 else promote(float32, other)
    return _BY_NAME[np.promote_types(a.dtype, b.dtype).name]


_CATEGORY = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2, "c": 3}
_SCALAR_CATEGORY: dict[type, int] = {bool: 0, int: 1, float: 2, complex: 3}


def promote_scalar(dtype: DType, scalar: type) -> DType:
    """The dtype in which a Python scalar meets an array: the array's, unless its kind is lower."""
    rank, own = _SCALAR_CATEGORY[scalar], _CATEGORY[dtype.kind]
    if rank <= own:
        return dtype
    if rank == 3 and own == 2:
        return complex64 if dtype.itemsize <= 4 else complex128
    return (bool_, int64, float64, complex128)[rank]


@cache
def to_floating(dtype: DType) -> DType:
    """The dtype in which NumPy evaluates `sin`, `exp`, ... of integers and booleans."""
    if dtype.kind not in "biu":
        return dtype
    return {1: float16, 2: float32}.get(dtype.itemsize, float64)


def check_range(value: Any, dtype: DType, what: str = "") -> None:
    """Refuse an integer that a dtype cannot hold, as NumPy 2 does."""
    info = np.iinfo(dtype.dtype)
    if not info.min <= value <= info.max:
        raise OverflowError(f"{what}Python integer {value} out of bounds for {dtype}")


def real_of(dtype: DType) -> DType:
    """The dtype of the real part."""
    return {complex64: float32, complex128: float64}.get(dtype, dtype)


def complex_of(dtype: DType) -> DType:
    """The complex dtype of the same precision."""
    return {float32: complex64, float64: complex128}.get(dtype, dtype)


_default = float64


def set_default_dtype(dtype: Any) -> None:
    """Set the real floating dtype of new Tensors: float64 (as in NumPy) unless this is called.

    The variable UNITENSOR_DEFAULT_DTYPE sets it from outside. Complex Tensors follow.

    >>> import unitensor as ut
    >>> ut.set_default_dtype(ut.float32)
    >>> ut.zeros(2).dtype, ut.asarray([1.0, 2j]).dtype
    (unitensor.float32, unitensor.complex64)
    >>> ut.set_default_dtype(ut.float64)
    """
    global _default
    new = as_dtype(dtype)
    if new not in (float32, float64):
        raise TypeError(f"set_default_dtype: {new} given; expected float32 or float64")
    _default = new


if os.environ.get("UNITENSOR_DEFAULT_DTYPE"):
    try:
        set_default_dtype(os.environ["UNITENSOR_DEFAULT_DTYPE"])
    except TypeError as error:
        raise TypeError(f"UNITENSOR_DEFAULT_DTYPE: {error}") from None


def get_default_dtype() -> DType:
    """The real floating dtype of new Tensors."""
    return _default


def default_for(kind: str) -> DType:
    """The default dtype for Python values of a NumPy kind letter."""
    if kind == "c":
        return complex64 if _default is float32 else complex128
    return {"b": bool_, "i": int64, "u": uint64}.get(kind, _default)
