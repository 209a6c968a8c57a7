"""What an act gives and takes, before it is asked whether it may. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncd.administration_rows import full_name
from syncd.administration_words import DISABLED, Held, Membership, is_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from syncd.administration_words import Act, Case, World
    from syncd.model import Path


@dataclass(frozen=True, slots=True)
class Effects:
    """Memberships that an act gives and takes; `locks` is the person whose account it disables."""

    gives: tuple[Membership, ...] = ()
    takes: tuple[Membership, ...] = ()
    locks: str = ""

    @property
    def people(self) -> frozenset[str]:
        """Everybody whose memberships change."""
        return frozenset(each.person for each in (*self.gives, *self.takes))


def effects(case: Case) -> Effects:
    """What the act would do to memberships, whether or not it is allowed."""
    work_out = _BY_VERB.get(case.act.verb)
    done = work_out(case) if work_out else Effects()
    held = {each.membership for each in case.world.of_all(done.people)}.difference(done.takes)
    return replace(done, gives=tuple(each for each in done.gives if each not in held))


def _given(case: Case) -> Effects:
    return Effects((_named(case.act),))


def _withdrawn(case: Case) -> Effects:
    return Effects(takes=(_named(case.act),))


def _named(act: Act) -> Membership:
    return Membership(act.target.person, act.target.role, act.unit)


def _removed(case: Case) -> Effects:
    return Effects(takes=_there_and_below(case.act, case.world, case.act.unit))


def _deleted(case: Case) -> Effects:
    return Effects(takes=_once(case.world.of(case.act.target.person)))


def _disabled(case: Case) -> Effects:
    return Effects(locks=case.act.target.person)


def _changed(case: Case) -> Effects:
    """The new role where it is in scope, here or in the nearest unit above; the old one dropped there."""
    act, world = case.act, case.world
    at = nearest_in_scope(act.to, act.unit, world)
    if at is None:
        return Effects()
    takes = (_named(act),) if at == act.unit else _there_and_below(act, world, at)
    return Effects((Membership(act.target.person, act.to, at),), takes)


def nearest_in_scope(role: str, unit: Path, world: World) -> Path | None:
    """The unit itself, or the nearest above it, that gives the role; None where none does."""
    above = (unit[:depth] for depth in range(len(unit), 0, -1))
    return next((top for top in above if role in world.unit(top).roles), None)


def _there_and_below(act: Act, world: World, top: Path) -> tuple[Membership, ...]:
    held = [each for each in world.of(act.target.person) if each.role == act.target.role]
    return _once([each for each in held if is_within(each.unit, top)])


def _once(held: Sequence[Held]) -> tuple[Membership, ...]:
    return tuple(dict.fromkeys(each.membership for each in held))


def _handed_over(case: Case) -> Effects:
    """The heir gets the role, and loses the one that it covers or excludes; the former holder steps back."""
    act, world = case.act, case.world
    heir = act.target
    gives, takes = [Membership(heir.person, act.to, act.unit)], []
    if replaced(act, world):
        takes.append(_named(act))
    former, transfer = former_holder(case), world.document(act.unit).transfer
    if former is not None:
        takes.append(Membership(former, act.to, act.unit))
        becomes = transfer.former_becomes if transfer else None
        if becomes:
            role = full_name(becomes, world.roles(act.unit))
            gives.append(Membership(former, role, act.unit))
    return Effects(tuple(gives), tuple(takes))


def replaced(act: Act, world: World) -> bool:
    """Whether the heir's own role ends with the transfer: it is inherited, or excluded, by the new one."""
    roles = world.roles(act.unit)
    if act.target.role in roles[act.to].closure:
        return True
    unit = world.unit(act.unit)
    for constraint in world.constraints(act.unit):
        if constraint.exclusive is not None and constraint.per in ("unit", unit.kind):
            named = unit.roles if constraint.exclusive == "all" else constraint.exclusive
            if {act.target.role, act.to} <= {full_name(name, roles) for name in named}:
                return True
    return False


def former_holder(case: Case) -> str | None:
    """Who hands the role over: the actor where the actor holds it, else its only holder."""
    act, world = case.act, case.world
    holders = {held.person for held in world.inside(act.unit) if held.role == act.to}
    if case.actor.person in holders:
        return case.actor.person
    return holders.pop() if len(holders) == 1 else None


_BY_VERB: Mapping[str, Callable[[Case], Effects]] = {
    "invite": _given,
    "create": _given,
    "add": _given,
    "approve": _given,
    "change": _changed,
    "cancel": _withdrawn,
    "remove": _removed,
    "delete": _deleted,
    "disable": _disabled,
    "transfer": _handed_over,
}


def after(done: Effects, holdings: Iterable[Held]) -> list[Held]:
    """What is held of these once the act is done; what it gives has no place yet."""
    taken = frozenset(done.takes)
    kept = [held for held in holdings if held.membership not in taken]
    return [*kept, *(Held(each.person, each.role, each.unit, "act") for each in done.gives)]


def locked(done: Effects, world: World) -> World:
    """The world with the account disabled that the act disables."""
    if not done.locks:
        return world
    account = replace(world.account(done.locks), state=DISABLED)
    return replace(world, accounts={**world.accounts, done.locks: account})
