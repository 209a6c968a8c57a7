"""How far the operator lets files reach, and the values set from outside."""

from __future__ import annotations

import pytest

from syncd.errors import MappingInvalid, Place
from syncd.mapping import load

TRUNK = "syncd: 1\norganizations: {acme: {teams: {dsi: {}, hr: {}}}}\n"
ROWS = {"teams/dsi/**": {"under": ["/acme/dsi"], "keys": ["teams", "title", "members"], "roles": ["member"]}}


@pytest.fixture
def tell(tmp_path, monkeypatch):
    """What is said of a fragment at `teams/dsi/one.yaml`, or nothing."""
    monkeypatch.chdir(tmp_path)

    def fragment(text: str, rows=ROWS) -> list[str]:
        folder = tmp_path / "acme" / "teams" / "dsi"
        folder.mkdir(parents=True)
        (tmp_path / "acme" / "trunk.yaml").write_text(TRUNK)
        (folder / "one.yaml").write_text(text)
        try:
            load("acme", name="acme", files=rows)
        except MappingInvalid as error:
            return [str(problem) for problem in error.problems]
        return []

    return fragment


ALLOWED = 'the operator allows "teams/dsi/**": under /acme/dsi; keys teams, title, members; roles member'
ONE = "acme/teams/dsi/one.yaml"


def test_a_file_within_its_row_is_valid(tell):
    assert (
        tell("syncd: 1\nunder: /acme/dsi\nx-note: ours\nteams: {a: {title: A, members: {member: [ann]}}}\n")
        == []
    )


def test_a_file_may_lead_to_its_units_without_under(tell):
    assert tell("syncd: 1\norganizations: {acme: {teams: {dsi: {title: D, teams: {a: {}}}}}}\n") == []


def test_a_unit_elsewhere_is_refused_with_its_line(tell):
    assert tell("syncd: 1\nunder: /acme/hr\nteams: {a: {title: A}}\n") == [
        f"{ONE}:3:9: teams.a: the unit /acme/hr/a is not for this file; {ALLOWED}"
    ]


def test_a_unit_on_the_way_may_hold_nothing_of_its_own(tell):
    assert tell("syncd: 1\norganizations: {acme: {title: Ours, teams: {dsi: {}}}}\n") == [
        f'{ONE}:2:24: organizations.acme.title: the key "title" of /acme is not for this file; {ALLOWED}'
    ]


def test_a_key_and_a_role_beyond_the_row_are_refused(tell):
    text = (
        "syncd: 1\nunder: /acme/dsi\nteams: {a: {members: {admin: [ann]}, policy: {}}, b: {members: [ann]}}\n"
    )
    assert tell(text) == [
        f'{ONE}:3:23: teams.a.members.admin: the role "admin" is not for this file; {ALLOWED}',
        f'{ONE}:3:38: teams.a.policy: the key "policy" is not for this file; {ALLOWED}',
        f"{ONE}:3:55: teams.b.members: members without a role are not for this file; {ALLOWED}",
    ]


def test_a_limited_file_holds_no_model_and_no_people(tell):
    assert tell("syncd: 1\nunder: /acme/dsi\npeople: {ann: {}}\nroles: {member: {}, admin: {}}\n") == [
        f'{ONE}:3:1: people: the key "people" is not for this file; {ALLOWED}',
        f'{ONE}:4:1: roles: the key "roles" is not for this file; {ALLOWED}',
    ]


def test_people_may_be_allowed_by_name(tell):
    assert tell("syncd: 1\npeople: {ann: {}}\n", {"teams/dsi/**": {"keys": ["people"]}}) == []


@pytest.mark.parametrize("glob", ["teams/*", "teams/dsi", "dsi/**", "teams/dsi/*.yml"])
def test_a_row_for_other_files_limits_nothing(tell, glob):
    assert tell("syncd: 1\npolicy: {admins_min: 2}\n", {glob: {"under": ["/acme/dsi"]}}) == []


@pytest.mark.parametrize("glob", ["**", "**/one.yaml", "teams/*/one.yaml", "teams/dsi/on?.yaml"])
def test_a_row_for_the_file_limits_it(tell, glob):
    assert (
        len(tell("syncd: 1\npolicy: {admins_min: 2}\nunder: /acme/dsi\n", {glob: {"under": ["/acme", "/"]}}))
        >= 1
    )


@pytest.fixture
def mapping(tmp_path):
    path = tmp_path / "acme.yaml"
    path.write_text("syncd: 1\nkeycloak: {realm: acme}\nldap: false\norganizations: {acme: {}}\n")
    return path


def test_the_operator_sets_outputs_and_settings(mapping):
    values = {
        "keycloak.realm": "acme-staging",
        "settings.plan": "free",
        "settings.beta": True,
        "keycloak.client": "x",
    }
    document = load(mapping, name="acme", set_=values).document
    assert (document.keycloak.realm, document.keycloak.client, document.settings.plan) == (
        "acme-staging",
        "x",
        "free",
    )
    assert document.settings.model_extra == {"beta": True}


def test_the_operator_can_turn_an_output_off(mapping):
    assert load(mapping, name="acme", set_={"keycloak": False}).document.keycloak is False


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"policy.mode": "enforce"},
            'set."policy.mode": "policy.mode" cannot be set from outside; only keycloak, ldap, settings can',
        ),
        (
            {"ldap.base": "dc=x"},
            (
                'set."ldap.base": ldap holds no keys in the mapping; '
                "take the line out of `set`, or change the mapping"
            ),
        ),
        (
            {"keycloak..x": 1},
            'set."keycloak..x": "keycloak..x" is not a dotted path; for example keycloak.realm',
        ),
        ({"keycloak.realms": "x"}, 'keycloak.realms: unknown key "realms"; did you mean "realm"?'),
    ],
)
def test_what_the_operator_cannot_set_is_refused_at_the_operators_file(mapping, values, message):
    with pytest.raises(MappingInvalid) as raised:
        load(mapping, name="acme", set_=values, operator=Place("syncd.yaml", 7, 5))
    assert str(raised.value) == f"syncd.yaml:7:5: {message}"
