"""PURE: whose accounts are shut in what a run wants, and which are to be gone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.mapping.outputs import KEYCLOAK
from syncd.model import Key, Kind, Origin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.identity import Resolution
    from syncd.model import Desired, Owned


def locked(people: Resolution, shut: frozenset[str], freed: frozenset[str]) -> frozenset[str]:
    """Who may not log in: by an act, or because one side has the account locked, which the other follows."""
    found = {person for (person, _), account in people.accounts.items() if not account.enabled}
    return (frozenset(found) | shut) - freed


def without_deleted(desired: Desired, deleted: frozenset[str]) -> Desired:
    """The desired accounts without those that an act deleted, of which nothing may stay behind."""
    if not deleted:
        return desired
    ended = frozenset(Key(Kind.PERSON, (), (person,)) for person in deleted) - desired.state.keys()
    return replace(desired, ended=desired.ended | ended)


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
