"""What no row can allow: states, roles that change hands otherwise, files, protected people. Pure.

Every check answers None, or the refusal with the rule and its line. They bind operators too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.administration_effects import nearest_in_scope
from syncd.administration_rows import apart, out_and_in
from syncd.administration_settings import setting
from syncd.administration_words import (
    ACTIVE,
    DISABLED,
    GIVING,
    OF_ACCOUNTS,
    PENDING,
    Decision,
    is_within,
    path,
    quoted,
    subject_name,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.administration_effects import Effects
    from syncd.administration_words import Case, Held, Membership, World

HOLDS = OF_ACCOUNTS | {"change", "transfer", "resend", "cancel"}
TAKING = frozenset({"remove", "change", "delete"})


def unit_state(case: Case) -> Decision | None:
    """In a state other than the first of its kind, in it or in a unit above, nobody is let in."""
    act, world = case.act, case.world
    if act.verb not in GIVING:
        return None
    kinds = world.document(act.unit).kinds
    for depth in range(len(act.unit), 0, -1):
        unit = world.unit(act.unit[:depth])
        first = kinds[unit.kind].states[0]
        if unit.state != first:
            cause = f'{unit} is "{unit.state}"'
            hint = f'set the state of {unit} to "{first}" first'
            return case.refused(cause, hint, f"kinds.{unit.kind}.states", unit.place)
    return None


def role_given(case: Case) -> Decision | None:
    """The role may be given by acts, in this unit; guests only where guests are let in."""
    act, world = case.act, case.world
    if act.verb not in GIVING:
        return None
    name = act.to if act.verb == "change" else act.target.role
    if nearest_in_scope(name, act.unit, world) is None:
        return out_of_scope(case, name)
    declared = world.document(act.unit).roles[name]
    rule, place = f"roles.{name}", world.roles(act.unit)[name].place
    if not declared.assignable:
        default = world.document(act.unit).invitations.default_role
        hint = f'give "{default}" instead' if default and default != name else "give another role"
        return case.refused(f'"{name}" is `assignable: false` here', hint, f"{rule}.assignable", place)
    if declared.assigned_by != "any":
        by = "by transfer" if declared.assigned_by == "transfer" else "by files"
        hint = "start a transfer" if declared.assigned_by == "transfer" else "name the person in the files"
        return case.refused(f'"{name}" is given {by} only', hint, f"{rule}.assigned_by", place)
    if declared.external and setting(world, act.unit, "guests") is False:
        hint = f"turn `guests` on in the settings of {path(act.unit)} or of a unit above"
        cause = f"guests are turned off in {path(act.unit)}"
        return case.refused(cause, hint, "settings.guests", world.unit(act.unit).place)
    return None


def out_of_scope(case: Case, name: str) -> Decision:
    act, world = case.act, case.world
    kind = world.unit(act.unit).kind
    role = world.roles(act.unit)[name]
    cause = f'"{name}" is not for units of kind {kind}, its scope is {", ".join(sorted(role.scope))}'
    hint = f"name a unit of kind {' or '.join(sorted(role.scope))}"
    if act.verb == "change" and apart(act.target.role, name, act.unit, world):
        hint = out_and_in(subject_name(act, world), act.target.role, act.unit, name)
    return case.refused(cause, hint, f"roles.{name}.scope", role.place)


def end(case: Case) -> Decision | None:
    """A role that `expires` is given with an end, and for as long as it says at most."""
    act, world = case.act, case.world
    if act.verb not in GIVING:
        return None
    name = act.to if act.verb == "change" else act.target.role
    expires = world.document(act.unit).roles[name].expires
    rule, place = f"roles.{name}.expires", world.roles(act.unit)[name].place
    if act.until is not None and act.until < world.today:
        return case.refused(f"{act.until} is over", "give a later day", "until", None)
    if expires is None:
        return None
    latest = None if isinstance(expires, str) else expires.last_day(world.today)
    at_most = f", {latest} at the latest" if latest else ""
    if act.until is None or (latest is not None and act.until > latest):
        cause = f'"{name}" must end{at_most}'
        return case.refused(cause, f"give its last day{at_most}", rule, place)
    return None


def account_state(case: Case) -> Decision | None:
    """The account is in a state in which this can be done to it."""
    act, state = case.act, case.act.target.state
    wanted, rule, key = _states(case)
    if not wanted or state in wanted:
        return None
    who = subject_name(act, case.world)
    cause = f"the account of {who} is {state}, and it must be {quoted(wanted)}"
    hint = _way_to(wanted[0], who) if key else "there is nothing to do"
    return case.refused(cause, hint, rule, case.world.places((key,)) if key else None)


def _states(case: Case) -> tuple[Sequence[str], str, str]:
    """The states in which the act is done (none: any), the rule, and the key of the model that says so."""
    verb, document = case.act.verb, case.world.document(case.act.unit)
    if verb in ("disable", "enable"):
        return (DISABLED,) if verb == "enable" else (ACTIVE, PENDING), "the state of the account", ""
    if verb == "change":
        return document.change_states, "change_states", "change_states"
    if verb == "transfer" and document.transfer:
        return (document.transfer.heir_state,), "transfer.heir_state", "transfer"
    required = document.removal.requires_state
    if required and verb == {"account": "delete", "membership": "remove"}[document.removal.what]:
        return (required,), "removal.requires_state", "removal"
    return (), "", ""


def _way_to(state: str, who: str) -> str:
    return {
        ACTIVE: f"wait until {who} has accepted, or enable the account, and try again",
        PENDING: f"the account of {who} is past that",
        DISABLED: f"disable the account of {who} first",
    }[state]


def held_here(case: Case) -> Decision | None:
    """What is changed or taken is held, what is given is not; an invitation that is answered is over."""
    act, world = case.act, case.world
    who, role = subject_name(act, world), act.target.role
    here = [held for held in world.of(act.target.person) if held.unit == act.unit]
    same = [held for held in here if held.role == role]
    if act.verb in HOLDS and not same:
        has = f"has {' and '.join(map(str, here))}" if here else f"has no role in {path(act.unit)}"
        hint = "name the role and the unit that the person holds"
        return case.refused(f"{who} {has}", hint, "the memberships", None)
    waits = act.target.state == PENDING or any(held.waits for held in same)
    if act.verb in ("resend", "cancel") and not waits:
        cause = f"{who} has accepted: {same[0]}"
        hint = "an invitation is sent again or cancelled only until then; remove the role instead"
        return case.refused(cause, hint, "the invitation", same[0].place)
    given = act.to if act.verb in ("change", "transfer") else role if act.verb in GIVING else ""
    already = next((held for held in here if held.role == given), None)
    if already is not None:
        return case.refused(f"{who} holds {already}", _already(already), "the memberships", already.place)
    return None


def _already(held: Held) -> str:
    return "send the invitation again instead" if held.waits else "there is nothing to do"


def takes_something(case: Case, done: Effects) -> Decision | None:
    """A removal finds the role in the unit or below."""
    act, world = case.act, case.world
    if act.verb != "remove" or done.takes:
        return None
    held = [each for each in world.of(act.target.person) if each.unit[0] == act.unit[0]]
    has = " and ".join(map(str, held)) or "nothing"
    cause = f'{subject_name(act, world)} holds no "{act.target.role}" there or below, but {has}'
    return case.refused(cause, "name a role and a unit that the person holds", "the memberships", None)


def not_from_files(case: Case, done: Effects) -> Decision | None:
    """What files declare, only files change."""
    world = case.world
    taken = frozenset(done.takes)
    for person in sorted(done.people):
        for held in world.of(person):
            if held.membership in taken and held.declared:
                where = f"{held.place}" if held.place else "in the files of the mapping"
                what = f'"{held.role}" of {world.name(person)} in {path(held.unit)}'
                from_roster = held.source == "roster"
                cause = (
                    f"{what} comes from a roster, by {where}"
                    if from_roster
                    else f"{what} is declared at {where}"
                )
                return case.refused(cause, "change it there", "members", held.place)
    return None


def not_by_transfer(case: Case, done: Effects) -> Decision | None:
    """A role that changes hands by transfer is not taken otherwise."""
    act, world = case.act, case.world
    if act.verb not in TAKING:
        return None
    for taken in done.takes:
        if world.document(taken.unit).roles[taken.role].assigned_by == "transfer":
            cause = f'"{taken.role}" in {path(taken.unit)} is handed over, never taken'
            rule, place = f"roles.{taken.role}.assigned_by", world.roles(taken.unit)[taken.role].place
            return case.refused(cause, "transfer it to somebody else first", rule, place)
    return None


def managed(case: Case, done: Effects) -> Decision | None:
    """Members that the mapping leaves to others are nobody's to give or take."""
    world = case.world
    for each in (*done.gives, *done.takes):
        unit = world.unit(each.unit)
        if each.role in unit.unmanaged:
            hint = f"change them where they are managed, or name them under `members` of {unit}"
            cause = f"the members of {unit} are `unmanaged`"
            return case.refused(cause, hint, "members", unit.place)
    return None


def not_protected(case: Case, done: Effects) -> Decision | None:
    """Protected people and units lose nothing; to get a role that inherits the old one is no loss."""
    world = case.world
    losing = [each for each in done.takes if not _kept(each, done, world)]
    losing += [held.membership for held in world.of(done.locks)]
    for each in losing:
        unit = world.unit(each.unit)
        listed = {name.casefold() for name in (*world.protected, *unit.policy.protected)}
        account = world.account(each.person)
        tops = [path(each.unit[:depth]) for depth in range(1, len(each.unit) + 1)]
        found = [name for name in (each.person, account.who, account.address, unit.uid, *tops) if name]
        name = next((name for name in found if name.casefold() in listed), None)
        if name is not None:
            hint, place = f"take {name} out of `policy.protected` first", world.places(("policy",))
            return case.refused(f"{name} is protected", hint, "policy.protected", place)
    return None


def _kept(taken: Membership, done: Effects, world: World) -> bool:
    """Whether something that is given covers what is taken."""
    return any(
        given.person == taken.person
        and is_within(taken.unit, given.unit)
        and taken.role in world.roles(given.unit)[given.role].closure
        for given in done.gives
    )
