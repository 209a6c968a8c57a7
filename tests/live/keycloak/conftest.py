"""One bootstrapped realm for each module of live tests; each test keeps to groups of its own."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.live.keycloak.realms import Realm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.servers import Keycloak


@pytest.fixture(scope="module")
def shared(keycloak_server: Keycloak) -> Iterator[Realm]:
    """A realm that bootstrap has made, with syncd's own account."""
    name = f"t-{secrets.token_hex(5)}"
    realm = Realm.bootstrapped(keycloak_server, name)
    yield realm
    realm.close()
    keycloak_server.remove_realm(name)


@pytest.fixture
def top() -> str:
    """The name of a top-level group that no other test uses."""
    return f"top-{secrets.token_hex(4)}"
