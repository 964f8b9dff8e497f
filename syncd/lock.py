"""One store, one syncd that writes: a lock that ends with its process."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from syncd.errors import ConfigError, SyncdError
from syncd.store.database import make_engine, not_opened, parse_url
from syncd.store.room import made_for_owner

_ADVISORY = 0x73796E6364  # "syncd" as a number: the key of the advisory lock

_BUSY = "another syncd is at work on this store"


_GLANCES = 10
_GLANCE = 0.05
"""So often, and after so many seconds each, a file that somebody has locked is tried: who looks
whether it is held (:func:`is_held`) has it for a moment."""


class Busy(SyncdError):
    """Another syncd is at work on this store."""


class StoreLock:
    """Held while a process observes and writes. Raises ``Busy`` if somebody else holds it,
    ``ConfigError`` if it cannot be tried, and ``StateUnavailable`` if its server is away.

    For SQLite a locked file beside the database, whatever links lead there; for PostgreSQL an
    advisory lock of a session. Both are gone when the process is, however it ended.
    """

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)
        self._file: int | None = None
        self._connection: sa.Connection | None = None

    def __enter__(self) -> Self:
        if self._url.get_backend_name() == "sqlite":
            self._lock_file(_file_of(self._url))
        else:
            self._lock_session()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._let_go()

    def keep(self) -> None:
        """Make sure that it is still held: a database server that was started anew has forgotten
        it. Raises ``Busy`` if somebody else has taken it, ``StateUnavailable`` if the server
        is not there."""
        if self._file is not None:
            return
        try:
            if self._connection is not None:
                self._connection.execute(sa.text("SELECT 1"))
                self._connection.commit()
                return
        except SQLAlchemyError:
            self._let_go()
        self._lock_session()

    def _lock_file(self, path: Path) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = made_for_owner(path)
        except OSError as error:
            raise ConfigError(
                f"the state cannot be locked: {error.strerror}",
                file=str(path),
                key="daemon.state",
                hint="may this user write there?",
            ) from None
        try:
            _lock(self._file)
        except OSError as error:
            os.close(self._file)
            self._file = None
            raise Busy(_BUSY) from error

    def _lock_session(self) -> None:
        engine = make_engine(self._url, poolclass=sa.NullPool)
        try:
            self._connection = engine.connect()
            locked = self._connection.execute(
                sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": _ADVISORY}
            ).scalar_one()
            self._connection.commit()
        except SQLAlchemyError as error:
            self._let_go()
            raise not_opened(self._url, error) from None
        if not locked:
            self._let_go()
            raise Busy(_BUSY)

    def _let_go(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.invalidate()
            connection.close()
            connection.engine.dispose()


def is_held(url: str) -> bool | None:
    """Whether some syncd is at work on the store at ``url``; ``None`` if that cannot be told.
    Keeps nobody from beginning."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _is_locked(_file_of(parsed))
    engine = make_engine(parsed, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            return connection.execute(sa.text(_HELD), {"key": _ADVISORY}).first() is not None
    except SQLAlchemyError:
        return None


_HELD = """
SELECT 1 FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND (classid::bigint << 32 | objid::bigint) = :key
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""How PostgreSQL lists an advisory lock with a key of 64 bits
(https://www.postgresql.org/docs/current/view-pg-locks.html, read 2026-11)."""


def _file_of(url: sa.URL) -> Path:
    """The file that is locked for a SQLite database, whatever links lead there."""
    return Path(f"{Path(url.database or '').resolve()}.lock")


def _is_locked(path: Path) -> bool | None:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def _lock(file: int) -> None:
    """Raises ``OSError`` if somebody else holds it."""
    for _ in range(_GLANCES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(_GLANCE)
        else:
            return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
