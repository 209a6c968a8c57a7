"""The unit that is shipped: systemd takes it, and it says what the daemon does."""

from __future__ import annotations

import re
import subprocess
import sys
from configparser import RawConfigParser

import pytest

from deploy.local.packages import TESTS
from deploy.local.stack import REPOSITORY

UNIT = REPOSITORY / "deploy" / "systemd" / "syncd.service"


@pytest.fixture
def installed(tmp_path):
    """The unit as on a machine on which syncd is installed, which this one is not."""
    file = tmp_path / "syncd.service"
    file.write_text(UNIT.read_text().replace("/opt/syncd/bin/syncd", sys.executable))
    return file


def test_systemd_analyze_is_among_what_the_tests_need():
    assert any("systemd" in need.what and need.met() for need in TESTS)


def test_systemd_has_nothing_to_say_against_the_unit(installed):
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", installed], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_unit_is_shut_in_as_far_as_systemd_can_tell(installed):
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", installed],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_watched_reloaded_by_a_signal_and_not_started_again_in_vain():
    unit = RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read_string(UNIT.read_text())
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert service["ExecReload"] == "kill -HUP $MAINPID"
    assert int(service["WatchdogSec"]) > 20
    assert {"65", "75"} <= set(service["RestartPreventExitStatus"].split())


@pytest.fixture(params=["en/operate.md", "fr/exploitation.md"])
def recipe(request, tmp_path):
    """The units that a page shows for runs on a schedule, each in the file that the page names."""
    page = (REPOSITORY / "docs" / request.param).read_text("utf-8")
    (block,) = (text for text in re.findall(r"```text\n(.*?)```", page, re.DOTALL) if "[Timer]" in text)
    named = re.split(r"^# /etc/systemd/system/(\S+)\n", block, flags=re.MULTILINE)[1:]
    files = {tmp_path / name: text for name, text in zip(named[::2], named[1::2], strict=True)}
    for file, text in files.items():
        file.write_text(text.replace("/opt/syncd/bin/syncd", sys.executable))
    return files


def test_systemd_has_nothing_to_say_against_the_recipe_for_runs_on_a_schedule(recipe):
    assert sorted(file.name for file in recipe) == ["syncd-sync.service", "syncd-sync.timer"]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *recipe], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_run_on_a_schedule_has_the_account_the_settings_and_the_secrets_of_the_daemon(recipe):
    service = next(text for file, text in recipe.items() if file.suffix == ".service").splitlines()
    shared = ("User=", "Group=", "Environment=SYNCD_", "LoadCredential=", "StateDirectory", "UMask=")
    of_the_daemon = [line for line in UNIT.read_text().splitlines() if line.startswith(shared)]
    assert [line for line in service if line.startswith(shared)] == of_the_daemon
    assert "ExecStart=/opt/syncd/bin/syncd --quiet --output json sync" in service
