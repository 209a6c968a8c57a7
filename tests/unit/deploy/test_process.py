"""How local servers are started, awaited and given ports, with processes that do next to nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.local import process
from deploy.local.process import ServerFailed, await_ready, end, free_port, launch

REPOSITORY = Path(__file__).resolve().parents[3]
TRY = "import sys; from deploy.local import process; sys.exit(not process._take(int(sys.argv[1])))"


def other_gets(port: int) -> bool:
    """Whether another process can be given the port."""
    return not subprocess.run([sys.executable, "-c", TRY, str(port)], cwd=REPOSITORY, check=False).returncode


def test_a_port_is_given_to_nobody_else_before_its_server_listens_on_it(monkeypatch) -> None:
    port = free_port()
    assert not process._take(port)
    assert not other_gets(port)
    monkeypatch.setattr(process, "PORTS", range(port, port + 1))
    with pytest.raises(ServerFailed, match="no free port"):
        free_port()


def test_a_port_can_be_given_again_once_nobody_lives_who_was_given_it() -> None:
    port = 100_000 + os.getpid()  # above all ports, so that nobody else is given it meanwhile
    assert other_gets(port)
    assert other_gets(port)


def test_a_server_that_was_ready_is_not_asked_again_whether_it_is(tmp_path: Path) -> None:
    answers = iter([False, True])
    server = launch(["sleep", "600"], log=tmp_path / "log")
    try:
        await_ready("sleep", server, lambda: next(answers), log=tmp_path / "log", seconds=60)
    finally:
        end(server, patience=60)


def test_a_server_that_ends_by_itself_while_it_is_told_to_has_ended(tmp_path: Path, monkeypatch) -> None:
    server = launch(["sleep", "600"], log=tmp_path / "log")
    kill = process.os.kill

    def too_late(number: int, how: int) -> None:
        kill(number, how)
        while server.alive():
            time.sleep(0.01)
        kill(number, how)

    monkeypatch.setattr(process.os, "kill", too_late)
    end(server, patience=60)
    assert not server.alive()
