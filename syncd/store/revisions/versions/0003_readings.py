"""What targets held when they were last read.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NAME = sa.String(length=255)
_DIGEST = sa.String(length=64)


def upgrade() -> None:
    """Make the table; there is no way back: a store is restored from its backup, not downgraded."""
    op.create_table(
        "readings",
        sa.Column("mapping", _NAME, nullable=False),
        sa.Column("target", _NAME, nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("mac", _DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("mapping", "target", name=op.f("pk_readings")),
    )
