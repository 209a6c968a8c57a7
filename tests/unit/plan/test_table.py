"""Every row of the diff's table, one test each, then the marks and natives that decide whose a thing is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.model import Desired, Foreign, Key, Kind, Limits, Observation, Op, Origin, Owned
from tests.unit.plan.build import ANN, BOB, GROUP, MARK, MEMBER, ROLE, UNIT, Case, changed, held


def test_what_is_gone_already_is_forgotten() -> None:
    assert changed(Case(ours={MEMBER: {}})) == [(Op.FORGET, MEMBER)]


def test_what_a_stranger_made_is_not_touched_and_reported() -> None:
    stranger = Key(Kind.MEMBER, GROUP.place, ("native-x",))
    plan = Case(wanted={GROUP: {}}, there={GROUP: {}, stranger: {}}, ours={GROUP: {}}).plan()
    assert plan.changes == ()
    assert plan.foreign == (Foreign(stranger, "not made by syncd"),)


def test_a_group_with_our_mark_that_the_ledger_does_not_know_is_not_touched_and_reported_as_that() -> None:
    renamed = Key(Kind.GROUP, (*GROUP.place, "renamed"))
    there = {GROUP: {}, renamed: {}}
    plan = Case(wanted={GROUP: {}}, there=there, ours={GROUP: {}}, marks={renamed: MARK}).plan()
    assert plan.changes == ()
    assert plan.foreign == (Foreign(renamed, "bears this mapping's mark, but the ledger does not know it"),)


def test_a_group_with_the_mark_of_another_mapping_is_that_ones_to_report() -> None:
    theirs = Key(Kind.GROUP, (*GROUP.place, "theirs"))
    there = {GROUP: {}, theirs: {}}
    plan = Case(wanted={GROUP: {}}, there=there, ours={GROUP: {}}, marks={theirs: "test/other"}).plan()
    assert (plan.changes, plan.foreign) == ((), ())


def test_a_strangers_member_is_not_reported_where_the_policy_says_keep() -> None:
    case = Case(
        wanted={GROUP: {}}, there={GROUP: {}, MEMBER: {}}, ours={GROUP: {}}, limits=Limits(unlisted="keep")
    )
    assert case.plan().foreign == ()


def test_a_strangers_member_is_removed_where_the_policy_says_so() -> None:
    limits = Limits(unlisted="remove")
    case = Case(wanted={GROUP: {}}, there={GROUP: {}, MEMBER: {}}, ours={GROUP: {}}, limits=limits)
    assert changed(case) == [(Op.DELETE, MEMBER)]
    assert case.plan().foreign == ()


def test_a_strangers_member_of_a_group_that_is_not_ours_yet_stays_even_then() -> None:
    limits = Limits(unlisted="remove")
    case = Case(wanted={GROUP: {}}, there={GROUP: {}, MEMBER: {}}, limits=limits)
    assert changed(case) == [(Op.ADOPT, GROUP)]


def test_a_member_that_left_the_file_is_removed() -> None:
    assert changed(Case(wanted={GROUP: {}}, there={GROUP: {}, MEMBER: {}}, ours={GROUP: {}, MEMBER: {}})) == [
        (Op.DELETE, MEMBER)
    ]


def test_an_adopted_member_that_left_the_file_is_removed() -> None:
    case = Case(
        wanted={GROUP: {}},
        there={GROUP: {}, MEMBER: {}},
        ours={GROUP: {}, MEMBER: {}},
        adopted={MEMBER, GROUP},
    )
    assert changed(case) == [(Op.DELETE, MEMBER)]


def test_members_of_an_unmanaged_place_are_forgotten_not_removed() -> None:
    stranger = Key(Kind.MEMBER, GROUP.place, ("native-x",))
    case = Case(
        wanted={GROUP: {}},
        there={GROUP: {}, MEMBER: {}, stranger: {}},
        ours={GROUP: {}, MEMBER: {}},
        limits=Limits(unlisted="remove"),
        unmanaged={GROUP.place},
    )
    assert changed(case) == [(Op.FORGET, MEMBER)]
    assert case.plan().foreign == ()


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("empty", [(Op.DELETE, MEMBER)]),
        ("delete", [(Op.DELETE, MEMBER), (Op.DELETE, GROUP)]),
        ("detach", [(Op.FORGET, MEMBER), (Op.FORGET, GROUP)]),
    ],
)
def test_a_unit_that_left_the_file_follows_delete_units(policy: str, expected: list[tuple[Op, Key]]) -> None:
    both = {GROUP: {}, MEMBER: {}}
    assert changed(Case(there=both, ours=both, limits=Limits(delete_units=policy))) == expected


def test_under_detach_a_member_who_left_a_group_that_stays_is_removed_all_the_same() -> None:
    both = {GROUP: {}, MEMBER: {}}
    case = Case(wanted={GROUP: {}}, there=both, ours=both, limits=Limits(delete_units="detach"))
    assert changed(case) == [(Op.DELETE, MEMBER)]


def test_an_adopted_container_is_forgotten_never_deleted() -> None:
    case = Case(there={GROUP: {}}, ours={GROUP: {}}, adopted={GROUP}, limits=Limits(delete_units="delete"))
    assert changed(case) == [(Op.FORGET, GROUP)]


def test_what_is_wanted_and_missing_is_created() -> None:
    assert changed(Case(wanted={GROUP: {}, MEMBER: {}})) == [(Op.CREATE, GROUP), (Op.CREATE, MEMBER)]


def test_what_somebody_took_away_is_created_again() -> None:
    case = Case(wanted={GROUP: {}, MEMBER: {}}, there={GROUP: {}}, ours={GROUP: {}, MEMBER: {}})
    assert changed(case) == [(Op.CREATE, MEMBER)]


def test_a_container_that_exists_is_taken_without_writing() -> None:
    plan = Case(wanted={GROUP: {"description": ("x",)}}, there={GROUP: {"description": ("x",)}}).plan()
    assert [(change.op, change.writes) for change in plan.changes] == [(Op.ADOPT, False)]


def test_only_mentioned_attributes_are_compared() -> None:
    there = {GROUP: {"description": ("x",), "attribute:theirs": ("y",)}}
    assert (
        changed(
            Case(wanted={GROUP: {"description": ("x",)}}, there=there, ours={GROUP: {"description": ("x",)}})
        )
        == []
    )


def test_a_mentioned_attribute_that_differs_is_updated() -> None:
    case = Case(
        wanted={GROUP: {"description": ("new",)}},
        there={GROUP: {"description": ("old",)}},
        ours={GROUP: {"description": ("old",)}},
    )
    (change,) = case.plan().changes
    assert (change.op, change.attrs, change.before, change.clear) == (
        Op.UPDATE,
        {"description": ("new",)},
        {"description": ("old",)},
        frozenset(),
    )


def test_an_attribute_we_wrote_that_is_unmentioned_and_unchanged_is_cleared() -> None:
    case = Case(
        wanted={GROUP: {}}, there={GROUP: {"description": ("x",)}}, ours={GROUP: {"description": ("x",)}}
    )
    (change,) = case.plan().changes
    assert (change.op, change.clear, change.writes) == (Op.UPDATE, {"description"}, True)


def test_an_attribute_that_somebody_changed_since_is_theirs() -> None:
    case = Case(
        wanted={GROUP: {}}, there={GROUP: {"description": ("y",)}}, ours={GROUP: {"description": ("x",)}}
    )
    assert [(c.op, c.attrs, c.clear, c.writes) for c in case.plan().changes] == [
        (Op.UPDATE, {}, frozenset(), False)
    ]


def test_a_value_that_was_cleared_is_let_go_though_the_run_died_before_it_was_written_down() -> None:
    """Else the ledger would claim the same value from whoever writes it later."""
    case = Case(wanted={GROUP: {}}, there={GROUP: {}}, ours={GROUP: {"description": ("x",)}})
    assert [(c.op, c.attrs, c.clear, c.writes) for c in case.plan().changes] == [
        (Op.UPDATE, {}, frozenset(), False)
    ]
    assert changed(Case(wanted={GROUP: {}}, there={GROUP: {"description": ("x",)}}, ours={GROUP: {}})) == []


def test_what_a_person_is_called_is_not_let_go() -> None:
    case = Case(wanted={PERSON: {}}, there={PERSON: {}}, ours={PERSON: {"family_name": ("Arden",)}})
    assert changed(case) == []


def test_a_value_that_drift_holds_is_not_let_go() -> None:
    case = Case(
        wanted={GROUP: {"description": ("x",)}},
        there={GROUP: {"description": ("y",)}},
        ours={GROUP: {"description": ("x",)}},
        limits=Limits(drift="report"),
    )
    assert changed(case) == []
    assert held(case) == [("drift", Op.UPDATE, GROUP)]


def test_a_claim_whose_reply_was_lost_is_taken_up_without_writing() -> None:
    case = Case(
        wanted={GROUP: {}, MEMBER: {}},
        there={GROUP: {}, MEMBER: {}},
        ours={GROUP: {}, MEMBER: {}},
        claimed={GROUP, MEMBER},
    )
    assert [(c.op, c.key, c.native, c.writes) for c in case.plan().changes] == [
        (Op.UPDATE, GROUP, "id-of-group", False),
        (Op.UPDATE, MEMBER, "", False),
    ]


def test_a_claim_that_came_to_nothing_is_created_or_forgotten() -> None:
    assert changed(Case(wanted={GROUP: {}}, ours={GROUP: {}}, claimed={GROUP})) == [(Op.CREATE, GROUP)]
    assert changed(Case(ours={GROUP: {}}, claimed={GROUP})) == [(Op.FORGET, GROUP)]


def test_a_group_that_was_replaced_by_another_of_its_name_is_not_ours_and_nor_is_who_is_in_it() -> None:
    case = Case(
        there={GROUP: {}, MEMBER: {}},
        ours={GROUP: {}, MEMBER: {}},
        natives={GROUP: "another"},
        limits=Limits(delete_units="delete"),
    )
    assert changed(case) == [(Op.FORGET, MEMBER), (Op.FORGET, GROUP)]


def test_a_replaced_group_that_is_wanted_is_adopted_and_its_members_wait_to_be_claimed() -> None:
    both = {GROUP: {}, MEMBER: {}}
    case = Case(wanted=both, there=both, ours=both, natives={GROUP: "another"})
    assert changed(case) == [(Op.ADOPT, GROUP), (Op.FORGET, MEMBER)]
    assert held(case) == [("adoption", Op.ADOPT, MEMBER)]


def test_our_mark_tells_that_a_group_of_another_id_is_ours() -> None:
    case = Case(
        wanted={GROUP: {}},
        there={GROUP: {}},
        ours={GROUP: {}},
        natives={GROUP: "another"},
        marks={GROUP: MARK},
    )
    assert [(c.op, c.native, c.writes) for c in case.plan().changes] == [(Op.UPDATE, "another", False)]


def test_additions_stand_root_down_and_removals_leaves_up() -> None:
    case = Case(
        wanted={
            UNIT: {},
            GROUP: {},
            MEMBER: {},
            ROLE: {},
            Key(Kind.GRANT, GROUP.place, ("portal", "viewer")): {},
        },
        there={Key(Kind.GROUP, ("old",)): {}, Key(Kind.MEMBER, ("old",), (BOB,)): {}},
        ours={Key(Kind.GROUP, ("old",)): {}, Key(Kind.MEMBER, ("old",), (BOB,)): {}},
        limits=Limits(delete_units="delete"),
    )
    keys = [key for _, key in changed(case)]
    assert all(
        keys.index(need) < keys.index(key) for key in (GROUP, MEMBER) for need in key.needs() if need in keys
    )
    assert keys[-2:] == [Key(Kind.MEMBER, ("old",), (BOB,)), Key(Kind.GROUP, ("old",))]


# --- people


PERSON = Key(Kind.PERSON, (), (ANN,))


def test_what_a_person_is_called_is_never_taken_away() -> None:
    there = {PERSON: {"family_name": ("Arden",), "sn": ("Arden",), "attribute:phone": ("1",)}}
    case = Case(wanted={PERSON: {}}, there=there, ours=there)
    (change,) = case.plan().changes
    assert (change.op, change.clear) == (Op.UPDATE, {"attribute:phone"})


def test_a_profile_of_an_account_we_did_not_make_is_not_written() -> None:
    assert (
        changed(Case(wanted={PERSON: {"given_name": ("Ann",)}}, there={PERSON: {"given_name": ("Anna",)}}))
        == []
    )


def test_a_profile_of_an_account_we_made_is_kept() -> None:
    case = Case(
        wanted={PERSON: {"given_name": ("Ann",)}},
        there={PERSON: {"given_name": ("Anna",)}},
        ours={PERSON: {"given_name": ("Anna",)}},
    )
    assert changed(case) == [(Op.UPDATE, PERSON)]


def test_a_lock_is_carried_to_any_account() -> None:
    locked = {"enabled": ("false",), "given_name": ("Ann",)}
    (change,) = Case(wanted={PERSON: locked}, there={PERSON: {"enabled": ("true",)}}).plan().changes
    assert (change.op, change.attrs, change.writes) == (Op.ADOPT, {"enabled": ("false",)}, True)


def test_a_lock_that_somebody_else_put_on_is_not_taken_off() -> None:
    case = Case(
        wanted={PERSON: {"enabled": ("true",)}},
        there={PERSON: {"enabled": ("false",)}},
        ours={PERSON: {"enabled": ("true",)}},
    )
    assert changed(case) == []
    assert held(case) == [("drift", Op.UPDATE, PERSON)]


def test_a_lock_of_ours_is_taken_off() -> None:
    case = Case(
        wanted={PERSON: {"enabled": ("true",)}},
        there={PERSON: {"enabled": ("false",)}},
        ours={PERSON: {"enabled": ("false",)}},
        adopted={PERSON},
    )
    assert changed(case) == [(Op.UPDATE, PERSON)]


def test_an_account_is_deleted_only_where_its_end_is_ordered_and_we_made_it() -> None:
    there = {PERSON: {}}
    limits = Limits(delete_units="delete")
    assert changed(Case(there=there, ours=there, limits=limits)) == []
    assert changed(Case(there=there, ours=there, ended={PERSON})) == [(Op.DELETE, PERSON)]
    assert changed(Case(there=there, ours=there, ended={PERSON}, adopted={PERSON})) == []


def test_two_equal_inputs_in_another_order_give_an_equal_plan() -> None:
    case = Case(wanted={UNIT: {}, GROUP: {}, MEMBER: {}}, there={UNIT: {}})
    turned = replace(case, wanted=dict(reversed(list(case.wanted.items()))))
    assert case.plan() == turned.plan()


def test_an_origin_of_a_fact_is_in_its_change() -> None:
    origin = Origin(anchor=("u", "role:member"), person=ANN, role="member", unit="/acme")
    desired = Desired({MEMBER: {}}, {MEMBER: origin})
    row = Owned(MEMBER, "", {}, replace(origin, source="roster"))
    case = Case()
    assert case.plan_of(desired, Observation({}, {}), [])[0].origin == origin
    assert case.plan_of(Desired({}, {}), Observation({MEMBER: {}}, {}), [row])[0].origin.source == "roster"
