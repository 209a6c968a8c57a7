"""Who holds what on a day: texts, rosters, other units, directory groups, dates, freezes."""

from datetime import date

import pytest

from syncd.mapping.compile import needs_of
from syncd.mapping.members_select import GroupRef
from syncd.sources.csv import CsvFormat, parse_csv
from syncd.sources.health import judge

HR = """email,department,until
ann@acme.example,grants,
bob@acme.example,it,2026-11-28
carl@acme.example,it,2026-11-23
"""


def hr(text=HR, frozen=""):
    fresh = parse_csv("hr", text.encode(), CsvFormat(), "hr.csv")
    if not frozen:
        return fresh
    return judge(parse_csv("hr", b"", CsvFormat(), "hr.csv"), fresh, "2026-11-23", 10)


def with_roster(entry, more=""):
    return f"""syncd: 1
rosters: {{hr: {{csv: hr.csv, columns: {{email: email}}}}}}
organizations:
  acme:
    members:
      member:
        - {entry}
{more}"""


def held(compiled):
    return {
        (str(compiled.units[each.unit]), each.role, each.who)
        for each in compiled.assignments
        if not each.lent
    }


def people(compiled, role="member"):
    return [each.who for each in compiled.assignments if each.role == role]


def warnings(compiled):
    return [str(problem) for problem in compiled.warnings]


def test_addresses_are_folded_and_places_kept(compiled):
    found = compiled(
        "syncd: 1\norganizations:\n  acme:\n    members:\n      admin: [ANN@Acme.example]\n"
    ).assignments[0]
    assert (found.who, found.text, str(found.place)) == (
        "ann@acme.example",
        "ann@acme.example",
        "acme.yaml:5:15",
    )


def test_a_bare_list_means_the_one_role_that_inherits_nothing(compiled):
    assert held(compiled("syncd: 1\norganizations: {acme: {members: [ann]}}\n")) == {
        ("/acme", "member", "ann")
    }


def test_a_bare_list_means_the_default_role_where_there_is_one(compiled):
    text = "syncd: 1\ninvitations: {default_role: admin}\norganizations: {acme: {members: [ann]}}\n"
    assert held(compiled(text)) == {("/acme", "admin", "ann")}


def test_short_role_names_mean_the_role_in_scope(compiled):
    text = """syncd: 1
kinds: {space: {}, room: {within: space}}
roles: {admin: {scope: space}, room/admin: {scope: room}}
spaces: {s: {members: {admin: [a]}, rooms: {r: {members: {admin: [b]}}}}}
"""
    assert held(compiled(text)) == {("/s", "admin", "a"), ("/s/r", "room/admin", "b")}


def test_unmanaged_members_are_nobodys_business(compiled):
    unit = compiled("syncd: 1\norganizations: {acme: {members: unmanaged}}\n").units["acme",]
    assert unit.unmanaged == {"member", "admin"}


@pytest.mark.parametrize(
    ("day", "here"),
    [
        (date(2026, 11, 30), False),
        (date(2026, 12, 1), True),
        (date(2026, 12, 5), True),
        (date(2026, 12, 6), False),
    ],
)
def test_both_days_of_an_entry_count(compiled, day, here):
    entry = "{person: ann, from: 2026-12-01, until: 2026-12-05}"
    text = f"syncd: 1\norganizations: {{acme: {{members: {{admin: [{entry}]}}}}}}\n"
    assert bool(compiled(text, today=day).assignments) is here


def test_what_begins_or_ends_within_seven_days_is_announced(compiled):
    text = """syncd: 1
organizations:
  acme:
    members:
      member:
        - {person: early, from: 2026-12-01}
        - {person: late, from: 2026-12-02}
        - {person: leaving, until: 2026-12-01}
        - {person: staying, until: 2026-12-02}
"""
    announced = [(day.isoformat(), each.who) for day, each in compiled(text).upcoming]
    assert announced == [("2026-12-01", "early"), ("2026-12-01", "leaving")]


def test_the_end_of_a_person_ends_everything_the_person_holds(compiled):
    text = """syncd: 1
people: {ann: {until: 2026-11-23}}
organizations: {acme: {members: {admin: [ann, bob]}}}
"""
    assert people(compiled(text), "admin") == ["bob"]
    ending = compiled(text.replace("2026-11-23", "2026-11-25"))
    assert [each.until for each in ending.assignments] == [date(2026, 11, 25), None]


def test_a_roster_selects_by_column(compiled):
    found = compiled(with_roster("{roster: hr, where: {department: it}}"), {"hr": hr()})
    assert people(found) == ["bob@acme.example", "carl@acme.example"]
    first = found.assignments[0]
    assert (str(first.place), first.rule, first.source) == (
        "hr.csv:3:1",
        "roster hr at acme.yaml:7:11",
        "roster",
    )


@pytest.mark.parametrize(
    ("where", "who"),
    [
        ("all", ["ann", "bob", "carl"]),
        ("{department: [it, grants]}", ["ann", "bob", "carl"]),
        ("{department: {not: [it]}}", ["ann"]),
        ("{department: it, email: bob@acme.example}", ["bob"]),
        ("{}", []),
    ],
)
def test_where_selects_rows(compiled, where, who):
    found = compiled(with_roster(f"{{roster: hr, where: {where}}}"), {"hr": hr()})
    assert people(found) == [f"{name}@acme.example" for name in who]


def test_a_missing_where_selects_nobody_and_says_so(compiled):
    found = compiled(with_roster("{roster: hr}"), {"hr": hr()})
    assert people(found) == []
    assert found.frozen == {}
    assert warnings(found) == [
        (
            "acme.yaml:7:11: organizations.acme.members.member[1]: the selection has no `where`, "
            "so it selects nobody; everybody is `where: all`"
        )
    ]


def test_a_value_that_occurs_nowhere_is_a_warning_with_a_suggestion_and_freezes(compiled):
    found = compiled(with_roster("{roster: hr, where: {department: grant}}"), {"hr": hr()})
    assert 'no row of roster "hr" has "grant"; did you mean "grants"?' in warnings(found)[0]
    assert found.frozen == {("member", "/acme"): "the selection of hr at acme.yaml:7:11 is empty"}


def test_an_unknown_column_is_an_error_with_a_suggestion(refused):
    messages = refused(with_roster("{roster: hr, where: {departement: it}}"), {"hr": hr()})
    assert messages == [
        (
            "acme.yaml:7:32: organizations.acme.members.member[1].where.departement: "
            'roster "hr" has no column "departement"; did you mean "department"?'
        )
    ]


def test_except_takes_people_out_however_they_are_named(compiled):
    more = "people: {carla: {email: carl@acme.example}}\n"
    found = compiled(
        with_roster("{roster: hr, where: {department: it}, except: [carla]}", more), {"hr": hr()}
    )
    assert people(found) == ["bob@acme.example"]
    assert found.warnings == ()


def test_except_that_names_nobody_is_a_warning_with_a_suggestion(compiled):
    entry = "{roster: hr, where: all, except: [anne@acme.example]}"
    found = compiled(with_roster(entry), {"hr": hr()})
    assert len(people(found)) == 3
    assert (
        'names "anne@acme.example", who is not in roster "hr"; did you mean "ann@acme.example"?'
        in warnings(found)[0]
    )


def test_the_last_day_may_come_from_a_column(compiled):
    found = compiled(with_roster("{roster: hr, where: all, until: {column: until}}"), {"hr": hr()})
    assert [(each.who, each.until) for each in found.assignments] == [
        ("ann@acme.example", None),
        ("bob@acme.example", date(2026, 11, 28)),
    ]


def test_a_last_day_that_is_no_date_is_refused_with_its_row(refused):
    entry = "{roster: hr, where: all, until: {column: until}}"
    (message,) = refused(with_roster(entry), {"hr": hr(HR.replace("2026-11-28", "28/11/2026"))})
    assert message.endswith('"28/11/2026" (hr.csv:3:1) is not a date; dates are %Y-%m-%d')


def test_a_frozen_roster_freezes_what_depends_on_it_and_nothing_else(compiled):
    more = """    teams:
      sre: {members: {member: [{members_of: "..", role: member}]}}
      ops: {members: {member: [dan@acme.example]}}
"""
    found = compiled(with_roster("{roster: hr, where: all}", more), {"hr": hr(frozen="yes")})
    assert set(found.frozen) == {("member", "/acme"), ("member", "/acme/sre")}
    assert "the copy read 2026-11-23 stands in" in found.frozen["member", "/acme"]
    assert ("/acme/sre", "member", "ann@acme.example") in held(found)


def test_a_roster_that_was_not_read_is_frozen_and_not_empty(compiled):
    found = compiled(with_roster("{roster: hr, where: all}"))
    assert found.frozen == {("member", "/acme"): "roster hr was not read"}


def test_a_row_without_a_name_freezes_the_removals(compiled):
    found = compiled(with_roster("{roster: hr, where: all}"), {"hr": hr("email,x\nann@acme.example,1\n,2\n")})
    assert found.frozen == {("member", "/acme"): "hr.csv:3:1 of roster hr names nobody"}


def test_holders_of_inheriting_roles_are_members_of_too(compiled):
    text = """syncd: 1
organizations:
  acme:
    members: {admin: [ann], member: [bob, carl]}
    teams:
      all: {members: {member: [{members_of: /acme, role: member, except: [carl]}]}}
      heads: {members: {member: [{members_of: "..", role: admin}]}}
"""
    found = held(compiled(text))
    assert {each for each in found if each[0] != "/acme"} == {
        ("/acme/all", "member", "ann"),
        ("/acme/all", "member", "bob"),
        ("/acme/heads", "member", "ann"),
    }


def test_below_takes_the_units_below_too(compiled):
    text = """syncd: 1
organizations:
  acme: {members: {member: [a]}, teams: {x: {members: {member: [b]}, teams: {y: {members: {member: [c]}}}}}}
  list: {members: {member: [{members_of: /acme, role: member, below: true}]}}
"""
    found = compiled(text)
    assert {who for unit, _, who in held(found) if unit == "/list"} == {"a", "b", "c"}


def test_members_of_in_a_circle_is_an_error_that_shows_the_circle(refused):
    text = """syncd: 1
organizations:
  a: {members: {member: [{members_of: /b, role: member}]}}
  b: {members: {member: [{members_of: /a, role: member}]}}
"""
    (message,) = refused(text)
    assert "acme.yaml:" in message
    assert (
        'taken from one another in a circle: "member" of /a → "member" of /b → "member" of /a'
        in message.replace(
            '"member" of /b → "member" of /a → "member" of /b',
            '"member" of /a → "member" of /b → "member" of /a',
        )
    )


def test_a_kind_gives_members_to_all_of_its_units(compiled):
    text = """syncd: 1
kinds:
  company: {plural: companies}
  department: {within: company, members: {member: [{roster: hr, where: {department: "{id}"}}]}}
roles: {member: {}}
rosters: {hr: {csv: hr.csv, columns: {email: email}}}
companies: {acme: {departments: {Research: {id: grants}, Technology: {id: it}}}}
"""
    assert held(compiled(text, {"hr": hr()})) == {
        ("/acme/Research", "member", "ann@acme.example"),
        ("/acme/Technology", "member", "bob@acme.example"),
        ("/acme/Technology", "member", "carl@acme.example"),
    }


def test_a_unit_that_lacks_what_its_kind_needs_is_an_error_at_the_unit(refused):
    text = """syncd: 1
kinds:
  company: {plural: companies}
  department: {within: company, members: {member: [{roster: hr, where: {department: "{id}"}}]}}
roles: {member: {}}
rosters: {hr: {csv: hr.csv, columns: {email: email}}}
companies:
  acme: {departments: {Research: {}}}
"""
    assert refused(text, {"hr": hr()}) == [
        (
            "acme.yaml:8:24: companies.acme.departments.Research: the members of its kind (acme.yaml:4:52) "
            "need {id}, which this unit does not have; give the unit `id`"
        )
    ]


def test_members_of_an_attached_unit_are_shown_where_it_is_attached(compiled):
    text = """syncd: 1
kinds:
  space: {}
  entity: {within: space, plural: entities}
  team: {within: space, attaches_to: {kinds: [entity], one_kind: true}}
roles: {team/member: {scope: team}}
spaces:
  s:
    entities: {e: {}}
    teams:
      one: {attached_to: [/s/e], members: {member: [ann, bob]}}
      two: {attached_to: [/s/e], members: {member: [bob]}}
"""
    found = compiled(text)
    lent = [
        (str(found.units[each.unit]), each.role, each.who, each.rule)
        for each in found.assignments
        if each.lent
    ]
    assert lent == [
        ("/s/e", "team/member", "ann", "attached: /s/one"),
        ("/s/e", "team/member", "bob", "attached: /s/one"),
    ]
    assert found.units["s", "e"].lent == ("team/member",)


def test_a_lent_role_may_not_be_one_of_the_unit_itself(refused):
    text = """syncd: 1
kinds: {org: {}, group: {}, unused: {within: org}, team: {within: org, attaches_to: {kinds: [group]}}}
roles: {member: {}}
groups: {g: {}}
orgs: {o: {teams: {t: {attached_to: [/g]}}}}
"""
    assert any(
        'the role "member" is one of /g itself; lent ones carry no permissions' in each
        for each in refused(text)
    )


def test_two_texts_for_one_person_in_one_file_are_an_error(refused):
    text = """syncd: 1
people: {ann: {email: ann@acme.example}}
organizations:
  acme:
    members:
      admin: [ann, ann@acme.example]
"""
    assert refused(text) == [
        (
            'acme.yaml:6:20: /acme.members.admin: "ann" (acme.yaml:6:15) and "ann@acme.example" are one '
            "person; keep one of the two"
        )
    ]


def test_two_texts_for_one_person_across_sources_are_a_note(compiled):
    more = "people: {bob: {email: bob@acme.example}}\n"
    found = compiled(with_roster("bob\n        - {roster: hr, where: {department: it}}", more), {"hr": hr()})
    assert people(found) == ["bob", "carl@acme.example"]
    assert "are one person" in warnings(found)[0]


def test_a_roster_row_fills_the_gaps_of_people(compiled):
    more = "people: {ann@acme.example: {given_name: Anna}}\n"
    text = with_roster("{roster: hr, where: all}", more).replace(
        "email: email}", "email: email, given_name: first, family_name: last}"
    )
    found = compiled(text, {"hr": hr("email,first,last\nANN@acme.example,Ann,Arc\nbo@acme.example,Bo,Ek\n")})
    ann, bo = found.people["ann@acme.example"], found.people["bo@acme.example"]
    assert (ann.given_name, ann.family_name, ann.source) == ("Anna", "Arc", "file")
    assert (bo.given_name, bo.source, str(bo.place)) == ("Bo", "roster", "hr.csv:3:1")


def test_a_username_of_a_roster_row_means_the_person_of_its_address(compiled):
    text = with_roster("bo\n        - {roster: hr, where: all}").replace(
        "email: email}", "email: email, username: login}"
    )
    found = compiled(text, {"hr": hr("email,login\nbo@acme.example,bo\n")})
    assert people(found) == ["bo@acme.example"]


def test_unknown_people_wait_unless_role_roster_or_mapping_says_otherwise(compiled):
    text = """syncd: 1
roles: {member: {}, admin: {unknown: wait}}
invitations: {unknown: create}
rosters: {hr: {csv: hr.csv, columns: {email: email}, unknown: invite}}
organizations:
  acme: {members: {member: [ann, {roster: hr, where: {department: it}}], admin: [bob]}}
  old: {state: archived, members: {member: [carl]}}
"""
    found = compiled(text, {"hr": hr()})
    assert {(each.role, each.who): each.unknown for each in found.assignments} == {
        ("member", "ann"): "create",
        ("member", "bob@acme.example"): "invite",
        ("member", "carl@acme.example"): "invite",
        ("admin", "bob"): "wait",
        ("member", "carl"): "wait",
    }


def test_an_account_made_for_one_membership_serves_the_others_in_the_same_run(compiled):
    text = """syncd: 1
roles: {member: {}, admin: {unknown: wait}}
invitations: {unknown: create}
organizations:
  acme: {members: {member: [ann], admin: [ann, bob]}}
  old: {state: archived, members: {member: [ann]}}
"""
    assert [(each.who, each.unknown) for each in compiled(text).assignments] == [
        ("ann", "create"),
        ("bob", "wait"),
        ("ann", "create"),
        ("ann", "create"),
    ]


def test_members_of_a_directory_group_are_members(compiled, write):
    text = """syncd: 1
organizations: {acme: {members: {member: [{ldap_group: {connection: ad, dn: "cn=devs,dc=x"}}]}}}
"""
    assert needs_of(write(text)).groups == {GroupRef("ad", "cn=devs,dc=x")}
    group = parse_csv("devs", b"email,username\nann@acme.example,ann\n,bob\n", CsvFormat(), "ad")
    found = compiled(text, groups={GroupRef("ad", "cn=devs,dc=x"): group})
    assert people(found) == ["ann@acme.example", "bob"]
    assert compiled(text).frozen == {("member", "/acme"): "the directory group cn=devs,dc=x was not read"}


def test_the_date_columns_of_a_roster_are_known_before_it_is_read(write):
    text = with_roster("{roster: hr, where: all, until: {column: end}}")
    assert needs_of(write(text)).rosters == {"hr": frozenset({"end"})}


@pytest.mark.parametrize(
    ("role", "entry", "message"),
    [
        ("{assignable: false}", "ann", 'the role "r" is not given by files'),
        ("{assigned_by: transfer}", "ann", 'the role "r" changes hands by transfer, not by files'),
        ("{expires: required}", "ann", 'the role "r" must end; add `until`'),
        (
            "{expires: P1Y}",
            "{person: ann, until: 2027-11-25}",
            'the role "r" is given for P1Y at most, so until 2027-11-24',
        ),
    ],
)
def test_a_role_may_limit_how_it_is_given(refused, role, entry, message):
    unit = f"orgs: {{acme: {{members: {{r: [{entry}]}}}}}}"
    text = f"syncd: 1\nkinds: {{org: {{}}}}\nroles: {{r: {role}}}\n{unit}\n"
    assert any(message in each for each in refused(text))


def test_the_first_owner_may_be_seeded(compiled):
    text = """syncd: 1
kinds: {org: {}}
roles: {owner: {assigned_by: transfer}}
orgs: {acme: {members: {owner: [{person: ann, initial: true}]}}}
"""
    assert [each.initial for each in compiled(text).assignments] == [True]


def test_a_variant_takes_a_role_away_where_its_setting_holds(refused, compiled):
    text = """syncd: 1
settings: {plan: business}
variants: [{if: {plan: free}, set: {roles.member.assignable: false}}]
organizations:
  one: {members: {member: [ann]}}
  two: {settings: {plan: PLAN}, members: {member: [bob]}}
"""
    assert len(compiled(text.replace("PLAN", "business")).assignments) == 2
    assert refused(text.replace("PLAN", "free")) == [
        (
            'acme.yaml:6:43: organizations.two.members.member: the role "member" is not given by files; '
            "it is `assignable: false`"
        )
    ]


def test_a_variant_gives_a_role_where_its_setting_holds(refused, compiled):
    text = """syncd: 1
roles: {member: {}, guest: {assignable: false, scope: team}}
settings: {plan: free}
variants: [{if: {plan: business}, set: {roles.guest.assignable: true, roles.guest.scope: [organization]}}]
organizations:
  one: {settings: {plan: PLAN}, members: {guest: [ann]}}
"""
    assert [each.role for each in compiled(text.replace("PLAN", "business")).assignments] == ["guest"]
    (problem,) = refused(text.replace("PLAN", "free"))
    assert problem.startswith("acme.yaml:6:43: organizations.one.members.guest: ")


def test_every_unit_of_a_kind_cannot_get_a_role_that_its_root_does_not_give(refused):
    text = """syncd: 1
kinds: {org: {members: {r: [ann]}}}
roles: {r: {}}
variants: [{if: {plan: free}, set: {roles.r.assignable: false}}]
orgs: {one: {}, two: {settings: {plan: free}}}
"""
    assert refused(text) == [
        'acme.yaml:2:29: kinds.org.members.r[1]: the role "r" cannot be given; here it is `assignable: false`'
    ]


def test_what_is_taken_from_a_first_owner_follows_the_owner_and_seeds_nothing(compiled):
    text = """syncd: 1
kinds: {org: {}, folder: {within: org, members: {granted: [{members_of: "..", role: owner}]}}}
roles: {owner: {scope: org, assigned_by: transfer}, granted: {scope: folder}}
orgs: {acme: {members: {owner: [{person: ann, initial: true}]}, folders: {f: {}}}}
"""
    assert [(each.role, each.initial) for each in compiled(text).assignments] == [
        ("owner", True),
        ("granted", False),
    ]


def test_a_role_says_before_a_roster_what_to_do_about_unknown_people(compiled):
    text = with_roster("{roster: hr, where: all}", "roles: {member: {unknown: create}}\n")
    found = compiled(text.replace("email: email}", "email: email}, unknown: invite"), {"hr": hr()})
    assert {each.unknown for each in found.assignments} == {"create"}


def test_of_two_sources_the_one_that_lasts_longer_counts(compiled):
    entry = "{person: bob@acme.example, until: 2027-01-01}\n        - {roster: hr, where: {department: it}}"
    found = compiled(with_roster(entry), {"hr": hr()})
    bob = next(each for each in found.assignments if each.who == "bob@acme.example")
    assert (bob.until, bob.source) == (None, "roster")


def test_a_frozen_role_is_frozen_where_it_is_lent_to(compiled):
    text = """syncd: 1
kinds:
  space: {}
  entity: {within: space, plural: entities}
  team: {within: space, attaches_to: {kinds: [entity]}}
roles: {team/member: {scope: team}}
rosters: {hr: {csv: hr.csv, columns: {email: email}}}
spaces:
  s:
    entities: {e: {}}
    teams: {t: {attached_to: [/s/e], members: [{roster: hr, where: all}]}}
"""
    assert set(compiled(text).frozen) == {("team/member", "/s/t"), ("team/member", "/s/e")}


PROFILES = """email,family_name,department,state
ann@acme.example,Arden,grants,
bob@acme.example,Boll,it,
carla@acme.example,Costa,it,disabled
"""
NAMED_AS_WELL = """syncd: 1
rosters: {hr: {csv: hr.csv, columns: {email: email, family_name: family_name, state: state}}}
organizations:
  acme:
    members:
      admin: [ann@acme.example, carla@acme.example, dan@acme.example]
      member: [{roster: hr, where: {department: sales}}]
"""


def shrunk():
    """Nothing but the header is left of the profiles."""
    return judge(hr(PROFILES.splitlines()[0]), hr(PROFILES), "2026-11-23", 10)


def test_a_roster_says_what_people_are_called_whom_only_a_file_names(compiled):
    ann, dan = (
        compiled(NAMED_AS_WELL, {"hr": hr(PROFILES)}).people[who]
        for who in ("ann@acme.example", "dan@acme.example")
    )
    assert (ann.family_name, ann.source, str(ann.place)) == ("Arden", "roster", "hr.csv:2:1")
    assert (dan.family_name, dan.source) == ("", "file")


def test_a_roster_names_nobody_whom_no_line_names(compiled):
    assert "bob@acme.example" not in compiled(NAMED_AS_WELL, {"hr": hr(PROFILES)}).people


def test_rows_that_are_missing_all_at_once_still_say_names_and_locks(compiled):
    ann, carla = (
        compiled(NAMED_AS_WELL, {"hr": shrunk()}).people[who]
        for who in ("ann@acme.example", "carla@acme.example")
    )
    assert (ann.family_name, ann.state) == ("Arden", "active")
    assert (carla.family_name, carla.state) == ("Costa", "disabled")


def test_an_empty_roster_that_is_frozen_is_not_searched_for_near_names(compiled):
    found = compiled(NAMED_AS_WELL, {"hr": shrunk()})
    assert not [text for text in warnings(found) if "no row of roster" in text]
