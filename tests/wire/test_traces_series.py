"""Series over real servers, with the CRM as rows: traces 36 to 40."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import recurring_ical_events
from icalendar import Calendar, Event

from tests.wire.proxy import Fault
from tests.wire.world import DAY, TITLE, World

BERLIN = ZoneInfo("Europe/Berlin")
FIRST = DAY.replace(hour=9, tzinfo=None)


def local(week: int = 0, hour: int = 9, *, days: int = 0) -> datetime:
    """A wall time in Berlin, so many weeks after the first occurrence."""
    wall = FIRST.replace(hour=hour) + timedelta(weeks=week, days=days)
    return wall.replace(tzinfo=BERLIN)


def add_weekly(world: World) -> None:
    """Six weekly visits at 09:00 in Berlin, made in cal."""
    world.add_event(
        "cal",
        "serie.ics",
        uid="serie@phone",
        dtstart=local(),
        dtend=local(hour=10),
        rrule={"FREQ": "WEEKLY", "COUNT": 6},
    )


@pytest.fixture
def weekly(make: Callable[..., World]) -> World:
    """Six weekly visits at 09:00 in Berlin, made in cal; rows in the CRM; settled."""
    world = make("cal", "cal2")
    world.sync()
    add_weekly(world)
    world.converge()
    assert world.counts() == {"crm": 6, "cal": 1, "cal2": 1}
    return world


def starts(world: World) -> list[datetime]:
    """The CRM's times, in Berlin, without a zone."""
    found = [row["starts_at"].replace(tzinfo=UTC).astimezone(BERLIN) for row in world.rows()]
    return sorted(each.replace(tzinfo=None) for each in found)


def in_order(world: World) -> list[dict[str, Any]]:
    """The rows by time."""
    return sorted(world.rows(), key=lambda row: row["starts_at"])


def occurrence(week: int, **values: object) -> Event:
    """An override of one occurrence, as a client writes it."""
    event = Event()
    usual = {
        "uid": "serie@phone",
        "summary": TITLE,
        "recurrence-id": local(week),
        "dtstart": local(week),
        "dtend": local(week, 10),
    }
    for key, value in {**usual, **values}.items():
        event.add(key, value)
    event.add("dtstamp", datetime.now(UTC))
    return event


def naive(*moments: datetime) -> list[datetime]:
    """Wall times without their zone."""
    return [each.replace(tzinfo=None) for each in moments]


def test_trace_36_one_occurrence_moved_the_series_renamed(weekly: World) -> None:
    """One calendar moves the third visit, the other renames all: both hold everywhere."""
    moved = occurrence(2, dtstart=local(2, 15), dtend=local(2, 16))
    weekly.rewrite("cal", lambda events: events.append(moved))
    weekly.edit("cal2", summary="每周例会")
    weekly.converge()
    assert weekly.counts() == {"crm": 6, "cal": 1, "cal2": 1}
    expected = [local(week) for week in (0, 1, 3, 4, 5)] + [local(2, 15)]
    assert starts(weekly) == sorted(naive(*expected))
    assert {row["subject"] for row in weekly.rows()} == {"每周例会"}
    for desk in weekly.desks.values():
        (body,) = desk.items().values()
        assert body.count("BEGIN:VEVENT") == 2
        assert "每周例会" in body
        assert TITLE[:2] not in body


def test_trace_37_a_deleted_row_is_an_exception(weekly: World) -> None:
    """The fourth row is deleted in the CRM: an exception in both calendars, five rows stay."""
    fourth = in_order(weekly)[3]
    weekly.change(fourth["id"], deleted_at=datetime.now(UTC).replace(tzinfo=None))
    weekly.converge()
    assert starts(weekly) == naive(*(local(week) for week in (0, 1, 2, 4, 5)))
    for desk in weekly.desks.values():
        (event,) = desk.events().values()
        assert "EXDATE" in event
        assert str(event.get("STATUS", "")) != "CANCELLED"


def test_trace_37_an_exception_made_in_a_calendar_takes_the_row_away(weekly: World) -> None:
    """The other way round."""
    weekly.rewrite("cal", lambda events: events[0].add("exdate", local(3)))
    weekly.converge()
    states = {row["starts_at"]: row["state"] for row in weekly.rows()}
    gone = local(3).astimezone(UTC).replace(tzinfo=None)
    assert states.get(gone, "cancelled") == "cancelled"
    assert len([state for state in states.values() if state != "cancelled"]) == 5


def test_trace_38_this_and_all_following_moved_to_another_weekday(weekly: World) -> None:
    """From the fourth visit on a day later. The rows keep their numbers and the outcome that was
    written."""
    before = {row["id"]: row for row in weekly.rows()}
    third, fifth = (in_order(weekly)[index]["id"] for index in (2, 4))
    weekly.change(third, state="done")
    weekly.change(fifth, state="done")
    weekly.converge()
    split_at_the_fourth(weekly)
    weekly.converge()
    after = {row["id"]: row for row in weekly.rows()}
    assert after.keys() == before.keys()
    expected = [local(0), local(1), local(2), *(local(week, days=1) for week in (3, 4, 5))]
    assert starts(weekly) == naive(*expected)
    assert after[third]["state"] == "done"
    assert after[fifth]["state"] == "done"
    assert weekly.counts() == {"crm": 6, "cal": 2, "cal2": 2}


def test_trace_38_a_split_that_a_stale_write_comes_upon(weekly: World) -> None:
    """Between our look and our write somebody splits the series: the write is stale, and what is
    fetched then is the series cut short alone. The rest is looked for before anything is
    settled, so that the later rows keep their numbers and the outcome."""
    before = {row["id"]: row for row in weekly.rows()}
    fifth = in_order(weekly)[4]["id"]
    weekly.change(fifth, state="done", subject="付款")
    fault = weekly.doors["cal"].fail(Fault("REPORT", then=lambda: split_at_the_fourth(weekly)))
    weekly.converge()
    assert not fault.times
    after = {row["id"]: row for row in weekly.rows()}
    assert after.keys() == before.keys()
    assert after[fifth]["state"] == "done"
    assert weekly.counts() == {"crm": 6, "cal": 2, "cal2": 2}


def split_at_the_fourth(weekly: World, days: int = 1) -> None:
    """This and all following so many days later, as clients do it: the series is cut and a new
    one begins."""
    cut = local(3) - timedelta(seconds=1)

    def shorten(events: list[Event]) -> None:
        events[0].pop("RRULE")
        events[0].add("rrule", {"FREQ": "WEEKLY", "UNTIL": cut.astimezone(UTC)})
        events[:] = [e for e in events if "RECURRENCE-ID" not in e or _before(e, cut)]

    weekly.rewrite("cal", shorten)
    weekly.add_event(
        "cal",
        "folge.ics",
        uid="folge@phone",
        dtstart=local(3, days=days),
        dtend=local(3, 10, days=days),
        rrule={"FREQ": "WEEKLY", "COUNT": 3},
    )


def _before(event: Event, cut: datetime) -> bool:
    return bool(event["RECURRENCE-ID"].dt < cut)


def test_trace_39_nine_o_clock_in_berlin_across_the_change_of_the_clocks(
    make: Callable[..., World],
) -> None:
    """Forty weeks cross at least one change of the clocks: 09:00 local in every row."""
    world = make("cal", "cal2")
    world.sync()
    world.add_event(
        "cal",
        "serie.ics",
        dtstart=local(),
        dtend=local(hour=10),
        rrule={"FREQ": "WEEKLY", "COUNT": 40},
    )
    world.converge()
    assert len(world.rows()) == 40
    assert {each.hour for each in starts(world)} == {9}
    assert {row["starts_at"].hour for row in world.rows()} == {7, 8}


def test_trace_40_the_horizon_moves_on_day_by_day(make: Callable[..., World]) -> None:
    """A daily series without end: each day one row more at the far end, nothing is deleted."""
    world = make("cal")
    world.office.configure(rules=world.rules)
    text = world.office.config.read_text("utf-8")
    short = '[daemon]\nwindow = { past = "30d", future = "14d" }'
    world.office.config.write_text(text.replace("[daemon]", short), "utf-8")
    world.restart()
    world.sync()
    world.add_event("cal", "t.ics", dtstart=local(), dtend=local(hour=10), rrule={"FREQ": "DAILY"})
    world.converge()
    first = {row["id"] for row in world.rows()}
    for day in range(1, 4):
        world.later(days=1)
        world.converge()
        assert len(world.rows()) == len(first) + day
    assert first <= {row["id"] for row in world.rows()}


@pytest.mark.parametrize("rule", [{"FREQ": "WEEKLY", "COUNT": 6}, {"FREQ": "WEEKLY"}])
def test_one_of_a_cancelled_series_takes_place_after_all(
    make: Callable[..., World], rule: dict[str, object]
) -> None:
    """Deleted in a calendar, so that every row is cancelled; then the third is set back in the CRM.
    Both calendars have that one, and nothing else."""
    world = make("cal", "cal2")
    world.sync()
    world.add_event(
        "cal",
        "serie.ics",
        summary="例会 Jour fixe",
        dtstart=local(),
        dtend=local(hour=10),
        rrule=rule,
    )
    world.converge()
    rows = in_order(world)
    world.configure(extra='limits = { deletes = "100%" }')
    world.delete("cal2")
    world.converge()
    assert {row["state"] for row in world.rows()} == {"cancelled"}
    assert (world.counts()["cal"], world.counts()["cal2"]) == (0, 0)
    world.change(rows[2]["id"], state="confirmed")
    world.converge()
    states = {row["id"]: row["state"] for row in world.rows()}
    assert states == {r["id"]: "confirmed" if r is rows[2] else "cancelled" for r in rows}
    for desk in world.desks.values():
        (body,) = desk.items().values()
        shown = recurring_ical_events.of(Calendar.from_ical(body)).between(
            DAY - timedelta(days=400), DAY + timedelta(days=4000)
        )
        assert [(str(e["SUMMARY"]), e["DTSTART"].dt) for e in shown] == [
            ("例会 Jour fixe", local(2))
        ]
