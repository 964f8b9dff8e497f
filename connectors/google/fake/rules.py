"""Rules that stand in Google's pages, not in the discovery document: limits, and what is lost.

Sources: the reference of the events resource and of events.list, the guides "Extended
properties", "Synchronize resources efficiently" and "Handle API errors" (developers.google.com).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, date, datetime
from typing import Any

from connectors.google.fake.discovery import ApiError
from syncd.core.rrule import BadRecurrence, parse
from syncd.core.zones import zone_info

Event = dict[str, Any]

FORBIDDEN_WITH_TOKEN = (
    *("iCalUID", "orderBy", "privateExtendedProperty", "sharedExtendedProperty", "q"),
    *("timeMin", "timeMax", "updatedMin"),
)
READ_ONLY = frozenset(
    {"kind", "etag", "htmlLink", "created", "updated", "creator", "organizer", "hangoutLink"}
    | {"locked", "privateCopy", "sequence", "recurringEventId", "originalStartTime"}
)
MOST_DESCRIPTION = 8192
_ID = re.compile(r"[a-v0-9]{5,1024}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LINE = re.compile(r"(RRULE|EXRULE|RDATE|EXDATE)(;[A-Z-]+=[^:;]+)*:.+")
_OWN_GUESTS = frozenset({"attendees", "reminders", "colorId", "extendedProperties", "id"})
_SPECIAL = frozenset({"summary", "start", "end", "recurrence", "status", "reminders"})


def check_list(parameters: Mapping[str, Any]) -> None:
    """What goes together in events.list."""
    if "syncToken" in parameters:
        bad = [name for name in FORBIDDEN_WITH_TOKEN if name in parameters]
        if bad or parameters.get("showDeleted") is False:
            raise ApiError(
                400, "syncTokenWithRequestRestrictions", location=(bad or ["showDeleted"])[0]
            )
    if parameters.get("orderBy") == "startTime" and not parameters.get("singleEvents"):
        raise ApiError(400, "badRequest", "orderBy=startTime needs singleEvents", "orderBy")
    for name in ("timeMin", "timeMax", "updatedMin"):
        if name in parameters:
            try:
                aware = datetime.fromisoformat(parameters[name]).tzinfo is not None
            except ValueError:
                aware = False
            if not aware:
                raise ApiError(400, "badRequest", f"{name} needs an offset", name)


def check_id(value: str) -> None:
    """An id that a client chose."""
    if not _ID.fullmatch(value):
        raise ApiError(400, "invalid", "Invalid resource id value.", "resource.id")


def merged(before: Mapping[str, Any], patch: Mapping[str, Any]) -> Event:
    """The semantics of a patch: objects merge, ``null`` removes, arrays are replaced."""
    result = deepcopy(dict(before))
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            inner = result.get(key)
            result[key] = merged(inner if isinstance(inner, dict) else {}, value)
        else:
            result[key] = deepcopy(value)
    return result


def lossy(event: Event) -> Event:
    """What Google keeps of what it was sent; it says nothing of what it drops and cuts."""
    properties = event.get("extendedProperties")
    if properties is not None:
        kept = {
            kind: {k: v[:1024] for k, v in (properties.get(kind) or {}).items() if len(k) <= 44}
            for kind in ("private", "shared")
        }
        event["extendedProperties"] = {kind: each for kind, each in kept.items() if each}
        if not event["extendedProperties"]:
            del event["extendedProperties"]
    for key in ("summary", "description", "location"):
        if event.get(key) == "":
            del event[key]
    if "description" in event:
        event["description"] = event["description"][:MOST_DESCRIPTION]
    if event.get("transparency") == "opaque":
        del event["transparency"]
    if event.get("visibility") == "default":
        del event["visibility"]
    if event.get("recurrence") == []:
        del event["recurrence"]
    overrides = event.get("reminders", {}).get("overrides")
    if overrides is not None:  # in an order of its own
        event["reminders"]["overrides"] = sorted(
            overrides, key=lambda each: (-each["minutes"], each["method"])
        )
        if not overrides:
            del event["reminders"]["overrides"]
    return event


def check_event(event: Mapping[str, Any]) -> None:
    """Whether an event, as it would be, can be."""
    for name in ("start", "end"):
        _check_moment(name, event.get(name), recurring=bool(event.get("recurrence")))
    if _start(event, "end") < _start(event, "start"):
        raise ApiError(400, "timeRangeEmpty", "The specified time range is empty.")
    if ("date" in event["start"]) != ("date" in event["end"]):
        raise ApiError(400, "invalid", "Start and end times must either both be date or dateTime.")
    _check_recurrence(event)
    _check_reminders(event.get("reminders") or {})
    for each in event.get("attendees") or ():
        if not _EMAIL.fullmatch(each.get("email", "")):
            raise ApiError(400, "invalid", "Invalid attendee email.")
    if len(event.get("attachments") or ()) > 25:
        raise ApiError(400, "invalid", "too many attachments")
    if event.get("status", "confirmed") not in ("confirmed", "tentative", "cancelled"):
        raise ApiError(400, "invalid", "Invalid value for: status")
    if event.get("transparency", "opaque") not in ("opaque", "transparent"):
        raise ApiError(400, "invalid", "Invalid value for: transparency")
    if event.get("visibility", "default") not in ("default", "public", "private", "confidential"):
        raise ApiError(400, "invalid", "Invalid value for: visibility")
    both = event.get("extendedProperties", {})
    pairs = [pair for kind in ("private", "shared") for pair in both.get(kind, {}).items()]
    if len(pairs) > 300 or sum(len(k) + len(v.encode()) for k, v in pairs) > 32_768:
        raise ApiError(400, "invalid", "too many extended properties")


def _check_moment(name: str, moment: Any, *, recurring: bool) -> None:
    if not isinstance(moment, dict) or not (moment.get("date") or moment.get("dateTime")):
        raise ApiError(400, "required", f"Missing {name} time.")
    if moment.get("date") and moment.get("dateTime"):
        raise ApiError(400, "invalid", f"Invalid {name} time.")
    zone = moment.get("timeZone")
    if zone and zone_info(zone) is None:
        raise ApiError(400, "invalid", "Invalid time zone definition")
    if moment.get("dateTime"):
        at = datetime.fromisoformat(moment["dateTime"])
        if at.tzinfo is None and not zone:
            raise ApiError(400, "required", f"Missing time zone definition for {name} time.")
        if recurring and not zone:
            raise ApiError(400, "required", f"Missing time zone definition for {name} time.")


def _start(event: Mapping[str, Any], name: str) -> datetime:
    return instant(event[name])


def instant(moment: Mapping[str, Any]) -> datetime:
    """The instant of a ``start`` or ``end``; a day begins at midnight, UTC."""
    if moment.get("date"):
        day = date.fromisoformat(moment["date"])
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    at = datetime.fromisoformat(moment["dateTime"])
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone_info(moment["timeZone"]))
    return at.astimezone(UTC)


def _check_recurrence(event: Mapping[str, Any]) -> None:
    timed = bool(event["start"].get("dateTime"))
    for line in event.get("recurrence") or ():
        if not _LINE.fullmatch(line):
            raise ApiError(400, "invalid", "Invalid recurrence rule.")
        name, _, value = line.partition(":")
        if name.startswith("RRULE"):
            try:
                parse(value)
            except BadRecurrence:
                raise ApiError(400, "invalid", "Invalid recurrence rule.") from None
            until = re.search(r"UNTIL=(\w+)", value)
            if until and timed != until[1].endswith("Z"):
                raise ApiError(400, "invalid", "Invalid recurrence rule.")


def _check_reminders(reminders: Mapping[str, Any]) -> None:
    overrides = reminders.get("overrides") or ()
    if reminders.get("useDefault") and overrides:
        raise ApiError(400, "cannotUseDefaultRemindersAndSpecifyOverride")
    if len(overrides) > 5:
        raise ApiError(400, "invalid", "too many reminders")
    for each in overrides:
        if (
            each.get("method") not in ("popup", "email")
            or not 0 <= each.get("minutes", -1) <= 40320
        ):
            raise ApiError(400, "invalid", "Invalid value for: reminder")


def check_guest(patch: Mapping[str, Any]) -> None:
    """A guest changes only what is the guest's own."""
    if set(patch) - _OWN_GUESTS:
        raise ApiError(403, "forbiddenForNonOrganizer")


def check_special(event: Mapping[str, Any], patch: Mapping[str, Any]) -> None:
    """Few fields of an out-of-office or focus time can be set."""
    if event.get("eventType", "default") != "default" and set(patch) - _SPECIAL:
        raise ApiError(400, "eventTypeRestriction")
    kind = event.get("eventType", "default")
    if patch.get("eventType", kind) != kind:
        raise ApiError(400, "eventTypeRestriction")
