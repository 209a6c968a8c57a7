"""Renames and moves: names are for people, so what is the same unit keeps its id, entry and members.

A pure pass before the diff. It finds each container that we own, by its native id wherever it stands
now, asks the anchor (unit id, slot) where it should stand, and re-keys observed and owned accordingly:
what lies below moves along and costs nothing. Two containers that exchange names pass through a
temporary name on every target, because both Keycloak and LDAP refuse two siblings of one name.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from syncd.model import (
    CONTAINERS,
    Attrs,
    Change,
    Desired,
    Key,
    Kind,
    Limits,
    Observation,
    Op,
    Origin,
    Owned,
    Path,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from syncd.model import Plan

NAMED = CONTAINERS | {Kind.ROLE}
ALL_KINDS = frozenset(Kind)
_ORGANIZATIONS = frozenset({Kind.ORGANIZATION, Kind.ORG_MEMBER})


@dataclass(frozen=True, slots=True)
class Facts:
    """What a plan is made from; `owned` by key.

    `drifted` are native ids that somebody else moved; `lost` are keys in `owned` under which something
    else stands now: a container that was replaced by another of its name, and who is in that one;
    `unread` are containers of ours that stand where nobody asked the target who is in them.
    """

    desired: Desired
    observed: Observation
    owned: Mapping[Key, Owned]
    limits: Limits
    marker: str
    kinds: frozenset[Kind] = ALL_KINDS
    drifted: frozenset[str] = frozenset()
    lost: frozenset[Key] = frozenset()
    unread: frozenset[Key] = frozenset()

    def is_same(self, key: Key, row: Owned) -> bool:
        """Whether what stands at `key` is what the ledger row means.

        A native id tells, or our own mark: a create that repaired drift may have died before its new id
        was written down.
        """
        native = self.observed.natives.get(key, "")
        known = row.native and not row.claimed  # a claim waits for the id of what it made
        return native in ("", row.native) or not known or self.observed.marks.get(key) == self.marker

    def limits_at(self, key: Key) -> Limits:
        """The limits of the unit to which the fact belongs, as it is wanted or as the ledger knows it."""
        row = self.owned.get(key)
        origin = self.desired.origins.get(key) or (row.origin if row else None)
        return self.limits.at(origin) if origin else self.limits

    def wants(self, key: Key) -> bool:
        """Whether the mapping asks for this fact, now or as soon as its person is known."""
        return key in self.desired.state or key in self.desired.waiting


@dataclass(slots=True, eq=False)
class Node:
    """A named place in a tree; `real` unless it only lies on the way to one."""

    name: str
    parent: Node | None = None
    children: dict[str, Node] = field(default_factory=dict)
    real: bool = False


class Tree:
    """Places that can be moved with everything below them in one step."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._root = Node("")
        self.index: dict[Path, Node] = {}
        for path in paths:
            node = self._reach(path)
            node.real = True
            self.index[path] = node

    def _reach(self, path: Path) -> Node:
        node = self._root
        for name in path:
            node = node.children.setdefault(name, Node(name, node))
        return node

    def find(self, path: Path) -> Node | None:
        """The real node that stands at `path` now."""
        node: Node | None = self._root
        for name in path:
            node = node.children.get(name) if node else None
        return node if node and node.real else None

    @staticmethod
    def place(node: Node) -> Path:
        """Where the node stands now."""
        names = []
        while node.parent is not None:
            names.append(node.name)
            node = node.parent
        return tuple(reversed(names))

    def move(self, node: Node, path: Path) -> None:
        """Put the node at `path`; what lies below an unreal node there stays below that place."""
        if node.parent is not None:
            del node.parent.children[node.name]
        parent = self._reach(path[:-1])
        replaced = parent.children.get(path[-1])
        node.name, node.parent = path[-1], parent
        parent.children[path[-1]] = node
        for child in replaced.children.values() if replaced else ():
            if child.name not in node.children:
                child.parent, node.children[child.name] = node, child

    def now(self, path: Path) -> Path:
        """Where that which stood at `path` in the beginning stands now."""
        for length in range(len(path), 0, -1):
            node = self.index.get(path[:length])
            if node is not None:
                return self.place(node) + path[length:]
        return path


def path_of(key: Key) -> Path:
    """The tree path of a container or role: groups, organizations and roles are apart."""
    if key.kind is Kind.ROLE:
        return ("role", *key.place, *key.item)
    return ("organization" if key.kind in _ORGANIZATIONS else "group", *key.place)


def _key_at(kind: Kind, path: Path) -> Key:
    return Key(kind, path[1:2], path[2:]) if kind is Kind.ROLE else Key(kind, path[1:])


def rekeyed(key: Key, now: Callable[[Path], Path]) -> Key:
    """The key after everything it names has moved as `now` says."""
    match key.kind:
        case Kind.PERSON:
            return key
        case Kind.ROLE:
            return _key_at(key.kind, now(path_of(key)))
        case Kind.COMPOSITE:
            return Key(key.kind, now(("role", *key.place))[1:], now(("role", *key.item))[1:])
        case Kind.GRANT:
            return Key(key.kind, now(path_of(key))[1:], now(("role", *key.item))[1:])
        case Kind.MEMBER if key.nests:
            return Key(key.kind, now(path_of(key))[1:], now(("group", *key.item))[1:])
        case _:
            return Key(key.kind, now(path_of(key))[1:], key.item)


def moved(key: Key, old: Key, new: Key) -> Key:
    """The key of a fact after the MOVE of `old` to `new`; ledgers re-key their rows with it."""
    source, target = path_of(old), path_of(new)

    def now(path: Path) -> Path:
        return target + path[len(source) :] if path[: len(source)] == source else path

    return rekeyed(key, now)


def settle(facts: Facts) -> tuple[Facts, tuple[Change, ...]]:
    """The moves, in the order in which they must happen, and the facts as they will be after them."""
    located = _located(facts)
    wanted = _wanted(facts, located)
    at_home = all(row == here for row, here in located.items())
    if at_home and all(row == goal for row, goal in wanted.items()):
        return facts, ()
    seen = Tree(sorted(path_of(key) for key in facts.observed.state if key.kind in NAMED))
    ledger = Tree(sorted(path_of(key) for key in facts.owned if key.kind in NAMED))
    moves = _Mover(facts, located, seen, ledger).run(wanted)
    if not moves and at_home:
        return facts, ()
    drifted = {facts.owned[row].native for row, key in wanted.items() if row == key and located[row] != row}
    return replace(_after(facts, seen, located, moves), drifted=frozenset(drifted)), moves


def _located(facts: Facts) -> dict[Key, Key]:
    """Ledger key → the key under which that very object stands now; objects that are gone are left out."""
    natives = facts.observed.natives
    by_native = {(key.kind, native): key for key, native in natives.items() if key.kind in NAMED and native}
    found = {}
    for key, row in facts.owned.items():
        if key.kind not in NAMED:
            continue
        here = by_native.get((key.kind, row.native)) if row.native else None
        if here is not None and here in facts.observed.state:
            found[key] = here
        elif key in facts.observed.state and facts.is_same(key, row):
            found[key] = key
    return found


def _wanted(facts: Facts, located: Mapping[Key, Key]) -> dict[Key, Key]:
    """Ledger key → the key where its unit and slot should stand.

    An anchor whose former ids are all in the ledger already is settled and wins; then a former id; then
    the anchor itself. So an exchange of two paths happens once, however long `formerly` stays in the file.
    What is wanted no more but was moved by somebody goes back first: only there we know what it held.
    """
    origins = facts.desired.origins
    named = sorted(key for key in facts.desired.state if key.kind in NAMED and key in origins)
    now: dict[tuple[tuple[str, str], Kind], Key] = {}
    before: dict[tuple[tuple[str, str], Kind], Key] = {}
    for key in named:
        origin = origins[key]
        now.setdefault((origin.anchor, key.kind), key)
        for anchor in former_anchors(origin):
            before.setdefault((anchor, key.kind), key)
    rows = sorted(located)
    matched: dict[Key, Key] = {}
    for index, test in ((now, _is_settled), (before, _always), (now, _always)):
        taken = set(matched.values())
        for row in rows:
            goal = index.get((facts.owned[row].origin.anchor, row.kind))
            if (
                row in matched
                or goal is None
                or goal in taken
                or not test(facts.owned[row].origin, origins[goal])
            ):
                continue
            matched[row] = goal
            taken.add(goal)
    strays = {row: row for row, here in located.items() if here != row and row not in matched}
    goals = matched | strays
    return {row: goal for row, goal in goals.items() if row.kind is not Kind.ROLE or row.place == goal.place}


def homes(facts: Facts) -> dict[Key, tuple[Key, Key]]:
    """Key → (ledger key, key now) of the container of ours that stands there or is to move there."""
    located = _located(facts)
    return {goal: (row, located[row]) for row, goal in _wanted(facts, located).items()}


def former_anchors(origin: Origin) -> Iterable[tuple[str, str]]:
    """The other anchors that the fact may be known by: those of its unit's and role's former names."""
    unit, slot = origin.anchor
    for former_unit in (unit, *origin.former):
        for former_slot in (slot, *origin.former_slots):
            if (former_unit, former_slot) != origin.anchor:
                yield former_unit, former_slot


def _is_settled(row: Origin, goal: Origin) -> bool:
    return set(goal.former) <= set(row.former) and set(goal.former_slots) <= set(row.former_slots)


def _always(_row: Origin, _goal: Origin) -> bool:
    return True


class _Mover:
    """Moves nodes one after the other on both trees, so that every MOVE says what stands at that moment."""

    def __init__(self, facts: Facts, located: Mapping[Key, Key], seen: Tree, ledger: Tree) -> None:
        self._facts = facts
        self._located = located
        self._seen = seen
        self._ledger = ledger
        self._changes: list[Change] = []
        self._pending: dict[Node, tuple[Key, Key]] = {}  # node → (ledger key, wanted key)
        self._by_ledger: dict[Node | None, Node] = {}  # node of the ledger's tree → node of what is seen

    def run(self, wanted: Mapping[Key, Key]) -> tuple[Change, ...]:
        for row, goal in sorted(wanted.items(), key=lambda pair: (len(pair[1].place), pair[1])):
            node = self._seen.index[path_of(self._located[row])]
            self._pending[node] = (row, goal)
            self._by_ledger[self._ledger.index[path_of(row)]] = node
        while self._pending:
            if not self._pass():
                self._step_aside()
        return tuple(self._changes)

    def _pass(self) -> bool:
        """Move all that can go where it should; whether there was any."""
        goals = {path_of(goal) for _, goal in self._pending.values()}
        progress = False
        for node, (row, goal) in list(self._pending.items()):
            path = path_of(goal)
            if any(path[:length] in goals for length in range(1, len(path))) or self._in_the_way(node, path):
                continue
            if self._seen.find(path) in (None, node):
                self._go(node, row, goal)
            del self._pending[node]  # moved; or its name is taken by what stays, then it is left where it is
            goals.discard(path)
            progress = True
        return progress

    def _in_the_way(self, node: Node, path: Path) -> Node | None:
        """What stands at or above `path`, in the target or in the ledger, and is to go elsewhere itself."""
        for length in range(1, len(path) + 1):
            for found in (
                self._seen.find(path[:length]),
                self._by_ledger.get(self._ledger.find(path[:length])),
            ):
                if found in self._pending and (found is not node or length < len(path)):
                    return found
        return None

    def _step_aside(self) -> None:
        """Nothing can go: what stands in the way of the first, itself perhaps, takes another name."""
        first, (_, goal) = next(iter(self._pending.items()))
        aside = self._in_the_way(first, path_of(goal)) or first
        row, _ = self._pending[aside]
        here = self._seen.place(aside)
        name = here[-1] + "~"
        while self._seen.find((*here[:-1], name)) or self._ledger.find((*here[:-1], name)):
            name += "~"
        self._go(aside, row, _key_at(row.kind, (*here[:-1], name)))

    def _go(self, node: Node, row: Key, goal: Key) -> None:
        ledger = self._ledger.index[path_of(row)]
        here, recorded, path = self._seen.place(node), self._ledger.place(ledger), path_of(goal)
        if here == path == recorded:
            return
        old = here if recorded == path and self._ledger.find(here) is None else recorded
        owned = self._facts.owned[row]
        final = self._pending[node][1]
        attrs = {**owned.attrs, **_naming(goal, self._facts.desired.state.get(final, {}))}
        native = self._facts.observed.natives.get(self._located[row], owned.native)
        origin = self._facts.desired.origins.get(final, owned.origin) if goal == final else owned.origin
        self._changes.append(
            Change(Op.MOVE, goal, attrs, attrs, old=_key_at(row.kind, old), native=native, origin=origin)
        )
        self._seen.move(node, path)
        self._ledger.move(ledger, path)


def _naming(key: Key, attrs: Attrs) -> Attrs:
    """The attribute that an RDN shows, in its true spelling: the move itself writes it."""
    name, equals, _ = key.place[-1].partition("=") if key.place else ("", "", "")
    return {name.lower(): attrs[name.lower()]} if equals and name.lower() in attrs else {}


def _after(facts: Facts, seen: Tree, located: Mapping[Key, Key], moves: tuple[Change, ...]) -> Facts:
    """The facts as they stand once the moves are done.

    Who is in a container that stands at an unexpected place was not read; unknown is never empty, so all
    that we put there is taken to be there still.
    """
    observed = facts.observed
    state = {rekeyed(key, seen.now): attrs for key, attrs in observed.state.items()}
    for key in {change.key for change in moves} & facts.desired.state.keys() & state.keys():
        state[key] = {**state[key], **_naming(key, facts.desired.state[key])}
    ledger = {path_of(row): path_of(here) for row, here in located.items()}

    def now(path: Path) -> Path:
        for length in range(len(path), 0, -1):
            if path[:length] in ledger:
                return seen.now(ledger[path[:length]]) + path[length:]
        return seen.now(path)

    gone = [key for key in facts.owned if key.kind in NAMED and key not in located]
    rest = [key for key in facts.owned if key.kind not in NAMED or key in located]
    owned = {}
    for key in (*gone, *rest):  # where a row of something gone stood at the new place, the moved one wins
        place = rekeyed(key, now)
        owned[place] = replace(facts.owned[key], key=place)
    for key in {change.key for change in moves} & facts.desired.state.keys() & owned.keys():
        owned[key] = replace(owned[key], attrs={**owned[key].attrs, **_naming(key, facts.desired.state[key])})
    unread = frozenset(
        rekeyed(here, seen.now)
        for row, here in located.items()
        if here != row and here not in facts.desired.state and here not in facts.owned
    )
    state = {**{key: {} for key in owned if unread and not unread.isdisjoint(_holders(key))}, **state}
    return replace(
        facts,
        observed=replace(
            observed,
            state=state,
            natives={rekeyed(key, seen.now): native for key, native in observed.natives.items()},
            marks={rekeyed(key, seen.now): mark for key, mark in observed.marks.items()},
        ),
        owned=owned,
        unread=unread,
    )


def _holders(key: Key) -> tuple[Key, ...]:
    """The container that an edge or a grant lies in."""
    laid_in = key.kind not in NAMED and key.kind is not Kind.PERSON
    return tuple(need for need in key.needs() if need.kind in CONTAINERS) if laid_in else ()


def natives_after(plan: Plan, natives: Mapping[Key, str]) -> Mapping[Key, str]:
    """Native ids by the keys that the plan's other changes use: those after its moves, held ones too.

    A change below a container whose move waits or fails still finds it, by its id.
    """
    moves = [change for change in plan.changes if change.op is Op.MOVE]
    moves += [held.change for held in plan.held if held.change.op is Op.MOVE]
    if not moves:
        return natives
    tree = Tree(sorted(path_of(key) for key in natives if key.kind in NAMED))
    nodes = {
        (key.kind, native): tree.index[path_of(key)] for key, native in natives.items() if key.kind in NAMED
    }
    for change in moves:
        node = nodes.get((change.key.kind, change.native))
        if node is not None:
            tree.move(node, path_of(change.key))
    return {rekeyed(key, tree.now): native for key, native in natives.items()}
