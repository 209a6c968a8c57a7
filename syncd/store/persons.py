"""Who is who: random ids with everything known of a person pinned to them.

Names and addresses stand in one table, so that a person can be forgotten without touching what their
id did. Each person is sealed as a whole: an address slipped in under somebody's id would give them
what the files give to that address.
"""

from __future__ import annotations

import json
from collections import defaultdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection, bindparam, select

from syncd.errors import StoreError
from syncd.identity import Person
from syncd.store import tables
from syncd.store.codec import canonical
from syncd.store.integrity import IntegrityProblem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.store.database import Database
    from syncd.store.integrity import Seal

_KINDS = ("username", "address", "invited")
WRITTEN = "written"  # attributes of a profile, see `person_attrs`
Names: TypeAlias = set[tuple[str, str]]  # (kind, value)


class Persons:
    """Everybody syncd has met."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    def all(self) -> list[Person]:
        """Every person; those whose seal does not hold are left out (and `save` refuses to replace them)."""
        with self._database.reading() as connection:
            return [person for person, mac in self._stored(connection) if self._holds(person, mac)]

    def save(self, persons: Iterable[Person]) -> None:
        """Write what is new or changed, in one transaction.

        Raises StoreError where two persons would have one account, or a stored person was tampered with.
        """
        wanted = {person.id: person for person in persons}
        with self._database.writing() as connection:
            stored = {person.id: (person, mac) for person, mac in self._stored(connection)}
            changed = [p for p in wanted.values() if p.id not in stored or stored[p.id][0] != p]
            self._refuse_broken([stored[p.id] for p in changed if p.id in stored])
            self._refuse_shared({p.id: p for p, _ in stored.values()} | wanted)
            self._replace(connection, changed)

    def stripped(self, connection: Connection, person: str) -> Person | None:
        """Delete all names of a person and what was written into their profiles; who they were, if known."""
        known = {p.id: (p, mac) for p, mac in self._stored(connection)}
        if person not in known:
            return None
        self._refuse_broken([known[person]])
        before = known[person][0]
        names = tables.person_names
        connection.execute(names.delete().where(names.c.person == person))
        self._replace(connection, [Person(person, before.pins)])
        return before

    def broken(self, connection: Connection) -> list[IntegrityProblem]:
        """Every person whose seal does not hold."""
        return [
            IntegrityProblem("persons", "", person.id)
            for person, mac in self._stored(connection)
            if not self._holds(person, mac)
        ]

    def _stored(self, connection: Connection) -> list[tuple[Person, str]]:
        pins: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for person, target, native in connection.execute(select(tables.person_pins)):
            pins[person][target] = json.loads(native)
        names: defaultdict[str, dict[str, set[str]]] = defaultdict(lambda: {kind: set() for kind in _KINDS})
        columns = tables.person_names.c
        kept = select(columns.person, columns.kind, columns.value).where(columns.kind.in_(_KINDS))
        for person, kind, value in connection.execute(kept):
            names[person][kind].add(json.loads(value))
        found = []
        for id_, mac in connection.execute(select(tables.persons).order_by(tables.persons.c.id)):
            known = names[id_]
            usernames, addresses, invited = (frozenset(known[kind]) for kind in _KINDS)
            found.append((Person(id_, pins[id_], usernames, addresses, invited), mac))
        return found

    def _replace(self, connection: Connection, persons: list[Person]) -> None:
        if not persons:
            return
        ids = [{"gone": person.id} for person in persons]
        names, pins = tables.person_names, tables.person_pins
        mine = (names.c.person == bindparam("gone")) & (names.c.kind != WRITTEN)
        connection.execute(names.delete().where(mine), ids)
        connection.execute(pins.delete().where(pins.c.person == bindparam("gone")), ids)
        rows = [{"id": person.id, "mac": _mac(self._seal, person)} for person in persons]
        self._database.upsert(connection, tables.persons, rows)
        _insert(connection, names, [row for person in persons for row in _name_rows(person)])
        _insert(connection, pins, [row for person in persons for row in _pin_rows(person)])

    def _holds(self, person: Person, mac: str) -> bool:
        return mac == _mac(self._seal, person)

    def _refuse_broken(self, stored: list[tuple[Person, str]]) -> None:
        for person, mac in stored:
            if not self._holds(person, mac):
                raise StoreError(
                    f"person {person.id} was changed in the database by something other than syncd",
                    "see `syncd audit verify`; restore a backup, and find out who can write to the store",
                )

    def _refuse_shared(self, persons: dict[str, Person]) -> None:
        holders: dict[tuple[str, str], str] = {}
        for person in persons.values():
            for pin in person.pins.items():
                other = holders.setdefault(pin, person.id)
                if other != person.id:
                    raise StoreError(
                        f"account {pin[1]} of {pin[0]} would belong to two persons, {other} and {person.id}",
                        "see `syncd audit verify`; a tampered or restored store is the usual reason",
                    )


def blank_person(seal: Seal, person: str) -> dict[str, str]:
    """The row of a person of whom nothing but the id is known."""
    return {"id": person, "mac": _mac(seal, Person(person))}


def _mac(seal: Seal, person: Person) -> str:
    names = [sorted(values) for values in (person.usernames, person.addresses, person.invited)]
    return seal.mac("persons", [person.id, dict(person.pins), *names])


def _names(person: Person) -> Names:
    values = (person.usernames, person.addresses, person.invited)
    return {(kind, value) for kind, known in zip(_KINDS, values, strict=True) for value in known}


def _name_rows(person: Person) -> list[dict[str, Any]]:
    return [
        {
            "person": person.id,
            "kind": kind,
            "digest": sha256(canonical(value).encode()).hexdigest(),
            "scope": "",
            "value": canonical(value),
        }
        for kind, value in sorted(_names(person))
    ]


def _pin_rows(person: Person) -> list[dict[str, Any]]:
    return [
        {"person": person.id, "target": target, "native": canonical(native)}
        for target, native in person.pins.items()
    ]


def _insert(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)
