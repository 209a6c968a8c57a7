"""The memory target keeps the laws of a target, with a tree of groups and with units above groups."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncd.model import Account, Key, Kind
from syncd.targets.memory import MemoryTarget
from tests.bench.large import Everybody, LargeTarget
from tests.contract.target_contract import TargetContract, TargetWorld
from tests.miniature import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.model import Attrs, Path


class MemoryWorld(TargetWorld):
    """The top `acme` exists; `unit_kind` says what lies between it and the groups."""

    tops = (("acme",),)

    def __init__(self, unit_kind: Kind) -> None:
        accounts = [Account("memory", f"native-{n}", f"user{n}") for n in range(4)]
        kinds = frozenset({Kind.PERSON, Kind.OU, Kind.GROUP, Kind.ROLE, Kind.GRANT, Kind.MEMBER})
        self.target = self.make(accounts, kinds)
        self.unit_kind = unit_kind
        self.people = [(f"p_{n:016x}", account.native) for n, account in enumerate(accounts)]
        self.target.put(Key(unit_kind, ("acme",)), {})

    def make(self, accounts: list[Account], kinds: frozenset[Kind]) -> MemoryTarget:
        return MemoryTarget(marker=MARKER, accounts=accounts, kinds=kinds)

    def place(self, *names: str, group: bool = False) -> Path:
        return ("acme", *names)

    def attrs(self, *names: str, group: bool = False, description: str = "") -> Attrs:
        return {"description": (description,)} if description else {}

    def foreign_group(self, place: Path) -> None:
        self.target.put(Key(Kind.GROUP, place), {})

    def foreign_member(self, place: Path, native: str) -> None:
        self.target.put(Key(Kind.MEMBER, place, (native,)), {})

    @contextmanager
    def interrupted(self) -> Iterator[None]:
        self.target.faults = replace(self.target.faults, interrupt_reads=True)
        yield
        self.target.faults = replace(self.target.faults, interrupt_reads=False)


class TestMemoryTarget(TargetContract):
    @pytest.fixture(params=[Kind.GROUP, Kind.OU])
    def target_world(self, request: pytest.FixtureRequest) -> TargetWorld:
        return MemoryWorld(request.param)


class LargeWorld(MemoryWorld):
    """The same, in the target that stands for a server where a large installation is measured."""

    def make(self, accounts: list[Account], kinds: frozenset[Kind]) -> MemoryTarget:
        return LargeTarget("memory", Everybody(accounts), marker=MARKER, kinds=kinds)


class TestLargeTarget(TargetContract):
    @pytest.fixture(params=[Kind.GROUP, Kind.OU])
    def target_world(self, request: pytest.FixtureRequest) -> TargetWorld:
        return LargeWorld(request.param)
