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
from syncd.errors import ConnectorError, Rejected, Stale, Unauthorized, Unavailable
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
    "423": ((423, {}, b""), Unavailable, True, None),
    "507": ((507, {}, b""), Rejected, False, None),
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


@pytest.mark.parametrize("expired", ["403", "412", "410", "400", "full"])
def test_a_dead_token_never_loses_a_deletion(expired: str) -> None:
    """Invariant 4 and its other side: a calendar made anew shows what is missing."""
    with FakeCalDav() as fake:
        keys = [
            fake.put(f"{number}.ics", GOOD.replace("neighbour", f"n{number}"))
            for number in range(60)
        ]
        connector = connect(fake.url, fake.url)
        first = connector.observe(None, WINDOW, {})
        known = {copy.key: copy.version for copy in first.copies}
        fake.identity = "two"
        fake.remove(keys[0])
        again = connector.observe(first.cursor, WINDOW, known)
        assert again.complete
        assert set(known) - again.unchanged - {copy.key for copy in again.copies} == {keys[0]}


def test_a_cursor_of_another_collection_is_not_used() -> None:
    with FakeCalDav() as fake:
        fake.put("good.ics", GOOD)
        first = connect(fake.url, fake.url).observe(None, WINDOW, {})
        fake.identity = "two"
        again = connect(fake.url, fake.url).observe(first.cursor, WINDOW, {})
        assert again.complete
        assert again.identity != first.identity


def test_hrefs_left_out_of_a_multiget_are_fetched_alone() -> None:
    with FakeCalDav() as fake:
        keys = {
            fake.put(f"{number}.ics", GOOD.replace("neighbour", f"n{number}"))
            for number in range(5)
        }
        fake.faults.multiget_hides = set(list(keys)[:2])
        connector = connect(fake.url, fake.url)
        assert {copy.key for copy in connector.observe(None, WINDOW, {}).copies} == keys
        fetched = connector.fetch([*keys, "/cal/none.ics"])
        assert {copy.key for copy in fetched.copies} == keys
        assert fetched.gone == {"/cal/none.ics"}


def test_truncated_answers_are_followed() -> None:
    with FakeCalDav() as fake:
        fake.faults.page = 3
        keys = {
            fake.put(f"{number}.ics", GOOD.replace("neighbour", f"n{number}"))
            for number in range(10)
        }
        snapshot = connect(fake.url, fake.url).observe(None, WINDOW, {})
        assert {copy.key for copy in snapshot.copies} == keys


def test_without_sync_the_ctag_is_the_cursor_and_costs_one_request() -> None:
    with FakeCalDav() as fake:
        fake.faults.no_sync = True
        fake.put("good.ics", GOOD)
        connector = connect(fake.url, fake.url)
        first = connector.observe(None, WINDOW, {})
        known = {copy.key: copy.version for copy in first.copies}
        before = connector.requests
        idle = connector.observe(first.cursor, WINDOW, known)
        assert connector.requests - before == 1
        assert not idle.complete
        assert not idle.copies
        other = fake.put("other.ics", GOOD.replace("neighbour", "other"))
        changed = connector.observe(idle.cursor, WINDOW, known)
        assert changed.complete
        assert [copy.key for copy in changed.copies] == [other]


def test_without_sync_and_ctag_all_is_listed() -> None:
    with FakeCalDav() as fake:
        fake.faults.no_sync = fake.faults.no_ctag = True
        fake.put("good.ics", GOOD)
        connector = connect(fake.url, fake.url)
        first = connector.observe(None, WINDOW, {})
        known = {copy.key: copy.version for copy in first.copies}
        assert first.cursor is None
        again = connector.observe(None, WINDOW, known)
        assert again.complete
        assert again.unchanged == known.keys()


def test_churning_etags_only_cost_time() -> None:
    with FakeCalDav() as fake:
        fake.faults.churn = True
        key = fake.put("good.ics", GOOD)
        connector = connect(fake.url, fake.url)
        first = connector.observe(None, WINDOW, {})
        known = {copy.key: copy.version for copy in first.copies}
        again = connector.observe(None, WINDOW, known)
        assert [copy.reads for copy in again.copies] == [copy.reads for copy in first.copies]
        assert {copy.key for copy in again.copies} == {key}


def test_unchanged_items_reported_as_changed_do_no_harm() -> None:
    with FakeCalDav() as fake:
        keys = {
            fake.put(f"{number}.ics", GOOD.replace("neighbour", f"n{number}"))
            for number in range(40)
        }
        connector = connect(fake.url, fake.url)
        first = connector.observe(None, WINDOW, {})
        known = {copy.key: copy.version for copy in first.copies}
        fake.faults.repeat_all = True
        again = connector.observe(first.cursor, WINDOW, known)
        assert again.gone == frozenset()
        assert {copy.key for copy in again.copies} | again.unchanged == keys


def test_a_control_character_in_an_item_hides_no_other() -> None:
    """A server that copies it into its XML makes an answer that is no XML (invariant 9)."""
    with FakeCalDav() as fake:
        fake.put("good.ics", GOOD)
        fake.put("bad.ics", GOOD.replace("UID:neighbour", "UID:x\x0b\x01\uffff"))
        found = connect(fake.url, fake.url).observe(None, WINDOW, {}).copies
        assert [copy.reads.title for copy in found] == ["好的邻居"] * 2


def test_without_strong_etags_the_body_is_compared_before_a_write() -> None:
    """Invariant 2: an edit that the ETag does not show is not overwritten."""
    with FakeCalDav() as fake:
        fake.faults.weak = True
        key = fake.put("good.ics", GOOD)
        connector = connect(fake.url, fake.url)
        (copy,) = connector.observe(None, WINDOW, {}).copies
        connector.update(copy, replace(copy.reads, title="一"))
        assert "SUMMARY:一" in fake.items[key]
        with pytest.raises(Stale):
            connector.update(copy, replace(copy.reads, title="二"))
        with pytest.raises(Stale):
            connector.delete(copy)
        (current,) = connector.fetch([key]).copies
        connector.delete(current)
        assert not fake.items


def test_a_put_without_etag_is_confirmed_by_the_next_look() -> None:
    with FakeCalDav() as fake:
        fake.faults.no_etag_on_put = True
        fake.faults.rewrite = lambda text: text.replace("SUMMARY:客户", "SUMMARY:客户 ")
        connector = connect(fake.url, fake.url)
        first = connector.observe(None, WINDOW, {})
        written = connector.create(Identity(Marker("inst1", "a1")), VISIT)
        assert (written.version, written.copy) == (None, None)
        (copy,) = connector.observe(first.cursor, WINDOW, {written.key: None}).copies
        assert copy.reads == VISIT


def test_a_represented_put_is_its_own_confirmation() -> None:
    with FakeCalDav() as fake:
        fake.faults.represent = True
        connector = connect(fake.url, fake.url)
        written = connector.create(Identity(Marker("inst1", "a1")), VISIT)
        assert written.copy is not None
        assert (written.copy.reads, written.copy.version) == (VISIT, written.version)


def test_a_taken_uid_is_joined_or_avoided_but_never_doubled() -> None:
    """Invariant 3."""
    with FakeCalDav() as fake:
        key = fake.put("good.ics", GOOD)
        connector = connect(fake.url, fake.url)
        identity = Identity(Marker("inst1", "a1"), "neighbour")
        with pytest.raises(Stale) as raised:
            connector.create(identity, VISIT)
        assert raised.value.key == key
        fake.items[key] = GOOD.replace("UID:", "X-SYNCD-MARKER:inst1:other\r\nUID:")
        written = connector.create(identity, VISIT)
        assert connector.fetch([written.key]).copies[0].uid == "a1@inst1.syncd"
        with pytest.raises(Stale):
            connector.create(identity, VISIT)


MEETING = GOOD.replace(
    "UID:neighbour",
    "ORGANIZER:mailto:alice@example.com\r\nATTENDEE:mailto:li@kunde.example\r\nUID:neighbour",
)


@pytest.mark.parametrize("refused", [True, False])
def test_a_scheduling_server_is_not_made_to_mail(refused: bool) -> None:
    """Invariant 5: neither a change nor a deletion of a meeting that the server would announce."""
    with FakeCalDav() as fake:
        fake.faults.schedules = True
        key = fake.put("meeting.ics", MEETING)
        options = {} if refused else {"scheduling": "write"}
        connector = connect(fake.url, fake.url, **options)
        (copy,) = connector.observe(None, WINDOW, {}).copies
        if not refused:
            connector.update(copy, replace(copy.reads, title="新"))
            assert "ATTENDEE:mailto:li@kunde.example" in fake.items[key]
            return
        with pytest.raises(Rejected, match="attendees"):
            connector.update(copy, replace(copy.reads, title="新"))
        with pytest.raises(Rejected, match="attendees"):
            connector.delete(copy)
        assert fake.items[key] == MEETING


def test_an_invitation_may_be_removed_in_silence() -> None:
    """Invariant 5: the organizer gets no decline."""
    with FakeCalDav() as fake:
        fake.faults.schedules = True
        fake.faults.addresses = ("mailto:alice@example.com",)
        fake.put("meeting.ics", MEETING.replace("alice@", "boss@"))
        connector = connect(fake.url, fake.url)
        (copy,) = connector.observe(None, WINDOW, {}).copies
        assert copy.invited
        connector.delete(copy)
        assert not fake.items
        assert fake.headers[-1]["schedule-reply"] == "F"
