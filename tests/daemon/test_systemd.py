"""What the service manager is told: read from a real notification socket."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest

from syncd.systemd import MOST_STATUS, Systemd
from tests.daemon.conftest import daemon, wait_for
from tests.office import Desk, Office
from tests.servers import Server
from tests.wire.proxy import Fault, door


class Init:
    """Listens at ``address``. ``told``: each message with the time (monotonic) that it came."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.told: list[tuple[float, dict[str, str]]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with suppress(OSError):
            while text := self._socket.recv(4096).decode():
                message = dict(line.split("=", 1) for line in text.splitlines())
                self.told.append((time.monotonic(), message))

    def of(self, name: str) -> list[str]:
        """The values of this assignment, in order."""
        return [message[name] for _, message in self.told[:] if name in message]

    def silence(self) -> float:
        """Seconds since the last sign of life."""
        last = max(at for at, message in self.told[:] if "WATCHDOG" in message)
        return time.monotonic() - last

    def order(self, *names: str) -> list[str]:
        """Which of the assignments came, in order; each run of equal ones once."""
        found: list[str] = []
        for _, message in self.told[:]:
            for name in names:
                if name in message and found[-1:] != [name]:
                    found.append(name)
        return found

    def close(self) -> None:
        """Listen no longer."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


@contextmanager
def listening(address: str) -> Iterator[Init]:
    """A service manager's end of the line."""
    manager = Init(address)
    try:
        yield manager
    finally:
        manager.close()


def watched(manager: Init, seconds: float = 60) -> dict[str, str]:
    """The environment that the service manager gives."""
    return {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": str(int(seconds * 1_000_000))}


@pytest.fixture
def office(tmp_path: Path, radicale_server: Server) -> Office:
    """A CRM and Alice's calendar."""
    url = radicale_server.calendar(f"alice-{uuid4().hex[:8]}")
    return Office(tmp_path, [Desk("alice", radicale_server, url)])


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_a_life_from_ready_to_stopping(office: Office, tmp_path: Path, abstract: bool) -> None:
    """READY once the store is open, RELOADING and READY around a reload, STOPPING at the end;
    the status tells of cycles and of nobody's appointments."""
    office.visits(1)
    address = f"@syncd-test-{uuid4().hex}" if abstract else str(tmp_path / "notify")
    with listening(address) as manager, daemon(office, watched(manager)) as running:
        assert wait_for(lambda: manager.of("READY") == ["1"])
        assert (office.folder / "state.db").exists()
        assert wait_for(lambda: any("last cycle" in each for each in manager.of("STATUS")))
        before = time.monotonic_ns() // 1000
        running.process.send_signal(signal.SIGHUP)
        assert wait_for(lambda: len(manager.of("READY")) == 2)
        (reloading,) = [message for _, message in manager.told if "RELOADING" in message]
        assert reloading["RELOADING"] == "1"
        assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        code, _ = running.end()
    assert code == 0
    assert manager.order("READY", "RELOADING", "STOPPING") == [
        *("READY", "RELOADING", "READY", "STOPPING")
    ]
    statuses = " ".join(manager.of("STATUS"))
    assert "1 bridge, last cycle" in statuses
    assert not [word for word in ("拜访", "alice", "Mueller", "@") if word in statuses]
    assert all(len(each) <= MOST_STATUS for each in manager.of("STATUS"))


def test_a_refused_configuration_ends_the_reload_too(office: Office, tmp_path: Path) -> None:
    """Else the service manager waits for ever; the status says that the old one is at work."""
    with (
        listening(str(tmp_path / "notify")) as manager,
        daemon(office, watched(manager)) as running,
    ):
        good = office.config.read_text("utf-8")
        office.config.write_text(good.replace("poll_interval", "pol_interval"), "utf-8")
        running.process.send_signal(signal.SIGHUP)
        assert running.said("configuration refused", "pol_interval")
        assert wait_for(lambda: manager.order("READY", "RELOADING")[-2:] == ["RELOADING", "READY"])
        assert "the last configuration was refused" in manager.of("STATUS")[-1]
        office.config.write_text(good, "utf-8")
        running.process.send_signal(signal.SIGHUP)
        assert running.said("configuration taken")
        assert wait_for(lambda: "refused" not in manager.of("STATUS")[-1])
        running.end()


def test_a_loop_that_hangs_sends_no_sign_of_life(office: Office, tmp_path: Path) -> None:
    """Somebody holds the database's lock: the loop stands still, and so does the watchdog. It
    comes back with the lock's end."""
    office.visits(1)
    with (
        listening(str(tmp_path / "notify")) as manager,
        daemon(office, watched(manager, 2)) as running,
    ):
        assert wait_for(lambda: len(office.desks[0].items()) == 1)
        assert wait_for(lambda: len(manager.of("WATCHDOG")) > 3)
        with sqlite3.connect(office.folder / "state.db") as thief:
            thief.execute("BEGIN EXCLUSIVE")
            office.change(1, subject="während die Datenbank gesperrt ist")
            assert wait_for(lambda: manager.silence() > 4)
            assert running.process.poll() is None
            thief.rollback()
        thief.close()
        assert wait_for(lambda: manager.silence() < 1)
        assert wait_for(lambda: "während" in office.desks[0].titles()[0])
        running.end()


def test_a_long_first_synchronisation_is_alive(tmp_path: Path, radicale_server: Server) -> None:
    """A server that takes its time for each of many answers: one cycle lasts several times as
    long as the watchdog waits, and every answer is a sign of life."""
    url = radicale_server.calendar(f"alice-{uuid4().hex[:8]}")
    ended: list[float] = []
    with door(radicale_server.url) as slow, listening(str(tmp_path / "notify")) as manager:
        office = Office(tmp_path, [Desk("alice", radicale_server, url, door=slow.url)])
        office.visits(40)

        def dawdle() -> None:
            time.sleep(1.2)  # what is tested is a slow server
            ended.append(time.monotonic())

        slow.fail(Fault("PUT", then=dawdle, times=1000))
        with daemon(office, watched(manager, 3)) as running:
            began = time.monotonic()
            assert wait_for(lambda: len(ended) == 40)
            assert ended[-1] - began > 6
            assert _longest_silence(manager) < 3
            running.end()


def test_a_job_that_hangs_is_no_sign_of_life(tmp_path: Path, radicale_server: Server) -> None:
    """The loop waits for an answer that never comes: nothing gets on, nothing is signalled."""
    release = threading.Event()
    url = radicale_server.calendar(f"alice-{uuid4().hex[:8]}")
    with door(radicale_server.url) as stuck, listening(str(tmp_path / "notify")) as manager:
        office = Office(tmp_path, [Desk("alice", radicale_server, url, door=stuck.url)])
        office.visits(1)
        reached = threading.Event()

        def hang() -> None:
            reached.set()
            release.wait(60)

        stuck.fail(Fault("PUT", then=hang, times=1000))
        with daemon(office, watched(manager, 2)) as running:
            assert reached.wait(60)
            assert wait_for(lambda: manager.silence() > 4)
            release.set()
            stuck.mend()
            assert wait_for(lambda: manager.silence() < 1)
            running.end()


def _longest_silence(manager: Init) -> float:
    times = [at for at, message in manager.told[:] if "WATCHDOG" in message]
    return max(after - before for before, after in pairwise(times))


def test_without_a_service_manager_nothing_is_sent(tmp_path: Path) -> None:
    """Nor to one that is gone, nor to an address of another kind; another process's watchdog is
    not ours."""
    for address in ("", str(tmp_path / "nobody"), "vsock:2:1234"):
        manager = Systemd({"NOTIFY_SOCKET": address})
        manager.ready("well")
        manager.stopping()
        assert manager.watchdog is None
    named = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "3000000"}
    assert Systemd(named).watchdog == 3.0
    assert Systemd({**named, "WATCHDOG_PID": str(os.getpid())}).watchdog == 3.0
    assert Systemd({**named, "WATCHDOG_PID": "1"}).watchdog is None
    assert Systemd({**named, "WATCHDOG_USEC": "soon"}).watchdog is None


def test_a_status_is_one_short_line(tmp_path: Path) -> None:
    with listening(str(tmp_path / "notify")) as manager:
        Systemd({"NOTIFY_SOCKET": manager.address}).status("王芳\nREADY=1 " * 100)
        assert wait_for(lambda: manager.told)
        assert list(manager.told[0][1]) == ["STATUS"]
        assert len(manager.of("STATUS")[0]) == MOST_STATUS
