"""The law of every connector: what was written reads as the projection says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from connectors.sql.columns import Column
from connectors.sql.lists import read_list, write_list
from syncd.connector import TableMapping
from syncd.core.fidelity import project
from syncd.core.model import Appointment
from syncd.errors import Rejected
from tests.sql.conftest import Make
from tests.sql.tables import MAPPING, make_table, marked, written
from tests.strategies import appointments, lines

WIDE = replace(
    MAPPING,
    time_zone="Asia/Shanghai",
    modified="updated_at",
    fields={
        **MAPPING.fields,
        "online_meeting": "link",
        "busy": "shows_as",
        "visibility": "is_private",
        "organizer": "organizer_email",
        "organizer.name": "organizer_name",
        "attendees": "attendees",
        "tags": "tags",
        "resources": "resources",
        "reminders": "reminders",
        "custom.floor": "floor",
        "custom.楼层": "louceng",
    },
    values={
        "status": {
            "confirmed": "open",
            "proposed": "open",
            "completed": "done",
            "cancelled": "dead",
            "no_show": "done",
        },
        "visibility": {"public": "false", "private": "true"},
        "kind": {"visit": "v", "demo": "售后"},
    },
    lists={"attendees": "json", "tags": ",", "resources": "; ", "reminders": " "},
)


def wide_columns(time: sa.types.TypeEngine[Any], *, zone: bool, native: bool) -> list[Any]:
    """A column for each field; ``native``: lists in JSON and arrays, where there are some."""
    columns: list[sa.Column[Any]] = [
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("subject", sa.String(12)),
        sa.Column("starts_at", time),
        sa.Column("ends_at", time),
        sa.Column("all_day", sa.Boolean, nullable=False),
        sa.Column("place", sa.CHAR(30)),
        sa.Column("notes", sa.Text),
        sa.Column("state", sa.String(20)),
        sa.Column("visit_type", sa.String(40), nullable=False),
        sa.Column("owner_email", sa.String(120)),
        sa.Column("customer_name", sa.String(9)),
        sa.Column("customer_email", sa.String(120)),
        sa.Column("customer_phone", sa.String(40), nullable=False),
        sa.Column("link", sa.Text),
        sa.Column("shows_as", sa.String(20)),
        sa.Column("is_private", sa.Boolean),
        sa.Column("organizer_email", sa.Text),
        sa.Column("organizer_name", sa.Text),
        sa.Column("attendees", sa.JSON if native else sa.Text),
        sa.Column("tags", sa.ARRAY(sa.Text) if native else sa.Text),
        sa.Column("resources", sa.Text),
        sa.Column("reminders", sa.Text),
        sa.Column("floor", sa.String(6)),
        sa.Column("louceng", sa.Text),
        sa.Column("updated_at", time),
        sa.Column("deleted_at", sa.DateTime),
    ]
    return [*columns, sa.Column("zone", sa.String(60))] if zone else columns


def change(mapping: TableMapping, **extra: Any) -> TableMapping:
    """The wide mapping with other storage."""
    return replace(mapping, extra=extra)


DELIMITERS = (",", ";", "; ", "\n", " ", "||")

STORAGE: dict[str, tuple[sa.types.TypeEngine[Any], TableMapping]] = {
    "naive-shanghai": (sa.DateTime(), WIDE),
    "naive-berlin": (sa.DateTime(), replace(WIDE, time_zone="Europe/Berlin")),
    "naive-utc-minutes": (sa.DateTime(), replace(WIDE, time_zone="UTC", resolution=300)),
    "aware": (sa.DateTime(timezone=True), replace(WIDE, time_zone="Europe/Berlin")),
    "text": (sa.Text(), WIDE),
    "text-utc": (sa.Text(), change(WIDE, text_time="iso-utc")),
    "text-blank": (sa.Text(), change(WIDE, text_time="blank", all_day_end="inclusive")),
    "epoch": (sa.BigInteger(), WIDE),
    "epoch-milliseconds": (sa.BigInteger(), change(WIDE, epoch="milliseconds")),
}


@pytest.mark.parametrize("zone", [False, True], ids=["one-zone", "zone-column"])
@pytest.mark.parametrize("storage", STORAGE)
def test_what_was_written_reads_as_its_projection(make: Make, storage: str, zone: bool) -> None:
    """Invariants 1 and 8: creates and updates alike, whatever the columns are."""
    kind, mapping = STORAGE[storage]
    table = make(wide_columns(kind, zone=zone, native=False), mapping)
    fields = {**mapping.fields, "when.zone": "zone"} if zone else mapping.fields
    connector = table.connect(fields=fields)
    numbers = iter(range(1_000_000))

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(first=appointments(series=False), second=appointments(series=False))
    def law(first: Appointment, second: Appointment) -> None:
        try:
            copy = written(connector.create(marked(f"a{next(numbers)}"), first))
        except Rejected as error:
            assume("clocks go back" not in str(error))
            raise
        assert copy.reads == project(first, connector.fidelity)
        assert connector.read(copy.key, copy.version, copy.wire) == copy
        assert connector.fetch([copy.key]).copies == (copy,)
        try:
            again = written(connector.update(copy, project(second, connector.fidelity)))
        except Rejected as error:
            assume("clocks go back" not in str(error))
            raise
        assert again.reads == project(second, connector.fidelity)
        assert again.marker == copy.marker

    law()


def test_native_lists_of_postgresql(postgres_url: str) -> None:
    table = make_table(postgres_url, wide_columns(sa.DateTime(), zone=True, native=True), WIDE)
    connector = table.connect()
    numbers = iter(range(1_000_000))

    @settings(max_examples=40, deadline=None)
    @given(appointment=appointments(series=False))
    def law(appointment: Appointment) -> None:
        copy = written(connector.create(marked(f"a{next(numbers)}"), appointment))
        assert copy.reads == project(appointment, connector.fidelity)
        assert connector.read(copy.key, copy.version, copy.wire) == copy

    try:
        law()
    finally:
        table.close()


@given(st.lists(lines(12).filter(bool), max_size=5), st.sampled_from(DELIMITERS))
def test_lists_in_one_text_come_back(elements: list[str], delimiter: str) -> None:
    text = write_list(elements, delimiter, Column("tags"))
    assert read_list(text, delimiter) == elements


def test_lists_as_people_type_them() -> None:
    assert read_list("vip,  neu , 上海,,", ",") == ["vip", "neu", "上海"]
    assert read_list(None, ",") == []
    assert read_list("[1, 2]", "json") == [1, 2]
