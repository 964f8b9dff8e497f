"""The real daemon in the simulated world: plays that once went wrong, and storms from seeds.

More storms: ``SYNCD_STORMS=500 pytest tests/world/test_storms.py``, or ``python -m tests.world``.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.world.company import Company, a_company
from tests.world.deployed import Deployed
from tests.world.faults import storm
from tests.world.play import play
from tests.world.plays import ALICE, PLAYS, company_of, two
from tests.world.plays_duplicated import DUPLICATED
from tests.world.plays_ended import ENDED
from tests.world.plays_invited import INVITED
from tests.world.plays_moved import MOVED
from tests.world.plays_restored import RESTORED
from tests.world.plays_series import SERIES
from tests.world.steps import Act, Cycle, Kill, Leave, Pass, Step, Weather

STORMS = int(os.environ.get("SYNCD_STORMS", "6"))
WENT_WRONG = {**PLAYS, **RESTORED, **INVITED, **SERIES, **MOVED, **DUPLICATED, **ENDED}


@pytest.mark.parametrize(("company", "steps"), WENT_WRONG.values(), ids=WENT_WRONG)
def test_plays_that_once_went_wrong(company: Company, steps: list[Step], tmp_path: Path) -> None:
    """Invariants 1 to 6 and 8, as the complaints are numbered."""
    assert play(steps, company, lambda stage: Deployed(stage, tmp_path)) == []


@pytest.mark.parametrize("at", range(1, 31))
def test_the_daemon_dies_while_the_crm_is_locked(at: int, tmp_path: Path) -> None:
    """Invariants 9 and 10: what the CRM missed reaches it, wherever the cycle ended."""
    steps: list[Step] = [
        Cycle(),
        Weather("crm", "locked", True),
        Act("visit", "cal1", "t16", 16),
        Cycle(),
        Kill(at),
        Pass(20),
        Cycle(),
    ]
    assert play(steps, two(1, 3, person=""), lambda stage: Deployed(stage, tmp_path)) == []


@pytest.mark.parametrize("at", range(1, 21))
def test_the_daemon_dies_while_an_invitation_takes_our_place(at: int, tmp_path: Path) -> None:
    """Invariants 3 and 10: our copy or the invitation is left, and never both."""
    steps: list[Step] = [
        *(Cycle(), Act("visit", "cal1", "t1", 1), Cycle(), Cycle()),
        *(Act("arrive", "cal2", "t1", 1), Kill(at), Pass(20), Cycle()),
    ]
    company = company_of(at % 3, (at % 5, ALICE), (2 * at % 6, ""))
    assert play(steps, company, lambda stage: Deployed(stage, tmp_path)) == []


@pytest.mark.parametrize("seed", range(STORMS))
def test_people_in_fair_weather(seed: int, tmp_path: Path) -> None:
    """Invariants 1 to 6 and 8."""
    company = a_company(Random(seed))
    steps = storm(seed, company, 25, faults=False)
    assert play(steps, company, lambda stage: Deployed(stage, tmp_path), seed) == []


@pytest.mark.parametrize("seed", range(1000, 1000 + STORMS))
def test_people_in_storms(seed: int, tmp_path: Path) -> None:
    """Invariants 1 to 6, 8, 9 and 10."""
    company = a_company(Random(seed))
    steps = storm(seed, company)
    assert play(steps, company, lambda stage: Deployed(stage, tmp_path), seed) == []


@pytest.mark.parametrize("seed", range(2000, 2000 + STORMS // 2))
def test_people_in_storms_whose_rules_ask(seed: int, tmp_path: Path) -> None:
    """The same, where a person decides what two have set; both values stand until then."""
    asks = ("when", "title", "location", "description", "attendees", "status")
    company = replace(a_company(Random(seed)), asks=asks)
    steps = storm(seed, company)
    assert play(steps, company, lambda stage: Deployed(stage, tmp_path), seed) == []


@pytest.mark.parametrize("seed", range(3000, 3000 + STORMS // 2))
def test_people_in_storms_whose_writes_are_held(seed: int, tmp_path: Path) -> None:
    """The same, where more than a few writes wait for somebody who approves of what he is shown."""
    company = replace(a_company(Random(seed)), holds=True)
    steps = storm(seed, company)
    assert play(steps, company, lambda stage: Deployed(stage, tmp_path), seed) == []


@pytest.mark.parametrize("seed", range(4000, 4000 + STORMS // 2))
def test_people_in_storms_whose_looks_are_late(seed: int, tmp_path: Path) -> None:
    """The same, where cycles go on without a channel that takes too long to answer."""
    company = replace(a_company(Random(seed)), late=True)
    steps = storm(seed, company)
    assert play(steps, company, lambda stage: Deployed(stage, tmp_path), seed) == []


@pytest.mark.parametrize("seed", range(5000, 5000 + STORMS // 2))
def test_people_in_storms_whose_calendars_leave(seed: int, tmp_path: Path) -> None:
    """The same, where calendars are taken out of the configuration and return (trace 29)."""
    company = a_company(Random(seed))
    steps = storm(seed, company, leaves=True)
    assert any(isinstance(step, Leave) for step in steps)
    assert play(steps, company, lambda stage: Deployed(stage, tmp_path), seed) == []


@pytest.mark.parametrize("seed", range(6000, 6000 + STORMS // 2))
def test_people_in_storms_part_by_part(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, where the next plans are stored while the last writes are under way."""
    monkeypatch.setattr("syncd.engine.CHUNK", 1 + seed % 2)
    company = a_company(Random(seed))
    steps = storm(seed, company)
    assert play(steps, company, lambda stage: Deployed(stage, tmp_path), seed) == []
