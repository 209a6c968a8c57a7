"""Groups that are wanted only while somebody is in them (`empty_group: delete`)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.model import Key, Kind, Limits, Op
from tests.unit.plan.build import BOB, GROUP, MEMBER, Case, changed, held

BOTH = {GROUP: {}, MEMBER: {}}
FILLED = Case(wanted=BOTH, there=BOTH, ours=BOTH, only_filled={GROUP})
EMPTIED = replace(FILLED, wanted={GROUP: {}})
BY_OTHERS = Key(Kind.MEMBER, GROUP.place, (BOB,))


def test_a_filled_one_is_made_and_kept() -> None:
    assert changed(replace(FILLED, there={}, ours={})) == [(Op.CREATE, GROUP), (Op.CREATE, MEMBER)]
    assert changed(FILLED) == []


def test_an_empty_one_is_not_made() -> None:
    assert changed(replace(EMPTIED, there={}, ours={})) == []


@pytest.mark.parametrize("policy", ["empty", "delete"])
def test_an_emptied_one_goes_after_its_last_member(policy: str) -> None:
    case = replace(EMPTIED, limits=Limits(delete_units=policy))
    assert changed(case) == [(Op.DELETE, MEMBER), (Op.DELETE, GROUP)]
    assert changed(replace(case, there={GROUP: {}}, ours={GROUP: {}})) == [(Op.DELETE, GROUP)]


def test_one_that_is_not_of_this_sort_stays_empty() -> None:
    assert changed(replace(EMPTIED, only_filled=set())) == [(Op.DELETE, MEMBER)]


def test_it_stays_while_somebody_else_has_put_a_person_there() -> None:
    there = {**BOTH, BY_OTHERS: {}}
    assert changed(replace(EMPTIED, there=there)) == [(Op.DELETE, MEMBER)]


def test_it_stays_while_its_member_waits_again() -> None:
    case = replace(EMPTIED, waiting={MEMBER: "several accounts match"})
    assert (changed(case), held(case)) == ([], [])


def test_it_is_not_made_for_somebody_who_waits() -> None:
    case = replace(EMPTIED, there={}, ours={}, waiting={MEMBER: "nobody is known by that name"})
    assert (changed(case), held(case)) == ([], [("person", Op.CREATE, MEMBER)])


def test_what_stops_the_last_removal_stops_it_too() -> None:
    case = replace(EMPTIED, frozen={("member", "/acme"): "roster hr could not be read"})
    assert (changed(case), held(case)) == (
        [],
        [("frozen", Op.DELETE, GROUP), ("frozen", Op.DELETE, MEMBER)],
    )


def test_one_that_we_only_adopted_is_let_go() -> None:
    assert changed(replace(EMPTIED, adopted={GROUP})) == [(Op.DELETE, MEMBER), (Op.FORGET, GROUP)]
