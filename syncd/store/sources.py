"""The last good copy of every roster: it stands in when a roster cannot be read whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from syncd.store import tables

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.store.database import Database
    from syncd.store.integrity import Seal


@dataclass(frozen=True, slots=True)
class StoredSource:
    """A roster as last read whole: its rows as JSON text, their digest and number, and when it was read."""

    name: str
    rows_json: str
    digest: str
    rows: int
    when: datetime


class Sources:
    """Last good copies; sealed, because one that stands in decides who has access."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    def save(  # noqa: PLR0913, PLR0917  the fields of a StoredSource, and whose it is
        self, mapping: str, name: str, rows_json: str, digest: str, rows: int, when: datetime
    ) -> None:
        """Keep a copy in place of the one before."""
        row = {"mapping": mapping, "name": name, "rows_json": rows_json, "digest": digest, "rows": rows}
        with self._database.writing() as connection:
            sealed = self._seal.sealed("sources", {**row, "read_at": when})
            self._database.upsert(connection, tables.sources, [sealed])

    def last(self, mapping: str, name: str) -> StoredSource | None:
        """The copy kept, or None (also where its seal does not hold)."""
        mine = (tables.sources.c.mapping == mapping) & (tables.sources.c.name == name)
        with self._database.reading() as connection:
            row = connection.execute(select(tables.sources).where(mine)).one_or_none()
            if row is None or not self._seal.holds("sources", row):
                return None
            return StoredSource(row.name, row.rows_json, row.digest, row.rows, row.read_at)
