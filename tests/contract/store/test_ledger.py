"""What is ours: claims, outcomes, moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.errors import Busy, Place, StoreError
from syncd.model import Change, Key, Kind, Op, Origin, Outcome, Owned, Result
from tests.contract.store.facts import (
    TARGET,
    create,
    done,
    end,
    give,
    group,
    keys,
    member,
    membership,
    person,
    run,
)

if TYPE_CHECKING:
    from syncd.store import Store
    from tests.contract.store.facts import Clock, Tamper

TEAM = group("acme", "platform")


def only(store: Store) -> Owned:
    (owned,) = store.owned("acme", TARGET)
    return owned


def test_a_claimed_create_is_ours_before_it_is_made_and_keeps_what_will_be_written(store: Store) -> None:
    with run(store) as id_:
        store.claim("acme", TARGET, id_, [create(TEAM, description=("Platform",))])
    assert only(store) == Owned(TEAM, "", {"description": ("Platform",)}, Origin(), claimed=True)


def test_a_claimed_adoption_is_ours_but_nothing_in_it_was_written_by_us(store: Store) -> None:
    change = Change(Op.ADOPT, TEAM, attrs={"description": ("Platform",)}, native="g-1")
    with run(store) as id_:
        store.claim("acme", TARGET, id_, [change])
    assert only(store) == Owned(TEAM, "g-1", {}, Origin(), adopted=True)


def test_a_create_that_succeeded_is_confirmed_with_its_native_id(store: Store) -> None:
    origin = membership(1, "/acme/platform")
    with run(store) as id_:
        change = create(TEAM, origin, description=("Platform",))
        store.claim("acme", TARGET, id_, [change])
        store.record("acme", TARGET, id_, [done(change, "g-1")])
    assert only(store) == Owned(TEAM, "g-1", {"description": ("Platform",)}, origin)


@pytest.mark.parametrize(("result", "left"), [(Result.REFUSED, 0), (Result.SKIPPED, 0), (Result.UNKNOWN, 1)])
@pytest.mark.parametrize("op", [Op.CREATE, Op.ADOPT])
def test_a_claim_is_given_up_unless_the_thing_may_have_been_made(
    store: Store, op: Op, result: Result, left: int
) -> None:
    with run(store) as id_:
        change = Change(op, TEAM)
        store.claim("acme", TARGET, id_, [change])
        store.record("acme", TARGET, id_, [Outcome(change, result)])
    assert len(keys(store)) == left


def test_what_was_ours_before_a_skipped_repair_stays_ours(store: Store) -> None:
    give(store, create(TEAM))
    with run(store) as id_:
        store.claim("acme", TARGET, id_, [create(TEAM)])
        store.record("acme", TARGET, id_, [Outcome(create(TEAM), Result.SKIPPED)])
    assert only(store).native == f"native of {TEAM}"


def test_what_somebody_else_made_before_our_repair_is_not_ours(store: Store) -> None:
    give(store, create(TEAM))
    with run(store) as id_:
        store.claim("acme", TARGET, id_, [create(TEAM)])
        store.record("acme", TARGET, id_, [Outcome(create(TEAM), Result.REFUSED, detail="409")])
    assert keys(store) == set()


def test_an_update_remembers_what_was_written_last_and_keeps_the_native_id(store: Store) -> None:
    give(store, create(TEAM, description=("Platform",), mail=("a@acme.example",)))
    end(
        store,
        done(Change(Op.UPDATE, TEAM, attrs={"description": ("Plateforme",)}, clear=frozenset({"mail"}))),
    )
    assert only(store).attrs == {"description": ("Plateforme",)}
    assert only(store).native == f"native of {TEAM}"


@pytest.mark.parametrize("op", [Op.DELETE, Op.FORGET])
def test_a_row_is_released_only_after_the_thing_is_gone(store: Store, op: Op) -> None:
    give(store, create(TEAM))
    end(store, Outcome(Change(op, TEAM), Result.REFUSED), Outcome(Change(op, TEAM), Result.UNKNOWN))
    assert keys(store) == {TEAM}
    end(store, done(Change(op, TEAM)))
    assert keys(store) == set()


def test_a_moved_group_takes_everything_below_along_and_nothing_beside_it(store: Store) -> None:
    beside = [
        group("acme", "platform2"),
        member(1, "acme", "platform2"),
        Key(Kind.ROLE, TEAM.place[:1], ("platform",)),
    ]
    below = [
        member(1, *TEAM.place),
        group(*TEAM.place, "sre"),
        Key(Kind.GRANT, TEAM.place, ("app", "editor")),
    ]
    give(store, create(TEAM, description=("Platform",)), *map(create, [*beside, *below]))
    moved = group("acme", "it", "core")
    end(store, done(Change(Op.MOVE, moved, old=TEAM, attrs={"description": ("Core",)})))
    here = moved.place
    assert keys(store) == {
        *beside,
        moved,
        member(1, *here),
        group(*here, "sre"),
        Key(Kind.GRANT, here, ("app", "editor")),
    }
    row = next(owned for owned in store.owned("acme", TARGET) if owned.key == moved)
    assert (row.native, row.attrs) == (f"native of {TEAM}", {"description": ("Core",)})


def test_a_child_that_its_parent_has_moved_already_is_found_by_its_native_id(store: Store) -> None:
    child = group(*TEAM.place, "sre")
    give(store, create(TEAM), create(child))
    end(
        store,
        done(Change(Op.MOVE, group("acme", "core"), old=TEAM)),
        done(Change(Op.MOVE, group("acme", "core", "ops"), old=child, native=f"native of {child}")),
    )
    assert keys(store) == {group("acme", "core"), group("acme", "core", "ops")}


def test_a_renamed_role_is_renamed_in_grants_and_composites(store: Store) -> None:
    old, new = Key(Kind.ROLE, ("app",), ("editor",)), Key(Kind.ROLE, ("app",), ("author",))
    grant = Key(Kind.GRANT, TEAM.place, ("app", "editor"))
    inside = Key(Kind.COMPOSITE, ("app", "admin"), ("app", "editor"))
    around = Key(Kind.COMPOSITE, ("app", "editor"), ("app", "reader"))
    namesake = group("app", "editor")
    give(store, *map(create, (old, grant, inside, around, namesake)))
    end(store, done(Change(Op.MOVE, new, old=old)))
    assert keys(store) == {
        new,
        Key(Kind.GRANT, TEAM.place, ("app", "author")),
        Key(Kind.COMPOSITE, ("app", "admin"), ("app", "author")),
        Key(Kind.COMPOSITE, ("app", "author"), ("app", "reader")),
        namesake,
    }


def test_mappings_and_targets_do_not_see_each_other(store: Store) -> None:
    give(store, create(TEAM))
    give(store, create(TEAM), mapping="beta")
    give(store, create(TEAM), target="ldap")
    end(store, done(Change(Op.DELETE, TEAM)), mapping="beta")
    assert keys(store) == keys(store, target="ldap") == {TEAM}
    assert keys(store, "beta") == set()


def test_keys_that_look_alike_when_joined_are_two(store: Store) -> None:
    alike = {
        group("a", "b/c"),
        group("a/b", "c"),
        group("a", "b", "c"),
        group("A", "b", "c"),
        group("a", "b\x00c"),
    }
    give(store, *map(create, alike))
    assert keys(store) == alike


def test_a_run_without_the_lease_may_not_claim(store: Store) -> None:
    id_ = store.start_run("acme", "plan", "ann")
    with pytest.raises(StoreError, match="not started under the lease"):
        store.claim("acme", TARGET, id_, [create(TEAM)])


def test_a_run_that_lost_its_lease_may_not_claim_and_its_outcomes_are_only_put_on_record(
    store: Store, clock: Clock
) -> None:
    with run(store) as first:
        store.claim("acme", TARGET, first, [create(TEAM)])
        clock.advance(hours=1)
        with run(store):
            with pytest.raises(Busy, match="taken over by test since 2027-03-01 10:00:00 UTC"):
                store.claim("acme", TARGET, first, [create(group("other"))])
            with pytest.raises(Busy):
                store.record("acme", TARGET, first, [done(create(TEAM), "g-1")])
    assert only(store).claimed
    assert [(row.event, row.result, row.run) for row in store.audit("acme")] == [("create", "done", first)]


def test_a_lost_ledger_is_taken_up_again_from_native_markers_without_replacing_what_is_there(
    store: Store,
) -> None:
    give(store, create(TEAM))
    marked = [Owned(TEAM, "other", {}, Origin()), Owned(group("acme"), "g-0", {}, Origin())]
    assert store.rebuild("acme", TARGET, marked) == 1
    assert {owned.key: owned.native for owned in store.owned("acme", TARGET)} == {
        TEAM: f"native of {TEAM}",
        group("acme"): "g-0",
    }


def test_what_was_written_into_a_profile_lies_in_the_erasable_table_only(
    store: Store, tamper: Tamper
) -> None:
    profile = Key(Kind.PERSON, (), (person(1),))
    give(store, create(profile, email=("ann@acme.example",)))
    assert only(store).attrs == {"email": ("ann@acme.example",)}
    everywhere = tamper.values("SELECT attrs FROM ledger"), tamper.values("SELECT detail FROM audit")
    assert "ann@" not in str(everywhere)
    store.erase(person(1))
    assert only(store) == Owned(profile, f"native of {profile}", {}, Origin())
    assert store.integrity_problems() == []
    end(store, done(Change(Op.DELETE, profile)))
    assert tamper.values("SELECT value FROM person_names") == []


def test_a_profile_that_is_deleted_is_forgotten(store: Store, tamper: Tamper) -> None:
    profile = Key(Kind.PERSON, (), (person(1),))
    give(store, create(profile, email=("ann@acme.example",)))
    end(store, done(Change(Op.DELETE, profile)))
    assert tamper.values("SELECT value FROM person_names") == []


words = st.text(max_size=12)
paths = st.lists(words, max_size=4).map(tuple)
many_attrs = st.dictionaries(words, st.lists(words, max_size=3).map(tuple), max_size=3)
any_key = st.builds(Key, st.sampled_from([kind for kind in Kind if kind is not Kind.PERSON]), paths, paths)
any_origin = st.builds(
    Origin,
    anchor=st.tuples(words, words),
    former=paths,
    source=words,
    place=st.none() | st.builds(Place, words, st.integers(1, 9999), st.integers(1, 99)),
    rule=words,
    unit=words,
    role=words,
    person=words,
    privileged=st.booleans(),
    until=st.dates().map(str) | st.just(""),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=st.dictionaries(any_key, st.builds(Owned, any_key, words, many_attrs, any_origin), max_size=5))
def test_every_key_attribute_and_origin_comes_back_as_it_was(store: Store, rows: dict[Key, Owned]) -> None:
    changes = [Change(Op.CREATE, key, owned.attrs, origin=owned.origin) for key, owned in rows.items()]
    with run(store) as id_:
        store.claim("acme", TARGET, id_, changes)
        store.record("acme", TARGET, id_, [done(c, rows[c.key].native) for c in changes])
        found = {owned.key: owned for owned in store.owned("acme", TARGET)}
        store.record("acme", TARGET, id_, [done(Change(Op.DELETE, key)) for key in rows])
    assert found == {key: Owned(key, o.native, o.attrs, o.origin) for key, o in rows.items()}
    assert keys(store) == set()


def test_facts_of_one_kind_can_be_asked_for_alone(store: Store) -> None:
    give(store, create(TEAM), create(member(1, "acme", "platform")))
    assert [one.key for one in store.owned("acme", TARGET, Kind.GROUP)] == [TEAM]
    assert store.owned("acme", TARGET, Kind.PERSON) == []
