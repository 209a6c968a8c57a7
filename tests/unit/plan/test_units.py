"""Limits of units: they hold for the unit and all below, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncd import plan
from syncd.model import Change, Desired, Key, Kind, Limits, Op, Origin, Owned, Plan
from tests.unit.plan.build import ANN, BOB, GROUP, MARK, MEMBER, Case, changed, held

if TYPE_CHECKING:
    from collections.abc import Iterable

BOTH = {GROUP: {}, MEMBER: {}}
LEFT = Case(wanted={GROUP: {}}, there=BOTH, ours=BOTH)
OTHER = Key(Kind.GROUP, ("beta", "member"))
IN_OTHER = Key(Kind.MEMBER, OTHER.place, (ANN,))


def of_unit(unit: str = "/acme", **choices: object) -> Limits:
    own = Limits(unit=unit, **choices)  # type: ignore[arg-type]  # fields of Limits by name
    return Limits(units={unit: own})


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ({"protected": frozenset({ANN})}, "protected"),
        ({"additive": True}, "additive"),
        ({"mode": "paused"}, "mode"),
        ({"mode": "simulate"}, "mode"),
    ],
)
def test_a_removal_waits_in_the_unit_that_says_so_and_goes_elsewhere(
    choices: dict[str, object], reason: str
) -> None:
    both = {GROUP: {}, MEMBER: {}, OTHER: {}, IN_OTHER: {}}
    case = Case(wanted={GROUP: {}, OTHER: {}}, there=both, ours=both, limits=of_unit(**choices))
    assert (changed(case), held(case)) == ([(Op.DELETE, IN_OTHER)], [(reason, Op.DELETE, MEMBER)])


def test_the_nearest_unit_above_counts_and_the_id_finds_what_was_renamed() -> None:
    near, far = Limits(unit="/a/b"), Limits(unit="/a")
    limits = Limits(units={"/a": far, "/a/b": near, "b-id": near})
    assert limits.at(Origin(("x", "unit"), unit="/a/b/c")) is near
    assert limits.at(Origin(("x", "unit"), unit="/a/bc")) is far
    assert limits.at(Origin(("b-id", "unit"), unit="/old")) is near
    assert limits.at(Origin(("x", "unit"), unit="/z")) is limits
    assert limits.at(Origin()) is limits


def test_whoever_a_unit_protects_is_not_disabled() -> None:
    person = Key(Kind.PERSON, (), (ANN,))
    case = Case(wanted={person: {"enabled": ("false",)}}, there={person: {"enabled": ("true",)}})
    case = replace(case, limits=of_unit(protected=frozenset({ANN})))
    assert held(case) == [("protected", Op.ADOPT, person)]


def test_never_adopt_closes_the_unit_only() -> None:
    limits = replace(of_unit(adopt="never"), adopt="yes")
    both = {GROUP: {}, OTHER: {}}
    case = Case(wanted={**both, MEMBER: {}, IN_OTHER: {}}, there=both, limits=limits)
    assert changed(case) == [(Op.ADOPT, OTHER), (Op.CREATE, IN_OTHER)]
    assert {key for _, _, key in held(case)} == {GROUP, MEMBER}


def test_drift_is_only_reported_in_the_unit_that_says_so() -> None:
    case = Case(wanted=BOTH, there={GROUP: {}}, ours=BOTH, limits=of_unit(drift="report"))
    assert held(case) == [("drift", Op.CREATE, MEMBER)]
    changed_by_hand = {GROUP: {"description": ("theirs",)}}
    case = Case({GROUP: {"description": ("ours",)}}, changed_by_hand, {GROUP: {"description": ("ours",)}})
    assert held(replace(case, limits=of_unit(drift="report"))) == [("drift", Op.UPDATE, GROUP)]
    assert held(replace(case, limits=of_unit("/beta", drift="report"))) == []


def test_unlisted_members_are_kept_silently_reported_or_removed_unit_by_unit() -> None:
    foreign = Key(Kind.MEMBER, GROUP.place, (BOB,))
    case = Case(wanted=BOTH, there={**BOTH, foreign: {}}, ours=BOTH)
    whole = Limits(unlisted="remove")
    assert changed(replace(case, limits=whole)) == [(Op.DELETE, foreign)]
    reported = replace(whole, units={"/acme": Limits(unlisted="report")})
    made = replace(case, limits=reported).plan()
    assert ([one.key for one in made.foreign], made.changes) == ([foreign], ())
    silent = replace(whole, units={"/acme": Limits(unlisted="keep")})
    made = replace(case, limits=silent).plan()
    assert (made.foreign, made.changes) == ((), ())


@pytest.mark.parametrize(("policy", "op"), [("detach", Op.FORGET), ("empty", None)])
def test_a_unit_that_left_goes_as_its_own_policy_says(policy: str, op: Op | None) -> None:
    case = Case(
        there={GROUP: {}},
        ours={GROUP: {}},
        limits=replace(of_unit(delete_units=policy), delete_units="delete"),
    )
    assert changed(case) == ([(op, GROUP)] if op else [])


def member(number: int, unit: str) -> tuple[Key, Origin]:
    person = f"p_{number:016x}"
    origin = Origin((unit, "role:member"), unit=unit, role="member", person=person)
    return Key(Kind.MEMBER, (unit, "member"), (person,)), origin


def stops(
    limits: Limits,
    owned: Iterable[tuple[Key, Origin]],
    op: Op = Op.DELETE,
    going: Iterable[tuple[Key, Origin]] = (),
) -> list[str]:
    rows = [Owned(key, "", {}, origin) for key, origin in owned]
    changes = [Change(op, key, origin=origin) for key, origin in going]
    found, _ = plan.weigh([Plan("ldap", changes)], {"ldap": rows}, {"ldap": Desired({}, {})}, limits)
    return [stop.detail for stop in found]


ACME = [member(number, "/acme") for number in range(50)]
TEAM = [member(number, "/acme/team") for number in range(100, 110)]
LOOSE = Limits(grants_at_least=1000, privileged_per_run=1000, admins_min=0)


def test_removals_in_a_unit_are_weighed_by_its_own_share() -> None:
    own = replace(LOOSE, unit="/acme/team", removals_at_least=1)
    limits = replace(LOOSE, units={"/acme/team": own})
    assert stops(limits, [*ACME, *TEAM], going=ACME[:2]) == []
    (said,) = stops(limits, [*ACME, *TEAM], going=TEAM[:2])
    assert "2 memberships" in said
    assert "allowed are 1 of 10 (policy.removals of /acme/team)" in said


def test_what_was_removed_today_in_the_unit_counts_there() -> None:
    gone = frozenset({member(111, "/acme/team")[1].counted})
    own = replace(LOOSE, unit="/acme/team", removals_at_least=1, removed_last_day=gone)
    limits = replace(LOOSE, units={"/acme/team": own}, removed_last_day=gone)
    assert len(stops(limits, [*ACME, *TEAM], going=TEAM[:1])) == 1


def test_grants_and_privileged_roles_of_a_unit_have_its_own_bound() -> None:
    own = replace(LOOSE, unit="/acme/team", grants_at_least=1, privileged_per_run=1)
    limits = replace(LOOSE, units={"/acme/team": own})
    assert [text.partition(" people")[0] for text in stops(limits, [], Op.CREATE, TEAM[:2])] == ["2"]
    high = [(key, replace(origin, privileged=True)) for key, origin in TEAM[:2]]
    said = stops(limits, [], Op.CREATE, high)
    assert [text.rpartition("(")[2].partition(")")[0] for text in said] == [
        "policy.grants of /acme/team",
        "policy.privileged_per_run of /acme/team",
    ]
    assert stops(limits, [], Op.CREATE, ACME) == []


def test_the_fewest_administrators_are_those_of_the_root_unit() -> None:
    own = replace(LOOSE, unit="/acme", admins_min=2)
    limits = replace(LOOSE, units={"/acme": own})
    two = [(key, replace(origin, privileged=True)) for key, origin in ACME[:2]]
    (said,) = stops(limits, two, going=two[:1])
    assert "at least 2 must stay" in said


def test_plans_are_equal_in_any_order_with_limits_of_units() -> None:
    limits = of_unit(protected=frozenset({ANN}))
    case = replace(LEFT, limits=limits)
    desired, observed, owned = case.desired, case.observed, case.owned
    one = plan.make_plan("memory", desired, observed, owned, limits, MARK)
    other = plan.make_plan("memory", desired, observed, list(reversed(owned)), limits, MARK)
    assert plan.digest([one], []) == plan.digest([other], [])
