"""The lock of a directory on Keycloak accounts that syncd did not make."""

from __future__ import annotations

from syncd.identity import Resolution
from syncd.model import Account, Desired, Key, Kind, Origin, Owned
from syncd.prepare_locks import Doors, with_carried

LENA, HERS = Key(Kind.PERSON, (), ("lena",)), Key(Kind.MEMBER, ("acme", "staff"), ("lena",))
SHUT = {"enabled": ("false",)}
NOBODY: frozenset[str] = frozenset()


def wanted(*keys, keycloak=True, ldap=True, owned=()):
    """What is wanted of Lena's account, whose two sides are open or locked."""
    people = Resolution(
        accounts={
            ("lena", name): Account(name, f"{name}-1", "lena", "lena@acme.example", True, enabled, "ldap")
            for name, enabled in (("keycloak", keycloak), ("ldap", ldap))
        }
    )
    doors = Doors.of(people, None, NOBODY, NOBODY, NOBODY)
    return with_carried(Desired({key: {} for key in keys}, {}), doors.shut, people, owned).state.get(LENA)


def test_it_is_carried_and_nothing_else_is_wanted_of_the_account():
    assert wanted(HERS, ldap=False) == SHUT


def test_it_stays_wanted_while_it_is_ours_and_is_no_business_of_ours_otherwise():
    ours = Owned(LENA, "keycloak-1", SHUT, Origin(person="lena"), adopted=True)
    assert wanted(HERS, keycloak=False, ldap=False, owned=[ours]) == SHUT
    assert wanted(HERS, keycloak=False, ldap=False) is None


def test_nobody_is_touched_whom_nothing_locks_who_holds_nothing_or_of_whom_more_is_wanted():
    assert wanted(HERS) is None
    assert wanted(ldap=False) is None
    assert wanted(HERS, LENA, ldap=False) == {}
