"""Which part of a mapping a run and a plan are of; empty for the whole.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; there is no way back: a store is restored from its backup, not downgraded."""
    for table in ("runs", "plans"):
        op.add_column(table, sa.Column("part", sa.Text(), nullable=False, server_default=""))
