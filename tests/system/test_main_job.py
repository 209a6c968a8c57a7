"""The main job on real servers: what the file says is true, read back past syncd; a second run is silent."""

from __future__ import annotations

import pytest

from tests.system.site import Site

pytestmark = pytest.mark.live

PLATFORM = "/acme/dsi/platform"


def test_a_mapping_becomes_true_in_keycloak_and_in_the_directory(applied: Site) -> None:
    groups = applied.groups()
    assert groups[f"{PLATFORM}/member"]["members"] == ["carla.cid@acme.example", "dan.duval@acme.example"]
    assert groups[f"{PLATFORM}/admin"]["members"] == ["bob.beau@acme.example"]
    assert len(groups["/acme/dsi/member"]["members"]) == 8
    assert groups["/acme/dsi/Lyon, Part-Dieu/member"]["members"] == ["eve.eluard@acme.example"]
    people = {
        f"uid={name}@acme.example,{applied.people_base}" for name in ("bob.beau", "carla.cid", "dan.duval")
    }
    group = f"cn=member,ou=platform,ou=dsi,ou=acme,{applied.base}"
    assert set(applied.members(group)) == people  # closure: an administrator is a member too


def test_a_second_run_writes_nothing(applied: Site) -> None:
    before = applied.snapshot()
    assert applied.cli("plan", "acme", "--detailed-exitcode").code == 0
    applied.apply().ok()
    assert applied.snapshot() == before


def test_one_changed_line_is_planned_and_made_on_both_targets_and_nothing_else(applied: Site) -> None:
    before = applied.groups()
    applied.edit(
        "member: [carla.cid@acme.example, dan.duval@acme.example]", "member: [carla.cid@acme.example]"
    )
    plan = applied.plan()
    changes = [
        (part["target"], change["op"], change["key"]["kind"])
        for part in plan["plans"]
        for change in part["changes"]
    ]
    assert changes == [("keycloak", "delete", "member"), ("ldap", "delete", "member")]
    applied.apply().ok()
    after = applied.groups()
    assert after.pop(f"{PLATFORM}/member")["members"] == ["carla.cid@acme.example"]
    del before[f"{PLATFORM}/member"]
    assert after == before
    assert len(applied.members(f"cn=member,ou=platform,ou=dsi,ou=acme,{applied.base}")) == 2


def test_a_team_renamed_and_moved_keeps_its_ids_and_no_membership_is_written(applied: Site) -> None:
    groups, entries = applied.groups(), applied.entries()
    events = len(_membership_events(applied))
    applied.edit("          platform:\n            title: Platform\n", "")
    applied.edit(
        "            members:\n              admin: [bob.beau@acme.example]\n"
        "              member: [carla.cid@acme.example, dan.duval@acme.example]\n",
        "",
    )
    text = applied.mapping.read_text()
    moved = (
        "      core:\n        title: Platform\n        formerly: [/acme/dsi/platform]\n        members:\n"
        "          admin: [bob.beau@acme.example]\n"
        "          member: [carla.cid@acme.example, dan.duval@acme.example]\n"
    )
    applied.write(text.replace("keycloak: {group", moved + "keycloak: {group"))
    plan = applied.plan()
    written = [change for part in plan["plans"] for change in part["changes"] if change["op"] != "update"]
    assert {change["op"] for change in written} == {"move"}
    assert plan["totals"]["changes"] == len(written)  # the updates only bring the ledger up to date
    applied.apply().ok()
    after, now = applied.groups(), applied.entries()
    for role in ("", "/member", "/admin"):
        assert after[f"/acme/core{role}"]["id"] == groups[f"{PLATFORM}{role}"]["id"]
    old = f"ou=platform,ou=dsi,ou=acme,{applied.base}"
    new = f"ou=core,ou=acme,{applied.base}"
    assert now[new]["entryUUID"] == entries[old]["entryUUID"]
    assert now[f"cn=member,{new}"]["entryUUID"] == entries[f"cn=member,{old}"]["entryUUID"]
    assert now[f"cn=member,{new}"]["member"] == entries[f"cn=member,{old}"]["member"]
    assert len(_membership_events(applied)) == events
    assert applied.cli("plan", "acme", "--detailed-exitcode").code == 0


def test_a_changed_group_template_moves_groups_and_writes_no_membership(applied: Site) -> None:
    groups = applied.groups()
    events = len(_membership_events(applied))
    applied.edit('group: "/{path}/{role}"', 'group: "/{path}/role {role}"')
    applied.apply().ok()
    after = applied.groups()
    assert after[f"{PLATFORM}/role member"] == groups[f"{PLATFORM}/member"]
    assert len(after) == len(groups)
    assert len(_membership_events(applied)) == events


def test_a_person_who_leaves_the_file_loses_exactly_what_syncd_gave(applied: Site) -> None:
    dan = applied.users()["dan.duval@acme.example"]["id"]
    by_hand = applied.groups()["/acme/dsi/Lyon, Part-Dieu/member"]["id"]
    applied.admin("PUT", f"users/{dan}/groups/{by_hand}")
    applied.edit(
        "member: [carla.cid@acme.example, dan.duval@acme.example]", "member: [carla.cid@acme.example]"
    )
    applied.apply().ok()
    groups = applied.groups()
    holds = [path for path, group in groups.items() if "dan.duval@acme.example" in group["members"]]
    assert holds == ["/acme/dsi/Lyon, Part-Dieu/member"]
    assert applied.users()["dan.duval@acme.example"]["enabled"]


def test_what_others_made_in_the_managed_tree_survives_and_is_reported(applied: Site) -> None:
    top = applied.groups()["/acme/dsi"]["id"]
    applied.admin("POST", f"groups/{top}/children", {"name": "by hand"})
    carla = applied.users()["carla.cid@acme.example"]["id"]
    applied.admin("PUT", f"users/{carla}/groups/{applied.groups()['/acme/dsi/member']['id']}")
    plan = applied.plan()
    foreign = {
        (one["key"]["kind"], tuple(one["key"]["place"])) for part in plan["plans"] for one in part["foreign"]
    }
    assert ("member", ("acme", "dsi", "member")) in foreign
    applied.apply().ok()
    groups = applied.groups()
    assert "/acme/dsi/by hand" in groups
    assert "carla.cid@acme.example" in groups["/acme/dsi/member"]["members"]


def test_what_was_deleted_by_hand_comes_back(applied: Site) -> None:
    before = applied.groups()
    applied.admin("DELETE", f"groups/{before[f'{PLATFORM}/member']['id']}")
    applied.ldap(f"dn: cn=member,ou=platform,ou=dsi,ou=acme,{applied.base}\nchangetype: delete")
    applied.apply().ok()
    assert applied.groups()[f"{PLATFORM}/member"]["members"] == before[f"{PLATFORM}/member"]["members"]
    assert len(applied.members(f"cn=member,ou=platform,ou=dsi,ou=acme,{applied.base}")) == 3
    assert applied.cli("plan", "acme", "--detailed-exitcode").code == 0


def _membership_events(site: Site) -> list[dict[str, object]]:
    return [event for event in site.admin_events() if event["resourceType"] == "GROUP_MEMBERSHIP"]
