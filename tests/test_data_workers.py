"""Workers of loaders: threads and processes, in order, and what happens when they fail or are left."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import unitensor as ut
from unitensor import data
from unitensor.data import DataLoader
from unitensor.random import Generator


class Numbers(data.Dataset):
    """Squares, with whatever trouble a test asks for."""

    def __init__(self, n: int = 12, bad: int = -1, how: str = "") -> None:
        self.n, self.bad, self.how = n, bad, how

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> Any:
        if i == self.bad:
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "exit":
                os._exit(3)
            if self.how == "stop":
                raise StopIteration
            if self.how == "odd":
                raise OddError("a", "b")
            if self.how == "unsendable":
                return threading.Lock()
            if self.how == "sleep":
                time.sleep(60)
            raise ZeroDivisionError("no such square")
        if self.how == "random":
            return ut.random.normal().item()
        return np.full(3, i * i)


class OddError(Exception):
    """An error that cannot be made anew from its arguments."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


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


def test_threads_work_at_once_in_order_and_only_so_far_ahead() -> None:
    begun: list[int] = []
    together = threading.Barrier(3, timeout=10)

    class Slow(data.Dataset):
        def __len__(self) -> int:
            return 30

        def __getitem__(self, i: int) -> int:
            begun.append(i)
            if i < 3:
                together.wait()  # passes only if three samples are fetched at once
            return i

    running = iter(DataLoader(Slow(), batch_size=1, num_workers=3, prefetch_factor=2))
    assert next(running).tolist() == [0]
    time.sleep(0.2)
    assert max(begun) <= 6
    assert [b.item() for b in running] == list(range(1, 30))
    assert not [t for t in threading.enumerate() if t.name.startswith("DataLoader")]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_names_the_sample_and_keeps_its_type_and_cause(workers: int) -> None:
    running = iter(DataLoader(Numbers(bad=5), batch_size=2, num_workers=workers))
    assert [next(running).shape, next(running).shape] == [(2, 3), (2, 3)]
    with pytest.raises(ZeroDivisionError, match="no such square") as caught:
        next(running)
    assert caught.value.__notes__ == ["DataLoader: while fetching sample 5"]
    assert list(running) == []
    with pytest.raises(RuntimeError, match="StopIteration"):
        values(DataLoader(Numbers(bad=5, how="stop"), num_workers=workers))


def test_streams_are_read_by_one_worker_or_by_shards() -> None:
    expected = [["a", "b"], ["c", "d"], ["e", "f"], ["g"]]
    assert values(DataLoader(Letters(), 2, num_workers=3)) == expected
    assert values(DataLoader(Letters(), 2, drop_last=True, num_workers=1)) == expected[:3]
    assert values(DataLoader(Shards(9), 2, num_workers=2)) == [[0, 2], [1, 3], [4, 6], [5, 7], [8]]
    kept = DataLoader(Shards(3), 2, num_workers=2, persistent_workers=True)
    assert values(kept) == values(kept) == [[0, 2], [1]]
    with pytest.raises(TypeError, match="length of a Letters is not known"):
        len(DataLoader(Letters()))


def test_leaving_a_loop_stops_its_threads() -> None:
    for _ in DataLoader(Numbers(1000), num_workers=2):
        break
    until = time.monotonic() + 5
    while [t for t in threading.enumerate() if t.name.startswith("DataLoader")]:
        assert time.monotonic() < until
        time.sleep(0.01)


def fail(number: int) -> None:
    raise LookupError(f"worker {number} has no data")


def test_workers_are_told_their_numbers_and_fail_clearly() -> None:
    seen: list[int] = []
    values(DataLoader(range(4), num_workers=2, worker_init_fn=seen.append))
    assert sorted(seen) == [0, 1]
    for kind in ("thread", "process"):
        loader = DataLoader(range(4), num_workers=1, worker_init_fn=fail, workers=kind)  # type: ignore[arg-type]  # a str
        with pytest.raises(LookupError, match="worker 0 has no data") as caught:
            next(iter(loader))
        assert caught.value.__notes__[0] == "DataLoader: in worker_init_fn"


def test_threads_have_the_backend_and_modes_of_the_loop() -> None:
    pytest.importorskip("torch")
    loader = DataLoader(range(3), num_workers=1, collate_fn=lambda _: ut.current_backend().name)
    with ut.use_backend("torch"):
        assert values(loader) == ["torch"] * 3
    assert values(loader) == ["numpy"] * 3


def test_a_thread_that_takes_too_long() -> None:
    asleep = threading.Event()
    loader = DataLoader(range(2), num_workers=1, timeout=0.05, collate_fn=lambda _: asleep.wait(30))
    running = iter(loader)
    with pytest.raises(TimeoutError, match=r"no batch within 0.05 s"):
        next(running)
    asleep.set()


def processes(dataset: Any, **options: Any) -> DataLoader:
    return DataLoader(dataset, workers="process", **options)


def test_processes_fetch_in_order_and_keep_random_numbers() -> None:
    found = values(processes(Numbers(), batch_size=2, num_workers=2))
    assert found == values(DataLoader(Numbers(), batch_size=2))
    kept = processes(Numbers(how="random"), num_workers=2, persistent_workers=True, generator=Generator(3))
    first = values(kept)
    running = iter(kept)
    head = [next(running).tolist() for _ in range(5)]
    state = kept.state_dict()
    rest = [b.tolist() for b in running]
    assert first != head + rest
    alone = processes(Numbers(how="random"), num_workers=1, generator=Generator(8))
    alone.load_state_dict(state)
    assert values(alone) == rest


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("", ZeroDivisionError, "no such square"),
        ("odd", RuntimeError, "OddError: ab"),
        ("stop", RuntimeError, "StopIteration"),
        ("unsendable", TypeError, "the batch cannot be pickled"),
        ("kill", RuntimeError, r"was killed by SIGKILL .* while it fetched samples \[5\]"),
        ("exit", RuntimeError, r"ended with exit code 3.* while it fetched samples \[5\]"),
    ],
)
def test_what_goes_wrong_in_a_process_is_an_error_here(how: str, kind: Any, message: str) -> None:
    collate = list if how == "unsendable" else None
    running = iter(processes(Numbers(bad=5, how=how), num_workers=1, collate_fn=collate))
    for _ in range(5):
        next(running)
    with pytest.raises(kind, match=message) as caught:
        next(running)
    if how in ("", "odd", "stop"):
        notes = "\n".join(caught.value.__notes__)
        assert "while fetching sample 5" in notes
        assert "in worker process 0 (pid" in notes
        assert "__getitem__" in notes
    assert list(running) == []


def test_kept_workers_are_replaced_when_one_has_died() -> None:
    loader = processes(Numbers(n=3, bad=2, how="kill"), num_workers=1, persistent_workers=True)
    for _ in range(2):
        running = iter(loader)
        assert [next(running).shape, next(running).shape] == [(1, 3), (1, 3)]
        with pytest.raises(RuntimeError, match="was killed by SIGKILL"):
            next(running)


def test_a_data_set_that_cannot_go_to_a_process_says_so() -> None:
    class Local(Numbers):
        pass

    with pytest.raises((AttributeError, pickle.PicklingError), match='use workers="thread"'):
        iter(processes(Local(), num_workers=1))


SCRIPT = """
import os, signal, sys, threading, time
import unitensor as ut
from unitensor.data import DataLoader, Dataset

class Slow(Dataset):
    def __len__(self):
        return 1000
    def __getitem__(self, i):
        if i > 2:
            time.sleep(600)
        return i

if __name__ == "__main__":
    kind, what = sys.argv[1:]
    running = iter(DataLoader(Slow(), num_workers=2, workers=kind))
    print(next(running).item(), flush=True)
    if kind == "process":
        pids = [r.process.pid for r in running.pool.remotes]
        print(*pids, flush=True)
    if what == "interrupt":
        time.sleep(0.3)
        print("waiting", flush=True)
        for batch in running:
            pass
    if what == "die":
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def gone(pid: int) -> bool:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as f:
                if f.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("kind", ["thread", "process"])
@pytest.mark.parametrize("what", ["exit", "interrupt", "die"])
def test_no_worker_outlives_the_program(tmp_path: Any, kind: str, what: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    with subprocess.Popen(
        [sys.executable, str(script), kind, what],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "0\n"
            pids = [int(p) for p in running.stdout.readline().split()] if kind == "process" else []
            if what == "interrupt":
                assert running.stdout.readline() == "waiting\n"
                time.sleep(0.2)
                os.killpg(running.pid, signal.SIGINT)  # as Ctrl-C does
            _, complaints = running.communicate(timeout=60)
        finally:
            running.kill()
    if what == "exit":
        assert (running.returncode, complaints) == (0, "")
    if what == "interrupt":
        assert complaints.rstrip().endswith("KeyboardInterrupt")
        assert complaints.count("KeyboardInterrupt") == 1
    assert all(gone(pid) for pid in pids)
