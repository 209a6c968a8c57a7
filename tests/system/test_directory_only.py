"""A site without Keycloak: what a directory alone can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

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


def test_people_whom_mapping_or_unit_protects_by_their_address_lose_nothing(directory_site: Site) -> None:
    site = directory_site
    protected = "policy: {protected: [bob@acme.example]}"
    site.write(
        TEAMS.replace("lab: {}", f"lab: {{{protected}, members: {{member: [bob@acme.example]}}}}").replace(
            "member: [bob", "member: [eve@acme.example, bob", 1
        )
        + "policy: {protected: [EVE@acme.example]}\n"
    )
    site.apply().ok()
    everybody = groups(site)
    assert everybody["sre/member"] == ["uid=bob", "uid=eve"]
    site.write(
        site.mapping.read_text()
        .replace("[eve@acme.example, bob@acme.example]", "[]")
        .replace("[bob@acme.example]}}", "[]}}")
    )
    answer = site.apply().ok()
    assert groups(site) == {**everybody, "sre/member": ["uid=eve"]}
    assert answer.out.count("is protected") == 2
    site.edit(protected, "policy: {}")
    plan = site.plan()
    assert plan["policy_waiting"] == ["protected in /acme/lab"]
    site.apply().ok()
    assert groups(site)["lab/member"] == ["uid=bob"]
    site.cli("plans", "approve", site.plan()["digest"], "--reason", "bob left").ok()
    site.apply().ok()
    assert groups(site)["lab/member"] == ["uid=bob"]  # the approved plan made the new policy the accepted one
    site.apply().ok()
    assert "lab/member" not in groups(site)


def test_a_unit_may_not_loosen_what_the_operator_bounds(directory_site: Site) -> None:
    site = directory_site
    site.write(TEAMS.replace("lab: {}", 'lab: {policy: {adopt: "yes"}}'))
    answer = site.cli("validate", "acme")
    assert answer.code == 65
    where = "acme.yaml:7:22: organizations.acme.teams.lab.policy.adopt: only a stricter policy"
    assert where in answer.out + answer.err


def test_explain_says_which_groups_come_from_an_inherited_role(directory_site: Site) -> None:
    site = directory_site
    site.write(TEAMS.replace("empty_group: delete, closure: false", "closure: true"))
    site.apply().ok()
    answer = site.cli("--output", "json", "explain", "ann@acme.example").ok()
    shown = {(one["role"], one["rule"], one["state"]) for one in answer.json["explanations"]}
    assert shown == {
        ("admin", "named on this line", "held by the person"),
        ("member", 'closure: "admin" inherits "member"; named on this line', "held by the person"),
    }


def test_people_come_from_an_http_server_and_stay_when_it_cannot_be_read(
    directory_site: Site, httpserver: HTTPServer
) -> None:
    site = directory_site
    (site.folder / "token").write_text("t0k3n\n")
    connection = f'{{type: http, url: "{httpserver.url_for("/hr")}", token: {{file: token}}}}'
    text = site.config.read_text().replace("connections:\n", f"connections:\n  hr: {connection}\n")
    site.config.write_text(text)
    site.write(
        "syncd: 1\nrosters: {staff: {http: {connection: hr, path: /people}, columns: {email: mail}}}\n"
        "policy: {removals: {at_least: 5}, source_shrink: 60%}\n"
        "organizations: {acme: {members: {member: [{roster: staff, where: all}]}}}\nldap: {}\n"
    )

    def answers(*names: str, status: int = 200) -> None:
        people = [{"mail": f"{name}@acme.example"} for name in names]
        httpserver.clear()
        login = {"Authorization": "Bearer t0k3n"}
        httpserver.expect_request("/hr/people", headers=login).respond_with_json(people, status=status)

    answers("ann", "bob")
    site.apply().ok()
    assert groups(site)["acme/member"] == ["uid=ann", "uid=bob"]
    assert "✓" in next(line for line in site.cli("doctor").out.splitlines() if "roster acme.staff" in line)
    answers(status=500)
    answer = site.apply().ok()
    assert groups(site)["acme/member"] == ["uid=ann", "uid=bob"]
    assert "answers 500" in answer.out
    assert "answers 500" in site.cli("doctor").out
    answers("bob")
    site.apply().ok()
    assert groups(site)["acme/member"] == ["uid=bob"]


def test_a_part_of_a_plan_is_reviewed_approved_and_carried_out_as_that_part(directory_site: Site) -> None:
    site = directory_site
    site.write(TEAMS + "roles: {member: {}, admin: {inherits: [member], privileged: true}}\n")
    assert site.cli("plan", "acme", "--only", "/acme/srr").code == 64
    assert 'did you mean "/acme/sre"?' in site.cli("plan", "acme", "--only", "/acme/srr").err
    assert site.cli("plan", "acme", "--target", "ldpa").code == 64
    site.cli("plan", "acme", "--only", "/acme/sre", "--out", "part.json").ok()
    answer = site.cli("apply", "--plan", "part.json").ok()
    assert "Only /acme/sre and all below" in answer.out
    assert groups(site) == {"sre/member": ["uid=bob"]}
    assert site.plan()["first"]  # a part confirms nothing of the rest
    site.apply().ok()
    assert groups(site) == {"acme/admin": ["uid=ann"], "sre/member": ["uid=bob"]}
    site.edit("admin: [ann@acme.example]", "admin: [ann@acme.example, bob@acme.example, eve@acme.example]")
    site.edit("member: [bob@acme.example]", "member: []")
    stopped = site.plan("--only", "/acme")
    assert [stop["limit"] for stop in stopped["stops"]] == ["privileged"]
    site.cli("apply", "acme", "--only", "/acme/sre", "--target", "ldap", "--yes").ok()
    assert groups(site) == {"acme/admin": ["uid=ann"]}
    stopped = site.plan("--only", "/acme")
    assert site.cli("apply", "acme", "--only", "/acme", "--yes").code == 3
    site.cli("plans", "approve", stopped["digest"], "--reason", "both are new").ok()
    site.cli("apply", "acme", "--only", "/acme", "--yes").ok()
    assert groups(site) == {"acme/admin": ["uid=ann", "uid=bob", "uid=eve"]}
