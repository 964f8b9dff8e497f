"""Orders beyond values: what was deleted is there again, goes again, or is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.model import Status
from syncd.core.state import Kind, Operation, Order, Remains
from tests.core.harness import World, settled_world
from tests.core.values import VISIT


def counts(made: World) -> dict[str, int]:
    return {name: len(remote.copies) for name, remote in made.remotes.items()}


def buried(*wanted: str) -> tuple[World, str, Remains]:
    """A world in which the only appointment was deleted everywhere: its id, what is known."""
    made = settled_world(*wanted)
    id = made.only
    made.remove(wanted[0])
    made.run()
    assert counts(made) == dict.fromkeys(wanted, 0)
    (record,) = made.history(Kind.BURIED)
    assert record.remains is not None
    return made, id, record.remains


def test_what_is_buried_is_known_as_it_was() -> None:
    """The before-image: the whole appointment, where it was born, its UIDs."""
    _, _, remains = buried("crm", "cal", "cal2")
    assert remains.appointment == replace(VISIT, owner=remains.appointment.owner)
    assert (remains.born, len(remains.uids)) == ("crm", 1)


def test_what_is_buried_comes_back_once() -> None:
    """Invariant 3: one copy in each channel, on record, and nothing more to write."""
    made, id, remains = buried("crm", "cal", "cal2")
    made.order(Order("admin", made.now, restore=True, remains=remains), id)
    made.due.add(id)
    made.run()
    assert counts(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert {made.reads(name).title for name in made.remotes} == {VISIT.title}
    (back,) = made.history(Kind.RESTORED)
    assert back.winner == "person:admin"
    made.edit("cal2", title="geht weiter")
    made.run()
    assert made.reads("crm").title == "geht weiter"


def test_what_is_brought_back_is_deleted_again() -> None:
    """The undo of the undo: gone everywhere, as it had been."""
    made, id, remains = buried("crm", "cal", "cal2")
    made.order(Order("admin", made.now, restore=True, remains=remains), id)
    made.due.add(id)
    made.run()
    made.order(Order("admin", made.now, delete=True), id)
    made.run()
    assert counts(made) == {"crm": 0, "cal": 0, "cal2": 0}
    assert [record.winner for record in made.history(Kind.DELETED)] == ["crm", "person:admin"]


@pytest.mark.parametrize("dark", [("cal",), ("crm", "cal", "cal2")])
def test_what_is_brought_back_waits_for_those_that_are_down(dark: tuple[str, ...]) -> None:
    """Invariants 9 and 10: an order is not lost where nobody could be given a copy."""
    made, id, remains = buried("crm", "cal", "cal2")
    seen = dict(made.looked)
    for name in dark:
        made.remotes[name].down = True
        del made.looked[name]
    made.order(Order("admin", made.now, restore=True, remains=remains), id)
    made.due.add(id)
    made.cycle()
    assert counts(made) == {name: int(name not in dark) for name in made.remotes}
    assert id in made.agreements
    for name in dark:
        made.remotes[name].down = False
        made.looked[name] = seen[name]
    made.run()
    assert counts(made) == {"crm": 1, "cal": 1, "cal2": 1}


def test_a_deletion_under_way_is_taken_back() -> None:
    """One calendar has not been reached: it keeps its copy, the others get theirs back."""
    made = settled_world("crm", "cal", "cal2")
    made.remotes["cal"].down = True
    made.remove("crm")
    made.cycle()
    assert counts(made) == {"crm": 0, "cal": 1, "cal2": 0}
    made.order(Order("admin", made.now, restore=True))
    made.remotes["cal"].down = False
    key = next(iter(made.remotes["cal"].copies))
    made.run()
    assert counts(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert list(made.remotes["cal"].copies) == [key]


@pytest.mark.parametrize("name", ["crm", "cal"])
def test_a_deletion_that_is_not_decided_yet_is_overruled(name: str) -> None:
    """It was held: the copy is made anew, the others are not touched, the claim is on record."""
    made = settled_world("crm", "cal", "cal2")
    made.remove(name)
    made.order(Order("admin", made.now + timedelta(minutes=30), restore=True))
    made.run()
    assert counts(made) == {"crm": 1, "cal": 1, "cal2": 1}
    assert [(w.channel, w.operation) for w in made.written] == [(name, Operation.CREATE)]
    (record,) = made.history(Kind.PUT_BACK)
    assert record.claims == ((name, Status.CANCELLED),)
    assert made.agreed().status is VISIT.status


def test_a_deletion_after_the_order_holds() -> None:
    """Somebody deletes it after the administrator had decided: that is newer."""
    made = settled_world("crm", "cal", "cal2")
    given = made.now
    made.cycle()
    made.cycle()
    made.remove("cal")
    made.order(Order("admin", given, restore=True))
    made.run()
    assert made.agreed().status is Status.CANCELLED


def test_a_cancellation_that_is_not_decided_yet_is_overruled() -> None:
    """The CRM set the status; the order sets it back, also there."""
    made = settled_world("crm", "cal", "cal2")
    made.edit("crm", status=Status.CANCELLED)
    changes = {("status",): VISIT.status}
    made.order(Order("admin", made.now + timedelta(minutes=30), changes, restore=True))
    made.run()
    assert made.reads("crm").status is VISIT.status
    assert counts(made) == {"crm": 1, "cal": 1, "cal2": 1}


def test_a_copy_that_only_went_from_one_channel_comes_back() -> None:
    """It had ended: deleting it in a calendar cancelled nothing. Absences before stay."""
    made = settled_world("crm", "cal", "cal2")
    made.now += timedelta(days=30)
    made.past = timedelta(days=1000)
    made.run()
    made.remove("cal")
    made.run()
    first = made.now
    made.remove("cal2")
    made.run()
    assert counts(made) == {"crm": 1, "cal": 0, "cal2": 0}
    made.order(Order("admin", made.now, restore=True, since=first))
    made.run()
    assert counts(made) == {"crm": 1, "cal": 0, "cal2": 1}


def test_what_is_left_is_on_record() -> None:
    """Invariant 2: the value stays, the one that was not put back is in the conflict."""
    made = settled_world("crm", "cal")
    made.order(Order("admin", made.now, left={("title",): "früher"}))
    made.run()
    (conflict,) = made.history(Kind.CONFLICT)
    assert dict(conflict.claims) == {"person:admin": "früher", "crm": VISIT.title}
    assert (conflict.winner, conflict.value) == ("crm", VISIT.title)
    assert made.written == []


def test_a_copy_that_met_the_tombstone_leaves_no_image() -> None:
    """What an old backup of a calendar brought back and we removed is no before-image."""
    made, id, remains = buried("crm", "cal")
    made.add("cal", VISIT, uid=min(remains.uids))
    made.run()
    assert counts(made) == {"crm": 0, "cal": 0}
    assert len(made.history(Kind.BURIED, id=id)) == 1
