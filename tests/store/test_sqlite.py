"""Connections to a SQLite file rest between transactions, and end with the store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import select, text

from syncd.store.database import Database, open_database, upsert
from syncd.store.schema import meta
from syncd.store.sqlite import RESTING


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def database(path: Path) -> Database:
    return open_database(f"sqlite:///{path}")


def _put(database: Database, value: str) -> None:
    with database.write() as connection:
        upsert(connection, meta, [{"name": "格式", "value": value}])


def _break_off(database: Database) -> None:
    with database.write() as connection:
        upsert(connection, meta, [{"name": "格式", "value": "2"}])
        raise RuntimeError("it broke off")


def _value(database: Database) -> str | None:
    with database.read() as connection:
        return connection.scalar(select(meta.c.value).where(meta.c.name == "格式"))


def _is_open(path: Path) -> bool:
    """The last connection takes the write-ahead log along (https://www.sqlite.org/wal.html)."""
    return path.with_name(f"{path.name}-wal").exists()


def test_what_broke_off_is_not_there_and_nobody_is_locked_out(database: Database) -> None:
    _put(database, "1")
    with pytest.raises(RuntimeError, match="broke off"):
        _break_off(database)
    assert _value(database) == "1"
    _put(database, "3")
    assert _value(database) == "3"


def test_a_transaction_sees_one_moment_and_the_next_one_the_newest(database: Database) -> None:
    _put(database, "1")
    with database.read() as connection:
        query = select(meta.c.value).where(meta.c.name == "格式")
        assert connection.scalar(query) == "1"
        _put(database, "2")
        assert (connection.scalar(query), _value(database)) == ("1", "2")
    assert _value(database) == "2"


def test_nothing_stays_open(database: Database, path: Path) -> None:
    _put(database, "1")
    assert _is_open(path)
    database.close()
    assert not _is_open(path)


def test_what_is_in_use_at_the_end_is_closed_when_it_is_over(
    database: Database, path: Path
) -> None:
    with database.write() as connection:
        upsert(connection, meta, [{"name": "格式", "value": "1"}])
        database.close()
        assert _is_open(path)
    assert not _is_open(path)


def _is_marked(database: Database, begun: Barrier) -> bool:
    """Whether the connection has the table that this leaves, which only it has."""
    with database.read() as connection:
        begun.wait(10)
        found = connection.scalars(text("SELECT name FROM sqlite_temp_master")).all()
        connection.execute(text("CREATE TEMP TABLE IF NOT EXISTS own (x)"))
    return bool(found)


def test_after_many_at_once_the_first_is_used_again_and_only_some_stay(database: Database) -> None:
    """Each that is used comes to hold pages and statements: they are used one after the other."""
    number = RESTING + 5
    begun = Barrier(number)
    assert not _is_marked(database, Barrier(1))
    with ThreadPoolExecutor(number) as pool:
        first = list(pool.map(lambda _: _is_marked(database, begun), range(number)))
        again = list(pool.map(lambda _: _is_marked(database, begun), range(number)))
    assert (sum(first), sum(again)) == (1, RESTING)
    with database.read() as connection:
        connection.execute(text("CREATE TEMP TABLE first (x)"))
    for _ in range(3):
        _all_at_once(database)
        with database.read() as connection:
            names = connection.scalars(text("SELECT name FROM sqlite_temp_master")).all()
        assert "first" in names


def _all_at_once(database: Database) -> None:
    begun = Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: _is_marked(database, begun), range(3)))
