"""Conformance: what is read is what ``project`` says of what was written."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import HealthCheck, given, settings

from syncd.core.fidelity import project
from syncd.core.model import (
    AllDay,
    Appointment,
    Attendee,
    Override,
    Recurrence,
    Timed,
    When,
)
from tests.conformance.world import World, held, identity, make, one, visit
from tests.strategies import appointments

TEXTS = {
    "chinese": "客户拜访：王先生（上海）",
    "emoji": "🚗💨 👩‍👩‍👧 e\u0301",
    "lines": "one\r\ntwo\rthree\nfour",
    "commas": 'a, b; c: "d" \\n \\, \\; \\\\ C:\\new',
    "folding": "漢" * 40 + "é" * 40 + " x" * 100,
    "markup": "<b>&amp;</b> ]]> %20 ${x} {{y}} ' OR 1=1; --",
    "properties": "BEGIN:VEVENT\nEND:VCALENDAR\nX-A;B=C:D",
    "blank": "a  b\n\n\nc",
    "long": "0123456789" * 1000,
}

TIMES: dict[str, When] = {
    "day": AllDay(date(2026, 5, 1), date(2026, 5, 2)),
    "days": AllDay(date(2026, 12, 31), date(2027, 1, 3)),
    "floating": Timed(datetime(2026, 5, 1, 9), datetime(2026, 5, 1, 10)),
    "shanghai": Timed(datetime(2026, 5, 1, 9), datetime(2026, 5, 1, 10), "Asia/Shanghai"),
    "utc": Timed(datetime(2026, 5, 1, 9), datetime(2026, 5, 1, 10), "UTC"),
    "berlin gap": Timed(datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, 4), "Europe/Berlin"),
    "berlin fold": Timed(
        datetime(2026, 10, 25, 2, 30, fold=1), datetime(2026, 10, 25, 3, 30), "Europe/Berlin"
    ),
    "berlin across": Timed(datetime(2026, 10, 24, 22), datetime(2026, 10, 25, 6), "Europe/Berlin"),
    "lord howe": Timed(
        datetime(2026, 4, 5, 1, 45, fold=1), datetime(2026, 4, 5, 3), "Australia/Lord_Howe"
    ),
    "kathmandu": Timed(datetime(2026, 5, 1, 9, 7, 31), datetime(2026, 5, 2), "Asia/Kathmandu"),
    "no length": Timed(datetime(2026, 5, 1, 9), datetime(2026, 5, 1, 9), "Asia/Shanghai"),
}


def _laws(world: World) -> settings:
    """Few examples, without a time limit each: every one is a round trip to a server.

    ``too_slow`` and ``data_too_large`` would count how long the strategies take, not the system.
    """
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=world.examples, deadline=None, suppress_health_check=slow, database=None
    )


class Translating:
    """Checks of reading and writing."""

    def test_what_is_read_is_what_was_written_as_projected(self, world: World) -> None:
        """Invariant 8; a connector declares in its fidelity whatever its system alters."""
        connector = world.connect()
        series = None if world.manifest.recurrence else False

        @_laws(world)
        @given(appointments(series))
        def law(content: Appointment) -> None:
            copy = make(connector, content)
            assert copy.reads == held(content, connector.fidelity)
            connector.delete(copy)

        law()

    def test_any_appointment_becomes_any_other(self, world: World) -> None:
        connector = world.connect()
        series = None if world.manifest.recurrence else False

        @_laws(world)
        @given(appointments(series), appointments(series))
        def law(content: Appointment, wanted: Appointment) -> None:
            copy = make(connector, content)
            target = held(wanted, connector.fidelity)
            connector.update(copy, target)
            after = one(connector, copy.key)
            assert after.reads == target
            assert after.marker == copy.marker
            connector.delete(after)

        law()

    def test_projecting_twice_changes_nothing(self, world: World) -> None:
        fidelity = world.connect().fidelity
        series = None if world.manifest.recurrence else False

        @_laws(world)
        @given(appointments(series))
        def law(content: Appointment) -> None:
            once = project(content, fidelity)
            assert project(once, fidelity) == once

        law()

    def test_a_stored_wire_form_reads_as_it_did(self, world: World) -> None:
        connector = world.connect()
        copy = make(connector, visit(), uid="u-1@example.com")
        again = world.connect().read(copy.key, copy.version, copy.wire)
        assert again.reads == copy.reads
        assert (again.key, again.version, again.wire) == (copy.key, copy.version, copy.wire)
        assert (again.uid, again.marker) == (copy.uid, copy.marker)

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
    def test_odd_text(self, world: World, text: str) -> None:
        connector = world.connect()
        plain = visit()
        line = " ".join(text.split())[:200]
        odd = replace(plain, title=line, location=line, description=_canonical(text))
        copy = make(connector, odd)
        assert copy.reads == held(odd, connector.fidelity)
        connector.update(copy, held(plain, connector.fidelity))
        copy = one(connector, copy.key)
        assert copy.reads == held(plain, connector.fidelity)
        connector.update(copy, held(odd, connector.fidelity))
        assert one(connector, copy.key).reads == held(odd, connector.fidelity)

    @pytest.mark.parametrize("when", TIMES.values(), ids=TIMES)
    def test_odd_times(self, world: World, when: When) -> None:
        connector = world.connect()
        copy = make(connector, replace(visit(), when=when))
        assert copy.reads == held(replace(visit(), when=when), connector.fidelity)
        for other in (visit(3).when, TIMES["day"], when):
            wanted = held(replace(visit(), when=other), connector.fidelity)
            connector.update(copy, wanted)
            copy = one(connector, copy.key)
            assert copy.reads == wanted

    def test_a_series_with_overrides_and_exceptions(self, world: World) -> None:
        if not world.manifest.recurrence:
            pytest.skip("the manifest declares no series")
        connector = world.connect()
        series = _series()
        copy = make(connector, series)
        assert copy.reads == held(series, connector.fidelity)
        moved = Override((("when", _at(2026, 3, 25, 15)), ("title", "verlegt")))
        own = (
            *series.overrides,
            ("20260323T090000", moved),
            ("20260406T090000", Override(deleted=True)),
        )
        for wanted in (
            replace(series, overrides=own),
            replace(series, overrides=own[1:], title="umbenannt"),
            replace(series, overrides=(), recurrence=None),
            series,
        ):
            connector.update(copy, held(wanted, connector.fidelity))
            copy = one(connector, copy.key)
            assert copy.reads == held(wanted, connector.fidelity)

    def test_a_series_is_one_copy(self, world: World) -> None:
        if not world.manifest.recurrence:
            pytest.skip("the manifest declares no series")
        connector = world.connect()
        connector.create(identity(), _series())
        assert world.person.count() == 1

    def test_an_attendee_s_answer_alone_changes(self, world: World) -> None:
        connector = world.connect()
        people = tuple(Attendee(f"p{number}@example.com", f"P{number}") for number in range(9))
        content = replace(visit(), attendees=people)
        copy = make(connector, content)
        fewer = held(replace(content, attendees=people[1:]), connector.fidelity)
        connector.update(copy, fewer)
        assert one(connector, copy.key).reads == fewer


def _canonical(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _at(year: int, month: int, day: int, hour: int) -> Timed:
    start = datetime(year, month, day, hour)
    return Timed(start, start.replace(hour=hour + 1), "Europe/Berlin")


def _series() -> Appointment:
    """A weekly series across the change to summer time, one occurrence moved, one cancelled."""
    own = (
        ("20260309T090000", Override((("when", _at(2026, 3, 10, 14)),))),
        ("20260316T090000", Override(deleted=True)),
        ("20260330T090000", Override((("location", "Halle 7, links"),))),
    )
    return Appointment(
        _at(2026, 3, 2, 9),
        title="Wartung 每周",
        recurrence=Recurrence(("FREQ=WEEKLY;COUNT=12;BYDAY=MO",)),
        overrides=own,
    )
