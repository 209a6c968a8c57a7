"""The laws of a target on a live Keycloak, kept by the least-privileged account that bootstrap makes."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from syncd.targets.keycloak import KeycloakTarget
from syncd.targets.keycloak_connection import KeycloakConnection
from tests.contract.target_contract import TargetContract, TargetWorld
from tests.live.keycloak.realms import Realm
from tests.live.keycloak.wire import Wire
from tests.miniature import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from deploy.local.servers import Keycloak
    from syncd.model import Attrs, Path

pytestmark = pytest.mark.live


class KeycloakWorld(TargetWorld):
    """A top-level group of its own and four people, in a realm that other worlds share."""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm
        self._wire = Wire(realm.admin.url)
        connection = KeycloakConnection(
            url=self._wire.url, realm=realm.admin.realm, client_id="syncd", client_secret=realm.secret
        )
        self.target = KeycloakTarget(connection, marker=MARKER)
        self._top = f"acme-{secrets.token_hex(4)}"
        self.tops = ((self._top,),)
        realm.make("groups", name=self._top)
        self.people = [
            (f"p_{number:016x}", realm.make_person(f"{self._top}-{number}")) for number in range(4)
        ]

    def place(self, *names: str, group: bool = False) -> Path:
        return (self._top, *names)

    def attrs(self, *names: str, group: bool = False, description: str = "") -> Attrs:
        return {"description": (description,)} if description else {}

    def foreign_group(self, place: Path) -> None:
        self._realm.make("groups", self._group(place[:-1]), "children", name=place[-1])

    def foreign_member(self, place: Path, native: str) -> None:
        assert self._realm.admin.call("PUT", "users", native, "groups", self._group(place)).ok

    def interrupted(self) -> AbstractContextManager[None]:
        return self._wire.cut_after(1)

    def close(self) -> None:
        self.target.close()
        self._wire.close()

    def _group(self, place: Path) -> str:
        return str(self._realm.admin.get("group-by-path", *place)["id"])


@pytest.fixture(scope="module")
def bootstrapped(keycloak_server: Keycloak) -> Iterator[Realm]:
    name = f"t-{secrets.token_hex(5)}"
    realm = Realm.bootstrapped(keycloak_server, name)
    yield realm
    realm.close()
    keycloak_server.remove_realm(name)


class TestKeycloakTarget(TargetContract):
    """Every law of `TargetContract`."""

    @pytest.fixture
    def target_world(self, bootstrapped: Realm) -> Iterator[KeycloakWorld]:
        world = KeycloakWorld(bootstrapped)
        yield world
        world.close()
