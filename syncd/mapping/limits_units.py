"""PURE: policies of units: each holds for its unit and all below, and is never looser than the one above.

As for a whole mapping, what became looser than the policy accepted last waits for approval. A unit that
left the files keeps its accepted policy as long as something of it is ours, so that taking out a unit
does not take out what protects it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from syncd.mapping.limits import UNITS, in_force, limits_of, looser, policy_document, policy_from, tightened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.mapping.compiled import Compiled, Unit
    from syncd.mapping.schema import Policy
    from syncd.model import Limits, Origin

WHOLE = ("mails", "source_shrink", "schedule", "split")
"""What is the whole mapping's and cannot be different in a unit."""


@dataclass(frozen=True, slots=True)
class UnitPolicy:
    """The policy of one unit that has its own: its path, and the ids and paths by which facts know it."""

    path: str
    names: frozenset[str]
    policy: Policy
    waiting: tuple[str, ...] = ()  # fields that became looser


def units_in_force(
    compiled: Compiled,
    whole: Policy,
    accepted: Mapping[str, Policy] | None = None,
    ledger: Iterable[Origin] = (),
) -> dict[str, UnitPolicy]:
    """By unit id, the policy to use now in each unit that has, or until now had, one of its own.

    `whole` is that of the mapping in force; `accepted` were accepted last, by the unit's id then;
    `ledger` are the origins of what is ours.
    """
    before, stood = dict(accepted or {}), _stood(ledger)
    found: dict[str, UnitPolicy] = {}
    for unit in compiled.units.values():  # above before below
        old = next((before.pop(uid) for uid in (unit.uid, *unit.former) if uid in before), None)
        if not _has_own(compiled, unit) and old is None:
            continue
        wanted = tightened(unit.policy, _above(found, compiled, unit, whole))
        names = {unit.uid, str(unit), *unit.former, *stood.get(unit.uid, ())}
        found[unit.uid] = _settled(str(unit), names, wanted, old)
    for uid, old in sorted(before.items()):
        if uid in stood:
            found[uid] = _settled(min(stood[uid]), {uid, *stood[uid]}, whole, old)
    return found


def waiting(units: Mapping[str, UnitPolicy], known: Iterable[str]) -> list[str]:
    """What became looser in units, as people read it, but for the fields `known` of the whole mapping."""
    fields = set(known)
    return [
        f"{field} in {unit.path}"
        for _, unit in sorted(units.items())
        for field in unit.waiting
        if field not in fields
    ]


def unit_limits(
    compiled: Compiled,
    units: Mapping[str, UnitPolicy],
    *,
    first: bool,
    removed: frozenset[tuple[str, str, str]],
) -> dict[str, Limits]:
    """The numbers of each unit, by every name it has; `removed` within the last day count where they were."""
    found: dict[str, Limits] = {}
    aliases: dict[str, Limits] = {}
    for uid, unit in units.items():
        below = {each.uid for each in compiled.units.values() if f"{each}/".startswith(f"{unit.path}/")}
        counted = frozenset(one for one in removed if one[2] in below | unit.names)
        bounds = limits_of(unit.policy, first=first, removed_last_day=counted, unit=unit.path)
        found |= {uid: bounds, unit.path: bounds}
        aliases |= dict.fromkeys(unit.names, bounds)
    return {**aliases, **found}


def units_document(units: Mapping[str, UnitPolicy]) -> dict[str, Any]:
    """Policies of units as the store keeps them, beside that of the mapping."""
    said = {uid: policy_document(unit.policy) for uid, unit in sorted(units.items())}
    return {UNITS: said} if said else {}


def units_from(document: Mapping[str, Any]) -> dict[str, Policy]:
    """What `units_document` wrote."""
    return {uid: policy_from(policy) for uid, policy in document.get(UNITS, {}).items()}


def looser_units(compiled: Compiled, whole: Policy) -> list[tuple[Unit, str]]:
    """Units with the fields in which they allow more than `whole`, the policy of the mapping without gaps."""
    return [(unit, field) for unit in compiled.units.values() for field in looser(unit.policy, whole)]


def _settled(path: str, names: set[str], wanted: Policy, accepted: Policy | None) -> UnitPolicy:
    if accepted is None:
        return UnitPolicy(path, frozenset(names), wanted)
    policy, loosened = in_force(wanted, accepted)
    return UnitPolicy(path, frozenset(names), policy, tuple(loosened))


def _above(found: Mapping[str, UnitPolicy], compiled: Compiled, unit: Unit, whole: Policy) -> Policy:
    """What is in force above the unit: the unit's own policy adds to it."""
    for depth in range(len(unit.path) - 1, 0, -1):
        uid = compiled.units[unit.path[:depth]].uid
        if uid in found:
            return found[uid].policy
    return whole


def _has_own(compiled: Compiled, unit: Unit) -> bool:
    above = compiled.units.get(unit.path[:-1])
    return unit.policy != (above.policy if above else compiled.policy)


def _stood(ledger: Iterable[Origin]) -> dict[str, set[str]]:
    """The paths of units as the ledger knows them, by id."""
    stood: dict[str, set[str]] = {}
    for origin in ledger:
        if origin.anchor[0] and origin.unit:
            stood.setdefault(origin.anchor[0], set()).add(origin.unit)
    return stood
