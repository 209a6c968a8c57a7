"""What an LDAP target remembers of its last read: which entry has which id, DN and members.

Ids are what changes name, DNs are what the server wants, and both move: a renamed unit takes along
the DN of everything below it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.ldapwire import dn

if TYPE_CHECKING:
    from syncd.model import Path


@dataclass(slots=True)
class Known:
    """One unit or group: `members` are folded DNs without the placeholder, None where not looked at.

    Those of a POSIX group are login names as they stand there. `former` are DNs that it had in this run.
    """

    dn: str
    place: Path
    native: str
    members: set[str] | None = None
    placeholder: bool = False
    former: tuple[str, ...] = ()


@dataclass(slots=True)
class Entries:
    """Units and groups by place and by id, people's DNs by id, and members as the server spells them.

    `logins` has every `uid` of a person, by id, the one to write first.
    """

    base: str
    by_place: dict[Path, Known] = field(default_factory=dict)
    by_native: dict[str, Known] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    logins: dict[str, tuple[str, ...]] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)

    def add(self, known: Known) -> None:
        """Remember a unit or group."""
        self.by_place[known.place] = known
        self.by_native[known.native] = known

    def find(self, native: str, place: Path) -> Known | None:
        """The entry with this id, else, where no id is given, the one at this place."""
        return self.by_native.get(native) if native else self.by_place.get(place)

    def dn_at(self, place: Path) -> str:
        """The DN of a place: as the server spells it where the entry is known."""
        if len(place) <= 1:
            return self.base
        known = self.by_place.get(place)
        return known.dn if known else f"{place[-1]},{self.dn_at(place[:-1])}"

    def move(self, known: Known, place: Path, new_dn: str) -> None:
        """An entry was renamed or moved; what lies below it went along.

        Groups that name any of it are looked at again before they are written: servers that keep references
        right change them by themselves, a moment later.
        """
        old_place, depth = known.place, len(known.place)
        below = [other for other in self.by_place.values() if other.place[:depth] == old_place]
        gone = {dn.dn_of(other.place) for other in below}
        for group in self.by_native.values():
            if group.members and not group.members.isdisjoint(gone):
                group.members = None
        for other in below:
            del self.by_place[other.place]
        for other in below:
            other.former += (other.dn,)
            inner = dn.parse(other.dn)[: len(other.place) - depth]
            other.dn = dn.join((*inner, new_dn))
            other.place = (*place, *other.place[depth:])
            self.by_place[other.place] = other

    def forget(self, known: Known) -> None:
        """An entry is gone."""
        self.by_place.pop(known.place, None)
        self.by_native.pop(known.native, None)
