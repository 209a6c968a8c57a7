"""Worlds to ask in: a mapping from text, one person for each role of it, and whoever else a test needs."""

from __future__ import annotations

import tempfile
from contextlib import chdir
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.administration import Account, Act, Actor, Decision, Held, Subject, World, decide
from syncd.mapping.compile import compile_mapping
from syncd.mapping.read import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.mapping.compiled import Compiled
    from syncd.mapping.read import Loaded

TODAY = date(2026, 11, 24)
SYSTEMS = Path(__file__).parents[2] / "data" / "systems"


def read(text: str) -> tuple[Loaded, Compiled]:
    """A mapping of one file, whose places begin with `acme.yaml`."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        Path("acme.yaml").write_text(text, encoding="utf-8")
        loaded = load("acme.yaml", name="acme")
    return loaded, compile_mapping(loaded, {}, TODAY)


@dataclass(repr=False)
class Town:
    """A mapping with people; persons are called by their names, which are their ids too."""

    loaded: Loaded
    compiled: Compiled
    holdings: list[Held] = field(default_factory=list)
    accounts: dict[str, Account] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)

    def __repr__(self) -> str:
        states = ", ".join(f"{name} {account.state}" for name, account in self.accounts.items())
        held = ", ".join(f"{each.person} {each}" for each in self.holdings)
        return f"{self.compiled.id}: {held}; {states}"

    @classmethod
    def of(cls, text: str) -> Town:
        """The town of a mapping, in which nobody but those of its files holds anything."""
        town = cls(*read(text))
        for each in town.compiled.assignments:
            if not each.lent:
                town.put(Held(each.who, each.role, each.unit, each.source, each.place, initial=each.initial))
        return town

    def put(self, held: Held, **account: object) -> Town:
        """Somebody holds something; the account is active unless said otherwise."""
        self.holdings.append(held)
        self.account(held.person, **account)
        return self

    def give(self, person: str, role: str, unit: str, **account: object) -> Town:
        """Somebody was given a role by an act."""
        return self.put(Held(person, role, steps(unit)), **account)

    def account(self, person: str, **said: object) -> Town:
        """How somebody's account stands."""
        before = self.accounts.get(person)
        if before is None or said:
            self.accounts[person] = Account(who=person, address=f"{person}@acme.example", **said)
        return self

    def world(self) -> World:
        """The world as it is now."""
        return World(
            self.compiled,
            tuple(self.holdings),
            dict(self.accounts),
            self.loaded.places.at,
            TODAY,
            **self.settings,
        )

    def ask(self, actor: str, verb: str, person: str, unit: str, role: str = "", **more: object) -> Decision:
        """Whether somebody, or an `operator`, may do it; the target is as the accounts say."""
        account = self.accounts.get(person, Account("active" if verb in NO_STATE else "pending"))
        subject = Subject(person, role, (), account.state, account.authority, person)
        who = Actor(operator=True) if actor == "operator" else Actor(actor)
        return decide(Act(verb, steps(unit), subject, **more), who, self.world())


NO_STATE = frozenset({"invite", "create", "add"})


def steps(unit: str) -> tuple[str, ...]:
    """The path of a unit from its text."""
    return tuple(name for name in unit.split("/") if name)


def model(system: str) -> str:
    """The model of one of the five reference systems."""
    return (SYSTEMS / f"{system}.model.yaml").read_text(encoding="utf-8")


UNITS: Mapping[str, str] = {
    "dastra": """
organizations:
  o: {workspaces: {w: {teams: {t: {}}}, x: {teams: {t: {}}}}}
""",
    "docspace": """
spaces:
  s: {rooms: {r: {}}, groups: {g: {}}}
  z: {rooms: {r: {}}, groups: {g: {}}}
""",
    "universign": """
workspaces:
  w: {folders: {f: {access: private}}}
  x: {folders: {f: {access: private}}}
""",
    "todoist": """
teams:
  t: {projects: {p: {}}}
  x: {projects: {p: {}}}
""",
    "datasud": """
platforms:
  p:
    organizations:
      a: {title: A, attributes: {type: city}}
      b: {title: B, attributes: {type: city}}
""",
}
