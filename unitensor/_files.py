"""Files: Tensors and what they are nested in, in the safetensors format; reading one never runs code.

A file is a length, a header of JSON and the bytes of the arrays, one after another. Both ways go one
array at a time through memory that exists anyway. The safetensors library reads NumPy arrays through a
second copy of all of them, and knows neither complex128 nor, without another library, bfloat16.
"""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, BinaryIO, NamedTuple

import numpy as np

import unitensor as ut
from unitensor.random import Generator

T = ut.Tensor
Path = str | os.PathLike[str]

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
#: Where the header says how Tensors are nested.
KEY = "unitensor"
#: Bytes that are copied at once where a copy must be made.
PIECE = 1 << 24
#: The longest header, as the safetensors library has it.
MOST = 100_000_000


class Entry(NamedTuple):
    """What a header says of one array."""

    name: str
    dtype: ut.DType
    shape: tuple[int, ...]
    start: int
    end: int


# Saving ------------------------------------------------------------------------------------------


def save(obj: Any, path: Path) -> None:
    """Write Tensors, and the dicts, lists and tuples that they are nested in, to a safetensors file.

    Numbers, strings, booleans and None may stand among them. A module, an optimizer, or whatever
    has a `state_dict`, is saved as what that returns, and a random generator as its state. The file
    replaces an old one in one step at the end: a crash leaves the old one whole. A flat dict
    of Tensors is a plain safetensors file, which PyTorch's library reads.

    Raises
    ------
    TypeError: something in it cannot be saved; the message says where.

    >>> import os, tempfile
    >>> import unitensor as ut
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "run.safetensors")
    ...     ut.save({"weights": [ut.ones(2), ut.zeros(1)], "step": 3}, path)
    ...     ut.load(path)["step"]
    3
    """
    obj = obj.state_dict() if hasattr(obj, "state_dict") else obj
    tensors: dict[str, T] = {}
    tree = _Packing(tensors).pack(obj, "", ())
    flat = (
        isinstance(obj, dict)
        and list(tensors) == list(obj)
        and not any(x.dtype.name == "complex128" for x in tensors.values())
        and "__metadata__" not in tensors
    )
    metadata = {} if flat else {"__metadata__": {KEY: json.dumps({"format": 1, "tree": tree})}}
    # Wide elements first, so that each array is aligned for whoever maps the file.
    order = sorted(tensors, key=lambda name: -tensors[name].dtype.itemsize)
    places, end = {}, 0
    for name in order:
        start, end = end, end + tensors[name].nbytes
        places[name] = [start, end]
    entries = {
        name: {"dtype": NAMES[x.dtype], "shape": _stored_shape(x), "data_offsets": places[name]}
        for name, x in tensors.items()
    }
    header = json.dumps({**metadata, **entries}, ensure_ascii=False, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > MOST:
        raise ValueError(f"save: {len(tensors)} Tensors need a header of {len(header)} bytes; at most {MOST}")
    with _Replacing(path) as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for name in order:
            for piece in _pieces(tensors[name]):
                file.write(piece)


def _stored_shape(x: T) -> list[int]:
    return [*x.shape, 2] if x.dtype.name == "complex128" else list(x.shape)


class _Packing:
    """Takes Tensors out of what they are nested in; what is left is JSON."""

    def __init__(self, tensors: dict[str, T]) -> None:
        self.tensors = tensors
        self.known: dict[int, str] = {}

    def pack(self, obj: Any, name: str, above: tuple[int, ...]) -> Any:
        if isinstance(obj, np.generic):
            obj = obj.item()
        if obj is None or type(obj) in (bool, int, str):
            return obj
        if type(obj) is float:
            return obj if math.isfinite(obj) else {"float": str(obj)}
        if type(obj) is complex:
            return {"complex": [repr(obj.real), repr(obj.imag)]}
        if isinstance(obj, T):
            return {"tensor": self.add(obj, name), "dtype": obj.dtype.name}
        if isinstance(obj, Generator):
            obj = obj.state
        elif hasattr(obj, "state_dict"):
            obj = obj.state_dict()
        if id(obj) in above:
            raise ValueError(f"save: {name or 'the object'} contains itself")
        above = (*above, id(obj))
        if isinstance(obj, Mapping):
            for key in obj:
                if type(key) not in (str, int, bool, type(None)):
                    raise TypeError(
                        f"save: {name or 'the dict'} has a key of type {type(key).__name__}: {key!r}; "
                        "expected strings or integers"
                    )
            return {
                "dict": [[k, self.pack(v, f"{name}.{k}" if name else str(k), above)] for k, v in obj.items()]
            }
        if type(obj) in (list, tuple):
            parts = [self.pack(v, f"{name}.{i}" if name else str(i), above) for i, v in enumerate(obj)]
            return {type(obj).__name__: parts}
        if hasattr(obj, "shape") and (hasattr(obj, "__dlpack__") or hasattr(obj, "__array__")):
            x = ut.asarray(obj)
            return {"tensor": self.add(x, name), "dtype": x.dtype.name}
        raise TypeError(
            f"save: {name or 'the object'} is {type(obj).__name__}; expected Tensors, numbers, strings, "
            "None, dicts, lists, tuples, or what has a state_dict"
        )

    def add(self, x: T, name: str) -> str:
        """The name that a Tensor gets; one that is met again keeps its first."""
        if id(x) in self.known:
            return self.known[id(x)]
        base = name if name and name != "__metadata__" else name + "tensor"
        name, i = base, 1
        while name in self.tensors:
            i += 1
            name = f"{base}#{i}"
        self.tensors[name] = x
        self.known[id(x)] = name
        return name


def _pieces(x: T) -> Iterator[Any]:
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


class _Replacing:
    """A new file that takes the place of another when it is whole, and vanishes on an error."""

    def __init__(self, path: Path) -> None:
        self.path = os.path.realpath(os.fspath(path))
        if os.path.isdir(self.path):
            raise IsADirectoryError(f"save: {self.path} is a folder; expected the name of a file")
        folder, name = os.path.split(self.path)
        self.folder = folder
        self.temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.part")

        self.file: BinaryIO

    def __enter__(self) -> BinaryIO:
        self.file = open(self.temporary, "xb")
        return self.file

    def __exit__(self, kind: Any, error: Any, where: Any) -> None:
        try:
            if kind is None:
                self.file.flush()
                os.fsync(self.file.fileno())
            self.file.close()
            if kind is None:
                with suppress(FileNotFoundError):
                    os.chmod(self.temporary, os.stat(self.path).st_mode & 0o777)
                os.replace(self.temporary, self.path)
                with suppress(OSError):  # not every system lets a folder be flushed
                    self._flush_folder()
        finally:
            self.file.close()
            with suppress(FileNotFoundError):
                os.unlink(self.temporary)

    def _flush_folder(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# Loading -----------------------------------------------------------------------------------------


class BadFileError(Exception):
    """Why a file cannot be read."""


def load(path: Path, *, device: Any = None, dtype: ut.DType | None = None) -> Any:
    """What was saved, or a dict of the Tensors of any other safetensors file.

    Parameters
    ----------
    device: where Tensors go: a device or a backend ('torch', 'jax:cpu'); the current backend by default.
    dtype: of real floating Tensors, for an engine that lacks the saved one; by default as saved.

    Raises
    ------
    ValueError: the file is no safetensors file, or not whole, or its header is wrong.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            entries, metadata, begin = read_header(file, size)
            tree, complexes = _tree(entries, metadata)
            tensors: dict[str, T] = {}
            for entry in sorted(entries, key=lambda e: e.start):
                file.seek(begin + entry.start)
                tensors[entry.name] = _read(file, entry, entry.name in complexes, device, dtype)
            if tree is None:
                return {entry.name: tensors[entry.name] for entry in entries}
            return _unpacked(tree, tensors)
        except BadFileError as error:
            raise ValueError(f"load: {os.fspath(path)}: {error}") from error.__cause__
        except RecursionError:
            raise ValueError(f"load: {os.fspath(path)}: the header is nested too deeply") from None


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadFileError(f"the header has {twice!r} twice")
    return found


def _no_constants(name: str) -> Any:
    raise BadFileError(f"the header has {name}, which is no JSON")


def _parse(text: str, what: str) -> Any:
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
    header = _parse(text, "its header")
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


def _tree(entries: list[Entry], metadata: Any) -> tuple[Any, set[str]]:
    """How the Tensors of a file are nested, and which pairs of numbers are complex."""
    strings = isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values())
    if not strings:
        raise BadFileError("its __metadata__ is no object of strings")
    if KEY not in metadata:
        return None, set()
    packed = _parse(metadata[KEY], "its structure")
    if not isinstance(packed, dict) or packed.get("format") != 1 or "tree" not in packed:
        raise BadFileError("its structure is not of format 1; a newer version may read it")
    shapes = {entry.name: entry for entry in entries}
    used: dict[str, str] = {}
    todo = [packed["tree"]]
    while todo:
        node = todo.pop()
        kind, value = _kind(node)
        if kind == "tensor":
            entry = shapes.get(value)
            dtype = node.get("dtype")
            fits = entry is not None and (
                dtype == entry.dtype.name
                or (dtype == "complex128" and entry.dtype is ut.float64 and entry.shape[-1:] == (2,))
            )
            if not fits or used.setdefault(value, dtype) != dtype:
                raise BadFileError(f"its structure names the Tensor {value!r} of {dtype}, which it has not")
        elif kind == "dict":
            todo += [part for _, part in value]
        elif kind in ("list", "tuple"):
            todo += value
    if set(used) != set(shapes):
        raise BadFileError(f"its structure does not name {', '.join(sorted(set(shapes) - set(used)))}")
    return packed["tree"], {name for name, dtype in used.items() if dtype == "complex128"}


def _kind(node: Any) -> tuple[str, Any]:
    """What a node of the structure is, and its content, checked."""
    if node is None or isinstance(node, (bool, int, float, str)):
        return "value", node
    if isinstance(node, dict):
        kind = next(iter(node), "")
        value = node.get(kind)
        plain = isinstance(value, list) and len(node) == 1
        if kind in ("list", "tuple") and plain:
            return kind, value
        if kind == "tensor" and isinstance(value, str) and set(node) == {"tensor", "dtype"}:
            return kind, value
        if kind == "dict" and plain and all(_is_pair(pair) for pair in value):  # type: ignore[union-attr]  # a list
            return kind, value
        if kind == "float" and value in ("nan", "inf", "-inf"):
            return "value", float(value)
        if kind == "complex" and plain and len(value) == 2 and all(isinstance(v, str) for v in value):  # type: ignore[arg-type,union-attr]  # a list
            with suppress(ValueError):
                return "value", complex(*map(float, value))  # type: ignore[arg-type]  # a list
    raise BadFileError(f"its structure has {str(node)[:80]}, which says nothing")


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and (pair[0] is None or isinstance(pair[0], (str, int)))


def _unpacked(node: Any, tensors: dict[str, T]) -> Any:
    kind, value = _kind(node)
    if kind == "tensor":
        return tensors[value]
    if kind == "dict":
        return {key: _unpacked(part, tensors) for key, part in value}
    if kind in ("list", "tuple"):
        parts = [_unpacked(part, tensors) for part in value]
        return parts if kind == "list" else tuple(parts)
    return value


def _read(file: BinaryIO, entry: Entry, is_complex: bool, device: Any, dtype: ut.DType | None) -> T:
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
