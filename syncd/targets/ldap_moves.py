"""Renaming and moving entries with their ids and members: one modify-DN each, in the order given.

The plan has seen to it that the new name is free, with a temporary name where two change places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.errors import TargetError
from syncd.ldapwire import dn
from syncd.ldapwire.operations import ENTRY_EXISTS, SUCCESS, Rename
from syncd.targets.ldap_outcomes import outcome_of, refused
from syncd.targets.ldap_values import wanted_rdn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from syncd.ldapwire.directory import Directory
    from syncd.ldapwire.operations import Reply
    from syncd.model import Change, Outcome
    from syncd.targets.ldap_entries import Entries, Known
    from syncd.targets.ldap_send import Sender


class Moves:
    """Renames and moves of the units and groups of one output."""

    def __init__(self, directory: Directory, entries: Entries, sender: Sender) -> None:
        self._directory = directory
        self._entries = entries
        self._sender = sender

    def apply(
        self, changes: Sequence[Change], native_of: Callable[[Change], str]
    ) -> Iterator[tuple[Change, Outcome | str]]:
        """(change, its outcome or, where the entry stands at its new place, the DN) for each."""
        for change in changes:
            known = self._entries.find(
                native_of(change), change.old.place if change.old else change.key.place
            )
            if known is None:
                yield (
                    change,
                    refused(change, f"{change.old}: no such entry any more; the next run makes it anew"),
                )
            else:
                yield change, self._move(change, known)

    def rename(self, change: Change, where: str, rdn: str) -> Reply:
        """Spell the RDN of an entry otherwise; its place stays."""
        reply = self._sender.send_one(Rename(where, rdn))
        if reply.code == SUCCESS:
            new = dn.join((rdn, *dn.parse(where)[1:]))
            known = self._entries.by_place.get(change.key.place)
            if known is not None:
                self._entries.move(known, known.place, new)
            else:
                self._entries.people.update({n: new for n, d in self._entries.people.items() if d == where})
        return reply

    def _move(self, change: Change, known: Known) -> Outcome | str:
        place = change.key.place
        parent = self._entries.dn_at(place[:-1])
        rdn = wanted_rdn(place[-1], change.attrs)
        present = dn.parse(known.dn)
        same_parent = dn.same(dn.join(present[1:]), parent)
        if same_parent and rdn == present[0]:
            return known.dn
        reply = self._sender.send_one(Rename(known.dn, rdn, "" if same_parent else parent))
        if reply.code == SUCCESS:
            self._entries.move(known, place, f"{rdn},{parent}")
            return known.dn
        if reply.code == ENTRY_EXISTS:
            return self._in_the_way(change, known, f"{rdn},{parent}")
        return outcome_of(change, reply, known.dn)

    def _in_the_way(self, change: Change, known: Known, where: str) -> Outcome:
        try:
            other = self._directory.entry(where, ("entryUUID",))
        except TargetError as error:
            return refused(change, f"{known.dn}: cannot move to {where}, which is taken: {error.message}")
        shown = other.dn if other else where
        return refused(
            change,
            f"{known.dn}: cannot move to {shown}, where another entry stands; move or rename that one first",
        )
