"""Todoist: teams with members and admins, guests who belong to single projects, scoped permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance import convergence
from tests.acceptance.matrix import MATRIX, cells_of, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product

pytestmark = pytest.mark.live

GUEST = "anselme.kouassi@imprimerie-delsol.example"
HOLDERS = {
    "guest": (GUEST, "/fanal/website"),
    "member": ("lazare.estienne@fanal.example", "/fanal"),
    "admin": ("clemence.harispe@fanal.example", "/fanal"),
}


@pytest.fixture(scope="module")
def todoist(product: Callable[[str], Product]) -> Product:
    return product("todoist")


def test_18_todoist_a_guest_is_in_the_guest_group_of_the_project_only_in_both_stores(
    todoist: Product,
) -> None:
    assert todoist.groups_of(GUEST) == {"/fanal/website/guest"}
    assert todoist.entry_groups_of(GUEST) == {"cn=guest,ou=website,ou=fanal"}


def test_18_todoist_a_real_token_of_a_guest_carries_no_team_permission(todoist: Product) -> None:
    assert todoist.permissions(GUEST) == {"/fanal/website#project.access"}


def test_18_todoist_a_guest_who_is_also_a_member_of_the_team_is_refused(todoist: Product) -> None:
    old, new = "greta.hollmann@fanal.example]", f"greta.hollmann@fanal.example, {GUEST}]"
    with todoist.edited(old, new):
        answer = todoist.validate()
        assert answer.code == 65
        assert f"fanal.yaml:{todoist.line_of(new)}:" in answer.out + answer.err
        assert "must be separate people within the team /fanal" in answer.out + answer.err


def test_17_todoist_on_the_free_plan_a_file_assigning_member_fails_validation(todoist: Product) -> None:
    old = "      admin: [odile.trevoux@fanal.example, perle.amsalem@lecteurs.example]"
    new = f"{old}\n      member: [greta.hollmann@fanal.example]"
    with todoist.edited(old, new):
        answer = todoist.validate()
        assert answer.code == 65
        assert f"fanal.yaml:{todoist.line_of(new) + 1}:" in answer.out + answer.err
        reason = 'the role "member" is not given by files; it is `assignable: false`'
        assert reason in answer.out + answer.err


@pytest.mark.parametrize("role", MATRIX["todoist"])
def test_24_todoist_a_token_holds_every_cell_of_the_role(todoist: Product, role: str) -> None:
    who, unit = HOLDERS[role]
    held = within(todoist.permissions(who), unit)
    assert cells_of(held, "todoist", role) == MATRIX["todoist"][role]


def test_25_todoist_a_second_run_writes_nothing_and_mails_nobody(
    todoist: Product, mail_sink: MailSink
) -> None:
    convergence.is_silent(todoist, mail_sink)


def test_25_todoist_a_member_removed_behind_its_back_comes_back(todoist: Product) -> None:
    convergence.repairs(todoist, HOLDERS["member"][0], "/fanal/member", "cn=member,ou=fanal")


def test_25_todoist_a_member_added_behind_its_back_is_reported(todoist: Product) -> None:
    who = "perle.amsalem@lecteurs.example"
    convergence.reports(todoist, who, "/fanal/autumn-list/guest", "cn=guest,ou=autumn-list,ou=fanal")
