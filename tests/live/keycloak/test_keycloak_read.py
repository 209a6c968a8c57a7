"""Reading a live realm: whole, in few requests, whatever the names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.errors import PlaceMissing
from syncd.model import Key, Kind, Scope
from syncd.targets.keycloak import KeycloakTarget
from syncd.targets.keycloak_bootstrap import Bootstrap
from syncd.targets.keycloak_connection import KeycloakConnection

if TYPE_CHECKING:
    from syncd.model import Path
    from tests.live.keycloak.realms import Realm

pytestmark = pytest.mark.live

ODD = (
    "Qualité & Sûreté",
    "a/b",
    "..",
    "%2F",
    "x;y?z#",
    'the "best"',
    "東京",
    "back\\slash",
    "+",
    "CASE",
    "case",
)


def groups(shared: Realm, top: str, names: list[str]) -> str:
    parent = shared.make("groups", name=top)
    shared.admin.all_of(lambda name: shared.make("groups", parent, "children", name=name), names)
    return parent


def scope(*tops: Path, members: list[Path] | None = None, **more: frozenset[str]) -> Scope:
    return Scope(tops=frozenset(tops), members_of=frozenset(members or ()), **more)


def test_more_than_two_pages_of_siblings_are_all_there(shared: Realm, top: str) -> None:
    names = [f"unit {number:03}" for number in range(450)]
    groups(shared, top, names)
    seen = shared.target.read(scope((top,)))
    assert {key.place for key in seen.state} == {(top,), *((top, name) for name in names)}
    assert seen.requests == 4  # the tops, and three overlapping pages of children


@pytest.mark.parametrize("count", [199, 200, 201, 399])
def test_a_list_that_ends_at_the_edge_of_a_page_is_whole(shared: Realm, top: str, count: int) -> None:
    groups(shared, top, [f"n{number}" for number in range(count)])
    assert len(shared.target.read(scope((top,))).state) == count + 1


def test_odd_names_are_read_as_they_are(shared: Realm, top: str) -> None:
    groups(shared, top, list(ODD))
    seen = shared.target.read(scope((top,)))
    assert {key.place[1:] for key in seen.state} == {(), *((name,) for name in ODD)}


def test_names_that_repeat_under_many_parents_are_all_there(shared: Realm, top: str) -> None:
    root = shared.make("groups", name=top)
    for number in range(12):
        parent = shared.make("groups", root, "children", name=f"team{number}")
        for role in ("member", "admin"):
            shared.make("groups", parent, "children", name=role)
    seen = shared.target.read(scope((top,)))
    assert len(seen.state) == 1 + 12 * 3
    assert seen.requests == 1 + 1 + 12


def test_a_top_below_another_group_shows_nothing_beside_it(shared: Realm, top: str) -> None:
    root = shared.make("groups", name=top)
    mine = shared.make("groups", root, "children", name="mine")
    shared.make("groups", mine, "children", name="inside")
    shared.make("groups", root, "children", name="beside")
    seen = shared.target.read(scope((top, "mine")))
    assert {key.place for key in seen.state} == {(top, "mine"), (top, "mine", "inside")}
    assert seen.natives[Key(Kind.GROUP, (top,))] == root


def test_a_top_that_does_not_exist_reads_as_nothing(shared: Realm, top: str) -> None:
    seen = shared.target.read(scope((top,), members=[(top, "x")]))
    assert seen.state == {}


def test_attributes_marker_and_grants_come_with_the_group(shared: Realm, top: str) -> None:
    attributes = {"cost": ["2", "1"], "empty": [""], "syncd.owner": ["other/mapping"]}
    group = shared.make("groups", name=top, description="what for", attributes=attributes)
    role = shared.admin.get("roles", "offline_access")
    assert shared.admin.call("POST", "groups", group, "role-mappings", "realm", body=[role]).ok
    seen = shared.target.read(scope((top,)))
    key = Key(Kind.GROUP, (top,))
    assert seen.state == {
        key: {"description": ("what for",), "attribute:cost": ("1", "2")},
        Key(Kind.GRANT, (top,), ("", "offline_access")): {},
    }
    assert seen.marks == {key: "other/mapping"}
    assert seen.requests == 1


def test_members_are_whole_over_pages_and_are_accounts(shared: Realm, top: str) -> None:
    shared.make("groups", name=top)
    people = [f"{top}-{number:03}" for number in range(230)]
    shared.admin.all_of(lambda name: shared.make_person(name, groups=[f"/{top}"]), people)
    seen = shared.target.read(scope((top,), members=[(top,)]))
    assert sorted(account.username for account in seen.accounts) == people
    assert len([key for key in seen.state if key.kind is Kind.MEMBER]) == 230
    assert seen.requests == 3


def test_members_of_a_subgroup_are_not_members_of_its_parent(shared: Realm, top: str) -> None:
    parent = groups(shared, top, ["below"])
    shared.make_person(f"{top}-deep", groups=[f"/{top}/below"])
    assert parent
    seen = shared.target.read(scope((top,), members=[(top,), (top, "below")]))
    assert {key.place for key in seen.state if key.kind is Kind.MEMBER} == {(top, "below")}


def test_people_are_found_by_username_and_by_address_whatever_the_case(shared: Realm, top: str) -> None:
    shared.make_person(f"{top}-ann")
    shared.make_person(f"{top}-bob", firstName="ann@elsewhere.example")
    wanted = frozenset({f"{top}-ANN", f"{top}-Bob@ACME.example", "nobody", "ann@elsewhere.example"})
    seen = shared.target.read(scope(people=wanted))
    assert [account.username for account in seen.accounts] == [f"{top}-ann", f"{top}-bob"]
    assert seen.requests == 4


def test_people_pinned_by_id_cost_one_request_a_hundred(shared: Realm, top: str) -> None:
    names = [f"{top}-p{number:03}" for number in range(150)]
    natives = shared.admin.all_of(shared.make_person, names)
    gone = frozenset({"00000000-0000-4000-8000-000000000000"})
    seen = shared.target.read(scope(natives=frozenset(natives) | gone))
    assert [account.username for account in seen.accounts] == names
    assert seen.requests == 2


def test_many_unknown_people_are_found_by_paging_the_realm(shared: Realm, top: str) -> None:
    shared.make_person(f"{top}-real")
    count = shared.admin.get("users", "count")
    crowd = frozenset(f"{top}-nobody{number}" for number in range(40 + count // 5)) | {f"{top}-real"}
    seen = shared.target.read(scope(people=crowd))
    assert [account.username for account in seen.accounts] == [f"{top}-real"]
    assert seen.requests <= 3 + count // 190


def test_a_member_s_whole_profile_is_read_where_it_is_compared(shared: Realm, top: str) -> None:
    shared.make("groups", name=top)
    Bootstrap(shared.admin).declare({"dept": {"view": ["admin"], "edit": ["admin"]}})
    native = shared.make_person(
        f"{top}-fr", groups=[f"/{top}"], attributes={"dept": ["it"], "locale": ["fr"]}
    )
    key = Key(Kind.PERSON, (), (native,))
    brief = shared.target.read(scope((top,), members=[(top,)]))
    whole = shared.target.read(scope((top,), members=[(top,)], profiles=frozenset({native})))
    assert brief.state[key]["username"] == whole.state[key]["username"] == (f"{top}-fr",)
    assert "attribute:dept" not in brief.state[key]
    assert whole.state[key]["attribute:dept"] == ("it",)
    assert whole.state[key]["locale"] == ("fr",)
    assert whole.accounts[0].locale == "fr"


def test_roles_and_what_they_contain_are_read_with_their_clients(shared: Realm, top: str) -> None:
    client = shared.make("clients", clientId=top)
    for name in ("whole", "part;/é"):
        shared.make("clients", client, "roles", name=name, description=f"{name} role")
    whole = shared.admin.get("clients", client, "roles", "whole")
    part = shared.admin.get("clients", client, "roles", "part;/é")
    view = shared.admin.get(
        "clients", shared.admin.get("clients", clientId="account")[0]["id"], "roles", "view-profile"
    )
    assert shared.admin.call("POST", "roles-by-id", whole["id"], "composites", body=[part, view]).ok
    fresh = KeycloakTarget(shared.connection, marker="x")
    seen = fresh.read(scope(roles=frozenset({(top, "whole"), (top, "missing"), (f"no-{top}", "x")})))
    assert seen.state == {
        Key(Kind.ROLE, (top,), ("whole",)): {"description": ("whole role",)},
        Key(Kind.COMPOSITE, (top, "whole"), (top, "part;/é")): {},
        Key(Kind.COMPOSITE, (top, "whole"), ("account", "view-profile")): {},
    }


def test_a_silent_read_costs_one_request_a_parent_and_one_a_group_of_members(shared: Realm, top: str) -> None:
    root = shared.make("groups", name=top)
    places: list[Path] = []
    for number in range(5):
        unit = shared.make("groups", root, "children", name=f"unit{number}")
        for role in ("member", "admin"):
            shared.make("groups", unit, "children", name=role)
            places.append((top, f"unit{number}", role))
    natives = [shared.make_person(f"{top}-{n}", groups=[f"/{top}/unit{n}/member"]) for n in range(5)]
    seen = shared.target.read(scope((top,), members=places, natives=frozenset(natives)))
    assert len([key for key in seen.state if key.kind is Kind.MEMBER]) == 5
    assert seen.requests == 1 + (1 + 5) + 10


def test_a_realm_that_does_not_exist_is_no_empty_realm(shared: Realm, top: str) -> None:
    other = KeycloakConnection(
        url=shared.connection.url, realm="no-such-realm", client_id="syncd", client_secret="x"
    )
    with pytest.raises(PlaceMissing, match="does not exist"):
        KeycloakTarget(other, marker="x").read(scope((top,)))
