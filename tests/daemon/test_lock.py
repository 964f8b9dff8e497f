"""One store, one daemon; and a state that only its owner can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from syncd.errors import ConfigError, StateUnavailable
from syncd.lock import Busy, StoreLock
from tests.daemon.conftest import daemon, wait_for
from tests.office import Desk, Office
from tests.postgres import postgres_server, postgres_url
from tests.servers import Server

__all__ = ["postgres_server", "postgres_url"]

BUSY = "error: another syncd is at work on this store"


@pytest.fixture
def office(tmp_path: Path, radicale_server: Server) -> Office:
    """A CRM and Alice's calendar."""
    url = radicale_server.calendar(f"alice-{uuid4().hex[:8]}")
    return Office(tmp_path, [Desk("alice", radicale_server, url)])


def kept_in(office: Office, state: str) -> None:
    """Keep the state there."""
    text = office.config.read_text("utf-8")
    office.config.write_text(text.replace("sqlite:///state.db", state), "utf-8")


def test_the_state_is_its_owners(office: Office) -> None:
    """Folder 0700 and files 0600 where syncd makes them, whatever the umask; while it runs."""
    kept_in(office, "sqlite:///状态/state.db")
    office.visits(1)
    before = os.umask(0)
    try:
        with daemon(office) as running:
            assert wait_for(lambda: len(office.desks[0].items()) == 1)
            folder = office.folder / "状态"
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            running.end()
    finally:
        os.umask(before)
    assert {"state.db", "state.db.lock", "state.db-wal", "state.db-shm"} <= modes.keys()
    assert set(modes.values()) == {0o600}


def test_another_name_is_the_same_store(office: Office) -> None:
    """Through a symbolic link: the second daemon refuses all the same."""
    office.visits(1)
    with daemon(office) as running:
        (office.folder / "alias.db").symlink_to(office.folder / "state.db")
        kept_in(office, "sqlite:///alias.db")
        second = office.run("run")
        assert second.returncode == 1
        assert second.stderr.strip() == BUSY
        assert running.process.poll() is None
        running.end()


def test_one_daemon_on_postgresql(office: Office, postgres_url: str) -> None:
    """The second refuses; after the first has ended it may."""
    kept_in(office, postgres_url)
    office.visits(1)
    with daemon(office) as running:
        for command in ("run", "sync"):
            second = office.run(command)
            assert second.returncode == 1
            assert second.stderr.strip() == BUSY
        assert wait_for(lambda: len(office.desks[0].items()) == 1)
        running.end()
    assert office.sync()["state"] == "converged"


def cut(url: str) -> None:
    """The database server drops everybody's connections, as when it is started anew."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def test_a_lock_that_the_server_forgot_is_taken_again(postgres_url: str) -> None:
    """Or, if somebody was faster, the first one stops."""
    with StoreLock(postgres_url) as first:
        cut(postgres_url)
        first.keep()
        with pytest.raises(Busy), StoreLock(postgres_url):
            pass
        cut(postgres_url)
        with StoreLock(postgres_url), pytest.raises(Busy):
            first.keep()
    with StoreLock(postgres_url):
        pass


def test_a_daemon_lives_through_a_restart_of_its_database(
    office: Office, postgres_url: str
) -> None:
    """Its connections are cut: the next rounds go on, under the lock."""
    kept_in(office, postgres_url)
    office.visits(1)
    with daemon(office) as running:
        assert wait_for(lambda: len(office.desks[0].items()) == 1)
        cut(postgres_url)
        office.change(1, subject="danach 之后")
        assert wait_for(lambda: office.desks[0].titles() == ["danach 之后"])
        assert office.run("sync").stderr.strip() == BUSY
        assert running.end()[0] == 0


def test_what_cannot_be_locked_says_why(tmp_path: Path) -> None:
    """A file in the way of the folder; a server that is not there."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ConfigError, match="cannot be locked"),
        StoreLock(f"sqlite:///{tmp_path}/file/state.db"),
    ):
        pass
    nowhere = "postgresql://syncd:geheim@127.0.0.1:1/syncd"
    with (
        pytest.raises(StateUnavailable, match=r"PostgreSQL at 127\.0\.0\.1") as caught,
        StoreLock(nowhere),
    ):
        pass
    assert "geheim" not in str(caught.value)
