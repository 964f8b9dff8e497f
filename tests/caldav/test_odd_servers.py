"""Servers that are odd but honest: the truth is found all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.caldav.discovery import WELL_KNOWN
from connectors.caldav.fake import FakeCalDav, Reply
from syncd.connector import Identity
from syncd.core.state import Marker
from syncd.errors import Rejected, Stale
from tests.caldav.connecting import WINDOW, connect
from tests.caldav.test_hostile_answers import VISIT
from tests.caldav.test_hostile_items import GOOD


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


def test_a_server_that_refuses_bodies_in_a_sync_report_is_asked_once() -> None:
    with FakeCalDav() as fake:
        fake.faults.refuse_inline_data = True
        connector = connect(fake.url, fake.url)
        cursor = connector.observe(None, WINDOW, {}).cursor
        key = fake.put("good.ics", GOOD)
        changed = connector.observe(cursor, WINDOW, {})
        assert [copy.key for copy in changed.copies] == [key]
        assert not changed.complete
        before = connector.requests
        connector.observe(changed.cursor, WINDOW, {key: changed.copies[0].version})
        assert connector.requests - before == 1


def test_a_redirect_within_the_host_is_followed_and_counted() -> None:
    with FakeCalDav() as fake:
        fake.put("good.ics", GOOD)
        moved: Reply = (301, {"Location": "/cal/"}, b"")
        fake.faults.reply = lambda method, path: moved if path == "/old/" else None
        connector = connect(fake.url.replace("/cal/", "/old/"), "work")
        assert len(connector.observe(None, WINDOW, {}).copies) == 1
        assert connector.requests == len(fake.log)


def test_the_well_known_address_is_tried() -> None:
    with FakeCalDav() as fake:
        fake.put("good.ics", GOOD)
        moved: Reply = (302, {"Location": "/cal/"}, b"")
        fake.faults.reply = lambda method, path: moved if path == WELL_KNOWN else None
        connector = connect(fake.url.replace("/cal/", "/"), "work")
        assert len(connector.observe(None, WINDOW, {}).copies) == 1


def test_bearer_tokens_are_sent_and_basic_comes_at_once() -> None:
    with FakeCalDav() as fake:
        connect(fake.url, fake.url, auth="bearer", token="tok").observe(None, WINDOW, {})
        assert {headers["authorization"] for headers in fake.headers} == {"Bearer tok"}
        fake.headers.clear()
        connect(fake.url, fake.url).observe(None, WINDOW, {})
        assert {headers["authorization"][:6] for headers in fake.headers} == {"Basic "}


def test_digest_answers_its_challenge_and_every_request_is_counted() -> None:
    with FakeCalDav() as fake:
        challenge = {"WWW-Authenticate": 'Digest realm="x", nonce="n1", qop="auth"'}

        def ask(method: str, path: str) -> Reply | None:
            answered = fake.headers[-1].get("authorization", "").startswith("Digest ")
            return None if answered else (401, challenge, b"")

        fake.faults.reply = ask
        fake.put("good.ics", GOOD)
        connector = connect(fake.url, fake.url, auth="digest")
        start = connector.observe(None, WINDOW, {})
        assert len(start.copies) == 1
        assert connector.requests == len(fake.log)
        connector.observe(start.cursor, WINDOW, {"/cal/good.ics": start.copies[0].version})
        assert connector.requests == len(fake.log)


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
