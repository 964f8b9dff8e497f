"""The fake is as strict and as lossy as Google's pages say: else what passes with it proves little.

Asked with plain HTTP, without the connector and without Google's library.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from dateutil.rrule import rrulestr

from connectors.google.fake import FakeGoogle
from connectors.google.fake.tokens import EVENTS
from tests.google.connecting import ALICE, BOB, GROUP, at

TIMES = {
    "start": {"dateTime": "2026-03-02T09:00:00+08:00", "timeZone": "Asia/Shanghai"},
    "end": {"dateTime": "2026-03-02T10:00:00+08:00", "timeZone": "Asia/Shanghai"},
}


class Phone:
    """A client of somebody's own."""

    def __init__(self, fake: FakeGoogle, user: str = ALICE, calendar: str = "primary") -> None:
        self._token = fake.tokens._issue(user, EVENTS)["access_token"]
        self._url = f"{fake.endpoint}calendars/{calendar}/events"

    def ask(
        self, method: str, path: str = "", body: Any = None, guard: str = "", **query: Any
    ) -> tuple[int, dict[str, Any]]:
        """The status, and the answer or the reason."""
        asked = f"?{urlencode(query, doseq=True)}" if query else ""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        if guard:
            headers["If-Match"] = guard
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self._url + path + asked, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else {}
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())["error"]["errors"][0]

    def insert(self, **values: Any) -> dict[str, Any]:
        status, event = self.ask("POST", body={**TIMES, **values})
        assert status == 200, event
        return event


@pytest.fixture
def phone(fake: FakeGoogle) -> Phone:
    return Phone(fake)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"nonsense": "1"}, 400),
        ({"maxResults": "many"}, 400),
        ({"maxResults": 0}, 400),
        ({"showDeleted": "yes"}, 400),
        ({"eventTypes": ["default", "party"]}, 400),
        ({"timeMin": "2026-03-01T00:00:00"}, 400),
        ({"orderBy": "startTime"}, 400),
        ({"maxResults": 1, "eventTypes": ["default", "focusTime"]}, 200),
    ],
    ids=range(8),
)
def test_parameters_are_held_against_the_document(
    phone: Phone, query: dict[str, Any], status: int
) -> None:
    assert phone.ask("GET", **query)[0] == status


@pytest.mark.parametrize(
    "name",
    [
        *("iCalUID", "orderBy", "privateExtendedProperty", "q", "timeMin", "timeMax"),
        *("sharedExtendedProperty", "showDeleted", "updatedMin"),
    ],
)
def test_what_a_sync_token_forbids(phone: Phone, name: str) -> None:
    token = phone.ask("GET")[1]["nextSyncToken"]
    values = {"orderBy": "updated", "showDeleted": "false", "privateExtendedProperty": "a=b"}
    value = values.get(name, "2026-03-01T00:00:00Z")
    status, error = phone.ask("GET", syncToken=token, **{name: value})
    assert (status, error["reason"]) == (400, "syncTokenWithRequestRestrictions")


def test_other_parameters_than_in_the_first_list(phone: Phone) -> None:
    token = phone.ask("GET")[1]["nextSyncToken"]
    assert phone.ask("GET", syncToken=token)[0] == 200
    assert phone.ask("GET", syncToken=token, singleEvents="true")[0] == 400


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"id": "UPPER"}, "invalid"),
        ({"id": "abc"}, "invalid"),
        ({"id": "syncd"}, "invalid"),
        ({"id": "abcde", "iCalUID": "x@y"}, "invalid"),
        ({"summary": 7}, "invalid"),
        ({"sumary": "x"}, "badRequest"),
        ({"start": None}, "required"),
        ({"end": {"dateTime": "2026-03-02T08:00:00+08:00"}}, "timeRangeEmpty"),
        ({"end": {"date": "2026-03-03"}}, "invalid"),
        ({"start": {"dateTime": "2026-03-02T09:00:00"}}, "required"),
        ({"start": {"dateTime": "2026-03-02T09:00:00Z", "timeZone": "Mars/O"}}, "invalid"),
        (
            {"start": {"dateTime": "2026-03-02T01:00:00Z"}, "recurrence": ["RRULE:FREQ=DAILY"]},
            "required",
        ),
        ({"recurrence": ["FREQ=DAILY"]}, "invalid"),
        ({"recurrence": ["DTSTART:20260302T010000Z"]}, "invalid"),
        ({"recurrence": ["RRULE:FREQ=DAILY;UNTIL=20260401T000000"]}, "invalid"),
        (
            {"reminders": {"overrides": [{"method": "popup", "minutes": n} for n in range(6)]}},
            "invalid",
        ),
        ({"reminders": {"overrides": [{"method": "popup", "minutes": 40321}]}}, "invalid"),
        (
            {"reminders": {"useDefault": True, "overrides": [{"method": "popup", "minutes": 1}]}},
            "cannotUseDefaultRemindersAndSpecifyOverride",
        ),
        ({"attendees": [{"email": "nobody"}]}, "invalid"),
        ({"visibility": "secret"}, "invalid"),
        ({"extendedProperties": {"private": {"k": 7}}}, "invalid"),
        ({"extendedProperties": {"private": {f"k{n}": "x" * 1000 for n in range(40)}}}, "invalid"),
    ],
    ids=range(22),
)
def test_bodies_are_held_against_the_document_and_the_rules(
    phone: Phone, body: dict[str, Any], reason: str
) -> None:
    status, error = phone.ask("POST", body={**TIMES, **body})
    assert (status, error.get("reason")) == (400, reason)


def test_what_is_dropped_and_cut_without_a_word(phone: Phone) -> None:
    event = phone.insert(
        summary="x",
        description="y" * 9000,
        extendedProperties={"private": {"k" * 45: "gone", "k": "v" * 2000}},
        conferenceData={"createRequest": {"requestId": "r"}},
    )
    assert event["extendedProperties"] == {"private": {"k": "v" * 1024}}
    assert len(event["description"]) == 8192
    assert "conferenceData" not in event


def test_an_id_stays_taken(phone: Phone) -> None:
    phone.insert(id="abcde1")
    assert phone.ask("POST", body={**TIMES, "id": "abcde1"})[1]["reason"] == "duplicate"
    assert phone.ask("DELETE", "/abcde1")[0] == 204
    status, error = phone.ask("DELETE", "/abcde1")
    assert (status, error["reason"]) == (410, "deleted")
    assert phone.ask("POST", body={**TIMES, "id": "abcde1"})[0] == 409
    assert phone.ask("PATCH", "/abcde1", {"status": "confirmed"})[0] == 403
    assert phone.ask("GET", "/abcde1")[1]["status"] == "cancelled"


def test_tombstones(phone: Phone) -> None:
    token = phone.ask("GET")[1]["nextSyncToken"]
    phone.insert(id="abcde2", summary="geheim")
    phone.ask("DELETE", "/abcde2")
    (stone,) = phone.ask("GET", syncToken=token)[1]["items"]
    assert (stone["id"], stone["status"]) == ("abcde2", "cancelled")
    assert "summary" not in stone
    assert phone.ask("GET")[1]["items"] == []
    (told,) = phone.ask("GET", showDeleted="true")[1]["items"]
    assert told["summary"] == "geheim"


def test_if_match(phone: Phone) -> None:
    event = phone.insert(id="abcde3")
    assert phone.ask("PATCH", "/abcde3", {"summary": "a"}, event["etag"])[0] == 200
    for method, body in (("PATCH", {"summary": "b"}), ("DELETE", None)):
        status, error = phone.ask(method, "/abcde3", body, event["etag"])
        assert (status, error["reason"]) == (412, "conditionNotMet")


@pytest.mark.parametrize(
    ("updates", "mailed"),
    [
        ("all", {"wang@kunde.example", BOB}),
        ("externalOnly", {"wang@kunde.example"}),
        ("none", set()),
    ],
)
def test_mails_are_counted_by_send_updates(
    fake: FakeGoogle, phone: Phone, updates: str, mailed: set[str]
) -> None:
    guests = [{"email": email} for email in ("wang@kunde.example", BOB, ALICE)]
    phone.ask("POST", body={**TIMES, "attendees": guests}, sendUpdates=updates)
    assert {email for email, _ in fake.calendars.mails} == mailed


def test_guests_may_change_only_what_is_theirs(fake: FakeGoogle, phone: Phone) -> None:
    guests = [{"email": BOB}]
    id = phone.insert(attendees=guests, extendedProperties={"private": {"mine": "1"}})["id"]
    bob = Phone(fake, BOB)
    copy = bob.ask("GET", f"/{id}")[1]
    assert "extendedProperties" not in copy
    assert "self" not in copy["organizer"]
    status, error = bob.ask("PATCH", f"/{id}", {"summary": "mein"})
    assert (status, error["reason"]) == (403, "forbiddenForNonOrganizer")
    assert bob.ask("PATCH", f"/{id}", {"colorId": "3"})[0] == 200


def test_rights(fake: FakeGoogle) -> None:
    assert Phone(fake, ALICE, BOB).ask("GET")[0] == 404
    fake.calendars.all[GROUP].roles[BOB] = "reader"
    reader = Phone(fake, BOB, GROUP)
    assert reader.ask("GET")[1]["accessRole"] == "reader"
    assert reader.ask("POST", body=TIMES)[1]["reason"] == "requiredAccessLevel"


def test_instances_are_those_of_another_library(phone: Phone) -> None:
    """Names and times of occurrences, across a change of the clocks, as dateutil counts them."""
    zone = "Europe/Berlin"
    rule = "FREQ=WEEKLY;COUNT=6;BYDAY=MO,SU"
    event = phone.insert(
        start={"dateTime": "2026-03-16T02:30:00", "timeZone": zone},
        end={"dateTime": "2026-03-16T03:30:00", "timeZone": zone},
        recurrence=[f"RRULE:{rule}", "EXDATE;TZID=Europe/Berlin:20260323T023000"],
    )
    walls = list(rrulestr(rule, dtstart=datetime(2026, 3, 16, 2, 30)))
    walls.remove(datetime(2026, 3, 23, 2, 30))
    summer = datetime(2026, 3, 29, 3)
    stamps = [wall - timedelta(hours=2 if wall >= summer else 1) for wall in walls]
    expected = {f"{event['id']}_{stamp:%Y%m%dT%H%M%SZ}" for stamp in stamps}
    listed = phone.ask("GET", f"/{event['id']}/instances")[1]["items"]
    assert {each["id"] for each in listed} == expected
    singles = phone.ask("GET", singleEvents="true", timeMin="2026-03-01T00:00:00Z")[1]["items"]
    assert {each["id"] for each in singles} == expected
    for id in expected:
        assert phone.ask("GET", f"/{id}")[1]["recurringEventId"] == event["id"]
    assert phone.ask("GET", f"/{event['id']}_20260323T013000Z")[0] == 404


def test_a_quota_is_kept(fake: FakeGoogle, phone: Phone) -> None:
    fake.limits.user = 5
    answers = [phone.ask("GET") for _ in range(7)]
    assert [status for status, _ in answers] == [200] * 5 + [403] * 2
    assert answers[-1][1]["reason"] == "userRateLimitExceeded"


def test_a_forged_token_is_refused(fake: FakeGoogle, phone: Phone) -> None:
    fake.tokens.issued.clear()
    assert phone.ask("GET")[0] == 401
    assert fake.person(ALICE).put("x", at(2))
