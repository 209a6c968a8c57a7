"""Small worlds and their histories, for the laws of the core.

A history is a list of steps that make sense whatever came before: numbers pick from what there is. Each
step edits what is wanted, or the target behind our back, and then a run follows that may crash.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from syncd.model import CONTAINERS, Account, Desired, Key, Kind, Limits, Op, Origin, Result
from syncd.targets.memory import CrashedError, Faults, MemoryTarget
from tests.miniature import MARKER, Runner

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.model import Attrs, Path, Plan

TOP = "top"
NAMES = ("a", "b", "Qualité & Sûreté", "d")
ROLES = ("member", "lead")
PEOPLE = {f"p_{number:016x}": f"native-{number}" for number in range(5)}
STRANGERS = ("stranger-0", "stranger-1")
CLIENT = "portal"

REMOVALS = ("remove_member", "remove_member", "remove_unit")
RENAMES = ("rename", "move", "swap", "template")
FOREIGN = ("foreign_member", "put_by_hand", "want_by_hand", "foreign_group", "want_foreign_group")
TEXTS = ("describe",)
DRIFT = ("console_rename", "console_delete", "console_expel", "console_describe")
EDITS = (
    "add_member",
    "add_unit",
    "describe",
    "add_member",
    "add_member",
    *REMOVALS,
    *RENAMES,
    *FOREIGN,
    *DRIFT,
)
FAULTS = ("none", "crash_before", "none", "crash_after", "none", "lost_reply", "refused")


@dataclass(frozen=True)
class Step:
    """One edit, with numbers to pick by, and how the run after it goes wrong at its `at`-th write."""

    edit: str
    a: int = 0
    b: int = 0
    c: int = 0
    fault: str = "none"
    at: int = 1


@dataclass(frozen=True)
class Unit:
    """A unit as the mapping has it."""

    name: str
    parent: str = ""
    description: str = ""
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """What stays the same through a history: declared ids or paths as ids, roles given to the groups."""

    ids: bool = True
    grants: bool = False


small = st.integers(0, 11)


def steps(edits: tuple[str, ...]) -> st.SearchStrategy[Step]:
    """One step out of these edits."""
    return st.builds(
        Step,
        edit=st.sampled_from(edits),
        a=small,
        b=small,
        c=small,
        fault=st.sampled_from(FAULTS),
        at=st.integers(1, 3),
    )


settings_of_worlds = st.builds(Setting, ids=st.booleans(), grants=st.booleans())


@st.composite
def histories(draw: st.DrawFn, faults: bool = True) -> tuple[Setting, list[Step]]:
    """A setting and up to 16 steps after a start of a few units and members."""
    start = [Step("add_unit", *draw(st.tuples(small, small))) for _ in range(draw(st.integers(2, 4)))]
    start += draw(st.lists(steps(("add_member",)), min_size=2, max_size=6))
    rest = draw(st.lists(steps(EDITS), min_size=2, max_size=8))
    for edits in (REMOVALS, RENAMES, FOREIGN, DRIFT, TEXTS):
        for _ in range(draw(st.integers(0, 2))):
            rest.insert(draw(st.integers(0, len(rest))), draw(steps(edits)))
    todo = [*start, *rest]
    return draw(settings_of_worlds), todo if faults else [replace(step, fault="none") for step in todo]


class Story:
    """A mapping, a target and a ledger through a history, and what strangers did meanwhile."""

    def __init__(self, setting: Setting | None = None, limits: Limits | None = None) -> None:
        accounts = [Account("memory", native, native) for native in (*PEOPLE.values(), *STRANGERS)]
        self.setting = setting or Setting()
        self.target = MemoryTarget(marker=MARKER, accounts=accounts)
        self.target.put(Key(Kind.GROUP, (TOP,)), {})
        self.runner = Runner(
            self.target,
            [(TOP,)],
            PEOPLE,
            limits=limits or Limits(adopt="yes", delete_units="delete"),
        )
        self.units: dict[str, Unit] = {}
        self.former: dict[str, set[str]] = {}
        self.suffix = ""
        self._said_before = False
        self.foreign_groups: set[str] = set()
        self.foreign_edges: set[tuple[str, str]] = set()
        self.by_hand: set[tuple[str, str]] = set()
        self.noted: set[str] = set()
        self.unsure: set[str] = set()
        self.clean = True
        self.done: list[str] = []
        self._made = 0

    # --- what is wanted

    def path(self, uid: str) -> Path:
        unit = self.units[uid]
        return (*(self.path(unit.parent) if unit.parent else (TOP,)), unit.name)

    def desired(self) -> Desired:
        state: dict[Key, Attrs] = {}
        origins: dict[Key, Origin] = {}
        for uid, unit in self.units.items():
            shown = uid if self.setting.ids else self._slashed(self.path(uid))
            former = () if self.setting.ids else tuple(sorted(self.former.get(uid, set()) - {shown}))
            base = Origin(anchor=(shown, "unit"), former=former, unit=self._slashed(self.path(uid)))
            place = self.path(uid)
            state[Key(Kind.GROUP, place)] = {"description": (unit.description,)}
            origins[Key(Kind.GROUP, place)] = base
            for role in ROLES:
                group = (*place, role + self.suffix)
                facts = self._role_group(base, group, role, unit.members.get(role, ()))
                state |= {key: {} for key in facts}
                origins |= facts
        if self.setting.grants and self.units:
            self._role_definitions(state, origins)
        return Desired(state, origins)

    def _role_group(self, base: Origin, place: Path, role: str, people: Iterable[str]) -> dict[Key, Origin]:
        origin = replace(base, anchor=(base.anchor[0], f"role:{role}"), role=role)
        facts = {Key(Kind.GROUP, place): origin}
        facts |= {
            Key(Kind.MEMBER, place, (person,)): replace(origin, person=person) for person in sorted(people)
        }
        if self.setting.grants:
            facts[Key(Kind.GRANT, place, (CLIENT, role))] = origin
        return facts

    @staticmethod
    def _role_definitions(state: dict[Key, Attrs], origins: dict[Key, Origin]) -> None:
        for role in ROLES:
            key = Key(Kind.ROLE, (CLIENT,), (role,))
            state[key], origins[key] = {"description": (role,)}, Origin(anchor=("", f"role-def:{role}"))
        key = Key(Kind.COMPOSITE, (CLIENT, "lead"), (CLIENT, "member"))
        state[key], origins[key] = {}, Origin(anchor=("", "role-def:lead"))

    @staticmethod
    def _slashed(path: Path) -> str:
        return "/" + "/".join(path)

    # --- steps

    def do(self, step: Step) -> Plan:
        """The edit and the run after it; the plan of that run."""
        self._said_before = any(self.former.values())
        if self.clean and step.c % 2:
            self.former = {}
        if getattr(self, f"_{step.edit}")(step):
            self.done.append(step.edit)
        return self.run(step.fault, step.at)

    def run(self, fault: str = "none", at: int = 1) -> Plan:
        desired = self.desired()
        made, seen = self.runner.plan(desired)
        self.target.faults = self._faults(fault, at, made)
        self.clean = False
        try:
            outcomes = self.runner.apply(made, seen)
        except CrashedError:
            self.done.append("crash")
        else:
            self.clean = all(outcome.result is Result.DONE for outcome in outcomes)
        self.target.faults = Faults()
        if not self.clean:  # an update is not claimed: a value whose record was lost, unmentioned next, stays
            self.unsure |= {
                change.native for change in made.changes if change.op is Op.UPDATE and change.writes
            }
        if self.runner.limits.adopt == "yes":
            self.by_hand -= self._owned_edges()
        return made

    def _owned_edges(self) -> set[tuple[str, str]]:
        """What the ledger says is ours: an adoption counts from its claim on."""
        rows = self.runner.ledger.rows
        found = [
            (rows.get(Key(Kind.GROUP, key.place)), PEOPLE[key.item[0]])
            for key in rows
            if key.kind is Kind.MEMBER
        ]
        return {(group.native, account) for group, account in found if group is not None}

    def _faults(self, fault: str, at: int, made: Plan) -> Faults:
        number = self.target.writes + at
        match fault:
            case "crash_before":
                return Faults(crash_before=number)
            case "crash_after":
                return Faults(crash_after=number)
            case "lost_reply":
                return Faults(lost_replies=frozenset({number}))
            case "refused":
                keys = [change.key for change in made.changes if change.writes][at - 1 : at]
                return Faults(refused=dict.fromkeys(keys, "the server does not like it today"))
        return Faults()

    def settle(self, most: int = 5) -> int:
        """Run until there is nothing to do; how many runs wrote anything."""
        for runs in range(most):
            if not self.run().changes:
                return runs
        raise AssertionError(f"still not settled after {most} runs")

    # --- edits of the mapping; each says whether it did anything

    def _pick(self, number: int, among: Iterable[str] | None = None) -> str:
        ordered = sorted(self.units if among is None else among)
        return ordered[number % len(ordered)] if ordered else ""

    def _is_free(self, name: str, parent: str, but: frozenset[str] = frozenset()) -> bool:
        siblings = {unit.name for uid, unit in self.units.items() if unit.parent == parent and uid not in but}
        place = self._slashed((*(self.path(parent) if parent else (TOP,)), name))
        return name not in siblings and all(place not in former for former in self.former.values())

    def _add_unit(self, step: Step) -> bool:
        parent = self._pick(step.b, ["", *(uid for uid in self.units if len(self.path(uid)) < 4)])
        if not self._is_free(NAMES[step.a % 4], parent):
            return False
        self._made += 1
        self.units[f"u{self._made}"] = Unit(NAMES[step.a % 4], parent)
        return True

    def _remove_unit(self, step: Step) -> bool:
        gone = self._pick(step.a)
        below = {uid for uid in self.units if gone and self._is_below(uid, gone)}
        self.units = {uid: unit for uid, unit in self.units.items() if uid not in below}
        return bool(below)

    def _is_below(self, uid: str, top: str) -> bool:
        while uid:
            if uid == top:
                return True
            uid = self.units[uid].parent
        return False

    def _with_former(self, change: Mapping[str, Unit]) -> bool:
        before = {uid: self._slashed(self.path(uid)) for uid in self.units}
        self.units |= change
        for uid, old in before.items():
            if self._slashed(self.path(uid)) != old:
                self.former.setdefault(uid, set()).add(old)
        return bool(change)

    def _rename(self, step: Step) -> bool:
        uid = self._pick(step.a)
        free = [name for name in NAMES if uid and self._is_free(name, self.units[uid].parent)]
        return bool(free) and self._with_former(
            {uid: replace(self.units[uid], name=free[step.b % len(free)])}
        )

    def _move(self, step: Step) -> bool:
        uid = self._pick(step.a)
        homes = [
            one for one in self.units if uid and not self._is_below(one, uid) and len(self.path(one)) < 4
        ]
        name = self.units[uid].name if uid else ""
        free = [
            one for one in ("", *homes) if uid and one != self.units[uid].parent and self._is_free(name, one)
        ]
        return bool(free) and self._with_former(
            {uid: replace(self.units[uid], parent=self._pick(step.b, free))}
        )

    def _swap(self, step: Step) -> bool:
        first = self._pick(step.a)
        same = [uid for uid in self.units if first and self.units[uid].parent == self.units[first].parent]
        second = self._pick(step.b, same)
        if first == second or self._said_before:  # the same `formerly` twice in a row says nothing new
            return False
        one, two = self.units[first], self.units[second]
        return self._with_former({first: replace(one, name=two.name), second: replace(two, name=one.name)})

    def _describe(self, step: Step) -> bool:
        uid = self._pick(step.a)
        if uid:
            self.units[uid] = replace(self.units[uid], description=("", "one")[step.b % 2])
        return bool(uid)

    def _template(self, step: Step) -> bool:
        self.suffix = "" if self.suffix else "s"
        return bool(self.units)

    def _add_member(self, step: Step) -> bool:
        uid, role = self._pick(step.a), ROLES[step.b % 2]
        return bool(uid) and self._members(uid, role, self._of(uid, role) | {self._pick(step.c, PEOPLE)})

    def _remove_member(self, step: Step) -> bool:
        held = [
            (uid, role, p)
            for uid in sorted(self.units)
            for role in ROLES
            for p in sorted(self._of(uid, role))
        ]
        if not held:
            return False
        uid, role, person = held[step.a % len(held)]
        return self._members(uid, role, self._of(uid, role) - {person})

    def _of(self, uid: str, role: str) -> frozenset[str]:
        return self.units[uid].members.get(role, frozenset())

    def _members(self, uid: str, role: str, people: frozenset[str]) -> bool:
        self.units[uid] = replace(self.units[uid], members={**self.units[uid].members, role: people})
        return True

    # --- behind our back

    def groups(self) -> list[Key]:
        """The groups that stand below the top."""
        return sorted(key for key in self.target.facts if key.kind is Kind.GROUP and len(key.place) > 1)

    def native(self, key: Key) -> str:
        return self.target.natives[key]

    def _group(self, number: int) -> Key | None:
        groups = self.groups()
        return groups[number % len(groups)] if groups else None

    def _put(self, group: Key | None, account: str, among: set[tuple[str, str]]) -> bool:
        key = Key(Kind.MEMBER, group.place, (account,)) if group else None
        if group is None or key is None or key in self.target.facts:
            return False
        self.target.put(key, {})
        among.add((self.native(group), account))
        return True

    def _foreign_member(self, step: Step) -> bool:
        return self._put(self._group(step.a), STRANGERS[step.b % 2], self.foreign_edges)

    def _put_by_hand(self, step: Step) -> bool:
        """Somebody of the mapping, put into a group by a stranger; ours once the mapping asks for it."""
        group, account = self._group(step.a), PEOPLE[self._pick(step.b, PEOPLE)]
        if (
            group is None
            or (self.native(group), account) in self._owned_edges()
            or self._is_recorded(group, account)
        ):
            return False
        return self._put(group, account, self.by_hand)

    def _is_recorded(self, group: Key, account: str) -> bool:
        """Whether the ledger has the edge under this name: an edge has no id, ours put back is ours."""
        rows = self.runner.ledger.rows
        return any(
            key.place == group.place and PEOPLE.get(key.item[0]) == account for key in rows if key.item
        )

    def _want_by_hand(self, step: Step) -> bool:
        """The mapping comes to name somebody whom a stranger had put there already."""
        self._put_by_hand(step)
        found = [
            (uid, role, person)
            for uid in sorted(self.units)
            for role in ROLES
            for person in sorted(PEOPLE.keys() - self._of(uid, role))
            if (self.target.natives.get(self._role_key(uid, role), ""), PEOPLE[person]) in self.by_hand
        ]
        if not found:
            return False
        uid, role, person = found[step.c % len(found)]
        return self._members(uid, role, self._of(uid, role) | {person})

    def _role_key(self, uid: str, role: str) -> Key:
        return Key(Kind.GROUP, (*self.path(uid), role + self.suffix))

    def _want_foreign_group(self, step: Step) -> bool:
        """The mapping comes to name a group that a stranger had made already."""
        parent = self._pick(step.b, ["", *(uid for uid in self.units if len(self.path(uid)) < 4)])
        place = (*(self.path(parent) if parent else (TOP,)), "theirs")
        above = Key(Kind.GROUP, place[:-1])
        if above not in self.target.facts or not self._is_free("theirs", parent):
            return False
        if Key(Kind.GROUP, place) not in self.target.facts:
            self.foreign_groups.add(self.target.put(Key(Kind.GROUP, place), {}))
        self._made += 1
        self.units[f"u{self._made}"] = Unit("theirs", parent)
        return True

    def _foreign_group(self, step: Step) -> bool:
        parent = self._group(step.a) or Key(Kind.GROUP, (TOP,))
        key = Key(Kind.GROUP, (*parent.place, (*NAMES, *ROLES, "x")[step.b % 7]))
        if key in self.target.facts or len(key.place) > 6:
            return False
        self.foreign_groups.add(self.target.put(key, {}))
        return True

    def _console_rename(self, step: Step) -> bool:
        key = self._group(step.a)
        new = Key(Kind.GROUP, (*key.place[:-1], f"renamed {step.b}")) if key else None
        if key is None or new is None or new in self.target.facts:
            return False
        if self.native(key) not in {row.native for row in self.runner.ledger.rows.values()}:
            self.foreign_groups.add(self.native(key))  # its run died before it wrote down more than the place
        self.target.rename(key, new)
        return True

    def _console_delete(self, step: Step) -> bool:
        key = self._group(step.a)
        if key is None:
            return False
        gone = {self.native(one) for one in self.groups() if one.place[: len(key.place)] == key.place}
        self.target.drop(key)
        self.foreign_groups -= gone
        self.foreign_edges = {edge for edge in self.foreign_edges if edge[0] not in gone}
        self.by_hand = {edge for edge in self.by_hand if edge[0] not in gone}
        return True

    def _console_expel(self, step: Step) -> bool:
        ours = sorted(
            key for key in self.target.facts if key.kind is Kind.MEMBER and key.item[0] not in STRANGERS
        )
        if not ours:
            return False
        key = ours[step.a % len(ours)]
        self.by_hand.discard((self.native(Key(Kind.GROUP, key.place)), key.item[0]))
        self.target.drop(key)
        return True

    def _console_describe(self, step: Step) -> bool:
        key = self._group(step.a)
        if key is not None:
            self.target.write(key, {"description": ("scribbled",), "attribute:theirs": ("note",)})
            self.noted.add(self.native(key))
        return key is not None

    # --- what is so

    def edges(self) -> set[tuple[str, str]]:
        """Who is in what: (native id of the group, native id of the account)."""
        members = [key for key in self.target.facts if key.kind is Kind.MEMBER]
        return {(self.native(Key(Kind.GROUP, key.place)), key.item[0]) for key in members}

    def _edges(self, desired: Desired) -> set[tuple[str, str]]:
        wanted = [key for key in desired.state if key.kind is Kind.MEMBER]
        found = [(Key(Kind.GROUP, key.place), PEOPLE[key.item[0]]) for key in wanted]
        return {(self.native(group), account) for group, account in found if group in self.target.facts}

    def wanted_edges(self) -> set[tuple[str, str]]:
        """The edges that the mapping asks for, by native ids."""
        return self._edges(self.desired())

    def check_strangers(self) -> None:
        """Whatever happened, what strangers made is there."""
        assert self.foreign_groups <= {self.native(key) for key in self.groups()}
        assert self.foreign_edges <= self.edges()
        assert self.by_hand - self.wanted_edges() <= self.edges()
        assert all(
            self.target.facts[key].get("attribute:theirs")
            for key in self.groups()
            if self.native(key) in self.noted
        )

    def check_settled(self) -> None:
        """Everything wanted is there, nothing of ours is left over, and the ledger says the same."""
        raw, facts = self.desired(), self.target.facts
        made, _ = self.runner.plan(raw)
        desired = replace(raw, state=self.target.shape(raw.state))
        waiting = {held.change.key for held in made.held}
        assert all(held.change.op is Op.DELETE and held.reason in ("foreign", "needed") for held in made.held)
        there = {key for key in facts if key.kind in CONTAINERS | {Kind.ROLE}}
        wanted = {key for key in desired.state if key.kind in CONTAINERS | {Kind.ROLE}}
        assert wanted <= there
        untouched = {
            key for key in wanted if self.native(key) not in self.foreign_groups | self.noted | self.unsure
        }
        assert all(
            facts[key].get("description") == desired.state[key].get("description") for key in untouched
        )
        ours = {key for key in there if self.native(key) not in self.foreign_groups} - {
            Key(Kind.GROUP, (TOP,))
        }
        assert ours - wanted <= waiting
        assert self.wanted_edges() <= self.edges()
        assert len(self.wanted_edges()) == sum(key.kind is Kind.MEMBER for key in desired.state)
        assert self.edges() - self.wanted_edges() == self.foreign_edges | (self.by_hand - self.wanted_edges())
        rows = self.runner.ledger.rows
        assert not [row for row in rows.values() if row.claimed]
        assert rows.keys() == desired.state.keys() | waiting
