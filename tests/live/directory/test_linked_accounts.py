"""Accounts that something else vouches for: an identity provider, or a directory behind the realm."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import ldap3
import pytest

from syncd.targets.directory import AccountRefused, MailFacts

if TYPE_CHECKING:
    from deploy.local.servers import Slapd
    from tests.live.directory.world import World

pytestmark = pytest.mark.live


def test_a_link_to_an_identity_provider_makes_an_account_somebodys(world: World) -> None:
    native, address = world.somebody(actions=())
    provider = {
        "alias": "company",
        "providerId": "oidc",
        "config": {
            "authorizationUrl": "https://idp.acme.example/auth",
            "tokenUrl": "https://idp.acme.example/token",
            "clientId": "realm",
            "clientSecret": "secret",
        },
    }
    assert world.admin.call("POST", "identity-provider", "instances", body=provider).ok
    link = {"identityProvider": "company", "userId": "7", "userName": address}
    assert world.admin.call("POST", "users", native, "federated-identity", "company", body=link).ok
    state = world.directory.state(native)
    assert state is not None
    assert (state.provider_links, state.credential, state.activated) == (1, False, True)
    with pytest.raises(AccountRefused, match="linked to an identity provider"):
        world.directory.remake(native)


def test_sessions_and_groups_are_counted(world: World) -> None:
    native, username = world.member()
    group = world.admin.call("POST", "groups", body={"name": f"group of {username}"}).made
    assert world.admin.call("PUT", "users", native, "groups", group).ok
    world.login(username)
    world.login(username)
    state = world.directory.state(native)
    assert state is not None
    assert (state.sessions, state.groups, state.group_ids, state.roles) == (2, 1, {group}, 0)


def test_an_account_of_a_directory_has_its_password_there(
    world: World, slapd_server: Slapd, ldap_base: str
) -> None:
    username = f"p{secrets.token_hex(5)}"
    address = f"{username}@acme.example"
    _add_person(slapd_server, f"uid={username},{ldap_base}", username, address)
    assert world.admin.call("POST", "components", body=_federation(world, slapd_server, ldap_base)).ok
    native = world.directory.find(address)
    assert native is not None
    state = world.directory.state(native)
    assert state is not None
    assert (state.federated, state.credential, state.activated) == (True, True, True)
    assert world.login(username)
    with pytest.raises(AccountRefused, match="comes from a user federation"):
        world.directory.remake(native)
    world.directory.disable(native)
    status, answer = world.tokens(grant_type="password", username=username, password="a long password")
    assert (status, answer["error_description"]) == (400, "Account disabled")
    world.directory.enable(native)
    assert world.login(username)
    with pytest.raises(AccountRefused, match="read-only") as refused:
        world.directory.set_mail_attributes(native, MailFacts("Acme"))
    assert "edit mode" in refused.value.remedy
    assert world.directory.find(address) == native


def _add_person(server: Slapd, dn: str, username: str, address: str) -> None:
    host = ldap3.Server("127.0.0.1", port=server.port("ldap"), get_info=ldap3.NONE)
    connection = ldap3.Connection(host, server.admin_dn, server.admin_password, raise_exceptions=True)
    connection.bind()
    person = {"uid": username, "cn": "Given Family", "givenName": "Given", "sn": "Family", "mail": address}
    connection.add(dn, "inetOrgPerson", {**person, "userPassword": "a long password"})
    connection.unbind()


def _federation(world: World, server: Slapd, base: str) -> dict[str, object]:
    """A directory that Keycloak reads and never writes."""
    config = {
        "enabled": "true",
        "vendor": "other",
        "editMode": "READ_ONLY",
        "importEnabled": "true",
        "connectionUrl": server.url,
        "usersDn": base,
        "bindDn": server.admin_dn,
        "bindCredential": server.admin_password,
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
        "parentId": world.admin.get()["id"],
        "config": {name: [value] for name, value in config.items()},
    }
