"""The numbers of POSIX groups: each is given once in the life of a store, whatever becomes of the group.

A number is kept for an anchor before its group is made, so that a plan that was reviewed and one that was
cut off name the same; once the ledger knows it, it is used and nobody's any more. Rows are never removed:
files on other machines belong to a number long after its group is gone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import select

from syncd.store import tables
from syncd.store.codec import canonical

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection

    from syncd.store.database import Database

Holder: TypeAlias = tuple[str, str, str]
"""Target, unit id and slot of the group for which a number is kept."""


class Numbers:
    """Every number that was ever given, and for whom those are kept that are not used yet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def given(self, mapping: str) -> tuple[frozenset[int], dict[Holder, int]]:
        """(all numbers of all mappings, those kept for groups of this one)."""
        numbers = tables.numbers
        kept: dict[Holder, int] = {}
        with self._database.reading() as connection:
            rows = connection.execute(select(numbers)).all()
        for row in rows:
            if row.holder is not None and row.mapping == mapping:
                target, unit, slot = json.loads(row.holder)
                kept[target, unit, slot] = row.number
        return frozenset(row.number for row in rows), kept

    def keep(self, mapping: str, wanted: Mapping[Holder, int]) -> None:
        """Keep free numbers for groups to be made; one that another run has taken meanwhile is not kept."""
        rows = [
            {"number": number, "mapping": mapping, "holder": canonical(holder)}
            for holder, number in wanted.items()
        ]
        with self._database.writing() as connection:
            self._database.insert_missing(connection, tables.numbers, rows)

    def use(self, mapping: str, found: Collection[int]) -> None:
        """Note numbers that groups have: they are kept for nobody from now on."""
        rows = [{"number": number, "mapping": mapping, "holder": None} for number in sorted(found)]
        with self._database.writing() as connection:
            self._database.upsert(connection, tables.numbers, rows)

    @staticmethod
    def rename(connection: Connection, old: str, new: str) -> None:
        """What is kept for a mapping is kept under its new name."""
        mine = tables.numbers.c.mapping == old
        connection.execute(tables.numbers.update().where(mine).values(mapping=new))
