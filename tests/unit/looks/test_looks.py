"""When servers are looked at, whom that wakes, and what is said where a server does not answer."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import structlog

from syncd import daemon_looks
from syncd.app.looks import Output, Server
from syncd.daemon_looks import Looks
from syncd.errors import StoreError, Unreachable
from syncd.mapping.values import Duration
from syncd.targets.hints import Hints

SSO_AT = ("sso", "acme")


class Look:
    """Answers what it is told to, or raises it."""

    def __init__(self) -> None:
        self.answers: list = []
        self.looked = self.settled = self.closed = 0

    def look(self):
        self.looked += 1
        answer = self.answers.pop(0) if self.answers else Hints()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def settle(self):
        self.settled += 1

    def close(self):
        self.closed += 1


class World:
    """Looks over one server with two mappings, without a clock of its own."""

    def __init__(self, monkeypatch) -> None:
        self.look, self.asked, self.since = Look(), [], []
        self.now, self.fails = 0.0, None
        self.successes = {}
        monkeypatch.setattr(daemon_looks, "monotonic", lambda: self.now)
        monkeypatch.setattr(daemon_looks, "outputs_of", lambda *_: [Output(*SSO_AT)])
        app = SimpleNamespace(
            last_successes=lambda: self.successes, holders=lambda _: {"acme"}, close=lambda: None
        )
        self.settings = SimpleNamespace(events=Duration(seconds=30), mappings={"acme": 1, "beta": 1})
        self.read = []
        files = SimpleNamespace(settings=self.settings, document=self.document, app=lambda: app)
        self.looks = Looks(files, self.ask, self.make)
        self.looks.begin()

    def document(self, name):
        self.read.append(name)
        return name

    def make(self, _settings, _server, since):
        self.since.append(since)
        return self.look

    def ask(self, name, server):
        if self.fails:
            raise self.fails
        self.asked.append(name)

    def wait_in_its_place(self, rounds):
        """Run what the thread runs, whose waits take no time, until it has waited so often."""
        self.waited = []

        def wait(seconds):
            self.waited.append(seconds)
            self.now += seconds
            self.looks._stopping = len(self.waited) == rounds

        self.looks._told = SimpleNamespace(wait=wait, clear=lambda: None)
        self.looks._stand()

    def round(self, *answers):
        self.look.answers = list(answers)
        self.looks.round()
        self.now += 30


@pytest.fixture
def world(monkeypatch):
    return World(monkeypatch)


@contextmanager
def logged():
    with structlog.testing.capture_logs() as records:
        yield records


def test_a_change_wakes_the_mapping_that_holds_it_once(world):
    world.round(Hints(natives=frozenset({"g1"})))
    world.round()
    assert world.asked == ["acme"]


def test_what_concerns_everybody_wakes_every_mapping_on_the_server(world):
    world.round(Hints("roles were changed"))
    assert world.asked == ["acme", "beta"]


def test_a_look_whose_wakes_could_not_be_asked_for_is_not_settled(world):
    world.fails = StoreError("away")
    world.round(Hints("roles were changed"))
    assert (world.look.settled, world.asked) == (0, [])
    assert world.looks.problems() == {"sso realm acme": "away"}


def test_a_server_that_does_not_answer_is_said_once_for_each_reason_and_asked_less_often(world):
    with logged() as records:
        for _ in range(20):
            world.round(Unreachable("sso", "no answer"))
        world.now += daemon_looks.LONGEST
        world.round(Unreachable("sso", "refused"))
    said = [record["problem"] for record in records if record["log_level"] == "warning"]
    assert said == ["sso: no answer", "sso: refused"]
    assert world.look.looked < 10
    assert world.look.settled == 0


def test_a_server_that_is_back_is_looked_at_each_period_again(world):
    world.round(Unreachable("sso", "no answer"))
    world.now += daemon_looks.LONGEST
    with logged() as records:
        world.round()
    before = world.look.looked
    world.round()
    assert world.look.looked == before + 1
    assert world.looks.problems() == {"sso realm acme": ""}
    assert [record["event"] for record in records] == ["changes by hand are seen again"]


def test_a_fault_of_ours_ends_no_looking(world):
    world.round(KeyError("x"))
    assert "KeyError" in world.looks.problems()["sso realm acme"]
    world.now += daemon_looks.LONGEST
    world.round(Hints("roles were changed"))
    assert world.asked == ["acme", "beta"]


def test_the_first_look_goes_back_to_the_oldest_of_the_last_good_runs_but_an_hour_at_most(world):
    now = datetime.now(UTC)
    world.successes = {"acme": now - timedelta(minutes=5), "beta": now - timedelta(minutes=20)}
    world.round()
    assert world.since == [world.successes["beta"]]
    world.successes = {"acme": now - timedelta(days=9)}
    world.looks._forget({Server(*SSO_AT)})
    world.round()
    assert now - timedelta(hours=1, minutes=1) < world.since[1] < now - timedelta(minutes=59)


def test_only_a_process_that_leads_looks(world):
    world.looks.halt()
    world.round(Hints("roles were changed"))
    assert (world.look.looked, world.asked) == (0, [])
    world.looks.begin()
    world.round(Hints("roles were changed"))
    assert world.asked == ["acme", "beta"]


def test_each_server_is_looked_at_twice_a_period(world):
    world.wait_in_its_place(rounds=5)
    assert world.waited == [0, 15, 15, 15, 15]
    assert world.look.looked == 4


def test_a_period_of_nothing_turns_looking_off(world):
    world.settings.events = Duration()
    world.looks.start()
    world.looks.plan({"acme"})
    world.looks.stop()
    assert world.look.looked == 0


def test_only_files_that_changed_are_read_again(world):
    world.round()
    world.round()
    assert sorted(world.read) == ["acme", "beta"]
    world.looks.plan({"beta"})
    world.round()
    assert world.read[2:] == ["beta"]
