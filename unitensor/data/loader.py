"""DataLoader: batches of a data set, in order, by workers if wanted, from a place that can be saved."""

from __future__ import annotations

import itertools
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Literal

import unitensor as ut
from unitensor.random import Generator

from .collate import as_tensors
from .datasets import IterableDataset, as_dataset
from .samplers import BatchSampler, RandomSampler, SequentialSampler
from .workers import END, ByIndex, InTurn, Pool


class _Place:
    """Where an epoch began, and how many of its batches were given."""

    def __init__(self, sampler: Any, seeds: Any, batches: int) -> None:
        self.sampler, self.seeds, self.batches = sampler, seeds, batches


class DataLoader:
    """Batches of samples, in a repeatable order.

    Each epoch is one loop over the loader. `state_dict` says where the loop is: a loader that loads it
    goes on with the next batch, bit for bit as if it had not stopped. A loop left early counts as
    unfinished until another one begins.

    Parameters
    ----------
    dataset: a Dataset, or what `as_dataset` takes: arrays, a DataFrame, a dict of columns, any iterable.
    batch_size: samples in a batch; None gives the samples themselves, one by one.
    shuffle: take the samples in a new random order each epoch.
    sampler, batch_sampler: give the indices, or lists of them, instead.
    num_workers: fetch that many batches at a time, beside the loop; 0 fetches each when it is asked for.
    collate_fn: makes a batch of a list of samples; by default they are stacked, whatever they are nested in.
    drop_last: leave out a last batch that is not full.
    timeout: seconds to wait for a worker's batch; 0 waits on.
    worker_init_fn: called with the number of each worker as it starts.
    multiprocessing_context: how processes start: 'spawn' unless given, which needs data sets that pickle.
    generator: where the random order comes from; the loader takes a stream of its own from it.
    prefetch_factor: batches that each worker may be ahead.
    persistent_workers: keep the workers from epoch to epoch.
    workers: 'thread', which cost nothing to start and share memory, or 'process', for samples
        that take long in Python itself. Random numbers drawn in a process repeat, whatever the number
        of workers; in threads their order is open.
    device: where batches go; by default Tensors stay where they are, and arrays become
        Tensors of the current backend.

    >>> import unitensor as ut
    >>> from unitensor.data import DataLoader, TensorDataset
    >>> data = TensorDataset(ut.arange(5), ut.arange(5) * 10)
    >>> for x, y in DataLoader(data, batch_size=2):
    ...     print(x.tolist(), y.tolist())
    [0, 1] [0, 10]
    [2, 3] [20, 30]
    [4] [40]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool = False,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int = 2,
        persistent_workers: bool = False,
        workers: Literal["thread", "process"] = "thread",
        device: Any = None,
    ) -> None:
        self.dataset = as_dataset(dataset)
        self.batch_size, self.drop_last, self.collate_fn = batch_size, drop_last, collate_fn
        self.num_workers, self.workers, self.timeout = num_workers, workers, timeout
        self.worker_init_fn, self.multiprocessing_context = worker_init_fn, multiprocessing_context
        self.prefetch_factor, self.persistent_workers = prefetch_factor, persistent_workers
        self.device = device
        self.by_index = not isinstance(self.dataset, IterableDataset)
        self._check(shuffle, sampler, batch_sampler)
        source = generator if generator is not None else ut.random.default_generator()
        self.sampler, self.batch_sampler = sampler, batch_sampler
        if self.by_index and batch_sampler is None:
            if sampler is None:
                self.sampler = (
                    RandomSampler(self.dataset, generator=source)
                    if shuffle
                    else SequentialSampler(self.dataset)
                )
            if batch_size is not None:
                self.batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        self.epoch = self.loops = 0
        self._seeds = source.spawn(1)[0]
        self._place: _Place | None = None
        self._skip = 0
        self._pool: Pool | None = None

    def _check(self, shuffle: bool, sampler: Any, batch_sampler: Any) -> None:
        size = self.batch_size
        if size is not None and (isinstance(size, bool) or not hasattr(size, "__index__") or size < 1):
            raise ValueError(f"DataLoader: batch_size is {size!r}; expected 1 or more, or None")
        if self.num_workers < 0 or self.prefetch_factor < 1 or self.timeout < 0:
            raise ValueError(
                f"DataLoader: num_workers {self.num_workers}, prefetch_factor {self.prefetch_factor}, timeout "
                f"{self.timeout}; expected 0 or more, 1 or more, 0 or more"
            )
        if self.workers not in ("thread", "process"):
            raise ValueError(f"DataLoader: workers is {self.workers!r}; expected 'thread' or 'process'")
        if batch_sampler is not None and (size != 1 or shuffle or sampler is not None or self.drop_last):
            raise ValueError(
                "DataLoader: batch_sampler stands for batch_size, shuffle, sampler and drop_last; "
                "give it alone"
            )
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: sampler stands for shuffle; give one of them")
        if size is None and self.drop_last:
            raise ValueError("DataLoader: drop_last needs a batch_size")
        if not self.by_index and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError(
                f"DataLoader: {type(self.dataset).__name__} gives its samples in an order of its own; "
                "shuffle and samplers are for data sets by index"
            )

    def __len__(self) -> int:
        """Batches in an epoch."""
        if not self.by_index:
            raise TypeError(f"DataLoader: the length of a {type(self.dataset).__name__} is not known")
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)

    def __iter__(self) -> _Epoch:
        order = self.sampler if self.batch_sampler is None else self.batch_sampler
        state = order.state_dict() if hasattr(order, "state_dict") else None
        self._place = place = _Place(state, self._seeds.state, 0)
        seed = None
        if self.workers == "process" and self.num_workers:
            seed = int(self._seeds.integers(2**62, device="numpy:cpu"))
        skip, self._skip = self._skip, 0
        return _Epoch(self, place, order, seed, skip)

    # Jobs and workers ---------------------------------------------------------------------------------

    def jobs(self) -> list[Any]:
        """What each worker does; one job if there are no workers."""
        count = max(self.num_workers, 1)
        if self.by_index:
            batched = self.batch_sampler is not None
            return [ByIndex(self.dataset, self.collate_fn, batched) for _ in range(count)]
        count = count if hasattr(self.dataset, "shard") else 1
        return [
            InTurn(self.dataset, self.collate_fn, self.batch_size, self.drop_last, (i, count))
            for i in range(count)
        ]

    def pool(self) -> Pool:
        """The workers, begun or kept from the last epoch."""
        if self._pool is not None:
            return self._pool
        context = None
        if self.workers == "process":
            import multiprocessing

            method = self.multiprocessing_context
            context = method if hasattr(method, "Process") else multiprocessing.get_context(method or "spawn")
        pool = Pool(self.jobs(), one_queue=self.by_index, context=context, init=self.worker_init_fn)
        if self.persistent_workers:
            self._pool = pool
            weakref.finalize(self, pool.close)
        return pool

    def renew(self) -> None:
        """Give up kept workers of which one is dead: the next loop has new ones."""
        if self._pool is not None and not self._pool.alive():
            self._pool.close()
            self._pool = None

    def finished(self, batch: Any) -> Any:
        """A batch as the loop gets it."""
        if self.collate_fn is None or self.device is not None:
            return as_tensors(batch, self.device)
        return batch

    # State ------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Where the loop is: plain numbers and dicts, which `ut.save` and JSON take.

        >>> from unitensor.data import DataLoader
        >>> loader = DataLoader(range(6), batch_size=2, shuffle=True)
        >>> for batch in loader:
        ...     break
        >>> state = loader.state_dict()
        >>> again = DataLoader(range(6), batch_size=2, shuffle=True)
        >>> again.load_state_dict(state)
        >>> len(list(again))
        2
        """
        place = self._place
        if place is not None:
            state, seeds, batches = place.sampler, place.seeds, place.batches
        else:
            order = self.sampler if self.batch_sampler is None else self.batch_sampler
            state = order.state_dict() if hasattr(order, "state_dict") else None
            seeds, batches = self._seeds.state, self._skip
        return {"epoch": self.epoch, "batches": batches, "sampler": state, "seeds": seeds}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state: the next loop gives what that one had still to give."""
        missing = {"epoch", "batches", "sampler", "seeds"} - set(state)
        if missing:
            raise ValueError(f"DataLoader.load_state_dict: missing: {', '.join(sorted(missing))}")
        order = self.sampler if self.batch_sampler is None else self.batch_sampler
        if state["sampler"] is not None:
            order.load_state_dict(state["sampler"])
        self._seeds.state = state["seeds"]
        self.epoch, self._skip, self._place = int(state["epoch"]), int(state["batches"]), None


class _Epoch:
    """One loop over a loader."""

    def __init__(self, loader: DataLoader, place: _Place, order: Any, seed: int | None, skip: int) -> None:
        self.loader, self.place, self.seed = loader, place, seed
        loader.loops += 1
        self.loop = loader.loops
        self.number = 0
        self.done = False
        self.pending: deque[tuple[int, Future[Any]]] = deque()
        self.keys = iter(order) if loader.by_index else None
        if self.keys is not None and skip:
            deque(itertools.islice(self.keys, skip), maxlen=0)
            self.number = place.batches = skip
        self.pool: Pool | None = None
        self.job: Any = None
        if loader.num_workers:
            self.pool = loader.pool()
            count = len(self.pool.threads)
            self.live = list(range(count))
            self.turn = 0
            self.end = weakref.finalize(
                self, _leave, self.pending, None if loader.persistent_workers else self.pool
            )
            for _ in range(count * loader.prefetch_factor):
                self._ask()
        else:
            self.job = loader.jobs()[0]
        for _ in range(skip if self.keys is None else 0):  # a stream has to be read to be skipped
            if self._fetch() is END:
                break
            place.batches += 1

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.done:
            raise StopIteration
        try:
            batch = self._fetch()
            if batch is not END:
                batch = self.loader.finished(batch)
        except BaseException:
            self._close()
            self.loader.renew()
            raise
        if batch is END:
            self._close()
            if self.loader._place is self.place:
                self.loader._place = None
                self.loader.epoch += 1
            raise StopIteration
        self.place.batches += 1
        return batch

    def _task(self) -> tuple[Any, ...] | None:
        """The arguments of the next batch, or None when there are no more."""
        if self.keys is None:
            what: Any = self.loop
        else:
            what = next(self.keys, END)
            if what is END:
                return None
        seed = None if self.seed is None else (self.seed + self.number * 0x9E3779B97F4A7C15) % 2**63
        self.number += 1
        return what, seed

    def _ask(self) -> None:
        """Give the next task to a worker."""
        assert self.pool is not None
        if not self.live:
            return
        task = self._task()
        if task is not None:
            worker = self.live[self.turn % len(self.live)]
            self.turn += 1
            self.pending.append((worker, self.pool.submit(worker, task)))

    def _fetch(self) -> Any:
        """The next batch as a worker gives it, or END."""
        if self.pool is None:
            task = self._task()
            return END if task is None else self.job(*task)
        while self.pending:
            worker, future = self.pending.popleft()
            try:
                batch = future.result(self.loader.timeout or None)
            except TimeoutError as error:
                if future.done():
                    raise
                raise TimeoutError(
                    f"DataLoader: no batch within {self.loader.timeout} s (timeout=); a worker is slow or stuck"
                ) from error
            if batch is END:
                if worker in self.live:
                    self.live.remove(worker)
                continue
            self._ask()
            return batch
        return END

    def _close(self) -> None:
        self.done = True
        if self.pool is not None:
            self.end()


def _leave(pending: deque[tuple[int, Future[Any]]], pool: Pool | None) -> None:
    """Take back the tasks of a loop that was left, and stop its workers unless they are kept."""
    for _, future in pending:
        future.cancel()
    pending.clear()
    if pool is not None:
        pool.close()
