"""Existence over real servers: traces 20 to 22, 24 to 29."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from icalendar import vCalAddress

from syncd.core.state import Kind
from tests.wire.proxy import Fault
from tests.wire.world import TITLE, World, at, utc, written


def test_trace_20_a_deleted_coming_visit_is_cancelled(world: World) -> None:
    """The CRM keeps its record as cancelled, the other calendar's copy goes."""
    world.delete("cal")
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 0, "cal2": 0}
    assert world.row()["state"] == "cancelled"
    world.change(state="confirmed")
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 1, "cal2": 1}


def test_trace_20_a_channel_that_marks_keeps_its_copy(make: Callable[..., World]) -> None:
    """The other calendar is configured to mark what was cancelled."""
    world = make("cal", "cal2", settings={"cal2": {"cancelled": "mark"}})
    world.add_visit()
    world.converge()
    world.delete("cal")
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 0, "cal2": 1}
    assert str(world.event("cal2")["STATUS"]) == "CANCELLED"


def test_trace_21_what_has_ended_is_not_cancelled_by_a_calendar(
    make: Callable[..., World],
) -> None:
    """Invariant 4: a retention policy purges last month's visits; only those copies go."""
    world = make("cal", "cal2")
    for day in range(5):
        world.add_visit(starts_at=at(8, day=-10 - day), ends_at=at(9, day=-10 - day))
    world.converge()
    for path in world.desks["cal"].items():
        world.delete("cal", path)
    world.converge()
    assert world.counts() == {"crm": 5, "cal": 0, "cal2": 5}
    assert {row["state"] for row in world.rows()} == {"confirmed"}


def test_trace_22_deleted_and_moved_the_edit_wins(world: World) -> None:
    """One deletes, one moves, in one cycle: the copy comes back at the new time, recorded."""
    world.delete("cal")
    world.change(starts_at=at(12))
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 1, "cal2": 1}
    assert world.everywhere("start") == {at(12)}
    assert world.row()["state"] == "confirmed"
    assert len(world.records(Kind.CONFLICT)) == 1


def test_trace_23_cancelled_and_moved(world: World) -> None:
    """Cancelling meets a move like a deletion: it stays, at the new time."""
    world.change(state="cancelled")
    world.edit("cal", dtstart=utc(12))
    world.converge()
    assert world.everywhere("start") == {at(12)}
    assert world.row()["state"] == "confirmed"
    assert len(world.records(Kind.CONFLICT)) == 1


def test_trace_24_a_deletion_stays_owed_where_it_failed(make: Callable[..., World]) -> None:
    """Deleted in the CRM; a calendar does not take it for two cycles: nothing comes back."""
    world = make("cal", "cal2", "cal3")
    world.add_visit()
    world.converge()
    world.doors["cal3"].fail(Fault("DELETE", status=503, times=1000))
    world.change(deleted_at=datetime.now(UTC).replace(tzinfo=None))
    for _ in range(2):
        assert world.cycle().state == "failed"
        assert world.counts() == {"crm": 0, "cal": 0, "cal2": 0, "cal3": 1}
        world.later(minutes=5)
    world.doors["cal3"].mend()
    world.converge()
    assert world.counts() == {"crm": 0, "cal": 0, "cal2": 0, "cal3": 0}


def test_trace_24_the_answer_to_a_deletion_is_lost(world: World) -> None:
    """The server deleted it, syncd heard nothing and was stopped: the same end."""
    world.doors["cal"].fail(Fault("DELETE", lost=True, times=2))
    world.change(deleted_at=datetime.now(UTC).replace(tzinfo=None))
    world.cycle()
    world.restart()
    world.later(minutes=1)
    world.converge()
    assert world.counts() == {"crm": 0, "cal": 0, "cal2": 0}


def _a_week_after_its_deletion(world: World) -> str:
    """The body of a copy that was deleted a week ago."""
    (body,) = world.desks["cal"].items().values()
    world.change(deleted_at=datetime.now(UTC).replace(tzinfo=None))
    world.converge()
    world.later(days=7)
    return body


def test_trace_25_a_phone_puts_a_deleted_event_back(make: Callable[..., World]) -> None:
    """The old body under another file name: it meets the tombstone and is deleted again."""
    world = make("cal", "cal2")
    world.add_visit(starts_at=at(8, day=20), ends_at=at(9, day=20))
    world.converge()
    body = _a_week_after_its_deletion(world)
    desk = world.desks["cal"]
    desk.server.put(desk.url, "from-the-phone.ics", body)
    world.converge()
    assert world.counts() == {"crm": 0, "cal": 0, "cal2": 0}


def test_trace_25_edited_since_it_lives_again(make: Callable[..., World]) -> None:
    """The phone's body has been edited after the deletion: contested, one CRM record."""
    world = make("cal", "cal2")
    world.add_visit(starts_at=at(8, day=20), ends_at=at(9, day=20))
    world.converge()
    body = _a_week_after_its_deletion(world)
    edited = world.now() + timedelta(minutes=1)
    lines = [line for line in body.splitlines() if not line.startswith("LAST-MODIFIED")]
    lines.insert(lines.index("END:VEVENT"), f"LAST-MODIFIED:{edited:%Y%m%dT%H%M%SZ}")
    desk = world.desks["cal"]
    desk.server.put(desk.url, "from-the-phone.ics", "\r\n".join(lines))
    world.later(minutes=2)
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 1, "cal2": 1}


def test_trace_26_an_invitation_that_is_deleted_is_declined(make: Callable[..., World]) -> None:
    """The organizer is a customer: only her copy goes, the others keep theirs."""
    world = make("cal", "cal2", settings={"cal": {"person": "alice@example.com"}})
    world.sync()
    attendee = vCalAddress("mailto:alice@example.com")
    attendee.params["PARTSTAT"] = "ACCEPTED"
    organizer = vCalAddress("mailto:einkauf@kunde.example")
    world.add_event("cal", "einladung.ics", organizer=organizer, attendee=[attendee])
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 1, "cal2": 1}
    world.delete("cal")
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 0, "cal2": 1}
    assert world.row()["state"] != "cancelled"


def _many(world: World, number: int = 12) -> None:
    for each in range(number):
        world.add_visit(subject=f"{TITLE} {each}", starts_at=at(8, each), ends_at=at(9, each))
    world.converge()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("REPORT", cut=True, times=1000),
        Fault(status=403, times=1000),
        Fault("REPORT", status=404, times=1000),
        Fault(status=404, times=1000),
        Fault(status=401, times=1000),
    ],
    ids=["cut", "forbidden", "no report", "not found", "unauthorized"],
)
def test_trace_27_what_is_not_seen_is_not_deleted(make: Callable[..., World], fault: Fault) -> None:
    """Invariant 4: a broken listing deletes nothing, the others go on, what was missed follows."""
    world = make("cal", "cal2")
    _many(world)
    world.doors["cal"].fail(fault)
    world.change(1, place="weiter")
    for _ in range(2):
        result = world.cycle()
        assert result.state in ("failed", "converged")
        world.later(days=1, minutes=20)  # a full look is due, too
    assert world.counts() == {"crm": 12, "cal": 12, "cal2": 12}
    assert "weiter" in {str(e["LOCATION"]) for e in world.desks["cal2"].events().values()}
    assert {row["state"] for row in world.rows()} == {"confirmed"}
    world.doors["cal"].mend()
    world.later(minutes=20)
    world.converge()
    assert "weiter" in {str(e["LOCATION"]) for e in world.desks["cal"].events().values()}


def test_trace_27_a_calendar_that_was_removed(make: Callable[..., World]) -> None:
    """Invariant 4: the whole calendar is gone from the server: nothing is cancelled anywhere."""
    world = make("cal", "cal2")
    _many(world)
    desk = world.desks["cal2"]
    desk.server.delete(desk.url)
    for _ in range(2):
        world.cycle()
        world.later(days=1, minutes=20)
    assert len(world.rows()) == len(world.desks["cal"].items()) == 12
    assert {row["state"] for row in world.rows()} == {"confirmed"}


def test_trace_28_out_of_the_window_and_back(world: World) -> None:
    """Moved three years on in a calendar, later back: the same row throughout."""
    number = world.row()["id"]
    far = utc(8).replace(year=utc(8).year + 3, day=15)
    world.edit("cal", dtstart=far)
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 1, "cal2": 1}
    assert world.everywhere("start") == {far.replace(tzinfo=None)}
    world.edit("cal2", dtstart=utc(10))
    world.converge()
    assert world.row()["id"] == number
    assert world.everywhere("start") == {at(10)}


def test_trace_29_a_channel_that_returns_starts_without_agreements(
    make: Callable[..., World],
) -> None:
    """Out of the configuration for a month: its stale copy is no edit, nothing is deleted."""
    world = make("cal", "cal2")
    world.add_visit(starts_at=at(8, day=50), ends_at=at(9, day=50))
    world.add_visit(subject="bleibt", starts_at=at(8, day=51), ends_at=at(9, day=51))
    world.converge()
    world.configure("cal")
    world.change(1, subject="einen Monat später", starts_at=at(12, day=50))
    assert [c.name for c in world.sync().channels] == ["crm", "cal"]
    assert world.desks["cal2"].titles() == sorted([TITLE, "bleibt"])
    (path,) = [
        path for path, e in world.desks["cal2"].events().items() if str(e["SUMMARY"]) == "bleibt"
    ]
    world.delete("cal2", path)
    world.later(days=30)
    world.configure()
    result = world.converge()
    assert {c.name: written(c) for c in result.channels} == {"crm": 0, "cal": 0, "cal2": 2}
    assert world.counts() == {"crm": 2, "cal": 2, "cal2": 2}
    assert world.everywhere("title") == {"einen Monat später", "bleibt"}
    assert world.everywhere("start") == {at(12, day=50), at(8, day=51)}


def test_trace_29_a_visit_handed_over_meanwhile_leaves_the_calendar_that_returns(
    make: Callable[..., World],
) -> None:
    """Trace 34, one configuration later: our copy is none that she has put there."""
    own = {
        name: {"person": f"{who}@example.com", "holds": "own"}
        for name, who in (("cal", "alice"), ("cal2", "bob"))
    }
    world = make("cal", "cal2", settings=own)
    world.add_visit(owner_email="alice@example.com", starts_at=at(8, day=50), ends_at=at(9, day=50))
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 1, "cal2": 0}
    world.configure("cal2")
    world.change(1, owner_email="bob@example.com")
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 1, "cal2": 1}
    world.configure()
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 0, "cal2": 1}


def test_a_calendar_that_joins_is_given_what_is_there(make: Callable[..., World]) -> None:
    """A colleague is added to a bridge at work; her server is down at first (invariant 9)."""
    world = make("cal", "cal2")
    world.configure("cal")
    _many(world, 3)
    world.doors["cal2"].fail(Fault(status=503, times=1000))
    world.configure()
    assert world.sync().state == "failed"
    world.doors["cal2"].mend()
    world.later(minutes=20)
    world.converge()
    assert world.counts() == {"crm": 3, "cal": 3, "cal2": 3}


def test_a_channel_that_is_to_hold_more_is_given_it(make: Callable[..., World]) -> None:
    """``holds`` goes from her own to all: the configuration alone makes copies due."""
    own = {"person": "bob@example.com", "holds": "own"}
    world = make("cal", "cal2", settings={"cal2": own})
    _many(world, 3)
    assert world.counts() == {"crm": 3, "cal": 3, "cal2": 0}
    world.desks["cal2"].settings["holds"] = "all"
    world.configure()
    world.converge()
    assert world.counts() == {"crm": 3, "cal": 3, "cal2": 3}
    world.desks["cal2"].settings["holds"] = "own"
    world.configure()
    world.converge()
    assert world.counts() == {"crm": 3, "cal": 3, "cal2": 0}
