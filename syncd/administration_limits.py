"""What the memberships, taken together, allow: constraints, the most and the fewest holders. Pure.

Judged is the state that the act would leave, and only what the act makes worse: a breach that was
there before stands in the way of nobody who does not add to it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.administration_effects import after, locked
from syncd.administration_rows import apart, out_and_in
from syncd.administration_words import ACTIVE, path, quoted, subject_name
from syncd.errors import Place
from syncd.policy import Holding, check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from syncd.administration_effects import Effects
    from syncd.administration_words import Act, Case, Decision, Held, Membership, World
    from syncd.errors import Problem
    from syncd.mapping.compiled import Unit
    from syncd.mapping.schema import Constraint
    from syncd.model import Path

# Sorts behind every file, so that what is new is what a message begins with.
NEW, OLD = Place("\N{SECTION SIGN}new"), Place("\N{SECTION SIGN}act")


def constraints_hold(case: Case, done: Effects) -> Decision | None:
    """No constraint is broken that was not; the message names the rule's line and both memberships.

    Constraints are on single persons, so that only those whom the act touches are judged.
    """
    act, world = case.act, case.world
    own = world.of_all(done.people)
    for root in sorted({each.unit[:1] for each in (*done.gives, *done.takes)}):
        before = [held for held in own if held.unit[:1] == root]
        later = [held for held in after(done, own) if held.unit[:1] == root]
        for index, constraint in enumerate(world.constraints(root)):
            known = {(each.place, each.path) for each in _breaches(constraint, before, root, world)}
            for each in _breaches(constraint, later, root, world):
                if (each.place, each.path) not in known:
                    hint = _way_out(act, world, done) or each.hint
                    place = world.places(("constraints", index))
                    rule = f"constraints.{constraint.rule}"
                    return case.refused(_told(each), hint, rule, place)
    return None


def _breaches(constraint: Constraint, holdings: Sequence[Held], root: Path, world: World) -> list[Problem]:
    roles = {name: replace(role, minimum=0, maximum=None) for name, role in world.roles(root).items()}
    held = [_holding(each, world) for each in holdings]
    return check([constraint], roles, _around(holdings, world), held)


def _around(holdings: Iterable[Held], world: World) -> dict[Path, Unit]:
    paths = {held.unit[:depth] for held in holdings for depth in range(1, len(held.unit) + 1)}
    return {each: world.unit(each) for each in sorted(paths)}


def _holding(held: Held, world: World) -> Holding:
    place = held.place or (NEW if held.source == "act" else OLD)
    return Holding(held.person, world.name(held.person), held.role, held.unit, place)


def _told(problem: Problem) -> str:
    return problem.message.replace(str(NEW), "by this act").replace(str(OLD), "by an act")


def _way_out(act: Act, world: World, done: Effects) -> str:
    """What to do instead: another act that leads to what is wanted."""
    who = subject_name(act, world)
    for given in done.gives:
        for held in world.of(given.person):
            if apart(held.role, given.role, given.unit, world):
                return out_and_in(who, held.role, held.unit, given.role)
            if held.unit == given.unit and act.verb in ("invite", "create", "add"):
                return f'change {who} from "{held.role}" to "{given.role}" in {path(given.unit)} instead'
    return ""


# --- the most -----------------------------------------------------------------------------------------


def not_too_many(case: Case, done: Effects) -> Decision | None:
    """`max` of a role is kept, waiting holders counted."""
    world = case.world
    taken = frozenset(done.takes)
    for given in done.gives:
        role = world.roles(given.unit)[given.role]
        others = [
            held
            for held in world.inside(given.unit)
            if held.role == given.role and held.membership not in taken
        ]
        people = dict.fromkeys(held.person for held in others)
        if role.maximum is not None and len(people) >= role.maximum:
            first = others[0]
            cause = (
                f'{len(people) + 1} people would hold "{role.name}" in {path(given.unit)}, at most '
                f"{role.maximum} may; {world.name(first.person)} holds {first}"
            )
            hint = f'take "{role.name}" from somebody first'
            return case.refused(cause, hint, f"roles.{role.name}.cardinality", role.place)
    return None


# --- the fewest ---------------------------------------------------------------------------------------


def not_too_few(case: Case, done: Effects) -> Decision | None:
    """`min` active holders of a role stay, and with those who wait as many, where members are left."""
    world = case.world
    losses = [lost for lost in _losses(done, world) if world.roles(lost.unit)[lost.role].minimum]
    then = _then(done, world) if losses else world
    for lost in losses:
        role = world.roles(lost.unit)[lost.role]
        for count in (_active, _anybody):
            stay, were = count(lost, then), count(lost, world)
            if len(stay) < min(role.minimum, len(were)) and (count is _active or then.inside(lost.unit)):
                where = f'"{role.name}" in {path(lost.unit)} would stay, at least {role.minimum} must'
                cause = (
                    f"{len(stay)} of {len(were)} active holders of {where}"
                    if count is _active
                    else f"{len(stay)} of {len(were)} holders of {where}"
                )
                hint = f'give "{role.name}" to somebody else who is active first'
                return case.refused(cause, hint, f"roles.{role.name}.cardinality", role.place)
    return None


def _then(done: Effects, world: World) -> World:
    return replace(locked(done, world), holdings=after(done, world.holdings))


def _losses(done: Effects, world: World) -> Iterator[Membership]:
    yield from done.takes
    for held in world.of(done.locks):
        yield held.membership


def _active(lost: Membership, world: World) -> set[str]:
    return {
        held.person
        for held in world.inside(lost.unit)
        if held.role == lost.role and not held.waits and world.account(held.person).state == ACTIVE
    }


def _anybody(lost: Membership, world: World) -> set[str]:
    """Everybody who holds the role, those who wait included."""
    return {held.person for held in world.inside(lost.unit) if held.role == lost.role}


def administrators_stay(case: Case, done: Effects) -> Decision | None:
    """As many active holders of privileged roles stay in each root unit as the policy says."""
    world = case.world
    roots = sorted({lost.unit[:1] for lost in _losses(done, world) if _privileged(lost, world)})
    then = _then(done, world) if roots else world
    for root in roots:
        least = max(world.admins_min, world.unit(root).policy.admins_min or 0)
        tops_only = any(_is_administrator(held, world) for held in world.inside(root))
        were, stay = (_administrators(each, root, tops_only=tops_only) for each in (world, then))
        if len(stay) < least and len(stay) < len(were):
            gone = sorted(world.name(person) for person in were - stay)
            cause = (
                f"{quoted(gone)} would go, and {path(root)} keep {len(stay)} active holders of "
                f"privileged roles, at least {least} must stay"
            )
            hint = "give such a role to somebody else first"
            place = world.places(("policy", "admins_min"))
            return case.refused(cause, hint, "policy.admins_min", place)
    return None


def _privileged(held: Held | Membership, world: World) -> bool:
    return world.roles(held.unit)[held.role].privileged


def _is_administrator(held: Held, world: World) -> bool:
    return _privileged(held, world) and not held.waits and world.account(held.person).state == ACTIVE


def _administrators(world: World, root: Path, *, tops_only: bool) -> set[str]:
    """Active holders of privileged roles in the root unit or, where it has none, anywhere below."""
    return {
        held.person
        for unit, held_here in world.by_unit.items()
        if unit == root or (unit[:1] == root and not tops_only)
        for held in held_here
        if _is_administrator(held, world)
    }
