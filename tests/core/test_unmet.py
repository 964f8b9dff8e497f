"""An appointment is born while a channel cannot be looked at: its first contact is to come."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.channel import Filter, FilterMode
from syncd.core.model import Attendee, Customer, Recurrence, Status
from syncd.core.state import Kind
from tests.core.harness import World, settled_world
from tests.core.values import VISIT, at, channel

FULL = replace(
    VISIT,
    title="拜访 Müller GmbH & Söhne",
    owner="alice@example.com",
    customer=Customer("王先生", phone="+86 512 1234"),
    kind="visit",
)


def _lost(*names: str, away: str = "crm") -> World:
    """A visit that all had, of which the state is lost, born anew while one was away."""
    world = settled_world(*names, visit=FULL)
    world.lose_store()
    world.remotes[away].down = True
    world.cycle()
    world.cycle()
    return world


def _back(world: World, away: str = "crm") -> World:
    world.remotes[away].down = False
    for _ in range(4):
        world.cycle()
    assert world.cycle() == 0
    return world


def test_the_record_fills_what_the_calendar_does_not_carry() -> None:
    """Invariant 8: nothing of the record is replaced by what a calendar makes of it."""
    world = _back(_lost("crm", "short"))
    assert world.reads("crm") == world.agreed() == FULL
    assert world.agreements[world.only].unmet == frozenset()


@pytest.mark.parametrize("gone", [True, False])
def test_what_is_ended_in_the_calendar_keeps_its_record(gone: bool) -> None:
    """Invariants 2 and 4: nobody deleted the record, so it is there, cancelled, as it was."""
    world = _lost("crm", "short")
    if gone:
        world.remove("short")
    else:
        world.edit("short", status=Status.CANCELLED)
    world.cycle()
    assert world.only in world.agreements
    _back(world)
    assert world.reads("crm") == replace(FULL, status=Status.CANCELLED)
    assert not world.remotes["short"].copies


def test_what_was_made_and_ended_meanwhile_is_buried_once_the_record_could_be_there() -> None:
    world = _lost("crm", "cal")
    key = world.add("cal", replace(VISIT, title="another one", when=at(20, 9)))
    world.cycle()
    world.remove("cal", key)
    world.cycle()
    assert len(world.agreements) == 2
    _back(world)
    assert len(world.agreements) == len(world.remotes["crm"].copies) == 1
    assert len(world.history(Kind.BURIED)) == 1


def test_an_edit_of_the_record_after_the_end_brings_it_back() -> None:
    world = _lost("crm", "cal")
    world.remove("cal")
    world.cycle()
    world.now += timedelta(minutes=1)
    world.edit("crm", location="苏州", stamp=True)
    _back(world)
    assert world.reads("crm") == replace(FULL, location="苏州")
    assert world.reads("cal").location == "苏州"


def test_an_edit_of_the_record_before_the_end_is_no_edit_since() -> None:
    world = _lost("crm", "cal")
    world.edit("crm", location="苏州", stamp=True)
    world.cycle()
    world.remove("cal")
    world.cycle()
    _back(world)
    assert world.reads("crm") == replace(FULL, location="苏州", status=Status.CANCELLED)


def test_contradictions_are_decided_by_the_rules_and_on_record() -> None:
    """Invariant 2: both values are there, whoever wins."""
    world = _lost("crm", "cal")
    world.edit("cal", location="昆山", description="klingeln")
    world.edit("crm", location="苏州")
    _back(world)
    assert world.reads("crm") == replace(FULL, location="苏州", description="klingeln")
    (conflict,) = world.history(Kind.CONFLICT)
    assert dict(conflict.claims) == {"crm": "苏州", "cal": "昆山"}
    assert world.reads("cal").location == "苏州"


def test_what_took_place_did_although_its_calendar_cancels_it() -> None:
    world = _lost("crm", "cal")
    world.edit("crm", status=Status.COMPLETED)
    world.remove("cal")
    world.cycle()
    _back(world)
    assert world.reads("crm").status is Status.COMPLETED


def test_a_calendar_that_joins_later_than_the_others_claims_as_they_did() -> None:
    """What Bob did in his calendar is not put back because his server was away."""
    world = _lost("crm", "cal", "cal2", away="cal2")
    world.edit("cal2", description="Parkplatz 5")
    _back(world, "cal2")
    assert world.reads("crm").description == world.reads("cal").description == "Parkplatz 5"


def test_our_copy_leaves_who_no_longer_has_the_visit_when_her_calendar_is_back() -> None:
    """Invariant 4: by its mark it is ours, and nothing that she pasted there."""
    own = Filter(FilterMode.OWN)
    alice = channel("cal", 1, person="alice@example.com", holds=own)
    bob = channel("cal2", 2, person="bob@example.com", holds=own)
    visit = replace(FULL, organizer=None, attendees=(Attendee("kunde@kunde.example"),))
    world = settled_world("crm", alice, bob, "cal3", visit=visit)
    world.lose_store()
    world.remotes["cal"].down = True
    world.edit("crm", owner="bob@example.com")
    world.cycle()
    assert len(world.remotes["cal"].copies) == len(world.remotes["cal2"].copies) == 1
    _back(world, "cal")
    assert not world.remotes["cal"].copies
    assert world.reads("cal2").title == world.reads("crm").title == FULL.title
    assert world.reads("crm").status is Status.CONFIRMED


def test_rows_keep_what_only_they_say_and_follow_what_their_series_has_become() -> None:
    """Invariant 8: outcomes and customers are theirs; a new title is the series'."""
    series = replace(FULL, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=4",)))
    world = settled_world("cal", "rows", visit=series)
    first, second, *others = sorted(world.remotes["rows"].copies)
    for key in (first, second, *others):
        world.edit("rows", key, customer=FULL.customer)
    world.edit("rows", first, status=Status.COMPLETED)
    world.edit("rows", second, title="nur dieser")
    for _ in range(3):
        world.cycle()
    world.lose_store()
    world.remotes["rows"].down = True
    world.cycle()
    world.edit("cal", title="新的标题")
    world.cycle()
    _back(world, "rows")
    rows = world.remotes["rows"].copies
    assert len(rows) == 4
    assert rows[first].reads.status is Status.COMPLETED
    assert {copy.reads.customer for copy in rows.values()} == {FULL.customer}
    titles = sorted(copy.reads.title for copy in rows.values())
    assert titles == ["nur dieser", "新的标题", "新的标题", "新的标题"]


def test_the_row_of_a_cancelled_occurrence_stays_after_a_lost_state() -> None:
    """Invariant 4: the calendar shows it as dropped; the row is the record of it."""
    series = replace(VISIT, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=4",)))
    world = settled_world("cal", "rows", visit=series)
    first, *_ = sorted(world.remotes["rows"].copies)
    world.edit("rows", first, status=Status.CANCELLED)
    for _ in range(3):
        world.cycle()
    before = {key: copy.reads for key, copy in world.remotes["rows"].copies.items()}
    world.lose_store()
    for _ in range(3):
        world.cycle()
    assert {key: copy.reads for key, copy in world.remotes["rows"].copies.items()} == before
