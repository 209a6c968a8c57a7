"""Which entries of the last run are as they were: one sweep of keys and stamps; what differs is read.

The sweep asks for the id and the change stamp of every entry, in one search from the lowest place above
units and people. What is there and what is gone is thereby seen afresh in every run; remembered are only
attributes, as long as the stamp is the same. `entryCSN` is one for each change; `modifyTimestamp`, where a
server has no other, has seconds, so an entry changed a short while ago is read again. That is cheap enough
to do without cookies of a server (RFC 4533, DirSync), which are answered with success when they are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from syncd.errors import PermissionMissing, PlaceMissing
from syncd.ldapwire import dn
from syncd.ldapwire.directory import any_of, equals
from syncd.ldapwire.operations import Entry, Query
from syncd.model import Kind
from syncd.targets import ldap_read
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

Sweep = dict[str, tuple[str, str]]  # id → (DN, stamp)


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
        keys = self._sweep()
        copy = self._keeper.load()
        reason = self._why_not(copy, keys)
        if copy is None or reason:
            return self._anew(scope, keys, reason)
        known = _unpacked(copy[1])
        changed = {one for one, key in keys.items() if _differs(known.keys.get(one), key)}
        if any(one not in changed for one in copy[0]["wrote"] if one in keys):
            return self._anew(scope, keys, "stamps do not show what syncd itself wrote")
        if len(changed) > MOST:
            return self._anew(scope, keys, f"more than {MOST} entries changed")
        before = _who(known)
        if not self._renew(known, keys, changed, scope):
            return self._anew(scope, keys, "somebody who changed is not found by their name any more")
        self._mark = {**copy[0], "wrote": []}
        same = not changed and before == _who(known) and known.keys == keys
        known.keys = keys
        self._keeper.save(self._mark, None if same else _packed(known))
        return known

    def _why_not(self, copy: Copy | None, keys: Sweep) -> str:
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
        self._mark = {
            "format": FORMAT,
            "place": self._place(),
            "whole_at": self._keeper.now().isoformat(),
            "wrote": [],
        }
        known = _Known(keys, _by_id(containers), _by_id(people), scope.people, scope.natives)
        if all(stamp for _, stamp in keys.values()):
            self._keeper.save(self._mark, _packed(known))
        return known

    def _place(self) -> list[str]:
        """Whatever must be the same for entries to be those of the last run."""
        profile = self._profile
        names = (profile.base, profile.people_base, profile.group_class, profile.people, profile.match)
        return [self._directory.connection.url, self._directory.settings.bind_dn, *names]

    # --- the sweep

    def _sweep(self) -> Sweep:
        base, people = self._profile.base, self._profile.people_base
        common = dn.common(base, people)
        try:
            found = self._swept(common) if common else None
        except (PlaceMissing, PermissionMissing):
            found = None  # this account sees nothing that high up
        if found is None:
            found = {**self._swept(base), **self._swept(people)}
        return found

    def _swept(self, base: str) -> Sweep:
        query = Query(base, attributes=(UUID, *STAMPS, *LOCKS), ignore_references=True)
        young = (self._keeper.now().astimezone(UTC) - YOUNG).strftime("%Y%m%d%H%M%SZ")
        return {
            entry.text(UUID): (entry.dn, _stamp(entry, young))
            for entry in self._directory.search(query)
            if entry.text(UUID)
        }

    # --- what changed

    def _renew(self, known: _Known, keys: Sweep, changed: set[str], scope: Scope) -> bool:
        """Bring what is remembered to what the sweep saw; False where that cannot be told."""
        moved = {
            ldap_read.fold_member(where)
            for native, (where, _) in known.keys.items()
            if native not in keys or keys[native][0] != where
        }
        for group in (known.containers, known.people):
            for native in group.keys() - keys.keys():
                del group[native]
            for native, entry in group.items():
                if entry.dn != keys[native][0]:
                    group[native] = replace(entry, dn=keys[native][0])
        follow = self._naming(known, moved)
        self._take_containers(known, changed | follow, self._containers(changed | follow))
        keys.update({native: (keys[native][0], keys[native][1] + NOT_YET) for native in follow})
        return self._renew_people(known, changed, scope)

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

    def _renew_people(self, known: _Known, changed: set[str], scope: Scope) -> bool:
        profile = self._profile
        now = _Names(profile, scope.people)
        for native, entry in self._people(changed).items():
            named = native in scope.natives or now.fit(entry)
            if native in known.people and not named:
                return False
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
        return True

    def _containers(self, natives: Collection[str]) -> dict[str, Entry]:
        which = ldap_read.container_filter(self._profile)
        return self._by_native(natives, self._profile.base, ("*", UUID), which)

    def _people(self, natives: Collection[str]) -> dict[str, Entry]:
        attributes = ldap_read.person_attributes(self._profile)
        return self._by_native(natives, self._profile.people_base, attributes, "", references=True)

    def _by_native(
        self,
        natives: Collection[str],
        base: str,
        attributes: tuple[str, ...],
        which: str,
        *,
        references: bool = False,
    ) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        names = sorted(natives)
        for start in range(0, len(names), BATCH):
            these = any_of([equals(UUID, one) for one in names[start : start + BATCH]])
            query = Query(base, f"(&{which}{these})", attributes, ignore_references=references)
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


def _differs(before: tuple[str, str] | None, now: tuple[str, str]) -> bool:
    return before is None or before[1] != now[1] or now[1].endswith(NOT_YET)


def _by_id(entries: Iterable[Entry]) -> dict[str, Entry]:
    return {entry.text(UUID): entry for entry in entries}


def _who(known: _Known) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Who was found, and who was asked for."""
    return frozenset(known.people), known.texts, known.natives


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
