"""An invitation that somebody deletes from his calendar: he does not come, it takes place."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.channel import Policy
from syncd.core.draft import Draft
from syncd.core.model import Attendee, Response, Status
from syncd.core.situation import Here
from syncd.core.state import WHOLE, Absence, Kind, Record, Setter

DECLINE_RULE = "built-in: deleting an invitation declines it"


def is_borrowed(here: Here, draft: Draft, policy: Policy) -> bool:
    """An invitation: deleting it declines, unless the organizer cancelled it. That of a colleague
    does as long as the organizer's own copy stands, which tells whether it takes place."""
    settled = here.settled
    if settled is None or not settled.copy.invited or not here.channel.person:
        return False
    organizer = settled.copy.reads.organizer
    if organizer is None:
        return False
    if policy.is_colleague(organizer.email) and not _has_own(organizer.email, here, draft, policy):
        return False
    return settled.copy.reads.status is not Status.CANCELLED


def _has_own(organizer: str, here: Here, draft: Draft, policy: Policy) -> bool:
    """Whether a colleague, who is not the person of ``here``, has a copy that is no invitation."""
    for (name, slot), settled in draft.copies.items():
        person = policy.channels[name].person if name in policy.channels else ""
        if slot != WHOLE or not person or person == here.channel.person:
            continue
        if organizer in policy.names_of(person) and not settled.copy.invited:
            return True
    return False


def decline(here: Here, draft: Draft) -> None:
    """The person of a calendar does not come, and has no copy: both are agreed."""
    person = here.channel.person
    draft.absent[here.place] = Absence(draft.now, DECLINE_RULE, person)
    attendee = draft.appointment.attendee(person) or Attendee(person)
    declined = replace(attendee, response=Response.DECLINED)
    path = ("attendees", person)
    setter = Setter(here.channel.name, here.span, here.span.latest, DECLINE_RULE)
    draft.set(path, declined, setter)
    draft.records.append(
        Record(Kind.ABSENT, path, DECLINE_RULE, here.channel.name, declined, attendee)
    )
