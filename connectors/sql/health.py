"""What ``syncd check`` shows of a database."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from connectors.sql.client import Database
from connectors.sql.table import Layout
from syncd.connector import Health


def examine(connection: sa.Connection, database: Database, layout: Layout) -> Health:
    """Clock and rights; writes nothing."""
    kind = "view" if layout.is_view else "table"
    return Health(
        ok=True,
        account=database.account,
        can_write=database.writable and _may_write(connection, layout),
        skew=_skew(connection),
        detail=f"{kind} {layout.table.name}, {len(layout.read)} columns",
    )


def _skew(connection: sa.Connection) -> float | None:
    """Seconds that the database's clock is ahead; its own time zone is known of some only."""
    dialect = connection.dialect.name
    in_utc = dialect in ("sqlite", "postgresql")
    now = sa.func.current_timestamp() if in_utc else sa.func.utc_timestamp()
    if not in_utc and dialect not in ("mysql", "mariadb"):
        return None
    before = datetime.now(UTC)
    found = connection.execute(sa.select(now)).scalar_one()
    after = datetime.now(UTC)
    told = datetime.fromisoformat(found) if isinstance(found, str) else found
    told = told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)
    if dialect != "postgresql":
        # Whole seconds: the middle of the second that was told.
        told = told.replace(microsecond=500_000)
        off = (told - after).total_seconds()
        return 0.0 if abs(off) <= 1 else off
    return (told - before).total_seconds() - (after - before).total_seconds() / 2


def _may_write(connection: sa.Connection, layout: Layout) -> bool:
    """PostgreSQL can be asked; of others it is believed until a write is refused."""
    if connection.dialect.name != "postgresql":
        return True
    name = connection.dialect.identifier_preparer.format_table(layout.table)
    rights = [sa.func.has_table_privilege(name, right) for right in ("INSERT", "UPDATE")]
    return all(connection.execute(sa.select(*rights)).one())
