"""The first schema.

Revision ID: 0001
Revises: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NAME = sa.String(length=255)
_DIGEST = sa.String(length=64)
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make every table; there is no way back: a store is restored from its backup, not downgraded."""
    _people()
    _ours()
    _runs()
    _decisions()
    _trail()


def _people() -> None:
    """Ids, and what is known of them."""
    op.create_table(
        "persons",
        sa.Column("id", _NAME, nullable=False),
        sa.Column("mac", _DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_persons")),
    )
    op.create_table(
        "person_names",
        sa.Column("person", _NAME, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["persons.id"], name=op.f("fk_person_names_person")),
        sa.PrimaryKeyConstraint("person", "kind", "digest", name=op.f("pk_person_names")),
    )
    op.create_table(
        "person_pins",
        sa.Column("person", _NAME, nullable=False),
        sa.Column("target", _NAME, nullable=False),
        sa.Column("native", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["persons.id"], name=op.f("fk_person_pins_person")),
        sa.PrimaryKeyConstraint("person", "target", name=op.f("pk_person_pins")),
        sa.UniqueConstraint("target", "native", name=op.f("uq_person_pins_target_native")),
    )


def _ours() -> None:
    """What syncd made or adopted, and what it last read."""
    op.create_table(
        "ledger",
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("mapping", _NAME, nullable=False),
        sa.Column("target", _NAME, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("native", sa.Text(), nullable=False),
        sa.Column("attrs", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("adopted", sa.Boolean(), nullable=False),
        sa.Column("claimed", sa.Boolean(), nullable=False),
        sa.Column("run", _NAME, nullable=False),
        sa.Column("mac", _DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_ledger")),
    )
    op.create_index(op.f("ix_ledger_mapping_target"), "ledger", ["mapping", "target"])
    op.create_table(
        "former_names",
        sa.Column("mapping", _NAME, nullable=False),
        sa.Column("former", _NAME, nullable=False),
        sa.PrimaryKeyConstraint("mapping", "former", name=op.f("pk_former_names")),
    )
    op.create_table(
        "sources",
        sa.Column("mapping", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("rows_json", sa.Text(), nullable=False),
        sa.Column("digest", _NAME, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("read_at", _MOMENT, nullable=False),
        sa.Column("mac", _DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("mapping", "name", name=op.f("pk_sources")),
    )


def _runs() -> None:
    """Who works, and who worked."""
    op.create_table(
        "leases",
        sa.Column("mapping", _NAME, nullable=False),
        sa.Column("holder", sa.Text()),
        sa.Column("process", sa.Text()),
        sa.Column("since", _MOMENT),
        sa.Column("expires", _MOMENT),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mapping", name=op.f("pk_leases")),
    )
    op.create_table(
        "runs",
        sa.Column("id", _NAME, nullable=False),
        sa.Column("mapping", _NAME, nullable=False),
        sa.Column("trigger", _NAME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger()),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("finished_at", _MOMENT),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("message", sa.Text()),
        sa.Column("counts", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_mapping_id"), "runs", ["mapping", "id"])
    op.create_table(
        "meta",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )


def _decisions() -> None:
    """Plans and what people allowed."""
    op.create_table(
        "plans",
        sa.Column("id", _NAME, nullable=False),
        sa.Column("mapping", _NAME, nullable=False),
        sa.Column("digest", _NAME, nullable=False),
        sa.Column("run", _NAME, nullable=False),
        sa.Column("document", sa.Text()),
        sa.Column("stops", sa.Text()),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("seen_at", _MOMENT, nullable=False),
        sa.Column("refused_by", sa.Text()),
        sa.Column("refused_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sa.UniqueConstraint("mapping", "digest", name=op.f("uq_plans_mapping_digest")),
    )
    op.create_table(
        "approvals",
        sa.Column("mapping", _NAME, nullable=False),
        sa.Column("digest", _NAME, nullable=False),
        sa.Column("plan", _NAME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("approved_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("used_at", _MOMENT),
        sa.Column("mac", _DIGEST, nullable=False),
        sa.ForeignKeyConstraint(
            ["mapping", "digest"], ["plans.mapping", "plans.digest"], name=op.f("fk_approvals_mapping_digest")
        ),
        sa.PrimaryKeyConstraint("mapping", "digest", name=op.f("pk_approvals")),
    )
    op.create_table(
        "adoptions",
        sa.Column("mapping", _NAME, nullable=False),
        sa.Column("target", _NAME, nullable=False),
        sa.Column("key_digest", _DIGEST, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("approved_at", _MOMENT, nullable=False),
        sa.Column("mac", _DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("mapping", "target", "key_digest", name=op.f("pk_adoptions")),
    )
    op.create_table(
        "policies",
        sa.Column("mapping", _NAME, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("approved_at", _MOMENT, nullable=False),
        sa.Column("mac", _DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("mapping", name=op.f("pk_policies")),
    )
    op.create_table(
        "first_applies",
        sa.Column("mapping", _NAME, nullable=False),
        sa.Column("run", _NAME, nullable=False),
        sa.Column("applied_at", _MOMENT, nullable=False),
        sa.Column("mac", _DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("mapping", name=op.f("pk_first_applies")),
    )


def _trail() -> None:
    """The audit trail."""
    op.create_table(
        "audit",
        sa.Column("mapping", _NAME, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("run", _NAME, nullable=False),
        sa.Column("event", _NAME, nullable=False),
        sa.Column("target", _NAME, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("result", _NAME, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("counted", sa.Text()),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text()),
        sa.Column("detail_mac", _DIGEST, nullable=False),
        sa.Column("prev", _DIGEST, nullable=False),
        sa.Column("mac", _DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("mapping", "seq", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_mapping_at"), "audit", ["mapping", "at"])
    op.create_index(op.f("ix_audit_run"), "audit", ["run"])
    op.create_table(
        "audit_heads",
        sa.Column("mapping", _NAME, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("last", _DIGEST, nullable=False),
        sa.Column("mac", _DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("mapping", name=op.f("pk_audit_heads")),
    )
