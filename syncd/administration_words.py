"""The words of deciding who may do what to whom: actor, act, the world it happens in, the decision. Pure.

Units are paths, roles have their full names, persons are ids of the store (`""` is nobody yet known).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date, datetime

    from syncd.errors import Place
    from syncd.mapping.compiled import Compiled, Role, Unit
    from syncd.mapping.schema import Constraint, MappingDocument
    from syncd.model import Path

ACTIVE, PENDING, DISABLED = "active", "pending", "disabled"
GIVING = frozenset({"invite", "create", "add", "change", "approve"})
OF_ACCOUNTS = frozenset({"disable", "enable", "edit", "delete"})
FROM_FILES = frozenset({"file", "roster"})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, or an operator of syncd who acts as nobody (`person` is then empty)."""

    person: str = ""
    operator: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """To whom it is done, with the direct role concerned.

    `role` is the one that is given by invite, create, add and approve (empty: the default of the model),
    the one that is held in every other act; of a transfer it is the heir's.
    """

    person: str
    role: str = ""
    unit: Path = ()
    state: str = ACTIVE
    authority: str = "local"
    who: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """What is asked. `to`: the new role (change) or the role handed over (transfer; empty: the model's).

    `heir` is the person chosen to get the shared data of somebody whose account is deleted; `until` the
    last day of what is given.
    """

    verb: str
    unit: Path
    target: Subject
    to: str = ""
    until: date | None = None
    heir: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A person directly holds a role in a unit. `waits`: only once an invitation is accepted.

    `source` is file, roster, invitation, admin or join; `initial` ones of files belong to acts. `since` is
    the entry date of an act; `suspended` guests hold nothing while guests are turned off.
    """

    person: str
    role: str
    unit: Path
    source: str = "admin"
    place: Place | None = None
    waits: bool = False
    initial: bool = False
    since: datetime | None = None
    suspended: bool = False

    @property
    def declared(self) -> bool:
        """Whether files say so, which no act can change."""
        return self.source in FROM_FILES and not self.initial

    @property
    def membership(self) -> Membership:
        """What is held, wherever it comes from."""
        return Membership(self.person, self.role, self.unit)

    def __str__(self) -> str:
        return f'"{self.role}" in {path(self.unit)} ({self.place or "by an act"})'


@dataclass(frozen=True, slots=True)
class Membership:
    """One person, one role, one unit: what an act gives or takes."""

    person: str
    role: str
    unit: Path


@dataclass(frozen=True, slots=True)
class Account:
    """How somebody's account stands; `place` is the line of `people` or of a roster that describes it."""

    state: str = ACTIVE
    authority: str = "local"
    who: str = ""
    address: str = ""
    place: Place | None = None


@dataclass(frozen=True)
class World:
    """Everything a decision depends on.

    `holdings` are the direct ones from every source, without groups lent by `attached_to`. `places` is
    `Loaded.places.at`. `admins_min` and `protected` are those of the policy in force; those of the
    units are found in `compiled`. Without slots, because it keeps what it has looked up once.
    """

    compiled: Compiled
    holdings: Sequence[Held]
    accounts: Mapping[str, Account]
    places: Callable[[Sequence[str | int]], Place]
    today: date
    admins_min: int = 1
    protected: frozenset[str] = frozenset()

    @cached_property
    def by_person(self) -> Mapping[str, Sequence[Held]]:
        """What each person holds, in order of units and roles."""
        found: dict[str, list[Held]] = defaultdict(list)
        for held in sorted(self.holdings, key=lambda each: (each.unit, each.role)):
            if held.unit in self.compiled.units and held.role in self.roles(held.unit):
                found[held.person].append(held)
        return found

    @cached_property
    def by_unit(self) -> Mapping[Path, Sequence[Held]]:
        """What is held in each unit, in order of the persons."""
        found: dict[Path, list[Held]] = defaultdict(list)
        for _, held_by in sorted(self.by_person.items()):
            for held in held_by:
                found[held.unit].append(held)
        return found

    def of(self, person: str) -> Sequence[Held]:
        """What the person holds."""
        return self.by_person.get(person, ())

    def of_all(self, people: Iterable[str]) -> list[Held]:
        """What these people hold."""
        return [held for person in sorted(people) for held in self.of(person)]

    def inside(self, unit: Path) -> Sequence[Held]:
        """What is held in the unit itself."""
        return self.by_unit.get(unit, ())

    def unit(self, at: Path) -> Unit:
        """The unit at a path that exists."""
        return self.compiled.units[at]

    def document(self, unit: Path) -> MappingDocument:
        """The model as the variants leave it where `unit` lies."""
        model = self.compiled.models.get(unit[0]) if unit else None
        return model.document if model else self.compiled.document

    def roles(self, unit: Path) -> Mapping[str, Role]:
        """The roles as the variants leave them where `unit` lies."""
        model = self.compiled.models.get(unit[0]) if unit else None
        return model.roles if model else self.compiled.roles

    def constraints(self, unit: Path) -> Sequence[Constraint]:
        """The constraints where `unit` lies."""
        model = self.compiled.models.get(unit[0]) if unit else None
        return model.constraints if model else self.compiled.constraints

    def account(self, person: str) -> Account:
        """How the account stands; somebody without one is pending."""
        return self.accounts.get(person) or Account(PENDING)

    def name(self, person: str) -> str:
        """How messages call the person."""
        return self.account(person).who or person or "somebody"

    def has(self, person: str, role: str, held: Held) -> bool:
        """Whether this makes the person, actively, a holder of the role or of one that inherits it."""
        inherits = role in self.roles(held.unit)[held.role].closure
        holds = inherits and not held.waits and not held.suspended
        return holds and self.account(person).state == ACTIVE


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the act is allowed and by which rule, at which line; refused, why and what to do.

    Allowed, it says what the act means: `gives` and `takes`, each membership once, and `heir`, the
    person who gets the shared data of a deleted account (empty: nobody in particular).
    """

    allowed: bool
    reason: str
    hint: str = ""
    rule: str = ""
    place: Place | None = None
    gives: tuple[Membership, ...] = ()
    takes: tuple[Membership, ...] = ()
    heir: str = ""

    def __str__(self) -> str:
        rule = f"{self.rule}, {self.place}" if self.place else self.rule
        return f"{self.reason} ({rule}){f'; {self.hint}' if self.hint else ''}"


def path(unit: Path) -> str:
    """The unit as messages show it."""
    return "/" + "/".join(unit)


def quoted(names: Sequence[str], word: str = "or") -> str:
    """`"a", "b" or "c"`."""
    shown = [f'"{name}"' for name in names]
    return f" {word} ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def is_within(unit: Path, top: Path) -> bool:
    """Whether the unit is `top` or lies below it."""
    return unit[: len(top)] == top


_PHRASES = {
    "invite": "invite {who} as {role} to {unit}",
    "resend": "send {who} the invitation as {role} to {unit} again",
    "cancel": "cancel the invitation of {who} as {role} to {unit}",
    "create": "create an account for {who} as {role} in {unit}",
    "add": "add {who} as {role} to {unit}",
    "change": 'change {who} from {role} to "{to}" in {unit}',
    "remove": "remove {who} as {role} from {unit}",
    "approve": "let {who} into {unit} as {role}",
    "refuse": "refuse the request of {who} to join {unit}",
    "transfer": 'hand "{to}" of {unit} over to {who} (now {role})',
    "disable": "disable the account of {who} ({role} in {unit})",
    "enable": "enable the account of {who} ({role} in {unit})",
    "edit": "edit the account of {who} ({role} in {unit})",
    "delete": "delete the account of {who} ({role} in {unit})",
}


def phrase(act: Act, world: World) -> str:
    """What is asked, in words: to whom, which role, where."""
    role = f'"{act.target.role}"' if act.target.role else "a role"
    return _PHRASES[act.verb].format(who=subject_name(act, world), role=role, to=act.to, unit=path(act.unit))


def subject_name(act: Act, world: World) -> str:
    """How messages call the person it is done to."""
    return act.target.who or world.name(act.target.person)


def roles_held(actor: Actor, world: World, unit: Path) -> str:
    """The roles of whoever asks, in the unit or above it."""
    held = [each for each in world.of(actor.person) if is_within(unit, each.unit)]
    roles = ", ".join(f'"{each.role}" in {path(each.unit)}' for each in held)
    return roles or f"no role in {path(unit)} or above"


@dataclass(frozen=True, slots=True)
class Case:
    """One question: may this actor do this, in this world?"""

    act: Act
    actor: Actor
    world: World

    def worded(self, *, allowed: bool) -> str:
        """The answer in words: who may or may not do what, to whom, where."""
        what = phrase(self.act, self.world)
        if self.actor.operator:
            return f"the operator may {what}" if allowed else f"the operator may not {what}"
        who, roles = self.world.name(self.actor.person), roles_held(self.actor, self.world, self.act.unit)
        return f"{who} ({roles}) may {what}" if allowed else f"{who} ({roles}) may not {what}"

    def refused(self, cause: str, hint: str, rule: str, place: Place | None = None) -> Decision:
        """The answer no, with the rule behind it and what to do."""
        return Decision(False, f"{self.worded(allowed=False)}: {cause}", hint, rule, place)
