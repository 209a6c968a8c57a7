"""What a login of a front desk is allowed on PostgreSQL: to look, and to hand requests over to workers.

Such a login is for a process that faces people (`--role web`): whoever takes it over can neither give
themselves an access nor approve a plan nor change what was recorded, even with the integrity key. Of the
queue it sees and makes errands only, by row policies, and not what others asked for: those hold tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from syncd.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from syncd.store.database import Database

QUEUE = "procrastinate"
JOBS = f"{QUEUE}.procrastinate_jobs"
COLUMNS = ("queue_name", "task_name", "priority", "lock", "queueing_lock", "args", "scheduled_at")
ERRANDS = "queue_name = 'errands'"


def statements(database: Database, login: str) -> list[str]:
    """The statements that leave the login these rights and no other; for the owner of the store.

    Raises `UsageError` for a store on SQLite, which knows no logins.
    """
    if database.is_sqlite:
        raise UsageError(
            f"the store {database.name} is a SQLite file, and a file knows no logins",
            "rights by login need `store: postgresql://…`",
        )
    with database.reading() as connection:
        return _statements(connection, login)


def grant(database: Database, login: str) -> list[str]:
    """Carry them out; what was carried out. Raises `StoreError` where there is no such login."""
    found = statements(database, login)
    with database.writing() as connection:
        if not connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :login"), {"login": login}):
            raise StoreError(
                f'PostgreSQL has no login "{login}"',
                f"its administrator makes one: CREATE ROLE {_quoted(connection, login)} LOGIN PASSWORD '…'",
            )
        for statement in found:
            connection.execute(text(statement))
    return found


def _statements(connection: Connection, login: str) -> list[str]:
    schema = _quoted(connection, str(connection.scalar(text("SELECT current_schema()"))))
    database = _quoted(connection, str(connection.scalar(text("SELECT current_database()"))))
    who = _quoted(connection, login)
    return [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {who}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {QUEUE} FROM {who}",
        f"GRANT CONNECT ON DATABASE {database} TO {who}",
        f"GRANT USAGE ON SCHEMA {schema}, {QUEUE} TO {who}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {who}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {who}",
        f"GRANT SELECT (id, queue_name, status) ON {JOBS} TO {who}",
        f"GRANT INSERT ({', '.join(COLUMNS)}) ON {JOBS} TO {who}",
        f"GRANT INSERT (job_id, type) ON {QUEUE}.procrastinate_events TO {who}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {QUEUE} TO {who}",
        f"ALTER TABLE {JOBS} ENABLE ROW LEVEL SECURITY",
        *_policies(connection, login),
    ]


def _policies(connection: Connection, login: str) -> Iterator[str]:
    """The owner of the queue is bound by none."""
    who = _quoted(connection, login)
    made = (
        f"WITH CHECK ({ERRANDS} AND lock IS NULL AND queueing_lock IS NULL AND scheduled_at IS NULL "
        "AND priority = 0)"
    )
    for verb, rule in (("SELECT", f"USING ({ERRANDS})"), ("INSERT", made)):
        name = _quoted(connection, f"{login} {verb}")
        yield f"DROP POLICY IF EXISTS {name} ON {JOBS}"
        yield f"CREATE POLICY {name} ON {JOBS} FOR {verb} TO {who} {rule}"


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)
