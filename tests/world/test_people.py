"""What people and vendors do in the simulated world."""

from __future__ import annotations

from syncd.core.model import Appointment, Timed
from tests.world.clock import START
from tests.world.people import act
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
