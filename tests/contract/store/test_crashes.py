"""Killed, frozen and competing processes: what was claimed stays ours, and one of several wins."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import pytest

from syncd.errors import Busy
from syncd.store import open_store
from tests.contract.store import actors
from tests.contract.store.actors import PATIENCE
from tests.contract.store.facts import KEY, TARGET, TTL, create, done, group, keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.context import SpawnProcess

    from syncd.store import Store

SPAWN = get_context("spawn")
RACERS = 4


@pytest.fixture
def real(url: str) -> Iterator[Store]:
    """A store with the real clock, which other processes share."""
    with open_store(url, KEY) as opened:
        opened.upgrade()
        yield opened


def start(act: Callable[..., None], *args: Any) -> SpawnProcess:
    process = SPAWN.Process(target=act, args=args, daemon=True)
    process.start()
    return process


def joined(process: SpawnProcess) -> int | None:
    process.join(PATIENCE)
    return process.exitcode


@contextmanager
def lease_when_free(store: Store) -> Iterator[None]:
    """The lease, as soon as the one before has run out."""
    limit = time.monotonic() + PATIENCE
    while True:
        try:
            with store.lease("acme", "the next run", TTL):
                yield
                return
        except Busy:
            assert time.monotonic() < limit


@pytest.mark.parametrize("act", [actors.claim_and_die, actors.die_inside_a_transaction])
def test_after_a_kill_between_claim_and_record_the_claim_is_there_and_the_next_run_goes_on(
    real: Store, url: str, act: Callable[[str], None]
) -> None:
    assert joined(start(act, url)) == -signal.SIGKILL
    (claimed,) = real.owned("acme", TARGET)
    assert (claimed.key, claimed.claimed, claimed.native) == (actors.TEAM, True, "")
    with lease_when_free(real):
        run = real.start_run("acme", "apply", "ann")
        real.record("acme", TARGET, run, [done(create(actors.TEAM), "g-1")])
        assert [found.state for found in real.runs()] == ["running", "interrupted"]
    (owned,) = real.owned("acme", TARGET)
    assert (owned.claimed, owned.native) == (False, "g-1")
    assert real.check() == []


def test_a_dead_run_of_the_whole_keeps_no_part_waiting(real: Store, url: str) -> None:
    assert joined(start(actors.claim_and_die, url)) == -signal.SIGKILL
    with real.lease("acme", "trunk", TTL, "/"), real.lease("acme", "part", TTL, "/a"):
        real.start_run("acme", "sync", "daemon", "/a")
        assert real.runs()[0].part == "/a"


def test_one_of_several_processes_gets_the_lease(real: Store, url: str) -> None:
    begin, end, won = SPAWN.Barrier(RACERS), SPAWN.Barrier(RACERS), SPAWN.Queue()
    racers = [start(actors.race_for_lease, url, begin, end, won) for _ in range(RACERS)]
    assert sorted(won.get(timeout=PATIENCE) for _ in racers) == [False, False, False, True]
    assert [joined(racer) for racer in racers] == [0] * RACERS


def test_one_of_several_processes_uses_an_approval_up(real: Store, url: str) -> None:
    digests = [f"{number:064x}" for number in range(20)]
    for digest in digests:
        real.approve(real.save_plan("run", "acme", digest, {}, [], datetime.now(UTC)), "ann")
    begin, won = SPAWN.Barrier(RACERS), SPAWN.Queue()
    racers = [start(actors.race_for_approvals, url, digests, begin, won) for _ in range(RACERS)]
    assert sorted(digest for _ in racers for digest in won.get(timeout=PATIENCE)) == digests
    assert [joined(racer) for racer in racers] == [0] * RACERS
    assert real.verify_audit() == []


def test_a_process_that_slept_through_its_lease_writes_nothing_more(real: Store, url: str) -> None:
    results = SPAWN.Queue()
    sleeper = start(actors.sleep_through_the_lease, url, results)
    pid = sleeper.pid
    assert pid is not None
    assert os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])
    with lease_when_free(real):
        run = real.start_run("acme", "apply", "ann")
        os.kill(pid, signal.SIGCONT)
        messages = [results.get(timeout=PATIENCE) for _ in range(2)]
        real.record("acme", TARGET, run, [done(create(actors.TEAM), "g-1")])
    assert joined(sleeper) == 0
    assert all("was taken over by the next run" in message for message in messages)
    assert [owned.native for owned in real.owned("acme", TARGET)] == ["g-1"]


def test_commands_read_and_decide_while_the_daemon_writes(real: Store, url: str) -> None:
    waves, ready, made = 15, SPAWN.Event(), SPAWN.Event()
    daemon = start(actors.work_like_a_daemon, url, waves, ready, made)
    assert ready.wait(PATIENCE)
    decided = 0
    while daemon.is_alive():
        plan = real.save_plan("run", "acme", f"{decided:064x}", {}, [], datetime.now(UTC))
        real.approve(plan, "ann")
        assert len(real.owned("acme", TARGET)) % 20 == 0
        decided += 1
        made.set()
    assert joined(daemon) == 0
    assert decided
    assert keys(real) == {group("acme", f"{wave}-{number}") for wave in range(waves) for number in range(20)}
    assert len(real.plans(limit=decided + 1)) == decided
    assert real.check() == []


def test_several_upgrades_at_once_make_one_schema(url: str) -> None:
    begin = SPAWN.Barrier(RACERS)
    racers = [start(actors.upgrade, url, begin) for _ in range(RACERS)]
    assert [joined(racer) for racer in racers] == [0] * RACERS
    with open_store(url, KEY) as store:
        assert store.check() == []
