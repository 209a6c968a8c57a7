"""Alembic's entry: runs the revisions on the connection, and in the transaction, of `migrate.upgrade`."""

from __future__ import annotations

from alembic import context

from syncd.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True
)
context.run_migrations()
