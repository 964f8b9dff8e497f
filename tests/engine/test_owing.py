"""Writes fail and looks succeed: what rests, what goes on, and what comes back when."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from connectors.sql.crm.schema import visit
from syncd.deployment import Deployment
from syncd.results import BridgeResult, State
from syncd.schedule import BACKOFF_MOST
from tests.engine.listening import dead_server
from tests.engine.test_dead_server import Clock, company, deployed, visits
from tests.office import MONDAY, Desk
from tests.servers import Server
from tests.wire.proxy import Fault, Proxy, door

MINUTE = timedelta(minutes=1)
ALWAYS = 10**6


class Firm:
    """A CRM and two calendars of one server, behind a door."""

    def __init__(self, folder: Path, server: Server, proxy: Proxy) -> None:
        self.folder, self.door, self.clock = folder, proxy, Clock()
        names = [f"{name}-{uuid4().hex[:8]}" for name in ("alice", "wang")]
        self.desks = [Desk(name, server, server.calendar(name)) for name in names]
        paths = [desk.url.removeprefix(server.url.rstrip("/")) for desk in self.desks]
        self.text = company(folder, proxy.url, paths)

    def add(self, name: str) -> None:
        """One more visit."""
        start = MONDAY + timedelta(days=3)
        values = {"subject": name, "starts_at": start, "ends_at": start + 45 * MINUTE}
        execute(self.folder, sa.insert(visit).values(state="confirmed", **values))

    def rename(self, old: str, new: str) -> None:
        """Somebody changes a title in the CRM."""
        execute(self.folder, sa.update(visit).where(visit.c.subject == old).values(subject=new))

    def titles(self) -> list[str]:
        """Those of the CRM."""
        with closing(sqlite3.connect(self.folder / "crm.db")) as crm:
            return [row[0] for row in crm.execute("SELECT subject FROM visit ORDER BY id")]

    def puts(self) -> int:
        """How many writes the server was asked for."""
        return sum(method == "PUT" for method, _ in self.door.seen)

    def counts(self) -> list[int]:
        """How many events are in each calendar."""
        return [len(desk.items()) for desk in self.desks]


def execute(folder: Path, statement: sa.Executable) -> None:
    """Somebody works in the CRM."""
    engine = sa.create_engine(f"sqlite:///{folder / 'crm.db'}")
    with engine.begin() as connection:
        connection.execute(statement)
    engine.dispose()


@pytest.fixture
def firm(tmp_path: Path, radicale_server: Server) -> Iterator[Firm]:
    with door(radicale_server.url) as proxy:
        yield Firm(tmp_path, radicale_server, proxy)


def cycle(deployment: Deployment) -> BridgeResult:
    (result,) = deployment.cycle()
    return result


def test_a_locked_item_stops_no_other(firm: Firm) -> None:
    """Invariant 9: one of twelve events is locked (HTTP 423); the others of its calendar, and of
    its server, arrive in the same cycle, and it arrives once it is free."""
    visits(firm.folder, 12)
    locked = firm.door.fail(Fault("PUT", has="Besuch 3", status=423, times=ALWAYS))
    with deployed(firm.folder, firm.text, firm.clock) as deployment:
        assert cycle(deployment).state is State.FAILED
        assert firm.counts() == [11, 11]
        assert locked.times == ALWAYS - 2, "asked once for each calendar"
        firm.door.mend()
        firm.clock.later(MINUTE)
        assert cycle(deployment).state is State.CONVERGED
        assert firm.counts() == [12, 12]
        assert deployment.store.debts() == []


def test_a_calendar_without_rights_stops_no_other(firm: Firm) -> None:
    """Invariant 9: the server says which privilege we lack in the one; the other gets its own."""
    visits(firm.folder, 3)
    alice = firm.desks[0].name
    firm.door.fail(Fault("PUT", has=alice, status=403, body=PRIVILEGES, times=ALWAYS))
    with deployed(firm.folder, firm.text, firm.clock) as deployment:
        assert cycle(deployment).state is State.FAILED
    assert firm.counts() == [0, 3]


PRIVILEGES = b'<?xml version="1.0"?><D:error xmlns:D="DAV:"><D:need-privileges/></D:error>'


def test_a_write_that_is_accepted_calls_the_others(firm: Firm) -> None:
    """Invariant 9: two writes have failed for an hour and wait half an hour each; when another one
    is accepted they are made in the same cycle."""
    visits(firm.folder, 1)
    firm.door.fail(Fault("PUT", status=503, times=ALWAYS))
    with deployed(firm.folder, firm.text, firm.clock) as deployment:
        for _ in range(60):
            assert cycle(deployment).state is State.FAILED, "said as long as it is owed"
            firm.clock.later(MINUTE)
        while _next(deployment) < firm.clock() + 5 * MINUTE:
            cycle(deployment)
            firm.clock.later(MINUTE)
        firm.door.mend()
        assert cycle(deployment).state is State.FAILED, "its time has not come"
        firm.add("新客户")
        assert cycle(deployment).state is State.CONVERGED
        assert firm.counts() == [2, 2]


def _next(deployment: Deployment) -> datetime:
    found = deployment.store.next_retry("sales")
    assert found is not None
    return found


def test_a_system_that_takes_no_writes_is_left_alone(firm: Firm) -> None:
    """Invariant 9: for two hours a server answers looks and refuses writes. It is asked for
    a write seldom, by another one each time; what people do in its calendars arrives; and once
    it is back one write tells, and all that is owed arrives in that cycle."""
    visits(firm.folder, 6)
    with deployed(firm.folder, firm.text, firm.clock) as deployment:
        assert cycle(deployment).state is State.CONVERGED
        for each in range(6):
            firm.rename(f"拜访 Besuch {each}", f"改期 {each}")
        before = firm.puts()
        firm.door.fail(Fault("PUT", status=503, times=ALWAYS))
        for minute in range(120):
            assert cycle(deployment).state is State.FAILED
            firm.clock.later(MINUTE)
            if minute == 5:
                firm.add("新的")  # a new edit is no reason to ask
        assert firm.puts() - before < 12 + 20
        assert sum(debt.writes for debt in deployment.store.debts()) == 14
        path, body = next(iter(firm.desks[0].items().items()))
        edited = body.replace("SUMMARY:拜访", "SUMMARY:日历里改的")
        firm.desks[0].server.put("", path, edited)
        cycle(deployment)
        assert any("日历里改的" in title for title in firm.titles())
        firm.door.mend()
        waited = 0
        while cycle(deployment).state is State.FAILED:
            owed = sum(debt.writes for debt in deployment.store.debts())
            assert owed > 12, "all of them arrive together"
            firm.clock.later(MINUTE)
            waited += 1
        assert waited * MINUTE <= BACKOFF_MOST + MINUTE
        assert firm.counts() == [7, 7]
        assert firm.desks[0].titles() == firm.desks[1].titles() == sorted(firm.titles())


def test_an_item_that_always_fails_is_no_outage(firm: Firm) -> None:
    """Invariant 9: the server breaks at one event (HTTP 500), at each try, for ever. What else is
    made in its calendars arrives in the cycle that sees it, and the bad one is tried seldom."""
    firm.add("Gift 毒")
    broken = firm.door.fail(Fault("PUT", has="Gift", status=500, times=ALWAYS))
    tries: list[int] = []
    with deployed(firm.folder, firm.text, firm.clock) as deployment:
        # Alone at first: only its second failure tells that it is the item, and not its server.
        assert cycle(deployment).state is State.FAILED
        firm.clock.later(5 * MINUTE)
        for number in range(40):
            firm.add(f"gut {number}")
            assert cycle(deployment).state is State.FAILED
            assert firm.counts() == [number + 1, number + 1], number
            firm.clock.later(5 * MINUTE)
            tries.append(ALWAYS - broken.times)
        assert tries[-1] - tries[19] <= 2 * 20 / 4, "two copies, by their own waits alone"
        assert all(debt.writes == 1 for debt in deployment.store.debts())


def test_a_dead_server_is_asked_for_no_write(tmp_path: Path, radicale_server: Server) -> None:
    """While its circuit is open edits in the CRM cost it no connection (invariant 9); they arrive
    when it is back."""
    clock = Clock()
    name = f"c-{uuid4().hex[:8]}"
    desk = Desk(name, radicale_server, radicale_server.calendar(name))
    with dead_server() as server:
        server.target = radicale_server.url
        path = desk.url.removeprefix(radicale_server.url.rstrip("/"))
        text = company(tmp_path, server.url, [path])
        visits(tmp_path, 2)
        with deployed(tmp_path, text, clock) as deployment:
            for _ in range(2):  # the second one shows what the first one wrote
                assert cycle(deployment).state is State.CONVERGED
            server.target = ""
            for _ in range(4):
                clock.later(MINUTE)
                cycle(deployment)
            assert not deployment.around.breakers.circuit("dav").is_closed
            before = server.count
            execute(tmp_path, sa.update(visit).where(visit.c.id == 1).values(subject="改期"))
            assert cycle(deployment).state is State.FAILED
            assert server.since(before) == 0
            (debt,) = deployment.store.debts()
            assert (debt.channel, debt.writes) == ("sales/dav-c0", 1)
            assert "does not answer" in debt.reason
            server.target = radicale_server.url
            clock.later(BACKOFF_MOST)
            assert cycle(deployment).state is State.CONVERGED
            assert "改期" in desk.titles()


@contextmanager
def locked(file: Path, how: str) -> Iterator[None]:
    """Another program keeps the CRM locked, in the journal mode that most have."""
    with closing(sqlite3.connect(file, isolation_level=None)) as crm:
        crm.execute("PRAGMA journal_mode = DELETE")
        crm.execute(f"BEGIN {how}")
        yield
        crm.execute("ROLLBACK")


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_locked_crm_is_waited_for_once_a_cycle(firm: Firm, how: str) -> None:
    """Invariant 9: nobody can write to the CRM, or not even read it. Each statement to it waits
    as long as is configured, so that there is one a cycle and not one for each write; the other
    channels go on."""
    text = firm.text.replace('mapping = "visits"', 'mapping = "visits"\ntimeout = 0.05')
    visits(firm.folder, 9)
    with deployed(firm.folder, text, firm.clock) as deployment:
        assert cycle(deployment).state is State.CONVERGED
    with locked(firm.folder / "crm.db", how), deployed(firm.folder, text, firm.clock) as at_work:
        alice, wang = firm.desks
        for path, body in alice.items().items():
            alice.server.put("", path, body.replace("Besuch", "verschoben"))
        for _ in range(4):
            result = cycle(at_work)
            assert result.state is State.FAILED
            asked = {channel.name: channel.requests for channel in result.channels}
            assert asked["crm"] <= (2 if how == "EXCLUSIVE" else 12), asked
            firm.clock.later(MINUTE)
        assert all("verschoben" in title for title in wang.titles())
        (debt,) = at_work.store.debts()
        assert (debt.channel, debt.writes) == ("sales/crm", 9)
        assert "SQLITE_BUSY" in debt.reason
        firm.clock.later(BACKOFF_MOST)
    with deployed(firm.folder, firm.text, firm.clock) as deployment:
        assert cycle(deployment).state is State.CONVERGED, "who starts anew waits for nothing"
        assert all("verschoben" in title for title in firm.titles())
