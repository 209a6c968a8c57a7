"""One figure: the quickest of several rounds, as a ratio to the yardstick of the same process.

Seconds differ from machine to machine; how many times more work something is than parsing the same YAML
does not, so only ratios are compared between runs. They are of processor time, which neighbours on a busy
machine change less than they change the time on the wall; that is shown beside it for what waits for a disk.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

YARDSTICK = "yaml.load, CSafeLoader"


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of the processor, and seconds on the wall."""

    cpu: float = 0.0
    wall: float = 0.0

    def __add__(self, other: Taken) -> Taken:
        return Taken(self.cpu + other.cpu, self.wall + other.wall)


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured on how many facts, and the ratio of its processor time to that of the yardstick."""

    group: str
    name: str
    count: int
    taken: Taken
    yardstick: Taken
    aim: float | None = None

    @property
    def ratio(self) -> float:
        """How many times the work of the yardstick it is."""
        return self.taken.cpu / self.yardstick.cpu


def timed(act: Callable[[], T]) -> tuple[Taken, T]:
    """What one round takes, and its result."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = act()
    return Taken(time.process_time() - cpu, time.perf_counter() - wall), result


def quickest(act: Callable[[], T], rounds: int) -> tuple[Taken, T]:
    """The round that took least, with its result; the garbage of the round before is cleared away first."""
    taken = []
    for _ in range(rounds):
        gc.collect()
        taken.append(timed(act))
    return min(taken, key=lambda one: one[0].cpu)
