"""Copies of the occurrences of a series, where a channel has no series: which stands for what."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from syncd.core.belong import Moment, given
from syncd.core.channel import Channel, Policy
from syncd.core.claims import Claim
from syncd.core.decide import Decision
from syncd.core.draft import Draft
from syncd.core.fidelity import project_value
from syncd.core.model import OVERRIDABLE_FIELDS, AllDay, Appointment, Value
from syncd.core.paths import get, patch
from syncd.core.recurrence import is_occurrence, remap, reslot, rid_of, rid_start
from syncd.core.state import WHOLE, Place, Settled, Slot
from syncd.core.zones import UTC_ZONE, midnight, to_utc

_SHOWN_ALIKE = OVERRIDABLE_FIELDS - {"when", "status"}
"""What every row shows of its series. Each has a time, and an outcome, of its own."""


def slot_start_utc(slot: Slot, appointment: Appointment, default_zone: str = UTC_ZONE) -> datetime:
    """The instant at which the occurrence of this slot was first meant to start."""
    start = rid_start(slot)
    if isinstance(start, datetime):
        zone = None if isinstance(appointment.when, AllDay) else appointment.when.zone
        return to_utc(start, zone, default_zone)
    return midnight(date(start.year, start.month, start.day), default_zone)


def rekey_orphans(draft: Draft, moment: Moment) -> None:
    """Overrides of a series that was moved in this very settling follow their occurrences."""
    before, now = draft.before, draft.appointment
    if before is None or before.appointment.recurrence is None or now.recurrence is None:
        return
    if not now.overrides or (
        before.appointment.when == now.when and before.appointment.recurrence == now.recurrence
    ):
        return
    if all(is_occurrence(now, key) for key, _ in now.overrides):
        return
    draft.appointment = reslot(now, before.appointment, now, moment.end + timedelta(days=1))


def follow_series(decisions: Iterable[Decision], draft: Draft, policy: Policy) -> None:
    """Rows that came to show what their series was given just now have nothing of their own by
    that: so they read where a lost state knew already that all of them had been changed."""
    given = {d.path[0] for d in decisions if d.path[0] in _SHOWN_ALIKE and d.winner is not None}
    for decision in decisions:
        path = decision.path
        if path[0] != "overrides" or path[2] not in given or decision.winner is None:
            continue
        value = get(draft.appointment, path[2:])
        if all(_is_row_of(claim, value, policy) for claim in decision.claims):
            draft.appointment = patch(draft.appointment, {path: None})
            for claim in decision.claims:
                if claim.here is not None:
                    draft.count_as_asked(claim.here, path, value)


def _is_row_of(claim: Claim, value: Value, policy: Policy) -> bool:
    """Whether a claim is what its channel, where single occurrences stand, would hold of the
    ``value`` of their series."""
    if claim.here is None or claim.here.place[1] == WHOLE:
        return False
    fidelity = policy.channels[claim.channel].fidelity
    return claim.value == value or claim.raw == project_value(claim.path[2], value, fidelity)


def reslot_copies(draft: Draft, policy: Policy, moment: Moment) -> None:
    """Copies of single occurrences keep standing for theirs when the series itself changes."""
    before, now = draft.before, draft.appointment
    if before is None:
        return
    old = before.appointment
    if old.recurrence is None and now.recurrence is None:
        return
    if old.when == now.when and old.recurrence == now.recurrence:
        return
    moves: dict[Place, Place] = {}
    for place in draft.copies:
        channel = policy.channels.get(place[0])
        if channel is None or _stays(channel, place, draft, policy):
            continue
        slot = _moved_slot(place[1], old, now, moment)
        if slot != place[1]:
            moves[place] = (place[0], slot)
    _move(draft, moves)


def _stays(channel: Channel, place: Place, draft: Draft, policy: Policy) -> bool:
    """Whether a copy stands for what it stood for: in a channel that holds series, the series
    itself, and what is one now; single occurrences also there follow theirs."""
    if channel.fidelity.recurrence and channel.fidelity.series is None:
        return True
    now = draft.appointment
    if place[1] != WHOLE:
        return now.recurrence is None and (channel.name, WHOLE) in draft.copies
    if draft.copies[place].copy.reads.recurrence is not None:
        return True
    return channel.fidelity.repeats(given(channel, now, policy, draft.born))


def _moved_slot(slot: Slot, old: Appointment, new: Appointment, moment: Moment) -> Slot:
    """Where a copy stands after the series changed; the same if it stands for nothing now."""
    if new.recurrence is None:
        return WHOLE if slot == rid_of(old.when) else slot
    if slot == WHOLE:
        return rid_of(new.when)
    if old.recurrence is None:
        return slot
    return remap(old, new, moment.end + timedelta(days=1))(slot) or slot


def _move(draft: Draft, moves: dict[Place, Place]) -> None:
    taken: dict[Place, Settled] = {}
    for source, target in moves.items():
        settled = draft.copies.pop(source)
        taken[target] = settled
    for target, settled in taken.items():
        if target not in draft.copies:
            draft.copies[target] = settled
            draft.moved.append((target[0], settled.copy.key, target[1]))
