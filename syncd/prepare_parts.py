"""What a run of a part of a mapping looks at: its rows of the ledger, its places on servers, its people."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.errors import NotApart
from syncd.identity import fold
from syncd.mapping.parts import TRUNK, Apart, splits, tops_of
from syncd.plan import NAMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from syncd.identity import Person, Resolution
    from syncd.mapping.compiled import Compiled
    from syncd.mapping.schema import Policy
    from syncd.model import Desired, Owned, Plan, Scope
    from syncd.store import Store


def apart_of(
    part: str, homes: Mapping[str, frozenset[str]], compiled: Compiled, containers: Mapping[str, Desired]
) -> Apart:
    """The part, with the places that the files of today give to root units."""
    tops = {name: tops_of(compiled, desired) for name, desired in containers.items()}
    return Apart(part, tops, homes)


def ledger_of(
    apart: Apart | None, store: Store, mapping: str, targets: Iterable[str]
) -> dict[str, list[Owned]]:
    """The rows that the run is weighed by: of a root unit its own, of the trunk, as of a whole run, all.

    Raises `NotApart` where they show what only a run of the whole can judge.
    """
    rows: dict[str, list[Owned]] = {}
    for name in targets:
        if apart is None:
            rows[name] = store.owned(mapping, name)
            continue
        if apart.part == TRUNK:
            rows[name] = store.owned(mapping, name)
            named = [row for row in rows[name] if row.key.kind in NAMED]
        else:
            tops = apart.tops[name].get(apart.part, frozenset())
            rows[name] = apart.rows(name, store.owned_below(mapping, name, [top[1:] for top in tops]))
            named = store.owned_containers(mapping, name)
        if why := apart.why_not(name, named):
            raise NotApart(why)
    return rows


def scope_of(  # noqa: PLR0913, PLR0917 - what is read, and by which facts it is told
    apart: Apart,
    target: str,
    scope: Scope,
    containers: Desired,
    owned: Sequence[Owned],
    known: Sequence[Person],
) -> Scope:
    """Only the places of the part and, of a root unit, only its own people, by all their names."""
    tops = apart.reads(target, [*containers.state, *(row.key for row in owned)])
    if apart.part == TRUNK:
        return replace(scope, tops=tops)
    texts, holders = frozenset(map(fold, scope.people)), {row.origin.person for row in owned}
    near = [
        person
        for person in known
        if person.id in holders or not texts.isdisjoint(person.usernames | person.addresses)
    ]
    names = frozenset().union(*(person.usernames | person.addresses for person in near))
    pins = frozenset(person.pins[target] for person in near if target in person.pins)
    return replace(scope, tops=tops, people=scope.people | names, natives=pins)


def kept(apart: Apart, desired: Mapping[str, Desired], people: Resolution) -> dict[str, Desired]:
    """Of what is desired what is the part's, without whom an account has to be made for first."""
    return {name: apart.waits(name, apart.keep(name, one), people.accounts) for name, one in desired.items()}


def check_settled(policy: Policy, loosened: Sequence[str], *, first: bool, ends: bool) -> None:
    """Raise `NotApart` where a mapping that asks for it cannot run in parts today.

    `loosened` are fields that wait for approval, `first` whether nobody has confirmed a run yet, `ends`
    whether accounts are to go, whose memberships may be in any root unit.
    """
    if not splits(policy) or loosened:
        raise NotApart("what its policy allows now waits for approval")
    if first:
        raise NotApart("nobody has confirmed a first run yet")
    if ends:
        raise NotApart("accounts end, with memberships in any root unit")


def check_inside(apart: Apart, plans: Iterable[Plan]) -> None:
    """Raise `NotApart` where a plan would write outside the part: looked at before any write."""
    for one in plans:
        if why := apart.outside(one.target, one.changes):
            raise NotApart(why)
