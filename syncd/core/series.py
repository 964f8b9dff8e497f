"""Copies of the occurrences of a series, where a channel has no series: which stands for what."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from syncd.core.belong import Moment, given
from syncd.core.channel import Channel, Policy
from syncd.core.draft import Draft
from syncd.core.model import AllDay, Appointment
from syncd.core.recurrence import is_occurrence, remap, reslot, rid_of, rid_start
from syncd.core.state import WHOLE, Place, Settled, Slot
from syncd.core.zones import UTC_ZONE, midnight, to_utc


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
