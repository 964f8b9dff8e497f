"""One dialect of a kind for all engines of a process, so that each statement is compiled once.

SQLAlchemy keeps what it has compiled by engine and dialect object, and makes one of each for an
engine (https://docs.sqlalchemy.org/en/21/core/connections.html, "SQL Compilation Caching"). Every
test opens a store and connectors of its own: a quarter of its time went into compiling the
statements of the test before. The dialects are SQLAlchemy's own, but for being kept.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

_compiled: LRUCache[Any, Any] = LRUCache(2000)


class _Kept(type):
    """Calling the class again with the same options gives the dialect that is there."""

    _made: dict[object, object]

    def __init__(cls, *words: Any) -> None:
        super().__init__(*words)
        cls._made = {}

    def __call__(cls, **options: Any) -> Any:
        key = frozenset(options.items())
        if key not in cls._made:
            cls._made[key] = super().__call__(**options)
        return cls._made[key]


class _Compiling:
    """Its engines share what was compiled."""

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        engine.update_execution_options(compiled_cache=_compiled)


class Sqlite(_Compiling, SQLiteDialect_pysqlite, metaclass=_Kept):
    """SQLite by the driver of the standard library."""

    supports_statement_cache = True


class Postgresql(_Compiling, PGDialect_psycopg, metaclass=_Kept):
    """PostgreSQL by psycopg."""

    supports_statement_cache = True


def keep() -> None:
    """Use them from now on."""
    for name in ("sqlite", "sqlite.pysqlite"):
        registry.register(name, __name__, "Sqlite")
    registry.register("postgresql.psycopg", __name__, "Postgresql")
