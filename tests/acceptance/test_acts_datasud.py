"""Acts in DataSud's model: people who registered ask to join; accounts that an administrator made."""

from __future__ import annotations

import urllib.error
import urllib.parse
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.acting import done, mails_to, refused, with_notices
from tests.acceptance.product import PASSWORD
from tests.live.directory.invitee import Invitee

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product

pytestmark = pytest.mark.live

TOWN, VALLEY = "/lagune/brisemont", "/lagune/val-dorne"
ROSALIE, CELESTIN = "rosalie.campanha@brisemont.example", "celestin.moreau@valdorne.example"
AXEL, NOE, MADE = "axel.ruiz@town.example", "noe.blin@town.example", "lena.faure@brisemont.example"
LEO = "leo.marin@town.example"


@pytest.fixture(scope="module")
def datasud(product: Callable[..., Product], mail_sink: MailSink) -> Product:
    return with_notices(product("datasud"), mail_sink)


def registered(site: Product, address: str, *, verified: bool = True) -> None:
    """Somebody registered in Keycloak and, where it is so, confirmed the address."""
    person: dict[str, Any] = {
        "username": address,
        "email": address,
        "firstName": "Given",
        "lastName": "Family",
    }
    site.admin("POST", "users", {**person, "enabled": True, "emailVerified": verified})


def test_22_only_the_approvers_of_the_unit_are_mailed_and_being_let_in_twice_changes_nothing(
    datasud: Product, mail_sink: MailSink
) -> None:
    registered(datasud, AXEL)
    done(datasud, "joins", "request", TOWN, AXEL)
    assert [mail["to"] for mail in mail_sink.messages()] == [[ROSALIE]]
    approve = ("joins", "approve", TOWN, AXEL, "--role", "editor")
    refused(datasud, *approve, as_=CELESTIN)
    done(datasud, *approve, as_=ROSALIE)
    assert datasud.groups_of(AXEL) >= {f"{TOWN}/editor"}
    assert len(mails_to(mail_sink, AXEL)) == 1
    before = datasud.snapshot()
    done(datasud, *approve, as_=ROSALIE)
    assert datasud.snapshot() == before
    assert len(mails_to(mail_sink, AXEL)) == 1


def test_22_whoever_is_refused_keeps_an_account_without_any_group(
    datasud: Product, mail_sink: MailSink
) -> None:
    registered(datasud, NOE)
    done(datasud, "joins", "request", TOWN, NOE)
    done(datasud, "joins", "refuse", TOWN, NOE, as_=ROSALIE)
    assert datasud.users()[NOE]["enabled"]
    assert datasud.groups_of(NOE) == set()
    assert len(mails_to(mail_sink, NOE)) == 1


class Killed(BaseException):
    """The process ends here."""


def test_where_the_model_says_so_whoever_is_refused_loses_the_account_whatever_is_killed_in_between(
    datasud: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise Killed

    registered(datasud, LEO)
    model = datasud.mapping / "model.yaml"
    text = model.read_text("utf-8")
    assert text.count("refused: keep_account") == 1
    model.write_text(text.replace("refused: keep_account", "refused: delete_account"), "utf-8")
    done(datasud, "joins", "request", TOWN, LEO)
    with monkeypatch.context() as patch:
        patch.setattr("syncd.app.acting.finish", killed)
        with pytest.raises(Killed):
            done(datasud, "joins", "refuse", TOWN, LEO, as_=ROSALIE)
    assert LEO in datasud.users()
    datasud.apply().ok()
    assert LEO not in datasud.users()
    model.write_text(text, "utf-8")


def test_22_nobody_asks_with_an_address_never_confirmed_or_into_an_inactive_organization(
    datasud: Product,
) -> None:
    registered(datasud, "fake@town.example", verified=False)
    assert "confirm" in refused(datasud, "joins", "request", TOWN, "fake@town.example")
    with datasud.edited("      val-dorne:\n", "      val-dorne:\n        state: inactive\n"):
        assert "inactive" in refused(datasud, "joins", "request", VALLEY, NOE)


def test_23_an_account_that_an_administrator_made_opens_by_the_forgotten_password_only(
    datasud: Product, mail_sink: MailSink
) -> None:
    mail_sink.clear()
    send = ("invitations", "send", TOWN, MADE, "--role", "editor")
    done(datasud, *send, "--given-name", "Lena", "--family-name", "Faure", as_=ROSALIE)
    (mail,) = mails_to(mail_sink, MADE)
    assert not [link for link in mail["links"] if "key=" in link]
    user = datasud.users()[MADE]
    assert datasud.admin("GET", f"users/{user['id']}/credentials") == []
    datasud.logins.add(MADE)
    with pytest.raises(urllib.error.HTTPError):
        datasud.token(MADE)
    assert datasud.groups_of(MADE) == set()

    browser = forgotten(datasud, MADE)
    link = mails_to(mail_sink, MADE)[-1]["links"][0]
    assert not browser.accept(link, password=PASSWORD).errors
    datasud.apply().ok()
    assert datasud.groups_of(MADE) >= {f"{TOWN}/editor"}
    datasud.logins.discard(MADE)
    assert datasud.token(MADE)


def forgotten(site: Product, address: str) -> Invitee:
    """The browser that went from Keycloak's login page to that for a forgotten password, and asked."""
    realm = f"{site.keycloak.url}/realms/{site.realm}"
    asked = {
        "client_id": "account-console",
        "redirect_uri": f"{realm}/account/",
        "response_type": "code",
        "scope": "openid",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    browser = Invitee()
    page = browser.open(f"{realm}/protocol/openid-connect/auth?{urllib.parse.urlencode(asked)}")
    link = next(link for link in page.links if "reset-credentials" in link)
    page = browser.open(urllib.parse.urljoin(page.url, link))
    browser.send(page, {"username": address})
    return browser
