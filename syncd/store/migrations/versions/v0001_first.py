"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """All tables."""
    _observations()
    _agreements()
    _writes()
    _remains()


def _observations() -> None:
    """What channels show."""
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "channels",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("looked", sa.BigInteger(), nullable=True),
        sa.Column("full_look", sa.BigInteger(), nullable=True),
        sa.Column("window_end", sa.BigInteger(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("channel"),
    )
    op.create_table(
        "observed",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("wire", sa.Text(), nullable=True),
        sa.Column("reads", sa.Text(), nullable=True),
        sa.Column("uid", sa.Text(), nullable=True),
        sa.Column("marker_installation", sa.Text(), nullable=True),
        sa.Column("marker_appointment", sa.Text(), nullable=True),
        sa.Column("marker_slot", sa.Text(), nullable=True),
        sa.Column("modified", sa.BigInteger(), nullable=True),
        sa.Column("invited", sa.Boolean(), nullable=False),
        sa.Column("uid_index", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.BigInteger(), nullable=True),
        sa.Column("appointment", sa.Text(), nullable=True),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("dirty", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("parked", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("channel", "key"),
    )
    op.create_index("observed_appointment", "observed", ["appointment"], unique=False)
    op.create_index(
        "observed_dirty",
        "observed",
        ["bridge", "appointment"],
        unique=False,
        sqlite_where=sa.text("dirty != 0"),
        postgresql_where=sa.text("dirty != 0"),
    )
    op.create_index("observed_marker", "observed", ["marker_appointment"], unique=False)
    op.create_index("observed_state", "observed", ["channel", "state"], unique=False)
    op.create_index("observed_uid", "observed", ["uid_index"], unique=False)
    op.create_table(
        "doubts",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("candidates", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "key"),
    )


def _agreements() -> None:
    """What was decided."""
    op.create_table(
        "agreements",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("starts", sa.BigInteger(), nullable=False),
        sa.Column("appointment", sa.Text(), nullable=False),
        sa.Column("setters", sa.Text(), nullable=False),
        sa.Column("absent", sa.Text(), nullable=True),
        sa.Column("questions", sa.Text(), nullable=True),
        sa.Column("uids", sa.Text(), nullable=False),
        sa.Column("born", sa.Text(), nullable=False),
        sa.Column("deleting", sa.BigInteger(), nullable=True),
        sa.Column("before_cancel", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "agreements_questions",
        "agreements",
        ["bridge"],
        unique=False,
        sqlite_where=sa.text("questions IS NOT NULL"),
        postgresql_where=sa.text("questions IS NOT NULL"),
    )
    op.create_index("agreements_starts", "agreements", ["bridge", "starts"], unique=False)
    op.create_table(
        "settled",
        sa.Column("appointment", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("wire", sa.Text(), nullable=True),
        sa.Column("reads", sa.Text(), nullable=True),
        sa.Column("uid", sa.Text(), nullable=True),
        sa.Column("marker_installation", sa.Text(), nullable=True),
        sa.Column("marker_appointment", sa.Text(), nullable=True),
        sa.Column("marker_slot", sa.Text(), nullable=True),
        sa.Column("modified", sa.BigInteger(), nullable=True),
        sa.Column("invited", sa.Boolean(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=True),
        sa.Column("disputed", sa.Text(), nullable=True),
        sa.Column("ours", sa.Boolean(), nullable=False),
        sa.Column("confirmed", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["appointment"], ["agreements.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("appointment", "channel", "slot"),
    )
    op.create_index("settled_channel", "settled", ["channel"], unique=False)
    op.create_table(
        "uids",
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("uid_index", sa.Text(), nullable=False),
        sa.Column("appointment", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["appointment"], ["agreements.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("bridge", "uid_index", "appointment"),
    )
    op.create_index(op.f("ix_uids_appointment"), "uids", ["appointment"], unique=False)
    op.create_table(
        "due",
        sa.Column("appointment", sa.Text(), nullable=False),
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("appointment"),
    )
    op.create_index("due_at", "due", ["bridge", "at"], unique=False)
    op.create_table(
        "orders",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("appointment", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_orders_appointment"), "orders", ["appointment"], unique=False)


def _writes() -> None:
    """What is being written, and what was."""
    op.create_table(
        "intents",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("appointment", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("answered", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("doubtful", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("intents_appointment", "intents", ["appointment"], unique=False)
    op.create_index("intents_channel", "intents", ["channel"], unique=False)
    op.create_table(
        "write_log",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("appointment", sa.Text(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_write_log_at"), "write_log", ["at"], unique=False)
    op.create_table(
        "holds",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("writes", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "asides",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("appointment", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("asides_appointment", "asides", ["appointment"], unique=False)


def _remains() -> None:
    """What stays of what was."""
    op.create_table(
        "tombstones",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("uids", sa.Text(), nullable=False),
        sa.Column("keys", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_tombstones_at"), "tombstones", ["at"], unique=False)
    op.create_table(
        "tombstone_uids",
        sa.Column("uid_index", sa.Text(), nullable=False),
        sa.Column("tombstone", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tombstone"], ["tombstones.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("uid_index", "tombstone"),
    )
    op.create_index(
        op.f("ix_tombstone_uids_tombstone"), "tombstone_uids", ["tombstone"], unique=False
    )
    op.create_table(
        "tombstone_keys",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("tombstone", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tombstone"], ["tombstones.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("channel", "key", "tombstone"),
    )
    op.create_index(
        op.f("ix_tombstone_keys_tombstone"), "tombstone_keys", ["tombstone"], unique=False
    )
    op.create_table(
        "history",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("cycle", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("appointment", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("history_appointment", "history", ["appointment", "at"], unique=False)
    op.create_index("history_at", "history", ["bridge", "at"], unique=False)
    op.create_index(op.f("ix_history_cycle"), "history", ["cycle"], unique=False)
