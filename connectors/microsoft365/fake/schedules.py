"""getSchedule of the fake: strict by Graph's pages, whole as Exchange tells it.

An all-day appointment is told as the instants that it has where it was made: unlike an event, an
item of a schedule does not say that it lasts whole days.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.microsoft365.fake.checks import Refused
from connectors.microsoft365.fake.events import occurrence_props, utc
from connectors.microsoft365.fake.mailbox import Mailbox
from connectors.microsoft365.timezones import iana_of

MOST = 20
DAYS = 42
_KEYS = frozenset({"schedules", "startTime", "endTime", "availabilityViewInterval"})
_ZONE = re.compile(r'outlook\.timezone="([^"]*)"')
_DAY = timedelta(days=1)


class Schedules:
    """Look-ups in the mailboxes of a tenant. ``faults``: codes that are answered, by address."""

    def __init__(self, mailboxes: Mapping[str, Mailbox], faults: Mapping[str, str]) -> None:
        self._mailboxes, self._faults = mailboxes, faults

    def answer(self, body: object, headers: Mapping[str, str]) -> dict[str, Any]:
        """What is answered to a body."""
        if not isinstance(body, dict) or not set(body) <= _KEYS:
            raise Refused(400, "RequestBodyRead")
        addresses = body.get("schedules")
        if not isinstance(addresses, list) or not addresses:
            raise Refused(400, "ErrorInvalidParameter")
        if len(addresses) > MOST or not all(isinstance(each, str) for each in addresses):
            raise Refused(400, "ErrorInvalidParameter")
        start, end = _moment(body.get("startTime")), _moment(body.get("endTime"))
        if start >= end or not 5 <= body.get("availabilityViewInterval", 30) <= 1440:
            raise Refused(400, "ErrorInvalidParameter")
        if end - start >= timedelta(days=DAYS):
            raise Refused(400, "ErrorTimeIntervalTooBig")
        zone = _ZONE.search(headers.get("prefer", ""))
        name = zone[1] if zone else "UTC"
        return {"value": [self._one(each, start, end, name) for each in addresses]}

    def _one(self, address: str, start: datetime, end: datetime, zone: str) -> dict[str, Any]:
        mailbox = self._mailboxes.get(address.lower())
        code = self._faults.get(address.lower(), "")
        if mailbox is None:
            code = "ErrorMailRecipientNotFound"
        if mailbox is None or code:
            error = {"message": f"Unable to resolve {address}.", "responseCode": code}
            return {"scheduleId": address, "availabilityView": "", "error": error}
        items = [
            {
                "isPrivate": False,
                "status": props.get("showAs", "busy"),
                "subject": props.get("subject", ""),
                "location": (props.get("location") or {}).get("displayName", ""),
                "start": _shown(first, zone),
                "end": _shown(last, zone),
            }
            for props in _events(mailbox, start, end)
            if (first := utc(props["start"])) < end and (last := utc(props["end"])) > start
        ]
        return {
            "scheduleId": address,
            "availabilityView": "0",
            "scheduleItems": sorted(items, key=lambda each: str(each["start"])),
            "workingHours": {"daysOfWeek": ["monday"], "timeZone": {"name": "UTC"}},
        }


def _events(mailbox: Mailbox, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
    """What takes place about then in the primary calendar; the day before and after included."""
    for event, day in mailbox.view(mailbox.primary.id, start - _DAY, end + _DAY):
        props = event.props if day is None else occurrence_props(event, day)
        if not props.get("isCancelled"):
            yield props


def _moment(value: object) -> datetime:
    """Naive UTC."""
    if not isinstance(value, dict) or set(value) != {"dateTime", "timeZone"}:
        raise Refused(400, "RequestBodyRead")
    if iana_of(value["timeZone"]) is None:
        raise Refused(400, "TimeZoneNotSupportedException")
    try:
        wall = datetime.fromisoformat(value["dateTime"])
    except ValueError:
        raise Refused(400, "RequestBodyRead") from None
    zone = ZoneInfo(iana_of(value["timeZone"]) or "UTC")
    return wall.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)


def _shown(at: datetime, zone: str) -> dict[str, str]:
    local = at.replace(tzinfo=UTC).astimezone(ZoneInfo(iana_of(zone) or "UTC"))
    return {"dateTime": f"{local.replace(tzinfo=None).isoformat()}.0000000", "timeZone": zone}
