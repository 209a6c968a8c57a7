"""The laws of a target as tests: subclass `TargetContract`, give it a `target_world`, and they all run.

A world is a target bound to a fresh scope plus the few things a test must be able to do behind its back.
Everything goes through `plan`, as a run would, so the laws are those of the pair.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import pytest

from syncd.errors import TargetError
from syncd.model import Change, Desired, Key, Kind, Limits, Op, Origin, Result
from tests.miniature import Runner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from syncd.model import Attrs, Observation, Path
    from syncd.targets import Target

ODD_NAMES = (
    "Qualité & Sûreté",
    "R+D",
    "#1",
    'the "best"',
    "a, b",
    "x=y",
    "back\\slash",
    "50% <ok>;",
    "Ünïcode 東京",
)


class TargetWorld(ABC):
    """A target with a fresh scope of its own, and hands to change things behind its back.

    Attributes: `target`, made with the marker `tests.miniature.MARKER`; `tops`, the places to read,
    which exist; `people`, at least three (person id, native id) of accounts that exist; `unit_kind`,
    the kind of the containers above groups (`group` in Keycloak, `ou` in LDAP).
    """

    target: Target
    tops: Sequence[Path]
    people: Sequence[tuple[str, str]]
    unit_kind: Kind = Kind.GROUP

    @abstractmethod
    def place(self, *names: str, group: bool = False) -> Path:
        """The target place of the container with these names below the top; `group` if it holds members."""

    @abstractmethod
    def attrs(self, *names: str, group: bool = False, description: str = "") -> Attrs:
        """The least attributes of that container, with a description unless it is empty."""

    @abstractmethod
    def foreign_group(self, place: Path) -> None:
        """Make a group that holds members at `place` (its parent exists) as a stranger would: unmarked."""

    @abstractmethod
    def foreign_member(self, place: Path, native: str) -> None:
        """Put the account into the existing group as a stranger would."""

    @abstractmethod
    def interrupted(self) -> AbstractContextManager[None]:
        """While it lasts, every read breaks off after it has begun (a dead server, a lost page)."""


class TargetContract:
    """Laws that every target keeps; see `syncd.targets`."""

    @pytest.fixture
    def target_world(self) -> TargetWorld:
        raise NotImplementedError("each target's test class gives its own world")

    @pytest.fixture
    def runner(self, target_world: TargetWorld) -> Runner:
        limits = Limits(adopt="yes", delete_units="delete")
        return Runner(target_world.target, target_world.tops, dict(target_world.people), limits=limits)

    def test_shape_is_idempotent(self, target_world: TargetWorld) -> None:
        state = {
            **state_of(target_world, unit(target_world, "Équipe", description="  two   blanks  ")),
            **state_of(target_world, group(target_world, "Équipe", "Member", people=[0, 1])),
        }
        once = target_world.target.shape(state)
        assert target_world.target.shape(once) == once

    def test_what_is_wanted_can_be_read_after_apply(self, target_world: TargetWorld, runner: Runner) -> None:
        wanted = small(target_world)
        assert all_done(runner.run(wanted))
        assert missing(wanted, runner.observe(wanted)) == {}

    def test_a_second_plan_is_empty(self, target_world: TargetWorld, runner: Runner) -> None:
        wanted = small(target_world)
        runner.run(wanted)
        assert nothing_to_do(runner, wanted)

    def test_every_change_has_one_outcome(self, target_world: TargetWorld, runner: Runner) -> None:
        wanted = small(target_world)
        made, seen = runner.plan(wanted)
        outcomes = runner.apply(made, seen)
        assert sorted(outcome.change.key for outcome in outcomes) == sorted(
            change.key for change in made.changes
        )
        assert len(made.changes) == len(wanted.state)

    def test_what_was_made_is_known_by_a_native_id(self, target_world: TargetWorld, runner: Runner) -> None:
        wanted = small(target_world)
        made = {o.change.key: o.native for o in runner.run(wanted) if o.change.key.kind is not Kind.MEMBER}
        seen = runner.observe(wanted).natives
        assert made
        assert made == {key: seen[key] for key in made}

    def test_containers_that_are_ours_carry_the_marker_where_the_target_can(
        self, target_world: TargetWorld, runner: Runner
    ) -> None:
        wanted = small(target_world)
        runner.run(wanted)
        seen = runner.observe(wanted)
        assert set(seen.marks.values()) <= {runner.marker}
        assert all("syncd.owner" not in name for attrs in seen.state.values() for name in attrs)

    def test_a_foreign_group_and_a_foreign_member_stay(
        self, target_world: TargetWorld, runner: Runner
    ) -> None:
        wanted = small(target_world)
        runner.run(wanted)
        stranger = target_world.place("Unit", "stranger", group=True)
        target_world.foreign_group(stranger)
        target_world.foreign_member(stranger, target_world.people[2][1])
        target_world.foreign_member(role_group(wanted), target_world.people[2][1])
        both = Desired(
            {**wanted.state, **state_of(target_world, group(target_world, "Unit", "stranger"))},
            wanted.origins,
        )
        before = runner.observe(both).state
        runner.run(wanted)
        runner.run(desired(target_world, unit(target_world, "Unit"), group(target_world, "Unit", "member")))
        after = runner.observe(both).state
        foreign = [key for key in before if key not in wanted.state and key.kind is not Kind.PERSON]
        assert len(foreign) >= 3
        assert {key: after.get(key) for key in foreign} == {key: before[key] for key in foreign}

    def test_a_member_that_left_is_removed_and_the_others_stay(
        self, target_world: TargetWorld, runner: Runner
    ) -> None:
        runner.run(small(target_world))
        fewer = desired(
            target_world, unit(target_world, "Unit"), group(target_world, "Unit", "member", people=[1])
        )
        assert all_done(runner.run(fewer))
        assert members(runner.observe(fewer)) == {target_world.people[1][0]}

    def test_a_group_without_members_exists_and_is_quiet(
        self, target_world: TargetWorld, runner: Runner
    ) -> None:
        runner.run(small(target_world))
        empty = desired(target_world, unit(target_world, "Unit"), group(target_world, "Unit", "member"))
        assert all_done(runner.run(empty))
        assert members(runner.observe(empty)) == set()
        assert missing(empty, runner.observe(empty)) == {}
        assert nothing_to_do(runner, empty)

    def test_a_group_made_empty_takes_its_first_member(
        self, target_world: TargetWorld, runner: Runner
    ) -> None:
        runner.run(desired(target_world, unit(target_world, "Unit"), group(target_world, "Unit", "member")))
        assert all_done(runner.run(small(target_world)))
        assert len(members(runner.observe(small(target_world)))) == 2
        assert nothing_to_do(runner, small(target_world))

    def test_a_description_is_changed_and_cleared(self, target_world: TargetWorld, runner: Runner) -> None:
        key = next(iter(state_of(target_world, unit(target_world, "Unit"))))
        for text in ("first", "second: é, +", ""):
            wanted = desired(target_world, unit(target_world, "Unit", description=text))
            assert all_done(runner.run(wanted))
            assert runner.observe(wanted).state[key].get("description", ("",)) == (text,)
            assert nothing_to_do(runner, wanted)

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_odd_names_are_kept(self, target_world: TargetWorld, runner: Runner, name: str) -> None:
        wanted = desired(
            target_world,
            unit(target_world, name, description=name),
            group(target_world, name, "member", people=[0]),
        )
        assert all_done(runner.run(wanted))
        assert missing(wanted, runner.observe(wanted)) == {}
        assert nothing_to_do(runner, wanted)

    def test_a_renamed_unit_keeps_its_native_ids_and_members(
        self, target_world: TargetWorld, runner: Runner
    ) -> None:
        before = small(target_world)
        runner.run(before)
        ids = runner.observe(before).natives
        after = small(target_world, name="Renamed, + more")
        outcomes = runner.run(after)
        assert all_done(outcomes)
        assert {outcome.change.op for outcome in outcomes} == {Op.MOVE}
        seen = runner.observe(after)
        assert missing(after, seen) == {}
        assert native_of(seen, after, "unit") == ids[container(before, "unit")]
        assert native_of(seen, after, "role:member") == ids[container(before, "role:member")]
        assert nothing_to_do(runner, after)

    def test_a_unit_is_moved_below_another_with_all_it_holds(
        self, target_world: TargetWorld, runner: Runner
    ) -> None:
        home = desired(target_world, unit(target_world, "Home", uid="u-home"), small(target_world))
        runner.run(home)
        moved = desired(
            target_world,
            unit(target_world, "Home", uid="u-home"),
            unit(target_world, "Home", "Unit", description="what it is for"),
            group(target_world, "Home", "Unit", "member", people=[0, 1]),
        )
        outcomes = runner.run(moved)
        assert all_done(outcomes)
        assert [outcome.change.op for outcome in outcomes] == [Op.MOVE]
        assert missing(moved, runner.observe(moved)) == {}
        assert nothing_to_do(runner, moved)

    def test_two_units_exchange_their_names(self, target_world: TargetWorld, runner: Runner) -> None:
        def pair(first: str, second: str) -> Desired:
            return desired(
                target_world,
                unit(target_world, first, uid="u-1"),
                group(target_world, first, "member", uid="u-1", people=[0]),
                unit(target_world, second, uid="u-2"),
                group(target_world, second, "member", uid="u-2", people=[1]),
            )

        runner.run(pair("North", "South"))
        swapped = pair("South", "North")
        outcomes = runner.run(swapped)
        assert all_done(outcomes)
        assert {outcome.change.op for outcome in outcomes} == {Op.MOVE}
        assert missing(swapped, runner.observe(swapped)) == {}
        assert nothing_to_do(runner, swapped)

    def test_a_move_that_happened_already_is_done(self, target_world: TargetWorld, runner: Runner) -> None:
        before, after = small(target_world), small(target_world, name="Renamed")
        runner.run(before)
        made, seen = runner.plan(after)
        rows = dict(runner.ledger.rows)
        runner.apply(made, seen)
        runner.ledger.rows = rows
        assert all_done(runner.run(after))
        assert missing(after, runner.observe(after)) == {}
        assert nothing_to_do(runner, after)

    def test_an_empty_mapping_takes_everything_away_leaves_first(
        self, target_world: TargetWorld, runner: Runner
    ) -> None:
        wanted = desired(
            target_world, small(target_world), unit(target_world, "Unit", "Below", uid="u-below")
        )
        runner.run(wanted)
        nothing = Desired({}, {})
        assert all_done(runner.run(nothing))
        left = [key for key in runner.observe(wanted).state if key in wanted.state]
        assert left == []
        assert runner.ledger.rows == {}

    def test_a_refused_change_is_an_outcome_and_the_others_are_written(
        self, target_world: TargetWorld, runner: Runner
    ) -> None:
        runner.run(small(target_world))
        wanted = small(target_world)
        nobody = Key(Kind.MEMBER, role_group(wanted), ("p_0000000000000000",))
        known = Key(Kind.MEMBER, role_group(wanted), (target_world.people[2][0],))
        natives = {
            **runner.observe(wanted).natives,
            Key(Kind.PERSON, (), nobody.item): "00000000-0000-4000-8000-000000000000",
        }
        changes = [Change(Op.CREATE, nobody), Change(Op.CREATE, known)]
        outcomes = {o.change.key: o for o in target_world.target.apply(changes, natives)}
        assert outcomes[known].result is Result.DONE
        assert outcomes[nobody].result is Result.REFUSED
        assert outcomes[nobody].detail
        assert target_world.people[2][0] in members(runner.observe(wanted))

    def test_writing_twice_what_is_so_already_is_done(
        self, target_world: TargetWorld, runner: Runner
    ) -> None:
        wanted = small(target_world)
        runner.run(wanted)
        member = Key(Kind.MEMBER, role_group(wanted), (target_world.people[0][0],))
        stranger = Key(Kind.MEMBER, role_group(wanted), (target_world.people[2][0],))
        natives = runner.observe(wanted).natives
        again = list(target_world.target.apply([Change(Op.CREATE, member)], natives))
        gone = list(target_world.target.apply([Change(Op.DELETE, stranger)], natives))
        assert [outcome.result for outcome in [*again, *gone]] == [Result.DONE, Result.DONE]

    def test_an_interrupted_read_raises(self, target_world: TargetWorld, runner: Runner) -> None:
        wanted = small(target_world)
        runner.run(wanted)
        with target_world.interrupted(), pytest.raises(TargetError):
            runner.observe(wanted)

    def test_an_existing_group_is_adopted_with_its_id_and_keeps_its_strangers(
        self, target_world: TargetWorld, runner: Runner
    ) -> None:
        runner.run(desired(target_world, unit(target_world, "Unit")))
        place = target_world.place("Unit", "member", group=True)
        target_world.foreign_group(place)
        target_world.foreign_member(place, target_world.people[2][1])
        wanted = small(target_world)
        key = container(wanted, "role:member")
        found = runner.observe(wanted).natives[key]
        assert all_done(runner.run(wanted))
        assert runner.ledger.rows[key].native == found
        assert members(runner.observe(wanted)) == {person for person, _ in target_world.people[:3]}
        assert nothing_to_do(runner, wanted)


Facts = dict[Key, tuple["Attrs", Origin]]


def unit(world: TargetWorld, *names: str, uid: str = "u-unit", description: str = "") -> Facts:
    """A unit's own container."""
    key = Key(world.unit_kind, world.place(*names))
    return {
        key: (
            world.attrs(*names, description=description),
            Origin(anchor=(uid, "unit"), unit="/".join(names)),
        )
    }


def group(world: TargetWorld, *names: str, uid: str = "u-unit", people: Sequence[int] = ()) -> Facts:
    """The group of the role that the last name says, with its members."""
    place, role = world.place(*names, group=True), names[-1]
    facts: Facts = {
        Key(Kind.GROUP, place): (
            world.attrs(*names, group=True),
            Origin(anchor=(uid, f"role:{role}"), unit="/".join(names[:-1]), role=role),
        )
    }
    for index in people:
        person = world.people[index][0]
        origin = Origin(anchor=(uid, f"role:{role}"), unit="/".join(names[:-1]), role=role, person=person)
        facts[Key(Kind.MEMBER, place, (person,))] = ({}, origin)
    return facts


def small(world: TargetWorld, name: str = "Unit") -> Desired:
    """One unit with one role group of two people."""
    return desired(
        world, unit(world, name, description="what it is for"), group(world, name, "member", people=[0, 1])
    )


def desired(world: TargetWorld, *parts: Facts | Desired) -> Desired:
    """The parts as one desired state, shaped fact by fact so that each keeps its origin."""
    state: dict[Key, Attrs] = {}
    origins: dict[Key, Origin] = {}
    for part in parts:
        if isinstance(part, Desired):
            state |= part.state
            origins |= part.origins
            continue
        for key, (attrs, origin) in part.items():
            for shaped, values in world.target.shape({key: attrs}).items():
                state[shaped], origins[shaped] = values, origin
    return Desired(state, origins)


def state_of(world: TargetWorld, facts: Facts) -> Mapping[Key, Attrs]:
    """The shaped state of facts, without their origins."""
    return desired(world, facts).state


def container(wanted: Desired, slot: str) -> Key:
    """The key of the container in that slot."""
    return next(
        key
        for key, origin in wanted.origins.items()
        if origin.anchor[1] == slot and key.kind is not Kind.MEMBER
    )


def native_of(seen: Observation, wanted: Desired, slot: str) -> str:
    return seen.natives[container(wanted, slot)]


def role_group(wanted: Desired) -> Path:
    return container(wanted, "role:member").place


def members(seen: Observation) -> set[str]:
    return {key.item[0] for key in seen.state if key.kind is Kind.MEMBER}


def missing(wanted: Desired, seen: Observation) -> Mapping[Key, Attrs]:
    """What is wanted and not so: facts that are not there, or attributes with another value."""
    return {
        key: attrs
        for key, attrs in wanted.state.items()
        if key not in seen.state or any(seen.state[key].get(name) != value for name, value in attrs.items())
    }


def all_done(outcomes: Sequence[object]) -> bool:
    wrong = [outcome for outcome in outcomes if getattr(outcome, "result", None) is not Result.DONE]
    assert wrong == []
    return bool(outcomes)


def nothing_to_do(runner: Runner, wanted: Desired) -> bool:
    made, _ = runner.plan(wanted)
    assert list(made.changes) == []
    return True
