"""The bounded pool in which all input and output happens; one control thread decides."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from syncd.errors import ConnectorError

T = TypeVar("T")

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
    """At most so many jobs of a system at a time as its manifest allows (``limits``)."""

    def __init__(self, limits: Mapping[str, int], *, default: int = 4) -> None:
        _share_one_heap()
        self._limits, self._default = limits, default
        self._executors: dict[str, ThreadPoolExecutor] = {}

    def gather(self, jobs: Sequence[Job[T]]) -> list[T | ConnectorError]:
        """Run all jobs, those of different systems side by side."""
        futures = [self._submit(job) for job in jobs]
        return [future.result() for future in futures]

    def stream(self, jobs: Sequence[Job[T]]) -> Iterator[tuple[int, T | ConnectorError]]:
        """Run all jobs, those of different systems side by side; results as they come."""
        futures = {self._submit(job): index for index, job in enumerate(jobs)}
        for future in as_completed(futures):
            # Taken out, so that a result that was used does not stay until the last one is.
            yield futures.pop(future), future.result()

    def close(self) -> None:
        """End the threads; jobs under way are finished, waiting ones are dropped."""
        for executor in self._executors.values():
            executor.shutdown(wait=True, cancel_futures=True)
        self._executors.clear()

    def _submit(self, job: Job[T]) -> Future[T | ConnectorError]:
        # A copy of the context, so that a thread's log lines carry the cycle's id.
        attempt: Callable[[], T | ConnectorError] = partial(copy_context().run, _attempt, job)
        return self._executor(job.system).submit(attempt)

    def _executor(self, system: str) -> ThreadPoolExecutor:
        if system not in self._executors:
            workers = max(1, self._limits.get(system, self._default))
            self._executors[system] = ThreadPoolExecutor(workers, f"syncd-{system}")
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
