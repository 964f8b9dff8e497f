"""The tables of the embedded CRM, for SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()

customer = sa.Table(
    "customer",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("city", sa.String(60), nullable=False, server_default=""),
    sa.Column("address", sa.String(200), nullable=False, server_default=""),
)

contact = sa.Table(
    "contact",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("customer_id", sa.ForeignKey("customer.id"), nullable=False),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("email", sa.String(120), nullable=False, unique=True),
    sa.Column("phone", sa.String(40), nullable=False, server_default=""),
)

staff = sa.Table(
    "staff",
    metadata,
    sa.Column("email", sa.String(120), primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
)

room = sa.Table(
    "room",
    metadata,
    sa.Column("name", sa.String(60), primary_key=True),
    sa.Column("seats", sa.Integer, nullable=False),
)

STATES = ("planned", "confirmed", "done", "cancelled", "no_show")

visit = sa.Table(
    "visit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("subject", sa.String(200), nullable=False, server_default=""),
    # Naive, in UTC.
    sa.Column("starts_at", sa.DateTime, nullable=False),
    sa.Column("ends_at", sa.DateTime, nullable=False),
    sa.Column("all_day", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("place", sa.String(300), nullable=False, server_default=""),
    sa.Column("notes", sa.Text, nullable=False, server_default=""),
    sa.Column(
        "state",
        sa.String(20),
        sa.CheckConstraint(f"state IN {STATES}", name="visit_state"),
        nullable=False,
        server_default="planned",
    ),
    sa.Column("visit_type", sa.String(40), nullable=False, server_default="visit"),
    sa.Column("owner_email", sa.String(120), nullable=False, server_default=""),
    # As they were when the visit was made; the customer's own record may change later.
    sa.Column("customer_id", sa.ForeignKey("customer.id")),
    sa.Column("customer_name", sa.String(120)),
    sa.Column("customer_email", sa.String(120)),
    sa.Column("customer_phone", sa.String(40)),
    sa.Column("room", sa.ForeignKey("room.name")),
    sa.Column(
        "updated_at", sa.DateTime, nullable=False, server_default=sa.func.current_timestamp()
    ),
    sa.Column("deleted_at", sa.DateTime),
    sa.Index("visit_updated", "updated_at"),
    sa.Index("visit_starts", "starts_at"),
    # Keys of deleted rows are never given again.
    sqlite_autoincrement=True,
)

# Whoever edits a visit need not think of updated_at; whoever sets it is left alone.
_TOUCH = {
    "sqlite": (
        """
        CREATE TRIGGER visit_touch AFTER UPDATE ON visit FOR EACH ROW
        WHEN NEW.updated_at = OLD.updated_at
        BEGIN
            UPDATE visit SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'
            WHERE id = NEW.id;
        END
        """,
    ),
    "postgresql": (
        """
        CREATE OR REPLACE FUNCTION visit_touch() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.updated_at = OLD.updated_at THEN
                NEW.updated_at = clock_timestamp() AT TIME ZONE 'UTC';
            END IF;
            RETURN NEW;
        END $$
        """,
        "CREATE TRIGGER visit_touch BEFORE UPDATE ON visit "
        "FOR EACH ROW EXECUTE FUNCTION visit_touch()",
        "ALTER TABLE visit ALTER COLUMN updated_at "
        "SET DEFAULT (clock_timestamp() AT TIME ZONE 'UTC')",
    ),
}


@sa.event.listens_for(visit, "after_create")
def _create_triggers(_: sa.Table, connection: sa.Connection, **__: Any) -> None:
    for statement in _TOUCH.get(connection.dialect.name, ()):
        connection.exec_driver_sql(statement)


def create_schema(engine: sa.Engine) -> None:
    """Create what is not there yet."""
    metadata.create_all(engine)
