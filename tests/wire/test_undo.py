"""Taking back, over real servers: what was decided is undone in every channel, and once."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import datetime

import pytest

from syncd.core.state import Kind
from syncd.store import HoldState
from syncd.undo import Proposal, Wish, carry_out, propose
from tests import warm
from tests.wire.proxy import Fault
from tests.wire.world import PLACE, TITLE, World, at

WHO = "anna"
EVERYWHERE = {"crm": 1, "cal": 1, "cal2": 1}


def proposed(world: World, **wish: object) -> Proposal:
    """What taking back would change; of the only appointment, if nothing else is named."""
    if not wish:
        wish = {"appointment": only(world)}
    return propose(world.deployment.settings, world.store, Wish(**wish), world.now(), WHO)  # type: ignore[arg-type]  # its fields


def take_back(world: World, **wish: object) -> Proposal:
    """Take back, and let the next cycles carry it out; then nothing may be left to do."""
    found = proposed(world, **wish)
    carry_out(world.store, found)
    world.converge()
    return found


def only(world: World) -> str:
    """The id of the only appointment that history knows."""
    (id,) = {entry.appointment for entry in world.store.history()}
    return id


def uids(world: World) -> set[str]:
    return {str(e["UID"]) for desk in world.desks.values() for e in desk.events().values()}


def test_an_edit_is_taken_back_everywhere(world: World) -> None:
    """Also in the calendar where the mistake was made; the plan said exactly that; then nothing
    is written any more."""
    world.later(minutes=1)
    world.edit("cal", summary="错误 Fehler", location="nirgends")
    world.converge()
    assert world.everywhere("title") == {"错误 Fehler"}
    world.later(minutes=1)
    found = take_back(world)
    assert world.everywhere("title") == {TITLE}
    assert world.everywhere("place") == {PLACE}
    (taken,) = found.taken
    assert {(c.path, c.now, c.back, c.by) for c in taken.takeback.changes} == {
        (("title",), "错误 Fehler", TITLE, "cal"),
        (("location",), "nirgends", PLACE, "cal"),
    }
    assert {write.channel for write in taken.writes} == {"crm", "cal", "cal2"}
    assert world.counts() == EVERYWHERE


def test_an_undo_is_undone(world: World) -> None:
    """Undo of an undo: the edit is back; a third time: it is gone again."""
    world.change(subject="vom CRM")
    world.converge()
    for title in (TITLE, "vom CRM", TITLE):
        world.later(minutes=1)
        take_back(world)
        assert world.everywhere("title") == {title}
    assert world.counts() == EVERYWHERE


def test_what_was_edited_since_stays(world: World) -> None:
    """Invariant 2: a cycle is taken back; of two fields one has been edited since. That one stays
    and is a conflict with both values, and the plan said so."""
    world.edit("cal", summary="Fehler", location="anderswo")
    world.converge()
    (cycle,) = {e.cycle for e in world.store.history() if e.record.kind is Kind.SET}
    world.later(minutes=1)
    world.edit("cal2", location="mit Absicht 故意")
    world.converge()
    world.later(minutes=1)
    found = take_back(world, cycle=cycle)
    assert world.everywhere("title") == {TITLE}
    assert world.everywhere("place") == {"mit Absicht 故意"}
    (left,) = found.taken[0].takeback.left
    assert (left.path, left.back, left.by) == (("location",), PLACE, "cal2")
    (conflict,) = world.records(Kind.CONFLICT)
    assert set(conflict.claims) == {("person:anna", PLACE), ("cal2", "mit Absicht 故意")}
    assert (conflict.winner, conflict.value) == ("cal2", "mit Absicht 故意")


def test_an_edit_made_after_the_plan_was_shown_holds(world: World) -> None:
    """Between plan and confirmation somebody sets the same field: a conflict that the edit wins."""
    world.edit("cal", summary="Fehler")
    world.converge()
    world.later(minutes=1)
    found = proposed(world)
    world.later(minutes=1)
    world.cycle()
    world.edit("cal2", summary="später")
    carry_out(world.store, found)
    world.later(minutes=1)
    world.converge()
    assert world.everywhere("title") == {"später"}
    (conflict,) = world.records(Kind.CONFLICT)
    assert set(conflict.claims) == {("person:anna", TITLE), ("cal2", "später")}


def test_a_deletion_in_a_calendar_is_taken_back(world: World) -> None:
    """Invariant 3: cancelled by a colleague, alive again in all channels, once, with its UID."""
    before = uids(world)
    world.delete("cal")
    world.converge()
    assert (world.row()["state"], world.counts()["cal2"]) == ("cancelled", 0)
    world.later(minutes=1)
    take_back(world)
    assert world.counts() == EVERYWHERE
    assert world.row()["state"] == "confirmed"
    assert world.everywhere("title") == {TITLE}
    assert uids(world) == before
    world.later(minutes=1)
    take_back(world)
    assert (world.row()["state"], world.counts()["cal"], world.counts()["cal2"]) == (
        *("cancelled", 0),
        0,
    )


def test_a_deletion_in_the_crm_is_taken_back(world: World) -> None:
    """Invariants 3 and 4: nothing was left but a tombstone; it lives again everywhere, once; the
    undo of that deletes it again, and the undo of that brings it back."""
    before, rows = uids(world), world.rows()
    world.change(deleted_at=datetime(2026, 1, 1))
    world.converge()
    assert world.counts() == {"crm": 0, "cal": 0, "cal2": 0}
    world.later(minutes=1)
    take_back(world)
    assert world.counts() == EVERYWHERE
    assert world.everywhere("title") == {TITLE}
    assert world.everywhere("start") == {at(8)}
    assert uids(world) == before
    assert world.row()["customer_name"] == rows[0]["customer_name"]
    world.later(minutes=1)
    take_back(world)
    assert world.counts() == {"crm": 0, "cal": 0, "cal2": 0}
    world.later(minutes=1)
    take_back(world)
    assert world.counts() == EVERYWHERE
    world.edit("cal2", summary="geht weiter")
    world.converge()
    assert world.everywhere("title") == {"geht weiter"}


def test_twenty_moved_events_are_taken_back_at_once(make: Callable[..., World]) -> None:
    """A colleague's calendar is an hour late; `--since` in one command; a title that somebody
    else set meanwhile is part of that time and goes back, too, unless only hers is meant."""
    world = _fifty(make)
    start = world.now()
    paths = {str(e["SUMMARY"]): p for p, e in world.desks["cal"].events().items()}
    for number in range(20):
        event = world.desks["cal"].events()[paths[f"拜访 {number}"]]
        world.edit("cal", paths[f"拜访 {number}"], dtstart=event["DTSTART"].dt.replace(minute=30))
    world.change(50, subject="umbenannt")
    world.converge()
    assert {row["starts_at"].minute for row in world.rows()[:20]} == {30}
    world.later(minutes=1)
    found = take_back(world, since=start, channel="cal")
    assert len(found.taken) == 20
    assert {row["starts_at"].minute for row in world.rows()} == {0}
    events = [e for desk in world.desks.values() for e in desk.events().values()]
    assert {event["DTSTART"].dt.minute for event in events} == {0}
    assert world.rows()[49]["subject"] == "umbenannt"


def _fifty(make: Callable[..., World]) -> World:
    world = make("cal", "cal3")
    for number in range(50):
        world.add_visit(
            subject=f"拜访 {number}",
            starts_at=at(number % 10, day=number // 10),
            ends_at=at(number % 10, 45, day=number // 10),
        )
    world.converge()
    world.later(minutes=1)
    return world


def test_half_of_a_calendar_deleted_and_held(make: Callable[..., World]) -> None:
    """The bridge holds; nothing was decided yet; one `undo --since` puts the events back, and
    nothing is cancelled anywhere."""
    world = _fifty(make)
    start = world.now()
    for path in list(world.desks["cal"].items())[:25]:
        world.delete("cal", path)
    assert world.sync().state == "held"
    world.later(minutes=1)
    found = take_back(world, since=start)
    assert len(found.taken) == 25
    assert {row["state"] for row in world.rows()} == {"confirmed"}
    assert world.counts() == {"crm": 50, "cal": 50, "cal3": 50}


def test_all_events_moved_and_held(make: Callable[..., World]) -> None:
    """More than half changed their time at once: held; the undo is approved by who ran it, and
    puts the times back in that calendar alone."""
    world = _fifty(make)
    start = world.now()
    for path, event in world.desks["cal"].events().items():
        world.edit("cal", path, dtstart=event["DTSTART"].dt.replace(minute=30))
    assert world.sync().state == "held"
    world.later(minutes=1)
    found = take_back(world, since=start)
    assert {write.channel for each in found.taken for write in each.writes} == {"cal"}
    (approval,) = found.approvals
    assert approval.by == WHO
    assert {hold.approved_by for hold in world.store.holds(HoldState.GONE)} >= {WHO}
    assert {e["DTSTART"].dt.minute for e in world.desks["cal"].events().values()} == {0}
    assert {row["starts_at"].minute for row in world.rows()} == {0}


def test_a_mass_deletion_that_was_approved_is_taken_back(make: Callable[..., World]) -> None:
    """Thirty deleted in the CRM and approved by mistake: all are back, with no duplicates; the
    undo of that would be held, and is approved by who ran it."""
    world = _fifty(make)
    start = world.now()
    for row in world.rows()[:30]:
        world.change(row["id"], deleted_at=datetime(2026, 1, 1))
    assert world.sync().state == "held"
    (hold,) = world.store.holds(HoldState.OPEN)
    world.store.approve_hold(hold.id, WHO, world.now())
    world.converge()
    assert world.counts() == {"crm": 20, "cal": 20, "cal3": 20}
    world.later(minutes=1)
    take_back(world, since=start)
    assert world.counts() == {"crm": 50, "cal": 50, "cal3": 50}
    again = world.now()
    world.later(days=2)
    found = take_back(world, since=again - (again - start) / 1000)
    assert found.approvals == [] or found.approvals[0].by == WHO


def test_a_calendar_that_is_down_gets_it_later(world: World) -> None:
    """Invariant 9: what was deleted is back where it can be, and later in the other calendar."""
    world.change(deleted_at=datetime(2026, 1, 1))
    world.converge()
    world.later(minutes=1)
    world.doors["cal"].fail(Fault(status=503, times=1000))
    carry_out(world.store, proposed(world))
    world.cycle()
    assert world.counts() == {"crm": 1, "cal": 0, "cal2": 1}
    world.doors["cal"].mend()
    world.later(minutes=30)
    world.converge()
    assert world.counts() == EVERYWHERE


@pytest.mark.parametrize("name", ["cal", "cal2"])
def test_killed_between(world: World, name: str) -> None:
    """Invariants 3 and 10: killed with SIGKILL when a calendar has just got its copy back, which
    nobody had noted yet: the next run brings the same end, without duplicates."""
    before = uids(world)
    world.change(deleted_at=datetime(2026, 1, 1))
    world.converge()
    carry_out(world.store, proposed(world))
    world.close()
    process: list[warm.Process] = []
    fault = world.doors[name].fail(Fault("PUT", then=lambda: _kill(process[0])))
    process.append(world.office.start("sync"))
    process[0].wait()
    assert (fault.times, process[0].returncode) == (0, -signal.SIGKILL)
    world.open()
    world.converge()
    assert world.counts() == EVERYWHERE
    assert uids(world) == before


def _kill(process: warm.Process) -> None:
    process.kill()
    process.wait()
