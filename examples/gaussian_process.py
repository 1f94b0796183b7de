"""How dark is a wine, given its flavanoids? A Gaussian process on scikit-learn's 178 analysed wines.

    python examples/gaussian_process.py
    UNITENSOR_BACKEND=torch python examples/gaussian_process.py

The length scale, the size of the signal and that of the noise are found by L-BFGS on the exact marginal
likelihood, whose gradient goes through `cholesky` and `solve`.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_wine

import unitensor as ut

T = ut.Tensor
NAMES = ("length scale", "signal", "noise")


def load() -> tuple[Any, Any]:
    """The flavanoids in each wine, and the logarithm of the intensity of its colour."""
    data = load_wine()
    columns = dict(zip(data.feature_names, data.data.T))
    return columns["flavanoids"], np.log(columns["color_intensity"])


def covariance(theta: T, a: T, b: T) -> T:
    """How much the values at some places have in common; theta holds logarithms of what NAMES says."""
    distance = (a[:, None] - b[None, :]) / ut.exp(theta[0])
    return ut.exp(2 * theta[1] - 0.5 * distance**2)


def factor(theta: T, x: T) -> T:
    """The Cholesky factor of the observations' covariance."""
    return ut.linalg.cholesky(covariance(theta, x, x) + ut.exp(2 * theta[2]) * ut.eye(len(x)))


def log_likelihood(theta: T, x: T, y: T) -> T:
    """The logarithm of the probability of the observations, whatever the function is."""
    lower = factor(theta, x)
    white = ut.linalg.solve(lower, y)
    spread = ut.sum(ut.log(ut.linalg.diagonal(lower)))
    return -0.5 * ut.sum(white**2) - spread - 0.5 * len(y) * math.log(2 * math.pi)


def posterior(theta: T, x: T, y: T, at: T) -> tuple[T, T]:
    """The mean and the standard deviation of the function at some places, given the observations."""
    lower = factor(theta, x)
    white, shared = ut.linalg.solve(lower, y), ut.linalg.solve(lower, covariance(theta, x, at))
    mean = ut.matrix_transpose(shared) @ white
    return mean, ut.sqrt(ut.exp(2 * theta[1]) - ut.sum(shared**2, axis=0))


class Fit(NamedTuple):
    """The logarithms that fit best, the log likelihood there, and the way to them."""

    theta: T
    best: float
    path: list[list[float]]
    likelihoods: list[float]


def fit(x: T, y: T, *, steps: int = 30, seen: Callable[[int, float], None] | None = None) -> Fit:
    """The hyperparameters of the greatest likelihood, from a poor start."""
    theta = ut.tensor([1.5, 0.5, 0.5], dtype=x.dtype, device=x.device, requires_grad=True)
    optimizer = ut.optim.LBFGS([theta], max_iter=1, line_search_fn="strong_wolfe", max_eval=25)

    def closure() -> T:
        optimizer.zero_grad()
        loss = -log_likelihood(theta, x, y)
        loss.backward()
        return loss

    path, likelihoods = [theta.tolist()], []
    for step in range(steps):
        likelihoods.append(-optimizer.step(closure).item())
        path.append(theta.tolist())
        if seen:
            seen(step, likelihoods[-1])
        if max(abs(a - b) for a, b in zip(path[-1], path[-2])) < 1e-9:
            break
    found = theta.detach()
    likelihoods.append(log_likelihood(found, x, y).item())
    return Fit(found, likelihoods[-1], path, likelihoods)


def draw(path: Path, found: Fit, x: T, y: T, offset: float) -> None:
    """One picture: what the process believes, and the way to its hyperparameters over the likelihood."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

    flavanoids, logs = x.numpy(), y.numpy()
    at = np.linspace(0, 6, 300)
    mean, deviation = (v.numpy() for v in posterior(found.theta, x, y, ut.asarray(at, dtype=x.dtype)))
    noisy = np.sqrt(deviation**2 + math.exp(2 * found.theta[2].item()))

    page = Figure(figsize=(12, 4.6), layout="constrained")
    left, right = page.subplots(1, 2, width_ratios=(1.6, 1))
    for spread, label, alpha in (
        (2 * noisy, "95 % of wines", 0.12),
        (2 * deviation, "95 % of means", 0.35),
    ):
        low, high = np.exp(offset + mean - spread), np.exp(offset + mean + spread)
        left.fill_between(at, low, high, color="#8e1b3a", alpha=alpha, linewidth=0, label=label)
    left.plot(at, np.exp(offset + mean), color="#8e1b3a", linewidth=2, label="mean")
    left.scatter(flavanoids, np.exp(offset + logs), s=14, color="0.15", linewidth=0, zorder=3, label="a wine")
    left.set(xlim=(0, 6), xlabel="flavanoids", ylabel="colour intensity", yscale="log", ylim=(1, 30))
    left.yaxis.set(major_locator=FixedLocator([1, 2, 5, 10, 20]), minor_locator=NullLocator())
    left.yaxis.set_major_formatter(ScalarFormatter())
    left.set_title("What is known, and how well", loc="left")
    left.legend(frameon=False, loc="upper right", ncols=2)
    left.spines[["top", "right"]].set_visible(False)

    steps = np.array(found.path)
    lengths = np.linspace(-2.5, 2, 45)
    noises = np.linspace(-1.6, 0.7, 45)
    signal = found.theta[1].item()
    heights = [
        [log_likelihood(ut.asarray([a, signal, b], dtype=x.dtype), x, y).item() for a in lengths]
        for b in noises
    ]
    below = np.log(np.maximum(found.best - np.array(heights), 1e-3))
    levels = np.linspace(math.log(0.3), math.log(300), 13)
    right.contourf(np.exp(lengths), np.exp(noises), below, levels, cmap="RdPu_r", extend="both")
    right.plot(*np.exp(steps[:, [0, 2]]).T, "o-", color="0.15", markersize=3, linewidth=1)
    right.plot(*np.exp(steps[-1, [0, 2]]), "*", color="white", markeredgecolor="0.15", markersize=14)
    right.set(xscale="log", yscale="log", xlabel="length scale", ylabel="noise")
    for axis, places in ((right.xaxis, (0.1, 0.3, 1, 3)), (right.yaxis, (0.3, 0.5, 1, 2))):
        axis.set(major_locator=FixedLocator(places), minor_locator=NullLocator())
        axis.set_major_formatter(ScalarFormatter())
    right.set_title("L-BFGS climbs the marginal likelihood", loc="left")
    page.savefig(path, dpi=110)


def main(argv: list[str] | None = None) -> Fit:
    """Fit, report, and save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=30, help="L-BFGS steps at most")
    parser.add_argument("--picture", type=Path, default=Path("gaussian_process.png"))
    options = parser.parse_args(argv)

    flavanoids, logs = load()
    offset = logs.mean()
    x, y = ut.asarray(flavanoids), ut.asarray(logs - offset)
    start = time.perf_counter()
    found = fit(
        x, y, steps=options.steps, seen=lambda i, value: print(f"step {i:2}  log likelihood {value:10.4f}")
    )
    seconds = time.perf_counter() - start
    print(f"\nbackend         {x.backend} ({ut.current_backend().version()}), device {x.device}")
    print(f"time            {seconds:.2f} s for {len(found.path) - 1} steps")
    print(f"log likelihood  {found.likelihoods[0]:.4f} before, {found.best:.4f} after")
    for name, value in zip(NAMES, found.theta.tolist()):
        print(f"{name:14}  {math.exp(value):.4f}")
    draw(options.picture, found, x, y, offset)
    print(f"picture         {options.picture}")
    return found


if __name__ == "__main__":
    main()
