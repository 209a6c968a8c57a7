"""What a target held when it was last read, so that the next read can ask for what changed.

Never an authority: a copy that is missing, damaged or in doubt costs a read of everything, nothing more.
It names people, so erasing one drops every copy.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select

from syncd.store import tables
from syncd.store.codec import canonical
from syncd.store.parts import is_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from syncd.store.database import Database
    from syncd.store.integrity import Seal

_LEVEL = 1  # of compression: a copy is written in every run that found a change


class Readings:
    """One copy for each mapping and target: a small `mark`, new each run, and `facts`, which rarely are."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    def last(self, mapping: str, target: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Mark and facts as they were kept; None where there are none or they are not as syncd wrote them."""
        mine = (tables.readings.c.mapping == mapping) & (tables.readings.c.target == target)
        with self._database.reading() as connection:
            row = connection.execute(select(tables.readings).where(mine)).one_or_none()
        if row is None or not self._seal.holds("readings", row):
            return None
        if hashlib.sha256(row.facts).hexdigest() != row.digest:
            return None
        return dict(row.mark), dict(json.loads(zlib.decompress(row.facts)))

    def save(
        self, mapping: str, target: str, mark: Mapping[str, Any], facts: Mapping[str, Any] | None
    ) -> None:
        """Keep them in one transaction, in place of those before; None keeps the facts that are there."""
        key = {"mapping": mapping, "target": target}
        packed = None if facts is None else zlib.compress(canonical(facts).encode(), _LEVEL)
        with self._database.writing() as connection:
            digest = self._digest(connection, key) if packed is None else hashlib.sha256(packed).hexdigest()
            if digest is None:
                return  # dropped meanwhile, and a mark alone is worth nothing
            row = self._seal.sealed("readings", {**key, "mark": dict(mark), "digest": digest})
            if packed is not None:
                self._database.upsert(connection, tables.readings, [{**row, "facts": packed}])
                return
            same = [tables.readings.c[name] == value for name, value in key.items()]
            connection.execute(tables.readings.update().where(*same).values(row))

    def drop(self, mapping: str, target: str) -> None:
        """Forget a copy, and those of the mapping's parts: the next read is of everything."""
        kept = tables.readings.c
        mine = or_(kept.mapping == mapping, is_of(kept.mapping, mapping)) & (kept.target == target)
        with self._database.writing() as connection:
            connection.execute(tables.readings.delete().where(mine))

    @staticmethod
    def _digest(connection: Connection, key: Mapping[str, str]) -> str | None:
        same = [tables.readings.c[name] == value for name, value in key.items()]
        return connection.scalar(select(tables.readings.c.digest).where(*same))
