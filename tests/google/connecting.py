"""A company on the fake Google, and connectors to its calendars."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

from connectors.google import plugin
from connectors.google.connector import GoogleConnector
from connectors.google.fake import FakeGoogle
from syncd.connector import Collection, Identity, Snapshot, System
from syncd.core.model import Appointment, Recurrence, Timed
from syncd.core.state import Copy, Marker
from tests.conformance.world import WINDOW, look, versions

ALICE, BOB = "alice@example.com", "bob@example.com"
GROUP = "c_77@group.calendar.google.com"
ROOM = "room-3@resource.calendar.google.com"


@contextmanager
def company() -> Iterator[FakeGoogle]:
    """Alice, Bob, a calendar that they share and a room; nobody is in a hurry."""
    with FakeGoogle() as fake:
        fake.add(ALICE)
        fake.add(BOB, "Europe/Berlin")
        fake.calendars.add(GROUP, ALICE).roles[BOB] = "writer"
        fake.calendars.add(ROOM, ROOM).roles[ALICE] = "writer"
        yield fake


def system(fake: FakeGoogle, **options: Any) -> System:
    """The system ``google``, with a service account unless ``tokens`` are given."""
    given: dict[str, object] = {"endpoint": fake.endpoint}
    if "tokens" not in options:
        given["service_account"] = fake.key_file
    given |= {"requests_per_user": 1_000_000, "requests_per_project": 10_000_000, **options}
    return System("google", "google", "calendar", "test", "Asia/Shanghai", options=given)


def connect(
    fake: FakeGoogle,
    person: str = ALICE,
    calendar: str = "",
    *,
    invite: bool = False,
    **options: Any,
) -> GoogleConnector:
    """A connector to somebody's calendar."""
    return plugin.connect(system(fake, **options), Collection(calendar, person, invite))


def identity(uid: str | None = None) -> Identity:
    """A new one."""
    return Identity(Marker("test", uuid4().hex), uid)


def at(day: int, hour: int = 9, zone: str = "Asia/Shanghai", month: int = 3) -> Timed:
    """An hour in 2026."""
    start = datetime(2026, month, day, hour)
    return Timed(start, start.replace(hour=hour + 1), zone)


def weekly(title: str = "例会 weekly") -> Appointment:
    """A series of ten, on Mondays."""
    return Appointment(
        at(2), title=title, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=10;BYDAY=MO",))
    )


def only(connector: GoogleConnector) -> Copy:
    """The one copy in a calendar."""
    (copy,) = look(connector).copies
    return copy


def news(connector: GoogleConnector, before: Snapshot) -> Snapshot:
    """What a look since ``before`` shows."""
    return connector.observe(before.cursor, WINDOW, versions(before))
