"""Pairing over real servers: traces 30 to 34, and a lost store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.wire.world import TITLE, World, at, utc


def test_trace_30_first_contact_of_a_filled_crm_and_a_filled_calendar(
    make: Callable[..., World],
) -> None:
    """Unique matches are linked, the rest created, the doubtful wait; then silence."""
    world = make("cal")
    world.add_visit(subject="Probefahrt 🚗")
    world.add_event("cal", "fahrt.ics", summary="Probefahrt 🚗")
    for file in ("a.ics", "b.ics"):
        hours = {"starts_at": at(8, day=1), "ends_at": at(9, day=1)}
        world.add_visit(subject="Inspektion", **hours)
        world.add_event(
            "cal", file, summary="Inspektion", dtstart=utc(8, day=1), dtend=utc(9, day=1)
        )
    world.add_visit(subject="nur im CRM", starts_at=at(8, day=2), ends_at=at(9, day=2))
    world.add_event("cal", "c.ics", summary="仅在日历", dtstart=utc(8, day=3), dtend=utc(9, day=3))
    assert world.converge().state == "conflicts"
    assert world.counts() == {"crm": 5, "cal": 5}
    assert len(world.store.doubts()) == 4
    expected = sorted(["Probefahrt 🚗", "Inspektion", "Inspektion", "nur im CRM", "仅在日历"])
    assert world.desks["cal"].titles() == expected
    assert sorted(row["subject"] for row in world.rows()) == expected


def test_trace_30_what_waits_goes_on_waiting(make: Callable[..., World]) -> None:
    """Doubtful copies that are edited, and a configuration that changes, make no third and
    fourth copy (invariant 3)."""
    world = make("cal")
    for file in ("a.ics", "b.ics"):
        world.add_visit(subject="Inspektion")
        world.add_event("cal", file, summary="Inspektion")
    world.converge()
    assert world.counts() == {"crm": 2, "cal": 2}
    world.change(1, place="Werk 2")
    world.edit("cal", next(iter(world.desks["cal"].items())), location="Werk 3")
    world.converge()
    assert world.counts() == {"crm": 2, "cal": 2}
    world.desks["cal"].settings["cancelled"] = "mark"
    world.configure()
    assert world.converge().state == "conflicts"
    assert world.counts() == {"crm": 2, "cal": 2}


def test_trace_31_a_duplicated_event_is_a_second_appointment(world: World) -> None:
    """Copied in a client, marker and all, with a UID of its own: the first keeps its row."""
    first = world.row()["id"]

    ((path, body),) = world.desks["cal"].items().items()
    uid = str(world.event("cal")["UID"])
    desk = world.desks["cal"]
    desk.server.put(desk.url, "kopie.ics", body.replace(uid, "copy@phone"))
    world.edit("cal", _path(world, "kopie.ics"), dtstart=utc(12, day=1))
    world.converge()
    assert world.counts() == {"crm": 2, "cal": 2, "cal2": 2}
    starts = {row["id"]: row["starts_at"] for row in world.rows()}
    assert starts[first] == at(8)
    assert path in world.desks["cal"].items()
    assert sorted(starts.values()) == [at(8), at(12, day=1)]


def _path(world: World, file: str) -> str:
    desk = world.desks["cal"]
    return f"{desk.url}{file}"[len(desk.server.url) - 1 :]


def test_trace_32_a_move_by_a_new_key_and_a_later_deletion(world: World) -> None:
    """A client writes the event anew and deletes the old one a look later: one row."""
    first = world.row()["id"]
    desk = world.desks["cal2"]
    ((old, body),) = desk.items().items()
    uid = str(world.event("cal2")["UID"])
    desk.server.put(desk.url, "neu.ics", body.replace(uid, "moved@phone"))
    world.cycle()
    assert world.counts()["crm"] == 1
    world.delete("cal2", old)
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 1, "cal2": 1}
    assert world.row()["id"] == first
    world.edit("cal2", summary="nach dem Umzug")
    world.converge()
    assert world.everywhere("title") == {"nach dem Umzug"}


def test_trace_33_one_uid_in_two_calendars_is_one_meeting(make: Callable[..., World]) -> None:
    """Alice's and Bob's calendars show one meeting, on two servers: one row."""
    world = make("cal", "cal2")
    world.sync()
    for name in world.desks:
        world.add_event(name, "meeting.ics", uid="meeting-42@x")
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 1, "cal2": 1}


def test_trace_34_a_visit_handed_to_a_colleague_moves(make: Callable[..., World]) -> None:
    """The CRM gives it from Alice to Bob and back: it moves from calendar to calendar."""
    settings = {
        "cal": {"person": "alice@example.com", "holds": "own"},
        "cal2": {"person": "bob@example.com", "holds": "own"},
    }
    world = make("cal", "cal2", settings=settings)
    world.add_visit()
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 1, "cal2": 0}
    world.change(owner_email="bob@example.com")
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 0, "cal2": 1}
    assert world.row()["state"] == "confirmed"
    world.change(owner_email="alice@example.com")
    world.converge()
    assert world.counts() == {"crm": 1, "cal": 1, "cal2": 0}


def test_a_lost_store_is_rebuilt_from_the_copies(make: Callable[..., World]) -> None:
    """The state is gone; markers and matches link everything anew, nothing is written twice."""
    world = make("cal", "cal2")
    for hour in range(4):
        world.add_visit(subject=f"{TITLE} {hour}", starts_at=at(hour), ends_at=at(hour, 30))
    world.converge()
    before = world.everything()
    world.close()
    for path in world.office.folder.glob("state.db*"):
        path.unlink()
    world.open()
    world.converge()
    assert world.everything() == before


def test_trace_30_a_doubt_ends_when_its_twin_is_deleted(make: Callable[..., World]) -> None:
    """Two alike on each side; a person deletes one of each: the others are a unique match."""
    world = make("cal")
    for file in ("a.ics", "b.ics"):
        world.add_visit(subject="Inspektion")
        world.add_event("cal", file, summary="Inspektion")
    world.converge()
    world.delete("cal", _path(world, "a.ics"))
    world.change(2, deleted_at=datetime.now(UTC).replace(tzinfo=None))
    assert world.converge().state == "converged"
    assert world.counts() == {"crm": 1, "cal": 1}
    world.change(1, subject="verknüpft")
    world.converge()
    assert world.everywhere("title") == {"verknüpft"}


def test_trace_17_the_full_title_survives_a_lost_store(make: Callable[..., World]) -> None:
    """The CRM cuts titles at 12; with the store gone the calendar's full title stays
    (invariant 8), and a cut one that a person mends there keeps its tail elsewhere (trace 18)."""
    world = make("cal", "cal2")
    shipped = (Path(__file__).parents[2] / "mappings" / "visits.toml").read_text("utf-8")
    folder = world.office.folder / "mappings"
    folder.mkdir()
    cut = shipped.replace("[fields]", "[lengths]\ntitle = 12\n\n[fields]")
    (folder / "visits.toml").write_text(cut, "utf-8")
    world.restart()
    world.sync()
    world.add_event("cal", "visit.ics", summary="Vizit Mueller GmbH & Söhne")
    world.converge()
    assert world.row()["subject"] == "Vizit Muelle"
    world.close()
    for path in world.office.folder.glob("state.db*"):
        path.unlink()
    world.open()
    world.converge()
    assert world.row()["subject"] == "Vizit Muelle"
    assert world.desks["cal"].titles() == ["Vizit Mueller GmbH & Söhne"]
    assert world.counts() == {"crm": 1, "cal": 1, "cal2": 1}
    world.change(subject="Visit Muelle")
    world.converge()
    assert world.row()["subject"] == "Visit Muelle"
    for desk in world.desks.values():
        assert desk.titles() == ["Visit Mueller GmbH & Söhne"]
