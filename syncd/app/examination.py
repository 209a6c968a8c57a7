"""Examining: `doctor` looks at store, mappings and connections as the running account; it writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.app import connections, files
from syncd.app.http_checks import http_checks
from syncd.app.mail_checks import mail_checks
from syncd.errors import MappingInvalid, SyncdError, TargetError
from syncd.mapping.federation import federated_twice
from syncd.model import Check
from syncd.store.database import parse
from syncd.store.sessions import shared_out
from syncd.targets import keycloak_doctor, ldap_doctor
from syncd.targets.keycloak_federation import group_federations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from syncd.mapping.compiled import Compiled
    from syncd.mapping.schema import MappingDocument
    from syncd.settings import Settings
    from syncd.targets.keycloak_connection import KeycloakConnection
    from syncd.targets.ldap_profile import LdapProfile


def doctor(
    settings: Settings,
    check_store: Callable[[], list[str]],
    mappings: Mapping[str, Compiled],
    broken: Mapping[str, SyncdError],
) -> list[Check]:
    """Store, mappings, syncd's own mails, and every connection with what the mappings ask of it.

    `broken` says of each mapping that is not among `mappings` why it cannot be used.
    """
    checks = [_store_check(settings, check_store), *_session_checks(settings)]
    checks += [
        _mapping(name, mappings[name]) if name in mappings else _broken(name, broken[name])
        for name in settings.mappings
    ]
    checks += mail_checks(settings, mappings)
    for name in settings.connections:
        try:
            found = _connection_checks(settings, name, mappings)
        except SyncdError as error:
            found = [Check("connection", "fail", error.message, error.remedy)]
        checks += [Check(f"{name}: {one.name}", one.status, one.detail, one.remedy) for one in found]
    return checks


def _store_check(settings: Settings, check_store: Callable[[], list[str]]) -> Check:
    try:
        faults = check_store()
    except SyncdError as error:
        return Check("store", "fail", error.message, error.remedy)
    if faults:
        return Check("store", "fail", "; ".join(faults), "see `syncd db check`")
    return Check("store", "ok", str(settings.store))


def _session_checks(settings: Settings) -> list[Check]:
    """Whether a pooler in front of PostgreSQL shares sessions out, as far as can be seen."""
    store = settings.store_url().get_secret_value()
    try:
        if parse(store).get_backend_name() == "sqlite":
            return []
        if shared_out(store):
            return [Check("store sessions", "fail", _SHARED, _DIRECT)]
    except SyncdError:  # what keeps us from asking has a line of its own
        return []
    return [Check("store sessions", "ok", "no pooler was seen that shares sessions out")]


_SHARED = "a pooler gives the sessions of the database now to one connection, now to another: locks get lost"
_DIRECT = "let `store:` name PostgreSQL itself, or a pooler in session mode (PgBouncer: pool_mode = session)"


def _mapping(name: str, compiled: Compiled) -> Check:
    counts = f"{len(compiled.units)} units, {len(compiled.people)} people"
    return Check(f"mapping {name}", "ok", counts)


def _broken(name: str, error: SyncdError) -> Check:
    """Its own fault with the first problem, or the fault of what it is read from."""
    if not isinstance(error, MappingInvalid):
        return Check(f"mapping {name}", "fail", f"could not be read: {error.message}", error.remedy)
    wrong = [problem for problem in error.problems if problem.severity == "error"]
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return Check(f"mapping {name}", "fail", f"is not valid: {wrong[0]}{more}", f"syncd validate {name}")


def _connection_checks(settings: Settings, name: str, mappings: Mapping[str, Compiled]) -> list[Check]:
    checks = {"keycloak": _keycloak_checks, "ldap": _ldap_checks, "http": http_checks}
    return checks[settings.connections[name].type](settings, name, mappings)


def _keycloak_checks(settings: Settings, name: str, mappings: Mapping[str, Compiled]) -> list[Check]:
    """Every realm that mappings name on this server, the account's own where none does."""
    own = connections.keycloak_settings(settings, name).realm
    realms: dict[str, dict[str, Compiled]] = {}
    for mapping, compiled in _using(settings, mappings, name):
        if compiled.keycloak is not None:
            realms.setdefault(compiled.keycloak.realm or own, {})[mapping] = compiled
    found = []
    for realm, using in (realms or {own: {}}).items():
        connection = connections.keycloak_connection(settings, name, realm=realm)
        where = "" if realm == own else f"realm {realm}: "
        checks = keycloak_doctor.check(connection, _needs(using.values()))
        checks += _federation_checks(settings, connection, using)
        found += [Check(f"{where}{one.name}", one.status, one.detail, one.remedy) for one in checks]
    return found


def _federation_checks(
    settings: Settings, connection: KeycloakConnection, using: Mapping[str, Compiled]
) -> list[Check]:
    """Mappings whose groups the realm takes from the very directory that they are written to."""
    try:
        federations = group_federations(connection)
    except TargetError:  # what keeps the account from reading has a line of its own
        return []
    return [
        Check(f"group federation of {name}", "fail", f"{one.place}: {one.message}", one.hint)
        for name, compiled in using.items()
        for one in federated_twice(
            compiled,
            connections.outputs_of(settings, compiled),
            settings.environment,
            files.reach_of(settings, name),
            federations,
        )
    ]


def _needs(using: Iterable[Compiled]) -> keycloak_doctor.Needs:
    using = list(using)
    outputs = [compiled.keycloak for compiled in using if compiled.keycloak is not None]
    return keycloak_doctor.Needs(
        scoped=any(output.permissions == "scoped" for output in outputs),
        organizations=any(bool(output.organization) for output in outputs),
        mails=any(_invites(compiled.document) for compiled in using),
        self_reset=any(compiled.document.invitations.activation == "self_reset" for compiled in using),
        languages=frozenset({"en", "fr"}),
    )


def _invites(document: MappingDocument) -> bool:
    """Whether Keycloak mails people for the mapping: those whom files name, or whom people invite."""
    unknown = {document.invitations.unknown, *(role.unknown for role in document.roles.values())}
    return "invite" in unknown or any({"invite", "create"} & {*row.may} for row in document.administration)


def _ldap_checks(settings: Settings, name: str, mappings: Mapping[str, Compiled]) -> list[Check]:
    connection = connections.ldap_connection(settings, name)
    profiles: list[LdapProfile | None] = [
        connections.ldap_profile(compiled.ldap[output], "")
        for compiled in mappings.values()
        for output, used in connections.outputs_of(settings, compiled).items()
        if used == name
    ]
    found = [check for profile in profiles or [None] for check in ldap_doctor.check(connection, profile)]
    return list(dict.fromkeys(found))


def _using(
    settings: Settings, mappings: Mapping[str, Compiled], connection: str
) -> Iterator[tuple[str, Compiled]]:
    """The mappings that use the connection."""
    for name, compiled in mappings.items():
        if connection in connections.outputs_of(settings, compiled).values():
            yield name, compiled
