"""A daemon that was killed in the simulated world does nothing more, whatever tidies up in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.pool import Job
from syncd.store.database import open_database
from tests.world.deployed import MortalDatabase
from tests.world.play import Killed
from tests.world.pools import MortalPool, Points


def test_the_dead_write_nothing(tmp_path: Path) -> None:
    """Neither to the store nor to a remote, until another one is started."""
    points, made = Points(), list[int]()
    database = MortalDatabase(open_database(f"sqlite:///{tmp_path / 'state.db'}"), points)
    jobs = [Job("s", lambda: made.append(1))]
    points.arm(1)
    with pytest.raises(Killed):
        MortalPool(points).gather(jobs)
    assert made == [1], "it was carried out, and nobody was told"
    with pytest.raises(Killed):
        MortalPool(points).gather(jobs)
    with pytest.raises(Killed), database.write():
        made.append(2)
    assert made == [1]
    points.arm(0)
    with database.write():
        made.append(3)
    MortalPool(points).gather(jobs)
    assert made == [1, 3, 1]
