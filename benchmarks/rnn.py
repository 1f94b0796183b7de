"""A recurrent network: 200 dependent steps of middling size."""

from __future__ import annotations

from typing import Any

import numpy as np

import unitensor as ut

from ._bench import Run, race
from ._peers import peer

STEPS, BATCH, SIZE = 200, 32, 64
random = np.random.default_rng(0)
XS = [random.standard_normal((BATCH, SIZE), dtype=np.float32) for _ in range(STEPS)]
# An orthogonal U and small inputs, so that the gradient neither vanishes nor explodes.
W = random.standard_normal((SIZE, SIZE), dtype=np.float32) / 50
U = np.linalg.qr(random.standard_normal((SIZE, SIZE), dtype=np.float32))[0]
B = random.standard_normal(SIZE, dtype=np.float32) / 50
H = np.zeros((BATCH, SIZE), np.float32)
STATES = np.empty((STEPS + 1, BATCH, SIZE), np.float32)


def program(m: Any, xs: Any, h: Any, w: Any, u: Any, b: Any) -> Any:
    """The sum of the last state."""
    for x in xs:
        h = m.tanh(x @ w + h @ u + b)
    return m.sum(h)


def by_hand() -> Any:
    """The gradient in plain NumPy, with few new arrays."""
    hs = STATES
    hs[0] = H
    buffer = np.empty((BATCH, SIZE), np.float32)
    for x, h, out in zip(XS, hs, hs[1:]):
        np.matmul(x, W, out=out)
        out += np.matmul(h, U, out=buffer)
        out += B
        np.tanh(out, out=out)
    gw, gu, gb = np.zeros_like(W), np.zeros_like(U), np.zeros_like(B)
    square, row = np.empty_like(W), np.empty_like(B)
    transposed = U.T
    g = np.ones_like(H)
    for x, h, out in zip(reversed(XS), hs[-2::-1], hs[:0:-1]):
        np.multiply(out, out, out=buffer)
        np.subtract(1, buffer, out=buffer)
        g *= buffer
        gw += np.matmul(x.T, g, out=square)
        gu += np.matmul(h.T, g, out=square)
        gb += np.add.reduce(g, axis=0, out=row)
        g = np.matmul(g, transposed)
    return gw, gu, gb


@race("RNN of 200 steps, batch 32, hidden 64", ratio={"numpy": 1.2, "torch": 1.0}, rtol=1e-4)
def recurrent() -> dict[str, Run]:
    xs, h = [ut.asarray(x) for x in XS], ut.asarray(H)
    leaves = [ut.asarray(v).requires_grad_() for v in (W, U, B)]

    def ours() -> Any:
        for v in leaves:
            v.grad = None
        program(ut, xs, h, *leaves).backward()
        return [v.grad for v in leaves]

    found: dict[str, Run] = {"unitensor": ours, "numpy": by_hand}
    if torch := peer("torch"):
        tensors, state = [torch.from_numpy(x) for x in XS], torch.from_numpy(H)
        theirs = [torch.tensor(v, requires_grad=True) for v in (W, U, B)]
        found["torch"] = lambda: torch.autograd.grad(program(torch, tensors, state, *theirs), theirs)
    if jax := peer("jax"):
        arrays, zeros = jax.numpy.asarray(np.stack(XS)), jax.numpy.asarray(H)

        def scanned(*parts: Any) -> Any:
            w, u, b = parts
            step = lambda h, x: (jax.numpy.tanh(x @ w + h @ u + b), None)  # noqa: E731 -- what scan takes
            return jax.lax.scan(step, zeros, arrays)[0].sum()

        compiled = jax.jit(jax.grad(scanned, (0, 1, 2)))
        mine = [jax.numpy.asarray(v) for v in (W, U, B)]
        found["jax jit"] = lambda: jax.block_until_ready(compiled(*mine))
    if peer("autograd"):
        import autograd
        import autograd.numpy as anp

        gradient = autograd.grad(lambda args: program(anp, XS, H, *args))
        found["autograd"] = lambda: gradient((W, U, B))
    return found
