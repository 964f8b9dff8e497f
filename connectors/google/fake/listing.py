"""events.list and events.instances of the fake: pages, sync tokens, filters, expansion."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.google.fake import rules
from connectors.google.fake.calendars import Calendar, Calendars, expanded, shown, shuffled
from connectors.google.fake.discovery import ApiError
from connectors.google.fake.rules import Event, instant
from connectors.google.translate_time import instance_id, read_recurrence, read_when
from syncd.core.model import Appointment
from syncd.core.recurrence import occurrence_ids

_BOUND = ("singleEvents", "eventTypes", "maxAttendees", "showHiddenInvitations")
"""Parameters that must stay what they were in the first list of a sync token."""


class Lists:
    """Lists of events. ``repeats``: an item that is answered twice, as others have seen."""

    def __init__(self, calendars: Calendars) -> None:
        self._calendars = calendars
        self._pages: dict[str, tuple[str, list[Event], str, int]] = {}
        self.repeats = False
        self.blind = False

    def answer(self, calendar: Calendar, user: str, parameters: Mapping[str, Any]) -> Event:
        """events.list."""
        rules.check_list(parameters)
        self._calendars.settle_etags(calendar)
        size = min(parameters.get("maxResults", 250), 2500)
        if "pageToken" in parameters:
            known = self._pages.get(parameters["pageToken"])
            if known is None or known[0] != calendar.id:
                raise ApiError(400, "invalid", "Invalid page token value.", "pageToken")
            _, items, token, start = known
        else:
            items, token, start = *self._found(calendar, parameters), 0
        page = {
            "kind": "calendar#events",
            "etag": f'"p{token}"',
            "summary": calendar.id,
            "timeZone": calendar.time_zone,
            "accessRole": calendar.role(user),
            "defaultReminders": [{"method": "popup", "minutes": 10}],
            "items": [] if self.blind else items[start : start + size],
        }
        if self.blind:
            page["accessRole"] = "freeBusyReader"
        if start + size < len(items):
            name = secrets.token_urlsafe(9)
            self._pages[name] = (calendar.id, items, token, start + size)
            return page | {"nextPageToken": name}
        return page | {"nextSyncToken": token}

    def _found(self, calendar: Calendar, parameters: Mapping[str, Any]) -> tuple[list[Event], str]:
        bound = json.dumps([parameters.get(name) for name in _BOUND])
        latest = max([0, *calendar.changed.values()])
        token = f"{calendar.birth}.{latest}.{bound.encode().hex()}"
        since = self._since(calendar, parameters, bound)
        items = []
        for event in list(calendar.events.values()):
            if since is not None and calendar.changed[event["id"]] <= since:
                continue
            if self._is_listed(calendar, event, parameters, everything=since is not None):
                items.append(event)
        if parameters.get("singleEvents"):
            items = self._singles(calendar, items, parameters)
        details = bool(parameters.get("showDeleted"))
        answer = [shown(each, calendar, details=details) for each in shuffled(items, token)]
        if self.repeats and answer:
            answer.append(answer[0])
        return answer, token

    def _since(self, calendar: Calendar, parameters: Mapping[str, Any], bound: str) -> int | None:
        if "syncToken" not in parameters:
            return None
        try:
            birth, latest, params = parameters["syncToken"].split(".")
            same = bytes.fromhex(params).decode() == bound
            made, number = int(birth), int(latest)
        except ValueError:
            raise ApiError(400, "invalid", "Invalid sync token value.", "syncToken") from None
        if made != calendar.birth or number < calendar.oldest_token:
            raise ApiError(410, "fullSyncRequired", "Sync token is no longer valid.")
        if not same:
            raise ApiError(400, "syncTokenWithNonDefaultOrdering", "other parameters than before")
        return number

    def _is_listed(
        self, calendar: Calendar, event: Event, parameters: Mapping[str, Any], *, everything: bool
    ) -> bool:
        types = parameters.get("eventTypes")
        if types and event.get("eventType", "default") not in types:
            return False
        if parameters.get("iCalUID", event["iCalUID"]) != event["iCalUID"]:
            return False
        private = event.get("extendedProperties", {}).get("private", {})
        for pair in parameters.get("privateExtendedProperty", ()):
            key, _, value = pair.partition("=")
            if private.get(key) != value:
                return False
        if not self._is_in_time(event, parameters):
            return False
        if event["status"] != "cancelled" or everything or parameters.get("showDeleted"):
            return True
        parent = calendar.events.get(event.get("recurringEventId", ""))
        return parent is not None and parent["status"] != "cancelled"

    def _is_in_time(self, event: Event, parameters: Mapping[str, Any]) -> bool:
        early, late = parameters.get("timeMin"), parameters.get("timeMax")
        if event.get("recurrence"):
            return True
        if early and instant(event["end"]) <= datetime.fromisoformat(early):
            return False
        return not (late and instant(event["start"]) >= datetime.fromisoformat(late))

    def _singles(
        self, calendar: Calendar, items: list[Event], parameters: Mapping[str, Any]
    ) -> list[Event]:
        early = datetime.fromisoformat(parameters.get("timeMin") or "2000-01-01T00:00:00+00:00")
        late = parameters.get("timeMax")
        end = datetime.fromisoformat(late) if late else datetime.now(UTC) + timedelta(days=730)
        result = [each for each in items if not each.get("recurrence")]
        for master in items:
            if master.get("recurrence") and master["status"] != "cancelled":
                result += self.instances(calendar, master, early, end)
        return result

    def instances(
        self, calendar: Calendar, master: Event, start: datetime, end: datetime
    ) -> list[Event]:
        """The instances of a series that are no exceptions."""
        when = read_when(master, calendar.time_zone)
        recurrence, excepted = read_recurrence(master, when)
        series = Appointment(when, recurrence=recurrence)
        found = []
        for rid in occurrence_ids(series, start, end, calendar.time_zone):
            id = instance_id(master["id"], rid, when)
            if rid not in excepted and id not in calendar.events:
                found.append(expanded(master, id, rid))
        return found
