"""Somebody in front of Outlook: changes a mailbox of the fake without the connector."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from connectors.microsoft365.fake.events import Stored
from connectors.microsoft365.fake.mailbox import Calendar, Mailbox

PLANT = "String {00020329-0000-0000-C000-000000000046} Name plant"


class Person:
    """Works on one calendar of a mailbox."""

    def __init__(self, mailbox: Mailbox, calendar: Calendar | None = None) -> None:
        self.mailbox, self.calendar = mailbox, calendar or mailbox.primary

    def put(self, subject: str, start: datetime, end: datetime, zone: str, **more: Any) -> Stored:
        """A new event."""
        body = {
            "subject": subject,
            "start": {"dateTime": start.isoformat(), "timeZone": zone},
            "end": {"dateTime": end.isoformat(), "timeZone": zone},
            **more,
        }
        return self.mailbox.create(self.calendar.id, body)

    def edit(self, event: Stored, **body: Any) -> None:
        """Change properties of an event."""
        self.mailbox.patch(event, body, "")

    def edit_occurrence(self, event: Stored, day: date, **body: Any) -> None:
        """Change one occurrence of a series."""
        self.mailbox.patch_occurrence(event, day, body, "")

    def delete(self, event: Stored, day: date | None = None) -> None:
        """Remove an event, or one occurrence."""
        self.mailbox.delete(event, day, "")

    def duplicate(self, event: Stored) -> Stored:
        """Copy an event as Outlook does: all that it does not know goes with it."""
        extended = [{"id": id, "value": value} for id, value in event.extended.items()]
        body = {**event.props, "singleValueExtendedProperties": extended}
        return self.mailbox.create(self.calendar.id, body)

    def plant(self, event: Stored, value: str) -> None:
        """Add a property of another program."""
        event.extended[PLANT] = value
        event.props["importance"] = "high"
        self.mailbox.touch(event)

    def spoil(self, event: Stored) -> None:
        """Make an event unreadable."""
        event.spoiled = {"start": {"dateTime": "demnächst", "timeZone": "UTC"}}
        self.mailbox.touch(event)

    @property
    def events(self) -> list[Stored]:
        """The events of the calendar."""
        return self.mailbox.living(self.calendar.id)
