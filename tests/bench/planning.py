"""Planning: two targets with twenty thousand memberships each, from rendering to the digest of the plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncd import plan
from syncd.mapping import outputs
from syncd.model import Account, Desired, Limits, Observation, Owned
from tests.bench.measure import Figure, Taken, quickest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncd.mapping.compiled import Compiled
    from syncd.model import Plan

TARGETS = ("keycloak", "ldap")
MARKER = "bench/bench"
FIRST = Limits(first_plan=True, additive=True)


@dataclass(frozen=True, slots=True)
class Everybody:
    """All people are known, with an account in both targets that syncd did not make."""

    numbers: Mapping[str, int]

    def id_of(self, text: str) -> str | None:
        return f"p_{self.numbers[text]:016x}"

    def held(self, _text: str) -> str:
        return ""

    def account(self, person: str, target: str) -> Account | None:
        return Account(target, person, person)

    def made(self, _person: str, _target: str) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class World:
    """One target: what it should hold, what it holds, what is ours."""

    target: str
    desired: Desired
    observed: Observation
    owned: tuple[Owned, ...]


def wanted(compiled: Compiled) -> dict[str, Desired]:
    """What every target should hold."""
    everybody = Everybody({text: number for number, text in enumerate(sorted(compiled.people))})
    return {name: outputs.render(compiled, name, "bench", everybody) for name in TARGETS}


def measure(compiled: Compiled, yardstick: Taken, rounds: int) -> list[Figure]:
    """The figures: rendering, a first plan of everything, a plan of nothing, a plan where one in ten left."""
    rendering, desired = quickest(lambda: wanted(compiled), rounds)
    count = sum(len(one.state) for one in desired.values())
    same = [_made(name, one) for name, one in desired.items()]
    empty = [replace(world, observed=Observation({}, {}), owned=()) for world in same]
    leaving = [_a_tenth_left(world) for world in same]
    cases: tuple[tuple[str, Callable[[], object]], ...] = (
        ("first plan: all is to be made", lambda: _planned(empty, FIRST)),
        ("plan of what is as it should be", lambda: _planned(same, Limits())),
        ("plan where every tenth fact left", lambda: _planned(leaving, Limits())),
    )
    found = [("rendered", rendering), *((name, quickest(act, rounds)[0]) for name, act in cases)]
    return [Figure("planning", name, count, taken, yardstick) for name, taken in found]


def _planned(worlds: list[World], limits: Limits) -> list[Plan]:
    plans = [
        plan.make_plan(one.target, one.desired, one.observed, one.owned, limits, MARKER) for one in worlds
    ]
    owned = {one.target: one.owned for one in worlds}
    stops, _uses = plan.weigh(plans, owned, {one.target: one.desired for one in worlds}, limits)
    plan.digest(plans, stops)
    return plans


def _made(name: str, desired: Desired) -> World:
    """The world in which everything was made already."""
    natives = {key: f"n{number}" for number, key in enumerate(desired.state)}
    owned = tuple(
        Owned(key, natives[key], attrs, desired.origins[key]) for key, attrs in desired.state.items()
    )
    marks = {key: MARKER for key in desired.state if not key.item}
    return World(name, desired, Observation(dict(desired.state), natives, marks=marks), owned)


def _a_tenth_left(world: World) -> World:
    """The same world with every tenth membership no longer wanted."""
    edges = [key for key in world.desired.state if key.item]
    gone = frozenset(edges[::10])
    state = {key: attrs for key, attrs in world.desired.state.items() if key not in gone}
    return replace(world, desired=replace(world.desired, state=state))
