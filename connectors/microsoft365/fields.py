"""Single fields between an event of Graph and the canonical appointment. Pure.

A *plain* reading is what the event itself says, without what we carry beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from connectors.microsoft365.body import (
    html_of,
    split_teams,
    text_of,
    with_link,
    without_link,
)
from connectors.microsoft365.timezones import iana_of, name_for, zone_of
from connectors.microsoft365.wire import Event
from syncd.core.model import (
    AllDay,
    Attendee,
    Busy,
    Person,
    Response,
    Role,
    Status,
    Timed,
    Value,
    Visibility,
    When,
    clean_line,
    normalise_email,
)
from syncd.core.zones import UTC_ZONE, from_utc, to_utc

_BUSY = {
    "free": Busy.FREE,
    "tentative": Busy.TENTATIVE,
    "oof": Busy.AWAY,
}
_BUSY_NAMES = {busy: name for name, busy in _BUSY.items()}
_SENSITIVITIES = {
    "personal": Visibility.PRIVATE,
    "private": Visibility.PRIVATE,
    "confidential": Visibility.CONFIDENTIAL,
}
_SENSITIVITY_NAMES = {
    Visibility.PUBLIC: "normal",
    Visibility.PRIVATE: "private",
    Visibility.CONFIDENTIAL: "confidential",
}
_RESPONSES = {
    "accepted": Response.ACCEPTED,
    "organizer": Response.ACCEPTED,
    "tentativelyAccepted": Response.TENTATIVE,
    "declined": Response.DECLINED,
}


class Unusable(ValueError):
    """The item cannot be read: one line that says why, without personal data."""


def text_at(record: object, *names: str) -> str:
    """The text under a path of names; empty where there is none."""
    found = record
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""


def body_text(event: Event) -> str:
    """The text of the body, without what Teams added."""
    content, is_html = text_at(event, "body", "content"), _is_html(event)
    if is_html and event.get("isOnlineMeeting"):
        content = split_teams(content)[0]
    return text_of(content, is_html=is_html)


def _is_html(event: Event) -> bool:
    return text_at(event, "body", "contentType").lower() != "text"


def body_of(event: Event, description: str, link: str) -> Mapping[str, str]:
    """A body that shows both; what Teams added to the old one stays."""
    content = html_of(with_link(description, link))
    if event.get("isOnlineMeeting") and _is_html(event):
        content += split_teams(text_at(event, "body", "content"))[1]
    return {"contentType": "html", "content": content}


def join_link(event: Event) -> str:
    """The link of a Teams meeting; it may be missing for a while."""
    return clean_line(text_at(event, "onlineMeeting", "joinUrl"))


def _meeting(event: Event) -> str:
    return without_link(body_text(event))[1] or join_link(event)


def _status(event: Event) -> Status:
    return Status.CANCELLED if event.get("isCancelled") is True else Status.CONFIRMED


def _tags(event: Event) -> frozenset[str]:
    names = event.get("categories")
    found = (clean_line(name) for name in names or () if isinstance(name, str))
    return frozenset(name for name in found if name)


def _reminders(event: Event) -> frozenset[int]:
    minutes = event.get("reminderMinutesBeforeStart")
    if event.get("isReminderOn") is not True or not isinstance(minutes, int):
        return frozenset()
    return frozenset({minutes})


def is_meeting(event: Event) -> bool:
    """Whether other people are asked to come."""
    return bool(event.get("attendees")) or event.get("isOrganizer") is False


def _organizer(event: Event) -> Person | None:
    """Of an appointment without attendees Graph names the owner of the mailbox: nobody."""
    email = normalise_email(text_at(event, "organizer", "emailAddress", "address"))
    if not email or not is_meeting(event):
        return None
    return Person(email, text_at(event, "organizer", "emailAddress", "name"))


def _people(event: Event) -> dict[str, Mapping[str, Any]]:
    found = {}
    for each in event.get("attendees") or ():
        email = normalise_email(text_at(each, "emailAddress", "address"))
        if email:
            found[email] = each
    return found


def _attendees(event: Event) -> tuple[Attendee, ...]:
    organizer = normalise_email(text_at(event, "organizer", "emailAddress", "address"))
    found = [
        Attendee(
            email,
            text_at(each, "emailAddress", "name"),
            Role.OPTIONAL if text_at(each, "type") == "optional" else Role.REQUIRED,
            _RESPONSES.get(text_at(each, "status", "response"), Response.NONE),
        )
        for email, each in _people(event).items()
        if text_at(each, "type") != "resource" and email != organizer
    ]
    return tuple(sorted(found, key=lambda each: each.email))


def _resources(event: Event) -> frozenset[str]:
    """Rooms and equipment that are asked, by address."""
    people = _people(event).items()
    return frozenset(email for email, each in people if text_at(each, "type") == "resource")


PLAIN: Mapping[str, Callable[[Event], Value]] = {
    "title": lambda event: clean_line(text_at(event, "subject")),
    "description": lambda event: without_link(body_text(event))[0],
    "location": lambda event: clean_line(text_at(event, "location", "displayName")),
    "online_meeting": _meeting,
    "status": _status,
    "busy": lambda event: _BUSY.get(text_at(event, "showAs"), Busy.BUSY),
    "visibility": lambda event: _SENSITIVITIES.get(
        text_at(event, "sensitivity"), Visibility.PUBLIC
    ),
    "organizer": _organizer,
    "attendees": _attendees,
    "resources": _resources,
    "tags": _tags,
    "reminders": _reminders,
}
"""How each field that stands in one event is read plainly."""


def read_when(event: Event, hint: str = "") -> When:
    """When an event takes place. Raises :class:`Unusable`.

    ``hint``: the IANA key from which the name of its zone was made. Where nobody knows the zone,
    UTC keeps the instants.
    """
    start, end = event.get("start"), event.get("end")
    try:
        if event.get("isAllDay") is True:
            return AllDay(_day(start), _day(end))
        name = text_at(event, "originalStartTimeZone") or text_at(start, "timeZone")
        zone = zone_of(name, hint) or UTC_ZONE
        first, last = _wall(start, zone), _wall(end, zone)
    except (ValueError, OverflowError) as error:
        raise Unusable("its time cannot be read") from error
    if last < first:
        raise Unusable("it ends before it begins")
    return Timed(first, last, zone)


def _day(moment: object) -> date:
    return date.fromisoformat(text_at(moment, "dateTime")[:10])


def _wall(moment: object, zone: str) -> datetime:
    """The wall time in ``zone`` of a ``dateTimeTimeZone``, whose fraction has seven digits."""
    wall = datetime.fromisoformat(text_at(moment, "dateTime")[:19])
    given = iana_of(text_at(moment, "timeZone") or UTC_ZONE)
    if given is None or wall.tzinfo is not None:
        raise ValueError("no zone")
    return from_utc(to_utc(wall, given), zone)


def zone_name(when: When, default_zone: str) -> str:
    """The zone in which a time is given to Graph, by the name that Graph is told."""
    if isinstance(when, AllDay) or when.zone is None:
        return name_for(default_zone)
    return name_for(when.zone, when.start, when.end)


def time_of(when: When, default_zone: str) -> dict[str, Any]:
    """The properties that say when an event takes place.

    Whole days go from midnight to midnight in one zone (microsoft-graph-docs, ``event``).
    """
    name = zone_name(when, default_zone)
    return {
        "isAllDay": isinstance(when, AllDay),
        "start": {"dateTime": f"{_iso(when.start)}", "timeZone": name},
        "end": {"dateTime": f"{_iso(when.end)}", "timeZone": name},
    }


def _iso(moment: date | datetime) -> str:
    return moment.isoformat() if isinstance(moment, datetime) else f"{moment.isoformat()}T00:00:00"


def native(name: str, value: Any) -> dict[str, Any]:
    """The properties that show a field (of those with a property of their own)."""
    match name:
        case "title":
            return {"subject": value}
        case "location":
            return {"location": {"displayName": value}}
        case "busy":
            return {"showAs": _BUSY_NAMES.get(value, "busy")}
        case "visibility":
            return {"sensitivity": _SENSITIVITY_NAMES[value]}
        case "tags":
            return {"categories": sorted(value)}
        case "reminders":
            shown = {"reminderMinutesBeforeStart": min(value)} if value else {}
            return {"isReminderOn": bool(value), **shown}
        case _:
            return {}


def invited(attendees: tuple[Attendee, ...], resources: frozenset[str]) -> list[dict[str, Any]]:
    """The attendees of a channel that invites; rooms are those of ``resources`` with an address."""
    people = [
        {
            "emailAddress": {"address": each.email, "name": each.name or each.email},
            "type": "optional" if each.role in (Role.OPTIONAL, Role.INFORMED) else "required",
        }
        for each in attendees
    ]
    rooms = [
        {"emailAddress": {"address": name, "name": name}, "type": "resource"}
        for name in sorted(resources)
        if "@" in name and " " not in name
    ]
    return people + rooms


def shown_after(event: Event, changes: Mapping[str, Any]) -> Event:
    """The event as it will be once ``changes`` were written; Exchange's rewriting aside."""
    after = {**event, **changes}
    if "start" in changes:
        after["originalStartTimeZone"] = changes["start"]["timeZone"]
    return after


def instant(text: str) -> datetime | None:
    """A ``DateTimeOffset`` as an aware time; ``None`` if it is none."""
    try:
        found = datetime.fromisoformat(text[:19])
    except ValueError:
        return None
    return to_utc(found, UTC_ZONE) if found.tzinfo is None else None


HALF_A_DAY = timedelta(hours=12)
