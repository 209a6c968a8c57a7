"""Organizations on a live realm, and the accounts that would go with them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from syncd.errors import PlaceMissing
from syncd.model import Change, Key, Kind, Op, Outcome, Result, Scope
from syncd.targets.keycloak import KeycloakTarget
from syncd.targets.keycloak_bootstrap import bootstrap_realm
from syncd.targets.keycloak_connection import KeycloakConnection
from tests.live.keycloak.invited import registered
from tests.live.keycloak.realms import Realm, administrator
from tests.miniature import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.servers import Keycloak, MailSink
    from syncd.model import Attrs

pytestmark = pytest.mark.live

MANAGED = "old-acme"
GUEST = "guest@acme.example"


@pytest.fixture(scope="module")
def realm(keycloak_server: Keycloak, mail_sink: MailSink) -> Iterator[Realm]:
    """A realm with organizations, one of them with a member who registered through its invitation."""
    name = f"t-{secrets.token_hex(5)}"
    smtp = {"host": "127.0.0.1", "port": str(mail_sink.smtp_port), "from": "sso@acme.example"}
    admin = administrator(keycloak_server, name)
    secret = bootstrap_realm(admin, smtp=smtp, organizations=True).secret
    connection = KeycloakConnection(
        url=keycloak_server.url, realm=name, client_id="syncd", client_secret=secret
    )
    made = Realm(admin, secret, connection, KeycloakTarget(connection, marker=MARKER))
    body = {
        "name": "Old Acme",
        "alias": MANAGED,
        "redirectUrl": f"{keycloak_server.url}/realms/{name}/account",
    }
    registered(keycloak_server, mail_sink, name, made.make("organizations", **body), GUEST)
    yield made
    made.close()
    keycloak_server.remove_realm(name)


def organization(alias: str) -> Key:
    return Key(Kind.ORGANIZATION, (alias,))


def scope(*aliases: str) -> Scope:
    return Scope(frozenset(), organizations=frozenset(aliases))


def one(realm: Realm, change: Change, natives: dict[Key, str] | None = None) -> Outcome:
    (outcome,) = realm.target.apply([change], natives or {})
    return outcome


def made(realm: Realm, alias: str, attrs: Attrs) -> str:
    outcome = one(realm, Change(Op.CREATE, organization(alias), attrs))
    assert outcome.result is Result.DONE, outcome.detail
    return outcome.native


def test_an_organization_is_made_read_changed_and_deleted(realm: Realm, top: str) -> None:
    key = organization(top)
    native = made(realm, top, {"name": (f"Sûreté {top}",), "description": ("d",)})
    seen = realm.target.read(scope(top))
    assert seen.state == {key: {"name": (f"Sûreté {top}",), "description": ("d",)}}
    assert (seen.natives[key], seen.marks[key]) == (native, MARKER)
    theirs = realm.admin.get("organizations", native)
    theirs["attributes"]["theirs"] = ["x"]
    assert realm.admin.call("PUT", "organizations", native, body=theirs).ok
    change = Change(
        Op.UPDATE,
        key,
        {"name": (f"New {top}",)},
        seen.state[key],
        clear=frozenset({"description"}),
        native=native,
    )
    assert one(realm, change).result is Result.DONE
    assert realm.target.read(scope(top)).state == {key: {"name": (f"New {top}",), "attribute:theirs": ("x",)}}
    assert one(realm, Change(Op.DELETE, key, native=native)).result is Result.DONE
    assert realm.target.read(scope(top)).state == {}


def test_people_join_and_leave_an_organization(realm: Realm, top: str) -> None:
    natives = {organization(top): made(realm, top, {"name": (top,)})}
    person = realm.make_person(top)
    edge = Key(Kind.ORG_MEMBER, (top,), (person,))
    for _ in range(2):  # joining again is done
        assert one(realm, Change(Op.CREATE, edge), natives).result is Result.DONE
    seen = realm.target.read(scope(top))
    assert seen.state[edge] == {}
    assert [account.username for account in seen.accounts] == [top]
    for _ in range(2):
        assert one(realm, Change(Op.DELETE, edge), natives).result is Result.DONE
    assert edge not in realm.target.read(scope(top)).state
    assert realm.admin.get("users", person)["username"] == top


def test_more_than_a_page_of_members_is_whole(realm: Realm, top: str) -> None:
    native = made(realm, top, {"name": (top,)})
    people = realm.admin.all_of(realm.make_person, [f"{top}-{number:03}" for number in range(210)])
    realm.admin.all_of(
        lambda person: realm.admin.call("POST", "organizations", native, "members", body=person), people
    )
    seen = realm.target.read(scope(top))
    assert {key.item[0] for key in seen.state if key.kind is Kind.ORG_MEMBER} == set(people)


def test_a_managed_member_is_never_taken_out(realm: Realm) -> None:
    seen = realm.target.read(scope(MANAGED))
    guest = next(account.native for account in seen.accounts if account.username == GUEST)
    edge = Key(Kind.ORG_MEMBER, (MANAGED,), (guest,))
    assert seen.state[edge] == {"membership": ("MANAGED",)}
    outcome = one(realm, Change(Op.DELETE, edge), dict(seen.natives))
    assert outcome.result is Result.REFUSED
    assert "MANAGED" in outcome.detail
    assert realm.admin.get("users", guest)["username"] == GUEST


def test_an_organization_with_a_managed_member_is_never_deleted(realm: Realm) -> None:
    seen = realm.target.read(scope(MANAGED))
    change = Change(Op.DELETE, organization(MANAGED), native=seen.natives[organization(MANAGED)])
    outcome = one(realm, change)
    assert outcome.result is Result.REFUSED
    assert GUEST in outcome.detail
    assert realm.target.read(scope(MANAGED)).state == seen.state


def test_a_foreign_organization_of_the_alias_is_refused_and_ours_is_taken_up(realm: Realm, top: str) -> None:
    realm.make("organizations", name=f"Theirs {top}", alias=f"{top}-theirs")
    refused = one(realm, Change(Op.CREATE, organization(f"{top}-theirs"), {"name": (f"Ours {top}",)}))
    assert refused.result is Result.REFUSED
    native = made(realm, top, {"name": (f"Ours {top}",)})
    assert made(realm, top, {"name": (f"Ours {top}",), "description": ("again",)}) == native


def test_an_alias_is_not_changed(realm: Realm, top: str) -> None:
    native = made(realm, top, {"name": (top,)})
    moved = Change(Op.MOVE, organization(f"{top}-new"), old=organization(top), native=native)
    outcome = one(realm, moved)
    assert outcome.result is Result.REFUSED
    assert "organization_alias" in outcome.detail


def test_a_realm_without_organizations_says_so(shared: Realm) -> None:
    with pytest.raises(PlaceMissing, match="not enabled"):
        KeycloakTarget(shared.admin, marker="x").read(scope("acme"))
