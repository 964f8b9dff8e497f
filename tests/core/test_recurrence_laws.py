"""Laws of recurrence: against python-dateutil, recurring-ical-events, and of cutting a series."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import islice, takewhile
from random import Random

import icalendar
import pytest
import recurring_ical_events
from dateutil.rrule import rrulestr
from hypothesis import assume, example, given, reject, settings
from hypothesis import strategies as st

from syncd.core.expansion import between
from syncd.core.model import AllDay, Appointment, Override, Recurrence, Timed, When
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
    rid_of,
    rid_start,
    span_utc,
)
from syncd.core.rrule import parse

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Shanghai",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "UTC",
)
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
EVER = (datetime(1980, 1, 1, tzinfo=UTC), datetime(2080, 1, 1, tzinfo=UTC))

starts = st.datetimes(datetime(2005, 1, 1), datetime(2030, 12, 31)).map(
    lambda wall: wall.replace(microsecond=0)
)


@st.composite
def rules(draw: st.DrawFn, *, counted: bool = False) -> str:
    """Rules that match sooner or later, so that dateutil comes to an end.

    Weeks 52 and 53 are not among them: for a year's first days dateutil counts the weeks of the
    year before by this year's length (1 January 2011 is in week 52 of 2010: it says 53).
    """
    freq = draw(st.sampled_from(("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY")))
    parts = [f"FREQ={freq}", f"INTERVAL={draw(st.integers(1, 3))}"]
    if draw(st.booleans()):
        parts.append("BYMONTH=" + draw(st.sampled_from(("1,2,3", "4,5,6,7", "10,11,12"))))
    if draw(st.booleans()):
        nth = ("", "1", "2", "-1", "-2") if freq in ("YEARLY", "MONTHLY") else ("",)
        prefix = draw(st.sampled_from(nth))
        chosen = draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True))
        parts.append("BYDAY=" + ",".join(prefix + day for day in chosen))
    elif freq in ("MONTHLY", "YEARLY") and draw(st.booleans()):
        parts.append("BYMONTHDAY=" + draw(st.sampled_from(("1", "15,-1", "28", "-3,30,31"))))
    elif freq == "YEARLY" and draw(st.booleans()):
        parts.append(draw(st.sampled_from(("BYYEARDAY=1,100,-1", "BYWEEKNO=1,20,-1"))))
    if freq != "HOURLY" and draw(st.booleans()):
        parts.append("BYHOUR=8,17")
    if freq in ("YEARLY", "MONTHLY") and draw(st.booleans()):
        parts.append("BYSETPOS=" + draw(st.sampled_from(("1", "-1", "2,-1"))))
    if draw(st.booleans()):
        parts.append("WKST=" + draw(st.sampled_from(DAYS)))
    if counted:
        parts.append(f"COUNT={draw(st.integers(1, 12))}")
    return ";".join(parts)


@st.composite
def series(draw: st.DrawFn) -> Appointment:
    """Finite series of every kind of time, some occurrences moved or deleted."""
    start, zone = draw(starts), draw(st.sampled_from((*ZONES, None)))
    length = timedelta(minutes=draw(st.sampled_from((0, 30, 60, 600, 3000))))
    when = Timed(start, start + length, zone)
    rule = draw(rules(counted=True).filter(lambda text: "HOURLY" not in text))
    if draw(st.booleans()):
        day = start.date()
        rule = ";".join(part for part in rule.split(";") if not part.startswith("BYHOUR"))
        whole = AllDay(day, day + timedelta(days=draw(st.integers(1, 3))))
        plain = Appointment(whole, title="盘点 📦", recurrence=Recurrence((rule,)))
    else:
        extra = rid_of(Timed(when.start + timedelta(days=17), when.end + timedelta(days=17), zone))
        dates = draw(st.sampled_from(((), (extra,))))
        plain = Appointment(when, title="Besuch", recurrence=Recurrence((rule,), dates))
    try:
        ids = occurrence_ids(plain, *EVER)
    except BadRecurrence:  # every other February the 30th
        reject()
    assume(ids)
    own = {}
    for rid in draw(st.lists(st.sampled_from(ids), max_size=3, unique=True)):
        days = timedelta(days=draw(st.integers(-40, 40)))
        single = occurrence(plain, rid)
        assert single is not None
        moved = single.when
        if isinstance(moved, Timed):
            new: When = Timed(moved.start + days, moved.end + days, moved.zone)
        else:
            new = AllDay(moved.start + days, moved.end + days)
        own[rid] = draw(st.sampled_from((Override(deleted=True), Override((("when", new),)))))
    return Appointment(
        plain.when, title=plain.title, recurrence=plain.recurrence, overrides=tuple(own.items())
    )


@settings(max_examples=150, deadline=None)
@given(rules(), starts, st.integers(0, 700))
def test_expansion_equals_dateutil(rule: str, start: datetime, skip: int) -> None:
    """From any day on, the same wall times as a full expansion by python-dateutil."""
    start = start.replace(second=0)
    lower = start + timedelta(days=skip)
    upper = lower + timedelta(days=400)
    theirs = takewhile(
        lambda wall: wall <= upper, rrulestr(rule, dtstart=start).xafter(lower, inc=True)
    )
    expected = list(islice(theirs, 40))
    assert list(islice(between(parse(rule), start, lower, upper), 40)) == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 53), st.booleans(), starts)
@example(53, False, datetime(2010, 1, 1))
def test_weeks_are_numbered_as_by_iso_8601(week: int, from_the_end: bool, start: datetime) -> None:
    """All days of a week, and of no other, where weeks begin on Mondays, as they do by default."""
    number = week - 54 if from_the_end else week
    upper = start + timedelta(days=800)
    days = [start + timedelta(days=day) for day in range(801)]
    expected = [day for day in days if number in _iso_weeks(day)]
    found = between(parse(f"FREQ=YEARLY;BYWEEKNO={number}"), start, start, upper)
    assert list(found) == expected


def _iso_weeks(day: datetime) -> tuple[int, int]:
    """The number of a day's week in its year, from the first and from the last one."""
    year, week, _ = day.isocalendar()
    return week, week - 1 - date(year, 12, 28).isocalendar().week


@settings(max_examples=60, deadline=None)
@given(rules(counted=True), starts)
@example("FREQ=MONTHLY;INTERVAL=3;BYMONTH=4,5,6,7;COUNT=1", datetime(2005, 12, 31, 10))
def test_count_equals_dateutil(rule: str, start: datetime) -> None:
    """COUNT counts the same matches, and is_occurrence agrees with each and no other."""
    when = Timed(start, start + timedelta(hours=1), "UTC")
    appointment = Appointment(when, recurrence=Recurrence((rule,)))
    matches = list(rrulestr(rule, dtstart=start))
    if not matches:  # the 31st of every third June: a clear error, no endless search
        with pytest.raises(BadRecurrence, match="too seldom"):
            occurrence_ids(appointment, *EVER)
        return
    walls = {start, *matches}
    expected = tuple(sorted(f"{wall:%Y%m%dT%H%M%S}" for wall in walls))
    assert occurrence_ids(appointment, datetime(2000, 1, 1, tzinfo=UTC), EVER[1]) == expected
    assert all(is_occurrence(appointment, rid) for rid in expected)
    minute_later = [f"{wall + timedelta(minutes=1):%Y%m%dT%H%M%S}" for wall in walls]
    assert not any(is_occurrence(appointment, rid) for rid in minute_later)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(ZONES),
    starts,
    st.sampled_from(
        (
            "FREQ=DAILY;INTERVAL=3",
            "FREQ=WEEKLY;BYDAY=SU,WE",
            "FREQ=MONTHLY;BYDAY=-1FR",
            "FREQ=MONTHLY;BYMONTHDAY=31",
            "FREQ=YEARLY",
            "FREQ=WEEKLY;INTERVAL=2;UNTIL=20310401T120000Z",
        )
    ),
)
def test_instants_equal_recurring_ical_events(zone: str, start: datetime, rule: str) -> None:
    """The instants agree with an expansion of the iCalendar text, whatever the clocks did."""
    when = Timed(start, start + timedelta(hours=1), zone)
    assume(when.zone == zone and when.start == start)
    appointment = Appointment(when, recurrence=Recurrence((rule,)))
    after, before = datetime(2011, 6, 1, tzinfo=UTC), datetime(2013, 6, 1, tzinfo=UTC)
    if start.year > 2012:
        after, before = after.replace(year=start.year), before.replace(year=start.year + 2)
    tzid = (
        f"DTSTART:{start:%Y%m%dT%H%M%S}Z"
        if zone == "UTC"
        else (f"DTSTART;TZID={zone}:{start:%Y%m%dT%H%M%S}")
    )
    text = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//\r\nBEGIN:VEVENT\r\nUID:1\r\n"
        f"{tzid}\r\nDURATION:PT1H\r\nRRULE:{rule}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    calendar = icalendar.Calendar.from_ical(text)
    theirs = recurring_ical_events.of(calendar).between(after, before)
    expected = sorted(event["DTSTART"].dt.astimezone(UTC) for event in theirs)
    found = occurrences(appointment, after, before)
    assert sorted(span_utc(single.when)[0] for single in found.values()) == expected


@settings(max_examples=150, deadline=None)
@given(series(), st.integers(-10, 900), st.sampled_from(("UTC", "Asia/Shanghai")))
def test_cut_keeps_what_begins_before_it(whole: Appointment, days: int, zone: str) -> None:
    """The cut series has exactly the occurrences that begin before the cut, unharmed."""
    at = span_utc(whole.when, zone)[0] + timedelta(days=days, hours=1)
    every = occurrences(whole, *EVER, zone)
    expected = {rid: single for rid, single in every.items() if span_utc(single.when, zone)[0] < at}
    shorter = cut(whole, at, zone)
    assert (occurrences(shorter, *EVER, zone) if shorter else {}) == expected
    assert has_past(whole, at, zone) == bool(expected)
    if shorter is not None:
        assert cut(shorter, at, zone) == shorter
        ends = [span_utc(single.when, zone)[1] for single in expected.values()]
        assert last_end(shorter, zone) == max(ends)


@settings(max_examples=60, deadline=None)
@given(series(), starts, st.integers(0, 300))
def test_a_window_shows_what_overlaps_it(whole: Appointment, start: datetime, days: int) -> None:
    """Judged by each occurrence's own time, also of those that were moved in or out."""
    start = start.replace(tzinfo=UTC)
    end = start + timedelta(days=days)
    expected = {}
    for rid, single in occurrences(whole, *EVER).items():
        begins, ends = span_utc(single.when)
        if begins < end and (ends > start or begins >= start):
            expected[rid] = single
    assert occurrences(whole, start, end) == expected


@settings(max_examples=60, deadline=None)
@given(series())
def test_ends_after_its_last_occurrence(whole: Appointment) -> None:
    """``last_end`` is the end of the occurrence that ends last, moved ones included."""
    ends = [span_utc(single.when)[1] for single in occurrences(whole, *EVER).values()]
    end = max(ends, default=span_utc(whole.when)[1])
    assert last_end(whole) == end
    assert ended(whole, end)
    assert not ended(whole, end - timedelta(seconds=1))


@settings(max_examples=60, deadline=None)
@given(series(), st.sampled_from(("title", "location")), st.text(max_size=9))
def test_an_override_gives_the_single_back(whole: Appointment, name: str, value: str) -> None:
    """What a single occurrence has of its own, put into its series, yields the single again."""
    for rid, single in list(occurrences(whole, *EVER).items())[:3]:
        edited = Appointment(single.when, **{"title": single.title, name: value})
        plain = Appointment(whole.when, title=whole.title, recurrence=whole.recurrence)
        own = override_of(plain, rid, edited)
        merged = Appointment(
            plain.when, title=plain.title, recurrence=plain.recurrence, overrides=((rid, own),)
        )
        assert occurrence(merged, rid) == edited


@given(rules(counted=True), st.randoms())
def test_a_reordered_rule_is_the_same(rule: str, random: Random) -> None:
    """Order, case, the prefix and idle parts do not matter, and canonical is canonical."""
    parts = rule.split(";")
    random.shuffle(parts)
    assert canonical_rule("rrule:" + ";".join(parts).lower()) == canonical_rule(rule)
    assert canonical_rule(canonical_rule(rule)) == canonical_rule(rule)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(
                (
                    "FREQ=SECONDLY",
                    "FREQ=DAILY",
                    "FREQ=YEARLY",
                    "INTERVAL=0",
                    "INTERVAL=999999999",
                    "COUNT=1000000000",
                    "COUNT=0",
                    "UNTIL=99991231T235959Z",
                    "UNTIL=20269999",
                    "BYMONTH=2",
                    "BYMONTHDAY=30",
                    "BYDAY=54MO",
                    "BYDAY=５MO",
                    "BYSETPOS=366",
                    "BYWEEKNO=53,-53",
                    "BYSECOND=1",
                    "X-EVIL=1",
                )
            ),
            max_size=5,
        ).map(";".join),
    ),
    st.sampled_from((datetime(2, 1, 3), datetime(1900, 2, 28, 9), datetime(9990, 12, 31, 23))),
)
def test_a_hostile_rule_raises_one_error_only(text: str, start: datetime) -> None:
    """Invariant 9: whatever a system sends, one error, and an end."""
    whole = Appointment(
        Timed(start, start + timedelta(hours=1), "UTC"), recurrence=Recurrence((text,))
    )
    now = datetime(2026, 3, 1, tzinfo=UTC)
    for act in (
        lambda: occurrences(whole, now, now + timedelta(days=30)),
        lambda: last_end(whole),
        lambda: cut(whole, now),
        lambda: has_past(whole, now),
        lambda: is_occurrence(whole, "20260301T090000"),
        lambda: canonical_rule(text),
    ):
        with suppress(BadRecurrence):
            act()


@given(st.text(max_size=17))
def test_an_id_is_a_date_or_refused(text: str) -> None:
    """Ids come from remote systems, too."""
    try:
        start = rid_start(text)
    except BadRecurrence:
        return
    assert isinstance(start, date)
    assert (
        text == (f"{start:%Y%m%dT%H%M%S}" if isinstance(start, datetime) else f"{start:%Y%m%d}")
        or start.year < 1000
    )


@pytest.mark.parametrize("zone", ZONES)
def test_wall_time_stays_the_same_all_year(zone: str) -> None:
    """09:00 is 09:00 on every day on which the clock shows it."""
    start = datetime(2011, 1, 1, 9)
    daily = Appointment(
        Timed(start, start + timedelta(hours=1), zone), recurrence=Recurrence(("FREQ=DAILY",))
    )
    year = (datetime(2011, 2, 1, tzinfo=UTC), datetime(2012, 2, 1, tzinfo=UTC))
    clocks = {single.when.start.time() for single in occurrences(daily, *year).values()}
    assert {clock.hour for clock in clocks} == {9}
