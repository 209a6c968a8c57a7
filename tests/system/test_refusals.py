"""Unknown is never empty: what looks like a mass removal is stopped, frozen or refused, and says why."""

from __future__ import annotations

import pytest

from tests.system.conftest import STAFF
from tests.system.site import Site

pytestmark = pytest.mark.live

DEPARTMENT = "/acme/dsi/member"


def everybody(site: Site) -> dict[str, list[str]]:
    return {path: group["members"] for path, group in site.groups().items()}


def test_deleting_a_department_stops_until_that_plan_is_approved_and_only_once(applied: Site) -> None:
    before = everybody(applied)
    text = applied.mapping.read_text()
    start, end = text.index("      dsi:\n"), text.index("keycloak: {group")
    department = text[start:end]
    applied.write(text[:start] + text[end:])
    stopped = applied.apply()
    assert stopped.code == 3
    assert "policy.removals" in stopped.out + stopped.err
    assert everybody(applied) == before
    digest = applied.plan()["digest"]
    applied.cli("plans", "approve", digest, "--reason", "the department is closed").ok()
    applied.apply().ok()
    assert [path for path, members in everybody(applied).items() if members] == ["/acme/admin"]
    applied.write(text)
    applied.cli("plans", "approve", applied.plan()["digest"], "--reason", "a mistake: they are back").ok()
    applied.apply().ok()
    assert everybody(applied) == before
    applied.write(text.replace(department, ""))
    assert applied.apply().code == 3  # the approval was for once


def test_an_approval_is_for_that_very_plan(applied: Site) -> None:
    text = applied.mapping.read_text()
    start, end = text.index("      dsi:\n"), text.index("keycloak: {group")
    applied.write(text[:start] + text[end:])
    digest = applied.plan()["digest"]
    applied.cli("plans", "approve", digest, "--reason", "closed").ok()
    applied.edit("admin: [ann.ashe@acme.example]", "admin: [ann.ashe@acme.example, zed.zola@acme.example]")
    before = everybody(applied)
    assert applied.apply().code == 3
    assert {path: members for path, members in everybody(applied).items() if path != "/acme/admin"} == {
        path: members for path, members in before.items() if path != "/acme/admin"
    }


def test_an_emptied_roster_removes_nobody_until_that_plan_is_approved(applied: Site) -> None:
    applied.edit("admin: [ann.ashe", "admin: [fay.staff@acme.example, ann.ashe")
    applied.apply().ok()
    before, standing = everybody(applied), applied.snapshot()
    (applied.folder / "staff.csv").write_text(STAFF.partition("\n")[0] + "\n")
    answer = applied.apply()
    assert applied.snapshot() == standing  # the names of those whom a file names too included
    assert "staff" in answer.out + answer.err
    digest = applied.plan()["digest"]
    applied.cli("plans", "approve", digest, "--reason", "they all left").ok()
    applied.apply().ok()
    assert everybody(applied) == {**before, DEPARTMENT: []}
    assert applied.users()["fay.staff@acme.example"]["lastName"] == "Staff"


@pytest.mark.parametrize(
    "broken",
    [
        STAFF.encode() + "9,zo\xe9@acme.example,Zo\xe9,Staff,dsi\n".encode("latin-1"),
        STAFF.encode() + b"9,short\n",
        None,
    ],
    ids=["latin-1", "short row", "gone"],
)
def test_a_broken_roster_freezes_its_own_removals_and_the_rest_goes_on(
    applied: Site, broken: bytes | None
) -> None:
    before = everybody(applied)
    staff = applied.folder / "staff.csv"
    staff.write_bytes(broken) if broken is not None else staff.unlink()
    applied.edit(
        "member: [carla.cid@acme.example, dan.duval@acme.example]", "member: [carla.cid@acme.example]"
    )
    applied.apply().ok()
    after = everybody(applied)
    assert after[DEPARTMENT] == before[DEPARTMENT]
    assert after["/acme/dsi/platform/member"] == ["carla.cid@acme.example"]


def test_a_base_that_is_empty_or_missing_removes_nobody(applied: Site) -> None:
    before = everybody(applied)
    other = applied.base.replace("ou=units", "ou=elsewhere")
    text = applied.config.read_text()
    applied.config.write_text(text.replace(applied.base, other))
    answer = applied.apply()
    assert answer.code == 4
    assert other in answer.out + answer.err
    applied.ldap(f"dn: {other}\nchangetype: add\nobjectClass: organizationalUnit\n")
    applied.apply()
    assert everybody(applied) == before
    group = f"cn=member,ou=platform,ou=dsi,ou=acme,{applied.base}"
    assert len(applied.members(group)) == 3


def test_an_invalid_file_changes_nothing_and_says_where(applied: Site) -> None:
    before = applied.snapshot()
    applied.edit("member: [eve.eluard@acme.example]", "membr: [eve.eluard@acme.example]")
    answer = applied.apply()
    assert answer.code == 65
    assert "acme.yaml:31:15" in answer.err
    assert 'did you mean "member"' in answer.err
    assert applied.snapshot() == before
