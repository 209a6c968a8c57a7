"""Universign: seven tiers in one workspace, folders with access lists that never go, global client roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance import convergence
from tests.acceptance.matrix import MATRIX, cells_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product

pytestmark = pytest.mark.live

OWNER = "agathe.rocheblave@quai-est.example"
ADMINISTRATOR = "florent.duquesnoy@quai-est.example"
CONTRIBUTOR = "corentin.lebrazic@quai-est.example"
HOLDERS = {
    "reader": "edwige.poncelet@quai-est.example",
    "restricted_contributor": "tadeo.ibarra@quai-est.example",
    "contributor": CONTRIBUTOR,
    "contributor_plus": "judith.elkaim@quai-est.example",
    "integrator": "samba.fofana@quai-est.example",
    "administrator": ADMINISTRATOR,
    "owner": OWNER,
}


@pytest.fixture(scope="module")
def universign(product: Callable[[str], Product]) -> Product:
    return product("universign")


def test_14_universign_a_private_folder_holds_the_granted_contributor_and_those_who_always_may(
    universign: Product,
) -> None:
    expected = sorted([OWNER, ADMINISTRATOR, CONTRIBUTOR])
    assert universign.groups()["/quai-est/board/granted"]["members"] == expected
    dn = f"cn=granted,ou=board,ou=quai-est,{universign.base}"
    assert universign.members(dn) == [universign.entry(who) for who in expected]


def test_14_universign_an_administrator_more_has_access_to_the_private_folder_at_once(
    universign: Product,
) -> None:
    judith = HOLDERS["contributor_plus"]
    old = f"contributor_plus: [{judith}]"
    with universign.edited(
        f"administrator: [{ADMINISTRATOR}]", f"administrator: [{ADMINISTRATOR}, {judith}]"
    ):
        text = universign.data.read_text("utf-8")
        universign.data.write_text(text.replace(old, "contributor_plus: []"), "utf-8")
        planned = convergence.planned(universign)
    granted = [
        key["place"] for target, op, kind, key in planned if "granted" in key["place"] and op == "create"
    ]
    assert ["quai-est", "board", "granted"] in granted


@pytest.mark.parametrize("folder", ["board", "leases"])
def test_14_universign_deleting_a_folder_from_the_file_is_refused(universign: Product, folder: str) -> None:
    block = {
        "leases": "      leases: {title: {en: Leases, fr: Baux}}\n",
        "board": universign.data.read_text("utf-8")
        .partition("      board:")[2]
        .partition("    entities:")[0],
    }[folder]
    old = block if folder == "leases" else f"      board:{block}"
    before = universign.snapshot()
    with universign.edited(old, ""):
        answer = universign.apply()
        assert answer.code == 65
        assert f"/quai-est/{folder}" in answer.out + answer.err
        assert "deletable" in answer.out + answer.err
    assert universign.snapshot() == before


@pytest.mark.parametrize("role", MATRIX["universign"])
def test_24_universign_a_token_holds_every_cell_of_the_role(universign: Product, role: str) -> None:
    held = universign.client_roles(HOLDERS[role])
    assert cells_of(held, "universign", role) == MATRIX["universign"][role]


def test_24_universign_a_permission_that_left_the_model_leaves_the_tokens(universign: Product) -> None:
    model = universign.mapping / "model.yaml"
    before = model.read_text("utf-8")
    try:
        model.write_text(before.replace("[tpl.edit, tpl.view_all]", "[tpl.view_all]"), "utf-8")
        assert universign.apply().code == 1  # the running account may not: the message says what to run
        assert (
            "composite /universign/contributor_plus universign/tpl.edit removed" in universign.bootstrap().out
        )
        universign.apply().ok()
        assert "tpl.edit" not in universign.client_roles(HOLDERS["owner"])
        assert "tpl.view_all" in universign.client_roles(HOLDERS["owner"])
    finally:
        model.write_text(before, "utf-8")
        universign.bootstrap().ok()
    universign.apply().ok()
    assert "tpl.edit" in universign.client_roles(HOLDERS["owner"])


def test_25_universign_a_second_run_writes_nothing_and_mails_nobody(
    universign: Product, mail_sink: MailSink
) -> None:
    convergence.is_silent(universign, mail_sink)


def test_25_universign_a_member_removed_behind_its_back_comes_back(universign: Product) -> None:
    convergence.repairs(universign, CONTRIBUTOR, "/quai-est/board/granted", "cn=granted,ou=board,ou=quai-est")


def test_25_universign_a_member_added_behind_its_back_is_reported(universign: Product) -> None:
    who = HOLDERS["reader"]
    convergence.reports(universign, who, "/quai-est/leases/granted", "cn=granted,ou=leases,ou=quai-est")
