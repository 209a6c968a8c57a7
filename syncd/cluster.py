"""Runs shared among processes by procrastinate on PostgreSQL: one lock a mapping, jobs while they wait.

What is to be repeated is a new job, of a rank that nothing else waits behind. A run whose worker shows no
sign of life, or has forgotten it because the database was away when it ended, is given back to the queue;
the lease in the store, and its fence, keep the late worker from writing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Status

from syncd import cluster_worker
from syncd.cluster_worker import GONE, Asking, Lane, Serving
from syncd.dispatch import RANK, Trigger
from syncd.errors import StoreError

if TYPE_CHECKING:
    from datetime import datetime

    from procrastinate import App, JobContext
    from procrastinate.jobs import Job
    from procrastinate.worker import Worker

    from syncd.dispatch import Again, Run

QUEUE, TASK = "runs", "syncd.run"
REAP = 10.0  # seconds between two looks for what nobody works on
NOW, LATER = "now", "later"  # at most one job of either waits for each mapping

log = structlog.get_logger("syncd.cluster")

_COUNT = """
SELECT count(*) AS waiting FROM procrastinate_jobs
WHERE queue_name = 'runs' AND status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())
"""
_URGE = """
UPDATE procrastinate_jobs
SET priority = %(priority)s, args = args || jsonb_build_object('trigger', %(trigger)s::text)
WHERE queueing_lock = %(waits)s AND status = 'todo' AND priority < %(priority)s
"""
_CALL_OFF = "DELETE FROM procrastinate_jobs WHERE queueing_lock = %(waits)s AND status = 'todo'"


class Queue:
    """A dispatcher over a PostgreSQL store; with `workers` 0 it takes asks and carries out none."""

    def __init__(self, store: str, workers: int) -> None:
        """`store` is the address of a store that `db upgrade` has been run on. Raises as `ask`."""
        self._workers = workers
        self._serving = Serving(store, Lane(QUEUE, TASK, workers), self._carry_out, self._reap)
        self._mine: set[int] = set()  # jobs whose runs are under way here
        self._run: Run
        self._asking = Asking(store)

    def start(self, run: Run) -> None:
        """Begin to work, where this process does."""
        self._run = run
        if self._workers:
            self._serving.start()

    def ask(self, mapping: str, trigger: Trigger) -> bool:
        """Make a job of it; one that waits already is moved to the front where this is more urgent."""
        return self._defer(mapping, trigger, 0, None)

    def waiting(self) -> int:
        """How many jobs wait, for any worker."""
        return int(self._asking.query(_COUNT)["waiting"])

    def stop(self) -> None:
        """Fetch nothing more, wait for the runs under way, close."""
        self._serving.stop()
        self._asking.close()

    # --- asking -----------------------------------------------------------------------------------

    def _defer(self, mapping: str, trigger: Trigger, failures: int, at: datetime | None) -> bool:
        waits = f"{NOW if at is None else LATER}:{mapping}"
        priority = -RANK[trigger] if at is None else -len(RANK)
        arguments = {"mapping": mapping, "trigger": trigger.value, "failures": failures}
        try:
            self._asking.defer(
                TASK, arguments, queue=QUEUE, lock=mapping, queueing_lock=waits, priority=priority,
                schedule_at=at,
            )  # fmt: skip
        except AlreadyEnqueued:
            self._asking.change(_URGE, priority=priority, trigger=trigger.value, waits=waits)
            return False
        return True

    def _settle(self, mapping: str, again: Again | None) -> None:
        """After a run only its own answer says whether the mapping is tried again."""
        self._asking.change(_CALL_OFF, waits=f"{LATER}:{mapping}")
        if again is not None:
            self._defer(mapping, again.trigger, again.failures, again.at)

    # --- working ----------------------------------------------------------------------------------

    def _carry_out(self, context: JobContext, mapping: str, trigger: str, failures: int) -> None:
        """One job, in a thread."""
        number = context.job.id or 0
        self._mine.add(number)
        again = None
        try:
            again = self._run(mapping, Trigger(trigger), failures)
        except Exception:
            log.exception("fault", mapping=mapping)
        try:
            self._settle(mapping, again)
        finally:
            self._mine.discard(number)

    async def _reap(self, app: App, worker: Worker) -> None:
        """Now and then give back what nobody works on."""
        suspects: set[int] = set()
        while True:
            await asyncio.sleep(REAP)
            try:
                doing = await app.job_manager.list_jobs_async(
                    status=Status.DOING.value, worker_id=worker.worker_id
                )
                forgotten = [job for job in doing if job.id not in self._mine]
                left = await cluster_worker.left(app, QUEUE)
                dead = [job for job in left if job.id not in self._mine]  # an outage kept ours from saying so
                for job in [*dead, *(job for job in forgotten if job.id in suspects)]:
                    await self._give_back(app, job)
                suspects = {job.id for job in forgotten if job.id is not None}
            except (*GONE, StoreError) as error:
                log.warning("nothing could be given back now", reason=str(error.__cause__ or error))

    async def _give_back(self, app: App, job: Job) -> None:
        """Ask for its run first, let go of it then: who dies in between has lost nothing."""
        mapping = str(job.task_kwargs["mapping"])
        await asyncio.to_thread(self._defer, mapping, Trigger.RETRY, 0, None)
        try:
            await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
        except ConnectorException:
            return  # another worker was faster, or the run has just ended after all
        log.warning("a run was left by its worker and is asked for again", mapping=mapping)
