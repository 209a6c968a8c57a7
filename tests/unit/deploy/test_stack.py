"""What deploy/local says and decides, without any server running."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from deploy.local import packages, process, stack
from deploy.local.packages import Need, ensure
from deploy.local.process import ProcessId, free_port
from deploy.local.server import locked

if TYPE_CHECKING:
    from deploy.local.stack import Stack

REPOSITORY = Path(__file__).resolve().parents[3]
COMMANDS = ("tests/run", ".ci/run", "deploy/local/run", "deploy/local/status", "deploy/local/stop")
SERVED = Need("a server", "its-package", lambda: False)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_can_be_run_and_bash_understands_them(command: str) -> None:
    assert os.access(REPOSITORY / command, os.X_OK)
    assert subprocess.run(["bash", "-n", REPOSITORY / command], check=False).returncode == 0


def test_ci_calls_the_test_command_and_nothing_else() -> None:
    lines = (REPOSITORY / ".ci" / "run").read_text().splitlines()
    orders = [line for line in lines if line and not line.startswith("#")]
    assert orders == ["set -euo pipefail", 'exec "$(dirname "${BASH_SOURCE[0]}")/../tests/run"']


def test_missing_packages_are_named_where_nobody_may_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_as_root", lambda: None)
    with pytest.raises(SystemExit, match="apt-get install its-package"):
        ensure([SERVED])


def test_an_installation_that_leaves_something_missing_ends_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packages, "_as_root", lambda: ["true"])
    with pytest.raises(SystemExit, match=r"apt-get ended with 0; still missing: a server"):
        ensure([SERVED])


def test_nothing_is_installed_where_all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_as_root", lambda: pytest.fail("asked for root without need"))
    ensure([Need("a server", "its-package", lambda: True)])


def test_status_of_servers_that_do_not_run_is_a_failure(
    local_stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stack.status(local_stack) == 1
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["keycloak", "stopped"],
        ["slapd", "stopped"],
        ["mailsink", "stopped"],
    ]


def test_a_pid_that_another_process_has_by_now_is_not_taken_for_ours() -> None:
    me = ProcessId.of(os.getpid())
    assert me.alive()
    assert not ProcessId(me.number, me.born - 1).alive()


def test_a_dead_servers_pid_is_never_signalled_once_somebody_else_has_it(
    local_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = ProcessId.of(os.getpid())
    local_stack.slapd._remember(process={"pid": me.number, "born": me.born - 1, "since": 0})
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("signalled a process that is not ours"))
    local_stack.slapd.stop()
    assert local_stack.slapd.process() is None


def test_syncd_yaml_with_a_port_that_changed_is_put_aside(local_stack: Stack) -> None:
    settings = local_stack.home / "syncd.yaml"
    settings.write_text(f"{local_stack.keycloak.url} {local_stack.slapd.url}")
    stack._put_outdated_settings_aside(local_stack)
    assert settings.exists()

    settings.write_text("http://127.0.0.1:1")
    stack._put_outdated_settings_aside(local_stack)
    assert not settings.exists()
    assert (local_stack.home / "syncd.yaml.old").read_text() == "http://127.0.0.1:1"


def test_a_further_mapping_is_named_once_beside_what_syncd_yaml_says_already(local_stack: Stack) -> None:
    mappings = "mappings:\n  demo:\n    from: /demo\n"
    local_stack.settings.write_text(
        f"environment: production\nsmtp: {{host: 127.0.0.1, port: 1}}\n{mappings}"
    )
    for _ in range(2):
        local_stack.complete_settings(["dastra"])
        local_stack.complete_settings([])
    read = yaml.safe_load(local_stack.settings.read_text())
    assert read["environment"] == "production"
    assert read["smtp"]["port"] == local_stack.mail.smtp_port
    assert read["events"] == stack.EVENTS
    assert read["notify"]["mail"] == ["operator@demo.example"]
    assert read["mappings"]["demo"] == {"from": "/demo"}
    assert read["mappings"]["dastra"] == {
        "from": str(REPOSITORY / "mappings" / "dastra"),
        "set": {
            "ldap.base": local_stack.slapd.groups_dn,
            "ldap.people_base": local_stack.slapd.people_dn,
        },
    }
    assert local_stack.settings.read_text().count("dastra:") == 1


def test_what_run_says_at_its_end_leads_to_status_and_metrics(local_stack: Stack) -> None:
    local_stack.daemon.make_once()
    said = stack._addresses(local_stack, servers_only=False)
    port = local_stack.daemon.port("health")
    assert re.findall(r"syncd --config \S+ (\w+)$", said, re.MULTILINE) == ["plan", "status"]
    assert re.findall(r"http://\S+/(readyz|metrics)\b", said) == ["readyz", "metrics"]
    assert said.count(f"http://127.0.0.1:{port}/") == 2


def test_a_free_port_is_below_those_of_outgoing_connections_and_nobody_listens_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choice = process.random.choice
    with socket.create_server((process.LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        first = iter([taken])
        monkeypatch.setattr(process.random, "choice", lambda ports: next(first, 0) or choice(ports))
        port = free_port()
    assert port != taken
    assert 20_000 <= port < 32_000


def test_a_lock_is_held_against_other_processes(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        other = subprocess.run(["flock", "-n", tmp_path / "lock", "true"], check=False)
    assert other.returncode == 1
