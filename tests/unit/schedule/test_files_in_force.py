"""Which version of its files a mapping is run by, where files become invalid and several processes run it."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest

from syncd import reconcile
from syncd.app import App, connections
from syncd.app.in_force import InForce
from syncd.errors import MappingInvalid
from syncd.model import Account, Kind
from syncd.schedule import rhythm_of
from syncd.settings import load
from syncd.targets.memory import MemoryTarget
from tests.no_server import configure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAILY = rhythm_of(f"0 {(datetime.now(UTC).hour + 12) % 24} * * *", "UTC")  # not due while tests run
MAPPING = "syncd: 1\nroles: {{member: {{}}}}\norganizations: {{{name}: {{members: {{member: [ann]}}}}}}\n"
INVALID = "syncd: 1\nroles: [\n"


def realm() -> MemoryTarget:
    """One in which nobody made anything yet."""
    ann = Account("keycloak", "1", "ann", "ann@a.example", True)
    return MemoryTarget("keycloak", marker="test/acme", accounts=[ann])


class Keycloak:
    """A realm in memory and the folder of whoever runs the mapping."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.target = realm()

    def says(self, name: str) -> None:
        """The file names one organization, or nothing that can be used."""
        (self._folder / "acme.yaml").write_text(MAPPING.format(name=name) if name else INVALID)

    def app(self) -> App:
        return App(load(self._folder / "syncd.yaml"))

    def daemon(self) -> InForce:
        return InForce(self._folder / "syncd.yaml", lambda: False)

    @property
    def groups(self) -> set[str]:
        return {key.place[-1] for key in self.target._facts if key.kind is Kind.GROUP}


@pytest.fixture
def keycloak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keycloak:
    configure(tmp_path)
    made = Keycloak(tmp_path)
    monkeypatch.setattr(connections, "target", lambda *_, **__: made.target)
    made.says("acme")
    with closing(made.app()) as app:
        app.db_upgrade()
        app.apply("acme", app.plan("acme"), confirmed=True, actor="ann")
    return made


def runs(daemon: InForce) -> None:
    daemon.run("acme", "schedule")


def by_hand(keycloak: Keycloak) -> None:
    with closing(keycloak.app()) as app:
        app.apply("acme", app.plan("acme"), confirmed=True, actor="ann")


def elsewhere(keycloak: Keycloak) -> None:
    runs(keycloak.daemon())


def test_files_that_became_invalid_leave_the_last_valid_ones_in_force(keycloak: Keycloak) -> None:
    daemon = keycloak.daemon()
    runs(daemon)
    keycloak.says("")
    keycloak.target = realm()
    runs(daemon)
    assert "acme" in keycloak.groups
    assert daemon.standing("acme")


def test_valid_files_that_another_process_went_beyond_are_not_gone_back_to(keycloak: Keycloak) -> None:
    one, other = keycloak.daemon(), keycloak.daemon()
    runs(one)
    keycloak.says("bell")
    runs(other)
    keycloak.says("")
    with pytest.raises(MappingInvalid):
        runs(one)
    assert not one.standing("acme")
    runs(other)
    assert "bell" in keycloak.groups
    keycloak.says("bell")
    runs(one)
    assert one.standing("acme")


@pytest.mark.parametrize("run", [by_hand, elsewhere])
def test_files_that_somebody_else_ran_are_in_force_here_too_where_they_were_read(
    keycloak: Keycloak, run: Callable[[Keycloak], None]
) -> None:
    daemon = keycloak.daemon()
    runs(daemon)
    keycloak.says("bell")
    assert daemon.judge("acme") is not None
    run(keycloak)
    keycloak.says("")
    keycloak.target = realm()
    runs(daemon)
    assert "bell" in keycloak.groups


def test_files_whose_only_run_was_broken_off_are_in_force(
    keycloak: Keycloak, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = keycloak.daemon()
    runs(daemon)
    keycloak.says("bell")
    with monkeypatch.context() as broken:
        broken.setattr(reconcile._Run, "go", Mock(side_effect=RuntimeError("a fault of ours")))
        with pytest.raises(RuntimeError):
            runs(daemon)
    keycloak.says("")
    runs(daemon)
    assert "bell" in keycloak.groups


@pytest.mark.parametrize(
    ("run", "overdue"), [(lambda _: None, True), (by_hand, False)], ids=["nobody ran it", "run by hand"]
)
def test_files_edited_while_no_daemon_ran_are_run_at_its_start(
    keycloak: Keycloak, run: Callable[[Keycloak], None], overdue: bool
) -> None:
    keycloak.says("bell")
    run(keycloak)
    with closing(keycloak.app()) as app:
        assert app.timing().overdue("acme", DAILY, datetime.now(UTC)) == overdue
