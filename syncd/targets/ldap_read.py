"""One whole read of an LDAP output: units and groups below its base, the people named, who is in what.

Units and groups come in one paged search with every user attribute, because what we wrote once and no
longer mention must be seen to be cleared. People are looked up in batches of filters, or all of them
where that is cheaper; members are matched to people by DN, however the server spells it, or by `uid`
where the class of the groups says so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.errors import IncompleteRead, PermissionMissing, PlaceMissing
from syncd.ldapwire import dn
from syncd.ldapwire.directory import any_of, equals
from syncd.ldapwire.operations import Query
from syncd.model import Account, Key, Kind, Observation
from syncd.targets.ldap_entries import Entries, Known
from syncd.targets.ldap_profile import PLACEHOLDER
from syncd.targets.ldap_values import (
    LOCK,
    container_attrs,
    fold_place,
    is_enabled,
    logins_of,
    mark_of,
    person_attrs,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from syncd.ldapwire.directory import Directory
    from syncd.ldapwire.operations import Entry
    from syncd.model import Attrs, Path, Scope
    from syncd.targets.ldap_profile import LdapProfile

UUID = "entryUUID"
LOGIN = "memberUid="
BATCH = 50
WHOLE = 2_000
"""From so many names on, reading everybody is cheaper than asking for each."""

_PERSON = (UUID, "uid", "cn", "mail", "givenName", "sn", "preferredLanguage", LOCK, "nsAccountLock")


def read(
    directory: Directory, profile: LdapProfile, target: str, scope: Scope
) -> tuple[Observation, Entries]:
    """What is below the base within `scope`, and what the writer needs to know of it.

    Raises a `TargetError`: `PlaceMissing` without the base, `IncompleteRead` for anything less than all.
    """
    before = directory.requests
    containers, people = find(directory, profile, scope)
    observation, entries = observed(directory, profile, target, scope, containers, people)
    return replace(observation, requests=directory.requests - before), entries


def find(directory: Directory, profile: LdapProfile, scope: Scope) -> tuple[list[Entry], list[Entry]]:
    """(units and groups below the base, people whom the scope names), as they are now."""
    which, asked = container_filter(profile), ("*", UUID)
    deep = [top for top in scope.tops if len(top) > 1]
    if deep and len(deep) == len(scope.tops):
        containers = [
            entry for top in sorted(deep) for entry in _below(directory, dn.dn_of(top), which, asked)
        ]
    else:
        containers = directory.search(Query(profile.base, which, asked))
    return containers, find_people(directory, profile, scope)


def _below(directory: Directory, top: str, which: str, asked: tuple[str, ...]) -> list[Entry]:
    """What is at and below one place; nothing where there is no such place yet."""
    try:
        return directory.search(Query(top, which, asked))
    except PlaceMissing:
        return []


def observed(  # noqa: PLR0913, PLR0917 - what is read, and where and for whom
    directory: Directory,
    profile: LdapProfile,
    target: str,
    scope: Scope,
    containers: Iterable[Entry],
    people: Iterable[Entry],
) -> tuple[Observation, Entries]:
    """What these entries say, as facts and as the writer needs to know it."""
    reading = _Reading(directory, profile, target, scope)
    for entry in people:
        reading.take_person(entry)
    for entry in containers:
        reading.take_container(entry)
    return reading.observation(), reading.entries


def find_people(directory: Directory, profile: LdapProfile, scope: Scope) -> list[Entry]:
    """The entries below `people_base` of everyone whom the scope names, each once."""
    names = [filter_of(profile, text) for text in sorted(scope.people)]
    names += [equals(UUID, native) for native in sorted(scope.natives) if "=" not in native]
    found: dict[str, Entry] = {}
    for query in _people_queries(profile, names, person_attributes(profile)):
        found.update({native_of(directory, entry): entry for entry in directory.search(query)})
    if len(names) <= WHOLE:
        return list(found.values())
    wanted = {dn.fold_text(text) for text in scope.people}
    return [
        entry
        for native, entry in found.items()
        if native in scope.natives or wanted & _identifiers(profile, entry)
    ]


def person_attributes(profile: LdapProfile) -> tuple[str, ...]:
    """What is asked of the entry of a person."""
    attributes = ("*", *_PERSON) if profile.manages_people else (*_PERSON, profile.match)
    return tuple(dict.fromkeys(attributes))


def filter_of(profile: LdapProfile, text: str) -> str:
    """A filter for the person whom an address or username names."""
    names = {"uid": "uid", profile.match.lower(): profile.match}
    if "@" in text:
        names.setdefault("mail", "mail")
    elif profile.match.lower() == "mail":
        del names["mail"]
    return any_of([equals(name, text) for name in names.values()])


def native_of(directory: Directory, entry: Entry) -> str:
    """The entryUUID. Raises `PermissionMissing` where the server does not show it."""
    native = entry.text(UUID)
    if native:
        return native
    raise PermissionMissing(
        directory.settings.name,
        f"{entry.dn} shows no entryUUID to {directory.settings.bind_dn}",
        "Allow this account to read it; a server without entryUUID (RFC 4530) cannot be written by syncd.",
    )


def members_of(directory: Directory, profile: LdapProfile, entry: Entry) -> tuple[list[str], bool]:
    """(member DNs as the server spells them, whether the placeholder is among them)."""
    name = profile.member.lower()
    if any(other.startswith(f"{name};range=") for other in entry.attributes):
        raise IncompleteRead(
            directory.settings.name,
            f"{entry.dn} answers its members in ranges, which this version does not collect",
            "Raise the server's limit of values per attribute.",
        )
    values = entry.texts(name)
    real = [value for value in values if value.lower() != PLACEHOLDER]
    return real, len(real) < len(values)


def container_filter(profile: LdapProfile) -> str:
    """What units and groups are found by."""
    return any_of([equals("objectClass", name) for name in ("organizationalUnit", profile.group_class)])


def _people_queries(profile: LdapProfile, filters: list[str], attributes: tuple[str, ...]) -> Iterator[Query]:
    if len(filters) > WHOLE:
        names = {name.lower(): name for name in ("uid", "mail", profile.match)}
        filters = [any_of([f"({name}=*)" for name in names.values()])]
    for start in range(0, len(filters), BATCH):
        batch = any_of(filters[start : start + BATCH])
        yield Query(profile.people_base, batch, attributes, ignore_references=True)


def _identifiers(profile: LdapProfile, entry: Entry) -> set[str]:
    names = ("uid", "mail", profile.match)
    return {dn.fold_text(text) for name in names for text in entry.texts(name)}


class _Reading:
    """Collects entries into facts."""

    def __init__(self, directory: Directory, profile: LdapProfile, target: str, scope: Scope) -> None:
        self.entries = Entries(profile.base)
        self._directory = directory
        self._profile = profile
        self._target = target
        self._asked = {dn.fold_text(text) for text in scope.people}
        self._tops = [fold_place(top) for top in scope.tops]
        self._members_of = {fold_place(place) for place in scope.members_of}
        self._state: dict[Key, Attrs] = {}
        self._natives: dict[Key, str] = {}
        self._marks: dict[Key, str] = {}
        self._accounts: list[Account] = []
        self._persons: dict[str, str] = {}  # folded DN, or login name, → entryUUID
        self._groups: dict[str, Path] = {}  # folded DN → place
        self._with_members: list[tuple[Entry, Known]] = []
        self._folded: dict[str, str] = {}  # DN as spelled → folded, because one person is in many groups

    def take_person(self, entry: Entry) -> None:
        native = native_of(self._directory, entry)
        self.entries.people[native] = entry.dn
        logins = self.entries.logins[native] = logins_of(entry)
        for name in logins if self._profile.by_login else (self._fold(entry.dn),):
            self._persons.setdefault(name, native)
        self._accounts.append(self._account(entry, native))
        if self._profile.manages_people:
            key = Key(Kind.PERSON, (), (native,))
            self._put(key, native, person_attrs(entry, self._profile), entry)

    def take_container(self, entry: Entry) -> None:
        place = fold_place(dn.place_of(entry.dn, self._profile.base))
        if len(place) == 1:
            return  # the base itself is the operator's
        classes = {name.lower() for name in entry.texts("objectClass")}
        is_group = self._profile.group_class.lower() in classes
        native = native_of(self._directory, entry)
        known = Known(entry.dn, place, native)
        self.entries.add(known)
        if is_group:
            self._groups[dn.dn_of(place)] = place
        if not any(place[: len(top)] == top for top in self._tops):
            return
        key = Key(Kind.GROUP if is_group else Kind.OU, place)
        self._put(key, native, container_attrs(entry, self._profile), entry)
        if is_group and place in self._members_of:
            self._with_members.append((entry, known))

    def observation(self) -> Observation:
        for entry, known in self._with_members:  # now that every group is known, those in groups are too
            self._take_members(entry, known)
        return Observation(self._state, self._natives, tuple(self._accounts), self._marks)

    def _take_members(self, entry: Entry, known: Known) -> None:
        spelled, known.placeholder = members_of(self._directory, self._profile, entry)
        known.members = set()
        for text in spelled:
            folded = self._fold(text)
            known.members.add(folded)
            self._state[Key(Kind.MEMBER, known.place, self._item(folded, text))] = {}

    def _item(self, folded: str, text: str) -> Path:
        """Whom or what a member value means: a person, a group of ours to see, or a stranger by name."""
        native = self._persons.get(folded)
        if native is not None:
            return (native,)
        if self._profile.by_login:
            return (named(text),)
        self.entries.spelled[folded] = text
        return self._groups.get(folded, (folded,))

    def _put(self, key: Key, native: str, attrs: Attrs, entry: Entry) -> None:
        self._state[key] = attrs
        self._natives[key] = native
        if mark := mark_of(entry, self._profile):
            self._marks[key] = mark

    def _account(self, entry: Entry, native: str) -> Account:
        return Account(
            target=self._target,
            native=native,
            username=self._asked_for(entry.texts("uid")) or entry.text("cn"),
            email=self._asked_for(entry.texts("mail")),
            email_verified=True,
            enabled=is_enabled(entry),
            authority="ldap",
            given_name=entry.text("givenName"),
            family_name=entry.text("sn"),
            locale=entry.text("preferredLanguage"),
            login=next(iter(logins_of(entry)), ""),
        )

    def _asked_for(self, values: Iterable[str]) -> str:
        """Of several values the one that the mapping names, because people are matched by it."""
        texts = list(values)
        return next((text for text in texts if dn.fold_text(text) in self._asked), next(iter(texts), ""))

    def _fold(self, text: str) -> str:
        folded = self._folded.get(text)
        if folded is None:
            folded = self._folded[text] = comparable(self._profile, text)
        return folded


def named(login: str) -> str:
    """How a fact names the member of a POSIX group of whom no entry is known; never a person's id."""
    return f"{LOGIN}{login}"


def comparable(profile: LdapProfile, text: str) -> str:
    """A member value as it is compared: a DN folded, a login name as it is (RFC 2307 compares it exactly)."""
    return text if profile.by_login else fold_member(text)


def fold_member(text: str) -> str:
    """A member value as it is compared; one that is no DN (a UID suffix, a stray value) stands for itself."""
    try:
        return dn.fold_dn(text)
    except dn.DnError:
        return text
