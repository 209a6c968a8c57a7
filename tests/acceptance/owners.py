"""Who owns a unit in both stores, looked at whenever something was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncd.ldapwire.directory import Directory
from syncd.targets.keycloak_connection import KeycloakConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from tests.acceptance.product import Product


class Owners:
    """The holders of one role, by requests and searches of our own; `seen` is every look so far."""

    def __init__(self, product: Product, group: str, entry: str) -> None:
        self._product = product
        self._entry = f"{entry},{product.base}"
        self._group = product.groups()[group]["id"]
        self.seen: list[tuple[frozenset[str], frozenset[str]]] = []

    def look(self) -> None:
        members = self._product.admin("GET", f"groups/{self._group}/members")
        users = frozenset(user["username"] for user in members)
        entries = self._product.members(self._entry)
        self.seen.append((users, frozenset(dn.partition(",")[0].removeprefix("uid=") for dn in entries)))

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Look after every write that this process sends to either store."""
        call, write = KeycloakConnection.call, Directory.write

        def watched_call(connection: KeycloakConnection, method: str, *place: str, **how: Any) -> Any:
            reply = call(connection, method, *place, **how)
            if method != "GET":
                self.look()
            return reply

        def watched_write(directory: Directory, operations: Any) -> Iterator[Any]:
            for reply in write(directory, operations):
                self.look()
                yield reply

        patch.setattr(KeycloakConnection, "call", watched_call)
        patch.setattr(Directory, "write", watched_write)
