"""What takes the time of a calendar: told spans beside known copies."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.bookings import Booking, booked, doubles, united, uses
from syncd.core.model import AllDay, Appointment, Busy, Override, Recurrence, Status, Timed
from syncd.core.taken import Taken, pages, put_together

DAY = datetime(2026, 3, 2, tzinfo=UTC)
SHANGHAI = "Asia/Shanghai"


def _at(hour: float) -> datetime:
    return DAY + timedelta(hours=hour)


def _taken(first: float, last: float, kind: Busy = Busy.BUSY) -> Taken:
    return Taken(_at(first), _at(last), kind)


def _known(first: float, last: float, name: str = "a", **more: bool) -> Booking:
    return Booking(_at(first), _at(last), f"/{name}.ics", name, f"拜访 {name}", **more)  # type: ignore[arg-type]  # booleans only


def _shown(taken: list[Taken], known: list[Booking]) -> list[tuple[float, float, str]]:
    """Hours and names; "?" for what is not known."""
    return [
        (
            (use.start - DAY).total_seconds() / 3600,
            (use.end - DAY).total_seconds() / 3600,
            use.booking.appointment if use.booking is not None else "?",
        )
        for use in uses(taken, known)
    ]


def _twice(taken: list[Taken], known: list[Booking]) -> list[tuple[datetime, datetime]]:
    return [(each.start, each.end) for each in doubles(uses(taken, known))]


def test_a_known_copy_stands_behind_its_span() -> None:
    assert _shown([_taken(9, 10)], [_known(9, 10)]) == [(9, 10, "a")]
    assert _shown([_taken(9, 10)], []) == [(9, 10, "?")]


def test_what_is_free_there_is_no_booking() -> None:
    """A copy of the last look that somebody has removed since."""
    assert _shown([], [_known(9, 10)]) == []
    assert _shown([_taken(9.5, 10)], [_known(9, 10)]) == [(9.5, 10, "?")]


def test_joined_spans_are_those_inside() -> None:
    """As Google and Radicale tell them."""
    known = [_known(9, 10, "a"), _known(10, 11, "b"), _known(10.5, 12, "c")]
    assert _shown([_taken(9, 12)], known) == [(9, 10, "a"), (10, 11, "b"), (10.5, 12, "c")]
    assert _shown([_taken(9, 14)], known)[-1] == (12, 14, "?")
    assert _twice([_taken(9, 12)], known) == [(_at(10.5), _at(11))]


def test_two_in_one_room_that_are_told_one_by_one() -> None:
    """As Exchange tells them: one known, the other not, or neither."""
    spans = [_taken(9, 11), _taken(10, 12)]
    assert _shown(spans, [_known(9, 11)]) == [(9, 11, "a"), (10, 12, "?")]
    assert _twice(spans, [_known(9, 11)]) == [(_at(10), _at(11))]
    assert _twice(spans, []) == [(_at(10), _at(11))]
    inside = [_taken(9, 12), _taken(10, 11)]
    assert _shown(inside, [_known(9, 12)]) == [(9, 12, "a"), (10, 11, "?")]
    assert _twice(inside, [_known(9, 12)]) == [(_at(10), _at(11))]


def test_the_same_hour_twice() -> None:
    known = [_known(9, 10, "a"), _known(9, 10, "b")]
    assert _twice([_taken(9, 10)], known) == [(_at(9), _at(10))]
    assert _twice([_taken(9, 10), _taken(9, 10)], known) == [(_at(9), _at(10))]
    assert _shown([_taken(9, 10), _taken(9, 10)], known[:1]) == [(9, 10, "a"), (9, 10, "?")]


def test_one_after_the_other_is_not_twice() -> None:
    assert _twice([_taken(9, 10), _taken(10, 11)], [_known(9, 10, "a"), _known(10, 11, "b")]) == []


def test_an_appointment_is_no_rival_of_itself() -> None:
    """Occurrences of a series that overlap are nobody's quarrel."""
    other = replace(_known(9.5, 11, "a"), key="/other.ics")
    assert _twice([_taken(9, 11)], [_known(9, 10, "a"), other]) == []
    stranger = Booking(_at(9), _at(10), "/x.ics")
    assert _twice([_taken(9, 10)], [stranger, replace(stranger, key="/y.ics")]) != []


def test_a_cancelled_one_explains_and_is_no_rival() -> None:
    """Where ``cancelled = "mark"`` keeps it in a calendar that goes on to count its time."""
    off = _known(9, 10, "off", cancelled=True)
    assert _shown([_taken(9, 10)], [off]) == [(9, 10, "off")]
    assert _twice([_taken(9, 10)], [off, _known(9, 10, "a")]) == []
    assert _shown([_taken(9, 10)], [off, _known(9, 10, "a")]) == [(9, 10, "a")]


def test_each_kind_is_the_system_s() -> None:
    (use,) = uses([_taken(9, 10, Busy.TENTATIVE)], [_known(9, 10)])
    assert use.kind is Busy.TENTATIVE


def _copy(**values: object) -> Appointment:
    when = Timed(datetime(2026, 3, 2, 9), datetime(2026, 3, 2, 10), SHANGHAI)
    return replace(Appointment(when, title="例会"), **values)  # type: ignore[arg-type]  # fields of its own


def _booked(copy: Appointment, days: int = 28) -> list[Booking]:
    empty = Booking(DAY, DAY, "/a.ics", "a")
    return list(booked(copy, empty, DAY, DAY + timedelta(days=days), SHANGHAI))


def test_what_a_copy_takes() -> None:
    """Occurrence by occurrence; nothing for what is shown as free."""
    (one,) = _booked(_copy())
    assert (one.start, one.end, one.in_utc) == (_at(1), _at(2), None)
    assert _booked(_copy(busy=Busy.FREE)) == []
    own = (
        ("20260309T090000", Override(deleted=True)),
        ("20260316T090000", Override((("busy", Busy.FREE),))),
        ("20260323T090000", Override((("status", Status.CANCELLED),))),
    )
    series = _copy(recurrence=Recurrence(("FREQ=WEEKLY",)), overrides=own)
    assert [(each.start.day, each.cancelled) for each in _booked(series)] == [
        (2, False),
        (23, True),
    ]
    assert _booked(_copy(recurrence=Recurrence(("FREQ=SOMETIMES",)))) == []


@pytest.mark.parametrize("hours", [-14, -8, 0, 5, 12])
def test_a_whole_day_in_another_zone(hours: int) -> None:
    """The day of a calendar elsewhere is that day all the same."""
    known = _booked(_copy(when=AllDay(date(2026, 3, 4), date(2026, 3, 5))))
    assert _shown([_taken(48 + hours, 72 + hours)], known) == [(48 + hours, 72 + hours, "a")]


def test_a_whole_day_that_was_joined_with_others() -> None:
    """In the zone of the configuration, and in UTC, as Radicale has it."""
    known = [*_booked(_copy(when=AllDay(date(2026, 3, 4), date(2026, 3, 5)))), _known(72, 73, "b")]
    assert [name for *_, name in _shown([_taken(48, 73)], known)] == ["a", "b"]
    edge = _booked(_copy(when=AllDay(date(2026, 3, 2), date(2026, 3, 3))))
    assert _shown([_taken(0, 16)], edge) == [(0, 16, "a")]


_span = st.tuples(st.integers(0, 40), st.integers(1, 12)).map(lambda n: (n[0], n[0] + n[1]))
_names = st.sampled_from("abc")


@given(st.lists(_span, max_size=8), st.lists(st.tuples(_span, _names), max_size=8), st.booleans())
def test_all_that_is_taken_is_told_and_no_more(
    told: list[tuple[int, int]], known: list[tuple[tuple[int, int], str]], joins: bool
) -> None:
    spans = [(_at(first), _at(last)) for first, last in told]
    taken = [Taken(*span) for span in (united(spans) if joins else sorted(spans))]
    found = uses(taken, [_known(*span, name) for span, name in known])
    assert united((use.start, use.end) for use in found) == united(spans)
    assert found == sorted(found, key=lambda use: (use.start, use.end))
    for each in doubles(found):
        assert each.start < each.end
        assert any(first <= each.start and each.end <= last for first, last in united(spans))


@given(st.lists(_span, max_size=6), st.integers(1, 30), st.booleans())
def test_pages_put_together_are_the_whole(
    told: list[tuple[int, int]], longest: int, cuts: bool
) -> None:
    """Whether a system cuts what crosses the end of a page or tells it whole in both."""
    spans = united((_at(first), _at(last)) for first, last in told)
    asked = pages(_at(2), _at(50), timedelta(hours=longest))
    answers = [
        [
            Taken(max(a, start), min(b, end)) if cuts else Taken(a, b)
            for a, b in spans
            if a < end and b > start
        ]
        for start, end in asked
    ]
    expected = [(max(a, _at(2)), min(b, _at(50))) for a, b in spans if a < _at(50) and b > _at(2)]
    together = put_together(zip(asked, answers, strict=True))
    assert [(each.start, each.end) for each in together] == expected
