"""Numbers of groups: each is given once, to one holder, whoever asks and whatever becomes of the group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.contract.store.facts import create, give, member

if TYPE_CHECKING:
    from syncd.store import Store

SRE, LAB = ("ldap", "/acme/sre", "role:member"), ("ldap", "/acme/lab", "role:member")


def test_a_number_is_kept_for_its_holder_until_it_is_used(store: Store) -> None:
    store.numbers.keep("acme", {SRE: 20000, LAB: 20001})
    assert store.numbers.given("acme") == ({20000, 20001}, {SRE: 20000, LAB: 20001})
    store.numbers.use("acme", {20000, 31000})
    assert store.numbers.given("acme") == ({20000, 20001, 31000}, {LAB: 20001})


def test_of_two_who_want_one_number_the_first_has_it(store: Store) -> None:
    store.numbers.keep("acme", {SRE: 20000})
    store.numbers.keep("beta", {SRE: 20000, LAB: 20001})
    assert store.numbers.given("acme") == ({20000, 20001}, {SRE: 20000})
    assert store.numbers.given("beta") == ({20000, 20001}, {LAB: 20001})


def test_a_used_number_is_never_kept_again(store: Store) -> None:
    store.numbers.use("acme", {20000})
    store.numbers.keep("acme", {SRE: 20000})
    assert store.numbers.given("acme") == ({20000}, {})


def test_a_mapping_with_a_new_name_keeps_what_was_kept_for_it(store: Store) -> None:
    give(store, create(member(1, "sre")))
    store.numbers.keep("acme", {SRE: 20000})
    assert store.renamed_mapping("acme", "acme-corp")
    assert store.numbers.given("acme-corp") == ({20000}, {SRE: 20000})
