"""Acts in Universign's model: roles change once accepted, the right person removes, members are exported."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from tests.acceptance.acting import accept, code_in, done, invited, refused, with_notices

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product

pytestmark = pytest.mark.live

SPACE, ENTRY = "/quai-est", "ou=quai-est"
OWNER, ADMIN = "agathe.rocheblave@quai-est.example", "florent.duquesnoy@quai-est.example"
INTEGRATOR = "samba.fofana@quai-est.example"
NEW, SHEET = "ugo.vidal@quai-est.example", "zoe.leroy@quai-est.example"


@pytest.fixture(scope="module")
def universign(product: Callable[..., Product], mail_sink: MailSink) -> Product:
    return with_notices(product("universign"), mail_sink)


def test_13_a_role_changes_once_its_holder_has_accepted_and_never_the_owners_or_ones_own(
    universign: Product, mail_sink: MailSink
) -> None:
    done(universign, "invitations", "send", SPACE, NEW, "--role", "reader", as_=ADMIN)
    change = ("members", "change", SPACE, NEW, "contributor")
    assert "pending" in refused(universign, *change, as_=ADMIN)
    accept(universign, mail_sink, NEW)
    done(universign, *change, as_=ADMIN)
    assert universign.groups_of(NEW) == {f"{SPACE}/contributor"}
    done(universign, "members", "change", SPACE, NEW, "administrator", as_=ADMIN)
    for actor in (OWNER, ADMIN, NEW):
        refused(universign, "members", "change", SPACE, OWNER, "reader", as_=actor)
    assert "oneself" in refused(universign, "members", "change", SPACE, NEW, "reader", as_=NEW)


def test_15_an_integrator_removes_nobody_and_an_administrator_ends_a_membership_not_an_account(
    universign: Product, mail_sink: MailSink
) -> None:
    done(universign, "members", "change", SPACE, NEW, "reader", as_=ADMIN)
    assert "model.yaml:" in refused(universign, "members", "remove", SPACE, NEW, as_=INTEGRATOR)
    done(universign, "members", "remove", SPACE, NEW, as_=ADMIN)
    assert universign.groups_of(NEW) == set()
    assert universign.entry_groups_of(NEW) == set()
    assert universign.users()[NEW]["enabled"]


def test_16_the_export_has_its_five_columns_and_no_formula(universign: Product, mail_sink: MailSink) -> None:
    _let_names_have_any_sign(universign)
    names = ("--given-name", '=Zoé, "Z"', "--family-name", "Ler\u00f6y")
    done(universign, "invitations", "send", SPACE, SHEET, "--role", "reader", *names, as_=ADMIN)
    earliest = today()
    accept(universign, mail_sink, SHEET)
    latest = today()
    user = universign.users()[SHEET]
    user.update(firstName='=Zoé, "Z"', lastName="Leröy")
    universign.admin("PUT", f"users/{user['id']}", user)
    text = universign.cli("members", "export", SPACE, "--mapping", universign.name).ok().out
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["member_id", "full_name", "email", "role", "entry_date"]
    by_address = {row[2]: row for row in rows[1:]}
    assert len(by_address) == len(rows) - 1
    member, name, _, role, day = by_address[SHEET]
    assert member.startswith("p_")
    assert (name, role) == ('\'=Zoé, "Z" Leröy', "reader")
    assert day in {earliest, latest}


def today() -> str:
    return datetime.now(UTC).astimezone(ZoneInfo("Europe/Paris")).date().isoformat()


def test_11_the_owner_hands_over_after_a_mail_and_stays_as_administrator(
    universign: Product, mail_sink: MailSink
) -> None:
    heir = "ines.caron@quai-est.example"
    invited(universign, mail_sink, SPACE, heir, "integrator", ADMIN)
    transfer = ("ownership", "transfer", SPACE, heir)
    assert "owner" in refused(universign, *transfer, as_=ADMIN)
    others = universign.groups_of(OWNER) - {f"{SPACE}/owner"}
    mail_sink.clear()
    done(universign, *transfer, as_=OWNER)
    (mail,) = mail_sink.messages()
    assert mail["to"] == [OWNER]
    assert universign.groups()[f"{SPACE}/owner"]["members"] == [OWNER]
    done(universign, "ownership", "confirm", code_in(mail))
    assert universign.groups()[f"{SPACE}/owner"]["members"] == [heir]
    assert universign.groups_of(OWNER) == {f"{SPACE}/administrator", *others}


def _let_names_have_any_sign(universign: Product) -> None:
    """Keycloak's own rule for names allows no `=` and no quotes; realms may be without it."""
    profile = universign.admin("GET", "users/profile")
    for attribute in profile["attributes"]:
        attribute.get("validations", {}).pop("person-name-prohibited-characters", None)
    universign.admin("PUT", "users/profile", profile)
