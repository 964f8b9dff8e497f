"""A state that cannot be had for now is no mistake in the configuration; a refusal is one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from syncd.errors import ConfigError, StateUnavailable, SyncdError
from syncd.lock import StoreLock
from syncd.store import Store, sqlite
from tests.postgres import Restartable, restartable

PASSWORDS = "local all postgres trust\nlocal all all scram-sha-256\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Restartable]:
    """One that asks everybody but its superuser for a password."""
    with restartable() as made:
        (made.folder / "pg_hba.conf").write_text(PASSWORDS, "utf-8")
        made.run(
            "SELECT pg_reload_conf()",
            "CREATE ROLE ann LOGIN PASSWORD 'right'",
            "CREATE ROLE crowded LOGIN PASSWORD 'right' CONNECTION LIMIT 0",
            "CREATE ROLE nologin PASSWORD 'right'",
            "CREATE DATABASE anns OWNER ann",
            "CREATE DATABASE foreign_one",
        )
        yield made


def knocked(url: str) -> list[SyncdError]:
    """What the lock and the store say. They go their own ways to the server."""
    told = []
    for way in (lambda: StoreLock(url).__enter__(), lambda: Store.open(url)):
        with pytest.raises(SyncdError) as caught:
            way()
        told.append(caught.value)
    return told


def at(server: Restartable, user: str = "ann", password: str = "right", name: str = "anns") -> str:
    """An address on the server."""
    url = sa.make_url(server.url).set(username=user, password=password, database=name)
    return url.render_as_string(hide_password=False)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"password": "s3cret"}, "password authentication failed"),
        ({"password": ""}, "no password supplied"),
        ({"user": "nobody"}, "authentication failed"),
        ({"name": "nowhere"}, 'database "nowhere" does not exist'),
        ({"user": "nologin"}, "not permitted to log in"),
    ],
)
def test_a_refusal_is_the_configuration_s(
    server: Restartable, given: dict[str, str], words: str
) -> None:
    """Invariant 11: without the password."""
    for error in knocked(at(server, **given)):
        assert isinstance(error, ConfigError)
        assert words in str(error)
        assert "are user, password and database right" in str(error)
        assert "s3cret" not in str(error)


def test_a_user_who_may_make_no_table(server: Restartable) -> None:
    with pytest.raises(ConfigError, match="permission denied for schema public"):
        Store.open(at(server, name="foreign_one"))


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ann:s3cret@127.0.0.1:1/none?connect_timeout=2",
        "postgresql://ann:s3cret@/none?host=/nowhere",
        "postgresql://ann:s3cret@nowhere.invalid/none",
    ],
)
def test_a_server_that_nobody_is_at(address: str) -> None:
    """Invariant 11: without the password."""
    for error in knocked(address):
        assert isinstance(error, StateUnavailable)
        assert "is the server up, and is daemon.state its address?" in str(error)
        assert "s3cret" not in str(error)
        assert error.__cause__ is None


def test_no_connection_is_left_over(server: Restartable) -> None:
    for error in knocked(at(server, user="crowded")):
        assert isinstance(error, StateUnavailable)
        assert "too many connections" in str(error)


def test_a_server_that_goes_and_comes() -> None:
    """It lets nobody in while it shuts down, as it does while it starts; then it is gone."""
    with restartable() as server:
        Store.open(server.url).close()
        engine = sa.create_engine(server.url, poolclass=sa.pool.NullPool)
        with engine.connect():
            server.stop("smart", wait=False)
            for error in knocked(server.url):
                assert isinstance(error, StateUnavailable)
                assert "the database system is shutting down" in str(error)
        server.wait_until_gone()  # it ends when its last session does
        for error in knocked(server.url):
            assert isinstance(error, StateUnavailable)
        server.start()
        with StoreLock(server.url), Store.open(server.url) as store:
            assert store.fault() == ""


def test_a_file_that_another_program_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not damaged, and nobody is told to restore a backup."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.01)
    path = tmp_path / "state.db"
    Store.open(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StateUnavailable, match=r"locked \(nothing is lost; try again\)"):
            Store.open(f"sqlite:///{path}")
    Store.open(f"sqlite:///{path}").close()
