"""A read that goes on from the last one finds what a whole read finds, and is whole where it must be."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, cast

import pytest

from syncd.model import Change, Key, Kind, Op, Scope
from syncd.targets import keycloak_recall
from syncd.targets.keycloak import KeycloakTarget
from syncd.targets.keycloak_connection import KeycloakConnection
from tests.keycloak_history import History
from tests.live.keycloak.realms import Realm
from tests.miniature import MARKER
from tests.model_realm import ModelRealm
from tests.recalling import Kept, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.servers import Keycloak
    from syncd.model import Observation, Path

pytestmark = pytest.mark.live

NOTHING_NEW = 2


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """One node knows every event at once; the younger ones are not looked at twice here."""
    monkeypatch.setattr(keycloak_recall, "SETTLED", -5_000)


@pytest.fixture
def own(keycloak_server: Keycloak, realm_name: str) -> Iterator[Realm]:
    made = Realm.bootstrapped(keycloak_server, realm_name)
    yield made
    made.close()


class Runs:
    """One run after another of a target that remembers; each has a connection of its own."""

    def __init__(self, realm: Realm, scope: Scope) -> None:
        self.realm = realm
        self.scope = scope
        self.kept = Kept()
        self.target = self._target()

    def read(self, scope: Scope | None = None) -> Observation:
        self.target.close()
        self.target = self._target()
        return self.target.read(scope or self.scope)

    def check(self) -> Observation:
        """A run, and that it found what there is."""
        found = self.read()
        same(found, self.realm.target.read(self.scope))
        return found

    def _target(self) -> KeycloakTarget:
        connection = KeycloakConnection(
            url=self.realm.admin.url,
            realm=self.realm.admin.realm,
            client_id="syncd",
            client_secret=self.realm.secret,
        )
        return KeycloakTarget(connection, marker=MARKER, keeper=self.kept.keeper)


@pytest.fixture
def runs(shared: Realm, top: str) -> Iterator[Runs]:
    """A top with two groups and three members, read once whole and once for what was written before that."""
    group = shared.make("groups", name=top)
    teams = [shared.make("groups", group, "children", name=f"team{number}") for number in range(2)]
    for number in range(3):
        person = shared.make_person(f"{top}-{number}")
        assert shared.admin.call("PUT", "users", person, "groups", teams[0]).ok
    places: list[Path] = [(top,), (top, "team0"), (top, "team1")]
    people = frozenset({f"{top}-0"})
    made = Runs(shared, Scope(tops=frozenset({(top,)}), members_of=frozenset(places), people=people))
    made.read()
    made.read()
    yield made
    made.target.close()


def person(runs: Runs, number: int = 0) -> str:
    (top,) = next(iter(runs.scope.tops))
    return str(runs.realm.admin.get("users", username=f"{top}-{number}", exact="true")[0]["id"])


def group(runs: Runs, name: str = "team0") -> str:
    (top,) = next(iter(runs.scope.tops))
    return str(runs.realm.admin.get("group-by-path", top, name)["id"])


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(2, 9))])
def test_after_any_history_it_finds_what_a_whole_read_finds(own: Realm, seed: int) -> None:
    random = Random(seed)
    history = History(own.admin, random)
    runs = Runs(own, history.scope())
    for _ in range(12):
        steps = [history.step() for _ in range(random.randrange(6))]
        scope = history.scope()
        found, whole = runs.read(scope), own.target.read(scope)
        try:
            same(found, whole)
        except AssertionError as error:
            error.add_note(f"after {steps}")
            raise


def test_the_model_realm_behaves_as_the_server(own: Realm) -> None:
    """The same history: the same facts and the same kinds of events, so that the model may stand in."""
    model = ModelRealm()
    target = KeycloakTarget(cast("KeycloakConnection", model), marker=MARKER)
    histories = [History(admin, Random(5)) for admin in (own.admin, model)]
    for _ in range(40):
        live, modelled = (history.step() for history in histories)
        assert live == modelled
    found = [
        _named(one.read(history.scope()))
        for one, history in zip((own.target, target), histories, strict=True)
    ]
    assert found[0] == found[1]
    written = [_shapes(admin.get("admin-events", first=0, max=1000)) for admin in (own.admin, model)]
    assert written[0] == written[1]


def _named(seen: Observation) -> set[tuple[Kind, Path, Path]]:
    names = {account.native: account.username for account in seen.accounts}
    return {(key.kind, key.place, tuple(names.get(part, part) for part in key.item)) for key in seen.state}


def _shapes(events: list[dict[str, str]]) -> Counter[tuple[str, str, str]]:
    """What events are about, without the ids in their paths and what bootstrap did."""
    words = {
        "users",
        "groups",
        "roles",
        "roles-by-id",
        "children",
        "composites",
        "role-mappings",
        "realm",
        "reset-password",
    }
    return Counter(
        (
            one["operationType"],
            one["resourceType"],
            "/".join(part if part in words else "*" for part in one.get("resourcePath", "").split("/")),
        )
        for one in events
        if not one["resourceType"].startswith(("CLIENT", "USER_PROFILE"))
    )


def test_nothing_new_costs_two_requests_and_writes_nothing_but_the_mark(runs: Runs) -> None:
    assert runs.check().requests == NOTHING_NEW
    assert runs.check().requests == NOTHING_NEW


@pytest.mark.parametrize(
    ("where", "requests"),
    [
        (("users", "{person}", "groups", "{other}"), 1),  # the members of one group
        (("users", "{person}"), 1),  # one account
    ],
)
def test_a_change_by_another_client_costs_what_changed(
    runs: Runs, where: tuple[str, ...], requests: int
) -> None:
    names = {"person": person(runs), "other": group(runs, "team1")}
    path = [part.format(**names) for part in where]
    body = None if len(path) > 2 else runs.realm.admin.get("users", names["person"]) | {"firstName": "New"}
    assert runs.realm.admin.call("PUT", *path, body=body).ok
    assert runs.check().requests == NOTHING_NEW + requests
    assert runs.check().requests == NOTHING_NEW


def test_one_of_many_members_is_looked_at_alone(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keycloak_recall, "PAGE", 2)
    for method in ("DELETE", "PUT"):
        assert runs.realm.admin.call(method, "users", person(runs, 1), "groups", group(runs)).ok
        assert runs.check().requests == NOTHING_NEW + 2  # her groups, and her account


def test_an_event_that_changed_nothing_changes_nothing(runs: Runs) -> None:
    """Leaving the parent of one's group is recorded and does nothing."""
    (top,) = next(iter(runs.scope.tops))
    parent = str(runs.realm.admin.get("group-by-path", top)["id"])
    assert runs.realm.admin.call("DELETE", "users", person(runs), "groups", parent).ok
    runs.check()


def test_who_registers_is_found_though_no_event_says_so(runs: Runs) -> None:
    (top,) = next(iter(runs.scope.tops))
    runs.scope = replace(runs.scope, people=runs.scope.people | {f"{top}-late"})
    runs.check()
    runs.check()
    assert runs.check().requests == NOTHING_NEW + 1  # the count of accounts
    admin = runs.realm.admin
    assert admin.call("PUT", "events", "config", body={"adminEventsEnabled": False}).ok
    runs.realm.make_person(f"{top}-late")
    assert admin.call("PUT", "events", "config", body={"adminEventsEnabled": True}).ok
    events = [event["id"] for event in admin.get("admin-events", first=0, max=2)]
    runs.kept.change(seen=[*runs.kept.mark["seen"], *events])
    assert any(account.username == f"{top}-late" for account in runs.check().accounts)


def clear(runs: Runs) -> None:
    assert runs.realm.admin.call("DELETE", "admin-events").ok


def turn_off_and_on(runs: Runs) -> None:
    for kept in (False, True):
        assert runs.realm.admin.call("PUT", "events", "config", body={"adminEventsEnabled": kept}).ok


def import_people(runs: Runs) -> None:
    (top,) = next(iter(runs.scope.tops))
    body = {
        "ifResourceExists": "SKIP",
        "users": [{"username": f"{top}-imported", "groups": [f"/{top}/team1"]}],
    }
    assert runs.realm.admin.call("POST", "partialImport", body=body).ok


def wait_a_day(runs: Runs) -> None:
    runs.kept.later = timedelta(days=1, seconds=1)


def turn_the_clock_back(runs: Runs) -> None:
    runs.kept.later = -timedelta(hours=1)


def be_another_realm(runs: Runs) -> None:
    runs.kept.change(place=[runs.realm.admin.url, "remade", "another id", "syncd"])


def run_on_a_server_whose_clock_went_back(runs: Runs) -> None:
    runs.kept.change(checked=runs.kept.mark["checked"] + 3_600_000)


def write_what_is_not_shown(runs: Runs) -> None:
    runs.kept.change(wrote=[[person(runs), "no-such-group"]])


@pytest.mark.parametrize(
    "act",
    [
        clear,
        turn_off_and_on,
        import_people,
        wait_a_day,
        turn_the_clock_back,
        be_another_realm,
        run_on_a_server_whose_clock_went_back,
        write_what_is_not_shown,
    ],
)
def test_what_speaks_against_memory_makes_a_read_whole(runs: Runs, act: object) -> None:
    whole = runs.realm.target.read(runs.scope).requests
    act(runs)  # type: ignore[operator]
    assert runs.check().requests >= whole


def test_too_many_events_make_a_read_whole(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = runs.realm.target.read(runs.scope).requests
    monkeypatch.setattr(keycloak_recall, "MOST", 1)
    assert runs.check().requests >= whole


def test_a_realm_that_keeps_no_events_is_read_whole_each_time(own: Realm) -> None:
    own.make("groups", name="top")
    runs = Runs(own, Scope(tops=frozenset({("top",)}), members_of=frozenset({("top",)})))
    assert own.admin.call("PUT", "events", "config", body={"adminEventsEnabled": False}).ok
    for name in ("one", "two"):
        own.make_person(name, groups=["/top"])
        assert (
            len([key for key in runs.check().state if key.kind is Kind.MEMBER])
            == ["one", "two"].index(name) + 1
        )


def test_a_realm_with_a_user_federation_is_not_remembered(own: Realm) -> None:
    own.make("groups", name="top")
    federation = {
        "name": "directory",
        "providerId": "ldap",
        "providerType": "org.keycloak.storage.UserStorageProvider",
        "config": {
            "enabled": ["false"],
            "vendor": ["other"],
            "connectionUrl": ["ldap://127.0.0.1:9"],
            "usersDn": ["dc=x"],
            "authType": ["none"],
            "usernameLDAPAttribute": ["uid"],
            "rdnLDAPAttribute": ["uid"],
            "uuidLDAPAttribute": ["entryUUID"],
            "userObjectClasses": ["person"],
            "editMode": ["READ_ONLY"],
        },
    }
    own.make("components", **federation)
    runs = Runs(own, Scope(tops=frozenset({("top",)})))
    runs.check()
    assert runs.kept.saves == 0


def test_an_account_that_may_not_see_events_reads_everything(own: Realm) -> None:
    own.make("groups", name="top")
    client = own.admin.get("clients", clientId="syncd")[0]["id"]
    account = own.admin.get("clients", client, "service-account-user")["id"]
    manager = own.admin.get("clients", clientId="realm-management")[0]["id"]
    role = own.admin.get("clients", manager, "roles", "view-events")
    where = ("users", account, "role-mappings", "clients", manager)
    assert own.admin.call("DELETE", *where, body=[role]).ok
    runs = Runs(own, Scope(tops=frozenset({("top",)})))
    runs.check()
    assert runs.kept.saves == 0


def test_what_no_event_shows_is_found_by_the_next_whole_read(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an address that somebody changes in the account console."""
    admin = runs.realm.admin
    runs.check()
    body = admin.get("users", person(runs)) | {"email": f"new.{person(runs)}@acme.example"}
    assert admin.call("PUT", "users", person(runs), body=body).ok
    event = admin.get("admin-events", first=0, max=1)[0]
    runs.kept.change(seen=[*runs.kept.mark["seen"], event["id"]])
    assert all(body["email"] != account.email for account in runs.read().accounts)
    wait_a_day(runs)
    assert any(body["email"] == account.email for account in runs.check().accounts)


def test_what_is_to_be_removed_is_read_afresh(runs: Runs) -> None:
    """Memory says that she is a member; the plan that would take her out is made again without her."""
    admin, key = runs.realm.admin, person(runs)
    found = runs.read()
    edge = next(one for one in found.state if one.kind is Kind.MEMBER and one.item == (key,))
    removal = Change(Op.DELETE, edge)
    assert admin.call("DELETE", "users", key, "groups", group(runs)).ok
    assert runs.target.doubt([removal], found.natives)
    assert edge not in runs.target.read(runs.scope).state
    assert not runs.target.doubt([removal], found.natives)


@pytest.mark.parametrize("kind", [Kind.GROUP, Kind.GRANT, Kind.PERSON, Kind.ROLE])
def test_doubt_ends(runs: Runs, kind: Kind) -> None:
    """Whatever is doubted is read once more, and then it is known."""
    (top,) = next(iter(runs.scope.tops))
    found = runs.read()
    keys = {
        Kind.GROUP: Key(Kind.GROUP, (top, "team0")),
        Kind.GRANT: Key(Kind.GRANT, (top, "gone"), ("", "role")),
        Kind.PERSON: Key(Kind.PERSON, (), (person(runs),)),
        Kind.ROLE: Key(Kind.ROLE, ("",), ("role",)),
    }
    change = Change(Op.FORGET, keys[kind], native=person(runs) if kind is Kind.PERSON else "")
    runs.target.doubt([change], found.natives)
    same(runs.target.read(runs.scope), runs.realm.target.read(runs.scope))
    assert not runs.target.doubt([change], found.natives)
