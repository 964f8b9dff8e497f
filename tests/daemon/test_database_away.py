"""The PostgreSQL that keeps the state is away: before the daemon starts, and while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.conftest import daemon, wait_for
from tests.office import Desk, Office
from tests.postgres import Restartable, restartable
from tests.servers import Server

AWAY = "is the server up, and is daemon.state its address? Nothing is lost; try again"


@pytest.fixture
def database() -> Iterator[Restartable]:
    """Of the test's own: it is stopped."""
    with restartable() as made:
        yield made


@pytest.fixture
def office(tmp_path: Path, radicale_server: Server, database: Restartable) -> Office:
    """A CRM with 2 visits and Alice's calendar."""
    url = radicale_server.calendar(f"alice-{tmp_path.name}")
    made = Office(tmp_path, [Desk("alice", radicale_server, url)])
    text = made.config.read_text("utf-8")
    made.config.write_text(text.replace("sqlite:///state.db", database.url), "utf-8")
    made.visits(2)
    return made


def test_no_configuration_is_wrong_when_the_server_is_away(
    office: Office, database: Restartable
) -> None:
    """Exit 1, which a supervisor tries again, and one line; then nothing is written twice."""
    assert office.sync()["state"] == "converged"
    database.stop()
    for command in (["run"], ["sync"], ["status"], ["check"], ["verify"], ["backup", "b.db"]):
        done = office.run(*command)
        assert (done.returncode, done.stdout) == (1, ""), command
        (line,) = done.stderr.splitlines()
        assert AWAY in line
    database.start()
    told = office.sync()
    assert (told["state"], [c["created"] for c in told["channels"]]) == ("converged", [0, 0])


def test_the_daemon_goes_on_when_the_server_is_back(office: Office, database: Restartable) -> None:
    """Truly stopped and started, while people edit."""
    desk = office.desks[0]
    with daemon(office) as running:
        assert wait_for(lambda: len(desk.items()) == 2)
        database.stop()
        office.visits(1, subject="während der Pause 停机时")
        assert running.said("a cycle failed", '"reason"')
        assert not any("Traceback" in line for line in running.lines)
        assert len(desk.items()) == 2
        assert running.process.poll() is None
        database.start()
        assert wait_for(lambda: "während der Pause 停机时" in desk.titles())
        assert running.said("cycles end well again")
        assert running.end()[0] == 0
    failed = [each["reason"] for each in running.told() if "a cycle failed" in each["event"]]
    assert len(failed) == len(set(failed)), "each reason once, not at each poll"
    assert office.sync()["state"] == "converged"
    assert len(desk.items()) == 3
