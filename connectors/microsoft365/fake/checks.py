"""What Graph refuses of a body, with its codes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from connectors.microsoft365.fake.events import Stored, occurrence_props, span, wall
from connectors.microsoft365.fake.expansion import days_of, is_pattern
from connectors.microsoft365.timezones import iana_of

WRITABLE = frozenset(
    {"subject", "body", "start", "end", "isAllDay", "location", "locations", "attendees"}
    | {"recurrence", "showAs", "sensitivity", "categories", "isReminderOn", "importance"}
    | {"reminderMinutesBeforeStart", "singleValueExtendedProperties", "transactionId"}
    | {"isOnlineMeeting", "onlineMeetingProvider", "responseRequested", "hideAttendees"}
    | {"allowNewTimeProposals"}
)
_SHOW_AS = {"free", "tentative", "busy", "oof", "workingElsewhere", "unknown"}
_SENSITIVITY = {"normal", "personal", "private", "confidential"}
_ZERO = datetime.min.time()


class Refused(Exception):
    """A request that Graph refuses."""

    def __init__(self, status: int, code: str, **headers: str) -> None:
        super().__init__(code)
        self.status, self.code, self.headers = status, code, headers


def _invalid() -> Refused:
    return Refused(400, "ErrorPropertyValidationFailure")


def checked(body: object, old: dict[str, Any] | None, *, master: Stored | None = None) -> None:
    """Raise what Graph says to a body; ``old`` are the properties before, nothing for a create.
    ``master``: the body is for one occurrence of this series."""
    if not isinstance(body, dict) or not set(body) <= WRITABLE:
        raise Refused(400, "RequestBodyRead")
    if old is None and not {"start", "end"} <= set(body):
        raise _invalid()
    if old is not None and "transactionId" in body:
        raise Refused(400, "ErrorInvalidRequest")
    if master is not None and "recurrence" in body:
        raise Refused(400, "ErrorInvalidRequest")
    _check_values(body)
    new = {**(old or {}), **body}
    if {"start", "end", "isAllDay", "recurrence"} & set(body):
        _check_time(new)
        _check_recurrence(body, old, new, is_occurrence=master is not None)


def _check_values(body: dict[str, Any]) -> None:
    texts = [body.get("subject", ""), (body.get("location") or {}).get("displayName", "")]
    if not all(isinstance(each, str) for each in texts) or len(texts[0]) > 255:
        raise _invalid()
    if body.get("showAs", "busy") not in _SHOW_AS:
        raise Refused(400, "RequestBodyRead")
    if body.get("sensitivity", "normal") not in _SENSITIVITY:
        raise Refused(400, "RequestBodyRead")
    if len(body.get("attendees") or []) > 500:
        raise Refused(400, "ErrorInvalidRequest")
    if body.get("reminderMinutesBeforeStart", 0) < 0:
        raise _invalid()
    for each in body.get("singleValueExtendedProperties") or []:
        if set(each) != {"id", "value"} or not each["id"].startswith("String {"):
            raise Refused(400, "ErrorInvalidProperty")


def _check_time(new: dict[str, Any]) -> None:
    for name in ("start", "end"):
        moment = new[name]
        if not isinstance(moment, dict) or set(moment) != {"dateTime", "timeZone"}:
            raise Refused(400, "RequestBodyRead")
        if iana_of(moment["timeZone"]) is None:
            raise Refused(400, "TimeZoneNotSupportedException")
        try:
            wall(moment)
        except ValueError:
            raise Refused(400, "RequestBodyRead") from None
    first, last = wall(new["start"]), wall(new["end"])
    same = new["start"]["timeZone"] == new["end"]["timeZone"]
    if new.get("isAllDay") and not (first.time() == last.time() == _ZERO and same and first < last):
        raise _invalid()
    if span(new)[1] < span(new)[0]:
        raise _invalid()


def _check_recurrence(
    body: dict[str, Any], old: dict[str, Any] | None, new: dict[str, Any], *, is_occurrence: bool
) -> None:
    recurrence = new.get("recurrence")
    if recurrence is None or is_occurrence:
        return
    if not is_pattern(recurrence):
        raise _invalid()
    zone = new["start"]["timeZone"]
    moved = old is not None and old["start"]["timeZone"] != zone
    if recurrence["range"]["recurrenceTimeZone"] != zone or (moved and "recurrence" not in body):
        raise _invalid()
    days = days_of(recurrence, date(2100, 1, 1))
    first = next(days, None)
    if first is None:
        raise _invalid()
    second = next(days, None)
    length = wall(new["end"]) - wall(new["start"])
    if second is not None and length > second - first:
        raise Refused(400, "ErrorOccurrenceTimeSpanTooBig")


def check_neighbours(event: Stored, day: date, own: dict[str, Any]) -> None:
    """Raise if an occurrence would reach the day of another one."""
    recurrence = event.props["recurrence"]
    until = day + timedelta(days=3700)
    before = after = None
    for each in days_of(recurrence, until):
        if each < day:
            before = each
        elif each > day:
            after = each
            break
    start = wall(own["start"])
    if before is not None:
        other = occurrence_props(event, before)
        if start.date() <= wall(other["start"]).date() or span(own)[0] < span(other)[1]:
            raise Refused(400, "ErrorOccurrenceCrossingBoundary")
    if after is not None:
        other = occurrence_props(event, after)
        if start.date() >= wall(other["start"]).date() or span(own)[1] > span(other)[0]:
            raise Refused(400, "ErrorOccurrenceCrossingBoundary")
