"""A meeting of colleagues as the vendors hold it: the organizer's own, and the guests'
invitations under the same UID. What a vendor mails because of people is none of ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from icalendar import Calendar, Event, vCalAddress

from connectors.google.fake import FakeGoogle
from connectors.google.fake.calendars import Calendar as GoogleCalendar
from connectors.google.translate_time import write_when
from connectors.microsoft365.fake.mailbox import Mailbox
from connectors.microsoft365.fields import time_of
from syncd.core.model import Timed
from syncd.core.zones import to_utc
from tests.vendors.bridge import ALICE, BOB, CHEN, CUSTOMER, Bridge
from tests.wire.world import change_event
from tests.world.hosted_google import GoogleSystem
from tests.world.hosted_graph import GraphSystem

ZONE = "Asia/Shanghai"
TITLE = "客户拜访：Müller & Söhne"
SEATS = {"google": ALICE, "m365": BOB, "dav": CHEN}
"""Whose calendar each channel is."""


def in_days(days: int) -> Timed:
    """An hour in the morning of a day to come."""
    now = datetime.now().replace(hour=10, minute=0, second=0, microsecond=0)
    start = now + timedelta(days=days)
    return Timed(start, start + timedelta(hours=1), ZONE)


class Meeting:
    """One meeting. ``organizer`` and ``guests`` are names of channels; the customer comes, too."""

    def __init__(self, bridge: Bridge, when: Timed, organizer: str, *guests: str) -> None:
        self.bridge, self.when, self.organizer = bridge, when, organizer
        self.people = [SEATS[name] for name in guests] + [CUSTOMER.email]
        self.uid = ""

    def appear(self, channel: str) -> None:
        """It stands in a calendar: the organizer's own, or the vendor's invitation."""
        {"google": self._in_google, "m365": self._in_outlook, "dav": self._in_radicale}[channel]()

    def move(self, when: Timed) -> None:
        """The organizer moves it, and the vendors tell the guests' calendars."""
        self.when = when
        calendar = self._calendar
        for event in [e for e in calendar.events.values() if e["status"] != "cancelled"]:
            self._google.calendars.store(calendar, {**event, **self._span()})
        for stored in self._mailbox.living(self._mailbox.primary.id):
            self._mailbox.patch(stored, time_of(when, ZONE), "")
        self._mailbox.mails = 0
        for path, text in self.bridge.dav.items().items():
            held = Calendar.from_ical(text)
            change_event(held.walk("VEVENT")[0], dtstart=self._utc[0], dtend=self._utc[1])
            self.bridge.dav.server.put("", path, held.to_ical().decode())

    def take_away(self, channel: str) -> None:
        """Whose calendar it is removes it there: a guest declines, the organizer calls it off."""
        if channel == "google":
            for event in [e for e in self._calendar.events.values() if e["status"] != "cancelled"]:
                self._google.calendars.delete(self._calendar, event["id"], {})
        elif channel == "m365":
            for stored in self._mailbox.living(self._mailbox.primary.id):
                self._mailbox.delete(stored, None, "")
            self._mailbox.mails = 0
        else:
            for path in self.bridge.dav.items():
                assert self.bridge.dav.server.delete(path) in (200, 204)

    def ask_to_ours(self, *people: str) -> None:
        """In Outlook somebody asks ``people``, and nobody else, to the copy that is ours."""
        (ours,) = (
            stored
            for stored in self._mailbox.living(self._mailbox.primary.id)
            if stored.props.get("isOrganizer") is not False
        )
        asked = [{"emailAddress": {"address": each}, "type": "required"} for each in people]
        self._mailbox.patch(ours, {"attendees": asked}, "")
        self._mailbox.mails = 0

    def invitations(self, channel: str) -> int:
        """How many invitations of the vendor's own stand in a guest's calendar."""
        if channel == "google":
            living = [e for e in self._calendar.events.values() if e["status"] != "cancelled"]
            return sum(each["organizer"]["email"] != ALICE for each in living)
        if channel == "m365":
            living_here = self._mailbox.living(self._mailbox.primary.id)
            return sum(each.props.get("isOrganizer") is False for each in living_here)
        return sum("ORGANIZER" in event for event in self.bridge.dav.events().values())

    def _in_google(self) -> None:
        calendar, own = self._calendar, self.organizer == "google"
        body: dict[str, Any] = {"summary": TITLE, **self._span()}
        body["attendees"] = [{"email": email} for email in self.people]
        body |= {"iCalUID": self.uid} if self.uid else {}
        event = self._google.calendars.insert(calendar, body, {})
        if not own:
            event["organizer"] = {"email": SEATS[self.organizer]}
            self._google.calendars.store(calendar, event)
        self.uid = str(event["iCalUID"])

    def _in_outlook(self) -> None:
        mailbox, own = self._mailbox, self.organizer == "m365"
        guests = [{"emailAddress": {"address": each}, "type": "required"} for each in self.people]
        body = {"subject": TITLE, "attendees": guests, **time_of(self.when, ZONE)}
        event = mailbox.create(mailbox.primary.id, body)
        if not own:
            event.organizer, event.uid = SEATS[self.organizer], self.uid
            event.props["isOrganizer"] = False
            mailbox.touch(event)
        mailbox.mails, self.uid = 0, event.uid

    def _in_radicale(self) -> None:
        """A server, or a mail program, keeps one item for each UID: over the one that is there."""
        calendar, event = Calendar(), Event()
        calendar.add("prodid", "-//A Scheduling Server//EN")
        calendar.add("version", "2.0")
        event.add("uid", self.uid)
        event.add("dtstamp", datetime.now(UTC).replace(microsecond=0))
        event.add("summary", TITLE)
        event.add("dtstart", self._utc[0])
        event.add("dtend", self._utc[1])
        event["ORGANIZER"] = vCalAddress(f"mailto:{SEATS[self.organizer]}")
        for each in self.people:
            event.add("attendee", vCalAddress(f"mailto:{each}"), encode=0)
        calendar.add_component(event)
        desk, text = self.bridge.dav, calendar.to_ical().decode()
        there = [path for path, held in desk.events().items() if str(held["UID"]) == self.uid]
        if there:
            desk.server.put("", there[0], text)
        else:
            desk.server.put(desk.url, f"{uuid4().hex}.ics", text)

    @property
    def _utc(self) -> tuple[datetime, datetime]:
        return to_utc(self.when.start, ZONE), to_utc(self.when.end, ZONE)

    def _span(self) -> dict[str, dict[str, Any]]:
        start, end = ({k: v for k, v in each.items() if v} for each in write_when(self.when))
        return {"start": start, "end": end}

    @property
    def _google(self) -> FakeGoogle:
        assert isinstance(self.bridge.google, GoogleSystem)
        fake: FakeGoogle = self.bridge.google.host
        return fake

    @property
    def _calendar(self) -> GoogleCalendar:
        return self._google.calendars.all[ALICE]

    @property
    def _mailbox(self) -> Mailbox:
        assert isinstance(self.bridge.m365, GraphSystem)
        return self.bridge.m365.mailbox
