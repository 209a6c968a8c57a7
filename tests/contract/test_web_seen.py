"""Processes that only answer requests of people: what they tell machines of themselves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.local.process import free_port
from syncd.app import App
from syncd.app.setup import write_integrity_key

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 60  # seconds for what takes two; a busy machine is no fault of ours
SETTINGS = """environment: test
integrity_key: {file: syncd.key}
public_url: https://join.acme.example
mappings: {acme: acme.yaml}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a store and a mapping; no server is asked."""
    monkeypatch.chdir(tmp_path)
    write_integrity_key(tmp_path / "syncd.key")
    (tmp_path / "syncd.yaml").write_text(SETTINGS)
    (tmp_path / "acme.yaml").write_text("syncd: 1\norganizations: {acme: {}}\n")
    app = App.open(tmp_path / "syncd.yaml")
    app.db_upgrade()
    app.close()
    return tmp_path


@contextmanager
def serving(folder: Path, role: str, people: int, health: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the role that answers people; its end is part of the test."""
    address = {"web": "SYNCD_LISTEN__WEB", "public": "SYNCD_LISTEN__PUBLIC"}[role]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "syncd.cli", "--config", "syncd.yaml", "daemon", "--role", role],
            cwd=folder,
            stdout=log,
            stderr=log,
            env={
                **os.environ,
                "PYTHONPATH": str(REPOSITORY),
                address: f"127.0.0.1:{people}",
                "SYNCD_LISTEN__HEALTH": f"127.0.0.1:{health}",
            },
        )
    try:
        limit = time.monotonic() + PATIENCE
        while not get(people, "/")[0]:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < limit
            time.sleep(0.1)
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def get(port: int, path: str) -> tuple[int, str]:
    """Code and body; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def counted(health: int) -> set[str]:
    """The lines of the requests that were counted."""
    lines = get(health, "/metrics")[1].splitlines()
    return {line for line in lines if line.startswith("syncd_web_requests_total{")}


def test_the_api_is_seen_and_requests_are_counted_by_route_and_answer(folder: Path) -> None:
    people, health = free_port(), free_port()
    with serving(folder, "web", people, health):
        assert get(health, "/healthz")[0] == 200
        status, said = get(health, "/readyz")
        assert (status, json.loads(said)["status"]) == (200, "ok")
        assert json.loads(said)["checks"].keys() == {"settings", "store"}
        assert get(people, "/nobody/ann.ashe@acme.example")[0] == 404
        assert get(people, "/healthz")[0] == 200
        limit = time.monotonic() + PATIENCE
        answered = 'syncd_web_requests_total{route="/healthz",status="200"} 1.0'
        while answered not in (found := counted(health)):  # it is counted after it was answered
            assert time.monotonic() < limit, found
        assert any(line.startswith('syncd_web_requests_total{route="none",status="404"}') for line in found)
        told = get(health, "/metrics")[1]
        assert "ann.ashe" not in told
        assert 'syncd_web_info{environment="test",role="web",' in told
        (folder / "syncd.db").rename(folder / "gone.db")
        assert get(health, "/readyz")[0] == 503


def test_whoever_comes_too_often_to_the_public_page_is_counted(folder: Path) -> None:
    people, health = free_port(), free_port()
    with serving(folder, "public", people, health):
        answers = [get(people, f"/join/{'x' * 43}")[0] for _ in range(25)]
        assert 429 in answers
        found = [line for line in counted(health) if 'route="/join/{token}",status="429"' in line]
        assert [line.rpartition(" ")[2] for line in found] == [f"{answers.count(429)}.0"]


def test_the_public_page_tells_machines_how_it_is_on_the_health_address_alone(folder: Path) -> None:
    people, health = free_port(), free_port()
    with serving(folder, "public", people, health):
        assert get(health, "/healthz")[0] == 200
        assert get(health, "/readyz")[0] == 200
        assert get(people, "/healthz")[0] == 404
        (folder / "syncd.db").rename(folder / "gone.db")
        assert get(health, "/readyz")[0] == 503


def test_people_are_answered_where_another_process_has_the_health_address(folder: Path) -> None:
    health = free_port()
    with serving(folder, "web", free_port(), health), serving(folder, "public", free_port(), health):
        assert 'role="web"' in get(health, "/metrics")[1]
    assert "no health and no metrics of this process" in (folder / "log").read_text()
