"""tests/run: what it accepts, and that a failure or a run without tests can never look like a success."""

from __future__ import annotations

import argparse
from shutil import which
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests import conftest, runner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_shard_is_k_of_n_within_bounds() -> None:
    assert runner._shard("3/40") == "3/40"
    for wrong in ("0/4", "5/4", "1/81", "1", "a/b", "1/0"):
        with pytest.raises(argparse.ArgumentTypeError):
            runner._shard(wrong)


def test_the_shards_together_are_every_test_once(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = [f"test {number}" for number in range(23)]
    seen: list[str] = []
    for number in range(1, 6):
        monkeypatch.setenv(runner.SHARD, f"{number}/5")
        items, left_out = list(everything), []
        hook = SimpleNamespace(pytest_deselected=lambda items, kept=left_out: kept.extend(items))
        conftest.pytest_collection_modifyitems(SimpleNamespace(hook=hook), items)
        assert sorted(items + left_out) == sorted(everything)
        seen += items
    assert sorted(seen) == sorted(everything)


@pytest.mark.parametrize("code", [1, 2, 5])
def test_whatever_pytest_ends_with_but_zero_is_a_failure(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setattr(runner.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=code))
    assert runner._report(runner._pytest("not full")) == 1


def test_a_failed_check_is_shown_with_its_output_and_fails_the_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert not runner._step("Sums", "sh", "-c", "echo two and two are five; exit 1")
    shown = capsys.readouterr().out
    assert "two and two are five" in shown
    assert "Sums: FAILED" in shown


def test_a_database_password_is_not_shown() -> None:
    shown = runner._without_password("postgresql+psycopg://syncd:s3cret@127.0.0.1:20001/postgres")
    assert shown == "postgresql+psycopg://syncd:…@127.0.0.1:20001/postgres"


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Container engines that note what they are asked; there is no other program but what the build calls."""

    def install(**answers: bool) -> Path:
        calls = tmp_path / "calls"
        programs = tmp_path / "programs"
        programs.mkdir()
        for name in ("env", "bash", "sh", "sed", "dirname", "grep"):
            (programs / name).symlink_to(which(name) or "")
        for name, answer in answers.items():
            program = programs / name
            program.write_text(
                f'#!/bin/sh\necho {name} $1 >> "{calls}"\necho uid=10001\nexit {int(not answer)}\n'
            )
            program.chmod(0o755)
        monkeypatch.setenv("PATH", str(programs))
        monkeypatch.delenv("ENGINE", raising=False)
        monkeypatch.chdir(runner.REPOSITORY)
        return calls

    return install


@pytest.mark.parametrize(
    ("answers", "chosen"),
    [
        ({"docker": True, "podman": True}, "docker"),
        ({"podman": True}, "podman"),
        ({"docker": False, "podman": True}, "podman"),
    ],
)
def test_images_are_built_by_the_first_engine_that_answers(
    engines: Callable[..., Path], answers: dict[str, bool], chosen: str
) -> None:
    calls = engines(**answers)
    assert runner._image() == []
    assert f"{chosen} build" in calls.read_text()
    assert {line.split()[0] for line in calls.read_text().splitlines() if "info" not in line} == {chosen}


def test_an_engine_that_is_named_is_the_only_one_that_is_tried(
    engines: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = engines(docker=True, podman=True)
    monkeypatch.setenv("ENGINE", "podman")
    assert runner._image() == []
    assert "docker" not in calls.read_text()


@pytest.mark.parametrize("answers", [{}, {"docker": False, "podman": False}])
def test_where_no_engine_answers_it_is_said_that_nobody_built_the_images(
    engines: Callable[..., Path], answers: dict[str, bool], capsys: pytest.CaptureFixture[str]
) -> None:
    engines(**answers)
    assert runner._image() == []
    assert "Images: not built" in capsys.readouterr().out


def test_an_image_that_cannot_be_built_fails_the_run(
    engines: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    engines(podman=True)
    monkeypatch.setattr(runner, "_step", lambda *_: False)
    assert runner._image() == ["Images"]
