"""The state cannot grow: a limit on the size of files stands for the full disk."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import pytest

from tests.daemon.conftest import daemon, wait_for
from tests.office import Desk, Office
from tests.servers import Server

FREE = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_nothing_is_written_while_nothing_can_be_stored(
    tmp_path: Path, radicale_server: Server
) -> None:
    """Invariant 10: each cycle breaks off before its first write; it goes on by itself."""
    url = radicale_server.calendar(f"alice-{tmp_path.name}")
    office = Office(tmp_path, [Desk("alice", radicale_server, url)])
    office.visits(3)
    desk = office.desks[0]
    with daemon(office) as running:
        assert wait_for(lambda: len(desk.items()) == 3)
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (1, FREE[1]))
        office.visits(4, place="新")
        assert running.said("a cycle failed")
        assert len(desk.items()) == 3
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, FREE)
        assert wait_for(lambda: len(desk.items()) == 7)
        code, _ = running.end()
    assert code == 0
    assert office.sync()["state"] == "converged"
    assert desk.titles() == sorted(row["subject"] for row in office.rows())
