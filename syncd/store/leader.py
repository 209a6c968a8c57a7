"""Which of several daemons says when mappings are due: whoever holds a session lock of PostgreSQL.

The lock goes with its session, so a process that dies or loses its connection loses it too, and learns of
that by asking every second. A process that stands still keeps its session open: another one, seeing no sign
of life for a while, ends that session. Sessions need a direct connection; a pooler must not share them out.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from syncd.errors import StoreError, SyncdError
from syncd.store.database import NOTICE, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

LOOK = 1.0  # seconds between two looks, and two signs of life
SILENT = 10.0  # seconds without one, after which a leader is taken to stand still

log = structlog.get_logger("syncd.leader")

_LOCK = {"space": 0x73796E63, "lock": 1}
_TAKE = text("SELECT pg_try_advisory_lock(:space, :lock)")
_HELD = """
FROM pg_locks JOIN pg_stat_activity AS session USING (pid)
WHERE locktype = 'advisory' AND classid = :space AND objid = :lock AND objsubid = 2 AND granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_LED = text(f"SELECT count(*) {_HELD}")
_DEPOSE = text(
    f"SELECT pg_terminate_backend(session.pid) {_HELD}"
    "AND session.state_change < clock_timestamp() - make_interval(secs => :silent)"
)


def is_led(store: str) -> bool:
    """Whether any process leads. Raises `StoreError` where the database does not answer."""
    try:
        with _engine(store).connect() as session:
            return bool(session.scalar(_LED, _LOCK))
    except SQLAlchemyError as error:
        raise StoreError("the store does not say who leads", "see `syncd doctor`") from error


def _engine(store: str) -> Engine:
    options = {"connect_timeout": 5, "application_name": "syncd leader", **NOTICE}
    return create_engine(parse(store), poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=options)


class Leader:
    """A candidate from `start` to `stop`; `lost` is called once `gained` has returned.

    `gained` has a thread of its own, since it may read the files of many mappings: a leader that gives no
    sign of life meanwhile is deposed, and so is the next one. Where it raises, the leader steps down and
    stands again.
    """

    def __init__(self, store: str, gained: Callable[[], None], lost: Callable[[], None]) -> None:
        self._engine = _engine(store)
        self._gained, self._lost = gained, lost
        self._session: Connection | None = None
        self._confirmed: float | None = None  # when the lock was last seen to be ours
        self._beginner = ThreadPoolExecutor(1, "leader begins")
        self._begun: Future[None] = Future()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._stand, name="leader")

    def start(self) -> None:
        """Stand for it."""
        self._thread.start()

    def stop(self) -> None:
        """Step down at once, so that another one need not wait."""
        self._stopping.set()
        self._thread.join()
        self._beginner.shutdown()

    def leads(self) -> bool:
        """Whether this process leads; no longer so for one that wakes up after standing still."""
        confirmed = self._confirmed
        return confirmed is not None and time.clock_gettime(time.CLOCK_BOOTTIME) - confirmed < SILENT

    def _stand(self) -> None:
        while not self._stopping.is_set():
            try:
                self._look()
            except (SQLAlchemyError, SyncdError) as error:
                self._step_down(str(error).splitlines()[0])
            except Exception:
                log.exception("fault of the leader, tried again")
                self._step_down("a fault")
            self._stopping.wait(LOOK)
        self._step_down("the end")

    def _look(self) -> None:
        """Confirm the lock, or try to get it."""
        asked = time.clock_gettime(time.CLOCK_BOOTTIME)
        if self._session is None:
            self._session = self._engine.connect()
        if self._confirmed is not None:
            self._session.execute(text("SELECT 1"))
            self._confirmed = asked
            if self._begun.done():
                self._begun.result()
        elif self._session.scalar(_TAKE, _LOCK):
            self._confirmed = asked
            log.info("leads now: this process says when mappings are due")
            self._begun = self._beginner.submit(self._gained)
        elif self._session.execute(_DEPOSE, {**_LOCK, "silent": SILENT}).first() is not None:
            log.warning("the leader stood still and was deposed")

    def _step_down(self, why: str) -> None:
        led, self._confirmed = self._confirmed is not None, None
        if led:
            log.warning("leads no longer", reason=why)
            wait([self._begun])
            self._lost()
        session, self._session = self._session, None
        if session is not None:
            try:
                session.close()
            except SQLAlchemyError:
                log.info("its session was gone already")
