"""PURE: the roles of a mapping with inheritance closed and permissions effective.

Permissions close over `p` ⇒ `p@permitted` ⇒ `p@own`, but only into permissions that some role names:
a token carries what an application asks for, not every narrowing that could be written.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from syncd.mapping.compiled import Role, RootModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.mapping.places import Places
    from syncd.mapping.schema import MappingDocument, RoleModel

POWERS = frozenset({"remove", "change", "disable", "delete", "transfer"})
NARROWINGS = ("", "@permitted", "@own")


def compile_model(document: MappingDocument, granting: frozenset[str], places: Places) -> RootModel:
    """The roles and constraints of a checked document; `granting` are roles with `grants` in some unit."""
    closures = closures_of(document.roles)
    roles = {name: _role(name, document, closures, granting, places) for name in sorted(document.roles)}
    return RootModel(document, roles, document.constraints)


def closures_of(roles: Mapping[str, RoleModel]) -> dict[str, frozenset[str]]:
    """Each role with itself and all it inherits."""
    closures: dict[str, frozenset[str]] = {}
    for name in TopologicalSorter(
        {name: sorted(role.inherits) for name, role in roles.items()}
    ).static_order():
        closures[name] = frozenset({name}).union(*(closures[parent] for parent in roles[name].inherits))
    return closures


def effective(names: Iterable[str], roles: Mapping[str, RoleModel]) -> frozenset[str]:
    """The permissions of roles held together, closed over narrowings that the model names."""
    known = {permission for role in roles.values() for permission in role.permissions}
    direct = {permission for name in names for permission in roles[name].permissions}
    return frozenset(
        direct | {wider for permission in direct for wider in _implied(permission) if wider in known}
    )


def _implied(permission: str) -> Iterable[str]:
    """`p` implies `p@permitted` implies `p@own`."""
    stem, _, narrowing = permission.partition("@")
    at = f"@{narrowing}" if narrowing else ""
    if at not in NARROWINGS:
        return ()
    return tuple(f"{stem}{each}" for each in NARROWINGS[NARROWINGS.index(at) + 1 :])


def _role(
    name: str,
    document: MappingDocument,
    closures: Mapping[str, frozenset[str]],
    granting: frozenset[str],
    places: Places,
) -> Role:
    model, closure = document.roles[name], closures[name]
    powerful = granting | {row.by for row in document.administration if POWERS.intersection(row.may)}
    minimum, maximum = _cardinality(name, document)
    return Role(
        name=name,
        scope=frozenset(model.scope or document.kinds),
        closure=closure,
        inherits=tuple(sorted(model.inherits)),
        permissions=effective(closure, document.roles),
        privileged=bool(closure & powerful) if model.privileged is None else model.privileged,
        minimum=minimum,
        maximum=maximum,
        assignable=model.assignable,
        title=model.title,
        place=places.at(("roles", name)),
        formerly=model.formerly,
    )


def _cardinality(name: str, document: MappingDocument) -> tuple[int, int | None]:
    """The role's own numbers and those of constraints; the tightest count."""
    stated = [document.roles[name].cardinality]
    stated += [
        rule.cardinality[name]
        for rule in document.constraints
        if rule.cardinality and name in rule.cardinality
    ]
    highest = [each.max for each in stated if each.max is not None]
    return max(each.min for each in stated), min(highest, default=None)
