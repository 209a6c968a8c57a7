"""A run as the daemon makes one: unless something says wait, by the files in force, counted, and answered.

The answer tells whoever dispatched it whether and when the mapping is to be tried again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from syncd import reconcile
from syncd.app.timing import windows_of
from syncd.dispatch import Again
from syncd.errors import Busy, MappingInvalid, NotApart, StoreError, SyncdError, TargetError, Waits
from syncd.mapping.parts import TRUNK
from syncd.reasons import of_error, of_fault, of_report
from syncd.schedule import retry_at, window_end

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.app.in_force import InForce
    from syncd.dispatch import Trigger
    from syncd.health import Metrics
    from syncd.model import RunReport
    from syncd.reasons import Reason

LOOK = 5.0  # seconds between two looks at whether a run that goes on is to wait

log = structlog.get_logger("syncd.daemon")


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is written before `until`; None where it waits for somebody, who then calls for a run."""

    why: str
    until: datetime | None

    def again(self) -> Again | None:
        """When to run."""
        return Again(self.until) if self.until is not None else None


class Waiting:
    """Whether one run is to wait, looked up every few seconds at most; once it is, it stays so."""

    def __init__(self, look: Callable[[], Wait | None]) -> None:
        self._look = look
        self._looked = -math.inf
        self.found: Wait | None = None

    def look(self) -> Wait | None:
        """What keeps it, if anything does. Raises `StoreError`."""
        if self.found is None and monotonic() - self._looked >= LOOK:
            self.found = self._look()
            self._looked = monotonic()
        return self.found

    def why(self) -> str:
        """Why it waits, empty where it does not. Raises `StoreError`."""
        found = self.look()
        return found.why if found is not None else ""


class Runs:
    """The runs of one process. `last` says of each mapping how its newest one ended, empty where well."""

    def __init__(
        self,
        files: InForce,
        metrics: Metrics,
        stopping: Callable[[], bool],
        ended: Callable[[str, str, Reason | None], None],
        ask: Callable[[str, Trigger], object],
    ) -> None:
        """`ended` hears how each run left its mapping or the part that it was of.

        What did not come about it hears of the trunk, and nothing of what was cut short by `stopping` or
        is to wait.
        `ask` lets a part of a mapping run.
        """
        self._files = files
        self._metrics = metrics
        self._stopping = stopping
        self._ended = ended
        self._ask = ask
        self.last: dict[str, str] = {}

    def run(self, asked: str, trigger: Trigger, failures: int) -> Again | None:
        """One run; a fault of ours is told, tried again as others are, and ends no schedule.

        `asked` is a mapping or, with the path of a root unit behind it, a part of one.
        """
        name, slash, root = asked.partition("/")
        part = slash + root
        with structlog.contextvars.bound_contextvars(mapping=name, **({"part": part} if part else {})):
            if name not in self._files.settings.mappings:
                log.warning("asked for, but syncd.yaml has no such mapping here")
                return None
            try:
                return self._run(name, part, trigger, failures)
            except Exception:
                self._metrics.runs.labels(name, "fault").inc()
                self.last[asked] = "syncd itself is at fault, see the log"
                log.exception("fault")
                self._ended(name, part or TRUNK, of_fault())
                return self._retry(name, failures)

    def how(self, name: str) -> str | None:
        """How the newest run of a mapping ended, or of a part that did not end well; None where none has."""
        found = {asked: last for asked, last in self.last.items() if asked.partition("/")[0] == name}
        failed = sorted(asked for asked, last in found.items() if last)
        if failed:
            part = failed[0].removeprefix(name)
            return f"{part}: {found[failed[0]]}" if part else found[failed[0]]
        return "" if found else None

    def problem(self, name: str) -> str:
        """What is wrong with the files of a mapping, or with syncd.yaml, as they are now."""
        found = self._wrong(name)
        if found is None:
            return ""
        return str(found.problems[0]) if isinstance(found, MappingInvalid) else str(found)

    def _wrong(self, name: str) -> SyncdError | None:
        found = self._files.problems.items()
        return next((problem for asked, problem in list(found) if asked.partition("/")[0] == name), None)

    def _run(self, name: str, part: str, trigger: Trigger, failures: int) -> Again | None:
        if self._stopping():
            return Again(datetime.now(UTC), failures)
        begun, started, ran = datetime.now(UTC), monotonic(), part or TRUNK
        waiting = Waiting(lambda: self._wait(name))
        reason: Reason | None = None
        try:
            if (wait := waiting.look()) is not None:
                return wait.again()
            report = self._files.run(
                name, trigger.value, part, lambda parts: self._let_run(name, parts, trigger), waiting.why
            )
            again = self._done(name, part, report, begun, failures)
            reason = of_report(report)
            ran = report.plan.part
        except Waits:  # `_wait` said so
            again = None
        except SyncdError as error:
            again = self._failed(name, part, error, failures)
            reason = of_error(error)
        if waiting.found is not None:
            again, reason = waiting.found.again(), None
        self._metrics.seconds.labels(name).observe(monotonic() - started)
        self._metrics.valid.labels(name).set(int(self._wrong(name) is None))
        if problem := self.problem(name):
            log.error("files are invalid, the last valid ones stay in force", problem=problem)
        if not self._stopping():
            wrong = self._files.problems.get(name + part)
            self._ended(name, ran, of_error(wrong) if wrong is not None else reason)
        return again

    def _let_run(self, name: str, parts: Sequence[str], trigger: Trigger) -> None:
        """Ask for the parts of a mapping; what is known of those that it no longer has is let go."""
        names = {name, *(name + part for part in parts)}
        for known in (self.last, self._files.problems):
            for gone in [one for one in known if one.partition("/")[0] == name and one not in names]:
                known.pop(gone, None)
        for part in parts:
            self._ask(name + part, trigger)

    def _wait(self, name: str) -> Wait | None:
        """Whether a pause or a maintenance window keeps the mapping from its run; said in the log."""
        app = self._files.app()
        try:
            pause = app.timing().paused(name)
        finally:
            app.close()
        if pause is not None:
            log.info("paused", by=pause.by, until=str(pause.until or ""))
            return Wait(reconcile.PAUSED, pause.until)
        ends = window_end(windows_of(self._files.settings), datetime.now(UTC))
        if ends is not None:
            log.info("maintenance: nothing is written", until=str(ends))
            return Wait(reconcile.MAINTENANCE, ends)
        return None

    def _done(self, name: str, part: str, report: RunReport, begun: datetime, failures: int) -> Again | None:
        """Write down how a run ended; one that could not read a server is tried again before it is due."""
        with structlog.contextvars.bound_contextvars(run=report.run):
            level = log.warning if report.exit_code else log.info
            level("run", exit_code=report.exit_code, done=len(report.outcomes), held=report.plan.held,
                  mails=len(report.mails), message=report.message)  # fmt: skip
        self._metrics.report(name, report)
        self._metrics.runs.labels(name, str(report.exit_code)).inc()
        self.last[name + part] = f"exit code {report.exit_code}: {report.message}" if report.exit_code else ""
        self._count_invitations(name)
        if report.exit_code == 0:
            self._metrics.succeeded({name: begun} if not report.plan.part else self._oldest(name))
            return None
        if self._stopping():  # what it left is for another process, or for the next one here
            return Again(datetime.now(UTC))
        return self._retry(name, failures) if report.exit_code == TargetError.exit_code else None

    def _oldest(self, name: str) -> dict[str, datetime]:
        """A mapping succeeded last when the last of its parts to do so did."""
        app = self._files.app()
        try:
            last = app.last_success(name)
        finally:
            app.close()
        return {} if last is None else {name: last}

    def _failed(self, name: str, part: str, error: SyncdError, failures: int) -> Again | None:
        """A run that did not come about."""
        if isinstance(error, Busy | NotApart):
            why = "somebody else works on it" if isinstance(error, Busy) else "left to a run of the whole"
            log.info(why, reason=error.message)
            self._metrics.runs.labels(name, "busy").inc()
        else:
            broken_off = {"run": error.run} if error.run else {}
            log.error("no run", problem=str(error), **broken_off)
            self.last[name + part] = str(error)
            self._metrics.runs.labels(name, str(error.exit_code)).inc()
        away = isinstance(error, StoreError)  # its server may be back in a moment
        return self._retry(name, failures) if error.retryable or away else None

    def _retry(self, name: str, failures: int) -> Again | None:
        now = datetime.now(UTC)
        moment = retry_at(failures + 1, now, self._due(name, now))
        if moment is None:
            return None
        log.info("tried again", at=str(moment), failures=failures + 1)
        return Again(moment, failures + 1)

    def _due(self, name: str, now: datetime) -> datetime | None:
        app = self._files.app()
        try:
            return app.timing().rhythm(name).after(now)
        except SyncdError:
            return None
        finally:
            app.close()

    def _count_invitations(self, name: str) -> None:
        app = self._files.app()
        try:
            self._metrics.invited(name, app.invitation_states(name))
        finally:
            app.close()
