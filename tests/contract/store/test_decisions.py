"""Plans and approvals, policies, adoptions, first applies, last good copies."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from syncd.errors import UsageError
from tests.contract.store.facts import START, TARGET, create, give, group

if TYPE_CHECKING:
    from syncd.store import Store
    from tests.contract.store.facts import Clock

DIGEST = "0f3a" + "1" * 60


def save(store: Store, digest: str = DIGEST, mapping: str = "acme", when: datetime = START) -> str:
    return store.save_plan("run-1", mapping, digest, {"changes": [1, "é\x00"]}, ["removals"], when)


def test_a_saved_plan_is_found_by_the_beginning_of_its_id_or_digest(store: Store) -> None:
    id_ = save(store)
    for text in (id_, id_[:20], DIGEST, DIGEST[:4]):
        plan = store.plan(text)
        assert (plan.id, plan.document, plan.stops) == (id_, {"changes": [1, "é\x00"]}, ["removals"])
        assert (plan.created, plan.state) == (START, "pending")


@pytest.mark.parametrize("text", ["", "0f3", "zzzz", "%%%%", "0f3a"])
def test_a_plan_that_is_not_named_exactly_is_refused(store: Store, text: str) -> None:
    save(store)
    save(store, "0f3a" + "2" * 60)
    with pytest.raises(UsageError):
        store.plan(text)


def test_the_same_plan_again_is_the_same_plan(store: Store, clock: Clock) -> None:
    id_ = save(store)
    assert save(store, when=clock.advance(minutes=15)) == id_
    (plan,) = store.plans()
    assert (plan.created, plan.seen) == (START, clock())


def test_plans_are_listed_newest_first_and_the_older_ones_are_superseded(store: Store, clock: Clock) -> None:
    save(store)
    save(store, "beef" * 16, when=clock.advance(minutes=15))
    save(store, "cafe" * 16, mapping="beta")
    assert [(plan.digest[:4], plan.state) for plan in store.plans("acme")] == [
        ("beef", "pending"),
        ("0f3a", "superseded"),
    ]


def test_a_run_that_ended_well_supersedes_what_it_did_not_leave_waiting(store: Store, clock: Clock) -> None:
    id_ = save(store)
    for code, state in ((3, "pending"), (0, "superseded")):
        clock.advance(minutes=15)
        store.finish_run(store.start_run("acme", "schedule", "the daemon"), code, "", {})
        assert store.plan(id_).state == state
    assert save(store) == id_
    assert store.plan(id_).state == "pending"


def test_an_approval_lets_exactly_this_plan_run_once(store: Store, clock: Clock) -> None:
    id_ = save(store)
    approval = store.approve(id_, "ann", "agreed with HR")
    assert (approval.who, approval.reason, approval.expires) == (
        "ann",
        "agreed with HR",
        START + timedelta(hours=24),
    )
    assert store.plan(id_).state == "approved"
    assert not store.take_approval("acme", "beef" * 16, clock())
    assert not store.take_approval("beta", DIGEST, clock())
    assert store.take_approval("acme", DIGEST, clock())
    assert not store.take_approval("acme", DIGEST, clock())
    assert store.plan(id_).state == "applied"


def test_an_approval_ends_after_24_hours(store: Store, clock: Clock) -> None:
    id_ = save(store)
    store.approve(id_, "ann")
    assert not store.take_approval("acme", DIGEST, clock.advance(hours=24))
    assert store.plan(id_).state == "pending"


def test_an_approval_counts_moments_not_wall_clocks(store: Store) -> None:
    store.approve(save(store), "ann")
    ahead = (START + timedelta(hours=23)).astimezone(timezone(timedelta(hours=9)))
    assert store.take_approval("acme", DIGEST, ahead)


def test_a_refusal_takes_an_approval_back_and_the_last_word_counts(store: Store, clock: Clock) -> None:
    id_ = save(store)
    store.approve(id_, "ann")
    store.refuse(id_, "bob")
    assert (store.plan(id_).state, store.plan(id_).refused_by) == ("refused", "bob")
    assert not store.take_approval("acme", DIGEST, clock())
    store.approve(id_, "ann")
    assert store.take_approval("acme", DIGEST, clock())


def test_every_decision_is_on_record_with_who_made_it(store: Store, clock: Clock) -> None:
    id_ = save(store)
    store.approve(id_, "ann", "agreed")
    store.take_approval("acme", DIGEST, clock())
    store.refuse(id_, "bob")
    store.save_policy("acme", {"adopt": "yes"}, "carla")
    store.approve_adoption("acme", TARGET, group("acme"), "dan")
    assert [(row.event, row.actor) for row in reversed(store.audit("acme"))] == [
        ("plan.approved", "ann"),
        ("plan.approval-used", "ann"),
        ("plan.refused", "bob"),
        ("policy.accepted", "carla"),
        ("adoption.approved", "dan"),
    ]


def test_the_policy_in_force_is_the_one_accepted_last(store: Store) -> None:
    assert store.accepted_policy("acme") is None
    store.save_policy("acme", {"adopt": "ask"}, "ann")
    store.save_policy("acme", {"adopt": "yes", "protected": ["/acme"]}, "ann")
    assert store.accepted_policy("acme") == {"adopt": "yes", "protected": ["/acme"]}
    assert store.accepted_policy("beta") is None


def test_adoptions_are_approved_key_by_key(store: Store) -> None:
    store.approve_adoption("acme", TARGET, group("acme", "a"), "ann")
    store.approve_adoption("acme", "ldap", group("dc=acme", "ou=a"), "ann")
    store.approve_adoption("acme", TARGET, group("acme", "a"), "bob")
    assert store.adoptions("acme") == {group("acme", "a"), group("dc=acme", "ou=a")}
    assert store.adoptions("acme", TARGET) == {group("acme", "a")}
    assert store.adoptions("beta") == frozenset()


def test_the_first_confirmed_apply_happens_once(store: Store) -> None:
    assert not store.first_apply_done("acme")
    store.mark_first_apply("acme", "run-1")
    store.mark_first_apply("acme", "run-2")
    assert store.first_apply_done("acme")
    assert not store.first_apply_done("beta")
    assert [row.run for row in store.audit("acme")] == ["run-1"]


def test_the_last_good_copy_of_a_roster_is_kept(store: Store, clock: Clock) -> None:
    assert store.last_source("acme", "hr") is None
    store.save_source("acme", "hr", '[{"email":"a"}]', "d1", 1, clock())
    store.save_source("acme", "hr", '[{"email":"é"}]', "d2", 2, clock.advance(days=1))
    kept = store.last_source("acme", "hr")
    assert kept is not None
    assert (kept.rows_json, kept.digest, kept.rows, kept.when) == ('[{"email":"é"}]', "d2", 2, clock())


def test_a_renamed_mapping_keeps_all_it_owns_and_all_that_was_decided(store: Store, clock: Clock) -> None:
    give(store, create(group("acme")))
    store.save_policy("acme", {"adopt": "yes"}, "ann")
    store.approve_adoption("acme", TARGET, group("acme"), "ann")
    store.mark_first_apply("acme", "run-1")
    store.save_source("acme", "hr", "[]", "d", 0, clock())
    store.approve(save(store), "ann")
    assert store.renamed_mapping("acme", "group")
    assert [owned.key for owned in store.owned("group", TARGET)] == [group("acme")]
    assert store.owned("acme", TARGET) == []
    assert store.accepted_policy("group") == {"adopt": "yes"}
    assert store.adoptions("group") == {group("acme")}
    assert store.first_apply_done("group")
    assert store.last_source("group", "hr") is not None
    assert not store.take_approval("group", DIGEST, clock())
    assert {run.mapping for run in store.runs()} == {"group"}
    assert {row.event for row in store.audit("group")} >= {"create", "policy.accepted", "mapping.renamed"}
    assert store.check() == []


def test_renaming_a_mapping_again_has_nothing_left_to_do(store: Store) -> None:
    give(store, create(group("acme")))
    assert store.renamed_mapping("acme", "group")
    assert not store.renamed_mapping("acme", "group")
    assert store.renamed_mapping("group", "holding")
    assert len(store.audit("holding")) == 3
