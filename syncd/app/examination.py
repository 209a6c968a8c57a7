"""Examining: `doctor` looks at store, mappings and connections as the running account; it writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.app import connections
from syncd.app.http_checks import http_checks
from syncd.errors import MappingInvalid, SyncdError
from syncd.model import Check
from syncd.targets import keycloak_doctor, ldap_doctor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from syncd.mapping.compiled import Compiled
    from syncd.settings import Settings
    from syncd.targets.ldap_profile import LdapProfile


def doctor(
    settings: Settings,
    check_store: Callable[[], list[str]],
    mappings: Mapping[str, Compiled],
    broken: Mapping[str, SyncdError],
) -> list[Check]:
    """Store, mappings and every connection with what the mappings ask of it, in this order.

    `broken` says of each mapping that is not among `mappings` why it cannot be used.
    """
    checks = [_store_check(settings, check_store)]
    checks += [
        _mapping(name, mappings[name]) if name in mappings else _broken(name, broken[name])
        for name in settings.mappings
    ]
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
    realms: dict[str, list[Compiled]] = {}
    for compiled in _using(settings, mappings, name):
        if compiled.keycloak is not None:
            realms.setdefault(compiled.keycloak.realm or own, []).append(compiled)
    found = []
    for realm, using in (realms or {own: []}).items():
        connection = connections.keycloak_connection(settings, name, realm=realm)
        where = "" if realm == own else f"realm {realm}: "
        found += [
            Check(f"{where}{one.name}", one.status, one.detail, one.remedy)
            for one in keycloak_doctor.check(connection, _needs(using))
        ]
    return found


def _needs(using: list[Compiled]) -> keycloak_doctor.Needs:
    outputs = [compiled.keycloak for compiled in using if compiled.keycloak is not None]
    return keycloak_doctor.Needs(
        scoped=any(output.permissions == "scoped" for output in outputs),
        organizations=any(bool(output.organization) for output in outputs),
        languages=frozenset({"en", "fr"}),
    )


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


def _using(settings: Settings, mappings: Mapping[str, Compiled], name: str) -> Iterator[Compiled]:
    """The mappings that use the connection."""
    for compiled in mappings.values():
        if name in connections.outputs_of(settings, compiled).values():
            yield compiled
