"""Whether every connection to PostgreSQL has a session of its own there.

Who leads, and what wakes workers, hang on sessions: advisory locks and LISTEN. A pooler that hands sessions
out by transaction (PgBouncer's `pool_mode = transaction`) takes both away between two statements, silently.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from sqlalchemy import text

from syncd.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

LOOKS = 3


def shared_out(url: str) -> bool:
    """Whether two connections were seen in one session, or one connection in two.

    Seen is proven, unseen is not: a pooler may, by chance, have let each connection keep what it had.
    Raises `StoreError` where the server cannot be asked.
    """
    with closing(Database(url)) as database, database.statements() as one, database.statements() as other:
        own = _session(one)
        other.execute(text("BEGIN"))  # for as long as this lasts no pooler gives its session to anybody else
        return _session(other) == own or any(_session(one) != own for _ in range(LOOKS))


def _session(connection: Connection) -> int:
    """The process of the server that answers; each session has one (pg_backend_pid)."""
    pid: int = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    return pid
