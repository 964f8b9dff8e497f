"""Occurrences of a series by example: clocks, ends, cuts, and series that move."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from syncd.core.model import AllDay, Appointment, Override, Recurrence, Status, Timed, Value
from syncd.core.recurrence import (
    BadRecurrence,
    canonical_rule,
    cut,
    ended,
    has_past,
    is_occurrence,
    last_end,
    occurrence,
    occurrence_ids,
    occurrences,
    override_of,
    remap,
    reslot,
    rid_of,
    span_utc,
    starts_utc,
)

HORIZON = datetime(2026, 12, 31, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]  # year, month, day, …


def weekly(
    start: datetime = datetime(2026, 3, 2, 9),
    rule: str = "FREQ=WEEKLY",
    zone: str | None = "Europe/Berlin",
    **own: Override,
) -> Appointment:
    """A series of one hour; ``own`` are overrides by id, with a leading ``o``."""
    return Appointment(
        Timed(start, start + timedelta(hours=1), zone),
        title="Besuch 拜访",
        recurrence=Recurrence((rule,) if rule else ()),
        overrides=tuple((rid[1:], override) for rid, override in own.items()),
    )


def moved(start: datetime, zone: str | None = "Europe/Berlin") -> Override:
    return Override((("when", Timed(start, start + timedelta(hours=1), zone)),))


GONE = Override(deleted=True)


def test_nine_in_berlin_stays_nine_when_the_clocks_change() -> None:
    """Trace 39, the pure part: 08:00 UTC before the change, 07:00 after."""
    found = occurrences(weekly(), utc(2026, 3, 20), utc(2026, 4, 8))
    assert {rid: starts_utc(single) for rid, single in found.items()} == {
        "20260323T090000": utc(2026, 3, 23, 8),
        "20260330T090000": utc(2026, 3, 30, 7),
        "20260406T090000": utc(2026, 4, 6, 7),
    }


@pytest.mark.parametrize(
    ("zone", "nominal", "first"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, 2, 30), utc(2026, 3, 29, 1, 30)),
        ("America/New_York", datetime(2026, 3, 8, 2, 15), utc(2026, 3, 8, 7, 15)),
        ("Australia/Lord_Howe", datetime(2026, 10, 4, 2, 10), utc(2026, 10, 3, 15, 40)),
        ("America/Sao_Paulo", datetime(2018, 11, 4, 0, 20), utc(2018, 11, 4, 3, 20)),
        ("Pacific/Apia", datetime(2011, 12, 30, 9), utc(2011, 12, 30, 19)),
    ],
)
def test_a_time_that_does_not_exist_keeps_its_id_and_its_length(
    zone: str, nominal: datetime, first: datetime
) -> None:
    series = weekly(nominal - timedelta(days=3), "FREQ=DAILY", zone)
    single = occurrence(series, f"{nominal:%Y%m%dT%H%M%S}")
    assert single is not None
    assert span_utc(single.when) == (first, first + timedelta(hours=1))


def test_dtstart_is_an_instance_though_the_rule_does_not_match_it() -> None:
    series = weekly(datetime(2026, 3, 3, 9), "FREQ=WEEKLY;BYDAY=MO;COUNT=2")
    assert occurrence_ids(series, utc(2026, 1, 1), HORIZON) == (
        "20260303T090000",
        "20260309T090000",
        "20260316T090000",
    )


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=YEARLY", ["20240229", "20280229"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1", ["20240229", "20250228", "20260228"]),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2", ["20240229", "20240329", "20240426"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=2", ["20240229", "20240329"]),
        ("FREQ=DAILY;BYMONTH=12;BYMONTHDAY=31", ["20240229", "20241231", "20251231"]),
        ("FREQ=MONTHLY;BYDAY=TU,1FR;COUNT=3", ["20240229", "20240301", "20240305", "20240312"]),
        ("FREQ=DAILY;UNTIL=20240301", ["20240229", "20240301"]),
        ("FREQ=DAILY;UNTIL=20240301T155959Z", ["20240229", "20240301"]),
    ],
)
def test_whole_days(rule: str, expected: list[str]) -> None:
    series = Appointment(
        AllDay(date(2024, 2, 29), date(2024, 3, 1)), recurrence=Recurrence((rule,))
    )
    found = occurrence_ids(series, utc(2024, 1, 1), utc(2030, 1, 1))
    assert list(found)[: len(expected)] == expected


@pytest.mark.parametrize(
    ("start", "rule", "expected"),
    [
        (
            date(1997, 8, 5),
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
            "0805 0810 0819 0824",
        ),
        (
            date(1997, 8, 5),
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
            "0805 0817 0819 0831",
        ),
        (date(1997, 5, 12), "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;COUNT=3", "0512 0511 0517"),
        (date(2015, 12, 31), "FREQ=YEARLY;BYWEEKNO=53;BYDAY=TH;COUNT=4", "1231 1231 1231 1230"),
        (date(2015, 12, 31), "FREQ=YEARLY;BYWEEKNO=-1;BYDAY=TH;COUNT=3", "1231 1229 1228"),
        (
            date(2017, 1, 1),
            "FREQ=YEARLY;BYWEEKNO=1;BYDAY=SU;WKST=SU;COUNT=4",
            "0101 1231 1230 1229",
        ),
        (date(1997, 1, 1), "FREQ=YEARLY;COUNT=4;BYYEARDAY=1,100,200", "0101 0410 0719 0101"),
        (date(1997, 5, 19), "FREQ=YEARLY;BYDAY=20MO;COUNT=3", "0519 0518 0517"),
    ],
)
def test_weeks_as_the_rfc_counts_them(start: date, rule: str, expected: str) -> None:
    """The examples of RFC 5545, 3.8.5.3, and years of 53 weeks."""
    days = Appointment(AllDay(start, start + timedelta(days=1)), recurrence=Recurrence((rule,)))
    found = occurrence_ids(days, utc(1990, 1, 1), utc(2040, 1, 1))
    assert [rid[4:] for rid in found] == expected.split()


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("20260316T080000Z", "20260316T090000"),
        ("20260316T075959Z", "20260309T090000"),
        ("20260316T090000", "20260316T090000"),
        ("20260316", "20260316T090000"),
        ("20260330T070000Z", "20260330T090000"),
        ("20260330T065959Z", "20260323T090000"),
    ],
)
def test_until_in_each_form(until: str, last: str) -> None:
    """In UTC it is an instant, else a time on the wall; a date is all of that day."""
    series = weekly(rule=f"FREQ=WEEKLY;UNTIL={until}")
    assert occurrence_ids(series, utc(2026, 1, 1), HORIZON)[-1] == last
    single = occurrence(series, last)
    assert single is not None
    assert last_end(series) == span_utc(single.when)[1]


def test_a_daily_series_since_1990_is_not_walked_from_there() -> None:
    """Each expansion has a budget of 100,000 days; the years before the window cost none of it."""
    series = weekly(datetime(1, 1, 2, 9), "FREQ=DAILY", "UTC")
    assert len(occurrence_ids(series, utc(2026, 1, 1), utc(2027, 1, 1))) == 365


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;COUNT=1000000000",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=3",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;UNTIL=99991231",
        "FREQ=SECONDLY;INTERVAL=2;BYSECOND=1;UNTIL=99991231T000000Z",
        "FREQ=DAILY;UNTIL=20260230",
        "FREQ=DAILY;FREQ=WEEKLY",
        "FREQ=DAILY;BYDAY=0MO",
        "FREQ=DAILY;BYMONTHDAY=0",
        "FREQ=DAILY;" + "BYHOUR=1" * 200,
        "COUNT=3",
        "",
    ],
)
def test_what_cannot_be_expanded_is_refused(rule: str) -> None:
    """Invariant 9. With second 0 an even number of seconds never comes to second 1."""
    series = Appointment(
        Timed(datetime(2026, 3, 2, 9), datetime(2026, 3, 2, 10), "UTC"),
        recurrence=Recurrence((rule,)),
    )
    with pytest.raises(BadRecurrence):
        last_end(series)


def test_a_rule_that_never_matches_is_only_its_start() -> None:
    series = weekly(rule="FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")
    assert occurrence_ids(series, utc(2026, 1, 1), HORIZON) == ("20260302T090000",)


def test_no_more_than_the_limit() -> None:
    series = weekly(rule="FREQ=MINUTELY")
    found = occurrence_ids(series, utc(2026, 5, 1), HORIZON, limit=5)
    assert found == tuple(f"20260501T010{minute}00" for minute in range(1, 6))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("RRULE:byday=we,mo;interval=1;wkst=MO;freq=weekly", "FREQ=WEEKLY;BYDAY=MO,WE"),
        ("FREQ=WEEKLY;WKST=SU;BYDAY=MO", "FREQ=WEEKLY;BYDAY=MO"),
        ("FREQ=WEEKLY;WKST=SU;INTERVAL=2;BYDAY=MO", "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=MO"),
        ("UNTIL=20260101T000000Z;FREQ=DAILY;", "FREQ=DAILY;UNTIL=20260101T000000Z"),
        ("FREQ=MONTHLY;BYDAY=+1MO,-1FR", "FREQ=MONTHLY;BYDAY=1MO,-1FR"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1,15,1", "FREQ=MONTHLY;BYMONTHDAY=-1,1,15"),
    ],
)
def test_a_rule_has_one_spelling(text: str, canonical: str) -> None:
    """Trace 12: a server's reordering is no change."""
    assert canonical_rule(text) == canonical


def test_an_occurrence_has_its_series_fields_and_its_own() -> None:
    own: tuple[tuple[str, Value], ...] = (("title", "😀"), ("status", Status.NO_SHOW))
    series = weekly(o20260309T090000=Override(own), o20260316T090000=GONE)
    single = occurrence(series, "20260309T090000")
    assert single == Appointment(
        Timed(datetime(2026, 3, 9, 9), datetime(2026, 3, 9, 10), "Europe/Berlin"),
        title="😀",
        status=Status.NO_SHOW,
    )
    assert occurrence(series, "20260316T090000") is None
    assert is_occurrence(series, "20260316T090000")
    assert occurrence(series, "20260317T090000") is None
    assert occurrence(series, "20260309") is None


def test_an_appointment_that_does_not_repeat_is_its_only_occurrence() -> None:
    single = Appointment(Timed(datetime(2026, 3, 2, 9), datetime(2026, 3, 2, 10), "UTC"))
    rid = rid_of(single.when)
    assert occurrences(single, utc(2026, 3, 2), utc(2026, 3, 3)) == {rid: single}
    assert occurrences(single, utc(2026, 3, 2, 10), utc(2026, 3, 3)) == {}
    assert last_end(single) == utc(2026, 3, 2, 10)
    assert cut(single, utc(2026, 3, 2, 9)) is None
    assert cut(single, utc(2026, 3, 2, 10)) == single


def test_an_override_of_no_instance_stands_for_nothing() -> None:
    series = weekly(o20260310T090000=moved(datetime(2026, 3, 11, 9)))
    assert list(occurrences(series, utc(2026, 3, 8), utc(2026, 3, 14))) == ["20260309T090000"]


def test_floating_and_whole_days_are_read_in_the_default_zone() -> None:
    series = weekly(rule="FREQ=DAILY;COUNT=1", zone=None)
    assert not ended(series, utc(2026, 3, 2, 9), "UTC")
    assert ended(series, utc(2026, 3, 2, 2), "Asia/Shanghai")
    days = Appointment(AllDay(date(2026, 3, 2), date(2026, 3, 3)))
    assert starts_utc(days, "Asia/Shanghai") == utc(2026, 3, 1, 16)
    assert last_end(days, "America/New_York") == utc(2026, 3, 3, 5)


def test_a_series_without_end_never_ends() -> None:
    assert last_end(weekly()) is None
    assert not ended(weekly(), utc(2999, 1, 1))
    assert has_past(weekly(), utc(2026, 3, 2, 9))
    assert not has_past(weekly(), utc(2026, 3, 2, 8))
    first_deleted = weekly(o20260302T090000=GONE)
    assert not has_past(first_deleted, utc(2026, 3, 9))
    assert has_past(first_deleted, utc(2026, 3, 10))


@pytest.mark.parametrize(
    ("series", "rules"),
    [
        (weekly(), ("FREQ=WEEKLY;UNTIL=20260330T070000Z",)),
        (weekly(zone=None), ("FREQ=WEEKLY;UNTIL=20260330T090000",)),
        (weekly(rule="FREQ=WEEKLY;COUNT=50"), ("FREQ=WEEKLY;UNTIL=20260330T070000Z",)),
        (weekly(rule="COUNT=2;FREQ=WEEKLY"), ("COUNT=2;FREQ=WEEKLY",)),
        (weekly(rule="FREQ=DAILY;BYHOUR=9,17"), ("FREQ=DAILY;UNTIL=20260331T115959Z;BYHOUR=9,17",)),
        (
            Appointment(
                AllDay(date(2026, 3, 2), date(2026, 3, 3)), recurrence=Recurrence(("FREQ=WEEKLY",))
            ),
            ("FREQ=WEEKLY;UNTIL=20260330",),
        ),
    ],
)
def test_cut_writes_until_as_its_series_asks(series: Appointment, rules: tuple[str, ...]) -> None:
    """RFC 5545, 3.3.10: UTC with a zone, local if floating, a date for whole days."""
    shorter = cut(series, utc(2026, 3, 31, 12))
    assert shorter is not None
    assert shorter.recurrence == Recurrence(rules)


def test_cut_keeps_what_was_moved_before_it_and_drops_what_was_moved_behind() -> None:
    """An outcome of an occurrence held early is not lost; a postponed one is in the future."""
    early = Override((*moved(datetime(2026, 3, 10, 9)).values, ("status", Status.COMPLETED)))
    series = weekly(o20260309T090000=moved(datetime(2026, 5, 1, 9)), o20260413T090000=early)
    shorter = cut(series, utc(2026, 3, 18))
    assert shorter is not None
    found = occurrences(shorter, utc(2026, 1, 1), HORIZON)
    assert list(found) == ["20260302T090000", "20260316T090000", "20260413T090000"]
    assert found["20260413T090000"].status is Status.COMPLETED


def test_cut_before_the_first_occurrence_leaves_nothing() -> None:
    assert cut(weekly(), utc(2026, 3, 2, 8)) is None
    assert cut(weekly(o20260302T090000=GONE), utc(2026, 3, 3)) is None


def test_remap_same_when_most_ids_are_still_there() -> None:
    old = weekly(rule="FREQ=WEEKLY;BYDAY=MO,WE,FR")
    new = weekly(rule="FREQ=WEEKLY;BYDAY=MO,WE")
    stands_for = remap(old, new, HORIZON)
    assert stands_for("20260304T090000") == "20260304T090000"
    assert stands_for("20260306T090000") is None


def test_remap_same_when_there_are_only_fewer() -> None:
    """However few are left, and whatever of it was dropped before, the 9th is not the 2nd."""
    old = weekly(o20260302T090000=GONE)
    for rule in ("FREQ=WEEKLY;COUNT=1", "FREQ=WEEKLY;INTERVAL=3", "FREQ=MONTHLY;BYDAY=1MO"):
        new = weekly(rule=rule, o20260302T090000=GONE)
        stands_for = remap(old, new, HORIZON)
        assert stands_for("20260302T090000") == "20260302T090000"
        assert stands_for("20260309T090000") is None
        assert reslot(old, old, new, HORIZON).overrides == (("20260302T090000", GONE),)


def test_remap_shifts_with_the_start() -> None:
    """The series moved to another weekday and time, or became whole days."""
    stands_for = remap(weekly(), weekly(datetime(2026, 3, 5, 14)), HORIZON)
    assert stands_for("20260330T090000") == "20260402T140000"
    days = Appointment(
        AllDay(date(2026, 3, 3), date(2026, 3, 4)), recurrence=Recurrence(("FREQ=WEEKLY",))
    )
    assert remap(weekly(), days, HORIZON)("20260309T090000") == "20260310"
    assert remap(days, weekly(), HORIZON)("20260310") == "20260309T090000"


def test_remap_counts_off_what_has_no_other_order() -> None:
    old, new = weekly(), weekly(datetime(2026, 3, 3, 8), "FREQ=MONTHLY;BYMONTHDAY=3,20;COUNT=3")
    stands_for = remap(old, new, HORIZON)
    assert [stands_for(f"202603{day}T090000") for day in ("02", "09", "16", "23")] == [
        "20260303T080000",
        "20260320T080000",
        "20260403T080000",
        None,
    ]


def test_reslot_moves_outcomes_along() -> None:
    done = Override((("status", Status.COMPLETED),))
    series = weekly(o20260309T090000=done, o20260316T090000=GONE)
    new = weekly(datetime(2026, 3, 3, 9))
    assert reslot(series, series, new, HORIZON).overrides == (
        ("20260310T090000", done),
        ("20260317T090000", GONE),
    )


def test_the_same_instants_in_another_zone_are_no_own_time() -> None:
    series = weekly()
    in_utc = Timed(datetime(2026, 3, 30, 7), datetime(2026, 3, 30, 8), "UTC")
    later = Timed(datetime(2026, 3, 30, 8), datetime(2026, 3, 30, 9), "UTC")
    rid = "20260330T090000"
    assert override_of(series, rid, Appointment(in_utc, title=series.title)) == Override()
    assert override_of(series, rid, Appointment(later, title="x")) == Override(
        (("title", "x"), ("when", later))
    )
