"""Copies of what targets held: kept whole, dropped with a person, never believed where touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.identity import Person
from tests.contract.store.facts import create, give, member, membership, person

if TYPE_CHECKING:
    from syncd.store import Store
    from tests.contract.store.facts import Tamper

FACTS = {"tops": [{"id": "1", "name": "Qualité"}]}


def test_a_copy_is_there_as_it_was_kept(store: Store) -> None:
    assert store.last_reading("acme", "keycloak") is None
    store.save_reading("acme", "keycloak", {"time": 1}, FACTS)
    assert store.last_reading("acme", "keycloak") == ({"time": 1}, FACTS)
    assert store.last_reading("acme", "ldap") is None


def test_a_new_mark_leaves_the_facts(store: Store) -> None:
    store.save_reading("acme", "keycloak", {"time": 1}, FACTS)
    store.save_reading("acme", "keycloak", {"time": 2}, None)
    assert store.last_reading("acme", "keycloak") == ({"time": 2}, FACTS)


def test_a_mark_without_facts_is_not_kept(store: Store) -> None:
    store.save_reading("acme", "keycloak", {"time": 1}, FACTS)
    store.drop_reading("acme", "keycloak")
    store.save_reading("acme", "keycloak", {"time": 2}, None)
    assert store.last_reading("acme", "keycloak") is None


@pytest.mark.parametrize("change", ["mark = '{}'", "target = 'ldap'", "facts = :other"])
def test_a_copy_that_somebody_touched_is_none(store: Store, tamper: Tamper, change: str) -> None:
    store.save_reading("acme", "keycloak", {"time": 1}, FACTS)
    values = {"other": b"{}"} if ":other" in change else {}
    tamper(f"UPDATE readings SET {change}", **values)
    assert store.last_reading("acme", "keycloak") is None
    assert store.last_reading("acme", "ldap") is None


def test_erasing_a_person_drops_every_copy(store: Store) -> None:
    store.save_persons([Person(person(1), addresses=frozenset({"ann@acme.example"}))])
    store.save_reading("acme", "keycloak", {"time": 1}, FACTS)
    assert store.erase(person(1))
    assert store.last_reading("acme", "keycloak") is None


def test_a_renamed_mapping_leaves_its_copy_behind(store: Store) -> None:
    give(store, create(member(1, "acme"), membership(1, "/acme")))
    store.save_reading("acme", "keycloak", {"time": 1}, FACTS)
    assert store.renamed_mapping("acme", "beta")
    assert store.last_reading("acme", "keycloak") is None
    assert store.last_reading("beta", "keycloak") is None
