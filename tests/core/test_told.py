"""A row tells its field as a whole where history keeps what it says otherwise."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.dropped import GONE_RULE
from syncd.core.model import Attendee, Recurrence
from syncd.core.state import Kind
from tests.core.harness import World, settled_world
from tests.core.values import ROWS, VISIT, channel

GUEST, LI, WANG = (Attendee(f"{name}@kunde.example") for name in ("gast", "li", "wang"))
SLOT = "20260311T100000"


def _with_rows() -> World:
    rows = channel("rows", 1, fidelity=replace(ROWS, carries=ROWS.carries | {"attendees"}))
    series = replace(VISIT, attendees=(LI,), recurrence=Recurrence(("FREQ=DAILY;COUNT=3",)))
    return settled_world("crm", rows, visit=series)


def _forget(made: World, place: tuple[str, str]) -> str:
    """The state knows nothing of a copy any more, as an older one does; its key."""
    id = made.only
    copies = dict(made.agreements[id].copies)
    key = copies.pop(place).copy.key
    made.agreements[id] = replace(made.agreements[id], copies=copies)
    del made.rows[place[0], key]
    return key


def test_what_a_row_says_otherwise_is_on_record_with_all_of_its_field() -> None:
    """Invariant 2. A row was made after the backup that is put in place, and somebody invited two
    guests to it: one occurrence has its guests as a whole, and so both values are told."""
    made = _with_rows()
    key = _forget(made, ("rows", SLOT))
    made.edit("rows", key, attendees=(GUEST, LI, WANG))
    made.run()
    (told,) = made.history(Kind.PUT_BACK)
    assert told.path == ("overrides", SLOT, "attendees")
    assert (told.value, told.claims) == ((LI,), (("rows", (GUEST, LI, WANG)),))


def test_what_went_with_a_row_is_on_record_with_all_of_its_field() -> None:
    """Invariant 2. Somebody invites a guest to a row and deletes it, before that was settled."""
    made = _with_rows()
    key = made.agreements[made.only].copies["rows", SLOT].copy.key
    made.edit("rows", key, attendees=(GUEST, LI))
    made._look(made.remotes["rows"])
    made.remove("rows", key)
    made.run()
    (told,) = made.history(Kind.OVERWRITTEN)
    assert (told.path, told.rule) == (("overrides", SLOT, "attendees"), GONE_RULE)
    assert told.claims == (("rows", (GUEST, LI)),)
