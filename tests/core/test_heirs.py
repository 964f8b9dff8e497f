"""Rows of a split series, which bear the marker of what was cut: whose they are today."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.belong import Moment
from syncd.core.channel import Policy
from syncd.core.marks import Unpaired
from syncd.core.model import Appointment, Attendee, Recurrence
from syncd.core.pair import pair
from syncd.core.paired import Known, Pairing
from syncd.core.state import Agreement, AppointmentId, Settled
from tests.core.test_lost import shown
from tests.core.values import NOW, USUAL, VISIT, at, channels

DAY = timedelta(days=1)
WEEKLY = Recurrence(("FREQ=WEEKLY;COUNT=2",))
OLD = replace(VISIT, recurrence=WEEKLY)
"""What is left of the series that was cut: 10 and 17 March."""

NEW = replace(VISIT, title="复诊 neu", when=at(24, 10), recurrence=WEEKLY)
"""What goes on from it: 24 and 31 March."""

DAYS = {10: "20260310T100000", 17: "20260317T100000", 24: "20260324T100000", 31: "20260331T100000"}


def _rows(*days: int, uid: str = "", of: Appointment = NEW) -> list[Unpaired]:
    """Rows of the CRM as we made them for the series ``old``, changed to what they are ``of``."""
    single = replace(of, recurrence=None)
    return [
        shown("crm", f"row{day}", replace(single, when=at(day, 10)), "old", uid, DAYS[day])
        for day in days
    ]


def _paired(*copies: Unpaired, known: Known | None = None, domain: str = "") -> Pairing:
    made = channels("crm", "cal", "cal2")
    fresh = (f"new{number}" for number in range(99))
    known = known or Known(contacts=frozenset(made))
    moment = Moment(NOW, NOW - 30 * DAY, NOW + 365 * DAY, "UTC", frozenset())
    policy = Policy(made, USUAL, domains=frozenset({domain} - {""}))
    return pair(copies, known, policy, moment, lambda: next(fresh))


def _whose(found: Pairing) -> dict[str, tuple[AppointmentId, str]]:
    return {key: whose for (_, key), whose in found.joined.items()}


OLD_ROWS = _rows(10, 17, of=OLD)


@pytest.mark.parametrize("uid", ["", "old@x"])
def test_without_a_state_rows_go_with_what_goes_on(uid: str) -> None:
    """Invariant 2: else they would be removed as no occurrences of what their marker names, and
    with them what only the CRM has."""
    found = _paired(
        *(shown("cal", "cal1", OLD, uid="old@x"), shown("cal", "cal2", NEW, uid="new@x")),
        *(shown("cal2", "c1", OLD, "old", "old@x"), shown("cal2", "c2", NEW, "heir", "new@x")),
        *(*_rows(10, 17, uid=uid, of=OLD), *_rows(24, 31, uid=uid)),
    )
    whose = _whose(found)
    assert whose["row24"] == ("heir", DAYS[24])
    assert whose["row31"] == ("heir", DAYS[31])
    assert whose["cal2"] == whose["c2"] == ("heir", "")
    assert whose["row10"] == ("old", DAYS[10])
    assert whose["cal1"] == whose["c1"] == ("old", "")
    assert found.doubts == []


def test_what_goes_on_may_bear_no_marker() -> None:
    """It was born in the calendar, and this is all there is besides the CRM."""
    found = _paired(
        *(shown("cal", "cal1", OLD, "old", "old@x"), shown("cal", "cal2", NEW, uid="new@x")),
        *(*OLD_ROWS, *_rows(24, 31)),
    )
    whose = _whose(found)
    assert whose["row24"][0] == whose["row31"][0] == whose["cal2"][0]
    assert whose["cal2"][0] != "old"
    assert whose["row24"][1] == DAYS[24]
    assert whose["row17"] == ("old", DAYS[17])


@pytest.mark.parametrize(("domain", "whose"), [("", "heir"), ("kunde.example", "old")])
def test_a_renamed_series_is_known_by_its_guests(domain: str, whose: AppointmentId) -> None:
    """Nobody was there to tell the rows. A colleague is in many a series at that hour."""
    guest = (Attendee("wang@kunde.example", "王"),)
    renamed = replace(NEW, title="ganz anders", attendees=guest)
    found = _paired(
        *(shown("cal2", "c1", OLD, "old"), shown("cal2", "c2", renamed, "heir")),
        *(*OLD_ROWS, *_rows(24, 31, of=replace(NEW, attendees=guest))),
        domain=domain,
    )
    assert _whose(found)["row24"] == (whose, DAYS[24])


def test_rows_moved_with_their_series_are_known_by_their_time() -> None:
    """The split moved them to another hour: the slots of their markers are nothing any more."""
    later = replace(NEW, when=at(24, 15))
    single = replace(later, recurrence=None)
    rows = [
        shown("crm", f"row{day}", replace(single, when=at(day, 15)), "old", slot=DAYS[day])
        for day in (24, 31)
    ]
    found = _paired(
        *(shown("cal2", "c1", OLD, "old"), shown("cal2", "c2", later, "heir")),
        *(*OLD_ROWS, *rows),
    )
    assert _whose(found)["row31"] == ("heir", "20260331T150000")


def test_a_series_that_has_its_own_rows_goes_on_from_nothing() -> None:
    """Another customer's at the same time: what is dropped of the one is not the other's."""
    own = [
        shown("crm", f"own{day}", replace(NEW, when=at(day, 10), recurrence=None), "heir", "", slot)
        for day, slot in DAYS.items()
        if day > 20
    ]
    found = _paired(
        *(shown("cal2", "c1", OLD, "old"), shown("cal2", "c2", NEW, "heir")),
        *(*OLD_ROWS, *_rows(24, 31), *own),
    )
    whose = _whose(found)
    assert whose["own24"] == ("heir", DAYS[24])
    assert whose["row24"] == ("old", DAYS[24])


def test_of_two_that_may_go_on_neither_is_guessed() -> None:
    """They are alike, and have no rows."""
    found = _paired(
        shown("cal2", "c1", OLD, "old"),
        *(shown("cal2", f"c{n}", NEW, f"heir{n}") for n in (2, 3)),
        *(*OLD_ROWS, *_rows(24, 31)),
    )
    assert _whose(found)["row24"] == ("old", DAYS[24])


def test_a_known_row_under_another_key_is_of_what_it_stands_for() -> None:
    """Invariant 2: it bears marker and UID of the series that was cut, which is known, too."""
    (row,) = _rows(24, uid="old@x")
    old = Agreement(OLD, {}, {("crm", DAYS[10]): Settled(OLD_ROWS[0].copy, OLD)}, uids={"old@x"})
    new = Agreement(NEW, {}, {("crm", DAYS[24]): Settled(row.copy, NEW)}, uids={"new@x"})
    known = Known(
        {"old": old, "heir": new},
        {"old@x": frozenset({"old"}), "new@x": frozenset({"heir"})},
        passed={("crm", "old", DAYS[24]): ("heir", DAYS[24])},
    )
    moved = replace(row, copy=replace(row.copy, key="other"))
    assert _whose(_paired(moved, known=known)) == {"other": ("heir", DAYS[24])}
    assert _whose(_paired(moved, known=replace(known, passed={})))["other"][0] == "old"
