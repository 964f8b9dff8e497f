"""Errands: requests that nobody waits for, a few at a time to each system, beside all looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from syncd.errors import ConnectorError, Unavailable
from syncd.pool import Begun, Job
from syncd.schedule import Fault, pause_after
from syncd.surroundings import Surroundings

K = TypeVar("K")
T = TypeVar("T")

AT_ONCE = 4
"""Errands under way to one system: the looks at its channels need the other threads."""

LOOK_AGAIN = timedelta(seconds=0.25)
"""The pause until errands under way are asked for again."""

REFUSED_FIRST, REFUSED_MOST = timedelta(minutes=1), timedelta(hours=6)
"""The waits after a vendor has refused: somebody has to mend something."""


class Errands(Generic[K, T]):
    """Those of one kind, by what they are about. Used by the control thread alone."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._under_way: dict[K, tuple[str, Begun[T]]] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._under_way

    def __iter__(self) -> Iterator[K]:
        return iter(list(self._under_way))

    def may_begin(self, system: str) -> bool:
        """Whether the system is asked at all, and not too much."""
        mine = sum(name == system for name, _ in self._under_way.values())
        return mine < AT_ONCE and self._around.breakers.circuit(system).is_closed

    def begin(self, key: K, system: str, run: Callable[[], T]) -> None:
        """``run`` in the pool."""
        self._under_way[key] = system, self._around.pool.begin(Job(system, run))

    def ended(self) -> Iterator[tuple[K, T | ConnectorError]]:
        """Those that have ended since the last time, and how."""
        for key, (_, begun) in list(self._under_way.items()):
            result = begun.result()
            if result is not None:
                del self._under_way[key]
                yield key, result

    def next(self, now: datetime) -> datetime | None:
        """When to ask again how they went."""
        return now + LOOK_AGAIN if self._under_way else None


def wait_after(failures: int, error: ConnectorError | None) -> timedelta:
    """How long to wait after so many failures and this one; ``None``: the vendor's answer made
    no sense."""
    if isinstance(error, Unavailable):
        return pause_after(failures, Fault.SILENT, timedelta(seconds=error.retry_after or 0.0))
    return min(REFUSED_MOST, REFUSED_FIRST * (1 << min(failures, 10)))
