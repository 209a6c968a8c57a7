"""A directory in memory that answers searches as slapd does, stamps included: for histories by the thousand.

It speaks as much of LDAP as a read needs. An entry that is moved gets a new stamp; what lies below it and
who names it get other DNs without one.
"""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING

from syncd.errors import IncompleteRead, PermissionMissing, PlaceMissing
from syncd.ldapwire.operations import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncd.ldapwire.operations import Query

Values = dict[str, tuple[bytes, ...]]


class ModelDirectory:
    """Stands in for `Directory`; the sets of places say what an account may not see.

    At and below `nameless` it sees no entryUUID, at and below `hidden` nothing; what is `forbidden` it is
    told so, if it asks for just that; what is `referred` lies on another server.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.connection = SimpleNamespace(url="ldap://model")
        self.settings = SimpleNamespace(name="directory", bind_dn="cn=syncd,dc=x")
        self.nameless: set[str] = set()
        self.hidden: set[str] = set()
        self.forbidden: set[str] = set()
        self.referred: set[str] = set()
        self.unsearchable: set[str] = set()  # attributes, in lower case
        self._numbers = count(1)
        self._entries: dict[str, Values] = {}  # by DN

    def search(self, query: Query) -> list[Entry]:
        """What an account sees; a base that is hidden is not there."""
        if query.base not in self._entries or _is_at(query.base, self.hidden):
            raise PlaceMissing(self.settings.name, f"{query.base} does not exist")
        if _is_at(query.base, self.forbidden):
            raise PermissionMissing(self.settings.name, f"{query.base} may not be read")
        if not query.ignore_references and any(_is_at(one, {query.base}) for one in self.referred):
            raise IncompleteRead(self.settings.name, f"a part of {query.base} lies on another server")
        places = (where for where in self.below(query.base) if not _is_at(where, self._unseen()))
        self.requests += 1
        asked = {name.lower() for name in query.attributes}
        return [
            Entry(
                where,
                {name: it for name, it in self._shown(where).items() if name in asked or _is_plain(name)},
            )
            for where in places
            if self._fits(query.filter, where)
        ]

    # --- what there is

    def below(self, base: str) -> list[str]:
        """The DNs at and below a place, parents first."""
        return sorted((where for where in self._entries if _is_at(where, {base})), key=len)

    # --- changes

    def show(self) -> None:
        """Let the account see everything again."""
        for places in (self.nameless, self.hidden, self.forbidden, self.referred):
            places.clear()

    def add(self, where: str, **values: str) -> None:
        """Make an entry, if its name is free and its parent is there."""
        if where not in self._entries:
            own = {name.lower(): (value.encode(),) for name, value in values.items()}
            self._entries[where] = {**own, "entryuuid": (f"id-{next(self._numbers):04}".encode(),)}
            self._stamp(where)

    def change(self, where: str, **values: tuple[bytes, ...]) -> None:
        """Give attributes these values."""
        self._entries[where] |= values
        self._stamp(where)

    def remove(self, where: str) -> None:
        """Delete an entry and what lies below it."""
        for gone in self.below(where):
            del self._entries[gone]
            self._follow(gone, ())

    def move(self, where: str, relative: str, parent: str) -> None:
        """Rename an entry to `relative` below `parent`, as far as a server allows it."""
        new = f"{relative},{parent}"
        if new in self._entries or _is_at(parent, {where}):
            return
        for old in self.below(where):
            now = old.removesuffix(where) + new
            self._entries[now] = self._entries.pop(old)
            self._follow(old, (now.encode(),))
        self._stamp(new)

    def _follow(self, old: str, now: tuple[bytes, ...]) -> None:
        """Members by this name get the other, or go; like slapd's refint, without a stamp."""
        for values in self._entries.values():
            members = values.get("member", ())
            if old.encode() in members:
                values["member"] = (*(one for one in members if one != old.encode()), *now)

    def _stamp(self, where: str) -> None:
        stamp = f"20261125120000.{next(self._numbers):06}Z#000000#000#000000"
        self._entries[where]["entrycsn"] = (stamp.encode(),)

    def _shown(self, where: str) -> Mapping[str, tuple[bytes, ...]]:
        values = self._entries[where]
        if not _is_at(where, self.nameless):
            return dict(values)
        return {name: value for name, value in values.items() if name != "entryuuid"}

    def _unseen(self) -> set[str]:
        return self.hidden | self.forbidden | self.referred

    def _fits(self, text: str, where: str) -> bool:
        """Whether an entry matches a filter of `&`, `|`, `=` and presence."""
        if text[1] in "&|":
            fits = [self._fits(part, where) for part in _parts(text[2:-1])]
            return all(fits) if text[1] == "&" else any(fits)
        name, _, wanted = text[1:-1].lower().partition("=")
        if name in self.unsearchable:
            return False
        values = {value.decode().lower() for value in self._shown(where).get(name, ())}
        return bool(values) if wanted == "*" else wanted in values


def _is_plain(name: str) -> bool:
    """Whether `*` asks for it: no attribute that the server itself keeps."""
    return name not in {"entryuuid", "entrycsn"}


def _is_at(where: str, places: set[str]) -> bool:
    return any(where == place or where.endswith(f",{place}") for place in places)


def _parts(text: str) -> Iterator[str]:
    depth = start = 0
    for place, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if depth == 0:
            yield text[start : place + 1]
            start = place + 1
