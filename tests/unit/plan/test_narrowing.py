"""What `--only` and `--target` leave of a plan: the part, with all that it needs."""

from __future__ import annotations

from syncd import plan
from syncd.model import Change, Held, Key, Kind, Op, Origin, Plan, RunPlan
from syncd.plan_narrow import WHOLE, Narrowing

ACME = Key(Kind.GROUP, ("acme",))
TEAM = Key(Kind.GROUP, ("acme", "team"))
OTHER = Key(Kind.GROUP, ("acme", "teams"))
MEMBER = Key(Kind.MEMBER, TEAM.place, ("p_1",))
PERSON = Key(Kind.PERSON, (), ("p_1",))
STRANGER = Key(Kind.PERSON, (), ("p_2",))


def change(key: Key, unit: str = "", op: Op = Op.CREATE, old: Key | None = None) -> Change:
    place = unit or ("/" + "/".join(key.place) if key.place else "")
    return Change(op, key, origin=Origin(unit=place), old=old)


def left(narrowing: Narrowing, *changes: Change) -> list[Key]:
    return [one.key for one in narrowing.of(Plan("keycloak", changes)).changes]


def test_without_a_narrowing_all_is_left() -> None:
    whole = Plan("keycloak", (change(ACME),))
    assert WHOLE.of(whole) is whole


def test_another_target_has_nothing_left() -> None:
    whole = Plan("keycloak", (change(ACME),), (Held(change(TEAM), "person", "x"),))
    assert Narrowing(target="ldap").of(whole) == Plan("keycloak")
    assert Narrowing(target="keycloak").of(whole) == whole


def test_a_unit_is_left_with_all_below_and_with_what_that_needs() -> None:
    changes = [
        change(ACME),
        change(TEAM),
        change(OTHER),
        change(PERSON, "/elsewhere"),
        change(STRANGER, "/elsewhere"),
        change(MEMBER, "/acme/team"),
    ]
    assert left(Narrowing("/acme/team"), *changes) == [ACME, TEAM, PERSON, MEMBER]
    assert left(Narrowing("acme/team/"), *changes) == [ACME, TEAM, PERSON, MEMBER]
    assert left(Narrowing("/acme"), *changes) == [ACME, TEAM, OTHER, PERSON, MEMBER]


def test_what_was_held_there_is_left_too() -> None:
    whole = Plan("keycloak", (), (Held(change(TEAM), "person", "x"), Held(change(OTHER), "person", "x")))
    assert [one.change.key for one in Narrowing("/acme/team").of(whole).held] == [TEAM]


def test_a_removal_needs_nothing() -> None:
    changes = [change(ACME, op=Op.UPDATE), change(PERSON, "/x"), change(MEMBER, "/acme/team", Op.DELETE)]
    assert left(Narrowing("/acme/team"), *changes) == [MEMBER]


def test_what_moves_above_it_comes_along() -> None:
    was = Key(Kind.GROUP, ("was",))
    changes = [
        change(ACME, op=Op.MOVE, old=was),
        change(OTHER, op=Op.MOVE, old=Key(Kind.GROUP, ("acme", "x"))),
        change(MEMBER, "/acme/team"),
    ]
    assert left(Narrowing("/acme/team"), *changes) == [ACME, MEMBER]


def test_the_part_can_be_carried_out_by_itself() -> None:
    changes = [change(ACME), change(TEAM), change(OTHER), change(MEMBER, "/acme/team")]
    part = Narrowing("/acme/team").of(Plan("keycloak", changes))
    assert [[one.key for one in wave] for wave in plan.waves(part.changes)] == [[ACME], [TEAM], [MEMBER]]


def test_a_reviewed_plan_knows_how_far_it_goes() -> None:
    assert Narrowing.of_plan(None) == WHOLE
    assert Narrowing.of_plan(RunPlan("acme", "test", "d")) == WHOLE
    narrowed = RunPlan("acme", "test", "d", only="/acme", target="ldap")
    assert Narrowing.of_plan(narrowed) == Narrowing("/acme", "ldap")
