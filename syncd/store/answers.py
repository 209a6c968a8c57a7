"""Answers to errands, from workers to the process that handed them over; on PostgreSQL only.

A row is made when its errand is taken, and is what keeps it from being taken twice. The clock is the
server's: a worker takes first and looks at the time afterwards, whoever waits looks at the time first and
for the row afterwards, so that both never mean the contrary. A lock that goes with its session shows that
the worker lives; where only the session was lost, it is taken again. Nothing is sealed: only the owner of
the store can write here (see `grants`).
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import text

from syncd.errand import Reply
from syncd.errors import StoreError
from syncd.store import tables
from syncd.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = 60.0  # seconds from taking an errand to forgetting its answer: longer than anybody waits
BEAT = 0.5  # seconds between two looks whether the sign of life still stands
PATIENCE = 5.0  # seconds in which it must stand first

_NOW = text("SELECT extract(epoch FROM clock_timestamp())::float8")
_ALIVE = text("SELECT pg_try_advisory_xact_lock(:space, :job)")
_BEAT = text("SELECT 1")
_TAKE = text("INSERT INTO answers (job, taken_at) VALUES (:job, now()) ON CONFLICT DO NOTHING RETURNING job")
_LEAVE = text("DELETE FROM answers WHERE job = :job")
_IN_TIME = text("SELECT extract(epoch FROM clock_timestamp()) BETWEEN :deadline - :longest AND :deadline")
_LOOK = text("""
SELECT extract(epoch FROM now()) >= :deadline AS late, answers.job IS NOT NULL AS taken,
status, headers, body, EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = :space AND objid = :lock AND objsubid = 2
    AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
) AS alive
FROM (SELECT 1) AS always LEFT JOIN answers ON answers.job = :job
""").columns(headers=tables.Json)
_SWEEP = text("DELETE FROM answers WHERE taken_at < now() - make_interval(secs => :kept)")
_SPACE = 0x616E7377  # "answ": locks of this kind


@dataclass(frozen=True, slots=True)
class Standing:
    """How an errand stands: `late` whether it is past its deadline, `alive` whether its worker lives."""

    late: bool
    taken: bool
    alive: bool
    reply: Reply | None


class Answers:
    """The table, as both sides use it. Every method raises `StoreError`."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def now(self) -> float:
        """The server's time in seconds of the epoch, by which deadlines are set.

        Asked of the table itself, so that who may not look, or has no such table, learns it here.
        """
        with self._database.reading() as connection:
            connection.execute(text("SELECT FROM answers LIMIT 0"))
            return float(connection.scalar(_NOW) or 0)

    @contextmanager
    def taken(self, job: int, deadline: float) -> Iterator[bool]:
        """Take an errand; False where it is too late for that, or somebody took it before."""
        with self._living(job):
            with self._database.writing() as connection:
                ours = connection.scalar(_TAKE, {"job": job}) is not None
            with self._database.reading() as connection:
                in_time = bool(connection.scalar(_IN_TIME, {"deadline": deadline, "longest": KEPT}))
            if ours and not in_time:
                with self._database.writing() as connection:
                    connection.execute(_LEAVE, {"job": job})
            yield ours and in_time

    @contextmanager
    def _living(self, job: int) -> Iterator[None]:
        """Show that this process lives, in a thread beside the act: sessions can be lost at any time."""
        stands, over = threading.Event(), threading.Event()
        keeper = threading.Thread(target=self._keep, args=(job, stands, over), name=f"errand-{job}")
        keeper.start()
        try:
            if not stands.wait(PATIENCE):
                raise StoreError("no sign of life could be given", "is the server up? see `syncd doctor`")
            yield
        finally:
            over.set()
            keeper.join()

    def _keep(self, job: int, stands: threading.Event, over: threading.Event) -> None:
        """Hold the lock; it is tried for and not waited for, since a session of before may still have it."""
        while not over.is_set():
            try:
                with self._database.writing() as session:
                    if session.scalar(_ALIVE, {"space": _SPACE, "job": _lock(job)}):
                        stands.set()
                        while not over.wait(BEAT):
                            session.execute(_BEAT)
            except StoreError:
                pass  # whoever waits for `stands` says so, or takes no harm
            over.wait(BEAT)

    def give(self, job: int, reply: Reply) -> None:
        """Answer what was taken."""
        values = {"status": reply.status, "headers": [list(one) for one in reply.headers], "body": reply.body}
        with self._database.writing() as connection:
            connection.execute(tables.answers.update().where(tables.answers.c.job == job).values(values))

    def look(self, job: int, deadline: float) -> Standing:
        """How it stands now."""
        values = {"deadline": deadline, "space": _SPACE, "lock": _lock(job), "job": job}
        with self._database.reading() as connection:
            row = connection.execute(_LOOK, values).one()
        return Standing(row.late, row.taken, row.alive, _reply(row))

    def sweep(self) -> None:
        """Forget what nobody waits for any more."""
        with self._database.writing() as connection:
            connection.execute(_SWEEP, {"kept": KEPT})

    def close(self) -> None:
        """End all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _reply(row: Any) -> Reply | None:
    if row.status is None:
        return None
    return Reply(row.status, tuple((name, value) for name, value in row.headers), bytes(row.body))


def _lock(job: int) -> int:
    """Locks have 31 bits without a sign; jobs that share one are two thousand million apart."""
    return job & 0x7FFFFFFF
