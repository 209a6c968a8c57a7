"""Who owns a unit in both stores, looked at whenever something was written."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

from syncd.ldapwire.directory import Directory
from syncd.targets.keycloak_connection import KeycloakConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from tests.acceptance.product import Product


class Owners:
    """The holders of one role, by a token and a search of our own; `seen` is every look so far."""

    def __init__(self, product: Product, group: str, entry: str) -> None:
        self._product = product
        self._entry = f"{entry},{product.base}"
        group_id = product.groups()[group]["id"]
        self._request = urllib.request.Request(
            f"{product.keycloak.url}/admin/realms/{product.realm}/groups/{group_id}/members",
            headers={"Authorization": f"Bearer {product.keycloak.admin_token()}"},
        )
        self.seen: list[tuple[frozenset[str], frozenset[str]]] = []

    def look(self) -> None:
        with urllib.request.urlopen(self._request, timeout=30) as answer:
            users = frozenset(user["username"] for user in json.load(answer))
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
