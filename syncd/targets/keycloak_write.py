"""One change, one outcome: how each kind of fact is written to a realm.

Nothing here is sent twice. A reply that never came is `UNKNOWN`: the next run reads before it repeats,
and Keycloak's own rules make what it then repeats harmless (a membership that exists is put without an
event, a group that exists answers 409). After the first lost reply the rest of the wave is not tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.errors import TargetError, Unreachable
from syncd.model import Change, Key, Kind, Op, Outcome, Result
from syncd.targets.keycloak_failures import NotSent
from syncd.targets.keycloak_groups import GroupWriter
from syncd.targets.keycloak_organizations import OrganizationWriter
from syncd.targets.keycloak_people import PeopleWriter
from syncd.targets.keycloak_refusal import ChangeRefused, done, impossible
from syncd.targets.keycloak_roles import RoleWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncd.targets.keycloak_connection import KeycloakConnection


BY_ID = frozenset({Kind.PERSON, Kind.GROUP, Kind.ROLE, Kind.ORGANIZATION})


class KeycloakWriter:
    """Writes one wave; what it looks up (roles, the user profile) is remembered for that wave only.

    `marker` is written on groups made here; `client` gives Keycloak's id of a client id, or None;
    `natives` are the ids known when the wave begins.
    """

    def __init__(
        self,
        connection: KeycloakConnection,
        marker: str,
        client: Callable[[str], str | None],
        natives: Mapping[Key, str],
    ) -> None:
        self._connection = connection
        self._natives = natives
        self._roles = RoleWriter(connection, client, natives)
        self._people = PeopleWriter(connection)
        self._organizations = OrganizationWriter(connection, marker, natives)
        self.groups = GroupWriter(connection, marker, natives)
        self._lost = ""

    def write(self, change: Change) -> Outcome:
        """Write one change; every failure is an outcome that says what to do."""
        if self._lost:
            return Outcome(change, Result.SKIPPED, detail=f"not tried: {self._lost}")
        try:
            return Outcome(change, Result.DONE, *self._written(change))
        except ChangeRefused as refused:
            return Outcome(change, Result.REFUSED, detail=str(refused))
        except NotSent as error:
            self._lost = error.message
            return Outcome(change, Result.SKIPPED, detail=f"not tried: {error}")
        except Unreachable as error:
            self._lost = error.message
            return Outcome(
                change, Result.UNKNOWN, detail=f"{change.key}: {error}; the next run looks before it repeats"
            )
        except TargetError as error:
            return Outcome(change, Result.REFUSED, detail=f"{change.key}: {error}")

    def _written(self, change: Change) -> tuple[str, str]:
        """The native id and, where something is worth saying of a success, what."""
        native = change.native or self._natives.get(change.old or change.key, "")
        if not change.writes:
            return native, ""
        if not native and change.op is not Op.CREATE and change.key.kind in BY_ID:
            raise ChangeRefused(change, "Keycloak's id of it is not known", "plan again: is it still there?")
        if change.key.kind is Kind.PERSON:
            return self._people.write(change, native)
        return self._thing(change, native), ""

    def _thing(self, change: Change, native: str) -> str:
        match change.key.kind:
            case Kind.GROUP:
                return self.groups.write(change, native)
            case Kind.ROLE:
                return self._roles.write(change, native)
            case Kind.COMPOSITE:
                self._roles.compose(change)
            case Kind.GRANT:
                self._roles.grant(change, self._group_of(change))
            case Kind.MEMBER:
                self._membership(change)
            case Kind.ORGANIZATION:
                return self._organizations.write(change, native)
            case Kind.ORG_MEMBER:
                self._organizations.membership(change, self._account_of(change))
            case _:
                raise impossible(change)
        return ""

    def _membership(self, change: Change) -> None:
        """`PUT|DELETE /users/{id}/groups/{group}`: direct members only, 204 where it was so already."""
        method = {Op.CREATE: "PUT", Op.DELETE: "DELETE"}.get(change.op)
        if method is None:
            raise impossible(change)
        person = self._account_of(change)
        reply = self._connection.call(method, "users", person, "groups", self._group_of(change))
        done(change, reply, "was the account or the group deleted? plan again", gone=method == "DELETE")

    def _account_of(self, change: Change) -> str:
        """The account of the person, who stands for herself where the store does not know her."""
        return self._natives.get(Key(Kind.PERSON, (), change.key.item), change.key.item[0])

    def _group_of(self, change: Change) -> str:
        group = self._natives.get(Key(Kind.GROUP, change.key.place))
        if group is None:
            raise ChangeRefused(change, "the group does not exist", "plan again")
        return group
