"""Invariant 10 on real servers: killed at random moments, the end is the same."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from uuid import uuid4

import pytest

from tests.office import Desk, Office
from tests.servers import Server

VISITS = int(os.environ.get("SYNCD_CRASH_VISITS", "300"))
ROUNDS = int(os.environ.get("SYNCD_CRASH_ROUNDS", "1"))
KILLS = 4


def _fresh(name: str, server: Server) -> Desk:
    return Desk(name, server, server.calendar(f"{name}-{uuid4().hex[:8]}"))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_during_a_first_synchronisation_leaves_exactly_one_copy_each(
    tmp_path: Path, radicale_server: Server, xandikos_server: Server, seed: int
) -> None:
    """Invariants 3 and 10: SIGKILL at random moments loses nothing and doubles nothing.

    Another number of rounds: ``SYNCD_CRASH_ROUNDS=50 pytest tests/daemon/test_crash.py``.
    """
    dice = random.Random(seed)
    desks = [_fresh("alice", radicale_server), _fresh("bob", xandikos_server)]
    office = Office(tmp_path, desks)
    office.visits(VISITS)
    for _ in range(KILLS):
        process = office.start("sync")
        time.sleep(dice.uniform(0.6, 6.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    result = office.sync()
    print(f"seed {seed}: {result['state']} {result['reason']}")
    expected = sorted(row["subject"] for row in office.rows())
    assert len(expected) == VISITS
    for desk in desks:
        assert desk.titles() == expected
        places = sorted(str(event["LOCATION"]) for event in desk.events().values())
        assert places == sorted(row["place"] for row in office.rows())
    assert result["state"] == "converged", result
    again = office.sync()
    assert [c["created"] + c["updated"] + c["deleted"] for c in again["channels"]] == [0, 0, 0]
