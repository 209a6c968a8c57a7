"""Errands over PostgreSQL: jobs of a queue of their own, carried out by whichever worker has room.

Unlike runs they are given back to nobody: what its worker left stays undone, or half done, and whoever waits
is told so. Requests stand in the queue until they are answered; a web login can neither read nor change them.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import structlog

from syncd.cluster_worker import BACK, GONE, Asking, Lane, Serving
from syncd.errand import CROWDED, SHUT, UNFINISHED, UNTAKEN, Errand, Unanswered
from syncd.errors import StoreError, SyncdError
from syncd.store.answers import Answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from procrastinate import App, JobContext
    from procrastinate.worker import Worker

    from syncd.errand import Reply

LANE = Lane("errands", "syncd.errand", 4)
TAKEN = 10.0  # seconds in which a worker has to take an errand
ANSWERED = 45.0  # seconds in which it has to answer then
MOST = 32  # errands that wait in one process
MOST_QUEUED = 200  # and those that nobody has taken, of all processes
DROPPED = 600.0  # seconds from handing an errand over to forgetting it where its worker never did
SWEEP = 15.0  # seconds between two looks for what nobody waits for any more
SILENT = 5.0  # seconds without a sign of life of its worker, after which an errand is taken to be left
SHORTEST, LONGEST = 0.02, 0.25  # seconds between two looks for an answer

log = structlog.get_logger("syncd.errands")

_QUEUED = (
    "SELECT count(*) AS waiting FROM procrastinate_jobs WHERE queue_name = 'errands' AND status = 'todo'"
)
_DROP = """
DELETE FROM procrastinate_jobs AS job USING procrastinate_events AS event
WHERE job.queue_name = 'errands' AND event.job_id = job.id AND event.type = 'deferred'
AND event.at < now() - make_interval(secs => %(dropped)s)
"""


class Sender:
    """The front desk's side; several threads may send at once."""

    def __init__(self, store: str) -> None:
        """Raises `StoreError` where the login may not send, or the store is too old for it."""
        self._room = threading.BoundedSemaphore(MOST)
        with ExitStack() as opened:
            self._answers = opened.enter_context(Answers(store))
            self._answers.now()
            self._asking = Asking(store)
            opened.pop_all()

    def send(self, errand: Errand) -> Reply:
        """Have it answered; see `errand.Send`."""
        if not self._room.acquire(blocking=False):
            raise Unanswered(CROWDED)
        try:
            return self._reply(*self._handed_over(errand))
        finally:
            self._room.release()

    def waiting(self) -> int:
        """See `errand.Office`."""
        return int(self._asking.query(_QUEUED)["waiting"])

    def _handed_over(self, errand: Errand) -> tuple[int, float]:
        """The number of its job, and until when that can be taken."""
        try:
            waiting, deadline = self.waiting(), self._answers.now() + TAKEN
        except StoreError as error:
            log.error("an errand was not handed over", problem=error.in_one_line)  # noqa: TRY400 - it says why
            raise Unanswered(SHUT) from error
        if waiting >= MOST_QUEUED:
            raise Unanswered(CROWDED)
        arguments = {"errand": errand.packed(), "deadline": deadline}
        try:
            return self._asking.defer(LANE.task, arguments, queue=LANE.queue), deadline
        except StoreError as error:  # the job may be there all the same
            log.error("an errand was perhaps not handed over", problem=error.in_one_line)  # noqa: TRY400 - as above
            raise Unanswered(UNFINISHED) from error

    def _reply(self, job: int, deadline: float) -> Reply:
        """Wait for it; while the store is away, too, since workers go on.

        Silence is counted from the first look that met it: before, this process may have stood still, and a
        worker that answered and let go within that look is met by the next one.
        """
        ends, pause = time.monotonic() + TAKEN + ANSWERED, SHORTEST
        silent: float | None = None
        while time.monotonic() < ends:
            time.sleep(pause)
            pause = min(1.3 * pause, LONGEST)
            try:
                stands = self._answers.look(job, deadline)
            except StoreError:
                silent = None  # signs of life are lost with the server, and come back after it
                continue
            if stands.reply is not None:
                return stands.reply
            if stands.late and not stands.taken:
                raise Unanswered(UNTAKEN)
            if stands.alive or not stands.taken:
                silent = None
            elif silent is None:
                silent = time.monotonic()
            elif time.monotonic() - silent > SILENT:
                raise Unanswered(UNFINISHED)
        raise Unanswered(UNFINISHED)

    def close(self) -> None:
        """End all connections."""
        self._asking.close()
        self._answers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Answering:
    """The workers' side, inside `with`: up to four errands at once, answered by `answer`."""

    def __init__(self, store: str, answer: Callable[[Errand], Reply]) -> None:
        self._answers = Answers(store)
        self._answer = answer
        self._serving = Serving(store, LANE, self._take, self._tend)

    def __enter__(self) -> Self:
        self._serving.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take nothing more, and answer what was taken."""
        self._serving.stop()
        self._answers.close()

    def _take(self, context: JobContext, **packed: Any) -> None:
        """One job. Never fails, whatever is in it: procrastinate would write its arguments into the log."""
        try:
            errand, deadline = Errand.unpacked(packed.get("errand")), float(packed.get("deadline", 0))
            self._answered(context.job.id or 0, errand, deadline)
        except SyncdError as error:
            log.error("an errand was not answered", problem=error.in_one_line)  # noqa: TRY400 - it says why
        except Exception as error:  # noqa: BLE001 - for the reason above
            log.error("fault", kind=type(error).__name__)  # noqa: TRY400 - the text may name people

    def _answered(self, job: int, errand: Errand, deadline: float) -> None:
        with self._answers.taken(job, deadline) as ours:
            if ours:
                nobody_waits = time.monotonic() + ANSWERED
                self._give(job, self._answer(errand), nobody_waits)
            else:
                log.warning("a request was past its deadline and is dropped", method=errand.method)

    def _give(self, job: int, reply: Reply, nobody_waits: float) -> None:
        """What was done cannot be done again, so its answer outlasts a restart of the server."""
        while True:
            try:
                self._answers.give(job, reply)
            except StoreError:
                if time.monotonic() > nobody_waits:
                    raise
                time.sleep(BACK)
            else:
                return

    async def _tend(self, app: App, _worker: Worker) -> None:
        """Now and then forget what nobody waits for any more."""
        while True:
            await asyncio.sleep(SWEEP)
            try:
                await asyncio.to_thread(self._answers.sweep)
                await app.connector.execute_query_async(_DROP, dropped=DROPPED)
            except (*GONE, StoreError) as error:
                log.warning("answers could not be forgotten now", reason=str(error.__cause__ or error))
