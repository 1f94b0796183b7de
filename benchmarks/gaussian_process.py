"""The marginal likelihood of a Gaussian process and its gradient: linear algebra of middling size."""

from __future__ import annotations

from typing import Any

import numpy as np

import unitensor as ut

from ._bench import Run, race
from ._peers import peer

N, DIM = 300, 5
random = np.random.default_rng(0)
X = random.standard_normal((N, DIM))
Y = np.sin(X).sum(axis=1) + 0.1 * random.standard_normal(N)
#: Logarithms of five length scales, of the signal's size and of the noise's.
THETA = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.1, -1.0])
EYE = np.eye(N)


def program(m: Any, diagonal: Any, theta: Any, x: Any, y: Any, eye: Any) -> Any:
    """The negative log likelihood, up to a constant, from plain cholesky and solve."""
    z = x * m.exp(-theta[:DIM])
    square = m.sum(z * z, axis=1)
    distance = square[:, None] + square[None, :] - 2.0 * (z @ z.T)
    kernel = m.exp(2.0 * theta[DIM] - 0.5 * distance) + m.exp(2.0 * theta[DIM + 1]) * eye
    fit = m.linalg.solve(kernel, y)
    return 0.5 * m.sum(y * fit) + m.sum(m.log(diagonal(m.linalg.cholesky(kernel))))


def by_hand() -> Any:
    """The value and the gradient with LAPACK's routines for one Cholesky factor."""
    from scipy.linalg import blas, lapack

    z = X * np.exp(-THETA[:DIM])
    square = np.einsum("ij,ij->i", z, z)
    signal = blas.dgemm(2.0, z, z, trans_b=True)
    signal -= square[:, None]
    signal -= square
    signal *= 0.5
    signal += 2.0 * THETA[DIM]
    np.exp(signal, out=signal)
    noise = np.exp(2.0 * THETA[DIM + 1])
    kernel = signal.copy(order="F")
    kernel.flat[:: N + 1] += noise
    factor, _ = lapack.dpotrf(kernel, lower=1, overwrite_a=1)
    fit, _ = lapack.dpotrs(factor, Y, lower=1)
    value = 0.5 * np.dot(Y, fit) + np.log(factor.diagonal()).sum()
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)  # the lower half
    trace = inverse.trace()
    # Each pair once: the lower half doubled, the diagonal as it is.
    weight = blas.dsyr(-1.0, fit, a=inverse, lower=1, overwrite_a=1)
    weight *= signal
    inner = np.tril(weight, -1)
    rows = inner.sum(axis=1) + inner.sum(axis=0)
    product = blas.dsymm(1.0, inner, z, lower=1)
    lengths = np.einsum("i,ij,ij->j", rows, z, z) - np.einsum("ij,ij->j", z, product)
    whole = rows.sum() + weight.trace()
    return value, np.array([*lengths, whole, noise * (trace - np.dot(fit, fit))])


@race("Gaussian process, n=300, 7 parameters", ratio={"numpy": 2.0, "torch": 1.0}, rtol=1e-6)
def likelihood() -> dict[str, Run]:
    theta = ut.asarray(THETA).requires_grad_()
    constants = [ut.asarray(a) for a in (X, Y, EYE)]

    def ours() -> Any:
        theta.grad = None
        value = program(ut, ut.linalg.diagonal, theta, *constants)
        value.backward()
        return value, theta.grad

    found: dict[str, Run] = {"unitensor": ours}
    if peer("scipy"):
        found["numpy"] = by_hand
    if torch := peer("torch"):
        theirs, tensors = torch.tensor(THETA, requires_grad=True), [torch.from_numpy(a) for a in (X, Y, EYE)]

        def in_torch() -> Any:
            value = program(torch, torch.diagonal, theirs, *tensors)
            return value, torch.autograd.grad(value, theirs)[0]

        found["torch"] = in_torch
    if jax := peer("jax"):
        arrays = [jax.numpy.asarray(a) for a in (X, Y, EYE)]
        both = jax.value_and_grad(lambda t: program(jax.numpy, jax.numpy.diagonal, t, *arrays))
        compiled, mine = jax.jit(both), jax.numpy.asarray(THETA)
        found["jax jit"] = lambda: jax.block_until_ready(compiled(mine))
    if peer("autograd"):
        import autograd
        import autograd.numpy as anp

        gradient = autograd.value_and_grad(lambda t: program(anp, anp.diag, t, X, Y, EYE))
        found["autograd"] = lambda: gradient(THETA)
    return found
