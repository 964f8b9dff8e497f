"""Remains: what copies that are gone were last asked, and what had only been cancelled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Of what has gone before, neither is known; it counts as deleted."""
    op.add_column("agreements", sa.Column("gone", sa.Text(), nullable=True))
    op.add_column("tombstones", sa.Column("cancelled", sa.Boolean(), nullable=True))
