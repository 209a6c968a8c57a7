"""On PostgreSQL, the queue that daemons share, in a schema of its own.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLES = Path(__file__).parents[1] / "procrastinate.sql"


def upgrade() -> None:
    """Make the tables of procrastinate; SQLite, whose daemon is alone, has none."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        return
    before = connection.exec_driver_sql("SHOW search_path").scalar_one()
    # By the driver itself: only without parameters does PostgreSQL take many statements at once.
    driver: Any = connection.connection.driver_connection
    driver.execute("CREATE SCHEMA procrastinate; SET LOCAL search_path TO procrastinate")
    driver.execute(_TABLES.read_text("utf-8"))
    driver.execute("SELECT set_config('search_path', %s, true)", [before])
