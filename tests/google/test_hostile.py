"""What a Google that is ill, far away or hostile does to a connector."""

from __future__ import annotations

import gzip
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from connectors.google import transport
from connectors.google.connector import GoogleConnector
from connectors.google.fake import FakeGoogle, Fault, google_error
from syncd.core.model import Appointment, Override
from syncd.errors import ConnectorError, Rejected, Stale, Unauthorized, Unavailable
from tests.conformance.world import look, one
from tests.google.connecting import ALICE, at, connect, identity, news, only, weekly

TITLE = "绝密 secret title"
VISIT = Appointment(at(2), title=TITLE)
JSON = {"Content-Type": "application/json"}


def on(*methods: str) -> Any:
    return lambda name, _path: name in methods


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_write_that_met_a_server_error_is_in_doubt(fake: FakeGoogle, status: int) -> None:
    """Invariant 3: it may have been carried out, so that the next create meets it."""
    connector, name = connect(fake), identity()
    fault = Fault(google_error(status, "backendError"), on("events.insert"), after=True)
    fake.faults.append(fault)
    with pytest.raises(Unavailable) as doubt:
        connector.create(name, VISIT)
    assert doubt.value.maybe_applied
    with pytest.raises(Stale) as stale:
        connector.create(name, VISIT)
    assert [copy.key for copy in look(connector).copies] == [stale.value.key]


@pytest.mark.parametrize("verb", ["create", "update", "delete"])
def test_a_write_whose_answer_never_comes_is_in_doubt(fake: FakeGoogle, verb: str) -> None:
    """Invariant 10."""
    connector = connect(fake, timeout=0.3)
    made = one(connector, connector.create(identity(), VISIT).key)
    method = {"create": "events.insert", "update": "events.patch", "delete": "events.delete"}[verb]
    fake.faults.append(Fault(when=on(method), after=True, hang=True, times=5))
    verbs: dict[str, Callable[[], object]] = {
        "create": lambda: connector.create(identity(), VISIT),
        "update": lambda: connector.update(made, replace(made.reads, title="Anders")),
        "delete": lambda: connector.delete(made),
    }
    with pytest.raises(Unavailable) as doubt:
        verbs[verb]()
    assert doubt.value.maybe_applied
    assert TITLE not in str(doubt.value)
    fake.faults.clear()
    fake.release.set()
    titles = sorted(copy.reads.title for copy in look(connector).copies)
    assert titles == {"create": [TITLE, TITLE], "update": ["Anders"], "delete": []}[verb]


def test_a_read_that_was_late_is_not_the_answer_to_the_next(fake: FakeGoogle) -> None:
    connector = connect(fake, timeout=0.3)
    keys = [connector.create(identity(), Appointment(at(d), title=f"{d}")).key for d in (2, 3)]
    fake.faults.append(Fault(when=on("events.get"), hang=True))
    with pytest.raises(Unavailable) as late:
        connector.fetch([keys[0]])
    assert not late.value.maybe_applied
    fake.release.set()
    assert one(connector, keys[1]).reads.title == "3"


def test_nobody_there_is_no_doubt(fake: FakeGoogle) -> None:
    """Invariant 2: what was never sent was not carried out."""
    connector = connect(fake, endpoint="http://127.0.0.1:1/calendar/v3/")
    with pytest.raises(Unavailable) as gone:
        connector.create(identity(), VISIT)
    assert not gone.value.maybe_applied


@pytest.mark.parametrize(
    ("status", "reason", "error", "wait"),
    [
        (403, "rateLimitExceeded", Unavailable, 10),
        (403, "userRateLimitExceeded", Unavailable, 10),
        (429, "rateLimitExceeded", Unavailable, 10),
        (429, "", Unavailable, 10),
        (403, "quotaExceeded", Unavailable, 3600),
        (403, "dailyLimitExceeded", Unavailable, 3600),
        (403, "calendarUsageLimits", Unavailable, 3600),
        (403, "forbidden", Unauthorized, None),
        (403, "requiredAccessLevel", Unauthorized, None),
        (403, "insufficientPermissions", Unauthorized, None),
        (403, "accessNotConfigured", Unauthorized, None),
        (403, "forbiddenForNonOrganizer", Rejected, None),
        (403, "somethingNew", Rejected, None),
        (400, "invalid", Rejected, None),
        (400, "timeRangeEmpty", Rejected, None),
        (412, "conditionNotMet", Stale, None),
        (410, "deleted", Stale, None),
        (404, "notFound", Stale, None),
        (302, "", Unavailable, None),
        (501, "notImplemented", Unavailable, None),
    ],
)
def test_refusals_mean_what_their_reason_says(
    fake: FakeGoogle, status: int, reason: str, error: type[ConnectorError], wait: float | None
) -> None:
    connector = connect(fake)
    copy = one(connector, connector.create(identity(), VISIT).key)
    fake.faults.append(Fault(google_error(status, reason), on("events.patch")))
    with pytest.raises(error) as refused:
        connector.update(copy, replace(copy.reads, title="Anders"))
    assert type(refused.value) is error
    assert TITLE not in str(refused.value)
    assert ALICE not in str(refused.value)
    if isinstance(refused.value, Unavailable):
        assert refused.value.retry_after == wait
    if isinstance(refused.value, Unauthorized):
        assert refused.value.lone == (reason in ("forbidden", "requiredAccessLevel"))


def test_retry_after_is_kept_by_everybody_of_the_account(fake: FakeGoogle) -> None:
    connector, other = connect(fake), connect(fake)
    reply = google_error(429, "rateLimitExceeded", {"Retry-After": "47"})
    fake.faults.append(Fault(reply, on("events.list")))
    with pytest.raises(Unavailable) as refused:
        look(connector)
    assert refused.value.retry_after == 47
    assert refused.value.lone  # Bob's allowance is another
    sent = other.requests
    with pytest.raises(Unavailable) as waits:
        look(other)
    assert other.requests == sent
    assert waits.value.retry_after is not None
    assert 40 < waits.value.retry_after <= 47
    assert waits.value.lone
    look(connect(fake, "bob@example.com"))  # whose allowance is his own


def test_a_token_that_ended_early_is_renewed_once(fake: FakeGoogle) -> None:
    connector = connect(fake)
    look(connector)
    fake.tokens.issued.clear()
    look(connector)
    fake.faults.append(Fault(google_error(401, "authError"), times=2))
    with pytest.raises(Unauthorized) as refused:
        look(connector)
    assert not refused.value.lone


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>captive portal</html>",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"items": [{"id": 7}]}',
        b'{"items": [{"status": "confirmed"}]}',
        json.dumps({"items": [{"id": "x", "iCalUID": "y", "recurrence": ["RRULE:"]}]}).encode(),
    ],
    ids=range(9),
)
def test_wrong_json_is_no_empty_calendar(fake: FakeGoogle, body: bytes) -> None:
    """Invariant 4."""
    connector = connect(fake)
    key = connector.create(identity(), VISIT).key
    before = look(connector)
    fake.faults.append(Fault((200, JSON, body), on("events.list"), times=9))
    try:
        shown = news(connector, before)
    except Unavailable:
        pass
    else:
        assert not shown.gone
        assert [each.key for each in shown.unreadable] == ["x"]
    fake.faults.clear()
    assert only(connector).key == key


@pytest.mark.parametrize(
    "event",
    [
        {"start": {}, "end": {}},
        {"start": {"dateTime": "soon"}, "end": {"dateTime": "later"}},
        {"start": {"date": "2026-13-01"}, "end": {"date": "2026-13-02"}},
        {"start": {"date": "2026-03-05"}, "end": {"date": "2026-03-01"}},
        {"start": {"dateTime": "9999-12-31T23:00:00-11:00"}, "end": {"date": "2026-01-01"}},
        {"recurrence": ["RRULE:FREQ=SECONDLY"]},
        {"recurrence": ["DTSTART:20260301T000000Z"]},
        {"recurrence": [7]},
        {"recurrence": "RRULE:FREQ=DAILY"},
        {"recurrence": ["RDATE:gestern"]},
        {"attendees": "everybody", "reminders": [], "extendedProperties": {"private": 7}},
        {"extendedProperties": {"private": {"syncd": 7, "syncd.0": "%%%"}}},
        {"extendedProperties": {"private": {"syncd.0": "eJwDAAAAAAE="}}},
        {"organizer": "me", "conferenceData": {"entryPoints": [7, {"uri": 8}]}},
    ],
    ids=range(14),
)
def test_one_bad_event_stops_nothing(fake: FakeGoogle, event: dict[str, Any]) -> None:
    """Invariant 9."""
    connector, alice = connect(fake), fake.person(ALICE)
    good, bad = (alice.put(title, at(2)) for title in ("gut", "schlecht"))
    with fake.calendars.lock:
        fake.calendars.store(alice.calendar, {**alice.calendar.events[bad], **event})
    listed = look(connector)
    assert good in {copy.key for copy in listed.copies}
    shown = {copy.key for copy in listed.copies} | {each.key for each in listed.unreadable}
    assert shown == {good, bad}
    assert all("schlecht" not in each.reason for each in listed.unreadable)


def test_an_answer_that_is_too_large_is_not_read(
    fake: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER", 100_000)
    connector = connect(fake)
    packed = gzip.compress(b" " * 10_000_000)
    assert len(packed) < 100_000
    for reply in (
        (200, JSON, b" " * 200_000),
        (200, {**JSON, "Content-Encoding": "gzip"}, packed),
        (200, {**JSON, "Content-Encoding": "gzip"}, b"no gzip"),
    ):
        fake.faults.append(Fault(reply))
        with pytest.raises(Unavailable):
            look(connector)
    assert look(connector).complete


class _Thief(BaseHTTPRequestHandler):
    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(str(self.headers))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_PATCH = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def thief() -> Iterator[tuple[str, list[str]]]:
    """Another host, and what it was sent."""
    handler = type("_One", (_Thief,), {"seen": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", handler.seen
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(
    fake: FakeGoogle, thief: tuple[str, list[str]], status: int
) -> None:
    """Invariant 11: the token would travel."""
    address, seen = thief
    connector = connect(fake)
    for method in ("events.list", "events.insert", "token"):
        fake.faults.append(Fault((status, {"Location": address}, b""), on(method)))
        if method == "token":
            fake.tokens.issued.clear()
        with pytest.raises((Unavailable, Unauthorized)):
            connector.create(identity(), VISIT) if method == "events.insert" else look(connector)
        fake.faults.clear()
    assert not seen


def test_half_a_series_is_finished_by_the_next_write(fake: FakeGoogle) -> None:
    """Invariant 10: between the series and its exceptions the line breaks."""
    connector, name = connect(fake), identity()
    own = (("20260309T090000", Override((("title", "anders"),))),)
    content = replace(weekly(), overrides=own)
    fake.faults.append(Fault(google_error(403, "userRateLimitExceeded"), on("events.patch")))
    with pytest.raises(Unavailable) as doubt:
        connector.create(name, content)
    assert doubt.value.maybe_applied
    restarted = connect(fake, timeout=29)
    copy = only(restarted)
    assert copy.marker == name.marker
    written = restarted.update(copy, content)
    assert written.copy is not None
    assert written.copy.reads == only(restarted).reads == content


def test_a_person_who_is_faster_with_one_occurrence_is_not_overwritten(fake: FakeGoogle) -> None:
    """Invariant 2."""
    connector, alice = connect(fake), fake.person(ALICE)
    key = connector.create(identity(), weekly()).key
    copy = only(connector)
    touched = alice.occurrence(key, "20260309T090000")
    alice.retitle(touched, "Von Hand")
    own = (("20260309T090000", Override((("title", "von uns"),))),)
    with pytest.raises(Stale) as stale:
        connector.update(copy, replace(copy.reads, overrides=own))
    assert stale.value.key == key
    with pytest.raises(Stale):
        connector.delete(copy)
    assert alice.event(touched)["summary"] == "Von Hand"


def secrets_of(fake: FakeGoogle) -> list[str]:
    key = json.loads(fake.key_file)["private_key"]
    return [key, key.splitlines()[1], *fake.tokens.issued, *fake.tokens.refresh]


def test_tokens_are_in_no_log_error_or_repr(
    fake: FakeGoogle, caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant 11."""
    caplog.set_level(logging.DEBUG)
    connector = connect(fake)
    connector.create(identity(), VISIT)
    shown = [repr(connector), str(connector), repr(vars(connector)), repr(connector.check())]
    shown += [repr(vars(part)) for part in (connector._client, connector._client.account.sign_in)
              if hasattr(part, "__dict__")]  # fmt: skip
    shown += [repr(connector._client.account.sign_in), repr(connector._client.account)]
    for status, reason in ((500, "backendError"), (403, "forbidden"), (401, "authError")):
        fake.faults.append(Fault(google_error(status, reason), times=2))
        shown += _said_by(connector)
        fake.faults.clear()
    fake.tokens.users.clear()
    fake.tokens.issued.clear()
    shown += _said_by(connector) + caplog.messages
    for secret in secrets_of(fake):
        assert not [text for text in shown if secret in text]
    assert not [text for text in shown if TITLE in text]


def _said_by(connector: GoogleConnector) -> list[str]:
    with pytest.raises(ConnectorError) as error:
        look(connector)
    causes = [error.value, error.value.__cause__, error.value.__context__]
    suppressed = error.value.__suppress_context__
    return [f"{each} {each!r}" for each in (causes[:2] if suppressed else causes)]
