"""What a look at a server tells: whom to wake, and nothing that a plan could rest on. Pure.

A run that is woken reads by itself and decides by what it reads. A hint too many costs a run that finds
nothing; one too few leaves a change to the next scheduled run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from syncd.ldapwire import dn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from syncd.targets.keycloak_events import Doubts


@dataclass(frozen=True, slots=True)
class Hints:
    """What others changed since the last look; `everybody` is the reason for waking all, if any."""

    everybody: str = ""
    natives: frozenset[str] = frozenset()  # ids of what was changed, as the server gives them
    places: frozenset[str] = frozenset()  # DNs of what was changed
    newcomers: frozenset[str] = frozenset()  # DNs of people who came

    def __bool__(self) -> bool:
        return bool(self.everybody or self.natives or self.places or self.newcomers)


@dataclass(frozen=True, slots=True)
class Reach:
    """Where one output of a mapping lies in a directory, and where its people are."""

    base: str
    people_base: str


class Look(Protocol):
    """One server, looked at from time to time; not for several threads at once."""

    def look(self) -> Hints:
        """What others changed since what was settled; asks anew after a failure. Raises `TargetError`."""

    def settle(self) -> None:
        """What the last look told has been handed on: the next one goes on from there."""

    def close(self) -> None:
        """End the connection; the next look opens a new one, by the settings as they are then."""


def hints_of(doubts: Doubts) -> Hints:
    """Whom events of Keycloak concern; a group or organization that somebody made at the top is nobody's."""
    everybody = doubts.everything
    for met, reason in (
        (doubts.tree, "a group was moved, or a role renamed or removed"),
        (doubts.roles, "roles were changed"),
        (doubts.made, "an account was made"),
    ):
        everybody = everybody or (reason if met else "")
    natives = doubts.groups | doubts.parents | doubts.gone_groups | doubts.edges.keys()
    return Hints(everybody, frozenset(natives | doubts.users | doubts.gone | doubts.organizations))


def woken(
    hints: Hints,
    mappings: Mapping[str, Collection[Reach]],
    holders: Callable[[Collection[str]], Iterable[str]],
) -> set[str]:
    """The mappings that hints can concern, of those on the server; `holders` tells who holds which ids."""
    if hints.everybody:
        return set(mappings)
    found = {*holders(hints.natives)} & mappings.keys() if hints.natives else set()
    return found | {name for name, outputs in mappings.items() if any(_within(hints, one) for one in outputs)}


def _within(hints: Hints, reach: Reach) -> bool:
    return any(_at_or_below(where, reach.base) for where in hints.places) or any(
        _at_or_below(where, reach.people_base) for where in hints.newcomers
    )


def _at_or_below(where: str, base: str) -> bool:
    return dn.is_below(where, base) or dn.same(where, base)
