"""The daemon with cheap runs and short patience: `fleet_member.py EVIDENCE PERIOD ROLE SYNCD_YAML`.

Everything between a due moment and a run is the product's: clock, leader, queue, worker, reaper, lease,
fence, ledger. A run claims, writes to a memory target in three steps and records, as `reconcile` does; about
one in seven fails. EVIDENCE gets a line for each thing that happened, appended whole: its order is the order.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from syncd import cluster, cluster_worker, daemon_runs, schedule
from syncd.app.in_force import ACTOR, InForce
from syncd.app.timing import Timing
from syncd.daemon import Daemon, Role
from syncd.daemon_clock import Clock
from syncd.errors import TAKEN_OVER, Busy, Unreachable
from syncd.model import RunPlan, RunReport
from syncd.store import Store, leader
from syncd.targets.memory import MemoryTarget
from tests.contract.store.facts import create, group

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.app import App
    from syncd.app.in_force import Ask
    from syncd.dispatch import Run

EVIDENCE, PERIOD, ROLE, CONFIG = Path(sys.argv[1]), float(sys.argv[2]), Role(sys.argv[3]), Path(sys.argv[4])
LEASE = timedelta(seconds=6)
FAULTS, FAILURES = (
    0.03,
    0.15,
)  # of all runs: faults of ours, and those together with servers that do not answer
STANDS_STILL = "STANDS_STILL"  # in the environment: stop once, in the first run, as it is about to write
STEP = 0.02  # seconds between two steps of a run
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

cluster.REAP = cluster_worker.HEARTBEAT = cluster_worker.POLL = 1.0
cluster_worker.STALLED = 5.0
leader.SILENT = 4.0
schedule.FIRST_PAUSE, schedule.LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=4)

evidence = os.open(EVIDENCE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
random.seed(os.getpid())


def note(what: str, mapping: str = "-", token: int = 0) -> None:
    os.write(evidence, f"{time.monotonic():.3f} {os.getpid()} {what} {mapping} {token}\n".encode())


@dataclass(frozen=True)
class Every:
    """A rhythm of seconds: cron's shortest period is a minute."""

    late: float

    def after(self, moment: datetime) -> datetime:
        passed = (moment - EPOCH).total_seconds() - self.late
        return EPOCH + timedelta(seconds=(passed // PERIOD + 1) * PERIOD + self.late)


def cheap_run(
    self: InForce, mapping: str, trigger: str, _part: str, _ask: Ask, _waits: Callable[[], str]
) -> RunReport:
    store: Store = self.app()._db
    with store.lease(mapping, ACTOR, LEASE) as lease:
        run = store.start_run(mapping, trigger, ACTOR)
        note("begin", mapping, lease.token)
        change, target = create(group(mapping)), MemoryTarget()
        luck = random.random()
        lease.renew()
        store.claim(mapping, "memory", run, [change])
        if os.environ.pop(STANDS_STILL, ""):
            os.kill(os.getpid(), signal.SIGSTOP)
        for _ in range(3):
            time.sleep(STEP)
            if not store.may_write(mapping):
                note("fenced", mapping, lease.token)
                try:
                    store.claim(mapping, "memory", run, [change])
                except Busy:
                    note("refused", mapping, lease.token)
                raise Busy(TAKEN_OVER)
            note("write", mapping, lease.token)
            if luck < FAULTS:
                raise RuntimeError("a fault of ours")
            if luck < FAILURES:
                raise Unreachable("memory", "does not answer")
        store.record(mapping, "memory", run, list(target.apply([change], {})))
        store.finish_run(run, 0, "", {})
        note("end", mapping, lease.token)
    return RunReport(run, RunPlan(mapping, "fleet", ""))


kept: dict[int, App] = {}
made = InForce.app


def one_app(self: InForce, trigger: str = "sync", loaded: object = None) -> App:
    """Opening a store for each question is no part of what is tried here."""
    if id(self) not in kept:
        app = made(self)
        app._db.ready()
        app._raw_store().ready = lambda: None  # type: ignore[method-assign]
        app.close = lambda: None  # type: ignore[method-assign]
        kept[id(self)] = app
    return kept[id(self)]


start = cluster.Queue.start


def start_and_note(self: cluster.Queue, run: Run) -> None:
    start(self, run)
    note("up")


begin = Clock.begin


def begin_and_note(self: Clock) -> None:
    note("leads")
    begin(self)


Timing.rhythm = lambda _self, mapping: Every(zlib.crc32(mapping.encode()) % (PERIOD * 10) / 10)  # type: ignore[assignment]
InForce.run = cheap_run  # type: ignore[method-assign]
InForce.app = InForce.newest = one_app  # type: ignore[assignment]
Clock.begin = begin_and_note  # type: ignore[method-assign]
cluster.Queue.start = start_and_note  # type: ignore[method-assign]
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
daemon_runs.log = structlog.get_logger("syncd.daemon")
sys.exit(Daemon(CONFIG, ROLE).serve())
