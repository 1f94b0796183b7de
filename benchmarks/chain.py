"""A hundred mixed small operations with fan-out, forward and backward: what recording costs."""

from __future__ import annotations

from typing import Any

import numpy as np

import unitensor as ut

from ._bench import Run, race
from ._peers import peer

STEPS = 10
X = np.linspace(0.1, 1.0, 10)
W = np.linspace(1.0, 2.0, 10)
B = np.linspace(-0.5, 0.5, 10)


def program(m: Any, x: Any, w: Any, b: Any) -> Any:
    """Ten times ten operations, and a sum."""
    h = x
    for _ in range(STEPS):
        t = m.tanh(h * w + b)
        s = m.sin(t)
        q = m.exp(-s) * t / w
        h = q - h + x
    return m.sum(h)


def by_hand() -> Any:
    """The same and its gradient in plain NumPy: each derivative written out, sums in place."""
    x, w, b = X, W, B
    saved = []
    h = x
    for _ in range(STEPS):
        t = np.tanh(h * w + b)
        s = np.sin(t)
        e = np.exp(-s)
        q = e * t / w
        saved.append((h, t, e, q))
        h = q - h + x
    gx, gw, gb = np.zeros_like(x), np.zeros_like(w), np.zeros_like(b)
    g = np.ones_like(h)
    for h, t, e, q in reversed(saved):
        gx += g
        gp = g / w
        gw -= gp * q
        ge = gp * e
        gt = ge - ge * t * np.cos(t)
        ga = gt * (1 - t * t)
        gb += ga
        gw += ga * h
        g = ga * w - g
    gx += g
    return gx, gw, gb


def in_unitensor(x: Any, w: Any, b: Any) -> Any:
    for v in (x, w, b):
        v.grad = None
    program(ut, x, w, b).backward()
    return x.grad, w.grad, b.grad


@race("chain of 100 small ops, recorded", ratio={"numpy": 1.7, "torch": 1 / 3.5, "autograd": 1 / 6})
def recorded() -> dict[str, Run]:
    leaves = [ut.asarray(v).requires_grad_() for v in (X, W, B)]
    found: dict[str, Run] = {"unitensor": lambda: in_unitensor(*leaves), "numpy": by_hand}
    if torch := peer("torch"):
        theirs = [torch.tensor(v, requires_grad=True) for v in (X, W, B)]
        found["torch"] = lambda: torch.autograd.grad(program(torch, *theirs), theirs)
    if jax := peer("jax"):
        arrays = [jax.numpy.asarray(v) for v in (X, W, B)]
        eager = jax.grad(lambda *args: program(jax.numpy, *args), (0, 1, 2))
        compiled = jax.jit(eager)
        found["jax"] = lambda: jax.block_until_ready(eager(*arrays))
        found["jax jit"] = lambda: jax.block_until_ready(compiled(*arrays))
    if peer("autograd"):
        import autograd
        import autograd.numpy as anp

        gradient = autograd.grad(lambda args: program(anp, *args))
        found["autograd"] = lambda: gradient((X, W, B))
    if mg := peer("mygrad"):

        def in_mygrad() -> Any:
            x, w, b = (mg.tensor(v) for v in (X, W, B))
            program(mg, x, w, b).backward()
            return x.grad, w.grad, b.grad

        found["mygrad"] = in_mygrad
    return found
