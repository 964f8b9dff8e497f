"""Writes that were begun: how each of them ends (invariants 3 and 10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, bindparam, delete, exists, or_, select, update

from syncd.core.state import (
    AppointmentId,
    ChannelName,
    Copy,
    Intent,
    Key,
    Operation,
    Place,
    Slot,
    Version,
)
from syncd.store.confirm import ASSIGN, Confirmed, confirm_writes, intent_of
from syncd.store.database import Database, any_of, chunks, upsert
from syncd.store.look import GONE, PRESENT, Look, store_shown
from syncd.store.rows import bare
from syncd.store.schema import DIRTY, agreements, due, intents, observed, settled

MADE = and_(intents.c.done, intents.c.operation == Operation.CREATE.value, intents.c.key != "")
"""Accepted creates whose copies have not been seen yet."""

_ACCEPTED = select(intents.c.id).where(intents.c.bridge == bindparam("of"), intents.c.done).limit(1)
_PLACES = select(intents.c.appointment, intents.c.channel, intents.c.slot).where(
    intents.c.bridge == bindparam("of")
)
_CHANNELS = select(intents.c.appointment, intents.c.channel).where(any_of(intents.c.appointment))
_UNSEEN = (
    select(intents, observed.c.key.label("observed_key"), observed.c.reads, observed.c.version)
    .outerjoin(
        observed,
        and_(observed.c.channel == intents.c.channel, observed.c.key == intents.c.key),
    )
    .where(
        intents.c.bridge == bindparam("of"),
        intents.c.done,
        or_(
            observed.c.key.is_(None),
            # What a create was based on is nothing.
            and_(~DIRTY, intents.c.operation != Operation.CREATE.value),
        ),
    )
    .order_by(intents.c.id)
)


class Intents:
    """The part of the store that follows a write from its intent to its confirmation."""

    _database: Database
    installation: str

    def open_intents(self, bridge: str) -> list[tuple[AppointmentId, Intent]]:
        """Every write of the bridge without a stored confirmation, oldest first."""
        query = select(intents).where(intents.c.bridge == bridge).order_by(intents.c.id)
        with self._database.read() as connection:
            return [(row.appointment, intent_of(row)) for row in connection.execute(query)]

    def unseen(self, bridge: str, channels: Collection[ChannelName]) -> list[Intent]:
        """The accepted writes in these channels of which nothing is seen: no item at their key,
        or still the copy that the write was based on. Oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(_UNSEEN, {"of": bridge})
            return [
                intent
                for row in rows
                if bare(row.channel) in channels and _is_unseen(row, intent := intent_of(row))
            ]

    def waits_for_look(self, bridge: str) -> bool:
        """Whether a write was accepted whose effect has not been seen yet."""
        with self._database.read() as connection:
            return connection.execute(_ACCEPTED, {"of": bridge}).first() is not None

    def begun(self, bridge: str) -> set[tuple[AppointmentId, ChannelName, Slot]]:
        """The places at which the bridge has open intents."""
        with self._database.read() as connection:
            rows = connection.execute(_PLACES, {"of": bridge}).all()
        return {(row.appointment, bare(row.channel), row.slot) for row in rows}

    def places_begun(self, ids: Collection[AppointmentId]) -> dict[AppointmentId, set[ChannelName]]:
        """The channels in which these appointments have open intents."""
        found: dict[AppointmentId, set[ChannelName]] = {}
        with self._database.read() as connection:
            for part in chunks(sorted(ids)):
                for row in connection.execute(_CHANNELS, {"ids": part}):
                    found.setdefault(row.appointment, set()).add(bare(row.channel))
        return found

    def removing(self, ids: Collection[AppointmentId]) -> set[tuple[AppointmentId, Place]]:
        """The places from which we have begun to remove a copy of these, without confirmation."""
        columns = intents.c
        query = select(columns.appointment, columns.channel, columns.slot)
        query = query.where(columns.operation == Operation.DELETE.value)
        found: set[tuple[AppointmentId, Place]] = set()
        with self._database.read() as connection:
            for part in chunks(sorted(ids)):
                for row in connection.execute(query.where(columns.appointment.in_(part))):
                    found.add((row.appointment, (bare(row.channel), row.slot)))
        return found

    def made(self, bridge: str) -> dict[tuple[AppointmentId, Place], Key]:
        """The keys of accepted creates whose copies have not been seen yet, by their places. While
        a plan is held nothing is settled, and one that was seen may have gone again."""
        columns, seen = intents.c, observed.c
        query = select(columns.appointment, columns.channel, columns.slot, columns.key)
        went = exists().where(
            seen.channel == columns.channel,
            seen.key == columns.key,
            seen.state == GONE,
            seen.at > columns.at,
        )
        query = query.where(columns.bridge == bridge, MADE, ~went).order_by(columns.id.desc())
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return {(row.appointment, (bare(row.channel), row.slot)): row.key for row in rows}

    def creating(self, bridge: str, since: datetime) -> set[tuple[AppointmentId, Place]]:
        """Where creates were begun, not before ``since``, of which nobody knows how they ended."""
        columns = intents.c
        query = select(columns.appointment, columns.channel, columns.slot).where(
            columns.bridge == bridge,
            columns.operation == Operation.CREATE.value,
            ~columns.done,
            columns.at >= since,
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return {(row.appointment, (bare(row.channel), row.slot)) for row in rows}

    def recognise(self, bridge: str) -> int:
        """Assign the new copies that are certainly what accepted creates made; returns how many.

        They stand under the key of the create and carry its very marker, and nothing else is
        seen at their place. Pairing would find the same; after a first synchronisation, when
        all of its copies come back at once, it would take long.
        """
        if not self.waits_for_look(bridge):
            return 0
        count = 0
        with self._database.write() as connection:
            for part in chunks(_marked(connection, bridge, self.installation)):
                ours = _recognised(connection, part)
                if ours:
                    connection.execute(ASSIGN, ours)
                count += len(ours)
        return count

    def answer(self, intent_id: int, *, key: Key, version: Version | None, at: datetime) -> None:
        """The system accepted the write and did not show what it now holds: the next look tells."""
        self.answer_many([(intent_id, key, version)], at)

    def answer_many(self, results: Iterable[tuple[int, Key, Version | None]], at: datetime) -> None:
        """As :meth:`answer` for several writes (intent, key, version) at once."""
        rows = [
            {"of": intent_id, "its_key": key, "version": version, "now": at}
            for intent_id, key, version in results
        ]
        if rows:
            with self._database.write() as connection:
                connection.execute(_ANSWER, rows)

    def confirm(self, intent_id: int, copy: Copy, at: datetime) -> bool:
        """The write took effect and left ``copy``, which becomes the settled one.

        An observation that is not settled yet and shows something else stays as it is: it
        came from somebody else. Returns false if the intent was closed meanwhile; then
        nothing is stored, and the next look shows what is there.
        """
        return self.confirm_many([(intent_id, copy)], at) == 1

    def confirm_many(self, results: Iterable[tuple[int, Copy]], at: datetime) -> int:
        """As :meth:`confirm` for several writes (intent, copy) at once, which is far faster.

        Returns how many of them were still open.
        """
        copies = dict(results)
        if not copies:
            return 0
        with self._database.write() as connection:
            rows = [
                row
                for part in chunks(sorted(copies))
                for row in connection.execute(
                    select(intents).where(intents.c.id.in_(part)).order_by(intents.c.id)
                )
            ]
            confirm_writes(connection, [Confirmed(row, copies[row.id]) for row in rows], at)
        return len(rows)

    def confirm_delete(self, intent_id: int, at: datetime) -> bool:
        """The copy is gone by our own write: it is no longer settled there, nor seen.

        If its appointment is being deleted, it falls due, so that the last one leaves the
        tombstone. Returns false if the intent was closed meanwhile.
        """
        with self._database.write() as connection:
            row = _intent_row(connection, intent_id)
            if row is None:
                return False
            _forget_copy(connection, row)
            _close(connection, row)
            deleting = select(agreements.c.deleting).where(agreements.c.id == row.appointment)
            if connection.scalar(deleting) is not None:
                entry = {"appointment": row.appointment, "bridge": row.bridge, "at": at}
                upsert(connection, due, [entry])
        return True

    def record_vanished(self, intent_id: int, at: datetime) -> None:
        """What an accepted write left is gone at ``at``, and no look has shown it.

        A copy that was made was there, so that its end is somebody's deletion. When it was
        written it was last known to be there: the looks since have said nothing of it.
        """
        with self._database.write() as connection:
            row = _intent_row(connection, intent_id)
            if row is None:
                return
            intent = intent_of(row)
            content = intent.write.content
            if intent.write.operation is Operation.CREATE and content is not None:
                made = Copy(intent.key, intent.answered, "", content)
                confirm_writes(connection, [Confirmed(row, made)], intent.at)
            shown = Look(at=at, gone=[intent.key])
            store_shown(connection, row.channel, intent.at, shown)

    def fail(self, intent_id: int, *, doubtful: bool) -> None:
        """The write failed: ``doubtful`` if it may have been carried out; else it has not been."""
        with self._database.write() as connection:
            which = intents.c.id == intent_id
            if doubtful:
                connection.execute(update(intents).where(which).values(doubtful=True))
            else:
                connection.execute(delete(intents).where(which))

    def drop_intents(self, ids: Sequence[int]) -> None:
        """These writes were not begun."""
        with self._database.write() as connection:
            for part in chunks(ids):
                connection.execute(delete(intents).where(intents.c.id.in_(part)))


_ANSWER = (
    update(intents)
    .where(intents.c.id == bindparam("of"))
    .values(
        done=True,
        doubtful=False,
        key=bindparam("its_key"),
        answered=bindparam("version"),
        answered_at=bindparam("now"),
    )
)


def _is_unseen(row: Row[Any], intent: Intent) -> bool:
    if row.observed_key is None:
        return True
    base = intent.write.base
    return row.reads is not None and base is not None and row.version == base.version


class _Marked(NamedTuple):
    channel: str
    key: Key
    appointment: AppointmentId
    slot: Slot


def _marked(connection: Connection, bridge: str, installation: str) -> list[_Marked]:
    """The new copies that carry a marker of this installation."""
    columns = observed.c
    query = select(
        columns.channel, columns.key, columns.marker_appointment, columns.marker_slot
    ).where(
        columns.bridge == bridge,
        DIRTY,
        columns.appointment.is_(None),
        columns.state == PRESENT,
        columns.parked.is_(None),
        columns.marker_installation == installation,
    )
    return [_Marked(*row) for row in connection.execute(query)]


def _recognised(connection: Connection, items: Sequence[_Marked]) -> list[dict[str, Any]]:
    """Those of the marked items that accepted creates made, as :data:`ASSIGN` takes them.

    In statements of one table each: SQLite joins them in an order that takes the square of
    their number (seen).
    """
    ids = sorted({item.appointment for item in items})
    made = select(intents.c.channel, intents.c.key, intents.c.appointment, intents.c.slot)
    made = made.where(intents.c.appointment.in_(ids), MADE)
    there = select(agreements.c.id).where(agreements.c.id.in_(ids))
    shown = select(observed.c.channel, observed.c.appointment, observed.c.slot)
    shown = shown.where(observed.c.appointment.in_(ids), observed.c.state == PRESENT)
    agreed = set(connection.execute(there).scalars())
    taken = {tuple(row) for row in connection.execute(shown)}
    writes = {tuple(row) for row in connection.execute(made)}
    places = Counter((channel, id_, slot) for channel, _, id_, slot in writes)
    found = []
    for channel, key, id_, slot in items:
        place = (channel, id_, slot)
        sure = (channel, key, id_, slot) in writes and places[place] == 1
        if sure and id_ in agreed and place not in taken:
            found.append(
                {"of_channel": channel, "of_key": key, "to_appointment": id_, "to_slot": slot}
            )
    return found


def _intent_row(connection: Connection, intent_id: int) -> Row[Any] | None:
    return connection.execute(select(intents).where(intents.c.id == intent_id)).first()


def _forget_copy(connection: Connection, row: Row[Any]) -> None:
    here = and_(
        settled.c.appointment == row.appointment,
        settled.c.channel == row.channel,
        settled.c.slot == row.slot,
    )
    base = intent_of(row).write.base
    key = base.key if base is not None else connection.scalar(select(settled.c.key).where(here))
    connection.execute(delete(settled).where(here))
    if key is None:
        return
    version = None if base is None else base.version
    # What was seen since the write's base and is not settled yet is somebody else's.
    ours = or_(
        observed.c.dirty == 0,
        observed.c.state != PRESENT,
        observed.c.version.is_not_distinct_from(version),
    )
    connection.execute(
        delete(observed).where(observed.c.channel == row.channel, observed.c.key == key, ours)
    )


def _close(connection: Connection, row: Row[Any]) -> None:
    """End the intents of a place."""
    connection.execute(
        delete(intents).where(
            intents.c.appointment == row.appointment,
            intents.c.channel == row.channel,
            intents.c.slot == row.slot,
        )
    )
