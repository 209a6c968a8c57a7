"""The daemon: every mapping reconciled when it is due, when its files change, and when somebody asks.

APScheduler keeps the times in memory only; what was missed is told from the history of runs. A mapping
never runs twice at once here, and the lease in the store keeps everybody else's runs apart from ours.
"""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from syncd.app.in_force import SETTINGS, InForce
from syncd.app.timing import windows_of
from syncd.errors import Busy, MappingInvalid, SyncdError, TargetError
from syncd.health import HEALTH, Check, Listener, Metrics, Pulse
from syncd.schedule import DEFAULT_CRON, Rhythm, retry_at, rhythm_of, window_end
from syncd.service import (
    BEAT,
    CHANGED,
    NOW,
    RELOAD,
    STOP,
    Events,
    monotonic_usec,
    only_one,
    tell_systemd,
)
from syncd.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from syncd.model import RunReport
    from syncd.settings import Settings

WORKERS = 4  # mappings reconciled side by side; a run mostly waits for its servers

log = structlog.get_logger("syncd.daemon")


class Due(BaseTrigger):  # type: ignore[misc]  # APScheduler 3 has no types
    """A rhythm as APScheduler asks for it."""

    def __init__(self, rhythm: Rhythm) -> None:
        self.rhythm = rhythm

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """The next firing; what lies between the previous one and now has been run, or is one run."""
        return self.rhythm.after(max(previous or now, now))


class Daemon:
    """One process over one operator's file, from `serve` to its end."""

    def __init__(self, config: Path | None) -> None:
        """Raises `SettingsInvalid` where syncd.yaml cannot be used."""
        self._stopping = threading.Event()
        self._files = InForce(config, self._stopping.is_set)
        self._events = Events()
        self._changed: set[str] = set()
        self._metrics = Metrics()
        self._pulse = Pulse(BEAT)
        self._last: dict[str, str] = {}  # mapping → how its newest run ended, empty where well
        self._failures: Counter[str] = Counter()  # transient ones in a row
        self._running: set[str] = set()
        self._again: set[str] = set()
        self._guard = threading.Lock()
        self._idle = threading.Condition(self._guard)
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(WORKERS)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(self._overrun, EVENT_JOB_MAX_INSTANCES)

    def serve(self) -> int:
        """Work until SIGTERM or SIGINT; the exit code. Raises `Busy` where a daemon has the store."""
        settings = self._files.settings
        with only_one(settings.store_url().get_secret_value()):
            self._files.check_store()
            listener = Listener(settings.listen.health or HEALTH, self._pulse, self._metrics, self._checks)
            watch = Watch(self._watched, self._files_changed)
            self._metrics.reload.set(1)
            self._stood(settings)
            self._events.listen()
            listener.start()
            watch.start()
            self._plan(start=True)
            self._scheduler.start()
            log.info("ready", health=listener.url, mappings=list(settings.mappings))
            tell_systemd("READY=1", f"STATUS=health on {listener.url}")
            try:
                self._loop()
            finally:
                self._end(listener, watch)
        return 0

    def _loop(self) -> None:
        while (event := self._events.next()) != STOP:
            self._pulse.beat()
            tell_systemd("WATCHDOG=1")
            if event == RELOAD:
                self._reload(set(self._files.settings.mappings))
            elif event == CHANGED:
                self._reload(self._take_changed())
            elif event == NOW:
                self._wake(self._files.settings.mappings)

    def _end(self, listener: Listener, watch: Watch) -> None:
        """Finish the waves under way; what is left is the next run's."""
        tell_systemd("STOPPING=1")
        watch.stop()
        self._scheduler.pause()
        with self._idle:
            self._stopping.set()
            log.info("ending", running=sorted(self._running))
            # Not by shutdown alone: it waits under a lock that runs need for their next time.
            self._idle.wait_for(lambda: not self._running)
        self._scheduler.shutdown(wait=True)
        listener.stop()
        log.info("ended")

    # --- files ------------------------------------------------------------------------------------

    def _watched(self) -> dict[str, list[Path]]:
        settings = self._files.settings
        sources = list(settings.sources.values())
        watched = {SETTINGS: [settings.file.absolute()]}
        for name, one in settings.mappings.items():
            beside = [] if one.from_.is_dir() else sorted(one.from_.parent.glob("*.csv"))
            watched[name] = [one.from_, *beside, *sources]
        return watched

    def _files_changed(self, names: set[str]) -> None:
        with self._guard:
            self._changed |= names
        self._events.add(CHANGED)

    def _take_changed(self) -> set[str]:
        with self._guard:
            taken, self._changed = self._changed, set()
        return set(self._files.settings.mappings) if SETTINGS in taken else taken

    def _reload(self, names: set[str]) -> None:
        """Read settings again, then let the mappings run: a run checks its files before it writes."""
        tell_systemd("RELOADING=1", monotonic_usec())
        taken = self._files.reload()
        self._metrics.reload.set(int(taken))
        if taken:
            log.info("reloaded", mappings=sorted(names))
        else:
            log.error(
                "syncd.yaml is invalid, the last valid one stays in force", problem=self._problem(SETTINGS)
            )
        self._plan()
        self._wake(names)
        tell_systemd("READY=1", f"STATUS={self._problem(SETTINGS) or 'in force'}")

    def _problem(self, name: str) -> str:
        found = self._files.problems.get(name)
        if found is None:
            return ""
        return str(found.problems[0]) if isinstance(found, MappingInvalid) else str(found)

    # --- times ------------------------------------------------------------------------------------

    def _plan(self, *, start: bool = False) -> None:
        """Make the jobs what the settings in force say, keeping the times of those that stay as they were."""
        now, names = datetime.now(UTC), set(self._files.settings.mappings)
        for job in self._scheduler.get_jobs():
            if job.id not in names:
                job.remove()
                self._metrics.forget(job.id)
        for name in self._files.settings.mappings:
            rhythm, overdue = self._rhythm(name, now)
            job = self._scheduler.get_job(name)
            if job is None:
                first = {"next_run_time": now} if overdue or not start else {}
                self._scheduler.add_job(self._run, Due(rhythm), args=[name], id=name, **first)
            elif job.trigger.rhythm != rhythm:
                job.reschedule(Due(rhythm))

    def _replan(self, name: str) -> None:
        """Files that have just become the ones in force may say other times."""
        rhythm, _ = self._rhythm(name, datetime.now(UTC))
        job = self._scheduler.get_job(name)
        if job is not None and job.trigger.rhythm != rhythm:
            job.reschedule(Due(rhythm))

    def _rhythm(self, name: str, now: datetime) -> tuple[Rhythm, bool]:
        """When it is due, and whether it is due already; without valid files it is looked at all the same."""
        app = self._files.app()
        try:
            timing = app.timing()
            rhythm = timing.rhythm(name)
            return rhythm, timing.overdue(name, rhythm, now)
        except SyncdError as error:
            log.warning("no schedule", mapping=name, problem=str(error))
            return rhythm_of(DEFAULT_CRON, "UTC", name), True
        finally:
            app.close()

    def _wake(self, names: Iterable[str]) -> None:
        """Let mappings run now; one that is running runs once more afterwards."""
        for name in names:
            with self._guard:
                if name in self._running:
                    self._again.add(name)
                    continue
            self._at(name, datetime.now(UTC))

    def _at(self, name: str, moment: datetime) -> None:
        """Let a mapping run at `moment`, if it is not due before."""
        try:
            job = self._scheduler.get_job(name)
            if job is not None and (job.next_run_time is None or moment < job.next_run_time):
                job.modify(next_run_time=moment)
        except JobLookupError:
            log.info("the mapping left syncd.yaml meanwhile", mapping=name)

    def _overrun(self, event: Any) -> None:
        with self._guard:
            running = event.job_id in self._running
        if running:
            log.warning("still running, next time then", mapping=event.job_id)
        else:  # its thread was just about to end
            self._at(event.job_id, datetime.now(UTC) + timedelta(seconds=1))

    # --- runs -------------------------------------------------------------------------------------

    def _run(self, name: str) -> None:
        """Run a mapping, and once more where somebody asked meanwhile; called by the scheduler's threads."""
        with self._idle:
            if self._stopping.is_set():
                return
            self._running.add(name)
        again = True
        while again:
            self._run_guarded(name)
            with self._idle:
                again = name in self._again and not self._stopping.is_set()
                self._again.discard(name)
                if not again:
                    self._running.discard(name)
                    self._idle.notify_all()

    def _run_guarded(self, name: str) -> None:
        """One run, unless something says wait; a fault of ours must not end the schedule of the mapping."""
        try:
            with structlog.contextvars.bound_contextvars(mapping=name):
                if not self._waits(name):
                    self._run_now(name)
        except Exception:
            self._metrics.runs.labels(name, "fault").inc()
            self._last[name] = "syncd itself is at fault, see the log"
            log.exception("fault", mapping=name)

    def _waits(self, name: str) -> bool:
        """Whether a pause or a maintenance window keeps the mapping from its run; said in the log."""
        app = self._files.app()
        try:
            pause, ends = (
                app.timing().paused(name),
                window_end(windows_of(self._files.settings), datetime.now(UTC)),
            )
        except SyncdError as error:
            self._failed(name, error)
            return True
        finally:
            app.close()
        if pause is not None:
            log.info("paused", by=pause.by, until=str(pause.until or ""))
            if pause.until is not None:
                self._at(name, pause.until)
            return True
        if ends is not None:
            log.info("maintenance: nothing is written", until=str(ends))
            self._at(name, ends)
        return ends is not None

    def _run_now(self, name: str) -> None:
        begun, started = datetime.now(UTC), monotonic()
        trigger = "retry" if self._failures[name] else "schedule"
        try:
            report = self._files.run(name, trigger)
        except SyncdError as error:
            self._failed(name, error)
        else:
            self._done(name, report, begun)
            self._replan(name)
        finally:
            self._metrics.seconds.labels(name).observe(monotonic() - started)
            self._metrics.valid.labels(name).set(int(name not in self._files.problems))
        if problem := self._problem(name):
            log.error("files are invalid, the last valid ones stay in force", problem=problem)

    def _done(self, name: str, report: RunReport, begun: datetime) -> None:
        """Write down how a run ended; one that could not read a server is tried again before it is due."""
        with structlog.contextvars.bound_contextvars(run=report.run):
            level = log.warning if report.exit_code else log.info
            level("run", exit_code=report.exit_code, done=len(report.outcomes), held=report.plan.held,
                  mails=len(report.mails), message=report.message)  # fmt: skip
        self._metrics.report(name, report)
        self._metrics.runs.labels(name, str(report.exit_code)).inc()
        self._last[name] = f"exit code {report.exit_code}: {report.message}" if report.exit_code else ""
        self._count_invitations(name)
        if report.exit_code == 0:
            self._metrics.succeeded({name: begun})
        if report.exit_code == TargetError.exit_code:
            self._retry(name)
        else:
            self._failures.pop(name, None)

    def _failed(self, name: str, error: SyncdError) -> None:
        """A run that did not come about."""
        if isinstance(error, Busy):
            log.info("somebody else works on it, next time then", reason=error.message)
            self._metrics.runs.labels(name, "busy").inc()
            return
        log.error("no run", problem=str(error))
        self._last[name] = str(error)
        self._metrics.runs.labels(name, str(error.exit_code)).inc()
        if error.retryable:
            self._retry(name)

    def _retry(self, name: str) -> None:
        self._failures[name] += 1
        job = self._scheduler.get_job(name)
        moment = retry_at(self._failures[name], datetime.now(UTC), job.next_run_time if job else None)
        if moment is not None:
            log.info("tried again", at=str(moment), failures=self._failures[name])
            self._at(name, moment)

    def _stood(self, settings: Settings) -> None:
        """What was so before this process is told until its own runs say otherwise."""
        self._metrics.named(settings.environment, settings.file)
        self._metrics.leader.set(1)
        app = self._files.app()
        try:
            self._metrics.succeeded(app.last_successes())
        finally:
            app.close()

    def _count_invitations(self, name: str) -> None:
        app = self._files.app()
        try:
            self._metrics.invited(name, app.invitation_states(name))
        finally:
            app.close()

    # --- how it is --------------------------------------------------------------------------------

    def _checks(self) -> dict[str, Check]:
        return dict(self._lines())

    def _lines(self) -> Iterator[tuple[str, Check]]:
        app = self._files.app()
        try:
            app.timing()
            yield "store", Check("ok")
        except SyncdError as error:
            yield "store", Check("fail", str(error))
        finally:
            app.close()
        settings = self._problem(SETTINGS)
        yield "settings", Check("warn" if settings else "ok", settings)
        for name in self._files.settings.mappings:
            problem, standing = self._problem(name), self._files.standing(name)
            status = "ok" if not problem else "warn" if standing else "fail"
            yield f"mapping {name}", Check(status, problem)
            last = self._last.get(name)
            yield (
                f"last run of {name}",
                Check("warn" if last else "ok", last or ("none yet" if last is None else "")),
            )
