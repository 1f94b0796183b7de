"""SciPy's functions in place of CuPy's."""

from __future__ import annotations

from typing import Any

import cupy
import scipy.special


def __getattr__(name: str) -> Any:
    return cupy.lifted(getattr(scipy.special, name))
