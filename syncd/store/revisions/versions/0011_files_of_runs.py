"""Which version of a mapping's files each run went by.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; there is no way back: a store is restored from its backup, not downgraded."""
    op.add_column("runs", sa.Column("files", sa.Text(), nullable=False, server_default=""))
