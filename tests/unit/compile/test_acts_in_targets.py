"""What acts gave, in the targets: what waits, what is given and taken back, and what the limits weigh."""

from dataclasses import dataclass, field

import pytest

from syncd import plan
from syncd.acts import Source
from syncd.mapping import outputs
from syncd.model import Account, Key, Kind, Limits, Observation, Op, Owned
from tests.unit.compile.granted import ACME, HR, act


@dataclass
class People:
    """Everybody has the id p_NAME; `known` have accounts everywhere, `reasons` says who must wait."""

    known: set[str]
    reasons: dict[str, str] = field(default_factory=dict)

    def id_of(self, text):
        return f"p_{text.partition('@')[0]}"

    def held(self, text):
        return self.reasons.get(text, "")

    def account(self, person, target):
        name = person.removeprefix("p_")
        return Account(target, f"n_{name}", name) if name in self.known else None

    def made(self, person, target):
        return False


EVERYBODY = People({"ann", "eve", "joe"})
SERVERS = "ldap: {connection: main, base: 'dc=acme,dc=example'}\n"


def member(person, place=("acme", "member")):
    return Key(Kind.MEMBER, place, (f"p_{person}",))


def planned(found, people=EVERYBODY, there=(), ours=None):
    """The plan for Keycloak where the groups stand and are ours; `ours` are the origins of memberships."""
    desired = outputs.render(found, "keycloak", "test", people)
    groups = {key: attrs for key, attrs in desired.state.items() if key.kind is Kind.GROUP}
    natives = {key: f"id {key}" for key in groups}
    observed = Observation(
        {**groups, **{key: {} for key in there}}, natives, marks=dict.fromkeys(groups, "test/acme")
    )
    rows = [Owned(key, natives[key], attrs, desired.origins[key]) for key, attrs in groups.items()]
    rows += [Owned(key, "", {}, origin) for key, origin in (ours or {}).items()]
    return desired, rows, plan.make_plan("keycloak", desired, observed, rows, Limits(), "test/acme")


def going(made):
    return {(one.op, one.key) for one in made.changes if one.key.kind is Kind.MEMBER and one.shown}


@pytest.mark.parametrize("output", ["keycloak", "ldap"])
def test_where_a_role_is_granted_at_creation_nobody_waits_for_an_acceptance(united, output):
    found = united(
        ACME + SERVERS + "invitations: {grant_at: creation}\n",
        act(waits="i_1"),
        act("kim", id_="g_2", waits="i_2"),
    )
    desired = outputs.render(found, output, "test", EVERYBODY)
    given = {key.item[0] for key in desired.state if key.kind is Kind.MEMBER}
    assert given == {"p_ann", "p_eve"}, "kim has no account yet"


@pytest.mark.parametrize("output", ["keycloak", "ldap"])
def test_a_grant_that_waits_is_listed_and_not_given(united, output):
    found = united(ACME + SERVERS, act(waits="i_1"), act("joe", id_="g_2"))
    desired = outputs.render(found, output, "test", EVERYBODY)
    given = {key.item[0] for key in desired.state if key.kind is Kind.MEMBER}
    assert given == {"p_ann", "p_joe"}
    assert {(key.item[0], reason) for key, reason in desired.waiting.items()} == {
        ("p_eve", "invited, waits for acceptance")
    }


def test_a_grant_that_waits_is_held_with_its_reason_and_its_act(united):
    _, _, made = planned(united(ACME, act(waits="i_1")), there=[member("ann", ("acme", "admin"))])
    (waiting,) = (one for one in made.held if one.change.key == member("eve"))
    assert (waiting.reason, waiting.detail) == ("person", "invited, waits for acceptance")
    assert (str(waiting.change.origin.place), waiting.change.origin.source) == ("act g_1234", "admin")
    assert member("eve") not in {one.key for one in made.changes}


def test_an_accepted_grant_is_given(united):
    _, _, made = planned(united(ACME, act()))
    assert (Op.CREATE, member("eve")) in going(made)
    (change,) = (one for one in made.changes if one.key == member("eve"))
    assert (change.origin.source, change.origin.rule) == ("admin", "given by operator:kim on 2026-11-01")


def test_what_one_text_waits_for_another_text_of_the_person_gives(united):
    found = united(ACME, act("eve", waits="i_1"), act(id_="g_2"))
    desired, _, made = planned(found)
    assert (Op.CREATE, member("eve")) in going(made)
    assert not desired.waiting


def test_of_two_texts_for_one_person_the_one_of_the_file_says_why(united):
    text = ACME.replace("{admin: [ann@acme.example]}", "{member: [eve@acme.example]}")
    desired, _, _ = planned(united(text, act("eve")))
    assert desired.origins[member("eve")].source == "file"


@pytest.mark.parametrize(
    "reason", ["invited on 2026-11-01, waits for acceptance (sent)", "two accounts match"]
)
def test_somebody_invited_by_the_file_waits_and_what_is_owned_already_stays(united, reason):
    text = f"{ACME}invitations: {{unknown: invite}}\n".replace("admin: [ann", "member: [eve")
    found = united(text)
    people = People({"eve"}, {"eve@acme.example": reason})
    desired, _, made = planned(found, people)
    assert desired.waiting == {member("eve"): reason}
    assert [(one.reason, one.change.op) for one in made.held if one.change.key == member("eve")] == [
        ("person", Op.CREATE)
    ]
    origin = desired.origins[member("eve")]
    _, _, made = planned(found, people, there=[member("eve")], ours={member("eve"): origin})
    assert not going(made)
    assert not [one for one in made.held if one.change.op is Op.DELETE]


def test_somebody_whom_keycloak_does_not_know_is_not_removed_from_what_is_owned(united):
    text = f"{ACME}invitations: {{unknown: invite}}\n".replace("admin: [ann", "member: [eve")
    desired, _, _ = planned(united(text), People(set()))
    assert desired.waiting[member("eve")].endswith("an invitation has to be accepted first")
    origin = desired.origins[member("eve")]
    _, _, made = planned(united(text), People(set()), there=[member("eve")], ours={member("eve"): origin})
    assert not going(made)


# --- and the limits -------------------------------------------------------------------------------------


LIMITS = Limits(removals_at_least=0, removals_percent=0, grants_at_least=0, grants_percent=0, admins_min=0)


def uses(desired, rows, made):
    stops, found = plan.weigh([made], {"keycloak": rows}, {"keycloak": desired}, LIMITS)
    return {one.limit: one.used for one in found}, {stop.limit for stop in stops}


@pytest.mark.parametrize("source", Source)
def test_limits_weigh_neither_what_acts_give_nor_what_they_take_back(united, source):
    acts = [act(f"u{number}", id_=f"g_{number}", source=source) for number in range(20)]
    keys = [member(f"u{number}") for number in range(20)]
    everybody = People({"ann", *(f"u{number}" for number in range(20))})
    seeded = {
        member("ann", ("acme", "admin")): planned(united(ACME))[0].origins[member("ann", ("acme", "admin"))]
    }
    desired, rows, made = planned(united(ACME, *acts), everybody, seeded, seeded)
    assert {key for op, key in going(made) if op is Op.CREATE} == set(keys)
    assert uses(desired, rows, made) == ({"removals": 0, "grants": 0, "privileged": 0}, set())

    ours = {**seeded, **{key: desired.origins[key] for key in keys}}
    desired, rows, made = planned(united(ACME), everybody, ours, ours)
    assert {key for op, key in going(made) if op is Op.DELETE} == set(keys)
    assert uses(desired, rows, made) == ({"removals": 0, "grants": 0, "privileged": 0}, set())


def test_what_the_file_took_over_from_an_act_counts_when_the_file_drops_it(united):
    text = ACME.replace("{admin: [ann@acme.example]}", "{member: [eve@acme.example]}")
    given = planned(united(ACME, act()))[0].origins[member("eve")]
    desired, _, made = planned(united(text, act()), there=[member("eve")], ours={member("eve"): given})
    (learned,) = (one for one in made.changes if one.key == member("eve"))
    assert (learned.op, learned.writes, learned.origin.source) == (Op.UPDATE, False, "file")

    ours = {member("eve"): learned.origin}
    desired, rows, made = planned(united(ACME), there=ours, ours=ours)
    assert (Op.DELETE, member("eve")) in going(made)
    assert uses(desired, rows, made)[0]["removals"] == 1


def test_what_acts_gave_in_a_unit_that_leaves_the_files_counts(united):
    text = ACME.replace("    teams: {sre: {}}\n", "")
    ann, eve = member("ann", ("acme", "admin")), member("eve", ("acme", "sre", "member"))
    given = planned(united(ACME, act(unit="/acme/sre")))[0].origins
    ours = {ann: given[ann], eve: given[eve]}
    desired, rows, made = planned(united(text, act(unit="/acme/sre")), there=ours, ours=ours)
    assert going(made) == {(Op.DELETE, eve)}
    assert uses(desired, rows, made) == ({"removals": 1, "grants": 0, "privileged": 0}, {"removals"})


def test_an_act_is_taken_back_although_a_roster_of_the_role_cannot_be_read(united):
    text = """syncd: 1
rosters: {hr: {csv: hr.csv, columns: {email: email, username: username, given_name: given_name}}}
organizations: {acme: {members: {member: [{roster: hr, where: all}]}}}
"""
    whole = planned(united(text, act(), rosters={"hr": HR}))[0].origins
    ours = {key: whole[key] for key in (member("eve"), member("ann"))}
    found = united(text)
    assert found.frozen == {("member", "/acme"): "roster hr was not read"}
    _, _, made = planned(found, there=ours, ours=ours)
    assert {key for op, key in going(made) if op is Op.DELETE} == {member("eve")}
    assert [(one.reason, one.change.key) for one in made.held] == [("frozen", member("ann"))]
