"""Which runs did less than all of their part, so that they say nothing of how it stands.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; there is no way back: a store is restored from its backup, not downgraded.

    Of runs before, those by `release` and `bootstrap` are known by why they ran; those narrowed by hand
    are not, and count until a newer one does.
    """
    op.add_column("runs", sa.Column("narrowed", sa.Boolean(), nullable=False, server_default=sa.false()))
    runs = sa.table("runs", sa.column("narrowed", sa.Boolean()), sa.column("trigger", sa.String()))
    op.execute(runs.update().where(runs.c.trigger.in_(("release", "bootstrap"))).values(narrowed=True))
