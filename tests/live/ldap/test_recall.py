"""A read that goes on from the last one finds what a whole read finds, at the price of one search."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from syncd.ldapwire import dn
from syncd.ldapwire.operations import Add, Delete, Modify, Operation, Query, Rename
from syncd.model import Change, Key, Kind, Op, Scope
from syncd.targets import ldap_recall
from syncd.targets.ldap import LdapTarget
from syncd.targets.ldap_profile import PLACEHOLDER
from tests.ldap_world import LdapWorld, settings_for
from tests.recalling import Kept, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.ldapwire.operations import Entry
    from syncd.model import Observation

pytestmark = pytest.mark.live

GROUPS = "(|(objectClass=organizationalUnit)(objectClass=groupOfNames))"
NAMED = 12


class Referrals:
    """slapd's refint, which follows renamed and deleted entries a moment later, one after the other."""

    def __init__(self, world: LdapWorld) -> None:
        base = f"ou=beside,{world.base}"
        self._world, self._group, self._name, self._number = world, f"cn=group,{base}", f"cn=%d,{base}", 0
        role = {"objectClass": (b"organizationalRole",)}
        names = {"objectClass": (b"groupOfNames",), "member": ((self._name % 0).encode(),)}
        world.write(Add(base, {"objectClass": (b"organizationalUnit",)}))
        world.write(Add(self._name % 0, role), Add(self._group, names))

    def settle(self) -> None:
        """Wait until it has followed all that was renamed or deleted before."""
        before, self._number = self._name % self._number, self._number + 1
        self._world.write(Rename(before, f"cn={self._number}"))
        limit = time.monotonic() + 60
        while self._world.entry(self._group).texts("member") != (self._name % self._number,):
            assert time.monotonic() < limit, "refint does not follow"
            time.sleep(0.01)


@dataclass
class History:
    """Random changes of a directory as administrators make them; what a server refuses is no step."""

    world: LdapWorld
    random: Random
    number: int = 0

    def __post_init__(self) -> None:
        """Beside both bases lies a place that nobody reads."""
        self.elsewhere = f"ou=elsewhere,{self.world.base}"
        self.world.write(Add(self.elsewhere, {"objectClass": (b"organizationalUnit",)}))

    def step(self) -> str:
        self.number += 1
        units, groups, people = self._there()
        acts = {
            "make_unit": self._unit(units),
            "make_group": self._group(units),
            "describe": self._describe(groups),
            "join": self._join(groups, people),
            "leave": self._leave(groups),
            "delete_group": [Delete(one.dn) for one in groups[:1]],
            "rename_group": [Rename(one.dn, f"cn=renamed{self.number}") for one in groups[:1]],
            "move_unit": self._move(units),
            "send_away": self._send_away([*units[1:], *groups, *people]),
            "bring_back": self._bring_back(units),
            "make_person": self._person(),
            "delete_person": [Delete(one.dn) for one in people[:1]],
            "rename_person": [Rename(one.dn, f"uid={self._name()}") for one in people[:1]],
            "mail": [
                Modify(one.dn, (("replace", "mail", (f"{self._name()}@example.org".encode(),)),))
                for one in people[:1]
            ],
        }
        name = self.random.choice(sorted(acts))
        for operation in acts[name]:
            list(self.world.hands.write([operation]))
        return name

    def scope(self) -> Scope:
        """What a mapping might ask, other people each time."""
        units, groups, people = self._there()
        texts = [text for number in range(NAMED) for text in (f"u{number}", f"U{number}@Example.org")]
        return Scope(
            tops=frozenset({(self.world.groups_base,)}),
            members_of=frozenset(dn.place_of(one.dn, self.world.groups_base) for one in [*units, *groups]),
            people=frozenset(self.random.sample(texts, 18)),
            natives=frozenset(one.text("entryUUID") for one in people if self.random.random() < 0.3),
        )

    def _there(self) -> tuple[list[Entry], list[Entry], list[Entry]]:
        """Units, groups and people, the latter two in any order."""
        attributes = ("*", "entryUUID")
        found = self.world.hands.search(Query(self.world.groups_base, GROUPS, attributes))
        units = [one for one in found if b"organizationalUnit" in one.attributes["objectclass"]]
        groups = [one for one in found if one not in units]
        people = self.world.hands.search(Query(self.world.people_base, "(uid=*)", attributes))
        self.random.shuffle(groups)
        self.random.shuffle(people)
        return units, groups, people

    def _name(self) -> str:
        return f"u{self.random.randrange(NAMED)}"

    def _unit(self, units: list[Entry]) -> list[Operation]:
        where = f"ou=unit{self.number},{self.random.choice(units).dn}"
        return [Add(where, {"objectClass": (b"organizationalUnit",)})]

    def _group(self, units: list[Entry]) -> list[Operation]:
        values = {"objectClass": (b"groupOfNames",), "member": (PLACEHOLDER.encode(),)}
        return [Add(f"cn=group{self.number},{self.random.choice(units).dn}", values)]

    def _person(self) -> list[Operation]:
        name = self._name()
        plain = {"uid": name, "cn": name, "sn": name, "mail": f"{name}@example.org"}
        values = {key: (value.encode(),) for key, value in plain.items()}
        where = f"uid={name},{self.world.people_base}"
        return [Add(where, {"objectClass": (b"inetOrgPerson",), **values})]

    def _describe(self, groups: list[Entry]) -> list[Operation]:
        text = f"number {self.number}".encode()
        return [Modify(one.dn, (("replace", "description", (text,)),)) for one in groups[:1]]

    def _join(self, groups: list[Entry], people: list[Entry]) -> list[Operation]:
        pairs = zip(groups[:1], people[:1], strict=False)
        return [Modify(group.dn, (("add", "member", (one.dn.encode(),)),)) for group, one in pairs]

    def _leave(self, groups: list[Entry]) -> list[Operation]:
        return [Modify(one.dn, (("delete", "member", one.attributes["member"][-1:]),)) for one in groups[:1]]

    def _move(self, units: list[Entry]) -> list[Operation]:
        unit, parent = self.random.choice(units), self.random.choice(units)
        return [Rename(unit.dn, unit.dn.partition(",")[0], parent.dn)]

    def _send_away(self, entries: list[Entry]) -> list[Operation]:
        """Out of both bases, with all that lies below."""
        gone = self.random.sample(entries, min(1, len(entries)))
        return [Rename(one.dn, one.dn.partition(",")[0], self.elsewhere) for one in gone]

    def _bring_back(self, units: list[Entry]) -> list[Operation]:
        away = self.world.hands.search(Query(self.elsewhere, attributes=("1.1",), scope="one"))
        return [
            Rename(one.dn, one.dn.partition(",")[0], self._home(one.dn, units))
            for one in self.random.sample(away, min(1, len(away)))
        ]

    def _home(self, where: str, units: list[Entry]) -> str:
        return self.world.people_base if where.startswith("uid=") else self.random.choice(units).dn


class Runs:
    """One run after another of a target that remembers; each has a connection of its own."""

    def __init__(self, world: LdapWorld, scope: Scope, **settings: object) -> None:
        self.world = world
        self.scope = scope
        self.kept = Kept()
        self._settings = settings_for(world.server, **settings)
        self.target = self._target()

    def read(self, scope: Scope | None = None) -> Observation:
        self.target.close()
        self.target = self._target()
        return self.target.read(scope or self.scope)

    def check(self) -> Observation:
        """A run, and that it found what there is."""
        found = self.read()
        same(found, self.world.target.read(self.scope))
        return found

    def close(self) -> None:
        self.target.close()

    def _target(self) -> LdapTarget:
        return LdapTarget("ldap", self._settings, self.world.profile, self.kept.keeper)


@pytest.fixture
def runs(world: LdapWorld, wire: str) -> Iterator[Runs]:
    """Two groups, one of them with all the people, over either wire."""
    one, other = (world.place(name, group=True) for name in ("one", "other"))
    for place in (one, other):
        world.foreign_group(place)
    for _, native in world.people:
        world.foreign_member(one, native)
    natives = frozenset(native for _, native in world.people)
    made = Runs(world, Scope(frozenset(world.tops), frozenset({one, other}), natives=natives), wire=wire)
    made.check()
    yield made
    made.close()


def people(runs: Runs) -> list[str]:
    return [native for _, native in runs.world.people]


def place(runs: Runs, name: str) -> tuple[str, ...]:
    return runs.world.place(name, group=True)


@pytest.mark.parametrize(
    "seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(3, 30))]
)
def test_after_any_history_it_finds_what_a_whole_read_finds(world: LdapWorld, seed: int) -> None:
    random = Random(seed)
    history, referrals = History(world, random), Referrals(world)
    with closing(Runs(world, history.scope())) as runs:
        for _ in range(40):
            steps = [history.step() for _ in range(random.randrange(6))]
            referrals.settle()
            scope = history.scope()
            found, whole = runs.read(scope), world.target.read(scope)
            try:
                same(found, whole)
            except AssertionError as error:
                error.add_note(f"after {steps}")
                raise


def test_nothing_new_costs_one_search(runs: Runs) -> None:
    assert runs.check().requests == 1
    assert runs.check().requests == 1


def test_a_change_by_another_client_costs_what_changed(runs: Runs) -> None:
    runs.world.foreign_member(place(runs, "other"), people(runs)[0])
    assert runs.check().requests == 1 + 2  # the group; a person by that id, who might be named
    assert runs.check().requests == 1


def test_what_is_gone_is_seen_by_the_sweep_alone(runs: Runs) -> None:
    runs.world.remove(dn.dn_of(place(runs, "other")))
    assert runs.check().requests == 1


def test_a_server_that_follows_references_changes_groups_without_a_stamp(runs: Runs) -> None:
    """slapd's refint, a moment after a person was renamed."""
    native, referrals = people(runs)[0], Referrals(runs.world)
    runs.world.write(Rename(runs.world.dn_of(native), "uid=renamed"))
    runs.read()
    referrals.settle()
    found = runs.check()
    assert Key(Kind.MEMBER, place(runs, "one"), (native,)) in found.state


def wait_a_day(runs: Runs) -> None:
    runs.kept.later = timedelta(days=1, seconds=1)


def use_another_server(runs: Runs) -> None:
    runs.kept.change(place=["ldap://elsewhere", *runs.kept.mark["place"][1:]])


def write_what_no_stamp_shows(runs: Runs) -> None:
    runs.kept.change(wrote=people(runs)[:1])


@pytest.mark.parametrize("act", [wait_a_day, use_another_server, write_what_no_stamp_shows])
def test_what_speaks_against_memory_makes_a_read_whole(runs: Runs, act: object) -> None:
    act(runs)  # type: ignore[operator]
    before = runs.kept.mark["whole_at"]
    assert runs.check().requests > 1
    assert runs.kept.mark["whole_at"] != before


def test_entries_that_show_no_stamp_are_read_whole_each_time(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ldap_recall, "STAMPS", ("no", "none"))
    assert runs.check().requests == runs.check().requests == 3


def test_a_stamp_of_seconds_tells_nothing_while_it_is_young(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ldap_recall, "STAMPS", ("no", "modifyTimestamp"))
    runs.check()
    assert runs.check().requests == 1 + 2  # all of them, until they are five minutes old
    runs.kept.later = timedelta(minutes=10)
    runs.check()
    assert runs.check().requests == 1


def test_a_removal_by_a_stamp_that_lied_is_not_planned_twice(runs: Runs) -> None:
    found = runs.read()
    edge = Key(Kind.MEMBER, place(runs, "one"), (people(runs)[0],))
    removal = Change(Op.DELETE, edge)
    assert not runs.target.doubt([removal], found.natives)
    found = runs.read()
    member = runs.world.dn_of(people(runs)[0]).encode()
    runs.world.write(Modify(dn.dn_of(place(runs, "one")), (("delete", "member", (member,)),)))
    assert runs.target.doubt([removal], found.natives)
    assert edge not in runs.target.read(runs.scope).state
    assert runs.check().requests > 1  # everything, since stamps are not to be trusted


def test_an_account_that_sees_nothing_above_both_bases_sweeps_each(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ldap_recall.dn, "common", lambda base, _people: f"ou=unseen,{base}")
    runs.check()
    assert runs.check().requests == 2  # the refused search is not counted
