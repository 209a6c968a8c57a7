"""What one mapping needs in a realm that the running account may not make: client, roles, claim, profile.

`permissions: global` needs client roles and composites; `permissions: scoped` needs a client scope whose
mapper unites the attribute `syncd.permissions` over all groups of a person into the claim `permissions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from syncd.errors import PermissionMissing
from syncd.model import Change, Kind, Op, Origin, Outcome, Result, Scope
from syncd.targets.keycloak import KeycloakTarget
from syncd.targets.keycloak_bootstrap import ADMINS_ONLY, PERMISSIONS, Bootstrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from syncd.model import Key, State
    from syncd.targets.keycloak_connection import KeycloakConnection

Write: TypeAlias = "Callable[[], list[Outcome]]"
Book: TypeAlias = "Callable[[Sequence[Change], Write], list[Outcome]]"
"""Carries out a write, with its changes claimed in the ledger before and its outcomes recorded after."""

ORDER = (
    (Op.CREATE, Kind.ROLE),
    (Op.CREATE, Kind.COMPOSITE),
    (Op.DELETE, Kind.COMPOSITE),
    (Op.DELETE, Kind.ROLE),
)
SCOPE = "syncd-permissions"
ADMINS_WRITE = {"view": ["admin", "user"], "edit": ["admin"]}
MAPPER = {
    "name": "permissions",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-usermodel-attribute-mapper",
    "config": {
        "user.attribute": PERMISSIONS,
        "claim.name": "permissions",
        "jsonType.label": "String",
        "multivalued": "true",
        "aggregate.attrs": "true",
        "access.token.claim": "true",
        "id.token.claim": "true",
        "userinfo.token.claim": "true",
        "introspection.token.claim": "true",
    },
}
CLIENT = {
    "enabled": True,
    "publicClient": False,
    "standardFlowEnabled": False,
    "directAccessGrantsEnabled": False,
}


def unbooked(_changes: Sequence[Change], write: Write) -> list[Outcome]:
    """Write without a ledger."""
    return write()


def bootstrap_mapping(  # noqa: PLR0913 - what a mapping wants, each part by its name
    admin: KeycloakConnection,
    *,
    client_id: str,
    facts: State,
    origins: Mapping[Key, Origin] | None = None,
    scoped: bool = False,
    attributes: Iterable[str] = (),
    unwanted: Iterable[Key] = (),
    book: Book = unbooked,
) -> tuple[str, ...]:
    """Make what a mapping's desired state names: its role and composite facts, and the claim where scoped.

    `attributes` are those of people that the mapping sets; they become visible to their owner and
    writable by administrators only. A client made here opens no login flow until somebody sets one up.
    `unwanted` composites and roles, which the mapping owns and no longer declares, are taken away.
    Through `book` the roles made belong to the mapping; `origins` says where each fact is declared.
    Returns what was done; an empty tuple where all was there. Raises a `TargetError` at the first refusal.
    """
    work = Bootstrap(admin)
    work.declare({PERMISSIONS: ADMINS_ONLY} | dict.fromkeys(sorted(attributes), ADMINS_WRITE))
    roles = {key: attrs for key, attrs in facts.items() if key.kind in (Kind.ROLE, Kind.COMPOSITE)}
    if scoped or any(key.place[:1] == (client_id,) for key in roles):
        client = work.client(client_id) or work.ensure_client(client_id, dict(CLIENT))
        if scoped:
            scope = work.scope(SCOPE) or _make_scope(work)
            work.assign(client, scope)
    target = KeycloakTarget(admin, marker="")
    changes, natives = _differences(target, roles, origins or {}, frozenset(unwanted))
    if changes:
        work.steps += _told(admin, book(changes, lambda: _written(target, changes, natives)))
    return tuple(work.steps)


def unbootstrap_mapping(
    admin: KeycloakConnection, *, client_id: str, owned: Iterable[Key], scoped: bool = False
) -> tuple[str, ...]:
    """Take away the roles of a mapping that syncd made (`owned`) and its client's claim; the client stays."""
    work = Bootstrap(admin)
    client = work.client(client_id)
    if client is not None and scoped:
        work.drop_scope(client, SCOPE)
    target = KeycloakTarget(admin, marker="")
    changes, natives = _differences(target, {}, {}, frozenset(owned))
    work.steps += _told(admin, _written(target, changes, natives))
    return tuple(work.steps)


def _make_scope(work: Bootstrap) -> dict[str, str]:
    body = {
        "name": SCOPE,
        "description": "What a person may do and where, by the groups she is in",
        "protocol": "openid-connect",
        "attributes": {"include.in.token.scope": "false", "display.on.consent.screen": "false"},
        "protocolMappers": [MAPPER],
    }
    reply = work.write("POST", "client-scopes", body=body, step=f'client scope "{SCOPE}" made')
    return {"id": reply.made, "name": SCOPE}


def _differences(
    target: KeycloakTarget, roles: State, origins: Mapping[Key, Origin], unwanted: frozenset[Key]
) -> tuple[list[Change], dict[Key, str]]:
    """What to make and what to take away, and the native ids of what is there; nothing there is changed."""
    seen = target.read(Scope(frozenset(), roles=_roles_of([*roles, *unwanted])))
    changes = [
        Change(Op.CREATE, key, roles[key], origin=origins.get(key, Origin()))
        for key in sorted(roles)
        if key not in seen.state
    ]
    gone = (key for key in sorted(unwanted) if key.kind in (Kind.ROLE, Kind.COMPOSITE) and key in seen.state)
    changes += [Change(Op.DELETE, key) for key in gone]
    return changes, dict(seen.natives)


def _written(target: KeycloakTarget, changes: Sequence[Change], natives: dict[Key, str]) -> list[Outcome]:
    """Roles before what contains them, and taken away the other way round; after a refusal nothing more."""
    outcomes: list[Outcome] = []
    for op, kind in ORDER:
        these = [change for change in changes if (change.op, change.key.kind) == (op, kind)]
        if all(outcome.result is Result.DONE for outcome in outcomes):
            outcomes += sorted(target.apply(these, natives), key=lambda outcome: outcome.change.key)
            natives.update({one.change.key: one.native for one in outcomes if one.native})
        else:
            outcomes += [Outcome(change, Result.SKIPPED, "", "a role was refused") for change in these]
    return outcomes


def _told(admin: KeycloakConnection, outcomes: Sequence[Outcome]) -> list[str]:
    refused = [outcome.detail for outcome in outcomes if outcome.result is not Result.DONE]
    if refused:
        raise PermissionMissing(
            admin.name,
            "; ".join(dict.fromkeys(refused)),
            "bootstrap wants a realm administrator: manage-realm and manage-clients",
        )
    verbs = {Op.CREATE: "made", Op.DELETE: "removed"}
    return [f"{outcome.change.key} {verbs[outcome.change.op]}" for outcome in outcomes]


def _roles_of(keys: Iterable[Key]) -> frozenset[tuple[str, ...]]:
    """Every role that a fact names, (client id or "", name)."""
    found: set[tuple[str, ...]] = set()
    for key in keys:
        if key.kind is Kind.ROLE:
            found.add((*key.place, *key.item))
        elif key.kind is Kind.COMPOSITE:
            found |= {key.place, key.item}
    return frozenset(found)
