"""Unmet: the channels that could not be looked at when an appointment was born."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Of what is agreed already, every channel counts as met."""
    op.add_column("agreements", sa.Column("unmet", sa.Text(), nullable=True))
