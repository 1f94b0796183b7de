"""The namespace that `x.__array_namespace__()` gives: unitensor, creating on x's backend."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from ._backend import use_backend

if TYPE_CHECKING:
    from ._backend import Backend

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")
CREATION = {
    "arange",
    "asarray",
    "empty",
    "eye",
    "from_dlpack",
    "from_numpy",
    "full",
    "linspace",
    "ones",
    "tensor",
    "zeros",
    "__array_namespace_info__",
}
_made: dict[str, BoundNamespace] = {}


class BoundNamespace:
    """unitensor's namespace whose creation functions stay on one backend.

    >>> import unitensor as ut
    >>> xp = ut.zeros(2).__array_namespace__()
    >>> xp.ones(3).device
    Device('numpy:cpu')
    """

    def __init__(self, backend: str) -> None:
        import unitensor

        self._backend = backend
        self._module = unitensor
        self.__name__ = "unitensor"

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if name in CREATION:
            found = _on(self._backend, found)
        elif name == "fft":
            found = _BoundFFT(self._backend, found)
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        return dir(self._module)

    def __repr__(self) -> str:
        return f"<unitensor on {self._backend}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return bound_namespace, (self._backend,)


class _BoundFFT:
    """The fft extension, whose `fftfreq` and `rfftfreq` create arrays."""

    def __init__(self, backend: str, module: Any) -> None:
        self._module = module
        self.fftfreq = _on(backend, module.fftfreq)
        self.rfftfreq = _on(backend, module.rfftfreq)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _on(backend: str, function: Any) -> Any:
    @functools.wraps(function)
    def create(*args: Any, **kwargs: Any) -> Any:
        with use_backend(backend):
            return function(*args, **kwargs)

    return create


def bound_namespace(backend: Backend | str, api_version: str | None = None) -> BoundNamespace:
    """The namespace bound to a backend, the same object each time."""
    if api_version is not None and api_version not in VERSIONS:
        raise ValueError(f"api_version {api_version!r} is not known; expected one of {', '.join(VERSIONS)}")
    name = backend if isinstance(backend, str) else backend.name
    found = _made.get(name)
    return _made.setdefault(name, BoundNamespace(name)) if found is None else found
