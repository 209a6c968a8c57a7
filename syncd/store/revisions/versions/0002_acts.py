"""What people do: records of acts, and the mails sent for them.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NAME = sa.String(length=255)
_DIGEST = sa.String(length=64)
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make both tables; there is no way back: a store is restored from its backup, not downgraded."""
    op.create_table(
        "acts",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("id", _NAME, nullable=False),
        sa.Column("mapping", _NAME, nullable=False),
        sa.Column("state", _NAME, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("token", _NAME),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=False),
        sa.Column("mac", _DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_acts")),
        sa.UniqueConstraint("token", name=op.f("uq_acts_token")),
    )
    op.create_index(op.f("ix_acts_kind_mapping_state"), "acts", ["kind", "mapping", "state"])
    op.create_index(op.f("ix_acts_person"), "acts", ["person"])
    op.create_table(
        "sends",
        sa.Column("id", _NAME, nullable=False),
        sa.Column("mapping", _NAME, nullable=False),
        sa.Column("invitation", _NAME, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("kind", _NAME, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sends")),
    )
    op.create_index(op.f("ix_sends_mapping_at"), "sends", ["mapping", "at"])
