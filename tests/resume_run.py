"""A small training run with checkpoints, for test_resume; as a script it is killed after some step."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import unitensor as ut
from unitensor import nn, optim
from unitensor.data import DataLoader, TensorDataset


def train(path: str, steps: int, die_after: int = -1) -> tuple[int, list[float]]:
    """Train, go on from the checkpoint if there is one; the step it began at, and the losses since."""
    make = ut.random.Generator(1)
    data = TensorDataset(make.normal((24, 5)), make.integers(0, 3, (24,)))
    ut.random.seed(0)
    first = nn.Linear(5, 16, bias=False)  # a bias before a BatchNorm has gradients of rounding alone
    net = nn.Sequential(first, nn.BatchNorm(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
    optimizer = optim.AdamW(net, lr=0.01)
    schedule = optim.CosineLR(optimizer, steps)
    loader = DataLoader(data, batch_size=4, shuffle=True, num_workers=2)
    step, losses = 0, []

    if os.path.exists(path):
        saved = ut.load(path)
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        loader.load_state_dict(saved["loader"])
        ut.random.default_generator().state = saved["random"]
        step = saved["step"]
    began = step

    everything: dict[str, Any] = {
        "net": net,
        "optimizer": optimizer,
        "schedule": schedule,
        "loader": loader,
        "random": ut.random.default_generator(),
    }
    while step < steps:
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            losses.append(loss.item())
            if step % 4 == 0 or step == steps:
                ut.save({**everything, "step": step}, path)
            if step == die_after:
                os.kill(os.getpid(), signal.SIGKILL)
            if step == steps:
                break
    return began, losses


if __name__ == "__main__":
    train(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
