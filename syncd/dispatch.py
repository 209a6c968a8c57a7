"""How runs get from what asks for them to what carries them out: one protocol, on one machine or on many.

Promises (tests/contract/test_dispatchers.py, kept by every dispatcher): what is asked for runs once,
however often it is asked for while it waits · asked for while it runs, it runs once more · two runs of
one mapping never overlap, those of others run side by side · what a person waits for goes first, what
is tried again goes last and keeps nothing else waiting · a run that succeeds calls off what was to be
tried again · a fault in a run ends neither its mapping's turn nor its worker · `stop` waits for runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class Trigger(StrEnum):
    """Why a run is asked for, most urgent first."""

    SYNC = "sync"  # somebody waits for it
    EVENT = "event"  # files or a server changed
    SCHEDULE = "schedule"
    RETRY = "retry"  # it failed before, or its worker died


RANK = {trigger: rank for rank, trigger in enumerate(Trigger)}  # the lowest goes first


@dataclass(frozen=True, slots=True)
class Again:
    """The answer of a run that is to be repeated by itself: when, and how often it has failed in a row."""

    at: datetime
    failures: int = 0

    @property
    def trigger(self) -> Trigger:
        """What waited rather than failed is as if it were due then."""
        return Trigger.RETRY if self.failures else Trigger.SCHEDULE


Run = Callable[[str, Trigger, int], Again | None]
"""Runs a mapping: why, and how often it has failed in a row before; None where it is done with."""


class Dispatcher(Protocol):
    """Takes asks from anywhere and carries them out where there is room."""

    def start(self, run: Run) -> None:
        """Begin to carry out what is asked for; called once."""

    def ask(self, mapping: str, trigger: Trigger) -> bool:
        """Let a mapping run as soon as there is room; False where it waits for that already.

        Raises `StoreError` where asks are kept in a database that does not answer.
        """

    def waiting(self) -> int:
        """How many asks wait for room; what is to be tried again later is not counted. Raises as `ask`."""

    def stop(self) -> None:
        """Begin nothing more and wait for the runs under way."""
