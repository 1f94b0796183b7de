"""The namespace on which gradient rules run when they run on Tensors, for higher orders."""

from __future__ import annotations

from typing import Any

from ._op import scope, table


class TensorNamespace:
    """Every op over Tensors, those that only rules use included."""

    def __init__(self, module: str = "") -> None:
        self._module = module
        if not module:
            self.linalg = TensorNamespace("linalg")
            self.fft = TensorNamespace("fft")
            self.special = TensorNamespace("special")

    def __getattr__(self, name: str) -> Any:
        made = table.get(f"{self._module}.{name}" if self._module else name)
        if made is None:
            import unitensor

            found = getattr(getattr(unitensor, self._module) if self._module else unitensor, name)
        else:
            found = made.function
        setattr(self, name, found)
        return found


scope["tensors"] = TensorNamespace()
