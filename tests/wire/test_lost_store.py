"""A lost state, and one that is a week old, over real servers: nothing lost, doubled, written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd import backup, inbox
from syncd.core.model import Status
from syncd.core.state import Kind
from tests.wire.test_traces_series import add_weekly, local, occurrence
from tests.wire.world import DAY, TITLE, World, at, utc, written

READS = frozenset({"PROPFIND", "REPORT", "GET", "HEAD", "OPTIONS"})


def _naive(moment: datetime) -> datetime:
    """As the CRM keeps it."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _writes(world: World) -> list[tuple[str, str]]:
    """Every request at the doors that could have written."""
    seen = [each for door in world.doors.values() for each in list(door.seen)]
    return [each for each in seen if each[0] not in READS]


def _forget_requests(world: World) -> None:
    for door in world.doors.values():
        door.seen.clear()


def _lose(world: World) -> None:
    """The state file is gone; syncd starts without."""
    world.close()
    for path in Path(world.office.folder).glob("state.db*"):
        path.unlink()
    _forget_requests(world)
    world.open()


def _places(world: World) -> list[list[str]]:
    """Which copies belong together, by channel and key, whatever the appointments' ids are."""
    ids = world.store.agreement_ids("sales")
    return sorted(
        sorted(f"{channel}@{slot}: {s.copy.key}" for (channel, slot), s in agreed.copies.items())
        for agreed in world.store.agreements(ids).values()
    )


def _rebuilt(world: World, *, alike: bool = False) -> None:
    """Without its state: the same pairs, not one write, and the next sync is quiet.

    ``alike``: copies that say the same may have changed places with each other.
    """
    before, places = world.everything(), _places(world)
    _lose(world)
    found = world.sync()
    assert found.state in ("converged", "conflicts"), found.reason
    assert {c.name: written(c) for c in found.channels if written(c)} == {}
    assert world.everything() == before
    assert _writes(world) == []
    if alike:
        assert sorted(map(len, _places(world))) == sorted(map(len, places))
    else:
        assert _places(world) == places
    world.quiet()
    assert _writes(world) == []


def _company(make: Callable[..., World], **settings: Any) -> World:
    """A CRM and two calendars with visits, series, all-day ones, in English, German, Chinese."""
    world = make("cal", "cal2", settings=settings)
    for each in range(8):
        hours = {"starts_at": at(8 + each), "ends_at": at(9 + each)}
        world.add_visit(subject=f"{TITLE} {each}", **hours)
    world.add_visit(
        subject="整日培训 – Ganztags",
        all_day=True,
        starts_at=at(0, day=1),
        ends_at=at(0, day=2),
    )
    world.sync()
    world.add_event(
        "cal",
        "messe.ics",
        summary="展会 Messe",
        dtstart=(DAY + timedelta(days=4)).date(),
        dtend=(DAY + timedelta(days=6)).date(),
    )
    world.add_event(
        "cal2", "phone.ics", summary="电话会议", dtstart=utc(6, day=2), dtend=utc(7, day=2)
    )
    add_weekly(world)
    world.converge()
    return world


def test_everything_is_rebuilt_without_a_write(make: Callable[..., World]) -> None:
    """Visits, all-day ones, a series with an override and an exception: paired by their marks."""
    world = _company(make)
    path = next(path for path in world.desks["cal"].items() if path.endswith("serie.ics"))
    moved = occurrence(2, dtstart=local(2, 15), dtend=local(2, 16), summary="例会改期")
    world.rewrite("cal", lambda events: events.append(moved), path)
    fifth = next(row for row in world.rows() if row["starts_at"] == _naive(local(4)))
    world.change(fifth["id"], place="Halle 5")
    world.converge()
    _rebuilt(world)


def test_a_cancelled_occurrence_stays_cancelled(make: Callable[..., World]) -> None:
    """Its row in the CRM is all that is left of it: not one write, not one new copy."""
    world = _company(make)
    fifth = next(row for row in world.rows() if row["starts_at"] == _naive(local(4)))
    world.change(fifth["id"], state="cancelled")
    world.converge()
    before = world.everything()
    _lose(world)
    world.converge()
    assert world.everything() == before
    assert _writes(world) == []


def test_a_persons_duplicates_stay_apart(make: Callable[..., World]) -> None:
    """Copied in a client, our marker and all: two appointments before, two after."""
    world = _company(make)
    desk = world.desks["cal"]
    for number, path in enumerate(sorted(desk.items())[:3]):
        body = desk.items()[path]
        uid = next(line for line in body.splitlines() if line.startswith("UID:"))
        desk.server.put(desk.url, f"kopie-{number}.ics", body.replace(uid, f"UID:k{number}@phone"))
    world.converge()
    _rebuilt(world, alike=True)


def test_a_move_to_another_colleague_and_cancelled_ones(make: Callable[..., World]) -> None:
    """What was withdrawn, cancelled or deleted does not come back for want of a state."""
    world = _company(make)
    rows = world.rows()
    world.change(rows[0]["id"], state="cancelled")
    world.change(rows[1]["id"], deleted_at=at(0))
    world.delete("cal2", path_of(world, "cal2", f"{TITLE} 5"))
    world.converge()
    _rebuilt(world)


@pytest.mark.parametrize("organizer", ["kunde@mueller.example", "alice@example.com"])
def test_two_colleagues_with_one_meeting(make: Callable[..., World], organizer: str) -> None:
    """An invitation in two calendars is one meeting, before and after; so is a team meeting."""
    people = {
        "cal": {"person": "alice@example.com", "holds": "own"},
        "cal2": {"person": "bob@example.com", "holds": "own"},
    }
    world = make("cal", "cal2", settings=people)
    for each, owner in enumerate(["alice", "bob", "alice"]):
        hours = {"starts_at": at(8 + each), "ends_at": at(9 + each)}
        world.add_visit(subject=f"{TITLE} {each}", owner_email=f"{owner}@example.com", **hours)
    for number in range(3):
        for name in ("cal", "cal2"):
            world.add_event(
                name,
                f"meeting-{number}.ics",
                uid=f"meeting-{number}@mueller.example",
                summary=f"会谈 Gespräch {number}",
                dtstart=utc(8 + number, day=1),
                dtend=utc(9 + number, day=1),
                organizer=f"mailto:{organizer}",
                attendee=["mailto:alice@example.com", "mailto:bob@example.com"],
            )
    world.converge()
    assert world.counts() == {"crm": 6, "cal": 5, "cal2": 4}
    _rebuilt(world)


def test_an_edit_while_nobody_remembers(make: Callable[..., World]) -> None:
    """Invariant 2: what people did while the state was gone is in the result or a conflict."""
    world = _company(make)
    counts = world.counts()
    _lose(world)
    world.close()
    row = next(row for row in world.rows() if row["subject"].endswith(" 3"))
    world.change(row["id"], place="苏州, Altstadt")
    world.open()
    world.converge()
    assert world.counts() == counts
    places = {row["place"] for row in world.rows()}
    recorded = {v for r in world.records() for _, v in r.claims}
    assert "苏州, Altstadt" in places | recorded


# --- a state that is a week old


def _url(world: World) -> str:
    return f"sqlite:///{world.office.folder / 'state.db'}"


def _restore(world: World, file: Path) -> None:
    """``syncd restore``, or what an administrator copied back in its place."""
    world.close()
    if file.name == COPIED:
        shutil.copyfile(file, world.office.folder / "state.db")
    else:
        backup.restore(_url(world), file, world.now())
    _forget_requests(world)
    world.open()


COPIED = "copied.db"
"""A state file that was copied as it was, and is copied back over today's, as of old by hand."""


def _kept(world: World, file: Path) -> Path:
    """The state of this moment."""
    if file.name != COPIED:
        backup.backup(_url(world), file, world.now())
        return file
    world.close()  # as a snapshot of the machine would be, it is whole
    shutil.copyfile(world.office.folder / "state.db", file)
    world.open()
    return file


@pytest.fixture(params=["weekly.db", COPIED])
def week(
    make: Callable[..., World], tmp_path: Path, request: pytest.FixtureRequest
) -> tuple[World, Path]:
    """A company of Alice and Bob, a backup, and a busy week after it, all synchronised."""
    people = {
        "cal": {"person": "alice@example.com", "holds": "own"},
        "cal2": {"person": "bob@example.com", "holds": "own"},
    }
    world = make("cal", "cal2", settings=people)
    for each in range(14):
        day, hour = divmod(each, 6)
        owner = "alice" if each % 2 else "bob"
        world.add_visit(
            subject=f"拜访 Besuch {each}",
            owner_email=f"{owner}@example.com",
            starts_at=at(6 + hour, day=day),
            ends_at=at(7 + hour, day=day),
        )
    world.converge()
    file = _kept(world, tmp_path / str(request.param))
    _busy_week(world)
    return world, file


def path_of(world: World, name: str, title: str) -> str:
    found = world.desks[name].events().items()
    return next(path for path, event in found if str(event["SUMMARY"]) == title)


def _row(world: World, title: str) -> int:
    return next(int(row["id"]) for row in world.rows() if row["subject"] == title)


def _busy_week(world: World) -> None:
    """Edits, creates, deletes and moves in every channel; synchronised day by day."""
    world.change(_row(world, "拜访 Besuch 0"), subject="改名 0", place="Hof")
    world.edit("cal", path_of(world, "cal", "拜访 Besuch 1"), summary="改名 1")
    world.edit("cal2", path_of(world, "cal2", "拜访 Besuch 2"), location="Saal 2")
    world.converge()
    world.later(days=1)
    world.add_visit(subject="neu im CRM", starts_at=at(6, day=3), ends_at=at(7, day=3))
    for name, hour in (("cal", 9), ("cal2", 11)):
        world.add_event(
            name,
            f"neu-{name}.ics",
            summary=f"新建 {name}",
            dtstart=utc(hour, day=3),
            dtend=utc(hour + 1, day=3),
        )
    world.converge()
    world.later(days=1)
    world.change(_row(world, "拜访 Besuch 4"), deleted_at=at(0))
    world.delete("cal", path_of(world, "cal", "拜访 Besuch 3"))
    world.delete("cal2", path_of(world, "cal2", "拜访 Besuch 6"))
    world.converge()
    world.later(days=1)
    world.change(_row(world, "拜访 Besuch 5"), owner_email="bob@example.com")
    world.change(_row(world, "拜访 Besuch 7"), starts_at=at(15, day=2))
    world.edit("cal2", path_of(world, "cal2", "拜访 Besuch 8"), dtstart=utc(16, day=2))
    world.edit("cal", path_of(world, "cal", "拜访 Besuch 9"), dtstart=utc(17, day=2))
    world.converge()


def test_a_week_old_backup_takes_nothing_back(week: tuple[World, Path]) -> None:
    """Invariants 2, 3 and 4: what was equal stays equal, and not one copy is written."""
    world, file = week
    before = world.everything()
    _restore(world, file)
    found = world.sync()
    assert found.state == "converged", found.reason
    assert world.everything() == before
    assert _writes(world) == []
    assert (world.store.behind("sales") is not None) == (file.name == COPIED)
    told = world.store.behind("sales")
    world.quiet()
    world.later(days=2)
    world.quiet()
    assert world.store.behind("sales") == told


def test_a_week_old_backup_and_a_day_without_syncd(week: tuple[World, Path]) -> None:
    """What people did since the last cycle, in every channel, goes everywhere as ever."""
    world, file = week
    world.close()
    world.change(_row(world, "拜访 Besuch 10"), subject="spät im CRM")
    world.edit("cal", path_of(world, "cal", "拜访 Besuch 11"), summary="晚些时候")
    world.add_visit(subject="spät neu", starts_at=at(6, day=5), ends_at=at(7, day=5))
    world.add_event(
        "cal2", "late.ics", summary="新会议", dtstart=utc(8, day=5), dtend=utc(9, day=5)
    )
    for number in (2, 12):
        world.delete("cal2", path_of(world, "cal2", f"拜访 Besuch {number}"))
    world.change(_row(world, "拜访 Besuch 9"), owner_email="bob@example.com")
    world.open()
    _restore(world, file)
    world.converge()
    rows = {row["subject"]: row for row in world.rows()}
    assert len(rows) == len(world.rows()) == 18
    assert {"spät im CRM", "晚些时候", "spät neu", "新会议", "改名 0", "改名 1"} <= rows.keys()
    assert rows["拜访 Besuch 12"]["state"] == "cancelled"
    # Deleted, and edited before that: in which order, an old state does not know.
    assert rows["拜访 Besuch 2"]["state"] == "confirmed"
    assert any(Status.CANCELLED in dict(r.claims).values() for r in world.records(Kind.CONFLICT))
    assert "拜访 Besuch 9" in world.desks["cal2"].titles()
    assert "拜访 Besuch 9" not in world.desks["cal"].titles()
    for name, owner in (("cal", "alice@example.com"), ("cal2", "bob@example.com")):
        own = [r for r in rows.values() if r["owner_email"] == owner and r["state"] != "cancelled"]
        assert world.desks[name].titles() == sorted(row["subject"] for row in own)


def test_what_nobody_can_decide_waits(week: tuple[World, Path]) -> None:
    """Made since the backup, and renamed in one place while nobody looked: it is asked which it
    is, copied nowhere meanwhile, and one again once that is answered."""
    world, file = week
    world.close()
    world.change(_row(world, "新建 cal"), subject="新建 cal (Anna)")
    world.open()
    before = world.everything()
    _restore(world, file)
    assert world.converge().state == "conflicts"
    assert world.everything() == before
    assert _writes(world) == []
    waiting = list(inbox.items(world.store))
    assert {item.shown.partition(",")[0] for item in waiting} == {"cal", "crm"}
    item = next(item for item in waiting if item.shown.startswith("crm"))
    (take,) = [name for name in item.choices if name != inbox.NEW]
    inbox.resolve(world.store, item.id, world.now(), "root", lambda: "f" * 16, take=take)
    world.converge()
    assert list(inbox.items(world.store)) == []
    assert world.counts() == {name: len(before[name]) for name in before}
    titles = {row["subject"] for row in world.rows()}
    assert len({"新建 cal (Anna)", "新建 cal"} & titles) == 1


def test_alike_ones_of_a_lost_state_are_no_question(make: Callable[..., World]) -> None:
    """Three at one time with one title, in three channels: each of ours had an original."""
    world = make("cal", "cal2")
    for _ in range(3):
        world.add_visit(subject="检查 Inspektion")
    world.add_event("cal", "a.ics", summary="Übergabe", dtstart=utc(12), dtend=utc(13))
    world.add_event("cal2", "b.ics", summary="Übergabe", dtstart=utc(14), dtend=utc(15))
    world.converge()
    counts = world.counts()
    _rebuilt(world, alike=True)
    assert world.counts() == counts
    assert list(inbox.items(world.store)) == []
