"""Calendars full of events, written by file into a Radicale, as an import would leave them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from bench.wire import Wire
from tests.servers import Server

_ZONE: Final = """BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE"""

_BODY: Final = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//bench//EN
{zone}
BEGIN:VEVENT
UID:visit-{number}@bench.example
DTSTAMP:20260101T080000Z
CREATED:20260101T080000Z
LAST-MODIFIED:20260101T080000Z
DTSTART;TZID=Europe/Berlin:{start:%Y%m%dT%H%M%S}
DTEND;TZID=Europe/Berlin:{end:%Y%m%dT%H%M%S}
SUMMARY:Besuch {number} 客户拜访
LOCATION:Musterstraße {number}\\, 10115 Berlin
DESCRIPTION:Bitte Unterlagen mitbringen.\\nAnsprechpartner: Frau Müller\\,
  Telefon 030 1234{number}.
CATEGORIES:visit
STATUS:CONFIRMED
BEGIN:VALARM
ACTION:DISPLAY
DESCRIPTION:Besuch
TRIGGER:-PT15M
END:VALARM
END:VEVENT
END:VCALENDAR
"""


def body(number: int) -> str:
    """One event in the coming year: a title, a place, a note, a zone and an alarm."""
    monday = datetime.now(UTC).replace(hour=7, minute=0, second=0, microsecond=0, tzinfo=None)
    start = monday + timedelta(days=2 + number % 300, minutes=30 * (number // 300 % 20))
    end = start + timedelta(minutes=45)
    return _BODY.format(zone=_ZONE, number=number, start=start, end=end).replace("\n", "\r\n")


def bodies(count: int) -> Iterator[tuple[str, bytes]]:
    """Names and bodies of so many events."""
    for number in range(count):
        yield f"visit-{number}.ics", body(number).encode()


def fill(server: Server, name: str, count: int) -> str:
    """A calendar with so many events, written into Radicale's folder; answers its path.

    Radicale has nothing of a calendar in memory between requests, so files may be added while
    it runs; what it keeps beside them (parsed items, ETags, the history of changes) is made by
    the first listing, which :func:`warm` asks for.
    """
    folder = server.folder / "collections" / "collection-root" / server.username / name
    folder.mkdir(parents=True)
    told = {
        "tag": "VCALENDAR",
        "D:displayname": name,
        "C:supported-calendar-component-set": "VEVENT",
    }
    (folder / ".Radicale.props").write_text(json.dumps(told), "utf-8")
    for file, text in bodies(count):
        (folder / file).write_bytes(text)
    return f"/{server.username}/{name}/"


def warm(wire: Wire, path: str) -> None:
    """Let the server parse and list everything once."""
    wire.sync_token(path)
    wire.propfind(path)
