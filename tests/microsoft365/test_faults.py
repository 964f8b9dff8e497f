"""Hostile and broken answers: what the connector makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from connectors.microsoft365.fake import Answered, FakeGraph, Request
from syncd.connector import Identity, Written
from syncd.core.model import Appointment, Override, Recurrence
from syncd.errors import ConnectorError, CursorExpired, Rejected, Stale, Unauthorized, Unavailable
from tests.conformance.world import identity, look, make, one, visit
from tests.microsoft365.connecting import ALICE, WINDOW, connect, key_of, outlook

EVENTS = f"/users/{ALICE}/events"


def _on(method: str, part: str, answer: Answered) -> Callable[[Request], Answered | None]:
    def reply(request: Request) -> Answered | None:
        return answer if request.method == method and part in request.path else None

    return reply


def _error(status: int, code: str = "ErrorX", **headers: str) -> Answered:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answered(status, {"error": {"code": code, "message": "m"}}, named)


def test_a_create_whose_answer_was_lost_is_made_once(graph: FakeGraph) -> None:
    """Invariant 3."""
    connector, name = connect(graph), identity()
    look(connector)
    graph.faults.lost = 1
    with pytest.raises(Unavailable) as lost:
        connector.create(name, visit())
    assert lost.value.maybe_applied
    with pytest.raises(Stale) as stale:
        connector.create(name, visit())
    (event,) = outlook(graph).events
    assert stale.value.key == key_of(event.number)
    assert one(connector, stale.value.key).marker == name.marker


def test_a_batch_whose_answer_was_lost_leaves_each_in_doubt(graph: FakeGraph) -> None:
    """Invariant 3: whatever threads wrote together is in doubt together, and made once."""
    connector = connect(graph)
    look(connector)
    names = [(identity(), visit(number)) for number in range(12)]
    graph.faults.lost = 12

    def outcome(each: tuple[Identity, Appointment]) -> Written | ConnectorError:
        try:
            return connector.create(*each)
        except ConnectorError as error:
            return error

    with ThreadPoolExecutor(12) as pool:
        lost = list(pool.map(outcome, names))
    assert all(isinstance(each, Unavailable) and each.maybe_applied for each in lost)
    graph.faults.lost = 0
    for name, again in zip(names, map(outcome, names), strict=True):
        key = again.key if isinstance(again, Written | Stale) else ""
        assert one(connector, key).marker == name[0].marker
    assert len(outlook(graph).events) == 12


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_error_leaves_a_write_in_doubt(graph: FakeGraph, status: int) -> None:
    connector = connect(graph)
    copy = make(connector, visit())
    graph.faults.reply = _on("PATCH", "/events/", _error(status))
    with pytest.raises(Unavailable) as error:
        connector.update(copy, visit(1))
    assert error.value.maybe_applied


def test_a_wait_of_seconds_is_waited_here(graph: FakeGraph) -> None:
    connector = connect(graph)
    look(connector)
    graph.faults.throttled = 2
    connector.create(identity(), visit())
    assert len(outlook(graph).events) == 1
    assert graph.refused == 2


@pytest.mark.parametrize("status", [429, 503])
def test_a_long_wait_is_the_caller_s(graph: FakeGraph, status: int) -> None:
    """Nothing was carried out: no doubt remains."""
    connector = connect(graph)
    copy = make(connector, visit())
    graph.faults.reply = _on("PATCH", "/events/", _error(status, Retry_After="600"))
    with pytest.raises(Unavailable) as error:
        connector.update(copy, visit(1))
    assert error.value.retry_after == 600
    assert not error.value.maybe_applied


def test_one_of_a_batch_that_is_throttled_is_sent_again(graph: FakeGraph) -> None:
    connector = connect(graph)
    keys = [make(connector, visit(number)).key for number in range(10)]
    graph.faults.throttled = 3
    assert {copy.key for copy in connector.fetch(keys).copies} == set(keys)


def test_one_mailbox_without_rights_says_nothing_of_the_others(graph: FakeGraph) -> None:
    graph.mailbox("bob@example.com")
    graph.service.denied.add("bob@example.com")
    with pytest.raises(Unauthorized) as error:
        look(connect(graph, "bob@example.com"))
    assert error.value.lone
    assert look(connect(graph)).complete


def test_a_mailbox_that_is_not_there_is_told_alone(graph: FakeGraph) -> None:
    with pytest.raises(Unavailable) as error:
        look(connect(graph, "nobody@example.com"))
    assert error.value.lone


@pytest.mark.parametrize(
    ("status", "code"),
    [(410, "SyncStateNotFound"), (400, "syncStateNotFound"), (404, "resyncRequired"), (410, "")],
)
def test_a_dead_cursor_asks_for_everything(graph: FakeGraph, status: int, code: str) -> None:
    connector = connect(graph)
    first = look(connector)
    graph.faults.reply = _on("GET", "/delta", _error(status, code))
    with pytest.raises(CursorExpired):
        look(connector, first)


def test_a_cursor_that_leads_elsewhere_gets_no_token(graph: FakeGraph) -> None:
    """A link to another host would be sent our token."""
    connector = connect(graph)
    cursor = look(connector).cursor
    assert cursor is not None
    identity_, start, end, link = json.loads(cursor)
    for other in ("http://evil.example/v1.0/x", link.replace("127.0.0.1", "u@127.0.0.1")):
        stolen = json.dumps([identity_, start, end, other])
        with pytest.raises(CursorExpired):
            connector.observe(stolen, WINDOW, {})
    with pytest.raises(CursorExpired):
        connector.observe("nonsense", WINDOW, {})


def test_a_redirect_is_not_followed(graph: FakeGraph) -> None:
    connector = connect(graph)
    look(connector)
    graph.faults.reply = lambda request: Answered(302, None, {"Location": "http://evil.example/"})
    with pytest.raises(Unavailable, match="redirects"):
        look(connector)


@pytest.mark.parametrize(
    "body",
    [b"<html>Sign in</html>", b"[]", b"{", b'{"value": 7}', b"null", b'{"value": []}', b"\xff"],
)
def test_what_is_no_listing_is_no_empty_calendar(graph: FakeGraph, body: bytes) -> None:
    """Invariant 4: nothing is taken for gone because an answer was none."""
    connector = connect(graph)
    make(connector, visit())
    first = look(connector)
    graph.faults.reply = _on("GET", "delta", Answered(200, body))
    with pytest.raises(Unavailable):
        look(connector, first)


def test_items_of_any_shape_harm_only_themselves(graph: FakeGraph) -> None:
    """Invariant 9."""
    connector, person = connect(graph), outlook(graph)
    good = make(connector, visit()).key
    odd: list[dict[str, object]] = [
        {"start": None},
        {"start": {"dateTime": "2026-13-01T00:00:00", "timeZone": "UTC"}},
        {"start": {"dateTime": "2026-01-01T00:00:00", "timeZone": "Mars/Base"}},
        {"end": {"dateTime": "2020-01-01T00:00:00", "timeZone": "UTC"}},
        {"recurrence": {"pattern": {"type": "hijri"}, "range": {}}},
        {"recurrence": 5, "type": "seriesMaster"},
        {"isAllDay": True, "start": {"dateTime": "x", "timeZone": "UTC"}},
    ]
    when = visit(5).when
    for number, spoiled in enumerate(odd):
        event = person.put(f"odd {number}", when.start, when.end, "UTC")  # type: ignore[arg-type]  # a visit is Timed
        event.spoiled = spoiled
    harmless: list[dict[str, object]] = [
        {"subject": None, "body": None, "location": 7, "categories": [1, None]},
        {"attendees": [None, 5, {"emailAddress": None}], "organizer": [], "showAs": 3},
        {"sensitivity": {}, "reminderMinutesBeforeStart": "x", "lastModifiedDateTime": "never"},
    ]
    for number, spoiled in enumerate(harmless):
        event = person.put(f"fine {number}", when.start, when.end, "UTC")  # type: ignore[arg-type]  # a visit is Timed
        event.spoiled = spoiled
    shown = look(connect(graph))
    assert {each.key for each in shown.unreadable} == {key_of(2 + n) for n in range(len(odd))}
    assert {copy.key for copy in shown.copies} == {good} | {
        key_of(2 + len(odd) + n) for n in range(len(harmless))
    }


def test_a_huge_answer_is_not_read(graph: FakeGraph) -> None:
    connector = connect(graph)
    look(connector)
    graph.faults.reply = lambda request: Answered(200, b" " * 31_000_000)
    with pytest.raises(Unavailable, match="larger"):
        connector.fetch(["AAkALg1"])


def test_a_batch_that_lacks_an_answer_leaves_its_request_in_doubt(graph: FakeGraph) -> None:
    connector = connect(graph)
    keys = [make(connector, visit(number)).key for number in range(3)]
    graph.faults.reply = lambda request: (
        Answered(200, {"responses": []}) if request.path == "/$batch" else None
    )
    with pytest.raises(Unavailable, match="lacks"):
        connector.fetch(keys)


def test_ids_differ_without_the_header(graph: FakeGraph) -> None:
    """Every request asks for immutable ids: Graph does not know the others."""
    connector = connect(graph)
    copy = make(connector, visit())
    look(connector)
    connector.update(copy, visit(1))
    assert all(request.immutable for request in graph.asked)


def test_what_graph_cannot_hold_is_refused_with_the_reason(graph: FakeGraph) -> None:
    connector = connect(graph)
    series = replace(visit(), recurrence=Recurrence(("FREQ=MONTHLY;BYMONTHDAY=2,17",)))
    with pytest.raises(Rejected, match="several days of a month"):
        connector.create(identity(), series)
    assert not outlook(graph).events


def test_a_series_whose_occurrences_failed_is_in_doubt(graph: FakeGraph) -> None:
    """The master is there: it is found again by its marker, and completed by an update."""
    connector, name = connect(graph), identity()
    own = (("20260303T100000", Override(deleted=True)),)
    series = replace(visit(), recurrence=Recurrence(("FREQ=DAILY;COUNT=5",)), overrides=own)
    graph.faults.reply = _on("DELETE", "/events/", _error(503))
    with pytest.raises(Unavailable) as error:
        connector.create(name, series)
    assert error.value.maybe_applied
    graph.faults.reply = lambda request: None
    (copy,) = connector.find(name.marker)
    connector.update(copy, series)
    assert one(connector, copy.key).reads == series
