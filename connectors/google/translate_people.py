"""Organizer, attendees and rooms as a Google event has them. Pure.

Unless a channel invites, no attendee is ever written: what the appointment has beyond those that
are there is carried (invariant 5).
"""

from __future__ import annotations

from collections.abc import Iterable

from connectors.google.wire import Event, list_of, table_of, text_of
from syncd.core.model import Attendee, Person, Response, Role, normalise_email

_RESPONSES = {
    "accepted": Response.ACCEPTED,
    "tentative": Response.TENTATIVE,
    "declined": Response.DECLINED,
}
_RESPONSE_NAMES = {response: name for name, response in _RESPONSES.items()}
_SECONDARY = "@group.calendar.google.com"


def read_organizer(event: Event) -> Person | None:
    """Who organises it, if it is a meeting; Google names the calendar's own person on all else."""
    organizer = table_of(event, "organizer")
    email = normalise_email(text_of(organizer, "email"))
    if not email or email.endswith(_SECONDARY):
        return None
    if organizer.get("self") and not list_of(event, "attendees"):
        return None
    return Person(email, text_of(organizer, "displayName"))


def is_invitation(event: Event) -> bool:
    """Whether somebody else organises it. Google's own ``self`` says whose calendar this is."""
    organizer = table_of(event, "organizer")
    return bool(text_of(organizer, "email")) and not organizer.get("self")


def read_attendees(event: Event) -> dict[str, Attendee]:
    """The people among the attendees, by address."""
    found = {}
    for each in list_of(event, "attendees"):
        email = normalise_email(text_of(each, "email"))
        if email and not each.get("resource"):
            found[email] = Attendee(
                email,
                text_of(each, "displayName"),
                Role.OPTIONAL if each.get("optional") else Role.REQUIRED,
                _RESPONSES.get(text_of(each, "responseStatus"), Response.NONE),
            )
    return found


def read_resources(event: Event) -> frozenset[str]:
    """Rooms and equipment among the attendees, by address."""
    found = (
        normalise_email(text_of(each, "email"))
        for each in list_of(event, "attendees")
        if each.get("resource")
    )
    return frozenset(filter(None, found))


def invite(event: Event, attendees: Iterable[Attendee]) -> None:
    """Make ``attendees`` the event's own; rooms stay, and what Google keeps of each person."""
    wanted = {each.email: each for each in attendees}
    there = read_attendees(event)
    kept: list[Event] = []
    for each in list_of(event, "attendees"):
        email = normalise_email(text_of(each, "email"))
        if each.get("resource"):
            kept.append(each)
        elif email in wanted and email not in {text_of(one, "email").lower() for one in kept}:
            new = wanted[email]
            kept.append(each if there[email] == new else each | _entry(new))
    kept += [_entry(each) for email, each in wanted.items() if email not in there]
    event["attendees"] = kept


def _entry(attendee: Attendee) -> Event:
    entry: Event = {
        "email": attendee.email,
        "responseStatus": _RESPONSE_NAMES.get(attendee.response, "needsAction"),
        "optional": attendee.role in (Role.OPTIONAL, Role.INFORMED),
    }
    return entry | ({"displayName": attendee.name} if attendee.name else {})
