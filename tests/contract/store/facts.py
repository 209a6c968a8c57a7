"""Facts, changes and outcomes for the store's tests."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, text

from syncd.errors import Place
from syncd.model import Change, Key, Kind, Op, Origin, Outcome, Result
from syncd.store.database import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.store import Store

KEY = b"an integrity key of 32 bytes or more"
TTL = timedelta(minutes=5)
TARGET = "keycloak"
START = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **span: float) -> datetime:
        self.time += timedelta(**span)
        return self.time


class Tamper:
    """A second way into the database, past the store."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(parse(url))

    def __call__(self, statement: str, **values: object) -> int:
        with self._engine.begin() as connection:
            return connection.execute(text(statement), values).rowcount

    def values(self, statement: str, **values: object) -> list[object]:
        with self._engine.begin() as connection:
            return list(connection.execute(text(statement), values).scalars())

    def close(self) -> None:
        self._engine.dispose()


def person(number: int) -> str:
    return f"p_{number:016x}"


def group(*place: str) -> Key:
    return Key(Kind.GROUP, place)


def member(number: int, *place: str) -> Key:
    return Key(Kind.MEMBER, place, (person(number),))


def membership(number: int, unit: str, role: str = "member", until: str = "") -> Origin:
    return Origin(
        anchor=(unit, f"role:{role}"),
        place=Place("mappings/acme.yaml", 10 + number, 13),
        unit=unit,
        role=role,
        person=person(number),
        until=until,
    )


def create(key: Key, origin: Origin | None = None, **attrs: tuple[str, ...]) -> Change:
    return Change(Op.CREATE, key, attrs=attrs, origin=origin or Origin())


def done(change: Change, native: str = "") -> Outcome:
    return Outcome(change, Result.DONE, native)


@contextmanager
def run(store: Store, mapping: str = "acme") -> Iterator[str]:
    """A run under its lease."""
    with store.lease(mapping, "test", TTL):
        yield store.start_run(mapping, "apply", "ann")


def give(store: Store, *changes: Change, mapping: str = "acme", target: str = TARGET) -> None:
    """Claim and record changes that all succeed; natives are the keys' texts."""
    with run(store, mapping) as id_:
        store.claim(mapping, target, id_, changes)
        store.record(mapping, target, id_, [done(change, f"native of {change.key}") for change in changes])


def end(store: Store, *outcomes: Outcome, mapping: str = "acme", target: str = TARGET) -> None:
    """Record outcomes of changes that need no claim."""
    with run(store, mapping) as id_:
        store.record(mapping, target, id_, outcomes)


def keys(store: Store, mapping: str = "acme", target: str = TARGET) -> set[Key]:
    return {owned.key for owned in store.owned(mapping, target)}
