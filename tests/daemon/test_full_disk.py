"""The state cannot grow: a limit on the size of files stands for the full disk."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.daemon.conftest import daemon, wait_for
from tests.office import Desk, Office
from tests.servers import Server, free_port

FREE = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_nothing_is_written_while_nothing_can_be_stored(
    tmp_path: Path, radicale_server: Server
) -> None:
    """Invariant 10: each cycle breaks off before its first write; it goes on by itself."""
    url = radicale_server.calendar(f"alice-{tmp_path.name}")
    page = f"127.0.0.1:{free_port()}"
    office = Office(tmp_path, [Desk("alice", radicale_server, url)], listen=page)
    office.visits(3)
    desk = office.desks[0]

    def told(metric: str) -> str:
        with urlopen(f"http://{page}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        return next(line.split()[1] for line in lines if line.startswith(f"{metric} "))

    with daemon(office) as running:
        assert wait_for(lambda: len(desk.items()) == 3)
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (1, FREE[1]))
        office.visits(4, place="新")
        assert running.said("a cycle failed", '"reason": "disk I/O error"')
        assert len(desk.items()) == 3
        assert told("syncd_store_up") == "0.0"
        assert told("syncd_cycle_crashes_total") == "0.0", "no bug, and nobody is told of one"
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, FREE)
        assert wait_for(lambda: len(desk.items()) == 7)
        assert wait_for(lambda: told("syncd_store_up") == "1.0")
        assert not any('"exception"' in line for line in running.lines)
        code, _ = running.end()
    assert code == 0
    assert office.sync()["state"] == "converged"
    assert desk.titles() == sorted(row["subject"] for row in office.rows())
