"""The traces' world on real servers: an SQL CRM, a Radicale and a Xandikos, syncd in-process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from icalendar import Calendar, Event

from connectors.sql.crm.schema import visit
from syncd import plugins
from syncd.config import load
from syncd.core.state import Kind, Record
from syncd.deployment import Deployment
from syncd.errors import SyncdError
from syncd.results import BridgeResult, ChannelResult
from syncd.store import Store
from tests.office import Desk, Office
from tests.servers import Server
from tests.wire.proxy import Proxy, door

DAY = (datetime.now(UTC) + timedelta(days=9)).replace(hour=0, minute=0, second=0, microsecond=0)
"""The day on which the visits of the traces are: nine days from now, UTC. A test may let a week
pass, and its visits are still to come, at whatever hour of the day it runs."""

RANKED = """
[[rule]]
fields = ["*"]
prefer = ["role:crm", "role:calendar"]
"""

TITLE = "拜访 Müller & Söhne 🚗; “früh”"
PLACE = "上海市, 静安区"


def at(hour: int, minute: int = 0, *, day: int = 0) -> datetime:
    """A time on the day of the traces, naive UTC as the CRM keeps it."""
    found = DAY + timedelta(days=day, hours=hour, minutes=minute)
    return found.replace(tzinfo=None)


class World:
    """A company, and syncd at work on it. ``cal`` is on Radicale, ``cal2`` on Xandikos."""

    def __init__(
        self,
        folder: Path,
        servers: Mapping[str, Server],
        rules: str = RANKED,
        settings: Mapping[str, Mapping[str, str | bool]] | None = None,
    ) -> None:
        self._stack = ExitStack()
        self.doors: dict[str, Proxy] = {}
        self.desks: dict[str, Desk] = {}
        for name, server in servers.items():
            self.doors[name] = self._stack.enter_context(door(server.url))
            url = server.calendar(f"{name}-{uuid4().hex[:8]}")
            own = dict((settings or {}).get(name, {}))
            self.desks[name] = Desk(name, server, url, own, self.doors[name].url)
        self.rules = rules
        self.office = Office(folder, list(self.desks.values()), rules=rules)
        self.shift = timedelta(0)
        try:
            self.open()
        except SyncdError:
            self._stack.close()
            raise

    # --- syncd

    def open(self) -> None:
        """Start syncd on what the configuration says now."""
        config = load(self.office.config, plugins.Plugins(), self.office.environment)
        self.store = Store.open(config.daemon.state.reveal())
        self.deployment = Deployment(
            config, self.store, clock=self.now, sleep=self._sleep, retry_first=timedelta(seconds=1)
        )

    def close(self) -> None:
        """End syncd."""
        self.deployment.close()
        self.store.close()

    def end(self) -> None:
        """End everything."""
        self.close()
        self.office.engine.dispose()
        self._stack.close()

    def restart(self) -> None:
        """Stop syncd and start it again."""
        self.close()
        self.open()

    def configure(self, *names: str, rules: str | None = None, extra: str = "") -> None:
        """Restart with only these desks in the configuration (all, without any)."""
        self.rules = self.rules if rules is None else rules
        self.office.desks = [self.desks[name] for name in names or self.desks]
        self.office.configure(rules=self.rules, extra=extra)
        self.restart()

    def now(self) -> datetime:
        """The clock of syncd: the machine's, and what :meth:`later` added."""
        return datetime.now(UTC) + self.shift

    def later(self, **span: float) -> None:
        """Time passes for syncd."""
        self.shift += timedelta(**span)

    def _sleep(self, seconds: float) -> None:
        self.shift += timedelta(seconds=seconds)

    def cycle(self) -> BridgeResult:
        """One cycle."""
        return self.deployment.cycle()[0]

    def sync(self) -> BridgeResult:
        """Until nothing is left to do."""
        return self.deployment.sync()[0]

    def converge(self) -> BridgeResult:
        """Until nothing is left to do; then a next sync must change nothing (invariant 1)."""
        found = self.sync()
        assert found.state in ("converged", "conflicts"), (found.state, found.reason)
        self.quiet()
        return found

    def quiet(self) -> None:
        """The next sync writes nothing, anywhere."""
        before = self.everything()
        again = self.sync()
        assert {c.name: written(c) for c in again.channels if written(c)} == {}, again
        assert self.everything() == before

    def records(self, *kinds: Kind) -> list[Record]:
        """What was recorded so far."""
        return [e.record for e in self.store.history() if e.record.kind in kinds]

    # --- what is really there

    def everything(self) -> dict[str, object]:
        """The bodies in all calendars and the rows of the CRM."""
        found: dict[str, object] = {name: desk.files() for name, desk in self.desks.items()}
        found["crm"] = self.office.rows()
        return found

    def rows(self) -> list[dict[str, Any]]:
        """The visits that are not deleted."""
        return self.office.rows()

    def row(self) -> dict[str, Any]:
        """The only visit."""
        (found,) = self.rows()
        return found

    def event(self, name: str) -> Any:
        """The only item's main VEVENT."""
        (found,) = self.desks[name].events().values()
        return found

    def counts(self) -> dict[str, int]:
        """How many items and rows there are."""
        found = {name: len(desk.items()) for name, desk in self.desks.items()}
        return {"crm": len(self.rows()), **found}

    def everywhere(self, field: str) -> set[object]:
        """The values of a field (``title``, ``place``, ``start``) in all copies."""
        column, name = _FIELDS[field]
        found: set[object] = {row[column] for row in self.rows()}
        for desk in self.desks.values():
            for event in desk.events().values():
                found.add(_seen(event, name))
        return found

    # --- people

    def add_visit(self, **values: object) -> int:
        """A new visit in the CRM; answers its number."""
        row = {
            "subject": TITLE,
            "starts_at": at(8),
            "ends_at": at(9),
            "state": "confirmed",
            "place": PLACE,
            "owner_email": "alice@example.com",
            "customer_name": "Mueller GmbH",
            **values,
        }
        with self.office.engine.begin() as connection:
            return int(connection.execute(sa.insert(visit).values(row)).inserted_primary_key[0])

    def change(self, row: int | None = None, **values: object) -> None:
        """A person edits a visit in the CRM; a start moves the end along."""
        if "starts_at" in values and "ends_at" not in values:
            start = values["starts_at"]
            assert isinstance(start, datetime)
            values["ends_at"] = start + timedelta(hours=1)
        self.office.change(self.row()["id"] if row is None else row, **values)

    def add_event(self, name: str, file: str, **values: object) -> str:
        """A person makes an event in a calendar; answers its path."""
        event = Event()
        usual = {
            "uid": f"{uuid4()}@phone",
            "summary": TITLE,
            "location": PLACE,
            "dtstart": at(8).replace(tzinfo=UTC),
            "dtend": at(9).replace(tzinfo=UTC),
        }
        for key, value in {**usual, **values}.items():
            if value is not None:
                event.add(key, value)
        return self.put(name, file, [event])

    def put(self, name: str, file: str, events: list[Event]) -> str:
        """A client stores these events under this file name."""
        calendar = Calendar()
        calendar.add("prodid", "-//A Phone//EN")
        calendar.add("version", "2.0")
        for event in events:
            event["DTSTAMP"] = event.get("DTSTAMP") or _stamp()
            calendar.add_component(event)
        desk = self.desks[name]
        return desk.server.put(desk.url, file, calendar.to_ical().decode())

    def edit(self, name: str, path: str | None = None, **values: object) -> None:
        """A person edits an event: properties are replaced, ``None`` removes one.

        A start moves the end along, in the start's own zone.
        """
        self.rewrite(name, lambda events: change_event(events[0], **values), path)

    def rewrite(
        self, name: str, change: Callable[[list[Any]], object], path: str | None = None
    ) -> None:
        """A client changes the VEVENTs of an item as ``change`` does."""
        desk = self.desks[name]
        path = path or next(iter(desk.items()))
        calendar = Calendar.from_ical(desk.server.get(path) or "")
        events = calendar.walk("VEVENT")
        change(events)
        calendar.subcomponents = [
            each for each in calendar.subcomponents if each.name != "VEVENT"
        ] + events
        desk.server.put("", path, calendar.to_ical().decode())

    def delete(self, name: str, path: str | None = None) -> None:
        """A person deletes an event."""
        desk = self.desks[name]
        path = path or next(iter(desk.items()))
        assert desk.server.delete(path) in (200, 204)


_FIELDS = {
    "title": ("subject", "SUMMARY"),
    "place": ("place", "LOCATION"),
    "start": ("starts_at", "DTSTART"),
}


def written(channel: ChannelResult) -> int:
    """The number of writes to a channel."""
    return channel.created + channel.updated + channel.deleted


def change_event(event: Any, **values: object) -> None:
    """Replace properties of a VEVENT, as a client does that keeps what it does not know."""
    if "dtstart" in values and "dtend" not in values:
        start = values["dtstart"]
        assert isinstance(start, datetime)
        values["dtend"] = start + timedelta(hours=1)
    for key, value in values.items():
        event.pop(key, None)
        if value is not None:
            event.add(key, value)
    event.pop("LAST-MODIFIED", None)
    event.add("LAST-MODIFIED", datetime.now(UTC))


def utc(hour: int, minute: int = 0, *, day: int = 0) -> datetime:
    """A time on the day of the traces, aware UTC."""
    return at(hour, minute, day=day).replace(tzinfo=UTC)


def _seen(event: Any, name: str) -> object:
    value = event.get(name)
    if name == "DTSTART":
        return value.dt.astimezone(UTC).replace(tzinfo=None)
    return "" if value is None else str(value)


def _stamp() -> Any:
    from icalendar import vDatetime

    return vDatetime(datetime.now(UTC).replace(microsecond=0))
