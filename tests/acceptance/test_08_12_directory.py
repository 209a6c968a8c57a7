"""Checks 8 and 12: a directory behind the realm keeps to its bounds for passwords, and owns its accounts."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.acting import done, mails_to, refused, with_notices
from tests.acceptance.directory import entry_of, federate
from tests.live.directory.invitee import Invitee

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product

pytestmark = pytest.mark.live

SPACE, OWNER, ROOM_ADMIN = "/tilleul", "helene.marceau@tilleul.example", "naima.cherif@tilleul.example"
LENA, PAUL = "lena.source@tilleul.example", "paul.source@tilleul.example"
BOUNDS = [(7, False), (8, True), (32, True), (33, False)]


@pytest.fixture(scope="module")
def docspace(product: Callable[..., Product], mail_sink: MailSink) -> Product:
    """DocSpace with a directory behind its realm, prepared again as the operator does after adding one."""
    site = with_notices(product("docspace"), mail_sink)
    federate(site, LENA, PAUL)
    assert "password policy holds there too" in site.bootstrap().ok().out
    return site


@pytest.mark.parametrize(("length", "accepted"), BOUNDS)
def test_08_keycloak_itself_accepts_passwords_of_8_to_32_signs_from_whoever_is_invited(
    docspace: Product, mail_sink: MailSink, length: int, accepted: bool
) -> None:
    address = f"sign{length}@tilleul.example"
    done(docspace, "invitations", "send", SPACE, address, "--role", "user", as_=ROOM_ADMIN)
    page = Invitee().accept(mails_to(mail_sink, address)[0]["links"][0], password="x" * length)
    assert page.done is accepted
    user = docspace.users()[address]["id"]
    assert bool(docspace.admin("GET", f"users/{user}/credentials")) is accepted


@pytest.mark.parametrize(("length", "accepted"), BOUNDS)
def test_08_and_from_somebody_whose_password_is_in_ldap(
    docspace: Product, mail_sink: MailSink, length: int, accepted: bool
) -> None:
    mail_sink.clear()
    user = docspace.users()[PAUL]["id"]
    docspace.admin("PUT", f"users/{user}/execute-actions-email", ["UPDATE_PASSWORD"])
    page = Invitee().accept(mails_to(mail_sink, PAUL)[0]["links"][0], password="y" * length)
    assert page.done is accepted
    assert binds(docspace, PAUL, "y" * length) is accepted


def test_12_the_account_of_somebody_from_ldap_is_neither_disabled_nor_deleted_nor_renamed_here(
    docspace: Product,
) -> None:
    user = "      user:\n"
    with docspace.edited(user, f"{user}        - {LENA}\n"):
        docspace.apply().ok()
        assert docspace.groups_of(LENA) == {f"{SPACE}/user"}
        assert entry_of(docspace, LENA) in docspace.members(f"cn=user,ou=tilleul,{docspace.base}")
        for verb in ("disable", "delete"):
            assert "authority=ldap" in refused(docspace, "accounts", verb, LENA, as_=OWNER)
            assert "authority=ldap" in refused(docspace, "accounts", verb, LENA)
        name = docspace.users()[LENA]["firstName"]
        renamed = f"people:\n  {LENA}: {{given_name: Other, family_name: Name}}\n"
        with docspace.edited("people:\n", renamed):
            docspace.apply()
        assert docspace.users()[LENA]["firstName"] == name
        assert docspace.entries(entry_of(docspace, LENA))[entry_of(docspace, LENA)]["givenName"] == ["Given"]


def test_12_who_is_locked_in_ldap_is_disabled_in_keycloak_by_the_next_run(docspace: Product) -> None:
    user = "      user:\n"
    with docspace.edited(user, f"{user}        - {LENA}\n"):
        lock = "pwdAccountLockedTime: 000001010000Z"
        dn = entry_of(docspace, LENA)
        docspace.ldap(f"dn: {dn}\nchangetype: modify\nadd: pwdAccountLockedTime\n{lock}")
        docspace.apply().ok()
        assert not docspace.users()[LENA]["enabled"]
        assert docspace.groups_of(LENA) == {f"{SPACE}/user"}
        assert docspace.cli("plan", docspace.name, "--detailed-exitcode").code == 0


def binds(site: Product, who: str, password: str) -> bool:
    """Whether the directory lets the person in with the password."""
    words = ["ldapwhoami", "-x", "-H", site.slapd.url, "-D", entry_of(site, who), "-w", password]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0
