"""Who may do what to whom in a mapping: default deny. Pure; `decide` is the only question.

First the act must make sense, then a row of administration must allow it, then nothing that no row can
allow may stand in the way: states, files, protected people, constraints, the last administrator. An
operator stands wherever some row lets anybody stand, and is bound by all the rest.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.administration_bounds import (
    account_state,
    end,
    held_here,
    managed,
    not_by_transfer,
    not_from_files,
    not_protected,
    out_of_scope,
    role_given,
    takes_something,
    unit_state,
)
from syncd.administration_effects import effects, former_holder
from syncd.administration_limits import administrators_stay, constraints_hold, not_too_few, not_too_many
from syncd.administration_rows import Row, allowing, elsewhere, full_name
from syncd.administration_words import (
    ACTIVE,
    DISABLED,
    OF_ACCOUNTS,
    PENDING,
    Account,
    Act,
    Actor,
    Case,
    Decision,
    Held,
    Membership,
    Subject,
    World,
    path,
    quoted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Account", "Act", "Actor", "Decision", "Held", "Membership", "Subject", "World", "decide"]

WITH_DEFAULT_ROLE = frozenset({"invite", "create", "add"})
ON_HOLDINGS = (account_state, unit_state, role_given, held_here, end)
ON_EFFECTS = (
    takes_something,
    not_from_files,
    not_by_transfer,
    managed,
    not_protected,
    constraints_hold,
    not_too_many,
    not_too_few,
    administrators_stay,
)


def decide(act: Act, actor: Actor, world: World) -> Decision:
    """Whether the actor may do it and what it then gives and takes, or why not and what to do."""
    if act.unit not in world.compiled.units:
        hint = "name a unit by its path, such as /acme/platform"
        return Decision(False, f"there is no unit {path(act.unit)}", hint, "the units of the mapping")
    case = Case(_completed(act, world), actor, world)
    refused = _stands(case) or _senseless(case)
    if refused is not None:
        return refused
    row = _allowed_everywhere(case)
    if isinstance(row, Decision):
        return row
    return _bounded(case) or _granted(case, row)


def _stands(case: Case) -> Decision | None:
    """Only somebody with an active account acts, or an operator."""
    person, name = case.actor.person, case.world.name(case.actor.person)
    state = case.world.account(person).state if person else ""
    if case.actor.operator or state == ACTIVE:
        return None
    cause = f"the account of {name} is {state}" if state else "nobody is logged in"
    remedies = {PENDING: f"{name} has to accept the invitation first", DISABLED: "it has to be enabled first"}
    remedy = remedies.get(state, "log in with an active account")
    return case.refused(cause, remedy, "the state of the account")


def _completed(act: Act, world: World) -> Act:
    """The act with the roles that the model gives where none is named, all by their full names."""
    document, roles, target = world.document(act.unit), world.roles(act.unit), act.target
    role, to = target.role, act.to
    if not role and act.verb in WITH_DEFAULT_ROLE:
        role = document.invitations.default_role or ""
    if not role and act.verb == "approve" and document.joining:
        role = {"chosen_by_approver": ""}.get(document.joining.role, document.joining.role)
    if not to and act.verb == "transfer" and document.transfer:
        to = document.transfer.role
    target = replace(target, role=full_name(role, roles), unit=act.unit)
    return replace(act, target=target, to=full_name(to, roles))


def _allowed_everywhere(case: Case) -> Row | Decision:
    """A row allows it here and, of an account that is one for all units, wherever else it matters."""
    row = allowing(case)
    if case.act.verb in OF_ACCOUNTS and isinstance(row, Row):
        for other in elsewhere(case.act, case.world):
            found = allowing(replace(case, act=other))
            if isinstance(found, Decision):
                return replace(found, reason=f"{found.reason}; an account is one for all units")
    return row


def _bounded(case: Case) -> Decision | None:
    for check in ON_HOLDINGS:
        refused = check(case)
        if refused is not None:
            return refused
    done = effects(case)
    for judge in ON_EFFECTS:
        refused = judge(case, done)
        if refused is not None:
            return refused
    return None


def _granted(case: Case, row: Row) -> Decision:
    done, place = effects(case), case.world.places(row.keys)
    heir = _heir(case)
    return Decision(True, case.worded(allowed=True), "", row.text, place, done.gives, done.takes, heir)


# --- acts that make no sense --------------------------------------------------------------------------


def _senseless(case: Case) -> Decision | None:
    """Roles that do not exist or do not fit the unit, and acts that the model turns off."""
    act, world = case.act, case.world
    unit, roles = world.unit(act.unit), world.roles(act.unit)
    needed = [("role", act.target.role)] if act.verb != "refuse" else []
    needed += [("new role", act.to)] if act.verb == "change" else []
    for what, name in needed:
        if name not in roles:
            cause = f'there is no {what} "{name}"' if name else f"the {what} is not said"
            return case.refused(cause, f"{unit} has {quoted(unit.roles)}", "roles", unit.place)
    if act.verb in (*WITH_DEFAULT_ROLE, "approve") and act.target.role not in unit.roles:
        return out_of_scope(case, act.target.role)
    turned_off = _OF_VERB.get(act.verb)
    return turned_off(case) if turned_off else None


def _joining(case: Case) -> Decision | None:
    act, world = case.act, case.world
    joining = world.document(act.unit).joining
    if joining is None:
        hint = "invite the person, or add `joining` to the model"
        return case.refused("nobody joins by asking here", hint, "joining", world.places(("joining",)))
    fixed = full_name(joining.role, world.roles(act.unit))
    if act.verb == "approve" and fixed not in ("chosen_by_approver", act.target.role):
        place = world.places(("joining", "role"))
        return case.refused(f'who joins gets "{fixed}"', f'say "{fixed}" or no role', "joining.role", place)
    return None


def _transfer(case: Case) -> Decision | None:
    act, world = case.act, case.world
    transfer, place = world.document(act.unit).transfer, world.places(("transfer",))
    role = full_name(transfer.role, world.roles(act.unit)) if transfer else ""
    if not role:
        hint = "add `transfer` to the model"
        return case.refused("nothing is handed over here", hint, "transfer", place)
    if act.to != role or role not in world.unit(act.unit).roles:
        hint = f'say "{role}" and a unit that has it'
        return case.refused(f'only "{role}" is handed over', hint, "transfer.role", place)
    holders = {held.person for held in world.inside(act.unit) if held.role == role}
    if len(holders) > 1 and former_holder(case) is None:
        cause = f"{quoted(sorted(map(world.name, holders)), 'and')} hold it"
        return case.refused(cause, "one of them must hand it over", "transfer", place)
    return None


def _deletion(case: Case) -> Decision | None:
    removal = case.world.document(case.act.unit).removal
    if removal.what != "account":
        cause = "`removal` here takes memberships, never accounts"
        hint = "remove the membership instead; the account stays"
        return case.refused(cause, hint, "removal.what", case.world.places(("removal",)))
    return _unfit_heir(case)


_OF_VERB: Mapping[str, Callable[[Case], Decision | None]] = {
    "approve": _joining,
    "refuse": _joining,
    "transfer": _transfer,
    "delete": _deletion,
}


# --- who gets the data --------------------------------------------------------------------------------


def _heir(case: Case) -> str:
    """Who gets what a deleted account shared: the chosen one, else the actor where the model says so."""
    data = case.world.document(case.act.unit).removal.data
    if case.act.verb != "delete" or data is None or data.shared is None:
        return ""
    return case.act.heir or (case.actor.person if data.shared.to == "actor" else "")


def _unfit_heir(case: Case) -> Decision | None:
    """A chosen heir is an active holder of the role that the model names, and is not the deleted one."""
    act, world = case.act, case.world
    data, place = world.document(act.unit).removal.data, world.places(("removal", "data"))
    shared = data.shared if data else None
    if not act.heir or (act.heir == case.actor.person and shared and shared.to == "actor"):
        return None
    if shared is None or shared.or_chosen is None:
        cause = "the model lets nobody choose who gets the shared data"
        return case.refused(cause, "leave the heir out", "removal.data.shared", place)
    role = full_name(shared.or_chosen, world.roles(act.unit))
    able = (held for held in world.of(act.heir) if held.unit[0] == act.unit[0])
    if act.heir == act.target.person or not any(world.has(act.heir, role, held) for held in able):
        account = "is deleted" if act.heir == act.target.person else f"is {world.account(act.heir).state}"
        cause = (
            f'{world.name(act.heir)}, whose account {account}, cannot get the data; an active "{role}" can'
        )
        hint = f'choose another active holder of "{role}" or of a role that inherits it'
        return case.refused(cause, hint, "removal.data.shared.or_chosen", place)
    return None
