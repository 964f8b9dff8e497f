"""Connections to a SQLite file rest between transactions, and end with the store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, get_ident

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


def _mark(database: Database, begun: Barrier) -> None:
    """Leaves a table that only this connection has, while the others leave theirs."""
    with database.write() as connection:
        connection.execute(text(f"CREATE TEMP TABLE of_{get_ident()} (x)"))
    with database.read():
        begun.wait(10)


def _is_marked(database: Database, begun: Barrier) -> bool:
    with database.read() as connection:
        begun.wait(10)
        names = connection.scalars(text("SELECT name FROM sqlite_temp_master")).all()
    assert set(names) <= {f"of_{get_ident()}"}
    return bool(names)


@pytest.mark.parametrize(("number", "looks"), [(2, 3), (RESTING + 5, 1)])
def test_threads_go_on_with_their_own_but_for_those_that_are_too_many(
    database: Database, number: int, looks: int
) -> None:
    begun = Barrier(number)
    with ThreadPoolExecutor(number) as pool:
        list(pool.map(lambda _: _mark(database, begun), range(number)))
        for _ in range(looks):
            marked = list(pool.map(lambda _: _is_marked(database, begun), range(number)))
            assert sum(marked) == min(number, RESTING)
