"""Every run that was started: who or what started it, and how it ended, if it did."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, func, select, update

from syncd.store import tables
from syncd.store.leases import live_lease
from syncd.store.parts import own

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from syncd.store.audit import Audit, AuditRow
    from syncd.store.database import Database
    from syncd.store.leases import Leases

_UNTRACED = 1_000_000  # more audit rows than one run can write


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run; `state` is finished, running (it holds its lease) or interrupted (it ended without a word).

    `part` is the part of the mapping that it was of, as in `parts`; empty for the whole. `files` is the
    digest of the files that it went by, empty where that is not known.
    `outcomes` are its audit rows, newest first, filled in by `run()` only.
    """

    id: str
    mapping: str
    trigger: str
    actor: str
    started: datetime
    finished: datetime | None
    state: str
    exit_code: int | None
    message: str
    counts: Mapping[str, int]
    part: str = ""
    files: str = ""
    outcomes: tuple[AuditRow, ...] = ()


class Runs:
    """The runs of all mappings."""

    def __init__(self, database: Database, leases: Leases, audit: Audit) -> None:
        self._database = database
        self._leases = leases
        self._audit = audit

    def start(  # noqa: PLR0913 - what is known of a run before it did anything
        self,
        mapping: str,
        trigger: str,
        actor: str,
        part: str = "",
        *,
        narrowed: bool = False,
        version: str = "",
    ) -> str:
        """Begin a run and give its id, which sorts by time.

        One that is `narrowed` leaves some of its part; `version` is the digest of the files it goes by.
        Under the lease, the run may claim and record; without it, it may only look.
        """
        token = self._leases.held_token(mapping, part)
        with self._database.writing() as connection:
            now = self._database.now(connection)
            run = time_sortable_id(now)
            row = {
                "id": run,
                "mapping": mapping,
                "part": part,
                "narrowed": narrowed,
                "files": version,
                "trigger": trigger,
                "actor": actor,
                "token": token,
                "started_at": now,
            }
            connection.execute(tables.runs.insert(), row)
        return run

    def finish(self, run: str, exit_code: int, message: str, counts: Mapping[str, int]) -> None:
        """Write down how a run ended."""
        mine = update(tables.runs).where(tables.runs.c.id == run)
        with self._database.writing() as connection:
            now = self._database.now(connection)
            ended = {"finished_at": now, "exit_code": exit_code, "message": message, "counts": dict(counts)}
            connection.execute(mine.values(**ended))

    def newest(
        self,
        mapping: str | None = None,
        limit: int = 50,
        *,
        narrowed: bool = True,
        succeeded: bool = False,
    ) -> list[StoredRun]:
        """The newest runs first; only those that `succeeded`, or without those that were `narrowed`."""
        query = select(tables.runs).order_by(tables.runs.c.id.desc()).limit(limit)
        if mapping is not None:
            query = query.where(tables.runs.c.mapping == mapping)
        if not narrowed:
            query = query.where(~tables.runs.c.narrowed)
        if succeeded:
            query = query.where(tables.runs.c.exit_code == 0)
        with self._database.reading() as connection:
            return [self._run(connection, row) for row in connection.execute(query).all()]

    def of_parts(self, mapping: str, *, succeeded: bool = False, since: str = "") -> dict[str, StoredRun]:
        """The newest run of each part, the whole included; with `succeeded`, the newest that did.

        Of those only that began after the run `since`, where one is given.
        Those that were narrowed say nothing of how a part stands.
        """
        runs = tables.runs
        of_all = select(func.max(runs.c.id)).where(runs.c.mapping == mapping, ~runs.c.narrowed)
        newest = of_all.group_by(runs.c.part)
        if succeeded:
            newest = newest.where(runs.c.exit_code == 0)
        if since:
            newest = newest.where(runs.c.id > since)
        with self._database.reading() as connection:
            rows = connection.execute(select(runs).where(runs.c.id.in_(newest))).all()
            return {row.part: self._run(connection, row) for row in rows}

    def files_in_force(self, mapping: str) -> str:
        """The digest of the files that the newest run went by which was of more than a root unit.

        Empty where there was none, or where it is not known.
        """
        runs = tables.runs
        query = (
            select(runs.c.files)
            .where(runs.c.mapping == mapping, ~runs.c.narrowed, func.length(runs.c.part) <= 1)
            .order_by(runs.c.id.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            return connection.scalar(query) or ""

    def one(self, run: str) -> StoredRun | None:
        """A run with everything it did, or None."""
        query = select(tables.runs).where(tables.runs.c.id == run)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            header = self._run(connection, row)
        return replace(header, outcomes=tuple(self._audit.rows(run=run, limit=_UNTRACED)))

    def _run(self, connection: Connection, row: Row[Any]) -> StoredRun:
        return StoredRun(
            id=row.id,
            mapping=row.mapping,
            part=row.part,
            files=row.files,
            trigger=row.trigger,
            actor=row.actor,
            started=row.started_at,
            finished=row.finished_at,
            state=self._state(connection, row),
            exit_code=row.exit_code,
            message=row.message or "",
            counts=row.counts or {},
        )

    def _state(self, connection: Connection, row: Row[Any]) -> str:
        if row.finished_at is not None:
            return "finished"
        lease = live_lease(connection, own(row.mapping, row.part), self._database.now(connection))
        return "running" if lease is not None and lease.token == row.token else "interrupted"


def time_sortable_id(now: datetime) -> str:
    """An id that sorts by time and that a person can read the time from, in UTC."""
    return f"{now:%Y%m%dT%H%M%S.%f}-{secrets.token_hex(3)}"
