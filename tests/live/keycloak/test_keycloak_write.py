"""Writing to a live realm: one request a change, nothing foreign lost, every refusal explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from syncd.errors import LoginRefused
from syncd.model import Change, Key, Kind, Op, Outcome, Result, Scope
from syncd.targets.keycloak import KeycloakTarget
from syncd.targets.keycloak_connection import KeycloakConnection
from tests.live.keycloak.wire import Wire
from tests.miniature import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.model import Attrs
    from tests.live.keycloak.realms import Realm

pytestmark = pytest.mark.live


def group(*place: str) -> Key:
    return Key(Kind.GROUP, place)


def person(pid: str) -> Key:
    return Key(Kind.PERSON, (), (pid,))


def one(shared: Realm, change: Change, natives: dict[Key, str] | None = None) -> Outcome:
    (outcome,) = shared.target.apply([change], natives or {})
    return outcome


def made(shared: Realm, key: Key, attrs: Attrs, natives: dict[Key, str] | None = None) -> str:
    outcome = one(shared, Change(Op.CREATE, key, attrs), natives)
    assert outcome.result is Result.DONE, outcome.detail
    return outcome.native


def user(shared: Realm, native: str) -> dict[str, Any]:
    return dict(shared.admin.get("users", native))


# Groups


def test_attributes_that_others_wrote_on_a_group_stay(shared: Realm, top: str) -> None:
    native = made(shared, group(top), {"attribute:ours": ("1",), "description": ("d",)})
    rep = shared.admin.get("groups", native)
    rep["attributes"]["theirs"] = ["x", "y"]
    assert shared.admin.call("PUT", "groups", native, body=rep).ok
    change = Change(
        Op.UPDATE,
        group(top),
        attrs={"attribute:ours": ("2",)},
        before={"attribute:ours": ("1",), "description": ("d",), "attribute:theirs": ("x", "y")},
        clear=frozenset({"description"}),
        native=native,
    )
    assert one(shared, change).result is Result.DONE
    now = shared.admin.get("groups", native)
    assert now["attributes"] == {"ours": ["2"], "theirs": ["x", "y"], "syncd.owner": [MARKER]}
    assert not now.get("description")


def test_an_unmentioned_description_stays_through_an_update(shared: Realm, top: str) -> None:
    native = made(shared, group(top), {"description": ("kept",)})
    change = Change(Op.UPDATE, group(top), attrs={"attribute:a": ("1",)}, native=native)
    assert one(shared, change).result is Result.DONE
    assert shared.admin.get("groups", native)["description"] == "kept"


def test_a_group_made_meanwhile_by_a_stranger_is_refused(shared: Realm, top: str) -> None:
    shared.make("groups", name=top, description="theirs")
    outcome = one(shared, Change(Op.CREATE, group(top), {"description": ("ours",)}))
    assert outcome.result is Result.REFUSED
    assert f"/{top}" in outcome.detail
    assert "somebody else" in outcome.detail


def test_a_group_made_by_a_run_whose_reply_was_lost_is_taken_for_ours(shared: Realm, top: str) -> None:
    native = made(shared, group(top), {"description": ("old",)})
    assert made(shared, group(top), {"description": ("new",)}) == native
    assert shared.admin.get("groups", native)["description"] == "new"


def test_a_group_with_subgroups_is_not_deleted(shared: Realm, top: str) -> None:
    native = made(shared, group(top), {})
    below = shared.make("groups", native, "children", name="foreign")
    outcome = one(shared, Change(Op.DELETE, group(top), native=native))
    assert outcome.result is Result.REFUSED
    assert '"foreign"' in outcome.detail
    assert shared.admin.get("groups", below)["name"] == "foreign"


def test_deleting_what_is_gone_is_done(shared: Realm, top: str) -> None:
    native = made(shared, group(top), {})
    change = Change(Op.DELETE, group(top), native=native)
    assert [one(shared, change).result, one(shared, change).result] == [Result.DONE, Result.DONE]


def test_changing_a_group_that_is_gone_is_refused(shared: Realm, top: str) -> None:
    native = made(shared, group(top), {})
    assert shared.admin.call("DELETE", "groups", native).ok
    outcome = one(shared, Change(Op.UPDATE, group(top), {"description": ("x",)}, native=native))
    assert outcome.result is Result.REFUSED
    assert "gone" in outcome.detail


@pytest.mark.parametrize("attrs", [{"description": ("x" * 256,)}, {"attribute:a": ("x" * 256,)}])
def test_what_keycloak_cannot_hold_is_refused_with_its_length(shared: Realm, top: str, attrs: Attrs) -> None:
    outcome = one(shared, Change(Op.CREATE, group(top), attrs))
    assert outcome.result is Result.REFUSED
    assert "256 characters" in outcome.detail
    assert shared.target.read(Scope(frozenset({(top,)}))).state == {}


def test_a_group_moves_under_a_parent_that_has_one_of_its_old_name(shared: Realm, top: str) -> None:
    root = made(shared, group(top), {})
    natives = {group(top): root}
    target = made(shared, group(top, "target"), {}, natives)
    natives[group(top, "target")] = target
    made(shared, group(top, "target", "same"), {}, natives)
    moving = made(shared, group(top, "same"), {}, natives)
    change = Change(Op.MOVE, group(top, "target", "other"), old=group(top, "same"), native=moving)
    assert one(shared, change, natives).result is Result.DONE
    assert shared.admin.get("groups", moving)["path"] == f"/{top}/target/other"


def test_three_groups_pass_their_names_on_in_one_wave(shared: Realm, top: str) -> None:
    root = made(shared, group(top), {})
    ids = {name: made(shared, group(top, name), {}, {group(top): root}) for name in "abc"}
    changes = [
        Change(Op.MOVE, group(top, new), old=group(top, old), native=ids[old])
        for old, new in (("a", "b"), ("b", "c"), ("c", "d"))
    ]
    changes.append(Change(Op.CREATE, group(top, "a")))
    outcomes = list(shared.target.apply(changes, {group(top): root}))
    assert {outcome.result for outcome in outcomes} == {Result.DONE}
    paths = {name: shared.admin.get("groups", native)["path"] for name, native in ids.items()}
    assert paths == {"a": f"/{top}/b", "b": f"/{top}/c", "c": f"/{top}/d"}


# Members and grants


def test_membership_changes_cost_one_request_each(shared: Realm, top: str) -> None:
    native = made(shared, group(top), {})
    people = {person(f"p_{n:016x}"): shared.make_person(f"{top}-m{n}") for n in range(30)}
    natives = {group(top): native, **people}
    for op in (Op.CREATE, Op.DELETE):
        before = shared.connection.requests
        changes = [Change(op, Key(Kind.MEMBER, (top,), key.item)) for key in people]
        outcomes = list(shared.target.apply(changes, natives))
        assert {outcome.result for outcome in outcomes} == {Result.DONE}
        assert shared.connection.requests - before == len(changes)
        seen = shared.target.read(Scope(frozenset({(top,)}), frozenset({(top,)})))
        assert len(seen.accounts) == (30 if op is Op.CREATE else 0)


def test_a_member_known_only_by_its_account_is_removed(shared: Realm, top: str) -> None:
    native = made(shared, group(top), {})
    stranger = shared.make_person(f"{top}-s", groups=[f"/{top}"])
    change = Change(Op.DELETE, Key(Kind.MEMBER, (top,), (stranger,)))
    assert one(shared, change, {group(top): native}).result is Result.DONE
    assert shared.admin.get("groups", native, "members") == []


def test_grants_are_given_once_and_taken_alone(shared: Realm, top: str) -> None:
    natives = {group(top): made(shared, group(top), {})}
    keys = [Key(Kind.GRANT, (top,), role) for role in (("", "offline_access"), ("account", "view-profile"))]
    for key in keys:
        assert one(shared, Change(Op.CREATE, key), natives).result is Result.DONE
    assert one(shared, Change(Op.DELETE, keys[0]), natives).result is Result.DONE
    seen = shared.target.read(Scope(frozenset({(top,)})))
    assert [key for key in seen.state if key.kind is Kind.GRANT] == [keys[1]]


@pytest.mark.parametrize("client", ["realm-management", "syncd"])
def test_roles_that_administer_are_never_granted(shared: Realm, top: str, client: str) -> None:
    natives = {group(top): made(shared, group(top), {})}
    outcome = one(shared, Change(Op.CREATE, Key(Kind.GRANT, (top,), (client, "manage-users"))), natives)
    assert outcome.result is Result.REFUSED
    assert "never granted" in outcome.detail


@pytest.mark.parametrize(
    "key",
    [
        Key(Kind.ROLE, ("",), ("new",)),
        Key(Kind.ROLE, ("account",), ("new",)),
        Key(Kind.COMPOSITE, ("", "offline_access"), ("", "uma_authorization")),
        Key(Kind.ROLE, ("no-client",), ("new",)),
        Key(Kind.GRANT, ("acme",), ("", "no-role")),
    ],
)
def test_what_only_an_administrator_makes_is_refused_with_the_command(shared: Realm, key: Key) -> None:
    outcome = one(shared, Change(Op.CREATE, key), {group("acme"): "any"})
    assert outcome.result is Result.REFUSED
    assert "syncd bootstrap MAPPING" in outcome.detail


# People


def test_a_person_is_made_enabled_without_credential_or_mail(shared: Realm, top: str) -> None:
    attrs = {
        "username": (f"{top}-Zoé",),
        "email": (f"{top}@ACME.example",),
        "given_name": ("Zoé",),
        "family_name": ("Ünal",),
        "locale": ("fr",),
    }
    key = person("p_1")
    shaped = shared.target.shape({key: attrs})[key]
    native = made(shared, key, attrs)
    now = user(shared, native)
    assert (now["enabled"], now["emailVerified"], now["requiredActions"]) == (True, False, [])
    assert shared.admin.get("users", native, "credentials") == []
    seen = shared.target.read(Scope(frozenset(), natives=frozenset({native})))
    assert seen.state[person(native)] == {**shaped, "enabled": ("true",)}


def test_a_change_of_one_field_keeps_the_whole_profile(shared: Realm, top: str) -> None:
    native = shared.make_person(top, attributes={"locale": ["fr"]}, emailVerified=True)
    change = Change(
        Op.UPDATE, person("p_1"), {"given_name": ("New",)}, {"given_name": ("Given",)}, native=native
    )
    assert one(shared, change).result is Result.DONE
    now = user(shared, native)
    assert now["firstName"] == "New"
    assert (now["lastName"], now["email"], now["emailVerified"]) == ("Family", f"{top}@acme.example", True)
    assert now["attributes"]["locale"] == ["fr"]


def test_a_changed_address_is_unverified(shared: Realm, top: str) -> None:
    native = shared.make_person(top, emailVerified=True)
    change = Change(Op.UPDATE, person("p_1"), {"email": (f"{top}-new@acme.example",)}, native=native)
    assert one(shared, change).result is Result.DONE
    assert user(shared, native)["emailVerified"] is False


def test_locking_an_account_touches_nothing_else(shared: Realm, top: str) -> None:
    native = shared.make_person(top, attributes={"locale": ["fr"]})
    before = user(shared, native)
    change = Change(Op.UPDATE, person("p_1"), {"enabled": ("false",)}, {"enabled": ("true",)}, native=native)
    assert one(shared, change).result is Result.DONE
    assert user(shared, native) == {**before, "enabled": False}


def test_an_attribute_that_the_realm_would_drop_is_refused(shared: Realm, top: str) -> None:
    outcome = one(shared, Change(Op.CREATE, person("p_1"), {"username": (top,), "attribute:badge": ("7",)}))
    assert outcome.result is Result.REFUSED
    assert "does not declare badge" in outcome.detail
    assert shared.admin.get("users", username=top, exact="true") == []


@pytest.mark.parametrize(
    ("attrs", "text"),
    [
        ({"username": ("ab",)}, "error-invalid-length"),
        ({"username": ("abc-{}",), "email": ("not an address",)}, "error-invalid-email"),
        ({"username": ("taken-{}",)}, "same username"),
    ],
)
def test_a_person_whom_keycloak_refuses_is_refused_with_its_words(
    shared: Realm, top: str, attrs: Attrs, text: str
) -> None:
    shared.make_person(f"taken-{top}")
    attrs = {name: tuple(value.format(top) for value in values) for name, values in attrs.items()}
    outcome = one(shared, Change(Op.CREATE, person("p_1"), attrs))
    assert outcome.result is Result.REFUSED
    assert text in outcome.detail


def test_a_deleted_person_is_gone_and_deleting_again_is_done(shared: Realm, top: str) -> None:
    native = shared.make_person(top)
    change = Change(Op.DELETE, person("p_1"), native=native)
    assert [one(shared, change).result, one(shared, change).result] == [Result.DONE, Result.DONE]
    assert shared.admin.find("users", native) is None


def test_a_language_that_the_realm_would_drop_is_said(shared: Realm, top: str) -> None:
    assert shared.admin.call("PUT", body={"internationalizationEnabled": False}).ok
    try:
        outcome = one(shared, Change(Op.CREATE, person("p_1"), {"username": (top,), "locale": ("fr",)}))
    finally:
        assert shared.admin.call("PUT", body={"internationalizationEnabled": True}).ok
    assert outcome.result is Result.DONE
    assert "language was not stored" in outcome.detail
    assert "locale" not in user(shared, outcome.native).get("attributes", {})


def test_a_username_that_the_realm_fixes_is_refused(shared: Realm, top: str) -> None:
    native = shared.make_person(top)
    outcome = one(shared, Change(Op.UPDATE, person("p_1"), {"username": (f"{top}-new",)}, native=native))
    assert outcome.result is Result.REFUSED
    assert "read-only" in outcome.detail


# Roles, by an administrator


def test_a_role_is_described_renamed_and_deleted_under_one_id(shared: Realm, top: str) -> None:
    administrator = KeycloakTarget(shared.admin, marker=MARKER)
    key, renamed = Key(Kind.ROLE, ("",), (top,)), Key(Kind.ROLE, ("",), (f"{top}/é;",))

    def write(change: Change) -> str:
        (outcome,) = administrator.apply([change], {})
        assert outcome.result is Result.DONE, outcome.detail
        return outcome.native

    native = write(Change(Op.CREATE, key, {"description": ("old",)}))
    assert write(Change(Op.UPDATE, key, {"description": ("new",)}, native=native)) == native
    assert write(
        Change(Op.MOVE, renamed, {"description": ("new",)}, {"description": ("new",)}, old=key, native=native)
    )
    seen = administrator.read(Scope(frozenset(), roles=frozenset({("", top), ("", f"{top}/é;")})))
    assert seen.state == {renamed: {"description": ("new",)}}
    assert seen.natives == {renamed: native}
    write(Change(Op.DELETE, renamed, native=native))
    assert shared.admin.find("roles-by-id", native) is None


# A server that goes away


def test_a_wave_with_a_wrong_secret_raises_before_the_first_write(shared: Realm, top: str) -> None:
    connection = KeycloakConnection(
        url=shared.admin.url, realm=shared.admin.realm, client_id="syncd", client_secret="wrong"
    )
    with pytest.raises(LoginRefused):
        list(KeycloakTarget(connection, marker=MARKER).apply([Change(Op.CREATE, group(top))], {}))
    assert connection.requests == 0
    connection.close()


@pytest.fixture
def wire(shared: Realm) -> Iterator[Wire]:
    wire = Wire(shared.connection.url)
    yield wire
    wire.close()


@pytest.fixture
def fragile(shared: Realm, wire: Wire) -> Iterator[KeycloakTarget]:
    connection = KeycloakConnection(
        url=wire.url, realm=shared.admin.realm, client_id="syncd", client_secret=shared.secret
    )
    connection.login()
    target = KeycloakTarget(connection, marker=MARKER)
    yield target
    target.close()


def test_a_lost_reply_is_unknown_and_what_comes_after_is_not_tried(
    shared: Realm, top: str, wire: Wire, fragile: KeycloakTarget
) -> None:
    natives = {group(top): made(shared, group(top), {})}
    changes = [Change(Op.CREATE, group(top, f"g{n:02}")) for n in range(40)]
    with wire.cut_after(3):
        outcomes = list(fragile.apply(changes, natives))
    results = [outcome.result for outcome in outcomes]
    assert sorted(outcome.change.key for outcome in outcomes) == sorted(change.key for change in changes)
    assert results.count(Result.DONE) == 3
    assert 1 <= results.count(Result.UNKNOWN) <= 8
    assert results.count(Result.SKIPPED) >= 40 - 3 - 8 - 8
    assert all(outcome.detail for outcome in outcomes if outcome.result is not Result.DONE)


def test_the_run_after_a_lost_reply_ends_with_each_group_once(
    shared: Realm, top: str, wire: Wire, fragile: KeycloakTarget
) -> None:
    natives = {group(top): made(shared, group(top), {})}
    changes = [Change(Op.CREATE, group(top, f"g{n:02}")) for n in range(20)]
    with wire.cut_after(4):
        list(fragile.apply(changes, natives))
    again = list(shared.target.apply(changes, natives))
    assert {outcome.result for outcome in again} == {Result.DONE}
    seen = shared.target.read(Scope(frozenset({(top,)})))
    assert len(seen.state) == 21
    assert {outcome.change.key: outcome.native for outcome in again} == {
        key: native for key, native in seen.natives.items() if len(key.place) == 2
    }
