"""What is ours: the authority on which facts syncd made or adopted, and what it last wrote there.

Claim before create, release after delete. Whatever the moment of a crash, what syncd made is in
here; losing the ledger makes syncd harmless, because what is not in it is foreign.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, or_, select

from syncd.model import ACCESS, CONTAINERS, Key, Kind, Op, Owned, Result
from syncd.store import bookkeeping, tables
from syncd.store.audit import Entry as Record
from syncd.store.bookkeeping import Entry
from syncd.store.codec import (
    attrs_from,
    attrs_text,
    canonical,
    key_columns,
    origin_from,
    origin_text,
    row_digest,
)
from syncd.store.database import batched
from syncd.store.integrity import sealed_columns
from syncd.store.person_attrs import PersonAttrs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement

    from syncd.model import Change, Outcome, Path
    from syncd.store.audit import Audit
    from syncd.store.database import Database
    from syncd.store.integrity import Seal
    from syncd.store.leases import Leases

_PERSON = Kind.PERSON.value
_KINDS = {kind.value: kind for kind in Kind}  # faster than Kind(…) for many rows


class Ledger:
    """The ledger rows of every mapping and target."""

    def __init__(self, database: Database, seal: Seal, audit: Audit, leases: Leases) -> None:
        self._database = database
        self._seal = seal
        self._audit = audit
        self._leases = leases
        self._person_attrs = PersonAttrs(database, seal)

    def owned(self, mapping: str, target: str, kind: Kind | None = None) -> list[Owned]:
        """Every fact, or those of a kind, that is ours in a target; without rows whose seal does not hold."""
        which = None if kind is None else tables.ledger.c.kind == kind.value
        with self._database.reading() as connection:
            return [owned for owned, _ in self._rows(connection, mapping, target, which=which)]

    def holders(self, natives: Collection[str]) -> set[str]:
        """The mappings that hold something by one of these ids, or anything of whom such an account is.

        Good for telling whom to look at, no more: no seal is checked.
        """
        ledger, pins = tables.ledger.c, tables.person_pins.c
        found: set[str] = set()
        with self._database.reading() as connection:
            for chunk in batched(sorted(map(canonical, natives))):
                people = list(connection.scalars(select(pins.person).where(pins.native.in_(chunk))))
                items = [canonical([person]) for person in people]
                ours = select(ledger.mapping).where(or_(ledger.native.in_(chunk), ledger.item.in_(items)))
                found.update(connection.scalars(ours.distinct()))
        return found

    def owned_below(self, mapping: str, target: str, tops: Iterable[Path]) -> list[Owned]:
        """Those at or below one of these places, of whatever kind."""
        column = tables.ledger.c.place
        begins = [canonical(top)[:-1] for top in tops]  # what follows is a comma or the bracket
        within = or_(False, *(func.substr(column, 1, len(begin)) == begin for begin in begins))
        with self._database.reading() as connection:
            return [owned for owned, _ in self._rows(connection, mapping, target, which=within)]

    def containers(self, mapping: str, target: str) -> list[Owned]:
        """The groups, units and organizations among them."""
        kinds = tables.ledger.c.kind.in_([kind.value for kind in CONTAINERS])
        with self._database.reading() as connection:
            return [owned for owned, _ in self._rows(connection, mapping, target, which=kinds)]

    def claim(self, mapping: str, target: str, run: str, changes: Sequence[Change]) -> None:
        """Write down, in one transaction, what is about to be created or adopted.

        Raises Busy if another run has taken over the lease; then nothing may be written.
        """
        with self._database.writing() as connection:
            if busy := self._leases.fence(connection, mapping, run):
                raise busy
            known = self._some(connection, mapping, target, {change.key for change in changes})
            self._write(connection, mapping, target, bookkeeping.claims(changes, known, run))

    def record(self, mapping: str, target: str, run: str, outcomes: Sequence[Outcome]) -> None:
        """Write down how one wave ended, in one transaction: ledger and audit together.

        Raises Busy if another run has taken over the lease: what happened is on record all the same,
        and the ledger is left to the run that holds the lease now.
        """
        with self._database.writing() as connection:
            busy = self._leases.fence(connection, mapping, run)
            if busy is None:
                known = self._named_by(connection, mapping, target, outcomes)
                self._write(connection, mapping, target, bookkeeping.after(outcomes, known, run))
            today = self._database.now(connection).date().isoformat()
            self._audit.append(connection, mapping, [_record(target, run, one, today) for one in outcomes])
        if busy is not None:
            raise busy

    def rebuild(self, mapping: str, target: str, rows: Iterable[Owned]) -> int:
        """Take up again what native markers say is ours, after a loss; how many rows were new."""
        found = {row.key: Entry(row, "rebuild") for row in rows}
        with self._database.writing() as connection:
            known = self._some(connection, mapping, target, set(found))
            new: bookkeeping.Edits = {key: entry for key, entry in found.items() if key not in known}
            self._write(connection, mapping, target, new)
            record = Record("ledger.rebuilt", target, detail={"rows": len(new)})
            self._audit.append(connection, mapping, [record])
        return len(new)

    def rename(self, connection: Connection, old: str, new: str) -> None:
        """Give every row of a mapping its new name and seal; broken rows stay behind under the old one."""
        targets = select(tables.ledger.c.target).where(tables.ledger.c.mapping == old).distinct()
        for target in list(connection.scalars(targets)):
            entries = self._entries(connection, old, target)
            self._write(connection, old, target, {entry.owned.key: None for entry in entries})
            self._write(connection, new, target, {entry.owned.key: entry for entry in entries})

    def _named_by(
        self, connection: Connection, mapping: str, target: str, outcomes: Sequence[Outcome]
    ) -> dict[Key, Entry]:
        if bookkeeping.moves(outcomes):
            return {entry.owned.key: entry for entry in self._entries(connection, mapping, target)}
        return self._some(connection, mapping, target, {outcome.change.key for outcome in outcomes})

    def _some(self, connection: Connection, mapping: str, target: str, keys: set[Key]) -> dict[Key, Entry]:
        found: dict[Key, Entry] = {}
        for chunk in batched(sorted(keys)):
            entries = self._entries(connection, mapping, target, chunk)
            found.update((entry.owned.key, entry) for entry in entries)
        return found

    def _entries(
        self, connection: Connection, mapping: str, target: str, among: Sequence[Key] | None = None
    ) -> list[Entry]:
        return [Entry(*found) for found in self._rows(connection, mapping, target, among)]

    def _rows(
        self,
        connection: Connection,
        mapping: str,
        target: str,
        among: Sequence[Key] | None = None,
        which: ColumnElement[bool] | None = None,
    ) -> Iterator[tuple[Owned, str]]:
        """(row, run) of all rows, of some keys, or of those for which a condition holds, whose seal holds.

        Columns are taken by position: there are many rows. A few are named by their digest alone, or
        PostgreSQL, while it has no statistics, reads the whole mapping for them.
        """
        ledger = tables.ledger
        query = select(*sealed_columns(ledger), ledger.c.run, ledger.c.mac)
        if among is None:
            query = query.where(ledger.c.mapping == mapping, ledger.c.target == target)
            query = query if which is None else query.where(which)
        else:
            query = query.where(ledger.c.digest.in_([row_digest(mapping, target, key) for key in among]))
        people = _people(among or ()) if among is not None or which is not None else None
        written = self._person_attrs.of(connection, mapping, target, people)
        for *values, run, mac in connection.execute(query):
            if self._seal.matches(mac, "ledger", values):
                owned = self._decoded(values, written)
                if owned is not None:
                    yield owned, run

    def _decoded(self, values: Sequence[Any], written: Mapping[str, str]) -> Owned | None:
        """The row, or None where it is a profile whose attributes were tampered with."""
        mapping, target, kind, place, item, native, attrs, origin, adopted, claimed = values
        if kind == _PERSON:
            attrs = self._person_attrs.opened(mapping, target, item, attrs, written)
            if attrs is None:
                return None
        parts = json.loads(f"[{place},{item},{native},{attrs},{origin}]")
        key = Key(_KINDS[kind], tuple(parts[0]), tuple(parts[1]))
        return Owned(key, parts[2], attrs_from(parts[3]), origin_from(parts[4]), adopted, claimed)

    def _write(self, connection: Connection, mapping: str, target: str, edits: bookkeeping.Edits) -> None:
        """Replace rows; also those that `_entries` left out because their seal does not hold."""
        if not edits:
            return
        self._delete(connection, mapping, target, edits)
        kept = [entry for entry in edits.values() if entry is not None]
        profiles = [entry.owned for entry in kept if entry.owned.key.kind is Kind.PERSON]
        self._person_attrs.put(connection, mapping, target, profiles)
        if kept:
            connection.execute(tables.ledger.insert(), [self._row(mapping, target, entry) for entry in kept])

    def _delete(self, connection: Connection, mapping: str, target: str, keys: Iterable[Key]) -> None:
        ledger, gone = tables.ledger, list(keys)
        for chunk in batched(gone):
            digests = [row_digest(mapping, target, key) for key in chunk]
            connection.execute(ledger.delete().where(ledger.c.digest.in_(digests)))
        self._person_attrs.remove(connection, mapping, target, _people(gone))

    def _row(self, mapping: str, target: str, entry: Entry) -> dict[str, Any]:
        owned = entry.owned
        attrs = attrs_text(owned.attrs)
        row = {
            "digest": row_digest(mapping, target, owned.key),
            "mapping": mapping,
            "target": target,
            **key_columns(owned.key),
            "native": canonical(owned.native),
            "attrs": self._sealed_attrs(mapping, target, owned, attrs),
            "origin": origin_text(owned.origin),
            "adopted": owned.adopted,
            "claimed": owned.claimed,
            "run": entry.run,
        }
        return self._seal.sealed("ledger", row)

    def _sealed_attrs(self, mapping: str, target: str, owned: Owned, attrs: str) -> str:
        if owned.key.kind is not Kind.PERSON:
            return attrs
        return self._person_attrs.seal_of(mapping, target, canonical(owned.key.item), attrs)


def _people(keys: Iterable[Key]) -> list[str]:
    return [key.item[0] for key in keys if key.kind is Kind.PERSON]


def _record(target: str, run: str, outcome: Outcome, today: str) -> Record:
    change = outcome.change
    return Record(
        event=change.op.value,
        target=target,
        key=change.key,
        result=outcome.result.value,
        run=run,
        person=_person(change),
        counted=change.origin.counted if _takes_access_away(outcome, today) else None,
        detail=_detail(outcome),
    )


def _person(change: Change) -> str:
    """Whom a change is about; the store may be asked to forget what was said of them."""
    kind = change.key.kind
    if kind in (Kind.PERSON, Kind.MEMBER, Kind.ORG_MEMBER) and change.key.item and not change.key.nests:
        return change.key.item[0]
    return change.origin.person


def _takes_access_away(outcome: Outcome, today: str) -> bool:
    """Whether the outcome counts towards the daily limit of removals; announced ends do not."""
    change = outcome.change
    gone = outcome.result in (Result.DONE, Result.UNKNOWN)
    announced = bool(change.origin.until) and change.origin.until < today
    return (
        change.op is Op.DELETE
        and change.key.kind in ACCESS
        and gone
        and not announced
        and bool(_person(change))
    )


def _detail(outcome: Outcome) -> dict[str, Any]:
    """Why, what was there before and what came after; of a person's profile only which attributes."""
    change = outcome.change
    said: dict[str, Any] = {
        "message": outcome.detail,
        "source": change.origin.source,
        "rule": change.origin.rule,
    }
    if change.origin.place is not None:
        said["place"] = str(change.origin.place)
    if change.old is not None:
        said["old"] = [change.old.kind.value, change.old.place, change.old.item]
    if change.key.kind is Kind.PERSON:
        said["attributes"] = sorted(change.attrs.keys() | change.clear)
    elif change.attrs or change.before:
        said |= {"before": dict(change.before), "after": dict(change.attrs), "cleared": sorted(change.clear)}
    return {name: value for name, value in said.items() if value not in ("", [], {})}
