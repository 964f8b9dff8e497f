"""A lost state: copies that only their marks tell apart, and what must wait for a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.belong import Moment
from syncd.core.channel import Policy
from syncd.core.marks import Unpaired
from syncd.core.model import Appointment, Recurrence
from syncd.core.pair import pair
from syncd.core.paired import Known, Pairing
from syncd.core.state import Agreement, Copy, Marker, Present, Seen, Settled
from tests.core.values import NOW, USUAL, VISIT, at, channels

DAY = timedelta(days=1)


SERIES = replace(VISIT, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=2",)))
SLOTS = ("20260310T100000", "20260317T100000")


def shown(
    channel: str, key: str, reads: Appointment, mark: str = "", uid: str = "", slot: str = ""
) -> Unpaired:
    """A copy as its channel shows it; ``mark``: the appointment that its marker names."""
    marker = Marker("old00000", mark, slot) if mark else None
    copy = Copy(key, "1", "", reads, uid=uid or None, marker=marker)
    return Unpaired(channel, copy, Seen(Present(copy), NOW))


def _rows(uid: str = "", channel: str = "crm") -> list[Unpaired]:
    """A row for each occurrence of the series, as we made it under an id that is forgotten."""
    days = (VISIT, replace(VISIT, when=at(17, 10)))
    return [
        shown(channel, f"row{slot}", each, "old", uid, slot)
        for slot, each in zip(SLOTS, days, strict=True)
    ]


def _paired(*copies: Unpaired, known: Known | None = None, blind: str = "") -> Pairing:
    """First contact of all channels, with nothing known but ``known``."""
    made = channels("crm", "cal", "cal2")
    fresh = (f"new{number}" for number in range(99))
    known = known or Known(contacts=frozenset(made))
    moment = Moment(NOW, NOW - 30 * DAY, NOW + 365 * DAY, "UTC", frozenset({blind} - {""}))
    return pair(copies, known, Policy(made, USUAL), moment, lambda: next(fresh))


def _together(found: Pairing) -> list[set[str]]:
    groups: dict[str, set[str]] = {}
    for (_, key), (id, _) in found.joined.items():
        groups.setdefault(id, set()).add(key)
    return sorted(groups.values(), key=sorted)


def test_each_of_ours_has_had_an_original() -> None:
    """Invariant 3: two visits alike, made in the CRM; the copies are told by their marks, and
    each takes the row that says the same besides time, title and people."""
    here, there = replace(VISIT, location="Halle 1 号"), replace(VISIT, location="Halle 2 号")
    found = _paired(
        shown("crm", "row2", there),
        shown("crm", "row1", here),
        *(shown(name, f"{name}1", here, "a1", "a1@x") for name in ("cal", "cal2")),
        *(shown(name, f"{name}2", there, "a2", "a2@x") for name in ("cal", "cal2")),
    )
    assert found.doubts == []
    assert _together(found) == [{"cal1", "cal21", "row1"}, {"cal2", "cal22", "row2"}]
    assert set(found.births) == {"a1", "a2"}


def test_without_marks_the_same_is_a_question() -> None:
    """People made all four: which is which is not guessed."""
    found = _paired(
        *(shown("crm", f"row{n}", VISIT) for n in range(2)),
        *(shown("cal", f"cal{n}", VISIT) for n in range(2)),
    )
    assert {doubt.key for doubt in found.doubts} == {"row0", "row1", "cal0", "cal1"}
    assert found.births == {}


def test_what_a_copy_in_doubt_may_be_is_not_copied_either() -> None:
    """Invariant 3: renamed in the CRM while nobody remembered. All copies of it wait, else a
    second row would be there before a person has answered."""
    found = _paired(
        shown("crm", "row", replace(VISIT, title=f"{VISIT.title} (Anna)")),
        *(shown(name, name, VISIT, "a1", "a1@x") for name in ("cal", "cal2")),
        shown("crm", "other", replace(VISIT, title="Etwas anderes, 别的")),
    )
    waiting = {doubt.key: doubt.candidates for doubt in found.doubts}
    assert waiting.keys() == {"row", "cal", "cal2"}
    assert waiting["cal"] == waiting["cal2"] == ("crm:row",)
    assert set(waiting["row"]) <= {"cal:cal", "cal2:cal2"}
    assert _together(found) == [{"other"}]


@pytest.mark.parametrize("beside", [True, False], ids=["beside it", "without it"])
def test_a_duplicate_beside_its_original_is_no_doubt(beside: bool) -> None:
    """Trace 31: the record was renamed meanwhile, almost as the duplicate is called; the original
    is known by its UID."""
    found = _paired(
        shown("crm", "row", replace(VISIT, title="t1 客户拜访：王"), "a1", "a1@x"),
        shown("cal2", "copy", VISIT, "a1", "a1@x"),
        *([shown("cal", "original", VISIT, uid="a1@x")] if beside else []),
        shown("cal", "double", replace(VISIT, title="t2 客户拜访：王"), uid="double@x"),
    )
    assert ["double"] * (not beside) == [d.key for d in found.doubts if d.channel == "cal"]
    assert (("cal", "double") in found.joined) == beside
    assert len(found.births) == 2 * beside


def test_rows_find_their_series_that_is_known_by_another_id() -> None:
    """Invariant 3: after an old backup the CRM was down, and the series was born anew from its
    calendar. The rows name an id that nobody knows, and their occurrences."""
    known = Known({"new": Agreement(SERIES)}, {"series@x": frozenset({"new"})})
    found = _paired(*_rows("series@x"), known=known)
    assert found.joined == {("crm", f"row{slot}"): ("new", slot) for slot in SLOTS}


ROW = Settled(_rows("series@x")[1].copy, None)
"""What stood for the second occurrence of a series."""


@pytest.mark.parametrize(
    ("known", "waits"),
    [
        ({"a": Agreement(VISIT), "b": Agreement(replace(VISIT, when=at(17, 10)))}, True),
        ({"b": Agreement(ROW.copy.reads, copies={("crm", ""): ROW})}, True),
        ({"a": Agreement(VISIT)}, False),
        ({"a": Agreement(SERIES)}, False),
    ],
    ids=["several", "an occurrence", "a visit", "itself"],
)
def test_a_series_is_none_of_the_visits_that_its_occurrences_became(
    known: dict[str, Agreement], waits: bool
) -> None:
    """Invariant 2: its calendar was out of the configuration when an old state was put in place.
    It would get the time of one of them."""
    series = shown("cal", "series", SERIES, uid="series@x")
    found = _paired(series, known=Known(known, {"series@x": frozenset(known)}))
    assert [doubt.candidates for doubt in found.doubts] == [tuple(sorted(known))] * waits
    assert bool(found.joined) != waits


def test_rows_wait_for_a_channel_that_may_show_their_series() -> None:
    """Invariant 3: they are no visits of their own, though the calendar is down."""
    for uid in ("", "series@x"):
        found = _paired(*_rows(uid), blind="cal")
        assert (found.joined, found.births, found.left) == ({}, {}, [])
        found = _paired(*_rows(uid), shown("cal", "series", SERIES, uid=uid))
        assert [{*found.joined.values()}] == [{("old", ""), *(("old", slot) for slot in SLOTS)}]


def test_rows_wait_where_two_systems_hold_the_same_ones() -> None:
    """Invariant 3: alike in both, they find each other, and are no more visits for that."""
    rows = [*_rows(), *_rows(channel="cal2")]
    found = _paired(*rows, blind="cal")
    assert (found.joined, found.births, found.left) == ({}, {}, [])
    found = _paired(*rows, shown("cal", "series", SERIES))
    assert [{*found.joined.values()}] == [{("old", ""), *(("old", slot) for slot in SLOTS)}]


def test_rows_without_a_series_anywhere_are_visits() -> None:
    """It was deleted while nobody remembered; what is left of it is not forgotten."""
    found = _paired(*_rows())
    assert len(found.births) == len(SLOTS)
