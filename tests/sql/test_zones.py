"""Times around the changes of the clocks, in columns that know no zone and in those that do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.sql.changes import Bound, Cursor, bound
from connectors.sql.columns import Column, Kind
from connectors.sql.times import Clock
from syncd.connector import Window
from syncd.core.fidelity import project
from syncd.core.model import AllDay, Timed
from syncd.errors import Rejected
from tests.sql.conftest import Make
from tests.sql.tables import Table, make_table, marked, visit, visit_columns, written

MINUTE = timedelta(minutes=1)


def timed_columns(kind: sa.types.TypeEngine[Any]) -> list[sa.Column[Any]]:
    columns = [each for each in visit_columns() if each.name not in ("starts_at", "ends_at")]
    return [*columns, sa.Column("starts_at", kind), sa.Column("ends_at", kind)]


def test_naive_columns_hold_wall_times_of_their_zone(table: Table) -> None:
    connector = table.connect(time_zone="Asia/Shanghai")
    when = Timed(datetime(2026, 12, 1, 9), datetime(2026, 12, 1, 10), "Europe/Berlin")
    copy = written(connector.create(marked("a1"), visit(when=when)))
    shanghai = Timed(datetime(2026, 12, 1, 16), datetime(2026, 12, 1, 17), "Asia/Shanghai")
    assert copy.reads.when == shanghai
    assert table.rows()[0]["starts_at"] == datetime(2026, 12, 1, 16)


def test_the_first_of_two_like_hours_can_be_held_and_the_second_cannot(table: Table) -> None:
    """25 October 2026, 02:30 in Berlin, comes twice: the second is refused, not moved."""
    connector = table.connect(time_zone="Europe/Berlin")
    first = Timed(datetime(2026, 10, 25, 0, 30), datetime(2026, 10, 25, 0, 45), "UTC")
    copy = written(connector.create(marked("a1"), visit(when=first)))
    wall = Timed(datetime(2026, 10, 25, 2, 30), datetime(2026, 10, 25, 2, 45), "Europe/Berlin")
    assert copy.reads.when == wall
    second = Timed(datetime(2026, 10, 25, 1, 30), datetime(2026, 10, 25, 1, 45), "UTC")
    with pytest.raises(Rejected, match="starts_at"):
        connector.create(marked("a2"), visit(when=second))
    assert len(table.rows()) == 1


def test_an_aware_column_holds_both(postgres_url: str) -> None:
    table = make_table(postgres_url, timed_columns(sa.DateTime(timezone=True)))
    connector = table.connect(time_zone="Europe/Berlin")
    for number, hour in enumerate((0, 1)):
        when = Timed(datetime(2026, 10, 25, hour, 30), datetime(2026, 10, 25, hour, 45), "UTC")
        copy = written(connector.create(marked(f"a{number}"), visit(when=when)))
        assert copy.reads == project(visit(when=when), connector.fidelity)
    starts = [row["starts_at"].astimezone(UTC) for row in table.rows()]
    assert starts[1] - starts[0] == timedelta(hours=1)
    table.close()


def test_a_wall_time_that_does_not_exist_moves_past_the_gap(table: Table) -> None:
    """29 March 2026, 02:30 in Berlin, typed by a person in a naive column."""
    key = table.insert(starts_at=datetime(2026, 3, 29, 2, 30), ends_at=datetime(2026, 3, 29, 4, 0))
    copy = table.connect(time_zone="Europe/Berlin").fetch([key]).copies[0]
    assert isinstance(copy.reads.when, Timed)
    assert copy.reads.when.start == datetime(2026, 3, 29, 3, 30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-01T09:00:00+08:00", datetime(2026, 12, 1, 9)),
        ("2026-12-01 01:00:00Z", datetime(2026, 12, 1, 9)),
        ("2026-12-01 09:00", datetime(2026, 12, 1, 9)),
        ("2026-12-01T09:00:00.250", datetime(2026, 12, 1, 9)),
    ],
)
def test_texts_of_many_forms(make: Make, text: str, expected: datetime) -> None:
    table = make(timed_columns(sa.Text()))
    key = table.insert(starts_at=text, ends_at=text)
    copy = table.connect(time_zone="Asia/Shanghai").fetch([key]).copies[0]
    assert copy.reads.when == Timed(expected, expected, "Asia/Shanghai")


def test_columns_of_dates_hold_days_only(make: Make) -> None:
    table = make(timed_columns(sa.Date()))
    fields = {path: each for path, each in table.mapping.fields.items() if path != "when.all_day"}
    connector = table.connect(fields=fields)
    days = AllDay(date(2026, 12, 1), date(2026, 12, 3))
    copy = written(connector.create(marked("a1"), visit(when=days)))
    assert copy.reads.when == days
    with pytest.raises(Rejected, match="dates"):
        connector.create(marked("a2"), visit())


def test_an_unknown_zone_in_the_row_is_the_tables_zone(make: Make) -> None:
    table = make([*visit_columns(), sa.Column("zone", sa.String(60))])
    connector = table.connect(fields={**table.mapping.fields, "when.zone": "zone"})
    keys = [table.insert(zone=zone) for zone in ("Mars/Olympus", None, "Asia/Kathmandu")]
    zones = {copy.key: copy.reads.when for copy in connector.fetch(keys).copies}
    found = [getattr(zones[key], "zone", "") for key in keys]
    assert found == ["UTC", "UTC", "Asia/Kathmandu"]


NAIVE = Column("updated_at", Kind.NAIVE)
WINDOW = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def looked(modified: object, at: datetime, first: datetime = NOON) -> Cursor:
    return Cursor(modified, at, first, WINDOW, "abcd")


def test_the_bound_goes_back_by_the_overlap_until_it_is_settled() -> None:
    clock, now = Clock("UTC"), datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
    modified = "2026-06-01T12:00:00"
    soon = looked(modified, datetime(2026, 6, 1, 12, 1, tzinfo=UTC))
    assert bound(soon, clock, NAIVE, MINUTE, now) == Bound(datetime(2026, 6, 1, 11, 59), True)
    late = looked(modified, datetime(2026, 6, 1, 12, 2, tzinfo=UTC))
    assert bound(late, clock, NAIVE, MINUTE, now) == Bound(datetime(2026, 6, 1, 12), False)


def test_a_column_in_another_zone_than_the_mapping_says_is_not_settled_early() -> None:
    """A database's own UTC stamps beside local times of Shanghai: they look eight hours old."""
    cursor = looked("2026-06-01T12:00:00", NOON + MINUTE)
    found = bound(cursor, Clock("Asia/Shanghai"), NAIVE, MINUTE, NOON + MINUTE)
    assert found == Bound(datetime(2026, 6, 1, 11, 59), True)


def test_the_bound_goes_back_an_hour_more_when_the_clocks_went_back() -> None:
    """Naive times of Berlin: what is modified after 03:00 may show 02:10 again."""
    clock = Clock("Europe/Berlin")
    cursor = looked("2026-10-25T02:50:00", datetime(2026, 10, 25, 0, 58, tzinfo=UTC), NOON)
    now = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    expected = Bound(datetime(2026, 10, 25, 1, 49), True)
    assert bound(cursor, clock, NAIVE, MINUTE, now) == expected


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        ("2026-06-01 12:00:00", "2026-06-01 13:00:00"),
        ("2026-06-01T12:00:00.123Z", "2026-06-01T13:00:00.000Z"),
        ("2026-06-01T20:00:00+08:00", "2026-06-01T21:00:00+08:00"),
        ("2031-01-01 00:00:00.5", "2031-01-01 00:00:00.6"),
        ("yesterday", "2026-06-01T13:00:00"),
    ],
)
def test_a_modified_text_keeps_its_form_and_moves_forward(old: str, expected: str) -> None:
    now = datetime(2026, 6, 1, 13, tzinfo=UTC)
    assert Clock("UTC").later(now, old, Column("updated_at", Kind.TEXT)) == expected
