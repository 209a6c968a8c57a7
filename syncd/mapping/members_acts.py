"""PURE: memberships given by acts, as further members of the role in the unit that each act names.

An act names its unit and role as they were called on that day, so both are looked up by what they were
called before, too. What cannot be found any more is passed over with a warning: the files took it away.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.errors import Place
from syncd.mapping.check_names import fold_address
from syncd.mapping.compiled import Assignment
from syncd.mapping.schema import PersonMember

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from syncd.acts import Grant
    from syncd.mapping.compile_findings import Findings
    from syncd.mapping.compile_people import People
    from syncd.mapping.compiled import Compiled, Role, RootModel, Unit
    from syncd.mapping.members import Lines, Slot
    from syncd.model import Path


def place_of(grant: Grant) -> Place:
    """Where a membership that no file declares is written: the act itself, which has no lines."""
    return Place(f"act {grant.id}", 0, 0)


def unite(
    lines: Lines, units: Mapping[Path, Unit], models: Mapping[str, RootModel], acts: Sequence[Grant]
) -> None:
    """Put every act under the role in the unit that it means, and end the seeds that acts took over.

    A seed (`initial: true`) ends with the first membership that is given there, not with one that waits:
    an invitation takes the role from nobody.
    """
    named: dict[str, list[Unit]] = {}
    for unit in units.values():
        for uid in {unit.uid, *unit.former}:
            named.setdefault(uid, []).append(unit)
    for grant in sorted(acts, key=lambda one: one.id):
        slot = _slot(lines.findings, named.get(grant.unit, []), models, grant)
        if slot is None:
            continue
        lines.acts.setdefault(slot, []).append(grant)
        declared = lines.of.setdefault(slot, [])
        if not grant.waits:
            lines.of[slot] = [line for line in declared if not _is_seed(line.entry)]


def given(
    grants: Iterable[Grant], slot: Slot, people: People, authors: Mapping[str, str], unknown: str
) -> Iterator[Assignment]:
    """The memberships of one role in one unit that acts gave; `authors` has names by person id.

    Nobody is invited once more for having been let in by an act, nor gets an account while invited.
    """
    for grant in grants:
        place, source = place_of(grant), grant.source.value
        yield Assignment(
            unit=slot[0],
            role=slot[1],
            who=people.acted(grant.who, source, place),
            place=place,
            source=source,
            rule=_rule(grant, authors),
            until=grant.until,
            reason=grant.reason,
            unknown="wait" if grant.waits or unknown == "invite" else unknown,
            text=fold_address(grant.who),
            waits=grant.waits,
            since=grant.since,
        )


def authors_of(acts: Iterable[Grant]) -> dict[str, str]:
    """Person ids as acts call the person."""
    return {grant.person: grant.who for grant in acts if grant.person}


def renamed(compiled: Compiled, acts: Iterable[Grant]) -> tuple[Grant, ...]:
    """The acts whose unit or role is called otherwise by now, with the names of today.

    To be written down after a run has made the rename true, so that `formerly` may leave the files.
    """
    found: list[Grant] = []
    for grant in acts:
        units = [unit for unit in compiled.units.values() if grant.unit in (unit.uid, *unit.former)]
        role = _role(compiled.models, units[0], grant.role) if len(units) == 1 else None
        if role is not None and (grant.unit, grant.role) != (units[0].uid, role.name):
            found.append(replace(grant, unit=units[0].uid, role=role.name))
    return tuple(found)


def _slot(
    findings: Findings, units: Sequence[Unit], models: Mapping[str, RootModel], grant: Grant
) -> Slot | None:
    """The role in the unit that the act means; a warning where there is none any more."""
    place, path = place_of(grant), f"{grant.unit}.members.{grant.role}"
    what = f'{grant.who or "nobody"} was given "{grant.role}" in {grant.unit}'
    if len(units) > 1:
        names = " and ".join(sorted(str(unit) for unit in units))
        hint = (
            "if the rename is done, take its `formerly` out of the files; "
            "if not, rename in two steps, with a run between them"
        )
        findings.note(place, path, f"{what}, and {names} are or were called so", hint, "error")
        return None
    why = f"there is no unit {grant.unit} any more"
    if units:
        role = _role(models, units[0], grant.role)
        if role is not None and role.name not in units[0].unmanaged and grant.who:
            return units[0].path, role.name
        why = _why_not(units[0], role, grant)
    hint = (
        "say `formerly` where it is now; "
        "or put it back, remove the membership by an act, and take it out again"
    )
    findings.note(place, path, f"{what}, and {why}: it holds nothing", hint, "warning")
    return None


def _role(models: Mapping[str, RootModel], unit: Unit, written: str) -> Role | None:
    """The role of that name in the unit, or the one that had the name before."""
    declared = [models[unit.path[0]].roles[name] for name in unit.roles]
    now = [role for role in declared if role.name == written]
    before = [role for role in declared if written in role.formerly]
    return next(iter(now + before), None)


def _why_not(unit: Unit, role: Role | None, grant: Grant) -> str:
    if role is None:
        return f'the {unit.kind} {unit} has no role "{grant.role}" any more'
    if role.name in unit.unmanaged:
        return f"the members of {unit} are unmanaged"
    return "it names no person"


def _is_seed(entry: object) -> bool:
    return isinstance(entry, PersonMember) and entry.initial


def _rule(grant: Grant, authors: Mapping[str, str]) -> str:
    by = authors.get(grant.by, grant.by)
    day = f" on {grant.since.date().isoformat()}" if grant.since else ""
    return f"given by {by}{day}" if by else f"given{day}"
