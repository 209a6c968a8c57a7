"""Policies of units: inherited downwards, never looser, and a loosened one waits for approval."""

import pytest

from syncd.mapping.limits import operator_policy, overlay, policy_document, policy_from
from syncd.mapping.limits_units import (
    unit_limits,
    units_document,
    units_from,
    units_in_force,
    waiting,
)
from syncd.mapping.schema import Policy
from syncd.model import Origin

TREE = """syncd: 1
organizations:
  acme:
    policy: {{{acme}}}
    teams:
      team:
        id: t1
        policy: {{{team}}}
        teams: {{sub: {{}}}}
      other: {{}}
"""


@pytest.fixture
def acme(compiled):
    """The tree with these policies, and what is in force in the whole mapping."""

    def compile_tree(acme="", team=""):
        made = compiled(TREE.format(acme=acme, team=team))
        return made, overlay(operator_policy(Policy()), made.policy)

    return compile_tree


def accepted(made, whole):
    """What the store hands back after a confirmed run."""
    document = {**policy_document(whole), **units_document(units_in_force(made, whole))}
    assert policy_from(document) == whole
    return units_from(document)


def rows(*units):
    return [Origin((uid, "role:member"), unit=path) for uid, path in units]


def test_units_without_a_policy_of_their_own_have_no_limits_of_their_own(acme):
    made, whole = acme()
    assert units_in_force(made, whole) == {}
    assert unit_limits(made, {}, first=False, removed=frozenset()) == {}
    assert units_document({}) == {}


def test_a_policy_adds_to_the_one_above(acme):
    made, whole = acme("protected: [ann]", "adopt: never, protected: [bob]")
    found = unit_limits(made, units_in_force(made, whole), first=False, removed=frozenset())
    assert set(found) == {"/acme", "t1", "/acme/team"}
    assert found["/acme"].protected == {"ann"}
    assert (found["t1"].protected, found["t1"].adopt) == ({"ann", "bob"}, "never")
    assert found["t1"] == found["/acme/team"]
    assert (found["t1"].unit, found["t1"].mode) == ("/acme/team", "enforce")


def test_a_policy_that_would_be_looser_than_above_changes_nothing(acme):
    made, _ = acme("", "removals: {per_day: 90%}, adopt: never")
    whole = operator_policy(Policy(adopt="never", removals={"per_day": 5}))
    found = units_in_force(made, whole)["t1"].policy
    assert (found.removals.per_day, found.adopt) == (5, "never")


def test_before_the_first_apply_nothing_is_removed_there_either(acme):
    made, whole = acme("", "mode: paused")
    found = unit_limits(made, units_in_force(made, whole), first=True, removed=frozenset())
    assert (found["t1"].additive, found["t1"].first_plan, found["t1"].mode) == (True, True, "paused")


def test_what_was_removed_today_is_counted_where_it_was(acme):
    made, whole = acme("", "adopt: never")
    gone = frozenset(
        {("p", "member", "t1"), ("p", "member", "/acme/team/sub"), ("p", "member", "/acme/other")}
    )
    found = unit_limits(made, units_in_force(made, whole), first=False, removed=gone)
    assert found["t1"].removed_last_day == {("p", "member", "t1"), ("p", "member", "/acme/team/sub")}


def test_a_unit_is_known_by_where_the_ledger_saw_it(acme):
    made, whole = acme("", "adopt: never")
    seen = units_in_force(made, whole, {}, rows(("t1", "/acme/was"), ("/acme/was/sub", "/acme/was/sub")))
    assert set(unit_limits(made, seen, first=False, removed=frozenset())) == {"t1", "/acme/team", "/acme/was"}


def test_a_loosened_policy_holds_until_it_is_approved(acme):
    before = accepted(*acme("", "protected: [ann], removals: {per_day: 5%}"))
    made, whole = acme("", "protected: [bob], removals: {per_day: 8%}")
    found = units_in_force(made, whole, before)
    assert waiting(found, []) == ["removals in /acme/team", "protected in /acme/team"]
    assert waiting(found, ["removals"]) == ["protected in /acme/team"]
    assert found["t1"].policy.removals.per_day == 5
    assert set(found["t1"].policy.protected) == {"ann", "bob"}
    assert waiting(units_in_force(made, whole, accepted(made, whole)), []) == []


def test_a_policy_taken_out_of_a_unit_waits_too(acme):
    before = accepted(*acme("", "protected: [ann]"))
    made, whole = acme()
    found = units_in_force(made, whole, before)
    assert waiting(found, []) == ["protected in /acme/team"]
    assert found["t1"].policy.protected == ("ann",)


def test_what_waits_above_holds_in_a_unit_below_that_is_new(acme):
    before = accepted(*acme("protected: [ann]"))
    made, whole = acme("", "adopt: never")
    found = units_in_force(made, whole, before)
    assert found["t1"].policy.protected == ("ann",)


def test_a_unit_that_left_keeps_what_protects_it_as_long_as_something_is_ours(acme, compiled):
    before = accepted(*acme("", "protected: [ann]"))
    made = compiled("syncd: 1\norganizations: {acme: {}}\n")
    whole = operator_policy(Policy())
    found = units_in_force(made, whole, before, rows(("t1", "/acme/team")))
    assert waiting(found, []) == ["protected in /acme/team"]
    assert unit_limits(made, found, first=False, removed=frozenset())["/acme/team"].protected == {"ann"}
    assert units_in_force(made, whole, before, rows(("/acme", "/acme"))) == {}


def test_a_renamed_unit_keeps_its_accepted_policy(acme, compiled):
    before = {"/acme/old": replace_protected(acme)}
    text = "syncd: 1\norganizations: {acme: {teams: {new: {formerly: [old]}}}}\n"
    found = units_in_force(compiled(text), operator_policy(Policy()), before)
    assert (found["/acme/new"].waiting, found["/acme/new"].names) == (
        ("protected",),
        {"/acme/new", "/acme/old"},
    )


def replace_protected(acme):
    made, whole = acme("", "protected: [ann]")
    return units_in_force(made, whole)["t1"].policy


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("mails: {per_day: 1}", "`mails` is of the whole mapping"),
        ('source_shrink: "5%"', "`source_shrink` is of the whole mapping"),
        ('schedule: {cron: "* * * * *"}', "`schedule` is of the whole mapping"),
        ("admins_min: 2", "`admins_min` is of a root unit"),
    ],
)
def test_what_only_a_whole_mapping_can_say_is_refused_in_a_unit(refused, policy, message):
    (problem,) = refused(TREE.format(acme="", team=policy))
    assert (
        f"acme.yaml:8:18: organizations.acme.teams.team.policy.{policy.partition(':')[0]}: {message}"
        in problem
    )


def test_a_root_unit_may_say_how_many_administrators_stay(acme):
    made, whole = acme("admins_min: 3")
    assert units_in_force(made, whole)["/acme"].policy.admins_min == 3
