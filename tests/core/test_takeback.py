"""From records to earlier values: which value, what is left, what lives again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.existence import CONTEST_NOTE
from syncd.core.model import Status
from syncd.core.state import Kind, Record
from syncd.core.takeback import (
    DIVIDED,
    OTHERWISE,
    SINCE,
    Entry,
    Takeback,
    take_back,
    takes_effect,
)
from tests.core.values import VISIT

TITLE = ("title",)
STATUS = ("status",)


def changed(before: object, value: object, chosen: bool, by: str = "cal") -> Entry:
    """Somebody set the title."""
    return Entry(Record(Kind.SET, TITLE, "", by, value, before), chosen)  # type: ignore[arg-type]  # texts


def titled(title: str, *entries: Entry, alive: bool = True) -> Takeback:
    """What taking back comes to for an appointment that is called so now."""
    return take_back(entries, replace(VISIT, title=title), alive=alive)


def test_all_that_was_chosen_goes_back_to_before_the_first() -> None:
    found = titled("c", changed("a", "b", True), changed("b", "c", True))
    assert [(c.path, c.now, c.back) for c in found.changes] == [(TITLE, "c", "a")]
    assert (found.left, found.restore, found.delete) == ([], False, False)


def test_only_the_last_run_goes_back() -> None:
    """Somebody else's value in between is where it goes back to."""
    found = titled(
        "d", changed("a", "b", True), changed("b", "c", False, "crm"), changed("c", "d", True)
    )
    assert [change.back for change in found.changes] == ["c"]


def test_what_was_set_since_is_left() -> None:
    found = titled("c", changed("a", "b", True), changed("b", "c", False, "crm"))
    (left,) = found.left
    assert (left.now, left.back, left.by, left.reason) == ("c", "a", "crm", SINCE)
    assert found.changes == []


def test_what_has_gone_back_by_itself_is_nothing() -> None:
    assert not titled("a", changed("a", "b", True), changed("b", "a", False))
    assert not titled("a", changed("a", "b", True), changed("b", "a", True))


def test_a_value_that_nobody_recorded_is_left() -> None:
    (left,) = titled("x", changed("a", "b", True)).left
    assert left.reason == OTHERWISE


def test_what_is_pending_is_overruled_although_it_is_not_agreed_yet() -> None:
    """The agreed value is still the old one: the order says so against the claim."""
    pending = Entry(Record(Kind.SET, TITLE, "", "cal", "b", "a"), True, pending=True)
    (change,) = titled("a", pending).changes
    assert (change.now, change.back) == ("b", "a")


@pytest.mark.parametrize(
    ("kinds", "alive", "restore", "delete"),
    [
        ([Kind.DELETED], False, True, False),
        ([Kind.DELETED, Kind.RESTORED], True, False, False),
        ([Kind.RESTORED], True, False, True),
        ([Kind.RESTORED], False, False, False),
        ([Kind.RESTORED, Kind.DELETED], False, False, False),
        ([Kind.ABSENT], True, True, False),
    ],
)
def test_existence(kinds: list[Kind], alive: bool, restore: bool, delete: bool) -> None:
    """As it was before the first of them."""
    entries = [Entry(Record(kind, (), "", "crm"), True) for kind in kinds]
    found = titled(VISIT.title, *entries, alive=alive)
    assert (found.restore, found.delete) == (restore, delete)


def test_a_deletion_after_a_restoration_that_is_taken_back_stays() -> None:
    restored = Entry(Record(Kind.RESTORED, (), "", "person:anna"), True)
    deleted = Entry(Record(Kind.DELETED, (), "", "crm"), False)
    assert not titled(VISIT.title, restored, deleted, alive=False)


def test_a_cancellation_lives_again() -> None:
    """Its status goes back, and what was deleted with it is there again."""
    record = Record(Kind.SET, STATUS, "", "cal", Status.CANCELLED, Status.CONFIRMED)
    found = take_back([Entry(record, True)], replace(VISIT, status=Status.CANCELLED), alive=True)
    assert [change.back for change in found.changes] == [Status.CONFIRMED]
    assert found.restore


def test_a_divided_series_stays_divided() -> None:
    record = Record(Kind.SET, ("recurrence",), "", "cal", None, "was one")
    found = take_back([Entry(record, True)], VISIT, alive=True, divided=True)
    assert [left.reason for left in found.left] == [DIVIDED]


def test_records_that_change_nothing() -> None:
    """Put back, asked, or a contest in which no value moved: there is nothing to take back."""
    contest = Record(Kind.CONFLICT, TITLE, "", "cal", "x", None, note=CONTEST_NOTE)
    kept = Record(Kind.CONFLICT, TITLE, "", "crm", "a", "a")
    back = Record(Kind.PUT_BACK, TITLE, "", value="a", before="a")
    asked = Record(Kind.ASKED, TITLE, "", before="a")
    assert not any(map(takes_effect, (contest, kept, back, asked)))
