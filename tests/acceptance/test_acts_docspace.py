"""Acts in DocSpace's model: batches, locks, deletion with an heir, and the one owner."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
import urllib.error
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from syncd.app import App
from syncd.app.people import new_id
from syncd.membership_redemptions import Wish, redeem
from tests.acceptance.acting import accept, act, code_in, done, invited, refused, with_notices
from tests.acceptance.hook import listening
from tests.acceptance.product import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.local.servers import MailSink
    from tests.acceptance.hook import Application
    from tests.acceptance.product import Product

pytestmark = pytest.mark.live

SPACE, SECRET = "/tilleul", "what only the two know"
OWNER, ADMIN = "helene.marceau@tilleul.example", "basile.aubrac@tilleul.example"
ROOM_ADMIN, HEIR = "naima.cherif@tilleul.example", "nils.aubert@tilleul.example"
MALO, NINA, OLE, BOSS = (f"{name}@tilleul.example" for name in ("malo", "nina", "ole", "boss"))


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    with listening() as found:
        yield found


@pytest.fixture(scope="module")
def docspace(product: Callable[..., Product], mail_sink: MailSink, application: Application) -> Product:
    site = with_notices(product("docspace"), mail_sink)
    (site.folder / "hook").write_text(SECRET, "utf-8")
    (site.folder / "hook").chmod(0o600)
    with site.config.open("a", encoding="utf-8") as file:
        file.write(f"webhooks: [{{url: '{application.url}', secret: {{file: hook}}, events: [data.heir]}}]\n")
    return site


@pytest.fixture(scope="module")
def admin_link(docspace: Product) -> str:
    """A link to the role that only the owner gives, made while its issuer is the owner."""
    command = ("links", "create", SPACE, "--role", "docspace_admin")
    return str(done(docspace, *command, as_=OWNER)[0]["secret"])


def redeemed(site: Product, token: str, address: str, after: timedelta = timedelta()) -> str:
    """A stranger redeems a link, as the page for it would note down; a run follows."""
    app = App.open(site.config)
    try:
        store, wish = app.office(site.name).store, Wish(address, "Sky", "Stranger")
        why = redeem(store, token, wish, now=datetime.now(UTC) + after, new_id=new_id)
    finally:
        app.close()
    site.apply().ok()
    return why


def test_06_a_batch_goes_out_in_the_right_language_but_for_the_role_that_may_not_be_given(
    docspace: Product, mail_sink: MailSink
) -> None:
    batch = docspace.folder / "batch.csv"
    batch.write_text(
        f"email,role,locale\n{MALO},user,fr\n{NINA},power_user,fr\n{BOSS},docspace_admin,fr\n{OLE},user,en\n",
        encoding="utf-8",
    )
    answer = act(docspace, "invitations", "send", SPACE, "--csv", str(batch), as_=ROOM_ADMIN)
    assert answer.code == 3
    verdicts = {one["who"]: one for one in answer.json["verdicts"]}
    assert [who for who, one in verdicts.items() if not one["allowed"]] == [BOSS]
    assert "model.yaml:" in verdicts[BOSS]["detail"]
    subjects = {mail["to"][0]: mail["subject"] for mail in mail_sink.messages()}
    french = "Configurez votre compte"
    assert subjects == {MALO: french, NINA: french, OLE: "Set up your account"}
    assert len(mail_sink.messages()) == 3


def test_07_whoever_redeems_a_link_is_mailed_and_has_the_role_only_after_the_mailed_link(
    docspace: Product, mail_sink: MailSink, admin_link: str
) -> None:
    stranger = "sky.stranger@elsewhere.example"
    assert admin_link
    (link,) = done(docspace, "links", "create", SPACE, "--role", "power_user", as_=ROOM_ADMIN)
    assert redeemed(docspace, link["secret"], stranger) == ""
    assert not docspace.users()[stranger]["emailVerified"]
    assert docspace.groups_of(stranger) == set()
    accept(docspace, mail_sink, stranger)
    assert docspace.groups_of(stranger) == {f"{SPACE}/power_user"}
    assert docspace.users()[stranger]["emailVerified"]
    week = timedelta(days=7, minutes=1)
    assert redeemed(docspace, link["secret"], "late@elsewhere.example", week) == "expired"
    done(docspace, "links", "revoke", link["who"], as_=ROOM_ADMIN)
    assert redeemed(docspace, link["secret"], "late@elsewhere.example") == "revoked"
    assert "late@elsewhere.example" not in docspace.users()


def test_09_a_disabled_account_is_shut_out_of_both_stores_and_gets_back_what_it_had(
    docspace: Product, mail_sink: MailSink
) -> None:
    accept(docspace, mail_sink, NINA)
    assert docspace.token(NINA)
    groups, entries = docspace.groups_of(NINA), docspace.entry_groups_of(NINA)
    docspace.ldap(_with_password(docspace, NINA))
    assert _binds(docspace, NINA)
    done(docspace, "accounts", "disable", NINA, as_=ADMIN)
    with pytest.raises(urllib.error.HTTPError):
        docspace.token(NINA)
    user = docspace.users()[NINA]
    assert docspace.admin("GET", f"users/{user['id']}/sessions") == []
    assert not _binds(docspace, NINA)
    assert (docspace.groups_of(NINA), docspace.entry_groups_of(NINA)) == (groups, entries)
    done(docspace, "accounts", "enable", NINA, as_=ADMIN)
    assert docspace.token(NINA)
    assert (docspace.groups_of(NINA), docspace.entry_groups_of(NINA)) == (groups, entries)


def test_10_only_a_disabled_account_is_deleted_everywhere_and_applications_are_told_the_heir(
    docspace: Product, application: Application
) -> None:
    assert "disable" in refused(docspace, "accounts", "delete", NINA, as_=ADMIN)
    done(docspace, "accounts", "disable", NINA, as_=ADMIN)
    why = refused(docspace, "accounts", "delete", NINA, "--heir", "pilar.asensio@tilleul.example", as_=ADMIN)
    assert "cannot get the data" in why
    done(docspace, "accounts", "delete", NINA, "--heir", ROOM_ADMIN, as_=ADMIN)
    assert NINA not in docspace.users()
    assert docspace.entry_groups_of(NINA) == set()
    assert docspace.entry(NINA) not in docspace.entries(docspace.people_base)
    (event,) = application.events
    told = {"person": NINA, "heir": ROOM_ADMIN, "personal": "delete", "shared": "actor"}
    assert (event["event"], event["data"]) == ("data.heir", told)
    signed, body = application.posted[0]
    seconds = signed.partition(",")[0].removeprefix("t=")
    mac = hmac.new(SECRET.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert signed == f"t={seconds},v1={mac}"


def test_11_ownership_moves_only_after_the_owner_confirmed_and_the_owner_stays_as_administrator(
    docspace: Product, mail_sink: MailSink
) -> None:
    invited(docspace, mail_sink, SPACE, HEIR, "power_user", ROOM_ADMIN)
    mail_sink.clear()
    later = "power.later@tilleul.example"
    done(docspace, "invitations", "send", SPACE, later, "--role", "power_user", as_=ROOM_ADMIN)
    mail_sink.clear()
    assert "pending" in refused(docspace, "ownership", "transfer", SPACE, later, as_=OWNER)
    refused(docspace, "ownership", "transfer", SPACE, "pilar.asensio@tilleul.example", as_=OWNER)
    done(docspace, "ownership", "transfer", SPACE, HEIR, as_=OWNER)
    (mail,) = mail_sink.messages()
    assert mail["to"] == [OWNER]
    owners = f"{SPACE}/owner"
    assert docspace.groups()[owners]["members"] == [OWNER]
    assert act(docspace, "ownership", "confirm", "x" * 43).code == 64
    done(docspace, "ownership", "confirm", code_in(mail))
    assert docspace.groups()[owners]["members"] == [HEIR]
    assert f"{SPACE}/docspace_admin" in docspace.groups_of(OWNER)
    assert "cn=docspace_admin,ou=tilleul" in docspace.entry_groups_of(OWNER)
    assert docspace.members(f"cn=owner,ou=tilleul,{docspace.base}") == [docspace.entry(HEIR)]
    assert "already" in refused(docspace, "ownership", "confirm", code_in(mail))
    assert sorted(one["to"] for one in mail_sink.messages()[1:]) == [[OWNER], [HEIR]]


def test_07_a_link_dies_with_the_right_of_whoever_made_it(docspace: Product, admin_link: str) -> None:
    assert redeemed(docspace, admin_link, "sly@elsewhere.example") == ""
    assert "sly@elsewhere.example" not in docspace.users()


def _with_password(docspace: Product, who: str) -> str:
    return f"dn: {docspace.entry(who)}\nchangetype: modify\nreplace: userPassword\nuserPassword: {PASSWORD}"


def _binds(docspace: Product, who: str) -> bool:
    """Whether the directory lets the person in with the password."""
    words = ["ldapwhoami", "-x", "-H", docspace.slapd.url, "-D", docspace.entry(who), "-w", PASSWORD]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0
