"""A table for every test, made anew, and the connector that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.sql import plugin
from connectors.sql.connector import SqlConnector
from syncd.connector import Collection, Identity, System, TableMapping, Window, Written
from syncd.core.model import Appointment, Customer, Timed
from syncd.core.state import Copy, Key, Marker, Version

NOW = datetime.now(UTC).replace(microsecond=0)
WINDOW = Window(NOW - timedelta(days=30), NOW + timedelta(days=365))

FIELDS = {
    "title": "subject",
    "when.start": "starts_at",
    "when.end": "ends_at",
    "when.all_day": "all_day",
    "location": "place",
    "description": "notes",
    "status": "state",
    "kind": "visit_type",
    "owner": "owner_email",
    "customer.name": "customer_name",
    "customer.email": "customer_email",
    "customer.phone": "customer_phone",
}

MAPPING = TableMapping(
    name="visits",
    file="visits.toml",
    connector="sql",
    object="visit",
    key="id",
    modified="updated_at",
    deleted="deleted_at",
    time_zone="UTC",
    fields=FIELDS,
    values={
        "status": {
            "proposed": "planned",
            "confirmed": "confirmed",
            "completed": "done",
            "cancelled": "cancelled",
            "no_show": "no_show",
        }
    },
)


def visit_columns() -> list[sa.Column[Any]]:
    """The columns of the usual table."""
    return [
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("subject", sa.String(200)),
        sa.Column("starts_at", sa.DateTime),
        sa.Column("ends_at", sa.DateTime),
        sa.Column("all_day", sa.Boolean),
        sa.Column("place", sa.String(300)),
        sa.Column("notes", sa.Text),
        sa.Column("state", sa.String(20)),
        sa.Column("visit_type", sa.String(40)),
        sa.Column("owner_email", sa.String(120)),
        sa.Column("customer_name", sa.String(120)),
        sa.Column("customer_email", sa.String(120)),
        sa.Column("customer_phone", sa.String(40)),
        sa.Column("budget", sa.Numeric(10, 2)),
        sa.Column("updated_at", sa.DateTime),
        sa.Column("deleted_at", sa.DateTime),
    ]


@dataclass
class Table:
    """A table ``visit`` in a database of the test's own."""

    url: str
    mapping: TableMapping
    engine: sa.Engine
    table: sa.Table
    options: Mapping[str, object] = field(default_factory=dict)
    connectors: list[SqlConnector] = field(default_factory=list)

    def connect(self, defaults: Mapping[str, str] | None = None, **changes: Any) -> SqlConnector:
        """A connector of its own; ``changes`` are to the mapping."""
        system = System(
            name="crm",
            connector="sql",
            role="crm",
            installation="office1",
            options={"url": self.url, **self.options},
            mapping=replace(self.mapping, **changes),
        )
        connector = plugin.connect(system, Collection(defaults=defaults or {}))
        assert isinstance(connector, SqlConnector)
        self.connectors.append(connector)
        return connector

    def insert(self, **values: Any) -> str:
        """A person's row; its key."""
        row = {
            "subject": "Visit",
            "starts_at": naive(NOW),
            "ends_at": naive(NOW) + timedelta(hours=1),
            "all_day": False,
            "state": "confirmed",
            "updated_at": naive(NOW) - timedelta(hours=3),
            **values,
        }
        known = {name: value for name, value in row.items() if name in self.table.columns}
        with self.engine.begin() as connection:
            result = connection.execute(sa.insert(self.table).values(known))
            assert result.inserted_primary_key is not None
            return str(result.inserted_primary_key[0])

    def edit(self, key: str, **values: Any) -> None:
        """A person's edit, dated now unless it says otherwise."""
        if "updated_at" in self.table.columns:
            values.setdefault("updated_at", naive(datetime.now(UTC)))
        column = self.table.columns["id"]
        with self.engine.begin() as connection:
            where = column == (int(key) if isinstance(column.type, sa.Integer) else key)
            connection.execute(sa.update(self.table).where(where).values(values))

    def remove(self, key: str) -> None:
        """A person's deletion of a row."""
        with self.engine.begin() as connection:
            connection.execute(sa.delete(self.table).where(self.table.columns["id"] == int(key)))

    def rows(self) -> list[dict[str, Any]]:
        """What is in the table."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.select(self.table)).mappings()]

    def sql(self, statement: str) -> None:
        """Run one statement."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def close(self) -> None:
        """Close everything."""
        for connector in self.connectors:
            connector.close()
        self.engine.dispose()


def make_table(
    url: str, columns: list[sa.Column[Any]] | None = None, mapping: TableMapping = MAPPING
) -> Table:
    """Create the table ``visit``; close it afterwards."""
    table = sa.Table("visit", sa.MetaData(), *(columns or visit_columns()))
    engine = sa.create_engine(url)
    table.metadata.create_all(engine)
    return Table(url, mapping, engine, table)


def naive(instant: datetime) -> datetime:
    """An instant as a naive UTC time."""
    return instant.astimezone(UTC).replace(tzinfo=None)


def known_of(copies: tuple[Copy, ...]) -> dict[Key, Version | None]:
    """What the store would know of them."""
    return {copy.key: copy.version for copy in copies}


def marked(appointment: str) -> Identity:
    """An identity of this installation."""
    return Identity(Marker("office1", appointment))


def visit(**values: Any) -> Appointment:
    """An appointment that the usual table holds without loss."""
    start = naive(NOW) + timedelta(days=2)
    usual: dict[str, Any] = {
        "when": Timed(start, start + timedelta(hours=1), "UTC"),
        "title": "客户拜访 🚗",
        "owner": "alice@example.com",
        "kind": "visit",
        "customer": Customer("Müller & Söhne", "+86 138 0000 0001", "j@mueller.example"),
    }
    return Appointment(**{**usual, **values})


def written(result: Written) -> Copy:
    """The copy of a write's own result."""
    assert result.copy is not None
    assert result.copy.key == result.key
    assert result.copy.version == result.version
    return result.copy
