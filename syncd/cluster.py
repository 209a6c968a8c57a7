"""Runs shared among processes by procrastinate on PostgreSQL: one lock a mapping, jobs while they wait.

procrastinate's own retries are not used: a job that is retried while its twin waits stays locked for ever
(its issue 1543). What is to be repeated is a new job, of a rank that nothing else waits behind. A run whose
worker shows no sign of life, or has forgotten it because the database was away when it ended, is given
back to the queue; the lease in the store, and its fence, keep the late worker from writing.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import structlog
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Status
from procrastinate.worker import Worker
from psycopg.conninfo import make_conninfo
from psycopg_pool import PoolTimeout

from syncd.dispatch import RANK, Trigger
from syncd.errors import StoreError
from syncd.store.database import parse

if TYPE_CHECKING:
    from datetime import datetime

    from procrastinate import JobContext
    from procrastinate.jobs import Job

    from syncd.dispatch import Again, Run

SCHEMA = "procrastinate"
QUEUE, TASK = "runs", "syncd.run"
HEARTBEAT = 10.0  # seconds between two signs of life of a worker
STALLED = 30.0  # seconds without one, after which its runs are given back
REAP = 10.0  # seconds between two looks for those
POLL = 5.0  # seconds after which the queue is looked at without a notice
BACK = 1.0  # seconds until the database is tried again
PATIENCE = 10.0  # seconds an ask waits for a connection: a restart of the server takes less
NOW, LATER = "now", "later"  # at most one job of either waits for each mapping
GONE = (ConnectorException, PoolTimeout, OSError)

log = structlog.get_logger("syncd.cluster")
logging.getLogger("procrastinate").setLevel(logging.WARNING)

_COUNT = """
SELECT count(*) AS waiting FROM procrastinate_jobs
WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())
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
        self._pool = _pool(store)
        self._workers = workers
        self._asks = App(connector=SyncPsycopgConnector(**self._pool, min_size=1, max_size=2))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="queue")
        self._stopping = threading.Event()
        self._mine: set[int] = set()  # jobs whose runs are under way here
        self._run: Run
        try:
            self._asks.open()
        except GONE as error:
            raise _away(error) from error

    def start(self, run: Run) -> None:
        """Begin to work, where this process does."""
        self._run = run
        if self._workers:
            self._thread.start()

    def ask(self, mapping: str, trigger: Trigger) -> bool:
        """Make a job of it; one that waits already is moved to the front where this is more urgent."""
        return self._defer(mapping, trigger, 0, None)

    def waiting(self) -> int:
        """How many jobs wait, for any worker."""
        return int(self._query(_COUNT)["waiting"])

    def stop(self) -> None:
        """Fetch nothing more, wait for the runs under way, close."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._asks.close()

    # --- asking -----------------------------------------------------------------------------------

    def _defer(self, mapping: str, trigger: Trigger, failures: int, at: datetime | None) -> bool:
        waits = f"{NOW if at is None else LATER}:{mapping}"
        priority = -RANK[trigger] if at is None else -len(RANK)
        job = self._asks.configure_task(
            TASK, queue=QUEUE, lock=mapping, queueing_lock=waits, priority=priority, schedule_at=at
        )
        try:
            job.defer(mapping=mapping, trigger=trigger.value, failures=failures)
        except AlreadyEnqueued:
            self._change(_URGE, priority=priority, trigger=trigger.value, waits=waits)
            return False
        except GONE as error:
            raise _away(error) from error
        return True

    def _settle(self, mapping: str, again: Again | None) -> None:
        """After a run only its own answer says whether the mapping is tried again."""
        self._change(_CALL_OFF, waits=f"{LATER}:{mapping}")
        if again is not None:
            self._defer(mapping, again.trigger, again.failures, again.at)

    def _query(self, statement: Any) -> dict[str, Any]:
        try:
            return self._asks.connector.get_sync_connector().execute_query_one(statement)
        except GONE as error:
            raise _away(error) from error

    def _change(self, statement: Any, **values: Any) -> None:
        try:
            self._asks.connector.get_sync_connector().execute_query(statement, **values)
        except GONE as error:
            raise _away(error) from error

    # --- working ----------------------------------------------------------------------------------

    async def _serve(self) -> None:
        """Work until told to stop; where the database goes away, begin anew as another worker."""
        while not self._stopping.is_set():
            try:
                await self._work()
            except GONE as error:
                log.warning("the queue does not answer, tried again", reason=str(error.__cause__ or error))
                await asyncio.sleep(BACK)
            except Exception:
                log.exception(
                    "fault of the queue, tried again"
                )  # a thread that ended would be missed by nobody
                await asyncio.sleep(BACK)

    async def _work(self) -> None:
        app = App(connector=PsycopgConnector(**self._pool, min_size=1, max_size=self._workers + 4))
        app.task(name=TASK, queue=QUEUE, pass_context=True)(self._carry_out)
        async with app.open_async():
            worker = Worker(
                app, queues=[QUEUE], concurrency=self._workers, delete_jobs="always",
                fetch_job_polling_interval=POLL, update_heartbeat_interval=HEARTBEAT,
                stalled_worker_timeout=STALLED, install_signal_handlers=False,
            )  # fmt: skip
            reaper = asyncio.create_task(self._reap(app, worker))
            working = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]  # as it is in 3.10
            try:
                while not working.done():
                    await asyncio.wait([working], timeout=0.2)
                    if self._stopping.is_set():
                        worker.stop()  # type: ignore[no-untyped-call]  # the same
                await working
            finally:
                reaper.cancel()
                await asyncio.wait([reaper, working])

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
                dead = [*await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=STALLED)]
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


def _pool(store: str) -> dict[str, Any]:
    url = parse(store)
    address = make_conninfo(**{**url.query, **url.translate_connect_args(username="user", database="dbname")})
    options = {
        "options": f"-c search_path={SCHEMA}",
        "application_name": "syncd queue",
        "connect_timeout": 10,
        "prepare_threshold": None,
    }
    return {"conninfo": address, "kwargs": options, "timeout": PATIENCE}


def _away(error: Exception) -> StoreError:
    reason = (str(error.__cause__ or error).strip().splitlines() or ["no reason given"])[0]
    return StoreError(f"the queue in PostgreSQL failed: {reason}", "is the server up? see `syncd doctor`")
