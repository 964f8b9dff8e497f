"""This and all following, written as two requests between which the daemon looks: in either order,
with a CRM of rows and one of series, in calendars of all kinds and of both vendors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from syncd.core.model import Status
from syncd.core.state import Kind
from tests.world.company import CRM, CRMS, HOSTED, Company, Desk
from tests.world.deployed import Deployed
from tests.world.hosts import Memory, Vendors, vendors
from tests.world.people import WEEKS, keys_of
from tests.world.play import Stage
from tests.world.plays import BOB, company_of
from tests.world.steps import Act, Cycle, Kill, Pass, Step, Weather
from tests.world.verdict import judged

CUT, GO_ON = Act("cut", "cal1", "t1", 1, "t9"), Act("go on", "cal1", "t1", 1, "t9")
"""The series keeps two of its six occurrences."""


@pytest.fixture(scope="module")
def hosts() -> Iterator[Vendors]:
    """One Google and one Graph."""
    with vendors() as hosts:
        yield hosts


def hosted(crm: int, vendor: str) -> Company:
    """A CRM and a calendar of a vendor."""
    desk = Desk(name="cal1", abilities=HOSTED[vendor], vendor=vendor)
    return Company((Desk(name=CRM, abilities=CRMS[crm]), desk), (CRM, "cal1"))


def in_steps(
    steps: Sequence[Step], folder: Path, company: Company, at: Memory | None = None
) -> None:
    """A series with an owner of its own is split in these ``steps``; its records are those that
    there were, and what goes on has the owner. What was made of two requests is one split."""
    stage = Stage(company, 0, at)
    deployment = Deployed(stage, folder)
    before: list[Step] = [Cycle(), Act("series", "cal1", "t1", 1), Cycle(), Cycle()]
    before += [Act("hand over", CRM, "t1", n, BOB) for n in range(WEEKS)]
    for step in (*before, Cycle(), Cycle()):
        stage.run(step, deployment)
    crm = stage.systems[CRM]
    records, singly = set(crm.items), len(crm.items) > 1
    for step in steps:
        stage.run(step, deployment)
    assert stage.come_to_rest(deployment) + judged(stage.oracle, stage.systems) == []
    rest = [crm.reads(key) for key in keys_of(crm, "t9")]
    assert {each.owner for each in rest} == {BOB}
    assert all(each.status is Status.CONFIRMED for each in rest)
    others = set(crm.items) - set(keys_of(crm, "t5"))
    assert others == records if singly else records < others
    assert len(rest) == (WEEKS - 2 if singly else 1)
    assert [record.kind for _, record in deployment.records()].count(Kind.SPLIT) == 1
    deployment.close()


@pytest.mark.parametrize("looks", [0, 1, 2])
@pytest.mark.parametrize("calendar", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("crm", [0, 1, 2])
def test_the_new_series_is_made_first(crm: int, calendar: int, looks: int, tmp_path: Path) -> None:
    """Invariants 1 to 6: so many looks come before the old one is cut."""
    in_steps([GO_ON, *[Cycle()] * looks, CUT], tmp_path, company_of(crm, (calendar, "")))


@pytest.mark.parametrize("looks", [0, 1])
@pytest.mark.parametrize("calendar", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("crm", [0, 1, 2])
def test_the_old_series_is_cut_first(crm: int, calendar: int, looks: int, tmp_path: Path) -> None:
    """Invariants 1 to 6: one look at most comes before the new one is made."""
    in_steps([CUT, *[Cycle()] * looks, GO_ON], tmp_path, company_of(crm, (calendar, "")))


@pytest.mark.parametrize("looks", [0, 1, 2])
@pytest.mark.parametrize("vendor", ["google", "microsoft365"])
@pytest.mark.parametrize("crm", [0, 1])
def test_a_vendor_is_told_of_the_new_series_first(
    crm: int, vendor: str, looks: int, hosts: Vendors, tmp_path: Path
) -> None:
    """Invariants 1 to 6."""
    in_steps([GO_ON, *[Cycle()] * looks, CUT], tmp_path, hosted(crm, vendor), hosts)


@pytest.mark.parametrize("looks", [0, 1])
@pytest.mark.parametrize("vendor", ["google", "microsoft365"])
@pytest.mark.parametrize("crm", [0, 1])
def test_a_vendor_is_told_of_the_cut_first(
    crm: int, vendor: str, looks: int, hosts: Vendors, tmp_path: Path
) -> None:
    """Invariants 1 to 6."""
    in_steps([CUT, *[Cycle()] * looks, GO_ON], tmp_path, hosted(crm, vendor), hosts)


@pytest.mark.parametrize(("at", "first"), [(at, at // 2 % 2 == 0) for at in range(1, 25)])
def test_the_daemon_dies_over_it(first: bool, at: int, tmp_path: Path) -> None:
    """Invariants 2, 3 and 10: while what goes on is copied, or takes over. Something else is in
    hand, too: what is alone there is taken for the cause, and left alone for a day."""
    dies: list[Step] = [Act("visit", "cal1", "t5", 5), Kill(at), Cycle()]
    looks: list[Step] = [Cycle()] * (2 - at % 2)
    steps = [GO_ON, *looks, *(dies if first else ()), CUT, *(() if first else dies), Pass(20)]
    in_steps(steps, tmp_path, company_of(at % 3, (at % 4, "")))


@pytest.mark.parametrize("fault", ["down", "locked", "read_only", "lost_answers"])
@pytest.mark.parametrize("crm", [0, 1, 2])
def test_the_crm_fails_over_it(crm: int, fault: str, tmp_path: Path) -> None:
    """Invariants 2, 3 and 9."""
    bad: list[Step] = [Weather(CRM, fault, True)]
    steps = [*bad, GO_ON, Cycle(), Cycle(), Cycle(), CUT, Cycle(), Pass(120), Cycle(), Pass(120)]
    in_steps(steps, tmp_path, company_of(crm, (crm, "")))
