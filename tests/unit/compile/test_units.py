"""Units: ids, what they were before, grants, policy; and the closures of the five reference models."""

import csv
from pathlib import Path

import pytest

from syncd.errors import Place
from syncd.mapping.compile import kept_units_gone
from syncd.mapping.compile_model import closures_of, effective
from syncd.mapping.read import load
from syncd.mapping.schema import RoleModel
from syncd.model import Origin

SYSTEMS = Path(__file__).parents[2] / "data" / "systems"


def test_a_unit_is_known_by_its_id_else_by_its_path(compiled):
    units = compiled("syncd: 1\norganizations: {acme: {id: o-1, teams: {sre: {}}}}\n").units
    assert (units["acme",].uid, units["acme",].former) == ("o-1", ("/acme",))
    assert (units["acme", "sre"].uid, units["acme", "sre"].former) == ("/acme/sre", ())


def test_a_renamed_unit_and_all_below_know_what_they_were(compiled):
    text = """syncd: 1
organizations:
  acme:
    formerly: [apex]
    teams:
      quality: {formerly: [qa], teams: {lab: {formerly: [/apex/lab]}}}
"""
    units = compiled(text).units
    assert units["acme",].former == ("/apex",)
    assert units["acme", "quality"].former == ("/acme/qa", "/apex/qa", "/apex/quality")
    assert "/apex/lab" in units["acme", "quality", "lab"].former
    assert "/apex/qa/lab" in units["acme", "quality", "lab"].former


def test_two_units_may_exchange_their_names(compiled):
    units = compiled("syncd: 1\norganizations: {a: {formerly: [b]}, b: {formerly: [a]}}\n").units
    assert (units["a",].former, units["b",].former) == (("/b",), ("/a",))


def test_an_old_name_that_is_still_declared_is_an_error(refused):
    messages = refused("syncd: 1\norganizations: {a: {formerly: [b]}, b: {}}\n")
    assert any("/b is still declared" in message for message in messages)


def test_grants_make_a_role_privileged_and_name_client_and_role(compiled):
    text = "syncd: 1\norganizations: {acme: {grants: {member: [grafana/editor, offline]}}}\n"
    found = compiled(text)
    assert found.units["acme",].grants == {"member": (("", "offline"), ("grafana", "editor"))}
    assert found.roles["member"].privileged
    assert found.roles["admin"].privileged  # it inherits member, so its holders get the roles too


def test_a_role_that_may_remove_others_is_privileged(compiled):
    rule = "administration: [{by: admin, may: [remove], target: [member]}]"
    text = f"syncd: 1\n{rule}\norganizations: {{acme: {{}}}}\n"
    roles = compiled(text).roles
    assert (roles["admin"].privileged, roles["member"].privileged) == (True, False)


def test_a_units_policy_may_only_be_stricter(refused, compiled):
    text = "syncd: 1\npolicy: {admins_min: 2}\norganizations: {acme: {policy: {admins_min: N}}}\n"
    assert compiled(text.replace("N", "3")).units["acme",].policy.admins_min == 3
    assert refused(text.replace("N", "1")) == [
        (
            "acme.yaml:3:33: organizations.acme.policy.admins_min: "
            "only a stricter policy than above may stand here"
        )
    ]


def test_the_policy_of_a_unit_holds_below(compiled):
    below = "teams: {sre: {policy: {protected: [ann]}}}"
    text = f"syncd: 1\norganizations: {{acme: {{policy: {{protected: [/acme]}}, {below}}}}}\n"
    assert compiled(text).units["acme", "sre"].policy.protected == ("/acme", "ann")


def test_a_unit_that_may_not_go_is_missed_when_it_left_the_files(compiled, write):
    text = """syncd: 1
kinds: {space: {}, folder: {within: space, deletable: false}}
roles: {member: {}}
spaces: {s: {folders: {kept: {formerly: [old]}}}}
"""
    gone = Origin(("/s/gone", "unit"), rule="folder", unit="/s/gone", place=Place("acme.yaml"))
    renamed = Origin(("/s/old", "unit"), rule="folder", unit="/s/old", place=Place("acme.yaml"))
    (problem,) = kept_units_gone(compiled(text), [gone, renamed], write(text).places)
    assert str(problem) == (
        'acme.yaml:2:44: kinds.folder.deletable: the folder "/s/gone" left the files, and its kind is '
        "`deletable: false`; put it back, or say `formerly` where it went"
    )


def test_a_permission_implies_its_narrowings_where_the_model_names_them():
    roles = {
        "reader": RoleModel(permissions=("tx.view@own", "tx.edit@permitted")),
        "writer": RoleModel(permissions=("tx.edit", "tx.view")),
    }
    assert effective(["writer"], roles) == {"tx.edit", "tx.edit@permitted", "tx.view", "tx.view@own"}


@pytest.mark.parametrize("system", ["dastra", "datasud", "docspace", "todoist", "universign"])
def test_the_closure_of_a_reference_model_is_its_published_matrix(system):
    roles = load(SYSTEMS / f"{system}.model.yaml", name=system).document.roles
    closures = closures_of(roles)
    with (SYSTEMS / "permissions.csv").open(encoding="utf-8") as file:
        cells = [row for row in csv.DictReader(file) if row["system"] == system]
    wrong = [
        (row["role"], row["permission"])
        for row in cells
        if (row["permission"] in effective(closures[row["role"]], roles)) is not (row["allowed"] == "yes")
    ]
    assert cells
    assert wrong == []
