"""What is due, and all that settling it needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, case, func, null, select, union

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
from syncd.store.database import Database, any_of, chunks
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


_DUE = union(
    select(observed.c.appointment).where(
        observed.c.bridge == bindparam("of"), DIRTY, observed.c.appointment.is_not(None)
    ),
    select(due.c.appointment).where(due.c.bridge == bindparam("of"), due.c.at <= bindparam("now")),
    select(asides.c.appointment).where(
        asides.c.bridge == bindparam("of"), asides.c.until <= bindparam("now")
    ),
)
_LEFT_ALONE = select(asides.c.appointment).where(
    asides.c.bridge == bindparam("of"),
    asides.c.channel == bindparam("everywhere"),
    asides.c.until > bindparam("now"),
)
_ITEMS = select(observed).where(any_of(observed.c.appointment))
_PLACES: Select[Any] = select(
    observed.c.channel,
    observed.c.key,
    observed.c.state,
    observed.c.at,
    observed.c.before,
    observed.c.appointment,
    observed.c.slot,
    observed.c.dirty,
    observed.c.reason,
    observed.c.parked,
    null().label("reads"),
).where(any_of(observed.c.appointment))
"""As :data:`_ITEMS`, without the copies."""

_BEGUN = select(intents).where(any_of(intents.c.appointment)).order_by(intents.c.id)
_GIVEN = select(orders).where(any_of(orders.c.appointment)).order_by(orders.c.id)
_ASIDE = select(asides).where(any_of(asides.c.appointment))
_ASIDE_AFTER = _ASIDE.where(asides.c.until > bindparam("now"))
_SETTLED_KEYS = select(
    settled.c.appointment, settled.c.channel, settled.c.slot, settled.c.key
).where(any_of(settled.c.appointment))


class Cases:
    """The part of the store that says what is to be settled."""

    _database: Database
    _shown: dict[AppointmentId, Shown]

    def due(self, bridge: str, now: datetime) -> list[AppointmentId]:
        """Appointments that changed, or whose time has come (``mark_due``, the end of an aside)."""
        with self._database.read() as connection:
            found = set(connection.execute(_DUE, {"of": bridge, "now": now}).scalars())
        return sorted(found - self.left_alone(bridge, now))

    def left_alone(self, bridge: str, now: datetime) -> frozenset[AppointmentId]:
        """Appointments that are set aside as a whole, in every channel."""
        those = {"of": bridge, "everywhere": qualified(bridge, ""), "now": now}
        with self._database.read() as connection:
            return frozenset(connection.execute(_LEFT_ALONE, those).scalars())

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
                for id_, items in _gathered(connection, _ITEMS, part).items():
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
                for id_, items in _gathered(connection, _PLACES, part).items():
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
        items = _gathered(connection, _ITEMS, ids)
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
    connection.execute(_mark_due(connection.dialect.name), rows)


@cache
def _mark_due(dialect: str) -> Any:
    insert = database.dialect_insert(dialect, due)
    earlier = case((due.c.at < insert.excluded.at, due.c.at), else_=insert.excluded.at)
    return insert.on_conflict_do_update(
        index_elements=["appointment"], set_={"at": earlier, "bridge": insert.excluded.bridge}
    )


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


def _gathered(
    connection: Connection, query: Select[Any], ids: Sequence[AppointmentId]
) -> dict[AppointmentId, list[Observed]]:
    """Items by appointment, each by channel and key."""
    found: dict[AppointmentId, list[Observed]] = {}
    items = map(item_of, connection.execute(query, {"ids": ids}))
    for item in sorted(items, key=lambda each: (each.channel, each.key)):
        found.setdefault(item.appointment or "", []).append(item)
    return found


def _begun(
    connection: Connection, ids: Sequence[AppointmentId]
) -> dict[AppointmentId, list[Intent]]:
    found: dict[AppointmentId, list[Intent]] = {}
    for row in connection.execute(_BEGUN, {"ids": ids}):
        found.setdefault(row.appointment, []).append(intent_of(row))
    return found


def _given(
    connection: Connection, ids: Sequence[AppointmentId]
) -> dict[AppointmentId, dict[int, Order]]:
    found: dict[AppointmentId, dict[int, Order]] = {}
    for row in connection.execute(_GIVEN, {"ids": ids}):
        found.setdefault(row.appointment, {})[row.id] = decode_order(row.body)
    return found


def _aside(
    connection: Connection, ids: Sequence[AppointmentId], now: datetime | None
) -> dict[AppointmentId, list[tuple[Place, Path]]]:
    found: dict[AppointmentId, list[tuple[Place, Path]]] = {}
    query = _ASIDE if now is None else _ASIDE_AFTER
    for row in connection.execute(query, {"ids": ids, "now": now}):
        place = (bare(row.channel), row.slot)
        found.setdefault(row.appointment, []).append((place, tuple(loads(row.path))))
    return found


def _settled_keys(
    connection: Connection, ids: Sequence[AppointmentId]
) -> dict[AppointmentId, dict[tuple[ChannelName, Slot], str]]:
    found: dict[AppointmentId, dict[tuple[ChannelName, Slot], str]] = {}
    for row in connection.execute(_SETTLED_KEYS, {"ids": ids}):
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
