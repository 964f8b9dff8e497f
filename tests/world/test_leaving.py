"""A copy that leaves its calendar with an edit of its own: it goes when the edit has arrived."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.world.deployed import Deployed
from tests.world.play import Stage
from tests.world.plays import ALICE, BOB, company_of
from tests.world.remote import MemorySystem
from tests.world.steps import Act, Cycle, Kill, Leave, Return, Step

HAND_OVER: list[Step] = [
    *(Act("visit", "crm", "t1", 1, ALICE), Cycle(), Cycle()),
    *(Act("retitle", "cal1", "t1", 20), Act("hand over", "crm", "t1", 30, BOB)),
]


@pytest.mark.parametrize("crm", [0, 1, 2])
def test_it_leaves_as_soon_as_the_crm_has_its_edit(crm: int, tmp_path: Path) -> None:
    """Invariants 1 and 2: at once where the answer shows what the CRM holds, else a look later."""
    stage = Stage(company_of(crm, (0, ALICE)), 0)
    deployment = Deployed(stage, tmp_path)
    for step in (*HAND_OVER, *[Cycle()] * (1 if crm == 0 else 2)):
        stage.run(step, deployment)
    assert not stage.systems["cal1"].items
    deployment.close()


def test_it_leaves_when_the_crm_has_refused_its_edit(tmp_path: Path) -> None:
    """Invariants 1 and 9: what is refused for good arrives nowhere, so nobody waits for that."""
    stage = Stage(company_of(0, (0, ALICE)), 0)
    deployment = Deployed(stage, tmp_path)
    for step in HAND_OVER:
        stage.run(step, deployment)
    system = stage.systems["crm"]
    assert isinstance(system, MemorySystem)
    system.faults.refused = frozenset({"n20"})
    stage.run(Cycle(), deployment)
    assert not stage.systems["cal1"].items
    assert len(system.items) == 1
    deployment.close()


def test_trace_29_a_visit_handed_over_meanwhile_goes_wherever_the_daemon_dies(
    tmp_path: Path,
) -> None:
    """Also between the calendar's first contact and the decision, which then has none to see."""
    met = set()
    for at in range(30, 48, 3):
        stage = Stage(company_of(0, (0, ALICE), (0, BOB)), 0)
        (folder := tmp_path / str(at)).mkdir()
        deployment = Deployed(stage, folder)
        for step in (Act("visit", "crm", "t1", 1, ALICE), Cycle(), Leave("cal1")):
            stage.run(step, deployment)
        for step in (Act("hand over", "crm", "t1", 9, BOB), Cycle(), Return("cal1"), Kill(at)):
            stage.run(step, deployment)
        stage.run(Cycle(), deployment)
        met.add((deployment.has_met("cal1"), len(stage.systems["cal1"].items)))
        assert not stage.come_to_rest(deployment)
        held = {name: len(system.items) for name, system in stage.systems.items()}
        assert held == {"crm": 1, "cal1": 0, "cal2": 1}
        deployment.close()
    assert met == {(False, 1), (True, 1), (True, 0)}  # it died before, between and after
