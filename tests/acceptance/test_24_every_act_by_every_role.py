"""Check 24: each act of the five models, tried as each role on real servers; refusals write nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.stage import Attempt, Caller, Cell, Stage
from tests.unit.administration.test_matrices import ACTS, listed, published

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncd.membership_words import Verdict
    from tests.acceptance.product import Product

pytestmark = pytest.mark.live

GENEROUS = (
    "policy: {removals: {per_day: 100%, at_least: 999, at_most: 999}, "
    "grants: {per_run: 100%, at_least: 999}, privileged_per_run: 999, mails: {per_day: 999}}"
)
WHERE: Mapping[str, Mapping[str, str]] = {
    "dastra": {"": "/ormeval/france", "team/member": "/ormeval/france/campaigns"},
    "docspace": {
        "": "/tilleul",
        "group/member": "/tilleul/surveyors",
        **{f"room/{role}": "/tilleul/market-hall" for role in ("viewer", "editor", "power_user", "admin")},
    },
    "universign": {"": "/quai-est", "folder/granted": "/quai-est/board"},
    "todoist": {"": "/fanal", "guest": "/fanal/website"},
    "datasud": {"": "/lagune/brisemont"},
}
ROLES = {
    "dastra": ("reader", "contributor", "administrator"),
    "docspace": ("user", "power_user", "room_admin", "docspace_admin"),
    "universign": (
        "reader", "restricted_contributor", "contributor", "contributor_plus", "integrator", "administrator",
    ),
    "todoist": ("guest", "member", "admin"),
    "datasud": ("registered_user", "editor", "delegated_administrator"),
}  # fmt: skip
MORE = {
    "docspace": {
        "owner": Caller(frozenset({"owner"}), "helene.marceau@tilleul.example"),
        "room/admin": Caller(frozenset({"room_admin", "room/admin"})),
        "room/owner": Caller(frozenset({"room_admin", "room/owner"}), "naima.cherif@tilleul.example"),
    },
    "universign": {"owner": Caller(frozenset({"owner"}), "agathe.rocheblave@quai-est.example")},
}


def tried(name: str) -> set[Cell]:
    """The cells that are allowed to somebody.

    Not here: sending an invitation into a room again, which is one into the space for whoever needs a type.
    """
    cells = {Cell(verb, role, to) for _, verb, role, to in listed(name)}
    return {
        cell for cell in cells if not (cell.role.startswith("room/") and cell.verb in ("resend", "cancel"))
    }


@pytest.mark.parametrize("name", sorted(WHERE))
def test_24_every_act_is_allowed_to_the_listed_roles_and_the_refused_ones_write_nothing(
    product: Callable[..., Product], name: str
) -> None:
    site = product(name)
    site.loosen(GENEROUS)
    site.approve()
    callers = {role: Caller(frozenset({role})) for role in ROLES[name]} | MORE.get(name, {})
    stage = Stage(site, WHERE[name], callers, tried(name))
    stage.fill()
    before = site.snapshot()
    refused = stage.attempt(stage.refused)
    assert site.snapshot() == before
    assert [one for one, verdict in refused.items() if verdict.allowed] == []
    allowed = stage.attempt(stage.allowed)
    assert [(one, verdict.detail) for one, verdict in allowed.items() if not verdict.allowed] == []
    assert wrong(stage) == []
    if name == "docspace":
        check_published_cells({**refused, **allowed})


def wrong(stage: Stage) -> list[Attempt]:
    """The allowed attempts of which Keycloak and the directory do not show what they were for."""
    site = stage.product
    held = defaultdict(set)
    for path, group in site.groups().items():
        for who in group["members"]:
            held[who].add(path)
    listed_in_ldap = {dn for entry in site.entries().values() for dn in entry.get("member", ())}
    users = site.users()
    enabled = {who: user["enabled"] for who, user in users.items()}
    given = {who: user.get("firstName") for who, user in users.items()}
    found = []
    for one in stage.allowed:
        verb, role, to = one.cell
        old, new = (
            f"{stage.unit(role)}/{role.rpartition('/')[2]}",
            f"{stage.unit(to)}/{to.rpartition('/')[2]}",
        )
        mine, there, entries = held[one.who], one.who in enabled, site.entry(one.who) in listed_in_ldap
        so = {
            "invite": there and not mine,
            "create": there and not mine,
            "resend": there and not mine,
            "cancel": not there,
            "add": old in mine and entries,
            "approve": old in mine and entries,
            "refuse": there and not mine,
            "change": new in mine and old not in mine and entries,
            "remove": there and old not in mine,
            "disable": there and not enabled.get(one.who) and old in mine,
            "enable": bool(enabled.get(one.who)) and old in mine,
            "edit": old in mine and given.get(one.who) == "Other",
            "delete": not there and not entries,
            "transfer": old in mine,
        }
        if not so[verb]:
            found.append(one)
    return found


def check_published_cells(verdicts: Mapping[Attempt, Verdict]) -> None:
    """The account acts of DocSpace, as published: each cell was tried."""
    was = {(one.caller, one.cell): verdict.allowed for one, verdict in verdicts.items()}
    cells = published()
    assert len(cells) == 65
    for act, caller, expected in cells:
        for verb, role, to in ACTS[act]:
            assert was[caller, Cell(verb, role, to)] == (expected == "yes"), (act, caller)
