"""A bug that one appointment brings out is set aside with it; the others go on (invariant 9)."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from syncd.core.state import WHOLE, AppointmentId
from syncd.errors import SyncdError
from syncd.store import Store
from syncd.surroundings import Stopping
from syncd.write import ASIDE_FOR

T = TypeVar("T")

_ELSEWHERE = (SyncdError, Stopping, DBAPIError, OSError, MemoryError)
"""What no single appointment is to blame for: a full disk, a store that is down, a stop."""


class InHand:
    """Which appointments of a bridge are being worked on.

    Nothing is caught here: what is unexpected ends the cycle and is logged by the daemon. The
    next cycle takes those that were in hand one at a time, and whose turn it was when it happens
    again is left alone for a day.
    """

    def __init__(self, bridge: str, store: Store, now: Callable[[], datetime]) -> None:
        self._bridge, self._store, self._now = bridge, store, now
        self._name = f"suspects:{bridge}"
        self._suspects = frozenset(json.loads(store.meta_get(self._name) or "[]"))

    def parts(
        self, items: Sequence[T], size: int, id_of: Callable[[T], AppointmentId]
    ) -> Iterator[Sequence[T]]:
        """``items``, so many at a time; suspects come alone, and last."""
        calm = [item for item in items if id_of(item) not in self._suspects]
        for start in range(0, len(calm), size):
            yield calm[start : start + size]
        for item in items:
            if id_of(item) in self._suspects:
                yield [item]

    @contextmanager
    def work(self, ids: Collection[AppointmentId]) -> Iterator[None]:
        """Work on these; remembers them if it ends in a bug."""
        ended = False
        try:
            yield
            ended = True
        finally:
            error = sys.exc_info()[1]
            if not ended and isinstance(error, Exception) and not isinstance(error, _ELSEWHERE):
                self._blame(frozenset(ids), error)

    def calm(self) -> None:
        """A cycle went well: nobody is suspected any more."""
        if self._suspects:
            self._suspect(frozenset())

    def _suspect(self, ids: frozenset[AppointmentId]) -> None:
        # Kept in the store for `sync`, whose process ends with the bug.
        self._suspects = ids
        self._store.meta_set(self._name, json.dumps(sorted(ids)))

    def _blame(self, ids: frozenset[AppointmentId], error: Exception) -> None:
        if len(ids) != 1:
            self._suspect(self._suspects | ids)
            return
        (id,) = ids
        now = self._now()
        reason = f"a fault in syncd ({type(error).__name__}): the log tells where, please report it"
        self._store.set_aside(self._bridge, id, "", WHOLE, (), reason, now, now + ASIDE_FOR)
