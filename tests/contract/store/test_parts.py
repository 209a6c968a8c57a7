"""Parts of a mapping have leases, runs and plans of their own, which meet those of the whole and no other."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from syncd.errors import Busy, StoreError
from syncd.store.leases import TURN
from tests.contract.store.facts import TARGET, TTL, create, give, group

if TYPE_CHECKING:
    from syncd.store import Store
    from tests.contract.store.facts import Clock

HERE = create(group("acme"))


def test_parts_work_side_by_side_and_nobody_works_on_one_twice(store: Store) -> None:
    with store.lease("acme", "one", TTL, "/a"), store.lease("acme", "two", TTL, "/b"):
        with (
            pytest.raises(Busy, match="acme/a is being worked on by one"),
            store.lease("acme", "c", TTL, "/a"),
        ):
            pass
        with store.lease("acme", "trunk", TTL, "/"), store.lease("acmeville", "other", TTL):
            pass


def test_the_whole_keeps_parts_out_and_gets_its_turn_where_they_keep_it_out(
    store: Store, clock: Clock
) -> None:
    with store.lease("acme", "whole", TTL), pytest.raises(Busy, match="by whole"):  # noqa: SIM117
        with store.lease("acme", "part", TTL, "/a"):
            pass
    with store.lease("acme", "part", TTL, "/a"):
        with pytest.raises(Busy, match="by part"), store.lease("acme", "whole", TTL):
            pass
        with pytest.raises(Busy, match="waits for its turn"), store.lease("acme", "late", TTL, "/b"):
            pass
    with store.lease("acme", "whole", TTL):
        pass
    with store.lease("acme", "part", TTL, "/b"):
        with pytest.raises(Busy), store.lease("acme", "whole", TTL):
            pass
        clock.advance(seconds=TURN.total_seconds() + 1)
        with store.lease("acme", "part", TTL, "/a"):
            pass


@pytest.mark.parametrize(("first", "then"), [("/a", ""), ("", "/a"), ("/a", "/a"), ("/", "")])
def test_a_run_whose_lease_was_taken_over_by_whom_it_kept_out_writes_nothing_more(
    store: Store, clock: Clock, first: str, then: str
) -> None:
    with store.lease("acme", "slept", TTL, first):
        run = store.start_run("acme", "sync", "daemon", first)
        clock.advance(minutes=6)
        with store.lease("acme", "next", TTL, then):
            pass
        with pytest.raises(Busy, match="taken over"):
            store.claim("acme", TARGET, run, [HERE])
    assert store.owned("acme", TARGET) == []


def test_a_run_of_one_part_that_ran_out_is_no_affair_of_another_one(store: Store, clock: Clock) -> None:
    with store.lease("acme", "slow", TTL, "/a"):
        run = store.start_run("acme", "sync", "daemon", "/a")
        clock.advance(minutes=6)
        with store.lease("acme", "other", TTL, "/b"):
            store.claim("acme", TARGET, run, [HERE])
    assert [row.key for row in store.owned("acme", TARGET)] == [HERE.key]


def test_a_run_writes_under_the_lease_of_its_own_part_only(store: Store) -> None:
    with store.lease("acme", "a", TTL, "/a"):
        run = store.start_run("acme", "sync", "daemon", "/b")
        with pytest.raises(StoreError, match="was not started under the lease"):
            store.claim("acme", TARGET, run, [HERE])


def test_of_each_part_the_newest_run_is_known_and_the_newest_that_succeeded(
    store: Store, clock: Clock
) -> None:
    ended: dict[tuple[str, int], str] = {}
    for part, code in (("/", 0), ("/a", 0), ("/a", 3), ("", 0), ("/b", 4)):
        with store.lease("acme", "x", TTL, part):
            ended[part, code] = store.start_run("acme", "sync", "daemon", part)
            store.finish_run(ended[part, code], code, "", {})
        clock.advance(seconds=1)
    newest = {part: run.id for part, run in store.runs_of_parts("acme").items()}
    assert newest == {
        "/": ended["/", 0], "/a": ended["/a", 3], "": ended["", 0], "/b": ended["/b", 4],
    }  # fmt: skip
    well = {part: run.id for part, run in store.runs_of_parts("acme", succeeded=True).items()}
    assert well == {"/": ended["/", 0], "/a": ended["/a", 0], "": ended["", 0]}


def test_a_plan_is_superseded_by_one_of_its_part_or_of_the_whole_and_by_no_other(
    store: Store, clock: Clock
) -> None:
    def keep(digest: str, part: str) -> str:
        clock.advance(seconds=1)
        return store.save_plan("", "acme", digest, {}, [], clock(), part)

    of_a, of_b, whole = keep("1" * 64, "/a"), keep("2" * 64, "/b"), ""

    def pending() -> set[str]:
        return {plan.id for plan in store.plans() if plan.state == "pending"}

    assert pending() == {of_a, of_b}
    newer = keep("3" * 64, "/a")
    assert pending() == {newer, of_b}
    whole = keep("4" * 64, "")
    assert pending() == {whole}
    last = keep("5" * 64, "/b")
    assert pending() == {last}


def test_a_part_sees_its_own_rows_and_none_of_a_place_that_only_begins_alike(store: Store) -> None:
    with store.lease("acme", "x", TTL):
        run = store.start_run("acme", "sync", "daemon")
        places = [("a",), ("a", "x"), ("ab",), ('a"', "x"), ("b", "a")]
        store.claim("acme", TARGET, run, [create(group(*place)) for place in places])
    assert {row.key.place for row in store.owned_below("acme", TARGET, [("a",)])} == {("a",), ("a", "x")}
    assert store.owned_below("acme", TARGET, []) == []
    assert len(store.owned_containers("acme", TARGET)) == len(places)


def test_a_mapping_is_not_renamed_while_a_part_of_it_is_worked_on(store: Store) -> None:
    give(store, HERE)
    with (
        store.lease("acme", "part", timedelta(minutes=1), "/a"),
        pytest.raises(StoreError, match="part works on it"),
    ):
        store.renamed_mapping("acme", "beta")


def test_a_run_of_less_than_its_part_is_kept_and_is_neither_the_newest_of_it_nor_a_success(
    store: Store, clock: Clock
) -> None:
    kept: list[str] = []
    for narrowed, code in ((False, 0), (False, 4), (True, 0)):
        with store.lease("acme", "x", TTL):
            kept.append(store.start_run("acme", "apply", "ann", narrowed=narrowed))
            store.finish_run(kept[-1], code, "", {})
        clock.advance(seconds=1)
    success, failure, narrowed = kept
    assert [run.id for run in store.runs("acme")] == [narrowed, failure, success]
    assert [run.id for run in store.runs("acme", narrowed=False)] == [failure, success]
    assert store.runs_of_parts("acme")[""].id == failure
    assert store.runs_of_parts("acme", succeeded=True)[""].id == success


def test_a_plan_is_not_superseded_by_a_run_of_less_than_its_part(store: Store, clock: Clock) -> None:
    plan = store.save_plan("", "acme", "1" * 64, {}, [], clock(), "")
    for narrowed, state in ((True, "pending"), (False, "superseded")):
        clock.advance(seconds=1)
        with store.lease("acme", "x", TTL):
            store.finish_run(store.start_run("acme", "apply", "ann", narrowed=narrowed), 0, "", {})
        assert [(one.id, one.state) for one in store.plans()] == [(plan, state)]
