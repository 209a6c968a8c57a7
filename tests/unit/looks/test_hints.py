"""Whom a look wakes: the mappings that what others changed can concern, and nobody else."""

from __future__ import annotations

import pytest

from syncd.targets.hints import Hints, Reach, hints_of, woken
from syncd.targets.keycloak_events import Event, doubts_of

HELD = {"g1": {"acme"}, "u1": {"acme", "beta"}, "o1": {"beta"}}
EVERYBODY = {"acme", "beta", "idle"}
BASE = "ou=acme,dc=example,dc=org"
PEOPLE = "ou=people,dc=example,dc=org"


def holders(natives):
    return {mapping for native in natives for mapping in HELD.get(native, ())}


def event(operation: str, kind: str, path: str = "") -> Event:
    return Event("e1", 1, operation, kind, tuple(filter(None, path.split("/"))))


def by(*events: Event) -> set[str]:
    return woken(hints_of(doubts_of(events)), {name: [] for name in EVERYBODY}, holders)


@pytest.mark.parametrize(
    ("operation", "kind", "path"),
    [
        ("UPDATE", "GROUP", "groups/g1"),
        ("DELETE", "GROUP", "groups/g1"),
        ("CREATE", "GROUP", "groups/g1/children"),
        ("DELETE", "GROUP_MEMBERSHIP", "users/unknown/groups/g1"),
        ("CREATE", "GROUP_MEMBERSHIP", "users/unknown/groups/g1"),
        ("DELETE", "REALM_ROLE_MAPPING", "groups/g1/role-mappings/realm"),
    ],
)
def test_a_change_at_a_group_wakes_the_mapping_that_holds_the_group(operation, kind, path):
    assert by(event(operation, kind, path)) == {"acme"}


def test_a_changed_account_wakes_every_mapping_that_knows_its_person():
    assert by(event("UPDATE", "USER", "users/u1")) == {"acme", "beta"}
    assert by(event("DELETE", "USER", "users/u1")) == {"acme", "beta"}


def test_members_of_an_organization_wake_the_mapping_that_holds_it():
    assert by(event("CREATE", "ORGANIZATION_MEMBERSHIP", "organizations/o1/members")) == {"beta"}


@pytest.mark.parametrize(
    ("operation", "kind", "path"),
    [
        ("CREATE", "USER", "users/new"),  # somebody may wait for them
        ("UPDATE", "GROUP", "groups/unknown/children"),  # moved, and nobody says from where
        ("DELETE", "REALM_ROLE", "roles/editor"),
        ("CREATE", "REALM", "users/imported"),
        ("UPDATE", "SOMETHING_NEW", "new/things"),
    ],
)
def test_what_does_not_say_whom_it_concerns_wakes_everybody_in_the_realm(operation, kind, path):
    assert by(event(operation, kind, path)) == EVERYBODY


@pytest.mark.parametrize(
    ("operation", "kind", "path"),
    [
        ("UPDATE", "GROUP", "groups/foreign"),
        ("CREATE", "GROUP", "groups/foreign"),
        ("CREATE", "GROUP_MEMBERSHIP", "users/unknown/groups/foreign"),
        ("UPDATE", "USER", "users/unknown"),
        ("CREATE", "REALM_ROLE_MAPPING", "users/u1/role-mappings/realm"),
        ("CREATE", "ORGANIZATION", "organizations/foreign"),
        ("UPDATE", "IDENTITY_PROVIDER", "identity-provider/instances/x"),
    ],
)
def test_what_no_mapping_holds_wakes_nobody(operation, kind, path):
    assert by(event(operation, kind, path)) == set()


def below(hints: Hints) -> set[str]:
    mappings = {
        "acme": [Reach(BASE, PEOPLE)],
        "beta": [Reach("ou=beta,dc=example,dc=org", PEOPLE)],
        "apart": [Reach("ou=apart,dc=example,dc=org", "ou=staff,dc=example,dc=org")],
    }
    return woken(hints, mappings, holders)


def test_a_changed_entry_wakes_the_mapping_below_whose_base_it_lies_however_it_is_spelled():
    assert below(Hints(places=frozenset({f"cn=member,ou=x,{BASE.upper()}"}))) == {"acme"}
    assert below(Hints(places=frozenset({BASE}))) == {"acme"}
    assert below(Hints(places=frozenset({f"uid=ann,{PEOPLE}"}))) == set()


def test_a_person_who_came_wakes_the_mappings_that_look_for_people_there():
    assert below(Hints(newcomers=frozenset({f"uid=new,{PEOPLE}"}))) == {"acme", "beta"}


def test_a_changed_or_vanished_entry_wakes_the_mappings_that_hold_it():
    assert below(Hints(natives=frozenset({"g1"}))) == {"acme"}


def test_nothing_changed_wakes_nobody_and_asks_nothing_of_the_store():
    def unasked(_):
        raise AssertionError("the store was asked")

    assert woken(Hints(), {"acme": [Reach(BASE, PEOPLE)]}, unasked) == set()
