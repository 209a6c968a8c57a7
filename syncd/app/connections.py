"""Targets from settings: which connection an output uses, and the target over it.

A connection that the mapping does not name is the only one of its type; a type without a connection
turns that output off. What `may` forbids is a problem of the mapping before anything is opened.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from syncd.app.directory import fetcher
from syncd.app.rosters import Network
from syncd.errors import MappingInvalid, Problem, UsageError
from syncd.ldapwire.connection import ConnectionSettings
from syncd.settings import Http, Keycloak, Ldap
from syncd.sources.http import HttpServer
from syncd.targets.keycloak import KeycloakTarget
from syncd.targets.keycloak_connection import ANSWER_SECONDS, KeycloakConnection
from syncd.targets.ldap import LdapTarget
from syncd.targets.ldap_profile import LdapProfile
from syncd.targets.recall import Keeper

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.mapping.compiled import Compiled
    from syncd.mapping.schema import LdapOutput, MappingDocument
    from syncd.settings import Settings
    from syncd.store import Store
    from syncd.targets import Target


def connection_of(settings: Settings, compiled: Compiled, output: str) -> str:
    """The name of the connection that the output uses, empty where there is none of its type.

    Raises `MappingInvalid` where the mapping names none and there are several.
    """
    wanted = compiled.keycloak if output == "keycloak" else compiled.ldap[output]
    type_ = "keycloak" if output == "keycloak" else "ldap"
    candidates = [name for name, one in settings.connections.items() if one.type == type_]
    named = wanted.connection if wanted else None
    place = compiled.output_places.get(output, settings.place("connections"))
    if named:
        if named in candidates:
            return named
        raise MappingInvalid(
            [Problem(place, f"{output}.connection", f'there is no {type_} connection "{named}"',
                     f"syncd.yaml has: {', '.join(candidates) or 'none of this type'}")]
        )  # fmt: skip
    if len(candidates) > 1:
        raise MappingInvalid(
            [Problem(place, f"{output}.connection", f"which {type_} connection?",
                     f"name one of {', '.join(candidates)}")]
        )  # fmt: skip
    return candidates[0] if candidates else ""


def keycloak_of(settings: Settings, document: MappingDocument) -> str:
    """The Keycloak connection of a mapping, empty where it turns Keycloak off or there is none to choose."""
    if document.keycloak is False:
        return ""
    return only_or_named(settings, Keycloak, document.keycloak.connection if document.keycloak else None)


def only_or_named(settings: Settings, type_: type[Keycloak | Ldap], named: str | None) -> str:
    """The connection of that name, else the only one of its type; empty where there is none to choose."""
    candidates = [name for name, one in settings.connections.items() if isinstance(one, type_)]
    if named:
        return named if named in candidates else ""
    return candidates[0] if len(candidates) == 1 else ""


def has_keycloak(settings: Settings) -> bool:
    """Whether there is a Keycloak at all; without one its output is off and nobody waits for it."""
    return any(isinstance(one, Keycloak) for one in settings.connections.values())


def outputs_of(settings: Settings, compiled: Compiled) -> dict[str, str]:
    """Every output that is turned on, with its connection; one without a connection of its type is off."""
    wanted = [*(["keycloak"] if compiled.keycloak is not None else []), *compiled.ldap]
    found = {output: connection_of(settings, compiled, output) for output in wanted}
    return {output: connection for output, connection in found.items() if connection}


def keycloak_settings(settings: Settings, name: str) -> Keycloak:
    """The Keycloak connection of that name; raises `UsageError` for another type."""
    one = settings.connections[name]
    if not isinstance(one, Keycloak):
        raise UsageError(f"{settings.place('connections', name)}: {name} is no Keycloak connection")
    return one


def keycloak_connection(
    settings: Settings,
    name: str,
    *,
    realm: str = "",
    seconds: float = ANSWER_SECONDS,
    may_write: Callable[[], bool] = lambda: True,
) -> KeycloakConnection:
    """A connection as the running account; `realm` is the one to work in, by default the account's own.

    `seconds` is how long one answer may take.
    """
    one = keycloak_settings(settings, name)
    return KeycloakConnection(
        url=one.url,
        realm=realm or one.realm,
        client_id=one.client_id,
        client_secret=settings.secret(one.client_secret).get_secret_value(),
        name=name,
        login_realm=one.realm,
        ca=str(one.ca or ""),
        seconds=seconds,
        may_write=may_write,
    )


def ldap_connection(
    settings: Settings, name: str, may_write: Callable[[], bool] = lambda: True
) -> ConnectionSettings:
    """Where the directory is and how to log in."""
    one = settings.connections[name]
    if not isinstance(one, Ldap):
        raise UsageError(f"{settings.place('connections', name)}: {name} is no LDAP connection")
    return ConnectionSettings(
        name=name,
        urls=tuple(one.urls),
        bind_dn=one.bind_dn,
        password=settings.secret(one.password).get_secret_value(),
        ca=str(one.ca or ""),
        start_tls=one.start_tls,
        insecure=one.insecure,
        wire=one.wire,
        may_write=may_write,
    )


def http_server(settings: Settings, name: str) -> HttpServer:
    """Where rosters are and how to log in; raises `UsageError` for another type."""
    one = settings.connections[name]
    if not isinstance(one, Http):
        raise UsageError(f"{settings.place('connections', name)}: {name} is no HTTP connection")
    token = settings.secret(one.token).get_secret_value() if one.token else ""
    return HttpServer(one.url, {"Authorization": f"Bearer {token}"} if token else {}, str(one.ca or ""))


def network(settings: Settings) -> Network:
    """How rosters and directory groups on other machines are read."""
    return Network(
        fetch=fetcher(lambda name: ldap_connection(settings, name)),
        http=lambda name: http_server(settings, name),
    )


def ldap_profile(output: LdapOutput, marker: str) -> LdapProfile:
    """What one LDAP output of a mapping fixes."""
    return LdapProfile(
        base=output.base or "",
        people_base=output.people_base or "",
        group_class=output.group_class,
        empty_group=output.empty_group or "",
        people=output.people,
        person_class=output.person_class,
        match=output.match,
        marker=marker,
    )


def target(  # noqa: PLR0913 - what it is, where it is, and what it may
    settings: Settings,
    compiled: Compiled,
    output: str,
    connection: str,
    marker: str,
    *,
    may_write: Callable[[], bool],
    keeper: Keeper | None = None,
) -> Target:
    """The target of one output; raises a `TargetError` or `MappingInvalid` where it cannot be made."""
    if output == "keycloak":
        realm = (compiled.keycloak.realm if compiled.keycloak else None) or ""
        server = keycloak_connection(settings, connection, realm=realm, may_write=may_write)
        return KeycloakTarget(server, marker=marker, keeper=keeper)
    profile = ldap_profile(compiled.ldap[output], marker)
    return LdapTarget(output, ldap_connection(settings, connection, may_write), profile, keeper)


def keeper(settings: Settings, store: Store, mapping: str, output: str) -> Keeper:
    """Where the copy of one output is kept between runs, and for how long a whole read will do."""
    return Keeper(
        load=lambda: store.last_reading(mapping, output),
        save=lambda mark, facts: store.save_reading(mapping, output, mark, facts),
        until=settings.full_read.after,
        now=lambda: datetime.now(UTC),
    )


def server(settings: Settings, connection: str) -> str:
    """Address and account, for the head of a plan."""
    one = settings.connections[connection]
    if isinstance(one, Keycloak):
        return f"{one.url} realm {one.realm} as {one.client_id}"
    if isinstance(one, Ldap):
        return f"{' '.join(one.urls)} as {one.bind_dn}"
    return one.url
