"""The bounded pool in which all input and output happens; one control thread decides."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, cast

from syncd.errors import ConfigError, ConnectorError, Unauthorized, Unavailable
from syncd.heap import share_one_heap
from syncd.lanes import Lane

T = TypeVar("T")

WORKERS = 32
"""Threads for input and output, unless configured."""

GRACE = 3.0
"""Seconds that jobs under way get once all is to stop."""

BATCH = 32
"""So many results are given together at most."""

FEW = 32
"""Where so many jobs are left at most, the next ones are asked for."""

LINGER = 0.05
"""Seconds that results wait for others to be given together with."""

LOOK_EVERY = 0.5
"""Seconds after which a pool that waits for results looks whether it is to stop."""

THREADS = "syncd-"
"""What the names of the pool's threads begin with."""


class Stopped(Unavailable):
    """All is to stop: the job was not begun, or (``maybe_applied``) was given up under way."""

    def __init__(self, *, maybe_applied: bool = False) -> None:
        super().__init__("stopping", maybe_applied=maybe_applied)


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """One piece of I/O for one system. ``of``: for whom it is there, a channel: of those that wait
    each is served in its turn, whatever the others have to do."""

    system: str
    run: Callable[[], T]
    of: str = ""


class Pool(Protocol):
    """Runs jobs and gives each its result, or the connector's error, in the order of the jobs."""

    def gather(self, jobs: Sequence[Job[T]]) -> list[T | ConnectorError]:
        """Run all jobs. Other exceptions are bugs and propagate."""
        ...

    def stream(self, jobs: Sequence[Job[T]]) -> Iterator[tuple[int, T | ConnectorError]]:
        """Run all jobs and give each one's index and result as soon as it ends."""
        ...

    def batches(
        self, parts: Iterable[Sequence[Job[T]]]
    ) -> Iterator[list[tuple[int, T | ConnectorError]]]:
        """As ``stream``, with what ends within a moment together: who stores what comes need not do
        so one by one. Jobs come in ``parts``, each asked for, in the caller's thread, when few of
        those before it are left; the index counts through all of them."""
        ...

    def race(
        self, jobs: Sequence[Job[T]], patience: float
    ) -> Iterator[tuple[int, T | ConnectorError | Begun[T]]]:
        """As ``stream``, but once nothing has happened for ``patience`` seconds, those that are
        still under way are handed over, and nobody waits for them."""
        ...

    def begin(self, job: Job[T]) -> Begun[T]:
        """Run a job beside everything else; who began it asks now and then how it went."""
        ...

    def close(self) -> None:
        """End the threads; jobs under way are finished."""
        ...


class _Item(Generic[T]):
    """A job in a stream of jobs, on its way through the pool."""

    __slots__ = ("began", "dropped", "ended", "index", "job", "run")

    def __init__(self, index: int, job: Job[T], ended: SimpleQueue[_Ended[T]]) -> None:
        self.index, self.job, self.ended = index, job, ended
        # A copy of the context, so that a thread's log lines carry the cycle's id.
        self.run: Callable[[], T | ConnectorError] = partial(copy_context().run, attempt, job)
        self.began = self.dropped = False


@dataclass(frozen=True, slots=True)
class _Bug:
    error: BaseException


_Ended: TypeAlias = "tuple[_Item[T], T | ConnectorError | _Bug]"


class Begun(Generic[T]):
    """A job that nobody waits for, or waits for any more."""

    def __init__(self, ended: SimpleQueue[_Ended[T]]) -> None:
        self._ended = ended

    def result(self) -> T | ConnectorError | None:
        """How it ended, told once; ``None`` while it is under way. A bug is raised."""
        try:
            _, result = self._ended.get_nowait()
        except Empty:
            return None
        return _told(result)


class ThreadPool:
    """``workers`` threads for all systems together, and for each at most so many as its
    manifest allows (``limits``) and half of all: one that hangs leaves the others theirs.

    Once ``stop`` is set no job begins, and those under way get ``GRACE`` seconds more; those of
    a server that hangs are then given up: they may have been carried out. ``beat`` is called as
    jobs end and, while they are waited for, as ``requests`` (how many were sent) goes up.
    """

    def __init__(
        self,
        limits: Mapping[str, int],
        *,
        workers: int = WORKERS,
        default: int = 4,
        stop: Event | None = None,
        beat: Callable[[], None] = lambda: None,
        requests: Callable[[], int] = lambda: 0,
    ) -> None:
        share_one_heap()
        self._limits, self._default, self._workers = limits, default, workers
        self._stop = stop or Event()
        self._beat, self._requests = beat, requests
        self._until: float | None = None
        self._lock = threading.Lock()
        self._lanes: dict[str, Lane[_Item[Any]]] = {}
        self._turn: deque[str] = deque()
        self._active = 0
        self._alone: set[_Item[Any]] = set()
        self._executor = ThreadPoolExecutor(workers, f"{THREADS}io")

    def gather(self, jobs: Sequence[Job[T]]) -> list[T | ConnectorError]:
        """Run all jobs, those of different systems side by side."""
        results: list[T | ConnectorError | None] = [None] * len(jobs)
        for index, result in self.stream(jobs):
            results[index] = result
        return cast("list[T | ConnectorError]", results)

    def stream(self, jobs: Sequence[Job[T]]) -> Iterator[tuple[int, T | ConnectorError]]:
        """Run all jobs, those of different systems side by side; results as they come."""
        for index, result in self.race(jobs, math.inf):
            assert not isinstance(result, Begun)
            yield index, result
            del result

    def batches(
        self, parts: Iterable[Sequence[Job[T]]]
    ) -> Iterator[list[tuple[int, T | ConnectorError]]]:
        """Run all jobs, those of different systems side by side; at most :data:`BATCH` at once,
        of which none waited longer than :data:`LINGER`. A part is asked for when at most
        :data:`FEW` of those before it are left: their server need not wait for the next ones."""
        for found in self._race(parts, math.inf, LINGER):
            yield [(index, each) for index, each in found if not isinstance(each, Begun)]

    def race(
        self, jobs: Sequence[Job[T]], patience: float
    ) -> Iterator[tuple[int, T | ConnectorError | Begun[T]]]:
        """As ``stream``; what happens is also that a request is sent."""
        for found in self._race([jobs], patience):
            while found:  # taken out: what was used does not stay until the last one is
                yield found.pop(0)

    def _race(
        self, parts: Iterable[Sequence[Job[T]]], patience: float, linger: float = 0.0
    ) -> Iterator[list[tuple[int, T | ConnectorError | Begun[T]]]]:
        ended: SimpleQueue[_Ended[T]] = SimpleQueue()
        items: dict[int, _Item[T]] = {}
        fresh = map(partial(_items, count(), ended), parts)  # which keeps none of them
        sent, moved = self._requests(), time.monotonic()
        try:
            while (yield from self._supply(items, fresh, ended)):
                if found := _come(ended, min(LOOK_EVERY, patience), linger, len(items)):
                    moved = time.monotonic()
                    yield self._told_of(found, items)
                    del found
                elif self._is_over():
                    break
                elif (now := self._requests()) != sent:
                    self._beat()
                    sent, moved = now, time.monotonic()
                elif time.monotonic() - moved >= patience and ended.empty():
                    yield self._handed_over(items, ended)
        finally:
            for item in items.values():
                item.dropped = True
        if items:
            yield [(index, Stopped(maybe_applied=item.began)) for index, item in items.items()]

    def _supply(
        self,
        items: dict[int, _Item[T]],
        fresh: Iterator[list[_Item[T]]],
        ended: SimpleQueue[_Ended[T]],
    ) -> Generator[list[tuple[int, T | ConnectorError | Begun[T]]], None, bool]:
        """Line up the next parts where few ``items`` are left; whether there are any."""
        while len(items) <= FEW:
            try:
                part = next(fresh, None)
            except BaseException:
                # Nobody waits for what is under way once this is raised: that is told before.
                while items and not self._is_over():
                    yield self._told_of(_come(ended, LOOK_EVERY, 0.0, len(items)), items)
                raise
            if part is None:
                break
            items.update((item.index, item) for item in part)
            self._line_up(part)
        return bool(items)

    def _told_of(
        self, found: list[tuple[_Item[T], T | ConnectorError | _Bug]], items: dict[int, _Item[T]]
    ) -> list[tuple[int, T | ConnectorError | Begun[T]]]:
        """How these have ended, which are under way no more."""
        self._beat()
        for item, _ in found:
            del items[item.index]
        return [(item.index, _told(result)) for item, result in found]

    def _handed_over(
        self, items: dict[int, _Item[T]], ended: SimpleQueue[_Ended[T]]
    ) -> list[tuple[int, T | ConnectorError | Begun[T]]]:
        """What is under way or waits, each with a queue of its own; what ended meanwhile stays."""
        left: list[tuple[int, T | ConnectorError | Begun[T]]] = []
        with self._lock:  # under which it ends: see `_work`
            if not ended.empty():
                return left
            for index, item in items.items():
                item.ended = SimpleQueue()
                self._alone.add(item)
                left.append((index, Begun(item.ended)))
        items.clear()
        return left

    def begin(self, job: Job[T]) -> Begun[T]:
        """Run a job as soon as its system has a thread for it."""
        ended: SimpleQueue[_Ended[T]] = SimpleQueue()
        self._line_up([_Item(0, job, ended)])
        return Begun(ended)

    def close(self) -> None:
        """End the threads; jobs under way are finished, waiting ones are dropped. What was handed
        over ends by itself: a server that hangs is not waited for."""
        with self._lock:
            for lane in self._lanes.values():
                lane.waiting.clear()
            alone = bool(self._alone)
        self._executor.shutdown(wait=not alone and not self._is_over(), cancel_futures=True)

    def _is_over(self) -> bool:
        """Whether jobs that are still under way are given up."""
        if not self._stop.is_set():
            return False
        if self._until is None:
            self._until = time.monotonic() + GRACE
        return time.monotonic() >= self._until

    def _line_up(self, items: Collection[_Item[Any]]) -> None:
        with self._lock:
            for item in items:
                self._lane(item.job.system).line_up(item, item.job.of)
            # Not one for each job: those beyond the limit of a system would find nothing to do.
            startable = sum(lane.startable for lane in self._lanes.values())
            more = min(startable, self._workers - self._active)
            self._active += more
        for _ in range(more):
            self._executor.submit(self._work)

    def _lane(self, system: str) -> Lane[_Item[Any]]:
        if system not in self._lanes:
            limit = self._limits.get(system, self._default)
            self._lanes[system] = Lane(max(1, min(limit, self._workers // 2)))
            self._turn.append(system)
        return self._lanes[system]

    def _work(self) -> None:
        """What each thread does: one job after the other, as long as one may begin."""
        while (taken := self._take()) is not None:
            lane, item = taken
            try:
                if self._stop.is_set():
                    self._end(item, Stopped())
                elif not item.dropped:
                    item.began = True
                    self._end(item, item.run())
            except BaseException as error:
                # Not caught but carried over: whoever waits in `stream` raises it there. A thread
                # that died silently would leave that one waiting for ever.
                with self._lock:
                    self._active -= 1
                self._end(item, _Bug(error))
                raise
            finally:
                with self._lock:
                    lane.running -= 1

    def _end(self, item: _Item[Any], result: object) -> None:
        with self._lock:  # it may be handed over just now, and with it its queue
            self._alone.discard(item)
            item.ended.put((item, result))

    def _take(self) -> tuple[Lane[_Item[Any]], _Item[Any]] | None:
        """The next job, of another system each time; without one the thread is done."""
        with self._lock:
            for _ in range(len(self._turn)):
                lane = self._lanes[self._turn[0]]
                self._turn.rotate(-1)
                if lane.waiting and lane.running < lane.limit:
                    lane.running += 1
                    return lane, lane.next()
            self._active -= 1
            return None


def _items(
    index: Iterator[int], ended: SimpleQueue[_Ended[T]], jobs: Sequence[Job[T]]
) -> list[_Item[T]]:
    return [_Item(next(index), job, ended) for job in jobs]


def _come(
    ended: SimpleQueue[_Ended[T]], patience: float, linger: float, most: int
) -> list[tuple[_Item[T], T | ConnectorError | _Bug]]:
    """What has ended: the first one is waited for ``patience`` seconds, others, while there may be
    ``most``, for ``linger`` seconds more."""
    found: list[tuple[_Item[T], T | ConnectorError | _Bug]] = []
    with suppress(Empty):
        found.append(ended.get(timeout=patience))
        until = time.monotonic() + linger
        while len(found) < min(most, BATCH):
            found.append(ended.get(timeout=max(0.0, until - time.monotonic())))
    return found


def _told(result: T | ConnectorError | _Bug) -> T | ConnectorError:
    if isinstance(result, _Bug):
        raise result.error
    return result


def attempt(job: Job[T]) -> T | ConnectorError:
    """Run it; what a remote did is an answer."""
    try:
        return job.run()
    except ConnectorError as error:
        return error
    except ConfigError as error:
        # A calendar that is not there, say: one of a thousand must not stop the others.
        return Unauthorized(str(error), lone=True)
