"""Runs by themselves wait while a mapping is paused or a maintenance window is open, and go on afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest

from syncd import daemon_runs, reconcile
from syncd.acts import Call
from syncd.app import App, connections, people
from syncd.app.in_force import InForce
from syncd.dispatch import Trigger
from syncd.model import Account, Result
from syncd.settings import load
from syncd.targets.memory import MemoryTarget
from tests.no_server import SETTINGS, configure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from syncd.dispatch import Again
    from syncd.model import RunReport
    from syncd.reasons import Reason

MAPPING = """syncd: 1
policy: {grants: {per_run: 100%, at_least: 100}}
roles: {member: {}}
organizations: {acme: {members: {member: [ann]}}, bell: {members: {member: [ann]}}}
"""
PRIVILEGED = MAPPING.replace("member: {}", "member: {privileged: true}")  # which a limit stops
ALWAYS = "maintenance: [{cron: '* * * * *', duration: PT2M}]\n"


class Server(MemoryTarget):
    """A Keycloak in memory; `meanwhile` happens at its first write."""

    def __init__(self) -> None:
        ann = Account("keycloak", "id-ann", "ann", "ann@acme.example", True)
        super().__init__("keycloak", marker="test/acme", accounts=[ann])
        self.meanwhile: Callable[[], Any] = lambda: None

    def apply(self, changes: Any, natives: Any) -> Any:
        for outcome in super().apply(changes, natives):
            meanwhile, self.meanwhile = self.meanwhile, lambda: None
            meanwhile()
            yield outcome


class Daemon:
    """The runs of a daemon, with what each left to tell and to do again."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.server = folder, server
        with self.app() as app:
            app.db_upgrade()
        self.files = InForce(folder / "syncd.yaml", lambda: False)
        self.metrics, self.told = Mock(), Mock()
        self.runs = daemon_runs.Runs(self.files, self.metrics, lambda: False, self.told, Mock())

    def app(self) -> Opened:
        return Opened(App(load(self.folder / "syncd.yaml")))

    def run(self) -> Again | None:
        return self.runs.run("acme", Trigger.SCHEDULE, 0)

    def pause(self, until: datetime | None = None) -> None:
        with self.app() as app:
            app.timing().pause("acme", "ann", until)

    def resume(self) -> None:
        with self.app() as app:
            assert app.timing().resume("acme", "ann")

    def called(self) -> list[str]:
        with self.app() as app:
            return list(app.called().values())

    def told_of(self) -> list[Reason]:
        return [call.args[2] for call in self.told.call_args_list if call.args[2] is not None]

    def reports(self) -> list[RunReport]:
        return [call.args[1] for call in self.metrics.report.call_args_list]

    def maintains(self, text: str) -> None:
        (self.folder / "syncd.yaml").write_text(SETTINGS.format(folder=self.folder) + text)
        assert self.files.reload()


class Opened:
    def __init__(self, app: App) -> None:
        self._app = app

    def __enter__(self) -> App:
        return self._app

    def __exit__(self, *_: object) -> None:
        self._app.close()


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """It writes change by change, and asks each time whether it may go on."""
    configure(tmp_path)
    (tmp_path / "acme.yaml").write_text(MAPPING, encoding="utf-8")
    server = Server()
    monkeypatch.setattr(connections, "target", lambda *_, **__: server)
    monkeypatch.setattr(reconcile, "WAVE", 1)
    monkeypatch.setattr(daemon_runs, "LOOK", 0.0)
    return Daemon(tmp_path, server)


# --- after a pause ------------------------------------------------------------------------------------


def test_what_was_due_in_a_pause_is_called_for_by_whoever_ends_it(daemon: Daemon) -> None:
    daemon.pause()
    assert (daemon.run(), daemon.called(), daemon.server.writes) == (None, [], 0)
    daemon.resume()
    assert daemon.called() == ["acme"]
    assert daemon.run() is None
    assert daemon.server.writes > 0
    assert daemon.called() == []


def test_a_pause_that_is_ended_before_its_end_is_not_waited_for(daemon: Daemon) -> None:
    until = datetime.now(UTC) + timedelta(days=3)
    daemon.pause(until)
    again = daemon.run()
    assert again is not None
    assert again.at == until
    daemon.resume()
    assert daemon.called() == ["acme"]


def test_whoever_pauses_anew_is_not_called_for_and_calls_do_not_pile_up(daemon: Daemon) -> None:
    for _ in range(3):
        daemon.pause()
        assert daemon.called() == []
        daemon.resume()
        assert daemon.called() == ["acme"]


def test_what_was_not_paused_is_called_for_by_nobody_who_resumes_it(daemon: Daemon) -> None:
    with daemon.app() as app:
        assert not app.timing().resume("acme", "ann")
    assert daemon.called() == []


@pytest.mark.parametrize("mode", ["simulate", "enforce"])
def test_one_run_answers_whoever_ended_a_pause_even_where_it_may_not_write(daemon: Daemon, mode: str) -> None:
    text = PRIVILEGED if mode == "enforce" else MAPPING.replace("policy: {", "policy: {mode: simulate, ")
    (daemon.folder / "acme.yaml").write_text(text, encoding="utf-8")
    daemon.pause()
    daemon.resume()
    with daemon.app() as app:
        app._db.acts.add(Call(people.new_id("c"), "acme", by="bo"))
    daemon.run()
    (report,) = daemon.reports()
    assert (report.exit_code, daemon.server.writes) == (3, 0)
    with daemon.app() as app:
        assert [call.by for call in app._db.acts.all(Call, "acme")] == ["bo"]


# --- in a run -----------------------------------------------------------------------------------------


def test_a_run_ends_where_its_mapping_is_paused_and_whoever_resumes_it_has_it_go_on(daemon: Daemon) -> None:
    daemon.server.meanwhile = daemon.pause
    assert daemon.run() is None
    (report,) = daemon.reports()
    assert report.count(Result.DONE) == daemon.server.writes == 1
    reasons = {one.detail for one in report.outcomes if one.result is Result.SKIPPED}
    assert reasons == {"the mapping was paused meanwhile; the next run does it"}
    assert daemon.told_of() == []
    daemon.resume()
    assert daemon.called() == ["acme"]
    daemon.run()
    assert daemon.reports()[-1].exit_code == 0


def test_a_run_ends_where_a_pause_with_an_end_begins_and_goes_on_then(daemon: Daemon) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    daemon.server.meanwhile = lambda: daemon.pause(until)
    again = daemon.run()
    assert again is not None
    assert (again.at, again.failures, daemon.server.writes) == (until, 0, 1)


def test_a_run_ends_where_a_maintenance_window_opens_and_goes_on_after_it(daemon: Daemon) -> None:
    daemon.server.meanwhile = lambda: daemon.maintains(ALWAYS)
    again = daemon.run()
    assert again is not None
    assert again.at > datetime.now(UTC)
    (report,) = daemon.reports()
    reasons = {one.detail for one in report.outcomes if one.result is Result.SKIPPED}
    assert reasons == {"a maintenance window opened; the next run does it"}
    assert daemon.server.writes == 1
    assert daemon.told_of() == []


def test_a_run_that_has_written_nothing_when_a_window_opens_begins_nothing_and_uses_up_no_approval(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    (daemon.folder / "acme.yaml").write_text(PRIVILEGED, encoding="utf-8")
    with daemon.app() as app:
        app.plan("acme", confirmed=False)
        app.approve(app.plans()[0].id, "ann")
    reads = daemon.server.read

    def read(scope: Any) -> Any:
        daemon.maintains(ALWAYS)
        return reads(scope)

    monkeypatch.setattr(daemon.server, "read", read)
    again = daemon.run()
    assert again is not None
    assert again.at > datetime.now(UTC)
    with daemon.app() as app:
        assert (app.runs(), daemon.server.writes) == ([], 0)
        assert [plan.state for plan in app.plans()] == ["approved"]
    assert daemon.told_of() == []


def test_a_run_by_hand_goes_on_through_a_pause_and_a_window(daemon: Daemon) -> None:
    def meanwhile() -> None:
        daemon.pause()
        daemon.maintains(ALWAYS)

    daemon.server.meanwhile = meanwhile
    with daemon.app() as app:
        assert app.apply("acme", None, confirmed=False, actor="ann").exit_code == 0


def test_whether_a_run_may_go_on_is_asked_of_the_store_every_few_seconds_at_most(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_runs, "LOOK", 3600.0)
    daemon.server.meanwhile = daemon.pause
    assert daemon.run() is None
    assert daemon.reports()[0].exit_code == 0
