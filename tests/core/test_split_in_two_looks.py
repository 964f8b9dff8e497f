"""This and all following, written in two steps: one look shows the series that was cut short, the
next one what goes on. Whoever cuts a series and leaves it at that is heard a look later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.model import Customer, Override, Recurrence, Status
from syncd.core.state import Kind, Operation
from tests.core.harness import World, settled_world
from tests.core.test_traces_series import RIDS, WEEKLY
from tests.core.values import at

UNTIL = Recurrence(("FREQ=WEEKLY;UNTIL=20260317T100000Z",))
REST = replace(WEEKLY, when=at(26, 10), recurrence=Recurrence(("FREQ=WEEKLY;COUNT=4",)))
WANG = Customer("王")
NO_SHOW = Override((("status", Status.NO_SHOW),))


def cut(made: World, name: str = "cal") -> None:
    """In a calendar the series, the first copy there, ends with its second occurrence."""
    first = next(iter(made.remotes[name].copies))
    kept = tuple(pair for pair in made.reads(name, first).overrides if pair[0] < RIDS[2])
    made.edit(name, recurrence=UNTIL, overrides=kept)


def of_rows() -> World:
    """A calendar, and a CRM of rows; one of the later visits is written up there."""
    made = settled_world("cal", "rows", visit=WEEKLY)
    row = made.agreements[made.only].copies["rows", RIDS[4]].copy.key
    made.edit("rows", row, status=Status.COMPLETED, customer=WANG)
    made.run()
    made.written.clear()
    return made


def of_series() -> World:
    """A calendar, and a CRM that holds the series, with its customer and an outcome."""
    made = settled_world("crm", "cal", visit=WEEKLY)
    made.edit("crm", customer=WANG, overrides=((RIDS[3], NO_SHOW),))
    made.run()
    made.written.clear()
    return made


@pytest.mark.parametrize("between", [True, False])
def test_rows_keep_their_records_and_what_is_written_in_them(between: bool) -> None:
    """Trace 38. Invariant 2."""
    made = of_rows()
    rows = {slot: s.copy.key for (n, slot), s in made.agreements[made.only].copies.items() if slot}
    cut(made)
    if between:
        made.cycle()
    made.add("cal", REST, "rest")
    made.run(4)
    assert len(made.agreements) == 2
    assert set(made.remotes["rows"].copies) == set(rows.values())
    held = made.remotes["rows"].copies[rows[RIDS[4]]].reads
    assert (held.when, held.status, held.customer) == (at(40, 10), Status.COMPLETED, WANG)
    assert {w.operation for w in made.written} == {Operation.UPDATE}
    assert len(made.history(Kind.SPLIT)) == 1


@pytest.mark.parametrize("between", [True, False])
def test_a_row_that_somebody_moves_to_another_key_meanwhile_is_kept(between: bool) -> None:
    """Trace 38. Invariant 2: it is another item in the place of the one that is settled there. At
    the same time as before, so that nothing is written to it."""
    made = of_rows()
    slots = {slot: s.copy.key for (n, slot), s in made.agreements[made.only].copies.items() if slot}
    remote = made.remotes["rows"]
    cut(made)
    copy = remote.copies.pop(slots[RIDS[4]])
    remote.put("moved", copy.reads, uid=copy.uid, marker=copy.marker)
    if between:
        made.cycle()
    made.add("cal", replace(REST, when=at(24, 10)), "rest")
    made.run(5)
    kept = {key for slot, key in slots.items() if slot != RIDS[4]} | {"moved"}
    assert set(remote.copies) == kept
    assert remote.copies["moved"].reads.customer == WANG
    assert not [w for w in made.written if w.operation is not Operation.UPDATE]


@pytest.mark.parametrize("told", [False, True], ids=["merely dropped", "renamed by who split it"])
def test_what_is_dropped_as_its_series_is_split_elsewhere_stays_dropped(told: bool) -> None:
    """Trace 38. Invariant 2: unless what goes on says something of just that occurrence."""
    made = of_series()
    kept = tuple(pair for pair in made.reads("crm").overrides if pair[0] != RIDS[4])
    made.edit("crm", overrides=(*kept, (RIDS[4], Override((), True))))
    cut(made)
    renamed, dropped = Override((("title", "改期"),)), Override((), True)
    own = (("20260409T100000", renamed),) if told else ()
    made.add("cal", replace(REST, overrides=own), "rest")
    made.run(4)
    for name in made.remotes:
        _, rest = made.all_reads(name)
        shown = dict(rest.overrides)["20260409T100000"]
        assert shown == (renamed if told else dropped), name


@pytest.mark.parametrize("between", [True, False])
def test_a_series_keeps_its_customer_and_its_outcomes(between: bool) -> None:
    """Trace 38. Invariant 2."""
    made = of_series()
    cut(made)
    if between:
        made.cycle()
    made.add("cal", REST, "rest")
    made.run(4)
    first, rest = made.all_reads("crm")
    assert (first.recurrence, first.customer) == (UNTIL, WANG)
    assert (rest.recurrence, rest.customer) == (REST.recurrence, WANG)
    assert rest.overrides == (("20260402T100000", NO_SHOW),)
    assert len(made.history(Kind.SPLIT)) == 1


def test_what_is_merely_cut_is_cut_at_the_next_look() -> None:
    """Invariant 1: the rows of what no longer takes place go then."""
    made = of_rows()
    cut(made)
    assert made.cycle() == 0
    assert len(made.remotes["rows"].copies) == 6
    made.run()
    assert [each.when for each in made.all_reads("rows")] == [at(10, 10), at(17, 10)]
    assert made.agreed().recurrence == UNTIL


def test_meanwhile_nothing_is_written_over_it() -> None:
    """Invariant 2: what others change is written to what was cut as soon as that is decided."""
    made = of_series()
    cut(made)
    made.edit("crm", location="München")
    made.cycle()
    assert made.reads("cal").recurrence == UNTIL
    assert not made.written
    made.run()
    for name in ("crm", "cal"):
        assert (made.reads(name).recurrence, made.reads(name).location) == (UNTIL, "München")


def test_a_system_that_falls_silent_after_it_is_waited_for() -> None:
    """Nobody knows what else was done there."""
    made = of_rows()
    cut(made)
    made.cycle()
    made.remotes["cal"].down = True
    for _ in range(3):
        assert made.cycle() == 0
    made.remotes["cal"].down = False
    made.add("cal", REST, "rest")
    made.run(4)
    assert len(made.history(Kind.SPLIT)) == 1


def test_where_nothing_else_is_known_of_it_nobody_waits() -> None:
    """Two calendars that hold the same: what goes on brings all that there is."""
    made = settled_world("cal", "cal2", visit=WEEKLY)
    cut(made)
    assert made.cycle() == 1
    assert made.reads("cal2").recurrence == UNTIL


@pytest.mark.parametrize("between", [True, False])
def test_of_two_new_series_the_one_that_begins_where_it_was_cut_goes_on(between: bool) -> None:
    """Invariant 2. Somebody makes another weekly visit at that time: the rows, and what is written
    in them, go to the other one."""
    made = of_rows()
    rows = {slot: s.copy.key for (n, slot), s in made.agreements[made.only].copies.items() if slot}
    cut(made)
    if between:
        made.cycle()
    made.add("cal", replace(REST, when=at(28, 14)), "another")
    made.add("cal", REST, "rest")
    made.run(4)
    assert len(made.agreements) == 3
    assert made.remotes["rows"].copies[rows[RIDS[4]]].reads.when == at(40, 10)
    assert set(rows.values()) < set(made.remotes["rows"].copies)
    assert len(made.history(Kind.SPLIT)) == 1


@pytest.mark.parametrize("between", [True, False])
def test_of_two_new_series_that_goes_on_which_has_the_next_occurrence(between: bool) -> None:
    """Invariant 2. The series is cut before an occurrence that was dropped, and what goes on has
    that again; another visit begins nearer to the next occurrence than that."""
    made = of_rows()
    rows = {slot: s.copy.key for (n, slot), s in made.agreements[made.only].copies.items() if slot}
    made.remove("rows", rows.pop(RIDS[2]))
    made.run()
    cut(made)
    if between:
        made.cycle()
    made.add("cal", replace(REST, when=at(24, 10)), "rest")
    made.add("cal", replace(REST, when=at(37, 14)), "another")
    made.run(4)
    assert len(made.agreements) == 3
    assert made.remotes["rows"].copies[rows[RIDS[3]]].reads.when == at(31, 10)
    assert set(rows.values()) < set(made.remotes["rows"].copies)
