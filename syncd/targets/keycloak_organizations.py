"""Keycloak Organizations and their members: made, renamed, joined, and never at the price of an account.

A member whom Keycloak calls MANAGED came through the organization's identity provider or one of its
invitations; taking such a member out, or deleting the organization, deletes the account without an
event. So both are looked at right before, whatever the plan saw.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from syncd.model import Change, Key, Kind, Op
from syncd.targets.keycloak_refusal import ChangeRefused, done, fits, impossible
from syncd.targets.keycloak_shape import OWNER, differing, folded, written_organization

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.targets.keycloak_connection import KeycloakConnection

RIGHT = "give the service account manage-organizations, and turn organizations on in the realm"


class OrganizationWriter:
    """Writes organizations of one realm; `marker` is put on those made here."""

    def __init__(self, connection: KeycloakConnection, marker: str, natives: Mapping[Key, str]) -> None:
        self._connection = connection
        self._marker = marker
        self._natives = natives

    def write(self, change: Change, native: str) -> str:
        """The id of the organization; raises `ChangeRefused` or a `TargetError`."""
        match change.op:
            case Op.CREATE:
                return self._create(change)
            case Op.UPDATE | Op.ADOPT:
                organization = self._connection.find("organizations", native)
                if organization is None:
                    raise ChangeRefused(
                        change, "the organization is gone", "plan again: it will be made anew"
                    )
                self._rewrite(change, organization)
                return native
            case Op.DELETE:
                self._delete(change, native)
                return native
            case Op.MOVE:
                raise ChangeRefused(
                    change,
                    "Keycloak fixes an alias when the organization is made",
                    "keep its `organization_alias`",
                )
            case _:
                raise impossible(change)

    def membership(self, change: Change, account: str) -> None:
        """`POST /organizations/{id}/members` with the bare id, `DELETE …/members/{user}` if UNMANAGED."""
        organization = self._natives.get(Key(Kind.ORGANIZATION, change.key.place))
        if organization is None:
            raise ChangeRefused(change, "the organization does not exist", "plan again")
        where = ("organizations", organization, "members")
        match change.op:
            case Op.CREATE:
                reply = self._connection.call("POST", *where, body=account)
                if reply.status != HTTPStatus.CONFLICT:
                    done(change, reply, RIGHT)
            case Op.DELETE:
                self._refuse_managed(change, self._connection.find(*where, account))
                done(change, self._connection.call("DELETE", *where, account), RIGHT, gone=True)
            case _:
                raise impossible(change)

    def _create(self, change: Change) -> str:
        (alias,) = change.key.place
        fits(change, alias)
        fresh = {"name": alias, "alias": alias, "enabled": True, "attributes": {OWNER: [self._marker]}}
        body = written_organization(fresh, change.attrs, ())
        reply = self._connection.call("POST", "organizations", body=body)
        if reply.status != HTTPStatus.CONFLICT:
            done(change, reply, RIGHT)
            return reply.made
        ours = self._made_before(alias)
        if ours is None:
            raise ChangeRefused(
                change,
                "an organization of this name or alias exists and is not ours",
                "adopt it or rename yours",
            )
        self._rewrite(change, ours)
        return str(ours["id"])

    def _made_before(self, alias: str) -> dict[str, Any] | None:
        """The organization that an earlier run made and whose reply was lost, if there is one."""
        for organization in self._connection.paged("organizations", briefRepresentation="false"):
            owner = (organization.get("attributes") or {}).get(OWNER)
            if folded(organization["alias"]) == alias and owner == [self._marker]:
                return organization
        return None

    def _rewrite(self, change: Change, organization: dict[str, Any]) -> None:
        body = written_organization(organization, differing(change), change.clear)
        done(change, self._connection.call("PUT", "organizations", organization["id"], body=body), RIGHT)

    def _delete(self, change: Change, native: str) -> None:
        where = ("organizations", native)
        managed = self._connection.find(*where, "members", membershipType="MANAGED", first=0, max=1)
        self._refuse_managed(change, managed[0] if managed else None)
        done(change, self._connection.call("DELETE", *where), RIGHT, gone=True)

    def _refuse_managed(self, change: Change, member: Mapping[str, Any] | None) -> None:
        if member is not None and member.get("membershipType") == "MANAGED":
            raise ChangeRefused(
                change,
                f"{member['username']} is a MANAGED member, whose account Keycloak would delete",
                "take the person out in Keycloak if that is wanted",
            )
