"""What was deleted and lives again, since an edit outlived the deletion: what it was, edited.

Born from the copy that came back it would be no more than that channel can hold: no owner, no
customer, a shortened title. What had been agreed is known, and what the copy says differently is
the edit.

What was only cancelled stays cancelled, and its record with it, which a CRM showed late: that one
has its first contact with it now.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from syncd.core.belong import given, takes_part
from syncd.core.channel import Channel, Policy
from syncd.core.claims import BIRTH
from syncd.core.fidelity import project
from syncd.core.marks import Unpaired
from syncd.core.model import Appointment, Attendee, Status
from syncd.core.paired import reborn_at
from syncd.core.state import (
    BEGINNING,
    WHOLE,
    Agreement,
    Case,
    ChannelName,
    Copy,
    Kind,
    Place,
    Present,
    Record,
    Remains,
    Setter,
    Settled,
    Slot,
    Span,
    Tombstone,
)

REBORN_RULE = "built-in: the edit after the deletion wins"
OUTLIVES_RULE = "built-in: a record outlives what is only cancelled"


def lives_again(case: Case, policy: Policy) -> Agreement | None:
    """What its copies agree on as if they had never been away; ``None`` if nothing is known of
    what it was, or no copy stands for all of it."""
    if case.agreement is not None or case.orders or case.remains is None:
        return None
    late = _late_records(case, policy)
    if late:
        return _cancelled(case.remains, late)
    was = _taking_place(case.remains.appointment)
    copies: dict[Place, Settled] = {}
    for place, seen in case.views.items():
        channel = policy.channels.get(place[0])
        if channel is None or place[1] != WHOLE or not isinstance(seen.observation, Present):
            continue
        if was.recurrence is not None and not channel.fidelity.repeats(was):
            continue
        full, shown = _held(case.remains, channel, policy)
        copies[place] = Settled(replace(seen.observation.copy, reads=shown), full)
    return _agreement(was, copies, case.remains, policy) if copies else None


def outlives(
    each: Unpaired, stone: Tombstone, remains: Remains | None, policy: Policy
) -> Slot | None:
    """Which part a copy that met a tombstone is of what lives again by it; ``None`` if it goes."""
    channel = policy.channels[each.channel]
    same = remains is not None and each.copy.reads == _held(remains, channel, policy)[1]
    return reborn_at(each, stone, channel, same=same)


def _held(remains: Remains, channel: Channel, policy: Policy) -> tuple[Appointment, Appointment]:
    """What a channel was given last of what was deleted, and what it would show of that."""
    behind = remains.gone.get(channel.name)
    if behind is not None:
        full = _taking_place(behind)
    else:
        full = given(channel, _taking_place(remains.appointment), policy, remains.born)
    return full, project(full, channel.fidelity)


def reborn(agreement: Agreement) -> Record:
    """That it lives again, and by which channel."""
    setter = agreement.setters[BIRTH]
    return Record(Kind.RESTORED, (), setter.rule, setter.channel)


def _late_records(case: Case, policy: Policy) -> frozenset[ChannelName]:
    """The CRMs that show what was only cancelled, and did not edit all of it since."""
    since = case.remains.cancelled if case.remains is not None else None
    if since is None:
        return frozenset()
    return frozenset(
        name
        for (name, slot), seen in case.views.items()
        if isinstance(seen.observation, Present)
        and name in policy.channels
        and policy.channels[name].is_crm
        and (slot != WHOLE or not _is_edited(seen.observation.copy, since))
    )


def _is_edited(copy: Copy, since: datetime) -> bool:
    return copy.modified is not None and copy.modified > since


def _cancelled(remains: Remains, late: frozenset[ChannelName]) -> Agreement:
    setter = Setter(min(late), Span(BEGINNING, BEGINNING), BEGINNING, OUTLIVES_RULE)
    return Agreement(
        remains.appointment,
        {BIRTH: setter},
        uids=remains.uids,
        born=remains.born,
        unmet=late,
    )


def _agreement(
    was: Appointment, copies: dict[Place, Settled], remains: Remains, policy: Policy
) -> Agreement:
    channels = [policy.channels[place[0]] for place in copies]
    first = min(channels, key=lambda channel: channel.order)
    for channel in channels:
        was = _with_its_person(was, channel, policy)
    setter = Setter(first.name, Span(BEGINNING, BEGINNING), BEGINNING, REBORN_RULE)
    return Agreement(was, {BIRTH: setter}, copies, uids=remains.uids, born=remains.born)


def _taking_place(was: Appointment) -> Appointment:
    return replace(was, status=Status.CONFIRMED) if was.status is Status.CANCELLED else was


def _with_its_person(was: Appointment, channel: Channel, policy: Policy) -> Appointment:
    """Whose channel it came back in takes part, as at birth."""
    if not channel.person or takes_part(channel.person, was, policy):
        return was
    return replace(was, attendees=(*was.attendees, Attendee(channel.person)))
