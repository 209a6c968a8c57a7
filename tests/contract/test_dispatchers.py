"""What every dispatcher promises; `syncd.dispatch` lists it."""

from __future__ import annotations

import gc
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from sqlalchemy import create_engine, text

from syncd import cluster, cluster_worker, dispatch_threads
from syncd.cluster import Queue
from syncd.dispatch import Again, Trigger
from syncd.dispatch_threads import Threads
from syncd.errors import StoreError
from syncd.store import open_store, revisions
from syncd.store.database import parse
from tests.contract.store.facts import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.local.servers import Postgres
    from syncd.dispatch import Dispatcher

PATIENCE = 60  # seconds for what takes a fraction of one


class Scene:
    """Runs that last until they are let go, and what was seen of them."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, Trigger, int]] = []
        self.ended: list[str] = []
        self.answers: dict[str, list[Again | None]] = {}
        self.faults: Counter[str] = Counter()
        self.overlaps: list[str] = []
        self.most = 0
        self._closed: dict[str, threading.Event] = {}
        self._now: Counter[str] = Counter()
        self._changed = threading.Condition()

    def hold(self, mapping: str) -> None:
        """Let runs of the mapping last until `release`."""
        self._closed[mapping] = threading.Event()

    def release(self, mapping: str) -> None:
        self._closed.pop(mapping).set()

    def run(self, mapping: str, trigger: Trigger, failures: int) -> Again | None:
        with self._changed:
            self.begun.append((mapping, trigger, failures))
            self._now[mapping] += 1
            if self._now[mapping] > 1:
                self.overlaps.append(mapping)
            self.most = max(self.most, self._now.total())
            self._changed.notify_all()
        gate = self._closed.get(mapping)
        if gate is not None:
            assert gate.wait(PATIENCE)
        with self._changed:
            self._now[mapping] -= 1
            self.ended.append(mapping)
            self._changed.notify_all()
        if self.faults[mapping]:
            self.faults[mapping] -= 1
            raise RuntimeError(mapping)
        answers = self.answers.get(mapping)
        return answers.pop(0) if answers else None

    def until(self, met: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(met, PATIENCE), (self.begun, self.ended)

    def names(self) -> list[str]:
        return [mapping for mapping, _, _ in self.begun]


def eventually(met: Callable[[], object]) -> None:
    limit = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < limit
        time.sleep(0.1)


@pytest.fixture
def scene() -> Scene:
    return Scene()


class DispatcherContract:
    """Subclasses give `begin`: a dispatcher of that many workers, started with the scene's runs."""

    @pytest.fixture
    def begin(self, scene: Scene) -> Iterator[Callable[[int], Dispatcher]]:
        made: list[Dispatcher] = []

        def begin(workers: int) -> Dispatcher:
            made.append(self.make(workers))
            made[-1].start(scene.run)
            return made[-1]

        yield begin
        for one in made:
            one.stop()

    def make(self, workers: int) -> Dispatcher:
        raise NotImplementedError

    def is_ending(self, dispatcher: Dispatcher) -> bool:
        """Whether its workers know by now that they are to end."""
        raise NotImplementedError

    def test_what_is_asked_for_runs_once_for_the_reason_given(self, begin, scene):
        dispatcher = begin(2)
        assert dispatcher.ask("acme", Trigger.EVENT)
        scene.until(lambda: scene.ended == ["acme"])
        assert scene.begun == [("acme", Trigger.EVENT, 0)]

    def test_what_waits_is_not_asked_for_twice(self, begin, scene):
        dispatcher = begin(1)
        scene.hold("busy")
        dispatcher.ask("busy", Trigger.SCHEDULE)
        scene.until(lambda: scene.names() == ["busy"])
        assert [dispatcher.ask("acme", Trigger.SCHEDULE) for _ in range(3)] == [True, False, False]
        assert dispatcher.waiting() == 1
        scene.release("busy")
        dispatcher.ask("last", Trigger.SCHEDULE)
        scene.until(lambda: "last" in scene.ended)
        assert scene.names() == ["busy", "acme", "last"]

    def test_asked_for_while_it_runs_it_runs_once_more(self, begin, scene):
        dispatcher = begin(2)
        scene.hold("acme")
        dispatcher.ask("acme", Trigger.SCHEDULE)
        scene.until(lambda: len(scene.begun) == 1)
        assert [dispatcher.ask("acme", Trigger.EVENT) for _ in range(3)] == [True, False, False]
        scene.release("acme")
        scene.until(lambda: len(scene.ended) == 2)
        assert scene.begun == [("acme", Trigger.SCHEDULE, 0), ("acme", Trigger.EVENT, 0)]
        assert not scene.overlaps

    def test_runs_of_one_mapping_never_overlap_and_those_of_others_go_side_by_side(self, begin, scene):
        dispatcher = begin(4)
        names = [f"m{number}" for number in range(8)]
        for name in names[:4]:
            scene.hold(name)
        for name in names:
            dispatcher.ask(name, Trigger.SCHEDULE)
        scene.until(lambda: scene.most == 4)
        for name in names:
            dispatcher.ask(name, Trigger.EVENT)
        for name in names[:4]:
            scene.release(name)
        scene.until(lambda: set(scene.ended) == set(names) and len(scene.ended) >= 12)
        scene.until(lambda: all(scene.ended.count(name) == 2 for name in names[:4]))
        assert not scene.overlaps

    def test_what_somebody_waits_for_goes_first(self, begin, scene):
        dispatcher = begin(1)
        scene.hold("busy")
        dispatcher.ask("busy", Trigger.SCHEDULE)
        scene.until(lambda: scene.names() == ["busy"])
        for name, trigger in (
            ("due", Trigger.SCHEDULE),
            ("urged", Trigger.SCHEDULE),
            ("edited", Trigger.EVENT),
            ("wanted", Trigger.SYNC),
        ):
            assert dispatcher.ask(name, trigger)
        assert not dispatcher.ask("urged", Trigger.SYNC)
        scene.release("busy")
        scene.until(lambda: len(scene.ended) == 5)
        assert set(scene.names()[1:3]) == {"wanted", "urged"}
        assert scene.names()[3:] == ["edited", "due"]
        assert ("urged", Trigger.SYNC, 0) in scene.begun

    def test_a_run_that_failed_is_tried_again_with_its_count(self, begin, scene):
        soon = [Again(datetime.now(UTC), number) for number in (1, 2)]
        scene.answers["acme"] = [*soon, None]
        begin(2).ask("acme", Trigger.SCHEDULE)
        scene.until(lambda: len(scene.ended) == 3)
        assert [(trigger, failures) for _, trigger, failures in scene.begun] == [
            (Trigger.SCHEDULE, 0),
            (Trigger.RETRY, 1),
            (Trigger.RETRY, 2),
        ]

    def test_what_only_waited_comes_back_as_due(self, begin, scene):
        scene.answers["acme"] = [Again(datetime.now(UTC)), None]
        begin(1).ask("acme", Trigger.EVENT)
        scene.until(lambda: len(scene.ended) == 2)
        assert scene.begun[1] == ("acme", Trigger.SCHEDULE, 0)

    def test_what_is_tried_later_keeps_nothing_waiting(self, begin, scene):
        dispatcher = begin(1)
        scene.answers["acme"] = [Again(datetime.now(UTC) + timedelta(hours=1), 1)]
        dispatcher.ask("acme", Trigger.SCHEDULE)
        scene.until(lambda: len(scene.ended) == 1)
        scene.hold("acme")
        assert dispatcher.ask("acme", Trigger.SCHEDULE)
        scene.until(lambda: len(scene.begun) == 2)
        assert dispatcher.waiting() == 0
        scene.release("acme")

    def test_success_calls_off_what_was_to_be_tried_later(self, begin, scene):
        dispatcher = begin(1)
        scene.hold("acme")
        dispatcher.ask("acme", Trigger.SCHEDULE)
        scene.until(lambda: len(scene.begun) == 1)
        assert dispatcher.ask("acme", Trigger.SCHEDULE)  # goes first, however late the first one ends
        at = datetime.now(UTC) + timedelta(seconds=1)
        scene.answers["acme"] = [Again(at, 1), None]
        scene.release("acme")
        scene.until(lambda: len(scene.ended) == 2)
        dispatcher.ask("other", Trigger.SCHEDULE)  # begins once the second one is done with
        scene.until(lambda: "other" in scene.names())
        time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()) + 0.5)
        assert dispatcher.waiting() == 0
        assert scene.begun == [("acme", Trigger.SCHEDULE, 0)] * 2 + [("other", Trigger.SCHEDULE, 0)]

    def test_a_fault_ends_neither_the_mapping_nor_the_worker(self, begin, scene):
        dispatcher = begin(1)
        scene.faults["acme"] = 1
        dispatcher.ask("acme", Trigger.SCHEDULE)
        scene.until(lambda: len(scene.ended) == 1)
        dispatcher.ask("acme", Trigger.SYNC)
        scene.until(lambda: len(scene.ended) == 2)

    def test_the_end_waits_for_what_runs_and_begins_nothing_more(self, begin, scene):
        dispatcher = begin(1)
        scene.hold("acme")
        dispatcher.ask("acme", Trigger.SCHEDULE)
        scene.until(lambda: len(scene.begun) == 1)
        dispatcher.ask("other", Trigger.SCHEDULE)
        over = threading.Event()
        ending = threading.Thread(target=lambda: (dispatcher.stop(), over.set()))
        ending.start()
        eventually(lambda: self.is_ending(dispatcher))
        assert not over.wait(0.5)
        scene.release("acme")
        ending.join(PATIENCE)
        assert over.is_set()
        assert scene.ended == ["acme"]
        assert scene.names() == ["acme"]


class SetForward(datetime):
    """A clock two hours later."""

    @classmethod
    def now(cls, tz=None) -> datetime:
        return datetime.now(tz) + timedelta(hours=2)


class TestThreads(DispatcherContract):
    """Threads of one process."""

    def make(self, workers: int) -> Dispatcher:
        return Threads(workers)

    def is_ending(self, dispatcher: Threads) -> bool:
        return dispatcher._stopping

    def test_what_is_tried_later_comes_due_when_the_clock_is_set_forward(self, begin, scene, monkeypatch):
        monkeypatch.setattr(dispatch_threads, "LOOK", 0.1)
        scene.answers["acme"] = [Again(datetime.now(UTC) + timedelta(hours=1), 1), None]
        begin(1).ask("acme", Trigger.SCHEDULE)
        scene.until(lambda: len(scene.ended) == 1)
        monkeypatch.setattr(dispatch_threads, "datetime", SetForward)
        scene.until(lambda: len(scene.ended) == 2)
        assert scene.begun[1] == ("acme", Trigger.RETRY, 1)


@pytest.mark.live
class TestQueue(DispatcherContract):
    """procrastinate over PostgreSQL."""

    @pytest.fixture(autouse=True)
    def told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stop, self.told_to_end = cluster_worker.Lasting.stop, threading.Event()
        monkeypatch.setattr(
            cluster_worker.Lasting, "stop", lambda worker: (stop(worker), self.told_to_end.set())
        )

    @pytest.fixture(autouse=True)
    def store(self, postgres_server: Postgres) -> None:
        self.url = postgres_server.fresh_database()
        with open_store(self.url, KEY) as store:
            store.upgrade()

    def make(self, workers: int) -> Dispatcher:
        return Queue(self.url, workers)

    def is_ending(self, dispatcher: Queue) -> bool:
        return self.told_to_end.is_set()

    @pytest.fixture
    def away(self, postgres_server: Postgres, monkeypatch) -> Iterator[Callable[[], None]]:
        """Takes the database away for longer than anybody is patient; everything else is faster, too.

        Once it is back there is time for everything again: a job that could not be finished would run anew.
        """
        for name, seconds in {"PATIENCE": 0.5, "HEARTBEAT": 0.2, "POLL": 0.2, "BACK": 0.2}.items():
            monkeypatch.setattr(cluster_worker, name, seconds)
        server = create_engine(parse(postgres_server.url), isolation_level="AUTOCOMMIT")
        name = parse(self.url).database

        def away() -> None:
            with server.connect() as connection:
                connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
                try:
                    connection.execute(
                        text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
                        {"name": name},
                    )
                    time.sleep(5 * cluster_worker.PATIENCE)
                finally:
                    monkeypatch.setattr(cluster_worker, "PATIENCE", PATIENCE)
                    for pool in pools():
                        pool.timeout = PATIENCE
                    connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))

        def pools() -> list[ConnectionPool | AsyncConnectionPool]:
            kinds = (ConnectionPool, AsyncConnectionPool)
            return [one for one in gc.get_objects() if issubclass(type(one), kinds) and name in one.conninfo]

        yield away
        server.dispose()

    def until_true(self, statement: str) -> None:
        """Wait until the database says so."""
        engine = create_engine(parse(self.url), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            eventually(lambda: connection.scalar(text(statement)))
        engine.dispose()

    def test_a_worker_without_room_shows_that_it_lives_after_the_database_was_away(self, away, begin, scene):
        scene.hold("long")
        begin(1).ask("long", Trigger.SCHEDULE)
        scene.until(lambda: scene.names() == ["long"])
        away()
        self.until_true(
            "SELECT bool_and(last_heartbeat > backend_start) FROM procrastinate.procrastinate_workers, "
            "pg_stat_activity WHERE pid = pg_backend_pid()"
        )
        scene.release("long")
        scene.until(lambda: scene.ended == ["long"])
        self.until_true("SELECT count(*) = 0 FROM procrastinate.procrastinate_jobs")
        assert scene.names() == ["long"]

    def test_a_worker_with_room_goes_on_taking_after_the_database_was_away(self, away, begin, scene):
        scene.hold("long")
        begin(2).ask("long", Trigger.SCHEDULE)
        scene.until(lambda: scene.names() == ["long"])
        away()
        asker = Queue(self.url, 0)
        asker.ask("next", Trigger.SCHEDULE)
        scene.until(lambda: scene.ended == ["next"])
        asker.stop()
        scene.release("long")
        scene.until(lambda: scene.ended == ["next", "long"])
        self.until_true("SELECT count(*) = 0 FROM procrastinate.procrastinate_jobs")
        assert scene.names() == ["long", "next"]

    def test_a_worker_that_others_struck_off_registers_anew(self, begin, scene):
        dispatcher = begin(1)
        dispatcher.ask("before", Trigger.SCHEDULE)
        scene.until(lambda: scene.ended == ["before"])
        self.until_true("SELECT count(*) = 0 FROM procrastinate.procrastinate_jobs")
        self.until_true(
            "WITH gone AS (DELETE FROM procrastinate.procrastinate_workers RETURNING id) "
            "SELECT count(*) = 1 FROM gone"
        )
        dispatcher.ask("after", Trigger.SCHEDULE)
        scene.until(lambda: scene.ended == ["before", "after"])
        self.until_true("SELECT count(*) = 1 FROM procrastinate.procrastinate_workers")
        assert scene.names() == ["before", "after"]

    def test_asks_of_one_process_are_carried_out_by_another(self, begin, scene):
        asker = Queue(self.url, 0)
        assert asker.ask("acme", Trigger.SYNC)
        assert asker.waiting() == 1
        begin(2)
        scene.until(lambda: scene.ended == ["acme"])
        asker.stop()

    def test_a_store_without_the_queue_is_said_so(self, postgres_server):
        asker = Queue(postgres_server.fresh_database(), 0)
        with pytest.raises(StoreError, match="procrastinate"):
            asker.ask("acme", Trigger.SYNC)
        asker.stop()

    def test_a_run_that_its_worker_forgot_is_asked_for_again(self, begin, scene, monkeypatch):
        monkeypatch.setattr(cluster, "REAP", 0.2)
        lost = begin(1)
        scene.hold("acme")
        lost.ask("acme", Trigger.SCHEDULE)
        scene.until(lambda: len(scene.begun) == 1)
        lost._mine.clear()  # as where a job was fetched and the answer never came
        begin(1)
        scene.until(lambda: lost.waiting() == 1 or len(scene.begun) == 2)
        scene.release("acme")
        scene.until(lambda: len(scene.ended) == 2)


def test_the_tables_of_the_queue_are_those_of_the_library_installed():
    ours = (Path(revisions.__file__).parent / "procrastinate.sql").read_text("utf-8")
    theirs = (resources.files("procrastinate") / "sql" / "schema.sql").read_text("utf-8")
    assert ours.endswith(theirs)
