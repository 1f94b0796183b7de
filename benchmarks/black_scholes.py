"""Option prices of a million contracts and their gradient: large arrays, cheap operations."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import unitensor as ut

from ._bench import Figure, Run, measure, race
from ._peers import peer

SIZE = 1_000_000
C, D = math.sqrt(2 / math.pi), 0.044715


def setting() -> list[Any]:
    """Spot, strike, time, rate, volatility."""
    random = np.random.default_rng(0)
    ranges = ((50.0, 150.0), (50.0, 150.0), (0.2, 2.0), (0.0, 0.05), (0.1, 0.5))
    return [random.uniform(low, high, SIZE) for low, high in ranges]


def price(m: Any, s: Any, k: Any, t: Any, r: Any, v: Any) -> Any:
    """The sum of all prices, with the usual tanh for the normal distribution."""

    def normal(d: Any) -> Any:
        return (m.tanh((d + d * d * d * D) * C) + 1.0) * 0.5

    spread = v * m.sqrt(t)
    d1 = (m.log(s / k) + (r + v * v * 0.5) * t) / spread
    d2 = d1 - spread
    return m.sum(s * normal(d1) - k * m.exp(-(r * t)) * normal(d2))


def by_hand(s: Any, k: Any, t: Any, r: Any, v: Any) -> Any:
    """The value and the gradient, derived on paper, with arrays used again where they can be."""

    def normal(d: Any) -> tuple[Any, Any]:
        square = d * d
        p = square * D
        p += 1
        p *= d
        p *= C
        np.tanh(p, out=p)
        slope = p * p
        np.subtract(1, slope, out=slope)
        square *= 3 * D
        square += 1
        slope *= square
        slope *= 0.5 * C
        p += 1
        p *= 0.5
        return p, slope

    root = np.sqrt(t)
    spread = v * root
    carry = v * v
    carry *= 0.5
    carry += r
    d1 = s / k
    np.log(d1, out=d1)
    d1 += carry * t
    d1 /= spread
    d2 = d1 - spread
    discount = r * t
    np.negative(discount, out=discount)
    np.exp(discount, out=discount)
    present = k * discount
    n1, slope1 = normal(d1)
    n2, slope2 = normal(d2)
    value = np.dot(s, n1) - np.dot(present, n2)
    # How the sum changes with d1 and d2, and with d1 alone through both.
    slope1 *= s
    slope2 *= present
    both = slope1 - slope2
    both /= spread
    gs = both / s
    gs += n1
    gk = discount * n2
    present *= n2
    gk += both / k
    np.negative(gk, out=gk)
    gr = present + both
    gr *= t
    # d1 = (log(s / k) + carry t) / spread, d2 = d1 - spread
    through = slope2
    through -= both * d1
    gt = through * v
    gt *= 0.5
    gt /= root
    gt += both * carry
    gt += present * r
    through *= root
    both *= v
    both *= t
    through += both
    return value, gs, gk, gt, gr, through


def runs(names: tuple[str, ...]) -> dict[str, Run]:
    """The value and the gradient in some libraries."""
    args = setting()
    found: dict[str, Run] = {}
    if "unitensor" in names:
        leaves = [ut.asarray(a).requires_grad_() for a in args]

        def ours() -> Any:
            for x in leaves:
                x.grad = None
            value = price(ut, *leaves)
            value.backward()
            return [value, *(x.grad for x in leaves)]

        found["unitensor"] = ours
    if "numpy" in names:
        found["numpy"] = lambda: by_hand(*args)
    if "torch" in names and (torch := peer("torch")):
        theirs = [torch.tensor(a, requires_grad=True) for a in args]

        def in_torch() -> Any:
            value = price(torch, *theirs)
            return [value, *torch.autograd.grad(value, theirs)]

        found["torch"] = in_torch
    if "jax" in names and (jax := peer("jax")):
        arrays = [jax.numpy.asarray(a) for a in args]
        compiled = jax.jit(jax.value_and_grad(lambda args: price(jax.numpy, *args)))
        found["jax jit"] = lambda: [(r := jax.block_until_ready(compiled(arrays)))[0], *r[1]]
    if "autograd" in names and peer("autograd"):
        import autograd
        import autograd.numpy as anp

        gradient = autograd.value_and_grad(lambda args: price(anp, *args))
        found["autograd"] = lambda: [(r := gradient(args))[0], *r[1]]
    return found


@race("Black-Scholes of 1e6, value and gradient", ratio={"numpy": 2.0, "torch": 1.0})
def value_and_gradient() -> dict[str, Run]:
    return runs(("unitensor", "numpy", "torch", "jax", "autograd"))


PEAK = """
import re, sys
from benchmarks.black_scholes import runs
run = runs((sys.argv[1],))[sys.argv[1]]
high = lambda: int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])
before = high()
run()
print(high() - before)
"""


def peak(name: str) -> float:
    """MB by which a first run raises the memory of a fresh process."""
    done = subprocess.run([sys.executable, "-c", PEAK, name], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


@measure("Black-Scholes of 1e6, peak memory")
def memory(quick: bool) -> list[Figure]:
    if not Path("/proc/self/status").exists():
        return []
    names = [n for n in ("torch", "autograd") if peer(n)]
    peaks = {n: peak(n) for n in ("numpy", *names)}
    case = "Black-Scholes of 1e6, peak memory"
    ours = Figure(case, "unitensor (limit: PyTorch)", peak("unitensor"), "MB", peaks.get("torch"))
    return [ours, *(Figure(case, n, mb, "MB") for n, mb in peaks.items())]
