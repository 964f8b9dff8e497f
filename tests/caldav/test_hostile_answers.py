"""Odd and hostile WebDAV answers: each ends in one error of ours, or in the truth."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from connectors.caldav import client
from connectors.caldav.fake import FakeCalDav, Reply
from syncd.connector import Identity
from syncd.core.model import Appointment, Timed
from syncd.core.state import Marker
from syncd.errors import ConnectorError, Locked, Rejected, Stale, Unauthorized, Unavailable
from tests.caldav.connecting import WINDOW, connect
from tests.caldav.test_hostile_items import GOOD

VISIT = Appointment(Timed(datetime(2026, 3, 1, 9), datetime(2026, 3, 1, 10), "UTC"), title="客户")
XML = {"Content-Type": "application/xml"}
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    '<D:multistatus xmlns:D="DAV:"><D:sync-token>&c;</D:sync-token></D:multistatus>'
)
EXTERNAL = (
    '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    '<D:multistatus xmlns:D="DAV:"><D:sync-token>&a;</D:sync-token></D:multistatus>'
)

READ_ANSWERS: dict[str, tuple[Reply, type[ConnectorError], str]] = {
    "a web page": ((200, {"Content-Type": "text/html"}, b"<html>Hi</html>"), Unavailable, "200"),
    "a web page as 207": ((207, {}, b"<html><p>Hi</html>"), Unavailable, "not XML"),
    "other XML": ((207, XML, b"<x/>"), Unavailable, "multistatus"),
    "nothing": ((207, XML, b""), Unavailable, "not XML"),
    "half an answer": ((207, XML, b'<D:multistatus xmlns:D="DAV:"><D:resp'), Unavailable, "XML"),
    "a bomb": ((207, XML, BOMB.encode()), Unavailable, "document type"),
    "a bomb in UTF-16": ((207, XML, BOMB.encode("utf-16")), Unavailable, "document type"),
    "an external entity": ((207, XML, EXTERNAL.encode()), Unavailable, "document type"),
    "another host": ((302, {"Location": "http://evil.example/"}, b""), Unavailable, "another host"),
    "another port": ((301, {"Location": "http://127.0.0.1:1/"}, b""), Unavailable, "another host"),
    "a circle": ((307, {"Location": "/cal/"}, b""), Unavailable, "circle"),
    "too large": ((207, XML, b"x" * (client.MAX_ANSWER + 1)), Unavailable, "larger"),
    "sign-in": ((401, {"WWW-Authenticate": "Basic"}, b""), Unauthorized, "401"),
    "no rights": ((403, {}, b""), Unauthorized, "403"),
    "gone": ((404, {}, b""), Unavailable, "not there"),
    "broken": ((500, {}, b"Traceback"), Unavailable, "500"),
}


@pytest.mark.parametrize("case", READ_ANSWERS)
def test_an_unusable_answer_is_one_error(case: str) -> None:
    """Nothing is taken for gone (invariant 4), and the next look is right again."""
    reply, error, words = READ_ANSWERS[case]
    with FakeCalDav() as fake:
        fake.put("good.ics", GOOD)
        connector = connect(fake.url, fake.url)
        first = connector.observe(None, WINDOW, {})
        fake.faults.reply = lambda method, path: reply
        for cursor in (first.cursor, None):
            with pytest.raises(error, match=words) as raised:
                connector.observe(cursor, WINDOW, {})
            assert "Traceback" not in str(raised.value)
            assert "客户" not in str(raised.value)
        fake.faults.reply = lambda method, path: None
        assert len(connector.observe(None, WINDOW, {}).copies) == 1


def test_credentials_go_to_no_other_host() -> None:
    with FakeCalDav() as fake, FakeCalDav() as other:
        fake.faults.reply = lambda method, path: (302, {"Location": other.url}, b"")
        with pytest.raises(Unavailable, match="another host"):
            connect(fake.url, fake.url).observe(None, WINDOW, {})
        assert other.log == []


WRITE_ANSWERS: dict[str, tuple[Reply, type[ConnectorError], bool, float | None]] = {
    "429": ((429, {"Retry-After": "17"}, b""), Unavailable, False, 17.0),
    "503": ((503, {}, b""), Unavailable, False, None),
    "503 with a past date": (
        (503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b""),
        Unavailable,
        False,
        0.0,
    ),
    "500": ((500, {}, b""), Unavailable, True, None),
    "502": ((502, {}, b""), Unavailable, True, None),
    "423": ((423, {}, b""), Locked, True, None),
    "507": ((507, {}, b""), Unavailable, False, None),
    "413": ((413, {}, b""), Rejected, False, None),
    "415": ((415, {}, b""), Rejected, False, None),
    "403": ((403, {}, b""), Rejected, False, None),
    "403 for lack of rights": (
        (403, XML, b'<D:error xmlns:D="DAV:"><D:need-privileges/></D:error>'),
        Unauthorized,
        False,
        None,
    ),
    "401": ((401, {}, b""), Unauthorized, False, None),
    "moved": ((302, {"Location": "/other"}, b""), Unavailable, False, None),
}


@pytest.mark.parametrize("case", WRITE_ANSWERS)
def test_a_refused_write_says_what_to_do(case: str) -> None:
    reply, error, maybe, wait = WRITE_ANSWERS[case]
    with FakeCalDav() as fake:
        fake.put("good.ics", GOOD)
        connector = connect(fake.url, fake.url)
        (copy,) = connector.observe(None, WINDOW, {}).copies
        fake.faults.reply = lambda method, path: reply if method in ("PUT", "DELETE") else None
        for write in (
            lambda: connector.create(Identity(Marker("inst1", "a1")), VISIT),
            lambda: connector.update(copy, replace(copy.reads, title="新")),
            lambda: connector.delete(copy),
        ):
            with pytest.raises(error) as raised:
                write()
            if isinstance(raised.value, Unavailable):
                assert raised.value.maybe_applied == maybe
                assert raised.value.retry_after == wait
            if isinstance(raised.value, Unauthorized):
                assert raised.value.lone == case.startswith("403"), (
                    "rights are those to one calendar"
                )


def test_a_create_without_answer_may_have_been_made_and_is_made_once() -> None:
    """Invariant 3: the second try meets the first."""
    with FakeCalDav() as fake:
        connector = connect(fake.url, fake.url, timeout=1)
        connector.observe(None, WINDOW, {})
        fake.faults.hang_after_write = True
        with pytest.raises(Unavailable) as raised:
            connector.create(Identity(Marker("inst1", "a1")), VISIT)
        assert raised.value.maybe_applied
        fake.faults.hang_after_write = False
        with pytest.raises(Stale) as stale:
            connector.create(Identity(Marker("inst1", "a1")), VISIT)
        assert list(fake.items) == [stale.value.key]


def test_nobody_listening_is_unavailable() -> None:
    with FakeCalDav() as fake:
        url = fake.url
    with pytest.raises(Unavailable) as raised:
        connect(url, url).observe(None, WINDOW, {})
    assert not raised.value.maybe_applied
