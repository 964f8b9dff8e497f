"""What channels show, row by row, and whose copies those are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice
from sys import intern
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)

from syncd.connector import Unreadable
from syncd.core.state import AppointmentId, Copy, Key, Slot, Version
from syncd.errors import Rejected
from syncd.store.channels import next_revision, read_channel_state
from syncd.store.database import CHUNK, Database, chunks
from syncd.store.look import (
    GONE,
    PRESENT,
    UNREADABLE,
    Look,
    store_look,
    store_quiet,
    store_shown,
)
from syncd.store.rows import copy_columns, copy_of
from syncd.store.schema import DIRTY, agreements, indexable, observed, settled
from syncd.store.state_codec import SAME

Reader = Callable[[Key, Version | None, str], Copy]
"""A connector's ``read``: a stored wire form with today's mapping; raises ``Rejected``."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One item that a channel shows or has shown.

    ``state``: ``present``, ``gone`` (``copy`` is then the last one seen) or ``unreadable``
    (``reason`` says why). ``at`` and ``before`` as in :class:`~syncd.core.state.Seen`.
    ``appointment`` and ``slot``: which copy it is, ``None`` until it is paired. ``dirty``: it
    changed since it was settled. ``parked``: pairing waits until then.
    """

    channel: str
    key: Key
    state: str
    copy: Copy | None
    at: datetime
    before: datetime | None
    appointment: AppointmentId | None
    slot: Slot
    dirty: bool
    reason: str
    parked: datetime | None


_KNOWN = select(observed.c.key, observed.c.version).where(
    observed.c.channel == bindparam("of"), observed.c.state.in_((PRESENT, UNREADABLE))
)


class Observations:
    """The part of the store that concerns what channels show."""

    _database: Database

    def known(self, channel: str) -> dict[Key, Version | None]:
        """The versions of all items that the channel has, readable or not."""
        with self._database.read() as connection:
            rows = connection.execute(_KNOWN, {"of": channel})
            return {row.key: row.version for row in rows}

    def record_look(self, channel: str, look: Look) -> int:
        """Store a look and its cursor together; returns the number of items that changed.

        A copy with the version and the wire form that are stored is not touched. A gone key
        that is not known is ignored. Keys beyond 2,000 bytes are left out.
        """
        with self._database.write() as connection:
            return store_look(connection, channel, look)

    def record_quiet(self, looks: Mapping[str, Look]) -> None:
        """As :meth:`record_look` for looks, by channel, that brought nothing new: a thousand of
        them in one transaction."""
        if looks:
            with self._database.write() as connection:
                store_quiet(connection, looks)

    def record_fetch(
        self,
        channel: str,
        at: datetime,
        copies: Sequence[Copy] = (),
        gone: Collection[Key] = (),
        unreadable: Sequence[Unreadable] = (),
    ) -> int:
        """As :meth:`record_look` for single keys: cursor and time of the last look stay."""
        shown = Look(at=at, copies=copies, gone=gone, unreadable=unreadable)
        with self._database.write() as connection:
            state = read_channel_state(connection, channel)
            return store_shown(connection, channel, state.looked if state else None, shown)

    def observed(self, channel: str, key: Key) -> Observed | None:
        """One item."""
        return self.observed_many(channel, [key]).get(key)

    def observed_many(self, channel: str, keys: Collection[Key]) -> dict[Key, Observed]:
        """The items of these keys that are known."""
        found = self._where_in(observed.c.key, list(keys), observed.c.channel == channel)
        return {item.key: item for item in found}

    def unpaired(
        self, bridge: str, now: datetime | None = None, *, wires: bool = True
    ) -> list[Observed]:
        """Changed copies without an appointment, by channel and key.

        Those parked beyond ``now`` are left out. Without ``wires`` the wire form of each copy
        is left empty: of many copies it is most of what they are.
        """
        query = _unassigned(PRESENT, wires=wires, parked=now is None)
        return self._sorted(query, {"of": bridge, "now": now})

    def unborn(self, bridge: str) -> list[Observed]:
        """The items, without their wire forms, of appointments that were paired and have never
        been settled since: it was killed in between, or is held."""
        settled_once = exists().where(agreements.c.id == observed.c.appointment)
        query = select(*_without("wire")).where(
            observed.c.bridge == bridge, DIRTY, observed.c.appointment.is_not(None), ~settled_once
        )
        return self._sorted(query)

    def series_shown(self, channel: str) -> list[tuple[AppointmentId, Copy]]:
        """The series that the channel shows, without their wire forms, and whose they are."""
        query = select(*_without("wire")).where(
            observed.c.channel == channel,
            observed.c.state == PRESENT,
            observed.c.slot == "",
            observed.c.appointment.is_not(None),
            observed.c.reads.like('%"recurrence":%'),  # a field that is there
        )
        shown = ((item.appointment, item.copy) for item in self._sorted(query))
        return [(id, copy) for id, copy in shown if id is not None and copy is not None]

    def pending_gone(self, bridge: str) -> list[Observed]:
        """Items that went before they were paired: drop them."""
        return self._sorted(_unassigned(GONE), {"of": bridge})

    def drop_observed(self, channel: str, keys: Collection[Key]) -> None:
        """Forget items."""
        with self._database.write() as connection:
            for part in chunks(list(keys)):
                connection.execute(
                    delete(observed).where(observed.c.channel == channel, observed.c.key.in_(part))
                )

    def assign(self, pairs: Iterable[tuple[str, Key, AppointmentId, Slot]]) -> None:
        """Say which copies items are: (channel, key, appointment, slot)."""
        self._set(
            {
                "appointment": bindparam("to_appointment"),
                "slot": bindparam("to_slot"),
                "parked": None,
            },
            (
                {"of_channel": channel, "of_key": key, "to_appointment": id_, "to_slot": slot}
                for channel, key, id_, slot in pairs
            ),
        )

    def unassign(self, items: Iterable[tuple[str, Key]]) -> None:
        """Take items (channel, key) out of their appointments; whether they are dirty stays."""
        self._set({"appointment": None, "slot": ""}, _places(items))

    def set_clean(self, items: Iterable[tuple[str, Key]]) -> None:
        """These items (channel, key) need no look until they change."""
        self._set({"dirty": 0}, _places(items))

    def park(self, channel: str, key: Key, until: datetime) -> None:
        """Pairing wants to see the item again, but not before ``until``."""
        self._set({"parked": until}, _places([(channel, key)]))

    def redirty(self, channel: str) -> None:
        """Look at every item of the channel again (its configuration has changed)."""
        with self._database.write() as connection:
            revision = next_revision(connection)
            connection.execute(
                update(observed)
                .where(observed.c.channel == channel)
                .values(dirty=revision, parked=None)
            )

    def reread(self, channel: str, read: Reader) -> int:
        """Read the stored wire forms with today's mapping, observed and settled ones alike.

        Nobody edited anything, so nothing becomes dirty; call :meth:`redirty` as well where
        what reads differently shall be looked at. Returns how many readings differ. What can
        no longer be read keeps its last reading.
        """
        changed = 0
        with self._database.write() as connection:
            for table in (observed, settled):
                changed += _reread(connection, table, channel, read)
        return changed

    def all_observed(self, channel: str, size: int = 500) -> Iterator[Observed]:
        """Every item of the channel, in pieces of ``size``, each its own transaction."""
        query = select(observed).where(observed.c.channel == channel).order_by(observed.c.key)
        last: Key | None = None
        while True:
            part = query if last is None else query.where(observed.c.key > last)
            with self._database.read() as connection:
                rows = connection.execute(part.limit(size)).all()
            if not rows:
                return
            yield from map(item_of, rows)
            last = rows[-1].key

    def unreadable(self, channel: str) -> list[Observed]:
        """The items of the channel that are there and cannot be read, each with its reason."""
        query = select(observed).where(
            observed.c.channel == channel, observed.c.state == UNREADABLE
        )
        return self._sorted(query)

    def count_observed(self, channel: str) -> int:
        """The number of copies that are present."""
        query = select(func.count()).where(
            observed.c.channel == channel, observed.c.state == PRESENT
        )
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    def copies_by_uid(self, bridge: str, uids: Collection[str]) -> list[Observed]:
        """The bridge's items with one of these UIDs, gone ones too."""
        indexed = sorted({indexable(uid) for uid in uids})
        return self._where_in(observed.c.uid_index, indexed, observed.c.bridge == bridge)

    def others_marked(self, channel: str, id: AppointmentId) -> frozenset[Key]:
        """The items there that carry the marker of ``id`` and are known to be of another."""
        query = select(observed.c.key).where(
            observed.c.channel == channel,
            observed.c.marker_appointment == id,
            observed.c.appointment != id,
        )
        with self._database.read() as connection:
            return frozenset(connection.execute(query).scalars())

    def _where_in(
        self, column: ColumnElement[Any], values: Sequence[Any], condition: ColumnElement[bool]
    ) -> list[Observed]:
        with self._database.read() as connection:
            rows = [
                row
                for part in chunks(values)
                for row in connection.execute(select(observed).where(condition, column.in_(part)))
            ]
        return sorted(map(item_of, rows), key=_order)

    def _sorted(self, query: Any, those: Mapping[str, Any] | None = None) -> list[Observed]:
        with self._database.read() as connection:
            rows = connection.execute(query, those).yield_per(CHUNK)
            # Sorted here: databases do not agree on how to sort text.
            return sorted(map(item_of, rows), key=_order)

    def _set(self, values: dict[str, Any], places: Iterable[dict[str, Any]]) -> None:
        rest = iter(places)
        part = list(islice(rest, CHUNK))
        if not part:
            return
        statement = (
            update(observed)
            .where(
                observed.c.channel == bindparam("of_channel"),
                observed.c.key == bindparam("of_key"),
            )
            .values(**values)
        )
        with self._database.write() as connection:
            # Some at a time: a first look may have brought thousands of them.
            while part:
                connection.execute(statement, part)
                part = list(islice(rest, CHUNK))


def item_of(row: Row[Any]) -> Observed:
    """The item in a row."""
    return Observed(
        intern(row.channel),
        row.key,
        intern(row.state),
        copy_of(row),
        row.at,
        row.before,
        row.appointment,
        row.slot,
        bool(row.dirty),
        row.reason,
        row.parked,
    )


def _order(item: Observed) -> tuple[str, Key]:
    return item.channel, item.key


def _places(items: Iterable[tuple[str, Key]]) -> Iterator[dict[str, Any]]:
    return ({"of_channel": channel, "of_key": key} for channel, key in items)


@cache
def _unassigned(state: str, *, wires: bool = True, parked: bool = True) -> Any:
    """Items of a bridge without an appointment; not ``parked``: without those parked for later."""
    query = select(*_without(*() if wires else ("wire",))).where(
        observed.c.bridge == bindparam("of"),
        DIRTY,
        observed.c.appointment.is_(None),
        observed.c.state == state,
    )
    if parked:
        return query
    return query.where(or_(observed.c.parked.is_(None), observed.c.parked <= bindparam("now")))


def _without(*names: str) -> list[Any]:
    """All columns, of which these are left empty."""
    return [literal_column("''").label(c.name) if c.name in names else c for c in observed.c]


def _reread(connection: Connection, table: Table, channel: str, read: Reader) -> int:
    changed = 0
    identity = list(table.primary_key.columns)
    query = select(table).where(table.c.channel == channel, table.c.reads.is_not(None))
    for row in connection.execute(query).all():
        try:
            columns = copy_columns(read(row.key, row.version, row.wire))
        except Rejected:
            continue
        changed += columns["reads"] != row.reads
        if all(columns[name] == getattr(row, name) for name in columns):
            continue
        if table is settled and row.asked == SAME:
            columns["asked"] = row.reads  # it was the old reading, and stays that
        if table is observed:
            uid = columns["uid"]
            columns["uid_index"] = None if uid is None else indexable(uid)
        place = [column == getattr(row, column.name) for column in identity]
        connection.execute(update(table).where(*place).values(**columns))
    return changed
