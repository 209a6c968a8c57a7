"""Groups that a realm takes from the entries that the same mapping writes, by name as Keycloak knows them."""

import pytest

from syncd.mapping.federation import federated_twice
from syncd.mapping.outputs import NO_LIMIT
from syncd.model import GroupFederation

TEXT = """syncd: 1
organizations: {acme: {teams: {dsi: {members: {member: [ann]}}, rh: {}}}}
keycloak: {group: "/directory/{path:-}-{role}"}
ldap: {base: "ou=units,dc=acme,dc=example", group: "cn={path:-}-{role},{base}"}
"""
UNITS = "ou=units,dc=acme,dc=example"


def mapper(path, mode="READ_ONLY", groups_dn=UNITS, *, nested=False):
    return GroupFederation("staff, groups", "ldaps://ldap1", groups_dn, path, mode, "cn", nested)


def told(compiled, *mappers):
    return [str(one) for one in federated_twice(compiled, compiled.ldap, "test", NO_LIMIT, mappers)]


def test_the_refusal_names_group_mapper_and_both_outputs(compiled):
    (text,) = told(compiled(TEXT), mapper(("directory",)))
    assert text == (
        "acme.yaml:3:1: keycloak: the group /directory/acme-admin (and 5 more) would be written twice: "
        "Keycloak takes it from ou=units,dc=acme,dc=example at ldaps://ldap1 (user federation "
        '"staff, groups", READ_ONLY), where `ldap` (acme.yaml:4:1) writes it; turn one of the two outputs '
        "off, or give the mapper another Groups Path or LDAP Groups DN (User federation, Mappers)"
    )


@pytest.mark.parametrize(
    ("one", "counted"),
    [
        (mapper(()), 6),
        (mapper(("directory",), groups_dn="OU=Units, DC=acme,DC=example"), 6),
        (mapper(("directory",), groups_dn="dc=acme,dc=example"), 6),
        (mapper(("directory",), "IMPORT"), 6),
        (mapper((), "IMPORT", nested=True), 6),
        (mapper((), "IMPORT"), 0),
        (mapper((), "LDAP_ONLY"), 10),
        (mapper(("elsewhere",)), 0),
        (mapper(("directory",), groups_dn="ou=groups,dc=acme,dc=example"), 0),
        (mapper((), "LDAP_ONLY", "ou=groups,dc=acme,dc=example"), 0),
        (mapper(("directory",), groups_dn=""), 0),
    ],
)
def test_a_group_is_taken_by_its_name_below_the_groups_path(compiled, one, counted):
    more = f"(and {counted - 1} more)"
    assert [more in text for text in told(compiled(TEXT), one)] == ([True] if counted else [])


def test_an_output_that_writes_other_names_is_not_in_the_way(compiled):
    other = TEXT.replace('group: "cn={path:-}-{role},{base}"', 'group: "cn=g-{path:-}-{role},{base}"')
    assert told(compiled(other), mapper(("directory",))) == []
    assert told(compiled(TEXT.replace("ldap: {", "ldap: false\nx-ldap: {")), mapper(("directory",))) == []
