"""Merging, over real servers: traces 1 to 8."""

from __future__ import annotations

from collections.abc import Callable

from icalendar import vCalAddress

from syncd.core.state import Kind
from tests.wire.proxy import Fault
from tests.wire.world import DAY, PLACE, RANKED, TITLE, World, at, utc, written

AUTHORITY = """
[[rule]]
fields = ["title"]
authority = ["role:crm"]
"""
CALENDAR_FIRST = RANKED.replace('"role:crm", "role:calendar"', '"role:calendar", "role:crm"')


def test_trace_01_three_fields_from_three_channels(world: World) -> None:
    """Invariant 2: the place, the time and the title come from three systems, all hold."""
    world.change(place="上海市 徐汇区")
    world.edit("cal", dtstart=utc(14))
    world.edit("cal2", summary="Neuer Titel 🌍")
    world.converge()
    assert world.everywhere("place") == {"上海市 徐汇区"}
    assert world.everywhere("start") == {at(14)}
    assert world.everywhere("title") == {"Neuer Titel 🌍"}
    assert world.records(Kind.CONFLICT, Kind.PUT_BACK) == []


def test_trace_02_two_titles_conflict_once(world: World) -> None:
    """The CRM's title everywhere; both values are on record, once."""
    world.change(subject="从CRM来")
    world.edit("cal", summary="aus dem Kalender")
    result = world.converge()
    assert world.everywhere("title") == {"从CRM来"}
    (conflict,) = world.records(Kind.CONFLICT)
    assert set(conflict.claims) == {("crm", "从CRM来"), ("cal", "aus dem Kalender")}
    assert (conflict.winner, conflict.before) == ("crm", TITLE)
    assert conflict.rule.endswith("own.toml:2")
    assert {c.name: c.conflicts for c in result.channels} == {"crm": 0, "cal": 1, "cal2": 0}


def test_trace_04_authority_puts_back_once_and_keeps_the_rest(make: Callable[..., World]) -> None:
    """The title goes back, the time of the same edit stays."""
    world = make("cal", "cal2", rules=AUTHORITY + RANKED)
    world.add_visit()
    world.converge()
    world.edit("cal", summary="eigenmächtig", dtstart=utc(12))
    result = world.converge()
    assert world.everywhere("title") == {TITLE}
    assert world.everywhere("start") == {at(12)}
    (back,) = world.records(Kind.PUT_BACK)
    assert back.claims == (("cal", "eigenmächtig"),)
    assert {c.name: written(c) for c in result.channels} == {"crm": 1, "cal": 1, "cal2": 1}


def _outage(world: World) -> None:
    world.doors["cal"].fail(Fault(status=503, times=1000))
    world.edit("cal", dtstart=utc(12))
    world.change(starts_at=at(11))
    world.cycle()
    assert world.event("cal2")["DTSTART"].dt == utc(11)
    world.doors["cal"].mend()
    world.later(minutes=11)


def test_trace_05_an_edit_made_during_an_outage_meets_the_rules(world: World) -> None:
    """12:00 set in a calendar that was down contests the 11:00 that was agreed meanwhile."""
    _outage(world)
    world.converge()
    assert world.everywhere("start") == {at(11)}
    (conflict,) = world.records(Kind.CONFLICT)
    assert conflict.winner == "crm"
    assert {channel for channel, _ in conflict.claims} == {"crm", "cal"}


def test_trace_05_the_other_ranking_takes_the_calendars_time(make: Callable[..., World]) -> None:
    """As above, the calendar ranked first."""
    world = make("cal", "cal2", rules=CALENDAR_FIRST)
    world.add_visit()
    world.converge()
    _outage(world)
    world.converge()
    assert world.everywhere("start") == {at(12)}
    assert [record.winner for record in world.records(Kind.CONFLICT)] == ["cal"]


def test_trace_06_a_put_back_that_failed_is_still_owed(make: Callable[..., World]) -> None:
    """The write that puts a title back meets a 503; the next cycle makes it."""
    world = make("cal", rules=AUTHORITY + RANKED)
    world.add_visit()
    world.converge()
    world.edit("cal", summary="eigenmächtig")
    world.doors["cal"].fail(Fault("PUT", status=503))
    result = world.cycle()
    assert result.state == "failed"
    assert str(world.event("cal")["SUMMARY"]) == "eigenmächtig"
    world.later(minutes=1)
    world.converge()
    assert str(world.event("cal")["SUMMARY"]) == TITLE
    assert len(world.records(Kind.PUT_BACK)) == 1


def test_trace_07_the_winner_stays_the_winner_when_the_write_fails(world: World) -> None:
    """The loser could not be written for two cycles; its value wins in none of them."""
    world.change(subject="vom CRM")
    world.edit("cal", summary="vom Kalender")
    world.doors["cal"].fail(Fault("PUT", status=503, times=2))
    for _ in range(2):
        world.cycle()
        assert world.row()["subject"] == "vom CRM"
        assert str(world.event("cal")["SUMMARY"]) == "vom Kalender"
        world.later(minutes=5)
    world.converge()
    assert world.everywhere("title") == {"vom CRM"}
    assert len(world.records(Kind.CONFLICT)) == 1


def _people(event: object) -> dict[str, str]:
    found = event.get("ATTENDEE", [])  # type: ignore[attr-defined]  # a VEVENT
    lines = found if isinstance(found, list) else [found]
    return {str(each).removeprefix("mailto:"): each.params.get("PARTSTAT", "") for each in lines}


def _person(address: str, answer: str = "NEEDS-ACTION") -> vCalAddress:
    found = vCalAddress(f"mailto:{address}")
    found.params["PARTSTAT"] = answer
    return found


def test_trace_08_attendees_merge_one_by_one(make: Callable[..., World]) -> None:
    """One calendar adds Wang, one removes Li, one changes Zhao's answer: all three hold."""
    invite = {name: {"invite": True} for name in ("cal", "cal2", "cal3")}
    world = make("cal", "cal2", "cal3", settings=invite)
    li, zhao, wang = "li@example.com", "zhao@example.com", "wang@example.com"
    world.add_event(
        "cal",
        "meeting.ics",
        organizer=vCalAddress("mailto:boss@example.com"),
        attendee=[_person(li), _person(zhao)],
    )
    world.converge()
    assert all(set(_people(world.event(name))) == {li, zhao} for name in world.desks)
    world.edit("cal", attendee=[_person(li), _person(zhao), _person(wang)])
    world.edit("cal2", attendee=[_person(zhao)])
    world.edit("cal3", attendee=[_person(li), _person(zhao, "ACCEPTED")])
    world.converge()
    for name in world.desks:
        assert set(_people(world.event(name))) == {zhao, wang}
        assert _people(world.event(name))[zhao] == "ACCEPTED"
    assert world.records(Kind.CONFLICT) == []


def test_the_day_of_the_traces_is_in_the_future() -> None:
    """What these tests rest on: visits that have not ended."""
    assert utc(8) > DAY
    assert PLACE
