"""Where samples come from: by index, or one after another; Tensors, NumPy, pandas, any iterable."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

import unitensor as ut
from unitensor.random import Generator

T = ut.Tensor


class Dataset:
    """Samples by index. A subclass defines `__getitem__` and `__len__`; any object that has both will do.

    A `batch(indices)` of its own, which returns what collating those samples gives, makes loading faster.

    >>> from unitensor.data import DataLoader, Dataset
    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 5
    ...     def __getitem__(self, i):
    ...         return i * i
    >>> [batch.tolist() for batch in DataLoader(Squares(), batch_size=2)]
    [[0, 1], [4, 9], [16]]
    """

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: define __getitem__(self, index)")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__}: define __len__(self)")

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))


class IterableDataset:
    """Samples one after another, anew each time. A subclass defines `__iter__`.

    One worker reads it ahead. To have more, define `shard(index, count)`: the part of the samples,
    itself an iterable, that worker `index` of `count` reads; batches then come from each in turn.

    >>> from unitensor.data import DataLoader, IterableDataset
    >>> class Count(IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(3))
    >>> [batch.tolist() for batch in DataLoader(Count(), batch_size=2)]
    [[0, 1], [2]]
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__}: define __iter__(self)")


class Stream(IterableDataset):
    """Any iterable as a data set. One that can be read only once gives one epoch; a second is an error."""

    def __init__(self, source: Iterable[Any]) -> None:
        self.source = source
        self._begun = False

    def __iter__(self) -> Iterator[Any]:
        found = iter(self.source)
        if found is self.source:
            if self._begun:
                raise RuntimeError(
                    f"Stream: the {type(self.source).__name__} has been read, and can be read only once; "
                    "give an iterable that begins anew, such as a list or an IterableDataset"
                )
            self._begun = True
        return found


def _rows(x: Any) -> Any:
    """A Tensor, or a NumPy array of what has rows."""
    if isinstance(x, (T, np.ndarray)):
        return x
    return x.to_numpy() if _is_pandas(x) else ut.asarray(x)


def _is_pandas(x: Any) -> bool:
    return type(x).__module__.partition(".")[0] == "pandas" and hasattr(x, "iloc")


def take(x: Any, indices: Any) -> Any:
    """Rows of a Tensor (recorded, if it needs a gradient) or of a NumPy array."""
    if isinstance(x, T):
        return x[ut.asarray(np.asarray(indices, dtype=np.int64), device=x.device)]
    return x[np.asarray(indices, dtype=np.int64)]


class TensorDataset(Dataset):
    """The rows of Tensors (or NumPy arrays, pandas frames, lists) of one length; a sample is a tuple.

    NumPy arrays stay where they are, also memory-mapped ones, until a batch is made of them.

    >>> import unitensor as ut
    >>> from unitensor.data import TensorDataset
    >>> data = TensorDataset(ut.asarray([[1.0, 2.0], [3.0, 4.0]]), ut.asarray([0, 1]))
    >>> len(data), data[1]
    (2, (Tensor([3., 4.], float64, device='numpy:cpu'), Tensor(1, int64, device='numpy:cpu')))
    """

    def __init__(self, *tensors: Any) -> None:
        if not tensors:
            raise ValueError("TensorDataset: got no Tensors")
        self.tensors = tuple(_rows(x) for x in tensors)
        for i, x in enumerate(self.tensors):
            if isinstance(x, np.ndarray) and x.dtype.kind not in "biufc":
                raise TypeError(
                    f"TensorDataset: number {i} has dtype {x.dtype}; expected numbers "
                    "(TableDataset takes columns of anything)"
                )
        shapes = [tuple(x.shape) for x in self.tensors]
        if any(not shape for shape in shapes) or len({shape[0] for shape in shapes}) > 1:
            raise ValueError(f"TensorDataset: the shapes are {shapes}; expected first axes of one length")

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(x[index] for x in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])

    def batch(self, indices: Sequence[int]) -> tuple[Any, ...]:
        """The rows as one batch."""
        return tuple(take(x, indices) for x in self.tensors)


class TableDataset(Dataset):
    """Named columns of one length: a dict of arrays, or a pandas DataFrame; a sample is a dict.

    >>> from unitensor.data import DataLoader, TableDataset
    >>> table = TableDataset({"x": [1.0, 2.0], "name": ["a", "b"]})
    >>> table[1]["name"], next(iter(DataLoader(table, batch_size=2)))["name"]
    ('b', ['a', 'b'])
    """

    def __init__(self, columns: Any) -> None:
        pairs = columns.items()
        self.columns: dict[Any, Any] = {key: self._column(x) for key, x in pairs}
        lengths = {key: len(x) for key, x in self.columns.items()}
        if not lengths or len(set(lengths.values())) > 1:
            raise ValueError(f"TableDataset: the columns have lengths {lengths}; expected one length")

    @staticmethod
    def _column(x: Any) -> Any:
        if isinstance(x, T):
            return x
        found = x.to_numpy() if _is_pandas(x) else np.asarray(x)
        # Words, dates and mixed columns stay Python objects: a batch of them is a list.
        return found if found.dtype.kind in "biufc" else list(x)

    def __getitem__(self, index: int) -> dict[Any, Any]:
        return {key: x[index] for key, x in self.columns.items()}

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def batch(self, indices: Sequence[int]) -> dict[Any, Any]:
        """The rows as one batch."""
        return {
            key: [x[i] for i in indices] if isinstance(x, list) else take(x, indices)
            for key, x in self.columns.items()
        }


class Subset(Dataset):
    """The samples of a data set at some indices.

    >>> from unitensor.data import Subset
    >>> list(Subset("abcd", [3, 0]))
    ['d', 'a']
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def batch(self) -> Callable[[Sequence[int]], Any] | None:
        """The data set's own way to make a batch, if it has one."""
        return None if getattr(self.dataset, "batch", None) is None else self._batch

    def _batch(self, indices: Sequence[int]) -> Any:
        return self.dataset.batch([self.indices[i] for i in indices])


class ConcatDataset(Dataset):
    """Data sets one after another.

    >>> from unitensor.data import ConcatDataset
    >>> list(ConcatDataset(["ab", "c"]))
    ['a', 'b', 'c']
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: got no data sets")
        self.ends = list(itertools.accumulate(len(d) for d in self.datasets))

    def __getitem__(self, index: int) -> Any:
        n = len(self)
        if not -n <= index < n:
            raise IndexError(f"ConcatDataset: index {index} is outside of {n} samples")
        index %= n
        which = bisect.bisect_right(self.ends, index)
        return self.datasets[which][index - (self.ends[which - 1] if which else 0)]

    def __len__(self) -> int:
        return self.ends[-1]


def random_split(dataset: Any, lengths: Sequence[float], generator: Generator | None = None) -> list[Subset]:
    """Parts of a data set, without overlap and at random, of these lengths or fractions that sum to 1.

    >>> import unitensor as ut
    >>> from unitensor.data import random_split
    >>> [len(part) for part in random_split(range(10), [0.75, 0.25], ut.random.Generator(0))]
    [8, 2]
    """
    n = len(dataset)
    fractions = any(isinstance(v, float) for v in lengths)
    if fractions and math.isclose(sum(lengths), 1.0) and min(lengths) >= 0:
        counts = [math.floor(n * v) for v in lengths]
        for i in range(n - sum(counts)):
            counts[i % len(counts)] += 1
    else:
        counts = [int(v) for v in lengths]
        if fractions or sum(counts) != n or min(counts, default=0) < 0:
            raise ValueError(
                f"random_split: lengths are {list(lengths)}; expected integers that sum to {n}, "
                "or fractions that sum to 1"
            )
    source = generator if generator is not None else ut.random.default_generator()
    order = source.permutation(n, device="numpy:cpu").tolist()
    ends = list(itertools.accumulate(counts, initial=0))
    return [Subset(dataset, order[a:b]) for a, b in itertools.pairwise(ends)]


def as_dataset(source: Any) -> Any:
    """A data set of whatever a loader is given.

    What has `__getitem__` and `__len__` has samples by index: data sets, lists, NumPy arrays and
    Tensors (by row). A pandas DataFrame or a dict of columns becomes a `TableDataset`, a Series its values, any
    other iterable a `Stream`.

    >>> from unitensor.data import as_dataset
    >>> type(as_dataset({"x": [1, 2]})).__name__, type(as_dataset(iter([1]))).__name__
    ('TableDataset', 'Stream')
    """
    if isinstance(source, (Dataset, IterableDataset)):
        return source
    if isinstance(source, Mapping) or (_is_pandas(source) and hasattr(source, "columns")):
        return TableDataset(source)
    if _is_pandas(source):
        return _Rows(TableDataset({0: source}).columns[0])
    if isinstance(source, (T, np.ndarray)):
        if not source.ndim:
            raise ValueError("as_dataset: a 0-d array has no rows; expected one axis or more")
        return _Rows(source)
    if hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        return source
    if hasattr(source, "__iter__"):
        return Stream(cast("Iterable[Any]", source))
    raise TypeError(
        f"as_dataset: got {type(source).__name__}; expected a Dataset, arrays, a DataFrame or any iterable"
    )


class _Rows(Dataset):
    """The rows of one array; a sample is a row, not a tuple."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __getitem__(self, index: int) -> Any:
        return self.values[index]

    def __len__(self) -> int:
        return len(self.values)

    def batch(self, indices: Sequence[int]) -> Any:
        if isinstance(self.values, list):
            return [self.values[i] for i in indices]
        return take(self.values, indices)
