"""The database under the store: SQLite or PostgreSQL, opened, migrated, one transaction a call.

SQLite runs in WAL mode, so that ``syncd status`` reads while the daemon writes.

Every transaction outlives the death of the process. Those called *durable* also outlive a
power cut: an intent must be on the disk before its write leaves, else our own write would be
taken for a person's edit (invariant 10), and what a person ordered must not be lost. The rest
need not wait for the disk: a power cut then takes the last of them, never one in the middle,
and they come again. A lost look is looked at again from its old cursor, a lost confirmation
leaves its intent open. This is ``synchronous = NORMAL`` or ``FULL`` in SQLite
(https://www.sqlite.org/pragma.html#pragma_synchronous) and ``synchronous_commit`` in
PostgreSQL (https://www.postgresql.org/docs/current/wal-async-commit.html; both read 2026-11).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from importlib import import_module
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    NullPool,
    Table,
    bindparam,
    create_engine,
    create_mock_engine,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
)

from syncd.errors import ConfigError, StateUnavailable, SyncdError
from syncd.store.away import is_away
from syncd.store.room import made_for_owner, want_of_room
from syncd.store.schema import VERSIONS, meta, metadata, version
from syncd.store.sqlite import Transactions

_MIGRATION_LOCK = 0x7461626C6573
"""PostgreSQL's advisory lock while tables are made ("tables"); not the one of the process."""

_TRY_AGAIN = "nothing is lost; try again"
_WHEN_AWAY = f"is the server up, and is daemon.state its address? {_TRY_AGAIN.capitalize()}"

_AS_DAEMON = "only the user of the daemon and root may use it, and write to its folder"

_NO_RIGHT = frozenset({sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})

CHUNK = 200
"""So many rows are written, or looked for, by one statement."""

_Item = TypeVar("_Item")


class Database:
    """An engine that hands out transactions. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = self._reading = engine
        self._sqlite = Transactions(engine) if engine.dialect.name == "sqlite" else None
        if not self._sqlite:
            self._reading = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one moment and changes nothing."""
        return self._sqlite.read() if self._sqlite else self._reading.begin()

    def write(self, *, durable: bool = False) -> AbstractContextManager[Connection]:
        """A transaction; ``durable``: once it is over, it outlives a power cut."""
        return self._sqlite.write(durable=durable) if self._sqlite else self._write(durable)

    @contextmanager
    def _write(self, durable: bool) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            if not durable:
                connection.execute(text("SET LOCAL synchronous_commit = off"))
            yield connection

    def fault(self) -> str:
        """Why nothing can be stored just now; empty if it can. A file is not touched, so that
        nobody waits for whoever is writing."""
        if self._sqlite:
            return want_of_room(Path(self._engine.url.database or "").parent)
        try:
            with self.write() as connection:
                upsert(connection, meta, [{"name": "tried", "value": ""}])
        except DatabaseError as error:
            return _words(self._engine.url, error)
        return ""

    def close(self) -> None:
        """Let go of all connections."""
        if self._sqlite:
            self._sqlite.close()
        self._engine.dispose()


def open_database(url: str, *, create: bool = True) -> Database:
    """The database at ``url`` with today's tables. Raises ``ConfigError`` and
    ``StateUnavailable``, which tell no secret.

    ``create``: make what is missing (the file, the tables, newer tables); else a database
    that is not ready is an error.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        _prepare_file(parsed.database or "", create=create)
        engine = make_engine(parsed, poolclass=NullPool)  # see `Transactions`
    else:
        # The one used last, so that the others may age; a server may have closed it meanwhile.
        engine = make_engine(parsed, pool_use_lifo=True, pool_pre_ping=True)
    database = Database(engine)
    try:
        _migrate(database, create=create)
    except DatabaseError as error:
        database.close()
        raise not_opened(parsed, error) from None
    except ConfigError:
        database.close()
        raise
    return database


def make_engine(url: URL, **options: Any) -> Engine:
    """An engine that tells no parameters. Raises ``ConfigError`` without the driver."""
    try:
        return create_engine(url, hide_parameters=True, **options)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the driver {error.name} is not installed",
            key="daemon.state",
            hint="pip install 'syncd[postgresql]'",
        ) from None


def not_opened(url: URL, error: SQLAlchemyError) -> SyncdError:
    """What to tell about a database that cannot be opened."""
    fault = f"the state in {_where(url)} cannot be opened: {_words(url, error)}"
    is_file = url.get_backend_name() == "sqlite"
    want = want_of_room(Path(url.database or "").parent) if is_file else ""
    if want:
        return StateUnavailable(f"{fault} ({want}: make room; nothing of it is lost)")
    if is_away(error):
        return StateUnavailable(f"{fault} ({_TRY_AGAIN if is_file else _WHEN_AWAY})")
    return ConfigError(fault, key="daemon.state", hint=_hint(url, error))


@contextmanager
def clearly(url: str) -> Iterator[None]:
    """What the database answers instead of storing is raised as ``StateUnavailable``."""
    try:
        yield
    except (OperationalError, InternalError) as error:
        parsed = parse_url(url)
        fault = f"the state in {_where(parsed)} cannot be used: {_words(parsed, error)}"
        raise StateUnavailable(fault) from None


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    changed: Sequence[str] | None = None,
) -> None:
    """Insert ``rows``, or set their ``changed`` columns (default: all) where the key is there."""
    if not rows:
        return
    names = tuple(rows[0] if changed is None else changed)
    connection.execute(_upsert(connection.dialect.name, table, names), list(rows))


def insert_new(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the ``rows`` whose key is not there yet."""
    if rows:
        connection.execute(_insert_new(connection.dialect.name, table), list(rows))


def any_of(column: ColumnElement[Any], name: str = "ids") -> ColumnElement[bool]:
    """Whether a column has one of the values that ``name`` is given: for statements that are made
    once, since to make one takes longer than to carry it out."""
    return column.in_(bindparam(name, expanding=True))


def chunks(items: Sequence[_Item], size: int = CHUNK) -> Iterator[Sequence[_Item]]:
    """``items`` in pieces that fit into the ``IN`` list of one statement."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


@lru_cache(maxsize=128)
def _upsert(dialect: str, table: Table, changed: tuple[str, ...]) -> Any:
    """Kept, since to build such a statement takes longer than to carry it out."""
    keys = [column.name for column in table.primary_key.columns]
    insert = _insert_of(dialect)(table)
    return insert.on_conflict_do_update(
        index_elements=keys,
        set_={name: insert.excluded[name] for name in changed if name not in keys},
    )


@lru_cache(maxsize=32)
def _insert_new(dialect: str, table: Table) -> Any:
    return _insert_of(dialect)(table).on_conflict_do_nothing()


def dialect_insert(dialect: str, table: Table) -> Any:
    """The dialect's own insert: both know ``ON CONFLICT`` and spell it alike."""
    return _insert_of(dialect)(table)


@lru_cache(maxsize=2)
def _insert_of(dialect: str) -> Any:
    # Late: the other dialect is not needed, and takes 3 MB.
    return import_module(f"sqlalchemy.dialects.{dialect}").insert


def parse_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError(
            "this is not the URL of a database",
            key="daemon.state",
            hint="sqlite:///syncd.db or postgresql://user@host/name",
        ) from None
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed.set(drivername="sqlite")
    raise ConfigError(
        f"the state cannot be kept in {parsed.drivername!r}",
        key="daemon.state",
        hint="a file (sqlite:///syncd.db) or PostgreSQL (postgresql://user@host/name)",
    )


def _prepare_file(name: str, *, create: bool) -> None:
    """The state file exists and, if it is new, only its owner can read it (SQLite gives its
    journal files the same rights: https://www.sqlite.org/src, ``findCreateFileMode``)."""
    path = Path(name)
    try:
        path.stat()
        return
    except PermissionError as error:
        raise ConfigError(
            f"the state cannot be opened: {error.strerror}", file=name, hint=_AS_DAEMON
        ) from None
    except OSError:
        pass
    if not create:
        raise ConfigError(
            "there is no state yet", file=name, hint="`syncd sync` or `syncd run` makes it"
        )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(made_for_owner(path))
    except OSError as error:
        raise ConfigError(f"the state file cannot be made: {error.strerror}", file=name) from None


def _migrate(database: Database, *, create: bool) -> None:
    with database.read() as connection:
        if _version(connection) == VERSIONS[-1]:
            return
    if not create:
        raise ConfigError(
            "the state is of an older version",
            key="daemon.state",
            hint="`syncd sync` or `syncd run` brings it up to date",
        )
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
        there = _version(connection)
        if there is None:
            _make(connection)
        elif there != VERSIONS[-1]:
            upgrade(connection)


def _version(connection: Connection) -> str | None:
    """The last migration that ran. Raises ``ConfigError`` if this code does not know it."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if version is not None and version not in VERSIONS:
        raise ConfigError(
            f"the state was written by a newer syncd (its version is {version},"
            f" this one knows up to {VERSIONS[-1]})",
            key="daemon.state",
            hint="install that version again, or restore a backup",
        )
    return None if version is None else str(version)


def _make(connection: Connection) -> None:
    """Today's tables, as the migrations would make them (a test compares the two)."""
    for statement in _statements(connection.dialect.name):
        connection.exec_driver_sql(statement)
    connection.execute(version.insert().values(version_num=VERSIONS[-1]))


@lru_cache(maxsize=2)
def _statements(dialect: str) -> tuple[str, ...]:
    """What makes the tables. Kept, since to put it in words takes longer than to carry it out."""
    found: list[Any] = []
    engine = create_mock_engine(f"{dialect}://", lambda made, *_: found.append(made))
    for each in (metadata, version.metadata):
        each.create_all(engine, checkfirst=False)
    return tuple(str(each.compile(dialect=engine.dialect)) for each in found)


def upgrade(connection: Connection, to: str = VERSIONS[-1]) -> None:
    """Run the migrations that are missing, from the first one on if there are no tables."""
    # Imported here: only an older store needs it, and it takes time and memory.
    from alembic import command
    from alembic.config import Config

    with as_file(files("syncd.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def _where(url: URL) -> str:
    """The file's or the server's name."""
    if url.get_backend_name() == "sqlite":
        return f"{url.database}"
    return f"PostgreSQL at {url.host}" if url.host else "PostgreSQL at its socket"


def _words(url: URL, error: SQLAlchemyError) -> str:
    """What is wrong, without the password."""
    cause = getattr(error, "orig", None) or error
    words = " ".join(str(cause).split())
    if url.password:
        words = words.replace(str(url.password), "***")
    return words


def _hint(url: URL, error: SQLAlchemyError) -> str:
    if url.get_backend_name() == "sqlite":
        if getattr(getattr(error, "orig", None), "sqlite_errorcode", 0) & 0xFF in _NO_RIGHT:
            return _AS_DAEMON
        return "if the file is damaged, `syncd restore` a backup; a lost state is rebuilt by sync"
    return "are user, password and database right, and may the user connect and create tables?"
