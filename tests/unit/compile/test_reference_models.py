"""The five reference models with a little data compile, and render for both targets without a problem."""

from pathlib import Path

import pytest

from syncd.mapping import outputs

SYSTEMS = Path(__file__).parents[2] / "data" / "systems"
DATA = {
    "dastra": """
organizations:
  o:
    workspaces:
      w:
        members: {administrator: [ann], reader: [bob]}
        legal_entities: {e: {departments: {d: {}}}}
        teams: {t: {attached_to: [/o/w/e], members: [carl]}}
""",
    "docspace": """
spaces:
  s:
    members: {owner: [{person: ann, initial: true}], room_admin: [bob], user: [carl]}
    rooms: {r: {members: {owner: [{person: bob, initial: true}], viewer: [carl]}}}
""",
    "universign": """
workspaces:
  w:
    members: {owner: [{person: ann, initial: true}], administrator: [bob], reader: [carl]}
    folders: {f: {access: private, members: {granted: [carl]}}}
""",
    "todoist": """
teams: {t: {members: {admin: [ann], member: [bob]}, projects: {p: {members: {guest: [carl]}}}}}
""",
    "datasud": """
platforms:
  p:
    organizations:
      a: {title: A, attributes: {type: x}, members: {editor: [ann]}}
      b: {title: B, attributes: {type: x}, attached_to: [/p/g], members: {delegated_administrator: [ann]}}
    organization_groups: {g: {}}
""",
}


@pytest.mark.parametrize("system", sorted(DATA))
def test_a_reference_model_compiles_and_renders(compiled, system):
    model = (SYSTEMS / f"{system}.model.yaml").read_text(encoding="utf-8")
    found = compiled(f"{model}{DATA[system]}ldap: {{base: 'ou=x,dc=example'}}\n")
    assert outputs.problems(found, "test") == []
    assert {
        output: bool(outputs.render(found, output, "test", None).state)
        for output in outputs.output_names(found)
    } == {
        "keycloak": True,
        "ldap": True,
    }


def test_administrators_and_the_owner_are_always_granted_a_private_folder(compiled):
    model = (SYSTEMS / "universign.model.yaml").read_text(encoding="utf-8")
    found = compiled(f"{model}{DATA['universign']}")
    assert [each.who for each in found.assignments if each.role == "folder/granted"] == ["ann", "bob", "carl"]


@pytest.mark.parametrize(
    ("system", "old", "new", "message"),
    [
        (
            "docspace",
            "user: [carl]",
            "user: [carl, bob]",
            '"user" and "room_admin" exclude each other in one space',
        ),
        (
            "docspace",
            "viewer: [carl]",
            "viewer: [], admin: [carl]",
            '"room/admin" needs "room_admin" in the unit or above',
        ),
        (
            "todoist",
            "guest: [carl]",
            "guest: [ann]",
            '"guest" and "member" must be separate people within the team /t',
        ),
        (
            "datasud",
            "editor: [ann]",
            "editor: [ann], registered_user: [ann]",
            "exclude each other in one organization",
        ),
        ("dastra", "administrator: [ann], ", "", 'of its members 0 hold "administrator", at least 1 must'),
    ],
)
def test_a_reference_model_refuses_what_the_product_refuses(refused, system, old, new, message):
    model = (SYSTEMS / f"{system}.model.yaml").read_text(encoding="utf-8")
    assert old in DATA[system]
    assert any(message in each for each in refused(model + DATA[system].replace(old, new)))
