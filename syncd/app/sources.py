"""Whether the sources that a mapping names are sources of this operator, and within its reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.mapping.check_report import located
from syncd.mapping.schema import DirectoryMember
from syncd.mapping.suggestions import meant_or_listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncd.errors import Problem
    from syncd.mapping.read import Loaded
    from syncd.mapping.schema import MappingDocument, MemberEntry
    from syncd.settings import Settings

    Keys = tuple[str | int, ...]


def source_problems(settings: Settings, name: str, loaded: Loaded) -> list[Problem]:
    """Directories and connections that syncd.yaml does not name, or not to this mapping, with their lines."""
    document, may = loaded.document, settings.mappings[name].may.connections
    found = []
    for keys, source in _directories(document):
        if source not in settings.sources:
            found.append((keys, f'unknown source "{source}"', meant_or_listed(source, settings.sources)))
    for keys, type_, connection in [*_rosters(document), *_groups(document)]:
        of_type = [each for each, one in settings.connections.items() if one.type == type_]
        if connection not in of_type:
            message = f'there is no {type_} connection "{connection}"'
            found.append((keys, message, meant_or_listed(connection, of_type)))
        elif may is not None and connection not in may:
            message = f'the connection "{connection}" lies beyond what the operator allows'
            found.append((keys, message, f"`may` allows {', '.join(may) or 'none'}"))
    return [loaded.places.problem(keys, message, hint, value=True) for keys, message, hint in found]


def _directories(document: MappingDocument) -> Iterator[tuple[Keys, str]]:
    for name, roster in document.rosters.items():
        if roster.csv is not None and roster.csv.source:
            yield ("rosters", name, "csv", "source"), roster.csv.source


def _rosters(document: MappingDocument) -> Iterator[tuple[Keys, str, str]]:
    for name, roster in document.rosters.items():
        for type_, source in (("ldap", roster.ldap), ("http", roster.http)):
            if source is not None:
                yield ("rosters", name, type_, "connection"), type_, source.connection


def _groups(document: MappingDocument) -> Iterator[tuple[Keys, str, str]]:
    """The connections of directory groups, in units and in what every unit of a kind gets."""
    lists: list[tuple[Keys, str | Mapping[str, Sequence[MemberEntry]]]] = [
        ((*here.keys, "members"), here.unit.members) for here in located(document)
    ]
    lists += [(("kinds", name, "members"), kind.members) for name, kind in document.kinds.items()]
    for keys, members in lists:
        for role, entries in () if isinstance(members, str) else members.items():
            for index, entry in enumerate(entries):
                if isinstance(entry, DirectoryMember):
                    where = (*keys, role, index, "ldap_group", "connection")
                    yield where, "ldap", entry.ldap_group.connection
