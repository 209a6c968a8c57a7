"""PURE: the parts in which a mapping may run (`policy.split: root_unit`), and whose each fact is.

A part is "" for the whole mapping, "/acme" for a root unit, and "/", the trunk, for what belongs to none:
accounts, mails, and what is still ours of root units that left the files. A fact belongs to the root unit in
whose own place it lies, not to the one its origin names: origins of memberships are as old as they are, and
a place that no other part has is what keeps parts from writing the same thing. `check_parts` refuses mappings
whose outputs give no such places.

What only a whole run can judge is no part's: `Apart.why_not` and whoever else finds such a thing says so by
`NotApart`, and the daemon makes a whole run instead.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from syncd.model import CONTAINERS, Kind
from syncd.plan_moves import path_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from syncd.mapping.compiled import Compiled
    from syncd.mapping.schema import Policy
    from syncd.model import Account, Change, Desired, Key, Owned, Path

WHOLE, TRUNK = "", "/"
LAID = CONTAINERS | {Kind.GRANT, Kind.MEMBER, Kind.ORG_MEMBER}
UNMADE = "has no account yet; the run of what belongs to no root unit makes it"


def splits(policy: Policy) -> bool:
    """Whether root units may run apart."""
    return policy.split == "root_unit"


def part_of(compiled: Compiled, part: str) -> Compiled:
    """Of a mapping what lies in one root unit; the trunk sees all of it."""
    root = part.removeprefix("/")
    if not root:
        return compiled
    units = {path: unit for path, unit in compiled.units.items() if path[0] == root}
    assignments = tuple(one for one in compiled.assignments if one.unit[0] == root)
    named, uids = {one.who for one in assignments}, {unit.uid for unit in units.values()}
    return replace(
        compiled,
        units=units,
        assignments=assignments,
        people={who: entry for who, entry in compiled.people.items() if who in named},
        frozen={slot: reason for slot, reason in compiled.frozen.items() if slot[1] in uids},
        upcoming=tuple(one for one in compiled.upcoming if one[1].unit[0] == root),
        models={name: model for name, model in compiled.models.items() if name == root},
    )


def homes(compiled: Compiled) -> dict[str, frozenset[str]]:
    """By every id that a unit has or had, the root units in which such a unit stands now."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path, unit in compiled.units.items():
        for uid in (unit.uid, *unit.former):
            found[uid].add(f"/{path[0]}")
    return {uid: frozenset(roots) for uid, roots in found.items()}


def tops_of(compiled: Compiled, desired: Desired) -> dict[str, frozenset[Path]]:
    """By root unit, the places of its own in one output, as `plan_moves.path_of` has them."""
    roots = {unit.uid: str(unit) for path, unit in compiled.units.items() if len(path) == 1}
    found: defaultdict[str, set[Path]] = defaultdict(set)
    for key in desired.state:
        uid, slot = desired.origins[key].anchor
        if key.kind in CONTAINERS and slot in ("unit", "organization") and uid in roots:
            found[roots[uid]].add(path_of(key))
    return {root: frozenset(tops) for root, tops in found.items()}


def home(key: Key, tops: Mapping[str, frozenset[Path]]) -> str:
    """The root unit in whose place a fact lies; empty where it lies in none."""
    if key.kind not in LAID:
        return ""
    path = path_of(key)
    above = [path[:length] for length in range(1, len(path) + 1)]
    return next((root for root, places in tops.items() if not places.isdisjoint(above)), "")


@dataclass(frozen=True, slots=True)
class Apart:
    """One part of a mapping: `tops` are the places of the root units, by target and root; of a root unit's

    part only its own. `homes` is as `homes` makes it of the whole mapping.
    """

    part: str
    tops: Mapping[str, Mapping[str, frozenset[Path]]] = field(default_factory=dict)
    homes: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def has(self, target: str, key: Key) -> bool:
        """Whether a fact is this part's."""
        found = home(key, self.tops[target])
        return found == self.part if self.part != TRUNK else not found

    def rows(self, target: str, owned: Iterable[Owned]) -> list[Owned]:
        """The rows of the ledger that are this part's."""
        return [row for row in owned if self.has(target, row.key)]

    def keep(self, target: str, desired: Desired) -> Desired:
        """Of what is desired what is this part's."""
        state = {key: attrs for key, attrs in desired.state.items() if self.has(target, key)}
        waiting = {key: reason for key, reason in desired.waiting.items() if self.has(target, key)}
        mine = state.keys() | waiting.keys()
        return replace(
            desired,
            state=state,
            waiting=waiting,
            origins={key: origin for key, origin in desired.origins.items() if key in mine},
            ended=frozenset(key for key in desired.ended if self.has(target, key)),
            only_filled=frozenset(key for key in desired.only_filled if self.has(target, key)),
        )

    def waits(self, target: str, desired: Desired, accounts: Mapping[tuple[str, str], Account]) -> Desired:
        """The memberships of those who have no account yet wait: accounts are the trunk's to make."""
        unmade = {
            key: UNMADE
            for key in desired.state
            if key.kind in (Kind.MEMBER, Kind.ORG_MEMBER) and (key.item[0], target) not in accounts
        }
        state = {key: attrs for key, attrs in desired.state.items() if key not in unmade}
        return replace(desired, state=state, waiting={**desired.waiting, **unmade})

    def reads(self, target: str, keys: Iterable[Key]) -> frozenset[Path]:
        """The tops below which a target is read: a root unit's place, of the trunk what lies highest."""
        groups = {key.place for key in keys if key.kind in LAID and path_of(key)[0] == "group"}
        if self.part != TRUNK:
            tops = self.tops[target].get(self.part, frozenset())
            return frozenset(top[1:] for top in tops if top[0] == "group")
        lower = {
            place for place in groups if any(place[:length] in groups for length in range(1, len(place)))
        }
        return frozenset(groups - lower)

    def why_not(self, target: str, containers: Iterable[Owned]) -> str:
        """What only a whole run can judge of these rows of the ledger: a unit that changes its root unit."""
        for row in containers:
            meant = self.homes.get(row.origin.anchor[0], frozenset())
            here = home(row.key, self.tops[target])
            concerned = self.part == TRUNK or self.part in (here, *meant)
            if concerned and meant and meant != {here}:
                roots = ", ".join(sorted(meant))
                return f"{row.key} of {target} is of a unit that stands in {roots} now"
            if row.key.kind is Kind.ROLE:
                return f"{row.key} of {target} is still ours, and roles are of no root unit"
        return ""

    def outside(self, target: str, changes: Iterable[Change]) -> str:
        """A change that is not this part's to make: there never is one, and no write before that is sure."""
        for change in changes:
            for key in (change.key, change.old or change.key):
                if not self.has(target, key):
                    return f"{change.op} {key} of {target} does not lie in {self.part}"
        return ""


def removed_here(
    removed: Collection[tuple[str, str, str]], part: str, homes_: Mapping[str, frozenset[str]]
) -> frozenset[tuple[str, str, str]]:
    """Of what was taken away lately what counts in a part; what is of no unit known counts in every one."""
    return frozenset(
        one for one in removed if part in (WHOLE, TRUNK) or part in _counted_in(one[2], homes_, part)
    )


def _counted_in(uid: str, homes_: Mapping[str, frozenset[str]], part: str) -> Iterator[str]:
    known = homes_.get(uid)
    if known:
        yield from known
    elif uid.startswith("/"):
        yield "/" + uid.split("/")[1]
    else:
        yield part
