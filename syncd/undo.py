"""Taking back what was decided: shown as a plan, then given as orders to the next cycle.

``undo`` is the administrator's edit of appointments back to values that they had before. What
it takes is drawn up from the store alone: no system is asked, and the daemon may be at work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.config import BridgeSettings, Mode, Settings
from syncd.core.belong import Moment
from syncd.core.model import Appointment
from syncd.core.safety import Limits, fingerprint, reasons, refuse
from syncd.core.state import AppointmentId, Kind, Order, Remains, Write
from syncd.core.takeback import Entry, Takeback, take_back, takes_effect
from syncd.drawn import Draw
from syncd.isolating import InHand
from syncd.remembered import remembered_policy
from syncd.settling import census, digest_of, draw_up
from syncd.shown import shown_write
from syncd.store import Approval, HistoryEntry, HoldState, Store

PENDING = "pending"
"""Stands for the cycle of what is held and has not been decided yet."""

BORN = "it did not exist before; delete it in a channel if it is not wanted"
NO_BRIDGE = "its bridge is not in the configuration"
TOO_LATE = "nothing is left of it, not even a tombstone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be taken back: of one appointment its last change, of a cycle or of all since
    a time everything, in each case what ``channel`` set, if one is named."""

    appointment: AppointmentId | None = None
    cycle: str | None = None
    since: datetime | None = None
    bridge: str | None = None
    channel: str | None = None

    def concerns(self, entry: HistoryEntry) -> bool:
        """Whether a record is to be taken back. (Of one appointment, as far as can be told
        without its other records.)"""
        record = entry.record
        if self.cycle is not None and entry.cycle != self.cycle:
            return False
        if self.since is not None and entry.at < self.since:
            return False
        return self.channel is None or self.channel == record.winner


@dataclass(frozen=True, slots=True)
class Taken:
    """One appointment that goes back: as it is, what changes, the order, the writes it takes."""

    id: AppointmentId
    bridge: str
    appointment: Appointment
    takeback: Takeback
    order: Order
    writes: tuple[Write, ...] = ()


@dataclass(frozen=True, slots=True)
class Untouched:
    """One appointment that is left as it is, and why."""

    id: AppointmentId
    bridge: str
    appointment: Appointment | None
    reason: str


@dataclass(slots=True)
class Proposal:
    """What would be taken back. ``approvals``: of writes that the limits would hold, if whoever
    carries it out allows them. ``warnings``: what will keep it from being written."""

    taken: list[Taken] = field(default_factory=list)
    untouched: list[Untouched] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of an appointment. ``remains``: if nothing else is left of it."""

    bridge: str
    appointment: Appointment | None
    alive: bool
    remains: Remains | None = None


def propose(settings: Settings, store: Store, wish: Wish, now: datetime, by: str) -> Proposal:
    """What taking back would change, and where. Writes nothing."""
    proposal = Proposal()
    pending = _pending(settings, store, wish, now)
    histories = _histories(store, wish, pending)
    known = _known(store, histories)
    divided = _divided(store, wish)
    configured = {bridge.name for bridge in settings.bridges}
    for id in sorted(histories):
        if known[id].bridge not in configured:
            found: Taken | Untouched | None = _untouched(id, known[id], NO_BRIDGE)
        else:
            entries = histories[id]
            found = _taken(store, id, entries, known[id], wish, (now, by), id in divided)
        if isinstance(found, Taken):
            proposal.taken.append(found)
        elif found is not None:
            proposal.untouched.append(found)
    for bridge in settings.bridges:
        _draw(settings, bridge, store, proposal, now, by)
    return proposal


def carry_out(store: Store, proposal: Proposal) -> None:
    """Give the orders, with the approvals: the next cycle carries them out."""
    orders = [(each.id, each.order) for each in proposal.taken]
    store.give_orders(orders, proposal.approvals)


def _histories(
    store: Store, wish: Wish, pending: Sequence[HistoryEntry]
) -> dict[AppointmentId, list[HistoryEntry]]:
    """The whole history of every appointment that is concerned."""
    if wish.appointment is not None:
        ids = {wish.appointment}
    else:
        found = store.history(wish.bridge, since=wish.since, cycle=wish.cycle)
        ids = {entry.appointment for entry in [*found, *pending] if wish.concerns(entry)}
    histories = store.histories(ids)
    for entry in pending:
        if entry.appointment in ids:
            histories.setdefault(entry.appointment, []).append(entry)
    return histories


def _pending(settings: Settings, store: Store, wish: Wish, now: datetime) -> list[HistoryEntry]:
    """What held bridges would decide: a mistake that was held is taken back like any other."""
    if wish.cycle is not None:
        return []
    held = {hold.scope for hold in store.holds(HoldState.OPEN)}
    found: list[HistoryEntry] = []
    for bridge in settings.bridges:
        if bridge.name not in held or wish.bridge not in (None, bridge.name):
            continue
        draw = _drawn(settings, bridge, store, {}, now)
        found += [
            HistoryEntry(0, bridge.name, now, PENDING, plan.id, record)
            for plan in draw.plans
            for record in plan.records
        ]
    return found


def _known(
    store: Store, histories: Mapping[AppointmentId, Sequence[HistoryEntry]]
) -> dict[AppointmentId, _Known]:
    agreements = store.agreements(histories)
    found: dict[AppointmentId, _Known] = {}
    for id, entries in histories.items():
        bridge, agreement = entries[-1].bridge, agreements.get(id)
        if agreement is not None:
            found[id] = _Known(bridge, agreement.appointment, agreement.deleting is None)
            continue
        buried = [e.record.remains for e in entries if e.record.kind is Kind.BURIED]
        remains = buried[-1] if buried else None
        found[id] = _Known(bridge, remains.appointment if remains else None, False, remains)
    return found


def _divided(store: Store, wish: Wish) -> set[AppointmentId]:
    """The series of which a later part became another appointment by what is taken back."""
    return {entry.record.note for entry in store.history(kind=Kind.SPLIT) if wish.concerns(entry)}


def _taken(
    store: Store,
    id: AppointmentId,
    entries: Sequence[HistoryEntry],
    known: _Known,
    wish: Wish,
    given: tuple[datetime, str],
    divided: bool,
) -> Taken | Untouched | None:
    """What becomes of one appointment; ``None`` if there is nothing to take back."""
    chosen = _chosen(entries, wish)
    if known.appointment is None or _is_forgotten(store, id, known):
        return _untouched(id, known, TOO_LATE)
    told = [
        Entry(each.record, each in chosen, each.cycle == PENDING)
        for each in entries
        if takes_effect(each.record)
    ]
    found = take_back(told, known.appointment, alive=known.alive, divided=divided)
    if found:
        order = _order(found, known, min(each.at for each in chosen), given)
        return Taken(id, known.bridge, known.appointment, found, order)
    born = any(each.record.kind is Kind.BORN for each in chosen)
    return _untouched(id, known, BORN) if born else None


def _untouched(id: AppointmentId, known: _Known, reason: str) -> Untouched:
    return Untouched(id, known.bridge, known.appointment, reason)


def _chosen(entries: Sequence[HistoryEntry], wish: Wish) -> list[HistoryEntry]:
    """The records that are to be taken back: of one appointment those of the last cycle that
    changed something, else all that the wish concerns."""
    found = [entry for entry in entries if wish.concerns(entry)]
    if wish.cycle is not None or wish.since is not None:
        return found
    effective = [entry for entry in found if takes_effect(entry.record)]
    if not effective:
        return found
    return [entry for entry in found if entry.cycle == effective[-1].cycle]


def _is_forgotten(store: Store, id: AppointmentId, known: _Known) -> bool:
    return known.remains is not None and not store.tombstones_by(known.bridge, ids=[id])


def _order(found: Takeback, known: _Known, since: datetime, given: tuple[datetime, str]) -> Order:
    now, by = given
    back = known.remains is not None
    return Order(
        by,
        now,
        {change.path: change.back for change in found.changes},
        reason="undo",
        restore=found.restore or back,
        delete=found.delete,
        since=since,
        remains=known.remains,
        left={left.path: left.back for left in found.left},
    )


def _draw(
    settings: Settings,
    bridge: BridgeSettings,
    store: Store,
    proposal: Proposal,
    now: datetime,
    by: str,
) -> None:
    """What the orders of one bridge make it write, and what its limits say to that."""
    orders = {each.id: each.order for each in proposal.taken if each.bridge == bridge.name}
    if not orders:
        return
    if bridge.mode is Mode.OBSERVE:
        proposal.warnings.append(f"{bridge.name} only observes: nothing is written")
    if store.is_stopped(bridge.name):
        proposal.warnings.append(f"writing of {bridge.name} is stopped: syncd resume")
    draw = _drawn(settings, bridge, store, orders, now)
    writes = {plan.id: plan.writes for plan in draw.plans}
    proposal.taken = [
        replace(each, writes=writes[each.id]) if each.id in orders else each
        for each in proposal.taken
    ]
    limits = Limits(bridge.limits.deletes, bridge.limits.moves, bridge.limits.writes_per_hour)
    emptied = [
        each.name
        for each in bridge.channels
        if store.meta_get(f"emptied:{bridge.name}/{each.name}")
    ]
    counted = census(store, bridge.name, draw, emptied, now)
    dangers = refuse(draw.plans, counted, limits)
    if not dangers:
        return
    shown = [shown_write(id, write) for id, write in draw.writes if id in orders]
    reason = "; ".join(reasons(dangers, bridge.name))
    digest = digest_of(each["write"] for each in shown)
    proposal.approvals.append(Approval(bridge.name, reason, digest, tuple(shown), by, now))
    approved = {fingerprint(id, write) for id, write in draw.writes if id in orders}
    proposal.warnings += [
        f"{bridge.name} is held for other writes, too ({danger.reason}): syncd approve"
        for danger in refuse(draw.plans, counted, limits, approved)
        if not danger.repeats
    ]


def _drawn(
    settings: Settings,
    bridge: BridgeSettings,
    store: Store,
    orders: Mapping[AppointmentId, Order],
    now: datetime,
) -> Draw:
    """The plans of everything that is due, and of what the ``orders`` concern."""
    policy = remembered_policy(store, bridge, settings.people)
    window = settings.daemon.window(now)
    moment = Moment(now, window.start, window.end, settings.daemon.time_zone)
    ids = sorted({*store.due(bridge.name, now), *orders})
    in_hand = InHand(bridge.name, store, lambda: now)
    return draw_up(store, bridge.name, policy, moment, ids, {}, in_hand, whole=True, orders=orders)
