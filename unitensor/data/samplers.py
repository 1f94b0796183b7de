"""In which order samples are taken, with a place and a random state that can be saved."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import numpy as np

import unitensor as ut
from unitensor.random import Generator


class Sampler:
    """An order of indices for each epoch. A subclass defines `order` and `__len__`.

    `order` draws from `self.generator`, a stream of the sampler's own. A saved state is where the
    order now under way began, and how much of it was given; loading it goes on from there. A subclass
    that defines `__iter__` itself, as PyTorch's do, resumes in a loader if its order is always the same.

    >>> from unitensor.data import RandomSampler
    >>> sampler = RandomSampler(range(4))
    >>> first = iter(sampler)
    >>> head, state = [next(first), next(first)], sampler.state_dict()
    >>> tail = list(first)
    >>> sampler.load_state_dict(state)
    >>> list(sampler) == tail
    True
    """

    _stream: Generator | None = None
    _began: dict[str, Any] | None = None
    _given = 0
    _skip = 0

    def __init__(self, generator: Generator | None = None) -> None:
        source = generator if generator is not None else ut.random.default_generator()
        # A stream of its own: what else is drawn from the source cannot change the order.
        self._stream = source.spawn(1)[0]

    @property
    def generator(self) -> Generator:
        """What orders are drawn from; a subclass that did not call `__init__` gets it at first use."""
        if self._stream is None:
            Sampler.__init__(self)
        assert self._stream is not None
        return self._stream

    def order(self) -> Iterable[Any]:
        """The order of one epoch; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: define order(self)")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__}: define __len__(self)")

    def __iter__(self) -> Iterator[Any]:
        self._began = self.generator.state
        self._given, self._skip = self._skip, 0
        return self._walk(itertools.islice(self.order(), self._given, None))

    def _walk(self, order: Iterator[Any]) -> Iterator[Any]:
        for index in order:
            self._given += 1
            yield index
        self._began, self._given = None, 0

    def state_dict(self) -> dict[str, Any]:
        """Where the epoch began, and how many indices it has given."""
        if self._began is None:
            return {"generator": self.generator.state, "given": self._skip}
        return {"generator": self._began, "given": self._given}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state: the next epoch begins where that one was."""
        self.generator.state = state["generator"]
        self._began, self._given, self._skip = None, 0, int(state["given"])


class SequentialSampler(Sampler):
    """From the first sample to the last."""

    def __init__(self, data_source: Sized) -> None:
        super().__init__(Generator(0))
        self.data_source = data_source

    def order(self) -> Iterable[int]:
        return range(len(self.data_source))

    def __len__(self) -> int:
        return len(self.data_source)


def _count(name: str, what: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ValueError(f"{name}: {what} is {value!r}; expected an integer of 1 or more")
    return int(value)


class RandomSampler(Sampler):
    """All samples in random order, or `num_samples` of them, also with replacement.

    >>> import unitensor as ut
    >>> from unitensor.data import RandomSampler
    >>> sorted(RandomSampler(range(5), generator=ut.random.Generator(0)))
    [0, 1, 2, 3, 4]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.data_source, self.replacement = data_source, replacement
        self.num_samples = (
            None if num_samples is None else _count("RandomSampler", "num_samples", num_samples)
        )

    def __len__(self) -> int:
        return len(self.data_source) if self.num_samples is None else self.num_samples

    def order(self) -> Iterable[int]:
        n, wanted = len(self.data_source), len(self)
        if not n:
            return []
        if self.replacement:
            drawn = self.generator.integers(0, n, (wanted,), device="numpy:cpu").tolist()
            return drawn  # type: ignore[no-any-return]  # tolist is untyped
        rounds = [self.generator.permutation(n, device="numpy:cpu").tolist() for _ in range(-(-wanted // n))]
        return itertools.islice(itertools.chain.from_iterable(rounds), wanted)


class WeightedRandomSampler(Sampler):
    """Indices at random, as often as their weights say.

    >>> import unitensor as ut
    >>> from unitensor.data import WeightedRandomSampler
    >>> list(WeightedRandomSampler([0.0, 1.0], 3))
    [1, 1, 1]
    """

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        found = weights.detach().numpy() if isinstance(weights, ut.Tensor) else np.asarray(weights)
        if found.ndim != 1 or not (np.all(found >= 0) and np.all(np.isfinite(found)) and np.any(found > 0)):
            raise ValueError("WeightedRandomSampler: expected weights of 0 or more along one axis, not all 0")
        self.weights = found
        self.num_samples = _count("WeightedRandomSampler", "num_samples", num_samples)
        self.replacement = replacement
        possible = int(np.count_nonzero(found))
        if not replacement and num_samples > possible:
            raise ValueError(
                f"WeightedRandomSampler: {num_samples} of {possible} without replacement; "
                "use replacement=True"
            )

    def __len__(self) -> int:
        return self.num_samples

    def order(self) -> Iterable[int]:
        drawn = self.generator.choice(
            len(self.weights),
            (self.num_samples,),
            replace=self.replacement,
            p=self.weights,
            device="numpy:cpu",
        )
        return drawn.tolist()  # type: ignore[no-any-return]  # tolist is untyped


class SubsetRandomSampler(Sampler):
    """Some indices in random order."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        super().__init__(generator)
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def order(self) -> Iterable[int]:
        places = self.generator.permutation(len(self.indices), device="numpy:cpu").tolist()
        return [self.indices[i] for i in places]


class BatchSampler:
    """Lists of `batch_size` indices of another sampler; the last may be shorter, or is dropped.

    >>> from unitensor.data import BatchSampler
    >>> list(BatchSampler(range(5), 2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Any, batch_size: int, drop_last: bool = False) -> None:
        self.sampler, self.drop_last = sampler, drop_last
        self.batch_size = _count("BatchSampler", "batch_size", batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        return self._walk(iter(self.sampler))

    def _walk(self, indices: Iterator[int]) -> Iterator[list[int]]:
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        n: int = len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def state_dict(self) -> Any:
        """The sampler's state, or None if it keeps none."""
        return self.sampler.state_dict() if hasattr(self.sampler, "state_dict") else None

    def load_state_dict(self, state: Any) -> None:
        """Go on from a saved state."""
        if state is not None:
            self.sampler.load_state_dict(state)
