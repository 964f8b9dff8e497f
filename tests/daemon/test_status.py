"""``status`` and ``verify`` beside a daemon: what they tell of it, also without a configuration."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from uuid import uuid4

import pytest

from syncd.lock import StoreLock, is_held
from syncd.store import Store
from tests.daemon.conftest import daemon, wait_for
from tests.daemon.test_reload import replaced
from tests.office import Desk, Office
from tests.postgres import postgres_server, postgres_url
from tests.servers import Server

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture
def office(tmp_path: Path, radicale_server: Server) -> Office:
    """A CRM and Alice's calendar."""
    url = radicale_server.calendar(f"alice-{uuid4().hex[:8]}")
    return Office(tmp_path, [Desk("alice", radicale_server, url)])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("poll_interval", "pol_interval", 'did you mean "poll_interval"?'),
        ("[systems.crm]", "[systems.crm", "syncd.toml:8: is not TOML"),
    ],
)
def test_a_broken_configuration_hides_no_daemon(
    office: Office, old: str, new: str, says: str
) -> None:
    """The error, exit 2, and then how the daemon fares that goes on with the one before."""
    office.visits(2)
    good = office.config.read_text("utf-8")
    with daemon(office) as running:
        assert wait_for(lambda: len(office.desks[0].items()) == 2)
        replaced(office, old, new)
        status = office.run("status")
        assert (status.returncode, says in status.stderr) == (2, True)
        assert "the daemon is at work since 20" in status.stdout
        assert "times in Asia/Shanghai" in status.stdout
        assert "it refused another" not in status.stdout, "nobody gave it the new one yet"
        (crm,) = [line for line in status.stdout.splitlines() if " crm " in line]
        assert crm.split()[:3] == ["sales", "crm", "2"]
        running.process.send_signal(signal.SIGHUP)
        assert running.said("configuration refused")
        assert wait_for(lambda: "it refused another: at 20" in office.run("status").stdout)
        shown = office.run("status").stdout.splitlines()
        (refused,) = [n for n, line in enumerate(shown) if "it refused another" in line]
        assert says in shown[refused + 1]
        told = office.run("status", "--json")
        assert (told.returncode, told.stdout) == (2, "")
        office.config.write_text(good, "utf-8")
        running.process.send_signal(signal.SIGHUP)
        assert running.said("configuration taken")
        assert wait_for(lambda: "it refused another" not in office.run("status").stdout)
        assert running.end()[0] == 0
    assert "the daemon is not at work; it was last started at 20" in office.run("status").stdout


def test_where_the_state_is_unknown_that_is_said(office: Office) -> None:
    """The very first line is broken: nothing can be known, and it says where to look."""
    office.visits(1)
    office.sync()
    replaced(office, "[daemon]", "[daemon")
    status = office.run("status")
    assert status.returncode == 2
    assert "syncd.toml:1: is not TOML" in status.stderr
    assert "how the daemon fares is not known: daemon.state" in status.stdout
    assert "systemctl status syncd" in status.stdout


def test_where_there_is_no_state_none_is_made(office: Office) -> None:
    """A look changes nothing."""
    replaced(office, "poll_interval", "pol_interval")
    before = sorted(office.folder.iterdir())
    status = office.run("status")
    assert (status.returncode, "there is no state yet" in status.stdout) == (2, True)
    assert sorted(office.folder.iterdir()) == before


def _rests(office: Office) -> bool:
    """Whether no channel is looked at for longer than an interval."""
    with Store.open(f"sqlite:///{office.folder / 'state.db'}", create=False) as store:
        before = {each.channel: each.looked for each in store.channel_states()}
        time.sleep(1.5)
        return before == {each.channel: each.looked for each in store.channel_states()}


def test_a_repair_beside_the_daemon_says_to_stop_it(office: Office) -> None:
    """Both where something differs, and where the repair is tried."""
    office.visits(2)
    with daemon(office) as running:
        assert wait_for(lambda: len(office.desks[0].items()) == 2)
        assert wait_for(lambda: office.run("verify").returncode == 0)
        replaced(office, 'poll_interval = "1s"', 'poll_interval = "1h"')
        running.process.send_signal(signal.SIGHUP)
        assert running.said("configuration taken")
        # What was to be looked at within the second still is; then nothing is for an hour.
        assert wait_for(lambda: _rests(office))
        assert "stop the daemon" not in office.run("verify").stdout
        office.desks[0].server.delete(next(iter(office.desks[0].items())))
        shown = office.run("verify").stdout
        assert "--repair lets a cycle mend it" in shown
        assert "stop the daemon for that (systemctl stop syncd)" in shown
        refused = office.run("verify", "--repair")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "another syncd is at work on this store: stop it first" in refused.stderr
        assert running.end()[0] == 0
    assert "stop the daemon" not in office.run("verify").stdout
    assert office.run("verify", "--repair").returncode == 0


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_who_looks_keeps_nobody_from_beginning(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Whether the store is held is seen from outside, and looking takes nothing away."""
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path}/状态.db"
    else:
        url = str(request.getfixturevalue("postgres_url"))
    assert is_held(url) is False
    with StoreLock(url):
        assert is_held(url) is True
    assert is_held(url) is False
    with StoreLock(url):
        assert is_held(url) is True
