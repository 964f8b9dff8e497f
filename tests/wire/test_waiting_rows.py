"""Rows that wait for a series in a calendar that is down: told to the administrator."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from syncd import backup
from tests.wire.proxy import Fault
from tests.wire.test_traces_series import local
from tests.wire.world import World


def _status(world: World) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(world.office.run("status", "--json").stdout)[
        "waiting"
    ]
    return found


def test_rows_that_wait_for_their_series_are_told(
    make: Callable[..., World], tmp_path: Path
) -> None:
    """Made since the backup, in a calendar that is down now: its rows in the CRM wait, `status`
    says for whom, and they find each other when it is back (invariants 3 and 9)."""
    world = make("cal", "cal2", settings={"cal": {"holds": "own", "person": "li@example.com"}})
    world.add_visit()
    world.converge()
    url, file = f"sqlite:///{world.office.folder / 'state.db'}", tmp_path / "monday.db"
    backup.backup(url, file, world.now())
    made = {"uid": "serie@phone", "dtstart": local(1), "dtend": local(1, 10)}
    world.add_event("cal2", "serie.ics", rrule={"FREQ": "WEEKLY", "COUNT": 3}, **made)
    world.converge()
    counts = world.counts()
    assert counts == {"crm": 4, "cal": 0, "cal2": 2}
    world.close()
    backup.restore(url, file, world.now())
    world.doors["cal2"].fail(Fault(status=503, times=10**6))
    world.open()
    for _ in range(3):
        world.cycle()
        world.later(days=1)
    (told,) = _status(world)
    assert (told["channel"], told["copies"], told["series"]) == ("sales/crm", 3, 1)
    assert told["unseen"] == ["cal2"]
    shown = world.office.run("status")
    assert "waiting: sales/crm: 3 rows of 1 series, since " in shown.stdout
    assert "what is not seen: cal2" in shown.stdout
    assert shown.returncode == 1
    assert world.store.levels().rows == {"sales": 3}
    assert world.counts() == counts
    world.doors["cal2"].mend()
    world.converge()
    assert world.counts() == counts
    assert _status(world) == []
    assert world.store.levels().rows == {}
