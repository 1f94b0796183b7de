"""Device objects: where data lies, and under which backend."""

from __future__ import annotations

from typing import Any


class Device:
    """A device of one backend, written `backend:kind` or `backend:kind:index`.

    It equals its name with and without the backend. In a set or as a key of a dict it is found by
    the name without, since two strings that differ cannot have one hash.

    >>> import unitensor as ut
    >>> x = ut.zeros(2)
    >>> x.device, x.device == "numpy:cpu", x.device == "cpu", x.device in {"cpu", "cuda:0"}
    (Device('numpy:cpu'), True, True, True)
    """

    __slots__ = ("backend", "index", "kind", "raw")

    backend: str
    kind: str
    index: int | None
    raw: Any

    def __init__(self, backend: str, kind: str, index: int | None, raw: Any) -> None:
        self.backend = backend
        self.kind = kind
        self.index = index
        self.raw = raw

    @property
    def local(self) -> str:
        """The name without the backend: `cpu`, `cuda:1`."""
        return self.kind if self.index is None else f"{self.kind}:{self.index}"

    def __str__(self) -> str:
        return f"{self.backend}:{self.local}"

    def __repr__(self) -> str:
        return f"Device({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Device):
            return str(self) == str(other)
        if isinstance(other, str):
            return other in (str(self), self.local)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.local)

    def __reduce__(self) -> tuple[Any, ...]:
        from ._backend import find_device

        return find_device, (str(self),)
