"""Own writes over real servers: traces 10, 11, 12, 14 and 35; with a process that is killed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from syncd.core.state import Kind
from tests.wire.proxy import Fault
from tests.wire.world import RANKED, TITLE, World, at, utc, written

CALENDAR_FIRST = RANKED.replace('"role:crm", "role:calendar"', '"role:calendar", "role:crm"')
EITHER = pytest.mark.parametrize("rules", [RANKED, CALENDAR_FIRST], ids=["crm", "cal"])


def _killed_after_accepted(world: World, method: str = "PUT") -> None:
    """A real syncd process is killed when the server has taken its write, before the answer."""
    accepted = threading.Event()
    killed = threading.Event()

    def wait() -> None:
        accepted.set()
        killed.wait(60)

    world.close()
    world.doors["cal"].fail(Fault(method, has=".ics", lost=True, then=wait))
    process = world.office.start("sync")
    try:
        assert accepted.wait(60)
    finally:
        process.kill()
        process.wait()
        killed.set()
    world.doors["cal"].mend()
    world.open()


@EITHER
def test_trace_10_killed_after_the_server_accepted(make: Callable[..., World], rules: str) -> None:
    """Invariant 10: 11:00 in the calendar is our own, so the source's 12:00 goes everywhere."""
    world = make("cal", "cal2", rules=rules)
    world.add_visit()
    world.converge()
    world.change(starts_at=at(11))
    _killed_after_accepted(world)
    assert world.event("cal")["DTSTART"].dt == utc(11)
    world.change(starts_at=at(12))
    world.converge()
    assert world.everywhere("start") == {at(12)}
    assert world.records(Kind.CONFLICT) == []


def test_trace_11_an_edit_between_our_write_and_our_read(world: World) -> None:
    """Invariant 2: a person renames the copy right after our PUT, and moves it as well."""
    world.change(place="苏州")
    fault = Fault("PUT", then=lambda: world.edit("cal", summary="接着改的", dtstart=utc(15)))
    world.doors["cal"].fail(fault)
    world.converge()
    assert fault.times == 0
    assert world.everywhere("title") == {"接着改的"}
    assert world.everywhere("start") == {at(15)}
    assert world.everywhere("place") == {"苏州"}


def test_trace_11_an_edit_of_the_very_field_we_wrote(world: World) -> None:
    """The person overwrites our 11:00 with 12:00 before anybody has read it."""
    world.change(starts_at=at(11))
    world.doors["cal"].fail(Fault("PUT", then=lambda: world.edit("cal", dtstart=utc(12))))
    world.converge()
    assert world.everywhere("start") == {at(12)}


def test_trace_12_servers_that_rewrite_the_body(world: World) -> None:
    """Both servers keep bodies of their own making: one write each, the CRM keeps its blanks."""
    notes = '  vorn und hinten  \n\n带上样品；\\n "Angebot", 100 % \n'
    world.change(notes=notes, subject="Titel mit  zwei Leerzeichen ")
    result = world.converge()
    assert {c.name: written(c) for c in result.channels} == {"crm": 0, "cal": 1, "cal2": 1}
    row = world.row()
    assert (row["notes"], row["subject"]) == (notes, "Titel mit  zwei Leerzeichen ")


@EITHER
def test_trace_14_our_own_value_met_as_stale(make: Callable[..., World], rules: str) -> None:
    """11:00 is there and unrecorded; the listing does not show it; 12:00 meets ``Stale``."""
    world = make("cal", "cal2", rules=rules)
    world.add_visit()
    world.converge()
    world.change(starts_at=at(11))
    _killed_after_accepted(world)
    world.change(starts_at=at(12))
    listing = world.doors["cal"].fail(Fault("REPORT", has="sync-collection", lagging=True))
    world.cycle()
    assert listing.times == 0
    world.converge()
    assert world.everywhere("start") == {at(12)}
    assert world.records(Kind.CONFLICT) == []


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "timed out"])
def test_trace_35_a_create_without_an_answer_makes_one_copy(
    make: Callable[..., World], killed: bool
) -> None:
    """Invariant 3: the server stored it, nobody knows; there is one copy in the end."""
    world = make("cal", "cal2")
    world.sync()
    world.add_visit()
    if killed:
        _killed_after_accepted(world)
    else:
        world.doors["cal"].fail(Fault("PUT", lost=True, times=2))
        world.cycle()
    assert world.counts()["cal"] == 1
    world.later(minutes=1)
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 1, "cal2": 1}
    assert world.everywhere("title") == {TITLE}


def test_trace_35_a_lost_answer_to_a_new_row(make: Callable[..., World]) -> None:
    """Born in a calendar: the CRM has one record, whatever happens to the calendar's answers."""
    world = make("cal", "cal2")
    world.sync()
    world.add_event("cal", "neu.ics")
    world.doors["cal2"].fail(Fault("PUT", lost=True, times=2))
    world.cycle()
    world.later(minutes=1)
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 1, "cal2": 1}
