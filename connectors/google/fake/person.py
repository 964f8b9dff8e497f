"""A person in front of Google's own client: edits a calendar without the connector."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from itertools import count
from typing import Any

from connectors.google.fake.calendars import Calendar, Calendars, shown
from connectors.google.fake.rules import Event
from connectors.google.translate_time import instance_id, read_when, write_when
from syncd.core.model import RecurrenceId, When

_numbers = count(1)
PLANT: dict[str, Any] = {
    "colorId": "7",
    "guestsCanModify": True,
    "attachments": [{"fileUrl": "https://drive.example.com/7", "title": "报价单, v2"}],
    "extendedProperties": {"private": {"other": "violet"}, "shared": {"theirs": "red"}},
}
"""What other programs and Google's own client leave on an event."""


class Person:
    """Edits as the calendar's own person. Keys are event ids."""

    def __init__(self, calendars: Calendars, calendar: Calendar) -> None:
        self._calendars, self.calendar = calendars, calendar

    @property
    def live(self) -> list[Event]:
        """What stands in the calendar: events and series, not their exceptions."""
        with self._calendars.lock:
            return [
                deepcopy(each)
                for each in self.calendar.events.values()
                if each["status"] != "cancelled" and "recurringEventId" not in each
            ]

    def event(self, id: str) -> Event:
        """One event as an answer would have it."""
        with self._calendars.lock:
            return shown(self._calendars.get(self.calendar, id), self.calendar)

    def insert(self, when: When, **values: Any) -> str:
        """A new event; its id."""
        start, end = (
            {key: value for key, value in each.items() if value is not None}
            for each in write_when(when)
        )
        body = {"start": start, "end": end, **values}
        options = {"conferenceDataVersion": 1}
        with self._calendars.lock:
            return str(self._calendars.insert(self.calendar, body, options)["id"])

    def put(self, title: str, when: When) -> str:
        """A new event with nothing but a title."""
        return self.insert(when, summary=title)

    def edit(self, id: str, **changes: Any) -> None:
        """Change an event, an exception, or an instance that becomes one."""
        with self._calendars.lock:
            self._calendars.patch(self.calendar, id, changes, {"conferenceDataVersion": 1})

    def retitle(self, id: str, title: str) -> None:
        """Change the title and nothing else."""
        self.edit(id, summary=title)

    def move(self, id: str, when: When) -> None:
        """Change the time."""
        start, end = write_when(when)
        self.edit(id, start=start, end=end)

    def delete(self, id: str) -> None:
        """Remove an event, a series, or one occurrence."""
        with self._calendars.lock:
            self._calendars.delete(self.calendar, id, {})

    def occurrence(self, id: str, rid: RecurrenceId) -> str:
        """The id of one occurrence of a series."""
        return instance_id(id, rid, read_when(self.event(id), "UTC"))

    def duplicate(self, id: str) -> str:
        """A copy with all that is on it, our properties too, as Google's client makes it."""
        with self._calendars.lock:
            event = deepcopy(self.calendar.events[id])
        kept = {k: v for k, v in event.items() if k not in ("id", "iCalUID", "etag", "_moves")}
        return self.insert(read_when(event, "UTC"), **{**kept, "start": event["start"]})

    def split(self, id: str, rid: RecurrenceId, until: str, **changes: Any) -> str:
        """ "This and following": the old series ends, a new one ``BASE_R<start>`` goes on with
        all that was on it (seen by others). ``until``: the UNTIL of the old one."""
        with self._calendars.lock:
            old = deepcopy(self.calendar.events[id])
            first = shown(
                self._calendars.get(self.calendar, self.occurrence(id, rid)), self.calendar
            )
            rule = old["recurrence"][0].partition(";UNTIL=")[0]
            self.edit(id, recurrence=[f"{rule};UNTIL={until}"])
            made = f"{id}_R{rid}"
            kept = ("summary", "description", "location", "extendedProperties", "reminders")
            event = {k: deepcopy(old[k]) for k in kept if k in old}
            event |= {"start": first["start"], "end": first["end"], "recurrence": old["recurrence"]}
            event |= {"status": "confirmed", "eventType": "default", "sequence": 0}
            event |= {"organizer": old["organizer"], "creator": old["creator"], **changes}
            event |= {"id": made, "iCalUID": f"{made}@google.com", "created": old["created"]}
            self._calendars.store(self.calendar, event)
            return made

    def plant(self, id: str) -> None:
        """Leave on an event what syncd knows nothing of."""
        self.edit(id, **PLANT)

    def planted(self, id: str) -> bool:
        """Whether that is still there, unharmed."""
        event = self.event(id)
        return _contains(event, PLANT)

    def spoil(self, id: str) -> None:
        """Make an event unreadable: a rule that nobody knows."""
        with self._calendars.lock:
            event = deepcopy(self.calendar.events[id])
            event["recurrence"] = ["EXRULE:FREQ=DAILY"]
            self._calendars.store(self.calendar, event)


def _contains(value: Any, part: Any) -> bool:
    if isinstance(part, Mapping):
        return isinstance(value, Mapping) and all(
            _contains(value.get(key), each) for key, each in part.items()
        )
    return bool(value == part)
