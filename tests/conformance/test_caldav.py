"""The CalDAV connector in the conformance suite, against real servers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from connectors.caldav import plugin
from syncd.connector import Collection, Connector, System
from syncd.core.model import Timed
from syncd.core.state import Key
from tests.conformance.suite import Suite
from tests.conformance.world import World, visit
from tests.servers import Server, radicale

SECRET = "geheim-Wort-77"
MOST_BYTES = 1_000_000
_OF_XANDIKOS = {
    "a_hopeless_item_is_rejected_alone": "Xandikos takes whatever is iCalendar, of any size",
    "secrets_stay_secret": "Xandikos itself knows no passwords",
    "of_eight_racing_updates_one_wins": "Xandikos compares If-Match before it takes its lock, and "
    "confirms two of eight now and then (3 of 150 races by plain HTTP, 0.4)",
}

_SHANGHAI = """BEGIN:VTIMEZONE
TZID:Asia/Shanghai
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0800
TZOFFSETTO:+0800
END:STANDARD
END:VTIMEZONE"""

_EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//A Person's Phone//EN
{zone}
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20260101T000000Z
DTSTART;TZID={tzid}:{start:%Y%m%dT%H%M%S}
DTEND;TZID={tzid}:{end:%Y%m%dT%H%M%S}
SUMMARY:{title}
END:VEVENT
END:VCALENDAR
"""
_PLANT = "X-APPLE-PLANT;X-P=2:violet\\, red"
_MEMBERS = b'<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>'
_SPOILING = (
    (r"(?m)^DTSTART;TZID[^\r\n]*", "DTSTART:demnächst"),
    (r"(?m)^DTSTART;TZID[^\r\n]*\r?\n", ""),
    (r"END:VEVENT", r"RRULE:FREQ=SOMETIMES\r\nEND:VEVENT"),
    (r"(?m)^DTEND;TZID[^\r\n]*", "DTEND;TZID=Asia/Shanghai:20200101T000000"),
)
"""What makes an item unreadable; servers refuse some of it."""

_numbers = count(1)


class PersonOfServer:
    """A phone that speaks plain HTTP to the same calendar."""

    def __init__(self, server: Server, calendar: str) -> None:
        self._server, self._calendar = server, calendar

    def put(self, title: str, when: Timed) -> Key:
        uid = f"phone-{next(_numbers)}"
        body = _EVENT.format(
            zone=_SHANGHAI,
            uid=uid,
            tzid=when.zone,
            start=when.start,
            end=when.end,
            title=_escaped(title),
        )
        return self._server.put(self._calendar, f"{uid}.ics", _lines(body))

    def retitle(self, key: Key, title: str) -> None:
        self._rewrite(key, r"(?m)^SUMMARY[^\r\n]*", f"SUMMARY:{_escaped(title)}")

    def delete(self, key: Key) -> None:
        assert self._server.delete(key) in (200, 204)

    def count(self) -> int:
        return len(self._keys())

    def plant(self, key: Key) -> None:
        self._rewrite(key, r"END:VEVENT", f"{_PLANT}\r\nEND:VEVENT")

    def planted(self, key: Key) -> bool:
        return _PLANT in self._text(key).splitlines()

    def spoil(self, key: Key) -> None:
        for pattern, new in _SPOILING:
            text = re.sub(pattern, new, self._text(key), count=1)
            status, _, _ = self._server.send("PUT", key, _lines(text).encode())
            if status in (200, 201, 204):
                return
        raise AssertionError("the server refuses all of it")

    def mails(self) -> int:
        """Attendees that a scheduling server would write to (RFC 6638, 7.1)."""
        lines = [line for key in self._keys() for line in self._text(key).splitlines()]
        return sum(1 for line in lines if line.startswith("ATTENDEE"))

    def broken(self, cursor: str) -> str:
        broken = re.sub(r"[0-9a-f]{20,}", lambda found: found[0][::-1], cursor)
        assert broken != cursor
        return broken

    def _keys(self) -> list[Key]:
        headers = {"Depth": "1"}
        status, body, _ = self._server.send("PROPFIND", self._calendar, _MEMBERS, headers)
        assert status == 207
        return re.findall(r"href>([^<]*\.ics)<", body.decode())

    def _text(self, key: Key) -> str:
        text = self._server.get(key)
        assert text is not None
        return re.sub(r"\r?\n[ \t]", "", text)

    def _rewrite(self, key: Key, pattern: str, new: str) -> None:
        text = re.sub(pattern, lambda _: new, self._text(key), count=1)
        status, answer, _ = self._server.send("PUT", key, _lines(text).encode())
        assert status in (200, 201, 204), answer


def _escaped(title: str) -> str:
    return title.replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")


def _lines(text: str) -> str:
    return "\r\n".join(text.splitlines()) + "\r\n"


def _connect(server: Server, calendar: str, password: str) -> Connector:
    options = {"url": server.url, "username": server.username, "password": password}
    system = System("dav", "caldav", "calendar", "conformance", options=options)
    return plugin.connect(system, Collection(calendar=calendar))


@pytest.fixture(scope="module")
def guarded_radicale() -> Iterator[Server]:
    """A Radicale that asks for a password and takes no large items."""
    with radicale(password=SECRET, most_bytes=MOST_BYTES) as server:
        yield server


class TestCalDav(Suite):
    """Every check, on each server."""

    @pytest.fixture(params=["guarded_radicale", "xandikos_server"])
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        server: Server = request.getfixturevalue(request.param)
        calendar = server.calendar(f"conformance-{next(_numbers)}")
        made: list[Connector] = []

        def connect(password: str = server.password) -> Connector:
            made.append(_connect(server, calendar, password))
            return made[-1]

        asks = server.password == SECRET
        yield World(
            many=120,
            manifest=plugin.manifest,
            connect=connect,
            person=PersonOfServer(server, calendar),
            intruder=(lambda: connect("wrong-" + SECRET)) if asks else None,
            secret=SECRET if asks else "",
            hopeless=replace(visit(title="hopeless"), description="x" * MOST_BYTES),
            lacks={} if asks else _OF_XANDIKOS,
        )
        for connector in made:
            connector.close()
        server.delete(calendar)
