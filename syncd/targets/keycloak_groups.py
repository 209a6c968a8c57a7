"""Groups: made with the marker, changed whole, moved under the same id, deleted only when nothing is below.

What others wrote on a group stays: a body carries every attribute that the group has at that moment.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from syncd.errors import TargetError, Unreachable
from syncd.model import Attrs, Change, Key, Kind, Op, Outcome, Result
from syncd.targets.keycloak_refusal import ChangeRefused, done, fits, impossible
from syncd.targets.keycloak_shape import OWNER, differing, folded, written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.model import Path
    from syncd.targets.keycloak_connection import KeycloakConnection


class GroupWriter:
    """Writes groups of one realm; `marker` is put on those made here, `natives` are the ids known so far."""

    def __init__(self, connection: KeycloakConnection, marker: str, natives: Mapping[Key, str]) -> None:
        self._connection = connection
        self._marker = marker
        self._natives = natives

    def write(self, change: Change, native: str) -> str:
        """The id of the group; raises `ChangeRefused` or a `TargetError`."""
        match change.op:
            case Op.CREATE:
                return self._create_group(change)
            case Op.UPDATE | Op.ADOPT:
                self._rewrite(change, self._group(change, native), differing(change))
                return native
            case Op.MOVE:
                return self._move_group(change, native)
            case Op.DELETE:
                return self._delete_group(change, native)
            case _:
                raise impossible(change)

    def _create_group(self, change: Change) -> str:
        place = change.key.place
        fits(change, place[-1])
        body = written({"name": place[-1], "attributes": {OWNER: [self._marker]}}, change.attrs, ())
        parent = self.parent(change, place[:-1])
        where = ("groups", parent, "children") if parent else ("groups",)
        reply = self._connection.call("POST", *where, body=body)
        if reply.status == HTTPStatus.CONFLICT:
            return self._group_that_exists(change, parent, body)
        done(change, reply, "does the parent still exist? plan again")
        return reply.made

    def _group_that_exists(self, change: Change, parent: str, body: Mapping[str, Any]) -> str:
        """After 409: ours from a reply that was lost, and then brought in line, or somebody else's."""
        group = self._sibling(parent, change.key.place[-1])
        if group is None or (group.get("attributes") or {}).get(OWNER) != [self._marker]:
            raise ChangeRefused(
                change,
                "a group of this name was made meanwhile by somebody else",
                "plan again; adopt it or rename yours",
            )
        done(change, self._connection.call("PUT", "groups", group["id"], body=body), "plan again")
        return str(group["id"])

    def _move_group(self, change: Change, native: str) -> str:
        """Re-parent, then rename, same id; under a spare name where the present one clashes."""
        group = self._group(change, native)
        place = change.key.place
        fits(change, place[-1])
        parent = self.parent(change, place[:-1])
        moves = (group.get("parentId") or "") != parent
        if moves and self._sibling(parent, group["name"]) is not None:
            group = self._rewrite(change, group | {"name": _spare_name(group)}, {})
        if moves:
            where = ("groups", parent, "children") if parent else ("groups",)
            body = {"id": native, "name": group["name"]}
            done(change, self._connection.call("POST", *where, body=body), "plan again")
        changed = differing(change)
        if folded(group["name"]) != place[-1] or changed or change.clear:
            self._rewrite(change, group | {"name": place[-1]}, changed)
        return native

    def set_aside(self, change: Change) -> Outcome | None:
        """Free a name that another move of the wave needs; None where that went well.

        A run that dies here leaves the group under this name and the same id: the next run moves it on.
        """
        try:
            native = change.native or self._natives.get(change.old or change.key, "")
            group = self._group(change, native)
            self._rewrite(change, group | {"name": _spare_name(group)}, {})
        except ChangeRefused as refused:
            return Outcome(change, Result.REFUSED, detail=str(refused))
        except TargetError as error:
            result = Result.UNKNOWN if isinstance(error, Unreachable) else Result.REFUSED
            return Outcome(change, result, detail=f"{change.key}: {error}")
        return None

    def _delete_group(self, change: Change, native: str) -> str:
        """Delete a group without subgroups: Keycloak would take those along, whoever made them."""
        below = self._connection.find(
            "groups", native, "children", first=0, max=1, briefRepresentation="true"
        )
        if below:
            raise ChangeRefused(
                change,
                f'it still has subgroup "{below[0]["name"]}", which would be lost with it',
                "move or delete the subgroup first, or plan again",
            )
        done(change, self._connection.call("DELETE", "groups", native), "plan again", gone=True)
        return native

    def _group(self, change: Change, native: str) -> dict[str, Any]:
        group: dict[str, Any] | None = self._connection.find("groups", native)
        if group is None:
            raise ChangeRefused(change, "the group is gone", "plan again: it will be made anew")
        return group

    def _rewrite(self, change: Change, group: dict[str, Any], changed: Attrs) -> dict[str, Any]:
        fits(change, group["name"])
        body = written(group, changed, change.clear)
        reply = self._connection.call("PUT", "groups", group["id"], body=body)
        done(change, reply, "is the name taken by a sibling? plan again")
        return group | body

    def parent(self, change: Change, place: Path) -> str:
        """The id of the group at `place`, "" for the top; looked up where no run has seen it."""
        if not place:
            return ""
        native = self._natives.get(Key(Kind.GROUP, place))
        if native is None:
            group = self._sibling(self.parent(change, place[:-1]), place[-1])
            if group is None:
                raise ChangeRefused(
                    change,
                    f"its parent /{'/'.join(place)} does not exist",
                    "make that group in Keycloak, then plan again",
                )
            native = str(group["id"])
        return native

    def _sibling(self, parent: str, name: str) -> dict[str, Any] | None:
        """The group of exactly this name below `parent`; names go into a query, where none needs escaping."""
        query = {"search": name, "exact": "true", "briefRepresentation": "false"}
        if parent:
            found = self._connection.get("groups", parent, "children", **query, first=0, max=2)
        else:
            found = self._connection.get("groups", **query, populateHierarchy="false")
        return next(
            (group for group in found if group["name"] == name and (group.get("parentId") or "") == parent),
            None,
        )


def _spare_name(group: Mapping[str, Any]) -> str:
    """A name that no sibling has, since it holds the group's id."""
    return f"{group['name'][:200]}~{group['id']}"
