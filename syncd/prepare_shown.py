"""What only the reader of a plan needs: who and what is meant, from where, and what comes next. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.model import Kind
from syncd.plan import suggestions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.identity import Resolution
    from syncd.mapping.compiled import Assignment
    from syncd.model import Owned, Plan, RunPlan
    from syncd.prepare import Files


def described(
    shown: RunPlan,
    files: Files,
    servers: Mapping[str, str],
    people: Resolution,
    owned: Mapping[str, Sequence[Owned]],
) -> RunPlan:
    """The plan with names, titles, sources, dates, suggestions."""
    compiled = files.compiled
    return replace(
        shown,
        unresolved=dict(people.held),
        names=_names(people),
        titles={str(unit): _title(unit.title) or unit.name for unit in compiled.units.values()},
        sources=files.sources,
        upcoming=[(day.isoformat(), _ending(one)) for day, one in compiled.upcoming],
        suggestions=suggestions(shown.plans),
        warnings=compiled.warnings,
        kept=_kept(shown.plans, owned),
        servers=servers,
    )


def _kept(plans: Sequence[Plan], owned: Mapping[str, Sequence[Owned]]) -> dict[str, int]:
    """How many memberships each moved unit keeps, by the unit as it is called now."""
    kept: dict[str, set[tuple[str, str, str]]] = {}
    for one in plans:
        moved = {change.old.place: change.origin.unit for change in one.changes if change.old is not None}
        for row in owned[one.target]:
            unit = moved.get(row.key.place) if row.key.kind is Kind.MEMBER and not row.key.nests else None
            if unit is not None:
                kept.setdefault(unit, set()).add(row.origin.counted)
    return {unit: len(memberships) for unit, memberships in kept.items()}


def _names(people: Resolution) -> dict[str, str]:
    """Person ids as people know them: the text of the file where there is one, else an address."""
    names = {
        person.id: min(person.addresses | person.usernames, default=person.id)
        for person in people.persons.values()
    }
    return {**names, **{person: text for text, person in sorted(people.ids.items(), reverse=True)}}


def _title(title: Mapping[str, str]) -> str:
    return title.get("en") or next(iter(title.values()), "")


def _ending(one: Assignment) -> str:
    return f"{one.text or one.who}: {one.role} in /{'/'.join(one.unit)} ({one.place})"
