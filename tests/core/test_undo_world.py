"""Undo from the records alone, in worlds: series, rows, calendars without a CRM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.model import Attendee, Override, Recurrence, Status
from syncd.core.state import Kind, Order
from syncd.core.takeback import Entry, take_back, takes_effect
from tests.core.harness import World, settled_world
from tests.core.values import VISIT, at

WEEKLY = replace(VISIT, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=6",)))
RID = "20260331T100000"


def undo(made: World, id: str, known: int) -> None:
    """Take back all records but the first ``known`` ones, and let it be carried out."""
    made.now += timedelta(minutes=1)
    records = made.history(id=id)
    entries = [
        Entry(record, place >= known)
        for place, record in enumerate(records)
        if takes_effect(record)
    ]
    agreement = made.agreements.get(id)
    buried = [record.remains for record in records if record.remains is not None]
    remains = None if agreement is not None else buried[-1]
    current = agreement.appointment if agreement is not None else remains.appointment  # type: ignore[union-attr]  # one of them is there
    alive = agreement is not None and agreement.deleting is None
    found = take_back(entries, current, alive=alive)
    assert not found.left
    order = Order(
        "admin",
        made.now,
        {change.path: change.back for change in found.changes},
        restore=found.restore or remains is not None,
        delete=found.delete,
        remains=remains,
    )
    made.order(order, id)
    made.due.add(id)
    made.run()


def state(made: World) -> dict[str, list[object]]:
    """What all channels show, without their keys."""
    return {
        name: [replace(each, overrides=_telling(each.overrides)) for each in made.all_reads(name)]
        for name in made.remotes
    }


def _telling(overrides: tuple[tuple[str, Override], ...]) -> tuple[tuple[str, Override], ...]:
    """Overrides that say something."""
    return tuple((rid, own) for rid, own in overrides if own.values or own.deleted)


def _move_one(made: World) -> None:
    overrides = (*WEEKLY.overrides, (RID, Override((("when", at(31, 15)),))))
    made.edit("cal", overrides=overrides)


def _drop_one(made: World) -> None:
    made.edit("cal", overrides=((RID, Override((), True)),))


def _drop_row(made: World) -> None:
    key = made.agreements[made.only].copies[("rows", RID)].copy.key
    made.remove("rows", key)


def _drop_series(made: World) -> None:
    made.now += timedelta(days=15)
    made.run()
    made.records.clear()
    made.remove("cal")


def _shift_series(made: World) -> None:
    made.edit("cal", when=at(10, 14))


@pytest.mark.parametrize("change", [_move_one, _drop_one, _drop_row, _drop_series, _shift_series])
def test_a_series_is_as_it_was(change: Callable[[World], None]) -> None:
    """One occurrence moved, dropped in a calendar or as a row; the rest of the series deleted;
    all of it moved: everywhere as before."""
    made = settled_world("cal", "cal2", "rows", visit=WEEKLY)
    id, before = made.only, state(made)
    change(made)
    made.run()
    assert state(made) != before
    undo(made, id, 0)
    assert state(made) == before


def test_calendars_without_a_crm() -> None:
    """Deleted in one, nothing is left anywhere, not even a record: both have it again, and lose
    it again."""
    made = settled_world("cal", "cal2")
    id, before = made.only, state(made)
    made.remove("cal")
    made.run()
    assert state(made) == {"cal": [], "cal2": []}
    assert id not in made.agreements
    undo(made, id, 0)
    assert state(made) == before
    known = next(i for i, r in enumerate(made.history(id=id)) if r.kind is Kind.RESTORED)
    undo(made, id, known)
    assert state(made) == {"cal": [], "cal2": []}


def test_people_come_back_one_by_one() -> None:
    """Attendees removed by mistake are there again, those who were added meanwhile as well."""
    li, wang = Attendee("li@kunde.example"), Attendee("wang@kunde.example", "王")
    made = settled_world("crm", "cal", visit=replace(VISIT, attendees=(li, wang)))
    made.edit("cal", attendees=(li,))
    made.run()
    known = len(made.history())
    made.edit("crm", attendees=(li, Attendee("zhao@kunde.example")))
    made.run()
    records = made.history()[:known]
    made.records[made.only] = records
    undo(made, made.only, 0)
    for name in made.remotes:
        people = {each.email for each in made.reads(name).attendees}
        assert people == {"li@kunde.example", "wang@kunde.example", "zhao@kunde.example"}


def test_what_came_back_by_an_edit_is_cancelled_again() -> None:
    """An edit had outlived a deletion: the undo of that is the deletion."""
    made = settled_world("crm", "cal", "cal2")
    made.remotes["cal2"].down = True
    made.remove("cal")
    made.cycle()
    made.edit("cal2", title="wird gebraucht")
    made.remotes["cal2"].down = False
    known = len(made.history())
    made.run()
    assert made.agreed().status is VISIT.status
    undo(made, made.only, known)
    assert made.agreed().status is Status.CANCELLED
