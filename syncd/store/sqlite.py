"""Transactions on a SQLite file: how its connections are set up, and where they rest.

A cycle has some dozens of transactions for each channel, most of which read one row. To open a
connection for each of them, if only out of a pool, took a sixth of a cycle (measured): here one
that was used rests until the next needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, event

BUSY_TIMEOUT = 30.0
"""Seconds that a transaction waits for another process's."""

_PAGES = 500
"""KiB of SQLite's pages that a connection keeps, a quarter of its default: the operating system has
the file in memory anyway, and a first synchronisation takes no longer (measured)."""

RESTING = 20
"""So many connections rest at most: as many as threads write to one system, and a few."""


class Transactions:
    """Transactions on one file. Safe to use from several threads: each has a connection of its
    own. The one that was made first is taken first: in turn, each of several would come to hold all
    pages and statements, two megabytes. The ``engine`` has no pool."""

    def __init__(self, engine: Engine) -> None:
        _configure(engine)
        self._engine = engine
        self._lock = Lock()
        self._numbers = count()
        self._resting: list[tuple[int, Connection]] = []
        self._is_closed = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One that sees one moment and changes nothing."""
        with self._connection() as connection, connection.begin():
            # By the driver itself: this takes no lock yet, so it cannot fail for anybody else.
            connection.connection.cursor().execute("BEGIN")
            yield connection

    @contextmanager
    def write(self, *, durable: bool) -> Iterator[Connection]:
        """One that has the write lock from its start, so that it never dead-locks."""
        synchronous = "FULL" if durable else "NORMAL"
        with self._connection() as connection, connection.begin():
            # Not by the engine's event ``begin``: with one listener, each statement looks for
            # listeners of everything that can happen to it, which takes a tenth of a cycle.
            if connection.info.get("synchronous") != synchronous:
                connection.exec_driver_sql(f"PRAGMA synchronous = {synchronous}")
                connection.info["synchronous"] = synchronous
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def close(self) -> None:
        """Let go of all connections; of one that is in use when it is over."""
        self._is_closed = True
        self._let_go(0)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """One that rests, or a new one. After an error it is not used again."""
        with self._lock:
            number, found = heappop(self._resting) if self._resting else (next(self._numbers), None)
        connection = found or self._engine.connect()
        is_well = False
        try:
            yield connection
            is_well = True
        finally:
            if is_well:
                with self._lock:
                    heappush(self._resting, (number, connection))
            else:
                connection.close()
            # Asked last: somebody may close all this very moment.
            self._let_go(0 if self._is_closed else RESTING)

    def _let_go(self, most: int) -> None:
        """Close those that rest beyond ``most``, and were made last."""
        while len(self._resting) > most:
            with self._lock:
                self._resting.sort()
                surplus = self._resting[most:]
                del self._resting[most:]
            for _, connection in surplus:
                connection.close()


def _configure(engine: Engine) -> None:
    """Transactions begin by our own ``BEGIN`` (the driver's come too late to hold a lock while
    reading: https://docs.sqlalchemy.org/en/21/dialects/sqlite.html, "Transactions with SQLite")."""

    @event.listens_for(engine, "connect")
    def on_connect(raw: Any, _record: object) -> None:
        raw.isolation_level = None
        cursor = raw.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA cache_size = -{_PAGES}")
        cursor.close()
