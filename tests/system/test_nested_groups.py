"""The group of a unit as a member of the one above it, in a real directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.system.site import Site

pytestmark = pytest.mark.live

TEAMS = """\
syncd: 1
policy: {delete_units: delete}
roles: {member: {}}
organizations:
  acme:
    teams:
      ops: {members: {member: [ann@acme.example]}, teams: {sre: {members: {member: [bob@acme.example]}}}}
      lab: {}
ldap: {nested: true}
"""


def groups(site: Site) -> dict[str, list[str]]:
    """Members of each unit's group, by the names that stand first in their DNs."""
    found = site.entries(filter_="(objectClass=groupOfNames)")
    return {_unit(dn): sorted(map(_unit, entry["member"])) for dn, entry in found.items()}


def _unit(dn: str) -> str:
    first, _, rest = dn.partition(",")
    return rest.partition(",")[0].removeprefix("ou=") if first == "cn=member" else first


def test_the_group_of_a_unit_is_in_the_group_of_the_unit_above(directory_site: Site) -> None:
    site = directory_site
    site.write(TEAMS)
    site.apply().ok()
    assert groups(site) == {
        "acme": ["lab", "ops"], "ops": ["sre", "uid=ann"], "sre": ["uid=bob"],
        "lab": ["cn=empty-membership-placeholder"],
    }  # fmt: skip
    entries = site.entries()
    site.apply().ok()
    assert site.entries() == entries  # with the change numbers of every entry: nothing was written
    site.edit("ops: {", "run: {formerly: [ops], ")
    plan = site.plan()
    changes = [change["op"] for part in plan["plans"] for change in part["changes"]]
    assert [op for op in changes if op != "update"] == ["move"]  # updates teach the ledger alone
    site.apply().ok()
    assert groups(site)["acme"] == ["lab", "run"]
    assert groups(site)["run"] == ["sre", "uid=ann"]
    assert site.cli("plan", "acme", "--detailed-exitcode").code == 0


def test_a_unit_that_moves_or_leaves_takes_its_group_out_of_the_one_above(directory_site: Site) -> None:
    site = directory_site
    site.write(TEAMS)
    site.apply().ok()
    site.edit(", teams: {sre: {members: {member: [bob@acme.example]}}}", "")
    site.edit(
        "lab: {}", "lab: {teams: {sre: {formerly: [/acme/ops/sre], members: {member: [bob@acme.example]}}}}"
    )
    site.apply().ok()
    assert groups(site) == {
        "acme": ["lab", "ops"], "ops": ["uid=ann"], "lab": ["sre"], "sre": ["uid=bob"]
    }  # fmt: skip
    site.edit("nested: true", "nested: false")
    site.apply().ok()
    placeholder = ["cn=empty-membership-placeholder"]
    assert groups(site) == {"acme": placeholder, "ops": ["uid=ann"], "lab": placeholder, "sre": ["uid=bob"]}


def test_with_delete_a_group_is_there_while_somebody_is_in_one_below_it(directory_site: Site) -> None:
    site = directory_site
    site.write(TEAMS.replace("nested: true", "nested: true, empty_group: delete"))
    site.edit("[ann@acme.example]", "[]")
    site.apply().ok()
    assert groups(site) == {"acme": ["ops"], "ops": ["sre"], "sre": ["uid=bob"]}
    site.edit("[bob@acme.example]", "[]")
    site.apply().ok()
    assert groups(site) == {}
