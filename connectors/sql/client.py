"""The database: pooled connections, transactions, and its errors as ours.

Messages never have values in them: of a database's own words only names of errors,
constraints and columns are passed on (invariant 11).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from syncd.errors import ConfigError, ConnectorError, Rejected, Unauthorized, Unavailable

_WRITING = "syncd_writing"
"""The execution option of connections that write: SQLite then locks at once."""

# SQLSTATE classes and codes, PostgreSQL 18 manual, appendix A "PostgreSQL Error Codes".
_DENIED = ("28", "42501", "25006")
_AGAIN = ("08", "40", "53", "55P03", "57", "58")
_REFUSED = ("0A", "21", "22", "23", "27", "44", "P0")

# MySQL 8.4 error reference: access denied for user, to database, for command, for column.
_MYSQL_DENIED = frozenset({1044, 1045, 1142, 1143, 1227})

_WAITED = frozenset({1205, 1222})
"""The time for a lock is over: MySQL's ER_LOCK_WAIT_TIMEOUT, and SQL Server's number for it."""


class Database:
    """One engine. Connections are made when they are needed. Safe for several threads."""

    def __init__(self, url: sa.URL, *, pool_size: int, timeout: float) -> None:
        self._url, self._requests, self._lock = url, 0, threading.Lock()
        self._file = _sqlite_file(url)
        self._engine = _engine(url, pool_size, timeout)
        event.listen(self._engine, "before_cursor_execute", self._count)
        if self._file is not None:
            event.listen(self._engine, "connect", _prepare_sqlite(timeout))
            event.listen(self._engine, "begin", _begin_sqlite)
        else:
            if self._engine.driver == "psycopg":
                event.listen(self._engine, "connect", _prepare_psycopg)
            event.listen(self._engine, "connect", bounded(self._engine.dialect.name, timeout))

    @property
    def requests(self) -> int:
        """Statements sent."""
        return self._requests

    @property
    def dialect(self) -> sa.Dialect:
        """Which database it is."""
        return self._engine.dialect

    @property
    def account(self) -> str:
        """Who signs in; for a file, its name."""
        return self._url.username or os.path.basename(self._url.database or "")

    @property
    def identity(self) -> str:
        """Which database it is, without secrets."""
        url = self._url
        return f"{url.get_backend_name()}:{url.host or ''}:{url.port or ''}:{url.database or ''}"

    @property
    def writable(self) -> bool:
        """Whether a database in a file may be written by us; others are asked."""
        return self._file is None or os.access(self._file, os.W_OK)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read with. Errors are ours."""
        self._check_file()
        try:
            with self._engine.connect() as connection:
                yield connection
        except exc.SQLAlchemyError as error:
            raise translated(error, writes=False) from None

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction, committed at the end. Errors are ours.

        What fails before the commit is rolled back. A commit without an answer raises
        ``Unavailable`` with ``maybe_applied``.
        """
        self._check_file()
        try:
            with self._engine.connect() as connection:
                connection = connection.execution_options(**{_WRITING: True})
                transaction = connection.begin()
                try:
                    yield connection
                    self._commit(transaction)
                finally:
                    if transaction.is_active:  # it did not come to the commit
                        _roll_back(transaction)
        except exc.SQLAlchemyError as error:
            raise translated(error, writes=True) from None

    def close(self) -> None:
        """Close the pool."""
        self._engine.dispose()

    def _commit(self, transaction: sa.RootTransaction) -> None:
        try:
            transaction.commit()
        except exc.DBAPIError as error:
            found = translated(error, writes=True)
            if isinstance(found, Unavailable) and not _certainly_undone(error):
                raise Unavailable(f"at the commit: {found}", maybe_applied=True) from None
            raise found from None

    def _check_file(self) -> None:
        """SQLite would make a new, empty database where ours is not."""
        if self._file is not None and not os.path.exists(self._file):
            raise Unavailable("the database file does not exist")

    def _count(self, *_: Any) -> None:
        with self._lock:
            self._requests += 1


def translated(error: exc.SQLAlchemyError, *, writes: bool) -> ConnectorError:
    """Our error for one of SQLAlchemy's; ``writes``: it came from one item's write."""
    if isinstance(error, exc.TimeoutError):
        return Unavailable("no free connection to the database", waited=True)
    if not isinstance(error, exc.DBAPIError):
        return Unavailable(f"the database's answer was not understood: {type(error).__name__}")
    words, state = _words(error), _sqlstate(error)
    if _is_denied(error, state):
        return Unauthorized(f"the database refuses us: {words}")
    if error.connection_invalidated or state.startswith(_AGAIN):
        return Unavailable(f"the database does not answer: {words}", waited=_has_waited(error))
    refused = isinstance(error, exc.IntegrityError | exc.DataError) or state.startswith(_REFUSED)
    if writes and (refused or isinstance(error.orig, ValueError | OverflowError)):
        return Rejected(f"the database refuses the row: {words}")
    return Unavailable(f"the database does not answer: {words}", waited=_has_waited(error))


def _words(error: exc.DBAPIError) -> str:
    """The database's words for an error, as far as they cannot hold values."""
    found = error.orig
    if isinstance(found, sqlite3.Error):
        name = getattr(found, "sqlite_errorname", "") or type(found).__name__
        # "UNIQUE constraint failed: visit.marker": names only; other texts are left out.
        return str(found)[:120] if isinstance(found, sqlite3.IntegrityError) else name
    diagnosis = getattr(found, "diag", None)
    parts = [type(found).__name__, _sqlstate(error)]
    parts += [getattr(diagnosis, name, None) or "" for name in ("constraint_name", "column_name")]
    code = found.args[0] if found is not None and found.args else None
    if isinstance(code, int):
        parts.append(str(code))
    return " ".join(dict.fromkeys(filter(None, parts)))


def _sqlstate(error: exc.DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or "")


def _is_denied(error: exc.DBAPIError, state: str) -> bool:
    code = error.orig.args[0] if error.orig is not None and error.orig.args else None
    if getattr(error.orig, "sqlite_errorname", "").startswith("SQLITE_READONLY"):
        return True
    if state.startswith(_DENIED) or code in _MYSQL_DENIED:
        return True
    # libpq gives no SQLSTATE for a sign-in that failed, only the server's line.
    text = str(error.orig)
    signing_in = isinstance(error, exc.OperationalError) and not state
    return signing_in and ("authentication failed" in text or "no password supplied" in text)


def _certainly_undone(error: exc.DBAPIError) -> bool:
    """Whether a failed commit left nothing behind: SQLite says so, others by class 40."""
    return isinstance(error.orig, sqlite3.Error) or _sqlstate(error).startswith("40")


def _has_waited(error: exc.DBAPIError) -> bool:
    """Whether somebody's lock was waited for until the configured time was over: SQLite says so
    after ``busy_timeout``, PostgreSQL after ``lock_timeout`` (55P03), others by a number. ODBC
    has it in its text only."""
    name = getattr(error.orig, "sqlite_errorname", "")
    if name.startswith("SQLITE_BUSY") or _sqlstate(error) == "55P03":
        return True
    code = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return code in _WAITED or "Lock request time out period exceeded" in str(error.orig)


def _roll_back(transaction: sa.RootTransaction) -> None:
    try:
        transaction.rollback()
    except exc.DBAPIError:
        # The connection is lost, and with it the transaction: the first error tells more.
        return


def _sqlite_file(url: sa.URL) -> str | None:
    if url.get_backend_name() != "sqlite":
        return None
    return url.database or ""


def _engine(url: sa.URL, pool_size: int, timeout: float) -> sa.Engine:
    try:
        return sa.create_engine(
            url, pool_size=pool_size, max_overflow=pool_size, pool_timeout=max(timeout, 5) * 6,
            pool_pre_ping=url.get_backend_name() != "sqlite", pool_recycle=1800,
            hide_parameters=True,
        )  # fmt: skip
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the driver {error.name} is not installed", key="url", hint=f"pip install {error.name}"
        ) from None
    except (exc.ArgumentError, TypeError):
        raise ConfigError(
            "the URL names a database that SQLAlchemy does not know", key="url",
            hint="such as sqlite:///crm.db or postgresql+psycopg://user@host/db",
        ) from None  # fmt: skip


def _prepare_sqlite(timeout: float) -> Any:
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # we begin ourselves, and writers lock at once
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA foreign_keys = ON")
        # A database that is locked or read-only just now keeps the journal that it has, and
        # nobody waits for that.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA busy_timeout = {int(timeout * 1000)}")

    return prepare


def _begin_sqlite(connection: sa.Connection) -> None:
    if connection.get_execution_options().get(_WRITING):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def bounded(dialect: str, timeout: float) -> Callable[[Any, object], None]:
    """Makes a new connection wait no longer than this for a lock, in seconds.

    Unless told otherwise PostgreSQL and SQL Server wait for ever, MySQL 50 s for a row and a year
    for a table that is being altered. MySQL counts in whole seconds, from 1 on ("InnoDB Startup
    Options and System Variables" in its manual).
    """
    milliseconds, seconds = max(1, int(timeout * 1000)), max(1, int(timeout))
    in_mysql = f"SET innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds}"
    statement = {
        "postgresql": f"SET lock_timeout = {milliseconds}",
        "mysql": in_mysql,
        "mariadb": in_mysql,
        "mssql": f"SET LOCK_TIMEOUT {milliseconds}",
    }.get(dialect)

    def prepare(connection: Any, _: object) -> None:
        if statement is not None:
            cursor = connection.cursor()
            cursor.execute(statement)
            cursor.close()
            connection.commit()  # a roll-back would take it back

    return prepare


def _prepare_psycopg(connection: Any, _: object) -> None:
    from psycopg.types.string import TextLoader

    # Times come as text: psycopg cannot load all that PostgreSQL holds (``infinity``).
    for name in ("timestamptz", "timestamp", "date"):
        connection.adapters.register_loader(name, TextLoader)
    was = connection.autocommit
    connection.autocommit = True
    connection.execute("SET TIME ZONE 'UTC'")
    connection.execute("SET datestyle = 'ISO, YMD'")
    connection.autocommit = was
