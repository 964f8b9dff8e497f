"""Storing the confirmations of writes, in bulk."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from syncd.core.state import (
    WHOLE,
    AppointmentId,
    Copy,
    Intent,
    Key,
    Operation,
    Settled,
    Slot,
    Write,
)
from syncd.store.agreements import settled_row, uid_rows
from syncd.store.channels import next_revision
from syncd.store.codec import dumps, loads
from syncd.store.database import any_of, chunks, insert_new, upsert
from syncd.store.look import COPY_SHOWN, PRESENT, present_row
from syncd.store.rows import bare, qualified
from syncd.store.schema import agreements, intents, observed, settled, uids
from syncd.store.state_codec import decode_write, encode_write


class Confirmed(NamedTuple):
    """An intent's row and the copy that its write left."""

    row: Row[Any]
    copy: Copy


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


def confirm_writes(connection: Connection, results: Sequence[Confirmed], at: datetime) -> None:
    """What was written is settled and seen; its intents end. ``results`` ascend by intent."""
    known = _uids(connection, [each.row.appointment for each in results])
    _show(connection, results, known.keys(), at)
    agreed = [each for each in results if each.row.appointment in known]
    _settle(connection, agreed, at)
    _add_uids(connection, agreed, known)
    ends = [
        {
            "of": each.row.appointment,
            "in_channel": each.row.channel,
            "at_slot": each.row.slot,
            "last": each.row.id,
        }
        for each in results
    ]
    if ends:
        connection.execute(_END, ends)


_END = delete(intents).where(
    intents.c.appointment == bindparam("of"),
    intents.c.channel == bindparam("in_channel"),
    intents.c.slot == bindparam("at_slot"),
    intents.c.id <= bindparam("last"),
)
"""A confirmed write ends the older intents of its place too."""

ASSIGN = (
    update(observed)
    .where(observed.c.channel == bindparam("of_channel"), observed.c.key == bindparam("of_key"))
    .values(appointment=bindparam("to_appointment"), slot=bindparam("to_slot"))
)


def _uids(
    connection: Connection, ids: Sequence[AppointmentId]
) -> dict[AppointmentId, frozenset[str]]:
    """The UIDs of those appointments that have an agreement."""
    return {
        row.id: frozenset(loads(row.uids))
        for part in chunks(sorted(set(ids)))
        for row in connection.execute(_UIDS, {"ids": part})
    }


_UIDS = select(agreements.c.id, agreements.c.uids).where(any_of(agreements.c.id))
_SHOWN = select(
    observed.c.channel,
    observed.c.key,
    observed.c.state,
    observed.c.version,
    observed.c.wire,
    observed.c.dirty,
).where(observed.c.channel == bindparam("of"), any_of(observed.c.key))
_OURS = select(settled.c.appointment, settled.c.channel, settled.c.slot).where(
    settled.c.ours, any_of(settled.c.appointment)
)


def _show(
    connection: Connection,
    results: Sequence[Confirmed],
    agreed: Collection[AppointmentId],
    at: datetime,
) -> None:
    """The copies are what the channels show, unless somebody has changed them since."""
    shown = _shown(connection, results)
    rows: list[dict[str, Any]] = []
    foreign: list[dict[str, Any]] = []
    for row, copy in results:
        last = shown.get((row.channel, copy.key))
        if last is not None and _is_foreign(last, row, copy):
            foreign.append(
                {
                    "of_channel": row.channel,
                    "of_key": copy.key,
                    "to_appointment": row.appointment,
                    "to_slot": row.slot,
                }
            )
            continue
        columns = present_row(row.channel, copy) | {"at": at, "before": at}
        if row.appointment in agreed:
            columns |= {"appointment": row.appointment, "slot": row.slot}
            columns["dirty"] = 0 if last is None or _shows(last, copy) else last.dirty
        else:
            # Its appointment has gone meanwhile: pairing shall look at it.
            columns |= {"appointment": None, "slot": "", "dirty": next_revision(connection)}
        rows.append(columns)
    upsert(connection, observed, rows, (*COPY_SHOWN, "appointment", "slot"))
    if foreign:
        connection.execute(ASSIGN, foreign)


def _shown(connection: Connection, results: Sequence[Confirmed]) -> dict[tuple[str, Key], Row[Any]]:
    by_channel: dict[str, list[Key]] = {}
    for row, copy in results:
        by_channel.setdefault(row.channel, []).append(copy.key)
    found: dict[tuple[str, Key], Any] = {}
    for channel, keys in by_channel.items():
        for part in chunks(keys):
            for last in connection.execute(_SHOWN, {"of": channel, "ids": part}):
                found[last.channel, last.key] = last
    return found


def _is_foreign(last: Row[Any], row: Row[Any], copy: Copy) -> bool:
    """Whether an observation that is not settled yet is neither our copy nor what it replaced."""
    if not last.dirty or _shows(last, copy):
        return False
    base = intent_of(row).write.base
    return base is None or not _shows(last, base)


def _shows(shown: Row[Any], copy: Copy) -> bool:
    """Whether an observation is of this very copy."""
    if shown.state != PRESENT or shown.version != copy.version:
        return False
    return copy.version is not None or bool(shown.wire == copy.wire)


def _settle(connection: Connection, results: Sequence[Confirmed], at: datetime) -> None:
    ours: set[tuple[AppointmentId, str, Slot]] = {
        (row.appointment, row.channel, row.slot)
        for part in chunks(sorted({each.row.appointment for each in results}))
        for row in connection.execute(_OURS, {"ids": part})
    }
    rows: list[dict[str, Any]] = []
    for row, copy in results:
        write = intent_of(row).write
        place = (row.appointment, row.channel, row.slot)
        if write.operation is Operation.CREATE:
            ours.add(place)
        now = Settled(copy, write.asked, frozenset(), place in ours, at)
        rows.append(settled_row(row.channel, row.appointment, row.slot, now))
    upsert(connection, settled, rows)


def _add_uids(
    connection: Connection,
    results: Sequence[Confirmed],
    known: dict[AppointmentId, frozenset[str]],
) -> None:
    bridges: dict[AppointmentId, str] = {}
    for row, copy in results:
        # The row of an occurrence may still go by the UID of a series that it was split from.
        if row.slot == WHOLE and copy.uid and copy.uid not in known[row.appointment]:
            known[row.appointment] |= {copy.uid}
            bridges[row.appointment] = row.bridge
    if not bridges:
        return
    new = [{"of": id_, "all_uids": dumps(sorted(known[id_]))} for id_ in bridges]
    statement = update(agreements).where(agreements.c.id == bindparam("of"))
    connection.execute(statement.values(uids=bindparam("all_uids")), new)
    rows = [row for id_, bridge in bridges.items() for row in uid_rows(bridge, id_, known[id_])]
    insert_new(connection, uids, rows)
