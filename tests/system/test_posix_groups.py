"""POSIX groups in a real directory: numbers given once, members by login name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.system.site import Site

pytestmark = pytest.mark.live

TEAMS = """\
syncd: 1
policy: {delete_units: delete, removals: {at_least: 50}}
roles: {member: {}}
organizations:
  acme:
    members: {member: [ann@acme.example]}
    teams:
      sre: {id: t1, members: {member: [ann@acme.example, bob@acme.example]}}
      lab: {id: t2, members: {member: [bob@acme.example]}}
ldap:
  group_class: posixGroup
  group: "cn={path:-|slug},{unit}"
  gid_number: {from: 20000, to: 20005}
"""


def groups(site: Site) -> dict[str, tuple[int, list[str]]]:
    """Number and members of each group by its name."""
    found = site.entries(filter_="(objectClass=posixGroup)").values()
    return {one["cn"][0]: (int(one["gidNumber"][0]), sorted(one.get("memberUid", []))) for one in found}


def taken_outside(site: Site, *numbers: int) -> None:
    """Groups of others, elsewhere in the directory."""
    site.ldap(
        *(
            f"dn: cn=other{number},{site.people_base}\nchangetype: add\nobjectClass: posixGroup\n"
            f"gidNumber: {number}\n"
            for number in numbers
        )
    )


def test_each_group_has_a_number_of_its_own_and_members_by_login_name(directory_site: Site) -> None:
    site = directory_site
    taken_outside(site, 20001)
    nameless = "\nchangetype: add\nobjectClass: inetOrgPerson\nsn: Z\nmail: zoe@acme.example\n"
    accented = "\nchangetype: add\nobjectClass: inetOrgPerson\nsn: L\nuid: léa\nmail: lea@acme.example\n"
    site.ldap(f"dn: cn=Zoe,{site.people_base}{nameless}", f"dn: cn=Lea,{site.people_base}{accented}")
    site.write(TEAMS.replace("[ann@acme.example]", "[ann@acme.example, zoe@acme.example, lea@acme.example]"))
    answer = site.apply().ok()
    assert "has no uid, by which a POSIX group names people" in answer.out
    assert "has letters that a POSIX group cannot hold" in answer.out
    assert groups(site) == {
        "acme": (20000, ["ann"]), "acme-lab": (20002, ["bob"]), "acme-sre": (20003, ["ann", "bob"]),
    }  # fmt: skip
    entries = site.entries()
    site.apply().ok()
    assert site.entries() == entries  # with the change numbers of every entry: nothing was written
    marks = [one["businessCategory"] for one in site.entries(filter_="(objectClass=posixGroup)").values()]
    assert marks == [["syncd:test/acme"]] * 3


def test_a_number_follows_its_group_and_is_never_given_again(directory_site: Site) -> None:
    site = directory_site
    site.write(TEAMS)
    site.apply().ok()
    before = groups(site)
    site.edit("sre: {id: t1", "lab: {id: t1")
    site.edit("lab: {id: t2", "sre: {id: t2")
    site.apply().ok()
    assert groups(site) == {**before, "acme-lab": before["acme-sre"], "acme-sre": before["acme-lab"]}
    second = "      sre: {id: t2, members: {member: [bob@acme.example]}}\n"
    site.edit(second, "")
    site.apply().ok()
    assert set(groups(site)) == {"acme", "acme-lab"}
    site.edit("ldap:\n", f"{second}ldap:\n")
    changed, deleted = (
        next(dn for dn in site.entries() if dn.startswith(f"cn={name},")) for name in ("acme", "acme-lab")
    )
    site.ldap(
        f"dn: {changed}\nchangetype: modify\nreplace: gidNumber\ngidNumber: 4\n",
        f"dn: {deleted}\nchangetype: delete\n",
    )
    site.apply().ok()
    assert groups(site) == {
        "acme": before["acme"], "acme-lab": before["acme-sre"], "acme-sre": (20003, ["bob"]),
    }  # fmt: skip


def test_where_no_number_is_left_the_group_waits_and_says_at_which_line(directory_site: Site) -> None:
    site = directory_site
    taken_outside(site, *range(20001, 20006))
    site.write(TEAMS)
    answer = site.apply().ok()
    assert groups(site) == {"acme": (20000, ["ann"])}
    assert "acme.yaml:13:3: none of the numbers 20000 to 20005 is free; widen `gid_number`" in answer.out
    site.edit("to: 20005", "to: 20007")
    taken_outside(site, 20006)
    site.apply().ok()
    assert groups(site) == {"acme": (20000, ["ann"]), "acme-lab": (20007, ["bob"])}


def test_a_login_name_that_changed_is_put_right_and_those_of_strangers_stay(directory_site: Site) -> None:
    site = directory_site
    site.write(TEAMS)
    site.apply().ok()
    dn = next(dn for dn in site.entries() if dn.startswith("cn=acme-lab"))
    site.ldap(
        f"dn: {dn}\nchangetype: modify\nadd: memberUid\nmemberUid: root\n",
        f"dn: uid=ann,{site.people_base}\nchangetype: modrdn\nnewrdn: uid=anna\ndeleteoldrdn: 1\n",
        f"dn: uid=eve,{site.people_base}\nchangetype: modrdn\nnewrdn: uid=ann\ndeleteoldrdn: 1\n",
    )
    site.apply().ok()
    assert {name: members for name, (_, members) in groups(site).items()} == {
        "acme": ["anna"], "acme-lab": ["bob", "root"], "acme-sre": ["anna", "bob"],
    }  # fmt: skip
    assert site.cli("plan", "acme", "--detailed-exitcode").code == 0
    site.edit("[bob@acme.example]}}", "[]}}")
    site.apply().ok()
    assert groups(site)["acme-lab"][1] == ["root"]
