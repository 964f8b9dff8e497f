"""Storms over a CRM in memory and calendars of Google and Microsoft 365 over HTTP.

More storms: ``SYNCD_STORMS=500 pytest tests/world/test_vendors.py``, or
``python -m tests.world 0 500 --vendors``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.world.company import Company, a_hosted_company
from tests.world.deployed import Deployed
from tests.world.faults import storm
from tests.world.hosts import Vendors, vendors
from tests.world.play import play
from tests.world.plays import VENDORS as PLAYS
from tests.world.steps import Step

STORMS = int(os.environ.get("SYNCD_STORMS", "2"))


@pytest.fixture(scope="module")
def hosts() -> Iterator[Vendors]:
    """One Google and one Graph for all worlds of this file."""
    with vendors() as hosts:
        yield hosts


@pytest.mark.parametrize(("seed", "company", "steps"), PLAYS.values(), ids=PLAYS)
def test_plays_that_once_went_wrong(
    seed: int, company: Company, steps: list[Step], hosts: Vendors, tmp_path: Path
) -> None:
    """Invariants 1 to 6 and 8, as the complaints are numbered."""
    assert play(steps, company, lambda stage: Deployed(stage, tmp_path), seed, hosts) == []


@pytest.mark.parametrize("seed", range(STORMS))
def test_people_in_fair_weather(seed: int, hosts: Vendors, tmp_path: Path) -> None:
    """Invariants 1 to 6 and 8."""
    company = a_hosted_company(Random(seed))
    steps = storm(seed, company, 25, faults=False)
    assert play(steps, company, lambda stage: Deployed(stage, tmp_path), seed, hosts) == []


@pytest.mark.parametrize("seed", range(1000, 1000 + STORMS))
def test_people_in_storms(seed: int, hosts: Vendors, tmp_path: Path) -> None:
    """Invariants 1 to 6, 8, 9 and 10."""
    company = a_hosted_company(Random(seed))
    steps = storm(seed, company)
    assert play(steps, company, lambda stage: Deployed(stage, tmp_path), seed, hosts) == []
