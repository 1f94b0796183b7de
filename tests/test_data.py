"""Data sets, samplers and loaders: order, nesting, workers and their failures, places that are saved."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import unitensor as ut
from unitensor import data
from unitensor.data import DataLoader, TensorDataset
from unitensor.random import Generator

Pair = collections.namedtuple("Pair", ["x", "y"])


@dataclasses.dataclass
class Sample:
    image: Any
    label: int


def table() -> TensorDataset:
    return TensorDataset(ut.reshape(ut.arange(30.0), (10, 3)), ut.arange(10))


class Letters(data.IterableDataset):
    def __iter__(self) -> Iterator[str]:
        return iter("abcdefg")


class Shards(data.IterableDataset):
    def __init__(self, n: int = 10) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.n))

    def shard(self, index: int, count: int) -> range:
        return range(index, self.n, count)


def values(loader: Any) -> list[Any]:
    return [b.tolist() if isinstance(b, ut.Tensor) else b for b in loader]


# Batches -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 3])
def test_batches_of_tensors(engine: str, workers: int) -> None:
    batches = list(DataLoader(table(), batch_size=4, num_workers=workers))
    assert [x.shape for x, _ in batches] == [(4, 3), (4, 3), (2, 3)]
    assert {x.backend for pair in batches for x in pair} == {engine}
    assert [i for _, y in batches for i in y.tolist()] == list(range(10))
    assert batches[1][0].tolist() == (ut.reshape(ut.arange(30.0), (10, 3)))[4:8].tolist()
    dropped = DataLoader(table(), batch_size=4, drop_last=True, num_workers=workers)
    assert len(dropped) == len(list(dropped)) == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_shuffling_repeats_with_the_generator_on_every_engine(engine: str, workers: int) -> None:
    def epochs(seed: int) -> Any:
        loader = DataLoader(
            table(), batch_size=3, shuffle=True, generator=Generator(seed), num_workers=workers
        )
        return [[y.tolist() for _, y in loader] for _ in range(2)]

    first, second = epochs(0)
    assert sorted(i for batch in first for i in batch) == list(range(10))
    assert first != second
    assert epochs(0) == [first, second]
    assert epochs(1) != [first, second]
    with ut.use_backend("numpy"):
        assert epochs(0) == [first, second]


def test_the_loader_draws_nothing_from_the_generator_it_is_given() -> None:
    g, h = Generator(0), Generator(0)
    list(DataLoader(range(5), shuffle=True, generator=g))
    assert g.normal((2,)).tolist() == h.normal((2,)).tolist()


def test_nested_samples_become_nested_batches(engine: str) -> None:
    def sample(i: int) -> Any:
        return {
            "tensor": ut.full(2, float(i)),
            "array": np.full((2, 2), i, dtype=np.int16),
            "scalars": (i, i / 2, np.float32(i), bool(i), 1j * i),
            "pair": Pair([i, str(i)], None),
            "data": Sample(np.zeros((1, 2), dtype=np.float32), i),
        }

    (batch,) = DataLoader([sample(i) for i in range(3)], batch_size=3)
    assert batch["tensor"].tolist() == [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]
    assert (batch["array"].shape, batch["array"].dtype) == ((3, 2, 2), ut.int16)
    assert [x.dtype.name for x in batch["scalars"]] == ["int64", "float64", "float32", "bool", "complex128"]
    assert batch["pair"].x[0].tolist() == [0, 1, 2]
    assert batch["pair"].x[1] == ["0", "1", "2"]
    assert batch["pair"].y == [None] * 3
    assert isinstance(batch["data"], Sample)
    assert batch["data"].image.shape == (3, 1, 2)
    found = [batch["tensor"], batch["array"], *batch["scalars"], batch["data"].label]
    assert {x.backend for x in found} == {engine}


def test_python_numbers_take_the_default_dtype() -> None:
    ut.set_default_dtype(ut.float32)
    assert next(iter(DataLoader([1.0, 2.0], batch_size=2))).dtype is ut.float32


def test_engine_arrays_and_collate_fn(engine: str) -> None:
    torch = pytest.importorskip("torch")
    (batch,) = DataLoader([torch.ones(2), torch.zeros(2)], batch_size=2)
    assert (batch.backend, batch.tolist()) == ("torch", [[1.0, 1.0], [0.0, 0.0]])
    assert values(DataLoader(range(5), batch_size=2, collate_fn=sum)) == [1, 5, 4]
    assert values(DataLoader(range(2), batch_size=None)) == [0, 1]


def test_batches_go_to_a_device() -> None:
    pytest.importorskip("torch")
    x, y = next(iter(DataLoader(table(), batch_size=2, device="torch:cpu")))
    assert (x.backend, y.backend) == ("torch", "torch")


# Sources -------------------------------------------------------------------------------------------


def test_numpy_pandas_dicts_and_iterables_are_read() -> None:
    pandas = pytest.importorskip("pandas")
    array = np.arange(6.0).reshape(3, 2)
    assert values(DataLoader(array, batch_size=2)) == [[[0, 1], [2, 3]], [[4, 5]]]
    assert values(DataLoader(ut.asarray(array), batch_size=3)) == [array.tolist()]
    frame = pandas.DataFrame({"x": [1.0, 2.0, 3.0], "n": [1, 2, 3], "word": ["a", "b", "c"]}, index=[7, 8, 9])
    first, second = DataLoader(frame, batch_size=2)
    assert (first["x"].tolist(), first["n"].dtype, first["word"]) == ([1.0, 2.0], ut.int64, ["a", "b"])
    assert second["word"] == ["c"]
    assert DataLoader(frame).dataset[1] == {"x": 2.0, "n": 2, "word": "b"}
    assert values(DataLoader(frame["n"], batch_size=2)) == [[1, 2], [3]]
    assert values(DataLoader(frame["word"], batch_size=2)) == [["a", "b"], ["c"]]
    both = TensorDataset(frame[["x", "n"]], frame["n"])
    x, n = next(iter(DataLoader(both, batch_size=2)))
    assert (x.tolist(), n.tolist()) == ([[1.0, 1.0], [2.0, 2.0]], [1, 2])
    (batch,) = DataLoader({"x": array, "y": [1, 2, 3]}, batch_size=3)
    assert (batch["x"].shape, batch["y"].tolist()) == ((3, 2), [1, 2, 3])
    assert values(DataLoader((i * i for i in range(3)), batch_size=2)) == [[0, 1], [4]]
    assert values(DataLoader({3, 4}, batch_size=2)) == [[3, 4]]


def test_what_can_be_read_once_is_read_once() -> None:
    loader = DataLoader(iter([1, 2, 3]), batch_size=2)
    assert values(loader) == [[1, 2], [3]]
    with pytest.raises(RuntimeError, match="can be read only once"):
        values(loader)


def test_memory_maps_are_read_where_they_lie(tmp_path: Any) -> None:
    np.save(tmp_path / "x.npy", np.arange(20.0).reshape(10, 2))
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    (batch,) = next(iter(DataLoader(TensorDataset(x), batch_size=2, sampler=[9, 0])))
    assert batch.tolist() == [[18.0, 19.0], [0.0, 1.0]]
    batch += 1  # a copy: the file is read-only


def test_splits_and_joins() -> None:
    parts = data.random_split(table(), [0.5, 0.3, 0.2], Generator(0))
    assert [len(p) for p in parts] == [5, 3, 2]
    assert sorted(int(y) for p in parts for _, y in p) == list(range(10))
    again = data.random_split(table(), [5, 3, 2], Generator(0))
    assert [list(p.indices) for p in parts] == [list(p.indices) for p in again]
    joined = data.ConcatDataset(parts)
    assert [int(joined[i][1]) for i in (0, 5, 9, -1)] == [
        parts[0].indices[0],
        parts[1].indices[0],
        parts[2].indices[1],
        parts[2].indices[1],
    ]
    _, y = next(iter(DataLoader(data.Subset(parts[0], [1, 0]), batch_size=2)))
    assert y.tolist() == [parts[0].indices[1], parts[0].indices[0]]
    assert [len(p) for p in data.random_split(range(7), [1 / 3] * 3)] == [3, 2, 2]


# Samplers ------------------------------------------------------------------------------------------

SAMPLERS: dict[str, Callable[[], Any]] = {
    "sequential": lambda: data.SequentialSampler(range(7)),
    "random": lambda: data.RandomSampler(range(7), generator=Generator(0)),
    "more than there are": lambda: data.RandomSampler(range(7), num_samples=17, generator=Generator(0)),
    "replacement": lambda: data.RandomSampler(range(7), replacement=True, generator=Generator(0)),
    "weighted": lambda: data.WeightedRandomSampler([1, 0, 2, 5], 9, generator=Generator(0)),
    "weighted once": lambda: data.WeightedRandomSampler([1, 0, 2, 5], 3, False, generator=Generator(0)),
    "subset": lambda: data.SubsetRandomSampler([9, 4, 2, 6], generator=Generator(0)),
    "batches": lambda: data.BatchSampler(data.RandomSampler(range(7), generator=Generator(0)), 2),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_goes_on_from_its_saved_place(name: str) -> None:
    sampler, again = SAMPLERS[name](), SAMPLERS[name]()
    whole = [list(sampler), list(sampler), list(sampler)]
    assert all(len(order) == len(sampler) for order in whole)
    assert list(again) == whole[0]
    running = iter(again)
    head = [next(running), next(running)]
    state = json.loads(json.dumps(again.state_dict()))
    other = SAMPLERS[name]()
    list(other)
    other.load_state_dict(state)
    assert head + list(other) == whole[1]
    assert list(other) == whole[2]
    other.load_state_dict(state)
    again.load_state_dict(other.state_dict())
    assert head + list(again) == whole[1]


def test_samplers_follow_their_weights() -> None:
    drawn = np.bincount(list(data.WeightedRandomSampler([1, 0, 2, 5], 8000, generator=Generator(0))))
    np.testing.assert_allclose(drawn, [1000, 0, 2000, 5000], rtol=0.1, atol=1)
    assert sorted(data.WeightedRandomSampler([1, 0, 2, 5], 3, replacement=False)) == [0, 2, 3]
    drawn = np.bincount(list(data.RandomSampler(range(7), num_samples=17)))
    assert set(drawn) == {2, 3}


class EvenFirst(data.Sampler):
    """As in PyTorch: `__iter__` of its own, and no call of `Sampler.__init__`."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        return iter([*range(0, self.n, 2), *range(1, self.n, 2)])

    def __len__(self) -> int:
        return self.n


def test_a_sampler_of_ones_own_resumes_in_a_loader() -> None:
    expected = [[0, 2], [4, 6], [1, 3], [5]]
    loader = DataLoader(range(7), 2, sampler=EvenFirst(7))
    running = iter(loader)
    assert [next(running).tolist(), next(running).tolist()] == expected[:2]
    again = DataLoader(range(7), 2, sampler=EvenFirst(7))
    again.load_state_dict(loader.state_dict())
    assert values(again) == expected[2:]
    assert values(again) == expected


# Places --------------------------------------------------------------------------------------------

LOADERS: dict[str, Callable[[], DataLoader]] = {
    "shuffled": lambda: DataLoader(range(23), 4, shuffle=True, generator=Generator(5)),
    "in order": lambda: DataLoader(range(23), 4),
    "threads": lambda: DataLoader(range(23), 4, shuffle=True, num_workers=3, generator=Generator(5)),
    "one by one": lambda: DataLoader(range(5), None, shuffle=True, generator=Generator(5)),
    "own sampler": lambda: DataLoader(
        range(23), 4, sampler=data.RandomSampler(range(23), generator=Generator(1))
    ),
    "stream": lambda: DataLoader(Shards(), 2),
    "stream of threads": lambda: DataLoader(Shards(), 2, num_workers=2),
}


@pytest.mark.parametrize("name", LOADERS)
def test_an_interrupted_epoch_continues_with_the_next_batch(name: str) -> None:
    whole = LOADERS[name]()
    expected = [values(whole) for _ in range(3)]
    for stop in (0, 1, 3, len(expected[0])):
        loader, found = LOADERS[name](), []
        assert values(loader) == expected[0]
        running = iter(loader)
        for _ in range(stop):
            batch = next(running)
            found.append(batch.tolist() if isinstance(batch, ut.Tensor) else batch)
        state = json.loads(json.dumps(loader.state_dict()))
        assert (state["epoch"], state["batches"]) == (1, stop)
        del running
        again = LOADERS[name]()
        again.load_state_dict(state)
        assert again.state_dict() == state
        assert found + values(again) == expected[1]
        assert values(again) == expected[2]
        assert again.epoch == 3


def test_a_state_between_epochs_begins_the_next() -> None:
    loader = LOADERS["shuffled"]()
    list(loader)
    state = loader.state_dict()
    expected = values(loader)
    again = LOADERS["shuffled"]()
    again.load_state_dict(state)
    assert values(again) == expected
    with pytest.raises(ValueError, match="missing: batches, seeds"):
        again.load_state_dict({"epoch": 1, "sampler": None})


# Bad input -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DataLoader(range(3), 0), "batch_size is 0"),
        (lambda: DataLoader(range(3), num_workers=-1), "num_workers -1"),
        (lambda: DataLoader(range(3), workers="fiber"), "'thread' or 'process'"),  # type: ignore[arg-type]  # what it refuses
        (lambda: DataLoader(range(3), shuffle=True, sampler=[1]), "give one of them"),
        (lambda: DataLoader(range(3), 2, batch_sampler=[[1]]), "give it alone"),
        (lambda: DataLoader(range(3), None, drop_last=True), "drop_last needs a batch_size"),
        (lambda: DataLoader(Letters(), shuffle=True), "samples in an order of its own"),
        (lambda: DataLoader(5), "expected a Dataset"),
        (lambda: DataLoader(np.asarray(1.0)), "0-d array has no rows"),
        (lambda: TensorDataset(), "got no Tensors"),
        (lambda: TensorDataset(ut.ones(3), ut.ones(4)), r"\(3,\), \(4,\).*one length"),
        (lambda: TensorDataset(np.asarray(["a"])), "expected numbers"),
        (lambda: data.TableDataset({"x": [1], "y": [1, 2]}), "'y': 2"),
        (lambda: data.random_split(range(3), [1, 1]), "sum to 3"),
        (lambda: data.random_split(range(3), [0.5, 0.4]), "fractions that sum to 1"),
        (lambda: data.ConcatDataset([]), "got no data sets"),
        (lambda: data.ConcatDataset(["a"])[1], "index 1 is outside of 1"),
        (lambda: data.WeightedRandomSampler([-1.0], 1), "weights of 0 or more"),
        (lambda: data.WeightedRandomSampler([1, 0], 2, replacement=False), "2 of 1 without replacement"),
        (lambda: data.RandomSampler(range(3), num_samples=0), "num_samples is 0"),
        (lambda: data.BatchSampler(range(3), True), "batch_size is True"),
        (lambda: data.default_collate([]), "no samples"),
        (
            lambda: data.default_collate([np.ones(2), np.ones(3)]),
            r"\(2,\) \(the first\) and \(3,\) \(number 1\)",
        ),
        (
            lambda: data.default_collate([{"a": ("x", 1)}, {"a": ("x", "y")}]),
            r"at \['a'\]\[1\] are int and str",
        ),
        (lambda: data.default_collate([{"a": 1}, {"b": 1}]), "have keys"),
        (lambda: data.default_collate([[1], [1, 2]]), r"have lengths \[1, 2\]"),
        (lambda: data.default_collate([object(), object()]), "object, which cannot be stacked"),
        (lambda: list(DataLoader([ut.ones(2), ut.ones(3)], 2)), r"\(3,\) \(number 1\)"),
    ],
)
def test_bad_input_says_what_was_expected(call: Callable[[], Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError, IndexError), match=message):
        call()
