"""History, what was set aside, and the inbox of doubtful pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select

from syncd.core.paths import Path
from syncd.core.state import PERSON, AppointmentId, ChannelName, Key, Kind, Record, Slot
from syncd.store.cases import mark_due
from syncd.store.codec import dumps, loads
from syncd.store.database import Database, chunks, upsert
from syncd.store.rows import bare, bridge_of, qualified
from syncd.store.schema import asides, doubts, history
from syncd.store.state_codec import decode_record, encode_record

_ASIDES = select(asides).order_by(asides.c.id)
_ASIDES_OF = _ASIDES.where(asides.c.bridge == bindparam("of"))
_DOUBTS = select(doubts)
_DOUBTS_OF = _DOUBTS.where(doubts.c.bridge == bindparam("of"))
_WRITTEN_OVER = (Kind.PUT_BACK.value, Kind.OVERWRITTEN.value, Kind.CONFLICT.value)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A record with when, in which cycle and about which appointment it was made."""

    id: int
    bridge: str
    at: datetime
    cycle: str
    appointment: AppointmentId
    record: Record


@dataclass(frozen=True, slots=True)
class Aside:
    """A field of a copy that is left alone for a while.

    ``path`` is empty where it is the whole copy.
    """

    id: int
    bridge: str
    appointment: AppointmentId
    channel: ChannelName
    slot: Slot
    path: Path
    reason: str
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Doubt:
    """A copy that may be one of several appointments: a person decides. ``channel`` is
    ``bridge/name``."""

    channel: str
    key: Key
    candidates: tuple[AppointmentId, ...]
    reason: str
    at: datetime


class Records:
    """The part of the store that explains, and that waits for people."""

    _database: Database

    def history(
        self,
        bridge: str | None = None,
        appointment: AppointmentId | None = None,
        since: datetime | None = None,
        cycle: str | None = None,
        limit: int | None = None,
        kind: Kind | None = None,
    ) -> list[HistoryEntry]:
        """The records that match, oldest first; with ``limit`` the newest of them."""
        query = select(history).order_by(history.c.id.desc())
        if kind is not None:
            query = query.where(history.c.kind == kind.value)
        if bridge is not None:
            query = query.where(history.c.bridge == bridge)
        if appointment is not None:
            query = query.where(history.c.appointment == appointment)
        if since is not None:
            query = query.where(history.c.at >= since)
        if cycle is not None:
            query = query.where(history.c.cycle == cycle)
        if limit is not None:
            query = query.limit(limit)
        with self._database.read() as connection:
            return [_entry_of(row) for row in reversed(connection.execute(query).all())]

    def histories(self, ids: Collection[AppointmentId]) -> dict[AppointmentId, list[HistoryEntry]]:
        """All records of these appointments, oldest first."""
        found: dict[AppointmentId, list[HistoryEntry]] = {}
        with self._database.read() as connection:
            for part in chunks(list(ids)):
                query = select(history).where(history.c.appointment.in_(part))
                for row in connection.execute(query.order_by(history.c.id)):
                    found.setdefault(row.appointment, []).append(_entry_of(row))
        return found

    def put_backs(
        self, ids: Collection[AppointmentId], since: datetime
    ) -> dict[tuple[AppointmentId, ChannelName, Path], int]:
        """How often each (appointment, channel, path) was decided against its channel
        since then: invariant 7."""
        counts: Counter[tuple[AppointmentId, ChannelName, Path]] = Counter()
        columns = history.c
        with self._database.read() as connection:
            for part in chunks(list(ids)):
                query = select(history).where(
                    columns.appointment.in_(part),
                    columns.at >= since,
                    columns.kind.in_(_WRITTEN_OVER),
                )
                for row in connection.execute(query):
                    record = _entry_of(row).record
                    losers = {
                        name
                        for name, value in record.claims
                        if value != record.value and not name.startswith(PERSON)
                    }
                    counts.update((row.appointment, name, record.path) for name in losers)
        return dict(counts)

    def set_aside(
        self,
        bridge: str,
        appointment: AppointmentId,
        channel: ChannelName,
        slot: Slot,
        path: Path,
        reason: str,
        at: datetime,
        until: datetime,
    ) -> None:
        """Leave a field of a copy alone until then; replaces what was said about it before.
        No field: the whole copy. No channel: the whole appointment."""
        place = {
            "bridge": bridge,
            "appointment": appointment,
            "channel": qualified(bridge, channel),
            "slot": slot,
            "path": dumps(path),
        }
        same = [asides.c[name] == value for name, value in place.items()]
        with self._database.write() as connection:
            connection.execute(delete(asides).where(*same))
            connection.execute(
                insert(asides), {**place, "reason": reason, "at": at, "until": until}
            )

    def asides(self, bridge: str | None = None) -> list[Aside]:
        """What is set aside, oldest first. One that has expired stays until it is settled."""
        query = _ASIDES if bridge is None else _ASIDES_OF
        with self._database.read() as connection:
            return [_aside_of(row) for row in connection.execute(query, {"of": bridge})]

    def release(
        self,
        at: datetime,
        *,
        ids: Collection[int] = (),
        appointment: AppointmentId | None = None,
    ) -> int:
        """End asides, by their ids or their appointment; it falls due. Returns how many."""
        with self._database.write() as connection:
            rows = list(_chosen_asides(connection, ids, appointment))
            for part in chunks([row.id for row in rows]):
                connection.execute(delete(asides).where(asides.c.id.in_(part)))
            for row in rows:
                mark_due(connection, row.bridge, [row.appointment], at)
        return len(rows)

    def doubt(
        self,
        channel: str,
        key: Key,
        candidates: Sequence[AppointmentId],
        reason: str,
        at: datetime,
    ) -> None:
        """Put a copy into the inbox; ``at`` of one that is already there stays."""
        row = {
            "channel": channel,
            "key": key,
            "bridge": bridge_of(channel),
            "candidates": dumps(list(candidates)),
            "reason": reason,
            "at": at,
        }
        with self._database.write() as connection:
            upsert(connection, doubts, [row], ("candidates", "reason"))

    def doubts(self, bridge: str | None = None) -> list[Doubt]:
        """The inbox of doubtful pairs."""
        query = _DOUBTS if bridge is None else _DOUBTS_OF
        with self._database.read() as connection:
            rows = connection.execute(query, {"of": bridge}).all()
        found = (
            Doubt(row.channel, row.key, tuple(loads(row.candidates)), row.reason, row.at)
            for row in rows
        )
        return sorted(found, key=lambda each: (each.at, each.channel, each.key))

    def settle_doubt(self, channel: str, key: Key) -> None:
        """The copy is in doubt no longer."""
        with self._database.write() as connection:
            connection.execute(
                delete(doubts).where(doubts.c.channel == channel, doubts.c.key == key)
            )


def record_rows(
    bridge: str, cycle: str, at: datetime, appointment: AppointmentId, records: Sequence[Record]
) -> Iterator[dict[str, Any]]:
    """The rows of the records of one settling."""
    for seq, record in enumerate(records):
        yield {
            "bridge": bridge,
            "cycle": cycle,
            "at": at,
            "appointment": appointment,
            "seq": seq,
            "kind": record.kind.value,
            "path": dumps(record.path),
            "body": encode_record(record),
        }


def _entry_of(row: Row[Any]) -> HistoryEntry:
    record = decode_record(row.kind, tuple(loads(row.path)), row.body)
    return HistoryEntry(row.id, row.bridge, row.at, row.cycle, row.appointment, record)


def _aside_of(row: Row[Any]) -> Aside:
    return Aside(
        row.id,
        row.bridge,
        row.appointment,
        bare(row.channel),
        row.slot,
        tuple(loads(row.path)),
        row.reason,
        row.at,
        row.until,
    )


def _chosen_asides(
    connection: Connection, ids: Collection[int], appointment: AppointmentId | None
) -> Iterator[Row[Any]]:
    if appointment is not None:
        yield from connection.execute(
            select(asides).where(asides.c.appointment == appointment)
        ).all()
        return
    for part in chunks(list(ids)):
        yield from connection.execute(select(asides).where(asides.c.id.in_(part))).all()
