"""The real daemon in the simulated world: plays that once went wrong, and storms from seeds.

More storms: ``SYNCD_STORMS=500 pytest tests/world/test_storms.py``, or ``python -m tests.world``.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from tests.world.company import CALENDARS, CRMS, DOMAIN, Company, Desk, a_company
from tests.world.deployed import Deployed
from tests.world.faults import storm
from tests.world.play import play
from tests.world.steps import Act, Cycle, Kill, Pass, Restart, Step, Weather

STORMS = int(os.environ.get("SYNCD_STORMS", "10"))
ALICE = f"alice@{DOMAIN}"


FIVE: list[Step] = [Cycle()] * 5
"""Cycles up to a backup."""


def _two(crm: int, calendar: int, *, person: str = ALICE) -> Company:
    """A CRM and one calendar, of these kinds; the CRM ranks first."""
    desks = (
        Desk(name="crm", abilities=CRMS[crm]),
        Desk(name="cal1", abilities=CALENDARS[calendar], person=person),
    )
    return Company(desks, ("crm", "cal1"))


PLAYS: dict[str, tuple[Company, list[Step]]] = {
    "a client moves an item to another key": (
        _two(0, 2),
        [Act("visit", "cal1", "t2", 2, ALICE), Cycle(), Act("move key", "cal1", "t2", 4)],
    ),
    "a client moves a series to another key": (
        _two(1, 0, person=""),
        [Act("series", "cal1", "t3", 3, ALICE), Cycle(), Cycle(), Act("move key", "cal1", "t3", 4)],
    ),
    "an item is moved in the CRM while its time is changed": (
        _two(2, 3),
        [
            Act("visit", "crm", "t4", 4, ALICE),
            Cycle(),
            Act("move key", "crm", "t4", 12),
            Act("move", "cal1", "t4", 14),
        ],
    ),
    "an item is duplicated before it was ever seen": (
        _two(0, 3, person=""),
        [Act("visit", "crm", "t2", 2), Act("duplicate", "crm", "t2", 5, "t5")],
    ),
    "the row of an occurrence is deleted before it was seen": (
        _two(1, 5, person=""),
        [Act("series", "cal1", "t8", 8), Cycle(), Act("drop occurrence", "crm", "t8", 13)],
    ),
    "a backup from before a visit, while the CRM is down": (
        _two(1, 4),
        [
            *FIVE,
            Act("visit", "cal1", "t15", 15, ALICE),
            Cycle(),
            Weather("crm", "down", True),
            Restart(backup=True),
            *(Cycle(), Pass(600), Cycle(), Pass(20), Cycle(), Pass(20)),
        ],
    ),
    "a backup from before a series that stands as rows": (
        _two(2, 3),
        [*FIVE, Act("series", "cal1", "t16", 16, ALICE), Cycle(), Restart(backup=True)],
    ),
    "a record is deleted before it was seen": (
        _two(1, 2, person=""),
        [Act("visit", "cal1", "t9", 9), Cycle(), Act("delete", "crm", "t9", 37)],
    ),
    "a record is duplicated before it was seen": (
        _two(1, 0),
        [Act("visit", "cal1", "t1", 1, ALICE), Cycle(), Act("duplicate", "crm", "t1", 28, "t28")],
    ),
    "what the CRM deleted is put back by a phone": (
        _two(2, 0),
        [
            Act("visit", "crm", "t4", 4, ALICE),
            Cycle(),
            Act("delete", "crm", "t4", 12),
            Cycle(),
            Cycle(),
            Act("put back", "cal1", "t4", 16),
        ],
    ),
    "a duplicate is moved to another key while its original is deleted": (
        _two(0, 5, person=""),
        [
            *(Act("visit", "crm", "t1", 1), Cycle(), Cycle()),
            *(Act("duplicate", "cal1", "t1", 22, "t22"), Cycle(), Cycle()),
            *(Act("move key", "cal1", "t22", 23), Act("delete", "cal1", "t1", 24)),
        ],
    ),
    "an occurrence is dropped from its series while its row is renamed": (
        _two(1, 3, person=""),
        [
            *(Act("series", "cal1", "t2", 2), Cycle(), Cycle()),
            Act("drop occurrence", "cal1", "t2", 15),
            Act("retitle", "crm", "t2", 16),
        ],
    ),
    "what is cancelled is duplicated": (
        _two(1, 0),
        [
            *(Act("visit", "cal1", "t2", 2, ALICE), Cycle()),
            *(Act("cancel", "crm", "t2", 13), Act("duplicate", "crm", "t2", 21, "t21")),
        ],
    ),
    "a backup from before a visit whose record is deleted": (
        _two(0, 4, person=""),
        [
            *(*FIVE, Act("visit", "cal1", "t37", 37), Cycle()),
            *(Act("delete", "crm", "t37", 40), Restart(backup=True)),
        ],
    ),
    "an edit in a calendar that is down goes with its copy": (
        _two(0, 5, person=""),
        [
            *(Act("visit", "crm", "t2", 2), Cycle(), Act("invite", "cal1", "t2", 25)),
            *(Weather("cal1", "down", True), Cycle()),
            *(Act("delete", "cal1", "t2", 33), Act("retitle", "crm", "t2", 38)),
        ],
    ),
}


@pytest.mark.parametrize(("company", "steps"), PLAYS.values(), ids=PLAYS)
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
    assert play(steps, _two(1, 3, person=""), lambda stage: Deployed(stage, tmp_path)) == []


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
