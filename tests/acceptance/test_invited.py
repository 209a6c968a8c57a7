"""The mapping of Dastra as it is shipped: everybody it names is invited, and waits until they accept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.product import PASSWORD
from tests.live.directory.invitee import Invitee

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product

pytestmark = pytest.mark.live

IDRIS = "idris.benaissa@ormeval.example"
FRANCE = "ou=france,ou=ormeval"


@pytest.fixture(scope="module")
def invited(product: Callable[..., Product], mail_sink: MailSink) -> Product:
    mail_sink.clear()
    return product("dastra", as_shipped=True)


def test_25_a_mapping_that_invites_mails_everybody_once_and_its_second_run_nobody(
    invited: Product, mail_sink: MailSink
) -> None:
    mailed = [address for mail in mail_sink.messages() for address in mail["to"]]
    assert sorted(mailed) == sorted(invited.users())
    assert len(mailed) == 9
    assert invited.held_groups() == {}
    before = invited.snapshot()
    invited.apply().ok()
    assert invited.snapshot() == before
    assert len(mail_sink.messages()) == 9


def test_02_whoever_accepts_is_in_the_groups_of_both_stores_after_the_next_run_and_nobody_else(
    invited: Product, mail_sink: MailSink
) -> None:
    (mail,) = [mail for mail in mail_sink.messages() if mail["to"] == [IDRIS]]
    assert Invitee().accept(mail["links"][0], password=PASSWORD).done
    invited.logins.add(IDRIS)
    invited.apply().ok()
    units = ("dpo-office", "ormeval-sa", "ormeval-logistique")
    assert invited.held_groups() == {
        "/ormeval/france/contributor": [IDRIS],
        **{f"/ormeval/france/{unit}/member": [IDRIS] for unit in units},
    }
    assert invited.entry_groups_of(IDRIS) == {
        f"cn=contributor,{FRANCE}",
        f"cn=reader,{FRANCE}",
        *(f"cn=member,ou={unit},{FRANCE}" for unit in units),
    }
