"""Rows that went with their series to another calendar: nobody has deleted an occurrence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.channel import Filter, FilterMode
from syncd.core.existence import MOVED_RULE
from syncd.core.model import Recurrence, Status
from syncd.core.state import Kind, Marker
from tests.core.harness import World, settled_world
from tests.core.values import ROWS, VISIT, channel

ALICE, BOB = "alice@example.com", "bob@example.com"
SERIES = replace(VISIT, owner=ALICE, recurrence=Recurrence(("FREQ=DAILY;COUNT=3",)))


def _world() -> World:
    own = Filter(FilterMode.OWN)
    rows = replace(ROWS, carries=ROWS.carries - {"owner"})
    alice = channel("cal", 1, person=ALICE, holds=own, fidelity=rows)
    bob = channel("cal2", 2, person=BOB, holds=own)
    return settled_world("crm", alice, bob, visit=SERIES)


def _handed_over() -> World:
    """A series that went from Alice, who has rows of it, to Bob, and then the state from before
    that is put in place."""
    made = _world()
    old = dict(made.agreements), dict(made.rows)
    made.edit("crm", owner=BOB)
    made.run()
    assert {n: len(r.copies) for n, r in made.remotes.items()} == {"crm": 1, "cal": 0, "cal2": 1}
    made.agreements, made.rows = old
    made.intents.clear()
    return made


@pytest.mark.parametrize("unseen", ["", "crm", "cal2"])
def test_rows_that_we_took_away_before_an_older_state_are_not_deleted(unseen: str) -> None:
    """Invariant 1. Neither while the CRM, which tells whose it is, nor while the calendar that it
    went to does not answer."""
    made = _handed_over()
    if unseen:
        made.remotes[unseen].down = True
        made.cycle()
        made.cycle()
        made.remotes[unseen].down = False
    made.run(5)
    assert [own for _, own in made.agreed().overrides if own.deleted] == []
    assert {n: len(r.copies) for n, r in made.remotes.items()} == {"crm": 1, "cal": 0, "cal2": 1}
    assert {each.rule for each in made.history(Kind.PUT_BACK)} >= {MOVED_RULE}


def test_a_row_that_she_deletes_beside_others_drops_its_occurrence() -> None:
    """Also when the series comes to somebody else's calendar just then."""
    made = _world()
    mark = Marker("inst", made.only)
    made.remove("cal", min(made.remotes["cal"].copies))
    made.remotes["cal2"].put("phone", made.reads("crm"), marker=mark)
    made.run()
    assert len([own for _, own in made.agreed().overrides if own.deleted]) == 1


@pytest.mark.parametrize("left", [0, 1])
def test_rows_that_go_as_their_series_is_called_off_drop_no_occurrence(left: int) -> None:
    """Invariant 1: it stays on the CRM's record, row by row, as cancelled. Of an older state we
    may have taken them away ourselves; a row that is left goes with the others, which were dropped.
    """
    series = replace(SERIES, owner="")
    made = settled_world("cal2", channel("cal", 1, fidelity=ROWS), "rows", visit=series)
    assert {n: len(r.copies) for n, r in made.remotes.items()} == {"cal2": 1, "cal": 3, "rows": 3}
    made.remove("cal2")
    for key in list(made.remotes["cal"].copies)[left:]:
        made.remove("cal", key)
    made.run()
    kept = [copy.reads.status for copy in made.remotes["rows"].copies.values()]
    assert kept == [Status.CANCELLED] * (3 if left == 0 else 1)
    assert not made.remotes["cal"].copies


def test_rows_that_go_with_a_series_that_lives_again_come_back() -> None:
    """Invariant 2: somebody edits one of its records in the look in which it goes elsewhere."""
    series = replace(SERIES, owner="")
    made = settled_world("cal2", channel("cal", 1, fidelity=ROWS), "rows", visit=series)
    made.remove("cal2")
    for key in list(made.remotes["cal"].copies):
        made.remove("cal", key)
    made.edit("rows", location="二楼")
    made.run()
    assert {n: len(r.copies) for n, r in made.remotes.items()} == {"cal2": 1, "cal": 3, "rows": 3}
    assert [own for _, own in made.agreed().overrides if own.deleted] == []
    assert [each.kind for each in made.history(Kind.CONFLICT)] == [Kind.CONFLICT]
