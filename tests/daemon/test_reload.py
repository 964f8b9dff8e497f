"""SIGHUP: a configuration that cannot be used is refused whole, and says why."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from tests.daemon.conftest import daemon, wait_for
from tests.office import Desk, Office
from tests.servers import Server, radicale

PEOPLE = "name,email\n王芳,wang.fang@example.com\n"


@pytest.fixture
def office(tmp_path: Path, radicale_server: Server) -> Office:
    """A CRM, Alice's calendar and a people file."""
    url = radicale_server.calendar(f"alice-{uuid4().hex[:8]}")
    found = Office(tmp_path, [Desk("alice", radicale_server, url)])
    (tmp_path / "people.csv").write_text(PEOPLE, "utf-8")
    replaced(found, "[people]", '[people]\nfile = "people.csv"')
    return found


def replaced(office: Office, old: str, new: str) -> None:
    """Edit the configuration."""
    text = office.config.read_text("utf-8")
    assert old in text
    office.config.write_text(text.replace(old, new), "utf-8")


def two_mistakes(office: Office) -> None:
    replaced(office, 'mapping = "visits"', 'mapping = "visitz"')
    replaced(office, "poll_interval", "pol_interval")


def no_toml(office: Office) -> None:
    office.config.write_text("[daemon\n", "utf-8")


def no_file(office: Office) -> None:
    office.config.unlink()


def no_people(office: Office) -> None:
    (office.folder / "people.csv").unlink()
    (office.folder / "people.csv").mkdir()


def garbled_people(office: Office) -> None:
    (office.folder / "people.csv").write_bytes(b"email\n\xff\xfe\xff\n")


def a_refusing_connector(office: Office) -> None:
    replaced(office, "timeout = 20", 'timeout = 20\nauth = "digits"')


def a_missing_secret(office: Office) -> None:
    replaced(office, 'env = "CALDAV_PASSWORD"', 'env = "CALDAV_PASSWORT"')


def another_state(office: Office) -> None:
    replaced(office, "state.db", "other.db")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (two_mistakes, ("syncd.toml:", "pol_interval")),
        (no_toml, ("syncd.toml:1",)),
        (no_file, ("syncd.toml",)),
        (no_people, ("people.csv",)),
        (garbled_people, ("people.csv:2",)),
        (a_refusing_connector, ("auth", "digest")),
        (a_missing_secret, ("CALDAV_PASSWORT",)),
        (another_state, ("daemon.state", "restart")),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_it_is_refused_and_the_old_one_stays(
    office: Office, spoil: Callable[[Office], None], says: tuple[str, ...]
) -> None:
    """The reason is in the log, nothing of the new configuration is at work, edits go on being
    carried; mended, it is taken. Invariant 11: no secret is shown."""
    office.visits(1)
    good = office.config.read_text("utf-8")
    with daemon(office) as running:
        assert wait_for(lambda: len(office.desks[0].items()) == 1)
        spoil(office)
        running.process.send_signal(signal.SIGHUP)
        assert running.said("configuration refused", *says), running.lines
        office.change(1, subject="改名了 mit der alten")
        assert wait_for(lambda: office.desks[0].titles() == ["改名了 mit der alten"])
        people = office.folder / "people.csv"
        if people.is_dir():
            people.rmdir()
        people.write_text(PEOPLE, "utf-8")
        office.config.write_text(good, "utf-8")
        running.process.send_signal(signal.SIGHUP)
        assert running.said("configuration taken")
        code, _ = running.end()
    assert code == 0
    assert sorted(path.name for path in office.folder.glob("*.db")) == ["crm.db", "state.db"]
    everything = "\n".join(running.lines)
    assert "Traceback" not in everything
    assert "a cycle failed" not in everything
    assert "wang.fang" not in everything


def test_all_mistakes_are_told(office: Office) -> None:
    """A line each."""
    with daemon(office) as running:
        replaced(office, "poll_interval", "pol_interval")
        replaced(office, "time_zone", "time_zon")
        running.process.send_signal(signal.SIGHUP)
        assert running.said("configuration refused", "daemon.pol_interval")
        assert running.said("configuration refused", "daemon.time_zon")
        running.end()
    told = [each["reason"] for each in running.told() if "refused" in each["event"]]
    assert len(told) == 2


def test_a_new_secret_is_not_logged(office: Office) -> None:
    """Invariant 11: also what a reload brought is masked; here an error would quote it."""
    office.visits(1)
    desk, secret = office.desks[0], f"geheim-{uuid4().hex}"
    (office.folder / "password").write_text(secret, "utf-8")
    os.chmod(office.folder / "password", 0o600)
    with daemon(office) as running:
        assert wait_for(lambda: len(desk.items()) == 1)
        replaced(office, '{ env = "CALDAV_PASSWORD" }', '{ file = "password" }')
        replaced(office, desk.url, desk.server.home)
        replaced(office, '\nname = "alice"', f'\nname = "alice"\ncalendar = "{secret}"')
        running.process.send_signal(signal.SIGHUP)
        assert running.said("not observed", "[masked]")
        running.end()
    assert secret not in "\n".join(running.lines)


def test_a_password_that_was_set_at_the_other_end(tmp_path: Path) -> None:
    """Nothing is written differently here; a reload asks at once, not ten minutes later."""
    with radicale("alice", "richtig") as server:
        office = Office(tmp_path, [Desk("alice", server, server.calendar("work"))])
        office.visits(1)
        desk, users = office.desks[0], server.folder / "users"
        right = users.read_text("utf-8")
        with daemon(office) as running:
            assert wait_for(lambda: len(desk.items()) == 1)
            users.write_text("alice:anders\n", "utf-8")
            assert wait_for(lambda: "HTTP 401" in office.run("status", "--json").stdout)
            office.change(1, subject="währenddessen 期间")
            users.write_text(right, "utf-8")
            running.process.send_signal(signal.SIGHUP)
            assert running.said("configuration taken")
            assert wait_for(lambda: desk.titles() == ["währenddessen 期间"])
            assert running.end()[0] == 0
