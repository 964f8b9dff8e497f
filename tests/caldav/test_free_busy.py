"""When a CalDAV calendar is taken: what servers answer, and those that have no answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.caldav.fake import FakeCalDav
from syncd.connector import Window
from syncd.core.model import Busy
from syncd.core.taken import Taken
from syncd.errors import ConnectorError, Rejected, Unauthorized, Unavailable
from tests.caldav.connecting import WINDOW, connect
from tests.servers import Server

MARCH = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
PERIODS = "20260302T010000Z/20260302T020000Z"
UNSUPPORTED = b'<D:error xmlns:D="DAV:"><D:supported-report/></D:error>'

EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//phone//EN
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20260101T000000Z
DTSTART:20260302T{hour}0000Z
DURATION:PT1H
SUMMARY:秘密
{lines}
END:VEVENT
END:VCALENDAR
"""


def _told(*lines: str) -> bytes:
    inner = "".join(f"{line}\r\n" for line in ("BEGIN:VFREEBUSY", *lines, "END:VFREEBUSY"))
    return f"BEGIN:VCALENDAR\r\n{inner}END:VCALENDAR\r\n".encode()


def _hour(hour: int, kind: Busy = Busy.BUSY) -> Taken:
    start = datetime(2026, 3, 2, hour, tzinfo=UTC)
    return Taken(start, start + timedelta(hours=1), kind)


def _asked(status: int, body: bytes) -> tuple[Taken, ...]:
    with FakeCalDav() as fake:
        connector = connect(fake.url, fake.url)
        connector.check()
        fake.faults.reply = lambda method, path: (status, {}, body)
        return connector.busy(MARCH)


def test_of_real_servers(fresh: tuple[Server, str, object]) -> None:
    """Free and cancelled ones take no time; tentative ones are told as such. One request."""
    server, url, _ = fresh
    for hour, lines in (
        ("01", "TRANSP:OPAQUE"),
        ("03", "TRANSP:TRANSPARENT"),
        ("05", "STATUS:CANCELLED"),
        ("07", "STATUS:TENTATIVE"),
    ):
        body = EVENT.format(uid=f"u{hour}", hour=hour, lines=lines)
        server.put(url, f"u{hour}.ics", "\r\n".join(body.splitlines()) + "\r\n")
    connector = connect(url, url)
    assert connector.busy(MARCH) == (_hour(1), _hour(7, Busy.TENTATIVE))
    before = connector.requests
    assert connector.busy(WINDOW) == (_hour(1), _hour(7, Busy.TENTATIVE))
    assert connector.requests == before + 1


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([f"FREEBUSY:{PERIODS}"], [_hour(1)]),
        (["FREEBUSY:20260302T010000Z/PT1H,20260302T030000Z/PT1H"], [_hour(1), _hour(3)]),
        ([f"FREEBUSY;FBTYPE=FREE:{PERIODS}"], []),
        ([f"FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:{PERIODS}"], [_hour(1, Busy.AWAY)]),
        ([f"FREEBUSY;FBTYPE=X-MINE:{PERIODS}"], [_hour(1)]),
        (["FREEBUSY:20260302T010000Z/202603\r\n 02T020000Z"], [_hour(1)]),
        (["FREEBUSY:20260101T000000Z/20260102T000000Z"], []),
        (["FREEBUSY:"], []),
    ],
)
def test_every_form_of_a_period(lines: list[str], expected: list[Taken]) -> None:
    assert _asked(200, _told(*lines)) == tuple(expected)


@pytest.mark.parametrize("status", [400, 405, 415, 501])
def test_a_server_without_the_report_says_so(status: int) -> None:
    with pytest.raises(Rejected, match="does not tell"):
        _asked(status, b"")


def test_a_report_that_is_not_supported_is_no_lack_of_rights() -> None:
    with pytest.raises(Rejected):
        _asked(403, UNSUPPORTED)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b"", Unauthorized),
        (403, b"", Unauthorized),
        (404, b"", Unavailable),
        (503, b"", Unavailable),
        (200, b"", Unavailable),
        (200, b"<html>", Unavailable),
        (200, b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", Unavailable),
        (200, _told("FREEBUSY:demnächst/später"), Unavailable),
        (200, _told("FREEBUSY:20260302T010000Z/PT"), Unavailable),
        (200, _told("FREEBUSY:20260302T010000Z/P999999W"), Unavailable),
        (200, _told("FREEBUSY:20260302T010000Z"), Unavailable),
    ],
)
def test_a_bad_answer_is_no_answer(status: int, body: bytes, kind: type[ConnectorError]) -> None:
    """And never "free"."""
    with pytest.raises(kind):
        _asked(status, body)
