"""One store, one syncd that writes: a lock that ends with its process."""

from __future__ import annotations

import fcntl
import os
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
            self._lock_file(Path(f"{Path(self._url.database or '').resolve()}.lock"))
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
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
