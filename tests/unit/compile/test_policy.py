"""Constraints on the resulting state: every message names the line and both memberships."""

import pytest

from syncd.errors import Place
from syncd.mapping.compile import check_holdings
from syncd.policy import Holding
from syncd.sources.csv import CsvFormat, parse_csv

MODEL = """syncd: 1
kinds: {{team: {{}}, project: {{within: team}}}}
roles:
  guest: {{scope: project}}
  member: {{scope: team}}
  admin: {{scope: team, inherits: [member]}}
  lead: {{scope: project}}
constraints: [{rule}]
teams:
  t:
    members: {{admin: [{admin}], member: [{member}]}}
    projects: {{p: {{members: {{guest: [{guest}], lead: [{lead}]}}}}, q: {{members: {{guest: [{guest_q}]}}}}}}
"""


@pytest.fixture
def team(refused, compiled):
    def build(rule, ok=False, **members):
        named = {"admin": "", "member": "", "guest": "", "lead": "", "guest_q": "", **members}
        text = MODEL.format(rule=rule, **named)
        return [str(each) for each in compiled(text).assignments] if ok else refused(text)

    return build


def test_exclusive_roles_are_not_held_in_one_unit(team):
    assert team("{exclusive: [member, admin], per: team}", admin="ann", member="bob, ANN@x.example", ok=True)
    assert team("{exclusive: [member, admin], per: team}", admin="ann", member="bob, ann") == [
        (
            'acme.yaml:11:43: /t.members.member: "member" and "admin" exclude each other in one team: '
            'ann holds "member" in /t (acme.yaml:11:43) '
            'and "admin" in /t (acme.yaml:11:23); take one of the two away'
        )
    ]


def test_all_roles_of_a_unit_may_exclude_each_other(team):
    (message,) = team("{exclusive: all, per: unit}", guest="ann", lead="ann")
    assert '"lead" and "guest" exclude each other in one project' in message


def test_exclusive_roles_may_be_held_in_two_units(team):
    assert team("{exclusive: [guest, lead], per: project}", guest_q="ann", lead="ann", ok=True)


def test_separation_counts_inherited_roles_and_units_below(team):
    rule = "{separation: [guest, member], per: team}"
    assert team(rule, admin="ann", guest="bob", ok=True)
    (message,) = team(rule, admin="ann", guest="ann")
    assert message == (
        'acme.yaml:12:38: /t/p.members.guest: "guest" and "member" must be separate people within the team '
        '/t: ann holds "guest" in /t/p (acme.yaml:12:38) '
        'and "admin" in /t (acme.yaml:11:23); take one of the two away'
    )


def test_separation_of_n_allows_fewer(team):
    rule = "{separation: [guest, member, lead], n: 3, per: team}"
    assert team(rule, member="ann", guest="ann", ok=True)
    (message,) = team(rule, member="ann", guest="ann", lead="ann")
    assert '"guest" and "lead" and "member" must be separate people' in message


def test_a_prerequisite_is_met_by_a_role_that_inherits_it_in_the_unit_or_above(team):
    assert team("{prerequisite: {lead: member}}", admin="ann", lead="ann", ok=True)


def test_a_prerequisite_that_is_missing_names_what_is_held_instead(team):
    assert team("{prerequisite: {lead: admin}}", member="ann", lead="ann") == [
        (
            'acme.yaml:12:48: /t/p.members.lead: "lead" needs "admin" in the unit or above, and ann has only '
            '"member" in /t (acme.yaml:11:35); give ann "admin", or take "lead" away'
        )
    ]


def test_a_prerequisite_is_not_met_by_another_branch(team):
    (message,) = team("{prerequisite: {lead: guest}}", guest_q="ann", lead="ann")
    assert "ann holds nothing in /t/p or above" in message


def test_cardinality_limits_the_holders_in_a_unit(team):
    (message,) = team("{cardinality: {admin: {max: 1}}}", admin="ann, bob")
    assert message == (
        'acme.yaml:11:28: /t.members.admin: 2 people hold "admin", at most 1 may; bob here; '
        "ann holds it by acme.yaml:11:23; take one of them out"
    )


def test_a_unit_with_members_needs_the_least_number(team):
    rule = "{cardinality: {admin: {min: 1}}}"
    assert team(rule, guest="ann", ok=True)  # the team itself has no members
    (message,) = team(rule, member="ann")
    assert message == (
        'acme.yaml:10:3: /t.members.admin: of its members 0 hold "admin", at least 1 must; '
        'name somebody under "admin"'
    )


def test_nobody_is_said_to_be_missing_where_a_source_was_not_read(compiled, refused):
    text = """syncd: 1
rosters: {hr: {csv: hr.csv, columns: {email: email}}}
roles: {member: {}, lead: {cardinality: {min: 1}}}
constraints: [{prerequisite: {member: lead}}]
organizations:
  acme: {members: {lead: [{roster: hr, where: all}], member: [ann]}}
"""
    assert compiled(text).frozen
    everybody = parse_csv("hr", b"email\nbob@acme.example\n", CsvFormat(), "hr.csv")
    (message,) = refused(text, {"hr": everybody})
    assert '"member" needs "lead" in the unit or above, and ann holds nothing' in message


def test_one_person_by_two_texts_is_one_person(refused):
    text = """syncd: 1
people: {ann: {email: ann@acme.example}}
constraints: [{exclusive: all}]
organizations: {acme: {members: {admin: [ann], member: [ANN@acme.example]}}}
"""
    (message,) = refused(text)
    assert 'ann@acme.example holds "member"' in message


def test_a_root_unit_is_judged_by_the_model_of_its_own_settings(refused):
    text = """syncd: 1
variants: [{if: {plan: free}, set: {roles.admin.cardinality.max: 1}}]
organizations:
  paid: {members: {admin: [ann, bob]}}
  free: {settings: {plan: free}, members: {admin: [ann, bob]}}
"""
    (message,) = refused(text)
    assert "/free.members.admin: 2 people hold" in message


def test_two_texts_that_turn_out_to_be_one_person_are_no_breach_by_themselves(compiled):
    found = compiled(
        "syncd: 1\nconstraints: [{exclusive: all}]\norganizations: {acme: {members: {admin: [ann, anna]}}}\n"
    )
    held = [Holding("p_1", each.text, each.role, each.unit, each.place) for each in found.assignments]
    assert check_holdings(found, held) == []
    other = Holding("p_1", "ann", "member", ("acme",), Place("hr.csv", 7))
    (problem,) = check_holdings(found, [*held, other])
    assert '"member" in /acme (hr.csv:7:1) and "admin" in /acme' in str(problem)
