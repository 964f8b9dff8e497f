"""One store, one syncd that writes: a lock that ends with its process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from syncd.errors import SyncdError
from syncd.store.database import parse_url

_ADVISORY = 0x73796E6364  # "syncd" as a number: the key of the advisory lock


class Busy(SyncdError):
    """Another syncd is at work on this store."""


class StoreLock:
    """Held while a process observes and writes. Raises ``Busy`` if somebody else holds it.

    For SQLite a locked file beside the database; for PostgreSQL an advisory lock of a session.
    Both are gone when the process is, however it ended.
    """

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)
        self._file: int | None = None
        self._connection: sa.Connection | None = None

    def __enter__(self) -> Self:
        if self._url.get_backend_name() == "sqlite":
            self._lock_file(Path(f"{self._url.database}.lock"))
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
        if self._connection is not None:
            self._connection.close()
            self._connection.engine.dispose()

    def _lock_file(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            self._file = None
            raise Busy("another syncd is at work on this store") from error

    def _lock_session(self) -> None:
        engine = sa.create_engine(self._url, poolclass=sa.NullPool, hide_parameters=True)
        self._connection = engine.connect()
        locked = self._connection.execute(
            sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": _ADVISORY}
        ).scalar_one()
        self._connection.commit()
        if not locked:
            self._connection.close()
            self._connection = None
            raise Busy("another syncd is at work on this store")
