"""LDAP keeps the laws of a target: every group class, both wires."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.target_contract import TargetContract
from tests.ldap_world import LdapWorld

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.slapd import Slapd

pytestmark = pytest.mark.live


class _LdapContract(TargetContract):
    group_class = "groupOfNames"
    wire = "lean"

    @pytest.fixture
    def target_world(self, slapd_server: Slapd, ldap_base: str) -> Iterator[LdapWorld]:
        world = LdapWorld(slapd_server, ldap_base, wire=self.wire, group_class=self.group_class)
        yield world
        world.close()


class TestGroupOfNames(_LdapContract):
    """The usual class, over the lean wire."""


class TestGroupOfUniqueNames(_LdapContract):
    """The other class, over the lean wire."""

    group_class = "groupOfUniqueNames"


class TestPosixGroup(_LdapContract):
    """The class that names people by `uid`, over the lean wire."""

    group_class = "posixGroup"


class TestGroupOfNamesOverTheStockWire(_LdapContract):
    """The fallback wire keeps the same laws."""

    wire = "stock"


class TestGroupOfUniqueNamesOverTheStockWire(_LdapContract):
    """Both differences at once."""

    group_class = "groupOfUniqueNames"
    wire = "stock"
