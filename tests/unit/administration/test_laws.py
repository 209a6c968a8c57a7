"""Laws of the decision over random worlds: power only grows with roles, and without roles there is none."""

from __future__ import annotations

from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.administration import Held
from syncd.errors import Place
from syncd.mapping.compile import check_holdings
from syncd.policy import Holding
from tests.unit.administration.firm import MODEL
from tests.unit.administration.worlds import UNITS, Town, model, read

VERBS = (
    "invite", "resend", "cancel", "create", "add", "change", "disable",
    "enable", "remove", "edit", "delete", "approve", "refuse", "transfer",
)  # fmt: skip
TEXTS = {"firm": MODEL, **{name: model(name) + units for name, units in UNITS.items()}}
PEOPLE = ("ann", "bob", "cal")
NOWHERE = Place("an act")
LAW = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ALL_STATES = ("active", "pending", "disabled")


@cache
def mapping(name):
    return read(TEXTS[name])


STATES = {"resend": "pending", "cancel": "pending", "enable": "disabled", "delete": "disabled"}
GIVING = frozenset({"invite", "create", "add", "approve", "refuse"})


@st.composite
def questions(draw):
    """A town in which ann asks and others hold things, and what she asks: mostly what a row is about."""
    loaded, compiled = mapping(draw(st.sampled_from(sorted(TEXTS))))
    places = [(path, role) for path, unit in sorted(compiled.units.items()) for role in unit.roles]
    town = Town(loaded, compiled)
    for person in PEOPLE:
        town.account(person, state="active" if person == "ann" else draw(st.sampled_from(ALL_STATES)))
        for path, role in draw(st.lists(st.sampled_from(places), max_size=2, unique=True)):
            town.holdings.append(Held(person, role, path))
    if draw(st.integers(0, 4)):
        verb, role, to, path = draw(aimed(town, places))
    else:
        verb, (path, role) = draw(st.sampled_from(VERBS)), draw(st.sampled_from(places))
        to = draw(st.sampled_from(sorted(compiled.roles))) if verb == "change" else ""
    person = draw(st.sampled_from(("nia", "cal"))) if verb in GIVING else "bob"
    return town, places, (verb, person, "/".join(path), role), to


@st.composite
def aimed(draw, town, places):
    """An act that a row is about, by one who holds its role nearby, on one who holds the target's."""
    row = draw(st.sampled_from(town.compiled.document.administration))
    verb = draw(st.sampled_from(row.may))
    role = draw(st.sampled_from(row.from_ if verb == "change" and row.from_ else row.target))
    to = draw(st.sampled_from(row.to or row.target)) if verb == "change" else ""
    path = draw(st.sampled_from([path for path, each in places if each == role]))
    tops = [top for top, each in places if each == row.by and path[: len(top)] == top]
    if tops:
        hold(town, "ann", row.by, draw(st.sampled_from(tops)))
    if verb not in GIVING:
        town.account("bob", state=STATES.get(verb, "active"))
        town.holdings = [held for held in town.holdings if held.person != "bob"]
        hold(town, "bob", role, path)
    return verb, role, to, path


def hold(town, person, role, path):
    """One membership more, unless the person has it."""
    if all((held.person, held.role, held.unit) != (person, role, path) for held in town.holdings):
        town.holdings.append(Held(person, role, path))


@LAW
@given(questions(), st.data())
def test_another_role_of_the_actor_never_takes_power_away(question, data):
    town, places, asked, to = question
    if not town.ask("ann", *asked, to=to).allowed:
        return
    path, role = data.draw(st.sampled_from(places))
    hold(town, "ann", role, path)
    after = town.ask("ann", *asked, to=to)
    # what she holds now may be what the constraints count, never what makes the act forbidden
    assert after.allowed or ".cardinality" in after.rule or after.rule.startswith("constraints."), str(after)


@LAW
@given(questions())
def test_nobody_without_a_role_does_anything(question):
    town, _, asked, to = question
    town.holdings = [held for held in town.holdings if held.person != "ann"]
    assert not town.ask("ann", *asked, to=to).allowed
    assert not town.ask("", *asked, to=to).allowed


@LAW
@given(questions())
def test_what_a_person_may_an_operator_may(question):
    town, _, asked, to = question
    if town.ask("ann", *asked, to=to).allowed and asked[0] != "transfer":
        assert town.ask("operator", *asked, to=to).allowed


@LAW
@given(questions())
def test_an_allowed_act_gives_roles_in_scope_and_takes_what_is_held(question):
    town, _, asked, to = question
    decision = town.ask("operator", *asked, to=to)
    held = {each.membership for each in town.holdings}
    assert set(decision.takes) <= held
    assert not set(decision.gives) & held
    for each in decision.gives:
        assert each.role in town.compiled.units[each.unit].roles


@LAW
@given(questions())
def test_a_refusal_says_why_and_what_to_do(question):
    town, _, asked, to = question
    decision = town.ask("ann", *asked, to=to)
    assert decision.reason
    assert decision.rule
    assert decision.allowed or decision.hint
    assert decision.allowed or "ann" in decision.reason


@LAW
@given(questions())
def test_an_allowed_act_done_twice_is_refused_the_second_time(question):
    town, _, asked, to = question
    decision = town.ask("operator", *asked, to=to)
    if not (decision.gives or decision.takes):
        return
    town.holdings = [each for each in town.holdings if each.membership not in decision.takes]
    for each in decision.gives:
        town.give(each.person, each.role, "/".join(each.unit))
    assert not town.ask("operator", *asked, to=to).allowed


@LAW
@given(questions())
def test_no_allowed_act_adds_a_breach_of_a_constraint(question):
    town, _, asked, to = question
    before = breaches(town)
    decision = town.ask("operator", *asked, to=to)
    if before or not decision.gives:
        return
    town.holdings = [each for each in town.holdings if each.membership not in decision.takes]
    for each in decision.gives:
        town.give(each.person, each.role, "/".join(each.unit))
    assert breaches(town) == []


def breaches(town):
    """What the compiler says of these memberships, the least numbers aside, which acts may fill later."""
    held = [Holding(each.person, each.person, each.role, each.unit, NOWHERE) for each in town.holdings]
    return [each for each in check_holdings(town.compiled, held) if "at least" not in each.message]
