"""An epoch of training on scikit-learn's handwritten digits, with layers, loss and Adam from the library."""

from __future__ import annotations

from typing import Any

import numpy as np

import unitensor as ut
from unitensor import nn

from ._bench import Run, race
from ._peers import peer

BATCH = 64
HIDDEN = 64


def batches(flat: bool) -> list[tuple[Any, Any]]:
    """Four fifths of the digits, shuffled, as images and labels."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))[len(data.target) // 5 :]
    images = (data.images[order] / 16).astype(np.float32)
    images = images.reshape(-1, 64) if flat else images[:, None]
    labels = data.target[order]
    starts = range(0, len(order), BATCH)
    return [(images[i : i + BATCH], labels[i : i + BATCH]) for i in starts]


def layers(m: Any, flat: bool) -> Any:
    """The network; `m` is `unitensor.nn` or `torch.nn`."""
    if flat:
        return m.Sequential(m.Linear(64, HIDDEN), m.ReLU(), m.Linear(HIDDEN, 10))
    pool = m.MaxPool if m is nn else m.MaxPool2d
    return m.Sequential(
        m.Conv2d(1, 16, 3, padding=1),
        m.ReLU(),
        pool(2),
        m.Conv2d(16, 32, 3, padding=1),
        m.ReLU(),
        pool(2),
        m.Flatten(),
        m.Linear(128, 10),
    )


def epochs(flat: bool) -> dict[str, Run]:
    """The losses of an epoch in each library; weights start alike and move on from call to call."""
    ut.random.seed(0)
    net = layers(nn, flat).to(ut.float32)
    start = {name: value.numpy() for name, value in net.state_dict().items()}
    adam = ut.optim.Adam(net)
    data = batches(flat)
    ours = [(ut.asarray(x), ut.asarray(y)) for x, y in data]

    def in_unitensor() -> Any:
        losses = []
        for x, y in ours:
            adam.zero_grad()
            loss = nn.cross_entropy(net(x), y)
            loss.backward()
            adam.step()
            losses.append(loss.item())
        return np.array(losses)

    found: dict[str, Run] = {"unitensor": in_unitensor}
    if torch := peer("torch"):
        found["torch"] = in_torch(torch, flat, start, data)
        found["torch, fused Adam"] = in_torch(torch, flat, start, data, fused=True)
    return found


def in_torch(torch: Any, flat: bool, start: Any, data: Any, **options: Any) -> Run:
    """The same with PyTorch's layers and its Adam."""
    net = layers(torch.nn, flat)
    net.load_state_dict({name: torch.tensor(value) for name, value in start.items()})
    adam = torch.optim.Adam(net.parameters(), **options)
    batches = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in data]

    def run() -> Any:
        losses = []
        for x, y in batches:
            adam.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(x), y)
            loss.backward()
            adam.step()
            losses.append(loss.item())
        return np.array(losses)

    return run


race("epoch of the digits, MLP", ratio={"torch": 1.0}, rtol=1e-4)(lambda: epochs(flat=True))
race("epoch of the digits, convolutional", ratio={"torch": 2.0}, rtol=1e-4)(lambda: epochs(flat=False))
