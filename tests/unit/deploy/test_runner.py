"""tests/run: what it accepts, and that a failure or a run without tests can never look like a success."""

from __future__ import annotations

import argparse
from types import SimpleNamespace

import pytest

from tests import conftest, runner


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
