"""Writes that were begun: how each of them ends (invariants 3 and 10)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, or_, select, update

from syncd.core.state import (
    AppointmentId,
    Copy,
    Intent,
    Key,
    Operation,
    Settled,
    Version,
    Write,
)
from syncd.store.agreements import settled_row, uid_rows
from syncd.store.channels import next_revision
from syncd.store.codec import dumps, loads
from syncd.store.database import Database, insert_new, upsert
from syncd.store.look import COPY_SHOWN, PRESENT, present_row
from syncd.store.rows import bare, qualified
from syncd.store.schema import agreements, due, intents, observed, settled, uids
from syncd.store.state_codec import decode_write, encode_write


class Intents:
    """The part of the store that follows a write from its intent to its confirmation."""

    _database: Database

    def open_intents(self, bridge: str) -> list[tuple[AppointmentId, Intent]]:
        """Every write of the bridge without a stored confirmation, oldest first."""
        query = select(intents).where(intents.c.bridge == bridge).order_by(intents.c.id)
        with self._database.read() as connection:
            return [(row.appointment, intent_of(row)) for row in connection.execute(query)]

    def answer(self, intent_id: int, *, key: Key, version: Version | None, at: datetime) -> None:
        """The system accepted the write and did not show what it now holds: the next look tells."""
        with self._database.write() as connection:
            connection.execute(
                update(intents)
                .where(intents.c.id == intent_id)
                .values(done=True, doubtful=False, key=key, answered=version, answered_at=at)
            )

    def confirm(self, intent_id: int, copy: Copy, at: datetime) -> bool:
        """The write took effect and left ``copy``, which becomes the settled one.

        An observation that is not settled yet and shows something else stays as it is: it
        came from somebody else. Returns false if the intent was closed meanwhile; then
        nothing is stored, and the next look shows what is there.
        """
        with self._database.write() as connection:
            row = _intent_row(connection, intent_id)
            if row is None:
                return False
            _show_confirmed(connection, row, copy, at)
            if _has_agreement(connection, row.appointment):
                _settle_confirmed(connection, row, copy, at)
            _close(connection, row, intents.c.id <= intent_id)
        return True

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

    def fail(self, intent_id: int, *, doubtful: bool) -> None:
        """The write failed: ``doubtful`` if it may have been carried out; else it has not been."""
        with self._database.write() as connection:
            which = intents.c.id == intent_id
            if doubtful:
                connection.execute(update(intents).where(which).values(doubtful=True))
            else:
                connection.execute(delete(intents).where(which))


def intent_row(
    bridge: str, appointment: AppointmentId, write: Write, at: datetime
) -> dict[str, Any]:
    """The row of a write that is about to begin."""
    return {
        "bridge": bridge,
        "appointment": appointment,
        "channel": qualified(bridge, write.channel),
        "slot": write.slot,
        "operation": write.operation.value,
        "body": encode_write(write),
        "at": at,
        "key": "",
        "done": False,
        "doubtful": False,
    }


def intent_of(row: Row[Any]) -> Intent:
    """The intent in a row."""
    write = decode_write(bare(row.channel), row.slot, row.operation, row.body)
    return Intent(row.id, write, row.at, row.key, row.answered, row.done, row.doubtful)


def _intent_row(connection: Connection, intent_id: int) -> Row[Any] | None:
    return connection.execute(select(intents).where(intents.c.id == intent_id)).first()


def _has_agreement(connection: Connection, id_: AppointmentId) -> bool:
    return connection.scalar(select(agreements.c.id).where(agreements.c.id == id_)) is not None


def _show_confirmed(connection: Connection, row: Row[Any], copy: Copy, at: datetime) -> None:
    """The copy is what the channel shows, unless somebody has changed it since."""
    item = and_(observed.c.channel == row.channel, observed.c.key == copy.key)
    shown = connection.execute(select(observed).where(item)).first()
    place = {"appointment": row.appointment, "slot": row.slot}
    base = intent_of(row).write.base
    dirty = 0
    if shown is not None and shown.dirty and not _shows(shown, copy):
        if base is None or not _shows(shown, base):
            connection.execute(update(observed).where(item).values(**place))
            return
        dirty = shown.dirty  # it shows what we replaced, and is due for another reason
    if not _has_agreement(connection, row.appointment):
        # Its appointment has gone meanwhile: pairing shall look at it.
        place = {"appointment": None, "slot": ""}
        dirty = next_revision(connection)
    columns = present_row(row.channel, copy) | place | {"at": at, "before": at, "dirty": dirty}
    upsert(connection, observed, [columns], (*COPY_SHOWN, "appointment", "slot"))


def _shows(shown: Row[Any], copy: Copy) -> bool:
    """Whether an observation is of this very copy."""
    if shown.state != PRESENT or shown.version != copy.version:
        return False
    return copy.version is not None or bool(shown.wire == copy.wire)


def _settle_confirmed(connection: Connection, row: Row[Any], copy: Copy, at: datetime) -> None:
    write = intent_of(row).write
    here = and_(
        settled.c.appointment == row.appointment,
        settled.c.channel == row.channel,
        settled.c.slot == row.slot,
    )
    before = connection.scalar(select(settled.c.ours).where(here))
    ours = write.operation is Operation.CREATE or bool(before)
    now = Settled(copy, write.asked, frozenset(), ours, at)
    upsert(connection, settled, [settled_row(row.channel, row.appointment, row.slot, now)])
    if copy.uid is not None:
        _add_uid(connection, row, copy.uid)


def _add_uid(connection: Connection, row: Row[Any], uid: str) -> None:
    which = agreements.c.id == row.appointment
    known = loads(connection.execute(select(agreements.c.uids).where(which)).scalar_one())
    if uid in known:
        return
    connection.execute(update(agreements).where(which).values(uids=dumps(sorted([*known, uid]))))
    insert_new(connection, uids, uid_rows(row.bridge, row.appointment, [uid]))


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


def _close(connection: Connection, row: Row[Any], *conditions: Any) -> None:
    """End the intents of a place."""
    connection.execute(
        delete(intents).where(
            intents.c.appointment == row.appointment,
            intents.c.channel == row.channel,
            intents.c.slot == row.slot,
            *conditions,
        )
    )
