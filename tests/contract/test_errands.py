"""What an errand promises; `syncd.errand` lists it. Workers and waiters meet on a real PostgreSQL."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine, text

from syncd import errand_queue
from syncd.errand import CROWDED, UNFINISHED, UNTAKEN, Errand, Reply, Unanswered
from syncd.errand_queue import Answering, Sender
from syncd.errors import StoreError
from syncd.health import ErrandMetrics
from syncd.store import answers as stored
from syncd.store import open_store
from syncd.store.answers import Answers
from syncd.store.database import parse
from tests.contract.store.facts import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.local.servers import Postgres

pytestmark = pytest.mark.live

PATIENCE = 50.0  # seconds for what takes a fraction of one; less than an answer is kept
SECRET = "Bearer a-token-that-nobody-may-read"
REPOSITORY = Path(__file__).resolve().parents[2]


def errand(path: str = "/api/v1/acme/members") -> Errand:
    headers = (("authorization", SECRET), ("accept-language", "fr-é"))
    return Errand("POST", path, "a=%C3%A9&b", headers, bytes(range(256)))


def echo(one: Errand) -> Reply:
    return Reply(207, (("x-path", one.path), ("x-query", one.query), ("set", "1"), ("set", "é")), one.body)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers may be slow to take an errand and to show that they live, as on a busy machine."""
    monkeypatch.setattr(errand_queue, "TAKEN", PATIENCE)
    monkeypatch.setattr(stored, "PATIENCE", PATIENCE)


@pytest.fixture
def url(postgres_server: Postgres) -> str:
    made = postgres_server.fresh_database()
    with open_store(made, KEY) as store:
        store.upgrade()
    return made


@pytest.fixture
def rows(url: str) -> Iterator[Callable[[str], list]]:
    engine = create_engine(parse(url), isolation_level="AUTOCOMMIT")

    def rows(statement: str) -> list:
        with engine.connect() as connection:
            found = connection.execute(text(statement))
            return list(found) if found.returns_rows else []

    yield rows
    engine.dispose()


@contextmanager
def sending(url: str) -> Iterator[Callable[[Errand], Reply]]:
    with Sender(url) as sender:
        yield sender.send


def errands_of(registry: CollectorRegistry) -> dict[str, int]:
    """How many ended how, of those that did."""
    counts = {
        sample.labels["result"]: int(sample.value)
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "syncd_errand_duration_seconds_count"
    }
    return {result: count for result, count in counts.items() if count}


def eventually(met: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not met():
        assert time.monotonic() < limit
        time.sleep(0.1)


def test_what_is_answered_comes_back_unchanged_and_the_job_is_gone(url, rows, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    with Answering(url, echo), sending(url) as send:
        assert send(errand("/a%2Fb")) == echo(errand("/a%2Fb"))
    assert rows("SELECT id FROM procrastinate.procrastinate_jobs") == []
    assert SECRET not in caplog.text


def test_of_many_workers_one_takes_each_errand(url) -> None:
    taken: list[str] = []

    def noting(one: Errand) -> Reply:
        taken.append(one.path)
        return echo(one)

    with Answering(url, noting), Answering(url, noting), sending(url) as send, ThreadPoolExecutor(8) as many:
        paths = [f"/{number}" for number in range(24)]
        assert [one.headers[0][1] for one in many.map(send, map(errand, paths))] == paths
    assert sorted(taken) == sorted(paths)


def test_without_a_worker_nothing_is_done_and_nothing_is_done_later(url, rows, monkeypatch) -> None:
    monkeypatch.setattr(errand_queue, "TAKEN", 0.5)
    taken: list[str] = []
    with sending(url) as send:
        with pytest.raises(Unanswered, match=UNTAKEN):
            send(errand("/late"))
        monkeypatch.setattr(errand_queue, "TAKEN", PATIENCE)
        with Answering(url, lambda one: taken.append(one.path) or echo(one)):
            send(errand("/after"))
    assert taken == ["/after"]
    assert rows("SELECT id FROM procrastinate.procrastinate_jobs") == []


def test_what_was_taken_once_is_taken_by_nobody_else_and_a_deadline_of_another_day_by_nobody(url) -> None:
    with Answers(url) as one, Answers(url) as other:
        now = one.now()
        with one.taken(1, now + PATIENCE) as ours, other.taken(2, now + 10_000) as beyond:
            assert (ours, beyond) == (True, False)
            assert other.look(1, now - 1).alive
            assert not other.look(2, now - 1).taken
        with other.taken(1, now + PATIENCE) as again:
            assert not again
        left = other.look(1, now + PATIENCE)
        assert (left.taken, left.alive, left.reply) == (True, False, None)


KILLED = """
import os, signal, sys, time
from syncd.errand_queue import Answering
from syncd.store import answers
answers.PATIENCE = 50.0
def die(errand):
    print(errand.path, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
with Answering(sys.argv[1], die):
    print("up", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_worker_left_is_soon_said_and_never_repeated(url, rows, monkeypatch) -> None:
    monkeypatch.setattr(errand_queue, "SILENT", 0.5)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    dying = subprocess.Popen(
        [sys.executable, "-c", KILLED, url], stdout=subprocess.PIPE, text=True, env=environment
    )
    taken: list[str] = []
    with sending(url) as send:
        assert dying.stdout.readline() == "up\n"
        with pytest.raises(Unanswered, match=UNFINISHED):
            send(errand("/act"))
        assert dying.communicate() == ("/act\n", None)
        assert dying.returncode == -signal.SIGKILL
        with Answering(url, lambda one: taken.append(one.path) or echo(one)):
            send(errand("/other"))
    assert taken == ["/other"]
    (left,) = rows("SELECT status FROM procrastinate.procrastinate_jobs")
    assert left.status == "doing"
    monkeypatch.setattr(errand_queue, "DROPPED", 0.0)
    monkeypatch.setattr(errand_queue, "SWEEP", 0.1)
    with Answering(url, echo):
        eventually(lambda: not rows("SELECT id FROM procrastinate.procrastinate_jobs"))


def test_answers_are_forgotten(url, rows, monkeypatch) -> None:
    monkeypatch.setattr(errand_queue, "SWEEP", 0.1)
    with Answering(url, echo), sending(url) as send:
        send(errand())
        rows(f"UPDATE answers SET taken_at = taken_at - make_interval(secs => {stored.KEPT})")
        eventually(lambda: not rows("SELECT job FROM answers"))


def test_an_answer_that_is_given_while_its_worker_is_looked_for_is_not_missed(url, monkeypatch) -> None:
    monkeypatch.setattr(errand_queue, "SILENT", 0.0)
    look, overtaken = Answers.look, []

    def slow(answers: Answers, job: int, deadline: float) -> stored.Standing:
        stands = look(answers, job, deadline)
        if stands.reply is None or overtaken:
            return stands
        overtaken.append(job)  # as where it was given and let go of between the two halves of one look
        return stored.Standing(late=False, taken=True, alive=False, reply=None)

    monkeypatch.setattr(Answers, "look", slow)
    with Answering(url, echo), sending(url) as send:
        assert send(errand()).status == 207
    assert overtaken


def test_a_fault_of_a_worker_ends_neither_it_nor_the_wait_and_stands_in_no_log(
    url, caplog, monkeypatch
) -> None:
    monkeypatch.setattr(errand_queue, "SILENT", 0.5)

    def at_fault(one: Errand) -> Reply:
        if one.path == "/fault":
            raise RuntimeError(SECRET)
        return echo(one)

    with Answering(url, at_fault), sending(url) as send:
        with pytest.raises(Unanswered, match=UNFINISHED):
            send(errand("/fault"))
        assert send(errand("/well")).status == 207
    assert SECRET not in caplog.text


def test_too_many_are_turned_away_before_they_wait(url, monkeypatch) -> None:
    monkeypatch.setattr(errand_queue, "MOST", 1)
    gate, begun = threading.Event(), threading.Event()

    def held(one: Errand) -> Reply:
        begun.set()
        assert gate.wait(60)
        return echo(one)

    with Answering(url, held), sending(url) as send, ThreadPoolExecutor(1) as other:
        first = other.submit(send, errand())
        assert begun.wait(60)
        with pytest.raises(Unanswered, match=CROWDED):
            send(errand())
        gate.set()
        assert first.result().status == 207
    monkeypatch.setattr(errand_queue, "TAKEN", 0.1)
    with sending(url) as send:
        with pytest.raises(Unanswered, match=UNTAKEN):
            send(errand())
        monkeypatch.setattr(errand_queue, "MOST_QUEUED", 1)
        with pytest.raises(Unanswered, match=CROWDED):
            send(errand())


def test_both_sides_count_how_errands_ended_and_the_front_desk_those_that_wait(url, monkeypatch) -> None:
    monkeypatch.setattr(errand_queue, "SILENT", 0.5)
    here, there = CollectorRegistry(), CollectorRegistry()
    front = ErrandMetrics(here, "front")

    def at_fault(one: Errand) -> Reply:
        if one.path == "/fault":
            raise RuntimeError(SECRET)
        return echo(one)

    with Sender(url) as sender:
        front.waits(sender.waiting)
        send = front.timed(sender.send)
        with Answering(url, ErrandMetrics(there, "worker").timed(at_fault)):
            assert [send(errand()).status for _ in range(2)] == [207, 207]
            with pytest.raises(Unanswered, match=UNFINISHED):
                send(errand("/fault"))
        monkeypatch.setattr(errand_queue, "TAKEN", 0.2)
        with pytest.raises(Unanswered, match=UNTAKEN):
            send(errand())
        assert here.get_sample_value("syncd_errands_waiting") == 1
        monkeypatch.setattr(errand_queue, "MOST_QUEUED", 1)
        with pytest.raises(Unanswered, match=CROWDED):
            send(errand())
        assert errands_of(here) == {"answered": 2, "unfinished": 1, "untaken": 1, "crowded": 1}
    assert errands_of(there) == {"answered": 2, "fault": 1}


def test_a_store_that_is_too_old_for_errands_is_said_so(postgres_server) -> None:
    with pytest.raises(StoreError, match="has not the tables"):
        Sender(postgres_server.fresh_database())
