"""Events as the fake keeps and shows them: stored, expanded, rendered, and changed by Exchange."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.microsoft365.fake.expansion import days_of
from connectors.microsoft365.timezones import iana_of

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_HEAD = (
    '<html><head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8">'
    "\r\n</head>\r\n<body>\r\n"
)
_TAIL = "\r\n</body>\r\n</html>\r\n"


@dataclass
class Stored:
    """One event, or a series with its exceptions by day.

    ``props`` are as they were set; ``exceptions`` have only their own. ``changed`` counts the
    changes of the whole mailbox. ``spoiled``: what a broken client wrote over it.
    """

    number: int
    calendar: str
    props: dict[str, Any]
    extended: dict[str, str]
    uid: str
    transaction: str = ""
    version: int = 1
    changed: int = 0
    deleted: bool = False
    settled: bool = False
    organizer: str = ""
    exceptions: dict[date, dict[str, Any]] = field(default_factory=dict)
    cancelled: set[date] = field(default_factory=set)
    spoiled: dict[str, Any] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        """The ETag of the whole item: an exception is part of its series."""
        return f'W/"{self.number:04d}v{self.version}=="'

    @property
    def is_series(self) -> bool:
        """Whether it repeats."""
        return bool(self.props.get("recurrence"))

    @property
    def attendees(self) -> int:
        """How many Exchange mails about a change: those whom this mailbox has invited. What a guest
        does with an invitation is told to nobody ("deleting the event on the organizer's calendar
        sends a cancellation": Graph's page on event delete); only an answer is."""
        if self.props.get("isOrganizer") is False:
            return 0
        return len(self.props.get("attendees") or [])

    def days(self, until: date) -> list[date]:
        """The days of its occurrences that take place, exceptions included."""
        return [
            day for day in days_of(self.props["recurrence"], until) if day not in self.cancelled
        ]


def wall(moment: dict[str, str]) -> datetime:
    """The wall time of a ``dateTimeTimeZone``: to the minute, as Outlook has it."""
    return datetime.fromisoformat(moment["dateTime"][:19]).replace(second=0)


def utc(moment: dict[str, str]) -> datetime:
    """The instant, naive UTC."""
    zone = ZoneInfo(iana_of(moment["timeZone"]) or "UTC")
    return wall(moment).replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)


def occurrence_props(event: Stored, day: date) -> dict[str, Any]:
    """All that an occurrence has: what its series has, its own time, its own changes."""
    props = {name: value for name, value in event.props.items() if name != "recurrence"}
    start = datetime.combine(day, wall(props["start"]).time())
    length = wall(props["end"]) - wall(props["start"])
    props["start"] = {**props["start"], "dateTime": start.isoformat()}
    props["end"] = {**props["end"], "dateTime": (start + length).isoformat()}
    return {**props, **event.exceptions.get(day, {})}


def span(props: dict[str, Any]) -> tuple[datetime, datetime]:
    """Start and end, naive UTC; whole days from midnight to midnight, wherever."""
    if props.get("isAllDay"):
        return wall(props["start"]), wall(props["end"])
    return utc(props["start"]), utc(props["end"])


def overlaps(props: dict[str, Any], start: datetime, end: datetime) -> bool:
    """Whether it is in a view from ``start`` to ``end``."""
    first, last = span(props)
    return first < end and (last > start or (last == first >= start))


def original_start(event: Stored, day: date) -> str:
    """When an occurrence was meant to start, in UTC."""
    props = {**event.props, "recurrence": None}
    start = datetime.combine(day, wall(props["start"]).time())
    if props.get("isAllDay"):
        start = datetime.combine(day, time())
        return f"{start.isoformat()}Z"
    return f"{utc({**props['start'], 'dateTime': start.isoformat()}).isoformat()}Z"


def shown(props: dict[str, Any], event: Stored) -> dict[str, Any]:
    """The properties as Graph shows them: times in UTC, defaults, categories in its own order."""
    first, last = span(props)
    zone = props["start"]["timeZone"]
    attendees = [_attendee(each) for each in props.get("attendees") or []]
    return {
        "@odata.etag": event.etag,
        "changeKey": event.etag[3:-1],
        "iCalUId": event.uid,
        "transactionId": event.transaction or None,
        "subject": props.get("subject", ""),
        "bodyPreview": "",
        "body": {"contentType": "html", "content": rewritten(props.get("body"))},
        "start": {"dateTime": f"{first.isoformat()}.0000000", "timeZone": "UTC"},
        "end": {"dateTime": f"{last.isoformat()}.0000000", "timeZone": "UTC"},
        "originalStartTimeZone": zone,
        "originalEndTimeZone": props["end"]["timeZone"],
        "originalStart": None,
        "isAllDay": bool(props.get("isAllDay")),
        "location": {"displayName": "", "locationType": "default", **(props.get("location") or {})},
        "showAs": props.get("showAs", "busy"),
        "sensitivity": props.get("sensitivity", "normal"),
        "categories": list(reversed(props.get("categories") or [])),
        "isReminderOn": props.get("isReminderOn", True),
        "reminderMinutesBeforeStart": props.get("reminderMinutesBeforeStart", 15),
        "recurrence": props.get("recurrence"),
        "attendees": attendees,
        "organizer": {"emailAddress": {"name": event.organizer, "address": event.organizer}},
        "isOrganizer": bool(props.get("isOrganizer", True)),
        "isCancelled": bool(props.get("isCancelled", False)),
        "isOnlineMeeting": bool(props.get("isOnlineMeeting", False)),
        "onlineMeeting": props.get("onlineMeeting"),
        "lastModifiedDateTime": (EPOCH + timedelta(seconds=event.changed)).strftime(
            "%Y-%m-%dT%H:%M:%S.0000000Z"
        ),
        "importance": props.get("importance", "normal"),
        "seriesMasterId": None,
    }


def _attendee(each: dict[str, Any]) -> dict[str, Any]:
    return {"type": "required", "status": {"response": "none"}, **each}


def rewritten(body: dict[str, Any] | None) -> str:
    """A body as Exchange keeps it: whole HTML, line ends after breaks, hard blanks as such."""
    content = (body or {}).get("content", "")
    if (body or {}).get("contentType", "text").lower() == "text":
        content = content.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>")
    if content.startswith(_HEAD):
        return str(content)
    content = re.sub(r"<br ?/?>", "<br>\r\n", content).replace("&nbsp;", "\N{NO-BREAK SPACE}")
    return f"{_HEAD}{content}{_TAIL}"
