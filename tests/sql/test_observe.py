"""What an observation finds: changes, deletions, the window, rows that cannot be read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from syncd.connector import Window
from syncd.errors import CursorExpired
from tests.sql.conftest import Make
from tests.sql.tables import NOW, WINDOW, Table, known_of, naive, visit_columns

LONG_AGO = naive(NOW) - timedelta(hours=3)


def test_the_first_look_lists_all_in_the_window(table: Table) -> None:
    inside = table.insert()
    running = table.insert(
        starts_at=naive(WINDOW.start) - timedelta(days=1),
        ends_at=naive(WINDOW.start) + timedelta(hours=1),
    )
    past = naive(WINDOW.start) - timedelta(days=90)
    table.insert(starts_at=past, ends_at=past)
    table.insert(deleted_at=naive(NOW))
    snapshot = table.connect().observe(None, WINDOW, {})
    assert {copy.key for copy in snapshot.copies} == {inside, running}
    assert snapshot.complete
    assert snapshot.cursor is not None


def test_nothing_to_do_is_one_statement(table: Table) -> None:
    for number in range(20):
        table.insert(subject=f"第 {number} 次")
    connector = table.connect()
    first = connector.observe(None, WINDOW, {})
    known = known_of(first.copies)
    before = connector.requests
    second = connector.observe(first.cursor, WINDOW, known)
    assert connector.requests - before == 1
    assert (second.copies, second.gone, second.complete) == ((), frozenset(), False)


def test_changes_since_the_cursor(table: Table) -> None:
    keys = [table.insert() for _ in range(3)]
    connector = table.connect()
    first = connector.observe(None, WINDOW, {})
    known = known_of(first.copies)
    table.edit(keys[0], subject="renamed")
    table.edit(keys[1], deleted_at=naive(datetime.now(UTC)))
    fresh = table.insert(updated_at=naive(datetime.now(UTC)))
    second = connector.observe(first.cursor, WINDOW, known)
    assert {copy.key: copy.reads.title for copy in second.copies} == {
        keys[0]: "renamed",
        fresh: "Visit",
    }
    assert second.gone == {keys[1]}


def test_a_transaction_that_commits_late_is_seen(table: Table) -> None:
    """Invariant 2: its modification time is earlier than the latest that was seen."""
    table.insert(updated_at=naive(datetime.now(UTC)))
    connector = table.connect()
    first = connector.observe(None, WINDOW, {})
    late = table.insert(updated_at=naive(datetime.now(UTC)) - timedelta(seconds=20))
    second = connector.observe(first.cursor, WINDOW, known_of(first.copies))
    assert {copy.key for copy in second.copies} == {late}
    known = known_of(first.copies + second.copies)
    third = connector.observe(second.cursor, WINDOW, known)
    assert third.copies == ()


def test_a_second_edit_within_the_same_tick_is_seen(table: Table) -> None:
    key = table.insert(updated_at=naive(datetime.now(UTC)).replace(microsecond=0))
    for deleted in ("deleted_at", ""):
        connector = table.connect(deleted=deleted)
        first = connector.observe(None, WINDOW, {})
        stamp = table.rows()[0]["updated_at"]
        table.edit(key, place=f"Suzhou {deleted}", updated_at=stamp)
        second = connector.observe(first.cursor, WINDOW, known_of(first.copies))
        assert [copy.reads.location for copy in second.copies] == [f"Suzhou {deleted}"]


def test_a_time_in_the_future_does_not_hide_what_follows(table: Table) -> None:
    table.insert(updated_at=naive(NOW) + timedelta(days=4000))
    key = table.insert()
    connector = table.connect()
    first = connector.observe(None, WINDOW, {})
    table.edit(key, subject="renamed")
    second = connector.observe(first.cursor, WINDOW, known_of(first.copies))
    assert [copy.reads.title for copy in second.copies] == ["renamed"]


def test_without_a_modification_time_a_row_is_still_seen(table: Table) -> None:
    connector = table.connect()
    first = connector.observe(None, WINDOW, {})
    key = table.insert(updated_at=None)
    second = connector.observe(first.cursor, WINDOW, {})
    assert [copy.key for copy in second.copies] == [key]
    table.edit(key, subject="renamed", updated_at=None)
    third = connector.observe(second.cursor, WINDOW, known_of(second.copies))
    assert [copy.reads.title for copy in third.copies] == ["renamed"]


def test_keys_are_compared_where_there_is_no_tombstone(table: Table) -> None:
    """Invariant 4: what is missing from a complete listing is for the caller to prove."""
    keys = [table.insert() for _ in range(4)]
    connector = table.connect(deleted="")
    first = connector.observe(None, WINDOW, {})
    known = known_of(first.copies)
    before = connector.requests
    second = connector.observe(first.cursor, WINDOW, known)
    assert connector.requests - before == 1
    assert (second.complete, second.copies, second.unchanged) == (True, (), frozenset(keys))
    table.remove(keys[0])
    table.edit(keys[1], subject="renamed")
    third = connector.observe(second.cursor, WINDOW, known)
    assert third.gone == frozenset()
    assert third.unchanged == {keys[2], keys[3]}
    assert [copy.key for copy in third.copies] == [keys[1]]
    assert connector.fetch([keys[0]]).gone == {keys[0]}


def test_without_a_modified_column_every_row_is_compared(make: Make) -> None:
    table = make([each for each in visit_columns() if each.name != "updated_at"])
    keys = [table.insert() for _ in range(3)]
    connector = table.connect(modified="", deleted="")
    first = connector.observe(None, WINDOW, {})
    table.edit(keys[0], subject="renamed")
    second = connector.observe(first.cursor, WINDOW, known_of(first.copies))
    assert [copy.key for copy in second.copies] == [keys[0]]
    assert second.unchanged == {keys[1], keys[2]}
    assert second.complete


@pytest.mark.parametrize("deleted", ["deleted_at", ""])
def test_leaving_the_window_is_not_gone(table: Table, deleted: str) -> None:
    """Invariant 4 and trace 28."""
    key = table.insert()
    connector = table.connect(deleted=deleted)
    first = connector.observe(None, WINDOW, {})
    far = naive(WINDOW.end) + timedelta(days=400)
    table.edit(key, starts_at=far, ends_at=far + timedelta(hours=1))
    second = connector.observe(first.cursor, WINDOW, known_of(first.copies))
    assert [copy.key for copy in second.copies] == [key]
    assert second.gone == frozenset()
    known = known_of(second.copies)
    full = connector.observe(None, WINDOW, known)
    assert key in full.unchanged
    assert full.complete


@pytest.mark.parametrize("deleted", ["deleted_at", ""])
def test_the_window_moves_on_to_rows_that_nobody_touched(table: Table, deleted: str) -> None:
    later = naive(WINDOW.end) + timedelta(days=20)
    near = table.insert()
    key = table.insert(starts_at=later, ends_at=later, updated_at=LONG_AGO)
    connector = table.connect(deleted=deleted)
    first = connector.observe(None, WINDOW, {})
    assert [copy.key for copy in first.copies] == [near]
    moved = Window(WINDOW.start, WINDOW.end + timedelta(days=30))
    second = connector.observe(first.cursor, moved, known_of(first.copies))
    assert [copy.key for copy in second.copies] == [key]


def test_rows_that_cannot_be_read_do_not_stop_the_others(table: Table) -> None:
    """Invariants 9 and 11."""
    good = table.insert(subject="好")
    backwards = table.insert(
        subject="secret", starts_at=naive(NOW), ends_at=naive(NOW) - timedelta(hours=2)
    )
    empty = table.insert(subject="secret", starts_at=None)
    snapshot = table.connect().observe(None, WINDOW, {})
    assert [copy.key for copy in snapshot.copies] == [good]
    reasons = {bad.key: bad.reason for bad in snapshot.unreadable}
    assert reasons == {
        backwards: f"row {backwards}: ends_at is before starts_at",
        empty: f"row {empty}: starts_at is empty",
    }
    fetched = table.connectors[0].fetch([good, backwards, "999", "no number"])
    assert [copy.key for copy in fetched.copies] == [good]
    assert [bad.key for bad in fetched.unreadable] == [backwards]
    assert fetched.gone == {"999", "no number"}


def test_values_that_no_driver_loads_are_one_row_only(table: Table) -> None:
    """Invariant 9: SQLite keeps any text as a time, PostgreSQL knows ``infinity``."""
    good, bad = table.insert(), table.insert()
    if table.engine.dialect.name == "sqlite":
        broken = "starts_at = 'morgen um neun', notes = CAST(X'ff41' AS TEXT)"
    else:
        broken = "starts_at = 'infinity', ends_at = 'infinity'"
    table.sql(f"UPDATE visit SET {broken} WHERE id = {bad}")
    snapshot = table.connect().observe(None, WINDOW, {bad: None})
    assert [copy.key for copy in snapshot.copies] == [good]
    assert [each.key for each in snapshot.unreadable] == [bad]
    if table.engine.dialect.name == "sqlite":
        fresh = table.connect().observe(None, WINDOW, {})
        assert [each.key for each in fresh.unreadable] == [bad]


def test_dates_at_the_ends_of_the_calendar(table: Table) -> None:
    """Invariant 9: where programs keep "no date"; in Shanghai they are before or after time."""
    good = table.insert()
    first, last = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59)
    bad = [table.insert(starts_at=each, ends_at=each) for each in (first, last)]
    days = [table.insert(starts_at=each, ends_at=each, all_day=True) for each in (first, last)]
    connector = table.connect(time_zone="Asia/Shanghai")
    full = connector.observe(None, WINDOW, dict.fromkeys([good, *bad, *days]))
    assert good in {copy.key for copy in full.copies}
    assert bad[0] in {each.key for each in full.unreadable}
    assert {copy.key for copy in connector.observe(None, WINDOW, {}).copies} == {good}
    full = connector.observe(None, WINDOW, {good: None})
    assert {copy.key for copy in full.copies} == {good}


def test_a_cursor_of_other_columns_has_expired(table: Table) -> None:
    table.insert(budget=5)
    first = table.connect().observe(None, WINDOW, {})
    fields = {**table.mapping.fields, "custom.budget": "budget"}
    connector = table.connect(fields=fields)
    with pytest.raises(CursorExpired):
        connector.observe(first.cursor, WINDOW, {})
    with pytest.raises(CursorExpired):
        connector.observe("rubbish", WINDOW, {})
    again = connector.observe(None, WINDOW, known_of(first.copies))
    assert [copy.reads.custom for copy in again.copies] == [(("budget", "5"),)]


def test_a_cursor_of_a_clock_that_was_ahead_has_expired(table: Table) -> None:
    """Invariant 2: what was edited since the clock was set right is stamped earlier than all that
    was seen, and would be read by nobody."""
    key = table.insert(subject="Besuch", updated_at=LONG_AGO)
    connector = table.connect()
    first = connector.observe(None, WINDOW, {})
    assert first.cursor is not None
    parts = json.loads(first.cursor)
    ahead = datetime.fromisoformat(parts["at"]) + timedelta(hours=3)
    table.edit(key, subject="Besuch, verschoben 改期", updated_at=naive(NOW) - timedelta(hours=1))
    with pytest.raises(CursorExpired, match="clock"):
        connector.observe(json.dumps({**parts, "at": ahead.isoformat()}), WINDOW, {})
    again = connector.observe(None, WINDOW, known_of(first.copies))
    assert [copy.reads.title for copy in again.copies] == ["Besuch, verschoben 改期"]


@pytest.mark.parametrize("mixed", ["2026-03-01T09:00:00", "2026-03-01 09:00:00.500000"])
def test_texts_of_several_forms_in_one_modified_column(make: Make, mixed: str) -> None:
    columns = [each for each in visit_columns() if each.name != "updated_at"]
    table = make([*columns, sa.Column("updated_at", sa.Text)])
    first_key = table.insert(updated_at=mixed)
    connector = table.connect()
    first = connector.observe(None, WINDOW, {})
    second_key = table.insert(updated_at="2026-03-01 09:00:02")
    third_key = table.insert(updated_at="2026-03-01T09:00:03Z")
    second = connector.observe(first.cursor, WINDOW, known_of(first.copies))
    assert {copy.key for copy in second.copies} == {second_key, third_key}
    known = known_of(first.copies + second.copies)
    assert connector.observe(second.cursor, WINDOW, known).copies == ()
    assert first_key in known


def test_the_identity_names_the_database_without_secrets(table: Table) -> None:
    identity = table.connect().observe(None, WINDOW, {}).identity
    assert identity.endswith("/visit")
    assert "postgres:" not in identity


def test_two_looks_at_a_quiet_table_differ_only_in_their_time(table: Table) -> None:
    table.insert()
    connector = table.connect()
    first = connector.observe(None, WINDOW, {})
    second = connector.observe(first.cursor, WINDOW, known_of(first.copies))
    assert first.cursor is not None
    assert second.cursor is not None
    assert json.loads(first.cursor)["modified"] == json.loads(second.cursor)["modified"]
