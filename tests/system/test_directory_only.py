"""A site without Keycloak: what a directory alone can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.system.site import Site

pytestmark = pytest.mark.live

TEAMS = """\
syncd: 1
organizations:
  acme:
    members: {admin: [ann@acme.example]}
    teams:
      sre: {members: {member: [bob@acme.example]}}
      lab: {}
ldap: {empty_group: delete, closure: false}
"""


def groups(site: Site) -> dict[str, list[str]]:
    """Members by the group's own name and its unit's."""
    found = site.entries(filter_="(objectClass=groupOfNames)")
    return {
        "/".join(rdn.partition("=")[2] for rdn in reversed(dn.split(",")[:2])): sorted(
            member.partition(",")[0] for member in entry["member"]
        )
        for dn, entry in found.items()
    }


def test_with_delete_a_group_exists_while_somebody_is_in_it(directory_site: Site) -> None:
    site = directory_site
    site.write(TEAMS)
    site.apply().ok()
    assert groups(site) == {"acme/admin": ["uid=ann"], "sre/member": ["uid=bob"]}
    site.edit("member: [bob@acme.example]", "member: []")
    site.apply().ok()
    assert groups(site) == {"acme/admin": ["uid=ann"]}
    assert site.cli("plan", "acme", "--detailed-exitcode").code == 0
    site.edit("member: []", "member: [bob@acme.example]")
    site.apply().ok()
    assert groups(site) == {"acme/admin": ["uid=ann"], "sre/member": ["uid=bob"]}
    entries = site.entries()
    site.apply().ok()
    assert site.entries() == entries  # with the change numbers of every entry: nothing was written
