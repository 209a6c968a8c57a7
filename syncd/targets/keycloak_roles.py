"""Roles, what they contain, and their grants to groups.

The running account reads roles and grants them; making one, or putting one into another, wants rights
over the whole realm or client, which only `syncd bootstrap MAPPING` has. A refusal says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.model import Change, Key, Kind, Op
from syncd.targets.keycloak_refusal import ChangeRefused, done, fits, impossible
from syncd.targets.keycloak_shape import differing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncd.model import Path
    from syncd.targets.keycloak_connection import KeycloakConnection

NEVER_GRANTED = frozenset({"realm-management", "admin-permissions"})
BOOTSTRAP = "run `syncd bootstrap MAPPING`"


class RoleWriter:
    """Writes roles of one realm; ids found on the way are remembered, `client` gives a client's."""

    def __init__(
        self, connection: KeycloakConnection, client: Callable[[str], str | None], natives: Mapping[Key, str]
    ) -> None:
        self._connection = connection
        self._client = client
        self._natives = natives
        self._roles: dict[tuple[str, str], str] = {}

    def write(self, change: Change, native: str) -> str:
        """The id of the role; raises `ChangeRefused` or a `TargetError`."""
        match change.op:
            case Op.CREATE:
                return self._create_role(change)
            case Op.UPDATE | Op.ADOPT | Op.MOVE:
                return self._update_role(change, native)
            case Op.DELETE:
                done(change, self._connection.call("DELETE", "roles-by-id", native), BOOTSTRAP, gone=True)
                return native
            case _:
                raise impossible(change)

    def compose(self, change: Change) -> None:
        """Put a role into another or take it out; `POST|DELETE /roles-by-id/{id}/composites`."""
        method = _edge_method(change)
        whole = self.role(change, change.key.place)
        part = self.role(change, change.key.item)
        reply = self._connection.call(method, "roles-by-id", whole["id"], "composites", body=[part])
        done(change, reply, BOOTSTRAP, gone=method == "DELETE")

    def grant(self, change: Change, group: str) -> None:
        """Map a role on a group or take it off; `POST|DELETE /groups/{id}/role-mappings/…`."""
        method = _edge_method(change)
        client, _ = change.key.item
        if client in NEVER_GRANTED or client == self._connection.client_id:
            raise ChangeRefused(change, f"roles of {client} are never granted", "take it out of `grants`")
        where = ("clients", self.client_native(change, client)) if client else ("realm",)
        role = self.role(change, change.key.item)
        reply = self._connection.call(method, "groups", group, "role-mappings", *where, body=[role])
        done(
            change,
            reply,
            "roles that administer the realm are not granted; is it one?",
            gone=method == "DELETE",
        )

    def _create_role(self, change: Change) -> str:
        (client,), (name,) = change.key.place, change.key.item
        fits(change, name)
        where = ("clients", self.client_native(change, client), "roles") if client else ("roles",)
        body = {"name": name, "description": "".join(change.attrs.get("description", ()))}
        done(change, self._connection.call("POST", *where, body=body), BOOTSTRAP)
        return self.role(change, (client, name))["id"]

    def _update_role(self, change: Change, native: str) -> str:
        role = self._connection.find("roles-by-id", native)
        if role is None:
            raise ChangeRefused(change, "the role is gone", BOOTSTRAP)
        description = differing(change).get("description", () if "description" in change.clear else None)
        body = role | {"name": change.key.item[0]}
        if description is not None:
            body["description"] = "".join(description)
        done(change, self._connection.call("PUT", "roles-by-id", native, body=body), BOOTSTRAP)
        return native

    def role(self, change: Change, role: Path) -> dict[str, str]:
        """Id and name of a role: Keycloak wants both, and that they match."""
        client, name = role
        native = self._natives.get(Key(Kind.ROLE, (client,), (name,))) or self._roles.get((client, name))
        if native is None:
            where = ("clients", self.client_native(change, client), "roles") if client else ("roles",)
            found = self._connection.find(*where, name)
            if found is None or found.get("name") != name:
                raise ChangeRefused(change, f"role {client or 'realm'}/{name} does not exist", BOOTSTRAP)
            native = self._roles[(client, name)] = str(found["id"])
        return {"id": native, "name": name}

    def client_native(self, change: Change, client: str) -> str:
        native = self._client(client)
        if native is None:
            raise ChangeRefused(change, f'client "{client}" does not exist', BOOTSTRAP)
        return native


def _edge_method(change: Change) -> str:
    match change.op:
        case Op.CREATE:
            return "POST"
        case Op.DELETE:
            return "DELETE"
        case _:
            raise impossible(change)
