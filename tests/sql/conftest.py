"""SQLite and a real PostgreSQL, with a table in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from syncd.connector import TableMapping
from tests.postgres import postgres_server, postgres_url
from tests.sql.tables import MAPPING, Table, make_table

__all__ = ["postgres_server", "postgres_url"]

Make = Callable[..., Table]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of the test's own, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/crm.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def make(url: str) -> Iterator[Make]:
    """Makes tables, and closes them afterwards."""
    made: list[Table] = []

    def make_one(
        columns: list[sa.Column[Any]] | None = None, mapping: TableMapping = MAPPING
    ) -> Table:
        made.append(make_table(url, columns, mapping))
        return made[-1]

    yield make_one
    for table in made:
        table.close()


@pytest.fixture
def table(make: Make) -> Table:
    """The usual table, empty."""
    return make()
