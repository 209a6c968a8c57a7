"""Facts in few words, for tests of the core that need one small case each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd import plan
from syncd.model import (
    ACCESS,
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
    Plan,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.model import Path

MARK = "test/acme"
ANN, BOB, EVE = "p_000000000000000a", "p_000000000000000b", "p_000000000000000e"
UNIT = Key(Kind.GROUP, ("acme",))
GROUP = Key(Kind.GROUP, ("acme", "member"))
MEMBER = Key(Kind.MEMBER, GROUP.place, (ANN,))
ROLE = Key(Kind.ROLE, ("portal",), ("viewer",))
NAMES = {UNIT: "unit", GROUP: "group"}

State = Mapping[Key, Attrs]


def origin(key: Key) -> Origin:
    """What a fact means in a mapping whose units are the first names of places."""
    person = key.item[0] if key.kind is Kind.MEMBER else ""
    slot = "unit" if len(key.place) == 1 else f"role:{key.place[-1]}" if key.place else "role-def"
    unit = f"/{key.place[0]}" if key.place else ""
    return Origin(anchor=(unit, slot), unit=unit, role=key.place[-1] if key.place else "", person=person)


@dataclass(frozen=True)
class Case:
    """What is wanted, there, and ours (with what we last wrote), and the exceptions."""

    wanted: State = field(default_factory=dict)
    there: State = field(default_factory=dict)
    ours: State = field(default_factory=dict)
    adopted: set[Key] = field(default_factory=set)
    claimed: set[Key] = field(default_factory=set)
    natives: Mapping[Key, str] = field(default_factory=dict)
    marks: Mapping[Key, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    waiting: Mapping[Key, str] = field(default_factory=dict)
    frozen: Mapping[tuple[str, str], str] = field(default_factory=dict)
    unmanaged: set[Path] = field(default_factory=set)
    ended: set[Key] = field(default_factory=set)
    only_filled: set[Key] = field(default_factory=set)
    kinds: frozenset[Kind] = frozenset(Kind)

    def plan(self) -> Plan:
        """The plan of this case for a target called `memory`."""
        return plan.make_plan(
            "memory", self.desired, self.observed, self.owned, self.limits, MARK, self.kinds
        )

    def plan_of(self, desired: Desired, observed: Observation, owned: Sequence[Owned]) -> Sequence[Change]:
        """The changes of other facts under the limits of this case."""
        return plan.make_plan("memory", desired, observed, owned, self.limits, MARK).changes

    @property
    def desired(self) -> Desired:
        """The wanted facts with their origins."""
        keys = (*self.wanted, *self.waiting)
        return Desired(
            self.wanted,
            {key: origin(key) for key in keys},
            waiting=self.waiting,
            frozen=self.frozen,
            unmanaged=frozenset(self.unmanaged),
            ended=frozenset(self.ended),
            only_filled=frozenset(self.only_filled),
        )

    @property
    def observed(self) -> Observation:
        """What is there; things that are no edges have a native id."""
        natives = {key: self.natives.get(key, native_of(key)) for key in self.there if key.kind not in ACCESS}
        return Observation(self.there, natives, marks=self.marks)

    @property
    def owned(self) -> list[Owned]:
        """The ledger; a claimed row knows no native id yet."""
        return [
            Owned(
                key,
                "" if key in self.claimed or key.kind in ACCESS else native_of(key),
                attrs,
                origin(key),
                adopted=key in self.adopted,
                claimed=key in self.claimed,
            )
            for key, attrs in self.ours.items()
        ]


def native_of(key: Key) -> str:
    """The native id that a thing has unless the case says otherwise."""
    return f"id-of-{NAMES.get(key, '/'.join(key.place + key.item))}"


def changed(case: Case) -> list[tuple[Op, Key]]:
    """What goes, in order."""
    return [(change.op, change.key) for change in case.plan().changes]


def held(case: Case) -> list[tuple[str, Op, Key]]:
    """What waits, with its reason."""
    return [(one.reason, one.change.op, one.change.key) for one in case.plan().held]
