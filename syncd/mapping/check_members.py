"""PURE: checks of member lists: roles in scope, entries that name something, no person twice."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from syncd.mapping.check_names import fold_address
from syncd.mapping.names import UnknownName
from syncd.mapping.schema import PersonMember, RosterMember, UnitMember
from syncd.mapping.suggestions import did_you_mean, meant_or_listed
from syncd.mapping.template import UNIT_NAMES, TemplateError, parse
from syncd.mapping.tree_paths import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.mapping.check_report import Keys, Located, Report
    from syncd.mapping.schema import MemberEntry
    from syncd.model import Path


def check_members(report: Report, here: Located, units: Mapping[Path, Located]) -> None:
    """Every member list of a unit."""
    members = here.unit.members
    if isinstance(members, str):  # unmanaged
        return
    lists: dict[str, str] = {}
    for written, entries in members.items():
        keys = (*here.keys, "members", written)
        role = _role(report, keys, written, here)
        if role is None:
            continue
        if role in lists:
            report.error(keys, f'"{written}" and "{lists[role]}" are one role', "make one list of the two")
        lists[role] = written
        if entries and not report.document.roles[role].assignable:
            report.error(keys, f'the role "{role}" is not given by files', "it is `assignable: false`")
        _check_entries(report, keys, entries, here, units)


def _role(report: Report, keys: Keys, written: str, here: Located) -> str | None:
    if written:
        return report.role(keys, written, kind=here.kind, key=True)
    try:
        return report.roles.default(here.kind, report.document.invitations.default_role)
    except UnknownName as unknown:
        report.error(keys, unknown.message, unknown.hint)
        return None


def _check_entries(
    report: Report, keys: Keys, entries: Sequence[MemberEntry], here: Located, units: Mapping[Path, Located]
) -> None:
    seen: dict[str, list[tuple[int, PersonMember]]] = {}
    for index, entry in enumerate(entries):
        if type(entry) is PersonMember:
            _check_person(report, (*keys, index), entry)
            twins = seen.setdefault(fold_address(entry.person), [])
            if twins:
                _check_twice(report, keys, index, entry, twins)
            twins.append((index, entry))
        elif isinstance(entry, RosterMember):
            report.known((*keys, index, "roster"), (entry.roster,), report.document.rosters, "roster")
        elif isinstance(entry, UnitMember):
            _check_other_unit(report, (*keys, index), entry, here, units)


def _check_person(report: Report, keys: Keys, entry: PersonMember) -> None:
    text = entry.person
    where = (*keys, "person")
    if not text or text != text.strip() or not text.isprintable():
        report.value(
            where, f'"{visible(text)}" cannot be a person', "an address, a key of `people` or a username"
        )
    elif "@" in text and not is_address(text):
        report.value(where, f'"{text}" is not an e-mail address')
    if entry.from_ and entry.until and entry.until < entry.from_:
        report.value(
            (*keys, "until"), f"ends on {entry.until}, before it begins on {entry.from_}", "exchange the two"
        )


_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


def is_address(text: str) -> bool:
    """Whether the text can be an e-mail address: one @ with something on both sides, no blank."""
    return _ADDRESS.fullmatch(text) is not None


def _check_twice(
    report: Report, keys: Keys, index: int, entry: PersonMember, twins: list[tuple[int, PersonMember]]
) -> None:
    """One person twice in a role: wrong in one file, a note across files, well where the days do not meet."""
    for earlier, twin in twins:
        if not _overlap(entry, twin):
            continue
        here, there = report.places.at((*keys, index)), report.places.at((*keys, earlier))
        message = f'"{entry.person}" is here twice'
        if here.file == there.file:
            report.error((*keys, index), message, f"the first is in line {there.line}; keep one")
        else:
            report.warn((*keys, index), message, f"the other is at {there}")
        return


def _overlap(one: PersonMember, other: PersonMember) -> bool:
    latest = max(one.from_ or date.min, other.from_ or date.min)
    return latest <= min(one.until or date.max, other.until or date.max)


def _check_other_unit(
    report: Report, keys: Keys, entry: UnitMember, here: Located, units: Mapping[Path, Located]
) -> None:
    target = _target(entry.members_of, here.names)
    other = units.get(target) if target else None
    if entry.members_of == ".." and not target:
        report.value((*keys, "members_of"), "there is no unit above a root")
    elif other is None:
        known = ["/" + "/".join(names) for names in units]
        hint = did_you_mean(entry.members_of, known) or "give its path, as /a/b, or .. for the unit above"
        report.value((*keys, "members_of"), f'there is no unit "{entry.members_of}"', hint)
    else:
        _check_role_there(report, keys, entry, other)


def _check_role_there(report: Report, keys: Keys, entry: UnitMember, other: Located) -> None:
    """Holders below the unit may hold a role that the unit itself does not know."""
    report.role((*keys, "role"), entry.role, kind="" if entry.below else other.kind)


def _target(text: str, names: Path) -> Path | None:
    if text == "..":
        return names[:-1]
    return tuple(text[1:].split("/")) if text.startswith("/") else None


def check_kind_members(report: Report, kind: str) -> None:
    """The entries that every unit of a kind gets, with their templates."""
    for written, entries in report.document.kinds[kind].members.items():
        keys = ("kinds", kind, "members", written)
        report.role(keys, written, kind=kind, key=True)
        for index, entry in enumerate(entries):
            here = (*keys, index)
            if isinstance(entry, PersonMember):
                _check_template(report, (*here, "person"), entry.person)
            elif isinstance(entry, RosterMember):
                _check_roster_of_kind(report, here, entry)
            elif isinstance(entry, UnitMember):
                _check_template(report, (*here, "members_of"), entry.members_of)
                report.role((*here, "role"), entry.role)


def _check_roster_of_kind(report: Report, keys: Keys, entry: RosterMember) -> None:
    if "{" not in entry.roster and entry.roster not in report.document.rosters:
        hint = meant_or_listed(entry.roster, report.document.rosters)
        report.value((*keys, "roster"), f'unknown roster "{entry.roster}"', hint)
    _check_template(report, (*keys, "roster"), entry.roster)
    if isinstance(entry.where, dict):
        for column, condition in entry.where.items():
            for value in condition.wanted:
                _check_template(report, (*keys, "where", column), value)


def _check_template(report: Report, keys: Keys, text: str) -> None:
    try:
        parse(text, UNIT_NAMES)
    except TemplateError as error:
        report.value(keys, error.message, error.hint)
