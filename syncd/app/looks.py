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
    from collections.abc import Callable, Iterable, Mapping

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


@dataclass(frozen=True, slots=True)
class Output:
    """Where one output of a mapping is written to: a realm, or a place in a directory."""

    connection: str
    realm: str = ""
    reach: Reach | None = None


def outputs_of(settings: Settings, document: MappingDocument) -> list[Output]:
    """The outputs of a mapping that have a connection to choose."""
    found = []
    sso = connections.keycloak_of(settings, document)
    if sso:
        named = document.keycloak.realm if document.keycloak else None
        found.append(Output(sso, named or connections.keycloak_settings(settings, sso).realm))
    for one in (document.ldap or {}).values():
        directory = connections.only_or_named(settings, Ldap, one.connection)
        if directory:
            found.append(Output(directory, reach=Reach(one.base, one.people_base or one.base)))
    return found


def servers_of(outputs: Mapping[str, Iterable[Output]]) -> dict[Server, Mappings]:
    """Every server that a mapping writes to, with those mappings and where in a directory each lies."""
    found: dict[tuple[str, str], Mappings] = {}
    for name, every in outputs.items():
        for one in every:
            mine = found.setdefault((one.connection, one.realm), {}).setdefault(name, [])
            mine += [one.reach] if one.reach else []
    return {Server(*key, _bases(mappings)): mappings for key, mappings in found.items()}


def _bases(mappings: Mappings) -> tuple[str, ...]:
    reaches = [reach for outputs in mappings.values() for reach in outputs]
    return outermost({base for reach in reaches for base in (reach.base, reach.people_base)})


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
