"""What people did and what has come of it: records written only over the version they were decided on.

A record grants something, so its row is sealed: one that was tampered with is not given out, and not
written over either. Every change is on record in the audit trail, without names: an address stands in
the record only, where erasing the person finds it.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar, overload

from sqlalchemy import Connection, func, select

from syncd.acts import Link, Record, Redemption, Transfer
from syncd.errors import Stale, StoreError
from syncd.store import tables
from syncd.store.act_rows import columns, kind_of, person_of, record_from, state_of, unit_of
from syncd.store.audit import Entry, names_of
from syncd.store.codec import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Row, Select

    from syncd.acts import Call, Invitation, Notice
    from syncd.store.audit import Audit
    from syncd.store.database import Database
    from syncd.store.integrity import Seal

R = TypeVar("R", bound=Record)

_acts = tables.acts


class Acts:
    """Grants, invitations, links, joining, transfers, locks, and the notices that go with them.

    A kind is a class of `syncd.acts` or its name in `RECORDS`. `by` is whose act a change is, where
    that is somebody else than the record's own `by`; the audit trail names them.
    """

    def __init__(self, database: Database, seal: Seal, audit: Audit, call: Call | None = None) -> None:
        """`call` is kept with whatever is written first."""
        self._database = database
        self._seal = seal
        self._audit = audit
        self._calls = [] if call is None else [call]

    def add(self, record: R, by: str = "") -> R:
        """Keep a new record; it comes back as version 1. Raises Stale where its id is taken."""
        with self._database.writing() as connection:
            (kept,) = self._write(connection, [replace(record, version=0)], by)
        return kept

    def save(self, record: R, by: str = "") -> R:
        """Write over the version that `record` carries; it comes back with the next one.

        Raises Stale where the stored version is another one, or the record is gone.
        """
        if record.version == 0:
            raise Stale(*_never_stored(record))
        with self._database.writing() as connection:
            (kept,) = self._write(connection, [record], by)
        return kept

    def change(
        self, *records: Record, notices: Iterable[Notice] = (), gone: Iterable[Record] = (), by: str = ""
    ) -> tuple[Record, ...]:
        """Write several records and delete those `gone`, all in one transaction or none.

        Records of version 0 are new. They come back in their order with their next versions; notices,
        which are only ever new, do not. Raises Stale as `add` and `save` do.
        """
        with self._database.writing() as connection:
            kept = self._write(connection, [*records, *notices], by, gone)
        return tuple(kept[: len(records)])

    def enter(self, connection: Connection, notices: Iterable[Notice]) -> None:
        """Keep new notices in the caller's transaction."""
        self._write(connection, [*notices])

    def calling(self, call: Call) -> Acts:
        """The same records; whatever is written first keeps the call along with it, in one transaction."""
        return Acts(self._database, self._seal, self._audit, call)

    @overload
    def get(self, kind: type[R], id_: str) -> R | None: ...
    @overload
    def get(self, kind: str, id_: str) -> Record | None: ...
    def get(self, kind: str | type[Record], id_: str) -> Record | None:
        """The record of that id, None where there is none (or its seal does not hold)."""
        if not (id_.isascii() and id_.isprintable()):  # PostgreSQL would refuse to look for some of these
            return None
        found = self._found(_of(kind).where(_acts.c.id == id_))
        return found[0] if found else None

    @overload
    def all(
        self,
        kind: type[R],
        mapping: str | None,
        *,
        state: str | None = ...,
        person: str | None = ...,
        unit: str | None = ...,
    ) -> list[R]: ...
    @overload
    def all(
        self,
        kind: str,
        mapping: str | None,
        *,
        state: str | None = ...,
        person: str | None = ...,
        unit: str | None = ...,
    ) -> list[Record]: ...
    def all(
        self,
        kind: str | type[Record],
        mapping: str | None,
        *,
        state: str | None = None,
        person: str | None = None,
        unit: str | None = None,
    ) -> list[Any]:
        """The records of a mapping (None: of every one), oldest first.

        Grants are `waiting` or `given`, links `open` or `revoked`; a transfer is its owner's.
        """
        query = _of(kind).order_by(_acts.c.created_at, _acts.c.id)
        if mapping is not None:
            query = query.where(_acts.c.mapping == mapping)
        if state is not None:
            query = query.where(_acts.c.state == state)
        if person is not None:
            query = query.where(_acts.c.person == canonical(person))
        if unit is not None:
            query = query.where(_acts.c.unit == canonical(unit))
        return self._found(query)

    def find_link(self, token_hash: str) -> Link | None:
        """The link with a token of this SHA-256, revoked and expired ones too."""
        return self._by_token(Link, token_hash)

    def find_transfer(self, token_hash: str) -> Transfer | None:
        """The transfer with a token of this SHA-256, in whatever state."""
        return self._by_token(Transfer, token_hash)

    def find_redemption(self, token_hash: str) -> Redemption | None:
        """The redemption to be confirmed with a token of this SHA-256, in whatever state."""
        return self._by_token(Redemption, token_hash)

    def redeem(self, link_id: str, redemption: Redemption, now: datetime) -> bool:
        """Count one use of a link and record the redemption, both or neither; whether the link allowed it.

        It does not when it is unknown, revoked, expired at `now` or used up. Of several at once, each
        sees the uses of those before. Raises Stale where the redemption's id is taken.
        """
        with self._database.writing() as connection:
            row = connection.execute(_locked("link", link_id)).one_or_none()
            link = record_from(row) if row is not None and self._seal.holds("acts", row) else None
            if not isinstance(link, Link) or not _usable(link, now):
                return False
            recorded = replace(redemption, link=link.id, mapping=link.mapping, version=0)
            self._write(connection, [replace(link, uses=link.uses + 1), recorded])
        return True

    def note_send(self, invitation: Invitation, now: datetime) -> None:
        """Count a mail against the limits: before it leaves, so that a crash counts one too many."""
        row = {
            "id": f"s_{secrets.token_hex(8)}",
            "mapping": invitation.mapping,
            "invitation": invitation.id,
            "person": canonical(invitation.person),
            "unit": canonical(invitation.unit),
            "kind": invitation.kind,
            "at": now,
        }
        with self._database.writing() as connection:
            connection.execute(tables.sends.insert(), row)

    def mails_since(
        self, mapping: str, when: datetime, *, person: str | None = None, unit: str | None = None
    ) -> int:
        """How many mails were counted since then; of a mapping under its former names too."""
        sends = tables.sends.c
        query = select(func.count()).select_from(tables.sends).where(sends.at >= when)
        if person is not None:
            query = query.where(sends.person == canonical(person))
        if unit is not None:
            query = query.where(sends.unit == canonical(unit))
        with self._database.reading() as connection:
            query = query.where(sends.mapping.in_(names_of(connection, mapping)))
            return connection.scalar(query) or 0

    def _found(self, query: Select[Any]) -> list[Record]:
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [record_from(row) for row in rows if self._seal.holds("acts", row)]

    def _by_token(self, kind: type[R], token_hash: str) -> R | None:
        found = self._found(_of(kind).where(_acts.c.token == token_hash)) if token_hash else []
        return next((record for record in found if isinstance(record, kind)), None)

    def _write(
        self, connection: Connection, records: Sequence[R], by: str = "", gone: Iterable[Record] = ()
    ) -> list[R]:
        """Write and put on record; in the order of ids, so that two writers never wait in a ring."""
        now = self._database.now(connection)
        kept = [replace(record, version=record.version + 1) for record in records]
        steps: list[tuple[Record, Record | None]] = [*zip(records, kept, strict=True)]
        steps += [(call, replace(call, version=1)) for call in self._calls]
        steps += [(record, None) for record in gone]
        for before, after in sorted(steps, key=lambda step: (kind_of(type(step[0])), step[0].id)):
            if after is None:
                self._delete(connection, before)
            elif before.version == 0:
                self._insert(connection, after, now)
            else:
                self._replace(connection, before, after, now)
        entries = sorted(
            ((record.mapping, _entry(record, by, removed=after is None)) for record, after in steps),
            key=lambda entry: entry[0],
        )
        for mapping, of_mapping in groupby(entries, key=lambda entry: entry[0]):
            self._audit.append(connection, mapping, [entry for _, entry in of_mapping])
        self._calls = []
        return kept

    def _insert(self, connection: Connection, record: Record, now: datetime) -> None:
        row = {**columns(record), "created_at": now, "changed_at": now}
        if not self._database.insert_new(connection, _acts, self._seal.sealed("acts", row)):
            raise Stale(f"there is a {row['kind']} {record.id} already", _AGAIN)

    def _replace(self, connection: Connection, before: Record, after: Record, now: datetime) -> None:
        row = self._current(connection, before)
        values = {**columns(after), "created_at": row.created_at, "changed_at": now}
        connection.execute(_acts.update().where(*_same(before)).values(self._seal.sealed("acts", values)))

    def _delete(self, connection: Connection, record: Record) -> None:
        self._current(connection, record)
        connection.execute(_acts.delete().where(*_same(record)))

    def _current(self, connection: Connection, record: Record) -> Row[Any]:
        """The stored row, locked until the transaction ends, if it is the version `record` carries."""
        kind = kind_of(type(record))
        row = connection.execute(_locked(kind, record.id)).one_or_none()
        if row is None or (row.mapping, row.version) != (record.mapping, record.version):
            raise Stale(f"{kind} {record.id} was changed by somebody else meanwhile", _AGAIN)
        if not self._seal.holds("acts", row):
            raise StoreError(
                f"{kind} {record.id} was changed in the database by something other than syncd",
                "see `syncd audit verify`; restore a backup, and find out who can write to the store",
            )
        return row


_AGAIN = "look at it again, and decide on what it is now"


def _never_stored(record: Record) -> tuple[str, str]:
    return f"{kind_of(type(record))} {record.id} was never stored", _AGAIN


def _of(kind: str | type[Record]) -> Select[Any]:
    return select(_acts).where(_acts.c.kind == (kind if isinstance(kind, str) else kind_of(kind)))


def _locked(kind: str, id_: str) -> Select[Any]:
    return select(_acts).where(_acts.c.kind == kind, _acts.c.id == id_).with_for_update()


def _same(record: Record) -> tuple[Any, Any]:
    return _acts.c.kind == kind_of(type(record)), _acts.c.id == record.id


def _usable(link: Link, now: datetime) -> bool:
    expired = link.expires_at is not None and link.expires_at <= now
    used_up = link.max_uses is not None and link.uses >= link.max_uses
    return not (link.revoked or expired or used_up)


def _entry(record: Record, by: str, *, removed: bool) -> Entry:
    kind, person = kind_of(type(record)), person_of(record)
    told = {"id": record.id, "unit": unit_of(record), "role": getattr(record, "role", "")}
    if person:  # words about nobody known could not be found again when that person is erased
        told["reason"] = getattr(record, "reason", "")
    return Entry(
        f"{kind}.{'removed' if removed else state_of(record)}",
        actor=by or getattr(record, "by", ""),
        person=person,
        detail={name: value for name, value in told.items() if value},
    )
