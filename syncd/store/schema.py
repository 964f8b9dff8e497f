"""The tables, as SQLAlchemy Core metadata. Migrations make them; a test keeps the two equal.

Channels are ``bridge/name`` in every table. Times are microseconds since 1970. Appointments
and the like are JSON text (see :mod:`syncd.store.codec`).
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    event,
    literal_column,
)

from syncd.store.columns import AnyText, Instant

VERSIONS = ("0001", "0002", "0003", "0004", "0005")
"""The migrations that this code knows, oldest first."""

KEY_LIMIT = 2000
"""Bytes (UTF-8) of the longest key: a PostgreSQL index row holds at most 2,704
(https://www.postgresql.org/docs/current/btree.html, read 2026-11)."""

_INDEXED = 400


def indexable(text: str) -> str:
    """``text``, or a digest of it where it is too long for an index of PostgreSQL."""
    if len(text) <= _INDEXED:
        return text
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, as it makes it."""

metadata = MetaData()
_WHERE = "where"

# Ids that are handed out must not come again after their row has gone: sqlite_autoincrement.
_Id = BigInteger().with_variant(Integer, "sqlite")


def _partial(name: str, *columns: Column[Any], where: ColumnElement[bool]) -> None:
    """An index of some rows. PostgreSQL is told later: here its dialect would be loaded (3 MB)."""
    Index(name, *columns, sqlite_where=where, info={_WHERE: where})


@event.listens_for(metadata, "before_create")
def _tell_postgresql(_: MetaData, connection: Connection, **__: object) -> None:
    if connection.dialect.name == "postgresql":
        for index in (index for table in metadata.tables.values() for index in table.indexes):
            if _WHERE in index.info:
                index.dialect_options["postgresql"]["where"] = index.info[_WHERE]


def _copy_columns() -> list[Column[object]]:
    """What a table holds of a copy besides its key."""
    return [
        Column("version", AnyText),
        Column("wire", AnyText),
        Column("reads", AnyText),
        Column("uid", AnyText),
        Column("marker_installation", AnyText),
        Column("marker_appointment", AnyText),
        Column("marker_slot", AnyText),
        Column("modified", Instant),
        Column("invited", Boolean, nullable=False),
    ]


meta = Table(
    "meta",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("value", AnyText, nullable=False),
)

channels = Table(
    "channels",
    metadata,
    Column("channel", AnyText, primary_key=True),
    Column("cursor", AnyText),
    Column("identity", AnyText, nullable=False),
    Column("looked", Instant),
    Column("full_look", Instant),
    Column("window_end", Instant),
    Column("fingerprint", AnyText, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("retry_at", Instant),
    Column("error", AnyText, nullable=False),
)

observed = Table(
    "observed",
    metadata,
    Column("channel", AnyText, primary_key=True),
    Column("key", AnyText, primary_key=True),
    Column("bridge", AnyText, nullable=False),
    Column("state", AnyText, nullable=False),
    *_copy_columns(),
    Column("uid_index", AnyText),
    Column("at", Instant, nullable=False),
    Column("before", Instant),
    Column("appointment", AnyText),
    Column("slot", AnyText, nullable=False),
    Column("dirty", BigInteger, nullable=False),  # 0, else the revision that made it so
    Column("reason", AnyText, nullable=False),
    Column("parked", Instant),
)

DIRTY = observed.c.dirty != literal_column("0")
"""Written as in the partial index, else SQLite does not see that the index serves."""

_partial("observed_dirty", observed.c.bridge, observed.c.appointment, where=DIRTY)
Index("observed_appointment", observed.c.appointment)
Index("observed_uid", observed.c.uid_index)
Index("observed_marker", observed.c.marker_appointment)
Index("observed_state", observed.c.channel, observed.c.state)

agreements = Table(
    "agreements",
    metadata,
    Column("id", AnyText, primary_key=True),
    Column("bridge", AnyText, nullable=False),
    Column("starts", Instant, nullable=False),
    Column("appointment", AnyText, nullable=False),
    Column("setters", AnyText, nullable=False),
    Column("absent", AnyText),
    Column("questions", AnyText),
    Column("uids", AnyText, nullable=False),
    Column("born", AnyText, nullable=False),
    Column("deleting", Instant),
    Column("before_cancel", AnyText, nullable=False),
    Column("unmet", AnyText),
    Column("gone", AnyText),
    Index("agreements_starts", "bridge", "starts"),
)

OPEN = agreements.c.questions.is_not(None)
_partial("agreements_questions", agreements.c.bridge, where=OPEN)

settled = Table(
    "settled",
    metadata,
    Column("appointment", ForeignKey("agreements.id", ondelete="CASCADE"), primary_key=True),
    Column("channel", AnyText, primary_key=True),
    Column("slot", AnyText, primary_key=True),
    Column("key", AnyText, nullable=False),
    *_copy_columns(),
    Column("asked", AnyText),
    Column("disputed", AnyText),
    Column("ours", Boolean, nullable=False),
    Column("confirmed", Instant),
    Index("settled_channel", "channel"),
)

uids = Table(
    "uids",
    metadata,
    Column("bridge", AnyText, primary_key=True),
    Column("uid_index", AnyText, primary_key=True),
    Column(
        "appointment",
        ForeignKey("agreements.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
)

due = Table(
    "due",
    metadata,
    Column("appointment", AnyText, primary_key=True),
    Column("bridge", AnyText, nullable=False),
    Column("at", Instant, nullable=False),
    Index("due_at", "bridge", "at"),
)

orders = Table(
    "orders",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("appointment", AnyText, nullable=False, index=True),
    Column("body", AnyText, nullable=False),
    sqlite_autoincrement=True,
)

intents = Table(
    "intents",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("bridge", AnyText, nullable=False),
    Column("appointment", AnyText, nullable=False),
    Column("channel", AnyText, nullable=False),
    Column("slot", AnyText, nullable=False),
    Column("operation", AnyText, nullable=False),
    Column("body", AnyText, nullable=False),
    Column("at", Instant, nullable=False),
    Column("key", AnyText, nullable=False),
    Column("answered", AnyText),
    Column("answered_at", Instant),
    Column("done", Boolean, nullable=False),
    Column("doubtful", Boolean, nullable=False),
    Index("intents_appointment", "appointment"),
    Index("intents_channel", "channel"),
    sqlite_autoincrement=True,
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("id", AnyText, primary_key=True),
    Column("bridge", AnyText, nullable=False),
    Column("at", Instant, nullable=False, index=True),
    Column("uids", AnyText, nullable=False),
    Column("keys", AnyText, nullable=False),
    Column("cancelled", Boolean),
)

tombstone_uids = Table(
    "tombstone_uids",
    metadata,
    Column("uid_index", AnyText, primary_key=True),
    Column(
        "tombstone", ForeignKey("tombstones.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
)

tombstone_keys = Table(
    "tombstone_keys",
    metadata,
    Column("channel", AnyText, primary_key=True),
    Column("key", AnyText, primary_key=True),
    Column(
        "tombstone", ForeignKey("tombstones.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
)

history = Table(
    "history",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("bridge", AnyText, nullable=False),
    Column("cycle", AnyText, nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("appointment", AnyText, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("kind", AnyText, nullable=False),
    Column("path", AnyText, nullable=False),
    Column("body", AnyText, nullable=False),
    Index("history_appointment", "appointment", "at"),
    Index("history_at", "bridge", "at"),
    sqlite_autoincrement=True,
)

asides = Table(
    "asides",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("bridge", AnyText, nullable=False),
    Column("appointment", AnyText, nullable=False),
    Column("channel", AnyText, nullable=False),
    Column("slot", AnyText, nullable=False),
    Column("path", AnyText, nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Index("asides_appointment", "appointment"),
    sqlite_autoincrement=True,
)

doubts = Table(
    "doubts",
    metadata,
    Column("channel", AnyText, primary_key=True),
    Column("key", AnyText, primary_key=True),
    Column("bridge", AnyText, nullable=False),
    Column("candidates", AnyText, nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("at", Instant, nullable=False),
)

holds = Table(
    "holds",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("scope", AnyText, nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("at", Instant, nullable=False),
    Column("digest", AnyText, nullable=False),
    Column("writes", AnyText, nullable=False),
    Column("state", AnyText, nullable=False),
    Column("approved_by", AnyText, nullable=False),
    Column("approved_at", Instant),
    sqlite_autoincrement=True,
)

write_log = Table(
    "write_log",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False, index=True),
    Column("channel", AnyText, nullable=False),
    Column("operation", AnyText, nullable=False),
    Column("appointment", AnyText, nullable=False),
    Column("approved", Boolean, nullable=False),
)

watches = Table(
    "watches",
    metadata,
    Column("channel", AnyText, primary_key=True),
    Column("system", AnyText, nullable=False),
    Column("calendar", AnyText, nullable=False),
    Column("person", AnyText, nullable=False),
    Column("address", AnyText, nullable=False),
    Column("watch", AnyText),
    Column("resource", AnyText, nullable=False),
    Column("expires", Instant),
    Column("digests", AnyText, nullable=False),  # of its secrets, which are nowhere
    Column("act_at", Instant, nullable=False),
    Column("told", Instant),
    Column("failures", Integer, nullable=False),
    Column("error", AnyText, nullable=False),
)

former_watches = Table(
    "former_watches",
    metadata,
    Column("system", AnyText, primary_key=True),
    Column("watch", AnyText, primary_key=True),
    Column("resource", AnyText, nullable=False),
    Column("expires", Instant, nullable=False),
    Column("calendar", AnyText, nullable=False),
    Column("person", AnyText, nullable=False),
)

owed = Table(
    "owed",
    metadata,
    Column("appointment", AnyText, primary_key=True),
    Column("channel", AnyText, primary_key=True),
    Column("slot", AnyText, primary_key=True),
    Column("bridge", AnyText, nullable=False),
    Column("system", AnyText, nullable=False),
    Column("since", Instant, nullable=False),
    Column("tried", Instant),
    Column("failures", Integer, nullable=False),
    Column("overtaken", Integer, nullable=False),
    Column("called", Boolean, nullable=False),
    Column("lone", Boolean, nullable=False),
    Column("reason", AnyText, nullable=False),
)
