"""After any history of a model realm, a read that remembers finds what a whole read finds."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.targets.keycloak import KeycloakTarget
from tests.keycloak_history import History
from tests.model_realm import ModelRealm
from tests.recalling import Kept, same

if TYPE_CHECKING:
    from syncd.model import Observation, Scope
    from syncd.targets.keycloak_connection import KeycloakConnection

A_WHILE = 10_000  # ms between two runs
AN_HOUR = 3_600_000


def read(realm: ModelRealm, scope: Scope, kept: Kept | None = None) -> Observation:
    target = KeycloakTarget(
        cast("KeycloakConnection", realm), marker="test/acme", keeper=kept.keeper if kept else None
    )
    return target.read(scope)


WAITS = st.sampled_from([A_WHILE, A_WHILE, AN_HOUR])


@given(st.integers(0, 1 << 32), st.lists(st.tuples(st.integers(0, 4), WAITS), min_size=2, max_size=12))
def test_it_finds_what_a_whole_read_finds(seed: int, rounds: list[tuple[int, int]]) -> None:
    realm, kept = ModelRealm(), Kept()
    history = History(realm, Random(seed))
    for steps, wait in rounds:
        for _ in range(steps):
            history.step()
        realm.clock += wait
        scope = history.scope()
        same(read(realm, scope, kept), read(realm, scope))


@given(st.integers(0, 1 << 32), st.integers(0, 30), WAITS)
def test_a_run_after_which_nothing_happened_asks_for_two_things(seed: int, steps: int, wait: int) -> None:
    realm, kept = ModelRealm(), Kept()
    history = History(realm, Random(seed))
    for _ in range(steps):
        history.step()
    realm.clock += wait
    scope = history.scope()
    for _ in range(3):
        found = read(realm, scope, kept)
        realm.clock += A_WHILE
    assert found.requests in (2, 3)  # and the count of accounts, where somebody is not known


@pytest.mark.parametrize("twins", [1, 2])
def test_a_realm_that_was_changed_and_left_alone_is_read_whole_once(twins: int) -> None:
    """Its last event might touch anything; the whole read has seen it, and all of the same millisecond."""
    realm, kept = ModelRealm(), Kept()
    history = History(realm, Random(1))
    history.describe_realm()
    realm.events += [{**realm.events[-1], "id": f"twin-{number}"} for number in range(1, twins)]
    realm.clock += AN_HOUR
    scope = history.scope()
    read(realm, scope, kept)
    whole_at = kept.mark["whole_at"]
    realm.clock += A_WHILE
    read(realm, scope, kept)  # and takes the count of accounts, because somebody is not known
    for _ in range(3):
        realm.clock += AN_HOUR
        assert read(realm, scope, kept).requests in (2, 3)
    assert kept.mark["whole_at"] == whole_at


@given(st.integers(0, 1 << 32), st.lists(st.integers(0, 3), min_size=2, max_size=8))
def test_long_lists_of_members_change_by_one(seed: int, rounds: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("syncd.targets.keycloak_recall.PAGE", 1)
        realm, kept = ModelRealm(), Kept()
        history = History(realm, Random(seed))
        for _ in range(12):
            history.make_joined_person()
            history.make_person()
            history.join()
        for steps in rounds:
            for _ in range(steps):
                history.step()
            realm.clock += A_WHILE
            scope = history.scope()
            same(read(realm, scope, kept), read(realm, scope))


@given(st.integers(0, 1 << 32), st.sets(st.integers(0, 24), max_size=12))
def test_events_that_come_late_are_not_missed(seed: int, late: set[int]) -> None:
    """A transaction that takes long shows its event after younger ones; meanwhile a run has looked."""
    realm, kept = ModelRealm(), Kept()
    history = History(realm, Random(seed))
    hidden: list[dict[str, Any]] = []
    for number in range(24):
        before = len(realm.events)
        history.step()
        if number in late:
            hidden += realm.events[before:]
            del realm.events[before:]
        if number % 8 == 7:
            realm.clock += A_WHILE
            read(realm, history.scope(), kept)
            realm.events += hidden
            hidden = []
            realm.clock += A_WHILE
            scope = history.scope()
            same(read(realm, scope, kept), read(realm, scope))
