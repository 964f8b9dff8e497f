"""A series is cut short; in a copy that was not told of it somebody goes on with what is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.model import Override, Recurrence
from syncd.core.state import Kind
from tests.core.harness import World, settled_world
from tests.core.remote import Fault
from tests.core.test_traces_series import RIDS, WEEKLY

UNTIL = Recurrence(("FREQ=WEEKLY;UNTIL=20260317T100000Z",))
LATER = RIDS[4]


def _untold() -> World:
    """Three calendars; the series ends with its second occurrence, of which one was not told."""
    made = settled_world("cal", "cal2", "cal3", visit=WEEKLY)
    kept = tuple(pair for pair in made.reads("cal").overrides if pair[0] < RIDS[2])
    made.remotes["cal2"].faults.extend([Fault.REFUSED] * 9)
    made.edit("cal", recurrence=UNTIL, overrides=kept)
    for _ in range(3):
        made.cycle()
    assert made.agreed().recurrence == UNTIL
    assert made.reads("cal2").recurrence == WEEKLY.recurrence
    made.remotes["cal2"].faults.clear()
    made.records.clear()
    return made


@pytest.mark.parametrize(
    ("own", "told"),
    [(Override((("title", "改期"),)), "改期"), (Override((), True), True)],
)
def test_what_is_said_of_an_occurrence_that_was_cut_off_makes_none(
    own: Override, told: object
) -> None:
    """Invariants 1 and 2: the series stays as it was cut, and what was said is on record."""
    made = _untold()
    others = tuple(pair for pair in made.reads("cal2").overrides if pair[0] != LATER)
    made.edit("cal2", overrides=(*others, (LATER, own)))
    made.run()
    for name in ("cal", "cal2", "cal3"):
        assert made.reads(name).recurrence == UNTIL
        assert LATER not in dict(made.reads(name).overrides)
    (record,) = made.history(Kind.CONFLICT)
    assert record.claims == (("cal", True), ("cal2", told))


def test_an_occurrence_beyond_the_rule_that_its_own_calendar_shows_is_carried() -> None:
    """Some calendars keep an exception beyond the end of its series, and show it."""
    made = settled_world("cal", "cal2", visit=replace(WEEKLY, recurrence=UNTIL, overrides=()))
    made.edit("cal", overrides=((LATER, Override((("title", "加一次"),))),))
    made.run()
    assert dict(made.reads("cal2").overrides)[LATER] == Override((("title", "加一次"),))


@pytest.mark.parametrize("before", [False, True], ids=["just now", "before, and not told"])
def test_what_is_said_of_an_occurrence_as_it_is_cut_off_is_on_record(before: bool) -> None:
    """Invariant 2: who ends the series knows nothing of it."""
    made = settled_world("cal", "cal2", "cal3", visit=WEEKLY)
    others = made.reads("cal2").overrides
    made.edit("cal2", overrides=(*others, (LATER, Override((("title", "改期"),)))))
    if before:
        made.remotes["cal"].faults.extend([Fault.REFUSED] * 2)
        made.cycle()
        made.remotes["cal"].faults.clear()
    made.edit("cal", recurrence=UNTIL, overrides=())
    made.run()
    for name in ("cal", "cal2", "cal3"):
        assert made.reads(name).recurrence == UNTIL
        assert LATER not in dict(made.reads(name).overrides)
    told = [record for record in made.history(Kind.CONFLICT) if record.path[1:2] == (LATER,)]
    assert [record.claims for record in told] == [(("cal", True), ("cal2", "改期"))]


@pytest.mark.parametrize(
    ("slot", "own", "title"),
    [
        (RIDS[0], Override((("title", "改期"),)), "改期"),
        (RIDS[0], Override((), True), WEEKLY.title),
        (RIDS[2], Override((("title", "改期"),)), WEEKLY.title),
        (RIDS[2], Override((), True), WEEKLY.title),
    ],
    ids=["first renamed", "first dropped", "later renamed", "later dropped"],
)
def test_a_series_that_is_made_single_is_its_first_occurrence(
    slot: str, own: Override, title: str
) -> None:
    """Invariants 1 and 2: what is said elsewhere in the same look of one that is left is kept, and
    of one that went is on record. Nothing of its own is left without a series."""
    made = settled_world("cal", "cal2", "cal3", visit=WEEKLY)
    others = tuple(pair for pair in made.reads("cal2").overrides if pair[0] != slot)
    made.edit("cal", recurrence=None, overrides=())
    made.edit("cal2", overrides=(*others, (slot, own)))
    made.run()
    for name in made.remotes:
        shown = made.reads(name)
        assert (shown.recurrence, shown.overrides, shown.title) == (None, (), title), name
    told = [path for record in made.history() for path in [record.path] if path[1:2] == (slot,)]
    assert bool(told)


def test_who_renames_all_of_what_is_made_single_loses_on_record() -> None:
    """Invariant 2: its first occurrence was renamed elsewhere in the same look."""
    made = settled_world("cal", "cal2", "cal3", visit=WEEKLY)
    made.edit("cal", recurrence=None, overrides=(), title="例会")
    own = Override((("title", "改期"),))
    others = tuple(pair for pair in made.reads("cal2").overrides if pair[0] != RIDS[0])
    made.edit("cal2", overrides=(*others, (RIDS[0], own)))
    made.run()
    assert {made.reads(name).title for name in made.remotes} == {"改期"}
    (record,) = [each for each in made.history(Kind.CONFLICT) if each.path == ("title",)]
    assert dict(record.claims) == {"cal": "例会", "cal2": "改期"}
