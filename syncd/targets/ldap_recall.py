"""Which entries of the last run are as they were: one sweep of keys and stamps; what differs is read.

The sweep asks for the id and the change stamp of every entry, in one search from the lowest place above
units and people. What is there and what is gone is thereby seen afresh in every run; remembered are only
attributes, as long as the stamp is the same. `entryCSN` is one for each change; `modifyTimestamp`, where a
server has no other, has seconds, so an entry changed a short while ago is read again. That is cheap enough
to do without cookies of a server (RFC 4533, DirSync), which are answered with success when they are wrong.

It may never conclude more than reading everything would. Where that would be refused (a base that is not
shown, ids that are hidden, a part on another server), so is this; and what was moved is known only as long
as it lies where reading everything looks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from syncd.errors import IncompleteRead, PermissionMissing, PlaceMissing
from syncd.ldapwire import dn
from syncd.ldapwire.directory import any_of, equals
from syncd.ldapwire.operations import Entry, Query
from syncd.model import Kind
from syncd.targets import ldap_read
from syncd.targets.ldap_profile import PLACEHOLDER
from syncd.targets.ldap_read import BATCH, UUID
from syncd.targets.ldap_values import LOCK

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from syncd.ldapwire.directory import Directory
    from syncd.model import Change, Key, Scope
    from syncd.targets.ldap_profile import LdapProfile
    from syncd.targets.recall import Copy, Keeper

FORMAT = 1
STAMPS = ("entryCSN", "modifyTimestamp")
LOCKS = (LOCK, "nsAccountLock")  # some servers lock an account without touching its stamp
YOUNG = timedelta(minutes=5)  # of a stamp in whole seconds; also what clocks may differ by
MOST = 2_000  # changed entries from which on reading everything is the cheaper way
NOT_YET = " young"
PROBES = 20  # of our own writes, looked for at the next sweep

log = structlog.get_logger("syncd.ldap")

Sweep = dict[str, tuple[str, str]]  # id → (DN, stamp); the id is empty where an entry shows none


@dataclass(slots=True)
class _Known:
    """What is remembered: keys of everything, entries of what matters, and who was asked for."""

    keys: Sweep = field(default_factory=dict)
    containers: dict[str, Entry] = field(default_factory=dict)
    people: dict[str, Entry] = field(default_factory=dict)
    texts: frozenset[str] = frozenset()
    natives: frozenset[str] = frozenset()


class LdapRecall:
    """The memory of one output over one connection, for one run."""

    def __init__(self, directory: Directory, profile: LdapProfile, target: str, keeper: Keeper) -> None:
        self._directory = directory
        self._profile = profile
        self._target = target
        self._keeper = keeper
        self._mark: dict[str, Any] = {}
        self._known: _Known | None = None
        self._places: tuple[str, ...] = ()  # below which units and groups are read
        self._fresh: set[str] = set()  # ids of the entries read in this run

    def entries(self, scope: Scope) -> tuple[list[Entry], list[Entry]]:
        """(units and groups, people) as `ldap_read.find` gives them; a second time in a run, the same."""
        if self._known is None:
            self._known = self._begin(scope)
        return [*self._known.containers.values()], [*self._known.people.values()]

    def doubt(self, changes: Iterable[Change], natives: Mapping[Key, str]) -> bool:
        """Read again the units and groups of which these would take something away; whether any differ.

        That an entry exists was seen in this run; only what is in it may be remembered.
        """
        known = self._known
        if known is None:
            return False
        places = {change.key.place for change in changes}
        asked = {
            native
            for key, native in natives.items()
            if key.kind in (Kind.OU, Kind.GROUP) and key.place in places and native not in self._fresh
        }
        found = self._containers(asked)
        differ = {one for one in asked if found.get(one) != known.containers.get(one)}
        self._take_containers(known, asked, found)
        if differ:
            log.warning("stamps did not tell of every change", target=self._target, entries=len(differ))
            self._mark["place"] = []  # the next run reads everything
            self._keeper.save(self._mark, None)
        return bool(differ)

    def wrote(self, natives: Collection[str]) -> None:
        """Note some entries that were changed: a stamp that stays the same tells nothing."""
        if self._mark and natives:
            self._mark = {**self._mark, "wrote": sorted(natives)[:PROBES]}
            self._keeper.save(self._mark, None)

    # --- at the beginning of a run

    def _begin(self, scope: Scope) -> _Known:
        self._places = _places(self._profile, scope)
        keys = self._sweep(scope)
        copy = self._keeper.load()
        reason = self._why_not(copy, keys)
        if copy is None or reason:
            return self._anew(scope, keys, reason)
        mark, known = copy[0], _unpacked(copy[1])
        before = replace(known, containers={**known.containers}, people={**known.people})
        try:
            reason = self._renew(known, keys, scope, mark["wrote"])
        except (dn.DnError, PlaceMissing, PermissionMissing) as error:
            reason = str(error)  # whether it matters is for the whole read to say
        if reason:
            return self._anew(scope, keys, reason)
        known.keys = keys
        self._mark = {**mark, "wrote": []}
        self._keeper.save(self._mark, None if known == before else _packed(known))
        return known

    def _why_not(self, copy: Copy | None, keys: Sweep) -> str:
        if "" in keys:
            return f"{keys[''][0]} shows no {UUID} to this account"
        if not all(stamp for _, stamp in keys.values()):
            return "entries show no change stamp (entryCSN or modifyTimestamp) to this account"
        if copy is None:
            return "nothing is remembered"
        mark = copy[0]
        if mark.get("format") != FORMAT or mark["place"] != self._place():
            return "what is remembered is of another server, account, output or version"
        if self._keeper.is_due(datetime.fromisoformat(mark["whole_at"])):
            return "it is time (full_read)"
        return ""

    def _anew(self, scope: Scope, keys: Sweep, reason: str) -> _Known:
        """Read everything; the keys were taken before, so that a change meanwhile shows the next time."""
        log.info("read in full", target=self._target, reason=reason)
        containers, people = ldap_read.find(self._directory, self._profile, scope)
        self._fresh = {entry.text(UUID) for entry in containers}
        known = _Known(keys, _by_id(containers), _by_id(people), scope.people, scope.natives)
        if "" not in keys and all(stamp for _, stamp in keys.values()):
            self._mark = {
                "format": FORMAT,
                "place": self._place(),
                "whole_at": self._keeper.now().isoformat(),
                "wrote": [],
            }
            self._keeper.save(self._mark, _packed(known))
        return known

    def _place(self) -> list[str]:
        """Whatever must be the same for entries to be those of the last run."""
        profile = self._profile
        names = (profile.base, profile.people_base, profile.group_class, profile.people, profile.match)
        return [self._directory.connection.url, self._directory.settings.bind_dn, *names, *self._places]

    # --- the sweep

    def _sweep(self, scope: Scope) -> Sweep:
        """One search above all that is read. Where that does not show all, each place is asked for by itself.

        Such a search is told, as reading everything is, that the place is not there or not to be seen. Where
        nobody is asked for, neither looks for people.
        """
        people = [self._profile.people_base] if scope.people or scope.natives else []
        common = dn.common(self._profile.base, self._profile.people_base)
        try:
            found = self._swept(common) if common else {}
        except (PlaceMissing, PermissionMissing, IncompleteRead):
            found = {}
        if _shows(found, (*self._places, *people)):
            return found
        parts = [self._swept_place(place) for place in self._places]
        parts += [self._swept(base, references=True) for base in people]
        return {one: key for part in parts for one, key in part.items()}

    def _swept_place(self, place: str) -> Sweep:
        """As `_swept`; a place below the base may be still to be made."""
        try:
            return self._swept(place)
        except PlaceMissing:
            if place == self._profile.base:
                raise
            return {}

    def _swept(self, base: str, *, references: bool = False) -> Sweep:
        query = Query(base, attributes=(UUID, *STAMPS, *LOCKS), ignore_references=references)
        young = (self._keeper.now().astimezone(UTC) - YOUNG).strftime("%Y%m%d%H%M%SZ")
        return {
            entry.text(UUID): (entry.dn, _stamp(entry, young))
            for entry in self._directory.search(query)
            if entry.text(UUID) or self._concerns(entry.dn)
        }

    def _concerns(self, where: str) -> bool:
        """Whether a place is one of those that a whole read looks at, or may be."""
        try:
            return _is_within(where, (*self._places, self._profile.people_base))
        except dn.DnError:
            return True

    # --- what changed

    def _renew(self, known: _Known, keys: Sweep, scope: Scope, wrote: Collection[str]) -> str:
        """Bring what is remembered to what the sweep saw; why all must be read, where that cannot be told.

        Raises `DnError` where something was moved and its name cannot be read.
        """
        changed = {one for one, key in keys.items() if _differs(known.keys.get(one), key)}
        if any(one not in changed for one in wrote if one in keys):
            return "stamps do not show what syncd itself wrote"
        moved = {one for one, (where, _) in known.keys.items() if one not in keys or keys[one][0] != where}
        changed |= {one for one in moved & keys.keys() if self._came(known.keys[one][0], keys[one][0])}
        if len(changed) > MOST:
            return f"more than {MOST} entries changed"
        _move(known.containers, keys, self._places)
        _move(known.people, keys, (self._profile.people_base,))
        follow = self._naming(known, {ldap_read.fold_member(known.keys[one][0]) for one in moved})
        if keys.keys() - known.keys.keys():
            follow |= self._naming_unseen(known)
        asked = changed | follow
        found = self._containers(asked)
        if known.containers.keys() & asked - found.keys():
            return "a unit or group that changed is not found by its id"
        self._take_containers(known, asked, found)
        keys.update({native: (keys[native][0], keys[native][1] + NOT_YET) for native in follow})
        return self._renew_people(known, changed, scope)

    def _came(self, before: str, now: str) -> bool:
        """Whether what was moved lies where it is read, and did not before; its stamp may be the same."""
        return any(
            _is_within(now, places) and not _is_within(before, places)
            for places in (self._places, (self._profile.people_base,))
        )

    def _take_containers(self, known: _Known, asked: set[str], found: Mapping[str, Entry]) -> None:
        self._fresh |= asked
        for native in asked:
            known.containers.pop(native, None)
        known.containers.update(found)

    def _naming(self, known: _Known, moved: set[str]) -> set[str]:
        """The groups that name an entry which has another DN now, or is gone.

        A server that keeps references right (OpenLDAP's refint) changes them a moment later, and without a
        new stamp: they are read now and once more in the next run.
        """
        if not moved:
            return set()
        member = self._profile.member
        return {
            native
            for native, entry in known.containers.items()
            if any(ldap_read.fold_member(value) in moved for value in entry.texts(member))
        }

    def _naming_unseen(self, known: _Known) -> set[str]:
        """The groups that name what the last sweep did not show: one that came may have been that before."""
        if self._profile.by_login:
            return set()
        seen = {where.lower() for where, _ in known.keys.values()} | {PLACEHOLDER}
        return {
            native
            for native, entry in known.containers.items()
            if any(value.lower() not in seen for value in entry.texts(self._profile.member))
        }

    def _renew_people(self, known: _Known, changed: set[str], scope: Scope) -> str:
        profile = self._profile
        now = _Names(profile, scope.people)
        found = self._people(changed)
        if known.people.keys() & changed - found.keys():
            return "somebody who changed is not found by their id"
        for native, entry in found.items():
            named = native in scope.natives or now.fit(entry)
            if native in known.people and not named:
                return "somebody who changed is not found by their name any more"
            if named:
                known.people[native] = entry
        new = replace(scope, people=scope.people - known.texts, natives=scope.natives - known.natives)
        if new.people or new.natives:
            known.people.update(_by_id(ldap_read.find_people(self._directory, profile, new)))
        left, gone = _Names(profile, known.texts - scope.people), known.natives - scope.natives
        for native, entry in [*known.people.items()]:
            leaves = native in gone or left.fit(entry)
            if leaves and native not in scope.natives and not now.fit(entry):
                del known.people[native]
        known.texts, known.natives = scope.people, scope.natives
        return ""

    def _containers(self, natives: Collection[str]) -> dict[str, Entry]:
        which = ldap_read.container_filter(self._profile)
        found = self._by_native(natives, self._profile.base, ("*", UUID), which)
        return {one: entry for one, entry in found.items() if _is_within(entry.dn, self._places)}

    def _people(self, natives: Collection[str]) -> dict[str, Entry]:
        attributes = ldap_read.person_attributes(self._profile)
        return self._by_native(natives, self._profile.people_base, attributes, "")

    def _by_native(
        self, natives: Collection[str], base: str, attributes: tuple[str, ...], which: str
    ) -> dict[str, Entry]:
        """Those of the sweep that are asked for; whether parts lie on other servers was for it to say."""
        found: dict[str, Entry] = {}
        names = sorted(natives)
        for start in range(0, len(names), BATCH):
            these = any_of([equals(UUID, one) for one in names[start : start + BATCH]])
            query = Query(base, f"(&{which}{these})", attributes, ignore_references=True)
            found.update(_by_id(self._directory.search(query)))
        return found


class _Names:
    """Texts of a mapping, to tell without the server whether an entry is named by one; see `filter_of`."""

    def __init__(self, profile: LdapProfile, texts: Iterable[str]) -> None:
        every = frozenset(dn.fold_text(text) for text in texts)
        self._by_attribute = {"uid": every, profile.match.lower(): every}
        self._by_attribute["mail"] = frozenset(text for text in every if "@" in text)

    def fit(self, entry: Entry) -> bool:
        return any(
            dn.fold_text(value) in texts
            for name, texts in self._by_attribute.items()
            for value in entry.texts(name)
        )


def _stamp(entry: Entry, young: str) -> str:
    """What is another text after a change; one in whole seconds that is young tells nothing yet."""
    exact, coarse = entry.text(STAMPS[0]), entry.text(STAMPS[1])
    locks = "".join(f" {value}" for name in LOCKS for value in entry.texts(name))
    if exact or not coarse:
        return exact + locks if exact else ""
    return f"{coarse}{locks}{NOT_YET if coarse >= young else ''}"


def _places(profile: LdapProfile, scope: Scope) -> tuple[str, ...]:
    """Where a whole read looks for units and groups; see `ldap_read.find`."""
    if scope.tops and all(len(top) > 1 for top in scope.tops):
        return tuple(sorted(map(dn.dn_of, scope.tops)))
    return (profile.base,)


def _shows(keys: Sweep, places: Iterable[str]) -> bool:
    """Whether a sweep shows each of these very entries; most servers spell them as they were asked for."""
    plain = {where.lower() for where, _ in keys.values()}
    return all(
        dn.join(dn.parse(place)).lower() in plain
        or any(ldap_read.fold_member(where) == dn.fold_dn(place) for where, _ in keys.values())
        for place in places
    )


def _is_within(where: str, bases: Iterable[str]) -> bool:
    """Whether an entry is one of these or lies below one. Raises `DnError`."""
    folded = dn.fold_dn(where)
    return any(base in ("", folded) or folded.endswith(f",{base}") for base in map(dn.fold_dn, bases))


def _move(entries: dict[str, Entry], keys: Sweep, bases: Collection[str]) -> None:
    """Give every entry the DN that it has now; what is gone, or not within these any more, goes."""
    for native, entry in [*entries.items()]:
        where = keys[native][0] if native in keys else ""
        if where == entry.dn:
            continue
        if where and _is_within(where, bases):
            entries[native] = replace(entry, dn=where)
        else:
            del entries[native]


def _differs(before: tuple[str, str] | None, now: tuple[str, str]) -> bool:
    return before is None or before[1] != now[1] or now[1].endswith(NOT_YET)


def _by_id(entries: Iterable[Entry]) -> dict[str, Entry]:
    return {entry.text(UUID): entry for entry in entries}


def _packed(known: _Known) -> dict[str, Any]:
    return {
        "keys": {native: list(key) for native, key in known.keys.items()},
        "containers": [*_lines(known.containers)],
        "people": [*_lines(known.people)],
        "texts": sorted(known.texts),
        "natives": sorted(known.natives),
    }


def _lines(entries: Mapping[str, Entry]) -> Iterator[list[Any]]:
    """Entries as JSON; bytes stand as the characters of the same numbers (Latin-1)."""
    for entry in entries.values():
        values = {name: [raw.decode("latin-1") for raw in all_] for name, all_ in entry.attributes.items()}
        yield [entry.dn, values]


def _unpacked(facts: Mapping[str, Any]) -> _Known:
    return _Known(
        {native: (where, stamp) for native, (where, stamp) in facts["keys"].items()},
        _by_id(map(_entry, facts["containers"])),
        _by_id(map(_entry, facts["people"])),
        frozenset(facts["texts"]),
        frozenset(facts["natives"]),
    )


def _entry(line: list[Any]) -> Entry:
    where, values = line
    return Entry(where, {name: tuple(one.encode("latin-1") for one in all_) for name, all_ in values.items()})
