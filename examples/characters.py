"""Teach a small transformer to write, letter by letter, on the language reference that Python ships with.

    python examples/characters.py
    UNITENSOR_BACKEND=torch python examples/characters.py

It prints its loss, and what it writes, as it learns: a few minutes on NumPy.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pydoc_data.topics import topics
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import unitensor as ut
from unitensor import nn
from unitensor.data import DataLoader, Dataset

CONTEXT = 64
BATCH = 32


class Text:
    """A text as numbers: each letter is its place in the alphabet."""

    def __init__(self, text: str) -> None:
        self.alphabet = sorted(set(text))
        self.place = {letter: i for i, letter in enumerate(self.alphabet)}
        self.numbers = np.array(self.encode(text))

    def encode(self, text: str) -> list[int]:
        """The numbers of some letters."""
        return [self.place[letter] for letter in text]

    def decode(self, numbers: list[int]) -> str:
        """The letters of some numbers."""
        return "".join(self.alphabet[i] for i in numbers)


def reference() -> Text:
    """Python's help on its syntax and its types: each paragraph once, no tables, plain letters alone."""
    whole = "\n\n".join(topics[name] for name in sorted(topics))
    paragraphs = [p for p in dict.fromkeys(whole.split("\n\n")) if p.lstrip()[:1] not in ("|", "+")]
    text = "\n\n".join(paragraphs)
    return Text("".join(letter for letter in text if letter == "\n" or " " <= letter <= "~"))


class Windows(Dataset):
    """Every stretch of a text, and the same one letter on: what comes next at each place."""

    def __init__(self, numbers: Any) -> None:
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers) - CONTEXT

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        return self.numbers[i : i + CONTEXT], self.numbers[i + 1 : i + CONTEXT + 1]


class Writer(nn.Module):
    """The scores of each letter to come next, at every place of a text."""

    def __init__(self, letters: int, width: int = 96, heads: int = 4, depth: int = 2) -> None:
        self.letters = nn.Embedding(letters, width)
        self.places = nn.Embedding(CONTEXT, width)
        self.blocks = [
            nn.TransformerBlock(width, heads, 4 * width, dropout=0.0, norm_first=True) for _ in range(depth)
        ]
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, letters)
        for table in (self.letters, self.places):
            nn.init.normal_(table.weight, 0.0, 0.1)

    def forward(self, text: ut.Tensor) -> ut.Tensor:
        """A text of shape (batch, length) gives scores of shape (batch, length, letters)."""
        length = text.shape[1]
        mask = nn.causal_mask(length, device=text.device)
        x = self.letters(text) + self.places.weight[:length]
        for block in self.blocks:
            x = block(x, mask=mask)
        return self.head(self.norm(x))


def loss_of(net: Writer, text: ut.Tensor, following: ut.Tensor) -> ut.Tensor:
    """The mean cross entropy of the letters that follow."""
    scores = net(text)
    return nn.cross_entropy(ut.reshape(scores, (-1, scores.shape[2])), ut.reshape(following, (-1,)))


def write(net: Writer, text: Text, start: str, length: int, generator: ut.random.Generator) -> str:
    """Go on from a start; each letter is drawn by its probability, the likelier ones preferred a little."""
    written = text.encode(start)
    with ut.no_grad():
        for _ in range(length):
            seen = written[-CONTEXT:]
            # Always of one length, because JAX compiles for each; what follows a place does not matter to it.
            scores = net(ut.asarray([seen + [0] * (CONTEXT - len(seen))])).numpy()[0, len(seen) - 1]
            written.append(int(generator.categorical(logits=scores / 0.7)))
    return text.decode(written)


class Report(NamedTuple):
    """How far the training is: the loss, that on unseen text, and what the network writes."""

    step: int
    loss: float
    unseen: float
    written: str


def train(
    text: Text, *, steps: int, reports: int, length: int, seed: int, dtype: ut.DType = ut.float32
) -> Iterator[float | Report]:
    """Train with AdamW; gives the loss of each step, and a report every now and then.

    Every random number comes from the seed, so all engines train alike.
    """
    ut.random.seed(seed)
    order, drawing = ut.random.Generator(seed).spawn(2)
    cut = len(text.numbers) * 9 // 10
    loader = DataLoader(Windows(text.numbers[:cut]), BATCH, shuffle=True, generator=order)
    unseen = next(iter(DataLoader(Windows(text.numbers[cut:]), 4 * BATCH, shuffle=True, generator=order)))
    net = Writer(len(text.alphabet)).to(dtype)
    optimizer = ut.optim.AdamW(net)
    schedule = ut.optim.OneCycleLR(optimizer, 4e-3, max(steps, 2), up=0.1)
    due = {round((i + 1) * steps / reports) for i in range(reports)}
    losses: list[float] = []
    for batch in loader:
        optimizer.zero_grad()
        loss = loss_of(net, *batch)
        loss.backward()
        ut.optim.clip_grad_norm(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        yield losses[-1]
        if len(losses) in due:
            with ut.no_grad():
                on_unseen = loss_of(net, *unseen).item()
            recent = losses[-50:]
            written = write(net, text, "\n", length, drawing)
            yield Report(len(losses), sum(recent) / len(recent), on_unseen, written)
        if len(losses) == steps:
            return


def progress() -> Progress:
    """A bar that counts steps, on the terminal."""
    return Progress(
        TextColumn("training"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} {task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def main(argv: list[str] | None = None) -> list[Report]:
    """Train, and print what is written on the way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--reports", type=int, default=5)
    parser.add_argument("--length", type=int, default=300, help="letters to write at each report")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)

    text = reference()
    device = ut.asarray(0).device
    print(f"backend  {ut.current_backend().name} ({ut.current_backend().version()}), device {device}")
    print(f"text     {len(text.numbers):,} letters, {len(text.alphabet)} different ones")
    start = time.perf_counter()
    reports: list[Report] = []
    with progress() as bar:
        task = bar.add_task("", total=options.steps)
        for found in train(
            text, steps=options.steps, reports=options.reports, length=options.length, seed=options.seed
        ):
            if isinstance(found, float):
                bar.update(task, advance=1, description=f"loss {found:.3f}")
                continue
            reports.append(found)
            head = f"step {found.step}: loss {found.loss:.3f}, on unseen text {found.unseen:.3f}"
            print(f"\n--- {head}\n{found.written.strip()}", flush=True)
    print(f"\ntime     {time.perf_counter() - start:.0f} s for {options.steps} steps")
    return reports


if __name__ == "__main__":
    main()
