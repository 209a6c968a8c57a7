"""DocSpace: one account type for each person in the space, a role in each room, global client roles."""

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

HOLDERS = {
    "user": "pilar.asensio@tilleul.example",
    "power_user": "lisbeth.arnault@tilleul.example",
    "room_admin": "naima.cherif@tilleul.example",
    "docspace_admin": "basile.aubrac@tilleul.example",
    "owner": "helene.marceau@tilleul.example",
}


@pytest.fixture(scope="module")
def docspace(product: Callable[[str], Product]) -> Product:
    return product("docspace")


@pytest.mark.parametrize("role", MATRIX["docspace"])
def test_24_docspace_a_token_holds_every_cell_of_the_role(docspace: Product, role: str) -> None:
    held = docspace.client_roles(HOLDERS[role])
    assert cells_of(held, "docspace", role) == MATRIX["docspace"][role]


def test_25_docspace_a_second_run_writes_nothing_and_mails_nobody(
    docspace: Product, mail_sink: MailSink
) -> None:
    convergence.is_silent(docspace, mail_sink)


def test_25_docspace_a_member_removed_behind_its_back_comes_back(docspace: Product) -> None:
    who, entry = "romain.gardel@bureau-gardel.example", "cn=editor,ou=market-hall,ou=tilleul"
    convergence.repairs(docspace, who, "/tilleul/market-hall/editor", entry)


def test_25_docspace_a_member_added_behind_its_back_is_reported(docspace: Product) -> None:
    who, entry = "pilar.asensio@tilleul.example", "cn=viewer,ou=river-school,ou=tilleul"
    convergence.reports(docspace, who, "/tilleul/river-school/viewer", entry)
