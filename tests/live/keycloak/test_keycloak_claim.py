"""What stands in real tokens of real people, for each way of handing out permissions."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from syncd.model import Change, Key, Kind, Op, Result
from syncd.targets.keycloak import KeycloakTarget
from syncd.targets.keycloak_bootstrap_mapping import CLIENT, bootstrap_mapping, unbootstrap_mapping
from syncd.targets.keycloak_doctor import Needs, check
from tests.live.keycloak.realms import claims_of, token_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.servers import Keycloak
    from tests.live.keycloak.realms import Realm

pytestmark = pytest.mark.live

RIGHTS = "attribute:syncd.permissions"


def group(*place: str) -> Key:
    return Key(Kind.GROUP, place)


@pytest.fixture
def portal(shared: Realm, top: str) -> tuple[str, str]:
    """An application's client that takes passwords: (client id, secret)."""
    client = shared.make("clients", clientId=top, **{**CLIENT, "directAccessGrantsEnabled": True})
    return top, shared.admin.get("clients", client, "client-secret")["value"]


@pytest.fixture
def claims(
    keycloak_server: Keycloak, shared: Realm, portal: tuple[str, str]
) -> Callable[[str], dict[str, Any]]:
    def of(username: str) -> dict[str, Any]:
        token = token_of(keycloak_server, shared.admin.realm, *portal, username)
        claims = claims_of(keycloak_server, shared.admin.realm, token)
        assert claims["preferred_username"] == username
        return claims

    return of


def login(shared: Realm, username: str, **more: Any) -> str:
    credentials = [{"type": "password", "value": "pass", "temporary": False}]
    return shared.make_person(username, credentials=credentials, **more)


def joined(shared: Realm, top: str, native: str, *groups: tuple[str, tuple[str, ...]]) -> None:
    """Make groups with these rights below the top and put the account in, all by syncd's own account."""
    natives: dict[Key, str] = {}

    def write(key: Key, attrs: dict[str, tuple[str, ...]]) -> None:
        (outcome,) = shared.target.apply([Change(Op.CREATE, key, attrs)], natives)
        assert outcome.result is Result.DONE, outcome.detail
        natives[key] = outcome.native

    natives[Key(Kind.PERSON, (), ("p_1",))] = native
    write(group(top), {})
    for name, rights in groups:
        write(group(top, name), {RIGHTS: rights} if rights else {})
        write(Key(Kind.MEMBER, (top, name), ("p_1",)), {})


def test_without_permissions_the_token_says_nothing_of_them(
    shared: Realm, top: str, claims: Callable[[str], dict[str, Any]]
) -> None:
    joined(shared, top, login(shared, top), ("member", ()))
    token = claims(top)
    assert "permissions" not in token
    assert top not in token.get("resource_access", {})


def test_scoped_permissions_are_the_union_over_all_groups_of_the_person(
    shared: Realm, top: str, portal: tuple[str, str], claims: Callable[[str], dict[str, Any]]
) -> None:
    steps = bootstrap_mapping(shared.admin, client_id=portal[0], facts={}, scoped=True)
    assert any("syncd-permissions" in step for step in steps)
    joined(
        shared,
        top,
        login(shared, top),
        ("editor", ("/acme#read", "/acme#edit")),
        ("reader", ("/beta#read", "/acme#read")),
        ("member", ()),
    )
    assert sorted(claims(top)["permissions"]) == ["/acme#edit", "/acme#read", "/beta#read"]


def test_a_scoped_permission_leaves_the_token_with_the_membership(
    shared: Realm, top: str, portal: tuple[str, str], claims: Callable[[str], dict[str, Any]]
) -> None:
    bootstrap_mapping(shared.admin, client_id=portal[0], facts={}, scoped=True)
    native = login(shared, top)
    joined(shared, top, native, ("editor", ("/acme#edit",)))
    assert claims(top)["permissions"] == ["/acme#edit"]
    where = shared.admin.get("group-by-path", top, "editor")["id"]
    natives = {group(top, "editor"): where}
    change = Change(Op.DELETE, Key(Kind.MEMBER, (top, "editor"), (native,)))
    assert [outcome.result for outcome in shared.target.apply([change], natives)] == [Result.DONE]
    assert not claims(top).get("permissions")


def test_a_client_that_no_mapping_names_gets_no_permissions(
    shared: Realm, top: str, claims: Callable[[str], dict[str, Any]]
) -> None:
    joined(shared, top, login(shared, top), ("editor", ("/acme#edit",)))
    assert "permissions" not in claims(top)


def test_global_permissions_are_client_roles_with_all_they_contain(
    shared: Realm, top: str, portal: tuple[str, str], claims: Callable[[str], dict[str, Any]]
) -> None:
    client, _ = portal
    facts = {
        Key(Kind.ROLE, (client,), ("admin",)): {"description": ("runs it",)},
        Key(Kind.ROLE, (client,), ("member",)): {},
        Key(Kind.ROLE, (client,), ("doc:read",)): {},
        Key(Kind.COMPOSITE, (client, "admin"), (client, "member")): {},
        Key(Kind.COMPOSITE, (client, "member"), (client, "doc:read")): {},
    }
    steps = bootstrap_mapping(shared.admin, client_id=client, facts=facts)
    assert len(steps) == len(facts)
    assert bootstrap_mapping(shared.admin, client_id=client, facts=facts) == ()
    native = login(shared, top)
    joined(shared, top, native, ("admins", ()))
    where = shared.admin.get("group-by-path", top, "admins")["id"]
    grant = Change(Op.CREATE, Key(Kind.GRANT, (top, "admins"), (client, "admin")))
    (outcome,) = shared.target.apply([grant], {group(top, "admins"): where})
    assert outcome.result is Result.DONE, outcome.detail
    assert sorted(claims(top)["resource_access"][client]["roles"]) == ["admin", "doc:read", "member"]


def test_a_permission_that_left_the_model_leaves_the_role(shared: Realm, portal: tuple[str, str]) -> None:
    client, _ = portal
    editor, doc = Key(Kind.ROLE, (client,), ("editor",)), Key(Kind.ROLE, (client,), ("doc:edit",))
    contains = Key(Kind.COMPOSITE, (client, "editor"), (client, "doc:edit"))
    bootstrap_mapping(shared.admin, client_id=client, facts={editor: {}, doc: {}, contains: {}})
    steps = bootstrap_mapping(shared.admin, client_id=client, facts={editor: {}}, unwanted=[doc, contains])
    assert steps == (f"{contains} removed", f"{doc} removed")
    assert (
        bootstrap_mapping(shared.admin, client_id=client, facts={editor: {}}, unwanted=[doc, contains]) == ()
    )


def test_what_a_mapping_was_given_is_taken_back_and_the_client_stays(
    shared: Realm, top: str, portal: tuple[str, str], claims: Callable[[str], dict[str, Any]]
) -> None:
    client, _ = portal
    facts = {
        Key(Kind.ROLE, (client,), ("admin",)): {},
        Key(Kind.COMPOSITE, (client, "admin"), ("account", "view-profile")): {},
    }
    bootstrap_mapping(shared.admin, client_id=client, facts=facts, scoped=True)
    shared.make("clients", shared.admin.get("clients", clientId=client)[0]["id"], "roles", name="theirs")
    steps = unbootstrap_mapping(shared.admin, client_id=client, owned=facts, scoped=True)
    assert len(steps) == 3
    assert unbootstrap_mapping(shared.admin, client_id=client, owned=facts, scoped=True) == ()
    login(shared, top)
    assert "permissions" not in claims(top)
    left = shared.admin.get("clients", shared.admin.get("clients", clientId=client)[0]["id"], "roles")
    assert [role["name"] for role in left] == ["theirs"]


def test_bootstrap_by_an_account_without_the_right_says_what_it_wants(shared: Realm, top: str) -> None:
    facts = {Key(Kind.ROLE, ("",), (top,)): {}}
    target = KeycloakTarget(shared.connection, marker="x")
    (outcome,) = target.apply([Change(Op.CREATE, next(iter(facts)))], {})
    assert outcome.result is Result.REFUSED
    with pytest.raises(Exception, match="manage-realm"):
        bootstrap_mapping(shared.connection, client_id=top, facts=facts)


def test_a_person_cannot_write_a_permission_into_her_own_token(
    keycloak_server: Keycloak,
    shared: Realm,
    top: str,
    portal: tuple[str, str],
    claims: Callable[[str], dict[str, Any]],
) -> None:
    bootstrap_mapping(shared.admin, client_id=portal[0], facts={}, scoped=True)
    native = login(shared, top)
    profile = shared.admin.get("users", "profile")
    opened = profile | {"unmanagedAttributePolicy": "ENABLED"}
    assert shared.admin.call("PUT", "users", "profile", body=opened).ok
    try:
        for attributes, answer in (({"free": ["yes"]}, 204), ({"syncd.permissions": ["/acme#admin"]}, 400)):
            assert _write_own_profile(keycloak_server, shared, portal, top, attributes) == answer
        assert shared.admin.get("users", native)["attributes"] == {"free": ["yes"]}
        assert not claims(top).get("permissions")
        assert all(
            found.status == "ok"
            for found in check(shared.connection, Needs(scoped=True))
            if "profile" in found.name
        )
    finally:
        assert shared.admin.call("PUT", "users", "profile", body=profile).ok


def _write_own_profile(
    server: Keycloak, shared: Realm, portal: tuple[str, str], username: str, attributes: dict[str, list[str]]
) -> int:
    """What the account page does: POST /realms/{realm}/account."""
    token = token_of(server, shared.admin.realm, *portal, username)
    body = {
        "username": username,
        "email": f"{username}@acme.example",
        "firstName": "Given",
        "lastName": "Family",
        "attributes": attributes,
    }
    request = urllib.request.Request(
        f"{server.url}/realms/{shared.admin.realm}/account",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
