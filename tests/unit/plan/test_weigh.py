"""The limits: what is counted, what is exempt, and what a stop leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncd import plan
from syncd.model import Change, Desired, Key, Kind, Limits, LimitUse, Op, Origin, Owned, Plan, Stop

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUP = Key(Kind.GROUP, ("acme", "member"))


def who(number: int) -> str:
    return f"p_{number:016x}"


def member(number: int, **origin: object) -> tuple[Key, Origin]:
    """A membership of /acme; `origin` are fields of its origin."""
    key = Key(Kind.MEMBER, GROUP.place, (who(number),))
    fields = {
        "anchor": ("/acme", "role:member"),
        "unit": "/acme",
        "role": "member",
        "person": who(number),
        **origin,
    }
    return key, Origin(**fields)  # type: ignore[arg-type]  # fields of Origin by name


def weighed(
    removed: Iterable[tuple[Key, Origin]] = (),
    given: Iterable[tuple[Key, Origin]] = (),
    owned: Iterable[tuple[Key, Origin]] = (),
    limits: Limits | None = None,
    targets: Iterable[str] = ("keycloak",),
    **more: object,
) -> tuple[dict[str, Stop], dict[str, LimitUse]]:
    """The stops and uses by name, for the same changes on every target; what is removed was owned."""
    removed, given, targets = list(removed), list(given), list(targets)
    changes = [Change(Op.DELETE, key, origin=origin) for key, origin in removed]
    changes += [Change(Op.CREATE, key, origin=origin) for key, origin in given]
    rows = [Owned(key, "", {}, origin) for key, origin in (*owned, *removed)]
    desired = Desired({GROUP: {}, **{key: {} for key, _ in given}}, dict(given))
    stops, uses = plan.weigh(
        [Plan(target, changes) for target in targets],
        dict.fromkeys(targets, rows),
        dict.fromkeys(targets, desired),
        limits or Limits(grants_at_least=1000, privileged_per_run=1000, admins_min=0),
        **more,  # type: ignore[arg-type]  # keywords of weigh
    )
    return {stop.limit: stop for stop in stops}, {use.limit: use for use in uses}


@pytest.mark.parametrize(
    ("size", "removed", "stopped"),
    [
        (3, 3, False),
        (4, 4, True),
        (20, 3, False),
        (20, 4, True),
        (100, 10, False),
        (100, 11, True),
        (5000, 200, False),
        (5000, 201, True),
    ],
)
def test_removals_stop_by_percentage_floor_and_ceiling(size: int, removed: int, stopped: bool) -> None:
    people = [member(number) for number in range(size)]
    stops, uses = weighed(removed=people[:removed], owned=people[removed:])
    assert ("removals" in stops) is stopped
    assert uses["removals"].used == removed


def test_a_person_who_leaves_one_role_is_one_removal_on_however_many_targets() -> None:
    people = [member(number) for number in range(3)]
    stops, uses = weighed(removed=people, targets=("keycloak", "ldap", "ldap:mail"))
    assert stops == {}
    assert uses["removals"] == LimitUse("removals", 3, 3)


def test_what_went_within_a_day_counts_and_the_same_again_does_not_count_twice() -> None:
    before = frozenset({(who(9), "member", "/acme"), (who(0), "member", "/acme")})
    limits = Limits(removed_last_day=before, admins_min=0)
    assert weighed(removed=[member(0), member(1)], limits=limits)[0] == {}
    stops, _ = weighed(removed=[member(1), member(2)], limits=limits)
    assert (stops["removals"].asked, stops["removals"].allowed, stops["removals"].removals_only) == (
        4,
        3,
        True,
    )
    assert "2 already are" in stops["removals"].detail


def test_yesterdays_removals_alone_stop_nothing() -> None:
    before = frozenset((who(number), "member", "/acme") for number in range(50))
    assert weighed(limits=Limits(removed_last_day=before))[0] == {}


def test_ends_that_were_announced_are_exempt_and_one_that_comes_early_is_not() -> None:
    announced = [member(number, until="2027-06-30") for number in range(5)]
    assert weighed(removed=announced, today="2027-07-01")[0] == {}
    assert "removals" in weighed(removed=announced, today="2027-06-30")[0]


def test_what_an_act_took_back_is_exempt_and_what_it_gave_in_a_unit_that_left_is_not() -> None:
    acts = [member(number, source="admin") for number in range(5)]
    assert weighed(removed=acts)[0] == {}
    gone = [(Key(Kind.MEMBER, ("gone", "member"), key.item), origin) for key, origin in acts]
    assert "removals" in weighed(removed=gone)[0]


def test_a_member_who_only_changes_the_group_loses_nothing() -> None:
    moved = [
        (Key(Kind.MEMBER, ("acme", "members"), key.item), origin) for key, origin in map(member, range(9))
    ]
    assert weighed(removed=map(member, range(9)), given=moved)[1]["removals"].used == 0


@pytest.mark.parametrize(
    ("people", "getting", "stopped"), [(0, 10, False), (0, 11, True), (100, 25, False), (100, 34, True)]
)
def test_grants_stop_by_percentage_and_floor(people: int, getting: int, stopped: bool) -> None:
    limits = Limits(admins_min=0)
    given = [member(number) for number in range(1000, 1000 + getting)]
    stops, _ = weighed(given=given, owned=map(member, range(people)), limits=limits)
    assert ("grants" in stops) is stopped
    if stopped:
        assert not stops["grants"].removals_only
    assert weighed(given=given, limits=replace(limits, first_plan=True))[0] == {}


def test_what_a_person_holds_already_is_no_grant() -> None:
    same = list(map(member, range(50)))
    assert weighed(given=same, owned=same, limits=Limits(admins_min=0))[1]["grants"].used == 0


def test_privileged_roles_change_one_at_a_time() -> None:
    given = [member(number, role="admin", privileged=True) for number in range(2)]
    limits = Limits(admins_min=0)
    assert weighed(given=given[:1], limits=limits)[0] == {}
    stops, _ = weighed(given=given, limits=limits)
    assert (stops["privileged"].asked, stops["privileged"].allowed) == (2, 1)
    assert "admin in /acme" in stops["privileged"].detail
    assert weighed(given=given, limits=replace(limits, first_plan=True))[0] == {}


def test_a_role_given_to_a_group_is_a_privileged_change() -> None:
    grant = Key(Kind.GRANT, GROUP.place, ("grafana", "editor"))
    given = [(grant, replace(member(0)[1], person="", privileged=True)), member(1, privileged=True)]
    assert weighed(given=given, limits=Limits(admins_min=0))[0]["privileged"].asked == 2


def admins(*numbers: int, unit: str = "/acme") -> list[tuple[Key, Origin]]:
    return [
        member(number, role="admin", privileged=True, unit=unit, anchor=(unit, "role:admin"))
        for number in numbers
    ]


def test_the_last_administrators_of_a_root_unit_stay() -> None:
    stops, _ = weighed(removed=admins(0), owned=map(member, range(5)), limits=Limits())
    assert stops["admins_min"].removals_only
    assert "/acme would keep 0 active holders" in stops["admins_min"].detail
    assert "admins_min" not in weighed(removed=admins(0), owned=admins(1), limits=Limits())[0]
    assert "admins_min" in weighed(removed=admins(0), owned=admins(1), limits=Limits(admins_min=2))[0]


def test_an_administrator_named_in_the_same_plan_counts() -> None:
    limits = Limits(privileged_per_run=9)
    assert weighed(removed=admins(0), given=admins(7), limits=limits)[0] == {}


def test_disabled_administrators_and_those_of_lower_units_do_not_count() -> None:
    below = admins(2, unit="/acme/platform")
    assert (
        "admins_min"
        in weighed(
            removed=admins(0), owned=[*admins(1), *below], inactive=frozenset({who(1)}), limits=Limits()
        )[0]
    )
    person = Key(Kind.PERSON, (), (who(0),))
    lock = Plan("keycloak", [Change(Op.UPDATE, person, {"enabled": ("false",)}, {"enabled": ("true",)})])
    rows = [Owned(key, "", {}, origin) for key, origin in admins(0)]
    stops, _ = plan.weigh([lock], {"keycloak": rows}, {"keycloak": Desired({}, {})}, Limits())
    assert [stop.limit for stop in stops] == ["admins_min"]


def test_a_unit_without_administrators_stops_nothing() -> None:
    assert weighed(removed=[member(0)], limits=Limits())[0] == {}


def test_without_its_removals_a_plan_keeps_what_is_gained_and_what_ended_as_announced() -> None:
    ended, left, gained = member(0, until="2027-01-01"), member(1), member(2)
    group = (Key(Kind.GROUP, ("old",)), Origin())
    made = Plan(
        "keycloak",
        [
            Change(Op.CREATE, gained[0], origin=gained[1]),
            *(Change(Op.DELETE, key, origin=origin) for key, origin in (ended, left, group)),
        ],
    )
    spared = plan.without_removals(made, Desired({GROUP: {}}, {}), today="2027-02-01")
    assert [change.key for change in spared.changes] == [gained[0], ended[0]]
    assert [(held.reason, held.change.key) for held in spared.held] == [
        ("limit", left[0]),
        ("limit", group[0]),
    ]


def test_the_digest_says_the_same_of_the_same_plan_only() -> None:
    key, origin = member(0)
    one = Plan("keycloak", [Change(Op.CREATE, key, origin=origin), Change(Op.DELETE, GROUP)])
    stop = Stop("removals", 9, 3, "today", removals_only=True)
    assert plan.digest([one], [stop]) == plan.digest(
        [replace(one, changes=one.changes[::-1])], [replace(stop, asked=8, detail="tomorrow")]
    )
    others = [
        plan.digest([replace(one, changes=one.changes[:1])], [stop]),
        plan.digest([replace(one, target="ldap")], [stop]),
        plan.digest([one], []),
        plan.digest([one], [stop], ["removals"]),
        plan.digest(
            [replace(one, changes=[replace(one.changes[0], attrs={"a": ("b",)}), one.changes[1]])], [stop]
        ),
    ]
    assert plan.digest([one], [stop]) not in others
    assert len(set(others)) == len(others)


def test_a_unit_that_leaves_as_another_comes_with_its_members_was_perhaps_renamed() -> None:
    def people(unit: str, numbers: range, op: Op) -> list[Change]:
        return [
            Change(
                op,
                Key(Kind.MEMBER, ("acme", unit), (who(n),)),
                origin=replace(member(n)[1], unit=f"/acme/{unit}"),
            )
            for n in numbers
        ]

    new = Change(Op.CREATE, Key(Kind.GROUP, ("acme", "Quality")), origin=Origin(unit="/acme/Quality"))
    renamed = Plan(
        "keycloak", [new, *people("Quality", range(4), Op.CREATE), *people("Qualité", range(8), Op.DELETE)]
    )
    (found,) = plan.suggestions([renamed])
    assert "renamed? add `formerly: [Qualité]` to /acme/Quality" in found
    fewer = Plan(
        "keycloak", [new, *people("Quality", range(3), Op.CREATE), *people("Qualité", range(8), Op.DELETE)]
    )
    assert plan.suggestions([fewer]) == ()
