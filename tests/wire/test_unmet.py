"""The state is lost while the CRM does not answer: what is done in calendars meanwhile, over real
servers, and the records that nobody could see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.core.state import Kind
from tests.wire.world import World

OWN = {"cal": {"person": "alice@example.com", "holds": "own"}}
LONG = "拜访 Besuch: 年度维护合同的谈判 Verhandlung über den Wartungsvertrag"


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    """A visit in the CRM and in Alice's calendar, synchronised."""
    world = make("cal", settings=OWN)
    world.add_visit(subject=LONG, customer_name="王先生 GmbH", customer_phone="+86 512 1234")
    world.converge()
    return world


@contextmanager
def _without_state_and_crm(world: World) -> Iterator[None]:
    """The state is lost, and syncd works on while the CRM's database is away."""
    folder = Path(world.office.folder)
    world.close()
    for path in folder.glob("state.db*"):
        path.unlink()
    world.office.engine.dispose()
    (folder / "crm.db").rename(folder / "away.db")
    world.open()
    assert world.sync().state == "failed"
    yield
    assert world.sync().state == "failed"
    world.later(minutes=5)
    assert world.sync().state == "failed"
    (folder / "away.db").rename(folder / "crm.db")
    world.later(minutes=30)


def _cancel(world: World) -> None:
    world.edit("cal", status="CANCELLED")


@pytest.mark.parametrize("end", [lambda world: world.delete("cal"), _cancel])
def test_what_is_cancelled_in_a_calendar_keeps_its_record(
    world: World, end: Callable[[World], None]
) -> None:
    """Invariants 2 and 4: the record is there, cancelled, with all that it said."""
    before = world.row()
    with _without_state_and_crm(world):
        end(world)
    world.converge()
    assert world.rows() == [_but(before, world.row(), state="cancelled")]
    assert world.counts()["cal"] == 0


def test_what_was_moved_in_the_crm_after_it_was_cancelled_takes_place(world: World) -> None:
    """An edit after the cancellation wins, seen or not."""
    with _without_state_and_crm(world):
        world.delete("cal")
    world.change(place="苏州", updated_at=world.now().replace(tzinfo=None))
    world.converge()
    assert (world.row()["state"], world.row()["place"]) == ("confirmed", "苏州")
    assert world.counts()["cal"] == 1


def test_what_was_done_in_both_meanwhile_is_kept(world: World) -> None:
    """Invariant 2: the record is no newcomer: what it says is a claim like any other."""
    with _without_state_and_crm(world):
        world.edit("cal", location="昆山", description="Bitte klingeln")
    world.change(place="苏州", customer_phone="+86 512 9999")
    world.converge()
    assert world.everywhere("place") in ({"苏州"}, {"昆山"})
    assert {"苏州", "昆山"} <= {
        value for record in world.records(Kind.CONFLICT) for _, value in record.claims
    }
    assert world.row()["customer_phone"] == "+86 512 9999"
    assert world.row()["notes"] == "Bitte klingeln"


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_series_keeps_what_only_its_rows_say(make: Callable[..., World], cancelled: bool) -> None:
    """Invariants 2 and 8: the customer, and which of them took place."""
    world = make("cal", settings={"cal": {**OWN["cal"], "admits": "all"}})
    world.add_event("cal", "weekly.ics", rrule={"FREQ": "WEEKLY", "COUNT": 4})
    world.converge()
    first, second, *_ = world.rows()
    world.change(first["id"], state="done", customer_name="王先生 GmbH")
    world.change(second["id"], customer_phone="+86 512 1234", customer_name="王先生 GmbH")
    world.converge()
    before = {row["id"]: row for row in world.rows()}
    with _without_state_and_crm(world):
        world.edit("cal", location="新的标题", **({"status": "CANCELLED"} if cancelled else {}))
    world.converge()
    after = {row["id"]: row for row in world.rows()}
    assert after.keys() == before.keys()
    for id, row in after.items():
        for column in ("customer_name", "customer_phone", "owner_email", "starts_at"):
            assert row[column] == before[id][column]
        alive = "cancelled" if cancelled else before[id]["state"]
        assert row["state"] == (alive if id != first["id"] else "done")
    assert world.counts()["cal"] == int(not cancelled)


def test_what_was_made_and_cancelled_meanwhile_is_forgotten(world: World) -> None:
    """Invariant 4: nothing waits for the CRM for ever, and it gets no record of it."""
    with _without_state_and_crm(world):
        world.add_event("cal", "new.ics", summary="新的 Neu", attendee="mailto:wang@kunde.example")
        world.sync()
        world.delete("cal", next(p for p in world.desks["cal"].items() if "new.ics" in p))
    world.converge()
    assert len(world.rows()) == 1
    assert len(world.records(Kind.BURIED)) == 1


def _but(before: dict[str, Any], now: dict[str, Any], **values: object) -> dict[str, Any]:
    """A row as it was, but for these values and when it was changed."""
    return {**before, **values, "updated_at": now["updated_at"]}
