"""The first plan of a mapping: free of limits once somebody said yes to it, held to all of them before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from syncd.app import App, connections, people
from syncd.cli.root import root
from syncd.errors import Unreachable
from syncd.model import Account, Key, Kind
from syncd.settings import load
from syncd.targets.memory import MemoryTarget
from tests.no_server import configure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from syncd.model import RunReport

ADMINS = ("ann", "ben", "cleo")
MAPPING = """syncd: 1
roles: {member: {}, admin: {inherits: [member], privileged: true}}
organizations:
  acme:
    members: {admin: [ann, ben, cleo]}
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryTarget:
    """Keycloak in memory, behind a configuration of which nothing was applied yet."""
    configure(tmp_path)
    (tmp_path / "acme.yaml").write_text(MAPPING, encoding="utf-8")
    accounts = [Account("keycloak", f"id-{name}", name, f"{name}@acme.example", True) for name in ADMINS]
    made = MemoryTarget("keycloak", marker="test/acme", accounts=accounts)
    monkeypatch.setattr(connections, "target", lambda *_, **__: made)
    return made


@pytest.fixture
def app(tmp_path: Path, server: MemoryTarget) -> Iterator[App]:
    assert server.writes == 0
    opened = App(load(tmp_path / "syncd.yaml"))
    opened.db_upgrade()
    yield opened
    opened.close()


def run(app: App, *, confirmed: bool) -> RunReport:
    return app.apply("acme", None, confirmed=confirmed, actor="ann")


def members(server: MemoryTarget) -> int:
    return sum(key.kind is Kind.MEMBER for key in server._facts)


def test_a_mapping_of_which_nobody_saw_a_plan_is_held_to_every_limit(app: App, server: MemoryTarget) -> None:
    report = run(app, confirmed=False)
    assert [stop.limit for stop in report.plan.stops] == ["privileged"]
    assert (report.exit_code, server.writes) == (3, 0)
    assert [plan.state for plan in app.plans()] == ["pending"]


def test_a_run_that_a_server_broke_off_says_so_in_the_history(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise Unreachable("keycloak", "the connection broke")

    monkeypatch.setattr(people, "advance", broken)
    with pytest.raises(Unreachable):
        run(app, confirmed=True)
    (row,) = app.runs()
    assert (row.exit_code, row.message, bool(row.finished)) == (4, "keycloak: the connection broke", True)


def test_whoever_looks_at_the_first_plan_may_go_beyond(app: App, server: MemoryTarget) -> None:
    assert not app.plan("acme").stops
    assert run(app, confirmed=True).exit_code == 0
    assert members(server) == len(ADMINS)


def test_sync_confirms_nothing_and_is_held_to_every_limit_too(
    app: App, server: MemoryTarget, tmp_path: Path
) -> None:
    app.close()
    done = CliRunner().invoke(root, ["--config", str(tmp_path / "syncd.yaml"), "sync", "acme"])
    assert (done.exit_code, server.writes) == (3, 0)
    assert "privileged" in done.output


def test_a_first_plan_that_was_approved_is_as_good_as_one_that_was_confirmed(
    app: App, server: MemoryTarget, tmp_path: Path
) -> None:
    run(app, confirmed=False)
    (kept,) = app.plans()
    app.approve(kept.id, "ann")
    assert run(app, confirmed=False).exit_code == 0
    assert members(server) == len(ADMINS)
    (tmp_path / "acme.yaml").write_text(MAPPING.replace(", cleo", ""), encoding="utf-8")
    assert not app.plan("acme").additive
    assert run(app, confirmed=False).exit_code == 0
    assert Key(Kind.MEMBER, ("acme", "admin"), ("id-cleo",)) not in server._facts
    assert members(server) == len(ADMINS) - 1
