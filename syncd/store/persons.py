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

from sqlalchemy import Connection, bindparam, select, true

from syncd.errors import Stale, StoreError
from syncd.identity import Person
from syncd.store import tables
from syncd.store.codec import canonical
from syncd.store.database import batched
from syncd.store.integrity import IntegrityProblem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from syncd.store.database import Database
    from syncd.store.integrity import Seal

_KINDS = ("username", "address", "invited")
_NAMING = ("username", "address")  # an address that syncd wrote to names nobody yet
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

    def among(
        self,
        ids: Iterable[str] = (),
        names: Iterable[str] = (),
        accounts: Mapping[str, Iterable[str]] | None = None,
    ) -> list[Person]:
        """As `all`, but only those with one of these ids, usernames or addresses (folded), or accounts.

        `accounts` are native ids by target. There may be a thousand times as many persons as a run needs.
        """
        with self._database.reading() as connection:
            found = {*ids, *self._named(connection, names)}
            for target, natives in (accounts or {}).items():
                found.update(self._holders(connection, target, natives).values())
            stored = self._stored(connection, found)
            return [person for person, mac in stored if self._holds(person, mac)]

    def save(
        self, persons: Iterable[Person], names: Collection[str] = (), known: Collection[Person] = ()
    ) -> None:
        """Write what is new or changed, in one transaction.

        `known` are persons as they were read: of these only the difference is written, beside what others
        wrote meanwhile. Anybody else is replaced. `names` are those (folded) by which a run asked who is
        known: raises Stale where it met somebody for the first time whom another run has met since.
        Raises StoreError where two persons would have one account, or a stored person was tampered with.
        """
        wanted = {person.id: person for person in persons}
        if not wanted:
            return
        before = {person.id: person for person in known}
        with self._database.writing() as connection:
            self._database.write_alone(connection, tables.persons)
            if names and not wanted.keys() <= before.keys():
                self._refuse_twins(connection, wanted, names, before.keys())
            stored = {person.id: (person, mac) for person, mac in self._stored(connection, wanted)}
            both = stored.keys() & before.keys()
            merged = {
                id_: _merged(stored[id_][0], before[id_], person) if id_ in both else person
                for id_, person in wanted.items()
            }
            changed = [p for p in merged.values() if p.id not in stored or stored[p.id][0] != p]
            self._refuse_broken([stored[p.id] for p in changed if p.id in stored])
            self._refuse_shared(connection, merged)
            self._replace(connection, changed)

    def _refuse_twins(
        self,
        connection: Connection,
        wanted: Mapping[str, Person],
        names: Collection[str],
        known: Collection[str],
    ) -> None:
        """Raise Stale where one of the new persons was stored meanwhile."""
        new = [person for person in wanted.values() if person.id not in known]
        asked = set(names) & {name for one in new for name in (*one.usernames, *one.addresses)}
        found = self._named(connection, asked) - wanted.keys() - set(known)
        if any(self._holds(person, mac) for person, mac in self._stored(connection, found)):
            raise Stale("somebody was met for the first time by two runs at once", "run it again")

    def stripped(self, connection: Connection, person: str) -> Person | None:
        """Delete all names of a person and what was written into their profiles; who they were, if known."""
        self._database.write_alone(connection, tables.persons)
        known = {p.id: (p, mac) for p, mac in self._stored(connection, [person])}
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

    def _stored(self, connection: Connection, among: Iterable[str] | None = None) -> list[tuple[Person, str]]:
        """Everybody, or those with one of these ids, in the order of their ids."""
        if among is None:
            return list(_read(connection, None))
        return [found for lot in batched(sorted(among)) for found in _read(connection, lot)]

    @staticmethod
    def _named(connection: Connection, names: Iterable[str]) -> set[str]:
        """The ids of those with one of these usernames or addresses."""
        columns, found = tables.person_names.c, set[str]()
        for lot in batched([_digest(name) for name in names]):
            named = columns.digest.in_(lot) & columns.kind.in_(_NAMING)
            found.update(connection.scalars(select(columns.person).where(named)))
        return found

    @staticmethod
    def _holders(connection: Connection, target: str, natives: Iterable[str]) -> dict[str, str]:
        """Whose these accounts of a target are, by native id."""
        columns, found = tables.person_pins.c, {}
        for lot in batched([canonical(native) for native in natives]):
            pinned = (columns.target == target) & columns.native.in_(lot)
            rows = connection.execute(select(columns.native, columns.person).where(pinned))
            found.update({json.loads(native): person for native, person in rows})
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

    def _refuse_shared(self, connection: Connection, persons: dict[str, Person]) -> None:
        """Raise StoreError where two of these, or one of these and somebody else, would have one account."""
        pinned: defaultdict[str, list[str]] = defaultdict(list)
        for target, native in (pin for person in persons.values() for pin in person.pins.items()):
            pinned[target].append(native)
        holders = {
            (target, native): person
            for target, natives in pinned.items()
            for native, person in self._holders(connection, target, natives).items()
            if person not in persons
        }
        for person in persons.values():
            for pin in person.pins.items():
                other = holders.setdefault(pin, person.id)
                if other != person.id:
                    raise StoreError(
                        f"account {pin[1]} of {pin[0]} would belong to two persons, {other} and {person.id}",
                        "see `syncd audit verify`; a tampered or restored store is the usual reason",
                    )


def _read(connection: Connection, among: Sequence[str] | None) -> Iterator[tuple[Person, str]]:
    pinned, named, stored = tables.person_pins, tables.person_names, tables.persons

    def of(column: Any) -> Any:
        return true() if among is None else column.in_(among)

    pins: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for person, target, native in connection.execute(select(pinned).where(of(pinned.c.person))):
        pins[person][target] = json.loads(native)
    names: defaultdict[str, dict[str, set[str]]] = defaultdict(lambda: {kind: set() for kind in _KINDS})
    kept = select(named.c.person, named.c.kind, named.c.value)
    for person, kind, value in connection.execute(kept.where(of(named.c.person) & named.c.kind.in_(_KINDS))):
        names[person][kind].add(json.loads(value))
    rows = select(stored).where(of(stored.c.id)).order_by(stored.c.id)
    for id_, mac in connection.execute(rows):
        known = names[id_]
        usernames, addresses, invited = (frozenset(known[kind]) for kind in _KINDS)
        yield Person(id_, pins[id_], usernames, addresses, invited), mac


def _merged(stored: Person, before: Person, wanted: Person) -> Person:
    """What is stored by now, with what is different in `wanted` from what was read before."""
    pins = dict(stored.pins)
    for target in before.pins.keys() | wanted.pins.keys():
        if before.pins.get(target) == wanted.pins.get(target):
            continue
        if target in wanted.pins:
            pins[target] = wanted.pins[target]
        else:
            pins.pop(target, None)

    def names(now: frozenset[str], then: frozenset[str], new: frozenset[str]) -> frozenset[str]:
        return (now | (new - then)) - (then - new)

    return Person(
        stored.id,
        pins,
        names(stored.usernames, before.usernames, wanted.usernames),
        names(stored.addresses, before.addresses, wanted.addresses),
        names(stored.invited, before.invited, wanted.invited),
    )


def _digest(name: str) -> str:
    return sha256(canonical(name).encode()).hexdigest()


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
            "digest": _digest(value),
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
