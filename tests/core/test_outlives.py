"""A CRM shows a record late: when the appointment was cancelled, and nothing was left of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.core.model import Customer, Recurrence, Status
from syncd.core.state import Copy, Kind, Marker
from tests.core.harness import World, settled_world
from tests.core.remote import Fault
from tests.core.values import VISIT

FULL = replace(
    VISIT,
    title="拜访 Müller GmbH & Söhne",
    owner="alice@example.com",
    customer=Customer("王先生", phone="+86 512 1234"),
)


def _marked(world: World, name: str = "crm") -> dict[str, Copy]:
    """The records, which a table beside them says are ours, too."""
    remote, rows = world.remotes[name], world.rows
    return {
        key: replace(copy, marker=Marker("inst", world.only, rows[name, key].slot))
        for key, copy in remote.copies.items()
    }


def _shown_late(cancels: str = "short") -> tuple[World, dict[str, Copy]]:
    """The state is lost, the CRM's listing has a gap, and the visit is cancelled meanwhile."""
    world = settled_world("crm", "short", visit=FULL)
    records = _marked(world)
    world.lose_store()
    world.remotes["crm"].copies.clear()
    world.remotes["crm"].faults.extend([Fault.REFUSED] * 99)
    world.cycle()
    world.remove(cancels)
    world.run()
    assert not world.agreements
    world.remotes["crm"].faults.clear()
    world.now += timedelta(minutes=5)
    return world, records


def test_the_record_of_what_was_cancelled_stays() -> None:
    """Invariants 2 and 4: nobody deleted it. It is cancelled, with all that only it says."""
    world, records = _shown_late()
    world.remotes["crm"].copies.update(records)
    world.run()
    assert world.reads("crm") == replace(FULL, status=Status.CANCELLED)
    assert not world.remotes["short"].copies
    (told,) = world.history(Kind.RESTORED)
    assert told.rule == "built-in: a record outlives what is only cancelled"


def test_the_record_that_was_edited_since_brings_it_back() -> None:
    """The edit after the end wins, as it does where the record was known."""
    world, records = _shown_late()
    world.remotes["crm"].copies.update(records)
    world.edit("crm", location="苏州", stamp=True)
    world.run()
    assert world.reads("crm") == replace(FULL, location="苏州")
    assert world.reads("short").location == "苏州"


def test_the_rows_of_a_cancelled_series_stay() -> None:
    """Each stands for its own occurrence."""
    series = replace(FULL, recurrence=Recurrence(("FREQ=WEEKLY;COUNT=4",)))
    world = settled_world("cal", "cal2", "rows", visit=series)
    world.now += timedelta(minutes=1)
    rows = _marked(world, "rows")
    world.lose_store()
    world.remotes["rows"].copies.clear()
    world.remotes["rows"].faults.extend([Fault.REFUSED] * 99)
    world.cycle()
    world.edit("cal", status=Status.CANCELLED)
    world.run()
    assert not world.agreements
    world.remotes["rows"].faults.clear()
    world.remotes["rows"].copies.update(rows)
    world.run()
    assert {row.reads.status for row in world.remotes["rows"].copies.values()} == {Status.CANCELLED}
    assert world.remotes["rows"].copies.keys() == rows.keys()
    assert not world.remotes["cal"].copies


@pytest.mark.parametrize("cancelled", [True, False])
def test_what_the_crm_deleted_goes_again(cancelled: bool) -> None:
    """Invariant 4: a record that somebody deleted in the CRM is not imported once more."""
    world = settled_world("crm", "cal", visit=FULL)
    if cancelled:
        world.remove("cal")
        world.run()
    records = _marked(world)
    world.remove("crm")
    world.run()
    assert not world.agreements
    world.remotes["crm"].copies.update(records)
    world.run()
    assert not world.remotes["crm"].copies
