"""Why somebody holds a role: from the plan of a run that changes nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.app_types import Explanation
from syncd.identity import fold
from syncd.model import Kind, Op

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncd.model import Change, Held, Key, Origin, Plan
    from syncd.prepare import Prepared

PERSON = re.compile(r"p_[0-9a-f]{16}")


def explanations(prepared: Prepared, person: str, unit: str | None) -> list[Explanation]:
    """Everything that the person holds, is about to get or lose, or waits for, in every target."""
    wanted = _ids(prepared, person)
    found = [
        explanation
        for plan in prepared.plan.plans
        for explanation in _of_target(prepared, plan, wanted)
        if unit is None or explanation.unit == "/" + unit.strip("/")
    ]
    return sorted(dict.fromkeys(found), key=lambda one: (one.unit, one.role, one.target))


def _ids(prepared: Prepared, person: str) -> set[str]:
    """The ids and texts that mean the person, however they were named."""
    name = fold(person)
    ids = {person, name}
    ids |= {id_ for text, id_ in prepared.people.ids.items() if fold(text) == name}
    ids |= {one.id for one in prepared.people.persons.values() if name in one.usernames | one.addresses}
    return ids


def _of_target(prepared: Prepared, plan: Plan, wanted: set[str]) -> Iterator[Explanation]:
    changes = {change.key: change for change in plan.changes}
    held = {held.change.key: held for held in plan.held}
    desired = prepared.desired[plan.target]
    for key, origin in desired.origins.items():
        if _is_edge_of(key, wanted):
            yield _named(
                prepared, _explanation(origin, plan.target, _state(key, changes, held, desired.waiting))
            )
    for key in {*changes, *held} - set(desired.origins):
        if _is_edge_of(key, wanted):
            change = changes[key] if key in changes else held[key].change
            yield _named(prepared, _explanation(change.origin, plan.target, _state(key, changes, held, {})))


def _is_edge_of(key: Key, wanted: set[str]) -> bool:
    return key.kind in (Kind.MEMBER, Kind.ORG_MEMBER) and key.item[0] in wanted


def _state(
    key: Key, changes: Mapping[Key, Change], held: Mapping[Key, Held], waiting: Mapping[Key, str]
) -> str:
    if key in waiting:
        return f"waits: {waiting[key]}"
    if key in held:
        return f"held: {held[key].detail}"
    if key in changes:
        return "will be removed" if changes[key].op in (Op.DELETE, Op.FORGET) else "will be given"
    return "held by the person"


def _named(prepared: Prepared, found: Explanation) -> Explanation:
    """The rule with names in place of person ids, which mean nothing to a reader."""
    names = prepared.plan.names
    return replace(found, rule=PERSON.sub(lambda id_: names.get(id_[0], id_[0]), found.rule))


def _explanation(origin: Origin, target: str, state: str) -> Explanation:
    """The role is that of the group; with `closure` it may come from another that inherits it."""
    rule = origin.rule or "named on this line"
    slot, _, role = origin.anchor[1].partition(":")
    if slot == "role" and role != origin.role:
        rule = f'closure: "{origin.role}" inherits "{role}"; {rule}'
    else:
        role = origin.role
    return Explanation(origin.unit, role, target, rule, origin.source, origin.place, state)
