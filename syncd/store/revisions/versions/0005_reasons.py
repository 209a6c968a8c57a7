"""How mappings are, and what of it was told.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; there is no way back: a store is restored from its backup, not downgraded."""
    op.create_table(
        "reasons",
        sa.Column("mapping", sa.String(length=255), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("mapping", name=op.f("pk_reasons")),
    )
