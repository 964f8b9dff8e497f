"""Series: what people do to their occurrences in Outlook, and what we write to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from connectors.microsoft365.fake import FakeGraph
from syncd.connector import Snapshot
from syncd.core.model import Appointment, Attendee, Override, Recurrence, Timed
from syncd.core.state import Copy
from syncd.errors import Stale
from tests.conformance.world import look, make, one, visit
from tests.microsoft365.connecting import connect, key_of, outlook

PATTERN = {
    "pattern": {
        "type": "weekly",
        "interval": 1,
        "daysOfWeek": ["monday"],
        "firstDayOfWeek": "sunday",
    },
    "range": {
        "type": "numbered",
        "startDate": "2026-03-02",
        "numberOfOccurrences": 8,
        "recurrenceTimeZone": "W. Europe Standard Time",
    },
}
NINE = datetime(2026, 3, 2, 9)


def _weekly(*own: tuple[str, Override]) -> Appointment:
    when = Timed(NINE, NINE.replace(hour=10), "Europe/Berlin")
    rule = Recurrence(("FREQ=WEEKLY;COUNT=8;BYDAY=MO",))
    return replace(visit(), when=when, recurrence=rule, overrides=own)


def _only(snapshot: Snapshot) -> Copy:
    (copy,) = snapshot.copies
    return copy


def test_a_person_s_series_is_one_copy(graph: FakeGraph) -> None:
    """Masters and exceptions in one; across the change to summer time."""
    person, connector = outlook(graph), connect(graph)
    event = person.put(
        "例会", NINE, NINE.replace(hour=10), "W. Europe Standard Time", recurrence=PATTERN
    )
    person.delete(event, date(2026, 3, 16))
    person.edit_occurrence(event, date(2026, 4, 6), subject="Verlegt")
    copy = _only(look(connector))
    assert copy.key == key_of(event.number)
    assert copy.reads.when == Timed(NINE, NINE.replace(hour=10), "Europe/Berlin")
    assert copy.reads.recurrence == Recurrence(("FREQ=WEEKLY;COUNT=8;BYDAY=MO",))
    assert copy.reads.overrides == (
        ("20260316T090000", Override(deleted=True)),
        ("20260406T090000", Override((("title", "Verlegt"),))),
    )


@pytest.mark.parametrize("silent", [False, True], ids=["masters", "no masters"])
def test_what_people_do_to_occurrences_is_seen(graph: FakeGraph, silent: bool) -> None:
    """A deleted occurrence leaves no tombstone, and delta may not show the master."""
    person, connector = outlook(graph), connect(graph)
    graph.service.deltas[person.mailbox.address].silent_masters = silent
    make(connector, _weekly())
    (event,) = person.events
    before = look(connector)
    person.delete(event, date(2026, 3, 16))
    second = look(connector, before)
    assert _only(second).reads.overrides == (("20260316T090000", Override(deleted=True)),)
    start = {"dateTime": "2026-03-24T15:00:00", "timeZone": "W. Europe Standard Time"}
    end = {"dateTime": "2026-03-24T16:00:00", "timeZone": "W. Europe Standard Time"}
    person.edit_occurrence(event, date(2026, 3, 23), start=start, end=end)
    moved = Timed(datetime(2026, 3, 24, 15), datetime(2026, 3, 24, 16), "Europe/Berlin")
    assert _only(look(connector, second)).reads.override("20260323T090000") == Override(
        (("when", moved),)
    )


def test_a_series_that_is_gone_is_gone(graph: FakeGraph) -> None:
    person, connector = outlook(graph), connect(graph)
    copy = make(connector, _weekly())
    first = look(connector)
    person.delete(person.events[0])
    assert look(connector, first).gone == {copy.key}


def test_a_changed_master_keeps_what_occurrences_have(graph: FakeGraph) -> None:
    connector = connect(graph)
    own = (
        ("20260309T090000", Override((("title", "eigener"),))),
        ("20260316T090000", Override(deleted=True)),
    )
    copy = make(connector, _weekly(*own))
    wanted = replace(_weekly(*own), location="Neuer Ort", description="Zeile 1\nZeile 2")
    connector.update(copy, wanted)
    assert one(connector, copy.key).reads == wanted


def test_an_occurrence_is_written_alone(graph: FakeGraph) -> None:
    """The master is not touched: no time, no rule."""
    connector = connect(graph)
    copy = make(connector, _weekly())
    before = len(graph.asked)
    wanted = _weekly(("20260309T090000", Override((("location", "Halle 7"),))))
    connector.update(copy, wanted)
    patched = [each for each in graph.asked[before:] if each.method == "PATCH"]
    assert [set(each.body) for each in patched] == [{"location"}]
    assert one(connector, copy.key).reads == wanted


def test_an_occurrence_is_guarded_by_its_series(graph: FakeGraph) -> None:
    """Invariant 2."""
    person, connector = outlook(graph), connect(graph)
    copy = make(connector, _weekly())
    person.edit_occurrence(person.events[0], date(2026, 3, 9), subject="Von Hand")
    with pytest.raises(Stale):
        connector.update(copy, _weekly(("20260309T090000", Override((("title", "Von uns"),)))))
    assert one(connector, copy.key).reads.override("20260309T090000") == Override(
        (("title", "Von Hand"),)
    )


def test_what_only_is_carried_makes_no_exception(graph: FakeGraph) -> None:
    """Of another customer at one occurrence Graph knows nothing, and nobody is mailed."""
    connector = connect(graph)
    li = Attendee("li@kunde.example", "李四")
    own = ("20260309T090000", Override((("attendees", (li,)),)))
    copy = make(connector, _weekly(own))
    assert copy.reads == _weekly(own)
    (event,) = outlook(graph).events
    assert not event.exceptions
    connector.update(copy, _weekly())
    assert one(connector, copy.key).reads == _weekly()


def test_a_deleted_occurrence_comes_back(graph: FakeGraph) -> None:
    """Exchange has no way but to set the rule anew; what other occurrences have is set, too."""
    connector = connect(graph)
    kept = ("20260323T090000", Override((("title", "bleibt"),)))
    copy = make(connector, _weekly(("20260309T090000", Override(deleted=True)), kept))
    connector.update(copy, _weekly(kept))
    assert one(connector, copy.key).reads == _weekly(kept)


def test_a_series_of_another_program_keeps_its_unknown_zone_s_instants(graph: FakeGraph) -> None:
    person, connector = outlook(graph), connect(graph)
    event = person.put("alt", NINE, NINE.replace(hour=10), "UTC")
    event.spoiled = {"originalStartTimeZone": "tzone://Microsoft/Custom"}
    assert _only(look(connector)).reads.when == Timed(NINE, NINE.replace(hour=10), "UTC")
