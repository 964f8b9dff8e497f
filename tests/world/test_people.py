"""What people and vendors do in the simulated world."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.model import Appointment, Timed
from tests.world.clock import START
from tests.world.people import act, keys_of
from tests.world.play import Stage
from tests.world.plays import two
from tests.world.steps import Act


def test_a_vendor_puts_its_own_invitation_into_a_calendar_once() -> None:
    """Beside our copy or over it; a second one under that UID is no vendor's."""
    stage = Stage(two(0, 1), 0)
    system, start = stage.systems["cal1"], START.replace(tzinfo=None)
    visit = Appointment(Timed(start, start.replace(hour=start.hour + 1), "UTC"), title="t1 王先生")
    system.person_create(visit, uid="p1@crm", marker="installation:t1")
    for n in range(6):
        act(Act("arrive", "cal1", "t1", 5 - n), stage.company.desk("cal1"), system, stage.oracle)
    invited = [key for key in system.items if "invited" in system.foreign(key)]
    assert (len(invited), len(system.items)) == (1, 2)


def test_the_rest_of_a_cancelled_series_is_cancelled_too() -> None:
    """Whoever splits it goes on with what the calendar shows, and that does not take place."""
    stage = Stage(two(0, 0, person=""), 0)
    system, desk = stage.systems["crm"], stage.company.desk("crm")
    for step in (
        Act("series", "crm", "t1", 1),
        Act("cancel", "crm", "t1", 2),
        Act("split", "crm", "t1", 3, "t2"),
    ):
        act(step, desk, system, stage.oracle)
    assert [(each.token, each.contested) for each in stage.oracle.endings] == [
        ("t1", True),
        ("t2", False),
    ]
    stage.oracle.edited("cal1", "t1", "", *_renamed(system.reads(keys_of(system, "t1")[0])))
    assert all(ending.contested for ending in stage.oracle.endings)


def _renamed(held: Appointment) -> tuple[Appointment, Appointment]:
    return held, replace(held, title=f"{held.title} 改")
