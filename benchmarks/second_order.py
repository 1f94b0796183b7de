"""Second derivatives: a Hessian-vector product of the MLP's our_loss, jax_loss, against its gradient."""

from __future__ import annotations

import numpy as np

import unitensor as ut

from ._bench import Run, race
from ._peers import peer
from .mlp import jax_loss, our_loss, setting


@race(
    "Hessian-vector product of the MLP",
    ratio={"gradient": 2.5, "torch": 1.0},
    unlike=("gradient",),
    rtol=1e-4,
)
def product() -> dict[str, Run]:
    weights, images, labels = setting(64)
    hot = np.eye(10, dtype=np.float32)[labels]
    w, x, chosen = [ut.asarray(a) for a in weights], ut.asarray(images), ut.asarray(hot)
    gradient = ut.grad(lambda w: our_loss(w, x, chosen))
    hvp = ut.hvp(lambda w: our_loss(w, x, chosen))
    found: dict[str, Run] = {"unitensor": lambda: hvp(w, w), "gradient": lambda: gradient(w)}
    if torch := peer("torch"):
        theirs, images_, hot_ = (
            [torch.from_numpy(a) for a in weights],
            torch.from_numpy(images),
            torch.from_numpy(hot),
        )

        def of(*parts: object) -> object:
            a, b, c, d, e, f = parts
            h = torch.relu(torch.relu(images_ @ a + b) @ c + d)
            return -(torch.log_softmax(h @ e + f, 1) * hot_).sum(1).mean()

        found["torch"] = lambda: torch.autograd.functional.hvp(of, tuple(theirs), tuple(theirs))[1]
    if jax := peer("jax"):
        mine = [jax.numpy.asarray(a) for a in weights]
        slope = jax.grad(lambda w: jax_loss(jax, w, images, hot))
        compiled = jax.jit(lambda w, v: jax.jvp(slope, (w,), (v,))[1])
        found["jax jit"] = lambda: jax.block_until_ready(compiled(mine, mine))
    return found
