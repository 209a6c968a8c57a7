"""A target that lives in memory: for tests, and to try a mapping without any server.

It keeps every law of `syncd.targets` and carries the ugly traits of the real ones: containers that are
not empty cannot be deleted, two siblings of one name are refused, a reply can be lost, a process can
die before or after any write, and a read can break off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.errors import IncompleteRead
from syncd.model import (
    CONTAINERS,
    Account,
    Attrs,
    Change,
    Key,
    Kind,
    Observation,
    Op,
    Outcome,
    Result,
    Scope,
    State,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from syncd.model import Path

_KINDS = frozenset({Kind.PERSON, Kind.GROUP, Kind.ROLE, Kind.COMPOSITE, Kind.GRANT, Kind.MEMBER})
_NAMED = CONTAINERS | {Kind.ROLE}
_EDGES = frozenset({Kind.MEMBER, Kind.ORG_MEMBER})


class CrashedError(Exception):
    """The process died at a write; what was written stays written."""


@dataclass
class Faults:
    """What goes wrong. Writes are counted from 1 over the life of the target.

    `crash_before` dies instead of that write, `crash_after` once it is done and nobody has heard of it;
    `lost_replies` are writes that are done but answered by a timeout; `refused` are keys that the server
    refuses, with its words; `interrupt_reads` breaks every read off after its first request.
    """

    crash_before: int = 0
    crash_after: int = 0
    lost_replies: frozenset[int] = frozenset()
    refused: Mapping[Key, str] = field(default_factory=dict)
    interrupt_reads: bool = False


class RefusedWriteError(Exception):
    """The server's words for why it does not do a write."""


class MemoryTarget:
    """Facts by key; members are native ids of accounts, as in a real server.

    `requests` and `writes` count what a server would have seen: one request for each container and
    each account read, and one for each write.
    """

    def __init__(
        self,
        name: str = "memory",
        *,
        marker: str = "",
        kinds: frozenset[Kind] = _KINDS,
        accounts: Iterable[Account] = (),
    ) -> None:
        self.name = name
        self.kinds = kinds
        self.faults = Faults()
        self.requests = 0
        self.writes = 0
        self.accounts = {account.native: account for account in accounts}
        self._marker = marker
        self._facts: dict[Key, dict[str, tuple[str, ...]]] = {}
        self._natives: dict[Key, str] = {}
        self._places: dict[str, Key] = {}  # the other way round
        self._marks: dict[str, str] = {}  # native id of a container → its mark
        self._made = 0

    # --- read

    def read(self, scope: Scope) -> Observation:
        """Everything below the tops of `scope`, members of the containers named, and the people asked for."""
        before = self.requests
        self.requests += 1
        state = {key: dict(attrs) for key, attrs in self._facts.items() if self._is_in(key, scope)}
        for _ in {Key(Kind.GROUP), *(key for key in state if key.kind in CONTAINERS)}:
            self._request()
        accounts = self._asked_for(scope)
        natives = {key: native for key, native in self._natives.items() if key in state}
        marks = {key: self._marks[native] for key, native in natives.items() if native in self._marks}
        return Observation(state, natives, accounts, marks, self.requests - before)

    def _request(self) -> None:
        self.requests += 1
        if self.faults.interrupt_reads:
            raise IncompleteRead(self.name, "the read broke off", "try again; nothing was judged by it")

    @staticmethod
    def _is_in(key: Key, scope: Scope) -> bool:
        match key.kind:
            case Kind.PERSON:
                return key.item[0] in scope.natives | scope.people
            case Kind.ROLE | Kind.COMPOSITE:
                return (key.place + key.item if key.kind is Kind.ROLE else key.place) in scope.roles
            case Kind.MEMBER | Kind.ORG_MEMBER | Kind.GRANT:
                inside = key.place in scope.members_of
            case _:
                inside = True
        return inside and any(key.place[: len(top)] == top for top in scope.tops)

    def _asked_for(self, scope: Scope) -> tuple[Account, ...]:
        return tuple(
            one
            for one in self.accounts.values()
            if one.native in scope.natives or not scope.people.isdisjoint({one.username, one.email})
        )

    # --- shape

    def shape(self, desired: State) -> State:
        """The desired state without attributes that are empty: memory keeps none of those."""
        return {key: _kept(attrs) for key, attrs in desired.items()}

    # --- apply

    def apply(self, changes: Sequence[Change], natives: Mapping[Key, str]) -> Iterator[Outcome]:
        """Write the changes one by one; raises `CrashedError` where `faults` let the process die."""
        for change in changes:
            yield self._one(change, natives)

    def _one(self, change: Change, natives: Mapping[Key, str]) -> Outcome:
        self.requests += 1
        self.writes += 1
        number = self.writes
        if number == self.faults.crash_before:
            raise CrashedError(f"before write {number}: {change.op} {change.key}")
        if change.key in self.faults.refused:
            return Outcome(change, Result.REFUSED, detail=self.faults.refused[change.key])
        try:
            native = self._write(change, natives)
        except RefusedWriteError as error:
            return Outcome(change, Result.REFUSED, detail=str(error))
        if number == self.faults.crash_after:
            raise CrashedError(f"after write {number}: {change.op} {change.key}")
        if number in self.faults.lost_replies:
            return Outcome(change, Result.UNKNOWN, detail="timed out waiting for the reply")
        return Outcome(change, Result.DONE, native)

    def _write(self, change: Change, natives: Mapping[Key, str]) -> str:
        match change.op:
            case Op.CREATE:
                return self._create(self._here(change.key, natives), change.attrs)
            case Op.ADOPT | Op.UPDATE:
                return self._update(self._here(change.key, natives), change)
            case Op.MOVE:
                return self._move(change)
            case Op.DELETE:
                return self._delete(self._here(change.key, natives))
            case Op.FORGET:
                return change.native

    def _here(self, key: Key, natives: Mapping[Key, str]) -> Key:
        """The key as this target has it: containers by their native id, people by their account."""
        place = key.place
        container = next(
            (need for need in (key, *key.needs()) if need.kind in CONTAINERS and need in natives), None
        )
        if container is not None and key.kind is not Kind.ROLE:
            found = self._by_native(container.kind, natives[container])
            if found is not None:
                place = (*found.place, *key.place[len(container.place) :])
        item = key.item
        if key.kind in _EDGES:
            item = (natives.get(Key(Kind.PERSON, (), key.item), key.item[0]),)
        return Key(key.kind, place, item)

    def _by_native(self, kind: Kind, native: str) -> Key | None:
        key = self._places.get(native)
        return key if key is not None and key.kind is kind else None

    def _create(self, key: Key, attrs: Attrs) -> str:
        if key.kind in _EDGES and key.item[0] not in self.accounts:
            raise RefusedWriteError(f"no account {key.item[0]}")
        missing = [need for need in key.needs() if self._is_missing(need, key)]
        if missing:
            raise RefusedWriteError(f"{missing[0]} does not exist")
        if key in self._facts:
            if key.kind in _EDGES or key.kind is Kind.GRANT:
                return ""
            raise RefusedWriteError(f"{key} exists already")
        native = self.put(key, attrs)
        if self._marker and key.kind in CONTAINERS:
            self._marks[native] = self._marker
        return native

    def _is_missing(self, need: Key, key: Key) -> bool:
        """Whether something needed is not there; of a parent, either kind will do, and tops need none."""
        if need.kind is Kind.PERSON:
            return False
        if need.kind in CONTAINERS and key.kind in CONTAINERS:
            above = {Key(kind, need.place) for kind in CONTAINERS}
            return len(need.place) > 1 and above.isdisjoint(self._facts)
        return need not in self._facts

    def _update(self, key: Key, change: Change) -> str:
        if key not in self._facts:
            raise RefusedWriteError(f"{key} does not exist")
        attrs = self._facts[key]
        attrs.update({name: v for name, v in change.attrs.items() if change.before.get(name) != v})
        for name in change.clear:
            attrs.pop(name, None)
        self._facts[key] = _kept(attrs)
        return self._natives.get(key, "")

    def _move(self, change: Change) -> str:
        source = self._by_native(change.key.kind, change.native)
        if source is None:
            raise RefusedWriteError(f"nothing with the id {change.native} exists")
        if source == change.key:
            return change.native
        if change.key in self._facts:
            raise RefusedWriteError(f"{change.key} exists already")
        self._facts = {_renamed(key, source, change.key): attrs for key, attrs in self._facts.items()}
        self._rename_natives(source, change.key)
        return change.native

    def _delete(self, key: Key) -> str:
        if key.kind in _NAMED:
            inside = next((one for one in self._facts if key in one.needs()), None)
            if inside is not None:
                raise RefusedWriteError(f"{key} is not empty: {inside}")
        return self._delete_alone(key)

    def _delete_alone(self, key: Key) -> str:
        self._facts.pop(key, None)
        native = self._natives.pop(key, "")
        self._marks.pop(native, None)
        self._places.pop(native, None)
        return native

    def _rename_natives(self, old: Key, new: Key) -> None:
        self._natives = {_renamed(key, old, new): native for key, native in self._natives.items()}
        self._places = {native: key for key, native in self._natives.items()}

    # --- behind syncd's back

    def put(self, key: Key, attrs: Attrs) -> str:
        """Make a fact as a stranger would, unmarked; its native id."""
        self._facts[key] = _kept(attrs)
        if key.kind in _EDGES or key.kind in (Kind.GRANT, Kind.COMPOSITE):
            return ""
        self._made += 1
        native = f"n{self._made}"
        self._natives[key], self._places[native] = native, key
        return native

    def drop(self, key: Key) -> None:
        """Take a fact away with everything below it, as a stranger would."""
        for one in [
            one for one in self._facts if one == key or (key.kind in CONTAINERS and _is_below(one, key.place))
        ]:
            self._delete_alone(one)

    def rename(self, old: Key, new: Key) -> None:
        """Move a container as a stranger would."""
        self._facts = {_renamed(key, old, new): attrs for key, attrs in self._facts.items()}
        self._rename_natives(old, new)

    def mark(self, key: Key, owner: str) -> None:
        """Put somebody's ownership mark on a container."""
        self._marks[self._natives[key]] = owner

    def write(self, key: Key, attrs: Attrs) -> None:
        """Change attributes as a stranger would."""
        self._facts[key].update(attrs)

    @property
    def natives(self) -> Mapping[Key, str]:
        """The native id of everything that has one."""
        return self._natives

    @property
    def facts(self) -> State:
        """Everything there is, for tests to look at."""
        return self._facts

    def close(self) -> None:
        """There is no connection to end; what was written stays for the next reader."""


def _kept(attrs: Attrs) -> dict[str, tuple[str, ...]]:
    """Attributes as they are stored: empty ones are not."""
    return {name: values for name, values in attrs.items() if any(values)}


def _is_below(key: Key, place: Path) -> bool:
    return key.kind not in (Kind.ROLE, Kind.COMPOSITE, Kind.PERSON) and key.place[: len(place)] == place


def _renamed(key: Key, old: Key, new: Key) -> Key:
    """The key after `old` is called `new`, with all that lies below or names it."""
    if old.kind is not Kind.ROLE:
        return (
            Key(key.kind, new.place + key.place[len(old.place) :], key.item)
            if _is_below(key, old.place)
            else key
        )
    was, now = old.place + old.item, new.place + new.item
    if key.kind is Kind.ROLE:
        return new if key == old else key
    item = now if key.kind in (Kind.GRANT, Kind.COMPOSITE) and key.item == was else key.item
    return Key(key.kind, now if key.kind is Kind.COMPOSITE and key.place == was else key.place, item)
