"""The realm's user profile: which attributes of accounts Keycloak keeps, and which it drops in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.targets.keycloak_connection import KeycloakConnection

ADMINS_MAY_WRITE = frozenset({"ENABLED", "ADMIN_EDIT"})
PROFILE_REMEDY = "declare it in Realm settings, User profile, or run `syncd bootstrap MAPPING`"


class Profile:
    """Read at the first question, and again before anything is called lost: it may be declared by now."""

    def __init__(self, connection: KeycloakConnection) -> None:
        self._connection = connection
        self._kept: dict[str, Any] | None = None

    def lost(self, names: Iterable[str]) -> list[str]:
        """Those attributes that Keycloak would accept with 2xx and not store."""
        asked = list(names)
        if not asked:
            return []
        known = self._kept
        undeclared = _undeclared(asked, known) if known is not None else asked
        if undeclared:
            self._kept = self._connection.get("users", "profile")
            undeclared = _undeclared(asked, self._kept)
        return undeclared


def _undeclared(names: list[str], profile: Any) -> list[str]:
    if profile.get("unmanagedAttributePolicy") in ADMINS_MAY_WRITE:
        return []
    declared = {attribute["name"] for attribute in profile.get("attributes", ())}
    return [name for name in names if name not in declared]
