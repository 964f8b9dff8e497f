"""The oracle, tried on a toy: silent when it works, loud for every way in which it is broken."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from random import Random

import pytest

from syncd.core.model import Appointment, Override, Recurrence, Timed
from syncd.core.paths import DELETED
from tests.world.clock import START
from tests.world.company import CALENDARS, CRMS, Company, Desk, a_company
from tests.world.faults import storm
from tests.world.mirror import FAULTS, Mirror
from tests.world.oracle import Oracle
from tests.world.play import play, shrink
from tests.world.steps import Act, Cycle, Expire, Step

SIMPLE = frozenset(
    {"visit", "lunch", "retitle", "move", "place", "note", "answer", "delete", "plant"}
)
COMPANY = Company(
    (
        Desk(name="crm", abilities=CRMS[0]),
        Desk(name="cal1", abilities=CALENDARS[0]),
        Desk(name="cal2", abilities=CALENDARS[2]),
    ),
    ("cal1", "crm", "cal2"),
)
WHEN = Timed(START.replace(tzinfo=None), START.replace(tzinfo=None), "UTC")


def _of_a_visit() -> Oracle:
    oracle = Oracle(COMPANY)
    oracle.born("t1", "crm", "visit")
    return oracle


def _fair(seed: int, acts: int = 40) -> list[Step]:
    """A storm without weather, and only of what the toy understands."""
    steps = storm(seed, COMPANY, acts, faults=False)
    simple = [s for s in steps if not isinstance(s, Act) or s.verb in SIMPLE]
    rivals: list[Step] = [
        Act("place", "crm", "t1", 901),
        Act("place", "cal1", "t1", 902),
        Cycle(),
        Cycle(),
        Cycle(),
    ]
    ends: list[Step] = [Cycle()] * 4
    return [*ends, Act("visit", "crm", "t1", 900), *ends, *rivals, *simple[1:]]


@pytest.mark.parametrize("seed", range(25))
def test_a_play_that_goes_well_is_not_complained_of(seed: int) -> None:
    assert play(_fair(seed), COMPANY, Mirror, seed) == []


@pytest.mark.parametrize(("fault", "complaint"), FAULTS.items(), ids=FAULTS)
def test_each_way_to_be_broken_is_found(fault: str, complaint: str) -> None:
    found = [
        line
        for seed in range(6)
        for line in play(_fair(seed), COMPANY, partial(Mirror, fault=fault), seed)
    ]
    assert [line for line in found if line.startswith(complaint)]


def test_a_storm_is_the_same_each_time() -> None:
    for seed in range(20):
        company = a_company(Random(seed))
        assert a_company(Random(seed)) == company
        assert storm(seed, company) == storm(seed, company)
        assert storm(seed, company) != storm(seed + 1, company)


def test_storms_have_everything() -> None:
    steps = [s for seed in range(60) for s in storm(seed, a_company(Random(seed)))]
    verbs = {step.verb for step in steps if isinstance(step, Act)}
    assert len(verbs) == 23
    assert {type(step).__name__ for step in steps} == {
        *("Act", "Weather", "Expire", "Pass", "Cycle", "Kill", "Restart")
    }
    assert {step.remade for step in steps if isinstance(step, Expire)} == {True, False}


def test_a_failing_play_shrinks_to_what_matters() -> None:
    broken = partial(Mirror, fault="tells secrets")
    steps = next(s for s in map(_fair, range(50)) if play(s, COMPANY, broken))
    fewest = shrink(steps, lambda left: bool(play(left, COMPANY, broken)))
    (only,) = fewest
    assert isinstance(only, Act)
    assert only.verb == "lunch"


@pytest.mark.parametrize(
    ("known", "key", "looks", "contested"),
    [
        ({}, "k1", (False,), True),
        ({("cal1", "k1"): None}, "k1", (False,), False),
        ({}, "k2", (False,), False),
        ({}, "k1", (False, True), False),
    ],
    ids=["unknown to the backup", "known to it", "made since it is used", "seen since"],
)
def test_nobody_can_tell_that_a_copy_went_which_an_old_backup_does_not_know(
    known: dict[tuple[str, str], Appointment | None],
    key: str,
    looks: tuple[bool, ...],
    contested: bool,
) -> None:
    oracle = _of_a_visit()
    oracle.looked(calm=True, listed=["cal1"])
    oracle.restored(0, known, [("cal1", "k1")])
    for calm in looks:
        oracle.looked(calm=calm, listed=["cal1"])
    oracle.ended("cal1", "t1", key, Appointment(WHEN))
    assert [ending.contested for ending in oracle.endings] == [contested]


@pytest.mark.parametrize(("listed", "lost"), [([], True), (["crm"], True), (["cal1"], False)])
def test_an_edit_goes_with_its_copy_unless_its_channel_was_listed_between(
    listed: list[str], lost: bool
) -> None:
    """A system that refused us is left alone for a while, also when it would answer again."""
    oracle = _of_a_visit()
    before = Appointment(WHEN, title="t1")
    after = replace(before, title="t1 改")
    oracle.edited("cal1", "t1", "", before, after)
    oracle.looked(calm=True, listed=listed)
    oracle.ended("cal1", "t1", "k1", after)
    assert [oracle.is_superseded(edit) for edit in oracle.edits] == [lost]


@pytest.mark.parametrize(
    ("looks", "contested"), [(("cal1",), True), (("crm",), False), ((), False)]
)
def test_what_was_carried_to_others_since_an_old_backup_stands_there_against_its_end(
    looks: tuple[str, ...], contested: bool
) -> None:
    """The others show what the backup does not know, as if somebody had set it there."""
    oracle = _of_a_visit()
    first = Appointment(WHEN, title="t1")
    second = replace(first, title="t1 改")
    oracle.edited("cal1", "t1", "", first, second)
    for listed in looks:
        oracle.looked(calm=True, listed=[listed])
    oracle.ended("cal1", "t1", "k1", second)
    oracle.restored(0, {("cal1", "k1"): first}, [])
    assert [ending.contested for ending in oracle.endings] == [contested]


@pytest.mark.parametrize(
    ("listed", "contested"), [(["cal1"], True), (["cal1", "crm"], False)], ids=str
)
def test_what_an_old_backup_has_not_seen_where_it_ends_stands_against_that(
    listed: list[str], contested: bool
) -> None:
    oracle = _of_a_visit()
    first = Appointment(WHEN, title="t1")
    second = replace(first, title="t1 改")
    oracle.edited("cal1", "t1", "", first, second)
    oracle.looked(calm=True, listed=["cal1", "crm"])
    oracle.restored(0, {("crm", "p1"): first}, [("crm", "p1")])
    for _ in range(2):
        oracle.looked(calm=True, listed=listed)
    oracle.ended("crm", "t1", "p1", second)
    assert [ending.contested for ending in oracle.endings] == [contested]


@pytest.mark.parametrize(("listed", "ended"), [([], True), (["crm"], True), (["cal1"], False)])
def test_what_a_retention_policy_took_before_its_channel_was_listed_may_be_nowhere(
    listed: list[str], ended: bool
) -> None:
    oracle = Oracle(COMPANY)
    oracle.born("t1", "cal1", "past")
    oracle.looked(calm=True, listed=listed)
    oracle.purged("cal1", ["t1"])
    assert [ending.contested for ending in oracle.endings] == ([True] if ended else [])


@pytest.mark.parametrize(
    ("looks", "other", "lost"),
    [((), "t1", True), (("cal1",), "t1", False), (("crm",), "t1", True), ((), "t1 改", False)],
    ids=["unseen", "seen", "another was listed", "on both"],
)
def test_one_of_two_items_of_a_meeting_ends_nothing_and_takes_what_nobody_saw(
    looks: tuple[str, ...], other: str, lost: bool
) -> None:
    oracle = _of_a_visit()
    before = Appointment(WHEN, title="t1")
    after = replace(before, title="t1 改")
    oracle.edited("cal1", "t1", "", before, after)
    for listed in looks:
        oracle.looked(calm=True, listed=[listed])
    oracle.thinned("cal1", "t1", after, replace(before, title=other))
    assert oracle.endings == []
    assert [oracle.is_superseded(edit) for edit in oracle.edits] == [lost]


def test_who_drops_an_occurrence_sets_no_value_of_it() -> None:
    """It had a title of its own, which nobody has taken back to that of its series."""
    oracle = Oracle(COMPANY)
    oracle.born("t1", "crm", "series")
    slot = f"{WHEN.start:%Y%m%dT%H%M%S}"
    series = Appointment(
        WHEN,
        title="t1",
        recurrence=Recurrence(("FREQ=WEEKLY;COUNT=6",)),
        overrides=((slot, Override((("title", "t1 展厅"),))),),
    )
    oracle.edited(
        "cal1", "t1", "", series, replace(series, overrides=((slot, Override(deleted=True)),))
    )
    assert [edit.path for edit in oracle.edits] == [("overrides", slot, DELETED)]


@pytest.mark.parametrize(
    ("backup", "looks", "to", "unnoticed"),
    [
        (1, (), "t1", True),
        (2, (), "t1", False),
        (1, ("cal1",), "t1", False),
        (1, ("crm",), "t1", True),
        (1, (), "t1 展厅", False),
    ],
    ids=["nobody saw it", "the backup knows it", "seen", "another was listed", "another value"],
)
def test_nobody_can_tell_what_was_set_back_to_what_an_old_backup_has(
    backup: int, looks: tuple[str, ...], to: str, unnoticed: bool
) -> None:
    oracle = _of_a_visit()
    first = Appointment(WHEN, title="t1")
    second = replace(first, title="t1 改")
    oracle.looked(calm=True, listed=["cal1"])
    oracle.edited("cal1", "t1", "", second, replace(first, title=to))
    for listed in looks:
        oracle.looked(calm=True, listed=[listed])
    oracle.restored(backup, {}, [], [("cal1", "", first)])
    assert [edit.number in oracle.unnoticed for edit in oracle.edits] == [unnoticed]


@pytest.mark.parametrize(
    ("told", "looks", "unnoticed"),
    [("cal1", (), True), ("crm", (), False), ("cal1", ("cal1",), False)],
    ids=["nobody has looked", "of another copy", "what was there is known by now"],
)
def test_nobody_can_tell_what_is_set_back_before_there_was_a_look_with_an_old_backup(
    told: str, looks: tuple[str, ...], unnoticed: bool
) -> None:
    oracle = _of_a_visit()
    first = Appointment(WHEN, title="t1")
    oracle.restored(0, {}, [], [(told, "", first)])
    for listed in looks:
        oracle.looked(calm=True, listed=[listed])
    oracle.edited("cal1", "t1", "", replace(first, title="t1 改"), first)
    assert [edit.number in oracle.unnoticed for edit in oracle.edits] == [unnoticed]


@pytest.mark.parametrize(
    ("left", "seen", "contested"),
    [((), False, True), (("k3",), False, True), (("k2",), False, False), ((), True, False)],
    ids=["empty", "only what is new", "something known is left", "seen before"],
)
def test_in_a_calendar_that_is_another_one_nobody_can_tell_what_was_deleted(
    left: tuple[str, ...], seen: bool, contested: bool
) -> None:
    oracle = _of_a_visit()
    oracle.looking({"cal1": frozenset({"k1", "k2"})})
    oracle.looked(calm=True, listed=["cal1"])
    oracle.ended("cal1", "t1", "k1", Appointment(WHEN))
    if seen:
        oracle.looking({"cal1": frozenset({"k2"})})
        oracle.looked(calm=True, listed=["cal1"])
    oracle.remade("cal1")
    oracle.looking({"cal1": frozenset(left)})
    assert [ending.contested for ending in oracle.endings] == [contested]


@pytest.mark.parametrize(
    ("listed", "over", "contested"),
    [((), "cal1", True), (("crm",), "cal1", True), (("cal1",), "cal1", False), ((), "cal2", False)],
    ids=["nobody has looked", "somebody looked elsewhere", "it was seen", "over another copy"],
)
def test_an_invitation_over_our_copy_takes_a_cancellation_along_that_nobody_saw(
    listed: tuple[str, ...], over: str, contested: bool
) -> None:
    oracle = _of_a_visit()
    oracle.ended("cal1", "t1", "k1", Appointment(WHEN))
    for channel in listed:
        oracle.looked(calm=True, listed=[channel])
    oracle.written_over(over, "t1")
    assert [ending.contested for ending in oracle.endings] == [contested]


@pytest.mark.parametrize("told", [False, True])
def test_an_edit_that_nobody_was_told_of_stands_against_an_end_elsewhere(told: bool) -> None:
    """The calendar has no owners: that it does not show the edit proves nothing."""
    oracle = _of_a_visit()
    before = Appointment(WHEN, title="t1", owner="alice@example.com")
    oracle.edited("crm", "t1", "", before, replace(before, owner="陈@example.com"))
    for _ in range(3):
        oracle.looked(calm=False, listed=["crm"] if told else ["cal1"])
    oracle.ended("cal1", "t1", "k1", replace(before, owner=""))
    assert [ending.contested for ending in oracle.endings] == [not told]


@pytest.mark.parametrize(("slot", "kept"), [("20260316T090000", False), ("20260302T090000", True)])
def test_who_goes_on_with_an_occurrence_has_the_last_word_on_it(slot: str, kept: bool) -> None:
    """Its row is called as the series that was cut until that is seen in the row's channel."""
    oracle = _of_a_visit()
    row = Appointment(WHEN, title="t1")
    oracle.edited("crm", "t1", slot, row, replace(row, location="上海"))
    cut = Recurrence(rules=("FREQ=WEEKLY;COUNT=1",))
    oracle.split("cal1", "t1", ("20260309T090000", "t2"), row, replace(row, recurrence=cut))
    oracle.edited("crm", "t2", slot, replace(row, location="上海"), replace(row, location="北京"))
    assert oracle.is_superseded(oracle.edits[0]) != kept
