"""A series that Outlook cannot hold: single events stand for it there, and it comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from icalendar import Calendar, Event

from syncd.core.model import Appointment
from syncd.core.state import Kind
from syncd.explain import SINGLE, explain
from syncd.naming import Named
from tests.servers import Server
from tests.vendors.bridge import Bridge, four_channels
from tests.world.hosts import Vendors

TITLE = "例会：Müller & Söhne"


def _first() -> datetime:
    today = datetime.now(UTC).replace(hour=1, minute=0, second=0, microsecond=0)
    return today + timedelta(days=5)


def _put(bridge: Bridge) -> str:
    """Somebody enters a day of three weeks, and one day more, in CalDAV. Answers its path."""
    calendar, event = Calendar(), Event()
    calendar.add("prodid", "-//A Phone//EN")
    calendar.add("version", "2.0")
    event.add("uid", f"{uuid4()}@phone")
    event.add("dtstamp", datetime.now(UTC).replace(microsecond=0))
    event.add("summary", TITLE)
    event.add("dtstart", _first())
    event.add("dtend", _first() + timedelta(hours=1))
    event.add("rrule", {"freq": "weekly", "count": 3})
    event.add("rdate", [_first() + timedelta(days=2)])
    calendar.add_component(event)
    bridge.dav.server.put(bridge.dav.url, "series.ics", calendar.to_ical().decode())
    (path,) = bridge.dav.items()
    return path


def _starts(bridge: Bridge) -> list[int]:
    """How many days after the first the single events in Outlook are."""
    return sorted(
        (each.start - _first().replace(tzinfo=None)).days for each in bridge.shown("m365")
    )


def _series(bridge: Bridge) -> list[bool]:
    return [bridge.m365.reads(key).recurrence is not None for key in bridge.m365.items]


def _key(bridge: Bridge, days: int) -> str:
    wanted = _first() + timedelta(days=days)
    for key in bridge.m365.items:
        when = bridge.m365.reads(key).when
        if (when.start.month, when.start.day) == (wanted.month, wanted.day):
            return key
    raise AssertionError("no such event")


def test_single_events_stand_for_it(
    hosts: Vendors, radicale_server: Server, tmp_path: Path
) -> None:
    """Invariants 1, 4 and 5: both ways, and back to a series; nobody is mailed."""
    with four_channels(tmp_path, hosts, radicale_server) as bridge:
        path = _put(bridge)
        bridge.rest()
        assert _starts(bridge) == [0, 2, 7, 14]
        assert _series(bridge) == [False] * 4
        assert _told(bridge) == {SINGLE}

        system = bridge.m365
        system.person_edit(_key(bridge, 7), _titled)
        system.person_delete(_key(bridge, 14))
        bridge.rest()
        assert _starts(bridge) == [0, 2, 7]
        events = Calendar.from_ical(bridge.dav.items()[path]).walk("VEVENT")
        assert sorted(str(each["SUMMARY"]) for each in events) == sorted((TITLE, "搬家"))
        (master,) = [each for each in events if "RRULE" in each]
        assert "EXDATE" in master

        bridge.close()
        bridge.open()
        bridge.cycle()
        assert _starts(bridge) == [0, 2, 7]

        _date(bridge, path, None)
        bridge.rest()
        assert _series(bridge) == [True]
        assert _told(bridge) == {""}
        _date(bridge, path, _first() + timedelta(days=3))
        for _ in range(4):
            bridge.cycle()
        assert _series(bridge) == [False] * 3
        assert _starts(bridge) == [0, 3, 7]
        assert bridge.mails == 0
        assert not bridge.records(Kind.CONFLICT, Kind.ASKED, Kind.DELETED)


def _titled(held: Appointment) -> Appointment:
    return replace(held, title="搬家")


def _told(bridge: Bridge) -> set[str]:
    """What ``syncd explain`` says of the copies in Outlook."""
    (id,) = bridge.store.agreement_ids("sales")
    agreement = bridge.store.agreements([id])[id]
    named = Named(id, "sales", agreement.appointment)
    told = explain(bridge.deployment.settings, bridge.store, named, bridge.clock.now())
    return {each.reason for each in told.channels if each.channel == "m365"}


def _date(bridge: Bridge, path: str, date: datetime | None) -> None:
    """Somebody takes the further day away, or gives it another."""
    calendar = Calendar.from_ical(bridge.dav.items()[path])
    (master,) = [each for each in calendar.walk("VEVENT") if "RRULE" in each]
    master.pop("RDATE", None)
    if date is not None:
        master.add("rdate", [date])
    bridge.dav.server.put("", path, calendar.to_ical().decode())
