"""The laws of a target on a live Keycloak, kept by the least-privileged account that bootstrap makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.target_contract import TargetContract, TargetWorld
from tests.live.keycloak.realms import Realm
from tests.live.keycloak.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from deploy.local.servers import Keycloak
    from syncd.model import Attrs, Path

pytestmark = pytest.mark.live


class KeycloakWorld(TargetWorld):
    """A fresh realm with four people and the top-level group `acme`."""

    tops = (("acme",),)

    def __init__(self, server: Keycloak, name: str) -> None:
        self._wire = Wire(server.url)
        self._realm = Realm.bootstrapped(server, name, url=self._wire.url)
        self.target = self._realm.target
        self._realm.make("groups", name="acme")
        self.people = [
            (f"p_{number:016x}", self._realm.make_person(f"person{number}")) for number in range(4)
        ]

    def place(self, *names: str, group: bool = False) -> Path:
        return ("acme", *names)

    def attrs(self, *names: str, group: bool = False, description: str = "") -> Attrs:
        return {"description": (description,)} if description else {}

    def foreign_group(self, place: Path) -> None:
        self._realm.make("groups", self._group(place[:-1]), "children", name=place[-1])

    def foreign_member(self, place: Path, native: str) -> None:
        assert self._realm.admin.call("PUT", "users", native, "groups", self._group(place)).ok

    def interrupted(self) -> AbstractContextManager[None]:
        return self._wire.cut_after(1)

    def close(self) -> None:
        self._realm.close()
        self._wire.close()

    def _group(self, place: Path) -> str:
        return str(self._realm.admin.get("group-by-path", *place)["id"])


class TestKeycloakTarget(TargetContract):
    """Every law of `TargetContract`."""

    @pytest.fixture
    def target_world(self, keycloak_server: Keycloak, realm_name: str) -> Iterator[KeycloakWorld]:
        world = KeycloakWorld(keycloak_server, realm_name)
        yield world
        world.close()
