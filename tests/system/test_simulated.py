"""A mapping that is only simulated: a daemon plans it when it is due, keeps the plan, and touches nothing."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.system.test_daemon import NEVER, eventually, serving
from tests.system.test_daemon_trouble import ADDRESS, INVITING

if TYPE_CHECKING:
    from deploy.local.servers import MailSink
    from tests.system.site import Site

pytestmark = pytest.mark.live

SIMULATED = "    policy: {mode: simulate}\n"


@pytest.fixture
def simulated(site: Site, mail_sink: MailSink) -> Site:
    """Never applied; its mapping would make groups and entries, and invite somebody."""
    site.mail_into(mail_sink)
    site.write(INVITING)
    site.config.write_text(site.config.read_text().replace("    set:\n", SIMULATED + "    set:\n") + NEVER)
    return site


def test_plans_are_kept_and_nothing_is_written_or_mailed_until_it_is_enforced(
    simulated: Site, mail_sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = simulated.snapshot()
    with serving(simulated) as daemon:
        monkeypatch.setenv("SYNCD_LISTEN__HEALTH", daemon.url.removeprefix("http://"))
        eventually(lambda: daemon.records("run"))
        assert (simulated.snapshot(), mail_sink.messages()) == (before, [])
        (kept,) = simulated.cli("--output", "json", "plans", "list").ok().json["plans"]
        shown = simulated.cli("--output", "json", "plans", "show", kept["id"]).ok().json
        assert kept["state"] == "pending"
        assert {part["target"] for part in shown["plans"]} == {"keycloak", "ldap"}
        assert shown["totals"]["changes"] > 0
        assert shown["mode"] == "simulate"
        status = simulated.cli("status").ok().out
        assert "policy.mode is simulate: nothing is written" in status
        eventually(lambda: 'syncd_simulated{mapping="acme"} 1.0' in daemon.get("/metrics")[1])
        assert daemon.get("/readyz")[0] == 200
        daemon.signal(signal.SIGUSR1)
        eventually(lambda: len(daemon.records("run")) > 1)
        assert len(simulated.cli("--output", "json", "plans", "list").ok().json["plans"]) == 1
        assert "policy.mode is simulate" in simulated.cli("plan", "acme").ok().out
        assert simulated.cli("apply", "acme", "--yes").code == 3
        assert (simulated.snapshot(), mail_sink.messages()) == (before, [])

        simulated.configure(simulated.config.read_text().replace(SIMULATED, ""))
        eventually(lambda: daemon.checks()["last run of acme"] == {"status": "ok", "detail": ""})
        assert 'syncd_simulated{mapping="acme"} 0.0' in daemon.get("/metrics")[1]
        assert daemon.end() == 0
    assert "/acme/platform/member" in simulated.groups()
    assert [mail["to"] for mail in mail_sink.messages()] == [[ADDRESS]]
