"""What an errand promises while PostgreSQL is restarted and sessions are ended; nobody is asked twice."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import AsyncConnection, BaseConnection, Connection
from psycopg_pool.base import AttemptWithBackoff
from sqlalchemy import create_engine, text

from deploy.local.servers import Postgres
from syncd import cluster_worker, errand_queue
from syncd.errand import SHUT, UNFINISHED, Errand, Reply, Unanswered
from syncd.errand_queue import Answering, Sender
from syncd.errors import StoreError
from syncd.store import answers as stored
from syncd.store import open_store
from syncd.store.answers import Answers
from syncd.store.database import parse
from syncd.store.leader import Leader
from tests.contract.store.facts import KEY
from tests.run_servers import run_directory
from tests.system.fleet import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.live

CUTS = 4
PATIENCE = 50.0  # seconds for what takes a fraction of one; less than an answer is kept
LISTEN = """
SELECT count(*) = 1 FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'LISTEN%errands%' AND state = 'idle'
"""
SIGN = """
SELECT pid FROM pg_locks JOIN pg_database ON oid = database
WHERE datname = current_database() AND locktype = 'advisory' AND classid = :space AND granted
"""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers may be slow to take an errand and to show that they live, as on a busy machine."""
    monkeypatch.setattr(errand_queue, "TAKEN", PATIENCE)
    monkeypatch.setattr(errand_queue, "SILENT", PATIENCE)
    monkeypatch.setattr(stored, "PATIENCE", PATIENCE)


@pytest.fixture(scope="module")
def postgres(worker: str) -> Iterator[Postgres]:
    """Of its own, because it is restarted."""
    server = Postgres(run_directory() / f"postgres-errands-{worker}").start()
    yield server
    server.wipe()


@pytest.fixture
def url(postgres: Postgres) -> str:
    made = postgres.fresh_database()
    with open_store(made, KEY) as store:
        store.upgrade()
    return made


def errand(path: str) -> Errand:
    return Errand("POST", path, "", (), b"")


class Office:
    """Notes what it is asked for, and can be made to stand still in the middle of it."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.begun, self.goes_on = threading.Event(), threading.Event()

    def __call__(self, one: Errand) -> Reply:
        self.begun.set()
        assert self.goes_on.wait(60)
        self.done[one.path] += 1
        return Reply(200, (), one.path.encode())


def until(met: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not met():
        assert time.monotonic() < limit
        time.sleep(0.1)


def answer_of(url: str, statement: str, **values: object) -> Any:
    engine = create_engine(parse(url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        answer = connection.scalar(text(statement), values)
    engine.dispose()
    return answer


def until_heard(url: str) -> None:
    """Wait until a worker is told of new errands."""
    until(lambda: answer_of(url, LISTEN))


def sign_of_life(url: str) -> int | None:
    """The session by which a worker shows that it is at an errand."""
    return answer_of(url, SIGN, space=stored._SPACE)


def bounds(number: int) -> tuple[int, ...]:
    """What the kernel goes by where the other end of a connection is silent."""
    options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
    with socket.socket(fileno=os.dup(number)) as one:
        return tuple(one.getsockopt(socket.IPPROTO_TCP, option) for option in options)


def restart(postgres: Postgres, _url: str) -> None:
    postgres.restart()


def end_sessions(_postgres: Postgres, url: str) -> None:
    assert cut(url) > 0


FAULTS = {"restarted": restart, "cut": end_sessions}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_a_living_worker_was_at_is_answered_though_the_store_went_away(
    postgres: Postgres, url: str, fault: Callable[[Postgres, str], None]
) -> None:
    office = Office()
    with Answering(url, office), Sender(url) as sender, ThreadPoolExecutor(1) as front:
        waiting = front.submit(sender.send, errand("/act"))
        assert office.begun.wait(60)
        before = sign_of_life(url)
        fault(postgres, url)
        until(lambda: sign_of_life(url) not in {None, before})
        office.goes_on.set()
        assert waiting.result() == Reply(200, (), b"/act")
    assert office.done == {"/act": 1}


def test_an_answer_that_came_while_the_store_was_away_is_given_when_it_is_back(
    postgres: Postgres, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office()
    give, refused = Answers.give, threading.Event()

    def noting(answers: Answers, job: int, reply: Reply) -> None:
        try:
            give(answers, job, reply)
        except StoreError:
            refused.set()
            raise

    monkeypatch.setattr(Answers, "give", noting)
    with Answering(url, office), Sender(url) as sender, ThreadPoolExecutor(1) as front:
        waiting = front.submit(sender.send, errand("/act"))
        assert office.begun.wait(60)
        postgres.stop()
        office.goes_on.set()
        assert refused.wait(60)
        postgres.start()
        assert waiting.result() == Reply(200, (), b"/act")
    assert office.done == {"/act": 1}


def waits(sender: Sender) -> int | None:
    """How many errands wait; None where the queue does not say in time."""
    try:
        return sender.waiting()
    except StoreError:
        return None


def test_while_the_store_is_away_nothing_is_handed_over_and_who_asks_learns_it(
    postgres: Postgres, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_worker, "PATIENCE", 1.5)
    monkeypatch.setattr(AttemptWithBackoff, "DELAY_BACKOFF", 1000.0)  # a pause that grows never ends here
    with Sender(url) as sender:
        postgres.stop()
        for _ in range(2):
            with pytest.raises(Unanswered, match=SHUT):
                sender.send(errand("/act"))
        postgres.start()
        until(lambda: waits(sender) == 0)  # soon, however long it was away


def test_what_nobody_had_taken_yet_is_done_once_after_a_restart(postgres: Postgres, url: str) -> None:
    office = Office()
    office.goes_on.set()
    with Sender(url) as sender, ThreadPoolExecutor(1) as front:
        waiting = front.submit(sender.send, errand("/act"))
        until(lambda: sender.waiting() == 1)
        postgres.restart()
        with Answering(url, office), Answering(url, office):
            assert waiting.result() == Reply(200, (), b"/act")
    assert office.done == {"/act": 1}


def test_workers_hear_of_new_errands_again_after_a_restart(
    postgres: Postgres, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_worker, "POLL", 3600.0)  # who only looks now and then finds nothing in time
    office = Office()
    office.goes_on.set()
    with Answering(url, office), Sender(url) as sender:
        until_heard(url)
        postgres.restart()
        until_heard(url)
        paths = [f"/{number}" for number in range(4)]
        for path in paths:
            assert sender.send(errand(path)).body == path.encode()
    assert office.done == dict.fromkeys(paths, 1)


def test_every_session_would_notice_a_server_that_is_gone_without_a_word(url: str) -> None:
    leads = threading.Event()
    leader = Leader(url, leads.set, lambda: None)
    leader.start()
    try:
        with Answering(url, Office()), Sender(url):
            assert leads.wait(60)
            until_heard(url)
            sessions = [
                one
                for one in gc.get_objects()
                if issubclass(type(one), BaseConnection) and not one.closed and url.endswith(one.info.dbname)
            ]
            kinds = {(type(one), one.info.get_parameters()["application_name"]) for one in sessions}
            in_force = {bounds(one.fileno()) for one in sessions}
    finally:
        leader.stop()
    assert kinds == {
        (Connection, "syncd"),
        (Connection, "syncd leader"),
        (Connection, "syncd queue"),
        (AsyncConnection, "syncd queue"),
    }
    assert in_force == {(2, 2, 2, 5000)}


def test_many_lost_connections_keep_a_worker_no_longer_than_one(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AttemptWithBackoff, "DELAY_BACKOFF", 1000.0)  # a pause that grows never ends here

    async def ask() -> Any:
        async with cluster_worker.Pool(
            **cluster_worker.pool(url), min_size=8, max_size=8, open=False
        ) as pool:
            await pool.wait(60)
            assert cut(url) == 8
            async with pool.connection(timeout=60) as connection:
                return await (await connection.execute("SELECT 1")).fetchone()

    assert asyncio.run(ask()) == (1,)


def test_whatever_is_cut_and_whenever_nothing_is_done_twice_and_no_answer_is_untrue(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errand_queue, "TAKEN", 3.0)
    monkeypatch.setattr(errand_queue, "SILENT", 5.0)
    office = Office()
    office.goes_on.set()
    over = threading.Event()
    answered: list[str] = []
    refused: list[str] = []
    undone: list[str] = []
    numbers = iter(range(100_000))

    def ask() -> None:
        while not over.is_set():
            path = f"/{next(numbers)}"
            try:
                assert sender.send(errand(path)).body == path.encode()
                answered.append(path)
            except Unanswered as error:
                (refused if str(error) == UNFINISHED else undone).append(path)

    with Answering(url, office), Answering(url, office), Sender(url) as sender, ThreadPoolExecutor(4) as many:
        asking = [many.submit(ask) for _ in range(4)]
        for _ in range(CUTS):
            so_far = len(answered)
            time.sleep(0.5)
            until(lambda so_far=so_far: len(answered) > so_far)
            cut(url)
        time.sleep(0.5)
        over.set()
        for one in asking:
            one.result()
        monkeypatch.setattr(errand_queue, "TAKEN", PATIENCE)
        assert sender.send(errand("/after")).body == b"/after"
    assert set(office.done.values()) == {1}
    assert {path for path in answered if path not in office.done} == set()
    assert office.done.keys() <= {*answered, *refused, "/after"}  # none of those said not to be done
