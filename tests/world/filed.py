"""Where the diary files what people set: by path, the values of an occurrence as its own."""

from __future__ import annotations

from syncd.core.fidelity import Fidelity, project_value
from syncd.core.model import FIELDS, OVERRIDABLE_FIELDS, Appointment, Attendee, Value
from syncd.core.paths import DELETED, Path, field_of, get
from tests.world.series import occurrence, slots


def filed(path: Path, slot: str) -> Path:
    """Where an edit of an item for ``slot`` is filed: whole fields of the occurrence."""
    return ("overrides", slot, path[0]) if slot else path


def value_in(held: Appointment, slot: str, path: Path) -> Value:
    """The value at a filed path of an item that stands for ``slot`` (empty: for all)."""
    if path[0] != "overrides":
        return get(held, path)
    own = path[1:]
    if slot:
        return None if own[1] == DELETED else get(held, (own[1],))
    if own[1] == DELETED:
        override = held.override(own[0])
        return True if (override is not None and override.deleted) else None
    if own[0] not in slots(held):
        return None
    return get(occurrence(held, own[0]), (own[1],))


def as_set(path: Path, before: Value, after: Value, shown: Value) -> Value:
    """What would be ``shown`` if what an edit changed holds: of the guests of an occurrence, which
    are one value, each is his own."""
    if path[0] != "overrides" or path[-1] != "attendees":
        return after
    was, now, held = (_by_email(value) for value in (before, after, shown))
    held |= {email: guest for email, guest in now.items() if was.get(email) != guest}
    return tuple(held[email] for email in sorted(held.keys() - (was.keys() - now.keys())))


def _by_email(guests: Value) -> dict[str, Attendee]:
    return {each.email: each for each in guests} if isinstance(guests, tuple) else {}


def goes(place: Path, after: Appointment) -> bool:
    """Whether it is a value of an occurrence that does not take place any more."""
    override = after.override(place[1]) if place[0] == "overrides" else None
    return override is not None and override.deleted and place[2] != DELETED


def same_value(one: Path, other: Path) -> bool:
    """Whether two edits are of one value: every row of a series shows what no occurrence has of
    its own (the owner)."""
    return one == other or (field_of(one) == field_of(other) and is_of_series(one))


def is_of_series(path: Path) -> bool:
    """Whether no occurrence has this value of its own: any row of a series tells it."""
    return field_of(path) in _OF_SERIES


def same_place(recorded: Path, edited: Path) -> bool:
    """Whether what is on record can be about an edit."""
    return not recorded or field_of(recorded) == field_of(edited)


_OF_SERIES = frozenset(FIELDS) - OVERRIDABLE_FIELDS - {"recurrence", "overrides", "custom"}


def alike(path: Path, one: Value, ours: Fidelity, two: Value, theirs: Fidelity) -> bool:
    """Whether two channels can hold ``one`` and ``two`` of the same value."""
    name = field_of(path)
    return project_value(name, one, theirs) == project_value(name, two, ours)
