"""Dastra: workspaces in an organization, teams lent to entities or to departments, scoped permissions."""

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

HOLDERS = {
    "reader": "thibaut.ferrand@ormeval.example",
    "contributor": "idris.benaissa@ormeval.example",
    "administrator": "solene.vasseur@ormeval.example",
}
CAMPAIGNS = ["gaspard.oriol@ormeval.example", "maud.lacombe@ormeval.example"]
DPO = ["idris.benaissa@ormeval.example", "yuna.kerdoncuff@ormeval.example"]


@pytest.fixture(scope="module")
def dastra(product: Callable[[str], Product]) -> Product:
    return product("dastra")


def test_05_dastra_a_team_attached_to_both_kinds_is_refused_with_its_line(dastra: Product) -> None:
    old = "attached_to: [/ormeval/portugal/ormeval-lda]"
    new = "attached_to: [/ormeval/portugal/ormeval-lda, /ormeval/france/ormeval-sa/people]"
    before = dastra.snapshot()
    with dastra.edited(old, new):
        line = dastra.line_of(new)
        for answer in (dastra.validate(), dastra.apply()):
            assert answer.code == 65
            assert f"ormeval.yaml:{line}:" in answer.out + answer.err
            assert "attached_to" in answer.out + answer.err
    assert dastra.snapshot() == before


@pytest.mark.parametrize(
    ("unit", "entry", "people"),
    [
        ("/ormeval/france/ormeval-sa", "ou=ormeval-sa", DPO),
        ("/ormeval/france/ormeval-logistique", "ou=ormeval-logistique", DPO),
        ("/ormeval/france/ormeval-sa/marketing", "ou=marketing,ou=ormeval-sa", CAMPAIGNS),
        ("/ormeval/france/ormeval-sa/marketing/loyalty", "ou=loyalty,ou=marketing,ou=ormeval-sa", CAMPAIGNS),
    ],
)
def test_05_dastra_a_team_appears_under_each_unit_it_is_attached_to_in_both_stores(
    dastra: Product, unit: str, entry: str, people: list[str]
) -> None:
    group = dastra.groups()[f"{unit}/member"]
    assert group["members"] == people
    assert "syncd.permissions" not in group["attributes"]
    dn = f"cn=member,{entry},ou=france,ou=ormeval,{dastra.base}"
    assert dastra.members(dn) == [dastra.entry(who) for who in people]


@pytest.mark.parametrize("role", MATRIX["dastra"])
def test_24_dastra_a_token_holds_every_cell_of_the_role(dastra: Product, role: str) -> None:
    held = within(dastra.permissions(HOLDERS[role]), "/ormeval/france")
    assert cells_of(held, "dastra", role) == MATRIX["dastra"][role]


def test_24_dastra_an_administrator_of_one_workspace_only_reads_in_the_other(dastra: Product) -> None:
    held = within(dastra.permissions(HOLDERS["administrator"]), "/ormeval/portugal")
    assert cells_of(held, "dastra", "reader") == MATRIX["dastra"]["reader"]


def test_25_dastra_a_second_run_writes_nothing_and_mails_nobody(dastra: Product, mail_sink: MailSink) -> None:
    convergence.is_silent(dastra, mail_sink)


def test_25_dastra_a_member_removed_behind_its_back_comes_back(dastra: Product) -> None:
    who = "gaspard.oriol@ormeval.example"
    unit = "/ormeval/france/ormeval-sa/marketing/loyalty"
    entry = "cn=member,ou=loyalty,ou=marketing,ou=ormeval-sa,ou=france,ou=ormeval"
    convergence.repairs(dastra, who, f"{unit}/member", entry)


def test_25_dastra_a_member_added_behind_its_back_is_reported(dastra: Product) -> None:
    who, entry = "ines.quental@ormeval.example", "cn=contributor,ou=france,ou=ormeval"
    convergence.reports(dastra, who, "/ormeval/france/contributor", entry)
