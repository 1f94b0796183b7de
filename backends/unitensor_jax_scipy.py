"""JAX's own kernels for functions of `unitensor.scipy`; None means that the host computes it."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import jax.scipy.linalg as own
import numpy as np
from jax import lax
from unitensor_jax_linalg import holds


class Scipy:
    """Matrices: exponential, triangular systems and LU."""

    def scipy_linalg_expm(self, a: Any) -> Any:
        return own.expm(a) if _wide(a) else None

    def scipy_linalg_triangular(self, a: Any, b: Any, *, lower: bool, unit: bool) -> Any:
        """Mended: JAX divides by a zero on the diagonal, where SciPy raises; traced arrays show no zeros."""
        if not _wide(a) or not _wide(b):
            return None
        if not unit and holds(lambda a: jnp.any(jnp.diagonal(a, axis1=-2, axis2=-1) == 0), a):
            raise np.linalg.LinAlgError("a is singular")
        lead = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = (jnp.broadcast_to(x, lead + x.shape[-2:]) for x in (a, b))
        return own.solve_triangular(a, b, lower=lower, unit_diagonal=unit)

    def scipy_linalg_lu_factors(self, a: Any) -> Any:
        """JAX's own of this name takes no stacks."""
        if not _wide(a):
            return None
        packed, _, permutation = lax.linalg.lu(a)
        m, k = a.shape[-2], min(a.shape[-2:])
        places = jnp.arange(m, dtype=permutation.dtype)[:, None] == permutation[..., None, :]
        lower = jnp.tril(packed[..., :k], -1) + jnp.eye(m, k, dtype=a.dtype)
        return places.astype(a.dtype), lower, jnp.triu(packed[..., :k, :])


def _wide(a: Any) -> bool:
    return bool(jnp.issubdtype(a.dtype, jnp.inexact)) and a.dtype.itemsize >= 4
