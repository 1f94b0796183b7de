"""Train a small convolutional network on scikit-learn's 1,797 handwritten digits.

    python examples/digits.py
    UNITENSOR_BACKEND=torch python examples/digits.py

Layers, optimizer, loader and random numbers are unitensor's own; the engine is chosen from outside.
`digits_by_hand.py` does the like with plain operations.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn.datasets import load_digits

import unitensor as ut
from unitensor import nn
from unitensor.data import DataLoader, Subset, TensorDataset, random_split

BATCH = 64


def load(generator: ut.random.Generator, dtype: ut.DType) -> list[Subset]:
    """Images of one channel with values in 0 to 1, and their digits: a training part, and a fifth for the test."""
    data = load_digits()
    images = ut.asarray(data.images[:, None] / 16, dtype=dtype)
    return random_split(TensorDataset(images, ut.asarray(data.target)), [0.8, 0.2], generator)


def network() -> nn.Module:
    """Two convolutions, each with pooling, and a layer that tells the ten digits apart."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool(2),
        nn.Conv2d(16, 48, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(192, 10),
    )


def train(
    *,
    epochs: int = 25,
    steps: int | None = None,
    seed: int = 0,
    dtype: ut.DType = ut.float32,
    rate: float = 1e-2,
) -> tuple[nn.Module, list[float], Subset]:
    """Train with Adam: the network, the loss at each step, and the test part.

    `steps` stops early; every random number comes from the seed, so all engines train alike.
    """
    ut.random.seed(seed)
    generator = ut.random.Generator(seed)
    training, test = load(generator, dtype)
    loader = DataLoader(training, BATCH, shuffle=True, drop_last=True, generator=generator)
    net = network().to(dtype)
    total = epochs * len(loader)
    optimizer = ut.optim.Adam(net)
    schedule = ut.optim.OneCycleLR(optimizer, rate, total)
    losses: list[float] = []
    with progress() as bar:
        task = bar.add_task("", total=min(total, steps or total))
        for _ in range(epochs):
            for images, labels in loader:
                if len(losses) == steps:
                    break
                optimizer.zero_grad()
                loss = nn.cross_entropy(net(images), labels)
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
                bar.update(task, advance=1, description=f"loss {losses[-1]:.4f}")
    return net, losses, test


def progress() -> Progress:
    """A bar that counts steps, on the terminal."""
    return Progress(
        TextColumn("training"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} {task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def predict(net: nn.Module, images: ut.Tensor) -> Any:
    """The most probable digit of each image, as a NumPy array."""
    net.eval()
    with ut.no_grad():
        return ut.argmax(net(images), axis=1).numpy()


def draw(path: Path, title: str, losses: list[float], images: Any, labels: Any, predicted: Any) -> None:
    """One picture: the loss curve, and test digits with their predictions (wrong ones in red)."""
    from matplotlib.figure import Figure

    rows, columns = 4, 8
    wrong = np.flatnonzero(predicted != labels)
    shown = np.concatenate([wrong[:columns], np.flatnonzero(predicted == labels)])[: rows * columns]
    page = Figure(figsize=(12, 4.2), layout="constrained")
    left, right = page.subfigures(1, 2, width_ratios=(1, 1.5))
    axes = left.subplots()
    window = min(20, len(losses))
    axes.semilogy(losses, color="0.8", linewidth=1, label="each mini-batch")
    smooth = np.convolve(losses, np.ones(window) / window, "valid")
    axes.semilogy(np.arange(len(smooth)) + window - 1, smooth, color="C0", label=f"mean of {window}")
    axes.set(xlabel="step", ylabel="cross-entropy", title="training loss")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    right.suptitle(f"{title}; the misclassified come first, in red")
    for ax, i in zip(right.subplots(rows, columns).flat, shown):
        ax.imshow(images[i, 0], cmap="gray_r")
        good = predicted[i] == labels[i]
        ax.set_title(
            f"{predicted[i]}" if good else f"{predicted[i]}, not {labels[i]}",
            color="C2" if good else "C3",
            fontsize=9,
            pad=2,
        )
        ax.set_axis_off()
    page.savefig(path, dpi=110)


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Train, report, and save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--steps", type=int, help="stop early")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, default=Path("digits.png"))
    options = parser.parse_args(argv)

    start = time.perf_counter()
    net, losses, test = train(epochs=options.epochs, steps=options.steps, seed=options.seed)
    seconds = time.perf_counter() - start
    images, labels = next(iter(DataLoader(test, len(test))))
    predicted, truth = predict(net, images), labels.numpy()
    accuracy = float(np.mean(predicted == truth))
    title = f"{images.backend}: {accuracy:.1%} of {len(truth)} test digits right"
    draw(options.picture, title, losses, images.numpy(), truth, predicted)

    last = losses[-20:]
    print(f"backend        {images.backend} ({ut.current_backend().version()})")
    print(f"device         {images.device}")
    print(f"time           {seconds:.2f} s for {len(losses)} steps")
    print(f"loss           {losses[0]:.4f} at first, {sum(last) / len(last):.4f} at last")
    print(f"test accuracy  {accuracy:.4f} on {len(truth)} held-out digits")
    print(f"picture        {options.picture}")
    return {"accuracy": accuracy, "losses": losses}


if __name__ == "__main__":
    main()
