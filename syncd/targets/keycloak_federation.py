"""Groups that Keycloak itself takes from a directory: the LDAP group mappers of user federations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncd.model import GroupFederation

if TYPE_CHECKING:
    from syncd.targets.keycloak_connection import KeycloakConnection

FEDERATION = "org.keycloak.storage.UserStorageProvider"
MAPPER = "org.keycloak.storage.ldap.mappers.LDAPStorageMapper"
GROUP_MAPPER = "group-ldap-mapper"


def group_federations(connection: KeycloakConnection) -> tuple[GroupFederation, ...]:
    """Every group mapper of a federation that is turned on; needs `view-realm`.

    One request where the realm has no federation, and one for each that it has: `/components` without a
    parent lists the realm's own children only.
    """
    directories = [
        one
        for one in connection.get("components", type=FEDERATION)
        if one["providerId"] == "ldap" and _said(one, "enabled", "true") == "true"
    ]
    return tuple(
        _federation(directory, mapper)
        for directory in directories
        for mapper in connection.get("components", parent=directory["id"], type=MAPPER)
        if mapper["providerId"] == GROUP_MAPPER
    )


def _federation(directory: dict[str, Any], mapper: dict[str, Any]) -> GroupFederation:
    path = _said(mapper, "groups.path", "/")
    return GroupFederation(
        name=f"{directory['name']}, {mapper['name']}",
        url=_said(directory, "connectionUrl"),
        groups_dn=_said(mapper, "groups.dn"),
        path=tuple(name for name in path.split("/") if name),
        mode=_said(mapper, "mode", "LDAP_ONLY"),
        naming=_said(mapper, "group.name.ldap.attribute", "cn").lower(),
        nested=_said(mapper, "preserve.group.inheritance", "true") == "true",
    )


def _said(component: dict[str, Any], name: str, default: str = "") -> str:
    """One value of a component's configuration, which holds lists; `default` is Keycloak's own."""
    return str(((component.get("config") or {}).get(name) or [default])[0])
