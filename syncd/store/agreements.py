"""Agreements as rows, and how pairing finds them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, bindparam, literal_column, select

from syncd.core.model import Appointment, Timed
from syncd.core.paths import Path
from syncd.core.state import (
    WHOLE,
    Agreement,
    AppointmentId,
    ChannelName,
    Place,
    Question,
    Settled,
)
from syncd.core.zones import to_utc
from syncd.store.codec import decode_appointment, dumps, encode_appointment, loads
from syncd.store.database import Database, any_of, chunks
from syncd.store.rows import bare, copy_columns, copy_of, qualified
from syncd.store.schema import OPEN, agreements, indexable, observed, settled, tombstones, uids
from syncd.store.state_codec import (
    SAME,
    decode_absences,
    decode_gone,
    decode_paths,
    decode_questions,
    decode_setters,
    encode_absences,
    encode_gone,
    encode_paths,
    encode_questions,
    encode_setters,
)

_NO_WIRE: ColumnElement[str] = literal_column("''").label("wire")


class OpenQuestion(NamedTuple):
    """A field that waits for a person."""

    bridge: str
    appointment: AppointmentId
    path: Path
    question: Question


class Found(NamedTuple):
    """An appointment that a search found."""

    id: AppointmentId
    bridge: str
    appointment: Appointment


_THERE = select(agreements.c.id).where(any_of(agreements.c.id))
_BY_UID = select(uids.c.uid_index, uids.c.appointment).where(
    uids.c.bridge == bindparam("of"), any_of(uids.c.uid_index)
)
_ASKED = select(agreements.c.id, agreements.c.bridge, agreements.c.questions).where(OPEN)
_ASKED_OF = _ASKED.where(agreements.c.bridge == bindparam("of"))
_COPIES = select(settled).where(any_of(settled.c.appointment))
_COPIES_READ = select(*(_NO_WIRE if c.name == "wire" else c for c in settled.c)).where(
    any_of(settled.c.appointment)
)
_AGREED = select(agreements).where(any_of(agreements.c.id))


class Agreements:
    """The part of the store that looks agreements up."""

    _database: Database

    def agreement_ids(self, bridge: str) -> list[AppointmentId]:
        """Every appointment of the bridge."""
        query = select(agreements.c.id).where(agreements.c.bridge == bridge)
        with self._database.read() as connection:
            return sorted(connection.execute(query).scalars())

    def exists(self, ids: Collection[AppointmentId]) -> set[AppointmentId]:
        """Those of ``ids`` that have an agreement."""
        with self._database.read() as connection:
            return {
                id_
                for part in chunks(list(ids))
                for id_ in connection.execute(_THERE, {"ids": part}).scalars()
            }

    def appointments_of(
        self, bridges: Collection[str], ids: Collection[AppointmentId]
    ) -> set[AppointmentId]:
        """Those of ``ids`` that are, or were, appointments of one of these bridges."""
        places = (
            (agreements.c.id, agreements.c.bridge),
            (tombstones.c.id, tombstones.c.bridge),
            (observed.c.appointment, observed.c.bridge),
        )
        found: set[AppointmentId] = set()
        with self._database.read() as connection:
            for part in chunks(sorted(ids)):
                for id_, of in places:
                    query = select(id_).where(id_.in_(part), of.in_(bridges))
                    found.update(connection.execute(query).scalars())
        return found

    def agreements(self, ids: Collection[AppointmentId]) -> dict[AppointmentId, Agreement]:
        """The agreements of those ``ids`` that have one."""
        with self._database.read() as connection:
            return read_agreements(connection, list(ids))

    def settled_otherwise(self, channel: str) -> list[Settled]:
        """The settled copies of a channel that read otherwise than they were asked to."""
        query = select(settled).where(settled.c.channel == channel, settled.c.asked != SAME)
        with self._database.read() as connection:
            return [_settled_of(row) for row in connection.execute(query)]

    def appointments_by_uid(
        self, bridge: str, wanted: Collection[str]
    ) -> dict[str, set[AppointmentId]]:
        """For each UID that is known in the bridge, whose it is."""
        by_index = {indexable(uid): uid for uid in wanted}
        found: dict[str, set[AppointmentId]] = {}
        with self._database.read() as connection:
            for part in chunks(list(by_index)):
                for row in connection.execute(_BY_UID, {"of": bridge, "ids": part}):
                    found.setdefault(by_index[row.uid_index], set()).add(row.appointment)
        return found

    def agreements_starting_between(
        self, bridge: str, start: datetime, end: datetime, *, wires: bool = True
    ) -> list[tuple[AppointmentId, Agreement]]:
        """Agreements that start at ``start`` or later and before ``end``, for first contact.

        Without ``wires`` the wire forms of their copies are left empty. Floating and all-day
        starts count as if they were in UTC: widen the span by a day.
        """
        query = select(agreements.c.id).where(
            agreements.c.bridge == bridge,
            agreements.c.starts >= start,
            agreements.c.starts < end,
        )
        with self._database.read() as connection:
            ids = sorted(connection.execute(query).scalars())
            found = read_agreements(connection, ids, wires=wires)
        return [(id_, found[id_]) for id_ in ids]

    def held_from(
        self, bridge: str, channel: ChannelName, start: datetime, end: datetime
    ) -> set[AppointmentId]:
        """What starts between these instants, as in :meth:`agreements_starting_between`, and has
        a copy of its whole in the channel that we have not made."""
        query = (
            select(agreements.c.id)
            .join(settled, settled.c.appointment == agreements.c.id)
            .where(
                agreements.c.bridge == bridge,
                agreements.c.starts >= start,
                agreements.c.starts < end,
                settled.c.channel == qualified(bridge, channel),
                settled.c.slot == WHOLE,
                settled.c.ours.is_(False),
            )
        )
        with self._database.read() as connection:
            return set(connection.execute(query).scalars())

    def questions(self, bridge: str | None = None) -> list[OpenQuestion]:
        """The fields that wait for a person, of one bridge or of all."""
        query = _ASKED if bridge is None else _ASKED_OF
        with self._database.read() as connection:
            rows = connection.execute(query, {"of": bridge}).all()
        return sorted(
            (
                OpenQuestion(row.bridge, row.id, path, question)
                for row in rows
                for path, question in decode_questions(row.questions).items()
            ),
            key=lambda each: each[:3],
        )

    def appointments(self, bridge: str | None = None) -> list[Found]:
        """Every appointment that is agreed, in order of time; a series by its first occurrence."""
        query = select(agreements.c.id, agreements.c.bridge, agreements.c.appointment)
        if bridge is not None:
            query = query.where(agreements.c.bridge == bridge)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(agreements.c.starts, agreements.c.id)).all()
        return [Found(row.id, row.bridge, decode_appointment(row.appointment)) for row in rows]


def read_agreements(
    connection: Connection, ids: Sequence[AppointmentId], *, wires: bool = True
) -> dict[AppointmentId, Agreement]:
    """The agreements of those ``ids`` that have one; two statements for 500."""
    query = _COPIES if wires else _COPIES_READ
    found: dict[AppointmentId, Agreement] = {}
    for part in chunks(ids):
        copies: dict[AppointmentId, dict[Place, Settled]] = {}
        for row in connection.execute(query, {"ids": part}):
            place = (bare(row.channel), row.slot)
            copies.setdefault(row.appointment, {})[place] = _settled_of(row)
        for row in connection.execute(_AGREED, {"ids": part}):
            found[row.id] = _agreement_of(row, copies.get(row.id, {}))
    return found


def agreement_row(bridge: str, id_: AppointmentId, agreement: Agreement) -> dict[str, Any]:
    """The row of an agreement; its copies have their own."""
    return {
        "id": id_,
        "bridge": bridge,
        "starts": starts_at(agreement.appointment),
        "appointment": encode_appointment(agreement.appointment),
        "setters": encode_setters(agreement.setters),
        "absent": encode_absences(agreement.absent),
        "questions": encode_questions(agreement.open),
        "uids": dumps(sorted(agreement.uids)),
        "born": agreement.born,
        "deleting": agreement.deleting,
        "before_cancel": agreement.before_cancel,
        "unmet": dumps(sorted(agreement.unmet)) if agreement.unmet else None,
        "gone": encode_gone(agreement.gone) if agreement.gone else None,
    }


def settled_rows(bridge: str, id_: AppointmentId, agreement: Agreement) -> Iterator[dict[str, Any]]:
    """The rows of an agreement's settled copies."""
    for (name, slot), copy in agreement.copies.items():
        yield settled_row(qualified(bridge, name), id_, slot, copy)


def settled_row(
    channel: str, id_: AppointmentId, slot: str, settled_copy: Settled
) -> dict[str, Any]:
    """The row of one settled copy."""
    columns = copy_columns(settled_copy.copy)
    return {
        "appointment": id_,
        "channel": channel,
        "slot": slot,
        "key": settled_copy.copy.key,
        **columns,
        "asked": _asked_text(settled_copy, columns["reads"]),
        "disputed": encode_paths(settled_copy.disputed),
        "ours": settled_copy.ours,
        "confirmed": settled_copy.confirmed,
    }


def uid_rows(bridge: str, id_: AppointmentId, of: Collection[str]) -> list[dict[str, Any]]:
    """The rows by which an appointment is found by its UIDs."""
    return [
        {"bridge": bridge, "uid_index": index, "appointment": id_}
        for index in sorted({indexable(uid) for uid in of})
    ]


def starts_at(appointment: Appointment) -> datetime:
    """The instant of its start; a floating or an all-day one as if in UTC."""
    when = appointment.when
    if isinstance(when, Timed):
        return to_utc(when.start, when.zone)
    return datetime(when.start.year, when.start.month, when.start.day, tzinfo=UTC)


def _agreement_of(row: Row[Any], copies: dict[Place, Settled]) -> Agreement:
    return Agreement(
        decode_appointment(row.appointment),
        decode_setters(row.setters),
        copies,
        decode_absences(row.absent),
        decode_questions(row.questions),
        frozenset(loads(row.uids)),
        ChannelName(row.born),
        row.deleting,
        row.before_cancel,
        frozenset(loads(row.unmet)) if row.unmet else frozenset(),
        decode_gone(row.gone) if row.gone else {},
    )


def _settled_of(row: Row[Any]) -> Settled:
    copy = copy_of(row)
    if copy is None:
        raise ValueError(f"the settled copy {row.appointment}/{row.slot or WHOLE} has no reading")
    return Settled(
        copy,
        copy.reads if row.asked == SAME else _asked_of(row.asked),
        decode_paths(row.disputed),
        row.ours,
        row.confirmed,
    )


def _asked_text(settled_copy: Settled, reads: str) -> str | None:
    """What the copy, whose reading is ``reads``, was asked to be. Most read just so: then it is
    not encoded anew, which takes ten times as long as comparing."""
    asked = settled_copy.asked
    if asked is None or asked == settled_copy.copy.reads:
        return None if asked is None else SAME
    text = encode_appointment(asked)
    return SAME if text == reads else text


def _asked_of(text: str | None) -> Appointment | None:
    return None if text is None else decode_appointment(text)
