"""What a connector costs: requests, mails, and Google's quotas. Counts, no time limits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.google import accounts, client
from connectors.google.fake import FakeGoogle
from syncd.core.model import Appointment, Attendee, Override, Person, Role
from syncd.core.quota import Quota
from syncd.errors import Unavailable
from tests.conformance.world import WINDOW, look, one
from tests.google.connecting import ALICE, BOB, at, connect, identity, news, weekly

GUESTS = (
    Attendee("wang@kunde.example", "王小明", Role.CHAIR),
    Attendee(BOB, "Bob"),
)


def cost(fake: FakeGoogle) -> int:
    return sum(fake.requests.values())


def test_a_silent_channel_costs_one_request_a_poll(fake: FakeGoogle) -> None:
    connector = connect(fake)
    for day in range(2, 9):
        fake.person(ALICE).put("x", at(day))
    connector.create(identity(), weekly())
    seen = look(connector)
    before = cost(fake)
    for _ in range(10):
        seen = news(connector, seen)
        assert not seen.copies
    assert cost(fake) - before == 10


def test_a_thousand_creates_cost_a_thousand_requests(fake: FakeGoogle) -> None:
    """Eight at a time, as the manifest allows; and all is seen with one page for 500."""
    connector = connect(fake)
    first = look(connector)
    before = cost(fake)
    whens = [replace(at(2), start=at(2).start + timedelta(hours=n)) for n in range(1000)]
    whens = [replace(when, end=when.start + timedelta(hours=1)) for when in whens]
    with ThreadPoolExecutor(8) as pool:
        written = list(
            pool.map(
                lambda pair: connector.create(identity(), Appointment(pair[1], title=f"{pair[0]}")),
                enumerate(whens),
            )
        )
    assert cost(fake) - before == 1000
    assert len({each.key for each in written}) == 1000
    assert all(each.copy is not None for each in written)
    assert fake.most_at_once <= 8
    before = cost(fake)
    shown = connector.observe(first.cursor, WINDOW, {each.key: each.version for each in written})
    assert not shown.copies  # our own writes are known
    assert cost(fake) - before == 2


def test_a_series_costs_one_request_and_one_for_each_own_occurrence(fake: FakeGoogle) -> None:
    connector = connect(fake)
    own = (
        ("20260309T090000", Override((("title", "anders"),))),
        ("20260316T090000", Override(deleted=True)),
        ("20260323T090000", Override((("when", at(24, 15)),))),
    )
    look(connector)
    before = cost(fake)
    key = connector.create(identity(), replace(weekly(), overrides=own)).key
    assert cost(fake) - before == 3
    copy = one(connector, key)
    before = cost(fake)
    connector.update(copy, replace(copy.reads, title="umbenannt"))
    assert cost(fake) - before <= 4


@pytest.mark.parametrize("invite", [False, True])
def test_nobody_is_mailed_unless_the_channel_invites(fake: FakeGoogle, invite: bool) -> None:
    """Invariant 5."""
    connector, alice = connect(fake, invite=invite), fake.person(ALICE)
    content = replace(
        weekly(), attendees=GUESTS, organizer=Person("crm@example.com", "CRM"), title="客户"
    )
    copy = one(connector, connector.create(identity(), content).key)
    assert copy.reads == content
    event = alice.event(copy.key)
    shown = {each["email"] for each in event.get("attendees", ())}
    assert shown == ({guest.email for guest in GUESTS} if invite else set())
    moved = replace(content, when=at(3), attendees=GUESTS[1:])
    copy = one(connector, connector.update(copy, moved).key)
    assert copy.reads == moved
    connector.delete(copy)
    assert bool(fake.mails) == invite


def test_a_meeting_of_a_person_s_own_is_changed_without_mail(fake: FakeGoogle) -> None:
    """Invariants 5 and 8: its guests stay Google's, with all that is on them."""
    alice, connector = fake.person(ALICE), connect(fake)
    guests = [
        {"email": "wang@kunde.example", "displayName": "王小明", "comment": "komme später"},
        {"email": BOB, "responseStatus": "accepted", "additionalGuests": 2},
        {"email": "room-3@resource.calendar.google.com", "resource": True},
    ]
    key = alice.insert(at(2), summary="Besprechung", attendees=guests)
    alice.plant(key)
    copy = one(connector, key)
    assert copy.reads.organizer == Person(ALICE)
    assert {each.email for each in copy.reads.attendees} == {"wang@kunde.example", BOB}
    assert copy.reads.resources == {"room-3@resource.calendar.google.com"}
    wanted = replace(copy.reads, when=at(3), attendees=copy.reads.attendees[:1], title="新标题")
    assert one(connector, connector.update(copy, wanted).key).reads == wanted
    event = alice.event(key)
    assert {each["email"] for each in event["attendees"]} == {each["email"] for each in guests}
    assert event["attendees"][0]["comment"] == "komme später"
    assert alice.planted(key)
    assert fake.mails == 0
    assert {each["id"] for each in fake.person(BOB).live} == {key}
    copy = one(connect(fake, BOB), key)
    assert copy.invited
    assert copy.reads.title == "新标题"


def test_the_first_load_stays_below_the_quota(
    fake: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project with few requests a second: none is refused, and Bob does not wait for Alice.

    However late a thread is woken: in a span begin at most 54 (the quota's own law), and of those
    that began before it at most one a thread arrives in it.
    """
    monkeypatch.setattr(accounts, "MINUTE", 1.0)
    fake.limits.user, fake.limits.project, fake.limits.span = 60, 1000, 1.0
    options = {"requests_per_user": 60, "requests_per_project": 1000}
    alice, bob = connect(fake, **options), connect(fake, BOB, **options)
    with ThreadPoolExecutor(5) as pool:
        load = [
            pool.submit(alice.create, identity(), Appointment(at(2), title=f"{n}"))
            for n in range(150)
        ]
        load[20].result()
        bob.create(identity(), Appointment(at(2), title="Bob"))
        still_waiting = sum(1 for each in load if not each.done())
        for each in load:
            each.result()
    assert still_waiting > 50
    assert fake.limits.refused == 0
    assert fake.limits.busiest <= 60
    assert len(fake.person(ALICE).live) == 150


def test_a_long_wait_is_the_caller_s_affair(
    fake: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No thread is held for long: the daemon has others to serve."""
    monkeypatch.setattr(client, "PATIENCE", 0.5)
    connector = connect(fake, requests_per_user=3)
    made: list[str] = []
    with pytest.raises(Unavailable) as waits:
        made.extend(connector.create(identity(), Appointment(at(d))).key for d in range(2, 9))
    assert waits.value.retry_after is not None
    assert waits.value.retry_after > 0.5
    assert waits.value.lone
    assert not waits.value.maybe_applied
    assert len(fake.person(ALICE).live) == 1


def test_one_account_has_one_quota_and_a_project_one_for_all(fake: FakeGoogle) -> None:
    one_of_alice, other = connect(fake)._client.account, connect(fake)._client.account
    bob = connect(fake, BOB)._client.account
    assert one_of_alice is other
    assert bob is not other
    assert bob.project is other.project
    assert all(isinstance(each, Quota) for each in bob.quotas)
