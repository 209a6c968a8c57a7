"""Checks of units: where they stand, what they are called, what they must hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.mapping.check_members import check_kind_members, check_members
from syncd.mapping.check_model import is_key_of_unit
from syncd.mapping.check_names import folded, name_fault
from syncd.mapping.check_report import located
from syncd.mapping.check_rules import check_timezone
from syncd.mapping.names import RoleNames
from syncd.mapping.suggestions import did_you_mean, meant_or_listed
from syncd.mapping.tree_paths import visible
from syncd.mapping.variants import VariantError, effective_document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.mapping.check_report import Located, Report
    from syncd.model import Path

NEVER_GRANTED = frozenset({"realm-management"})


def check_units(report: Report) -> None:
    """Everything about the units of the mapping and who is named in them, each by the model of its root."""
    units = {each.names: each for each in located(report.document)}
    reports = {each.names[0]: _of_root(report, each) for each in units.values() if not each.above}
    for each in units.values():
        own = reports[each.names[0]]
        _check_standing(own, each)
        _check_words(own, each)
        _check_attached(own, each, units)
        _check_grants(own, each)
        check_members(own, each, units)
    for kind in report.document.kinds:
        check_kind_members(report, kind)
    _check_names(report, units)
    _check_ids(report, units)
    _check_former(report, units)


def _of_root(report: Report, root: Located) -> Report:
    """The same report over the model that the variants leave for a root unit."""
    try:
        document = effective_document(report.document, root.unit.settings)
    except VariantError:  # told where the variant stands
        return report
    if document is report.document:
        return report
    return replace(report, document=document, roles=RoleNames(document.roles))


def _shown(names: Path) -> str:
    return "/" + "/".join(names)


def _check_standing(report: Report, here: Located) -> None:
    kind = report.document.kinds[here.kind]
    plural = report.document.plural(here.kind)
    allowed = f"they lie within {', '.join(kind.within)}"
    if here.above and here.above not in kind.within:
        hint = allowed if kind.within else f"{here.kind} is a root: write `{plural}` at the left margin"
        report.error(here.keys[:-1], f"no {plural} within units of kind {here.above}", hint)
    elif not here.above and kind.within:
        report.error(here.keys[:-1], f"no {plural} at the top of a mapping", allowed)
    for asked in filter(is_key_of_unit, kind.asks):
        name = asked.removeprefix("attributes.")
        given = here.unit.attributes.get(name) if name != asked else asked in here.unit.model_fields_set
        if not given:
            report.error(here.keys, f"`{asked}` is missing", f"every {here.kind} must say it")


def _check_words(report: Report, here: Located) -> None:
    kind = report.document.kinds[here.kind]
    for key, value, known in (
        ("state", here.unit.state, kind.states),
        ("access", here.unit.access, kind.access),
    ):
        if value is not None and value not in known:
            report.value((*here.keys, key), f'unknown {key} "{value}"', meant_or_listed(value, known))
    if here.unit.settings:
        check_timezone(report, (*here.keys, "settings", "timezone"), here.unit.settings.timezone)


def _check_attached(report: Report, here: Located, units: Mapping[Path, Located]) -> None:
    rule = report.document.kinds[here.kind].attaches_to
    kinds: dict[str, str] = {}
    for where, target in report.items((*here.keys, "attached_to"), here.unit.attached_to):
        other = units.get(tuple(target.removeprefix("/").split("/"))) if target.startswith("/") else None
        if rule is None:
            report.value(
                where, f"units of kind {here.kind} are attached to nothing", "the kind has no `attaches_to`"
            )
        elif other is None:
            known = [_shown(names) for names in units]
            report.value(
                where, f'there is no unit "{target}"', did_you_mean(target, known) or "give its path, as /a/b"
            )
        elif other.kind not in rule.kinds:
            report.value(where, f"{target} is of kind {other.kind}", f"allowed are {', '.join(rule.kinds)}")
        else:
            kinds.setdefault(other.kind, target)
    if rule and rule.one_kind and len(kinds) > 1:
        listed = " and ".join(f"{target} ({kind})" for kind, target in kinds.items())
        report.error((*here.keys, "attached_to"), f"{listed} are of two kinds", "keep one kind")


def _check_grants(report: Report, here: Located) -> None:
    for role, granted in here.unit.grants.items():
        report.role((*here.keys, "grants", role), role, kind=here.kind, key=True)
        for where, name in report.items((*here.keys, "grants", role), granted):
            client, slash, client_role = name.partition("/")
            if not name.strip() or (slash and not (client and client_role)):
                report.value(
                    where, f'"{name}" names no role', "write CLIENT/ROLE, or the name of a realm role"
                )
            elif slash and client in NEVER_GRANTED:
                report.value(
                    where, f'roles of "{client}" are never granted', "give them by hand, outside syncd"
                )


def _check_names(report: Report, units: Mapping[Path, Located]) -> None:
    seen: dict[Path, Located] = {}
    for names, here in units.items():
        fault = name_fault(names[-1])
        if fault:
            report.error(
                here.keys,
                f'the name "{visible(names[-1])}" {fault}',
                "the key of a unit is its name; use `title` for more",
            )
        twin = seen.setdefault((*names[:-1], folded(names[-1])), here)
        if twin is not here:
            message = f'"{names[-1]}" and "{twin.names[-1]}" ({report.places.at(twin.keys)}) look the same'
            report.error(here.keys, message, "siblings must differ by more than case, width or Unicode form")


def _check_ids(report: Report, units: Mapping[Path, Located]) -> None:
    seen: dict[str, Located] = {}
    for here in units.values():
        ident = here.unit.id
        if ident is None:
            continue
        keys = (*here.keys, "id")
        if not ident or ident.startswith("/") or ident != ident.strip() or not ident.isprintable():
            report.value(keys, f'"{ident}" cannot be an id', "printable text that does not begin with /")
        twin = seen.setdefault(ident, here)
        if twin is not here:
            place = report.places.at((*twin.keys, "id"))
            report.value(
                keys,
                f'the id "{ident}" is that of {_shown(twin.names)} ({place}) too',
                "ids are unique in a mapping",
            )


def _check_former(report: Report, units: Mapping[Path, Located]) -> None:
    claimed: dict[Path, Located] = {}
    for names, here in units.items():
        for where, old in report.items((*here.keys, "formerly"), here.unit.formerly):
            path = tuple(old[1:].split("/")) if old.startswith("/") else (*names[:-1], old)
            bearer = units.get(path)
            if bearer is here:
                report.value(where, f'"{old}" is its name now', "give the name it had")
            elif bearer is not None and not bearer.unit.formerly:
                place = report.places.at(bearer.keys)
                report.value(where, f"{_shown(path)} is still declared ({place})", "take out one of the two")
            elif path in claimed:
                message = f"{_shown(claimed[path].names)} was {_shown(path)} already"
                report.value(where, message, "keep one of the two")
            claimed.setdefault(path, here)
