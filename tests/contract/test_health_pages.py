"""The pages of the daemon over HTTP, and `ask`, which reads them for `syncd status`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncd import health_asking, traffic
from syncd.errors import UsageError
from syncd.health import Check, Listener, Metrics, Pulse
from syncd.health_asking import ask

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def tally(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "_tally", type(traffic._tally)())


@pytest.fixture
def served(metrics: Metrics, tally: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(health_asking, "PATIENCE", 60.0)  # the machine may be busy
    checks = {"store": Check("ok"), "mapping acme": Check("warn", "acme.yaml:3:1: unknown key")}
    listener = Listener("127.0.0.1:0", Pulse(60), metrics, lambda: checks)
    listener.start()
    yield listener.url.removeprefix("http://")
    listener.stop()


def test_requests_are_told_by_connection_operation_and_answer(served, metrics):
    traffic.count("main", "GET", 200)
    traffic.count("main", "GET", 200)
    traffic.count("directory", "add", traffic.NO_ANSWER)
    count = {"target": "main", "op": "GET", "result": "200"}
    assert metrics.registry.get_sample_value("syncd_target_requests_total", count) == 2


def test_where_an_address_is_taken_the_remedy_is_one_that_syncd_yaml_allows(served, metrics):
    with pytest.raises(UsageError, match=f"listen.health: {served} cannot be listened on") as refused:
        Listener(served, Pulse(60), metrics, dict)
    assert refused.value.remedy == "name another address"


def test_a_daemon_tells_status_how_it_is(served, metrics):
    metrics.named("test", Path("/etc/syncd/syncd.yaml"))
    metrics.leader.set(1)
    metrics.queue.set(3)
    traffic.count("main", "GET", 200)
    found = ask(served, "/etc/syncd/syncd.yaml")
    assert found is not None
    assert (found.leader, found.queue) == (True, 3)
    assert found.problems == {"mapping acme": "acme.yaml:3:1: unknown key"}
    assert found.requests == (("main", "GET", "200", 1),)


def test_a_daemon_whose_queue_does_not_answer_is_told_of_all_the_same(served, metrics):
    metrics.named("test", Path("/etc/syncd/syncd.yaml"))
    metrics.queue.set(math.nan)
    found = ask(served, "/etc/syncd/syncd.yaml")
    assert (found is not None, found and found.queue) == (True, None)


def test_another_files_daemon_is_not_taken_for_ours(served, metrics):
    metrics.named("test", Path("/srv/other/syncd.yaml"))
    assert ask(served, "/etc/syncd/syncd.yaml") is None


def test_where_nothing_listens_there_is_no_daemon():
    assert ask("127.0.0.1:1", "/etc/syncd/syncd.yaml") is None
