"""Gone: what the copies that an appointment has no longer were last asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Of copies that have gone before, nothing is known."""
    op.add_column("agreements", sa.Column("gone", sa.Text(), nullable=True))
