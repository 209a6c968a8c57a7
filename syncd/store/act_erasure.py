"""Takes a person's names and addresses, and words about them, out of the records of acts.

The records stay under the person's id: what was given by an act could not be taken back otherwise. Their
versions rise, so that nobody who read them before writes the names back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from syncd.acts import Notice, Record
from syncd.store import tables
from syncd.store.act_rows import columns, person_of, record_from
from syncd.store.audit import Entry
from syncd.store.codec import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Row

    from syncd.store.audit import Audit
    from syncd.store.database import Database
    from syncd.store.integrity import Seal

PERSONAL = frozenset(
    {
        "who",
        "address",
        "to",
        "username",
        "given_name",
        "family_name",
        "attributes",
        "reason",
        "details",
        "values",
    }
)
"""Fields that may name somebody or speak of them; the others hold ids, times and states."""

_acts = tables.acts


class ActErasure:
    """Part of forgetting a person, in the caller's transaction."""

    def __init__(self, database: Database, seal: Seal, audit: Audit) -> None:
        self._database = database
        self._seal = seal
        self._audit = audit

    def erase(self, connection: Connection, person: str, names: Iterable[str]) -> bool:
        """Blank every record of a person, or that names them; whether there was any.

        A notice that was still to leave never does. A row whose seal does not hold stays broken, and
        loses all it says where it names them.
        """
        rows = connection.execute(select(_acts).order_by(_acts.c.kind, _acts.c.id).with_for_update()).all()
        sound = [(row, record_from(row)) for row in rows if self._seal.holds("acts", row)]
        marks = _marks(person, names, [record for _, record in sound])
        entries: defaultdict[str, list[Entry]] = defaultdict(list)
        for row, record in sound:
            blank = _blank(record, person)
            if blank != record and (person_of(record) == person or _names(record, marks)):
                self._rewrite(connection, row, replace(blank, version=record.version + 1))
                entries[row.mapping].append(Entry(f"{row.kind}.erased", person=person))
        for mapping in sorted(entries):
            self._audit.append(connection, mapping, entries[mapping])
        _empty_broken(connection, [row for row in rows if not self._seal.holds("acts", row)], marks)
        return bool(entries)

    def _rewrite(self, connection: Connection, row: Row[Any], record: Record) -> None:
        now = self._database.now(connection)
        values = {**columns(record), "created_at": row.created_at, "changed_at": now}
        same = (_acts.c.kind == row.kind, _acts.c.id == row.id)
        connection.execute(_acts.update().where(*same).values(self._seal.sealed("acts", values)))


def _marks(person: str, names: Iterable[str], records: Iterable[Record]) -> frozenset[str]:
    """By what a record without the person's id is known to be about them: names, addresses, ids of acts."""
    mine = [record for record in records if person_of(record) == person]
    said = {text for record in mine for name in ("who", "address") if (text := getattr(record, name, ""))}
    return frozenset(text.casefold() for text in {person, *names, *said, *(record.id for record in mine)})


def _names(record: Record, marks: frozenset[str]) -> bool:
    return any(text.casefold() in marks for text in _texts(record))


def _texts(record: Record) -> Iterator[str]:
    for name in _personal(record):
        value = getattr(record, name)
        for one in value.values() if isinstance(value, Mapping) else [value]:
            yield from one if isinstance(one, tuple) else [one]


def _personal(record: Record) -> list[str]:
    return [field.name for field in fields(record) if field.name in PERSONAL]


def _blank(record: Record, person: str) -> Record:
    """The record with the id in place of the names."""
    changes: dict[str, Any] = {
        name: {} if isinstance(getattr(record, name), Mapping) else "" for name in _personal(record)
    }
    if isinstance(record, Notice):
        changes |= {"state": "sent" if record.state == "sent" else "failed", "reason": "erased"}
    if getattr(record, "person", None) == "":
        changes["person"] = person
    return replace(record, **changes)


def _empty_broken(connection: Connection, rows: Iterable[Row[Any]], marks: frozenset[str]) -> None:
    quoted = [canonical(mark) for mark in marks]
    for row in rows:
        said = f"{row.person}{canonical(row.document)}".casefold()
        if any(text in said for text in quoted):
            same = (_acts.c.kind == row.kind, _acts.c.id == row.id)
            connection.execute(_acts.update().where(*same).values(document={}))
