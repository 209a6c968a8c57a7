"""What units, roles and people look like in Keycloak and LDAP, and what is refused."""

from dataclasses import dataclass, field

import pytest

from syncd.errors import MappingInvalid
from syncd.mapping import outputs
from syncd.mapping.outputs import Reach
from syncd.model import Account, Key, Kind


@dataclass
class People:
    """Ids by text; `known` has the ids with an account, by target."""

    known: dict[str, set[str]] = field(default_factory=dict)
    ours: set[tuple[str, str]] = field(default_factory=set)
    reasons: dict[str, str] = field(default_factory=dict)
    names: tuple[str, str] = ("", "")

    def id_of(self, text):
        return None if text == "nobody" else f"p_{text.partition('@')[0]}"

    def held(self, text):
        return self.reasons.get(text, "")

    def account(self, person, target):
        found = person in self.known.get(target, ())
        given, family = self.names
        account = Account(
            target, f"n_{person}", person.removeprefix("p_"), given_name=given, family_name=family
        )
        return account if found else None

    def made(self, person, target):
        return (person, target) in self.ours


def everywhere(*names):
    ids = {f"p_{name}" for name in names}
    return People({"keycloak": ids, "ldap": ids})


SMALL = """syncd: 1
organizations:
  acme:
    title: Acme SA
    description: Maker of things
    attributes: {cost_center: "42"}
    members: {admin: [ann], member: [bob]}
    teams: {sre: {members: {member: [carl]}}}
"""


def small(more):
    return f"{SMALL}{more}\n"


def facts(desired, kind):
    return {
        "/".join((*key.place, *key.item)): dict(attrs)
        for key, attrs in desired.state.items()
        if key.kind is kind
    }


def drawn(compiled, output="keycloak", people=None, reach=outputs.NO_LIMIT):
    return outputs.render(compiled, output, "test", people, reach)


def messages(compiled, reach=outputs.NO_LIMIT):
    return [str(problem) for problem in outputs.problems(compiled, "test", reach)]


# --- Keycloak -----------------------------------------------------------------------------------------


def test_units_and_roles_are_groups(compiled):
    found = facts(
        drawn(compiled(small('keycloak: {attributes: {cost: "{attributes.cost_center}"}}'))), Kind.GROUP
    )
    assert found["acme"] == {
        "attribute:cost": ("42",),
        "attribute:title": ("Acme SA",),
        "description": ("Maker of things",),
    }
    assert set(found) == {
        "acme",
        "acme/admin",
        "acme/member",
        "acme/sre",
        "acme/sre/admin",
        "acme/sre/member",
    }
    assert found["acme/sre"] == {}


def test_members_carry_the_line_that_says_so(compiled):
    found = drawn(compiled(small("")), people=everywhere("ann", "bob", "carl"))
    assert facts(found, Kind.MEMBER) == {
        "acme/admin/p_ann": {},
        "acme/member/p_bob": {},
        "acme/sre/member/p_carl": {},
    }
    origin = found.origins[Key(Kind.MEMBER, ("acme", "admin"), ("p_ann",))]
    assert (
        origin.anchor == found.origins[Key(Kind.GROUP, ("acme", "admin"))].anchor == ("/acme", "role:admin")
    )
    assert (origin.counted, str(origin.place)) == (("p_ann", "admin", "/acme"), "acme.yaml:7:23")


def test_people_whom_keycloak_does_not_know_wait_with_the_reason(compiled):
    people = everywhere("ann")
    people.reasons["bob"] = "two accounts match"
    text = small("invitations: {unknown: invite}").replace("[carl]", "[nobody]")
    found = drawn(compiled(text), people=people)
    assert set(facts(found, Kind.MEMBER)) == {"acme/admin/p_ann"}
    assert {"/".join((*key.place, *key.item)): reason for key, reason in found.waiting.items()} == {
        "acme/member/p_bob": "two accounts match",
        "acme/sre/member/nobody": "Keycloak does not know nobody: an invitation has to be accepted first",
    }
    assert set(found.waiting) <= set(found.origins)


def test_unknown_people_are_created_where_the_mapping_says_so(compiled):
    text = small("""invitations: {unknown: create}
people: {carl: {email: carl@acme.example, given_name: Carl, locale: fr, attributes: {badge: "7"}}}""")
    people = everywhere("ann", "bob")
    people.ours.add(("p_bob", "keycloak"))
    found = drawn(compiled(text), people=people)
    assert facts(found, Kind.PERSON) == {
        "p_carl": {
            "username": ("carl@acme.example",),
            "email": ("carl@acme.example",),
            "given_name": ("Carl",),
            "locale": ("fr",),
            "enabled": ("true",),
            "attribute:badge": ("7",),
        },
        "p_bob": {"username": ("bob",), "enabled": ("true",)},
    }
    assert "acme/sre/member/p_carl" in facts(found, Kind.MEMBER)


def test_addresses_beyond_the_allowed_domains_wait(compiled):
    text = """syncd: 1
invitations: {domains: [acme.example]}
organizations: {acme: {members: {admin: [a@b.example]}}}
"""
    found = drawn(compiled(text), people=everywhere("a"))
    assert list(found.waiting.values()) == [
        "b.example is not among the domains of invitations (acme.example)"
    ]


def test_disabling_an_account_that_is_not_ours_is_said_and_not_done(compiled):
    text = small("people: {ann: {state: disabled}}")
    found = drawn(compiled(text), people=everywhere("ann", "bob", "carl"))
    assert "reaches only accounts that syncd made" in found.waiting[Key(Kind.PERSON, (), ("p_ann",))]


def test_groups_that_a_template_leads_through_are_containers_too(compiled):
    found = drawn(
        compiled(small('keycloak: {unit_group: "/apps/{path}", group: "/apps/{path}/roles/{role}"}'))
    )
    assert {"apps", "apps/acme/roles", "apps/acme/roles/admin"} <= set(facts(found, Kind.GROUP))
    assert found.origins[Key(Kind.GROUP, ("apps",))].anchor == ("", "container:apps")


def test_a_parent_beyond_what_the_operator_allows_is_somebody_elses(compiled):
    mapping = compiled(small('keycloak: {unit_group: "/apps/{path}", group: "/apps/{path}/{role}"}'))
    reach = Reach(groups=(("apps", "acme"),))
    assert "apps" not in facts(drawn(mapping, reach=reach), Kind.GROUP)
    assert messages(mapping, reach) == []


def test_one_group_may_hold_all_roles(compiled):
    found = drawn(compiled(small('keycloak: {group: "/{path}"}')), people=everywhere("ann", "bob", "carl"))
    assert set(facts(found, Kind.GROUP)) == {"acme", "acme/sre"}
    assert set(facts(found, Kind.MEMBER)) == {"acme/p_ann", "acme/p_bob", "acme/sre/p_carl"}


def test_unmanaged_groups_and_frozen_roles_are_passed_on(compiled):
    found = drawn(compiled("syncd: 1\norganizations: {acme: {members: unmanaged}}\n"))
    assert found.unmanaged == {("acme", "admin"), ("acme", "member")}


def test_existing_roles_are_given_to_holders_and_to_those_who_inherit(compiled):
    found = drawn(compiled("syncd: 1\norganizations: {acme: {grants: {member: [grafana/editor]}}}\n"))
    assert set(facts(found, Kind.GRANT)) == {"acme/admin/grafana/editor", "acme/member/grafana/editor"}
    assert facts(found, Kind.ROLE) == {}


SCOPED = """syncd: 1
roles: {member: {permissions: [read]}, admin: {inherits: [member], permissions: [write]}}
organizations: {acme: {}}
"""


def test_scoped_permissions_are_an_attribute_of_the_role_group(compiled):
    found = facts(drawn(compiled(f"{SCOPED}keycloak: {{permissions: scoped}}\n")), Kind.GROUP)
    assert found["acme/admin"] == {"attribute:syncd.permissions": ("/acme#read", "/acme#write")}
    assert found["acme/member"] == {"attribute:syncd.permissions": ("/acme#read",)}


def test_global_permissions_are_client_roles_and_composites_mapped_on_groups(compiled):
    found = drawn(compiled(f"{SCOPED}keycloak: {{permissions: global}}\n"))
    assert set(facts(found, Kind.ROLE)) == {"acme/member", "acme/admin", "acme/read", "acme/write"}
    assert set(facts(found, Kind.COMPOSITE)) == {
        "acme/admin/acme/member",
        "acme/admin/acme/write",
        "acme/member/acme/read",
    }
    assert set(facts(found, Kind.GRANT)) == {"acme/admin/acme/admin", "acme/member/acme/member"}


def test_global_permissions_are_refused_where_two_units_share_a_role(compiled):
    text = SCOPED.replace("{acme: {}}", "{acme: {}, apex: {}}") + "keycloak: {permissions: global}\n"
    assert messages(compiled(text))[0] == (
        'acme.yaml:3:27: keycloak: `permissions: global`: "admin" has permissions and is held in /acme '
        "(acme.yaml:3:17) and in /apex; a Keycloak role cannot tell them apart: say `permissions: scoped`"
    )


def test_no_role_group_lies_above_another_where_permissions_are_scoped(compiled):
    text = (
        f'{SCOPED}keycloak: {{permissions: scoped, unit_group: "/u/{{path}}", group: "/{{role}}/{{path}}"}}\n'
    )
    text = text.replace("{acme: {}}", "{acme: {teams: {sre: {}}}}")
    assert any(
        'the group of "admin" lies below that of "admin" of /acme' in each
        for each in messages(compiled(text))
    )


def test_units_of_a_root_kind_may_be_organizations(compiled):
    found = drawn(
        compiled(small("keycloak: {organization: organization}")), people=everywhere("ann", "bob", "carl")
    )
    assert facts(found, Kind.ORGANIZATION) == {
        "acme": {"name": ("Acme SA",), "description": ("Maker of things",)}
    }
    assert set(facts(found, Kind.ORG_MEMBER)) == {"acme/p_ann", "acme/p_bob", "acme/p_carl"}


def test_two_things_that_render_to_one_group_name_both_places(compiled):
    text = "syncd: 1\norganizations: {acme: {teams: {member: {}}}}\n"
    assert messages(compiled(text))[0] == (
        "acme.yaml:2:32: keycloak: group /acme/member is rendered from role member of /acme (acme.yaml:2:17) "
        "and from the unit /acme/member; rename one of them, or change the template"
    )


def test_what_keycloak_cannot_store_is_refused_offline(compiled):
    long = "x" * 256
    text = f"syncd: 1\norganizations: {{acme: {{description: {long}}}}}\n"
    assert any('"description" is 256 characters long' in each for each in messages(compiled(text)))


@pytest.mark.parametrize(
    ("keycloak", "message"),
    [
        ('group: "/{title}/{role}"', f'the group name "{"x" * 40}…" has 256 characters; Keycloak stores 255'),
        (
            'group: "/{name}"',
            '"member" grants roles, and one group holds all roles of /acme; put {role} into `group`',
        ),
        ('unit_group: "//"', 'keycloak: "//" renders to no group; it begins with a slash and a name'),
    ],
)
def test_a_group_that_keycloak_cannot_hold_is_refused_offline(compiled, keycloak, message):
    unit = f"{{title: {'x' * 256}, grants: {{member: [grafana/editor]}}}}"
    text = f"syncd: 1\norganizations: {{acme: {unit}}}\nkeycloak: {{{keycloak}}}\n"
    assert any(message in each for each in messages(compiled(text)))


def test_a_value_that_holds_a_slash_stays_one_name(compiled):
    text = """syncd: 1
organizations: {acme: {title: R/D}}
keycloak: {unit_group: "/{title}", group: "/{title}/{role}"}
"""
    keys = [key.place for key in drawn(compiled(text)).state]
    assert ("R/D",) in keys
    assert ("R/D", "admin") in keys


def test_a_template_that_needs_what_a_unit_lacks_is_an_error_at_the_unit(compiled):
    text = 'syncd: 1\norganizations: {acme: {}}\nkeycloak: {unit_group: "/{id}", group: "/{path}/{role}"}\n'
    mapping = compiled(text)
    assert messages(mapping)[0] == (
        'acme.yaml:2:17: keycloak: "/{id}" needs {id}, which has no value here; give it one'
    )
    with pytest.raises(MappingInvalid):
        drawn(mapping)


@pytest.mark.parametrize(
    ("more", "reach", "message"),
    [
        (
            "",
            Reach(groups=(("apex",),)),
            "the group /acme lies beyond what the operator allows; `may` allows /apex",
        ),
        (
            "keycloak: {connection: other}",
            Reach(connections=frozenset({"sso"})),
            'the connection "other" lies beyond',
        ),
        ("keycloak: {realm: other}", Reach(realm="acme"), 'the realm "other" lies beyond'),
        (
            "ldap: {base: ou=b}",
            Reach(bases=("ou=a",)),
            'the base "ou=b" lies beyond what the operator allows',
        ),
    ],
)
def test_a_mapping_stays_within_what_the_operator_allows(compiled, more, reach, message):
    assert any(message in each for each in messages(compiled(small(more)), reach))


def test_only_listed_roles_are_granted_and_rights_over_the_realm_never(compiled):
    text = "syncd: 1\norganizations: {acme: {grants: {member: [a/b, c/d, admin, syncd/x]}}}\n"
    found = messages(compiled(text), Reach(grants=frozenset({"a/b"})))
    assert [each.partition("grants.member: ")[2].partition(";")[0] for each in found] == [
        'the role "admin" is never grantable',
        'the role "c/d" lies beyond what the operator allows',
        'the role "syncd/x" is never grantable',
    ]


def test_two_mappings_that_manage_one_group_or_entry_name_both_places(compiled):
    texts = (small("ldap: {base: 'ou=x,dc=y'}"), small("ldap: {base: 'OU=X, dc=y'}"))
    one, two = (outputs.claims(compiled(text), "test") for text in texts)
    found = [str(each) for each in outputs.clashes({"one": one, "two": two})]
    assert (
        'acme.yaml:3:3: keycloak: group /acme is managed by the mapping "one" (acme.yaml:3:3) as well'
        in found[0]
    )
    assert len([each for each in found if ": ldap: " in each]) == 6
    assert outputs.clashes({"one": one}) == []


# --- LDAP ---------------------------------------------------------------------------------------------

BASE = "ou=acme,dc=acme,dc=example"


def ldap(more="", text=SMALL):
    return f'{text}ldap: {{base: "{BASE}"{more}}}\n'


def test_units_are_entries_and_roles_groups_with_their_true_names(compiled):
    text = ldap(', unit_attributes: {description: "{title}"}', SMALL.replace("sre", '"Crème, R+D"'))
    found = drawn(compiled(text), "ldap")
    assert facts(found, Kind.OU) == {
        f"{BASE}/ou=acme": {"ou": ("acme",), "description": ("Acme SA",)},
        f"{BASE}/ou=acme/ou=Crème\\2C R\\2BD": {"ou": ("Crème, R+D",)},
    }
    assert facts(found, Kind.GROUP)[f"{BASE}/ou=acme/ou=Crème\\2C R\\2BD/cn=member"] == {"cn": ("member",)}


def test_holders_are_also_in_the_groups_of_inherited_roles(compiled):
    people = everywhere("ann", "bob", "carl")
    group = f"{BASE}/ou=acme/cn="
    found = drawn(compiled(ldap()), "ldap", people)
    assert {f"{group}admin/p_ann", f"{group}member/p_ann", f"{group}member/p_bob"} <= set(
        facts(found, Kind.MEMBER)
    )
    inherited = found.origins[Key(Kind.MEMBER, (BASE, "ou=acme", "cn=member"), ("p_ann",))]
    assert (inherited.anchor, inherited.counted) == (("/acme", "role:member"), ("p_ann", "admin", "/acme"))
    plain = drawn(compiled(ldap(", closure: false")), "ldap", people)
    assert f"{group}member/p_ann" not in facts(plain, Kind.MEMBER)


def test_the_group_of_a_role_lies_in_that_of_the_nearest_unit_above_that_is_shown(compiled):
    text = SMALL.replace("members: {member: [carl]}", "teams: {ops: {}}")
    kinds = "kinds: {organization: {}, team: {within: [organization, team]}}\n"
    found = drawn(compiled(ldap(", nested: true, only: {roles: [member]}", f"{text}{kinds}")), "ldap")
    nested = {"/".join(key.place): "/".join(key.item) for key in found.state if key.nests}
    assert nested == {
        f"{BASE}/ou=acme/cn=member": f"{BASE}/ou=acme/ou=sre/cn=member",
        f"{BASE}/ou=acme/ou=sre/cn=member": f"{BASE}/ou=acme/ou=sre/ou=ops/cn=member",
    }
    apart = drawn(compiled(ldap(", nested: true, only: {paths: [/acme/sre]}", f"{text}{kinds}")), "ldap")
    assert sum(key.nests for key in apart.state) == 2  # admin and member of ops in those of sre


def test_a_group_whose_members_are_nobodys_business_gets_no_group_either(compiled):
    text = SMALL.replace("members: {admin: [ann], member: [bob]}", "members: unmanaged")
    found = drawn(compiled(ldap(", nested: true", text)), "ldap")
    assert not any(key.nests for key in found.state)


def test_an_output_shows_only_what_it_is_told_to(compiled):
    found = drawn(compiled(ldap(", only: {kinds: [team], roles: [member], paths: [/acme/sre]}")), "ldap")
    assert {"/".join(key.place) for key in found.state} == {f"{BASE}/ou=sre", f"{BASE}/ou=sre/cn=member"}


def test_several_directories_have_names(compiled):
    mapping = compiled(small(f'ldap: {{wiki: {{base: "{BASE}"}}, mail: {{base: "ou=m,{BASE}"}}}}'))
    assert outputs.output_names(mapping) == ("keycloak", "ldap:mail", "ldap:wiki")


def test_an_output_may_be_off(compiled):
    assert outputs.output_names(compiled(small("keycloak: false"))) == ()


def test_an_entry_outside_its_base_is_an_error_at_the_unit(compiled):
    found = messages(compiled(ldap(', unit: "ou={name},dc=elsewhere"')))
    assert found[0].startswith("acme.yaml:3:3: ldap: ")
    assert "does not lie within" in found[0]


def test_names_that_a_directory_takes_for_one_are_a_clash(compiled):
    text = "syncd: 1\nroles: {member: {}, Member: {}}\norganizations: {acme: {}}\n"
    found = messages(compiled(ldap(text=text)))
    assert len(found) == 1
    assert "is rendered from role Member of /acme (acme.yaml:3:17) and from role member of /acme" in found[0]


def test_entries_that_a_template_leads_through_are_containers_too(compiled):
    found = drawn(compiled(ldap(', group: "cn={role},ou=groups,{unit}"')), "ldap")
    assert facts(found, Kind.OU)[f"{BASE}/ou=acme/ou=groups"] == {"ou": ("groups",)}


def test_people_without_an_entry_wait_where_entries_are_only_referred_to(compiled):
    people = People({"keycloak": {"p_ann", "p_bob", "p_carl"}, "ldap": {"p_ann"}})
    found = drawn(compiled(ldap(', people_base: "ou=p,dc=x"')), "ldap", people)
    assert found.waiting[Key(Kind.MEMBER, (BASE, "ou=acme", "cn=member"), ("p_bob",))] == (
        "no entry below ou=p,dc=x has bob as mail"
    )


def test_people_are_made_where_entries_are_managed(compiled):
    text = (
        ldap(', people: manage, people_base: "ou=p,dc=x"')
        + "people: {ann: {given_name: Ann, family_name: Arc}}\n"
    )
    people = People({"keycloak": {"p_ann", "p_bob", "p_carl"}, "ldap": {"p_carl"}}, {("p_carl", "ldap")})
    found = drawn(compiled(text), "ldap", people)
    assert facts(found, Kind.PERSON)["p_ann"] == {
        "cn": ("Ann Arc",),
        "givenname": ("Ann",),
        "sn": ("Arc",),
        "enabled": ("true",),
        "dn": ("uid=ann,ou=p,dc=x",),
    }
    assert "dn" not in facts(found, Kind.PERSON)["p_carl"]
    assert found.waiting[Key(Kind.MEMBER, (BASE, "ou=acme", "cn=member"), ("p_bob",))] == (
        "an entry of bob needs cn and sn: give the names in `people` or a roster"
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (', group: "{parent}"', "`group` renders to the base itself; for example cn={role},{unit}"),
        (', group: "cn={role},uid=groups,{unit}"', "is neither a unit nor rendered from one"),
    ],
)
def test_what_a_directory_cannot_hold_is_refused_offline(compiled, more, message):
    assert any(message in each for each in messages(compiled(ldap(more))))


def test_members_of_an_attached_unit_are_shown_without_permissions(compiled):
    text = f"""syncd: 1
kinds:
  space: {{}}
  entity: {{within: space, plural: entities}}
  team: {{within: space, attaches_to: {{kinds: [entity]}}}}
roles: {{team/member: {{scope: team, permissions: [use]}}}}
spaces: {{s: {{entities: {{e: {{}}}}, teams: {{t: {{attached_to: [/s/e], members: [ann]}}}}}}}}
keycloak: {{permissions: scoped}}
ldap: {{base: "{BASE}"}}
"""
    mapping, people = compiled(text), everywhere("ann")
    found = drawn(mapping, people=people)
    assert facts(found, Kind.GROUP)["s/e/member"] == {}
    assert facts(found, Kind.GROUP)["s/t/member"] == {"attribute:syncd.permissions": ("/s/t#use",)}
    assert found.origins[Key(Kind.MEMBER, ("s", "e", "member"), ("p_ann",))].anchor == (
        "/s/e",
        "attached:team/member",
    )
    assert f"{BASE}/ou=s/ou=e/cn=member/p_ann" in facts(drawn(mapping, "ldap", people), Kind.MEMBER)


def test_the_names_of_an_account_fill_what_files_do_not_say(compiled):
    people = everywhere("ann", "bob", "carl")
    people.known["ldap"], people.names = set(), ("Given", "Family")
    found = drawn(compiled(ldap(', people: manage, people_base: "ou=p,dc=x"')), "ldap", people)
    assert facts(found, Kind.PERSON)["p_bob"]["cn"] == ("Given Family",)


def test_two_people_who_would_be_one_entry_do_not_share_it(compiled):
    text = ldap(', people: manage, people_base: "ou=p,dc=x", person: "uid={username|max:1},{people_base}"')
    people = everywhere("ann", "bob", "boris", "carl")
    people.known["ldap"], people.names = set(), ("Given", "Family")
    found = drawn(compiled(text.replace("member: [bob]", "member: [bob, boris]")), "ldap", people)
    waiting = found.waiting[Key(Kind.MEMBER, (BASE, "ou=acme", "cn=member"), ("p_boris",))]
    assert waiting.startswith('two entries would be "uid=b,ou=p,dc=x"')
    assert "p_boris" not in facts(found, Kind.PERSON)


def test_two_people_who_would_have_one_username_do_not_share_it(compiled):
    text = small("""invitations: {unknown: create}
people: {bob: {username: same}, carl: {username: Same2}}""")
    people = everywhere("ann")
    assert set(facts(drawn(compiled(text), people=people), Kind.PERSON)) == {"p_bob", "p_carl"}
    text = small("""invitations: {unknown: create}
people: {bob: {username: same}, carl: {email: same}}""").replace("email: same", "email: same@x.example")
    text = text.replace("username: same", "username: same@x.example")
    found = drawn(compiled(text), people=people)
    assert set(facts(found, Kind.PERSON)) == {"p_bob"}
    assert "two accounts would have the username" in next(iter(found.waiting.values()))


PRIVILEGED = """syncd: 1
kinds:
  space: {}
  entity: {within: space, plural: entities}
  team: {within: space, attaches_to: {kinds: [entity]}}
roles:
  team/member: {scope: team}
  team/lead: {scope: team, inherits: [team/member], privileged: true}
spaces: {s: {entities: {e: {}}, teams: {t: {attached_to: [/s/e], members: {lead: [ann]}}}}}
"""


def test_a_privileged_role_is_privileged_where_it_is_held_and_not_where_it_is_lent_to(compiled):
    mapping, people = compiled(ldap(text=PRIVILEGED)), everywhere("ann")
    for output in ("keycloak", "ldap"):
        origins = [
            origin
            for key, origin in drawn(mapping, output, people).origins.items()
            if key.kind is Kind.MEMBER
        ]
        assert {(origin.unit, origin.privileged) for origin in origins} == {("/s/t", True), ("/s/e", False)}


def test_what_is_lent_is_the_role_alone(compiled):
    found = facts(drawn(compiled(ldap(text=PRIVILEGED)), "ldap", everywhere("ann")), Kind.MEMBER)
    assert set(found) == {
        f"{BASE}/ou=s/ou=t/cn=lead/p_ann",
        f"{BASE}/ou=s/ou=t/cn=member/p_ann",
        f"{BASE}/ou=s/ou=e/cn=lead/p_ann",
    }


def test_a_username_has_no_domain_to_be_refused_for(compiled):
    text = small("invitations: {domains: [acme.example]}")
    assert drawn(compiled(text), people=everywhere("ann", "bob", "carl")).waiting == {}


def test_titles_are_shown_in_the_language_of_the_mapping(compiled):
    text = "syncd: 1\nsettings: {language: fr}\norganizations: {acme: {title: {en: Quality, fr: Qualité}}}\n"
    assert facts(drawn(compiled(text)), Kind.GROUP)["acme"] == {"attribute:title": ("Qualité",)}
