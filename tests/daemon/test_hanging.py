"""A server that accepts requests and never answers costs the others nothing."""

from __future__ import annotations

import threading
from pathlib import Path
from uuid import uuid4

from tests.daemon.conftest import daemon, wait_for
from tests.office import Desk, Office
from tests.servers import Server
from tests.wire.proxy import Fault, door


def test_the_others_go_on_while_a_server_hangs(tmp_path: Path, radicale_server: Server) -> None:
    """Invariant 9: an edit arrives in the other calendar while the first request that hangs is
    still waited for; what the one missed reaches it later, once."""
    release, asked = threading.Event(), list[int]()

    def hang() -> None:
        asked.append(1)
        release.wait(240)

    names = [f"{name}-{uuid4().hex[:8]}" for name in ("alice", "bob")]
    urls = [radicale_server.calendar(name) for name in names]
    with door(radicale_server.url) as proxy:
        alice = Desk("alice", radicale_server, urls[0])
        bob = Desk("bob", radicale_server, urls[1], door=proxy.url)
        office = Office(tmp_path, [alice, bob])
        office.visits(3)
        with daemon(office) as running:
            assert wait_for(lambda: len(bob.items()) == len(alice.items()) == 3)
            proxy.fail(Fault("REPORT", then=hang, times=1000))
            assert wait_for(lambda: asked)
            office.change(office.rows()[0]["id"], subject="改期：王总")
            office.visits(1, subject="新客户", place="会议室")
            assert wait_for(lambda: {"改期：王总", "新客户"} <= set(alice.titles()))
            assert len(asked) == 1, "it was waited for, and asked again"
            assert "改期：王总" not in bob.titles()
            proxy.mend()
            release.set()
            assert wait_for(lambda: bob.titles() == alice.titles())
            code, _ = running.end()
        assert code == 0
        assert len(bob.items()) == len(office.rows()) == 4


def test_it_ends_while_a_look_hangs_beside_it(tmp_path: Path, radicale_server: Server) -> None:
    """Invariant 10: SIGTERM, while the cycles go on without the channel."""
    release, asked = threading.Event(), list[int]()

    def hang() -> None:
        asked.append(1)
        release.wait(240)

    names = [f"{name}-{uuid4().hex[:8]}" for name in ("alice", "bob")]
    urls = [radicale_server.calendar(name) for name in names]
    with door(radicale_server.url) as proxy:
        alice = Desk("alice", radicale_server, urls[0])
        bob = Desk("bob", radicale_server, urls[1], door=proxy.url)
        office = Office(tmp_path, [alice, bob])
        office.visits(2)
        with daemon(office) as running:
            assert wait_for(lambda: len(bob.items()) == len(alice.items()) == 2)
            proxy.fail(Fault("REPORT", then=hang, times=1000))
            assert wait_for(lambda: asked)
            office.visits(1, subject="新客户")
            assert wait_for(lambda: "新客户" in alice.titles())
            code, took = running.end()
        release.set()
    assert code == 0
    assert took < 10
    bob.door = ""
    office.configure()
    assert office.sync()["state"] == "converged"
    assert bob.titles() == alice.titles()
