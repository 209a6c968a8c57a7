"""The daemon on real servers: it repairs, keeps what was valid, ends when told, and survives being killed."""

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
from typing import TYPE_CHECKING, Any

import pytest

from tests.system.site import REPOSITORY, kept_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.system.site import Site

pytestmark = pytest.mark.live

PATIENCE = 300  # seconds for what takes one or two; a busy machine is no fault of the daemon
KILLER = Path(__file__).with_name("killer.py")
NEVER = "schedule: {cron: '0 0 1 1 *', timezone: UTC}\n"  # so that only events and what was missed start runs
PLATFORM = "/acme/dsi/platform/member"


def eventually(met: Callable[[], Any]) -> Any:
    """What `met` answers as soon as that is true; the wait is a bound, not a figure."""
    limit = time.monotonic() + PATIENCE
    while not (found := met()):
        assert time.monotonic() < limit, "not met in time"
        time.sleep(0.2)
    return found


class Serving:
    """A daemon that was started, and what it says of itself in a log of its own."""

    def __init__(self, site: Site, program: list[str] | None = None) -> None:
        self.log = site.folder / f"daemon-{len(list(site.folder.glob('daemon-*.log')))}.log"
        address = f"127.0.0.1:{kept_port(self)}"
        self.url = f"http://{address}"
        environment = {"PYTHONPATH": str(REPOSITORY), "SYNCD_LISTEN__HEALTH": address}
        with self.log.open("xb") as log:
            self.process = subprocess.Popen(
                program or site.command("daemon"),
                cwd=site.folder,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
            )

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            assert self.process.poll() is None, self.log.read_text()
            return 0, ""

    def checks(self) -> dict[str, dict[str, str]]:
        return json.loads(self.get("/readyz")[1])["checks"]

    def records(self, event: str) -> list[dict[str, Any]]:
        """Those of its log with this event, as far as whole lines are there."""
        whole = self.log.read_bytes().rpartition(b"\n")[0].decode().split("\n")
        lines = [json.loads(line) for line in whole if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        self.signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def await_kill(self) -> None:
        """Ask for a run, in which it is killed; the one that it begins with may have done for it by then."""
        try:
            eventually(lambda: self.records("ready") or self.process.poll() is not None)
            self.signal(signal.SIGUSR1)
            assert self.process.wait(PATIENCE) == -signal.SIGKILL
        finally:
            self.process.kill()
            self.process.wait()


@contextmanager
def serving(site: Site, program: list[str] | None = None) -> Iterator[Serving]:
    daemon = Serving(site, program)
    try:
        eventually(lambda: daemon.get("/healthz")[0] == 200)
        yield daemon
    finally:
        if daemon.process.poll() is None:
            daemon.process.kill()
        daemon.process.wait()


@pytest.fixture
def quiet(site: Site) -> Site:
    """Applied once, and due once a year."""
    site.config.write_text(site.config.read_text() + NEVER)
    site.apply().ok()
    return site


def members(site: Site, group: str = PLATFORM) -> list[str]:
    return site.groups()[group]["members"]


def test_edited_files_and_drift_become_true_again_and_sigterm_ends_it(quiet):
    ldap_group = next(dn for dn in quiet.entries() if dn.startswith("cn=member,ou=platform"))
    with serving(quiet) as daemon:
        before = members(quiet)
        quiet.edit(
            "carla.cid@acme.example, dan.duval@acme.example", "dan.duval@acme.example, kay.kerr@acme.example"
        )
        eventually(lambda: members(quiet) != before and len(members(quiet)) == 2)
        eventually(lambda: daemon.records("run"))  # the directory is done with too
        wanted, in_ldap = members(quiet), quiet.members(ldap_group)
        assert any("kay" in name for name in wanted)
        assert any("kay" in name for name in in_ldap)

        group = quiet.groups()[PLATFORM]["id"]
        gone = quiet.admin("GET", f"groups/{group}/members")[0]["id"]
        quiet.admin("DELETE", f"users/{gone}/groups/{group}")
        quiet.ldap(f"dn: {ldap_group}\nchangetype: delete\n")
        daemon.signal(signal.SIGUSR1)
        eventually(lambda: ldap_group in quiet.entries() and quiet.members(ldap_group) == in_ldap)
        eventually(lambda: members(quiet) == wanted)
        eventually(lambda: daemon.checks()["last run of acme"] == {"status": "ok", "detail": ""})
        assert all(record["run"] for record in daemon.records("run"))
        _, metrics = daemon.get("/metrics")
        assert 'syncd_runs_total{mapping="acme",result="0"}' in metrics
        assert 'syncd_last_success_timestamp_seconds{mapping="acme"}' in metrics
        assert daemon.end() == 0
    assert quiet.cli("plan", "acme", "--detailed-exitcode").code == 0


def test_invalid_files_leave_the_last_valid_ones_in_force_and_readiness_names_the_line(quiet):
    with serving(quiet) as daemon:
        daemon.signal(signal.SIGUSR1)
        eventually(lambda: daemon.records("run"))
        good, before = quiet.mapping.read_text(), members(quiet)
        quiet.edit("        title: Information systems\n", "        titel: Information systems\n")
        problem = eventually(lambda: daemon.checks()["mapping acme"]["detail"])
        line = good.splitlines().index("        title: Information systems") + 1
        assert f"acme.yaml:{line}:" in problem
        assert daemon.get("/readyz")[0] == 200

        group = quiet.groups()[PLATFORM]["id"]
        gone = quiet.admin("GET", f"groups/{group}/members")[0]["id"]
        quiet.admin("DELETE", f"users/{gone}/groups/{group}")
        daemon.signal(signal.SIGUSR1)
        eventually(lambda: members(quiet) == before)

        settings = quiet.config.read_text()
        quiet.configure(settings + "maintenence: []\n")
        daemon.signal(signal.SIGHUP)
        assert "syncd.yaml:" in eventually(lambda: daemon.checks()["settings"]["detail"])
        quiet.configure(settings)
        quiet.write(good)
        eventually(lambda: all(one["status"] == "ok" for one in daemon.checks().values()))
        assert daemon.end() == 0


def test_where_no_file_has_been_valid_since_the_start_nothing_is_written(quiet):
    quiet.edit("        title: Information systems\n", "        titel: Information systems\n")
    before = quiet.snapshot()
    with serving(quiet) as daemon:
        assert daemon.get("/readyz")[0] == 503
        assert "acme.yaml:" in daemon.checks()["mapping acme"]["detail"]
        eventually(lambda: daemon.records("no run"))  # that it begins with
        daemon.signal(signal.SIGUSR1)
        eventually(lambda: len(daemon.records("no run")) > 1)
        assert quiet.snapshot() == before
        assert daemon.end() == 0


def test_a_second_daemon_on_the_store_is_refused(quiet):
    with serving(quiet) as daemon:
        second = quiet.cli("daemon")
        assert second.code == 75
        assert str(daemon.process.pid) in second.err
        assert daemon.end() == 0


def test_a_paused_mapping_is_left_alone_until_it_is_resumed(quiet):
    quiet.cli("pause", "acme").ok()
    with serving(quiet) as daemon:
        before = members(quiet)
        quiet.edit("carla.cid@acme.example, dan.duval@acme.example", "dan.duval@acme.example")
        eventually(lambda: daemon.records("paused"))
        daemon.signal(signal.SIGUSR1)
        eventually(lambda: len(daemon.records("paused")) > 1)  # the first one is over
        assert members(quiet) == before
        quiet.cli("resume", "acme").ok()
        eventually(lambda: len(members(quiet)) == 1)
        assert daemon.end() == 0


def test_killed_in_a_run_the_next_daemon_makes_it_true_at_once(quiet):
    quiet.edit(
        "carla.cid@acme.example, dan.duval@acme.example", "dan.duval@acme.example, kay.kerr@acme.example"
    )
    program = [sys.executable, str(KILLER), "2", "after", *quiet.command("daemon")[3:]]
    Serving(quiet, program).await_kill()
    with serving(quiet) as daemon:
        eventually(lambda: daemon.checks()["last run of acme"] == {"status": "ok", "detail": ""})
        assert daemon.end() == 0
    assert quiet.cli("plan", "acme", "--detailed-exitcode").code == 0
