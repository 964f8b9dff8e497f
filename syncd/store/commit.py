"""Storing what was decided: agreements, records and an intent for each write, all or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Delete,
    Insert,
    Table,
    bindparam,
    delete,
    exists,
    insert,
    literal_column,
    select,
    update,
)

from syncd.core.state import Agreement, AppointmentId, Intent, Plan, Write
from syncd.store.agreements import agreement_row, settled_rows, uid_rows
from syncd.store.cases import Shown, mark_due
from syncd.store.confirm import intent_row
from syncd.store.database import Database, any_of, chunks, insert_new, upsert
from syncd.store.look import GONE
from syncd.store.owed import forget_paid
from syncd.store.records import record_rows
from syncd.store.rows import qualified
from syncd.store.schema import (
    agreements,
    asides,
    due,
    history,
    intents,
    observed,
    orders,
    settled,
    tombstones,
    uids,
)
from syncd.store.tombstones import write_tombstones

_Agreed = tuple[AppointmentId, Agreement]


class Commits:
    """The part of the store that takes decisions in."""

    _database: Database
    _shown: dict[AppointmentId, Shown]

    def commit(self, bridge: str, cycle: str, at: datetime, plans: Sequence[Plan]) -> list[Intent]:
        """Store all plans in one transaction, before the first of their writes.

        Returns an intent for each write, in order of plans and their writes. What was
        observed or ordered since :meth:`~syncd.store.cases.Cases.cases` showed an
        appointment stays due. Writes of an appointment must not be confirmed between its
        ``cases`` and its ``commit``: the plan does not know of them.
        """
        loud = [plan for plan in plans if not plan.quiet]
        shown = {plan.id: self._shown.get(plan.id) for plan in plans}
        with self._database.write(durable=any(plan.writes for plan in loud)) as connection:
            _store_agreements(connection, bridge, loud)
            _store_ends(connection, bridge, loud)
            _store_records(connection, bridge, cycle, at, loud)
            _move_observed(connection, bridge, loud)
            begun = _store_intents(connection, bridge, at, loud)
            _settle_observed(connection, shown)
            _release(connection, loud)
            _consume(connection, at, shown)
            forget_paid(connection, plans)
            for plan in plans:
                if plan.again is not None:
                    mark_due(connection, bridge, [plan.id], plan.again)
        for plan in plans:
            self._shown.pop(plan.id, None)
        return begun


def _store_agreements(connection: Connection, bridge: str, plans: Iterable[Plan]) -> None:
    agreed: list[_Agreed] = [
        (plan.id, plan.agreement) for plan in plans if plan.agreement is not None
    ]
    ids = [id_ for id_, _ in agreed]
    upsert(connection, agreements, [agreement_row(bridge, *each) for each in agreed])
    _delete_where(connection, settled, "appointment", ids)
    _insert(connection, settled, [row for each in agreed for row in settled_rows(bridge, *each)])
    _delete_where(connection, uids, "appointment", ids)
    insert_new(
        connection,
        uids,
        [row for id_, agreement in agreed for row in uid_rows(bridge, id_, agreement.uids)],
    )
    # What lives again (an edit that outlived its deletion) has no tombstone.
    _delete_where(connection, tombstones, "id", ids)


def _store_ends(connection: Connection, bridge: str, plans: Iterable[Plan]) -> None:
    """Nothing is left of these appointments but tombstones."""
    ended = [plan for plan in plans if plan.agreement is None]
    ids = [plan.id for plan in ended]
    _delete_where(connection, agreements, "id", ids)
    write_tombstones(
        connection, bridge, [plan.tombstone for plan in ended if plan.tombstone is not None]
    )


def _store_records(
    connection: Connection, bridge: str, cycle: str, at: datetime, plans: Iterable[Plan]
) -> None:
    rows = [row for plan in plans for row in record_rows(bridge, cycle, at, plan.id, plan.records)]
    _insert(connection, history, rows)


def _store_intents(
    connection: Connection, bridge: str, at: datetime, plans: Sequence[Plan]
) -> list[Intent]:
    closed = [id_ for plan in plans for id_ in plan.closed]
    _delete_where(connection, intents, "id", closed)
    followed = [
        {"of": number, "to": plan.id, "to_slot": slot}
        for plan in plans
        for number, slot in plan.followed
    ]
    if followed:
        connection.execute(_FOLLOW, followed)
    writes: list[tuple[AppointmentId, Write]] = [
        (plan.id, write) for plan in plans for write in plan.writes
    ]
    if not writes:
        return []
    rows = [intent_row(bridge, id_, write, at) for id_, write in writes]
    numbers = connection.execute(_BEGIN, rows).scalars().all()
    return [Intent(number, write, at) for number, (_, write) in zip(numbers, writes, strict=True)]


_FOLLOW = (
    update(intents)
    .where(intents.c.id == bindparam("of"))
    .values(appointment=bindparam("to"), slot=bindparam("to_slot"))
)
_BEGIN = insert(intents).returning(intents.c.id, sort_by_parameter_order=True)
_MOVE = (
    update(observed)
    .where(observed.c.channel == bindparam("of_channel"), observed.c.key == bindparam("of_key"))
    .values(appointment=bindparam("to"), slot=bindparam("to_slot"))
)
_CLEAN = update(observed).values(dirty=0)
_CLEAN_SEEN = _CLEAN.where(
    observed.c.appointment == bindparam("of"), observed.c.dirty <= bindparam("seen")
)
_CLEAN_ALL = _CLEAN.where(any_of(observed.c.appointment))
_FORGET_GONE = delete(observed).where(
    any_of(observed.c.appointment),
    observed.c.state == GONE,
    observed.c.dirty == 0,
    ~exists(
        select(literal_column("1")).where(
            settled.c.appointment == observed.c.appointment,
            settled.c.channel == observed.c.channel,
            settled.c.key == observed.c.key,
        )
    ),
)
_RELEASE = update(observed).where(any_of(observed.c.appointment)).values(appointment=None, slot="")
_NOT_DUE = delete(due).where(
    any_of(due.c.appointment),
    due.c.appointment.not_in(select(orders.c.appointment).where(any_of(orders.c.appointment))),
)
_EXPIRED = delete(asides).where(any_of(asides.c.appointment), asides.c.until <= bindparam("now"))


def _move_observed(connection: Connection, bridge: str, plans: Iterable[Plan]) -> None:
    """Copies that now stand for another part of an appointment, or for another one."""
    rows = [
        {"of_channel": qualified(bridge, channel), "of_key": key, "to": plan.id, "to_slot": slot}
        for plan in plans
        for channel, key, slot in plan.moved
    ]
    if rows:
        connection.execute(_MOVE, rows)


def _settle_observed(connection: Connection, shown: Mapping[AppointmentId, Shown | None]) -> None:
    """What the cases showed is settled; what is gone and no longer settled is forgotten."""
    places = [{"of": id_, "seen": each.revision} for id_, each in shown.items() if each is not None]
    if places:
        connection.execute(_CLEAN_SEEN, places)
    unseen = [id_ for id_, each in shown.items() if each is None]
    for part in chunks(unseen):
        connection.execute(_CLEAN_ALL, {"ids": part})
    for part in chunks(list(shown)):
        connection.execute(_FORGET_GONE, {"ids": part})


def _release(connection: Connection, plans: Iterable[Plan]) -> None:
    """Copies of an appointment that has ended are no longer its own: pairing meets them."""
    ids = [plan.id for plan in plans if plan.agreement is None]
    for part in chunks(ids):
        connection.execute(_RELEASE, {"ids": part})


def _consume(
    connection: Connection, at: datetime, shown: Mapping[AppointmentId, Shown | None]
) -> None:
    """Orders, due times and expired asides have had their effect."""
    ids = list(shown)
    carried_out = [number for each in shown.values() if each for number in each.orders]
    _delete_where(connection, orders, "id", carried_out)
    unseen = [id_ for id_, each in shown.items() if each is None]
    _delete_where(connection, orders, "appointment", unseen)
    for part in chunks(ids):
        connection.execute(_NOT_DUE, {"ids": part})
        connection.execute(_EXPIRED, {"ids": part, "now": at})


def _insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(_inserting(table), rows)


def _delete_where(connection: Connection, table: Table, column: str, values: Sequence[Any]) -> None:
    for part in chunks(values):
        connection.execute(_delete(table, column), {"ids": part})


@cache
def _inserting(table: Table) -> Insert:
    return insert(table)


@cache
def _delete(table: Table, column: str) -> Delete:
    return delete(table).where(any_of(table.c[column]))
