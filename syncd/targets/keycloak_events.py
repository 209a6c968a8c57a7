"""What admin events say may be different now. Pure: an event gives ids and a reason to look, never a fact.

Without details, which hold personal data, an event names the path of a request and no more: who was made
below a group or moved there is not said, and so the list is doubted instead. What events of Keycloak 26.7
do not show (joins in the request that makes an account, accounts deleted with their organization, members
of a deleted group) is looked up beside what they do show; what leaves no event at all, as registrations
and changes by people themselves, is left to the next whole read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

QUIET = frozenset(
    {
        *("CLIENT_SCOPE", "CLIENT_SCOPE_MAPPING", "CLIENT_SCOPE_CLIENT_MAPPING", "REALM_SCOPE_MAPPING"),
        *("PROTOCOL_MAPPER", "AUTH_FLOW", "AUTH_EXECUTION", "AUTH_EXECUTION_FLOW", "AUTHENTICATOR_CONFIG"),
        *("REQUIRED_ACTION", "CLIENT_INITIAL_ACCESS_MODEL", "CLUSTER_NODE", "USER_LOGIN_FAILURE"),
        *("USER_SESSION", "IDENTITY_PROVIDER", "IDENTITY_PROVIDER_MAPPER"),
        *("ORGANIZATION_GROUP", "ORGANIZATION_GROUP_MEMBERSHIP"),
    }
)
"""Kinds of changes that touch nothing a mapping reads. One that is named nowhere is a reason to read all."""


@dataclass(frozen=True, slots=True)
class Event:
    """One admin event; `time` in milliseconds since 1970, `path` empty where Keycloak leaves it out."""

    id: str
    time: int
    operation: str
    kind: str
    path: tuple[str, ...]

    @classmethod
    def of(cls, representation: Mapping[str, Any]) -> Event:
        """The event as the Admin API shows it."""
        path = tuple(filter(None, representation.get("resourcePath", "").split("/")))
        return cls(
            representation["id"],
            int(representation["time"]),
            representation["operationType"],
            representation["resourceType"],
            path,
        )


@dataclass(slots=True)
class Doubts:
    """Of what was known, what may be different; `everything` is the reason for reading all, if any."""

    everything: str = ""
    tops: bool = False  # a group came to the top
    tree: bool = False  # a group moved, and nobody says from where
    roles: bool = False
    aliases: bool = False  # an organization came
    groups: set[str] = field(default_factory=set)  # ids; what they say or which roles they have
    parents: set[str] = field(default_factory=set)  # something came to be below them
    gone_groups: set[str] = field(default_factory=set)
    users: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)  # accounts, which may have come with memberships
    gone: set[str] = field(default_factory=set)  # accounts that may be no longer there
    edges: dict[str, set[str]] = field(default_factory=dict)  # group → accounts that came or went
    left: set[tuple[str, str]] = field(default_factory=set)  # (account, group) that may be no longer so
    organizations: set[str] = field(default_factory=set)  # ids; their members


def doubts_of(events: Iterable[Event]) -> Doubts:
    """What these events are a reason to look at again."""
    doubts = Doubts()
    for event in events:
        _note(event, doubts)
    return doubts


def _note(event: Event, doubts: Doubts) -> None:
    match event.kind:
        case "GROUP":
            _note_group(event, doubts)
        case "USER":
            _note_user(event, doubts)
        case "GROUP_MEMBERSHIP":
            _note_membership(event, doubts)
        case "REALM_ROLE_MAPPING" | "CLIENT_ROLE_MAPPING" if event.path[:1] == ("groups",):
            doubts.groups.add(event.path[1])
        case "REALM_ROLE_MAPPING" | "CLIENT_ROLE_MAPPING" if event.path[:1] in (
            ("users",),
            ("organizations",),
        ):
            pass  # roles of one account are nothing that a mapping reads
        case "REALM_ROLE" | "CLIENT_ROLE" | "CLIENT":
            doubts.roles = True
            # A role that is gone or has another name is so in every group that has it.
            doubts.tree |= event.operation != "CREATE" and event.path[-1:] != ("composites",)
        case "ORGANIZATION" | "ORGANIZATION_MEMBERSHIP":
            _note_organization(event, doubts)
        case kind if kind not in QUIET:
            doubts.everything = _words(event)


def _note_group(event: Event, doubts: Doubts) -> None:
    match event.operation, event.path:
        case "CREATE", ("groups", _):
            doubts.tops = True
        case "CREATE", ("groups", parent, "children"):
            doubts.parents.add(parent)
        case "UPDATE", ("groups",) | ("groups", _, "children"):
            doubts.tree = True
        case "UPDATE", ("groups", group):
            doubts.groups.add(group)
        case "DELETE", ("groups", group):
            doubts.gone_groups.add(group)
        case _:
            doubts.everything = _words(event)


def _note_user(event: Event, doubts: Doubts) -> None:
    match event.operation, event.path:
        case "CREATE", ("users", user):
            doubts.made.add(user)
            doubts.users.add(user)
        case "DELETE", ("users", user):
            doubts.gone.add(user)
            doubts.users.add(user)
        case _, ("users", user, *_):
            doubts.users.add(user)
        case _:
            doubts.everything = _words(event)


def _note_membership(event: Event, doubts: Doubts) -> None:
    match event.operation, event.path:
        case operation, ("users", user, "groups", group):
            doubts.edges.setdefault(group, set()).add(user)
            if operation == "DELETE":
                doubts.left.add((user, group))
        case _:
            doubts.everything = _words(event)


def _note_organization(event: Event, doubts: Doubts) -> None:
    match event.kind, event.operation, event.path:
        case "ORGANIZATION", "CREATE", _:
            doubts.aliases = True
        case "ORGANIZATION_MEMBERSHIP", "ACTION", _:
            pass  # an invitation: whoever accepts it leaves no event
        case "ORGANIZATION_MEMBERSHIP", "DELETE", ("organizations", organization, "members", user):
            # Taking out a MANAGED member deletes the account, without an event of its own.
            doubts.organizations.add(organization)
            doubts.users.add(user)
            doubts.gone.add(user)
        case "ORGANIZATION_MEMBERSHIP", _, ("organizations", organization, *_):
            doubts.organizations.add(organization)
        case _:
            doubts.everything = _words(event)  # changing or deleting one locks or deletes accounts


def _words(event: Event) -> str:
    return f"{event.operation} of {event.kind} at {'/'.join(event.path) or 'the realm'}"
