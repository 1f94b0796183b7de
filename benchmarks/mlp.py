"""A training step of a 784-256-128-10 network with Adam."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import unitensor as ut

from ._bench import Run, race
from ._peers import peer

SIZES = (784, 256, 128, 10)
RATE, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8


def setting(batch: int) -> tuple[list[Any], Any, Any]:
    """Weights and biases in turn, images, labels."""
    random = np.random.default_rng(0)
    weights = []
    for n, m in pairwise(SIZES):
        weights += [random.standard_normal((n, m), dtype=np.float32) / np.float32(n**0.5)]
        weights += [np.zeros(m, np.float32)]
    images = random.standard_normal((batch, SIZES[0]), dtype=np.float32)
    return weights, images, random.integers(0, 10, batch)


Map = Callable[[Any], Any]


def loss(m: Any, relu: Map, constant: Map, weights: Any, x: Any, chosen: Any) -> Any:
    """The mean cross-entropy; `chosen` holds 1 where a column is the label, else 0."""
    w1, b1, w2, b2, w3, b3 = weights
    h = relu(x @ w1 + b1)
    h = relu(h @ w2 + b2)
    z = h @ w3 + b3
    z = z - constant(m.max(z, axis=1, keepdims=True))
    return m.mean(m.log(m.sum(m.exp(z), axis=1)) - m.sum(z * chosen, axis=1))


def our_loss(weights: Any, x: Any, chosen: Any) -> Any:
    return loss(ut, ut.nn.functional.relu, ut.stop_gradient, weights, x, chosen)


def jax_loss(jax: Any, weights: Any, x: Any, chosen: Any) -> Any:
    return loss(jax.numpy, jax.nn.relu, jax.lax.stop_gradient, weights, x, chosen)


class InUnitensor:
    def __init__(self, batch: int) -> None:
        weights, images, labels = setting(batch)
        self.x = ut.asarray(images)
        self.chosen = ut.asarray(np.eye(10, dtype=np.float32)[labels])
        self.weights = [ut.asarray(w.copy()).requires_grad_() for w in weights]
        self.optimizer = ut.optim.Adam(self.weights, lr=RATE, betas=(BETA1, BETA2), eps=EPS)

    def __call__(self) -> Any:
        self.optimizer.zero_grad()
        value = our_loss(self.weights, self.x, self.chosen)
        value.backward()
        self.optimizer.step()
        return value


class ByHand:
    """Plain NumPy, in float32 throughout, with every large array made once."""

    def __init__(self, batch: int) -> None:
        weights, self.x, self.labels = setting(batch)
        self.weights = [w.copy() for w in weights]
        self.grads, self.m, self.v, self.r = ([np.zeros_like(w) for w in weights] for _ in range(4))
        self.h = [np.empty((batch, n), np.float32) for n in SIZES[1:]]
        self.g = [np.empty((batch, n), np.float32) for n in SIZES[1:]]
        self.rows = np.arange(batch)
        self.steps = 0

    def __call__(self) -> Any:
        w1, b1, w2, b2, w3, b3 = self.weights
        h1, h2, z = self.h
        g1, g2, g3 = self.g
        zero = np.float32(0)
        for x, w, b, h in ((self.x, w1, b1, h1), (h1, w2, b2, h2), (h2, w3, b3, z)):
            np.matmul(x, w, out=h)
            h += b
            if h is not z:
                np.maximum(h, zero, out=h)
        z -= np.maximum.reduce(z, axis=1, keepdims=True)
        picked = z[self.rows, self.labels]
        np.exp(z, out=g3)
        total = np.add.reduce(g3, axis=1, keepdims=True)
        value = np.mean(np.log(total[:, 0]) - picked)
        g3 /= total
        g3[self.rows, self.labels] -= 1
        g3 *= np.float32(1 / len(z))
        gw1, gb1, gw2, gb2, gw3, gb3 = self.grads
        np.matmul(h2.T, g3, out=gw3)
        np.add.reduce(g3, axis=0, out=gb3)
        np.matmul(g3, w3.T, out=g2)
        g2 *= h2 > 0
        np.matmul(h1.T, g2, out=gw2)
        np.add.reduce(g2, axis=0, out=gb2)
        np.matmul(g2, w2.T, out=g1)
        g1 *= h1 > 0
        np.matmul(self.x.T, g1, out=gw1)
        np.add.reduce(g1, axis=0, out=gb1)
        self.adam()
        return value

    def adam(self) -> None:
        self.steps += 1
        factor = ((1 - BETA2**self.steps) / (1 - BETA2)) ** 0.5
        step = np.float32(RATE * factor * (1 - BETA1) / (1 - BETA1**self.steps))
        eps = np.float32(EPS * factor)
        # Both means without their factors 1 - beta: so there are ten passes over the memory, not twelve.
        for w, g, m, v, r in zip(self.weights, self.grads, self.m, self.v, self.r):
            m *= np.float32(BETA1)
            m += g
            v *= np.float32(BETA2)
            g *= g
            v += g
            np.sqrt(v, out=r)
            r += eps
            np.divide(m, r, out=r)
            r *= step
            w -= r


def in_torch(torch: Any, batch: int) -> Callable[[], Any]:
    weights, images, labels = setting(batch)
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    w = [torch.tensor(w, requires_grad=True) for w in weights]
    adam = torch.optim.Adam(w, lr=RATE, fused=True)

    def step() -> Any:
        adam.zero_grad()
        h = torch.relu(torch.addmm(w[1], x, w[0]))
        h = torch.relu(torch.addmm(w[3], h, w[2]))
        value = torch.nn.functional.cross_entropy(torch.addmm(w[5], h, w[4]), y)
        value.backward()
        adam.step()
        return value

    return step


def in_jax(jax: Any, batch: int) -> Callable[[], Any]:
    weights, images, labels = setting(batch)
    jnp = jax.numpy
    x, chosen = jnp.asarray(images), jnp.asarray(np.eye(10, dtype=np.float32)[labels])

    @jax.jit
    def update(w: Any, m: Any, v: Any, steps: Any) -> Any:
        value, grads = jax.value_and_grad(lambda w: jax_loss(jax, w, x, chosen))(w)
        rate = RATE / (1 - BETA1**steps)
        root = (1 - BETA2**steps) ** 0.5
        m = [BETA1 * a + (1 - BETA1) * g for a, g in zip(m, grads)]
        v = [BETA2 * a + (1 - BETA2) * g * g for a, g in zip(v, grads)]
        w = [a - rate * p / (jnp.sqrt(q) / root + EPS) for a, p, q in zip(w, m, v)]
        return value, w, m, v

    w = [jnp.asarray(a) for a in weights]
    state = [w, [jnp.zeros_like(a) for a in w], [jnp.zeros_like(a) for a in w], np.float32(0)]

    def step() -> Any:
        state[3] += np.float32(1)
        value, *state[:3] = update(*state)
        return jax.block_until_ready(value)

    return step


def in_functional(module: Any, gradient: Callable[..., Any], getval: Map, batch: int) -> Callable[[], Any]:
    """autograd's gradients with the optimizer written by hand."""
    hand = ByHand(batch)
    chosen = np.eye(10, dtype=np.float32)[hand.labels]
    relu = lambda h: module.maximum(h, 0.0)  # noqa: E731 -- one of two maps that `loss` takes
    value_and_grad = gradient(lambda w: loss(module, relu, getval, w, hand.x, chosen))

    def step() -> Any:
        value, hand.grads = value_and_grad(hand.weights)
        hand.adam()
        return value

    return step


def training(batch: int) -> dict[str, Run]:
    """A step in every library; the weights move on from call to call, by the same path in all."""
    found: dict[str, Run] = {"unitensor": InUnitensor(batch), "numpy": ByHand(batch)}
    if torch := peer("torch"):
        found["torch"] = in_torch(torch, batch)
    if jax := peer("jax"):
        found["jax jit"] = in_jax(jax, batch)
    if peer("autograd"):
        import autograd
        import autograd.numpy as anp
        import autograd.tracer

        found["autograd"] = in_functional(anp, autograd.value_and_grad, autograd.tracer.getval, batch)
    return found


race("MLP step with Adam, batch 64", ratio={"numpy": 1.12, "torch": 1.0}, rtol=1e-4)(lambda: training(64))
race("MLP step with Adam, batch 1024", ratio={"numpy": 1.08, "torch": 1.0}, rtol=1e-4)(lambda: training(1024))
