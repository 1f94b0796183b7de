"""Train a two-layer softmax classifier on scikit-learn's 1,797 handwritten digits.

    python examples/digits_by_hand.py
    UNITENSOR_BACKEND=torch python examples/digits_by_hand.py

The program is plain Tensor operations; the engine is chosen from outside and nothing else changes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_digits

import unitensor as ut


class Split(NamedTuple):
    """Images as rows of 64 numbers in 0 to 1, and the digit that each one shows."""

    images: np.ndarray
    labels: np.ndarray


def load(rng: np.random.Generator) -> tuple[Split, Split]:
    """The data, shuffled: the training split, and a fifth held out for the test."""
    data = load_digits()
    order = rng.permutation(len(data.target))
    images, labels = data.data[order] / 16, data.target[order]
    held_out = len(order) // 5
    return Split(images[held_out:], labels[held_out:]), Split(images[:held_out], labels[:held_out])


def initialize(rng: np.random.Generator, hidden: int = 64) -> list[ut.Tensor]:
    """Weights and biases of both layers, drawn with NumPy so that every engine starts alike."""
    w1 = rng.normal(0, np.sqrt(2 / 64), (64, hidden))
    w2 = rng.normal(0, np.sqrt(2 / hidden), (hidden, 10))
    values = [w1, np.zeros(hidden), w2, np.zeros(10)]
    return [ut.tensor(value, requires_grad=True) for value in values]


def predict(parameters: list[ut.Tensor], images: ut.Tensor) -> ut.Tensor:
    """The logarithm of each digit's probability, a row an image."""
    w1, b1, w2, b2 = parameters
    scores = ut.maximum(images @ w1 + b1, 0) @ w2 + b2
    scores = scores - ut.max(scores, axis=1, keepdims=True)
    return scores - ut.log(ut.sum(ut.exp(scores), axis=1, keepdims=True))


def loss_of(parameters: list[ut.Tensor], images: ut.Tensor, labels: ut.Tensor) -> ut.Tensor:
    """The mean cross-entropy."""
    chosen = ut.take_along_axis(predict(parameters, images), labels[:, None], axis=1)
    return -ut.mean(chosen)


def accuracy_of(parameters: list[ut.Tensor], images: ut.Tensor, labels: ut.Tensor) -> float:
    """The share of images whose most probable digit is the right one."""
    with ut.no_grad():
        right = ut.argmax(predict(parameters, images), axis=1) == labels
    return float(ut.mean(right.to(images.dtype)))


def train(
    *,
    steps: int = 1000,
    batch: int = 64,
    rate: float = 0.5,
    seed: int = 0,
    track: Callable[[int, Callable[[], str]], Iterator[int]] | None = None,
) -> tuple[list[ut.Tensor], list[float], Split]:
    """Gradient descent on mini-batches: the parameters, the loss at each step, and the test split."""
    rng = np.random.default_rng(seed)
    training, test = load(rng)
    parameters = initialize(rng)
    images, labels = ut.asarray(training.images), ut.asarray(training.labels)
    losses: list[float] = []
    for _ in track(steps, lambda: f"loss {losses[-1]:.4f}") if track else range(steps):
        rows = ut.asarray(rng.choice(len(training.labels), batch, replace=False))
        loss = loss_of(parameters, images[rows], labels[rows])
        loss.backward()
        with ut.no_grad():
            for p in parameters:
                p -= rate * p.grad
                p.zero_grad()
        losses.append(loss.item())
    return parameters, losses, test


def progress(steps: int, describe: Callable[[], str]) -> Iterator[int]:
    """Count the steps under a progress bar: rich's if it is installed, else a plain one."""
    try:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:
        for step in range(steps):
            yield step
            if step % 20 == 19 or step == steps - 1:
                bar = "#" * (30 * (step + 1) // steps)
                print(f"\rtraining [{bar:<30}] {step + 1}/{steps} {describe()}", end="", file=sys.stderr)
        print(file=sys.stderr)
        return
    columns = (
        TextColumn("training"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} {task.description}"),
    )
    with Progress(*columns, TimeElapsedColumn()) as shown:
        task = shown.add_task("", total=steps)
        for step in range(steps):
            yield step
            shown.update(task, advance=1, description=describe())


def draw(path: Path, title: str, losses: list[float], test: Split, predicted: np.ndarray) -> None:
    """One picture: the loss curve, and test digits with their predictions (wrong ones in red)."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    rows, columns = 4, 8
    wrong = np.flatnonzero(predicted != test.labels)
    shown = np.concatenate([wrong[:columns], np.flatnonzero(predicted == test.labels)])[: rows * columns]
    figure = plt.figure(figsize=(12, 4.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.5))
    axes = left.subplots()
    window = 20
    axes.semilogy(losses, color="0.8", linewidth=1, label="each mini-batch")
    smooth = np.convolve(losses, np.ones(window) / window, "valid")
    axes.semilogy(np.arange(len(smooth)) + window - 1, smooth, color="C0", label=f"mean of {window}")
    axes.set(xlabel="step", ylabel="cross-entropy", title="training loss")
    axes.legend(frameon=False)
    right.suptitle(f"{title}; the misclassified come first, in red")
    for ax, i in zip(right.subplots(rows, columns).flat, shown):
        ax.imshow(test.images[i].reshape(8, 8), cmap="gray_r")
        good = predicted[i] == test.labels[i]
        text = f"{predicted[i]}" if good else f"{predicted[i]}, not {test.labels[i]}"
        ax.set_title(text, color="C2" if good else "C3", fontsize=9, pad=2)
        ax.set_axis_off()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Train, report, and save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, default=Path("digits_by_hand.png"))
    options = parser.parse_args(argv)

    start = time.perf_counter()
    parameters, losses, test = train(steps=options.steps, seed=options.seed, track=progress)
    seconds = time.perf_counter() - start
    images, labels = ut.asarray(test.images), ut.asarray(test.labels)
    accuracy = accuracy_of(parameters, images, labels)
    predicted = ut.argmax(predict(parameters, images), axis=1).numpy()
    title = f"{images.backend}: {accuracy:.1%} of {len(test.labels)} test digits right"
    draw(options.picture, title, losses, test, predicted)

    print(f"backend        {images.backend} ({ut.current_backend().version()})")
    print(f"device         {images.device}")
    print(f"time           {seconds:.2f} s for {options.steps} steps")
    print(f"loss           {losses[0]:.4f} at first, {sum(losses[-20:]) / len(losses[-20:]):.4f} at last")
    print(f"test accuracy  {accuracy:.4f} on {len(test.labels)} held-out digits")
    print(f"picture        {options.picture}")
    return {"accuracy": accuracy, "losses": losses}


if __name__ == "__main__":
    main()
