"""Everything that makes a change wait, one test each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.model import Key, Kind, Limits, Op
from tests.unit.plan.build import ANN, GROUP, MARK, MEMBER, UNIT, Case, changed, held

BOTH = {GROUP: {}, MEMBER: {}}
LEFT = Case(wanted={GROUP: {}}, there=BOTH, ours=BOTH)


def test_a_member_who_is_not_known_yet_waits_with_the_reason() -> None:
    case = Case(wanted={GROUP: {}}, waiting={MEMBER: "Keycloak does not know ann@acme.example"})
    assert changed(case) == [(Op.CREATE, GROUP)]
    (one,) = case.plan().held
    assert (one.reason, one.change.key, one.detail) == (
        "person",
        MEMBER,
        "Keycloak does not know ann@acme.example",
    )


def test_a_member_who_waits_again_keeps_what_they_have() -> None:
    case = replace(LEFT, waiting={MEMBER: "several accounts match"})
    assert (changed(case), held(case)) == ([], [])


@pytest.mark.parametrize("name", [ANN, "/acme", "/acme/member", "/ACME"])
def test_a_protected_person_group_or_path_loses_nothing(name: str) -> None:
    case = replace(LEFT, limits=Limits(protected=frozenset({name})))
    assert (changed(case), held(case)) == ([], [("protected", Op.DELETE, MEMBER)])


def test_a_protected_dn_loses_nothing() -> None:
    place = ("dc=example,dc=org", "ou=acme", "cn=member")
    member = Key(Kind.MEMBER, place, (ANN,))
    case = Case(
        there={member: {}},
        ours={member: {}},
        limits=Limits(protected=frozenset({"ou=ACME,dc=example,dc=org"})),
    )
    assert held(case) == [("protected", Op.DELETE, member)]


def test_a_protected_person_is_not_disabled() -> None:
    person = Key(Kind.PERSON, (), (ANN,))
    limits = Limits(protected=frozenset({ANN}))
    case = Case(
        wanted={person: {"enabled": ("false",)}}, there={person: {"enabled": ("true",)}}, limits=limits
    )
    assert (changed(case), held(case)) == ([], [("protected", Op.ADOPT, person)])


def test_an_organization_member_whom_keycloak_manages_is_not_taken_out() -> None:
    key = Key(Kind.ORG_MEMBER, ("acme",), (ANN,))
    case = Case(there={key: {"membership": ("MANAGED",)}}, ours={key: {}})
    assert held(case) == [("protected", Op.DELETE, key)]


def test_nothing_is_removed_while_the_mapping_is_additive() -> None:
    assert held(replace(LEFT, limits=Limits(additive=True))) == [("additive", Op.DELETE, MEMBER)]
    assert changed(replace(LEFT, limits=Limits(additive=True))) == []


def test_removals_that_depend_on_an_unhealthy_source_are_frozen() -> None:
    case = replace(LEFT, frozen={("member", "/acme"): "roster hr could not be read"})
    assert (changed(case), held(case)) == ([], [("frozen", Op.DELETE, MEMBER)])
    assert case.plan().held[0].detail == "roster hr could not be read"


def test_other_roles_are_not_frozen_with_it() -> None:
    assert changed(replace(LEFT, frozen={("lead", "/acme"): "x", ("member", "/other"): "x"})) == [
        (Op.DELETE, MEMBER)
    ]


@pytest.mark.parametrize(
    ("adopt", "going", "waiting"),
    [
        ("ask", [(Op.ADOPT, GROUP)], [("adoption", Op.ADOPT, MEMBER)]),
        ("yes", [(Op.ADOPT, GROUP), (Op.ADOPT, MEMBER)], []),
        ("never", [], [("adoption", Op.ADOPT, GROUP), ("adoption", Op.ADOPT, MEMBER)]),
    ],
)
def test_what_others_made_is_claimed_as_the_policy_says(
    adopt: str, going: list[tuple[Op, Key]], waiting: list[tuple[str, Op, Key]]
) -> None:
    case = Case(wanted=BOTH, there=BOTH, limits=Limits(adopt=adopt))
    assert (changed(case), held(case)) == (going, waiting)


def test_taking_a_container_blocks_nothing_that_lies_in_it() -> None:
    assert changed(Case(wanted=BOTH, there={GROUP: {}})) == [(Op.ADOPT, GROUP), (Op.CREATE, MEMBER)]


def test_never_means_that_nothing_is_added_to_what_others_made() -> None:
    case = Case(wanted=BOTH, there={GROUP: {}}, limits=Limits(adopt="never"))
    assert (changed(case), held(case)) == (
        [],
        [("adoption", Op.ADOPT, GROUP), ("adoption", Op.CREATE, MEMBER)],
    )


def test_overwriting_an_attribute_of_what_was_adopted_waits_and_adding_one_does_not() -> None:
    wanted = {GROUP: {"description": ("ours",), "attribute:cost": ("7",)}}
    case = Case(wanted=wanted, there={GROUP: {"description": ("theirs",)}})
    (taken,) = case.plan().changes
    assert (taken.op, taken.attrs) == (Op.ADOPT, {"attribute:cost": ("7",)})
    (one,) = case.plan().held
    assert (one.reason, one.change.op, one.change.attrs) == (
        "adoption",
        Op.UPDATE,
        {"description": ("ours",)},
    )


def test_it_goes_on_waiting_once_the_container_is_in_the_ledger_and_a_value_of_ours_is_kept_up() -> None:
    case = Case(
        wanted={GROUP: {"description": ("ours",), "attribute:cost": ("8",)}},
        there={GROUP: {"description": ("theirs",), "attribute:cost": ("7",)}},
        ours={GROUP: {"attribute:cost": ("7",)}},
        adopted={GROUP},
    )
    (going,) = case.plan().changes
    assert (going.op, going.attrs) == (Op.UPDATE, {"attribute:cost": ("8",)})
    assert held(case) == [("adoption", Op.UPDATE, GROUP)]


@pytest.mark.parametrize(
    "limits",
    [Limits(adoptions=frozenset({GROUP, MEMBER})), Limits(adopt="yes")],
    ids=["adopt PATH", "yes"],
)
def test_an_approved_adoption_takes_the_edges_and_overwrites(limits: Limits) -> None:
    case = Case(
        wanted={GROUP: {"description": ("ours",)}, MEMBER: {}},
        there={GROUP: {"description": ("theirs",)}, MEMBER: {}},
        limits=limits,
    )
    assert (changed(case), held(case)) == ([(Op.ADOPT, GROUP), (Op.ADOPT, MEMBER)], [])
    assert case.plan().changes[0].writes


def test_our_own_mark_needs_no_approval() -> None:
    case = Case(
        wanted={GROUP: {"description": ("new",)}},
        there={GROUP: {"description": ("old",)}},
        marks={GROUP: MARK},
    )
    assert (changed(case), held(case)) == ([(Op.ADOPT, GROUP)], [])


@pytest.mark.parametrize("limits", [Limits(adopt="yes"), Limits(adoptions=frozenset({GROUP}))])
def test_a_container_with_anothers_mark_is_foreign_and_nothing_is_added_to_it(limits: Limits) -> None:
    case = Case(wanted=BOTH, there={GROUP: {}}, marks={GROUP: "staging/acme"}, limits=limits)
    assert (changed(case), held(case)) == ([], [("foreign", Op.ADOPT, GROUP), ("foreign", Op.CREATE, MEMBER)])
    assert "staging/acme" in case.plan().held[0].detail


def test_access_that_we_gave_in_a_container_with_anothers_mark_is_revoked() -> None:
    case = Case(there=BOTH, ours=BOTH, marks={GROUP: "staging/acme"}, limits=Limits(delete_units="delete"))
    assert (changed(case), held(case)) == ([(Op.DELETE, MEMBER)], [("foreign", Op.DELETE, GROUP)])


def test_a_container_with_something_foreign_in_it_is_not_deleted_nor_what_it_lies_in() -> None:
    stranger = Key(Kind.GROUP, (*GROUP.place, "theirs"))
    case = Case(
        there={UNIT: {}, GROUP: {}, stranger: {}},
        ours={UNIT: {}, GROUP: {}},
        limits=Limits(delete_units="delete"),
    )
    assert changed(case) == []
    assert held(case) == [("foreign", Op.DELETE, UNIT), ("foreign", Op.DELETE, GROUP)]
    assert "theirs" in case.plan().held[1].detail


def test_a_foreign_member_keeps_the_group_and_ours_is_revoked() -> None:
    case = Case(
        there={**BOTH, Key(Kind.MEMBER, GROUP.place, ("native-x",)): {}},
        ours=BOTH,
        limits=Limits(delete_units="delete"),
    )
    assert (changed(case), held(case)) == ([(Op.DELETE, MEMBER)], [("foreign", Op.DELETE, GROUP)])


def test_a_container_waits_with_the_member_whose_removal_waits() -> None:
    case = Case(
        there=BOTH,
        ours=BOTH,
        limits=Limits(delete_units="delete"),
        frozen={("member", "/acme"): "hr is down"},
    )
    assert held(case) == [("frozen", Op.DELETE, GROUP), ("frozen", Op.DELETE, MEMBER)]


def test_a_role_that_a_foreign_group_has_is_not_deleted() -> None:
    role = Key(Kind.ROLE, ("portal",), ("viewer",))
    grant = Key(Kind.GRANT, ("theirs",), ("portal", "viewer"))
    case = Case(there={role: {}, grant: {}}, ours={role: {}}, limits=Limits(delete_units="delete"))
    assert held(case) == [("foreign", Op.DELETE, role)]


@pytest.mark.parametrize("drift", ["report", "adopt"])
def test_a_value_that_somebody_changed_is_reported_where_the_policy_says_so(drift: str) -> None:
    ours = {GROUP: {"description": ("ours",)}}
    case = Case(
        wanted=ours, there={GROUP: {"description": ("scribbled",)}}, ours=ours, limits=Limits(drift=drift)
    )
    assert (changed(case), held(case)) == ([], [("drift", Op.UPDATE, GROUP)])
    assert "scribbled" in case.plan().held[0].detail


def test_a_value_that_the_file_changed_goes_beside_one_that_drifted() -> None:
    case = Case(
        wanted={GROUP: {"description": ("ours",), "attribute:cost": ("8",)}},
        there={GROUP: {"description": ("scribbled",), "attribute:cost": ("7",)}},
        ours={GROUP: {"description": ("ours",), "attribute:cost": ("7",)}},
        limits=Limits(drift="report"),
    )
    (going,) = case.plan().changes
    assert going.attrs == {"attribute:cost": ("8",)}
    assert held(case) == [("drift", Op.UPDATE, GROUP)]


def test_a_membership_that_somebody_took_away_is_reported_where_the_policy_says_so() -> None:
    case = Case(wanted=BOTH, there={GROUP: {}}, ours=BOTH, limits=Limits(drift="report"))
    assert (changed(case), held(case)) == ([], [("drift", Op.CREATE, MEMBER)])


def test_what_lies_in_a_group_that_is_not_made_waits_with_it() -> None:
    case = Case(wanted={UNIT: {}, **BOTH}, ours={UNIT: {}}, limits=Limits(drift="report"))
    assert changed(case) == []
    assert {reason for reason, _, _ in held(case)} == {"drift"}
    assert len(held(case)) == 3


def test_a_kind_that_the_target_cannot_hold_is_reported_and_not_dropped() -> None:
    grant = Key(Kind.GRANT, GROUP.place, ("portal", "viewer"))
    case = Case(wanted={GROUP: {}, grant: {}}, kinds=frozenset({Kind.GROUP, Kind.MEMBER}))
    assert (changed(case), held(case)) == ([(Op.CREATE, GROUP)], [("unsupported", Op.CREATE, grant)])
