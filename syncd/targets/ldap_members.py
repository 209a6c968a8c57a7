"""Memberships: all changes of one group in one modify, and one bad value never costs the others.

The server takes a modify whole or not at all. When it refuses, the group is read again, what is so
already counts as done, and the rest is halved until the value at fault stands alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.errors import TargetError
from syncd.ldapwire.directory import any_of, equals
from syncd.ldapwire.operations import INSUFFICIENT_ACCESS, LOST, NOT_SENT, SUCCESS, Modify, Query, Reply
from syncd.model import Key, Kind, Op
from syncd.targets.ldap_entries import Known
from syncd.targets.ldap_outcomes import done, outcome_of, refused, unknown
from syncd.targets.ldap_profile import PLACEHOLDER
from syncd.targets.ldap_read import BATCH, LOGIN, UUID, comparable, members_of, native_of
from syncd.targets.ldap_values import logins_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncd.ldapwire.directory import Directory
    from syncd.model import Change, Outcome, Path
    from syncd.targets.ldap_entries import Entries
    from syncd.targets.ldap_profile import LdapProfile
    from syncd.targets.ldap_send import Sender

MOST_VALUES = 1_000
"""Values in one modify; Active Directory and others refuse many more."""


@dataclass(frozen=True, slots=True)
class _Edge:
    """One membership to add or take away.

    `values` are those by which the group may name the member, the one to write first; folded as compared.
    """

    change: Change
    values: tuple[str, ...]
    folded: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.values[0]

    @property
    def adds(self) -> bool:
        return self.change.op is not Op.DELETE

    def standing_in(self, group: Known) -> list[str]:
        """The values of the member that the group holds."""
        pairs = zip(self.values, self.folded, strict=True)
        return [value for value, folded in pairs if folded in (group.members or ())]

    def is_so(self, group: Known) -> bool:
        return (not (group.members or set()).isdisjoint(self.folded)) == self.adds


class Memberships:
    """Writes members of the groups of one output."""

    def __init__(
        self,
        directory: Directory,
        profile: LdapProfile,
        entries: Entries,
        sender: Sender,
        *,
        may_be_empty: bool,
    ) -> None:
        self._directory = directory
        self._profile = profile
        self._entries = entries
        self._sender = sender
        self._may_be_empty = may_be_empty

    def apply(self, changes: Sequence[Change], natives: Mapping[Key, str]) -> Iterator[Outcome]:
        """One outcome for each change; groups side by side, the parts of a large change one after another."""
        edges, outcomes = self._resolve(changes, natives)
        yield from outcomes
        waiting: dict[Path, list[_Edge]] = {}
        for edge in edges:
            waiting.setdefault(edge.change.key.place, []).append(edge)
        while waiting:
            parts: list[tuple[Known, list[_Edge]]] = []
            for place, edges in list(waiting.items()):
                part, rest = edges[:MOST_VALUES], edges[MOST_VALUES:]
                if rest:
                    waiting[place] = rest
                else:
                    del waiting[place]
                group = self._group(place, natives)
                if isinstance(group, Known):
                    parts.append((group, part))
                else:
                    yield from (self._without_group(edge, group) for edge in part)
            yield from self._write(parts)

    # ---- whom and where

    def _resolve(
        self, changes: Sequence[Change], natives: Mapping[Key, str]
    ) -> tuple[list[_Edge], list[Outcome]]:
        """Members as values; those who have none are done (to take away) or refused (to add)."""
        ids = {change.key: self._native(change.key, natives) for change in changes}
        try:
            self._look_up({native for native in ids.values() if not self._values_of(native)})
        except TargetError as error:
            return [], [unknown(change, f"{change.key}: {error.message}") for change in changes]
        edges, outcomes = [], []
        for change in changes:
            native = ids[change.key]
            if values := self._values_of(native, leaving=change.op is Op.DELETE):
                folded = tuple(comparable(self._profile, value) for value in values)
                edges.append(_Edge(change, values, folded))
            elif change.op is Op.DELETE:
                outcomes.append(done(change))
            else:
                outcomes.append(refused(change, self._nobody(change, native)))
        return edges, outcomes

    def _nobody(self, change: Change, native: str) -> str:
        where, base = self._entries.dn_at(change.key.place), self._profile.people_base
        if native in self._entries.people:
            return f"{where}: {self._entries.people[native]} has no uid, by which this group names people"
        return (
            f"{where}: no entry below {base} has the entryUUID {native or '-'};"
            " it was removed since the read, or lies elsewhere"
        )

    def _native(self, key: Key, natives: Mapping[Key, str]) -> str:
        """The id of the member, or the name of one that has none: a DN, a login name."""
        if key.nests:
            return natives.get(Key(Kind.GROUP, key.item), "") or self._entries.dn_at(key.item)
        return natives.get(Key(Kind.PERSON, (), key.item), key.item[0])

    def _values_of(self, native: str, *, leaving: bool = False) -> tuple[str, ...]:
        """The values that may stand for the member in a group, the one to write first.

        A group that moved just now and is to leave may still stand there under its DN of before.
        """
        if native.startswith(LOGIN) and self._profile.by_login:
            return (native.removeprefix(LOGIN),)
        if self._profile.by_login:
            return self._entries.logins.get(native, ())
        if native in self._entries.people:
            return (self._entries.people[native],)
        if "=" in native:
            return (self._entries.spelled.get(native, native),)
        nested = self._entries.by_native.get(native)
        return (nested.dn, *(nested.former if leaving else ())) if nested else ()

    def _look_up(self, natives: set[str]) -> None:
        missing = sorted(native for native in natives if native)
        for start in range(0, len(missing), BATCH):
            wanted = any_of([equals(UUID, native) for native in missing[start : start + BATCH]])
            for entry in self._directory.search(Query(self._profile.people_base, wanted, (UUID, "uid"))):
                native = native_of(self._directory, entry)
                self._entries.people[native] = entry.dn
                self._entries.logins[native] = logins_of(entry)

    def _group(self, place: Path, natives: Mapping[Key, str]) -> Known | str:
        """The group with its members known, or why there is none."""
        native = natives.get(Key(Kind.GROUP, place), "")
        group = self._entries.find(native, place) or self._entries.by_place.get(place)
        try:
            if group is None:
                group = self._find(place)
            elif group.members is None and not self._refresh(group):
                group = None
        except TargetError as error:
            return error.message
        return group or ""

    def _find(self, place: Path) -> Known | None:
        entry = self._directory.entry(self._entries.dn_at(place), (UUID, self._profile.member))
        if entry is None:
            return None
        group = Known(entry.dn, place, native_of(self._directory, entry))
        self._refresh(group)
        self._entries.add(group)
        return group

    def _refresh(self, group: Known) -> bool:
        """Read the members anew; False where the group is gone."""
        entry = self._directory.entry(group.dn, (self._profile.member,))
        if entry is None:
            return False
        spelled, group.placeholder = members_of(self._directory, self._profile, entry)
        group.members = {comparable(self._profile, text) for text in spelled}
        return True

    def _without_group(self, edge: _Edge, why: str) -> Outcome:
        place = self._entries.dn_at(edge.change.key.place)
        if why:
            return unknown(edge.change, f"{place}: {why}")
        if not edge.adds:
            return done(edge.change)
        return refused(edge.change, f"{place}: the group does not exist; the next run makes it")

    # ---- writing

    def _write(self, parts: list[tuple[Known, list[_Edge]]]) -> Iterator[Outcome]:
        jobs: list[tuple[tuple[Known, list[_Edge]], Modify]] = []
        for group, part in parts:
            todo = [edge for edge in part if not edge.is_so(group)]
            yield from (done(edge.change) for edge in part if edge.is_so(group))
            if todo:
                jobs.append(((group, todo), self._modify(group, todo)))
        refusals: list[tuple[Known, list[_Edge], Reply]] = []
        for (group, todo), reply in self._sender.send(jobs):
            if reply.code == SUCCESS:
                self._remember(group, todo)
            if reply.code in (SUCCESS, LOST, NOT_SENT, INSUFFICIENT_ACCESS):
                yield from (outcome_of(edge.change, reply, f"{group.dn}: {edge.name}") for edge in todo)
            else:
                refusals.append((group, todo, reply))
        for (
            group,
            todo,
            reply,
        ) in refusals:  # only now: the answers of the others are still on the wire before
            yield from self._sort_out(group, todo, reply)

    def _sort_out(self, group: Known, edges: list[_Edge], reply: Reply) -> Iterator[Outcome]:
        """After a refusal: look again, then write what is still to be done in smaller parts."""
        try:
            exists = self._refresh(group)
        except TargetError as error:
            yield from (unknown(edge.change, f"{group.dn}: {error.message}") for edge in edges)
            return
        if not exists:
            self._entries.forget(group)
            yield from (self._without_group(edge, "") for edge in edges)
            return
        todo = [edge for edge in edges if not edge.is_so(group)]
        yield from (done(edge.change) for edge in edges if edge.is_so(group))
        if todo and self._modify(group, todo) != reply.operation:  # the group was not as we thought
            yield from self._write([(group, todo)])
        elif len(todo) == 1:
            yield outcome_of(todo[0].change, reply, f"{group.dn}: {todo[0].name}")
        elif todo:
            middle = len(todo) // 2
            yield from self._write([(group, todo[:middle])])
            yield from self._write([(group, todo[middle:])])

    def _modify(self, group: Known, edges: list[_Edge]) -> Modify:
        """Additions and removals at once, the placeholder coming or going with them."""
        adds = [edge.name for edge in edges if edge.adds]
        deletes = [value for edge in edges if not edge.adds for value in edge.standing_in(group)]
        empty = not self._after(group, edges)
        if empty and not group.placeholder and not self._may_be_empty:
            adds.append(PLACEHOLDER)
        elif not empty and group.placeholder:
            deletes.append(PLACEHOLDER)
        parts = (("add", adds), ("delete", deletes))
        return Modify(
            group.dn,
            tuple(
                (action, self._profile.member, tuple(text.encode() for text in dict.fromkeys(texts)))
                for action, texts in parts
                if texts
            ),
        )

    def _remember(self, group: Known, edges: list[_Edge]) -> None:
        group.members = self._after(group, edges)
        group.placeholder = not group.members and (group.placeholder or not self._may_be_empty)

    def _after(self, group: Known, edges: list[_Edge]) -> set[str]:
        added = {edge.folded[0] for edge in edges if edge.adds}
        gone = {folded for edge in edges if not edge.adds for folded in edge.folded}
        return ((group.members or set()) - gone) | added
