"""The order of writing: additions root-down, then removals leaves-up, by what each key needs. Pure.

There is no table of kinds to keep in step: `Key.needs` says what must exist first, and the same answer
read backwards says what must be gone first. Removals come last, so that a person who changes roles is
never without any, and so that a group never runs empty where its new member is about to come.
"""

from __future__ import annotations

from collections import defaultdict
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from syncd.model import Change, Kind, Op
from syncd.plan_moves import path_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from syncd.model import Key, Path

_ORDER = {kind: index for index, kind in enumerate(Kind)}
_REMOVALS = (Op.DELETE, Op.FORGET)
_MAKERS = (Op.CREATE, Op.ADOPT, Op.MOVE)


def in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    """One order for equal sets: moves as they were found, additions root-down, removals leaves-up."""
    changes = list(changes)
    moves = [change for change in changes if change.op is Op.MOVE]
    additions = [change for change in changes if change.op not in (*_REMOVALS, Op.MOVE)]
    removals = [change for change in changes if change.op in _REMOVALS]
    return (*moves, *sorted(additions, key=_rank), *sorted(removals, key=_rank, reverse=True))


def _rank(change: Change) -> tuple[int, int, Key, str]:
    return len(change.key.place), _ORDER[change.key.kind], change.key, change.op


def waves(changes: Sequence[Change]) -> list[list[Change]]:
    """The changes as waves: no change needs another of its wave, only what earlier waves did."""
    additions = [change for change in changes if change.op not in _REMOVALS]
    removals = [change for change in changes if change.op is Op.DELETE]
    forgotten = [change for change in changes if change.op is Op.FORGET]
    found = [*_layers(additions, _addition_needs(additions)), *_layers(removals, _removal_needs(removals))]
    return [*found, forgotten] if forgotten else found


def blocked(wave: Sequence[Change], failed: Sequence[Change]) -> list[Change]:
    """The changes of a wave that cannot be done because one that they need was not.

    `failed` are all that failed or were skipped in earlier waves. An addition needs what was to be made
    or moved, at any height above it, and a name that was to become free; a container's removal needs that
    of what lies in it. Taking access away needs nothing.
    """
    unmoved = {path_of(change.key) for change in failed if change.op is Op.MOVE}
    unmade = {change.key for change in failed if change.op in (Op.CREATE, Op.MOVE)}
    occupied = {change.old for change in failed if change.op is Op.MOVE}
    standing = {need for change in failed if change.op is Op.DELETE for need in change.key.needs()}
    return [change for change in wave if _is_blocked(change, unmade, unmoved, occupied, standing)]


def _is_blocked(
    change: Change, unmade: set[Key], unmoved: set[Path], occupied: set[Key | None], standing: set[Key]
) -> bool:
    if change.op is Op.DELETE:
        return change.key in standing
    if change.op is Op.FORGET:
        return False
    needs = {*change.key.needs(), change.key} if change.op is not Op.CREATE else set(change.key.needs())
    enters = change.op in (Op.CREATE, Op.MOVE) and change.key in occupied
    carried = not unmoved.isdisjoint(_at_and_above(change.key))
    return enters or carried or change.old in unmade or not unmade.isdisjoint(needs)


def _at_and_above(key: Key) -> list[Path]:
    """Tree paths of what a key lies in or names."""
    if key.kind is Kind.PERSON:
        return []
    paths = [path_of(key), *([("group", *key.item)] if key.nests else [])]
    return [path[:length] for path in paths for length in range(2, len(path) + 1)]


def _layers(changes: Sequence[Change], needs: dict[int, set[int]]) -> Iterator[list[Change]]:
    sorter = TopologicalSorter({index: needs.get(index, set()) for index in range(len(changes))})
    sorter.prepare()
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        yield [changes[index] for index in ready]
        sorter.done(*ready)


def _addition_needs(changes: Sequence[Change]) -> dict[int, set[int]]:
    makers = {change.key: index for index, change in enumerate(changes) if change.op in _MAKERS}
    leavers = {change.old: index for index, change in enumerate(changes) if change.op is Op.MOVE}
    needs: dict[int, set[int]] = _move_needs(changes)
    arrivals = {path_of(change.key): index for index, change in enumerate(changes) if change.op is Op.MOVE}
    for index, change in enumerate(changes):
        found = {makers[need] for need in change.key.needs() if need in makers}
        if change.op is not Op.MOVE and change.key in makers:
            found.add(makers[change.key])
        if change.op is Op.CREATE and change.key in leavers:
            found.add(leavers[change.key])
        if change.op is not Op.MOVE:
            found.update(arrivals[path] for path in _at_and_above(change.key) if path in arrivals)
        needs[index] |= found - {index}
    return needs


def _move_needs(changes: Sequence[Change]) -> dict[int, set[int]]:
    """Moves that touch the same places follow one another as they were found."""
    needs: dict[int, set[int]] = defaultdict(set)
    exact: dict[Path, int] = {}
    below: dict[Path, list[int]] = defaultdict(list)
    for index, change in enumerate(changes):
        if change.op is not Op.MOVE or change.old is None:
            continue
        places = [path_of(change.old), path_of(change.key)]
        for place in places:
            needs[index].update(below[place])
            needs[index].update(exact[place[:n]] for n in range(2, len(place) + 1) if place[:n] in exact)
        for place in places:
            exact[place] = index
            for length in range(2, len(place) + 1):
                below[place[:length]].append(index)
        needs[index].discard(index)
    return needs


def _removal_needs(changes: Sequence[Change]) -> dict[int, set[int]]:
    deletes = {change.key: index for index, change in enumerate(changes)}
    needs: dict[int, set[int]] = defaultdict(set)
    for index, change in enumerate(changes):
        for need in change.key.needs():
            if need in deletes:
                needs[deletes[need]].add(index)
    return needs
