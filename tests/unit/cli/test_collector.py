"""Every command runs with a collector of cycles that looks seldom."""

import gc

import pytest

from syncd import cli
from syncd.collector import THRESHOLDS


def test_a_command_has_python_look_for_cycles_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    before, seen = gc.get_threshold(), []
    monkeypatch.setattr(cli.root, "main", lambda **_: seen.append(gc.get_threshold()))
    try:
        cli.main()
    finally:
        gc.set_threshold(*before)
    assert seen == [THRESHOLDS] != [before]
    assert gc.isenabled()
