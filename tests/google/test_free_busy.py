"""When a Google calendar is taken: what it costs, which scope it needs, and what can go wrong."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.google import plugin
from connectors.google.accounts import FREE_BUSY, SCOPE
from connectors.google.fake import FakeGoogle, Fault, google_error
from connectors.google.tokens import keep
from syncd.connector import Collection, Window
from syncd.core.model import AllDay, Appointment, Busy
from syncd.core.taken import Taken
from syncd.errors import Unauthorized, Unavailable
from tests.architecture.markdown import page
from tests.conformance.world import WINDOW, look
from tests.google.connecting import ALICE, BOB, GROUP, ROOM, at, connect, identity, system

MARCH = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
QUERY = {"timeMin": "2026-03-01T00:00:00Z", "timeMax": "2026-04-01T00:00:00Z"}


def _hour(day: int, hour: int) -> Taken:
    start = datetime(2026, 3, day, hour, tzinfo=UTC)
    return Taken(start, start + timedelta(hours=1))


def _ask(fake: FakeGoogle, body: Any, user: str = ALICE, scope: str = FREE_BUSY) -> Any:
    """With plain HTTP: the answer, or the status and the reason."""
    token = fake.tokens._issue(user, scope)["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"{fake.endpoint}freeBusy", data, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())["error"]["errors"][0]["reason"]


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"timeMax": "2026-06-01T00:00:00Z"}, (400, "timeRangeTooLong")),
        ({"timeMax": "2026-03-01T00:00:00Z"}, (400, "timeRangeEmpty")),
        ({"timeMin": "2026-03-01T00:00:00"}, (400, "badRequest")),
        ({"timeMin": None}, (400, "required")),
        ({"timeZone": "Mars/Phobos"}, (400, "invalid")),
        ({"items": [{}]}, (400, "required")),
        ({"items": [ALICE]}, (400, "invalid")),
        ({"calendars": [ALICE]}, (400, "badRequest")),
    ],
)
def test_the_fake_is_strict(
    fake: FakeGoogle, change: dict[str, Any], refused: tuple[int, str]
) -> None:
    assert _ask(fake, {**QUERY, "items": [{"id": ALICE}], **change}) == refused


def test_the_fake_asks_for_a_scope_of_the_document(fake: FakeGoogle) -> None:
    assert _ask(fake, QUERY, scope=SCOPE) == (403, "insufficientPermissions")


def test_the_fake_tells_faults_calendar_by_calendar(fake: FakeGoogle) -> None:
    fake.person(ALICE).put("午餐 lunch", at(2))
    ids = [ALICE, BOB, "nobody@example.com"]
    found = _ask(fake, {**QUERY, "items": [{"id": id} for id in ids]})["calendars"]
    assert found[ALICE]["busy"] == [
        {"start": "2026-03-02T01:00:00Z", "end": "2026-03-02T02:00:00Z"}
    ]
    assert [found[id]["errors"][0]["reason"] for id in ids[1:]] == ["notFound", "notFound"]
    many = _ask(fake, {**QUERY, "items": [{"id": f"{n}@example.com"} for n in range(51)]})
    reasons = {each["errors"][0]["reason"] for each in many["calendars"].values()}
    assert reasons == {"tooManyCalendarsRequested"}


def test_what_takes_time_and_what_does_not(fake: FakeGoogle) -> None:
    """Also what the connector never reads: a birthday, what the person has declined."""
    person = fake.person(ALICE)
    person.insert(at(2), summary="忙 busy")
    person.insert(at(3), summary="frei", transparency="transparent")
    person.insert(at(4), summary="vielleicht", status="tentative")
    person.insert(
        at(5), summary="ohne mich", attendees=[{"email": ALICE, "responseStatus": "declined"}]
    )
    person.insert(at(6), summary="im Kalender", eventType="outOfOffice")
    person.delete(person.put("abgesagt", at(9)))
    assert connect(fake).busy(MARCH) == (_hour(2, 1), _hour(4, 1), _hour(6, 1))


def test_days_begin_where_the_calendar_is(fake: FakeGoogle) -> None:
    fake.person(BOB).put("出差", AllDay(date(2026, 3, 10), date(2026, 3, 11)))
    start = datetime(2026, 3, 9, 23, tzinfo=UTC)  # Berlin
    assert connect(fake, BOB).busy(MARCH) == (Taken(start, start + timedelta(days=1), Busy.BUSY),)


def test_one_request_for_two_months(fake: FakeGoogle) -> None:
    connector = connect(fake)
    connector.busy(MARCH)
    assert (connector.requests, fake.requests["freebusy.query"]) == (1, 1)
    connector.busy(WINDOW)
    assert fake.requests == {"freebusy.query": 1 + 7}


@pytest.mark.parametrize("calendar", [ROOM, GROUP])
def test_of_rooms_and_shared_calendars(fake: FakeGoogle, calendar: str) -> None:
    fake.person(ALICE, calendar).put("会议室", at(2))
    assert connect(fake, ALICE, calendar).busy(MARCH) == (_hour(2, 1),)


def test_a_delegation_without_the_scope_lacks_only_this(fake: FakeGoogle) -> None:
    """One that was made before there were look-ups does for everything else."""
    fake.tokens.delegated.discard(FREE_BUSY)
    connector = connect(fake)
    with pytest.raises(Unauthorized, match=r"calendar\.events\.freebusy") as refused:
        connector.busy(MARCH)
    assert refused.value.lone
    assert ALICE not in str(refused.value)
    key = connector.create(identity(), Appointment(at(2), title="客户")).key
    assert [copy.key for copy in look(connector).copies] == [key]
    assert fake.requests["freebusy.query"] == 0


def test_a_consent_without_the_scope_lacks_only_this(fake: FakeGoogle, tmp_path: Path) -> None:
    parts = json.loads(fake.client_file)["installed"]
    sign_in = {key: parts[key] for key in ("client_id", "client_secret", "token_uri")}
    options = {"endpoint": fake.endpoint, "account": ALICE}
    own = replace(system(fake), options=options, tokens=str(tmp_path))
    fake.tokens.refresh["1//old"] = ALICE, SCOPE
    keep(own, ALICE, {**sign_in, "refresh_token": "1//old"})
    connector = plugin.connect(own, Collection())
    with pytest.raises(Unauthorized, match=r"calendar\.events\.freebusy") as refused:
        connector.busy(MARCH)
    assert refused.value.lone
    assert look(connector).complete


@pytest.mark.parametrize(
    ("reason", "kind"), [("notFound", Unauthorized), ("internalError", Unavailable)]
)
def test_a_fault_of_one_calendar_is_its_own(
    fake: FakeGoogle, reason: str, kind: type[Unauthorized | Unavailable]
) -> None:
    """Invariant 9: the status of such an answer is 200."""
    fake.busy_faults[ALICE] = reason
    with pytest.raises(kind, match=reason) as refused:
        connect(fake).busy(MARCH)
    assert refused.value.lone
    assert connect(fake, BOB).busy(MARCH) == ()


@pytest.mark.parametrize(
    ("reply", "wait"),
    [
        (google_error(403, "rateLimitExceeded"), 10.0),
        (google_error(429, "rateLimitExceeded", {"Retry-After": "3"}), 3.0),
        (google_error(503, "backendError"), None),
        ((200, {}, b"<html>"), None),
        ((200, {}, b"{}"), None),
        ((200, {}, b'{"calendars": {"primary": {"busy": [{"start": "2026"}]}}}'), None),
        ((200, {}, b'{"calendars": {"primary": {"errors": ["?"]}}}'), None),
    ],
)
def test_a_bad_answer_is_no_answer(
    fake: FakeGoogle, reply: tuple[int, dict[str, str], bytes], wait: float | None
) -> None:
    """And never "free"; nor is it a write of which one could not know whether it was done."""
    fake.faults.append(Fault(reply, when=lambda name, _: name == "freebusy.query"))
    with pytest.raises(Unavailable) as failed:
        connect(fake).busy(MARCH)
    assert (failed.value.retry_after, failed.value.maybe_applied) == (wait, False)


def test_a_token_that_ended_early_is_renewed(fake: FakeGoogle) -> None:
    connector = connect(fake)
    connector.busy(MARCH)
    fake.tokens.issued.clear()
    assert connector.busy(MARCH) == ()


def test_the_page_names_the_scope() -> None:
    assert FREE_BUSY in page("docs/google.md").text
