"""The inspection API.

Standard: Inspection.
"""

from __future__ import annotations

from typing import Any

from ._backend import current_backend, find_device
from ._devices import Device
from ._dtypes import ASKED, KINDS, DType, default_for, get_default_dtype, int64
from ._errors import suggest


class Info:
    """What the current backend can do: the object that `__array_namespace_info__()` gives.

    >>> import unitensor as ut
    >>> ut.__array_namespace_info__().default_dtypes()["real floating"]
    unitensor.float64
    """

    def __init__(self) -> None:
        self._backend = current_backend()

    def capabilities(self) -> dict[str, Any]:
        """Whether boolean indexing and data-dependent shapes work, and the most axes."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Device:
        """The device on which new Tensors are made."""
        return self._backend.devices()[0]

    def default_dtypes(self, *, device: Any = None) -> dict[str, DType]:
        """The default dtype of each kind."""
        if device is not None:
            find_device(device, self._backend)
        return {
            "real floating": get_default_dtype(),
            "complex floating": default_for("c"),
            "integral": int64,
            "indexing": int64,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, DType]:
        """The dtypes there are, by name, of one kind or several if told."""
        if device is not None:
            find_device(device, self._backend)
        if kind is None:
            names: tuple[str, ...] = KINDS["all"]
        else:
            kinds = kind if isinstance(kind, tuple) else (kind,)
            for k in kinds:
                if k not in ASKED:
                    raise ValueError(f"dtypes: unknown kind {k!r}{suggest(str(k), ASKED)}")
            names = tuple(n for k in kinds for n in KINDS[k])
        return {d.name: d for d in self._backend.dtypes() if d.name in names}

    def devices(self) -> tuple[Device, ...]:
        """All devices of the backend: a tuple since 2025.12, a list in older versions of the standard."""
        return self._backend.devices()


def __array_namespace_info__() -> Info:  # noqa: N807 -- the standard's name
    """What the current backend can do: devices, dtypes, capabilities.

    >>> import unitensor as ut
    >>> ut.__array_namespace_info__().default_device()
    Device('numpy:cpu')
    """
    return Info()
