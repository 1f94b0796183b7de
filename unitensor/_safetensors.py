"""The safetensors format: its header, checked, and the bytes of its arrays, one array at a time.

The safetensors library reads NumPy arrays through a second copy of all of them, and knows neither
complex128 nor, without another library, bfloat16.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

import unitensor as ut

T = ut.Tensor

#: The format's names of dtypes, and ours.
DTYPES: dict[str, ut.DType] = {
    "BOOL": ut.asarray(True).dtype,
    "U8": ut.uint8,
    "I8": ut.int8,
    "U16": ut.uint16,
    "I16": ut.int16,
    "U32": ut.uint32,
    "I32": ut.int32,
    "U64": ut.uint64,
    "I64": ut.int64,
    "F16": ut.float16,
    "BF16": ut.bfloat16,
    "F32": ut.float32,
    "F64": ut.float64,
    "C64": ut.complex64,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()} | {ut.complex128: "F64"}
#: Bytes that are copied at once where a copy must be made.
PIECE = 1 << 24
#: The longest header, as the safetensors library has it.
MOST = 100_000_000


class BadFileError(Exception):
    """Why a file cannot be read."""


class Entry(NamedTuple):
    """What a header says of one array."""

    name: str
    dtype: ut.DType
    shape: tuple[int, ...]
    start: int
    end: int


# Writing -----------------------------------------------------------------------------------------


def pieces(x: T) -> Iterator[Any]:
    """The bytes of a Tensor, row by row: one buffer if it lies so in memory, else copies of a few rows."""
    x = x.detach()
    if x.dtype.name == "bfloat16":
        flat = ut.reshape(x, (-1,))
        for i in range(0, x.size, PIECE // 4):
            wide: Any = np.ascontiguousarray(flat[i : i + PIECE // 4].to(ut.float32).numpy())
            yield _buffer((wide.view(np.uint32) >> 16).astype("<u2"))
        return
    array = x.numpy()
    yield from _copies(array)


def _copies(array: Any) -> Iterator[Any]:
    if not array.size:
        return
    little = array.dtype.newbyteorder("<")
    if array.flags.c_contiguous and array.dtype == little:
        yield _buffer(array)
    elif array.nbytes <= PIECE:
        yield _buffer(np.ascontiguousarray(array, dtype=little))
    elif len(array) == 1:
        yield from _copies(array[0])
    else:
        rows = max(1, PIECE // (array.nbytes // len(array)))
        for i in range(0, len(array), rows):
            yield from _copies(array[i : i + rows])


def _buffer(array: Any) -> memoryview:
    """The memory of a contiguous array as bytes."""
    return memoryview(array.reshape(-1).view(np.uint8))


# Reading -----------------------------------------------------------------------------------------


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadFileError(f"the header has {twice!r} twice")
    return found


def _no_constants(name: str) -> Any:
    raise BadFileError(f"the header has {name}, which is no JSON")


def parse(text: str, what: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_no_repeats, parse_constant=_no_constants)
    except ValueError as error:
        raise BadFileError(f"{what} is no JSON ({error})") from None


def read_header(file: BinaryIO, size: int) -> tuple[list[Entry], Any, int]:
    """The entries of a file, checked; its metadata; and where its data begins."""
    first = file.read(8)
    length = int.from_bytes(first, "little")
    # Lengths may begin with these bytes, too.
    if (first[:2] == b"PK" or first[:1] == b"\x80") and (length > size - 8 or file.read(1) != b"{"):
        raise BadFileError(
            "it is a pickle (torch.save writes such), which is not read because it can run code; "
            "save it again as safetensors"
        )
    if len(first) < 8:
        raise BadFileError(f"it has {size} bytes; a safetensors file has 8 at least: truncated?")
    if length > min(size - 8, MOST):
        raise BadFileError(
            f"its header should have {length} bytes, but the file has {size}: truncated, "
            "or no safetensors file"
        )
    file.seek(8)
    try:
        text = file.read(length).decode("utf-8")
    except UnicodeDecodeError:
        raise BadFileError("its header is not UTF-8: no safetensors file") from None
    header = parse(text, "its header")
    if not isinstance(header, dict):
        raise BadFileError("its header is no JSON object")
    metadata = header.pop("__metadata__", {})
    entries = [_entry(name, spec) for name, spec in header.items()]
    end = 0
    for entry in sorted(entries, key=lambda e: (e.start, e.end)):
        if entry.start != end:
            what = "overlaps what is before it" if entry.start < end else "leaves a hole before it"
            raise BadFileError(
                f"{entry.name!r} begins at byte {entry.start} of the data, which {what} (to {end})"
            )
        end = entry.end
    if end != size - 8 - length:
        raise BadFileError(
            f"its data should have {end} bytes, and has {size - 8 - length}: truncated or damaged"
        )
    return entries, metadata, 8 + length


def _whole(values: Any, what: str, name: str) -> list[int]:
    good = isinstance(values, list) and all(type(v) is int and 0 <= v < 2**63 for v in values)
    if not good:
        raise BadFileError(f"{name!r} has the {what} {values!r}; expected a list of integers of 0 or more")
    return values  # type: ignore[no-any-return]  # checked above


def _entry(name: str, spec: Any) -> Entry:
    if not isinstance(spec, dict) or set(spec) != {"dtype", "shape", "data_offsets"}:
        raise BadFileError(f"{name!r} has {spec!r}; expected dtype, shape and data_offsets")
    dtype = DTYPES.get(spec["dtype"]) if isinstance(spec["dtype"], str) else None
    if dtype is None:
        raise BadFileError(f"{name!r} has the dtype {spec['dtype']!r}; expected one of {', '.join(DTYPES)}")
    shape = _whole(spec["shape"], "shape", name)
    offsets = _whole(spec["data_offsets"], "data_offsets", name)
    needed = math.prod(shape) * dtype.itemsize
    if len(offsets) != 2 or offsets[1] - offsets[0] != needed:
        raise BadFileError(
            f"{name!r} of dtype {spec['dtype']} and shape {shape} needs {needed} bytes; "
            f"its data_offsets are {offsets}"
        )
    return Entry(name, dtype, tuple(shape), offsets[0], offsets[1])


def read_tensor(file: BinaryIO, entry: Entry, is_complex: bool, device: Any, dtype: ut.DType | None) -> T:
    """One Tensor, its bytes read straight into the array that it will be."""
    brief = entry.dtype.name == "bfloat16"
    host = np.dtype(np.uint16 if brief else entry.dtype.dtype).newbyteorder("<")
    try:
        array: Any = np.empty(entry.shape, host)
    except ValueError:
        raise BadFileError(f"{entry.name!r} has the shape {entry.shape}, which no array can have") from None
    if array.size:
        view = _buffer(array)
        done = 0
        while done < len(view):
            count = file.readinto(view[done:])  # type: ignore[attr-defined]  # a buffered reader has it
            if not count:
                raise BadFileError(f"it ends within {entry.name!r}: truncated while it was read")
            done += count
    if is_complex:
        array = array.view(np.complex128).reshape(entry.shape[:-1])
    elif entry.dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
        raise BadFileError(f"{entry.name!r} has bytes that are neither true nor false")
    if brief:
        array = (array.astype(np.uint32) << 16).view(np.float32).reshape(entry.shape)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    target = None
    if entry.dtype.kind in "fV" and not is_complex:
        target = dtype or entry.dtype
    try:
        return ut.asarray(array, dtype=target, device=device)
    except TypeError as error:
        raise BadFileError(
            f"{entry.name!r} is {entry.dtype}: {error}; choose another engine, as in device='torch', "
            "or a dtype, as in dtype=ut.float32"
        ) from error
