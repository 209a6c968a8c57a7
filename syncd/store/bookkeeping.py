"""What an outcome means for the ledger: pure rules over rows in memory; `ledger` reads and writes them.

| op | done |
|---|---|
| create, adopt | ours: native id and attributes as written |
| update | attributes as last written |
| move | the row, and every row that names it, gets the new key |
| delete, forget | released |

What is not done changes nothing, but for create and adopt: refused, it is not ours; skipped, a claim of
this run is given up; unknown, it stays claimed. A create that repairs drift finds its row there already:
skipped, it stays ours; refused, somebody else may have made the thing meanwhile, and what syncd did not
make it must not claim.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from syncd.model import Change, Key, Kind, Op, Origin, Outcome, Owned, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Entry:
    """A ledger row and the run that claimed or last wrote it."""

    owned: Owned
    run: str


Edits: TypeAlias = dict[Key, Entry | None]

_BELOW = {
    Kind.GROUP: frozenset({Kind.GROUP, Kind.OU, Kind.MEMBER, Kind.GRANT}),
    Kind.OU: frozenset({Kind.GROUP, Kind.OU, Kind.MEMBER, Kind.GRANT}),
    Kind.ORGANIZATION: frozenset({Kind.ORGANIZATION, Kind.ORG_MEMBER}),
}


def claims(changes: Iterable[Change], known: Mapping[Key, Entry], run: str) -> Edits:
    """The rows to make before the first write: creates and adoptions of what is not ours yet.

    A claimed create keeps the attributes it is about to write, so that after a crash they still
    count as ours; an adoption has written nothing yet. What was ours and is made again is claimed
    again, because after a crash the new thing has another id than the row; it stays the row of the
    run before, so that a repair that was skipped does not give it up.
    """
    edits: Edits = {}
    for change in changes:
        row = known.get(change.key)
        if row is None and change.op in (Op.CREATE, Op.ADOPT):
            edits[change.key] = Entry(_claim(change), run)
        elif row is not None and change.op is Op.CREATE:
            edits[change.key] = Entry(replace(_claim(change), native=row.owned.native), row.run)
    return edits


def _claim(change: Change) -> Owned:
    create = change.op is Op.CREATE
    return Owned(
        key=change.key,
        native=change.native,
        attrs=change.attrs if create else {},
        origin=change.origin,
        adopted=not create,
        claimed=create,
    )


def after(outcomes: Sequence[Outcome], known: Mapping[Key, Entry], run: str) -> Edits:
    """The rows that differ after these outcomes, None for those released.

    `known` must hold every row the changes name; with a MOVE among them, every row of the target.
    """
    books = _Books(known, run)
    for outcome in outcomes:
        books.enter(outcome)
    return books.edits


def moves(outcomes: Iterable[Outcome]) -> bool:
    """Whether any outcome may re-key rows that no change names."""
    return any(outcome.change.op is Op.MOVE for outcome in outcomes)


class _Books:
    """The ledger of one target while outcomes are entered one after the other."""

    def __init__(self, known: Mapping[Key, Entry], run: str) -> None:
        self._rows = dict(known)
        self._run = run
        self.edits: Edits = {}

    def enter(self, outcome: Outcome) -> None:
        """Apply the table above."""
        change = outcome.change
        if outcome.result is Result.DONE:
            self._done(change, outcome.native or change.native)
        elif change.op in (Op.CREATE, Op.ADOPT):
            self._not_done(change, outcome.result)

    def _done(self, change: Change, native: str) -> None:
        match change.op:
            case Op.CREATE | Op.ADOPT:
                adopted = change.op is Op.ADOPT
                self._put(Owned(change.key, native, change.attrs, change.origin, adopted=adopted))
            case Op.UPDATE:
                self._put(self._written(change, native))
            case Op.MOVE:
                self._move(change, native)
            case Op.DELETE | Op.FORGET:
                self._release(change.key)

    def _not_done(self, change: Change, result: Result) -> None:
        row = self._rows.get(change.key)
        if row is None:
            return
        fresh = row.run == self._run and (row.owned.claimed or row.owned.adopted)
        if result is Result.REFUSED or (result is Result.SKIPPED and fresh):
            self._release(change.key)

    def _written(self, change: Change, native: str) -> Owned:
        row = self._rows.get(change.key)
        before = row.owned if row else Owned(change.key, "", {}, change.origin)
        origin = before.origin if change.origin == Origin() else change.origin
        return replace(
            before, native=native or before.native, attrs=change.attrs, origin=origin, claimed=False
        )

    def _move(self, change: Change, native: str) -> None:
        """Re-key the thing and all that names it; a parent's move may have carried it along already."""
        old = self._old_key(change, native)
        if old is not None and old != change.key:
            for key in [key for key in self._rows if key != old]:
                self._rekey(key, moved(key, old, change.key))
            self._rekey(old, change.key)
        written = self._written(change, native)
        self._put(written if change.attrs else replace(written, attrs=self._attrs(change.key)))

    def _old_key(self, change: Change, native: str) -> Key | None:
        if change.old is not None and change.old in self._rows:
            return change.old
        same = (key for key, row in self._rows.items() if native and row.owned.native == native)
        return next((key for key in same if key.kind is change.key.kind), None)

    def _attrs(self, key: Key) -> Mapping[str, tuple[str, ...]]:
        row = self._rows.get(key)
        return row.owned.attrs if row else {}

    def _rekey(self, old: Key, new: Key) -> None:
        if new != old:
            row = self._rows[old]
            self._release(old)
            self._enter(replace(row, owned=replace(row.owned, key=new)))

    def _put(self, owned: Owned) -> None:
        self._enter(Entry(owned, self._run))

    def _enter(self, row: Entry) -> None:
        self._rows[row.owned.key] = row
        self.edits[row.owned.key] = row

    def _release(self, key: Key) -> None:
        self._rows.pop(key, None)
        self.edits[key] = None


def moved(key: Key, old: Key, new: Key) -> Key:
    """`key` as it is called after `old` became `new`: what lies below a container, or names a role."""
    if old.kind is Kind.ROLE:
        return _role_renamed(key, (*old.place, *old.item), (*new.place, *new.item))
    depth = len(old.place)
    if key.kind not in _BELOW.get(old.kind, ()):
        return key
    if key.nests and key.item[:depth] == old.place:
        key = key._replace(item=(*new.place, *key.item[depth:]))
    if key.place[:depth] == old.place:
        key = key._replace(place=(*new.place, *key.place[depth:]))
    return key


def _role_renamed(key: Key, old: tuple[str, ...], new: tuple[str, ...]) -> Key:
    if key.kind is Kind.GRANT and key.item == old:
        return key._replace(item=new)
    if key.kind is Kind.COMPOSITE:
        return key._replace(
            place=new if key.place == old else key.place, item=new if key.item == old else key.item
        )
    return key
