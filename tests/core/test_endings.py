"""Endings that meet something else: an edit, a person's own deletion, a past."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from syncd.core.model import Override, Recurrence, Status
from syncd.core.recurrence import is_called_off
from syncd.core.settle import settle
from syncd.core.state import Gone, Kind, Seen
from tests.core.harness import World, settled_world
from tests.core.remote import Fault
from tests.core.values import VISIT, at, channel


def count(made: World) -> dict[str, int]:
    return {name: len(remote.copies) for name, remote in made.remotes.items()}


def test_a_person_deletes_what_was_to_be_deleted() -> None:
    """While a calendar does not answer to our deletion its owner deletes the copy herself: that
    is what was wanted, and nothing new is decided about it."""
    made = settled_world("crm", "cal", "cal2")
    made.remove("crm")
    made.fault("cal", Fault.REFUSED)
    made.cycle()
    known = made.history()
    made.remove("cal")
    made.run()
    assert count(made) == {"crm": 0, "cal": 0, "cal2": 0}
    assert [each for each in made.history() if each.kind is not Kind.BURIED] == known
    assert len(made.stones) == 1


def test_an_edit_of_what_is_being_deleted_is_contested() -> None:
    """Deleted in the CRM, the calendar did not answer; her edit there was made at an unknown time:
    the edit wins, the visit is back everywhere, both are on record (invariant 2)."""
    made = settled_world("crm", "cal", "cal2")
    made.remove("crm")
    made.fault("cal", Fault.REFUSED)
    made.cycle()
    assert count(made) == {"crm": 0, "cal": 1, "cal2": 0}
    made.edit("cal", when=at(12, 9))
    made.run()
    assert count(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert made.reads("crm").when == at(12, 9)
    (conflict,) = made.history(Kind.CONFLICT)
    assert dict(conflict.claims) == {"crm": Status.CANCELLED, "cal": at(12, 9)}


@pytest.mark.parametrize("off", [True, False], ids=["called off", "only edited"])
def test_who_edits_and_calls_off_does_not_contest_that_it_was_called_off(off: bool) -> None:
    """Invariant 1: nobody wants it. While her calendar was down the CRM cancelled the visit; she
    wrote a place into it and, some minutes later, cancelled it, too."""
    made = settled_world("crm", "cal")
    made.remotes["cal"].down = True
    made.edit("crm", status=Status.CANCELLED)
    made.cycle()
    status = Status.CANCELLED if off else VISIT.status
    made.edit("cal", location="二楼", status=status)
    made.remotes["cal"].down = False
    made.run(5)
    assert (made.reads("crm").status, made.reads("crm").location) == (status, "二楼")


def test_the_rows_of_the_past_outlive_a_cancelled_series() -> None:
    """Three of six meetings are over when the series is cancelled: their rows stay, the coming
    ones go."""
    series = replace(VISIT, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=6",)))
    made = settled_world("crm", channel("rows", 1, role="calendar"), visit=series)
    assert count(made)["rows"] == 6
    made.now = datetime(2026, 3, 25, tzinfo=UTC)
    made.edit("crm", status=Status.CANCELLED)
    made.run()
    assert count(made)["rows"] == 3


SERIES = replace(VISIT, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=6",)))


def _with_rows() -> World:
    """A series, made in a calendar, of which the CRM holds six rows."""
    made = settled_world("cal", "rows", "cal2", visit=SERIES)
    assert count(made) == {"rows": 6, "cal": 1, "cal2": 1}
    return made


def test_a_series_whose_occurrences_are_all_cancelled_is_in_no_calendar() -> None:
    """Invariant 1: cancelled row by row in the CRM. No calendar keeps a series without a single
    occurrence; when one takes place after all, the series is back with that one."""
    made = _with_rows()
    *others, last = list(made.remotes["rows"].copies)
    for key in others:
        made.edit("rows", key, status=Status.CANCELLED)
    made.run()
    assert count(made) == {"rows": 6, "cal": 1, "cal2": 1}
    made.edit("rows", last, status=Status.CANCELLED)
    made.run()
    assert count(made) == {"rows": 6, "cal": 0, "cal2": 0}
    assert {each.status for each in made.all_reads("rows")} == {Status.CANCELLED}
    made.edit("rows", last, status=Status.CONFIRMED)
    made.run()
    assert count(made) == {"rows": 6, "cal": 1, "cal2": 1}
    dropped = [rid for rid, own in made.reads("cal").overrides if own.deleted]
    assert len(dropped) == 5


def test_a_cancelled_row_does_not_speak_for_its_series() -> None:
    """Invariant 4: the series is deleted in a calendar while rows of it are cancelled in the CRM,
    or already read so after an old backup. Nothing comes back, and nothing is contested."""
    made = _with_rows()
    for key in list(made.remotes["rows"].copies)[:3]:
        made.edit("rows", key, status=Status.CANCELLED)
    made.remove("cal")
    made.run()
    assert count(made) == {"rows": 6, "cal": 0, "cal2": 0}
    assert {each.status for each in made.all_reads("rows")} == {Status.CANCELLED}
    assert not made.history(Kind.CONFLICT)


def test_another_edit_of_a_row_speaks_for_its_series() -> None:
    made = _with_rows()
    made.edit("rows", next(iter(made.remotes["rows"].copies)), title="搬到二楼")
    made.remove("cal")
    made.run()
    assert count(made) == {"rows": 6, "cal": 1, "cal2": 1}


OFF, GONE = Override((("status", Status.CANCELLED),)), Override(deleted=True)


@pytest.mark.parametrize(
    ("rule", "own", "off"),
    [
        ("FREQ=WEEKLY;COUNT=2", [OFF, OFF], True),
        ("FREQ=WEEKLY;COUNT=2", [GONE, OFF], True),
        ("FREQ=WEEKLY;COUNT=2", [GONE, GONE], False),
        ("FREQ=WEEKLY;COUNT=2", [OFF], False),
        ("FREQ=WEEKLY;COUNT=3", [OFF, OFF], False),
        ("FREQ=WEEKLY", [OFF, OFF], False),
        ("FREQ=NEVER", [OFF, OFF], False),
    ],
)
def test_called_off(rule: str, own: list[Override], off: bool) -> None:
    days = ("20260310T100000", "20260317T100000")
    series = replace(SERIES, recurrence=Recurrence((rule,)))
    assert is_called_off(replace(series, overrides=tuple(zip(days, own, strict=False)))) is off
    assert not is_called_off(replace(series, recurrence=None))


@pytest.mark.parametrize(("title", "told"), [("改了又删", ["改了又删"]), (VISIT.title, [])])
def test_what_a_copy_said_before_it_went_is_on_record(title: str, told: list[str]) -> None:
    """Invariant 2. It was seen, and not settled: the plan was held, or the daemon died."""
    made = settled_world("crm", "cal")
    case = made.case(made.only)
    assert case.agreement is not None
    last = replace(case.agreement.copies["cal", ""].copy.reads, title=title)
    views = {**case.views, ("cal", ""): Seen(Gone(last), made.now, made.now)}
    plan = settle(replace(case, views=views), made.policy, made.moment())
    overwritten = [each for each in plan.records if each.kind is Kind.OVERWRITTEN]
    assert [each.claims for each in overwritten] == [(("cal", value),) for value in told]
