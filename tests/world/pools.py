"""The pool of the simulated world: one thread, and a daemon that can die between any two jobs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any, TypeVar

from syncd.errors import ConnectorError
from syncd.pool import Begun, Job, attempt
from tests.world.play import Killed

_T = TypeVar("_T")

LATE = 0.15
"""The share of looks that a cycle does not wait for, where some are late."""


class Points:
    """Counts the points at which a daemon can die, and dies at the one that was armed."""

    def __init__(self) -> None:
        self._left, self._dead = 0, False

    def arm(self, at: int) -> None:
        """Die at the ``at``-th point from now; 0 for never. Whoever was dead is another one now."""
        self._left, self._dead = at, False

    def pass_by(self) -> None:
        """One more point. Raises ``Killed`` if it is the one."""
        self.live()
        if self._left:
            self._left -= 1
            self._dead = not self._left
            self.live()

    def live(self) -> None:
        """Raises ``Killed`` once dead: a killed process does not tidy up either."""
        if self._dead:
            raise Killed


class LateAnswer(Begun[_T]):
    """What a remote has answered, told only when it was asked for so many times."""

    def __init__(self, result: _T | ConnectorError, after: int) -> None:
        self._result, self._after = result, after

    @property
    def is_told(self) -> bool:
        """Whether it was asked for often enough."""
        return self._after < 0

    def result(self) -> _T | ConnectorError | None:
        """See :meth:`Begun.result`."""
        self._after -= 1
        return self._result if self.is_told else None


class MortalPool:
    """Every job begins and ends at a point: also between a remote's answer and its record.
    ``dice`` say which looks are late; without any none is."""

    def __init__(self, points: Points, dice: Random | None = None) -> None:
        self._points, self.dice = points, dice
        self._late: list[tuple[str, LateAnswer[Any]]] = []
        self._batches = 0
        self.late: set[str] = set()

    def cycle_begins(self) -> None:
        """Those that were late before this cycle, told or not."""
        self._late = [each for each in self._late if not each[1].is_told]
        self.late = {system for system, _ in self._late}

    def gather(self, jobs: Sequence[Job[_T]]) -> list[_T | ConnectorError]:
        """Run all jobs in order."""
        return [result for _, result in self.stream(jobs)]

    def stream(self, jobs: Iterable[Job[_T]]) -> Iterator[tuple[int, _T | ConnectorError]]:
        """Run all jobs in order."""
        for index, job in enumerate(jobs):
            self._points.live()
            result: _T | ConnectorError = attempt(job)
            self._points.pass_by()
            yield index, result

    def batches(
        self, parts: Iterable[Sequence[Job[_T]]]
    ) -> Iterator[list[tuple[int, _T | ConnectorError]]]:
        """Run all jobs in order; by turns one, two and three end before any of them is told, and
        none, one and two of a part are left when the next one is asked for."""
        found: list[tuple[int, _T | ConnectorError]] = []
        for answer in self.stream(self._one_by_one(iter(parts))):
            found.append(answer)
            if len(found) > self._batches % 3:
                yield found
                found, self._batches = [], self._batches + 1
        yield found

    def _one_by_one(self, parts: Iterator[Sequence[Job[_T]]]) -> Iterator[Job[_T]]:
        waiting = deque[Job[_T]]()
        while True:
            while len(waiting) <= self._batches % 3 and (jobs := next(parts, None)) is not None:
                waiting.extend(jobs)
            if not waiting:
                return
            yield waiting.popleft()

    def race(
        self, jobs: Sequence[Job[_T]], patience: float
    ) -> Iterator[tuple[int, _T | ConnectorError | Begun[_T]]]:
        """Run all jobs in order; some are answered at once, and that is told late."""
        for index, result in self.stream(jobs):
            if self.dice is not None and self.dice.random() < LATE:
                answer = LateAnswer(result, self.dice.randrange(3))
                self._late.append((jobs[index].system, answer))
                self.late.add(jobs[index].system)
                yield index, answer
            else:
                yield index, result

    def begin(self, job: Job[_T]) -> Begun[_T]:
        """Run a job at once."""
        self._points.live()
        begun = LateAnswer(attempt(job), 0)
        self._points.pass_by()
        return begun

    def close(self) -> None:
        """Nothing to end."""
