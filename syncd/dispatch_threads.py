"""Runs in threads of this process, for one machine: what waits is in memory.

A restart finds from the history of runs what was due meanwhile, so nothing is lost with the memory.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

import structlog

from syncd.dispatch import RANK, Again, Trigger

if TYPE_CHECKING:
    from syncd.dispatch import Run

LOOK = 60.0  # seconds between two looks at the time: waits do not see when the clock on the wall is set

log = structlog.get_logger("syncd.dispatch")


class Threads:
    """A dispatcher over `workers` threads."""

    def __init__(self, workers: int) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, tuple[int, int, Trigger, int]] = {}  # rank, turn, why, failures
        self._later: dict[str, Again] = {}
        self._running: set[str] = set()
        self._turns = count()
        self._stopping = False
        self._threads = [threading.Thread(target=self._work, name=f"run {n}") for n in range(workers)]
        self._run: Run

    def start(self, run: Run) -> None:
        """Begin."""
        self._run = run
        for thread in self._threads:
            thread.start()

    def ask(self, mapping: str, trigger: Trigger) -> bool:
        """Put it in line, or further to the front where it stands in line for less."""
        with self._changed:
            before = self._waiting.get(mapping)
            if before is None or RANK[trigger] < before[0]:
                self._put(mapping, trigger, 0)
                self._changed.notify()
            return before is None

    def waiting(self) -> int:
        """How many stand in line."""
        with self._changed:
            return len(self._waiting)

    def stop(self) -> None:
        """End the threads once their runs have ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _put(self, mapping: str, trigger: Trigger, failures: int) -> None:
        self._waiting[mapping] = (RANK[trigger], next(self._turns), trigger, failures)

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            mapping, trigger, failures = taken
            again = None
            try:
                again = self._run(mapping, trigger, failures)
            except Exception:
                log.exception("fault", mapping=mapping)
            finally:
                self._ended(mapping, again)

    def _take(self) -> tuple[str, Trigger, int] | None:
        """The next run, once there is one; None at the end."""
        with self._changed:
            while not self._stopping:
                self._come_due(datetime.now(UTC))
                free = [(*ask, mapping) for mapping, ask in self._waiting.items()
                        if mapping not in self._running]  # fmt: skip
                if free:
                    _, _, trigger, failures, mapping = min(free)
                    del self._waiting[mapping]
                    self._running.add(mapping)
                    return mapping, trigger, failures
                self._changed.wait(self._until_due(datetime.now(UTC)))
        return None

    def _come_due(self, now: datetime) -> None:
        for mapping in [mapping for mapping, again in self._later.items() if again.at <= now]:
            again = self._later.pop(mapping)
            if mapping not in self._waiting:
                self._put(mapping, again.trigger, again.failures)

    def _until_due(self, now: datetime) -> float | None:
        times = [again.at for again in self._later.values()]
        return min(LOOK, max(0.0, (min(times) - now).total_seconds())) if times else None

    def _ended(self, mapping: str, again: Again | None) -> None:
        with self._changed:
            self._running.discard(mapping)
            self._later.pop(mapping, None)
            if again is not None:
                self._later[mapping] = again
            self._changed.notify_all()
