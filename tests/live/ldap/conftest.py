"""A directory of its own for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ldap_world import LdapWorld

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.slapd import Slapd


@pytest.fixture(params=["lean", "stock"])
def wire(request: pytest.FixtureRequest) -> str:
    """Tests that ask for it run over both wires."""
    return str(request.param)


@pytest.fixture
def world(slapd_server: Slapd, ldap_base: str) -> Iterator[LdapWorld]:
    """An output over the lean wire."""
    made = LdapWorld(slapd_server, ldap_base)
    yield made
    made.close()
