"""Which runs of the history speak for a mapping: what is made up for, and when it succeeded last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from structlog.contextvars import get_contextvars

from syncd.app import App, connections, setup
from syncd.errors import Unreachable
from syncd.model import Account
from syncd.schedule import rhythm_of
from syncd.settings import load
from syncd.targets.memory import MemoryTarget
from tests.no_server import configure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DAILY = rhythm_of(f"0 {(datetime.now(UTC).hour + 12) % 24} * * *", "UTC")  # not due while tests run
MAPPING = """syncd: 1
roles: {member: {}}
organizations: {acme: {members: {member: [ann]}}, bell: {members: {member: [ann]}}}
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """A mapping over a Keycloak in memory, of which nothing was applied yet."""
    configure(tmp_path)
    (tmp_path / "acme.yaml").write_text(MAPPING, encoding="utf-8")
    made = MemoryTarget(
        "keycloak", marker="test/acme", accounts=[Account("keycloak", "1", "ann", "ann@a.example", True)]
    )
    monkeypatch.setattr(connections, "target", lambda *_, **__: made)
    opened = App(load(tmp_path / "syncd.yaml"))
    opened.db_upgrade()
    yield opened
    opened.close()


def fails(app: App) -> str:
    with app._db.lease("acme", "daemon", timedelta(minutes=2)):
        run = app._db.start_run("acme", "schedule", "daemon")
        app._db.finish_run(run, 4, "keycloak: no answer", {})
    return run


def applied(app: App, only: str | None = None, target: str | None = None) -> None:
    plan = app.plan("acme", only=only, target=target)
    assert app.apply("acme", plan, confirmed=True, actor="ann").exit_code == 0


def bootstrapped(app: App) -> None:
    setup._booked(app._db, "acme")([], list)


def overdue(app: App, now: datetime) -> bool:
    return app.timing().overdue("acme", DAILY, now)


@pytest.mark.parametrize(
    "act",
    [
        lambda app: applied(app, only="/acme"),
        lambda app: applied(app, target="keycloak"),
        lambda app: app.release("acme", "ann"),
        bootstrapped,
    ],
    ids=["--only", "--target", "release", "bootstrap"],
)
def test_what_is_no_run_of_the_whole_is_no_success_and_makes_up_for_nothing(
    app: App, act: Callable[[App], None]
) -> None:
    failed = fails(app)
    act(app)
    assert len(app.runs()) == 2
    assert (overdue(app, datetime.now(UTC)), app.last_success("acme")) == (True, None)
    assert app.superseded("acme", {"": failed}) == set()
    (row,) = app.status()
    assert row.last_success == ""


def test_a_run_of_the_whole_by_hand_makes_up_for_what_was_missed(app: App) -> None:
    fails(app)
    applied(app)
    now = datetime.now(UTC)
    success = app.last_success("acme")
    assert success is not None
    assert not overdue(app, now)
    assert overdue(app, now + timedelta(days=2))
    applied(app, only="/acme")
    assert app.last_success("acme") == success
    assert overdue(app, now + timedelta(days=2))


def test_a_success_is_remembered_however_many_runs_failed_since(app: App) -> None:
    applied(app)
    success = app.last_success("acme")
    for _ in range(25):
        fails(app)
    assert app.last_success("acme") == success is not None
    (row,) = app.status()
    assert row.last_success == success.isoformat()


@pytest.mark.parametrize("fault", [Unreachable("keycloak", "no answer"), RuntimeError("a fault of ours")])
def test_what_is_said_during_a_run_and_what_breaks_it_off_name_the_run(
    app: App, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    said = []

    def advance(_prepared: object) -> None:
        said.append(get_contextvars()["run"])
        raise fault

    monkeypatch.setattr(App, "_advance", lambda *_: advance)
    with pytest.raises(type(fault)) as broken_off:
        applied(app)
    (run,) = app.runs()
    assert said == [run.id]
    assert [getattr(broken_off.value, "run", ""), *getattr(broken_off.value, "__notes__", [])] in (
        [run.id],
        ["", f"in run {run.id}"],
    )
    assert "run" not in get_contextvars()
