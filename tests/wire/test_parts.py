"""Plans are stored and carried out part by part: while the last writes of one are under way the
next one is stored, and all is as if there were one part only."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from time import monotonic, sleep
from typing import Any

import pytest

from syncd.committing import commit
from syncd.outcome import Task
from syncd.results import State
from tests.wire.proxy import Fault
from tests.wire.test_lost_store import READS
from tests.wire.world import TITLE, World, at

PART = 5


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred take their time."""
    monkeypatch.setattr("syncd.engine.CHUNK", PART)


def _visits(world: World, number: int) -> None:
    for each in range(number):
        world.add_visit(subject=f"{TITLE} {each}", starts_at=at(6), ends_at=at(7))


def _writes(world: World) -> int:
    return sum(method not in READS for door in world.doors.values() for method, _ in door.seen)


def test_the_next_part_is_stored_while_a_write_is_under_way(make: Callable[..., World]) -> None:
    """A server that takes long over one write has the next ones to do meanwhile."""
    world = make("cal")
    _visits(world, 3 * PART)
    meanwhile = Event()

    def wait() -> None:
        until = monotonic() + 20
        while not meanwhile.is_set() and monotonic() < until:
            sleep(0.05)
            if len(world.desks["cal"].items()) == 3 * PART:
                meanwhile.set()

    world.doors["cal"].fail(Fault("PUT", then=wait, times=1))
    assert world.sync().state is State.CONVERGED
    assert meanwhile.is_set()
    assert world.counts() == {"crm": 3 * PART, "cal": 3 * PART}
    world.quiet()


def test_stopped_in_one_part_no_other_begins(make: Callable[..., World]) -> None:
    """What was stored and not begun is dropped; resumed, all come, each once."""
    world = make("cal", "cal2")
    _visits(world, 12 * PART)
    seen = Event()

    def stop() -> None:
        if not seen.is_set():
            seen.set()
            world.store.meta_set("writing-stopped", "1")

    world.doors["cal"].fail(Fault("PUT", then=stop, times=1))
    assert world.sync().state is State.HELD
    assert seen.is_set()
    made = _writes(world)
    assert made < 12 * PART
    assert world.store.stats().agreements["sales"] < 12 * PART, "the others were not even stored"
    assert all(intent.done for _, intent in world.store.open_intents("sales"))
    assert world.sync().state is State.HELD
    assert _writes(world) == made
    world.store.meta_set("writing-stopped", "")
    world.converge()
    assert world.counts() == {"crm": 12 * PART, "cal": 12 * PART, "cal2": 12 * PART}
    assert _writes(world) == 24 * PART


def test_what_somebody_changed_meanwhile_is_settled_again(make: Callable[..., World]) -> None:
    """Writes of every part are stale: what is there is fetched, and nobody's edit is lost."""
    world = make("cal")
    _visits(world, 3 * PART)
    world.converge()
    for row in world.rows():
        world.change(row["id"], place="新地址")
    paths = list(world.desks["cal"].items())[::3]

    def edit() -> None:
        for path in paths:
            world.edit("cal", path, summary=f"改 {path[-8:]}")

    world.doors["cal"].fail(Fault("REPORT", then=edit, times=1))
    world.converge()
    assert world.everywhere("place") == {"新地址"}
    edited = {title for title in world.everywhere("title") if str(title).startswith("改")}
    assert edited == {f"改 {path[-8:]}" for path in paths}
    assert world.counts() == {"crm": 3 * PART, "cal": 3 * PART}


def test_a_bug_in_one_part_leaves_nothing_of_another_behind(
    make: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed, and what was stale, in the part before is tried again as ever (invariant 9)."""
    world = make("cal")
    _visits(world, 2 * PART)
    world.converge()
    for row in world.rows():
        world.change(row["id"], place="新地址")
    first, second = sorted(world.desks["cal"].items())[:2]
    world.doors["cal"].fail(Fault("PUT", has=first.rpartition("/")[2], status=500, times=9))
    title = f"改 {TITLE}"
    edited = Fault("REPORT", then=lambda: world.edit("cal", second, summary=title))
    world.doors["cal"].fail(edited)
    parts = list[int]()

    def committed(*given: Any) -> list[Task]:
        parts.append(len(parts))
        if len(parts) == 2:
            raise ZeroDivisionError
        return commit(*given)

    monkeypatch.setattr("syncd.engine.commit", committed)
    with pytest.raises(ZeroDivisionError):
        world.cycle()
    world.doors["cal"].faults.clear()
    assert [debt.writes for debt in world.store.debts("sales")] == [1]
    world.later(minutes=1)
    world.converge()
    assert world.everywhere("place") == {"新地址"}
    assert title in world.everywhere("title")
    assert world.counts() == {"crm": 2 * PART, "cal": 2 * PART}


def test_what_was_tried_in_vain_comes_at_the_end_of_its_part(make: Callable[..., World]) -> None:
    """It waits until nothing else is under way; what comes after it is not stored before."""
    world = make("cal")
    _visits(world, 3 * PART)
    world.converge()
    bad = min(world.desks["cal"].items())
    for place in ("新地址", "another"):
        for row in world.rows():
            world.change(row["id"], place=place)
        world.doors["cal"].seen.clear()
        if place == "新地址":
            world.doors["cal"].fail(Fault("PUT", has=bad.rpartition("/")[2], status=500, times=9))
        world.cycle()
        world.doors["cal"].faults.clear()
        world.later(minutes=1)
    put = [path for method, path in world.doors["cal"].seen if method == "PUT"]
    assert len(put) == 3 * PART
    assert put[PART - 1].endswith(bad.rpartition("/")[2])
    world.converge()
    assert world.everywhere("place") == {"another"}
