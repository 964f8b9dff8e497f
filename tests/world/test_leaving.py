"""A copy that leaves its calendar with an edit of its own: it goes when the edit has arrived."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.world.deployed import Deployed
from tests.world.play import Stage
from tests.world.plays import ALICE, BOB, company_of
from tests.world.remote import MemorySystem
from tests.world.steps import Act, Cycle, Step

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
