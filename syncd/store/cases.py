"""What is due, and all that settling it needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, case, func, null, select, union

from syncd.core.paths import Path
from syncd.core.state import (
    AppointmentId,
    Case,
    ChannelName,
    Gone,
    Intent,
    Key,
    Observation,
    Order,
    Place,
    Present,
    Seen,
    Slot,
    Unseen,
)
from syncd.store import database
from syncd.store.agreements import read_agreements
from syncd.store.channels import current_revision
from syncd.store.codec import loads
from syncd.store.confirm import intent_of
from syncd.store.database import Database, chunks
from syncd.store.holds import Approval, insert_approval
from syncd.store.look import GONE, PRESENT
from syncd.store.observed import Observed, item_of
from syncd.store.rows import bare, qualified
from syncd.store.schema import (
    DIRTY,
    agreements,
    asides,
    due,
    intents,
    observed,
    orders,
    settled,
    tombstones,
)
from syncd.store.state_codec import decode_order, encode_order


@dataclass(frozen=True, slots=True)
class Shown:
    """What a case has shown of an appointment: what came later, its commit must not consume."""

    revision: int
    orders: tuple[int, ...]


class Cases:
    """The part of the store that says what is to be settled."""

    _database: Database
    _shown: dict[AppointmentId, Shown]

    def due(self, bridge: str, now: datetime) -> list[AppointmentId]:
        """Appointments that changed, or whose time has come (``mark_due``, the end of an aside)."""
        query = union(
            select(observed.c.appointment).where(
                observed.c.bridge == bridge, DIRTY, observed.c.appointment.is_not(None)
            ),
            select(due.c.appointment).where(due.c.bridge == bridge, due.c.at <= now),
            select(asides.c.appointment).where(asides.c.bridge == bridge, asides.c.until <= now),
        )
        with self._database.read() as connection:
            found = set(connection.execute(query).scalars())
        return sorted(found - self.left_alone(bridge, now))

    def left_alone(self, bridge: str, now: datetime) -> frozenset[AppointmentId]:
        """Appointments that are set aside as a whole, in every channel."""
        query = select(asides.c.appointment).where(
            asides.c.bridge == bridge,
            asides.c.channel == qualified(bridge, ""),
            asides.c.until > now,
        )
        with self._database.read() as connection:
            return frozenset(connection.execute(query).scalars())

    def mark_due(self, bridge: str, ids: Collection[AppointmentId], at: datetime) -> None:
        """Settle these appointments at ``at``, or earlier if that was said before."""
        with self._database.write() as connection:
            mark_due(connection, bridge, ids, at)

    def next_retry(self, bridge: str) -> datetime | None:
        """When a write is to be tried again; ``None`` if none is."""
        query = select(func.min(due.c.at)).where(due.c.bridge == bridge)
        with self._database.read() as connection:
            found: datetime | None = connection.execute(query).scalar_one()
        return found

    def next_due(self, bridge: str) -> datetime | None:
        """When something falls due by time alone; ``None`` if nothing will."""
        times = (
            select(func.min(due.c.at)).where(due.c.bridge == bridge),
            select(func.min(asides.c.until)).where(asides.c.bridge == bridge),
            select(func.min(observed.c.parked)).where(observed.c.bridge == bridge, DIRTY),
        )
        with self._database.read() as connection:
            found = [connection.execute(query).scalar_one() for query in times]
        known: list[datetime] = [at for at in found if at is not None]
        return min(known, default=None)

    def cases(
        self, bridge: str, ids: Sequence[AppointmentId], now: datetime | None = None
    ) -> list[Case]:
        """The cases of ``ids``, in their order; six statements for 500.

        Asides that end by ``now`` are left out (without it, none are). What changes after this
        call stays due when the plans made from it are committed.
        """
        with self._database.read() as connection:
            revision = current_revision(connection)
            return [
                each
                for part in chunks(list(ids))
                for each in self._cases(connection, part, revision, now)
            ]

    def extra_keys(
        self, bridge: str, ids: Collection[AppointmentId]
    ) -> dict[AppointmentId, list[Observed]]:
        """Items at a place that another item already stands for: moved, or duplicated."""
        extra: dict[AppointmentId, list[Observed]] = {}
        with self._database.read() as connection:
            for part in chunks(list(ids)):
                keys = _settled_keys(connection, part)
                for id_, items in _items(connection, part).items():
                    chosen = {id(item) for item in _standing(items, keys.get(id_, {})).values()}
                    rest = [item for item in items if id(item) not in chosen]
                    if rest:
                        extra[id_] = rest
        return extra

    def present(self, ids: Collection[AppointmentId]) -> dict[tuple[AppointmentId, Place], Key]:
        """The key that is seen at each place of the appointments, as their cases would show it."""
        found: dict[tuple[AppointmentId, Place], Key] = {}
        with self._database.read() as connection:
            for part in chunks(list(ids)):
                keys = _settled_keys(connection, part)
                for id_, items in _places(connection, part).items():
                    for place, item in _standing(items, keys.get(id_, {})).items():
                        if item.state == PRESENT:
                            found[id_, place] = item.key
        return found

    def give_order(self, appointment: AppointmentId, order: Order) -> None:
        """Store an administrator's edit and make its appointment due at once.

        Raises ``LookupError`` if there is no such appointment, not even a deleted one.
        """
        self.give_orders([(appointment, order)])

    def give_orders(
        self,
        given: Sequence[tuple[AppointmentId, Order]],
        approvals: Sequence[Approval] = (),
    ) -> None:
        """As :meth:`give_order`, all or none of them, with the approval of the writes that they
        take where these would be held."""
        with self._database.write(durable=True) as connection:
            for approval in approvals:
                insert_approval(connection, approval)
            for appointment, order in given:
                bridge = _bridge(connection, appointment)
                row = {"appointment": appointment, "body": encode_order(order)}
                connection.execute(orders.insert(), row)
                mark_due(connection, bridge, [appointment], order.at)

    def _cases(
        self,
        connection: Connection,
        ids: Sequence[AppointmentId],
        revision: int,
        now: datetime | None,
    ) -> list[Case]:
        agreed = read_agreements(connection, ids)
        items = _items(connection, ids)
        begun = _begun(connection, ids)
        given = _given(connection, ids)
        waiting = _aside(connection, ids, now)
        cases = []
        for id_ in ids:
            agreement = agreed.get(id_)
            copies = agreement.copies if agreement else {}
            keys = {place: each.copy.key for place, each in copies.items()}
            standing = _standing(items.get(id_, []), keys)
            own_orders = given.get(id_, {})
            self._shown[id_] = Shown(revision, tuple(own_orders))
            cases.append(
                Case(
                    id_,
                    agreement,
                    {place: _seen(item) for place, item in standing.items()},
                    tuple(begun.get(id_, ())),
                    tuple(own_orders.values()),
                    frozenset(waiting.get(id_, ())),
                )
            )
        return cases


def mark_due(
    connection: Connection, bridge: str, ids: Collection[AppointmentId], at: datetime
) -> None:
    """Make appointments due at ``at``, or leave them due earlier."""
    rows = [{"appointment": id_, "bridge": bridge, "at": at} for id_ in sorted(set(ids))]
    if not rows:
        return
    insert = database.dialect_insert(connection, due)
    earlier = case((due.c.at < insert.excluded.at, due.c.at), else_=insert.excluded.at)
    statement = insert.on_conflict_do_update(
        index_elements=["appointment"], set_={"at": earlier, "bridge": insert.excluded.bridge}
    )
    connection.execute(statement, rows)


def _bridge(connection: Connection, appointment: AppointmentId) -> str:
    tables: tuple[tuple[Table, Any], ...] = (
        (agreements, agreements.c.id),
        (observed, observed.c.appointment),
        (tombstones, tombstones.c.id),
    )
    for table, column in tables:
        bridge = connection.scalar(select(table.c.bridge).where(column == appointment).limit(1))
        if bridge is not None:
            return str(bridge)
    raise LookupError(f"there is no appointment {appointment}")


def _items(
    connection: Connection, ids: Sequence[AppointmentId]
) -> dict[AppointmentId, list[Observed]]:
    return _gathered(connection, select(observed).where(observed.c.appointment.in_(ids)))


def _places(
    connection: Connection, ids: Sequence[AppointmentId]
) -> dict[AppointmentId, list[Observed]]:
    """As :func:`_items`, without the copies."""
    columns = observed.c
    query: Select[Any] = select(
        columns.channel,
        columns.key,
        columns.state,
        columns.at,
        columns.before,
        columns.appointment,
        columns.slot,
        columns.dirty,
        columns.reason,
        columns.parked,
        null().label("reads"),
    ).where(columns.appointment.in_(ids))
    return _gathered(connection, query)


def _gathered(connection: Connection, query: Select[Any]) -> dict[AppointmentId, list[Observed]]:
    """Items by appointment, each by channel and key."""
    found: dict[AppointmentId, list[Observed]] = {}
    for item in sorted(map(item_of, connection.execute(query)), key=lambda i: (i.channel, i.key)):
        found.setdefault(item.appointment or "", []).append(item)
    return found


def _begun(
    connection: Connection, ids: Sequence[AppointmentId]
) -> dict[AppointmentId, list[Intent]]:
    found: dict[AppointmentId, list[Intent]] = {}
    query = select(intents).where(intents.c.appointment.in_(ids)).order_by(intents.c.id)
    for row in connection.execute(query):
        found.setdefault(row.appointment, []).append(intent_of(row))
    return found


def _given(
    connection: Connection, ids: Sequence[AppointmentId]
) -> dict[AppointmentId, dict[int, Order]]:
    found: dict[AppointmentId, dict[int, Order]] = {}
    query = select(orders).where(orders.c.appointment.in_(ids)).order_by(orders.c.id)
    for row in connection.execute(query):
        found.setdefault(row.appointment, {})[row.id] = decode_order(row.body)
    return found


def _aside(
    connection: Connection, ids: Sequence[AppointmentId], now: datetime | None
) -> dict[AppointmentId, list[tuple[Place, Path]]]:
    found: dict[AppointmentId, list[tuple[Place, Path]]] = {}
    query = select(asides).where(asides.c.appointment.in_(ids))
    if now is not None:
        query = query.where(asides.c.until > now)
    for row in connection.execute(query):
        place = (bare(row.channel), row.slot)
        found.setdefault(row.appointment, []).append((place, tuple(loads(row.path))))
    return found


def _settled_keys(
    connection: Connection, ids: Sequence[AppointmentId]
) -> dict[AppointmentId, dict[tuple[ChannelName, Slot], str]]:
    columns = settled.c
    query = select(columns.appointment, columns.channel, columns.slot, columns.key)
    found: dict[AppointmentId, dict[tuple[ChannelName, Slot], str]] = {}
    for row in connection.execute(query.where(columns.appointment.in_(ids))):
        found.setdefault(row.appointment, {})[bare(row.channel), row.slot] = row.key
    return found


def _standing(items: Sequence[Observed], keys: dict[Place, str]) -> dict[Place, Observed]:
    """Which item stands for each place: one that is not gone, the settled one first, by key.

    A client may move an item by writing it under a new key and deleting the old one.
    """
    chosen: dict[Place, Observed] = {}
    for item in items:
        place = (bare(item.channel), item.slot)
        other = chosen.get(place)
        if other is None or _rank(item, keys.get(place)) < _rank(other, keys.get(place)):
            chosen[place] = item
    return chosen


def _rank(item: Observed, settled_key: str | None) -> tuple[bool, bool, str]:
    return item.state == GONE, item.key != settled_key, item.key


def _seen(item: Observed) -> Seen:
    return Seen(_observation(item), item.at, item.before)


def _observation(item: Observed) -> Observation:
    if item.state == GONE:
        return Gone(item.copy.reads if item.copy is not None else None)
    if item.state == PRESENT and item.copy is not None:
        return Present(item.copy)
    return Unseen(item.reason)
