"""What bootstrap sets for invited people, and what it leaves of a realm that has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from syncd.errors import TargetError
from syncd.targets.keycloak_bootstrap import bootstrap_realm
from syncd.targets.keycloak_doctor import Needs, check
from syncd.targets.keycloak_mail_facts import MAIL_ATTRIBUTES
from tests.live.directory.invitee import Invitee
from tests.live.directory.world import World
from tests.live.keycloak.realms import administrator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.servers import Keycloak, MailSink
    from syncd.targets.keycloak_connection import KeycloakConnection

pytestmark = pytest.mark.live


@pytest.fixture
def admin(keycloak_server: Keycloak, realm_name: str) -> Iterator[KeycloakConnection]:
    connection = administrator(keycloak_server, realm_name)
    yield connection
    connection.close()


def test_all_that_invitations_need_is_set_once(admin: KeycloakConnection) -> None:
    first = bootstrap_realm(admin, email_theme="syncd", password=(8, 32))
    realm = admin.get()
    assert (realm["emailTheme"], realm["passwordPolicy"]) == ("syncd", "length(8) and maxLength(32)")
    assert 'e-mail theme "syncd" taken' in first.steps
    again = bootstrap_realm(admin, email_theme="syncd", password=(8, 32))
    assert (again.steps, again.notes) == ((), ())


def test_the_facts_of_a_mail_are_for_administrators_only(admin: KeycloakConnection) -> None:
    bootstrap_realm(admin)
    declared = {one["name"]: one for one in admin.get("users", "profile")["attributes"]}
    for name in MAIL_ATTRIBUTES:
        assert declared[name]["permissions"] == {"view": ["admin"], "edit": ["admin"]}
        assert not declared[name].get("multivalued")


def test_the_doctor_tells_where_a_mail_could_not_be_worded(world: World) -> None:
    def wording() -> list[str]:
        return [
            one.detail for one in check(world.connection, Needs(mails=True)) if one.name == "mail wording"
        ]

    assert wording() == []
    profile = world.admin.get("users", "profile")
    kept = [one for one in profile["attributes"] if one["name"] != "syncd.mail.role"]
    assert world.admin.call("PUT", "users", "profile", body=profile | {"attributes": kept}).ok
    (detail,) = wording()
    assert detail.endswith("does not declare syncd.mail.role")
    assert world.admin.call("PUT", "users", "profile", body=profile).ok


def test_who_enters_by_the_forgotten_password_finds_it_turned_on_and_nobody_else_does(
    admin: KeycloakConnection,
) -> None:
    def said(connection: KeycloakConnection) -> list[str]:
        found = check(connection, Needs(mails=True, self_reset=True))
        return [one.status for one in found if one.name == "forgotten password"]

    smtp = {"host": "127.0.0.1", "from": "sso@acme.example"}
    made = bootstrap_realm(admin, smtp=smtp)
    assert not admin.get()["resetPasswordAllowed"]
    syncd = World.syncd(admin.url, admin.realm, made.secret)
    assert said(syncd) == ["fail"]
    assert bootstrap_realm(admin, smtp=smtp, self_reset=True).steps == (
        "realm settings: resetPasswordAllowed",
    )
    assert said(syncd) == ["ok"]
    assert bootstrap_realm(admin, smtp=smtp, self_reset=True).steps == ()
    assert bootstrap_realm(admin, smtp=smtp).steps == ()
    assert admin.get()["resetPasswordAllowed"]
    syncd.close()


def test_a_theme_that_the_server_has_not_is_named_and_texts_stand_in(admin: KeycloakConnection) -> None:
    done = bootstrap_realm(admin, email_theme="no-such-theme")
    assert admin.get().get("emailTheme") is None
    (note,) = done.notes
    assert '"no-such-theme"' in note
    assert admin.get("localization", "fr")["executeActionsSubject"] == "Configurez votre compte"
    again = bootstrap_realm(admin, email_theme="no-such-theme")
    assert (again.steps, again.notes) == ((), done.notes)


def test_texts_that_a_realm_has_stay(admin: KeycloakConnection) -> None:
    bootstrap_realm(admin)
    for language in ("en", "fr"):
        assert admin.call("DELETE", "localization", language).ok
    assert admin.call("POST", "localization", "en", body={"executeActionsSubject": "Ours"}).ok
    done = bootstrap_realm(admin)
    assert len(done.steps) == 2
    assert admin.get("localization", "en")["executeActionsSubject"] == "Ours"
    assert "executeActionsBody" in admin.get("localization", "en")


def test_a_realm_with_a_theme_of_its_own_gets_no_texts(
    admin: KeycloakConnection, keycloak_server: Keycloak
) -> None:
    keycloak_server.make_realm(admin.realm, emailTheme="theirs")
    bootstrap_realm(admin)
    assert admin.get()["emailTheme"] == "theirs"
    assert admin.get("localization", "en") == {}


def test_a_realms_stricter_policy_stays(admin: KeycloakConnection, keycloak_server: Keycloak) -> None:
    keycloak_server.make_realm(admin.realm, passwordPolicy="digits(1) and length(12)")
    bootstrap_realm(admin, password=(8, 32))
    assert admin.get()["passwordPolicy"] == "length(12) and maxLength(32) and digits(1)"
    assert bootstrap_realm(admin, password=(8, 32)).steps == ()


def test_a_policy_that_leaves_no_password_is_refused(
    admin: KeycloakConnection, keycloak_server: Keycloak
) -> None:
    keycloak_server.make_realm(admin.realm, passwordPolicy="length(40)")
    with pytest.raises(TargetError, match="at least 40 and at most 32") as refused:
        bootstrap_realm(admin, password=(8, 32))
    assert "`invitee.password`" in refused.value.remedy
    assert admin.get()["passwordPolicy"] == "length(40)"


def test_a_directory_behind_the_realm_holds_to_the_policy_too(admin: KeycloakConnection) -> None:
    bootstrap_realm(admin)
    made = admin.call("POST", "components", body=federation(admin))
    assert made.ok, made
    done = bootstrap_realm(admin, password=(8, 32))
    assert any("people" in step for step in done.steps)
    config = admin.get("components", made.made)["config"]
    assert config["validatePasswordPolicy"] == ["true"]
    assert config["usersDn"] == ["ou=people,dc=acme,dc=example"]
    assert bootstrap_realm(admin, password=(8, 32)).steps == ()


def federation(admin: KeycloakConnection) -> dict[str, Any]:
    """A directory that is turned off, so that nobody asks for it."""
    config = {
        "enabled": "false",
        "vendor": "other",
        "editMode": "WRITABLE",
        "connectionUrl": "ldap://127.0.0.1:1",
        "usersDn": "ou=people,dc=acme,dc=example",
        "bindDn": "cn=admin,dc=acme,dc=example",
        "bindCredential": "secret",
        "authType": "simple",
        "usernameLDAPAttribute": "uid",
        "rdnLDAPAttribute": "uid",
        "uuidLDAPAttribute": "entryUUID",
        "userObjectClasses": "inetOrgPerson",
    }
    return {
        "name": "people",
        "providerId": "ldap",
        "providerType": "org.keycloak.storage.UserStorageProvider",
        "parentId": admin.get()["id"],
        "config": {name: [value] for name, value in config.items()},
    }


@pytest.mark.parametrize(("length", "done"), [(11, False), (12, True)])
def test_a_policy_without_an_upper_bound_has_none(
    keycloak_server: Keycloak, mail_sink: MailSink, realm_name: str, length: int, done: bool
) -> None:
    world = World.bootstrapped(keycloak_server, mail_sink, realm_name, password=(12, None))
    native, address = world.somebody()
    page = Invitee().accept(world.invited(native, address), password="x" * length)
    assert page.done is done
    world.close()
