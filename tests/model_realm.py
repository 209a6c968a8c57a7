"""A realm in memory that answers as Keycloak does, events included: for histories by the thousand.

It speaks as much of the Admin API as reading needs and `tests.keycloak_history` writes. A live test runs the
same history on both and compares what they hold and which events they wrote.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from syncd.errors import IncompleteRead
from syncd.targets.keycloak_connection import Reply
from syncd.targets.keycloak_failures import Answered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Json = dict[str, Any]


@dataclass
class Group:
    """One group; `parent` is empty at the top."""

    id: str
    name: str
    parent: str = ""
    attributes: dict[str, list[str]] = field(default_factory=dict)
    roles: set[str] = field(default_factory=set)  # ids
    members: set[str] = field(default_factory=set)


class ModelRealm:
    """Stands in for `KeycloakConnection`; `clock` is the server's, in ms, and each write moves it."""

    url, realm, client_id, name = "http://model", "model", "syncd", "keycloak"

    def __init__(self) -> None:
        self.requests = 0
        self.clock = 1_800_000_000_000
        self.events: list[Json] = []
        self._numbers = count(1)
        self._groups: dict[str, Group] = {}
        self._users: dict[str, Json] = {}
        self._roles: dict[str, Json] = {}
        self._parts: dict[str, set[str]] = {}
        for role in ("offline_access", "default-roles-model"):
            self._make_role({"name": role})
        self.events.clear()
        self._event("CREATE", "CLIENT", "clients", "x")

    # --- the connection

    def login(self) -> str:
        claims = json.dumps({"iat": self.clock // 1000}).encode()
        return f".{base64.urlsafe_b64encode(claims).decode()}."

    def close(self) -> None:
        """There is nothing to end."""

    def all_of(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [function(item) for item in items]

    def paged(self, *place: str, **query: Any) -> list[Json]:
        try:
            return list(self.get(*place, **query))
        except Answered as gone:
            raise IncompleteRead(self.name, f"{place} vanished while it was read") from gone

    def find(self, *place: str, **query: Any) -> Any:
        try:
            return self.get(*place, **query)
        except Answered:
            return None

    def get(self, *place: str, **query: Any) -> Any:
        self.requests += 1
        found = self._got(place, query)
        if found is None:
            raise Answered(self.name, f"{place}: 404", "", 404)
        return json.loads(json.dumps(found))

    def call(self, method: str, *place: str, body: Any = None) -> Reply:
        """A write, with the events that Keycloak writes for it; 404 and 409 as there."""
        self.clock += 7
        status, made = self._written(method, place, body)
        return Reply(status, None, {"Location": f"/{made}"} if made else {})

    # --- reads

    def _got(self, place: tuple[str, ...], query: Json) -> Any:  # noqa: C901, PLR0911, PLR0912 - a table of paths
        match place:
            case ():
                return {"id": "model-id", "realm": self.realm, "adminEventsEnabled": True}
            case ("admin-events",):
                since = query.get("dateFrom", 0)
                found = [event for event in self.events if event["time"] >= since]
                return sorted(found, key=lambda event: -event["time"])[: query["max"]]
            case ("components",):
                return []
            case ("groups",):
                return self._children("")
            case ("groups", group, *_) if group not in self._groups:
                return None
            case ("groups", group):
                return self._group(self._groups[group])
            case ("groups", group, "children"):
                return self._children(group)
            case ("groups", group, "members"):
                return [_brief(self._users[user]) for user in sorted(self._groups[group].members)]
            case ("roles",):
                return [{**role, "composite": bool(self._parts[id_])} for id_, role in self._roles.items()]
            case ("roles", name):
                return next((role for role in self._roles.values() if role["name"] == name), None)
            case ("roles-by-id", role):
                return self._roles.get(role)
            case ("roles-by-id", role, "composites"):
                return [self._roles[part] for part in sorted(self._parts[role])]
            case ("users", *rest):
                return self._people(rest, query)
        raise AssertionError(f"the model has no {place}")

    def _people(self, place: list[str], query: Json) -> Any:
        match place:
            case []:
                brief = query.get("briefRepresentation") == "true"
                found = sorted(
                    filter(_wanted(query), self._users.values()), key=lambda user: user["username"]
                )
                return [_brief(user) if brief else user for user in found]
            case ["count"]:
                return len(self._users)
            case [user] if user in self._users:
                return self._users[user]
            case [user, "groups"] if user in self._users:
                joined = [group for group in self._groups.values() if user in group.members]
                return [
                    {"id": group.id, "name": group.name} for group in sorted(joined, key=lambda one: one.name)
                ]
        return None

    def _children(self, parent: str) -> list[Json]:
        found = [self._group(group) for group in self._groups.values() if group.parent == parent]
        return sorted(found, key=lambda group: group["name"])

    def _group(self, group: Group) -> Json:
        return {
            "id": group.id,
            "name": group.name,
            "attributes": group.attributes,
            "realmRoles": [self._roles[role]["name"] for role in group.roles if role in self._roles],
            "subGroupCount": sum(one.parent == group.id for one in self._groups.values()),
        }

    # --- writes

    def _written(  # noqa: C901, PLR0911 - a table of paths
        self, method: str, place: tuple[str, ...], body: Any
    ) -> tuple[int, str]:
        match place:
            case ():
                return self._event("UPDATE", "REALM")
            case ("groups",):
                return self._make_group("", body)
            case ("groups", parent, "children"):
                return self._move(parent, body) if "id" in body else self._make_group(parent, body)
            case ("groups", group):
                return self._change_group(method, group, body)
            case ("groups", group, "role-mappings", "realm"):
                roles = {role["id"] for role in body}
                mine = self._groups[group].roles
                self._groups[group].roles = mine | roles if method == "POST" else mine - roles
                return self._event(_OPERATION[method], "REALM_ROLE_MAPPING", *place)
            case ("users",):
                return self._make_user(body)
            case ("users", user, "groups", group):
                return self._join(method, user, group)
            case ("users", user, *act):
                return self._change_user(method, user, act, body)
            case ("roles",):
                return self._make_role(body)
            case ("roles-by-id", role, *_):
                return self._change_role(method, role, place, body)
        raise AssertionError(f"the model has no {method} {place}")

    def _make_group(self, parent: str, body: Json) -> tuple[int, str]:
        if any(one.parent == parent and one.name == body["name"] for one in self._groups.values()):
            return 409, ""
        group = Group(self._id(), body["name"], parent)
        self._groups[group.id] = group
        path = ("groups", parent, "children") if parent else ("groups", group.id)
        self._event("CREATE", "GROUP", *path)
        return 201, group.id

    def _move(self, parent: str, body: Json) -> tuple[int, str]:
        group = self._groups[body["id"]]
        twin = any(one.parent == parent and one.name == group.name for one in self._groups.values())
        if twin and group.parent != parent:
            return 409, ""
        group.parent = parent
        return self._event("UPDATE", "GROUP", "groups", parent, "children")

    def _change_group(self, method: str, group: str, body: Json) -> tuple[int, str]:
        if method == "DELETE":
            doomed = [group]
            for one in doomed:
                doomed += [below.id for below in self._groups.values() if below.parent == one]
            for one in doomed:
                del self._groups[one]
            return self._event("DELETE", "GROUP", "groups", group)
        self._groups[group].attributes = body.get("attributes", {})
        return self._event("UPDATE", "GROUP", "groups", group)

    def _make_user(self, body: Json) -> tuple[int, str]:
        if any(user["username"] == body["username"] for user in self._users.values()):
            return 409, ""
        user = self._id()
        self._users[user] = {"id": user, "emailVerified": False, **body}
        for path in self._users[user].pop("groups", ()):
            self._at(path).members.add(user)
        self._event("CREATE", "USER", "users", user)
        return 201, user

    def _change_user(self, method: str, user: str, act: list[str], body: Json) -> tuple[int, str]:
        if method == "DELETE":
            del self._users[user]
            for group in self._groups.values():
                group.members.discard(user)
        elif act:
            return self._event("ACTION", "USER", "users", user, *act)
        elif any(one["id"] != user and one.get("email") == body["email"] for one in self._users.values()):
            return 409, ""
        else:
            self._users[user] |= body
        return self._event(_OPERATION[method], "USER", "users", user)

    def _join(self, method: str, user: str, group: str) -> tuple[int, str]:
        members = self._groups[group].members
        if (user in members) == (method == "PUT"):
            return 204, ""
        (members.add if method == "PUT" else members.discard)(user)
        operation = "CREATE" if method == "PUT" else "DELETE"
        return self._event(operation, "GROUP_MEMBERSHIP", "users", user, "groups", group)

    def _make_role(self, body: Json) -> tuple[int, str]:
        role = self._id()
        self._roles[role] = {"id": role, "name": body["name"]}
        self._parts[role] = set()
        return self._event("CREATE", "REALM_ROLE", "roles", body["name"])

    def _change_role(self, method: str, role: str, place: tuple[str, ...], body: Any) -> tuple[int, str]:
        if place[2:] == ("composites",):
            parts = {part["id"] for part in body}
            self._parts[role] = self._parts[role] | parts if method == "POST" else self._parts[role] - parts
        else:
            self._roles[role]["name"] = body["name"]
        return self._event(_OPERATION[method], "REALM_ROLE", *place)

    def _event(self, operation: str, kind: str, *path: str) -> tuple[int, str]:
        event = {"id": self._id(), "time": self.clock, "operationType": operation, "resourceType": kind}
        self.events.append({**event, "resourcePath": "/".join(path)} if path else event)
        return 204, ""

    def _at(self, path: str) -> Group:
        parent = ""
        for name in path.strip("/").split("/"):
            parent = next(one.id for one in self._groups.values() if (one.parent, one.name) == (parent, name))
        return self._groups[parent]

    def _id(self) -> str:
        return f"id-{next(self._numbers):06}"


_OPERATION = {"POST": "CREATE", "PUT": "UPDATE", "DELETE": "DELETE"}


def _brief(user: Json) -> Json:
    return {name: value for name, value in user.items() if name != "attributes"}


def _wanted(query: Json) -> Callable[[Json], bool]:
    text = query.get("search", "")
    if text.startswith("id:"):
        ids = set(text.removeprefix("id:").split())
        return lambda user: user["id"] in ids
    if text:
        return lambda user: text.strip('"') in (user["username"], user.get("email"))
    if "username" in query:
        return lambda user: user["username"] == query["username"]
    return lambda _user: True
