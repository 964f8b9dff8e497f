"""How long is waited for a lock. SQLite and PostgreSQL are asked, in ``test_hostile.py`` too; of
MySQL, MariaDB and SQL Server no server is here: of these the statement that they are told."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, ProgrammingError

from connectors.sql.client import Database, bounded, translated
from syncd.errors import Unavailable


@dataclass
class Session:
    """As much of a connection (PEP 249) as is told something. ``kept``: what was committed."""

    kept: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def cursor(self) -> Session:
        return self

    def execute(self, statement: str) -> None:
        self._open.append(statement)

    def close(self) -> None:
        """A cursor's end; what it said stays."""

    def commit(self) -> None:
        self.kept += self._open
        self._open.clear()


@pytest.mark.parametrize(
    ("dialect", "seconds", "told"),
    [
        ("postgresql", 2.5, ["SET lock_timeout = 2500"]),
        ("mssql", 2.5, ["SET LOCK_TIMEOUT 2500"]),
        ("mysql", 5.0, ["SET innodb_lock_wait_timeout = 5, lock_wait_timeout = 5"]),
        ("mariadb", 2.9, ["SET innodb_lock_wait_timeout = 2, lock_wait_timeout = 2"]),
        ("mysql", 0.1, ["SET innodb_lock_wait_timeout = 1, lock_wait_timeout = 1"]),
        ("oracle", 5.0, []),
    ],
)
def test_what_each_is_told(dialect: str, seconds: float, told: list[str]) -> None:
    """Rows, and for MySQL tables that are being altered: its own limit for these is a year."""
    session = Session()
    bounded(dialect, seconds)(session, None)
    assert session.kept == told


def test_postgresql_goes_by_it_after_a_roll_back(postgres_url: str) -> None:
    database = Database(sa.make_url(postgres_url), pool_size=1, timeout=2.5)
    for _ in range(2):
        with database.reading() as connection:
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "2500ms"
            connection.rollback()
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "2500ms"
    database.close()


@pytest.mark.parametrize(
    "error",
    [
        OperationalError(
            "x", {}, Exception(1205, "Lock wait timeout exceeded; try restarting transaction")
        ),
        OperationalError("x", {}, Exception(1222, b"Lock request time out period exceeded.")),
        ProgrammingError(
            "x",
            {},
            Exception("42000", "[42000] [SQL Server]Lock request time out period exceeded. (1222)"),
        ),
    ],
)
def test_who_has_waited_so_long_is_not_asked_again_at_once(error: sa.exc.DBAPIError) -> None:
    """As PyMySQL, pymssql and pyodbc put it."""
    found = translated(error, writes=True)
    assert isinstance(found, Unavailable)
    assert (found.waited, found.maybe_applied) == (True, False)
