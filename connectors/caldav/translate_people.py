"""Organizer, attendees and resources between iCalendar and the canonical appointment. Pure.

Unless a channel invites, no ATTENDEE or ORGANIZER is ever written that was not there, and those
that are there stay as they are: what the appointment has beyond them stands in properties of
our own (``carried``), which no server mails about (invariant 5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from connectors.caldav.carried import (
    ATTENDEE,
    NO_RESOURCE,
    ORGANIZER,
    RESOURCE,
    carried_records,
    carried_texts,
    lines_of,
)
from connectors.caldav.wire import Component, Line, escape, texts
from syncd.core.model import Attendee, Person, Response, Role, clean_line, normalise_email

_MAILTO = re.compile(r"mailto:(.*)", re.IGNORECASE | re.DOTALL)
_THINGS = frozenset({"ROOM", "RESOURCE"})
_ROLES = {
    "CHAIR": Role.CHAIR,
    "REQ-PARTICIPANT": Role.REQUIRED,
    "OPT-PARTICIPANT": Role.OPTIONAL,
    "NON-PARTICIPANT": Role.INFORMED,
}
_RESPONSES = {
    "ACCEPTED": Response.ACCEPTED,
    "TENTATIVE": Response.TENTATIVE,
    "DECLINED": Response.DECLINED,
}
_ROLE_NAMES = {role: name for name, role in _ROLES.items()}
_RESPONSE_NAMES = {response: name for name, response in _RESPONSES.items()}
_OURS = "X-SYNCD-ADDED"

PLAIN = re.compile(r'[^,;\\"\x00-\x1f\x7f]+')
"""What every server keeps in a list of texts; some split others at escaped commas (seen)."""


def address_of(line: Line) -> str:
    """The normalised address of an ATTENDEE or ORGANIZER; its URI if it has none.

    Apple writes a path or ``urn:uuid:`` with the address in the parameter EMAIL.
    """
    match = _MAILTO.search(line.value)
    email = unquote(match[1]) if match else line.parameter("EMAIL") or line.value
    return normalise_email(email)


def read_organizer(event: Component) -> Person | None:
    """The organizer: what we carry for it, else ORGANIZER."""
    for record in carried_records(event, ORGANIZER):
        email = _text(record, "email")
        return Person(email, _text(record, "name")) if email else None
    return _real_organizer(event)


def _real_organizer(event: Component) -> Person | None:
    line = event.first("ORGANIZER")
    if line is None or line.parameter(_OURS):
        return None
    email = address_of(line)
    return Person(email, line.parameter("CN")) if email else None


def write_organizer(
    event: Component, organizer: Person | None, *, invite: bool, person: str
) -> None:
    """Make ``event`` read as organised by ``organizer``.

    Where a channel invites, ATTENDEE needs an ORGANIZER (RFC 5546): the channel's person
    stands in for none, marked so that it is not read as a value.
    """
    if not invite:
        real = _real_organizer(event)
        record = {"email": organizer.email, "name": organizer.name} if organizer else {"email": ""}
        event.replace((ORGANIZER,), lines_of(ORGANIZER, [record] if real != organizer else []))
        return
    event.replace((ORGANIZER,), [])
    if organizer is None:
        stand_in = [Line("ORGANIZER", f";{_OURS}=1", _mailto(person))] if person else []
        event.replace(("ORGANIZER",), stand_in)
        return
    old = event.first("ORGANIZER") or Line("ORGANIZER", "", "")
    changes = {"CN": organizer.name or None, _OURS: None, "EMAIL": None}
    same = address_of(old) == organizer.email
    new = Line("ORGANIZER", "" if not same else old.parameters, _mailto(organizer.email))
    event.replace(("ORGANIZER",), [new.with_parameters(changes)])


def read_attendees(event: Component) -> tuple[Attendee, ...]:
    """Who takes part: ATTENDEE lines of people, then what we carry instead or besides."""
    found = _real_attendees(event)
    for record in carried_records(event, ATTENDEE):
        email = normalise_email(_text(record, "email"))
        if record.get("gone"):
            found.pop(email, None)
        elif email:
            role, response = _text(record, "role"), _text(record, "response")
            found[email] = Attendee(
                email,
                _text(record, "name"),
                Role(role) if role in set(Role) else Role.REQUIRED,
                Response(response) if response in set(Response) else Response.NONE,
            )
    return tuple(found[email] for email in sorted(found))


def _real_attendees(event: Component) -> dict[str, Attendee]:
    found = {}
    for line in event.lines("ATTENDEE"):
        email = address_of(line)
        if email and line.parameter("CUTYPE").upper() not in _THINGS:
            found[email] = Attendee(
                email,
                line.parameter("CN"),
                _ROLES.get(line.parameter("ROLE").upper(), Role.REQUIRED),
                _RESPONSES.get(line.parameter("PARTSTAT").upper(), Response.NONE),
            )
    return found


def write_attendees(event: Component, attendees: Iterable[Attendee], *, invite: bool) -> None:
    """Make ``event`` read as attended by ``attendees``."""
    wanted = {attendee.email: attendee for attendee in attendees}
    if invite:
        _invite(event, wanted)
        event.replace((ATTENDEE,), [])
        return
    real = _real_attendees(event)
    records: list[object] = [
        {
            "email": each.email,
            "name": each.name,
            "role": str(each.role),
            "response": str(each.response),
        }
        for email, each in wanted.items()
        if real.get(email) != each
    ]
    records += [{"email": email, "gone": True} for email in real if email not in wanted]
    event.replace((ATTENDEE,), lines_of(ATTENDEE, records))


def _invite(event: Component, wanted: dict[str, Attendee]) -> None:
    real = _real_attendees(event)
    lines: list[Line] = []
    for line in event.lines("ATTENDEE"):
        email = address_of(line)
        if line.parameter("CUTYPE").upper() in _THINGS:
            lines.append(line)
        elif email in wanted:
            new = wanted[email]
            lines.append(line if real.get(email) == new else _changed(line, real[email], new))
    lines += [_attendee_line(each) for email, each in wanted.items() if email not in real]
    event.replace(("ATTENDEE",), lines)


def _changed(line: Line, old: Attendee, new: Attendee) -> Line:
    changes: dict[str, str | None] = {}
    if old.name != new.name:
        changes["CN"] = new.name or None
    if old.role != new.role:
        changes["ROLE"] = _ROLE_NAMES[new.role]
    if old.response != new.response:
        changes["PARTSTAT"] = _RESPONSE_NAMES.get(new.response, "NEEDS-ACTION")
    return line.with_parameters(changes)


def _attendee_line(attendee: Attendee) -> Line:
    changes: dict[str, str | None] = {
        "CN": attendee.name or None,
        "ROLE": _ROLE_NAMES[attendee.role],
        "PARTSTAT": _RESPONSE_NAMES.get(attendee.response, "NEEDS-ACTION"),
        "RSVP": "TRUE" if attendee.response is Response.NONE else None,
    }
    return Line("ATTENDEE", "", _mailto(attendee.email)).with_parameters(changes)


def read_resources(event: Component) -> frozenset[str]:
    """RESOURCES, attendees that are a room or resource (by address), and what we carry."""
    named = {
        clean_line(text) for line in event.lines("RESOURCES") for text in texts(line.value)
    } | set(carried_texts(event, RESOURCE))
    gone = set(carried_texts(event, NO_RESOURCE))
    return frozenset(name for name in named | (_rooms(event) - gone) if name)


def _rooms(event: Component) -> set[str]:
    return {
        address_of(line)
        for line in event.lines("ATTENDEE")
        if line.parameter("CUTYPE").upper() in _THINGS
    }


def write_resources(event: Component, resources: frozenset[str]) -> None:
    """Make ``event`` read as booked for ``resources``; ATTENDEE lines of rooms stay.

    One line each: Xandikos 0.4 escapes the commas between them (seen).
    """
    rooms = _rooms(event)
    plain = sorted(name for name in resources - rooms if PLAIN.fullmatch(name))
    other = sorted(name for name in resources - rooms if not PLAIN.fullmatch(name))
    event.replace(("RESOURCES",), [Line("RESOURCES", "", escape(name)) for name in plain])
    event.replace((RESOURCE,), lines_of(RESOURCE, other))
    event.replace((NO_RESOURCE,), lines_of(NO_RESOURCE, sorted(rooms - resources)))


def is_invitation(event: Component, own: frozenset[str]) -> bool:
    """Whether somebody else organises it: ORGANIZER is there and is none of ``own`` addresses."""
    line = event.first("ORGANIZER")
    if line is None or line.parameter(_OURS):
        return False
    return address_of(line) not in own


def is_mailed(event: Component, own: frozenset[str] | None) -> bool:
    """Whether a scheduling server would message attendees about a change (RFC 6638, 3.2.1).

    It does for an organizer's copy with other attendees. ``own`` are the addresses that the
    server knows the account by, ``None`` if it does not tell: then any organizer may be us.
    Removing the ATTENDEE lines or setting SCHEDULE-AGENT=CLIENT is no way out: to the server
    these attendees are dropped, and are sent a CANCEL (RFC 6638, 3.2.1.2; sabre/vobject and
    Xandikos 0.4 do so, read in their sources).
    """
    line = event.first("ORGANIZER")
    if line is None:
        return False
    organizer = address_of(line)
    if own is not None and organizer not in own:
        return False
    return any(address_of(each) != organizer for each in event.lines("ATTENDEE"))


def _mailto(email: str) -> str:
    return "mailto:" + email.replace("%", "%25").replace("\n", "%0A").replace("\t", "%09")


def _text(record: dict[str, object], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""
