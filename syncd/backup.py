"""Backing the state up while the daemon runs, and putting a backup back while it does not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from syncd.errors import ConfigError
from syncd.lock import Busy, StoreLock
from syncd.store.backup import Contents, dump, load, reading
from syncd.store.database import Database, open_database, parse_url
from syncd.store.schema import VERSIONS

__all__ = ["Contents", "Restored", "backup", "restore"]


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back, and where the state that was there before is kept: ``None`` if there
    was none. ``unreadable``: it could not be read, and was moved there as it is."""

    contents: Contents
    kept: Path | None
    unreadable: bool = False


def backup(url: str, file: Path, now: datetime) -> Contents:
    """One moment of the store at ``url`` in ``file``. Raises ``ConfigError``."""
    with _opened(url, create=False) as database:
        return dump(database, file.absolute(), now)


def restore(url: str, file: Path, now: datetime) -> Restored:
    """Put a backup in the place of the store at ``url``, which is kept beside it.

    Ended half-way, the state is as it was. Raises ``ConfigError``, and ``Busy`` while another
    syncd is at work.
    """
    file = file.absolute()
    with _locked(url), reading(file) as (contents, source):
        kept, unreadable = _kept(url, file, now)
        with _opened(url, create=True) as database:
            load(source, database)
    return Restored(contents, kept, unreadable)


@contextmanager
def _locked(url: str) -> Iterator[None]:
    try:
        lock = StoreLock(url).__enter__()
    except Busy as error:
        raise Busy(f"{error}: stop it first (systemctl stop syncd)") from None
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


def _kept(url: str, file: Path, now: datetime) -> tuple[Path | None, bool]:
    """Where the present state is kept: as a backup, or, if it cannot be read, as it is."""
    state = _state_file(url)
    if state is not None and not state.exists():
        return None, False
    stamp = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    if state is None or _is_readable(state):
        kept = _free(state or file, f"before-restore-{stamp}")
        with _opened(url, create=True) as database:
            dump(database, kept, now)
        return kept, False
    kept = _free(state, f"unreadable-{stamp}")
    # Its journal goes with it: beside another database it would be taken for that one's.
    for tail in ("-wal", "-shm", ""):
        part = state.with_name(state.name + tail)
        if part.exists():
            part.replace(kept.with_name(kept.name + tail))
    return kept, True


def _is_readable(state: Path) -> bool:
    """Whether the file is whole, and of a version that is known here. Raises ``ConfigError``
    where that cannot be told."""
    try:
        with closing(sqlite3.connect(state)) as raw:
            if [row[0] for row in raw.execute("PRAGMA quick_check")] != ["ok"]:
                return False
            if not raw.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
            ).fetchone():
                return True
            found = raw.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return False
        raise ConfigError(f"the state cannot be read: {error}", file=str(state)) from None
    return found is None or found[0] in VERSIONS


def _free(beside: Path, word: str) -> Path:
    """A name that nothing has yet."""
    name = beside.with_name(f"{beside.name}.{word}")
    number = 1
    while name.exists():
        number += 1
        name = beside.with_name(f"{beside.name}.{word}-{number}")
    return name


def _state_file(url: str) -> Path | None:
    """The file of a store in SQLite."""
    parsed = parse_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


@contextmanager
def _opened(url: str, *, create: bool) -> Iterator[Database]:
    database = open_database(url, create=create)
    try:
        yield database
    finally:
        database.close()
