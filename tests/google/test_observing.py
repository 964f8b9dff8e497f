"""What a look at a Google calendar shows: series, tombstones, odd events, dead tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest

from connectors.google import client, observing
from connectors.google.fake import FakeGoogle, Fault, google_error
from syncd.core.model import AllDay, Appointment, Busy, Override, Status, Timed
from syncd.errors import CursorExpired, Rejected, Stale, Unauthorized, Unavailable
from tests.conformance.world import WINDOW, look, versions
from tests.google.connecting import (
    ALICE,
    BOB,
    GROUP,
    ROOM,
    at,
    connect,
    identity,
    news,
    only,
    weekly,
)


def test_what_a_person_does_to_a_series_is_one_changed_copy(fake: FakeGoogle) -> None:
    alice, connector = fake.person(ALICE), connect(fake)
    key = connector.create(identity(), weekly()).key
    before = look(connector)
    alice.retitle(alice.occurrence(key, "20260309T090000"), "客户来访")
    alice.delete(alice.occurrence(key, "20260316T090000"))
    alice.move(alice.occurrence(key, "20260323T090000"), at(24, 14))
    (copy,) = news(connector, before).copies
    assert copy.key == key
    assert dict(copy.reads.overrides) == {
        "20260309T090000": Override((("title", "客户来访"),)),
        "20260316T090000": Override(deleted=True),
        "20260323T090000": Override((("when", at(24, 14)),)),
    }
    assert copy == only(connect(fake))
    assert copy.reads == connector.fetch([key]).copies[0].reads


def test_an_occurrence_that_was_restored_takes_place(fake: FakeGoogle) -> None:
    alice, connector = fake.person(ALICE), connect(fake)
    key = connector.create(identity(), weekly()).key
    gone = alice.occurrence(key, "20260316T090000")
    alice.delete(gone)
    copy = only(connector)
    written = connector.update(copy, replace(copy.reads, overrides=()))
    assert written.copy is not None
    assert written.copy.reads.overrides == ()
    assert alice.event(gone)["status"] == "confirmed"


def test_an_occurrence_loses_what_it_had_of_its_own(fake: FakeGoogle) -> None:
    """Also if it was deleted in between: what it had may come back with it."""
    alice, connector = fake.person(ALICE), connect(fake)
    key = connector.create(identity(), weekly()).key
    changed, deleted = (alice.occurrence(key, f"202603{day}T090000") for day in ("09", "16"))
    for each in (changed, deleted):
        alice.edit(each, summary="Anders", location="Halle 7", transparency="transparent")
    alice.delete(deleted)
    copy = only(connector)
    assert len(copy.reads.overrides) == 2
    written = connector.update(copy, replace(copy.reads, overrides=()))
    assert written.copy is not None
    assert written.copy.reads == weekly()
    assert only(connector).reads == weekly()
    assert {alice.event(each)["summary"] for each in (changed, deleted)} == {weekly().title}


def test_a_deleted_series_is_gone_with_its_exceptions(fake: FakeGoogle) -> None:
    alice, connector = fake.person(ALICE), connect(fake)
    key = connector.create(identity(), weekly()).key
    alice.retitle(alice.occurrence(key, "20260309T090000"), "Anders")
    before = look(connector)
    alice.delete(key)
    after = news(connector, before)
    assert key in after.gone
    assert not after.copies
    assert look(connector).copies == ()


def test_a_split_leaves_two_series_with_our_marker(fake: FakeGoogle) -> None:
    """ "This and following" copies our properties; the new series has a UID of its own."""
    alice, connector = fake.person(ALICE), connect(fake)
    name = identity("uid-of-the-crm@example.com")
    key = connector.create(name, weekly()).key
    before = look(connector)
    made = alice.split(key, "20260330T090000", "20260329T000000Z", summary="Umbenannt")
    shown = {copy.key: copy for copy in news(connector, before).copies}
    assert set(shown) == {key, made}
    assert {copy.marker for copy in shown.values()} == {name.marker}
    assert shown[key].uid == "uid-of-the-crm@example.com"
    assert shown[made].uid == f"{made}@google.com"
    copy = shown[made]
    own = (("20260406T090000", Override((("title", "allein"),))),)
    written = connector.update(copy, replace(copy.reads, overrides=own))
    assert written.copy is not None
    assert written.copy.reads.overrides == own
    assert alice.event(f"{key}_20260406T010000Z")["recurringEventId"] == made


def test_a_duplicate_has_our_marker_and_a_uid_of_its_own(fake: FakeGoogle) -> None:
    connector, name = connect(fake), identity("uid-1@example.com")
    key = connector.create(name, Appointment(at(2), title="客户")).key
    twin = fake.person(ALICE).duplicate(key)
    shown = {copy.key: copy for copy in look(connector).copies}
    assert shown[key].uid == "uid-1@example.com"
    assert shown[twin].uid == f"{twin}@google.com"
    assert shown[twin].marker == shown[key].marker == name.marker
    assert {copy.key for copy in connector.find(name.marker)} == {key, twin}
    with pytest.raises(Stale) as stale:
        connector.create(replace(name, others=frozenset({twin})), Appointment(at(3)))
    assert stale.value.key == key
    again = connector.create(replace(name, others=frozenset({key})), Appointment(at(3)))
    assert again.key not in (key, twin)


def test_an_invitation_to_one_occurrence_stands_alone(fake: FakeGoogle) -> None:
    """The series is not in this calendar."""
    connector, alice = connect(fake), fake.person(ALICE)
    event = {
        "id": "foreign_20260309T010000Z",
        "recurringEventId": "foreign",
        "originalStartTime": {"dateTime": "2026-03-09T01:00:00Z", "timeZone": "Asia/Shanghai"},
        "iCalUID": "foreign@kunde.example",
        "status": "confirmed",
        "summary": "Einladung",
        "organizer": {"email": "wang@kunde.example", "displayName": "王小明"},
        "attendees": [{"email": ALICE, "responseStatus": "needsAction"}],
        "start": {"dateTime": "2026-03-09T01:00:00Z", "timeZone": "Asia/Shanghai"},
        "end": {"dateTime": "2026-03-09T02:00:00Z", "timeZone": "Asia/Shanghai"},
    }
    before = look(connector)
    with fake.calendars.lock:
        fake.calendars.store(alice.calendar, event)
    for shown in (news(connector, before), look(connector)):
        (copy,) = shown.copies
        assert copy.key == event["id"]
        assert copy.invited
        assert copy.reads.recurrence is None
        assert copy.reads.organizer is not None
        assert copy.reads.organizer.name == "王小明"
    known = look(connector)
    with fake.calendars.lock:
        fake.calendars.store(alice.calendar, {**event, "status": "cancelled"})
    assert news(connector, known).gone == {event["id"]}


@pytest.mark.parametrize("kind", ["birthday", "workingLocation"])
def test_what_is_no_appointment_is_not_observed(fake: FakeGoogle, kind: str) -> None:
    connector, alice = connect(fake), fake.person(ALICE)
    before = look(connector)
    key = alice.insert(at(2), eventType=kind, summary="Büro")
    assert not news(connector, before).copies
    assert not look(connector).copies
    alice.delete(key)
    assert not news(connector, before).copies


@pytest.mark.parametrize("kind", ["outOfOffice", "focusTime", "fromGmail"])
def test_what_is_google_s_own_is_only_read(fake: FakeGoogle, kind: str) -> None:
    """Invariant 8: an absence is not mangled by what we would make of it."""
    connector, alice = connect(fake), fake.person(ALICE)
    key = alice.insert(at(2), eventType=kind, summary="Abwesend 休假")
    copy, before = only(connector), alice.event(key)
    assert copy.reads.title == "Abwesend 休假"
    assert copy.reads.busy is (Busy.AWAY if kind == "outOfOffice" else Busy.BUSY)
    with pytest.raises(Rejected) as refused:
        connector.update(copy, replace(copy.reads, title="Anders"))
    assert "Abwesend" not in str(refused.value)
    with pytest.raises(Rejected):
        connector.delete(copy)
    assert alice.event(key) == before


@pytest.mark.parametrize("method", ["events.list", "events.get"])
def test_a_calendar_that_is_not_shared_any_more_is_not_empty(fake: FakeGoogle, method: str) -> None:
    """Invariant 4: Google answers 404 for each of its events, as if they were gone."""
    connector = connect(fake, BOB, GROUP)
    keys = [connector.create(identity(), Appointment(at(day))).key for day in (2, 3)]
    before = look(connector)
    fake.calendars.all[GROUP].roles.clear()
    looks: dict[str, Callable[[], object]] = {
        "events.list": lambda: connector.observe(before.cursor, WINDOW, versions(before)),
        "events.get": lambda: connector.fetch(keys),
    }
    with pytest.raises(Unavailable) as lost:
        looks[method]()
    assert lost.value.lone


def test_free_and_busy_alone_is_no_reading(fake: FakeGoogle) -> None:
    """Invariant 4: without rights to its details every event would look emptied."""
    connector = connect(fake)
    connector.create(identity(), Appointment(at(2)))
    fake.lists.blind = True
    with pytest.raises(Unauthorized) as blind:
        look(connector)
    assert blind.value.lone


@pytest.mark.parametrize(
    ("status", "reason"),
    [(410, "fullSyncRequired"), (410, "updatedMinTooLongAgo"), (400, "invalid")],
)
def test_a_dead_token_asks_for_everything(fake: FakeGoogle, status: int, reason: str) -> None:
    connector = connect(fake)
    before = look(connector)
    fake.faults.append(Fault(google_error(status, reason)))
    with pytest.raises(CursorExpired):
        news(connector, before)
    assert look(connector).complete


def test_a_token_of_another_calendar_is_no_token(fake: FakeGoogle) -> None:
    cursor = look(connect(fake, ALICE)).cursor
    shown = connect(fake, ALICE, GROUP).observe(cursor, WINDOW, {})
    assert shown.complete
    assert shown.identity == GROUP
    for nonsense in ("", "{", "[]", "[1]", json.dumps(["x", "y", "z"])):
        assert connect(fake).observe(nonsense, WINDOW, {}).complete


def test_pages_add_up(fake: FakeGoogle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observing, "PAGE", 3)
    connector, alice = connect(fake), fake.person(ALICE)
    fake.lists.repeats = True
    keys = {alice.put(f"Nr {n}", at(n + 1)) for n in range(10)}
    series = connector.create(identity(), weekly()).key
    alice.retitle(alice.occurrence(series, "20260309T090000"), "Anders")
    shown = look(connector)
    assert {copy.key for copy in shown.copies} == {*keys, series}
    assert shown.complete
    alice.retitle(min(keys), "Neu")
    assert [copy.key for copy in news(connector, shown).copies] == [min(keys)]


def test_pages_that_do_not_end_are_an_error(
    fake: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"items": [], "nextPageToken": "again", "accessRole": "owner"}).encode()
    reply = (200, {"Content-Type": "application/json"}, body)
    fake.faults.append(Fault(reply, times=5))
    with pytest.raises(Unavailable, match="do not end"):
        look(connect(fake))
    assert client.MOST_PAGES > 100


def test_times_without_a_zone_and_zones_nobody_knows(fake: FakeGoogle) -> None:
    alice = fake.person(ALICE)
    key = alice.put("Von Hand", at(2))
    with fake.calendars.lock:
        event = alice.calendar.events[key]
        del event["start"]["timeZone"]
        del event["end"]["timeZone"]
        fake.calendars.store(alice.calendar, event)
    assert only(connect(fake)).reads.when == at(2)
    with fake.calendars.lock:
        event["start"]["timeZone"] = "Mars/Olympus"
        fake.calendars.store(alice.calendar, event)
    assert only(connect(fake)).reads.when == Timed(
        datetime(2026, 3, 2, 1), datetime(2026, 3, 2, 2), "UTC"
    )


def test_rooms_and_shared_calendars_are_reached_by_an_account(fake: FakeGoogle) -> None:
    connector = connect(fake, ROOM, ROOM, account=ALICE)
    key = connector.create(identity(), Appointment(at(2), title="Besprechung")).key
    assert fake.person(ROOM).event(key)["summary"] == "Besprechung"
    assert connector.check().account == ALICE
    shared = connect(fake, BOB, GROUP, account=ALICE)
    assert shared.check().account == BOB  # who is a person acts as that person
    assert connect(fake, "", GROUP, account=ALICE).check().account == ALICE


def test_a_whole_day_and_what_is_cancelled_by_us(fake: FakeGoogle) -> None:
    """A cancelled appointment that stays is marked; Google's own "cancelled" means deleted."""
    connector, alice = connect(fake), fake.person(ALICE)
    day = AllDay(date(2026, 5, 1), date(2026, 5, 3))
    content = Appointment(day, title="展会 fair", status=Status.CANCELLED)
    key = connector.create(identity(), content).key
    assert alice.event(key)["summary"] == "✗ 展会 fair"
    assert alice.event(key)["end"] == {"date": "2026-05-03"}
    assert only(connector).reads == content
    alice.retitle(key, "✗ 展会 renamed")
    copy = only(connector)
    assert (copy.reads.title, copy.reads.status) == ("展会 renamed", Status.CANCELLED)
    connector.update(copy, replace(copy.reads, status=Status.CONFIRMED))
    assert alice.event(key)["summary"] == "展会 renamed"


def test_deleted_between_the_list_and_the_series(fake: FakeGoogle) -> None:
    """Of a changed series the rest is asked for; it may be gone by then."""
    connector, alice = connect(fake), fake.person(ALICE)
    key = connector.create(identity(), weekly()).key
    before = look(connector)
    alice.retitle(alice.occurrence(key, "20260309T090000"), "Anders")
    fake.faults.append(
        Fault(google_error(404, "notFound"), when=lambda name, _: name == "events.get")
    )
    shown = news(connector, before)
    assert shown.cursor != before.cursor
    assert key not in shown.gone
