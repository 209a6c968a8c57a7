"""Which servers are to be looked at for changes by hand, for which mappings, and how each is looked at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from syncd.app import connections
from syncd.ldapwire.directory import Directory
from syncd.settings import Ldap
from syncd.targets.hints import Reach
from syncd.targets.keycloak_look import KeycloakLook
from syncd.targets.ldap_look import LdapLook, outermost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncd.mapping.schema import MappingDocument
    from syncd.settings import Settings
    from syncd.targets.hints import Look

SECONDS = 10  # for one answer: a server that is slower than that is left for later
Mappings = dict[str, list[Reach]]


@dataclass(frozen=True, slots=True, order=True)
class Server:
    """A connection, and what is looked at there: a realm of Keycloak, or below bases of a directory."""

    connection: str
    realm: str = ""
    bases: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.connection} realm {self.realm}" if self.realm else self.connection


def servers_of(settings: Settings, documents: Mapping[str, MappingDocument]) -> dict[Server, Mappings]:
    """Every server that a mapping writes to, with those mappings and where in a directory each lies."""
    found: dict[Server, Mappings] = {}
    directories: dict[str, Mappings] = {}
    for name, document in documents.items():
        connection = connections.keycloak_of(settings, document)
        if connection:
            realm = document.keycloak.realm if document.keycloak else None
            server = Server(connection, realm or connections.keycloak_settings(settings, connection).realm)
            found.setdefault(server, {})[name] = []
        for output in (document.ldap or {}).values():
            connection = connections.only_or_named(settings, Ldap, output.connection)
            if connection:
                reach = Reach(output.base, output.people_base or output.base)
                directories.setdefault(connection, {}).setdefault(name, []).append(reach)
    for connection, mappings in directories.items():
        reaches = [reach for outputs in mappings.values() for reach in outputs]
        bases = outermost({base for reach in reaches for base in (reach.base, reach.people_base)})
        found[Server(connection, bases=bases)] = mappings
    return found


def look_at(settings: Callable[[], Settings], server: Server, since: datetime) -> Look:
    """How to look at a server, for what changed after `since`; it logs in when it first looks."""
    if server.realm:
        return KeycloakLook(
            lambda: connections.keycloak_connection(
                settings(), server.connection, realm=server.realm, seconds=SECONDS
            ),
            since,
        )
    return LdapLook(
        lambda: Directory(
            replace(connections.ldap_connection(settings(), server.connection), receive_timeout=SECONDS)
        ),
        server.bases,
        since,
        lambda: datetime.now(UTC),
    )
