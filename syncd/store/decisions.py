"""What people have allowed for good: policies in force, adoptions, and that a mapping has begun its work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, select

from syncd.store import tables
from syncd.store.audit import Entry
from syncd.store.codec import key_digest, key_from, key_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.model import Key
    from syncd.store.audit import Audit
    from syncd.store.database import Database
    from syncd.store.integrity import Seal


class Decisions:
    """Rows that loosen or begin something; each is sealed and on record."""

    def __init__(self, database: Database, seal: Seal, audit: Audit) -> None:
        self._database = database
        self._seal = seal
        self._audit = audit

    def accepted_policy(self, mapping: str) -> dict[str, Any] | None:
        """The policy in force, or None before the first one (and where its seal does not hold)."""
        query = select(tables.policies).where(tables.policies.c.mapping == mapping)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
            if row is None or not self._seal.holds("policies", row):
                return None
            document: dict[str, Any] = row.document
            return document

    def save_policy(self, mapping: str, document: Mapping[str, Any], approved_by: str) -> None:
        """Put a policy in force."""
        values = {"document": dict(document), "approved_by": approved_by}
        self._put(
            tables.policies,
            mapping,
            values,
            Entry("policy.accepted", actor=approved_by, detail=dict(document)),
        )

    def adoptions(self, mapping: str, target: str | None = None) -> frozenset[Key]:
        """What may be adopted although it was there before, in one target or in all."""
        query = select(tables.adoptions).where(tables.adoptions.c.mapping == mapping)
        if target is not None:
            query = query.where(tables.adoptions.c.target == target)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            return frozenset(key_from(row.key) for row in rows if self._seal.holds("adoptions", row))

    def approve_adoption(self, mapping: str, target: str, key: Key, who: str) -> None:
        """Allow one thing that exists already to become ours."""
        values = {"target": target, "key_digest": key_digest(key), "key": key_text(key), "who": who}
        self._put(tables.adoptions, mapping, values, Entry("adoption.approved", target, key, actor=who))

    def first_apply_done(self, mapping: str) -> bool:
        """Whether the first confirmed apply is over; a broken seal counts as yes, which is stricter."""
        query = select(tables.first_applies.c.run).where(tables.first_applies.c.mapping == mapping)
        with self._database.reading() as connection:
            return connection.scalar(query) is not None

    def mark_first_apply(self, mapping: str, run: str) -> None:
        """Write down the first confirmed apply; later ones change nothing."""
        if not self.first_apply_done(mapping):
            self._put(tables.first_applies, mapping, {"run": run}, Entry("mapping.first-applied", run=run))

    def _put(self, table: Table, mapping: str, values: Mapping[str, Any], record: Entry) -> None:
        moment = "applied_at" if table is tables.first_applies else "approved_at"
        with self._database.writing() as connection:
            row = {"mapping": mapping, **values, moment: self._database.now(connection)}
            self._database.upsert(connection, table, [self._seal.sealed(table.name, row)])
            self._audit.append(connection, mapping, [record])
