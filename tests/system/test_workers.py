"""Many daemons on one PostgreSQL, while processes die and stand still and the database goes away."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from deploy.local.servers import Postgres
from tests.run_servers import run_directory
from tests.system.fleet import Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.live

MAPPINGS, PERIOD = 200, 30.0
HOUR = 3600.0


@pytest.fixture
def fleet(tmp_path: Path, worker: str) -> Iterator[Fleet]:
    """With a PostgreSQL of its own, because it is restarted."""
    postgres = Postgres(run_directory() / f"postgres-{worker}").start()
    made = Fleet(tmp_path, postgres, MAPPINGS, PERIOD)
    yield made
    made.kill_all()
    postgres.wipe()


def begun(fleet: Fleet) -> None:
    """Two that may lead, two that work, and every mapping has run."""
    fleet.start("scheduler", "scheduler", "worker", "worker")
    fleet.until(lambda lines: len({line.mapping for line in lines if line.what == "end"}) == MAPPINGS)


def replace_leader(fleet: Fleet) -> float:
    _, seconds = fleet.without_leader(signal.SIGKILL)
    fleet.start("scheduler")
    return seconds


def freeze_leader(fleet: Fleet) -> float:
    leader, seconds = fleet.without_leader(signal.SIGSTOP)
    leader.send_signal(signal.SIGCONT)
    return seconds


def workers(fleet: Fleet) -> list:
    return [one for one in fleet.processes if one.args[4] == "worker" and one.poll() is None]


def kill_worker(fleet: Fleet) -> None:
    random.choice(workers(fleet)).kill()
    fleet.start("worker")


def freeze_worker(fleet: Fleet) -> None:
    """Longer than its lease and its heartbeat last: its runs are another's when it wakes up."""
    frozen = random.choice(workers(fleet))
    frozen.send_signal(signal.SIGSTOP)
    time.sleep(10)
    frozen.send_signal(signal.SIGCONT)


def judged(fleet: Fleet, record) -> None:
    fleet.again(MAPPINGS)
    assert set(fleet.end()) == {0}, fleet.logs()
    judgement = fleet.judge()
    for name in ("runs", "successes", "fenced", "stalest"):
        record(name, round(getattr(judgement, name), 2))
    assert judgement.overlaps == []
    assert judgement.never == []
    assert judgement.stalest <= 3, fleet.logs()


def test_nothing_overlaps_and_nothing_is_lost_whatever_dies_or_stands_still(fleet, record_property):
    begun(fleet)
    record_property("new leader after a kill, seconds", round(replace_leader(fleet), 2))
    kill_worker(fleet)
    fleet.start("worker", "worker")
    freeze_worker(fleet)
    record_property("new leader after it stood still, seconds", round(freeze_leader(fleet), 2))
    fleet.postgres.restart()
    fleet.again(1)
    assert fleet.cut() > 0
    judged(fleet, record_property)


def test_who_wakes_up_in_a_run_that_is_anothers_by_now_writes_nothing_more(
    tmp_path, postgres_server, monkeypatch
):
    fleet = Fleet(tmp_path, postgres_server, mappings=1, period=5)
    try:
        monkeypatch.setenv("STANDS_STILL", "1")
        fleet.start("worker")
        monkeypatch.delenv("STANDS_STILL")
        (frozen,) = fleet.processes
        fleet.start("scheduler")
        (begun,) = [line for line in fleet.until(lambda lines: named(lines, "begin")) if line.what == "begin"]
        fleet.start("worker")
        fleet.until(lambda lines: named(lines, "end"))
        frozen.send_signal(signal.SIGCONT)
        lines = fleet.until(lambda lines: named(lines, "refused"))
        assert set(fleet.end()) == {0}, fleet.logs()
    finally:
        fleet.kill_all()
    assert begun.pid == frozen.pid
    mine = [line.what for line in lines if (line.pid, line.token) == (frozen.pid, begun.token)]
    assert mine == ["begin", "fenced", "refused"]
    assert fleet.judge().overlaps == []


def named(lines, what):
    return any(line.what == what for line in lines)


@pytest.mark.full
def test_nothing_overlaps_and_nothing_is_lost_for_an_hour(fleet, record_property):
    begun(fleet)
    fleet.start("worker", "worker")
    leaders = []
    acts = (
        lambda: leaders.append(replace_leader(fleet)),
        lambda: leaders.append(freeze_leader(fleet)),
        lambda: kill_worker(fleet),
        lambda: freeze_worker(fleet),
        fleet.postgres.restart,
        fleet.cut,
    )
    ends = time.monotonic() + HOUR
    while time.monotonic() < ends:
        random.choice(acts)()
        time.sleep(random.uniform(PERIOD / 2, 2 * PERIOD))
    record_property("slowest new leader, seconds", round(max(leaders), 2))
    judged(fleet, record_property)
