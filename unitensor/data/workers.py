"""Workers that fetch batches: threads, or processes with a thread here that talks to each."""

from __future__ import annotations

import contextlib
import contextvars
import multiprocessing
import os
import pickle
import queue
import random
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from multiprocessing.connection import wait
from typing import Any, NoReturn

import unitensor as ut

from .collate import collate


class End:
    """What a worker gives when its part of a stream is at its end; one object in every process."""

    def __reduce__(self) -> str:
        return "END"


END = End()


def _fail(error: Exception, note: str) -> NoReturn:
    """Raise the error with a note; a StopIteration as another one, for it would end the epoch silently."""
    if isinstance(error, StopIteration):
        other = RuntimeError(f"{type(error).__name__}: {error}")
        other.add_note(note)
        raise other from error
    error.add_note(note)
    raise error


class ByIndex:
    """Fetches a batch of samples by their indices, or one sample if there is no collating."""

    def __init__(self, dataset: Any, collate_fn: Callable[[Any], Any] | None, batched: bool) -> None:
        self.dataset, self.collate_fn, self.batched = dataset, collate_fn, batched
        self.stop: threading.Event | None = None

    def __call__(self, keys: Any, seed: int | None = None) -> Any:
        if seed is not None:
            _seed(seed)
        if not self.batched:
            sample = self._sample(keys)
            return sample if self.collate_fn is None else self.collate_fn(sample)
        whole = getattr(self.dataset, "batch", None) if self.collate_fn is None else None
        try:
            if whole is not None:
                return whole(keys)
            samples = [self._sample(key) for key in keys]
            return (self.collate_fn or collate)(samples)
        except Exception as error:
            if getattr(error, "__notes__", None):  # a sample's, that says which
                raise
            _fail(error, f"DataLoader: while making a batch of samples {_short(keys)}")

    def _sample(self, key: Any) -> Any:
        if self.stop is not None and self.stop.is_set():
            raise CancelledError
        try:
            return self.dataset[key]
        except Exception as error:
            _fail(error, f"DataLoader: while fetching sample {key!r}")


class InTurn:
    """Fetches a batch of the next samples of a stream, or of one worker's part of it."""

    def __init__(
        self,
        dataset: Any,
        collate_fn: Callable[[Any], Any] | None,
        size: int | None,
        drop_last: bool,
        part: tuple[int, int],
    ) -> None:
        self.dataset, self.collate_fn, self.size, self.drop_last = dataset, collate_fn, size, drop_last
        self.part = part
        self.stop: threading.Event | None = None
        self._epoch = -1
        self._samples: Iterator[Any] = iter(())
        self._read = 0

    def __call__(self, epoch: int, seed: int | None = None) -> Any:
        if seed is not None:
            _seed(seed)
        if epoch != self._epoch:
            self._epoch, self._read = epoch, 0
            index, count = self.part
            self._samples = iter(self.dataset.shard(index, count) if count > 1 else self.dataset)
        found: list[Any] = []
        wanted = 1 if self.size is None else self.size
        while len(found) < wanted:
            if self.stop is not None and self.stop.is_set():
                raise CancelledError
            try:
                found.append(next(self._samples))
            except StopIteration:
                break
            except Exception as error:
                _fail(error, f"DataLoader: while reading sample {self._read} of the stream")
            self._read += 1
        if not found or (len(found) < wanted and self.drop_last):
            return END
        try:
            if self.size is None:
                return found[0] if self.collate_fn is None else self.collate_fn(found[0])
            return (self.collate_fn or collate)(found)
        except Exception as error:
            first = self._read - len(found)
            place = f"samples {first} to {self._read - 1} of the stream"
            _fail(error, f"DataLoader: while making a batch of {place}")


def _short(keys: Any) -> str:
    shown = list(keys)
    return str(shown) if len(shown) <= 8 else f"[{', '.join(map(str, shown[:8]))}, ... {len(shown)} in all]"


def _seed(seed: int) -> None:
    """Random numbers in a worker process depend on the batch, not on the worker."""
    import numpy as np

    ut.random.seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


# Processes -----------------------------------------------------------------------------------------


def _portable(error: Exception, number: int) -> Exception:
    """An error that survives the way to another process, with the traceback of this one as a note."""
    text = "".join(traceback.format_exception(error)).rstrip()
    note = f"DataLoader: in worker process {number} (pid {os.getpid()}):\n{text}"
    try:
        error.add_note(note)
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error
    except Exception:  # an error may refuse to be pickled in any way
        pass
    other = RuntimeError(f"{type(error).__name__}: {error}")
    other.add_note(note)
    return other


def _follow(sentinel: int) -> None:
    """End this process with its parent, also in the midst of a sample."""
    wait([sentinel])
    os._exit(1)


def _work(conn: Any, job: Any, number: int, init: Callable[[int], Any] | None) -> None:
    """The life of a worker process: answer until told to stop, or until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    parent: Any = multiprocessing.parent_process()
    broken: Exception | None = None
    try:
        if init is not None:
            init(number)
    except Exception as error:
        error.add_note("DataLoader: in worker_init_fn")
        broken = _portable(error, number)
    threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()
    while True:
        try:
            task = conn.recv()
        except EOFError:
            return
        if task is None:
            return
        answer: tuple[bool, Any]
        try:
            answer = (False, broken) if broken is not None else (True, job(*task))
        except Exception as error:
            answer = False, _portable(error, number)
        try:
            conn.send(answer)
        except (BrokenPipeError, ConnectionResetError):
            return
        except Exception as error:  # the batch cannot be pickled
            error.add_note("DataLoader: the batch cannot be pickled, so it cannot leave the process")
            conn.send((False, _portable(error, number)))


class Remote:
    """A worker process, called as the job that it does."""

    def __init__(self, job: Any, number: int, context: Any, init: Callable[[int], Any] | None) -> None:
        self.number = number
        self.conn, there = context.Pipe()
        self.process = context.Process(
            target=_work, args=(there, job, number, init), daemon=True, name=f"DataLoader-{number}"
        )
        try:
            self.process.start()
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            error.add_note(
                "DataLoader: the data set and collate_fn go to worker processes by pickling; "
                'define them at the top of a module, or use workers="thread"'
            )
            raise
        there.close()

    def __call__(self, *task: Any) -> Any:
        try:
            self.conn.send(task)
            good, value = self.conn.recv()
        except (EOFError, OSError):
            raise self._death(task) from None
        if good:
            return value
        raise value

    def _death(self, task: tuple[Any, ...]) -> RuntimeError:
        self.process.join(1.0)
        code = self.process.exitcode
        if code is not None and code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
            if -code == signal.SIGKILL:
                how += " (the system does so when memory runs out)"
        else:
            how = f"ended with exit code {code}; its own message is on stderr"
        what = f"samples {_short(task[0])}" if isinstance(task[0], (list, tuple)) else f"{task[0]!r}"
        return RuntimeError(
            f"DataLoader: worker process {self.number} (pid {self.process.pid}) {how}, while it fetched {what}. "
            'If it never started: a script that starts processes needs `if __name__ == "__main__":`'
        )

    def finish(self) -> None:
        """Tell the process to stop."""
        with contextlib.suppress(OSError):  # it may be gone
            self.conn.send(None)

    def end(self) -> None:
        """Stop the process, whatever it does."""
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(2.0)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


# The pool ------------------------------------------------------------------------------------------


Task = tuple[Future[Any], tuple[Any, ...]]


def _serve(
    tasks: queue.SimpleQueue[Task | None],
    call: Callable[..., Any],
    number: int,
    init: Callable[[int], Any] | None,
) -> None:
    """The life of a worker's thread."""
    broken: Exception | None = None
    try:
        if init is not None:
            init(number)
    except Exception as error:
        error.add_note("DataLoader: in worker_init_fn")
        broken = error
    while (task := tasks.get()) is not None:
        future, args = task
        if future.set_running_or_notify_cancel():
            try:
                if broken is not None:
                    raise broken
                future.set_result(call(*args))
            except BaseException as error:
                future.set_exception(error)
                del error
        del task, future, args
    if isinstance(call, Remote):
        call.finish()


class Pool:
    """Workers with a queue of tasks each, or one for all."""

    def __init__(
        self,
        jobs: Sequence[Any],
        *,
        one_queue: bool,
        context: Any = None,
        init: Callable[[int], Any] | None = None,
    ) -> None:
        self.stop = threading.Event()
        self.remotes: list[Remote] = []
        self.threads: list[threading.Thread] = []
        shared: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self.queues = [shared if one_queue else queue.SimpleQueue() for _ in jobs]
        try:
            for number, job in enumerate(jobs):
                call = job
                if context is not None:
                    call = Remote(job, number, context, init)
                    self.remotes.append(call)
                else:
                    job.stop = self.stop
                # The backend and modes that are current here hold in the thread, too.
                within = contextvars.copy_context()
                thread = threading.Thread(
                    target=within.run,
                    args=(_serve, self.queues[number], call, number, None if context is not None else init),
                    daemon=True,
                    name=f"DataLoader-{number}",
                )
                thread.start()
                self.threads.append(thread)
        except BaseException:
            self.close()
            raise

    def submit(self, worker: int, args: tuple[Any, ...]) -> Future[Any]:
        """Give a task to a worker, or to whichever is free first if they share a queue."""
        future: Future[Any] = Future()
        self.queues[worker].put((future, args))
        return future

    def alive(self) -> bool:
        """Whether no worker process has died."""
        return all(remote.process.is_alive() for remote in self.remotes)

    def close(self) -> None:
        """Stop all workers: between two samples, or a process in the midst of one."""
        self.stop.set()
        for tasks in self.queues[: len(self.threads)]:
            tasks.put(None)
        self._join(0.5)  # one in the midst of a long sample stays behind, and ends with it
        for remote in self.remotes:
            remote.end()
        self._join(1.0 if self.remotes else 0.0)
        for remote in self.remotes:
            remote.conn.close()

    def _join(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        for thread in self.threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))
