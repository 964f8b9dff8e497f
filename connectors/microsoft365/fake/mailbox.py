"""A mailbox of the fake: its calendars and events, what Graph does with them, and delta."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from zlib import crc32

from connectors.microsoft365.fake.checks import Refused, check_neighbours, checked
from connectors.microsoft365.fake.events import (
    Stored,
    occurrence_props,
    original_start,
    overlaps,
    shown,
    wall,
)
from connectors.microsoft365.fake.expansion import days_of

_NOT_FOUND = Refused(404, "ErrorItemNotFound")


@dataclass
class Calendar:
    """A calendar of a mailbox."""

    id: str
    name: str
    primary: bool = False
    can_edit: bool = True


@dataclass
class Mailbox:
    """One mailbox. ``mails`` counts what Exchange has sent for it."""

    address: str
    calendars: dict[str, Calendar] = field(default_factory=dict)
    events: dict[int, Stored] = field(default_factory=dict)
    mails: int = 0
    changes: int = 0
    remembers: dict[str, int] = field(default_factory=dict)
    told: Callable[[str, str], None] = lambda calendar, id: None
    random: Random = field(default_factory=lambda: Random(1))
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        if not self.calendars:
            self.add_calendar("Calendar", primary=True)

    def add_calendar(self, name: str, *, primary: bool = False, can_edit: bool = True) -> Calendar:
        """A further calendar."""
        made = Calendar(f"cal-{len(self.calendars)}-{self.address}=", name, primary, can_edit)
        self.calendars[made.id] = made
        return made

    @property
    def primary(self) -> Calendar:
        """The mailbox's own calendar."""
        return next(each for each in self.calendars.values() if each.primary)

    def living(self, calendar: str) -> list[Stored]:
        """The events of a calendar."""
        every = self.events.values()
        return [each for each in every if each.calendar == calendar and not each.deleted]

    def touch(self, event: Stored) -> None:
        """Count a change of an event, and tell of it."""
        self.changes += 1
        event.changed = self.changes
        event.version += 1
        event.settled = True
        self.told(event.calendar, str(event.number))

    def settle(self) -> None:
        """Some time after a create Exchange works on the event again: its version moves."""
        for event in self.events.values():
            if not event.settled and not event.deleted:
                self.touch(event)

    # Writes, as Graph takes them.

    def create(self, calendar: str, body: dict[str, Any], *, burns: bool = True) -> Stored:
        """POST of an event."""
        checked(body, None)
        transaction = str(body.get("transactionId") or "")
        known = self.remembers.get(transaction) if transaction else None
        if known is not None and (burns or not self.events[known].deleted):
            raise Refused(409 if self.random.random() < 0.5 else 400, "ErrorDuplicateTransactionId")
        props = {
            name: value
            for name, value in body.items()
            if name not in ("singleValueExtendedProperties", "transactionId")
        }
        number = next(self._numbers)
        event = Stored(
            number,
            calendar,
            props,
            _extended(body),
            f"040000008200E00074C5B7101A82E008{crc32(self.address.encode()):08X}{number:08X}",
            transaction,
            organizer=self.address,
        )
        _align(event)
        if props.get("isOnlineMeeting"):
            link = f"https://teams.microsoft.com/l/meetup-join/{number}"
            props["onlineMeeting"] = {"joinUrl": link}
        self.events[number] = event
        if transaction:
            self.remembers[transaction] = number
        self.touch(event)
        event.settled = False
        self.mails += event.attendees
        return event

    def patch(self, event: Stored, body: dict[str, Any], etag: str) -> None:
        """PATCH of an event or a series."""
        self._guard(event, etag)
        checked(body, event.props)
        before = event.attendees
        reshapes = {"recurrence", "start", "end", "isAllDay"} & set(body)
        for name, value in body.items():
            if name != "singleValueExtendedProperties":
                event.props[name] = value
        event.extended |= _extended(body)
        if reshapes:
            event.exceptions.clear()
            event.cancelled.clear()
            _align(event)
        self.touch(event)
        self.mails += max(before, event.attendees)

    def patch_occurrence(self, event: Stored, day: date, body: dict[str, Any], etag: str) -> None:
        """PATCH of one occurrence: it becomes an exception."""
        self._guard(event, etag)
        old = occurrence_props(event, day)
        checked(body, old, master=event)
        own = {name: body[name] for name in body if name != "singleValueExtendedProperties"}
        new = {**old, **own}
        if {"start", "end", "isAllDay"} & set(body):
            check_neighbours(event, day, new)
        event.exceptions[day] = {**event.exceptions.get(day, {}), **own}
        self.touch(event)
        self.mails += event.attendees

    def delete(self, event: Stored, day: date | None, etag: str) -> None:
        """DELETE of an event, a series, or one occurrence."""
        self._guard(event, etag)
        if day is not None:
            event.exceptions.pop(day, None)
            event.cancelled.add(day)
        else:
            event.deleted = True
        self.touch(event)
        self.mails += event.attendees

    def _guard(self, event: Stored, etag: str) -> None:
        if etag and etag != event.etag:
            raise Refused(412, "ErrorIrresolvableConflict")
        if not self.calendars[event.calendar].can_edit:
            raise Refused(403, "ErrorAccessDenied")

    # Reads.

    def find(self, id: str) -> tuple[Stored, date | None]:
        """The event, and the day if it is one of a series, by the bare id. Raises ``Refused``."""
        number, _, day = id.partition(".")
        event = self.events.get(int(number)) if number.isdigit() else None
        if event is None or event.deleted:
            raise _NOT_FOUND
        if not day:
            return event, None
        try:
            found = date.fromisoformat(day)
        except ValueError:
            raise _NOT_FOUND from None
        if not event.is_series or found not in event.days(found):
            raise _NOT_FOUND
        return event, found

    def view(
        self, calendar: str, start: datetime, end: datetime
    ) -> list[tuple[Stored, date | None]]:
        """What takes place from ``start`` to ``end`` (naive UTC): series expanded."""
        found: list[tuple[Stored, date | None]] = []
        for event in self.living(calendar):
            if event.is_series:
                found += [(event, day) for day in self.days_in(event, start, end)]
            elif overlaps(event.props, start, end):
                found.append((event, None))
        return found

    def days_in(self, event: Stored, start: datetime, end: datetime) -> list[date]:
        """The days of a series that take place in a span, exceptions by their own time."""
        until = end.date() + timedelta(days=40)
        return [
            day
            for day in days_of(event.props["recurrence"], until)
            if day not in event.cancelled
            and (day in event.exceptions or abs((day - start.date()).days) < 40_000)
            and overlaps(occurrence_props(event, day), start, end)
        ]

    def render(self, event: Stored, day: date | None, id: Callable[[str], str]) -> dict[str, Any]:
        """An event as Graph answers with it. ``id`` makes the kind of id that was asked for."""
        number = str(event.number)
        if day is None:
            found = shown(event.props, event)
            kind = "seriesMaster" if event.is_series else "singleInstance"
            return {"id": id(number), **found, "type": kind, **event.spoiled}
        found = shown(occurrence_props(event, day), event)
        kind = "exception" if day in event.exceptions else "occurrence"
        return {
            "id": id(f"{number}.{day.isoformat()}"),
            **found,
            "type": kind,
            "recurrence": None,
            "seriesMasterId": id(number),
            "originalStart": original_start(event, day) if kind == "exception" else None,
            "transactionId": None,
        }


def _extended(body: dict[str, Any]) -> dict[str, str]:
    return {each["id"]: each["value"] for each in body.get("singleValueExtendedProperties") or []}


def _align(event: Stored) -> None:
    """Exchange moves a series to the first day that its pattern has."""
    recurrence = event.props.get("recurrence")
    if not recurrence:
        event.props.pop("recurrence", None)
        return
    first = next(days_of(recurrence, date(2100, 1, 1)))
    moved = datetime.combine(first, wall(event.props["start"]).time()) - wall(event.props["start"])
    for name in ("start", "end"):
        moment = wall(event.props[name]) + moved
        event.props[name] = {**event.props[name], "dateTime": moment.isoformat()}
