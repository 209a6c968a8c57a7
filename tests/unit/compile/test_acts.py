"""Memberships given by acts beside those of the files: who holds what, what wins, what is refused."""

from datetime import date
from itertools import permutations

import pytest

from syncd.acts import Source
from syncd.errors import MappingInvalid
from syncd.mapping.members_acts import renamed
from syncd.render.lines import place_text
from tests.unit.compile.granted import ACME, HR, SINCE, act

OWNED = """syncd: 1
roles:
  owner: {scope: organization, cardinality: {max: 1}, assigned_by: transfer}
  member: {}
organizations:
  acme: {members: {owner: [{person: ann@acme.example, initial: true}]}}
"""


@pytest.fixture
def refusal(united):
    def refused(*args, **more):
        with pytest.raises(MappingInvalid) as caught:
            united(*args, **more)
        return [str(problem) for problem in caught.value.problems]

    return refused


def held(compiled):
    return {(str(compiled.units[one.unit]), one.role, one.who) for one in compiled.assignments}


def warnings(compiled):
    return [str(problem) for problem in compiled.warnings]


# --- what an act gives ----------------------------------------------------------------------------------


def test_an_act_gives_a_role_beside_those_of_the_files(united):
    found = united(ACME, act(unit="/acme/sre", reason="on call"))
    assert held(found) == {
        ("/acme", "admin", "ann@acme.example"),
        ("/acme/sre", "member", "eve@acme.example"),
    }
    (given,) = (one for one in found.assignments if one.by_act)
    assert (str(given.place), place_text(given.place)) == ("act g_1234", "act g_1234")
    assert (given.source, given.rule) == ("admin", "given by operator:kim on 2026-11-01")
    assert (given.reason, given.since, given.until) == ("on call", SINCE, None)


@pytest.mark.parametrize("source", Source)
def test_the_source_of_the_act_is_the_source_of_the_membership(united, source):
    (given,) = (one for one in united(ACME, act(source=source)).assignments if one.by_act)
    assert given.source == source.value


def test_a_person_who_acts_is_called_as_the_acts_call_the_person(united):
    acts = [
        act("kim@acme.example", "admin"),
        act(by="p_kim", id_="g_2"),
        act("joe@acme.example", by="p_ann", id_="g_3"),
    ]
    rules = {one.who: one.rule for one in united(ACME, *acts).assignments if one.by_act}
    assert rules["eve@acme.example"] == "given by kim@acme.example on 2026-11-01"
    assert rules["joe@acme.example"] == "given by p_ann on 2026-11-01"


def test_the_same_acts_in_any_order_give_an_equal_value(united):
    acts = [act(), act("joe", id_="g_2"), act("eve@acme.example", id_="g_3", until=date(2027, 1, 1))]
    results = [united(ACME, *each) for each in permutations(acts)]
    assert all(result == results[0] for result in results)
    assert len([one for one in results[0].assignments if one.who == "eve@acme.example"]) == 1


@pytest.mark.parametrize(("day", "here"), [(date(2026, 12, 5), True), (date(2026, 12, 6), False)])
def test_an_act_holds_until_its_last_day(united, day, here):
    found = united(ACME, act(until=date(2026, 12, 5)), today=day)
    assert any(one.by_act for one in found.assignments) is here


def test_the_end_of_an_act_is_announced(united):
    found = united(ACME, act(until=date(2026, 12, 1)))
    assert [(day, one.who) for day, one in found.upcoming] == [(date(2026, 12, 1), "eve@acme.example")]


def test_the_end_of_a_person_ends_what_acts_gave(united):
    text = f"{ACME}people: {{eve: {{email: eve@acme.example, until: 2026-11-23}}}}\n"
    assert held(united(text, act())) == {("/acme", "admin", "ann@acme.example")}


@pytest.mark.parametrize(
    "rule", ["assignable: false", "assigned_by: transfer", "expires: required", "expires: P1M"]
)
def test_what_only_files_may_not_give_an_act_keeps(united, rule):
    text = ACME.replace(
        "organizations:", f"roles: {{admin: {{}}, member: {{}}, special: {{{rule}}}}}\norganizations:"
    )
    found = united(text, act(role="special", until=None if "required" in rule else date(2027, 11, 1)))
    assert ("/acme", "special", "eve@acme.example") in held(found)


# --- where the unit or the role changed -----------------------------------------------------------------


RENAMED = """syncd: 1
kinds: {organization: {}, team: {within: organization}}
roles: {guest: {formerly: [visitor], scope: team}, chief: {scope: organization}}
organizations:
  acme:
    teams: {platform: {id: t1, formerly: [ops]}}
"""


@pytest.mark.parametrize("unit", ["t1", "/acme/platform", "/acme/ops"])
@pytest.mark.parametrize("role", ["guest", "visitor"])
def test_an_act_follows_its_unit_and_its_role_through_renames(united, unit, role):
    found = united(RENAMED, act(unit=unit, role=role))
    assert held(found) == {("/acme/platform", "guest", "eve@acme.example")}
    assert not found.warnings


def test_acts_with_names_of_before_are_told_for_writing_them_down(united):
    now, before = act(unit="t1", role="guest"), act(unit="/acme/ops", role="visitor", id_="g_2")
    gone = act(unit="/acme/gone", role="guest", id_="g_3")
    found = renamed(united(RENAMED, now, before, gone), [now, before, gone])
    assert [(one.id, one.unit, one.role) for one in found] == [("g_2", "t1", "guest")]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (act(unit="/acme/gone"), "there is no unit /acme/gone any more"),
        (act(role="boss"), 'the organization /acme has no role "boss" any more'),
        (act(role="guest"), 'the organization /acme has no role "guest" any more'),
        (act(""), "it names no person"),
    ],
)
def test_an_act_that_leads_nowhere_is_passed_over_with_a_warning(united, given, why):
    text = "syncd: 1\nroles: {guest: {scope: team}, member: {}}\norganizations: {acme: {}}\n"
    found = united(text, given)
    assert not found.assignments
    (warning,) = warnings(found)
    assert warning.startswith(f"act g_1234: {given.unit}.members.{given.role}: ")
    assert f"{why}: it holds nothing; say `formerly` where it is now; or put it back, remove" in warning


def test_an_act_gives_nothing_where_members_are_unmanaged(united):
    found = united("syncd: 1\norganizations: {acme: {members: unmanaged}}\n", act())
    assert (found.assignments, len(found.warnings)) == ((), 1)
    assert "the members of /acme are unmanaged" in warnings(found)[0]


def test_an_act_in_units_that_swap_their_names_is_given_to_neither(refusal):
    text = "syncd: 1\norganizations: {acme: {teams: {one: {formerly: [two]}, two: {formerly: [one]}}}}\n"
    (message,) = refusal(text, act(unit="/acme/one"))
    assert message.startswith(
        'act g_1234: /acme/one.members.member: eve@acme.example was given "member" in /acme/one'
    )
    assert "/acme/one and /acme/two are or were called so" in message
    assert "rename in two steps" in message


# --- who wins -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ["eve@acme.example", "{person: eve@acme.example, until: 2026-12-01}"])
def test_the_file_wins_silently_over_an_act(united, entry):
    found = united(
        f"syncd: 1\norganizations: {{acme: {{members: {{member: [{entry}]}}}}}}\n", act(waits="i_1")
    )
    (one,) = found.assignments
    assert (one.source, one.waits, one.by_act) == ("file", "", False)
    assert not found.warnings


def test_what_the_file_ended_an_act_still_gives(united):
    entry = "{person: eve@acme.example, until: 2026-11-01}"
    found = united(f"syncd: 1\norganizations: {{acme: {{members: {{member: [{entry}]}}}}}}\n", act())
    assert [one.source for one in found.assignments] == ["admin"]


def test_the_file_wins_by_whatever_text_it_names_the_person(united):
    text = f"{ACME}people: {{eve: {{email: eve@acme.example}}}}\n".replace(
        "{sre: {}}", "{sre: {members: [eve]}}"
    )
    found = united(text, act(unit="/acme/sre"))
    assert [one.source for one in found.assignments if one.unit[-1] == "sre"] == ["file"]
    assert not found.warnings


def test_a_roster_wins_over_an_act_and_fills_in_the_person(united):
    text = """syncd: 1
rosters: {hr: {csv: hr.csv, columns: {email: email, username: username, given_name: given_name}}}
organizations:
  acme:
    members: {member: [{roster: hr, where: all}]}
    teams: {a: {}}
"""
    found = united(
        text, act("bob"), act("bob", unit="/acme/a", id_="g_2"), act(id_="g_3"), rosters={"hr": HR}
    )
    sources = {(one.unit[-1], one.who): one.source for one in found.assignments}
    assert sources == {
        ("acme", "ann@acme.example"): "roster",
        ("acme", "bob@acme.example"): "roster",
        ("a", "bob@acme.example"): "admin",
        ("acme", "eve@acme.example"): "admin",
    }
    bob, eve = found.people["bob@acme.example"], found.people["eve@acme.example"]
    assert (bob.given_name, bob.username, bob.source, str(bob.place)) == (
        "Bob",
        "bob",
        "roster",
        "hr.csv:3:1",
    )
    assert (eve.email, eve.source, str(eve.place)) == ("eve@acme.example", "admin", "act g_3")


def test_a_line_of_the_file_makes_the_person_the_files_own(united):
    text = ACME.replace("{sre: {}}", "{sre: {members: [eve@acme.example]}}")
    assert united(text, act()).people["eve@acme.example"].source == "file"


def test_of_two_acts_the_one_that_waits_for_nobody_and_lasts_longest_counts(united):
    acts = [
        act(id_="g_1", waits="i_1"),
        act(id_="g_2", until=date(2026, 12, 1)),
        act(id_="g_3", until=date(2026, 12, 9)),
    ]
    (one,) = (one for one in united(ACME, *acts).assignments if one.by_act)
    assert str(one.place) == "act g_3"


# --- seeds ----------------------------------------------------------------------------------------------


def test_a_seed_belongs_to_acts_once_one_gives_the_role(united):
    assert held(united(OWNED)) == {("/acme", "owner", "ann@acme.example")}
    assert held(united(OWNED, act(role="owner"))) == {("/acme", "owner", "eve@acme.example")}
    assert held(united(OWNED, act(role="owner", until=date(2026, 11, 1)))) == set()
    assert ("/acme", "owner", "ann@acme.example") in held(united(OWNED, act()))


def test_an_invitation_takes_the_role_from_nobody(refusal):
    (message,) = refusal(OWNED, act(role="owner", waits="i_1"))
    assert '2 people hold "owner", at most 1 may' in message


# --- what else sees them --------------------------------------------------------------------------------


def test_members_of_takes_over_whom_acts_let_in_and_what_they_wait_for(united):
    text = ACME.replace("{sre: {}}", "{sre: {members: [{members_of: '..', role: member}]}}")
    found = united(text, act(source=Source.JOIN), act("joe", id_="g_2", waits="i_1"))
    below = {one.who: one for one in found.assignments if one.unit[-1] == "sre"}
    assert set(below) == {"ann@acme.example", "eve@acme.example", "joe"}
    assert (below["eve@acme.example"].source, below["eve@acme.example"].waits) == ("join", "")
    assert below["joe"].waits == "i_1"
    assert str(below["eve@acme.example"].place).startswith("acme.yaml:")
    assert "(act g_1234)" in below["eve@acme.example"].rule


def test_the_members_of_a_kind_see_whom_acts_let_in(united):
    text = """syncd: 1
kinds:
  space: {}
  room: {within: space, members: {room/granted: [{members_of: "..", role: lead}]}}
roles: {lead: {scope: space}, room/granted: {scope: room}}
spaces: {s: {rooms: {r: {}}}}
"""
    assert ("/s/r", "room/granted", "eve@acme.example") in held(united(text, act(role="lead", unit="/s")))


def test_a_constraint_names_the_act_and_the_line(refusal):
    text = ACME.replace("organizations:", "constraints: [{exclusive: [admin, member]}]\norganizations:")
    (message,) = refusal(text, act("ann@acme.example"))
    assert '"admin" in /acme (acme.yaml:5:23)' in message
    assert '"member" in /acme (act g_1234)' in message


def test_acts_count_for_the_least_number_of_holders(united, refusal):
    text = """syncd: 1
roles: {lead: {cardinality: {min: 1}}, member: {}}
organizations: {acme: {members: {member: [ann]}}}
"""
    assert 'of its members 0 hold "lead"' in refusal(text)[0]
    assert united(text, act(role="lead", waits="i_1")).assignments


def test_nobody_is_invited_once_more_for_having_been_let_in(united):
    text = f"{ACME}invitations: {{unknown: invite}}\n"
    assert {one.who: one.unknown for one in united(text, act()).assignments} == {
        "ann@acme.example": "invite",
        "eve@acme.example": "wait",
    }


@pytest.mark.parametrize(("waits", "unknown"), [("", "create"), ("i_1", "wait")])
def test_an_account_is_made_for_an_act_unless_it_waits(united, waits, unknown):
    text = ACME.replace("organizations:", "invitations: {unknown: create}\norganizations:")
    (one,) = (one for one in united(text, act(waits=waits)).assignments if one.by_act)
    assert one.unknown == unknown
