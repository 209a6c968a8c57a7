"""Accounts made, found, disabled, ended and deleted; and what stays of them meanwhile."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from syncd.targets.directory import AccountRefused, MailFacts, NewAccount
from syncd.targets.keycloak_directory import KeycloakDirectory
from tests.live.directory.world import CLIENT

if TYPE_CHECKING:
    from typing import Any

    from tests.live.directory.world import World

pytestmark = pytest.mark.live


def everything(world: World, native: str) -> dict[str, Any]:
    """The account's whole representation, without what differs from call to call."""
    user = dict(world.admin.get("users", native))
    user.pop("access")
    return user


def test_an_account_is_made_as_it_was_asked_for(world: World) -> None:
    name = f"p{secrets.token_hex(5)}"
    account = NewAccount(name, f"{name}@acme.example", "Léa", "Martin", "fr")
    native = world.directory.create(account)
    user = world.admin.get("users", native)
    assert (user["firstName"], user["lastName"], user["attributes"]) == ("Léa", "Martin", {"locale": ["fr"]})
    assert (user["enabled"], user["emailVerified"]) == (True, False)
    assert world.admin.get("users", native, "credentials") == []
    assert world.mails(account.address) == []


def test_an_account_is_found_by_its_address_whatever_its_case(world: World) -> None:
    native, address = world.somebody()
    assert world.directory.find(address.upper()) == native
    assert world.directory.find(f"x{address}") is None
    assert world.directory.find(address[1:]) is None


def test_an_address_that_two_accounts_share_names_neither(world: World) -> None:
    native, address = world.somebody()
    shared = {"duplicateEmailsAllowed": True, "loginWithEmailAllowed": False}
    assert world.admin.call("PUT", body=shared).ok
    try:
        other = world.directory.create(NewAccount(f"p{secrets.token_hex(5)}", address))
        with pytest.raises(AccountRefused, match="the address of several accounts"):
            world.directory.find(address)
        world.directory.delete(other)
    finally:
        assert world.admin.call("PUT", body=dict.fromkeys(shared, False) | {"loginWithEmailAllowed": True}).ok
    assert world.directory.find(address) == native


def test_many_accounts_are_looked_at_together_and_those_gone_left_out(world: World) -> None:
    people = dict(world.somebody() for _ in range(12))
    gone = next(iter(people))
    world.directory.delete(gone)
    states = world.directory.states([*people, "no-such-id"])
    assert {native: state.address for native, state in states.items()} == {
        native: address for native, address in people.items() if native != gone
    }


@pytest.mark.parametrize("taken", ["username", "email"])
def test_an_account_that_exists_is_not_made_again(world: World, taken: str) -> None:
    native, address = world.somebody()
    username = address.partition("@")[0]
    other = (
        NewAccount(username, f"x{address}") if taken == "username" else NewAccount(f"x{username}", address)
    )
    with pytest.raises(AccountRefused, match=f"User exists with same {taken}"):
        world.directory.create(other)
    assert world.directory.state(native) is not None


def test_what_the_profile_forbids_is_refused_in_its_words(world: World) -> None:
    with pytest.raises(AccountRefused, match="error-invalid-email"):
        world.directory.create(NewAccount("somebody", "not an address"))


def test_what_keycloak_would_drop_in_silence_is_refused(world: World) -> None:
    name = f"p{secrets.token_hex(5)}"
    with pytest.raises(AccountRefused, match="does not declare shoe"):
        world.directory.create(NewAccount(name, f"{name}@acme.example", attributes={"shoe": ("44",)}))
    with pytest.raises(AccountRefused, match="turned off TERMS_AND_CONDITIONS, NONSENSE"):
        world.directory.create(
            NewAccount(name, f"{name}@acme.example", actions=("TERMS_AND_CONDITIONS", "NONSENSE"))
        )
    assert world.directory.find(f"{name}@acme.example") is None


def test_facts_of_a_mail_leave_everything_else_as_it_was(world: World) -> None:
    native, _ = world.member()
    before = everything(world, native)
    world.directory.set_mail_attributes(native, MailFacts("Acme"))
    during = everything(world, native)
    assert during["attributes"]["syncd.mail.organization"] == ["Acme"]
    world.directory.clear_mail_attributes(native)
    assert everything(world, native) == before


def test_a_profile_that_does_not_know_the_facts_is_told_of(world: World) -> None:
    native, _ = world.somebody()
    profile = world.admin.get("users", "profile")
    kept = [one for one in profile["attributes"] if not one["name"].startswith("syncd.mail.")]
    assert world.admin.call("PUT", "users", "profile", body=profile | {"attributes": kept}).ok
    try:
        with pytest.raises(AccountRefused, match=r"does not declare syncd\.mail\.organization") as refused:
            world.directory.set_mail_attributes(native, MailFacts("Acme"))
        assert "syncd bootstrap" in refused.value.remedy
    finally:
        assert world.admin.call("PUT", "users", "profile", body=profile).ok
    world.directory.set_mail_attributes(native, MailFacts("Acme"))


def test_who_is_disabled_and_logged_out_is_out_everywhere(world: World) -> None:
    native, username = world.member()
    online = world.login(username)
    offline = world.login(username, scope="openid offline_access")
    world.directory.disable(native)
    world.directory.end_sessions(native)
    status, answer = world.tokens(grant_type="password", username=username, password="a long password")
    assert (status, answer["error_description"]) == (400, "Account disabled")
    world.directory.enable(native)
    for kept in (online, offline):
        status, answer = world.tokens(grant_type="refresh_token", refresh_token=kept["refresh_token"])
        assert (status, answer["error"]) == (400, "invalid_grant")
    state = world.directory.state(native)
    assert state is not None
    assert state.sessions == 0
    portal = world.admin.get("clients", clientId=CLIENT)[0]["id"]
    assert world.admin.get("users", native, "offline-sessions", portal) == []
    assert world.login(username)["access_token"]


def test_a_disabled_persons_refresh_token_is_refused_before_the_sessions_end(world: World) -> None:
    native, username = world.member()
    token = world.login(username)["refresh_token"]
    world.directory.disable(native)
    status, answer = world.tokens(grant_type="refresh_token", refresh_token=token)
    assert (status, answer["error"]) == (400, "invalid_grant")


def test_the_sessions_of_others_go_on(world: World) -> None:
    native, username = world.member()
    _, other = world.member()
    world.login(username)
    kept = world.login(other, scope="openid offline_access")
    world.directory.end_sessions(native)
    assert world.tokens(grant_type="refresh_token", refresh_token=kept["refresh_token"])[0] == 200


def test_disabling_and_enabling_keep_all_that_the_account_has(world: World) -> None:
    native, username = world.member()
    before = everything(world, native)
    world.directory.disable(native)
    assert everything(world, native) == before | {"enabled": False}
    world.directory.disable(native)
    world.directory.enable(native)
    world.directory.enable(native)
    assert everything(world, native) == before
    assert world.login(username)


def test_a_deleted_account_is_gone_and_may_be_deleted_again(world: World) -> None:
    native, address = world.somebody()
    world.directory.delete(native)
    world.directory.delete(native)
    assert world.directory.state(native) is None
    assert world.directory.find(address) is None


def test_what_is_gone_is_said_to_be_gone(world: World) -> None:
    native, _ = world.somebody()
    world.directory.delete(native)
    for act in (world.directory.disable, world.directory.end_sessions, world.directory.remake):
        with pytest.raises(AccountRefused, match="is gone"):
            act(native)


def test_an_account_with_roles_of_its_own_is_not_made_anew(world: World) -> None:
    native, address = world.somebody()
    assert world.admin.call("POST", "roles", body={"name": f"role of {address}"}).ok
    role = world.admin.get("roles", f"role of {address}")
    assert world.admin.call("POST", "users", native, "role-mappings", "realm", body=[role]).ok
    with pytest.raises(AccountRefused, match="it has roles of its own"):
        world.directory.remake(native)
    assert world.directory.state(native) is not None


def test_an_account_in_an_organization_is_not_made_anew(world: World) -> None:
    native, _ = world.somebody()
    alone, _ = world.somebody()
    assert world.admin.call("PUT", body={"organizationsEnabled": True}).ok
    try:
        acme = world.admin.call("POST", "organizations", body={"name": "acme"}).made
        assert world.admin.call("POST", "organizations", acme, "members", body=native).ok
        with pytest.raises(AccountRefused, match="its organizations may not be read"):
            world.directory.remake(native)
        rights = KeycloakDirectory(world.admin)
        with pytest.raises(AccountRefused, match="it is in an organization"):
            rights.remake(native)
        assert rights.remake(alone) != alone
    finally:
        assert world.admin.call("PUT", body={"organizationsEnabled": False}).ok
    assert world.directory.state(native) is not None
