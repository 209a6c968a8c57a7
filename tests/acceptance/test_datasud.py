"""DataSud: a role of its own in each organization, strict inheritance, scoped permissions."""

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

ESTELLE = "estelle.roumagnac@eaux-lagune.example"
WILFRID = "wilfrid.janssens@eaux-lagune.example"
HOLDERS = {
    "registered_user": ("nour.haddadi@brisemont.example", "/lagune/brisemont"),
    "editor": ("livia.marchetti@valdorne.example", "/lagune/val-dorne"),
    "delegated_administrator": (ESTELLE, "/lagune/eaux-lagune"),
}


@pytest.fixture(scope="module")
def datasud(product: Callable[[str], Product]) -> Product:
    return product("datasud")


def test_21_datasud_keycloak_holds_one_direct_role_group_for_each_organization(datasud: Product) -> None:
    lent = {"/lagune/shoreline/editor", "/lagune/shoreline/delegated_administrator"}
    assert datasud.groups_of(ESTELLE) - lent == {
        "/lagune/brisemont/editor",
        "/lagune/val-dorne/registered_user",
        "/lagune/eaux-lagune/delegated_administrator",
    }


def test_21_datasud_ldap_holds_the_closure(datasud: Product) -> None:
    assert {group for group in datasud.entry_groups_of(ESTELLE) if "shoreline" not in group} == {
        "cn=editor,ou=brisemont,ou=lagune",
        "cn=registered_user,ou=brisemont,ou=lagune",
        "cn=registered_user,ou=val-dorne,ou=lagune",
        "cn=registered_user,ou=eaux-lagune,ou=lagune",
        "cn=editor,ou=eaux-lagune,ou=lagune",
        "cn=delegated_administrator,ou=eaux-lagune,ou=lagune",
    }


def test_21_datasud_two_roles_in_one_organization_fail_validation(datasud: Product) -> None:
    old = "registered_user: [nour.haddadi@brisemont.example]"
    new = f"registered_user: [nour.haddadi@brisemont.example, {ESTELLE}]"
    before = datasud.snapshot()
    with datasud.edited(old, new):
        for answer in (datasud.validate(), datasud.apply()):
            assert answer.code == 65
            assert f"lagune.yaml:{datasud.line_of(new)}:" in answer.out + answer.err
            assert "exclude each other in one organization" in answer.out + answer.err
    assert datasud.snapshot() == before


def test_21_datasud_a_real_token_of_the_administrator_of_one_yields_no_editor_right_in_another(
    datasud: Product,
) -> None:
    claim = datasud.permissions(ESTELLE)
    assert within(claim, "/lagune/val-dorne") == {"data.protected.read", "group.page.view"}
    assert "datasets.edit" in within(claim, "/lagune/eaux-lagune")
    assert "users.roles" not in within(claim, "/lagune/brisemont")


@pytest.mark.parametrize("role", MATRIX["datasud"])
def test_24_datasud_a_token_holds_every_cell_of_the_role(datasud: Product, role: str) -> None:
    who, unit = HOLDERS[role]
    held = within(datasud.permissions(who), unit)
    assert cells_of(held, "datasud", role) == MATRIX["datasud"][role]


def test_25_datasud_a_second_run_writes_nothing_and_mails_nobody(
    datasud: Product, mail_sink: MailSink
) -> None:
    convergence.is_silent(datasud, mail_sink)


def test_25_datasud_a_member_removed_behind_its_back_comes_back(datasud: Product) -> None:
    group, entry = "/lagune/eaux-lagune/registered_user", "cn=registered_user,ou=eaux-lagune,ou=lagune"
    convergence.repairs(datasud, WILFRID, group, entry)


def test_25_datasud_a_member_added_behind_its_back_is_reported_or_removed_as_the_policy_says(
    datasud: Product,
) -> None:
    who, group = "livia.marchetti@valdorne.example", "/lagune/brisemont/editor"
    entry = "cn=editor,ou=brisemont,ou=lagune"
    convergence.reports(datasud, who, group, entry)
    datasud.loosen("policy: {unlisted: remove}")
    assert who in datasud.groups()[group]["members"]  # a looser policy waits for its approval
    datasud.approve()
    removals = [(target, op, kind) for target, op, kind, _ in convergence.planned(datasud)]
    assert removals == [("keycloak", "delete", "member"), ("ldap", "delete", "member")]
    datasud.apply().ok()
    assert who not in datasud.groups()[group]["members"]
    assert datasud.entry(who) not in datasud.members(f"{entry},{datasud.base}")
