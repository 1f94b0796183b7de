"""SciPy's compiled code inside differentiable programs: its names and signatures, on Tensors of any engine.

The modules are SciPy's own: `signal`, `fft`, `interpolate`, `ndimage`, `linalg`, `integrate`, `optimize`,
`sparse`. Gradients go through all of them in both modes. What an engine cannot do itself is computed by
SciPy in the memory of the host and comes back to the device that it came from.

>>> import unitensor as ut
>>> import unitensor.scipy.signal
>>> x = ut.asarray([1.0, 2.0, 3.0])
>>> ut.grad(lambda x: ut.scipy.signal.convolve(x, ut.asarray([1.0, 1.0])).max())(x).tolist()
[0.0, 1.0, 1.0]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

try:
    import scipy as _scipy  # noqa: F401 -- only whether it is there
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "unitensor.scipy needs SciPy, which is not installed; pip install unitensor[scipy]", name="scipy"
    ) from error

if TYPE_CHECKING:
    from unitensor.scipy import (
        fft as fft,
        integrate as integrate,
        interpolate as interpolate,
        linalg as linalg,
        ndimage as ndimage,
        optimize as optimize,
        signal as signal,
        sparse as sparse,
    )

MODULES = ("fft", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "sparse")


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module 'unitensor.scipy' has no attribute {name!r}")
    return import_module(f"unitensor.scipy.{name}")


def __dir__() -> list[str]:
    return [*globals(), *MODULES]
