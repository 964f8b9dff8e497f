"""A server that accepts requests and never answers costs the others nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from syncd.config import load
from syncd.deployment import Deployment
from syncd.plugins import Plugins
from syncd.store import Store
from tests.daemon.conftest import daemon, wait_for
from tests.office import Desk, Office
from tests.servers import Server
from tests.wire.proxy import Fault, Proxy, door


class Pair:
    """Alice's calendar, and Bob's behind a door at which requests can be made to hang."""

    def __init__(self, folder: Path, server: Server, proxy: Proxy) -> None:
        alice, bob = (server.calendar(f"{name}-{uuid4().hex[:8]}") for name in ("alice", "bob"))
        self.alice, self.bob = Desk("alice", server, alice), Desk("bob", server, bob)
        self.bob.door = proxy.url
        self.office = Office(folder, [self.alice, self.bob])
        self.release, self.asked, self._proxy = threading.Event(), list[int](), proxy

    def hang(self, method: str = "REPORT") -> None:
        """From now on no look at Bob's calendar is answered, or no such request."""
        self._proxy.mend()
        self._proxy.fail(Fault(method, then=self._wait, times=1000))

    def refuse(self) -> None:
        """No write to Bob's calendar is accepted."""
        self._proxy.fail(Fault("PUT", status=503, times=1000))

    def mend(self) -> None:
        """All is answered again, also what hangs."""
        self._proxy.mend()
        self.release.set()

    def has(self, number: int) -> bool:
        """Whether so many events are in either calendar."""
        return len(self.bob.items()) == len(self.alice.items()) == number

    def _wait(self) -> None:
        self.asked.append(1)
        self.release.wait(240)


@pytest.fixture
def pair(tmp_path: Path, radicale_server: Server) -> Iterator[Pair]:
    """Both calendars, and a CRM."""
    with door(radicale_server.url) as proxy:
        made = Pair(tmp_path, radicale_server, proxy)
        yield made
        made.mend()


def test_the_others_go_on_while_a_server_hangs(pair: Pair) -> None:
    """Invariant 9: an edit arrives in the other calendar while the first request that hangs is
    still waited for; what the one missed reaches it later, once."""
    office, alice, bob = pair.office, pair.alice, pair.bob
    office.visits(3)
    with daemon(office) as running:
        assert wait_for(lambda: pair.has(3))
        pair.hang()
        assert wait_for(lambda: pair.asked)
        office.change(office.rows()[0]["id"], subject="改期：王总")
        office.visits(1, subject="新客户", place="会议室")
        assert wait_for(lambda: {"改期：王总", "新客户"} <= set(alice.titles()))
        assert len(pair.asked) == 1, "it was waited for, and asked again"
        assert "改期：王总" not in bob.titles()
        pair.mend()
        assert wait_for(lambda: bob.titles() == alice.titles())
        code, _ = running.end()
    assert code == 0
    assert len(bob.items()) == len(office.rows()) == 4


def test_it_ends_while_a_look_hangs_beside_it(pair: Pair) -> None:
    """Invariant 10: SIGTERM, while the cycles go on without the channel."""
    office = pair.office
    office.visits(2)
    with daemon(office) as running:
        assert wait_for(lambda: pair.has(2))
        pair.hang()
        assert wait_for(lambda: pair.asked)
        office.visits(1, subject="新客户")
        assert wait_for(lambda: "新客户" in pair.alice.titles())
        code, took = running.end()
    assert code == 0
    assert took < 10
    pair.mend()
    assert office.sync()["state"] == "converged"
    assert pair.bob.titles() == pair.alice.titles()


def test_a_write_that_hangs_is_not_waited_for_where_the_last_one_failed(pair: Pair) -> None:
    """Invariants 3 and 9: the cycle ends while it is still under way, and the next one goes on;
    what it may have made is looked for, and there is one of each at the end."""
    office, alice, bob = pair.office, pair.alice, pair.bob
    text = office.config.read_text("utf-8")
    office.config.write_text(text.replace("timeout = 20", "timeout = 240"), "utf-8")
    office.visits(1)
    settings = load(office.config, Plugins(), office.environment)
    watchdog = threading.Timer(120, pair.mend)
    with (
        Store.open(settings.daemon.state.reveal()) as store,
        Deployment(settings, store, patience=0.3) as deployment,
    ):
        deployment.sync()
        assert pair.has(1)
        pair.refuse()
        office.visits(1, subject="新客户")
        deployment.cycle()
        pair.hang("PUT")
        watchdog.start()
        office.visits(1, subject="第三位客户")
        deployment.cycle()
        assert pair.asked
        office.change(office.rows()[0]["id"], subject="改期：王总")
        deployment.cycle()
        assert not pair.release.is_set(), "it was waited for"
        assert {"改期：王总", "新客户", "第三位客户"} == set(alice.titles())
        pair.mend()
        watchdog.cancel()
        assert wait_for(lambda: deployment.cycle() is not None and pair.has(3))
    assert bob.titles() == alice.titles()
