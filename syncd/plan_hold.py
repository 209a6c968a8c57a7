"""What waits: a hold stops one change and says why, so nothing of a plan vanishes. Pure.

Reasons: `person` (nobody is known by that name yet), `number` (none is left for the group), `protected`,
`adoption` (not approved), `foreign` (belongs to another, or another's thing needs it), `drift` (policy says
report), `frozen` (its source is not healthy), `additive`, `mode` (its unit is paused or only simulated),
`unsupported` (the target cannot hold it), `needed` (something of ours does).
Approving a plan lifts what is frozen, and no other reason: the run itself lets those go. `syncd adopt`
releases what waits for adoption. Revoking access that we gave needs nobody's container, so no foreign mark
stands in its way.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from syncd.model import ACCESS, CONTAINERS, DECLARED, Change, Held, Key, Kind, Op, Owned
from syncd.plan_moves import NAMED, Facts, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from syncd.model import Attrs, Origin, Path

EDGES = frozenset({Kind.MEMBER, Kind.ORG_MEMBER})
LOCK = "enabled"
LOCKED = ("false",)
CALLED = frozenset({LOCK, "username", "email", "given_name", "family_name", "locale", "cn", "sn", "dn"})
"""What a person is never left without, by Keycloak's names and those of RFC 4519, and its place."""
_ORDER = {kind: index for index, kind in enumerate(Kind)}
_ADDITIONS = frozenset({Op.CREATE, Op.ADOPT, Op.MOVE})
_COMPARED = frozenset({Op.ADOPT, Op.UPDATE})  # they write values over those that are there
_LAID_IN = CONTAINERS | EDGES | {Kind.GRANT}

Why: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Closed:
    """Containers that we must not enter: they carry another's mark, or `adopt: never` stands before them."""

    reasons: Mapping[Path, Why]

    @classmethod
    def of(cls, facts: Facts) -> Closed:
        reasons: dict[Path, Why] = {}
        for key in facts.desired.state:
            if key.kind not in CONTAINERS or key not in facts.observed.state or _may_take(facts, key):
                continue
            if facts.limits_at(key).adopt == "never":
                reasons[path_of(key)] = ("adoption", "exists already and the policy says `adopt: never`")
        for key, mark in facts.observed.marks.items():
            if mark != facts.marker:
                reasons[path_of(key)] = ("foreign", f"belongs to {mark}, as its ownership mark says")
        return cls(reasons)

    def over(self, key: Key) -> Why | None:
        """Why nothing may be added at `key`, if it lies in or is a closed container."""
        if not self.reasons or key.kind not in _LAID_IN:
            return None
        path = path_of(key)
        return next(
            (self.reasons[path[:n]] for n in range(2, len(path) + 1) if path[:n] in self.reasons), None
        )


def _may_take(facts: Facts, key: Key) -> bool:
    """Whether a thing that exists is ours already, carries our mark, or was released for adoption."""
    ours = key in facts.owned and key not in facts.lost
    return ours or facts.observed.marks.get(key) == facts.marker or key in facts.limits.adoptions


def hold(facts: Facts, changes: Iterable[Change]) -> tuple[list[Change], tuple[Held, ...]]:
    """The changes that may go, and those that wait with their reason."""
    book = _Book(facts)
    for change in changes:
        book.judge(change)
    book.hold_what_needs_the_held()
    book.hold_what_is_not_empty()
    return list(book.going), tuple(
        sorted(book.held, key=lambda one: (one.change.key, one.change.op, one.reason))
    )


def is_stale(row: Owned, key: Key, attrs: Attrs, native: str, now: Origin) -> bool:
    """Whether the ledger should learn something although the target holds all that is wanted."""
    was = row.origin
    names = key.kind in NAMED and (was.anchor, was.former, was.former_slots) != (
        now.anchor,
        now.former,
        now.former_slots,
    )
    why = key.kind in EDGES and (was.source != now.source or was.until != now.until)
    unwritten = not attrs.items() <= row.attrs.items()
    return row.claimed or names or why or unwritten or native not in ("", row.native)


def unmentioned(row: Owned, key: Key, attrs: Attrs) -> frozenset[str]:
    """The attributes that the ledger still claims and the mapping no longer mentions."""
    if row.attrs.keys() <= attrs.keys():
        return frozenset()
    return frozenset(row.attrs) - frozenset(attrs) - (CALLED if key.kind is Kind.PERSON else frozenset())


class _Book:
    """Going and held while the rules are applied one after the other."""

    def __init__(self, facts: Facts) -> None:
        self.going: list[Change] = []
        self.held: list[Held] = []
        self._facts = facts
        self._closed = Closed.of(facts)

    def judge(self, change: Change) -> None:
        """Hold the change, or the part of it that must wait."""
        why = self._closed_why(change)
        for rule in _RULES_OF[change.op]:
            why = why or rule(self._facts, change)
        if why is not None:
            self._hold(change, why)
            return
        for split in _SPLITS if change.op in _COMPARED else ():
            names, reason = split(self._facts, change)
            if names:
                part = {name: change.attrs[name] for name in names}
                self._hold(replace(change, op=Op.UPDATE, attrs=part, clear=frozenset()), reason)
                rest = {name: value for name, value in change.attrs.items() if name not in names}
                change = replace(change, attrs=rest)
        if change.op is not Op.UPDATE or change.writes or self._is_news(change):
            self.going.append(change)

    def _is_news(self, change: Change) -> bool:
        row = self._facts.owned.get(change.key)
        if row is None:
            return False
        mentioned = self._facts.desired.state.get(change.key, {})
        return bool(unmentioned(row, change.key, mentioned)) or is_stale(
            row, change.key, change.attrs, change.native, change.origin
        )

    def _hold(self, change: Change, why: Why) -> None:
        self.held.append(Held(change, *why))
        if change.op is Op.ADOPT and change.key in self._facts.lost:
            origin = self._facts.owned[change.key].origin
            self.going.append(Change(Op.FORGET, change.key, native=change.native, origin=origin))

    def _closed_why(self, change: Change) -> Why | None:
        if change.op in _ADDITIONS:
            return self._closed.over(change.key)
        itself = change.key.kind in CONTAINERS and change.op is not Op.FORGET
        return self._closed.reasons.get(path_of(change.key)) if itself else None

    def hold_what_needs_the_held(self) -> None:
        """What lies in something that is not made waits with it."""
        unmade = {
            held.change.key: held.reason
            for held in self.held
            if held.change.op is Op.CREATE or (held.change.op is Op.ADOPT and held.change.key.kind in NAMED)
        }
        if not unmade:
            return
        waiting: set[int] = set()
        for change in sorted(self.going, key=_root_down):
            missing = next((need for need in change.key.needs() if need in unmade), None)
            if missing is None or change.op not in _ADDITIONS:
                continue
            waiting.add(id(change))
            self.held.append(Held(change, unmade[missing], f"needs {missing}, which waits"))
            if change.op is Op.CREATE:
                unmade[change.key] = unmade[missing]
        self.going = [change for change in self.going if id(change) not in waiting]  # moves keep their order

    def hold_what_is_not_empty(self) -> None:
        """A container, role or account is deleted only if everything that needs it goes too."""
        deletes = {c.key: c for c in self.going if c.op is Op.DELETE and c.key.kind not in ACCESS}
        if not deletes:
            return
        removed = {change.key for change in self.going if change.op is Op.DELETE}
        made = [change.key for change in self.going if change.op in _ADDITIONS]
        held = {one.change.key: one.reason for one in self.held}
        needed_by: defaultdict[Key, list[Key]] = defaultdict(list)
        for key in (*(key for key in self._facts.observed.state if key not in removed), *made):
            for need in key.needs():
                if need in deletes:
                    needed_by[need].append(key)
        for change in sorted(deletes.values(), key=_root_down, reverse=True):
            if change.key in needed_by:
                reason, key = min((self._why_needed(key, held), key) for key in needed_by[change.key])
                self.held.append(Held(change, reason, f"{key} is still there"))
                held[change.key] = reason
                for need in change.key.needs():
                    needed_by[need].append(change.key)
        self.going = [
            change for change in self.going if change.op is not Op.DELETE or change.key not in needed_by
        ]

    def _why_needed(self, key: Key, held: Mapping[Key, str]) -> str:
        if key in held:
            return held[key]
        return "needed" if key in self._facts.owned or self._facts.wants(key) else "foreign"


def _root_down(change: Change) -> tuple[int, int, Key]:
    return len(change.key.place), _ORDER[change.key.kind], change.key


# --- rules that hold a whole change ---------------------------------------------------------------------


def _unsupported(facts: Facts, change: Change) -> Why | None:
    if change.key.kind in facts.kinds:
        return None
    return "unsupported", f"this server cannot hold a {change.key.kind}"


def _not_enforced(facts: Facts, change: Change) -> Why | None:
    mode = facts.limits.at(change.origin).mode
    if mode == "enforce" or not change.shown:
        return None
    return "mode", f"the policy of its unit says `mode: {mode}`"


def _waits(facts: Facts, change: Change) -> Why | None:
    reason = facts.desired.waiting.get(change.key)
    if reason is None:
        return None
    return "number" if change.key.kind is Kind.GROUP else "person", reason


def _protected(facts: Facts, change: Change) -> Why | None:
    if not (change.op is Op.DELETE or _locks(change)):
        return None
    if change.key.kind is Kind.ORG_MEMBER and ("MANAGED",) in change.before.values():
        return "protected", "the organization manages this account: taking it out would delete it"
    listed = _folded(_protections(facts, change))
    name = next((name for name in _names_of(change) if name in listed), None)
    if name is None:
        return None
    return "protected", f"{name} is protected; take it out of `policy.protected` first"


def _protections(facts: Facts, change: Change) -> Iterable[str]:
    """Those of the unit; an account is nobody's alone, so whoever is protected in any unit keeps it."""
    if change.key.kind is not Kind.PERSON:
        return facts.limits.at(change.origin).protected
    return facts.limits.protected.union(*(each.protected for each in facts.limits.units.values()))


def _locks(change: Change) -> bool:
    return (
        change.key.kind is Kind.PERSON
        and change.op in (Op.UPDATE, Op.ADOPT)
        and change.attrs.get(LOCK) == LOCKED != change.before.get(LOCK)
    )


def _folded(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.casefold() for name in names)


def _names_of(change: Change) -> Iterable[str]:
    """Everything by which `protected` may mean it: person, unit and group paths or DNs above it."""
    key, origin = change.key, change.origin
    people = key.item if key.kind in EDGES | {Kind.PERSON} else ()
    for name in (*people, origin.person, origin.anchor[0]):
        if name:
            yield name.casefold()
    unit = tuple(name for name in origin.unit.split("/") if name)
    for path in (unit, key.place):
        for length in range(1, len(path) + 1):
            yield ("/" + "/".join(path[:length])).casefold()
            yield ",".join(reversed(path[:length])).casefold()


def _additive(facts: Facts, change: Change) -> Why | None:
    if not facts.limits.at(change.origin).additive:
        return None
    return (
        "additive",
        "nothing is removed while the mapping is additive (until its first confirmed apply, or by policy)",
    )


def _frozen(facts: Facts, change: Change) -> Why | None:
    """What an act gave is taken away whatever state the sources are in."""
    if change.key.kind not in ACCESS or change.origin.source not in DECLARED:
        return None
    origins = [facts.desired.origins[need] for need in change.key.needs() if need in facts.desired.origins]
    for origin in (change.origin, *origins):
        for role in (change.origin.role, origin.role):
            reason = facts.desired.frozen.get((role, origin.anchor[0]))
            if reason is not None:
                return "frozen", reason
    return None


def _edge_of_others(facts: Facts, change: Change) -> Why | None:
    adopt = facts.limits.at(change.origin).adopt
    if adopt == "yes" or change.key in facts.limits.adoptions or change.key.kind is Kind.PERSON:
        return None
    if change.key.kind in ACCESS:
        return "adoption", "somebody else put it there; `syncd adopt` takes it over, then syncd may revoke it"
    if adopt == "never" and not _may_take(facts, change.key):
        return "adoption", "exists already and the policy says `adopt: never`"
    return None


def _unread(facts: Facts, change: Change) -> Why | None:
    """Where nobody looked, what we would make may be there already as somebody else's."""
    deletes = change.op is Op.DELETE and change.key in facts.unread
    creates = change.op is Op.CREATE and change.key.kind in ACCESS
    if not deletes and not (creates and not facts.unread.isdisjoint(change.key.needs())):
        return None
    return "drift", "somebody renamed or moved it, so it is not known who is in it; the next run looks"


def _taken_away(facts: Facts, change: Change) -> Why | None:
    """Drift of whole facts: ours, and somebody took it away, or moved it."""
    if facts.limits.at(change.origin).drift == "revert":
        return None
    if change.op is Op.MOVE and change.native in facts.drifted:
        return "drift", "somebody renamed or moved it; the policy says to report that only"
    row = facts.owned.get(change.key)
    if change.op is Op.CREATE and row is not None and not row.claimed and change.key not in facts.lost:
        return "drift", "syncd made it and somebody took it away; the policy says to report that only"
    return None


_RULES: Sequence[tuple[frozenset[Op], Callable[[Facts, Change], Why | None]]] = (
    (frozenset(Op) - {Op.FORGET}, _unsupported),
    (frozenset(Op) - {Op.FORGET}, _not_enforced),
    (frozenset({Op.CREATE, Op.ADOPT}), _waits),
    (_COMPARED | {Op.DELETE}, _protected),
    (frozenset({Op.DELETE}), _additive),
    (frozenset({Op.DELETE}), _frozen),
    (frozenset({Op.ADOPT}), _edge_of_others),
    (frozenset({Op.CREATE, Op.DELETE}), _unread),
    (frozenset({Op.CREATE, Op.MOVE}), _taken_away),
)
"""Each rule with the operations that it may hold, in the order in which they are asked."""

_RULES_OF = {op: tuple(rule for ops, rule in _RULES if op in ops) for op in Op}


# --- rules that hold some attributes of a change ------------------------------------------------------


def _overwrites(facts: Facts, change: Change) -> tuple[set[str], Why]:
    """Values that stood in something adopted before we came."""
    why = ("adoption", "overwrites what somebody else wrote; `syncd adopt` allows it")
    limits, row = facts.limits.at(change.origin), facts.owned.get(change.key)
    lost = change.key in facts.lost
    adopted = change.op is Op.ADOPT or (change.op is Op.UPDATE and row is not None and row.adopted)
    free = limits.adopt == "yes" or change.key in limits.adoptions
    if (
        not adopted
        or free
        or change.key.kind is Kind.PERSON
        or facts.observed.marks.get(change.key) == facts.marker
    ):
        return set(), why
    written = row.attrs if row is not None and not lost else {}
    return {name for name in _differing(change) if name in change.before and name not in written}, why


def _reverts(facts: Facts, change: Change) -> tuple[set[str], Why]:
    """Values that we wrote, that are still wanted, and that somebody changed."""
    row = facts.owned.get(change.key)
    drift = facts.limits.at(change.origin).drift
    if change.op is not Op.UPDATE or row is None or row.claimed or drift == "revert":
        return set(), ("drift", "")
    names = {
        name
        for name in _differing(change)
        if row.attrs.get(name) == change.attrs[name] or (name not in row.attrs and name in change.before)
    }
    found = "; ".join(
        f"{name}: {', '.join(change.before.get(name, ())) or 'taken away'}" for name in sorted(names)
    )
    advice = "write it into the file to keep it" if drift == "adopt" else "the policy says to report only"
    return names, ("drift", f"somebody changed it ({found}); {advice}")


def _unlocks(facts: Facts, change: Change) -> tuple[set[str], Why]:
    """Somebody locked the account; only a lock of ours is ours to take off."""
    why = ("drift", "somebody locked this account; syncd takes off only locks that it put on")
    if change.key.kind is not Kind.PERSON or change.op is not Op.UPDATE or change.before.get(LOCK) != LOCKED:
        return set(), why
    row = facts.owned.get(change.key)
    ours = row is not None and row.attrs.get(LOCK) == LOCKED
    return ({LOCK} if not ours and LOCK in _differing(change) else set()), why


def _differing(change: Change) -> set[str]:
    return {name for name, value in change.attrs.items() if change.before.get(name) != value}


_SPLITS: Sequence[Callable[[Facts, Change], tuple[set[str], Why]]] = (_overwrites, _reverts, _unlocks)
