"""Torch's own kernels for functions of `unitensor.scipy`; None means that the host computes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

HALF = (torch.float16, torch.bfloat16)


class Scipy:
    """Matrices: exponential, triangular systems and LU."""

    def scipy_linalg_expm(self, a: Any) -> Any:
        return None if a.dtype in HALF else torch.linalg.matrix_exp(a)

    def scipy_linalg_triangular(self, a: Any, b: Any, *, lower: bool, unit: bool) -> Any:
        """Mended: torch divides by a zero on the diagonal, where SciPy raises."""
        dtype = torch.promote_types(a.dtype, b.dtype)
        if dtype in HALF or not (dtype.is_floating_point or dtype.is_complex):
            return None
        if not unit and bool((torch.diagonal(a, dim1=-2, dim2=-1) == 0).any()):
            raise np.linalg.LinAlgError("a is singular")
        return torch.linalg.solve_triangular(a.to(dtype), b.to(dtype), upper=not lower, unitriangular=unit)

    def scipy_linalg_lu_factors(self, a: Any) -> Any:
        return (
            None if a.dtype in HALF or not (a.is_floating_point() or a.is_complex()) else torch.linalg.lu(a)
        )
