"""Who is who: texts of files and accounts of targets become persons. Pure.

A person is a random id with everything known pinned to it. A pin wins, then a username, then an
address that is verified, federated or was invited by syncd: anybody can put somebody else's address
into an account of their own, so an unverified look-alike is held, never trusted. Addresses compare
after folding A to Z only, because folding more would make different people one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from syncd.model import Account, Key, Kind, Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from syncd.mapping.compiled import PersonEntry

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FOLD = str.maketrans(_UPPER, _UPPER.lower())
_NAMING_PEOPLE = frozenset({Kind.MEMBER, Kind.ORG_MEMBER, Kind.PERSON})


@dataclass(frozen=True, slots=True)
class Person:
    """Everything known of one person: native id by target, and names now and before, all folded.

    `invited` are addresses to which syncd sent an invitation: whoever answered it has shown to hold it.
    """

    id: str
    pins: Mapping[str, str] = field(default_factory=dict)
    usernames: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    invited: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who everybody is.

    `ids` has every text, also those held: they keep their person while they wait, and `held` says why.
    `persons` are all, known and new, by id; `changed` those the store must save; `accounts` by
    (person id, target).
    """

    ids: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)
    persons: Mapping[str, Person] = field(default_factory=dict)
    changed: Sequence[Person] = ()
    accounts: Mapping[tuple[str, str], Account] = field(default_factory=dict)


def fold(text: str) -> str:
    """An address or username as it compares: ASCII A to Z folded, nothing else."""
    return text.translate(_FOLD)


def names_of(entries: Mapping[str, PersonEntry]) -> set[str]:
    """Every username and address, folded, by which the entries may mean somebody who is known."""
    named = (_Names.of(text, entry) for text, entry in entries.items())
    return {name for one in named for name in (*one.usernames, *one.addresses)}


def resolve(
    entries: Mapping[str, PersonEntry],
    accounts: Mapping[str, Sequence[Account]],
    known: Sequence[Person],
    new_id: Callable[[], str],
) -> Resolution:
    """Turn every named text into a person, with an account in each target where one is sure.

    `accounts` are those that the reads found, by target. `new_id` is called once for each person met
    for the first time, in the order of the texts.
    """
    book = _Book(accounts, known, new_id)
    for text in sorted(entries):
        book.enter(text, _Names.of(text, entries[text]))
    return book.close()


@dataclass(frozen=True, slots=True)
class _Names:
    """What one entry says about who is meant, folded."""

    address: str
    usernames: frozenset[str]
    addresses: frozenset[str]

    @classmethod
    def of(cls, text: str, entry: PersonEntry) -> _Names:
        address = fold(entry.email or (text if "@" in text else ""))
        addresses = {address, *map(fold, entry.formerly), *([fold(text)] if "@" in text else [])} - {""}
        username = fold(entry.username or ("" if "@" in text or entry.email else text))
        usernames = {username} - {""} - addresses  # an address as username proves no more than the address
        return cls(address, frozenset(usernames), frozenset(addresses))


class _Ambiguous(Exception):
    """Why a text cannot be told for sure."""


class _Index:
    """The accounts of one target, by everything that names one."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self.by_native: dict[str, Account] = {}
        self.by_username: dict[str, Account] = {}
        self.by_address: defaultdict[str, list[Account]] = defaultdict(list)
        for account in sorted(accounts, key=lambda one: one.native):
            self.by_native[account.native] = account
            self.by_username.setdefault(fold(account.username), account)
            if account.email:
                self.by_address[fold(account.email)].append(account)

    def named(self, usernames: Iterable[str]) -> list[Account]:
        """The accounts with one of these usernames."""
        return [self.by_username[name] for name in sorted(usernames) if name in self.by_username]

    def addressed(self, addresses: Iterable[str]) -> list[Account]:
        """The accounts with one of these addresses, trusted or not."""
        return [account for name in sorted(addresses) for account in self.by_address.get(name, ())]


def _trusted(account: Account, invited: frozenset[str]) -> bool:
    return account.email_verified or account.authority in ("ldap", "idp") or fold(account.email) in invited


def _only(accounts: Iterable[Account]) -> Account | None:
    """The one account meant; raises `_Ambiguous` where there are several."""
    distinct = {account.native: account for account in accounts}
    if len(distinct) > 1:
        names = ", ".join(sorted(f'"{one.username}"' for one in distinct.values()))
        target = next(iter(distinct.values())).target
        raise _Ambiguous(
            f"several accounts of {target} match ({names}); name the username instead of the address"
        )
    return next(iter(distinct.values()), None)


class _Book:
    """The resolution as it is written, one text after the other."""

    def __init__(
        self, accounts: Mapping[str, Sequence[Account]], known: Sequence[Person], new_id: Callable[[], str]
    ) -> None:
        self._indexes = {target: _Index(found) for target, found in sorted(accounts.items())}
        self._new_id = new_id
        self._before = {person.id: person for person in known}
        self._persons = dict(self._before)
        self._ids: dict[str, str] = {}
        self._held: dict[str, str] = {}
        self._accounts: dict[tuple[str, str], Account] = {}
        self._pinned = {pin: person.id for person in known for pin in person.pins.items()}
        self._named: defaultdict[str, set[str]] = defaultdict(set)
        for person in sorted(known, key=lambda one: one.id):
            self._learn(person)

    def enter(self, text: str, names: _Names) -> None:
        """Find the person meant by the text and their account in each target."""
        try:
            person = self._known(names)
            found = self._search(names, person)
            person = self._same(person, found)
        except _Ambiguous as reason:
            person = self._fallback(names)
            found = {}
            self._held[text] = str(reason)
        person = person or Person(self._new_id())
        self._ids[text] = person.id
        self._write(person, names, found)

    def close(self) -> Resolution:
        """Everything found; pinned accounts of people whom nobody names are there too."""
        for person in self._persons.values():
            for target, native in person.pins.items():
                index = self._indexes.get(target)
                if index is not None and native in index.by_native:
                    self._accounts.setdefault((person.id, target), index.by_native[native])
        return Resolution(
            ids=self._ids,
            held=self._held,
            persons=self._persons,
            changed=[one for one in self._persons.values() if self._before.get(one.id) != one],
            accounts=self._accounts,
        )

    def _known(self, names: _Names) -> Person | None:
        """The person in the store whom the entry means: by username, by its address, by a former address."""
        for group in (names.usernames, {names.address} - {""}, names.addresses):
            ids = set().union(*(self._named.get(name, set()) for name in group))
            if len(ids) > 1:
                people = ", ".join(sorted(ids))
                raise _Ambiguous(
                    f"several persons in the store are called so ({people}); see `syncd members list`"
                )
            if ids:
                return self._persons[ids.pop()]
        return None

    def _fallback(self, names: _Names) -> Person | None:
        """Whoever the text meant before it became ambiguous, so that a held text keeps its person."""
        ids = set().union(*(self._named.get(name, set()) for name in (*names.usernames, *names.addresses)))
        return self._persons[min(ids)] if ids else None

    def _search(self, names: _Names, person: Person | None) -> dict[str, Account]:
        """The account in each target: first by what is known, then by what the first accounts add."""
        found: dict[str, Account] = {}
        for _ in range(2):
            for target, index in self._indexes.items():
                if target not in found:
                    account = self._account(target, index, names, person, found.values())
                    if account is not None:
                        found[target] = account
        return found

    def _account(
        self, target: str, index: _Index, names: _Names, person: Person | None, others: Iterable[Account]
    ) -> Account | None:
        pinned = index.by_native.get(person.pins.get(target, "")) if person else None
        if pinned is not None:
            self._refuse_reassigned(index, names, pinned)
            return pinned
        invited = person.invited if person else frozenset()
        others = list(others)
        usernames = names.usernames | (person.usernames if person else frozenset())
        usernames |= {fold(other.username) for other in others} - names.addresses
        by_name = _only(index.named(usernames - names.addresses))
        if by_name is not None:
            return by_name
        addresses = names.addresses | (person.addresses if person else frozenset())
        addresses |= {fold(other.email) for other in others if other.email and _trusted(other, invited)}
        candidates = index.addressed(addresses)
        sure = _only(account for account in candidates if _trusted(account, invited))
        if sure is None and candidates:
            one = candidates[0]
            raise _Ambiguous(
                f'the account "{one.username}" of {target} has this address but never proved it; '
                "have the address verified, or name the username"
            )
        return sure

    def _refuse_reassigned(self, index: _Index, names: _Names, pinned: Account) -> None:
        """A name that belongs to another account by now may belong to another human."""
        if names.usernames:
            others = [] if fold(pinned.username) in names.usernames else index.named(names.usernames)
        elif names.address in ("", fold(pinned.email)):
            return
        else:
            others = [one for one in index.addressed([names.address]) if _trusted(one, frozenset())]
        taken = [one for one in others if one.native != pinned.native]
        if taken:
            raise _Ambiguous(
                f'this was a name of the account "{pinned.username}" and is "{taken[0].username}" now; '
                "name the one who is meant in another way (username or address)"
            )

    def _same(self, person: Person | None, found: Mapping[str, Account]) -> Person | None:
        """The one person to whom the accounts are pinned, where they are: a pin wins."""
        holders = {
            self._pinned[target, account.native]
            for target, account in found.items()
            if (target, account.native) in self._pinned
        }
        if person is not None and (person.pins or not holders):
            holders.add(person.id)
        if len(holders) > 1:
            raise _Ambiguous(f"its accounts belong to several persons ({', '.join(sorted(holders))})")
        return self._persons[holders.pop()] if holders else person

    def _write(self, person: Person, names: _Names, found: Mapping[str, Account]) -> None:
        usernames, addresses = (
            set(person.usernames | names.usernames),
            set(person.addresses | names.addresses),
        )
        for target, account in found.items():
            self._accounts[person.id, target] = account
            self._pinned[target, account.native] = person.id
            usernames.add(fold(account.username))
            if account.email and _trusted(account, person.invited):
                addresses.add(fold(account.email))
        pins = {**person.pins, **{target: account.native for target, account in found.items()}}
        person = replace(person, pins=pins, usernames=frozenset(usernames), addresses=frozenset(addresses))
        self._persons[person.id] = person
        self._learn(person)

    def _learn(self, person: Person) -> None:
        for name in person.usernames | person.addresses:
            self._named[name].add(person.id)


def rekey(observation: Observation, target: str, resolution: Resolution) -> Observation:
    """The observation with persons in place of accounts; accounts of nobody keep their native id.

    Every pinned account gets a native id under its person's key, so that writes can name it.
    """
    people = {
        person.pins[target]: person.id for person in resolution.persons.values() if target in person.pins
    }

    def known(key: Key) -> Key:
        if key.kind not in _NAMING_PEOPLE or key.item[0] not in people:
            return key
        return Key(key.kind, key.place, (people[key.item[0]],))

    accounts = {Key(Kind.PERSON, (), (person,)): native for native, person in people.items()}
    return replace(
        observation,
        state={known(key): attrs for key, attrs in observation.state.items()},
        natives={**accounts, **{known(key): native for key, native in observation.natives.items()}},
        marks={known(key): mark for key, mark in observation.marks.items()},
    )
