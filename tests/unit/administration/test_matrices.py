"""Every role, act and target of the five reference systems: what the tables list is allowed, nothing else."""

from __future__ import annotations

import csv
from itertools import product
from pathlib import Path

import pytest

from tests.unit.administration.worlds import SYSTEMS, UNITS, Town, model

CELLS = Path(__file__).parent / "cells"
VERBS = (
    "invite", "resend", "cancel", "create", "add", "change", "disable",
    "enable", "remove", "edit", "delete", "approve", "refuse", "transfer",
)  # fmt: skip
NEWLY = frozenset({"invite", "create", "add", "approve", "refuse"})
STATES = {"resend": "pending", "cancel": "pending", "enable": "disabled", "delete": "disabled"}
WHERE = {
    "dastra": {"": "/o/w", "team/member": "/o/w/t"},
    "docspace": {
        "": "/s", "group/member": "/s/g", "room/viewer": "/s/r", "room/editor": "/s/r",
        "room/power_user": "/s/r", "room/admin": "/s/r", "room/owner": "/s/r",
    },
    "universign": {"": "/w", "folder/granted": "/w/f"},
    "todoist": {"": "/t", "guest": "/t/p"},
    "datasud": {"": "/p/a"},
}  # fmt: skip
ELSEWHERE = {"dastra": ("/o/w", "/o/x"), "docspace": ("/s", "/z"), "universign": ("/w", "/x"),
             "todoist": ("/t", "/x"), "datasud": ("/p/a", "/p/b")}  # fmt: skip
OTHERS = {"docspace_admin": "ada", "admin": "ada", "administrator": "ada", "delegated_administrator": "ada"}


@pytest.fixture(scope="module", params=sorted(UNITS))
def system(request):
    return request.param, Town.of(model(request.param) + UNITS[request.param])


def listed(name):
    """(caller, verb, target role, new role) of every allowed cell, as the table says."""
    with (CELLS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = [[cell.split("|") for cell in row.values()] for row in csv.DictReader(file)]
    return {cell for row in rows for cell in product(*row)}


def allowed(name, town, place=lambda unit: unit):
    """Every cell that is allowed to somebody who holds the caller's role where `place` moves it."""
    where, roles = WHERE[name], tuple(town.compiled.roles)
    found = set()
    for caller, verb, role in product(roles, VERBS, roles):
        for to in roles if verb == "change" else ("",):
            if to != role and asked(town, where, (caller, verb, role, to), place):
                found.add((caller, verb, role, to))
    return found


def asked(town, where, cell, place=lambda unit: unit):
    """Whether the one who holds only the caller's role may do it to somebody who holds only the target's."""
    caller, verb, role, to = cell
    here = staged(town, verb, role, where).give("cal", caller, place(where.get(caller, where[""])))
    return here.ask("cal", verb, "tom", where.get(role, where[""]), role, to=to).allowed


def staged(town, verb, role, where):
    """Tom with the target's role, in a state in which the act is done, and an administrator besides."""
    here = Town(town.loaded, town.compiled)
    for each, who in OTHERS.items():
        if each in town.compiled.roles:
            here.give(who, each, where[""])
    if verb not in NEWLY:
        here.give("tom", role, where.get(role, where[""]))
    if role.startswith("room/"):  # room roles need an account type
        here.give("tom", "room_admin", where[""])
    return here.account("tom", state=STATES.get(verb, "active"))


def test_exactly_the_listed_cells_are_allowed(system):
    name, town = system
    found = allowed(name, town)
    assert sorted(found ^ listed(name)) == []
    assert found


def test_the_same_role_in_another_unit_allows_nothing(system):
    name, town = system
    here, there = ELSEWHERE[name]
    assert allowed(name, town, lambda unit: unit.replace(here, there, 1)) == set()


def test_whoever_acts_on_oneself_is_refused_in_every_cell(system):
    name, town = system
    where = WHERE[name]
    for caller, verb, role, to in sorted(listed(name)):
        here = Town(town.loaded, town.compiled)
        here.give("cal", caller, where.get(caller, where[""]))
        if verb not in NEWLY:
            here.give("cal", role, where.get(role, where[""]))
        here.account("cal", state="active")
        assert not here.ask("cal", verb, "cal", where.get(role, where[""]), role, to=to).allowed


def test_nobody_without_an_active_account_does_anything(system):
    name, town = system
    where = WHERE[name]
    for state in ("pending", "disabled"):
        for caller, verb, role, to in sorted(listed(name)):
            here = Town(town.loaded, town.compiled).give("cal", caller, where.get(caller, where[""]))
            here.account("cal", state=state).give("tom", role, where.get(role, where[""]))
            decision = here.ask("cal", verb, "tom", where.get(role, where[""]), role, to=to)
            assert f"the account of cal is {state}" in decision.reason


def test_an_operator_may_do_what_some_row_allows_to_somebody(system):
    name, town = system
    cells = {cell[1:] for cell in listed(name)}
    where, roles = WHERE[name], tuple(town.compiled.roles)
    found = set()
    for verb, role in product(VERBS, roles):
        for to in roles if verb == "change" else ("",):
            if to != role and asked_by_operator(town, verb, role, to, where):
                found.add((verb, role, to))
    assert sorted(found ^ cells) == []


def asked_by_operator(town, verb, role, to, where):
    here = staged(town, verb, role, where)
    return here.ask("operator", verb, "tom", where.get(role, where[""]), role, to=to).allowed


# --- the account acts of DocSpace, as published ---------------------------------------------------------


def published():
    with (SYSTEMS / "accounts.csv").open(encoding="utf-8", newline="") as file:
        return [(row["act"], row["role"], row["allowed"]) for row in csv.DictReader(file)]


ACTS = {
    "invite → docspace_admin": [("invite", "docspace_admin", "")],
    "invite → room_admin": [("invite", "room_admin", "")],
    "invite → power_user": [("invite", "power_user", "")],
    "invite → user": [("invite", "user", "")],
    "promote → docspace_admin": [
        ("change", role, "docspace_admin") for role in ("user", "power_user", "room_admin")
    ],
    "promote → room_admin (from user, power_user)": [
        ("change", role, "room_admin") for role in ("user", "power_user")
    ],
    "promote → power_user (from user)": [("change", "user", "power_user")],
    "demote docspace_admin → room_admin": [("change", "docspace_admin", "room_admin")],
    "disable docspace_admin": [("disable", "docspace_admin", "")],
    "disable room_admin": [("disable", "room_admin", "")],
    "disable power_user": [("disable", "power_user", "")],
    "disable user": [("disable", "user", "")],
    "edit or delete accounts (docspace_admin targets: owner only)": [
        (verb, role, "") for verb in ("edit", "delete") for role in ("user", "power_user", "room_admin")
    ],
}


@pytest.fixture(scope="module")
def docspace():
    return Town.of(model("docspace") + UNITS["docspace"])


def test_there_are_sixty_five_published_cells():
    assert len(published()) == 65
    assert {act for act, _, _ in published()} == set(ACTS)


@pytest.mark.parametrize(("act", "caller", "expected"), published())
def test_an_account_act_is_allowed_as_published(docspace, act, caller, expected):
    for verb, role, to in ACTS[act]:
        answer = asked(docspace, WHERE["docspace"], (caller, verb, role, to))
        assert answer == {"yes": True, "no": False}[expected], (verb, role, to)


@pytest.mark.parametrize("verb", ["edit", "delete"])
@pytest.mark.parametrize("caller", ["user", "power_user", "room_admin", "docspace_admin", "owner"])
def test_accounts_of_administrators_are_for_the_owner_only(docspace, verb, caller):
    answer = asked(docspace, WHERE["docspace"], (caller, verb, "docspace_admin", ""))
    assert answer == (caller == "owner")
