"""Acts in Dastra's model: an administrator invites, the invitee accepts, late ones are asked again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.acting import accept, act, done, invitations, mails_to, refused, with_notices
from tests.acceptance.product import PASSWORD
from tests.live.directory.invitee import Invitee
from tests.system.test_inviting import lifetime

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product

pytestmark = pytest.mark.live

SOLENE = "solene.vasseur@ormeval.example"
ADA, LOU = "ada.noiret@ormeval.example", "lou.meunier@ormeval.example"
FRANCE, PORTUGAL = "/ormeval/france", "/ormeval/portugal"
SEND_ADA = (
    *("invitations", "send", FRANCE, ADA, "--role", "contributor"),
    *("--given-name", "Ada", "--family-name", "Noiret", "--with", f"{FRANCE}/dpo-office:team/member"),
)


@pytest.fixture(scope="module")
def dastra(product: Callable[..., Product], mail_sink: MailSink) -> Product:
    return with_notices(product("dastra"), mail_sink)


def test_01_an_administrator_invites_and_nothing_is_given_before_the_invitee_accepts(
    dastra: Product, mail_sink: MailSink
) -> None:
    done(dastra, *SEND_ADA, as_=SOLENE)
    (mail,) = mail_sink.messages()
    assert mail["to"] == [ADA]
    assert lifetime(mail["links"][0]) == pytest.approx(864_000, abs=5)
    user = dastra.users()[ADA]
    assert (user["firstName"], user["lastName"]) == ("Ada", "Noiret")
    assert "UPDATE_PASSWORD" in user["requiredActions"]
    assert dastra.admin("GET", f"users/{user['id']}/credentials") == []
    assert invitations(dastra)[ADA]["state"] == "sent"
    assert invitations(dastra)[ADA]["expires"]
    assert dastra.groups_of(ADA) == set()
    assert dastra.entry_groups_of(ADA) == set()


def test_02_after_acceptance_the_groups_hold_the_person_in_both_stores_and_the_inviter_is_told(
    dastra: Product, mail_sink: MailSink
) -> None:
    accept(dastra, mail_sink, ADA)
    office = "dpo-office"
    lent = ("ormeval-sa", "ormeval-logistique")
    assert dastra.groups_of(ADA) == {
        f"{FRANCE}/contributor",
        *(f"{FRANCE}/{unit}/member" for unit in (office, *lent)),
    }
    assert dastra.entry_groups_of(ADA) == {
        "cn=contributor,ou=france,ou=ormeval",
        "cn=reader,ou=france,ou=ormeval",
        *(f"cn=member,ou={unit},ou=france,ou=ormeval" for unit in (office, *lent)),
    }
    (notice,) = mails_to(mail_sink, SOLENE)
    assert ADA in notice["subject"]
    assert ADA not in invitations(dastra)


def test_03_a_link_that_expired_is_refused_and_a_resend_sends_one_new_one(
    dastra: Product, mail_sink: MailSink
) -> None:
    early = "mia.early@ormeval.example"
    names = ("--given-name", "Mia", "--family-name", "Early")
    done(dastra, "invitations", "send", FRANCE, early, *names, as_=SOLENE)
    assert "expired" in refused(dastra, "invitations", "resend", early, as_=SOLENE)
    mail_sink.clear()
    model = dastra.mapping / "model.yaml"
    text = model.read_text("utf-8")
    model.write_text(text.replace("valid_for: P10D", "valid_for: PT4S"), "utf-8")
    send = ("invitations", "send", FRANCE, LOU, "--given-name", "Lou")
    assert "family_name is asked for" in refused(dastra, *send, as_=SOLENE)
    assert mail_sink.messages() == []
    done(dastra, *send, "--family-name", "Meunier", as_=SOLENE)
    model.write_text(text, "utf-8")
    (old,) = mails_to(mail_sink, LOU)
    time.sleep(5)
    assert not Invitee().accept(old["links"][0], password=PASSWORD).done
    assert dastra.admin("GET", f"users/{dastra.users()[LOU]['id']}/credentials") == []
    assert invitations(dastra)[LOU]["state"] == "expired"
    done(dastra, "invitations", "resend", LOU, as_=SOLENE)
    _, new = mails_to(mail_sink, LOU)
    assert lifetime(new["links"][0]) == pytest.approx(864_000, abs=5)
    assert not Invitee().accept(old["links"][0], password=PASSWORD).done
    assert "open" in refused(dastra, "invitations", "resend", LOU, as_=SOLENE)


def test_04_somebody_who_has_an_account_gets_a_second_workspace_without_a_mail(
    dastra: Product, mail_sink: MailSink
) -> None:
    mail_sink.clear()
    before, users = dastra.groups_of(ADA), dastra.users()
    (verdict,) = done(dastra, "invitations", "send", PORTUGAL, ADA, as_="beatriz.falcao@ormeval.example")
    assert "no mail" in verdict["detail"]
    assert dastra.groups_of(ADA) == {*before, f"{PORTUGAL}/reader"}
    assert dastra.users().keys() == users.keys()
    assert mails_to(mail_sink, ADA) == []


def test_24_whoever_is_no_administrator_invites_nobody(dastra: Product, mail_sink: MailSink) -> None:
    mail_sink.clear()
    why = refused(dastra, "invitations", "send", FRANCE, "eve.roux@ormeval.example", as_=ADA)
    assert "model.yaml:" in why
    assert act(dastra, "members", "add", "/nowhere", ADA).code == 64
    assert mail_sink.messages() == []
