"""What happened, kept so that a change or a gap shows.

Each mapping has a chain: a row's seal covers its number and the seal of the row before, and a head
row holds number and seal of the last one, so that cutting the tail shows too. Detail, which may quote
what a server said about a person, is under a seal of its own: erasing it leaves the chain whole.
To notice that somebody put back an older copy of the whole chain, keep `head` somewhere else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, select, update

from syncd.store import tables
from syncd.store.codec import canonical, key_from, key_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from syncd.model import Key
    from syncd.store.database import Database
    from syncd.store.integrity import Seal

_START = "0" * 64
_CHAINED = (
    *("mapping", "seq", "at", "run", "event", "target", "key", "result", "person", "counted", "actor"),
    *("detail_mac", "prev"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to put on record: an outcome (`event` is its op) or a decision (`plan.approved`, …).

    `counted` is (person, role, unit) of an access that was taken away and counts towards the limit.
    """

    event: str
    target: str = ""
    key: Key | None = None
    result: str = ""
    run: str = ""
    actor: str = ""
    person: str = ""
    counted: tuple[str, str, str] | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry as recorded; `detail` is None where it was erased with the person."""

    mapping: str
    seq: int
    at: datetime
    run: str
    event: str
    target: str
    key: Key | None
    result: str
    person: str
    actor: str
    detail: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, order=True)
class BrokenRow:
    """A place where a chain does not hold; `seq` is that of the row, or of the first one missing."""

    mapping: str
    seq: int
    reason: str

    def __str__(self) -> str:
        return f"audit of {self.mapping}, row {self.seq}: {self.reason}"


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Number and seal of the last row of a mapping's chain, for keeping elsewhere."""

    mapping: str
    seq: int
    seal: str


class Audit:
    """Append-only record of every mapping."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    def append(self, connection: Connection, mapping: str, entries: Sequence[Entry]) -> None:
        """Record entries in the caller's transaction; the head row is locked until it ends."""
        if not entries:
            return
        head = self._locked_head(connection, mapping)
        seq, last, rows = head.seq, head.seal, []
        now = self._database.now(connection)
        for seq, entry in enumerate(entries, seq + 1):  # noqa: B020  the count goes on from the head
            row = self._row(mapping, seq, now, entry, last)
            last = row["mac"]
            rows.append(row)
        connection.execute(tables.audit.insert(), rows)
        self._database.upsert(connection, tables.audit_heads, [self._head_row(mapping, seq, last)])

    def rows(
        self,
        mapping: str | None = None,
        since: datetime | None = None,
        limit: int = 200,
        run: str | None = None,
    ) -> list[AuditRow]:
        """The newest rows first; of a mapping under its former names too."""
        query = (
            select(tables.audit).order_by(tables.audit.c.at.desc(), tables.audit.c.seq.desc()).limit(limit)
        )
        if since is not None:
            query = query.where(tables.audit.c.at >= since)
        if run is not None:
            query = query.where(tables.audit.c.run == run)
        with self._database.reading() as connection:
            if mapping is not None:
                query = query.where(tables.audit.c.mapping.in_(names_of(connection, mapping)))
            return [_audit_row(row) for row in connection.execute(query)]

    def removed_since(self, mapping: str, when: datetime) -> frozenset[tuple[str, str, str]]:
        """(person, role, unit) that was taken away since then, or perhaps was (the reply was lost)."""
        query = select(tables.audit.c.counted).distinct()
        query = query.where(tables.audit.c.at >= when, tables.audit.c.counted.is_not(None))
        with self._database.reading() as connection:
            query = query.where(tables.audit.c.mapping.in_(names_of(connection, mapping)))
            return frozenset(_counted(text) for text in connection.scalars(query))

    def head(self, mapping: str) -> AuditHead | None:
        """The end of the mapping's chain; worth printing at the end of a run, outside the database."""
        query = select(tables.audit_heads).where(tables.audit_heads.c.mapping == mapping)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
            return AuditHead(row.mapping, row.seq, row.last) if row else None

    def verify(self) -> list[BrokenRow]:
        """Every place where a chain does not hold: changed, missing, swapped or cut rows."""
        with self._database.reading() as connection:
            heads = {row.mapping: row for row in connection.execute(select(tables.audit_heads))}
            found = list(self._broken_links(connection, heads))
        return sorted(found)

    def erase_details(self, connection: Connection, person: str) -> None:
        """Forget what was recorded in words about a person; that something happened stays."""
        about = tables.audit.c.person == canonical(person)
        connection.execute(update(tables.audit).where(about).values(detail=None))

    def _broken_links(self, connection: Connection, heads: dict[str, Row[Any]]) -> Iterator[BrokenRow]:
        ends: dict[str, tuple[int, str]] = {}
        query = select(tables.audit).order_by(tables.audit.c.mapping, tables.audit.c.seq)
        for row in connection.execute(query.execution_options(yield_per=1000)):
            seq, last = ends.get(row.mapping, (0, _START))
            if row.seq != seq + 1:
                yield BrokenRow(row.mapping, seq + 1, f"rows {seq + 1} to {row.seq - 1} are missing")
            elif row.prev != last:
                yield BrokenRow(row.mapping, row.seq, "it does not follow the row before")
            if not self._intact(row):
                yield BrokenRow(row.mapping, row.seq, "it was changed after it was written")
            ends[row.mapping] = (row.seq, row.mac)
        for mapping in sorted(ends.keys() | heads.keys()):
            yield from self._broken_end(mapping, ends.get(mapping, (0, _START)), heads.get(mapping))

    def _broken_end(self, mapping: str, end: tuple[int, str], head: Row[Any] | None) -> Iterator[BrokenRow]:
        if head is None:
            yield BrokenRow(mapping, end[0], "the end of the chain is not recorded")
        elif not self._seal.matches(head.mac, "audit_heads", [mapping, head.seq, head.last]):
            yield BrokenRow(mapping, head.seq, "the record of the chain's end was changed")
        elif (head.seq, head.last) != end:
            yield BrokenRow(
                mapping, end[0] + 1, f"the chain should end at row {head.seq}, it ends at {end[0]}"
            )

    def _intact(self, row: Row[Any]) -> bool:
        values = row._mapping  # noqa: SLF001  public in SQLAlchemy in spite of its name
        if not self._seal.matches(row.mac, "audit", [values[name] for name in _CHAINED]):
            return False
        return row.detail is None or self._seal.matches(
            row.detail_mac, "audit_detail", [row.mapping, row.seq, row.detail]
        )

    def _locked_head(self, connection: Connection, mapping: str) -> AuditHead:
        blank = self._head_row(mapping, 0, _START)
        self._database.insert_missing(connection, tables.audit_heads, [blank])
        query = select(tables.audit_heads).where(tables.audit_heads.c.mapping == mapping).with_for_update()
        row = connection.execute(query).one()
        return AuditHead(mapping, row.seq, row.last)

    def _head_row(self, mapping: str, seq: int, last: str) -> dict[str, Any]:
        mac = self._seal.mac("audit_heads", [mapping, seq, last])
        return {"mapping": mapping, "seq": seq, "last": last, "mac": mac}

    def _row(self, mapping: str, seq: int, now: datetime, entry: Entry, last: str) -> dict[str, Any]:
        detail = canonical(dict(entry.detail))
        row: dict[str, Any] = {
            "mapping": mapping,
            "seq": seq,
            "at": now,
            "run": entry.run,
            "event": entry.event,
            "target": entry.target,
            "key": key_text(entry.key) if entry.key else "",
            "result": entry.result,
            "person": canonical(entry.person) if entry.person else "",
            "counted": canonical(entry.counted) if entry.counted else None,
            "actor": entry.actor,
            "detail": detail,
            "detail_mac": self._seal.mac("audit_detail", [mapping, seq, detail]),
            "prev": last,
        }
        return {**row, "mac": self._seal.mac("audit", [row[name] for name in _CHAINED])}


def names_of(connection: Connection, mapping: str) -> list[str]:
    """The mapping's name and those it had before: its history stays under the name of its day."""
    former = select(tables.former_names.c.former).where(tables.former_names.c.mapping == mapping)
    return [mapping, *connection.scalars(former)]


def _counted(text: str | None) -> tuple[str, str, str]:
    person, role, unit = json.loads(text or "")
    return person, role, unit


def _audit_row(row: Row[Any]) -> AuditRow:
    return AuditRow(
        mapping=row.mapping,
        seq=row.seq,
        at=row.at,
        run=row.run,
        event=row.event,
        target=row.target,
        key=key_from(row.key) if row.key else None,
        result=row.result,
        person=json.loads(row.person) if row.person else "",
        actor=row.actor,
        detail=None if row.detail is None else json.loads(row.detail),
    )
