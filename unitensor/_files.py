"""Files: Tensors and what they are nested in, in the safetensors format; reading one never runs code.

How things are nested stands in the header's metadata; both ways go one array at a time through memory
that exists anyway.
"""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np

import unitensor as ut
from unitensor.random import Generator

from ._safetensors import MOST, NAMES, BadFileError, Entry, parse, pieces, read_header, read_tensor

T = ut.Tensor
Path = str | os.PathLike[str]

#: Where the header says how Tensors are nested.
KEY = "unitensor"

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
    obj = _state(obj)
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
            for piece in pieces(tensors[name]):
                file.write(piece)


def _state(obj: Any) -> Any:
    """What is saved of an object: its state, without the copies that `state_dict` makes where it can."""
    if isinstance(obj, type):
        return obj
    if isinstance(obj, Generator):
        return obj.state
    if hasattr(obj, "uncopied_state"):
        return obj.uncopied_state()
    return obj.state_dict() if hasattr(obj, "state_dict") else obj


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
        obj = _state(obj)
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
                tensors[entry.name] = read_tensor(file, entry, entry.name in complexes, device, dtype)
            if tree is None:
                return {entry.name: tensors[entry.name] for entry in entries}
            return _unpacked(tree, tensors)
        except BadFileError as error:
            raise ValueError(f"load: {os.fspath(path)}: {error}") from error.__cause__
        except RecursionError:
            raise ValueError(f"load: {os.fspath(path)}: the header is nested too deeply") from None


def _tree(entries: list[Entry], metadata: Any) -> tuple[Any, set[str]]:
    """How the Tensors of a file are nested, and which pairs of numbers are complex."""
    strings = isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values())
    if not strings:
        raise BadFileError("its __metadata__ is no object of strings")
    if KEY not in metadata:
        return None, set()
    packed = parse(metadata[KEY], "its structure")
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
