"""When a Microsoft 365 calendar is taken: what it costs, what it tells, and what can go wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.microsoft365.fake import Answered, FakeGraph, Request
from syncd.connector import Window
from syncd.core.model import Busy
from syncd.core.taken import Taken
from syncd.errors import ConnectorError, Unauthorized, Unavailable
from tests.architecture.markdown import page
from tests.microsoft365.connecting import ALICE, WINDOW, connect, outlook

MARCH = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
SHANGHAI = "China Standard Time"
SCHEDULE = "/users/alice@example.com/calendar/getSchedule"


def _put(graph: FakeGraph, day: int, hour: int = 9, hours: int = 1, **more: Any) -> None:
    start = datetime(2026, 3, day, hour)
    outlook(graph).put("秘密 secret", start, start + timedelta(hours=hours), SHANGHAI, **more)


def _hours(day: int, hour: int, hours: int = 1, kind: Busy = Busy.BUSY) -> Taken:
    start = datetime(2026, 3, day, hour, tzinfo=UTC)
    return Taken(start, start + timedelta(hours=hours), kind)


def _answering(graph: FakeGraph, answer: Answered) -> None:
    def reply(request: Request) -> Answered | None:
        return answer if request.path.endswith("/getSchedule") else None

    graph.faults.reply = reply


def _moment(text: str, zone: str = "UTC") -> dict[str, str]:
    return {"dateTime": text, "timeZone": zone}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"endTime": _moment("2026-04-12T00:00:00")}, "ErrorTimeIntervalTooBig"),
        ({"endTime": _moment("2026-03-01T00:00:00")}, "ErrorInvalidParameter"),
        ({"endTime": "2026-03-02T00:00:00Z"}, "RequestBodyRead"),
        ({"endTime": _moment("2026-03-02", "Mars")}, "TimeZoneNotSupportedException"),
        ({"schedules": [f"u{n}@example.com" for n in range(21)]}, "ErrorInvalidParameter"),
        ({"schedules": []}, "ErrorInvalidParameter"),
        ({"availabilityViewInterval": 4}, "ErrorInvalidParameter"),
        ({"mailboxes": [ALICE]}, "RequestBodyRead"),
    ],
)
def test_the_fake_is_strict(graph: FakeGraph, change: dict[str, Any], code: str) -> None:
    graph.mailbox()
    times = {"startTime": _moment("2026-03-01T00:00:00"), "endTime": _moment("2026-04-11T00:00:00")}
    good = {"schedules": [ALICE], **times}
    assert graph.service.answer(Request.of("POST", SCHEDULE, {}, good)).status == 200
    answer = graph.service.answer(Request.of("POST", SCHEDULE, {}, good | change))
    assert (answer.status, answer.found["error"]["code"]) == (400, code)


def test_each_booking_with_its_kind(graph: FakeGraph) -> None:
    """Two that overlap are two. Working elsewhere is free, as Outlook counts it."""
    for day, status in enumerate(["tentative", "oof", "busy", "unknown"], start=2):
        _put(graph, day, showAs=status)
    for day, status in enumerate(["free", "workingElsewhere"], start=9):
        _put(graph, day, showAs=status)
    _put(graph, 16, hours=3)
    _put(graph, 16, hour=10)
    _put(graph, 20)
    outlook(graph).events[-1].props["isCancelled"] = True
    assert connect(graph).busy(MARCH) == (
        _hours(2, 1, kind=Busy.TENTATIVE),
        _hours(3, 1, kind=Busy.AWAY),
        _hours(4, 1),
        _hours(5, 1),
        _hours(16, 1, 3),
        _hours(16, 2),
    )


def test_an_all_day_appointment_has_the_hours_of_its_zone(graph: FakeGraph) -> None:
    _put(graph, 10, hour=0, hours=24, isAllDay=True)
    assert connect(graph).busy(MARCH) == (_hours(9, 16, 24),)


def test_one_request_for_forty_one_days(graph: FakeGraph) -> None:
    """And one, once, to find the calendar."""
    graph.mailbox()
    connector = connect(graph)
    connector.busy(MARCH)
    assert connector.requests == 2
    connector.busy(WINDOW)
    assert connector.requests == 2 + 9
    assert {method for method, _ in graph.calls} == {"GET", "POST"}


def test_a_second_calendar_is_told_by_its_view(graph: FakeGraph) -> None:
    """getSchedule knows primary calendars alone: it would tell of another one."""
    mailbox = graph.mailbox()
    second = mailbox.add_calendar("会议室")
    _put(graph, 2)
    for day, status in ((3, "busy"), (4, "free"), (5, "tentative")):
        body = {
            "subject": "x",
            "start": _moment(f"2026-03-0{day}T09:00:00", SHANGHAI),
            "end": _moment(f"2026-03-0{day}T10:00:00", SHANGHAI),
            "showAs": status,
        }
        mailbox.create(second.id, body)
    connector = connect(graph, f"{ALICE}/会议室")
    assert connector.busy(MARCH) == (_hours(3, 1), _hours(5, 1, kind=Busy.TENTATIVE))
    assert connector.requests == 2
    assert not [path for _, path in graph.calls if path.endswith("getSchedule")]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ErrorMailRecipientNotFound", Unavailable),
        ("ErrorNoFreeBusyAccess", Unauthorized),
        ("Geheim <alice>", Unavailable),
    ],
)
def test_a_fault_of_one_mailbox_is_its_own(
    graph: FakeGraph, code: str, kind: type[ConnectorError]
) -> None:
    """Invariants 9 and 11: the status of such an answer is 200, and its words name people."""
    graph.mailbox()
    graph.mailbox("bob@example.com")
    graph.service.schedule_faults[ALICE] = code
    with pytest.raises(kind) as refused:
        connect(graph).busy(MARCH)
    assert isinstance(refused.value, Unavailable | Unauthorized)
    assert refused.value.lone
    assert ALICE not in str(refused.value)
    assert "Geheim" not in str(refused.value)
    assert connect(graph, "bob@example.com").busy(MARCH) == ()


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"value": []},
        {"value": [{"scheduleId": ALICE}]},
        {"value": [{"scheduleItems": [{"status": "busy"}]}]},
        {"value": [{"scheduleItems": [{"start": _moment("bald"), "end": _moment("später")}]}]},
        {"value": [{"scheduleItems": ["busy"]}]},
        b"<html>",
    ],
)
def test_a_bad_answer_is_no_answer(graph: FakeGraph, found: Any) -> None:
    """And never "free"."""
    graph.mailbox()
    _answering(graph, Answered(200, found))
    with pytest.raises(Unavailable) as failed:
        connect(graph).busy(MARCH)
    assert not failed.value.maybe_applied


@pytest.mark.parametrize(("status", "kind"), [(403, Unauthorized), (503, Unavailable)])
def test_a_refusal_is_told(graph: FakeGraph, status: int, kind: type[ConnectorError]) -> None:
    graph.mailbox()
    _answering(graph, Answered(status, {"error": {"code": "ErrorAccessDenied"}}))
    with pytest.raises(kind, match="ErrorAccessDenied"):
        connect(graph).busy(MARCH)


def test_a_look_up_that_is_throttled_is_asked_again(graph: FakeGraph) -> None:
    _put(graph, 2)
    connector = connect(graph)
    connector.busy(MARCH)
    graph.faults.throttled = 2
    assert connector.busy(MARCH) == (_hours(2, 1),)
    assert graph.refused == 2


def test_the_page_says_which_permission() -> None:
    text = page("docs/microsoft365.md").text
    assert "`syncd busy`" in text
    assert "Calendars.ReadBasic" not in text
