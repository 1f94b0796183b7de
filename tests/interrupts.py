"""Ctrl-C at random moments of a training step, by hand: `python tests/interrupts.py 5000`.

After each interrupt recording is on, no mode is left entered, NumPy's warnings are as before, and the next
step has the gradient that it always has. Prints how often each of that failed.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import unitensor as ut
from unitensor._modes import entered


def step(w: ut.Tensor, x: ut.Tensor) -> None:
    """Every mode once: no_grad, a selecting backward pass, forward mode, anomalies, checkpoint, writes."""
    with ut.no_grad():
        centre = ut.mean(x)
    h = ut.where(x @ w > 0, ut.sqrt(ut.abs(x @ w)), 0.0)
    (ut.sum(h * h) + centre * 0).backward()
    ut.jvp(lambda w: ut.sum(ut.sin(w)), (w.detach(),), (ut.ones_like(w.detach()),))
    with ut.detect_anomaly():
        (w * w).sum().backward()
    ut.checkpoint(lambda w: ut.sum(ut.exp(w)), w).backward()
    owned = ut.asarray(np.ones(3))
    owned[0] = 2.0
    with ut.no_grad():
        w -= 0.0 * w.grad


def gradient(w: ut.Tensor, x: ut.Tensor) -> Any:
    """What a step adds up in w."""
    w.grad = None
    step(w, x)
    assert w.grad is not None
    return w.grad.numpy().copy()


@contextmanager
def interrupts() -> Iterator[None]:
    """Let an alarm be what Ctrl-C is."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def faults(n: int, seed: int) -> Counter[str]:
    """How often what went wrong after n interrupts at random moments."""
    rng = random.Random(seed)
    x = ut.asarray(np.random.default_rng(0).normal(size=(4, 3)))
    w = ut.tensor([0.1, 0.2, 0.3], requires_grad=True)
    right = gradient(w, x)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        step(w, x)
        times.append(time.perf_counter() - start)
    span = 1.1 * sorted(times)[10]
    warnings = np.geterr()
    found: Counter[str] = Counter()
    with interrupts():
        for _ in range(n):
            try:
                signal.setitimer(signal.ITIMER_REAL, rng.random() * span + 1e-6)
                step(w, x)
                while True:
                    pass
            except KeyboardInterrupt:
                pass
            except BaseException as error:
                signal.setitimer(signal.ITIMER_REAL, 0)
                found[f"another error: {error!r}"] += 1
            found["recording is off"] += not ut.is_grad_enabled()
            found["a mode is left"] += bool(entered)
            found["NumPy's warnings changed"] += np.geterr() != warnings
            found["another gradient"] += not np.array_equal(gradient(w, x), right)
    return +found


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)
    found = faults(count, seed)
    print(f"{count} interrupts, seed {seed}: {dict(found) or 'nothing wrong'}")
    sys.exit(bool(found))
