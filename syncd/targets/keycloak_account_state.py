"""How an account stands: read from six small resources, since no one representation has it all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from syncd.errors import PermissionMissing
from syncd.targets.directory import AccountState
from syncd.targets.keycloak_failures import Answered

if TYPE_CHECKING:
    from syncd.targets.keycloak_connection import KeycloakConnection

NOT_FOUND = 404


def account_state(connection: KeycloakConnection, native: str) -> AccountState | None:
    """The account as it is now, None where it is gone or goes while it is looked at."""
    user = connection.find("users", native)
    if user is None:
        return None
    try:
        return _state(connection, user)
    except Answered as answered:
        if answered.status == NOT_FOUND:
            return None
        raise


def reasons_to_keep(connection: KeycloakConnection, state: AccountState) -> list[str]:
    """Why an account must not be made anew: it is somebody's already, or something would not come back."""
    found = {
        "it has a credential": state.credential,
        "it is linked to an identity provider": state.provider_links > 0,
        "it has a session": state.sessions > 0,
        "it comes from a user federation": state.federated,
        "it has roles of its own": state.roles > 0,
    }
    organizations = _of_organizations(connection, state.native)
    return [*(reason for reason, holds in found.items() if holds), *organizations]


def _of_organizations(connection: KeycloakConnection, native: str) -> list[str]:
    if not connection.get().get("organizationsEnabled"):
        return []
    try:
        held = connection.get("organizations", "members", native, "organizations")
    except PermissionMissing:
        return ["its organizations may not be read"]
    return ["it is in an organization"] if held else []


def _state(connection: KeycloakConnection, user: dict[str, Any]) -> AccountState:
    native, federated = user["id"], bool(user.get("federationLink"))
    groups = connection.paged("users", native, "groups")
    created = user.get("createdTimestamp")
    return AccountState(
        native=native,
        username=user["username"],
        address=user.get("email") or "",
        verified=bool(user.get("emailVerified")),
        enabled=bool(user.get("enabled")),
        pending=frozenset(user.get("requiredActions") or ()),
        credential=_has_credential(connection, native, federated=federated),
        provider_links=len(connection.get("users", native, "federated-identity")),
        groups=len(groups),
        attributes={name: tuple(values) for name, values in (user.get("attributes") or {}).items()},
        created=datetime.fromtimestamp(created / 1000, UTC) if created else None,
        group_ids=frozenset(group["id"] for group in groups),
        roles=_own_roles(connection, native),
        sessions=len(connection.get("users", native, "sessions")),
        federated=federated,
    )


def _has_credential(connection: KeycloakConnection, native: str, *, federated: bool) -> bool:
    if connection.get("users", native, "credentials"):
        return True
    return federated and bool(connection.get("users", native, "configured-user-storage-credential-types"))


def _own_roles(connection: KeycloakConnection, native: str) -> int:
    """Roles given to the account itself, without the one that every account of the realm gets."""
    held = connection.get("users", native, "role-mappings")
    default = f"default-roles-{connection.realm}".lower()
    realm = [role for role in held.get("realmMappings", ()) if role["name"] != default]
    clients = [role for client in held.get("clientMappings", {}).values() for role in client["mappings"]]
    return len(realm) + len(clients)
