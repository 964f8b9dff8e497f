"""freebusy.query of the fake: when calendars are taken, and what is wrong with single ones.

What the discovery document does not say: the longest time range (90 days; refused with "The
requested time range is too long", as clients report), and that events which meet or overlap are
one span. A calendar that the user may not see is an error of its own in a good answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.google.fake.calendars import Calendar, Calendars
from connectors.google.fake.discovery import ApiError
from connectors.google.fake.listing import Lists
from connectors.google.fake.rules import Event, instant
from syncd.core.zones import zone_info

MOST = 50
LONGEST = timedelta(days=90)

Span = tuple[datetime, datetime]


class FreeBusy:
    """Look-ups. ``faults``: the reason that is answered for a calendar instead of its times."""

    def __init__(self, calendars: Calendars, lists: Lists, faults: Mapping[str, str]) -> None:
        self._calendars, self._lists, self._faults = calendars, lists, faults

    def answer(self, body: Mapping[str, Any], user: str) -> dict[str, Any]:
        """freebusy.query."""
        start, end = _moment(body, "timeMin"), _moment(body, "timeMax")
        if start >= end:
            raise ApiError(400, "timeRangeEmpty", "The specified time range is empty.")
        if end - start > LONGEST:
            raise ApiError(400, "timeRangeTooLong", "The requested time range is too long.")
        zone = zone_info(body.get("timeZone") or "UTC")
        if zone is None:
            raise ApiError(400, "invalid", "Invalid time zone definition")
        ids = [each.get("id") for each in body.get("items") or ()]
        if not all(isinstance(each, str) for each in ids):
            raise ApiError(400, "required", "Missing calendar id.")
        most = min(body.get("calendarExpansionMax") or MOST, MOST)
        found: dict[str, Any] = {}
        for id in ids:
            calendar = self._calendars.all.get(user if id == "primary" else id)
            fault = "tooManyCalendarsRequested" if len(ids) > most else ""
            if calendar is None or calendar.role(user) == "none":
                fault = fault or "notFound"
            else:
                fault = fault or self._faults.get(calendar.id, "")
            if fault or calendar is None:
                error = {"domain": "global", "reason": fault}
                found[id] = {"errors": [error], "busy": []}
                continue
            spans = _joined(sorted(self._spans(calendar, start, end)))
            shown = [[at.astimezone(zone).isoformat() for at in span] for span in spans]
            found[id] = {
                "busy": [
                    {"start": _as_google(first), "end": _as_google(last)} for first, last in shown
                ]
            }
        times = {"timeMin": body["timeMin"], "timeMax": body["timeMax"]}
        return {"kind": "calendar#freeBusy", **times, "calendars": found}

    def _spans(self, calendar: Calendar, start: datetime, end: datetime) -> Iterator[Span]:
        for event in calendar.events.values():
            if event["status"] == "cancelled":
                continue
            day = timedelta(days=1)  # an all-day one may begin on the day before, elsewhere
            singles = (
                self._lists.instances(calendar, event, start - day, end + day)
                if event.get("recurrence")
                else [event]
            )
            for each in singles:
                first, last = (_instant(each[name], calendar) for name in ("start", "end"))
                if _blocks(each, calendar) and first < end and last > start and first < last:
                    yield first, last


def _moment(body: Mapping[str, Any], name: str) -> datetime:
    if not body.get(name):
        raise ApiError(400, "required", f"Missing {name}.")
    found = datetime.fromisoformat(body[name])
    if found.tzinfo is None:
        raise ApiError(400, "badRequest", f"{name} needs an offset")
    return found


def _instant(moment: Mapping[str, Any], calendar: Calendar) -> datetime:
    """A day begins at midnight in the calendar's zone."""
    if not moment.get("date"):
        return instant(moment)
    day = date.fromisoformat(moment["date"])
    zone = zone_info(calendar.time_zone)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _blocks(event: Event, calendar: Calendar) -> bool:
    """Whether it takes time: not one that is shown as free, nor one that its owner declined."""
    declined = any(
        each["email"] == calendar.id and each.get("responseStatus") == "declined"
        for each in event.get("attendees", ())
    )
    return event.get("transparency") != "transparent" and not declined


def _joined(spans: list[Span]) -> list[Span]:
    found: list[Span] = []
    for first, last in spans:
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def _as_google(text: str) -> str:
    return text.replace("+00:00", "Z")
