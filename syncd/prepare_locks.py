"""PURE: whose accounts are shut in what a run wants, and which are to be gone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncd.mapping.outputs import KEYCLOAK
from syncd.model import Key, Kind, Origin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.identity import Resolution
    from syncd.membership_rules import Standing
    from syncd.model import Desired, Owned, State

OF_PEOPLE = frozenset({Kind.PERSON, Kind.MEMBER, Kind.ORG_MEMBER})


@dataclass(frozen=True, slots=True)
class Doors:
    """Whose accounts are shut, and of these whom acts and rules shut; who was let in again.

    Of those `gone` nothing is given any more; of those `deleted` nothing stays that is not given anew.
    """

    shut: frozenset[str]
    by_us: frozenset[str]
    opened: frozenset[str]
    gone: frozenset[str]
    deleted: frozenset[str]

    @classmethod
    def of(
        cls,
        people: Resolution,
        standing: Standing | None,
        locked: frozenset[str],
        freed: frozenset[str],
        deleted: frozenset[str],
    ) -> Doors:
        """By acts, by rules, or because one side has the account locked, which the other follows."""
        found = {person for (person, _), account in people.accounts.items() if not account.enabled}
        ruled = frozenset(standing.locked) if standing else frozenset()
        over = standing.opened if standing else frozenset()
        by_us = (locked - over) | ruled
        opened, gone = (freed | over) - by_us, standing.gone if standing else frozenset()
        return cls((frozenset(found) | by_us) - opened, by_us, opened, gone, deleted | gone)


def with_doors(desired: Desired, observed: State, owned: Sequence[Owned], doors: Doors) -> Desired:
    """The locks of people who hold nothing any more, and nothing of those who are gone."""
    state = {
        key: attrs
        for key, attrs in desired.state.items()
        if not (key.kind in OF_PEOPLE and key.item[0] in doors.gone)
    }
    origins = dict(desired.origins)
    for row in owned:
        person = row.key.item[0] if row.key.kind is Kind.PERSON else ""
        if person in (doors.by_us | doors.opened) - doors.deleted and row.key not in state:
            seen = {name: value for name, value in observed.get(row.key, {}).items() if name in row.attrs}
            if seen:  # what is there stays as it is, but for the lock
                shut = "false" if person in doors.by_us else "true"
                state[row.key], origins[row.key] = {**seen, "enabled": (shut,)}, row.origin
    ended = frozenset(Key(Kind.PERSON, (), (person,)) for person in doors.deleted) - state.keys()
    return replace(desired, state=state, origins=origins, ended=desired.ended | ended)


def with_locks(desired: Desired, shut: frozenset[str]) -> Desired:
    """The desired accounts, locked where somebody is."""
    keys = {key for key in desired.state if key.kind is Kind.PERSON and key.item[0] in shut}
    if not keys:
        return desired
    state = {
        key: {**attrs, "enabled": ("false",)} if key in keys and "enabled" in attrs else attrs
        for key, attrs in desired.state.items()
    }
    return replace(desired, state=state)


def with_carried(
    desired: Desired, shut: frozenset[str], people: Resolution, owned: Sequence[Owned]
) -> Desired:
    """The lock of a directory on Keycloak accounts that syncd did not make: all that it writes of them."""
    ours = {row.key for row in owned}
    origins = {}
    for person in shut & {key.item[0] for key in desired.state if key.kind is Kind.MEMBER}:
        account, key = people.accounts.get((person, KEYCLOAK)), Key(Kind.PERSON, (), (person,))
        if account is not None and key not in desired.state and (account.enabled or key in ours):
            origins[key] = Origin(("", f"person:{person}"), person=person)
    carried = {key: {"enabled": ("false",)} for key in origins}
    return replace(desired, state={**desired.state, **carried}, origins={**desired.origins, **origins})
