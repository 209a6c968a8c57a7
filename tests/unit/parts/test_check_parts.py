"""Which mappings cannot be split, and what they are told; which texts of a mapping never are."""

from __future__ import annotations

from datetime import date

import pytest

from syncd.mapping import outputs
from syncd.mapping.check_parts import place_of, problems
from syncd.mapping.compile import compile_mapping
from syncd.mapping.limits import DEFAULT_POLICY, in_force, overlay, policy_document, policy_from
from syncd.mapping.read import load

HEAD = """syncd: 1
policy: {split: root_unit}
kinds: {organization: {}, team: {within: organization}}
roles: {member: {}}
organizations:
  a: {teams: {x: {members: {member: [ann]}}}}
  b: {teams: {x: {members: {member: [ann]}}}}
"""
LDAP = "ldap: {base: 'ou=units,dc=example,dc=org', people_base: 'ou=people,dc=example,dc=org'%s}\n"


def told(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acme.yaml").write_text(HEAD + text, encoding="utf-8")
    loaded = load("acme.yaml", name="acme")
    compiled = compile_mapping(loaded, {}, date(2026, 11, 25))
    return [str(one) for one in problems(compiled, "test", outputs.NO_LIMIT, place_of(loaded.places, None))]


@pytest.mark.parametrize(
    "text",
    [
        "",
        'keycloak: {group: "/{path}/{role}", unit_group: "/{path}"}\n',
        LDAP % "",
        LDAP % ", group_class: groupOfUniqueNames",
    ],
)
def test_where_each_root_unit_has_a_place_of_its_own_a_mapping_can_be_split(tmp_path, monkeypatch, text):
    assert told(tmp_path, monkeypatch, text) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('keycloak: {group: "/{role}/{path}", unit_group: "/{path}"}\n', "is of no root unit"),
        ("keycloak: {permissions: global}\n", "the roles of `permissions: global` are of no root unit"),
        (LDAP % ", nested: true", "groups in groups may lead from one root unit to another"),
        (
            LDAP
            % ", group_class: posixGroup, gid_number: {from: 1, to: 9}, group: 'cn={path:-|slug},{unit}'",
            "numbers of POSIX groups are given for the whole mapping",
        ),
    ],
)
def test_where_root_units_share_something_a_mapping_cannot_be_split(tmp_path, monkeypatch, text, why):
    found = told(tmp_path, monkeypatch, text)
    assert found
    assert why in found[0]
    assert found[0].startswith("acme.yaml:2:17: policy.split: ")


def test_to_split_is_looser_and_waits_for_approval_also_where_no_policy_said_anything_before():
    wanted = overlay(DEFAULT_POLICY.model_copy(update={"split": "root_unit"}), DEFAULT_POLICY)
    before = {name: value for name, value in policy_document(DEFAULT_POLICY).items() if name != "split"}
    policy, loosened = in_force(DEFAULT_POLICY.model_copy(update={"split": "root_unit"}), policy_from(before))
    assert wanted.split == "never"
    assert (policy.split, loosened) == ("never", ["split"])
