"""Rosters and groups from a directory: what `sources.ldap` wants fetched, over our own wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.errors import PlaceMissing
from syncd.ldapwire.directory import Directory
from syncd.ldapwire.operations import Query
from syncd.sources.ldap import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from syncd.ldapwire import operations
    from syncd.ldapwire.connection import ConnectionSettings
    from syncd.sources.ldap import DirectoryQuery

MEMBERS = ("member", "uniqueMember")


def fetcher(connect: Callable[[str], ConnectionSettings]) -> Callable[[DirectoryQuery], Iterable[Entry]]:
    """A function that reads what a query asks for; `connect` gives a connection by its name."""

    def fetch(query: DirectoryQuery) -> list[Entry]:
        directory = Directory(connect(query.connection))
        try:
            if query.group:
                return [_plain(entry) for entry in _members(directory, query)]
            return [_plain(entry) for entry in directory.search(Query(query.base, query.filter))]
        finally:
            directory.close()

    return fetch


def _members(directory: Directory, query: DirectoryQuery) -> Iterator[operations.Entry]:
    """The people in a group, through nested groups where asked; every entry once."""
    waiting, seen = [query.group], {query.group}
    while waiting:
        group = directory.entry(waiting.pop(), ("*", *MEMBERS))
        if group is None:
            raise PlaceMissing(query.connection, f"the group {query.group} or a group in it does not exist")
        for dn in (value for name in MEMBERS for value in group.texts(name)):
            if dn in seen:
                continue
            seen.add(dn)
            entry = directory.entry(dn)
            if entry is None:
                continue
            if not any(entry.texts(name) for name in MEMBERS):
                yield entry
            elif query.nested:
                waiting.append(dn)


def _plain(entry: operations.Entry) -> Entry:
    return Entry(entry.dn, {name: entry.texts(name) for name in entry.attributes})
