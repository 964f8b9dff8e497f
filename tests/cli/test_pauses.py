"""``status``: of everything that rests for a while, when it is tried again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from syncd.breakers import CIRCUIT, encode
from syncd.core.state import WHOLE
from syncd.schedule import Circuit, Fault
from syncd.store import Store
from tests.cli.conftest import Call
from tests.office import Desk, Office
from tests.servers import Server, radicale

HERE = ZoneInfo("Asia/Shanghai")


def _local(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(HERE):%Y-%m-%d %H:%M:%S}"


def _lines(call: Call) -> list[str]:
    """What people see; each time is in the one zone that is named."""
    shown = call("status").out
    assert shown.count("times in Asia/Shanghai") == 1
    assert "+00:00" not in shown
    return shown.splitlines()


def test_a_channel_that_refuses_us_is_asked_again_at(
    tmp_path: Path, call: Call, xandikos_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """401: the circuit of its system is still closed, the channel itself waits."""
    with radicale("alice", "right") as strict:
        bobs = xandikos_server.calendar(f"bob-{uuid4().hex[:8]}")
        desks = [
            Desk("alice", strict, strict.calendar("work")),
            Desk("bob", xandikos_server, bobs),
        ]
        office = Office(tmp_path, desks)
        for variable, value in office.environment.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv("CALDAV_PASSWORD", "wrong")
        office.visits(1)
        assert call("sync").code == 1
        alice = call("status", "--json").json["channels"][1]
        assert (alice["channel"], alice["failures"]) == ("alice", 1)
        wait = datetime.fromisoformat(alice["retry_at"]) - datetime.now(UTC)
        assert timedelta(minutes=9) < wait <= timedelta(minutes=10)
        expected = f"not seen: sales/alice: asked again at {_local(alice['retry_at'])} (in 9 min)"
        assert expected in _lines(call)


@pytest.mark.parametrize(
    ("minutes", "fault", "told"),
    [
        (7, Fault.REFUSED, "at {at} (in 6 min); one channel tries (at once: "),
        (7, Fault.SILENT, "at {at} (in 6 min); one channel tries"),
        (-1, Fault.SILENT, "at its next turn; one channel tries"),
    ],
)
def test_a_system_that_is_left_alone_is_asked_again_at(
    office: Office, call: Call, minutes: int, fault: Fault, told: str
) -> None:
    """Open, paused, and about to be tried."""
    office.visits(1)
    assert call("sync").code == 0
    now = datetime.now(UTC)
    until = now + timedelta(minutes=minutes)
    circuit = Circuit(3, 1, now - timedelta(hours=1), until, fault, "it is gone")
    with Store.open(f"sqlite:///{office.folder / 'state.db'}") as store:
        store.meta_set(f"{CIRCUIT}alice-dav", encode(circuit))
    (system,) = call("status", "--json").json["systems"]
    assert (system["system"], system["fault"]) == ("alice-dav", fault.value)
    lines = call("status").out.splitlines()
    (place,) = [n for n, line in enumerate(lines) if line.startswith("left alone: alice-dav (")]
    assert lines[place + 1].startswith("  asked again " + told.format(at=_local(system["until"])))
    assert lines[place + 1].endswith("started anew)") == (fault is Fault.REFUSED)


def test_what_is_set_aside_is_tried_again_at(office: Office, call: Call) -> None:
    """In words, and on our clock."""
    office.visits(1)
    assert call("sync").code == 0
    now = datetime.now(UTC)
    with Store.open(f"sqlite:///{office.folder / 'state.db'}") as store:
        store.set_aside("sales", "a1", "crm", WHOLE, (), "拒绝", now, now + timedelta(hours=23))
    (aside,) = call("status", "--json").json["aside"]
    told = f"  tried again at {_local(aside['until'])} (in 22 h), or: syncd retry a1"
    assert told in _lines(call)


def test_writes_that_are_refused_are_tried_again_at(office: Office, call: Call) -> None:
    """The CRM can be read and is locked for writing: its channel is seen, and does not take it."""
    text = office.config.read_text("utf-8")
    text = text.replace('url = "sqlite:///crm.db"', 'url = "sqlite:///crm.db"\ntimeout = 1')
    office.config.write_text(text, "utf-8")
    office.visits(1)
    assert call("sync").code == 0
    office.desks[0].rename("改名")
    with closing(sqlite3.connect(office.folder / "crm.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert call("sync").code == 1
        told = call("status", "--json").json
        (owed,) = told["owed"]
        assert (owed["channel"], owed["system"]) == ("sales/crm", "crm")
        assert all(not row["failures"] for row in told["channels"])
        assert call("status").code == 1, "it is seen, and yet a system fails"
        lines = call("status").out.splitlines()
        (place,) = [
            n for n, line in enumerate(lines) if line.startswith("owed: sales/crm: 1 write")
        ]
        assert "SQLITE_BUSY" in lines[place]
        assert lines[place + 1].startswith("  tried again at")
        writer.execute("ROLLBACK")
    assert call("sync").code == 0
    assert office.rows()[0]["subject"] == "改名"
    assert call("status", "--json").json["owed"] == []
    assert call("status").code == 0
    assert "owed" not in call("status").out
