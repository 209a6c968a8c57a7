"""PURE: checks of kinds and roles: names, references, cycles, plurals, former names."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from syncd.mapping.check_names import name_fault
from syncd.mapping.schema import MappingDocument, UnitModel
from syncd.mapping.suggestions import did_you_mean, meant_or_listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.mapping.check_report import Report
    from syncd.mapping.schema import KindModel, RoleModel

_ID = re.compile(r"[a-z][a-z0-9-]{0,62}")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
RESERVED = frozenset({*MappingDocument.model_fields, *UnitModel.model_fields, "under"})
ASKABLE = frozenset(UnitModel.model_fields) - {"units"}


def is_key_of_unit(asked: str) -> bool:
    """Whether a unit can hold this key; `attributes.NAME` is one too."""
    return asked in ASKABLE or re.fullmatch(r"attributes\..+", asked) is not None


def check_model(report: Report) -> None:
    """Everything about the mapping's id, its kinds and its roles."""
    _check_id(report)
    for name, kind in report.document.kinds.items():
        _check_kind(report, name, kind)
    _check_plurals(report)
    _check_reachable(report)
    _check_former(report, "kinds", report.document.kinds)
    for name, role in report.document.roles.items():
        _check_role(report, name, role)
    _check_inheritance(report)
    _check_former(report, "roles", report.document.roles)


def _check_id(report: Report) -> None:
    document = report.document
    for keys, name in ((("mapping",), document.mapping), *report.items(("formerly",), document.formerly)):
        if not _ID.fullmatch(name):
            hint = "lower-case letters, digits and hyphens, a letter first, 63 at most"
            if not report.places.has(keys):
                hint = f"give it an id with `mapping:`: {hint}"
            report.value(keys, f'"{name}" cannot be the id of a mapping', hint)
    if document.mapping in document.formerly:
        report.value(("formerly",), f'"{document.mapping}" is the id it has now', "drop it here")


def _check_kind(report: Report, name: str, kind: KindModel) -> None:
    keys = ("kinds", name)
    kinds = report.document.kinds
    if not _KIND.fullmatch(name):
        report.error(
            keys, f'"{name}" cannot be the name of a kind', "letters, digits, _ and -, a letter first"
        )
    report.known((*keys, "within"), kind.within, kinds, "kind")
    for where, asked in report.items((*keys, "asks"), kind.asks):
        if not is_key_of_unit(asked):
            hint = did_you_mean(asked, ASKABLE) or f"one of {', '.join(sorted(ASKABLE))}, attributes.NAME"
            report.value(where, f'"{asked}" is no key of a unit', hint)
    for key, values in (("states", kind.states), ("access", kind.access)):
        if not values:
            report.value((*keys, key), "an empty list leaves nothing to choose")
        if len(set(values)) < len(values):
            report.value((*keys, key), "a value is here twice", "keep one")
    if kind.attaches_to:
        report.known((*keys, "attaches_to", "kinds"), kind.attaches_to.kinds, kinds, "kind")


def _check_plurals(report: Report) -> None:
    seen: dict[str, str] = {}
    for name, kind in report.document.kinds.items():
        plural = report.document.plural(name)
        keys = ("kinds", name, "plural") if kind.plural else ("kinds", name)
        if plural in RESERVED:
            report.error(
                keys, f'the plural "{plural}" is a key of the format', f"give {name} another `plural`"
            )
        elif plural in seen:
            message = f'the plural "{plural}" is that of {seen[plural]} too'
            report.error(keys, message, f"give {name} another `plural`")
        seen.setdefault(plural, name)


def _check_reachable(report: Report) -> None:
    kinds = report.document.kinds
    reached = {name for name, kind in kinds.items() if not kind.within}
    if not reached:
        report.error(("kinds",), "there is no root kind", "a kind without `within` is a root")
        return
    while more := {name for name, kind in kinds.items() if reached & set(kind.within)} - reached:
        reached |= more
    for name, kind in kinds.items():
        if name not in reached and all(above in kinds for above in kind.within):
            hint = "a kind without `within` is a root; every other lies within one in the end"
            report.error(("kinds", name), f"no root kind leads to {name}", hint)


def _check_role(report: Report, name: str, role: RoleModel) -> None:
    keys = ("roles", name)
    fault = name_fault(name.replace("/", "", 1)) or (
        "/" in (name[0], name[-1]) and "has nothing beside its /"
    )
    if name.count("/") > 1 or fault:
        reason = "holds more than one /" if name.count("/") > 1 else fault
        report.error(keys, f'the role name "{name}" {reason}', "for example member or room/admin")
    report.known((*keys, "scope"), role.scope, report.document.kinds, "kind")
    for where, inherited in report.items((*keys, "inherits"), role.inherits):
        if inherited not in report.document.roles:
            report.value(
                where, f'unknown role "{inherited}"', meant_or_listed(inherited, report.document.roles)
            )
    for where, permission in report.items((*keys, "permissions"), role.permissions):
        if "#" in permission:
            report.value(
                where, f'the permission "{permission}" holds a #', "that sign parts path and permission"
            )
        elif not permission or not permission.isprintable() or permission != permission.strip():
            report.value(where, f'"{permission}" cannot be the name of a permission')


def _check_inheritance(report: Report) -> None:
    roles = report.document.roles
    graph = {name: [each for each in role.inherits if each in roles] for name, role in sorted(roles.items())}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        start = circle.index(min(circle))
        turned = [*circle[start:-1], *circle[:start], circle[start]]
        message = (
            f"the roles inherit one another in a circle: {' → '.join(dict.fromkeys(turned))} → {turned[0]}"
        )
        report.value(("roles", turned[0], "inherits"), message, "take one step out")


def _check_former(report: Report, key: str, named: Mapping[str, KindModel] | Mapping[str, RoleModel]) -> None:
    """A former name is free, or its bearer was itself renamed in the same go; no two claim one."""
    claimed: dict[str, str] = {}
    for name, model in named.items():
        for where, old in report.items((key, name, "formerly"), model.formerly):
            if old == name or (old in named and not named[old].formerly):
                report.value(where, f'"{old}" is still declared', "take out one of the two")
            elif old in claimed:
                report.value(where, f'"{claimed[old]}" was "{old}" already', "keep one of the two")
            claimed.setdefault(old, name)
