"""One worker of procrastinate in a thread, that comes back whenever PostgreSQL does; the queue's only door.

procrastinate's own retries are not used: a job that is retried while its twin waits stays locked for ever
(its issue 1543).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker
from psycopg import AsyncConnection, OperationalError
from psycopg.conninfo import make_conninfo
from psycopg.errors import ForeignKeyViolation
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from syncd.errors import StoreError
from syncd.store.database import NOTICE, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from procrastinate.connector import Notify
    from procrastinate.jobs import Job

SCHEMA = "procrastinate"
HEARTBEAT = 10.0  # seconds between two signs of life of a worker
STALLED = 30.0  # seconds without one, after which its jobs are taken to be left
POLL = 5.0  # seconds after which the queue is looked at without a notice
BACK = 1.0  # seconds until the database is tried again
PATIENCE = 10.0  # seconds an ask waits for a connection: a restart of the server takes less
GONE = (ConnectorException, PoolTimeout, OSError)

log = structlog.get_logger("syncd.cluster")
logging.getLogger("procrastinate").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Lane:
    """A queue, the task that its jobs are for, and how many one process carries out at once."""

    queue: str
    task: str
    workers: int


class Pool(AsyncConnectionPool):
    """Connections of which all are taken for lost when one is, since what ends one mostly ends all.

    psycopg's own looks at each when its turn comes and pauses twice as long after each that is lost: with
    five of them whoever asks is refused after `PATIENCE`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "check": self._lives})

    async def _lives(self, connection: AsyncConnection[Any]) -> None:
        try:
            await self.check_connection(connection)
        except OperationalError:
            await self.drain()
            raise


class Connector(PsycopgConnector):
    """Hears of new jobs again when the database is back; procrastinate's gives up at the first refusal."""

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """Go on until cancelled."""
        while True:
            try:
                await super().listen_notify(on_notification, channels)
            except GONE as error:
                log.info("new jobs are not heard of now, tried again", reason=str(error.__cause__ or error))
                await asyncio.sleep(BACK)


class Lasting(Worker):
    """Goes on while the database is away.

    procrastinate's shows no further sign of life once one has failed, and nobody sees that its task for them
    has ended; where it cannot fetch it ends, too, but only after the longest of its jobs.
    """

    async def _update_heartbeat(self) -> None:
        """One that failed is made up for soon: without it others take the jobs of this worker for left."""
        pause = self.update_heartbeat_interval
        while True:
            await asyncio.sleep(pause)
            try:
                await self.app.job_manager.update_heartbeat(self.worker_id or 0)
                pause = self.update_heartbeat_interval
            except GONE as error:
                log.warning(
                    "no sign of life could be given, tried again", reason=str(error.__cause__ or error)
                )
                pause = BACK

    async def _fetch_and_process_jobs(self) -> None:
        while not self._stop_event.is_set():
            try:
                await super()._fetch_and_process_jobs()  # type: ignore[no-untyped-call]  # as it is in 3.10
            except GONE as error:
                if isinstance(error.__cause__, ForeignKeyViolation):
                    raise  # others took this worker for dead and struck it off: only a new one can fetch
                log.warning("the queue does not answer, tried again", reason=str(error.__cause__ or error))
                await asyncio.sleep(BACK)
            else:
                return


class Serving:
    """Carries out the jobs of a lane from `start` to `stop`.

    `carry_out` gets the context of each job and its arguments, in a thread; `tend` goes on beside.
    """

    def __init__(
        self,
        store: str,
        lane: Lane,
        carry_out: Callable[..., None],
        tend: Callable[[App, Worker], Coroutine[Any, Any, None]],
    ) -> None:
        self._pool = pool(store)
        self._lane = lane
        self._carry_out, self._tend = carry_out, tend
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name=f"queue {lane.queue}")

    def start(self) -> None:
        """Begin to fetch."""
        self._thread.start()

    def stop(self) -> None:
        """Fetch nothing more and wait for what is under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    async def _serve(self) -> None:
        """Work until told to stop; where a worker ends before, begin anew as another one."""
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
        lane = self._lane
        app = App(connector=Connector(pool_factory=Pool, **self._pool, min_size=1, max_size=lane.workers + 4))
        app.task(name=lane.task, queue=lane.queue, pass_context=True)(self._carry_out)
        async with app.open_async():
            worker = Lasting(
                app, queues=[lane.queue], concurrency=lane.workers, delete_jobs="always",
                fetch_job_polling_interval=POLL, update_heartbeat_interval=HEARTBEAT,
                stalled_worker_timeout=STALLED, install_signal_handlers=False,
            )  # fmt: skip
            tending = asyncio.create_task(self._tend(app, worker))
            working = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]  # as it is in 3.10
            try:
                while not working.done():
                    await asyncio.wait([working], timeout=0.2)
                    if self._stopping.is_set():
                        worker.stop()  # type: ignore[no-untyped-call]  # the same
                await working
            finally:
                tending.cancel()
                await asyncio.wait([tending, working])


class Asking:
    """The side that makes jobs and looks at those that wait."""

    def __init__(self, store: str) -> None:
        """Raises `StoreError` where the database does not answer."""
        self._app = App(connector=SyncPsycopgConnector(**pool(store), min_size=1, max_size=2))
        try:
            self._app.open()
        except GONE as error:
            raise away(error) from error

    def defer(self, task: str, arguments: dict[str, Any], **options: Any) -> int:
        """Make a job; its number. Raises `StoreError`, and `AlreadyEnqueued` by its `queueing_lock`."""
        try:
            return self._app.configure_task(task, **options).defer(**arguments)
        except GONE as error:
            raise away(error) from error

    def query(self, statement: Any, **values: Any) -> dict[str, Any]:
        """The one row that a statement gives. Raises `StoreError`."""
        try:
            return self._app.connector.get_sync_connector().execute_query_one(statement, **values)
        except GONE as error:
            raise away(error) from error

    def change(self, statement: Any, **values: Any) -> None:
        """Carry a statement out. Raises `StoreError`."""
        try:
            self._app.connector.get_sync_connector().execute_query(statement, **values)
        except GONE as error:
            raise away(error) from error

    def close(self) -> None:
        """End all connections."""
        self._app.close()


async def left(app: App, queue: str) -> list[Job]:
    """The jobs of a queue whose workers show no sign of life."""
    return [*await app.job_manager.get_stalled_jobs(queue=queue, seconds_since_heartbeat=STALLED)]


def pool(store: str) -> dict[str, Any]:
    """How connections to the queue of a store are made."""
    url = parse(store)
    address = make_conninfo(**{**url.query, **url.translate_connect_args(username="user", database="dbname")})
    options = {
        "options": f"-c search_path={SCHEMA}",
        "application_name": "syncd queue",
        "connect_timeout": 10,
        "prepare_threshold": None,
        **NOTICE,
    }
    return {
        "conninfo": address,
        "kwargs": options,
        "timeout": PATIENCE,
        "reconnect_timeout": 2 * BACK,  # its default would pause for minutes after a long outage
    }


def away(error: Exception) -> StoreError:
    """What the queue's failure means to an administrator."""
    reason = (str(error.__cause__ or error).strip().splitlines() or ["no reason given"])[0]
    return StoreError(f"the queue in PostgreSQL failed: {reason}", "is the server up? see `syncd doctor`")
