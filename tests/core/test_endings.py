"""Endings that meet something else: an edit, a person's own deletion, a past."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from syncd.core.model import Recurrence, Status
from syncd.core.state import Kind
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
