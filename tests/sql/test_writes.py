"""Creates, updates and deletes: idempotent, guarded, only what differs, own results."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from syncd.core.fidelity import project
from syncd.core.model import AllDay, Status
from syncd.core.state import Copy, Marker
from syncd.errors import ConnectorError, Rejected, Stale
from tests.sql.conftest import Make
from tests.sql.tables import (
    NOW,
    WINDOW,
    Table,
    known_of,
    marked,
    naive,
    visit,
    visit_columns,
    written,
)


def test_a_created_row_reads_as_it_was_asked(table: Table) -> None:
    connector = table.connect()
    result = connector.create(marked("a1"), visit())
    copy = written(result)
    assert copy.reads == project(visit(), connector.fidelity)
    assert copy.marker == Marker("office1", "a1")
    assert connector.find(Marker("office1", "a1")) == (copy,)
    assert connector.fetch([copy.key]).copies == (copy,)
    assert connector.read(copy.key, copy.version, copy.wire) == copy


def test_the_same_mark_makes_one_row(table: Table) -> None:
    """Invariant 3: creates are idempotent, also from another process that knows nothing."""
    key = table.connect().create(marked("a1"), visit()).key
    for connector in (table.connectors[0], table.connect()):
        with pytest.raises(Stale) as raised:
            connector.create(marked("a1"), visit(title="again"))
        assert raised.value.key == key
    assert len(table.rows()) == 1


@pytest.mark.parametrize("column", [False, True], ids=["marker-table", "marker-column"])
def test_simultaneous_creates_make_one_row(make: Make, column: bool) -> None:
    """Invariant 3."""
    columns = visit_columns()
    if column:
        columns.append(sa.Column("syncd_mark", sa.String(120), unique=True))
    table = make(columns)
    marker = "syncd_mark" if column else ""
    connectors = [table.connect(marker=marker) for _ in range(4)]

    def create(number: int) -> str:
        return connectors[number].create(marked("a1"), visit()).key

    outcomes = together(4, create)
    keys = {each for each in outcomes if isinstance(each, str)}
    stale = [each for each in outcomes if isinstance(each, Stale)]
    assert len(keys) == 1
    assert len(stale) == 3
    assert {each.key for each in stale} == keys
    assert len(table.rows()) == 1


@pytest.mark.parametrize("modified", ["updated_at", ""])
def test_of_simultaneous_updates_one_wins(table: Table, modified: str) -> None:
    """Invariant 2: an update never overwrites a version that it has not seen."""
    connectors = [table.connect(modified=modified) for _ in range(4)]
    copy = written(connectors[0].create(marked("a1"), visit()))
    for connector in connectors:
        assert connector.fetch([copy.key]).copies[0].reads == copy.reads
    for turn in range(8):

        def update(number: int, base: Copy = copy, turn: int = turn) -> str:
            changed = replace(base.reads, title=f"{turn} by {number}")
            return written(connectors[number].update(base, changed)).reads.title

        outcomes = together(4, update)
        titles = [each for each in outcomes if isinstance(each, str)]
        assert len(titles) == 1
        assert sum(isinstance(each, Stale) for each in outcomes) == 3
        assert [row["subject"] for row in table.rows()] == titles
        copy = connectors[0].fetch([copy.key]).copies[0]


def test_an_update_touches_only_what_differs(table: Table) -> None:
    """Invariant 8: columns that are not mapped, and texts that are not understood, stay."""
    key = table.insert(budget=12.5, state="wartet auf Kunde", place="Suzhou ")
    connector = table.connect()
    copy = connector.fetch([key]).copies[0]
    assert copy.reads.status is Status.CONFIRMED
    result = written(connector.update(copy, replace(copy.reads, title="新标题")))
    assert result.reads == replace(copy.reads, title="新标题")
    row = table.rows()[0]
    assert (row["state"], row["place"], row["subject"]) == ("wartet auf Kunde", "Suzhou ", "新标题")
    assert float(row["budget"]) == 12.5
    cancelled = written(connector.update(result, replace(result.reads, status=Status.CANCELLED)))
    assert cancelled.reads.status is Status.CANCELLED
    assert table.rows()[0]["state"] == "cancelled"


def test_an_update_of_nothing_writes_nothing(table: Table) -> None:
    connector = table.connect()
    copy = connector.fetch([table.insert()]).copies[0]
    before = table.rows()
    assert connector.update(copy, copy.reads).version == copy.version
    assert table.rows() == before


def test_an_edit_within_the_same_second_is_seen(table: Table) -> None:
    """Invariant 2: the modified column alone does not tell two edits of one second apart."""
    key = table.insert()
    connector = table.connect()
    copy = connector.fetch([key]).copies[0]
    table.edit(key, subject="edited", updated_at=table.rows()[0]["updated_at"])
    with pytest.raises(Stale) as raised:
        connector.update(copy, replace(copy.reads, title="ours"))
    assert raised.value.key == key
    with pytest.raises(Stale):
        connector.delete(copy)
    assert table.rows()[0]["subject"] == "edited"


def test_modified_moves_forward_although_the_row_is_from_the_future(table: Table) -> None:
    ahead = naive(NOW) + timedelta(days=3)
    key = table.insert(updated_at=ahead)
    connector = table.connect()
    copy = connector.fetch([key]).copies[0]
    result = written(connector.update(copy, replace(copy.reads, title="x")))
    assert table.rows()[0]["updated_at"] > ahead
    assert result.modified is not None
    assert result.modified > ahead.replace(tzinfo=UTC)


def test_a_row_that_is_gone(table: Table) -> None:
    connector = table.connect()
    keys = [table.insert(), table.insert()]
    copies = {copy.key: copy for copy in connector.fetch(keys).copies}
    table.remove(keys[0])
    table.edit(keys[1], deleted_at=naive(NOW))
    for key in keys:
        with pytest.raises(Stale):
            connector.update(copies[key], replace(copies[key].reads, title="x"))
        connector.delete(copies[key])
    assert connector.fetch(keys).gone == frozenset(keys)


def test_delete_sets_the_tombstone(table: Table) -> None:
    connector = table.connect()
    copy = written(connector.create(marked("a1"), visit()))
    first = connector.observe(None, WINDOW, {})
    connector.delete(copy)
    assert len(table.rows()) == 1
    assert table.rows()[0]["deleted_at"] is not None
    assert connector.observe(first.cursor, WINDOW, known_of(first.copies)).gone == {copy.key}
    assert connector.find(Marker("office1", "a1")) == ()


def test_what_comes_back_gets_its_row_back(table: Table) -> None:
    """A deletion that lost against an edit: the mark is still on the row with the tombstone."""
    connector = table.connect()
    copy = written(connector.create(marked("a1"), visit()))
    table.edit(copy.key, deleted_at=naive(NOW))
    again = written(connector.create(marked("a1"), visit(title="moved")))
    assert again.key == copy.key
    assert again.reads == project(visit(title="moved"), connector.fidelity)
    assert [row["deleted_at"] for row in table.rows()] == [None]


def test_without_a_tombstone_column_rows_are_deleted_with_their_marks(table: Table) -> None:
    connector = table.connect(deleted="")
    copy = written(connector.create(marked("a1"), visit()))
    connector.delete(copy)
    assert table.rows() == []
    again = written(connector.create(marked("a1"), visit()))
    assert again.reads == copy.reads
    table.remove(again.key)
    third = written(connector.create(marked("a1"), visit()))
    assert [str(row["id"]) for row in table.rows()] == [third.key]


def test_what_the_table_cannot_do_without(make: Make) -> None:
    columns = [*visit_columns(), sa.Column("branch", sa.String(10), nullable=False)]
    table = make(columns)
    with pytest.raises(Rejected, match="branch"):
        table.connect().create(marked("a1"), visit())
    copy = written(table.connect(defaults={"branch": "SH"}).create(marked("a1"), visit()))
    assert [row["branch"] for row in table.rows()] == ["SH"]
    assert copy.reads.title == visit().title


@pytest.mark.parametrize("key", [sa.String(36), sa.String(20), sa.Uuid()], ids=str)
def test_keys_of_our_choice_follow_from_the_mark(make: Make, key: sa.types.TypeEngine[str]) -> None:
    """Invariant 3: even a row whose mark was lost is not made twice."""
    table = make([sa.Column("id", key, primary_key=True), *visit_columns()[1:]])
    connector = table.connect()
    copy = written(connector.create(marked("a1"), visit()))
    table.sql("DELETE FROM syncd_markers")
    with pytest.raises(Stale) as raised:
        connector.create(marked("a1"), visit())
    assert raised.value.key == copy.key
    other = written(connector.create(marked("a2"), visit()))
    assert other.key != copy.key


def test_marks_outlive_the_name_of_their_installation(table: Table) -> None:
    """Invariant 3: after a lost state syncd goes by another name, and knows its rows by marks."""
    key = table.connect().create(marked("a1"), visit()).key
    table.sql("UPDATE syncd_markers SET marker = 'office0:a1'")
    (copy,) = table.connect().observe(None, WINDOW, {}).copies
    assert (copy.key, copy.marker) == (key, Marker("office0", "a1"))
    table.sql(f"INSERT INTO syncd_markers VALUES ('office1:a2', 'visit', '{key}')")
    (copy,) = table.connect().observe(None, WINDOW, {}).copies
    assert copy.marker == Marker("office1", "a2")


def test_a_number_that_is_used_again_bears_no_old_mark(table: Table) -> None:
    """The row was deleted by a person; SQLite gives its number to the next one."""
    key = table.connect().create(marked("a1"), visit()).key
    table.sql(f"UPDATE syncd_markers SET marker = 'office0:a1', row_key = '{int(key) + 1}'")
    copy = written(table.connect().create(marked("a2"), visit()))
    assert copy.key == str(int(key) + 1)
    found = {each.key: each.marker for each in table.connect().observe(None, WINDOW, {}).copies}
    assert found == {key: None, copy.key: Marker("office1", "a2")}


def test_a_version_column_grows_and_guards(make: Make) -> None:
    table = make([*visit_columns(), sa.Column("revision", sa.Integer, nullable=False)])
    connector = table.connect(version="revision")
    first = written(connector.create(marked("a1"), visit()))
    second = written(connector.update(first, replace(first.reads, title="two")))
    assert [row["revision"] for row in table.rows()] == [2]
    table.edit(first.key, revision=3, updated_at=table.rows()[0]["updated_at"])
    with pytest.raises(Stale):
        connector.update(second, replace(second.reads, title="three"))


def test_without_any_version_the_content_guards(make: Make) -> None:
    columns = [each for each in visit_columns() if each.name not in ("updated_at", "deleted_at")]
    table = make(columns)
    connector = table.connect(modified="", deleted="")
    first = written(connector.create(marked("a1"), visit()))
    table.edit(first.key, place="Ningbo")
    with pytest.raises(Stale):
        connector.update(first, replace(first.reads, title="x"))
    fresh = connector.fetch([first.key]).copies[0]
    assert written(connector.update(fresh, replace(fresh.reads, title="x"))).reads.title == "x"


def test_all_day_and_back(table: Table) -> None:
    connector = table.connect()
    day = NOW.date() + timedelta(days=3)
    copy = written(connector.create(marked("a1"), visit(when=AllDay(day, day + timedelta(days=2)))))
    assert copy.reads.when == AllDay(day, day + timedelta(days=2))
    back = written(connector.update(copy, replace(copy.reads, when=visit().when)))
    assert back.reads.when == visit().when


def test_all_day_with_an_inclusive_end(table: Table) -> None:
    connector = table.connect(extra={"all_day_end": "inclusive"})
    day = NOW.date() + timedelta(days=3)
    two_days = AllDay(day, day + timedelta(days=2))
    copy = written(connector.create(marked("a1"), visit(when=two_days)))
    assert copy.reads.when == two_days
    midnight = datetime(day.year, day.month, day.day)
    assert table.rows()[0]["ends_at"] == midnight + timedelta(days=1)


def together(count: int, run: Callable[[int], str]) -> list[str | ConnectorError]:
    """The outcomes of ``run`` in several threads that start at once."""
    barrier = threading.Barrier(count)

    def one(number: int) -> str | ConnectorError:
        barrier.wait()
        try:
            return run(number)
        except ConnectorError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))
