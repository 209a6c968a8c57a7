"""Numbers of POSIX groups: one for each, the same after a crash, never one that somebody has or had."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from syncd.errors import Place, Unreachable
from syncd.model import Desired, Key, Kind, Observation, Origin, Owned
from syncd.prepare_posix import with_numbers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

MARK = "test/acme"


def group(name: str) -> Key:
    return Key(Kind.GROUP, ("ou=a", f"cn={name}"))


def anchored(name: str, *former: str) -> Origin:
    return Origin((f"/{name}", "role:member"), former=tuple(f"/{one}" for one in former))


@dataclass
class Numbers:
    """What the store keeps, without a database."""

    rows: dict[int, tuple[str, str, str] | None] = field(default_factory=dict)
    thief: int = 0  # a number that another run takes at the last moment

    def given(self, _mapping: str) -> tuple[frozenset[int], dict[tuple[str, str, str], int]]:
        return frozenset(self.rows), {holder: number for number, holder in self.rows.items() if holder}

    def keep(self, _mapping: str, wanted: Mapping[tuple[str, str, str], int]) -> None:
        if self.thief:
            self.rows[self.thief] = None
        for holder, number in wanted.items():
            self.rows.setdefault(number, holder)

    def use(self, _mapping: str, found: Collection[int]) -> None:
        self.rows.update(dict.fromkeys(found))


@dataclass
class Server:
    """A directory in which others have numbers too."""

    taken: set[int] = field(default_factory=set)
    away: bool = False

    def numbers_in_use(self, among: Sequence[int]) -> set[int]:
        if self.away:
            raise Unreachable("directory", "no server can be used")
        return self.taken & set(among)


@dataclass
class Site:
    """One output with the numbers 100 to 103."""

    numbers: Numbers = field(default_factory=Numbers)
    server: Server = field(default_factory=Server)

    def run(
        self, wanted: Mapping[str, Origin], there: Mapping[str, str] | None = None, ours: Sequence[Owned] = ()
    ) -> tuple[dict[str, str], list[str]]:
        """(number by group, why some wait); `there` has the number of each group that is seen."""
        output = SimpleNamespace(gid_number=SimpleNamespace(from_=100, to=103))
        places = SimpleNamespace(at=lambda _path: Place("acme.yaml", 5, 3))
        files = SimpleNamespace(compiled=SimpleNamespace(ldap={"ldap": output}), places=places)
        store = SimpleNamespace(numbers=self.numbers)
        job: Any = SimpleNamespace(
            mapping="acme", files=files, targets={"ldap": self.server}, store=store, marker=MARK
        )
        seen = {group(name): {"gidnumber": (number,)} for name, number in (there or {}).items()}
        natives = {key: f"id of {key.place[1]}" for key in seen}
        desired = Desired(
            {group(name): {} for name in wanted}, {group(name): one for name, one in wanted.items()}
        )
        found = with_numbers(job, "ldap", desired, Observation(seen, natives), ours)
        given = {key.place[1][3:]: attrs["gidnumber"][0] for key, attrs in found.state.items() if attrs}
        return given, sorted(set(found.waiting.values()))


def row(name: str, number: str, *, claimed: bool = False, origin: Origin | None = None) -> Owned:
    native = "" if claimed else f"id of cn={name}"
    return Owned(group(name), native, {"gidnumber": (number,)}, origin or anchored(name), claimed=claimed)


A, B = {"a": anchored("a")}, {"b": anchored("b")}


def test_a_plan_that_was_looked_at_and_the_next_one_give_the_same_number() -> None:
    site = Site(server=Server({100}))
    assert site.run(A) == site.run(A) == ({"a": "101"}, [])
    assert site.run({**A, **B})[0] == {"a": "101", "b": "102"}
    assert site.run({"c": anchored("c", "b")})[0] == {"c": "102"}  # renamed before it was ever made


def test_what_somebody_took_meanwhile_is_not_given() -> None:
    site = Site()
    assert site.run(A)[0] == {"a": "100"}
    site.server.taken = {100}
    assert site.run(A)[0] == {"a": "101"}
    site.numbers.thief = 102
    assert site.run({**A, **B})[0] == {"a": "101", "b": "103"}


@pytest.mark.parametrize("made", [True, False])
def test_a_run_that_died_between_two_steps_gives_the_number_that_it_had_claimed(made: bool) -> None:
    site = Site()
    number = site.run(A)[0]["a"]
    claimed = [row("a", number, claimed=True)]
    assert site.run(A, {"a": number} if made else {}, claimed)[0] == {"a": number}
    assert site.run(B)[0]["b"] != number


def test_the_number_of_a_group_that_went_is_not_given_to_the_next_of_its_name() -> None:
    site = Site()
    number = site.run(A)[0]["a"]
    assert site.run({}, {"a": number}, [row("a", number)]) == ({}, [])
    assert site.run(A)[0]["a"] != number


def test_groups_that_exchange_their_names_take_their_numbers_along() -> None:
    there, ours = {"a": "100", "b": "101"}, [row("a", "100"), row("b", "101")]
    swapped = {"b": anchored("b", "a"), "a": anchored("a", "b")}
    assert Site().run(swapped, there, ours)[0] == {"b": "100", "a": "101"}


def test_a_number_that_somebody_changed_is_wanted_again_and_a_group_of_others_keeps_its_own() -> None:
    assert Site().run(A, {"a": "7"}, [row("a", "100")])[0] == {"a": "100"}
    assert Site().run(A, {"a": "7"})[0] == {"a": "7"}


def test_without_a_number_a_group_waits_and_says_where() -> None:
    full = Site(server=Server({100, 101, 102, 103}))
    assert full.run(A) == ({}, ["acme.yaml:5:3: none of the numbers 100 to 103 is free; widen `gid_number`"])
    given, why = Site(server=Server(away=True)).run(A)
    assert given == {}
    assert "which numbers are free cannot be told: directory: no server can be used" in why[0]
