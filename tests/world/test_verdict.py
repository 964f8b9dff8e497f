"""The verdict: what was set holds, or is complained of; and what nobody can call lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.fidelity import project_when
from syncd.core.model import Appointment, Attendee, Override, Recurrence, Response, Timed
from tests.world.clock import START
from tests.world.company import CRM
from tests.world.filed import as_set
from tests.world.mirror import Mirror
from tests.world.people import act, keys_of
from tests.world.play import Stage
from tests.world.plays import ALICE, BOB, company_of, two
from tests.world.steps import Act
from tests.world.verdict import judged

WHEN = Timed(START.replace(tzinfo=None), START.replace(tzinfo=None, hour=START.hour + 1), "UTC")
SLOT = f"{WHEN.start:%Y%m%dT%H%M%S}"
WANG = Attendee("wang@kunde.example", "王先生")
SAYS_YES = replace(WANG, response=Response.ACCEPTED)
GUEST = Attendee("gast@kunde.example")


def _lost(stage: Stage) -> list[str]:
    return [line for line in judged(stage.oracle, stage.systems) if line.endswith("lost")]


def _acts(stage: Stage, *steps: Act) -> None:
    for step in steps:
        act(step, stage.company.desk(step.channel), stage.systems[step.channel], stage.oracle)


@pytest.mark.parametrize(
    ("older", "stripped", "missed"),
    [(True, False, False), (False, False, False), (False, True, True)],
    ids=["older", "newer", "newer, and taken away"],
)
def test_an_older_item_that_a_phone_puts_back_takes_back_what_was_set_since(
    older: bool, stripped: bool, missed: bool
) -> None:
    stage = Stage(two(0, 1, person=""), 0)
    _acts(stage, Act("visit", CRM, "t1", 1), Act("move key", CRM, "t1"))
    _acts(stage, Act("invite", CRM, "t1", 5))
    stage.oracle.looked(calm=True, listed=[CRM])
    _acts(stage, Act("delete", CRM, "t1"))
    _acts(stage, Act("put back", CRM, "t1", 0 if older else 1))
    (key,) = keys_of(stage.systems[CRM], "t1")
    guests = len(stage.systems[CRM].reads(key).attendees)
    assert guests == 2 - older
    if stripped:
        stage.systems[CRM].person_edit(key, lambda held: replace(held, attendees=()))
    assert bool(_lost(stage)) == missed


def _of_rows(slots: Iterable[str], owner: str, guests: tuple[Attendee, ...] = ()) -> Stage:
    """A series whose occurrences stand in the CRM, those that are left at these ``slots``."""
    stage = Stage(company_of(1, (0, ALICE), (1, "")), 0)
    stage.oracle.born("t1", "cal1", "series")
    for slot in slots:
        row = Appointment(WHEN, title="t1", owner=owner, attendees=guests)
        stage.systems[CRM].person_create(row, uid="", marker=f"installation:a1:{slot}")
    return stage


@pytest.mark.parametrize(("owner", "missed"), [(BOB, False), (ALICE, True)])
def test_who_owns_a_series_is_told_by_any_row_that_is_left(owner: str, missed: bool) -> None:
    """It was set in the row of an occurrence that somebody dropped elsewhere."""
    stage = _of_rows(["20260402T090000"], owner)
    was = Appointment(WHEN, title="t1", owner=ALICE)
    stage.oracle.edited(CRM, "t1", SLOT, was, replace(was, owner=BOB))
    assert bool(_lost(stage)) == missed


@pytest.mark.parametrize(("weeks", "missed"), [(2, False), (6, True)])
def test_of_a_series_that_was_split_each_part_is_sought_where_it_is(
    weeks: int, missed: bool
) -> None:
    """What it was cut down to went to whom it was handed over; the rest did not."""
    stage = Stage(company_of(0, (0, ALICE), (0, BOB)), 0)
    series, cut = (
        Appointment(WHEN, title="t1", recurrence=Recurrence((f"FREQ=WEEKLY;COUNT={count}",)))
        for count in (6, 2)
    )
    for token in ("t1", "t2"):
        stage.oracle.born(token, "cal1", "series", anew=token == "t1")
    stage.oracle.split("cal1", "t1", ("20260316T090000", "t2"), series, cut)
    stage.systems["cal1"].person_create(replace(series, title="t2"), uid="t2")
    shown = Recurrence((f"FREQ=WEEKLY;COUNT={weeks}",))
    stage.systems["cal2"].person_create(replace(series, recurrence=shown), uid="t1")
    assert bool(_lost(stage)) == missed


@pytest.mark.parametrize(("owner", "missed"), [(BOB, False), (ALICE, True)])
def test_a_series_without_a_row_is_whose_it_was_last(owner: str, missed: bool) -> None:
    """Its only occurrence was dropped in a calendar when its row had been handed over."""
    stage = Stage(company_of(1, (0, ALICE), (0, BOB)), 0)
    stage.oracle.born("t1", "cal1", "series")
    series = Appointment(
        WHEN,
        title="t1",
        recurrence=Recurrence(("FREQ=WEEKLY;COUNT=1",)),
        overrides=((SLOT, Override(deleted=True)),),
    )
    stage.systems["cal2"].person_create(series, uid="t1")
    was = Appointment(WHEN, title="t1", owner="")
    stage.oracle.edited(CRM, "t1", SLOT, was, replace(was, owner=owner))
    found = judged(stage.oracle, stage.systems)
    assert ("4: t1 does not belong in cal2" in found) == missed


@pytest.mark.parametrize(
    ("shown", "missed"),
    [((SAYS_YES,), False), ((SAYS_YES, GUEST), False), ((WANG, GUEST), True), ((GUEST,), True)],
    ids=["as set", "a guest came elsewhere", "not answered", "gone"],
)
def test_of_the_guests_of_an_occurrence_each_is_his_own(
    shown: tuple[Attendee, ...], missed: bool
) -> None:
    stage = _of_rows([SLOT], ALICE, shown)
    was = Appointment(WHEN, title="t1", owner=ALICE, attendees=(WANG,))
    stage.oracle.edited(CRM, "t1", SLOT, was, replace(was, attendees=(SAYS_YES,)))
    assert bool(_lost(stage)) == missed


def test_a_guest_who_was_taken_out_of_an_occurrence_is_not_there() -> None:
    path = ("overrides", SLOT, "attendees")
    assert as_set(path, (WANG, GUEST), (WANG,), (SAYS_YES,)) == (SAYS_YES,)
    assert as_set(path, (WANG, GUEST), (WANG,), (SAYS_YES, GUEST)) == (SAYS_YES,)


@pytest.mark.parametrize(
    ("remade", "invited", "complained"),
    [
        *(("", "", True), ("cal1", "", False), ("cal2", "", True)),
        *(("", "cal1", False), ("", "cal2", True)),
    ],
    ids=str,
)
def test_what_joins_in_a_calendar_that_is_another_one_or_by_invitation_has_no_rank(
    remade: str, invited: str, complained: bool
) -> None:
    company = replace(company_of(0, (0, ""), (0, "")), ranking=("cal1", "cal2", CRM))
    stage = Stage(company, 0)
    diary, visit = stage.oracle, Appointment(WHEN, title="t1")
    diary.born("t1", CRM, "visit")
    for name in (CRM, "cal1", "cal2"):
        stage.systems[name].person_create(replace(visit, location="CRM"), uid="t1")
    for _ in range(6):
        diary.looking({CRM: frozenset({"k"}), "cal1": frozenset({"k"}), "cal2": frozenset({"k"})})
        diary.looked(calm=True, listed=[CRM, "cal1", "cal2"])
    for name in (CRM, "cal1", "cal2"):
        diary.edited(name, "t1", "", visit, replace(visit, location=name))
    if remade:
        diary.remade(remade)
    if invited:
        diary.arrived(invited, "t1")
    diary.looking({CRM: frozenset({"k"}), "cal1": frozenset({"n"}), "cal2": frozenset({"n"})})
    diary.looked(calm=True, listed=[CRM, "cal1", "cal2"])
    found = judged(diary, stage.systems)
    assert any(line.startswith("rule: cal1 ranks above") for line in found) == complained


@pytest.mark.parametrize(
    ("first", "seen", "item", "missed"),
    [
        ("arrive", 0, "invited", False),
        ("hand over", 1, "invited", False),
        ("arrive", 1, "invited", False),
        ("arrive", 2, "invited", True),
        ("arrive", 0, "copy", True),
    ],
    ids=["in one look", "invited later", "it waits", "invited before", "our copy is left"],
)
def test_who_is_invited_to_what_is_somebody_elses_has_it(
    first: str, seen: int, item: str, missed: bool
) -> None:
    """Trace 34, and a vendor's invitation: which of two came first is seen by a look between."""
    stage = Stage(company_of(0, (0, ALICE), (0, BOB)), 0)
    _acts(stage, Act("visit", CRM, "t1", 1, ALICE))
    (key,) = keys_of(stage.systems[CRM], "t1")
    visit = stage.systems[CRM].reads(key)
    for name in ("cal1", "cal2"):
        stage.systems[name].person_create(visit, uid="p1@crm", marker="installation:a1")
    acts = [Act("arrive", "cal1", "t1", 0), Act("hand over", CRM, "t1", 2, BOB)]
    for act_ in sorted(acts, key=lambda each: each.verb != first):
        _acts(stage, act_)
        for _ in range(seen):
            stage.oracle.looked(calm=True, listed=[CRM, "cal1", "cal2"])
    if item == "copy":
        stage.systems["cal1"].person_create(visit, uid="p1@crm", marker="installation:a1")
    found = judged(stage.oracle, stage.systems)
    assert ("4: t1 does not belong in cal1" in found) == missed


def test_nobody_splits_a_series_in_a_calendar_that_was_not_met_yet() -> None:
    """It would be put back, and what goes on from it be another series (trace 29)."""
    stage = Stage(company_of(0, (0, ALICE)), 0)
    split = Act("split", "cal1", "t1", 3, "t2")
    _acts(stage, Act("series", "cal1", "t1", 1))
    stage.oracle.left("cal1")
    stage.oracle.returned("cal1")
    stage.run(split, Mirror(stage))
    assert len(stage.systems["cal1"].items) == 1
    stage.oracle.looked(calm=True, listed=["cal1"])
    stage.run(split, Mirror(stage))
    assert len(stage.systems["cal1"].items) == 2


@pytest.mark.parametrize(("minutes", "missed"), [(0, False), (15, True)], ids=["so", "later"])
def test_a_time_outlives_its_copy_without_its_zone(minutes: int, missed: bool) -> None:
    """The copy in which it was set went, and is made anew from the CRM's, which has UTC alone."""
    stage = Stage(company_of(2, (4, "")), 0)
    cal, crm = stage.systems["cal1"], stage.systems[CRM]
    _acts(stage, Act("visit", "cal1", "t1", 1))
    stage.oracle.looked(calm=True, listed=["cal1"])
    _acts(stage, Act("move", "cal1", "t1", 13))
    stage.oracle.looked(calm=True, listed=["cal1"])
    (key,) = keys_of(cal, "t1")
    held = cal.reads(key)
    assert isinstance(held.when, Timed)
    assert held.when.zone != "UTC"
    _acts(stage, Act("delete", "cal1", "t1"))
    utc = project_when(held.when, stage.company.desk(CRM).fidelity)
    assert isinstance(utc, Timed)
    late = timedelta(minutes=minutes)
    for each in (crm, cal):
        each.person_create(replace(held, when=Timed(utc.start + late, utc.end + late, "UTC")))
    assert bool(_lost(stage)) == missed
