"""A mapping with a new id (`formerly`) keeps all it owns; its history keeps the name of its day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, or_, select, update

from syncd.errors import StoreError
from syncd.store import tables
from syncd.store.audit import Entry
from syncd.store.leases import any_lease
from syncd.store.numbers import Numbers
from syncd.store.parts import is_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from syncd.store.audit import Audit
    from syncd.store.database import Database
    from syncd.store.integrity import Seal
    from syncd.store.ledger import Ledger

_SEALED = (tables.adoptions, tables.policies, tables.first_applies, tables.sources, tables.acts)
_HOLDINGS = (tables.ledger, *_SEALED)


class Renames:
    """Moves a mapping's rows to its new name."""

    def __init__(self, database: Database, seal: Seal, audit: Audit, ledger: Ledger) -> None:
        self._database = database
        self._seal = seal
        self._audit = audit
        self._ledger = ledger

    def rename(self, old: str, new: str) -> bool:
        """Move everything to the new name, whole or not at all; whether there was anything to move.

        Raises StoreError where the old name is being worked on or the new one owns things already.
        """
        with self._database.writing() as connection:
            if not any(_has_rows(connection, table, old) for table in _HOLDINGS):
                return False
            self._refuse(connection, old, new)
            self._ledger.rename(connection, old, new)
            for table in _SEALED:
                self._move(connection, table, old, new)
            self._move_plans(connection, old, new)
            Numbers.rename(connection, old, new)
            kept = tables.readings.c.mapping
            connection.execute(tables.readings.delete().where(or_(kept == old, is_of(kept, old))))
            former = {"mapping": new}
            connection.execute(
                tables.former_names.update().where(tables.former_names.c.mapping == old).values(former)
            )
            self._database.insert_missing(connection, tables.former_names, [{**former, "former": old}])
            self._audit.append(connection, new, [Entry("mapping.renamed", detail={"formerly": old})])
        return True

    def _refuse(self, connection: Connection, old: str, new: str) -> None:
        if lease := any_lease(connection, old, self._database.now(connection)):
            raise StoreError(
                f"{old} cannot become {new} while {lease.holder} works on it", "wait until that run has ended"
            )
        if any(_has_rows(connection, table, new) for table in (tables.ledger, tables.first_applies)):
            raise StoreError(
                f"{old} cannot become {new}: {new} is a mapping that owns things of its own",
                f"give the new mapping another id, or take {old} out of its `formerly`",
            )

    def _move(self, connection: Connection, table: Table, old: str, new: str) -> None:
        """Broken rows stay behind: a new seal would make them good."""
        mine = table.c.mapping == old
        rows = [
            row for row in connection.execute(select(table).where(mine)) if self._seal.holds(table.name, row)
        ]
        for row in rows:
            values = dict(row._mapping)  # noqa: SLF001  public in SQLAlchemy in spite of its name
            sealed = self._seal.sealed(table.name, {**values, "mapping": new})
            same = [column == values[column.name] for column in table.primary_key]
            connection.execute(update(table).where(*same).values(sealed))

    def _move_plans(self, connection: Connection, old: str, new: str) -> None:
        """An approval was given to a plan of the old name; the renamed plan is another one."""
        approvals = tables.approvals
        connection.execute(approvals.delete().where(approvals.c.mapping == old))
        for table in (tables.plans, tables.runs):
            connection.execute(update(table).where(table.c.mapping == old).values(mapping=new))


def _has_rows(connection: Connection, table: Table, mapping: str) -> bool:
    query: Any = select(table.c.mapping).where(table.c.mapping == mapping).limit(1)
    return connection.scalar(query) is not None
