"""Brings a store to the schema of this program, and refuses to work on any other one.

The revisions lie in `revisions/versions`; they are written by hand and never changed once released.
"""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from syncd.errors import StoreError
from syncd.store import tables
from syncd.store.database import UPGRADE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from syncd.store.database import Database
    from syncd.store.integrity import Seal

_REVISIONS = Path(__file__).with_name("revisions")
_POSTGRES_LOCK = 0x73796E6364  # "syncd": one upgrade at a time
_KEY_CHECK = "key-check"


def upgrade(database: Database, seal: Seal) -> list[str]:
    """Apply every revision that is missing, in one transaction; the names of those applied.

    The first upgrade also makes the database file and ties the store to its integrity key.
    """
    database.create_file()
    _revisions()  # before others are locked out: reading them may take longer than applying them
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _POSTGRES_LOCK})
        pending = _pending(connection, database.name)
        if pending:
            command.upgrade(_config(connection), "head")
        _tie_to_key(connection, seal)
    return pending


def ready(database: Database, seal: Seal) -> None:
    """Raise StoreError unless the store has this program's schema and was sealed with this key."""
    with database.reading() as connection:
        pending = _pending(connection, database.name)
        if pending:
            raise StoreError(f"the store {database.name} is older than this program", UPGRADE)
        _check_key(connection, seal, database.name)


def damage(database: Database) -> list[str]:
    """What SQLite's own check finds wrong with the file; PostgreSQL checks itself when it reads."""
    if not database.is_sqlite:
        return []
    with database.reading() as connection:
        lines = list(connection.execute(text("PRAGMA quick_check")).scalars())
        orphans = connection.execute(text("PRAGMA foreign_key_check")).all()
    found = [f"{database.name}: {line}" for line in lines if line != "ok"]
    return found + [
        f"{database.name}: a row of {row[0]} refers to a row that is not there" for row in orphans
    ]


def _pending(connection: Connection, name: str) -> list[str]:
    known = _revisions()
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        return [*known.values()]
    if current not in known:
        raise StoreError(
            f"the store {name} is newer than this program (revision {current})",
            "install the syncd that upgraded it, or restore the backup made before the upgrade",
        )
    return [*known.values()][[*known].index(current) + 1 :]


@cache
def _revisions() -> Mapping[str, str]:
    """Every revision, oldest first, with its title; read once, since a run asks for them many times."""
    found = [*ScriptDirectory.from_config(_config()).walk_revisions()]
    return {one.revision: f"{one.revision} {one.doc}" for one in reversed(found)}


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_REVISIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _tie_to_key(connection: Connection, seal: Seal) -> None:
    """Keep a sealed random value: with another key every row would look tampered with, and none be it."""
    meta = tables.meta
    if connection.scalar(select(meta.c.value).where(meta.c.name == _KEY_CHECK)) is None:
        nonce = secrets.token_hex(16)
        value = f"{nonce}:{seal.mac('meta', [nonce])}"
        connection.execute(meta.insert(), {"name": _KEY_CHECK, "value": value})


def _check_key(connection: Connection, seal: Seal, name: str) -> None:
    value = connection.scalar(select(tables.meta.c.value).where(tables.meta.c.name == _KEY_CHECK))
    nonce, _, mac = (value or "").partition(":")
    if not seal.matches(mac, "meta", [nonce]):
        raise StoreError(
            f"the store {name} was sealed with another integrity key",
            "give back the key it was made with (`integrity_key` in syncd.yaml); without it, "
            "start a new store and take up what is ours with `syncd db rebuild`",
        )
