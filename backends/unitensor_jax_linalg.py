"""Linear algebra for the JAX backend: NumPy's errors, and the triangle that NumPy reads.

JAX gives NaN where NumPy raises, and averages both triangles of a matrix that should be Hermitian.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.linalg
import numpy as np
from jax import lax


def holds(question: Callable[[Any], Any], x: Any) -> bool:
    """Whether something is true of an array; False of a traced one, which has no values.

    Inside a traced function JAX would trace what is asked of a constant, too.
    """
    if isinstance(x, jax.core.Tracer):
        return False
    with jax.ensure_compile_time_eval():
        return bool(question(x))


def _matrices(x: Any) -> Any:
    if x.ndim < 2:
        raise np.linalg.LinAlgError(f"{x.ndim}-dimensional array given; expected two axes or more")
    return x


def _square(x: Any) -> Any:
    if _matrices(x).shape[-1] != x.shape[-2]:
        raise np.linalg.LinAlgError(f"shape {x.shape} given; the last two axes must be of one length")
    return x


def _unbounded(x: Any) -> Any:
    return ~jnp.isfinite(x)


def _refuse(x: Any, wrong: Callable[[Any], Any], message: str) -> None:
    """Raise where some elements are wrong; inside a traced function there is nothing to look at."""
    if holds(lambda x: wrong(x).any(), x):
        raise np.linalg.LinAlgError(message)


def _solved(x: Any, solution: Any) -> Any:
    """A solution of equations in x, unless x is singular."""
    if holds(lambda s: _unbounded(s).any(), solution):
        pivots = jnp.diagonal(lax.linalg.lu(x)[0], axis1=-2, axis2=-1)
        _refuse(pivots, lambda p: p == 0, "Singular matrix")
    return solution


class LinearAlgebra:
    """The part of the JAX backend that overrides `linalg`."""

    def linalg_cholesky(self, x: Any, /, *, upper: bool = False) -> Any:
        """Mended: JAX gives NaN where a matrix is not positive definite, and averages both triangles."""
        lower = lax.linalg.cholesky(_square(x), symmetrize_input=False)
        _refuse(lower, jnp.isnan, "Matrix is not positive definite")
        return jnp.conj(jnp.matrix_transpose(lower)) if upper else lower

    def linalg_eigh(self, x: Any, /) -> Any:
        """Mended: JAX averages both triangles; NumPy reads the lower one."""
        vectors, values = lax.linalg.eigh(_square(x), symmetrize_input=False)
        return values, vectors

    def linalg_eigvalsh(self, x: Any, /) -> Any:
        """Mended: JAX averages both triangles; NumPy reads the lower one."""
        return self.linalg_eigh(x)[0]

    def linalg_eig(self, x: Any, /) -> Any:
        """Mended: JAX has it on the CPU alone, and gives NaN where NumPy raises."""
        _refuse(_square(x), _unbounded, "Array must not contain infs or NaNs")
        return self._on_cpu(jnp.linalg.eig, x)

    def linalg_eigvals(self, x: Any, /) -> Any:
        """Mended: JAX has it on the CPU alone, and gives NaN where NumPy raises."""
        _refuse(_square(x), _unbounded, "Array must not contain infs or NaNs")
        return self._on_cpu(jnp.linalg.eigvals, x)

    def _on_cpu(self, f: Callable[..., Any], x: Any) -> Any:
        """Eigenvalues of general matrices, which XLA finds on the CPU alone."""
        if isinstance(x, jax.core.Tracer) or x.device.platform == "cpu":
            return f(x)
        return jax.device_put(f(jax.device_put(x, jax.devices("cpu")[0])), x.device)

    def linalg_inv(self, x: Any, /) -> Any:
        """Mended: JAX gives NaN or infinity of a singular matrix."""
        return _solved(_square(x), jnp.linalg.inv(x))

    def linalg_solve(self, x1: Any, x2: Any, /) -> Any:
        """Mended: JAX gives NaN or infinity for a singular matrix."""
        return _solved(_square(x1), jnp.linalg.solve(x1, x2))

    def linalg_solve_triangular(self, x1: Any, x2: Any, /, *, lower: bool) -> Any:
        lead = jnp.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
        x1, x2 = (jnp.broadcast_to(x, lead + x.shape[-2:]) for x in (x1, x2))
        return jax.scipy.linalg.solve_triangular(x1, x2, lower=lower)

    def linalg_matrix_power(self, x: Any, n: int, /) -> Any:
        """Mended: JAX gives NaN or infinity of a singular matrix."""
        if n >= 0:
            return jnp.linalg.matrix_power(_square(x), n)
        return jnp.linalg.matrix_power(self.linalg_inv(x), -n)

    def linalg_det(self, x: Any, /) -> Any:
        """Mended: JAX raises another error where the matrix is not square."""
        return jnp.linalg.det(_square(x))

    def linalg_slogdet(self, x: Any, /) -> Any:
        """Mended: JAX raises another error where the matrix is not square."""
        return jnp.linalg.slogdet(_square(x))

    def linalg_svd(self, x: Any, /, *, full_matrices: bool = True) -> Any:
        """Mended: JAX gives NaN where NumPy raises."""
        u, s, vh = jnp.linalg.svd(_matrices(x), full_matrices=full_matrices)
        _refuse(s, jnp.isnan, "SVD did not converge")
        return u, s, vh

    def linalg_svdvals(self, x: Any, /) -> Any:
        """Mended: JAX gives NaN where NumPy raises."""
        s = jnp.linalg.svdvals(_matrices(x))
        _refuse(s, jnp.isnan, "SVD did not converge")
        return s

    def linalg_pinv(self, x: Any, /, *, rtol: Any = None) -> Any:
        """Mended: JAX gives NaN where NumPy raises."""
        inverse = jnp.linalg.pinv(_matrices(x), rtol=rtol)
        _refuse(inverse, jnp.isnan, "SVD did not converge")
        return inverse

    def linalg_matrix_rank(self, x: Any, /, *, rtol: Any = None) -> Any:
        """Mended: JAX gives int32, and 0 where NumPy raises, and takes rtol for an absolute tolerance."""
        _refuse(_matrices(x), jnp.isnan, "SVD did not converge")
        if rtol is None:
            return jnp.linalg.matrix_rank(x).astype(jnp.int64)
        s = jnp.linalg.svdvals(x)
        least = jnp.expand_dims(jnp.asarray(rtol, dtype=s.dtype), -1) * jnp.max(s, axis=-1, keepdims=True)
        return jnp.sum(s > least, axis=-1, dtype=jnp.int64)

    def linalg_qr(self, x: Any, /, *, mode: str = "reduced") -> Any:
        """Mended: JAX raises another error where there is no matrix."""
        return jnp.linalg.qr(_matrices(x), mode=mode)
