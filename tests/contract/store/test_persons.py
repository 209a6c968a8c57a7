"""Who is who."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.errors import Stale, StoreError
from syncd.identity import Person
from tests.contract.store.facts import create, give, member, membership, person

if TYPE_CHECKING:
    from syncd.store import Store
    from tests.contract.store.facts import Clock, Tamper

ANN = Person(
    person(1),
    pins={"keycloak": "u-1", "ldap": "e-1"},
    usernames=frozenset({"ann"}),
    addresses=frozenset({"ann@acme.example", "a.martin@acme.example"}),
    invited=frozenset({"ann@acme.example"}),
)
BOB = Person(person(2), pins={"keycloak": "u-2"}, addresses=frozenset({"bob@acme.example"}))


def test_everything_known_of_a_person_comes_back(store: Store) -> None:
    store.save_persons([ANN, BOB])
    assert store.persons() == [ANN, BOB]


def test_saving_a_person_again_replaces_what_was_known_and_leaves_others_alone(store: Store) -> None:
    store.save_persons([ANN, BOB])
    married = Person(ANN.id, ANN.pins, frozenset({"ann.b"}), ANN.addresses, frozenset())
    store.save_persons([married])
    assert store.persons() == [married, BOB]


def test_two_persons_may_exchange_accounts_in_one_go(store: Store) -> None:
    store.save_persons([ANN, BOB])
    swapped = [Person(ANN.id, {"keycloak": "u-2"}), Person(BOB.id, {"keycloak": "u-1"})]
    store.save_persons(swapped)
    assert store.persons() == swapped


def test_one_account_never_belongs_to_two_persons(store: Store) -> None:
    store.save_persons([ANN])
    with pytest.raises(StoreError, match="account u-1 of keycloak would belong to two persons"):
        store.save_persons([Person(person(3), {"keycloak": "u-1"})])
    assert store.persons() == [ANN]


def test_an_erased_person_keeps_id_and_accounts_and_loses_every_name(store: Store, tamper: Tamper) -> None:
    store.save_persons([ANN, BOB])
    assert store.erase(ANN.id)
    assert store.persons() == [Person(ANN.id, ANN.pins), BOB]
    assert tamper.values("SELECT DISTINCT person FROM person_names") == [BOB.id]
    assert store.integrity_problems() == []


def test_erasing_somebody_unknown_says_so(store: Store) -> None:
    assert not store.erase(person(9))


def test_erasing_a_person_erases_words_about_them_and_leaves_the_audit_trail_whole(store: Store) -> None:
    store.save_persons([ANN])
    give(
        store,
        create(member(1, "acme"), membership(1, "/acme")),
        create(member(2, "acme"), membership(2, "/acme")),
    )
    store.erase(ANN.id)
    assert {row.person: row.detail is None for row in store.audit("acme")} == {
        person(1): True,
        person(2): False,
    }
    assert store.verify_audit() == []


def test_erasing_a_person_erases_the_plans_that_name_them(store: Store, clock: Clock) -> None:
    store.save_persons([ANN, BOB])
    for digest, of in (("digest-of-ann", ANN), ("digest-of-bob", BOB)):
        store.save_plan("run", "acme", digest, {"names": {of.id: "a name"}}, [], clock())
    store.erase(ANN.id)
    assert store.plan("digest-of-ann").document is None
    assert store.plan("digest-of-bob").document == {"names": {BOB.id: "a name"}}


def test_erasing_a_person_drops_the_copies_of_rosters_that_name_them(store: Store, clock: Clock) -> None:
    store.save_persons([ANN])
    store.save_source("acme", "hr", '{"rows":[["Ann@ACME.example"]]}', "d", 1, clock())
    store.save_source("acme", "guests", '{"rows":[["joann@acme.example"]]}', "d", 1, clock())
    store.erase(ANN.id)
    assert store.last_source("acme", "hr") is None
    assert store.last_source("acme", "guests") is not None


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO person_names VALUES (:id, 'address', 'd', '', '\"eve@evil.example\"')",
        "UPDATE person_pins SET native = '\"u-666\"' WHERE person = :id AND target = 'keycloak'",
        "DELETE FROM person_names WHERE person = :id AND kind = 'invited'",
    ],
)
def test_a_person_with_a_slipped_in_name_or_account_is_not_used(
    store: Store, tamper: Tamper, statement: str
) -> None:
    store.save_persons([ANN, BOB])
    assert tamper(statement, id=ANN.id)
    assert store.persons() == [BOB]
    assert [(found.table, found.row) for found in store.integrity_problems()] == [("persons", ANN.id)]


def test_a_person_who_was_tampered_with_is_not_overwritten(store: Store, tamper: Tamper) -> None:
    store.save_persons([ANN])
    tamper("UPDATE person_pins SET native = '\"u-666\"' WHERE person = :id", id=ANN.id)
    for act in (lambda: store.save_persons([ANN]), lambda: store.erase(ANN.id)):
        with pytest.raises(StoreError, match="changed in the database by something other than syncd"):
            act()
    assert store.persons() == []


names = st.frozensets(st.text(max_size=10), max_size=3)
targets = st.sampled_from(["keycloak", "ldap", "ldap:ad"])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    known=st.builds(
        Person, st.just(person(1)), st.dictionaries(targets, st.text(max_size=40)), names, names, names
    )
)
def test_every_name_and_account_comes_back_as_it_was(store: Store, known: Person) -> None:
    store.save_persons([known])
    assert store.persons() == [known]


def test_those_with_an_id_a_name_or_an_account_are_found_and_nobody_else(store: Store) -> None:
    eve = Person(person(3), {"keycloak": "u-3"}, frozenset({"eve"}), frozenset({"eve@acme.example"}))
    store.save_persons([ANN, BOB, eve])
    assert store.persons_among() == []
    assert store.persons_among([BOB.id]) == [BOB]
    assert store.persons_among(names=["ann", "bob@acme.example", "nobody"]) == [ANN, BOB]
    assert store.persons_among(accounts={"keycloak": ["u-3", "u-9"], "ldap": ["e-1", "u-2"]}) == [ANN, eve]


def test_an_address_that_was_only_written_to_names_nobody(store: Store) -> None:
    store.save_persons([Person(person(1), invited=frozenset({"ann@acme.example"}))])
    assert store.persons_among(names=["ann@acme.example"]) == []


def test_of_more_persons_than_one_statement_names_all_are_found(store: Store) -> None:
    crowd = [Person(person(n), {"keycloak": f"u-{n}"}, frozenset({f"name{n}"})) for n in range(1_200)]
    store.save_persons(crowd)
    assert store.persons_among(names=[f"name{n}" for n in range(1_200)]) == crowd
    assert store.persons_among(accounts={"keycloak": [f"u-{n}" for n in range(1_200)]}) == crowd


def test_somebody_whom_two_runs_meet_at_once_is_one_person(store: Store) -> None:
    meeting = Barrier(2)

    def meet(number: int) -> bool:
        meeting.wait()
        try:
            store.save_persons([Person(person(number), addresses=BOB.addresses)], BOB.addresses)
        except Stale:
            return False
        return True

    with ThreadPoolExecutor(2) as runs:
        assert sorted(runs.map(meet, (3, 4))) == [False, True]
    (bob,) = store.persons()
    store.save_persons([Person(bob.id, {"keycloak": "u-2"}, addresses=BOB.addresses)], BOB.addresses, [bob])


def test_two_runs_that_write_of_one_person_at_once_lose_nothing_of_each_other(store: Store) -> None:
    store.save_persons([ANN])
    meeting = Barrier(2)
    invited = replace(ANN, invited=ANN.invited | {"a.martin@acme.example"})
    pinned = replace(ANN, pins={**ANN.pins, "ldap": "e-7"}, invited=frozenset())

    def write(of_ann: Person) -> None:
        meeting.wait()
        store.save_persons([of_ann], known=[ANN])

    with ThreadPoolExecutor(2) as runs:
        list(runs.map(write, (invited, pinned)))
    invited_since = invited.invited - ANN.invited
    assert store.persons() == [replace(ANN, pins=pinned.pins, invited=invited_since)]


def test_names_that_were_erased_while_a_run_worked_do_not_come_back_with_it(store: Store) -> None:
    store.save_persons([ANN])
    store.erase(ANN.id)
    store.save_persons([replace(ANN, pins={**ANN.pins, "ldap": "e-7"})], known=[ANN])
    assert store.persons() == [Person(ANN.id, {**ANN.pins, "ldap": "e-7"})]


def test_who_is_known_by_a_name_that_nobody_asked_for_stands_in_nobodys_way(store: Store) -> None:
    store.save_persons([BOB])
    later = Person(person(3), usernames=frozenset({"carl"}), addresses=BOB.addresses)
    store.save_persons([later], {"carl"})
    assert store.persons() == [BOB, later]
