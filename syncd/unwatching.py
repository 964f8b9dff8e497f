"""Watches that nobody needs any more are ended, also those of channels that have long gone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import partial

import structlog

from syncd.connecting import Connections
from syncd.connector import Watches
from syncd.errands import Errands, wait_after
from syncd.errors import ConnectorError
from syncd.pool import Job, Stopped
from syncd.store import Former
from syncd.surroundings import Surroundings
from syncd.troubles import steady

_Name = tuple[str, str]
"""A watch: its system and its id."""

NOT_ENDED = "a watch has not ended yet"
"""What is logged of one that its system does not end."""

log = structlog.get_logger("syncd.unwatching")


class Unwatching:
    """The former watches. Each is tried until it has ended, or its time is over.

    ``systems``: those that are configured; what the others have granted ends by itself.
    """

    def __init__(
        self, connections: Connections, around: Surroundings, systems: Collection[str]
    ) -> None:
        self._connections, self._around, self._systems = connections, around, systems
        self._store = around.store
        self._former: dict[_Name, Former] = {}
        self._tried: dict[_Name, tuple[datetime, int]] = {}
        self._errands: Errands[_Name, bool] = Errands(around)

    def begin(self) -> None:
        """At the start: those that are stored."""
        for former in self._store.former_watches():
            self.add(former)

    def add(self, former: Former) -> None:
        """One more, stored already."""
        self._former[former.system, former.watch.id] = former

    def keep(self, now: datetime) -> None:
        """Do what is to be done by now."""
        self.collect(now)
        for name, former in list(self._former.items()):
            at, _ = self._tried.get(name, (now, 0))
            if name in self._errands or at > now:
                continue
            if former.watch.expires <= now or former.system not in self._systems:
                if self._forget(name):
                    log.info("a watch has ended by itself", system=former.system)
            elif self._errands.may_begin(former.system):
                self._errands.begin(name, former.system, partial(self._end, former))

    def collect(self, now: datetime) -> None:
        """Note how those that were under way have ended."""
        for name, ended in self._errands.ended():
            if not isinstance(ended, ConnectorError):
                self._forget(name)
                log.info("a watch has ended", system=name[0])
            elif not isinstance(ended, Stopped):
                _, failures = self._tried.get(name, (now, 0))
                self._tried[name] = now + wait_after(failures, ended), failures + 1
                self._tell(name, ended)

    def end_all(self, former: Collection[Former]) -> None:
        """End these now, as well as it goes: nobody will be able to, later."""
        jobs = [Job(each.system, partial(self._end, each)) for each in former]
        results: list[bool | ConnectorError] = self._around.pool.gather(jobs)
        for each, ended in zip(former, results, strict=True):
            self._store.forget_former(each)
            if isinstance(ended, ConnectorError):
                reason = str(ended)
                log.warning("a watch ends by itself later", system=each.system, reason=reason)

    def next(self, now: datetime) -> datetime | None:
        """When there is something to do."""
        coming = [at for at, _ in self._tried.values() if at > now]
        return min([*coming, *filter(None, [self._errands.next(now)])], default=None)

    def _end(self, former: Former) -> bool:
        """In the pool: by a connector of its own, since no channel may have its collection."""
        connector = self._connections.spare(former.system, former.collection)
        try:
            if isinstance(connector, Watches):
                connector.unwatch(former.watch)
        finally:
            connector.close()
        return True

    def _tell(self, name: _Name, error: ConnectorError) -> None:
        """Of all watches of a system in one story: they fail alike, and one line tells as much."""
        system, reason, troubles = name[0], str(error), self._around.troubles
        if troubles.is_news(NOT_ENDED, system, f"{type(error).__name__} {steady(reason)}"):
            since = troubles.since(NOT_ENDED, system)
            log.warning(NOT_ENDED, system=system, reason=reason, since=since)

    def _forget(self, name: _Name) -> bool:
        """Whether it was the last of its system's that was told of."""
        self._store.forget_former(self._former.pop(name))
        self._tried.pop(name, None)
        if any(system == name[0] for system, _ in self._tried):
            return False
        return self._around.troubles.is_over(NOT_ENDED, name[0])
