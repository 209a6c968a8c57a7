"""What a large installation is measured against: servers in memory, and mappings of any number and size.

A `LargeTarget` is a memory target over accounts that many mappings share. It counts as Keycloak would be
asked: one request for each container, one for each hundred accounts that no container showed, one for each
write. Its own processor time is kept apart, since a real server spends it on another machine.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncd.model import Account, Key, Kind
from syncd.targets.memory import MemoryTarget

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from syncd.model import Change, Observation, Outcome, Scope

ACCOUNTS_PER_REQUEST = 100
TEAMS = 100  # of one department
MODEL = """\
syncd: 1
mapping: {name}
kinds: {{organization: {{}}, department: {{within: organization}}, team: {{within: department}}}}
roles: {{member: {{}}}}
keycloak: {{group: "/{{path}}"}}
policy: {{{split}removals: {{per_day: 5%, at_most: 5000}}}}
organizations:
"""


class Everybody:
    """The accounts of a realm, found by id, username or address."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self.by_native = {one.native: one for one in accounts}
        names = ((name, one) for one in self.by_native.values() for name in (one.username, one.email))
        self._by_name = {name: one for name, one in names if name}

    @classmethod
    def of(cls, people: int, target: str) -> Everybody:
        """So many people with a verified address."""
        return cls(
            Account(target, f"{target}-{number}", name_of(number), address_of(number), email_verified=True)
            for number in range(people)
        )

    def asked_for(self, natives: Iterable[str], names: Iterable[str]) -> tuple[Account, ...]:
        """Those that exist, each once."""
        found = [self.by_native.get(native) for native in natives]
        found += [self._by_name.get(name) for name in names]
        return tuple({one.native: one for one in found if one is not None}.values())


class LargeTarget(MemoryTarget):
    """A memory target whose accounts belong to `everybody`, and are facts as in Keycloak."""

    def __init__(self, name: str, everybody: Everybody, *, marker: str = "", **more: frozenset[Kind]) -> None:
        super().__init__(name, marker=marker, **more)
        self._everybody = everybody
        self.accounts = everybody.by_native
        self.seconds = 0.0

    def read(self, scope: Scope) -> Observation:
        """As a memory target, with everybody who was met."""
        with self._timed():
            seen = super().read(scope)
            members = {key.item[0] for key in seen.state if key.kind is Kind.MEMBER}
            unmet = {one.native for one in seen.accounts} - members
            requests = -(-len(unmet) // ACCOUNTS_PER_REQUEST)
            self.requests += requests
            accounts = self._everybody.asked_for(members | unmet, ())
            people = {Key(Kind.PERSON, (), (one.native,)): one for one in accounts}
            state = {**seen.state, **{key: _attrs(one) for key, one in people.items()}}
            natives = {**seen.natives, **{key: one.native for key, one in people.items()}}
            requests += seen.requests
            return replace(seen, state=state, natives=natives, accounts=accounts, requests=requests)

    def _asked_for(self, scope: Scope) -> tuple[Account, ...]:
        return self._everybody.asked_for(scope.natives, scope.people)

    def apply(self, changes: Sequence[Change], natives: Mapping[Key, str]) -> Iterator[Outcome]:
        """As a memory target; a whole wave before the first answer."""
        with self._timed():
            outcomes = list(super().apply(changes, natives))
        yield from outcomes

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begun = time.process_time()
        try:
            yield
        finally:
            self.seconds += time.process_time() - begun


def _attrs(account: Account) -> Mapping[str, tuple[str, ...]]:
    return {"username": (account.username,), "email": (account.email,), "enabled": ("true",)}


@dataclass(frozen=True, slots=True)
class Company:
    """So many teams in one mapping; their members are the next people in turn, from `first` on.

    They lie in `roots` root units of one size, which run apart where `split` says so.
    """

    name: str
    teams: int
    members: int
    people: int
    first: int = 0
    roots: int = 1
    split: bool = False

    @property
    def memberships(self) -> int:
        return self.teams * self.members

    def write(self, folder: Path, *, changed: bool = False) -> None:
        """The mapping as a file for each department; `changed` swaps members of some teams for others."""
        folder.mkdir(exist_ok=True)
        units = "".join(f"  {root}: {{}}\n" for root, _ in self._roots())
        model = MODEL.format(name=self.name, split="split: root_unit, " if self.split else "") + units
        (folder / "00-model.yaml").write_text(model, "utf-8")
        for root, name, teams in self._departments():
            text = "".join(self._department(root, name, teams, changed))
            (folder / f"{root}-{name}.yaml").write_text(text, "utf-8")

    def _roots(self) -> Iterator[tuple[str, range]]:
        """Root units by name, with the teams below."""
        for number in range(self.roots):
            first, last = (each * self.teams // self.roots for each in (number, number + 1))
            yield (self.name if self.roots == 1 else f"r{number:02d}"), range(first, last)

    def _departments(self) -> Iterator[tuple[str, str, range]]:
        for root, teams in self._roots():
            for number, start in enumerate(range(teams.start, teams.stop, TEAMS)):
                yield root, f"d{number:03d}", range(start, min(start + TEAMS, teams.stop))

    @property
    def containers(self) -> int:
        """Its groups: organizations, departments, teams."""
        return self.roots + len(list(self._departments())) + self.teams

    @property
    def named(self) -> int:
        """How many people it names."""
        return min(self.memberships, self.people)

    @property
    def swaps(self) -> int:
        """How many members `changed` replaces: each is one removed and one added, together 1 % of all."""
        return self.memberships // 200

    def _department(self, root: str, name: str, teams: range, changed: bool) -> Iterator[str]:
        yield f"syncd: 1\nunder: /{root}\ndepartments:\n  {name}:\n    teams:\n"
        for team in teams:
            names = ", ".join(map(address_of, self._members(team, changed)))
            yield f"      team{team:05d}: {{members: {{member: [{names}]}}}}\n"

    def _members(self, team: int, changed: bool) -> Iterator[int]:
        start = self.first + team * self.members
        swapped = changed and (team * self.swaps) // self.teams != ((team + 1) * self.swaps) // self.teams
        for each in range(int(swapped), self.members + int(swapped)):
            yield (start + each) % self.people


def name_of(number: int) -> str:
    return f"person{number:06d}"


def address_of(number: int) -> str:
    return f"{name_of(number)}@acme.example"
