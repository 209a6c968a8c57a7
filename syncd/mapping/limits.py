"""PURE: the safety choices of a mapping, from operator, mapping and what was last approved.

Below the operator every level may only be stricter. A choice that became looser than the accepted one
is itself a held change: the accepted one stays in force until somebody approves the new one, so that
no plan can loosen the very limit that would have stopped it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from syncd.mapping.schema import DEFAULT_POLICY, Policy
from syncd.mapping.schema_rules import Model
from syncd.model import Limits

UNITS = "units"
"""Where the policies of units stand in a stored policy."""

Rank = Callable[[Any], tuple[float | None, ...]]


def _choice(*strict_first: str) -> Rank:
    return lambda value: (strict_first.index(value),)


# How loose a value is, field by field: a larger tuple in any position is looser. The two numbers of
# `removals` are independent, so each is a position of its own.
LOOSENESS: Mapping[str, Rank] = {
    "adopt": _choice("never", "ask", "yes"),
    "unlisted": _choice("report", "keep", "remove"),
    "drift": _choice("report", "adopt", "revert"),
    "additive": lambda value: (not value,),
    "removals": lambda value: (value.per_day, value.at_least, value.at_most),
    "grants": lambda value: (value.per_run, value.at_least),
    "privileged_per_run": lambda value: (value,),
    "admins_min": lambda value: (-value,),
    "mails": lambda value: (value.per_day,),
    "source_shrink": lambda value: (value,),
    "delete_units": _choice("detach", "empty", "delete"),
    "mode": _choice("paused", "simulate", "enforce"),
    "split": _choice("never", "root_unit"),
}


def overlay(above: Policy, own: Policy) -> Policy:
    """`own` where it says something, `above` elsewhere; protections add up."""
    said = {
        name: _merged(getattr(above, name), value)
        for name in Policy.model_fields
        if (value := getattr(own, name)) not in (None, ())
    }
    protected = tuple(dict.fromkeys((*above.protected, *own.protected)))
    return above.model_copy(update={**said, "protected": protected})


def _merged(above: Any, own: Any) -> Any:
    """A limit of several numbers keeps those of the level above that its own level does not mention."""
    if not isinstance(own, Model) or above is None:
        return own
    said = {name: value for name in type(own).model_fields if (value := getattr(own, name)) is not None}
    return above.model_copy(update=said)


def operator_policy(own: Policy) -> Policy:
    """The operator's policy with every gap filled by the format's defaults."""
    return overlay(DEFAULT_POLICY, own)


def looser(own: Policy, above: Policy) -> list[str]:
    """The fields in which `own` allows more than `above` does."""
    found = [name for name in LOOSENESS if _is_looser(name, getattr(own, name), getattr(above, name))]
    missing = set(above.protected) - set(own.protected)
    return [*found, *(["protected"] if missing else [])]


def _is_looser(name: str, own: Any, above: Any) -> bool:
    if own is None or above is None:
        return False
    rank = LOOSENESS[name]
    pairs = zip(rank(own), rank(above), strict=True)
    return any(mine > theirs for mine, theirs in pairs if mine is not None and theirs is not None)


def in_force(wanted: Policy, accepted: Policy | None) -> tuple[Policy, list[str]]:
    """The policy to use now, and the fields that wait for approval because they became looser."""
    if accepted is None:
        return wanted, []
    waiting = looser(wanted, accepted)
    kept = Policy.model_construct(**{name: getattr(accepted, name) for name in waiting})
    return overlay(wanted, kept), waiting


def tightened(own: Policy, above: Policy) -> Policy:
    """`own` where it is stricter than `above`, which has no gaps, and `above` elsewhere."""
    return in_force(overlay(above, own), above)[0]


def policy_document(policy: Policy) -> dict[str, Any]:
    """A policy as the store keeps it."""
    return policy.model_dump(mode="json", by_alias=True)


def policy_from(document: Mapping[str, Any]) -> Policy:
    """The policy that `policy_document` wrote; what stands beside it is of units.

    One written before mappings could be split allowed none to be.
    """
    said = {name: value for name, value in document.items() if name != UNITS}
    return Policy.model_validate({"split": "never", **said})


def limits_of(
    policy: Policy, *, first: bool, removed_last_day: frozenset[tuple[str, str, str]], unit: str = ""
) -> Limits:
    """The numbers that `plan` works with; `policy` has no gaps. Before the first apply nothing is removed.

    `unit` is the path of the unit whose own policy it is.
    """
    return Limits(
        adopt=policy.adopt or "ask",
        unlisted=policy.unlisted or "report",
        drift=policy.drift or "revert",
        additive=bool(policy.additive) or first,
        removals_percent=_number(policy, "removals", "per_day"),
        removals_at_least=_number(policy, "removals", "at_least"),
        removals_at_most=_number(policy, "removals", "at_most"),
        grants_percent=_number(policy, "grants", "per_run"),
        grants_at_least=_number(policy, "grants", "at_least"),
        privileged_per_run=_number(policy, "privileged_per_run"),
        admins_min=_number(policy, "admins_min"),
        protected=frozenset(policy.protected),
        delete_units=policy.delete_units or "empty",
        first_plan=first,
        removed_last_day=removed_last_day,
        mode=(policy.mode or "enforce") if unit else "enforce",
        unit=unit,
    )


def _number(policy: Policy, *path: str) -> int:
    value: Any = policy
    for name in path:
        value = getattr(value, name)
    return int(value)
