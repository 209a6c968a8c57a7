"""The limits: the plans of every target together, weighed before the first write. Pure.

Counted are distinct (person, role, unit) over all targets, not calls: one person who leaves one role is
one removal, however many systems show it. Ends announced by `until`, revokes of one named person and
what acts took back are exempt; a limit that cannot let a leaver go would be worse than none.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias

from syncd.model import CONTAINERS, DECLARED, Change, Held, Kind, LimitUse, Op, Plan, Stop
from syncd.plan_hold import EDGES, LOCK, LOCKED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from syncd.model import Desired, Key, Limits, Origin, Owned

Counted: TypeAlias = tuple[str, str, str]
_HALF = 2
SHARES = (
    *("removals_percent", "removals_at_least", "removals_at_most"),
    *("grants_percent", "grants_at_least", "privileged_per_run"),
)


def weigh(  # noqa: PLR0913  the three facts of a run have names of their own
    plans: Sequence[Plan],
    owned: Mapping[str, Sequence[Owned]],
    desired: Mapping[str, Desired],
    limits: Limits,
    *,
    today: str = "",
    inactive: frozenset[str] = frozenset(),
) -> tuple[tuple[Stop, ...], tuple[LimitUse, ...]]:
    """Which limits the run exceeds, and how much of each it uses.

    `owned` and `desired` by target. `today` is an ISO date: a role whose last day lies before it ends
    as announced. `inactive` are person ids that are disabled: they administer nothing.
    """
    counted = [(_given(plan), *_removed(plan, desired[plan.target], today)) for plan in plans]
    held = {row.origin.counted: row.origin for rows in owned.values() for row in rows if _counts(row.key)}
    wanted = [one for each in desired.values() for key, one in each.origins.items() if _counts(key)]
    scales = _Scales(
        plans,
        frozenset(origin.person for origin in (*held.values(), *wanted)),
        limits,
        inactive,
        owned=held,
        given=_united(given for given, _, _ in counted),
        removed=_united(removed for _, removed, _ in counted),
        asked=_united(asked for _, _, asked in counted),
        granted=dict(_role_grants(plans)),
    )
    found = [*scales.shares(), *scales.admins()]
    of_units = [one for own in _own(limits) for one in scales.within(own).shares()]
    stops = tuple(stop for stop, _ in (*found, *of_units) if stop is not None)
    return stops, tuple(use for _, use in found)


def _own(limits: Limits) -> list[Limits]:
    """Those of units that allow smaller shares than the whole mapping, in order of their paths."""
    units = {each.unit: each for each in limits.units.values()}
    return [
        each
        for _, each in sorted(units.items())
        if any(getattr(each, share) != getattr(limits, share) for share in SHARES)
    ]


def without_removals(plan: Plan, desired: Desired, *, today: str = "") -> Plan:
    """The plan with its counted removals held (reason `limit`); announced ends and what acts took still go.

    For stops that are `removals_only`: what somebody gains must not wait for what others would lose.
    """
    kept, held = [], []
    for change in plan.changes:
        if change.op is Op.DELETE and (change.key.kind not in EDGES or _is_asked(change, desired, today)):
            held.append(Held(change, "limit", "waits until the plan is approved: `syncd plans approve`"))
        else:
            kept.append(change)
    return replace(plan, changes=tuple(kept), held=(*plan.held, *held))


def _united(parts: Iterable[Mapping[Counted, Origin]]) -> dict[Counted, Origin]:
    return {counted: origin for part in parts for counted, origin in part.items()}


def _counts(key: Key) -> bool:
    """Whether somebody is in something by this fact; a group in a group is nobody."""
    return key.kind in EDGES and not key.nests


def _given(plan: Plan) -> dict[Counted, Origin]:
    edges = (c for c in plan.changes if c.op is Op.CREATE and _counts(c.key))
    return {change.origin.counted: change.origin for change in edges}


def _removed(plan: Plan, desired: Desired, today: str) -> tuple[dict[Counted, Origin], dict[Counted, Origin]]:
    """What somebody loses in this target, and the part that counts; a mere change of group is no loss."""
    given = _given(plan)
    lost = [c for c in plan.changes if c.op is Op.DELETE and _counts(c.key) and c.origin.counted not in given]
    asked = [change for change in lost if _is_asked(change, desired, today)]
    return {c.origin.counted: c.origin for c in lost}, {c.origin.counted: c.origin for c in asked}


def _is_asked(change: Change, desired: Desired, today: str) -> bool:
    """Whether files or rosters ask for this removal, so that it counts."""
    origin = change.origin
    if origin.until and origin.until < today:
        return False
    stands = any(need in desired.state for need in change.key.needs() if need.kind in CONTAINERS)
    return origin.source in DECLARED or not stands


def _role_grants(plans: Sequence[Plan]) -> Iterable[tuple[Counted, Origin]]:
    """Roles of applications given to a group: they change what all its members may do."""
    for plan in plans:
        for change in plan.changes:
            if change.key.kind is Kind.GRANT and change.op in (Op.CREATE, Op.DELETE):
                yield ("/".join(change.key.item), *change.origin.counted[1:]), change.origin


@dataclass(frozen=True, slots=True)
class _Scales:
    """What is weighed, counted once: `asked` are the `removed` that count, `given` the new ones.

    `granted` are the roles of applications that groups get or lose.
    """

    plans: Sequence[Plan]
    people: frozenset[str]
    limits: Limits
    inactive: frozenset[str]
    owned: Mapping[Counted, Origin]
    removed: Mapping[Counted, Origin]
    asked: Mapping[Counted, Origin]
    given: Mapping[Counted, Origin]
    granted: Mapping[Counted, Origin]

    def within(self, own: Limits) -> _Scales:
        """What happens in the unit with these limits of its own, and below it."""
        places = {place for place, each in self.limits.units.items() if each is own}

        def inside(facts: Mapping[Counted, Origin]) -> dict[Counted, Origin]:
            return {counted: origin for counted, origin in facts.items() if _lies_in(origin, places)}

        given, owned = inside(self.given), inside(self.owned)
        return replace(
            self,
            limits=own,
            people=frozenset(origin.person for origin in (*given.values(), *owned.values())),
            owned=owned,
            removed=inside(self.removed),
            asked=inside(self.asked),
            given=given,
            granted=inside(self.granted),
        )

    def shares(self) -> list[tuple[Stop | None, LimitUse]]:
        """The limits that count what changes."""
        return [self.removals(), self.grants(), self.privileged()]

    def _named(self, limit: str) -> str:
        return f"policy.{limit}{f' of {self.limits.unit}' if self.limits.unit else ''}"

    def removals(self) -> tuple[Stop | None, LimitUse]:
        limits = self.limits
        before = set(limits.removed_last_day)
        base = len(self.owned.keys() | before)
        share = base * limits.removals_percent // 100
        allowed = min(max(share, limits.removals_at_least), limits.removals_at_most)
        asked = len(self.asked.keys() | before)
        stop = None
        if self.asked and asked > allowed:
            detail = (
                f"{asked} memberships would be gone within 24 hours ({len(before)} already are); "
                f"allowed are {allowed} of {base} ({self._named('removals')}); "
                "approve the plan, or mend what takes so many away"
            )
            stop = Stop("removals", asked, allowed, detail, removals_only=True)
        return stop, LimitUse("removals", asked, allowed)

    def grants(self) -> tuple[Stop | None, LimitUse]:
        limits = self.limits
        people = self.people
        allowed = max(len(people) * limits.grants_percent // 100, limits.grants_at_least)
        getting: dict[str, set[str]] = defaultdict(set)
        for counted, origin in self.given.items():
            if counted not in self.owned and origin.source in DECLARED:
                getting[origin.role].add(origin.person)
        role, asked = max(
            ((name, len(who)) for name, who in getting.items()),
            key=lambda one: (one[1], one[0]),
            default=("", 0),
        )
        stop = None
        if asked > allowed and not limits.first_plan:
            detail = (
                f'{asked} people would get the role "{role}" at once; allowed are {allowed} of {len(people)} '
                f"({self._named('grants')}); approve the plan, or mend the line that selects so many"
            )
            stop = Stop("grants", asked, allowed, detail)
        return stop, LimitUse("grants", asked, allowed)

    def privileged(self) -> tuple[Stop | None, LimitUse]:
        limits = self.limits
        changes = {
            counted: origin
            for counted, origin in (*self.given.items(), *self.asked.items(), *self.granted.items())
            if origin.privileged
            and origin.source in DECLARED
            and not (counted in self.given and counted in self.owned)
        }
        asked, allowed = len(changes), limits.privileged_per_run
        stop = None
        if asked > allowed and not limits.first_plan:
            roles = ", ".join(
                sorted({f"{origin.role} in {origin.unit or '/'}" for origin in changes.values()})
            )
            detail = (
                f"{asked} privileged roles would change in one run ({roles}); allowed are {allowed} "
                f"({self._named('privileged_per_run')}); approve the plan"
            )
            stop = Stop("privileged", asked, allowed, detail)
        return stop, LimitUse("privileged", asked, allowed)

    def admins(self) -> list[tuple[Stop | None, LimitUse]]:
        before = {counted: origin for counted, origin in self.owned.items() if origin.privileged}
        after = {
            counted: origin
            for counted, origin in {**before, **self.given}.items()
            if origin.privileged and counted not in self.removed
        }
        locked = self.inactive | self._locked()
        found: list[tuple[Stop | None, LimitUse]] = []
        for root in sorted({_root(origin) for origin in before.values()}):
            tops = {origin.unit for origin in before.values() if origin.unit.strip("/") == root.strip("/")}
            held = _administrators(before, root, tops, self.inactive)
            stay = _administrators(after, root, tops, locked)
            least = self.limits.in_unit(root).admins_min
            if len(stay) >= least or len(stay) >= len(held):
                continue
            detail = (
                f"{root or '/'} would keep {len(stay)} active holders of privileged roles; "
                f"at least {least} must stay (policy.admins_min); name another first, or approve the plan"
            )
            stop = Stop("admins_min", len(stay), least, detail, removals_only=True)
            found.append((stop, LimitUse("admins_min", len(stay), least)))
        return found

    def _locked(self) -> frozenset[str]:
        return frozenset(
            change.key.item[0]
            for plan in self.plans
            for change in plan.changes
            if change.key.kind is Kind.PERSON
            and (change.op is Op.DELETE or (change.attrs.get(LOCK) == LOCKED and change.op is not Op.FORGET))
        )


def _lies_in(origin: Origin, places: set[str]) -> bool:
    """Whether a unit known by one of these ids and paths is that of the fact or lies above it."""
    path = origin.unit
    while path and path not in places:
        path = path.rpartition("/")[0]
    return bool(path) or origin.anchor[0] in places


def _root(origin: Origin) -> str:
    parts = [name for name in origin.unit.split("/") if name]
    return f"/{parts[0]}" if parts else ""


def _administrators(
    held: Mapping[Counted, Origin], root: str, tops: set[str], inactive: frozenset[str]
) -> set[str]:
    """Who holds a privileged role in the root unit itself or, where it has no such role, anywhere below."""
    return {
        origin.person
        for origin in held.values()
        if _root(origin) == root and origin.person not in inactive and (not tops or origin.unit in tops)
    }


# --- digest -----------------------------------------------------------------------------------------------


def digest(plans: Sequence[Plan], stops: Sequence[Stop], loosened: Sequence[str] = (), part: str = "") -> str:
    """SHA-256 in hexadecimal over changes, holds, stops and the policies that become looser.

    A plan of a part of a mapping is never one of another part. Equal for equal plans in any order. Lines of
    files and counts that move with the clock are left out.
    """
    document = {
        "plans": {
            plan.target: [
                sorted(map(_canonical, plan.changes)),
                sorted(f"{held.reason} {_canonical(held.change)}" for held in plan.held),
            ]
            for plan in plans
        },
        "stops": sorted({stop.limit for stop in stops}),
        "loosened": sorted(loosened),
        **({"part": part} if part else {}),
    }
    return sha256(_text(document).encode()).hexdigest()


def _canonical(change: Change) -> str:
    origin = change.origin
    return _text(
        [
            change.op,
            change.key,
            change.old or "",
            change.attrs,
            change.before,
            sorted(change.clear),
            change.native,
            [*origin.counted, origin.privileged, origin.source, origin.until],
        ]
    )


_text = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode


# --- suggestions --------------------------------------------------------------------------------------------


def suggestions(plans: Sequence[Plan]) -> tuple[str, ...]:
    """Where one unit leaves and a new one gets at least half of its members: was it renamed?"""
    leaving, coming = _people_by_unit(plans, Op.DELETE), _people_by_unit(plans, Op.CREATE)
    made = {
        change.origin.unit
        for plan in plans
        for change in plan.changes
        if change.op is Op.CREATE and change.key.kind in CONTAINERS
    }
    found = []
    for new in sorted(made & coming.keys()):
        for old in sorted(leaving.keys() - made):
            same = len(leaving[old] & coming[new])
            if old != new and same and _HALF * same >= len(leaving[old]):
                name = old.rsplit("/", 1)[-1] if _parent(old) == _parent(new) else old
                found.append(
                    f"{old} loses {len(leaving[old])} members and {new} gets {same} of them: "
                    f"renamed? add `formerly: [{name}]` to {new}"
                )
    return tuple(found)


def _people_by_unit(plans: Sequence[Plan], op: Op) -> dict[str, set[str]]:
    people: dict[str, set[str]] = defaultdict(set)
    for plan in plans:
        for change in (*plan.changes, *(held.change for held in plan.held)):
            if change.op is op and _counts(change.key):
                people[change.origin.unit].add(change.origin.person)
    return people


def _parent(unit: str) -> str:
    return unit.rpartition("/")[0]
