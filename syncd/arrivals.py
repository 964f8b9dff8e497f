"""How long a person's edit takes to each other channel, for the lag that metrics show.

An edit was made at the copy's own time of change, where that lies between the last look without
it and the first with it; else in the middle between the two looks. It has arrived when the
system accepted the write that carries it. What was there when a channel was looked at for the
first time is no edit: nobody waited for it. Kept in memory only: edits that were decided before
a restart and written after it are not counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from syncd import metrics
from syncd.core.claims import setter_of
from syncd.core.existence import DELETING
from syncd.core.state import AppointmentId, Kind, Plan, Setter
from syncd.store import Store

MOST = 50_000
"""Appointments whose edits are followed at the same time; further ones are not counted."""

_EDITS = frozenset({Kind.BORN, Kind.SET, Kind.CONFLICT, Kind.CLOSED, Kind.DELETED})


class Arrivals:
    """Edits on their way within one bridge."""

    def __init__(self, bridge: str, store: Store) -> None:
        self._bridge, self._store = bridge, store
        self._began: dict[str, datetime] = {}
        for state in store.channel_states():
            of, _, name = state.channel.partition("/")
            if of == bridge and state.looked is not None:
                self._began[name] = state.looked
        self._made: dict[AppointmentId, dict[str, datetime]] = {}

    def looked(self, channels: Iterable[str], at: datetime) -> None:
        """These channels have been looked at."""
        for name in channels:
            self._began.setdefault(name, at)

    def decided(self, plans: Iterable[Plan], dark: Collection[str]) -> None:
        """These plans are stored, and their writes begun. ``dark``: channels that were not
        seen: what they miss, they get later."""
        edits = {plan.id: self._edit(plan) for plan in plans}
        moving = {id for id, (made, _) in edits.items() if made or id in self._made}
        begun = self._store.places_begun(moving) if moving else {}
        for id in moving:
            made, by = edits[id]
            waits = begun.get(id, set()) | set(dark)
            before = self._made.pop(id, {})
            known = {name: before[name] for name in waits & before.keys()}
            if made is not None:
                known |= dict.fromkeys(waits - known.keys() - by, made)
            if known and len(self._made) < MOST:
                self._made[id] = known

    def arrived(self, appointment: AppointmentId, channel: str, now: datetime) -> None:
        """The channel has accepted a write of this appointment."""
        made = self._made.get(appointment, {}).pop(channel, None)
        if made is not None:
            metrics.arrived(f"{self._bridge}/{channel}", (now - made).total_seconds())

    def _edit(self, plan: Plan) -> tuple[datetime | None, set[str]]:
        """When the oldest edit that this plan takes up was made; in which channels they were."""
        setters = [setter for setter in _setters(plan) if self._is_edit(setter)]
        made = min((_middle(setter) for setter in setters), default=None)
        return made, {setter.channel for setter in setters}

    def _is_edit(self, setter: Setter) -> bool:
        """Whether it was made since its channel is being looked at."""
        if setter.is_person:
            return True
        began = self._began.get(setter.channel)
        return began is not None and setter.changed.earliest >= began


def _setters(plan: Plan) -> Iterable[Setter]:
    """Who set the values that this plan changes."""
    agreement = plan.agreement
    if agreement is None:
        return
    for record in plan.records:
        if record.kind not in _EDITS or (record.path and record.value == record.before):
            continue
        gone = record.kind is Kind.DELETED and not record.path
        setter = setter_of(agreement, DELETING if gone else record.path)
        if setter is not None:
            yield setter


def _middle(setter: Setter) -> datetime:
    span = setter.changed
    return span.earliest + (span.latest - span.earliest) / 2
