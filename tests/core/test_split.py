"""This and all following: a series cut short, and the one that goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.model import (
    AllDay,
    Appointment,
    Attendee,
    Customer,
    Override,
    Person,
    Recurrence,
    Status,
    Timed,
)
from syncd.core.recurrence import cut, occurrence_ids, occurrences, rid_of
from syncd.core.split import Split, carry_over, find_coming_split, find_split

HORIZON = datetime(2026, 6, 1, tzinfo=UTC)
WANG = Customer("王先生", email="wang@kunde.example", ids=(("crm", "17"),))
DONE = Override((("status", Status.COMPLETED),))


def series(
    start: datetime = datetime(2026, 3, 2, 9), rule: str = "FREQ=WEEKLY", **fields: object
) -> Appointment:
    when = Timed(start, start + timedelta(hours=1), "Europe/Berlin")
    made = Appointment(when, title="Besuch 王先生 😀", recurrence=Recurrence((rule,)))
    return replace(made, **fields)  # type: ignore[arg-type]  # values are of their fields


BEFORE = series(
    customer=WANG,
    owner="alice@example.com",
    overrides=(
        ("20260309T090000", DONE),
        ("20260406T090000", Override((("status", Status.NO_SHOW), ("title", "Nachtermin")))),
        ("20260413T090000", Override(deleted=True)),
        ("20260420T090000", DONE),
    ),
)
AFTER = series(rule="FREQ=WEEKLY;UNTIL=20260316T080000Z")
THURSDAYS = series(datetime(2026, 3, 26, 14))


def test_moved_to_another_weekday_each_later_occurrence_has_its_successor() -> None:
    """Trace 38."""
    split = find_split(BEFORE, AFTER, THURSDAYS, HORIZON)
    assert split is not None
    assert split.cut_rid == "20260323T090000"
    assert split.rid_map["20260323T090000"] == "20260326T140000"
    assert split.rid_map["20260330T090000"] == "20260402T140000"
    assert "20260309T090000" not in split.rid_map
    assert "20260413T090000" not in split.rid_map


@pytest.mark.parametrize(
    ("ours", "invited", "found"), [(None, False, True), (None, True, False), ("bob", False, False)]
)
def test_a_calendar_that_names_itself_as_organizer_goes_on_from_a_copy_that_names_nobody(
    ours: str | None, invited: bool, found: bool
) -> None:
    """Google names the calendar as organizer as soon as there are guests; our copies have none."""
    of = Person(f"{ours}@example.com") if ours else None
    newcomer = replace(THURSDAYS, organizer=Person("alice@example.com"))
    split = find_split(
        replace(BEFORE, organizer=of),
        replace(AFTER, organizer=of),
        newcomer,
        HORIZON,
        invited=invited,
    )
    assert (split is not None) == found


def test_outcomes_stay_and_what_the_channel_cannot_carry_comes_along() -> None:
    """Trace 38: outcomes already written stay, at their new times."""
    split = find_split(BEFORE, AFTER, THURSDAYS, HORIZON)
    assert split is not None
    newcomer = replace(
        THURSDAYS, overrides=(("20260423T140000", Override((("status", Status.CONFIRMED),))),)
    )
    carried = carry_over(BEFORE, newcomer, split, frozenset({"customer", "owner", "when"}))
    assert (carried.customer, carried.owner) == (WANG, "alice@example.com")
    assert (carried.when, carried.recurrence) == (newcomer.when, newcomer.recurrence)
    assert carried.overrides == (
        ("20260409T140000", Override((("status", Status.NO_SHOW),))),
        ("20260423T140000", Override((("status", Status.CONFIRMED),))),
    )


def test_the_same_times_keep_their_ids() -> None:
    """Only the place changed from here on."""
    newcomer = series(datetime(2026, 3, 23, 9), location="Werk 2")
    split = find_split(BEFORE, AFTER, newcomer, HORIZON)
    assert split is not None
    assert split.rid_map
    assert all(old == new for old, new in split.rid_map.items())


def test_another_rhythm_is_counted_off() -> None:
    newcomer = series(datetime(2026, 3, 24, 10), "FREQ=MONTHLY;BYMONTHDAY=24")
    split = find_split(BEFORE, AFTER, newcomer, HORIZON)
    assert split is not None
    assert split.rid_map == {
        "20260323T090000": "20260324T100000",
        "20260330T090000": "20260424T100000",
        "20260406T090000": "20260524T100000",
    }


def test_the_last_one_split_off_alone() -> None:
    before = series(rule="FREQ=WEEKLY;COUNT=4")
    single = replace(series(datetime(2026, 3, 24, 11)), recurrence=None)
    split = find_split(before, AFTER, single, HORIZON)
    assert split == Split(
        "20260323T090000", {"20260323T090000": "20260324T110000"}, timedelta(days=1, hours=2)
    )


def test_a_series_of_whole_days() -> None:
    days = AllDay(date(2026, 3, 2), date(2026, 3, 3))
    before = replace(series(), when=days)
    after = replace(AFTER, when=days, recurrence=Recurrence(("FREQ=WEEKLY;UNTIL=20260316",)))
    newcomer = replace(before, when=AllDay(date(2026, 3, 25), date(2026, 3, 26)))
    split = find_split(before, after, newcomer, HORIZON, "Asia/Shanghai")
    assert split is not None
    assert split.rid_map["20260330"] == "20260401"


@pytest.mark.parametrize(
    ("after", "newcomer"),
    [
        (replace(AFTER, organizer=Person("a@example.com")), THURSDAYS),
        (AFTER, replace(THURSDAYS, organizer=Person("a@example.com"))),
        (AFTER, series(datetime(2026, 3, 31, 14))),
        (AFTER, series(datetime(2026, 3, 16, 9))),
        (AFTER, series(datetime(2026, 3, 10, 9))),
        (AFTER, replace(THURSDAYS, title="Ganz anderes")),
        (AFTER, series(datetime(2026, 3, 23, 9), "FREQ=DAILY", title="Ganz anderes")),
        (series(), THURSDAYS),
        (series(datetime(2026, 3, 3, 9), "FREQ=WEEKLY;COUNT=3"), THURSDAYS),
        (series(rule="FREQ=WEEKLY;INTERVAL=2;COUNT=2"), THURSDAYS),
    ],
)
def test_what_is_no_split(after: Appointment, newcomer: Appointment) -> None:
    """Another organizer, too late, not after what is left, nothing in common, no mere cut."""
    assert find_split(BEFORE, after, newcomer, HORIZON) is None


def test_what_could_go_on_from_a_series_is_known_before_it_is_cut() -> None:
    """By what makes it go on afterwards; and it cannot where the series has not begun, or ended."""
    assert find_coming_split(BEFORE, THURSDAYS, HORIZON) is not None
    assert find_coming_split(BEFORE, replace(THURSDAYS, title="Ganz anderes"), HORIZON) is None
    assert (
        find_coming_split(BEFORE, replace(THURSDAYS, organizer=Person("a@b.example")), HORIZON)
        is None
    )
    assert find_coming_split(BEFORE, series(datetime(2026, 3, 1, 9)), HORIZON) is None
    assert find_coming_split(AFTER, THURSDAYS, HORIZON) is None
    assert find_coming_split(replace(BEFORE, recurrence=None), THURSDAYS, HORIZON) is None


def test_a_single_appointment_is_never_split() -> None:
    single = replace(BEFORE, recurrence=None, overrides=())
    assert find_split(single, AFTER, THURSDAYS, HORIZON) is None


@pytest.mark.parametrize(
    "newcomer",
    [
        series(datetime(2026, 3, 23, 9), title="Umbenannt"),
        replace(THURSDAYS, title="x", customer=WANG),
        replace(THURSDAYS, title="x", attendees=(Attendee("wang@kunde.example"),)),
    ],
)
def test_a_renamed_series_is_known_by_its_time_or_its_people(newcomer: Appointment) -> None:
    after = replace(AFTER, customer=WANG, attendees=(Attendee("wang@kunde.example", "王"),))
    assert find_split(BEFORE, after, newcomer, HORIZON) is not None


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(("FREQ=WEEKLY;BYDAY=MO,TH", "FREQ=DAILY", "FREQ=MONTHLY;BYDAY=1MO")),
    st.integers(1, 9),
    st.integers(-12, 60),
    st.booleans(),
)
def test_a_series_cut_and_moved_by_hours_is_mapped_in_order(
    rule: str, kept: int, hours: int, finite: bool
) -> None:
    """Whole and injective: no later occurrence is lost, no two become one, order is kept."""
    rule += ";UNTIL=20260520T000000Z" if finite else ""
    before = series(rule=rule)
    ids = occurrence_ids(before, datetime(2026, 1, 1, tzinfo=UTC), HORIZON)
    kept = min(kept, len(ids) - 1)
    singles = occurrences(before, datetime(2026, 1, 1, tzinfo=UTC), HORIZON)
    first = singles[ids[kept]].when
    assert isinstance(first, Timed)
    after = cut(before, first.start.replace(tzinfo=UTC) - timedelta(hours=3))
    assert after is not None
    start = first.start + timedelta(hours=hours)
    newcomer = series(start, rule.replace("BYDAY=MO,TH", "BYDAY=TU,FR").replace("1MO", "1TU"))
    split = find_split(before, after, newcomer, HORIZON)
    if split is None:
        gap = first.start - singles[ids[kept - 1]].when.start  # type: ignore[operator]  # timed
        assert hours <= -gap // timedelta(hours=1) or hours >= 24
        return
    assert split.cut_rid == ids[kept]
    assert find_coming_split(before, newcomer, HORIZON) is not None
    targets = list(split.rid_map.values())
    assert targets == sorted(set(targets))
    assert set(split.rid_map) <= set(ids[kept:])
    assert 2 * len(split.rid_map) >= len(ids[kept:]) or finite
    assert rid_of(newcomer.when) in targets or split.rid_map.keys() & set(targets)
