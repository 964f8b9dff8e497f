"""What rows stand for whose series was split since they were made, by the markers that they bear.

The marker of such a row names the old series for good. Where a channel is forgotten, this is kept
as a small fact of it: a returning channel shows the same rows, and a person may have written
something into them meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import TypeAlias

from sqlalchemy import Connection, bindparam, select

from syncd.core.state import WHOLE, AppointmentId, Slot
from syncd.store.database import Database, any_of, chunks, upsert
from syncd.store.schema import agreements, meta, observed

_FACT = "passed:"
"""What begins the name of the fact of a channel that was forgotten."""

_Part: TypeAlias = tuple[AppointmentId, Slot]
_Passed: TypeAlias = dict[tuple[str, AppointmentId, Slot], _Part]

_ROWS = (
    select(
        observed.c.channel,
        observed.c.marker_appointment,
        observed.c.marker_slot,
        observed.c.appointment,
        observed.c.slot,
    )
    .where(
        observed.c.marker_slot != WHOLE,
        observed.c.slot != WHOLE,
        observed.c.appointment != observed.c.marker_appointment,
    )
    .order_by(observed.c.key)
)
_ROWS_OF = _ROWS.where(
    observed.c.bridge == bindparam("bridge"), any_of(observed.c.marker_appointment)
)
_ROWS_THERE = _ROWS.where(observed.c.channel == bindparam("channel"))
_FACTS = select(meta).where(meta.c.name.startswith(_FACT))
_FACT_OF = select(meta.c.value).where(meta.c.name == bindparam("fact"))
_LIVING = select(agreements.c.id).where(any_of(agreements.c.id))


class PassedOn:
    """The part of the store that knows what rows of split series stand for."""

    _database: Database

    def passed_on(self, bridge: str, ids: Collection[AppointmentId]) -> _Passed:
        """By qualified channel and marker, what the occurrences that bear a marker of ``ids`` and
        belong to another appointment stand for: gone ones too, and those of channels that had
        been forgotten."""
        found: _Passed = {}
        with self._database.read() as connection:
            for part in chunks(sorted(ids)):
                rows = connection.execute(_ROWS_OF, {"bridge": bridge, "ids": part})
                for channel, marked, named, id, slot in rows:
                    found.setdefault((channel, marked, named), (id, slot))
            facts = connection.execute(_FACTS).all()
        for row in facts:
            channel = row.name.removeprefix(_FACT)
            if channel.partition("/")[0] == bridge:
                kept = _read(channel, row.value)
                found = {each: kept[each] for each in kept if each[1] in ids} | found
        return found


def keep_passed(connection: Connection, channel: str) -> None:
    """Before a channel is forgotten: what its rows stand for, and what it was kept for earlier
    ones, as far as that lives."""
    name = f"{_FACT}{channel}"
    earlier = connection.scalar(_FACT_OF, {"fact": name})
    kept = _read(channel, earlier) if earlier else {}
    for row in connection.execute(_ROWS_THERE, {"channel": channel}):
        kept[row[0], row[1], row[2]] = (row[3], row[4])
    if kept:
        living = _living(connection, {id for id, _ in kept.values()})
        told = [[*key[1:], *to] for key, to in sorted(kept.items()) if to[0] in living]
        upsert(connection, meta, [{"name": name, "value": json.dumps(told) if told else ""}])


def _living(connection: Connection, ids: Iterable[AppointmentId]) -> set[AppointmentId]:
    return {
        id
        for part in chunks(sorted(ids))
        for id in connection.execute(_LIVING, {"ids": part}).scalars()
    }


def _read(channel: str, value: str) -> _Passed:
    rows = json.loads(value) if value else []
    return {(channel, marked, named): (id, slot) for marked, named, id, slot in rows}
