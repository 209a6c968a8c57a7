"""Reading a realm within a scope, whole or not at all.

Keycloak has no complete flat list of groups: an empty search lists top-level groups only, a paged
search loses groups whose names repeat, and an unpaged one outlives its transaction. So the tops are
listed once and children are walked level by level, which is complete and stable because siblings have
unique names; each group's own count of children proves it. Roles mapped on a group come with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syncd.errors import IncompleteRead
from syncd.model import Account, Key, Kind, Observation
from syncd.targets.keycloak_answers import (
    CHILDREN,
    COMPOSITES,
    DIRECTORIES,
    MEMBERS,
    ORG_MEMBERS,
    ORGANIZATIONS,
    ROLES,
    TOPS,
    USER,
    WHO,
    Answers,
    brief,
    whole,
)
from syncd.targets.keycloak_answers import group as trimmed
from syncd.targets.keycloak_connection import PAGE, READ_ATTEMPTS, KeycloakConnection
from syncd.targets.keycloak_federation import group_federations
from syncd.targets.keycloak_shape import OWNER, account, folded, group_attrs, person_attrs, role_attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.model import Attrs, Path, Scope

IDS = 100  # account ids in one `search=id:`, about 4 kB of query
LOOKUPS_PER_PAGE = 20  # a page of accounts costs the server about as much as so many exact look-ups

User = dict[str, Any]
Group = dict[str, Any]


@dataclass(slots=True)
class _Seen:
    state: dict[Key, Attrs] = field(default_factory=dict)
    natives: dict[Key, str] = field(default_factory=dict)
    marks: dict[Key, str] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)


class KeycloakReader:
    """Reads one scope of one realm; `client` remembers ids of clients from one read to the next."""

    def __init__(self, connection: KeycloakConnection, target: str) -> None:
        self._connection = connection
        self._target = target
        self._clients: dict[str, str] = {}

    def read(self, scope: Scope, answers: Answers) -> Observation:
        """Groups below the tops, members, grants, roles, composites and accounts of `scope`.

        Only what `answers` leaves open is asked.
        """
        before = self._connection.requests
        self._clients.clear()
        seen = _Seen(answers=answers)
        self._groups(scope, seen)
        self._members(scope, seen)
        self._roles(scope, seen)
        self._organizations(scope, seen)
        self._people(scope, seen)
        accounts = self._accounts(seen)
        federated = scope.federations and answers.peek(DIRECTORIES) != []
        federations = group_federations(self._connection) if federated else ()
        requests = self._connection.requests - before
        return Observation(seen.state, seen.natives, accounts, seen.marks, requests, federations)

    def client(self, client_id: str) -> str | None:
        """The id that Keycloak gave to a client, or None; Clients resource, `clientId` is exact."""
        if client_id not in self._clients:
            for found in self._connection.get("clients", clientId=client_id):
                self._clients[found["clientId"]] = found["id"]
        return self._clients.get(client_id)

    # Groups

    def _groups(self, scope: Scope, seen: _Seen) -> None:
        if not scope.tops:
            return
        on_the_way = {top[:depth] for top in scope.tops for depth in range(1, len(top))}
        level = _placed((), seen.answers.of(TOPS, lambda: self._list_groups("groups")))
        while level:
            level = [pair for pair in level if pair[0] in on_the_way or _inside(pair[0], scope.tops)]
            for place, group in level:
                self._note_group(place, group, seen, inside=_inside(place, scope.tops))
            parents = [pair for pair in level if pair[1].get("subGroupCount")]
            children = self._connection.all_of(lambda pair: self._children(pair, seen.answers), parents)
            level = [pair for pairs in children for pair in pairs]

    def _list_groups(self, *where: str) -> list[Group]:
        found = self._connection.paged(*where, briefRepresentation="false", subGroupsCount="true")
        return [trimmed(group) for group in found]

    def _children(self, parent: tuple[Path, Group], answers: Answers) -> list[tuple[Path, Group]]:
        place, group = parent
        return _placed(place, answers.of(CHILDREN + group["id"], lambda: self._whole_children(place, group)))

    def _whole_children(self, place: Path, group: Group) -> list[Group]:
        expected = group["subGroupCount"]
        for _ in range(READ_ATTEMPTS):
            children = self._list_groups("groups", group["id"], "children")
            if len(children) == expected:
                return children
            expected = self._connection.get("groups", group["id"])["subGroupCount"]
        raise IncompleteRead(
            self._target,
            f"group /{'/'.join(place)} says it has {expected} subgroups and lists {len(children)}",
            "try again; if it stays, the account may not see some of them: give it manage-users",
        )

    def _note_group(self, place: Path, group: Group, seen: _Seen, *, inside: bool) -> None:
        key = Key(Kind.GROUP, place)
        seen.natives[key] = group["id"]
        if not inside:
            return
        seen.state[key] = group_attrs(group)
        owner = (group.get("attributes") or {}).get(OWNER)
        if owner:
            seen.marks[key] = owner[0]
        grants = [("", name) for name in group.get("realmRoles") or ()]
        grants += [
            (client, name) for client, names in (group.get("clientRoles") or {}).items() for name in names
        ]
        seen.state.update({Key(Kind.GRANT, place, (client, folded(name))): {} for client, name in grants})

    def _members(self, scope: Scope, seen: _Seen) -> None:
        places = [place for place in sorted(scope.members_of) if Key(Kind.GROUP, place) in seen.natives]
        for place, users in zip(
            places, self._connection.all_of(self._list_members(seen), places), strict=True
        ):
            for user in users:
                seen.users.setdefault(user["id"], user)
                seen.state[Key(Kind.MEMBER, place, (user["id"],))] = {}

    def _list_members(self, seen: _Seen) -> Any:
        def members(place: Path) -> list[User]:
            group = seen.natives[Key(Kind.GROUP, place)]
            return seen.answers.of(MEMBERS + group, lambda: self._list_people("groups", group, "members"))

        return members

    def _list_people(self, *where: str) -> list[User]:
        return [brief(user) for user in self._connection.paged(*where, briefRepresentation="true")]

    # Roles

    def _roles(self, scope: Scope, seen: _Seen) -> None:
        wanted: dict[str, set[str]] = {}
        for client, name in scope.roles:
            wanted.setdefault(client, set()).add(name)
        listed = self._connection.all_of(
            lambda client: seen.answers.of(ROLES + client, lambda: self._list_roles(client)), sorted(wanted)
        )
        containers = []
        for client, roles in zip(sorted(wanted), listed, strict=True):
            for role in roles:
                name = folded(role["name"])
                if name not in wanted[client]:
                    continue
                key = Key(Kind.ROLE, (client,), (name,))
                seen.state[key] = role_attrs(role)
                seen.natives[key] = role["id"]
                if role.get("composite"):
                    containers.append((client, name, role["id"]))
        natives = [native for _, _, native in containers]
        parts_of = self._connection.all_of(
            lambda native: seen.answers.of(COMPOSITES + native, lambda: self._composites(native)), natives
        )
        for (client, name, _), parts in zip(containers, parts_of, strict=True):
            seen.state.update({Key(Kind.COMPOSITE, (client, name), tuple(part)): {} for part in parts})

    def _list_roles(self, client: str) -> list[dict[str, Any]]:
        if not client:
            return self._connection.paged("roles", briefRepresentation="true")
        found = self.client(client)
        return self._connection.paged("clients", found, "roles", briefRepresentation="true") if found else []

    def _composites(self, native: str) -> list[list[str]]:
        """(client or "", name) of every role that a role contains."""
        parts = self._connection.get("roles-by-id", native, "composites")
        return [[self._client_of(part), folded(part["name"])] for part in parts]

    def _client_of(self, role: dict[str, Any]) -> str:
        if not role.get("clientRole"):
            return ""
        for client_id, native in self._clients.items():
            if native == role["containerId"]:
                return client_id
        client_id = str(self._connection.get("clients", role["containerId"])["clientId"])
        self._clients[client_id] = role["containerId"]
        return client_id

    # Organizations

    def _organizations(self, scope: Scope, seen: _Seen) -> None:
        """Organizations by alias, in one list since no query finds an alias; their members with their kind.

        MANAGED members are told apart: taking one out would delete the account.
        """
        if not scope.organizations:
            return
        everything = seen.answers.of(
            ORGANIZATIONS, lambda: self._connection.paged("organizations", briefRepresentation="false")
        )
        found = [one for one in everything if folded(one["alias"]) in scope.organizations]
        members_of = self._connection.all_of(
            lambda one: seen.answers.of(ORG_MEMBERS + one["id"], lambda: self._organization_members(one)),
            found,
        )
        for organization, members in zip(found, members_of, strict=True):
            place = (folded(organization["alias"]),)
            self._note_organization(Key(Kind.ORGANIZATION, place), organization, seen)
            for user in members:
                seen.users.setdefault(user["id"], user)
                managed = {"membership": ("MANAGED",)} if user.get("membershipType") == "MANAGED" else {}
                seen.state[Key(Kind.ORG_MEMBER, place, (user["id"],))] = managed

    def _organization_members(self, organization: dict[str, Any]) -> list[User]:
        where = ("organizations", organization["id"], "members")
        found = self._connection.paged(*where, briefRepresentation="true")
        return [{**brief(user), "membershipType": user.get("membershipType")} for user in found]

    def _note_organization(self, key: Key, organization: dict[str, Any], seen: _Seen) -> None:
        seen.natives[key] = organization["id"]
        seen.state[key] = {"name": (folded(organization["name"]),), **group_attrs(organization)}
        owner = (organization.get("attributes") or {}).get(OWNER)
        if owner:
            seen.marks[key] = owner[0]

    # People

    def _people(self, scope: Scope, seen: _Seen) -> None:
        """Look up who was not met as a member; whole profiles for those whose profile is compared."""
        wanted = sorted((scope.natives - seen.users.keys()) | scope.profiles)
        self._ask_by_id(seen.answers, wanted)
        for native in wanted:
            user: User | None = seen.answers.of(USER + native, dict)
            if user:
                seen.users[native] = user
        known = {
            user[name] for user in seen.users.values() for name in ("username", "email") if user.get(name)
        }
        unknown = sorted({text.lower() for text in scope.people} - known)
        self._ask_by_text(seen.answers, unknown)
        for text in unknown:
            found: list[User] = seen.answers.of(WHO + text, list)
            for one in found:
                seen.users.setdefault(one["id"], one)

    def _ask_by_id(self, answers: Answers, natives: list[str]) -> None:
        unknown = [one.removeprefix(USER) for one in answers.open(USER + native for native in natives)]
        batches = [unknown[start : start + IDS] for start in range(0, len(unknown), IDS)]
        found = [user for users in self._connection.all_of(self._by_id, batches) for user in users]
        by_id = {user["id"]: whole(user) for user in found}
        for native in unknown:
            answers.put(USER + native, by_id.get(native))

    def _ask_by_text(self, answers: Answers, texts: list[str]) -> None:
        unknown = [one.removeprefix(WHO) for one in answers.open(WHO + text for text in texts)]
        found = [whole(user) for user in self._by_text(unknown)]
        by_name: dict[str, list[User]] = {}
        for user in {user["id"]: user for user in found}.values():
            for name in {user["username"], user.get("email")}:
                by_name.setdefault(name, []).append(user)
        for text in unknown:
            answers.put(WHO + text, by_name.get(text, []))

    def _by_id(self, natives: list[str]) -> list[User]:
        return list(
            self._connection.get(
                "users", search=f"id:{' '.join(natives)}", briefRepresentation="false", max=-1
            )
        )

    def _by_text(self, texts: list[str]) -> Iterable[User]:
        if len(texts) > LOOKUPS_PER_PAGE:
            count = self._connection.get("users", "count")
            if (count // PAGE + 1) * LOOKUPS_PER_PAGE < len(texts):
                return self._among_all(set(texts))
        return [user for users in self._connection.all_of(self._look_up, texts) for user in users]

    def _among_all(self, texts: set[str]) -> list[User]:
        """Those of the whole realm; one by one where a user federation mixes the order of pages."""
        try:
            everybody = self._connection.paged("users", briefRepresentation="false")
        except IncompleteRead:
            return [user for users in self._connection.all_of(self._look_up, sorted(texts)) for user in users]
        return [user for user in everybody if texts & {user["username"], user.get("email")}]

    def _look_up(self, text: str) -> list[User]:
        """Who has this address or username. A quoted search is exact and covers both in one request."""
        query = {"search": f'"{text}"'} if "@" in text else {"username": text, "exact": "true"}
        users = self._connection.get("users", **query, briefRepresentation="false", first=0, max=PAGE)
        return [user for user in users if text in (user["username"], user.get("email"))]

    def _accounts(self, seen: _Seen) -> tuple[Account, ...]:
        """Every account met, as facts too."""
        for user in seen.users.values():
            key = Key(Kind.PERSON, (), (user["id"],))
            seen.state[key] = person_attrs(user)
            seen.natives[key] = user["id"]
        return tuple(
            account(self._target, user)
            for user in sorted(seen.users.values(), key=lambda user: user["username"])
        )


def _placed(parent: Path, groups: list[Group]) -> list[tuple[Path, Group]]:
    """Each group with its place, in Unicode form NFC unless a sibling bears exactly that name already."""
    exact = {group["name"] for group in groups}
    placed = []
    for group in groups:
        name = folded(group["name"])
        placed.append(((*parent, group["name"] if name in exact else name), group))
    return placed


def _inside(place: Path, tops: frozenset[Path]) -> bool:
    return any(place[:depth] in tops for depth in range(1, len(place) + 1))
