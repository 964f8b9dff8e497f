"""Watches that vendors have granted, by channel; and those that are still to be ended.

Of a watch's secret only its SHA-256 is stored: it is 32 random bytes, which nobody guesses from
that, and whoever reads the store cannot make us look.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from syncd.connector import Collection as Calendar
from syncd.connector import Watch
from syncd.store.database import Database, chunks, upsert
from syncd.store.schema import former_watches, watches


@dataclass(frozen=True, slots=True)
class Kept:
    """How a channel is watched.

    ``calendar`` and ``person`` name the collection, ``address`` where we are told. ``watch``:
    ``None`` until there is one. ``digests``: of the secrets that its notifications may carry.
    ``act_at``: when it is renewed or tried again. ``told``: about when we were last told
    anything, be it that the watch stands.
    ``failures``: of opening or renewing, in a row.
    """

    channel: str
    system: str
    calendar: str
    person: str
    address: str
    act_at: datetime
    watch: Watch | None = None
    digests: tuple[str, ...] = ()
    told: datetime | None = None
    failures: int = 0
    error: str = ""

    def is_open(self, now: datetime) -> bool:
        """Whether the vendor's promise stands."""
        return self.watch is not None and now < self.watch.expires

    def former(self) -> Former | None:
        """Its watch as one that is to be ended."""
        if self.watch is None:
            return None
        return Former(self.system, self.calendar, self.person, self.watch)


@dataclass(frozen=True, slots=True)
class Former:
    """A watch that is to be ended; ``calendar`` and ``person`` name its collection."""

    system: str
    calendar: str
    person: str
    watch: Watch

    @property
    def collection(self) -> Calendar:
        """What its connector is asked for."""
        return Calendar(self.calendar, self.person)


class WatchRecords:
    """The part of the store that concerns watches."""

    _database: Database

    def watches(self) -> list[Kept]:
        """All watches, by channel."""
        with self._database.read() as connection:
            rows = connection.execute(select(watches).order_by(watches.c.channel)).all()
        return [
            Kept(
                row.channel,
                row.system,
                row.calendar,
                row.person,
                row.address,
                row.act_at,
                Watch(row.watch, row.resource, row.expires) if row.watch is not None else None,
                tuple(row.digests.split()),
                row.told,
                row.failures,
                row.error,
            )
            for row in rows
        ]

    def save_watch(self, kept: Kept, former: Former | None = None) -> None:
        """Store how a channel is watched; ``former``: the watch in whose place this one is, to
        be ended."""
        watch = kept.watch
        row = {
            "channel": kept.channel,
            "system": kept.system,
            "calendar": kept.calendar,
            "person": kept.person,
            "address": kept.address,
            "watch": watch.id if watch is not None else None,
            "resource": watch.resource if watch is not None else "",
            "expires": watch.expires if watch is not None else None,
            "digests": " ".join(kept.digests),
            "act_at": kept.act_at,
            "told": kept.told,
            "failures": kept.failures,
            "error": kept.error,
        }
        with self._database.write() as connection:
            upsert(connection, watches, [row])
            if former is not None:
                _save_former(connection, former)

    def part_with(self, kept: Collection[Kept]) -> None:
        """These channels are watched no longer; their watches are to be ended."""
        with self._database.write() as connection:
            for part in chunks([each.channel for each in kept]):
                connection.execute(delete(watches).where(watches.c.channel.in_(part)))
            for former in filter(None, (each.former() for each in kept)):
                _save_former(connection, former)

    def told_of(self, times: Mapping[str, datetime]) -> None:
        """When we were last told of channels."""
        with self._database.write() as connection:
            for channel, at in times.items():
                where = watches.c.channel == channel
                connection.execute(update(watches).where(where).values(told=at))

    def former_watches(self) -> list[Former]:
        """The watches that are to be ended."""
        with self._database.read() as connection:
            rows = connection.execute(select(former_watches)).all()
        return [
            Former(
                row.system, row.calendar, row.person, Watch(row.watch, row.resource, row.expires)
            )
            for row in rows
        ]

    def forget_former(self, former: Former) -> None:
        """It has ended."""
        where = (former_watches.c.system == former.system) & (
            former_watches.c.watch == former.watch.id
        )
        with self._database.write() as connection:
            connection.execute(delete(former_watches).where(where))


def _save_former(connection: Connection, former: Former) -> None:
    row = {
        "system": former.system,
        "watch": former.watch.id,
        "resource": former.watch.resource,
        "expires": former.watch.expires,
        "calendar": former.calendar,
        "person": former.person,
    }
    upsert(connection, former_watches, [row])
