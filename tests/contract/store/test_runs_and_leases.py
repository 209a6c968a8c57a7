"""Who works, who worked, and what was taken away lately."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from syncd.errors import Busy, StoreError
from syncd.model import Change, Key, Kind, Op, Outcome, Result
from syncd.store import leases
from tests.contract.store.facts import (
    START,
    TARGET,
    TTL,
    create,
    done,
    end,
    give,
    group,
    member,
    membership,
    person,
    run,
)

if TYPE_CHECKING:
    from syncd.store import Store
    from tests.contract.store.facts import Clock


def test_a_second_run_learns_who_holds_the_lease_and_since_when(store: Store) -> None:
    with (
        store.lease("acme", "daemon on sso1, pid 4711", TTL),
        pytest.raises(Busy) as caught,
        store.lease("acme", "command", TTL),
    ):
        pass
    assert caught.value.message == (
        "acme is being worked on by daemon on sso1, pid 4711 since 2027-03-01 09:00:00 UTC"
    )
    assert "2027-03-01 09:05:00 UTC" in caught.value.remedy


def test_leases_of_two_mappings_do_not_meet(store: Store) -> None:
    with store.lease("acme", "a", TTL), store.lease("beta", "b", TTL):
        state = store.lease_state("beta")
    assert state is not None
    assert state.holder == "b"


def test_a_lease_is_free_as_soon_as_it_is_given_back(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.lease("acme", "a", TTL):
        raise ZeroDivisionError
    assert store.lease_state("acme") is None
    with store.lease("acme", "b", TTL) as lease:
        assert lease.token == 2


def test_a_renewed_lease_lasts_its_whole_time_again(store: Store, clock: Clock) -> None:
    with store.lease("acme", "a", TTL) as lease:
        clock.advance(minutes=4)
        lease.renew()
        clock.advance(minutes=4)
        with pytest.raises(Busy), store.lease("acme", "b", TTL):
            pass


def test_a_lease_renews_itself_while_its_holder_is_alive(store: Store, clock: Clock) -> None:
    pause = threading.Event()
    with store.lease("acme", "a", timedelta(milliseconds=60)):
        clock.advance(seconds=1)
        assert any(pause.wait(0.01) or store.lease_state("acme") for _ in range(3000))


def test_a_lease_that_ran_out_is_taken_over_and_its_holder_cannot_give_away_the_new_one(
    store: Store, clock: Clock
) -> None:
    with store.lease("acme", "a", TTL) as late:
        clock.advance(minutes=5)
        with store.lease("acme", "b", TTL):
            with pytest.raises(Busy, match="taken over by b"):
                late.renew()
            late._leases._give_back(late)
            state = store.lease_state("acme")
            assert state is not None
            assert state.holder == "b"


def test_a_run_is_running_then_finished_and_its_id_sorts_by_time(store: Store, clock: Clock) -> None:
    with run(store) as first:
        assert [(found.id, found.state) for found in store.runs()] == [(first, "running")]
        clock.advance(minutes=1)
        store.finish_run(first, 1, "2 of 3 failed\x00", {"done": 1, "refused": 2})
    clock.advance(seconds=1)
    with run(store) as second:
        store.finish_run(second, 0, "", {})
    assert (
        [found.id for found in store.runs("acme")] == sorted([first, second], reverse=True) == [second, first]
    )
    found = store.run(first)
    assert found is not None
    assert (found.state, found.exit_code, found.message, found.counts) == (
        "finished",
        1,
        "2 of 3 failed\x00",
        {"done": 1, "refused": 2},
    )
    assert (found.trigger, found.actor, found.started) == ("apply", "ann", START)
    assert found.finished == START + timedelta(minutes=1)


def test_a_run_that_ended_without_a_word_is_interrupted(store: Store, clock: Clock) -> None:
    with run(store) as lost:
        clock.advance(minutes=6)
        assert store.runs()[0].state == "interrupted"
        with run(store) as new:
            assert {found.id: found.state for found in store.runs()} == {lost: "interrupted", new: "running"}


def test_a_run_is_shown_with_everything_it_did(store: Store) -> None:
    with run(store) as id_:
        outcomes = [
            done(create(group("acme"))),
            Outcome(create(group("b")), Result.REFUSED, detail="403 Forbidden"),
        ]
        store.record("acme", TARGET, id_, outcomes)
    give(store, create(group("other")))
    found = store.run(id_)
    assert found is not None
    assert [(row.key, row.result, row.detail) for row in found.outcomes] == [
        (group("b"), "refused", {"message": "403 Forbidden", "source": "file"}),
        (group("acme"), "done", {"source": "file"}),
    ]
    assert store.run("no such run") is None


def test_what_a_run_did_is_on_record_with_why_before_and_after(store: Store) -> None:
    origin = membership(1, "/acme")
    change = Change(
        Op.UPDATE, group("acme"), {"description": ("new",)}, {"description": ("old",)}, origin=origin
    )
    profile = create(Key(Kind.PERSON, (), (person(1),)), origin, email=("ann@acme.example",))
    end(store, done(change), done(profile))
    second, first = store.audit("acme")
    assert first.detail == {
        "source": "file",
        "place": "mappings/acme.yaml:11:13",
        "before": {"description": ["old"]},
        "after": {"description": ["new"]},
    }
    assert second.detail == {"source": "file", "place": "mappings/acme.yaml:11:13", "attributes": ["email"]}


def removal(number: int, until: str = "", result: Result = Result.DONE) -> Outcome:
    change = Change(Op.DELETE, member(number, "acme"), origin=membership(number, "/acme", until=until))
    return Outcome(change, result)


def test_removals_of_the_last_day_are_counted_once_and_announced_ends_not_at_all(
    store: Store, clock: Clock
) -> None:
    end(store, removal(1), removal(1), removal(2, until="2027-02-28"), removal(3, until="2027-12-31"))
    end(
        store,
        removal(4, result=Result.UNKNOWN),
        removal(5, result=Result.REFUSED),
        done(create(member(6, "acme"))),
    )
    end(store, done(Change(Op.DELETE, group("acme", "old"))), done(Change(Op.FORGET, member(7, "acme"))))
    since = clock() - timedelta(hours=24)
    assert store.removed_since("acme", since) == {(person(number), "member", "/acme") for number in (1, 3, 4)}
    assert store.removed_since("beta", since) == frozenset()


def test_removals_slide_out_of_the_window(store: Store, clock: Clock) -> None:
    end(store, removal(1))
    clock.advance(hours=23)
    end(store, removal(2))
    clock.advance(hours=2)
    assert store.removed_since("acme", clock() - timedelta(hours=24)) == {(person(2), "member", "/acme")}


def test_a_new_name_does_not_empty_the_daily_limit(store: Store, clock: Clock) -> None:
    give(store, create(group("acme")))
    end(store, removal(1))
    store.renamed_mapping("acme", "group")
    assert len(store.removed_since("group", clock() - timedelta(hours=24))) == 1


def test_a_mapping_is_not_renamed_under_a_run_nor_onto_another(store: Store) -> None:
    give(store, create(group("acme")))
    give(store, create(group("beta")), mapping="beta")
    with run(store), pytest.raises(StoreError, match="while test works on it"):
        store.renamed_mapping("acme", "group")
    with pytest.raises(StoreError, match="beta is a mapping that owns things of its own"):
        store.renamed_mapping("acme", "beta")
    assert len(store.owned("acme", TARGET)) == len(store.owned("beta", TARGET)) == 1


def test_a_run_that_stood_still_past_its_lease_may_not_write_and_one_that_renewed_may(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = 1000.0
    monkeypatch.setattr(leases, "_elapsed", lambda: moment)
    assert store.may_write("acme")
    with store.lease("acme", "a", TTL) as lease:
        moment += TTL.total_seconds() - 1
        assert store.may_write("acme")
        lease.renew()
        moment += TTL.total_seconds() - 1
        assert store.may_write("acme")
        moment += 2
        assert not store.may_write("acme")
        assert store.may_write("beta")
