"""A bridge of four channels: an SQL CRM, Google, Microsoft 365 and CalDAV, all of them spoken to
as in a company. The CRM is a file, CalDAV a Radicale, the vendors are their fakes over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

from syncd import plugins
from syncd.config import load
from syncd.core.model import Appointment, Attendee, Timed
from syncd.core.state import Kind, Record
from syncd.core.zones import from_utc, to_utc
from syncd.deployment import Deployment
from syncd.results import BridgeResult
from syncd.store import Store
from tests.office import Desk, Office
from tests.servers import Server
from tests.wire.proxy import Fault, Proxy, door
from tests.wire.world import change_event
from tests.world.clock import WorldClock
from tests.world.company import DOMAIN, HOSTED
from tests.world.company import Desk as Seat
from tests.world.hosted import HostedSystem
from tests.world.hosts import Vendors

ALICE, BOB, CHEN = f"alice@{DOMAIN}", f"bob@{DOMAIN}", f"陈@{DOMAIN}"
CUSTOMER = Attendee("wang@kunde.example", "王先生")
CHANNELS = ("crm", "google", "m365", "dav")
_CALENDARS = ("google", "m365", "dav")


class Now(WorldClock):
    """The machine's time, and what was waited for in the world's."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        return self.now()

    def now(self) -> datetime:
        """The time, aware UTC."""
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self._ahead += timedelta(seconds=seconds)

    sleep = advance


@dataclass(frozen=True, slots=True)
class Visit:
    """What every copy of a visit tells; ``start`` is naive UTC."""

    title: str
    start: datetime
    place: str


class Bridge:
    """The company and syncd at work on it."""

    def __init__(self, folder: Path, hosts: Vendors, radicale: Server, *, holds: str) -> None:
        self.clock, self.folder = Now(), folder
        hosts.begin(self.clock)
        self.google = self._seat(hosts, "google", "google", ALICE)
        self.m365 = self._seat(hosts, "m365", "microsoft365", BOB)
        self._door = door(radicale.url)
        self.proxy: Proxy = self._door.__enter__()
        url = radicale.calendar(f"four-{uuid4().hex[:8]}")
        self.dav = Desk("dav", radicale, url, {"person": CHEN, "holds": holds}, self.proxy.url)
        self.office = Office(folder, [self.dav], extra=self._channels(holds))
        text = self.office.config.read_text("utf-8")
        self.office.config.write_text(f"{text}{self._systems()}", "utf-8")
        self.open()

    def _seat(self, hosts: Vendors, name: str, vendor: str, person: str) -> HostedSystem:
        seat = Seat(name=name, abilities=HOSTED[vendor], person=person, vendor=vendor)
        system = hosts.open(seat, self.clock, Random(name))
        assert isinstance(system, HostedSystem)
        return system

    def _systems(self) -> str:
        lines = []
        for name, connector in (("google", "google"), ("m365", "microsoft365")):
            system: HostedSystem = getattr(self, name)
            lines += [f"[systems.{name}]", f'connector = "{connector}"']
            lines += system.settings(self.folder)
        return "\n".join([*lines, ""])

    def _channels(self, holds: str) -> str:
        lines = ['limits = { deletes = "100%", moves = "100%" }']
        for name, person in (("google", ALICE), ("m365", BOB)):
            lines += ["[[bridges.channels]]", f'system = "{name}"', f'person = "{person}"']
            lines += ['admits = "all"', f'holds = "{holds}"']
        return "\n".join(lines)

    # ---- syncd

    def open(self) -> None:
        """Start syncd."""
        config = load(self.office.config, plugins.Plugins(), self.office.environment)
        self.store = Store.open(config.daemon.state.reveal())
        self.deployment = Deployment(config, self.store, clock=self.clock, sleep=self.clock.sleep)

    def close(self) -> None:
        """End syncd."""
        self.deployment.close()
        self.store.close()

    def end(self) -> None:
        """End everything."""
        self.close()
        self.office.engine.dispose()
        self._door.__exit__(None, None, None)

    def cycle(self) -> BridgeResult:
        """One cycle, a minute after the last one."""
        self.clock.advance(60)
        return self.deployment.cycle()[0]

    def rest(self) -> None:
        """Fair weather and cycles until three in a row change nothing; what was set aside is
        tried again after a day."""
        self.clear()
        self.clock.advance(25 * 3600)
        quiet, before = 0, self.everything()
        for _ in range(40):
            self.cycle()
            after = self.everything()
            quiet = quiet + 1 if after == before else 0
            before = after
            if quiet == 3:
                return
        raise AssertionError("still writing after 40 cycles")

    def records(self, *kinds: Kind) -> list[Record]:
        """What was recorded so far."""
        return [e.record for e in self.store.history() if e.record.kind in kinds]

    # ---- weather

    def blow(self, random: Random) -> None:
        """Something goes wrong with somebody."""
        name = random.choice(_CALENDARS)
        if name == "dav":
            status = random.choice((0, 500, 503))
            lost = status == 0
            self.proxy.fail(Fault(status=status, lost=lost, times=random.randint(1, 6)))
            return
        system: HostedSystem = getattr(self, name)
        fault, value = random.choice(
            (
                *(("down", True), ("throttled", 0.5), ("lost_requests", 0.4)),
                *(("lost_answers", 0.5), ("broken_listings", 0.7), ("read_only", True)),
            )
        )
        setattr(system.faults, fault, value)

    def clear(self) -> None:
        """Fair weather."""
        self.proxy.mend()
        for system in (self.google, self.m365):
            system.faults = type(system.faults)()

    # ---- what is there

    @property
    def mails(self) -> int:
        """Mails that either vendor has sent."""
        return self.google.mails + self.m365.mails

    def shown(self, channel: str) -> list[Visit]:
        """What a channel holds that is not cancelled, by title."""
        found = [visit for _, visit in self._found(channel)]
        return sorted(found, key=lambda visit: visit.title)

    def _found(self, channel: str) -> Iterator[tuple[object, Visit]]:
        if channel == "crm":
            for row in self.office.rows():
                if row["state"] != "cancelled":
                    visit = Visit(row["subject"], row["starts_at"], row["place"])
                    yield row["id"], visit
        elif channel == "dav":
            for path, event in self.dav.events().items():
                start = event["DTSTART"].dt.astimezone(UTC).replace(tzinfo=None)
                yield path, Visit(str(event["SUMMARY"]), start, str(event.get("LOCATION", "")))
        else:
            system: HostedSystem = getattr(self, channel)
            for key in system.items:
                reads = system.reads(key)
                assert isinstance(reads.when, Timed)
                start = to_utc(reads.when.start, reads.when.zone).replace(tzinfo=None)
                yield key, Visit(reads.title, start, reads.location)

    def everything(self) -> dict[str, object]:
        """All of all channels, to the byte."""
        return {
            "crm": self.office.rows(),
            "dav": self.dav.files(),
            "google": dict(self.google.items),
            "m365": dict(self.m365.items),
        }

    # ---- people

    def make(self, channel: str, visit: Visit) -> None:
        """Somebody makes a visit."""
        end = visit.start + timedelta(hours=1)
        if channel == "crm":
            self.office.visits(
                1,
                subject=visit.title,
                starts_at=visit.start,
                ends_at=end,
                place=visit.place,
                customer_email=CUSTOMER.email,
            )
        elif channel == "dav":
            self._put(visit, end)
        else:
            zone = "Asia/Shanghai"
            when = Timed(_local(visit.start, zone), _local(end, zone), zone)
            system: HostedSystem = getattr(self, channel)
            system.person_create(
                Appointment(when, title=visit.title, location=visit.place, attendees=(CUSTOMER,))
            )

    def change(self, channel: str, token: str, edit: Callable[[Visit], Visit]) -> bool:
        """Somebody changes the visit whose title begins with ``token``; whether it was there."""
        found = [(key, each) for key, each in self._found(channel) if _is(each, token)]
        if len(found) != 1:
            return False
        ((key, before),) = found
        after = edit(before)
        if channel == "crm":
            assert isinstance(key, int)
            end = after.start + timedelta(hours=1)
            self.office.change(
                key,
                subject=after.title,
                starts_at=after.start,
                ends_at=end,
                place=after.place,
                updated_at=datetime.now(UTC).replace(tzinfo=None),
            )
        elif channel == "dav":
            self._rewrite(str(key), before, after)
        else:
            system: HostedSystem = getattr(self, channel)
            system.person_edit(str(key), lambda held: _edited(held, before, after))
        return True

    def delete(self, channel: str, token: str) -> bool:
        """Somebody deletes a visit in a calendar; whether it was there."""
        found = [key for key, each in self._found(channel) if _is(each, token)]
        if len(found) != 1:
            return False
        if channel == "dav":
            assert self.dav.server.delete(str(found[0])) in (200, 204)
        else:
            system: HostedSystem = getattr(self, channel)
            system.person_delete(str(found[0]))
        return True

    def _put(self, visit: Visit, end: datetime) -> None:
        from icalendar import Calendar, Event

        calendar, event = Calendar(), Event()
        calendar.add("prodid", "-//A Phone//EN")
        calendar.add("version", "2.0")
        event.add("uid", f"{uuid4()}@phone")
        event.add("dtstamp", datetime.now(UTC).replace(microsecond=0))
        event.add("summary", visit.title)
        event.add("location", visit.place)
        event.add("dtstart", visit.start.replace(tzinfo=UTC))
        event.add("dtend", end.replace(tzinfo=UTC))
        calendar.add_component(event)
        name = f"{uuid4().hex}.ics"
        self.dav.server.put(self.dav.url, name, calendar.to_ical().decode())

    def _rewrite(self, path: str, before: Visit, after: Visit) -> None:
        from icalendar import Calendar

        calendar = Calendar.from_ical(self.dav.items()[path])
        changed: dict[str, object] = {}
        if after.title != before.title:
            changed["summary"] = after.title
        if after.place != before.place:
            changed["location"] = after.place
        if after.start != before.start:
            changed["dtstart"] = after.start.replace(tzinfo=UTC)
        change_event(calendar.walk("VEVENT")[0], **changed)
        self.dav.server.put("", path, calendar.to_ical().decode())


@contextmanager
def four_channels(
    folder: Path, hosts: Vendors, radicale: Server, *, holds: str = "all"
) -> Iterator[Bridge]:
    """A bridge in a folder of its own. ``holds``: what the calendars hold."""
    bridge = Bridge(folder, hosts, radicale, holds=holds)
    try:
        yield bridge
    finally:
        bridge.end()


def _is(visit: Visit, token: str) -> bool:
    return visit.title.partition(" ")[0] == token


def _local(moment: datetime, zone: str) -> datetime:
    return from_utc(moment.replace(tzinfo=UTC), zone)


def _edited(held: Appointment, before: Visit, after: Visit) -> Appointment:
    from dataclasses import replace

    when = held.when
    assert isinstance(when, Timed)
    if after.start != before.start:
        start = _local(after.start, when.zone or "UTC")
        when = Timed(start, start + when.duration, when.zone)
    return replace(held, title=after.title, location=after.place, when=when)
