"""Persons are found by a name without reading all of them.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index; there is no way back: a store is restored from its backup, not downgraded."""
    op.create_index(op.f("ix_person_names_digest"), "person_names", ["digest"])
