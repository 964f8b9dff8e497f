"""The bounded pool in which all input and output happens; one control thread decides."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event
from typing import Generic, Protocol, TypeVar, cast

from syncd.errors import ConnectorError, Unavailable

T = TypeVar("T")

GRACE = 4.0
"""Seconds that jobs under way get once all is to stop."""

LOOK_EVERY = 0.5
"""Seconds after which a pool that waits for results looks whether it is to stop."""

THREADS = "syncd-"
"""What the names of the pool's threads begin with."""

_M_ARENA_MAX = -8
"""From glibc's ``malloc.h``."""


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """One piece of I/O for one system."""

    system: str
    run: Callable[[], T]


class Pool(Protocol):
    """Runs jobs and gives each its result, or the connector's error, in the order of the jobs."""

    def gather(self, jobs: Sequence[Job[T]]) -> list[T | ConnectorError]:
        """Run all jobs. Other exceptions are bugs and propagate."""
        ...

    def stream(self, jobs: Sequence[Job[T]]) -> Iterator[tuple[int, T | ConnectorError]]:
        """Run all jobs and give each one's index and result as soon as it ends."""
        ...

    def close(self) -> None:
        """End the threads; jobs under way are finished."""
        ...


class SerialPool:
    """Everything in the calling thread, one after the other: for tests that are seeded."""

    def gather(self, jobs: Sequence[Job[T]]) -> list[T | ConnectorError]:
        """Run all jobs in order."""
        return [result for _, result in self.stream(jobs)]

    def stream(self, jobs: Sequence[Job[T]]) -> Iterator[tuple[int, T | ConnectorError]]:
        """Run all jobs in order."""
        for index, job in enumerate(jobs):
            attempt: Callable[[], T | ConnectorError] = partial(_attempt, job)
            yield index, attempt()

    def close(self) -> None:
        """Nothing to end."""


class ThreadPool:
    """At most so many jobs of a system at a time as its manifest allows (``limits``).

    Once ``stop`` is set, jobs under way get ``GRACE`` seconds more; those of a server that hangs
    are then given up: they may have been carried out.
    """

    def __init__(
        self, limits: Mapping[str, int], *, default: int = 4, stop: Event | None = None
    ) -> None:
        _share_one_heap()
        self._limits, self._default = limits, default
        self._stop = stop or Event()
        self._until: float | None = None
        self._executors: dict[str, ThreadPoolExecutor] = {}

    def gather(self, jobs: Sequence[Job[T]]) -> list[T | ConnectorError]:
        """Run all jobs, those of different systems side by side."""
        results: list[T | ConnectorError | None] = [None] * len(jobs)
        for index, result in self.stream(jobs):
            results[index] = result
        return cast("list[T | ConnectorError]", results)

    def stream(self, jobs: Sequence[Job[T]]) -> Iterator[tuple[int, T | ConnectorError]]:
        """Run all jobs, those of different systems side by side; results as they come."""
        ended: SimpleQueue[Future[T | ConnectorError]] = SimpleQueue()
        futures = {self._submit(job): index for index, job in enumerate(jobs)}
        for future in futures:
            future.add_done_callback(ended.put)
        while futures:
            try:
                future = ended.get(timeout=LOOK_EVERY)
            except Empty:
                if self._is_over():
                    break
                continue
            # Taken out, so that a result that was used does not stay until the last one is.
            yield futures.pop(future), future.result()
        for future, index in futures.items():
            began = not future.cancel()
            yield index, Unavailable("stopping", maybe_applied=began)

    def close(self) -> None:
        """End the threads; jobs under way are finished, waiting ones are dropped."""
        for executor in self._executors.values():
            executor.shutdown(wait=not self._is_over(), cancel_futures=True)
        self._executors.clear()

    def _is_over(self) -> bool:
        """Whether jobs that are still under way are given up."""
        if not self._stop.is_set():
            return False
        if self._until is None:
            self._until = time.monotonic() + GRACE
        return time.monotonic() >= self._until

    def _submit(self, job: Job[T]) -> Future[T | ConnectorError]:
        # A copy of the context, so that a thread's log lines carry the cycle's id.
        attempt: Callable[[], T | ConnectorError] = partial(copy_context().run, _attempt, job)
        return self._executor(job.system).submit(attempt)

    def _executor(self, system: str) -> ThreadPoolExecutor:
        if system not in self._executors:
            workers = max(1, self._limits.get(system, self._default))
            self._executors[system] = ThreadPoolExecutor(workers, f"{THREADS}{system}")
        return self._executors[system]


def _share_one_heap() -> None:
    """Let all threads allocate from one heap (glibc; elsewhere this does nothing).

    Else each has its own, and what one read and another has stored and freed stays unused in
    the first one's: a third more memory in a first synchronisation (``bench/README.md``).
    https://www.gnu.org/software/libc/manual/html_node/Malloc-Tunable-Parameters.html
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _attempt(job: Job[T]) -> T | ConnectorError:
    try:
        return job.run()
    except ConnectorError as error:
        return error
