"""The daemon's main loop: files judged at a reload, asks that are made until they are taken, times."""

from __future__ import annotations

import base64
import os
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest.mock import Mock

import apscheduler.schedulers.base
import pytest

from syncd import daemon as daemon_module
from syncd import daemon_clock
from syncd.app import App, files
from syncd.daemon import Daemon, Role
from syncd.daemon_asks import Asks
from syncd.daemon_clock import Clock
from syncd.dispatch import Trigger
from syncd.errors import MappingInvalid, Place, Problem, StoreError
from syncd.schedule import rhythm_of
from syncd.service import CHANGED, NOW, RELOAD, STOP

MAPPING = "syncd: 1\nmapping: {}\nkeycloak: false\n"
BROKEN = "syncd: 1\nunknown: 1\n"
PATIENCE = 30  # seconds; a bound for a busy machine, not a figure
AWAY = StoreError("the queue in PostgreSQL failed: gone")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Mappings `a`, `b` and `c` that write nowhere, in a folder each."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.yaml").write_text(MAPPING.format(name))
    (tmp_path / "key").write_text(base64.b64encode(os.urandom(32)).decode())
    (tmp_path / "syncd.yaml").write_text(
        "environment: test\nstore: sqlite:syncd.db\nintegrity_key: {file: key}\n"
        "mappings: {a: a, b: b, c: c}\n"
    )
    with closing(App.open(tmp_path / "syncd.yaml")) as app:
        app.db_upgrade()
    return tmp_path


class Turned:
    """A daemon whose main loop takes the turns that a test wants; nothing runs. `said` is to systemd."""

    def __init__(self, site, monkeypatch):
        self.asked: list[tuple[str, Trigger]] = []
        self.away: set[str] = set()
        self.said: list[str] = []
        monkeypatch.setattr(daemon_module, "tell_systemd", lambda *words: self.said.extend(words))
        self.daemon = Daemon(site / "syncd.yaml")
        self.daemon._dispatcher = SimpleNamespace(ask=self._ask)
        self.daemon._leader = SimpleNamespace(leads=lambda: True)
        self.daemon._clock = Clock(self.daemon._files, self.daemon._ask_if_leading)

    def _ask(self, name, trigger):
        self.asked.append((name, trigger))
        if name in self.away:
            raise AWAY
        return True

    def turn(self, *events):
        """A turn of the main loop for each event, "" for a beat without one."""
        waiting = iter((*events, STOP))
        self.daemon._events.next = lambda: next(waiting)
        self.daemon._loop()

    def statuses(self):
        return [word for word in self.said if word.startswith("STATUS=")]

    def gauge(self, mapping):
        return self.daemon.metrics.valid.labels(mapping)._value.get()


@pytest.fixture
def turned(site, monkeypatch):
    one = Turned(site, monkeypatch)
    yield one
    one.daemon._clock.stop()


# --- files -----------------------------------------------------------------------------------------


def test_a_reload_says_at_once_where_files_are_invalid(site, turned):
    turned.turn(RELOAD)
    assert (turned.statuses(), turned.gauge("b")) == (["STATUS=in force"], 1)
    (site / "b" / "b.yaml").write_text(BROKEN)
    turned.turn(RELOAD)
    assert turned.statuses()[1].startswith("STATUS=b/b.yaml:2:1: ")
    assert [turned.gauge(name) for name in "abc"] == [1, 0, 1]
    assert turned.daemon.metrics.reload._value.get() == 1
    (site / "b" / "b.yaml").write_text(MAPPING.format("b"))
    turned.daemon._files_changed({"b"})
    turned.turn(CHANGED)
    assert (turned.statuses()[2:], turned.gauge("b")) == (["STATUS=in force"], 1)


def test_a_paused_mapping_is_judged_and_not_ready_without_valid_files(site, turned):
    with closing(App.open(site / "syncd.yaml")) as app:
        app.timing().pause("b", "ann")
    (site / "b" / "b.yaml").write_text(BROKEN)
    turned.turn(RELOAD)
    assert turned.daemon._checks()["mapping b"].status == "fail"
    turned.daemon._role = Role.SCHEDULER
    assert turned.daemon._checks()["mapping b"].status == "warn"


def test_what_a_run_finds_is_told_to_systemd_at_the_next_beat(turned):
    turned.turn(RELOAD, "")
    problem = Problem(Place("a/a.yaml", 3, 1), "", "one\nMAINPID=1\nline \ud800")
    turned.daemon._files.problems["a"] = MappingInvalid([problem])
    turned.turn("", "")
    turned.daemon._files.problems.clear()
    turned.turn("", "")
    assert turned.statuses() == [
        "STATUS=in force", "STATUS=a/a.yaml:3:1: one MAINPID=1 line \ud800", "STATUS=in force",
    ]  # fmt: skip


def test_a_mapping_that_comes_with_syncd_yaml_is_judged(site, turned):
    (site / "d").mkdir()
    (site / "d" / "d.yaml").write_text(BROKEN)
    settings = (site / "syncd.yaml").read_text()
    (site / "syncd.yaml").write_text(settings.replace("c: c", "c: c, d: d"))
    turned.turn(RELOAD)
    assert turned.statuses()[0].startswith("STATUS=d/d.yaml:2:1: ")


def test_one_folder_that_cannot_be_walked_keeps_no_other_mapping_from_its_times(site, turned):
    (site / "b" / "self").symlink_to("self")
    turned.daemon._clock.begin()
    turned.turn(RELOAD)
    assert set(turned.daemon._clock.rhythms()) == {"a", "b", "c"}
    assert turned.statuses()[0].startswith("STATUS=b/self:1:1: cannot be read: ")


def test_files_are_understood_once_for_all_that_want_them(turned, monkeypatch):
    loaded, real = [], files.load_mapping

    def load(settings, name):
        loaded.append(name)
        return real(settings, name)

    monkeypatch.setattr(files, "load_mapping", load)
    turned.daemon._clock.begin()
    turned.turn("", "")
    turned.daemon._judge("abc")
    assert sorted(loaded) == ["a", "b", "c"]


def test_every_roster_that_a_mapping_names_is_watched(site, turned):
    roster = "rosters: {{staff: {{csv: {}, columns: {{email: mail}}}}}}\n"
    (site / "b" / "b.yaml").write_text(MAPPING.format("b") + roster.format("data/staff.txt"))
    (site / "c" / "c.yaml").write_text(MAPPING.format("c") + roster.format("{source: hr, file: staff.lst}"))
    (site / "hr").mkdir()
    settings = (site / "syncd.yaml").read_text().replace("c: c", "c: c/c.yaml")
    (site / "syncd.yaml").write_text(settings + "sources: {hr: hr}\n")
    turned.turn(RELOAD)
    watched = turned.daemon._watched()
    assert site / "b" / "data" / "staff.txt" in watched["b"]
    assert site / "hr" / "staff.lst" in watched["c"]
    (site / "b" / "b.yaml").write_text(BROKEN)
    turned.turn(RELOAD)
    assert site / "b" / "data" / "staff.txt" in turned.daemon._watched()["b"]


# --- asks ------------------------------------------------------------------------------------------


def test_what_the_store_does_not_take_is_asked_for_again_each(turned):
    turned.away = {"a", "b", "c"}
    turned.daemon._files_changed({"a", "b", "c"})
    turned.turn(CHANGED, "")
    turned.away = set()
    turned.asked.clear()
    turned.turn("", "")
    assert sorted(turned.asked) == [(name, Trigger.EVENT) for name in "abc"]


def test_what_a_signal_wants_is_asked_for_again(turned):
    turned.away = {"a", "b", "c"}
    turned.turn(NOW)
    turned.away, turned.asked = set(), []
    turned.turn("")
    assert sorted(turned.asked) == [(name, Trigger.SYNC) for name in "abc"]


def test_what_is_due_is_asked_for_again(turned):
    turned.away = {"a"}
    turned.daemon._clock._due("a")
    turned.away, turned.asked = set(), []
    turned.turn("", "")
    assert turned.asked == [("a", Trigger.SCHEDULE)]


def test_times_that_the_store_kept_from_being_planned_are_planned_at_a_later_beat(turned, monkeypatch):
    plan = Mock(side_effect=[AWAY, AWAY, None])
    monkeypatch.setattr(turned.daemon._clock, "plan", plan)
    turned.turn(RELOAD, "", "", "")
    assert plan.call_count == 3


def test_one_ask_that_fails_ends_those_of_a_turn_and_goes_behind_the_others():
    asked, away = [], {"b"}

    def ask(name, trigger):
        asked.append(name)
        if name in away:
            raise AWAY
        return True

    asks = Asks(ask)
    asks.keep("abc", Trigger.SCHEDULE)
    asks.go_on()
    assert asked == ["a", "b"]
    asks.go_on()
    assert asked == ["a", "b", "c", "b"]


def test_the_most_urgent_trigger_is_kept():
    ask = Mock(return_value=True)
    asks = Asks(ask)
    for trigger in (Trigger.EVENT, Trigger.SYNC, Trigger.SCHEDULE):
        asks.keep("a", trigger)
    asks.go_on()
    ask.assert_called_once_with("a", Trigger.SYNC)


# --- times -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [timedelta(), timedelta(days=2)], ids=["right at first", "ahead at first"])
def test_what_came_due_when_the_clock_was_set_is_asked_for_at_the_next_beat(monkeypatch, wrong):
    ahead = wrong

    class Now(datetime):
        @classmethod
        def now(cls, tz=None):
            return (datetime.now(UTC) + ahead).astimezone(tz)

    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", Now)
    monkeypatch.setattr(daemon_clock, "datetime", Now)
    due = datetime.now(UTC) + timedelta(minutes=30)
    rhythm = rhythm_of(f"{due.minute} {due.hour} * * *", "UTC")
    timing = SimpleNamespace(rhythm=lambda _name: rhythm, overdue=lambda *_: False)
    app = SimpleNamespace(timing=lambda: timing, close=lambda: None)
    settings = SimpleNamespace(mappings={"acme": 1})
    in_force = SimpleNamespace(settings=settings, newest=lambda: app, app=lambda: app)
    asked = threading.Event()
    clock = Clock(in_force, lambda _name, _trigger: asked.set() or True)
    try:
        clock.begin()
        assert not asked.wait(0.5)
        ahead = timedelta()
        clock.beat()
        assert not asked.wait(0.5)
        ahead = timedelta(hours=1)
        clock.beat()
        assert asked.wait(PATIENCE)
    finally:
        clock.stop()
