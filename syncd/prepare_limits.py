"""How far a run may go: the policies asked for, in force and waiting, and the limits that they give."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from syncd import identity
from syncd.mapping import limits, parts
from syncd.mapping.limits_units import (
    UnitPolicy,
    unit_limits,
    units_document,
    units_from,
    units_in_force,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.mapping.schema import Policy
    from syncd.model import Limits, Origin
    from syncd.prepare import Job

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Policies:
    """What the files ask for (`wanted`, `units_wanted`), what is in force, and what waits for approval."""

    wanted: Policy
    units_wanted: Mapping[str, UnitPolicy]
    in_force: Policy
    units: Mapping[str, UnitPolicy]
    waiting: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """What the files ask for, as the store keeps what was accepted."""
        return {**limits.policy_document(self.wanted), **units_document(self.units_wanted)}


def policies_of(job: Job, ledger: Sequence[Origin]) -> Policies:
    """The policies of mapping and units: asked for, in force, and what waits because it became looser."""
    compiled = job.files.compiled
    wanted = limits.overlay(job.operator, compiled.policy)
    accepted = job.store.accepted_policy(job.mapping) or {}
    in_force, loosened = limits.in_force(wanted, limits.policy_from(accepted) if accepted else None)
    units = units_in_force(compiled, in_force, units_from(accepted), ledger)
    loosened += waiting(units, loosened)
    return Policies(wanted, units_in_force(compiled, wanted), in_force, units, tuple(loosened))


def limits_in_force(job: Job, policies: Policies, people: identity.Resolution) -> Limits:
    """The limits of mapping and units by the policies in force, with what was taken away within a day."""
    first = not job.store.first_apply_done(job.mapping)
    lately = job.store.removed_since(job.mapping, job.now() - DAY)
    removed = parts.removed_here(lately, job.part, job.homes)
    adoptions = job.store.adoptions(job.mapping)
    whole = limits.limits_of(policies.in_force, first=first, removed_last_day=removed)
    units = unit_limits(job.files.compiled, policies.units, first=first, removed=removed)

    def known(bounds: Limits) -> Limits:
        protected = bounds.protected | _ids(bounds.protected, people)
        free = bounds.first_plan and job.confirmed  # a first plan that nobody looks at is held to every limit
        return replace(bounds, protected=protected, adoptions=adoptions, first_plan=free)

    once = {each.unit: known(each) for each in units.values()}
    return replace(known(whole), units={name: once[each.unit] for name, each in units.items()})


def _ids(names: frozenset[str], people: identity.Resolution) -> frozenset[str]:
    """The persons whom these texts name: keys of facts hold ids, a policy holds names."""
    folded = {identity.fold(name) for name in names}
    known = (
        person.id for person in people.persons.values() if folded & (person.addresses | person.usernames)
    )
    return frozenset({*known, *(id_ for text, id_ in people.ids.items() if identity.fold(text) in folded)})
