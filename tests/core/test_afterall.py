"""A series that is cancelled as a whole, and single occurrences that are not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.afterall import AFTER_ALL_RULE
from syncd.core.channel import Cancelled
from syncd.core.model import AllDay, Appointment, Recurrence, Status
from syncd.core.recurrence import occurrences
from syncd.core.state import Kind
from tests.core.harness import World, settled_world
from tests.core.values import VISIT, channel, prefer, rules

FOREVER = timedelta(days=3000)


def _series(rule: str, visit: Appointment = VISIT) -> World:
    """A series, made in a calendar, of which the CRM holds rows."""
    visit = replace(visit, recurrence=Recurrence((rule,)))
    return settled_world("cal", "rows", "cal2", visit=visit)


def _keys(made: World) -> list[str]:
    return sorted(made.remotes["rows"].copies)


def _statuses(made: World) -> dict[str, Status]:
    return {key: copy.reads.status for key, copy in made.remotes["rows"].copies.items()}


def _taking_place(made: World, name: str) -> list[Appointment]:
    """What a calendar shows of it, from the beginning to far beyond the window."""
    whole = made.reads(name)
    shown = occurrences(whole, made.now - FOREVER, made.now + FOREVER)
    return [each for each in shown.values() if each.status is not Status.CANCELLED]


DAY = VISIT.when.start.date()
PROPOSED = replace(VISIT, title="例会 Jour fixe", status=Status.PROPOSED)
WHOLE_DAY = replace(VISIT, when=AllDay(DAY, DAY + timedelta(days=1)))


@pytest.mark.parametrize("visit", [VISIT, PROPOSED, WHOLE_DAY])
@pytest.mark.parametrize("rule", ["FREQ=WEEKLY;COUNT=6", "FREQ=WEEKLY", "FREQ=MONTHLY;COUNT=40"])
def test_one_that_is_set_back_takes_place_after_all(rule: str, visit: Appointment) -> None:
    """Invariants 1 and 2: cancelled with its series, then confirmed in the CRM. It is in the
    calendars again and nothing else is, also when the window moves on; no record is deleted."""
    made = _series(rule, visit)
    made.remove("cal")
    made.run()
    assert set(_statuses(made).values()) == {Status.CANCELLED}
    keys = _keys(made)
    made.edit("rows", keys[2], status=Status.CONFIRMED)
    when = made.remotes["rows"].copies[keys[2]].reads.when
    for _ in range(3):
        made.run()
        for name in ("cal", "cal2"):
            assert [each.title for each in _taking_place(made, name)] == [visit.title]
        expected = dict.fromkeys(keys, Status.CANCELLED) | {keys[2]: Status.CONFIRMED}
        assert _statuses(made) == expected
        made.now += timedelta(days=7)
    (back,) = [each for each in made.history(Kind.SET) if each.rule == AFTER_ALL_RULE]
    assert (back.winner, back.before) == ("rows", Status.CANCELLED)
    assert made.remotes["rows"].copies[keys[2]].reads.when == when


def test_more_come_back_and_go_again() -> None:
    """Each row speaks for itself from then on; with the last one the calendars lose the series."""
    made = _series("FREQ=WEEKLY;COUNT=6")
    made.remove("cal2")
    made.run()
    keys = _keys(made)
    for number, key in enumerate([keys[4], keys[1], keys[5]], start=1):
        made.edit("rows", key, status=Status.CONFIRMED)
        made.run()
        assert len(_taking_place(made, "cal")) == len(_taking_place(made, "cal2")) == number
    for number, key in enumerate([keys[1], keys[5]], start=1):
        made.edit("rows", key, status=Status.CANCELLED)
        made.run()
        assert len(_taking_place(made, "cal")) == 3 - number
    made.edit("rows", keys[4], status=Status.CANCELLED)
    made.run()
    assert not made.remotes["cal"].copies
    assert not made.remotes["cal2"].copies
    assert set(_statuses(made).values()) == {Status.CANCELLED}


def test_one_that_had_a_word_of_its_own_is_cancelled_with_its_series() -> None:
    """Invariant 1: cancelled, confirmed again, then the series is deleted in a calendar. No row
    says that it takes place while no calendar has it."""
    made = _series("FREQ=WEEKLY;COUNT=6")
    key = _keys(made)[2]
    for status in (Status.CANCELLED, Status.CONFIRMED):
        made.edit("rows", key, status=status)
        made.run()
    made.remove("cal")
    made.run()
    assert set(_statuses(made).values()) == {Status.CANCELLED}
    assert not made.remotes["cal2"].copies
    told = [each for each in made.history(Kind.SET) if each.before is Status.CONFIRMED]
    assert {each.path[0] for each in told} == {"overrides", "status"}
    made.edit("rows", key, status=Status.CONFIRMED)
    made.run()
    assert len(_taking_place(made, "cal")) == 1


def test_what_has_happened_is_not_cancelled_with_its_series() -> None:
    """Invariant 8: an outcome that was written down stays, and brings nothing back."""
    made = _series("FREQ=WEEKLY;COUNT=6")
    keys = _keys(made)
    made.edit("rows", keys[0], status=Status.COMPLETED)
    made.run()
    made.remove("cal")
    made.run()
    expected = dict.fromkeys(keys, Status.CANCELLED) | {keys[0]: Status.COMPLETED}
    assert _statuses(made) == expected
    assert not made.remotes["cal"].copies


def test_another_edit_of_a_cancelled_row_brings_nothing_back() -> None:
    made = _series("FREQ=WEEKLY;COUNT=6")
    made.remove("cal")
    made.run()
    made.edit("rows", _keys(made)[2], title="abgesagt 取消")
    made.run()
    assert set(_statuses(made).values()) == {Status.CANCELLED}
    assert not made.remotes["cal"].copies


def test_a_calendar_that_marks_what_is_cancelled() -> None:
    """It kept the series: there, too, one takes place and the others are marked."""
    marking = channel("marks", 1, cancelled=Cancelled.MARK)
    visit = replace(VISIT, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=6",)))
    made = settled_world("cal", "rows", marking, visit=visit)
    made.remove("cal")
    made.run()
    assert made.reads("marks").status is Status.CANCELLED
    made.edit("rows", _keys(made)[3], status=Status.CONFIRMED)
    made.run()
    assert len(_taking_place(made, "marks")) == len(_taking_place(made, "cal")) == 1


def _lost(
    *alive: int,
    status: Status = Status.CONFIRMED,
    first: str = "rows",
    rule: str = "FREQ=WEEKLY;COUNT=6",
) -> World:
    """A calendar has cancelled the series, and all rows are but some, which have a ``status``;
    then the state is lost. ``first``: which channel is preferred."""
    visit = replace(VISIT, recurrence=Recurrence((rule,)))
    made = settled_world("cal", "rows", "cal2", visit=visit, ruleset=rules(prefer(first, "rows")))
    made.edit("cal", status=Status.CANCELLED)
    made.remove("cal2")
    for number, key in enumerate(_keys(made)):
        made.edit("rows", key, status=status if number in alive else Status.CANCELLED)
    made.lose_store()
    made.run()
    return made


@pytest.mark.parametrize("alive", [(0, 1, 2, 3, 4, 5), (0, 1, 3, 4), (4,)])
def test_after_a_lost_state_rows_that_are_preferred_take_place(alive: tuple[int, ...]) -> None:
    """Invariants 1 and 2: what the CRM shows is in the calendars, and nothing else is."""
    made = _lost(*alive)
    expected = [Status.CONFIRMED if n in alive else Status.CANCELLED for n in range(6)]
    assert [_statuses(made)[key] for key in _keys(made)] == expected
    assert len(_taking_place(made, "cal")) == len(_taking_place(made, "cal2")) == len(alive)
    told = [dict(each.claims) for each in made.history(Kind.CONFLICT)]
    assert {"rows": Status.CONFIRMED, "cal": Status.CANCELLED} in told
    made.quiet()


def test_after_a_lost_state_a_series_whose_rows_all_take_place_goes_on() -> None:
    """Beyond the window, too, of which the rows say nothing."""
    made = _lost(*range(100), rule="FREQ=WEEKLY")
    assert made.agreed().recurrence == Recurrence(("FREQ=WEEKLY",))
    (conflict,) = made.history(Kind.CONFLICT)
    assert conflict.path == ("status",)


@pytest.mark.parametrize("alive", [(0, 1, 2, 3, 4, 5), (4,)])
def test_after_a_lost_state_a_calendar_that_is_preferred_cancels(alive: tuple[int, ...]) -> None:
    """Invariants 1 and 2: the other way round."""
    made = _lost(*alive, first="cal")
    assert set(_statuses(made).values()) == {Status.CANCELLED}
    assert not made.remotes["cal"].copies
    assert len(made.history(Kind.CONFLICT)) == len(alive)


def test_after_a_lost_state_what_has_happened_brings_nothing_back() -> None:
    """Outcomes of most were written down; the series is cancelled, and nothing is to come."""
    made = _lost(0, 1, 2, 3, status=Status.COMPLETED)
    assert not made.remotes["cal"].copies
    assert not made.remotes["cal2"].copies
    assert list(_statuses(made).values()).count(Status.COMPLETED) == 4
