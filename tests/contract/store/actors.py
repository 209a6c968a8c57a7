"""What other processes do in the crash and race tests; each opens the store with the real clock."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from syncd.errors import Busy
from syncd.store import open_store
from tests.contract.store.facts import KEY, TARGET, TTL, create, done, group

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier, Event

TEAM = group("acme", "platform")
SHORT = timedelta(milliseconds=300)


def die() -> None:
    """Go as with `kill -9`: nothing is flushed, closed or given back."""
    os.kill(os.getpid(), signal.SIGKILL)


def claim_and_die(url: str) -> None:
    """A run that is killed between its claim and its record."""
    with open_store(url, KEY) as store, store.lease("acme", "the one that dies", SHORT):
        run = store.start_run("acme", "schedule", "daemon")
        store.claim("acme", TARGET, run, [create(TEAM)])
        die()


def die_inside_a_transaction(url: str) -> None:
    """A run that is killed after the last statement of a record and before its commit."""
    with open_store(url, KEY) as store, store.lease("acme", "the one that dies", SHORT):
        run = store.start_run("acme", "schedule", "daemon")
        store.claim("acme", TARGET, run, [create(TEAM)])
        with store._database.writing() as connection:
            connection.exec_driver_sql("UPDATE ledger SET native = 'half written'")
            die()


def race_for_lease(url: str, start: Barrier, end: Barrier, won: Queue[bool]) -> None:
    """Try for the lease at the same moment as the others, and keep it until all have tried."""
    with open_store(url, KEY) as store:
        store.runs()  # connect before the race
        start.wait()
        try:
            with store.lease("acme", f"pid {os.getpid()}", TTL):
                won.put(True)
                end.wait()
        except Busy:
            won.put(False)
            end.wait()


def race_for_approvals(url: str, digests: list[str], start: Barrier, won: Queue[list[str]]) -> None:
    """Try to use every approval up at the same moment as the others."""
    with open_store(url, KEY) as store:
        taken = []
        for digest in digests:
            start.wait()
            if store.take_approval("acme", digest, datetime.now(UTC)):
                taken.append(digest)
        won.put(taken)


def sleep_through_the_lease(url: str, results: Queue[str]) -> None:
    """Freeze after the claim, as a suspended machine does, and go on as if nothing had happened."""
    with open_store(url, KEY) as store, store.lease("acme", "the sleeper", SHORT):
        run = store.start_run("acme", "schedule", "daemon")
        store.claim("acme", TARGET, run, [create(TEAM)])
        os.kill(os.getpid(), signal.SIGSTOP)
        for act in (
            lambda: store.claim("acme", TARGET, run, [create(group("late"))]),
            lambda: store.record("acme", TARGET, run, [done(create(TEAM), "late")]),
        ):
            try:
                act()
            except Busy as busy:
                results.put(busy.message)
            else:
                results.put("wrote")


def work_like_a_daemon(url: str, waves: int, ready: Event) -> None:
    """Claim and record wave after wave."""
    with open_store(url, KEY) as store, store.lease("acme", "the daemon", TTL):
        run = store.start_run("acme", "schedule", "daemon")
        ready.set()
        for wave in range(waves):
            changes = [create(group("acme", f"{wave}-{number}")) for number in range(20)]
            store.claim("acme", TARGET, run, changes)
            store.record("acme", TARGET, run, [done(change) for change in changes])
        store.finish_run(run, 0, "", {"done": waves * 20})


def upgrade(url: str, start: Barrier) -> None:
    """Make the schema at the same moment as the others."""
    with open_store(url, KEY) as store:
        start.wait()
        store.upgrade()
