"""``syncd run`` over real servers: it converges, obeys signals, and keeps going."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from uuid import uuid4

import pytest

from tests.daemon.conftest import daemon, wait_for
from tests.office import Desk, Office
from tests.servers import Server, free_port, radicale


@pytest.fixture
def office(tmp_path: Path, radicale_server: Server, xandikos_server: Server) -> Office:
    """A CRM, Alice's calendar on Radicale, Bob's on Xandikos."""
    servers = {"alice": radicale_server, "bob": xandikos_server}
    desks = [Desk(name, s, s.calendar(f"{name}-{uuid4().hex[:8]}")) for name, s in servers.items()]
    return Office(tmp_path, desks)


def _everywhere(office: Office, title: str) -> bool:
    titles = [desk.titles() for desk in office.desks] + [[r["subject"] for r in office.rows()]]
    return all(each == [title] for each in titles)


def test_it_converges_an_edit_and_ends_on_sigterm(office: Office) -> None:
    """An edit in one calendar is everywhere some polls later; SIGTERM: exit 0 within 10 s."""
    office.visits(1)
    with daemon(office) as running:
        assert wait_for(lambda: all(len(desk.items()) == 1 for desk in office.desks))
        office.desks[0].rename("umbenannt 📅")
        assert wait_for(lambda: _everywhere(office, "umbenannt 📅"))
        office.change(1, subject="aus dem CRM")
        assert wait_for(lambda: _everywhere(office, "aus dem CRM"))
        code, took = running.end()
    assert code == 0
    assert took < 10
    assert running.told()[-1]["event"] == "stopped"


def test_sighup_takes_the_new_configuration(office: Office) -> None:
    """A bad one is refused with a clear line and the old one stays; a good one is taken."""
    office.visits(1)
    with daemon(office) as running:
        good = office.config.read_text("utf-8")
        office.config.write_text(good.replace('mapping = "visits"', 'mapping = "visitz"'), "utf-8")
        running.process.send_signal(signal.SIGHUP)
        assert running.said("configuration refused", "visitz")
        _edited(office, "mit der alten Konfiguration")
        (office.folder / "own.toml").write_text('[[rule]]\nfields = ["*"]\nprefer = "ask"\n')
        named = good.replace('name = "sales"', 'name = "sales"\nmode = "observe"', 1)
        office.config.write_text(named, "utf-8")
        running.process.send_signal(signal.SIGHUP)
        assert wait_for(lambda: sum("started" in line for line in running.lines) >= 2)
        office.change(1, subject="wird nur beobachtet")
        assert running.said("observed", "sales/crm")
        code, _ = running.end()
    assert code == 0
    assert office.desks[0].titles() == ["mit der alten Konfiguration"]
    assert not any("Traceback" in line for line in running.lines)


def _edited(office: Office, title: str) -> None:
    office.change(1, subject=title)
    assert wait_for(lambda: _everywhere(office, title))


def test_the_second_daemon_refuses(office: Office) -> None:
    """One store, one daemon: the second says why in one line, exit 1; so does ``sync``."""
    office.visits(1)
    with daemon(office) as running:
        for command in ("run", "sync", "plan"):
            second = office.run(command)
            assert second.returncode == 1
            assert second.stdout == ""
            assert second.stderr.strip() == "error: another syncd is at work on this store"
        assert office.run("status").returncode in (0, 1)
        assert running.process.poll() is None
        assert running.end()[0] == 0


def test_a_dead_server_stops_nobody_and_misses_nothing(
    tmp_path: Path, xandikos_server: Server
) -> None:
    """Invariant 9: one server's process is stopped, the others go on; back, it is told all."""
    with radicale() as mortal:
        desks = [
            Desk("alice", mortal, mortal.calendar("alice-work")),
            Desk("bob", xandikos_server, xandikos_server.calendar(f"bob-{uuid4().hex[:8]}")),
        ]
        office = Office(tmp_path, desks, extra="")
        text = office.config.read_text("utf-8").replace("timeout = 20", "timeout = 2")
        office.config.write_text(text, "utf-8")
        office.visits(1)
        with daemon(office) as running:
            assert wait_for(lambda: all(len(desk.items()) == 1 for desk in desks))
            mortal.process.send_signal(signal.SIGSTOP)
            try:
                office.change(1, subject="unterdessen")
                assert wait_for(lambda: desks[1].titles() == ["unterdessen"])
                desks[1].rename("und noch einmal")
                assert wait_for(lambda: office.rows()[0]["subject"] == "und noch einmal")
                assert running.said("not observed", "sales/alice")
            finally:
                mortal.process.send_signal(signal.SIGCONT)
            assert wait_for(lambda: desks[0].titles() == ["und noch einmal"])
            assert running.end()[0] == 0


def test_a_wrong_password_concerns_only_its_channel(
    tmp_path: Path, xandikos_server: Server
) -> None:
    """Unauthorized is shown by status; the others go on."""
    with radicale("alice", "right-password") as strict:
        desks = [
            Desk("alice", strict, strict.calendar("work")),
            Desk("bob", xandikos_server, xandikos_server.calendar(f"bob-{uuid4().hex[:8]}")),
        ]
        office = Office(tmp_path, desks)
        office.visits(1)
        password = office.folder / "password"
        password.write_text("wrong-password", "utf-8")
        os.chmod(password, 0o600)
        text = office.config.read_text("utf-8")
        text = text.replace('{ env = "CALDAV_PASSWORD" }', '{ file = "password" }')
        office.config.write_text(text, "utf-8")
        with daemon(office) as running:
            assert wait_for(lambda: len(desks[1].items()) == 1)
            status = office.run("status")
            assert status.returncode == 1
            assert "401" in status.stdout
            assert "wrong-password" not in status.stdout + "".join(running.lines)
            assert running.said("Unauthorized", "alice")
            password.write_text("right-password", "utf-8")
            running.process.send_signal(signal.SIGHUP)
            assert wait_for(lambda: len(desks[0].items()) == 1)
            assert running.end()[0] == 0


BROKEN = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:broken@x\r\n"
    "DTSTAMP:20260101T000000Z\r\nSUMMARY:Geheimtitel\r\nDTSTART:20270102T100000Z\r\n"
    "DTEND:20270102T110000Z\r\nRRULE:FREQ=SECONDLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def test_a_broken_event_is_one_line(office: Office) -> None:
    """Invariant 9: what cannot be read is named in status, once, without its title."""
    office.visits(1)
    desk = office.desks[0]
    key = desk.server.put(desk.url, "broken.ics", BROKEN)
    with daemon(office) as running:
        assert wait_for(lambda: len(office.desks[1].items()) == 1)
        assert len(desk.items()) == 2
        lines = office.run("status").stdout.splitlines()
        running.end()
    (line,) = [line for line in lines if line.startswith("unreadable:")]
    assert key in line
    assert "Geheimtitel" not in line + "".join(running.lines)


def test_logs_are_json_with_cycles_and_without_personal_data(office: Office) -> None:
    """Invariant 11: no title, place, name, address or password; one id in each cycle's lines."""
    office.visits(3, notes="streng vertraulich", customer_email="kunde@geheim.example")
    with daemon(office) as running:
        assert wait_for(lambda: all(len(desk.items()) == 3 for desk in office.desks))
        office.change(1, subject="Umbenannt Zürich 王芳", place="Geheimgasse 7")
        assert wait_for(lambda: "Umbenannt Zürich 王芳" in office.desks[1].titles())
        path = next(iter(office.desks[0].items()))
        office.desks[0].server.delete(path)
        assert wait_for(lambda: len(office.desks[1].items()) == 2)
        port = free_port()
        running.process.send_signal(signal.SIGHUP)
        assert wait_for(lambda: sum("started" in line for line in running.lines) >= 2)
        running.end()
    told = running.told()
    assert port
    assert len(told) > 5
    everything = "\n".join(running.lines)
    private = ["拜访", "Besuch", "上海", "Mueller", "alice@", "geheim", "vertraulich", "Zürich"]
    private += ["Umbenannt", "Geheimgasse", "王芳", "CALDAV_PASSWORD", "@example.com"]
    assert [word for word in private if word in everything] == []
    assert {"event", "level", "timestamp"} <= set.intersection(*(set(each) for each in told))
    outside = ("started", "stopped", "configuration taken", "pages served")
    inside = [each for each in told if each["event"] not in outside]
    assert all(re.fullmatch(r"\d{8}T\d{6}-[0-9a-f]+", each["cycle"]) for each in inside)
