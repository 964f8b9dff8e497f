"""Refusing over real servers: traces 41, 42, 44 and 45."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd import inbox
from syncd.store import HoldState
from tests.wire.proxy import Fault
from tests.wire.world import TITLE, World, at, utc, written


def _filled(make: Callable[..., World], number: int) -> World:
    world = make("cal", "cal2")
    for each in range(number):
        day, hour = divmod(each, 12)
        when = {"starts_at": at(hour, day=day), "ends_at": at(hour, 30, day=day)}
        world.add_visit(subject=f"{TITLE} {each}", **when)
    world.converge()
    assert world.counts() == {"crm": number, "cal": number, "cal2": number}
    return world


def _approve(world: World) -> int:
    (hold,) = world.store.holds(HoldState.OPEN)
    return inbox.approve(world.store, inbox.hold_id(hold.id, hold.digest), world.now(), "root")


def _cancelled(world: World) -> int:
    return len([row for row in world.rows() if row["state"] == "cancelled"])


def test_trace_41_thirty_of_a_hundred_vanish(make: Callable[..., World]) -> None:
    """Hold, nothing written; approve lists thirty; a thirty-first vanishes: holds again."""
    world = _filled(make, 100)
    before = world.rows()
    paths = sorted(world.desks["cal"].items())
    for path in paths[:30]:
        world.delete("cal", path)
    result = world.sync()
    assert result.state == "held"
    assert {written(c) for c in result.channels} == {0}
    assert world.rows() == before
    assert world.counts()["cal2"] == 100
    (hold,) = world.store.holds(HoldState.OPEN)
    assert len([w for w in hold.writes if w["channel"] == "crm"]) == 30
    assert _approve(world) == len(hold.writes)
    world.delete("cal", paths[30])
    assert world.sync().state == "held"
    assert _cancelled(world) == 0
    (again,) = world.store.holds(HoldState.OPEN)
    assert len([w for w in again.writes if w["channel"] == "crm"]) == 31
    _approve(world)
    world.converge()
    assert _cancelled(world) == 31
    assert world.counts() == {"crm": 100, "cal": 69, "cal2": 69}


def test_trace_41_what_was_approved_may_fail_once(make: Callable[..., World]) -> None:
    """The calendar is down when the approved deletions are due: they need no second approval."""
    world = _filled(make, 30)
    for path in sorted(world.desks["cal"].items())[:12]:
        world.delete("cal", path)
    assert world.sync().state == "held"
    _approve(world)
    world.doors["cal2"].fail(Fault("DELETE", status=503, times=1000))
    assert world.cycle().state == "failed"
    world.doors["cal2"].mend()
    world.later(minutes=20)
    world.converge()
    assert world.counts() == {"crm": 30, "cal": 18, "cal2": 18}


def test_trace_41_what_comes_back_is_off_the_plan(make: Callable[..., World]) -> None:
    """The events are there again before anybody approved: the hold is over by itself."""
    world = _filled(make, 30)
    bodies = world.desks["cal"].items()
    for path in sorted(bodies)[:12]:
        world.delete("cal", path)
    assert world.sync().state == "held"
    for path in sorted(bodies)[:12]:
        world.desks["cal"].server.put("", path, bodies[path])
    world.converge()
    assert world.store.holds(HoldState.OPEN) == []
    assert world.counts() == {"crm": 30, "cal": 30, "cal2": 30}
    assert _cancelled(world) == 0


@pytest.mark.parametrize("deleted", [True, False], ids=["deleted", "moved"])
def test_trace_42_one_of_one_is_no_disaster(world: World, deleted: bool) -> None:
    """The only appointment is deleted, or moved: no hold."""
    if deleted:
        world.delete("cal")
    else:
        world.edit("cal", dtstart=utc(11))
    world.converge()
    assert world.store.holds(HoldState.OPEN) == []


def test_trace_44_four_vanish_every_minute(make: Callable[..., World]) -> None:
    """Each cycle alone is harmless; the sliding day holds."""
    world = _filled(make, 40)
    paths = sorted(world.desks["cal"].items())
    states = []
    for minute in range(4):
        for path in paths[4 * minute : 4 * minute + 4]:
            world.delete("cal", path)
        states.append(world.sync().state)
        world.later(minutes=1)
    assert states[0] == "converged"
    assert states[-1] == "held"
    assert _cancelled(world) <= 5
    world.later(hours=25)
    assert world.sync().state == "held"
    assert _cancelled(world) <= 5


def test_a_failing_server_is_no_series_of_deletions(make: Callable[..., World]) -> None:
    """Two deletions are tried for hours against a server that refuses: no hold, then done."""
    world = _filled(make, 10)
    world.doors["cal2"].fail(Fault("DELETE", status=503, times=1000))
    for path in sorted(world.desks["cal"].items())[:2]:
        world.delete("cal", path)
    for _ in range(8):
        assert world.cycle().state == "failed"
        world.later(minutes=31)
    assert world.store.holds(HoldState.OPEN) == []
    world.doors["cal2"].mend()
    world.converge()
    assert world.counts() == {"crm": 10, "cal": 8, "cal2": 8}


def test_trace_45_a_rival_tool_is_set_aside(world: World) -> None:
    """Somebody's tool resets the title every minute: after three it is left alone, with an
    explanation; the time of the same event still flows."""
    for _ in range(6):
        world.change(subject=f"vom CRM {world.now():%H%M%S%f}")
        world.edit("cal", summary="vom Werkzeug")
        result = world.sync()
        world.later(minutes=1)
    assert result.state == "failed"
    assert str(world.event("cal")["SUMMARY"]) == "vom Werkzeug"
    (aside,) = world.store.asides()
    assert (aside.channel, aside.path) == ("cal", ("title",))
    assert "again and again" in aside.reason
    assert TITLE not in aside.reason
    world.edit("cal2", dtstart=utc(16))
    world.sync()
    assert world.everywhere("start") == {at(16)}


@pytest.mark.parametrize("restarted", [False, True])
def test_a_channel_that_lists_nothing_holds_until_it_is_approved(
    make: Callable[..., World], restarted: bool
) -> None:
    """Whatever the limits allow: the second look, and one after a restart, hold as the first."""
    world = _filled(make, 12)
    world.configure(extra='limits = { deletes = "100%" }')
    for path in world.desks["cal"].items():
        world.delete("cal", path)
    world.later(days=1, hours=1)  # a full look is due: no tombstones, an empty list
    for _ in range(3):
        assert world.sync().state == "held"
        if restarted:
            world.restart()
    assert _cancelled(world) == 0
    assert world.counts()["cal2"] == 12
    _approve(world)
    world.converge()
    assert _cancelled(world) == 12


def test_a_calendar_that_is_emptied_and_filled_again(make: Callable[..., World]) -> None:
    """A server restores its backup: the hold is over, and a later deletion is one again."""
    world = _filled(make, 12)
    world.configure(extra='limits = { deletes = "100%" }')
    bodies = world.desks["cal"].items()
    for path in bodies:
        world.delete("cal", path)
    world.later(days=1, hours=1)
    assert world.sync().state == "held"
    for path, body in bodies.items():
        world.desks["cal"].server.put("", path, body)
    world.converge()
    assert world.store.holds(HoldState.OPEN) == []
    world.delete("cal", next(iter(bodies)))
    world.converge()
    assert _cancelled(world) == 1
