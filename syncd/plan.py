"""The plan: desired, observed, what is ours and the limits in; what to do, what waits and why out. Pure.

`make_plan` is moves (`plan_moves`) → `diff` → hold (`plan_hold`). A plan is a value: it is shown, stored,
approved and run, always the same object. `weigh` (`plan_weigh`) looks at the plans of every target
together, before the first write; `waves` and `blocked` (`plan_order`) say in which order it is run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.model import ACCESS, CONTAINERS, Change, Foreign, Kind, Op, Origin, Plan
from syncd.plan_hold import EDGES, LOCK, LOCKED, Closed, hold, is_stale, unmentioned
from syncd.plan_moves import ALL_KINDS, NAMED, Facts, moved, natives_after, settle
from syncd.plan_order import blocked, in_order, waves
from syncd.plan_weigh import digest, suggestions, weigh, without_removals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syncd.model import Attrs, Desired, Key, Limits, Observation, Owned

__all__ = [
    "NAMED",
    "Facts",
    "blocked",
    "diff",
    "digest",
    "make_plan",
    "moved",
    "natives_after",
    "settle",
    "suggestions",
    "waves",
    "weigh",
    "without_removals",
]

# A run died before it wrote this down, or an old backup of the store is back.
UNKNOWN = "bears this mapping's mark, but the ledger does not know it"


def make_plan(  # noqa: PLR0913, PLR0917  the inputs of a decision, each of its own type
    target: str,
    desired: Desired,
    observed: Observation,
    owned: Sequence[Owned],
    limits: Limits,
    marker: str,
    kinds: frozenset[Kind] = ALL_KINDS,
) -> Plan:
    """What would make `observed` into `desired` without touching what is not ours.

    `desired` is shaped and `observed` re-keyed to persons; `marker` is what our containers carry in
    the target (`environment/mapping`); `kinds` is what the target can hold. Equal facts in any order
    give an equal plan.
    """
    given = Facts(desired, observed, {row.key: row for row in owned}, limits, marker, kinds)
    facts, moves = settle(given)
    facts = _without_empty(replace(facts, lost=_lost(facts)))
    going, held = hold(facts, [*moves, *diff(facts)])
    return Plan(target, in_order(going), held, _foreign(facts, going))


def _lost(facts: Facts) -> frozenset[Key]:
    """Keys of ours under which something else stands: somebody deleted our group and made another."""
    replaced = {key for key, row in facts.owned.items() if key.kind in NAMED and not facts.is_same(key, row)}
    if not replaced:
        return frozenset()
    return frozenset(key for key in facts.owned if key in replaced or not replaced.isdisjoint(key.needs()))


def _without_empty(facts: Facts) -> Facts:
    """The facts without the groups that are wanted only while somebody is in them, and nobody is.

    Somebody whom others put there counts, and so does whoever stays although they have to wait again.
    """
    fleeting = facts.desired.only_filled
    if not fleeting:
        return facts
    ours = facts.owned.keys() - facts.lost - facts.desired.waiting.keys()
    inside = (*facts.desired.state, *(key for key in facts.observed.state if key not in ours))
    edges = [key for key in inside if key.kind in EDGES]
    filled = {key.place for key in edges if not _is_empty_inside(key, fleeting)}
    while more := {key.place for key in edges if key.nests and key.item in filled} - filled:
        filled |= more
    empty = {key for key in fleeting if key.place not in filled}
    state = {
        key: attrs
        for key, attrs in facts.desired.state.items()
        if key not in empty and not (key.nests and not empty.isdisjoint(key.needs()))
    }
    return replace(facts, desired=replace(facts.desired, state=state))


def _is_empty_inside(key: Key, fleeting: frozenset[Key]) -> bool:
    """Whether the fact is a group in a group that may itself have nobody."""
    return key.nests and key.needs()[1] in fleeting


def diff(facts: Facts) -> Iterator[Change]:
    """Every difference as one change, by this table.

    | desired | observed | ours | op |
    |---|---|---|---|
    | - | - | x | FORGET: gone already, ledger only |
    | - | x | - | nothing: foreign, never touched; DELETE of a member where `unlisted: remove` |
    | - | x | x | DELETE (1) |
    | x | - | any | CREATE, also repairs drift |
    | x | x | - | ADOPT: writes only where it differs |
    | x | x | x | UPDATE: only where a mentioned attribute differs (2) |

    (1) FORGET if it is a container that we only adopted, or where `detach` or `members: unmanaged` says
    so; unit containers follow `delete_units` (`empty` keeps them ours), groups that are wanted only while
    somebody is in them go; access is revoked, adopted or not.
    (2) An attribute we wrote, unmentioned now and unchanged since, is cleared; what a person is called is
    replaced, never taken away: after files and rosters, the server is the next to say it. An UPDATE that
    writes nothing refreshes the ledger: a claim whose reply was lost, another unit id, a value that somebody
    changed or that is cleared already, and that is theirs from now on.

    People are apart: a profile is written only to an account we made, a lock is carried to any account,
    and an account is deleted only where `Desired.ended` says so.
    """
    keys = (*facts.desired.state, *facts.desired.waiting, *facts.observed.state, *facts.owned)
    for key in dict.fromkeys(keys):
        seen = facts.observed.state.get(key)
        change = _wanted(facts, key, seen) if facts.wants(key) else _leaving(facts, key, seen)
        if change is not None:
            yield change


def _wanted(facts: Facts, key: Key, seen: Attrs | None) -> Change | None:
    attrs = facts.desired.state.get(key, {})
    row = None if key in facts.lost else facts.owned.get(key)
    native = facts.observed.natives.get(key, "")
    origin = facts.desired.origins.get(key) or (row.origin if row else Origin())
    if seen is None:
        return Change(Op.CREATE, key, attrs, origin=origin)
    if key.kind is Kind.PERSON and (row is None or row.adopted):
        attrs = {LOCK: attrs[LOCK]} if LOCK in attrs else {}
        if row is None and (attrs.get(LOCK) != LOCKED or seen.get(LOCK) == LOCKED):
            return None
    if row is None:
        return Change(Op.ADOPT, key, attrs, seen, native=native, origin=origin)
    news = unmentioned(row, key, attrs) or is_stale(row, key, attrs, native, origin)
    if not news and attrs.items() <= seen.items():
        return None
    clear = _cleared(key, row, attrs, seen)
    return Change(Op.UPDATE, key, attrs, seen, clear, native=native, origin=origin)


def _cleared(key: Key, row: Owned, attrs: Attrs, seen: Attrs) -> frozenset[str]:
    """The attributes that we wrote, that are unmentioned now and unchanged since."""
    return frozenset(name for name in unmentioned(row, key, attrs) if seen.get(name) == row.attrs[name])


def _leaving(facts: Facts, key: Key, seen: Attrs | None) -> Change | None:
    row = facts.owned.get(key)
    if row is None:
        return _unlisted(facts, key, seen or {})
    op = Op.FORGET if seen is None or key in facts.lost else _parting(facts, key, row)
    native = facts.observed.natives.get(key, row.native)
    return None if op is None else Change(op, key, before=seen or {}, native=native, origin=row.origin)


def _parting(facts: Facts, key: Key, row: Owned) -> Op | None:
    """How we part from something of ours that is still there; None keeps it."""
    policy = facts.limits_at(key).delete_units
    if key.kind is Kind.PERSON:
        return Op.DELETE if key in facts.desired.ended and not row.adopted else None
    if key.kind in EDGES and key.place in facts.desired.unmanaged:
        return Op.FORGET
    if key.kind in NAMED:
        if row.adopted or policy == "detach":
            return Op.FORGET
        return Op.DELETE if policy == "delete" or key in facts.desired.only_filled else None
    detached = policy == "detach" and not any(facts.wants(need) for need in key.needs() if need.kind in NAMED)
    return Op.FORGET if detached else Op.DELETE


def _unlisted(facts: Facts, key: Key, seen: Attrs) -> Change | None:
    """The removal of a member whom somebody else put into a group of ours, where the policy says so."""
    if key.kind not in EDGES or key.place in facts.desired.unmanaged:
        return None
    container = _container(facts, key)
    if container is None or facts.limits_at(container).unlisted != "remove":
        return None
    if facts.limits_at(container).adopt != "yes" and (
        container not in facts.owned or container in facts.lost
    ):
        return None
    origin = replace(facts.desired.origins.get(container, Origin()), person=key.item[0])
    return Change(Op.DELETE, key, before=seen, native=facts.observed.natives.get(key, ""), origin=origin)


def _container(facts: Facts, key: Key) -> Key | None:
    """The wanted container that a fact lies in, if any."""
    return next((need for need in key.needs() if need.kind in CONTAINERS and facts.wants(need)), None)


def _foreign(facts: Facts, going: Sequence[Change]) -> tuple[Foreign, ...]:
    """What stands in our containers and is nobody's that we know of."""
    removed = {change.key for change in going if change.op is Op.DELETE}
    closed = Closed.of(facts)
    found = []
    for key in facts.observed.state:
        if key in facts.owned or key in removed or facts.wants(key) or not _is_reported(facts, key):
            continue
        container = _container(facts, key)
        if container is None or facts.limits_at(container).unlisted == "keep":
            continue
        if closed.over(key) is None:
            marked = facts.observed.marks.get(key) == facts.marker  # which alone gives no right
            found.append(Foreign(key, UNKNOWN if marked else "not made by syncd"))
    return tuple(sorted(found, key=lambda one: one.key))


def _is_reported(facts: Facts, key: Key) -> bool:
    if key.kind in EDGES and key.place in facts.desired.unmanaged:
        return False
    return key.kind in ACCESS or key.kind in CONTAINERS
