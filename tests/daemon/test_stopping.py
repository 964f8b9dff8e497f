"""SIGTERM ends the daemon within 10 s, whatever it is doing, and loses nothing."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from tests.daemon.conftest import daemon, wait_for
from tests.office import Desk, Office
from tests.servers import Server
from tests.wire.proxy import Fault, door

THOUSANDS = 3000


@pytest.fixture
def office(tmp_path: Path, radicale_server: Server) -> Office:
    """A CRM and Alice's calendar."""
    url = radicale_server.calendar(f"alice-{uuid4().hex[:8]}")
    return Office(tmp_path, [Desk("alice", radicale_server, url)])


def test_in_the_middle_of_a_first_synchronisation(office: Office) -> None:
    """Invariants 3 and 10: ended at three moments of it, each time within 10 s; what was not
    begun is not called a failure; the next start goes on, and nothing is doubled."""
    office.visits(THOUSANDS)
    said = ("started", "observed", "")
    for words in said:
        with daemon(office) as running:
            if words:
                assert running.said(words)
            else:
                before = len(office.desks[0].files())
                assert wait_for(lambda before=before: len(office.desks[0].files()) > before + 20)
            code, took = running.end()
        assert code == 0
        assert took < 10, (words, took)
        assert running.told()[-1]["event"] == "stopped"
        assert not [line for line in running.lines if "not written" in line or "Traceback" in line]
    keys = set(office.desks[0].items())
    assert len(keys) >= 20
    with daemon(office) as running:
        assert wait_for(lambda: len(office.desks[0].files()) > len(keys) + 50)
        running.end()
    titles = office.desks[0].titles()
    assert len(set(titles)) == len(titles), "nothing twice"
    assert keys <= set(office.desks[0].items()), "nothing lost"


@pytest.mark.parametrize("method", ["REPORT", "PROPFIND", "PUT"])
def test_while_a_server_hangs(tmp_path: Path, radicale_server: Server, method: str) -> None:
    """In a look or in a write: it accepts the request and never answers."""
    reached, release = threading.Event(), threading.Event()

    def hang() -> None:
        reached.set()
        release.wait(60)

    url = radicale_server.calendar(f"alice-{uuid4().hex[:8]}")
    with door(radicale_server.url) as proxy:
        office = Office(tmp_path, [Desk("alice", radicale_server, url, door=proxy.url)])
        office.visits(3)
        proxy.fail(Fault(method, then=hang, times=1000))
        with daemon(office) as running:
            assert reached.wait(60)
            code, took = running.end()
        release.set()
    assert code == 0
    assert took < 10
    office.desks[0].door = ""
    office.configure()
    assert office.sync()["state"] == "converged"
    assert len(office.desks[0].files()) == 3


def test_while_its_state_is_locked(tmp_path: Path, radicale_server: Server) -> None:
    """Invariant 10: it waits inside the database's library, which no signal interrupts."""
    url = radicale_server.calendar(f"alice-{uuid4().hex[:8]}")
    with door(radicale_server.url) as proxy:
        office = Office(tmp_path, [Desk("alice", radicale_server, url, door=proxy.url)])
        office.visits(3)
        (desk,) = office.desks
        with daemon(office) as running:
            assert wait_for(lambda: len(desk.items()) == 3)
            with closing(sqlite3.connect(tmp_path / "state.db", timeout=60)) as other:
                other.execute("BEGIN EXCLUSIVE")
                office.visits(2, place="新")
                looks = len(proxy.seen)
                assert wait_for(lambda: len(proxy.seen) > looks)
                code, took = running.end()
    assert code == 0
    assert took < 10
    desk.door = ""
    office.configure()
    assert office.sync()["state"] == "converged"
    assert desk.titles() == sorted(row["subject"] for row in office.rows())
