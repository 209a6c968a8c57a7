"""What other processes do in the crash and race tests; each opens the store with the real clock."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from syncd.acts import Redemption
from syncd.errors import Busy, Stale
from syncd.store import open_store, tables
from tests.contract.store.facts import KEY, TARGET, TTL, create, done, group

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier, Event

    from sqlalchemy import Update

    from syncd.acts import Record
    from syncd.store import Store

    Answers: TypeAlias = list[tuple[str, bool]]  # what was raced for, and whether it was won

T = TypeVar("T")

TEAM = group("acme", "platform")
SHORT = timedelta(milliseconds=300)
PATIENCE = 300  # seconds, for a machine that is busy with other tests


def die() -> None:
    """Go as with `kill -9`: nothing is flushed, closed or given back."""
    os.kill(os.getpid(), signal.SIGKILL)


def claim_and_die(url: str) -> None:
    """A run that is killed between its claim and its record, long before its lease ends."""
    with open_store(url, KEY) as store, store.lease("acme", "the one that dies", TTL):
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
    with open_store(url, KEY) as store, store.lease("acme", "the sleeper", SHORT) as lease:
        run = store.start_run("acme", "schedule", "daemon")
        store.claim("acme", TARGET, run, [create(TEAM)])
        lease.stop_keeping()  # who freezes within a renewal keeps its row locked
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


def work_like_a_daemon(url: str, waves: int, ready: Event, decided: Event) -> None:
    """Claim and record wave after wave, the last one after somebody has decided something."""
    with open_store(url, KEY) as store, store.lease("acme", "the daemon", TTL):
        run = store.start_run("acme", "schedule", "daemon")
        ready.set()
        for wave in range(waves):
            assert wave < waves - 1 or decided.wait(PATIENCE)
            changes = [create(group("acme", f"{wave}-{number}")) for number in range(20)]
            store.claim("acme", TARGET, run, changes)
            store.record("acme", TARGET, run, [done(change) for change in changes])
        store.finish_run(run, 0, "", {"done": waves * 20})


def upgrade(url: str, start: Barrier) -> None:
    """Make the schema at the same moment as the others."""
    with open_store(url, KEY) as store:
        start.wait()
        store.upgrade()


def acts_update(row: Mapping[str, Any]) -> Update:
    """The statement that puts a row of acts as another program would have written it."""
    acts = tables.acts
    return acts.update().where(acts.c.kind == row["kind"], acts.c.id == row["id"]).values(**row)


@dataclass(frozen=True)
class Start:
    """Where all threads of all processes begin a round together, and who of them this process is."""

    number: int
    threads: int
    line: Barrier
    won: Queue[Answers]


def race_for_links(url: str, links: list[str], start: Start) -> None:
    """Redeem each link at the same moment as all the others."""

    def attempt(store: Store, link: str, thread: int) -> bool:
        name = f"r_{link}_{start.number}_{thread}"
        return store.acts.redeem(link, Redemption(name, "acme"), datetime.now(UTC))

    _race(url, {link: link for link in links}, start, attempt)


def race_to_save(url: str, records: list[Record], start: Start) -> None:
    """Write each record, as it was read before, at the same moment as all the others."""

    def attempt(store: Store, record: Record, _thread: int) -> bool:
        return _not_stale(lambda: store.acts.save(record) if record.version else store.acts.add(record))

    _race(url, {record.id: record for record in records}, start, attempt)


def race_to_change(url: str, pairs: list[tuple[Record, Record]], start: Start) -> None:
    """Write each pair, every other process in the opposite order."""

    def attempt(store: Store, pair: tuple[Record, Record], _thread: int) -> bool:
        return _not_stale(lambda: store.acts.change(*(pair if start.number % 2 else reversed(pair))))

    _race(url, {pair[0].id: pair for pair in pairs}, start, attempt)


def _not_stale(act: Callable[[], object]) -> bool:
    try:
        act()
    except Stale:
        return False
    return True


def _race(url: str, rounds: Mapping[str, T], start: Start, attempt: Callable[[Store, T, int], bool]) -> None:
    """One attempt of every thread in every round; one that fails leaves the others waiting in vain."""

    def run(store: Store, thread: int) -> Answers:
        answers = []
        for name, thing in rounds.items():
            start.line.wait(PATIENCE)
            answers.append((name, attempt(store, thing, thread)))
        return answers

    with open_store(url, KEY) as store, ThreadPoolExecutor(start.threads) as pool:
        store.runs()  # connect before the race
        start.won.put([one for each in pool.map(partial(run, store), range(start.threads)) for one in each])
