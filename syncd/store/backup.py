"""Backups: the whole store in one SQLite file, from and for either database.

A backup holds today's tables, and one of its own that says what it is. It is one moment of the
store: a single read transaction, while the daemon goes on. It is put back by a single write
transaction, so that whatever ends a restore half-way leaves the state as it was.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    NullPool,
    Table,
    Text,
    create_engine,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.exc import DatabaseError

from syncd.errors import ConfigError
from syncd.store.anew import begin_anew
from syncd.store.database import Database, upgrade
from syncd.store.schema import VERSIONS, agreements, meta, metadata, observed, version

FORMAT = "1"
"""The form of a backup besides the store's own version."""

_BATCH = 1000
"""Rows that are carried over at a time."""

_STOPS = ("writing-stopped", "paused:%")
"""Who has stopped writing meant it for the store that is put in the place of this one, too."""

_about = Table(
    "syncd_backup",
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds. ``at``: when it was made. ``version``: of its tables."""

    at: datetime
    version: str
    installation: str
    appointments: int
    copies: int


def dump(database: Database, file: Path, now: datetime) -> Contents:
    """Write a backup of the store; the file appears whole or not at all.

    Only its owner can read it. An older backup of that name is replaced; a file that is
    something else is not. Raises ``ConfigError``.
    """
    if file.exists():
        _refuse_strangers(file)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        contents = _write(database, part, now)
        _to_disk(part)
        part.replace(file)
        _to_disk(file.parent)
    except OSError as error:
        raise _unwritable(file, error.strerror) from None
    except DatabaseError as error:
        raise _unwritable(file, error.orig) from None
    finally:
        part.unlink(missing_ok=True)
    return contents


@contextmanager
def reading(file: Path) -> Iterator[tuple[Contents, Connection]]:
    """A backup that was looked over, with today's tables; the file itself is not touched.

    Raises ``ConfigError`` if it is no backup, is damaged, or is of a newer syncd.
    """
    found = _looked_over(file)
    with TemporaryDirectory(prefix="syncd-restore-") as folder:
        if found != VERSIONS[-1]:
            file = Path(shutil.copyfile(file, Path(folder) / "older.db"))
            file.chmod(0o600)
            _bring_up_to_date(file)
        with _engine(file, readonly=True) as engine, engine.connect() as connection:
            yield _contents(connection), connection


def load(connection: Connection, database: Database) -> None:
    """Put a backup in the place of all that the store holds: all of it, or nothing.

    Every channel starts with a full look and a first contact. Writing that is stopped now stays
    stopped.
    """
    with database.write(durable=True) as target:
        named = meta.c.name.like(_STOPS[0]) | meta.c.name.like(_STOPS[1])
        stops = target.execute(select(meta).where(named, meta.c.value != "")).all()
        for table in reversed(metadata.sorted_tables):
            target.execute(delete(table))
        for table in metadata.sorted_tables:
            _carry_over(connection, target, table)
            _go_on_counting(target, table)
        begin_anew(target)
        for row in stops:
            target.execute(delete(meta).where(meta.c.name == row.name))
            target.execute(insert(meta).values(name=row.name, value=row.value))


def _write(database: Database, file: Path, now: datetime) -> Contents:
    with _engine(file) as engine, database.read() as source, engine.begin() as target:
        metadata.create_all(target)
        version.metadata.create_all(target, tables=[version])
        target.execute(insert(version).values(version_num=VERSIONS[-1]))
        _about.metadata.create_all(target)
        told = {"format": FORMAT, "at": now.astimezone(UTC).isoformat(timespec="seconds")}
        target.execute(insert(_about), [{"name": n, "value": v} for n, v in told.items()])
        for table in metadata.sorted_tables:
            _carry_over(source, target, table)
        return _contents(target)


def _carry_over(source: Connection, target: Connection, table: Table) -> None:
    """All rows of a table, some at a time; the databases see them through the same columns."""
    rows = source.execution_options(yield_per=_BATCH).execute(select(table))
    for part in rows.mappings().partitions():
        target.execute(insert(table), [dict(row) for row in part])


def _go_on_counting(target: Connection, table: Table) -> None:
    """PostgreSQL hands out ids from a counter that knows nothing of rows that bring theirs."""
    if target.dialect.name != "postgresql" or table.autoincrement_column is None:
        return
    column = table.autoincrement_column
    last = target.execute(select(func.max(column))).scalar()
    counter = func.pg_get_serial_sequence(table.name, column.name)
    target.execute(select(func.setval(counter, last or 1, last is not None)))


def _contents(connection: Connection) -> Contents:
    told = dict(connection.execute(select(_about.c.name, _about.c.value)).all())
    named = select(meta.c.value).where(meta.c.name == "installation")
    return Contents(
        datetime.fromisoformat(told["at"]),
        str(connection.execute(select(version.c.version_num)).scalar_one()),
        str(connection.scalar(named) or ""),
        connection.execute(select(func.count()).select_from(agreements)).scalar_one(),
        connection.execute(
            select(func.count()).select_from(observed).where(observed.c.state == "present")
        ).scalar_one(),
    )


def _looked_over(file: Path) -> str:
    """The version of a backup that is whole. Raises ``ConfigError``."""
    if not file.is_file():
        raise ConfigError("there is no such file", file=str(file))
    with _raw(file) as raw:
        try:
            tables = {row[0] for row in raw.execute("SELECT name FROM sqlite_master")}
            if _about.name not in tables or version.name not in tables:
                raise ConfigError(
                    "this is not a backup of syncd", file=str(file), hint="`syncd backup` makes one"
                )
            told = dict(raw.execute("SELECT name, value FROM syncd_backup"))
            found = str(raw.execute("SELECT version_num FROM alembic_version").fetchone()[0])
            faults = [row[0] for row in raw.execute("PRAGMA integrity_check")]
        except (sqlite3.DatabaseError, TypeError) as error:
            raise ConfigError(
                f"the backup cannot be read: {error}", file=str(file), hint="take another one"
            ) from None
    if faults != ["ok"]:
        raise ConfigError(
            f"the backup is damaged: {faults[0]}", file=str(file), hint="take another one"
        )
    if found not in VERSIONS or told.get("format") != FORMAT:
        raise ConfigError(
            f"the backup was made by a newer syncd (its version is {found}, this one knows up to"
            f" {VERSIONS[-1]})",
            file=str(file),
            hint="install that version, or take an older backup",
        )
    return found


def _unwritable(file: Path, reason: object) -> ConfigError:
    return ConfigError(f"the backup cannot be written: {reason}", file=str(file))


def _refuse_strangers(file: Path) -> None:
    try:
        with _raw(file) as raw:
            raw.execute("SELECT value FROM syncd_backup").fetchone()
    except (sqlite3.DatabaseError, ConfigError):
        raise ConfigError(
            "is there already and is no backup of syncd; nothing was written", file=str(file)
        ) from None


@contextmanager
def _raw(file: Path) -> Iterator[sqlite3.Connection]:
    """The file as it is: nothing is written beside it, not even a lock."""
    place = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(place, uri=True)
    except sqlite3.Error as error:
        raise ConfigError(f"cannot be opened: {error}", file=str(file)) from None
    with closing(connection):
        yield connection


@contextmanager
def _engine(file: Path, *, readonly: bool = False) -> Iterator[Engine]:
    """A backup as a database. It has no journal files of its own beside it."""
    options = "?mode=ro&immutable=1" if readonly else ""
    place = f"{file.absolute().as_uri()}{options}"
    engine = create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(place, uri=True), poolclass=NullPool
    )
    try:
        yield engine
    finally:
        engine.dispose()


def _bring_up_to_date(file: Path) -> None:
    with _engine(file) as engine, engine.begin() as connection:
        upgrade(connection)


def _to_disk(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
