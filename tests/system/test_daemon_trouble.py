"""The daemon where something comes between: the end, a window, a server that is away, kill -9 at a mail."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.system.test_daemon import KILLER, NEVER, PATIENCE, Serving, eventually, serving

if TYPE_CHECKING:
    from deploy.local.servers import MailSink, Slapd
    from tests.system.site import Site

pytestmark = pytest.mark.live

HELD = Path(__file__).with_name("held.py")
ADDRESS = "nia.novak@acme.example"
INVITING = f"""\
syncd: 1
people:
  {ADDRESS}: {{given_name: Nia, family_name: Novak}}
invitations: {{unknown: invite, channels: {{email: {{valid_for: P10D}}}}}}
organizations:
  acme:
    teams:
      platform:
        members:
          member: [{ADDRESS}]
"""


@pytest.fixture
def new(site: Site) -> Site:
    """Never applied, so that a daemon runs at once, by its schedule; due once a year from then on.

    Nobody confirms what it does first, so its own policy must let so many people in.
    """
    site.config.write_text(site.config.read_text() + NEVER)
    site.write(site.mapping.read_text() + "policy: {grants: {at_least: 50}}\n")
    return site


def test_the_end_comes_between_two_waves_and_the_next_daemon_does_the_rest(new: Site) -> None:
    with serving(new, [sys.executable, str(HELD), "2", *new.command("daemon")[3:]]) as held:
        eventually(new.groups)
        assert held.end() == 0
    (run,) = held.records("run")
    assert 0 < len(new.groups()) < 7
    assert run["exit_code"] == 1
    with serving(new) as daemon:
        eventually(lambda: daemon.checks()["last run of acme"] == {"status": "ok", "detail": ""})
        assert len(new.groups()) > 7
        assert daemon.end() == 0
    assert new.cli("plan", "acme", "--detailed-exitcode").code == 0


def test_nothing_is_written_in_a_maintenance_window(new: Site) -> None:
    settings = new.config.read_text()
    new.config.write_text(settings + "maintenance: [{cron: '* * * * *', duration: PT2M}]\n")
    before = new.snapshot()
    with serving(new) as daemon:
        eventually(lambda: daemon.records("maintenance: nothing is written"))
        daemon.signal(signal.SIGUSR1)
        eventually(lambda: len(daemon.records("maintenance: nothing is written")) > 1)
        assert new.snapshot() == before
        new.configure(settings)
        eventually(lambda: daemon.records("run"))
        assert daemon.end() == 0
    assert new.cli("plan", "acme", "--detailed-exitcode").code == 0


@pytest.mark.full
def test_a_server_that_was_away_is_tried_again_before_the_next_time(new: Site, slapd_server: Slapd) -> None:
    slapd_server.stop()
    with serving(new) as daemon:
        eventually(lambda: daemon.records("tried again"))
        assert [run["exit_code"] for run in daemon.records("run")] == [4]
        slapd_server.start()
        eventually(lambda: daemon.checks()["last run of acme"] == {"status": "ok", "detail": ""})
        assert daemon.end() == 0
    assert new.cli("plan", "acme", "--detailed-exitcode").code == 0


def test_killed_in_a_scheduled_run_as_the_mail_left_no_second_one_follows(
    new: Site, mail_sink: MailSink
) -> None:
    new.mail_into(mail_sink)
    new.write(INVITING)
    killed = Serving(new, [sys.executable, str(KILLER), "3", "after", *new.command("daemon")[3:]])
    assert killed.process.wait(PATIENCE) == -signal.SIGKILL
    assert [mail["to"] for mail in mail_sink.messages()] == [[ADDRESS]]
    with serving(new) as daemon:
        eventually(lambda: daemon.checks()["last run of acme"] == {"status": "ok", "detail": ""})
        daemon.signal(signal.SIGUSR1)
        eventually(lambda: len(daemon.records("run")) > 1)
        assert daemon.end() == 0
    assert [mail["to"] for mail in mail_sink.messages()] == [[ADDRESS]]
    assert "/acme/platform/member" in new.groups()
    assert new.cli("plan", "acme", "--detailed-exitcode").code == 0
