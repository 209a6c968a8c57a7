"""Forgets a person: names, addresses, written profiles, and the words that others wrote about them.

Id and account pins stay, because without them what was given could not be taken back; and that
something happened stays on record, under the id.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from syncd.store import tables

if TYPE_CHECKING:
    from syncd.identity import Person
    from syncd.store.act_erasure import ActErasure
    from syncd.store.audit import Audit
    from syncd.store.database import Database
    from syncd.store.persons import Persons


class Erasure:
    """Everything that must go with a person's names."""

    def __init__(self, database: Database, persons: Persons, acts: ActErasure, audit: Audit) -> None:
        self._database = database
        self._persons = persons
        self._acts = acts
        self._audit = audit

    def erase(self, person: str) -> bool:
        """Forget a person, in one transaction; whether anything was known of them.

        Stored plans that name them can no longer be shown. A roster's last good copy that names them and
        every copy of a target are dropped: the next read makes new ones. Raises StoreError for a person
        who was tampered with.
        """
        with self._database.writing() as connection:
            known = self._persons.stripped(connection, person)
            names = _names(known) if known else frozenset()
            if not self._acts.erase(connection, person, names) and known is None:
                return False
            self._audit.erase_details(connection, person)
            mentions = tables.plans.c.document.contains(person, autoescape=True)
            connection.execute(tables.plans.update().where(mentions).values(document=None, stops=None))
            _drop_copies(connection, names)
            connection.execute(tables.readings.delete())
        return True


def _names(person: Person) -> frozenset[str]:
    return person.usernames | person.addresses | person.invited


def _drop_copies(connection: Connection, names: frozenset[str]) -> None:
    quoted = [json.dumps(name, ensure_ascii=False).casefold() for name in names]
    sources = tables.sources
    for row in connection.execute(select(sources.c.mapping, sources.c.name, sources.c.rows_json)).all():
        text = row.rows_json.casefold()
        if any(name in text for name in quoted):
            same = (sources.c.mapping == row.mapping) & (sources.c.name == row.name)
            connection.execute(sources.delete().where(same))
