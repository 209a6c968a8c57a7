"""Names change and units move; ids, members and grants stay."""

from __future__ import annotations

from syncd import plan
from syncd.model import (
    CONTAINERS,
    Change,
    Desired,
    Held,
    Key,
    Kind,
    Limits,
    Observation,
    Op,
    Origin,
    Owned,
    Plan,
)
from tests.unit.plan.build import ANN, MARK

NAMED = CONTAINERS | {Kind.ROLE}


def group(*place: str) -> Key:
    return Key(Kind.GROUP, place)


def anchored(uid: str, slot: str = "unit", **more: object) -> Origin:
    return Origin(anchor=(uid, slot), **more)  # type: ignore[arg-type]  # fields of Origin by name


def planned(
    wanted: dict[Key, Origin],
    ours: dict[Key, Origin],
    there: dict[Key, str] | None = None,
    limits: Limits | None = None,
    attrs: dict[Key, dict[str, tuple[str, ...]]] | None = None,
) -> Plan:
    """A plan where everything of ours is there under its own key, unless `there` says where each id is."""
    ids = {key: "/".join(key.place + key.item) for key in ours}
    there = {key: ids[key] if key.kind in NAMED else "" for key in ours} if there is None else there
    return plan.make_plan(
        "memory",
        Desired({key: (attrs or {}).get(key, {}) for key in wanted}, wanted),
        Observation({key: {} for key in there}, {key: native for key, native in there.items() if native}),
        [Owned(key, ids[key] if key.kind in NAMED else "", {}, origin) for key, origin in ours.items()],
        limits or Limits(adopt="yes", delete_units="delete"),
        MARK,
    )


def moves(made: Plan) -> list[tuple[str, str]]:
    """The moves as (from, to)."""
    found = [change for change in made.changes if change.op is Op.MOVE and change.old is not None]
    return [
        ("/".join(change.old.place), "/".join(change.key.place)) for change in found if change.old is not None
    ]


def test_a_changed_name_moves_the_container_and_nothing_else() -> None:
    member = Key(Kind.MEMBER, ("a",), (ANN,))
    made = planned(
        {group("b"): anchored("u"), Key(Kind.MEMBER, ("b",), (ANN,)): anchored("u")},
        {group("a"): anchored("u"), member: anchored("u")},
    )
    assert [(change.op, change.key, change.old, change.native) for change in made.changes] == [
        (Op.MOVE, group("b"), group("a"), "a")
    ]


def test_a_former_path_is_as_good_as_an_id() -> None:
    made = planned({group("b"): anchored("/b", former=("/a",))}, {group("a"): anchored("/a")})
    assert moves(made) == [("a", "b")]


def test_a_renamed_role_moves_its_groups() -> None:
    wanted = {group("a", "editors"): anchored("u", "role:editors", former_slots=("role:writers",))}
    assert moves(planned(wanted, {group("a", "writers"): anchored("u", "role:writers")})) == [
        ("a/writers", "a/editors")
    ]


def test_a_role_definition_is_renamed_with_its_grants() -> None:
    old, new = Key(Kind.ROLE, ("portal",), ("old",)), Key(Kind.ROLE, ("portal",), ("new",))
    made = planned(
        {
            new: anchored("", "role-def:new", former_slots=("role-def:old",)),
            group("g"): anchored("u"),
            Key(Kind.GRANT, ("g",), ("portal", "new")): anchored("u"),
            Key(Kind.COMPOSITE, ("portal", "new"), ("portal", "base")): anchored(""),
        },
        {
            old: anchored("", "role-def:old"),
            group("g"): anchored("u"),
            Key(Kind.GRANT, ("g",), ("portal", "old")): anchored("u"),
            Key(Kind.COMPOSITE, ("portal", "old"), ("portal", "base")): anchored(""),
        },
    )
    assert {change.key for change in made.changes if change.writes} == {new}


def test_what_lies_below_moves_along_and_is_not_moved_itself() -> None:
    made = planned(
        {
            group("b"): anchored("u"),
            group("b", "x"): anchored("v"),
            group("b", "x", "m"): anchored("v", "role:m"),
        },
        {
            group("a"): anchored("u"),
            group("a", "x"): anchored("v"),
            group("a", "x", "m"): anchored("v", "role:m"),
        },
    )
    assert [change.key for change in made.changes] == [group("b")]


def test_a_child_that_leaves_a_renamed_parent_is_moved_once() -> None:
    made = planned(
        {group("b"): anchored("u"), group("x"): anchored("v")},
        {group("a"): anchored("u"), group("a", "x"): anchored("v")},
    )
    assert moves(made) == [("a", "b"), ("b/x", "x")] or moves(made) == [("a/x", "x"), ("a", "b")]


def test_a_parent_that_moves_after_its_child_left_waits_for_that() -> None:
    made = planned(
        {group("z"): anchored("u"), group("x"): anchored("v")},
        {group("a"): anchored("u"), group("a", "x"): anchored("v")},
    )
    assert moves(made) == [("a/x", "x"), ("a", "z")]
    assert [len(wave) for wave in plan.waves(made.changes)] == [1, 1]


def test_two_units_that_turn_inside_out_are_moved() -> None:
    made = planned(
        {group("b"): anchored("v"), group("b", "a"): anchored("u")},
        {group("a"): anchored("u"), group("a", "b"): anchored("v")},
    )
    assert moves(made) == [("a/b", "b"), ("a", "b/a")]


def test_an_exchange_of_names_goes_by_a_third() -> None:
    made = planned(
        {group("b"): anchored("u"), group("a"): anchored("v")},
        {group("a"): anchored("u"), group("b"): anchored("v")},
    )
    assert moves(made) == [("a", "a~"), ("b", "a"), ("a~", "b")] or moves(made) == [
        ("b", "b~"),
        ("a", "b"),
        ("b~", "a"),
    ]
    assert len(plan.waves(made.changes)) >= 3


def test_an_exchange_of_former_paths_happens_once_however_long_the_file_says_it() -> None:
    wanted = {group("a"): anchored("/a", former=("/b",)), group("b"): anchored("/b", former=("/a",))}
    assert len(moves(planned(wanted, {group("a"): anchored("/a"), group("b"): anchored("/b")}))) == 3
    assert planned(wanted, wanted).changes == ()


def test_an_exchange_back_while_the_same_lines_stand_is_of_contents_for_a_line_moves_once() -> None:
    """Nothing tells the file of the first exchange from that of the second, so no group moves again."""
    first = {group("a"): anchored("/a", former=("/b",)), group("b"): anchored("/b", former=("/a",))}
    member = Key(Kind.MEMBER, ("a",), (ANN,))
    ours = {**first, member: anchored("/a")}
    made = planned({**first, Key(Kind.MEMBER, ("b",), (ANN,)): anchored("/b")}, ours)
    assert moves(made) == []
    assert sorted(change.op for change in made.changes) == [Op.CREATE, Op.DELETE]


def test_an_exchange_back_moves_again_after_a_run_without_the_lines() -> None:
    both = {group("a"): anchored("/a", former=("/b",)), group("b"): anchored("/b", former=("/a",))}
    without = {group("a"): anchored("/a"), group("b"): anchored("/b")}
    assert [(change.op, change.writes) for change in planned(without, both).changes] == [
        (Op.UPDATE, False),
        (Op.UPDATE, False),
    ]
    assert len(moves(planned(both, without))) == 3


def test_units_with_ids_are_exchanged_back_while_the_same_lines_stand() -> None:
    lines = {"former": ("/a", "/b")}
    there = {group("a"): anchored("2", **lines), group("b"): anchored("1", **lines)}
    back = {group("a"): anchored("1", **lines), group("b"): anchored("2", **lines)}
    assert len(moves(planned(back, there))) == 3
    assert planned(back, back).changes == ()


def test_an_exchange_that_died_at_any_of_its_moves_ends_as_it_was_meant() -> None:
    wanted = {group("a"): anchored("/a", former=("/b",)), group("b"): anchored("/b", former=("/a",))}
    ours = {group("a"): anchored("/a"), group("b"): anchored("/b")}
    steps = [change for change in planned(wanted, ours).changes if change.op is Op.MOVE]
    for done in range(len(steps) + 1):
        for recorded in (done, done - 1):
            there = {"a": group("a"), "b": group("b")}
            rows = dict(ours)
            natives = {key: native for native, key in there.items()}
            for index, step in enumerate(steps[:done]):
                there[step.native] = step.key
                if index < recorded:
                    old = step.old or step.key
                    natives[step.key] = natives.pop(old)
                    del rows[old]
                    rows[step.key] = step.origin
            made = plan.make_plan(
                "memory",
                Desired({key: {} for key in wanted}, wanted),
                Observation({key: {} for key in there.values()}, {key: one for one, key in there.items()}),
                [Owned(key, natives[key], {}, origin) for key, origin in rows.items()],
                Limits(adopt="yes", delete_units="delete"),
                MARK,
            )
            for step in made.changes:
                if step.op is Op.MOVE:
                    there[step.native] = step.key
            assert there == {"a": group("b"), "b": group("a")}
            assert {change.op for change in made.changes} <= {Op.MOVE, Op.UPDATE}


def test_a_unit_that_goes_below_a_new_one_of_its_own_name_steps_aside() -> None:
    made = planned({group("a"): anchored("new"), group("a", "a"): anchored("u")}, {group("a"): anchored("u")})
    assert moves(made) == [("a", "a~"), ("a~", "a/a")]
    layers = [[(change.op, change.key) for change in wave] for wave in plan.waves(made.changes)]
    assert layers == [[(Op.MOVE, group("a~"))], [(Op.CREATE, group("a"))], [(Op.MOVE, group("a", "a"))]]


def test_a_place_that_is_taken_by_what_stays_is_not_moved_onto() -> None:
    made = planned(
        {group("b"): anchored("u")}, {group("a"): anchored("u")}, {group("a"): "a", group("b"): "theirs"}
    )
    assert moves(made) == []
    assert {change.op for change in made.changes} == {Op.ADOPT, Op.DELETE}


def test_what_somebody_renamed_is_found_by_its_id_and_named_back() -> None:
    made = planned({group("a"): anchored("u")}, {group("a"): anchored("u")}, {group("renamed"): "a"})
    assert moves(made) == [("renamed", "a")]


def test_what_somebody_renamed_is_reported_where_the_policy_says_so() -> None:
    limits = Limits(drift="report")
    made = planned({group("a"): anchored("u")}, {group("a"): anchored("u")}, {group("renamed"): "a"}, limits)
    assert made.changes == ()
    assert [(held.reason, held.change.op) for held in made.held] == [("drift", Op.MOVE)]
    assert plan.natives_after(made, {group("renamed"): "a"}) == {group("a"): "a"}


def test_a_unit_that_somebody_renamed_is_reported_and_all_in_it_is_left_as_it_is() -> None:
    """Its role group and members stand where nobody looked; only who left the file is taken out."""
    role, member = group("a", "m"), Key(Kind.MEMBER, ("a", "m"), (ANN,))
    kept, ours = {group("a"): anchored("u"), role: anchored("u", "role:m")}, anchored("u", "role:m")
    there = {group("x"): "a", group("x", "m"): "a/m"}
    limits = Limits(drift="report", delete_units="delete", unlisted="remove")
    for wanted, going in (({**kept, member: ours}, []), (kept, [(Op.DELETE, member)])):
        made = planned(wanted, {**kept, member: ours}, there, limits)
        assert [(change.op, change.key) for change in made.changes] == going
        assert [(one.reason, one.change.op, one.change.key) for one in made.held] == [
            ("drift", Op.MOVE, group("a"))
        ]


def test_what_is_new_in_a_renamed_unit_is_made_in_it_and_not_beside_it() -> None:
    limits = Limits(drift="report")
    wanted = {group("a"): anchored("u"), group("a", "new"): anchored("u", "role:new")}
    made = planned(wanted, {group("a"): anchored("u")}, {group("x"): "a"}, limits)
    assert [(change.op, change.key) for change in made.changes] == [(Op.CREATE, group("a", "new"))]
    assert plan.natives_after(made, {group("x"): "a"}) == {group("a"): "a"}


def test_who_is_in_a_renamed_group_was_not_read_and_is_not_taken_for_gone() -> None:
    member = Key(Kind.MEMBER, ("a",), (ANN,))
    made = planned(
        {group("a"): anchored("u")}, {group("a"): anchored("u"), member: anchored("u")}, {group("x"): "a"}
    )
    assert [(change.op, change.key) for change in made.changes] == [
        (Op.MOVE, group("a")),
        (Op.DELETE, member),
    ]


def test_who_joins_a_renamed_group_waits_until_it_was_read_for_a_stranger_may_have_put_them_there() -> None:
    joins = Key(Kind.MEMBER, ("a",), (ANN,))
    made = planned(
        {group("a"): anchored("u"), joins: anchored("u")}, {group("a"): anchored("u")}, {group("x"): "a"}
    )
    assert [(change.op, change.key) for change in made.changes] == [(Op.MOVE, group("a"))]
    assert [(held.reason, held.change.key) for held in made.held] == [("drift", joins)]


def test_a_renamed_group_that_nobody_wants_goes_back_before_it_is_deleted() -> None:
    made = planned({}, {group("a"): anchored("u")}, {group("x"): "a"})
    assert moves(made) == [("x", "a")]
    assert [(held.reason, held.change.op) for held in made.held] == [("drift", Op.DELETE)]


def test_a_move_that_happened_without_being_written_down_is_repeated_for_the_ledger() -> None:
    made = planned({group("b"): anchored("u")}, {group("a"): anchored("u")}, {group("b"): "a"})
    assert moves(made) == [("a", "b")]


def test_a_changed_unit_id_is_written_down_without_a_write() -> None:
    made = planned({group("a"): anchored("new", former=("old",))}, {group("a"): anchored("old")})
    assert [(change.op, change.writes, change.origin.anchor[0]) for change in made.changes] == [
        (Op.UPDATE, False, "new")
    ]


def test_the_true_spelling_of_an_rdn_is_written_by_the_move() -> None:
    new = Key(Kind.OU, ("dc=org", "ou=b"))
    old = Key(Kind.OU, ("dc=org", "ou=a"))
    made = planned({new: anchored("u")}, {old: anchored("u")}, attrs={new: {"ou": ("B",)}})
    (move, *rest) = made.changes
    assert move.attrs == {"ou": ("B",)}
    assert not [change for change in rest if change.writes]


def test_ids_after_the_moves_are_those_of_the_new_names_and_all_below() -> None:
    made = Plan(
        "memory",
        [Change(Op.MOVE, group("b"), old=group("a"), native="1")],
        [Held(Change(Op.MOVE, group("c"), old=group("x"), native="2"), "drift", "")],
    )
    before = {group("a"): "1", group("a", "m"): "3", group("x"): "2", Key(Kind.PERSON, (), (ANN,)): "9"}
    assert plan.natives_after(made, before) == {
        group("b"): "1",
        group("b", "m"): "3",
        group("c"): "2",
        Key(Kind.PERSON, (), (ANN,)): "9",
    }


def test_what_needs_a_failed_change_is_blocked_and_revoking_never_is() -> None:
    member, old = Key(Kind.MEMBER, ("b", "m"), (ANN,)), Key(Kind.MEMBER, ("b",), (ANN,))
    failed = [
        Change(Op.MOVE, group("b"), old=group("a")),
        Change(Op.DELETE, Key(Kind.MEMBER, ("z",), (ANN,))),
    ]
    below, free = Change(Op.CREATE, group("b", "m")), Change(Op.CREATE, group("a"))
    deep, revoke = Change(Op.CREATE, member), Change(Op.DELETE, old)
    kept, other = Change(Op.DELETE, group("z")), Change(Op.CREATE, group("elsewhere"))
    wave = [below, free, deep, revoke, kept, other]
    assert plan.blocked(wave, failed) == [below, free, deep, kept]
