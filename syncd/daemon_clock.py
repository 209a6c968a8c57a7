"""When mappings are due: APScheduler's clock over their rhythms, which only asks and runs nothing itself.

Its times are in memory only; what was missed is told from the history of runs each time it begins.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from syncd.dispatch import Trigger
from syncd.errors import MappingInvalid
from syncd.schedule import DEFAULT_CRON, Rhythm, rhythm_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.app.in_force import InForce
    from syncd.app.timing import Timing

log = structlog.get_logger("syncd.clock")
logging.getLogger("apscheduler").setLevel(logging.ERROR)  # what it skips has been asked for already


class Due(BaseTrigger):  # type: ignore[misc]  # APScheduler 3 has no types
    """A rhythm as APScheduler asks for it."""

    def __init__(self, rhythm: Rhythm) -> None:
        self.rhythm = rhythm

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """The next firing; what lies between the previous one and now has been asked for, or is one run."""
        return self.rhythm.after(max(previous or now, now))


class Clock:
    """Asks for each mapping when it is due, between `begin` and `halt`. `ask` raises nothing."""

    def __init__(self, files: InForce, ask: Callable[[str, Trigger], bool]) -> None:
        self._files = files
        self._ask = ask
        self._goes = False
        self._planning = threading.Lock()
        self._seen = datetime.now(UTC)
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.start(paused=True)

    def begin(self) -> None:
        """Ask at once for what is overdue, and go on from there. Raises `StoreError`."""
        self._goes = True
        self.plan(start=True)
        self._scheduler.resume()

    def rhythms(self) -> dict[str, Rhythm]:
        """When each mapping is due, none while it asks for nothing."""
        return {job.id: job.trigger.rhythm for job in self._scheduler.get_jobs()}

    def halt(self) -> None:
        """Ask for nothing more until it begins anew."""
        with self._planning:
            self._goes = False
            self._scheduler.pause()
            self._scheduler.remove_all_jobs()

    def beat(self) -> None:
        """Look at the time: it waits by a clock that does not see when the one on the wall is set."""
        before, self._seen = self._seen, datetime.now(UTC)
        if self._seen < before:  # times that were planned by the wrong clock may be far away
            with self._planning:
                for job in self._scheduler.get_jobs():
                    job.reschedule(job.trigger)
        self._scheduler.wakeup()

    def stop(self) -> None:
        """End its thread."""
        self._scheduler.shutdown(wait=True)

    def plan(self, *, start: bool = False) -> None:
        """Make the times what settings and files say now; those that stay as they were keep their next.

        Raises `StoreError`, and leaves them as they are.
        """
        with self._planning:
            if self._goes:
                self._replan(start=start)

    def _replan(self, *, start: bool) -> None:
        newest, in_force = self._files.newest(), self._files.app()
        try:
            timings = (newest.timing(), in_force.timing())
            rhythms = {name: self._rhythm(name, timings) for name in self._files.settings.mappings}
        finally:
            newest.close()
            in_force.close()
        for job in self._scheduler.get_jobs():
            if job.id not in rhythms:
                job.remove()
        for name, (rhythm, overdue) in rhythms.items():
            job = self._scheduler.get_job(name)
            if job is None:
                first = {"next_run_time": datetime.now(UTC)} if overdue or not start else {}
                self._scheduler.add_job(self._due, Due(rhythm), args=[name], id=name, **first)
            elif job.trigger.rhythm != rhythm:
                job.reschedule(Due(rhythm))

    def _due(self, name: str) -> None:
        if not self._ask(name, Trigger.SCHEDULE):
            log.warning("still waiting for its last time", mapping=name)

    def _rhythm(self, name: str, timings: tuple[Timing, Timing]) -> tuple[Rhythm, bool]:
        """When it is due, and whether it is due already; without valid files it is looked at all the same."""
        problem = ""
        for timing in timings:
            try:
                rhythm = timing.rhythm(name)
                return rhythm, timing.overdue(name, rhythm, datetime.now(UTC))
            except MappingInvalid as error:
                problem = problem or str(error)
        log.warning("no schedule", mapping=name, problem=problem)
        return rhythm_of(DEFAULT_CRON, "UTC", name), True
