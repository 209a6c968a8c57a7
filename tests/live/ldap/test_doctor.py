"""What doctor says of a directory, and that it writes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncd.ldapwire.operations import Query
from syncd.targets.ldap_doctor import check
from tests.ldap_world import LdapWorld, settings_for

if TYPE_CHECKING:
    from syncd.model import Check

pytestmark = pytest.mark.live


def _by_name(lines: list[Check]) -> dict[str, Check]:
    return {line.name: line for line in lines}


def test_a_healthy_directory_is_all_well_and_untouched(world: LdapWorld) -> None:
    everything = Query(world.base, attributes=("*", "+"))
    before = world.hands.search(everything)
    settings = settings_for(world.server, urls=(world.server.tls_url,), ca=str(world.server.ca))
    lines = _by_name(check(settings, replace(world.profile, people="manage")))
    assert {line.status for line in lines.values()} == {"ok"}
    assert lines["server"].detail == "OpenLDAP"
    assert lines["people_base"].detail == f"{world.people_base} with 3 entries, read whole"
    assert {"connection", "certificate", "login", "base", "write", "write people", "locking"} <= lines.keys()
    assert world.hands.search(everything) == before


def test_an_unencrypted_connection_is_a_warning(world: LdapWorld) -> None:
    assert _by_name(check(settings_for(world.server)))["certificate"].status == "warn"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"password": "wrong"}, "login"),
        ({"urls": ("ldap://127.0.0.1:9",)}, "connection"),
        ({"start_tls": True}, "certificate"),
    ],
)
def test_what_keeps_us_out_is_one_line_with_a_remedy(
    world: LdapWorld, changes: dict[str, object], name: str
) -> None:
    lines = check(settings_for(world.server, **changes), world.profile)
    assert [(line.name, line.status) for line in lines] == [(name, "fail")]
    assert lines[0].remedy


def test_a_missing_base_and_an_account_that_may_only_read_are_told(world: LdapWorld) -> None:
    plain = world.person("plain", userPassword="plain-secret")
    settings = settings_for(world.server, bind_dn=world.dn_of(plain), password="plain-secret")
    lines = _by_name(check(settings, replace(world.profile, people_base=f"ou=gone,{world.base}")))
    assert lines["people_base"].status == "fail"
    assert "does not exist" in lines["people_base"].detail
    assert lines["write"].status == "fail"
    assert "may not write" in lines["write"].detail
