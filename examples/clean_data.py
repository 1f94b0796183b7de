"""Find wrong measurements by differentiating a scikit-learn pipeline, its fit included.

    python examples/clean_data.py
    UNITENSOR_BACKEND=torch python examples/clean_data.py

A quarter of the training targets have been mixed up among themselves. Each row gets a weight, and the
weights learn by gradient what makes the fitted pipeline predict 150 trusted rows well: scaling, polynomial
features and a ridge regression, all scikit-learn's own, as installed. The further off a target is, the
less its row weighs in the end. Which ones are off is used nowhere but in the picture and the last figures.
"""

from __future__ import annotations

import argparse
import os
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ["SCIPY_ARRAY_API"] = "1"  # before SciPy is imported; scikit-learn asks for it

import numpy as np
import sklearn
from sklearn.datasets import make_friedman1
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

import unitensor as ut

TRAINED, TRUSTED, TESTED = 400, 150, 300


def load(seed: int) -> tuple[dict[str, Any], Any]:
    """Rows to train on, trusted ones and the rest for the test; and how far off each training target is."""
    rng = np.random.default_rng(seed)
    rows, targets = make_friedman1(TRAINED + TRUSTED + TESTED, n_features=5, noise=0.5, random_state=seed)
    targets = (targets - targets.mean()) / targets.std()
    right = targets[:TRAINED].copy()
    mixed = rng.choice(TRAINED, TRAINED // 4, replace=False)
    targets[mixed] = rng.permutation(targets[mixed])
    ends = {"train": (0, TRAINED), "trusted": (TRAINED, TRAINED + TRUSTED), "test": (TRAINED + TRUSTED, None)}
    data = {
        name: (ut.asarray(rows[slice(*of)]), ut.asarray(targets[slice(*of)])) for name, of in ends.items()
    }
    return data, np.abs(targets[:TRAINED] - right)


def fit(data: dict[str, Any], weights: Any) -> Any:
    """The pipeline, fitted with a weight for each training row."""
    made = make_pipeline(
        StandardScaler(), PolynomialFeatures(2, include_bias=False), Ridge(1.0, solver="svd")
    )
    return made.fit(*data["train"], ridge__sample_weight=weights)


def error(scores: Any, data: dict[str, Any]) -> Any:
    """How far the fitted pipeline is off on the trusted rows."""
    rows, targets = data["trusted"]
    return ut.mean((fit(data, ut.sigmoid(scores)).predict(rows) - targets) ** 2)


def clean(data: dict[str, Any], steps: int, rate: float = 0.1) -> tuple[Any, list[float], list[float]]:
    """The learned weights, and at each step the trusted error and R² on the test rows."""
    scores = ut.full(TRAINED, 1.0, dtype=ut.float64).requires_grad_()
    optimizer = ut.optim.Adam([scores], rate)
    errors, tested = [], []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = error(scores, data)
        loss.backward()
        optimizer.step()
        errors.append(loss.item())
        tested.append(score(data, ut.sigmoid(scores.detach())))
    return ut.sigmoid(scores.detach()).numpy(), errors, tested


def score(data: dict[str, Any], weights: Any) -> float:
    """R² on the rows that nothing was learned from."""
    rows, targets = data["test"]
    return float(r2_score(targets, fit(data, weights).predict(rows)))


def draw(path: Path, weights: Any, off: Any, tested: list[float], bounds: tuple[float, float]) -> None:
    """The weights against how far off the targets are, and what the test says as they are learned."""
    from matplotlib.figure import Figure

    page = Figure(figsize=(11, 4), layout="constrained")
    left, right = page.subplots(1, 2)
    edges = [0.0, 1e-9, 0.5, 1.0, 1.5, 2.0, np.inf]
    groups = [weights[(off >= a) & (off < b)] for a, b in pairwise(edges)]
    names = ["right", "to 0.5", "to 1", "to 1.5", "to 2", "more"]
    for place, group in enumerate(groups):
        jitter = np.linspace(-0.28, 0.28, len(group)) if len(group) else group
        color = "C3" if place else "C0"
        left.plot(place + jitter, group, ".", color=color, alpha=0.35, markersize=5)
        left.plot(
            [place - 0.35, place + 0.35],
            [group.mean() if len(group) else np.nan] * 2,
            color=color,
            linewidth=3,
        )
    left.set_xticks(range(len(names)), names)
    left.set(
        xlabel="how far the target is off",
        ylabel="learned weight, and its mean",
        title="wrong rows lose their weight",
    )
    right.plot(tested, color="C0")
    for value, words, above in zip(bounds, ("all rows weigh the same", "only the right rows"), (3, -11)):
        right.axhline(value, color="0.6", linestyle="--", linewidth=1)
        right.annotate(
            words, (len(tested) - 1, value), (0, above), textcoords="offset points", ha="right", color="0.4"
        )
    right.set(xlabel="step", ylabel="R² on test rows", title="and the predictions get better")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    page.savefig(path, dpi=110)


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Clean, report, and save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, default=Path("clean_data.png"))
    options = parser.parse_args(argv)
    # scikit-learn quietens its 0 / 0 in StandardScaler for NumPy's own arrays alone.
    with sklearn.config_context(array_api_dispatch=True), np.errstate(invalid="ignore"):
        data, off = load(options.seed)
        bounds = score(data, ut.ones(TRAINED)), score(data, ut.asarray((off == 0) * 1.0))
        start = time.perf_counter()
        weights, errors, tested = clean(data, options.steps)
        seconds = time.perf_counter() - start
    draw(options.picture, weights, off, tested, bounds)
    means = float(weights[off == 0].mean()), float(weights[off > 1].mean())
    print(f"backend        {ut.current_backend().name}")
    print(f"time           {seconds:.1f} s for {options.steps} fits and their gradients")
    print(f"trusted error  {errors[0]:.4f} at first, {errors[-1]:.4f} at last")
    print(
        f"test R²        {bounds[0]:.3f} with all rows alike, {tested[-1]:.3f} with learned weights, {bounds[1]:.3f} with the right rows alone"
    )
    print(f"mean weight    {means[0]:.2f} of right rows, {means[1]:.2f} of those far off")
    print(f"picture        {options.picture}")
    return {"errors": errors, "tested": tested, "means": means, "bounds": bounds}


if __name__ == "__main__":
    main()
