"""Disasters over real servers: each is caught before a single write, shown, then approved."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from syncd import inbox
from syncd.results import BridgeResult
from syncd.store import HoldState
from tests.wire.proxy import Fault
from tests.wire.test_lost_store import READS, path_of
from tests.wire.world import TITLE, World, at, utc, written

SHIPPED = (Path(__file__).parents[2] / "mappings" / "visits.toml").read_text("utf-8")


def _filled(make: Callable[..., World], number: int, **settings: dict[str, str | bool]) -> World:
    """So many visits in the CRM and both calendars, equal."""
    world = make("cal", "cal2", settings=settings)
    for each in range(number):
        day, part = divmod(each, 40)
        start = at(0, day=day) + timedelta(minutes=30 * part)
        world.add_visit(
            subject=f"{TITLE} {each}", starts_at=start, ends_at=start + timedelta(minutes=30)
        )
    world.converge()
    assert world.counts() == {"crm": number, "cal": number, "cal2": number}
    for door in world.doors.values():
        door.seen.clear()
    return world


def _writes(world: World) -> list[tuple[str, str]]:
    seen = [each for door in world.doors.values() for each in list(door.seen)]
    return [each for each in seen if each[0] not in READS]


def _held(world: World, *words: str) -> None:
    """It holds with this reason, again and again, and nobody's copy is touched."""
    before = world.everything()
    for _ in range(2):
        found = world.sync()
        assert found.state == "held", (found.state, found.reason)
        for word in words:
            assert word in found.reason
        assert {c.name: written(c) for c in found.channels if written(c)} == {}
    assert world.everything() == before
    assert _writes(world) == []


def _approve(world: World) -> int:
    (hold,) = world.store.holds(HoldState.OPEN)
    name = inbox.hold_id(hold.id, hold.digest)
    return inbox.approve(world.store, name, world.now(), "root")


def _map(world: World, text: str) -> None:
    folder = world.office.folder / "mappings"
    folder.mkdir(exist_ok=True)
    (folder / "visits.toml").write_text(text, "utf-8")
    world.restart()


# --- what a disaster looks like


def test_a_listing_that_comes_back_empty(make: Callable[..., World]) -> None:
    """A server that forgot everything: nothing is cancelled, nothing deleted elsewhere."""
    world = _filled(make, 12)
    world.configure(extra='limits = { deletes = "100%" }')
    for path in world.desks["cal"].items():
        world.delete("cal", path)
    world.later(days=1, hours=1)
    _held(world, "cal: none of its", "copies is listed")


def test_half_of_a_calendar_is_deleted(make: Callable[..., World]) -> None:
    """The hold shows what would become of it: time, title, channel and what is done."""
    world = _filled(make, 24)
    for path in sorted(world.desks["cal"].items())[:12]:
        world.delete("cal", path)
    _held(world, "crm: 12 of 24", "cal2: 12 of 24")
    (hold,) = world.store.holds(HoldState.OPEN)
    assert {(w["channel"], w["operation"]) for w in hold.writes} == {
        ("crm", "cancel"),
        ("cal2", "delete"),
    }
    assert len(hold.writes) == 24
    for write in hold.writes:
        assert TITLE in write["shown"]
        assert write["shown"].startswith("20")
    assert _approve(world) == 24
    world.converge()
    assert world.counts() == {"crm": 24, "cal": 12, "cal2": 12}


def test_a_colleagues_events_are_moved_by_an_hour(make: Callable[..., World]) -> None:
    """Sixty at once, by a script: held; moved back by the script: the hold is over."""
    world = _filled(make, 60)
    hour = timedelta(hours=1)

    def shift(by: timedelta) -> None:
        for path, event in world.desks["cal"].events().items():
            start = event["DTSTART"].dt.astimezone(UTC) + by
            end = event["DTEND"].dt.astimezone(UTC) + by
            world.edit("cal", path, dtstart=start, dtend=end)

    shift(hour)
    _held(world, "cal: 60 of 60 copies changed their time at once")
    (hold,) = world.store.holds(HoldState.OPEN)
    assert len(hold.writes) == 120
    assert all(TITLE in write["shown"] for write in hold.writes)
    shift(-hour)
    world.converge()
    assert world.store.holds(HoldState.OPEN) == []
    assert _writes(world) == []


@pytest.mark.parametrize(
    "settings", [{"holds": "own", "person": "bob@example.com"}, {"cancelled": "mark"}]
)
def test_a_filter_that_suddenly_matches_nothing(
    make: Callable[..., World], settings: dict[str, str | bool]
) -> None:
    """A mistyped filter would withdraw every copy: held. A change that withdraws none is not."""
    world = _filled(make, 20)
    world.desks["cal2"].settings.update(settings)
    world.configure()
    if "holds" not in settings:
        world.converge()
        assert _writes(world) == []
        return
    _held(world, "cal2: 20 of 20 appointments would be deleted")
    for name in settings:
        del world.desks["cal2"].settings[name]
    world.configure()
    world.converge()
    assert world.store.holds(HoldState.OPEN) == []
    assert _writes(world) == []


def test_admitting_nothing_any_more_is_no_deletion(make: Callable[..., World]) -> None:
    """What a channel admits is asked at birth only: no hold, no write."""
    world = _filled(make, 20)
    for desk in world.desks.values():
        desk.settings["admits"] = "none"
    world.configure()
    world.converge()
    assert _writes(world) == []


def test_a_mapping_that_would_shift_every_appointment(make: Callable[..., World]) -> None:
    """The CRM's zone is mistaken: a re-read is no edit, nobody is rewritten; and what is new,
    which would come at a wrong time, waits until somebody approves it or mends the mapping."""
    world = _filled(make, 12)
    before = world.everything()
    _map(world, SHIPPED.replace('time_zone = "UTC"', 'time_zone = "Europe/London"', 1))
    _map(world, SHIPPED.replace('time_zone = "UTC"', 'time_zone = "Asia/Shanghai"', 1))
    world.converge()
    assert world.everything() == before
    assert _writes(world) == []
    world.add_visit(subject="新客户", starts_at=at(6, day=5), ends_at=at(7, day=5))
    _held(world, "crm: 12 of 13 copies read with another time since the mapping")
    world.restart()
    _held(world, "crm: 12 of 13 copies read with another time since the mapping")
    _map(world, SHIPPED)
    world.converge()
    assert world.store.holds(HoldState.OPEN) == []
    new = next(e for e in world.desks["cal"].events().values() if str(e["SUMMARY"]) == "新客户")
    assert new["DTSTART"].dt.astimezone(UTC) == utc(6, day=5)


def test_a_mapping_that_was_wrong_is_approved_once(make: Callable[..., World]) -> None:
    """Mended on purpose: the first writes after it are shown, then it is over."""
    world = _filled(make, 12)
    _map(world, SHIPPED.replace('time_zone = "UTC"', 'time_zone = "Asia/Shanghai"', 1))
    world.add_visit(subject="新客户", starts_at=at(16, day=5), ends_at=at(17, day=5))
    _held(world, "read with another time")
    assert _approve(world) == 2
    world.converge()
    world.add_visit(subject="noch einer", starts_at=at(18, day=5), ends_at=at(19, day=5))
    world.converge()
    assert world.counts() == {"crm": 14, "cal": 14, "cal2": 14}


# --- sliding windows


def test_four_percent_an_hour_add_up(make: Callable[..., World]) -> None:
    """In one channel: never more than a tenth of it within a day, however slowly."""
    world = _filled(make, 50)
    paths = sorted(world.desks["cal"].items())
    for hour in range(10):
        for path in paths[2 * hour : 2 * hour + 2]:
            world.delete("cal", path)
        if world.sync().state == "held":
            break
        world.later(hours=1)
    assert hour == 2
    assert len([row for row in world.rows() if row["state"] == "cancelled"]) == 4
    assert len(world.desks["cal2"].items()) == 46


def test_many_channels_add_up_for_the_installation(make: Callable[..., World]) -> None:
    """Each calendar loses less than its limit; together it is too much for one day. The CRM has
    all of them, so that its own reason says as much: it is told once."""
    people = {
        name: {"person": f"{who}@example.com", "holds": "own"}
        for name, who in (("cal", "alice"), ("cal2", "bob"), ("cal3", "eve"))
    }
    world = make("cal", "cal2", "cal3", settings=people)
    for each in range(30):
        who = ("alice", "bob", "eve")[each % 3]
        world.add_visit(
            subject=f"{TITLE} {each}",
            owner_email=f"{who}@example.com",
            starts_at=at(6 + each // 3),
            ends_at=at(7 + each // 3),
        )
    world.converge()
    for name in ("cal", "cal2"):
        for path in sorted(world.desks[name].items())[:3]:
            world.delete(name, path)
        found = world.sync()
        world.later(hours=1)
    assert found.state == "held"
    words = "6 of 30 appointments would be deleted or cancelled within 24 h (limit 5)"
    assert found.reason == f"crm: {words}"
    assert len([row for row in world.rows() if row["state"] == "cancelled"]) == 3


# --- copies that no look has shown yet


def _eight_disappear(make: Callable[..., World]) -> tuple[World, Callable[[], BridgeResult]]:
    """Eight of twelve visits are deleted, one of which was just written to both calendars, while
    only the CRM has been looked at since; and how to look at nothing but that once more."""
    world = _filled(make, 12)
    world.change(1, subject="改名 – umbenannt")
    assert world.cycle().state == "converged"
    for number in range(1, 9):
        world.change(number, deleted_at=at(0))
    bridge = world.deployment._bridge(world.deployment.settings.bridges[0])
    return world, lambda: bridge.cycle("c", only={"crm"})


def _waiting(world: World) -> int:
    (hold,) = world.store.holds(HoldState.OPEN)
    return len(hold.writes)


def test_a_copy_that_is_seen_after_the_hold_is_held_anew(make: Callable[..., World]) -> None:
    """What was approved without it is not written with it: all of it is shown again."""
    world, look_at_crm = _eight_disappear(make)
    assert look_at_crm().state == "held"
    assert (_waiting(world), _approve(world)) == (14, 14)
    for door in world.doors.values():
        door.seen.clear()
    _held(world, "2 deletions or moves more than were approved")
    assert (_waiting(world), _approve(world)) == (16, 16)
    world.converge()
    assert world.counts() == {"crm": 4, "cal": 4, "cal2": 4}


def test_no_more_than_was_shown_is_written_by_an_approval(make: Callable[..., World]) -> None:
    """Written before it was seen, exactly what was shown is; the rest is judged as ever."""
    world, look_at_crm = _eight_disappear(make)
    assert look_at_crm().state == "held"
    assert _approve(world) == 14
    assert sum(map(written, look_at_crm().channels)) == 14
    assert world.counts() == {"crm": 4, "cal": 5, "cal2": 5}
    assert world.store.holds(HoldState.APPROVED) == []
    world.converge()
    assert world.counts() == {"crm": 4, "cal": 4, "cal2": 4}


# --- stopping


def test_observing_writes_nothing(make: Callable[..., World]) -> None:
    """``mode = "observe"``: what people do is seen, and owed once it may be written."""
    world = _filled(make, 3)
    world.configure(extra='mode = "observe"')
    before = world.counts()
    world.change(1, subject="改名")
    world.add_visit(subject="neu", starts_at=at(6, day=3), ends_at=at(7, day=3))
    world.delete("cal2", path_of(world, "cal2", f"{TITLE} 2"))
    for _ in range(2):
        world.cycle()
    assert _writes(world) == []
    assert world.counts() == {**before, "crm": 4, "cal2": 2}
    world.configure()
    world.converge()
    assert world.counts() == {"crm": 4, "cal": 3, "cal2": 3}


@pytest.mark.parametrize("flag", ["writing-stopped", "paused:sales"])
def test_stopping_takes_effect_within_a_running_cycle(
    make: Callable[..., World], flag: str
) -> None:
    """Of sixty writes under way, those that were not begun are not made; resumed, all come."""
    world = make("cal", "cal2")
    for each in range(30):
        world.add_visit(subject=f"{TITLE} {each}", starts_at=at(6), ends_at=at(7))
    seen = threading.Event()

    def stop() -> None:
        if not seen.is_set():
            seen.set()
            world.store.meta_set(flag, "1")

    world.doors["cal"].fail(Fault("PUT", then=stop, times=1))
    found = world.sync()
    assert seen.is_set()
    assert (found.state, found.reason) == ("held", "writing is stopped")
    made = len(_writes(world))
    assert made < 40
    assert world.sync().state == "held"
    assert len(_writes(world)) == made
    world.store.meta_set(flag, "")
    world.converge()
    assert world.counts() == {"crm": 30, "cal": 30, "cal2": 30}
    assert len(_writes(world)) == 60
