"""Fifty colleagues: what they cost, and what one of them does to the others."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from syncd.core.channel import Direction
from syncd.pool import THREADS
from syncd.results import BridgeResult, State
from tests.people.conftest import at_work, sync, writes
from tests.people.firm import Firm, address, chinese_name
from tests.servers import Server

SIZE = 50


@pytest.fixture
def firm(tmp_path: Path, server: Server) -> Firm:
    """Fifty colleagues with two coming visits each."""
    made = Firm(tmp_path, server, SIZE)
    made.visits(2)
    return made


def _requests(result: BridgeResult) -> tuple[int, int]:
    """Statements to the CRM, and requests to all calendars."""
    crm, *calendars = (channel.requests for channel in result.channels)
    return crm, sum(calendars)


def _files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_the_crm_is_asked_once_for_all(firm: Firm) -> None:
    """One statement a cycle, as with one colleague; one request for each calendar."""
    with at_work(firm) as deployment:
        (first,) = deployment.sync()
        assert (first.state, sum(writes(first).values())) == (State.CONVERGED, 2 * SIZE)
        deployment.cycle()
        (idle,) = deployment.cycle()
        assert (idle.state, writes(idle)) == (State.CONVERGED, {})
        assert _requests(idle) == (1, SIZE)
    assert {len(firm.subjects(number)) for number in (0, 17, 49)} == {2}
    assert firm.subjects(17) == ["拜访客户 17-0", "拜访客户 17-1"]


def test_connections_do_not_grow_with_the_calendars(firm: Firm) -> None:
    """A few threads and sockets, as many as the manifest allows at once; none is left over."""
    before = _files()
    with at_work(firm) as deployment:
        deployment.cycle()
        deployment.cycle()
        threads = [t for t in threading.enumerate() if t.name.startswith(THREADS)]
        assert len(threads) < 40
        assert _files() - before < 40


def test_one_visit_that_is_handed_on_touches_two_calendars(firm: Firm) -> None:
    sync(firm)
    firm.change("拜访客户 7-0", owner_email=address(8))
    result = sync(firm)
    assert writes(result) == {"nextcloud-u0007": 1, "nextcloud-u0008": 1}
    assert firm.subjects(8) == ["拜访客户 7-0", "拜访客户 8-0", "拜访客户 8-1"]


def test_bad_lines_stop_nobody(firm: Firm) -> None:
    """Invariant 9: lines that became bad are told with their number, without names or addresses
    (invariant 11); the others are served as before, and nothing is deleted."""
    sync(firm)
    before = firm.keys()
    firm.lines[3]["email"] = "nobody"
    firm.lines[5]["email"] = address(4)
    firm.lines[7]["nextcloud"] = firm.lines[6]["nextcloud"]
    firm.tell()
    firm.change("拜访客户 9-0", subject="改了 9-0")
    with at_work(firm) as deployment:
        warnings = [each.rpartition("/")[2] for each in deployment.settings.warnings]
        (result,) = deployment.sync()
    assert warnings == [
        "people.csv:5: email is no address",
        "people.csv:7: its email already stands in line 6",
        "people.csv:9: its calendar already stands in line 8; it gets no channel",
    ]
    assert not any(chinese_name(n) in each for n in (3, 5, 7) for each in warnings)
    assert (result.state, writes(result)) == (State.CONVERGED, {"nextcloud-u0009": 1})
    assert {n: keys for n, keys in firm.keys().items() if n != 7} == {
        n: keys for n, keys in before.items() if n != 7
    }


def test_wrong_calendars_stop_nobody(firm: Firm) -> None:
    """Invariant 9: a cell that is no calendar, calendars that are not there, one on another
    host. The others are served in the same cycle, again and again; the wrong ones are named."""
    home = firm.server.home
    for number, cell in enumerate(
        [f"{home}nobody/", home, "https://elsewhere.example/dav/x/", "没有这个日历"], start=10
    ):
        firm.lines[number]["nextcloud"] = cell
    for number in range(14, 20):
        firm.lines[number]["nextcloud"] = f"{home}gone-{number}/"
    firm.tell()
    with at_work(firm) as deployment:
        (result,) = deployment.cycle()
        assert result.state is State.FAILED
        wrong = {f"nextcloud-u{number:04d}" for number in range(10, 20)}
        assert wrong == {name for name in map(_name, range(SIZE)) if f"{name}:" in result.reason}
        assert sum(writes(result).values()) == 2 * (SIZE - 10)
        firm.change("拜访客户 9-0", subject="改了 9-0")
        (result,) = deployment.cycle()
        assert writes(result) == {"nextcloud-u0009": 1}


def _name(number: int) -> str:
    return f"nextcloud-u{number:04d}"


def test_check_asks_all_and_names_the_wrong(firm: Firm) -> None:
    """Side by side, each with what is wrong; progress counts every one of them."""
    firm.lines[10]["nextcloud"] = f"{firm.server.home}nobody/"
    firm.lines[20]["nextcloud"] = "没有这个日历"
    firm.tell()
    steps: list[tuple[int, int]] = []
    with at_work(firm) as deployment:
        found = deployment.check(lambda done, total: steps.append((done, total)))
    assert steps == [(done, SIZE + 1) for done in range(1, SIZE + 2)]
    assert [each.channel.name for each in found if not each.is_right] == [_name(10), _name(20)]
    assert all(each.writes for each in found)
    assert all(each.channel.direction is Direction.BOTH for each in found)


@pytest.fixture
def most_at_once(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many channels were being checked at the same time, at each beginning."""
    from connectors.caldav.connector import CalDavConnector

    asked, lock, seen = CalDavConnector.check, threading.Lock(), [0]
    running = 0

    def counted(self: CalDavConnector) -> object:
        nonlocal running
        with lock:
            running += 1
            seen.append(running)
        try:
            return asked(self)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(CalDavConnector, "check", counted)
    return seen


def test_check_keeps_to_the_limit_of_the_manifest(firm: Firm, most_at_once: list[int]) -> None:
    """No more sign-ins at once than the connector's manifest allows."""
    with at_work(firm) as deployment:
        deployment.check()
    assert len(most_at_once) == SIZE + 1
    assert 1 < max(most_at_once) <= 8
