"""Writes that could not be made: told to the administrator, and called when their system is back.

What a channel is owed is derived anew at each settling (section 3 of the design). These rows only
tell of it: since when, why, and how it went so far. One whose write is made, or is no longer owed,
is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)

from syncd.core.state import AppointmentId, Plan, Slot
from syncd.store.cases import mark_due
from syncd.store.database import Database, any_of, chunks, upsert
from syncd.store.rows import bare, bridge_of
from syncd.store.schema import due, intents, owed

Spot = tuple[AppointmentId, str, Slot]
"""An appointment, a channel (``bridge/name``) and the slot there."""


@dataclass(frozen=True, slots=True)
class Owed:
    """A write that could not be made.

    ``since``: the first time that it failed. ``tried``: when its system was last asked for it;
    ``None`` if it never was, being known not to take writes. ``failures``: so often it was put
    off. ``called``: another write was accepted since it failed; ``overtaken``: so often it failed
    again after that. ``lone``: for a reason of its own, or of its channel alone. ``reason``: the
    system's words.
    """

    appointment: AppointmentId
    channel: str
    slot: Slot
    system: str
    since: datetime
    reason: str
    tried: datetime | None = None
    failures: int = 1
    overtaken: int = 0
    called: bool = False
    lone: bool = False

    @property
    def spot(self) -> Spot:
        """Where it is owed."""
        return self.appointment, self.channel, self.slot


@dataclass(frozen=True, slots=True)
class PutOff:
    """A write that is put off until ``again``. ``intent``: what was begun; ``doubtful`` if it may
    have been carried out."""

    owed: Owed
    again: datetime
    intent: int
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Debt:
    """What a channel is owed: so many writes, the oldest ``since``; why the last one failed, and
    when the first of them is tried ``again``: ``None`` if nothing says."""

    channel: str
    system: str
    writes: int
    since: datetime
    reason: str
    again: datetime | None


_OWED = select(owed).where(any_of(owed.c.appointment))
_DEBTS = (
    select(
        owed.c.channel,
        func.max(owed.c.system).label("system"),
        func.count().label("writes"),
        func.min(owed.c.since).label("since"),
        func.min(due.c.at).label("again"),
    )
    .outerjoin(due, due.c.appointment == owed.c.appointment)
    .group_by(owed.c.channel)
)
_DEBTS_OF = _DEBTS.where(owed.c.bridge == bindparam("of"))
_WHY = select(owed.c.channel, owed.c.reason).order_by(
    owed.c.tried.is_not(None), owed.c.tried, owed.c.since
)
"""The reason that comes last is told."""


class OwedWrites:
    """The part of the store that tells what could not be written."""

    _database: Database

    def owed(self, ids: Collection[AppointmentId]) -> dict[Spot, Owed]:
        """What these appointments owe, by where."""
        with self._database.read() as connection:
            rows = [
                row
                for part in chunks(sorted(ids))
                for row in connection.execute(_OWED, {"ids": part})
            ]
        found = map(_owed_of, rows)
        return {each.spot: each for each in found}

    def put_off(self, writes: Sequence[PutOff]) -> None:
        """These writes could not be made: their intents end, or stay open in doubt."""
        if not writes:
            return
        doubtful = [each.intent for each in writes if each.doubtful]
        ended = [each.intent for each in writes if not each.doubtful]
        times: dict[tuple[str, datetime], list[AppointmentId]] = {}
        for each in writes:
            place = bridge_of(each.owed.channel), each.again
            times.setdefault(place, []).append(each.owed.appointment)
        with self._database.write() as connection:
            upsert(connection, owed, [_row(each.owed) for each in writes])
            for (bridge, again), ids in times.items():
                mark_due(connection, bridge, ids, again)
            for part in chunks(doubtful):
                connection.execute(
                    update(intents).where(intents.c.id.in_(part)).values(doubtful=True)
                )
            for part in chunks(ended):
                connection.execute(delete(intents).where(intents.c.id.in_(part)))

    def forget_owed(self, spots: Collection[Spot]) -> None:
        """Nothing is owed there, or it is told elsewhere."""
        with self._database.write() as connection:
            _forget(connection, list(spots))

    def call_owed(
        self,
        at: datetime,
        *,
        bridge: str | None = None,
        systems: Collection[str] = (),
        channels: Collection[str] = (),
        most: int | None = None,
    ) -> None:
        """Try again at ``at``, or earlier if that was said before, what is owed in these
        ``channels``, and what these ``systems`` did not take. ``bridge``: of this one only.
        ``most``: so many, the one first that was tried least lately."""
        with self._database.write() as connection:
            query = _waiting(systems, channels).order_by(*_LEAST_LATELY).limit(most)
            if bridge is not None:
                query = query.where(owed.c.bridge == bridge)
            _make_due(connection, connection.execute(query).all(), at)

    def call_overtaken(
        self,
        at: datetime,
        systems: Collection[str],
        channels: Collection[str],
        limit: int,
        but: Collection[Spot] = (),
    ) -> None:
        """Writes were accepted in these ``channels`` of these ``systems``: try the others at
        ``at``. Not ``but`` those, and not what has failed again ``limit`` times after that."""
        with self._database.write() as connection:
            query = _waiting(systems, channels).where(~owed.c.called, owed.c.overtaken < limit)
            rows = [row for row in connection.execute(query) if _owed_of(row).spot not in but]
            _make_due(connection, rows, at)
            for part in chunks([(row.appointment, row.channel, row.slot) for row in rows]):
                connection.execute(update(owed).where(_PLACE.in_(part)).values(called=True))

    def debts(self, bridge: str | None = None) -> list[Debt]:
        """What channels are owed, by name."""
        query = _DEBTS if bridge is None else _DEBTS_OF
        with self._database.read() as connection:
            rows = connection.execute(query, {"of": bridge}).all()
            told = {row.channel: row.reason for row in connection.execute(_WHY)} if rows else {}
        found = [
            Debt(r.channel, r.system, r.writes, r.since, told[r.channel], r.again) for r in rows
        ]
        return sorted(found, key=lambda each: each.channel)


_PLACE = tuple_(owed.c.appointment, owed.c.channel, owed.c.slot)
_LEAST_LATELY = (owed.c.tried.is_not(None), owed.c.tried, owed.c.since, owed.c.appointment)
"""Never tried, then least lately tried: another one each time."""


def forget_paid(connection: Connection, plans: Iterable[Plan]) -> None:
    """What these plans no longer write is owed no longer."""
    kept = {(plan.id, write.channel, write.slot): None for plan in plans for write in plan.writes}
    rows: list[Spot] = []
    for part in chunks([plan.id for plan in plans]):
        for row in connection.execute(_OWED, {"ids": part}):
            if (row.appointment, bare(row.channel), row.slot) not in kept:
                rows.append((row.appointment, row.channel, row.slot))
    _forget(connection, rows)


def _waiting(systems: Collection[str], channels: Collection[str]) -> Select[Any]:
    """What is owed in these channels, and what these systems did not take."""
    columns = owed.c
    of_system = and_(columns.system.in_(sorted(systems)), ~columns.lone)
    return select(owed).where(or_(columns.channel.in_(sorted(channels)), of_system))


def _make_due(connection: Connection, rows: Iterable[Row[Any]], at: datetime) -> None:
    ids: dict[str, list[AppointmentId]] = {}
    for row in rows:
        ids.setdefault(row.bridge, []).append(row.appointment)
    for bridge, these in ids.items():
        mark_due(connection, bridge, these, at)


def _forget(connection: Connection, spots: Sequence[Spot]) -> None:
    for part in chunks(spots):
        connection.execute(delete(owed).where(_PLACE.in_(part)))


def _owed_of(row: Row[Any]) -> Owed:
    return Owed(
        row.appointment,
        row.channel,
        row.slot,
        row.system,
        row.since,
        row.reason,
        row.tried,
        row.failures,
        row.overtaken,
        row.called,
        row.lone,
    )


def _row(each: Owed) -> dict[str, Any]:
    return {
        "appointment": each.appointment,
        "channel": each.channel,
        "slot": each.slot,
        "bridge": bridge_of(each.channel),
        "system": each.system,
        "since": each.since,
        "tried": each.tried,
        "failures": each.failures,
        "overtaken": each.overtaken,
        "called": each.called,
        "lone": each.lone,
        "reason": each.reason,
    }
