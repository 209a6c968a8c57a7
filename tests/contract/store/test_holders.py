"""Which mappings hold something by an id of a server, or anything of whom that id is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.identity import Person
from tests.contract.store.facts import TARGET, create, done, end, give, group, member, person

if TYPE_CHECKING:
    from syncd.store import Store

TEAM = group("acme", "platform")


def test_a_group_leads_to_the_mapping_that_made_it_and_an_account_to_all_that_gave_it_something(
    store: Store,
) -> None:
    store.save_persons([Person(person(number), {TARGET: f"u-{number}"}) for number in (1, 2)])
    made = create(TEAM)
    give(store, made, create(member(1, "acme", "platform")))
    end(store, done(made, "g-1"))
    give(store, create(member(1, "beta")), mapping="beta")
    assert store.holders({"g-1"}) == {"acme"}
    assert store.holders({"u-1"}) == {"acme", "beta"}
    assert store.holders({"u-2", "g-2", ""}) == set()
    assert store.holders({f"u-{number}" for number in range(2000)}) == {"acme", "beta"}
