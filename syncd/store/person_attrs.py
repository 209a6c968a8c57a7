"""What syncd last wrote into people's profiles: kept with their names, so that erasing a person erases it.

The ledger row of a profile holds only a seal of these attributes. A profile whose attributes were
erased is still ours, with nothing known to be written.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from syncd.store import tables
from syncd.store.codec import attrs_text, canonical
from syncd.store.database import batched
from syncd.store.persons import WRITTEN, blank_person

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.model import Owned
    from syncd.store.database import Database
    from syncd.store.integrity import Seal


class PersonAttrs:
    """The `written` rows of the erasable table."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    def of(
        self, connection: Connection, mapping: str, target: str, people: Sequence[str] | None = None
    ) -> dict[str, str]:
        """Attributes as text by the item column of their ledger row, of some people or of all."""
        if people is not None and not people:
            return {}
        names = tables.person_names
        query = select(names.c.person, names.c.value)
        query = query.where(names.c.kind == WRITTEN, names.c.digest == _digest(mapping, target))
        if people is not None:
            query = query.where(names.c.person.in_(people))
        return {canonical([person]): value for person, value in connection.execute(query)}

    def seal_of(self, mapping: str, target: str, item: str, attrs: str) -> str:
        """What the ledger row keeps in place of the attributes."""
        return self._seal.mac("person_attrs", [mapping, target, item, attrs])

    def opened(
        self, mapping: str, target: str, item: str, seal: str, written: Mapping[str, str]
    ) -> str | None:
        """The attributes as text, empty ones where they were erased, None where they were tampered with."""
        attrs = written.get(item)
        if attrs is None:
            return "{}"
        return attrs if self._seal.matches(seal, "person_attrs", [mapping, target, item, attrs]) else None

    def put(self, connection: Connection, mapping: str, target: str, people: Sequence[Owned]) -> None:
        """Keep what was written into these profiles, in place of what was kept before."""
        ids = [owned.key.item[0] for owned in people]
        self._database.insert_missing(
            connection, tables.persons, [blank_person(self._seal, id_) for id_ in ids]
        )
        rows = [
            {
                "person": owned.key.item[0],
                "kind": WRITTEN,
                "digest": _digest(mapping, target),
                "scope": canonical([mapping, target]),
                "value": attrs_text(owned.attrs),
            }
            for owned in people
        ]
        self._database.upsert(connection, tables.person_names, rows)

    def remove(self, connection: Connection, mapping: str, target: str, people: Sequence[str]) -> None:
        """Forget what was written into these profiles."""
        names = tables.person_names
        mine = (names.c.kind == WRITTEN) & (names.c.digest == _digest(mapping, target))
        for chunk in batched(people):
            connection.execute(names.delete().where(mine, names.c.person.in_(chunk)))

    def broken(self, connection: Connection) -> list[tuple[str, str]]:
        """(mapping, item) of every profile whose kept attributes were tampered with."""
        ledger, names = tables.ledger, tables.person_names
        found = []
        for row in connection.execute(select(ledger).where(ledger.c.kind == "person")):
            person = json.loads(row.item)[0]
            kept = select(names.c.value).where(
                names.c.kind == WRITTEN,
                names.c.person == person,
                names.c.digest == _digest(row.mapping, row.target),
            )
            attrs = connection.scalar(kept)
            if (
                attrs is not None
                and self.opened(row.mapping, row.target, row.item, row.attrs, {row.item: attrs}) is None
            ):
                found.append((row.mapping, row.item))
        return found


def _digest(mapping: str, target: str) -> str:
    return sha256(canonical([mapping, target]).encode()).hexdigest()
