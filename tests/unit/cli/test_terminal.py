"""Progress, logs and speed: what goes to stderr, in which form, and when."""

import io
import json
import logging
import subprocess
import sys

import pytest
import structlog

from syncd.cli import logs, progress
from syncd.cli.session import Session


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A timer that goes off when it is told to."""

    def __init__(self, seconds, act) -> None:
        self.seconds, self.act = seconds, act
        self.done = ""

    def start(self) -> None:
        self.done = "started"

    def cancel(self) -> None:
        self.done = "cancelled"

    def join(self) -> None:
        self.done += " and joined"


@pytest.fixture
def timers(monkeypatch):
    made = []

    def make(seconds, act):
        made.append(Clock(seconds, act))
        return made[-1]

    monkeypatch.setattr(progress, "Timer", make)
    return made


def test_a_bar_appears_after_two_seconds_with_count_and_rate(monkeypatch, timers):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress.Bar("Applying [/acme]", wanted=True) as bar:
        bar(10, 200)
        assert terminal.getvalue() == ""
        assert timers[0].seconds == 2.0
        timers[0].act()
        bar(130, 200)
    assert "Applying [/acme]" in terminal.getvalue()
    assert "130/200" in terminal.getvalue()
    assert timers[0].done == "cancelled and joined"


def test_a_read_shows_how_long_it_takes_and_no_count(monkeypatch, timers):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress.reading(Session(), "acme"):
        timers[0].act()
    assert "Reading acme" in terminal.getvalue()
    assert "/?" not in terminal.getvalue()


def test_what_is_quick_shows_nothing(monkeypatch, timers):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress.Bar("Applying acme", wanted=True) as bar:
        bar(1, 1)
    assert timers[0].done == "cancelled and joined"
    assert terminal.getvalue() == ""


@pytest.mark.parametrize(("stream", "wanted"), [(io.StringIO(), True), (Terminal(), False)])
def test_there_is_no_bar_in_a_file_nor_when_quiet(monkeypatch, timers, stream, wanted):
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.Bar("Applying acme", wanted=wanted) as bar:
        bar(1, 2)
    assert timers == []
    assert stream.getvalue() == ""


@pytest.fixture
def logging_restored():
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], _ = before
    root.setLevel(before[1])
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_logs_in_a_file_are_json_with_the_run(logging_restored):
    stream = io.StringIO()
    logs.start(stream, quiet=False, colour=False)
    structlog.contextvars.bind_contextvars(run="r-1")
    structlog.get_logger("syncd.reconcile").info("claimed", changes=3)
    logging.getLogger("alembic").warning("from a library")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["run"], first["changes"], first["level"]) == ("claimed", "r-1", 3, "info")
    assert (second["event"], second["run"], second["level"]) == ("from a library", "r-1", "warning")


def test_logs_on_a_terminal_are_lines_for_people(logging_restored):
    terminal = Terminal()
    logs.start(terminal, quiet=False, colour=False)
    structlog.get_logger("syncd").warning("late", seconds=3)
    assert "late" in terminal.getvalue()
    assert "seconds=3" in terminal.getvalue()
    assert "\x1b" not in terminal.getvalue()


def test_quiet_keeps_warnings_only(logging_restored):
    stream = io.StringIO()
    logs.start(stream, quiet=True, colour=False)
    structlog.get_logger("syncd").info("noise")
    structlog.get_logger("syncd").warning("matters")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["matters"]


@pytest.mark.parametrize("args", [["--help"], ["plan", "--help"], ["init", "--help"]], ids=" ".join)
def test_help_loads_no_heavy_library(args):
    script = (
        "import sys\nfrom syncd.cli import root\n"
        f"try: root.main({args!r})\nexcept SystemExit: pass\n"
        "heavy = {'sqlalchemy', 'keycloak', 'ldap3', 'pydantic_settings', 'structlog', 'babel', 'alembic'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_the_module_runs_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "syncd.cli", "nonsense"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 64
    assert "nonsense" in done.stderr


def test_a_reader_that_goes_away_is_no_fault():
    script = f"{sys.executable} -m syncd.cli schema | head -c 10"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr == ""
