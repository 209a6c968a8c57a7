"""Rosters and groups from a directory; the reading itself is a callable that the application passes in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from syncd.errors import Place, Problem, TargetError
from syncd.roster import Roster, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ADDRESS = "mail"
USERNAMES = ("uid", "samaccountname", "cn")


@dataclass(frozen=True, slots=True)
class DirectoryQuery:
    """What to read: entries under `base` that match `filter` (RFC 4515), or the members of `group`."""

    connection: str
    base: str = ""
    filter: str = "(objectClass=person)"
    group: str = ""
    nested: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """One directory entry: its DN and attributes, names in lower case."""

    dn: str
    attrs: Mapping[str, tuple[str, ...]]


if TYPE_CHECKING:
    Fetch: TypeAlias = Callable[[DirectoryQuery], Iterable[Entry]]


def read_directory(name: str, query: DirectoryQuery, fetch: Fetch) -> Roster:
    """The entries that `fetch` finds, sorted by DN; a read that fails is a roster with that problem.

    `fetch` raises a `TargetError` where it could not read everything.
    """
    place = Place(f"{query.connection}:{query.group or query.base}")
    try:
        entries = sorted(fetch(query), key=lambda entry: entry.dn)
    except TargetError as error:
        problem = Problem(place, "", error.message, error.remedy or "look at the directory's own log")
        return Roster(name, (), (), "", place, (problem,), folded=True)
    rows = tuple(_row(number, entry, query) for number, entry in enumerate(entries, 1))
    rows = tuple(map(_named, rows)) if query.group else rows
    columns = tuple(sorted({column for row in rows for column in row.values}))
    problems = tuple(_nameless(row) for row in rows if query.group and not _names(row))
    return Roster(name, columns, rows, _digest(entries), place, problems, folded=True)


def _named(row: Row) -> Row:
    """A group member under the names that mappings use: `email` and `username`."""
    username = next(filter(None, (row.text(column) for column in USERNAMES)), "")
    names = {"email": row.values.get(ADDRESS, ())[:1], "username": (username,) if username else ()}
    return Row(row.number, {**row.values, **names}, row.place)


def _names(row: Row) -> bool:
    return bool(row.text("email") or row.text("username"))


def _row(number: int, entry: Entry, query: DirectoryQuery) -> Row:
    values = {name.lower(): tuple(values) for name, values in entry.attrs.items()}
    return Row(number, values, Place(f"{query.connection}:{entry.dn}"))


def _nameless(row: Row) -> Problem:
    message = f"the member has none of {ADDRESS}, {', '.join(USERNAMES)}, so it names nobody"
    return Problem(row.place, "", message, "give the entry one of them, or take it out of the group")


def _digest(entries: Iterable[Entry]) -> str:
    plain = [
        [entry.dn, sorted((name, list(values)) for name, values in entry.attrs.items())] for entry in entries
    ]
    return hashlib.sha256(json.dumps(plain, ensure_ascii=False).encode()).hexdigest()
