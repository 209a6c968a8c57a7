"""What bootstrap makes of a realm, and what the doctor says before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.errors import LoginRefused, PermissionMissing, PlaceMissing
from syncd.model import Scope
from syncd.targets.keycloak import KeycloakTarget
from syncd.targets.keycloak_bootstrap import RUNTIME_ROLES, bootstrap_realm, unbootstrap_realm
from syncd.targets.keycloak_connection import KeycloakConnection
from syncd.targets.keycloak_doctor import Needs, check
from tests.live.keycloak.realms import Realm, administrator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.servers import Keycloak
    from syncd.model import Check

pytestmark = pytest.mark.live

SMTP = {"host": "127.0.0.1", "port": "2525", "from": "sso@acme.example"}


@pytest.fixture
def admin(keycloak_server: Keycloak, realm_name: str) -> Iterator[KeycloakConnection]:
    connection = administrator(keycloak_server, realm_name)
    yield connection
    connection.close()


def runtime(admin: KeycloakConnection, secret: str) -> KeycloakConnection:
    return KeycloakConnection(url=admin.url, realm=admin.realm, client_id="syncd", client_secret=secret)


def held(admin: KeycloakConnection) -> set[str]:
    client = admin.get("clients", clientId="syncd")[0]["id"]
    account = admin.get("clients", client, "service-account-user")["id"]
    manager = admin.get("clients", clientId="realm-management")[0]["id"]
    return {role["name"] for role in admin.get("users", account, "role-mappings", "clients", manager)}


def found(checks: list[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


def test_a_realm_is_made_with_all_that_syncd_relies_on(admin: KeycloakConnection) -> None:
    done = bootstrap_realm(admin, smtp=SMTP)
    realm = admin.get()
    assert f'realm "{admin.realm}" made' in done.steps
    assert realm["internationalizationEnabled"]
    assert set(realm["supportedLocales"]) == {"en", "fr"}
    assert (realm["adminEventsEnabled"], realm["adminEventsDetailsEnabled"]) == (True, False)
    assert realm["smtpServer"]["host"] == SMTP["host"]
    assert realm["sslRequired"] == "external"
    assert held(admin) == RUNTIME_ROLES


def test_a_second_bootstrap_finds_nothing_to_do(admin: KeycloakConnection) -> None:
    first = bootstrap_realm(admin, smtp=SMTP)
    assert bootstrap_realm(admin, smtp=SMTP) == type(first)((), first.secret)


def test_bootstrap_leaves_what_a_realm_already_has(
    keycloak_server: Keycloak, admin: KeycloakConnection
) -> None:
    keycloak_server.make_realm(
        admin.realm,
        smtpServer={"host": "mail.acme.example", "from": "x@acme.example"},
        internationalizationEnabled=True,
        supportedLocales=["de"],
        defaultLocale="de",
        registrationAllowed=True,
    )
    bootstrap_realm(admin)
    realm = admin.get()
    assert realm["smtpServer"]["host"] == "mail.acme.example"
    assert (set(realm["supportedLocales"]), realm["defaultLocale"]) == ({"de", "en", "fr"}, "de")
    assert realm["registrationAllowed"]


def test_bootstrap_mends_what_was_loosened(admin: KeycloakConnection) -> None:
    done = bootstrap_realm(admin)
    client = admin.get("clients", clientId="syncd")[0]
    manager = admin.get("clients", clientId="realm-management")[0]["id"]
    account = admin.get("clients", client["id"], "service-account-user")["id"]
    role = admin.get("clients", manager, "roles", "realm-admin")
    assert admin.call("POST", "users", account, "role-mappings", "clients", manager, body=[role]).ok
    assert admin.call("PUT", "clients", client["id"], body={**client, "directAccessGrantsEnabled": True}).ok
    again = bootstrap_realm(admin)
    assert len(again.steps) == 2
    assert held(admin) == RUNTIME_ROLES
    assert again.secret == done.secret


def test_organizations_want_one_role_more(admin: KeycloakConnection) -> None:
    done = bootstrap_realm(admin, organizations=True)
    assert held(admin) == RUNTIME_ROLES | {"manage-organizations"}
    account = runtime(admin, done.secret)
    assert account.get("organizations", first=0, max=1) == []


def test_the_running_account_may_not_bootstrap(admin: KeycloakConnection) -> None:
    secret = bootstrap_realm(admin).secret
    manager = admin.get("clients", clientId="syncd")[0]
    assert admin.call(
        "PUT", "clients", manager["id"], body={**manager, "description": "x", "enabled": True}
    ).ok
    with pytest.raises(PermissionMissing, match="manage-realm"):
        bootstrap_realm(runtime(admin, secret), organizations=True)


def test_after_removal_nobody_logs_in_as_syncd(admin: KeycloakConnection) -> None:
    secret = bootstrap_realm(admin).secret
    assert len(unbootstrap_realm(admin)) == 1
    assert unbootstrap_realm(admin) == ()
    with pytest.raises(LoginRefused, match="may not log in"):
        runtime(admin, secret).login()


def test_the_doctor_finds_a_bootstrapped_realm_well(admin: KeycloakConnection) -> None:
    account = runtime(admin, bootstrap_realm(admin, smtp=SMTP).secret)
    checks = check(account, Needs(scoped=True, mails=True, languages=frozenset({"fr"})))
    assert [line for line in checks if line.status != "ok"] == []
    names = {line.name for line in checks}
    assert {
        "login",
        "clock",
        "version",
        "realm",
        "role manage-users",
        "user profile",
        "mail",
        "events",
    } <= names


def test_the_doctor_names_each_thing_that_is_missing(admin: KeycloakConnection) -> None:
    secret = bootstrap_realm(admin).secret
    client = admin.get("clients", clientId="syncd")[0]["id"]
    account = admin.get("clients", client, "service-account-user")["id"]
    manager = admin.get("clients", clientId="realm-management")[0]["id"]
    mappings = ("users", account, "role-mappings", "clients", manager)
    roles = [role for role in admin.get(*mappings) if role["name"] in ("view-clients", "view-events")]
    assert admin.call("DELETE", *mappings, body=roles).ok
    realm_admin = admin.get("clients", manager, "roles", "manage-identity-providers")
    assert admin.call("POST", *mappings, body=[realm_admin]).ok
    assert admin.call("PUT", body={"adminEventsEnabled": False, "internationalizationEnabled": False}).ok
    checks = check(runtime(admin, secret), Needs(mails=True, languages=frozenset({"fr"})))
    failed = {line.name for line in checks if line.status == "fail"}
    warned = {line.name for line in checks if line.status == "warn"}
    assert {"role view-clients", "role view-events", "read admin-events", "mail"} <= failed
    assert {"surplus roles", "languages"} <= warned
    assert all(line.remedy for line in checks if line.status != "ok")


def test_the_doctor_refuses_a_realm_where_people_write_their_own_permissions(
    admin: KeycloakConnection,
) -> None:
    account = runtime(admin, bootstrap_realm(admin).secret)
    profile = admin.get("users", "profile")
    mine = next(attribute for attribute in profile["attributes"] if attribute["name"] == "syncd.permissions")
    mine["permissions"] = {"view": ["admin", "user"], "edit": ["admin", "user"]}
    assert admin.call("PUT", "users", "profile", body=profile).ok
    assert found(check(account, Needs(scoped=True)), "user profile").status == "fail"
    profile["attributes"].remove(mine)
    profile["unmanagedAttributePolicy"] = "ENABLED"
    assert admin.call("PUT", "users", "profile", body=profile).ok
    assert found(check(account, Needs(scoped=True)), "user profile").status == "fail"
    bootstrap_realm(admin)
    assert found(check(account, Needs(scoped=True)), "user profile").status == "ok"


def test_the_doctor_tells_what_keeps_it_from_logging_in(admin: KeycloakConnection) -> None:
    missing = check(runtime(admin, "secret"), Needs())
    assert [(line.name, line.status) for line in missing] == [("realm", "fail")]
    bootstrap_realm(admin)
    wrong = check(runtime(admin, "wrong"), Needs())
    assert [(line.name, line.status) for line in wrong] == [("login", "fail")]
    assert "client_secret" in wrong[0].remedy


# What a missing piece looks like to a run


def test_a_wrong_secret_is_a_refused_login(admin: KeycloakConnection) -> None:
    bootstrap_realm(admin)
    with pytest.raises(LoginRefused, match='client "syncd" may not log in'):
        KeycloakTarget(runtime(admin, "wrong"), marker="x").read(Scope(frozenset({("acme",)})))


def test_a_client_without_service_account_is_a_refused_login(admin: KeycloakConnection) -> None:
    secret = bootstrap_realm(admin).secret
    client = admin.get("clients", clientId="syncd")[0]
    assert admin.call("PUT", "clients", client["id"], body={**client, "serviceAccountsEnabled": False}).ok
    with pytest.raises(LoginRefused, match="service account"):
        runtime(admin, secret).login()


def test_a_realm_that_is_not_there_is_a_missing_place(admin: KeycloakConnection) -> None:
    with pytest.raises(PlaceMissing, match=admin.realm):
        KeycloakTarget(runtime(admin, "any"), marker="x").read(Scope(frozenset({("acme",)})))
    with pytest.raises(PlaceMissing, match="does not exist"):
        admin.get("groups")


@pytest.mark.parametrize(
    ("scope", "role"),
    [
        (Scope(frozenset({("acme",)})), "view-users"),
        (Scope(frozenset(), roles=frozenset({("", "x")})), "view-realm"),
        (Scope(frozenset(), roles=frozenset({("account", "x")})), "view-clients"),
    ],
)
def test_a_missing_permission_is_named(
    keycloak_server: Keycloak, realm_name: str, scope: Scope, role: str
) -> None:
    realm = Realm.bootstrapped(keycloak_server, realm_name)
    client = realm.admin.get("clients", clientId="syncd")[0]["id"]
    account = realm.admin.get("clients", client, "service-account-user")["id"]
    manager = realm.admin.get("clients", clientId="realm-management")[0]["id"]
    assert realm.admin.call("DELETE", "users", account, "role-mappings", "clients", manager).ok
    with pytest.raises(PermissionMissing, match=role) as refused:
        realm.target.read(scope)
    assert "syncd bootstrap" in refused.value.remedy
    realm.close()
