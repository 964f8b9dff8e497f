"""Conformance: when a collection is taken, for connectors whose systems tell it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from syncd.connector import TellsBusy, Window
from syncd.core.model import (
    AllDay,
    Appointment,
    Attendee,
    Busy,
    Override,
    Person,
    Recurrence,
    Response,
    Timed,
)
from syncd.core.taken import Taken
from syncd.core.zones import to_utc
from syncd.errors import Unauthorized
from tests.conformance.world import WINDOW, World, held, look, make, one, visit

_HOURS = timedelta(hours=14)
"""No zone is farther from UTC."""

Span = tuple[datetime, datetime]


def _span(content: Appointment) -> Span:
    when = content.when
    assert isinstance(when, Timed)
    return to_utc(when.start, when.zone), to_utc(when.end, when.zone)


def _united(taken: Iterable[Taken]) -> list[Span]:
    """What is taken, whether told booking by booking or joined."""
    found: list[Span] = []
    for each in sorted(taken):
        if found and each.start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], each.end)
        else:
            found.append((each.start, each.end))
    return found


def _hour(day: int, hour: int, *, hours: int = 1, month: int = 3) -> Timed:
    start = datetime(2026, month, day, hour)
    return Timed(start, start + timedelta(hours=hours), "Asia/Shanghai")


class LookingUp:
    """Checks of free/busy look-ups."""

    @pytest.fixture
    def asked(self, world: World) -> TellsBusy:
        connector = world.connect()
        assert isinstance(connector, TellsBusy) == world.manifest.free_busy
        if not isinstance(connector, TellsBusy):
            pytest.skip("the manifest declares no free_busy")
        return connector

    def test_an_empty_collection_is_never_taken(self, asked: TellsBusy) -> None:
        assert asked.busy(WINDOW) == ()

    def test_what_stands_in_it_takes_time(self, world: World, asked: TellsBusy) -> None:
        connector = world.connect()
        contents = [visit(number) for number in range(3)]
        for content in contents:
            make(connector, content)
        when = visit(9).when
        assert isinstance(when, Timed)
        key = world.person.put("生日 birthday", when)
        expected = [_span(each) for each in [*contents, visit(9)]]
        taken = asked.busy(WINDOW)
        assert _united(taken) == expected
        assert all(each.kind is Busy.BUSY for each in taken)
        assert all(each.start.tzinfo is UTC or not each.start.utcoffset() for each in taken)
        world.person.delete(key)
        assert _united(asked.busy(WINDOW)) == expected[:3]

    def test_what_is_free_takes_none(self, world: World, asked: TellsBusy) -> None:
        connector = world.connect()
        make(connector, replace(visit(0), busy=Busy.FREE))
        copy = make(connector, visit(1))
        connector.update(copy, held(replace(copy.reads, busy=Busy.FREE), connector.fidelity))
        make(connector, visit(2))
        assert _united(asked.busy(WINDOW)) == [_span(visit(2))]

    def test_bookings_that_meet_or_overlap(self, world: World, asked: TellsBusy) -> None:
        """Told one by one or as one: the same hours are taken."""
        connector = world.connect()
        for when in (_hour(2, 9, hours=2), _hour(2, 10, hours=2), _hour(2, 12), _hour(2, 15)):
            make(connector, replace(visit(), when=when))
        first, last = _hour(2, 9, hours=4), _hour(2, 15)
        assert _united(asked.busy(WINDOW)) == [
            _span(replace(visit(), when=when)) for when in (first, last)
        ]

    def test_each_occurrence_takes_its_own_time(self, world: World, asked: TellsBusy) -> None:
        if not world.manifest.recurrence:
            pytest.skip("the manifest declares no recurrence")
        connector = world.connect()
        series = Appointment(
            _hour(2, 9),
            title="例会 weekly",
            recurrence=Recurrence(("FREQ=WEEKLY;COUNT=4;BYDAY=MO",)),
        )
        copy = make(connector, series)
        expected = [_span(replace(visit(), when=_hour(day, 9))) for day in (2, 9, 16, 23)]
        assert _united(asked.busy(WINDOW)) == expected
        own = (
            ("20260309T090000", Override(deleted=True)),
            ("20260316T090000", Override((("when", _hour(17, 14)),))),
            ("20260323T090000", Override((("busy", Busy.FREE),))),
        )
        connector.update(copy, held(replace(copy.reads, overrides=own), connector.fidelity))
        expected = [_span(replace(visit(), when=when)) for when in (_hour(2, 9), _hour(17, 14))]
        assert _united(asked.busy(WINDOW)) == expected

    def test_a_whole_day_is_taken_from_midnight_somewhere(
        self, world: World, asked: TellsBusy
    ) -> None:
        """In which zone a day without one begins, each system decides."""
        content = replace(visit(), when=AllDay(date(2026, 3, 10), date(2026, 3, 12)))
        make(world.connect(), content)
        (span,) = _united(asked.busy(WINDOW))
        assert span[1] - span[0] == timedelta(days=2)
        assert abs(span[0] - datetime(2026, 3, 10, tzinfo=UTC)) <= _HOURS

    def test_only_the_span_is_told(self, world: World, asked: TellsBusy) -> None:
        connector = world.connect()
        for number in range(4):
            make(connector, visit(number))
        spans = [_span(visit(number)) for number in range(4)]
        half = timedelta(minutes=30)
        span = Window(spans[1][0] + half, spans[2][0] + half)
        assert _united(asked.busy(span)) == [
            (spans[1][0] + half, spans[1][1]),
            (spans[2][0], spans[2][0] + half),
        ]
        between = Window(spans[1][1], spans[2][0])
        assert asked.busy(between) == ()

    def test_a_long_span_is_answered_whole(self, world: World, asked: TellsBusy) -> None:
        """However many days the system answers for at a time; what lasts longer is told once."""
        connector = world.connect()
        start = datetime(2026, 2, 1, 9)
        long = Timed(start, start + timedelta(days=150), "Asia/Shanghai")
        whens = [
            _hour(15, 10, month=1),
            long,
            *(_hour(20, 9, month=month) for month in (8, 10, 12)),
        ]
        for when in whens:
            make(connector, replace(visit(), when=when))
        taken = asked.busy(WINDOW)
        assert _united(taken) == [_span(replace(visit(), when=when)) for when in whens]
        assert len(taken) == len(whens)

    def test_a_guest_who_was_asked_is_no_obstacle(self, world: World, asked: TellsBusy) -> None:
        """What a copy says of its people changes nothing about its time."""
        guest = Attendee("wang@customer.example", "王先生", response=Response.DECLINED)
        content = replace(
            visit(), attendees=(guest,), organizer=Person("alice@example.com", "Alice")
        )
        make(world.connect(), content)
        assert _united(asked.busy(WINDOW)) == [_span(content)]

    def test_looking_up_changes_nothing(self, world: World, asked: TellsBusy) -> None:
        connector = world.connect()
        keys = [make(connector, visit(number)).key for number in range(3)]
        before = look(connector)
        copies = [one(connector, key) for key in keys]
        for _ in range(2):
            asked.busy(WINDOW)
        if world.manifest.cursors:
            assert not look(connector, before).copies
        assert [one(connector, key) for key in keys] == copies
        assert world.person.count() == len(copies)
        assert world.person.mails() == 0

    def test_a_stranger_is_told_nothing(self, world: World, asked: TellsBusy) -> None:
        if world.intruder is None:
            pytest.skip("there are no passwords here")
        intruder = world.intruder()
        assert isinstance(intruder, TellsBusy)
        with pytest.raises(Unauthorized) as refused:
            intruder.busy(WINDOW)
        assert world.secret not in str(refused.value)
